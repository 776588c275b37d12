/* .npy: what numpy writes is what we write; what we read is bounded by the bytes that are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "support/guard.h"
#include "tensor/npy.h"

#define D19 9223372036854775807

/* Lengths and CRC-32 of numpy 1.24's own headers (numpy.lib.format.write_array_header_1_0). */
static void test_header_is_numpys(void **state)
{
    (void)state;
    static const struct {
        const char *descr;
        ff_shape shape;
        size_t len;
        uint32_t crc32;
    } rows[] = {
        {"<f4", {4, {1, 3, 224, 224}}, 128, 0x7d189aa0},
        {"<i8", {0, {0}}, 128, 0x99dd3178},
        {"|u1", {1, {3}}, 128, 0xd24668a9},
        {"|b1", {1, {7}}, 128, 0x642e1cf2},
        {"<f8", {2, {2, 0}}, 128, 0x73bc4557},
        {"<f4", {8, {0, 9999, 9999, 9999, 9999, 9999, 9999, 999}}, 192, 0x90bc3da8},
        {"<f4", {8, {0, 9999, 9999, 9999, 9999, 9999, 9999, 9999}}, 192, 0xb5857bf0},
        {"<f2", {3, {0, 999999999, 999999999}}, 128, 0xc3ee6d09},
        {"|i1", {1, {1000000000}}, 128, 0xb26717b5},
        {"<u2", {8, {0, D19, D19, D19, D19, D19, D19, D19}}, 256, 0x5bb6f731},
        {"<f4", {8, {D19, D19, D19, D19, D19, D19, D19, 0}}, 256, 0x26036b81},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t header[FF_NPY_HEADER_MAX];
        size_t len = 0, need = 1;
        ff_npy npy;
        ff_dtype dtype = ff_dtype_from_npy(rows[i].descr, 3);
        assert_int_equal(ff_npy_header(dtype, &rows[i].shape, header, &len, NULL), FF_OK);
        assert_int_equal(len, rows[i].len);
        assert_int_equal(ff_hash_crc32(0, ff_bytes_of(header, len)), rows[i].crc32);
        assert_int_equal(ff_npy_parse(ff_bytes_of(header, len), &npy, &need, NULL), FF_OK);
        assert_int_equal(need, 0);
        assert_int_equal(npy.dtype, dtype);
        assert_true(ff_shape_equal(&npy.shape, &rows[i].shape));
        assert_int_equal(npy.header_bytes, len);
    }
    static const uint8_t start[] =
        "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, "
        "'shape': (1, 3, 224, 224), }  ";
    uint8_t header[FF_NPY_HEADER_MAX];
    size_t len;
    assert_int_equal(ff_npy_header(FF_DTYPE_F32, &rows[0].shape, header, &len, NULL), FF_OK);
    assert_memory_equal(header, start, sizeof start - 1);
    assert_int_equal(header[127], '\n');
    assert_int_equal(ff_npy_header(FF_DTYPE_BF16, &rows[0].shape, header, &len, NULL), FF_OK);
    assert_non_null(memmem(header, len, "'<u2'", 5));
    assert_int_equal(ff_npy_header(FF_DTYPE_STRING, &rows[0].shape, header, &len, NULL),
                     FF_UNSUPPORTED);
}

/* The 10 (or 12) bytes in front of a dictionary, then the dictionary. */
static size_t make(uint8_t *out, int major, const char *dict)
{
    size_t len = strlen(dict);
    size_t prefix = major == 1 ? 10 : 12;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (uint8_t)major;
    out[7] = 0;
    for (size_t i = 8; i < prefix; i++)
        out[i] = (uint8_t)(i < 10 ? len >> (8 * (i - 8)) : 0);
    memcpy(out + prefix, dict, len);
    return prefix + len;
}

static void test_dictionaries(void **state)
{
    (void)state;
    static const struct {
        const char *dict;
        ff_code code;
        int position; /* of the fault, from the dictionary's start; -1: none told */
    } rows[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", FF_OK, -1},
        {"{\"shape\":(2,3),\"descr\":\"<f4\",\"fortran_order\":False}", FF_OK, -1},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L)}", FF_OK, -1},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3,)}", FF_OK, -1},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", FF_UNSUPPORTED, 34},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", FF_UNSUPPORTED, 9},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3), }", FF_UNSUPPORTED, 9},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", FF_UNSUPPORTED, 9},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", FF_UNSUPPORTED, 10},
        {"{'descr': '<f4', 'fortran_order': False, }", FF_FORMAT, 42},
        {"{'descr': '<f4', 'shape': (2, 3), }", FF_FORMAT, 35},
        {"{'fortran_order': False, 'shape': (2, 3), }", FF_FORMAT, 43},
        {"{'descr': '<f4', 'descr': '<f4', 'shape': (2, 3), }", FF_FORMAT, 17},
        {"{'descr': '<f4', 'colour': '<f4', 'shape': (2, 3), }", FF_FORMAT, 17},
        {"{'descr' '<f4', 'fortran_order': False, 'shape': (2, 3), }", FF_FORMAT, 9},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3), }", FF_FORMAT, 16},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }", FF_FORMAT, 34},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2), }", FF_FORMAT, 52},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", FF_FORMAT, 51},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }", FF_FORMAT, 53},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,), }", FF_FORMAT, 51},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3], }", FF_FORMAT, 50},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x", FF_FORMAT, 60},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", FF_FORMAT, 56},
        {"{'descr': '<f4", FF_FORMAT, 14},
        {"{'descr", FF_FORMAT, 7},
        {"{", FF_FORMAT, 1},
        {"", FF_FORMAT, 0},
        {"['descr']", FF_FORMAT, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", FF_LIMIT, 67},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", FF_LIMIT, 69},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999)}", FF_LIMIT,
         -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int major = 1; major <= 2; major++) {
            uint8_t bytes[256];
            size_t len = make(bytes, major, rows[i].dict), need = 77;
            ff_npy npy = {.header_bytes = 99};
            ff_err err = {0};
            guard g = guard_copy(bytes, len);
            ff_code code = ff_npy_parse(ff_bytes_of(g.data, len), &npy, &need, &err);
            if (code != rows[i].code)
                print_error("case %zu: %s\n", i, err.message);
            assert_int_equal(code, rows[i].code);
            if (code == FF_OK) {
                assert_true(npy.shape.rank == 2 && npy.shape.dim[0] == 2 && npy.shape.dim[1] == 3);
                assert_int_equal(npy.data_bytes, 24);
                assert_int_equal(npy.header_bytes, len);
                assert_int_equal(need, 0);
            } else {
                assert_int_equal(npy.header_bytes, 99);
                assert_int_equal(need, 77);
                assert_int_equal(err.has_position, rows[i].position >= 0);
                if (rows[i].position >= 0)
                    assert_int_equal(err.position, rows[i].position + (major == 1 ? 10 : 12));
            }
            guard_free(&g);
        }
}

static void test_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        ff_code code;
        size_t need;
    } rows[] = {
        {"", 0, FF_OK, 10},
        {"\x93NUM", 4, FF_OK, 10},
        {"\x93NUMPX", 6, FF_FORMAT, 0},
        {"PK\x03\x04", 4, FF_FORMAT, 0},
        {"\x93NUMPY\x01\x00\x76\x00", 10, FF_OK, 128},
        {"\x93NUMPY\x01\x00\xff\xff", 10, FF_OK, 65545},
        {"\x93NUMPY\x02\x00\x76\x00", 10, FF_OK, 12},
        {"\x93NUMPY\x02\x00\x00\x00\x01\x00", 12, FF_OK, 65548},
        {"\x93NUMPY\x02\x00\x01\x00\x01\x00", 12, FF_LIMIT, 0},
        {"\x93NUMPY\x02\x00\xff\xff\xff\xff", 12, FF_LIMIT, 0},
        {"\x93NUMPY\x03\x00\x76\x00", 10, FF_UNSUPPORTED, 0},
        {"\x93NUMPY\x01\x01\x76\x00", 10, FF_UNSUPPORTED, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        guard g = guard_copy(rows[i].bytes, rows[i].len);
        ff_npy npy = {0};
        size_t need = 0;
        assert_int_equal(ff_npy_parse(ff_bytes_of(g.data, g.len), &npy, &need, NULL), rows[i].code);
        assert_int_equal(need, rows[i].need);
        assert_int_equal(npy.header_bytes, 0);
        guard_free(&g);
    }
}

static void test_every_truncation(void **state)
{
    (void)state;
    ff_shape shape = {2, {2, 3}};
    uint8_t whole[FF_NPY_HEADER_MAX + 25];
    size_t len;
    assert_int_equal(ff_npy_header(FF_DTYPE_F32, &shape, whole, &len, NULL), FF_OK);
    memset(whole + len, 7, 25);
    for (size_t n = 0; n <= len + 25; n++) {
        guard g = guard_copy(whole, n);
        ff_npy npy;
        size_t need = 0;
        ff_tensor t = {0};
        ff_err err = {0};
        assert_int_equal(ff_npy_parse(ff_bytes_of(g.data, n), &npy, &need, &err), FF_OK);
        assert_int_equal(need, n < 10 ? 10 : n < len ? len : 0);
        ff_code code = ff_npy_view(ff_bytes_of(g.data, n), &t, &err);
        assert_int_equal(code, n == len + 24 ? FF_OK : FF_FORMAT);
        assert_int_equal(t.bytes, code ? 0 : 24);
        if (!code)
            assert_ptr_equal(t.data, g.data + len);
        guard_free(&g);
    }
}

static void test_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/fanfold-npy-XXXXXX", path[256], cut[256];
    float values[6] = {1, 2, 3, 4, 5, 6};
    ff_shape shape = {2, {2, 3}};
    ff_tensor t, back;
    ff_err err = {0};
    uint8_t bytes[128];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.npy", dir);
    snprintf(cut, sizeof cut, "%s/cut.npy", dir);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, values, sizeof values, &t, NULL), FF_OK);
    assert_int_equal(ff_npy_write_file(path, &t, &err), FF_OK);
    assert_int_equal(ff_npy_read_file(path, &back, &err), FF_OK);
    assert_memory_equal(back.data, values, sizeof values);
    assert_int_equal((uintptr_t)back.data % 64, 0);
    assert_true(ff_shape_equal(&back.shape, &shape));
    ff_tensor_clean(&back);

    /* elements at an odd offset: read into a copy that is aligned */
    size_t len = make(bytes, 1, "{'descr':'<f4','fortran_order':False,'shape':(1,)} \n");
    assert_int_equal(len % 4, 2);
    memcpy(bytes + len, values, 4);
    assert_int_equal(ff_file_write(cut, ff_bytes_of(bytes, len + 4), &err), FF_OK);
    assert_int_equal(ff_npy_read_file(cut, &back, &err), FF_OK);
    assert_int_equal((uintptr_t)back.data % 4, 0);
    assert_memory_equal(back.data, values, 4);
    ff_tensor_clean(&back);

    assert_int_equal(ff_file_write(cut, ff_bytes_of(bytes, len + 3), &err), FF_OK);
    back = (ff_tensor){.bytes = 5};
    assert_int_equal(ff_npy_read_file(cut, &back, &err), FF_FORMAT);
    assert_string_equal(err.file, cut);
    assert_int_equal(back.bytes, 5);
    assert_int_equal(unlink(cut), 0);
    assert_int_equal(ff_npy_read_file(cut, &back, &err), FF_NOT_FOUND);
    snprintf(cut, sizeof cut, "%s/no/a.npy", dir);
    assert_int_equal(ff_npy_write_file(cut, &t, &err), FF_NOT_FOUND);
    for (uint64_t n = 1; n < 20; n++) { /* every allocation may fail */
        ff_mem_fail_at(n);
        ff_code code = ff_npy_read_file(path, &back, &err);
        ff_mem_fail_at(0);
        if (code == FF_OK) {
            ff_tensor_clean(&back);
            assert_true(n > 1);
            break;
        }
        assert_int_equal(code, FF_NO_MEMORY);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_is_numpys),
        cmocka_unit_test(test_dictionaries),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
