#include "report/svg_chart.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/xml_check.h"

#define assert_near(a, b, most) assert_true(fabs((a) - (b)) <= (most))

#define HOSTILE "</text><script>alert(1)</script>\"&\x01\xff"

static const ff_chart_point INLINE[] = {
    {10, 22, 20, 30}, {400, 185, 180, 190}, {800, 415, 400, 500}, {1560, 915, 900, 1000}};
static const ff_chart_point STORE[] = {{10, 230, 0, 0}, {400, 320, 0, 0}, {800, 375, 0, 0}};
static const ff_chart_series SERIES[] = {{"inline", FF_MARK_BOTH, 4, INLINE},
                                         {"store", FF_MARK_LINE, 3, STORE}};

static ff_chart sample(void)
{
    return (ff_chart){.title = "Round trip",
                      .x = {"tensor size", "KB", FF_SCALE_LINEAR, true},
                      .y = {"round trip", "ms", FF_SCALE_LINEAR, true},
                      .series_count = 2,
                      .series = SERIES,
                      .rule = "crossover",
                      .rule_x = 731};
}

static xml_doc draw(const ff_chart *chart)
{
    ff_buf out;
    ff_err err = {0};
    ff_buf_init(&out, 0);
    assert_int_equal(ff_svg_chart(chart, &out, &err), FF_OK);
    xml_doc doc = xml_read(out.data, out.len);
    assert_string_equal(doc.fault, "");
    ff_buf_clean(&out);
    return doc;
}

static void all_is_labelled(void **state)
{
    static const char *const TEXTS[] = {
        "Round trip", "tensor size (KB)", "round trip (ms)", "inline", "store", "crossover", "0",
        "1,000"};
    (void)state;
    ff_chart chart = sample();
    xml_doc doc = draw(&chart);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        assert_true(xml_has_text(&doc, "text", TEXTS[i]));
    assert_int_equal(xml_count(&doc, "path", "line"), 2 + 2); /* series, and their keys */
    assert_int_equal(xml_count(&doc, "path", "error"), 4);
    assert_int_equal(xml_count(&doc, "script", NULL) + xml_count(&doc, "image", NULL), 0);
    xml_clean(&doc);
}

/* The point of a marker: its path begins with "Mx y". */
static void marker_at(const xml_doc *doc, int n, double *x, double *y)
{
    const xml_element *e = xml_find(doc, "path", "marker", n);
    assert_non_null(e);
    assert_int_equal(sscanf(xml_attribute(e, "d"), "M%lf %lf", x, y), 2);
}

static void points_lie_to_scale(void **state)
{
    (void)state;
    ff_chart chart = sample();
    chart.series_count = 1;
    for (int log = 0; log < 2; log++) {
        double x[4], y[4];
        chart.y.scale = log ? FF_SCALE_LOG : FF_SCALE_LINEAR;
        xml_doc doc = draw(&chart);
        for (int i = 0; i < 4; i++)
            marker_at(&doc, i + 1, &x[i], &y[i]); /* the first is the legend's */
        double wanted_x = (800 - 10.0) / (1560 - 10.0);
        double wanted_y = log ? log10(415 / 22.0) / log10(915 / 22.0) : (415 - 22.0) / (915 - 22.0);
        assert_near((x[2] - x[0]) / (x[3] - x[0]), wanted_x, 1e-3);
        assert_near((y[2] - y[0]) / (y[3] - y[0]), wanted_y, 1e-3);
        assert_true(y[3] < y[0] && x[3] > x[0]);
        xml_clean(&doc);
    }
}

static void what_cannot_be_drawn_is_left_out(void **state)
{
    static const ff_chart_point ODD[] = {{1, 5, 0, 0},     {2, NAN, 0, 0},  {3, INFINITY, 0, 0},
                                         {4, 1e300, 0, 0}, {5, -1, NAN, 3}, {6, 9, 0, 0}};
    static const ff_chart_series ONE[] = {{"odd", FF_MARK_BOTH, 6, ODD}};
    (void)state;
    ff_chart chart = sample();
    chart.series = ONE;
    chart.series_count = 1;
    xml_doc doc = draw(&chart);
    assert_int_equal(xml_count(&doc, "path", "marker"), 1 + 3);
    /* the line has a gap there: it begins once before the gap and once behind */
    const char *line = xml_attribute(xml_find(&doc, "path", "line", 1), "d");
    int moves = 0;
    for (const char *p = line; *p; p++)
        moves += *p == 'M';
    assert_int_equal(moves, 2);
    xml_clean(&doc);
    chart.y.scale = FF_SCALE_LOG;
    doc = draw(&chart);
    assert_int_equal(xml_count(&doc, "path", "marker"), 1 + 2);
    xml_clean(&doc);
    chart.series_count = 0;
    doc = draw(&chart);
    assert_true(xml_has_text(&doc, "text", "no value here that could be drawn"));
    xml_clean(&doc);
}

static void names_of_others_are_text(void **state)
{
    (void)state;
    ff_chart_series odd = {HOSTILE, FF_MARK_BOTH, 4, INLINE};
    ff_chart chart = sample();
    chart.series = &odd;
    chart.series_count = 1;
    chart.title = chart.x.label = chart.y.unit = chart.rule = HOSTILE;
    xml_doc doc = draw(&chart);
    assert_int_equal(xml_count(&doc, "script", NULL), 0);
    assert_true(xml_has_text(&doc, "title",
                             "</text><script>alert(1)</script>\"&\xef\xbf\xbd"
                             "\xef\xbf\xbd"));
    xml_clean(&doc);
}

static void equal_data_give_equal_bytes(void **state)
{
    (void)state;
    ff_chart chart = sample();
    ff_buf a, b;
    ff_buf_init(&a, 0);
    ff_buf_init(&b, 0);
    assert_int_equal(ff_svg_chart(&chart, &a, NULL), FF_OK);
    assert_int_equal(ff_svg_chart(&chart, &b, NULL), FF_OK);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    ff_buf_clean(&a);
    ff_buf_clean(&b);
}

static void bounds_are_told(void **state)
{
    (void)state;
    ff_chart chart = sample();
    ff_buf out;
    ff_err err = {0};
    chart.series_count = FF_CHART_SERIES + 1;
    ff_buf_init(&out, 0);
    assert_int_equal(ff_svg_chart(&chart, &out, &err), FF_LIMIT);
    ff_buf_init(&out, 500);
    chart.series_count = 2;
    assert_int_equal(ff_svg_chart(&chart, &out, &err), FF_LIMIT);
    ff_buf_clean(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_labelled),
        cmocka_unit_test(points_lie_to_scale),
        cmocka_unit_test(what_cannot_be_drawn_is_left_out),
        cmocka_unit_test(names_of_others_are_text),
        cmocka_unit_test(equal_data_give_equal_bytes),
        cmocka_unit_test(bounds_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
