/*
 * The best plan: exact dynamic programming over the graph's own order of nodes.
 *
 * Cuts are made where at most `live` tensors cross. Between two cuts a stage may run local, on one
 * worker, on a grid, or by a split into ranges (the candidates of the space), with or without the
 * master computing piece 0, its workers with each of the memory sizes. What follows a cut does not
 * depend on how it was reached, but by the time and money spent and the memory of the master that
 * its own weights take; so for each cut the partial plans are kept of which none is better in all
 * that counts (time; money where it counts; memory where all weights together may not fit).
 * Adjacent local stages are one. Equal input, equal plan: ties go to the cheaper, then to the
 * first.
 *
 * Where several partial plans a cut are kept, those are dropped that even at the least time and
 * money from there on would not beat a whole plan known already; so the answer stays exact.
 */
#ifndef FF_PLAN_PLAN_SOLVE_H
#define FF_PLAN_PLAN_SOLVE_H

#include "plan/plan_sweep.h"

#define FF_MAX_MEMORIES 16

/* A stage outside of grids that may be in a plan: a split into ranges, its load known. */
typedef struct ff_candidate {
    ff_stage stage;
    ff_stage_load load;
} ff_candidate;

/* What plans are made of. What it points to is the owner's (ff_space). */
typedef struct ff_plan_space {
    int cut_count; /* the first is 0, the last the number of nodes; rising */
    const int *cuts;
    int grid_count; /* those that the sweep was made with */
    const ff_split *grids;
    int candidate_count; /* by end, then by begin; both are cuts */
    const ff_candidate *candidates;
    bool offload; /* whole stages on one worker too */
    bool own;     /* the master may compute piece 0 */
    bool local;   /* the master may compute whole stages */
} ff_plan_space;

typedef enum ff_plan_goal { FF_GOAL_LATENCY, FF_GOAL_COST, FF_GOAL_FRONTIER } ff_plan_goal;

typedef struct ff_solve_options {
    const ff_plan_target *target; /* its memory sizes are not looked at, but those below */
    int memory_count;             /* rising; of the master, and of each stage's workers */
    double memory_mb[FF_MAX_MEMORIES];
    ff_plan_goal goal;
    double slo_ms; /* LATENCY, COST: the cheapest that meets it; 0 = none */
} ff_solve_options;

typedef struct ff_solved_stage {
    ff_stage stage;
    double worker_mb;
    ff_stage_cost cost;
} ff_solved_stage;

typedef struct ff_solution {
    double ms;  /* by the target's quantile: the sum over stages */
    double usd; /* without rounding up the master's time */
    double master_mb;
    int stage_count;
    ff_solved_stage *stage; /* the solution's own */
} ff_solution;

/* The best plan; FRONTIER: all plans of which none is both faster and cheaper, fastest first.
 * FF_LIMIT where there is none: the bound that broke, and by how much; or the SLO that none meets.
 */
ff_code ff_solve(ff_sweep *sweep, const ff_plan_space *space, const ff_solve_options *options,
                 ff_solution **out, int *count, ff_err *err);
void ff_solutions_free(ff_solution *solutions, int count);

#endif
