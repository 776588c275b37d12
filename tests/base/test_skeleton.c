/* Long strings stay in the payload; all else reads as any JSON reader reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/skeleton.h"
#include "support/guard.h"

#define LONG (FF_SKELETON_CUT + 123)

static char *long_text(char fill)
{
    char *text = malloc(LONG + 1);
    assert_non_null(text);
    memset(text, fill, LONG);
    text[LONG] = '\0';
    return text;
}

/* format's %s are long strings of 'a' and 'b'. */
static char *payload_of(const char *format)
{
    char *a = long_text('a'), *b = long_text('b'), *out = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    assert_true(asprintf(&out, format, a, b) > 0);
#pragma GCC diagnostic pop
    free(a);
    free(b);
    return out;
}

static void test_cuts(void **state)
{
    (void)state;
    char *text =
        payload_of("{\"short\":\"x\",\"data\":\"%s\",\"n\":[1,\"%s\"],\"last\":\"\\\"q\\\\\"}");
    guard g = guard_copy(text, strlen(text));
    ff_skeleton s;
    assert_int_equal(ff_skeleton_parse(ff_bytes_of(g.data, g.len), &s, NULL), FF_OK);
    yyjson_val *root = yyjson_doc_get_root(s.doc);
    assert_int_equal(s.count, 2);
    ff_bytes data = ff_skeleton_text(&s, yyjson_obj_get(root, "data"));
    assert_int_equal(data.len, LONG);
    assert_ptr_equal(data.data, g.data + (strstr(text, "aaaa") - text)); /* in place */
    assert_true(data.data[0] == 'a' && data.data[LONG - 1] == 'a');
    data = ff_skeleton_text(&s, yyjson_arr_get(yyjson_obj_get(root, "n"), 1));
    assert_true(data.len == LONG && data.data[LONG - 1] == 'b');
    data = ff_skeleton_text(&s, yyjson_obj_get(root, "short"));
    assert_true(data.len == 1 && data.data[0] == 'x');
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "last")), "\"q\\");
    data = ff_skeleton_text(&s, yyjson_obj_get(root, "absent"));
    assert_true(data.len == 0);
    ff_skeleton_clean(&s);
    ff_skeleton_clean(&s);
    guard_free(&g);
    free(text);
}

/* Strings with escapes are the reader's, however long they are. */
static void test_escapes_stay_in(void **state)
{
    (void)state;
    char *text = payload_of("{\"data\":\"%s\\/%s\"}");
    ff_skeleton s;
    assert_int_equal(ff_skeleton_parse(ff_bytes_of(text, strlen(text)), &s, NULL), FF_OK);
    assert_int_equal(s.count, 0);
    ff_bytes data = ff_skeleton_text(&s, yyjson_obj_get(yyjson_doc_get_root(s.doc), "data"));
    assert_int_equal(data.len, 2 * LONG + 1);
    assert_int_equal(data.data[LONG], '/');
    ff_skeleton_clean(&s);
    free(text);
}

/* A peer that writes the mark itself reaches its own strings at most. */
static void test_forged_marks(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        size_t len;
    } rows[] = {
        {"\\u00010", LONG}, {"\\u00011", 2},  {"\\u0001-1", 3},
        {"\\u0001", 1},     {"\\u00010x", 3}, {"\\u000199999999999999999999", 21},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char format[80];
        snprintf(format, sizeof format, "{\"data\":\"%%s\",\"forged\":\"%s\"}", rows[i].value);
        char *text = payload_of(format);
        ff_skeleton s;
        assert_int_equal(ff_skeleton_parse(ff_bytes_of(text, strlen(text)), &s, NULL), FF_OK);
        ff_bytes data = ff_skeleton_text(&s, yyjson_obj_get(yyjson_doc_get_root(s.doc), "forged"));
        if (data.len != rows[i].len)
            fail_msg("row %zu: %zu bytes", i, data.len);
        ff_skeleton_clean(&s);
        free(text);
    }
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *format, *fault; /* which begins where the position should be */
    } rows[] = {
        {"{\"data\":\"%s\" oops}", "oops"},
        {"{\"a\":\"%s\",\"b\":\"%s\",oops}", "oops"},
        {"{oops,\"b\":\"%s\"}", "oops"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = payload_of(rows[i].format);
        ff_skeleton s = {.count = 77};
        ff_err err = {0};
        assert_int_equal(ff_skeleton_parse(ff_bytes_of(text, strlen(text)), &s, &err), FF_FORMAT);
        assert_true(err.has_position);
        assert_int_equal(err.position, strstr(text, rows[i].fault) - text);
        assert_int_equal(s.count, 77);
        free(text);
    }
    static const char *const broken[] = {
        "", "\"", "{\"a", "{\"a\":\"\\", "\"\\\"", "{\"a\":\"b\\\"}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        guard g = guard_copy(broken[i], strlen(broken[i]));
        ff_skeleton s;
        assert_int_equal(ff_skeleton_parse(ff_bytes_of(g.data, g.len), &s, NULL), FF_FORMAT);
        guard_free(&g);
    }
    char *text = payload_of("{\"data\":\"%s"); /* no end: nothing is cut, and it is refused */
    ff_skeleton s;
    assert_int_equal(ff_skeleton_parse(ff_bytes_of(text, strlen(text)), &s, NULL), FF_FORMAT);
    free(text);
}

static void test_many(void **state)
{
    (void)state;
    char *a = long_text('a');
    ff_buf all = {0};
    ff_skeleton s;
    assert_int_equal(ff_buf_text(&all, "[", NULL), FF_OK);
    for (int i = 0; i < FF_SKELETON_CUTS + 2; i++)
        assert_int_equal(ff_buf_printf(&all, NULL, "%s\"%s\"", i ? "," : "", a), FF_OK);
    assert_int_equal(ff_buf_text(&all, "]", NULL), FF_OK);
    assert_int_equal(ff_skeleton_parse(ff_buf_view(&all), &s, NULL), FF_OK);
    assert_int_equal(s.count, FF_SKELETON_CUTS);
    yyjson_val *root = yyjson_doc_get_root(s.doc);
    for (size_t i = 0; i < yyjson_arr_size(root); i++)
        assert_int_equal(ff_skeleton_text(&s, yyjson_arr_get(root, i)).len, LONG);
    ff_skeleton_clean(&s);
    ff_buf_clean(&all);
    free(a);
}

static void test_no_memory(void **state)
{
    (void)state;
    char *text = payload_of("{\"data\":\"%s\"}");
    ff_code code = FF_NO_MEMORY;
    uint64_t n = 0;
    while (code == FF_NO_MEMORY && ++n < 20) {
        ff_skeleton s = {0};
        ff_mem_fail_at(n);
        code = ff_skeleton_parse(ff_bytes_of(text, strlen(text)), &s, NULL);
        ff_mem_fail_at(0);
        ff_skeleton_clean(&s);
    }
    assert_int_equal(code, FF_OK);
    assert_true(n > 1);
    free(text);
}

/* Whatever byte is where in a long string, the answer is the reader's. */
static void test_check(void **state)
{
    (void)state;
    static const size_t places[] = {0, 1, 7, 8, LONG / 2, LONG - 8, LONG - 2, LONG - 1};
    char *text = payload_of("{\"data\":\"%s\",\"more\":\"%s\",\"n\":[1]}");
    size_t len = strlen(text), first = strlen("{\"data\":\"");
    guard g = guard_copy(text, len);
    ff_bytes all = ff_bytes_of(g.data, len);
    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++)
        for (int c = 0; c < 256; c++) {
            yyjson_doc *doc = NULL;
            uint8_t *at = g.data + first + places[p];
            const uint8_t was = *at;
            *at = (uint8_t)c;
            ff_code wanted = ff_json_parse(all, &doc, NULL);
            assert_int_equal(ff_skeleton_check(all, NULL), wanted);
            assert_int_equal(wanted, doc ? FF_OK : FF_FORMAT);
            yyjson_doc_free(doc);
            *at = was;
        }
    memcpy(g.data + first + 9, "\xc3\xa9\xf0\x9f\x98\x80", 6); /* UTF-8 */
    assert_int_equal(ff_skeleton_check(all, NULL), FF_OK);
    assert_int_equal(ff_skeleton_check(ff_bytes_of(g.data, len - 1), NULL), FF_FORMAT);
    guard_free(&g);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),         cmocka_unit_test(test_escapes_stay_in),
        cmocka_unit_test(test_forged_marks), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_many),         cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
