/* Regions as .npy bytes in base64 and back, in one pass, equal to what a slower way makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/random.h"
#include "share/wire.h"
#include "support/guard.h"

static ff_tensor filled(ff_dtype dtype, ff_shape shape, uint64_t seed)
{
    ff_tensor t;
    ff_random r;
    ff_random_init(&r, seed);
    assert_int_equal(ff_tensor_new(dtype, &shape, &t, NULL), FF_OK);
    for (size_t i = 0; i < t.bytes; i++)
        t.data[i] = (uint8_t)ff_random_u64(&r);
    return t;
}

/* The .npy by slicing and joining. */
static ff_buf joined(const ff_tensor *whole, const ff_region *region)
{
    ff_buf npy;
    uint8_t header[FF_NPY_HEADER_MAX];
    size_t len = 0, bytes = 0;
    ff_shape shape = ff_region_shape(region);
    ff_buf_init(&npy, 0);
    assert_int_equal(ff_npy_header(whole->dtype, &shape, header, &len, NULL), FF_OK);
    assert_int_equal(ff_shape_bytes(&shape, whole->dtype, &bytes, NULL), FF_OK);
    assert_int_equal(ff_buf_append(&npy, header, len, NULL), FF_OK);
    assert_int_equal(ff_buf_reserve(&npy, bytes, NULL), FF_OK);
    assert_int_equal(ff_region_slice(whole, region, npy.data + len, NULL), FF_OK);
    npy.len += bytes;
    return npy;
}

static const struct {
    ff_dtype dtype;
    ff_shape shape;
    ff_region region;
} CASES[] = {
    {FF_DTYPE_F32, {4, {1, 3, 8, 8}}, {4, {0, 0, 0, 0}, {1, 3, 8, 8}}},
    {FF_DTYPE_F32, {4, {1, 3, 8, 8}}, {4, {0, 0, 2, 3}, {1, 3, 7, 5}}},
    {FF_DTYPE_F32, {4, {1, 16, 56, 56}}, {4, {0, 0, 27, 0}, {1, 16, 56, 56}}},
    {FF_DTYPE_F32, {4, {2, 5, 113, 97}}, {4, {0, 1, 3, 1}, {2, 4, 110, 96}}},
    {FF_DTYPE_F32, {1, {3072}}, {1, {0}, {3072}}}, /* header and elements: a block and 128 bytes */
    {FF_DTYPE_F32, {1, {3040}}, {1, {0}, {3040}}}, /* exactly one block */
    {FF_DTYPE_F32, {1, {100000}}, {1, {1}, {99999}}},
    {FF_DTYPE_U8, {2, {300, 301}}, {2, {0, 0}, {300, 300}}},
    {FF_DTYPE_U8, {1, {1}}, {1, {0}, {1}}},
    {FF_DTYPE_F64, {0, {0}}, {0, {0}, {0}}},
    {FF_DTYPE_BF16, {2, {7, 9}}, {2, {1, 2}, {6, 8}}},
    {FF_DTYPE_I64, {3, {5, 6, 7}}, {3, {0, 5, 0}, {5, 6, 7}}},
};
#define CASE_COUNT (sizeof CASES / sizeof CASES[0])

static void test_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        ff_tensor whole = filled(CASES[i].dtype, CASES[i].shape, i + 1);
        ff_buf npy = joined(&whole, &CASES[i].region);
        uint32_t crc = ff_hash_crc32c(0, ff_buf_view(&npy));
        size_t chars = ff_base64_encoded_len(npy.len);
        char *wanted = malloc(chars), *found = malloc(chars + 1);
        ff_wire wire;
        assert_int_equal(ff_wire_init(&wire, &whole, &CASES[i].region, NULL), FF_OK);
        assert_int_equal(wire.npy_bytes, npy.len);
        ff_base64_encode(npy.data, npy.len, wanted);
        found[chars] = '#';
        assert_int_equal(ff_wire_encode(&wire, found), crc);
        assert_memory_equal(found, wanted, chars);
        assert_int_equal(found[chars], '#');
        uint8_t *dense = malloc(npy.len);
        assert_int_equal(ff_wire_slice(&wire, dense), crc);
        assert_memory_equal(dense, npy.data + wire.header_bytes, npy.len - wire.header_bytes);
        assert_int_equal(ff_wire_slice(&wire, NULL), crc);
        /* and back, into another tensor's region; nothing beside it is touched */
        ff_tensor back = filled(CASES[i].dtype, CASES[i].shape, 99), before;
        assert_int_equal(ff_tensor_copy(&back, &before, NULL), FF_OK);
        guard text = guard_copy(found, chars);
        assert_int_equal(
            ff_wire_decode((const char *)text.data, chars, crc, &back, &CASES[i].region, NULL),
            FF_OK);
        guard_free(&text);
        ff_buf npy_back = joined(&back, &CASES[i].region);
        assert_memory_equal(npy_back.data, npy.data, npy.len);
        ff_tensor part;
        ff_shape shape = ff_region_shape(&CASES[i].region);
        assert_int_equal(ff_wire_check(ff_buf_view(&npy), crc, CASES[i].dtype, &shape, &part, NULL),
                         FF_OK);
        assert_int_equal(ff_region_place(&before, &CASES[i].region, &part, NULL), FF_OK);
        assert_memory_equal(before.data, back.data, back.bytes);
        ff_buf_clean(&npy);
        ff_buf_clean(&npy_back);
        ff_tensor_clean(&whole);
        ff_tensor_clean(&back);
        ff_tensor_clean(&before);
        free(wanted);
        free(found);
        free(dense);
    }
}

/* One sound text, spoiled in one way a row. */
static void test_refused(void **state)
{
    (void)state;
    ff_shape shape = {2, {200, 100}};
    ff_region region = {2, {0, 0}, {200, 100}};
    ff_tensor whole = filled(FF_DTYPE_F32, shape, 5);
    ff_wire wire;
    assert_int_equal(ff_wire_init(&wire, &whole, &region, NULL), FF_OK);
    size_t chars = ff_base64_encoded_len(wire.npy_bytes);
    char *text = malloc(chars);
    uint32_t crc = ff_wire_encode(&wire, text);
    static const struct {
        const char *what;
        size_t at; /* where a character is changed; 0 = none */
        char to;
        size_t len_less;
        uint32_t crc_change;
        ff_code code;
        uint64_t position; /* where it is told; 0 = not asked */
    } rows[] = {
        {"sound", 0, 0, 0, 0, FF_OK, 0},
        {"checksum", 0, 0, 0, 1, FF_CHECKSUM, 0},
        {"another character", 60000, 'A', 0, 0, FF_CHECKSUM, 0},
        {"not of the alphabet", 60000, '!', 0, 0, FF_FORMAT, 60000},
        {"not of the alphabet, early", 40, '\n', 0, 0, FF_FORMAT, 40},
        {"padding inside", 16383, '=', 0, 0, FF_FORMAT, 0},
        {"length no multiple of 4", 0, 0, 1, 0, FF_FORMAT, 0},
        {"too short", 0, 0, 4, 0, FF_FORMAT, 0},
        {"only the header", 0, 0, 106840 - 168, 0, FF_FORMAT, 0},
        {"not even that", 0, 0, 106840 - 40, 0, FF_FORMAT, 0},
    };
    assert_int_equal(chars, 106840);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *copy = malloc(chars);
        memcpy(copy, text, chars);
        if (rows[i].at) {
            if (copy[rows[i].at] == rows[i].to)
                copy[rows[i].at] = 'B';
            else
                copy[rows[i].at] = rows[i].to;
        }
        guard g = guard_copy(copy, chars - rows[i].len_less);
        ff_err err = {0};
        ff_tensor to = filled(FF_DTYPE_F32, shape, 6);
        ff_code code = ff_wire_decode((const char *)g.data, g.len, crc + rows[i].crc_change, &to,
                                      &region, &err);
        if (code != rows[i].code || (rows[i].position && err.position != rows[i].position))
            fail_msg("%s: %s: %s at %llu", rows[i].what, ff_code_name(code), err.message,
                     (unsigned long long)err.position);
        ff_tensor_clean(&to);
        guard_free(&g);
        free(copy);
    }
    free(text);
    ff_tensor_clean(&whole);
}

static void test_other_tensor(void **state)
{
    (void)state;
    ff_tensor f32 = filled(FF_DTYPE_F32, (ff_shape){2, {4, 6}}, 1), view;
    ff_region all = ff_region_whole(&f32.shape);
    ff_wire wire;
    assert_int_equal(ff_wire_init(&wire, &f32, &all, NULL), FF_OK);
    size_t chars = ff_base64_encoded_len(wire.npy_bytes);
    char *text = malloc(chars);
    uint32_t crc = ff_wire_encode(&wire, text);
    ff_buf npy = joined(&f32, &all);
    static const struct {
        ff_dtype dtype;
        ff_shape shape;
    } rows[] = {{FF_DTYPE_F32, {2, {6, 4}}},
                {FF_DTYPE_I32, {2, {4, 6}}},
                {FF_DTYPE_F32, {1, {24}}},
                {FF_DTYPE_F32, {2, {4, 7}}}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_tensor to = filled(rows[i].dtype, rows[i].shape, 2);
        ff_region region = ff_region_whole(&to.shape);
        ff_err err = {0};
        assert_int_equal(ff_wire_decode(text, chars, crc, &to, &region, &err), FF_FORMAT);
        assert_non_null(strstr(err.message, "4x6")); /* what was found */
        assert_int_equal(
            ff_wire_check(ff_buf_view(&npy), crc, rows[i].dtype, &rows[i].shape, &view, &err),
            FF_FORMAT);
        ff_tensor_clean(&to);
    }
    npy.data[npy.len - 1] ^= 1;
    assert_int_equal(ff_wire_check(ff_buf_view(&npy), crc, FF_DTYPE_F32, &f32.shape, &view, NULL),
                     FF_CHECKSUM);
    ff_buf_clean(&npy);
    ff_tensor_clean(&f32);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_other_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
