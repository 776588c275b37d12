/*
 * Shapes and tensors: dense, row-major, little-endian.
 *
 * A tensor either owns its bytes (release != NULL, called with owner by clean) or borrows them.
 */
#ifndef FF_TENSOR_TENSOR_H
#define FF_TENSOR_TENSOR_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "tensor/dtype.h"

typedef struct ff_shape {
    int rank; /* 0 (a scalar) .. FF_MAX_RANK */
    int64_t dim[FF_MAX_RANK];
} ff_shape;

typedef struct ff_tensor {
    ff_dtype dtype;
    ff_shape shape;
    uint8_t *data;
    size_t bytes;
    void (*release)(void *owner); /* NULL: borrowed */
    void *owner;
} ff_tensor;

/* Elements; FF_LIMIT on overflow or over FF_MAX_TENSOR_BYTES elements, FF_FORMAT on a negative. */
ff_code ff_shape_elems(const ff_shape *shape, uint64_t *elems, ff_err *err);
ff_code ff_shape_bytes(const ff_shape *shape, ff_dtype dtype, size_t *bytes, ff_err *err);
bool ff_shape_equal(const ff_shape *a, const ff_shape *b);
/* "1x3x224x224"; "scalar". Returns text. */
const char *ff_shape_text(const ff_shape *shape, char *text, size_t size);
/* "1,3,640,640" or "1x3x640x640", every dim > 0. */
ff_code ff_shape_parse(const char *text, ff_shape *shape, ff_err *err);

/* A new tensor that owns memory of ff_mem_try: contents undefined. FF_NO_MEMORY, FF_LIMIT. */
ff_code ff_tensor_new(ff_dtype dtype, const ff_shape *shape, ff_tensor *out, ff_err *err);
/* Borrows data. FF_FORMAT where bytes is not what dtype and shape need. */
ff_code ff_tensor_view(ff_dtype dtype, const ff_shape *shape, void *data, size_t bytes,
                       ff_tensor *out, ff_err *err);
ff_code ff_tensor_copy(const ff_tensor *from, ff_tensor *out, ff_err *err);
void ff_tensor_clean(ff_tensor *t); /* accepts zeroed memory, and twice */

/* What a comparison of results says. Floats of any width, integers and bool, element by element. */
typedef struct ff_diff {
    double max_abs_error;     /* NaN on one side only counts as infinity */
    double max_abs_reference; /* of the reference's finite elements */
    uint64_t differing;       /* elements whose bits differ */
    int64_t argmax;           /* of the result; first of equals, NaN never; -1 where none */
    int64_t argmax_reference;
    double argmax_gap; /* how much less than its largest the reference is at the result's argmax */
} ff_diff;
/* FF_MISMATCH where dtype or shape differ. */
ff_code ff_tensor_diff(const ff_tensor *reference, const ff_tensor *result, ff_diff *out,
                       ff_err *err);
/* The project's measure: error <= tolerance * max|reference|, tolerance 1e-4 for float32 and
 * float64, 2e-3 for float16, 0 for integers. */
double ff_dtype_tolerance(ff_dtype dtype);
bool ff_diff_ok(const ff_diff *diff, ff_dtype dtype);
/* Do both have their largest element in the same place? Places whose reference values are equal
 * within the tolerance are the same. */
bool ff_diff_argmax_ok(const ff_diff *diff, ff_dtype dtype);

#endif
