/* What crosses each position of small graphs. */
#include "plan/plan_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* x -> a -> b -> c, and a again into c; c has no known shape where `unknown` is set. */
static ff_graph *diamond(bool unknown)
{
    ff_graph *g = ff_graph_new("diamond");
    const ff_shape shape = {4, {1, 2, 4, 4}}; /* 128 bytes */
    const char *const names[] = {"x", "a", "b", "c", "d"};
    int v[5];
    for (int i = 0; i < 5; i++)
        assert_int_equal(ff_graph_add_value(g, names[i], i == 0 ? FF_VALUE_INPUT : FF_VALUE_NODE,
                                            FF_DTYPE_F32, i == 3 && unknown ? NULL : &shape, &v[i],
                                            NULL),
                         FF_OK);
    ff_graph_add_input(g, v[0]);
    ff_graph_add_node(g, "", "Relu", "", &v[0], 1, &v[1], 1);
    ff_graph_add_node(g, "", "Relu", "", &v[1], 1, &v[2], 1);
    ff_graph_add_node(g, "", "Add", "", &v[1], 2, &v[3], 1);
    ff_graph_add_node(g, "", "Relu", "", &v[3], 1, &v[4], 1);
    ff_graph_add_output(g, v[4]);
    ff_graph_add_opset(g, "", 13);
    assert_int_equal(ff_graph_seal(g, NULL), FF_OK);
    return g;
}

static void crossing(void **state)
{
    (void)state;
    static const double bytes[] = {0, 128, 256, 128, 0}, flops[] = {0, 32, 64, 96, 128};
    ff_graph *g = diamond(false);
    ff_cut_costs costs;
    ff_cut_costs_init(g, &costs);
    for (int p = 0; p <= 4; p++) {
        assert_true(costs.bytes[p] == bytes[p]);
        assert_true(costs.flops_before[p] == flops[p]);
        assert_true(costs.open[p]);
    }
    ff_cut_costs_clean(&costs);
    ff_graph_free(g);
}

static void unknown_shapes_close(void **state)
{
    (void)state;
    static const bool open[] = {true, true, true, false, true};
    ff_graph *g = diamond(true);
    ff_cut_costs costs;
    ff_cut_costs_init(g, &costs);
    for (int p = 0; p <= 4; p++)
        assert_int_equal(costs.open[p], open[p]);
    ff_cut_costs_clean(&costs);
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crossing),
        cmocka_unit_test(unknown_shapes_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
