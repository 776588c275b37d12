/* Windows: needs against a count of what each window touches, pads of parts, hostile attributes. */
#include "graph/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "support/graph_make.h"

typedef struct geometry {
    int len, kernel, stride, dilation, lo, hi;
} geometry;

static const geometry CASES[] = {
    {16, 3, 1, 1, 1, 1}, {16, 3, 2, 1, 1, 1}, {15, 7, 2, 1, 3, 3}, {16, 1, 2, 1, 0, 0},
    {16, 3, 1, 2, 2, 2}, {13, 5, 3, 1, 0, 4}, {9, 2, 3, 1, 0, 0},  {4, 3, 1, 1, 6, 7},
    {7, 2, 2, 1, 0, 1},  {11, 4, 1, 1, 3, 0}, {5, 1, 4, 1, 3, 3},
};

static int conv_of(graph_make *m, const geometry *c)
{
    char attrs[128];
    gm_init(m, 13, 1);
    int x = gm_input(m, gm_shape(4, 1, 1, c->len, 3));
    snprintf(attrs, sizeof attrs, "strides=%d,1 dilations=%d,1 pads=%d,0,%d,0", c->stride,
             c->dilation, c->lo, c->hi);
    return gm_conv(m, x, 1, c->kernel, 1, attrs);
}

/* The part of the input from the first element of window lo to the last one of window hi - 1, by
 * looking at each; false: none. */
static bool spanned(const geometry *c, int64_t lo, int64_t hi, int64_t *first, int64_t *end)
{
    bool any = false;
    int64_t begin = lo * c->stride - c->lo;
    int64_t last = (hi - 1) * c->stride - c->lo + (c->kernel - 1) * c->dilation;
    for (int64_t i = begin; i <= last; i++) {
        if (i >= 0 && i < c->len) {
            *first = any ? *first : i;
            *end = i + 1;
            any = true;
        }
    }
    return any;
}

static void needs_are_what_windows_touch(void **state)
{
    (void)state;
    int empty = 0;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const geometry *c = &CASES[i];
        graph_make m;
        int y = conv_of(&m, c);
        int64_t n = gm_shape_of(&m, y)->dim[2];
        for (int64_t lo = 0; lo < n; lo++) {
            for (int64_t hi = lo + 1; hi <= n; hi++) {
                ff_region out = ff_region_whole(gm_shape_of(&m, y));
                ff_need need[3];
                ff_err err = {0};
                int64_t first = 0, end = 0;
                out.lo[2] = lo;
                out.hi[2] = hi;
                assert_int_equal(ff_op_needs(m.g, 0, &out, need, &err), FF_OK);
                assert_true(need[0].region.lo[2] < need[0].region.hi[2]);
                if (lo == 0 && hi == n) {
                    assert_int_equal(need[0].region.hi[2], c->len);
                } else if (spanned(c, lo, hi, &first, &end)) {
                    assert_int_equal(need[0].region.lo[2], first);
                    assert_int_equal(need[0].region.hi[2], end);
                } else {
                    empty++; /* wholly in the padding: the nearest window that is not */
                }
                assert_int_equal(need[1].region.hi[2], c->kernel);
            }
        }
        gm_clean(&m);
    }
    assert_true(empty > 0);
}

/* The length of what a part's nodes compute, by inference over the piece. */
static void emits_the_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        graph_make m;
        int y = conv_of(&m, &CASES[i]);
        int64_t n = gm_shape_of(&m, y)->dim[2];
        for (int64_t lo = 0; lo < n; lo++) {
            graph_make p;
            ff_region out = ff_region_whole(gm_shape_of(&m, y));
            ff_need need[3];
            ff_err err = {0};
            int in[3], made;
            gm_init(&p, 13, 1);
            out.lo[2] = lo;
            out.hi[2] = lo + 1;
            assert_int_equal(ff_op_needs(m.g, 0, &out, need, &err), FF_OK);
            in[0] = gm_input(&p, ff_region_shape(&need[0].region));
            in[1] = gm_weight(&p, ff_region_shape(&need[1].region), 1, 0);
            in[2] = gm_weight(&p, ff_region_shape(&need[2].region), 1, 0);
            ff_shape shape = ff_region_shape(&out);
            assert_int_equal(
                ff_graph_add_value(p.g, "part", FF_VALUE_NODE, FF_DTYPE_F32, &shape, &made, &err),
                FF_OK);
            assert_int_equal(ff_op_emit(m.g, 0, &out, p.g, in, &made, &err), FF_OK);
            for (int v = 0; v < p.g->value_count; v++) {
                p.g->values[v].has_shape = p.g->values[v].kind != FF_VALUE_NODE;
            }
            gm_output(&p, made);
            assert_true(ff_shape_equal(gm_shape_of(&p, made), &shape));
            gm_clean(&p);
        }
        gm_clean(&m);
    }
}

/* Attributes as a hostile file may give them: refused with their name, nothing overflows. */
static void hostile_attributes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int count;
        int64_t value;
    } cases[] = {
        {"strides", 2, 0},
        {"strides", 2, -1},
        {"strides", 2, INT64_MAX},
        {"strides", 1, 1},
        {"strides", 9, 1},
        {"dilations", 2, 0},
        {"dilations", 2, INT64_MIN},
        {"dilations", 2, INT64_MAX},
        {"pads", 4, -1},
        {"pads", 4, INT64_MAX},
        {"pads", 4, 5},
        {"pads", 3, 0},
        {"kernel_shape", 2, 0},
        {"kernel_shape", 2, INT64_MAX},
        {"kernel_shape", 16, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph_make m;
        char why[256] = "";
        int64_t values[16];
        gm_init(&m, 13, 1);
        gm_conv(&m, gm_input(&m, gm_shape(4, 1, 2, 9, 9)), 2, 3, 3, "pads=1,1,1,1");
        for (int k = 0; k < 16; k++) {
            values[k] = cases[i].value;
        }
        ff_graph_set_ints(m.g, 0, cases[i].name, values, (size_t)cases[i].count);
        if (ff_op_passes(m.g, 0, 2, why, sizeof why)) {
            fail_msg("%s of %d times %lld passes", cases[i].name, cases[i].count,
                     (long long)cases[i].value);
        }
        assert_true(why[0] != '\0');
        assert_int_equal(ff_op_axis(m.g, 0, 2, 1).kind, FF_AXIS_NONE);
        gm_clean(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs_are_what_windows_touch),
        cmocka_unit_test(emits_the_part),
        cmocka_unit_test(hostile_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
