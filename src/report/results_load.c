#include <math.h>
#include <stdio.h>

#include "report/results_int.h"

/* {"rate_per_s", "median_ms", "p99_ms", "strategy"?, "model"?, "n"?, "done_per_s"?, "p90_ms"?,
 *  "p999_ms"?, "errors"?}: one offered rate each. */
static ff_code check_runs(yyjson_val *list, ff_err *err)
{
    static const char *const MEMBERS[] = {"rate_per_s", "median_ms", "p99_ms"};
    yyjson_val *item;
    size_t i, n;
    double value = 0;
    yyjson_arr_foreach(list, i, n, item)
    {
        for (size_t k = 0; k < sizeof MEMBERS / sizeof *MEMBERS; k++) {
            ff_code code = ff_json_num(item, MEMBERS[k], &value, err);
            if (code) {
                ff_err_wrap(err, "runs[%zu]", i);
                return code;
            }
        }
    }
    return FF_OK;
}

/* "model, strategy" as far as the run tells them. */
static const char *run_name(ff_results *r, yyjson_val *item)
{
    const char *model = ff_results_text(item, "model", "");
    const char *strategy = ff_results_text(item, "strategy", "");
    return ff_arena_printf(r->arena, "%.100s%s%.60s", model, *model && *strategy ? ", " : "",
                           strategy);
}

static ff_code add_chart(ff_results *r, yyjson_val *list, int count, ff_err *err)
{
    static const char *const MEMBERS[] = {"median_ms", "p99_ms"};
    const char *names[FF_CHART_SERIES / 2];
    ff_chart_series series[FF_CHART_SERIES] = {{0}};
    int named = 0;
    yyjson_val *item;
    size_t i, n;
    yyjson_arr_foreach(list, i, n, item)
    {
        int place = ff_results_place(names, &named, FF_CHART_SERIES / 2, run_name(r, item));
        for (int k = 0; place >= 0 && k < 2; k++) {
            ff_chart_series *s = &series[place * 2 + k];
            ff_chart_point *point = (ff_chart_point *)(uintptr_t)s->point;
            if (!point) {
                s->point = point = ff_arena_array(r->arena, (size_t)count, sizeof *point);
                s->name =
                    ff_arena_printf(r->arena, "%s%s%s", names[place], *names[place] ? ", " : "",
                                    k ? "99th percentile" : "median");
                s->mark = FF_MARK_BOTH;
            }
            point[s->count++] = (ff_chart_point){.x = ff_results_number(item, "rate_per_s", 0),
                                                 .y = ff_results_number(item, MEMBERS[k], 0)};
        }
    }
    ff_chart chart = {.title = "Latency by load",
                      .x = {"requests offered", "1/s", FF_SCALE_LINEAR, true},
                      .y = {"latency", "ms", FF_SCALE_LOG, false},
                      .series_count = named * 2,
                      .series = series};
    return ff_results_chart(r, &chart, err);
}

static void add_table(ff_results *r, yyjson_val *list)
{
    static const char *const MEMBERS[] = {"n",      "done_per_s", "median_ms", "p90_ms",
                                          "p99_ms", "p999_ms",    "errors"};
    ff_table *table =
        ff_table_new("run|>offered 1/s|>n|>done 1/s|>median ms|>p90 ms|>p99 ms|>p99.9 "
                     "ms|>errors");
    yyjson_val *item;
    size_t i, n;
    yyjson_arr_foreach(list, i, n, item)
    {
        ff_table_cell(table, "%s", run_name(r, item));
        ff_table_cell(table, "%.4g", ff_results_number(item, "rate_per_s", 0));
        for (size_t k = 0; k < sizeof MEMBERS / sizeof *MEMBERS; k++) {
            double value = ff_results_number(item, MEMBERS[k], NAN);
            ff_table_cell(table, isnan(value) ? "" : "%.6g", value);
        }
    }
    ff_html_table(r->page, table);
    ff_table_free(table);
}

ff_code ff_results_load(ff_results *r, const char *name, yyjson_val *root, ff_err *err)
{
    yyjson_val *list = NULL;
    int count = 0;
    ff_code code = ff_results_list(root, "runs", &list, &count, err);
    if (!code)
        code = check_runs(list, err);
    if (code)
        return code;
    ff_html_section(r->page, name);
    ff_results_facts(r, root);
    code = add_chart(r, list, count, err);
    if (!code)
        add_table(r, list);
    return code;
}
