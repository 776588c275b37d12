/* What subgraphs read of the graph around them. */
#include "graph/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/onnx_make.h"

/* A branch: out = op(inputs), with an inner branch where given. */
static void branch(ff_buf *graph, const char *inputs, const char *out, const ff_buf *inner)
{
    onnx_make m;
    om_init(&m, 13);
    if (inner != NULL) {
        om_attr_graph(&m, "then_branch", ff_buf_view(inner));
    }
    om_node(&m, inner != NULL ? "If" : "Add", inputs, out);
    om_output(&m, out);
    ff_buf_append(graph, m.graph.data, m.graph.len, NULL);
    om_clean(&m);
}

static ff_code load(ff_bytes then_branch, ff_bytes else_branch, ff_buf *file, ff_graph **g,
                    ff_err *err)
{
    static const float w[2] = {1, 2};
    onnx_make m;
    om_init(&m, 13);
    om_input(&m, "c", FF_DTYPE_BOOL, "");
    om_input(&m, "x", FF_DTYPE_F32, "2");
    om_weight(&m, "w", FF_DTYPE_F32, "2", w, sizeof w);
    om_node(&m, "Relu", "x", "h");
    om_attr_graph(&m, "then_branch", then_branch);
    om_attr_graph(&m, "else_branch", else_branch);
    om_node(&m, "If", "c", "y");
    om_value_info(&m, "y", FF_DTYPE_F32, "2");
    om_output(&m, "y");
    om_emit(&m, file);
    om_clean(&m);
    return ff_onnx_parse(ff_buf_view(file), NULL, NULL, 0, g, err);
}

static void captures_are_found(void **state)
{
    (void)state;
    ff_buf inner = {0}, then_branch = {0}, else_branch = {0}, file = {0};
    ff_graph *g = NULL;
    ff_err err = {0};
    branch(&inner, "w w", "deep", NULL);
    branch(&then_branch, "c", "t", &inner); /* reads c, and w two levels down */
    branch(&else_branch, "h h", "e", NULL);
    assert_int_equal(load(ff_buf_view(&then_branch), ff_buf_view(&else_branch), &file, &g, &err),
                     FF_OK);
    assert_int_equal(g->node_count, 2);
    const ff_node *n = &g->nodes[1];
    assert_string_equal(n->op, "If");
    assert_true(n->has_subgraph);
    assert_false(g->nodes[0].has_subgraph);
    assert_int_equal(n->captured_count, 3); /* c, w, h: each once */
    const char *const names[3] = {"c", "w", "h"};
    for (int i = 0; i < 3; i++) {
        bool found = false;
        for (int k = 0; k < 3; k++) {
            found |= strcmp(g->values[n->captured[k]].name, names[i]) == 0;
        }
        assert_true(found);
    }
    const int *list;
    assert_int_equal(ff_graph_readers(g, ff_graph_find_value(g, "h"), &list), 1);
    assert_int_equal(list[0], 1); /* so h is not pruned, and comes before */
    assert_int_equal(ff_graph_range_weight_bytes(g, 1, 2), 8);
    const ff_attr *a = ff_node_attr(n, "then_branch");
    assert_int_equal(a->kind, FF_ATTR_RAW);
    assert_true(a->s.len > then_branch.len);
    assert_int_equal(g->values[g->outputs[0]].shape.dim[0], 2); /* by value_info */
    ff_graph_free(g);
    ff_buf_clean(&inner);
    ff_buf_clean(&then_branch);
    ff_buf_clean(&else_branch);
    ff_buf_clean(&file);
}

static void own_names_are_no_captures(void **state)
{
    (void)state;
    onnx_make m;
    ff_buf file = {0};
    ff_graph *g = NULL;
    ff_err err = {0};
    static const float one[2] = {1, 1};
    om_init(&m, 13);
    om_input(&m, "i", FF_DTYPE_F32, "2"); /* inputs, initializers, outputs of nodes */
    om_weight(&m, "k", FF_DTYPE_F32, "2", one, sizeof one);
    om_node(&m, "Add", "i k", "s");
    om_node(&m, "Add", "s s", "t");
    om_output(&m, "t");
    ff_bytes body = ff_buf_view(&m.graph);
    assert_int_equal(load(body, body, &file, &g, &err), FF_OK);
    assert_int_equal(g->nodes[g->node_count - 1].captured_count, 0);
    assert_int_equal(g->node_count, 1); /* Relu is read by nobody now */
    ff_graph_free(g);
    ff_buf_clean(&file);
    om_clean(&m);
}

static void a_dangling_name_is_told(void **state)
{
    (void)state;
    ff_buf bad = {0}, good = {0}, file = {0};
    ff_graph *g = NULL;
    ff_err err = {0};
    branch(&bad, "x nowhere", "t", NULL);
    branch(&good, "x x", "e", NULL);
    assert_int_equal(load(ff_buf_view(&good), ff_buf_view(&bad), &file, &g, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "reads 'nowhere', which nothing produces"));
    assert_true(err.has_position);
    assert_memory_equal(file.data + err.position, "nowhere", 7);
    ff_buf_clean(&bad);
    ff_buf_clean(&good);
    ff_buf_clean(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captures_are_found),
        cmocka_unit_test(own_names_are_no_captures),
        cmocka_unit_test(a_dangling_name_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
