/*
 * plan.json: the format is drawn in plan.h. Every count and length is bounded before it is used.
 */
#include <string.h>

#include "plan/plan_int.h"

#define FORMAT      1
#define MAX_PATH    4096u /* PATH_MAX */
#define MAX_TENSORS 65536 /* that cross one stage's border */

/* A required string of at most max bytes, copied into the arena. */
static ff_code get_text(ff_plan *plan, yyjson_val *obj, const char *name, size_t max,
                        const char **out, ff_err *err)
{
    const char *text = NULL;
    ff_code code = ff_json_str(obj, name, &text, err);
    if (code != FF_OK)
        return code;
    if (strlen(text) > max)
        return ff_err_set(err, FF_LIMIT, "member \"%s\": at most %zu bytes, found %zu", name, max,
                          strlen(text));
    *out = ff_arena_strdup(plan->arena, text);
    return FF_OK;
}

static ff_code parse_dims(yyjson_val *array, const char *input, ff_shape *out, ff_err *err)
{
    yyjson_arr_iter it;
    ff_shape shape = {0};
    if (!yyjson_is_arr(array) || yyjson_arr_size(array) > FF_MAX_RANK)
        return ff_err_set(err, FF_FORMAT,
                          "shape of '%.128s': wanted an array of at most %d numbers", input,
                          FF_MAX_RANK);
    yyjson_arr_iter_init(array, &it);
    for (yyjson_val *dim; (dim = yyjson_arr_iter_next(&it)) != NULL;) {
        if (!yyjson_is_uint(dim) || yyjson_get_uint(dim) == 0 ||
            yyjson_get_uint(dim) > FF_MAX_TENSOR_BYTES)
            return ff_err_set(err, FF_FORMAT,
                              "shape of '%.128s': dim %d is no whole number above 0", input,
                              shape.rank);
        shape.dim[shape.rank++] = (int64_t)yyjson_get_uint(dim);
    }
    *out = shape;
    return FF_OK;
}

static ff_code parse_shapes(ff_plan *plan, yyjson_val *root, ff_err *err)
{
    yyjson_val *obj = NULL, *key;
    ff_code code = ff_json_obj(root, "shapes", &obj, err);
    if (code != FF_OK)
        return code;
    if (yyjson_obj_size(obj) > FF_MAX_PLAN_SHAPES)
        return ff_err_set(err, FF_LIMIT, "member \"shapes\": at most %d, found %zu",
                          FF_MAX_PLAN_SHAPES, yyjson_obj_size(obj));
    plan->shapes = ff_arena_array(plan->arena, yyjson_obj_size(obj) + 1, sizeof *plan->shapes);
    yyjson_obj_iter it;
    yyjson_obj_iter_init(obj, &it);
    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        const char *name = yyjson_get_str(key);
        size_t len = yyjson_get_len(key);
        if (len == 0 || len > FF_MAX_NAME || strlen(name) != len)
            return ff_err_set(err, FF_FORMAT,
                              "member \"shapes\": a name has 1 to %u bytes, found %zu", FF_MAX_NAME,
                              len);
        ff_onnx_shape *shape = &plan->shapes[plan->shape_count];
        shape->input = ff_arena_strdup(plan->arena, name);
        code = parse_dims(yyjson_obj_iter_get_val(key), name, &shape->shape, err);
        if (code != FF_OK)
            return code;
        plan->shape_count++;
    }
    return FF_OK;
}

static ff_code parse_route(yyjson_val *item, ff_plan_route *out, ff_err *err)
{
    yyjson_val *route = yyjson_obj_get(item, "route");
    const char *text = yyjson_get_str(route);
    *out = FF_PLAN_ROUTE_OPEN;
    if (route == NULL || yyjson_is_null(route))
        return FF_OK;
    if (text == NULL || (strcmp(text, "inline") != 0 && strcmp(text, "store") != 0))
        return ff_err_set(err, FF_FORMAT,
                          "member \"route\": wanted null, \"inline\" or \"store\", found '%.64s'",
                          text != NULL ? text : yyjson_get_type_desc(route));
    *out = text[0] == 'i' ? FF_PLAN_ROUTE_INLINE : FF_PLAN_ROUTE_STORE;
    return FF_OK;
}

/* An object whose members are all named, and come once. */
static ff_code check_members(yyjson_val *obj, const char *const *names, ff_err *err)
{
    yyjson_obj_iter it;
    yyjson_val *key;
    uint64_t seen = 0;
    if (!yyjson_is_obj(obj))
        return ff_err_set(err, FF_FORMAT, "wanted an object, found %s", yyjson_get_type_desc(obj));
    yyjson_obj_iter_init(obj, &it);
    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        int i = 0;
        while (names[i] != NULL && strcmp(names[i], yyjson_get_str(key)) != 0)
            i++;
        if (names[i] == NULL)
            return ff_err_set(err, FF_FORMAT, "member \"%.64s\" is not known here",
                              yyjson_get_str(key));
        if ((seen >> i & 1u) != 0)
            return ff_err_set(err, FF_FORMAT, "member \"%s\" comes twice", names[i]);
        seen |= (uint64_t)1 << i;
    }
    return FF_OK;
}

/* A number that is not negative, where the member is there. */
static ff_code parse_optional(yyjson_val *obj, const char *name, double *out, ff_err *err)
{
    if (!ff_json_has(obj, name))
        return FF_OK;
    ff_code code = ff_json_num(obj, name, out, err);
    if (code == FF_OK && !(*out >= 0))
        code = ff_err_set(err, FF_FORMAT, "member \"%s\": wanted 0 or more, found %g", name, *out);
    return code;
}

/* A figure of "predicted". */
typedef struct figure {
    const char *name;
    double *value;
} figure;

/* "predicted" of a plan, or of a stage: null, or all of the figures. */
static ff_code parse_predicted(yyjson_val *obj, const figure *figures, int count, bool *predicted,
                               ff_err *err)
{
    const char *names[16] = {NULL};
    yyjson_val *given = yyjson_obj_get(obj, "predicted");
    *predicted = false;
    if (given == NULL || yyjson_is_null(given))
        return FF_OK;
    for (int i = 0; i < count; i++)
        names[i] = figures[i].name;
    ff_code code = check_members(given, names, err);
    for (int i = 0; i < count && code == FF_OK; i++) {
        code = ff_json_num(given, figures[i].name, figures[i].value, err);
        if (code == FF_OK && !(*figures[i].value >= 0))
            code = ff_err_set(err, FF_FORMAT, "member \"%s\": wanted 0 or more, found %g",
                              figures[i].name, *figures[i].value);
    }
    if (code != FF_OK)
        ff_err_wrap(err, "member \"predicted\"");
    *predicted = code == FF_OK;
    return code;
}

#define STAGE_FIGURES(cost)                                                                        \
    {                                                                                              \
        {"mean_ms", &(cost)->mean_ms}, {"p99_ms", &(cost)->tail_ms},                               \
            {"compute_ms", &(cost)->compute_ms}, {"codec_ms", &(cost)->codec_ms},                  \
            {"route_ms", &(cost)->route_ms}, {"serial_ms", &(cost)->serial_ms},                    \
            {"cost_usd", &(cost)->usd},                                                            \
    }
#define PLAN_FIGURES(plan)                                                                         \
    {                                                                                              \
        {"latency_ms", &(plan)->latency_ms}, {"mean_ms", &(plan)->mean_ms},                        \
            {"p99_ms", &(plan)->p99_ms}, {"cost_usd", &(plan)->cost_usd},                          \
    }
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static ff_code parse_tensors(ff_plan *plan, yyjson_val *stage, const char *member,
                             ff_plan_tensor **out, int *out_count, ff_err *err)
{
    yyjson_val *array = NULL, *item;
    yyjson_arr_iter it;
    ff_code code = ff_json_arr(stage, member, &array, err);
    if (code != FF_OK)
        return code;
    if (yyjson_arr_size(array) > MAX_TENSORS)
        return ff_err_set(err, FF_LIMIT, "member \"%s\": at most %d tensors, found %zu", member,
                          MAX_TENSORS, yyjson_arr_size(array));
    ff_plan_tensor *tensors =
        ff_arena_array(plan->arena, yyjson_arr_size(array) + 1, sizeof *tensors);
    int count = 0;
    yyjson_arr_iter_init(array, &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL) {
        int64_t bytes = 0;
        static const char *const MEMBERS[] = {"name", "bytes", "route", NULL};
        code = check_members(item, MEMBERS, err);
        if (code == FF_OK)
            code = get_text(plan, item, "name", FF_MAX_NAME, &tensors[count].name, err);
        if (code == FF_OK)
            code = parse_route(item, &tensors[count].route, err);
        if (code == FF_OK)
            code = ff_json_int(item, "bytes", 0, (int64_t)FF_MAX_TENSOR_BYTES, &bytes, err);
        if (code != FF_OK) {
            ff_err_wrap(err, "member \"%s\", item %d", member, count);
            return code;
        }
        tensors[count++].bytes = (uint64_t)bytes;
    }
    *out = tensors;
    *out_count = count;
    return FF_OK;
}

static ff_code parse_split(yyjson_val *item, ff_split *out, ff_err *err)
{
    const char *text = NULL;
    ff_code code = ff_json_str(item, "split", &text, err);
    if (code != FF_OK)
        return code;
    if (ff_split_parse(text, out, NULL) != FF_OK)
        return ff_err_set(err, FF_FORMAT,
                          "member \"split\": wanted a split such as grid 2x2, found '%.64s'", text);
    int pieces = ff_split_count(out);
    if (pieces < 1 || pieces > (int)FF_MAX_TILES)
        return ff_err_set(err, FF_LIMIT, "member \"split\": 1 to %u pieces, found %d", FF_MAX_TILES,
                          pieces);
    return FF_OK;
}

/* A master that computes all of a stage is split local. */
static ff_code parse_own(yyjson_val *item, ff_plan_stage *out, ff_err *err)
{
    if (!ff_json_has(item, "master_piece"))
        return FF_OK;
    ff_code code = ff_json_bool(item, "master_piece", &out->own, err);
    if (code == FF_OK && out->own && ff_split_count(&out->stage.split) < 2)
        code = ff_err_set(err, FF_FORMAT,
                          "member \"master_piece\": wanted a split of two pieces or more");
    return code;
}

/* One worker a piece, but where the master has the first. */
static ff_code parse_workers(yyjson_val *item, const ff_plan_stage *stage, ff_err *err)
{
    int64_t workers = 0;
    bool local = stage->stage.split.kind == FF_SPLIT_LOCAL;
    int wanted = local ? 0 : ff_split_count(&stage->stage.split) - stage->own;
    return ff_json_int(item, "workers", wanted, wanted, &workers, err);
}

static ff_code parse_stage(ff_plan *plan, yyjson_val *item, int begin, ff_plan_stage *out,
                           ff_err *err)
{
    static const char *const MEMBERS[] = {
        "begin",         "end",       "split",   "workers",          "master_piece",
        "flops",         "inputs",    "outputs", "halo_flops_ratio", "memory_mb",
        "weights_bytes", "predicted", NULL};
    int64_t from = 0, to = 0, flops = 0, weights = 0;
    const figure figures[] = STAGE_FIGURES(&out->cost);
    ff_code code = check_members(item, MEMBERS, err);
    if (code == FF_OK)
        code = ff_json_int(item, "begin", begin, begin, &from, err); /* no gap, no overlap */
    if (code == FF_OK)
        code = ff_json_int(item, "end", begin + 1, plan->node_count, &to, err);
    if (code == FF_OK)
        code = parse_split(item, &out->stage.split, err);
    if (code == FF_OK)
        code = parse_own(item, out, err);
    if (code == FF_OK)
        code = parse_workers(item, out, err);
    if (code == FF_OK)
        code = parse_optional(item, "memory_mb", &out->worker_mb, err);
    if (code == FF_OK)
        code = parse_predicted(item, figures, COUNT(figures), &out->predicted, err);
    if (code == FF_OK)
        code = ff_json_int(item, "flops", 0, INT64_MAX, &flops, err);
    if (code == FF_OK)
        code = ff_json_int(item, "weights_bytes", 0, INT64_MAX, &weights, err);
    if (code == FF_OK)
        code = ff_json_num(item, "halo_flops_ratio", &out->halo, err);
    if (code == FF_OK)
        code = parse_tensors(plan, item, "inputs", &out->in, &out->in_count, err);
    if (code == FF_OK)
        code = parse_tensors(plan, item, "outputs", &out->out, &out->out_count, err);
    out->stage.begin = (int)from;
    out->stage.end = (int)to;
    out->flops = (uint64_t)flops;
    out->weight_bytes = (uint64_t)weights;
    return code;
}

static ff_code parse_stages(ff_plan *plan, yyjson_val *root, ff_err *err)
{
    yyjson_val *array = NULL, *item;
    yyjson_arr_iter it;
    int begin = 0;
    ff_code code = ff_json_arr(root, "stages", &array, err);
    if (code != FF_OK)
        return code;
    size_t count = yyjson_arr_size(array);
    if (count < 1 || count > FF_MAX_STAGES)
        return ff_err_set(err, FF_LIMIT, "member \"stages\": 1 to %u stages, found %zu",
                          FF_MAX_STAGES, count);
    plan->stage = ff_arena_array(plan->arena, count, sizeof *plan->stage);
    yyjson_arr_iter_init(array, &it);
    while ((item = yyjson_arr_iter_next(&it)) != NULL) {
        ff_plan_stage *stage = &plan->stage[plan->stage_count];
        code = parse_stage(plan, item, begin, stage, err);
        if (code != FF_OK) {
            ff_err_wrap(err, "stage %d", plan->stage_count);
            return code;
        }
        begin = stage->stage.end;
        plan->stage_count++;
    }
    if (begin != plan->node_count)
        return ff_err_set(err, FF_FORMAT, "the stages end at node %d, the model has %d", begin,
                          plan->node_count);
    return FF_OK;
}

static ff_code parse_model(ff_plan *plan, yyjson_val *root, ff_err *err)
{
    yyjson_val *model = NULL;
    int64_t nodes = 0;
    ff_code code = ff_json_obj(root, "model", &model, err);
    if (code == FF_OK)
        code = get_text(plan, model, "path", MAX_PATH, &plan->model_path, err);
    if (code == FF_OK)
        code = get_text(plan, model, "sha256", 64, &plan->model_sha256, err);
    if (code == FF_OK)
        code = ff_json_int(model, "nodes", 1, FF_MAX_ONNX_NODES, &nodes, err);
    if (code == FF_OK && !ff_plan_is_sha256(plan->model_sha256))
        code = ff_err_set(err, FF_FORMAT, "member \"sha256\": wanted 64 hex digits, found '%s'",
                          plan->model_sha256);
    plan->node_count = (int)nodes;
    return code;
}

/* What the planner knew, and what it expects. */
static ff_code parse_outlook(ff_plan *plan, yyjson_val *root, ff_err *err)
{
    const figure figures[] = PLAN_FIGURES(plan);
    ff_code code = parse_optional(root, "memory_mb", &plan->master_mb, err);
    if (code == FF_OK && ff_json_has(root, "network"))
        code = get_text(plan, root, "network", FF_MAX_NAME, &plan->network, err);
    if (code == FF_OK && ff_json_has(root, "compute"))
        code = get_text(plan, root, "compute", FF_MAX_NAME, &plan->compute, err);
    if (code == FF_OK)
        code = parse_predicted(root, figures, COUNT(figures), &plan->predicted, err);
    if (code == FF_OK && ff_json_has(root, "planning_ms"))
        code = ff_json_num(root, "planning_ms", &plan->planning_ms, err);
    return code;
}

static ff_code parse_root(ff_plan *plan, yyjson_val *root, ff_err *err)
{
    static const char *const MEMBERS[] = {"format",      "planner",   "model",   "shapes",
                                          "stages",      "predicted", "network", "compute",
                                          "planning_ms", "memory_mb", NULL};
    int64_t format = 0;
    if (!yyjson_is_obj(root))
        return ff_err_set(err, FF_FORMAT, "a plan is a JSON object");
    ff_code code = ff_json_int(root, "format", FORMAT, FORMAT, &format, err);
    if (code == FF_OK)
        code = check_members(root, MEMBERS, err);
    if (code == FF_OK)
        code = get_text(plan, root, "planner", 64, &plan->planner, err);
    if (code == FF_OK)
        code = parse_model(plan, root, err);
    if (code == FF_OK)
        code = parse_shapes(plan, root, err);
    if (code == FF_OK)
        code = parse_stages(plan, root, err);
    return code == FF_OK ? parse_outlook(plan, root, err) : code;
}

ff_code ff_plan_parse(ff_bytes json, ff_plan **out, ff_err *err)
{
    yyjson_doc *doc = NULL;
    if (json.len > FF_MAX_PLAN_BYTES)
        return ff_err_set(err, FF_LIMIT, "a plan has at most %u bytes, found %zu",
                          FF_MAX_PLAN_BYTES, json.len);
    ff_code code = ff_json_parse(json, &doc, err);
    if (code != FF_OK)
        return code;
    ff_plan *plan = ff_mem_must(sizeof *plan);
    plan->arena = ff_arena_new();
    code = parse_root(plan, yyjson_doc_get_root(doc), err);
    yyjson_doc_free(doc);
    if (code != FF_OK) {
        ff_err_wrap(err, "plan");
        ff_plan_free(plan);
        return code;
    }
    *out = plan;
    return FF_OK;
}

static void add_tensors(yyjson_mut_doc *doc, yyjson_mut_val *stage, const char *member,
                        const ff_plan_tensor *tensors, int count)
{
    yyjson_mut_val *array = yyjson_mut_obj_add_arr(doc, stage, member);
    for (int i = 0; i < count; i++) {
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, array);
        yyjson_mut_obj_add_str(doc, item, "name", tensors[i].name);
        yyjson_mut_obj_add_uint(doc, item, "bytes", tensors[i].bytes);
        if (tensors[i].route == FF_PLAN_ROUTE_OPEN)
            yyjson_mut_obj_add_null(doc, item, "route");
        else
            yyjson_mut_obj_add_str(doc, item, "route",
                                   tensors[i].route == FF_PLAN_ROUTE_STORE ? "store" : "inline");
    }
}

/* JSON readers share no more than 63 bits: FLOPs that overflowed are the largest such number. */
static uint64_t bounded(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : number;
}

static void add_predicted(yyjson_mut_doc *doc, yyjson_mut_val *obj, const figure *figures,
                          int count)
{
    yyjson_mut_val *to = yyjson_mut_obj_add_obj(doc, obj, "predicted");
    for (int i = 0; i < count; i++)
        yyjson_mut_obj_add_real(doc, to, figures[i].name, *figures[i].value);
}

static void add_stage(yyjson_mut_doc *doc, yyjson_mut_val *stages, ff_plan_stage *s)
{
    const figure figures[] = STAGE_FIGURES(&s->cost);
    char text[64];
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, stages);
    bool local = s->stage.split.kind == FF_SPLIT_LOCAL;
    int workers = local ? 0 : ff_split_count(&s->stage.split) - s->own;
    yyjson_mut_obj_add_int(doc, item, "begin", s->stage.begin);
    yyjson_mut_obj_add_int(doc, item, "end", s->stage.end);
    yyjson_mut_obj_add_strcpy(doc, item, "split",
                              ff_split_text(&s->stage.split, text, sizeof text));
    yyjson_mut_obj_add_int(doc, item, "workers", workers);
    if (s->own)
        yyjson_mut_obj_add_bool(doc, item, "master_piece", true);
    yyjson_mut_obj_add_uint(doc, item, "flops", bounded(s->flops));
    yyjson_mut_obj_add_uint(doc, item, "weights_bytes", bounded(s->weight_bytes));
    yyjson_mut_obj_add_real(doc, item, "halo_flops_ratio", s->halo);
    add_tensors(doc, item, "inputs", s->in, s->in_count);
    add_tensors(doc, item, "outputs", s->out, s->out_count);
    if (s->worker_mb > 0)
        yyjson_mut_obj_add_real(doc, item, "memory_mb", s->worker_mb);
    if (s->predicted)
        add_predicted(doc, item, figures, COUNT(figures));
}

static void add_outlook(yyjson_mut_doc *doc, yyjson_mut_val *root, const ff_plan *plan)
{
    ff_plan copy = *plan;
    const figure figures[] = PLAN_FIGURES(&copy);
    if (plan->network != NULL)
        yyjson_mut_obj_add_str(doc, root, "network", plan->network);
    if (plan->compute != NULL)
        yyjson_mut_obj_add_str(doc, root, "compute", plan->compute);
    if (plan->master_mb > 0)
        yyjson_mut_obj_add_real(doc, root, "memory_mb", plan->master_mb);
    if (plan->predicted)
        add_predicted(doc, root, figures, COUNT(figures));
    else
        yyjson_mut_obj_add_null(doc, root, "predicted");
}

ff_code ff_plan_emit(const ff_plan *plan, ff_buf *json, ff_err *err)
{
    if (!ff_plan_is_sha256(plan->model_sha256))
        return ff_err_set(err, FF_USAGE, "the plan does not say yet which model it is for");
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    if (doc == NULL)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for the plan as JSON");
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_int(doc, root, "format", FORMAT);
    yyjson_mut_obj_add_str(doc, root, "planner", plan->planner);
    yyjson_mut_val *model = yyjson_mut_obj_add_obj(doc, root, "model");
    yyjson_mut_obj_add_str(doc, model, "path", plan->model_path);
    yyjson_mut_obj_add_str(doc, model, "sha256", plan->model_sha256);
    yyjson_mut_obj_add_int(doc, model, "nodes", plan->node_count);
    yyjson_mut_val *shapes = yyjson_mut_obj_add_obj(doc, root, "shapes");
    for (int i = 0; i < plan->shape_count; i++) {
        yyjson_mut_val *dims = yyjson_mut_obj_add_arr(doc, shapes, plan->shapes[i].input);
        for (int k = 0; k < plan->shapes[i].shape.rank; k++)
            yyjson_mut_arr_add_sint(doc, dims, plan->shapes[i].shape.dim[k]);
    }
    yyjson_mut_val *stages = yyjson_mut_obj_add_arr(doc, root, "stages");
    for (int s = 0; s < plan->stage_count; s++)
        add_stage(doc, stages, &plan->stage[s]);
    add_outlook(doc, root, plan);
    yyjson_mut_obj_add_real(doc, root, "planning_ms", plan->planning_ms);
    ff_code code = ff_json_emit(doc, true, json, err);
    yyjson_mut_doc_free(doc);
    return code;
}
