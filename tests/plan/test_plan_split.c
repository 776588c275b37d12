/* Plans of one split: every layer in a stage of it, all nodes covered, weights divided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "graph/op.h"
#include "plan/plan.h"
#include "support/graph_make.h"
#include "support/random_layers.h"

static void block(graph_make *m)
{
    int x = gm_input(m, gm_shape(3, 2, 5, 32));
    int y = layers_attention(m, x, 4, 4, 16, 0);
    x = gm_op2(m, "Add", y, x, NULL);
    y = gm_op2(m, "MatMul", x, gm_weight(m, gm_shape(2, 32, 64), 1, 0), NULL);
    y = gm_op2(m, "MatMul", gm_op1(m, "Relu", y, NULL), gm_weight(m, gm_shape(2, 64, 32), 1, 0),
               NULL);
    gm_output(m, gm_op1(m, "Relu", gm_op2(m, "Add", x, y, NULL), NULL));
}

static void convs(graph_make *m)
{
    int x = gm_input(m, gm_shape(4, 2, 16, 8, 8));
    for (int i = 0; i < 3; i++) {
        x = gm_op1(m, "Relu", gm_conv(m, x, 16, 3, 3, "pads=1,1,1,1"), NULL);
    }
    gm_output(m, x);
}

static const struct {
    void (*make)(graph_make *m);
    const char *split;
    int stages; /* of that split */
} CASES[] = {
    {block, "heads 2", 1},  {block, "pair 2", 2},    {block, "local", 1},
    {block, "offload", 1},  {convs, "channel 4", 3}, {convs, "pair 4", 1},
    {convs, "reduce 2", 3}, {convs, "batch 2", 1},   {convs, "heads 2", 0},
};

static void stages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        graph_make m;
        ff_split split;
        ff_plan *plan = NULL;
        ff_err err = {0};
        int found = 0, end = 0;
        gm_init(&m, 17, 1);
        CASES[i].make(&m);
        gm_must(ff_split_parse(CASES[i].split, &split, &err), &err, "parse");
        gm_must(ff_plan_make_split(m.g, &split, &plan, &err), &err, "plan");
        for (int s = 0; s < plan->stage_count; s++) {
            const ff_plan_stage *stage = &plan->stage[s];
            assert_int_equal(stage->stage.begin, end);
            end = stage->stage.end;
            found += stage->stage.split.kind == split.kind ? 1 : 0;
            if (ff_split_divides(stage->stage.split.kind)) {
                uint64_t whole = ff_graph_range_weight_bytes(m.g, stage->stage.begin, end);
                assert_true((double)stage->weight_bytes <= 1.02 * (double)whole + 2048.0 * 4);
            }
        }
        assert_int_equal(end, m.g->node_count);
        if (found != CASES[i].stages) {
            fail_msg("case %zu, %s: %d stages of it", i, CASES[i].split, found);
        }
        assert_int_equal(ff_plan_check(plan, m.g, &err), FF_OK);
        ff_plan_free(plan);
        gm_clean(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
