/*
 * Networks of inverted residuals: a 1x1 convolution widens, a depthwise one mixes, a 1x1 one
 * narrows. MobileNet v2 (Sandler et al., 2018) and EfficientNet-B0 (Tan and Le, 2019).
 */
#include "zoo/zoo_int.h"

/* What a block adds to its shortcut is small, so that a stack of them stays of order 1. */
#define BRANCH_SCALE 0.5
#define SWISH_SCALE  0.15

typedef struct stack {
    int expand, out, blocks, stride, kernel;
} stack;

typedef struct style {
    bool swish;   /* x * Sigmoid(x), else Clip to 0..6 */
    bool squeeze; /* squeeze-and-excite behind the depthwise convolution */
} style;

/* What goes into an activation. Swish is all but straight near 0. Far from it, it would add to each
 * channel a mean that soon outweighs what depends on the input, and the gates of 16 blocks in a row
 * would be switches: rounding alone then changes the answer. */
static double active_scale(style how)
{
    return how.swish ? SWISH_SCALE : 1;
}

static ff_zoo_tensor active(ff_zoo_net *net, ff_zoo_tensor x, const char *name, style how)
{
    return how.swish ? ff_zoo_swish(net, x, name) : ff_zoo_clip6(net, x, name);
}

static ff_zoo_tensor conv_norm(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                               const ff_zoo_filter *filter, double scale)
{
    x = ff_zoo_conv_filter(net, x, ff_zoo_name(net, "%s.0", name), filter);
    return ff_zoo_batch_norm(net, x, ff_zoo_name(net, "%s.1", name), scale);
}

static ff_zoo_filter pointwise(int64_t out)
{
    return (ff_zoo_filter){.out = out, .rows = 1, .cols = 1, .stride = 1};
}

/* x * Sigmoid(fc2(swish(fc1(mean of x)))). Means are small, so the gates are near 1/2. */
static ff_zoo_tensor squeeze(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t narrow)
{
    ff_zoo_tensor y = ff_zoo_average_all(net, x, ff_zoo_name(net, "%s.avgpool", name));
    y = ff_zoo_conv2d(net, y, ff_zoo_name(net, "%s.fc1", name),
                      (ff_zoo_conv){narrow, 1, 1, 0, true});
    y = ff_zoo_swish(net, y, ff_zoo_name(net, "%s.activation", name));
    y = ff_zoo_conv2d(net, y, ff_zoo_name(net, "%s.fc2", name),
                      (ff_zoo_conv){x.shape.dim[1], 1, 1, 0, true});
    y = ff_zoo_each(net, y, ff_zoo_name(net, "%s.scale_activation", name), "Sigmoid", 0.05);
    const int in[2] = {x.value, y.value};
    return ff_zoo_pair(net, ff_zoo_name(net, "%s.mul", name), "Mul", in, x.shape,
                       0.25 * x.variance);
}

static ff_zoo_tensor inverted(ff_zoo_net *net, ff_zoo_tensor x, const char *name, const stack *s,
                              int64_t stride, style how)
{
    int64_t in = x.shape.dim[1], wide = in * s->expand, out = ff_zoo_width(net, s->out);
    ff_zoo_tensor y = x;
    if (s->expand != 1) {
        const ff_zoo_filter widen = pointwise(wide);
        y = conv_norm(net, y, ff_zoo_name(net, "%s.expand", name), &widen, active_scale(how));
        y = active(net, y, ff_zoo_name(net, "%s.expand.2", name), how);
    }
    const ff_zoo_filter depthwise = {.out = wide,
                                     .rows = s->kernel,
                                     .cols = s->kernel,
                                     .stride = stride,
                                     .pad_rows = s->kernel / 2,
                                     .pad_cols = s->kernel / 2,
                                     .group = wide};
    y = conv_norm(net, y, ff_zoo_name(net, "%s.depthwise", name), &depthwise, active_scale(how));
    y = active(net, y, ff_zoo_name(net, "%s.depthwise.2", name), how);
    if (how.squeeze)
        y = squeeze(net, y, ff_zoo_name(net, "%s.se", name), in < 4 ? 1 : in / 4);
    bool residual = stride == 1 && in == out;
    const ff_zoo_filter narrow = pointwise(out);
    y = conv_norm(net, y, ff_zoo_name(net, "%s.project", name), &narrow,
                  residual ? BRANCH_SCALE : 1);
    return residual ? ff_zoo_add(net, x, y, ff_zoo_name(net, "%s.add", name)) : y;
}

static void build(ff_zoo_net *net, const stack *stacks, int count, style how)
{
    const ff_shape image = {4, {1, 3, 224, 224}};
    const ff_zoo_filter first = {.out = ff_zoo_width(net, 32),
                                 .rows = 3,
                                 .cols = 3,
                                 .stride = 2,
                                 .pad_rows = 1,
                                 .pad_cols = 1};
    const ff_zoo_filter last = pointwise(ff_zoo_width(net, 1280));
    ff_zoo_tensor x = ff_zoo_input(net, "input", &image);
    x = active(net, conv_norm(net, x, "stem", &first, active_scale(how)), "stem.2", how);
    for (int i = 0; i < count; i++)
        for (int b = 0; b < stacks[i].blocks; b++)
            x = inverted(net, x, ff_zoo_name(net, "features.%d.%d", i + 1, b), &stacks[i],
                         b == 0 ? stacks[i].stride : 1, how);
    x = active(net, conv_norm(net, x, "head", &last, active_scale(how)), "head.2", how);
    x = ff_zoo_flatten(net, ff_zoo_average_all(net, x, "avgpool"), "flatten");
    ff_zoo_output(net, ff_zoo_gemm(net, x, "output", 1000));
}

void ff_zoo_mobilenet(ff_zoo_net *net)
{
    static const stack stacks[] = {{1, 16, 1, 1, 3}, {6, 24, 2, 2, 3}, {6, 32, 3, 2, 3},
                                   {6, 64, 4, 2, 3}, {6, 96, 3, 1, 3}, {6, 160, 3, 2, 3},
                                   {6, 320, 1, 1, 3}};
    build(net, stacks, 7, (style){false, false});
}

void ff_zoo_efficientnet(ff_zoo_net *net)
{
    static const stack stacks[] = {{1, 16, 1, 1, 3}, {6, 24, 2, 2, 3},  {6, 40, 2, 2, 5},
                                   {6, 80, 3, 2, 3}, {6, 112, 3, 1, 5}, {6, 192, 4, 2, 5},
                                   {6, 320, 1, 1, 3}};
    build(net, stacks, 7, (style){true, true});
}
