/*
 * Shapes of ops that pick elements by index, or make tensors from numbers.
 */
#include <math.h>
#include <string.h>

#include "graph/infer_int.h"

static ff_code typed(ff_infer *c, const ff_shape *shape)
{
    return ff_infer_out(c, 0, ff_infer_dtype(c, 0), shape);
}

static ff_code gather(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0), *idx = ff_infer_shape(c, 1);
    if (x == NULL || idx == NULL) {
        return typed(c, NULL);
    }
    int axis = 0;
    ff_code code = ff_infer_axis(c, ff_node_int(c->node, "axis", 0), x->rank, &axis);
    if (code != FF_OK || x->rank - 1 + idx->rank > FF_MAX_RANK) {
        return code != FF_OK ? code : typed(c, NULL);
    }
    ff_shape out = {.rank = 0};
    for (int a = 0; a < axis; a++) {
        out.dim[out.rank++] = x->dim[a];
    }
    for (int a = 0; a < idx->rank; a++) {
        out.dim[out.rank++] = idx->dim[a];
    }
    for (int a = axis + 1; a < x->rank; a++) {
        out.dim[out.rank++] = x->dim[a];
    }
    return typed(c, &out);
}

static ff_code gather_elements(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0), *idx = ff_infer_shape(c, 1);
    if (x != NULL && idx != NULL && x->rank != idx->rank) {
        return ff_infer_fail(c, "data and indices should have as many dims, found %d and %d",
                             x->rank, idx->rank);
    }
    return typed(c, idx);
}

static ff_code gather_nd(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0), *idx = ff_infer_shape(c, 1);
    int64_t batch = ff_node_int(c->node, "batch_dims", 0);
    if (x == NULL || idx == NULL) {
        return typed(c, NULL);
    }
    int64_t depth = idx->rank > 0 ? idx->dim[idx->rank - 1] : 0;
    if (depth < 1 || batch < 0 || batch >= idx->rank || depth > x->rank - batch) {
        return ff_infer_fail(c, "indices of %lld numbers and %lld batch dims do not fit %d dims",
                             (long long)depth, (long long)batch, x->rank);
    }
    if (idx->rank - 1 + x->rank - (batch + depth) > FF_MAX_RANK) {
        return typed(c, NULL);
    }
    ff_shape out = {.rank = 0};
    for (int a = 0; a + 1 < idx->rank; a++) {
        out.dim[out.rank++] = idx->dim[a];
    }
    for (int a = (int)(batch + depth); a < x->rank; a++) {
        out.dim[out.rank++] = x->dim[a];
    }
    return typed(c, &out);
}

static ff_code shape_of(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    if (x == NULL) {
        return ff_infer_out(c, 0, FF_DTYPE_I64, NULL);
    }
    int64_t start = ff_node_int(c->node, "start", 0);
    int64_t end = ff_node_int(c->node, "end", x->rank);
    start += start < 0 ? x->rank : 0;
    end += end < 0 ? x->rank : 0;
    start = start < 0 ? 0 : start > x->rank ? x->rank : start;
    end = end < 0 ? 0 : end > x->rank ? x->rank : end;
    const ff_shape out = {1, {end > start ? end - start : 0}};
    return ff_infer_out(c, 0, FF_DTYPE_I64, &out);
}

static ff_code size_of(ff_infer *c)
{
    const ff_shape scalar = {.rank = 0};
    return ff_infer_out(c, 0, FF_DTYPE_I64, &scalar);
}

static ff_code range(ff_infer *c)
{
    ff_dtype dtype = ff_infer_dtype(c, 0);
    const ff_cell *cells[3];
    int count = 0;
    for (int i = 0; i < 3; i++) {
        cells[i] = ff_infer_cells(c, i, &count);
        if (cells[i] == NULL || count != 1) {
            return ff_infer_out(c, 0, dtype, NULL);
        }
    }
    double length = 0;
    if (ff_dtype_is_float(dtype)) {
        length = ceil((cells[1]->f - cells[0]->f) / cells[2]->f);
    } else {
        int64_t start = cells[0]->i, limit = cells[1]->i, step = cells[2]->i, gap = 0;
        if (step == 0 || step == INT64_MIN || __builtin_sub_overflow(limit, start, &gap)) {
            return ff_infer_fail(c, "a range from %lld to %lld by %lld", (long long)start,
                                 (long long)limit, (long long)step);
        }
        /* rounded up where the quotient is positive */
        length = (double)(gap / step + (gap % step != 0 && (gap < 0) == (step < 0)));
    }
    if (!(length <= (double)FF_MAX_TENSOR_BYTES)) {
        return ff_infer_fail(c, "a range of %g elements", length);
    }
    const ff_shape out = {1, {length > 0 ? (int64_t)length : 0}};
    return ff_infer_out(c, 0, dtype, &out);
}

/* A shape from the known ints of input i. */
static bool shape_from(ff_infer *c, int i, ff_shape *out)
{
    int count = 0;
    const ff_cell *cells = ff_infer_ints(c, i, &count);
    if (cells == NULL || count > FF_MAX_RANK) {
        return false;
    }
    *out = (ff_shape){.rank = count};
    for (int a = 0; a < count; a++) {
        out->dim[a] = cells[a].i;
    }
    return true;
}

static ff_code constant_of_shape(ff_infer *c)
{
    const ff_attr *value = ff_node_attr(c->node, "value");
    ff_dtype dtype =
        value != NULL && value->kind == FF_ATTR_TENSOR ? value->tensor_dtype : FF_DTYPE_F32;
    ff_shape out;
    bool known = shape_from(c, 0, &out);
    return ff_infer_out(c, 0, dtype, known ? &out : NULL);
}

/* RandomNormal, RandomUniform: the shape is an attribute. */
static ff_code random_shape(ff_infer *c)
{
    ff_shape out = {.rank = 0};
    int count = ff_node_ints(c->node, "shape", out.dim, FF_MAX_RANK);
    if (count < 0 || count > FF_MAX_RANK) {
        return ff_infer_fail(c, "attribute 'shape' should have at most %d numbers, found %d",
                             FF_MAX_RANK, count);
    }
    out.rank = count;
    int64_t dtype = ff_node_int(c->node, "dtype", FF_DTYPE_F32);
    bool good = dtype > 0 && dtype <= FF_DTYPE_BF16;
    return ff_infer_out(c, 0, good ? (ff_dtype)dtype : FF_DTYPE_NONE, &out);
}

static ff_code one_hot(ff_infer *c)
{
    const ff_shape *idx = ff_infer_shape(c, 0);
    int count = 0, axis = 0;
    const ff_cell *depth = ff_infer_cells(c, 1, &count);
    ff_dtype dtype = ff_infer_dtype(c, 2);
    if (idx == NULL || depth == NULL || count != 1 || idx->rank + 1 > FF_MAX_RANK) {
        return ff_infer_out(c, 0, dtype, NULL);
    }
    ff_code code = ff_infer_axis(c, ff_node_int(c->node, "axis", -1), idx->rank + 1, &axis);
    ff_shape out = {.rank = idx->rank + 1};
    bool real = ff_dtype_is_float(ff_infer_dtype(c, 1));
    double length = real ? depth->f : (double)depth->i;
    if (code == FF_OK && !(length >= 0 && length <= (double)FF_MAX_TENSOR_BYTES)) {
        code = ff_infer_fail(c, "a depth of %g", length);
    }
    for (int a = 0, from = 0; a < out.rank && code == FF_OK; a++) {
        out.dim[a] = a == axis ? (int64_t)length : idx->dim[from++];
    }
    return code != FF_OK ? code : ff_infer_out(c, 0, dtype, &out);
}

static ff_code top_k(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    int count = 0, axis = 0;
    int64_t k = ff_node_int(c->node, "k", -1);
    bool known = x != NULL;
    if (c->opset >= 10) {
        const ff_cell *cells = ff_infer_cells(c, 1, &count);
        known = known && cells != NULL && count == 1;
        k = known ? cells->i : 0;
    }
    ff_shape out = known ? *x : (ff_shape){0};
    ff_code code = FF_OK;
    if (known) {
        code = ff_infer_axis(c, ff_node_int(c->node, "axis", -1), x->rank, &axis);
        if (code == FF_OK && (k < 0 || k > x->dim[axis])) {
            code = ff_infer_fail(c, "k should be within 0 and %lld, found %lld",
                                 (long long)x->dim[axis], (long long)k);
        }
        out.dim[axis] = k;
    }
    if (code == FF_OK) {
        code = typed(c, known ? &out : NULL);
    }
    return code != FF_OK ? code : ff_infer_out(c, 1, FF_DTYPE_I64, known ? &out : NULL);
}

/* NonZero, NonMaxSuppression: how many depends on the data. */
static ff_code unknown_ints(ff_infer *c)
{
    return ff_infer_out(c, 0, FF_DTYPE_I64, NULL);
}

/* Compress, Unique, MaxUnpool, Einsum: the type alone. */
static ff_code only_dtype(ff_infer *c)
{
    return typed(c, NULL);
}

const ff_infer_entry ff_infer_index_rules[] = {
    {"Gather", gather},
    {"GatherElements", gather_elements},
    {"GatherND", gather_nd},
    {"Shape", shape_of},
    {"Size", size_of},
    {"Range", range},
    {"ConstantOfShape", constant_of_shape},
    {"RandomNormal", random_shape},
    {"RandomUniform", random_shape},
    {"OneHot", one_hot},
    {"TopK", top_k},
    {"NonZero", unknown_ints},
    {"NonMaxSuppression", unknown_ints},
    {"Compress", only_dtype},
    {"Unique", only_dtype},
    {"MaxUnpool", only_dtype},
    {"Einsum", only_dtype},
    {NULL, NULL},
};
