#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "measure/measure.h"
#include "report/table.h"
#include "zoo/zoo.h"

static const ff_flag FLAGS[] = {
    {"output", "compute.json", "the profile to write (-o)", false},
    {"threads", "N", "threads of a session, as a function will have (default 1)", false},
    {"minutes", "N", "how long to measure, about (default 10; parts such as 0.5 too)", false},
    {"name", "NAME", "the profile's name (default: the file's, without .json)", false},
    {"shape", "NAME=DIMS", "shape of an input with symbolic dimensions, x=1,3,640,640", true},
    {"samples", "S.csv", "write every timed node as a line, for fits of your own", false},
    {0},
};

#define MODELS_MAX 64

/* Whose pieces are predicted where no model is given. */
static const struct {
    const char *name;
    int num, den;
} HOLDOUT[] = {{"resnet50-v1", 1, 2}, {"resnet50-v2", 3, 4},     {"vgg16", 1, 2},
               {"wrn34-1", 1, 1},     {"mobilenet-v2", 1, 1},    {"inception-v3", 1, 2},
               {"densenet121", 1, 2}, {"efficientnet-b0", 1, 1}, {"unet", 1, 4},
               {"bert-base", 1, 2},   {"vit-b16", 1, 4},         {"gpt2-small", 1, 4},
               {"rnn-3", 1, 2}};
#define HOLDOUT_COUNT ((int)(sizeof HOLDOUT / sizeof HOLDOUT[0]))

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static bool stop(void *user)
{
    (void)user;
    return interrupted != 0;
}

typedef struct profiling {
    ff_arena *arena;
    char dir[PATH_MAX]; /* "" until made */
    int graph_count;
    ff_graph *graph[MODELS_MAX];
    ff_measure_options options;
    ff_measured measured;
} profiling;

static ff_code make_dir(profiling *p, ff_err *err)
{
    const char *base = getenv("TMPDIR");
    char path[PATH_MAX];
    ff_code code = ff_path_join(base && *base ? base : "/tmp", "fanfold-profile-XXXXXX", path, err);
    if (code)
        return code;
    if (!mkdtemp(path))
        return ff_err_errno(err, errno, path, "cannot make a folder for temporary files");
    memcpy(p->dir, path, sizeof path);
    return FF_OK;
}

static ff_code load(profiling *p, const char *path, const ff_cli_shapes *shapes, const char *name,
                    ff_err *err)
{
    ff_graph **g = &p->graph[p->graph_count];
    ff_code code = ff_onnx_load(path, shapes->shape, shapes->count, g, err);
    if (code)
        return code;
    (*g)->name = ff_arena_strdup((*g)->arena, name);
    p->graph_count++;
    return FF_OK;
}

static ff_code load_models(profiling *p, const ff_args *args, ff_err *err)
{
    ff_cli_shapes shapes;
    ff_code code = ff_cli_read_shapes(args, p->arena, &shapes, err);
    for (int i = 0; i < args->positional_count && !code; i++)
        code = load(p, args->positional[i], &shapes, ff_path_base(args->positional[i]), err);
    return code;
}

/* The zoo's networks lie in the temporary folder for as long as their weights are mapped. */
static ff_code write_zoo(profiling *p, ff_err *err)
{
    const ff_cli_shapes none = {0};
    ff_code code = FF_OK;
    for (int i = 0; i < HOLDOUT_COUNT && !code; i++) {
        ff_zoo_options options = {
            .width_num = HOLDOUT[i].num, .width_den = HOLDOUT[i].den, .seed = 1};
        char path[PATH_MAX], name[64], file[80];
        snprintf(name, sizeof name, "%s %d/%d", HOLDOUT[i].name, HOLDOUT[i].num, HOLDOUT[i].den);
        snprintf(file, sizeof file, "%s.onnx", HOLDOUT[i].name);
        ff_cli_progress(NULL, i, HOLDOUT_COUNT, name);
        code = ff_path_join(p->dir, file, path, err);
        if (!code)
            code = ff_zoo_write(HOLDOUT[i].name, &options, path, err);
        if (!code)
            code = load(p, path, &none, name, err);
        if (!code && interrupted)
            code = ff_err_set(err, FF_CANCELLED, "interrupted");
    }
    return code;
}

static ff_code read_minutes(const ff_args *args, double *minutes, ff_err *err)
{
    const char *text = ff_args_value(args, "minutes");
    char *end = NULL;
    *minutes = text ? strtod(text, &end) : 10;
    if (text && (end == text || *end || !(*minutes > 0 && *minutes <= 1440)))
        return ff_err_set(err, FF_USAGE,
                          "--minutes: wanted a number above 0, up to 1440, found "
                          "'%s'",
                          text);
    return FF_OK;
}

/* "AMD EPYC (x86_64 avx512), 2 CPUs" */
static const char *machine_text(ff_arena *arena)
{
    char line[512], model[256] = "unknown CPU";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %255[^\n]", model) == 1)
            break;
    if (f)
        fclose(f);
    return ff_arena_printf(arena, "%s (%s), %d CPUs, ONNX Runtime %s", model, ff_engine_cpu(),
                           ff_engine_cpus(), ff_engine_version());
}

static const char *name_of(ff_arena *arena, const ff_args *args, const char *path)
{
    const char *base = ff_path_base(path), *dot = strstr(base, ".json");
    if (ff_args_has(args, "name"))
        return ff_args_value(args, "name");
    return ff_arena_strndup(arena, base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
}

static ff_code read_options(profiling *p, const ff_args *args, const char *path, ff_err *err)
{
    int64_t threads = 1;
    char date[32];
    ff_code code = ff_args_int(args, "threads", 1, 1024, 1, &threads, err);
    if (!code)
        code = read_minutes(args, &p->options.minutes, err);
    if (!code && args->positional_count > MODELS_MAX)
        code = ff_err_set(err, FF_LIMIT, "at most %d models, found %d", MODELS_MAX,
                          args->positional_count);
    ff_clock_iso(ff_clock_wall_ms(), date, sizeof date);
    p->options.threads = (int)threads;
    p->options.name = name_of(p->arena, args, path);
    p->options.about =
        ff_arena_printf(p->arena, "Measured by fanfold profile, %.10s: %s, %d thread%s.", date,
                        args->positional_count ? "the nodes of given models" : "the built-in sweep",
                        (int)threads, threads == 1 ? "" : "s");
    p->options.machine = machine_text(p->arena);
    p->options.progress = ff_cli_progress;
    p->options.stop = stop;
    return code;
}

static ff_code measure(profiling *p, const ff_args *args, ff_err *err)
{
    const ff_graph *const *graphs = (const ff_graph *const *)p->graph;
    ff_code code = make_dir(p, err);
    if (!code)
        code = args->positional_count ? load_models(p, args, err) : write_zoo(p, err);
    if (code)
        return code;
    p->options.dir = p->dir;
    p->options.models = graphs;
    p->options.model_count = args->positional_count ? p->graph_count : 0;
    p->options.holdout = graphs;
    p->options.holdout_count = p->graph_count;
    return ff_measure_compute(&p->options, &p->measured, err);
}

static ff_code write_samples(const ff_measured *m, const char *path, ff_err *err)
{
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = ff_buf_text(&out,
                               "entry,op,macs,weight_elems,in_elems,out_elems,patch_elems,"
                               "moved_bytes,tile_elems,ms,predicted_ms\n",
                               err);
    for (int i = 0; i < m->sample_count && !code; i++) {
        const ff_measure_sample *s = &m->samples[i];
        const ff_work *w = &s->work;
        code = ff_buf_printf(&out, err, "%s,%s,%llu,%llu,%llu,%llu,%llu,%llu,%llu,%.6f,%.6f\n",
                             s->entry, w->op, (unsigned long long)w->macs,
                             (unsigned long long)w->weight_elems, (unsigned long long)w->in_elems,
                             (unsigned long long)w->out_elems, (unsigned long long)w->patch_elems,
                             (unsigned long long)w->moved_bytes, (unsigned long long)w->tile_elems,
                             s->ms, s->predicted_ms);
    }
    if (!code)
        code = ff_file_write(path, ff_buf_view(&out), err);
    ff_buf_clean(&out);
    return code;
}

static ff_code write_profile(const ff_compute_profile *p, const char *path, ff_err *err)
{
    ff_buf json;
    ff_buf_init(&json, 0);
    ff_code code = ff_compute_profile_emit(p, &json, err);
    if (!code)
        code = ff_buf_text(&json, "\n", err);
    if (!code)
        code = ff_file_write(path, ff_buf_view(&json), err);
    ff_buf_clean(&json);
    return code;
}

static ff_code print_json(const ff_measured *m, ff_err *err)
{
    const ff_compute_profile *p = m->profile;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "name", p->name);
    yyjson_mut_obj_add_str(doc, root, "machine", p->machine);
    yyjson_mut_obj_add_real(doc, root, "threads", p->threads);
    yyjson_mut_obj_add_real(doc, root, "vcpu_gmac_per_s", p->vcpu_gmac_per_s.value);
    yyjson_mut_obj_add_int(doc, root, "samples", m->sample_count);
    yyjson_mut_val *ops = yyjson_mut_obj_add_arr(doc, root, "ops");
    for (int i = 0; i < p->op_count; i++) {
        yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, ops);
        yyjson_mut_obj_add_str(doc, row, "op", p->ops[i].op);
        yyjson_mut_obj_add_real(doc, row, "r2", p->ops[i].r2);
        yyjson_mut_obj_add_real(doc, row, "samples", p->ops[i].samples);
    }
    yyjson_mut_val *holdout = yyjson_mut_obj_add_obj(doc, root, "holdout");
    yyjson_mut_obj_add_real(doc, holdout, "pieces", p->holdout.pieces);
    yyjson_mut_obj_add_real(doc, holdout, "mean_abs_error", p->holdout.mean_abs_error);
    yyjson_mut_obj_add_real(doc, holdout, "max_abs_error", p->holdout.max_abs_error);
    yyjson_mut_val *pieces = yyjson_mut_obj_add_arr(doc, root, "pieces");
    for (int i = 0; i < m->piece_count; i++) {
        const ff_measure_piece *piece = &m->pieces[i];
        yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, pieces);
        yyjson_mut_obj_add_str(doc, row, "model", piece->model);
        yyjson_mut_obj_add_str(doc, row, "split", piece->split);
        yyjson_mut_obj_add_int(doc, row, "begin", piece->begin);
        yyjson_mut_obj_add_int(doc, row, "end", piece->end);
        yyjson_mut_obj_add_real(doc, row, "ms", piece->ms);
        yyjson_mut_obj_add_real(doc, row, "predicted_ms", piece->predicted_ms);
    }
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static void add_ops(ff_table *table, const ff_compute_profile *p)
{
    for (int i = 0; i < p->op_count; i++) {
        const ff_compute_op *op = &p->ops[i];
        ff_table_cell(table, "%s", op->op);
        ff_table_cell(table, "%.0f", op->samples);
        ff_table_cell(table, op->samples > 0 ? "%.3f" : "", op->r2);
        ff_table_cell(table, "%.4f", op->fixed_ms);
        ff_table_cell(table, "%.2f", op->ms_per_gmac);
        ff_table_cell(table, "%.3f", op->ms_per_mweight);
        ff_table_cell(table, "%.3f", op->ms_per_melem_in);
        ff_table_cell(table, "%.3f", op->ms_per_melem_out);
        ff_table_cell(table, "%.3f", op->ms_per_mpatch);
        ff_table_cell(table, "%.3f", op->ms_per_mb);
        ff_table_cell(table, "%s", op->efficiency_count ? "by tile" : "");
    }
}

static ff_code print_text(const ff_measured *m, ff_err *err)
{
    const ff_compute_profile *p = m->profile;
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_table *ops = ff_table_new("op|>samples|>R2|>ms|>per GMAC|>per M weights|>M in|>M out|>M "
                                 "patch|>MB|efficiency");
    ff_table *pieces = ff_table_new("piece of|nodes|split|>ms|>predicted|>error");
    add_ops(ops, p);
    for (int i = 0; i < m->piece_count; i++) {
        const ff_measure_piece *piece = &m->pieces[i];
        ff_table_cell(pieces, "%s", piece->model);
        ff_table_cell(pieces, "%d-%d", piece->begin, piece->end - 1);
        ff_table_cell(pieces, "%s", piece->split);
        ff_table_cell(pieces, "%.2f", piece->ms);
        ff_table_cell(pieces, "%.2f", piece->predicted_ms);
        ff_table_cell(pieces, "%+.1f %%", 100 * (piece->predicted_ms / piece->ms - 1));
    }
    ff_code code = ff_table_emit(ops, &out, err);
    if (!code)
        code = ff_buf_text(&out, "\n", err);
    if (!code)
        code = ff_table_emit(pieces, &out, err);
    if (!code)
        code = ff_buf_printf(&out, err,
                             "\n%s: %d nodes timed; %.0f whole pieces that the fit has not seen: "
                             "mean error %.1f %%, worst %.1f %%; kernel %.1f GMAC/s\n",
                             p->name, m->sample_count, p->holdout.pieces,
                             100 * p->holdout.mean_abs_error, 100 * p->holdout.max_abs_error,
                             p->vcpu_gmac_per_s.value);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_table_free(ops);
    ff_table_free(pieces);
    ff_buf_clean(&out);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    const char *path = NULL, *samples = ff_args_value(args, "samples");
    profiling p = {.arena = ff_arena_new()};
    ff_code code = ff_args_required(args, "output", &path, err);
    if (!code)
        code = read_options(&p, args, path, err);
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    if (!code)
        code = measure(&p, args, err);
    if (!code)
        code = write_profile(p.measured.profile, path, err);
    if (!code && samples)
        code = write_samples(&p.measured, samples, err);
    ff_cli_progress_end();
    if (!code)
        code = args->json ? print_json(&p.measured, err) : print_text(&p.measured, err);
    ff_measured_clean(&p.measured);
    for (int i = 0; i < p.graph_count; i++)
        ff_graph_free(p.graph[i]);
    if (p.dir[0])
        (void)ff_dir_remove(p.dir, NULL);
    ff_arena_free(p.arena);
    return code;
}

const ff_verb ff_verb_profile = {
    "profile",
    "profile [M.onnx ...] -o compute.json [--threads N] [--minutes N]",
    "measure what ops cost on this machine, for the planner",
    "Ops, and runs of ops that ONNX Runtime fuses, are timed as pieces run. Without a model: a\n"
    "sweep of shapes that covers the zoo. With models: their nodes, whole and in tiles. The fit "
    "is\n"
    "checked on whole pieces that it has not seen, of the models or of the zoo.\n"
    "A quiet machine gives better figures; times are the thread's own and the best of several.",
    FLAGS,
    0,
    MODELS_MAX,
    run,
};
