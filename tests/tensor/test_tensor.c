/* Shapes, tensors that own and tensors that borrow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "tensor/tensor.h"

static void test_shape_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ff_code code;
        const char *back;
    } rows[] = {
        {"1,3,640,640", FF_OK, "1x3x640x640"},
        {"1x3x640x640", FF_OK, "1x3x640x640"},
        {"7", FF_OK, "7"},
        {"1,2,3,4,5,6,7,8", FF_OK, "1x2x3x4x5x6x7x8"},
        {"1,2,3,4,5,6,7,8,9", FF_USAGE, NULL},
        {"", FF_USAGE, NULL},
        {",", FF_USAGE, NULL},
        {"1,", FF_USAGE, NULL},
        {"1,0", FF_USAGE, NULL},
        {"-1,3", FF_USAGE, NULL},
        {"1, 3", FF_USAGE, NULL},
        {"1,3x4", FF_USAGE, NULL},
        {"99999999999999999999", FF_USAGE, NULL},
        {"9223372036854775807,2", FF_LIMIT, NULL},
        {"100000,100000,100000", FF_LIMIT, NULL},
        {"1;3", FF_USAGE, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_shape shape = {.rank = 3, .dim = {5, 6, 7}};
        char text[200];
        ff_err err = {0};
        assert_int_equal(ff_shape_parse(rows[i].text, &shape, &err), rows[i].code);
        ff_shape_text(&shape, text, sizeof text);
        assert_string_equal(text, rows[i].back ? rows[i].back : "5x6x7"); /* untouched */
    }
}

static void test_shape_sizes(void **state)
{
    (void)state;
    static const struct {
        ff_shape shape;
        ff_dtype dtype;
        ff_code code;
        size_t bytes;
    } rows[] = {
        {{0, {0}}, FF_DTYPE_F32, FF_OK, 4},
        {{4, {1, 3, 224, 224}}, FF_DTYPE_F32, FF_OK, 602112},
        {{4, {1, 3, 224, 224}}, FF_DTYPE_F16, FF_OK, 301056},
        {{2, {0, 5}}, FF_DTYPE_I64, FF_OK, 0},
        {{3, {INT64_MAX, INT64_MAX, 0}}, FF_DTYPE_F32, FF_OK, 0},
        {{3, {INT64_MAX, -1, 0}}, FF_DTYPE_F32, FF_FORMAT, 0},
        {{2, {INT64_MAX, INT64_MAX}}, FF_DTYPE_U8, FF_LIMIT, 0},
        {{1, {(int64_t)16 << 30}}, FF_DTYPE_U8, FF_OK, (size_t)16 << 30},
        {{1, {(int64_t)16 << 30}}, FF_DTYPE_U16, FF_LIMIT, 0},
        {{1, {((int64_t)16 << 30) + 1}}, FF_DTYPE_U8, FF_LIMIT, 0},
        {{9, {0}}, FF_DTYPE_F32, FF_LIMIT, 0},
        {{-1, {0}}, FF_DTYPE_F32, FF_LIMIT, 0},
        {{1, {1}}, FF_DTYPE_STRING, FF_UNSUPPORTED, 0},
        {{1, {1}}, (ff_dtype)-5, FF_UNSUPPORTED, 0},
        {{1, {1}}, (ff_dtype)15, FF_UNSUPPORTED, 0},
        {{1, {1}}, (ff_dtype)99, FF_UNSUPPORTED, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t bytes = 77;
        ff_err err = {0};
        assert_int_equal(ff_shape_bytes(&rows[i].shape, rows[i].dtype, &bytes, &err), rows[i].code);
        assert_int_equal(bytes, rows[i].code ? 77 : rows[i].bytes);
        assert_int_equal(err.code, rows[i].code);
    }
    assert_true(ff_shape_equal(&rows[1].shape, &rows[2].shape));
    assert_false(ff_shape_equal(&rows[0].shape, &rows[1].shape));
    assert_false(ff_shape_equal(&rows[4].shape, &rows[5].shape));
}

static void test_shape_text(void **state)
{
    (void)state;
    ff_shape shape = {4, {1, 3, 224, 224}};
    ff_shape scalar = {0};
    char text[32];
    assert_string_equal(ff_shape_text(&scalar, text, sizeof text), "scalar");
    assert_string_equal(ff_shape_text(&shape, text, sizeof text), "1x3x224x224");
    for (size_t size = 1; size < 12; size++) { /* cut, terminated, within its room */
        memset(text, '#', sizeof text);
        ff_shape_text(&shape, text, size);
        assert_int_equal(strlen(text), size - 1);
        assert_memory_equal(text, "1x3x224x224", size - 1);
        assert_int_equal(text[size], '#');
    }
}

static void test_own_and_borrow(void **state)
{
    (void)state;
    ff_shape shape = {2, {2, 3}};
    float values[6] = {1, 2, 3, 4, 5, 6};
    ff_tensor view = {0}, copy = {0}, empty;
    ff_shape none = {2, {0, 3}};
    ff_err err = {0};
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, values, 23, &view, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "24"));
    assert_non_null(strstr(err.message, "23"));
    assert_null(view.data);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, values, 24, &view, &err), FF_OK);
    assert_ptr_equal(view.data, values);
    assert_null(view.release);
    assert_int_equal(ff_tensor_copy(&view, &copy, &err), FF_OK);
    assert_memory_equal(copy.data, values, sizeof values);
    assert_int_equal((uintptr_t)copy.data % 64, 0);
    ff_tensor_clean(&view);
    ff_tensor_clean(&copy);
    assert_null(copy.data);
    ff_tensor_clean(&copy);
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &none, &empty, &err), FF_OK);
    assert_int_equal(empty.bytes, 0);
    assert_int_equal(ff_tensor_copy(&empty, &copy, &err), FF_OK);
    ff_tensor_clean(&empty);
    ff_tensor_clean(&copy);
}

static void test_no_memory(void **state)
{
    (void)state;
    ff_shape shape = {2, {2, 3}};
    ff_tensor t = {.bytes = 5}, copy = {.bytes = 6};
    ff_err err = {0};
    ff_mem_fail_at(1);
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &shape, &t, &err), FF_NO_MEMORY);
    assert_int_equal(t.bytes, 5);
    assert_int_equal(ff_tensor_new(FF_DTYPE_U8, &shape, &t, &err), FF_OK);
    ff_mem_fail_at(1);
    assert_int_equal(ff_tensor_copy(&t, &copy, &err), FF_NO_MEMORY);
    assert_int_equal(copy.bytes, 6);
    ff_tensor_clean(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape_parse), cmocka_unit_test(test_shape_sizes),
        cmocka_unit_test(test_shape_text),  cmocka_unit_test(test_own_and_borrow),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
