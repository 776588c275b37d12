/* Weights of ONNX files: raw, typed, external; right and wrong. */
#include "graph/onnx.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/onnx_make.h"

/* A model whose output is weight "w" itself, beside a Relu of an input. */
static ff_code load(ff_bytes tensor, const char *dir, ff_graph **g, ff_buf *file, ff_err *err)
{
    onnx_make m;
    om_init(&m, 13);
    om_input(&m, "x", FF_DTYPE_F32, "1,2");
    om_node(&m, "Relu", "x", "y");
    om_initializer(&m, tensor);
    om_output(&m, "y");
    om_output(&m, "w");
    om_emit(&m, file);
    om_clean(&m);
    return ff_onnx_parse(ff_buf_view(file), dir, NULL, 0, g, err);
}

typedef struct typed {
    int dtype;
    const char *dims;
    uint32_t field;
    int packed; /* 0: a field an element; 1: one field; 2: two fields */
    int count;
    int64_t numbers[4]; /* integers; floats are written by value */
    const char *says;   /* NULL: good, and the elements are */
    uint8_t elements[32];
} typed;

static void put_number(ff_buf *b, const typed *t, int i)
{
    float f = (float)t->numbers[i];
    double d = (double)t->numbers[i];
    if (t->field == 4) {
        ff_buf_append(b, &f, sizeof f, NULL);
    } else if (t->field == 10) {
        ff_buf_append(b, &d, sizeof d, NULL);
    } else {
        ff_wire_put_varint(b, (uint64_t)t->numbers[i], NULL);
    }
}

static void put_numbers(ff_buf *tensor, const typed *t)
{
    unsigned one = t->field == 4 ? FF_WIRE_FIXED32 : t->field == 10 ? FF_WIRE_FIXED64 : 0;
    ff_buf b = {0};
    for (int i = 0; i < t->count; i++) {
        if (t->packed == 0) {
            ff_wire_put_tag(tensor, t->field, one, NULL);
            put_number(tensor, t, i);
            continue;
        }
        put_number(&b, t, i);
        if (i == t->count - 1 || (t->packed == 2 && i == 0)) {
            ff_wire_put_bytes(tensor, t->field, ff_buf_view(&b), NULL);
            b.len = 0;
        }
    }
    ff_buf_clean(&b);
}

static const typed typed_cases[] = {
    {FF_DTYPE_F32, "2", 4, 1, 2, {1, -2}, NULL, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}},
    {FF_DTYPE_F32, "2", 4, 0, 2, {1, -2}, NULL, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}},
    {FF_DTYPE_F32, "2", 4, 2, 2, {1, -2}, NULL, {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}},
    {FF_DTYPE_F64, "1", 10, 1, 1, {1}, NULL, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f}},
    {FF_DTYPE_I64, "2", 7, 1, 2, {-1, 5}, NULL, {255, 255, 255, 255, 255, 255, 255, 255, 5}},
    {FF_DTYPE_I64, "2", 7, 0, 2, {-1, 5}, NULL, {255, 255, 255, 255, 255, 255, 255, 255, 5}},
    {FF_DTYPE_I32, "2", 5, 1, 2, {-1, 258}, NULL, {255, 255, 255, 255, 2, 1}},
    {FF_DTYPE_I8, "3", 5, 1, 3, {-1, 127, -128}, NULL, {255, 127, 128}},
    {FF_DTYPE_U8, "2", 5, 2, 2, {0, 255}, NULL, {0, 255}},
    {FF_DTYPE_I16, "1", 5, 1, 1, {-2}, NULL, {254, 255}},
    {FF_DTYPE_U16, "1", 5, 1, 1, {65535}, NULL, {255, 255}},
    {FF_DTYPE_F16, "2", 5, 1, 2, {0x3c00, 0xc000}, NULL, {0, 0x3c, 0, 0xc0}},
    {FF_DTYPE_BOOL, "2", 5, 1, 2, {1, 0}, NULL, {1, 0}},
    {FF_DTYPE_U32, "1", 11, 1, 1, {4294967295}, NULL, {255, 255, 255, 255}},
    {FF_DTYPE_U64, "1", 11, 0, 1, {-1}, NULL, {255, 255, 255, 255, 255, 255, 255, 255}},
    {FF_DTYPE_F32, "0", 4, 1, 0, {0}, NULL, {0}},
    {FF_DTYPE_F32, "3", 4, 1, 2, {1, 2}, "should have 3 elements (12 bytes)", {0}},
    {FF_DTYPE_F32, "3", 4, 0, 2, {1, 2}, "its float_data has 2", {0}},
    {FF_DTYPE_F32, "1", 4, 1, 2, {1, 2}, "its float_data has 2", {0}},
    {FF_DTYPE_I64, "1", 7, 1, 2, {1, 2}, "its int64_data has 2", {0}},
    {FF_DTYPE_I64, "100", 7, 1, 2, {1, 2}, "its int64_data has 2", {0}},
    {FF_DTYPE_I64, "1", 5, 1, 1, {1}, "is not stored in int32_data", {0}},
    {FF_DTYPE_I64, "1", 5, 0, 1, {1}, "has no int64_data and no raw_data", {0}},
    {FF_DTYPE_I8, "1", 5, 1, 1, {128}, "element 0 does not fit in int8", {0}},
    {FF_DTYPE_U8, "2", 5, 1, 2, {1, -1}, "element 1 does not fit in uint8", {0}},
    {FF_DTYPE_BOOL, "1", 5, 0, 1, {2}, "does not fit in bool", {0}},
    {FF_DTYPE_U32, "1", 11, 1, 1, {4294967296}, "does not fit in uint32", {0}},
    {FF_DTYPE_F16, "1", 5, 1, 1, {65536}, "does not fit in float16", {0}},
    {FF_DTYPE_F32, "1", 4, 1, 0, {0}, "has no float_data and no raw_data", {0}},
    {FF_DTYPE_F32, "-1", 4, 1, 1, {0}, "dim 0 is -1", {0}},
    {0, "1", 4, 1, 1, {0}, "has no element type", {0}},
    {77, "1", 4, 1, 1, {0}, "has the element type 77 (none of ONNX's); read are float16, ", {0}},
    {FF_DTYPE_STRING, "1", 4, 1, 1, {0}, "should have 1 strings, but its string_data has 0", {0}},
    {FF_DTYPE_F32, "1,1,1,1,1,1,1,1,1", 4, 1, 1, {0}, "has 9 dims, the limit is 8", {0}},
    {FF_DTYPE_F32, "100000,100000,100000", 4, 1, 1, {0}, "more than", {0}},
};

static void typed_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof typed_cases / sizeof *typed_cases; i++) {
        const typed *t = &typed_cases[i];
        ff_buf tensor = {0}, file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        om_tensor(&tensor, "w", t->dtype, t->dims);
        put_numbers(&tensor, t);
        ff_code code = load(ff_buf_view(&tensor), NULL, &g, &file, &err);
        if (t->says != NULL) {
            assert_int_not_equal(code, FF_OK);
            assert_null(g);
            assert_non_null(strstr(err.message, "'w'"));
            if (strstr(err.message, t->says) == NULL) {
                fail_msg("wanted '%s', found '%s'", t->says, err.message);
            }
        } else {
            assert_int_equal(code, FF_OK);
            const ff_value *v = &g->values[ff_graph_find_value(g, "w")];
            assert_int_equal(v->dtype, t->dtype);
            assert_int_equal(v->data.len, (size_t)v->shape.dim[0] * ff_dtype_bytes(v->dtype));
            assert_memory_equal(v->data.data, t->elements, v->data.len);
        }
        ff_graph_free(g);
        ff_buf_clean(&tensor);
        ff_buf_clean(&file);
    }
}

static void raw_elements_are_views(void **state)
{
    (void)state;
    static const float data[3] = {1, 2, 3};
    static const size_t lengths[] = {12, 11, 13, 0, 24};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t bytes[24] = {0};
        memcpy(bytes, data, sizeof data);
        ff_buf tensor = {0}, file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        om_tensor(&tensor, "w", FF_DTYPE_F32, "3");
        ff_wire_put_bytes(&tensor, 9, ff_bytes_of(bytes, lengths[i]), NULL);
        ff_code code = load(ff_buf_view(&tensor), NULL, &g, &file, &err);
        assert_int_equal(code, i == 0 ? FF_OK : FF_FORMAT);
        if (i == 0) {
            const ff_value *v = &g->values[ff_graph_find_value(g, "w")];
            assert_true(v->data.data > file.data && v->data.data < file.data + file.len);
            assert_memory_equal(v->data.data, data, sizeof data);
        } else {
            assert_non_null(strstr(err.message, "3 elements (12 bytes)"));
            assert_true(err.has_position);
        }
        ff_graph_free(g);
        ff_buf_clean(&tensor);
        ff_buf_clean(&file);
    }
}

/* A folder with model/w.bin (16 bytes), secret.bin beside it, and links to both. */
static void make_folder(char *base, char *dir)
{
    char path[PATH_MAX], target[PATH_MAX];
    static const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    snprintf(base, PATH_MAX, "/tmp/ff-external-XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(dir, PATH_MAX, "%.200s/model", base);
    assert_int_equal(ff_dir_make(dir, NULL), FF_OK);
    snprintf(path, sizeof path, "%.200s/w.bin", dir);
    assert_int_equal(ff_file_write(path, ff_bytes_of(bytes, sizeof bytes), NULL), FF_OK);
    snprintf(target, sizeof target, "%.200s/secret.bin", base);
    assert_int_equal(ff_file_write(target, ff_bytes_of(bytes, sizeof bytes), NULL), FF_OK);
    snprintf(path, sizeof path, "%.200s/out.bin", dir);
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof path, "%.200s/in.bin", dir);
    assert_int_equal(symlink("w.bin", path), 0);
    snprintf(path, sizeof path, "%.200s/up", dir);
    assert_int_equal(symlink("..", path), 0);
}

static void external_elements(void **state)
{
    (void)state;
    static const struct {
        const char *location, *offset, *length;
        ff_code code;
        const char *says;
    } cases[] = {
        {"w.bin", "4", "8", FF_OK, NULL},
        {"w.bin", "4", NULL, FF_OK, NULL},
        {"./w.bin", "4", "8", FF_OK, NULL},
        {"in.bin", "4", "8", FF_OK, NULL},
        {"w.bin", "12", "8", FF_FORMAT, "should have 8 bytes from 12 on, but the file has 16"},
        {"w.bin", "18446744073709551615", "8", FF_FORMAT, "but the file has 16"},
        {"w.bin", "18446744073709551616", "8", FF_FORMAT, "offset should be a number"},
        {"w.bin", "-4", "8", FF_FORMAT, "offset should be a number"},
        {"w.bin", "", "8", FF_FORMAT, "offset should be a number"},
        {"w.bin", "4", "7", FF_FORMAT, "should have 8 bytes, but external data 'w.bin' says 7"},
        {NULL, "4", "8", FF_FORMAT, "without a location"},
        {"none.bin", "4", "8", FF_NOT_FOUND, "none.bin"},
        {"../secret.bin", "4", "8", FF_FORMAT, "must lie in the model's folder"},
        {"/etc/passwd", "4", "8", FF_FORMAT, "must lie in the model's folder"},
        {"up/secret.bin", "4", "8", FF_FORMAT, "leads out of the model's folder"},
        {"out.bin", "4", "8", FF_FORMAT, "leads out of the model's folder"},
        {".", "4", "8", FF_FORMAT, "model's folder"},
    };
    char base[PATH_MAX], dir[PATH_MAX];
    make_folder(base, dir);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_buf tensor = {0}, file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        om_tensor(&tensor, "w", FF_DTYPE_F32, "2");
        om_external(&tensor, cases[i].location, cases[i].offset, cases[i].length);
        ff_code code = load(ff_buf_view(&tensor), dir, &g, &file, &err);
        if (code != cases[i].code) {
            fail_msg("case %zu: %s %s", i, ff_code_name(code), err.message);
        }
        if (code == FF_OK) {
            const ff_value *v = &g->values[ff_graph_find_value(g, "w")];
            assert_memory_equal(v->data.data, "\5\6\7\10\11\12\13\14", 8);
            assert_int_equal(g->map_count, 1);
        } else {
            char text[2048];
            ff_err_format(&err, text, sizeof text);
            if (strstr(text, cases[i].says) == NULL) {
                fail_msg("wanted '%s', found '%s'", cases[i].says, text);
            }
        }
        ff_graph_free(g);
        ff_buf_clean(&tensor);
        ff_buf_clean(&file);
    }
    assert_int_equal(ff_dir_remove(base, NULL), FF_OK);
}

static void external_elements_need_a_folder(void **state)
{
    (void)state;
    ff_buf tensor = {0}, file = {0};
    ff_graph *g = NULL;
    ff_err err = {0};
    om_tensor(&tensor, "w", FF_DTYPE_F32, "2");
    om_external(&tensor, "w.bin", "0", "8");
    assert_int_equal(load(ff_buf_view(&tensor), NULL, &g, &file, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "no folder"));
    ff_buf_clean(&tensor);
    ff_buf_clean(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_elements),
        cmocka_unit_test(raw_elements_are_views),
        cmocka_unit_test(external_elements),
        cmocka_unit_test(external_elements_need_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
