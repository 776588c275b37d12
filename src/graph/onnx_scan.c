/*
 * The bounded walk over an ONNX file, before protobuf-c sees a byte. onnx_int.h draws its result.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "graph/onnx_int.h"
#include "graph/onnx_wire.h"

#define MAX_TEXT 4096u /* strings that are no names: paths */

typedef struct scanner {
    ff_bytes file;
    ff_buf *head;
    ff_buf *functions;
    uint32_t nodes, values, reads;
    ff_err *err;
} scanner;

typedef struct span {
    const ProtobufCMessageDescriptor *desc;
    size_t at, end;
    unsigned depth;
    bool emit; /* is it written to the head */
} span;

static ff_code walk(scanner *s, span m);

static ff_code count(scanner *s, uint32_t *counter, uint32_t limit, const char *what, size_t at)
{
    if (++*counter > limit) {
        return ff_err_at(s->err, FF_LIMIT, "", at, "more than %u %s", limit, what);
    }
    return FF_OK;
}

/* Counts what the field stands for: nodes, tensors, reads of tensors. */
static ff_code count_field(scanner *s, const span *m, const ProtobufCFieldDescriptor *fd,
                           const ff_wire_field *f)
{
    if (fd->type == PROTOBUF_C_TYPE_MESSAGE && fd->descriptor == &onnx__node_proto__descriptor) {
        return count(s, &s->nodes, FF_MAX_ONNX_NODES, "nodes", f->start);
    }
    if (m->desc == &onnx__node_proto__descriptor && f->number == 1) {
        return count(s, &s->reads, FF_MAX_ONNX_VALUES, "inputs of nodes", f->start);
    }
    if ((m->desc == &onnx__node_proto__descriptor && f->number == 2) ||
        (fd->type == PROTOBUF_C_TYPE_MESSAGE &&
         (fd->descriptor == &onnx__tensor_proto__descriptor ||
          fd->descriptor == &onnx__value_info_proto__descriptor))) {
        return count(s, &s->values, FF_MAX_ONNX_VALUES, "tensors", f->start);
    }
    return FF_OK;
}

static bool wire_type_fits(const ProtobufCFieldDescriptor *fd, unsigned type)
{
    bool packed = fd->label == PROTOBUF_C_LABEL_REPEATED && type == FF_WIRE_BYTES;
    switch (fd->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        return type == FF_WIRE_BYTES;
    case PROTOBUF_C_TYPE_FLOAT:
        return type == FF_WIRE_FIXED32 || packed;
    case PROTOBUF_C_TYPE_DOUBLE:
        return type == FF_WIRE_FIXED64 || packed;
    default: /* every integer of onnx.proto is a varint */
        return type == FF_WIRE_VARINT || packed;
    }
}

static bool is_left_out(const ProtobufCMessageDescriptor *desc, uint32_t number)
{
    static const struct {
        const ProtobufCMessageDescriptor *desc;
        uint8_t numbers[10];
    } table[] = {
        {&onnx__model_proto__descriptor, {2, 3, 4, 5, 6, 14, 20, 25}},
        {&onnx__graph_proto__descriptor, {10, 14}},
        {&onnx__node_proto__descriptor, {6}},
        {&onnx__attribute_proto__descriptor, {6, 10, 11, 13, 14, 15, 22, 23}},
        {&onnx__tensor_proto__descriptor, {12}},
        {&onnx__value_info_proto__descriptor, {3}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].desc == desc) {
            return memchr(table[i].numbers, (int)number, sizeof table->numbers) != NULL;
        }
    }
    return false;
}

static ff_code copy_text(scanner *s, const span *m, const ProtobufCFieldDescriptor *fd,
                         const ff_wire_field *f)
{
    ff_bytes text = ff_bytes_of(s->file.data + f->at, f->end - f->at);
    size_t max = m->desc == &onnx__string_string_entry_proto__descriptor ? MAX_TEXT : FF_MAX_NAME;
    if (text.len > max) {
        return ff_err_at(s->err, FF_LIMIT, "", f->at, "%s '%s' has %zu bytes, the limit is %zu",
                         m->desc->short_name, fd->name, text.len, max);
    }
    if (text.len > 0 && memchr(text.data, 0, text.len) != NULL) {
        return ff_err_at(s->err, FF_FORMAT, "", f->at, "%s '%s' has a zero byte inside",
                         m->desc->short_name, fd->name);
    }
    return ff_wire_put_bytes(s->head, f->number, text, s->err);
}

static ff_code copy_plain(scanner *s, const ff_wire_field *f)
{
    if (f->type == FF_WIRE_BYTES) {
        return ff_wire_put_bytes(s->head, f->number,
                                 ff_bytes_of(s->file.data + f->at, f->end - f->at), s->err);
    }
    ff_code code = ff_wire_put_tag(s->head, f->number, f->type, s->err);
    if (code == FF_OK && f->type == FF_WIRE_VARINT) {
        return ff_wire_put_varint(s->head, f->varint, s->err);
    }
    return code != FF_OK ? code
                         : ff_buf_append(s->head, s->file.data + f->at, f->end - f->at, s->err);
}

static bool is_elements(uint32_t number)
{
    return number == 4 || number == 5 || number == 7 || number == 9 || number == 10 || number == 11;
}

/* Finds the one field that holds a tensor's elements; *fields = how many there are. */
static ff_code find_elements(scanner *s, const span *m, ff_wire_field *elements, uint32_t *fields)
{
    ff_wire w = {s->file.data, m->at, m->end};
    bool raw = false;
    *fields = 0;
    while (w.at < w.end) {
        ff_wire_field f;
        ff_code code = ff_wire_next(&w, &f, s->err);
        if (code != FF_OK) {
            return code;
        }
        if (is_elements(f.number)) {
            raw |= f.number == 9;
            if (raw && *fields > 0) {
                return ff_err_at(s->err, FF_FORMAT, "", f.start, "a tensor has its data twice");
            }
            *elements = f;
            ++*fields;
        }
    }
    return FF_OK;
}

/* The wire type fits, and what may come once comes once. seen has a bit a field number. */
static ff_code check_field(scanner *s, const span *m, const ProtobufCFieldDescriptor *fd,
                           const ff_wire_field *f, uint64_t *seen)
{
    if (!wire_type_fits(fd, f->type)) {
        return ff_err_at(s->err, FF_FORMAT, "", f->start, "%s '%s' has the wrong wire type %u",
                         m->desc->short_name, fd->name, f->type);
    }
    if (fd->label == PROTOBUF_C_LABEL_REPEATED) {
        return FF_OK;
    }
    /* members of a oneof count as one field; protobuf allows repetitions, writers make none */
    bool one_of = (fd->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    uint64_t bit = (uint64_t)1 << (one_of ? 63 : f->number & 31);
    if ((*seen & bit) != 0) {
        return ff_err_at(s->err, FF_FORMAT, "", f->start, "%s has '%s' twice", m->desc->short_name,
                         fd->name);
    }
    *seen |= bit;
    return FF_OK;
}

/* The fields of a message, each to the head or not. marked: the tensor's elements, left out. */
static ff_code walk_fields(scanner *s, const span *m, const ff_wire_field *marked)
{
    ff_wire w = {s->file.data, m->at, m->end};
    uint64_t seen = 0;
    while (w.at < w.end) {
        ff_wire_field f;
        ff_code code = ff_wire_next(&w, &f, s->err);
        if (code != FF_OK) {
            return code;
        }
        const ProtobufCFieldDescriptor *fd =
            protobuf_c_message_descriptor_get_field(m->desc, f.number);
        if (fd == NULL || (marked != NULL && f.start == marked->start)) {
            continue;
        }
        code = check_field(s, m, fd, &f, &seen);
        if (code != FF_OK) {
            return code;
        }
        code = count_field(s, m, fd, &f);
        bool emit = m->emit && !is_left_out(m->desc, f.number);
        if (code == FF_OK && fd->type == PROTOBUF_C_TYPE_MESSAGE) {
            size_t mark = 0;
            code = emit ? ff_wire_open(s->head, f.number, &mark, s->err) : FF_OK;
            if (code == FF_OK) {
                code = walk(s, (span){fd->descriptor, f.at, f.end, m->depth + 1, emit});
            }
            if (code == FF_OK && emit) {
                ff_wire_close(s->head, mark);
            }
        } else if (code == FF_OK && emit) {
            code = fd->type == PROTOBUF_C_TYPE_STRING ? copy_text(s, m, fd, &f) : copy_plain(s, &f);
        }
        if (code == FF_OK && m->desc == &onnx__model_proto__descriptor && f.number == 25) {
            code = ff_wire_put_bytes(s->functions, 25,
                                     ff_bytes_of(s->file.data + f.at, f.end - f.at), s->err);
        }
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

static ff_code walk_tensor(scanner *s, const span *m)
{
    ff_wire_field elements = {0};
    uint32_t fields = 0;
    ff_code code = find_elements(s, m, &elements, &fields);
    if (code != FF_OK) {
        return code;
    }
    bool marked = fields == 1 && elements.type == FF_WIRE_BYTES;
    code = walk_fields(s, m, marked ? &elements : NULL);
    if (code == FF_OK && marked && m->emit) {
        const ff_onnx_marker marker = {elements.number, elements.at, elements.end - elements.at};
        code = ff_wire_put_bytes(s->head, 9, ff_bytes_of(&marker, sizeof marker), s->err);
    }
    return code;
}

static ff_code walk(scanner *s, span m)
{
    if (m.depth > FF_MAX_ONNX_DEPTH) {
        return ff_err_at(s->err, FF_LIMIT, "", m.at, "messages nested more than %u deep",
                         FF_MAX_ONNX_DEPTH);
    }
    if (m.desc == &onnx__tensor_proto__descriptor) {
        return walk_tensor(s, &m);
    }
    ff_code code = walk_fields(s, &m, NULL);
    if (code == FF_OK && m.emit && m.desc == &onnx__attribute_proto__descriptor) {
        char text[48];
        snprintf(text, sizeof text, "%zu:%zu", m.at, m.end - m.at);
        code = ff_wire_put_text(s->head, 13, text, s->err);
    }
    return code;
}

ff_code ff_onnx_scan(ff_bytes file, ff_buf *head, ff_buf *functions, ff_err *err)
{
    static_assert(sizeof(ff_onnx_marker) == FF_ONNX_MARKER_BYTES, "a marker has no padding");
    scanner s = {.file = file, .head = head, .functions = functions, .err = err};
    if (file.len == 0) {
        return ff_err_at(err, FF_FORMAT, "", 0, "not an ONNX model: the file is empty");
    }
    ff_code code = walk(&s, (span){&onnx__model_proto__descriptor, 0, file.len, 1, true});
    if (code == FF_FORMAT || code == FF_LIMIT) {
        ff_err_wrap(err, "not an ONNX model that can be read");
    }
    return code;
}
