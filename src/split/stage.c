/*
 * Stages: which nodes count, which axes are cut where, and whether all nodes pass that.
 */
#include <stdio.h>
#include <string.h>

#include "split/split_int.h"

bool ff_node_is_random(const ff_node *node)
{
    return strncmp(node->op, "Random", 6) == 0 || strcmp(node->op, "Bernoulli") == 0 ||
           strcmp(node->op, "Multinomial") == 0;
}

/* Depends on weights only? A node without inputs counts, unless it draws random numbers. */
static void mark_constants(ff_stage_view *view)
{
    const ff_graph *g = view->g;
    for (int v = 0; v < g->value_count; v++) {
        view->constant[v] = g->values[v].kind == FF_VALUE_WEIGHT ? 1 : 0;
    }
    for (int n = view->stage->begin; n < view->stage->end; n++) {
        const ff_node *node = &g->nodes[n];
        bool constant = !ff_node_is_random(node);
        for (int i = 0; i < ff_node_reads(node); i++) {
            int v = ff_node_read_at(node, i);
            constant = constant && (v == FF_NO_VALUE || view->constant[v] != 0);
        }
        for (int k = 0; k < node->out_count; k++) {
            if (node->out[k] != FF_NO_VALUE) {
                view->constant[node->out[k]] = constant ? 1 : 0;
            }
        }
    }
}

/* Does an output of the stage depend on it? */
static void mark_needed(ff_stage_view *view)
{
    const ff_graph *g = view->g;
    uint8_t *wanted = ff_mem_must((size_t)g->value_count + 1);
    for (int i = 0; i < view->out_count; i++) {
        wanted[view->out[i]] = 1;
    }
    for (int n = view->stage->end - 1; n >= view->stage->begin; n--) {
        const ff_node *node = &g->nodes[n];
        bool needed = false;
        for (int k = 0; k < node->out_count; k++) {
            needed = needed || (node->out[k] != FF_NO_VALUE && wanted[node->out[k]] != 0);
        }
        view->needed[n - view->stage->begin] = needed ? 1 : 0;
        for (int i = 0; needed && i < ff_node_reads(node); i++) {
            int v = ff_node_read_at(node, i);
            if (v != FF_NO_VALUE) {
                wanted[v] = 1;
            }
        }
    }
    ff_mem_free(wanted);
}

ff_code ff_stage_view_init(ff_stage_view *view, const ff_graph *g, const ff_stage *stage,
                           ff_err *err)
{
    const ff_split *s = &stage->split;
    if (stage->begin < 0 || stage->end <= stage->begin || stage->end > g->node_count) {
        return ff_err_set(err, FF_USAGE, "a stage of nodes %d to %d, of a graph with %d",
                          stage->begin, stage->end, g->node_count);
    }
    if (s->kind == FF_SPLIT_GRID &&
        (s->rows < 1 || s->cols < 1 || s->rows > (int)FF_MAX_TILES || s->cols > (int)FF_MAX_TILES ||
         s->rows * s->cols > (int)FF_MAX_TILES)) {
        return ff_err_set(err, FF_USAGE, "a grid of %dx%d; expected 1 to %u pieces", s->rows,
                          s->cols, FF_MAX_TILES);
    }
    if (ff_split_is_ranged(s->kind) && (s->rows < 2 || s->rows > (int)FF_MAX_TILES)) {
        return ff_err_set(err, FF_USAGE, "a split into %d pieces; expected 2 to %u", s->rows,
                          FF_MAX_TILES);
    }
    *view = (ff_stage_view){.g = g, .stage = stage};
    size_t values = (size_t)g->value_count + 1;
    view->needed = ff_mem_must((size_t)(stage->end - stage->begin));
    view->constant = ff_mem_must(values);
    view->cut = ff_mem_must_array(values, sizeof *view->cut);
    view->summable = ff_mem_must(values);
    view->sum_map = ff_mem_must_array((size_t)(stage->end - stage->begin), sizeof *view->sum_map);
    view->sum_root = ff_mem_must_array((size_t)(stage->end - stage->begin), sizeof *view->sum_root);
    ff_stage_borders(g, stage->begin, stage->end, &view->in, &view->in_count, &view->out,
                     &view->out_count);
    view->out_root = ff_mem_must_array((size_t)view->out_count + 1, sizeof *view->out_root);
    mark_constants(view);
    mark_needed(view);
    return FF_OK;
}

void ff_stage_view_clean(ff_stage_view *view)
{
    ff_mem_free(view->in);
    ff_mem_free(view->out);
    ff_mem_free(view->needed);
    ff_mem_free(view->constant);
    ff_mem_free(view->cut);
    ff_mem_free(view->summable);
    ff_mem_free(view->sum_root);
    ff_mem_free(view->sum_map);
    ff_mem_free(view->tiling);
    ff_mem_free(view->gather);
    ff_mem_free(view->out_root);
    ff_mem_free(view->root);
    ff_mem_free(view->meeting);
    *view = (ff_stage_view){0};
}

bool ff_node_is_constant(const ff_stage_view *view, const ff_node *node)
{
    for (int k = 0; k < node->out_count; k++) {
        if (node->out[k] != FF_NO_VALUE) {
            return view->constant[node->out[k]] != 0;
        }
    }
    return true;
}

/* Is one node alone a stage that the split passes? Nodes of a pair or of heads: could they be in
 * one? */
static bool ranged_passes(const ff_graph *g, int node, const ff_split *split, char *why,
                          size_t size)
{
    const bool pair = split->kind == FF_SPLIT_PAIR || split->kind == FF_SPLIT_HEADS;
    ff_split tried = *split;
    ff_err err = {0};
    tried.kind = pair ? FF_SPLIT_CHANNEL : split->kind;
    ff_stage stage = {node, node + 1, tried};
    bool passes = ff_stage_check(g, &stage, &err) == FF_OK;
    if (!passes && pair) {
        stage.split.kind = FF_SPLIT_REDUCE;
        passes = ff_stage_check(g, &stage, NULL) == FF_OK;
    }
    if (!passes && why != NULL && size > 0) {
        snprintf(why, size, "%s", err.message);
    }
    return passes;
}

bool ff_split_passes(const ff_graph *g, int node, const ff_split *split, char *why, size_t size)
{
    if (ff_split_is_ranged(split->kind)) {
        return ranged_passes(g, node, split, why, size);
    }
    if (split->kind != FF_SPLIT_GRID) {
        return true;
    }
    if (ff_grid_passes_map(g, node, split, why, size)) {
        return true;
    }
    const ff_stage alone = {node, node + 1, *split};
    size_t used = why == NULL ? 0 : strlen(why);
    if (used + 1 < size && ff_stage_check(g, &alone, NULL) == FF_OK) {
        snprintf(why + used, size - used, ", but may end a stage: each piece sums over its tile");
    }
    return false;
}

/* Of the products that pieces of a grid share out row by row. */
static uint64_t divided_bytes(const ff_stage_view *view)
{
    uint64_t bytes = 0;
    for (int n = view->stage->begin; n < view->stage->end; n++) {
        const ff_node *node = &view->g->nodes[n];
        bool divided =
            view->sum_map[n - view->stage->begin] != 0 && view->cut[node->in[0]].gather != 0;
        bytes += divided ? view->g->values[node->in[1]].data.len : 0;
    }
    return bytes;
}

ff_code ff_stage_look(const ff_graph *g, const ff_stage *stage, ff_stage_back *out, ff_err *err)
{
    ff_stage_view view = {0};
    ff_stage_back back = {0};
    ff_code code = ff_stage_view_init(&view, g, stage, err);
    if (code == FF_OK) {
        code = ff_stage_view_cut(&view, err);
    }
    for (int i = 0; i < view.out_count && code == FF_OK; i++) {
        const ff_value *value = &g->values[view.out[i]];
        bool term = view.cut[view.out[i]].partial;
        size_t bytes = 0;
        if (ff_dtype_bytes(value->dtype) > 0) {
            code = ff_shape_bytes(&value->shape, value->dtype, &bytes, err);
        }
        back.terms += term ? 1 : 0;
        back.bytes += bytes * (term ? (uint64_t)ff_split_count(&stage->split) : 1);
    }
    if (code == FF_OK) {
        back.divided_bytes = divided_bytes(&view);
        *out = back;
    }
    ff_stage_view_clean(&view);
    return code;
}

ff_code ff_stage_check(const ff_graph *g, const ff_stage *stage, ff_err *err)
{
    ff_stage_view view = {0};
    ff_code code = ff_stage_view_init(&view, g, stage, err);
    if (code == FF_OK) {
        code = ff_stage_view_cut(&view, err);
    }
    ff_stage_view_clean(&view);
    return code;
}

/* Weights that a split divides are not copied. */
static ff_code check_weights(const ff_stage *stage, const ff_pieces *pieces, ff_err *err)
{
    uint64_t held = 0;
    char text[64];
    for (int i = 0; i < pieces->count; i++) {
        held += pieces->piece[i].weight_bytes;
    }
    bool divides = ff_split_divides(stage->split.kind);
    uint64_t most = divides ? ff_split_weights_most(pieces->whole_weight_bytes,
                                                    pieces->whole_mask_bytes, pieces->count)
                            : ff_split_weights_most_grid(pieces->whole_weight_bytes,
                                                         pieces->divided_bytes, pieces->count);
    if ((divides || pieces->divided_bytes > 0) && held > most) {
        return ff_err_set(err, FF_UNSUPPORTED,
                          "the pieces of %s hold %llu bytes of weights, of a stage with %llu; "
                          "expected at most %llu",
                          ff_split_text(&stage->split, text, sizeof text), (unsigned long long)held,
                          (unsigned long long)pieces->whole_weight_bytes, (unsigned long long)most);
    }
    return FF_OK;
}

static ff_code split_stage(const ff_graph *g, const ff_stage *stage, bool sketch, ff_pieces *out,
                           ff_err *err)
{
    ff_stage_view view = {0};
    ff_pieces pieces = {0};
    ff_code code = ff_stage_view_init(&view, g, stage, err);
    if (code == FF_OK) {
        code = ff_stage_view_cut(&view, err);
    }
    if (code != FF_OK) {
        goto fail;
    }
    int count = ff_split_count(&stage->split);
    view.sketch = sketch;
    pieces.piece = ff_mem_must_array((size_t)count, sizeof *pieces.piece);
    for (int n = stage->begin; n < stage->end; n++) {
        pieces.whole_flops += view.needed[n - stage->begin] != 0 ? ff_node_flops(g, n) : 0;
    }
    for (; pieces.count < count; pieces.count++) {
        code = ff_piece_make(&view, pieces.count, &pieces.piece[pieces.count], err);
        if (code != FF_OK) {
            char text[64];
            ff_err_wrap(err, "piece %d of %s", pieces.count,
                        ff_split_text(&stage->split, text, sizeof text));
            goto fail;
        }
    }
    pieces.whole_weight_bytes = ff_graph_range_weight_bytes(g, stage->begin, stage->end);
    for (int v = 0; v < g->value_count; v++) {
        bool mask = g->values[v].kind == FF_VALUE_WEIGHT && g->values[v].dtype == FF_DTYPE_BOOL;
        pieces.whole_mask_bytes += mask && view.cut[v].demanded ? g->values[v].data.len : 0;
    }
    pieces.divided_bytes = divided_bytes(&view);
    code = check_weights(stage, &pieces, err);
    if (code != FF_OK) {
        goto fail;
    }
    *out = pieces;
    ff_stage_view_clean(&view);
    return FF_OK;
fail:
    ff_pieces_clean(&pieces);
    ff_stage_view_clean(&view);
    return code;
}

ff_code ff_stage_split(const ff_graph *g, const ff_stage *stage, ff_pieces *out, ff_err *err)
{
    return split_stage(g, stage, false, out, err);
}

ff_code ff_stage_sketch(const ff_graph *g, const ff_stage *stage, ff_pieces *out, ff_err *err)
{
    return split_stage(g, stage, true, out, err);
}
