/* Plans in virtual time against what the planner predicts, and against queues by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "plan/profiles.h"
#include "sim/sim.h"
#include "support/graph_make.h"

typedef struct rig {
    graph_make m;
    ff_plan *plan;
    ff_net_profile *net;
    ff_compute_profile *compute;
    ff_plan_target target;
    ff_sim_model *model;
} rig;

/* Convolutions, in pieces of the split; "local" is one stage on the master. */
static void rig_init(rig *r, const char *network, const char *split_text, bool sure, bool store,
                     double threshold)
{
    ff_err err = {0};
    ff_split split;
    *r = (rig){.net = network_profile(network), .compute = compute_profile("gillis-lambda")};
    if (sure) { /* every time is its median */
        ff_leg *legs[] = {&r->net->inline_route.request, &r->net->inline_route.response,
                          &r->net->store.put, &r->net->store.get};
        for (int i = 0; i < 4; i++) {
            legs[i]->fixed_ms.p99 = legs[i]->fixed_ms.p50;
            legs[i]->mb_per_s.p99 = legs[i]->mb_per_s.p50;
            legs[i]->head_mb_per_s.p99 = legs[i]->head_mb_per_s.p50;
        }
        r->net->function.cold_start_ms.p99 = r->net->function.cold_start_ms.p50;
    }
    gm_init(&r->m, 13, 1);
    int x = gm_input(&r->m, gm_shape(4, 1, 16, 96, 96));
    for (int i = 0; i < 4; i++)
        x = gm_op1(&r->m, "Relu", gm_conv(&r->m, x, 16, 3, 3, "pads=1,1,1,1"), "");
    gm_output(&r->m, x);
    gm_must(ff_split_parse(split_text, &split, &err), &err, "split");
    gm_must(ff_plan_make_split(r->m.g, &split, &r->plan, &err), &err, "plan");
    r->target = (ff_plan_target){.net = r->net,
                                 .compute = r->compute,
                                 .master_mb = 1769,
                                 .worker_mb = 1769,
                                 .store_only = store};
    gm_must(ff_plan_predict(r->plan, r->m.g, &r->target, &err), &err, "predict");
    gm_must(ff_sim_model_new(r->plan, r->m.g, &r->target, threshold, &r->model, &err), &err,
            "model");
}

static void rig_clean(rig *r)
{
    ff_sim_model_free(r->model);
    ff_plan_free(r->plan);
    ff_net_profile_free(r->net);
    ff_compute_profile_free(r->compute);
    gm_clean(&r->m);
}

static ff_sim_result run(const rig *r, const ff_sim_options *options)
{
    ff_sim_result out;
    ff_err err = {0};
    gm_must(ff_sim_run(r->model, options, &out, &err), &err, "run");
    double sum = 0;
    for (int i = 0; i < FF_SIM_CAUSES; i++)
        sum += out.cause_ms[i];
    assert_true(fabs(sum - out.mean_ms) < 1e-6 * out.mean_ms);
    assert_true(out.p50_ms <= out.p90_ms && out.p90_ms <= out.p99_ms && out.p99_ms <= out.p999_ms &&
                out.p999_ms <= out.max_ms);
    return out;
}

static const ff_sim_options ONE_WARM = {
    .requests = 20000, .clients = 1, .idle_ms = 1e9, .warm = true, .seed = 7};

/* One warm client: what the plan predicts, mean and quantiles. */
static void as_predicted(void **state)
{
    (void)state;
    static const struct {
        const char *network, *split;
        bool store;
    } cases[] = {
        {"aws-lambda", "local", false},    {"aws-lambda", "grid 1x2", false},
        {"aws-lambda", "grid 2x2", false}, {"aws-lambda", "grid 2x2", true},
        {"aws-lambda", "offload", false},  {"aws-express", "grid 2x2", true},
        {"lan", "grid 2x2", false},        {"gillis-lambda", "grid 2x2", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig r;
        rig_init(&r, cases[i].network, cases[i].split, false, cases[i].store, -1);
        ff_sim_result got = run(&r, &ONE_WARM);
        print_message("%s %s: predicted %.3f, simulated %.3f +- %.3f; p50 %.3f %.3f; p99 %.2f "
                      "%.2f; usd %g %g\n",
                      cases[i].network, cases[i].split, r.plan->mean_ms, got.mean_ms, got.error_ms,
                      r.plan->latency_ms, got.p50_ms, r.plan->p99_ms, got.p99_ms, r.plan->cost_usd,
                      got.usd);
        assert_true(fabs(got.mean_ms - r.plan->mean_ms) <
                    4 * got.error_ms + 0.002 * r.plan->mean_ms);
        assert_true(fabs(got.p50_ms - r.plan->latency_ms) < 0.01 * r.plan->latency_ms);
        assert_true(fabs(got.p99_ms - r.plan->p99_ms) < 0.05 * r.plan->p99_ms);
        assert_true(fabs(got.usd - r.plan->cost_usd) <= 0.02 * r.plan->cost_usd);
        assert_int_equal(got.cold_starts, 0);
        rig_clean(&r);
    }
}

/* Without spread every request takes the same, and that is the predicted time. */
static void sure_times(void **state)
{
    (void)state;
    rig r;
    rig_init(&r, "aws-lambda", "grid 2x2", true, false, -1);
    ff_sim_options o = ONE_WARM;
    o.requests = 10;
    ff_sim_result got = run(&r, &o);
    assert_true(fabs(got.max_ms - got.mean_ms) < 1e-6);
    assert_true(fabs(got.mean_ms - r.plan->mean_ms) < 1e-4 * r.plan->mean_ms);
    rig_clean(&r);
}

static void cold_starts(void **state)
{
    (void)state;
    rig r;
    rig_init(&r, "aws-lambda", "grid 2x2", true, false, -1);
    double warm = r.plan->mean_ms, cold = r.net->function.cold_start_ms.p50;
    /* the first request starts a master and its workers, one after the other */
    ff_sim_options o = {.requests = 5, .clients = 1, .idle_ms = 1e9, .seed = 1};
    ff_sim_result got = run(&r, &o);
    uint64_t functions = 1;
    for (int s = 0; s < r.plan->stage_count; s++)
        functions += (uint64_t)r.plan->stage[s].cost.workers;
    assert_int_equal(got.cold_starts, functions);
    assert_true(got.max_ms >= warm + 2 * cold - 1e-3);
    assert_true(fabs(got.p50_ms - warm) < 1e-4 * warm);
    /* who comes after the idle time finds nobody */
    o = (ff_sim_options){.requests = 5, .interval_ms = 1e6, .idle_ms = 5e5, .seed = 1};
    got = run(&r, &o);
    assert_int_equal(got.cold_starts, 5 * functions);
    o.idle_ms = 1e9;
    got = run(&r, &o);
    assert_int_equal(got.cold_starts, functions);
    /* and a burst starts as many as it is */
    o = (ff_sim_options){.requests = 50, .interval_ms = 1e6, .burst = 50, .idle_ms = 1, .seed = 1};
    got = run(&r, &o);
    assert_int_equal(got.cold_starts, 50 * functions);
    assert_int_equal(got.masters, 50);
    rig_clean(&r);
}

/* One instance of the master and times without spread: the n-th of a burst waits for n - 1. */
static void waiting(void **state)
{
    (void)state;
    rig r;
    rig_init(&r, "aws-lambda", "local", true, false, -1);
    ff_sim_options o = {.requests = 10,
                        .interval_ms = 1e6,
                        .burst = 10,
                        .instances = 1,
                        .idle_ms = 1e9,
                        .warm = true,
                        .seed = 1};
    ff_sim_result got = run(&r, &o);
    double each = r.plan->mean_ms;
    assert_true(fabs(got.max_ms - 10 * each) < 1e-6 * each);
    assert_true(fabs(got.mean_ms - 5.5 * each) < 1e-6 * each);
    assert_true(fabs(got.cause_ms[FF_SIM_WAITING] - 4.5 * each) < 1e-6 * each);
    /* M/D/1 at load 1/2: the mean wait is half a service time */
    o = (ff_sim_options){.requests = 200000,
                         .interval_ms = 2 * each,
                         .poisson = true,
                         .instances = 1,
                         .idle_ms = 1e9,
                         .warm = true,
                         .seed = 3};
    got = run(&r, &o);
    assert_true(fabs(got.cause_ms[FF_SIM_WAITING] - 0.5 * each) < 0.02 * each);
    assert_true(fabs(got.per_second - 500 / each) < 0.02 * 500 / each);
    rig_clean(&r);
}

/* Clients that share nothing are as fast as one; the answers a second are their number's. */
static void clients_scale(void **state)
{
    (void)state;
    rig r;
    rig_init(&r, "aws-lambda", "grid 2x2", false, false, -1);
    ff_sim_options o = ONE_WARM;
    ff_sim_result one = run(&r, &o);
    o.clients = 20;
    ff_sim_result many = run(&r, &o);
    assert_true(fabs(many.mean_ms - one.mean_ms) < 4 * (one.error_ms + many.error_ms));
    assert_true(fabs(many.per_second - 20 * one.per_second) < 0.05 * 20 * one.per_second);
    assert_int_equal(many.masters, 20);
    /* equal seeds, equal numbers; others, others */
    ff_sim_result again = run(&r, &o);
    assert_memory_equal(&many, &again, sizeof many);
    o.seed++;
    again = run(&r, &o);
    assert_true(again.mean_ms < many.mean_ms || again.mean_ms > many.mean_ms);
    rig_clean(&r);
}

/* Threshold 0 is store only, a large one inline only; a bucket that is empty slows its master. */
static void routes_and_buckets(void **state)
{
    (void)state;
    rig store, all, none, dry;
    rig_init(&store, "aws-lambda", "grid 2x2", true, true, -1);
    rig_init(&all, "aws-lambda", "grid 2x2", true, false, 0);
    rig_init(&none, "aws-lambda", "grid 2x2", true, false, 1e12);
    ff_sim_options o = ONE_WARM;
    o.requests = 20;
    ff_sim_result by_store = run(&store, &o), by_all = run(&all, &o), by_none = run(&none, &o);
    assert_true(fabs(by_store.mean_ms - by_all.mean_ms) < 1e-9);
    assert_true(by_none.mean_ms < by_all.mean_ms);
    rig_init(&dry, "aws-lambda", "grid 2x2", true, false, 1e12);
    dry.net->function.up.burst_bytes.value = 1.5e6;
    dry.net->function.up.sustained_mb_per_s.value = 0.5;
    ff_sim_model_free(dry.model);
    ff_err err = {0};
    gm_must(ff_sim_model_new(dry.plan, dry.m.g, &dry.target, 1e12, &dry.model, &err), &err, "dry");
    ff_sim_result one, later;
    o.requests = 1;
    one = run(&dry, &o);
    o.requests = 20;
    later = run(&dry, &o);
    assert_true(later.max_ms > one.max_ms + 100);
    rig_clean(&store);
    rig_clean(&all);
    rig_clean(&none);
    rig_clean(&dry);
}

static void refused(void **state)
{
    (void)state;
    rig r;
    ff_err err = {0};
    ff_sim_result out;
    ff_sim_model *model = NULL;
    rig_init(&r, "aws-lambda", "grid 2x2", false, false, -1);
    static const struct {
        ff_sim_options o;
        const char *word;
    } cases[] = {
        {{.requests = 0, .clients = 1}, "requests"},
        {{.requests = FF_SIM_MAX_REQUESTS + 1, .clients = 1}, "requests"},
        {{.requests = 1, .clients = -1}, "clients"},
        {{.requests = 1, .interval_ms = NAN}, "interval"},
        {{.requests = 1, .interval_ms = -1}, "interval"},
        {{.requests = 1, .clients = 1, .idle_ms = NAN}, "idle"},
        {{.requests = 1, .clients = 1, .instances = -1}, "instances"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ff_sim_run(r.model, &cases[i].o, &out, &err), FF_USAGE);
        assert_non_null(strstr(err.message, cases[i].word));
    }
    r.plan->master_mb = 1; /* nothing fits */
    for (int s = 0; s < r.plan->stage_count; s++)
        r.plan->stage[s].worker_mb = 1;
    assert_int_equal(ff_sim_model_new(r.plan, r.m.g, &r.target, -1, &model, &err), FF_LIMIT);
    assert_non_null(strstr(err.message, "stage 0"));
    assert_null(model);
    rig_clean(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_predicted),  cmocka_unit_test(sure_times),
        cmocka_unit_test(cold_starts),   cmocka_unit_test(waiting),
        cmocka_unit_test(clients_scale), cmocka_unit_test(routes_and_buckets),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
