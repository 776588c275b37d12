/*
 * Helpers of the op files: constants of a graph, names, axis arithmetic, Slice nodes.
 */
#include <stdio.h>
#include <string.h>

#include "graph/op_int.h"

bool ff_op_has_in(const ff_op_at *at, int i)
{
    return i < at->node->in_count && at->node->in[i] != FF_NO_VALUE;
}

const ff_shape *ff_op_in(const ff_op_at *at, int i)
{
    if (!ff_op_has_in(at, i) || !at->g->values[at->node->in[i]].has_shape) {
        return NULL;
    }
    return &at->g->values[at->node->in[i]].shape;
}

int ff_op_axis_attr(const ff_op_at *at, const char *name, int64_t otherwise, int rank)
{
    int64_t axis = ff_node_int(at->node, name, otherwise);
    if (axis < -rank || axis >= rank) {
        return -1;
    }
    return (int)(axis < 0 ? axis + rank : axis);
}

bool ff_op_attr_at(const ff_op_at *at, const char *name, int count, int i, int64_t lo,
                   int64_t otherwise, int64_t *out, char *why, size_t size)
{
    int64_t values[2 * FF_MAX_RANK];
    int found = ff_node_ints(at->node, name, values, 2 * FF_MAX_RANK);
    *out = otherwise;
    if (found < 0) {
        return true;
    }
    if (found != count) {
        return ff_op_no(why, size, "its %s has %d numbers, expected %d", name, found, count);
    }
    if (values[i] < lo || values[i] > FF_OP_MAX_ATTR) {
        return ff_op_no(why, size, "its %s has %lld, expected %lld to %lld", name,
                        (long long)values[i], (long long)lo, (long long)FF_OP_MAX_ATTR);
    }
    *out = values[i];
    return true;
}

/* The number of elements of a constant with at most max of them, or -1. */
static int const_count(const ff_graph *g, int v, int max)
{
    if (v < 0 || v >= g->value_count) {
        return -1;
    }
    const ff_value *value = &g->values[v];
    uint64_t elems = 0;
    if (!value->has_shape || value->shape.rank > 1 ||
        ff_shape_elems(&value->shape, &elems, NULL) != FF_OK || elems > (uint64_t)max) {
        return -1;
    }
    return (int)elems;
}

int ff_op_const_ints(const ff_graph *g, int v, int64_t *out, int max)
{
    int count = const_count(g, v, max);
    if (count < 0) {
        return -1;
    }
    const ff_value *value = &g->values[v];
    size_t size = ff_dtype_bytes(value->dtype);
    if (value->known != NULL) {
        for (int i = 0; i < count; i++) {
            out[i] = value->known[i];
        }
        return count;
    }
    if (value->kind != FF_VALUE_WEIGHT || value->data.len != (size_t)count * size ||
        (value->dtype != FF_DTYPE_I64 && value->dtype != FF_DTYPE_I32)) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        int32_t narrow = 0;
        if (value->dtype == FF_DTYPE_I64) {
            memcpy(&out[i], value->data.data + (size_t)i * 8, 8);
        } else {
            memcpy(&narrow, value->data.data + (size_t)i * 4, 4);
            out[i] = narrow;
        }
    }
    return count;
}

int ff_op_const_floats(const ff_graph *g, int v, float *out, int max)
{
    int count = const_count(g, v, max);
    if (count < 0) {
        return -1;
    }
    const ff_value *value = &g->values[v];
    size_t bytes = (size_t)count * sizeof *out;
    if (value->kind != FF_VALUE_WEIGHT || value->dtype != FF_DTYPE_F32 ||
        value->data.len != bytes) {
        return -1;
    }
    if (bytes > 0) {
        memcpy(out, value->data.data, bytes);
    }
    return count;
}

ff_linear ff_op_linear_data(const ff_op_at *at, int input)
{
    (void)at;
    return input == 0 ? FF_LINEAR_DATA : FF_LINEAR_NO;
}

ff_axis_map ff_op_map_none(void)
{
    return (ff_axis_map){.kind = FF_AXIS_NONE};
}

ff_axis_map ff_op_map_same(const ff_op_at *at, int input, int in_axis)
{
    const ff_shape *in = ff_op_in(at, input);
    return (ff_axis_map){.kind = FF_AXIS_SAME,
                         .in_axis = in_axis,
                         .in_len = in_axis >= 0 && in_axis < in->rank ? in->dim[in_axis] : 0};
}

ff_axis_map ff_op_map_broadcast(const ff_op_at *at, int axis, int input)
{
    const ff_shape *in = ff_op_in(at, input);
    int in_axis = axis - (at->out->rank - in->rank);
    if (in_axis < 0 || in_axis >= in->rank) {
        return ff_op_map_none();
    }
    ff_axis_map map = ff_op_map_same(at, input, in_axis);
    if (map.in_len == 1 && at->out->dim[axis] != 1) {
        map.kind = FF_AXIS_BCAST;
    }
    return map;
}

/* Rounding down, for any sign of a; b > 0. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return -floor_div(-a, b);
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* SHIFT as the window that it is. */
static ff_axis_map as_window(const ff_axis_map *map)
{
    ff_axis_map w = *map;
    if (map->kind == FF_AXIS_SHIFT) {
        w.stride = 1;
        w.extent = 1;
        w.pad = -map->offset;
    }
    return w;
}

void ff_op_need_of(const ff_axis_map *map, int64_t lo, int64_t hi, int64_t *need_lo,
                   int64_t *need_hi)
{
    ff_axis_map w = as_window(map);
    int64_t first, last; /* both included */
    switch (map->kind) {
    case FF_AXIS_WINDOW:
    case FF_AXIS_SHIFT:
        first = lo * w.stride - w.pad;
        last = (hi - 1) * w.stride - w.pad + w.extent - 1;
        break;
    case FF_AXIS_SPREAD:
    case FF_AXIS_BLOCKS: {
        bool blocks = map->kind == FF_AXIS_BLOCKS;
        int64_t start = blocks ? lo : lo + map->pad;
        int64_t stop = blocks ? hi - 1 : hi - 1 + map->pad;
        first = ceil_div(lo + map->pad - map->extent + 1, map->stride);
        last = floor_div(hi - 1 + map->pad, map->stride);
        /* where the kernel leaves gaps, and where a block is larger than what an input reaches */
        first = floor_div(start, map->stride) < first ? floor_div(start, map->stride) : first;
        last = floor_div(stop, map->stride) > last ? floor_div(stop, map->stride) : last;
        break;
    }
    case FF_AXIS_GROUPS:
        first = lo / map->extent * map->stride;
        last = ((hi - 1) / map->extent + 1) * map->stride - 1;
        break;
    case FF_AXIS_SAME:
        first = lo;
        last = hi - 1;
        break;
    default: /* NONE, BCAST, ALL */
        first = 0;
        last = map->in_len - 1;
        break;
    }
    *need_lo = clamp(first, 0, map->in_len - 1);
    *need_hi = clamp(last, 0, map->in_len - 1) + 1;
}

/* The first and the last output of a window whose range touches the input. */
static void touching(const ff_axis_map *w, int64_t *first, int64_t *last)
{
    *first = ceil_div(1 - w->extent + w->pad, w->stride);
    *first = *first < 0 ? 0 : *first;
    *last = floor_div(w->in_len - 1 + w->pad, w->stride);
}

bool ff_op_touches(const ff_axis_map *map, int64_t out_len)
{
    ff_axis_map w = as_window(map);
    int64_t first, last;
    touching(&w, &first, &last);
    return first <= last && first < out_len;
}

void ff_op_cover_of(const ff_axis_map *map, int64_t *lo, int64_t *hi)
{
    ff_axis_map w = as_window(map);
    int64_t first, last;
    if (map->kind == FF_AXIS_WINDOW || map->kind == FF_AXIS_SHIFT) {
        touching(&w, &first, &last);
        *hi = *hi - 1 < first ? first + 1 : *hi;
        *lo = *lo > last ? last : *lo;
    } else if (map->kind == FF_AXIS_SPREAD) {
        /* what the first input reaches must not end before lo (between two strides) */
        ff_op_need_of(map, *lo, *hi, &first, &last);
        int64_t reach = first * map->stride - map->pad + map->extent - 1;
        *lo = reach >= 0 && reach < *lo ? reach : *lo;
    } else if (map->kind == FF_AXIS_GROUPS) {
        *lo = *lo / map->extent * map->extent;
        *hi = ((*hi - 1) / map->extent + 1) * map->extent;
    }
}

const char *ff_op_fresh_name(const ff_graph *g, const ff_graph *p, const char *base)
{
    const char *name = base;
    for (int i = 2;
         ff_graph_find_value(g, name) != FF_NO_VALUE || ff_graph_find_value(p, name) != FF_NO_VALUE;
         i++) {
        name = ff_arena_printf(p->arena, "%s.%d", base, i);
    }
    return name;
}

static ff_code add_ints(const ff_graph *g, ff_graph *p, const char *base, const int64_t *values,
                        int count, int *value, ff_err *err)
{
    size_t bytes = (size_t)count * sizeof *values;
    int64_t *copy = ff_arena_array(p->arena, (size_t)count + 1, sizeof *copy);
    memcpy(copy, values, bytes);
    ff_shape shape = {.rank = 1, .dim = {count}};
    return ff_graph_add_weight(p, ff_op_fresh_name(g, p, base), FF_DTYPE_I64, &shape,
                               ff_bytes_of(copy, bytes), value, err);
}

ff_code ff_op_add_ints(const ff_op_job *job, const char *what, const int64_t *values, int count,
                       int *value, ff_err *err)
{
    int v = job->at->node->out[0];
    const char *base = ff_arena_printf(job->p->arena, "%s/%s", job->at->g->values[v].name, what);
    return add_ints(job->at->g, job->p, base, values, count, value, err);
}

/* Its node has no name: one made of the output's may be another node's already. */
ff_code ff_op_emit_slice(const ff_graph *g, ff_graph *p, int v, const ff_region *have,
                         const ff_region *part, int out, ff_err *err)
{
    int64_t starts[FF_MAX_RANK], ends[FF_MAX_RANK], axes[FF_MAX_RANK];
    int count = 0;
    for (int a = 0; a < part->rank; a++) {
        if (part->lo[a] != have->lo[a] || part->hi[a] != have->hi[a]) {
            starts[count] = part->lo[a] - have->lo[a];
            ends[count] = part->hi[a] - have->lo[a];
            axes[count++] = a;
        }
    }
    if (count == 0) {
        ff_graph_add_node(p, "", "Identity", "", &v, 1, &out, 1);
        return FF_OK;
    }
    if (ff_graph_opset(p, "") < 10) {
        int n = ff_graph_add_node(p, "", "Slice", "", &v, 1, &out, 1);
        ff_graph_set_ints(p, n, "starts", starts, (size_t)count);
        ff_graph_set_ints(p, n, "ends", ends, (size_t)count);
        ff_graph_set_ints(p, n, "axes", axes, (size_t)count);
        return FF_OK;
    }
    int in[4] = {v, 0, 0, 0};
    const char *base = p->values[out].name;
    ff_code code =
        add_ints(g, p, ff_arena_printf(p->arena, "%s/starts", base), starts, count, &in[1], err);
    if (code == FF_OK) {
        code = add_ints(g, p, ff_arena_printf(p->arena, "%s/ends", base), ends, count, &in[2], err);
    }
    if (code == FF_OK) {
        code = add_ints(g, p, ff_arena_printf(p->arena, "%s/axes", base), axes, count, &in[3], err);
    }
    if (code == FF_OK) {
        ff_graph_add_node(p, "", "Slice", "", in, 4, &out, 1);
    }
    return code;
}
