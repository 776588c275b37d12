/*
 * Sealing: who reads what, every tensor produced exactly once, and a topological order.
 */
#include <string.h>

#include "graph/graph.h"
#include "graph/graph_int.h"

static int reads_count(const ff_node *n)
{
    return n->in_count + n->captured_count;
}

/* The i-th value that a node reads, captured ones last; FF_NO_VALUE for an omitted input. */
static int reads_at(const ff_node *n, int i)
{
    return i < n->in_count ? n->in[i] : n->captured[i - n->in_count];
}

/* Each output has one producer, and is no input and no weight. */
static ff_code check_outputs(ff_graph *g, ff_err *err)
{
    char text[256], other[256];
    for (int v = 0; v < g->value_count; v++) {
        g->values[v].producer = FF_NO_NODE;
    }
    for (int n = 0; n < g->node_count; n++) {
        for (int i = 0; i < g->nodes[n].out_count; i++) {
            int v = g->nodes[n].out[i];
            if (v == FF_NO_VALUE) {
                continue;
            }
            ff_value *value = &g->values[v];
            if (value->kind != FF_VALUE_NODE) {
                return ff_err_set(err, FF_FORMAT, "%s produces '%s', which is a%s",
                                  ff_node_text(g, n, text, sizeof text), value->name,
                                  value->kind == FF_VALUE_INPUT ? " graph input" : " weight");
            }
            if (value->producer != FF_NO_NODE) {
                return ff_err_set(err, FF_FORMAT, "tensor '%s' is produced twice: by %s and by %s",
                                  value->name,
                                  ff_node_text(g, value->producer, other, sizeof other),
                                  ff_node_text(g, n, text, sizeof text));
            }
            value->producer = n;
        }
    }
    return FF_OK;
}

static ff_code check_inputs(const ff_graph *g, ff_err *err)
{
    char text[256];
    for (int n = 0; n < g->node_count; n++) {
        for (int i = 0; i < reads_count(&g->nodes[n]); i++) {
            int v = reads_at(&g->nodes[n], i);
            if (v != FF_NO_VALUE && g->values[v].kind == FF_VALUE_NODE &&
                g->values[v].producer == FF_NO_NODE) {
                return ff_err_set(err, FF_FORMAT, "%s reads '%s', which nothing produces",
                                  ff_node_text(g, n, text, sizeof text), g->values[v].name);
            }
        }
    }
    for (int i = 0; i < g->output_count; i++) {
        const ff_value *v = &g->values[g->outputs[i]];
        if (v->kind == FF_VALUE_NODE && v->producer == FF_NO_NODE) {
            return ff_err_set(err, FF_FORMAT, "graph output '%s' is produced by nothing", v->name);
        }
    }
    return FF_OK;
}

/* Calls for each distinct (value, reader) pair: counts when list is NULL, else fills. at[v] is
 * advanced by one a pair. */
static void each_read(const ff_graph *g, int *seen, int *at, int *list)
{
    memset(seen, 0, (size_t)g->value_count * sizeof *seen);
    for (int n = 0; n < g->node_count; n++) {
        for (int i = 0; i < reads_count(&g->nodes[n]); i++) {
            int v = reads_at(&g->nodes[n], i);
            if (v == FF_NO_VALUE || seen[v] == n + 1) {
                continue;
            }
            seen[v] = n + 1;
            if (list != NULL) {
                list[at[v]] = n;
            }
            at[v]++;
        }
    }
}

static void build_readers(ff_graph *g)
{
    ff_graph_index *x = g->index;
    size_t count = (size_t)g->value_count;
    int *seen = ff_mem_must_array(count + 1, sizeof *seen);
    int *at = ff_mem_must_array(count + 1, sizeof *at);
    each_read(g, seen, at, NULL);
    ff_mem_free(x->reader_at);
    x->reader_at = ff_mem_must_array(count + 1, sizeof *x->reader_at);
    for (size_t v = 0; v < count; v++) {
        x->reader_at[v + 1] = x->reader_at[v] + at[v];
        at[v] = x->reader_at[v];
    }
    ff_mem_free(x->readers);
    x->readers = ff_mem_must_array((size_t)x->reader_at[count] + 1, sizeof *x->readers);
    each_read(g, seen, at, x->readers);
    x->reader_values = g->value_count;
    ff_mem_free(seen);
    ff_mem_free(at);
}

static bool is_ordered(const ff_graph *g)
{
    for (int n = 0; n < g->node_count; n++) {
        for (int i = 0; i < reads_count(&g->nodes[n]); i++) {
            int v = reads_at(&g->nodes[n], i);
            if (v != FF_NO_VALUE && g->values[v].producer >= n) {
                return false;
            }
        }
    }
    return true;
}

/* A heap of node numbers, the smallest first. */
typedef struct heap {
    int *item;
    int count;
} heap;

static void heap_push(heap *h, int item)
{
    int i = h->count++;
    while (i > 0 && h->item[(i - 1) / 2] > item) {
        h->item[i] = h->item[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->item[i] = item;
}

static int heap_pop(heap *h)
{
    int top = h->item[0], last = h->item[--h->count], i = 0;
    for (;;) {
        int child = 2 * i + 1;
        if (child >= h->count) {
            break;
        }
        if (child + 1 < h->count && h->item[child + 1] < h->item[child]) {
            child++;
        }
        if (h->item[child] >= last) {
            break;
        }
        h->item[i] = h->item[child];
        i = child;
    }
    h->item[i] = last;
    return top;
}

/* Kahn's algorithm, the ready node of the smallest number first. Fills order; returns how many
 * nodes it could order. left[n] stays > 0 for the others. */
static int order_nodes(const ff_graph *g, int *order, int *left)
{
    heap ready = {ff_mem_must_array((size_t)g->node_count + 1, sizeof(int)), 0};
    for (int v = 0; v < g->value_count; v++) {
        const int *list;
        int count = g->values[v].producer == FF_NO_NODE ? 0 : ff_graph_readers(g, v, &list);
        for (int i = 0; i < count; i++) {
            left[list[i]]++;
        }
    }
    for (int n = 0; n < g->node_count; n++) {
        if (left[n] == 0) {
            heap_push(&ready, n);
        }
    }
    int done = 0;
    while (ready.count > 0) {
        int n = heap_pop(&ready);
        order[done++] = n;
        for (int o = 0; o < g->nodes[n].out_count; o++) {
            const int *list;
            int count = ff_graph_readers(g, g->nodes[n].out[o], &list);
            for (int i = 0; i < count; i++) {
                if (--left[list[i]] == 0) {
                    heap_push(&ready, list[i]);
                }
            }
        }
    }
    ff_mem_free(ready.item);
    return done;
}

/* A node on a cycle: walks back along producers that could not be ordered until one comes twice. */
static int find_cycle(const ff_graph *g, const int *left)
{
    uint8_t *seen = ff_mem_must((size_t)g->node_count + 1);
    int n = 0;
    while (left[n] == 0) {
        n++;
    }
    while (seen[n] == 0) {
        seen[n] = 1;
        for (int i = 0; i < reads_count(&g->nodes[n]); i++) {
            int v = reads_at(&g->nodes[n], i);
            int p = v == FF_NO_VALUE ? FF_NO_NODE : g->values[v].producer;
            if (p != FF_NO_NODE && left[p] > 0) {
                n = p;
                break;
            }
        }
    }
    ff_mem_free(seen);
    return n;
}

static void permute(ff_graph *g, const int *order)
{
    ff_node *nodes = ff_mem_must_array((size_t)g->node_room, sizeof *nodes);
    for (int n = 0; n < g->node_count; n++) {
        nodes[n] = g->nodes[order[n]];
        for (int i = 0; i < nodes[n].out_count; i++) {
            if (nodes[n].out[i] != FF_NO_VALUE) {
                g->values[nodes[n].out[i]].producer = n;
            }
        }
    }
    ff_mem_free(g->nodes);
    g->nodes = nodes;
}

ff_code ff_graph_seal(ff_graph *g, ff_err *err)
{
    ff_code code = check_outputs(g, err);
    if (code == FF_OK) {
        code = check_inputs(g, err);
    }
    if (code != FF_OK) {
        return code;
    }
    build_readers(g);
    if (is_ordered(g)) {
        return FF_OK;
    }
    int *order = ff_mem_must_array((size_t)g->node_count + 1, sizeof *order);
    int *left = ff_mem_must_array((size_t)g->node_count + 1, sizeof *left);
    if (order_nodes(g, order, left) == g->node_count) {
        permute(g, order);
        build_readers(g);
    } else {
        char text[256];
        code = ff_err_set(err, FF_FORMAT, "the graph has a cycle through %s",
                          ff_node_text(g, find_cycle(g, left), text, sizeof text));
    }
    ff_mem_free(order);
    ff_mem_free(left);
    return code;
}
