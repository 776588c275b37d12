/*
 * Folding of ops that move elements, or tell shapes.
 */
#include <string.h>

#include "graph/infer_int.h"

static const ff_shape *out_shape(const ff_infer *c, int o)
{
    return &c->g->values[c->node->out[o]].shape;
}

static void strides_of(const ff_shape *shape, int64_t *stride)
{
    int64_t step = 1;
    for (int a = shape->rank - 1; a >= 0; a--) {
        stride[a] = step;
        step *= shape->dim[a];
    }
}

/* out[index] = from[base + sum of index[a] * step[a]], over all of the shape. */
static void copy_strided(ff_cell *out, const ff_shape *shape, int count, const ff_cell *from,
                         int64_t base, const int64_t *step)
{
    int64_t index[FF_MAX_RANK] = {0};
    for (int i = 0; i < count; i++) {
        int64_t at = base;
        for (int a = 0; a < shape->rank; a++) {
            at += index[a] * step[a];
        }
        out[i] = from[at];
        for (int a = shape->rank - 1; a >= 0; a--) {
            if (++index[a] < shape->dim[a]) {
                break;
            }
            index[a] = 0;
        }
    }
}

bool ff_fold_broadcast(ff_infer *c, int i, ff_cell *out)
{
    int from_count = 0;
    uint64_t count = 0;
    const ff_cell *from = ff_infer_cells(c, i, &from_count);
    const ff_shape *to = out_shape(c, 0), *x = ff_infer_shape(c, i);
    if (from == NULL || x->rank > to->rank || ff_shape_elems(to, &count, NULL) != FF_OK) {
        return false;
    }
    int64_t stride[FF_MAX_RANK] = {0}, step[FF_MAX_RANK] = {0};
    strides_of(x, stride);
    for (int a = 0; a < x->rank; a++) {
        step[to->rank - x->rank + a] = x->dim[a] == 1 ? 0 : stride[a];
    }
    copy_strided(out, to, (int)count, from, 0, step);
    return true;
}

/* Identity, Reshape, Flatten, Squeeze, Unsqueeze: the same elements. */
static bool same(ff_infer *c, int o, ff_cell *out, int count)
{
    int from_count = 0;
    const ff_cell *from = ff_infer_cells(c, 0, &from_count);
    if (o != 0 || from == NULL || from_count != count) {
        return false;
    }
    memcpy(out, from, (size_t)count * sizeof *out);
    return true;
}

static bool shape(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    const ff_shape *x = ff_infer_shape(c, 0);
    int64_t start = ff_node_int(c->node, "start", 0);
    if (x == NULL) {
        return false;
    }
    start += start < 0 ? x->rank : 0;
    start = start < 0 ? 0 : start;
    for (int i = 0; i < count; i++) {
        out[i].i = x->dim[start + i];
    }
    return true;
}

static bool size(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o, (void)count;
    const ff_shape *x = ff_infer_shape(c, 0);
    uint64_t elems = 0;
    if (x == NULL || ff_shape_elems(x, &elems, NULL) != FF_OK) {
        return false;
    }
    out[0].i = (int64_t)elems;
    return true;
}

static bool concat(ff_infer *c, int o, ff_cell *out, int count)
{
    const ff_shape *to = out_shape(c, o);
    int64_t axis = ff_node_int(c->node, "axis", 0), inner = 1, at = 0;
    axis += axis < 0 ? to->rank : 0;
    for (int a = (int)axis + 1; a < to->rank; a++) {
        inner *= to->dim[a];
    }
    int64_t row = inner * to->dim[axis];
    for (int i = 0; i < c->node->in_count; i++) {
        int from_count = 0;
        const ff_cell *from = ff_infer_cells(c, i, &from_count);
        if (from == NULL) {
            return false;
        }
        int64_t run = inner * ff_infer_shape(c, i)->dim[axis];
        for (int64_t k = 0; run > 0 && k * run < from_count && k * row < count; k++) {
            memcpy(out + k * row + at, from + k * run, (size_t)run * sizeof *out);
        }
        at += run;
    }
    return true;
}

static bool slice(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    int from_count = 0;
    const ff_cell *from = ff_infer_cells(c, 0, &from_count);
    ff_slice s;
    bool known = false;
    if (from == NULL || ff_infer_slice(c, ff_infer_shape(c, 0), &s, &known) != FF_OK || !known) {
        return false;
    }
    const ff_shape *x = ff_infer_shape(c, 0);
    int64_t stride[FF_MAX_RANK] = {0}, step[FF_MAX_RANK] = {0}, base = 0;
    strides_of(x, stride);
    for (int a = 0; a < x->rank; a++) {
        base += s.start[a] * stride[a];
        /* a step beyond the axis is never taken, and must not overflow */
        step[a] = s.count[a] > 1 ? s.step[a] * stride[a] : 0;
    }
    copy_strided(out, out_shape(c, 0), count, from, base, step);
    return true;
}

static bool split(ff_infer *c, int o, ff_cell *out, int count)
{
    int from_count = 0;
    const ff_cell *from = ff_infer_cells(c, 0, &from_count);
    if (from == NULL) {
        return false;
    }
    const ff_shape *x = ff_infer_shape(c, 0);
    int64_t axis = ff_node_int(c->node, "axis", 0), start = 0, stride[FF_MAX_RANK] = {0};
    axis += axis < 0 ? x->rank : 0;
    for (int k = 0; k < o; k++) {
        if (c->node->out[k] == FF_NO_VALUE) {
            return false;
        }
        start += out_shape(c, k)->dim[axis];
    }
    strides_of(x, stride);
    copy_strided(out, out_shape(c, o), count, from, start * stride[axis], stride);
    return true;
}

static bool gather(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    int from_count = 0, index_count = 0;
    const ff_cell *from = ff_infer_cells(c, 0, &from_count);
    const ff_cell *index = ff_infer_cells(c, 1, &index_count);
    if (from == NULL || index == NULL || ff_dtype_is_float(ff_infer_dtype(c, 1))) {
        return false;
    }
    const ff_shape *x = ff_infer_shape(c, 0);
    int64_t axis = ff_node_int(c->node, "axis", 0), inner = 1;
    axis += axis < 0 ? x->rank : 0;
    for (int a = (int)axis + 1; a < x->rank; a++) {
        inner *= x->dim[a];
    }
    int64_t dim = x->dim[axis], block = inner * index_count;
    for (int i = 0; i < count; i++) {
        int64_t k = index[i % block / inner].i;
        k += k < 0 ? dim : 0;
        if (k < 0 || k >= dim) {
            return false;
        }
        out[i] = from[(i / block * dim + k) * inner + i % inner];
    }
    return true;
}

static bool transpose(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    int from_count = 0;
    const ff_cell *from = ff_infer_cells(c, 0, &from_count);
    if (from == NULL) {
        return false;
    }
    const ff_shape *x = ff_infer_shape(c, 0);
    int64_t perm[FF_MAX_RANK], stride[FF_MAX_RANK] = {0}, step[FF_MAX_RANK] = {0};
    bool given = ff_node_ints(c->node, "perm", perm, FF_MAX_RANK) > 0;
    strides_of(x, stride);
    for (int a = 0; a < x->rank; a++) {
        step[a] = stride[given ? perm[a] : x->rank - 1 - a];
    }
    copy_strided(out, out_shape(c, 0), count, from, 0, step);
    return true;
}

static bool expand(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o, (void)count;
    return ff_fold_broadcast(c, 0, out);
}

static bool tile(ff_infer *c, int o, ff_cell *out, int count)
{
    int from_count = 0;
    const ff_cell *from = ff_infer_cells(c, 0, &from_count);
    if (from == NULL) {
        return false;
    }
    const ff_shape *x = ff_infer_shape(c, 0), *to = out_shape(c, o);
    int64_t stride[FF_MAX_RANK] = {0}, to_stride[FF_MAX_RANK] = {0};
    strides_of(x, stride);
    strides_of(to, to_stride);
    for (int i = 0; i < count; i++) {
        int64_t at = 0;
        for (int a = 0; a < x->rank; a++) {
            at += i / to_stride[a] % to->dim[a] % x->dim[a] * stride[a];
        }
        out[i] = from[at];
    }
    return true;
}

static bool constant_of_shape(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    const ff_attr *value = ff_node_attr(c->node, "value");
    ff_cell cell = {.f = 0};
    if (value != NULL) {
        if (value->kind != FF_ATTR_TENSOR || !ff_infer_folds(value->tensor_dtype) ||
            value->tensor_data.len != ff_dtype_bytes(value->tensor_dtype)) {
            return false;
        }
        cell = ff_infer_load(value->tensor_dtype, value->tensor_data.data);
    }
    for (int i = 0; i < count; i++) {
        out[i] = cell;
    }
    return true;
}

const ff_fold_entry ff_fold_move_table[] = {
    {"Identity", same}, {"Reshape", same},   {"Flatten", same},
    {"Squeeze", same},  {"Unsqueeze", same}, {"Shape", shape},
    {"Size", size},     {"Concat", concat},  {"Slice", slice},
    {"Split", split},   {"Gather", gather},  {"Transpose", transpose},
    {"Expand", expand}, {"Tile", tile},      {"ConstantOfShape", constant_of_shape},
    {NULL, NULL},
};
