/* Attributes of nodes. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void set_and_get(void **state)
{
    (void)state;
    ff_graph *g = ff_graph_new("a");
    int n = ff_graph_add_node(g, "conv1", "Conv", "", NULL, 0, NULL, 0);
    char name[16];
    for (int i = 0; i < 40; i++) { /* past every growth of the room */
        snprintf(name, sizeof name, "i%d", i);
        ff_graph_set_int(g, n, name, i * 10);
    }
    const int64_t pads[4] = {1, 2, 3, 4};
    ff_graph_set_ints(g, n, "pads", pads, 4);
    ff_graph_set_float(g, n, "alpha", 0.5f);
    ff_graph_set_string(g, n, "auto_pad", "SAME_UPPER");
    const ff_node *node = &g->nodes[n];
    assert_int_equal(node->attr_count, 43);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "i%d", i);
        assert_int_equal(ff_node_int(node, name, -1), i * 10);
    }
    int64_t out[4] = {0};
    assert_int_equal(ff_node_ints(node, "pads", out, 2), 4);
    assert_int_equal(out[1], 2);
    assert_int_equal(out[2], 0); /* no more than max is written */
    assert_int_equal(ff_node_ints(node, "dilations", out, 4), -1);
    assert_int_equal(ff_node_ints(node, "i1", out, 4), -1); /* another kind */
    assert_true(ff_node_float(node, "alpha", 2.0f) == 0.5f);
    assert_true(ff_node_float(node, "beta", 2.0f) == 2.0f);
    assert_true(ff_node_string_is(node, "auto_pad", "SAME_UPPER", "NOTSET"));
    assert_false(ff_node_string_is(node, "auto_pad", "SAME", "NOTSET"));
    assert_true(ff_node_string_is(node, "mode", "linear", "linear"));
    assert_false(ff_node_string_is(node, "mode", "linear", "nearest"));
    ff_graph_set_int(g, n, "i3", -5); /* replaces */
    assert_int_equal(g->nodes[n].attr_count, 43);
    assert_int_equal(ff_node_int(&g->nodes[n], "i3", 0), -5);
    ff_graph_free(g);
}

static void copies_are_deep(void **state)
{
    (void)state;
    ff_graph *from = ff_graph_new("from"), *to = ff_graph_new("to");
    int a = ff_graph_add_node(from, "", "Pad", "", NULL, 0, NULL, 0);
    int b = ff_graph_add_node(to, "", "Pad", "", NULL, 0, NULL, 0);
    ff_graph_set_ints(from, a, "pads", (const int64_t[]){7, 8}, 2);
    ff_graph_set_string(from, a, "mode", "reflect");
    const ff_bytes words[2] = {ff_bytes_of("ab", 2), ff_bytes_of("c", 1)};
    ff_graph_copy_attr(
        from, a,
        &(ff_attr){.name = "words", .kind = FF_ATTR_STRINGS, .count = 2, .strings = words});
    const float floats[2] = {1.0f, 2.0f};
    ff_graph_copy_attr(
        from, a, &(ff_attr){.name = "f", .kind = FF_ATTR_FLOATS, .count = 2, .floats = floats});
    for (int i = 0; i < from->nodes[a].attr_count; i++) {
        ff_graph_copy_attr(to, b, &from->nodes[a].attrs[i]);
    }
    ff_graph_free(from); /* under ASan a shallow copy would be found here */
    const ff_node *n = &to->nodes[b];
    int64_t pads[2];
    assert_int_equal(ff_node_ints(n, "pads", pads, 2), 2);
    assert_int_equal(pads[1], 8);
    assert_true(ff_node_string_is(n, "mode", "reflect", ""));
    assert_memory_equal(ff_node_attr(n, "words")->strings[1].data, "c", 1);
    assert_true(ff_node_attr(n, "f")->floats[1] == 2.0f);
    ff_graph_free(to);
}

static void text_of_a_node(void **state)
{
    (void)state;
    ff_graph *g = ff_graph_new("t");
    char text[64];
    ff_graph_add_node(g, "conv1", "Conv", "", NULL, 0, NULL, 0);
    ff_graph_add_node(g, "", "Relu", "", NULL, 0, NULL, 0);
    assert_string_equal(ff_node_text(g, 0, text, sizeof text), "Conv 'conv1' (node 0)");
    assert_string_equal(ff_node_text(g, 1, text, sizeof text), "Relu (node 1)");
    assert_true(ff_node_is(&g->nodes[1], "Relu"));
    int n = ff_graph_add_node(g, "", "Relu", "com.example", NULL, 0, NULL, 0);
    assert_false(ff_node_is(&g->nodes[n], "Relu"));
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_get),
        cmocka_unit_test(copies_are_deep),
        cmocka_unit_test(text_of_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
