/*
 * RNN-K: a stack of K LSTM layers with a hidden size of 2048, as Gillis (Yu et al., 2021) measures.
 */
#include <math.h>

#include "zoo/zoo_int.h"

#define HIDDEN 2048
#define STEPS  10
#define GATES  4

static ff_zoo_tensor lstm(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t hidden)
{
    static const int64_t direction = 1;
    int64_t in_size = x.shape.dim[2], steps = x.shape.dim[0], batch = x.shape.dim[1];
    double deviation = 1 / sqrt((double)(in_size + hidden) * x.variance);
    const ff_zoo_fill_of normal = {0, deviation, 0}, small = {0, 0.05, 0};
    const int in[4] = {
        x.value, ff_zoo_weight(net, name, "W", (ff_shape){3, {1, GATES * hidden, in_size}}, normal),
        ff_zoo_weight(net, name, "R", (ff_shape){3, {1, GATES * hidden, hidden}}, normal),
        ff_zoo_weight(net, name, "B", (ff_shape){2, {1, 2 * GATES * hidden}}, small)};
    const ff_zoo_op op = {"LSTM", in, 4, FF_DTYPE_F32, {4, {steps, 1, batch, hidden}}, 0.1};
    int node;
    ff_zoo_tensor y = ff_zoo_emit(net, name, &op, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "hidden_size", hidden);
    const int squeeze[2] = {y.value,
                            ff_zoo_ints(net, ff_zoo_name(net, "%s.axes", name), &direction, 1)};
    return ff_zoo_pair(net, ff_zoo_name(net, "%s.Squeeze", name), "Squeeze", squeeze,
                       (ff_shape){3, {steps, batch, hidden}}, y.variance);
}

/* Batch first outside, steps first inside, as torch exports it. */
void ff_zoo_rnn(ff_zoo_net *net, int layers)
{
    static const int64_t turned[3] = {1, 0, 2};
    int64_t hidden = ff_zoo_width(net, HIDDEN);
    const ff_shape sequence = {3, {1, STEPS, hidden}};
    ff_zoo_tensor x = ff_zoo_input(net, "input", &sequence);
    x = ff_zoo_transpose(net, x, "Transpose", turned);
    for (int i = 0; i < layers; i++)
        x = lstm(net, x, ff_zoo_name(net, "lstm.%d", i), hidden);
    ff_zoo_output(net, ff_zoo_transpose(net, x, "output", turned));
}
