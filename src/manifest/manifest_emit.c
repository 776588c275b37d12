#include <math.h>
#include <string.h>

#include "manifest/manifest_int.h"

/* A writer that remembers its first failure. */
typedef struct writer {
    ff_buf *buf;
    ff_err *err;
    ff_code code;
} writer;

static void text(writer *w, const char *s)
{
    if (!w->code)
        w->code = ff_buf_text(w->buf, s, w->err);
}

static void quoted(writer *w, const char *s)
{
    if (!w->code)
        w->code = ff_json_quote(s, strlen(s), w->buf, w->err);
}

static void member(writer *w, const char *name, const char *value)
{
    quoted(w, name);
    text(w, ": ");
    quoted(w, value);
}

static void integer(writer *w, int64_t value)
{
    if (!w->code)
        w->code = ff_buf_printf(w->buf, w->err, "%lld", (long long)value);
}

/* The shortest of 9 or 17 digits that reads back the same. */
static void real(writer *w, double value)
{
    if (!isfinite(value) && !w->code)
        w->code = ff_err_set(w->err, FF_FORMAT, "a probe holds %g, which JSON cannot", value);
    if (!w->code)
        w->code =
            ff_buf_printf(w->buf, w->err, (double)(float)value == value ? "%.9g" : "%.17g", value);
}

static void tensors(writer *w, const char *name, const ff_mf_tensor *tensor, int count,
                    const char *indent)
{
    text(w, indent);
    quoted(w, name);
    text(w, ": [");
    for (int i = 0; i < count; i++) {
        text(w, i ? ", {" : "{");
        member(w, "name", tensor[i].name);
        text(w, ", ");
        member(w, "dtype", ff_dtype_name(tensor[i].dtype));
        text(w, ", \"shape\": [");
        for (int k = 0; k < tensor[i].shape.rank; k++) {
            text(w, k ? ", " : "");
            integer(w, tensor[i].shape.dim[k]);
        }
        text(w, "]}");
    }
    text(w, "],\n");
}

static void parts(writer *w, const char *name, const ff_mf_part *part, int count, bool out)
{
    text(w, "        ");
    quoted(w, name);
    text(w, ": [");
    for (int i = 0; i < count; i++) {
        text(w, i ? ",\n          {" : "\n          {");
        member(w, "name", part[i].name);
        text(w, ", ");
        member(w, "dtype", ff_dtype_name(part[i].dtype));
        text(w, ", \"region\": [");
        for (int k = 0; k < part[i].region.rank; k++) {
            text(w, k ? ", [" : "[");
            integer(w, part[i].region.lo[k]);
            text(w, ", ");
            integer(w, part[i].region.hi[k]);
            text(w, "]");
        }
        text(w, !out ? "]}" : part[i].add ? "], \"add\": true}" : "], \"add\": false}");
    }
    text(w, "]");
}

static void probe(writer *w, const ff_mf_probe *p)
{
    if (!p->count)
        return;
    text(w, ",\n        \"probe\": {\"seed\": ");
    integer(w, (int64_t)p->seed);
    text(w, ", \"output\": ");
    integer(w, p->output);
    text(w, ", \"max_abs\": ");
    real(w, p->max_abs);
    text(w, ", \"index\": [");
    for (int i = 0; i < p->count; i++) {
        text(w, i ? ", " : "");
        integer(w, p->index[i]);
    }
    text(w, "], \"value\": [");
    for (int i = 0; i < p->count; i++) {
        text(w, i ? ", " : "");
        real(w, p->value[i]);
    }
    text(w, "]}");
}

static void piece(writer *w, const ff_manifest *m, const ff_mf_piece *p)
{
    text(w, "      {");
    member(w, "function", m->functions[p->function]);
    text(w, ", ");
    member(w, "model", p->model);
    text(w, ", ");
    member(w, "weights", p->weights);
    text(w, ",\n        ");
    member(w, "model_sha256", p->model_sha256);
    text(w, ", \"weights_bytes\": ");
    integer(w, (int64_t)p->weights_bytes);
    text(w, ", \"flops\": ");
    integer(w, (int64_t)p->flops);
    text(w, ",\n");
    parts(w, "inputs", p->in, p->in_count, false);
    text(w, ",\n");
    parts(w, "outputs", p->out, p->out_count, true);
    probe(w, &p->probe);
    text(w, "}");
}

static void stage(writer *w, const ff_manifest *m, const ff_mf_stage *s)
{
    text(w, "    {");
    member(w, "split", s->split);
    text(w, ",\n");
    tensors(w, "outputs", s->out, s->out_count, "     ");
    text(w, "     \"drop\": [");
    for (int i = 0; i < s->drop_count; i++) {
        text(w, i ? ", " : "");
        quoted(w, s->drop[i]);
    }
    text(w, "],\n     \"pieces\": [\n");
    for (int i = 0; i < s->piece_count; i++) {
        piece(w, m, &s->piece[i]);
        text(w, i + 1 < s->piece_count ? ",\n" : "]}");
    }
}

static void head(writer *w, const ff_manifest *m)
{
    text(w, "{\"format\": ");
    integer(w, FF_MANIFEST_FORMAT);
    text(w, ", ");
    member(w, "deployment", m->deployment);
    text(w, ",\n  \"model\": {");
    member(w, "path", m->model_path);
    text(w, ", ");
    member(w, "sha256", m->model_sha256);
    text(w, "},\n  ");
    member(w, "arch", m->arch);
    text(w, ", ");
    member(w, "form", m->form);
    text(w, ", \"nchwc_block\": ");
    integer(w, m->nchwc_block);
    text(w, ",\n");
    tensors(w, "inputs", m->in, m->in_count, "  ");
    tensors(w, "outputs", m->out, m->out_count, "  ");
    if (m->preprocess_json) {
        text(w, "  \"preprocess\": ");
        text(w, m->preprocess_json);
        text(w, ",\n");
    }
    if (m->network) {
        text(w, "  \"network\": ");
        w->code = w->code ? w->code : ff_net_profile_emit(m->network, w->buf, w->err);
        text(w, ",\n");
    }
    text(w, "  \"functions\": [");
    for (int i = 0; i < m->function_count; i++) {
        text(w, i ? ", {" : "{");
        member(w, "name", m->functions[i]);
        text(w, "}");
    }
    text(w, "],\n  \"stages\": [\n");
}

/* A builder got this text from its user. */
static ff_code check_preprocess(const char *json, ff_err *err)
{
    yyjson_doc *doc = NULL;
    if (!json)
        return FF_OK;
    ff_code code = ff_json_parse(ff_bytes_of(json, strlen(json)), &doc, err);
    if (!code && !yyjson_is_obj(yyjson_doc_get_root(doc)))
        code = ff_err_set(err, FF_FORMAT, "wanted an object, found %s",
                          yyjson_get_type_desc(yyjson_doc_get_root(doc)));
    yyjson_doc_free(doc);
    return code ? (ff_err_wrap(err, "preprocess"), code) : FF_OK;
}

ff_code ff_manifest_emit(const ff_manifest *manifest, ff_buf *json, ff_err *err)
{
    ff_code code = ff_manifest_check(manifest, err);
    if (code)
        return ff_err_wrap(err, "a manifest that would not be read"), code;
    code = check_preprocess(manifest->preprocess_json, err);
    if (code)
        return code;
    size_t before = json->len;
    writer w = {json, err, FF_OK};
    head(&w, manifest);
    for (int i = 0; i < manifest->stage_count; i++) {
        stage(&w, manifest, &manifest->stage[i]);
        text(&w, i + 1 < manifest->stage_count ? ",\n" : "]}\n");
    }
    if (w.code)
        json->len = before;
    return w.code;
}
