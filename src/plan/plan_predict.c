/*
 * What a finished plan takes: from its pieces, as distributions.
 */
#include <math.h>
#include <string.h>

#include "plan/plan.h"
#include "plan/plan_exact.h"
#include "plan/plan_int.h"

typedef struct outlook {
    double mean, variance, third; /* of the whole, ms */
    double usd;                   /* of the workers and the store */
    double weights, held;         /* of the master */
} outlook;

static ff_plan_route route_of(const ff_load_tensor *tensors, int count, int stored, int id)
{
    for (int i = 0; i < count; i++)
        if (tensors[i].id == (id < FF_LOAD_TENSORS ? id : FF_LOAD_TENSORS - 1))
            return i < stored ? FF_PLAN_ROUTE_STORE : FF_PLAN_ROUTE_INLINE;
    return FF_PLAN_ROUTE_OPEN;
}

static void set_routes(ff_plan_stage *stage, const ff_stage_load *load, const ff_stage_cost *cost)
{
    bool travels = cost->workers > 0;
    for (int i = 0; i < stage->in_count; i++)
        stage->in[i].route =
            travels ? route_of(load->in, load->in_count, cost->in_stored, i) : FF_PLAN_ROUTE_OPEN;
    for (int i = 0; i < stage->out_count; i++)
        stage->out[i].route = travels ? route_of(load->out, load->out_count, cost->out_stored, i)
                                      : FF_PLAN_ROUTE_OPEN;
}

static ff_code over_bound(const ff_coster *c, int s, ff_bound bound, double over, ff_err *err)
{
    return ff_err_set(err, FF_LIMIT, "stage %d: %s holds %.1f MB, this is %.1f MB more", s,
                      ff_bound_text(bound), ff_bound_bytes(c, bound) / 1e6, over / 1e6);
}

static ff_code predict_stage(const ff_plan *plan, const ff_graph *g, const ff_plan_target *target,
                             int s, ff_plan_stage *stage, outlook *sum, ff_err *err)
{
    ff_plan_target own = *target;
    ff_stage_load load;
    ff_bound bound = FF_BOUND_NONE;
    double over = 0;
    own.master_mb = plan->master_mb > 0 ? plan->master_mb : target->master_mb;
    own.worker_mb = stage->worker_mb > 0 ? stage->worker_mb : target->worker_mb;
    ff_piece_load *pieces = ff_mem_must_array(FF_MAX_TILES, sizeof *pieces);
    ff_code code = ff_exact_load(g, &stage->stage, target->compute, &load, pieces, err);
    if (code != FF_OK) {
        ff_mem_free(pieces);
        return code;
    }
    ff_coster c;
    ff_coster_init(&c, &own);
    if (!ff_stage_cost_of(&c, &load, stage->own, false, &stage->cost, &bound, &over))
        code = over_bound(&c, s, bound, over, err);
    if (code == FF_OK) {
        ff_exact_time t = ff_exact_time_of(&c, &load, pieces, &stage->cost);
        /* of the waiting, what the closer look changes is the transfers' */
        stage->cost.route_ms = fmax(0, stage->cost.route_ms + t.mean_ms - stage->cost.mean_ms);
        stage->cost.mean_ms = t.mean_ms;
        stage->cost.tail_ms = t.p99_ms;
        stage->cost.usd = stage->cost.worker_usd + t.mean_ms * c.master_usd_ms;
        stage->predicted = true;
        sum->mean += t.mean_ms;
        sum->variance += t.variance;
        sum->third += t.third;
        sum->usd += stage->cost.worker_usd;
        sum->weights += stage->cost.master_weights;
        sum->held = fmax(sum->held, stage->cost.master_held);
        set_routes(stage, &load, &stage->cost);
        if (!ff_master_fits(&c, sum->weights, sum->held, &bound, &over))
            code = over_bound(&c, s, bound, over, err);
    }
    ff_coster_clean(&c);
    ff_mem_free(pieces);
    return code;
}

ff_code ff_plan_predict(ff_plan *plan, const ff_graph *g, const ff_plan_target *target, ff_err *err)
{
    outlook sum = {0};
    ff_code code = FF_OK;
    double master_mb = plan->master_mb > 0 ? plan->master_mb : target->master_mb;
    for (int s = 0; s < plan->stage_count && code == FF_OK; s++)
        code = predict_stage(plan, g, target, s, &plan->stage[s], &sum, err);
    if (code != FF_OK) {
        for (int s = 0; s < plan->stage_count; s++) {
            ff_plan_stage *stage = &plan->stage[s];
            stage->predicted = false;
            set_routes(stage, &(ff_stage_load){0}, &(ff_stage_cost){0});
        }
        return code;
    }
    if (target->cold) { /* the master starts first, too */
        ff_dist start = ff_dist_lognormal(target->net->function.cold_start_ms.p50,
                                          target->net->function.cold_start_ms.p99);
        double m = ff_dist_mean(&start), s2 = start.sigma[0] * start.sigma[0], w = exp(s2);
        sum.mean += m;
        sum.variance += m * m * (w - 1);
        sum.third += m * m * m * (w - 1) * (w - 1) * (w + 2);
    }
    plan->master_mb = master_mb;
    for (int s = 0; s < plan->stage_count; s++)
        if (plan->stage[s].cost.workers > 0 && plan->stage[s].worker_mb <= 0)
            plan->stage[s].worker_mb = target->worker_mb;
    plan->network = ff_arena_strdup(plan->arena, target->net->name);
    plan->compute = ff_arena_strdup(plan->arena, target->compute->name);
    plan->predicted = true;
    plan->mean_ms = sum.mean;
    plan->latency_ms = ff_wait_quantile(sum.mean, sum.variance, sum.third, 0.5);
    plan->p99_ms = ff_wait_quantile(sum.mean, sum.variance, sum.third, 0.99);
    plan->cost_usd = sum.usd + ff_net_function_usd(target->net, sum.mean, master_mb);
    return FF_OK;
}
