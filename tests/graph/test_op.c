/* The op table: what passes which axis, and the reason where not; copies and slices. */
#include "graph/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "support/graph_make.h"

/* A node over x[2,4,8,6], with up to three more inputs. */
typedef struct op_case {
    int64_t opset;
    const char *op, *attrs;
    int weights;        /* how many of the shapes below are inputs */
    int shape[3][5];    /* rank, dims */
    const char *passes; /* the axes that pass */
    const char *why;    /* part of the reason of the first axis that does not; "" = none */
} op_case;

static const op_case CASES[] = {
    {13, "Relu", "", 0, {{0}}, "0123", ""},
    {13, "Add", "", 1, {{3, 4, 1, 1}}, "0123", ""},
    {13, "Add", "", 1, {{4, 1, 4, 8, 6}}, "0123", ""},
    {13, "PRelu", "", 1, {{3, 4, 1, 1}}, "0123", ""},
    {7, "Dropout", "", 0, {{0}}, "0123", ""},
    {13, "Conv", "pads=1,1,1,1", 1, {{4, 5, 4, 3, 3}}, "0123", ""},
    {13, "Conv", "pads=1,1,1,1 group=2", 1, {{4, 6, 2, 3, 3}}, "0123", ""},
    {13, "Conv", "auto_pad=SAME_LOWER strides=2,2", 1, {{4, 5, 4, 3, 3}}, "0123", ""},
    {13, "ConvTranspose", "strides=2,2", 1, {{4, 4, 5, 3, 3}}, "0123", ""},
    {13,
     "ConvTranspose",
     "strides=2,2 auto_pad=SAME_UPPER",
     1,
     {{4, 4, 5, 3, 3}},
     "01",
     "not stated"},
    {13, "MaxPool", "kernel_shape=3,3", 0, {{0}}, "0123", ""},
    {13, "AveragePool", "kernel_shape=3,3 ceil_mode=1 strides=2,2", 0, {{0}}, "0123", ""},
    {13, "GlobalAveragePool", "", 0, {{0}}, "01", "whole map"},
    {13, "InstanceNormalization", "", 2, {{1, 4}, {1, 4}}, "01", "whole map"},
    {13, "BatchNormalization", "", 3, {{1, 4}, {1, 4}, {1, 4}}, "0123", ""},
    {13, "LRN", "size=3", 0, {{0}}, "023", "axis 1"},
    {13, "Softmax", "axis=1", 0, {{0}}, "023", "axis 1"},
    {13, "Softmax", "", 0, {{0}}, "012", "axis 3"},
    {11, "Softmax", "axis=2", 0, {{0}}, "01", "axis 2"},
    {17, "LayerNormalization", "axis=-1", 1, {{1, 6}}, "012", "axis 3"},
    {13, "ReduceMean", "axes=2,3", 0, {{0}}, "01", "axis 2"},
    {13, "ReduceMean", "axes=[1] keepdims=0", 0, {{0}}, "012", ""},
    {13, "ReduceMax", "", 0, {{0}}, "", "axis 0"},
    {13, "ArgMax", "axis=1", 0, {{0}}, "023", "axis 1"},
    {13, "MatMul", "", 1, {{2, 6, 7}}, "0123", ""},
    {13, "Concat", "axis=1", 1, {{4, 2, 3, 8, 6}}, "023", "axis 1"},
    {13, "Concat", "axis=-2", 1, {{4, 2, 4, 3, 6}}, "013", "axis 2"},
    {13, "Transpose", "perm=0,2,3,1", 0, {{0}}, "0123", ""},
    {13, "Flatten", "axis=1", 0, {{0}}, "01", ""},
    {11, "Unsqueeze", "axes=[0]", 0, {{0}}, "1234", "merges"},
    {13, "SpaceToDepth", "blocksize=2", 0, {{0}}, "023", "channels"},
    {13, "DepthToSpace", "blocksize=2", 0, {{0}}, "023", "channels"},
    {10, "Pad", "pads=0,0,1,2,0,0,3,0", 0, {{0}}, "0123", ""},
    {10, "Pad", "pads=0,0,1,2,0,0,3,0 mode=reflect", 0, {{0}}, "0123", ""},
    {9, "Slice", "starts=1,2 ends=6,6 axes=2,3", 0, {{0}}, "0123", ""},
};

/* Unsqueeze's first axis has length 1 and passes nothing that could be cut. */
static int make(graph_make *m, const op_case *c)
{
    int in[6], count = 0;
    gm_init(m, c->opset, 1);
    in[count++] = gm_input(m, gm_shape(4, 2, 4, 8, 6));
    for (int i = 0; i < c->weights; i++) {
        ff_shape shape = {.rank = c->shape[i][0]};
        for (int a = 0; a < shape.rank; a++) {
            shape.dim[a] = c->shape[i][a + 1];
        }
        in[count++] = gm_weight(m, shape, 0, 1);
    }
    if (strcmp(c->op, "BatchNormalization") == 0) {
        in[count++] = in[1];
    }
    return gm_op(m, c->op, in, count, c->attrs);
}

static void passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const op_case *c = &CASES[i];
        graph_make m;
        int out = make(&m, c), found = 0;
        char axes[16] = "", first[256] = "";
        for (int a = 0; a < gm_shape_of(&m, out)->rank; a++) {
            char why[256] = "";
            if (ff_op_passes(m.g, 0, a, why, sizeof why)) {
                axes[found++] = (char)('0' + a);
            } else if (first[0] == '\0') {
                strcpy(first, why);
            }
        }
        axes[found] = '\0';
        if (strcmp(axes, c->passes) != 0 || strstr(first, c->why) == NULL ||
            (c->why[0] == '\0') != (first[0] == '\0')) {
            fail_msg("case %zu, %s %s: passes '%s' ('%s'), expected '%s' ('%s')", i, c->op,
                     c->attrs, axes, first, c->passes, c->why);
        }
        gm_clean(&m);
    }
}

/* What cannot be asked at all. */
static void refuses(void **state)
{
    (void)state;
    graph_make m;
    char why[256];
    int out;
    gm_init(&m, 13, 1);
    int x = gm_input(&m, gm_shape(4, 1, 2, 8, 8));
    ff_shape shape = *gm_shape_of(&m, x);
    ff_err err = {0};
    assert_int_equal(ff_graph_add_value(m.g, "y", FF_VALUE_NODE, FF_DTYPE_F32, &shape, &out, &err),
                     FF_OK);
    int n = ff_graph_add_node(m.g, "odd", "Relu", "com.example", &x, 1, &out, 1);
    assert_false(ff_op_passes(m.g, n, 2, why, sizeof why));
    assert_non_null(strstr(why, "com.example.Relu"));
    m.g->nodes[n].domain = "";
    assert_true(ff_op_passes(m.g, n, 2, why, sizeof why));
    assert_false(ff_op_passes(m.g, n, 4, why, sizeof why));
    assert_false(ff_op_passes(m.g, n, -1, why, sizeof why));
    m.g->values[x].shape.dim[2] = 9; /* shapes that contradict the op */
    assert_false(ff_op_passes(m.g, n, 2, why, sizeof why));
    m.g->values[x].has_shape = false;
    assert_false(ff_op_passes(m.g, n, 2, why, sizeof why));
    assert_non_null(strstr(why, "not known"));
    m.g->nodes[n].has_subgraph = true;
    assert_false(ff_op_passes(m.g, n, 2, why, sizeof why));
    gm_clean(&m);
}

/* A broadcast input is read whole where it has length 1, and cut where it has the map's. */
static void broadcast_needs(void **state)
{
    (void)state;
    static const struct {
        int shape[5];
        int64_t lo[4], hi[4];
    } cases[] = {
        {{4, 1, 4, 8, 6}, {0, 0, 2, 0}, {1, 4, 5, 6}},
        {{4, 1, 4, 1, 1}, {0, 0, 0, 0}, {1, 4, 1, 1}},
        {{2, 8, 1}, {2, 0}, {5, 1}},
        {{1, 6}, {0}, {6}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph_make m;
        ff_need need[2];
        ff_err err = {0};
        gm_init(&m, 13, 1);
        int x = gm_input(&m, gm_shape(4, 2, 4, 8, 6));
        ff_shape shape = {.rank = cases[i].shape[0]};
        for (int a = 0; a < shape.rank; a++) {
            shape.dim[a] = cases[i].shape[a + 1];
        }
        gm_op2(&m, "Mul", x, gm_weight(&m, shape, 1, 0), NULL);
        ff_region out = ff_region_whole(gm_shape_of(&m, x));
        out.lo[2] = 2;
        out.hi[2] = 5;
        assert_int_equal(ff_op_needs(m.g, 0, &out, need, &err), FF_OK);
        assert_true(need[0].reads && need[1].reads);
        assert_true(ff_region_equal(&need[0].region, &out));
        for (int a = 0; a < shape.rank; a++) {
            assert_int_equal(need[1].region.lo[a], cases[i].lo[a]);
            assert_int_equal(need[1].region.hi[a], cases[i].hi[a]);
        }
        gm_clean(&m);
    }
}

static void needs_fail_cleanly(void **state)
{
    (void)state;
    graph_make m;
    ff_need need[1] = {{.reads = true, .region = {.rank = 99}}};
    ff_err err = {0};
    gm_init(&m, 13, 1);
    gm_op1(&m, "GlobalAveragePool", gm_input(&m, gm_shape(4, 1, 4, 8, 6)), NULL);
    ff_region out = ff_region_whole(&m.g->values[m.g->nodes[0].out[0]].shape);
    assert_int_equal(ff_op_needs(m.g, 0, &out, need, &err), FF_OK);
    assert_int_equal(need[0].region.rank, 4);
    out.hi[2] = 2;
    need[0].region.rank = 99;
    assert_int_not_equal(ff_op_needs(m.g, 0, &out, need, &err), FF_OK);
    assert_int_equal(need[0].region.rank, 99);
    gm_clean(&m);
}

/* A Slice takes the form that the opset knows. */
static void slice_forms(void **state)
{
    (void)state;
    for (int64_t opset = 9; opset <= 10; opset++) {
        graph_make m;
        ff_err err = {0};
        int out;
        gm_init(&m, opset, 1);
        int x = gm_input(&m, gm_shape(4, 1, 4, 8, 6));
        ff_region have = {4, {0, 0, 10, 3}, {1, 4, 18, 9}},
                  part = {4, {0, 0, 11, 3}, {1, 4, 14, 9}};
        ff_shape shape = ff_region_shape(&part);
        assert_int_equal(
            ff_graph_add_value(m.g, "y", FF_VALUE_NODE, FF_DTYPE_F32, &shape, &out, &err), FF_OK);
        assert_int_equal(ff_op_emit_slice(m.g, m.g, x, &have, &part, out, &err), FF_OK);
        assert_int_equal(m.g->node_count, 1);
        assert_int_equal(m.g->nodes[0].in_count, opset < 10 ? 1 : 4);
        m.g->values[out].has_shape = false; /* inference agrees on the size */
        gm_output(&m, out);
        assert_true(ff_shape_equal(gm_shape_of(&m, out), &shape));
        gm_clean(&m);
    }
}

static void fresh_names(void **state)
{
    (void)state;
    graph_make m, p;
    gm_init(&m, 13, 1);
    gm_init(&p, 13, 1);
    int v;
    ff_shape shape = gm_shape(1, 1);
    assert_string_equal(ff_op_fresh_name(m.g, p.g, "a"), "a");
    assert_int_equal(ff_graph_add_value(m.g, "a", FF_VALUE_INPUT, FF_DTYPE_F32, &shape, &v, NULL),
                     FF_OK);
    assert_string_equal(ff_op_fresh_name(m.g, p.g, "a"), "a.2");
    assert_int_equal(ff_graph_add_value(p.g, "a.2", FF_VALUE_INPUT, FF_DTYPE_F32, &shape, &v, NULL),
                     FF_OK);
    assert_string_equal(ff_op_fresh_name(m.g, p.g, "a"), "a.3");
    gm_clean(&m);
    gm_clean(&p);
}

/* Which axes of x[2,4,8,6] a reshape merges into an axis of its output. */
static void merges(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[4];
        int rank, axis, first, last; /* -1: none */
    } cases[] = {
        {{2, 192}, 2, 1, 1, 3},       {{2, 192}, 2, 0, 0, 0},       {{8, 48}, 2, 0, 0, 1},
        {{2, 32, 6}, 3, 1, 1, 2},     {{2, 4, 48}, 3, 2, 2, 3},     {{384}, 1, 0, 0, 3},
        {{2, 4, 16, 3}, 4, 2, -1, 0}, {{2, 4, 4, 12}, 4, 3, -1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph_make m;
        int first = -1, last = 0;
        gm_init(&m, 13, 1);
        gm_op2(&m, "Reshape", gm_input(&m, gm_shape(4, 2, 4, 8, 6)),
               gm_ints(&m, cases[i].shape, cases[i].rank), NULL);
        bool is = ff_op_merges(m.g, 0, cases[i].axis, &first, &last);
        if (is != (cases[i].first >= 0) || first != cases[i].first || last != cases[i].last) {
            fail_msg("case %zu: axes %d to %d", i, first, last);
        }
        assert_int_equal(ff_op_divided_axis(m.g, 0), -1);
        gm_clean(&m);
    }
}

/* A Split as a piece has it: its outputs are as long as the values that it is given. */
static void divides(void **state)
{
    (void)state;
    for (int64_t opset = 11; opset <= 13; opset += 2) {
        graph_make m, p;
        ff_err err = {0};
        int out[2], first, last;
        int64_t sizes[2] = {6, 2}, found[2];
        gm_init(&m, opset, 1);
        gm_init(&p, opset, 1);
        int in[2] = {gm_input(&m, gm_shape(3, 2, 8, 3)),
                     opset < 13 ? FF_NO_VALUE : gm_ints(&m, sizes, 2)};
        gm_ops(&m, "Split", in, opset < 13 ? 1 : 2, opset < 13 ? "axis=-2 split=6,2" : "axis=1",
               out, 2);
        assert_int_equal(ff_op_divided_axis(m.g, 0), 1);
        assert_false(ff_op_merges(m.g, 0, 1, &first, &last));
        in[0] = gm_input(&p, gm_shape(3, 2, 4, 3));
        for (int k = 0; k < 2; k++) {
            const ff_shape shape = gm_shape(3, 2, 3 - 2 * k, 3);
            gm_must(ff_graph_add_value(p.g, k == 0 ? "a" : "b", FF_VALUE_NODE, FF_DTYPE_F32, &shape,
                                       &out[k], &err),
                    &err, "value");
        }
        gm_must(ff_op_emit_sized(m.g, 0, p.g, in, out, &err), &err, "emit");
        const ff_node *node = &p.g->nodes[0];
        if (opset < 13) {
            assert_int_equal(ff_node_ints(node, "split", found, 2), 2);
        } else {
            memcpy(found, p.g->values[node->in[1]].data.data, sizeof found);
        }
        assert_int_equal(found[0], 3);
        assert_int_equal(found[1], 1);
        gm_clean(&m);
        gm_clean(&p);
    }
}

static void table_is_told(void **state)
{
    (void)state;
    int count = ff_op_count();
    assert_true(count > 100);
    for (int i = 0; i < count; i++) {
        assert_true(ff_op_name(i)[0] != '\0' && ff_op_summary(i)[0] != '\0');
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(ff_op_name(i), ff_op_name(k));
        }
    }
    assert_null(ff_op_name(count));
    assert_null(ff_op_summary(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes),          cmocka_unit_test(refuses),
        cmocka_unit_test(broadcast_needs), cmocka_unit_test(needs_fail_cleanly),
        cmocka_unit_test(slice_forms),     cmocka_unit_test(fresh_names),
        cmocka_unit_test(merges),          cmocka_unit_test(divides),
        cmocka_unit_test(table_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
