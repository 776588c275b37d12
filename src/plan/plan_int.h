/*
 * What the files of plan/ share.
 */
#ifndef FF_PLAN_PLAN_INT_H
#define FF_PLAN_PLAN_INT_H

#include "plan/plan.h"

/* Stages as a planner chooses them: grown, owned by the caller (ff_mem_free(list.stage)). */
typedef struct ff_stage_list {
    int count, room;
    ff_stage *stage;
} ff_stage_list;

void ff_stage_list_add(ff_stage_list *list, ff_stage stage);

/* plan_cut.c: what it costs to cut at position p, between nodes p - 1 and p (0 .. node_count). */
typedef struct ff_cut_costs {
    double *flops_before; /* of nodes [0, p) */
    double *bytes;        /* of the tensors that cross p */
    bool *open;           /* every tensor that crosses has a fixed size */
} ff_cut_costs;

void ff_cut_costs_init(const ff_graph *g, ff_cut_costs *costs);
void ff_cut_costs_clean(ff_cut_costs *costs);

/* plan_halo.c: extra[i * count + j] for i < j: the FLOPs that the pieces of a grid stage from
 * places[i] to places[j] compute beyond the stage's own; INFINITY where it passes no grid. Places
 * are positions, ascending. Other splits have none: extra is left as it is. */
void ff_halo_table(const ff_graph *g, const ff_split *split, const int *places, int count,
                   double *extra);

/* plan_grid.c: grid stages of split, and local ones between them; all nodes covered. */
ff_code ff_plan_grid(const ff_graph *g, const ff_split *split, int wanted, ff_stage_list *out,
                     ff_err *err);

/* plan_split.c: stages of the split where a layer passes it, and local ones between them. */
ff_code ff_plan_ranges(const ff_graph *g, const ff_split *split, ff_stage_list *out, ff_err *err);

/* plan_chain.c: offload stages (as many, or as many as there are places to cut), one behind the
 * other. */
ff_code ff_plan_chain(const ff_graph *g, int stages, ff_stage_list *out, ff_err *err);

bool ff_plan_is_sha256(const char *text); /* plan.c: 64 lower-case hex digits */
/* plan.c: fills a plan's stages from a list (sizes, FLOPs, what travels). */
ff_code ff_plan_fill(ff_plan *plan, const ff_graph *g, const ff_stage_list *list, ff_err *err);

#endif
