/*
 * Weights that are no dense numbers: strings are kept as they are stored, sparse ones made dense.
 */
#include <string.h>

#include "graph/onnx_int.h"
#include "graph/onnx_wire.h"

#define STRING_DATA 6
/* A sparse weight's file says nothing of its dense size: models in use stay far below. */
#define MAX_DENSE ((size_t)1 << 30)

ff_code ff_onnx_strings(ff_onnx_reader *r, const Onnx__TensorProto *t, const char *what,
                        uint64_t elems, ff_bytes *data)
{
    void *block = NULL;
    ff_buf fields;
    if (t->has_raw_data || t->n_external_data > 0 || t->n_string_data != elems) {
        return ff_err_set(r->err, FF_FORMAT,
                          "%s should have %llu strings, but its string_data has %zu", what,
                          (unsigned long long)elems, t->n_string_data);
    }
    ff_buf_init(&fields, FF_MAX_ONNX_HEAD);
    ff_code code = FF_OK;
    for (size_t i = 0; i < t->n_string_data && code == FF_OK; i++) {
        const ProtobufCBinaryData *s = &t->string_data[i];
        code = ff_wire_put_bytes(&fields, STRING_DATA, ff_bytes_of(s->data, s->len), r->err);
    }
    if (code == FF_OK) {
        code = ff_graph_own(r->g, fields.len + 1, &block, r->err);
    }
    if (code == FF_OK) {
        if (fields.len > 0) {
            memcpy(block, fields.data, fields.len);
        }
        *data = ff_bytes_of(block, fields.len);
    }
    ff_buf_clean(&fields);
    return code;
}

typedef struct sparse {
    ff_onnx_reader *r;
    const char *what;
    ff_dtype dtype;
    ff_shape shape, value_shape, index_shape;
    ff_bytes values, indices;
} sparse;

static ff_code read_parts(sparse *s, const Onnx__SparseTensorProto *p)
{
    ff_dtype index = FF_DTYPE_NONE;
    ff_err *err = s->r->err;
    if (p->values == NULL || p->indices == NULL) {
        return ff_err_set(err, FF_FORMAT, "%s has no values or no indices", s->what);
    }
    if (p->n_dims > FF_MAX_RANK) {
        return ff_err_set(err, FF_UNSUPPORTED, "%s has %zu dims, the limit is %d", s->what,
                          p->n_dims, FF_MAX_RANK);
    }
    s->shape.rank = (int)p->n_dims;
    for (size_t a = 0; a < p->n_dims; a++) {
        s->shape.dim[a] = p->dims[a];
    }
    ff_code code = ff_onnx_tensor(s->r, p->values, s->what, &s->dtype, &s->value_shape, &s->values);
    if (code == FF_OK) {
        code = ff_onnx_tensor(s->r, p->indices, s->what, &index, &s->index_shape, &s->indices);
    }
    if (code != FF_OK) {
        return code;
    }
    bool flat = s->index_shape.rank == 1;
    if (s->dtype == FF_DTYPE_STRING || index != FF_DTYPE_I64 || s->value_shape.rank != 1 ||
        s->index_shape.rank < 1 || s->index_shape.rank > 2 ||
        s->index_shape.dim[0] != s->value_shape.dim[0] ||
        (!flat && s->index_shape.dim[1] != s->shape.rank)) {
        return ff_err_set(err, FF_FORMAT,
                          "%s should have a list of numbers and int64 indices of as many rows",
                          s->what);
    }
    return FF_OK;
}

/* Where value i belongs; false where that is outside. */
static bool place_of(const sparse *s, int64_t i, uint64_t elems, uint64_t *at)
{
    int64_t index = 0;
    if (s->index_shape.rank == 1) {
        memcpy(&index, s->indices.data + (size_t)i * sizeof index, sizeof index);
        *at = (uint64_t)index;
        return index >= 0 && *at < elems;
    }
    *at = 0;
    for (int a = 0; a < s->shape.rank; a++) {
        size_t k = (size_t)i * (size_t)s->shape.rank + (size_t)a;
        memcpy(&index, s->indices.data + k * sizeof index, sizeof index);
        if (index < 0 || index >= s->shape.dim[a]) {
            return false;
        }
        *at = *at * (uint64_t)s->shape.dim[a] + (uint64_t)index;
    }
    return true;
}

ff_code ff_onnx_sparse(ff_onnx_reader *r, const Onnx__SparseTensorProto *p, const char *what,
                       ff_dtype *dtype, ff_shape *shape, ff_bytes *data)
{
    sparse s = {.r = r, .what = what};
    size_t bytes = 0;
    uint64_t elems = 0;
    void *block = NULL;
    ff_code code = read_parts(&s, p);
    if (code == FF_OK) {
        code = ff_shape_elems(&s.shape, &elems, r->err);
    }
    if (code == FF_OK) {
        code = ff_shape_bytes(&s.shape, s.dtype, &bytes, r->err);
    }
    if (code != FF_OK) {
        return code;
    }
    if (bytes > MAX_DENSE) {
        return ff_err_set(r->err, FF_LIMIT, "%s has %zu bytes when dense, the limit is %zu", what,
                          bytes, MAX_DENSE);
    }
    code = ff_graph_own(r->g, bytes + 1, &block, r->err);
    if (code != FF_OK) {
        return code;
    }
    memset(block, 0, bytes + 1);
    size_t size = ff_dtype_bytes(s.dtype);
    for (int64_t i = 0; i < s.value_shape.dim[0]; i++) {
        uint64_t at;
        if (!place_of(&s, i, elems, &at)) {
            return ff_err_set(r->err, FF_FORMAT, "%s: index %lld lies outside of the tensor", what,
                              (long long)i);
        }
        memcpy((uint8_t *)block + at * size, s.values.data + (size_t)i * size, size);
    }
    *dtype = s.dtype;
    *shape = s.shape;
    *data = ff_bytes_of(block, bytes);
    return FF_OK;
}
