/*
 * Graphs made by hand in tests, with seeded float32 weights. Links ff_graph.
 *
 * A failure is printed and aborts: these graphs are meant to be right.
 */
#ifndef FF_TESTS_SUPPORT_GRAPH_MAKE_H
#define FF_TESTS_SUPPORT_GRAPH_MAKE_H

#include "base/random.h"
#include "graph/graph.h"

typedef struct graph_make {
    ff_graph *g;
    ff_random random;
    int64_t opset;
    int count; /* of names given */
} graph_make;

void gm_init(graph_make *m, int64_t opset, uint64_t seed);
void gm_clean(graph_make *m);
ff_shape gm_shape(int rank, ...); /* int dims */
/* A graph input x0, x1, ... */
int gm_input(graph_make *m, ff_shape shape);
/* A weight of normal numbers times scale, plus offset. */
int gm_weight(graph_make *m, ff_shape shape, double scale, double offset);
int gm_ints(graph_make *m, const int64_t *values, int count); /* an int64 weight */
int gm_floats(graph_make *m, const float *values, int count); /* a float32 weight */
/* Adds a node. attrs: "strides=2,2 group=[4] auto_pad=SAME_UPPER alpha=0.5f": a list with a comma
 * or in brackets is INTS, a number ending in f FLOAT, one without INT, the rest STRING.
 * Returns its only output, its shape inferred. */
int gm_op(graph_make *m, const char *op, const int *in, int in_count, const char *attrs);
/* The same with several outputs. */
void gm_ops(graph_make *m, const char *op, const int *in, int in_count, const char *attrs, int *out,
            int out_count);
int gm_op1(graph_make *m, const char *op, int x, const char *attrs);
int gm_op2(graph_make *m, const char *op, int x, int y, const char *attrs);
/* A convolution with weights of unit gain and a bias. kernel: "3,3"; rest: further attributes. */
int gm_conv(graph_make *m, int x, int channels, int kh, int kw, const char *attrs);
const ff_shape *gm_shape_of(const graph_make *m, int v);
/* Declares the output, seals and infers. */
void gm_output(graph_make *m, int v);
void gm_must(ff_code code, const ff_err *err, const char *what);

#endif
