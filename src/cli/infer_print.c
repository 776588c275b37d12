#include "cli/infer_print.h"

#include <string.h>

#include "base/units.h"
#include "cli/cli.h"
#include "report/table.h"

static double num(yyjson_val *object, const char *name)
{
    return yyjson_get_num(yyjson_obj_get(object, name));
}

static yyjson_val *bytes_of(yyjson_doc *trace)
{
    return yyjson_obj_get(yyjson_doc_get_root(trace), "bytes");
}

static ff_code print_json(const ff_client_reply *reply, const ff_cli_emulation *emulation,
                          const ff_infer_diff *diff, yyjson_doc *trace, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "outputs");
    for (int i = 0; i < reply->count; i++) {
        yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, row, "name", reply->name[i]);
        yyjson_mut_obj_add_str(doc, row, "dtype", ff_dtype_name(reply->out[i].dtype));
        yyjson_mut_val *shape = yyjson_mut_obj_add_arr(doc, row, "shape");
        for (int d = 0; d < reply->out[i].shape.rank; d++)
            yyjson_mut_arr_add_int(doc, shape, reply->out[i].shape.dim[d]);
    }
    yyjson_mut_obj_add_str(doc, root, "request_id", reply->request_id);
    yyjson_mut_obj_add_real(doc, root, "latency_ms", reply->latency_ms);
    yyjson_mut_obj_add_real(doc, root, "master_ms", reply->master_ms);
    ff_cli_emulation_members(emulation, doc, root);
    yyjson_mut_obj_add_real(doc, root, "inline_bytes", num(bytes_of(trace), "inline"));
    yyjson_mut_obj_add_real(doc, root, "store_bytes", num(bytes_of(trace), "store"));
    if (diff->compared) {
        yyjson_mut_obj_add_bool(doc, root, "equal", diff->ok);
        yyjson_mut_obj_add_real(doc, root, "max_abs_error", diff->max_abs_error);
        yyjson_mut_obj_add_real(doc, root, "max_abs_reference", diff->max_abs_reference);
    }
    if (trace)
        yyjson_mut_obj_add_val(doc, root, "trace",
                               yyjson_val_mut_copy(doc, yyjson_doc_get_root(trace)));
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

/* A table row a tensor of one piece, sent or received. */
static void add_tensors(ff_table *table, size_t stage, yyjson_val *piece, const char *list,
                        const char *way, bool automatic)
{
    char bytes[32];
    size_t i, count;
    yyjson_val *t;
    yyjson_arr_foreach(yyjson_obj_get(piece, list), i, count, t)
    {
        const char *function = yyjson_get_str(yyjson_obj_get(piece, "function"));
        const char *name = yyjson_get_str(yyjson_obj_get(t, "name"));
        const char *route = yyjson_get_str(yyjson_obj_get(t, "route"));
        ff_table_cell(table, "%zu", stage);
        ff_table_cell(table, "%s", function ? function : "?");
        ff_table_cell(table, "%s", way);
        ff_table_cell(table, "%.40s", name ? name : "?");
        ff_table_cell(table, "%s", ff_units_bytes((uint64_t)num(t, "bytes"), bytes, sizeof bytes));
        ff_table_cell(table, "%s", route ? route : "?");
        ff_table_cell(table, "%.2f", num(t, "encode_ms") + num(t, "decode_ms"));
        ff_table_cell(table, "%.2f", num(t, "put_ms") + num(t, "get_ms"));
        if (!automatic)
            continue;
        ff_table_cell(table, yyjson_obj_get(t, "explored") ? "tried" : "chosen");
        ff_table_cell(table, "%.1f", num(t, "predicted_ms"));
        ff_table_cell(table, "%.1f", num(t, "actual_ms"));
    }
}

static ff_code print_tensors(yyjson_doc *trace, ff_buf *out, ff_err *err)
{
    bool automatic = yyjson_obj_get(yyjson_doc_get_root(trace), "auto") != NULL;
    ff_table *table = ff_table_new(
        automatic ? ">stage|function|way|tensor|>bytes|route|>codec ms|>store ms|auto|>predicted "
                    "ms|>actual ms"
                  : ">stage|function|way|tensor|>bytes|route|>codec ms|>store ms");
    size_t s, p, stages, pieces;
    yyjson_val *stage, *piece;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(trace), "stages"), s, stages, stage)
    {
        yyjson_arr_foreach(yyjson_obj_get(stage, "pieces"), p, pieces, piece)
        {
            add_tensors(table, s, piece, "inputs", "to", automatic);
            add_tensors(table, s, piece, "outputs", "from", automatic);
        }
    }
    ff_code code = ff_table_emit(table, out, err);
    ff_table_free(table);
    return code;
}

/* What policy auto has learned and lost so far. */
static ff_code print_auto(yyjson_doc *trace, ff_buf *out, ff_err *err)
{
    yyjson_val *a = yyjson_obj_get(yyjson_doc_get_root(trace), "auto");
    bool cost = yyjson_obj_get(a, "regret_usd") != NULL;
    if (!a)
        return FF_OK;
    return ff_buf_printf(
        out, err,
        "auto: %.0f requests, %.0f tensors, %.0f of them tried the other way, %.0f "
        "changed theirs; refitted %.0f times; regret %.4g %s\n",
        num(a, "requests"), num(a, "tensors"), num(a, "explored"), num(a, "changes"),
        num(a, "refits"), num(a, cost ? "regret_usd" : "regret_ms"), cost ? "usd" : "ms");
}

static ff_code print_stages(yyjson_doc *trace, ff_buf *out, ff_err *err)
{
    ff_table *table = ff_table_new(">stage|split|>ms|>slowest compute|>pieces");
    size_t s, p, stages, pieces;
    yyjson_val *stage, *piece;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(trace), "stages"), s, stages, stage)
    {
        double slowest = 0;
        const char *split = yyjson_get_str(yyjson_obj_get(stage, "split"));
        yyjson_arr_foreach(yyjson_obj_get(stage, "pieces"), p, pieces,
                           piece) if (num(piece, "compute_ms") > slowest) slowest =
            num(piece, "compute_ms");
        ff_table_cell(table, "%zu", s);
        ff_table_cell(table, "%s", split ? split : "?");
        ff_table_cell(table, "%.2f", num(stage, "ms"));
        ff_table_cell(table, "%.2f ms", slowest);
        ff_table_cell(table, "%zu", yyjson_arr_size(yyjson_obj_get(stage, "pieces")));
    }
    ff_code code = ff_table_emit(table, out, err);
    ff_table_free(table);
    return code;
}

static ff_code print_text(const ff_client_reply *reply, const ff_cli_emulation *emulation,
                          const ff_infer_diff *diff, yyjson_doc *trace, ff_err *err)
{
    char shape[128], in[32], st[32], how[300];
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = trace ? print_tensors(trace, &out, err) : FF_OK;
    if (!code && trace)
        code = ff_buf_text(&out, "\n", err);
    if (!code && trace)
        code = print_stages(trace, &out, err);
    if (!code && trace)
        code = print_auto(trace, &out, err);
    for (int i = 0; !code && i < reply->count; i++)
        code = ff_buf_printf(&out, err, "output %s: %s %s\n", reply->name[i],
                             ff_dtype_name(reply->out[i].dtype),
                             ff_shape_text(&reply->out[i].shape, shape, sizeof shape));
    if (!code)
        code =
            ff_buf_printf(&out, err, "%.1f ms (master %.1f ms); inline %s, store %s\n",
                          reply->latency_ms, reply->master_ms,
                          ff_units_bytes((uint64_t)num(bytes_of(trace), "inline"), in, sizeof in),
                          ff_units_bytes((uint64_t)num(bytes_of(trace), "store"), st, sizeof st));
    if (!code)
        code = ff_buf_text(&out, ff_cli_emulation_text(emulation, how, sizeof how), err);
    if (!code && diff->compared)
        code = ff_buf_printf(&out, err, "%s as expected: error %.3g of max |value| %.3g\n",
                             diff->ok ? "the same" : "NOT", diff->max_abs_error,
                             diff->max_abs_reference);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_buf_clean(&out);
    return code;
}

ff_code ff_infer_print(const ff_args *args, const ff_client_reply *reply,
                       const ff_cli_emulation *emulation, const ff_infer_diff *diff, ff_err *err)
{
    yyjson_doc *trace = NULL;
    ff_code code = FF_OK;
    if (reply->trace_json)
        code =
            ff_json_parse(ff_bytes_of(reply->trace_json, strlen(reply->trace_json)), &trace, err);
    if (!code)
        code = args->json ? print_json(reply, emulation, diff, trace, err)
                          : print_text(reply, emulation, diff, trace, err);
    yyjson_doc_free(trace);
    return code;
}
