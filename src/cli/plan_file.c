#include "cli/plan_file.h"

#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "cli/cli.h"

ff_code ff_cli_load_plan(const char *path, ff_plan **plan, ff_graph **g, ff_err *err)
{
    ff_buf json;
    ff_buf_init(&json, 0);
    ff_plan *p = NULL;
    ff_graph *graph = NULL;
    char model[PATH_MAX], hex[FF_SHA256_HEX];
    ff_code code = ff_file_read(path, FF_MAX_PLAN_BYTES, &json, err);
    if (!code) {
        code = ff_plan_parse(ff_buf_view(&json), &p, err);
        ff_err_in_file(code ? err : NULL, path);
    }
    if (!code)
        code = ff_cli_beside(path, p->model_path, model, err);
    if (!code)
        code = ff_hash_sha256_file(model, hex, err);
    if (!code && strcmp(hex, p->model_sha256)) {
        code = ff_err_set(err, FF_MISMATCH, "SHA-256 %s, but the plan was made for %s: plan again",
                          hex, p->model_sha256);
        ff_err_in_file(err, model);
    }
    if (!code)
        code = ff_onnx_load(model, p->shapes, p->shape_count, &graph, err);
    if (!code)
        code = ff_plan_check(p, graph, err);
    ff_buf_clean(&json);
    if (code) {
        ff_graph_free(graph);
        ff_plan_free(p);
        return code;
    }
    *plan = p;
    *g = graph;
    return FF_OK;
}
