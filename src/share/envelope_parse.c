#include <string.h>

#include "base/skeleton.h"
#include "share/envelope.h"

/* What each kind must have. */
enum {
    NEEDS_FORMAT = 1,
    NEEDS_DEPLOYMENT = 2,
    NEEDS_ID = 4,
    NEEDS_TIMESTAMP = 8,
    NEEDS_STAGE = 16, /* and the function */
    NEEDS_LATENCY = 32
};

static const unsigned NEEDS[] = {
    [FF_ENV_TASK] = NEEDS_FORMAT | NEEDS_DEPLOYMENT | NEEDS_ID | NEEDS_TIMESTAMP | NEEDS_STAGE,
    [FF_ENV_RESULT] = NEEDS_FORMAT | NEEDS_ID | NEEDS_STAGE,
    [FF_ENV_REQUEST] = 0,
    [FF_ENV_REPLY] = NEEDS_FORMAT | NEEDS_ID | NEEDS_LATENCY,
};

static bool wanted(yyjson_val *root, const char *name, unsigned needs, unsigned bit)
{
    return (needs & bit) || ff_json_has(root, name);
}

static ff_code read_name(yyjson_val *obj, const char *name, size_t max, const char **out,
                         ff_err *err)
{
    const char *text = NULL;
    ff_code code = ff_json_str(obj, name, &text, err);
    if (code)
        return code;
    if (!*text || strlen(text) > max)
        return ff_err_set(err, *text ? FF_LIMIT : FF_FORMAT,
                          "member \"%s\": wanted 1 to %zu bytes, found %zu", name, max,
                          strlen(text));
    *out = text;
    return FF_OK;
}

static ff_code read_shape(yyjson_val *obj, ff_env_tensor *t, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_code code = ff_json_arr(obj, "shape", &list, err);
    if (code)
        return code;
    size_t rank = yyjson_arr_size(list);
    if (rank > FF_MAX_RANK)
        return ff_err_set(err, FF_LIMIT, "member \"shape\": rank %zu, at most %d", rank,
                          FF_MAX_RANK);
    t->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        yyjson_val *dim = yyjson_arr_get(list, i);
        if (!yyjson_is_int(dim) || yyjson_get_sint(dim) <= 0)
            return ff_err_set(err, FF_FORMAT,
                              "member \"shape\": axis %zu: wanted a whole number above 0", i);
        t->shape.dim[i] = yyjson_get_sint(dim);
    }
    return ff_shape_bytes(&t->shape, t->dtype, &t->data_bytes, err);
}

static ff_code read_crc(yyjson_val *obj, uint32_t *out, ff_err *err)
{
    const char *text = NULL;
    uint32_t crc = 0;
    ff_code code = ff_json_str(obj, "crc32c", &text, err);
    if (code)
        return code;
    for (size_t i = 0; i < 8 && text[i]; i++) {
        const char *digit = strchr("0123456789abcdef", text[i]);
        if (!digit)
            break;
        crc = crc << 4 | (uint32_t)(digit - "0123456789abcdef");
        if (i == 7 && !text[8]) {
            *out = crc;
            return FF_OK;
        }
    }
    return ff_err_set(err, FF_FORMAT, "member \"crc32c\": wanted 8 hex digits, found '%.20s'",
                      text);
}

static ff_code read_data(yyjson_val *obj, const ff_skeleton *skeleton, ff_env_tensor *t,
                         ff_err *err)
{
    const char *text = NULL;
    size_t len = 0;
    ff_code code = ff_json_str_n(obj, "data", &text, &len, err);
    if (!code)
        t->data = ff_skeleton_text(skeleton, yyjson_obj_get(obj, "data"));
    return code;
}

static ff_code read_key(yyjson_val *obj, ff_env_tensor *t, const char *folder, ff_err *err)
{
    ff_code code = read_name(obj, "key", FF_MAX_KEY, &t->key, err);
    if (code)
        return code;
    if (!folder)
        return ff_err_set(err, FF_DENIED, "key '%.200s': there is no store", t->key);
    return ff_key_check_inside(t->key, folder, err);
}

/* What reading a tensor needs beside its object. */
typedef struct source {
    const ff_skeleton *skeleton;
    const char *folder;
} source;

static ff_code read_tensor(yyjson_val *obj, const source *from, ff_env_tensor *out, ff_err *err)
{
    ff_env_tensor t = {0};
    const char *dtype = NULL, *route = NULL, *codec = "raw";
    ff_code code = read_name(obj, "name", FF_MAX_NAME, &t.name, err);
    if (code)
        return code;
    code = ff_json_str(obj, "dtype", &dtype, err);
    if (!code && !ff_dtype_bytes(t.dtype = ff_dtype_from_name(dtype)))
        code = ff_err_set(err, FF_FORMAT, "dtype: wanted a type such as float32, found '%.40s'",
                          dtype);
    if (!code)
        code = read_shape(obj, &t, err);
    if (!code && ff_json_has(obj, "codec"))
        code = ff_json_str(obj, "codec", &codec, err);
    if (!code && strcmp(codec, "raw") != 0)
        code = ff_err_set(err, FF_UNSUPPORTED, "codec: wanted raw, found '%.40s'", codec);
    if (!code)
        code = read_crc(obj, &t.crc32c, err);
    if (!code)
        code = ff_json_str(obj, "route", &route, err);
    if (!code && !strcmp(route, "inline")) {
        code = read_data(obj, from->skeleton, &t, err);
    } else if (!code && !strcmp(route, "store")) {
        t.route = FF_ROUTE_STORE;
        code = read_key(obj, &t, from->folder, err);
    } else if (!code) {
        code = ff_err_set(err, FF_FORMAT, "route: wanted inline or store, found '%.40s'", route);
    }
    if (code)
        return ff_err_wrap(err, "tensor '%.100s'", t.name), code;
    *out = t;
    return FF_OK;
}

static ff_code read_tensors(yyjson_val *root, const source *from, ff_envelope *e, ff_err *err)
{
    yyjson_val *list = NULL, *value;
    size_t i, max;
    ff_code code = ff_json_arr(root, "tensors", &list, err);
    if (code)
        return code;
    size_t count = yyjson_arr_size(list);
    if (count > FF_MAX_ENVELOPE_TENSORS)
        return ff_err_set(err, FF_LIMIT, "%zu tensors, at most %u", count, FF_MAX_ENVELOPE_TENSORS);
    e->tensor = ff_mem_try_array(count, sizeof *e->tensor);
    if (!e->tensor)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for %zu tensors' heads", count);
    yyjson_arr_foreach(list, i, max, value)
    {
        code = read_tensor(value, from, &e->tensor[i], err);
        if (!code && ff_envelope_find(e, e->tensor[i].name))
            code = ff_err_set(err, FF_FORMAT, "tensor '%.100s' appears twice", e->tensor[i].name);
        if (code)
            return code;
        e->count++;
    }
    return FF_OK;
}

static ff_code read_outputs(yyjson_val *root, ff_envelope *e, ff_err *err)
{
    yyjson_val *list = NULL, *value;
    size_t i, max;
    if (!ff_json_has(root, "outputs"))
        return FF_OK;
    ff_code code = ff_json_arr(root, "outputs", &list, err);
    if (code)
        return code;
    size_t count = yyjson_arr_size(list);
    if (!count || count > FF_MAX_ENVELOPE_TENSORS)
        return ff_err_set(err, FF_LIMIT, "member \"outputs\": wanted 1 to %u names, found %zu",
                          FF_MAX_ENVELOPE_TENSORS, count);
    e->outputs = ff_mem_try_array(count, sizeof *e->outputs);
    if (!e->outputs)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for %zu names", count);
    yyjson_arr_foreach(list, i, max, value)
    {
        if (!yyjson_is_str(value) || yyjson_get_len(value) > FF_MAX_NAME)
            return ff_err_set(err, FF_FORMAT, "member \"outputs\": element %zu: wanted a name", i);
        e->outputs[e->output_count++] = yyjson_get_str(value);
    }
    return FF_OK;
}

static ff_code read_policy(yyjson_val *root, ff_envelope *e, ff_err *err)
{
    yyjson_val *policy = yyjson_obj_get(root, "policy");
    const char *text = NULL;
    e->policy = FF_POLICY_INLINE;
    if (!ff_json_has(root, "policy"))
        return FF_OK;
    if (yyjson_is_uint(policy)) { /* a threshold in bytes */
        e->policy = (ff_policy){yyjson_get_uint(policy), FF_AUTO_OFF};
        return FF_OK;
    }
    ff_code code = ff_json_str(root, "policy", &text, err);
    if (!code)
        code = ff_policy_parse(text, &e->policy, err);
    if (code == FF_USAGE) /* here the words come from a peer, not from a command line */
        code = ff_err_set(
            err, FF_FORMAT,
            "policy: wanted auto, inline, store or a size such as 800KB, found '%.60s'", text);
    return code;
}

static ff_code read_thresholds(yyjson_val *root, ff_envelope *e, ff_err *err)
{
    yyjson_val *list = NULL, *value;
    size_t i, max;
    if (!ff_json_has(root, "thresholds"))
        return FF_OK;
    ff_code code = ff_json_arr(root, "thresholds", &list, err);
    if (code)
        return code;
    size_t count = yyjson_arr_size(list);
    if (!count || count > FF_MAX_ENVELOPE_TENSORS)
        return ff_err_set(err, FF_LIMIT, "member \"thresholds\": wanted 1 to %u, found %zu",
                          FF_MAX_ENVELOPE_TENSORS, count);
    e->thresholds = ff_mem_try_array(count, sizeof *e->thresholds);
    if (!e->thresholds)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for %zu thresholds", count);
    yyjson_arr_foreach(list, i, max, value)
    {
        if (!yyjson_is_uint(value) && !yyjson_is_null(value))
            return ff_err_set(err, FF_FORMAT,
                              "member \"thresholds\": element %zu: wanted a whole number or null",
                              i);
        e->thresholds[e->threshold_count++] =
            yyjson_is_null(value) ? UINT64_MAX : yyjson_get_uint(value);
    }
    return FF_OK;
}

static ff_code read_times(yyjson_val *root, ff_env_times *out, ff_err *err)
{
    yyjson_val *obj = NULL;
    ff_env_times t = {0};
    if (!ff_json_has(root, "times"))
        return FF_OK;
    const struct {
        const char *name;
        double *value;
    } rows[] = {{"decode_ms", &t.decode_ms},
                {"get_ms", &t.get_ms},
                {"compute_ms", &t.compute_ms},
                {"encode_ms", &t.encode_ms},
                {"put_ms", &t.put_ms}};
    ff_code code = ff_json_obj(root, "times", &obj, err);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !code; i++)
        code = ff_json_num(obj, rows[i].name, rows[i].value, err);
    if (!code && ff_json_has(obj, "cold"))
        code = ff_json_bool(obj, "cold", &t.cold, err);
    if (!code)
        *out = t;
    return code;
}

static ff_code read_head(yyjson_val *root, ff_envelope *e, ff_err *err)
{
    unsigned needs = NEEDS[e->kind];
    int64_t format = FF_ENVELOPE_FORMAT, stage = 0;
    ff_code code = FF_OK;
    if (wanted(root, "fanfold", needs, NEEDS_FORMAT))
        code = ff_json_int(root, "fanfold", 0, INT32_MAX, &format, err);
    if (!code && format != FF_ENVELOPE_FORMAT)
        code = ff_err_set(err, FF_UNSUPPORTED, "envelope format: wanted %d, found %lld",
                          FF_ENVELOPE_FORMAT, (long long)format);
    if (!code && wanted(root, "deployment", needs, NEEDS_DEPLOYMENT))
        code = read_name(root, "deployment", 40, &e->deployment, err);
    if (!code && wanted(root, "requestId", needs, NEEDS_ID)) {
        code = read_name(root, "requestId", 64, &e->request_id, err);
        if (!code)
            code = ff_key_check_request_id(e->request_id, err);
    }
    if (!code && wanted(root, "timestamp", needs, NEEDS_TIMESTAMP)) {
        code = read_name(root, "timestamp", 64, &e->timestamp, err);
        if (!code)
            code = ff_key_check_timestamp(e->timestamp, err);
    }
    if (!code && wanted(root, "stage", needs, NEEDS_STAGE)) {
        code = ff_json_int(root, "stage", 0, FF_MAX_STAGES - 1, &stage, err);
        if (!code)
            code = read_name(root, "function", 64, &e->function, err);
        e->stage = (int)stage;
    }
    return code ? code : read_policy(root, e, err);
}

static ff_code read_rest(yyjson_val *root, ff_envelope *e, ff_err *err)
{
    ff_code code = FF_OK;
    if (ff_json_has(root, "deadlineMs"))
        code = ff_json_int(root, "deadlineMs", 0, INT64_MAX, &e->deadline_ms, err);
    if (e->kind == FF_ENV_REPLY) {
        e->trace_json = yyjson_obj_get(root, "trace");
        if (!code)
            code = ff_json_num(root, "latency_ms", &e->latency_ms, err);
    } else if (!code && ff_json_has(root, "trace")) {
        code = ff_json_bool(root, "trace", &e->trace, err);
    }
    if (!code && e->kind == FF_ENV_TASK)
        code = read_thresholds(root, e, err);
    if (!code && e->kind == FF_ENV_REQUEST)
        code = read_outputs(root, e, err);
    if (!code && e->kind == FF_ENV_RESULT)
        code = read_times(root, &e->times, err);
    return code;
}

ff_code ff_envelope_parse(ff_env_kind kind, const ff_buf *payload, const char *folder,
                          ff_envelope *out, ff_err *err)
{
    ff_envelope e = {.kind = kind};
    ff_skeleton skeleton;
    ff_code code = ff_skeleton_parse(ff_buf_view(payload), &skeleton, err);
    if (code)
        return code;
    e.doc = skeleton.doc; /* the cuts are views of payload: they need no owner */
    yyjson_val *root = yyjson_doc_get_root(e.doc);
    if (!yyjson_is_obj(root)) {
        code = ff_err_set(err, FF_FORMAT, "an envelope is an object, found %s",
                          yyjson_get_type_desc(root));
        goto fail;
    }
    if (kind == FF_ENV_REQUEST && yyjson_equals_str(yyjson_obj_get(root, "fanfold"), "describe")) {
        e.describe = true;
        *out = e;
        return FF_OK;
    }
    code = read_head(root, &e, err);
    if (!code)
        code = read_rest(root, &e, err);
    if (!code)
        code = read_tensors(root, &(source){&skeleton, folder}, &e, err);
    if (code)
        goto fail;
    *out = e;
    return FF_OK;
fail:
    ff_envelope_clean(&e);
    return code;
}

void ff_envelope_clean(ff_envelope *envelope)
{
    yyjson_doc_free(envelope->doc);
    ff_mem_free(envelope->tensor);
    ff_mem_free(envelope->outputs);
    ff_mem_free(envelope->thresholds);
    *envelope = (ff_envelope){0};
}

const ff_env_tensor *ff_envelope_find(const ff_envelope *envelope, const char *name)
{
    for (int i = 0; i < envelope->count; i++)
        if (!strcmp(envelope->tensor[i].name, name))
            return &envelope->tensor[i];
    return NULL;
}

ff_code ff_env_tensor_expect(const ff_env_tensor *tensor, ff_dtype dtype, const ff_shape *shape,
                             ff_err *err)
{
    char want[200], found[200];
    if (tensor->dtype == dtype && ff_shape_equal(&tensor->shape, shape))
        return FF_OK;
    return ff_err_set(err, FF_FORMAT, "tensor '%.100s': wanted %s %s, found %s %s", tensor->name,
                      ff_dtype_name(dtype), ff_shape_text(shape, want, sizeof want),
                      ff_dtype_name(tensor->dtype),
                      ff_shape_text(&tensor->shape, found, sizeof found));
}
