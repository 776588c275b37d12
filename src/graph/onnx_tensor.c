/*
 * Tensors of ONNX files: raw, typed and external elements, checked against type and shape.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_int.h"
#include "graph/onnx_wire.h"

/* TensorProto's fields of elements. */
enum {
    FLOAT_DATA = 4,
    INT32_DATA = 5,
    INT64_DATA = 7,
    RAW_DATA = 9,
    DOUBLE_DATA = 10,
    UINT64_DATA = 11
};

const char *ff_onnx_unread_type(int32_t data_type, char *text, size_t size)
{
    static const char *const NAMES[] = {
        [0] = "undefined",       [14] = "complex64",      [15] = "complex128",
        [17] = "float8e4m3fn",   [18] = "float8e4m3fnuz", [19] = "float8e5m2",
        [20] = "float8e5m2fnuz", [21] = "uint4",          [22] = "int4",
        [23] = "float4e2m1"};
    const char *name = data_type >= 0 && (size_t)data_type < sizeof NAMES / sizeof *NAMES
                           ? NAMES[data_type]
                           : NULL;
    snprintf(
        text, size,
        "%d (%s); read are float16, bfloat16, float32, float64, whole numbers of 8 to 64 bits, "
        "bool and string",
        data_type, name != NULL ? name : "none of ONNX's");
    return text;
}

ff_dtype ff_onnx_dtype(int32_t data_type)
{
    switch (data_type) {
    case FF_DTYPE_F32:
    case FF_DTYPE_U8:
    case FF_DTYPE_I8:
    case FF_DTYPE_U16:
    case FF_DTYPE_I16:
    case FF_DTYPE_I32:
    case FF_DTYPE_I64:
    case FF_DTYPE_STRING:
    case FF_DTYPE_BOOL:
    case FF_DTYPE_F16:
    case FF_DTYPE_F64:
    case FF_DTYPE_U32:
    case FF_DTYPE_U64:
    case FF_DTYPE_BF16:
        return (ff_dtype)data_type;
    default:
        return FF_DTYPE_NONE;
    }
}

typedef struct tensor {
    ff_onnx_reader *r;
    const Onnx__TensorProto *proto;
    const char *what;
    ff_dtype dtype;
    uint64_t elems;
    size_t bytes; /* wanted */
} tensor;

/* The field that holds typed elements of a type. */
static unsigned typed_field(ff_dtype dtype)
{
    switch (dtype) {
    case FF_DTYPE_F32:
        return FLOAT_DATA;
    case FF_DTYPE_F64:
        return DOUBLE_DATA;
    case FF_DTYPE_I64:
        return INT64_DATA;
    case FF_DTYPE_U32:
    case FF_DTYPE_U64:
        return UINT64_DATA;
    default:
        return INT32_DATA;
    }
}

static const char *field_name(unsigned field)
{
    const ProtobufCFieldDescriptor *fd =
        protobuf_c_message_descriptor_get_field(&onnx__tensor_proto__descriptor, field);
    return fd != NULL ? fd->name : "?";
}

/* Stores one typed integer as an element; false where the type cannot hold it. */
static bool store(ff_dtype dtype, uint64_t value, uint8_t *at)
{
    int64_t v = dtype == FF_DTYPE_I64 ? (int64_t)value : (int32_t)(uint32_t)value;
    int64_t lo = 0, hi = INT64_MAX;
    switch (dtype) {
    case FF_DTYPE_BOOL:
        hi = 1;
        break;
    case FF_DTYPE_I8:
        lo = INT8_MIN;
        hi = INT8_MAX;
        break;
    case FF_DTYPE_U8:
        hi = UINT8_MAX;
        break;
    case FF_DTYPE_I16:
        lo = INT16_MIN;
        hi = INT16_MAX;
        break;
    case FF_DTYPE_U16:
    case FF_DTYPE_F16: /* bit patterns */
    case FF_DTYPE_BF16:
        hi = UINT16_MAX;
        break;
    case FF_DTYPE_U32:
        v = value > UINT32_MAX ? -1 : (int64_t)value;
        break;
    case FF_DTYPE_U64:
        memcpy(at, &value, sizeof value);
        return true;
    default: /* I32, I64 */
        lo = INT64_MIN;
        break;
    }
    if (v < lo || v > hi) {
        return false;
    }
    memcpy(at, &v, ff_dtype_bytes(dtype)); /* little-endian */
    return true;
}

static ff_code wrong_length(const tensor *t, uint64_t position, unsigned field, uint64_t found)
{
    return ff_err_at(t->r->err, FF_FORMAT, "", position,
                     "%s should have %llu elements (%zu bytes), but its %s has %llu%s", t->what,
                     (unsigned long long)t->elems, t->bytes, field_name(field),
                     (unsigned long long)found, field == RAW_DATA ? " bytes" : "");
}

static ff_code bad_element(const tensor *t, uint64_t position, uint64_t i)
{
    return ff_err_at(t->r->err, FF_FORMAT, "", position, "%s: element %llu does not fit in %s",
                     t->what, (unsigned long long)i, ff_dtype_name(t->dtype));
}

/* Packed varints of the file. */
static ff_code decode_varints(const tensor *t, const ff_onnx_marker *marker, ff_bytes *data)
{
    if (t->elems > marker->length) { /* an element takes a byte at least */
        return wrong_length(t, marker->offset, (unsigned)marker->field, marker->length);
    }
    void *block = NULL;
    ff_code code = ff_graph_own(t->r->g, t->bytes, &block, t->r->err);
    if (code != FF_OK) {
        return code;
    }
    ff_wire w = {t->r->file.data, (size_t)marker->offset,
                 (size_t)(marker->offset + marker->length)};
    size_t size = ff_dtype_bytes(t->dtype);
    uint64_t i = 0;
    while (w.at < w.end) {
        uint64_t value = 0;
        size_t at = w.at;
        code = ff_wire_varint(&w, &value, t->r->err);
        if (code != FF_OK) {
            return code;
        }
        if (i < t->elems && !store(t->dtype, value, (uint8_t *)block + i * size)) {
            return bad_element(t, at, i);
        }
        i++;
    }
    if (i != t->elems) {
        return wrong_length(t, marker->offset, (unsigned)marker->field, i);
    }
    *data = ff_bytes_of(block, t->bytes);
    return FF_OK;
}

/* Elements in one field of the file: a view, or varints to decode. */
static ff_code read_marked(const tensor *t, ff_bytes *data)
{
    ff_onnx_marker marker;
    memcpy(&marker, t->proto->raw_data.data, sizeof marker);
    unsigned field = (unsigned)marker.field;
    if (field != RAW_DATA && field != typed_field(t->dtype)) {
        return ff_err_at(t->r->err, FF_FORMAT, "", marker.offset,
                         "%s is %s, which is not stored in %s", t->what, ff_dtype_name(t->dtype),
                         field_name(field));
    }
    if (field == INT32_DATA || field == INT64_DATA || field == UINT64_DATA) {
        return decode_varints(t, &marker, data);
    }
    if (marker.length != t->bytes) {
        return wrong_length(t, marker.offset, field,
                            field == RAW_DATA ? marker.length
                                              : marker.length / ff_dtype_bytes(t->dtype));
    }
    *data = ff_bytes_of(t->r->file.data + marker.offset, t->bytes);
    return FF_OK;
}

/* Elements in several fields, which protobuf-c has gathered. */
static ff_code read_gathered(const tensor *t, ff_bytes *data)
{
    const Onnx__TensorProto *p = t->proto;
    unsigned field = typed_field(t->dtype);
    size_t found = field == FLOAT_DATA    ? p->n_float_data
                   : field == DOUBLE_DATA ? p->n_double_data
                   : field == INT64_DATA  ? p->n_int64_data
                   : field == UINT64_DATA ? p->n_uint64_data
                                          : p->n_int32_data;
    if (found != t->elems) {
        if (found == 0) {
            return ff_err_set(t->r->err, FF_FORMAT,
                              "%s should have %llu elements of %s, but has no %s and no raw_data",
                              t->what, (unsigned long long)t->elems, ff_dtype_name(t->dtype),
                              field_name(field));
        }
        return ff_err_set(t->r->err, FF_FORMAT, "%s should have %llu elements, but its %s has %zu",
                          t->what, (unsigned long long)t->elems, field_name(field), found);
    }
    void *block = NULL;
    ff_code code = ff_graph_own(t->r->g, t->bytes, &block, t->r->err);
    if (code != FF_OK) {
        return code;
    }
    size_t size = ff_dtype_bytes(t->dtype);
    for (size_t i = 0; i < found; i++) {
        uint8_t *at = (uint8_t *)block + i * size;
        if (field == FLOAT_DATA) {
            memcpy(at, &p->float_data[i], size);
        } else if (field == DOUBLE_DATA) {
            memcpy(at, &p->double_data[i], size);
        } else if (!store(t->dtype,
                          field == INT64_DATA    ? (uint64_t)p->int64_data[i]
                          : field == UINT64_DATA ? p->uint64_data[i]
                                                 : (uint64_t)(int64_t)p->int32_data[i],
                          at)) {
            return bad_element(t, 0, i);
        }
    }
    *data = ff_bytes_of(block, t->bytes);
    return FF_OK;
}

/* The folder's own path without links, once. */
static ff_code resolve_dir(ff_onnx_reader *r)
{
    if (r->real_dir != NULL) {
        return FF_OK;
    }
    char path[PATH_MAX];
    if (realpath(r->dir, path) == NULL) {
        return ff_err_errno(r->err, errno, r->dir, "cannot resolve the model's folder");
    }
    r->real_dir = ff_mem_must_strdup(path);
    return FF_OK;
}

/* Maps an external file, which lies in the model's folder, links resolved. */
static ff_code open_external(const tensor *t, const char *location, int *map)
{
    ff_onnx_reader *r = t->r;
    for (int i = 0; i < r->file_count; i++) {
        if (strcmp(r->files[i].location, location) == 0) {
            *map = r->files[i].map;
            return FF_OK;
        }
    }
    if (r->file_count >= FF_ONNX_MAX_FILES) {
        return ff_err_set(r->err, FF_LIMIT, "more than %d files of external data",
                          FF_ONNX_MAX_FILES);
    }
    char path[PATH_MAX], real[PATH_MAX];
    ff_map bytes = {0};
    ff_code code = resolve_dir(r);
    if (code == FF_OK) {
        code = ff_path_join(r->dir, location, path, r->err);
    }
    if (code == FF_OK && realpath(path, real) == NULL) {
        code = ff_err_errno(r->err, errno, path, "cannot open external data");
    }
    if (code == FF_OK) {
        size_t len = strcmp(r->real_dir, "/") == 0 ? 0 : strlen(r->real_dir);
        if (strncmp(real, r->real_dir, len) != 0 || real[len] != '/') {
            code = ff_err_set(r->err, FF_FORMAT,
                              "external data '%s' is a link that leads out of the model's folder",
                              location);
        }
    }
    if (code == FF_OK) {
        code = ff_file_map(real, &bytes, r->err);
    }
    if (code != FF_OK) {
        ff_err_wrap(r->err, "%s", t->what);
        return code;
    }
    if (r->file_count == r->file_room) {
        int more = r->file_room == 0 ? 4 : r->file_room * 2;
        r->files = ff_mem_must_grow(r->files, (size_t)r->file_room, (size_t)more, sizeof *r->files);
        r->file_room = more;
    }
    *map = r->g->map_count;
    ff_graph_take_map(r->g, bytes);
    r->files[r->file_count++] = (ff_onnx_file){ff_mem_must_strdup(location), *map};
    return FF_OK;
}

static bool parse_number(const char *text, uint64_t *number)
{
    uint64_t sum = 0;
    if (*text == '\0') {
        return false;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (unsigned)(*p - '0'), &sum)) {
            return false;
        }
    }
    *number = sum;
    return true;
}

typedef struct place {
    const char *location;
    uint64_t offset, length;
} place;

static ff_code read_place(const tensor *t, place *out)
{
    place p = {.length = t->bytes};
    for (size_t i = 0; i < t->proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *e = t->proto->external_data[i];
        const char *key = e->key != NULL ? e->key : "";
        const char *value = e->value != NULL ? e->value : "";
        bool good = true;
        if (strcmp(key, "location") == 0) {
            p.location = value;
        } else if (strcmp(key, "offset") == 0) {
            good = parse_number(value, &p.offset);
        } else if (strcmp(key, "length") == 0) {
            good = parse_number(value, &p.length);
        }
        if (!good) {
            return ff_err_set(t->r->err, FF_FORMAT,
                              "%s: external data's %s should be a number, found '%s'", t->what, key,
                              value);
        }
    }
    if (p.location == NULL) {
        return ff_err_set(t->r->err, FF_FORMAT, "%s: external data without a location", t->what);
    }
    *out = p;
    return FF_OK;
}

static ff_code read_external(const tensor *t, ff_bytes *data)
{
    ff_err *err = t->r->err;
    place p = {0};
    ff_code code = read_place(t, &p);
    if (code != FF_OK) {
        return code;
    }
    if (!ff_path_stays_inside(p.location)) {
        return ff_err_set(err, FF_FORMAT,
                          "%s: external data must lie in the model's folder, found '%s'", t->what,
                          p.location);
    }
    if (t->r->dir == NULL) {
        return ff_err_set(err, FF_FORMAT, "%s: external data '%s' of a model that has no folder",
                          t->what, p.location);
    }
    if (p.length != t->bytes) {
        return ff_err_set(err, FF_FORMAT,
                          "%s should have %zu bytes, but external data '%s' says %llu", t->what,
                          t->bytes, p.location, (unsigned long long)p.length);
    }
    int map = 0;
    code = open_external(t, p.location, &map);
    if (code != FF_OK) {
        return code;
    }
    const ff_map *m = &t->r->g->maps[map];
    if (p.offset > m->len || p.length > m->len - p.offset) {
        return ff_err_set(err, FF_FORMAT,
                          "%s: external data '%s' should have %llu bytes from %llu on, but the "
                          "file has %zu",
                          t->what, p.location, (unsigned long long)p.length,
                          (unsigned long long)p.offset, m->len);
    }
    *data = ff_bytes_of(m->data != NULL ? m->data + p.offset : NULL, t->bytes);
    return FF_OK;
}

ff_code ff_onnx_tensor(ff_onnx_reader *r, const Onnx__TensorProto *p, const char *what,
                       ff_dtype *dtype, ff_shape *shape, ff_bytes *data)
{
    tensor t = {.r = r, .proto = p, .what = what};
    char type[160];
    if (!p->has_data_type || p->data_type == 0) {
        return ff_err_set(r->err, FF_FORMAT, "%s has no element type", what);
    }
    t.dtype = ff_onnx_dtype(p->data_type);
    bool strings = t.dtype == FF_DTYPE_STRING;
    if ((ff_dtype_bytes(t.dtype) == 0 && !strings) || p->segment != NULL) {
        return ff_err_set(r->err, FF_UNSUPPORTED, "%s has %s%s", what,
                          p->segment != NULL ? "" : "the element type ",
                          p->segment != NULL
                              ? "its data in segments, which are not read"
                              : ff_onnx_unread_type(p->data_type, type, sizeof type));
    }
    if (p->n_dims > FF_MAX_RANK) {
        return ff_err_set(r->err, FF_UNSUPPORTED, "%s has %zu dims, the limit is %d", what,
                          p->n_dims, FF_MAX_RANK);
    }
    ff_shape s = {.rank = (int)p->n_dims};
    for (size_t i = 0; i < p->n_dims; i++) {
        s.dim[i] = p->dims[i];
        if (s.dim[i] < 0 || (uint64_t)s.dim[i] > FF_MAX_TENSOR_BYTES) {
            return ff_err_set(r->err, FF_FORMAT, "%s: dim %zu is %lld", what, i,
                              (long long)s.dim[i]);
        }
    }
    ff_code code = ff_shape_bytes(&s, strings ? FF_DTYPE_U8 : t.dtype, &t.bytes, r->err);
    if (code == FF_OK) {
        code = ff_shape_elems(&s, &t.elems, r->err);
    }
    if (code != FF_OK) {
        ff_err_wrap(r->err, "%s", what);
        return code;
    }
    ff_bytes found = {0};
    if (strings) {
        code = ff_onnx_strings(r, p, what, t.elems, &found);
    } else if (p->has_data_location &&
               p->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        code = read_external(&t, &found);
    } else if (p->has_raw_data) {
        code = read_marked(&t, &found);
    } else {
        code = read_gathered(&t, &found);
    }
    if (code == FF_OK) {
        *dtype = t.dtype;
        *shape = s;
        *data = found;
    }
    return code;
}

void ff_onnx_reader_clean(ff_onnx_reader *r)
{
    for (int i = 0; i < r->file_count; i++) {
        ff_mem_free(r->files[i].location);
    }
    ff_mem_free(r->files);
    ff_mem_free(r->real_dir);
    r->files = NULL;
    r->real_dir = NULL;
    r->file_count = r->file_room = 0;
}
