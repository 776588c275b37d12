/*
 * How a grid cuts values: rows and columns wherever they come from; and what it sums in parts.
 *
 * A sum over the map (GlobalAveragePool, ReduceMean; a product with the flattened map) may end the
 * stage: every piece sums over its tile.
 */
#include <stdio.h>

#include "split/split_int.h"

bool ff_grid_passes_axis(const ff_graph *g, int n, int axis, char *why, size_t size)
{
    if (!ff_op_passes(g, n, axis, why, size)) {
        return false;
    }
    if (axis == ff_op_dense_axis(g, n)) {
        snprintf(why, size, "it multiplies matrices, and a grid cuts the rows and columns of maps");
        return false;
    }
    for (int i = 0; i < g->nodes[n].in_count; i++) {
        if (ff_op_axis(g, n, axis, i).kind == FF_AXIS_GROUPS) {
            snprintf(why, size, "it merges or divides axis %d", axis);
            return false;
        }
    }
    return true;
}

bool ff_grid_passes_map(const ff_graph *g, int n, const ff_split *split, char *why, size_t size)
{
    const ff_node *node = &g->nodes[n];
    int v = node->out_count > 0 ? node->out[0] : FF_NO_VALUE;
    int rank = v != FF_NO_VALUE && g->values[v].has_shape ? g->values[v].shape.rank : 0;
    uint32_t mask = ff_grid_axes(split, rank);
    if (rank < 3 && (split->rows > 1 || split->cols > 1)) {
        snprintf(why, size, "it makes no map (rows and columns, in 3 or more dims)");
        return false;
    }
    for (int axis = 0; axis < rank; axis++) {
        if ((mask >> axis & 1u) != 0 && !ff_grid_passes_axis(g, n, axis, why, size)) {
            return false;
        }
    }
    return true;
}

/* Do the places of an axis come from a layer's channels? Followed back as long as they stay. */
static bool is_channels(const ff_stage_view *view, int v, int axis)
{
    const ff_graph *g = view->g;
    for (int n = g->values[v].producer; n != FF_NO_NODE && n >= view->stage->begin;
         n = g->values[v].producer) {
        if (axis == ff_op_dense_axis(g, n) && ff_is_layer(view, n)) {
            return true;
        }
        if (!ff_op_passes(g, n, axis, NULL, 0) || g->nodes[n].in[0] == FF_NO_VALUE) {
            return false;
        }
        ff_axis_map map = ff_op_axis(g, n, axis, 0);
        if (!ff_map_is_same(&map, g->values[v].shape.dim[axis])) {
            return false;
        }
        v = g->nodes[n].in[0];
        axis = map.in_axis;
    }
    return false;
}

/* The map that an axis of v was flattened from, and which of its axes. */
static bool flattened(const ff_stage_view *view, int v, int axis, ff_gather *out)
{
    const ff_graph *g = view->g;
    for (int n = g->values[v].producer; n != FF_NO_NODE && n >= view->stage->begin;
         n = g->values[v].producer) {
        const ff_node *node = &g->nodes[n];
        ff_axis_map map = {.kind = FF_AXIS_ALL};
        if (ff_op_passes(g, n, axis, NULL, 0)) {
            map = ff_op_axis(g, n, axis, 0);
        }
        if (map.kind != FF_AXIS_SAME) {
            *out = (ff_gather){.divider = FF_NO_NODE, .map = node->in[0]};
            return view->constant[v] == 0 && ff_op_merges(g, n, axis, &out->first, &out->last);
        }
        v = node->in[0];
        axis = map.in_axis;
    }
    return false;
}

/* What a node sums over, tile by tile. */
typedef struct map_sum {
    ff_gather from; /* the map, and its axes; gathered where it comes flattened */
    bool product;
    int rows, cols; /* axes of the map that are cut, -1: none */
} map_sum;

/* Rows and columns are the last two axes that are summed over and no channels. */
static bool choose_tiles(const ff_stage_view *view, uint32_t axes, map_sum *sum, char *why,
                         size_t size)
{
    const ff_split *s = &view->stage->split;
    const ff_shape *map = &view->g->values[sum->from.map].shape;
    int found[2] = {-1, -1}, count = 0;
    for (int a = map->rank - 1; a > 0 && count < 2; a--) {
        if ((axes >> a & 1u) != 0 && !is_channels(view, sum->from.map, a)) {
            found[count++] = a;
        }
    }
    if (map->rank < 3 || count < (map->rank == 3 && s->rows == 1 ? 1 : 2)) {
        snprintf(why, size, "it does not sum over rows and columns of a map");
        return false;
    }
    sum->cols = s->cols > 1 ? found[0] : -1;
    sum->rows = s->rows > 1 ? found[1] : -1;
    if ((sum->cols >= 0 && map->dim[sum->cols] < s->cols) ||
        (sum->rows >= 0 && map->dim[sum->rows] < s->rows)) {
        char text[128];
        snprintf(why, size, "the map that it sums over is %s",
                 ff_shape_text(map, text, sizeof text));
        return false;
    }
    return true;
}

/* Where there is none, why tells what is missing; nothing where the node is no sum at all. */
static bool map_sum_of(const ff_stage_view *view, int n, map_sum *sum, char *why, size_t size)
{
    const ff_graph *g = view->g;
    const ff_node *node = &g->nodes[n];
    uint32_t axes = ff_op_sum_axes(g, n);
    if (axes == 0) {
        return false;
    }
    *sum = (map_sum){.product = ff_op_dense_axis(g, n) >= 0};
    sum->from = (ff_gather){.divider = FF_NO_NODE, .map = node->in[0]};
    if (sum->product) {
        if (!ff_is_layer(view, n) || g->values[node->in[1]].kind != FF_VALUE_WEIGHT) {
            /* its rows are taken from where they are stored */
            snprintf(why, size, "its second factor is not stored in the model");
            return false;
        }
        if (!flattened(view, node->in[0], ff_op_sum_axis(g, n, 0), &sum->from)) {
            snprintf(why, size, "it multiplies no map that this stage flattens");
            return false;
        }
        axes = (2u << sum->from.last) - (1u << sum->from.first);
    }
    return view->constant[sum->from.map] == 0 && choose_tiles(view, axes, sum, why, size);
}

bool ff_grid_begins_sum(const ff_stage_view *view, int n, char *why, size_t size)
{
    map_sum sum;
    return map_sum_of(view, n, &sum, why, size);
}

/* The axes that are cut of the map that a sum begins at. */
static uint32_t tile_axes(const map_sum *sum)
{
    return (sum->rows >= 0 ? 1u << sum->rows : 0) | (sum->cols >= 0 ? 1u << sum->cols : 0);
}

ff_code ff_grid_begin_sum(ff_stage_view *view, int n, ff_err *err)
{
    map_sum sum;
    char why[256] = "it sums over no map";
    if (!map_sum_of(view, n, &sum, why, sizeof why)) {
        return ff_no_pass(view->g, n, &view->stage->split, why, err);
    }
    if (!ff_tiling_add(view, sum.from.map, sum.rows, sum.cols)) {
        snprintf(why, sizeof why, "'%.100s', which it sums over, is cut in two ways",
                 view->g->values[sum.from.map].name);
        return ff_no_pass(view->g, n, &view->stage->split, why, err);
    }
    view->sum_map[n - view->stage->begin] = sum.from.map + 1;
    ff_cut along = {.axes = tile_axes(&sum)};
    if (sum.product) {
        along = (ff_cut){.gather = ff_gather_add(view, &sum.from)};
    }
    return ff_demand_summed(view, n, &along, err);
}

ff_code ff_cut_flattened(ff_stage_view *view, int n, const ff_cut *asked, ff_err *err)
{
    const ff_gather *from = &view->gather[asked->gather - 1];
    const ff_node *node = &view->g->nodes[n];
    int first, last;
    if (from->divider != FF_NO_NODE || node->in[0] != from->map ||
        !ff_op_merges(view->g, n, ff_cut_axis(asked), &first, &last) || first != from->first ||
        last != from->last) {
        return ff_cut_ranged(view, n, asked, err);
    }
    const ff_tiling *t = ff_tiling_of(view, from->map);
    const ff_cut in = {.axes =
                           (t->rows >= 0 ? 1u << t->rows : 0) | (t->cols >= 0 ? 1u << t->cols : 0)};
    return ff_demand(view, n, node->in[0], &in, err);
}

ff_code ff_cut_grid(ff_stage_view *view, int n, uint32_t mask, ff_err *err)
{
    const ff_graph *g = view->g;
    const ff_node *node = &g->nodes[n];
    const ff_split *split = &view->stage->split;
    char why[256];
    if (mask == 0 && !ff_grid_passes_map(g, n, split, why, sizeof why)) {
        /* every piece computes it whole: fine for a gate, not for what reads a whole map */
        return ff_no_pass(g, n, split, why, err);
    }
    for (int axis = 0; axis < FF_MAX_RANK; axis++) {
        if ((mask >> axis & 1u) != 0 && !ff_grid_passes_axis(g, n, axis, why, sizeof why)) {
            return ff_no_pass(g, n, split, why, err);
        }
    }
    for (int i = 0; i < node->in_count; i++) {
        ff_cut in = {0};
        if (!ff_op_reads(g, n, i)) {
            continue;
        }
        for (int axis = 0; axis < FF_MAX_RANK; axis++) {
            ff_axis_map map =
                (mask >> axis & 1u) != 0 ? ff_op_axis(g, n, axis, i) : (ff_axis_map){0};
            if (map.kind != FF_AXIS_NONE && map.kind != FF_AXIS_BCAST) {
                in.axes |= 1u << map.in_axis;
            }
        }
        in.all = in.axes == 0;
        ff_code code = ff_demand(view, n, node->in[i], &in, err);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}
