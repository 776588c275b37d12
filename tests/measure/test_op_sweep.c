/* The built-in sweep: what it covers, and that it is the same every time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "measure/op_sweep.h"
#include "plan/plan_work.h"

static bool has(const ff_sweep *s, const char *op, const char *kind, const char *fused)
{
    for (int i = 0; i < s->count; i++)
        for (int n = 0; n < s->item[i].graph->node_count; n++) {
            ff_work w = ff_plan_work(s->item[i].graph, n);
            if (!strcmp(w.op, op) && (!kind || (w.kind && !strcmp(w.kind, kind))) &&
                (!fused || (w.fused && !strcmp(w.fused, fused))))
                return true;
        }
    return false;
}

static void covers(void **state)
{
    (void)state;
    static const struct {
        const char *op, *kind, *fused;
    } WANTED[] = {{"Conv", NULL, NULL},
                  {"Conv", "1x1", NULL},
                  {"Conv", "strided", NULL},
                  {"Conv", "depthwise", NULL},
                  {"Conv", "depthwise strided", NULL},
                  {"Conv", "grouped", NULL},
                  {"ConvTranspose", NULL, NULL},
                  {"Gemm", "row", NULL},
                  {"MatMul", NULL, NULL},
                  {"MatMul", "computed", NULL},
                  {"LSTM", NULL, NULL},
                  {"GRU", NULL, NULL},
                  {"MaxPool", NULL, NULL},
                  {"GlobalAveragePool", NULL, NULL},
                  {"Softmax", NULL, NULL},
                  {"LayerNormalization", NULL, NULL},
                  {"LayerNormalization", NULL, "SkipLayerNormalization"},
                  {"BatchNormalization", NULL, "Conv+BatchNormalization"},
                  {"Relu", NULL, "Conv+Relu"},
                  {"Relu", NULL, "Gemm+Relu"},
                  {"Add", NULL, "MatMul+Add"},
                  {"Erf", NULL, "Gelu"},
                  {"Tanh", NULL, "FastGelu"},
                  {"Sigmoid", NULL, "QuickGelu"},
                  {"Concat", NULL, NULL},
                  {"Gather", NULL, NULL}};
    ff_sweep s;
    ff_sweep_init(&s, false);
    for (size_t i = 0; i < sizeof WANTED / sizeof WANTED[0]; i++)
        if (!has(&s, WANTED[i].op, WANTED[i].kind, WANTED[i].fused))
            fail_msg("no %s %s %s", WANTED[i].op, WANTED[i].kind ? WANTED[i].kind : "",
                     WANTED[i].fused ? WANTED[i].fused : "");
    ff_sweep_clean(&s);
    ff_sweep_clean(&s); /* twice is fine */
}

/* What is compared with a base is the base and one node that fuses behind it. */
static void bases(void **state)
{
    (void)state;
    int with = 0;
    ff_sweep s;
    ff_sweep_init(&s, true);
    for (int i = 0; i < s.count; i++) {
        const ff_graph *g = s.item[i].graph;
        if (s.item[i].base < 0)
            continue;
        assert_in_range(s.item[i].base, 0, i - 1);
        const ff_graph *base = s.item[s.item[i].base].graph;
        assert_int_equal(s.item[s.item[i].base].base, -1);
        assert_int_equal(g->node_count, base->node_count + 1);
        ff_work own = ff_plan_work(g, 0), other = ff_plan_work(base, 0);
        assert_string_equal(own.op, other.op);
        assert_int_equal(own.macs, other.macs);
        assert_non_null(ff_plan_work(g, g->node_count - 1).fused);
        with++;
    }
    assert_true(with > 30);
    assert_in_range(s.empty, 0, s.count - 1);
    assert_int_equal(ff_plan_work(s.item[s.empty].graph, 0).out_elems, 16);
    ff_sweep_clean(&s);
}

static void same_every_time(void **state)
{
    (void)state;
    ff_sweep a, b;
    ff_sweep_init(&a, false);
    ff_sweep_init(&b, false);
    assert_int_equal(a.count, b.count);
    for (int i = 0; i < a.count; i++) {
        ff_work x = ff_plan_work(a.item[i].graph, 0), y = ff_plan_work(b.item[i].graph, 0);
        assert_string_equal(x.op, y.op);
        assert_int_equal(x.moved_bytes, y.moved_bytes);
        assert_int_equal(x.macs, y.macs);
        assert_true(x.out_elems > 0);
    }
    ff_sweep_clean(&a);
    ff_sweep_clean(&b);
}

static void kernel(void **state)
{
    (void)state;
    double macs = 0;
    ff_graph *g = ff_sweep_kernel(&macs);
    assert_true(macs == 64.0 * 64 * 9 * 56 * 56);
    assert_int_equal(ff_plan_work(g, 0).macs, 64 * 64 * 9 * 56 * 56);
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covers),
        cmocka_unit_test(bases),
        cmocka_unit_test(same_every_time),
        cmocka_unit_test(kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
