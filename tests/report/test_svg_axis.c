#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "report/svg_int.h"

#define assert_near(a, b, most) assert_true(fabs((a) - (b)) <= (most))

static void ticks_are_nice(void **state)
{
    static const struct {
        ff_scale scale;
        double lo, hi;
        const char *ticks;
    } CASES[] = {
        {FF_SCALE_LINEAR, 0, 915, "0 200 400 600 800 1,000"},
        {FF_SCALE_LINEAR, 0.013, 0.041, "0.010 0.015 0.020 0.025 0.030 0.035 0.040 0.045"},
        {FF_SCALE_LINEAR, -3, 4, "-4 -2 0 2 4"},
        {FF_SCALE_LINEAR, 5, 5, "2 3 4 5 6 7 8"}, /* one value: room on both sides */
        {FF_SCALE_LINEAR, 0, 0, "-0.6 -0.4 -0.2 0.0 0.2 0.4 0.6"},
        {FF_SCALE_LINEAR, 0, 1234567, "0 500,000 1,000,000 1,500,000"},
        {FF_SCALE_LINEAR, 0, 1e12, "0 2e+11 4e+11 6e+11 8e+11 1e+12"},
        {FF_SCALE_LOG, 8, 1600, "1 10 100 1,000 10,000"},
        {FF_SCALE_LOG, 22, 150, "20 50 100 200"},
        {FF_SCALE_LOG, 100, 100, "100 200"},
        {FF_SCALE_LOG, 0.03, 0.4, "0.02 0.05 0.1 0.2 0.5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ff_svg_axis axis;
        char found[400] = "", text[40];
        ff_svg_axis_fit(&axis, CASES[i].scale, CASES[i].lo, CASES[i].hi, 6);
        for (int t = 0; t < axis.tick_count; t++) {
            strcat(found, t ? " " : "");
            strcat(found, ff_svg_tick_text(&axis, axis.tick[t], text, sizeof text));
        }
        assert_string_equal(found, CASES[i].ticks);
        assert_true(axis.lo <= CASES[i].lo * (1 + 1e-9) || CASES[i].lo < 0);
        assert_true(axis.hi >= CASES[i].hi * (1 - 1e-9));
        assert_true(axis.hi > axis.lo);
    }
}

static void values_lie_on_their_scale(void **state)
{
    (void)state;
    ff_svg_axis axis = {.scale = FF_SCALE_LINEAR, .lo = 0, .hi = 10, .from = 300, .to = 100};
    assert_near(ff_svg_axis_at(&axis, 0), 300, 1e-9);
    assert_near(ff_svg_axis_at(&axis, 2.5), 250, 1e-9);
    assert_near(ff_svg_axis_at(&axis, 10), 100, 1e-9);
    axis = (ff_svg_axis){.scale = FF_SCALE_LOG, .lo = 1, .hi = 100, .from = 0, .to = 200};
    assert_near(ff_svg_axis_at(&axis, 10), 100, 1e-9);
}

/* Whatever the range, an axis has few ticks in ascending order, and holds its values. */
static void any_range_makes_an_axis(void **state)
{
    (void)state;
    for (int scale = FF_SCALE_LINEAR; scale <= FF_SCALE_LOG; scale++)
        for (double lo = 1 / FF_CHART_MOST; lo <= FF_CHART_MOST; lo *= 3.7)
            for (double hi = lo; hi <= FF_CHART_MOST; hi *= 9.1) {
                ff_svg_axis axis;
                ff_svg_axis_fit(&axis, (ff_scale)scale, lo, hi, 6);
                assert_in_range(axis.tick_count, 2, 16);
                for (int t = 1; t < axis.tick_count; t++)
                    assert_true(axis.tick[t] > axis.tick[t - 1]);
                assert_true(axis.lo <= lo * (1 + 1e-6) && axis.hi >= hi * (1 - 1e-6));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_nice),
        cmocka_unit_test(values_lie_on_their_scale),
        cmocka_unit_test(any_range_makes_an_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
