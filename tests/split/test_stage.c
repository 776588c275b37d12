/* Which stages a grid passes, and what is said where it does not. */
#include "split/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "support/graph_make.h"

static int image(graph_make *m, int h, int w)
{
    return gm_input(m, gm_shape(4, 1, 4, h, w));
}

/* A squeeze-and-excite block: its pool reads the whole map. */
static void squeeze(graph_make *m)
{
    int x = gm_op1(m, "Relu", image(m, 8, 8), NULL);
    int y = gm_op1(m, "GlobalAveragePool", x, NULL);
    y = gm_op1(m, "Sigmoid", gm_conv(m, y, 4, 1, 1, NULL), NULL);
    gm_output(m, gm_op2(m, "Mul", x, y, NULL));
}

static void head(graph_make *m)
{
    int x = gm_op1(m, "Flatten", gm_op1(m, "Relu", image(m, 4, 4), NULL), "axis=1");
    gm_output(m, gm_op2(m, "MatMul", x, gm_weight(m, gm_shape(2, 64, 8), 1, 0), NULL));
}

static int product(graph_make *m, int x)
{
    return gm_op2(m, "MatMul", x, gm_weight(m, gm_shape(2, 64, 8), 1, 0), NULL);
}

/* What is flattened leaves too. */
static void head_and_flat(graph_make *m)
{
    int x = gm_op1(m, "Flatten", gm_op1(m, "Relu", image(m, 4, 4), NULL), "axis=1");
    gm_output(m, product(m, x));
    gm_output(m, x);
}

/* Two products, added. */
static void head_twice(graph_make *m)
{
    int x = gm_op1(m, "Flatten", gm_op1(m, "Relu", image(m, 4, 4), NULL), "axis=1");
    gm_output(m, gm_op2(m, "Add", product(m, gm_op1(m, "Neg", x, NULL)), product(m, x), NULL));
}

static void head_relu(graph_make *m)
{
    int x = gm_op1(m, "Flatten", image(m, 4, 4), "axis=1");
    gm_output(m, gm_op1(m, "Relu", product(m, x), NULL));
}

/* The other factor is not stored. */
static void head_of_computed(graph_make *m)
{
    int x = gm_op1(m, "Flatten", image(m, 4, 4), "axis=1");
    gm_output(m, gm_op2(m, "MatMul", x, gm_input(m, gm_shape(2, 64, 8)), NULL));
}

/* A norm needs the whole of what the product takes tile by tile. */
static void head_and_whole(graph_make *m)
{
    int x = gm_op1(m, "Flatten", gm_op1(m, "Relu", image(m, 4, 4), NULL), "axis=1");
    int y = product(m, gm_op1(m, "Softmax", x, "axis=1"));
    gm_output(m, gm_op2(m, "Add", product(m, x), y, NULL));
}

static void small_map(graph_make *m)
{
    gm_output(m, gm_op1(m, "MaxPool", image(m, 8, 8), "kernel_shape=4,2 strides=4,2"));
}

static void rows_joined(graph_make *m)
{
    int x = image(m, 4, 4);
    gm_output(m, gm_op1(m, "Relu", gm_op2(m, "Concat", x, x, "axis=2"), NULL));
}

static void gate_outside(graph_make *m)
{
    int x = image(m, 8, 8), gate = gm_input(m, gm_shape(4, 1, 4, 1, 1));
    gate = gm_op1(m, "Sigmoid", gm_conv(m, gate, 4, 1, 1, NULL), NULL);
    gm_output(m, gm_op2(m, "Mul", x, gate, NULL));
}

static void sequence(graph_make *m)
{
    gm_output(m, gm_op1(m, "Relu", gm_input(m, gm_shape(3, 1, 8, 8)), NULL));
}

static void channels_last(graph_make *m)
{
    int x = gm_op1(m, "Transpose", image(m, 8, 8), "perm=0,2,3,1");
    x = gm_op2(m, "MatMul", x, gm_weight(m, gm_shape(2, 4, 4), 1, 0), NULL);
    gm_output(m, gm_op1(m, "Transpose", x, "perm=0,3,1,2"));
}

static void unused_pool(graph_make *m)
{
    int x = gm_op1(m, "Relu", image(m, 8, 8), NULL);
    gm_op1(m, "GlobalAveragePool", x, NULL);
    gm_output(m, x);
}

static const struct {
    void (*make)(graph_make *m);
    int begin, end; /* 0, 0: all nodes */
    int rows, cols;
    const char *why; /* NULL: passes */
} CASES[] = {
    {squeeze, 0, 0, 2, 2,
     "GlobalAveragePool 'n1' (node 1) cannot pass grid 2x2: it reads the "
     "whole map"},
    {squeeze, 0, 1, 2, 2, NULL},
    {squeeze, 3, 5, 2, 2, NULL},
    {squeeze, 1, 2, 2, 2, NULL}, /* each tile's mean, added */
    {squeeze, 0, 2, 2, 2, NULL}, /* and the map itself */
    {squeeze, 0, 3, 2, 2, "Conv, is 1x4x1x1: no map of at least 2x2"},
    {squeeze, 0, 0, 1, 1, NULL},
    {head, 0, 0, 1, 2, NULL},
    {head, 0, 0, 4, 4, NULL},
    {head, 0, 0, 1, 5, "nor a sum over one: the map that it sums over is 1x4x4x4"}, /* 4 columns */
    {head, 0, 2, 1, 2, "Flatten, is 1x64: no map"},
    {head, 2, 3, 1, 2,
     "MatMul, is 1x8: no map of at least 1x2 for grid 1x2, nor a sum over one: it multiplies no "
     "map that this stage flattens"}, /* flattened before */
    {head_and_flat, 0, 0, 2, 2, "Flatten, is 1x64: no map"},
    {head_twice, 0, 0, 2, 2, NULL},
    {head_relu, 0, 0, 2, 2, "no map"},
    {head_of_computed, 0, 0, 2, 2,
     "nor a sum over one: its second factor is not stored in the model"},
    {head_and_whole, 0, 0, 2, 2, "MatMul 'n3' (node 3) cannot pass grid 2x2: it makes no map"},
    {head, 0, 1, 1, 2, NULL},
    {small_map, 0, 0, 2, 2, NULL},
    {small_map, 0, 0, 2, 4, NULL},
    {small_map, 0, 0, 3, 2, "no map of at least 3x2"},
    {small_map, 0, 0, 1, 5, "no map of at least 1x5"},
    {rows_joined, 0, 0, 2, 1,
     "Concat 'n0' (node 0) cannot pass grid 2x1: it joins or divides "
     "axis 2"},
    {rows_joined, 0, 0, 1, 2, NULL},
    {gate_outside, 0, 0, 2, 2, NULL},
    {sequence, 0, 0, 1, 2, NULL},
    {sequence, 0, 0, 2, 1, "no map"},
    {channels_last, 0, 0, 2, 2, NULL},
    {channels_last, 0, 2, 2, 2, "columns"}, /* the output's last axes are width and channels */
    {unused_pool, 0, 0, 2, 2, NULL},
    {unused_pool, 1, 2, 2, 2, "nothing that leaves"},
};

static void checks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        graph_make m;
        ff_err err = {0};
        ff_pieces pieces = {0};
        gm_init(&m, 13, 1);
        CASES[i].make(&m);
        int end = CASES[i].end == 0 ? m.g->node_count : CASES[i].end;
        ff_stage stage = {CASES[i].begin, end, {FF_SPLIT_GRID, CASES[i].rows, CASES[i].cols}};
        ff_code code = ff_stage_check(m.g, &stage, &err);
        if (CASES[i].why == NULL
                ? code != FF_OK
                : code != FF_UNSUPPORTED || strstr(err.message, CASES[i].why) == NULL) {
            fail_msg("case %zu: %d, '%s'", i, code, err.message);
        }
        /* splitting says the same */
        assert_int_equal(ff_stage_split(m.g, &stage, &pieces, &err), code);
        assert_int_equal(pieces.count, code == FF_OK ? ff_split_count(&stage.split) : 0);
        ff_pieces_clean(&pieces);
        gm_clean(&m);
    }
}

static void node_by_node(void **state)
{
    (void)state;
    graph_make m;
    char why[256];
    gm_init(&m, 13, 1);
    squeeze(&m);
    ff_split grid = {FF_SPLIT_GRID, 2, 2}, whole = {FF_SPLIT_OFFLOAD, 0, 0};
    static const bool PASSES[] = {true, false, true, true, true};
    for (int n = 0; n < m.g->node_count; n++) {
        assert_int_equal(ff_split_passes(m.g, n, &grid, why, sizeof why), PASSES[n]);
        assert_true(ff_split_passes(m.g, n, &whole, why, sizeof why));
    }
    assert_false(ff_split_passes(m.g, 1, &grid, why, sizeof why));
    assert_string_equal(why,
                        "it reads the whole map, but may end a stage: each piece sums over its "
                        "tile");
    assert_false(ff_split_passes(m.g, 1, &grid, NULL, 0));
    gm_clean(&m);
}

static void bad_stages(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 13, 1);
    squeeze(&m);
    const ff_stage stages[] = {
        {-1, 2, {FF_SPLIT_LOCAL, 0, 0}}, {2, 2, {FF_SPLIT_LOCAL, 0, 0}},
        {3, 2, {FF_SPLIT_LOCAL, 0, 0}},  {0, 6, {FF_SPLIT_LOCAL, 0, 0}},
        {0, 1, {FF_SPLIT_GRID, 0, 2}},   {0, 1, {FF_SPLIT_GRID, 2, -1}},
        {0, 1, {FF_SPLIT_GRID, 9, 8}},   {0, 1, {FF_SPLIT_GRID, INT32_MAX, INT32_MAX}},
    };
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        ff_pieces pieces = {0};
        assert_int_equal(ff_stage_check(m.g, &stages[i], NULL), FF_USAGE);
        assert_int_equal(ff_stage_split(m.g, &stages[i], &pieces, NULL), FF_USAGE);
        assert_null(pieces.piece);
    }
    gm_clean(&m);
}

/* A tensor without a shape may lie inside a whole stage, not at its border. */
static void unknown_shapes(void **state)
{
    (void)state;
    graph_make m;
    ff_err err = {0};
    gm_init(&m, 13, 1);
    int x = gm_op1(&m, "Relu", image(&m, 8, 8), NULL);
    int y = gm_op1(&m, "Neg", x, NULL);
    gm_output(&m, gm_op1(&m, "Abs", y, NULL));
    m.g->values[x].has_shape = m.g->values[y].has_shape = false;
    ff_stage stage = {0, 3, {FF_SPLIT_OFFLOAD, 0, 0}};
    assert_int_equal(ff_stage_check(m.g, &stage, &err), FF_OK);
    stage.end = 2;
    assert_int_equal(ff_stage_check(m.g, &stage, &err), FF_UNSUPPORTED);
    stage = (ff_stage){1, 3, {FF_SPLIT_OFFLOAD, 0, 0}};
    assert_int_equal(ff_stage_check(m.g, &stage, &err), FF_UNSUPPORTED);
    stage = (ff_stage){0, 3, {FF_SPLIT_GRID, 2, 2}};
    assert_int_equal(ff_stage_check(m.g, &stage, &err), FF_UNSUPPORTED);
    assert_non_null(strstr(err.message, "not known"));
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks),
        cmocka_unit_test(node_by_node),
        cmocka_unit_test(bad_stages),
        cmocka_unit_test(unknown_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
