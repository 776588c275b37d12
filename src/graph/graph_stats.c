/*
 * Sums over a graph: bytes of weights, floating-point operations.
 */
#include "graph/graph.h"

uint64_t ff_graph_weight_bytes(const ff_graph *g)
{
    uint64_t sum = 0;
    for (int v = 0; v < g->value_count; v++) {
        if (g->values[v].kind == FF_VALUE_WEIGHT) {
            sum += g->values[v].data.len;
        }
    }
    return sum;
}

uint64_t ff_graph_range_weight_bytes(const ff_graph *g, int begin, int end)
{
    uint8_t *seen = ff_mem_must((size_t)g->value_count + 1);
    uint64_t sum = 0;
    for (int n = begin; n < end; n++) {
        const ff_node *node = &g->nodes[n];
        for (int i = 0; i < node->in_count + node->captured_count; i++) {
            int v = i < node->in_count ? node->in[i] : node->captured[i - node->in_count];
            if (v != FF_NO_VALUE && g->values[v].kind == FF_VALUE_WEIGHT && seen[v] == 0) {
                seen[v] = 1;
                sum += g->values[v].data.len;
            }
        }
    }
    ff_mem_free(seen);
    return sum;
}

/* Elements of a value; 0 where its shape is unknown. */
static uint64_t elems(const ff_graph *g, int v)
{
    uint64_t count = 0;
    if (v == FF_NO_VALUE || !g->values[v].has_shape ||
        ff_shape_elems(&g->values[v].shape, &count, NULL) != FF_OK) {
        return 0;
    }
    return count;
}

static const ff_shape *shape_of_input(const ff_graph *g, const ff_node *node, int i)
{
    if (i >= node->in_count || node->in[i] == FF_NO_VALUE || !g->values[node->in[i]].has_shape) {
        return NULL;
    }
    return &g->values[node->in[i]].shape;
}

static uint64_t product(const ff_shape *shape, int from)
{
    uint64_t p = 1;
    for (int i = from; i < shape->rank; i++) {
        p = shape->dim[i] <= 0 || __builtin_mul_overflow(p, (uint64_t)shape->dim[i], &p) ? 0 : p;
    }
    return p;
}

/* Multiply-adds of one output element (of one input element for ConvTranspose); 0: not such an
 * op. */
static uint64_t adds_of_one(const ff_graph *g, const ff_node *node)
{
    const ff_shape *a = shape_of_input(g, node, 0);
    const ff_shape *w = shape_of_input(g, node, 1);
    if (ff_node_is(node, "QLinearConv")) {
        w = shape_of_input(g, node, 3);
    }
    if (a == NULL || w == NULL) {
        return 0;
    }
    if ((ff_node_is(node, "Conv") || ff_node_is(node, "ConvTranspose") ||
         ff_node_is(node, "ConvInteger") || ff_node_is(node, "QLinearConv")) &&
        w->rank > 1) {
        return product(w, 1); /* (Cin / groups) x kernel; Cout / groups for ConvTranspose */
    }
    if ((ff_node_is(node, "MatMul") || ff_node_is(node, "MatMulInteger") ||
         ff_node_is(node, "QLinearMatMul")) &&
        a->rank > 0) {
        return a->dim[a->rank - 1] > 0 ? (uint64_t)a->dim[a->rank - 1] : 0;
    }
    if (ff_node_is(node, "Gemm") && a->rank == 2) {
        int64_t k = a->dim[ff_node_int(node, "transA", 0) != 0 ? 0 : 1];
        return k > 0 ? (uint64_t)k : 0;
    }
    return 0;
}

/* LSTM, GRU, RNN: at each step and row of the batch, all of W and R is used. 0: not such an op. */
static uint64_t recurrent_flops(const ff_graph *g, const ff_node *node)
{
    const ff_shape *x = shape_of_input(g, node, 0);
    if ((!ff_node_is(node, "LSTM") && !ff_node_is(node, "GRU") && !ff_node_is(node, "RNN")) ||
        node->in_count < 3 || x == NULL || x->rank != 3 || x->dim[0] < 0 || x->dim[1] < 0) {
        return 0;
    }
    uint64_t rows = 0, flops = 0, weights = elems(g, node->in[1]) + elems(g, node->in[2]);
    if (__builtin_mul_overflow((uint64_t)x->dim[0], (uint64_t)x->dim[1], &rows) ||
        __builtin_mul_overflow(rows, weights, &flops) ||
        __builtin_mul_overflow(flops, 2u, &flops)) {
        return UINT64_MAX;
    }
    return flops;
}

uint64_t ff_node_flops(const ff_graph *g, int n)
{
    const ff_node *node = &g->nodes[n];
    uint64_t recurrent = recurrent_flops(g, node);
    if (recurrent > 0) {
        return recurrent;
    }
    uint64_t adds = adds_of_one(g, node);
    uint64_t sum = 0, flops = 0;
    if (adds == 0 || node->out_count == 0) {
        for (int i = 0; i < node->out_count; i++) {
            sum += elems(g, node->out[i]);
        }
        return sum;
    }
    sum = elems(g, ff_node_is(node, "ConvTranspose") ? node->in[0] : node->out[0]);
    if (__builtin_mul_overflow(sum, adds, &flops) || __builtin_mul_overflow(flops, 2u, &flops)) {
        return UINT64_MAX;
    }
    return flops;
}
