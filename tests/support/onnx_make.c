#include "support/onnx_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(ff_code code)
{
    if (code != FF_OK) {
        fprintf(stderr, "onnx_make: %s\n", ff_code_name(code));
        abort();
    }
}

static void put_message(ff_buf *to, uint32_t number, ff_buf *from)
{
    must(ff_wire_put_bytes(to, number, ff_buf_view(from), NULL));
    ff_buf_clean(from);
}

static void opset(onnx_make *m, const char *domain, int64_t version)
{
    ff_buf b = {0};
    must(ff_wire_put_text(&b, 1, domain, NULL));
    must(ff_wire_put_int(&b, 2, version, NULL));
    put_message(&m->model, 8, &b);
}

void om_init(onnx_make *m, int64_t version)
{
    *m = (onnx_make){0};
    must(ff_wire_put_int(&m->model, 1, 8, NULL));
    must(ff_wire_put_text(&m->graph, 2, "made", NULL));
    if (version != 0) {
        opset(m, "", version);
    }
}

void om_clean(onnx_make *m)
{
    ff_buf_clean(&m->graph);
    ff_buf_clean(&m->node);
    ff_buf_clean(&m->model);
}

/* Calls once a piece of text between separators. */
static void each(const char *text, char separator, void (*call)(void *to, const char *), void *to)
{
    char piece[1200];
    while (*text != '\0') {
        size_t len = strcspn(text, (const char[2]){separator, '\0'});
        snprintf(piece, sizeof piece, "%.*s", (int)len, text);
        call(to, piece);
        text += len + (text[len] == separator);
    }
}

static void put_dim(void *to, const char *text)
{
    ff_buf dim = {0};
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end == '\0') {
        must(ff_wire_put_int(&dim, 1, value, NULL));
    } else if (strcmp(text, "?") != 0) {
        must(ff_wire_put_text(&dim, 2, text, NULL));
    }
    put_message(to, 1, &dim);
}

static void value_info(onnx_make *m, uint32_t number, const char *name, int dtype, const char *dims)
{
    ff_buf info = {0}, type = {0}, tensor = {0}, shape = {0};
    must(ff_wire_put_text(&info, 1, name, NULL));
    must(ff_wire_put_int(&tensor, 1, dtype, NULL));
    if (dims != NULL) {
        each(dims, ',', put_dim, &shape);
        put_message(&tensor, 2, &shape);
    }
    put_message(&type, 1, &tensor);
    put_message(&info, 2, &type);
    put_message(&m->graph, number, &info);
}

void om_input(onnx_make *m, const char *name, int dtype, const char *dims)
{
    value_info(m, 11, name, dtype, dims);
}

void om_value_info(onnx_make *m, const char *name, int dtype, const char *dims)
{
    value_info(m, 13, name, dtype, dims);
}

void om_output(onnx_make *m, const char *name)
{
    ff_buf info = {0};
    must(ff_wire_put_text(&info, 1, name, NULL));
    put_message(&m->graph, 12, &info);
}

/* An attribute with its name; its value follows. */
static ff_buf attr_begin(const char *name, int type)
{
    ff_buf b = {0};
    must(ff_wire_put_text(&b, 1, name, NULL));
    must(ff_wire_put_int(&b, 20, type, NULL));
    return b;
}

void om_attr_int(onnx_make *m, const char *name, int64_t value)
{
    ff_buf b = attr_begin(name, 2);
    must(ff_wire_put_int(&b, 3, value, NULL));
    put_message(&m->node, 5, &b);
}

void om_attr_ints(onnx_make *m, const char *name, const int64_t *values, size_t count)
{
    ff_buf b = attr_begin(name, 7);
    for (size_t i = 0; i < count; i++) {
        must(ff_wire_put_int(&b, 8, values[i], NULL));
    }
    put_message(&m->node, 5, &b);
}

void om_attr_float(onnx_make *m, const char *name, float value)
{
    ff_buf b = attr_begin(name, 1);
    must(ff_wire_put_tag(&b, 2, FF_WIRE_FIXED32, NULL));
    must(ff_buf_append(&b, &value, sizeof value, NULL));
    put_message(&m->node, 5, &b);
}

void om_attr_floats(onnx_make *m, const char *name, const float *values, size_t count)
{
    ff_buf b = attr_begin(name, 6);
    must(ff_wire_put_bytes(&b, 7, ff_bytes_of(values, count * sizeof *values), NULL)); /* packed */
    put_message(&m->node, 5, &b);
}

void om_attr_string(onnx_make *m, const char *name, const char *value)
{
    ff_buf b = attr_begin(name, 3);
    must(ff_wire_put_text(&b, 4, value, NULL));
    put_message(&m->node, 5, &b);
}

void om_attr_tensor(onnx_make *m, const char *name, ff_bytes tensor)
{
    ff_buf b = attr_begin(name, 4);
    must(ff_wire_put_bytes(&b, 5, tensor, NULL));
    put_message(&m->node, 5, &b);
}

void om_attr_graph(onnx_make *m, const char *name, ff_bytes graph)
{
    ff_buf b = attr_begin(name, 5);
    must(ff_wire_put_bytes(&b, 6, graph, NULL));
    put_message(&m->node, 5, &b);
}

static void put_in(void *to, const char *name)
{
    must(ff_wire_put_text(to, 1, strcmp(name, "-") == 0 ? "" : name, NULL));
}

static void put_out(void *to, const char *name)
{
    must(ff_wire_put_text(to, 2, strcmp(name, "-") == 0 ? "" : name, NULL));
}

void om_node_in(onnx_make *m, const char *domain, const char *op, const char *inputs,
                const char *outputs)
{
    ff_buf b = {0};
    each(inputs, ' ', put_in, &b);
    each(outputs, ' ', put_out, &b);
    must(ff_wire_put_text(&b, 3, outputs, NULL)); /* named after what it makes */
    must(ff_wire_put_text(&b, 4, op, NULL));
    must(ff_buf_append(&b, m->node.data, m->node.len, NULL));
    must(ff_wire_put_text(&b, 7, domain, NULL));
    m->node.len = 0;
    put_message(&m->graph, 1, &b);
}

void om_node(onnx_make *m, const char *op, const char *inputs, const char *outputs)
{
    om_node_in(m, "", op, inputs, outputs);
}

void om_initializer(onnx_make *m, ff_bytes tensor)
{
    must(ff_wire_put_bytes(&m->graph, 5, tensor, NULL));
}

static void put_tensor_dim(void *to, const char *text)
{
    must(ff_wire_put_int(to, 1, strtoll(text, NULL, 10), NULL));
}

void om_tensor(ff_buf *buf, const char *name, int dtype, const char *dims)
{
    each(dims, ',', put_tensor_dim, buf);
    must(ff_wire_put_int(buf, 2, dtype, NULL));
    must(ff_wire_put_text(buf, 8, name, NULL));
}

void om_weight(onnx_make *m, const char *name, int dtype, const char *dims, const void *data,
               size_t len)
{
    ff_buf b = {0};
    om_tensor(&b, name, dtype, dims);
    must(ff_wire_put_bytes(&b, 9, ff_bytes_of(data, len), NULL));
    put_message(&m->graph, 5, &b);
}

static void external_entry(ff_buf *buf, const char *key, const char *value)
{
    ff_buf b = {0};
    if (value == NULL) {
        return;
    }
    must(ff_wire_put_text(&b, 1, key, NULL));
    must(ff_wire_put_text(&b, 2, value, NULL));
    put_message(buf, 13, &b);
}

void om_external(ff_buf *buf, const char *location, const char *offset, const char *length)
{
    external_entry(buf, "location", location);
    external_entry(buf, "offset", offset);
    external_entry(buf, "length", length);
    must(ff_wire_put_int(buf, 14, 1, NULL));
}

void om_emit(const onnx_make *m, ff_buf *out)
{
    must(ff_buf_append(out, m->model.data, m->model.len, NULL));
    must(ff_wire_put_bytes(out, 7, ff_buf_view(&m->graph), NULL));
}
