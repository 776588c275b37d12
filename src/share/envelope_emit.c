#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "share/envelope.h"

static ff_code add_text(ff_buf *out, const char *name, const char *value, ff_err *err)
{
    if (!value)
        return FF_OK;
    ff_code code = ff_buf_printf(out, err, ",\"%s\":", name);
    return code ? code : ff_json_quote(value, strlen(value), out, err);
}

static ff_code add_outputs(ff_buf *out, const ff_env_head *head, ff_err *err)
{
    ff_code code = head->output_count ? ff_buf_text(out, ",\"outputs\":[", err) : FF_OK;
    for (int i = 0; i < head->output_count && !code; i++) {
        code = i ? ff_buf_text(out, ",", err) : FF_OK;
        if (!code)
            code = ff_json_quote(head->outputs[i], strlen(head->outputs[i]), out, err);
    }
    return code || !head->output_count ? code : ff_buf_text(out, "]", err);
}

static ff_code add_thresholds(ff_buf *out, const ff_env_head *head, ff_err *err)
{
    ff_code code = head->threshold_count ? ff_buf_text(out, ",\"thresholds\":", err) : FF_OK;
    for (int i = 0; i < head->threshold_count && !code; i++) {
        code = ff_buf_text(out, i ? "," : "[", err);
        if (!code && head->thresholds[i] > INT64_MAX)
            code = ff_buf_text(out, "null", err);
        else if (!code)
            code = ff_buf_printf(out, err, "%" PRIu64, head->thresholds[i]);
    }
    return code || !head->threshold_count ? code : ff_buf_text(out, "]", err);
}

ff_code ff_envelope_begin(ff_buf *out, const ff_env_head *head, ff_err *err)
{
    char policy[FF_POLICY_TEXT];
    bool placed = head->kind == FF_ENV_TASK || head->kind == FF_ENV_RESULT;
    ff_code code = ff_buf_printf(out, err, "{\"fanfold\":%d", FF_ENVELOPE_FORMAT);
    if (!code)
        code = add_text(out, "deployment", head->deployment, err);
    if (!code)
        code = add_text(out, "requestId", head->request_id, err);
    if (!code)
        code = add_text(out, "timestamp", head->timestamp, err);
    if (!code && placed)
        code = ff_buf_printf(out, err, ",\"stage\":%d", head->stage);
    if (!code)
        code = add_text(out, "function", head->function, err);
    if (!code && head->policy)
        code = add_text(out, "policy", ff_policy_text(*head->policy, policy, sizeof policy), err);
    if (!code)
        code = add_thresholds(out, head, err);
    if (!code && head->deadline_ms)
        code = ff_buf_printf(out, err, ",\"deadlineMs\":%" PRId64, head->deadline_ms);
    if (!code && head->trace)
        code = ff_buf_text(out, ",\"trace\":true", err);
    if (!code)
        code = add_outputs(out, head, err);
    return code ? code : ff_buf_text(out, ",\"tensors\":[", err);
}

#define TENSOR_CHARS 420 /* member names, route, codec, checksum, rank 8 with 20 digits each */

size_t ff_envelope_room(const char *name, const ff_wire *wire, ff_route route)
{
    size_t quoted = 6 * strlen(name) + 2;
    return TENSOR_CHARS + quoted +
           (route == FF_ROUTE_INLINE ? ff_base64_encoded_len(wire->npy_bytes) : FF_MAX_KEY);
}

/* Up to and with "codec". */
static ff_code tensor_head(ff_buf *out, const char *name, const ff_wire *wire, ff_route route,
                           bool first, ff_err *err)
{
    ff_shape shape = ff_region_shape(&wire->region);
    ff_code code = ff_buf_text(out, first ? "{\"name\":" : ",{\"name\":", err);
    if (!code)
        code = ff_json_quote(name, strlen(name), out, err);
    if (!code)
        code = ff_buf_printf(out, err, ",\"dtype\":\"%s\",\"shape\":[",
                             ff_dtype_name(wire->whole->dtype));
    for (int i = 0; i < shape.rank && !code; i++)
        code = ff_buf_printf(out, err, "%s%" PRId64, i ? "," : "", shape.dim[i]);
    if (!code)
        code =
            ff_buf_printf(out, err, "],\"route\":\"%s\",\"codec\":\"raw\"", ff_route_name(route));
    return code;
}

ff_code ff_envelope_add_inline(ff_buf *out, const char *name, const ff_wire *wire, bool first,
                               ff_err *err)
{
    static const char BEFORE[] = ",\"crc32c\":\"", BETWEEN[] = "\",\"data\":\"";
    size_t before = out->len;
    size_t chars = ff_base64_encoded_len(wire->npy_bytes);
    ff_code code = tensor_head(out, name, wire, FF_ROUTE_INLINE, first, err);
    if (!code)
        code = ff_buf_reserve(out, chars + 64, err);
    if (!code) {
        /* the checksum is known when the data is written; its place comes first */
        char *crc = (char *)out->data + out->len + sizeof BEFORE - 1;
        char *data = crc + 8 + sizeof BETWEEN - 1;
        char hex[9];
        memcpy(crc - (sizeof BEFORE - 1), BEFORE, sizeof BEFORE - 1);
        memcpy(crc + 8, BETWEEN, sizeof BETWEEN - 1);
        snprintf(hex, sizeof hex, "%08x", ff_wire_encode(wire, data));
        memcpy(crc, hex, 8);
        memcpy(data + chars, "\"}", 2);
        out->len += sizeof BEFORE - 1 + 8 + sizeof BETWEEN - 1 + chars + 2;
    }
    if (code)
        out->len = before;
    return code;
}

ff_code ff_envelope_add_key(ff_buf *out, const char *name, const ff_wire *wire, uint32_t crc32c,
                            const char *key, bool first, ff_err *err)
{
    size_t before = out->len;
    ff_code code = tensor_head(out, name, wire, FF_ROUTE_STORE, first, err);
    if (!code)
        code = ff_buf_printf(out, err, ",\"crc32c\":\"%08x\",\"bytes\":%zu,\"key\":", crc32c,
                             wire->npy_bytes);
    if (!code)
        code = ff_json_quote(key, strlen(key), out, err);
    if (!code)
        code = ff_buf_text(out, "}", err);
    if (code)
        out->len = before;
    return code;
}

ff_code ff_envelope_end(ff_buf *out, const char *members, ff_err *err)
{
    ff_code code = ff_buf_text(out, *members ? "]," : "]", err);
    if (!code)
        code = ff_buf_text(out, members, err);
    return code ? code : ff_buf_text(out, "}", err);
}

const char *ff_env_times_text(const ff_env_times *times, char *text, size_t size)
{
    snprintf(text, size,
             "\"times\":{\"decode_ms\":%.3f,\"get_ms\":%.3f,\"compute_ms\":%.3f,"
             "\"encode_ms\":%.3f,\"put_ms\":%.3f,\"cold\":%s}",
             times->decode_ms, times->get_ms, times->compute_ms, times->encode_ms, times->put_ms,
             times->cold ? "true" : "false");
    return text;
}
