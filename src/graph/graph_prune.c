/*
 * After inference: folded values become weights, reshaped weights become views, and what no graph
 * output needs goes.
 */
#include <string.h>

#include "graph/graph_int.h"
#include "graph/infer_int.h"

#define MAX_OUTPUTS 32 /* of a node that is folded: as many as inference folds */

/* Ops whose output holds the elements of input 0 in the same order. */
static bool is_view(const ff_node *node)
{
    static const char *const ops[] = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (ff_node_is(node, ops[i])) {
            return true;
        }
    }
    return false;
}

/* The bytes of a folded value, in the arena. */
static ff_bytes folded_bytes(ff_graph *g, const ff_value *v, const ff_cell *cells)
{
    uint64_t count = 0;
    size_t size = ff_dtype_bytes(v->dtype);
    ff_shape_elems(&v->shape, &count, NULL);
    uint8_t *data = ff_arena_alloc(g->arena, count * size + 1);
    for (size_t i = 0; i < count; i++) {
        ff_infer_store(v->dtype, cells[i], data + i * size);
    }
    return ff_bytes_of(data, count * size);
}

/* Can value v, of a node, become a weight? If so, its elements. */
static bool known_bytes(ff_graph *g, int v, ff_bytes *bytes)
{
    const ff_value *value = &g->values[v];
    size_t wanted = 0;
    if (!value->has_shape || ff_shape_bytes(&value->shape, value->dtype, &wanted, NULL) != FF_OK) {
        return false;
    }
    const ff_node *node = &g->nodes[value->producer];
    int from = node->in_count > 0 ? node->in[0] : FF_NO_VALUE;
    if (from != FF_NO_VALUE && node->out[0] == v && is_view(node) &&
        g->values[from].kind == FF_VALUE_WEIGHT && g->values[from].dtype == value->dtype &&
        g->values[from].data.len == wanted) {
        *bytes = g->values[from].data;
        return true;
    }
    if (v < g->index->cell_values && g->index->cells[v] != NULL) {
        *bytes = folded_bytes(g, value, g->index->cells[v]);
        return true;
    }
    return false;
}

/* All outputs of the node, or none: an op may not leave out what others of its outputs are for. */
static bool replaceable(ff_graph *g, const ff_node *node, ff_bytes *bytes)
{
    for (int o = 0; o < node->out_count; o++) {
        int v = node->out[o];
        if (v != FF_NO_VALUE && (ff_graph_is_output(g, v) || !known_bytes(g, v, &bytes[o]))) {
            return false; /* graph outputs stay outputs of nodes */
        }
    }
    return true;
}

void ff_graph_replace_known(ff_graph *g)
{
    ff_bytes bytes[MAX_OUTPUTS];
    for (int n = 0; n < g->node_count; n++) {
        ff_node *node = &g->nodes[n];
        if (node->out_count > MAX_OUTPUTS || !replaceable(g, node, bytes)) {
            continue;
        }
        for (int o = 0; o < node->out_count; o++) {
            if (node->out[o] != FF_NO_VALUE) {
                ff_value *v = &g->values[node->out[o]];
                v->kind = FF_VALUE_WEIGHT;
                v->data = bytes[o];
                v->producer = FF_NO_NODE;
                node->out[o] = FF_NO_VALUE; /* pruning takes the node */
            }
        }
    }
}

/* What the graph outputs need, from the back: a mark a node and a value. */
static void mark_needed(const ff_graph *g, uint8_t *node, uint8_t *value)
{
    for (int i = 0; i < g->output_count; i++) {
        value[g->outputs[i]] = 1;
    }
    for (int n = g->node_count - 1; n >= 0; n--) { /* topological: readers come later */
        const ff_node *p = &g->nodes[n];
        for (int i = 0; i < p->out_count; i++) {
            node[n] |= p->out[i] != FF_NO_VALUE && value[p->out[i]] != 0;
        }
        for (int i = 0; i < p->in_count && node[n] != 0; i++) {
            if (p->in[i] != FF_NO_VALUE) {
                value[p->in[i]] = 1;
            }
        }
        for (int i = 0; i < p->captured_count && node[n] != 0; i++) {
            value[p->captured[i]] = 1;
        }
    }
    for (int n = 0; n < g->node_count; n++) { /* unread outputs of living nodes stay */
        for (int i = 0; i < g->nodes[n].out_count && node[n] != 0; i++) {
            if (g->nodes[n].out[i] != FF_NO_VALUE) {
                value[g->nodes[n].out[i]] = 1;
            }
        }
    }
    for (int i = 0; i < g->input_count; i++) {
        value[g->inputs[i]] = 1;
    }
}

static void renumber(int *list, int count, const int *to)
{
    for (int i = 0; i < count; i++) {
        list[i] = list[i] == FF_NO_VALUE ? FF_NO_VALUE : to[list[i]];
    }
}

/* Closes the gaps in the tables. */
static void compact(ff_graph *g, const uint8_t *node, const uint8_t *value)
{
    int *to = ff_mem_must_array((size_t)g->value_count + 1, sizeof *to);
    int kept = 0;
    for (int v = 0; v < g->value_count; v++) {
        to[v] = FF_NO_VALUE;
        if (value[v] != 0) {
            g->values[kept] = g->values[v];
            to[v] = kept++;
        }
    }
    g->value_count = kept;
    kept = 0;
    for (int n = 0; n < g->node_count; n++) {
        if (node[n] == 0) {
            continue;
        }
        ff_node *p = &g->nodes[kept++];
        *p = g->nodes[n];
        renumber(p->in, p->in_count, to);
        renumber(p->out, p->out_count, to);
        renumber(p->captured, p->captured_count, to);
    }
    g->node_count = kept;
    renumber(g->inputs, g->input_count, to);
    int outputs = g->output_count;
    renumber(g->outputs, outputs, to);
    memset(g->index->is_output, 0, (size_t)g->index->output_room);
    g->output_count = 0;
    for (int i = 0; i < outputs; i++) {
        ff_graph_add_output(g, g->outputs[i]);
    }
    ff_mem_free(to);
}

ff_code ff_graph_prune(ff_graph *g, ff_err *err)
{
    uint8_t *node = ff_mem_must((size_t)g->node_count + 1);
    uint8_t *value = ff_mem_must((size_t)g->value_count + 1);
    mark_needed(g, node, value);
    compact(g, node, value);
    ff_mem_free(node);
    ff_mem_free(value);
    ff_mem_free(g->index->cells); /* they go by the old numbers */
    g->index->cells = NULL;
    g->index->cell_values = 0;
    ff_graph_reindex(g);
    return ff_graph_seal(g, err);
}
