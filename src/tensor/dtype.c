#include "tensor/dtype.h"

#include <string.h>

typedef struct dtype_row {
    const char *name;
    const char *npy; /* NULL: numpy has none */
    size_t bytes;
    bool is_float;
} dtype_row;

static const dtype_row rows[] = {
    [FF_DTYPE_NONE] = {"none", NULL, 0, false},     [FF_DTYPE_F32] = {"float32", "<f4", 4, true},
    [FF_DTYPE_U8] = {"uint8", "|u1", 1, false},     [FF_DTYPE_I8] = {"int8", "|i1", 1, false},
    [FF_DTYPE_U16] = {"uint16", "<u2", 2, false},   [FF_DTYPE_I16] = {"int16", "<i2", 2, false},
    [FF_DTYPE_I32] = {"int32", "<i4", 4, false},    [FF_DTYPE_I64] = {"int64", "<i8", 8, false},
    [FF_DTYPE_STRING] = {"string", NULL, 0, false}, [FF_DTYPE_BOOL] = {"bool", "|b1", 1, false},
    [FF_DTYPE_F16] = {"float16", "<f2", 2, true},   [FF_DTYPE_F64] = {"float64", "<f8", 8, true},
    [FF_DTYPE_U32] = {"uint32", "<u4", 4, false},   [FF_DTYPE_U64] = {"uint64", "<u8", 8, false},
    [FF_DTYPE_BF16] = {"bfloat16", NULL, 2, true},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const dtype_row *row_of(ff_dtype dtype)
{
    size_t i = (size_t)dtype;
    return i < ROW_COUNT && rows[i].name ? &rows[i] : &rows[FF_DTYPE_NONE];
}

size_t ff_dtype_bytes(ff_dtype dtype)
{
    return row_of(dtype)->bytes;
}

const char *ff_dtype_name(ff_dtype dtype)
{
    return row_of(dtype)->name;
}

ff_dtype ff_dtype_from_name(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].name && strcmp(rows[i].name, name) == 0)
            return (ff_dtype)i;
    return FF_DTYPE_NONE;
}

const char *ff_dtype_npy(ff_dtype dtype)
{
    return row_of(dtype)->npy;
}

ff_dtype ff_dtype_from_npy(const char *descr, size_t len)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].npy && strlen(rows[i].npy) == len && memcmp(rows[i].npy, descr, len) == 0)
            return (ff_dtype)i;
    return FF_DTYPE_NONE;
}

bool ff_dtype_is_float(ff_dtype dtype)
{
    return row_of(dtype)->is_float;
}
