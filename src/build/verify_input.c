/*
 * What verify feeds a model when it is given nothing.
 *
 * White noise, or random blocks, drive a trained detector to "nothing here": an answer of 0.0003
 * everywhere, where the resolution of a float32 sigmoid (1e-7) is all that could be compared. So a
 * float32 tensor of rank 4 gets a page: a light ground with some noise, and lines of dark signs of
 * 5 x 7 dots, as large as the picture allows.
 */
#include "base/random.h"
#include "build/build_int.h"

#define SIGN_COLS 5
#define SIGN_ROWS 7

typedef struct page {
    float *data; /* one image: channels planes of h x w */
    int64_t channels, h, w;
} page;

static void put_dot(page *p, int64_t y0, int64_t x0, int64_t size, float value)
{
    for (int64_t c = 0; c < p->channels; c++)
        for (int64_t y = y0; y < p->h && y < y0 + size; y++)
            for (int64_t x = x0; x < p->w && x < x0 + size; x++)
                p->data[(c * p->h + y) * p->w + x] = value;
}

static void put_line(page *p, ff_random *r, int64_t y, int64_t dot)
{
    int64_t x = (int64_t)ff_random_below(r, (uint64_t)(p->w / 8 + 1));
    float ink = (float)(-1.5 - 0.5 * ff_random_unit(r));
    for (; x + SIGN_COLS * dot < p->w; x += (SIGN_COLS + 1) * dot) {
        if (ff_random_below(r, 6) == 0)
            continue; /* between words */
        for (int i = 0; i < SIGN_COLS * SIGN_ROWS; i++)
            if (ff_random_below(r, 2))
                put_dot(p, y + i / SIGN_COLS * dot, x + i % SIGN_COLS * dot, dot, ink);
    }
}

void ff_verify_input(uint64_t seed, int input, ff_tensor *tensor)
{
    const ff_shape *shape = &tensor->shape;
    ff_manifest_probe_input(seed, input, tensor);
    if (tensor->dtype != FF_DTYPE_F32 || shape->rank != 4 || !tensor->bytes)
        return;
    ff_random r;
    ff_random_init(&r, seed ^ (uint64_t)input);
    float *data = (float *)(void *)tensor->data;
    page p = {data, shape->dim[1], shape->dim[2], shape->dim[3]};
    for (size_t i = 0; i < tensor->bytes / sizeof *data; i++)
        data[i] = 1.5f + 0.1f * data[i];
    for (int64_t image = 0; image < shape->dim[0]; image++) {
        p.data = data + image * p.channels * p.h * p.w;
        for (int64_t y = p.h / 20, dot; y < p.h; y += 2 * SIGN_ROWS * dot) {
            dot = 1 + (int64_t)ff_random_below(&r, (uint64_t)(p.h / 160 + 1));
            put_line(&p, &r, y, dot);
        }
    }
}
