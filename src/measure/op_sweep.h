/*
 * The built-in sweep: small models of one op, or of a run that fuses, over the shapes that networks
 * and their tiles have. Drawn from lists, seeded: the same on every machine.
 */
#ifndef FF_MEASURE_OP_SWEEP_H
#define FF_MEASURE_OP_SWEEP_H

#include "graph/graph.h"

/* One model of the sweep. */
typedef struct ff_sweep_item {
    ff_graph *graph;
    int base; /* the item that it is, but for the node that fuses behind; -1 = none */
} ff_sweep_item;

typedef struct ff_sweep {
    int count, room;
    ff_sweep_item *item;
    int empty;      /* the item that does next to nothing: what a session costs */
    float *weights; /* what all weights are views of */
} ff_sweep;

/* runs_only: those in which something fuses, and what they are compared with. */
void ff_sweep_init(ff_sweep *sweep, bool runs_only);
void ff_sweep_clean(ff_sweep *sweep); /* accepts zeroed memory, and twice */
/* The kernel of kernel.h as a graph (ff_graph_free), and its MACs. */
ff_graph *ff_sweep_kernel(double *macs);

#endif
