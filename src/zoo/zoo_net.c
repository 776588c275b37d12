/*
 * The builder: one function a layer. Shapes are set as the layers are added.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "zoo/zoo_int.h"

void ff_zoo_net_init(ff_zoo_net *net, const char *name, int opset, int width_num, int width_den)
{
    *net = (ff_zoo_net){.width_num = width_num, .width_den = width_den};
    net->g = ff_graph_new(name);
    ff_graph_add_opset(net->g, "", opset);
}

void ff_zoo_net_clean(ff_zoo_net *net)
{
    ff_graph_free(net->g);
    ff_mem_free(net->recipe);
    if (net->bytes != NULL)
        munmap(net->bytes, net->size);
    *net = (ff_zoo_net){0};
}

int64_t ff_zoo_width(const ff_zoo_net *net, int64_t channels)
{
    int64_t scaled = channels * net->width_num / net->width_den;
    return scaled < 1 ? 1 : scaled;
}

const char *ff_zoo_name(ff_zoo_net *net, const char *fmt, ...)
{
    char text[FF_MAX_NAME];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return ff_arena_strdup(net->g->arena, text);
}

static ff_shape shape_of(int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (ff_shape){rank, {a, b, c, d}};
}

ff_zoo_tensor ff_zoo_emit(ff_zoo_net *net, const char *name, const ff_zoo_op *op, int *node)
{
    int value = FF_NO_VALUE;
    ff_dtype dtype = op->dtype == FF_DTYPE_NONE ? FF_DTYPE_F32 : op->dtype;
    *node = FF_NO_NODE;
    if (net->code == FF_OK)
        net->code =
            ff_graph_add_value(net->g, name, FF_VALUE_NODE, dtype, &op->shape, &value, &net->err);
    if (net->code == FF_OK)
        *node = ff_graph_add_node(net->g, name, op->op, "", op->in, op->in_count, &value, 1);
    return (ff_zoo_tensor){value, op->shape, op->variance};
}

static ff_zoo_tensor emit(ff_zoo_net *net, const char *name, const char *op, const int *in,
                          int in_count, ff_shape shape, double variance, int *node)
{
    const ff_zoo_op it = {op, in, in_count, FF_DTYPE_F32, shape, variance};
    return ff_zoo_emit(net, name, &it, node);
}

int ff_zoo_weight(ff_zoo_net *net, const char *name, const char *what, ff_shape shape,
                  ff_zoo_fill_of fill)
{
    char full[FF_MAX_NAME];
    size_t bytes = 0;
    int value = FF_NO_VALUE;
    snprintf(full, sizeof full, "%s.%s", name, what);
    if (net->code == FF_OK)
        net->code = ff_shape_bytes(&shape, FF_DTYPE_F32, &bytes, &net->err);
    if (net->code == FF_OK)
        net->code = ff_graph_add_weight(net->g, full, FF_DTYPE_F32, &shape,
                                        ff_bytes_of(NULL, bytes), &value, &net->err);
    if (net->code != FF_OK)
        return FF_NO_VALUE;
    if (net->recipe_count == net->recipe_room) {
        int room = net->recipe_room == 0 ? 64 : net->recipe_room * 2;
        net->recipe = ff_mem_must_grow(net->recipe, (size_t)net->recipe_room, (size_t)room,
                                       sizeof *net->recipe);
        net->recipe_room = room;
    }
    net->recipe[net->recipe_count++] = (ff_zoo_recipe){value, fill.mean, fill.deviation, fill.row};
    return value;
}

static int weight(ff_zoo_net *net, const char *name, const char *what, ff_shape shape, double mean,
                  double deviation, size_t row)
{
    return ff_zoo_weight(net, name, what, shape, (ff_zoo_fill_of){mean, deviation, row});
}

static void set_window(ff_zoo_net *net, int node, int64_t kernel, int64_t stride, int64_t pad)
{
    if (net->code != FF_OK)
        return;
    ff_graph_set_ints(net->g, node, "kernel_shape", (const int64_t[]){kernel, kernel}, 2);
    ff_graph_set_ints(net->g, node, "strides", (const int64_t[]){stride, stride}, 2);
    ff_graph_set_ints(net->g, node, "pads", (const int64_t[]){pad, pad, pad, pad}, 4);
}

static int64_t window_len(int64_t in, int64_t kernel, int64_t stride, int64_t pad)
{
    return (in + 2 * pad - kernel) / stride + 1;
}

ff_zoo_tensor ff_zoo_input(ff_zoo_net *net, const char *name, const ff_shape *shape)
{
    return ff_zoo_input_of(net, name, FF_DTYPE_F32, shape);
}

ff_zoo_tensor ff_zoo_input_of(ff_zoo_net *net, const char *name, ff_dtype dtype,
                              const ff_shape *shape)
{
    int value = FF_NO_VALUE;
    if (net->code == FF_OK)
        net->code =
            ff_graph_add_value(net->g, name, FF_VALUE_INPUT, dtype, shape, &value, &net->err);
    if (net->code == FF_OK)
        ff_graph_add_input(net->g, value);
    return (ff_zoo_tensor){value, *shape, 1.0};
}

void ff_zoo_output(ff_zoo_net *net, ff_zoo_tensor x)
{
    if (net->code == FF_OK)
        ff_graph_add_output(net->g, x.value);
}

ff_code ff_zoo_net_finish(ff_zoo_net *net, ff_err *err)
{
    if (net->code == FF_OK)
        net->code = ff_graph_seal(net->g, &net->err);
    if (net->code != FF_OK && err != NULL)
        *err = net->err;
    return net->code;
}

ff_zoo_tensor ff_zoo_conv2d(ff_zoo_net *net, ff_zoo_tensor x, const char *name, ff_zoo_conv conv)
{
    const ff_zoo_filter filter = {.out = conv.out,
                                  .rows = conv.kernel,
                                  .cols = conv.kernel,
                                  .stride = conv.stride,
                                  .pad_rows = conv.pad,
                                  .pad_cols = conv.pad,
                                  .bias = conv.bias};
    return ff_zoo_conv_filter(net, x, name, &filter);
}

/* Weights are scaled so that the output is of order 1: He's rule where the input is a Relu's. A
 * depthwise filter is not centred: it would see nothing of a smooth map. */
ff_zoo_tensor ff_zoo_conv_filter(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                                 const ff_zoo_filter *filter)
{
    int64_t group = filter->group == 0 ? 1 : filter->group;
    int64_t channels = x.shape.dim[1] / group;
    double fan_in = (double)(channels * filter->rows * filter->cols);
    ff_shape kernel = shape_of(4, filter->out, channels, filter->rows, filter->cols);
    ff_shape shape =
        shape_of(4, x.shape.dim[0], filter->out,
                 window_len(x.shape.dim[2], filter->rows, filter->stride, filter->pad_rows),
                 window_len(x.shape.dim[3], filter->cols, filter->stride, filter->pad_cols));
    int in[3] = {x.value, weight(net, name, "weight", kernel, 0, 1 / sqrt(fan_in * x.variance),
                                 channels == 1 ? 0 : (size_t)fan_in)};
    if (filter->bias)
        in[2] = weight(net, name, "bias", shape_of(1, filter->out, 0, 0, 0), 0, 0.05, 0);
    int node = FF_NO_NODE;
    ff_zoo_tensor y = emit(net, name, "Conv", in, filter->bias ? 3 : 2, shape, 1.0, &node);
    if (net->code != FF_OK)
        return y;
    const int64_t pads[4] = {filter->pad_rows, filter->pad_cols, filter->pad_rows,
                             filter->pad_cols};
    ff_graph_set_ints(net->g, node, "kernel_shape", (const int64_t[]){filter->rows, filter->cols},
                      2);
    ff_graph_set_ints(net->g, node, "strides", (const int64_t[]){filter->stride, filter->stride},
                      2);
    ff_graph_set_ints(net->g, node, "pads", pads, 4);
    if (group != 1)
        ff_graph_set_int(net->g, node, "group", group);
    return y;
}

ff_zoo_tensor ff_zoo_batch_norm(ff_zoo_net *net, ff_zoo_tensor x, const char *name, double scale)
{
    ff_shape one = shape_of(1, x.shape.dim[1], 0, 0, 0);
    double deviation = sqrt(x.variance);
    int in[5] = {x.value, weight(net, name, "scale", one, scale, 0.1 * scale, 0),
                 weight(net, name, "bias", one, 0, 0.1 * scale, 0),
                 weight(net, name, "mean", one, 0, 0.1 * deviation, 0),
                 weight(net, name, "var", one, x.variance, 0.1 * x.variance, 0)};
    int node = FF_NO_NODE;
    ff_zoo_tensor y =
        emit(net, name, "BatchNormalization", in, 5, x.shape, 1.03 * scale * scale, &node);
    if (net->code == FF_OK)
        ff_graph_set_float(net->g, node, "epsilon", 1e-5f);
    return y;
}

ff_zoo_tensor ff_zoo_relu(ff_zoo_net *net, ff_zoo_tensor x, const char *name)
{
    int node;
    return emit(net, name, "Relu", &x.value, 1, x.shape, 0.34 * x.variance, &node);
}

ff_zoo_tensor ff_zoo_add(ff_zoo_net *net, ff_zoo_tensor a, ff_zoo_tensor b, const char *name)
{
    int node, in[2] = {a.value, b.value};
    return emit(net, name, "Add", in, 2, a.shape, a.variance + b.variance, &node);
}

ff_zoo_tensor ff_zoo_max_pool(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t kernel,
                              int64_t stride, int64_t pad)
{
    int node = FF_NO_NODE;
    ff_shape shape =
        shape_of(4, x.shape.dim[0], x.shape.dim[1], window_len(x.shape.dim[2], kernel, stride, pad),
                 window_len(x.shape.dim[3], kernel, stride, pad));
    ff_zoo_tensor y = emit(net, name, "MaxPool", &x.value, 1, shape, x.variance, &node);
    set_window(net, node, kernel, stride, pad);
    return y;
}

ff_zoo_tensor ff_zoo_average_all(ff_zoo_net *net, ff_zoo_tensor x, const char *name)
{
    int node;
    return emit(net, name, "GlobalAveragePool", &x.value, 1,
                shape_of(4, x.shape.dim[0], x.shape.dim[1], 1, 1), 0.3 * x.variance, &node);
}

ff_zoo_tensor ff_zoo_flatten(ff_zoo_net *net, ff_zoo_tensor x, const char *name)
{
    int64_t elems = x.shape.dim[1] * x.shape.dim[2] * x.shape.dim[3];
    int node;
    return emit(net, name, "Flatten", &x.value, 1, shape_of(2, x.shape.dim[0], elems, 0, 0),
                x.variance, &node);
}

ff_zoo_tensor ff_zoo_gemm(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t out)
{
    int64_t in_elems = x.shape.dim[1];
    int in[3] = {x.value,
                 weight(net, name, "weight", shape_of(2, out, in_elems, 0, 0), 0,
                        1 / sqrt((double)in_elems * x.variance), (size_t)in_elems),
                 weight(net, name, "bias", shape_of(1, out, 0, 0, 0), 0, 0.05, 0)};
    int node = FF_NO_NODE;
    ff_zoo_tensor y =
        emit(net, name, "Gemm", in, 3, shape_of(2, x.shape.dim[0], out, 0, 0), 1.0, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "transB", 1);
    return y;
}
