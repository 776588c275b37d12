/* Comparing results: the error, the reference's size, differing bits, the largest element. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "tensor/tensor.h"

static ff_diff diff_of(ff_dtype dtype, const void *reference, const void *result, int64_t elems)
{
    ff_shape shape = {1, {elems}};
    size_t bytes = (size_t)elems * ff_dtype_bytes(dtype);
    uint8_t unaligned[257];
    ff_tensor a, b;
    ff_diff out;
    ff_err err;
    assert_true(bytes < sizeof unaligned);
    memcpy(unaligned + 1, result, bytes);
    assert_int_equal(ff_tensor_view(dtype, &shape, (void *)(uintptr_t)reference, bytes, &a, &err),
                     FF_OK);
    assert_int_equal(ff_tensor_view(dtype, &shape, unaligned + 1, bytes, &b, &err), FF_OK);
    assert_int_equal(ff_tensor_diff(&a, &b, &out, &err), FF_OK);
    return out;
}

static void test_float32(void **state)
{
    (void)state;
    const float reference[] = {1, -8, 3, 3, 0, NAN, INFINITY};
    float result[] = {1, -8.5f, 3, 3, -0.0f, NAN, INFINITY};
    ff_diff d = diff_of(FF_DTYPE_F32, reference, result, 5);
    assert_true(d.max_abs_error == 0.5 && d.max_abs_reference == 8);
    assert_int_equal(d.differing, 2); /* -0.0 has other bits than 0 */
    assert_int_equal(d.argmax, 2);    /* first of equals */
    assert_int_equal(d.argmax_reference, 2);
    assert_false(ff_diff_ok(&d, FF_DTYPE_F32));
    result[1] = -8.0007f;
    d = diff_of(FF_DTYPE_F32, reference, result, 7);
    assert_true(d.max_abs_error < 8e-4 && d.max_abs_reference == 8); /* infinity is no size */
    assert_true(ff_diff_ok(&d, FF_DTYPE_F32));
    assert_int_equal(d.argmax, 6);
    result[1] = -8.0009f;
    d = diff_of(FF_DTYPE_F32, reference, result, 5);
    assert_false(ff_diff_ok(&d, FF_DTYPE_F32));
}

static void test_not_finite(void **state)
{
    (void)state;
    static const struct {
        float reference, result;
        double error;
    } rows[] = {
        {NAN, 1, INFINITY},
        {1, NAN, INFINITY},
        {NAN, NAN, 0},
        {INFINITY, 5, INFINITY},
        {5, INFINITY, INFINITY},
        {INFINITY, INFINITY, 0},
        {INFINITY, -INFINITY, INFINITY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_diff d = diff_of(FF_DTYPE_F32, &rows[i].reference, &rows[i].result, 1);
        assert_true(d.max_abs_error == rows[i].error);
        assert_int_equal(ff_diff_ok(&d, FF_DTYPE_F32), rows[i].error == 0);
    }
    float nan = NAN;
    assert_int_equal(diff_of(FF_DTYPE_F32, &nan, &nan, 1).argmax, -1);
    assert_int_equal(diff_of(FF_DTYPE_F32, &nan, &nan, 0).argmax, -1);
}

/* For every type: two elements, the second differs by a known amount. */
static void test_types(void **state)
{
    (void)state;
    static const struct {
        ff_dtype dtype;
        uint64_t reference, result; /* bits of one element, little-endian */
        double error, size;
    } rows[] = {
        {FF_DTYPE_U8, 250, 5, 245, 250},
        {FF_DTYPE_I8, 0x80, 0x7f, 255, 128},
        {FF_DTYPE_U16, 65535, 0, 65535, 65535},
        {FF_DTYPE_I16, 0x8000, 0x7fff, 65535, 32768},
        {FF_DTYPE_I32, 0x80000000u, 0x7fffffffu, 4294967295.0, 2147483648.0},
        {FF_DTYPE_U32, 0, 0xffffffffu, 4294967295.0, 0},
        {FF_DTYPE_I64, (uint64_t)1 << 62, ((uint64_t)1 << 62) + 1, 1, 0x1p62}, /* exact */
        {FF_DTYPE_U64, UINT64_MAX, UINT64_MAX - 3, 3, 0x1p64},
        {FF_DTYPE_BOOL, 1, 0, 1, 1},
        {FF_DTYPE_F16, 0x3c00, 0x4000, 1, 1},  /* 1, 2 */
        {FF_DTYPE_BF16, 0x3f80, 0xc000, 3, 1}, /* 1, -2 */
        {FF_DTYPE_F64, 0x3ff0000000000000u, 0x3ff8000000000000u, 0.5, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t bytes = ff_dtype_bytes(rows[i].dtype);
        uint8_t a[16] = {0}, b[16] = {0};
        memcpy(a + bytes, &rows[i].reference, bytes);
        memcpy(b + bytes, &rows[i].result, bytes);
        ff_diff d = diff_of(rows[i].dtype, a, b, 2);
        assert_true(d.max_abs_error == rows[i].error);
        assert_true(d.max_abs_reference == rows[i].size);
        assert_int_equal(d.differing, 1);
        assert_false(ff_diff_ok(&d, rows[i].dtype));
        d = diff_of(rows[i].dtype, a, a, 2);
        assert_true(d.max_abs_error == 0 && ff_diff_ok(&d, rows[i].dtype));
    }
}

static void test_refused(void **state)
{
    (void)state;
    float values[4] = {0};
    ff_shape two = {1, {2}}, other = {2, {1, 2}};
    ff_tensor a, b, c;
    ff_diff d = {.differing = 9};
    ff_err err = {0};
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &two, values, 8, &a, &err), FF_OK);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &other, values, 8, &b, &err), FF_OK);
    assert_int_equal(ff_tensor_view(FF_DTYPE_I32, &two, values, 8, &c, &err), FF_OK);
    assert_int_equal(ff_tensor_diff(&a, &b, &d, &err), FF_MISMATCH);
    assert_string_equal(err.message, "float32 2 wanted, found float32 1x2");
    assert_int_equal(ff_tensor_diff(&a, &c, &d, &err), FF_MISMATCH);
    assert_int_equal(d.differing, 9);
}

/* Saturated answers: the largest element is in many places at once. */
static void equal_maxima_are_one_place(void **state)
{
    (void)state;
    const float reference[] = {0.1f, 1.0f, 0.99999f, 0.5f};
    const float near[] = {0.1f, 0.99998f, 1.0f, 0.5f};
    const float far[] = {0.1f, 0.9f, 0.5f, 1.0f};
    ff_diff d = diff_of(FF_DTYPE_F32, reference, near, 4);
    assert_int_equal(d.argmax, 2);
    assert_true(ff_diff_argmax_ok(&d, FF_DTYPE_F32));
    d = diff_of(FF_DTYPE_F32, reference, far, 4);
    assert_int_equal(d.argmax, 3);
    assert_true(d.argmax_gap > 0.49 && d.argmax_gap < 0.51);
    assert_false(ff_diff_argmax_ok(&d, FF_DTYPE_F32));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_maxima_are_one_place),
        cmocka_unit_test(test_float32),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
