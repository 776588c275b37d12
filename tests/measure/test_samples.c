/* Timed cases to samples: shares, differences, what is left out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "measure/measure_int.h"
#include "support/graph_make.h"

#define RUN_MS 0.05

static int add(ff_cases *cases, graph_make *m, int y, int base, double ms)
{
    gm_output(m, y);
    ff_cases_add(cases, m->g, base);
    cases->item[cases->count - 1].ms = ms;
    cases->item[cases->count - 1].runs = ms > 0;
    return cases->count - 1;
}

static void near(double found, double wanted)
{
    if (!(fabs(found - wanted) < 1e-9))
        fail_msg("wanted %g, found %g", wanted, found);
}

static const ff_op_sample *only(const ff_samples *s, const char *entry)
{
    const ff_op_sample *found = NULL;
    for (int i = 0; i < s->count; i++)
        if (!strcmp(s->entry[i], entry)) {
            assert_null(found);
            found = &s->sample[i];
        }
    return found;
}

static void samples(void **state)
{
    (void)state;
    ff_cases cases = {0};
    graph_make m[6];
    int x[6];
    for (int i = 0; i < 6; i++) {
        gm_init(&m[i], 17, 1);
        x[i] = gm_input(&m[i], gm_shape(4, 1, 8, 6, 6));
    }
    int base = add(&cases, &m[0], gm_conv(&m[0], x[0], 16, 3, 3, ""), -1, 1.05);
    int y = gm_op1(&m[1], "Relu", gm_conv(&m[1], x[1], 16, 3, 3, ""), NULL);
    add(&cases, &m[1], y, base, 1.15);
    y = gm_op1(&m[2], "Tanh", gm_op1(&m[2], "Tanh", x[2], NULL), NULL);
    add(&cases, &m[2], y, -1, 0.25);
    y = gm_op2(&m[3], "Mul", x[3], gm_op1(&m[3], "Sigmoid", x[3], NULL), NULL);
    add(&cases, &m[3], y, -1, 0.35);
    add(&cases, &m[4], gm_op1(&m[4], "Sqrt", x[4], NULL), -1, 0); /* was not run */
    y = gm_op1(&m[5], "Softmax", gm_op1(&m[5], "Exp", x[5], NULL), NULL);
    add(&cases, &m[5], y, -1, 1); /* of two ops: says nothing about one */

    ff_arena *arena = ff_arena_new();
    ff_samples s;
    ff_samples_of(&cases, RUN_MS, arena, &s);
    assert_int_equal(s.count, 4);
    near(only(&s, "Conv")->ms, 1);
    near(only(&s, "Conv")->run_ms, 1.05);
    near(only(&s, "Conv+Relu")->ms, 0.1);
    assert_int_equal(only(&s, "Conv+Relu")->work.out_elems, 16 * 16);
    near(only(&s, "Tanh")->ms, 0.1);
    assert_int_equal(only(&s, "Tanh")->work.in_elems, 8 * 36);
    near(only(&s, "QuickGelu")->ms, 0.3);

    ff_compute_profile p = {.arena = arena, .name = "t"};
    p.ops = ff_arena_array(arena, 64, sizeof *p.ops);
    ff_entries_of(&s, 5, &p);
    assert_int_equal(p.op_count, 6); /* and "*", "free" */
    ff_work mul = {.op = "Mul", .fused = "free", .in_elems = 1000000};
    double ms = -1;
    assert_int_equal(ff_compute_predict(&p, &mul, &ms, NULL), FF_OK);
    near(ms, 0);
    near(ff_compute_op_ms(ff_compute_find(&p, "Conv"), &only(&s, "Conv")->work), 1);
    assert_true(ff_compute_find(&p, "*")->ms_per_mb > 0);
    /* A graph is what its nodes are, and a session's run. */
    near(ff_predict_graph(&p, m[3].g), 0.3);
    p.ops[p.op_count++] = (ff_compute_op){.op = "run", .fixed_ms = RUN_MS};
    near(ff_predict_graph(&p, m[3].g), 0.35);
    near(ff_predict_graph(&p, m[1].g), 1.15);
    ff_arena_free(arena);
    ff_cases_clean(&cases);
    for (int i = 0; i < 6; i++)
        gm_clean(&m[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(samples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
