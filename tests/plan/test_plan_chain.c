/* Chains: equal shares, places that can be cut, numbers that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "plan/plan_int.h"
#include "support/graph_make.h"

/* Products of one size, one behind the other; a Relu behind each. */
static void stack(graph_make *m, int layers)
{
    gm_init(m, 13, 1);
    int x = gm_input(m, gm_shape(2, 4, 64));
    for (int i = 0; i < layers; i++)
        x = gm_op1(m, "Relu", gm_op2(m, "MatMul", x, gm_weight(m, gm_shape(2, 64, 64), 1, 0), ""),
                   "");
    gm_output(m, x);
}

static void equal_shares(void **state)
{
    (void)state;
    static const struct {
        int layers, wanted, made;
    } cases[] = {{6, 1, 1}, {6, 2, 2}, {6, 3, 3}, {6, 6, 6}, {1, 2, 2}, {1, 9, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graph_make m;
        ff_plan *plan = NULL;
        ff_err err = {0};
        stack(&m, cases[i].layers);
        gm_must(ff_plan_make_chain(m.g, cases[i].wanted, &plan, &err), &err, "chain");
        assert_int_equal(plan->stage_count, cases[i].made);
        int at = 0;
        for (int s = 0; s < plan->stage_count; s++) {
            const ff_plan_stage *p = &plan->stage[s];
            assert_int_equal(p->stage.split.kind, FF_SPLIT_OFFLOAD);
            assert_int_equal(p->stage.begin, at);
            at = p->stage.end;
            if (cases[i].layers % cases[i].made == 0) {
                uint64_t each = (uint64_t)(cases[i].layers / cases[i].made) * 64 * 64 * 4;
                assert_int_equal(p->weight_bytes, each);
            }
        }
        assert_int_equal(at, m.g->node_count);
        ff_plan_free(plan);
        gm_clean(&m);
    }
}

/* No cut where a tensor of unknown size crosses: here only behind the last Relu but one. */
static void closed_places(void **state)
{
    (void)state;
    graph_make m;
    ff_stage_list list = {0};
    ff_err err = {0};
    stack(&m, 3);
    for (int n = 0; n < 3; n++)
        m.g->values[m.g->nodes[n].out[0]].has_shape = false;
    gm_must(ff_plan_chain(m.g, 6, &list, &err), &err, "chain");
    assert_int_equal(list.count, 3);
    assert_int_equal(list.stage[0].end, 4);
    assert_int_equal(list.stage[1].end, 5);
    ff_mem_free(list.stage);
    gm_clean(&m);
}

static void numbers(void **state)
{
    (void)state;
    graph_make m;
    ff_plan *plan = NULL;
    stack(&m, 1);
    static const int wrong[] = {0, -1, (int)FF_MAX_STAGES + 1};
    for (int i = 0; i < 3; i++) {
        ff_err err = {0};
        assert_int_equal(ff_plan_make_chain(m.g, wrong[i], &plan, &err), FF_USAGE);
        assert_non_null(strstr(err.message, "a chain has 1 to"));
        assert_null(plan);
    }
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_shares),
                                       cmocka_unit_test(closed_places), cmocka_unit_test(numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
