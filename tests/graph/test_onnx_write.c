/* What is written is read again as the same graph, from memory and from a file. */
#include "graph/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/onnx_make.h"

/* Every kind of attribute, a subgraph, two domains, a function, omitted inputs. */
static void rich_model(ff_buf *file)
{
    static float w[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t perm[2] = {1, 0};
    static const float floats[3] = {0.5f, 1.5f, -2};
    onnx_make m, branch;
    ff_buf t = {0}, f = {0};
    om_init(&m, 13);
    om_input(&m, "x", FF_DTYPE_F32, "2,3");
    om_input(&m, "c", FF_DTYPE_BOOL, "");
    om_weight(&m, "w", FF_DTYPE_F32, "2,3", w, sizeof w);
    om_node(&m, "Add", "x w", "a");
    om_attr_ints(&m, "perm", perm, 2);
    om_node(&m, "Transpose", "a", "b");
    om_attr_int(&m, "count", -3);
    om_attr_float(&m, "alpha", 0.25f);
    om_attr_floats(&m, "scales", floats, 3);
    om_attr_string(&m, "mode", "any");
    om_tensor(&t, "", FF_DTYPE_F32, "2,3");
    ff_wire_put_bytes(&t, 9, ff_bytes_of(w, sizeof w), NULL);
    om_attr_tensor(&m, "table", ff_buf_view(&t));
    om_node_in(&m, "com.example", "Mystery", "b - w", "d - e");
    om_init(&branch, 0);
    om_node(&branch, "Neg", "d", "n");
    om_output(&branch, "n");
    om_attr_graph(&m, "then_branch", ff_buf_view(&branch.graph));
    om_attr_graph(&m, "else_branch", ff_buf_view(&branch.graph));
    om_node(&m, "If", "c", "y");
    om_output(&m, "y");
    om_output(&m, "e");
    ff_wire_put_text(&t, 1, "unused", NULL);
    om_emit(&m, file);
    ff_wire_put_text(&f, 1, "Mystery", NULL); /* a FunctionProto */
    ff_wire_put_text(&f, 10, "com.example", NULL);
    ff_wire_put_bytes(file, 25, ff_buf_view(&f), NULL);
    om_clean(&m);
    om_clean(&branch);
    ff_buf_clean(&t);
    ff_buf_clean(&f);
}

static void same_bytes(ff_bytes a, ff_bytes b)
{
    assert_int_equal(a.len, b.len);
    if (a.len > 0) {
        assert_memory_equal(a.data, b.data, a.len);
    }
}

static void same_attr(const ff_attr *a, const ff_attr *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->i, b->i);
    assert_true(a->f == b->f);
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_true(a->kind != FF_ATTR_INTS || a->ints[i] == b->ints[i]);
        assert_true(a->kind != FF_ATTR_FLOATS || a->floats[i] == b->floats[i]);
    }
    if (a->kind == FF_ATTR_TENSOR) {
        assert_int_equal(a->tensor_dtype, b->tensor_dtype);
        assert_true(ff_shape_equal(&a->tensor_shape, &b->tensor_shape));
        same_bytes(a->tensor_data, b->tensor_data);
    } else {
        same_bytes(a->s, b->s);
    }
}

static void same_list(const ff_graph *a, const int *x, int x_count, const ff_graph *b, const int *y,
                      int y_count)
{
    assert_int_equal(x_count, y_count);
    for (int i = 0; i < x_count; i++) {
        assert_int_equal(x[i] == FF_NO_VALUE, y[i] == FF_NO_VALUE);
        if (x[i] != FF_NO_VALUE) {
            assert_string_equal(a->values[x[i]].name, b->values[y[i]].name);
        }
    }
}

static void same_graph(const ff_graph *a, const ff_graph *b)
{
    assert_int_equal(a->value_count, b->value_count);
    for (int i = 0; i < a->value_count; i++) {
        int k = ff_graph_find_value(b, a->values[i].name);
        assert_int_not_equal(k, FF_NO_VALUE);
        const ff_value *x = &a->values[i], *y = &b->values[k];
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->dtype, y->dtype);
        assert_int_equal(x->has_shape, y->has_shape);
        assert_true(!x->has_shape || ff_shape_equal(&x->shape, &y->shape));
        same_bytes(x->data, y->data);
    }
    assert_int_equal(a->node_count, b->node_count);
    for (int n = 0; n < a->node_count; n++) {
        const ff_node *x = &a->nodes[n], *y = &b->nodes[n];
        assert_string_equal(x->op, y->op);
        assert_string_equal(x->name, y->name);
        assert_string_equal(x->domain, y->domain);
        same_list(a, x->in, x->in_count, b, y->in, y->in_count);
        same_list(a, x->out, x->out_count, b, y->out, y->out_count);
        same_list(a, x->captured, x->captured_count, b, y->captured, y->captured_count);
        assert_int_equal(x->attr_count, y->attr_count);
        for (int i = 0; i < x->attr_count; i++) {
            same_attr(&x->attrs[i], &y->attrs[i]);
        }
    }
    same_list(a, a->inputs, a->input_count, b, b->inputs, b->input_count);
    same_list(a, a->outputs, a->output_count, b, b->outputs, b->output_count);
    same_bytes(a->functions, b->functions);
    assert_int_equal(a->opset_count, b->opset_count);
    for (int i = 0; i < a->opset_count; i++) {
        assert_string_equal(a->opsets[i].domain, b->opsets[i].domain);
        assert_int_equal(a->opsets[i].version, b->opsets[i].version);
    }
}

static void round_trip(void **state)
{
    (void)state;
    ff_buf file = {0}, out = {0}, again = {0};
    ff_graph *a = NULL, *b = NULL;
    ff_err err = {0};
    rich_model(&file);
    assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &a, &err), FF_OK);
    assert_true(a->functions.len > 0);
    assert_int_equal(a->nodes[3].captured_count, 1);
    assert_int_equal(ff_buf_text(&out, "prefix", NULL), FF_OK); /* emit appends */
    assert_int_equal(ff_onnx_emit(a, NULL, NULL, &out, &err), FF_OK);
    assert_int_equal(ff_onnx_parse(ff_bytes_of(out.data + 6, out.len - 6), NULL, NULL, 0, &b, &err),
                     FF_OK);
    same_graph(a, b);
    assert_int_equal(ff_onnx_emit(b, NULL, NULL, &again, &err), FF_OK);
    same_bytes(ff_bytes_of(out.data + 6, out.len - 6), ff_buf_view(&again));
    ff_graph_free(a);
    ff_graph_free(b);
    ff_buf_clean(&file);
    ff_buf_clean(&out);
    ff_buf_clean(&again);
}

static void to_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/ff-write-XXXXXX.onnx";
    close(mkstemps(path, 5));
    ff_buf file = {0}, emitted = {0}, written = {0};
    ff_graph *g = NULL;
    ff_err err = {0};
    rich_model(&file);
    assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, &err), FF_OK);
    assert_int_equal(ff_onnx_write(g, path, &err), FF_OK);
    assert_int_equal(ff_onnx_emit(g, NULL, NULL, &emitted, &err), FF_OK);
    assert_int_equal(ff_file_read(path, 1 << 20, &written, &err), FF_OK);
    same_bytes(ff_buf_view(&emitted), ff_buf_view(&written));
    assert_int_not_equal(ff_onnx_write(g, "/nonexistent/folder/m.onnx", &err), FF_OK);
    unlink(path);
    ff_graph_free(g);
    ff_buf_clean(&file);
    ff_buf_clean(&emitted);
    ff_buf_clean(&written);
}

static void to_external_data(void **state)
{
    (void)state;
    char dir[] = "/tmp/ff-places-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    ff_buf file = {0}, out = {0};
    ff_graph *a = NULL, *b = NULL;
    ff_err err = {0};
    rich_model(&file);
    assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &a, &err), FF_OK);
    ff_onnx_place *places = calloc((size_t)a->value_count, sizeof *places);
    int w = ff_graph_find_value(a, "w");
    places[w] = (ff_onnx_place){64, a->values[w].data.len};
    assert_int_equal(ff_onnx_emit(a, "all.bin", places, &out, &err), FF_OK);
    uint8_t bytes[64 + 24] = {0};
    memcpy(bytes + 64, a->values[w].data.data, 24);
    snprintf(path, sizeof path, "%s/all.bin", dir);
    assert_int_equal(ff_file_write(path, ff_bytes_of(bytes, sizeof bytes), NULL), FF_OK);
    assert_int_equal(ff_onnx_parse(ff_buf_view(&out), dir, NULL, 0, &b, &err), FF_OK);
    same_graph(a, b);
    assert_int_equal(b->map_count, 1);
    places[w].length = 20; /* a place that does not fit is our own mistake */
    size_t before = out.len;
    assert_int_equal(ff_onnx_emit(a, "all.bin", places, &out, &err), FF_INTERNAL);
    assert_int_equal(out.len, before);
    free(places);
    ff_graph_free(a);
    ff_graph_free(b);
    ff_buf_clean(&file);
    ff_buf_clean(&out);
    assert_int_equal(ff_dir_remove(dir, NULL), FF_OK);
}

static void no_memory(void **state)
{
    (void)state;
    ff_buf file = {0};
    ff_graph *g = NULL;
    rich_model(&file);
    assert_int_equal(ff_onnx_parse(ff_buf_view(&file), NULL, NULL, 0, &g, NULL), FF_OK);
    for (uint64_t n = 1;; n++) {
        ff_buf out = {0};
        ff_mem_fail_at(n);
        ff_code code = ff_onnx_emit(g, NULL, NULL, &out, NULL);
        ff_mem_fail_at(0);
        assert_true(code == FF_NO_MEMORY || (code == FF_OK && n > 3));
        assert_true(code == FF_OK || out.len == 0);
        ff_buf_clean(&out);
        if (code == FF_OK) {
            break;
        }
    }
    ff_graph_free(g);
    ff_buf_clean(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(to_a_file),
        cmocka_unit_test(to_external_data),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
