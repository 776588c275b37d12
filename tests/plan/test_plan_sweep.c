/*
 * The sweep's loads against the pieces, on random graphs: every interval, several grids.
 *
 * FF_SEED replays one case; FF_CASES sets how many are tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "plan/plan_exact.h"
#include "plan/plan_sweep.h"
#include "plan/profiles.h"
#include "support/random_graph.h"

static const ff_split GRIDS[] = {{FF_SPLIT_GRID, 2, 1},
                                 {FF_SPLIT_GRID, 1, 2},
                                 {FF_SPLIT_GRID, 2, 2},
                                 {FF_SPLIT_GRID, 1, 3},
                                 {FF_SPLIT_GRID, 4, 2}};
#define GRID_COUNT ((int)(sizeof GRIDS / sizeof GRIDS[0]))

typedef struct tally {
    uint64_t seed;
    int intervals, passed, missed;
    double work, most; /* of the pieces; of the sweep: slowest ones, summed up */
} tally;

static void differ(const tally *t, const ff_stage *stage, const char *what, double fast,
                   double exact)
{
    char text[64];
    fail_msg("seed %llu, nodes %d to %d, %s: %s %.17g, of the pieces %.17g",
             (unsigned long long)t->seed, stage->begin, stage->end - 1,
             ff_split_text(&stage->split, text, sizeof text), what, fast, exact);
}

static void same_tensors(const tally *t, const ff_stage *stage, const char *what,
                         const ff_load_tensor *fast, int fast_count, const ff_load_tensor *exact,
                         int exact_count)
{
    double most[2] = {0, 0}, sum[2] = {0, 0}, first[2] = {0, 0}, rest[2] = {0, 0};
    for (int i = 0; i < fast_count; i++) {
        most[0] += fast[i].most;
        sum[0] += fast[i].sum;
        first[0] += fast[i].first;
        rest[0] += fast[i].rest;
    }
    for (int i = 0; i < exact_count; i++) {
        most[1] += exact[i].most;
        sum[1] += exact[i].sum;
        first[1] += exact[i].first;
        rest[1] += exact[i].rest;
    }
    if (most[0] != most[1] || sum[0] != sum[1] || first[0] != first[1] || rest[0] != rest[1])
        differ(t, stage, what, sum[0], sum[1]);
}

static void compare(tally *t, const ff_graph *g, const ff_stage *stage, const ff_stage_load *fast,
                    const ff_compute_profile *compute)
{
    ff_stage_load exact;
    ff_err err = {0};
    if (ff_exact_load(g, stage, compute, &exact, NULL, &err))
        fail_msg("seed %llu, nodes %d to %d: the sweep passes them, but: %s",
                 (unsigned long long)t->seed, stage->begin, stage->end - 1, err.message);
    assert_int_equal(fast->pieces, exact.pieces);
    same_tensors(t, stage, "sent", fast->in, fast->in_count, exact.in, exact.in_count);
    same_tensors(t, stage, "back", fast->out, fast->out_count, exact.out, exact.out_count);
    if (fabs(fast->weights - exact.weights) > 4096) /* shapes, bounds of slices */
        differ(t, stage, "weights", fast->weights, exact.weights);
    if (fast->work_ms < exact.work_ms * (1 - 1e-6) - 1e-5)
        differ(t, stage, "work", fast->work_ms, exact.work_ms);
    if (fast->work_rest_ms < exact.work_rest_ms * (1 - 1e-6) - 1e-5)
        differ(t, stage, "work but piece 0's", fast->work_rest_ms, exact.work_rest_ms);
    if (fabs(fast->work_first_ms - exact.work_first_ms) > 1e-6 + 0.02 * exact.work_first_ms)
        differ(t, stage, "work of piece 0", fast->work_first_ms, exact.work_first_ms);
    if (fast->activations < 0.9 * exact.activations - 4096) /* slices are copies */
        differ(t, stage, "activations", fast->activations, exact.activations);
    if (fast->held != exact.held)
        differ(t, stage, "held", fast->held, exact.held);
    t->passed++;
    t->work += exact.work_ms;
    t->most += fast->work_ms;
}

static void one(tally *t, const ff_compute_profile *compute)
{
    graph_make m;
    random_graph(&m, t->seed, 14);
    const ff_graph *g = m.g;
    ff_sweep *s = ff_sweep_new(g, compute, GRIDS, GRID_COUNT);
    for (int end = 1; end <= g->node_count; end++) {
        ff_sweep_end(s, end);
        while (ff_sweep_begin(s) > 0) {
            ff_stage_load load;
            ff_sweep_back(s);
            for (int i = 0; i <= GRID_COUNT; i++) {
                ff_stage stage = {ff_sweep_begin(s), end, {FF_SPLIT_OFFLOAD, 0, 0}};
                if (i < GRID_COUNT)
                    stage.split = GRIDS[i];
                t->intervals++;
                if (i < GRID_COUNT ? !ff_sweep_passes(s, i) : end - stage.begin > 1) {
                    t->missed += i < GRID_COUNT && ff_stage_check(g, &stage, NULL) == FF_OK;
                    continue;
                }
                if (ff_stage_check(g, &stage, NULL) && i == GRID_COUNT)
                    continue; /* it makes nothing */
                if (i < GRID_COUNT)
                    ff_sweep_grid(s, i, &load);
                else
                    ff_sweep_whole(s, 1, &load);
                compare(t, g, &stage, &load, compute);
            }
        }
    }
    ff_sweep_free(s);
    gm_clean(&m);
}

static void random_graphs(void **state)
{
    (void)state;
    tally t = {0};
    ff_compute_profile *compute = compute_profile("gillis-lambda");
    const char *seed = getenv("FF_SEED"), *cases = getenv("FF_CASES");
    int count = seed ? 1 : cases ? atoi(cases) : 24;
    for (int i = 0; i < count; i++) {
        t.seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)i + 1;
        one(&t, compute);
    }
    print_message("%d intervals, %d passed, %d more that only ff_stage_check passes; "
                  "slowest pieces %.4f times as slow as they are\n",
                  t.intervals, t.passed, t.missed, t.most / t.work);
    assert_true(t.passed > 20 * count);
    ff_compute_profile_free(compute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
