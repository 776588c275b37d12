/* Object keys: made, and told apart from those that lead elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "share/key.h"

static const ff_key_place PLACE = {"runs", "ocr", "2026-01-01_00h00m00s_UTC", "id-1", 2, "w5"};

static void test_make(void **state)
{
    (void)state;
    static const struct {
        int stage;
        ff_direction direction;
        const char *name;
        bool single;
        const char *end;
    } rows[] = {
        {2, FF_INPUT, "x", true, "2/w5/input.npy"},
        {2, FF_OUTPUT, "x", true, "2/w5/output.npy"},
        {0, FF_INPUT, "conv1.out-3_b", false, "0/w5/input.conv1.out-3_b.npy"},
        {FF_STAGE_CLIENT, FF_OUTPUT, "y", true, "client/w5/output.npy"},
        {1, FF_INPUT, "a/b:c", false, "1/w5/input.a_b_c-04ef42eb.npy"},
        {1, FF_INPUT, "a b:c", false, "1/w5/input.a_b_c-8d3cc6d4.npy"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char key[FF_KEY_TEXT], folder[FF_KEY_TEXT];
        ff_key_place place = PLACE;
        place.stage = rows[i].stage;
        assert_int_equal(
            ff_key_make(&place, rows[i].direction, rows[i].name, rows[i].single, key, NULL), FF_OK);
        assert_int_equal(ff_key_request_folder(&place, folder, NULL), FF_OK);
        assert_string_equal(folder, "runs/ocr/2026-01-01_00h00m00s_UTC/id-1/");
        assert_int_equal(strncmp(key, folder, strlen(folder)), 0);
        const char *crc = strrchr(rows[i].end, '-');
        if (crc && strlen(crc) == 13 && i >= 4) /* the two names differ, whatever the figure is */
            assert_int_equal(
                strncmp(key + strlen(folder), rows[i].end, (size_t)(crc - rows[i].end)), 0);
        else
            assert_string_equal(key + strlen(folder), rows[i].end);
        assert_int_equal(ff_key_check_inside(key, folder, NULL), FF_OK);
    }
}

static void test_names_stay_apart(void **state)
{
    (void)state;
    char a[FF_KEY_TEXT], b[FF_KEY_TEXT], name[FF_MAX_NAME + 1];
    assert_int_equal(ff_key_make(&PLACE, FF_INPUT, "a/b", false, a, NULL), FF_OK);
    assert_int_equal(ff_key_make(&PLACE, FF_INPUT, "a:b", false, b, NULL), FF_OK);
    assert_string_not_equal(a, b);
    memset(name, 'n', FF_MAX_NAME);
    name[FF_MAX_NAME] = '\0';
    assert_int_equal(ff_key_make(&PLACE, FF_INPUT, name, false, a, NULL), FF_OK);
    name[FF_MAX_NAME - 1] = 'm';
    assert_int_equal(ff_key_make(&PLACE, FF_INPUT, name, false, b, NULL), FF_OK);
    assert_string_not_equal(a, b);
    assert_true(strlen(a) < 200);
    assert_int_equal(ff_key_make(&PLACE, FF_INPUT, "\xc3\xa4/../..", false, a, NULL), FF_OK);
    assert_int_equal(ff_key_check_inside(a, "runs/ocr/", NULL), FF_OK);
}

static void test_too_long(void **state)
{
    (void)state;
    char key[FF_KEY_TEXT] = "as it was", prefix[1100];
    ff_key_place place = PLACE;
    ff_err err = {0};
    memset(prefix, 'p', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    place.prefix = prefix;
    assert_int_equal(ff_key_make(&place, FF_INPUT, "x", true, key, &err), FF_LIMIT);
    assert_non_null(strstr(err.message, "1024"));
    prefix[1000] = '\0';
    assert_int_equal(ff_key_make(&place, FF_INPUT, "x", true, key, &err), FF_LIMIT);
    assert_string_equal(key, "as it was");
}

static void test_inside(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        ff_code code;
    } rows[] = {
        {"runs/ocr/t/input.npy", FF_OK},
        {"runs/ocr/", FF_DENIED},
        {"runs/ocr", FF_DENIED},
        {"runs/ocr2/t/input.npy", FF_DENIED},
        {"runs/ocr/../other/input.npy", FF_DENIED},
        {"runs/ocr/./input.npy", FF_DENIED},
        {"runs/ocr//input.npy", FF_DENIED},
        {"/runs/ocr/input.npy", FF_DENIED},
        {"s3://b/runs/ocr/input.npy", FF_DENIED},
        {"runs/ocr/a b", FF_DENIED},
        {"runs/ocr/a%2e%2e", FF_DENIED},
        {"runs/ocr/a\\..", FF_DENIED},
        {"", FF_DENIED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ff_key_check_inside(rows[i].key, "runs/ocr/", NULL), rows[i].code);
}

static void test_client(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        ff_code code;
    } rows[] = {
        {"runs/ocr/t/i/client/master/input.npy", FF_OK},
        {"runs/ocr/t/i/client/x", FF_OK},
        {"runs/ocr/t/i/client", FF_DENIED},
        {"runs/ocr/t/i/clients/x", FF_DENIED},
        {"runs/ocr/t/i/2/w2/input.npy", FF_DENIED},
        {"runs/ocr/client/x", FF_DENIED},
        {"runs/ocr/t/client/x", FF_DENIED},
        {"runs/ocr/x.npy", FF_DENIED},
        {"runs/other/t/i/client/x", FF_DENIED},
        {"runs/ocr/t/i/2/../client/x", FF_DENIED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (ff_key_check_client(rows[i].key, "runs/ocr/", NULL) != rows[i].code)
            fail_msg("row %zu", i);
}

static void test_checks(void **state)
{
    (void)state;
    static const struct {
        ff_code (*check)(const char *text, ff_err *err);
        const char *text;
        ff_code code;
    } rows[] = {
        {ff_key_check_request_id, "8a7d2f9e-1111-4222-8333-abcdefabcdef", FF_OK},
        {ff_key_check_request_id, "", FF_FORMAT},
        {ff_key_check_request_id, "..", FF_FORMAT},
        {ff_key_check_request_id, "a/b", FF_FORMAT},
        {ff_key_check_request_id,
         "01234567890123456789012345678901234567890123456789012345678901234", FF_FORMAT},
        {ff_key_check_timestamp, "2026-01-01_00h00m00s_UTC", FF_OK},
        {ff_key_check_timestamp, "2026-01-01_00h00m00s_UTC/", FF_FORMAT},
        {ff_key_check_timestamp, "2026-01-01 00h00m00s UTC", FF_FORMAT},
        {ff_key_check_timestamp, "2026-01-0", FF_FORMAT},
        {ff_key_check_timestamp, "", FF_FORMAT},
        {ff_key_check_prefix, "", FF_OK},
        {ff_key_check_prefix, "runs", FF_OK},
        {ff_key_check_prefix, "a/b/c", FF_OK},
        {ff_key_check_prefix, "a/", FF_FORMAT},
        {ff_key_check_prefix, "/a", FF_FORMAT},
        {ff_key_check_prefix, "a//b", FF_FORMAT},
        {ff_key_check_prefix, "a/../b", FF_FORMAT},
        {ff_key_check_prefix, "a b", FF_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].check(rows[i].text, NULL) != rows[i].code)
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),     cmocka_unit_test(test_names_stay_apart),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_inside),
        cmocka_unit_test(test_client),   cmocka_unit_test(test_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
