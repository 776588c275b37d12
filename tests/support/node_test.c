/*
 * ONNX's node tests: their files, by the wire format and the project's own reader.
 */
#include "support/node_test.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "graph/onnx.h"
#include "graph/onnx_wire.h"

enum { MODEL_OPSET = 8, MODEL_GRAPH = 7 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { TENSOR_NAME = 8 };

static void text_of(const uint8_t *base, const ff_wire_field *f, char *text, size_t size)
{
    snprintf(text, size, "%.*s", (int)(f->end - f->at), (const char *)base + f->at);
}

/* The first field `number` of a message as text; "" where there is none. */
static ff_code text_field(ff_wire w, uint32_t number, char *text, size_t size, ff_err *err)
{
    text[0] = '\0';
    while (w.at < w.end) {
        ff_wire_field f;
        ff_code code = ff_wire_next(&w, &f, err);
        if (code != FF_OK) {
            return code;
        }
        if (f.number == number && f.type == FF_WIRE_BYTES) {
            text_of(w.base, &f, text, size);
            return FF_OK;
        }
    }
    return FF_OK;
}

/* Copies the fields of a message but those of one number. */
static ff_code copy_fields(ff_wire w, uint32_t but, ff_buf *out, ff_err *err)
{
    ff_code code = FF_OK;
    while (w.at < w.end && code == FF_OK) {
        ff_wire_field f;
        code = ff_wire_next(&w, &f, err);
        if (code == FF_OK && f.number != but) {
            code = ff_buf_append(out, w.base + f.start, w.at - f.start, err);
        }
    }
    return code;
}

static ff_code find_graph(const node_test *t, ff_wire *graph, ff_err *err)
{
    ff_wire w = {t->model.data, 0, t->model.len};
    while (w.at < w.end) {
        ff_wire_field f;
        ff_code code = ff_wire_next(&w, &f, err);
        if (code != FF_OK) {
            return code;
        }
        if (f.number == MODEL_GRAPH) {
            *graph = (ff_wire){t->model.data, f.at, f.end};
            return FF_OK;
        }
    }
    return ff_err_set(err, FF_FORMAT, "a model without a graph");
}

/* Counts nodes, and takes the names that the tests go by. */
static ff_code look(node_test *t, ff_err *err)
{
    ff_wire w;
    ff_code code = find_graph(t, &w, err);
    while (code == FF_OK && w.at < w.end) {
        ff_wire_field f;
        code = ff_wire_next(&w, &f, err);
        if (code != FF_OK) {
            break;
        }
        ff_wire inner = {w.base, f.at, f.end};
        if (f.number == GRAPH_NODE) {
            if (t->node_count++ == 0) {
                code = text_field(inner, 4, t->op, sizeof t->op, err);
                code =
                    code != FF_OK ? code : text_field(inner, 7, t->domain, sizeof t->domain, err);
            }
        } else if (f.number == GRAPH_INPUT || f.number == GRAPH_OUTPUT) {
            int *count = f.number == GRAPH_INPUT ? &t->in_count : &t->out_count;
            if (*count == NODE_TEST_TENSORS) {
                return ff_err_set(err, FF_LIMIT, "more than %d tensors", NODE_TEST_TENSORS);
            }
            if (f.number == GRAPH_INPUT) {
                code = text_field(inner, 1, t->in_name[*count], sizeof t->in_name[0], err);
            }
            ++*count;
        }
    }
    return code;
}

/* tensor (a TensorProto) with a name of its own. */
static ff_code put_named(ff_bytes tensor, const char *name, ff_buf *out, ff_err *err)
{
    size_t mark = 0;
    ff_code code = ff_wire_open(out, GRAPH_INITIALIZER, &mark, err);
    if (code == FF_OK) {
        code = copy_fields((ff_wire){tensor.data, 0, tensor.len}, TENSOR_NAME, out, err);
    }
    if (code == FF_OK) {
        code = ff_wire_put_text(out, TENSOR_NAME, name, err);
    }
    if (code == FF_OK) {
        ff_wire_close(out, mark);
    }
    return code;
}

/* A model whose only output is the tensor, as an initializer. */
static ff_code wrap(ff_bytes tensor, ff_buf *model, ff_err *err)
{
    size_t opset = 0, graph = 0, output = 0;
    ff_code code = ff_wire_put_int(model, 1, 8, err);
    code = code ? code : ff_wire_open(model, MODEL_OPSET, &opset, err);
    code = code ? code : ff_wire_put_int(model, 2, 21, err);
    if (code) {
        return code;
    }
    ff_wire_close(model, opset);
    code = ff_wire_open(model, MODEL_GRAPH, &graph, err);
    code = code ? code : put_named(tensor, "t", model, err);
    code = code ? code : ff_wire_open(model, GRAPH_OUTPUT, &output, err);
    code = code ? code : ff_wire_put_text(model, 1, "t", err);
    if (code) {
        return code;
    }
    ff_wire_close(model, output);
    ff_wire_close(model, graph);
    return FF_OK;
}

static ff_code parse_tensor(ff_bytes bytes, ff_tensor *out, ff_err *err)
{
    ff_buf model;
    ff_graph *g = NULL;
    ff_buf_init(&model, 0);
    ff_code code = wrap(bytes, &model, err);
    if (code == FF_OK) {
        code = ff_onnx_parse(ff_buf_view(&model), NULL, NULL, 0, &g, err);
    }
    if (code == FF_OK) {
        const ff_value *v = &g->values[g->outputs[0]];
        code = ff_tensor_new(v->dtype, &v->shape, out, err);
        if (code == FF_OK && v->data.len > 0) {
            memcpy(out->data, v->data.data, v->data.len);
        }
    }
    ff_graph_free(g);
    ff_buf_clean(&model);
    return code;
}

static ff_code read_file(const char *folder, const char *name, ff_buf *buf, ff_err *err)
{
    char path[PATH_MAX];
    ff_code code = ff_path_join(folder, name, path, err);
    return code != FF_OK ? code : ff_file_read(path, (size_t)1 << 28, buf, err);
}

static ff_code read_tensors(const char *folder, const char *what, int count, node_test *t,
                            ff_tensor *out, ff_err *err)
{
    for (int i = 0; i < count && t->dense; i++) {
        char name[64];
        ff_buf bytes;
        ff_err inner = {0};
        ff_buf_init(&bytes, 0);
        snprintf(name, sizeof name, "test_data_set_0/%s_%d.pb", what, i);
        ff_code code = read_file(folder, name, &bytes, err);
        if (code == FF_OK && parse_tensor(ff_buf_view(&bytes), &out[i], &inner) != FF_OK) {
            t->dense = false;
            snprintf(t->why, sizeof t->why, "%s %d: %.200s", what, i, inner.message);
        }
        ff_buf_clean(&bytes);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

ff_code node_test_load(const char *folder, node_test *t, ff_err *err)
{
    *t = (node_test){.dense = true};
    snprintf(t->name, sizeof t->name, "%s", ff_path_base(folder));
    ff_code code = read_file(folder, "model.onnx", &t->model, err);
    if (code == FF_OK) {
        code = look(t, err);
    }
    if (code == FF_OK) {
        code = read_tensors(folder, "input", t->in_count, t, t->in, err);
    }
    if (code == FF_OK) {
        code = read_tensors(folder, "output", t->out_count, t, t->out, err);
    }
    if (code != FF_OK) {
        node_test_clean(t);
    }
    return code;
}

void node_test_clean(node_test *t)
{
    ff_buf_clean(&t->model);
    for (int i = 0; i < NODE_TEST_TENSORS; i++) {
        ff_tensor_clean(&t->in[i]);
        ff_tensor_clean(&t->out[i]);
    }
}

/* A TensorProto of a tensor: dims, data_type, raw_data. */
static ff_code put_tensor(const ff_tensor *t, ff_buf *out, ff_err *err)
{
    ff_code code = FF_OK;
    for (int a = 0; a < t->shape.rank && code == FF_OK; a++) {
        code = ff_wire_put_int(out, 1, t->shape.dim[a], err);
    }
    if (code == FF_OK) {
        code = ff_wire_put_int(out, 2, t->dtype, err);
    }
    return code != FF_OK ? code : ff_wire_put_bytes(out, 9, ff_bytes_of(t->data, t->bytes), err);
}

static ff_code put_frozen_graph(const node_test *t, ff_wire graph, ff_buf *out, ff_err *err)
{
    ff_code code = FF_OK;
    int input = 0;
    while (graph.at < graph.end && code == FF_OK) {
        ff_wire_field f;
        code = ff_wire_next(&graph, &f, err);
        bool frozen = code == FF_OK && f.number == GRAPH_INPUT && input++ > 0;
        if (code == FF_OK && !frozen) {
            code = ff_buf_append(out, graph.base + f.start, graph.at - f.start, err);
        }
    }
    for (int i = 1; i < t->in_count && code == FF_OK; i++) {
        ff_buf tensor;
        ff_buf_init(&tensor, 0);
        code = put_tensor(&t->in[i], &tensor, err);
        if (code == FF_OK) {
            code = put_named(ff_buf_view(&tensor), t->in_name[i], out, err);
        }
        ff_buf_clean(&tensor);
    }
    return code;
}

ff_code node_test_freeze(const node_test *t, ff_buf *out, ff_err *err)
{
    ff_wire graph;
    size_t mark = 0;
    ff_code code = find_graph(t, &graph, err);
    if (code == FF_OK) {
        code = copy_fields((ff_wire){t->model.data, 0, t->model.len}, MODEL_GRAPH, out, err);
    }
    if (code == FF_OK) {
        code = ff_wire_open(out, MODEL_GRAPH, &mark, err);
    }
    if (code == FF_OK) {
        code = put_frozen_graph(t, graph, out, err);
    }
    if (code == FF_OK) {
        ff_wire_close(out, mark);
    }
    return code;
}
