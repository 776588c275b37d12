/*
 * DenseNet (Huang et al., 2017): each layer reads all before it in its block.
 */
#include "zoo/zoo_int.h"

#define GROWTH     32
#define BOTTLENECK 4 /* times the growth */
#define MAX_LAYERS 25

static ff_zoo_tensor norm_relu(ff_zoo_net *net, ff_zoo_tensor x, const char *prefix, const char *n)
{
    x = ff_zoo_batch_norm(net, x, ff_zoo_name(net, "%s.norm%s", prefix, n), 1);
    return ff_zoo_relu(net, x, ff_zoo_name(net, "%s.relu%s", prefix, n));
}

static ff_zoo_tensor dense_block(ff_zoo_net *net, ff_zoo_tensor x, int block, int layers)
{
    int64_t growth = ff_zoo_width(net, GROWTH);
    ff_zoo_tensor made[MAX_LAYERS] = {x};
    for (int i = 1; i <= layers; i++) {
        const char *name = ff_zoo_name(net, "features.denseblock%d.denselayer%d", block, i);
        ff_zoo_tensor y = made[0];
        if (i > 1)
            y = ff_zoo_concat(net, made, i, 1, ff_zoo_name(net, "%s.concat", name));
        y = norm_relu(net, y, name, "1");
        y = ff_zoo_conv2d(net, y, ff_zoo_name(net, "%s.conv1", name),
                          (ff_zoo_conv){BOTTLENECK * growth, 1, 1, 0, false});
        y = norm_relu(net, y, name, "2");
        made[i] = ff_zoo_conv2d(net, y, ff_zoo_name(net, "%s.conv2", name),
                                (ff_zoo_conv){growth, 3, 1, 1, false});
    }
    return ff_zoo_concat(net, made, layers + 1, 1,
                         ff_zoo_name(net, "features.denseblock%d.concat", block));
}

/* Half the channels, half the height and width. */
static ff_zoo_tensor transition(ff_zoo_net *net, ff_zoo_tensor x, int block)
{
    const char *name = ff_zoo_name(net, "features.transition%d", block);
    x = norm_relu(net, x, name, "");
    x = ff_zoo_conv2d(net, x, ff_zoo_name(net, "%s.conv", name),
                      (ff_zoo_conv){x.shape.dim[1] / 2, 1, 1, 0, false});
    return ff_zoo_average_pool(net, x, ff_zoo_name(net, "%s.pool", name),
                               (ff_zoo_conv){.kernel = 2, .stride = 2});
}

void ff_zoo_densenet(ff_zoo_net *net, const int layers[4])
{
    const ff_shape image = {4, {1, 3, 224, 224}};
    ff_zoo_tensor x = ff_zoo_input(net, "input", &image);
    x = ff_zoo_conv2d(net, x, "features.conv0",
                      (ff_zoo_conv){2 * ff_zoo_width(net, GROWTH), 7, 2, 3, false});
    x = ff_zoo_max_pool(net, norm_relu(net, x, "features", "0"), "features.pool0", 3, 2, 1);
    for (int b = 0; b < 4; b++) {
        x = dense_block(net, x, b + 1, layers[b]);
        if (b < 3)
            x = transition(net, x, b + 1);
    }
    x = ff_zoo_average_all(net, norm_relu(net, x, "features", "5"), "pool5");
    ff_zoo_output(net, ff_zoo_gemm(net, ff_zoo_flatten(net, x, "flatten"), "output", 1000));
}
