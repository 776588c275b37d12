/*
 * GPT-2, small (Radford et al., 2019): one pass over 128 tokens. Linear layers are Gemm between two
 * Reshapes, query, key and value come out of one by Split, a constant mask hides what comes later,
 * and the output's matrix is the embeddings', transposed in the graph.
 */
#include <math.h>

#include "zoo/zoo_int.h"

#define HEADS     12
#define LAYERS    12
#define TOKENS    128
#define WORDS     50257
#define POSITIONS 1024
#define NORM_EPS  1e-5
#define HIDDEN    (-3.4028234663852886e38) /* the smallest float32 */

/* Reshape to a matrix, Gemm with in x out weights, Reshape back. */
static ff_zoo_tensor linear(ff_zoo_net *net, ff_zoo_tensor x, const char *name, int64_t out)
{
    int64_t features = x.shape.dim[2];
    const ff_zoo_fill_of normal = {0, 1 / sqrt((double)features * x.variance), 0};
    x = ff_zoo_reshape(net, x, ff_zoo_name(net, "%s.Reshape", name),
                       (ff_shape){2, {TOKENS, features}});
    const int in[3] = {
        x.value, ff_zoo_weight(net, name, "weight", (ff_shape){2, {features, out}}, normal),
        ff_zoo_weight(net, name, "bias", (ff_shape){1, {out}}, (ff_zoo_fill_of){0, 0.05, 0})};
    const ff_zoo_op gemm = {"Gemm", in, 3, FF_DTYPE_F32, {2, {TOKENS, out}}, 1};
    int node;
    x = ff_zoo_emit(net, ff_zoo_name(net, "%s.Gemm", name), &gemm, &node);
    return ff_zoo_reshape(net, x, ff_zoo_name(net, "%s.Reshape_1", name),
                          (ff_shape){3, {1, TOKENS, out}});
}

/* Three equal parts of the last axis. */
static void split3(ff_zoo_net *net, ff_zoo_tensor x, const char *name, ff_zoo_tensor part[3])
{
    int64_t each = x.shape.dim[2] / 3;
    const int64_t sizes[3] = {each, each, each};
    const int in[2] = {x.value, ff_zoo_ints(net, ff_zoo_name(net, "%s.sizes", name), sizes, 3)};
    int out[3] = {FF_NO_VALUE, FF_NO_VALUE, FF_NO_VALUE};
    for (int i = 0; i < 3; i++) {
        part[i] = (ff_zoo_tensor){FF_NO_VALUE, {3, {1, TOKENS, each}}, x.variance};
        if (net->code == FF_OK)
            net->code =
                ff_graph_add_value(net->g, ff_zoo_name(net, "%s.%d", name, i), FF_VALUE_NODE,
                                   FF_DTYPE_F32, &part[i].shape, &out[i], &net->err);
        part[i].value = out[i];
    }
    if (net->code != FF_OK)
        return;
    int node = ff_graph_add_node(net->g, name, "Split", "", in, 2, out, 3);
    ff_graph_set_int(net->g, node, "axis", 2);
}

static ff_zoo_tensor heads_of(ff_zoo_net *net, ff_zoo_tensor x, const char *name,
                              const int64_t *perm)
{
    x = ff_zoo_reshape(net, x, ff_zoo_name(net, "%s.Reshape", name),
                       (ff_shape){4, {1, TOKENS, HEADS, x.shape.dim[2] / HEADS}});
    return ff_zoo_transpose(net, x, ff_zoo_name(net, "%s.Transpose", name), perm);
}

static ff_zoo_tensor attention(ff_zoo_net *net, ff_zoo_tensor x, int mask, const char *name)
{
    static const int64_t row[4] = {0, 2, 1, 3}, column[4] = {0, 2, 3, 1};
    int64_t features = x.shape.dim[2];
    double root = sqrt((double)(features / HEADS));
    ff_zoo_tensor part[3];
    x = linear(net, x, ff_zoo_name(net, "%s.c_attn", name), 3 * features);
    split3(net, x, ff_zoo_name(net, "%s.Split", name), part);
    ff_zoo_tensor q = heads_of(net, part[0], ff_zoo_name(net, "%s.query", name), row);
    ff_zoo_tensor k = heads_of(net, part[1], ff_zoo_name(net, "%s.key", name), column);
    ff_zoo_tensor v = heads_of(net, part[2], ff_zoo_name(net, "%s.value", name), row);
    ff_zoo_tensor y = ff_zoo_matmul(net, q, k, ff_zoo_name(net, "%s.MatMul", name), root * root);
    y = ff_zoo_with(net, y, ff_zoo_name(net, "%s.Div", name), "Div", root, 1 / root);
    const int in[3] = {mask, y.value,
                       ff_zoo_scalar(net, ff_zoo_name(net, "%s.hidden", name), HIDDEN)};
    const ff_zoo_op where = {"Where", in, 3, FF_DTYPE_F32, y.shape, 1};
    int node;
    y = ff_zoo_emit(net, ff_zoo_name(net, "%s.Where", name), &where, &node);
    y = ff_zoo_attend(net, y, v, name);
    return linear(net, y, ff_zoo_name(net, "%s.c_proj", name), features);
}

static ff_zoo_tensor layer(ff_zoo_net *net, ff_zoo_tensor x, int mask, int i)
{
    const char *name = ff_zoo_name(net, "h.%d", i);
    int64_t features = x.shape.dim[2];
    ff_zoo_tensor y = ff_zoo_layer_norm(net, x, ff_zoo_name(net, "%s.ln_1", name), NORM_EPS);
    y = attention(net, y, mask, ff_zoo_name(net, "%s.attn", name));
    x = ff_zoo_add(net, y, x, ff_zoo_name(net, "%s.Add", name));
    y = ff_zoo_layer_norm(net, x, ff_zoo_name(net, "%s.ln_2", name), NORM_EPS);
    y = linear(net, y, ff_zoo_name(net, "%s.mlp.c_fc", name), 4 * features);
    y = ff_zoo_gelu_tanh(net, y, ff_zoo_name(net, "%s.mlp.act", name));
    y = linear(net, y, ff_zoo_name(net, "%s.mlp.c_proj", name), features);
    return ff_zoo_add(net, x, y, ff_zoo_name(net, "%s.Add_1", name));
}

/* True where a token (row) may see another (column): itself and those before. */
static int causal_mask(ff_zoo_net *net)
{
    const ff_shape shape = {4, {1, 1, TOKENS, TOKENS}};
    uint8_t *data = ff_arena_alloc(net->g->arena, TOKENS * TOKENS);
    for (int i = 0; i < TOKENS * TOKENS; i++)
        data[i] = i % TOKENS <= i / TOKENS;
    int mask = FF_NO_VALUE;
    if (net->code == FF_OK)
        net->code = ff_graph_add_weight(net->g, "attn.mask", FF_DTYPE_BOOL, &shape,
                                        ff_bytes_of(data, TOKENS * TOKENS), &mask, &net->err);
    return mask;
}

void ff_zoo_gpt2(ff_zoo_net *net)
{
    static const int64_t turned[2] = {1, 0};
    const ff_shape tokens = {2, {1, TOKENS}};
    int64_t features = HEADS * ff_zoo_width(net, 64), at[TOKENS];
    const ff_zoo_fill_of normal = {0, 1 / sqrt((double)features), 0};
    const ff_shape words = {2, {WORDS, features}};
    for (int i = 0; i < TOKENS; i++)
        at[i] = i;
    ff_zoo_tensor ids = ff_zoo_input_of(net, "input_ids", FF_DTYPE_I64, &tokens);
    ff_zoo_tensor table = {ff_zoo_weight(net, "wte", "weight", words, normal), words, 1};
    int places = ff_zoo_weight(net, "wpe", "weight", (ff_shape){2, {POSITIONS, features}}, normal);
    ff_zoo_tensor positions = {ff_zoo_ints(net, "position_ids", at, TOKENS), {1, {TOKENS}}, 0};
    ff_zoo_tensor x = ff_zoo_embed(net, table.value, features, ids, "Gather", 0.01);
    ff_zoo_tensor p = ff_zoo_embed(net, places, features, positions, "Gather_1", 0.01);
    int mask = causal_mask(net);
    x = ff_zoo_add(net, x, p, "Add");
    for (int i = 0; i < LAYERS; i++)
        x = layer(net, x, mask, i);
    x = ff_zoo_layer_norm(net, x, "ln_f", NORM_EPS);
    ff_zoo_tensor head = ff_zoo_transpose(net, table, "lm_head.Transpose", turned);
    ff_zoo_output(net, ff_zoo_matmul(net, x, head, "output", 1));
}
