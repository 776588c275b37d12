/* The wire format, field by field, at a guard page. */
#include "graph/onnx_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"

static void fields(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        ff_code code;
        uint32_t number;
        unsigned type;
        size_t at, end;
        uint64_t varint;
    } cases[] = {
        {"\x08\x96\x01", 3, FF_OK, 1, FF_WIRE_VARINT, 1, 3, 150},
        {"\x12\x03"
         "abc",
         5, FF_OK, 2, FF_WIRE_BYTES, 2, 5, 0},
        {"\x12\x00", 2, FF_OK, 2, FF_WIRE_BYTES, 2, 2, 0},
        {"\x12\x83\x80\x00"
         "abc",
         7, FF_OK, 2, FF_WIRE_BYTES, 4, 7, 0}, /* a padded length */
        {"\x0d\x01\x02\x03\x04", 5, FF_OK, 1, FF_WIRE_FIXED32, 1, 5, 0},
        {"\x09\x01\x02\x03\x04\x05\x06\x07\x08", 9, FF_OK, 1, FF_WIRE_FIXED64, 1, 9, 0},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, FF_OK, 1, FF_WIRE_VARINT, 1, 11,
         UINT64_MAX},
        {"\xca\x01\x00", 3, FF_OK, 25, FF_WIRE_BYTES, 3, 3, 0},
        {"\x08", 1, FF_FORMAT, 0, 0, 0, 0, 0},
        {"\x08\x96", 2, FF_FORMAT, 0, 0, 0, 0, 0},
        {"\x12\x04"
         "abc",
         5, FF_FORMAT, 0, 0, 0, 0, 0},
        {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10, FF_FORMAT, 0, 0, 0, 0, 0},
        {"\x0d\x01\x02\x03", 4, FF_FORMAT, 0, 0, 0, 0, 0},
        {"\x09\x01\x02\x03\x04\x05\x06\x07", 8, FF_FORMAT, 0, 0, 0, 0, 0},
        {"\x0b\x0c", 2, FF_FORMAT, 0, 0, 0, 0, 0}, /* a group */
        {"\x02\x00", 2, FF_FORMAT, 0, 0, 0, 0, 0}, /* field 0 */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, FF_FORMAT, 0, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        guard g = guard_copy(cases[i].bytes, cases[i].len);
        ff_wire w = {g.data, 0, g.len};
        ff_wire_field f = {.number = 77};
        ff_err err = {0};
        assert_int_equal(ff_wire_next(&w, &f, &err), cases[i].code);
        if (cases[i].code == FF_OK) {
            assert_int_equal(f.number, cases[i].number);
            assert_int_equal(f.type, cases[i].type);
            assert_int_equal(f.at, cases[i].at);
            assert_int_equal(f.end, cases[i].end);
            assert_true(f.type != FF_WIRE_VARINT || f.varint == cases[i].varint);
            assert_int_equal(w.at, w.end);
        } else {
            assert_int_equal(f.number, 77);
            assert_true(err.has_position);
        }
        guard_free(&g);
    }
}

static void written_fields_are_read(void **state)
{
    (void)state;
    ff_buf b = {0};
    size_t mark = 0;
    const int64_t numbers[] = {0, 1, -1, 127, 128, 1LL << 35, INT64_MIN, INT64_MAX};
    assert_int_equal(ff_wire_open(&b, 7, &mark, NULL), FF_OK);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(ff_wire_put_int(&b, 3, numbers[i], NULL), FF_OK);
    }
    assert_int_equal(ff_wire_put_text(&b, 4, "text", NULL), FF_OK);
    ff_wire_close(&b, mark);
    ff_wire w = {b.data, 0, b.len};
    ff_wire_field f;
    assert_int_equal(ff_wire_next(&w, &f, NULL), FF_OK);
    assert_int_equal(f.number, 7);
    assert_int_equal(f.end, b.len);
    ff_wire inside = {b.data, f.at, f.end};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        size_t start = inside.at;
        assert_int_equal(ff_wire_next(&inside, &f, NULL), FF_OK);
        assert_true((int64_t)f.varint == numbers[i]);
        assert_int_equal(inside.at - start, 1 + ff_wire_varint_len((uint64_t)numbers[i]));
    }
    assert_int_equal(ff_wire_next(&inside, &f, NULL), FF_OK);
    assert_memory_equal(b.data + f.at, "text", 4);
    assert_int_equal(inside.at, inside.end);
    ff_buf_clean(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(written_fields_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
