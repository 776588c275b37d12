/* Texts of a peer, plain and out of XML, and what a status means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/aws_answer.h"

static void test_text(void **state)
{
    (void)state;
    char out[8];
    assert_string_equal(ff_aws_text("a\r\nb\x7f\x1b", 6, out, sizeof out), "a  b  ");
    assert_string_equal(ff_aws_text("0123456789", 10, out, sizeof out), "0123456");
    assert_string_equal(ff_aws_text(NULL, 0, out, sizeof out), "");
}

static void test_xml_text(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *text;
    } rows[] = {
        {"a &lt;b&gt; &amp;&quot;&apos;", "a <b> &\"'"},
        {"&#34;&#x22;&#X22;", "\"\"&#X22;"},
        {"&amp", "&amp"},
        {"&#;&#128;&#x80;&nbsp;", "&#;&#128;&#x80;&nbsp;"},
        {"a\nb&#10;c", "a b c"},
        {"", ""},
    };
    char out[40];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(ff_aws_xml_text(rows[i].xml, strlen(rows[i].xml), out, sizeof out),
                            rows[i].text);
    assert_string_equal(ff_aws_xml_text("&lt;&lt;&lt;", 12, out, 3), "<<");
    assert_string_equal(ff_aws_xml_text("&lt;", 3, out, sizeof out), "&lt");
}

static void test_status(void **state)
{
    (void)state;
    static const struct {
        int status;
        ff_code code;
    } rows[] = {
        {400, FF_FORMAT},   {401, FF_DENIED}, {403, FF_DENIED},      {404, FF_NOT_FOUND},
        {409, FF_CONFLICT}, {429, FF_BUSY},   {500, FF_UNAVAILABLE}, {503, FF_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ff_aws_status_code(rows[i].status), rows[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_xml_text),
        cmocka_unit_test(test_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
