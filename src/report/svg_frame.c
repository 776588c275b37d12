#include <math.h>
#include <stdio.h>

#include "report/svg_int.h"

#define WIDTH       760.0
#define PLOT_HEIGHT 300.0
#define TITLE_SIZE  15
#define LABEL_SIZE  12

void ff_svg_range_add(ff_svg_range *range, ff_scale scale, double value)
{
    if (!ff_svg_drawable(scale, value))
        return;
    range->lo = range->any ? fmin(range->lo, value) : value;
    range->hi = range->any ? fmax(range->hi, value) : value;
    range->any = true;
}

const char *ff_svg_axis_label(const ff_chart_axis *about, char *text, size_t size)
{
    if (about->unit)
        snprintf(text, size, "%s (%s)", about->label, about->unit);
    else
        snprintf(text, size, "%s", about->label);
    return text;
}

static void draw_left_axis(ff_markup *m, const ff_svg_frame *f, const ff_svg_axis *y,
                           const ff_chart_axis *about)
{
    char text[256];
    double middle = (f->top + f->bottom) / 2;
    for (int i = 0; i < y->tick_count; i++) {
        double at = ff_svg_axis_at(y, y->tick[i]);
        ff_markup_put(m, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", f->left, at, f->right);
        ff_svg_text(m, f->left - 8, at + 4, FF_SVG_END, "soft tick", FF_SVG_TICK_SIZE, f->left,
                    ff_svg_tick_text(y, y->tick[i], text, sizeof text));
    }
    ff_markup_put(m, "<g transform=\"translate(18 %.1f) rotate(-90)\">\n", middle);
    ff_svg_text(m, 0, 0, FF_SVG_MIDDLE, "soft axis", LABEL_SIZE, f->bottom - f->top + 40,
                ff_svg_axis_label(about, text, sizeof text));
    ff_markup_put(m, "</g>\n");
}

void ff_svg_frame_open(ff_markup *m, ff_svg_frame *frame, const char *title, ff_svg_axis *y,
                       const ff_chart_axis *y_about, int count, const char *const *names,
                       bool lines, bool markers, double below)
{
    ff_svg_frame f = {.width = WIDTH, .left = 40 + ff_svg_tick_width(y, FF_SVG_TICK_SIZE)};
    double legend =
        ff_svg_legend(NULL, f.left, 0, WIDTH - f.left - 16, count, names, lines, markers);
    f.right = WIDTH - 24;
    f.top = 34 + legend + 14;
    f.bottom = f.top + PLOT_HEIGHT;
    f.height = f.bottom + below;
    y->from = f.bottom;
    y->to = f.top;
    ff_svg_open(m, f.width, f.height, title);
    ff_svg_text(m, f.left, 24, FF_SVG_START, "ink bold", TITLE_SIZE, f.right - f.left, title);
    ff_svg_legend(m, f.left, 34, WIDTH - f.left - 16, count, names, lines, markers);
    draw_left_axis(m, &f, y, y_about);
    *frame = f;
}

void ff_svg_empty(ff_markup *m, const char *title)
{
    ff_svg_open(m, WIDTH, 80, title);
    ff_svg_text(m, 24, 24, FF_SVG_START, "ink bold", TITLE_SIZE, WIDTH - 48, title);
    ff_svg_text(m, 24, 54, FF_SVG_START, "soft", LABEL_SIZE, WIDTH - 48,
                "no value here that could be drawn");
    ff_svg_close(m);
}

void ff_svg_error_bar(ff_markup *m, const ff_svg_axis *y, double x, double lo, double hi,
                      const char *class)
{
    if ((lo == 0 && hi == 0) || !ff_svg_drawable(y->scale, lo) || !ff_svg_drawable(y->scale, hi))
        return;
    ff_markup_put(m,
                  "<path class=\"error %s\" fill=\"none\" d=\"M%.2f %.2fV%.2fm-3 0h6M%.2f "
                  "%.2fh6\"/>\n",
                  class, x, ff_svg_axis_at(y, lo), ff_svg_axis_at(y, hi), x - 3,
                  ff_svg_axis_at(y, lo));
}
