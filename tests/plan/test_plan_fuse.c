/* Which nodes fuse, and of what kind they are: the names that compute profiles know them by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan_work.h"
#include "support/graph_make.h"

static int number(graph_make *m, float value)
{
    return gm_floats(m, &value, 1);
}

/* "Conv:- Relu:Conv+Relu": every node with its name. */
static void expect(graph_make *m, int out, const char *wanted)
{
    char found[1024] = "";
    gm_output(m, out);
    for (int n = 0; n < m->g->node_count; n++) {
        const char *fused = ff_plan_fused(m->g, n);
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%s:%s", n ? " " : "", m->g->nodes[n].op,
                 fused ? fused : "-");
    }
    assert_string_equal(found, wanted);
    gm_clean(m);
}

static graph_make begin(int *x, ff_shape shape)
{
    graph_make m;
    gm_init(&m, 17, 1);
    *x = gm_input(&m, shape);
    return m;
}

static int norm(graph_make *m, const char *op, int x, int channels, int weights)
{
    int in[5] = {x};
    for (int i = 1; i <= weights; i++)
        in[i] = gm_weight(m, gm_shape(1, channels), 0.1, 1);
    return gm_op(m, op, in, weights + 1, NULL);
}

static void behind_conv(void **state)
{
    (void)state;
    int x;
    graph_make m = begin(&x, gm_shape(4, 1, 8, 6, 6));
    int y = norm(&m, "BatchNormalization", gm_conv(&m, x, 8, 3, 3, "pads=1,1,1,1"), 8, 4);
    y = gm_op1(&m, "Relu", y, NULL);
    expect(&m, gm_op2(&m, "Add", y, x, NULL),
           "Conv:- BatchNormalization:Conv+BatchNormalization Relu:Conv+Relu Add:-");

    m = begin(&x, gm_shape(4, 1, 8, 6, 6)); /* another reader: nothing fuses */
    y = gm_conv(&m, x, 8, 3, 3, "pads=1,1,1,1");
    int z = gm_op1(&m, "Relu", y, NULL);
    expect(&m, gm_op2(&m, "Add", y, z, NULL), "Conv:- Relu:- Add:-");

    m = begin(&x, gm_shape(4, 1, 8, 6, 6)); /* not behind one */
    y = gm_op1(&m, "Relu", norm(&m, "BatchNormalization", x, 8, 4), NULL);
    expect(&m, gm_conv(&m, y, 8, 1, 1, ""), "BatchNormalization:- Relu:- Conv:-");

    m = begin(&x, gm_shape(4, 1, 8, 6, 6)); /* x * sigmoid(x) */
    y = gm_conv(&m, x, 8, 1, 1, "");
    z = gm_op1(&m, "Sigmoid", y, NULL);
    expect(&m, gm_op2(&m, "Mul", y, z, NULL), "Conv:- Sigmoid:QuickGelu Mul:free");
}

static int product(graph_make *m, int x, int in, int out)
{
    return gm_op2(m, "MatMul", x, gm_weight(m, gm_shape(2, in, out), 0.1, 0), NULL);
}

static void behind_product(void **state)
{
    (void)state;
    int x;
    graph_make m = begin(&x, gm_shape(3, 1, 4, 8));
    int y = gm_op2(&m, "Add", product(&m, x, 8, 8), gm_weight(&m, gm_shape(1, 8), 1, 0), NULL);
    y = norm(&m, "LayerNormalization", gm_op2(&m, "Add", x, y, NULL), 8, 2);
    expect(&m, y, "MatMul:- Add:MatMul+Add Add:free LayerNormalization:SkipLayerNormalization");

    m = begin(&x, gm_shape(3, 1, 4, 8)); /* the sum is read again: it stays */
    y = gm_op2(&m, "Add", x, product(&m, x, 8, 8), NULL);
    int z = norm(&m, "LayerNormalization", y, 8, 2);
    expect(&m, gm_op2(&m, "Add", y, z, NULL), "MatMul:- Add:- LayerNormalization:- Add:-");

    m = begin(&x, gm_shape(3, 1, 4, 8)); /* scaled */
    y = gm_op2(&m, "MatMul", x, gm_op1(&m, "Transpose", x, "perm=0,2,1"), NULL);
    expect(&m, gm_op2(&m, "Div", y, number(&m, 8), NULL), "Transpose:- MatMul:- Div:free");

    m = begin(&x, gm_shape(3, 1, 4, 8)); /* a mask is no number */
    y = gm_op2(&m, "MatMul", x, gm_op1(&m, "Transpose", x, "perm=0,2,1"), NULL);
    expect(&m, gm_op2(&m, "Add", y, gm_weight(&m, gm_shape(2, 4, 4), 1, 0), NULL),
           "Transpose:- MatMul:- Add:-");
}

static void gelus(void **state)
{
    (void)state;
    int x;
    graph_make m = begin(&x, gm_shape(3, 1, 4, 8));
    int y = gm_op1(&m, "Erf", gm_op2(&m, "Div", x, number(&m, 1.41f), NULL), NULL);
    y = gm_op2(&m, "Mul", x, gm_op2(&m, "Add", y, number(&m, 1), NULL), NULL);
    expect(&m, gm_op2(&m, "Mul", y, number(&m, 0.5f), NULL),
           "Div:free Erf:Gelu Add:free Mul:free Mul:free");

    m = begin(&x, gm_shape(3, 1, 4, 8));
    int half = gm_op2(&m, "Mul", x, number(&m, 0.5f), NULL);
    y = gm_op2(&m, "Mul", gm_op2(&m, "Pow", x, number(&m, 3), NULL), number(&m, 0.04f), NULL);
    y = gm_op2(&m, "Mul", gm_op2(&m, "Add", x, y, NULL), number(&m, 0.8f), NULL);
    y = gm_op2(&m, "Add", gm_op1(&m, "Tanh", y, NULL), number(&m, 1), NULL);
    expect(&m, gm_op2(&m, "Mul", half, y, NULL),
           "Mul:free Pow:free Mul:free Add:free Mul:free Tanh:FastGelu Add:free Mul:free");

    m = begin(&x, gm_shape(3, 1, 4, 8)); /* none: nothing multiplies x */
    y = gm_op2(&m, "Add", gm_op1(&m, "Tanh", x, NULL), number(&m, 1), NULL);
    expect(&m, gm_op2(&m, "Mul", y, number(&m, 2), NULL), "Tanh:- Add:- Mul:-");
}

static void kinds(void **state)
{
    (void)state;
    static const struct {
        int channels, kernel;
        const char *attrs, *kind;
        uint64_t patch; /* elements unrolled to: kernel x kernel x input channels x places */
    } CONVS[] = {{16, 3, "pads=1,1,1,1", NULL, 9 * 8 * 36},
                 {16, 3, "pads=1,1,1,1 strides=2,2", "strided", 9 * 8 * 9},
                 {16, 1, "", "1x1", 8 * 36},
                 {16, 1, "strides=2,2", "1x1", 8 * 9},
                 {8, 3, "group=8 pads=1,1,1,1", "depthwise", 9 * 8 * 36},
                 {8, 3, "group=8 pads=1,1,1,1 strides=2,2", "depthwise strided", 9 * 8 * 9},
                 {16, 3, "group=2 pads=1,1,1,1", "grouped", 9 * 8 * 36}};
    for (size_t i = 0; i < sizeof CONVS / sizeof CONVS[0]; i++) {
        int x;
        graph_make m = begin(&x, gm_shape(4, 1, 8, 6, 6));
        gm_output(&m, gm_conv(&m, x, CONVS[i].channels, CONVS[i].kernel, CONVS[i].kernel,
                              CONVS[i].attrs));
        ff_work work = ff_plan_work(m.g, 0);
        assert_int_equal(work.patch_elems, CONVS[i].patch);
        if (CONVS[i].kind)
            assert_string_equal(work.kind, CONVS[i].kind);
        else
            assert_null(work.kind);
        gm_clean(&m);
    }
    int x;
    graph_make m = begin(&x, gm_shape(4, 1, 8, 6, 6));
    gm_output(&m, gm_op1(&m, "MaxPool", x, "kernel_shape=3,3 strides=2,2 pads=1,1,1,1"));
    assert_int_equal(ff_plan_work(m.g, 0).patch_elems, 8 * 9 * 9);
    gm_clean(&m);
    m = begin(&x, gm_shape(2, 1, 8));
    gm_output(&m, product(&m, x, 8, 4));
    assert_string_equal(ff_plan_work(m.g, 0).kind, "row");
    gm_clean(&m);
    m = begin(&x, gm_shape(2, 2, 8));
    gm_output(&m, product(&m, x, 8, 4));
    assert_null(ff_plan_work(m.g, 0).kind);
    gm_clean(&m);
}

static void computed(void **state)
{
    (void)state;
    int x;
    graph_make m = begin(&x, gm_shape(2, 4, 8));
    gm_output(&m, gm_op2(&m, "MatMul", x, gm_op1(&m, "Transpose", x, ""), NULL));
    assert_string_equal(ff_plan_kind(m.g, 1), "computed");
    gm_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behind_conv), cmocka_unit_test(behind_product), cmocka_unit_test(gelus),
        cmocka_unit_test(kinds),       cmocka_unit_test(computed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
