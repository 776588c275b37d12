#include <math.h>
#include <string.h>

#include "base/file.h"
#include "manifest/manifest_int.h"

/* A member that is an array of at most max elements, at least min. */
static ff_code read_list(yyjson_val *obj, const char *name, size_t min, size_t max,
                         yyjson_val **out, int *count, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_code code = ff_json_arr(obj, name, &list, err);
    if (code)
        return code;
    size_t n = yyjson_arr_size(list);
    if (n < min || n > max)
        return ff_err_set(err, n > max ? FF_LIMIT : FF_FORMAT,
                          "member \"%s\": wanted %zu to %zu elements, found %zu", name, min, max,
                          n);
    *out = list;
    *count = (int)n;
    return FF_OK;
}

static ff_code read_text(ff_manifest *m, yyjson_val *obj, const char *name, size_t max,
                         const char **out, ff_err *err)
{
    const char *text = NULL;
    ff_code code = ff_json_str(obj, name, &text, err);
    if (code)
        return code;
    if (strlen(text) > max)
        return ff_err_set(err, FF_LIMIT, "member \"%s\": wanted at most %zu bytes, found %zu", name,
                          max, strlen(text));
    *out = ff_arena_strdup(m->arena, text);
    return FF_OK;
}

static ff_code read_dtype(yyjson_val *obj, ff_dtype *out, ff_err *err)
{
    const char *text = NULL;
    ff_code code = ff_json_str(obj, "dtype", &text, err);
    if (code)
        return code;
    ff_dtype dtype = ff_dtype_from_name(text);
    if (!ff_dtype_bytes(dtype))
        return ff_err_set(err, FF_UNSUPPORTED,
                          "member \"dtype\": wanted a type such as float32, found '%.40s'", text);
    *out = dtype;
    return FF_OK;
}

static ff_code read_shape(yyjson_val *obj, ff_shape *out, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_shape shape = {0};
    ff_code code = read_list(obj, "shape", 0, FF_MAX_RANK, &list, &shape.rank, err);
    if (code)
        return code;
    for (int i = 0; i < shape.rank; i++) {
        yyjson_val *dim = yyjson_arr_get(list, (size_t)i);
        if (!yyjson_is_int(dim) || yyjson_get_sint(dim) <= 0)
            return ff_err_set(err, FF_FORMAT,
                              "member \"shape\": axis %d: wanted a whole number above 0", i);
        shape.dim[i] = yyjson_get_sint(dim);
    }
    *out = shape;
    return FF_OK;
}

static ff_code read_tensor(ff_manifest *m, yyjson_val *obj, ff_mf_tensor *out, ff_err *err)
{
    size_t bytes;
    ff_code code = read_text(m, obj, "name", FF_MAX_NAME, &out->name, err);
    if (!code)
        code = read_dtype(obj, &out->dtype, err);
    if (!code)
        code = read_shape(obj, &out->shape, err);
    if (!code)
        code = ff_shape_bytes(&out->shape, out->dtype, &bytes, err);
    return code;
}

static ff_code read_tensors(ff_manifest *m, yyjson_val *obj, const char *name, ff_mf_tensor **out,
                            int *count, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_code code = read_list(obj, name, 1, FF_MAX_ENVELOPE_TENSORS, &list, count, err);
    if (code)
        return code;
    *out = ff_arena_array(m->arena, (size_t)*count, sizeof **out);
    for (int i = 0; i < *count && !code; i++) {
        code = read_tensor(m, yyjson_arr_get(list, (size_t)i), *out + i, err);
        if (code)
            ff_err_wrap(err, "%s %d", name, i);
    }
    return code;
}

static ff_code read_region(yyjson_val *obj, ff_region *out, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_region region = {0};
    ff_code code = read_list(obj, "region", 0, FF_MAX_RANK, &list, &region.rank, err);
    for (int i = 0; i < region.rank && !code; i++) {
        yyjson_val *axis = yyjson_arr_get(list, (size_t)i);
        yyjson_val *lo = yyjson_arr_get(axis, 0);
        yyjson_val *hi = yyjson_arr_get(axis, 1);
        if (yyjson_arr_size(axis) != 2 || !yyjson_is_int(lo) || !yyjson_is_int(hi))
            return ff_err_set(err, FF_FORMAT,
                              "member \"region\": axis %d: wanted two whole numbers [lo, hi]", i);
        region.lo[i] = yyjson_get_sint(lo);
        region.hi[i] = yyjson_get_sint(hi);
    }
    if (!code)
        *out = region;
    return code;
}

static ff_code read_part(ff_manifest *m, yyjson_val *obj, ff_mf_part *out, ff_err *err)
{
    ff_code code = read_text(m, obj, "name", FF_MAX_NAME, &out->name, err);
    if (!code)
        code = read_dtype(obj, &out->dtype, err);
    if (!code)
        code = read_region(obj, &out->region, err);
    if (!code && ff_json_has(obj, "add"))
        code = ff_json_bool(obj, "add", &out->add, err);
    return code;
}

static ff_code read_parts(ff_manifest *m, yyjson_val *obj, const char *name, ff_mf_part **out,
                          int *count, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_code code = read_list(obj, name, 1, FF_MAX_ENVELOPE_TENSORS, &list, count, err);
    if (code)
        return code;
    *out = ff_arena_array(m->arena, (size_t)*count, sizeof **out);
    for (int i = 0; i < *count && !code; i++) {
        code = read_part(m, yyjson_arr_get(list, (size_t)i), *out + i, err);
        if (code)
            ff_err_wrap(err, "%s %d", name, i);
    }
    return code;
}

static ff_code read_probe(ff_manifest *m, yyjson_val *obj, ff_mf_probe *out, ff_err *err)
{
    yyjson_val *indices = NULL, *values = NULL;
    int64_t seed = 0, output = 0;
    int value_count = 0;
    ff_code code = ff_json_int(obj, "seed", 0, INT64_MAX, &seed, err);
    if (!code)
        code = ff_json_int(obj, "output", 0, FF_MAX_ENVELOPE_TENSORS - 1, &output, err);
    if (!code)
        code = ff_json_num(obj, "max_abs", &out->max_abs, err);
    if (!code)
        code = read_list(obj, "index", 1, FF_MANIFEST_MAX_PROBE, &indices, &out->count, err);
    if (!code)
        code = read_list(obj, "value", 1, FF_MANIFEST_MAX_PROBE, &values, &value_count, err);
    if (code)
        return code;
    if (value_count != out->count)
        return ff_err_set(err, FF_FORMAT, "%d values for %d indices", value_count, out->count);
    out->seed = (uint64_t)seed;
    out->output = (int)output;
    out->index = ff_arena_array(m->arena, (size_t)out->count, sizeof *out->index);
    out->value = ff_arena_array(m->arena, (size_t)out->count, sizeof *out->value);
    for (int i = 0; i < out->count; i++) {
        yyjson_val *index = yyjson_arr_get(indices, (size_t)i);
        yyjson_val *value = yyjson_arr_get(values, (size_t)i);
        if (!yyjson_is_int(index) || !yyjson_is_num(value))
            return ff_err_set(err, FF_FORMAT, "element %d: wanted a whole index and a number", i);
        out->index[i] = yyjson_get_sint(index);
        out->value[i] = yyjson_get_num(value);
    }
    return FF_OK;
}

static ff_code read_piece(ff_manifest *m, yyjson_val *obj, ff_mf_piece *out, ff_err *err)
{
    const char *function = NULL;
    int64_t weights = 0, flops = 0;
    ff_code code = ff_json_str(obj, "function", &function, err);
    if (!code && (out->function = ff_manifest_function(m, function)) < 0)
        code = ff_err_set(err, FF_FORMAT, "function '%.60s' is not among \"functions\"", function);
    if (!code)
        code = read_text(m, obj, "model", FF_MAX_NAME, &out->model, err);
    if (!code)
        code = read_text(m, obj, "weights", FF_MAX_NAME, &out->weights, err);
    if (!code)
        code = read_text(m, obj, "model_sha256", 64, &out->model_sha256, err);
    if (!code)
        code = ff_json_int(obj, "weights_bytes", 0, INT64_MAX, &weights, err);
    if (!code)
        code = ff_json_int(obj, "flops", 0, INT64_MAX, &flops, err);
    if (!code)
        code = read_parts(m, obj, "inputs", &out->in, &out->in_count, err);
    if (!code)
        code = read_parts(m, obj, "outputs", &out->out, &out->out_count, err);
    if (!code && ff_json_has(obj, "probe")) {
        code = read_probe(m, yyjson_obj_get(obj, "probe"), &out->probe, err);
        if (code)
            ff_err_wrap(err, "probe");
    }
    out->weights_bytes = (uint64_t)weights;
    out->flops = (uint64_t)flops;
    return code;
}

static ff_code read_names(ff_manifest *m, yyjson_val *obj, const char *name, const char ***out,
                          int *count, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_code code = read_list(obj, name, 0, FF_MANIFEST_MAX_ALIVE, &list, count, err);
    if (code)
        return code;
    *out = ff_arena_array(m->arena, (size_t)*count, sizeof **out);
    for (int i = 0; i < *count; i++) {
        yyjson_val *text = yyjson_arr_get(list, (size_t)i);
        if (!yyjson_is_str(text) || yyjson_get_len(text) > FF_MAX_NAME)
            return ff_err_set(err, FF_FORMAT, "member \"%s\": element %d: wanted a name", name, i);
        (*out)[i] = ff_arena_strndup(m->arena, yyjson_get_str(text), yyjson_get_len(text));
    }
    return FF_OK;
}

static ff_code read_stage(ff_manifest *m, yyjson_val *obj, ff_mf_stage *out, ff_err *err)
{
    yyjson_val *pieces = NULL;
    ff_code code = read_text(m, obj, "split", 60, &out->split, err);
    if (!code)
        code = read_tensors(m, obj, "outputs", &out->out, &out->out_count, err);
    if (!code && ff_json_has(obj, "drop"))
        code = read_names(m, obj, "drop", &out->drop, &out->drop_count, err);
    if (!code)
        code = read_list(obj, "pieces", 1, FF_MAX_TILES, &pieces, &out->piece_count, err);
    if (code)
        return code;
    out->local = !strcmp(out->split, "local");
    out->piece = ff_arena_array(m->arena, (size_t)out->piece_count, sizeof *out->piece);
    for (int i = 0; i < out->piece_count && !code; i++) {
        code = read_piece(m, yyjson_arr_get(pieces, (size_t)i), &out->piece[i], err);
        if (code)
            ff_err_wrap(err, "piece %d", i);
    }
    out->own = !code && !out->local && out->piece[0].function == 0;
    return code;
}

static ff_code read_stages(ff_manifest *m, yyjson_val *root, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_code code = read_list(root, "stages", 1, FF_MAX_STAGES, &list, &m->stage_count, err);
    if (code)
        return code;
    m->stage = ff_arena_array(m->arena, (size_t)m->stage_count, sizeof *m->stage);
    for (int i = 0; i < m->stage_count && !code; i++) {
        code = read_stage(m, yyjson_arr_get(list, (size_t)i), &m->stage[i], err);
        if (code)
            ff_err_wrap(err, "stage %d", i);
    }
    return code;
}

static ff_code read_functions(ff_manifest *m, yyjson_val *root, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_code code =
        read_list(root, "functions", 1, FF_MAX_FUNCTIONS, &list, &m->function_count, err);
    if (code)
        return code;
    m->functions = ff_arena_array(m->arena, (size_t)m->function_count, sizeof *m->functions);
    for (int i = 0; i < m->function_count && !code; i++) {
        code = read_text(m, yyjson_arr_get(list, (size_t)i), "name", FF_MANIFEST_NAME_CHARS,
                         &m->functions[i], err);
        if (code)
            ff_err_wrap(err, "functions %d", i);
    }
    return code;
}

/* An object that is a member, as text again for those who know what it means: the caller's, and
 * NULL where there is none. */
static ff_code member_text(yyjson_val *root, const char *name, char **text, size_t *len,
                           ff_err *err)
{
    yyjson_val *object = NULL;
    yyjson_write_err fault;
    *text = NULL;
    if (!ff_json_has(root, name))
        return FF_OK;
    ff_code code = ff_json_obj(root, name, &object, err);
    if (code)
        return code;
    *text = yyjson_val_write_opts(object, YYJSON_WRITE_NOFLAG, NULL, len, &fault);
    return *text ? FF_OK : ff_err_set(err, FF_NO_MEMORY, "member \"%s\": %s", name, fault.msg);
}

static ff_code read_preprocess(ff_manifest *m, yyjson_val *root, ff_err *err)
{
    char *text;
    size_t len = 0;
    ff_code code = member_text(root, "preprocess", &text, &len, err);
    if (text)
        m->preprocess_json = ff_arena_strndup(m->arena, text, len);
    ff_mem_free(text);
    return code;
}

static ff_code read_network(ff_manifest *m, yyjson_val *root, ff_err *err)
{
    char *text;
    size_t len = 0;
    ff_code code = member_text(root, "network", &text, &len, err);
    if (!text)
        return code;
    code = ff_net_profile_parse(ff_bytes_of(text, len), &m->network, err);
    ff_mem_free(text);
    return code ? (ff_err_wrap(err, "member \"network\""), code) : FF_OK;
}

static ff_code read_head(ff_manifest *m, yyjson_val *root, ff_err *err)
{
    yyjson_val *model = NULL;
    int64_t format = 0, block = 0;
    ff_code code = ff_json_int(root, "format", 0, INT64_MAX, &format, err);
    if (!code && format != FF_MANIFEST_FORMAT)
        code = ff_err_set(err, FF_UNSUPPORTED, "manifest format %lld, this program reads %d",
                          (long long)format, FF_MANIFEST_FORMAT);
    if (!code)
        code = read_text(m, root, "deployment", FF_MAX_NAME, &m->deployment, err);
    if (!code)
        code = ff_json_obj(root, "model", &model, err);
    if (!code)
        code = read_text(m, model, "path", 4096, &m->model_path, err);
    if (!code)
        code = read_text(m, model, "sha256", 64, &m->model_sha256, err);
    if (!code)
        code = read_text(m, root, "arch", 60, &m->arch, err);
    if (!code)
        code = read_text(m, root, "form", 60, &m->form, err);
    if (!code)
        code = ff_json_int(root, "nchwc_block", 1, 64, &block, err);
    m->nchwc_block = (int)block;
    return code;
}

static ff_code read_root(ff_manifest *m, yyjson_val *root, ff_err *err)
{
    if (!yyjson_is_obj(root))
        return ff_err_set(err, FF_FORMAT, "a manifest is an object, found %s",
                          yyjson_get_type_desc(root));
    ff_code code = read_head(m, root, err);
    if (!code)
        code = read_tensors(m, root, "inputs", &m->in, &m->in_count, err);
    if (!code)
        code = read_tensors(m, root, "outputs", &m->out, &m->out_count, err);
    if (!code)
        code = read_preprocess(m, root, err);
    if (!code)
        code = read_network(m, root, err);
    if (!code)
        code = read_functions(m, root, err);
    if (!code)
        code = read_stages(m, root, err);
    return code;
}

ff_code ff_manifest_parse(ff_bytes json, const char *dir, ff_manifest **out, ff_err *err)
{
    yyjson_doc *doc = NULL;
    if (json.len > FF_MANIFEST_MAX_BYTES)
        return ff_err_set(err, FF_LIMIT, "a manifest of %zu bytes, at most %zu", json.len,
                          FF_MANIFEST_MAX_BYTES);
    ff_code code = ff_json_parse(json, &doc, err);
    if (code)
        return code;
    ff_arena *arena = ff_arena_new();
    ff_manifest *m = ff_arena_alloc(arena, sizeof *m);
    m->arena = arena;
    m->dir = ff_arena_strdup(arena, dir ? dir : "");
    code = read_root(m, yyjson_doc_get_root(doc), err);
    yyjson_doc_free(doc);
    if (!code)
        code = ff_manifest_check(m, err);
    if (code) {
        ff_manifest_free(m);
        return code;
    }
    *out = m;
    return FF_OK;
}

ff_code ff_manifest_load(const char *dir, ff_manifest **out, ff_err *err)
{
    char path[4096];
    ff_buf json;
    ff_code code = ff_path_join(dir, "manifest.json", path, err);
    if (code)
        return code;
    ff_buf_init(&json, 0);
    code = ff_file_read(path, FF_MANIFEST_MAX_BYTES, &json, err);
    if (!code) {
        code = ff_manifest_parse(ff_buf_view(&json), dir, out, err);
        if (code)
            ff_err_in_file(err, path);
    }
    ff_buf_clean(&json);
    return code;
}

void ff_manifest_free(ff_manifest *manifest)
{
    if (!manifest)
        return;
    ff_net_profile_free(manifest->network);
    ff_arena_free(manifest->arena); /* which holds the struct itself */
}
