/* Cases: small models to be timed, and those that are parts of given models. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "measure/measure_int.h"

#define KEY_BYTES 8192

void ff_cases_add(ff_cases *cases, ff_graph *graph, int base)
{
    if (cases->count == cases->room) {
        int room = cases->room ? 2 * cases->room : 256;
        cases->item =
            ff_mem_must_grow(cases->item, (size_t)cases->room, (size_t)room, sizeof *cases->item);
        cases->room = room;
    }
    cases->item[cases->count++] = (ff_case){.graph = graph, .base = base};
}

void ff_cases_clean(ff_cases *cases)
{
    for (int i = 0; i < cases->piece_count; i++)
        ff_pieces_clean(&cases->pieces[i]);
    ff_mem_free(cases->pieces);
    ff_mem_free(cases->item);
    *cases = (ff_cases){0};
}

bool ff_cases_add_piece(ff_cases *cases, const ff_graph *g, const ff_stage *stage, int index)
{
    ff_pieces pieces = {0};
    if (ff_stage_split(g, stage, &pieces, NULL) != FF_OK)
        return false;
    if (cases->piece_count == cases->piece_room) {
        int room = cases->piece_room ? 2 * cases->piece_room : 64;
        cases->pieces = ff_mem_must_grow(cases->pieces, (size_t)cases->piece_room, (size_t)room,
                                         sizeof *cases->pieces);
        cases->piece_room = room;
    }
    cases->pieces[cases->piece_count++] = pieces;
    ff_cases_add(cases, pieces.piece[index].graph, -1);
    return true;
}

/* What makes a node's time: op, attributes, what it reads. */
static void key_of(const ff_graph *g, const ff_node *node, char key[FF_SHA256_HEX])
{
    char text[128];
    ff_buf all;
    ff_buf_init(&all, KEY_BYTES);
    (void)ff_buf_printf(&all, NULL, "%s", node->op);
    for (int i = 0; i < node->in_count; i++) {
        const ff_value *v = node->in[i] == FF_NO_VALUE ? NULL : &g->values[node->in[i]];
        (void)ff_buf_printf(&all, NULL, "|%d %d %s", v ? v->kind == FF_VALUE_WEIGHT : -1,
                            v ? (int)v->dtype : 0,
                            v && v->has_shape ? ff_shape_text(&v->shape, text, sizeof text) : "?");
    }
    for (int a = 0; a < node->attr_count; a++) {
        const ff_attr *at = &node->attrs[a];
        (void)ff_buf_printf(&all, NULL, "|%s %lld %g %.*s", at->name, (long long)at->i,
                            (double)at->f, at->kind == FF_ATTR_STRING ? (int)at->s.len : 0,
                            at->kind == FF_ATTR_STRING ? (const char *)at->s.data : "");
        for (size_t k = 0; at->kind == FF_ATTR_INTS && k < at->count; k++)
            (void)ff_buf_printf(&all, NULL, ",%lld", (long long)at->ints[k]);
    }
    ff_hash_sha256_hex(ff_buf_view(&all), key);
    ff_buf_clean(&all);
}

static bool can_run_alone(const ff_graph *g, const ff_node *node)
{
    bool computed = false;
    for (int i = 0; i < node->in_count; i++) {
        const ff_value *v = node->in[i] == FF_NO_VALUE ? NULL : &g->values[node->in[i]];
        computed = computed || (v && v->kind != FF_VALUE_WEIGHT);
        if (v && !v->has_shape)
            return false;
    }
    for (int k = 0; k < node->out_count; k++)
        if (node->out[k] != FF_NO_VALUE && !g->values[node->out[k]].has_shape)
            return false;
    return computed && !node->has_subgraph && node->domain[0] == '\0';
}

static bool is_new(char (*keys)[FF_SHA256_HEX], int count)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(keys[i], keys[count]))
            return false;
    return true;
}

void ff_cases_add_model(ff_cases *cases, const ff_graph *g)
{
    static const ff_split SPLITS[] = {{FF_SPLIT_OFFLOAD, 1, 1},
                                      {FF_SPLIT_GRID, 1, 2},
                                      {FF_SPLIT_GRID, 2, 2},
                                      {FF_SPLIT_GRID, 2, 4},
                                      {FF_SPLIT_GRID, 4, 4}};
    int count = 0;
    char(*keys)[FF_SHA256_HEX] = ff_mem_must_array((size_t)g->node_count + 1, sizeof *keys);
    for (int n = 0; n < g->node_count; n++) {
        key_of(g, &g->nodes[n], keys[count]);
        if (!can_run_alone(g, &g->nodes[n]) || !is_new(keys, count))
            continue;
        count++;
        for (size_t s = 0; s < sizeof SPLITS / sizeof SPLITS[0]; s++) {
            ff_stage stage = {n, n + 1, SPLITS[s]};
            if (!ff_cases_add_piece(cases, g, &stage, 0))
                break;
        }
    }
    ff_mem_free(keys);
}
