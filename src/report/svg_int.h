/*
 * What the drawings of this module are made of: the frame with its colours, text, and axes.
 *
 * Colours are classes, told twice in the drawing's own style: for light and for dark. Series i is
 * filled by class "f<i>" and stroked by "k<i>"; "ink", "soft" (text), "paper" and "rule" (lines)
 * are the rest. No custom properties: renderers outside browsers do not know them.
 */
#ifndef FF_REPORT_SVG_INT_H
#define FF_REPORT_SVG_INT_H

#include <stdbool.h>

#include "report/markup.h"
#include "report/svg_chart.h"

#define FF_SVG_COLOURS 8
#define FF_SVG_GREY    7 /* the last colour: what has no series of its own */

/* title is drawn by the caller; here it is for those who cannot see. */
void ff_svg_open(ff_markup *m, double width, double height, const char *title);
void ff_svg_close(ff_markup *m);

typedef enum ff_svg_anchor { FF_SVG_START, FF_SVG_MIDDLE, FF_SVG_END } ff_svg_anchor;

/* An estimate, rather too large: fonts are the reader's. size is the font's, in pixels. */
double ff_svg_text_width(const char *text, double size);
/* One line of text, its baseline at y, cut with "…" where it is wider than most (the whole is then
 * its tooltip). class is of ours: "ink", "soft", "ink bold", ... */
void ff_svg_text(ff_markup *m, double x, double y, ff_svg_anchor anchor, const char *class,
                 double size, double most, const char *text);
/* The marker of a series, by colour and shape. */
void ff_svg_marker(ff_markup *m, double x, double y, int series, const char *tooltip);
/* Dashes of a line, by series: the first two have none. "" or an attribute. */
const char *ff_svg_dash(int series);

/* The rows of a legend from x, y downwards, right up to x + width; returns their height. With m
 * NULL nothing is drawn. */
double ff_svg_legend(ff_markup *m, double x, double y, double width, int count,
                     const char *const *names, bool lines, bool markers);

#define FF_SVG_TICKS 32

typedef struct ff_svg_axis {
    ff_scale scale;
    double lo, hi;   /* values at the ends, nice ones */
    double from, to; /* pixels at the ends; the caller's */
    int tick_count;
    double tick[FF_SVG_TICKS];
    int decimals; /* of the ticks' text */
} ff_svg_axis;

/* An axis that holds [lo, hi], with about `wanted` ticks. Both finite, within FF_CHART_MOST, and
 * on a log scale positive. */
void ff_svg_axis_fit(ff_svg_axis *axis, ff_scale scale, double lo, double hi, int wanted);
double ff_svg_axis_at(const ff_svg_axis *axis, double value);
/* "1,600", "0.05"; returns text. */
const char *ff_svg_tick_text(const ff_svg_axis *axis, double value, char *text, size_t size);
/* The widest tick's text. */
double ff_svg_tick_width(const ff_svg_axis *axis, double size);
/* Can this value be drawn on such a scale? */
bool ff_svg_drawable(ff_scale scale, double value);

/* The least and the largest of values that can be drawn. */
typedef struct ff_svg_range {
    double lo, hi;
    bool any;
} ff_svg_range;
void ff_svg_range_add(ff_svg_range *range, ff_scale scale, double value);

/* What all charts have: title, legend, an axis with its grid on the left, and a plot between
 * left, top, right and bottom. */
typedef struct ff_svg_frame {
    double width, height;
    double left, top, right, bottom;
} ff_svg_frame;

#define FF_SVG_TICK_SIZE 12

/* Opens the drawing and draws all but the lower axis, for which `below` pixels are left. y's ends
 * are set; fitted before. */
void ff_svg_frame_open(ff_markup *m, ff_svg_frame *frame, const char *title, ff_svg_axis *y,
                       const ff_chart_axis *y_about, int count, const char *const *names,
                       bool lines, bool markers, double below);
/* Opens and closes a drawing that says why it is empty. */
void ff_svg_empty(ff_markup *m, const char *title);
/* "label (unit)"; returns text. */
const char *ff_svg_axis_label(const ff_chart_axis *about, char *text, size_t size);
/* An error bar at x; values that cannot be drawn are left out. */
void ff_svg_error_bar(ff_markup *m, const ff_svg_axis *y, double x, double lo, double hi,
                      const char *class);

#endif
