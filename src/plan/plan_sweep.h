/*
 * The loads of all intervals [begin, end) of a graph, on many grids at once, without making pieces.
 *
 * For one end the nodes are walked backwards: the regions of [begin - 1, end) extend those of
 * [begin, end), so one sweep an end gives all begins, O(nodes^2) in all. Rows and columns of a grid
 * are independent, so a sweep keeps intervals for each number of rows and each of columns, and
 * multiplies.
 *
 * Against the pieces (tests/plan/test_plan_sweep.c): weights and tensors are equal; work_ms is that
 * of the largest part of every node, at least the slowest piece's; a stage that passes here passes
 * ff_stage_check (not the reverse: maps whose rows become another axis end a stage here).
 */
#ifndef FF_PLAN_PLAN_SWEEP_H
#define FF_PLAN_PLAN_SWEEP_H

#include "graph/op.h"
#include "plan/plan_cost.h"
#include "split/split.h"

#define FF_SWEEP_COUNTS 24 /* different numbers of rows, or of columns, above 1 */

typedef struct ff_sweep ff_sweep;

/* Grids of at least two pieces; copied. */
ff_sweep *ff_sweep_new(const ff_graph *g, const ff_compute_profile *compute, const ff_split *grids,
                       int grid_count);
void ff_sweep_free(ff_sweep *s); /* accepts NULL */
const ff_graph *ff_sweep_graph(const ff_sweep *s);

/* Positions where the graph may be cut: at most `live` tensors cross, all of known size. 0 and
 * node_count are among them. Borrowed. */
const int *ff_sweep_cuts(const ff_sweep *s, int live, int *count);
/* Bytes of all tensors that are alive at position p. */
double ff_sweep_alive(const ff_sweep *s, int p);
/* ms of the nodes [begin, end), whole, on the compute profile's machine: without those that no
 * output of the graph depends on, and with them. */
double ff_sweep_whole_ms(const ff_sweep *s, int begin, int end);
double ff_sweep_all_ms(const ff_sweep *s, int begin, int end);

void ff_sweep_end(ff_sweep *s, int end); /* begins a sweep: [end, end) */
void ff_sweep_back(ff_sweep *s);         /* takes one node more */
int ff_sweep_begin(const ff_sweep *s);
/* The interval whole: local where pieces is 0, offload where it is 1. */
void ff_sweep_whole(const ff_sweep *s, int pieces, ff_stage_load *load);
/* Does the interval pass grid number i? */
bool ff_sweep_passes(const ff_sweep *s, int i);
bool ff_sweep_any(const ff_sweep *s); /* any grid */
/* The slowest piece's ms, or the slowest but piece 0's, which is less; only where it passes. */
double ff_sweep_grid_ms(const ff_sweep *s, int i);
/* All pieces' but the first one's. */
double ff_sweep_grid_sum_ms(const ff_sweep *s, int i);
void ff_sweep_grid(const ff_sweep *s, int i, ff_stage_load *load);

#endif
