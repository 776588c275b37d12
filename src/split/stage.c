/*
 * Stages: which nodes count, which axes are cut where, and whether all nodes pass that.
 */
#include <stdio.h>
#include <string.h>

#include "split/split_int.h"

static bool is_random(const ff_node *node)
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
        bool constant = !is_random(node);
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
    *view = (ff_stage_view){.g = g, .stage = stage};
    size_t values = (size_t)g->value_count + 1;
    view->needed = ff_mem_must((size_t)(stage->end - stage->begin));
    view->constant = ff_mem_must(values);
    view->cut = ff_mem_must_array(values, sizeof *view->cut);
    ff_stage_borders(g, stage->begin, stage->end, &view->in, &view->in_count, &view->out,
                     &view->out_count);
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
    *view = (ff_stage_view){0};
}

/* The axes of a tensor of this rank that a grid cuts. */
static uint32_t grid_axes(const ff_split *split, int rank)
{
    uint32_t mask = 0;
    if (split->kind == FF_SPLIT_GRID && rank >= 2) {
        mask |= split->rows > 1 ? 1u << (rank - 2) : 0;
        mask |= split->cols > 1 ? 1u << (rank - 1) : 0;
    }
    return mask;
}

static ff_code no_pass(const ff_graph *g, int node, const ff_split *split, const char *why,
                       ff_err *err)
{
    char text[256], name[64];
    return ff_err_set(err, FF_UNSUPPORTED, "%s cannot pass %s: %s",
                      ff_node_text(g, node, text, sizeof text),
                      ff_split_text(split, name, sizeof name), why);
}

static ff_code check_output(const ff_stage_view *view, int v, ff_err *err)
{
    const ff_split *s = &view->stage->split;
    const ff_value *value = &view->g->values[v];
    char text[128], name[64];
    if (!value->has_shape) {
        return ff_err_set(err, FF_UNSUPPORTED,
                          "the shape of '%.100s', which leaves a stage, is "
                          "not known",
                          value->name);
    }
    if (s->kind != FF_SPLIT_GRID || view->constant[v] != 0) {
        return FF_OK;
    }
    int rank = value->shape.rank;
    /* a map has batch and channels before it; rows may be missing where they are not cut */
    bool map = rank >= (s->rows > 1 ? 4 : 3);
    if (!map || value->shape.dim[rank - 2] < s->rows || value->shape.dim[rank - 1] < s->cols) {
        return ff_err_set(err, FF_UNSUPPORTED,
                          "'%.100s', made by %s, is %s: no map of at least %dx%d for %s",
                          value->name, view->g->nodes[value->producer].op,
                          ff_shape_text(&value->shape, text, sizeof text), s->rows, s->cols,
                          ff_split_text(s, name, sizeof name));
    }
    return FF_OK;
}

/* Passes the axes that are cut of a node's outputs on to its inputs. */
static ff_code cut_node(ff_stage_view *view, int n, ff_err *err)
{
    const ff_graph *g = view->g;
    const ff_node *node = &g->nodes[n];
    const ff_split *split = &view->stage->split;
    uint32_t mask = 0;
    char why[256];
    for (int k = 0; k < node->out_count; k++) {
        mask |= node->out[k] != FF_NO_VALUE ? view->cut[node->out[k]] : 0;
    }
    if (mask == 0) {
        /* every piece computes it whole: fine for a gate, not for what reads a whole map */
        return ff_split_passes(g, n, split, why, sizeof why) ? FF_OK
                                                             : no_pass(g, n, split, why, err);
    }
    for (int axis = 0; axis < FF_MAX_RANK; axis++) {
        if ((mask >> axis & 1u) == 0) {
            continue;
        }
        if (!ff_op_passes(g, n, axis, why, sizeof why)) {
            return no_pass(g, n, split, why, err);
        }
        for (int i = 0; i < node->in_count; i++) {
            ff_axis_map map = ff_op_axis(g, n, axis, i);
            if (map.kind != FF_AXIS_NONE && map.kind != FF_AXIS_BCAST) {
                view->cut[node->in[i]] |= 1u << map.in_axis;
            }
        }
    }
    return FF_OK;
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

ff_code ff_stage_view_cut(ff_stage_view *view, ff_err *err)
{
    const ff_graph *g = view->g;
    const ff_split *split = &view->stage->split;
    for (int i = 0; i < view->in_count; i++) {
        if (!g->values[view->in[i]].has_shape) {
            return ff_err_set(err, FF_UNSUPPORTED,
                              "the shape of '%.100s', which enters a stage, is not known",
                              g->values[view->in[i]].name);
        }
    }
    int varying = 0;
    for (int i = 0; i < view->out_count; i++) {
        int v = view->out[i];
        ff_code code = check_output(view, v, err);
        if (code != FF_OK) {
            return code;
        }
        if (view->constant[v] == 0) {
            view->cut[v] |= grid_axes(split, g->values[v].shape.rank);
            varying++;
        }
    }
    if (view->out_count == 0 || (split->kind == FF_SPLIT_GRID && varying == 0)) {
        return ff_err_set(err, FF_UNSUPPORTED,
                          "nodes %d to %d make nothing that leaves the stage%s", view->stage->begin,
                          view->stage->end - 1, view->out_count > 0 ? " but constants" : "");
    }
    for (int n = view->stage->end - 1; n >= view->stage->begin; n--) {
        if (split->kind != FF_SPLIT_GRID || view->needed[n - view->stage->begin] == 0 ||
            ff_node_is_constant(view, &g->nodes[n])) {
            continue;
        }
        ff_code code = cut_node(view, n, err);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

bool ff_split_passes(const ff_graph *g, int node, const ff_split *split, char *why, size_t size)
{
    if (split->kind != FF_SPLIT_GRID) {
        return true;
    }
    const ff_node *n = &g->nodes[node];
    int v = n->out_count > 0 ? n->out[0] : FF_NO_VALUE;
    int rank = v != FF_NO_VALUE && g->values[v].has_shape ? g->values[v].shape.rank : 0;
    uint32_t mask = grid_axes(split, rank);
    if (rank < 3 && (split->rows > 1 || split->cols > 1)) {
        snprintf(why, size, "it makes no map");
        return false;
    }
    for (int axis = 0; axis < rank; axis++) {
        if ((mask >> axis & 1u) != 0 && !ff_op_passes(g, node, axis, why, size)) {
            return false;
        }
    }
    return true;
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

ff_code ff_stage_split(const ff_graph *g, const ff_stage *stage, ff_pieces *out, ff_err *err)
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
    *out = pieces;
    ff_stage_view_clean(&view);
    return FF_OK;
fail:
    ff_pieces_clean(&pieces);
    ff_stage_view_clean(&view);
    return code;
}
