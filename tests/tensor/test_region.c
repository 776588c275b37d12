/* Regions against the plain definition, element by element, on seeded random boxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "tensor/half.h"
#include "tensor/region.h"

static ff_region region_of(int rank, const int64_t lo[], const int64_t hi[])
{
    ff_region region = {.rank = rank};
    for (int i = 0; i < rank; i++) {
        region.lo[i] = lo[i];
        region.hi[i] = hi[i];
    }
    return region;
}

/* The element's index in the whole, of the n-th element of the region in row-major order. */
static size_t index_of(const ff_region *region, const ff_shape *shape, size_t n)
{
    size_t index = 0, scale = 1;
    for (int i = region->rank - 1; i >= 0; i--) {
        size_t length = (size_t)(region->hi[i] - region->lo[i]);
        index += ((size_t)region->lo[i] + n % length) * scale;
        n /= length;
        scale *= (size_t)shape->dim[i];
    }
    return index;
}

static void random_case(ff_random *r, ff_shape *shape, ff_region *region)
{
    *shape = (ff_shape){.rank = (int)ff_random_below(r, 6)};
    *region = (ff_region){.rank = shape->rank};
    for (int i = 0; i < shape->rank; i++) {
        shape->dim[i] = ff_random_between(r, 1, 6);
        bool whole = ff_random_below(r, 2) == 0;
        region->lo[i] = whole ? 0 : ff_random_between(r, 0, shape->dim[i] - 1);
        region->hi[i] =
            whole ? shape->dim[i] : ff_random_between(r, region->lo[i] + 1, shape->dim[i]);
    }
}

static void fill(ff_random *r, ff_tensor *t)
{
    for (size_t i = 0; i < t->bytes; i++)
        t->data[i] = (uint8_t)ff_random_u64(r);
}

static void test_slice_and_place(void **state)
{
    (void)state;
    static const ff_dtype dtypes[] = {FF_DTYPE_U8, FF_DTYPE_F16, FF_DTYPE_F32, FF_DTYPE_I64};
    ff_random r;
    ff_random_init(&r, 1);
    for (int round = 0; round < 3000; round++) {
        ff_shape shape, part_shape;
        ff_region region;
        ff_tensor whole, part, before;
        size_t offset = 0;
        random_case(&r, &shape, &region);
        ff_dtype dtype = dtypes[round % 4];
        size_t width = ff_dtype_bytes(dtype);
        part_shape = ff_region_shape(&region);
        assert_int_equal(ff_tensor_new(dtype, &shape, &whole, NULL), FF_OK);
        assert_int_equal(ff_tensor_new(dtype, &part_shape, &part, NULL), FF_OK);
        fill(&r, &whole);
        assert_int_equal(ff_region_slice(&whole, &region, part.data, NULL), FF_OK);
        bool run = true;
        for (size_t n = 0; n < part.bytes / width; n++) {
            size_t index = index_of(&region, &shape, n);
            assert_memory_equal(part.data + n * width, whole.data + index * width, width);
            run = run && index == index_of(&region, &shape, 0) + n;
        }
        assert_int_equal(ff_region_contiguous(&region, &shape, dtype, &offset), run);
        if (run)
            assert_int_equal(offset, index_of(&region, &shape, 0) * width);

        assert_int_equal(ff_tensor_copy(&whole, &before, NULL), FF_OK);
        fill(&r, &part);
        assert_int_equal(ff_region_place(&whole, &region, &part, NULL), FF_OK);
        for (size_t n = 0; n < part.bytes / width; n++) {
            size_t index = index_of(&region, &shape, n) * width;
            assert_memory_equal(whole.data + index, part.data + n * width, width);
            memcpy(before.data + index, part.data + n * width, width);
        }
        assert_memory_equal(whole.data, before.data, whole.bytes); /* and nothing else changed */
        ff_tensor_clean(&whole);
        ff_tensor_clean(&part);
        ff_tensor_clean(&before);
    }
}

static void test_tiles_make_the_whole(void **state)
{
    (void)state;
    enum { C = 3, H = 7, W = 5 };
    float values[C * H * W], out[C * H * W], tile[C * H * W];
    ff_shape shape = {4, {1, C, H, W}};
    ff_tensor from, to;
    for (int i = 0; i < C * H * W; i++)
        values[i] = (float)i;
    memset(out, 0xff, sizeof out);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, values, sizeof values, &from, NULL), 0);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, out, sizeof out, &to, NULL), 0);
    for (int row = 0; row < 2; row++)
        for (int column = 0; column < 2; column++) { /* 7 = 4 + 3 rows, 5 = 3 + 2 columns */
            int64_t lo[4] = {0, 0, row ? 4 : 0, column ? 3 : 0};
            int64_t hi[4] = {1, C, row ? 7 : 4, column ? 5 : 3};
            ff_region region = region_of(4, lo, hi);
            ff_shape part_shape = ff_region_shape(&region);
            size_t bytes;
            ff_tensor part;
            assert_int_equal(ff_shape_bytes(&part_shape, FF_DTYPE_F32, &bytes, NULL), FF_OK);
            assert_int_equal(ff_region_slice(&from, &region, tile, NULL), FF_OK);
            assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &part_shape, tile, bytes, &part, NULL),
                             FF_OK);
            assert_int_equal(ff_region_place(&to, &region, &part, NULL), FF_OK);
        }
    assert_memory_equal(out, values, sizeof values);
}

/* One column of a 2x3 whole gets part added, and nothing else. */
static void test_add(void **state)
{
    (void)state;
    static const struct {
        ff_dtype dtype;
        uint64_t whole, part, sum; /* bits */
    } rows[] = {
        {FF_DTYPE_F32, 0x3f800000, 0x40000000, 0x40400000}, /* 1 + 2 */
        {FF_DTYPE_F64, 0x3ff0000000000000u, 0x4000000000000000u, 0x4008000000000000u},
        {FF_DTYPE_F16, 0x3c00, 0x1000, 0x3c00}, /* 1 + 2^-11: tie to even */
        {FF_DTYPE_F16, 0x3c01, 0x1000, 0x3c02}, /* the next: tie to even, up */
        {FF_DTYPE_F16, 0x7bff, 0x7bff, 0x7c00}, /* overflow */
        {FF_DTYPE_BF16, 0x3f80, 0x3f80, 0x4000},
        {FF_DTYPE_U8, 200, 100, 44},
        {FF_DTYPE_I8, 0x7f, 1, 0x80},
        {FF_DTYPE_U16, 65535, 2, 1},
        {FF_DTYPE_I16, 0x7fff, 1, 0x8000},
        {FF_DTYPE_U32, 0xffffffffu, 1, 0},
        {FF_DTYPE_I32, 0x7fffffff, 1, 0x80000000u},
        {FF_DTYPE_U64, UINT64_MAX, 2, 1},
        {FF_DTYPE_I64, INT64_MAX, 1, (uint64_t)1 << 63},
    };
    ff_shape shape = {2, {2, 3}}, column = {2, {2, 1}};
    ff_region region = region_of(2, (int64_t[]){0, 1}, (int64_t[]){2, 2});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t width = ff_dtype_bytes(rows[i].dtype);
        uint8_t data[49] = {0}, part_data[16];
        ff_tensor whole, part;
        for (size_t n = 0; n < 6; n++) /* unaligned on purpose */
            memcpy(data + 1 + n * width, &rows[i].whole, width);
        for (size_t n = 0; n < 2; n++)
            memcpy(part_data + n * width, &rows[i].part, width);
        assert_int_equal(ff_tensor_view(rows[i].dtype, &shape, data + 1, 6 * width, &whole, NULL),
                         FF_OK);
        assert_int_equal(ff_tensor_view(rows[i].dtype, &column, part_data, 2 * width, &part, NULL),
                         FF_OK);
        assert_int_equal(ff_region_add(&whole, &region, &part, NULL), FF_OK);
        for (size_t n = 0; n < 6; n++)
            assert_memory_equal(whole.data + n * width, n % 3 == 1 ? &rows[i].sum : &rows[i].whole,
                                width);
    }
}

static void test_refused(void **state)
{
    (void)state;
    float values[24] = {0}, part_values[4] = {1, 1, 1, 1};
    ff_shape shape = {2, {4, 6}}, part_shape = {2, {2, 2}}, flat = {1, {4}};
    ff_tensor whole, part, other;
    ff_err err;
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, values, 96, &whole, NULL), FF_OK);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &part_shape, part_values, 16, &part, NULL),
                     FF_OK);
    static const struct {
        int rank;
        int64_t lo[2], hi[2];
    } bad[] = {
        {1, {0, 0}, {2, 2}},  {2, {-1, 0}, {1, 2}},        {2, {3, 0}, {5, 2}},
        {2, {0, 5}, {2, 7}},  {2, {2, 2}, {2, 4}},         {2, {3, 0}, {1, 2}},
        {-1, {0, 0}, {1, 1}}, {2, {INT64_MIN, 0}, {2, 2}}, {2, {0, 0}, {INT64_MAX, 2}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ff_region region = {.rank = bad[i].rank};
        size_t offset = 5;
        memcpy(region.lo, bad[i].lo, sizeof bad[i].lo);
        memcpy(region.hi, bad[i].hi, sizeof bad[i].hi);
        assert_int_equal(ff_region_slice(&whole, &region, part_values, &err), FF_FORMAT);
        assert_int_equal(ff_region_place(&whole, &region, &part, &err), FF_FORMAT);
        assert_int_equal(ff_region_add(&whole, &region, &part, &err), FF_FORMAT);
        assert_false(ff_region_contiguous(&region, &shape, FF_DTYPE_F32, &offset));
        assert_int_equal(offset, 5);
    }
    ff_region good = region_of(2, (int64_t[]){1, 1}, (int64_t[]){3, 3});
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &flat, part_values, 16, &other, NULL), FF_OK);
    assert_int_equal(ff_region_place(&whole, &good, &other, &err), FF_FORMAT);
    assert_string_equal(err.message, "a part of float32 2x2 wanted, found float32 4");
    assert_int_equal(ff_tensor_view(FF_DTYPE_I32, &part_shape, part_values, 16, &other, NULL), 0);
    assert_int_equal(ff_region_add(&whole, &good, &other, &err), FF_FORMAT);
    for (size_t i = 0; i < 24; i++)
        assert_true(values[i] == 0);
    whole.dtype = FF_DTYPE_BOOL;
    assert_int_equal(ff_region_add(&whole, &good, &part, &err), FF_UNSUPPORTED);
}

/* The runs joined are the slice. */
static void test_runs(void **state)
{
    (void)state;
    static const ff_region regions[] = {{3, {0, 0, 0}, {4, 5, 6}},
                                        {3, {1, 0, 0}, {3, 5, 6}},
                                        {3, {0, 1, 0}, {4, 3, 6}},
                                        {3, {0, 1, 2}, {4, 3, 5}}};
    static const size_t counts[] = {1, 1, 4, 8};
    uint8_t data[4 * 5 * 6], joined[4 * 5 * 6], sliced[4 * 5 * 6];
    ff_tensor whole;
    ff_shape shape = {3, {4, 5, 6}};
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    assert_int_equal(ff_tensor_view(FF_DTYPE_U8, &shape, data, sizeof data, &whole, NULL), FF_OK);
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        ff_runs runs;
        size_t offset = 0, count = 0, done = 0;
        assert_int_equal(ff_runs_init(&runs, &regions[i], &shape, FF_DTYPE_U8, NULL), FF_OK);
        for (; ff_runs_next(&runs, &offset); count++, done += runs.run_bytes)
            memcpy(joined + done, data + offset, runs.run_bytes);
        assert_int_equal(count, counts[i]);
        assert_int_equal(ff_region_slice(&whole, &regions[i], sliced, NULL), FF_OK);
        assert_memory_equal(joined, sliced, done);
    }
    ff_runs runs;
    ff_region outside = {3, {0, 0, 0}, {4, 5, 7}};
    assert_int_equal(ff_runs_init(&runs, &outside, &shape, FF_DTYPE_U8, NULL), FF_FORMAT);
}

static void test_boxes(void **state)
{
    (void)state;
    ff_region a = region_of(2, (int64_t[]){0, 4}, (int64_t[]){2, 8});
    ff_region b = region_of(2, (int64_t[]){1, 2}, (int64_t[]){5, 6});
    ff_region hull = region_of(2, (int64_t[]){0, 2}, (int64_t[]){5, 8});
    ff_region found = ff_region_hull(&a, &b);
    ff_shape shape = {2, {5, 8}};
    ff_region whole = ff_region_whole(&shape);
    ff_region none = region_of(2, (int64_t[]){1, 2}, (int64_t[]){5, 2});
    ff_region scalar = {0};
    char text[64];
    assert_true(ff_region_equal(&found, &hull));
    assert_false(ff_region_equal(&found, &a));
    assert_false(ff_region_equal(&scalar, &a));
    assert_true(ff_region_is_whole(&whole, &shape));
    assert_false(ff_region_is_whole(&a, &shape));
    assert_true(ff_region_empty(&none));
    assert_false(ff_region_empty(&a));
    assert_false(ff_region_empty(&scalar)); /* a scalar has one element */
    assert_string_equal(ff_region_text(&a, text, sizeof text), "[0:2, 4:8]");
    assert_string_equal(ff_region_text(&scalar, text, sizeof text), "[]");
    assert_string_equal(ff_region_text(&a, text, 6), "[0:2,");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice_and_place),
        cmocka_unit_test(test_tiles_make_the_whole),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
