/*
 * Charts as SVG: lines and points over two axes (the manner of the paper's Figure 3), and bars or
 * dots over named groups (Figures 7, 8 and 4). Plain data in, bytes out: equal data give equal
 * bytes. Each drawing stands alone: no script, no font, no other file; it follows the reader's
 * light or dark.
 *
 * Values that cannot be drawn (not finite, beyond FF_CHART_MOST, not positive on a log scale) are
 * left out; where none is left the chart says so.
 */
#ifndef FF_REPORT_SVG_CHART_H
#define FF_REPORT_SVG_CHART_H

#include "base/buf.h"

#define FF_CHART_MOST   1e15
#define FF_CHART_SERIES 8 /* told apart by colour; more are FF_LIMIT */

typedef enum ff_scale { FF_SCALE_LINEAR, FF_SCALE_LOG } ff_scale;

typedef struct ff_chart_axis {
    const char *label;
    const char *unit; /* "ms"; NULL = none. Values come in it: axes do not convert */
    ff_scale scale;
    bool from_zero; /* LINEAR: 0 is in sight */
} ff_chart_axis;

typedef enum ff_chart_mark { FF_MARK_LINE, FF_MARK_POINTS, FF_MARK_BOTH } ff_chart_mark;

typedef struct ff_chart_point {
    double x, y;
    double lo, hi; /* ends of the error bar; both 0 = none */
} ff_chart_point;

typedef struct ff_chart_series {
    const char *name;
    ff_chart_mark mark;
    int count;
    const ff_chart_point *point; /* lines join them in this order */
} ff_chart_series;

typedef struct ff_chart {
    const char *title;
    ff_chart_axis x, y;
    int series_count;
    const ff_chart_series *series;
    const char *rule; /* the text of a vertical line at rule_x; NULL = none */
    double rule_x;
} ff_chart;

/* FF_LIMIT over FF_CHART_SERIES, FF_NO_MEMORY. */
ff_code ff_svg_chart(const ff_chart *chart, ff_buf *out, ff_err *err);

typedef enum ff_group_mark { FF_GROUP_BARS, FF_GROUP_DOTS } ff_group_mark;

typedef struct ff_group_value {
    int group;
    double y;
    double lo, hi; /* as above */
} ff_group_value;

typedef struct ff_group_series {
    const char *name;
    int count;
    const ff_group_value *value; /* BARS: one a group at most; DOTS: any number */
} ff_group_series;

typedef struct ff_group_chart {
    const char *title;
    ff_group_mark mark;
    const char *groups; /* what the groups are: "model" */
    int group_count;
    const char *const *group;
    ff_chart_axis
        y; /* bars begin at 0, whatever from_zero says; on a log scale at the lowest tick */
    int series_count;
    const ff_group_series *series;
} ff_group_chart;

/* FF_LIMIT over FF_CHART_SERIES or FF_CHART_GROUPS, FF_NO_MEMORY. */
#define FF_CHART_GROUPS 64
ff_code ff_svg_groups(const ff_group_chart *chart, ff_buf *out, ff_err *err);

#endif
