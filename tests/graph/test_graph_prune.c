/* Folded values become weights, reshaped weights views, and what nobody needs goes. */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph_int.h"

static int value(ff_graph *g, const char *name)
{
    int v = FF_NO_VALUE;
    assert_int_equal(ff_graph_add_value(g, name, FF_VALUE_NODE, FF_DTYPE_NONE, NULL, &v, NULL),
                     FF_OK);
    return v;
}

static int weight(ff_graph *g, const char *name, ff_dtype dtype, ff_shape shape, const void *data)
{
    int v = FF_NO_VALUE;
    size_t bytes = 0;
    assert_int_equal(ff_shape_bytes(&shape, dtype, &bytes, NULL), FF_OK);
    assert_int_equal(
        ff_graph_add_weight(g, name, dtype, &shape, ff_bytes_of(data, bytes), &v, NULL), FF_OK);
    return v;
}

static int node(ff_graph *g, const char *op, const int *in, int in_count, const char *out)
{
    int v = value(g, out);
    ff_graph_add_node(g, out, op, "", in, in_count, &v, 1);
    return v;
}

/* scales = float(2 * sizes(x)) / float(sizes(x)), as exporters write an upsampling by 2; a weight
 * behind an Identity; nodes and weights that nobody reads. */
static void what_loading_leaves(void **state)
{
    (void)state;
    static const int64_t two = 2;
    static const float kernel[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    ff_graph *g = ff_graph_new("g");
    int x = FF_NO_VALUE;
    const ff_shape in = {4, {1, 1, 5, 6}};
    ff_graph_add_opset(g, "", 13);
    ff_graph_add_value(g, "x", FF_VALUE_INPUT, FF_DTYPE_F32, &in, &x, NULL);
    ff_graph_add_input(g, x);
    int w = weight(g, "w", FF_DTYPE_F32, (ff_shape){4, {1, 1, 3, 3}}, kernel);
    int factor = weight(g, "factor", FF_DTYPE_I64, (ff_shape){.rank = 0}, &two);
    weight(g, "unused", FF_DTYPE_F32, (ff_shape){1, {9}}, kernel);
    int same = node(g, "Identity", &w, 1, "same");
    int conv = node(g, "Conv", (const int[]){x, same}, 2, "conv");
    int shape = node(g, "Shape", &conv, 1, "shape");
    int twice = node(g, "Mul", (const int[]){shape, factor}, 2, "twice");
    int a = node(g, "Cast", &twice, 1, "a");
    ff_graph_set_int(g, g->node_count - 1, "to", FF_DTYPE_F32);
    int b = node(g, "Cast", &shape, 1, "b");
    ff_graph_set_int(g, g->node_count - 1, "to", FF_DTYPE_F32);
    int scales = node(g, "Div", (const int[]){a, b}, 2, "scales");
    node(g, "Relu", &conv, 1, "dead");
    int y = node(g, "Resize", (const int[]){conv, FF_NO_VALUE, scales}, 3, "y");
    ff_graph_add_output(g, y);
    assert_int_equal(ff_graph_seal(g, NULL), FF_OK);
    assert_int_equal(ff_graph_infer(g, NULL), FF_OK);
    ff_graph_replace_known(g);
    assert_int_equal(ff_graph_prune(g, NULL), FF_OK);
    assert_int_equal(g->node_count, 2);
    assert_string_equal(g->nodes[0].op, "Conv");
    assert_string_equal(g->nodes[1].op, "Resize");
    assert_int_equal(g->value_count, 5); /* x, same, conv, scales, y */
    const ff_value *s = &g->values[ff_graph_find_value(g, "same")];
    assert_int_equal(s->kind, FF_VALUE_WEIGHT);
    assert_ptr_equal(s->data.data, kernel); /* a view, not a copy */
    s = &g->values[ff_graph_find_value(g, "scales")];
    static const float twos[4] = {2, 2, 2, 2};
    assert_int_equal(s->kind, FF_VALUE_WEIGHT);
    assert_int_equal(s->data.len, sizeof twos);
    assert_memory_equal(s->data.data, twos, sizeof twos);
    assert_int_equal(ff_graph_find_value(g, "dead"), FF_NO_VALUE);
    assert_int_equal(ff_graph_find_value(g, "unused"), FF_NO_VALUE);
    const ff_value *out = &g->values[g->outputs[0]];
    assert_string_equal(out->name, "y");
    assert_int_equal(out->producer, 1);
    assert_true(ff_shape_equal(&out->shape, &(ff_shape){4, {2, 2, 6, 8}}));
    assert_true(ff_graph_is_output(g, g->outputs[0]));
    ff_graph_free(g);
}

/* A known value that is a graph output stays a node's; unread inputs stay inputs. */
static void outputs_and_inputs_stay(void **state)
{
    (void)state;
    ff_graph *g = ff_graph_new("g");
    int x = FF_NO_VALUE, z = FF_NO_VALUE;
    const ff_shape in = {2, {4, 5}};
    ff_graph_add_opset(g, "", 13);
    ff_graph_add_value(g, "z", FF_VALUE_INPUT, FF_DTYPE_F32, &in, &z, NULL);
    ff_graph_add_value(g, "x", FF_VALUE_INPUT, FF_DTYPE_F32, &in, &x, NULL);
    ff_graph_add_input(g, z);
    ff_graph_add_input(g, x);
    int shape = node(g, "Shape", &x, 1, "shape");
    ff_graph_add_output(g, shape);
    assert_int_equal(ff_graph_seal(g, NULL), FF_OK);
    assert_int_equal(ff_graph_infer(g, NULL), FF_OK);
    ff_graph_replace_known(g);
    assert_int_equal(ff_graph_prune(g, NULL), FF_OK);
    assert_int_equal(g->node_count, 1);
    assert_int_equal(g->input_count, 2);
    assert_string_equal(g->values[g->inputs[0]].name, "z");
    assert_int_equal(g->values[g->outputs[0]].kind, FF_VALUE_NODE);
    assert_int_equal(g->values[g->outputs[0]].known[1], 5);
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_loading_leaves),
        cmocka_unit_test(outputs_and_inputs_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
