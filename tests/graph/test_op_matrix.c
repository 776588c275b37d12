/* MatMul and Gemm: which parts of both factors a part of the product needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/op.h"
#include "support/graph_make.h"

static const struct {
    const char *op, *attrs;
    int a[4], b[4], c[3]; /* rank, dims; c: rank 0 = none */
    int axis;
    int64_t lo, hi;
    int cut[3]; /* which axis of each input is cut to [lo, hi); -1: none */
} CASES[] = {
    {"MatMul", "", {2, 8, 5}, {2, 5, 9}, {0}, 0, 2, 4, {0, -1, -1}},
    {"MatMul", "", {2, 8, 5}, {2, 5, 9}, {0}, 1, 2, 4, {-1, 1, -1}},
    {"MatMul", "", {3, 4, 8, 5}, {2, 5, 9}, {0}, 0, 1, 3, {0, -1, -1}},
    {"MatMul", "", {3, 4, 8, 5}, {3, 4, 5, 9}, {0}, 0, 1, 3, {0, 0, -1}},
    {"MatMul", "", {3, 1, 8, 5}, {3, 4, 5, 9}, {0}, 0, 1, 3, {-1, 0, -1}},
    /* the third input is the first factor's zero point, one a row or one for all */
    {"MatMulInteger", "", {2, 8, 5}, {2, 5, 9}, {1, 8}, 0, 2, 4, {0, -1, 0}},
    {"MatMulInteger", "", {2, 8, 5}, {2, 5, 9}, {1, 8}, 1, 2, 4, {-1, 1, -1}},
    {"MatMulInteger", "", {2, 8, 5}, {2, 5, 9}, {1, 1}, 0, 2, 4, {0, -1, -1}},
    {"Gemm", "", {2, 8, 5}, {2, 5, 9}, {1, 9}, 0, 2, 4, {0, -1, -1}},
    {"Gemm", "", {2, 8, 5}, {2, 5, 9}, {1, 9}, 1, 2, 4, {-1, 1, 0}},
    {"Gemm", "transA=1", {2, 5, 8}, {2, 5, 9}, {2, 8, 9}, 0, 2, 4, {1, -1, 0}},
    {"Gemm", "transB=1", {2, 8, 5}, {2, 9, 5}, {2, 8, 9}, 1, 2, 4, {-1, 0, 1}},
    {"Gemm", "transB=1", {2, 8, 5}, {2, 9, 5}, {1, 1}, 1, 2, 4, {-1, 0, -1}},
};

static ff_shape shape_of(const int *text)
{
    ff_shape s = {.rank = text[0]};
    for (int a = 0; a < s.rank; a++) {
        s.dim[a] = text[a + 1];
    }
    return s;
}

static void needs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        graph_make m;
        ff_need need[3];
        ff_err err = {0};
        gm_init(&m, 13, 1);
        int in[3] = {gm_input(&m, shape_of(CASES[i].a)), gm_weight(&m, shape_of(CASES[i].b), 1, 0),
                     FF_NO_VALUE};
        int count = CASES[i].c[0] > 0 ? 3 : 2;
        if (count == 3) {
            in[2] = gm_weight(&m, shape_of(CASES[i].c), 1, 0);
        }
        int out = gm_op(&m, CASES[i].op, in, count, CASES[i].attrs);
        ff_region r = ff_region_whole(gm_shape_of(&m, out));
        r.lo[CASES[i].axis] = CASES[i].lo;
        r.hi[CASES[i].axis] = CASES[i].hi;
        gm_must(ff_op_needs(m.g, 0, &r, need, &err), &err, "needs");
        for (int k = 0; k < count; k++) {
            ff_region want = ff_region_whole(gm_shape_of(&m, in[k]));
            if (CASES[i].cut[k] >= 0) {
                want.lo[CASES[i].cut[k]] = CASES[i].lo;
                want.hi[CASES[i].cut[k]] = CASES[i].hi;
            }
            if (!ff_region_equal(&want, &need[k].region)) {
                fail_msg("case %zu, input %d", i, k);
            }
        }
        assert_int_equal(ff_op_dense_axis(m.g, 0), gm_shape_of(&m, out)->rank - 1);
        gm_clean(&m);
    }
}

/* C is left out of a part that does not add it: a zero stands for it where it may not be. */
static void bias_once(void **state)
{
    (void)state;
    static const int64_t OPSETS[] = {9, 13};
    for (int i = 0; i < 2; i++) {
        graph_make m;
        ff_err err = {0};
        gm_init(&m, OPSETS[i], 1);
        int in[3] = {gm_input(&m, gm_shape(2, 3, 8)), gm_weight(&m, gm_shape(2, 8, 5), 1, 0),
                     gm_weight(&m, gm_shape(1, 5), 1, 0)};
        gm_op(&m, "Gemm", in, 3, NULL);
        ff_graph *p = ff_graph_new("p");
        ff_graph_add_opset(p, "", OPSETS[i]);
        const ff_shape a = {2, {3, 4}}, b = {2, {4, 5}}, c = {2, {3, 5}};
        int part[3] = {0, 0, FF_NO_VALUE}, out;
        gm_must(ff_graph_add_value(p, "a", FF_VALUE_INPUT, FF_DTYPE_F32, &a, &part[0], &err), &err,
                "a");
        gm_must(ff_graph_add_value(p, "b", FF_VALUE_INPUT, FF_DTYPE_F32, &b, &part[1], &err), &err,
                "b");
        gm_must(ff_graph_add_value(p, "c", FF_VALUE_NODE, FF_DTYPE_F32, &c, &out, &err), &err, "c");
        gm_must(ff_op_emit_sum(m.g, 0, 4, 8, false, p, part, &out, &err), &err, "emit");
        assert_int_equal(p->node_count, 1);
        assert_int_equal(p->nodes[0].in_count, OPSETS[i] < 11 ? 3 : 2);
        ff_graph_free(p);
        gm_clean(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(needs), cmocka_unit_test(bias_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
