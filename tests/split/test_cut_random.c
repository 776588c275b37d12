/*
 * Random graphs of layers, in stages that are cut by every kind of split: equal to the whole model,
 * and no weight twice.
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
#include "support/random_layers.h"
#include "support/run_pieces.h"

#define MAX_STAGES 200
#define LONGEST    40

static ff_engine *engine;

typedef struct tally {
    int cases, made[FF_SPLIT_HEADS + 1];
    double worst;
} tally;

static ff_split random_split(ff_random *r)
{
    static const ff_split_kind KINDS[] = {FF_SPLIT_GRID,   FF_SPLIT_BATCH, FF_SPLIT_CHANNEL,
                                          FF_SPLIT_REDUCE, FF_SPLIT_PAIR,  FF_SPLIT_HEADS,
                                          FF_SPLIT_HEADS,  FF_SPLIT_PAIR,  FF_SPLIT_CHANNEL};
    ff_split_kind kind = KINDS[ff_random_below(r, 9)];
    int cols = kind == FF_SPLIT_GRID ? (int)ff_random_between(r, 1, 3) : 1;
    return (ff_split){kind, (int)ff_random_between(r, 2, 4), cols};
}

/* The longest stage from begin on, or a shorter one, that a random split passes. */
static bool find_stage(const ff_graph *g, int begin, ff_random *r, ff_stage *out)
{
    ff_stage s = {begin, begin, random_split(r)};
    bool found = false, any = ff_random_below(r, 4) == 0;
    for (int end = begin + 1; end <= g->node_count && end <= begin + LONGEST; end++) {
        s.end = end;
        if (ff_stage_check(g, &s, NULL) == FF_OK && (!any || !found || ff_random_below(r, 2))) {
            *out = s;
            found = true;
        }
    }
    return found;
}

static int random_stages(const ff_graph *g, ff_random *r, ff_stage *stages, tally *t)
{
    int count = 0;
    for (int begin = 0; begin < g->node_count;) {
        ff_stage *s = &stages[count++];
        bool found = false;
        *s = (ff_stage){begin, begin + 1, {FF_SPLIT_OFFLOAD, 0, 0}};
        for (int tries = 0; tries < 5 && !found; tries++) {
            found = count < MAX_STAGES && find_stage(g, begin, r, s);
        }
        s->end = count == MAX_STAGES ? g->node_count : s->end;
        t->made[s->split.kind]++;
        begin = s->end;
    }
    return count;
}

static int run_case(uint64_t seed, tally *t)
{
    graph_make m;
    ff_random r;
    ff_stage stages[MAX_STAGES];
    run_result result;
    ff_err err = {0};
    ff_random_init(&r, seed ^ 0xcafe);
    if (ff_random_below(&r, 5) == 0) {
        random_graph(&m, seed, (int)ff_random_between(&r, 1, 10));
    } else {
        random_layers(&m, seed);
    }
    int count = random_stages(m.g, &r, stages, t), kept = 0;
    for (int i = 0; i < count; i++) { /* a node that nothing needs makes no stage */
        int *in, *out, ins, outs;
        ff_stage_borders(m.g, stages[i].begin, stages[i].end, &in, &ins, &out, &outs);
        ff_mem_free(in);
        ff_mem_free(out);
        stages[kept] = stages[i];
        kept += outs > 0 ? 1 : 0;
    }
    ff_code code = run_and_compare(engine, m.g, stages, kept, seed, &result, &err);
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
    print_message("%d cases from seed %llu on; worst error %.2g; stages:", t.cases,
                  (unsigned long long)first, t.worst);
    for (int k = FF_SPLIT_OFFLOAD; k <= FF_SPLIT_HEADS; k++) {
        char text[64];
        const ff_split s = {(ff_split_kind)k, 2, 1};
        print_message(" %s: %d,", ff_split_text(&s, text, sizeof text), t.made[k]);
        if (cases > 50) {
            assert_true(t.made[k] > 5); /* the cases are worth something */
        }
    }
    print_message("\n");
    assert_int_equal(failures, 0);
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
