/*
 * Random graphs, cut into random stages, each one split by a random grid: equal to the whole model.
 *
 * FF_SEED replays one case; FF_CASES sets how many are tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/graph_make.h"
#include "support/random_graph.h"
#include "support/run_pieces.h"

#define MAX_STAGES 64

static ff_engine *engine;

typedef struct tally {
    int cases, grids, refused, sums;
    double worst;
} tally;

static ff_split random_grid(ff_random *r)
{
    static const int SIZES[] = {1, 2, 2, 3, 4};
    return (ff_split){FF_SPLIT_GRID, SIZES[ff_random_below(r, 5)], SIZES[ff_random_below(r, 5)]};
}

/* Does an output of the stage come as parts of a sum? */
static bool adds_up(const ff_graph *g, const ff_stage *stage)
{
    ff_pieces pieces = {0};
    bool add = false;
    if (stage->split.kind == FF_SPLIT_GRID && ff_stage_split(g, stage, &pieces, NULL) == FF_OK) {
        for (int i = 0; i < pieces.piece[0].out_count; i++) {
            add = add || pieces.piece[0].out[i].add;
        }
    }
    ff_pieces_clean(&pieces);
    return add;
}

/* Cuts the nodes into stages; a stage that no random grid passes runs whole. */
static int random_stages(const ff_graph *g, ff_random *r, ff_stage *stages, tally *t)
{
    int count = 0;
    int longest = (int)ff_random_between(r, 1, 12);
    for (int begin = 0; begin < g->node_count;) {
        int left = g->node_count - begin;
        int length = (int)ff_random_between(r, 1, longest);
        length = length > left || count == MAX_STAGES - 1 ? left : length;
        ff_stage *s = &stages[count++];
        *s = (ff_stage){begin, begin + length, {FF_SPLIT_LOCAL, 0, 0}};
        begin += length;
        for (int tries = 0; tries < 3 && s->split.kind != FF_SPLIT_GRID; tries++) {
            ff_stage grid = {s->begin, s->end, random_grid(r)};
            if (ff_stage_check(g, &grid, NULL) == FF_OK) {
                *s = grid;
            }
        }
        t->sums += adds_up(g, s) ? 1 : 0;
        t->grids += s->split.kind == FF_SPLIT_GRID ? 1 : 0;
        t->refused += s->split.kind == FF_SPLIT_GRID ? 0 : 1;
    }
    return count;
}

/* A stage may hold only nodes that nothing needs; the whole graph then has none to compare. */
static bool has_outputs(const ff_graph *g, const ff_stage *s)
{
    int *in, *out, in_count, out_count;
    ff_stage_borders(g, s->begin, s->end, &in, &in_count, &out, &out_count);
    ff_mem_free(in);
    ff_mem_free(out);
    return out_count > 0;
}

static int run_case(uint64_t seed, tally *t)
{
    graph_make m;
    ff_random r;
    ff_stage stages[MAX_STAGES], kept[MAX_STAGES];
    run_result result;
    ff_err err = {0};
    ff_random_init(&r, seed ^ 0x5eed);
    random_graph(&m, seed, (int)ff_random_between(&r, 1, 14));
    int count = random_stages(m.g, &r, stages, t), kept_count = 0;
    for (int i = 0; i < count; i++) {
        if (has_outputs(m.g, &stages[i])) {
            kept[kept_count++] = stages[i];
        }
    }
    ff_code code = run_and_compare(engine, m.g, kept, kept_count, seed, &result, &err);
    if (code != FF_OK) {
        print_error("FF_SEED=%llu: %s (opset %lld)\n", (unsigned long long)seed, err.message,
                    (long long)m.opset);
    } else if (result.worst > t->worst) {
        t->worst = result.worst;
    }
    t->cases++;
    gm_clean(&m);
    return code == FF_OK ? 0 : 1;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL || text[0] == '\0' ? otherwise : strtoull(text, NULL, 10);
}

static void pieces_equal_whole(void **state)
{
    (void)state;
    uint64_t first = number("FF_SEED", 1), cases = number("FF_CASES", 120);
    tally t = {0};
    int failures = 0;
    if (getenv("FF_SEED") != NULL && getenv("FF_CASES") == NULL) {
        cases = 1;
    }
    for (uint64_t seed = first; seed < first + cases; seed++) {
        failures += run_case(seed, &t);
    }
    print_message("%d cases from seed %llu on: %d stages as grids (%d with sums), %d whole; worst "
                  "error %.2g\n",
                  t.cases, (unsigned long long)first, t.grids, t.sums, t.refused, t.worst);
    assert_int_equal(failures, 0);
    if (cases > 50) {
        assert_true(t.grids > 3 * t.refused); /* the cases are worth something */
        assert_true(t.sums > 15);
    }
}

static int setup(void **state)
{
    (void)state;
    return ff_engine_new(1, &engine, NULL) == FF_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ff_engine_free(engine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_equal_whole)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
