/* Making, checking and refusing plans of a small graph. */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const HASH = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/* x -> count times Relu -> pool -> y */
static ff_graph *chain(int count, const char *last)
{
    static const char *const names[] = {"r0", "r1", "r2", "r3"};
    ff_graph *g = ff_graph_new("chain");
    const ff_shape map = {4, {1, 2, 8, 8}}, one = {4, {1, 2, 1, 1}};
    int in = 0, out = 0;
    ff_graph_add_opset(g, "", 13);
    ff_graph_add_value(g, "x", FF_VALUE_INPUT, FF_DTYPE_F32, &map, &in, NULL);
    ff_graph_add_input(g, in);
    for (int i = 0; i < count; i++, in = out) {
        ff_graph_add_value(g, names[i], FF_VALUE_NODE, FF_DTYPE_F32, &map, &out, NULL);
        ff_graph_add_node(g, "", "Relu", "", &in, 1, &out, 1);
    }
    ff_graph_add_value(g, last, FF_VALUE_NODE, FF_DTYPE_F32, &one, &out, NULL);
    ff_graph_add_node(g, "", "GlobalAveragePool", "", &in, 1, &out, 1);
    ff_graph_add_output(g, out);
    assert_int_equal(ff_graph_seal(g, NULL), FF_OK);
    return g;
}

static void single(void **state)
{
    (void)state;
    ff_graph *g = chain(3, "y");
    ff_plan *plan = NULL;
    const ff_plan_options options = {.planner = "single"};
    assert_int_equal(ff_plan_make(g, &options, &plan, NULL), FF_OK);
    assert_int_equal(plan->stage_count, 1);
    assert_int_equal(plan->stage[0].stage.split.kind, FF_SPLIT_LOCAL);
    assert_int_equal(plan->stage[0].stage.end, 4);
    assert_int_equal(plan->stage[0].in[0].bytes, 512);
    assert_string_equal(plan->stage[0].out[0].name, "y");
    assert_int_equal(plan->stage[0].flops, 3 * 128 + 2);
    ff_plan_free(plan);
    ff_graph_free(g);
}

/* Each piece sums its tile; four times the pool's output are no more than the map. */
static void grid_reaches_over_the_pool(void **state)
{
    (void)state;
    ff_graph *g = chain(3, "y");
    ff_plan *plan = NULL;
    const ff_plan_options options = {"grid", 2, 2, 1};
    assert_int_equal(ff_plan_make(g, &options, &plan, NULL), FF_OK);
    assert_int_equal(plan->stage_count, 1);
    assert_int_equal(plan->stage[0].stage.split.kind, FF_SPLIT_GRID);
    assert_int_equal(plan->stage[0].stage.end, 4);
    assert_int_equal(plan->stage[0].in[0].bytes, 128);                   /* a quarter */
    assert_int_equal(plan->stage[0].out[0].bytes, 8);                    /* all of it */
    assert_true(plan->stage[0].halo >= 0 && plan->stage[0].halo < 0.05); /* the shares */
    ff_plan_free(plan);
    ff_graph_free(g);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        ff_plan_options options;
        const char *says;
    } cases[] = {
        {{"magic", 2, 2, 0}, "'magic'"},  {{"grid", 0, 2, 0}, "0x2"}, {{"grid", 9, 9, 0}, "9x9"},
        {{"grid", 2, -1, 0}, "2x-1"},     {{"grid", 2, 2, -1}, "-1"}, {{"grid", 2, 2, 513}, "513"},
        {{"grid", 65536, 65536, 0}, "x"},
    };
    ff_graph *g = chain(3, "y");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_err err = {0};
        ff_plan *plan = NULL;
        assert_int_equal(ff_plan_make(g, &cases[i].options, &plan, &err), FF_USAGE);
        assert_non_null(strstr(err.message, cases[i].says));
        assert_null(plan);
    }
    ff_graph_free(g);
    ff_graph *empty = ff_graph_new("empty");
    ff_plan *plan = NULL;
    assert_int_equal(ff_graph_seal(empty, NULL), FF_OK);
    assert_int_equal(ff_plan_make(empty, &(ff_plan_options){.planner = "single"}, &plan, NULL),
                     FF_UNSUPPORTED);
    ff_graph_free(empty);
}

static void check_tells_another_model(void **state)
{
    (void)state;
    ff_graph *g = chain(3, "y"), *longer = chain(4, "y"), *renamed = chain(3, "z");
    ff_plan *plan = NULL;
    ff_err err = {0};
    assert_int_equal(ff_plan_make(g, &(ff_plan_options){"grid", 2, 2, 1}, &plan, NULL), FF_OK);
    assert_int_equal(ff_plan_check(plan, g, NULL), FF_OK);
    assert_int_equal(ff_plan_check(plan, longer, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "4 nodes, the model has 5"));
    assert_int_equal(ff_plan_check(plan, renamed, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "'y' in the plan, 'z' in the model"));
    plan->stage[0].stage.split.rows = 16; /* more rows than the map has */
    assert_int_equal(ff_plan_check(plan, g, &err), FF_UNSUPPORTED);
    plan->stage[0].in_count = 0;
    assert_int_equal(ff_plan_check(plan, g, &err), FF_FORMAT);
    ff_plan_free(plan);
    ff_graph_free(g);
    ff_graph_free(longer);
    ff_graph_free(renamed);
}

static void set_model(void **state)
{
    (void)state;
    ff_graph *g = chain(1, "y");
    ff_plan *plan = NULL;
    ff_buf json;
    ff_buf_init(&json, 0);
    const ff_onnx_shape shape = {"x", {4, {1, 2, 8, 8}}};
    assert_int_equal(ff_plan_make(g, &(ff_plan_options){.planner = "single"}, &plan, NULL), FF_OK);
    assert_int_equal(ff_plan_emit(plan, &json, NULL), FF_USAGE); /* no model yet */
    assert_int_equal(json.len, 0);
    assert_int_equal(ff_plan_set_model(plan, "m.onnx", "12", NULL, 0, NULL), FF_USAGE);
    assert_int_equal(ff_plan_set_model(plan, "m.onnx", HASH, &shape, 1, NULL), FF_OK);
    assert_string_equal(plan->model_path, "m.onnx");
    assert_int_equal(plan->shape_count, 1);
    assert_int_equal(ff_plan_emit(plan, &json, NULL), FF_OK);
    ff_buf_clean(&json);
    ff_plan_free(plan);
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single),    cmocka_unit_test(grid_reaches_over_the_pool),
        cmocka_unit_test(refusals),  cmocka_unit_test(check_tells_another_model),
        cmocka_unit_test(set_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
