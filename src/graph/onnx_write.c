/*
 * Graphs to ONNX files, written as wire format directly.
 *
 * The head (all but the elements of weights) is made in memory with the places where elements
 * belong; then head and elements go out in turn, to a buffer or to a file.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/onnx.h"
#include "graph/onnx_wire.h"

#define MIN_IR 8 /* the version of onnx.proto that this is written by */

typedef struct insert { /* elements that follow the head's first `at` bytes */
    size_t at;
    ff_bytes bytes;
} insert;

typedef struct writer {
    const ff_graph *g;
    const char *location; /* of external data, or NULL */
    const ff_onnx_place *places;
    ff_buf head;    /* the GraphProto's body without elements */
    ff_buf scratch; /* one small message */
    ff_buf inner;   /* a message inside it */
    size_t insert_count;
    insert *inserts;
    uint64_t inserted; /* bytes of all of them */
    ff_err *err;
} writer;

/* The buffer's bytes as field `number` of the head. */
static ff_code put_message(writer *w, ff_buf *to, uint32_t number, ff_buf *from)
{
    ff_code code = ff_wire_put_bytes(to, number, ff_buf_view(from), w->err);
    from->len = 0;
    return code;
}

static ff_code put_dims(ff_buf *to, const ff_shape *shape, ff_err *err)
{
    ff_code code = FF_OK;
    for (int a = 0; a < shape->rank && code == FF_OK; a++) {
        code = ff_wire_put_int(to, 1, shape->dim[a], err);
    }
    return code;
}

/* A TensorProto without its elements: dims, data_type, name. */
static ff_code put_tensor_head(writer *w, ff_buf *to, const char *name, ff_dtype dtype,
                               const ff_shape *shape)
{
    ff_code code = put_dims(to, shape, w->err);
    if (code == FF_OK) {
        code = ff_wire_put_int(to, 2, dtype, w->err);
    }
    return code != FF_OK || name == NULL ? code : ff_wire_put_text(to, 8, name, w->err);
}

static ff_code put_entry(writer *w, const char *key, const char *value)
{
    ff_code code = ff_wire_put_text(&w->inner, 1, key, w->err);
    if (code == FF_OK) {
        code = ff_wire_put_text(&w->inner, 2, value, w->err);
    }
    return code != FF_OK ? code : put_message(w, &w->scratch, 13, &w->inner);
}

/* external_data {location, offset, length}, data_location EXTERNAL. */
static ff_code put_external(writer *w, const ff_onnx_place *place)
{
    char offset[24], length[24];
    snprintf(offset, sizeof offset, "%" PRIu64, place->offset);
    snprintf(length, sizeof length, "%" PRIu64, place->length);
    ff_code code = put_entry(w, "location", w->location);
    if (code == FF_OK) {
        code = put_entry(w, "offset", offset);
    }
    if (code == FF_OK) {
        code = put_entry(w, "length", length);
    }
    return code != FF_OK ? code : ff_wire_put_int(&w->scratch, 14, 1, w->err);
}

/* A weight inside: the head gets all but the elements, whose place is noted. */
static ff_code put_inside(writer *w, ff_bytes data)
{
    ff_code code = ff_wire_put_tag(&w->scratch, 9, FF_WIRE_BYTES, w->err);
    if (code == FF_OK) {
        code = ff_wire_put_varint(&w->scratch, data.len, w->err);
    }
    if (code == FF_OK) {
        code = ff_wire_put_tag(&w->head, 5, FF_WIRE_BYTES, w->err);
    }
    if (code == FF_OK) {
        code = ff_wire_put_varint(&w->head, w->scratch.len + data.len, w->err);
    }
    if (code == FF_OK) {
        code = ff_buf_append(&w->head, w->scratch.data, w->scratch.len, w->err);
    }
    if (code == FF_OK) {
        w->inserts[w->insert_count++] = (insert){w->head.len, data};
        w->inserted += data.len;
    }
    w->scratch.len = 0;
    return code;
}

static ff_code put_weight(writer *w, int v)
{
    const ff_value *value = &w->g->values[v];
    ff_code code = put_tensor_head(w, &w->scratch, value->name, value->dtype, &value->shape);
    if (code != FF_OK) {
        return code;
    }
    if (value->dtype == FF_DTYPE_STRING) { /* its fields, as they are */
        code = ff_buf_append(&w->scratch, value->data.data, value->data.len, w->err);
        return code != FF_OK ? code : put_message(w, &w->head, 5, &w->scratch);
    }
    if (w->location == NULL || w->places == NULL || w->places[v].length == 0) {
        return put_inside(w, value->data);
    }
    if (w->places[v].length != value->data.len) {
        return ff_err_set(w->err, FF_INTERNAL,
                          "weight '%s' has %zu bytes, its place in %s has %" PRIu64, value->name,
                          value->data.len, w->location, w->places[v].length);
    }
    code = put_external(w, &w->places[v]);
    return code != FF_OK ? code : put_message(w, &w->head, 5, &w->scratch);
}

static ff_code put_numbers(ff_buf *to, const ff_attr *a, ff_err *err)
{
    ff_code code = FF_OK;
    for (size_t i = 0; i < a->count && code == FF_OK; i++) {
        switch (a->kind) {
        case FF_ATTR_INTS:
            code = ff_wire_put_int(to, 8, a->ints[i], err);
            break;
        case FF_ATTR_FLOATS:
            code = ff_wire_put_tag(to, 7, FF_WIRE_FIXED32, err);
            code = code != FF_OK ? code : ff_buf_append(to, &a->floats[i], sizeof(float), err);
            break;
        default:
            code = ff_wire_put_bytes(to, 9, a->strings[i], err);
            break;
        }
    }
    return code;
}

static ff_code put_tensor_attr(writer *w, ff_buf *to, const ff_attr *a)
{
    size_t mark = 0;
    ff_code code = ff_wire_open(to, 5, &mark, w->err);
    if (code == FF_OK) {
        code = put_tensor_head(w, to, NULL, a->tensor_dtype, &a->tensor_shape);
    }
    if (code == FF_OK) {
        code = ff_wire_put_bytes(to, 9, a->tensor_data, w->err);
    }
    if (code == FF_OK) {
        ff_wire_close(to, mark);
    }
    return code;
}

/* An AttributeProto's fields but for RAW, which is one already. */
static ff_code put_attr_body(writer *w, const ff_attr *a)
{
    static const int64_t types[] = {
        [FF_ATTR_INT] = 2,  [FF_ATTR_FLOAT] = 1,  [FF_ATTR_STRING] = 3,  [FF_ATTR_TENSOR] = 4,
        [FF_ATTR_INTS] = 7, [FF_ATTR_FLOATS] = 6, [FF_ATTR_STRINGS] = 8,
    };
    ff_buf *to = &w->inner;
    ff_code code = ff_wire_put_text(to, 1, a->name, w->err);
    if (code != FF_OK) {
        return code;
    }
    switch (a->kind) {
    case FF_ATTR_INT:
        code = ff_wire_put_int(to, 3, a->i, w->err);
        break;
    case FF_ATTR_FLOAT:
        code = ff_wire_put_tag(to, 2, FF_WIRE_FIXED32, w->err);
        code = code != FF_OK ? code : ff_buf_append(to, &a->f, sizeof a->f, w->err);
        break;
    case FF_ATTR_STRING:
        code = ff_wire_put_bytes(to, 4, a->s, w->err);
        break;
    case FF_ATTR_TENSOR:
        code = put_tensor_attr(w, to, a);
        break;
    default:
        code = put_numbers(to, a, w->err);
        break;
    }
    return code != FF_OK ? code : ff_wire_put_int(to, 20, types[a->kind], w->err);
}

static ff_code put_names(writer *w, uint32_t number, const int *list, int count)
{
    ff_code code = FF_OK;
    for (int i = 0; i < count && code == FF_OK; i++) {
        const char *name = list[i] == FF_NO_VALUE ? "" : w->g->values[list[i]].name;
        code = ff_wire_put_text(&w->scratch, number, name, w->err);
    }
    return code;
}

static ff_code put_node(writer *w, const ff_node *n)
{
    ff_code code = put_names(w, 1, n->in, n->in_count);
    if (code == FF_OK) {
        code = put_names(w, 2, n->out, n->out_count);
    }
    if (code == FF_OK && n->name[0] != '\0') {
        code = ff_wire_put_text(&w->scratch, 3, n->name, w->err);
    }
    if (code == FF_OK) {
        code = ff_wire_put_text(&w->scratch, 4, n->op, w->err);
    }
    for (int i = 0; i < n->attr_count && code == FF_OK; i++) {
        if (n->attrs[i].kind == FF_ATTR_RAW) {
            code = ff_wire_put_bytes(&w->scratch, 5, n->attrs[i].s, w->err);
            continue;
        }
        code = put_attr_body(w, &n->attrs[i]);
        if (code == FF_OK) {
            code = put_message(w, &w->scratch, 5, &w->inner);
        }
    }
    if (code == FF_OK && n->domain[0] != '\0') {
        code = ff_wire_put_text(&w->scratch, 7, n->domain, w->err);
    }
    return code != FF_OK ? code : put_message(w, &w->head, 1, &w->scratch);
}

/* TensorShapeProto {dim {dim_value}...} inside TypeProto.Tensor inside TypeProto, in inner. */
static ff_code put_type(writer *w, const ff_value *v)
{
    ff_buf *to = &w->inner;
    size_t tensor = 0, shape = 0, dim = 0;
    ff_code code = ff_wire_open(to, 1, &tensor, w->err);
    if (code == FF_OK) {
        code = ff_wire_put_int(to, 1, v->dtype, w->err);
    }
    if (code == FF_OK && v->has_shape) {
        code = ff_wire_open(to, 2, &shape, w->err);
        for (int a = 0; a < v->shape.rank && code == FF_OK; a++) {
            code = ff_wire_open(to, 1, &dim, w->err);
            if (code == FF_OK) {
                code = ff_wire_put_int(to, 1, v->shape.dim[a], w->err);
            }
            if (code == FF_OK) {
                ff_wire_close(to, dim);
            }
        }
        if (code == FF_OK) {
            ff_wire_close(to, shape);
        }
    }
    if (code == FF_OK) {
        ff_wire_close(to, tensor);
    }
    return code;
}

/* A ValueInfoProto as field `number` of the graph; without a type where none is known. */
static ff_code put_value_info(writer *w, uint32_t number, const ff_value *v)
{
    ff_code code = ff_wire_put_text(&w->scratch, 1, v->name, w->err);
    if (code == FF_OK && v->dtype != FF_DTYPE_NONE) {
        code = put_type(w, v);
        if (code == FF_OK) {
            code = put_message(w, &w->scratch, 2, &w->inner);
        }
    }
    return code != FF_OK ? code : put_message(w, &w->head, number, &w->scratch);
}

static ff_code put_graph(writer *w)
{
    const ff_graph *g = w->g;
    ff_code code = FF_OK;
    for (int n = 0; n < g->node_count && code == FF_OK; n++) {
        code = put_node(w, &g->nodes[n]);
    }
    if (code == FF_OK) { /* checkers want a name */
        code = ff_wire_put_text(&w->head, 2, g->name[0] != '\0' ? g->name : "graph", w->err);
    }
    for (int v = 0; v < g->value_count && code == FF_OK; v++) {
        if (g->values[v].kind == FF_VALUE_WEIGHT) {
            code = put_weight(w, v);
        }
    }
    for (int i = 0; i < g->input_count && code == FF_OK; i++) {
        code = put_value_info(w, 11, &g->values[g->inputs[i]]);
    }
    for (int i = 0; i < g->output_count && code == FF_OK; i++) {
        code = put_value_info(w, 12, &g->values[g->outputs[i]]);
    }
    for (int v = 0; v < g->value_count && code == FF_OK; v++) {
        const ff_value *value = &g->values[v];
        if (value->kind == FF_VALUE_NODE && value->has_shape && value->dtype != FF_DTYPE_NONE &&
            value->producer != FF_NO_NODE && !ff_graph_is_output(g, v)) {
            code = put_value_info(w, 13, value);
        }
    }
    return code;
}

/* The ModelProto up to the graph's body, in scratch. */
static ff_code put_model_head(writer *w)
{
    const ff_graph *g = w->g;
    ff_buf *to = &w->scratch;
    ff_code code = ff_wire_put_int(to, 1, g->ir_version > MIN_IR ? g->ir_version : MIN_IR, w->err);
    if (code == FF_OK) {
        code = ff_wire_put_text(to, 2, "fanfold", w->err);
    }
    for (int i = 0; i < g->opset_count && code == FF_OK; i++) {
        code = ff_wire_put_text(&w->inner, 1, g->opsets[i].domain, w->err);
        if (code == FF_OK) {
            code = ff_wire_put_int(&w->inner, 2, g->opsets[i].version, w->err);
        }
        if (code == FF_OK) {
            code = put_message(w, to, 8, &w->inner);
        }
    }
    if (code == FF_OK) {
        code = ff_wire_put_tag(to, 7, FF_WIRE_BYTES, w->err);
    }
    return code != FF_OK ? code : ff_wire_put_varint(to, w->head.len + w->inserted, w->err);
}

typedef ff_code (*sink)(void *to, ff_bytes bytes, ff_err *err);

static ff_code to_buf(void *to, ff_bytes bytes, ff_err *err)
{
    return ff_buf_append(to, bytes.data, bytes.len, err);
}

static ff_code to_file(void *to, ff_bytes bytes, ff_err *err)
{
    return bytes.len > 0 ? ff_out_write(to, bytes.data, bytes.len, err) : FF_OK;
}

static void writer_init(writer *w, const ff_graph *g, ff_err *err)
{
    *w = (writer){.g = g, .err = err};
    ff_buf_init(&w->head, FF_MAX_ONNX_HEAD);
    ff_buf_init(&w->scratch, FF_MAX_ONNX_HEAD);
    ff_buf_init(&w->inner, FF_MAX_ONNX_HEAD);
    w->inserts = ff_mem_must_array((size_t)g->value_count + 1, sizeof *w->inserts);
}

static void writer_clean(writer *w)
{
    ff_buf_clean(&w->head);
    ff_buf_clean(&w->scratch);
    ff_buf_clean(&w->inner);
    ff_mem_free(w->inserts);
}

/* Head and elements in turn. */
static ff_code send(writer *w, sink put, void *to)
{
    size_t at = 0;
    ff_code code = put(to, ff_buf_view(&w->scratch), w->err);
    for (size_t i = 0; i < w->insert_count && code == FF_OK; i++) {
        code = put(to, ff_bytes_of(w->head.data + at, w->inserts[i].at - at), w->err);
        at = w->inserts[i].at;
        if (code == FF_OK) {
            code = put(to, w->inserts[i].bytes, w->err);
        }
    }
    if (code == FF_OK && w->head.len > at) {
        code = put(to, ff_bytes_of(w->head.data + at, w->head.len - at), w->err);
    }
    return code != FF_OK ? code : put(to, w->g->functions, w->err);
}

ff_code ff_onnx_emit(const ff_graph *g, const char *location, const ff_onnx_place *places,
                     ff_buf *buf, ff_err *err)
{
    writer w;
    size_t before = buf->len;
    writer_init(&w, g, err);
    w.location = location;
    w.places = places;
    ff_code code = put_graph(&w);
    if (code == FF_OK) {
        code = put_model_head(&w);
    }
    if (code == FF_OK) {
        code = ff_buf_reserve(
            buf, w.scratch.len + w.head.len + (size_t)w.inserted + g->functions.len, err);
    }
    if (code == FF_OK) {
        code = send(&w, to_buf, buf);
    }
    if (code != FF_OK) {
        buf->len = before;
    }
    writer_clean(&w);
    return code;
}

ff_code ff_onnx_write(const ff_graph *g, const char *path, ff_err *err)
{
    writer w;
    ff_out *out = NULL;
    writer_init(&w, g, err);
    ff_code code = put_graph(&w);
    if (code == FF_OK) {
        code = put_model_head(&w);
    }
    if (code == FF_OK) {
        code = ff_out_open(path, &out, err);
    }
    if (code == FF_OK) {
        code = send(&w, to_file, out);
        if (code == FF_OK) {
            code = ff_out_commit(out, err);
        } else {
            ff_out_abort(out);
        }
    }
    writer_clean(&w);
    return code;
}
