#include "graph/onnx_wire.h"

#include <string.h>

ff_code ff_wire_varint(ff_wire *w, uint64_t *value, ff_err *err)
{
    size_t start = w->at;
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (w->at >= w->end) {
            return ff_err_at(err, FF_FORMAT, "", start, "a number is cut short");
        }
        uint8_t byte = w->base[w->at++];
        sum |= (uint64_t)(byte & 0x7f) << (shift < 63 ? shift : 63);
        if (byte < 0x80) {
            *value = sum;
            return FF_OK;
        }
    }
    return ff_err_at(err, FF_FORMAT, "", start, "a number has more than 10 bytes");
}

ff_code ff_wire_next(ff_wire *w, ff_wire_field *field, ff_err *err)
{
    ff_wire_field f = {.start = w->at};
    uint64_t tag = 0, len = 0;
    ff_code code = ff_wire_varint(w, &tag, err);
    if (code != FF_OK) {
        return code;
    }
    f.type = (unsigned)(tag & 7);
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        return ff_err_at(err, FF_FORMAT, "", f.start, "field number %llu is not valid",
                         (unsigned long long)(tag >> 3));
    }
    f.number = (uint32_t)(tag >> 3);
    switch (f.type) {
    case FF_WIRE_VARINT:
        f.at = w->at;
        code = ff_wire_varint(w, &f.varint, err);
        f.end = w->at;
        if (code == FF_OK) {
            *field = f;
        }
        return code;
    case FF_WIRE_FIXED64:
        len = 8;
        break;
    case FF_WIRE_FIXED32:
        len = 4;
        break;
    case FF_WIRE_BYTES:
        code = ff_wire_varint(w, &len, err);
        if (code != FF_OK) {
            return code;
        }
        break;
    default:
        return ff_err_at(err, FF_FORMAT, "", f.start, "field %u has the unknown wire type %u",
                         f.number, f.type);
    }
    if (len > w->end - w->at) {
        return ff_err_at(err, FF_FORMAT, "", f.start,
                         "field %u should have %llu bytes, but %zu are left", f.number,
                         (unsigned long long)len, w->end - w->at);
    }
    f.at = w->at;
    f.end = w->at + (size_t)len;
    w->at = f.end;
    *field = f;
    return FF_OK;
}

ff_code ff_wire_put_varint(ff_buf *buf, uint64_t value, ff_err *err)
{
    uint8_t out[10];
    size_t len = 0;
    while (value >= 0x80) {
        out[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[len++] = (uint8_t)value;
    return ff_buf_append(buf, out, len, err);
}

size_t ff_wire_varint_len(uint64_t value)
{
    size_t len = 1;
    while (value >= 0x80) {
        value >>= 7;
        len++;
    }
    return len;
}

ff_code ff_wire_put_tag(ff_buf *buf, uint32_t number, unsigned type, ff_err *err)
{
    return ff_wire_put_varint(buf, (uint64_t)number << 3 | type, err);
}

ff_code ff_wire_put_int(ff_buf *buf, uint32_t number, int64_t value, ff_err *err)
{
    ff_code code = ff_wire_put_tag(buf, number, FF_WIRE_VARINT, err);
    return code != FF_OK ? code : ff_wire_put_varint(buf, (uint64_t)value, err);
}

ff_code ff_wire_put_bytes(ff_buf *buf, uint32_t number, ff_bytes bytes, ff_err *err)
{
    ff_code code = ff_wire_put_tag(buf, number, FF_WIRE_BYTES, err);
    if (code == FF_OK) {
        code = ff_wire_put_varint(buf, bytes.len, err);
    }
    return code != FF_OK ? code : ff_buf_append(buf, bytes.data, bytes.len, err);
}

ff_code ff_wire_put_text(ff_buf *buf, uint32_t number, const char *text, ff_err *err)
{
    return ff_wire_put_bytes(buf, number, ff_bytes_of(text, strlen(text)), err);
}

ff_code ff_wire_open(ff_buf *buf, uint32_t number, size_t *mark, ff_err *err)
{
    static const uint8_t room[5];
    ff_code code = ff_wire_put_tag(buf, number, FF_WIRE_BYTES, err);
    if (code == FF_OK) {
        code = ff_buf_append(buf, room, sizeof room, err);
    }
    if (code == FF_OK) {
        *mark = buf->len;
    }
    return code;
}

void ff_wire_close(ff_buf *buf, size_t mark)
{
    size_t len = buf->len - mark; /* under 2^32: the buffer is capped at FF_MAX_ONNX_HEAD */
    uint8_t *at = buf->data + mark - 5;
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)((len >> (7 * i) & 0x7f) | 0x80);
    }
    at[4] = (uint8_t)(len >> 28);
}
