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

/* As ff_zoo_conv, with all that a filter can be. */
typedef struct ff_zoo_filter {
    int64_t out, rows, cols, stride, pad_rows, pad_cols;
    int64_t group; /* 0 = 1 */
    bool bias;
} ff_zoo_filter;

/* A node with one output. */
typedef struct ff_zoo_op {
    const char *op;
    const int *in;
    int in_count;
    ff_dtype dtype; /* of the output; FF_DTYPE_NONE = float32 */
    ff_shape shape;
    double variance;
} ff_zoo_op;

/* As in ff_zoo_recipe. */
typedef struct ff_zoo_fill_of {
    double mean, deviation;
    size_t row;
} ff_zoo_fill_of;

/* zoo_net.c */
void ff_zoo_net_init(ff_zoo_net *net, const char *name, int opset, int width_num, int width_den);
void ff_zoo_net_clean(ff_zoo_net *net);
int64_t ff_zoo_width(const ff_zoo_net *net, int64_t channels); /* scaled, at least 1 */
ff_zoo_tensor ff_zoo_input(ff_zoo_net *net, const char *name, const ff_shape *shape);
ff_zoo_tensor ff_zoo_input_of(ff_zoo_net *net, const char *name, ff_dtype dtype,
                              const ff_shape *shape);
void ff_zoo_output(ff_zoo_net *net, ff_zoo_tensor x);
/* Seals; the first error of all the calls before. */
ff_code ff_zoo_net_finish(ff_zoo_net *net, ff_err *err);
/* A name that lives as long as the network. */
const char *ff_zoo_name(ff_zoo_net *net, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The node and its output, which has the node's name; *node is FF_NO_NODE after an error. */
ff_zoo_tensor ff_zoo_emit(ff_zoo_net *net, const char *name, const ff_zoo_op *op, int *node);
/* The weight "name.what". */
int ff_zoo_weight(ff_zoo_net *net, const char *name, const char *what, ff_shape shape,
                  ff_zoo_fill_of fill);
/* name is the node's, and that of its output. */
ff_zoo_tensor ff_zoo_conv2d(ff_zoo_net *net, ff_zoo_tensor x, const char *name, ff_zoo_conv conv);
ff_zoo_tensor ff_zoo_conv_filter(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                                 const ff_zoo_filter *filter);
/* scale: about what the layer multiplies its normalised input by. */
ff_zoo_tensor ff_zoo_batch_norm(ff_zoo_net *net, ff_zoo_tensor x, const char *name, double scale);
ff_zoo_tensor ff_zoo_relu(ff_zoo_net *net, ff_zoo_tensor x, const char *name);
ff_zoo_tensor ff_zoo_add(ff_zoo_net *net, ff_zoo_tensor a, ff_zoo_tensor b, const char *name);
ff_zoo_tensor ff_zoo_max_pool(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t kernel,
                              int64_t stride, int64_t pad);
ff_zoo_tensor ff_zoo_average_all(ff_zoo_net *net, ff_zoo_tensor x, const char *name);
ff_zoo_tensor ff_zoo_flatten(ff_zoo_net *net, ff_zoo_tensor x, const char *name);
ff_zoo_tensor ff_zoo_gemm(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t out);

/* zoo_layers.c: more layers of convolutional networks. */
ff_zoo_tensor ff_zoo_average_pool(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                                  ff_zoo_conv window); /* its out and bias do not matter */
/* Along an axis; shapes may differ there only. */
ff_zoo_tensor ff_zoo_concat(ff_zoo_net *net, const ff_zoo_tensor *x, int count, int axis,
                            const char *name);
ff_zoo_tensor ff_zoo_clip6(ff_zoo_net *net, ff_zoo_tensor x, const char *name);
/* An op of one input that keeps the shape: Sigmoid, Tanh, Erf, ...; variance of the output. */
ff_zoo_tensor ff_zoo_each(ff_zoo_net *net, ff_zoo_tensor x, const char *name, const char *op,
                          double variance);
/* An op of two inputs that broadcast to shape. */
ff_zoo_tensor ff_zoo_pair(ff_zoo_net *net, const char *name, const char *op, const int in[2],
                          ff_shape shape, double variance);
/* x * Sigmoid(x), as two nodes. */
ff_zoo_tensor ff_zoo_swish(ff_zoo_net *net, ff_zoo_tensor x, const char *name);
/* Twice the height and width: a kernel of 2x2 with strides of 2. */
ff_zoo_tensor ff_zoo_conv_up(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t out);
/* Constants of the graph. count < 0: a scalar. */
int ff_zoo_ints(ff_zoo_net *net, const char *name, const int64_t *values, int count);
int ff_zoo_scalar(ff_zoo_net *net, const char *name, double value);

/* zoo_sequence.c: layers of networks on sequences, 1 x tokens x features. */
ff_zoo_tensor ff_zoo_linear(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                            int64_t out); /* MatMul, Add */
/* One node from opset 17 on, nine before. */
ff_zoo_tensor ff_zoo_layer_norm(ff_zoo_net *net, ff_zoo_tensor x, const char *name, double epsilon);
ff_zoo_tensor ff_zoo_gelu(ff_zoo_net *net, ff_zoo_tensor x, const char *name);      /* by Erf */
ff_zoo_tensor ff_zoo_gelu_tanh(ff_zoo_net *net, ff_zoo_tensor x, const char *name); /* GPT-2's */
ff_zoo_tensor ff_zoo_transpose(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                               const int64_t *perm);
/* To a constant shape. */
ff_zoo_tensor ff_zoo_reshape(ff_zoo_net *net, ff_zoo_tensor x, const char *name, ff_shape shape);
ff_zoo_tensor ff_zoo_matmul(ff_zoo_net *net, ff_zoo_tensor a, ff_zoo_tensor b, const char *name,
                            double variance);
/* x op constant. factor: what it does to the deviation. */
ff_zoo_tensor ff_zoo_with(ff_zoo_net *net, ff_zoo_tensor x, const char *name, const char *op,
                          double constant, double factor);
/* Row `index` of an axis, which goes away; or, of a table, the rows that ids name. */
ff_zoo_tensor ff_zoo_take(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int axis,
                          int64_t index);
ff_zoo_tensor ff_zoo_embed(ff_zoo_net *net, int table, int64_t features, ff_zoo_tensor ids,
                           const char *name, double variance);
/* Softmax(scores) times v (1 x heads x tokens x size), joined to 1 x tokens x features. */
ff_zoo_tensor ff_zoo_attend(ff_zoo_net *net, ff_zoo_tensor scores, ff_zoo_tensor v,
                            const char *name);

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

/* All widths are multiplied; of networks with attention, the size of a head, not their number. */
void ff_zoo_densenet(ff_zoo_net *net, const int layers[4]);
void ff_zoo_inception(ff_zoo_net *net);
void ff_zoo_mobilenet(ff_zoo_net *net);
void ff_zoo_efficientnet(ff_zoo_net *net);
void ff_zoo_unet(ff_zoo_net *net);
void ff_zoo_vit(ff_zoo_net *net);
void ff_zoo_bert(ff_zoo_net *net);
void ff_zoo_gpt2(ff_zoo_net *net);
void ff_zoo_rnn(ff_zoo_net *net, int layers);

#endif
