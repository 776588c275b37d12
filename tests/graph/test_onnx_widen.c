/* bfloat16 models: weights, tensors and attributes become float32; others stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/log.h"
#include "graph/onnx.h"
#include "support/onnx_make.h"

static void widened(void **state)
{
    (void)state;
    static const uint16_t narrow[3] = {0x3f80, 0xc000, 0x7f80}; /* 1, -2, infinity */
    for (int weights = 0; weights < 2; weights++) {
        onnx_make m;
        ff_buf file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        om_init(&m, 13);
        om_input(&m, "x", FF_DTYPE_F32, "3");
        om_attr_int(&m, "to", FF_DTYPE_BF16);
        om_node(&m, "Cast", "x", "b");
        if (weights) {
            om_weight(&m, "w", FF_DTYPE_BF16, "3", narrow, sizeof narrow);
        }
        om_node(&m, weights ? "Add" : "Relu", weights ? "b w" : "b", "y");
        om_output(&m, "y");
        om_emit(&m, &file);
        ff_log_init("test", FF_LOG_ERROR, false);
        assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, &err), FF_OK);
        ff_dtype wanted = weights ? FF_DTYPE_F32 : FF_DTYPE_BF16;
        assert_int_equal(g->widened, weights);
        assert_int_equal(g->values[ff_graph_find_value(g, "y")].dtype, wanted);
        assert_int_equal(ff_node_int(&g->nodes[0], "to", 0), wanted);
        if (weights) {
            const ff_value *w = &g->values[ff_graph_find_value(g, "w")];
            float wide[3];
            assert_int_equal(w->data.len, sizeof wide);
            memcpy(wide, w->data.data, sizeof wide);
            assert_true(wide[0] == 1.0f && wide[1] == -2.0f && wide[2] > 3e38f);
        }
        ff_graph_free(g);
        ff_buf_clean(&file);
        om_clean(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(widened)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
