/*
 * Shapes of convolutions and poolings.
 */
#include <string.h>

#include "graph/infer_int.h"

#define MAX_ATTR INT32_MAX /* of strides, dilations, kernels, pads: products fit in 64 bits */

typedef struct window {
    int dims; /* spatial */
    int64_t kernel[FF_MAX_RANK], stride[FF_MAX_RANK], dilation[FF_MAX_RANK];
    int64_t begin[FF_MAX_RANK], end[FF_MAX_RANK]; /* pads */
    bool same, ceil;                              /* auto_pad SAME_*; ceil_mode */
} window;

/* Strides, dilations and pads; kernel is set already. */
static ff_code read_window(const ff_infer *c, window *w)
{
    int64_t pads[2 * FF_MAX_RANK] = {0};
    const ff_node *node = c->node;
    ff_code code = ff_infer_attr_ints(c, "strides", w->dims, 1, MAX_ATTR, 1, w->stride);
    if (code == FF_OK) {
        code = ff_infer_attr_ints(c, "dilations", w->dims, 1, MAX_ATTR, 1, w->dilation);
    }
    w->same = ff_node_string_is(node, "auto_pad", "SAME_UPPER", "NOTSET") ||
              ff_node_string_is(node, "auto_pad", "SAME_LOWER", "NOTSET");
    bool valid = ff_node_string_is(node, "auto_pad", "VALID", "NOTSET");
    if (code == FF_OK && !w->same && !valid) {
        if (!ff_node_string_is(node, "auto_pad", "NOTSET", "NOTSET")) {
            ff_bytes found = ff_node_attr(node, "auto_pad")->s;
            return ff_infer_fail(c,
                                 "attribute 'auto_pad' should be NOTSET, SAME_UPPER, SAME_LOWER or "
                                 "VALID, found '%.*s'",
                                 (int)(found.len < 64 ? found.len : 64), (const char *)found.data);
        }
        code = ff_infer_attr_ints(c, "pads", 2 * w->dims, 0, MAX_ATTR, 0, pads);
    }
    for (int i = 0; i < w->dims; i++) {
        w->begin[i] = pads[i];
        w->end[i] = pads[w->dims + i];
    }
    w->ceil = ff_node_int(node, "ceil_mode", 0) != 0;
    return code;
}

/* The output's length on spatial axis i of an input of that length. */
static ff_code slide(const ff_infer *c, const window *w, int i, int64_t in, int64_t *out)
{
    int64_t stride = w->stride[i];
    if (w->same) {
        *out = in / stride + (in % stride != 0);
        return FF_OK;
    }
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
    int64_t room = in + w->begin[i] + w->end[i] - extent;
    if (room < 0) {
        return ff_infer_fail(
            c, "a window of %lld does not fit in %lld elements and pads %lld, %lld",
            (long long)extent, (long long)in, (long long)w->begin[i], (long long)w->end[i]);
    }
    int64_t count = room / stride + 1;
    if (w->ceil && room % stride != 0) {
        count++;
        /* the last window must start inside the input or the pad before it */
        if ((count - 1) * stride >= in + w->begin[i]) {
            count--;
        }
    }
    *out = count;
    return FF_OK;
}

/* The kernel: of the attribute, or of the weight's spatial dims, which it must equal. */
static ff_code read_kernel(const ff_infer *c, const ff_shape *weight, window *w)
{
    ff_code code = ff_infer_attr_ints(c, "kernel_shape", w->dims, 1, MAX_ATTR, -1, w->kernel);
    for (int i = 0; i < w->dims && code == FF_OK; i++) {
        if (w->kernel[i] < 0) {
            w->kernel[i] = weight->dim[i + 2];
        }
        if (w->kernel[i] != weight->dim[i + 2] || w->kernel[i] < 1) {
            code = ff_infer_fail(c, "attribute 'kernel_shape' has %lld where the weight has %lld",
                                 (long long)w->kernel[i], (long long)weight->dim[i + 2]);
        }
    }
    return code;
}

/* Ranks and channels of the input and weight of a convolution. */
static ff_code check_conv(const ff_infer *c, const ff_shape *x, const ff_shape *w, int64_t group,
                          bool transposed)
{
    char left[256], right[256];
    ff_shape_text(x, left, sizeof left);
    ff_shape_text(w, right, sizeof right);
    if (x->rank < 3 || w->rank != x->rank) {
        return ff_infer_fail(c,
                             "input and weight should have 3 or more dims, as many each, found "
                             "%s and %s",
                             left, right);
    }
    if (group < 1 || group > MAX_ATTR) {
        return ff_infer_fail(c, "attribute 'group' should be 1 or more, found %lld",
                             (long long)group);
    }
    int64_t channels = transposed ? w->dim[0] : w->dim[1];
    int64_t wanted = 0;
    bool over = __builtin_mul_overflow(channels, transposed ? 1 : group, &wanted);
    if (over || wanted != x->dim[1]) {
        return ff_infer_fail(c,
                             "input %s does not fit the weight %s: with 'group' = %lld it takes "
                             "%lld channels, not %lld",
                             left, right, (long long)group, over ? -1LL : (long long)wanted,
                             (long long)x->dim[1]);
    }
    if (w->dim[0] % group != 0) {
        return ff_infer_fail(c, "'group' = %lld does not divide the %lld channels of the weight %s",
                             (long long)group, (long long)w->dim[0], right);
    }
    return FF_OK;
}

static ff_code convolve(ff_infer *c, int weight, ff_dtype dtype)
{
    const ff_shape *x = ff_infer_shape(c, 0), *w = ff_infer_shape(c, weight);
    if (x == NULL || w == NULL) {
        return ff_infer_out(c, 0, dtype, NULL);
    }
    int64_t group = ff_node_int(c->node, "group", 1);
    ff_code code = check_conv(c, x, w, group, false);
    window win = {.dims = x->rank - 2};
    if (code == FF_OK) {
        code = read_kernel(c, w, &win);
    }
    if (code == FF_OK) {
        code = read_window(c, &win);
    }
    ff_shape out = {.rank = x->rank, .dim = {x->dim[0], w->dim[0]}};
    win.ceil = false;
    for (int i = 0; i < win.dims && code == FF_OK; i++) {
        code = slide(c, &win, i, x->dim[i + 2], &out.dim[i + 2]);
    }
    return code != FF_OK ? code : ff_infer_out(c, 0, dtype, &out);
}

static ff_code conv(ff_infer *c)
{
    ff_code code = ff_infer_same_dtype(c, 0, 1);
    const ff_shape *w = ff_infer_shape(c, 1), *b = ff_infer_shape(c, 2);
    if (code == FF_OK && w != NULL && b != NULL && w->rank > 0 &&
        (b->rank != 1 || b->dim[0] != w->dim[0])) {
        char text[256];
        code = ff_infer_fail(c, "the bias '%s' should have %lld elements, found %s",
                             ff_infer_in(c, 2)->name, (long long)w->dim[0],
                             ff_shape_text(b, text, sizeof text));
    }
    return code != FF_OK ? code : convolve(c, 1, ff_infer_dtype(c, 0));
}

static ff_code conv_integer(ff_infer *c)
{
    return convolve(c, 1, FF_DTYPE_I32);
}

static ff_code qlinear_conv(ff_infer *c)
{
    return convolve(c, 3, ff_infer_dtype(c, 7));
}

/* out = stride * (in - 1) + output_padding + extent - pads; as output_shape says where given. */
static ff_code unslide(const ff_infer *c, const window *w, int i, int64_t in, int64_t extra,
                       int64_t *out)
{
    int64_t length = 0;
    if (w->same) {
        if (__builtin_mul_overflow(in, w->stride[i], &length)) {
            return ff_infer_fail(c, "an output of %lld x %lld elements", (long long)in,
                                 (long long)w->stride[i]);
        }
        *out = length;
        return FF_OK;
    }
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
    if (__builtin_mul_overflow(in - 1, w->stride[i], &length) ||
        __builtin_add_overflow(length, extent + extra, &length)) {
        return ff_infer_fail(c, "an output of %lld x %lld elements", (long long)in,
                             (long long)w->stride[i]);
    }
    length -= w->begin[i] + w->end[i];
    if (length < 1) {
        return ff_infer_fail(c, "attribute 'pads' leaves %lld elements on spatial axis %d",
                             (long long)length, i);
    }
    *out = length;
    return FF_OK;
}

static ff_code conv_transpose(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0), *w = ff_infer_shape(c, 1);
    ff_code code = ff_infer_same_dtype(c, 0, 1);
    if (code != FF_OK || x == NULL || w == NULL) {
        return code != FF_OK ? code : ff_infer_out(c, 0, ff_infer_dtype(c, 0), NULL);
    }
    int64_t group = ff_node_int(c->node, "group", 1);
    window win = {.dims = x->rank - 2};
    int64_t extra[FF_MAX_RANK] = {0};
    code = check_conv(c, x, w, group, true);
    if (code == FF_OK) {
        code = read_kernel(c, w, &win);
    }
    if (code == FF_OK) {
        code = read_window(c, &win);
    }
    if (code == FF_OK) {
        code = ff_infer_attr_ints(c, "output_padding", win.dims, 0, MAX_ATTR, 0, extra);
    }
    ff_shape out = {.rank = x->rank, .dim = {x->dim[0], 0}};
    if (code == FF_OK && __builtin_mul_overflow(w->dim[1], group, &out.dim[1])) {
        code = ff_infer_fail(c, "%lld groups of %lld channels", (long long)group,
                             (long long)w->dim[1]);
    }
    const ff_attr *wanted = ff_node_attr(c->node, "output_shape");
    if (code == FF_OK && wanted != NULL && wanted->kind == FF_ATTR_INTS && wanted->count > 0) {
        /* spatial dims; some exporters write all dims */
        bool all = wanted->count == (size_t)x->rank;
        int64_t dims[FF_MAX_RANK];
        code =
            ff_infer_attr_ints(c, "output_shape", all ? x->rank : win.dims, 1, INT64_MAX, 1, dims);
        for (int i = 0; i < win.dims && code == FF_OK; i++) {
            out.dim[i + 2] = dims[all ? i + 2 : i];
        }
        return code != FF_OK ? code : ff_infer_out(c, 0, ff_infer_dtype(c, 0), &out);
    }
    for (int i = 0; i < win.dims && code == FF_OK; i++) {
        code = unslide(c, &win, i, x->dim[i + 2], extra[i], &out.dim[i + 2]);
    }
    return code != FF_OK ? code : ff_infer_out(c, 0, ff_infer_dtype(c, 0), &out);
}

/* MaxPool, AveragePool, LpPool; MaxPool's second output holds indices. */
static ff_code pool(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    ff_code code = ff_infer_rank(c, 0, 3, FF_MAX_RANK);
    if (code != FF_OK || x == NULL) {
        return code != FF_OK ? code : ff_infer_out(c, 0, ff_infer_dtype(c, 0), NULL);
    }
    window win = {.dims = x->rank - 2};
    if (ff_node_attr(c->node, "kernel_shape") == NULL) {
        return ff_infer_fail(c, "attribute 'kernel_shape' is missing");
    }
    code = ff_infer_attr_ints(c, "kernel_shape", win.dims, 1, MAX_ATTR, 1, win.kernel);
    if (code == FF_OK) {
        code = read_window(c, &win);
    }
    ff_shape out = *x;
    for (int i = 0; i < win.dims && code == FF_OK; i++) {
        code = slide(c, &win, i, x->dim[i + 2], &out.dim[i + 2]);
    }
    if (code == FF_OK) {
        code = ff_infer_out(c, 0, ff_infer_dtype(c, 0), &out);
    }
    return code != FF_OK ? code : ff_infer_out(c, 1, FF_DTYPE_I64, &out);
}

static ff_code global_pool(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    ff_code code = ff_infer_rank(c, 0, 2, FF_MAX_RANK);
    if (code != FF_OK || x == NULL) {
        return code != FF_OK ? code : ff_infer_out(c, 0, ff_infer_dtype(c, 0), NULL);
    }
    ff_shape out = *x;
    for (int i = 2; i < out.rank; i++) {
        out.dim[i] = 1;
    }
    return ff_infer_out(c, 0, ff_infer_dtype(c, 0), &out);
}

/* Regions of interest: [regions, channels, height, width] by attributes. */
static ff_code roi_pool(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0), *rois = ff_infer_shape(c, 1);
    ff_code code = ff_infer_rank(c, 0, 4, 4);
    if (code == FF_OK) {
        code = ff_infer_rank(c, 1, 2, 2);
    }
    if (code != FF_OK || x == NULL || rois == NULL) {
        return code != FF_OK ? code : ff_infer_out(c, 0, ff_infer_dtype(c, 0), NULL);
    }
    int64_t size[2] = {ff_node_int(c->node, "output_height", 1),
                       ff_node_int(c->node, "output_width", 1)};
    if (ff_node_is(c->node, "MaxRoiPool")) {
        code = ff_infer_attr_ints(c, "pooled_shape", 2, 1, MAX_ATTR, 1, size);
    }
    const ff_shape out = {4, {rois->dim[0], x->dim[1], size[0], size[1]}};
    return code != FF_OK ? code : ff_infer_out(c, 0, ff_infer_dtype(c, 0), &out);
}

static ff_code grid_sample(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0), *grid = ff_infer_shape(c, 1);
    if (x == NULL || grid == NULL) {
        return ff_infer_out(c, 0, ff_infer_dtype(c, 0), NULL);
    }
    if (x->rank < 3 || grid->rank != x->rank) {
        return ff_infer_fail(c, "input and grid should have 3 or more dims, as many each");
    }
    ff_shape out = *x;
    for (int i = 2; i < out.rank; i++) {
        out.dim[i] = grid->dim[i - 1];
    }
    return ff_infer_out(c, 0, ff_infer_dtype(c, 0), &out);
}

const ff_infer_entry ff_infer_window_rules[] = {
    {"Conv", conv},
    {"ConvInteger", conv_integer},
    {"QLinearConv", qlinear_conv},
    {"ConvTranspose", conv_transpose},
    {"MaxPool", pool},
    {"AveragePool", pool},
    {"LpPool", pool},
    {"GlobalAveragePool", global_pool},
    {"GlobalMaxPool", global_pool},
    {"GlobalLpPool", global_pool},
    {"MaxRoiPool", roi_pool},
    {"RoiAlign", roi_pool},
    {"GridSample", grid_sample},
    {NULL, NULL},
};
