/*
 * From timed nodes to an entry of a compute profile. Pure arithmetic on the samples.
 *
 * Coefficients are never negative and minimise the sum of absolute relative errors (least squares,
 * reweighted), so that a few disturbed samples do little harm. Few samples fit few coefficients: up
 * to 3 give one, in proportion to the MACs or bytes; up to 9 a fixed cost too. An efficiency by
 * tile is tried behind that, and kept if it takes a tenth off the error.
 */
#ifndef FF_MEASURE_FIT_OPS_H
#define FF_MEASURE_FIT_OPS_H

#include "profile/compute.h"

typedef struct ff_op_sample {
    ff_work work;
    double ms;     /* of the node; may be a difference of two runs: 0 or less is possible */
    double run_ms; /* > 0: of the run that it was part of, by which errors count */
} ff_op_sample;

/* Fills out's coefficients, efficiency (arena memory), r2 and samples; op and source are the
 * caller's. by_bytes: fixed cost and MB moved only, for an entry of many ops. count > 0.
 * Returns the mean absolute error as a ratio of run_ms. */
double ff_fit_op(const ff_op_sample *samples, int count, bool by_bytes, ff_arena *arena,
                 ff_compute_op *out);

#endif
