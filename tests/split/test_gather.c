/* Runs of an axis: of a flattened tile, and of the parts that a Split makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "split/split_int.h"
#include "support/graph_make.h"
#include "support/random_layers.h"

static void expect(const ff_stage_view *view, int gather, int index, const ff_range *runs,
                   int count)
{
    ff_range *found;
    int64_t length = 0;
    assert_int_equal(ff_gather_runs(view, gather, index, &found), count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(found[i].lo, runs[i].lo);
        assert_int_equal(found[i].hi, runs[i].hi);
        length += runs[i].hi - runs[i].lo;
    }
    assert_int_equal(ff_gather_length(view, gather, index), length);
    ff_mem_free(found);
}

/* Two channels of 3x4, in a grid of 2x2: rows as 2 + 1, columns as 2 + 2. */
static void flattened_tile(void **state)
{
    (void)state;
    graph_make m;
    ff_stage_view view = {0};
    gm_init(&m, 13, 1);
    int x = gm_op1(&m, "Relu", gm_input(&m, gm_shape(4, 1, 2, 3, 4)), NULL);
    int y = gm_op1(&m, "Flatten", x, NULL);
    gm_output(&m, gm_op2(&m, "MatMul", y, gm_weight(&m, gm_shape(2, 24, 5), 1, 0), NULL));
    const ff_stage stage = {0, 3, {FF_SPLIT_GRID, 2, 2}};
    assert_int_equal(ff_stage_view_init(&view, m.g, &stage, NULL), FF_OK);
    assert_int_equal(ff_stage_view_cut(&view, NULL), FF_OK);
    assert_int_equal(view.gather_count, 1);
    assert_int_equal(view.cut[y].gather, 1);
    static const ff_range FIRST[] = {{0, 2}, {4, 6}, {12, 14}, {16, 18}};
    static const ff_range LAST[] = {{10, 12}, {22, 24}};
    expect(&view, 1, 0, FIRST, 4);
    expect(&view, 1, 3, LAST, 2);
    /* the same once more is the same; another is not */
    assert_int_equal(ff_gather_add(&view, &view.gather[0]), 1);
    assert_int_equal(ff_gather_add(&view, &(ff_gather){.divider = 2, .map = FF_NO_VALUE}), 2);
    assert_true(ff_tiling_add(&view, x, 2, 3));
    assert_false(ff_tiling_add(&view, x, 1, 2));
    ff_stage_view_clean(&view);
    gm_clean(&m);
}

/* Whole rows of a map are one run a channel. */
static void rows_are_one_run(void **state)
{
    (void)state;
    graph_make m;
    ff_stage_view view = {0};
    gm_init(&m, 13, 1);
    int y = gm_op1(&m, "Flatten", gm_input(&m, gm_shape(4, 1, 2, 3, 4)), NULL);
    gm_output(&m, gm_op2(&m, "MatMul", y, gm_weight(&m, gm_shape(2, 24, 5), 1, 0), NULL));
    const ff_stage stage = {0, 2, {FF_SPLIT_GRID, 3, 1}};
    assert_int_equal(ff_stage_view_init(&view, m.g, &stage, NULL), FF_OK);
    assert_int_equal(ff_stage_view_cut(&view, NULL), FF_OK);
    static const ff_range MIDDLE[] = {{4, 8}, {16, 20}};
    expect(&view, 1, 1, MIDDLE, 2);
    ff_stage_view_clean(&view);
    gm_clean(&m);
}

/* Four heads of queries, two of keys and values, of eight places each, out of one product. */
static void parts_of_a_split(void **state)
{
    (void)state;
    graph_make m;
    ff_stage_view view = {0};
    gm_init(&m, 17, 1);
    gm_output(&m, layers_attention(&m, gm_input(&m, gm_shape(3, 1, 5, 16)), 4, 2, 8, 3));
    const ff_stage stage = {0, m.g->node_count, {FF_SPLIT_HEADS, 2, 1}};
    assert_int_equal(ff_stage_view_init(&view, m.g, &stage, NULL), FF_OK);
    assert_int_equal(ff_stage_view_cut(&view, NULL), FF_OK);
    assert_int_equal(view.gather_count, 1);
    static const ff_range FIRST[] = {{0, 16}, {32, 40}, {48, 56}};
    static const ff_range SECOND[] = {{16, 32}, {40, 48}, {56, 64}};
    expect(&view, 1, 0, FIRST, 3);
    expect(&view, 1, 1, SECOND, 3);
    ff_stage_view_clean(&view);
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flattened_tile),
        cmocka_unit_test(rows_are_one_run),
        cmocka_unit_test(parts_of_a_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
