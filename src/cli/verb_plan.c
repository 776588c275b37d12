#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/plan_print.h"
#include "cli/profiles.h"
#include "plan/plan_auto.h"
#include "plan/plan_work.h"

#define NETWORK "aws-lambda"
#define COMPUTE "epyc-avx512"
#define MEMORY  3008 /* MB */

static const ff_flag FLAGS[] = {
    {"output", "plan.json", "where to write the plan (-o)", false},
    {"planner", "NAME",
     "auto (default), gillis, sequential, single, or grid (what --grid and --stages mean)", false},
    {"network", "P", "network profile, by name or file (default " NETWORK ")", false},
    {"compute", "P", "compute profile, by name or file (default " COMPUTE ")", false},
    {"codec", "P", "a network profile whose encoding and decoding costs count instead", false},
    {"memory", "MB[,MB...]",
     "memory of the functions (default 3008, or what the profile allows); of several, a planner by "
     "cost chooses for the master and for each stage",
     false},
    {"workers", "N", "workers of a stage, at most: 2 to 64 (default 16)", false},
    {"objective", "NAME", "latency (default) or cost", false},
    {"quantile", "Q", "p50 (default: the mean of each stage counts) or p99", false},
    {"slo", "TIME", "the cheapest plan that takes at most this (250ms)", false},
    {"frontier", NULL, "all plans of which none is both faster and cheaper; the fastest is written",
     false},
    {"cold", NULL, "every function starts first", false},
    {"package-limit", NULL, "packages within the network profile's limit (for zip files)", false},
    {"live", "N", "tensors that may cross a cut, at most: 1 to 64 (default 4)", false},
    {"grid", "RxC", "tiles of height x width, for --planner grid (default 2x2)", false},
    {"split", "SPLIT",
     "one split for all stages that pass it: 'channel N', 'reduce N', 'pair N', 'heads N', "
     "'batch N', 'grid RxC', 'offload'",
     false},
    {"stages", "N",
     "wanted number of grid stages (default: the planner's choice), or of 'offload' ones (1)",
     false},
    {"shape", "NAME=DIMS", "shape of an input with symbolic dimensions, x=1,3,640,640", true},
    {0},
};

/* All that a plan is made from. */
typedef struct job {
    const ff_args *args;
    ff_arena *arena;
    ff_cli_shapes shapes;
    ff_graph *g;
    ff_net_profile *net, *codec;
    ff_compute_profile *compute;
    ff_plan_target target;
    ff_auto_options by_cost;
    ff_plan_options by_shape; /* grid, split */
    bool shaped;              /* the second one */
    ff_plan **plans;
    int count;
} job;

static void job_clean(job *j)
{
    for (int i = 0; i < j->count; i++)
        ff_plan_free(j->plans[i]);
    ff_mem_free(j->plans);
    ff_net_profile_free(j->net);
    ff_net_profile_free(j->codec);
    ff_compute_profile_free(j->compute);
    ff_graph_free(j->g);
    ff_arena_free(j->arena);
}

static ff_code parse_grid(const ff_args *args, ff_plan_options *options, ff_err *err)
{
    char text[64];
    ff_split split;
    snprintf(text, sizeof text, "grid %s", ff_args_value(args, "grid"));
    ff_code code = ff_split_parse(text, &split, err);
    if (!code) {
        options->rows = split.rows;
        options->cols = split.cols;
    }
    return code;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* "1769,3008" */
static ff_code parse_memory(job *j, ff_err *err)
{
    const ff_net_function *f = &j->net->function;
    const char *text = ff_args_value(j->args, "memory");
    ff_auto_options *o = &j->by_cost;
    if (text == NULL) {
        double mb = MEMORY;
        mb = mb < f->min_memory_mb.value ? f->min_memory_mb.value : mb;
        o->memory_mb[0] = mb > f->max_memory_mb.value ? f->max_memory_mb.value : mb;
        o->memory_count = 1;
        return FF_OK;
    }
    while (*text != '\0') {
        char one[32];
        size_t len = strcspn(text, ",");
        int64_t mb = 0;
        snprintf(one, sizeof one, "%.*s", (int)(len < sizeof one ? len : sizeof one - 1), text);
        if (o->memory_count == FF_MAX_MEMORIES)
            return ff_err_set(err, FF_USAGE, "--memory: at most %d sizes", FF_MAX_MEMORIES);
        ff_code code = ff_units_parse_int(one, (int64_t)f->min_memory_mb.value,
                                          (int64_t)f->max_memory_mb.value, &mb, err);
        if (code) {
            ff_err_wrap(err, "--memory, on %s", j->net->name);
            return code;
        }
        o->memory_mb[o->memory_count++] = (double)mb;
        text += len + (text[len] == ',' ? 1 : 0);
    }
    if (o->memory_count == 0)
        return ff_err_set(err, FF_USAGE, "--memory: wanted MB, or several with commas between");
    qsort(o->memory_mb, (size_t)o->memory_count, sizeof o->memory_mb[0], rising);
    return FF_OK;
}

/* One of two words; true: the second. */
static ff_code parse_choice(const ff_args *args, const char *flag, const char *first,
                            const char *second, bool *is_second, ff_err *err)
{
    const char *text = ff_args_value(args, flag);
    *is_second = text != NULL && strcmp(text, second) == 0;
    if (text != NULL && !*is_second && strcmp(text, first) != 0)
        return ff_err_set(err, FF_USAGE, "--%s is %s or %s, found '%.64s'", flag, first, second,
                          text);
    return FF_OK;
}

static ff_code parse_slo(job *j, ff_err *err)
{
    int64_t ns = 0;
    const char *text = ff_args_value(j->args, "slo");
    ff_code code = text ? ff_units_parse_time(text, &ns, err) : FF_OK;
    if (code)
        ff_err_wrap(err, "--slo");
    else if (text && ns <= 0)
        code = ff_err_set(err, FF_USAGE, "--slo: wanted a time above 0");
    j->by_cost.slo_ms = (double)ns / 1e6;
    return code;
}

/* Which planner: one by cost, or one of a given shape. */
static ff_code choose_planner(job *j, ff_err *err)
{
    const ff_args *args = j->args;
    const char *name = ff_args_value(args, "planner");
    bool grid = ff_args_has(args, "grid") || ff_args_has(args, "stages");
    j->shaped = ff_args_has(args, "split") || grid || (name && strcmp(name, "grid") == 0);
    if (name && strcmp(name, "grid") != 0 && !ff_planner_parse(name, &j->by_cost.planner))
        return ff_err_set(err, FF_USAGE,
                          "a planner is auto, gillis, sequential, single or grid, found '%.64s'",
                          name);
    if (name && strcmp(name, "grid") != 0 && j->shaped)
        return ff_err_set(err, FF_USAGE,
                          "--grid, --stages and --split are for --planner grid, not for '%s'",
                          name);
    if (j->shaped && (ff_args_has(args, "frontier") || ff_args_has(args, "slo") ||
                      ff_args_has(args, "objective")))
        return ff_err_set(err, FF_USAGE,
                          "--objective, --slo and --frontier are for planners by cost, not for "
                          "grids and --split");
    return FF_OK;
}

static ff_code read_costs(job *j, ff_err *err)
{
    const ff_args *args = j->args;
    int64_t workers = 0, live = 0;
    bool cost = false, p99 = false;
    ff_code code = parse_memory(j, err);
    if (!code)
        code = ff_args_int(args, "workers", 2, FF_MAX_TILES, FF_PLAN_WORKERS, &workers, err);
    if (!code)
        code = ff_args_int(args, "live", 1, 64, FF_PLAN_LIVE, &live, err);
    if (!code)
        code = parse_choice(args, "objective", "latency", "cost", &cost, err);
    if (!code)
        code = parse_choice(args, "quantile", "p50", "p99", &p99, err);
    if (!code)
        code = parse_slo(j, err);
    ff_auto_options *o = &j->by_cost;
    o->workers = (int)workers;
    o->live = (int)live;
    o->goal = ff_args_has(args, "frontier") ? FF_GOAL_FRONTIER
              : cost                        ? FF_GOAL_COST
                                            : FF_GOAL_LATENCY;
    if (!code && ff_args_has(args, "frontier") && (cost || o->slo_ms > 0))
        code = ff_err_set(err, FF_USAGE, "--frontier shows all times and costs: no --slo with it");
    bool limited = ff_args_has(args, "package-limit");
    double package = j->net->function.package_limit_bytes.value;
    j->target = (ff_plan_target){.net = j->net,
                                 .compute = j->compute,
                                 .codec = j->codec,
                                 .master_mb = o->memory_mb[o->memory_count - 1],
                                 .worker_mb = o->memory_mb[o->memory_count - 1],
                                 .package_limit_bytes = limited && package < 1e15 ? package : 0,
                                 .tail = p99,
                                 .cold = ff_args_has(args, "cold")};
    o->target = &j->target;
    return code;
}

static ff_code read_profiles(job *j, ff_err *err)
{
    const char *network = ff_args_value(j->args, "network");
    const char *compute = ff_args_value(j->args, "compute");
    const char *codec = ff_args_value(j->args, "codec");
    ff_code code = ff_cli_network_profile(network ? network : NETWORK, &j->net, err);
    if (!code)
        code = ff_cli_compute_profile(compute ? compute : COMPUTE, &j->compute, err);
    if (!code && codec)
        code = ff_cli_network_profile(codec, &j->codec, err);
    return code;
}

static ff_code read_shape(job *j, ff_err *err)
{
    int64_t stages = 0;
    j->by_shape = (ff_plan_options){.planner = "grid", .rows = 2, .cols = 2};
    ff_code code = ff_args_int(j->args, "stages", 0, FF_MAX_STAGES, 0, &stages, err);
    j->by_shape.stages = (int)stages;
    if (!code && ff_args_has(j->args, "grid"))
        code = parse_grid(j->args, &j->by_shape, err);
    return code;
}

/* One split of all that passes it. A grid goes the usual way, which takes --stages. */
static ff_code make_shaped(job *j, ff_plan **plan, ff_err *err)
{
    const char *text = ff_args_value(j->args, "split");
    ff_plan_options *options = &j->by_shape;
    ff_split split = {.kind = FF_SPLIT_GRID, .rows = options->rows, .cols = options->cols};
    if (text != NULL && (ff_args_has(j->args, "grid") || ff_args_has(j->args, "planner")))
        return ff_err_set(err, FF_USAGE, "--split says what --grid and --planner say: give one");
    ff_code code = text == NULL ? FF_OK : ff_split_parse(text, &split, err);
    if (code)
        return code;
    if (split.kind == FF_SPLIT_OFFLOAD)
        return ff_plan_make_chain(j->g, options->stages > 0 ? options->stages : 1, plan, err);
    if (split.kind != FF_SPLIT_GRID && options->stages > 0)
        return ff_err_set(err, FF_USAGE, "--stages is for grids and offload, not for '%s'", text);
    options->rows = split.rows;
    options->cols = split.cols;
    return split.kind == FF_SPLIT_GRID ? ff_plan_make(j->g, options, plan, err)
                                       : ff_plan_make_split(j->g, &split, plan, err);
}

/* Products that the compute profile has no entry for cost what "*" says: mostly nothing. */
static void warn_of_unknown(const job *j)
{
    const char *op = NULL;
    int count = 0;
    for (int n = 0; n < j->g->node_count; n++) {
        ff_work work = ff_plan_work(j->g, n);
        const ff_compute_op *entry = ff_compute_entry(j->compute, &work);
        if (work.macs > 0 && entry != NULL && strcmp(entry->op, "*") == 0) {
            op = op == NULL ? work.op : op;
            count++;
        }
    }
    if (count > 0)
        fprintf(stderr,
                "note: compute profile %s does not know %s (%d such nodes): times are too low; "
                "fanfold profile makes one that does\n",
                j->compute->name, op, count);
}

/* Where the shape is given, a prediction that cannot be made is no failure: the plan stands. */
static ff_code make_plans(job *j, ff_err *err)
{
    ff_err why = {0};
    char text[1400];
    warn_of_unknown(j);
    if (!j->shaped)
        return ff_plan_auto(j->g, &j->by_cost, &j->plans, &j->count, err);
    j->plans = ff_mem_must_array(1, sizeof(ff_plan *));
    ff_code code = make_shaped(j, &j->plans[0], err);
    if (code)
        return code;
    j->count = 1;
    if (ff_plan_predict(j->plans[0], j->g, &j->target, &why)) {
        ff_err_format(&why, text, sizeof text);
        fprintf(stderr, "note: no prediction: %s\n", text);
    }
    return FF_OK;
}

/* What one function for everything would take; NULL where it does not fit. */
static ff_plan *make_single(const job *j)
{
    ff_auto_options o = j->by_cost;
    ff_plan **plans = NULL;
    int count = 0;
    o.planner = FF_PLANNER_SINGLE;
    o.goal = FF_GOAL_LATENCY;
    o.slo_ms = 0;
    if (ff_plan_auto(j->g, &o, &plans, &count, NULL) != FF_OK)
        return NULL;
    ff_plan *plan = plans[0];
    ff_mem_free(plans);
    return plan;
}

/* Tells the plan about its model, and writes it. */
static ff_code write_plan(job *j, const char *path, ff_buf *json, ff_err *err)
{
    char relative[PATH_MAX], hex[FF_SHA256_HEX];
    const char *model = j->args->positional[0];
    ff_code code = ff_cli_relative(model, path, relative, err);
    if (!code)
        code = ff_hash_sha256_file(model, hex, err);
    if (!code)
        code = ff_plan_set_model(j->plans[0], relative, hex, j->shapes.shape, j->shapes.count, err);
    if (!code)
        code = ff_plan_emit(j->plans[0], json, err);
    return code ? code : ff_file_write(path, ff_buf_view(json), err);
}

static ff_code print_all(job *j, const ff_buf *json, ff_err *err)
{
    bool frontier = j->by_cost.goal == FF_GOAL_FRONTIER && !j->shaped;
    if (j->args->json)
        return frontier ? ff_plan_print_frontier_json(j->plans + 1, j->count - 1, json, err)
                        : ff_cli_print(json, err);
    ff_plan *single = j->plans[0]->predicted ? make_single(j) : NULL;
    ff_code code = frontier ? ff_plan_print_frontier(j->plans + 1, j->count - 1, err) : FF_OK;
    if (!code)
        code = ff_plan_print(j->plans[0], single, err);
    ff_plan_free(single);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    const char *path = NULL;
    job j = {.args = args, .arena = ff_arena_new()};
    ff_buf json;
    ff_buf_init(&json, 0);
    ff_code code = ff_args_required(args, "output", &path, err);
    if (!code)
        code = choose_planner(&j, err);
    if (!code)
        code = read_shape(&j, err);
    if (!code)
        code = read_profiles(&j, err);
    if (!code)
        code = read_costs(&j, err);
    if (!code)
        code = ff_cli_read_shapes(args, j.arena, &j.shapes, err);
    if (!code)
        code = ff_onnx_load(args->positional[0], j.shapes.shape, j.shapes.count, &j.g, err);
    if (!code)
        code = make_plans(&j, err);
    if (!code)
        code = write_plan(&j, path, &json, err);
    if (!code)
        code = print_all(&j, &json, err);
    ff_buf_clean(&json);
    job_clean(&j);
    return code;
}

const ff_verb ff_verb_plan = {
    "plan",
    "plan M.onnx -o plan.json [--planner auto|gillis|sequential|single|grid] [flags]",
    "decide how a model is cut into stages and pieces",
    "auto: the plan that takes least time, or money (--objective cost), or the least money within\n"
    "a time (--slo), by what the network (--network) and ops (--compute) cost: where it is cut, "
    "how\n"
    "each stage is split, over how many workers, by which route each tensor travels. Where one\n"
    "function for everything is best, that is the plan. gillis: Gillis's search, with exact "
    "pieces.\n"
    "sequential: a chain of whole stages through the store. single: the whole model on the "
    "master.\n"
    "\n"
    "grid: stages of about equal FLOPs, cut where few tensors cross, each split into RxC tiles;\n"
    "what no grid passes runs on the master.\n"
    "--split divides the weights of layers too: 'channel 4' by output channels, 'reduce 2' by "
    "what\n"
    "they sum over, 'pair 4' by both in one stage, 'heads 4' attention with its projections.\n"
    "'offload' with --stages N is a chain: N whole stages, each on a worker of its own.",
    FLAGS,
    1,
    1,
    run,
};
