#include "report/svg_chart.h"

#include <stdio.h>

#include "report/svg_int.h"

#define Y_TICKS    6
#define X_TICKS    8
#define LABEL_SIZE 12

static bool has_error(const ff_chart_point *p)
{
    return p->lo != 0 || p->hi != 0;
}

static void fit(const ff_chart *chart, ff_svg_range *x, ff_svg_range *y)
{
    *x = *y = (ff_svg_range){0};
    for (int s = 0; s < chart->series_count; s++)
        for (int i = 0; i < chart->series[s].count; i++) {
            const ff_chart_point *p = &chart->series[s].point[i];
            if (!ff_svg_drawable(chart->x.scale, p->x) || !ff_svg_drawable(chart->y.scale, p->y))
                continue;
            ff_svg_range_add(x, chart->x.scale, p->x);
            ff_svg_range_add(y, chart->y.scale, p->y);
            if (has_error(p)) {
                ff_svg_range_add(y, chart->y.scale, p->lo);
                ff_svg_range_add(y, chart->y.scale, p->hi);
            }
        }
    if (x->any && chart->x.from_zero)
        ff_svg_range_add(x, chart->x.scale, 0);
    if (y->any && chart->y.from_zero)
        ff_svg_range_add(y, chart->y.scale, 0);
}

static void draw_lower_axis(ff_markup *m, const ff_svg_frame *f, const ff_svg_axis *x,
                            const ff_chart_axis *about)
{
    char text[256];
    ff_markup_put(m, "<path class=\"rule\" d=\"M%.1f %.1fH%.1f\"/>\n", f->left, f->bottom,
                  f->right);
    for (int i = 0; i < x->tick_count; i++) {
        double at = ff_svg_axis_at(x, x->tick[i]);
        ff_markup_put(m, "<path class=\"rule\" d=\"M%.1f %.1fv5\"/>\n", at, f->bottom);
        ff_svg_text(m, at, f->bottom + 19, FF_SVG_MIDDLE, "soft tick", FF_SVG_TICK_SIZE, f->width,
                    ff_svg_tick_text(x, x->tick[i], text, sizeof text));
    }
    ff_svg_text(m, (f->left + f->right) / 2, f->bottom + 42, FF_SVG_MIDDLE, "soft axis", LABEL_SIZE,
                f->right - f->left, ff_svg_axis_label(about, text, sizeof text));
}

/* A vertical line with its text on the side where there is room. */
static void draw_rule(ff_markup *m, const ff_svg_frame *f, const ff_svg_axis *x, double value,
                      const char *text)
{
    if (!ff_svg_drawable(x->scale, value) || value < x->lo || value > x->hi)
        return;
    double at = ff_svg_axis_at(x, value);
    bool left = at > (f->left + f->right) / 2;
    ff_markup_put(m, "<path class=\"rule\" stroke-dasharray=\"4 3\" d=\"M%.2f %.1fV%.1f\"/>\n", at,
                  f->top, f->bottom);
    ff_svg_text(m, left ? at - 6 : at + 6, f->top + 12, left ? FF_SVG_END : FF_SVG_START, "soft",
                LABEL_SIZE, left ? at - f->left - 8 : f->right - at - 8, text);
}

static void draw_series(ff_markup *m, const ff_chart *chart, int index, const ff_svg_axis *x,
                        const ff_svg_axis *y)
{
    const ff_chart_series *s = &chart->series[index];
    char class[8], tooltip[160];
    bool pen = false;
    snprintf(class, sizeof class, "k%d", index);
    if (s->mark != FF_MARK_POINTS)
        ff_markup_put(m, "<path class=\"line %s\"%s d=\"", class, ff_svg_dash(index));
    for (int i = 0; i < s->count && s->mark != FF_MARK_POINTS; i++) {
        const ff_chart_point *p = &s->point[i];
        bool drawable = ff_svg_drawable(x->scale, p->x) && ff_svg_drawable(y->scale, p->y);
        if (drawable)
            ff_markup_put(m, "%c%.2f %.2f", pen ? 'L' : 'M', ff_svg_axis_at(x, p->x),
                          ff_svg_axis_at(y, p->y));
        pen = drawable; /* a gap where a value is missing */
    }
    if (s->mark != FF_MARK_POINTS)
        ff_markup_put(m, "\"/>\n");
    for (int i = 0; i < s->count; i++) {
        const ff_chart_point *p = &s->point[i];
        if (!ff_svg_drawable(x->scale, p->x) || !ff_svg_drawable(y->scale, p->y))
            continue;
        ff_svg_error_bar(m, y, ff_svg_axis_at(x, p->x), p->lo, p->hi, class);
        if (s->mark == FF_MARK_LINE)
            continue;
        snprintf(tooltip, sizeof tooltip, "%.60s: %.6g, %.6g", s->name, p->x, p->y);
        ff_svg_marker(m, ff_svg_axis_at(x, p->x), ff_svg_axis_at(y, p->y), index, tooltip);
    }
}

ff_code ff_svg_chart(const ff_chart *chart, ff_buf *out, ff_err *err)
{
    const char *names[FF_CHART_SERIES];
    bool lines = false, markers = false;
    ff_markup m = ff_markup_begin(out, err);
    ff_svg_range x_range, y_range;
    ff_svg_axis x, y;
    ff_svg_frame f;
    if (chart->series_count > FF_CHART_SERIES)
        return ff_err_set(err, FF_LIMIT, "a chart of %d series, at most %d", chart->series_count,
                          FF_CHART_SERIES);
    for (int i = 0; i < chart->series_count; i++) {
        names[i] = chart->series[i].name;
        lines = lines || chart->series[i].mark != FF_MARK_POINTS;
        markers = markers || chart->series[i].mark != FF_MARK_LINE;
    }
    fit(chart, &x_range, &y_range);
    if (!x_range.any || !y_range.any) {
        ff_svg_empty(&m, chart->title);
        return m.code;
    }
    ff_svg_axis_fit(&x, chart->x.scale, x_range.lo, x_range.hi, X_TICKS);
    ff_svg_axis_fit(&y, chart->y.scale, y_range.lo, y_range.hi, Y_TICKS);
    ff_svg_frame_open(&m, &f, chart->title, &y, &chart->y, chart->series_count, names, lines,
                      markers, 56);
    x.from = f.left;
    x.to = f.right;
    draw_lower_axis(&m, &f, &x, &chart->x);
    if (chart->rule)
        draw_rule(&m, &f, &x, chart->rule_x, chart->rule);
    for (int i = 0; i < chart->series_count; i++)
        draw_series(&m, chart, i, &x, &y);
    ff_svg_close(&m);
    return m.code;
}
