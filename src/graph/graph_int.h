/*
 * What the files of graph/ share about a graph's private index: names, readers, owned blocks.
 */
#ifndef FF_GRAPH_GRAPH_INT_H
#define FF_GRAPH_GRAPH_INT_H

#include "graph/graph.h"

typedef struct ff_graph_index {
    /* names: open addressing, value + 1, 0 = free; at most half full */
    size_t slot_count; /* a power of two */
    int *slots;
    uint64_t seed;
    /* readers of value v: reader[reader_at[v] .. reader_at[v + 1]); valid once sealed */
    int reader_values; /* the number of values at the last seal */
    int *reader_at;
    int *readers;
    /* is value v a graph output; output_room bytes */
    int output_room;
    uint8_t *is_output;
    /* by value: the elements that the last inference knew, or NULL; cell_values entries */
    int cell_values;
    const union ff_cell **cells;
    /* blocks of ff_mem_try that live as long as the graph */
    int owned_count, owned_room;
    void **owned;
} ff_graph_index;

/* size bytes of the try tier that live as long as the graph; FF_NO_MEMORY. */
ff_code ff_graph_own(ff_graph *g, size_t size, void **block, ff_err *err);
/* The same for memory that exists: of ff_mem_try, the graph's from now on. */
void ff_graph_take_block(ff_graph *g, void *block);
/* The mapping is the graph's from now on. */
void ff_graph_take_map(ff_graph *g, ff_map map);

/* Turns folded values into weights, and weights that are only reshaped into views. */
void ff_graph_replace_known(ff_graph *g);
/* Drops the nodes, weights and values that no graph output needs; keeps order, and all inputs.
 * Value and node numbers change. The graph is sealed afterwards. */
ff_code ff_graph_prune(ff_graph *g, ff_err *err);
/* Rebuilds the index of names after values moved. */
void ff_graph_reindex(ff_graph *g);

#endif
