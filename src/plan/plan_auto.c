#include "plan/plan_auto.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "plan/plan_int.h"

static const char *const NAMES[] = {"auto", "gillis", "sequential", "single"};
#define NAME_COUNT ((int)(sizeof NAMES / sizeof NAMES[0]))

const char *ff_planner_name(ff_planner planner)
{
    return NAMES[planner];
}

bool ff_planner_parse(const char *name, ff_planner *planner)
{
    for (int i = 0; i < NAME_COUNT; i++)
        if (strcmp(name, NAMES[i]) == 0) {
            *planner = (ff_planner)i;
            return true;
        }
    return false;
}

/* No stage with workers takes less on the compute profile's machine; 0 where one may be needed for
 * its memory. */
static double least_ms(const ff_graph *g, const ff_auto_options *o, const ff_plan_target *target)
{
    const double weights = (double)ff_graph_weight_bytes(g) + FF_PLAN_RUNTIME_BYTES;
    const ff_wait_load nothing = {0, 0, 0, 0};
    const double package = target->package_limit_bytes;
    if (weights * 1.5 > o->memory_mb[0] * 1048576 || (package > 0 && weights > package))
        return 0;
    ff_wait *wait = ff_wait_new(target->net, target->cold);
    double ms = ff_wait_slowest(wait, 1, &nothing).mean_ms;
    double scale = ff_compute_scale(target->compute, target->net, o->memory_mb[0]);
    ff_wait_free(wait);
    return ms / scale;
}

/* By the search's own figures: stages without their tensors. */
static void outline(ff_plan *plan, const ff_plan_target *target, const ff_solution *solution)
{
    double usd = 0;
    plan->stage_count = solution->stage_count;
    plan->stage = ff_arena_array(plan->arena, (size_t)solution->stage_count, sizeof *plan->stage);
    for (int s = 0; s < solution->stage_count; s++) {
        const ff_solved_stage *from = &solution->stage[s];
        plan->stage[s] = (ff_plan_stage){.stage = from->stage,
                                         .own = from->cost.own,
                                         .worker_mb = from->worker_mb,
                                         .predicted = true,
                                         .cost = from->cost};
        plan->mean_ms += from->cost.mean_ms;
        plan->p99_ms += from->cost.tail_ms;
        usd += from->cost.worker_usd;
    }
    plan->latency_ms = plan->mean_ms;
    plan->cost_usd = usd + ff_net_function_usd(target->net, plan->mean_ms, plan->master_mb);
    plan->network = ff_arena_strdup(plan->arena, target->net->name);
    plan->compute = ff_arena_strdup(plan->arena, target->compute->name);
    plan->predicted = true;
}

static ff_plan *begin_plan(const ff_graph *g, const ff_auto_options *o, const ff_solution *solution)
{
    ff_plan *plan = ff_mem_must(sizeof *plan);
    plan->arena = ff_arena_new();
    plan->planner = ff_planner_name(o->planner);
    plan->model_path = ff_arena_strdup(plan->arena, g->path);
    plan->model_sha256 = "";
    plan->node_count = g->node_count;
    plan->master_mb = solution->master_mb;
    return plan;
}

/* From its pieces. */
static ff_code complete(ff_plan *plan, const ff_graph *g, const ff_plan_target *target,
                        const ff_solution *solution, ff_err *err)
{
    ff_stage_list list = {0};
    for (int s = 0; s < solution->stage_count; s++)
        ff_stage_list_add(&list, solution->stage[s].stage);
    ff_code code = ff_plan_fill(plan, g, &list, err);
    ff_mem_free(list.stage);
    for (int s = 0; s < solution->stage_count && code == FF_OK; s++) {
        plan->stage[s].own = solution->stage[s].cost.own;
        plan->stage[s].worker_mb = solution->stage[s].worker_mb;
    }
    return code == FF_OK ? ff_plan_predict(plan, g, target, err) : code;
}

static void free_plans(ff_plan **plans, int count)
{
    for (int i = 0; i < count; i++)
        ff_plan_free(plans[i]);
    ff_mem_free(plans);
}

/* What each planner may not do. */
static ff_plan_target restricted(const ff_auto_options *o)
{
    ff_plan_target t = *o->target;
    t.master_mb = t.worker_mb = o->memory_mb[o->memory_count - 1];
    t.inline_only = t.inline_only || o->planner == FF_PLANNER_GILLIS;
    t.store_only = t.store_only || o->planner == FF_PLANNER_SEQUENTIAL;
    return t;
}

ff_code ff_plan_auto(const ff_graph *g, const ff_auto_options *options, ff_plan ***out, int *count,
                     ff_err *err)
{
    int64_t start = ff_clock_now_ns();
    ff_plan_target target = restricted(options);
    ff_space_options so = {options->planner,
                           options->workers > 0 ? options->workers : FF_PLAN_WORKERS,
                           options->live > 0 ? options->live : FF_PLAN_LIVE, 0};
    ff_solve_options solve = {.target = &target,
                              .memory_count = options->memory_count,
                              .goal = options->goal,
                              .slo_ms = options->slo_ms};
    ff_space space = {0};
    ff_solution *found = NULL;
    int found_count = 0, made = 0;
    if (g->node_count == 0)
        return ff_err_set(err, FF_UNSUPPORTED, "a model without nodes has nothing to plan");
    memcpy(solve.memory_mb, options->memory_mb, sizeof solve.memory_mb);
    so.least_ms = least_ms(g, options, &target);
    ff_code code = ff_space_init(&space, g, target.compute, &so, err);
    if (code == FF_OK)
        code = ff_solve(space.sweep, &space.of, &solve, &found, &found_count, err);
    ff_plan **plans = ff_mem_must_array((size_t)found_count + 2, sizeof(ff_plan *));
    if (code == FF_OK) {
        plans[made++] = begin_plan(g, options, &found[0]);
        code = complete(plans[0], g, &target, &found[0], err);
    }
    for (int i = 0; i < found_count && code == FF_OK && options->goal == FF_GOAL_FRONTIER; i++) {
        plans[made++] = begin_plan(g, options, &found[i]);
        outline(plans[made - 1], &target, &found[i]);
    }
    if (code == FF_OK)
        plans[0]->planning_ms = ff_clock_ms(ff_clock_now_ns() - start);
    ff_solutions_free(found, found_count);
    ff_space_clean(&space);
    if (code != FF_OK) {
        free_plans(plans, made);
        return code;
    }
    *out = plans;
    *count = made;
    return FF_OK;
}
