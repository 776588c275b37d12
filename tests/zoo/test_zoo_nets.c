/* The networks as built: the shapes that each layer claims are those that inference finds, at every
 * opset where a layer is written in another way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "zoo/zoo_int.h"

static void densenet(ff_zoo_net *net)
{
    ff_zoo_densenet(net, (const int[4]){6, 12, 24, 16});
}

static void preact(ff_zoo_net *net)
{
    ff_zoo_resnet(net, FF_ZOO_PREACT, (const int[4]){3, 8, 36, 3});
}

static void rnn(ff_zoo_net *net)
{
    ff_zoo_rnn(net, 18);
}

static const struct {
    const char *name;
    void (*build)(ff_zoo_net *net);
    int opset, den;
    int nodes; /* 0: not looked at */
    const char *op;
    int of_op; /* nodes of this op */
} CASES[] = {
    {"preact", preact, 13, 8, 0, "Relu", 50 * 3 + 2},
    {"densenet", densenet, 9, 8, 0, "Concat", 58},
    {"inception", ff_zoo_inception, 13, 8, 0, "AveragePool", 9},
    {"mobilenet at 9", ff_zoo_mobilenet, 9, 8, 0, "Clip", 35},
    {"mobilenet at 21", ff_zoo_mobilenet, 21, 64, 0, "Clip", 35},
    {"efficientnet", ff_zoo_efficientnet, 13, 8, 0, "Sigmoid", 15 + 16 * 3 + 2},
    {"unet", ff_zoo_unet, 13, 16, 0, "ConvTranspose", 4},
    {"vit", ff_zoo_vit, 17, 8, 0, "LayerNormalization", 25},
    {"vit at 13", ff_zoo_vit, 13, 8, 0, "ReduceMean", 50},
    {"vit at 18", ff_zoo_vit, 18, 64, 0, "Erf", 12},
    {"bert", ff_zoo_bert, 17, 8, 0, "Shape", 12 * 4 * 2},
    {"bert at 13", ff_zoo_bert, 13, 16, 0, "LayerNormalization", 0},
    {"gpt2", ff_zoo_gpt2, 17, 16, 0, "Where", 12},
    {"rnn", rnn, 14, 16, 18 * 2 + 2, "LSTM", 18},
};

static void compare(const ff_graph *g, const ff_value *claimed, const char *name)
{
    for (int v = 0; v < g->value_count; v++) {
        const ff_value *found = &g->values[v];
        if (!found->has_shape || found->dtype != claimed[v].dtype ||
            !ff_shape_equal(&found->shape, &claimed[v].shape)) {
            char a[128], b[128];
            fail_msg("%s: '%s' is built as %s, inferred as %s", name, found->name,
                     ff_shape_text(&claimed[v].shape, a, sizeof a),
                     found->has_shape ? ff_shape_text(&found->shape, b, sizeof b) : "unknown");
        }
    }
}

static void shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ff_zoo_net net;
        ff_err err = {0};
        int of_op = 0;
        ff_zoo_net_init(&net, CASES[i].name, CASES[i].opset, 1, CASES[i].den);
        CASES[i].build(&net);
        if (ff_zoo_net_finish(&net, &err) != FF_OK || ff_zoo_fill(&net, 1, &err) != FF_OK)
            fail_msg("%s: %s", CASES[i].name, err.message);
        size_t count = (size_t)net.g->value_count;
        ff_value *claimed = ff_mem_must_array(count, sizeof *claimed);
        memcpy(claimed, net.g->values, count * sizeof *claimed);
        for (int v = 0; v < net.g->value_count; v++)
            if (claimed[v].kind == FF_VALUE_NODE)
                net.g->values[v].has_shape = false;
        if (ff_graph_infer(net.g, &err) != FF_OK)
            fail_msg("%s: %s", CASES[i].name, err.message);
        compare(net.g, claimed, CASES[i].name);
        for (int n = 0; n < net.g->node_count; n++)
            of_op += ff_node_is(&net.g->nodes[n], CASES[i].op);
        assert_int_equal(of_op, CASES[i].of_op);
        if (CASES[i].nodes != 0)
            assert_int_equal(net.g->node_count, CASES[i].nodes);
        ff_mem_free(claimed);
        ff_zoo_net_clean(&net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
