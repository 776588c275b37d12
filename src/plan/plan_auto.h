/*
 * Plans by cost: the best one, or all that are worth having.
 */
#ifndef FF_PLAN_PLAN_AUTO_H
#define FF_PLAN_PLAN_AUTO_H

#include "plan/plan.h"
#include "plan/plan_space.h"

#define FF_PLAN_WORKERS 16 /* of a stage, where nothing else is said */
#define FF_PLAN_LIVE    4  /* tensors that may cross a cut, likewise */

typedef struct ff_auto_options {
    ff_planner planner;
    const ff_plan_target *target; /* its memory sizes are not looked at, but those below */
    int memory_count;             /* rising */
    double memory_mb[FF_MAX_MEMORIES];
    ff_plan_goal goal;
    double slo_ms;     /* 0 = none */
    int workers, live; /* 0 = FF_PLAN_WORKERS, FF_PLAN_LIVE */
} ff_auto_options;

const char *ff_planner_name(ff_planner planner); /* "auto" */
/* The planner of that name; false: none. */
bool ff_planner_parse(const char *name, ff_planner *planner);

/* The best plan, complete and predicted from its pieces. For FF_GOAL_FRONTIER that is the fastest,
 * and behind it come all that are worth having, fastest first, it too: their stages without
 * tensors, and the search's figures (latency: the sum of means; p99: of the stages' p99). Free
 * each, and the array by ff_mem_free. FF_LIMIT as ff_solve, FF_NOT_FOUND as ff_plan_predict. */
ff_code ff_plan_auto(const ff_graph *g, const ff_auto_options *options, ff_plan ***out, int *count,
                     ff_err *err);

#endif
