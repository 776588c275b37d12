/* Headers of tar entries, byte by byte where they matter. */
#include "deploy/tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void test_fields(void **state)
{
    (void)state;
    uint8_t b[FF_TAR_BLOCK];
    assert_int_equal(ff_tar_header("var/task/bootstrap", 0123456, 0755, b, NULL), FF_OK);
    assert_string_equal((char *)b, "var/task/bootstrap");
    assert_string_equal((char *)b + 100, "0000755"); /* mode */
    assert_string_equal((char *)b + 108, "0000000"); /* owner */
    assert_string_equal((char *)b + 124, "00000123456");
    assert_string_equal((char *)b + 136, "00000000000"); /* time */
    assert_int_equal(b[156], '0');
    assert_memory_equal(b + 257,
                        "ustar\0"
                        "00",
                        8);
    unsigned sum = 0;
    for (int i = 0; i < FF_TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : b[i];
    unsigned told = 0;
    for (int i = 148; i < 154; i++)
        told = told * 8 + b[i] - '0';
    assert_int_equal(told, sum);
    assert_int_equal(ff_tar_header("var/", 0, 0755, b, NULL), FF_OK);
    assert_int_equal(b[156], '5');
}

static void test_long_names(void **state)
{
    (void)state;
    static const struct {
        int dir, base; /* bytes: "dddd/bbbb" */
        ff_code code;
    } rows[] = {{0, 100, FF_OK},     {0, 101, FF_LIMIT},   {50, 49, FF_OK},     {155, 100, FF_OK},
                {156, 98, FF_LIMIT}, {155, 101, FF_LIMIT}, {20, 101, FF_LIMIT}, {150, 3, FF_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[400];
        uint8_t b[FF_TAR_BLOCK];
        ff_err err = {0};
        int at = rows[i].dir;
        memset(name, 'd', (size_t)at);
        if (at)
            name[at++] = '/';
        memset(name + at, 'b', (size_t)rows[i].base);
        name[at + rows[i].base] = '\0';
        assert_int_equal(ff_tar_header(name, 1, 0644, b, &err), rows[i].code);
        if (rows[i].code)
            continue;
        char whole[300];
        snprintf(whole, sizeof whole, "%.155s%s%.100s", (char *)b + 345, b[345] ? "/" : "",
                 (char *)b);
        assert_string_equal(whole, name);
    }
}

static void test_refused(void **state)
{
    (void)state;
    uint8_t b[FF_TAR_BLOCK];
    ff_err err = {0};
    assert_int_equal(ff_tar_header("x", FF_TAR_MAX_BYTES - 1, 0644, b, &err), FF_OK);
    assert_string_equal((char *)b + 124, "77777777777");
    assert_int_equal(ff_tar_header("x", FF_TAR_MAX_BYTES, 0644, b, &err), FF_LIMIT);
    assert_int_equal(ff_tar_header("", 1, 0644, b, &err), FF_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
