/*
 * Element types, numbered as ONNX's TensorProto.DataType.
 */
#ifndef FF_TENSOR_DTYPE_H
#define FF_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum ff_dtype {
    FF_DTYPE_NONE = 0,
    FF_DTYPE_F32 = 1,
    FF_DTYPE_U8 = 2,
    FF_DTYPE_I8 = 3,
    FF_DTYPE_U16 = 4,
    FF_DTYPE_I16 = 5,
    FF_DTYPE_I32 = 6,
    FF_DTYPE_I64 = 7,
    FF_DTYPE_STRING = 8, /* in graphs only; no tensor of ours holds one */
    FF_DTYPE_BOOL = 9,
    FF_DTYPE_F16 = 10,
    FF_DTYPE_F64 = 11,
    FF_DTYPE_U32 = 12,
    FF_DTYPE_U64 = 13,
    FF_DTYPE_BF16 = 16
} ff_dtype;

size_t ff_dtype_bytes(ff_dtype dtype);     /* of one element; 0 for STRING and what is unknown */
const char *ff_dtype_name(ff_dtype dtype); /* numpy's: "float32"; "bfloat16", "string"; "none" */
ff_dtype ff_dtype_from_name(const char *name); /* FF_DTYPE_NONE where there is none */
const char *ff_dtype_npy(ff_dtype dtype);      /* "<f4", "|u1", ...; NULL where numpy has none */
ff_dtype ff_dtype_from_npy(const char *descr, size_t len);
bool ff_dtype_is_float(ff_dtype dtype);

#endif
