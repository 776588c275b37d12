/*
 * Inception v3 (Szegedy et al., 2016) without its auxiliary head: branches of square and of 1x7 and
 * 7x1 convolutions, joined on channels.
 */
#include "zoo/zoo_int.h"

#define MAX_STEPS 5

/* One convolution with BatchNormalization and Relu; a step without filters ends a branch. */
typedef struct step {
    const char *name;
    int filters, rows, cols, stride;
    bool valid; /* no padding, else as much as keeps the size */
} step;

static ff_zoo_tensor unit(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix, const step *s)
{
    const char *name = ff_zoo_name(net, "%s%s", prefix, s->name);
    const ff_zoo_filter filter = {.out = ff_zoo_width(net, s->filters),
                                  .rows = s->rows,
                                  .cols = s->cols,
                                  .stride = s->stride,
                                  .pad_rows = s->valid ? 0 : s->rows / 2,
                                  .pad_cols = s->valid ? 0 : s->cols / 2};
    x = ff_zoo_conv_filter(net, x, ff_zoo_name(net, "%s.conv", name), &filter);
    x = ff_zoo_batch_norm(net, x, ff_zoo_name(net, "%s.bn", name), 1);
    return ff_zoo_relu(net, x, ff_zoo_name(net, "%s.relu", name));
}

static ff_zoo_tensor branch(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix, const step *steps)
{
    for (int i = 0; i < MAX_STEPS && steps[i].filters != 0; i++)
        x = unit(net, x, prefix, &steps[i]);
    return x;
}

static ff_zoo_tensor pool_branch(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix, int filters)
{
    const step s = {"branch_pool", filters, 1, 1, 1, false};
    x = ff_zoo_average_pool(net, x, ff_zoo_name(net, "%savgpool", prefix),
                            (ff_zoo_conv){.kernel = 3, .stride = 1, .pad = 1});
    return unit(net, x, prefix, &s);
}

static ff_zoo_tensor join(ff_zoo_net *net, const ff_zoo_tensor *x, int count, const char *prefix)
{
    return ff_zoo_concat(net, x, count, 1, ff_zoo_name(net, "%sconcat", prefix));
}

static ff_zoo_tensor block_a(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix, int pool)
{
    const step one[MAX_STEPS] = {{"branch1x1", 64, 1, 1, 1, false}};
    const step five[MAX_STEPS] = {{"branch5x5_1", 48, 1, 1, 1, false},
                                  {"branch5x5_2", 64, 5, 5, 1, false}};
    const step three[MAX_STEPS] = {{"branch3x3dbl_1", 64, 1, 1, 1, false},
                                   {"branch3x3dbl_2", 96, 3, 3, 1, false},
                                   {"branch3x3dbl_3", 96, 3, 3, 1, false}};
    const ff_zoo_tensor y[] = {branch(net, x, prefix, one), branch(net, x, prefix, five),
                               branch(net, x, prefix, three), pool_branch(net, x, prefix, pool)};
    return join(net, y, 4, prefix);
}

static ff_zoo_tensor block_b(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix)
{
    const step three[MAX_STEPS] = {{"branch3x3", 384, 3, 3, 2, true}};
    const step twice[MAX_STEPS] = {{"branch3x3dbl_1", 64, 1, 1, 1, false},
                                   {"branch3x3dbl_2", 96, 3, 3, 1, false},
                                   {"branch3x3dbl_3", 96, 3, 3, 2, true}};
    const ff_zoo_tensor y[] = {
        branch(net, x, prefix, three), branch(net, x, prefix, twice),
        ff_zoo_max_pool(net, x, ff_zoo_name(net, "%smaxpool", prefix), 3, 2, 0)};
    return join(net, y, 3, prefix);
}

static ff_zoo_tensor block_c(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix, int c)
{
    const step one[MAX_STEPS] = {{"branch1x1", 192, 1, 1, 1, false}};
    const step seven[MAX_STEPS] = {{"branch7x7_1", c, 1, 1, 1, false},
                                   {"branch7x7_2", c, 1, 7, 1, false},
                                   {"branch7x7_3", 192, 7, 1, 1, false}};
    const step twice[MAX_STEPS] = {{"branch7x7dbl_1", c, 1, 1, 1, false},
                                   {"branch7x7dbl_2", c, 7, 1, 1, false},
                                   {"branch7x7dbl_3", c, 1, 7, 1, false},
                                   {"branch7x7dbl_4", c, 7, 1, 1, false},
                                   {"branch7x7dbl_5", 192, 1, 7, 1, false}};
    const ff_zoo_tensor y[] = {branch(net, x, prefix, one), branch(net, x, prefix, seven),
                               branch(net, x, prefix, twice), pool_branch(net, x, prefix, 192)};
    return join(net, y, 4, prefix);
}

static ff_zoo_tensor block_d(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix)
{
    const step three[MAX_STEPS] = {{"branch3x3_1", 192, 1, 1, 1, false},
                                   {"branch3x3_2", 320, 3, 3, 2, true}};
    const step seven[MAX_STEPS] = {{"branch7x7x3_1", 192, 1, 1, 1, false},
                                   {"branch7x7x3_2", 192, 1, 7, 1, false},
                                   {"branch7x7x3_3", 192, 7, 1, 1, false},
                                   {"branch7x7x3_4", 192, 3, 3, 2, true}};
    const ff_zoo_tensor y[] = {
        branch(net, x, prefix, three), branch(net, x, prefix, seven),
        ff_zoo_max_pool(net, x, ff_zoo_name(net, "%smaxpool", prefix), 3, 2, 0)};
    return join(net, y, 3, prefix);
}

/* 1x3 and 3x1 beside each other. */
static ff_zoo_tensor spread(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix)
{
    const step wide = {"a", 384, 1, 3, 1, false}, high = {"b", 384, 3, 1, 1, false};
    const ff_zoo_tensor y[] = {unit(net, x, prefix, &wide), unit(net, x, prefix, &high)};
    return join(net, y, 2, prefix);
}

static ff_zoo_tensor block_e(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix)
{
    const step one[MAX_STEPS] = {{"branch1x1", 320, 1, 1, 1, false}};
    const step three[MAX_STEPS] = {{"branch3x3_1", 384, 1, 1, 1, false}};
    const step twice[MAX_STEPS] = {{"branch3x3dbl_1", 448, 1, 1, 1, false},
                                   {"branch3x3dbl_2", 384, 3, 3, 1, false}};
    const ff_zoo_tensor y[] = {
        branch(net, x, prefix, one),
        spread(net, branch(net, x, prefix, three), ff_zoo_name(net, "%sbranch3x3_2", prefix)),
        spread(net, branch(net, x, prefix, twice), ff_zoo_name(net, "%sbranch3x3dbl_3", prefix)),
        pool_branch(net, x, prefix, 192)};
    return join(net, y, 4, prefix);
}

static ff_zoo_tensor stem(ff_zoo_net *net, ff_zoo_tensor x)
{
    const step first[MAX_STEPS] = {{"Conv2d_1a_3x3", 32, 3, 3, 2, true},
                                   {"Conv2d_2a_3x3", 32, 3, 3, 1, true},
                                   {"Conv2d_2b_3x3", 64, 3, 3, 1, false}};
    const step second[MAX_STEPS] = {{"Conv2d_3b_1x1", 80, 1, 1, 1, false},
                                    {"Conv2d_4a_3x3", 192, 3, 3, 1, true}};
    x = ff_zoo_max_pool(net, branch(net, x, "", first), "maxpool1", 3, 2, 0);
    return ff_zoo_max_pool(net, branch(net, x, "", second), "maxpool2", 3, 2, 0);
}

void ff_zoo_inception(ff_zoo_net *net)
{
    const ff_shape image = {4, {1, 3, 299, 299}};
    ff_zoo_tensor x = stem(net, ff_zoo_input(net, "input", &image));
    x = block_a(net, x, "Mixed_5b.", 32);
    x = block_a(net, x, "Mixed_5c.", 64);
    x = block_a(net, x, "Mixed_5d.", 64);
    x = block_b(net, x, "Mixed_6a.");
    x = block_c(net, x, "Mixed_6b.", 128);
    x = block_c(net, x, "Mixed_6c.", 160);
    x = block_c(net, x, "Mixed_6d.", 160);
    x = block_c(net, x, "Mixed_6e.", 192);
    x = block_d(net, x, "Mixed_7a.");
    x = block_e(net, x, "Mixed_7b.");
    x = block_e(net, x, "Mixed_7c.");
    x = ff_zoo_flatten(net, ff_zoo_average_all(net, x, "avgpool"), "flatten");
    ff_zoo_output(net, ff_zoo_gemm(net, x, "output", 1000));
}
