/*
 * One node as a line of text, its shapes inferred: for tables of tests. Links ff_graph.
 *
 * Inputs, separated by blanks:
 *   1x3x8x8   a float32 graph input of that shape      i64:2x3   of another type (numpy's names
 * too) scalar    one of rank 0                            ?         one of unknown shape =1,2 an
 * int64 weight, a list; "=" is empty    =:5       a scalar f=1,0.5   a float32 weight i32=1     of
 * another type
 *   -         an omitted input
 * Attributes: "strides=2,2 axis=1 alpha=0.5f mode=linear scales=[1.0f,2.0f] axes=[1]".
 */
#ifndef FF_TESTS_SUPPORT_INFER_CASE_H
#define FF_TESTS_SUPPORT_INFER_CASE_H

#include "graph/graph.h"

typedef struct infer_case {
    int opset;
    const char *op;
    const char *inputs;
    const char *attrs;
    /* Each output, separated by blanks: "1x4x8x8", "i64:3", "?" (no shape), "-" (omitted);
     * "=1,2" or "f=0.5" where the elements are known, too. "!text": FF_FORMAT with that text. */
    const char *outputs;
} infer_case;

/* A sealed graph of the one node. Aborts on a malformed text. */
ff_graph *infer_case_graph(const infer_case *c);
/* Runs a case; prints what differs and returns false. */
bool infer_case_run(const infer_case *c);
/* All of them; the number that failed. */
int infer_case_run_all(const infer_case *cases, size_t count);

#endif
