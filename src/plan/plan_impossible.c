/*
 * Why there is no plan: the bound that broke, and by how much.
 */
#include <stdio.h>

#include "base/units.h"
#include "plan/plan_solve_int.h"

/* The least that the nodes between cut number b and the next one break, over all their ways. */
typedef struct verdict {
    ff_bound bound;
    double over;
    char split[64];
} verdict;

static void judge(ff_solver *s, const ff_split *split, const ff_stage_load *load, verdict *v)
{
    int largest = s->options->memory_count - 1;
    ff_stage_cost cost;
    ff_bound bound = FF_BOUND_NONE;
    double over = 0;
    bool fits = ff_stage_cost_of(&s->coster[largest], load, false, false, &cost, &bound, &over);
    if (v->bound == FF_BOUND_NONE && v->split[0] != '\0')
        return; /* one way fits */
    if (fits || v->split[0] == '\0' || over < v->over) {
        v->bound = fits ? FF_BOUND_NONE : bound;
        v->over = over;
        ff_split_text(split, v->split, sizeof v->split);
    }
}

static verdict judge_step(ff_solver *s, int b)
{
    const ff_plan_space *space = s->space;
    verdict v = {FF_BOUND_NONE, 0, ""};
    ff_stage_load load;
    ff_sweep_end(s->sweep, space->cuts[b + 1]);
    while (ff_sweep_begin(s->sweep) > space->cuts[b])
        ff_sweep_back(s->sweep);
    if (space->local) {
        ff_sweep_whole(s->sweep, 0, &load);
        judge(s, &(ff_split){.kind = FF_SPLIT_LOCAL}, &load, &v);
    }
    ff_sweep_whole(s->sweep, 1, &load);
    if (space->offload && load.out_count > 0)
        judge(s, &(ff_split){.kind = FF_SPLIT_OFFLOAD}, &load, &v);
    for (int i = 0; i < space->grid_count; i++)
        if (ff_sweep_passes(s->sweep, i)) {
            ff_sweep_grid(s->sweep, i, &load);
            judge(s, &space->grids[i], &load, &v);
        }
    for (int i = 0; i < space->candidate_count; i++)
        if (space->candidates[i].stage.begin == space->cuts[b] &&
            space->candidates[i].stage.end == space->cuts[b + 1])
            judge(s, &space->candidates[i].stage.split, &space->candidates[i].load, &v);
    return v;
}

ff_code ff_impossible(ff_solver *s, ff_err *err)
{
    char over[32], most[32], node[256];
    const ff_plan_space *space = s->space;
    int largest = s->options->memory_count - 1;
    if (s->options->slo_ms > 0) { /* without it there may be one */
        ff_solve_options free = *s->options;
        ff_solution *plans = NULL;
        int count = 0;
        free.slo_ms = 0;
        free.goal = FF_GOAL_LATENCY;
        ff_code code = ff_solve(s->sweep, space, &free, &plans, &count, err);
        if (code != FF_OK)
            return code;
        code =
            ff_err_set(err, FF_LIMIT, "no plan takes at most %.1f ms: the fastest one takes %.1f",
                       s->options->slo_ms, plans[0].ms);
        ff_solutions_free(plans, count);
        return code;
    }
    for (int b = 0; b + 1 < space->cut_count; b++) {
        verdict v = judge_step(s, b);
        if (v.bound == FF_BOUND_NONE)
            continue;
        return ff_err_set(
            err, FF_LIMIT,
            "no plan fits: nodes %d to %d, from %s on, break %s (%s) by %s, as %s, the best of all "
            "splits",
            space->cuts[b], space->cuts[b + 1] - 1,
            ff_node_text(ff_sweep_graph(s->sweep), space->cuts[b], node, sizeof node),
            ff_bound_text(v.bound),
            ff_units_bytes((uint64_t)ff_bound_bytes(&s->coster[largest], v.bound), most,
                           sizeof most),
            ff_units_bytes((uint64_t)v.over, over, sizeof over), v.split);
    }
    return ff_err_set(
        err, FF_LIMIT,
        "no plan fits: what cannot be sent away does not fit into the memory of the "
        "master (%s)",
        ff_units_bytes((uint64_t)(s->target[largest].master_mb * 1048576), most, sizeof most));
}
