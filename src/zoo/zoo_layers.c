/*
 * More layers of convolutional networks, and constants.
 */
#include <math.h>
#include <string.h>

#include "zoo/zoo_int.h"

ff_zoo_tensor ff_zoo_average_pool(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                                  ff_zoo_conv window)
{
    ff_shape shape = x.shape;
    for (int a = 2; a < 4; a++)
        shape.dim[a] = (shape.dim[a] + 2 * window.pad - window.kernel) / window.stride + 1;
    const ff_zoo_op op = {"AveragePool", &x.value, 1, FF_DTYPE_F32, shape, 0.5 * x.variance};
    int node;
    ff_zoo_tensor y = ff_zoo_emit(net, name, &op, &node);
    if (net->code != FF_OK)
        return y;
    const int64_t pads[4] = {window.pad, window.pad, window.pad, window.pad};
    ff_graph_set_ints(net->g, node, "kernel_shape", (const int64_t[]){window.kernel, window.kernel},
                      2);
    ff_graph_set_ints(net->g, node, "strides", (const int64_t[]){window.stride, window.stride}, 2);
    ff_graph_set_ints(net->g, node, "pads", pads, 4);
    ff_graph_set_int(net->g, node, "count_include_pad", 1);
    return y;
}

ff_zoo_tensor ff_zoo_concat(ff_zoo_net *net, const ff_zoo_tensor *x, int count, int axis,
                            const char *name)
{
    int *in = ff_arena_array(net->g->arena, (size_t)count, sizeof *in);
    ff_zoo_op op = {"Concat", in, count, FF_DTYPE_F32, x[0].shape, 0};
    op.shape.dim[axis] = 0;
    for (int i = 0; i < count; i++) {
        in[i] = x[i].value;
        op.shape.dim[axis] += x[i].shape.dim[axis];
        op.variance += x[i].variance * (double)x[i].shape.dim[axis];
    }
    op.variance /= (double)op.shape.dim[axis];
    int node;
    ff_zoo_tensor y = ff_zoo_emit(net, name, &op, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "axis", axis);
    return y;
}

/* Bounds are attributes before opset 11, inputs since. */
ff_zoo_tensor ff_zoo_clip6(ff_zoo_net *net, ff_zoo_tensor x, const char *name)
{
    bool attrs = ff_graph_opset(net->g, "") < 11;
    int node, in[3] = {x.value, FF_NO_VALUE, FF_NO_VALUE};
    if (!attrs) {
        in[1] = ff_zoo_scalar(net, ff_zoo_name(net, "%s.min", name), 0);
        in[2] = ff_zoo_scalar(net, ff_zoo_name(net, "%s.max", name), 6);
    }
    const ff_zoo_op op = {"Clip", in, attrs ? 1 : 3, FF_DTYPE_F32, x.shape, 0.34 * x.variance};
    ff_zoo_tensor y = ff_zoo_emit(net, name, &op, &node);
    if (net->code == FF_OK && attrs) {
        ff_graph_set_float(net->g, node, "min", 0);
        ff_graph_set_float(net->g, node, "max", 6);
    }
    return y;
}

ff_zoo_tensor ff_zoo_each(ff_zoo_net *net, ff_zoo_tensor x, const char *name, const char *op,
                          double variance)
{
    const ff_zoo_op it = {op, &x.value, 1, FF_DTYPE_F32, x.shape, variance};
    int node;
    return ff_zoo_emit(net, name, &it, &node);
}

ff_zoo_tensor ff_zoo_pair(ff_zoo_net *net, const char *name, const char *op, const int in[2],
                          ff_shape shape, double variance)
{
    const ff_zoo_op it = {op, in, 2, FF_DTYPE_F32, shape, variance};
    int node;
    return ff_zoo_emit(net, name, &it, &node);
}

/* The mean square of x * Sigmoid(x) for normal x: a share of the variance that grows with it, so
 * that a guess that is wrong is more so in every further block. */
static double swish_variance(double variance)
{
    const double step = 0.01;
    double sum = 0, deviation = sqrt(variance);
    for (double z = -6; z <= 6; z += step) {
        double x = z * deviation, y = x / (1 + exp(-x));
        sum += y * y * exp(-z * z / 2) * step;
    }
    return sum / sqrt(2 * 3.141592653589793);
}

ff_zoo_tensor ff_zoo_swish(ff_zoo_net *net, ff_zoo_tensor x, const char *name)
{
    ff_zoo_tensor gate = ff_zoo_each(net, x, ff_zoo_name(net, "%s.sigmoid", name), "Sigmoid", 0.05);
    const int in[2] = {x.value, gate.value};
    return ff_zoo_pair(net, ff_zoo_name(net, "%s.mul", name), "Mul", in, x.shape,
                       swish_variance(x.variance));
}

ff_zoo_tensor ff_zoo_conv_up(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t out)
{
    int64_t channels = x.shape.dim[1];
    const ff_zoo_fill_of normal = {0, 1 / sqrt((double)channels * x.variance), 0};
    const int in[3] = {
        x.value, ff_zoo_weight(net, name, "weight", (ff_shape){4, {channels, out, 2, 2}}, normal),
        ff_zoo_weight(net, name, "bias", (ff_shape){1, {out}}, (ff_zoo_fill_of){0, 0.05, 0})};
    const ff_shape shape = {4, {x.shape.dim[0], out, 2 * x.shape.dim[2], 2 * x.shape.dim[3]}};
    const ff_zoo_op op = {"ConvTranspose", in, 3, FF_DTYPE_F32, shape, 1};
    int node;
    ff_zoo_tensor y = ff_zoo_emit(net, name, &op, &node);
    if (net->code == FF_OK) {
        ff_graph_set_ints(net->g, node, "kernel_shape", (const int64_t[]){2, 2}, 2);
        ff_graph_set_ints(net->g, node, "strides", (const int64_t[]){2, 2}, 2);
    }
    return y;
}

int ff_zoo_ints(ff_zoo_net *net, const char *name, const int64_t *values, int count)
{
    size_t elems = count < 0 ? 1 : (size_t)count;
    int64_t *data = ff_arena_array(net->g->arena, elems, sizeof *data);
    memcpy(data, values, elems * sizeof *data);
    const ff_shape shape = {count < 0 ? 0 : 1, {count}};
    int value = FF_NO_VALUE;
    if (net->code == FF_OK)
        net->code = ff_graph_add_weight(net->g, name, FF_DTYPE_I64, &shape,
                                        ff_bytes_of(data, elems * sizeof *data), &value, &net->err);
    return value;
}

int ff_zoo_scalar(ff_zoo_net *net, const char *name, double value)
{
    float *data = ff_arena_alloc(net->g->arena, sizeof *data);
    const ff_shape shape = {0};
    int v = FF_NO_VALUE;
    *data = (float)value;
    if (net->code == FF_OK)
        net->code = ff_graph_add_weight(net->g, name, FF_DTYPE_F32, &shape,
                                        ff_bytes_of(data, sizeof *data), &v, &net->err);
    return v;
}
