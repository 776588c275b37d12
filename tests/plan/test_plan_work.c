/* What a node does: whole, in part, and as the pieces of a stage do it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "plan/plan_work.h"
#include "split/split.h"
#include "support/graph_make.h"

static void whole(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 17, 1);
    int x = gm_input(&m, gm_shape(4, 1, 8, 10, 12));
    int y = gm_op1(&m, "Relu", gm_conv(&m, x, 16, 3, 3, "pads=1,1,1,1"), NULL);
    gm_output(&m, y);
    ff_work conv = ff_plan_work(m.g, 0), relu = ff_plan_work(m.g, 1);
    uint64_t weights = 16 * 8 * 9;
    for (int i = 2; i < m.g->nodes[0].in_count; i++)
        weights += 16; /* a bias */
    assert_string_equal(conv.op, "Conv");
    assert_int_equal(conv.macs, 16 * 120 * 8 * 9);
    assert_int_equal(conv.weight_elems, weights);
    assert_int_equal(conv.in_elems, 8 * 120);
    assert_int_equal(conv.out_elems, 16 * 120);
    assert_int_equal(conv.tile_elems, 120);
    assert_int_equal(conv.moved_bytes, 4 * (weights + (8 + 16) * 120));
    assert_int_equal(relu.macs, 0);
    assert_int_equal(relu.weight_elems, 0);
    assert_int_equal(relu.in_elems, 16 * 120);
    assert_int_equal(relu.moved_bytes, 4 * 2 * 16 * 120);
    gm_clean(&m);
}

/* Parts by region are what the pieces' own nodes say. */
static void parts(void **state)
{
    (void)state;
    static const char *const ATTRS[] = {"pads=1,1,1,1", "pads=0,0,0,0", "pads=1,1,1,1 strides=2,2"};
    for (size_t c = 0; c < sizeof ATTRS / sizeof ATTRS[0]; c++) {
        graph_make m;
        ff_err err = {0};
        gm_init(&m, 17, 1);
        gm_output(&m, gm_conv(&m, gm_input(&m, gm_shape(4, 1, 4, 13, 9)), 6, 3, 3, ATTRS[c]));
        ff_stage stage = {0, 1, {FF_SPLIT_GRID, 2, 2}};
        ff_pieces pieces = {0};
        gm_must(ff_stage_split(m.g, &stage, &pieces, &err), &err, "split");
        for (int i = 0; i < pieces.count; i++) {
            const ff_piece *p = &pieces.piece[i];
            ff_need need[3];
            gm_must(ff_op_needs(m.g, 0, &p->out[0].region, need, &err), &err, "needs");
            ff_work part = ff_plan_work_part(m.g, 0, &p->out[0].region, need);
            ff_work own = ff_plan_work(p->graph, 0);
            assert_int_equal(part.macs, own.macs);
            assert_int_equal(part.in_elems, own.in_elems);
            assert_int_equal(part.out_elems, own.out_elems);
            assert_int_equal(part.tile_elems, own.tile_elems);
            assert_int_equal(part.weight_elems, own.weight_elems);
            assert_int_equal(part.moved_bytes, own.moved_bytes);
        }
        ff_pieces_clean(&pieces);
        gm_clean(&m);
    }
}

/* Of a transposed convolution the work lies in its input. */
static void others(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 17, 1);
    int x = gm_input(&m, gm_shape(4, 1, 4, 5, 6));
    int w = gm_weight(&m, gm_shape(4, 4, 3, 2, 2), 1, 0);
    gm_output(&m, gm_op2(&m, "ConvTranspose", x, w, "strides=2,2"));
    ff_work work = ff_plan_work(m.g, 0);
    assert_int_equal(work.macs, 4 * 30 * 3 * 4);
    assert_int_equal(work.out_elems, 3 * 120);
    gm_clean(&m);
    gm_init(&m, 17, 1);
    int a = gm_input(&m, gm_shape(3, 2, 7, 8));
    gm_output(&m, gm_op2(&m, "MatMul", a, gm_weight(&m, gm_shape(2, 8, 5), 1, 0), NULL));
    work = ff_plan_work(m.g, 0);
    assert_int_equal(work.macs, 2 * 7 * 8 * 5);
    assert_int_equal(work.weight_elems, 40);
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole), cmocka_unit_test(parts),
                                       cmocka_unit_test(others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
