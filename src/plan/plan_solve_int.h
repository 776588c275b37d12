/*
 * Between plan_solve.c (options of all intervals), plan_labels.c (partial plans) and
 * plan_impossible.c.
 */
#ifndef FF_PLAN_PLAN_SOLVE_INT_H
#define FF_PLAN_PLAN_SOLVE_INT_H

#include "plan/plan_solve.h"

/* One way to run the nodes between two cuts. */
typedef struct ff_option {
    int begin, end; /* numbers of cuts */
    ff_split split;
    int memory; /* of its workers */
    double ms, usd;
    ff_stage_cost cost;
} ff_option;

typedef struct ff_options_list {
    int count, room;
    ff_option *item;
} ff_options_list;

typedef struct ff_solver {
    ff_sweep *sweep;
    const ff_plan_space *space;
    const ff_solve_options *options;
    int master;                             /* number of the master's memory size */
    ff_plan_target target[FF_MAX_MEMORIES]; /* by the workers' memory size */
    ff_coster coster[FF_MAX_MEMORIES];
    bool two;   /* time and money count both */
    bool tight; /* the master's memory may break */
    bool dead;  /* the graph has nodes that nothing needs: a longer stage may leave them out */
    ff_options_list found;
    int *first; /* by end: its first option; cut_count + 1 */
    /* one label a cut, where that is enough */
    double *best_ms, *best_usd;
    int *best; /* its option; -1: none */
} ff_solver;

int ff_option_add(ff_solver *s, const ff_option *option);
/* All whole plans worth having, as lists of options. */
void ff_labels_solve(ff_solver *s, ff_solution **out, int *count);
/* Joins adjacent local options; back: options from the last to the first. */
void ff_solution_add(const ff_solver *s, const int *back, int length, ff_solution **out,
                     int *count);
ff_code ff_impossible(ff_solver *s, ff_err *err);
/* The number of the cut at this position; -1: none. */
int ff_cut_number(const ff_plan_space *space, int position);

#endif
