/*
 * The solver against brute force: every way to cut random graphs of up to 10 units, with three
 * splits and two memory sizes. The fastest, the cheapest, the cheapest within a time, all that are
 * worth having; with memory to spare and without.
 *
 * FF_SEED replays one case; FF_CASES sets how many are tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "plan/plan_solve.h"
#include "plan/profiles.h"
#include "support/random_graph.h"

#define UNITS   10
#define OPTIONS 24
#define SAME    2e-6 /* relative */

typedef struct way {
    double ms, usd, weights, held;
} way;

typedef struct brute {
    const ff_solve_options *options;
    ff_coster coster[2];
    int cut_count;
    int count[UNITS + 1][UNITS + 1];
    way ways[UNITS + 1][UNITS + 1][OPTIONS];
    double limit;          /* no plan may take longer; INFINITY = none */
    way fastest, cheapest; /* of all */
    int front_count, front_room;
    way *front;
    uint64_t plans;
} brute;

static const ff_split GRIDS[] = {{FF_SPLIT_GRID, 1, 2}, {FF_SPLIT_GRID, 2, 2}};

static void add_load(brute *b, int begin, int end, const ff_stage_load *load, bool own)
{
    for (int m = 0; m < (load->pieces == 0 ? 1 : b->options->memory_count); m++)
        for (int first = 0; first <= (own && load->pieces > 1 ? 1 : 0); first++)
            for (int cheap = 0; cheap <= (load->pieces > 0 ? 1 : 0); cheap++) {
                ff_stage_cost cost;
                if (!ff_stage_cost_of(&b->coster[m], load, first, cheap, &cost, NULL, NULL))
                    continue;

                way w = {ff_stage_cost_ms(&b->coster[m], &cost), cost.usd, cost.master_weights,
                         cost.master_held};
                way *last = b->count[begin][end] > 0
                                ? &b->ways[begin][end][b->count[begin][end] - 1]
                                : NULL;
                if (cheap && last != NULL && memcmp(last, &w, sizeof w) == 0)
                    continue;
                assert_true(b->count[begin][end] < OPTIONS);
                b->ways[begin][end][b->count[begin][end]++] = w;
            }
}

/* All ways of all intervals, each from a sweep of its own. */
static void tabulate(brute *b, ff_sweep *s, const ff_plan_space *space)
{
    for (int e = 1; e < space->cut_count; e++)
        for (int begin = 0; begin < e; begin++) {
            ff_stage_load load;
            b->count[begin][e] = 0;
            ff_sweep_end(s, space->cuts[e]);
            while (ff_sweep_begin(s) > space->cuts[begin])
                ff_sweep_back(s);
            ff_sweep_whole(s, 0, &load);
            if (begin == e - 1)
                add_load(b, begin, e, &load, false);
            ff_sweep_whole(s, 1, &load);
            if (space->offload && load.out_count > 0)
                add_load(b, begin, e, &load, false);
            for (int i = 0; i < space->grid_count; i++)
                if (ff_sweep_passes(s, i)) {
                    ff_sweep_grid(s, i, &load);
                    add_load(b, begin, e, &load, space->own);
                }
        }
}

static void whole_plan(brute *b, const way *w)
{
    int kept = 0;
    b->plans++;
    if (w->ms > b->limit)
        return;
    if (w->ms < b->fastest.ms)
        b->fastest = *w;
    if (w->usd < b->cheapest.usd)
        b->cheapest = *w;
    for (int i = 0; i < b->front_count; i++)
        if (b->front[i].ms <= w->ms * (1 + SAME) && b->front[i].usd <= w->usd * (1 + SAME))
            return;
    for (int i = 0; i < b->front_count; i++)
        if (b->front[i].ms < w->ms || b->front[i].usd < w->usd)
            b->front[kept++] = b->front[i];
    b->front_count = kept;
    if (kept == b->front_room) {
        b->front_room = kept == 0 ? 16 : 2 * kept;
        b->front = ff_mem_must_grow(b->front, (size_t)kept, (size_t)b->front_room, sizeof *w);
    }
    b->front[b->front_count++] = *w;
}

static void try_all(brute *b, int begin, const way *so_far)
{
    if (begin == b->cut_count - 1) {
        whole_plan(b, so_far);
        return;
    }
    for (int e = begin + 1; e < b->cut_count; e++)
        for (int k = 0; k < b->count[begin][e]; k++) {
            const way *w = &b->ways[begin][e][k];
            way next = {so_far->ms + w->ms, so_far->usd + w->usd, so_far->weights + w->weights,
                        fmax(so_far->held, w->held)};
            if (ff_master_fits(&b->coster[0], next.weights, next.held, NULL, NULL))
                try_all(b, e, &next);
        }
}

static void run_brute(brute *b, ff_sweep *s, const ff_plan_space *space, double limit)
{
    ff_plan_target target[2];
    b->fastest = b->cheapest = (way){INFINITY, INFINITY, 0, 0};
    b->front_count = 0;
    b->plans = 0;
    b->limit = limit;
    b->cut_count = space->cut_count;
    for (int master = 0; master < b->options->memory_count; master++) {
        for (int m = 0; m < b->options->memory_count; m++) {
            target[m] = *b->options->target;
            target[m].master_mb = b->options->memory_mb[master];
            target[m].worker_mb = b->options->memory_mb[m];
            ff_coster_init(&b->coster[m], &target[m]);
        }
        const way start = {0, ff_net_function_usd(target[0].net, 0, target[0].master_mb), 0, 0};
        tabulate(b, s, space);
        try_all(b, 0, &start);
        for (int m = 0; m < b->options->memory_count; m++)
            ff_coster_clean(&b->coster[m]);
    }
}

static bool same(double a, double b)
{
    return fabs(a - b) <= SAME * fabs(b) + 1e-18;
}

typedef struct tally {
    uint64_t seed, plans;
    int solved, fanned, impossible, tight, fronts;
} tally;

static void differ(const tally *t, const char *what, double found, double wanted)
{
    fail_msg("seed %llu: %s: the solver has %.12g, brute force %.12g", (unsigned long long)t->seed,
             what, found, wanted);
}

static int by_time(const void *a, const void *b)
{
    const way *x = a, *y = b;
    return x->ms < y->ms ? -1 : x->ms > y->ms;
}

/* By time, each cheaper than the one before; those that differ by the last digits are one. */
static int worth_having(way *list, int count)
{
    int kept = 0;
    qsort(list, (size_t)count, sizeof *list, by_time);
    for (int i = 0; i < count; i++) {
        if (kept > 0 && list[i].usd >= list[kept - 1].usd * (1 - 1e-6))
            continue;
        kept -= kept > 0 && list[i].ms <= list[kept - 1].ms * (1 + 1e-6) ? 1 : 0;
        list[kept++] = list[i];
    }
    return kept;
}

static void compare(tally *t, brute *b, ff_sweep *s, const ff_plan_space *space,
                    ff_solve_options *o, ff_random *r)
{
    ff_solution *found = NULL;
    int count = 0;
    ff_err err = {0};
    b->options = o;
    run_brute(b, s, space, INFINITY);
    t->plans += b->plans;
    o->goal = FF_GOAL_LATENCY;
    o->slo_ms = 0;
    ff_code code = ff_solve(s, space, o, &found, &count, &err);
    if (isinf(b->fastest.ms)) {
        assert_int_equal(code, FF_LIMIT);
        t->impossible++;
        return;
    }
    if (code != FF_OK)
        fail_msg("seed %llu: %s", (unsigned long long)t->seed, err.message);
    if (!same(found[0].ms, b->fastest.ms))
        differ(t, "fastest", found[0].ms, b->fastest.ms);
    t->solved++;
    for (int i = 0; i < found[0].stage_count; i++)
        if (found[0].stage[i].cost.workers > 0) {
            t->fanned++;
            break;
        }
    ff_solutions_free(found, count);
    o->goal = FF_GOAL_COST;
    assert_int_equal(ff_solve(s, space, o, &found, &count, &err), FF_OK);
    if (!same(found[0].usd, b->cheapest.usd))
        differ(t, "cheapest", found[0].usd, b->cheapest.usd);
    ff_solutions_free(found, count);
    o->goal = FF_GOAL_FRONTIER;
    assert_int_equal(ff_solve(s, space, o, &found, &count, &err), FF_OK);
    way *mine = ff_mem_must_array((size_t)count + 1, sizeof *mine);
    for (int i = 0; i < count; i++)
        mine[i] = (way){found[i].ms, found[i].usd, 0, 0};
    int kept = worth_having(mine, count);
    b->front_count = worth_having(b->front, b->front_count);
    if (kept != b->front_count)
        differ(t, "plans worth having", kept, b->front_count);
    for (int i = 0; i < kept; i++)
        if (!same(mine[i].ms, b->front[i].ms) || !same(mine[i].usd, b->front[i].usd))
            differ(t, "a plan worth having", mine[i].ms, b->front[i].ms);
    t->fronts += kept;
    ff_mem_free(mine);
    ff_solutions_free(found, count);
    double slow = b->front[0].ms;
    for (int k = 0; k < b->front_count; k++)
        slow = fmax(slow, b->front[k].ms);
    o->goal = FF_GOAL_LATENCY;
    o->slo_ms = b->fastest.ms + ff_random_unit(r) * (slow - b->fastest.ms) * 1.1;
    run_brute(b, s, space, o->slo_ms);
    code = ff_solve(s, space, o, &found, &count, &err);
    if (isinf(b->fastest.ms)) { /* by the last digit */
        assert_int_equal(code, FF_LIMIT);
        return;
    }
    assert_int_equal(code, FF_OK);
    if (!same(found[0].usd, b->cheapest.usd))
        differ(t, "cheapest in time", found[0].usd, b->cheapest.usd);
    ff_solutions_free(found, count);
}

/* A network that is fast enough for graphs this small. */
static void make_near(ff_net_profile *net, ff_random *r)
{
    double factor = pow(10, -2 - 3 * ff_random_unit(r));
    ff_leg *legs[] = {&net->inline_route.request, &net->inline_route.response, &net->store.put,
                      &net->store.get};
    for (int i = 0; i < 4; i++) {
        legs[i]->fixed_ms.p50 *= factor;
        legs[i]->fixed_ms.p99 *= factor;
    }
    net->inline_route.request.limit_bytes.value = 4200 + 20000 * ff_random_unit(r);
    net->price.request_usd.value *= factor;
    net->price.put_usd.value *= factor;
    net->price.get_usd.value *= factor;
    net->price.billing_ms.value = 1e-3;
}

static void one(tally *t, const ff_compute_profile *compute)
{
    graph_make m;
    ff_random r;
    int cuts[UNITS + 1], all_count = 0, count = 0;
    ff_random_init(&r, t->seed);
    random_graph(&m, t->seed, 12);
    ff_net_profile *net = network_profile("aws-lambda");
    make_near(net, &r);
    ff_sweep *s = ff_sweep_new(m.g, compute, GRIDS, 2);
    const int *all = ff_sweep_cuts(s, 4, &all_count);
    int units = t->seed % 16 == 0 ? UNITS : (int)ff_random_between(&r, 2, 7);
    units = units < all_count - 1 ? units : all_count - 1;
    for (int i = 0; i <= units; i++)
        cuts[count++] = all[(int64_t)i * (all_count - 1) / units];
    ff_stage_load load;
    ff_sweep_end(s, m.g->node_count);
    while (ff_sweep_begin(s) > 0)
        ff_sweep_back(s);
    ff_sweep_whole(s, 0, &load);
    bool tight = ff_random_below(&r, 3) == 0, spare = ff_random_below(&r, 4) == 0;
    double some = 80 + (load.weights * ff_random_unit(&r) + load.activations * 3) / 1048576;
    ff_plan_target target = {.net = net,
                             .compute = compute,
                             .tail = ff_random_below(&r, 4) == 0,
                             .cold = ff_random_below(&r, 8) == 0};
    if (spare)
        target.package_limit_bytes = FF_PLAN_PROGRAM_BYTES + load.weights * ff_random_unit(&r);
    ff_solve_options o = {.target = &target,
                          .memory_count = units == UNITS ? 1 : 2,
                          .memory_mb = {tight ? some : 1769, 3008}};
    ff_plan_space space = {count, cuts, 2, GRIDS, 0, NULL, true, units < 5, true};
    brute *b = ff_mem_must(sizeof *b);
    t->tight += tight || spare;
    if (units == UNITS) /* local, offload and one grid: every plan can be tried */
        space.grid_count = 1;
    compare(t, b, s, &space, &o, &r);
    ff_mem_free(b->front);
    ff_mem_free(b);
    ff_sweep_free(s);
    ff_net_profile_free(net);
    gm_clean(&m);
}

static void random_graphs(void **state)
{
    (void)state;
    tally t = {0};
    ff_compute_profile *compute = compute_profile("gillis-lambda");
    for (int i = 0; i < compute->op_count; i++) { /* graphs this small hardly multiply */
        compute->ops[i].fixed_ms *= 0.05;
        compute->ops[i].ms_per_gmac *= 100;
    }
    const char *seed = getenv("FF_SEED"), *cases = getenv("FF_CASES");
    int count = seed ? 1 : cases ? atoi(cases) : 48;
    for (int i = 0; i < count; i++) {
        t.seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)i + 1;
        one(&t, compute);
    }
    print_message("%d graphs (%d short of memory), %llu plans tried; %d fastest plans fan out, "
                  "%d plans worth having, %d graphs without any\n",
                  t.solved, t.tight, (unsigned long long)t.plans, t.fanned, t.fronts, t.impossible);
    assert_true(seed || (t.fanned > count / 4 && t.tight > count / 4));
    ff_compute_profile_free(compute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
