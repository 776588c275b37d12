/* Plans by cost on networks of the zoo: they hold, are the same every time, and keep to what each
 * planner may do; what cannot be planned is told by its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "plan/plan_auto.h"
#include "plan/plan_exact.h"
#include "plan/profiles.h"
#include "support/graph_make.h"

/* A VGG's end: two convolutions on a large map, a pool, and products with many weights. */
static void make_net(graph_make *m, int width, int hidden)
{
    gm_init(m, 17, 1);
    int x = gm_input(m, gm_shape(4, 1, 3, 64, 64));
    for (int i = 0; i < 4; i++)
        x = gm_op1(m, "Relu", gm_conv(m, x, width, 3, 3, "pads=1,1,1,1"), NULL);
    x = gm_op1(m, "MaxPool", x, "kernel_shape=8,8 strides=8,8");
    x = gm_op1(m, "Flatten", x, NULL);
    for (int i = 0; i < 2; i++) {
        int inner = (int)gm_shape_of(m, x)->dim[1];
        x = gm_op2(m, "MatMul", x, gm_weight(m, gm_shape(2, inner, hidden), 1, 0), NULL);
    }
    gm_output(m, x);
}

typedef struct given {
    ff_net_profile *net;
    ff_compute_profile *compute;
    ff_plan_target target;
    ff_auto_options options;
} given;

static void setup(given *s, const char *network, double memory_mb)
{
    *s = (given){.net = network_profile(network), .compute = compute_profile("gillis-lambda")};
    s->target = (ff_plan_target){.net = s->net, .compute = s->compute};
    s->options = (ff_auto_options){
        .target = &s->target, .memory_count = 1, .memory_mb = {memory_mb}, .workers = 8};
    /* a network fast enough for a net this small */
    ff_leg *legs[] = {&s->net->inline_route.request, &s->net->inline_route.response};
    for (int i = 0; i < 2; i++) {
        legs[i]->fixed_ms.p50 *= 0.02;
        legs[i]->fixed_ms.p99 *= 0.02;
    }
}

static void teardown(given *s)
{
    ff_net_profile_free(s->net);
    ff_compute_profile_free(s->compute);
}

static ff_plan *one_plan(const ff_graph *g, const given *s)
{
    ff_plan **plans = NULL;
    int count = 0;
    ff_err err = {0};
    if (ff_plan_auto(g, &s->options, &plans, &count, &err))
        fail_msg("%s", err.message);
    ff_plan *plan = plans[0];
    for (int i = 1; i < count; i++)
        ff_plan_free(plans[i]);
    ff_mem_free(plans);
    return plan;
}

static bool has(const ff_plan *plan, ff_split_kind kind)
{
    for (int s = 0; s < plan->stage_count; s++)
        if (plan->stage[s].stage.split.kind == kind)
            return true;
    return false;
}

static void all_planners(void **state)
{
    (void)state;
    graph_make m;
    given s;
    double ms[4], usd[4];
    make_net(&m, 48, 512);
    setup(&s, "aws-lambda", 3008);
    for (int p = 0; p <= (int)FF_PLANNER_SINGLE; p++) {
        s.options.planner = (ff_planner)p;
        ff_plan *plan = one_plan(m.g, &s), *again = one_plan(m.g, &s);
        assert_string_equal(plan->planner, ff_planner_name((ff_planner)p));
        assert_int_equal(ff_plan_check(plan, m.g, NULL), FF_OK);
        assert_true(plan->predicted && plan->latency_ms > 0 && plan->p99_ms >= plan->latency_ms);
        ms[p] = plan->mean_ms;
        usd[p] = plan->cost_usd;
        double sum = 0;
        int end = 0;
        assert_int_equal(plan->stage_count, again->stage_count);
        for (int i = 0; i < plan->stage_count; i++) {
            const ff_plan_stage *a = &plan->stage[i], *b = &again->stage[i];
            assert_memory_equal(&a->stage, &b->stage, sizeof a->stage);
            assert_true(a->own == b->own && a->cost.mean_ms == b->cost.mean_ms);
            assert_int_equal(a->stage.begin, end);
            assert_true(i == 0 || a->stage.split.kind != FF_SPLIT_LOCAL ||
                        plan->stage[i - 1].stage.split.kind != FF_SPLIT_LOCAL);
            end = a->stage.end;
            sum += a->cost.mean_ms;
            for (int t = 0; t < a->in_count; t++)
                assert_true((a->in[t].route == FF_PLAN_ROUTE_OPEN) == (a->cost.workers == 0));
        }
        assert_int_equal(end, m.g->node_count);
        assert_true(fabs(sum - plan->mean_ms) < 1e-9 * sum);
        ff_plan_free(plan);
        ff_plan_free(again);
    }
    assert_true(ms[FF_PLANNER_AUTO] < 0.6 * ms[FF_PLANNER_SINGLE]);
    assert_true(ms[FF_PLANNER_AUTO] < ms[FF_PLANNER_GILLIS]);
    assert_true(ms[FF_PLANNER_GILLIS] < ms[FF_PLANNER_SINGLE]);
    assert_true(ms[FF_PLANNER_SEQUENTIAL] > ms[FF_PLANNER_SINGLE]);
    assert_true(usd[FF_PLANNER_SINGLE] < usd[FF_PLANNER_AUTO]);
    teardown(&s);
    gm_clean(&m);
}

/* Gillis: grids of 1x2 and 2x2, products by 2 and 4, payloads only. Sequential: whole stages, by
 * the store. */
static void restrictions(void **state)
{
    (void)state;
    graph_make m;
    given s;
    make_net(&m, 48, 512);
    setup(&s, "aws-lambda", 3008);
    for (int p = FF_PLANNER_GILLIS; p <= (int)FF_PLANNER_SEQUENTIAL; p++) {
        s.options.planner = (ff_planner)p;
        ff_plan *plan = one_plan(m.g, &s);
        for (int i = 0; i < plan->stage_count; i++) {
            const ff_plan_stage *a = &plan->stage[i];
            const ff_split *split = &a->stage.split;
            bool grid = split->kind == FF_SPLIT_GRID && split->rows <= 2 && split->cols == 2;
            bool channel = split->kind == FF_SPLIT_CHANNEL && split->rows <= 4;
            bool whole = split->kind == FF_SPLIT_OFFLOAD;
            assert_true(p == FF_PLANNER_SEQUENTIAL
                            ? whole
                            : grid || channel || whole || split->kind == FF_SPLIT_LOCAL);
            for (int t = 0; t < a->in_count && a->cost.workers > 0; t++)
                assert_int_equal(a->in[t].route, p == FF_PLANNER_SEQUENTIAL ? FF_PLAN_ROUTE_STORE
                                                                            : FF_PLAN_ROUTE_INLINE);
        }
        ff_plan_free(plan);
    }
    teardown(&s);
    gm_clean(&m);
}

/* Where the network is slow, one function for everything is the plan. */
static void does_not_pay(void **state)
{
    (void)state;
    graph_make m;
    given s;
    make_net(&m, 4, 16);
    setup(&s, "paper-2023", 3008);
    s.net->inline_route.request.fixed_ms.p50 = s.net->inline_route.request.fixed_ms.p99 = 500;
    ff_plan *plan = one_plan(m.g, &s);
    assert_int_equal(plan->stage_count, 1);
    assert_int_equal(plan->stage[0].stage.split.kind, FF_SPLIT_LOCAL);
    ff_plan_free(plan);
    teardown(&s);
    gm_clean(&m);
}

/* Weights that fit no function whole are divided, or sent away. */
static void short_of_memory(void **state)
{
    (void)state;
    graph_make m;
    given s;
    make_net(&m, 16, 4096); /* 1024 x 4096 + 4096 x 4096 weights: 84 MB */
    setup(&s, "aws-lambda", 80 + 40);
    s.net->function.min_memory_mb.value = 100;
    ff_plan *plan = one_plan(m.g, &s);
    assert_true(has(plan, FF_SPLIT_CHANNEL) || has(plan, FF_SPLIT_PAIR) ||
                has(plan, FF_SPLIT_REDUCE));
    assert_int_equal(ff_plan_check(plan, m.g, NULL), FF_OK);
    ff_plan_free(plan);
    teardown(&s);
    gm_clean(&m);
}

static void impossible(void **state)
{
    (void)state;
    static const struct {
        ff_planner planner;
        double memory_mb, package, slo_ms;
        const char *says;
    } CASES[] = {
        {FF_PLANNER_AUTO, 81, 0, 0, "memory of"},
        {FF_PLANNER_SINGLE, 110, 0, 0, "memory of the master"},
        {FF_PLANNER_SEQUENTIAL, 110, 0, 0, "memory of a worker"},
        {FF_PLANNER_SINGLE, 3008, 60e6, 0, "package of the master (60"},
        {FF_PLANNER_AUTO, 3008, 0, 0.001, "the fastest one takes"},
    };
    graph_make m;
    make_net(&m, 16, 4096);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        given s;
        ff_plan **plans = NULL;
        int count = 0;
        ff_err err = {0};
        setup(&s, "aws-lambda", CASES[i].memory_mb);
        s.options.planner = CASES[i].planner;
        s.options.slo_ms = CASES[i].slo_ms;
        s.target.package_limit_bytes = CASES[i].package;
        assert_int_equal(ff_plan_auto(m.g, &s.options, &plans, &count, &err), FF_LIMIT);
        if (strstr(err.message, CASES[i].says) == NULL)
            fail_msg("case %zu: '%s' is not in '%s'", i, CASES[i].says, err.message);
        assert_null(plans);
        teardown(&s);
    }
    gm_clean(&m);
}

/* A tensor over the payload's limit goes by the store, or nowhere. */
static void payload_limit(void **state)
{
    (void)state;
    graph_make m;
    given s;
    make_net(&m, 48, 512);
    setup(&s, "aws-lambda", 3008);
    s.net->inline_route.request.limit_bytes.value = 5000;
    s.net->store.put.fixed_ms = s.net->store.get.fixed_ms = s.net->inline_route.request.fixed_ms;
    ff_plan *plan = one_plan(m.g, &s);
    bool stored = false;
    for (int i = 0; i < plan->stage_count; i++)
        for (int t = 0; t < plan->stage[i].in_count; t++)
            stored = stored || plan->stage[i].in[t].route == FF_PLAN_ROUTE_STORE;
    assert_true(stored);
    ff_plan_free(plan);
    s.target.inline_only = true;
    plan = one_plan(m.g, &s);
    for (int i = 0; i < plan->stage_count; i++)
        for (int t = 0; t < plan->stage[i].in_count; t++)
            assert_true(plan->stage[i].cost.workers == 0 || plan->stage[i].in[t].bytes < 5000);
    ff_plan_free(plan);
    teardown(&s);
    gm_clean(&m);
}

/* The frontier's ends are the fastest and the cheapest plan, its plans ever slower and cheaper; an
 * SLO takes the cheapest of it in time. */
static void frontier(void **state)
{
    (void)state;
    graph_make m;
    given s;
    ff_plan **plans = NULL;
    int count = 0;
    ff_err err = {0};
    make_net(&m, 48, 512);
    setup(&s, "aws-lambda", 1024);
    s.options.memory_mb[1] = 3008;
    s.options.memory_count = 2;
    s.options.goal = FF_GOAL_FRONTIER;
    if (ff_plan_auto(m.g, &s.options, &plans, &count, &err))
        fail_msg("%s", err.message);
    assert_true(count > 4);
    for (int i = 2; i < count; i++) {
        assert_true(plans[i]->mean_ms > plans[i - 1]->mean_ms);
        /* money is rounded up by the function; a plan's own is not */
        assert_true(plans[i]->cost_usd < plans[i - 1]->cost_usd + 1e-7);
    }
    ff_plan *cheapest = plans[count - 1], *middle = plans[count / 2];
    s.options.goal = FF_GOAL_COST;
    ff_plan *plan = one_plan(m.g, &s);
    assert_int_equal(plan->stage_count, cheapest->stage_count);
    assert_true(plan->master_mb == cheapest->master_mb);
    ff_plan_free(plan);
    s.options.goal = FF_GOAL_LATENCY;
    s.options.slo_ms = middle->mean_ms * (1 + 1e-9);
    plan = one_plan(m.g, &s);
    assert_int_equal(plan->stage_count, middle->stage_count);
    for (int i = 0; i < plan->stage_count; i++)
        assert_memory_equal(&plan->stage[i].stage, &middle->stage[i].stage, sizeof(ff_stage));
    ff_plan_free(plan);
    for (int i = 0; i < count; i++)
        ff_plan_free(plans[i]);
    ff_mem_free(plans);
    teardown(&s);
    gm_clean(&m);
}

/* Starting first costs the cold start, at the master and at the workers of every stage. */
static void cold(void **state)
{
    (void)state;
    graph_make m;
    given s;
    make_net(&m, 48, 512);
    setup(&s, "aws-lambda", 3008);
    ff_plan *warm = one_plan(m.g, &s);
    s.target.cold = true;
    ff_plan *plan = one_plan(m.g, &s);
    assert_true(plan->mean_ms > warm->mean_ms + 450);
    assert_true(plan->stage_count <= warm->stage_count);
    ff_plan_free(warm);
    ff_plan_free(plan);
    teardown(&s);
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_planners), cmocka_unit_test(restrictions),
        cmocka_unit_test(does_not_pay), cmocka_unit_test(short_of_memory),
        cmocka_unit_test(impossible),   cmocka_unit_test(payload_limit),
        cmocka_unit_test(frontier),     cmocka_unit_test(cold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
