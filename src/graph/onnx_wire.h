/*
 * The protobuf wire format: fields of a message, one at a time, as views on the caller's bytes.
 *
 *   field   = tag (varint: number << 3 | type) payload
 *   payload = varint | 8 bytes | varint length, bytes | 4 bytes
 */
#ifndef FF_GRAPH_ONNX_WIRE_H
#define FF_GRAPH_ONNX_WIRE_H

#include "base/buf.h"

enum { FF_WIRE_VARINT = 0, FF_WIRE_FIXED64 = 1, FF_WIRE_BYTES = 2, FF_WIRE_FIXED32 = 5 };

typedef struct ff_wire { /* a cursor: bytes [at, end) of base are left */
    const uint8_t *base;
    size_t at, end;
} ff_wire;

typedef struct ff_wire_field {
    uint32_t number;
    unsigned type;
    size_t start;    /* of the tag */
    size_t at, end;  /* the payload, without its length */
    uint64_t varint; /* of FF_WIRE_VARINT */
} ff_wire_field;

/* The next field; call while w->at < w->end. FF_FORMAT with the position. */
ff_code ff_wire_next(ff_wire *w, ff_wire_field *field, ff_err *err);
/* A varint of at most 10 bytes. FF_FORMAT where it is longer, or does not end. */
ff_code ff_wire_varint(ff_wire *w, uint64_t *value, ff_err *err);

ff_code ff_wire_put_varint(ff_buf *buf, uint64_t value, ff_err *err);
ff_code ff_wire_put_tag(ff_buf *buf, uint32_t number, unsigned type, ff_err *err);
ff_code ff_wire_put_int(ff_buf *buf, uint32_t number, int64_t value, ff_err *err);
ff_code ff_wire_put_bytes(ff_buf *buf, uint32_t number, ff_bytes bytes, ff_err *err);
ff_code ff_wire_put_text(ff_buf *buf, uint32_t number, const char *text, ff_err *err);
/* The bytes that value takes as a varint. */
size_t ff_wire_varint_len(uint64_t value);

/* A message whose length is not known yet: open writes the tag and room for the length, close
 * fills it in, as a varint padded to 5 bytes (a valid encoding). mark is what open gave. */
ff_code ff_wire_open(ff_buf *buf, uint32_t number, size_t *mark, ff_err *err);
void ff_wire_close(ff_buf *buf, size_t mark);

#endif
