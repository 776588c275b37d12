/* The walk of inference: declared types, chains of shape arithmetic, being asked twice. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/infer_case.h"

static int add(ff_graph *g, const char *name, ff_value_kind kind, ff_dtype dtype,
               const ff_shape *shape)
{
    int v = FF_NO_VALUE;
    assert_int_equal(ff_graph_add_value(g, name, kind, dtype, shape, &v, NULL), FF_OK);
    return v;
}

static int ints(ff_graph *g, const char *name, const int64_t *data, int count)
{
    int v = FF_NO_VALUE;
    const ff_shape shape = {1, {count}};
    assert_int_equal(ff_graph_add_weight(g, name, FF_DTYPE_I64, &shape,
                                         ff_bytes_of(data, (size_t)count * 8), &v, NULL),
                     FF_OK);
    return v;
}

static void a_declared_type_must_hold(void **state)
{
    (void)state;
    const infer_case c = {13, "Relu", "2x3", "", "2x3"};
    ff_graph *g = infer_case_graph(&c);
    ff_err err = {0};
    g->values[g->outputs[0]].dtype = FF_DTYPE_I64;
    assert_int_equal(ff_graph_infer(g, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "'y0' is float32, but is declared as int64"));
    ff_graph_free(g);
}

static void a_declared_shape_serves_unknown_ops_only(void **state)
{
    (void)state;
    const ff_shape declared = {2, {9, 9}};
    const char *const ops[2] = {"NoSuchOp", "Relu"};
    for (int i = 0; i < 2; i++) {
        const infer_case c = {13, ops[i], "2x3", "", "2x3"};
        ff_graph *g = infer_case_graph(&c);
        ff_value *v = &g->values[g->outputs[0]];
        v->has_shape = true;
        v->shape = declared;
        assert_int_equal(ff_graph_infer(g, NULL), FF_OK);
        assert_int_equal(v->shape.dim[0], i == 0 ? 9 : 2);
        ff_graph_free(g);
    }
}

/* As exporters write x.view(x.size(0), -1): Shape, Gather, Unsqueeze, Concat, Reshape. */
static void shape_arithmetic_is_folded(void **state)
{
    (void)state;
    static const int64_t zero[1] = {0}, minus[1] = {-1};
    ff_graph *g = ff_graph_new("view");
    const ff_shape in = {4, {2, 3, 4, 5}}, scalar = {.rank = 0};
    ff_graph_add_opset(g, "", 13);
    int x = add(g, "x", FF_VALUE_INPUT, FF_DTYPE_F32, &in), index = FF_NO_VALUE;
    ff_graph_add_input(g, x);
    assert_int_equal(
        ff_graph_add_weight(g, "index", FF_DTYPE_I64, &scalar, ff_bytes_of(zero, 8), &index, NULL),
        FF_OK);
    int axes = ints(g, "axes", zero, 1), rest = ints(g, "rest", minus, 1);
    int v[5];
    const char *const names[5] = {"shape", "size", "list", "all", "y"};
    for (int i = 0; i < 5; i++) {
        v[i] = add(g, names[i], FF_VALUE_NODE, FF_DTYPE_NONE, NULL);
    }
    ff_graph_add_node(g, "", "Shape", "", &x, 1, &v[0], 1);
    ff_graph_add_node(g, "", "Gather", "", (const int[]){v[0], index}, 2, &v[1], 1);
    ff_graph_add_node(g, "", "Unsqueeze", "", (const int[]){v[1], axes}, 2, &v[2], 1);
    int n = ff_graph_add_node(g, "", "Concat", "", (const int[]){v[2], rest}, 2, &v[3], 1);
    ff_graph_set_int(g, n, "axis", 0);
    ff_graph_add_node(g, "", "Reshape", "", (const int[]){x, v[3]}, 2, &v[4], 1);
    ff_graph_add_output(g, v[4]);
    assert_int_equal(ff_graph_seal(g, NULL), FF_OK);
    for (int times = 0; times < 2; times++) { /* a second time changes nothing */
        assert_int_equal(ff_graph_infer(g, NULL), FF_OK);
        assert_int_equal(g->values[v[3]].known[0], 2);
        assert_int_equal(g->values[v[3]].known[1], -1);
        assert_true(ff_shape_equal(&g->values[v[4]].shape, &(ff_shape){2, {2, 60}}));
    }
    ff_graph_free(g);
}

static void huge_dims_are_refused(void **state)
{
    (void)state;
    static const struct {
        infer_case c;
        ff_code code;
    } cases[] = {
        {{13, "Tile", "2x3 =4000000000000000000,1", "", "?"}, FF_LIMIT},
        {{13, "Expand", "1 =100000,100000,100000", "", "?"}, FF_LIMIT},
        {{13, "ConstantOfShape", "=0,9000000000000000000", "", "?"}, FF_LIMIT},
        {{13, "ConstantOfShape", "=5,-2", "", "?"}, FF_FORMAT},
        {{13, "Pad", "2 =9223372036854775807,9223372036854775807", "", "?"}, FF_FORMAT},
        {{13, "Split", "7x4", "axis=0", "? ?"}, FF_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_graph *g = infer_case_graph(&cases[i].c);
        ff_err err = {0};
        assert_int_equal(ff_graph_infer(g, &err), cases[i].code);
        assert_non_null(strstr(err.message, "'node'"));
        ff_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_declared_type_must_hold),
        cmocka_unit_test(a_declared_shape_serves_unknown_ops_only),
        cmocka_unit_test(shape_arithmetic_is_folded),
        cmocka_unit_test(huge_dims_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
