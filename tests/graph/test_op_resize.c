/* Upsampling and transposed convolution: what a range of outputs needs, against the definition. */
#include "graph/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/graph_make.h"

static int resize(graph_make *m, int rows, float factor, const char *attrs)
{
    gm_init(m, 13, 1);
    float scales[4] = {1, 1, factor, 1};
    int in[3] = {gm_input(m, gm_shape(4, 1, 2, rows, 3)), FF_NO_VALUE, gm_floats(m, scales, 4)};
    return gm_op(m, "Resize", in, 3, attrs);
}

/* The inputs that one output looks at, by ONNX's definition. */
static void looked_at(int64_t o, int f, int rows, bool linear, bool half, int rounding,
                      int64_t *first, int64_t *last)
{
    double x = half ? ((double)o + 0.5) / f - 0.5 : (double)o / f;
    if (linear) {
        *first = (int64_t)floor(x);
        *last = x > floor(x) ? *first + 1 : *first;
    } else if (rounding == 0) { /* round_prefer_floor */
        *first = *last = (int64_t)ceil(x - 0.5);
    } else if (rounding == 1) { /* round_prefer_ceil */
        *first = *last = (int64_t)floor(x + 0.5);
    } else {
        *first = *last = (int64_t)floor(x);
    }
    *first = *first < 0 ? 0 : *first >= rows ? rows - 1 : *first;
    *last = *last < 0 ? 0 : *last >= rows ? rows - 1 : *last;
}

static void needs_hold_all_that_is_looked_at(void **state)
{
    (void)state;
    static const char *const MODES[] = {"round_prefer_floor", "round_prefer_ceil", "floor"};
    for (int i = 0; i < 2 * 2 * 3 * 4; i++) {
        bool linear = i % 2 != 0, half = i / 2 % 2 != 0;
        int rounding = i / 4 % 3, f = i / 12 + 1, rows = 6;
        char attrs[256];
        graph_make m;
        if (rounding == 2 && half && !linear) {
            continue; /* is refused */
        }
        snprintf(attrs, sizeof attrs, "mode=%s coordinate_transformation_mode=%s nearest_mode=%s",
                 linear ? "linear" : "nearest", half ? "half_pixel" : "asymmetric",
                 MODES[rounding]);
        int y = resize(&m, rows, (float)f, attrs);
        for (int64_t lo = 0; lo < rows * f; lo++) {
            for (int64_t hi = lo + 1; hi <= rows * f; hi++) {
                ff_region out = ff_region_whole(gm_shape_of(&m, y));
                ff_need need[3];
                ff_err err = {0};
                int64_t first, last, unused;
                out.lo[2] = lo;
                out.hi[2] = hi;
                assert_int_equal(ff_op_needs(m.g, 0, &out, need, &err), FF_OK);
                looked_at(lo, f, rows, linear, half, rounding, &first, &unused);
                looked_at(hi - 1, f, rows, linear, half, rounding, &unused, &last);
                int64_t block = (hi + f - 1) / f;
                assert_true(need[0].region.lo[2] <= first && need[0].region.hi[2] > last);
                /* and nothing more, but for whole blocks */
                assert_true(need[0].region.lo[2] >= (first < lo / f ? first : lo / f));
                assert_true(need[0].region.hi[2] <= (last + 1 > block ? last + 1 : block));
            }
        }
        gm_clean(&m);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        int rows;
        float factor;
        const char *attrs, *why;
    } cases[] = {
        {6, 1.5f, "mode=nearest", "1.5"},
        {6, 0.5f, "mode=nearest", "whole factor"},
        {6, 2, "mode=cubic", "coordinates"},
        {6, 2, "mode=linear coordinate_transformation_mode=align_corners", "coordinates"},
        {6, 2, "mode=nearest nearest_mode=ceil", "coordinates"},
        {300, 3, "mode=linear", "not exact"},
        {300, 2, "mode=linear", NULL},
        {6, 2, "mode=linear antialias=1", "antialias"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph_make m;
        char why[256] = "";
        resize(&m, cases[i].rows, cases[i].factor, cases[i].attrs);
        bool passes = ff_op_passes(m.g, 0, 2, why, sizeof why);
        if (passes != (cases[i].why == NULL) || (!passes && strstr(why, cases[i].why) == NULL)) {
            fail_msg("case %zu: %d, '%s'", i, passes, why);
        }
        gm_clean(&m);
    }
}

/* Transposed convolution: the inputs whose reach [i*s - pad, + extent) meets the range. */
static void spread_needs(void **state)
{
    (void)state;
    static const struct {
        int kernel, stride, dilation, lo, hi, extra;
    } cases[] = {{2, 2, 1, 0, 0, 0}, {3, 2, 1, 1, 1, 1}, {4, 2, 1, 1, 1, 0},
                 {3, 1, 2, 2, 1, 0}, {1, 3, 1, 0, 0, 2}, {2, 3, 1, 1, 0, 0}};
    int rows = 5, gaps = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph_make m;
        char attrs[160];
        gm_init(&m, 13, 1);
        int x = gm_input(&m, gm_shape(4, 1, 2, rows, 3));
        snprintf(attrs, sizeof attrs,
                 "strides=%d,1 dilations=%d,1 pads=%d,0,%d,0 output_padding=%d,0", cases[i].stride,
                 cases[i].dilation, cases[i].lo, cases[i].hi, cases[i].extra);
        int w = gm_weight(&m, gm_shape(4, 2, 1, cases[i].kernel, 1), 1, 0);
        int y = gm_op2(&m, "ConvTranspose", x, w, attrs);
        int64_t n = gm_shape_of(&m, y)->dim[2];
        for (int64_t lo = 0; lo < n; lo++) {
            for (int64_t hi = lo + 1; hi <= n; hi++) {
                ff_region out = ff_region_whole(gm_shape_of(&m, y));
                ff_need need[2];
                int64_t first = -1, last = -1;
                out.lo[2] = lo;
                out.hi[2] = hi;
                for (int64_t r = 0; r < rows; r++) {
                    int64_t begin = r * cases[i].stride - cases[i].lo;
                    int64_t end = begin + (cases[i].kernel - 1) * cases[i].dilation + 1;
                    if (begin < hi && end > lo) {
                        first = first < 0 ? r : first;
                        last = r;
                    }
                }
                assert_int_equal(ff_op_needs(m.g, 0, &out, need, NULL), FF_OK);
                gaps += first < 0 ? 1 : 0;
                assert_true(need[0].region.lo[2] < need[0].region.hi[2]);
                if (first >= 0) {
                    assert_true(need[0].region.lo[2] <= first && need[0].region.hi[2] > last);
                    assert_true(need[0].region.hi[2] - need[0].region.lo[2] <= last - first + 3);
                }
            }
        }
        gm_clean(&m);
    }
    assert_true(gaps > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs_hold_all_that_is_looked_at),
        cmocka_unit_test(refuses),
        cmocka_unit_test(spread_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
