/*
 * Random graphs of maps: convolutions, pools, element-wise ops, blocks, skips. Links ff_graph.
 */
#ifndef FF_TESTS_SUPPORT_RANDOM_GRAPH_H
#define FF_TESTS_SUPPORT_RANDOM_GRAPH_H

#include "support/graph_make.h"

/* A graph of about `steps` steps, some with a head (a mean, a product with the flattened map), with
 * an opset of its own; the same one for the same seed. */
void random_graph(graph_make *m, uint64_t seed, int steps);

#endif
