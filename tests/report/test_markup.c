#include "report/markup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void text_is_escaped(void **state)
{
    static const struct {
        const char *text, *wanted;
    } CASES[] = {
        {"plain", "plain"},
        {"<a href=\"x\">'&'</a>", "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a\001b\x7f", "a\xef\xbf\xbd"
                       "b\xef\xbf\xbd"},
        {"\x80x", "\xef\xbf\xbdx"},                           /* a byte that begins nothing */
        {"\xc3", "\xef\xbf\xbd"},                             /* cut short by the end */
        {"\xe2\x82<", "\xef\xbf\xbd\xef\xbf\xbd&lt;"},        /* cut short by another */
        {"\xc0\xaf", "\xef\xbf\xbd"},                         /* '/' in a longer form */
        {"\xed\xa0\x80", "\xef\xbf\xbd"},                     /* half a surrogate pair */
        {"\xf5\x80\x80\x80\xff", "\xef\xbf\xbd\xef\xbf\xbd"}, /* beyond Unicode */
        {"\xef\xbf\xbe", "\xef\xbf\xbd"},                     /* U+FFFE */
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ff_buf out;
        ff_buf_init(&out, 0);
        ff_markup m = ff_markup_begin(&out, NULL);
        ff_markup_text(&m, CASES[i].text);
        assert_int_equal(m.code, FF_OK);
        assert_int_equal(out.len, strlen(CASES[i].wanted));
        assert_memory_equal(out.data, CASES[i].wanted, out.len);
        ff_buf_clean(&out);
    }
}

static void long_markup_is_whole(void **state)
{
    (void)state;
    char text[2000];
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_markup m = ff_markup_begin(&out, NULL);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    ff_markup_put(&m, "%s%d", text, 7);
    assert_int_equal(out.len, sizeof text);
    assert_int_equal(out.data[out.len - 1], '7');
    ff_buf_clean(&out);
}

static void the_first_failure_stays(void **state)
{
    (void)state;
    ff_buf out;
    ff_err err = {0};
    ff_buf_init(&out, 8);
    ff_markup m = ff_markup_begin(&out, &err);
    ff_markup_put(&m, "<p>");
    ff_markup_put(&m, "too long");
    assert_int_equal(m.code, FF_LIMIT);
    ff_markup_put(&m, "x");
    ff_markup_text(&m, "x");
    assert_int_equal(out.len, 3);
    assert_int_equal(err.code, FF_LIMIT);
    ff_buf_clean(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(long_markup_is_whole),
        cmocka_unit_test(the_first_failure_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
