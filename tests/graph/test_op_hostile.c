/*
 * Every op of the table with random shapes and attributes: nothing crashes or overflows (this is
 * for the sanitizers), and what passes asks for regions that exist and can be emitted.
 */
#include "graph/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "support/graph_make.h"

#define ROUNDS 250

static const char *const ATTRS[] = {"strides",
                                    "dilations",
                                    "pads",
                                    "kernel_shape",
                                    "output_padding",
                                    "output_shape",
                                    "axes",
                                    "perm",
                                    "starts",
                                    "ends",
                                    "steps",
                                    "split",
                                    "axis",
                                    "group",
                                    "ceil_mode",
                                    "keepdims",
                                    "blocksize",
                                    "block_size",
                                    "auto_pad",
                                    "mode",
                                    "coordinate_transformation_mode",
                                    "nearest_mode",
                                    "noop_with_empty_axes",
                                    "training_mode",
                                    "antialias",
                                    "keep_aspect_ratio_policy"};
#define ATTR_COUNT (sizeof ATTRS / sizeof ATTRS[0])

static const char *const WORDS[] = {"SAME_UPPER",
                                    "SAME_LOWER",
                                    "VALID",
                                    "NOTSET",
                                    "reflect",
                                    "edge",
                                    "constant",
                                    "linear",
                                    "nearest",
                                    "cubic",
                                    "half_pixel",
                                    "asymmetric",
                                    "floor",
                                    "round_prefer_ceil",
                                    ""};

static int64_t below(ff_random *r, int64_t n)
{
    return (int64_t)ff_random_below(r, (uint64_t)n);
}

static int64_t number(ff_random *r)
{
    static const int64_t WILD[] = {INT64_MIN,        INT64_MAX,        -1,  0, INT32_MAX,
                                   (int64_t)1 << 34, (int64_t)1 << 24, -100};
    return below(r, 5) == 0 ? WILD[below(r, 8)] : below(r, 5);
}

static ff_shape shape(ff_random *r)
{
    static const int64_t WILD[] = {0, INT64_MAX, (int64_t)1 << 34, ((int64_t)1 << 34) + 1, -1};
    ff_shape s = {.rank = (int)(below(r, 3) == 0 ? below(r, FF_MAX_RANK + 1) : 4)};
    for (int a = 0; a < s.rank; a++) {
        s.dim[a] = below(r, 60) == 0 ? WILD[below(r, 5)] : below(r, 3) == 0 ? 6 : 1 + below(r, 6);
    }
    return s;
}

static int add_value(graph_make *m, const char *name, ff_value_kind kind, ff_shape s)
{
    int v = FF_NO_VALUE;
    ff_err err = {0};
    gm_must(ff_graph_add_value(m->g, name, kind, FF_DTYPE_F32, &s, &v, &err), &err, "value");
    return v;
}

static int small_constant(graph_make *m)
{
    int64_t ints[20];
    float floats[9];
    int count = (int)below(&m->random, 9);
    for (int i = 0; i < 20; i++) {
        ints[i] = number(&m->random);
    }
    for (int i = 0; i < 9; i++) {
        floats[i] = (float)(1 + below(&m->random, 3));
    }
    return below(&m->random, 2) == 0 ? gm_ints(m, ints, count * 2) : gm_floats(m, floats, count);
}

static void random_attrs(graph_make *m, int n)
{
    ff_random *r = &m->random;
    for (int64_t k = below(r, 6); k > 0; k--) {
        const char *name = ATTRS[below(r, ATTR_COUNT)];
        int64_t ints[20];
        for (int i = 0; i < 20; i++) {
            ints[i] = number(r);
        }
        switch (below(r, 4)) {
        case 0:
            ff_graph_set_int(m->g, n, name, number(r));
            break;
        case 1:
            ff_graph_set_string(m->g, n, name, WORDS[below(r, 15)]);
            break;
        default:
            ff_graph_set_ints(m->g, n, name, ints, (size_t)(below(r, 4) * 2));
            break;
        }
    }
}

/* One node: its first input and output often agree, so that some pass. */
static void make(graph_make *m, const char *op)
{
    int in[5], out[2], in_count = 1 + (int)below(&m->random, 5);
    ff_shape first = shape(&m->random), made = first;
    if (below(&m->random, 4) == 0) {
        made = shape(&m->random);
    } else if (below(&m->random, 3) == 0 && made.rank >= 3) {
        made.dim[made.rank - 1] = first.dim[made.rank - 1] / 2 + 1;
    }
    in[0] = add_value(m, "in", FF_VALUE_INPUT, first);
    for (int i = 1; i < in_count; i++) {
        char name[8];
        snprintf(name, sizeof name, "in%d", i);
        int64_t kind = below(&m->random, 4);
        in[i] = kind == 0 ? FF_NO_VALUE
                : kind == 1
                    ? small_constant(m)
                    : add_value(m, name, FF_VALUE_INPUT, kind == 2 ? first : shape(&m->random));
    }
    out[0] = add_value(m, "out", FF_VALUE_NODE, made);
    out[1] = below(&m->random, 2) == 0 ? FF_NO_VALUE
                                       : add_value(m, "out1", FF_VALUE_NODE, shape(&m->random));
    random_attrs(m, ff_graph_add_node(m->g, "n", op, "", in, in_count, out,
                                      below(&m->random, 4) == 0 ? 2 : 1));
}

/* Asks for a part along the axis and emits it; both may fail, cleanly. */
static void try_part(graph_make *m, int axis)
{
    const ff_node *node = &m->g->nodes[0];
    ff_region out = ff_region_whole(&m->g->values[node->out[0]].shape);
    int64_t length = out.hi[axis];
    ff_need need[8];
    int in[8], made[2];
    graph_make p;
    out.lo[axis] = below(&m->random, length);
    out.hi[axis] = out.lo[axis] + 1 + below(&m->random, length - out.lo[axis]);
    if (ff_op_needs(m->g, 0, &out, need, NULL) != FF_OK) {
        return;
    }
    gm_init(&p, m->opset, 1);
    for (int i = 0; i < node->in_count; i++) {
        in[i] = FF_NO_VALUE;
        if (need[i].reads) {
            char name[8];
            snprintf(name, sizeof name, "p%d", i);
            const ff_shape *whole = &m->g->values[node->in[i]].shape;
            if (i == 0) {
                assert_int_equal(ff_region_check(&need[i].region, whole, NULL), FF_OK);
            }
            in[i] = add_value(&p, name, FF_VALUE_INPUT, ff_region_shape(&need[i].region));
        }
    }
    for (int k = 0; k < node->out_count; k++) {
        made[k] = FF_NO_VALUE;
        if (node->out[k] != FF_NO_VALUE) {
            ff_region part = ff_op_output_region(m->g, 0, &out, k);
            made[k] =
                add_value(&p, k == 0 ? "made" : "made1", FF_VALUE_NODE, ff_region_shape(&part));
        }
    }
    ff_err err = {0};
    ff_code code = ff_op_emit(m->g, 0, &out, p.g, in, made, &err);
    assert_true(code == FF_OK || err.message[0] != '\0');
    gm_clean(&p);
}

/* A part of the sum, where there is one; 1 where there is. */
static int try_sum(graph_make *m)
{
    ff_need need[8];
    char why[128] = "";
    int64_t length = ff_op_sum_length(m->g, 0, why, sizeof why);
    (void)ff_op_linear(m->g, 0, 0);
    (void)ff_op_dense_axis(m->g, 0);
    if (length == 0) {
        assert_true(why[0] != '\0');
        return 0;
    }
    int64_t lo = below(&m->random, length);
    int64_t hi = lo + 1 + below(&m->random, length - lo);
    assert_int_equal(ff_op_sum_needs(m->g, 0, lo, hi, false, need, NULL), FF_OK);
    for (int i = 0; i < m->g->nodes[0].in_count; i++) {
        if (need[i].reads) {
            const ff_shape *whole = &m->g->values[m->g->nodes[0].in[i]].shape;
            assert_true(need[i].region.rank == whole->rank);
            assert_true(i > 0 || ff_region_check(&need[i].region, whole, NULL) == FF_OK);
        }
    }
    return 1;
}

/* What it merges, divides and sums over lies within its input. */
static void try_axes(graph_make *m)
{
    const ff_node *node = &m->g->nodes[0];
    const ff_shape *in =
        node->in_count > 0 && node->in[0] != FF_NO_VALUE ? &m->g->values[node->in[0]].shape : NULL;
    int along = ff_op_divided_axis(m->g, 0);
    uint32_t axes = ff_op_sum_axes(m->g, 0);
    assert_true(along < 0 || along < in->rank);
    assert_true(axes == 0 || (in != NULL && axes >> in->rank == 0));
    for (int axis = -1; axis <= FF_MAX_RANK; axis++) {
        int first = -1, last = -1;
        if (!ff_op_merges(m->g, 0, axis, &first, &last)) {
            continue;
        }
        int64_t product = 1;
        assert_true(first >= 0 && first <= last && last < in->rank);
        for (int a = first; a <= last; a++) {
            product *= in->dim[a];
        }
        assert_int_equal(product, m->g->values[node->out[0]].shape.dim[axis]);
    }
}

static void nothing_crashes(void **state)
{
    (void)state;
    int passed = 0, summed = 0;
    for (int e = 0; e < ff_op_count(); e++) {
        for (uint64_t round = 0; round < ROUNDS; round++) {
            static const int OPSETS[] = {7, 9, 10, 11, 13, 18, 21};
            graph_make m;
            gm_init(&m, OPSETS[round % 7], (uint64_t)e * 1000003 + round);
            make(&m, ff_op_name(e));
            for (int axis = -1; axis <= FF_MAX_RANK; axis++) {
                char why[128] = "";
                if (ff_op_passes(m.g, 0, axis, why, sizeof why)) {
                    passed++;
                    try_part(&m, axis);
                } else {
                    assert_true(why[0] != '\0');
                }
            }
            summed += try_sum(&m);
            try_axes(&m);
            gm_clean(&m);
        }
    }
    assert_true(passed > 10000);
    assert_true(summed > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_crashes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
