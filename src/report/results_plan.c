#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/units.h"
#include "report/results_int.h"
#include "report/svg_plan.h"

#define MOST_WORKERS 1024 /* of a stage */

/* Sizes as JSON has them; what is no size is 0. */
static uint64_t bytes_of(yyjson_val *item)
{
    double bytes = ff_results_number(item, "bytes", 0);
    return bytes > 0 && bytes < 1e18 ? (uint64_t)bytes : 0;
}

/* [{"name", "bytes", "route": "inline", "store" or null}] */
static ff_code read_tensors(ff_results *r, yyjson_val *obj, const char *member, int *count,
                            const ff_draw_tensor **out, ff_err *err)
{
    yyjson_val *list = NULL, *item;
    size_t i, n;
    ff_code code = ff_results_list(obj, member, &list, count, err);
    if (code)
        return code;
    ff_draw_tensor *tensor = ff_arena_array(r->arena, (size_t)*count + 1, sizeof *tensor);
    *out = tensor;
    yyjson_arr_foreach(list, i, n, item)
    {
        const char *route = ff_results_text(item, "route", "");
        double bytes = 0;
        code = ff_json_str(item, "name", &tensor[i].name, err);
        if (!code)
            code = ff_json_num(item, "bytes", &bytes, err);
        if (code) {
            ff_err_wrap(err, "%s[%zu]", member, i);
            return code;
        }
        tensor[i].bytes = bytes_of(item);
        tensor[i].route = !strcmp(route, "inline")  ? FF_DRAW_INLINE
                          : !strcmp(route, "store") ? FF_DRAW_STORE
                                                    : FF_DRAW_OPEN;
    }
    return FF_OK;
}

typedef ff_code read_stage_fn(ff_results *r, yyjson_val *item, ff_draw_stage *out, ff_err *err);

static ff_code read_stages(ff_results *r, yyjson_val *obj, read_stage_fn *read, ff_draw_plan *plan,
                           ff_err *err)
{
    yyjson_val *list = NULL, *item;
    size_t i, n;
    ff_code code = ff_results_list(obj, "stages", &list, &plan->stage_count, err);
    if (code)
        return code;
    if (plan->stage_count > (int)FF_MAX_STAGES)
        return ff_err_set(err, FF_LIMIT, "stages: %d, at most %u", plan->stage_count,
                          FF_MAX_STAGES);
    ff_draw_stage *stage = ff_arena_array(r->arena, (size_t)plan->stage_count + 1, sizeof *stage);
    plan->stage = stage;
    yyjson_arr_foreach(list, i, n, item)
    {
        code = read(r, item, &stage[i], err);
        if (code) {
            ff_err_wrap(err, "stages[%zu]", i);
            return code;
        }
    }
    return FF_OK;
}

static ff_code add_picture(ff_results *r, const ff_draw_plan *plan, ff_err *err)
{
    ff_buf svg;
    ff_err too_large = {0};
    ff_buf_init(&svg, 0);
    ff_code code = ff_svg_plan(plan, &svg, &too_large);
    if (!code) {
        ff_html_drawing(r->page, ff_buf_view(&svg));
    } else if (code == FF_LIMIT) { /* the table tells it all the same */
        ff_html_paragraph(r->page, "No picture: %s.", too_large.message);
        code = FF_OK;
    } else if (err) {
        *err = too_large;
    }
    ff_buf_clean(&svg);
    return code;
}

/* ---- plan.json ---- */

static ff_code read_plan_stage(ff_results *r, yyjson_val *item, ff_draw_stage *out, ff_err *err)
{
    int64_t workers = 0;
    int in_count = 0, out_count = 0;
    const ff_draw_tensor *in = NULL, *to = NULL;
    ff_code code = ff_json_str(item, "split", &out->split, err);
    if (!code)
        code = ff_json_int(item, "workers", 0, MOST_WORKERS, &workers, err);
    if (!code)
        code = read_tensors(r, item, "inputs", &in_count, &in, err);
    if (!code)
        code = read_tensors(r, item, "outputs", &out_count, &to, err);
    if (code)
        return code;
    out->ms = ff_results_number(item, "ms", -1);
    bool own = yyjson_get_bool(yyjson_obj_get(item, "master_piece"));
    out->worker_count = (int)workers + own;
    ff_draw_worker *worker =
        ff_arena_array(r->arena, (size_t)out->worker_count + 1, sizeof *worker);
    for (int w = 0; w < out->worker_count; w++) {
        const char *name = ff_arena_printf(r->arena, "piece %d", w);
        worker[w] = (ff_draw_worker){name, own && w == 0, -1, in_count, out_count, in, to};
    }
    out->worker = worker;
    return FF_OK;
}

static void keep_sizes(ff_results *r, const ff_draw_plan *plan, const char *name)
{
    int count = 0;
    for (int s = 0; s < plan->stage_count; s++)
        if (plan->stage[s].worker_count)
            count += plan->stage[s].worker[0].in_count + plan->stage[s].worker[0].out_count;
    double *kb = ff_arena_array(r->arena, (size_t)count + 1, sizeof *kb);
    count = 0;
    for (int s = 0; s < plan->stage_count; s++) {
        const ff_draw_worker *w = plan->stage[s].worker;
        for (int i = 0; plan->stage[s].worker_count && i < w->in_count; i++)
            kb[count++] = (double)w->in[i].bytes / 1e3;
        for (int i = 0; plan->stage[s].worker_count && i < w->out_count; i++)
            kb[count++] = (double)w->out[i].bytes / 1e3;
    }
    if (r->plan_count == r->plan_room) {
        r->plan = ff_mem_must_grow(r->plan, (size_t)r->plan_room, (size_t)r->plan_room * 2 + 8,
                                   sizeof *r->plan);
        r->plan_room = r->plan_room * 2 + 8;
    }
    r->plan[r->plan_count++] = (ff_plan_sizes){ff_arena_strdup(r->arena, name), count, kb};
}

static void put_bytes(ff_table *table, const ff_draw_tensor *tensor, int count)
{
    char text[32];
    uint64_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += tensor[i].bytes; /* some thousand of at most 1e18 */
    ff_table_cell(table, "%s", count ? ff_units_bytes(sum, text, sizeof text) : "");
}

static void add_plan_table(ff_results *r, const ff_draw_plan *plan, yyjson_val *stages)
{
    ff_table *table =
        ff_table_new(">stage|split|>workers|>GFLOPs|>halo|>weights|>sent to each|>back "
                     "from each");
    char text[32];
    yyjson_val *item;
    size_t s, n;
    yyjson_arr_foreach(stages, s, n, item)
    {
        const ff_draw_worker *w = plan->stage[s].worker_count ? plan->stage[s].worker : NULL;
        double weights = ff_results_number(item, "weights_bytes", 0);
        ff_table_cell(table, "%zu", s);
        ff_table_cell(table, "%s", plan->stage[s].split);
        ff_table_cell(table, "%.0f", ff_results_number(item, "workers", 0));
        ff_table_cell(table, "%.3f", ff_results_number(item, "flops", 0) / 1e9);
        ff_table_cell(table, "%.1f %%", ff_results_number(item, "halo_flops_ratio", 0) * 100);
        ff_table_cell(table, "%s",
                      ff_units_bytes(weights > 0 && weights < 1e18 ? (uint64_t)weights : 0, text,
                                     sizeof text));
        put_bytes(table, w ? w->in : NULL, w ? w->in_count : 0);
        put_bytes(table, w ? w->out : NULL, w ? w->out_count : 0);
    }
    ff_html_table(r->page, table);
    ff_table_free(table);
}

/* "wrn50-3" of "../models/wrn50-3.onnx" */
static const char *model_name(ff_results *r, const char *path)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    size_t len = strlen(base);
    if (len > 5 && !strcmp(base + len - 5, ".onnx"))
        len -= 5;
    return ff_arena_strndup(r->arena, base, len);
}

ff_code ff_results_plan(ff_results *r, const char *name, yyjson_val *root, ff_err *err)
{
    yyjson_val *predicted = yyjson_obj_get(root, "predicted");
    ff_draw_plan plan = {.ms = ff_results_number(predicted, "latency_ms", -1)};
    const char *planner = "";
    ff_code code = ff_json_str(root, "planner", &planner, err);
    if (!code)
        code = read_stages(r, root, read_plan_stage, &plan, err);
    if (code)
        return code;
    const char *model =
        model_name(r, ff_results_text(yyjson_obj_get(root, "model"), "path", "a model"));
    plan.title = ff_arena_printf(r->arena, "%.200s, planner %.60s", model, planner);
    ff_html_section(r->page, name);
    ff_html_paragraph(r->page,
                      "A plan of %.200s by planner %.60s. A tensor's size is that of the "
                      "largest part that travels.",
                      model, planner);
    if (plan.ms >= 0)
        ff_html_paragraph(r->page,
                          "Predicted: %.4g ms a request; 99 of 100 within %.4g ms; %.4g usd a "
                          "million.",
                          plan.ms, ff_results_number(predicted, "p99_ms", 0),
                          ff_results_number(predicted, "cost_usd", 0) * 1e6);
    code = add_picture(r, &plan, err);
    if (!code) {
        add_plan_table(r, &plan, yyjson_obj_get(root, "stages"));
        keep_sizes(r, &plan, plan.title);
    }
    return code;
}

/* ---- infer --trace ---- */

static ff_code read_piece(ff_results *r, yyjson_val *item, ff_draw_worker *out, ff_err *err)
{
    ff_code code = ff_json_str(item, "function", &out->name, err);
    if (!code)
        code = read_tensors(r, item, "inputs", &out->in_count, &out->in, err);
    if (!code)
        code = read_tensors(r, item, "outputs", &out->out_count, &out->out, err);
    yyjson_val *times = yyjson_obj_get(item, "worker");
    out->own = !yyjson_is_obj(times);
    out->ms = ff_results_number(out->own ? item : times, "compute_ms", -1);
    return code;
}

static ff_code read_trace_stage(ff_results *r, yyjson_val *item, ff_draw_stage *out, ff_err *err)
{
    yyjson_val *list = NULL, *piece;
    int count = 0;
    size_t i, n;
    ff_code code = ff_json_str(item, "split", &out->split, err);
    if (!code)
        code = ff_results_list(item, "pieces", &list, &count, err);
    if (code)
        return code;
    ff_draw_worker *worker = ff_arena_array(r->arena, (size_t)count + 1, sizeof *worker);
    yyjson_arr_foreach(list, i, n, piece)
    {
        code = read_piece(r, piece, &worker[i], err);
        if (code) {
            ff_err_wrap(err, "pieces[%zu]", i);
            return code;
        }
    }
    out->ms = ff_results_number(item, "ms", -1);
    out->worker = worker;
    out->worker_count = count == 1 && worker[0].own ? 0 : count; /* a stage on the master */
    return FF_OK;
}

/* One row a tensor. */
static void add_way_rows(ff_table *table, size_t stage, const char *function, const char *way,
                         yyjson_val *tensors)
{
    yyjson_val *item;
    size_t i, n;
    char size[32];
    yyjson_arr_foreach(tensors, i, n, item)
    {
        bool in = ff_json_has(item, "put_ms"), out = ff_json_has(item, "get_ms");
        double code =
            ff_results_number(item, "encode_ms", 0) + ff_results_number(item, "decode_ms", 0);
        ff_table_cell(table, "%zu", stage);
        ff_table_cell(table, "%s", function);
        ff_table_cell(table, "%s", way);
        ff_table_cell(table, "%s", ff_results_text(item, "name", ""));
        ff_table_cell(table, "%s", ff_units_bytes(bytes_of(item), size, sizeof size));
        ff_table_cell(table, "%s", ff_results_text(item, "route", ""));
        ff_table_cell(table, "%.3f", code);
        ff_table_cell(table, in || out ? "%.3f" : "",
                      ff_results_number(item, in ? "put_ms" : "get_ms", 0));
    }
}

static void add_trace_table(ff_results *r, yyjson_val *stages)
{
    ff_table *table =
        ff_table_new(">stage|function|way|tensor|>size|route|>encode or decode ms|>put "
                     "or get ms");
    yyjson_val *stage, *piece;
    size_t s, i, n, pieces;
    yyjson_arr_foreach(stages, s, n, stage)
    {
        yyjson_arr_foreach(yyjson_obj_get(stage, "pieces"), i, pieces, piece)
        {
            const char *function = ff_results_text(piece, "function", "");
            add_way_rows(table, s, function, "in", yyjson_obj_get(piece, "inputs"));
            add_way_rows(table, s, function, "out", yyjson_obj_get(piece, "outputs"));
        }
    }
    if (ff_table_rows(table))
        ff_html_table(r->page, table);
    ff_table_free(table);
}

ff_code ff_results_trace(ff_results *r, const char *name, yyjson_val *root, ff_err *err)
{
    yyjson_val *trace = ff_json_has(root, "trace") ? yyjson_obj_get(root, "trace") : root;
    const char *id = NULL;
    ff_draw_plan plan = {.ms = ff_results_number(trace, "total_ms", -1)};
    ff_code code = ff_json_str(trace, "request_id", &id, err);
    if (!code)
        code = read_stages(r, trace, read_trace_stage, &plan, err);
    if (code)
        return code;
    plan.title = ff_arena_printf(r->arena, "request %.64s", id);
    ff_html_section(r->page, name);
    ff_html_paragraph(r->page,
                      "What one request did, by policy %.60s. A worker's time is that of its "
                      "computing.",
                      ff_results_text(trace, "policy", "inline"));
    code = add_picture(r, &plan, err);
    if (!code)
        add_trace_table(r, yyjson_obj_get(trace, "stages"));
    return code;
}
