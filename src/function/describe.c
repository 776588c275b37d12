#include <inttypes.h>
#include <string.h>

#include "function/function_int.h"

static ff_code add_tensors(ff_buf *out, const char *list, const ff_mf_tensor *tensors, int count,
                           ff_err *err)
{
    ff_code code = ff_buf_printf(out, err, ",\"%s\":[", list);
    for (int i = 0; i < count && !code; i++) {
        code = ff_buf_text(out, i ? ",{\"name\":" : "{\"name\":", err);
        if (!code)
            code = ff_json_quote(tensors[i].name, strlen(tensors[i].name), out, err);
        if (!code)
            code = ff_buf_printf(out, err, ",\"dtype\":\"%s\",\"shape\":[",
                                 ff_dtype_name(tensors[i].dtype));
        for (int k = 0; k < tensors[i].shape.rank && !code; k++)
            code = ff_buf_printf(out, err, "%s%" PRId64, k ? "," : "", tensors[i].shape.dim[k]);
        if (!code)
            code = ff_buf_text(out, "]}", err);
    }
    return code ? code : ff_buf_text(out, "]", err);
}

static ff_code add_text(ff_buf *out, const char *name, const char *value, ff_err *err)
{
    ff_code code = ff_buf_printf(out, err, ",\"%s\":", name);
    return code ? code : ff_json_quote(value, strlen(value), out, err);
}

static ff_code add_stages(ff_buf *out, const ff_manifest *m, ff_err *err)
{
    ff_code code = ff_buf_text(out, ",\"stages\":[", err);
    for (int s = 0; s < m->stage_count && !code; s++) {
        const char *split = m->stage[s].split;
        code = ff_buf_text(out, s ? ",{\"split\":" : "{\"split\":", err);
        if (!code)
            code = ff_json_quote(split, strlen(split), out, err);
        if (!code)
            code = ff_buf_printf(out, err, ",\"pieces\":%d}", m->stage[s].piece_count);
    }
    return code ? code : ff_buf_text(out, "]", err);
}

static ff_code add_store(ff_buf *out, const ff_function *f, ff_err *err)
{
    if (!f->store || !f->store_url)
        return ff_buf_text(out, ",\"store\":null", err);
    ff_code code = ff_buf_text(out, ",\"store\":{\"url\":", err);
    if (!code)
        code = ff_json_quote(f->store_url, strlen(f->store_url), out, err);
    if (!code)
        code = add_text(out, "prefix", f->share.prefix, err);
    return code ? code : ff_buf_text(out, "}", err);
}

ff_code ff_describe(const ff_function *f, ff_buf *reply, ff_err *err)
{
    const ff_manifest *m = f->manifest;
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = ff_buf_printf(&out, err, "{\"fanfold\":%d", FF_ENVELOPE_FORMAT);
    if (!code)
        code = add_text(&out, "version", FF_VERSION, err);
    if (!code)
        code = add_text(&out, "deployment", m->deployment, err);
    if (!code)
        code = add_text(&out, "model_sha256", m->model_sha256, err);
    if (!code)
        code = add_tensors(&out, "inputs", m->in, m->in_count, err);
    if (!code)
        code = add_tensors(&out, "outputs", m->out, m->out_count, err);
    if (!code)
        code = ff_buf_printf(&out, err, ",\"preprocess\":%s", m->preprocess_json ? "" : "null");
    if (!code && m->preprocess_json)
        code = ff_buf_text(&out, m->preprocess_json, err);
    if (!code && m->network)
        code = add_text(&out, "network", m->network->name, err);
    else if (!code)
        code = ff_buf_text(&out, ",\"network\":null", err);
    if (!code)
        code = add_stages(&out, m, err);
    if (!code)
        code = add_store(&out, f, err);
    if (!code)
        code = ff_buf_printf(&out, err, ",\"limits\":{\"request_bytes\":%zu,\"reply_bytes\":%zu}}",
                             f->max_request, f->max_reply);
    if (code)
        ff_buf_clean(&out);
    else
        *reply = out;
    return code;
}
