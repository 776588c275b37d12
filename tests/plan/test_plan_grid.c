/* The grid planner on the zoo's networks, on a long chain, and on the text detector. */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "graph/onnx.h"
#include "zoo/zoo.h"

static ff_graph *zoo_model(const char *name)
{
    char path[128];
    const ff_zoo_options options = {.width_num = 1, .width_den = 4};
    ff_err err = {0};
    ff_graph *g = NULL;
    snprintf(path, sizeof path, "plan-%d-%s.onnx", (int)getpid(), name);
    if (ff_zoo_write(name, &options, path, &err) != FF_OK ||
        ff_onnx_load(path, NULL, 0, &g, &err) != FF_OK)
        fail_msg("%s", err.message);
    (void)unlink(path);
    return g;
}

static int grid_stages(const ff_plan *plan)
{
    int count = 0;
    for (int s = 0; s < plan->stage_count; s++)
        count += plan->stage[s].stage.split.kind == FF_SPLIT_GRID ? 1 : 0;
    return count;
}

/* Stages cover all nodes, locals are joined, grid stages pass and are worth it. */
static void check_plan(const ff_plan *plan, const ff_graph *g)
{
    int begin = 0;
    bool local = false;
    double all = 0;
    for (int n = 0; n < g->node_count; n++)
        all += (double)ff_node_flops(g, n);
    for (int s = 0; s < plan->stage_count; s++) {
        const ff_plan_stage *stage = &plan->stage[s];
        assert_int_equal(stage->stage.begin, begin);
        assert_true(stage->stage.end > begin);
        begin = stage->stage.end;
        bool now_local = stage->stage.split.kind == FF_SPLIT_LOCAL;
        assert_false(local && now_local);
        local = now_local;
        assert_true(local || (double)stage->flops >= 0.0199 * all);
        assert_true(stage->halo >= -1e-9);
        assert_true(stage->out_count > 0);
    }
    assert_int_equal(begin, g->node_count);
    assert_int_equal(ff_plan_check(plan, g, NULL), FF_OK);
}

static void networks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int rows, cols, wanted, grid;
    } cases[] = {
        {"resnet50-v1", 2, 2, 1, 1}, {"resnet50-v1", 2, 2, 4, 4}, {"resnet50-v2", 1, 2, 5, 5},
        {"wrn34-1", 1, 4, 3, 3},     {"wrn50-1", 3, 3, 7, 7},     {"vgg16", 2, 2, 5, 5},
        {"vgg11", 1, 1, 2, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_graph *g = zoo_model(cases[i].name);
        const ff_plan_options options = {"grid", cases[i].rows, cases[i].cols, cases[i].wanted};
        ff_plan *plan = NULL;
        assert_int_equal(ff_plan_make(g, &options, &plan, NULL), FF_OK);
        check_plan(plan, g);
        assert_int_equal(grid_stages(plan), cases[i].grid);
        double least = 1e300, most = 0, flops = 0;
        for (int s = 0; s < plan->stage_count; s++) {
            const ff_plan_stage *stage = &plan->stage[s];
            if (stage->stage.split.kind != FF_SPLIT_GRID)
                continue;
            /* cut where one tensor crosses, or two where that spares halos */
            assert_in_range(stage->in_count, 1, 2);
            assert_in_range(stage->out_count, 1, 2);
            flops += (double)stage->flops;
            least = (double)stage->flops < least ? (double)stage->flops : least;
            most = (double)stage->flops > most ? (double)stage->flops : most;
        }
        double mean = flops / cases[i].grid; /* none tiny, none huge */
        if (most > 2.01 * mean || least < 0.32 * mean)
            fail_msg("%s: stages of %g to %g FLOPs", cases[i].name, least, most);
        /* what is left for the master is the classifier */
        assert_int_equal(plan->stage[plan->stage_count - 1].stage.split.kind, FF_SPLIT_LOCAL);
        ff_plan_free(plan);
        ff_graph_free(g);
    }
}

static double halo_of(const ff_plan *plan)
{
    double flops = 0, extra = 0;
    for (int s = 0; s < plan->stage_count; s++) {
        bool grid = plan->stage[s].stage.split.kind == FF_SPLIT_GRID;
        flops += grid ? (double)plan->stage[s].flops : 0;
        extra += grid ? (double)plan->stage[s].flops * plan->stage[s].halo : 0;
    }
    return extra / flops;
}

/* Cut where least is computed twice. */
static void little_halo(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int stages;
        double halo;
    } cases[] = {{"vgg16", 4, 0.10}, {"resnet50-v1", 7, 0.16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_graph *g = zoo_model(cases[i].name);
        const ff_plan_options options = {"grid", 2, 2, cases[i].stages};
        ff_plan *plan = NULL;
        assert_int_equal(ff_plan_make(g, &options, &plan, NULL), FF_OK);
        check_plan(plan, g);
        assert_int_equal(grid_stages(plan), cases[i].stages);
        if (halo_of(plan) > cases[i].halo)
            fail_msg("%s: %.1f %%", cases[i].name, 100 * halo_of(plan));
        /* the last stage reaches over the pool, or the product with the flattened map */
        const ff_plan_stage *last = &plan->stage[plan->stage_count - 2];
        ff_stage_back back;
        assert_int_equal(ff_stage_look(g, &last->stage, &back, NULL), FF_OK);
        assert_int_equal(back.terms, 1);
        assert_int_equal(back.divided_bytes > 0, i == 0);
        ff_plan_free(plan);
        ff_graph_free(g);
    }
}

/* The tiles that the paper measured, at a quarter of the width: 3072x12x12 and 512x20x20. */
static void tiles_of_the_paper(void **state)
{
    (void)state;
    static const struct {
        const char *name, *from, *to; /* the tensors that enter and leave the stage */
        int64_t channels, size;
    } cases[] = {
        {"wrn50-3", "layer3.5.relu", "layer4.2.relu", 3072, 12},
        {"wrn34-4", "layer2.3.relu", "layer3.1.relu", 512, 20},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_graph *g = zoo_model(cases[i].name);
        ff_stage stage = {0, 0, {FF_SPLIT_GRID, 2, 2}};
        ff_pieces pieces = {0};
        stage.begin = g->values[ff_graph_find_value(g, cases[i].from)].producer + 1;
        stage.end = g->values[ff_graph_find_value(g, cases[i].to)].producer + 1;
        assert_int_equal(ff_stage_split(g, &stage, &pieces, NULL), FF_OK);
        ff_shape tile = ff_region_shape(&pieces.piece[0].in[0].region);
        assert_int_equal(tile.dim[1], cases[i].channels / 4);
        assert_int_equal(tile.dim[2], cases[i].size);
        assert_int_equal(tile.dim[3], cases[i].size);
        ff_pieces_clean(&pieces);
        ff_graph_free(g);
    }
}

static void default_number_of_stages(void **state)
{
    (void)state;
    ff_graph *g = zoo_model("vgg16");
    const ff_plan_options one = {"grid", 2, 2, 1}, own = {"grid", 2, 2, 0};
    ff_plan *a = NULL, *b = NULL;
    assert_int_equal(ff_plan_make(g, &one, &a, NULL), FF_OK);
    assert_int_equal(ff_plan_make(g, &own, &b, NULL), FF_OK);
    check_plan(b, g);
    assert_true(a->stage[0].halo > 0.2); /* one deep stage computes much twice */
    assert_true(halo_of(b) <= 0.2);
    assert_true(grid_stages(b) > 1 && grid_stages(b) <= 8);
    ff_plan_free(a);
    ff_plan_free(b);
    ff_graph_free(g);
}

/* Thousands of nodes take a moment, not minutes. */
static void long_chain(void **state)
{
    (void)state;
    enum { NODES = 4000 };
    ff_graph *g = ff_graph_new("chain");
    const ff_shape shape = {4, {1, 2, 64, 64}};
    char name[16];
    int before = 0, v = 0;
    ff_graph_add_opset(g, "", 13);
    assert_int_equal(
        ff_graph_add_value(g, "x", FF_VALUE_INPUT, FF_DTYPE_F32, &shape, &before, NULL), FF_OK);
    ff_graph_add_input(g, before);
    for (int n = 0; n < NODES; n++) {
        snprintf(name, sizeof name, "v%d", n);
        assert_int_equal(ff_graph_add_value(g, name, FF_VALUE_NODE, FF_DTYPE_F32, &shape, &v, NULL),
                         FF_OK);
        ff_graph_add_node(g, "", "Relu", "", &before, 1, &v, 1);
        before = v;
    }
    ff_graph_add_output(g, v);
    assert_int_equal(ff_graph_seal(g, NULL), FF_OK);
    const ff_plan_options options = {"grid", 4, 4, 16};
    ff_plan *plan = NULL;
    assert_int_equal(ff_plan_make(g, &options, &plan, NULL), FF_OK);
    check_plan(plan, g);
    assert_int_equal(plan->stage_count, 16);
    assert_true(plan->planning_ms < 20000);
    ff_plan_free(plan);
    ff_graph_free(g);
}

/* A real export: the early backbone and the head are on the grid, the middle is not. */
static void text_detector(void **state)
{
    (void)state;
    const char *path = FF_SOURCE_DIR "/third_party/ocr/ch_PP-OCRv4_det_infer.onnx";
    const ff_onnx_shape shape = {"x", {4, {1, 3, 640, 640}}};
    ff_err err = {0};
    ff_graph *g = NULL;
    if (!ff_file_exists(path)) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    if (ff_onnx_load(path, &shape, 1, &g, &err) != FF_OK)
        fail_msg("%s", err.message);
    const ff_plan_options options = {"grid", 2, 2, 0};
    ff_plan *plan = NULL;
    if (ff_plan_make(g, &options, &plan, &err) != FF_OK)
        fail_msg("%s", err.message);
    check_plan(plan, g);
    assert_true(grid_stages(plan) >= 2);
    int first = -1, last = -1;
    for (int s = 0; s < plan->stage_count; s++)
        if (plan->stage[s].stage.split.kind == FF_SPLIT_GRID) {
            first = first < 0 ? s : first;
            last = s;
        }
    assert_true(plan->stage[first].stage.begin < g->node_count / 10);
    assert_true(plan->stage[last].stage.end > g->node_count * 9 / 10);
    assert_true(last - first >= 2); /* something local between them */
    ff_plan_free(plan);
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks),           cmocka_unit_test(little_halo),
        cmocka_unit_test(tiles_of_the_paper), cmocka_unit_test(default_number_of_stages),
        cmocka_unit_test(long_chain),         cmocka_unit_test(text_detector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
