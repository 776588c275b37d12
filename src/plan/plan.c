/*
 * Plans: making, filling in what each stage costs and moves, checking against a graph.
 */
#include "plan/plan.h"

#include <string.h>

#include "base/clock.h"
#include "plan/plan_int.h"

void ff_stage_list_add(ff_stage_list *list, ff_stage stage)
{
    if (list->count == list->room) {
        int room = list->room == 0 ? 16 : list->room * 2;
        list->stage =
            ff_mem_must_grow(list->stage, (size_t)list->room, (size_t)room, sizeof *list->stage);
        list->room = room;
    }
    list->stage[list->count++] = stage;
}

/* The bytes of the largest part of value v that goes to or comes from a piece. */
static uint64_t largest_part(const ff_graph *g, const ff_pieces *pieces, int v, bool in)
{
    uint64_t largest = 0;
    for (int i = 0; i < pieces->count; i++) {
        const ff_piece *piece = &pieces->piece[i];
        int count = in ? piece->in_count : piece->out_count;
        for (int k = 0; k < count; k++) {
            const ff_part *part = in ? &piece->in[k] : &piece->out[k];
            ff_shape shape = ff_region_shape(&part->region);
            size_t bytes = 0;
            if (part->value == v &&
                ff_shape_bytes(&shape, g->values[v].dtype, &bytes, NULL) == FF_OK &&
                bytes > largest)
                largest = bytes;
        }
    }
    return largest;
}

static ff_plan_tensor *fill_tensors(ff_plan *plan, const ff_graph *g, const ff_pieces *pieces,
                                    const int *values, int count, bool in)
{
    ff_plan_tensor *tensors = ff_arena_array(plan->arena, (size_t)count + 1, sizeof *tensors);
    for (int i = 0; i < count; i++) {
        tensors[i].name = ff_arena_strdup(plan->arena, g->values[values[i]].name);
        tensors[i].bytes = largest_part(g, pieces, values[i], in);
    }
    return tensors;
}

static ff_code fill_stage(ff_plan *plan, const ff_graph *g, ff_plan_stage *out, ff_err *err)
{
    ff_pieces pieces = {0};
    int *in = NULL, *outs = NULL;
    ff_code code = ff_stage_sketch(g, &out->stage, &pieces, err);
    if (code != FF_OK)
        return code;
    double split = 0;
    for (int i = 0; i < pieces.count; i++) {
        split += (double)pieces.piece[i].flops;
        out->weight_bytes += pieces.piece[i].weight_bytes;
    }
    out->flops = pieces.whole_flops;
    out->halo = pieces.whole_flops > 0 ? split / (double)pieces.whole_flops - 1 : 0;
    ff_stage_borders(g, out->stage.begin, out->stage.end, &in, &out->in_count, &outs,
                     &out->out_count);
    out->in = fill_tensors(plan, g, &pieces, in, out->in_count, true);
    out->out = fill_tensors(plan, g, &pieces, outs, out->out_count, false);
    ff_mem_free(in);
    ff_mem_free(outs);
    ff_pieces_clean(&pieces);
    return FF_OK;
}

ff_code ff_plan_fill(ff_plan *plan, const ff_graph *g, const ff_stage_list *list, ff_err *err)
{
    plan->stage_count = list->count;
    plan->stage = ff_arena_array(plan->arena, (size_t)list->count + 1, sizeof *plan->stage);
    for (int s = 0; s < list->count; s++) {
        plan->stage[s].stage = list->stage[s];
        ff_code code = fill_stage(plan, g, &plan->stage[s], err);
        if (code != FF_OK) {
            ff_err_wrap(err, "stage %d", s);
            return code;
        }
    }
    return FF_OK;
}

static ff_code choose_stages(const ff_graph *g, const ff_plan_options *options, ff_stage_list *list,
                             ff_err *err)
{
    const char *planner = options->planner == NULL ? "grid" : options->planner;
    if (strcmp(planner, "single") == 0) {
        ff_stage_list_add(list, (ff_stage){0, g->node_count, {FF_SPLIT_LOCAL, 0, 0}});
        return FF_OK;
    }
    if (strcmp(planner, "grid") != 0)
        return ff_err_set(err, FF_USAGE, "a planner is single or grid, found '%.64s'", planner);
    ff_split split = {FF_SPLIT_GRID, options->rows, options->cols};
    if (split.rows < 1 || split.cols < 1 || split.rows > (int)FF_MAX_TILES ||
        split.cols > (int)FF_MAX_TILES || split.rows * split.cols > (int)FF_MAX_TILES)
        return ff_err_set(err, FF_USAGE, "a grid has 1 to %u tiles, found %dx%d", FF_MAX_TILES,
                          split.rows, split.cols);
    if (options->stages < 0 || options->stages > (int)FF_MAX_STAGES / 2)
        return ff_err_set(err, FF_USAGE, "stages are 0 (the planner's choice) to %u, found %d",
                          FF_MAX_STAGES / 2, options->stages);
    return ff_plan_grid(g, &split, options->stages, list, err);
}

/* Takes the list. */
static ff_code make_plan(const ff_graph *g, const char *planner, int64_t start, ff_stage_list *list,
                         ff_plan **out, ff_err *err)
{
    ff_plan *plan = ff_mem_must(sizeof *plan);
    plan->arena = ff_arena_new();
    plan->planner = ff_arena_strdup(plan->arena, planner);
    plan->model_path = ff_arena_strdup(plan->arena, g->path);
    plan->model_sha256 = "";
    plan->node_count = g->node_count;
    ff_code code = ff_plan_fill(plan, g, list, err);
    ff_mem_free(list->stage);
    plan->planning_ms = ff_clock_ms(ff_clock_now_ns() - start);
    if (code == FF_OK)
        *out = plan;
    else
        ff_plan_free(plan);
    return code;
}

ff_code ff_plan_make(const ff_graph *g, const ff_plan_options *options, ff_plan **out, ff_err *err)
{
    int64_t start = ff_clock_now_ns();
    ff_stage_list list = {0};
    if (g->node_count == 0)
        return ff_err_set(err, FF_UNSUPPORTED, "a model without nodes has nothing to plan");
    ff_code code = choose_stages(g, options, &list, err);
    if (code != FF_OK) {
        ff_mem_free(list.stage);
        return code;
    }
    const char *planner = options->planner == NULL ? "grid" : options->planner;
    return make_plan(g, planner, start, &list, out, err);
}

ff_code ff_plan_make_split(const ff_graph *g, const ff_split *split, ff_plan **out, ff_err *err)
{
    int64_t start = ff_clock_now_ns();
    ff_stage_list list = {0};
    ff_code code = FF_OK;
    if (g->node_count == 0)
        return ff_err_set(err, FF_UNSUPPORTED, "a model without nodes has nothing to plan");
    if (split->kind == FF_SPLIT_LOCAL || split->kind == FF_SPLIT_OFFLOAD)
        ff_stage_list_add(&list, (ff_stage){0, g->node_count, *split});
    else if (split->kind == FF_SPLIT_GRID || split->kind == FF_SPLIT_BATCH)
        code = ff_plan_grid(g, split, 0, &list, err);
    else
        code = ff_plan_ranges(g, split, &list, err);
    return code == FF_OK ? make_plan(g, "split", start, &list, out, err) : code;
}

ff_code ff_plan_make_chain(const ff_graph *g, int stages, ff_plan **out, ff_err *err)
{
    int64_t start = ff_clock_now_ns();
    ff_stage_list list = {0};
    if (g->node_count == 0)
        return ff_err_set(err, FF_UNSUPPORTED, "a model without nodes has nothing to plan");
    ff_code code = ff_plan_chain(g, stages, &list, err);
    return code == FF_OK ? make_plan(g, "split", start, &list, out, err) : code;
}

bool ff_plan_is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

ff_code ff_plan_set_model(ff_plan *plan, const char *path, const char *sha256,
                          const ff_onnx_shape *shapes, int shape_count, ff_err *err)
{
    if (!ff_plan_is_sha256(sha256))
        return ff_err_set(err, FF_USAGE, "a SHA-256 is 64 hex digits, found '%.80s'", sha256);
    if (shape_count < 0 || shape_count > FF_MAX_PLAN_SHAPES)
        return ff_err_set(err, FF_LIMIT, "at most %d shapes, found %d", FF_MAX_PLAN_SHAPES,
                          shape_count);
    plan->model_path = ff_arena_strdup(plan->arena, path);
    plan->model_sha256 = ff_arena_strdup(plan->arena, sha256);
    plan->shape_count = shape_count;
    plan->shapes = ff_arena_array(plan->arena, (size_t)shape_count + 1, sizeof *plan->shapes);
    for (int i = 0; i < shape_count; i++)
        plan->shapes[i] =
            (ff_onnx_shape){ff_arena_strdup(plan->arena, shapes[i].input), shapes[i].shape};
    return FF_OK;
}

static ff_code check_tensors(const ff_graph *g, int s, const char *what,
                             const ff_plan_tensor *tensors, int count, const int *values,
                             int value_count, ff_err *err)
{
    if (count != value_count)
        return ff_err_set(err, FF_FORMAT,
                          "stage %d: the plan has %d %s tensors, the model's nodes have %d", s,
                          count, what, value_count);
    for (int i = 0; i < count; i++)
        if (strcmp(tensors[i].name, g->values[values[i]].name) != 0)
            return ff_err_set(err, FF_FORMAT,
                              "stage %d: %s %d is '%.128s' in the plan, '%.128s' in the model", s,
                              what, i, tensors[i].name, g->values[values[i]].name);
    return FF_OK;
}

static ff_code check_stage(const ff_plan_stage *stage, int s, const ff_graph *g, ff_err *err)
{
    int *in = NULL, *out = NULL, in_count = 0, out_count = 0;
    ff_stage_borders(g, stage->stage.begin, stage->stage.end, &in, &in_count, &out, &out_count);
    ff_code code = check_tensors(g, s, "input", stage->in, stage->in_count, in, in_count, err);
    if (code == FF_OK)
        code = check_tensors(g, s, "output", stage->out, stage->out_count, out, out_count, err);
    ff_mem_free(in);
    ff_mem_free(out);
    if (code != FF_OK)
        return code;
    code = ff_stage_check(g, &stage->stage, err);
    if (code != FF_OK)
        ff_err_wrap(err, "stage %d", s);
    return code;
}

ff_code ff_plan_check(const ff_plan *plan, const ff_graph *g, ff_err *err)
{
    if (plan->node_count != g->node_count)
        return ff_err_set(err, FF_FORMAT, "the plan is for %d nodes, the model has %d",
                          plan->node_count, g->node_count);
    for (int s = 0; s < plan->stage_count; s++) {
        ff_code code = check_stage(&plan->stage[s], s, g, err);
        if (code != FF_OK)
            return code;
    }
    return FF_OK;
}

void ff_plan_free(ff_plan *plan)
{
    if (plan == NULL)
        return;
    ff_arena_free(plan->arena);
    ff_mem_free(plan);
}
