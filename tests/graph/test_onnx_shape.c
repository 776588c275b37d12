/* Graph inputs with symbolic dims, and what --shape makes of them. */
#include "graph/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/onnx_make.h"

typedef struct shape_case {
    const char *x, *z; /* the dims that the file gives; NULL x: no shape; NULL z: no such input */
    const char *given[2]; /* "x=1,3,8,8" */
    ff_code code;
    const char *says; /* or the shapes of x (and z) */
} shape_case;

static const shape_case cases[] = {
    {"1,3,8,8", NULL, {NULL}, FF_OK, "1x3x8x8"},
    {"1,3,8,8", NULL, {"x=1,3,8,8"}, FF_OK, "1x3x8x8"},
    {"N,3,8,8", NULL, {NULL}, FF_OK, "1x3x8x8"},
    {"?,3,8,8", NULL, {NULL}, FF_OK, "1x3x8x8"},
    {"-1,3,8,8", NULL, {NULL}, FF_OK, "1x3x8x8"},
    {"0,3", NULL, {NULL}, FF_OK, "1x3"},
    {"N,3,8,8", NULL, {"x=4,3,8,8"}, FF_OK, "4x3x8x8"},
    {"N,3,H,W", NULL, {"x=2,3,32,64"}, FF_OK, "2x3x32x64"},
    {NULL, NULL, {"x=2,3"}, FF_OK, "2x3"},
    {"N,3", "N,5", {"x=4,3"}, FF_OK, "4x3 4x5"},
    {"N,3", "N,5", {NULL}, FF_OK, "1x3 1x5"},
    {"N,S", "N,S", {"z=2,7"}, FF_OK, "2x7 2x7"},
    {"N,3", "M,N", {"z=2,7"}, FF_OK, "7x3 2x7"},
    {"N,3,H,W", NULL, {NULL}, FF_USAGE, "give --shape x=1,3,<H>,<W>"},
    {"1,3,?,8", NULL, {NULL}, FF_USAGE, "give --shape x=1,3,<dim 2>,8"},
    {NULL, NULL, {NULL}, FF_USAGE, "input 'x' has no shape: give --shape"},
    {"N,3", "N,S", {"x=4,3"}, FF_USAGE, "give --shape z=4,<S>"},
    {"1,3,8,8", NULL, {"x=1,3,8"}, FF_USAGE, "has 3 dims, but the model's input has 4"},
    {"1,3,8,8", NULL, {"x=1,4,8,8"}, FF_USAGE, "dim 1 should be 3, found 4"},
    {"1,3,8,8", NULL, {"y=1,3,8,8"}, FF_USAGE, "no such input; its input is 'x'"},
    {"1,3,8,8", NULL, {"w=4"}, FF_USAGE, "no such input"}, /* an initializer */
    {"N,3", "N,5", {"x=4,3", "z=5,5"}, FF_USAGE, "dim 'N' should be the same"},
    {"A,A", NULL, {"x=2,3"}, FF_USAGE, "dim 'A' should be the same"},
    {"1,1,1,1,1,1,1,1,1", NULL, {NULL}, FF_UNSUPPORTED, "has 9 dims"},
    {"100000,100000,100000", NULL, {NULL}, FF_LIMIT, "input 'x'"},
};

static ff_code load(const shape_case *c, ff_buf *file, ff_graph **g, ff_err *err)
{
    static const float w[4];
    onnx_make m;
    ff_onnx_shape shapes[2];
    char names[2][8];
    int count = 0;
    om_init(&m, 13);
    om_input(&m, "x", FF_DTYPE_F32, c->x);
    om_input(&m, "w", FF_DTYPE_F32, "4"); /* listed among the inputs, yet a weight */
    om_weight(&m, "w", FF_DTYPE_F32, "4", w, sizeof w);
    om_node(&m, "Relu", "x", "y");
    om_output(&m, "y");
    om_output(&m, "w");
    if (c->z != NULL) {
        om_input(&m, "z", FF_DTYPE_F32, c->z);
        om_node(&m, "Relu", "z", "yz");
        om_output(&m, "yz");
    }
    om_emit(&m, file);
    om_clean(&m);
    for (; count < 2 && c->given[count] != NULL; count++) {
        snprintf(names[count], sizeof names[count], "%c", c->given[count][0]);
        shapes[count].input = names[count];
        assert_int_equal(ff_shape_parse(c->given[count] + 2, &shapes[count].shape, NULL), FF_OK);
    }
    return ff_onnx_parse(ff_buf_view(file), NULL, shapes, count, g, err);
}

static void symbolic_dims(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_buf file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        ff_code code = load(&cases[i], &file, &g, &err);
        if (code != cases[i].code) {
            fail_msg("case %zu: %s %s", i, ff_code_name(code), err.message);
        }
        if (code == FF_OK) {
            char x[200], z[200], both[401];
            assert_int_equal(g->input_count, cases[i].z != NULL ? 2 : 1);
            ff_shape_text(&g->values[g->inputs[0]].shape, x, sizeof x);
            snprintf(both, sizeof both, "%s", x);
            if (cases[i].z != NULL) {
                ff_shape_text(&g->values[g->inputs[1]].shape, z, sizeof z);
                snprintf(both, sizeof both, "%s %s", x, z);
            }
            assert_string_equal(both, cases[i].says);
            const ff_value *y = &g->values[g->outputs[0]];
            assert_true(ff_shape_equal(&y->shape, &g->values[g->inputs[0]].shape));
        } else if (strstr(err.message, cases[i].says) == NULL) {
            fail_msg("wanted '%s', found '%s'", cases[i].says, err.message);
        }
        ff_graph_free(g);
        ff_buf_clean(&file);
    }
}

/* value_info serves where no rule knows the op, and must not contradict a type. */
static void hints(void **state)
{
    (void)state;
    static const struct {
        const char *op, *domain;
        int dtype;
        const char *dims;
        ff_code code;
        bool known;
    } table[] = {
        {"Mystery", "com.example", FF_DTYPE_F32, "2,5", FF_OK, true},
        {"Mystery", "com.example", FF_DTYPE_F32, "N,5", FF_OK, false},
        {"Mystery", "com.example", FF_DTYPE_F32, NULL, FF_OK, false},
        {"Relu", "", FF_DTYPE_F32, "7,7", FF_OK, true}, /* the rule wins */
        {"Relu", "", FF_DTYPE_I64, "2,5", FF_FORMAT, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        onnx_make m;
        ff_buf file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        om_init(&m, 13);
        om_input(&m, "x", FF_DTYPE_F32, "2,5");
        om_node_in(&m, table[i].domain, table[i].op, "x", "h");
        om_node(&m, "Sigmoid", "h", "y");
        om_value_info(&m, "h", table[i].dtype, table[i].dims);
        om_output(&m, "y");
        om_emit(&m, &file);
        assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, &err), table[i].code);
        if (g != NULL) {
            const ff_value *y = &g->values[ff_graph_find_value(g, "y")];
            assert_int_equal(y->dtype, FF_DTYPE_F32);
            assert_int_equal(y->has_shape, table[i].known);
            assert_true(!y->has_shape || y->shape.dim[1] == 5);
        } else {
            assert_non_null(strstr(err.message, "'h'"));
        }
        ff_graph_free(g);
        ff_buf_clean(&file);
        om_clean(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbolic_dims),
        cmocka_unit_test(hints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
