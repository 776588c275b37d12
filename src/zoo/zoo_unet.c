/*
 * U-Net (Ronneberger et al., 2015), as it is trained today: padded convolutions with
 * BatchNormalization, transposed convolutions on the way up.
 */
#include "zoo/zoo_int.h"

#define LEVELS 4

static ff_zoo_tensor twice(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t out)
{
    for (int i = 0; i < 2; i++) {
        x = ff_zoo_conv2d(net, x, ff_zoo_name(net, "%s.conv%d", name, i + 1),
                          (ff_zoo_conv){out, 3, 1, 1, false});
        x = ff_zoo_batch_norm(net, x, ff_zoo_name(net, "%s.bn%d", name, i + 1), 1);
        x = ff_zoo_relu(net, x, ff_zoo_name(net, "%s.relu%d", name, i + 1));
    }
    return x;
}

void ff_zoo_unet(ff_zoo_net *net)
{
    const ff_shape image = {4, {1, 3, 256, 256}};
    ff_zoo_tensor skip[LEVELS];
    ff_zoo_tensor x = ff_zoo_input(net, "input", &image);
    x = twice(net, x, "inc", ff_zoo_width(net, 64));
    for (int level = 0; level < LEVELS; level++) {
        skip[level] = x;
        x = ff_zoo_max_pool(net, x, ff_zoo_name(net, "down%d.pool", level + 1), 2, 2, 0);
        x = twice(net, x, ff_zoo_name(net, "down%d", level + 1), ff_zoo_width(net, 128 << level));
    }
    for (int level = LEVELS - 1; level >= 0; level--) {
        int64_t width = ff_zoo_width(net, 64 << level);
        const char *name = ff_zoo_name(net, "up%d", LEVELS - level);
        const ff_zoo_tensor both[2] = {
            skip[level], ff_zoo_conv_up(net, x, ff_zoo_name(net, "%s.up", name), width)};
        x = ff_zoo_concat(net, both, 2, 1, ff_zoo_name(net, "%s.concat", name));
        x = twice(net, x, name, width);
    }
    ff_zoo_output(net, ff_zoo_conv2d(net, x, "output", (ff_zoo_conv){1, 1, 1, 0, true}));
}
