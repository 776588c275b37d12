/* Building, names, weights, readers of graphs made by hand. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names_are_found_and_unique(void **state)
{
    (void)state;
    ff_graph *g = ff_graph_new("many");
    ff_err err = {0};
    char name[32];
    int v = -7;
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "value_%d", i);
        assert_int_equal(ff_graph_add_value(g, name, FF_VALUE_NODE, FF_DTYPE_F32, NULL, &v, &err),
                         FF_OK);
        assert_int_equal(v, i);
    }
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "value_%d", i);
        assert_int_equal(ff_graph_find_value(g, name), i);
        assert_string_equal(g->values[i].name, name);
    }
    assert_int_equal(ff_graph_find_value(g, "value_3000"), FF_NO_VALUE);
    assert_int_equal(ff_graph_find_value(g, ""), FF_NO_VALUE);
    v = -7;
    assert_int_equal(ff_graph_add_value(g, "value_12", FF_VALUE_NODE, FF_DTYPE_F32, NULL, &v, &err),
                     FF_FORMAT);
    assert_non_null(strstr(err.message, "value_12"));
    assert_int_equal(ff_graph_add_value(g, "", FF_VALUE_NODE, FF_DTYPE_F32, NULL, &v, &err),
                     FF_FORMAT);
    assert_int_equal(v, -7);
    ff_graph_free(g);
    ff_graph_free(NULL);
}

static void a_weight_has_the_length_of_its_shape(void **state)
{
    (void)state;
    static const struct {
        ff_dtype dtype;
        ff_shape shape;
        size_t bytes;
        ff_code code;
    } cases[] = {
        {FF_DTYPE_F32, {2, {3, 2}}, 24, FF_OK},
        {FF_DTYPE_F32, {2, {3, 2}}, 23, FF_FORMAT},
        {FF_DTYPE_F32, {2, {3, 2}}, 48, FF_FORMAT},
        {FF_DTYPE_F16, {1, {5}}, 10, FF_OK},
        {FF_DTYPE_I64, {0, {0}}, 8, FF_OK},
        {FF_DTYPE_F32, {2, {0, 2}}, 0, FF_OK},
        {FF_DTYPE_F32, {1, {-1}}, 4, FF_FORMAT},
        {FF_DTYPE_F32, {3, {INT64_MAX, INT64_MAX, 4}}, 4, FF_LIMIT},
        {(ff_dtype)15, {1, {1}}, 1, FF_UNSUPPORTED},
    };
    static const uint8_t data[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_graph *g = ff_graph_new("w");
        ff_err err = {0};
        int v = -7;
        assert_int_equal(ff_graph_add_weight(g, "w", cases[i].dtype, &cases[i].shape,
                                             ff_bytes_of(data, cases[i].bytes), &v, &err),
                         cases[i].code);
        assert_int_equal(v, cases[i].code == FF_OK ? 0 : -7);
        assert_int_equal(g->value_count, cases[i].code == FF_OK ? 1 : 0);
        if (cases[i].code != FF_OK) {
            assert_non_null(strstr(err.message, "'w'"));
        } else {
            assert_int_equal(ff_graph_weight_bytes(g), cases[i].bytes);
        }
        ff_graph_free(g);
    }
}

static void outputs_and_opsets(void **state)
{
    (void)state;
    ff_graph *g = ff_graph_new("o");
    int a, b;
    assert_int_equal(ff_graph_add_value(g, "a", FF_VALUE_INPUT, FF_DTYPE_F32, NULL, &a, NULL), 0);
    assert_int_equal(ff_graph_add_value(g, "b", FF_VALUE_NODE, FF_DTYPE_F32, NULL, &b, NULL), 0);
    ff_graph_add_input(g, a);
    ff_graph_add_output(g, b);
    assert_false(ff_graph_is_output(g, a));
    assert_true(ff_graph_is_output(g, b));
    assert_false(ff_graph_is_output(g, FF_NO_VALUE));
    assert_false(ff_graph_is_output(g, 99));
    assert_int_equal(ff_graph_opset(g, ""), 0);
    ff_graph_add_opset(g, "", 13);
    ff_graph_add_opset(g, "com.example", 1);
    assert_int_equal(ff_graph_opset(g, ""), 13);
    assert_int_equal(ff_graph_opset(g, "com.example"), 1);
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_and_unique),
        cmocka_unit_test(a_weight_has_the_length_of_its_shape),
        cmocka_unit_test(outputs_and_opsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
