#include "cli/plan_print.h"

#include <stdio.h>

#include "base/units.h"
#include "cli/cli.h"
#include "report/table.h"

static int workers_of(const ff_plan_stage *s)
{
    bool local = s->stage.split.kind == FF_SPLIT_LOCAL;
    return local ? 0 : ff_split_count(&s->stage.split) - (s->own ? 1 : 0);
}

/* "1.2 MB", with "store" where a tensor goes by it. */
static void add_sent(ff_table *table, const ff_plan_stage *s, const ff_plan_tensor *tensors,
                     int count)
{
    uint64_t bytes = 0;
    int stored = 0;
    char text[64];
    for (int i = 0; i < count; i++) {
        bytes += tensors[i].bytes;
        stored += tensors[i].route == FF_PLAN_ROUTE_STORE ? 1 : 0;
    }
    if (workers_of(s) == 0)
        ff_table_cell(table, "-");
    else
        ff_table_cell(table, "%s%s", ff_units_bytes(bytes, text, sizeof text),
                      stored == 0       ? ""
                      : stored == count ? " store"
                                        : " both");
}

static void add_times(ff_table *table, const ff_plan_stage *s)
{
    const double ms[] = {s->cost.compute_ms, s->cost.route_ms, s->cost.serial_ms + s->cost.codec_ms,
                         s->cost.mean_ms};
    for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++)
        if (s->predicted)
            ff_table_cell(table, "%.1f", ms[i]);
        else
            ff_table_cell(table, "?");
}

static void add_stage(ff_table *table, int i, const ff_plan_stage *s, bool predicted)
{
    char text[64];
    ff_table_cell(table, "%d", i);
    ff_table_cell(table, "%s%s", ff_split_text(&s->stage.split, text, sizeof text),
                  s->own ? ", one on the master" : "");
    ff_table_cell(table, "%d", workers_of(s));
    ff_table_cell(table, "%d-%d", s->stage.begin, s->stage.end - 1);
    ff_table_cell(table, "%.3f", (double)s->flops / 1e9);
    ff_table_cell(table, "%.1f %%", s->halo * 100);
    ff_table_cell(table, "%s", ff_units_bytes(s->weight_bytes, text, sizeof text));
    add_sent(table, s, s->in, s->in_count);
    add_sent(table, s, s->out, s->out_count);
    if (predicted)
        add_times(table, s);
}

static ff_code print_table(ff_table *table, ff_err *err)
{
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = ff_table_emit(table, &out, err);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_table_free(table);
    ff_buf_clean(&out);
    return code;
}

static int most_workers(const ff_plan *plan)
{
    int most = 0;
    for (int i = 0; i < plan->stage_count; i++)
        most = workers_of(&plan->stage[i]) > most ? workers_of(&plan->stage[i]) : most;
    return most;
}

static ff_code print_total(const ff_plan *plan, const ff_plan *single, ff_err *err)
{
    ff_code code = ff_cli_printf(err,
                                 "predicted: %.0f ms (p99 %.0f), %.2f usd a million requests; "
                                 "network %s, compute %s, master %.0f MB\n",
                                 plan->latency_ms, plan->p99_ms, plan->cost_usd * 1e6,
                                 plan->network, plan->compute, plan->master_mb);
    if (code || single == NULL)
        return code;
    if (most_workers(plan) == 0)
        return ff_cli_printf(err, "one function for everything: fanning out does not pay here\n");
    return ff_cli_printf(err,
                         "one function for everything: %.0f ms, %.2f usd; this plan takes "
                         "%.2f times as long and costs %.2f times as much\n",
                         single->latency_ms, single->cost_usd * 1e6,
                         plan->latency_ms / single->latency_ms, plan->cost_usd / single->cost_usd);
}

ff_code ff_plan_print(const ff_plan *plan, const ff_plan *single, ff_err *err)
{
    ff_table *table = ff_table_new(
        plan->predicted ? ">stage|split|>workers|>nodes|>GFLOPs|>halo|>weights|>sent to each|>back "
                          "from each|>compute ms|>route|>serial|>total"
                        : ">stage|split|>workers|>nodes|>GFLOPs|>halo|>weights|>sent to "
                          "each|>back from each");
    for (int i = 0; i < plan->stage_count; i++)
        add_stage(table, i, &plan->stage[i], plan->predicted);
    ff_code code = print_table(table, err);
    return code || !plan->predicted ? code : print_total(plan, single, err);
}

/* Is the plan a step of a hundredth away from the one shown last? */
static bool is_step(const ff_plan *plan, const ff_plan *last)
{
    return last == NULL || plan->latency_ms >= 1.01 * last->latency_ms ||
           plan->cost_usd <= 0.99 * last->cost_usd;
}

ff_code ff_plan_print_frontier(ff_plan *const *plans, int count, ff_err *err)
{
    ff_table *table = ff_table_new(">ms|>p99|>usd a million|>stages|>workers at once|>master MB");
    const ff_plan *last = NULL;
    for (int i = 0; i < count; i++) {
        if (!is_step(plans[i], last) && i + 1 < count)
            continue;
        last = plans[i];
        ff_table_cell(table, "%.1f", last->latency_ms);
        ff_table_cell(table, "%.1f", last->p99_ms);
        ff_table_cell(table, "%.2f", last->cost_usd * 1e6);
        ff_table_cell(table, "%d", last->stage_count);
        ff_table_cell(table, "%d", most_workers(last));
        ff_table_cell(table, "%.0f", last->master_mb);
    }
    ff_code code = print_table(table, err);
    return code ? code
                : ff_cli_printf(err,
                                "of %d plans of which none is both faster and cheaper, one a "
                                "hundredth, by the search's figures; the fastest:\n\n",
                                count);
}

static void add_plan(yyjson_mut_doc *doc, yyjson_mut_val *list, const ff_plan *plan)
{
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_real(doc, item, "latency_ms", plan->latency_ms);
    yyjson_mut_obj_add_real(doc, item, "p99_ms", plan->p99_ms);
    yyjson_mut_obj_add_real(doc, item, "cost_usd", plan->cost_usd);
    yyjson_mut_obj_add_real(doc, item, "memory_mb", plan->master_mb);
    yyjson_mut_val *stages = yyjson_mut_obj_add_arr(doc, item, "stages");
    for (int i = 0; i < plan->stage_count; i++) {
        char text[64];
        const ff_plan_stage *s = &plan->stage[i];
        yyjson_mut_val *stage = yyjson_mut_arr_add_obj(doc, stages);
        yyjson_mut_obj_add_strcpy(doc, stage, "split",
                                  ff_split_text(&s->stage.split, text, sizeof text));
        yyjson_mut_obj_add_int(doc, stage, "begin", s->stage.begin);
        yyjson_mut_obj_add_int(doc, stage, "end", s->stage.end);
        yyjson_mut_obj_add_int(doc, stage, "workers", workers_of(s));
        yyjson_mut_obj_add_real(doc, stage, "memory_mb", s->worker_mb);
    }
}

ff_code ff_plan_print_frontier_json(ff_plan *const *plans, int count, const ff_buf *first,
                                    ff_err *err)
{
    yyjson_doc *read = NULL;
    ff_code code = ff_json_parse(ff_buf_view(first), &read, err);
    if (code)
        return code;
    yyjson_mut_doc *doc = yyjson_doc_mut_copy(read, NULL);
    yyjson_doc_free(read);
    if (doc == NULL)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for the plans as JSON");
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, yyjson_mut_doc_get_root(doc), "frontier");
    for (int i = 0; i < count; i++)
        add_plan(doc, list, plans[i]);
    code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}
