#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cli/cli.h"
#include "plan/plan.h"
#include "report/table.h"
#include "split/split.h"

static const ff_flag FLAGS[] = {
    {"shape", "NAME=DIMS", "shape of an input with symbolic dimensions, x=1,3,640,640", true},
    {"grid", "RxC", "the grid to try on each node (default 2x2)", false},
    {"split", "SPLIT", "another split to try on each node, such as 'channel 4'", false},
    {"nodes", NULL, "list every node, not only the summary", false},
    {0},
};

typedef struct verdict {
    bool passes;
    char why[256];
} verdict;

/* The kinds of splits that are tried on each node. */
static const char *const TRIED[] = {"grid 2x2", "batch 2", "channel 2",
                                    "reduce 2", "pair 2",  "heads 2"};
#define TRIED_COUNT (int)(sizeof TRIED / sizeof TRIED[0])

/* A split and, for pair and heads, the nodes of the stages that the planner makes of it: of these
 * kinds a node alone cannot tell. */
typedef struct trial {
    ff_split split;
    bool *inside; /* NULL where each node answers for itself */
} trial;

static bool by_stage(ff_split_kind kind)
{
    return kind == FF_SPLIT_PAIR || kind == FF_SPLIT_HEADS;
}

/* A graph that cannot be planned (a shape is not known) has no stages. */
static void begin_trial(const ff_graph *g, const ff_split *split, trial *out)
{
    ff_plan *plan = NULL;
    *out = (trial){.split = *split};
    if (!by_stage(split->kind))
        return;
    out->inside = ff_mem_must_array((size_t)g->node_count + 1, sizeof *out->inside);
    if (ff_plan_make_split(g, split, &plan, NULL) != FF_OK)
        return;
    for (int s = 0; s < plan->stage_count; s++)
        for (int n = plan->stage[s].stage.begin; n < plan->stage[s].stage.end; n++)
            out->inside[n] = plan->stage[s].stage.split.kind == split->kind;
    ff_plan_free(plan);
}

/* The reason without the node's own name, which stands beside it. */
static void strip_node(const ff_graph *g, int node, char *why)
{
    char name[256];
    const char *rest = strstr(why, ": ");
    ff_node_text(g, node, name, sizeof name);
    if (rest != NULL && strncmp(why, name, strlen(name)) == 0)
        memmove(why, rest + 2, strlen(rest + 2) + 1);
}

static verdict try_node(const ff_graph *g, int node, const trial *t)
{
    verdict v = {0};
    char text[64];
    v.passes = ff_split_passes(g, node, &t->split, v.why, sizeof v.why);
    if (t->inside != NULL) {
        if (v.passes && !t->inside[node])
            snprintf(v.why, sizeof v.why, "no stage of %s reaches it",
                     ff_split_text(&t->split, text, sizeof text));
        v.passes = t->inside[node];
    }
    strip_node(g, node, v.why);
    return v;
}

/* All kinds, with N = 2. */
static void begin_trials(const ff_graph *g, trial trials[TRIED_COUNT])
{
    for (int k = 0; k < TRIED_COUNT; k++) {
        ff_split split = {0};
        (void)ff_split_parse(TRIED[k], &split, NULL); /* the table's are right */
        begin_trial(g, &split, &trials[k]);
    }
}

static void end_trials(trial *trials, int count)
{
    for (int k = 0; k < count; k++)
        ff_mem_free(trials[k].inside);
}

static int kind_name_length(int kind)
{
    return (int)strcspn(TRIED[kind], " ");
}

static void add_tensors(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *name,
                        const ff_graph *g, const int *values, int count)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, name);
    for (int i = 0; i < count; i++) {
        const ff_value *v = &g->values[values[i]];
        yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_strcpy(doc, row, "name", v->name);
        yyjson_mut_obj_add_str(doc, row, "dtype", ff_dtype_name(v->dtype));
        yyjson_mut_val *shape = yyjson_mut_obj_add_arr(doc, row, "shape");
        for (int d = 0; v->has_shape && d < v->shape.rank; d++)
            yyjson_mut_arr_add_int(doc, shape, v->shape.dim[d]);
    }
}

static void add_node(yyjson_mut_doc *doc, yyjson_mut_val *nodes, const ff_graph *g, int n,
                     const trial *asked, const trial *trials)
{
    verdict v = try_node(g, n, asked);
    yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, nodes);
    yyjson_mut_obj_add_strcpy(doc, row, "name", g->nodes[n].name);
    yyjson_mut_obj_add_strcpy(doc, row, "op", g->nodes[n].op);
    yyjson_mut_obj_add_uint(doc, row, "flops", ff_node_flops(g, n));
    yyjson_mut_obj_add_bool(doc, row, "passes", v.passes);
    if (!v.passes)
        yyjson_mut_obj_add_strcpy(doc, row, "why", v.why);
    yyjson_mut_val *kinds = yyjson_mut_obj_add_arr(doc, row, "splits");
    yyjson_mut_val *reasons = yyjson_mut_obj(doc);
    for (int k = 0; k < TRIED_COUNT; k++) {
        v = try_node(g, n, &trials[k]);
        yyjson_mut_val *name = yyjson_mut_strncpy(doc, TRIED[k], (size_t)kind_name_length(k));
        if (v.passes)
            yyjson_mut_arr_append(kinds, name);
        else
            yyjson_mut_obj_add(reasons, name, yyjson_mut_strcpy(doc, v.why));
    }
    yyjson_mut_obj_add_val(doc, row, "why_not", reasons);
}

static ff_code print_json(const ff_graph *g, const trial *asked, const trial *trials, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    char text[64];
    uint64_t flops = 0;
    for (int n = 0; n < g->node_count; n++)
        flops += ff_node_flops(g, n);
    yyjson_mut_obj_add_uint(doc, root, "weights_bytes", ff_graph_weight_bytes(g));
    yyjson_mut_obj_add_uint(doc, root, "flops", flops);
    yyjson_mut_obj_add_int(doc, root, "opset", ff_graph_opset(g, ""));
    yyjson_mut_obj_add_strcpy(doc, root, "split", ff_split_text(&asked->split, text, sizeof text));
    add_tensors(doc, root, "inputs", g, g->inputs, g->input_count);
    add_tensors(doc, root, "outputs", g, g->outputs, g->output_count);
    yyjson_mut_val *nodes = yyjson_mut_obj_add_arr(doc, root, "nodes");
    for (int n = 0; n < g->node_count; n++)
        add_node(doc, nodes, g, n, asked, trials);
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static ff_code print_tensors(ff_buf *out, const char *what, const ff_graph *g, const int *values,
                             int count, ff_err *err)
{
    ff_code code = FF_OK;
    char shape[128];
    for (int i = 0; !code && i < count; i++) {
        const ff_value *v = &g->values[values[i]];
        code = ff_buf_printf(out, err, "%-8s %s: %s %s\n", what, v->name, ff_dtype_name(v->dtype),
                             v->has_shape ? ff_shape_text(&v->shape, shape, sizeof shape)
                                          : "(shape unknown)");
    }
    return code;
}

/* Adds "batch, channel: reason" of kind k and all kinds after it that have the same reason. */
static void add_reason(const verdict *v, int k, ff_buf *out)
{
    bool first = true;
    for (int i = 0; i < k; i++)
        if (strcmp(v[i].why, v[k].why) == 0)
            return; /* told there */
    if (out->len > 0)
        (void)ff_buf_printf(out, NULL, "; ");
    for (int i = k; i < TRIED_COUNT; i++)
        if (strcmp(v[i].why, v[k].why) == 0) {
            (void)ff_buf_printf(out, NULL, "%s%.*s", first ? "" : ", ", kind_name_length(i),
                                TRIED[i]);
            first = false;
        }
    (void)ff_buf_printf(out, NULL, ": %s", v[k].why);
}

/* The kinds that pass the node, in kinds; where none does, the reasons. */
static void kinds_text(const ff_graph *g, int n, const trial *trials, ff_buf *kinds, ff_buf *why)
{
    verdict v[TRIED_COUNT];
    for (int k = 0; k < TRIED_COUNT; k++) {
        v[k] = try_node(g, n, &trials[k]);
        if (v[k].passes)
            (void)ff_buf_printf(kinds, NULL, "%s%.*s", kinds->len > 0 ? " " : "",
                                kind_name_length(k), TRIED[k]);
    }
    if (kinds->len > 0)
        return;
    (void)ff_buf_printf(kinds, NULL, "none");
    for (int k = 0; k < TRIED_COUNT; k++)
        add_reason(v, k, why);
}

static ff_code print_nodes(ff_buf *out, const ff_graph *g, const trial *asked, const trial *trials,
                           ff_err *err)
{
    char head[128], shape[128];
    ff_buf kinds, reasons;
    ff_buf_init(&kinds, 0);
    ff_buf_init(&reasons, 0);
    ff_split_text(&asked->split, shape, sizeof shape);
    snprintf(head, sizeof head, ">node|op|name|output|>MFLOPs|splits|why not %s", shape);
    ff_table *table = ff_table_new(head);
    for (int n = 0; n < g->node_count; n++) {
        const ff_node *node = &g->nodes[n];
        const ff_value *v = node->out_count && node->out[0] >= 0 ? &g->values[node->out[0]] : NULL;
        verdict pass = try_node(g, n, asked);
        kinds.len = reasons.len = 0;
        kinds_text(g, n, trials, &kinds, &reasons);
        ff_table_cell(table, "%d", n);
        ff_table_cell(table, "%s", node->op);
        ff_table_cell(table, "%s", node->name);
        ff_table_cell(table, "%s",
                      v && v->has_shape ? ff_shape_text(&v->shape, shape, sizeof shape) : "?");
        ff_table_cell(table, "%.2f", (double)ff_node_flops(g, n) / 1e6);
        ff_table_cell(table, "%.*s", (int)kinds.len, (const char *)kinds.data);
        if (reasons.len > 0)
            ff_table_cell(table, "%.*s", (int)reasons.len, (const char *)reasons.data);
        else
            ff_table_cell(table, "%s", pass.passes ? "" : pass.why);
    }
    ff_code code = ff_table_emit(table, out, err);
    ff_table_free(table);
    ff_buf_clean(&kinds);
    ff_buf_clean(&reasons);
    return code;
}

static void print_end(ff_table *table, const ff_graph *g, int end, bool passes, const char *why)
{
    char node[256];
    if (end == g->node_count)
        ff_table_cell(table, "the end");
    else if (passes)
        ff_table_cell(table, "%s: %s", ff_node_text(g, end, node, sizeof node), why);
    else
        ff_table_cell(table, "%s", "");
}

/* Runs of nodes that the split passes, and what ends each. */
static ff_code print_runs(ff_buf *out, const ff_graph *g, const trial *asked, ff_err *err)
{
    ff_table *table = ff_table_new("nodes|>GFLOPs|can be split|ends at");
    for (int begin = 0; begin < g->node_count;) {
        verdict first = try_node(g, begin, asked), next = first;
        uint64_t flops = 0;
        int end = begin;
        for (; end < g->node_count; end++) {
            next = try_node(g, end, asked);
            if (next.passes != first.passes)
                break;
            flops += ff_node_flops(g, end);
        }
        ff_table_cell(table, "%d-%d", begin, end - 1);
        ff_table_cell(table, "%.3f", (double)flops / 1e9);
        ff_table_cell(table, "%s", first.passes ? "yes" : "no");
        print_end(table, g, end, first.passes, next.why);
        begin = end;
    }
    ff_code code = ff_table_emit(table, out, err);
    ff_table_free(table);
    return code;
}

static ff_code print_text(const ff_args *args, const ff_graph *g, const trial *asked,
                          const trial *trials, ff_err *err)
{
    ff_buf out;
    ff_buf_init(&out, 0);
    char weights[32], text[64];
    uint64_t flops = 0;
    for (int n = 0; n < g->node_count; n++)
        flops += ff_node_flops(g, n);
    ff_code code = ff_buf_printf(&out, err, "%d nodes, opset %lld, weights %s, %.2f GFLOPs\n",
                                 g->node_count, (long long)ff_graph_opset(g, ""),
                                 ff_units_bytes(ff_graph_weight_bytes(g), weights, sizeof weights),
                                 (double)flops / 1e9);
    if (!code)
        code = print_tensors(&out, "input", g, g->inputs, g->input_count, err);
    if (!code)
        code = print_tensors(&out, "output", g, g->outputs, g->output_count, err);
    if (!code)
        code = ff_buf_printf(&out, err, "\n%s:\n", ff_split_text(&asked->split, text, sizeof text));
    if (!code)
        code = ff_args_has(args, "nodes") ? print_nodes(&out, g, asked, trials, err)
                                          : print_runs(&out, g, asked, err);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_buf_clean(&out);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    ff_split split = {.kind = FF_SPLIT_GRID, .rows = 2, .cols = 2};
    ff_graph *g = NULL;
    ff_arena *arena = ff_arena_new();
    ff_cli_shapes shapes;
    ff_code code = ff_cli_read_shapes(args, arena, &shapes, err);
    if (!code && ff_args_has(args, "grid")) {
        char text[64];
        snprintf(text, sizeof text, "grid %s", ff_args_value(args, "grid"));
        code = ff_split_parse(text, &split, err);
    }
    if (!code && ff_args_has(args, "split"))
        code = ff_args_has(args, "grid")
                   ? ff_err_set(err, FF_USAGE, "--split says what --grid says: give one")
                   : ff_split_parse(ff_args_value(args, "split"), &split, err);
    if (!code)
        code = ff_onnx_load(args->positional[0], shapes.shape, shapes.count, &g, err);
    if (!code) {
        trial asked, trials[TRIED_COUNT];
        begin_trial(g, &split, &asked);
        begin_trials(g, trials);
        code = args->json ? print_json(g, &asked, trials, err)
                          : print_text(args, g, &asked, trials, err);
        end_trials(&asked, 1);
        end_trials(trials, TRIED_COUNT);
    }
    ff_graph_free(g);
    ff_arena_free(arena);
    return code;
}

const ff_verb ff_verb_inspect = {
    "inspect",
    "inspect M.onnx [--shape NAME=DIMS] [--grid RxC] [--split SPLIT] [--nodes]",
    "show a model's nodes, shapes, weights and FLOPs, and where it can be split",
    "A node that the split cannot pass is shown with the reason; such nodes run on the master.\n"
    "--nodes tells of each node which kinds of splits pass it (N = 2): grid, batch, channel,\n"
    "reduce by itself; pair and heads where the planner makes a stage of them that holds it.\n"
    "Where none passes it, each kind is there with its reason.",
    FLAGS,
    1,
    1,
    run,
};
