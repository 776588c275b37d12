/*
 * The .npy format, versions 1.0 and 2.0 (numpy/lib/format.py):
 *
 *   "\x93NUMPY" | u8 major | u8 minor | u16 (1.0) or u32 (2.0) header length, little-endian |
 *   "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224), }" blanks "\n" | elements
 *
 * We write version 1.0 with the elements at an offset that is a multiple of 64 (128 for usual
 * shapes). bfloat16 has no numpy type: written as '<u2', told apart by the envelope. Parsing works
 * on the caller's bytes and copies nothing; fortran_order True and big-endian are FF_UNSUPPORTED.
 */
#ifndef FF_TENSOR_NPY_H
#define FF_TENSOR_NPY_H

#include "tensor/tensor.h"

#define FF_NPY_HEADER_MAX 320 /* what emit may write: rank 8 with 19 digits each */

typedef struct ff_npy {
    ff_dtype dtype;
    ff_shape shape;
    size_t header_bytes; /* offset of the first element */
    size_t data_bytes;
} ff_npy;

/* Reads the header from the first len bytes. *need = 0 when done; otherwise the number of bytes
 * that are needed at least before calling again (bad input is FF_FORMAT with the position). */
ff_code ff_npy_parse(ff_bytes bytes, ff_npy *out, size_t *need, ff_err *err);
/* A tensor that borrows the elements of a whole .npy; FF_FORMAT where the length is not exact. */
ff_code ff_npy_view(ff_bytes bytes, ff_tensor *out, ff_err *err);
/* The header of a tensor; returns its length, a multiple of 64. FF_UNSUPPORTED for strings. */
ff_code ff_npy_header(ff_dtype dtype, const ff_shape *shape, uint8_t out[FF_NPY_HEADER_MAX],
                      size_t *len, ff_err *err);

ff_code ff_npy_read_file(const char *path, ff_tensor *out, ff_err *err);
ff_code ff_npy_write_file(const char *path, const ff_tensor *tensor, ff_err *err);

#endif
