/*
 * ONNX files to graphs: map, scan, unpack the head, convert, seal, infer.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "graph/onnx_int.h"

#define MIN_OPSET      7
#define MAX_OPSET      22   /* 22 differs from 21 by bfloat16 only */
#define MAX_ATTRIBUTES 1024 /* of a node; ONNX's ops have a dozen */
/* What protobuf-c may take for a head: its structs are larger than the bytes they come from. */
#define MAX_UNPACKED ((size_t)1 << 30)

typedef struct unpack_memory {
    size_t used;
    bool over;   /* the limit was met */
    bool failed; /* memory was out */
} unpack_memory;

static void *unpack_alloc(void *data, size_t size)
{
    unpack_memory *m = data;
    if (size > MAX_UNPACKED - m->used) {
        m->over = true;
        return NULL;
    }
    void *block = ff_mem_try(size);
    m->failed |= block == NULL;
    m->used += block != NULL ? size : 0;
    return block;
}

static void unpack_free(void *data, void *block)
{
    (void)data;
    ff_mem_free(block);
}

static ff_code unpack(const ff_buf *head, ProtobufCAllocator *allocator, Onnx__ModelProto **model,
                      ff_err *err)
{
    unpack_memory *m = allocator->allocator_data;
    Onnx__ModelProto *found = onnx__model_proto__unpack(allocator, head->len, head->data);
    if (found != NULL) {
        *model = found;
        return FF_OK;
    }
    if (m->failed) {
        return ff_err_set(err, FF_NO_MEMORY, "no memory for the model's nodes");
    }
    if (m->over) {
        return ff_err_set(err, FF_LIMIT, "the model's nodes need more than %zu bytes of memory",
                          MAX_UNPACKED);
    }
    return ff_err_set(err, FF_FORMAT, "not an ONNX model: its messages do not decode");
}

static const char *text_of(const char *text)
{
    return text != NULL ? text : "";
}

/* The default domain has two names. */
static const char *domain_of(const char *domain)
{
    return strcmp(text_of(domain), "ai.onnx") == 0 ? "" : text_of(domain);
}

static bool imports_default(const Onnx__ModelProto *model)
{
    for (size_t i = 0; i < model->n_opset_import; i++) {
        if (domain_of(model->opset_import[i]->domain)[0] == '\0') {
            return true;
        }
    }
    return false;
}

static ff_code read_opsets(ff_onnx_reader *r, const Onnx__ModelProto *model)
{
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = model->opset_import[i];
        const char *domain = domain_of(o->domain);
        if (ff_graph_opset(r->g, domain) == 0) {
            ff_graph_add_opset(r->g, domain, o->version);
        }
    }
    int64_t version = ff_graph_opset(r->g, "");
    if (version == 0 && model->n_opset_import == 0) {
        version = 1; /* IR version 1 and 2: no import means the first */
    }
    if (version == 0 && r->g->opset_count > 0 && !imports_default(model)) {
        return FF_OK; /* a model of other domains only */
    }
    if (version < MIN_OPSET || version > MAX_OPSET) {
        return ff_err_set(r->err, FF_UNSUPPORTED,
                          "the model needs opset %" PRId64 " of ONNX, supported are %d to %d",
                          version, MIN_OPSET, MAX_OPSET);
    }
    return FF_OK;
}

static ff_code read_initializers(ff_onnx_reader *r, const Onnx__GraphProto *p)
{
    for (size_t i = 0; i < p->n_initializer + p->n_sparse_initializer; i++) {
        const Onnx__SparseTensorProto *s =
            i < p->n_initializer ? NULL : p->sparse_initializer[i - p->n_initializer];
        const Onnx__TensorProto *t = s == NULL ? p->initializer[i] : s->values;
        if (t == NULL) {
            return ff_err_set(r->err, FF_FORMAT, "a sparse weight has no values");
        }
        char what[300];
        ff_dtype dtype;
        ff_shape shape;
        ff_bytes data;
        int v;
        snprintf(what, sizeof what, "weight '%.250s'", text_of(t->name));
        ff_code code = s == NULL ? ff_onnx_tensor(r, t, what, &dtype, &shape, &data)
                                 : ff_onnx_sparse(r, s, what, &dtype, &shape, &data);
        if (code == FF_OK) {
            code = ff_graph_add_weight(r->g, text_of(t->name), dtype, &shape, data, &v, r->err);
        }
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

static void node_text(const Onnx__NodeProto *p, size_t number, char *text, size_t size)
{
    snprintf(text, size, "%.64s '%.160s' (node %zu)", text_of(p->op_type), text_of(p->name),
             number);
}

/* The AttributeProto's own bytes in the file, by the scan's marker. */
static ff_bytes raw_attribute(const ff_onnx_reader *r, const Onnx__AttributeProto *a)
{
    size_t offset = 0, length = 0;
    if (sscanf(text_of(a->doc_string), "%zu:%zu", &offset, &length) != 2) {
        return (ff_bytes){0};
    }
    return ff_bytes_of(r->file.data + offset, length);
}

/* The kind that the file says, or (files before IR version 2) that the fields show. */
static Onnx__AttributeProto__AttributeType kind_of(const Onnx__AttributeProto *a)
{
    if (a->has_type && a->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED) {
        return a->type;
    }
    return a->has_f       ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT
           : a->has_i     ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT
           : a->has_s     ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING
           : a->t != NULL ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR
           : a->n_floats  ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS
           : a->n_ints    ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS
           : a->n_strings ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS
                          : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;
}

/* An attribute as the graph keeps it. Its memory is the message's, but for a tensor's elements;
 * strings[] has room for a->n_strings. */
static ff_code read_attribute(ff_onnx_reader *r, const Onnx__AttributeProto *a, const char *node,
                              ff_bytes *strings, ff_attr *out)
{
    ff_attr attr = {.name = text_of(a->name), .kind = FF_ATTR_RAW};
    char what[600];
    switch (kind_of(a)) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        attr.kind = FF_ATTR_INT;
        attr.i = a->i;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        attr.kind = FF_ATTR_FLOAT;
        attr.f = a->f;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        attr.kind = FF_ATTR_STRING;
        attr.s = ff_bytes_of(a->s.data, a->s.len);
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        attr.kind = FF_ATTR_INTS;
        attr.ints = a->ints;
        attr.count = a->n_ints;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        attr.kind = FF_ATTR_FLOATS;
        attr.floats = a->floats;
        attr.count = a->n_floats;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
        attr.kind = FF_ATTR_STRINGS;
        for (size_t i = 0; i < a->n_strings; i++) {
            strings[i] = ff_bytes_of(a->strings[i].data, a->strings[i].len);
        }
        attr.strings = strings;
        attr.count = a->n_strings;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        if (a->t == NULL || ff_dtype_bytes(ff_onnx_dtype(a->t->data_type)) == 0) {
            break; /* strings, complex numbers: as they are */
        }
        attr.kind = FF_ATTR_TENSOR;
        snprintf(what, sizeof what, "%s: attribute '%.100s'", node, attr.name);
        ff_code code = ff_onnx_tensor(r, a->t, what, &attr.tensor_dtype, &attr.tensor_shape,
                                      &attr.tensor_data);
        if (code != FF_OK) {
            return code;
        }
        break;
    default:
        break;
    }
    if (attr.kind == FF_ATTR_RAW) {
        attr.s = raw_attribute(r, a);
    }
    *out = attr;
    return FF_OK;
}

static ff_code add_attributes(ff_onnx_reader *r, const Onnx__NodeProto *p, int n, const char *node)
{
    ff_onnx_captures captures = {0};
    ff_code code = FF_OK;
    if (p->n_attribute > MAX_ATTRIBUTES) {
        return ff_err_set(r->err, FF_LIMIT, "%s has %zu attributes, the limit is %d", node,
                          p->n_attribute, MAX_ATTRIBUTES);
    }
    for (size_t i = 0; i < p->n_attribute && code == FF_OK; i++) {
        const Onnx__AttributeProto *a = p->attribute[i];
        if (text_of(a->name)[0] == '\0' || ff_node_attr(&r->g->nodes[n], a->name) != NULL) {
            code = ff_err_set(r->err, FF_FORMAT, "%s has %s attribute '%s'", node,
                              text_of(a->name)[0] == '\0' ? "a nameless" : "twice the",
                              text_of(a->name));
            break;
        }
        ff_bytes *strings = ff_mem_must_array(a->n_strings + 1, sizeof *strings);
        ff_attr attr;
        code = read_attribute(r, a, node, strings, &attr);
        if (code == FF_OK) {
            ff_graph_copy_attr(r->g, n, &attr);
        }
        if (code == FF_OK && attr.kind == FF_ATTR_RAW) {
            code = ff_onnx_capture(r, node, attr.s, &captures);
        }
        ff_mem_free(strings);
    }
    if (code == FF_OK) {
        ff_node *to = &r->g->nodes[n];
        to->has_subgraph = captures.found;
        to->captured_count = captures.count;
        to->captured = ff_arena_array(r->g->arena, (size_t)captures.count + 1, sizeof(int));
        if (captures.count > 0) {
            memcpy(to->captured, captures.list, (size_t)captures.count * sizeof(int));
        }
    }
    ff_mem_free(captures.list);
    return code;
}

/* The elements of a Constant node that becomes a weight; *taken = false where it stays a node. */
static ff_code read_constant(ff_onnx_reader *r, const Onnx__NodeProto *p, const char *node,
                             bool *taken)
{
    if (p->n_attribute != 1 || p->n_output != 1 || p->n_input != 0) {
        return FF_OK;
    }
    const Onnx__AttributeProto *a = p->attribute[0];
    ff_attr attr;
    if (kind_of(a) == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS) {
        return FF_OK;
    }
    ff_code code = read_attribute(r, a, node, NULL, &attr);
    if (code != FF_OK) {
        return code;
    }
    const void *from = NULL;
    ff_dtype dtype = FF_DTYPE_I64;
    ff_shape shape = {.rank = 0};
    ff_bytes data = {0};
    if (strcmp(attr.name, "value") == 0 && attr.kind == FF_ATTR_TENSOR) {
        dtype = attr.tensor_dtype;
        shape = attr.tensor_shape;
        data = attr.tensor_data;
    } else if (strcmp(attr.name, "value_int") == 0 && attr.kind == FF_ATTR_INT) {
        from = &attr.i;
        data.len = sizeof attr.i;
    } else if (strcmp(attr.name, "value_float") == 0 && attr.kind == FF_ATTR_FLOAT) {
        dtype = FF_DTYPE_F32;
        from = &attr.f;
        data.len = sizeof attr.f;
    } else if (strcmp(attr.name, "value_ints") == 0 && attr.kind == FF_ATTR_INTS) {
        shape = (ff_shape){.rank = 1, .dim = {(int64_t)attr.count}};
        from = attr.ints;
        data.len = attr.count * sizeof *attr.ints;
    } else if (strcmp(attr.name, "value_floats") == 0 && attr.kind == FF_ATTR_FLOATS) {
        dtype = FF_DTYPE_F32;
        shape = (ff_shape){.rank = 1, .dim = {(int64_t)attr.count}};
        from = attr.floats;
        data.len = attr.count * sizeof *attr.floats;
    } else {
        return FF_OK;
    }
    if (from != NULL) {
        uint8_t *copy = ff_arena_alloc(r->g->arena, data.len);
        memcpy(copy, from, data.len);
        data.data = copy;
    }
    int v;
    code = ff_graph_add_weight(r->g, text_of(p->output[0]), dtype, &shape, data, &v, r->err);
    if (code != FF_OK) {
        ff_err_wrap(r->err, "%s", node);
        return code;
    }
    *taken = true;
    return FF_OK;
}

/* Adds the values that a node makes; a Constant becomes a weight (*taken). */
static ff_code add_outputs(ff_onnx_reader *r, const Onnx__NodeProto *p, size_t number, bool *taken)
{
    char text[300];
    node_text(p, number, text, sizeof text);
    ff_code code = FF_OK;
    if (text_of(p->op_type)[0] == '\0') {
        return ff_err_set(r->err, FF_FORMAT, "%s has no op_type", text);
    }
    if (domain_of(p->domain)[0] == '\0' && ff_graph_opset(r->g, "") == 0 && r->g->opset_count > 0) {
        return ff_err_set(r->err, FF_FORMAT,
                          "%s is an op of ONNX, but the model imports no opset of it", text);
    }
    if (strcmp(p->op_type, "Constant") == 0 && domain_of(p->domain)[0] == '\0') {
        code = read_constant(r, p, text, taken);
        if (code != FF_OK || *taken) {
            return code;
        }
    }
    for (size_t i = 0; i < p->n_output; i++) {
        int v;
        if (p->output[i][0] == '\0') {
            continue;
        }
        code =
            ff_graph_add_value(r->g, p->output[i], FF_VALUE_NODE, FF_DTYPE_NONE, NULL, &v, r->err);
        if (code != FF_OK) {
            ff_err_wrap(r->err, "%s", text);
            return code;
        }
    }
    return FF_OK;
}

static ff_code add_node(ff_onnx_reader *r, const Onnx__NodeProto *p, size_t number)
{
    char text[300];
    node_text(p, number, text, sizeof text);
    size_t count = p->n_input + p->n_output;
    int *list = ff_mem_must_array(count + 1, sizeof *list);
    int *in = list, *out = list + p->n_input;
    ff_code code = FF_OK;
    for (size_t i = 0; i < p->n_input && code == FF_OK; i++) {
        in[i] = ff_graph_find_value(r->g, p->input[i]); /* "" is no value: omitted */
        if (in[i] == FF_NO_VALUE && p->input[i][0] != '\0') {
            code = ff_err_set(r->err, FF_FORMAT, "%s reads '%s', which nothing produces", text,
                              p->input[i]);
        }
    }
    for (size_t i = 0; i < p->n_output && code == FF_OK; i++) {
        out[i] = ff_graph_find_value(r->g, p->output[i]);
    }
    if (code == FF_OK) {
        int n = ff_graph_add_node(r->g, text_of(p->name), p->op_type, domain_of(p->domain), in,
                                  (int)p->n_input, out, (int)p->n_output);
        code = add_attributes(r, p, n, text);
    }
    ff_mem_free(list);
    return code;
}

static ff_code read_nodes(ff_onnx_reader *r, const Onnx__GraphProto *p)
{
    bool *taken = ff_mem_must_array(p->n_node + 1, sizeof *taken);
    ff_code code = FF_OK;
    for (size_t i = 0; i < p->n_node && code == FF_OK; i++) {
        code = add_outputs(r, p->node[i], i, &taken[i]);
    }
    for (size_t i = 0; i < p->n_node && code == FF_OK; i++) {
        if (!taken[i]) {
            code = add_node(r, p->node[i], i);
        }
    }
    ff_mem_free(taken);
    return code;
}

static ff_code read_outputs(ff_onnx_reader *r, const Onnx__GraphProto *p)
{
    for (size_t i = 0; i < p->n_output; i++) {
        const char *name = text_of(p->output[i]->name);
        int v = ff_graph_find_value(r->g, name);
        if (v == FF_NO_VALUE) {
            return ff_err_set(r->err, FF_FORMAT, "graph output '%s' is produced by nothing", name);
        }
        if (ff_graph_is_output(r->g, v)) {
            return ff_err_set(r->err, FF_FORMAT, "graph output '%s' is listed twice", name);
        }
        ff_graph_add_output(r->g, v);
    }
    if (p->n_output == 0) {
        return ff_err_set(r->err, FF_FORMAT, "the model's graph has no outputs");
    }
    return FF_OK;
}

static ff_code convert(ff_onnx_reader *r, const Onnx__ModelProto *model,
                       const ff_onnx_shape *shapes, int shape_count)
{
    const Onnx__GraphProto *p = model->graph;
    if (p == NULL) {
        return ff_err_set(r->err, FF_FORMAT, "not an ONNX model: it has no graph");
    }
    r->g->ir_version = model->ir_version;
    r->g->name = ff_arena_strdup(r->g->arena, text_of(p->name));
    ff_code code = read_opsets(r, model);
    if (code == FF_OK) {
        code = read_initializers(r, p);
    }
    if (code == FF_OK) {
        code = ff_onnx_inputs(r, p, shapes, shape_count);
    }
    if (code == FF_OK) {
        code = read_nodes(r, p);
    }
    if (code == FF_OK) {
        code = read_outputs(r, p);
    }
    if (code == FF_OK) {
        ff_onnx_hints(r, p);
        code = ff_onnx_widen(r);
    }
    return code;
}

/* Bytes to an unsealed graph. */
static ff_code read_model(ff_onnx_reader *r, const ff_onnx_shape *shapes, int shape_count)
{
    ff_buf head, functions;
    Onnx__ModelProto *model = NULL;
    unpack_memory memory = {0};
    ProtobufCAllocator allocator = {unpack_alloc, unpack_free, &memory};
    ff_buf_init(&head, FF_MAX_ONNX_HEAD);
    ff_buf_init(&functions, FF_MAX_ONNX_HEAD);
    ff_code code = ff_onnx_scan(r->file, &head, &functions, r->err);
    if (code == FF_OK) {
        code = unpack(&head, &allocator, &model, r->err);
    }
    ff_buf_clean(&head);
    if (code == FF_OK) {
        code = convert(r, model, shapes, shape_count);
    }
    if (model != NULL) {
        onnx__model_proto__free_unpacked(model, &allocator);
    }
    if (code == FF_OK && functions.len > 0) {
        r->g->functions = ff_buf_view(&functions);
        ff_graph_take_block(r->g, functions.data);
    } else {
        ff_buf_clean(&functions);
    }
    return code;
}

/* Takes g, also on failure. */
static ff_code parse_into(ff_graph *g, ff_bytes bytes, const char *dir, const ff_onnx_shape *shapes,
                          int shape_count, ff_graph **out, ff_err *err)
{
    ff_onnx_reader r = {.g = g, .file = bytes, .dir = dir, .err = err};
    ff_code code = read_model(&r, shapes, shape_count);
    ff_onnx_reader_clean(&r);
    if (code == FF_OK) {
        code = ff_graph_seal(g, err);
    }
    if (code == FF_OK) {
        code = ff_graph_infer(g, err);
    }
    if (code == FF_OK) {
        ff_graph_replace_known(g);
        code = ff_graph_prune(g, err);
    }
    if (code != FF_OK) {
        ff_graph_free(g);
        return code;
    }
    *out = g;
    return FF_OK;
}

ff_code ff_onnx_parse(ff_bytes bytes, const char *dir, const ff_onnx_shape *shapes, int shape_count,
                      ff_graph **out, ff_err *err)
{
    return parse_into(ff_graph_new(""), bytes, dir, shapes, shape_count, out, err);
}

ff_code ff_onnx_load(const char *path, const ff_onnx_shape *shapes, int shape_count, ff_graph **out,
                     ff_err *err)
{
    ff_map map = {0};
    char dir[PATH_MAX];
    ff_code code = ff_path_dir(path, dir, err);
    if (code == FF_OK) {
        code = ff_file_map(path, &map, err);
    }
    if (code != FF_OK) {
        return code;
    }
    ff_graph *g = ff_graph_new("");
    g->path = ff_arena_strdup(g->arena, path);
    ff_graph_take_map(g, map);
    code = parse_into(g, ff_bytes_of(map.data, map.len), dir, shapes, shape_count, out, err);
    if (code != FF_OK) {
        ff_err_in_file(err, path);
    }
    return code;
}
