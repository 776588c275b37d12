#include <stdlib.h>
#include <string.h>

#include "client/client_int.h"

static ff_code parse_shape(yyjson_val *port, ff_shape *shape, ff_err *err)
{
    yyjson_val *dims = NULL;
    ff_code code = ff_json_arr(port, "shape", &dims, err);
    if (code)
        return code;
    size_t rank = yyjson_arr_size(dims);
    if (rank > FF_MAX_RANK)
        return ff_err_set(err, FF_LIMIT, "member \"shape\": rank %zu, at most %d", rank,
                          FF_MAX_RANK);
    shape->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        yyjson_val *dim = yyjson_arr_get(dims, i);
        if (!yyjson_is_int(dim))
            return ff_err_set(err, FF_FORMAT, "member \"shape\": dimension %zu is no integer", i);
        shape->dim[i] = yyjson_get_sint(dim);
    }
    uint64_t elems = 0;
    return ff_shape_elems(shape, &elems, err);
}

static ff_code parse_ports(yyjson_val *root, const char *name, ff_arena *arena,
                           ff_client_port **out, int *count, ff_err *err)
{
    yyjson_val *list = NULL;
    ff_code code = ff_json_arr(root, name, &list, err);
    if (code)
        return code;
    size_t n = yyjson_arr_size(list);
    if (n > FF_MAX_ENVELOPE_TENSORS)
        return ff_err_set(err, FF_LIMIT, "member \"%s\": %zu tensors, at most %u", name, n,
                          FF_MAX_ENVELOPE_TENSORS);
    ff_client_port *ports = ff_arena_array(arena, n, sizeof *ports);
    for (size_t i = 0; !code && i < n; i++) {
        yyjson_val *port = yyjson_arr_get(list, i);
        const char *text = NULL;
        code = ff_json_str(port, "name", &text, err);
        if (!code) {
            ports[i].name = ff_arena_strdup(arena, text);
            code = ff_json_str(port, "dtype", &text, err);
        }
        if (!code) {
            ports[i].dtype = ff_dtype_from_name(text);
            code = ff_dtype_bytes(ports[i].dtype)
                       ? parse_shape(port, &ports[i].shape, err)
                       : ff_err_set(err, FF_FORMAT, "member \"dtype\": unknown '%.32s'", text);
        }
        if (code)
            ff_err_wrap(err, "\"%s\" %zu", name, i);
    }
    *out = ports;
    *count = (int)n;
    return code;
}

static ff_code parse_store(yyjson_val *root, ff_arena *arena, ff_client_about *about, ff_err *err)
{
    yyjson_val *store = NULL;
    const char *url = NULL, *prefix = NULL;
    if (!ff_json_has(root, "store"))
        return FF_OK;
    ff_code code = ff_json_obj(root, "store", &store, err);
    if (!code)
        code = ff_json_str(store, "url", &url, err);
    if (!code)
        code = ff_json_str(store, "prefix", &prefix, err);
    if (code)
        return code;
    about->store_url = ff_arena_strdup(arena, url);
    about->prefix = ff_arena_strdup(arena, prefix);
    return FF_OK;
}

static void copy_preprocess(yyjson_val *root, ff_arena *arena, ff_client_about *about)
{
    yyjson_val *member = yyjson_obj_get(root, "preprocess");
    char *text = yyjson_is_obj(member) ? yyjson_val_write(member, YYJSON_WRITE_NOFLAG, NULL) : NULL;
    if (text)
        about->preprocess_json = ff_arena_strdup(arena, text);
    free(text);
}

static ff_code parse_network(yyjson_val *root, ff_arena *arena, ff_client_about *about, ff_err *err)
{
    const char *name = NULL;
    if (!ff_json_has(root, "network"))
        return FF_OK;
    ff_code code = ff_json_str(root, "network", &name, err);
    if (!code)
        about->network = ff_arena_strdup(arena, name);
    return code;
}

ff_code ff_client_about_parse(ff_bytes json, ff_arena *arena, ff_client_about *out, ff_err *err)
{
    ff_client_about about = {.prefix = ""};
    yyjson_doc *doc = NULL;
    yyjson_val *limits = NULL;
    const char *deployment = NULL;
    int64_t bytes = 0;
    ff_code code = ff_json_parse(json, &doc, err);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!code)
        code = ff_json_str(root, "deployment", &deployment, err);
    if (!code) {
        about.deployment = ff_arena_strdup(arena, deployment);
        code = parse_ports(root, "inputs", arena, &about.in, &about.in_count, err);
    }
    if (!code)
        code = parse_ports(root, "outputs", arena, &about.out, &about.out_count, err);
    if (!code)
        code = parse_store(root, arena, &about, err);
    if (!code)
        code = parse_network(root, arena, &about, err);
    if (!code)
        code = ff_json_obj(root, "limits", &limits, err);
    if (!code)
        code = ff_json_int(limits, "request_bytes", 0, INT64_MAX, &bytes, err);
    if (!code) {
        copy_preprocess(root, arena, &about);
        about.request_bytes = (uint64_t)bytes;
        *out = about;
    }
    yyjson_doc_free(doc);
    return code ? ff_err_wrap(err, "the master's description") : FF_OK;
}
