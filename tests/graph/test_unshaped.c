/* Why a shape is not known: the node where inference stops, and what would help. */
#include "support/onnx_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "graph/onnx.h"

static void other_domain(onnx_make *m)
{
    om_node_in(m, "my.ops", "Foo", "x", "a");
    om_node(m, "Relu", "a", "b");
    om_node(m, "Neg", "b", "y");
}

static void unknown_op(onnx_make *m)
{
    om_node(m, "NoSuchOp", "x", "y");
}

/* The sizes are an input of the model. */
static void computed_sizes(onnx_make *m)
{
    om_input(m, "sizes", FF_DTYPE_I64, "2");
    om_node(m, "Reshape", "x sizes", "a");
    om_node(m, "Relu", "a", "y");
}

static void by_value(onnx_make *m)
{
    om_node(m, "NonZero", "x", "a");
    om_node(m, "Neg", "a", "y");
}

static void sequence(onnx_make *m)
{
    om_node(m, "SequenceConstruct", "x x", "y");
}

/* Of two ways into y the one without a shape is followed. */
static void second_input(onnx_make *m)
{
    om_node(m, "Relu", "x", "a");
    om_node_in(m, "my.ops", "Bar", "x", "b");
    om_node(m, "Add", "a b", "y");
}

static void reasons(void **state)
{
    (void)state;
    static const struct {
        void (*make)(onnx_make *m);
        const char *says;
    } table[] = {
        {other_domain,
         "shapes are not inferred through Foo 'a' (node 0) of domain my.ops: give the "
         "file the shape of 'a' (value_info)"},
        {unknown_op,
         "shapes are not inferred through NoSuchOp 'y' (node 0): give the file the shape "
         "of 'y' (value_info)"},
        {computed_sizes, "Reshape 'a' (node 0) takes it from the elements of 'sizes', which are "
                         "computed at run time: make them a constant, or give the file the shape "
                         "of 'a' (value_info)"},
        {by_value,
         "NonZero 'a' (node 0) decides it at run time: if it is always the same, give the "
         "file the shape of 'a' (value_info)"},
        {sequence, "SequenceConstruct 'y' (node 0) makes a sequence, and only tensors travel: take "
                   "them out of it"},
        {second_input,
         "shapes are not inferred through Bar 'b' (node 1) of domain my.ops: give the "
         "file the shape of 'b' (value_info)"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        onnx_make m;
        ff_buf file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        char text[768];
        om_init(&m, 13);
        om_input(&m, "x", FF_DTYPE_F32, "2,3");
        table[i].make(&m);
        om_output(&m, "y");
        om_emit(&m, &file);
        if (ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, &err) != FF_OK)
            fail_msg("case %zu: %s", i, err.message);
        int y = ff_graph_find_value(g, "y");
        assert_false(g->values[y].has_shape);
        assert_string_equal(ff_graph_why_unshaped(g, y, text, sizeof text), table[i].says);
        ff_graph_free(g);
        ff_buf_clean(&file);
        om_clean(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reasons)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
