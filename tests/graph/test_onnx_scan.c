/* The bounded walk: what it leaves out, marks, counts, and refuses. */
#include "graph/onnx_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"
#include "support/onnx_make.h"

static ff_code scan(ff_bytes file, ff_buf *head, ff_err *err)
{
    ff_buf functions = {0};
    ff_code code = ff_onnx_scan(file, head, &functions, err);
    ff_buf_clean(&functions);
    return code;
}

/* GraphProto in AttributeProto in NodeProto in GraphProto ..., from the inside out. */
static void nest(ff_buf *file, int depth)
{
    static const uint32_t numbers[3] = {6, 5, 1}; /* g of attribute of node of graph */
    ff_buf inner = {0}, outer = {0};
    for (int i = 0; i < depth; i++) {
        assert_int_equal(ff_wire_put_bytes(&outer, numbers[i % 3], ff_buf_view(&inner), NULL), 0);
        ff_buf swap = inner;
        inner = outer;
        outer = swap;
        outer.len = 0;
    }
    assert_int_equal(ff_wire_put_bytes(file, 7, ff_buf_view(&inner), NULL), FF_OK);
    ff_buf_clean(&inner);
    ff_buf_clean(&outer);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static const struct {
        int depth;
        ff_code code;
    } cases[] = {{3, FF_OK}, {30, FF_OK}, {33, FF_LIMIT}, {300, FF_LIMIT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_buf file = {0}, head = {0};
        ff_err err = {0};
        nest(&file, cases[i].depth);
        assert_int_equal(scan(ff_buf_view(&file), &head, &err), cases[i].code);
        if (cases[i].code != FF_OK) {
            assert_non_null(strstr(err.message, "nested more than 32 deep"));
            assert_true(err.has_position);
        }
        ff_buf_clean(&file);
        ff_buf_clean(&head);
    }
}

/* A million levels: each is a tag and a length of what is left, at most 4 bytes. Written from the
 * end of one block, so that it takes no time. */
static void a_million_levels_are_refused(void **state)
{
    (void)state;
    static const uint8_t tags[3] = {6 << 3 | 2, 5 << 3 | 2, 1 << 3 | 2};
    size_t room = 6u << 20, at = room;
    uint8_t *block = malloc(room);
    assert_non_null(block);
    for (int i = 0; i < 1000000; i++) {
        size_t len = room - at;
        uint8_t number[5];
        int digits = 0;
        do {
            number[digits++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
            len >>= 7;
        } while (len > 0);
        at -= (size_t)digits + 1;
        block[at] = i == 999999 ? 7 << 3 | 2 : tags[i % 3];
        memcpy(block + at + 1, number, (size_t)digits);
    }
    ff_buf head = {0};
    ff_err err = {0};
    assert_int_equal(scan(ff_bytes_of(block + at, room - at), &head, &err), FF_LIMIT);
    ff_buf_clean(&head);
    free(block);
}

static void counts_are_bounded(void **state)
{
    (void)state;
    ff_buf graph = {0}, file = {0}, head = {0};
    ff_err err = {0};
    for (unsigned i = 0; i <= FF_MAX_ONNX_NODES; i++) {
        assert_int_equal(ff_buf_append(&graph, "\x0a\x00", 2, NULL), FF_OK); /* an empty node */
    }
    assert_int_equal(ff_wire_put_bytes(&file, 7, ff_buf_view(&graph), NULL), FF_OK);
    assert_int_equal(scan(ff_buf_view(&file), &head, &err), FF_LIMIT);
    assert_non_null(strstr(err.message, "more than 200000 nodes"));
    ff_buf_clean(&graph);
    ff_buf_clean(&file);
    ff_buf_clean(&head);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } cases[] = {
        {"", 0, "the file is empty"},
        {"#!/bin/sh\necho hello\n", 21, "not an ONNX model"},
        {"\x3a\x05\x0a\x00", 4, "should have 5 bytes, but 2 are left"},
        {"\x3a\x00\x3a\x00", 4, "'graph' twice"},
        {"\x38\x01", 2, "wrong wire type 0"},
        {"\x0a\x01\x00", 3, "wrong wire type 2"},
        {"\x3a\x05\x12\x03"
         "a\0b",
         7, "zero byte"},
        {"\x3a\x0a\x2a\x08\x4a\x02zz\x4a\x02zz", 12, "data twice"},
        {"\x3a\x0c\x2a\x0a\x4a\x02zz\x22\x04zzzz", 14, "data twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        guard g = guard_copy(cases[i].bytes, cases[i].len);
        ff_buf head = {0};
        ff_err err = {0};
        assert_int_equal(scan(ff_bytes_of(g.data, g.len), &head, &err), FF_FORMAT);
        assert_non_null(strstr(err.message, cases[i].says));
        assert_true(err.has_position);
        ff_buf_clean(&head);
        guard_free(&g);
    }
}

/* Elements never reach the head, and the marker says where they are. */
static void elements_are_marked(void **state)
{
    (void)state;
    static uint8_t data[100000];
    memset(data, 0x5a, sizeof data);
    onnx_make m;
    ff_buf file = {0}, head = {0};
    om_init(&m, 13);
    om_weight(&m, "w", FF_DTYPE_U8, "100000", data, sizeof data);
    om_emit(&m, &file);
    assert_int_equal(scan(ff_buf_view(&file), &head, NULL), FF_OK);
    assert_true(head.len < 200);
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, head.len, head.data);
    assert_non_null(model);
    assert_int_equal(model->graph->n_initializer, 1);
    const Onnx__TensorProto *t = model->graph->initializer[0];
    assert_string_equal(t->name, "w");
    assert_int_equal(t->raw_data.len, FF_ONNX_MARKER_BYTES);
    ff_onnx_marker marker;
    memcpy(&marker, t->raw_data.data, sizeof marker);
    assert_int_equal(marker.field, 9);
    assert_int_equal(marker.length, sizeof data);
    assert_memory_equal(file.data + marker.offset, data, sizeof data);
    onnx__model_proto__free_unpacked(model, NULL);
    ff_buf_clean(&file);
    ff_buf_clean(&head);
    om_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_is_bounded),    cmocka_unit_test(a_million_levels_are_refused),
        cmocka_unit_test(counts_are_bounded),  cmocka_unit_test(what_is_refused),
        cmocka_unit_test(elements_are_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
