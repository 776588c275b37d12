/*
 * One of ONNX's node tests: a model, inputs and the answers that ONNX's reference gives. Links
 * ff_graph.
 *
 *   <folder>/model.onnx, <folder>/test_data_set_0/{input,output}_<i>.pb (TensorProto)
 */
#ifndef FF_TESTS_SUPPORT_NODE_TEST_H
#define FF_TESTS_SUPPORT_NODE_TEST_H

#include "graph/graph.h"

#define NODE_TEST_TENSORS 32

typedef struct node_test {
    char name[128];
    ff_buf model;
    int node_count;
    char op[64]; /* of the first node */
    char domain[64];
    int in_count, out_count;
    char in_name[NODE_TEST_TENSORS][128];
    /* Dense tensors; where a file holds something else, why says so and dense is false. */
    bool dense;
    char why[256];
    ff_tensor in[NODE_TEST_TENSORS], out[NODE_TEST_TENSORS];
} node_test;

ff_code node_test_load(const char *folder, node_test *t, ff_err *err);
void node_test_clean(node_test *t); /* accepts zeroed memory */
/* The model with all its inputs but the first as initializers, appended to out. */
ff_code node_test_freeze(const node_test *t, ff_buf *out, ff_err *err);

#endif
