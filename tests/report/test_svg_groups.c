#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "report/svg_chart.h"
#include "support/xml_check.h"

#define assert_near(a, b, most) assert_true(fabs((a) - (b)) <= (most))

static const char *const MODELS[] = {"vgg16", "resnet50-v1 & more", "wrn50-3"};
static const ff_group_value STORE[] = {{0, 1650, 0, 0}, {1, 620, 0, 0}, {2, 1660, 0, 0}};
static const ff_group_value HYBRID[] = {{0, 820, 800, 900}, {1, 510, 0, 0}, {2, 1267.5, 0, 0}};
static const ff_group_series SERIES[] = {{"store", 3, STORE}, {"hybrid", 3, HYBRID}};

static ff_group_chart sample(void)
{
    return (ff_group_chart){.title = "Latency",
                            .mark = FF_GROUP_BARS,
                            .groups = "model",
                            .group_count = 3,
                            .group = MODELS,
                            .y = {"median latency", "ms", FF_SCALE_LINEAR, false},
                            .series_count = 2,
                            .series = SERIES};
}

static xml_doc draw(const ff_group_chart *chart)
{
    ff_buf out;
    ff_buf_init(&out, 0);
    assert_int_equal(ff_svg_groups(chart, &out, NULL), FF_OK);
    xml_doc doc = xml_read(out.data, out.len);
    assert_string_equal(doc.fault, "");
    ff_buf_clean(&out);
    return doc;
}

static void bars_are_as_long_as_their_values(void **state)
{
    (void)state;
    ff_group_chart chart = sample();
    xml_doc doc = draw(&chart);
    double unit = xml_number(xml_find(&doc, "rect", "bar", 0), "height") / 1650;
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 3; i++) {
            const xml_element *bar = xml_find(&doc, "rect", "bar", s * 3 + i);
            assert_near(xml_number(bar, "height"), SERIES[s].value[i].y * unit, 0.01);
            assert_true(xml_has_class(bar, s ? "f1" : "f0"));
        }
    assert_null(xml_find(&doc, "rect", "bar", 6));
    assert_int_equal(xml_count(&doc, "path", "error"), 1);
    for (int i = 0; i < 3; i++)
        assert_true(xml_has_text(&doc, "text", MODELS[i]));
    assert_true(xml_has_text(&doc, "text", "median latency (ms)"));
    assert_true(xml_has_text(&doc, "text", "1650")); /* bars are wide enough for figures */
    assert_true(xml_has_text(&doc, "title", "wrn50-3, hybrid: 1267.5 ms"));
    xml_clean(&doc);
}

/* Below 0 too; a bar ends at 0. */
static void bars_begin_at_zero(void **state)
{
    static const ff_group_value SIGNED[] = {{0, -50, 0, 0}, {1, 100, 0, 0}};
    static const ff_group_series ONE[] = {{"change", 2, SIGNED}};
    (void)state;
    ff_group_chart chart = sample();
    chart.series_count = 1;
    chart.series = ONE;
    xml_doc doc = draw(&chart);
    const xml_element *below = xml_find(&doc, "rect", "bar", 0);
    const xml_element *above = xml_find(&doc, "rect", "bar", 1);
    assert_near(xml_number(below, "y"), xml_number(above, "y") + xml_number(above, "height"), 0.02);
    assert_near(xml_number(above, "height"), 2 * xml_number(below, "height"), 0.01);
    xml_clean(&doc);
}

static void dots_may_share_a_group(void **state)
{
    static const ff_group_value MANY[] = {{0, 5, 0, 0},    {0, 50, 0, 0}, {0, 290, 0, 0},
                                          {2, 1728, 0, 0}, {3, 1, 0, 0},  {-1, 1, 0, 0},
                                          {1, NAN, 0, 0}};
    static const ff_group_series ONE[] = {{"tensors", 7, MANY}};
    (void)state;
    ff_group_chart chart = sample();
    chart.mark = FF_GROUP_DOTS;
    chart.series_count = 1;
    chart.series = ONE;
    for (int scale = FF_SCALE_LINEAR; scale <= FF_SCALE_LOG; scale++) {
        chart.y.scale = (ff_scale)scale;
        xml_doc doc = draw(&chart);
        assert_int_equal(xml_count(&doc, "path", "marker"), 1 + 4);
        xml_clean(&doc);
    }
}

/* Names that do not fit side by side are turned, and cut, with the whole as a tooltip. */
static void long_names_stay_legible(void **state)
{
    (void)state;
    ff_group_chart chart = sample();
    const char *names[16];
    for (int i = 0; i < 16; i++)
        names[i] = "a network with an exceedingly long name that nobody can read";
    names[15] = "short";
    chart.group = names;
    chart.group_count = 16;
    xml_doc doc = draw(&chart);
    assert_true(xml_has_text(&doc, "title", names[0]));
    assert_true(xml_has_text(&doc, "text", "short"));
    assert_int_equal(xml_count(&doc, "text", "value"), 0); /* no room for figures */
    xml_clean(&doc);
}

static void bounds_are_told(void **state)
{
    (void)state;
    ff_group_chart chart = sample();
    ff_buf out;
    ff_err err = {0};
    ff_buf_init(&out, 0);
    chart.group_count = FF_CHART_GROUPS + 1;
    assert_int_equal(ff_svg_groups(&chart, &out, &err), FF_LIMIT);
    chart.group_count = 0;
    xml_doc doc = draw(&chart);
    assert_true(xml_has_text(&doc, "text", "no value here that could be drawn"));
    xml_clean(&doc);
    ff_buf_clean(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_are_as_long_as_their_values),
        cmocka_unit_test(bars_begin_at_zero),
        cmocka_unit_test(dots_may_share_a_group),
        cmocka_unit_test(long_names_stay_legible),
        cmocka_unit_test(bounds_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
