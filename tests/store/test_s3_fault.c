/* S3's errors out of any bytes: what they say, and that nothing is read behind their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "store/s3_fault.h"
#include "support/guard.h"

static void test_read(void **state)
{
    (void)state;
    static const struct {
        const char *xml;
        bool found;
        const char *code, *message, *key;
    } rows[] = {
        {"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does "
         "not exist.</Message><Key>a/b</Key><RequestId>1</RequestId></Error>",
         true, "NoSuchKey", "The specified key does not exist.", "a/b"},
        {"<Error><Code>A</Code>", true, "A", "", ""},
        {"<Error><Message>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;</Message></Error>", true, "",
         "<&>\"'AB", ""},
        {"<Error><Message>&bad; &#; &#x; &#300; &#9999999999; & &#6", true, "",
         "&bad; &#; &#x; &#300; &#9999999999; & &#6", ""},
        {"<Error><Message>a\r\n\tb&#10;c&#0;</Message></Error>", true, "", "a   b c ", ""},
        {"<Error><Code></Code></Error>", true, "", "", ""},
        {"<Error></Error><Code>Later</Code>", true, "", "", ""},
        {"<Error", false, "", "", ""},
        {"<error><Code>A</Code></error>", false, "", "", ""},
        {"", false, "", "", ""},
        {"{\"message\": \"not XML\"}", false, "", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        guard g = guard_copy(rows[i].xml, strlen(rows[i].xml));
        size_t at = 0;
        ff_s3_fault fault = {.code = ""};
        assert_int_equal(ff_s3_fault_next(ff_bytes_of(g.data, g.len), &at, &fault), rows[i].found);
        assert_string_equal(fault.code, rows[i].code);
        assert_string_equal(fault.message, rows[i].message);
        assert_string_equal(fault.key, rows[i].key);
        guard_free(&g);
    }
}

static void test_several(void **state)
{
    (void)state;
    static const char xml[] =
        "<DeleteResult><Deleted><Key>x</Key></Deleted><Error><Key>k1</Key><Code>AccessDenied</Code>"
        "</Error><Error><Code>InternalError</Code><Key>k2</Key></Error></DeleteResult>";
    ff_s3_fault fault;
    size_t at = 0;
    assert_true(ff_s3_fault_next(ff_bytes_of(xml, strlen(xml)), &at, &fault));
    assert_string_equal(fault.key, "k1");
    assert_string_equal(fault.code, "AccessDenied");
    assert_true(ff_s3_fault_next(ff_bytes_of(xml, strlen(xml)), &at, &fault));
    assert_string_equal(fault.key, "k2");
    assert_false(ff_s3_fault_next(ff_bytes_of(xml, strlen(xml)), &at, &fault));
}

/* A prefix of any length is read without a byte more. */
static void test_cut_short(void **state)
{
    (void)state;
    static const char xml[] =
        "<a/><Error><Code>X&#x41;Y</Code><Message>m &amp; n</Message></Error>";
    for (size_t len = 0; len < sizeof xml; len++) {
        guard g = guard_copy(xml, len);
        ff_s3_fault fault;
        size_t at = 0;
        while (ff_s3_fault_next(ff_bytes_of(g.data, g.len), &at, &fault))
            ;
        assert_true(at <= len);
        guard_free(&g);
    }
}

static void test_too_long(void **state)
{
    (void)state;
    ff_buf xml;
    ff_buf_init(&xml, 0);
    ff_buf_text(&xml, "<Error><Code>", NULL);
    for (int i = 0; i < 3000; i++)
        ff_buf_text(&xml, "&lt;", NULL);
    ff_buf_text(&xml, "</Code></Error>", NULL);
    ff_s3_fault fault;
    size_t at = 0;
    assert_true(ff_s3_fault_next(ff_buf_view(&xml), &at, &fault));
    assert_int_equal(strlen(fault.code), sizeof fault.code - 1);
    assert_int_equal(strspn(fault.code, "<"), sizeof fault.code - 1);
    ff_buf_clean(&xml);
}

static void test_codes(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *s3_code;
        ff_code code;
    } rows[] = {
        {404, "NoSuchKey", FF_NOT_FOUND},
        {404, "", FF_NOT_FOUND},
        {403, "AccessDenied", FF_DENIED},
        {400, "ExpiredToken", FF_DENIED},
        {412, "PreconditionFailed", FF_CONFLICT},
        {409, "ConditionalRequestConflict", FF_BUSY},
        {503, "SlowDown", FF_UNAVAILABLE},
        {500, "InternalError", FF_UNAVAILABLE},
        {200, "SlowDown", FF_UNAVAILABLE},
        {502, "", FF_UNAVAILABLE},
        {400, "RequestTimeout", FF_UNAVAILABLE},
        {429, "", FF_BUSY},
        {400, "BadDigest", FF_CHECKSUM},
        {400, "EntityTooLarge", FF_LIMIT},
        {413, "", FF_LIMIT},
        {507, "", FF_NO_SPACE},
        {501, "NotImplemented", FF_UNSUPPORTED},
        {301, "PermanentRedirect", FF_USAGE},
        {400, "InvalidRequest", FF_FORMAT},
        {418, "", FF_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (ff_s3_fault_code(rows[i].status, rows[i].s3_code) != rows[i].code)
            fail_msg("%d %s", rows[i].status, rows[i].s3_code);
}

static void test_escape(void **state)
{
    (void)state;
    static const struct {
        const char *text, *xml;
    } rows[] = {{"", ""},
                {"plain/key", "plain/key"},
                {"<a>&\"'", "&#60;a&#62;&#38;&#34;&#39;"},
                {"\xc3\xa9]]>", "\xc3\xa9]]&#62;"},
                {"a\nb", "a&#10;b"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_buf xml;
        ff_buf_init(&xml, 0);
        assert_int_equal(ff_store_xml_escape(rows[i].text, &xml, NULL), FF_OK);
        assert_int_equal(xml.len, strlen(rows[i].xml));
        if (xml.len)
            assert_memory_equal(xml.data, rows[i].xml, xml.len);
        ff_buf_clean(&xml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),      cmocka_unit_test(test_several),
        cmocka_unit_test(test_cut_short), cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_codes),     cmocka_unit_test(test_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
