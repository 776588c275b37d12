/* Elements to cells and back, for every type that folds. */
#include "graph/infer_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void cells_keep_every_value(void **state)
{
    (void)state;
    static const struct {
        ff_dtype dtype;
        int64_t i;
    } cases[] = {
        {FF_DTYPE_BOOL, 1},         {FF_DTYPE_U8, 255},        {FF_DTYPE_I8, -128},
        {FF_DTYPE_U16, 65535},      {FF_DTYPE_I16, -32768},    {FF_DTYPE_I32, INT32_MIN},
        {FF_DTYPE_U32, UINT32_MAX}, {FF_DTYPE_I64, INT64_MIN}, {FF_DTYPE_I64, INT64_MAX},
    };
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(ff_infer_folds(cases[i].dtype));
        memset(bytes, 0xa5, sizeof bytes);
        ff_infer_store(cases[i].dtype, (ff_cell){.i = cases[i].i}, bytes);
        assert_true(ff_infer_load(cases[i].dtype, bytes).i == cases[i].i);
        if (ff_dtype_bytes(cases[i].dtype) < 8) { /* no byte behind the element is touched */
            assert_int_equal(bytes[ff_dtype_bytes(cases[i].dtype)], 0xa5);
        }
    }
    ff_infer_store(FF_DTYPE_F32, (ff_cell){.f = 0.1}, bytes);
    assert_true(ff_infer_load(FF_DTYPE_F32, bytes).f == (double)0.1f);
    ff_infer_store(FF_DTYPE_F64, (ff_cell){.f = 0.1}, bytes);
    assert_true(ff_infer_load(FF_DTYPE_F64, bytes).f == 0.1);
    assert_false(ff_infer_folds(FF_DTYPE_F16));
    assert_false(ff_infer_folds(FF_DTYPE_U64));
    assert_false(ff_infer_folds(FF_DTYPE_STRING));
}

static void large_weights_are_not_decoded(void **state)
{
    (void)state;
    static const uint8_t data[(FF_FOLD_MAX + 1) * 8];
    ff_graph *g = ff_graph_new("w");
    ff_value v = {.dtype = FF_DTYPE_I64, .data = ff_bytes_of(data, sizeof data)};
    assert_null(ff_infer_decode(g, &v));
    v.data.len -= 8;
    assert_non_null(ff_infer_decode(g, &v));
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_keep_every_value),
        cmocka_unit_test(large_weights_are_not_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
