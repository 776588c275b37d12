#include "client/boxes.h"

#include <stdlib.h>

const ff_box_options FF_BOX_DEFAULTS = {0.3f, 0.6f, 1.5f, 3};

typedef struct group {
    int x0, y0, x1, y1;
    double sum; /* of probabilities in the group */
    int64_t pixels;
} group;

typedef struct scan {
    const float *map;
    int width, height;
    float threshold;
    uint8_t *seen;
    int32_t *stack; /* pixels to visit: each enters once */
} scan;

/* Flood-fills the group that pixel `at` belongs to. */
static group fill(scan *s, int32_t at)
{
    group g = {at % s->width, at / s->width, at % s->width + 1, at / s->width + 1, 0, 0};
    int64_t top = 0;
    s->stack[top++] = at;
    s->seen[at] = 1;
    while (top) {
        int32_t pixel = s->stack[--top];
        int x = pixel % s->width, y = pixel / s->width;
        g.x0 = x < g.x0 ? x : g.x0;
        g.x1 = x + 1 > g.x1 ? x + 1 : g.x1;
        g.y0 = y < g.y0 ? y : g.y0;
        g.y1 = y + 1 > g.y1 ? y + 1 : g.y1;
        g.sum += s->map[pixel];
        g.pixels++;
        for (int n = 0; n < 9; n++) {
            int nx = x + n % 3 - 1, ny = y + n / 3 - 1;
            if (nx < 0 || ny < 0 || nx >= s->width || ny >= s->height)
                continue;
            int32_t next = ny * s->width + nx;
            if (!s->seen[next] && s->map[next] > s->threshold) {
                s->seen[next] = 1;
                s->stack[top++] = next;
            }
        }
    }
    return g;
}

static int scaled(double x, int from, int to)
{
    double v = x * to / from + 0.5;
    return v < 0 ? 0 : v > to ? to : (int)v;
}

static ff_box box_of(const group *g, const scan *s, int width, int height, float grow)
{
    double w = g->x1 - g->x0, h = g->y1 - g->y0;
    double by = w * h * (double)grow / (2 * (w + h));
    return (ff_box){scaled(g->x0 - by, s->width, width), scaled(g->y0 - by, s->height, height),
                    scaled(g->x1 + by, s->width, width), scaled(g->y1 + by, s->height, height),
                    (float)(g->sum / (double)g->pixels)};
}

static int in_reading_order(const void *a, const void *b)
{
    const ff_box *p = a, *q = b;
    if (p->y0 != q->y0)
        return p->y0 < q->y0 ? -1 : 1;
    return p->x0 < q->x0 ? -1 : p->x0 > q->x0;
}

ff_code ff_boxes_find(const ff_tensor *map, int width, int height, const ff_box_options *options,
                      ff_box **boxes, int *count, ff_err *err)
{
    char text[128];
    const ff_shape *shape = &map->shape;
    if (map->dtype != FF_DTYPE_F32 || shape->rank != 4 || shape->dim[0] != 1 ||
        shape->dim[1] != 1 || shape->dim[2] * shape->dim[3] > INT32_MAX)
        return ff_err_set(err, FF_FORMAT, "boxes: wanted a map float32 1x1xHxW, found %s %s",
                          ff_dtype_name(map->dtype), ff_shape_text(shape, text, sizeof text));
    scan s = {(const float *)(const void *)map->data,
              (int)shape->dim[3],
              (int)shape->dim[2],
              options->pixel_threshold,
              NULL,
              NULL};
    int32_t pixels = (int32_t)(s.width * s.height);
    s.seen = ff_mem_must((size_t)pixels);
    s.stack = ff_mem_must_array((size_t)pixels, sizeof *s.stack);
    ff_box *list = ff_mem_must_array(FF_MAX_BOXES, sizeof *list);
    int found = 0;
    for (int32_t at = 0; at < pixels && found < FF_MAX_BOXES; at++) {
        if (s.seen[at] || !(s.map[at] > s.threshold))
            continue;
        group g = fill(&s, at);
        if (g.x1 - g.x0 < options->min_side || g.y1 - g.y0 < options->min_side ||
            g.sum / (double)g.pixels < (double)options->box_threshold)
            continue;
        list[found++] = box_of(&g, &s, width, height, options->grow);
    }
    qsort(list, (size_t)found, sizeof *list, in_reading_order);
    ff_mem_free(s.seen);
    ff_mem_free(s.stack);
    *boxes = list;
    *count = found;
    return FF_OK;
}
