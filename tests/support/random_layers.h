/*
 * Random graphs of layers: convolutions in groups, products of matrices, attention. Links ff_graph.
 */
#ifndef FF_TESTS_SUPPORT_RANDOM_LAYERS_H
#define FF_TESTS_SUPPORT_RANDOM_LAYERS_H

#include "support/graph_make.h"

/* A graph with an opset of its own; the same one for the same seed. */
void random_layers(graph_make *m, uint64_t seed);

/* Attention of `heads` heads (keys and values: kv_heads, which divide them) of `size` on x, 1 x
 * tokens x features, with its output projection. form 0: a product for each of query, key and
 * value; 1: one Gemm and Split; 2: one product, Reshape and Gather (both with kv_heads = heads);
 * 3: one product and a Split into parts of different length. */
int layers_attention(graph_make *m, int x, int heads, int kv_heads, int size, int form);

#endif
