/*
 * What the files of zoo/ share: a builder of networks, layer by layer.
 *
 * The first error sticks: later calls do nothing, and ff_zoo_net_finish reports it. Weights are
 * declared with a recipe and get their bytes only when the whole network is known, so that its size
 * can be told without them.
 */
#ifndef FF_ZOO_ZOO_INT_H
#define FF_ZOO_ZOO_INT_H

#include "graph/graph.h"

/* How a weight is filled: elements of this mean and deviation, within about 2.5 deviations; each
 * row of `row` elements is then moved to a mean of 0 (0: not). What makes one output channel is
 * such a row: otherwise the means of the inputs, which Relu leaves above 0, add up from layer to
 * layer until the output hardly depends on the input. */
typedef struct ff_zoo_recipe {
    int value;
    double mean, deviation;
    size_t row;
} ff_zoo_recipe;

typedef struct ff_zoo_net {
    ff_graph *g;
    int width_num, width_den;
    int recipe_count, recipe_room;
    ff_zoo_recipe *recipe;
    uint8_t *bytes; /* one mapping that holds all weights once filled */
    size_t size;
    ff_code code;
    ff_err err;
} ff_zoo_net;

/* A tensor on its way through the network. variance is an estimate. */
typedef struct ff_zoo_tensor {
    int value;
    ff_shape shape;
    double variance;
} ff_zoo_tensor;

typedef struct ff_zoo_conv {
    int64_t out, kernel, stride, pad;
    bool bias;
} ff_zoo_conv;

/* zoo_net.c */
void ff_zoo_net_init(ff_zoo_net *net, const char *name, int opset, int width_num, int width_den);
void ff_zoo_net_clean(ff_zoo_net *net);
int64_t ff_zoo_width(const ff_zoo_net *net, int64_t channels); /* scaled, at least 1 */
ff_zoo_tensor ff_zoo_input(ff_zoo_net *net, const char *name, const ff_shape *shape);
void ff_zoo_output(ff_zoo_net *net, ff_zoo_tensor x);
/* Seals; the first error of all the calls before. */
ff_code ff_zoo_net_finish(ff_zoo_net *net, ff_err *err);
/* name is the node's, and that of its output. */
ff_zoo_tensor ff_zoo_conv2d(ff_zoo_net *net, ff_zoo_tensor x, const char *name, ff_zoo_conv conv);
/* scale: about what the layer multiplies its normalised input by. */
ff_zoo_tensor ff_zoo_batch_norm(ff_zoo_net *net, ff_zoo_tensor x, const char *name, double scale);
ff_zoo_tensor ff_zoo_relu(ff_zoo_net *net, ff_zoo_tensor x, const char *name);
ff_zoo_tensor ff_zoo_add(ff_zoo_net *net, ff_zoo_tensor a, ff_zoo_tensor b, const char *name);
ff_zoo_tensor ff_zoo_max_pool(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t kernel,
                              int64_t stride, int64_t pad);
ff_zoo_tensor ff_zoo_average_all(ff_zoo_net *net, ff_zoo_tensor x, const char *name);
ff_zoo_tensor ff_zoo_flatten(ff_zoo_net *net, ff_zoo_tensor x, const char *name);
ff_zoo_tensor ff_zoo_gemm(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t out);

/* zoo_fill.c: allocates and fills all weights; the same for a seed on every machine. */
ff_code ff_zoo_fill(ff_zoo_net *net, uint64_t seed, ff_err *err);

/* Networks; names as in zoo.h. */
typedef enum ff_zoo_block {
    FF_ZOO_BASIC,      /* 3x3, 3x3 */
    FF_ZOO_BOTTLENECK, /* 1x1, 3x3, 1x1 to four times the width; the 3x3 strides */
    FF_ZOO_STRIDE_1X1, /* the same, but the first 1x1 strides (He et al., 2015) */
    FF_ZOO_PREACT      /* BatchNormalization and Relu before each convolution (He et al., 2016) */
} ff_zoo_block;
void ff_zoo_resnet(ff_zoo_net *net, ff_zoo_block block, const int blocks[4]);
/* convs: 3x3 convolutions of each of the five groups. */
void ff_zoo_vgg(ff_zoo_net *net, const int convs[5]);

#endif
