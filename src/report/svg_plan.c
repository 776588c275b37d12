#include "report/svg_plan.h"

#include <math.h>
#include <stdio.h>

#include "base/units.h"
#include "report/svg_int.h"

#define MARGIN      24.0
#define MASTER_X    64.0 /* the middle of the master's line */
#define MASTER_HALF 7.0
#define LEFT        112.0 /* of the first worker's column */
#define HEAD        84.0  /* title, legend, "master" */
#define MOST_RADIUS 26.0  /* of the largest tensor */
#define MOST_WIDTH  1080.0
#define BOX_HEIGHT  36.0
#define BOX_WIDTH   76.0
#define STAGE_LINE  24.0 /* a stage's heading */
#define LABEL       14.0 /* a line of a circle's label */
#define GAP         10.0
#define SIZE        12
#define SMALL       11

/* What is the same for the whole picture. */
typedef struct layout {
    const ff_draw_plan *plan;
    uint64_t most_bytes; /* of a tensor */
    double column;       /* width of a worker's column */
    int across;          /* workers in a row */
    double width, height;
    int seen[FF_DRAW_OPEN + 1]; /* tensors by route */
} layout;

/* A row of workers of one stage. */
typedef struct row {
    const ff_draw_worker *worker;
    int count;
    double in_radius, out_radius; /* of the largest circle; 0: none */
    bool in_names, out_names;     /* some worker has several: names tell them apart */
} row;

static double radius_of(const layout *l, uint64_t bytes)
{
    return l->most_bytes ? MOST_RADIUS * sqrt((double)bytes / (double)l->most_bytes) : 0;
}

/* The room of a tensor's circle and label, side by side with others. */
static double slot_width(const layout *l, const ff_draw_tensor *t)
{
    char text[32];
    double label = ff_svg_text_width(ff_units_bytes(t->bytes, text, sizeof text), SMALL);
    return fmax(2 * radius_of(l, t->bytes), label) + 8;
}

static double slots_width(const layout *l, const ff_draw_tensor *tensor, int count)
{
    double width = 0;
    for (int i = 0; i < count; i++)
        width += slot_width(l, &tensor[i]);
    return width;
}

static void note_tensors(layout *l, const ff_draw_tensor *tensor, int count)
{
    for (int i = 0; i < count; i++) {
        l->seen[tensor[i].route]++;
        if (tensor[i].bytes > l->most_bytes)
            l->most_bytes = tensor[i].bytes;
    }
}

static row row_of(const layout *l, const ff_draw_stage *stage, int first)
{
    row r = {.worker = stage->worker + first, .count = stage->worker_count - first};
    if (r.count > l->across)
        r.count = l->across;
    for (int w = 0; w < r.count; w++) {
        const ff_draw_worker *k = &r.worker[w];
        for (int i = 0; i < k->in_count; i++)
            r.in_radius = fmax(r.in_radius, radius_of(l, k->in[i].bytes));
        for (int i = 0; i < k->out_count; i++)
            r.out_radius = fmax(r.out_radius, radius_of(l, k->out[i].bytes));
        r.in_names = r.in_names || k->in_count > 1;
        r.out_names = r.out_names || k->out_count > 1;
    }
    return r;
}

/* From the bus to the worker's box, or back. */
static double way_height(double radius, bool names)
{
    return GAP + 2 * fmax(radius, 3) + LABEL * (names ? 2 : 1) + GAP;
}

static double row_height(const row *r)
{
    return way_height(r->in_radius, r->in_names) + BOX_HEIGHT +
           way_height(r->out_radius, r->out_names) + GAP;
}

static double stage_height(const layout *l, const ff_draw_stage *stage)
{
    double height = STAGE_LINE + GAP;
    if (!stage->worker_count)
        return height + 8;
    for (int first = 0; first < stage->worker_count; first += l->across) {
        row r = row_of(l, stage, first);
        height += row_height(&r);
    }
    return height + GAP;
}

static int colour_of(ff_draw_route route)
{
    return route == FF_DRAW_OPEN ? FF_SVG_GREY : (int)route;
}

static const char *route_text(ff_draw_route route)
{
    static const char *const TEXT[] = {"inline: in the payload", "store: as an object",
                                       "route decided at each request"};
    return TEXT[route];
}

static void put_circle(ff_markup *m, const layout *l, const ff_draw_tensor *t, double x, double y)
{
    static const char *const NAMES[] = {"inline", "store", "open"};
    char size[32];
    /* what is too small to be seen has its colour in the line that it lies on */
    ff_markup_put(m, "<circle class=\"f%d edge tensor %s\" cx=\"%.2f\" cy=\"%.2f\" r=\"%.4f\">",
                  colour_of(t->route), NAMES[t->route], x, y, radius_of(l, t->bytes));
    ff_markup_put(m, "<title>");
    ff_markup_text(m, t->name);
    ff_markup_put(m, ": %s, %s</title></circle>\n", ff_units_bytes(t->bytes, size, sizeof size),
                  NAMES[t->route]);
}

/* A nice size of at most the largest one, as the picture's scale. */
static uint64_t scale_bytes(const layout *l)
{
    double power = pow(10, floor(log10((double)l->most_bytes)));
    double part = (double)l->most_bytes / power;
    return (uint64_t)(power * (part >= 5 ? 5 : part >= 2 ? 2 : 1) + 0.5);
}

/* Routes that occur, and the scale of the circles; returns where it ends. With m NULL nothing is
 * drawn. */
static double draw_legend(ff_markup *m, const layout *l, double x, double y)
{
    char text[64], size[32];
    for (int i = 0; i <= FF_DRAW_OPEN; i++) {
        const char *route = route_text((ff_draw_route)i);
        if (!l->seen[i])
            continue;
        if (m) {
            ff_markup_put(m,
                          "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" "
                          "rx=\"6\"/>\n",
                          colour_of((ff_draw_route)i), x, y - 6);
            ff_svg_text(m, x + 18, y + 4, FF_SVG_START, "ink", SIZE, 300, route);
        }
        x += 18 + ff_svg_text_width(route, SIZE) + 16;
    }
    if (!l->most_bytes)
        return x;
    uint64_t nice = scale_bytes(l);
    double r = radius_of(l, nice);
    snprintf(text, sizeof text, "area to scale: %s", ff_units_bytes(nice, size, sizeof size));
    if (m) {
        ff_markup_put(m, "<circle class=\"rule scale\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.4f\"/>\n",
                      x + r, y, r);
        ff_svg_text(m, x + 2 * r + 8, y + 4, FF_SVG_START, "soft", SIZE, 300, text);
    }
    return x + 2 * r + 8 + ff_svg_text_width(text, SIZE);
}

static void measure(layout *l)
{
    const ff_draw_plan *plan = l->plan;
    int most = 1;
    for (int s = 0; s < plan->stage_count; s++)
        for (int w = 0; w < plan->stage[s].worker_count; w++) {
            note_tensors(l, plan->stage[s].worker[w].in, plan->stage[s].worker[w].in_count);
            note_tensors(l, plan->stage[s].worker[w].out, plan->stage[s].worker[w].out_count);
        }
    l->column = BOX_WIDTH + 14;
    for (int s = 0; s < plan->stage_count; s++) {
        const ff_draw_stage *stage = &plan->stage[s];
        most = stage->worker_count > most ? stage->worker_count : most;
        for (int w = 0; w < stage->worker_count; w++) {
            const ff_draw_worker *k = &stage->worker[w];
            l->column = fmax(l->column, slots_width(l, k->in, k->in_count) + 8);
            l->column = fmax(l->column, slots_width(l, k->out, k->out_count) + 8);
        }
    }
    int fit = (int)((MOST_WIDTH - LEFT - MARGIN) / l->column);
    l->across = fit < 1 ? 1 : most < fit ? most : fit;
    if (most > l->across && most % l->across) { /* rows of equal length where it costs no row */
        int rows = (most + l->across - 1) / l->across;
        l->across = (most + rows - 1) / rows;
    }
    l->width = fmax(draw_legend(NULL, l, LEFT, 0), LEFT + l->column * l->across) + MARGIN;
    l->height = HEAD;
    for (int s = 0; s < plan->stage_count; s++)
        l->height += stage_height(l, &plan->stage[s]);
    l->height += 34;
}

static void draw_head(ff_markup *m, const layout *l)
{
    char text[64];
    ff_svg_text(m, MARGIN, 26, FF_SVG_START, "ink bold", 15, l->width - 2 * MARGIN - 150,
                l->plan->title);
    if (l->plan->ms >= 0) {
        snprintf(text, sizeof text, "%.4g ms in all", l->plan->ms);
        ff_svg_text(m, l->width - MARGIN, 26, FF_SVG_END, "soft", SIZE, 140, text);
    }
    draw_legend(m, l, LEFT, 55);
    ff_markup_put(m,
                  "<rect class=\"f2 master\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                  "rx=\"7\"/>\n",
                  MASTER_X - MASTER_HALF, HEAD - 12, 2 * MASTER_HALF, l->height - HEAD - 4);
    ff_svg_text(m, MASTER_X, HEAD - 18, FF_SVG_MIDDLE, "ink bold", SIZE, 80, "master");
}

static void draw_box(ff_markup *m, const ff_draw_worker *w, double x, double y, double width)
{
    char text[64];
    ff_markup_put(m,
                  "<rect class=\"panel %s worker\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
                  "height=\"%.1f\" rx=\"5\" stroke-width=\"%s\"/>\n",
                  w->own ? "k2" : "rulebox", x - width / 2, y, width, BOX_HEIGHT,
                  w->own ? "2" : "1");
    ff_svg_text(m, x, y + (w->ms >= 0 ? 15 : 22), FF_SVG_MIDDLE, "ink", SIZE, width - 6,
                w->own ? "master" : w->name);
    if (w->ms >= 0) {
        snprintf(text, sizeof text, "%.4g ms", w->ms);
        ff_svg_text(m, x, y + 29, FF_SVG_MIDDLE, "soft", SMALL, width - 6, text);
    }
}

/* A worker's tensors of one direction, on lines from y0 to y1; the arrow is at y1. */
static void draw_way(ff_markup *m, const layout *l, const ff_draw_tensor *tensor, int count,
                     double x, double y0, double y1, double radius, bool names, bool to_worker)
{
    char size[32];
    double at = x - slots_width(l, tensor, count) / 2;
    double circle = y0 + GAP + fmax(radius, 3);
    for (int i = 0; i < count; i++) {
        const ff_draw_tensor *t = &tensor[i];
        double slot = slot_width(l, t), middle = at + slot / 2;
        double r = radius_of(l, t->bytes), text = circle + fmax(radius, 3) + LABEL - 2;
        double below = text + (names ? LABEL : 0) + 4;
        ff_markup_put(m, "<path class=\"line k%d way\" d=\"M%.2f %.2fV%.2fM%.2f %.2fV%.2f\"/>\n",
                      colour_of(t->route), middle, y0, circle - r, middle, below,
                      y1 - (to_worker ? 5 : 0));
        if (to_worker)
            ff_markup_put(m, "<path class=\"f%d\" d=\"M%.2f %.2fl-4 -6h8z\"/>\n",
                          colour_of(t->route), middle, y1);
        put_circle(m, l, t, middle, circle);
        ff_svg_text(m, middle, text, FF_SVG_MIDDLE, "ink size", SMALL, slot + 12,
                    ff_units_bytes(t->bytes, size, sizeof size));
        if (names)
            ff_svg_text(m, middle, text + LABEL - 2, FF_SVG_MIDDLE, "soft", 10, slot - 2, t->name);
        at += slot;
    }
}

/* The line between the master and the last column that has tensors. */
static void draw_bus(ff_markup *m, double y, double last, bool to_master)
{
    double from = MASTER_X + MASTER_HALF;
    if (last <= 0)
        return;
    ff_markup_put(m, "<path class=\"rule bus\" stroke-width=\"1.5\" d=\"M%.1f %.2fH%.2f\"/>\n",
                  from, y, last);
    if (to_master)
        ff_markup_put(m, "<path class=\"rulefill\" d=\"M%.1f %.2fl7 -4v8z\"/>\n", from, y);
}

static double draw_row(ff_markup *m, const layout *l, const row *r, double y)
{
    double box = y + way_height(r->in_radius, r->in_names);
    double back = box + BOX_HEIGHT + way_height(r->out_radius, r->out_names);
    double last_in = 0, last_out = 0;
    for (int w = 0; w < r->count; w++) {
        const ff_draw_worker *k = &r->worker[w];
        double x = LEFT + l->column * (w + 0.5);
        if (k->in_count && !k->own)
            last_in = x + slots_width(l, k->in, k->in_count) / 2 -
                      slot_width(l, &k->in[k->in_count - 1]) / 2;
        if (k->out_count && !k->own)
            last_out = x + slots_width(l, k->out, k->out_count) / 2 -
                       slot_width(l, &k->out[k->out_count - 1]) / 2;
    }
    draw_bus(m, y, last_in, false);
    draw_bus(m, back, last_out, true);
    for (int w = 0; w < r->count; w++) {
        const ff_draw_worker *k = &r->worker[w];
        double x = LEFT + l->column * (w + 0.5);
        if (!k->own)
            draw_way(m, l, k->in, k->in_count, x, y, box, r->in_radius, r->in_names, true);
        draw_box(m, k, x, box, l->column - 14);
        if (!k->own)
            draw_way(m, l, k->out, k->out_count, x, box + BOX_HEIGHT, back, r->out_radius,
                     r->out_names, false);
    }
    return y + row_height(r);
}

static void draw_stage(ff_markup *m, const layout *l, int index, double y)
{
    const ff_draw_stage *stage = &l->plan->stage[index];
    char text[256], ms[48] = "";
    if (stage->ms >= 0)
        snprintf(ms, sizeof ms, ", %.4g ms", stage->ms);
    snprintf(text, sizeof text, "stage %d: %.120s%s%s", index, stage->split,
             stage->worker_count ? "" : ", on the master", ms);
    ff_markup_put(m,
                  "<circle class=\"paper k2 station\" stroke-width=\"3\" cx=\"%.1f\" cy=\"%.2f\" "
                  "r=\"6\"/>\n",
                  MASTER_X, y + 12);
    ff_svg_text(m, LEFT - 24, y + 16, FF_SVG_START, "ink bold", SIZE, l->width - LEFT, text);
    y += STAGE_LINE + GAP;
    for (int first = 0; first < stage->worker_count; first += l->across) {
        row r = row_of(l, stage, first);
        y = draw_row(m, l, &r, y);
    }
}

static ff_code check(const ff_draw_plan *plan, ff_err *err)
{
    int64_t circles = 0;
    if (plan->stage_count > FF_DRAW_STAGES)
        return ff_err_set(err, FF_LIMIT, "a picture of %d stages, at most %d", plan->stage_count,
                          FF_DRAW_STAGES);
    for (int s = 0; s < plan->stage_count; s++)
        for (int w = 0; w < plan->stage[s].worker_count; w++)
            circles += 1 + plan->stage[s].worker[w].in_count + plan->stage[s].worker[w].out_count;
    if (circles > FF_DRAW_CIRCLES)
        return ff_err_set(err, FF_LIMIT, "a picture of %lld workers and tensors, at most %d",
                          (long long)circles, FF_DRAW_CIRCLES);
    return FF_OK;
}

ff_code ff_svg_plan(const ff_draw_plan *plan, ff_buf *out, ff_err *err)
{
    layout l = {.plan = plan};
    ff_markup m = ff_markup_begin(out, err);
    ff_code code = check(plan, err);
    if (code)
        return code;
    measure(&l);
    ff_svg_open(&m, l.width, l.height, plan->title);
    draw_head(&m, &l);
    double y = HEAD;
    for (int s = 0; s < plan->stage_count; s++) {
        draw_stage(&m, &l, s, y);
        y += stage_height(&l, &plan->stage[s]);
    }
    ff_svg_close(&m);
    return m.code;
}
