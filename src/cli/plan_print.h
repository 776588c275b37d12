/*
 * Plans for people: a table of stages, what they take, and what one function would take.
 */
#ifndef FF_CLI_PLAN_PRINT_H
#define FF_CLI_PLAN_PRINT_H

#include "plan/plan.h"

/* single: the plan to compare with; NULL where there is none. */
ff_code ff_plan_print(const ff_plan *plan, const ff_plan *single, ff_err *err);
/* One line a plan, where it differs by a hundredth. */
ff_code ff_plan_print_frontier(ff_plan *const *plans, int count, ff_err *err);
/* The first plan's document with "frontier": [{"latency_ms", "p99_ms", "cost_usd", "memory_mb",
 * "stages": [{"split", "begin", "end", "workers", "memory_mb"}]}]. */
ff_code ff_plan_print_frontier_json(ff_plan *const *plans, int count, const ff_buf *first,
                                    ff_err *err);

#endif
