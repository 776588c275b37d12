/* Operations and bytes of weights. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/infer_case.h"

static void flops(void **state)
{
    (void)state;
    static const struct {
        infer_case c;
        uint64_t flops;
    } cases[] = {
        /* 2 a multiply-add: output elements x (input channels of a group x kernel) */
        {{13, "Conv", "1x3x8x8 4x3x3x3", "", "?"}, 2 * (4 * 6 * 6) * (3 * 3 * 3)},
        {{13, "Conv", "1x4x8x8 4x1x3x3", "group=4", "?"}, 2 * (4 * 6 * 6) * 9},
        {{13, "ConvTranspose", "1x3x4x4 3x8x2x2", "strides=2,2", "?"}, 2 * (3 * 16) * (8 * 4)},
        {{13, "MatMul", "5x2x3 3x4", "", "?"}, 2 * (5 * 2 * 4) * 3},
        {{13, "Gemm", "3x2 4x3", "transA=1 transB=1", "?"}, 2 * (2 * 4) * 3},
        /* steps 5 x batch 2, 4 or 3 gates of hidden 3, inputs 7; both directions */
        {{14, "LSTM", "5x2x7 1x12x7 1x12x3", "hidden_size=3", "?"}, 2 * 10 * (84 + 36)},
        {{14, "GRU", "5x2x7 2x9x7 2x9x3", "hidden_size=3 direction=bidirectional", "?"},
         2 * 10 * 2 * (63 + 27)},
        {{13, "Relu", "2x3x4", "", "?"}, 24},
        {{13, "Add", "3x1 1x4", "", "?"}, 12},
        {{13, "MaxPool", "1x1x4x4", "kernel_shape=2,2", "? ?"}, 18},
        {{13, "Relu", "?", "", "?"}, 0},
        {{13, "Mystery", "2x3", "", "?"}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_graph *g = infer_case_graph(&cases[i].c);
        assert_int_equal(ff_graph_infer(g, NULL), FF_OK);
        assert_int_equal(ff_node_flops(g, 0), cases[i].flops);
        ff_graph_free(g);
    }
}

static void weights_count_once(void **state)
{
    (void)state;
    const infer_case c = {13, "Sum", "f=1,2,3 f=4,5,6 3", "", "3"};
    ff_graph *g = infer_case_graph(&c);
    int w = ff_graph_find_value(g, "x0"), v[2] = {FF_NO_VALUE, FF_NO_VALUE};
    ff_graph_add_value(g, "z0", FF_VALUE_NODE, FF_DTYPE_NONE, NULL, &v[0], NULL);
    ff_graph_add_value(g, "z1", FF_VALUE_NODE, FF_DTYPE_NONE, NULL, &v[1], NULL);
    ff_graph_add_node(g, "", "Add", "", (const int[]){w, w}, 2, &v[0], 1);
    ff_graph_add_node(g, "", "Neg", "", &v[0], 1, &v[1], 1);
    assert_int_equal(ff_graph_seal(g, NULL), FF_OK);
    assert_int_equal(ff_graph_weight_bytes(g), 24);
    assert_int_equal(ff_graph_range_weight_bytes(g, 0, 3), 24);
    assert_int_equal(ff_graph_range_weight_bytes(g, 1, 3), 12);
    assert_int_equal(ff_graph_range_weight_bytes(g, 2, 3), 0);
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flops),
        cmocka_unit_test(weights_count_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
