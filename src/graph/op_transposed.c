/*
 * ConvTranspose: input i reaches outputs i * stride - pad .. + extent.
 *
 * A part crops what its inputs compute outside of the wanted range (pads) and adds what they do not
 * reach (output_padding: zeros plus bias, between two strides and at the end of the map).
 */
#include "graph/op_int.h"

typedef struct spread {
    int64_t in_len, out_len;
    int64_t stride, extent, pad;
} spread;

static bool read_spread(const ff_op_at *at, int axis, spread *s, char *why, size_t size)
{
    int spatial = at->out->rank - 2, i = axis - 2;
    const ff_shape *in = ff_op_in(at, 0), *weight = ff_op_in(at, 1);
    int64_t kernel = 0, dilation = 0, extra = 0, pad_hi = 0;
    if (in->rank != at->out->rank || weight == NULL || weight->rank != at->out->rank) {
        return ff_op_no(why, size, "its map has %d axes", in->rank);
    }
    *s = (spread){.in_len = in->dim[axis]};
    if (!ff_op_attr_at(at, "kernel_shape", spatial, i, 1, weight->dim[axis], &kernel, why, size) ||
        !ff_op_attr_at(at, "strides", spatial, i, 1, 1, &s->stride, why, size) ||
        !ff_op_attr_at(at, "dilations", spatial, i, 1, 1, &dilation, why, size) ||
        !ff_op_attr_at(at, "output_padding", spatial, i, 0, 0, &extra, why, size) ||
        !ff_op_attr_at(at, "pads", 2 * spatial, i, 0, 0, &s->pad, why, size) ||
        !ff_op_attr_at(at, "pads", 2 * spatial, i + spatial, 0, 0, &pad_hi, why, size)) {
        return false;
    }
    if (kernel < 1 || kernel > FF_OP_MAX_ATTR) {
        return ff_op_no(why, size, "the size of its kernel is %lld", (long long)kernel);
    }
    s->extent = (kernel - 1) * dilation + 1;
    if (ff_node_string_is(at->node, "auto_pad", "VALID", "NOTSET")) {
        s->pad = pad_hi = 0;
    }
    s->out_len = (s->in_len - 1) * s->stride + s->extent + extra - s->pad - pad_hi;
    bool same = ff_node_string_is(at->node, "auto_pad", "SAME_UPPER", "NOTSET") ||
                ff_node_string_is(at->node, "auto_pad", "SAME_LOWER", "NOTSET");
    if (!same && ff_node_attr(at->node, "output_shape") == NULL) {
        return true;
    }
    /* the pads follow from the length of the output; where to put an odd one is disputed */
    int64_t total = (s->in_len - 1) * s->stride + s->extent + extra - at->out->dim[axis];
    if (total < 0 || total % 2 != 0) {
        return ff_op_no(why, size, "its pads of axis %d, %lld in all, are not stated", axis,
                        (long long)total);
    }
    s->pad = total / 2;
    s->out_len = at->out->dim[axis];
    return true;
}

/* Channels: the kernel holds in_each x groups by out_each. */
typedef struct channels {
    int64_t groups, in_each, out_each;
} channels;

static bool read_channels(const ff_op_at *at, channels *c, char *why, size_t size)
{
    const ff_shape *in = ff_op_in(at, 0), *kernel = ff_op_in(at, 1);
    int64_t groups = ff_node_int(at->node, "group", 1), out = at->out->dim[1];
    if (kernel == NULL || kernel->rank != at->out->rank || groups < 1 || out % groups != 0 ||
        kernel->dim[0] != in->dim[1] || kernel->dim[1] != out / groups ||
        in->dim[1] % groups != 0) {
        return ff_op_no(why, size, "its kernel does not fit %lld groups of its channels",
                        (long long)groups);
    }
    *c = (channels){groups, in->dim[1] / groups, out / groups};
    return true;
}

static ff_axis_map channel_map(const ff_op_at *at, int input)
{
    channels c;
    if (!read_channels(at, &c, NULL, 0)) {
        return (ff_axis_map){.kind = FF_AXIS_ALL};
    }
    if (input <= 1 && c.groups > 1) {
        return (ff_axis_map){.kind = FF_AXIS_GROUPS,
                             .in_axis = input == 0 ? 1 : 0,
                             .in_len = c.groups * c.in_each,
                             .stride = c.in_each,
                             .extent = c.out_each};
    }
    return input == 0 ? ff_op_map_none() : ff_op_map_same(at, input, input == 1 ? 1 : 0);
}

static int channel_axis(const ff_op_at *at)
{
    return at->out != NULL && at->out->rank >= 3 ? 1 : -1;
}

static int channel_sum(const ff_op_at *at, int input)
{
    channels c;
    if (!read_channels(at, &c, NULL, 0) || c.groups != 1) {
        return FF_SUM_WHOLE;
    }
    return input == 0 ? 1 : input == 1 ? 0 : FF_SUM_ONCE;
}

static bool transposed_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    spread s;
    channels c;
    if (at->out->rank < 3 || ff_op_in(at, 0)->rank != at->out->rank) {
        return ff_op_no(why, size, "its map has %d axes", ff_op_in(at, 0)->rank);
    }
    if (axis == 0) {
        return true;
    }
    if (axis == 1) {
        return read_channels(at, &c, why, size);
    }
    for (int a = 2; a < at->out->rank; a++) {
        if (!read_spread(at, a, &s, why, size)) {
            return false;
        }
        if (s.out_len != at->out->dim[a]) {
            return ff_op_no(why, size,
                            "axis %d of its output has length %lld, its attributes give %lld", a,
                            (long long)at->out->dim[a], (long long)s.out_len);
        }
        if (s.pad >= s.extent) {
            return ff_op_no(why, size, "its pad of %lld crops whole inputs", (long long)s.pad);
        }
    }
    return true;
}

static ff_axis_map transposed_map(const ff_op_at *at, int axis, int input)
{
    spread s;
    if (axis == 1) {
        return channel_map(at, input);
    }
    if (input != 0) {
        return ff_op_map_none();
    }
    if (axis < 2) {
        return ff_op_map_same(at, 0, axis);
    }
    if (!read_spread(at, axis, &s, NULL, 0)) {
        return (ff_axis_map){.kind = FF_AXIS_ALL};
    }
    return (ff_axis_map){.kind = FF_AXIS_SPREAD,
                         .in_axis = axis,
                         .in_len = s.in_len,
                         .stride = s.stride,
                         .extent = s.extent,
                         .pad = s.pad};
}

/* Is the map whole? Then pads need not be worked out. */
static bool map_is_whole(const ff_op_job *job)
{
    for (int a = 2; a < job->cover->rank; a++) {
        if (job->cover->lo[a] != 0 || job->cover->hi[a] != job->at->out->dim[a]) {
            return false;
        }
    }
    return true;
}

static ff_code transposed_emit(const ff_op_job *job, ff_err *err)
{
    static const char *const SKIP[] = {"auto_pad", "pads", "output_shape", "output_padding", NULL};
    const ff_op_at *at = job->at;
    int spatial = at->out->rank - 2;
    int64_t pads[2 * FF_MAX_RANK], extra[FF_MAX_RANK];
    bool whole = map_is_whole(job);
    for (int i = 0; i < spatial && !whole; i++) {
        spread s;
        char why[256], text[256];
        if (!read_spread(at, i + 2, &s, why, sizeof why)) {
            return ff_err_set(err, FF_UNSUPPORTED, "%s: %s",
                              ff_node_text(at->g, at->index, text, sizeof text), why);
        }
        const ff_region *have = &job->need[0].region;
        int64_t first = have->lo[i + 2] * s.stride - s.pad;
        int64_t end = (have->hi[i + 2] - 1) * s.stride - s.pad + s.extent;
        int64_t behind = end - job->cover->hi[i + 2];
        pads[i] = job->cover->lo[i + 2] - first;
        pads[i + spatial] = behind > 0 ? behind : 0;
        extra[i] = behind < 0 ? -behind : 0;
    }
    int n = ff_op_add(job, job->in, at->node->in_count, whole ? NULL : SKIP);
    if (!whole) {
        ff_graph_set_ints(job->p, n, "pads", pads, (size_t)spatial * 2);
        ff_graph_set_ints(job->p, n, "output_padding", extra, (size_t)spatial);
    }
    int64_t groups = ff_node_int(at->node, "group", 1);
    int64_t part = job->cover->hi[1] - job->cover->lo[1];
    if (groups > 1 && part < at->out->dim[1]) { /* those that the part has */
        ff_graph_set_int(job->p, n, "group", part / (at->out->dim[1] / groups));
    }
    return FF_OK;
}

const ff_op_entry ff_ops_transposed[] = {{.name = "ConvTranspose",
                                          .summary = "batch, channels (groups); map: spread",
                                          .passes = transposed_passes,
                                          .map = transposed_map,
                                          .emit = transposed_emit,
                                          .dense_axis = channel_axis,
                                          .sum_axis = channel_sum},
                                         {.name = NULL}};
