/*
 * The reference: the whole model in ONNX Runtime, unsplit, as the file has it, at the optimisation
 * level of the bundle's form (other levels sum in another order: that is not what is proved here).
 *
 * Its outputs come from the original file, untouched by our reader. Tensors inside it come from a
 * second run of the model written again with more outputs; its weights stay where they are, in the
 * original file (or, where that keeps them elsewhere, in a temporary one).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "build/build_int.h"

#define OUTSIDE_MIN_BYTES 1024u

static const char **input_names(const ff_manifest *m)
{
    const char **names = ff_mem_must_array((size_t)m->in_count + 1, sizeof *names);
    for (int i = 0; i < m->in_count; i++)
        names[i] = m->in[i].name;
    return names;
}

/* The whole model runs with the kernels that the pieces run with. */
static bool is_portable(const ff_manifest *m)
{
    return !strcmp(m->form, "portable");
}

ff_code ff_whole_outputs(const ff_manifest *m, const char *model_path, ff_engine *engine,
                         const ff_tensor *in, ff_tensor *out, ff_err *err)
{
    const char **in_names = input_names(m);
    const char **out_names = ff_mem_must_array((size_t)m->out_count + 1, sizeof *out_names);
    for (int i = 0; i < m->out_count; i++)
        out_names[i] = m->out[i].name;
    ff_session_options options = {.plain = true, .portable = is_portable(m)};
    ff_code code = ff_build_run(engine, model_path, &options, in_names, in, m->in_count, out_names,
                                out, m->out_count, err);
    if (code != FF_OK)
        ff_err_wrap(err, "whole model");
    ff_mem_free(in_names);
    ff_mem_free(out_names);
    return code;
}

/* Places in the model's own file; false where a large weight is not in it. */
static bool places_inside(const ff_graph *g, ff_onnx_place *places)
{
    for (int v = 0; v < g->value_count; v++) {
        ff_bytes data = g->values[v].data;
        if (g->values[v].kind != FF_VALUE_WEIGHT || data.len < OUTSIDE_MIN_BYTES ||
            g->values[v].dtype == FF_DTYPE_STRING)
            continue;
        uintptr_t start = g->map_count > 0 ? (uintptr_t)g->maps[0].data : 0;
        uintptr_t at = (uintptr_t)data.data;
        bool inside = g->map_count > 0 && at >= start && at - start <= g->maps[0].len &&
                      g->maps[0].len - (at - start) >= data.len;
        if (!inside && data.len >= (1u << 20))
            return false; /* a large one elsewhere: external data */
        if (inside)
            places[v] = (ff_onnx_place){at - start, data.len};
    }
    return true;
}

static ff_code run_bytes(const ff_manifest *m, ff_bytes model, const char *dir, ff_engine *engine,
                         const ff_tensor *in, const char *const *names, int count, ff_tensor *out,
                         ff_err *err)
{
    ff_session *session = NULL;
    ff_session_options options = {.plain = true, .portable = is_portable(m)};
    const char **in_names = input_names(m);
    ff_code code = ff_session_open_bytes(engine, model, dir, &options, &session, err);
    if (code == FF_OK)
        code = ff_build_run_session(session, in_names, in, m->in_count, names, out, count, err);
    ff_session_close(session);
    ff_mem_free(in_names);
    return code;
}

/* Weights to a temporary folder, the model beside them in memory. */
static ff_code run_elsewhere(const ff_manifest *m, const ff_graph *g, ff_onnx_place *places,
                             ff_engine *engine, const ff_tensor *in, const char *const *names,
                             int count, ff_tensor *out, ff_err *err)
{
    char dir[PATH_MAX], path[PATH_MAX];
    const char *base = getenv("TMPDIR");
    ff_weights *weights = NULL;
    ff_buf model;
    ff_buf_init(&model, 0);
    ff_code code = ff_path_join(base == NULL ? "/tmp" : base, "fanfold-verify-XXXXXX", dir, err);
    if (code == FF_OK && mkdtemp(dir) == NULL)
        code = ff_err_errno(err, errno, dir, "cannot make a temporary folder");
    if (code != FF_OK)
        return code;
    code = ff_path_join(dir, "weights.bin", path, err);
    if (code == FF_OK)
        code = ff_weights_open(path, false, &weights, err);
    if (code == FF_OK)
        code = ff_weights_add(weights, g, places, err);
    if (code == FF_OK)
        code = ff_onnx_emit(g, "weights.bin", places, &model, err);
    if (code == FF_OK) {
        code = ff_weights_commit(weights, err);
        weights = NULL;
    }
    if (code == FF_OK)
        code = run_bytes(m, ff_buf_view(&model), dir, engine, in, names, count, out, err);
    ff_weights_abort(weights);
    ff_buf_clean(&model);
    (void)ff_dir_remove(dir, NULL);
    return code;
}

ff_code ff_whole_tensors(const ff_manifest *m, ff_graph *g, const char *model_path,
                         ff_engine *engine, const ff_tensor *in, const char *const *names,
                         int count, ff_tensor *out, ff_err *err)
{
    char dir[PATH_MAX];
    ff_buf model;
    ff_code code = FF_OK;
    for (int i = 0; i < count; i++) {
        int v = ff_graph_find_value(g, names[i]);
        if (v == FF_NO_VALUE)
            return ff_err_set(err, FF_FORMAT, "the model has no tensor '%.128s'", names[i]);
        if (!ff_graph_is_output(g, v))
            ff_graph_add_output(g, v);
    }
    ff_buf_init(&model, 0);
    ff_onnx_place *places = ff_mem_must_array((size_t)g->value_count + 1, sizeof *places);
    if (places_inside(g, places)) {
        code = ff_path_dir(model_path, dir, err);
        if (code == FF_OK)
            code = ff_onnx_emit(g, ff_path_base(model_path), places, &model, err);
        if (code == FF_OK)
            code = run_bytes(m, ff_buf_view(&model), dir, engine, in, names, count, out, err);
    } else {
        memset(places, 0, (size_t)g->value_count * sizeof *places);
        code = run_elsewhere(m, g, places, engine, in, names, count, out, err);
    }
    if (code != FF_OK)
        ff_err_wrap(err, "whole model, with the stages' tensors");
    ff_mem_free(places);
    ff_buf_clean(&model);
    return code;
}
