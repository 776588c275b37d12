/* module: graph */
/* Any bytes as an ONNX file: refused, or a graph that can be written and read again. */
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"
#include "graph/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static volatile uint64_t used; /* so that reading every page of a weight is not optimised away */

static void walk(const ff_graph *g)
{
    uint64_t sum = ff_graph_weight_bytes(g);
    for (int n = 0; n < g->node_count; n++) {
        const ff_node *node = &g->nodes[n];
        sum += ff_node_flops(g, n);
        for (int i = 0; i < node->in_count + node->captured_count; i++) {
            int v = i < node->in_count ? node->in[i] : node->captured[i - node->in_count];
            must(v >= FF_NO_VALUE && v < g->value_count);
            must(v == FF_NO_VALUE || g->values[v].producer < n); /* topological */
        }
    }
    for (int v = 0; v < g->value_count; v++) {
        const ff_value *value = &g->values[v];
        size_t bytes = 0;
        for (size_t i = 0; i < value->data.len; i += 4096) {
            sum += value->data.data[i];
        }
        must(value->kind != FF_VALUE_WEIGHT || value->dtype == FF_DTYPE_STRING ||
             (ff_shape_bytes(&value->shape, value->dtype, &bytes, NULL) == FF_OK &&
              bytes == value->data.len));
        must(ff_graph_find_value(g, value->name) == v);
    }
    used = sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ff_onnx_shape shape = {"x", {4, {1, 3, 8, 8}}};
    ff_graph *g = NULL, *again = NULL;
    ff_err err = {0};
    ff_log_init("fuzz", FF_LOG_ERROR, false);
    for (int given = 0; given < 2; given++) {
        ff_code code = ff_onnx_parse(ff_bytes_of(data, size), NULL, &shape, given, &g, &err);
        if (code != FF_OK) {
            must(g == NULL && err.code == code && err.message[0] != '\0');
            continue;
        }
        walk(g);
        ff_buf out;
        ff_buf_init(&out, (size_t)64 << 20);
        if (ff_onnx_emit(g, NULL, NULL, &out, &err) == FF_OK) {
            must(ff_onnx_parse(ff_buf_view(&out), NULL, NULL, 0, &again, &err) == FF_OK);
            must(again->node_count == g->node_count);
            ff_graph_free(again);
            again = NULL;
        }
        ff_buf_clean(&out);
        ff_graph_free(g);
        g = NULL;
    }
    return 0;
}
