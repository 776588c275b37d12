/*
 * The networks: residual ones in four kinds of block, and VGG.
 */
#include <stdio.h>

#include "zoo/zoo_int.h"

#define NAME_MAX_BYTES 64
/* What a residual branch adds is small, so that 50 blocks in a row stay of order 1. */
#define BRANCH_SCALE 0.4

typedef struct block_at {
    ff_zoo_net *net;
    const char *name; /* "layer3.1" */
    int64_t width, out, stride;
    bool project; /* the shortcut is a 1x1 convolution */
} block_at;

static const char *part(const block_at *at, const char *what, char text[NAME_MAX_BYTES])
{
    snprintf(text, NAME_MAX_BYTES, "%s.%s", at->name, what);
    return text;
}

static ff_zoo_tensor conv(const block_at *at, ff_zoo_tensor x, const char *what, int64_t out,
                          int64_t kernel, int64_t stride)
{
    char text[NAME_MAX_BYTES];
    return ff_zoo_conv2d(at->net, x, part(at, what, text),
                         (ff_zoo_conv){out, kernel, stride, kernel / 2, false});
}

static ff_zoo_tensor norm(const block_at *at, ff_zoo_tensor x, const char *what, double scale)
{
    char text[NAME_MAX_BYTES];
    return ff_zoo_batch_norm(at->net, x, part(at, what, text), scale);
}

static ff_zoo_tensor relu(const block_at *at, ff_zoo_tensor x, const char *what)
{
    char text[NAME_MAX_BYTES];
    return ff_zoo_relu(at->net, x, part(at, what, text));
}

static ff_zoo_tensor norm_relu(const block_at *at, ff_zoo_tensor x, const char *bn, const char *act)
{
    return relu(at, norm(at, x, bn, 1.0), act);
}

static ff_zoo_tensor add_shortcut(const block_at *at, ff_zoo_tensor x, ff_zoo_tensor branch)
{
    char text[NAME_MAX_BYTES];
    if (at->project) {
        x = conv(at, x, "shortcut.conv", at->out, 1, at->stride);
        x = norm(at, x, "shortcut.bn", 0.7);
    }
    ff_zoo_tensor sum = ff_zoo_add(at->net, branch, x, part(at, "add", text));
    ff_zoo_tensor y = relu(at, sum, "relu");
    if (!at->project) /* x is a Relu's already and passes almost whole */
        y.variance = 0.9 * sum.variance;
    return y;
}

static ff_zoo_tensor basic(const block_at *at, ff_zoo_tensor x)
{
    ff_zoo_tensor y = conv(at, x, "conv1", at->width, 3, at->stride);
    y = norm_relu(at, y, "bn1", "relu1");
    y = norm(at, conv(at, y, "conv2", at->out, 3, 1), "bn2", BRANCH_SCALE);
    return add_shortcut(at, x, y);
}

static ff_zoo_tensor bottleneck(const block_at *at, ff_zoo_tensor x, bool stride_first)
{
    ff_zoo_tensor y = conv(at, x, "conv1", at->width, 1, stride_first ? at->stride : 1);
    y = norm_relu(at, y, "bn1", "relu1");
    y = conv(at, y, "conv2", at->width, 3, stride_first ? 1 : at->stride);
    y = norm_relu(at, y, "bn2", "relu2");
    y = norm(at, conv(at, y, "conv3", at->out, 1, 1), "bn3", BRANCH_SCALE);
    return add_shortcut(at, x, y);
}

/* The convolution that ends a branch has no BatchNormalization behind it: bn3 shrinks it instead.
 */
static ff_zoo_tensor preact(const block_at *at, ff_zoo_tensor x)
{
    char text[NAME_MAX_BYTES];
    ff_zoo_tensor first = norm_relu(at, x, "bn1", "relu1");
    ff_zoo_tensor y = conv(at, first, "conv1", at->width, 1, 1);
    y = norm_relu(at, y, "bn2", "relu2");
    y = conv(at, y, "conv2", at->width, 3, at->stride);
    y = norm(at, y, "bn3", BRANCH_SCALE);
    y.variance = 1.03; /* conv3 is scaled for an input of order 1 and keeps the branch small */
    y = conv(at, relu(at, y, "relu3"), "conv3", at->out, 1, 1);
    y.variance = BRANCH_SCALE * BRANCH_SCALE;
    if (at->project)
        x = conv(at, first, "shortcut.conv", at->out, 1, at->stride);
    return ff_zoo_add(at->net, y, x, part(at, "add", text));
}

static ff_zoo_tensor one_block(const block_at *at, ff_zoo_block kind, ff_zoo_tensor x)
{
    switch (kind) {
    case FF_ZOO_BASIC:
        return basic(at, x);
    case FF_ZOO_PREACT:
        return preact(at, x);
    case FF_ZOO_BOTTLENECK:
    case FF_ZOO_STRIDE_1X1:
        break;
    }
    return bottleneck(at, x, kind == FF_ZOO_STRIDE_1X1);
}

void ff_zoo_resnet(ff_zoo_net *net, ff_zoo_block kind, const int blocks[4])
{
    int64_t expansion = kind == FF_ZOO_BASIC ? 1 : 4;
    ff_shape image = {4, {1, 3, 224, 224}};
    ff_zoo_tensor x = ff_zoo_input(net, "input", &image);
    x = ff_zoo_conv2d(net, x, "conv1", (ff_zoo_conv){ff_zoo_width(net, 64), 7, 2, 3, false});
    x = ff_zoo_relu(net, ff_zoo_batch_norm(net, x, "bn1", 1.0), "relu1");
    x = ff_zoo_max_pool(net, x, "pool1", 3, 2, 1);
    for (int group = 0; group < 4; group++) {
        for (int b = 0; b < blocks[group]; b++) {
            char name[NAME_MAX_BYTES];
            snprintf(name, sizeof name, "layer%d.%d", group + 1, b);
            block_at at = {.net = net,
                           .name = name,
                           .width = ff_zoo_width(net, 64 << group),
                           .out = ff_zoo_width(net, (64 << group) * expansion),
                           .stride = group > 0 && b == 0 ? 2 : 1};
            at.project = at.stride != 1 || x.shape.dim[1] != at.out;
            x = one_block(&at, kind, x);
        }
    }
    if (kind == FF_ZOO_PREACT)
        x = ff_zoo_relu(net, ff_zoo_batch_norm(net, x, "bn5", 1.0), "relu5");
    x = ff_zoo_flatten(net, ff_zoo_average_all(net, x, "pool5"), "flatten");
    ff_zoo_output(net, ff_zoo_gemm(net, x, "output", 1000));
}

void ff_zoo_vgg(ff_zoo_net *net, const int convs[5])
{
    char name[NAME_MAX_BYTES];
    ff_shape image = {4, {1, 3, 224, 224}};
    ff_zoo_tensor x = ff_zoo_input(net, "input", &image);
    for (int group = 0; group < 5; group++) {
        int64_t width = ff_zoo_width(net, group < 3 ? 64 << group : 512);
        for (int c = 0; c < convs[group]; c++) {
            snprintf(name, sizeof name, "conv%d_%d", group + 1, c + 1);
            x = ff_zoo_conv2d(net, x, name, (ff_zoo_conv){width, 3, 1, 1, true});
            snprintf(name, sizeof name, "relu%d_%d", group + 1, c + 1);
            x = ff_zoo_relu(net, x, name);
        }
        snprintf(name, sizeof name, "pool%d", group + 1);
        x = ff_zoo_max_pool(net, x, name, 2, 2, 0);
    }
    x = ff_zoo_flatten(net, x, "flatten");
    x = ff_zoo_relu(net, ff_zoo_gemm(net, x, "fc6", ff_zoo_width(net, 4096)), "relu6");
    x = ff_zoo_relu(net, ff_zoo_gemm(net, x, "fc7", ff_zoo_width(net, 4096)), "relu7");
    ff_zoo_output(net, ff_zoo_gemm(net, x, "output", 1000));
}
