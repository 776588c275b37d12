/*
 * Random graphs of layers: chains of convolutions, of products, of transformer blocks.
 */
#include "support/random_layers.h"

#include <stdio.h>

static int64_t between(graph_make *m, int64_t lo, int64_t hi)
{
    return ff_random_between(&m->random, lo, hi);
}

static bool chance(graph_make *m, int percent)
{
    return ff_random_below(&m->random, 100) < (uint64_t)percent;
}

static int dim(const graph_make *m, int v, int axis)
{
    return (int)gm_shape_of(m, v)->dim[axis];
}

static int last_dim(const graph_make *m, int v)
{
    return dim(m, v, gm_shape_of(m, v)->rank - 1);
}

static int activation(graph_make *m, int x)
{
    static const char *const OPS[] = {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Softplus"};
    return gm_op1(m, OPS[between(m, 0, 4)], x, NULL);
}

static int batch_norm(graph_make *m, int x)
{
    int c = dim(m, x, 1);
    int in[5] = {x, gm_weight(m, gm_shape(1, c), 0.1, 1), gm_weight(m, gm_shape(1, c), 0.1, 0),
                 gm_weight(m, gm_shape(1, c), 0.1, 0), gm_weight(m, gm_shape(1, c), 0, 1)};
    return gm_op(m, "BatchNormalization", in, 5, NULL);
}

static int grouped(graph_make *m, int x, int groups, int each)
{
    char attrs[64];
    int c = dim(m, x, 1);
    snprintf(attrs, sizeof attrs, "pads=1,1,1,1 group=%d", groups);
    int in[3] = {x, gm_weight(m, gm_shape(4, groups * each, c / groups, 3, 3), 0.3, 0),
                 gm_weight(m, gm_shape(1, groups * each), 0.3, 0)};
    return gm_op(m, "Conv", in, 3, attrs);
}

static int transposed(graph_make *m, int x, int groups)
{
    char attrs[64];
    int c = dim(m, x, 1), each = (int)between(m, 2, 4);
    bool bias = chance(m, 50);
    snprintf(attrs, sizeof attrs, "strides=1,1 pads=1,1,1,1 group=%d", groups);
    int in[3] = {x, gm_weight(m, gm_shape(4, c, each, 3, 3), 0.3, 0), FF_NO_VALUE};
    in[2] = bias ? gm_weight(m, gm_shape(1, groups * each), 0.3, 0) : FF_NO_VALUE;
    return gm_op(m, "ConvTranspose", in, bias ? 3 : 2, attrs);
}

static int conv_step(graph_make *m, int x)
{
    int c = dim(m, x, 1);
    switch (between(m, 0, 9)) {
    case 0:
        return grouped(m, x, c, (int)between(m, 1, 2)); /* depthwise */
    case 1:
        return grouped(m, x, c % 4 == 0 ? 4 : c % 2 == 0 ? 2 : 1, (int)between(m, 1, 3));
    case 2:
        return batch_norm(m, x);
    case 3:
        return activation(m, x);
    case 4:
        return gm_op1(m, "MaxPool", x, "kernel_shape=3,3 pads=1,1,1,1");
    case 5:
        return gm_op1(m, "AveragePool", x, "kernel_shape=3,3 pads=1,1,1,1");
    case 6:
        return gm_op2(m, "PRelu", x, gm_weight(m, gm_shape(3, c, 1, 1), 0.2, 0.2), NULL);
    case 7:
        return transposed(m, x, c % 2 == 0 && chance(m, 40) ? 2 : 1);
    case 8:
        return gm_op2(m, "Add", gm_conv(m, activation(m, x), c, 1, 1, NULL), x, NULL);
    default:
        return gm_conv(m, x, (int)between(m, 4, 12), 3, 3, "pads=1,1,1,1");
    }
}

static int gemm(graph_make *m, int x, int columns)
{
    char attrs[64];
    int in_len = dim(m, x, 1);
    bool turned = chance(m, 50), bias = m->opset < 11 || chance(m, 70);
    snprintf(attrs, sizeof attrs, "transB=%d alpha=%s beta=%s", turned,
             chance(m, 70) ? "1f" : "0.5f", chance(m, 70) ? "1f" : "2f");
    ff_shape shape = turned ? gm_shape(2, columns, in_len) : gm_shape(2, in_len, columns);
    int in[3] = {x, gm_weight(m, shape, 0.3, 0), FF_NO_VALUE};
    if (bias) {
        in[2] = gm_weight(m, gm_shape(1, chance(m, 70) ? columns : 1), 0.5, 0);
    }
    return gm_op(m, "Gemm", in, bias ? 3 : 2, attrs);
}

static int linear(graph_make *m, int x, int columns, bool bias)
{
    int w = gm_weight(m, gm_shape(2, last_dim(m, x), columns), 0.3, 0);
    int y = gm_op2(m, "MatMul", x, w, NULL);
    int b = bias ? gm_weight(m, gm_shape(1, columns), 0.5, 0) : 0;
    return !bias ? y : chance(m, 50) ? gm_op2(m, "Add", y, b, NULL) : gm_op2(m, "Add", b, y, NULL);
}

static void conv_net(graph_make *m)
{
    int x = gm_input(m, gm_shape(4, (int)between(m, 1, 3), (int)between(m, 2, 8), 6, 7));
    for (int64_t i = between(m, 2, 7); i > 0; i--) {
        x = dim(m, x, 1) > 24 ? gm_conv(m, x, 6, 1, 1, NULL) : conv_step(m, x);
    }
    if (chance(m, 50)) {
        x = chance(m, 50) ? gm_op1(m, "GlobalAveragePool", x, NULL) : x;
        x = gemm(m, gm_op1(m, "Flatten", x, "axis=1"), (int)between(m, 4, 10));
        x = chance(m, 50) ? gemm(m, activation(m, x), (int)between(m, 4, 10)) : x;
    }
    gm_output(m, x);
}

static void mlp(graph_make *m)
{
    bool flat = chance(m, 50);
    int n = (int)between(m, 1, 4);
    int x = gm_input(m, flat ? gm_shape(2, n, (int)between(m, 4, 20))
                             : gm_shape(3, n, 5, (int)between(m, 4, 20)));
    for (int64_t i = between(m, 1, 4); i > 0; i--) {
        int columns = (int)between(m, 4, 20);
        x = flat && chance(m, 60) ? gemm(m, x, columns) : linear(m, x, columns, chance(m, 60));
        if (chance(m, 30)) {
            float half = 0.5f;
            x = gm_op2(m, chance(m, 50) ? "Mul" : "Div", x, gm_floats(m, &half, 1), NULL);
        }
        x = chance(m, 70) ? activation(m, x) : x;
        x = chance(m, 20) ? gm_op1(m, "Neg", x, NULL) : x;
    }
    if (chance(m, 20)) {
        x = m->opset < 13 ? gm_op1(m, "ReduceSum", x, "axes=[-1] keepdims=1")
                          : gm_op2(m, "ReduceSum", x, gm_ints(m, (int64_t[]){-1}, 1), NULL);
    } else if (chance(m, 20) && m->opset < 18) {
        x = gm_op1(m, "ReduceMean", x, "axes=[-1] keepdims=0");
    }
    gm_output(m, x);
}

static int reshape(graph_make *m, int x, const int64_t *dims, int count)
{
    return gm_op2(m, "Reshape", x, gm_ints(m, dims, count), NULL);
}

/* 1 x tokens x heads * size to 1 x heads x tokens x size (keys: size x tokens). */
static int to_heads(graph_make *m, int x, int heads, int size, bool key)
{
    int64_t dims[4] = {dim(m, x, 0), dim(m, x, 1), heads, size};
    return gm_op1(m, "Transpose", reshape(m, x, dims, 4), key ? "perm=0,2,3,1" : "perm=0,2,1,3");
}

/* Every key or value serves several queries. */
static int repeat(graph_make *m, int x, int times)
{
    const ff_shape s = *gm_shape_of(m, x);
    const int64_t apart[5] = {s.dim[0], s.dim[1], 1, s.dim[2], s.dim[3]};
    const int64_t more[5] = {s.dim[0], s.dim[1], times, s.dim[2], s.dim[3]};
    const int64_t joined[4] = {s.dim[0], s.dim[1] * times, s.dim[2], s.dim[3]};
    x = reshape(m, x, apart, 5);
    x = gm_op2(m, "Expand", x, gm_ints(m, more, 5), NULL);
    return reshape(m, x, joined, 4);
}

/* One product for all three, cut into parts of different length. */
static void project_fused(graph_make *m, int x, int heads, int kv_heads, int size, int out[3])
{
    int q = heads * size, kv = kv_heads * size, part[3];
    int64_t sizes[3] = {q, kv, kv};
    char attrs[64];
    int in[2] = {linear(m, x, q + 2 * kv, true), FF_NO_VALUE};
    in[1] = m->opset < 13 ? FF_NO_VALUE : gm_ints(m, sizes, 3);
    snprintf(attrs, sizeof attrs, "axis=2 split=%d,%d,%d", q, kv, kv);
    gm_ops(m, "Split", in, m->opset < 13 ? 1 : 2, m->opset < 13 ? attrs : "axis=-1", part, 3);
    for (int i = 0; i < 3; i++) {
        int count = i == 0 ? heads : kv_heads;
        out[i] = to_heads(m, part[i], count, size, i == 1);
        out[i] = count < heads ? repeat(m, out[i], heads / count) : out[i];
    }
}

static void project(graph_make *m, int x, int heads, int kv_heads, int size, int form, int out[3])
{
    int n = dim(m, x, 0), tokens = dim(m, x, 1), all = heads * size;
    for (int i = 0; i < 3 && form == 0; i++) {
        int count = i == 0 ? heads : kv_heads;
        out[i] = to_heads(m, linear(m, x, count * size, true), count, size, i == 1);
        out[i] = count < heads ? repeat(m, out[i], heads / count) : out[i];
    }
    if (form == 3) {
        project_fused(m, x, heads, kv_heads, size, out);
    } else if (form == 1) {
        int64_t flat[2] = {n * tokens, dim(m, x, 2)}, back[3] = {n, tokens, 3 * all};
        int64_t sizes[3] = {all, all, all};
        int part[3], y = reshape(m, gemm(m, reshape(m, x, flat, 2), 3 * all), back, 3);
        char attrs[64];
        snprintf(attrs, sizeof attrs, "axis=-1 split=%d,%d,%d", all, all, all);
        int in[2] = {y, m->opset < 13 ? FF_NO_VALUE : gm_ints(m, sizes, 3)};
        gm_ops(m, "Split", in, m->opset < 13 ? 1 : 2, m->opset < 13 ? attrs : "axis=2", part, 3);
        for (int i = 0; i < 3; i++) {
            out[i] = to_heads(m, part[i], heads, size, i == 1);
        }
    } else if (form == 2) {
        int64_t apart[5] = {n, tokens, 3, heads, size};
        int y = reshape(m, linear(m, x, 3 * all, true), apart, 5);
        y = gm_op1(m, "Transpose", y, "perm=2,0,3,1,4");
        for (int i = 0; i < 3; i++) {
            int64_t index = i, dims[4] = {n, heads, tokens, size};
            int taken = gm_op2(m, "Gather", y, gm_ints(m, &index, 1), "axis=0");
            out[i] = reshape(m, taken, dims, 4);
        }
        out[1] = gm_op1(m, "Transpose", out[1], "perm=0,1,3,2");
    }
}

int layers_attention(graph_make *m, int x, int heads, int kv_heads, int size, int form)
{
    int part[3] = {0, 0, 0}, n = dim(m, x, 0), tokens = dim(m, x, 1);
    project(m, x, heads, kv_heads, size, form, part);
    int y = gm_op2(m, "MatMul", part[0], part[1], NULL);
    float scale = 0.4f;
    y = gm_op2(m, "Mul", y, gm_floats(m, &scale, 1), NULL);
    y = gm_op2(m, "Add", y, gm_weight(m, gm_shape(4, 1, 1, tokens, tokens), 0.5, 0), NULL);
    y = gm_op1(m, "Softmax", y, m->opset >= 13 ? "axis=-1" : "axis=3");
    y = gm_op1(m, "Transpose", gm_op2(m, "MatMul", y, part[2], NULL), "perm=0,2,1,3");
    int64_t joined[3] = {n, tokens, heads * size};
    return linear(m, reshape(m, y, joined, 3), dim(m, x, 2), true);
}

static int norm(graph_make *m, int x)
{
    int c = last_dim(m, x);
    if (m->opset < 17) {
        return x;
    }
    int in[3] = {x, gm_weight(m, gm_shape(1, c), 0.1, 1), gm_weight(m, gm_shape(1, c), 0.1, 0)};
    return gm_op(m, "LayerNormalization", in, 3, "axis=-1");
}

static void transformer(graph_make *m)
{
    int kv = (int)between(m, 1, 4), heads = kv * (int)between(m, 1, 3),
        size = (int)between(m, 2, 5);
    int x = gm_input(m, gm_shape(3, (int)between(m, 1, 2), (int)between(m, 3, 6), 12));
    for (int64_t i = between(m, 1, 2); i > 0; i--) {
        int form = (int)between(m, 0, 3);
        bool grouped = form == 0 || form == 3;
        int y = layers_attention(m, norm(m, x), heads, grouped ? kv : heads, size, form);
        x = gm_op2(m, "Add", y, x, NULL);
        y = activation(m, linear(m, norm(m, x), (int)between(m, 8, 24), true));
        x = gm_op2(m, "Add", x, linear(m, y, 12, chance(m, 70)), NULL);
    }
    gm_output(m, x);
}

void random_layers(graph_make *m, uint64_t seed)
{
    static const int OPSETS[] = {9, 10, 11, 13, 15, 17, 19, 21};
    ff_random random;
    ff_random_init(&random, seed);
    gm_init(m, OPSETS[ff_random_below(&random, sizeof OPSETS / sizeof OPSETS[0])], seed + 1);
    switch (ff_random_below(&random, 3)) {
    case 0:
        conv_net(m);
        break;
    case 1:
        mlp(m);
        break;
    default:
        transformer(m);
        break;
    }
}
