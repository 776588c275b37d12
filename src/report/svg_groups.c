#include <math.h>
#include <stdio.h>

#include "report/svg_int.h"

#define Y_TICKS    6
#define LABEL_SIZE 12
#define VALUE_SIZE 10
#define BAR_SHARE  0.84 /* of a group's width */
#define SLANT      0.5  /* sine of the 30 degrees that long names are turned by */
#define SLANT_COS  0.866

static const char *value_text(double value, char *text, size_t size)
{
    snprintf(text, size, fabs(value) >= 100 ? "%.0f" : "%.3g", value);
    return text;
}

/* The lower axis: where each group stands. */
typedef struct slots {
    double width;  /* of a group */
    bool slanted;  /* names do not fit side by side */
    double height; /* below the plot */
    bool values;   /* bars are wide enough for their values in figures */
} slots;

static slots place_groups(const ff_group_chart *chart, double plot)
{
    slots s = {.width = plot / (chart->group_count ? chart->group_count : 1), .height = 56};
    double widest = 0;
    for (int i = 0; i < chart->group_count; i++)
        widest = fmax(widest, ff_svg_text_width(chart->group[i], LABEL_SIZE));
    if (widest > s.width - 2) {
        s.slanted = true;
        s.height = 48 + fmin(widest, 180) * SLANT + 10;
    }
    return s;
}

/* All values or none: a chart that labels only its low bars misleads. */
static bool values_fit(const ff_group_chart *chart, double slot)
{
    char text[32];
    double widest = 0;
    for (int k = 0; k < chart->series_count; k++)
        for (int i = 0; i < chart->series[k].count; i++)
            widest =
                fmax(widest,
                     ff_svg_text_width(value_text(chart->series[k].value[i].y, text, sizeof text),
                                       VALUE_SIZE));
    return widest <= slot * BAR_SHARE / chart->series_count + 2;
}

static void draw_groups(ff_markup *m, const ff_group_chart *chart, const ff_svg_frame *f,
                        const slots *s)
{
    ff_markup_put(m, "<path class=\"rule\" d=\"M%.1f %.1fH%.1f\"/>\n", f->left, f->bottom,
                  f->right);
    for (int i = 0; i < chart->group_count; i++) {
        double at = f->left + s->width * (i + 0.5);
        if (s->slanted)
            ff_markup_put(m, "<g transform=\"translate(%.1f %.1f) rotate(-30)\">\n", at + 4,
                          f->bottom + 16);
        ff_svg_text(m, s->slanted ? 0 : at, s->slanted ? 0 : f->bottom + 19,
                    s->slanted ? FF_SVG_END : FF_SVG_MIDDLE, "ink group", LABEL_SIZE,
                    s->slanted ? fmin(180, (at - 4) / SLANT_COS) : s->width, chart->group[i]);
        if (s->slanted)
            ff_markup_put(m, "</g>\n");
    }
    ff_svg_text(m, (f->left + f->right) / 2, f->height - 14, FF_SVG_MIDDLE, "soft axis", LABEL_SIZE,
                f->right - f->left, chart->groups);
}

static const char *tooltip_of(const ff_group_chart *chart, int series, const ff_group_value *v,
                              char *text, size_t size)
{
    snprintf(text, size, "%.90s, %.90s: %.6g %s", chart->group[v->group],
             chart->series[series].name, v->y, chart->y.unit ? chart->y.unit : "");
    return text;
}

static void draw_bar(ff_markup *m, const ff_group_chart *chart, int series, const ff_group_value *v,
                     const ff_svg_frame *f, const slots *s, const ff_svg_axis *y)
{
    char text[32], tooltip[256];
    double whole = s->width * BAR_SHARE, width = whole / chart->series_count;
    double left = f->left + s->width * v->group + s->width * (1 - BAR_SHARE) / 2 + width * series;
    double top = ff_svg_axis_at(y, v->y),
           base = y->scale == FF_SCALE_LOG ? y->from : ff_svg_axis_at(y, 0);
    ff_markup_put(m,
                  "<rect class=\"f%d bar\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.3f\">"
                  "<title>",
                  series, left, fmin(top, base), fmax(width - 1.5, 0.5), fabs(base - top));
    ff_markup_text(m, tooltip_of(chart, series, v, tooltip, sizeof tooltip));
    ff_markup_put(m, "</title></rect>\n");
    ff_svg_error_bar(m, y, left + width / 2, v->lo, v->hi, "mark");
    double above = v->hi != 0 && ff_svg_drawable(y->scale, v->hi) ? ff_svg_axis_at(y, v->hi) : top;
    if (s->values)
        ff_svg_text(m, left + width / 2, fmin(above, top) - 4, FF_SVG_MIDDLE, "soft value",
                    VALUE_SIZE, width + 20, value_text(v->y, text, sizeof text));
}

static void draw_dot(ff_markup *m, const ff_group_chart *chart, int series, const ff_group_value *v,
                     const ff_svg_frame *f, const slots *s, const ff_svg_axis *y)
{
    char tooltip[256], class[8];
    double step = s->width * 0.6 / chart->series_count; /* series stand side by side */
    double x =
        f->left + s->width * (v->group + 0.5) + step * (series - (chart->series_count - 1) / 2.0);
    snprintf(class, sizeof class, "k%d", series);
    ff_svg_error_bar(m, y, x, v->lo, v->hi, class);
    ff_svg_marker(m, x, ff_svg_axis_at(y, v->y), series,
                  tooltip_of(chart, series, v, tooltip, sizeof tooltip));
}

static bool can_draw(const ff_group_chart *chart, const ff_group_value *v)
{
    return v->group >= 0 && v->group < chart->group_count && ff_svg_drawable(chart->y.scale, v->y);
}

static ff_svg_range fit(const ff_group_chart *chart)
{
    ff_svg_range y = {0};
    for (int s = 0; s < chart->series_count; s++)
        for (int i = 0; i < chart->series[s].count; i++) {
            const ff_group_value *v = &chart->series[s].value[i];
            if (!can_draw(chart, v))
                continue;
            ff_svg_range_add(&y, chart->y.scale, v->y);
            if (v->lo != 0 || v->hi != 0) {
                ff_svg_range_add(&y, chart->y.scale, v->lo);
                ff_svg_range_add(&y, chart->y.scale, v->hi);
            }
        }
    if (y.any && (chart->y.from_zero || chart->mark == FF_GROUP_BARS))
        ff_svg_range_add(&y, chart->y.scale, 0);
    return y;
}

ff_code ff_svg_groups(const ff_group_chart *chart, ff_buf *out, ff_err *err)
{
    const char *names[FF_CHART_SERIES];
    ff_markup m = ff_markup_begin(out, err);
    ff_svg_axis y;
    ff_svg_frame f;
    if (chart->series_count > FF_CHART_SERIES || chart->group_count > FF_CHART_GROUPS)
        return ff_err_set(err, FF_LIMIT, "a chart of %d series and %d groups, at most %d and %d",
                          chart->series_count, chart->group_count, FF_CHART_SERIES,
                          FF_CHART_GROUPS);
    ff_svg_range range = fit(chart);
    if (!range.any) {
        ff_svg_empty(&m, chart->title);
        return m.code;
    }
    ff_svg_axis_fit(&y, chart->y.scale, range.lo, range.hi, Y_TICKS);
    for (int i = 0; i < chart->series_count; i++)
        names[i] = chart->series[i].name;
    bool dots = chart->mark == FF_GROUP_DOTS;
    slots s = place_groups(chart, 660); /* as if; the frame's own width is known only then */
    ff_svg_frame_open(&m, &f, chart->title, &y, &chart->y, chart->series_count, names, false, dots,
                      s.height);
    s.width = (f.right - f.left) / chart->group_count;
    s.values = values_fit(chart, s.width);
    draw_groups(&m, chart, &f, &s);
    for (int k = 0; k < chart->series_count; k++)
        for (int i = 0; i < chart->series[k].count; i++) {
            const ff_group_value *v = &chart->series[k].value[i];
            if (!can_draw(chart, v))
                continue;
            if (dots)
                draw_dot(&m, chart, k, v, &f, &s, &y);
            else
                draw_bar(&m, chart, k, v, &f, &s, &y);
        }
    ff_svg_close(&m);
    return m.code;
}
