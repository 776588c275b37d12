/* Strings and sparse weights: what they become, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/onnx.h"
#include "support/onnx_make.h"

/* A model that gives its weight back: "w", added to m by the caller. */
static ff_code load(onnx_make *m, ff_buf *file, ff_graph **g, ff_err *err)
{
    om_input(m, "x", FF_DTYPE_F32, "2");
    om_node(m, "Relu", "x", "y");
    om_output(m, "y");
    om_output(m, "w");
    om_emit(m, file);
    om_clean(m);
    return ff_onnx_parse(ff_buf_view(file), NULL, NULL, 0, g, err);
}

static void strings(void **state)
{
    (void)state;
    for (int missing = 0; missing < 2; missing++) {
        onnx_make m;
        ff_buf tensor = {0}, file = {0}, again = {0};
        ff_graph *g = NULL, *second = NULL;
        ff_err err = {0};
        om_init(&m, 19);
        om_tensor(&tensor, "w", FF_DTYPE_STRING, "2");
        assert_int_equal(ff_wire_put_text(&tensor, 6, "tiger", NULL), FF_OK);
        if (!missing) {
            assert_int_equal(ff_wire_put_text(&tensor, 6, "", NULL), FF_OK);
        }
        om_initializer(&m, ff_buf_view(&tensor));
        ff_code code = load(&m, &file, &g, &err);
        if (missing) {
            assert_int_equal(code, FF_FORMAT);
            assert_non_null(strstr(err.message, "'w' should have 2 strings"));
        } else {
            assert_int_equal(code, FF_OK);
            const ff_value *w = &g->values[ff_graph_find_value(g, "w")];
            assert_int_equal(w->dtype, FF_DTYPE_STRING);
            assert_int_equal(w->data.len, 2 + 5 + 2);
            assert_int_equal(ff_onnx_emit(g, NULL, NULL, &again, &err), FF_OK);
            assert_int_equal(ff_onnx_parse(ff_buf_view(&again), NULL, NULL, 0, &second, &err),
                             FF_OK);
            const ff_value *v = &second->values[ff_graph_find_value(second, "w")];
            assert_int_equal(v->data.len, w->data.len);
            assert_memory_equal(v->data.data, w->data.data, w->data.len);
        }
        ff_graph_free(second);
        ff_graph_free(g);
        ff_buf_clean(&again);
        ff_buf_clean(&file);
        ff_buf_clean(&tensor);
    }
}

typedef struct sparse_case {
    const char *dims, *index_dims;
    int count; /* of values; 1, 2, ... */
    int64_t indices[4];
    ff_code code;
    const char *says;
    float dense[6];
} sparse_case;

static const sparse_case sparse_cases[] = {
    {"2,3", "2", 2, {1, 5}, FF_OK, NULL, {0, 1, 0, 0, 0, 2}},
    {"2,3", "2,2", 2, {0, 2, 1, 0}, FF_OK, NULL, {0, 0, 1, 2, 0, 0}},
    {"2,3", "0", 0, {0}, FF_OK, NULL, {0}},
    {"2,3", "2", 2, {1, 6}, FF_FORMAT, "index 1 lies outside", {0}},
    {"2,3", "2", 2, {-1, 1}, FF_FORMAT, "index 0 lies outside", {0}},
    {"2,3", "2,2", 2, {0, 3, 0, 0}, FF_FORMAT, "index 0 lies outside", {0}},
    {"2,3", "2,1", 2, {0, 1}, FF_FORMAT, "indices of as many rows", {0}},
    {"2,3", "1", 2, {0}, FF_FORMAT, "indices of as many rows", {0}},
    {"50000,10000", "1", 1, {0}, FF_LIMIT, "when dense", {0}},
    {"1,1,1,1,1,1,1,1,1", "1", 1, {0}, FF_UNSUPPORTED, "9 dims", {0}},
};

static void put_sparse(onnx_make *m, const sparse_case *c)
{
    ff_buf sparse = {0}, values = {0}, indices = {0};
    float numbers[4] = {1, 2, 3, 4};
    char count[8];
    size_t index_count = strcmp(c->index_dims, "2,2") == 0 ? 4 : strtoul(c->index_dims, NULL, 10);
    snprintf(count, sizeof count, "%d", c->count);
    om_tensor(&values, "w", FF_DTYPE_F32, count);
    ff_wire_put_bytes(&values, 9, ff_bytes_of(numbers, (size_t)c->count * sizeof(float)), NULL);
    om_tensor(&indices, "", FF_DTYPE_I64, c->index_dims);
    ff_wire_put_bytes(&indices, 9, ff_bytes_of(c->indices, index_count * sizeof(int64_t)), NULL);
    ff_wire_put_bytes(&sparse, 1, ff_buf_view(&values), NULL);
    ff_wire_put_bytes(&sparse, 2, ff_buf_view(&indices), NULL);
    for (const char *p = c->dims; p != NULL; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        ff_wire_put_int(&sparse, 3, (int64_t)strtoll(p, NULL, 10), NULL);
    }
    ff_wire_put_bytes(&m->graph, 15, ff_buf_view(&sparse), NULL);
    ff_buf_clean(&sparse);
    ff_buf_clean(&values);
    ff_buf_clean(&indices);
}

static void sparse_weights(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sparse_cases / sizeof *sparse_cases; i++) {
        const sparse_case *c = &sparse_cases[i];
        onnx_make m;
        ff_buf file = {0};
        ff_graph *g = NULL;
        ff_err err = {0};
        om_init(&m, 13);
        put_sparse(&m, c);
        ff_code code = load(&m, &file, &g, &err);
        if (code != c->code || (c->says != NULL && strstr(err.message, c->says) == NULL)) {
            fail_msg("case %zu: %s %s", i, ff_code_name(code), err.message);
        }
        if (code == FF_OK) {
            const ff_value *w = &g->values[ff_graph_find_value(g, "w")];
            assert_int_equal(w->data.len, sizeof c->dense);
            assert_memory_equal(w->data.data, c->dense, sizeof c->dense);
        }
        ff_graph_free(g);
        ff_buf_clean(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(strings), cmocka_unit_test(sparse_weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
