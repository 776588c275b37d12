/*
 * A stage's load from its pieces themselves: what a finished plan is judged by.
 */
#ifndef FF_PLAN_PLAN_EXACT_H
#define FF_PLAN_PLAN_EXACT_H

#include "plan/plan_cost.h"
#include "split/split.h"

/* One piece, in ms on the compute profile's machine and bytes. */
typedef struct ff_piece_load {
    double work_ms, weights, activations;
    double in[FF_LOAD_TENSORS], out[FF_LOAD_TENSORS]; /* by the load's tensors' id */
} ff_piece_load;

/* A tensor's id is its number in ff_stage_borders. pieces gets up to FF_MAX_TILES, may be NULL.
 * Fails as ff_stage_split, and FF_NOT_FOUND where the compute profile knows no entry for an op. */
ff_code ff_exact_load(const ff_graph *g, const ff_stage *stage, const ff_compute_profile *compute,
                      ff_stage_load *load, ff_piece_load *pieces, ff_err *err);

/* A stage's time as a distribution, its pieces unequal as they are, by its first three cumulants;
 * to be added over stages. cost tells the routes. */
typedef struct ff_exact_time {
    double mean_ms, p99_ms, variance, third;
} ff_exact_time;
ff_exact_time ff_exact_time_of(const ff_coster *c, const ff_stage_load *load,
                               const ff_piece_load *pieces, const ff_stage_cost *cost);

#endif
