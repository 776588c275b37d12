/* Policies as text, and the paper's rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "share/policy.h"

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ff_code code;
        uint64_t threshold;
        const char *back;
    } rows[] = {
        {NULL, FF_OK, UINT64_MAX, "inline"},
        {"", FF_OK, UINT64_MAX, "inline"},
        {"inline", FF_OK, UINT64_MAX, "inline"},
        {"store", FF_OK, 0, "store"},
        {"0", FF_OK, 0, "store"},
        {"800KB", FF_OK, 800000, "800000"},
        {"1.5MiB", FF_OK, 1572864, "1572864"},
        {"auto", FF_OK, UINT64_MAX, "auto"},
        {"auto-p99", FF_OK, UINT64_MAX, "auto-p99"},
        {"auto-cost", FF_OK, UINT64_MAX, "auto-cost"},
        {"auto-p50", FF_USAGE, 77, NULL},
        {"automatic", FF_USAGE, 77, NULL},
        {"s3", FF_USAGE, 77, NULL},
        {"-1", FF_USAGE, 77, NULL},
        {"800 cows", FF_USAGE, 77, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_policy policy = {77, FF_AUTO_OFF}, again = {78, FF_AUTO_OFF};
        char text[FF_POLICY_TEXT];
        ff_err err = {0};
        assert_int_equal(ff_policy_parse(rows[i].text, &policy, &err), rows[i].code);
        assert_true(policy.threshold == rows[i].threshold);
        if (rows[i].code) {
            assert_non_null(strstr(err.message, "inline")); /* what would be right */
            continue;
        }
        assert_string_equal(ff_policy_text(policy, text, sizeof text), rows[i].back);
        assert_int_equal(ff_policy_parse(text, &again, NULL), FF_OK);
        assert_true(again.threshold == policy.threshold);
        assert_int_equal(again.automatic, policy.automatic);
        assert_true(!policy.automatic == !!strncmp(rows[i].back, "auto", 4));
    }
}

static void test_route(void **state)
{
    (void)state;
    static const struct {
        uint64_t threshold, bytes;
        ff_route route;
    } rows[] = {
        {UINT64_MAX, UINT64_MAX, FF_ROUTE_INLINE},
        {UINT64_MAX, 0, FF_ROUTE_INLINE},
        {0, 0, FF_ROUTE_STORE},
        {0, 1, FF_ROUTE_STORE},
        {800000, 799999, FF_ROUTE_INLINE},
        {800000, 800000, FF_ROUTE_STORE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(
            ff_policy_route((ff_policy){rows[i].threshold, FF_AUTO_OFF}, rows[i].bytes),
            rows[i].route);
    assert_string_equal(ff_route_name(FF_ROUTE_STORE), "store");
    assert_string_equal(ff_route_name(FF_ROUTE_INLINE), "inline");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
