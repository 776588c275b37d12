/*
 * What a planner may put into a plan: cuts, grids, splits into ranges.
 */
#ifndef FF_PLAN_PLAN_SPACE_H
#define FF_PLAN_PLAN_SPACE_H

#include "plan/plan_solve.h"

typedef enum ff_planner {
    FF_PLANNER_AUTO,       /* all splits */
    FF_PLANNER_GILLIS,     /* Gillis's: grids of 1x2 and 2x2, products by 2 and 4, its groups */
    FF_PLANNER_SEQUENTIAL, /* AMPS-Inf's: whole stages, each on a worker of its own */
    FF_PLANNER_SINGLE      /* the model whole on the master */
} ff_planner;

typedef struct ff_space_options {
    ff_planner planner;
    int workers; /* of one stage, at most; 2 to FF_MAX_TILES */
    int live;    /* tensors that may cross a cut */
    /* Ranges below this (on the compute profile's machine) are no candidates: no worker answers in
     * less; 0 where they may be needed for their memory. */
    double least_ms;
} ff_space_options;

typedef struct ff_space {
    ff_sweep *sweep;
    ff_plan_space of;
    int *cuts;
    ff_split *grids;
    ff_candidate *candidates;
} ff_space;

ff_code ff_space_init(ff_space *space, const ff_graph *g, const ff_compute_profile *compute,
                      const ff_space_options *options, ff_err *err);
void ff_space_clean(ff_space *space); /* accepts zeroed memory */

#endif
