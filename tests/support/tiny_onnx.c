#include "support/tiny_onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static void must(ff_code code)
{
    if (code)
        abort();
}

static void varint(ff_buf *buf, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;
    do {
        bytes[len++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    must(ff_buf_append(buf, bytes, len, NULL));
}

static void number(ff_buf *buf, unsigned field, uint64_t value)
{
    varint(buf, field << 3);
    varint(buf, value);
}

static void bytes_of(ff_buf *buf, unsigned field, const void *data, size_t len)
{
    varint(buf, field << 3 | 2);
    varint(buf, len);
    must(ff_buf_append(buf, data, len, NULL));
}

static void text(ff_buf *buf, unsigned field, const char *value)
{
    bytes_of(buf, field, value, strlen(value));
}

/* Appends the message and empties it. */
static void message(ff_buf *buf, unsigned field, ff_buf *body)
{
    bytes_of(buf, field, body->data, body->len);
    ff_buf_clean(body);
}

tiny_onnx tiny_new(void)
{
    tiny_onnx t;
    memset(&t, 0, sizeof t);
    return t;
}

void tiny_clean(tiny_onnx *t)
{
    ff_buf_clean(&t->nodes);
    ff_buf_clean(&t->weights);
    ff_buf_clean(&t->inputs);
    ff_buf_clean(&t->outputs);
}

/* ValueInfoProto {name = 1, type = 2 {tensor_type = 1 {elem_type = 1, shape = 2 {dim = 1}}}} */
static void value_info(ff_buf *buf, unsigned field, const char *name, int rank, const int64_t *dims)
{
    ff_buf dim = {0}, shape = {0}, tensor = {0}, type = {0}, value = {0};
    for (int i = 0; i < rank; i++) {
        if (dims[i])
            number(&dim, 1, (uint64_t)dims[i]);
        else
            text(&dim, 2, "n");
        message(&shape, 1, &dim);
    }
    number(&tensor, 1, 1);
    message(&tensor, 2, &shape);
    message(&type, 1, &tensor);
    text(&value, 1, name);
    message(&value, 2, &type);
    message(buf, field, &value);
}

void tiny_input(tiny_onnx *t, const char *name, int rank, const int64_t *dims)
{
    value_info(&t->inputs, 11, name, rank, dims);
}

void tiny_output(tiny_onnx *t, const char *name, int rank, const int64_t *dims)
{
    value_info(&t->outputs, 12, name, rank, dims);
}

/* TensorProto {dims = 1, data_type = 2, name = 8, raw_data = 9} */
void tiny_weight(tiny_onnx *t, const char *name, int rank, const int64_t *dims, uint64_t seed,
                 double scale)
{
    ff_buf tensor = {0}, raw = {0};
    ff_random random;
    size_t elems = 1;
    ff_random_init(&random, seed);
    for (int i = 0; i < rank; i++) {
        number(&tensor, 1, (uint64_t)dims[i]);
        elems *= (size_t)dims[i];
    }
    for (size_t i = 0; i < elems; i++) {
        float value = (float)(ff_random_normal(&random) * scale);
        must(ff_buf_append(&raw, &value, sizeof value, NULL));
    }
    number(&tensor, 2, 1);
    text(&tensor, 8, name);
    message(&tensor, 9, &raw);
    message(&t->weights, 5, &tensor);
}

static void names(ff_buf *buf, unsigned field, const char *list)
{
    while (*list) {
        size_t len = strcspn(list, " ");
        bytes_of(buf, field, list, len);
        list += len + (list[len] == ' ');
    }
}

/* AttributeProto {name = 1, i = 3, ints = 8, type = 20: INT = 2, INTS = 7} */
static void attribute(ff_buf *node, const tiny_attr *attr)
{
    ff_buf body = {0};
    text(&body, 1, attr->name);
    if (attr->count == 0)
        number(&body, 3, (uint64_t)attr->ints[0]);
    for (int i = 0; i < attr->count; i++)
        number(&body, 8, (uint64_t)attr->ints[i]);
    number(&body, 20, attr->count ? 7 : 2);
    message(node, 5, &body);
}

/* NodeProto {input = 1, output = 2, op_type = 4, attribute = 5} */
void tiny_node(tiny_onnx *t, const char *op, const char *inputs, const char *outputs,
               const tiny_attr *attrs, int attr_count)
{
    ff_buf node = {0};
    names(&node, 1, inputs);
    names(&node, 2, outputs);
    text(&node, 4, op);
    for (int i = 0; i < attr_count; i++)
        attribute(&node, &attrs[i]);
    message(&t->nodes, 1, &node);
}

/* ModelProto {ir_version = 1, graph = 7 {node = 1, name = 2, initializer = 5, input = 11,
 * output = 12}, opset_import = 8 {version = 2}} */
void tiny_emit(const tiny_onnx *t, ff_buf *out)
{
    ff_buf graph = {0}, opset = {0};
    must(ff_buf_append(&graph, t->nodes.data, t->nodes.len, NULL));
    text(&graph, 2, "tiny");
    must(ff_buf_append(&graph, t->weights.data, t->weights.len, NULL));
    must(ff_buf_append(&graph, t->inputs.data, t->inputs.len, NULL));
    must(ff_buf_append(&graph, t->outputs.data, t->outputs.len, NULL));
    number(out, 1, 8);
    message(out, 7, &graph);
    number(&opset, 2, 13);
    message(out, 8, &opset);
}

void tiny_conv_model(int64_t channels, int64_t height, int64_t width, ff_buf *out)
{
    const int64_t c = channels;
    const tiny_attr conv3[] = {{"kernel_shape", 2, {3, 3}}, {"pads", 4, {1, 1, 1, 1}}};
    const tiny_attr conv1[] = {{"kernel_shape", 2, {1, 1}}};
    tiny_onnx t = tiny_new();
    tiny_input(&t, "x", 4, (int64_t[]){1, 3, height, width});
    tiny_output(&t, "y", 4, (int64_t[]){1, c, height, width});
    tiny_weight(&t, "w1", 4, (int64_t[]){c, 3, 3, 3}, 1, 1 / sqrt(27));
    tiny_weight(&t, "b1", 1, &c, 2, 0.1);
    tiny_weight(&t, "w2", 4, (int64_t[]){c, c, 1, 1}, 3, 1 / sqrt((double)c));
    tiny_node(&t, "Conv", "x w1 b1", "a", conv3, 2);
    tiny_node(&t, "Relu", "a", "r", NULL, 0);
    tiny_node(&t, "Conv", "r w2", "s", conv1, 1);
    tiny_node(&t, "Add", "s r", "y", NULL, 0);
    tiny_emit(&t, out);
    tiny_clean(&t);
}
