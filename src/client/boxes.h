/*
 * Text boxes from a detector's probability map (differentiable binarization, Liao et al., AAAI
 * 2020, as PP-OCR uses it): pixels over a threshold, their 8-connected groups, each group's
 * bounding rectangle grown by area * ratio / perimeter, kept where its mean probability is high.
 */
#ifndef FF_CLIENT_BOXES_H
#define FF_CLIENT_BOXES_H

#include "tensor/tensor.h"

#define FF_MAX_BOXES 1000

typedef struct ff_box {
    int x0, y0, x1, y1; /* pixels of the target picture, x1 and y1 excluded */
    float score;        /* mean probability, 0..1 */
} ff_box;

typedef struct ff_box_options {
    float pixel_threshold; /* 0.3 */
    float box_threshold;   /* 0.6 */
    float grow;            /* 1.5 */
    int min_side;          /* 3: pixels of the map */
} ff_box_options;
extern const ff_box_options FF_BOX_DEFAULTS;

/* map: float32 1x1xHxW. Boxes scaled to a picture of width x height, sorted from top to bottom,
 * then left to right; boxes is the caller's (ff_mem_free). FF_FORMAT for another shape or dtype. */
ff_code ff_boxes_find(const ff_tensor *map, int width, int height, const ff_box_options *options,
                      ff_box **boxes, int *count, ff_err *err);

#endif
