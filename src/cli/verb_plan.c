#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/units.h"
#include "cli/cli.h"
#include "plan/plan.h"
#include "report/table.h"

static const ff_flag FLAGS[] = {
    {"output", "plan.json", "where to write the plan (-o)", false},
    {"planner", "NAME", "grid (default) or single", false},
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

static ff_code print_plan(const ff_plan *plan, ff_err *err)
{
    ff_table *table =
        ff_table_new(">stage|split|>nodes|>GFLOPs|>halo|>weights|>sent to each|>back from each");
    char text[64], weights[32];
    for (int i = 0; i < plan->stage_count; i++) {
        const ff_plan_stage *s = &plan->stage[i];
        uint64_t in = 0, out = 0;
        for (int t = 0; t < s->in_count; t++)
            in += s->in[t].bytes;
        for (int t = 0; t < s->out_count; t++)
            out += s->out[t].bytes;
        ff_table_cell(table, "%d", i);
        ff_table_cell(table, "%s", ff_split_text(&s->stage.split, text, sizeof text));
        ff_table_cell(table, "%d-%d", s->stage.begin, s->stage.end - 1);
        ff_table_cell(table, "%.3f", (double)s->flops / 1e9);
        ff_table_cell(table, "%.1f %%", s->halo * 100);
        ff_table_cell(table, "%s", ff_units_bytes(s->weight_bytes, weights, sizeof weights));
        bool local = s->stage.split.kind == FF_SPLIT_LOCAL;
        ff_table_cell(table, "%s", local ? "-" : ff_units_bytes(in, text, sizeof text));
        ff_table_cell(table, "%s", local ? "-" : ff_units_bytes(out, text, sizeof text));
    }
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = ff_table_emit(table, &out, err);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_table_free(table);
    ff_buf_clean(&out);
    return code;
}

/* Tells the plan about its model, and writes it. */
static ff_code write_plan(ff_plan *plan, const char *model, const ff_cli_shapes *shapes,
                          const char *path, ff_buf *json, ff_err *err)
{
    char relative[PATH_MAX], hex[FF_SHA256_HEX];
    ff_code code = ff_cli_relative(model, path, relative, err);
    if (!code)
        code = ff_hash_sha256_file(model, hex, err);
    if (!code)
        code = ff_plan_set_model(plan, relative, hex, shapes->shape, shapes->count, err);
    if (!code)
        code = ff_plan_emit(plan, json, err);
    return code ? code : ff_file_write(path, ff_buf_view(json), err);
}

static ff_code read_options(const ff_args *args, ff_plan_options *options, ff_err *err)
{
    const char *planner = ff_args_value(args, "planner");
    int64_t stages = 0;
    *options = (ff_plan_options){.planner = planner ? planner : "grid", .rows = 2, .cols = 2};
    ff_code code = ff_args_int(args, "stages", 0, FF_MAX_STAGES, 0, &stages, err);
    options->stages = (int)stages;
    if (!code && ff_args_has(args, "grid"))
        code = parse_grid(args, options, err);
    return code;
}

/* One split of all that passes it. A grid goes the usual way, which takes --stages. */
static ff_code make_plan(const ff_args *args, const ff_graph *g, ff_plan_options *options,
                         ff_plan **plan, ff_err *err)
{
    const char *text = ff_args_value(args, "split");
    ff_split split = {.kind = FF_SPLIT_GRID, .rows = options->rows, .cols = options->cols};
    if (text != NULL && (ff_args_has(args, "grid") || ff_args_has(args, "planner")))
        return ff_err_set(err, FF_USAGE, "--split says what --grid and --planner say: give one");
    ff_code code = text == NULL ? FF_OK : ff_split_parse(text, &split, err);
    if (code)
        return code;
    if (split.kind == FF_SPLIT_OFFLOAD)
        return ff_plan_make_chain(g, options->stages > 0 ? options->stages : 1, plan, err);
    if (split.kind != FF_SPLIT_GRID && options->stages > 0)
        return ff_err_set(err, FF_USAGE, "--stages is for grids and offload, not for '%s'", text);
    options->rows = split.rows;
    options->cols = split.cols;
    return split.kind == FF_SPLIT_GRID ? ff_plan_make(g, options, plan, err)
                                       : ff_plan_make_split(g, &split, plan, err);
}

static ff_code run(const ff_args *args, ff_err *err)
{
    const char *path = NULL;
    ff_plan_options options;
    ff_arena *arena = ff_arena_new();
    ff_cli_shapes shapes;
    ff_graph *g = NULL;
    ff_plan *plan = NULL;
    ff_buf json;
    ff_buf_init(&json, 0);
    ff_code code = ff_args_required(args, "output", &path, err);
    if (!code)
        code = read_options(args, &options, err);
    if (!code)
        code = ff_cli_read_shapes(args, arena, &shapes, err);
    if (!code)
        code = ff_onnx_load(args->positional[0], shapes.shape, shapes.count, &g, err);
    if (!code)
        code = make_plan(args, g, &options, &plan, err);
    if (code && g != NULL)
        ff_err_in_file(err, args->positional[0]);
    if (!code)
        code = write_plan(plan, args->positional[0], &shapes, path, &json, err);
    if (!code)
        code = args->json ? ff_cli_print(&json, err) : print_plan(plan, err);
    ff_buf_clean(&json);
    ff_plan_free(plan);
    ff_graph_free(g);
    ff_arena_free(arena);
    return code;
}

const ff_verb ff_verb_plan = {
    "plan",
    "plan M.onnx -o plan.json [--planner grid|single] [--grid RxC] [--stages N] [--split SPLIT]",
    "decide how a model is cut into stages and pieces",
    "grid: stages of about equal FLOPs, cut where few tensors cross, each split into RxC tiles;\n"
    "what no grid passes runs on the master. single: the whole model on the master.\n"
    "--split divides the weights of layers too: 'channel 4' by output channels, 'reduce 2' by "
    "what\n"
    "they sum over, 'pair 4' by both in one stage, 'heads 4' attention with its projections.\n"
    "'offload' with --stages N is a chain: N whole stages, each on a worker of its own.",
    FLAGS,
    1,
    1,
    run,
};
