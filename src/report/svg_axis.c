#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/svg_int.h"

bool ff_svg_drawable(ff_scale scale, double value)
{
    return fabs(value) <= FF_CHART_MOST && /* not for NaN */
           (scale == FF_SCALE_LINEAR || value >= 1 / FF_CHART_MOST);
}

/* The least of 1, 2, 5 x 10^k that is not below value. */
static double nice_step(double value)
{
    double power = pow(10, floor(log10(value)));
    double part = value / power;
    return power * (part <= 1.0001 ? 1 : part <= 2.0001 ? 2 : part <= 5.0001 ? 5 : 10);
}

static void fit_linear(ff_svg_axis *axis, double lo, double hi, int wanted)
{
    double range = hi - lo;
    if (range <= fabs(hi) * 1e-9 || range <= 0) { /* one value: room on both sides of it */
        range = hi != 0 ? fabs(hi) : 1;
        lo -= range / 2;
        hi += range / 2;
    }
    double step = nice_step(range / wanted);
    axis->lo = floor(lo / step + 1e-9) * step;
    axis->hi = ceil(hi / step - 1e-9) * step;
    axis->decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    axis->tick_count = 0;
    int last = (int)((axis->hi - axis->lo) / step + 0.5);
    for (int i = 0; i <= last && axis->tick_count < FF_SVG_TICKS; i++) {
        axis->tick[axis->tick_count++] = axis->lo + i * step;
    }
}

/* 1, 2, 5 x 10^k, the n-th from 1 on. */
static double one_two_five(int n)
{
    static const double PART[] = {1, 2, 5};
    int decade = (int)floor(n / 3.0);
    return PART[n - decade * 3] * pow(10, decade);
}

static void fit_log(ff_svg_axis *axis, double lo, double hi, int wanted)
{
    int from = (int)floor(log10(lo)) * 3, to = (int)floor(log10(hi)) * 3;
    while (one_two_five(from + 1) <= lo * 1.0000001)
        from++;
    while (one_two_five(to) < hi * 0.9999999)
        to++;
    if (from == to)
        to++;
    int step = to - from <= wanted ? 1 : 3;
    if (step == 3) {
        from = (int)floor(from / 3.0) * 3;
        to = (int)ceil(to / 3.0) * 3;
        while ((to - from) / step > 2 * wanted)
            step += 3;
    }
    axis->lo = one_two_five(from);
    axis->hi = one_two_five(to);
    axis->decimals = from < 0 ? (int)ceil(-from / 3.0) : 0;
    axis->tick_count = 0;
    for (int i = from; i <= to && axis->tick_count < FF_SVG_TICKS; i += step)
        axis->tick[axis->tick_count++] = one_two_five(i);
}

void ff_svg_axis_fit(ff_svg_axis *axis, ff_scale scale, double lo, double hi, int wanted)
{
    axis->scale = scale;
    if (scale == FF_SCALE_LOG)
        fit_log(axis, lo, hi, wanted);
    else
        fit_linear(axis, lo, hi, wanted);
}

double ff_svg_axis_at(const ff_svg_axis *axis, double value)
{
    double part = axis->scale == FF_SCALE_LOG ? log(value / axis->lo) / log(axis->hi / axis->lo)
                                              : (value - axis->lo) / (axis->hi - axis->lo);
    return axis->from + part * (axis->to - axis->from);
}

const char *ff_svg_tick_text(const ff_svg_axis *axis, double value, char *text, size_t size)
{
    char plain[64];
    if (value != 0 && (fabs(value) >= 1e9 || fabs(value) < 1e-4)) {
        snprintf(text, size, "%g", value);
        return text;
    }
    if (axis->scale == FF_SCALE_LOG)
        snprintf(plain, sizeof plain, "%.10g", value);
    else
        snprintf(plain, sizeof plain, "%.*f", axis->decimals, value);
    size_t whole = strcspn(plain, "."), at = 0;
    for (size_t i = 0; plain[i] && at + 2 < size; i++) {
        if (i && i < whole && (whole - i) % 3 == 0 && plain[i - 1] != '-')
            text[at++] = ',';
        text[at++] = plain[i];
    }
    text[at] = '\0';
    return text;
}

double ff_svg_tick_width(const ff_svg_axis *axis, double size)
{
    char text[64];
    double most = 0;
    for (int i = 0; i < axis->tick_count; i++)
        most =
            fmax(most,
                 ff_svg_text_width(ff_svg_tick_text(axis, axis->tick[i], text, sizeof text), size));
    return most;
}
