/*
 * Ops that slide a window over the map: convolutions, pools, SpaceToDepth.
 *
 * A part's explicit pads are what its windows reach beyond the whole map. With ceil_mode the last
 * window may reach beyond the padding too; the part that holds it keeps the op's own end pad and
 * ceil_mode, so that it is clipped (and AveragePool divides) just as in the whole map.
 */
#include "graph/op_int.h"

/* One spatial axis of a node's window. */
typedef struct window {
    int64_t in_len, out_len; /* out_len as the attributes give it */
    int64_t kernel, stride, dilation, extent;
    int64_t pad_lo, pad_hi;
} window;

/* Which inputs are the map and the kernel. */
static int kernel_input(const ff_node *node)
{
    return ff_node_is(node, "QLinearConv") ? 3 : 1;
}

static bool is_pool(const ff_op_at *at)
{
    return ff_node_is(at->node, "MaxPool") || ff_node_is(at->node, "AveragePool") ||
           ff_node_is(at->node, "LpPool");
}

static bool read_kernel(const ff_op_at *at, int axis, window *w, char *why, size_t size)
{
    int spatial = at->out->rank - 2, i = axis - 2;
    const ff_shape *kernel = is_pool(at) ? NULL : ff_op_in(at, kernel_input(at->node));
    int64_t otherwise = kernel != NULL && kernel->rank == at->out->rank ? kernel->dim[axis] : 0;
    if (!ff_op_attr_at(at, "kernel_shape", spatial, i, 1, otherwise, &w->kernel, why, size)) {
        return false;
    }
    if (w->kernel < 1 || w->kernel > FF_OP_MAX_ATTR) {
        return ff_op_no(why, size, "the size of its kernel is not known");
    }
    return true;
}

static void resolve_auto_pad(const ff_op_at *at, window *w)
{
    if (ff_node_string_is(at->node, "auto_pad", "VALID", "NOTSET")) {
        w->pad_lo = w->pad_hi = 0;
        return;
    }
    bool upper = ff_node_string_is(at->node, "auto_pad", "SAME_UPPER", "NOTSET");
    if (!upper && !ff_node_string_is(at->node, "auto_pad", "SAME_LOWER", "NOTSET")) {
        return;
    }
    int64_t out = (w->in_len + w->stride - 1) / w->stride;
    int64_t total = (out - 1) * w->stride + w->extent - w->in_len;
    total = total > 0 ? total : 0;
    w->pad_lo = upper ? total / 2 : total - total / 2;
    w->pad_hi = total - w->pad_lo;
}

static int64_t output_length(const ff_op_at *at, const window *w)
{
    int64_t room = w->in_len + w->pad_lo + w->pad_hi - w->extent;
    if (room < 0) {
        return 0;
    }
    int64_t out = room / w->stride + 1;
    bool ceil = ff_node_int(at->node, "ceil_mode", 0) != 0;
    /* the last window must begin inside the map or its first pad */
    if (ceil && room % w->stride != 0 && out * w->stride < w->in_len + w->pad_lo) {
        out++;
    }
    return out;
}

/* Fills w for a spatial axis of the output. */
static bool read_window(const ff_op_at *at, int axis, window *w, char *why, size_t size)
{
    int spatial = at->out->rank - 2, i = axis - 2;
    *w = (window){.in_len = ff_op_in(at, 0)->dim[axis]};
    if (!read_kernel(at, axis, w, why, size) ||
        !ff_op_attr_at(at, "strides", spatial, i, 1, 1, &w->stride, why, size) ||
        !ff_op_attr_at(at, "dilations", spatial, i, 1, 1, &w->dilation, why, size) ||
        !ff_op_attr_at(at, "pads", 2 * spatial, i, 0, 0, &w->pad_lo, why, size) ||
        !ff_op_attr_at(at, "pads", 2 * spatial, i + spatial, 0, 0, &w->pad_hi, why, size)) {
        return false;
    }
    w->extent = (w->kernel - 1) * w->dilation + 1;
    resolve_auto_pad(at, w);
    w->out_len = output_length(at, w);
    return true;
}

/* A convolution's channels: in_each of every group make out_each. */
typedef struct channels {
    int64_t groups, in_each, out_each;
} channels;

static bool read_channels(const ff_op_at *at, channels *c, char *why, size_t size)
{
    const ff_shape *in = ff_op_in(at, 0), *kernel = ff_op_in(at, kernel_input(at->node));
    int64_t groups = ff_node_int(at->node, "group", 1), out = at->out->dim[1];
    if (kernel == NULL || kernel->rank != at->out->rank || groups < 1 || out % groups != 0 ||
        kernel->dim[0] != out || kernel->dim[1] > FF_OP_MAX_ATTR ||
        in->dim[1] / groups != kernel->dim[1] || in->dim[1] % groups != 0) {
        return ff_op_no(why, size, "its kernel does not fit %lld groups of its channels",
                        (long long)groups);
    }
    *c = (channels){groups, kernel->dim[1], out / groups};
    return true;
}

/* Does this input lie along the output's channels: a bias, or scales and zero points of weights? */
static bool is_along_channels(const ff_op_at *at, int input)
{
    const ff_shape *in = ff_op_in(at, input);
    bool one = input == 2 && ff_node_is(at->node, "Conv");
    bool zero = input == 3 && ff_node_is(at->node, "ConvInteger");
    bool quantized =
        ff_node_is(at->node, "QLinearConv") && (input == 4 || input == 5 || input == 8);
    return (one || zero || quantized) && in->rank == 1 && in->dim[0] == at->out->dim[1];
}

static ff_axis_map channel_map(const ff_op_at *at, int input)
{
    channels c;
    if (!read_channels(at, &c, NULL, 0)) {
        return (ff_axis_map){.kind = FF_AXIS_ALL};
    }
    if (input == 0 && c.groups > 1) {
        return (ff_axis_map){.kind = FF_AXIS_GROUPS,
                             .in_axis = 1,
                             .in_len = c.groups * c.in_each,
                             .stride = c.in_each,
                             .extent = c.out_each};
    }
    bool divided = input == kernel_input(at->node) || (input > 0 && is_along_channels(at, input));
    return divided ? ff_op_map_same(at, input, 0) : ff_op_map_none();
}

static int channel_axis(const ff_op_at *at)
{
    return at->out != NULL && at->out->rank >= 3 ? 1 : -1;
}

/* Input channels: not of groups, whose sums lie side by side; nor of QLinearConv, which rounds. */
static int channel_sum(const ff_op_at *at, int input)
{
    channels c;
    if (!read_channels(at, &c, NULL, 0) || c.groups != 1) {
        return FF_SUM_WHOLE;
    }
    bool bias = input == 2 && ff_node_is(at->node, "Conv");
    return input <= 1 ? 1 : bias ? FF_SUM_ONCE : FF_SUM_WHOLE;
}

static bool window_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    window w;
    bool pool = is_pool(at);
    if (at->out->rank < 3 || ff_op_in(at, 0)->rank != at->out->rank) {
        return ff_op_no(why, size, "its map has %d axes", ff_op_in(at, 0)->rank);
    }
    if (pool && at->node->out_count > 1 && at->node->out[1] != FF_NO_VALUE) {
        return ff_op_no(why, size, "its Indices count elements of the whole map");
    }
    if (axis == 0 || (axis == 1 && pool)) {
        return true;
    }
    if (axis == 1) {
        channels c;
        return read_channels(at, &c, why, size);
    }
    if (!read_window(at, axis, &w, why, size)) {
        return false;
    }
    if (w.out_len != at->out->dim[axis]) {
        return ff_op_no(why, size,
                        "axis %d of its output has length %lld, its attributes give %lld", axis,
                        (long long)at->out->dim[axis], (long long)w.out_len);
    }
    return true;
}

static ff_axis_map window_map(const ff_op_at *at, int axis, int input)
{
    window w;
    if (axis == 1 && !is_pool(at)) {
        return channel_map(at, input);
    }
    if (input != 0) {
        return ff_op_map_none();
    }
    if (axis < 2) {
        return ff_op_map_same(at, 0, axis);
    }
    if (!read_window(at, axis, &w, NULL, 0)) {
        return (ff_axis_map){.kind = FF_AXIS_ALL};
    }
    return (ff_axis_map){.kind = FF_AXIS_WINDOW,
                         .in_axis = axis,
                         .in_len = w.in_len,
                         .stride = w.stride,
                         .extent = w.extent,
                         .pad = w.pad_lo};
}

static ff_code window_emit(const ff_op_job *job, ff_err *err)
{
    static const char *const SKIP[] = {"auto_pad", "pads", NULL};
    const ff_op_at *at = job->at;
    int spatial = at->out->rank - 2;
    int64_t pads[2 * FF_MAX_RANK] = {0};
    for (int i = 0; i < spatial; i++) {
        window w;
        char why[256], text[256];
        if (!read_window(at, i + 2, &w, why, sizeof why)) {
            return ff_err_set(err, FF_UNSUPPORTED, "%s: %s",
                              ff_node_text(at->g, at->index, text, sizeof text), why);
        }
        int64_t first = job->cover->lo[i + 2] * w.stride - w.pad_lo;
        int64_t last = (job->cover->hi[i + 2] - 1) * w.stride - w.pad_lo + w.extent;
        pads[i] = first < 0 ? -first : 0;
        pads[i + spatial] = last > w.in_len ? last - w.in_len : 0;
        if (pads[i + spatial] > w.pad_hi) {
            pads[i + spatial] = w.pad_hi; /* ceil_mode's last window */
        }
    }
    int n = ff_op_add(job, job->in, at->node->in_count, SKIP);
    ff_graph_set_ints(job->p, n, "pads", pads, (size_t)spatial * 2);
    int64_t groups = is_pool(at) ? 1 : ff_node_int(at->node, "group", 1);
    int64_t part = job->cover->hi[1] - job->cover->lo[1];
    if (groups > 1 && part < at->out->dim[1]) { /* those that the part has */
        ff_graph_set_int(job->p, n, "group", part / (at->out->dim[1] / groups));
    }
    return FF_OK;
}

/* SpaceToDepth: blocks of the map become channels. */
static int64_t block_size(const ff_op_at *at)
{
    return ff_node_int(at->node, "blocksize", 0);
}

static bool space_to_depth_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    int64_t block = block_size(at);
    if (at->out->rank != 4 || ff_op_in(at, 0)->rank != 4 || block < 1 || block > FF_OP_MAX_ATTR) {
        return ff_op_no(why, size, "its blocksize is %lld", (long long)block);
    }
    if (axis == 1) {
        return ff_op_no(why, size, "it makes channels of the map");
    }
    if (axis >= 2 && ff_op_in(at, 0)->dim[axis] != at->out->dim[axis] * block) {
        return ff_op_no(why, size, "axis %d of its input is not %lld blocks", axis,
                        (long long)at->out->dim[axis]);
    }
    return true;
}

static ff_axis_map space_to_depth_map(const ff_op_at *at, int axis, int input)
{
    if (axis < 2) {
        return ff_op_map_same(at, input, axis);
    }
    int64_t block = block_size(at);
    return (ff_axis_map){.kind = FF_AXIS_WINDOW,
                         .in_axis = axis,
                         .in_len = at->out->dim[axis] * block,
                         .stride = block,
                         .extent = block};
}

#define POOL(op, linearity)                                                                        \
    {                                                                                              \
        .name = op, .summary = "batch, channels; map: window", .passes = window_passes,            \
        .map = window_map, .emit = window_emit, .linear = linearity                                \
    }
#define CONVOLUTION(op, sums)                                                                      \
    {                                                                                              \
        .name = op, .summary = "batch, channels (groups); map: window", .passes = window_passes,   \
        .map = window_map, .emit = window_emit, .dense_axis = channel_axis, .sum_axis = sums       \
    }

const ff_op_entry ff_ops_window[] = {CONVOLUTION("Conv", channel_sum),
                                     CONVOLUTION("ConvInteger", channel_sum),
                                     CONVOLUTION("QLinearConv", NULL),
                                     POOL("MaxPool", NULL),
                                     POOL("AveragePool", ff_op_linear_data),
                                     POOL("LpPool", NULL),
                                     {.name = "SpaceToDepth",
                                      .summary = "batch; map: window",
                                      .passes = space_to_depth_passes,
                                      .map = space_to_depth_map},
                                     {.name = NULL}};
