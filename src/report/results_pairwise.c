#include <stdio.h>

#include "base/units.h"
#include "report/results_int.h"

#define MOST_MARKS 40 /* points of a series that are drawn with marker and error bar */
#define TABLE_ROWS 24

/* {"bytes", "median_ms", "p10_ms"?, "p90_ms"?} -> a point in KB and ms. */
static ff_code read_point(yyjson_val *item, bool bars, ff_chart_point *out, ff_err *err)
{
    double bytes = 0;
    ff_code code = ff_json_num(item, "bytes", &bytes, err);
    if (!code)
        code = ff_json_num(item, "median_ms", &out->y, err);
    out->x = bytes / 1e3;
    if (bars) {
        out->lo = ff_results_number(item, "p10_ms", 0);
        out->hi = ff_results_number(item, "p90_ms", 0);
    }
    return code;
}

static ff_code read_route(ff_results *r, yyjson_val *routes, const char *route,
                          ff_chart_series *out, ff_err *err)
{
    yyjson_val *list = NULL, *item;
    size_t i, n;
    ff_code code = ff_results_list(routes, route, &list, &out->count, err);
    if (code)
        return code;
    ff_chart_point *point = ff_arena_array(r->arena, (size_t)out->count + 1, sizeof *point);
    yyjson_arr_foreach(list, i, n, item)
    {
        code = read_point(item, out->count <= MOST_MARKS, &point[i], err);
        if (code) {
            ff_err_wrap(err, "%.60s[%zu]", route, i);
            return code;
        }
    }
    out->name = route;
    out->mark = out->count <= MOST_MARKS ? FF_MARK_BOTH : FF_MARK_LINE;
    out->point = point;
    return FF_OK;
}

/* Rows by the sizes of the first route; other routes' figures where they have that size. */
static void add_table(ff_results *r, const ff_chart_series *series, int count)
{
    char heading[400] = ">size", size[32];
    size_t len = 5;
    for (int s = 0; s < count; s++)
        len += (size_t)snprintf(heading + len, sizeof heading - len, "|>%.30s ms", series[s].name);
    ff_table *table = ff_table_new(heading);
    int step = (series[0].count + TABLE_ROWS - 1) / TABLE_ROWS;
    for (int i = 0; i < series[0].count; i += step) {
        double kb = series[0].point[i].x;
        ff_table_cell(table, "%s",
                      ff_units_bytes(kb > 0 && kb < 1e15 ? (uint64_t)(kb * 1e3 + 0.5) : 0, size,
                                     sizeof size));
        for (int s = 0; s < count; s++) {
            bool same = i < series[s].count && series[s].point[i].x == kb;
            ff_table_cell(table, same ? "%.2f" : "", same ? series[s].point[i].y : 0);
        }
    }
    if (step > 1)
        ff_html_paragraph(r->page, "Every %dth size of %d; the file has all.", step,
                          series[0].count);
    ff_html_table(r->page, table);
    ff_table_free(table);
}

static bool is_wide(const ff_chart_series *series, int count)
{
    double lo = 0, hi = 0;
    for (int s = 0; s < count; s++)
        for (int i = 0; i < series[s].count; i++) {
            double x = series[s].point[i].x;
            lo = lo == 0 || (x > 0 && x < lo) ? x : lo;
            hi = x > hi ? x : hi;
        }
    return lo > 0 && hi > 1000 * lo;
}

ff_code ff_results_pairwise(ff_results *r, const char *name, yyjson_val *root, ff_err *err)
{
    yyjson_val *routes = yyjson_obj_get(root, "routes"), *key;
    ff_chart_series series[FF_CHART_SERIES];
    char title[400], rule[64], size[32];
    int count = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(routes);
    while ((key = yyjson_obj_iter_next(&iter))) {
        if (count == FF_CHART_SERIES)
            return ff_err_set(err, FF_LIMIT, "routes: more than %d", FF_CHART_SERIES);
        ff_code code = read_route(r, routes, yyjson_get_str(key), &series[count++], err);
        if (code)
            return ff_err_wrap(err, "routes");
    }
    bool wide = is_wide(series, count);
    double cross = ff_results_number(root, "crossover_bytes", 0);
    bool crosses = cross > 0 && cross < 1e15;
    ff_units_bytes(crosses ? (uint64_t)cross : 0, size, sizeof size);
    snprintf(rule, sizeof rule, "crossover at %s", size);
    snprintf(title, sizeof title, "A tensor from function to function, by size");
    ff_chart chart = {.title = title,
                      .x = {"tensor size", "KB", wide ? FF_SCALE_LOG : FF_SCALE_LINEAR, !wide},
                      .y = {"median round trip", "ms", wide ? FF_SCALE_LOG : FF_SCALE_LINEAR, true},
                      .series_count = count,
                      .series = series,
                      .rule = crosses ? rule : NULL,
                      .rule_x = cross / 1e3};
    ff_html_section(r->page, name);
    ff_results_facts(r, root);
    if (ff_json_has(root, "checksums_ok"))
        ff_html_paragraph(r->page, "Checksums of what was received: %s. %s",
                          yyjson_get_bool(yyjson_obj_get(root, "checksums_ok")) ? "all right"
                                                                                : "SOME WRONG",
                          crosses ? "" : "The routes do not cross in this range.");
    ff_code code = ff_results_chart(r, &chart, err);
    if (!code && count && series[0].count)
        add_table(r, series, count);
    return code;
}
