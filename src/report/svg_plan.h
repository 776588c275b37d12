/*
 * A plan, or what a request did, as a picture in the manner of the paper's Figure 1: the master
 * from top to bottom, a band a stage with its workers side by side, and every tensor that travels
 * as a circle on its way, to scale by area, coloured by route and labelled with its size.
 *
 * Plain data in, SVG out, as svg_chart.h has it. Sizes and names are as given; nothing is summed.
 */
#ifndef FF_REPORT_SVG_PLAN_H
#define FF_REPORT_SVG_PLAN_H

#include <stdbool.h>

#include "base/buf.h"

typedef enum ff_draw_route { FF_DRAW_INLINE, FF_DRAW_STORE, FF_DRAW_OPEN } ff_draw_route;

typedef struct ff_draw_tensor {
    const char *name;
    uint64_t bytes;
    ff_draw_route route; /* OPEN: decided at each request */
} ff_draw_tensor;

typedef struct ff_draw_worker {
    const char *name;
    bool own;  /* a piece that the master computes itself: it has no tensors on the way */
    double ms; /* negative = not known */
    int in_count, out_count;
    const ff_draw_tensor *in, *out;
} ff_draw_worker;

typedef struct ff_draw_stage {
    const char *split;
    double ms;        /* negative = not known */
    int worker_count; /* 0: the master runs the stage */
    const ff_draw_worker *worker;
} ff_draw_stage;

typedef struct ff_draw_plan {
    const char *title;
    double ms; /* of all; negative = not known */
    int stage_count;
    const ff_draw_stage *stage;
} ff_draw_plan;

#define FF_DRAW_STAGES  256
#define FF_DRAW_CIRCLES 4096 /* more of either is a table's matter: FF_LIMIT */

ff_code ff_svg_plan(const ff_draw_plan *plan, ff_buf *out, ff_err *err);

#endif
