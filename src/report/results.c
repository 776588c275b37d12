#include "report/results.h"

#include <stdio.h>
#include <string.h>

#include "report/results_int.h"

ff_results *ff_results_new(const char *title)
{
    ff_results *r = ff_mem_must(sizeof *r);
    r->arena = ff_arena_new();
    r->page = ff_html_new(title);
    return r;
}

void ff_results_free(ff_results *results)
{
    if (!results)
        return;
    ff_html_free(results->page);
    ff_table_free(results->passed_over);
    ff_mem_free(results->plan);
    ff_arena_free(results->arena);
    ff_mem_free(results);
}

/* ---- Kinds, told apart by their members. ---- */

/* Has the list obj[list] a first item with that member? */
static bool item_has(yyjson_val *obj, const char *list, const char *member)
{
    return ff_json_has(yyjson_arr_get_first(yyjson_obj_get(obj, list)), member);
}

static bool is_pairwise(yyjson_val *root)
{
    return yyjson_is_obj(yyjson_obj_get(root, "routes"));
}

static bool is_load(yyjson_val *root)
{
    return item_has(root, "runs", "rate_per_s");
}

static bool is_e2e(yyjson_val *root)
{
    return item_has(root, "runs", "strategy") && item_has(root, "runs", "median_ms");
}

static bool is_plan(yyjson_val *root)
{
    return ff_json_has(root, "planner") && yyjson_is_arr(yyjson_obj_get(root, "stages"));
}

static bool is_trace(yyjson_val *root)
{
    return item_has(root, "stages", "pieces") ||
           item_has(yyjson_obj_get(root, "trace"), "stages", "pieces");
}

static bool is_rows(yyjson_val *root)
{
    return ff_json_has(root, "benchmark") && yyjson_is_arr(yyjson_obj_get(root, "rows"));
}

static const struct {
    const char *name;
    bool (*is)(yyjson_val *root);
    ff_code (*add)(ff_results *r, const char *name, yyjson_val *root, ff_err *err);
} KINDS[] = {
    {"bench pairwise", is_pairwise, ff_results_pairwise},
    {"bench load", is_load, ff_results_load},
    {"bench e2e", is_e2e, ff_results_e2e},
    {"plan", is_plan, ff_results_plan},
    {"trace", is_trace, ff_results_trace},
    {"benchmark", is_rows, ff_results_rows},
};

ff_code ff_results_add(ff_results *results, const char *name, ff_bytes json, const char **kind,
                       ff_err *err)
{
    yyjson_doc *doc = NULL;
    ff_code code = ff_json_parse(json, &doc, err);
    if (code)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    size_t k = 0, kinds = sizeof KINDS / sizeof *KINDS;
    while (k < kinds && !KINDS[k].is(root))
        k++;
    if (k == kinds) {
        code = ff_err_set(err, FF_UNSUPPORTED,
                          "JSON of no known kind: wanted what bench, plan, infer --trace or a "
                          "benchmark writes");
    } else {
        code = KINDS[k].add(results, name, root, err);
        if (!code && kind)
            *kind = KINDS[k].name;
        results->count += !code;
    }
    yyjson_doc_free(doc);
    return code;
}

void ff_results_pass_over(ff_results *results, const char *name, const char *reason)
{
    if (!results->passed_over)
        results->passed_over = ff_table_new("file|reason");
    ff_table_cell(results->passed_over, "%s", name);
    ff_table_cell(results->passed_over, "%s", reason);
}

int ff_results_count(const ff_results *results)
{
    return results->count;
}

/* The manner of the paper's Figure 4: the sizes of all tensors that travel, plan by plan. */
static ff_code add_sizes(ff_results *r, ff_err *err)
{
    const char *groups[FF_CHART_GROUPS];
    int count = r->plan_count < FF_CHART_GROUPS ? r->plan_count : FF_CHART_GROUPS, values = 0;
    for (int p = 0; p < count; p++)
        values += r->plan[p].count;
    ff_group_value *value = ff_arena_array(r->arena, (size_t)values + 1, sizeof *value);
    values = 0;
    for (int p = 0; p < count; p++) {
        groups[p] = r->plan[p].name;
        for (int i = 0; i < r->plan[p].count; i++)
            value[values++] = (ff_group_value){.group = p, .y = r->plan[p].kb[i]};
    }
    ff_group_series series = {"tensors of a stage", values, value};
    ff_group_chart chart = {.title = "Sizes of the tensors that travel",
                            .mark = FF_GROUP_DOTS,
                            .groups = "plan",
                            .group_count = count,
                            .group = groups,
                            .y = {"largest part", "KB", FF_SCALE_LINEAR, true},
                            .series_count = 1,
                            .series = &series};
    ff_html_section(r->page, "All plans");
    if (count < r->plan_count)
        ff_html_paragraph(r->page, "The first %d of %d plans.", count, r->plan_count);
    return ff_results_groups(r, &chart, err);
}

ff_code ff_results_emit(ff_results *results, ff_buf *out, ff_err *err)
{
    ff_code code = results->plan_count > 1 ? add_sizes(results, err) : FF_OK;
    if (code)
        return code;
    if (results->passed_over) {
        ff_html_section(results->page, "Files passed over");
        ff_html_table(results->page, results->passed_over);
    }
    return ff_html_emit(results->page, out, err);
}

/* ---- What the kinds share. ---- */

ff_code ff_results_list(yyjson_val *obj, const char *name, yyjson_val **list, int *count,
                        ff_err *err)
{
    yyjson_val *found = NULL, *item;
    size_t i, n;
    ff_code code = ff_json_arr(obj, name, &found, err);
    if (code)
        return code;
    if (yyjson_arr_size(found) > FF_MOST_ROWS)
        return ff_err_set(err, FF_LIMIT, "%s: %zu items, at most %d", name, yyjson_arr_size(found),
                          FF_MOST_ROWS);
    yyjson_arr_foreach(found, i, n, item)
    {
        if (!yyjson_is_obj(item))
            return ff_err_set(err, FF_FORMAT, "%s[%zu]: wanted an object, found %s", name, i,
                              yyjson_get_type_desc(item));
    }
    *list = found;
    *count = (int)yyjson_arr_size(found);
    return FF_OK;
}

double ff_results_number(yyjson_val *obj, const char *name, double otherwise)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    return yyjson_is_num(v) ? yyjson_get_num(v) : otherwise;
}

const char *ff_results_text(yyjson_val *obj, const char *name, const char *otherwise)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    return yyjson_is_str(v) ? yyjson_get_str(v) : otherwise;
}

void ff_results_facts(ff_results *r, yyjson_val *root)
{
    static const struct {
        const char *member, *text;
    } FACTS[] = {{"benchmark", "Benchmark"},
                 {"network", "Network profile"},
                 {"dilation", "Time dilation"},
                 {"machine", "Machine"},
                 {"date", "Date"},
                 {"command", "Command"},
                 {"n", "N"},
                 {"statistic", "Statistic"},
                 {"load_average", "Load average"}};
    char text[1800] = "";
    size_t len = 0;
    if (ff_json_has(root, "emulated"))
        len = (size_t)snprintf(text, sizeof text, "%s ",
                               yyjson_get_bool(yyjson_obj_get(root, "emulated"))
                                   ? "Emulated: times are those of the profile, not of a cloud."
                                   : "Measured, not emulated.");
    for (size_t i = 0; i < sizeof FACTS / sizeof *FACTS; i++) {
        yyjson_val *v = yyjson_obj_get(root, FACTS[i].member);
        if (yyjson_is_str(v))
            len += (size_t)snprintf(text + len, sizeof text - len, "%s: %.180s. ", FACTS[i].text,
                                    yyjson_get_str(v));
        else if (yyjson_is_num(v))
            len += (size_t)snprintf(text + len, sizeof text - len, "%s: %.6g. ", FACTS[i].text,
                                    yyjson_get_num(v));
    }
    if (len)
        ff_html_paragraph(r->page, "%s", text);
}

ff_code ff_results_chart(ff_results *r, const ff_chart *chart, ff_err *err)
{
    ff_buf svg;
    ff_buf_init(&svg, 0);
    ff_code code = ff_svg_chart(chart, &svg, err);
    if (!code)
        ff_html_drawing(r->page, ff_buf_view(&svg));
    ff_buf_clean(&svg);
    return code;
}

ff_code ff_results_groups(ff_results *r, const ff_group_chart *chart, ff_err *err)
{
    ff_buf svg;
    ff_buf_init(&svg, 0);
    ff_code code = ff_svg_groups(chart, &svg, err);
    if (!code)
        ff_html_drawing(r->page, ff_buf_view(&svg));
    ff_buf_clean(&svg);
    return code;
}

int ff_results_place(const char **names, int *count, int most, const char *text)
{
    for (int i = 0; i < *count; i++)
        if (!strcmp(names[i], text))
            return i;
    if (*count == most)
        return -1;
    names[*count] = text;
    return (*count)++;
}
