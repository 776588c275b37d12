/*
 * What ONNX Runtime's EXTENDED level makes of neighbours, as far as it changes what they cost.
 *
 * The portable form of the zoo's networks and of exported ones shows these runs: activations behind
 * Conv and Gemm; a BatchNormalization that is folded into a Conv's weights; a bias behind MatMul;
 * Gelu in its exact and its tanh form; x * sigmoid(x); a sum that is normalised; a product that is
 * scaled. A run is found in the whole graph; that a stage may end within one is left out.
 */
#include <string.h>

#include "plan/plan_int.h"
#include "plan/plan_work.h"

#define FREE      "free" /* vanishes in its run */
#define RUN_STEPS 6      /* element-wise nodes of a Gelu before or behind its core */
#define RUN_NODES 12

typedef struct pair {
    const char *leader, *op, *name;
} pair;

#define PAIR(leader, op)                                                                           \
    {                                                                                              \
#leader, #op, #leader "+" #op                                                              \
    }

static const pair BEHIND[] = {
    PAIR(Conv, Relu),        PAIR(Conv, Clip),
    PAIR(Conv, Sigmoid),     PAIR(Conv, Tanh),
    PAIR(Conv, LeakyRelu),   PAIR(Conv, HardSigmoid),
    PAIR(Gemm, Relu),        PAIR(Gemm, Sigmoid),
    PAIR(Gemm, Tanh),        PAIR(Gemm, LeakyRelu),
    PAIR(MatMul, Add),       {"MatMul", "Mul", FREE},
    {"MatMul", "Div", FREE}, PAIR(Conv, BatchNormalization),
};

static bool is_weight(const ff_graph *g, int v)
{
    return v != FF_NO_VALUE && g->values[v].kind == FF_VALUE_WEIGHT;
}

static bool is_scalar(const ff_graph *g, int v)
{
    uint64_t elems = 0;
    return is_weight(g, v) && g->values[v].has_shape &&
           ff_shape_elems(&g->values[v].shape, &elems, NULL) == FF_OK && elems == 1;
}

/* The node that alone reads node n's only output, and nothing else leaves; FF_NO_NODE. */
static int sole_reader(const ff_graph *g, int n)
{
    const int *list;
    const ff_node *node = &g->nodes[n];
    if (node->out_count != 1 || node->out[0] == FF_NO_VALUE ||
        ff_graph_is_output(g, node->out[0]) || ff_graph_readers(g, node->out[0], &list) != 1)
        return FF_NO_NODE;
    return list[0];
}

static int producer(const ff_graph *g, int v)
{
    return v == FF_NO_VALUE ? FF_NO_NODE : g->values[v].producer;
}

/* The input that is no weight, where there is one only. */
static int computed_input(const ff_graph *g, const ff_node *node)
{
    int found = FF_NO_VALUE;
    for (int i = 0; i < node->in_count; i++) {
        if (node->in[i] == FF_NO_VALUE || is_weight(g, node->in[i]))
            continue;
        if (found != FF_NO_VALUE && found != node->in[i])
            return FF_NO_VALUE;
        found = node->in[i];
    }
    return found;
}

/* Behind a Conv, Gemm or MatMul whose only reader it is; a folded BatchNormalization is seen
 * through. A bias or a factor behind MatMul is a weight; the factor one number. */
static const char *behind(const ff_graph *g, int n)
{
    const ff_node *node = &g->nodes[n];
    int at = producer(g, computed_input(g, node));
    if (at != FF_NO_NODE && ff_node_is(&g->nodes[at], "BatchNormalization") &&
        !ff_node_is(node, "BatchNormalization") && sole_reader(g, at) == n) {
        int conv = producer(g, g->nodes[at].in[0]);
        if (conv == FF_NO_NODE || !ff_node_is(&g->nodes[conv], "Conv") ||
            sole_reader(g, conv) != at)
            return NULL;
        at = conv;
    } else if (at == FF_NO_NODE || sole_reader(g, at) != n) {
        return NULL;
    }
    const ff_node *leader = &g->nodes[at];
    bool product = ff_node_is(leader, "MatMul");
    if (product &&
        (node->in_count != 2 ||
         (!ff_node_is(node, "Add") && !is_scalar(g, node->in[0]) && !is_scalar(g, node->in[1]))))
        return NULL;
    if (product && ff_node_is(node, "Add") && !is_weight(g, leader->in[1]))
        return NULL;
    for (size_t i = 0; i < sizeof BEHIND / sizeof BEHIND[0]; i++)
        if (ff_node_is(leader, BEHIND[i].leader) && ff_node_is(node, BEHIND[i].op))
            return BEHIND[i].name;
    return NULL;
}

static bool is_arithmetic(const ff_node *node)
{
    return ff_node_is(node, "Mul") || ff_node_is(node, "Add") || ff_node_is(node, "Div") ||
           ff_node_is(node, "Pow");
}

/* A Gelu around its core: Erf or Tanh. */
typedef struct gelu {
    int count;
    int node[RUN_NODES];
} gelu;

static bool gelu_has(const gelu *run, int n)
{
    for (int i = 0; i < run->count; i++)
        if (run->node[i] == n)
            return true;
    return false;
}

/* From the core's input back to x, by arithmetic on x and numbers. */
static bool gelu_back(const ff_graph *g, int v, int x, gelu *run)
{
    for (int step = 0; v != x; step++) {
        int n = producer(g, v);
        if (step == RUN_STEPS || n == FF_NO_NODE || !is_arithmetic(&g->nodes[n]))
            return false;
        const ff_node *node = &g->nodes[n];
        run->node[run->count++] = n;
        v = x;
        for (int i = 0; i < node->in_count; i++)
            if (node->in[i] != x && !is_weight(g, node->in[i]))
                v = node->in[i];
    }
    return true;
}

/* x * 0.5 * (1 + core(...)): the products in either order. */
static bool find_gelu(const ff_graph *g, int core, gelu *run)
{
    int add = sole_reader(g, core), mul = add == FF_NO_NODE ? FF_NO_NODE : sole_reader(g, add);
    *run = (gelu){.count = 1, .node = {core}};
    if (mul == FF_NO_NODE || !ff_node_is(&g->nodes[add], "Add") ||
        !ff_node_is(&g->nodes[mul], "Mul") ||
        (!is_scalar(g, g->nodes[add].in[0]) && !is_scalar(g, g->nodes[add].in[1])))
        return false;
    const ff_node *m = &g->nodes[mul];
    run->node[run->count++] = add;
    run->node[run->count++] = mul;
    int x = m->in[0] == g->nodes[add].out[0] ? m->in[1] : m->in[0];
    int half = producer(g, x), more = sole_reader(g, mul);
    if (is_weight(g, x)) { /* (1 + core) * 0.5, then by x */
        if (more == FF_NO_NODE || !ff_node_is(&g->nodes[more], "Mul"))
            return false;
        const ff_node *by = &g->nodes[more];
        x = by->in[0] == m->out[0] ? by->in[1] : by->in[0];
        run->node[run->count++] = more;
        return gelu_back(g, g->nodes[core].in[0], x, run);
    }
    gelu as_is = *run;
    if (more != FF_NO_NODE && ff_node_is(&g->nodes[more], "Mul") &&
        (is_scalar(g, g->nodes[more].in[0]) || is_scalar(g, g->nodes[more].in[1]))) {
        run->node[run->count++] = more;
        if (gelu_back(g, g->nodes[core].in[0], x, run))
            return true;
    }
    *run = as_is;
    if (half == FF_NO_NODE || !ff_node_is(&g->nodes[half], "Mul"))
        return false;
    run->node[run->count++] = half;
    return gelu_back(g, g->nodes[core].in[0], computed_input(g, &g->nodes[half]), run);
}

static bool is_core(const ff_node *node)
{
    return ff_node_is(node, "Erf") || ff_node_is(node, "Tanh");
}

/* Is n in a Gelu whose core lies this many readers on, or producers back? */
static bool in_gelu(const ff_graph *g, int n, int steps, int from, bool on)
{
    const ff_node *node = &g->nodes[from];
    gelu run;
    if (is_core(node))
        return find_gelu(g, from, &run) && gelu_has(&run, n);
    if (steps == 0 || !is_arithmetic(node))
        return false;
    const int *list = node->in;
    int count = on ? ff_graph_readers(g, node->out[0], &list) : node->in_count;
    for (int i = 0; i < count && i < 4; i++) {
        int next = on ? list[i] : producer(g, list[i]);
        if (next != FF_NO_NODE && in_gelu(g, n, steps - 1, next, on))
            return true;
    }
    return false;
}

/* Before the core, behind it, or beside it: the x * 0.5 that the last product reads. */
static bool near_core(const ff_graph *g, int n)
{
    int reader = sole_reader(g, n);
    return in_gelu(g, n, RUN_STEPS, n, true) || in_gelu(g, n, 3, n, false) ||
           (reader != FF_NO_NODE && in_gelu(g, n, 3, reader, false));
}

/* x * sigmoid(x): the Sigmoid's Mul, or FF_NO_NODE. */
static int silu_mul(const ff_graph *g, int sigmoid)
{
    int mul = sole_reader(g, sigmoid);
    if (mul == FF_NO_NODE || !ff_node_is(&g->nodes[mul], "Mul"))
        return FF_NO_NODE;
    const ff_node *m = &g->nodes[mul];
    int x = g->nodes[sigmoid].in[0];
    return m->in[0] == x || m->in[1] == x ? mul : FF_NO_NODE;
}

static bool is_skip(const ff_graph *g, int add)
{
    int norm = sole_reader(g, add);
    return norm != FF_NO_NODE && ff_node_is(&g->nodes[norm], "LayerNormalization") &&
           g->nodes[norm].in[0] == g->nodes[add].out[0] && !is_weight(g, g->nodes[add].in[0]) &&
           !is_weight(g, g->nodes[add].in[1]);
}

const char *ff_plan_fused(const ff_graph *g, int n)
{
    const ff_node *node = &g->nodes[n];
    gelu run;
    if (node->out_count < 1 || node->out[0] == FF_NO_VALUE)
        return NULL;
    if (is_core(node) && find_gelu(g, n, &run))
        return ff_node_is(node, "Erf") ? "Gelu" : "FastGelu";
    if (is_arithmetic(node) && node->in_count == 2 && near_core(g, n))
        return FREE;
    if (ff_node_is(node, "Sigmoid") && silu_mul(g, n) != FF_NO_NODE)
        return "QuickGelu";
    if (ff_node_is(node, "Mul"))
        for (int i = 0; i < node->in_count; i++) {
            int at = producer(g, node->in[i]);
            if (at != FF_NO_NODE && ff_node_is(&g->nodes[at], "Sigmoid") && silu_mul(g, at) == n)
                return FREE;
        }
    if (ff_node_is(node, "Add") && node->in_count == 2 && is_skip(g, n))
        return FREE;
    if (ff_node_is(node, "LayerNormalization")) {
        int add = producer(g, node->in[0]);
        if (add != FF_NO_NODE && ff_node_is(&g->nodes[add], "Add") && is_skip(g, add))
            return "SkipLayerNormalization";
    }
    return behind(g, n);
}

/* A product's rows: what its first input has besides the axis that is summed over. */
static bool one_row(const ff_graph *g, const ff_node *node)
{
    const ff_value *a = &g->values[node->in[0]];
    int64_t rows = 1;
    bool across = ff_node_is(node, "Gemm") && ff_node_int(node, "transA", 0) != 0;
    if (!a->has_shape || a->shape.rank < 1)
        return false;
    for (int i = 0; i < a->shape.rank; i++)
        if (i != (across ? 0 : a->shape.rank - 1))
            rows *= a->shape.dim[i];
    return rows == 1;
}

static const char *conv_kind(const ff_graph *g, const ff_node *node)
{
    const ff_value *w =
        node->in_count > 1 && node->in[1] != FF_NO_VALUE ? &g->values[node->in[1]] : NULL;
    if (w == NULL || !w->has_shape || w->shape.rank < 3)
        return NULL;
    int64_t strides[FF_MAX_RANK] = {1};
    ff_node_ints(node, "strides", strides, FF_MAX_RANK);
    if (ff_node_int(node, "group", 1) > 1 && w->shape.dim[1] == 1)
        return strides[0] > 1 ? "depthwise strided" : "depthwise";
    if (ff_node_int(node, "group", 1) > 1)
        return "grouped";
    for (int a = 2; a < w->shape.rank; a++)
        if (w->shape.dim[a] != 1)
            return strides[0] > 1 ? "strided" : NULL;
    return "1x1";
}

const char *ff_plan_kind(const ff_graph *g, int n)
{
    const ff_node *node = &g->nodes[n];
    if (ff_node_is(node, "Conv"))
        return conv_kind(g, node);
    if ((!ff_node_is(node, "MatMul") && !ff_node_is(node, "Gemm")) || node->in_count < 2 ||
        node->in[0] == FF_NO_VALUE)
        return NULL;
    if (!is_weight(g, node->in[0]) && !is_weight(g, node->in[1]))
        return "computed";
    return one_row(g, node) ? "row" : NULL;
}
