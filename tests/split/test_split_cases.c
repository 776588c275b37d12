/*
 * Named cases: those that break Gillis's published partitioner, and others that are easy to get
 * wrong. Each runs in pieces and must equal the whole model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "support/graph_make.h"
#include "support/run_pieces.h"

static ff_engine *engine;

static int image(graph_make *m, int channels, int height, int width)
{
    return gm_input(m, gm_shape(4, 1, channels, height, width));
}

static int conv_relu(graph_make *m, int x, int channels, int k, const char *attrs)
{
    return gm_op1(m, "Relu", gm_conv(m, x, channels, k, k, attrs), NULL);
}

static int batch_norm(graph_make *m, int x)
{
    int c = (int)gm_shape_of(m, x)->dim[1];
    int in[5] = {x, gm_weight(m, gm_shape(1, c), 0.1, 1), gm_weight(m, gm_shape(1, c), 0.1, 0),
                 gm_weight(m, gm_shape(1, c), 0.1, 0), gm_weight(m, gm_shape(1, c), 0.05, 1)};
    return gm_op(m, "BatchNormalization", in, 5, NULL);
}

static void conv3_chain(graph_make *m)
{
    int x = image(m, 3, 32, 32);
    for (int i = 0; i < 3; i++) {
        x = conv_relu(m, x, 6, 3, "pads=1,1,1,1");
    }
    gm_output(m, gm_op1(m, "MaxPool", x, "kernel_shape=2,2 strides=2,2"));
}

static void conv3_stride2(graph_make *m)
{
    gm_output(m, conv_relu(m, image(m, 3, 32, 32), 6, 3, "strides=2,2 pads=1,1,1,1"));
}

static void stem7(graph_make *m)
{
    int x = conv_relu(m, image(m, 3, 56, 56), 8, 7, "strides=2,2 pads=3,3,3,3");
    gm_output(m, gm_op1(m, "MaxPool", x, "kernel_shape=3,3 strides=2,2 pads=1,1,1,1"));
}

static int residual(graph_make *m, int x, int channels, const char *attrs)
{
    char text[128];
    int y = conv_relu(m, x, channels, 1, NULL);
    snprintf(text, sizeof text, "pads=1,1,1,1 %s", attrs == NULL ? "" : attrs);
    y = conv_relu(m, batch_norm(m, y), channels, 3, text);
    y = batch_norm(m, gm_conv(m, y, channels, 1, 1, NULL));
    int shortcut = attrs == NULL ? x : gm_conv(m, x, channels, 1, 1, attrs);
    return gm_op1(m, "Relu", gm_op2(m, "Add", y, shortcut, NULL), NULL);
}

static void residual_identity(graph_make *m)
{
    int x = image(m, 6, 20, 20);
    gm_output(m, residual(m, residual(m, x, 6, NULL), 6, NULL));
}

static void residual_projection(graph_make *m)
{
    int x = residual(m, image(m, 4, 28, 28), 8, "strides=2,2");
    gm_output(m, residual(m, residual(m, x, 8, NULL), 12, "strides=2,2"));
}

static void residual_nested(graph_make *m)
{
    int x = image(m, 4, 24, 17);
    int outer = conv_relu(m, x, 4, 3, "pads=1,1,1,1");
    int inner = residual(m, residual(m, outer, 4, NULL), 4, NULL);
    inner = gm_op2(m, "Add", inner, outer, NULL);
    inner = conv_relu(m, inner, 4, 5, "pads=2,2,2,2");
    gm_output(m, gm_op2(m, "Add", inner, x, NULL));
}

static void shortcut_stride2(graph_make *m)
{
    gm_output(m, gm_conv(m, image(m, 4, 31, 30), 8, 1, 1, "strides=2,2"));
}

static void map7(graph_make *m)
{
    int x = conv_relu(m, image(m, 4, 7, 7), 4, 3, "pads=1,1,1,1");
    gm_output(m, conv_relu(m, x, 4, 3, "pads=1,1,1,1"));
}

static void map14_to_7(graph_make *m)
{
    gm_output(m, residual(m, residual(m, image(m, 4, 14, 14), 8, "strides=2,2"), 8, NULL));
}

static void dilation2(graph_make *m)
{
    int x = gm_conv(m, image(m, 3, 20, 20), 4, 3, 3, "dilations=2,2 pads=2,2,2,2");
    gm_output(m, gm_conv(m, x, 4, 3, 3, "dilations=3,2 pads=3,2,3,2"));
}

static void depthwise(graph_make *m)
{
    int x = conv_relu(m, image(m, 6, 21, 19), 6, 3, "group=6 pads=1,1,1,1 strides=2,1");
    gm_output(m, gm_conv(m, x, 8, 1, 1, NULL));
}

static void inception(graph_make *m)
{
    int x = image(m, 4, 17, 17);
    int in[4] = {gm_conv(m, x, 3, 1, 1, NULL), gm_conv(m, x, 3, 3, 3, "auto_pad=SAME_UPPER"), 0, 0};
    in[2] = gm_conv(m, gm_conv(m, x, 3, 1, 7, "pads=0,3,0,3"), 3, 7, 1, "pads=3,0,3,0");
    in[3] = gm_op1(m, "AveragePool", x, "kernel_shape=3,3 pads=1,1,1,1 count_include_pad=1");
    gm_output(m, gm_op(m, "Concat", in, 4, "axis=1"));
}

static void unet(graph_make *m)
{
    int x = image(m, 2, 24, 20);
    int a = conv_relu(m, x, 4, 3, "pads=1,1,1,1");
    int b =
        conv_relu(m, gm_op1(m, "MaxPool", a, "kernel_shape=2,2 strides=2,2"), 6, 3, "pads=1,1,1,1");
    int c =
        conv_relu(m, gm_op1(m, "MaxPool", b, "kernel_shape=2,2 strides=2,2"), 6, 3, "pads=1,1,1,1");
    int w = gm_weight(m, gm_shape(4, 6, 6, 2, 2), 0.3, 0);
    int up = gm_op2(m, "ConvTranspose", c, w, "kernel_shape=2,2 strides=2,2");
    int in[2] = {up, b};
    int d = conv_relu(m, gm_op(m, "Concat", in, 2, "axis=1"), 6, 3, "pads=1,1,1,1");
    float scales[4] = {1, 1, 2, 2};
    int resize[3] = {d, FF_NO_VALUE, gm_floats(m, scales, 4)};
    in[0] = gm_op(m, "Resize", resize, 3,
                  "mode=nearest coordinate_transformation_mode=asymmetric nearest_mode=floor");
    in[1] = a;
    gm_output(m, gm_conv(m, gm_op(m, "Concat", in, 2, "axis=1"), 2, 3, 3, "pads=1,1,1,1"));
}

/* A gate made outside of the stage, and a constant of the map's size, which must be cut. */
static void gate_and_map_weight(graph_make *m)
{
    int x = image(m, 4, 11, 13), gate = gm_input(m, gm_shape(4, 1, 4, 1, 1));
    int w = gm_weight(m, gm_shape(4, 1, 4, 11, 13), 1, 0);
    int rows = gm_weight(m, gm_shape(2, 11, 1), 1, 0);
    gate = gm_op1(m, "Sigmoid", gm_conv(m, gate, 4, 1, 1, NULL), NULL);
    x = gm_op2(m, "Mul", gm_conv(m, x, 4, 3, 3, "pads=1,1,1,1"), gate, NULL);
    x = gm_op2(m, "Add", gm_op2(m, "Add", x, w, NULL), rows, NULL);
    gm_output(m, gm_conv(m, x, 4, 3, 3, "pads=1,1,1,1"));
}

/* Tiles that lie wholly in the padding. */
static void huge_pads(graph_make *m)
{
    gm_output(m, gm_conv(m, image(m, 2, 3, 4), 3, 3, 3, "pads=6,7,5,4"));
}

static void ceil_pools(graph_make *m)
{
    int x = image(m, 3, 18, 15);
    int a = gm_op1(m, "MaxPool", x, "kernel_shape=3,2 strides=2,2 pads=1,0,0,1 ceil_mode=1");
    int b = gm_op1(m, "AveragePool", x, "kernel_shape=3,2 strides=2,2 pads=1,0,0,1 ceil_mode=1");
    int c = gm_op1(m, "AveragePool", x,
                   "kernel_shape=3,2 strides=2,2 pads=1,0,0,1 ceil_mode=1 count_include_pad=1");
    int in[3] = {a, b, c};
    gm_output(m, gm_op(m, "Concat", in, 3, "axis=1"));
}

/* The window that ceil_mode would add begins in the end pad, and is left out. */
static void ceil_without_window(graph_make *m)
{
    gm_output(m, gm_op1(m, "AveragePool", image(m, 2, 19, 28),
                        "kernel_shape=2,4 strides=2,3 pads=1,3,1,2 ceil_mode=1 "
                        "count_include_pad=1"));
}

/* Two outputs of different size, and one that another node reads too. */
static void several_outputs(graph_make *m)
{
    int x = conv_relu(m, image(m, 3, 23, 22), 4, 3, "pads=1,1,1,1");
    int y = conv_relu(m, x, 4, 3, "strides=2,2 pads=1,1,1,1");
    gm_output(m, x);
    gm_output(m, y);
    gm_output(m, conv_relu(m, y, 4, 3, "pads=0,0,0,0"));
}

static int gemm(graph_make *m, int x, int columns, const char *attrs)
{
    int rows = (int)gm_shape_of(m, x)->dim[1];
    int in[3] = {x, gm_weight(m, gm_shape(2, columns, rows), 0.1, 0),
                 gm_weight(m, gm_shape(1, columns), 1, 0)};
    return gm_op(m, "Gemm", in, 3, attrs);
}

/* VGG's head: the tile, flattened, times its rows; then what is linear. */
static void vgg_head(graph_make *m)
{
    int x = conv_relu(m, image(m, 3, 14, 14), 6, 3, "pads=1,1,1,1");
    x = gm_op1(m, "MaxPool", x, "kernel_shape=2,2 strides=2,2");
    x = gemm(m, gm_op1(m, "Flatten", x, NULL), 10, "transB=1 alpha=0.5f");
    gm_output(m, gm_op2(m, "Add", x, gm_weight(m, gm_shape(1, 10), 1, 0), NULL));
}

/* Channels last; something by element before the product; two products of one map. */
static void flattened_heads(graph_make *m)
{
    int x = conv_relu(m, image(m, 3, 9, 8), 5, 3, "pads=1,1,1,1");
    int64_t flat[2] = {1, 5 * 9 * 8};
    int y =
        gm_op2(m, "Reshape", gm_op1(m, "Transpose", x, "perm=0,2,3,1"), gm_ints(m, flat, 2), NULL);
    y = gm_op2(m, "Mul", gm_op1(m, "Sigmoid", y, NULL), gm_weight(m, gm_shape(1, 360), 1, 0), NULL);
    y = gm_op2(m, "MatMul", y, gm_weight(m, gm_shape(2, 360, 7), 0.2, 0), NULL);
    gm_output(m, y);
    gm_output(m, gemm(m, gm_op1(m, "Flatten", x, NULL), 4, "transB=1"));
}

/* The squeeze leaves with its map, and is used in no other way. */
static void squeeze_and_map(graph_make *m)
{
    int x = conv_relu(m, image(m, 3, 15, 13), 6, 3, "pads=1,1,1,1");
    x = conv_relu(m, x, 6, 3, "pads=1,1,1,1 strides=2,2");
    gm_output(m, gm_op1(m, "GlobalAveragePool", x, NULL));
    gm_output(m, x);
    gm_output(m, gm_conv(m, x, 4, 3, 3, "pads=1,1,1,1"));
}

/* Sums and means of the map, and of its channels as well; rescaled, shifted, reshaped. */
static void reductions(graph_make *m)
{
    int x = residual(m, image(m, 6, 11, 10), 6, NULL);
    int64_t two[2] = {2, 3}, three[3] = {-1, 1, -2};
    float half = 0.5f;
    int y = gm_op1(m, "ReduceMean", x, "axes=-2,-1 keepdims=0");
    y = gm_op2(m, "Mul", y, gm_floats(m, &half, 1), NULL);
    gm_output(m, gm_op2(m, "Sub", gm_weight(m, gm_shape(2, 1, 6), 1, 0), y, NULL));
    gm_output(m, gm_op1(m, "Flatten", gm_op2(m, "ReduceSum", x, gm_ints(m, two, 2), NULL), NULL));
    gm_output(m, gm_op2(m, "ReduceSum", x, gm_ints(m, three, 3), "keepdims=0"));
}

static const struct {
    const char *name;
    void (*make)(graph_make *m);
    int grids[5][2]; /* rows, cols; 0 ends */
} CASES[] = {
    {"3x3 stride 1, three of them and a pool", conv3_chain, {{2, 2}, {1, 4}, {2, 4}, {3, 3}}},
    {"3x3 stride 2", conv3_stride2, {{2, 2}, {1, 2}, {3, 3}}},
    {"7x7 stride 2 pad 3, 3x3 stride 2 pool", stem7, {{2, 2}, {1, 4}, {3, 3}}},
    {"residual blocks, identity", residual_identity, {{1, 2}, {2, 2}, {3, 3}}},
    {"residual blocks, projection", residual_projection, {{2, 2}, {1, 4}, {3, 3}}},
    {"residual blocks, nested", residual_nested, {{2, 2}, {1, 4}, {4, 2}}},
    {"1x1 stride 2", shortcut_stride2, {{2, 2}, {3, 3}}},
    {"map of 7x7", map7, {{2, 2}, {3, 3}, {7, 7}}},
    {"14x14 to 7x7", map14_to_7, {{2, 2}, {3, 3}, {1, 4}}},
    {"dilation 2", dilation2, {{2, 2}, {3, 3}}},
    {"depthwise", depthwise, {{2, 2}, {1, 4}}},
    {"concatenation of branches", inception, {{2, 2}, {3, 3}}},
    {"U-Net", unet, {{2, 2}, {1, 4}, {3, 3}, {4, 5}}},
    {"a gate, and weights of the map's size", gate_and_map_weight, {{2, 2}, {3, 3}}},
    {"tiles wholly in the padding", huge_pads, {{2, 2}, {4, 4}, {6, 6}}},
    {"pools in ceil_mode", ceil_pools, {{2, 2}, {3, 3}, {1, 4}}},
    {"ceil_mode without a last window", ceil_without_window, {{2, 2}, {1, 4}}},
    {"several outputs", several_outputs, {{2, 2}, {3, 3}, {1, 4}}},
    {"a product with the flattened map", vgg_head, {{2, 2}, {1, 4}, {3, 3}, {7, 7}}},
    {"products, channels last", flattened_heads, {{2, 2}, {1, 4}, {3, 2}}},
    {"a squeeze and its map", squeeze_and_map, {{2, 2}, {1, 4}, {3, 3}}},
    {"sums and means of the map", reductions, {{2, 2}, {1, 4}, {3, 3}}},
};

static void equals_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        graph_make m;
        gm_init(&m, 13, 7 + i);
        CASES[i].make(&m);
        for (int k = 0; k < 5 && CASES[i].grids[k][0] > 0; k++) {
            ff_stage stage = {
                0, m.g->node_count, {FF_SPLIT_GRID, CASES[i].grids[k][0], CASES[i].grids[k][1]}};
            run_result result;
            ff_err err = {0};
            ff_code code = run_and_compare(engine, m.g, &stage, 1, i, &result, &err);
            if (code != FF_OK) {
                fail_msg("%s, grid %dx%d: %s", CASES[i].name, CASES[i].grids[k][0],
                         CASES[i].grids[k][1], err.message);
            }
            assert_int_equal(result.pieces, CASES[i].grids[k][0] * CASES[i].grids[k][1]);
            assert_true(result.flops >= result.whole_flops);
        }
        gm_clean(&m);
    }
}

/* A piece holds its rows of the product's weights, no others; the bias is piece 0's. */
static void rows_are_divided(void **state)
{
    (void)state;
    graph_make m;
    ff_pieces pieces = {0};
    ff_err err = {0};
    int64_t rows = 0;
    gm_init(&m, 13, 3);
    vgg_head(&m);
    const ff_stage stage = {0, m.g->node_count, {FF_SPLIT_GRID, 2, 2}};
    gm_must(ff_stage_split(m.g, &stage, &pieces, &err), &err, "split");
    assert_int_equal(pieces.divided_bytes, 6 * 7 * 7 * 10 * sizeof(float));
    static const int64_t ROWS[] = {6 * 4 * 4, 6 * 4 * 3, 6 * 3 * 4, 6 * 3 * 3};
    for (int i = 0; i < 4; i++) {
        const ff_graph *p = pieces.piece[i].graph;
        assert_int_equal(pieces.piece[i].out_count, 1);
        assert_true(pieces.piece[i].out[0].add);
        for (int n = 0; n < p->node_count; n++) {
            const ff_node *node = &p->nodes[n];
            if (ff_node_is(node, "Gemm")) {
                assert_int_equal(p->values[node->in[1]].shape.dim[1], ROWS[i]);
                assert_int_equal(node->in_count, i == 0 ? 3 : 2);
                rows += p->values[node->in[1]].shape.dim[1];
            }
        }
    }
    assert_int_equal(rows, 6 * 7 * 7);
    ff_pieces_clean(&pieces);
    gm_clean(&m);
}

/* Cuts between stages in the middle of a U-Net: several tensors cross. */
static void cuts_anywhere(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 13, 3);
    unet(&m);
    for (int cut = 1; cut < m.g->node_count; cut++) {
        ff_stage stages[2] = {{0, cut, {FF_SPLIT_GRID, 2, 2}},
                              {cut, m.g->node_count, {FF_SPLIT_GRID, 1, 3}}};
        run_result result;
        ff_err err = {0};
        ff_code code = run_and_compare(engine, m.g, stages, 2, 5, &result, &err);
        if (code != FF_OK) {
            fail_msg("cut before node %d: %s", cut, err.message);
        }
    }
    gm_clean(&m);
}

static int setup(void **state)
{
    (void)state;
    return ff_engine_new(1, &engine, NULL) == FF_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ff_engine_free(engine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_whole),
        cmocka_unit_test(rows_are_divided),
        cmocka_unit_test(cuts_anywhere),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
