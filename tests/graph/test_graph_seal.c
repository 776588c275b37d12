/* Order, readers, and what seal refuses. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Values are the letters of a text: 'x' is the input, 'w' a weight, the others are made by nodes.
 * A node is "in>out". */
static ff_graph *build(const char *const *nodes, int count, char output)
{
    ff_graph *g = ff_graph_new("g");
    static const float one[1] = {1.0f};
    const ff_shape shape = {1, {1}};
    int v;
    for (char c = 'a'; c <= 'z'; c++) {
        const char name[2] = {c, '\0'};
        if (c == 'w') {
            ff_graph_add_weight(g, name, FF_DTYPE_F32, &shape, ff_bytes_of(one, 4), &v, NULL);
        } else {
            ff_graph_add_value(g, name, c == 'x' ? FF_VALUE_INPUT : FF_VALUE_NODE, FF_DTYPE_F32,
                               &shape, &v, NULL);
        }
    }
    ff_graph_add_input(g, 'x' - 'a');
    for (int n = 0; n < count; n++) {
        int in[8], out[8], in_count = 0, out_count = 0;
        const char *p = nodes[n];
        for (; *p != '>'; p++) {
            in[in_count++] = *p == '-' ? FF_NO_VALUE : *p - 'a';
        }
        for (p++; *p != '\0'; p++) {
            out[out_count++] = *p == '-' ? FF_NO_VALUE : *p - 'a';
        }
        ff_graph_add_node(g, nodes[n], "Op", "", in, in_count, out, out_count);
    }
    ff_graph_add_output(g, output - 'a');
    return g;
}

static void orders(void **state)
{
    (void)state;
    static const struct {
        int count;
        const char *nodes[6];
        const char *order[6]; /* as it must come out; NULL: an error that holds `says` */
        const char *says;
    } cases[] = {
        {3, {"xw>a", "a>b", "ab>c"}, {"xw>a", "a>b", "ab>c"}, NULL},
        {3, {"ab>c", "a>b", "x>a"}, {"x>a", "a>b", "ab>c"}, NULL},
        {4, {"x>a", "b>c", "x>b", "a>d"}, {"x>a", "x>b", "b>c", "a>d"}, NULL},
        {2, {"x-w>a-", "a->c"}, {"x-w>a-", "a->c"}, NULL},
        {3, {"x>a", "ac>b", "b>c"}, {NULL}, "cycle"},
        {2, {"x>a", "ac>c"}, {NULL}, "cycle through Op 'ac>c'"},
        {2, {"x>a", "ab>c"}, {NULL}, "reads 'b', which nothing produces"},
        {3, {"x>a", "x>a", "a>c"}, {NULL}, "'a' is produced twice"},
        {2, {"x>aa", "a>c"}, {NULL}, "'a' is produced twice"},
        {2, {"x>w", "x>c"}, {NULL}, "which is a weight"},
        {2, {"w>x", "x>c"}, {NULL}, "which is a graph input"},
        {1, {"x>a"}, {NULL}, "graph output 'c' is produced by nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ff_graph *g = build(cases[i].nodes, cases[i].count, 'c');
        ff_err err = {0};
        ff_code code = ff_graph_seal(g, &err);
        if (cases[i].says != NULL) {
            assert_int_equal(code, FF_FORMAT);
            assert_non_null(strstr(err.message, cases[i].says));
        } else {
            assert_int_equal(code, FF_OK);
            for (int n = 0; n < cases[i].count; n++) {
                assert_string_equal(g->nodes[n].name, cases[i].order[n]);
                assert_int_equal(g->values[g->nodes[n].out[0]].producer, n);
            }
        }
        ff_graph_free(g);
    }
}

static void readers(void **state)
{
    (void)state;
    const char *const nodes[] = {"x>a", "aa>b", "ab>c"};
    ff_graph *g = build(nodes, 3, 'c');
    assert_int_equal(ff_graph_seal(g, NULL), FF_OK);
    const int *list;
    assert_int_equal(ff_graph_readers(g, 'a' - 'a', &list), 2); /* node 1 once */
    assert_int_equal(list[0], 1);
    assert_int_equal(list[1], 2);
    assert_int_equal(ff_graph_readers(g, 'c' - 'a', &list), 0);
    assert_int_equal(ff_graph_readers(g, FF_NO_VALUE, &list), 0);
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders),
        cmocka_unit_test(readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
