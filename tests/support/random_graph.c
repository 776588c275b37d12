/*
 * Random graphs: a pool of live maps, and steps that make new ones of them.
 *
 * Every step checks by itself that its result has a size; what does not fit is left out.
 */
#include "support/random_graph.h"

#include <stdio.h>
#include <string.h>

#define MAX_MAPS 64

typedef struct maker {
    graph_make *m;
    int maps[MAX_MAPS];
    int count;
} maker;

static int64_t below(maker *k, int64_t bound)
{
    return (int64_t)ff_random_below(&k->m->random, (uint64_t)bound);
}

static int64_t between(maker *k, int64_t lo, int64_t hi)
{
    return ff_random_between(&k->m->random, lo, hi);
}

static bool chance(maker *k, int percent)
{
    return below(k, 100) < percent;
}

static int64_t dim(const maker *k, int v, int axis)
{
    return gm_shape_of(k->m, v)->dim[axis];
}

static void keep(maker *k, int v)
{
    if (k->count == MAX_MAPS) {
        memmove(k->maps, k->maps + 1, (MAX_MAPS - 1) * sizeof k->maps[0]);
        k->count--;
    }
    k->maps[k->count++] = v;
}

/* A map, mostly a recent one. */
static int pick(maker *k)
{
    int64_t back = chance(k, 70) ? below(k, k->count < 2 ? k->count : 2) : below(k, k->count);
    return k->maps[k->count - 1 - back];
}

/* Another map of the same size (and of the same channels, if asked for); -1: none. */
static int pick_alike(maker *k, int v, bool channels)
{
    for (int tries = 0; tries < 8; tries++) {
        int o = k->maps[below(k, k->count)];
        if (o != v && dim(k, o, 2) == dim(k, v, 2) && dim(k, o, 3) == dim(k, v, 3) &&
            dim(k, o, 0) == dim(k, v, 0) && (!channels || dim(k, o, 1) == dim(k, v, 1))) {
            return o;
        }
    }
    return -1;
}

/* One axis of a window that fits. */
typedef struct window {
    int64_t kernel, stride, dilation, lo, hi;
} window;

static window pick_window(maker *k, int64_t len, bool pool, bool dilate)
{
    static const int KERNELS[] = {1, 2, 3, 3, 3, 4, 5, 7};
    for (int tries = 0; tries < 20; tries++) {
        window w = {.kernel = KERNELS[below(k, 8)], .stride = chance(k, 60) ? 1 : between(k, 1, 3)};
        w.dilation = dilate && chance(k, 20) ? between(k, 2, 3) : 1;
        int64_t extent = (w.kernel - 1) * w.dilation + 1;
        int64_t most = pool ? w.kernel - 1 : chance(k, 3) ? 2 * extent : extent - 1;
        w.lo = chance(k, 60) ? extent / 2 : between(k, 0, most);
        w.hi = chance(k, 60) ? w.lo : between(k, 0, most);
        w.lo = w.lo > most ? most : w.lo;
        w.hi = w.hi > most ? most : w.hi;
        int64_t room = len + w.lo + w.hi - extent;
        if (room >= 0 && room / w.stride + 1 >= 3 && room / w.stride + 1 <= 40) {
            return w;
        }
    }
    return (window){1, 1, 1, 0, 0};
}

static void window_text(maker *k, const window *h, const window *w, bool dilations, char *text,
                        size_t size)
{
    int n = snprintf(text, size, "strides=%d,%d", (int)h->stride, (int)w->stride);
    if (dilations) {
        n += snprintf(text + n, size - (size_t)n, " dilations=%d,%d", (int)h->dilation,
                      (int)w->dilation);
    }
    /* ONNX Runtime computes negative pads where the stride is above the kernel */
    bool plain =
        h->dilation == 1 && w->dilation == 1 && h->stride <= h->kernel && w->stride <= w->kernel;
    if (plain && chance(k, 15)) {
        static const char *const AUTO[] = {"SAME_UPPER", "SAME_LOWER"};
        snprintf(text + n, size - (size_t)n, " auto_pad=%s", AUTO[below(k, 2)]);
    } else {
        snprintf(text + n, size - (size_t)n, " pads=%d,%d,%d,%d", (int)h->lo, (int)w->lo,
                 (int)h->hi, (int)w->hi);
    }
}

static int conv(maker *k, int x)
{
    int c = (int)dim(k, x, 1), group = 1, out = (int)between(k, 1, 6);
    if (chance(k, 20)) {
        group = c; /* depthwise */
        out = c * (int)between(k, 1, 2);
    } else if (c % 2 == 0 && chance(k, 20)) {
        group = 2;
        out = 2 * (int)between(k, 1, 3);
    }
    window h = pick_window(k, dim(k, x, 2), false, true);
    window w = pick_window(k, dim(k, x, 3), false, true);
    char attrs[256], text[192];
    window_text(k, &h, &w, true, text, sizeof text);
    snprintf(attrs, sizeof attrs, "group=%d %s", group, text);
    return gm_conv(k->m, x, out, (int)h.kernel, (int)w.kernel, attrs);
}

/* Would the last window of ceil_mode begin in the end pad? ONNX Runtime leaves it out when it runs,
 * but not when it infers shapes, and then refuses ops that come later. */
static bool drops_last(const window *w, int64_t len)
{
    int64_t room = len + w->lo + w->hi - (w->kernel - 1) * w->dilation - 1;
    return room % w->stride != 0 && (room / w->stride + 1) * w->stride >= len + w->lo;
}

static int pool(maker *k, int x)
{
    static const char *const OPS[] = {"MaxPool", "AveragePool", "AveragePool", "LpPool"};
    const char *op = OPS[below(k, 4)];
    int64_t opset = k->m->opset;
    bool dilate = strcmp(op, "MaxPool") == 0       ? opset >= 10
                  : strcmp(op, "AveragePool") == 0 ? opset >= 19
                                                   : opset >= 18;
    bool ceil = strcmp(op, "LpPool") == 0 ? opset >= 18 : opset >= 10;
    window h = pick_window(k, dim(k, x, 2), true, dilate);
    window w = pick_window(k, dim(k, x, 3), true, dilate);
    char attrs[320], text[192];
    window_text(k, &h, &w, dilate, text, sizeof text);
    int n =
        snprintf(attrs, sizeof attrs, "kernel_shape=%d,%d %s", (int)h.kernel, (int)w.kernel, text);
    ceil = ceil && !drops_last(&h, dim(k, x, 2)) && !drops_last(&w, dim(k, x, 3));
    if (ceil && chance(k, 50)) {
        n += snprintf(attrs + n, sizeof attrs - (size_t)n, " ceil_mode=1");
    }
    if (strcmp(op, "AveragePool") == 0 && chance(k, 50)) {
        snprintf(attrs + n, sizeof attrs - (size_t)n, " count_include_pad=1");
    }
    return gm_op1(k->m, op, x, attrs);
}

static int batch_norm(maker *k, int x)
{
    int c = (int)dim(k, x, 1);
    int in[5] = {x};
    for (int i = 1; i < 5; i++) {
        in[i] = gm_weight(k->m, gm_shape(1, c), 0.1, i == 1 || i == 4 ? 1 : 0);
    }
    return gm_op(k->m, "BatchNormalization", in, 5, NULL);
}

static int unary(maker *k, int x)
{
    static const char *const OPS[] = {"Relu", "Sigmoid",  "Tanh",     "LeakyRelu",
                                      "Abs",  "Identity", "Softplus", "HardSigmoid",
                                      "Elu",  "Dropout",  "Neg",      "Floor"};
    return gm_op1(k->m, OPS[below(k, 11)], x, NULL);
}

/* A weight that is broadcast to x, or cut with it. */
static int side_weight(maker *k, int x)
{
    int n = (int)dim(k, x, 0), c = (int)dim(k, x, 1), h = (int)dim(k, x, 2), w = (int)dim(k, x, 3);
    const ff_shape shapes[] = {gm_shape(0),
                               gm_shape(1, 1),
                               gm_shape(3, c, 1, 1),
                               gm_shape(1, w),
                               gm_shape(2, h, w),
                               gm_shape(3, 1, h, 1),
                               gm_shape(4, n, c, h, w),
                               gm_shape(4, 1, c, 1, w),
                               gm_shape(4, 1, c, 1, 1)};
    return gm_weight(k->m, shapes[below(k, 9)], 0.5, 1);
}

static int binary(maker *k, int x)
{
    static const char *const OPS[] = {"Add", "Mul", "Sub", "Max", "Min", "Sum", "Mean"};
    int64_t op = below(k, k->m->opset >= 8 ? 7 : 3);
    int other = chance(k, 50) ? pick_alike(k, x, true) : -1;
    other = other < 0 ? side_weight(k, x) : other;
    return chance(k, 80) ? gm_op2(k->m, OPS[op], x, other, NULL)
                         : gm_op2(k->m, OPS[op], other, x, NULL);
}

static int prelu_or_clip(maker *k, int x)
{
    if (chance(k, 50)) {
        return gm_op2(k->m, "PRelu", x, side_weight(k, x), NULL);
    }
    if (k->m->opset < 11) {
        return gm_op1(k->m, "Clip", x, "min=-0.5f max=1f");
    }
    int in[3] = {x, gm_weight(k->m, gm_shape(0), 0, -0.5), gm_weight(k->m, gm_shape(0), 0, 1)};
    return gm_op(k->m, "Clip", in, 3, NULL);
}

static int concat(maker *k, int x)
{
    int in[3] = {x, pick_alike(k, x, false), 0};
    if (in[1] < 0 || dim(k, x, 1) > 12) {
        return batch_norm(k, x);
    }
    in[2] = pick_alike(k, x, false);
    return gm_op(k->m, "Concat", in, in[2] < 0 ? 2 : 3, "axis=1");
}

/* Divides the channels and puts both parts into the pool. */
static int split(maker *k, int x)
{
    int64_t c = dim(k, x, 1), sizes[2] = {between(k, 1, c > 1 ? c - 1 : 1), 0};
    int out[2], in[2] = {x, 0};
    char attrs[64];
    if (c < 2) {
        return unary(k, x);
    }
    sizes[1] = c - sizes[0];
    if (k->m->opset < 13) {
        snprintf(attrs, sizeof attrs, "axis=1 split=%d,%d", (int)sizes[0], (int)sizes[1]);
        gm_ops(k->m, "Split", in, 1, attrs, out, 2);
    } else {
        in[1] = gm_ints(k->m, sizes, 2);
        gm_ops(k->m, "Split", in, 2, "axis=1", out, 2);
    }
    keep(k, out[0]);
    return out[1];
}

static int residual(maker *k, int x, int depth)
{
    int c = (int)dim(k, x, 1);
    int y = gm_conv(k->m, x, (int)between(k, 1, 4), 1, 1, NULL);
    y = gm_op1(k->m, "Relu", y, NULL);
    if (depth > 0 && chance(k, 50)) {
        y = residual(k, y, depth - 1);
    }
    y = gm_conv(k->m, y, c, 3, 3, "pads=1,1,1,1");
    return gm_op2(k->m, "Add", y, x, NULL);
}

static int resize(maker *k, int x)
{
    int64_t fh = between(k, 1, 3), fw = between(k, 1, 3), opset = k->m->opset;
    if (dim(k, x, 2) * fh > 48 || dim(k, x, 3) * fw > 48) {
        return unary(k, x);
    }
    float scales[4] = {1, 1, (float)fh, (float)fw};
    static const char *const COORDINATES[] = {"half_pixel", "asymmetric", "pytorch_half_pixel"};
    static const char *const ROUNDINGS[] = {"round_prefer_floor", "round_prefer_ceil"};
    int in[4] = {x, FF_NO_VALUE, FF_NO_VALUE, FF_NO_VALUE};
    bool linear = chance(k, 40);
    char attrs[192];
    if (opset < 9) {
        return unary(k, x); /* Upsample's scales were an attribute */
    }
    if (opset < 11) {
        in[1] = gm_floats(k->m, scales, 4);
        return gm_op(k->m, opset == 9 ? "Upsample" : "Resize", in, 2,
                     linear ? "mode=linear" : "mode=nearest");
    }
    int64_t c = below(k, 3);
    if (linear) {
        snprintf(attrs, sizeof attrs, "mode=linear coordinate_transformation_mode=%s",
                 COORDINATES[c]);
    } else {
        snprintf(attrs, sizeof attrs,
                 "mode=nearest coordinate_transformation_mode=%s nearest_mode=%s", COORDINATES[c],
                 c == 1 && chance(k, 50) ? "floor" : ROUNDINGS[below(k, 2)]);
    }
    if (opset < 13) {
        float none = 0;
        in[1] = gm_floats(k->m, &none, 0);
    }
    if (chance(k, 50)) {
        in[2] = gm_floats(k->m, scales, 4);
        return gm_op(k->m, "Resize", in, 3, attrs);
    }
    int64_t sizes[4] = {dim(k, x, 0), dim(k, x, 1), dim(k, x, 2) * fh, dim(k, x, 3) * fw};
    if (opset < 13) {
        float none = 0;
        in[2] = gm_floats(k->m, &none, 0);
    }
    in[3] = gm_ints(k->m, sizes, 4);
    return gm_op(k->m, "Resize", in, 4, attrs);
}

static int conv_transpose(maker *k, int x)
{
    int in_c = (int)dim(k, x, 1), group = in_c % 2 == 0 && chance(k, 25) ? 2 : 1;
    int out_c = (int)between(k, 1, 3);
    int64_t len[2], kernel[2], stride[2], dilation[2], lo[2], hi[2], extra[2];
    for (int i = 0; i < 2; i++) {
        kernel[i] = between(k, 1, 4);
        stride[i] = between(k, 1, 3);
        dilation[i] = chance(k, 20) ? 2 : 1;
        int64_t extent = (kernel[i] - 1) * dilation[i] + 1;
        lo[i] = between(k, 0, extent - 1 < 2 ? extent - 1 : 2);
        hi[i] = between(k, 0, extent - 1 < 2 ? extent - 1 : 2);
        extra[i] = chance(k, 30) ? between(k, 0, stride[i] - 1) : 0;
        len[i] = (dim(k, x, 2 + i) - 1) * stride[i] + extent + extra[i] - lo[i] - hi[i];
        if (len[i] < 3 || len[i] > 48) {
            return unary(k, x);
        }
    }
    char attrs[256];
    snprintf(attrs, sizeof attrs,
             "kernel_shape=%d,%d strides=%d,%d dilations=%d,%d pads=%d,%d,%d,%d "
             "output_padding=%d,%d group=%d",
             (int)kernel[0], (int)kernel[1], (int)stride[0], (int)stride[1], (int)dilation[0],
             (int)dilation[1], (int)lo[0], (int)lo[1], (int)hi[0], (int)hi[1], (int)extra[0],
             (int)extra[1], group);
    int in[3] = {x,
                 gm_weight(k->m, gm_shape(4, in_c, out_c, (int)kernel[0], (int)kernel[1]), 0.4, 0),
                 gm_weight(k->m, gm_shape(1, out_c * group), 0.5, 0)};
    return gm_op(k->m, "ConvTranspose", in, 3, attrs);
}

static int pad(maker *k, int x)
{
    static const char *const MODES[] = {"constant", "constant", "reflect", "edge"};
    int64_t pads[8] = {0};
    char attrs[128];
    const char *mode = MODES[below(k, 4)];
    for (int a = 2; a < 4; a++) {
        for (int side = 0; side < 2; side++) {
            pads[a + 4 * side] = between(k, 0, 4);
        }
        if (pads[a] >= dim(k, x, a) || pads[a + 4] >= dim(k, x, a) || dim(k, x, a) > 40) {
            return unary(k, x);
        }
        if (chance(k, 10) && dim(k, x, a) > 6 && strcmp(mode, "constant") == 0) {
            pads[a] = -1;
        }
    }
    if (k->m->opset < 11) {
        snprintf(attrs, sizeof attrs, "mode=%s value=0.5f pads=0,0,%d,%d,0,0,%d,%d", mode,
                 (int)pads[2], (int)pads[3], (int)pads[6], (int)pads[7]);
        return gm_op1(k->m, "Pad", x, attrs);
    }
    snprintf(attrs, sizeof attrs, "mode=%s", mode);
    int in[4] = {x, FF_NO_VALUE, gm_weight(k->m, gm_shape(0), 0, 0.5), FF_NO_VALUE};
    if (k->m->opset >= 18 && chance(k, 50)) {
        int64_t named[4] = {pads[3], pads[2], pads[7], pads[6]}, axes[2] = {-1, 2};
        in[1] = gm_ints(k->m, named, 4);
        in[3] = gm_ints(k->m, axes, 2);
        return gm_op(k->m, "Pad", in, 4, attrs);
    }
    in[1] = gm_ints(k->m, pads, 8);
    return gm_op(k->m, "Pad", in, 3, attrs);
}

/* A crop, or every second row, or some channels. */
static int slice(maker *k, int x)
{
    int64_t h = dim(k, x, 2), w = dim(k, x, 3);
    int64_t starts[3] = {between(k, 0, 2), between(k, -w, -w + 2), 0};
    int64_t ends[3] = {h - between(k, 0, 2), INT32_MAX, INT32_MAX}, axes[3] = {2, -1, 1};
    int64_t steps[3] = {1, chance(k, 50) ? 2 : 1, 1};
    if (h < 8 || w < 8) {
        return unary(k, x);
    }
    if (k->m->opset < 10) {
        char attrs[128];
        snprintf(attrs, sizeof attrs, "starts=%d,%d ends=%d,%d axes=2,3", (int)starts[0],
                 (int)starts[1], (int)ends[0], INT32_MAX);
        return gm_op1(k->m, "Slice", x, attrs);
    }
    if (chance(k, 30)) { /* channels backwards */
        starts[2] = -1;
        ends[2] = INT32_MIN;
        steps[2] = -1;
    }
    int in[5] = {x, gm_ints(k->m, starts, 3), gm_ints(k->m, ends, 3), gm_ints(k->m, axes, 3),
                 gm_ints(k->m, steps, 3)};
    return gm_op(k->m, "Slice", in, 5, NULL);
}

/* To rows of channels and back, with something along the channels in between. */
static int channels_last(maker *k, int x)
{
    int c = (int)dim(k, x, 1);
    int y = gm_op1(k->m, "Transpose", x, "perm=0,2,3,1");
    int64_t kind = below(k, 3);
    if (kind == 0 && k->m->opset >= 17) {
        int in[3] = {y, gm_weight(k->m, gm_shape(1, c), 0.1, 1),
                     gm_weight(k->m, gm_shape(1, c), 0.1, 0)};
        y = gm_op(k->m, "LayerNormalization", in, 3, "axis=-1");
    } else if (kind == 1) {
        y = gm_op2(k->m, "MatMul", y,
                   gm_weight(k->m, gm_shape(2, c, (int)between(k, 1, 5)), 0.5, 0), NULL);
    } else {
        y = gm_op1(k->m, "Softmax", y, "axis=3");
    }
    return gm_op1(k->m, "Transpose", y, "perm=0,3,1,2");
}

static int shuffle(maker *k, int x)
{
    int64_t n = dim(k, x, 0), c = dim(k, x, 1), h = dim(k, x, 2), w = dim(k, x, 3);
    if (c % 2 != 0) {
        return gm_op1(k->m, "Transpose", x, "perm=0,1,3,2");
    }
    int64_t apart[5] = {n, 2, c / 2, h, w}, together[4] = {n, c, h, w};
    int y = gm_op2(k->m, "Reshape", x, gm_ints(k->m, apart, 5), NULL);
    y = gm_op1(k->m, "Transpose", y, "perm=0,2,1,3,4");
    return gm_op2(k->m, "Reshape", y, gm_ints(k->m, together, 4), NULL);
}

static int along_channels(maker *k, int x)
{
    switch (below(k, 3)) {
    case 0:
        return gm_op1(k->m, "LRN", x, "size=3 alpha=0.1f beta=0.75f bias=1f");
    case 1:
        return k->m->opset < 18
                   ? gm_op1(k->m, "ReduceMean", x, "axes=[1] keepdims=1")
                   : gm_op2(k->m, "ReduceMean", x, gm_ints(k->m, (int64_t[]){1}, 1), "keepdims=1");
    default:
        return k->m->opset >= 13 ? gm_op1(k->m, "Softmax", x, "axis=1") : unary(k, x);
    }
}

static int depth_space(maker *k, int x)
{
    if (dim(k, x, 1) % 4 == 0 && dim(k, x, 2) < 24 && dim(k, x, 3) < 24) {
        return gm_op1(k->m, "DepthToSpace", x,
                      k->m->opset >= 11 && chance(k, 50) ? "blocksize=2 mode=CRD" : "blocksize=2");
    }
    if (dim(k, x, 2) % 2 == 0 && dim(k, x, 3) % 2 == 0 && dim(k, x, 2) > 8 && dim(k, x, 3) > 8 &&
        dim(k, x, 1) < 4) {
        return gm_op1(k->m, "SpaceToDepth", x, "blocksize=2");
    }
    return conv(k, x);
}

/* A gate from outside the map: one number a channel. */
static int gate(maker *k, int x)
{
    int v = gm_input(k->m, gm_shape(4, (int)dim(k, x, 0), (int)dim(k, x, 1), 1, 1));
    return gm_op2(k->m, "Mul", x, gm_op1(k->m, "Sigmoid", v, NULL), NULL);
}

static int where(maker *k, int x)
{
    int other = pick_alike(k, x, true);
    if (k->m->opset < 9) {
        return unary(k, x);
    }
    int zero = gm_weight(k->m, gm_shape(0), 0, 0);
    int in[3] = {gm_op2(k->m, "Greater", x, zero, NULL), x, other < 0 ? side_weight(k, x) : other};
    return gm_op(k->m, "Where", in, 3, NULL);
}

static int step(maker *k)
{
    int x = pick(k);
    int64_t kind = below(k, 100);
    return kind < 22   ? conv(k, x)
           : kind < 32 ? pool(k, x)
           : kind < 36 ? batch_norm(k, x)
           : kind < 40 ? unary(k, x)
           : kind < 49 ? binary(k, x)
           : kind < 52 ? prelu_or_clip(k, x)
           : kind < 58 ? concat(k, x)
           : kind < 61 ? split(k, x)
           : kind < 67 ? residual(k, x, 2)
           : kind < 73 ? resize(k, x)
           : kind < 79 ? conv_transpose(k, x)
           : kind < 84 ? pad(k, x)
           : kind < 88 ? slice(k, x)
           : kind < 90 ? channels_last(k, x)
           : kind < 92 ? shuffle(k, x)
           : kind < 94 ? along_channels(k, x)
           : kind < 96 ? depth_space(k, x)
           : kind < 98 ? gate(k, x)
                       : where(k, x);
}

static int reduced(maker *k, int x)
{
    char attrs[64];
    const char *op = chance(k, 50) ? "ReduceMean" : "ReduceSum";
    bool input = k->m->opset >= (op[6] == 'M' ? 18 : 13);
    bool all = chance(k, 20) && dim(k, x, 1) < 3; /* channels too */
    int64_t axes[3] = {3, -2, 1};
    snprintf(attrs, sizeof attrs, "keepdims=%d%s", (int)below(k, 2),
             input ? ""
             : all ? " axes=2,3,1"
                   : " axes=3,2");
    return input ? gm_op2(k->m, op, x, gm_ints(k->m, axes, all ? 3 : 2), attrs)
                 : gm_op1(k->m, op, x, attrs);
}

/* The map as rows of numbers: as it lies, or channels last, or by a Reshape. */
static int flattened(maker *k, int x)
{
    int64_t flat[2] = {dim(k, x, 0), -1};
    if (chance(k, 25)) {
        x = gm_op1(k->m, "Transpose", x, "perm=0,2,3,1");
    }
    return chance(k, 60) ? gm_op1(k->m, "Flatten", x, "axis=1")
                         : gm_op2(k->m, "Reshape", x, gm_ints(k->m, flat, 2), NULL);
}

static int dense(maker *k, int x)
{
    char attrs[64];
    int rows = (int)dim(k, x, 1), columns = (int)between(k, 2, 7);
    double scale = 1.0 / (1 + rows / 16.0);
    if (chance(k, 40)) {
        int w = gm_weight(k->m, gm_shape(2, rows, columns), scale, 0);
        return gm_op2(k->m, "MatMul", x, w, NULL);
    }
    bool turned = chance(k, 50), bias = k->m->opset < 11 || chance(k, 70);
    ff_shape shape = turned ? gm_shape(2, columns, rows) : gm_shape(2, rows, columns);
    int in[3] = {x, gm_weight(k->m, shape, scale, 0),
                 bias ? gm_weight(k->m, gm_shape(1, columns), 0.5, 0) : FF_NO_VALUE};
    snprintf(attrs, sizeof attrs, "transB=%d alpha=%s", turned, chance(k, 70) ? "1f" : "0.5f");
    return gm_op(k->m, "Gemm", in, bias ? 3 : 2, attrs);
}

/* What networks end in: a mean of the map, or a product with all of it, and what is linear. */
static int head(maker *k, int x)
{
    int y;
    if (chance(k, 50)) {
        y = chance(k, 50) ? gm_op1(k->m, "GlobalAveragePool", x, NULL) : reduced(k, x);
    } else {
        y = flattened(k, x);
        if (chance(k, 30)) {
            y = gm_op2(k->m, "Mul", gm_op1(k->m, "Relu", y, NULL),
                       gm_weight(k->m, gm_shape(1, (int)dim(k, y, 1)), 0.5, 1), NULL);
        }
        y = dense(k, y);
    }
    if (chance(k, 30)) {
        float half = 0.5f;
        y = gm_op2(k->m, "Mul", y, gm_floats(k->m, &half, 1), NULL);
        y = gm_op2(k->m, "Add", y, gm_weight(k->m, *gm_shape_of(k->m, y), 1, 0), NULL);
    }
    return chance(k, 30) ? gm_op1(k->m, "Sigmoid", y, NULL) : y;
}

void random_graph(graph_make *m, uint64_t seed, int steps)
{
    static const int OPSETS[] = {7, 9, 10, 11, 12, 13, 15, 17, 18, 19, 20, 21};
    ff_random random;
    ff_random_init(&random, seed);
    gm_init(m, OPSETS[ff_random_below(&random, sizeof OPSETS / sizeof OPSETS[0])], seed + 1);
    maker k = {.m = m};
    keep(&k, gm_input(m, gm_shape(4, chance(&k, 85) ? 1 : 2, (int)between(&k, 1, 4),
                                  (int)between(&k, 5, 28), (int)between(&k, 5, 28))));
    for (int i = 0; i < steps; i++) {
        keep(&k, step(&k));
    }
    int last = k.maps[k.count - 1];
    bool headed = chance(&k, 40);
    gm_output(m, headed ? head(&k, last) : last);
    for (int64_t more = below(&k, 3); more > 0; more--) {
        int v = k.maps[below(&k, k.count)];
        if (!ff_graph_is_output(m->g, v) && m->g->values[v].kind == FF_VALUE_NODE) {
            gm_output(m, v);
        }
    }
}
