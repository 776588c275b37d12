/*
 * Splits as text, and what crosses the borders of a stage.
 */
#include "split/split.h"

#include <stdio.h>
#include <string.h>

#include "split/split_int.h"

/* The kinds that have a number of pieces. */
static const struct {
    ff_split_kind kind;
    const char *name;
} NUMBERED[] = {
    {FF_SPLIT_BATCH, "batch"}, {FF_SPLIT_CHANNEL, "channel"}, {FF_SPLIT_REDUCE, "reduce"},
    {FF_SPLIT_PAIR, "pair"},   {FF_SPLIT_HEADS, "heads"},
};
#define NUMBERED_COUNT (sizeof NUMBERED / sizeof NUMBERED[0])

bool ff_split_divides(ff_split_kind kind)
{
    return kind == FF_SPLIT_CHANNEL || kind == FF_SPLIT_REDUCE || kind == FF_SPLIT_PAIR ||
           kind == FF_SPLIT_HEADS;
}

uint64_t ff_split_weights_most(uint64_t whole, uint64_t masks, int pieces)
{
    return (uint64_t)((double)whole * FF_SPLIT_WEIGHTS_MAX) +
           (uint64_t)FF_SPLIT_WEIGHTS_SMALL * (uint64_t)pieces + masks * (uint64_t)(pieces - 1);
}

uint64_t ff_split_weights_most_grid(uint64_t whole, uint64_t divided, int pieces)
{
    return (whole - divided) * (uint64_t)pieces + ff_split_weights_most(divided, 0, pieces);
}

const char *ff_split_text(const ff_split *split, char *text, size_t size)
{
    if (split->kind == FF_SPLIT_GRID) {
        snprintf(text, size, "grid %dx%d", split->rows, split->cols);
        return text;
    }
    for (size_t i = 0; i < NUMBERED_COUNT; i++) {
        if (NUMBERED[i].kind == split->kind) {
            snprintf(text, size, "%s %d", NUMBERED[i].name, split->rows);
            return text;
        }
    }
    snprintf(text, size, split->kind == FF_SPLIT_LOCAL ? "local" : "offload");
    return text;
}

/* A number from 1 to FF_MAX_TILES without sign or leading zero; NULL where there is none. */
static const char *parse_count(const char *text, int *out)
{
    int value = 0;
    if (*text < '1' || *text > '9') {
        return NULL;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (*text - '0');
        if (value > (int)FF_MAX_TILES) {
            return NULL;
        }
    }
    *out = value;
    return text;
}

/* "channel 4" and its like; false: it is none. */
static bool parse_numbered(const char *text, ff_split *split)
{
    for (size_t i = 0; i < NUMBERED_COUNT; i++) {
        size_t len = strlen(NUMBERED[i].name);
        int pieces = 0;
        if (strncmp(text, NUMBERED[i].name, len) == 0 && text[len] == ' ') {
            const char *end = parse_count(text + len + 1, &pieces);
            *split = (ff_split){NUMBERED[i].kind, pieces, 1};
            return end != NULL && *end == '\0' && pieces >= 2;
        }
    }
    return false;
}

ff_code ff_split_parse(const char *text, ff_split *split, ff_err *err)
{
    ff_split s = {.kind = FF_SPLIT_GRID};
    bool whole = strcmp(text, "local") == 0 || strcmp(text, "offload") == 0;
    if (whole) {
        *split = (ff_split){.kind = text[0] == 'l' ? FF_SPLIT_LOCAL : FF_SPLIT_OFFLOAD};
        return FF_OK;
    }
    if (parse_numbered(text, &s)) {
        *split = s;
        return FF_OK;
    }
    s = (ff_split){.kind = FF_SPLIT_GRID};
    const char *at = strncmp(text, "grid ", 5) == 0 ? parse_count(text + 5, &s.rows) : NULL;
    at = at != NULL && *at == 'x' ? parse_count(at + 1, &s.cols) : NULL;
    if (at == NULL || *at != '\0') {
        return ff_err_set(
            err, FF_USAGE,
            "expected 'local', 'offload', 'grid RxC' (rows and columns from 1 to %u), "
            "or 'batch', 'channel', 'reduce', 'pair' or 'heads' with a number of "
            "pieces from 2 to %u, found '%.100s'",
            FF_MAX_TILES, FF_MAX_TILES, text);
    }
    if (s.rows * s.cols > (int)FF_MAX_TILES) {
        return ff_err_set(err, FF_USAGE, "a stage has at most %u pieces, '%s' has %d", FF_MAX_TILES,
                          text, s.rows * s.cols);
    }
    *split = s;
    return FF_OK;
}

int ff_split_count(const ff_split *split)
{
    bool whole = split->kind == FF_SPLIT_LOCAL || split->kind == FF_SPLIT_OFFLOAD;
    return whole ? 1 : split->kind == FF_SPLIT_GRID ? split->rows * split->cols : split->rows;
}

int ff_node_reads(const ff_node *node)
{
    return node->in_count + node->captured_count;
}

int ff_node_read_at(const ff_node *node, int i)
{
    return i < node->in_count ? node->in[i] : node->captured[i - node->in_count];
}

static bool made_inside(const ff_graph *g, int v, int begin, int end)
{
    int p = g->values[v].producer;
    return p != FF_NO_NODE && p >= begin && p < end;
}

static bool read_outside(const ff_graph *g, int v, int begin, int end)
{
    const int *list;
    int count = ff_graph_readers(g, v, &list);
    for (int i = 0; i < count; i++) {
        if (list[i] < begin || list[i] >= end) {
            return true;
        }
    }
    return ff_graph_is_output(g, v);
}

typedef struct list {
    int *item;
    int count, room;
} list;

static void list_add(list *l, int item)
{
    if (l->count == l->room) {
        int room = l->room == 0 ? 8 : l->room * 2;
        l->item = ff_mem_must_grow(l->item, (size_t)l->room, (size_t)room, sizeof *l->item);
        l->room = room;
    }
    l->item[l->count++] = item;
}

void ff_stage_borders(const ff_graph *g, int begin, int end, int **in, int *in_count, int **out,
                      int *out_count)
{
    list ins = {0}, outs = {0};
    uint8_t *seen = ff_mem_must((size_t)g->value_count + 1);
    for (int n = begin; n < end; n++) {
        const ff_node *node = &g->nodes[n];
        for (int i = 0; i < ff_node_reads(node); i++) {
            int v = ff_node_read_at(node, i);
            if (v == FF_NO_VALUE || seen[v] != 0 || g->values[v].kind == FF_VALUE_WEIGHT ||
                made_inside(g, v, begin, end)) {
                continue;
            }
            seen[v] = 1;
            list_add(&ins, v);
        }
        for (int k = 0; k < node->out_count; k++) {
            if (node->out[k] != FF_NO_VALUE && read_outside(g, node->out[k], begin, end)) {
                list_add(&outs, node->out[k]);
            }
        }
    }
    ff_mem_free(seen);
    *in = ins.item;
    *in_count = ins.count;
    *out = outs.item;
    *out_count = outs.count;
}

void ff_pieces_clean(ff_pieces *pieces)
{
    for (int i = 0; i < pieces->count; i++) {
        ff_graph_free(pieces->piece[i].graph);
        ff_mem_free(pieces->piece[i].in);
        ff_mem_free(pieces->piece[i].out);
    }
    ff_mem_free(pieces->piece);
    *pieces = (ff_pieces){0};
}
