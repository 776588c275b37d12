/*
 * Layers of networks on sequences, as torch's exporter writes them.
 */
#include <math.h>

#include "zoo/zoo_int.h"

#define LAYER_NORM_OPSET 17
#define AXES_INPUT_OPSET 18 /* ReduceMean */

ff_zoo_tensor ff_zoo_matmul(ff_zoo_net *net, ff_zoo_tensor a, ff_zoo_tensor b, const char *name,
                            double variance)
{
    const int in[2] = {a.value, b.value};
    ff_shape shape = a.shape;
    shape.dim[shape.rank - 1] = b.shape.dim[b.shape.rank - 1];
    return ff_zoo_pair(net, name, "MatMul", in, shape, variance);
}

ff_zoo_tensor ff_zoo_linear(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t out)
{
    int64_t features = x.shape.dim[x.shape.rank - 1];
    const ff_shape matrix = {2, {features, out}};
    const ff_zoo_fill_of normal = {0, 1 / sqrt((double)features * x.variance), 0};
    ff_zoo_tensor w = {ff_zoo_weight(net, name, "weight", matrix, normal), matrix, 0};
    ff_zoo_tensor y = ff_zoo_matmul(net, x, w, ff_zoo_name(net, "%s.MatMul", name), 1);
    const int in[2] = {
        ff_zoo_weight(net, name, "bias", (ff_shape){1, {out}}, (ff_zoo_fill_of){0, 0.05, 0}),
        y.value};
    return ff_zoo_pair(net, ff_zoo_name(net, "%s.Add", name), "Add", in, y.shape, 1);
}

ff_zoo_tensor ff_zoo_with(ff_zoo_net *net, ff_zoo_tensor x, const char *name, const char *op,
                          double constant, double factor)
{
    const int in[2] = {x.value,
                       ff_zoo_scalar(net, ff_zoo_name(net, "%s.constant", name), constant)};
    return ff_zoo_pair(net, name, op, in, x.shape, factor * factor * x.variance);
}

static ff_zoo_tensor mean_of_last(ff_zoo_net *net, ff_zoo_tensor x, const char *name)
{
    bool attr = ff_graph_opset(net->g, "") < AXES_INPUT_OPSET;
    const int64_t last = -1;
    int node, in[2] = {x.value, FF_NO_VALUE};
    if (!attr)
        in[1] = ff_zoo_ints(net, ff_zoo_name(net, "%s.axes", name), &last, 1);
    ff_zoo_op op = {"ReduceMean", in, attr ? 1 : 2, FF_DTYPE_F32, x.shape, 1};
    op.shape.dim[op.shape.rank - 1] = 1;
    ff_zoo_tensor y = ff_zoo_emit(net, name, &op, &node);
    if (net->code == FF_OK && attr)
        ff_graph_set_ints(net->g, node, "axes", &last, 1);
    return y;
}

/* ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div, then Mul and Add. */
static ff_zoo_tensor norm_by_parts(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                                   double epsilon, const int weights[2])
{
    ff_zoo_tensor mean = mean_of_last(net, x, ff_zoo_name(net, "%s.ReduceMean", name));
    const int apart[2] = {x.value, mean.value};
    ff_zoo_tensor d =
        ff_zoo_pair(net, ff_zoo_name(net, "%s.Sub", name), "Sub", apart, x.shape, x.variance);
    ff_zoo_tensor s = ff_zoo_with(net, d, ff_zoo_name(net, "%s.Pow", name), "Pow", 2, 1);
    s = mean_of_last(net, s, ff_zoo_name(net, "%s.ReduceMean_1", name));
    s = ff_zoo_with(net, s, ff_zoo_name(net, "%s.Add", name), "Add", epsilon, 1);
    s = ff_zoo_each(net, s, ff_zoo_name(net, "%s.Sqrt", name), "Sqrt", 1);
    const int ratio[2] = {d.value, s.value};
    ff_zoo_tensor y = ff_zoo_pair(net, ff_zoo_name(net, "%s.Div", name), "Div", ratio, x.shape, 1);
    const int scaled[2] = {y.value, weights[0]};
    y = ff_zoo_pair(net, ff_zoo_name(net, "%s.Mul", name), "Mul", scaled, x.shape, 1);
    const int moved[2] = {y.value, weights[1]};
    return ff_zoo_pair(net, ff_zoo_name(net, "%s.Add_1", name), "Add", moved, x.shape, 1);
}

ff_zoo_tensor ff_zoo_layer_norm(ff_zoo_net *net, ff_zoo_tensor x, const char *name, double epsilon)
{
    const ff_shape one = {1, {x.shape.dim[x.shape.rank - 1]}};
    const int weights[2] = {ff_zoo_weight(net, name, "weight", one, (ff_zoo_fill_of){1, 0.1, 0}),
                            ff_zoo_weight(net, name, "bias", one, (ff_zoo_fill_of){0, 0.1, 0})};
    if (ff_graph_opset(net->g, "") < LAYER_NORM_OPSET)
        return norm_by_parts(net, x, name, epsilon, weights);
    const int in[3] = {x.value, weights[0], weights[1]};
    const ff_zoo_op op = {"LayerNormalization", in, 3, FF_DTYPE_F32, x.shape, 1};
    int node;
    ff_zoo_tensor y = ff_zoo_emit(net, ff_zoo_name(net, "%s.LayerNormalization", name), &op, &node);
    if (net->code == FF_OK) {
        ff_graph_set_int(net->g, node, "axis", -1);
        ff_graph_set_float(net->g, node, "epsilon", (float)epsilon);
    }
    return y;
}

static ff_zoo_tensor times(ff_zoo_net *net, ff_zoo_tensor a, ff_zoo_tensor b, const char *name,
                           double variance)
{
    const int in[2] = {a.value, b.value};
    return ff_zoo_pair(net, name, "Mul", in, a.shape, variance);
}

/* x * (1 + erf(x / sqrt(2))) / 2 */
ff_zoo_tensor ff_zoo_gelu(ff_zoo_net *net, ff_zoo_tensor x, const char *name)
{
    ff_zoo_tensor y =
        ff_zoo_with(net, x, ff_zoo_name(net, "%s.Div", name), "Div", sqrt(2), sqrt(0.5));
    y = ff_zoo_each(net, y, ff_zoo_name(net, "%s.Erf", name), "Erf", 0.3);
    y = ff_zoo_with(net, y, ff_zoo_name(net, "%s.Add", name), "Add", 1, 1);
    y = times(net, x, y, ff_zoo_name(net, "%s.Mul", name), 1.4 * x.variance);
    return ff_zoo_with(net, y, ff_zoo_name(net, "%s.Mul_1", name), "Mul", 0.5, 0.5);
}

/* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) */
ff_zoo_tensor ff_zoo_gelu_tanh(ff_zoo_net *net, ff_zoo_tensor x, const char *name)
{
    ff_zoo_tensor half = ff_zoo_with(net, x, ff_zoo_name(net, "%s.Mul", name), "Mul", 0.5, 0.5);
    ff_zoo_tensor y = ff_zoo_with(net, x, ff_zoo_name(net, "%s.Pow", name), "Pow", 3, 2);
    y = ff_zoo_with(net, y, ff_zoo_name(net, "%s.Mul_1", name), "Mul", 0.044715, 0.044715);
    y = ff_zoo_add(net, x, y, ff_zoo_name(net, "%s.Add", name));
    y = ff_zoo_with(net, y, ff_zoo_name(net, "%s.Mul_2", name), "Mul", 0.7978845608028654, 0.8);
    y = ff_zoo_each(net, y, ff_zoo_name(net, "%s.Tanh", name), "Tanh", 0.3);
    y = ff_zoo_with(net, y, ff_zoo_name(net, "%s.Add_1", name), "Add", 1, 1);
    return times(net, half, y, ff_zoo_name(net, "%s.Mul_3", name), 0.35 * x.variance);
}

ff_zoo_tensor ff_zoo_transpose(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                               const int64_t *perm)
{
    ff_zoo_op op = {"Transpose", &x.value, 1, FF_DTYPE_F32, x.shape, x.variance};
    for (int a = 0; a < x.shape.rank; a++)
        op.shape.dim[a] = x.shape.dim[perm[a]];
    int node;
    ff_zoo_tensor y = ff_zoo_emit(net, name, &op, &node);
    if (net->code == FF_OK)
        ff_graph_set_ints(net->g, node, "perm", perm, (size_t)x.shape.rank);
    return y;
}

ff_zoo_tensor ff_zoo_reshape(ff_zoo_net *net, ff_zoo_tensor x, const char *name, ff_shape shape)
{
    const int in[2] = {x.value,
                       ff_zoo_ints(net, ff_zoo_name(net, "%s.shape", name), shape.dim, shape.rank)};
    return ff_zoo_pair(net, name, "Reshape", in, shape, x.variance);
}

ff_zoo_tensor ff_zoo_take(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int axis,
                          int64_t index)
{
    const int in[2] = {x.value, ff_zoo_ints(net, ff_zoo_name(net, "%s.index", name), &index, -1)};
    ff_zoo_op op = {"Gather", in, 2, FF_DTYPE_F32, {.rank = x.shape.rank - 1}, x.variance};
    for (int a = 0; a < op.shape.rank; a++)
        op.shape.dim[a] = x.shape.dim[a < axis ? a : a + 1];
    int node;
    ff_zoo_tensor y = ff_zoo_emit(net, name, &op, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "axis", axis);
    return y;
}

ff_zoo_tensor ff_zoo_embed(ff_zoo_net *net, int table, int64_t features, ff_zoo_tensor ids,
                           const char *name, double variance)
{
    const int in[2] = {table, ids.value};
    ff_shape shape = ids.shape;
    shape.dim[shape.rank++] = features;
    return ff_zoo_pair(net, name, "Gather", in, shape, variance);
}

ff_zoo_tensor ff_zoo_attend(ff_zoo_net *net, ff_zoo_tensor scores, ff_zoo_tensor v,
                            const char *name)
{
    static const int64_t perm[4] = {0, 2, 1, 3};
    const ff_zoo_op op = {"Softmax", &scores.value, 1, FF_DTYPE_F32, scores.shape, 0.01};
    int node;
    ff_zoo_tensor p = ff_zoo_emit(net, ff_zoo_name(net, "%s.Softmax", name), &op, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "axis", -1);
    ff_zoo_tensor y = ff_zoo_matmul(net, p, v, ff_zoo_name(net, "%s.MatMul_1", name), v.variance);
    y = ff_zoo_transpose(net, y, ff_zoo_name(net, "%s.Transpose_3", name), perm);
    const ff_shape joined = {3, {1, y.shape.dim[1], y.shape.dim[2] * y.shape.dim[3]}};
    return ff_zoo_reshape(net, y, ff_zoo_name(net, "%s.Reshape_3", name), joined);
}
