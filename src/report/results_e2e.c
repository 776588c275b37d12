#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/results_int.h"

typedef struct run {
    const char *model, *planner, *strategy;
    int group, series;                                            /* -1: over what a chart holds */
    double n, median_ms, mean_ms, p99_ms, predicted_ms, cost_usd; /* NaN = not told */
    double lo_ms, hi_ms;                                          /* 0 = not told */
} run;

typedef struct runs {
    int count, group_count, series_count;
    bool planners; /* more than one: groups are "model, planner" */
    run *run;
    const char *group[FF_CHART_GROUPS], *series[FF_CHART_SERIES];
    const run *base[FF_CHART_GROUPS]; /* by the inline route, which the paper compares with */
} runs;

static ff_code read_run(yyjson_val *item, run *out, ff_err *err)
{
    ff_code code = ff_json_str(item, "model", &out->model, err);
    if (!code)
        code = ff_json_str(item, "strategy", &out->strategy, err);
    if (!code)
        code = ff_json_num(item, "median_ms", &out->median_ms, err);
    out->planner = ff_results_text(item, "planner", "");
    out->n = ff_results_number(item, "n", NAN);
    out->mean_ms = ff_results_number(item, "mean_ms", NAN);
    out->p99_ms = ff_results_number(item, "p99_ms", NAN);
    out->predicted_ms = ff_results_number(item, "predicted_ms", NAN);
    out->cost_usd = ff_results_number(item, "cost_usd", NAN);
    out->lo_ms = ff_results_number(item, "p10_ms", 0);
    out->hi_ms = ff_results_number(item, "p90_ms", 0);
    return code;
}

static const char *const ROUTES[] = {"inline", "store"};

static ff_code read_runs(ff_results *r, yyjson_val *root, runs *out, ff_err *err)
{
    yyjson_val *list = NULL, *item;
    size_t i, n;
    ff_code code = ff_results_list(root, "runs", &list, &out->count, err);
    if (code)
        return code;
    out->run = ff_arena_array(r->arena, (size_t)out->count + 1, sizeof *out->run);
    yyjson_arr_foreach(list, i, n, item)
    {
        code = read_run(item, &out->run[i], err);
        if (code) {
            ff_err_wrap(err, "runs[%zu]", i);
            return code;
        }
        out->planners = out->planners || strcmp(out->run[i].planner, out->run[0].planner) != 0;
    }
    for (int route = 0; route < 2; route++) /* these have their colours in every chart */
        for (int k = 0; k < out->count; k++)
            if (!strcmp(out->run[k].strategy, ROUTES[route]))
                ff_results_place(out->series, &out->series_count, FF_CHART_SERIES, ROUTES[route]);
    for (int k = 0; k < out->count; k++) {
        run *x = &out->run[k];
        const char *group = out->planners
                                ? ff_arena_printf(r->arena, "%.200s, %.60s", x->model, x->planner)
                                : x->model;
        x->group = ff_results_place(out->group, &out->group_count, FF_CHART_GROUPS, group);
        x->series = ff_results_place(out->series, &out->series_count, FF_CHART_SERIES, x->strategy);
        if (x->group >= 0 && !strcmp(x->strategy, "inline"))
            out->base[x->group] = x;
    }
    return FF_OK;
}

/* Bars of one figure of the runs, by model and strategy. */
static ff_code add_bars(ff_results *r, const runs *all, bool cost, ff_err *err)
{
    ff_group_series series[FF_CHART_SERIES] = {{0}};
    bool any = false;
    for (int s = 0; s < all->series_count; s++) {
        ff_group_value *value = ff_arena_array(r->arena, FF_CHART_GROUPS, sizeof *value);
        series[s] = (ff_group_series){.name = all->series[s], .value = value};
        for (int g = 0; g < all->group_count; g++) {
            const run *found = NULL; /* the last one, where a run is there twice */
            for (int i = 0; i < all->count; i++)
                if (all->run[i].group == g && all->run[i].series == s)
                    found = &all->run[i];
            if (!found || (cost && isnan(found->cost_usd)))
                continue;
            any = true;
            value[series[s].count++] =
                (ff_group_value){g, cost ? found->cost_usd * 1e6 : found->median_ms,
                                 cost ? 0 : found->lo_ms, cost ? 0 : found->hi_ms};
        }
    }
    ff_group_chart chart = {
        .title = cost ? "What a million requests cost" : "A request from end to end",
        .mark = FF_GROUP_BARS,
        .groups = all->planners ? "model, planner" : "model",
        .group_count = all->group_count,
        .group = all->group,
        .y = {cost ? "cost" : "median latency", cost ? "usd" : "ms", FF_SCALE_LINEAR, true},
        .series_count = all->series_count,
        .series = series};
    return any ? ff_results_groups(r, &chart, err) : FF_OK;
}

/* Predicted beside actual: on the diagonal where the prediction was right. */
static ff_code add_predicted(ff_results *r, const runs *all, ff_err *err)
{
    ff_chart_series series[FF_CHART_SERIES] = {{0}};
    ff_chart_point diagonal[2] = {{0}};
    double most = 0;
    int count = 0;
    for (int s = 0; s < all->series_count && count < FF_CHART_SERIES - 1; s++) {
        ff_chart_point *point = ff_arena_array(r->arena, (size_t)all->count, sizeof *point);
        int points = 0;
        for (int i = 0; i < all->count; i++) {
            const run *x = &all->run[i];
            if (x->series != s || isnan(x->predicted_ms))
                continue;
            point[points++] = (ff_chart_point){.x = x->predicted_ms, .y = x->median_ms};
            most = fmax(most, fmax(x->predicted_ms, x->median_ms));
        }
        if (points)
            series[count++] = (ff_chart_series){all->series[s], FF_MARK_POINTS, points, point};
    }
    if (!count)
        return FF_OK;
    diagonal[1] = (ff_chart_point){.x = most, .y = most};
    series[count++] = (ff_chart_series){"equal", FF_MARK_LINE, 2, diagonal};
    ff_chart chart = {.title = "Predicted and measured latency",
                      .x = {"predicted", "ms", FF_SCALE_LINEAR, true},
                      .y = {"measured median", "ms", FF_SCALE_LINEAR, true},
                      .series_count = count,
                      .series = series};
    return ff_results_chart(r, &chart, err);
}

static void put_number(ff_table *table, double value, int decimals)
{
    if (isnan(value))
        ff_table_cell(table, "%s", "");
    else
        ff_table_cell(table, "%.*f", decimals, value);
}

static void add_table(ff_results *r, const runs *all)
{
    ff_table *table = ff_table_new("model|planner|strategy|>n|>median ms|>to inline|>mean ms|>p99 "
                                   "ms|>predicted ms|>usd a million");
    for (int i = 0; i < all->count; i++) {
        const run *x = &all->run[i], *base = x->group >= 0 ? all->base[x->group] : NULL;
        ff_table_cell(table, "%s", x->model);
        ff_table_cell(table, "%s", x->planner);
        ff_table_cell(table, "%s", x->strategy);
        put_number(table, x->n, 0);
        put_number(table, x->median_ms, 1);
        if (base && base != x && base->median_ms > 0)
            ff_table_cell(table, "%+.1f %%", (x->median_ms / base->median_ms - 1) * 100);
        else
            ff_table_cell(table, "%s", "");
        put_number(table, x->mean_ms, 1);
        put_number(table, x->p99_ms, 1);
        put_number(table, x->predicted_ms, 1);
        put_number(table, x->cost_usd * 1e6, 2);
    }
    ff_html_table(r->page, table);
    ff_table_free(table);
}

ff_code ff_results_e2e(ff_results *r, const char *name, yyjson_val *root, ff_err *err)
{
    runs all = {0};
    ff_code code = read_runs(r, root, &all, err);
    if (code)
        return code;
    ff_html_section(r->page, name);
    ff_results_facts(r, root);
    if (ff_json_has(root, "outputs_equal"))
        ff_html_paragraph(r->page, "Outputs of all strategies: %s.",
                          yyjson_get_bool(yyjson_obj_get(root, "outputs_equal")) ? "equal"
                                                                                 : "DIFFERENT");
    code = add_bars(r, &all, false, err);
    if (!code)
        code = add_bars(r, &all, true, err);
    if (!code)
        code = add_predicted(r, &all, err);
    if (!code)
        add_table(r, &all);
    return code;
}
