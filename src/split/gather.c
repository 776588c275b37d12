/*
 * Axes of which a piece has several runs: those of a flattened tile, and its ranges of the parts
 * that a Split makes of an axis.
 */
#include <string.h>

#include "split/split_int.h"

int ff_gather_add(ff_stage_view *view, const ff_gather *what)
{
    for (int i = 0; i < view->gather_count; i++) {
        const ff_gather *g = &view->gather[i];
        if (g->divider == what->divider && g->map == what->map && g->first == what->first &&
            g->last == what->last) {
            return i + 1;
        }
    }
    if (view->gather_count == view->gather_room) {
        int room = view->gather_room == 0 ? 4 : view->gather_room * 2;
        view->gather = ff_mem_must_grow(view->gather, (size_t)view->gather_room, (size_t)room,
                                        sizeof *view->gather);
        view->gather_room = room;
    }
    view->gather[view->gather_count++] = *what;
    return view->gather_count;
}

bool ff_tiling_add(ff_stage_view *view, int v, int rows, int cols)
{
    const ff_tiling *known = ff_tiling_of(view, v);
    if (known != NULL) {
        return known->rows == rows && known->cols == cols;
    }
    if (view->tiling_count == view->tiling_room) {
        int room = view->tiling_room == 0 ? 4 : view->tiling_room * 2;
        view->tiling = ff_mem_must_grow(view->tiling, (size_t)view->tiling_room, (size_t)room,
                                        sizeof *view->tiling);
        view->tiling_room = room;
    }
    view->tiling[view->tiling_count++] = (ff_tiling){v, rows, cols};
    return true;
}

const ff_tiling *ff_tiling_of(const ff_stage_view *view, int v)
{
    for (int i = 0; i < view->tiling_count; i++) {
        if (view->tiling[i].value == v) {
            return &view->tiling[i];
        }
    }
    return NULL;
}

/* Part i of n of a whole axis; the first ones are the larger ones: 7 = 4 + 3. */
static void cut_axis(ff_region *tile, int axis, int i, int n)
{
    int64_t len = tile->hi[axis];
    tile->lo[axis] = (len * i + n - 1) / n;
    tile->hi[axis] = (len * (i + 1) + n - 1) / n;
}

ff_region ff_tile(const ff_stage_view *view, int v, int index)
{
    const ff_split *s = &view->stage->split;
    const ff_tiling *t = ff_tiling_of(view, v);
    ff_region tile = ff_region_whole(&view->g->values[v].shape);
    if (t != NULL && t->rows >= 0) {
        cut_axis(&tile, t->rows, index / s->cols, s->rows);
    }
    if (t != NULL && t->cols >= 0) {
        cut_axis(&tile, t->cols, index % s->cols, s->cols);
    }
    return tile;
}

static int box_runs(const ff_stage_view *view, const ff_gather *g, int index, ff_range **out)
{
    const ff_shape *map = &view->g->values[g->map].shape;
    ff_region tile = ff_tile(view, g->map, index), box = {.rank = g->last - g->first + 1};
    ff_shape dims = {.rank = box.rank};
    uint64_t elems = 1;
    ff_runs runs;
    size_t at;
    int count = 0;
    for (int a = 0; a < box.rank; a++) {
        dims.dim[a] = map->dim[g->first + a];
        box.lo[a] = tile.lo[g->first + a];
        box.hi[a] = tile.hi[g->first + a];
        elems *= (uint64_t)(box.hi[a] - box.lo[a]);
    }
    /* offsets in bytes of one byte an element are numbers of elements */
    if (ff_runs_init(&runs, &box, &dims, FF_DTYPE_U8, NULL) != FF_OK) {
        return 0;
    }
    *out = ff_mem_must_array((size_t)(elems / runs.run_bytes) + 1, sizeof **out);
    while (ff_runs_next(&runs, &at)) {
        (*out)[count++] = (ff_range){(int64_t)at, (int64_t)(at + runs.run_bytes)};
    }
    return count;
}

/* The piece's range of each part, where the parts lie in the whole axis. */
static int divided_runs(const ff_stage_view *view, const ff_gather *g, int index, ff_range **out)
{
    const ff_node *node = &view->g->nodes[g->divider];
    int64_t begin = 0, lo, hi;
    *out = ff_mem_must_array((size_t)node->out_count + 1, sizeof **out);
    for (int k = 0; k < node->out_count; k++) {
        const ff_cut *c = &view->cut[node->out[k]];
        ff_root_range(view, c->root, index, &lo, &hi);
        (*out)[k] = (ff_range){begin + lo * c->num / c->den, begin + hi * c->num / c->den};
        begin += view->g->values[node->out[k]].shape.dim[g->first];
    }
    return node->out_count;
}

int ff_gather_runs(const ff_stage_view *view, int gather, int index, ff_range **out)
{
    const ff_gather *g = &view->gather[gather - 1];
    *out = NULL;
    return g->divider != FF_NO_NODE ? divided_runs(view, g, index, out)
                                    : box_runs(view, g, index, out);
}

int64_t ff_gather_length(const ff_stage_view *view, int gather, int index)
{
    ff_range *runs;
    int count = ff_gather_runs(view, gather, index, &runs);
    int64_t length = 0;
    for (int i = 0; i < count; i++) {
        length += runs[i].hi - runs[i].lo;
    }
    ff_mem_free(runs);
    return length;
}

/* A Split along an axis that is cut, into parts of different length: each part has ranges of its
 * own, and a piece's part of the input is one range of each. */
ff_code ff_cut_divided(ff_stage_view *view, int n, int axis, ff_err *err)
{
    const ff_node *node = &view->g->nodes[n];
    for (int k = 0; k < node->out_count; k++) {
        const ff_cut *c = &view->cut[node->out[k]];
        if (!c->demanded || c->axes != 1u << axis || c->root == 0 || c->all || c->once ||
            c->partial || c->runs > 1 || c->gather != 0) {
            return ff_no_pass(view->g, n, &view->stage->split,
                              "it divides an axis into parts of different length, and not every "
                              "piece has a range of each",
                              err);
        }
    }
    const ff_gather parts = {.divider = n, .map = FF_NO_VALUE, .first = axis, .last = axis};
    const ff_cut in = {.axes = 1u << axis, .gather = ff_gather_add(view, &parts)};
    return ff_demand(view, n, node->in[0], &in, err);
}

bool ff_divides_unequally(const ff_stage_view *view, int n, int *axis)
{
    const ff_node *node = &view->g->nodes[n];
    bool cut = false, unequal = false;
    *axis = ff_op_divided_axis(view->g, n);
    for (int k = 0; k < node->out_count && *axis >= 0; k++) {
        cut = cut || view->cut[node->out[k]].axes == 1u << *axis;
        unequal = unequal || view->g->values[node->out[k]].shape.dim[*axis] !=
                                 view->g->values[node->out[0]].shape.dim[*axis];
    }
    return cut && unequal && ff_split_divides(view->stage->split.kind);
}
