/* Sums in parts: who can give them, along which axis, and who passes them on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "graph/op.h"
#include "support/graph_make.h"

/* A node over x[2,4,8,6], with up to two weights. */
static const struct {
    int64_t opset;
    const char *op, *attrs;
    int weights, shape[2][5];
    int64_t length; /* 0: none */
    int axis[3];
} SUMS[] = {
    {13, "Conv", "", 2, {{4, 5, 4, 3, 3}, {1, 5}}, 4, {1, 1, FF_SUM_ONCE}},
    {13, "Conv", "group=2", 2, {{4, 6, 2, 3, 3}, {1, 6}}, 0, {0}},
    {13, "ConvTranspose", "", 2, {{4, 4, 5, 3, 3}, {1, 5}}, 4, {1, 0, FF_SUM_ONCE}},
    {13, "MatMul", "", 1, {{2, 6, 7}}, 6, {3, 0, 0}},
    {13, "MatMul", "", 1, {{4, 2, 4, 6, 7}}, 6, {3, 2, 0}},
    {13, "ReduceSum", "", 0, {{0}}, 8, {2, 0, 0}},
    {12, "ReduceMean", "axes=1,3", 0, {{0}}, 6, {3, 0, 0}},
    {13, "GlobalAveragePool", "", 0, {{0}}, 8, {2, 0, 0}},
    {13, "ReduceMax", "", 0, {{0}}, 0, {0}},
    {13, "Relu", "", 0, {{0}}, 0, {0}},
};

static int make(graph_make *m, int64_t opset, const char *op, const char *attrs, int weights,
                const int shape[2][5])
{
    int in[3], count = 0;
    gm_init(m, opset, 1);
    in[count++] = gm_input(m, gm_shape(4, 2, 4, 8, 6));
    for (int i = 0; i < weights; i++) {
        ff_shape s = {.rank = shape[i][0]};
        for (int a = 0; a < s.rank; a++) {
            s.dim[a] = shape[i][a + 1];
        }
        in[count++] = gm_weight(m, s, 0, 1);
    }
    return gm_op(m, op, in, count, attrs);
}

static void sums(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof SUMS / sizeof SUMS[0]; i++) {
        graph_make m;
        char why[256] = "";
        make(&m, SUMS[i].opset, SUMS[i].op, SUMS[i].attrs, SUMS[i].weights, SUMS[i].shape);
        int64_t length = ff_op_sum_length(m.g, 0, why, sizeof why);
        if (length != SUMS[i].length || (length == 0) != (why[0] != '\0' && length == 0)) {
            fail_msg("case %zu: %lld, '%s'", i, (long long)length, why);
        }
        for (int k = 0; length > 0 && k <= SUMS[i].weights; k++) {
            assert_int_equal(ff_op_sum_axis(m.g, 0, k), SUMS[i].axis[k]);
        }
        gm_clean(&m);
    }
}

/* Sums over boxes: all axes that are taken away. */
static void boxes(void **state)
{
    (void)state;
    static const struct {
        int64_t opset;
        const char *op, *attrs;
        int weights, shape[2][5];
        uint32_t axes;
    } cases[] = {
        {13, "GlobalAveragePool", "", 0, {{0}}, 0xc},
        {12, "ReduceMean", "axes=[1,-1]", 0, {{0}}, 0xa},
        {12, "ReduceSum", "", 0, {{0}}, 0xf},
        {13, "MatMul", "", 1, {{2, 6, 7}}, 0x8},
        {13, "Conv", "", 1, {{4, 5, 4, 3, 3}}, 0}, /* a box of the map is a window's business */
        {13, "ReduceMax", "", 0, {{0}}, 0},
        {13, "Relu", "", 0, {{0}}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        graph_make m;
        make(&m, cases[i].opset, cases[i].op, cases[i].attrs, cases[i].weights, cases[i].shape);
        assert_int_equal(ff_op_sum_axes(m.g, 0), cases[i].axes);
        gm_clean(&m);
    }
}

/* A quarter of the map: its mean counts a quarter. */
static void box_of_a_mean(void **state)
{
    (void)state;
    graph_make m, p;
    ff_err err = {0};
    int out;
    make(&m, 13, "GlobalAveragePool", "", 0, (const int[2][5]){{0}});
    gm_init(&p, 13, 1);
    int in = gm_input(&p, gm_shape(4, 2, 4, 4, 3));
    const ff_shape shape = gm_shape(4, 2, 4, 1, 1);
    gm_must(ff_graph_add_value(p.g, "y", FF_VALUE_NODE, FF_DTYPE_F32, &shape, &out, &err), &err,
            "y");
    gm_must(ff_op_emit_sum_box(m.g, 0, 0.25, p.g, &in, &out, &err), &err, "emit");
    assert_int_equal(p.g->node_count, 2);
    assert_string_equal(p.g->nodes[0].op, "GlobalAveragePool");
    assert_string_equal(p.g->nodes[1].op, "Mul");
    assert_int_equal(p.g->nodes[1].out[0], out);
    float factor;
    memcpy(&factor, p.g->values[p.g->nodes[1].in[1]].data.data, sizeof factor);
    assert_true(factor == 0.25f);
    gm_clean(&m);
    gm_clean(&p);
}

static void needs(void **state)
{
    (void)state;
    graph_make m;
    ff_need need[3];
    ff_err err = {0};
    const int shapes[2][5] = {{4, 5, 4, 3, 3}, {1, 5}};
    make(&m, 13, "Conv", "", 2, shapes);
    assert_int_equal(ff_op_sum_needs(m.g, 0, 1, 3, false, need, &err), FF_OK);
    assert_true(need[0].reads && need[1].reads && !need[2].reads);
    assert_int_equal(need[0].region.lo[1], 1);
    assert_int_equal(need[0].region.hi[1], 3);
    assert_int_equal(need[0].region.hi[2], 8);
    assert_int_equal(need[1].region.lo[1], 1);
    assert_int_equal(need[1].region.hi[0], 5);
    assert_int_equal(ff_op_sum_needs(m.g, 0, 0, 1, true, need, &err), FF_OK);
    assert_true(need[2].reads); /* the bias is added once */
    need[0].reads = false;
    static const int64_t BAD[][2] = {{-1, 2}, {2, 2}, {3, 2}, {0, 5}, {INT64_MIN, INT64_MAX}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(ff_op_sum_needs(m.g, 0, BAD[i][0], BAD[i][1], true, need, &err),
                         FF_UNSUPPORTED);
    }
    assert_false(need[0].reads);
    gm_clean(&m);
}

static const struct {
    const char *op, *attrs;
    int weights, shape[2][5];
    ff_linear first, second;
} LINEAR[] = {
    {"Add", "", 1, {{4, 2, 4, 8, 6}}, FF_LINEAR_TERM, FF_LINEAR_TERM},
    {"Add", "", 1, {{1, 6}}, FF_LINEAR_TERM, FF_LINEAR_NO}, /* would be repeated */
    {"Sub", "", 1, {{1, 6}}, FF_LINEAR_TERM, FF_LINEAR_NO},
    {"Mul", "", 1, {{1, 6}}, FF_LINEAR_FACTOR, FF_LINEAR_FACTOR},
    {"Div", "", 1, {{1, 6}}, FF_LINEAR_FACTOR, FF_LINEAR_NO},
    {"Neg", "", 0, {{0}}, FF_LINEAR_DATA, FF_LINEAR_NO},
    {"Transpose", "", 0, {{0}}, FF_LINEAR_DATA, FF_LINEAR_NO},
    {"Flatten", "", 0, {{0}}, FF_LINEAR_DATA, FF_LINEAR_NO},
    {"AveragePool", "kernel_shape=2,2", 0, {{0}}, FF_LINEAR_DATA, FF_LINEAR_NO},
    {"MaxPool", "kernel_shape=2,2", 0, {{0}}, FF_LINEAR_NO, FF_LINEAR_NO},
    {"Relu", "", 0, {{0}}, FF_LINEAR_NO, FF_LINEAR_NO},
    {"Max", "", 1, {{1, 6}}, FF_LINEAR_NO, FF_LINEAR_NO},
    {"BatchNormalization", "", 0, {{0}}, FF_LINEAR_NO, FF_LINEAR_NO},
    {"Softmax", "", 0, {{0}}, FF_LINEAR_NO, FF_LINEAR_NO},
};

static void linear(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof LINEAR / sizeof LINEAR[0]; i++) {
        graph_make m;
        if (strcmp(LINEAR[i].op, "BatchNormalization") == 0) {
            gm_init(&m, 13, 1);
            int w = gm_weight(&m, gm_shape(1, 4), 0, 1);
            int in[5] = {gm_input(&m, gm_shape(4, 2, 4, 8, 6)), w, w, w, w};
            gm_op(&m, "BatchNormalization", in, 5, NULL);
        } else {
            make(&m, 13, LINEAR[i].op, LINEAR[i].attrs, LINEAR[i].weights, LINEAR[i].shape);
        }
        if (ff_op_linear(m.g, 0, 0) != LINEAR[i].first ||
            ff_op_linear(m.g, 0, 1) != LINEAR[i].second) {
            fail_msg("case %zu, %s", i, LINEAR[i].op);
        }
        gm_clean(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),  cmocka_unit_test(boxes),  cmocka_unit_test(box_of_a_mean),
        cmocka_unit_test(needs), cmocka_unit_test(linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
