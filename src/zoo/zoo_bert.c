/*
 * BERT, base, uncased (Devlin et al., 2019), of 128 tokens. Exported as if the number of tokens
 * were dynamic: each Reshape's shape is made of its input's by Shape, Gather, Unsqueeze and Concat.
 * There is no input for token types: all are of type 0.
 */
#include <math.h>

#include "zoo/zoo_int.h"

#define HEADS     12
#define LAYERS    12
#define TOKENS    128
#define WORDS     30522
#define POSITIONS 512
#define TYPES     2
#define NORM_EPS  1e-12
/* Claimed for the input of the matrix that ends a branch, which is of order 1: so the branch adds
 * little, and what all inputs have in common does not take over layer by layer. */
#define BRANCH 10
#define HIDDEN (-3.4028234663852886e38) /* the smallest float32 */

/* An integer node of one dimension, or of none (count < 0). */
static int integers(ff_zoo_net *net, const char *name, const char *op, const int *in, int in_count,
                    int count, int *node)
{
    const ff_shape shape = {count < 0 ? 0 : 1, {count}};
    const ff_zoo_op it = {op, in, in_count, FF_DTYPE_I64, shape, 0};
    return ff_zoo_emit(net, name, &it, node).value;
}

/* Dim number i of x, as a list of one: Shape, Gather, Unsqueeze. */
static int dim_of(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t i)
{
    const int64_t first = 0;
    int node;
    int shape = integers(net, ff_zoo_name(net, "%s.Shape", name), "Shape", &x.value, 1,
                         x.shape.rank, &node);
    int gather[2] = {shape, ff_zoo_ints(net, ff_zoo_name(net, "%s.index", name), &i, -1)};
    int dim = integers(net, ff_zoo_name(net, "%s.Gather", name), "Gather", gather, 2, -1, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "axis", 0);
    int unsqueeze[2] = {dim, ff_zoo_ints(net, ff_zoo_name(net, "%s.axes", name), &first, 1)};
    return integers(net, ff_zoo_name(net, "%s.Unsqueeze", name), "Unsqueeze", unsqueeze, 2, 1,
                    &node);
}

/* To shape, whose first two dims are x's. */
static ff_zoo_tensor reshape_like(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                                  ff_shape shape)
{
    int in[FF_MAX_RANK], node;
    for (int a = 0; a < shape.rank; a++) {
        const char *part = ff_zoo_name(net, "%s.%d", name, a);
        in[a] = a < 2 ? dim_of(net, x, part, a) : ff_zoo_ints(net, part, &shape.dim[a], 1);
    }
    int dims = integers(net, ff_zoo_name(net, "%s.Concat", name), "Concat", in, shape.rank,
                        shape.rank, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "axis", 0);
    const int both[2] = {x.value, dims};
    return ff_zoo_pair(net, name, "Reshape", both, shape, x.variance);
}

/* 1 x tokens x features to 1 x heads x tokens x size, or x size x tokens. */
static ff_zoo_tensor heads_of(ff_zoo_net *net, ff_zoo_tensor x, const char *name, bool key)
{
    static const int64_t perm[2][4] = {{0, 2, 1, 3}, {0, 2, 3, 1}};
    int64_t features = x.shape.dim[2];
    ff_zoo_tensor y = ff_zoo_linear(net, x, name, features);
    y = reshape_like(net, y, ff_zoo_name(net, "%s.Reshape", name),
                     (ff_shape){4, {1, TOKENS, HEADS, features / HEADS}});
    return ff_zoo_transpose(net, y, ff_zoo_name(net, "%s.Transpose", name), perm[key]);
}

static ff_zoo_tensor attention(ff_zoo_net *net, ff_zoo_tensor x, ff_zoo_tensor mask,
                               const char *name)
{
    static const int64_t perm[4] = {0, 2, 1, 3};
    int64_t features = x.shape.dim[2];
    double root = sqrt((double)(features / HEADS));
    ff_zoo_tensor q = heads_of(net, x, ff_zoo_name(net, "%s.self.query", name), false);
    ff_zoo_tensor k = heads_of(net, x, ff_zoo_name(net, "%s.self.key", name), true);
    ff_zoo_tensor v = heads_of(net, x, ff_zoo_name(net, "%s.self.value", name), false);
    ff_zoo_tensor y =
        ff_zoo_matmul(net, q, k, ff_zoo_name(net, "%s.self.MatMul", name), root * root);
    y = ff_zoo_with(net, y, ff_zoo_name(net, "%s.self.Div", name), "Div", root, 1 / root);
    y = ff_zoo_add(net, y, mask, ff_zoo_name(net, "%s.self.Add", name));
    const ff_zoo_op softmax = {"Softmax", &y.value, 1, FF_DTYPE_F32, y.shape, 0.01};
    int node;
    y = ff_zoo_emit(net, ff_zoo_name(net, "%s.self.Softmax", name), &softmax, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "axis", -1);
    y = ff_zoo_matmul(net, y, v, ff_zoo_name(net, "%s.self.MatMul_1", name), 1);
    y = ff_zoo_transpose(net, y, ff_zoo_name(net, "%s.self.Transpose", name), perm);
    y = reshape_like(net, y, ff_zoo_name(net, "%s.self.Reshape", name),
                     (ff_shape){3, {1, TOKENS, features}});
    y.variance = BRANCH;
    return ff_zoo_linear(net, y, ff_zoo_name(net, "%s.output.dense", name), features);
}

static ff_zoo_tensor layer(ff_zoo_net *net, ff_zoo_tensor x, ff_zoo_tensor mask, int i)
{
    const char *name = ff_zoo_name(net, "encoder.layer.%d", i);
    int64_t features = x.shape.dim[2];
    ff_zoo_tensor y = attention(net, x, mask, ff_zoo_name(net, "%s.attention", name));
    y = ff_zoo_add(net, y, x, ff_zoo_name(net, "%s.attention.Add", name));
    x = ff_zoo_layer_norm(net, y, ff_zoo_name(net, "%s.attention.LayerNorm", name), NORM_EPS);
    y = ff_zoo_linear(net, x, ff_zoo_name(net, "%s.intermediate.dense", name), 4 * features);
    y = ff_zoo_gelu(net, y, ff_zoo_name(net, "%s.intermediate.act", name));
    y.variance = BRANCH;
    y = ff_zoo_linear(net, y, ff_zoo_name(net, "%s.output.dense", name), features);
    y = ff_zoo_add(net, y, x, ff_zoo_name(net, "%s.output.Add", name));
    return ff_zoo_layer_norm(net, y, ff_zoo_name(net, "%s.output.LayerNorm", name), NORM_EPS);
}

/* 0 where the mask is 1, else the smallest float32, as 1 x 1 x 1 x tokens, to be added to scores.
 */
static ff_zoo_tensor mask_of(ff_zoo_net *net, ff_zoo_tensor given)
{
    static const int64_t axes[2] = {1, 2};
    ff_shape shape = {4, {1, 1, 1, TOKENS}};
    int node, in[2] = {given.value, ff_zoo_ints(net, "mask.axes", axes, 2)};
    ff_zoo_op op = {"Unsqueeze", in, 2, FF_DTYPE_I64, shape, 1};
    ff_zoo_tensor x = ff_zoo_emit(net, "mask.Unsqueeze", &op, &node);
    op = (ff_zoo_op){"Cast", &x.value, 1, FF_DTYPE_F32, shape, 1};
    ff_zoo_tensor y = ff_zoo_emit(net, "mask.Cast", &op, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "to", FF_DTYPE_F32);
    const int apart[2] = {ff_zoo_scalar(net, "mask.one", 1), y.value};
    y = ff_zoo_pair(net, "mask.Sub", "Sub", apart, shape, 1);
    op = (ff_zoo_op){"Cast", &y.value, 1, FF_DTYPE_BOOL, shape, 1};
    ff_zoo_tensor hidden = ff_zoo_emit(net, "mask.Cast_1", &op, &node);
    if (net->code == FF_OK)
        ff_graph_set_int(net->g, node, "to", FF_DTYPE_BOOL);
    const int where[3] = {hidden.value, ff_zoo_scalar(net, "mask.hidden", HIDDEN), y.value};
    op = (ff_zoo_op){"Where", where, 3, FF_DTYPE_F32, shape, 1};
    return ff_zoo_emit(net, "mask.Where", &op, &node);
}

static ff_zoo_tensor embeddings(ff_zoo_net *net, ff_zoo_tensor ids, int64_t features)
{
    const ff_zoo_fill_of normal = {0, 0.5, 0}, small = {0, 0.2, 0};
    int64_t at[TOKENS], type[TOKENS] = {0};
    for (int i = 0; i < TOKENS; i++)
        at[i] = i;
    const ff_shape list = {1, {TOKENS}};
    ff_zoo_tensor positions = {ff_zoo_ints(net, "embeddings.position_ids", at, TOKENS), list, 0};
    ff_zoo_tensor types = {ff_zoo_ints(net, "embeddings.token_type_ids", type, TOKENS), list, 0};
    int words = ff_zoo_weight(net, "embeddings.word_embeddings", "weight",
                              (ff_shape){2, {WORDS, features}}, normal);
    int places = ff_zoo_weight(net, "embeddings.position_embeddings", "weight",
                               (ff_shape){2, {POSITIONS, features}}, small);
    int kinds = ff_zoo_weight(net, "embeddings.token_type_embeddings", "weight",
                              (ff_shape){2, {TYPES, features}}, small);
    ff_zoo_tensor x = ff_zoo_embed(net, words, features, ids, "embeddings.Gather", 0.25);
    ff_zoo_tensor t = ff_zoo_embed(net, kinds, features, types, "embeddings.Gather_1", 0.04);
    x = ff_zoo_add(net, x, t, "embeddings.Add");
    ff_zoo_tensor p = ff_zoo_embed(net, places, features, positions, "embeddings.Gather_2", 0.04);
    x = ff_zoo_add(net, x, p, "embeddings.Add_1");
    return ff_zoo_layer_norm(net, x, "embeddings.LayerNorm", NORM_EPS);
}

void ff_zoo_bert(ff_zoo_net *net)
{
    const ff_shape tokens = {2, {1, TOKENS}};
    int64_t features = HEADS * ff_zoo_width(net, 64);
    ff_zoo_tensor ids = ff_zoo_input_of(net, "input_ids", FF_DTYPE_I64, &tokens);
    ff_zoo_tensor seen = ff_zoo_input_of(net, "attention_mask", FF_DTYPE_I64, &tokens);
    ff_zoo_tensor x = embeddings(net, ids, features), mask = mask_of(net, seen);
    for (int i = 0; i < LAYERS; i++)
        x = layer(net, x, mask, i);
    ff_zoo_output(net, x);
    x = ff_zoo_gemm(net, ff_zoo_take(net, x, "pooler.Gather", 1, 0), "pooler.dense", features);
    ff_zoo_output(net, ff_zoo_each(net, x, "pooler_output", "Tanh", 0.4));
}
