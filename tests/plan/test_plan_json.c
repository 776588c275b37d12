/* plan.json: there and back, every truncation, and members that lie. */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char PLAN[] =
    "{\"format\": 1, \"planner\": \"grid\", \"model\": {\"path\": \"../m.onnx\", \"sha256\": "
    "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\", \"nodes\": 30}, "
    "\"shapes\": {\"x\": [1, 3, 64, 64]}, \"stages\": [{\"begin\": 0, \"end\": 12, \"split\": "
    "\"grid 2x2\", \"workers\": 3, \"master_piece\": true, \"flops\": 1000, \"weights_bytes\": 64, "
    "\"halo_flops_ratio\": "
    "0.25, \"inputs\": [{\"name\": \"x\", \"bytes\": 128, \"route\": null}], \"outputs\": "
    "[{\"name\": \"a\", \"bytes\": 256, \"route\": null}]}, {\"begin\": 12, \"end\": 30, "
    "\"split\": "
    "\"local\", \"workers\": 0, \"flops\": 10, \"weights_bytes\": 0, \"halo_flops_ratio\": 0.0, "
    "\"inputs\": [{\"name\": \"a\", \"bytes\": 256}], \"outputs\": [{\"name\": \"y\", \"bytes\": "
    "4}]}], \"predicted\": null, \"planning_ms\": 1.5}";

static void there_and_back(void **state)
{
    (void)state;
    ff_plan *plan = NULL, *again = NULL;
    ff_buf first, second;
    ff_buf_init(&first, 0);
    ff_buf_init(&second, 0);
    assert_int_equal(ff_plan_parse(ff_bytes_of(PLAN, sizeof PLAN - 1), &plan, NULL), FF_OK);
    assert_string_equal(plan->planner, "grid");
    assert_string_equal(plan->model_path, "../m.onnx");
    assert_int_equal(plan->node_count, 30);
    assert_int_equal(plan->shape_count, 1);
    assert_int_equal(plan->shapes[0].shape.dim[3], 64);
    assert_int_equal(plan->stage_count, 2);
    assert_int_equal(plan->stage[0].stage.split.cols, 2);
    assert_true(plan->stage[0].own && !plan->stage[1].own);
    assert_int_equal(plan->stage[1].stage.begin, 12);
    assert_int_equal(plan->stage[1].in[0].bytes, 256);
    assert_true(plan->stage[0].halo == 0.25 && plan->planning_ms == 1.5);
    assert_int_equal(ff_plan_emit(plan, &first, NULL), FF_OK);
    assert_int_equal(ff_plan_parse(ff_buf_view(&first), &again, NULL), FF_OK);
    assert_int_equal(ff_plan_emit(again, &second, NULL), FF_OK);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    ff_buf_clean(&first);
    ff_buf_clean(&second);
    ff_plan_free(plan);
    ff_plan_free(again);
}

/* What a planner that knows costs adds. */
static void predicted(void **state)
{
    (void)state;
    ff_plan *plan = NULL, *again = NULL;
    ff_buf json;
    ff_buf_init(&json, 0);
    assert_int_equal(ff_plan_parse(ff_bytes_of(PLAN, sizeof PLAN - 1), &plan, NULL), FF_OK);
    assert_false(plan->predicted || plan->stage[0].predicted);
    assert_int_equal(plan->stage[0].in[0].route, FF_PLAN_ROUTE_OPEN);
    plan->predicted = plan->stage[0].predicted = true;
    plan->network = "aws-lambda";
    plan->compute = "gillis-lambda";
    plan->latency_ms = 100.5;
    plan->p99_ms = 140;
    plan->cost_usd = 2.5e-5;
    plan->master_mb = 3008;
    plan->stage[0].worker_mb = 1769;
    plan->stage[0].cost.route_ms = 31.25;
    plan->stage[0].in[0].route = FF_PLAN_ROUTE_STORE;
    plan->stage[0].out[0].route = FF_PLAN_ROUTE_INLINE;
    assert_int_equal(ff_plan_emit(plan, &json, NULL), FF_OK);
    assert_int_equal(ff_plan_parse(ff_buf_view(&json), &again, NULL), FF_OK);
    assert_true(again->predicted && again->stage[0].predicted && !again->stage[1].predicted);
    assert_string_equal(again->network, "aws-lambda");
    assert_string_equal(again->compute, "gillis-lambda");
    assert_true(again->latency_ms == 100.5 && again->p99_ms == 140 && again->cost_usd == 2.5e-5);
    assert_true(again->master_mb == 3008 && again->stage[0].worker_mb == 1769);
    assert_true(again->stage[0].cost.route_ms == 31.25);
    assert_int_equal(again->stage[0].in[0].route, FF_PLAN_ROUTE_STORE);
    assert_int_equal(again->stage[0].out[0].route, FF_PLAN_ROUTE_INLINE);
    ff_buf_clean(&json);
    ff_plan_free(plan);
    ff_plan_free(again);
}

static void truncations(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof PLAN - 1; len++) {
        uint8_t *exact = malloc(len + 1); /* so that asan sees a byte too far */
        memcpy(exact, PLAN, len);
        ff_plan *plan = NULL;
        assert_int_equal(ff_plan_parse(ff_bytes_of(exact, len), &plan, NULL), FF_FORMAT);
        assert_null(plan);
        free(exact);
    }
}

/* The plan with the first `from` replaced. */
static void replaced(const char *from, const char *to, ff_buf *out)
{
    const char *at = strstr(PLAN, from);
    assert_non_null(at);
    assert_int_equal(ff_buf_append(out, PLAN, (size_t)(at - PLAN), NULL), FF_OK);
    assert_int_equal(ff_buf_text(out, to, NULL), FF_OK);
    assert_int_equal(ff_buf_text(out, at + strlen(from), NULL), FF_OK);
}

static void lies(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        ff_code code;
        const char *says;
    } cases[] = {
        {"\"format\": 1", "\"format\": 2", FF_FORMAT, "\"format\""},
        {"\"planner\": \"grid\", ", "", FF_FORMAT, "\"planner\""},
        {"ddeeff\"", "ddeefg\"", FF_FORMAT, "64 hex digits"},
        {"\"nodes\": 30", "\"nodes\": 200001", FF_FORMAT, "200001"},
        {"\"nodes\": 30", "\"nodes\": 31", FF_FORMAT, "end at node 30, the model has 31"},
        {"\"nodes\": 30", "\"nodes\": 0", FF_FORMAT, "\"nodes\""},
        {"[1, 3, 64, 64]", "[1, 3, 0, 64]", FF_FORMAT, "dim 2"},
        {"[1, 3, 64, 64]", "[1, 3, 1e3, 64]", FF_FORMAT, "dim 2"},
        {"[1, 3, 64, 64]", "[1,1,1,1,1,1,1,1,1]", FF_FORMAT, "at most 8"},
        {"[1, 3, 64, 64]", "7", FF_FORMAT, "an array"},
        {"\"x\": [1", "\"\": [1", FF_FORMAT, "1 to 1024 bytes"},
        {"\"begin\": 0", "\"begin\": 1", FF_FORMAT, "stage 0: member \"begin\""},
        {"\"end\": 12", "\"end\": 0", FF_FORMAT, "stage 0: member \"end\""},
        {"\"end\": 12", "\"end\": 31", FF_FORMAT, "stage 0: member \"end\""},
        {"\"begin\": 12", "\"begin\": 11", FF_FORMAT, "stage 1: member \"begin\""},
        {"grid 2x2", "grid 2y2", FF_FORMAT, "'grid 2y2'"},
        {"grid 2x2", "grid 9x9", FF_FORMAT, "'grid 9x9'"},
        {"true", "1", FF_FORMAT, "\"master_piece\""},
        {"grid 2x2", "local", FF_FORMAT, "two pieces"},
        {"\"flops\": 1000", "\"flops\": -1", FF_FORMAT, "\"flops\""},
        {"\"flops\": 1000", "\"flops\": 18446744073709551615", FF_FORMAT, "\"flops\""},
        {"\"bytes\": 128", "\"bytes\": 99999999999999", FF_FORMAT, "\"inputs\", item 0"},
        {"\"inputs\": [{", "\"inputs\": [3, {", FF_FORMAT, "item 0"},
        {"\"workers\": 3", "\"workers\": 4", FF_FORMAT, "stage 0: member \"workers\""},
        {"\"workers\": 3", "\"workers\": 3, \"workers\": 3", FF_FORMAT, "comes twice"},
        {"\"workers\": 0", "\"workers\": 1", FF_FORMAT, "stage 1: member \"workers\""},
        {"\"workers\": 3, ", "", FF_FORMAT, "\"workers\""},
        {"\"flops\": 10,", "\"flops\": 10, \"tiles\": [],", FF_FORMAT,
         "stage 1: member \"tiles\" is not known"},
        {"\"planner\": \"grid\"", "\"planner\": \"grid\", \"planer\": 1", FF_FORMAT, "planer"},
        {"\"route\": null", "\"route\": \"s3\"", FF_FORMAT, "\"inputs\", item 0: member \"route\""},
        {"\"route\": null", "\"route\": 1", FF_FORMAT, "\"route\""},
        {"\"predicted\": null", "\"predicted\": 5", FF_FORMAT, "\"predicted\": wanted an object"},
        {"\"predicted\": null", "\"predicted\": {\"latency_ms\": 1}", FF_FORMAT, "mean_ms"},
        {"\"predicted\": null",
         "\"predicted\": {\"latency_ms\": -1, \"mean_ms\": 1, \"p99_ms\": 1, \"cost_usd\": 1}",
         FF_FORMAT, "0 or more, found -1"},
        {"\"planning_ms\"", "\"memory_mb\": -3, \"planning_ms\"", FF_FORMAT, "\"memory_mb\""},
        {"\"end\": 30, ", "\"end\": 29, ", FF_FORMAT, "end at node 29, the model has 30"},
        {", {\"begin\": 12", ", {\"begin\": 13", FF_FORMAT, "stage 1: member \"begin\""},
        {"\"stages\": [{", "\"stages\": [], \"network\": [{", FF_LIMIT, "found 0"},
        {"{\"format\"", "[{\"format\"", FF_FORMAT, "not JSON"},
        {"0.25", "null", FF_FORMAT, "halo_flops_ratio"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_err err = {0};
        ff_plan *plan = NULL;
        ff_buf text;
        ff_buf_init(&text, 0);
        replaced(cases[i].from, cases[i].to, &text);
        assert_int_equal(ff_plan_parse(ff_buf_view(&text), &plan, &err), cases[i].code);
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("case %zu: '%s' is not in '%s'", i, cases[i].says, err.message);
        assert_null(plan);
        ff_buf_clean(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(predicted),
        cmocka_unit_test(truncations),
        cmocka_unit_test(lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
