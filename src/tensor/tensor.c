#include "tensor/tensor.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

ff_code ff_shape_elems(const ff_shape *shape, uint64_t *elems, ff_err *err)
{
    uint64_t count = 1;
    bool zero = false;
    if (shape->rank < 0 || shape->rank > FF_MAX_RANK)
        return ff_err_set(err, FF_LIMIT, "a shape of rank %d, at most %d is supported", shape->rank,
                          FF_MAX_RANK);
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0)
            return ff_err_set(err, FF_FORMAT, "axis %d of a shape is %" PRId64, i, shape->dim[i]);
        zero = zero || shape->dim[i] == 0;
    }
    for (int i = 0; i < shape->rank && !zero; i++)
        if (__builtin_mul_overflow(count, (uint64_t)shape->dim[i], &count) ||
            count > FF_MAX_TENSOR_BYTES) {
            char text[200];
            return ff_err_set(err, FF_LIMIT, "shape %s has more than %" PRIu64 " elements",
                              ff_shape_text(shape, text, sizeof text), FF_MAX_TENSOR_BYTES);
        }
    *elems = zero ? 0 : count;
    return FF_OK;
}

ff_code ff_shape_bytes(const ff_shape *shape, ff_dtype dtype, size_t *bytes, ff_err *err)
{
    uint64_t elems;
    size_t elem_bytes = ff_dtype_bytes(dtype);
    if (elem_bytes == 0)
        return ff_err_set(err, FF_UNSUPPORTED, "no tensor can hold elements of type %s (%d)",
                          ff_dtype_name(dtype), (int)dtype);
    ff_code code = ff_shape_elems(shape, &elems, err);
    if (code)
        return code;
    if (elems > FF_MAX_TENSOR_BYTES / elem_bytes)
        return ff_err_set(err, FF_LIMIT, "a tensor of %" PRIu64 " x %zu bytes, at most %" PRIu64,
                          elems, elem_bytes, FF_MAX_TENSOR_BYTES);
    *bytes = (size_t)elems * elem_bytes;
    return FF_OK;
}

bool ff_shape_equal(const ff_shape *a, const ff_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

const char *ff_shape_text(const ff_shape *shape, char *text, size_t size)
{
    size_t at = 0;
    snprintf(text, size, "%s", "scalar");
    for (int i = 0; i < shape->rank && i < FF_MAX_RANK && at < size; i++) {
        int n = snprintf(text + at, size - at, "%s%" PRId64, i ? "x" : "", shape->dim[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    return text;
}

ff_code ff_shape_parse(const char *text, ff_shape *shape, ff_err *err)
{
    ff_shape out = {0};
    uint64_t elems;
    char separator = strchr(text, 'x') ? 'x' : ',';
    for (const char *at = text;; at++) {
        char *end;
        errno = 0;
        long long dim = *at >= '0' && *at <= '9' ? strtoll(at, &end, 10) : 0;
        if (dim <= 0 || errno)
            return ff_err_set(err, FF_USAGE,
                              "shape \"%s\": a dimension above 0 wanted at character %td", text,
                              at - text + 1);
        if (out.rank == FF_MAX_RANK)
            return ff_err_set(err, FF_USAGE, "shape \"%s\" has more than %d dimensions", text,
                              FF_MAX_RANK);
        out.dim[out.rank++] = dim;
        if (!*end)
            break;
        if (*end != separator)
            return ff_err_set(err, FF_USAGE, "shape \"%s\": '%c' wanted at character %td", text,
                              separator, end - text + 1);
        at = end;
    }
    ff_code code = ff_shape_elems(&out, &elems, err);
    if (code == FF_OK)
        *shape = out;
    return code;
}

ff_code ff_tensor_new(ff_dtype dtype, const ff_shape *shape, ff_tensor *out, ff_err *err)
{
    size_t bytes;
    ff_code code = ff_shape_bytes(shape, dtype, &bytes, err);
    if (code)
        return code;
    uint8_t *data = ff_mem_try(bytes ? bytes : 1);
    if (!data)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for a tensor of %zu bytes", bytes);
    *out = (ff_tensor){dtype, *shape, data, bytes, ff_mem_free, data};
    return FF_OK;
}

ff_code ff_tensor_view(ff_dtype dtype, const ff_shape *shape, void *data, size_t bytes,
                       ff_tensor *out, ff_err *err)
{
    size_t wanted;
    ff_code code = ff_shape_bytes(shape, dtype, &wanted, err);
    if (code)
        return code;
    if (bytes != wanted) {
        char text[200];
        return ff_err_set(err, FF_FORMAT, "%s %s needs %zu bytes, found %zu", ff_dtype_name(dtype),
                          ff_shape_text(shape, text, sizeof text), wanted, bytes);
    }
    *out = (ff_tensor){dtype, *shape, data, bytes, NULL, NULL};
    return FF_OK;
}

ff_code ff_tensor_copy(const ff_tensor *from, ff_tensor *out, ff_err *err)
{
    ff_tensor copy;
    ff_code code = ff_tensor_new(from->dtype, &from->shape, &copy, err);
    if (code)
        return code;
    if (from->bytes)
        memcpy(copy.data, from->data, from->bytes);
    *out = copy;
    return FF_OK;
}

void ff_tensor_clean(ff_tensor *t)
{
    if (t->release)
        t->release(t->owner);
    *t = (ff_tensor){0};
}
