#include "tensor/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"

#define MAGIC       "\x93NUMPY"
#define MAGIC_BYTES 6
#define ALIGN       64 /* numpy's ARRAY_ALIGN */
#define GROWTH      21 /* numpy's room for the first axis to grow in place */

/* The header's dictionary, as a cursor over the caller's bytes; pos counts from the file's start.
 */
typedef struct dict {
    const uint8_t *data;
    size_t pos;
    size_t end;
    ff_err *err;
} dict;

static ff_code fault(const dict *d, const char *wanted)
{
    if (d->pos >= d->end)
        return ff_err_at(d->err, FF_FORMAT, "", d->pos,
                         "npy header: %s wanted, found the header's end", wanted);
    unsigned c = d->data[d->pos];
    if (c > ' ' && c < 127)
        return ff_err_at(d->err, FF_FORMAT, "", d->pos, "npy header: %s wanted, found '%c'", wanted,
                         (int)c);
    return ff_err_at(d->err, FF_FORMAT, "", d->pos, "npy header: %s wanted, found byte 0x%02x",
                     wanted, c);
}

static int peek(dict *d)
{
    while (d->pos < d->end && (d->data[d->pos] == ' ' || d->data[d->pos] == '\n' ||
                               d->data[d->pos] == '\t' || d->data[d->pos] == '\r'))
        d->pos++;
    return d->pos < d->end ? d->data[d->pos] : -1;
}

static bool take_char(dict *d, char c)
{
    if (peek(d) != c)
        return false;
    d->pos++;
    return true;
}

static bool take_word(dict *d, const char *word)
{
    size_t len = strlen(word);
    peek(d);
    if (d->end - d->pos < len || memcmp(d->data + d->pos, word, len) != 0)
        return false;
    d->pos += len;
    return true;
}

/* A quoted string without escapes, as a view. */
static ff_code read_text(dict *d, const char *wanted, ff_bytes *out)
{
    int quote = peek(d);
    if (quote != '\'' && quote != '"')
        return fault(d, wanted);
    const uint8_t *from = d->data + d->pos + 1;
    const uint8_t *to = memchr(from, quote, d->end - d->pos - 1);
    if (!to) {
        d->pos = d->end;
        return fault(d, "a closing quote");
    }
    *out = ff_bytes_of(from, (size_t)(to - from));
    d->pos += out->len + 2;
    return FF_OK;
}

static bool is_text(ff_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static ff_code read_descr(dict *d, ff_dtype *out)
{
    ff_bytes descr;
    size_t start = d->pos;
    if (peek(d) == '[')
        return ff_err_at(d->err, FF_UNSUPPORTED, "", d->pos,
                         "npy header: a structured dtype is not supported");
    ff_code code = read_text(d, "a dtype string", &descr);
    if (code)
        return code;
    ff_dtype dtype = ff_dtype_from_npy((const char *)descr.data, descr.len);
    if (dtype == FF_DTYPE_NONE && descr.len > 0 && descr.data[0] == '>')
        return ff_err_at(d->err, FF_UNSUPPORTED, "", start,
                         "npy header: big-endian elements are not supported");
    if (dtype == FF_DTYPE_NONE)
        return ff_err_at(d->err, FF_UNSUPPORTED, "", start,
                         "npy header: dtype '%.*s' is not supported",
                         descr.len < 40 ? (int)descr.len : 40, (const char *)descr.data);
    *out = dtype;
    return FF_OK;
}

static ff_code read_dim(dict *d, int64_t *out)
{
    int64_t dim = 0;
    int c = peek(d);
    if (c < '0' || c > '9')
        return fault(d, "a dimension");
    for (; d->pos < d->end && (c = d->data[d->pos]) >= '0' && c <= '9'; d->pos++)
        if (__builtin_mul_overflow(dim, (int64_t)10, &dim) ||
            __builtin_add_overflow(dim, (int64_t)(c - '0'), &dim))
            return ff_err_at(d->err, FF_LIMIT, "", d->pos, "npy header: a dimension over 2^63-1");
    if (d->pos < d->end && d->data[d->pos] == 'L') /* Python 2's long */
        d->pos++;
    *out = dim;
    return FF_OK;
}

/* "()", "(3,)", "(1, 3)", "(1, 3,)"; but "(3)" is no tuple. */
static ff_code read_shape(dict *d, ff_shape *out)
{
    ff_shape shape = {0};
    bool comma = true; /* may another dimension come? */
    if (!take_char(d, '('))
        return fault(d, "'(' of the shape");
    while (!take_char(d, ')')) {
        if (!comma)
            return fault(d, "',' or ')'");
        if (shape.rank == FF_MAX_RANK)
            return ff_err_at(d->err, FF_LIMIT, "", d->pos, "npy header: a rank over %d",
                             FF_MAX_RANK);
        ff_code code = read_dim(d, &shape.dim[shape.rank]);
        if (code)
            return code;
        shape.rank++;
        comma = take_char(d, ',');
        if (!comma && shape.rank == 1)
            return fault(d, "','");
    }
    *out = shape;
    return FF_OK;
}

enum { SEEN_DESCR = 1, SEEN_ORDER = 2, SEEN_SHAPE = 4, SEEN_ALL = 7 };

static ff_code read_member(dict *d, ff_npy *out, unsigned *seen)
{
    ff_bytes key;
    ff_code code = read_text(d, "a key", &key);
    if (code)
        return code;
    unsigned bit = is_text(key, "descr")           ? SEEN_DESCR
                   : is_text(key, "fortran_order") ? SEEN_ORDER
                   : is_text(key, "shape")         ? SEEN_SHAPE
                                                   : 0u;
    if (!bit || (*seen & bit))
        return ff_err_at(d->err, FF_FORMAT, "", d->pos - key.len - 2, "npy header: %s key '%.*s'",
                         bit ? "a second" : "an unknown", key.len < 40 ? (int)key.len : 40,
                         (const char *)key.data);
    *seen |= bit;
    if (!take_char(d, ':'))
        return fault(d, "':'");
    if (bit == SEEN_DESCR)
        return read_descr(d, &out->dtype);
    if (bit == SEEN_SHAPE)
        return read_shape(d, &out->shape);
    if (take_word(d, "False"))
        return FF_OK;
    if (take_word(d, "True"))
        return ff_err_at(d->err, FF_UNSUPPORTED, "", d->pos - 4,
                         "npy header: fortran_order True is not supported");
    return fault(d, "True or False");
}

static ff_code read_dict(dict *d, ff_npy *out)
{
    unsigned seen = 0;
    bool comma = true;
    if (!take_char(d, '{'))
        return fault(d, "'{'");
    while (!take_char(d, '}')) {
        if (!comma)
            return fault(d, "',' or '}'");
        ff_code code = read_member(d, out, &seen);
        if (code)
            return code;
        comma = take_char(d, ',');
    }
    if (peek(d) != -1)
        return fault(d, "the header's end");
    if (seen != SEEN_ALL)
        return ff_err_at(d->err, FF_FORMAT, "", d->pos, "npy header: no '%s'",
                         !(seen & SEEN_DESCR)   ? "descr"
                         : !(seen & SEEN_ORDER) ? "fortran_order"
                                                : "shape");
    return FF_OK;
}

/* Checks magic, version and header length, as far as they are there. *prefix: bytes before the
 * dictionary; *need as ff_npy_parse says. */
static ff_code read_prefix(ff_bytes bytes, size_t *prefix, size_t *header, size_t *need,
                           ff_err *err)
{
    for (size_t i = 0; i < bytes.len && i < MAGIC_BYTES; i++)
        if (bytes.data[i] != (uint8_t)MAGIC[i])
            return ff_err_at(err, FF_FORMAT, "", i,
                             "not a .npy file: byte 0x%02x wanted, found 0x%02x", (uint8_t)MAGIC[i],
                             bytes.data[i]);
    *need = MAGIC_BYTES + 4;
    if (bytes.len < *need)
        return FF_OK;
    const uint8_t *p = bytes.data + MAGIC_BYTES;
    if ((p[0] != 1 && p[0] != 2) || p[1] != 0)
        return ff_err_at(err, FF_UNSUPPORTED, "", MAGIC_BYTES,
                         "npy version %u.%u, 1.0 and 2.0 are supported", p[0], p[1]);
    *prefix = p[0] == 1 ? MAGIC_BYTES + 4 : MAGIC_BYTES + 6;
    *need = *prefix;
    if (bytes.len < *need)
        return FF_OK;
    uint32_t len = (uint32_t)p[2] | (uint32_t)p[3] << 8;
    if (p[0] == 2)
        len |= (uint32_t)p[4] << 16 | (uint32_t)p[5] << 24;
    if (len > FF_MAX_NPY_HEADER)
        return ff_err_at(err, FF_LIMIT, "", MAGIC_BYTES + 2, "a npy header of %u bytes, at most %u",
                         len, FF_MAX_NPY_HEADER);
    *header = len;
    *need = *prefix + len;
    return FF_OK;
}

ff_code ff_npy_parse(ff_bytes bytes, ff_npy *out, size_t *need, ff_err *err)
{
    size_t prefix = 0, header = 0, wanted = 0;
    ff_code code = read_prefix(bytes, &prefix, &header, &wanted, err);
    if (code)
        return code;
    if (bytes.len < wanted) {
        *need = wanted;
        return FF_OK;
    }
    ff_npy npy = {.header_bytes = prefix + header};
    dict d = {bytes.data, prefix, prefix + header, err};
    code = read_dict(&d, &npy);
    if (code)
        return code;
    code = ff_shape_bytes(&npy.shape, npy.dtype, &npy.data_bytes, err);
    if (code)
        return ff_err_wrap(err, "npy header"), code;
    *out = npy;
    *need = 0;
    return FF_OK;
}

ff_code ff_npy_view(ff_bytes bytes, ff_tensor *out, ff_err *err)
{
    ff_npy npy;
    size_t need;
    ff_code code = ff_npy_parse(bytes, &npy, &need, err);
    if (code)
        return code;
    if (need > 0)
        return ff_err_at(err, FF_FORMAT, "", bytes.len,
                         "npy: cut short: at least %zu bytes wanted, found %zu", need, bytes.len);
    if (bytes.len - npy.header_bytes != npy.data_bytes)
        return ff_err_at(err, FF_FORMAT, "", npy.header_bytes,
                         "npy: %zu bytes of elements wanted, found %zu", npy.data_bytes,
                         bytes.len - npy.header_bytes);
    return ff_tensor_view(npy.dtype, &npy.shape, (void *)(uintptr_t)(bytes.data + npy.header_bytes),
                          npy.data_bytes, out, err);
}

/* Byte for byte what numpy 1.25 and later write, their room for growth included. */
ff_code ff_npy_header(ff_dtype dtype, const ff_shape *shape, uint8_t out[FF_NPY_HEADER_MAX],
                      size_t *len, ff_err *err)
{
    size_t bytes;
    ff_code code = ff_shape_bytes(shape, dtype, &bytes, err);
    if (code)
        return code;
    char text[FF_NPY_HEADER_MAX], dims[FF_MAX_RANK * 22 + 3];
    size_t at = 0;
    dims[at++] = '(';
    for (int i = 0; i < shape->rank; i++)
        at += (size_t)snprintf(dims + at, sizeof dims - at, "%s%" PRId64, i ? ", " : "",
                               shape->dim[i]);
    snprintf(dims + at, sizeof dims - at, shape->rank == 1 ? ",)" : ")");
    const char *descr = dtype == FF_DTYPE_BF16 ? "<u2" : ff_dtype_npy(dtype);
    int used = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                        descr, dims);
    int growth = shape->rank ? GROWTH - snprintf(NULL, 0, "%" PRId64, shape->dim[0]) : 0;
    size_t total = (size_t)(MAGIC_BYTES + 4 + used + growth + 1);
    total += ALIGN - total % ALIGN; /* numpy adds a whole ALIGN where it is a multiple already */
    size_t header = total - MAGIC_BYTES - 4;
    memset(out, ' ', total);
    memcpy(out, MAGIC "\x01\x00", MAGIC_BYTES + 2);
    out[8] = (uint8_t)(header & 0xff);
    out[9] = (uint8_t)(header >> 8);
    memcpy(out + MAGIC_BYTES + 4, text, (size_t)used);
    out[total - 1] = '\n';
    *len = total;
    return FF_OK;
}

static void free_file(void *owner)
{
    ff_buf_clean(owner);
    ff_mem_free(owner);
}

ff_code ff_npy_read_file(const char *path, ff_tensor *out, ff_err *err)
{
    ff_tensor view, copy;
    ff_buf *buf = ff_mem_must(sizeof *buf);
    ff_buf_init(buf, 0);
    ff_code code =
        ff_file_read(path, (size_t)FF_MAX_TENSOR_BYTES + FF_MAX_NPY_HEADER + 16, buf, err);
    if (code)
        goto fail;
    code = ff_npy_view(ff_buf_view(buf), &view, err);
    if (code) {
        ff_err_in_file(err, path);
        goto fail;
    }
    if ((uintptr_t)view.data % ff_dtype_bytes(view.dtype) != 0) { /* a writer that does not align */
        code = ff_tensor_copy(&view, &copy, err);
        if (code)
            goto fail;
        free_file(buf);
        *out = copy;
        return FF_OK;
    }
    view.release = free_file;
    view.owner = buf;
    *out = view;
    return FF_OK;
fail:
    free_file(buf);
    return code;
}

ff_code ff_npy_write_file(const char *path, const ff_tensor *tensor, ff_err *err)
{
    uint8_t header[FF_NPY_HEADER_MAX];
    size_t len;
    ff_out *file;
    ff_code code = ff_npy_header(tensor->dtype, &tensor->shape, header, &len, err);
    if (code)
        return code;
    code = ff_out_open(path, &file, err);
    if (code)
        return code;
    code = ff_out_write(file, header, len, err);
    if (!code && tensor->bytes)
        code = ff_out_write(file, tensor->data, tensor->bytes, err);
    if (code) {
        ff_out_abort(file);
        return code;
    }
    return ff_out_commit(file, err);
}
