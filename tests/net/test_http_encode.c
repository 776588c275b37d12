/* Percent-encoding: S3's unreserved set, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/http.h"

static void test_encode(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keep_slash;
        const char *encoded;
    } rows[] = {
        {"", false, ""},
        {"azAZ09-_.~", false, "azAZ09-_.~"},
        {"a/b", false, "a%2Fb"},
        {"a/b", true, "a/b"},
        {"a b+c", true, "a%20b%2Bc"},
        {"arn:aws:lambda", true, "arn%3Aaws%3Alambda"},
        {"\xc3\xa9\x01\x7f", true, "%C3%A9%01%7F"},
        {"%41", true, "%2541"},
        {"!*'()$&=@,;?#[]", true, "%21%2A%27%28%29%24%26%3D%40%2C%3B%3F%23%5B%5D"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_buf buf;
        ff_buf_init(&buf, 0);
        const char *text = rows[i].text;
        assert_int_equal(ff_http_encode(text, strlen(text), rows[i].keep_slash, &buf, NULL), FF_OK);
        assert_int_equal(buf.len, strlen(rows[i].encoded));
        if (buf.len)
            assert_memory_equal(buf.data, rows[i].encoded, buf.len);
        int64_t len = ff_http_decode((char *)buf.data, buf.len);
        assert_int_equal(len, strlen(text));
        if (len)
            assert_memory_equal(buf.data, text, (size_t)len);
        ff_buf_clean(&buf);
    }
}

static void test_encode_keeps_its_bound(void **state)
{
    (void)state;
    ff_buf buf;
    ff_err err;
    ff_buf_init(&buf, 8);
    assert_int_equal(ff_http_encode("abc", 3, false, &buf, &err), FF_LIMIT);
    assert_int_equal(buf.len, 0);
    ff_buf_clean(&buf);
    ff_buf_init(&buf, 0);
    ff_mem_fail_at(1);
    assert_int_equal(ff_http_encode("abc", 3, false, &buf, &err), FF_NO_MEMORY);
    assert_int_equal(buf.len, 0);
    ff_buf_clean(&buf);
}

static void test_decode_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"%", "%4", "abc%", "%g0", "%0g", "%%41", "%-1", "a%2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[16];
        strcpy(text, bad[i]);
        assert_int_equal(ff_http_decode(text, strlen(text)), -1);
    }
    char mixed[] = "%2f%2Fx+y%00z";
    assert_int_equal(ff_http_decode(mixed, strlen(mixed)), 7);
    assert_memory_equal(mixed, "//x+y\0z", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_encode_keeps_its_bound),
        cmocka_unit_test(test_decode_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
