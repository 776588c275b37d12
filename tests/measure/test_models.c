/* Cases from models: each node once, whole and in tiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "measure/measure_int.h"
#include "support/graph_make.h"

static void model(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 17, 1);
    int x = gm_input(&m, gm_shape(4, 1, 8, 12, 12));
    int y = gm_conv(&m, x, 8, 3, 3, "pads=1,1,1,1");
    y = gm_conv(&m, y, 8, 3, 3, "pads=1,1,1,1"); /* the same again: no new case */
    y = gm_conv(&m, y, 8, 3, 3, "pads=1,1,1,1 dilations=1,1 strides=2,2");
    gm_output(&m, y);
    ff_cases cases = {0};
    ff_cases_add_model(&cases, m.g);
    int convs = 0;
    for (int i = 0; i < cases.count; i++) {
        convs += ff_node_is(&cases.item[i].graph->nodes[0], "Conv");
        assert_int_equal(cases.item[i].runs, 0);
        assert_int_equal(cases.item[i].base, -1);
    }
    assert_int_equal(convs, 10); /* two, each whole and in 2, 4, 8, 16 tiles */
    ff_cases_clean(&cases);
    gm_clean(&m);
}

static void holdout(void **state)
{
    (void)state;
    graph_make m;
    gm_init(&m, 17, 1);
    int y = gm_input(&m, gm_shape(4, 1, 8, 12, 12));
    for (int i = 0; i < 4; i++)
        y = gm_op1(&m, "Relu", gm_conv(&m, y, 8, 3, 3, "pads=1,1,1,1"), NULL);
    gm_output(&m, y);
    const ff_graph *models[] = {m.g};
    ff_arena *arena = ff_arena_new();
    ff_holdout_pieces pieces;
    ff_holdout_choose(models, 1, arena, &pieces);
    bool grid = false, channel = false;
    assert_true(pieces.cases.count > 3);
    for (int i = 0; i < pieces.cases.count; i++) {
        grid = grid || !strcmp(pieces.piece[i].split, "grid 2x2");
        channel = channel || !strcmp(pieces.piece[i].split, "channel 2");
        assert_true(pieces.piece[i].end - pieces.piece[i].begin > 1);
        assert_true(pieces.cases.item[i].graph->node_count > 1);
    }
    assert_true(grid && channel);
    ff_cases_clean(&pieces.cases);
    ff_arena_free(arena);
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(model), cmocka_unit_test(holdout)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
