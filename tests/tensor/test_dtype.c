/* The table of element types: names, numpy's names, widths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tensor/dtype.h"

static const struct {
    ff_dtype dtype;
    const char *name;
    const char *npy;
    size_t bytes;
    bool is_float;
} rows[] = {
    {FF_DTYPE_F32, "float32", "<f4", 4, true}, {FF_DTYPE_F64, "float64", "<f8", 8, true},
    {FF_DTYPE_F16, "float16", "<f2", 2, true}, {FF_DTYPE_BF16, "bfloat16", NULL, 2, true},
    {FF_DTYPE_U8, "uint8", "|u1", 1, false},   {FF_DTYPE_I8, "int8", "|i1", 1, false},
    {FF_DTYPE_U16, "uint16", "<u2", 2, false}, {FF_DTYPE_I16, "int16", "<i2", 2, false},
    {FF_DTYPE_U32, "uint32", "<u4", 4, false}, {FF_DTYPE_I32, "int32", "<i4", 4, false},
    {FF_DTYPE_U64, "uint64", "<u8", 8, false}, {FF_DTYPE_I64, "int64", "<i8", 8, false},
    {FF_DTYPE_BOOL, "bool", "|b1", 1, false},  {FF_DTYPE_STRING, "string", NULL, 0, false},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(ff_dtype_name(rows[i].dtype), rows[i].name);
        assert_int_equal(ff_dtype_from_name(rows[i].name), rows[i].dtype);
        assert_int_equal(ff_dtype_bytes(rows[i].dtype), rows[i].bytes);
        assert_int_equal(ff_dtype_is_float(rows[i].dtype), rows[i].is_float);
        if (!rows[i].npy) {
            assert_null(ff_dtype_npy(rows[i].dtype));
            continue;
        }
        assert_string_equal(ff_dtype_npy(rows[i].dtype), rows[i].npy);
        assert_int_equal(ff_dtype_from_npy(rows[i].npy, strlen(rows[i].npy)), rows[i].dtype);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    static const int unknown[] = {-1, 0, 14, 15, 17, 1000};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_string_equal(ff_dtype_name((ff_dtype)unknown[i]), "none");
        assert_int_equal(ff_dtype_bytes((ff_dtype)unknown[i]), 0);
        assert_null(ff_dtype_npy((ff_dtype)unknown[i]));
    }
    assert_int_equal(ff_dtype_from_name("float"), FF_DTYPE_NONE);
    assert_int_equal(ff_dtype_from_name(""), FF_DTYPE_NONE);
    assert_int_equal(ff_dtype_from_npy(">f4", 3), FF_DTYPE_NONE);
    assert_int_equal(ff_dtype_from_npy("<f4", 2), FF_DTYPE_NONE);
    assert_int_equal(ff_dtype_from_npy("<c8", 3), FF_DTYPE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
