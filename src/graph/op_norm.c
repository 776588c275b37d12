/*
 * Ops that need some axes whole (sums, maxima, norms along them) and pass all others.
 */
#include <string.h>

#include "graph/op_int.h"

static bool needs_whole(char *why, size_t size, int axis)
{
    return ff_op_no(why, size, "it needs the whole of axis %d", axis);
}

/* The first input as it is; every other one whole. */
static ff_axis_map data_map(const ff_op_at *at, int axis, int input)
{
    return input == 0 ? ff_op_map_same(at, 0, axis) : ff_op_map_none();
}

static int outputs_present(const ff_node *node)
{
    int count = 0;
    for (int k = 0; k < node->out_count; k++) {
        count += node->out[k] != FF_NO_VALUE ? 1 : 0;
    }
    return count;
}

static bool batch_norm_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)axis;
    if (ff_node_int(at->node, "training_mode", 0) != 0 || outputs_present(at->node) > 1) {
        return ff_op_no(why, size, "it trains: its statistics are of the whole map");
    }
    return true;
}

/* Scale, bias, mean and variance lie along the channels. */
static ff_axis_map batch_norm_map(const ff_op_at *at, int axis, int input)
{
    if (input == 0) {
        return ff_op_map_same(at, 0, axis);
    }
    return axis == 1 ? ff_op_map_same(at, input, 0) : ff_op_map_none();
}

/* Normalised over the map: InstanceNormalization, and the global pools. */
static bool channelwise_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)at;
    return axis <= 1 ? true : ff_op_no(why, size, "it reads the whole map");
}

static bool group_norm_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)at;
    return axis == 0 ? true : ff_op_no(why, size, "it reads whole groups of channels");
}

static bool lrn_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)at;
    return axis != 1 ? true : needs_whole(why, size, axis);
}

static bool layer_norm_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    int first = ff_op_axis_attr(at, "axis", -1, at->out->rank);
    return axis < first ? true : needs_whole(why, size, axis);
}

/* Scale and bias are broadcast to the input. */
static ff_axis_map layer_norm_map(const ff_op_at *at, int axis, int input)
{
    return ff_op_map_broadcast(at, axis, input);
}

/* Softmax and its kin: one axis since opset 13, all from that one on before. */
static bool softmax_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    bool one = at->opset >= 13;
    int along = ff_op_axis_attr(at, "axis", one ? -1 : 1, at->out->rank);
    bool free = along >= 0 && (one ? axis != along : axis < along);
    return free ? true : needs_whole(why, size, axis);
}

static bool lp_norm_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    int along = ff_op_axis_attr(at, "axis", -1, at->out->rank);
    return along >= 0 && axis != along ? true : needs_whole(why, size, axis);
}

static bool cumsum_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    int64_t along = 0;
    if (at->node->in_count < 2 || ff_op_const_ints(at->g, at->node->in[1], &along, 1) != 1) {
        return ff_op_no(why, size, "its axis is not a constant");
    }
    along += along < 0 ? at->out->rank : 0;
    return axis != along ? true : needs_whole(why, size, axis);
}

/* Which input axes a reduction takes away, as a bit mask; -1 where that is not known. */
static int reduced_axes(const ff_op_at *at)
{
    const ff_shape *in = ff_op_in(at, 0);
    int64_t axes[FF_MAX_RANK];
    if (strncmp(at->node->op, "Arg", 3) == 0) {
        int axis = ff_op_axis_attr(at, "axis", 0, in->rank);
        return axis < 0 ? -1 : 1 << axis;
    }
    int count = ff_node_ints(at->node, "axes", axes, FF_MAX_RANK);
    if (ff_op_has_in(at, 1)) {
        count = ff_op_const_ints(at->g, at->node->in[1], axes, FF_MAX_RANK);
        if (count < 0) {
            return -1;
        }
    }
    if (count > FF_MAX_RANK) {
        return -1;
    }
    if (count <= 0) {
        return ff_node_int(at->node, "noop_with_empty_axes", 0) != 0 ? 0 : (1 << in->rank) - 1;
    }
    int mask = 0;
    for (int i = 0; i < count; i++) {
        if (axes[i] < -in->rank || axes[i] >= in->rank) {
            return -1;
        }
        mask |= 1 << (axes[i] < 0 ? axes[i] + in->rank : axes[i]);
    }
    return mask;
}

/* The input axis that output axis `axis` of a reduction comes from. */
static int reduce_source(const ff_op_at *at, int mask, int axis)
{
    if (ff_node_int(at->node, "keepdims", 1) != 0) {
        return axis;
    }
    int left = axis;
    for (int a = 0; a < ff_op_in(at, 0)->rank; a++) {
        if ((mask >> a & 1) == 0 && left-- == 0) {
            return a;
        }
    }
    return -1;
}

static bool reduce_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    int mask = reduced_axes(at);
    if (mask < 0) {
        return ff_op_no(why, size, "the axes that it reduces are not constants in range");
    }
    int source = reduce_source(at, mask, axis);
    if (source < 0 || (mask >> source & 1) != 0) {
        return needs_whole(why, size, axis);
    }
    return true;
}

static ff_axis_map reduce_map(const ff_op_at *at, int axis, int input)
{
    if (input != 0) {
        return ff_op_map_none();
    }
    return ff_op_map_same(at, 0, reduce_source(at, reduced_axes(at), axis));
}

/* Sums and means in parts: along the longest axis that is taken away. */
static int reduce_sum_axis(const ff_op_at *at, int input)
{
    const ff_shape *in = ff_op_in(at, 0);
    int mask = reduced_axes(at), best = FF_SUM_WHOLE;
    for (int a = 0; input == 0 && mask > 0 && a < in->rank; a++) {
        if ((mask >> a & 1) != 0 && (best < 0 || in->dim[a] > in->dim[best])) {
            best = a;
        }
    }
    return best;
}

static int pool_sum_axis(const ff_op_at *at, int input)
{
    const ff_shape *in = ff_op_in(at, 0);
    int best = FF_SUM_WHOLE;
    for (int a = 2; input == 0 && a < in->rank; a++) {
        best = best < 0 || in->dim[a] > in->dim[best] ? a : best;
    }
    return best;
}

static uint32_t reduce_sum_axes(const ff_op_at *at)
{
    int mask = reduced_axes(at);
    return mask < 0 ? 0 : (uint32_t)mask;
}

static uint32_t pool_sum_axes(const ff_op_at *at)
{
    return (1u << ff_op_in(at, 0)->rank) - 4u;
}

#define REDUCE(op)                                                                                 \
    {                                                                                              \
        .name = op, .summary = "axes that it keeps", .passes = reduce_passes, .map = reduce_map    \
    }
#define NORM(op, text, pass)                                                                       \
    {                                                                                              \
        .name = op, .summary = text, .passes = pass, .map = data_map                               \
    }

const ff_op_entry ff_ops_norm[] = {{.name = "BatchNormalization",
                                    .summary = "every axis, in inference",
                                    .passes = batch_norm_passes,
                                    .map = batch_norm_map},
                                   {.name = "LayerNormalization",
                                    .summary = "axes before its own",
                                    .passes = layer_norm_passes,
                                    .map = layer_norm_map},
                                   {.name = "InstanceNormalization",
                                    .summary = "batch and channels",
                                    .passes = channelwise_passes,
                                    .map = batch_norm_map},
                                   NORM("GroupNormalization", "batch", group_norm_passes),
                                   NORM("LRN", "every axis but the channels", lrn_passes),
                                   NORM("Softmax", "axes but its own", softmax_passes),
                                   NORM("LogSoftmax", "axes but its own", softmax_passes),
                                   NORM("Hardmax", "axes but its own", softmax_passes),
                                   NORM("LpNormalization", "axes but its own", lp_norm_passes),
                                   NORM("CumSum", "axes but its own", cumsum_passes),
                                   {.name = "GlobalAveragePool",
                                    .summary = "batch and channels",
                                    .passes = channelwise_passes,
                                    .map = data_map,
                                    .sum_axis = pool_sum_axis,
                                    .sum_axes = pool_sum_axes,
                                    .averages = true,
                                    .linear = ff_op_linear_data},
                                   NORM("GlobalMaxPool", "batch and channels", channelwise_passes),
                                   NORM("GlobalLpPool", "batch and channels", channelwise_passes),
                                   REDUCE("ReduceL1"),
                                   REDUCE("ReduceL2"),
                                   REDUCE("ReduceLogSum"),
                                   REDUCE("ReduceLogSumExp"),
                                   REDUCE("ReduceMax"),
                                   {.name = "ReduceMean",
                                    .summary = "axes that it keeps",
                                    .passes = reduce_passes,
                                    .map = reduce_map,
                                    .sum_axis = reduce_sum_axis,
                                    .sum_axes = reduce_sum_axes,
                                    .averages = true,
                                    .linear = ff_op_linear_data},
                                   REDUCE("ReduceMin"),
                                   REDUCE("ReduceProd"),
                                   {.name = "ReduceSum",
                                    .summary = "axes that it keeps",
                                    .passes = reduce_passes,
                                    .map = reduce_map,
                                    .sum_axis = reduce_sum_axis,
                                    .sum_axes = reduce_sum_axes,
                                    .linear = ff_op_linear_data},
                                   REDUCE("ReduceSumSquare"),
                                   REDUCE("ArgMax"),
                                   REDUCE("ArgMin"),
                                   {.name = NULL}};
