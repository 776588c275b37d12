/* Parts of weights: views where they can be, the right bytes where they cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "split/split_int.h"

static const ff_region ROWS = {2, {2, 0}, {4, 6}}, COLUMNS = {2, {0, 1}, {4, 3}};

static void parts(void **state)
{
    (void)state;
    uint8_t data[24];
    for (int i = 0; i < 24; i++) {
        data[i] = (uint8_t)i;
    }
    const ff_value w = {.name = "w",
                        .kind = FF_VALUE_WEIGHT,
                        .dtype = FF_DTYPE_U8,
                        .has_shape = true,
                        .shape = {2, {4, 6}},
                        .data = {data, sizeof data}};
    static const uint8_t COPIED[] = {1, 2, 7, 8, 13, 14, 19, 20};
    static const uint8_t TWO_RUNS[] = {1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23};
    ff_arena *arena = ff_arena_new();
    ff_bytes bytes;
    assert_int_equal(ff_weight_bytes(arena, &w, &ROWS, 0, 1, &bytes, NULL), FF_OK);
    assert_ptr_equal(bytes.data, data + 12); /* no copy */
    assert_int_equal(bytes.len, 12);
    assert_int_equal(ff_weight_bytes(arena, &w, &COLUMNS, 1, 1, &bytes, NULL), FF_OK);
    assert_int_equal(bytes.len, sizeof COPIED);
    assert_memory_equal(bytes.data, COPIED, sizeof COPIED);
    assert_int_equal(ff_weight_bytes(arena, &w, &COLUMNS, 1, 2, &bytes, NULL), FF_OK);
    assert_int_equal(bytes.len, sizeof TWO_RUNS);
    assert_memory_equal(bytes.data, TWO_RUNS, sizeof TWO_RUNS);
    ff_arena_free(arena);
}

/* Runs of either axis, one behind the other; runs that do not exist are refused. */
static void gathered(void **state)
{
    (void)state;
    uint16_t data[24], rows[3 * 6], columns[4 * 3];
    for (int i = 0; i < 24; i++) {
        data[i] = (uint16_t)(1000 + i);
    }
    const ff_value w = {.name = "w",
                        .kind = FF_VALUE_WEIGHT,
                        .dtype = FF_DTYPE_F16,
                        .has_shape = true,
                        .shape = {2, {4, 6}},
                        .data = {(const uint8_t *)data, sizeof data}};
    static const ff_range ROW_RUNS[] = {{0, 1}, {2, 4}}, COLUMN_RUNS[] = {{1, 3}, {5, 6}};
    static const ff_range BAD[] = {{-1, 1}, {2, 2}, {3, 5}};
    for (int i = 0; i < 18; i++) {
        rows[i] = data[i < 6 ? i : i + 6];
    }
    for (int i = 0; i < 12; i++) {
        columns[i] = data[i / 3 * 6 + (i % 3 < 2 ? i % 3 + 1 : 5)];
    }
    ff_arena *arena = ff_arena_new();
    ff_bytes bytes;
    ff_err err = {0};
    assert_int_equal(ff_weight_gather(arena, &w, 0, ROW_RUNS, 2, &bytes, &err), FF_OK);
    assert_int_equal(bytes.len, sizeof rows);
    assert_memory_equal(bytes.data, rows, sizeof rows);
    assert_int_equal(ff_weight_gather(arena, &w, 1, COLUMN_RUNS, 2, &bytes, &err), FF_OK);
    assert_int_equal(bytes.len, sizeof columns);
    assert_memory_equal(bytes.data, columns, sizeof columns);
    /* only how long it is */
    assert_int_equal(ff_weight_gather(NULL, &w, 1, COLUMN_RUNS, 2, &bytes, &err), FF_OK);
    assert_int_equal(bytes.len, sizeof columns);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(ff_weight_gather(arena, &w, 0, &BAD[i], 1, &bytes, &err), FF_INTERNAL);
    }
    ff_arena_free(arena);
}

static void nothing(void **state)
{
    (void)state;
    const ff_value w = {.dtype = FF_DTYPE_F32, .has_shape = true, .shape = {1, {0}}};
    const ff_region all = {1, {0}, {0}};
    ff_bytes bytes = {0};
    assert_int_equal(ff_weight_bytes(NULL, &w, &all, 0, 1, &bytes, NULL), FF_OK);
    assert_int_equal(bytes.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts), cmocka_unit_test(gathered),
                                       cmocka_unit_test(nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
