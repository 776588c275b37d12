/*
 * Vision Transformer, base, patches of 16x16 (Dosovitskiy et al., 2021): one matrix for query, key
 * and value, their parts taken by Gather.
 */
#include <math.h>

#include "zoo/zoo_int.h"

#define HEADS  12
#define LAYERS 12
#define TOKENS 197 /* 14 x 14 patches and the class token */

static ff_zoo_tensor attention(ff_zoo_net *net, ff_zoo_tensor x, const char *name)
{
    static const int64_t apart[5] = {2, 0, 3, 1, 4}, turned[4] = {0, 1, 3, 2};
    int64_t features = x.shape.dim[2], size = features / HEADS;
    ff_zoo_tensor y = ff_zoo_linear(net, x, ff_zoo_name(net, "%s.qkv", name), 3 * features);
    y = ff_zoo_reshape(net, y, ff_zoo_name(net, "%s.Reshape", name),
                       (ff_shape){5, {1, TOKENS, 3, HEADS, size}});
    y = ff_zoo_transpose(net, y, ff_zoo_name(net, "%s.Transpose", name), apart);
    ff_zoo_tensor q = ff_zoo_take(net, y, ff_zoo_name(net, "%s.Gather", name), 0, 0);
    ff_zoo_tensor k = ff_zoo_take(net, y, ff_zoo_name(net, "%s.Gather_1", name), 0, 1);
    ff_zoo_tensor v = ff_zoo_take(net, y, ff_zoo_name(net, "%s.Gather_2", name), 0, 2);
    double root = sqrt((double)size);
    q = ff_zoo_with(net, q, ff_zoo_name(net, "%s.Mul", name), "Mul", 1 / root, 1 / root);
    k = ff_zoo_transpose(net, k, ff_zoo_name(net, "%s.Transpose_1", name), turned);
    ff_zoo_tensor scores = ff_zoo_matmul(net, q, k, ff_zoo_name(net, "%s.MatMul", name), 1);
    y = ff_zoo_attend(net, scores, v, name);
    return ff_zoo_linear(net, y, ff_zoo_name(net, "%s.proj", name), features);
}

static ff_zoo_tensor layer(ff_zoo_net *net, ff_zoo_tensor x, int i)
{
    const char *name = ff_zoo_name(net, "blocks.%d", i);
    int64_t features = x.shape.dim[2];
    ff_zoo_tensor y = ff_zoo_layer_norm(net, x, ff_zoo_name(net, "%s.norm1", name), 1e-6);
    y = attention(net, y, ff_zoo_name(net, "%s.attn", name));
    x = ff_zoo_add(net, x, y, ff_zoo_name(net, "%s.Add", name));
    y = ff_zoo_layer_norm(net, x, ff_zoo_name(net, "%s.norm2", name), 1e-6);
    y = ff_zoo_linear(net, y, ff_zoo_name(net, "%s.mlp.fc1", name), 4 * features);
    y = ff_zoo_gelu(net, y, ff_zoo_name(net, "%s.mlp.act", name));
    y = ff_zoo_linear(net, y, ff_zoo_name(net, "%s.mlp.fc2", name), features);
    return ff_zoo_add(net, x, y, ff_zoo_name(net, "%s.Add_1", name));
}

void ff_zoo_vit(ff_zoo_net *net)
{
    static const int64_t turned[3] = {0, 2, 1};
    const ff_shape image = {4, {1, 3, 224, 224}};
    int64_t features = HEADS * ff_zoo_width(net, 64);
    const ff_zoo_fill_of normal = {0, 0.5, 0};
    const ff_shape one = {3, {1, 1, features}}, all = {3, {1, TOKENS, features}};
    ff_zoo_tensor x = ff_zoo_input(net, "input", &image);
    x = ff_zoo_conv2d(net, x, "patch_embed.proj", (ff_zoo_conv){features, 16, 16, 0, true});
    x = ff_zoo_reshape(net, x, "patch_embed.Reshape", (ff_shape){3, {1, features, TOKENS - 1}});
    x = ff_zoo_transpose(net, x, "patch_embed.Transpose", turned);
    const ff_zoo_tensor tokens[2] = {
        {ff_zoo_weight(net, "cls_token", "embedding", one, normal), one, 0.25}, x};
    x = ff_zoo_concat(net, tokens, 2, 1, "Concat");
    const int in[2] = {x.value, ff_zoo_weight(net, "pos_embed", "embedding", all, normal)};
    x = ff_zoo_pair(net, "Add", "Add", in, x.shape, x.variance + 0.25);
    for (int i = 0; i < LAYERS; i++)
        x = layer(net, x, i);
    x = ff_zoo_layer_norm(net, x, "norm", 1e-6);
    x = ff_zoo_take(net, x, "class", 1, 0);
    ff_zoo_output(net, ff_zoo_gemm(net, x, "output", 1000));
}
