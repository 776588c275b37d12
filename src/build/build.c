/*
 * The bundle: built in a temporary neighbour, then put in its place at once.
 */
#include "build/build.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/out_dir.h"
#include "build/build_int.h"

/* The way from the folder `from` to the file `to`, both absolute and resolved. */
static ff_code relative_path(const char *from, const char *to, ff_buf *out, ff_err *err)
{
    size_t same = 0, slash = 0;
    for (; from[same] != '\0' && from[same] == to[same]; same++)
        slash = to[same] == '/' ? same : slash;
    if (from[same] == '\0' && to[same] == '/')
        slash = same;
    ff_code code = FF_OK;
    for (const char *p = from + slash; *p != '\0' && code == FF_OK; p++)
        if (*p == '/')
            code = ff_buf_text(out, "../", err);
    return code == FF_OK ? ff_buf_text(out, to + slash + 1, err) : code;
}

static ff_code model_path(const ff_graph *g, const ff_out_dir *p, ff_arena *arena, const char **out,
                          ff_err *err)
{
    char parent[PATH_MAX], from[PATH_MAX], base[PATH_MAX], to[PATH_MAX];
    ff_buf text;
    ff_code code = ff_path_dir(p->dir, parent, err);
    if (code != FF_OK)
        return code;
    if (realpath(parent, base) == NULL)
        return ff_err_errno(err, errno, parent, "cannot find the folder");
    if (realpath(g->path, to) == NULL)
        return ff_err_errno(err, errno, g->path, "cannot find the model");
    code = ff_path_join(base, ff_path_base(p->dir), from, err);
    ff_buf_init(&text, PATH_MAX);
    if (code == FF_OK)
        code = relative_path(from, to, &text, err);
    if (code == FF_OK)
        *out = ff_arena_strndup(arena, (const char *)text.data, text.len);
    ff_buf_clean(&text);
    return code;
}

static ff_mf_tensor *describe_tensors(ff_manifest *m, const ff_graph *g, const int *values,
                                      int count)
{
    ff_mf_tensor *out = ff_arena_array(m->arena, (size_t)count + 1, sizeof *out);
    for (int i = 0; i < count; i++) {
        const ff_value *value = &g->values[values[i]];
        out[i] = (ff_mf_tensor){ff_arena_strdup(m->arena, value->name), value->dtype, value->shape};
    }
    return out;
}

static ff_code describe(const ff_build *b, const ff_out_dir *p, const char *deployment, ff_err *err)
{
    ff_manifest *m = b->manifest;
    bool nchwc = b->options->form == FF_FORM_NCHWC;
    struct utsname machine;
    if (uname(&machine) != 0)
        return ff_err_errno(err, errno, "", "cannot tell the machine's architecture");
    m->deployment = ff_arena_strdup(m->arena, deployment);
    m->model_sha256 = ff_arena_strdup(m->arena, b->plan->model_sha256);
    m->arch = ff_arena_strdup(m->arena, machine.machine);
    m->form = nchwc ? "nchwc" : "portable";
    m->nchwc_block = nchwc ? ff_engine_nchwc_block() : 1;
    m->in_count = b->g->input_count;
    m->in = describe_tensors(m, b->g, b->g->inputs, m->in_count);
    m->out_count = b->g->output_count;
    m->out = describe_tensors(m, b->g, b->g->outputs, m->out_count);
    m->preprocess_json = b->options->preprocess_json == NULL
                             ? NULL
                             : ff_arena_strdup(m->arena, b->options->preprocess_json);
    m->network = (ff_net_profile *)(uintptr_t)b->options->network; /* borrowed, and read only */
    m->functions = ff_arena_array(m->arena, FF_MAX_FUNCTIONS, sizeof *m->functions);
    m->functions[0] = "master";
    m->function_count = 1;
    m->stage_count = b->plan->stage_count;
    m->stage = ff_arena_array(m->arena, (size_t)m->stage_count, sizeof *m->stage);
    return model_path(b->g, p, m->arena, &m->model_path, err);
}

/* A tensor is dropped after the last stage that reads it, or the one that makes it for nobody. */
static void add_drops(const ff_build *b)
{
    const ff_graph *g = b->g;
    ff_manifest *m = b->manifest;
    int *dropped_at = ff_mem_must_array((size_t)g->value_count + 1, sizeof *dropped_at);
    int *count = ff_mem_must_array((size_t)m->stage_count + 1, sizeof *count);
    for (int v = 0; v < g->value_count; v++)
        dropped_at[v] = -1;
    for (int i = 0; i < g->input_count; i++)
        dropped_at[g->inputs[i]] = 0;
    for (int s = 0; s < m->stage_count; s++)
        for (int i = 0; i < m->stage[s].out_count; i++)
            dropped_at[ff_graph_find_value(g, m->stage[s].out[i].name)] = s;
    for (int v = 0; v < g->value_count; v++) {
        if (ff_graph_is_output(g, v))
            dropped_at[v] = -1;
        if (dropped_at[v] >= 0 && b->last_read[v] > dropped_at[v])
            dropped_at[v] = b->last_read[v];
        if (dropped_at[v] >= 0)
            count[dropped_at[v]]++;
    }
    for (int s = 0; s < m->stage_count; s++)
        m->stage[s].drop = ff_arena_array(m->arena, (size_t)count[s] + 1, sizeof *m->stage[s].drop);
    for (int v = 0; v < g->value_count; v++) {
        if (dropped_at[v] < 0)
            continue;
        ff_mf_stage *stage = &m->stage[dropped_at[v]];
        stage->drop[stage->drop_count++] = ff_arena_strdup(m->arena, g->values[v].name);
    }
    ff_mem_free(count);
    ff_mem_free(dropped_at);
}

static ff_code write_manifest(const ff_build *b, ff_err *err)
{
    char path[PATH_MAX];
    ff_manifest *parsed = NULL;
    ff_buf json;
    ff_buf_init(&json, 0);
    ff_code code = ff_manifest_emit(b->manifest, &json, err);
    if (code == FF_OK) /* what every function will do with it */
        code = ff_manifest_parse(ff_buf_view(&json), b->dir, &parsed, err);
    if (code == FF_OK)
        code = ff_path_join(b->dir, "manifest.json", path, err);
    if (code == FF_OK)
        code = ff_file_write(path, ff_buf_view(&json), err);
    ff_manifest_free(parsed);
    ff_buf_clean(&json);
    return code;
}

static ff_code build_all(ff_build *b, const ff_out_dir *p, const char *deployment, ff_err *err)
{
    ff_code code = ff_out_dir_begin(p, err);
    if (code == FF_OK)
        code = describe(b, p, deployment, err);
    for (int s = 0; s < b->plan->stage_count && code == FF_OK; s++)
        code = ff_build_stage(b, s, err);
    if (code != FF_OK)
        return code;
    add_drops(b);
    code = write_manifest(b, err);
    if (code == FF_OK)
        code = ff_out_dir_commit(p, err);
    if (code == FF_OK && b->options->progress != NULL)
        b->options->progress(b->options->user, b->piece_all, b->piece_all, "done");
    return code;
}

static ff_code check_model(const ff_graph *g, ff_err *err)
{
    if (g->input_count == 0)
        return ff_err_set(
            err, FF_UNSUPPORTED,
            "the model has no inputs besides its weights: it always answers the same");
    for (int i = 0; i < g->input_count + g->output_count; i++) {
        bool in = i < g->input_count;
        const ff_value *value = &g->values[in ? g->inputs[i] : g->outputs[i - g->input_count]];
        const char *what = in ? "input" : "output";
        if (value->dtype == FF_DTYPE_STRING)
            return ff_err_set(err, FF_UNSUPPORTED,
                              "%s '%.128s' holds strings, which do not travel; let the model begin "
                              "and end with numbers",
                              what, value->name);
        uint64_t elems = 0;
        if (value->has_shape && ff_shape_elems(&value->shape, &elems, NULL) == FF_OK && elems == 0)
            return ff_err_set(err, FF_UNSUPPORTED, "%s '%.128s' is empty", what, value->name);
        if (!value->has_shape || ff_dtype_bytes(value->dtype) == 0)
            return ff_err_set(err, FF_UNSUPPORTED,
                              "%s '%.128s' has no fixed shape and type; a bundle needs both", what,
                              value->name);
    }
    return FF_OK;
}

/* Gives back at once what the optimiser frees: the allocator's own threshold grows to 32 MB, and
 * what is smaller stays as holes between what is still used. Process-wide. Peak of anonymous memory
 * for a local stage of 870 MB of weights: 1.13 instead of 1.37 times the weights. */
static void keep_memory_low(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 256 << 10);
#endif
}

ff_code ff_build_bundle(const ff_plan *plan, const ff_graph *g, ff_engine *engine, const char *dir,
                        const ff_build_options *options, ff_err *err)
{
    static const ff_build_options none = {0};
    ff_build b = {.plan = plan, .g = g, .engine = engine, .options = options ? options : &none};
    ff_out_dir p;
    ff_code code = ff_plan_check(plan, g, err);
    if (code == FF_OK)
        code = check_model(g, err);
    if (code == FF_OK)
        code = ff_out_dir_find(dir, "manifest.json", "bundle", &p, err);
    if (code != FF_OK)
        return code;
    const char *name = b.options->deployment;
    name = name == NULL ? ff_path_base(p.dir) : name;
    code = ff_manifest_check_name(name, err);
    if (code != FF_OK)
        return code;
    for (int s = 0; s < plan->stage_count; s++)
        b.piece_all += ff_split_count(&plan->stage[s].stage.split);
    ff_manifest manifest = {.arena = ff_arena_new(), .dir = p.temp};
    b.manifest = &manifest;
    b.dir = p.temp;
    b.last_read = ff_mem_must_array((size_t)g->value_count + 1, sizeof *b.last_read);
    for (int v = 0; v < g->value_count; v++)
        b.last_read[v] = -1;
    keep_memory_low();
    code = build_all(&b, &p, name, err);
    if (code != FF_OK)
        ff_out_dir_abort(&p);
    ff_mem_free(b.last_read);
    ff_arena_free(manifest.arena);
    return code;
}
