/*
 * Pictures to input tensors, as the bundle's preprocess member declares, and boxes drawn on them.
 *
 * {"input": "x", "size": [640, 640], "color": "BGR", "scale": 0.00392156862745098,
 *  "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
 *
 * The picture is stretched to size (height, width; bilinear), then element = (pixel * scale - mean)
 * / std by channel in the order of color, laid out 1x3xHxW float32. PNG and JPEG by stb_image; a
 * picture's dimensions are bounded before it is decoded.
 */
#ifndef FF_CLIENT_IMAGE_H
#define FF_CLIENT_IMAGE_H

#include "base/json.h"
#include "tensor/tensor.h"

#define FF_MAX_IMAGE_SIDE 16384

typedef struct ff_image {
    int width, height;
    uint8_t *rgb; /* 3 bytes a pixel */
} ff_image;

typedef struct ff_preprocess {
    char input[256]; /* "" = the model's only one */
    int height, width;
    bool bgr;
    double scale;
    double mean[3], std[3];
} ff_preprocess;

ff_code ff_image_load(const char *path, ff_image *out, ff_err *err);
void ff_image_clean(ff_image *image); /* accepts zeroed memory, and twice */
ff_code ff_image_write_png(const ff_image *image, const char *path, ff_err *err);
/* A rectangle of lines `thick` pixels wide, clipped to the picture. */
void ff_image_draw_rect(ff_image *image, int x0, int y0, int x1, int y1, int thick,
                        const uint8_t rgb[3]);

ff_code ff_preprocess_parse(yyjson_val *member, ff_preprocess *out, ff_err *err);
ff_code ff_preprocess_apply(const ff_preprocess *p, const ff_image *image, ff_tensor *out,
                            ff_err *err);

#endif
