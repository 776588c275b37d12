#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "report/results_int.h"

#define MOST_COLUMNS 20
#define MOST_SHOWN   500

/* The benchmarks' own files: {"benchmark", ..., "rows": [{...}]}. Columns are the members of the
 * rows that hold a number, a word or a truth value; of an object with "median_ms", that. */
typedef struct column {
    const char *name;
    bool nested, number;
} column;

typedef struct columns {
    int count, left_out;
    column column[MOST_COLUMNS];
} columns;

static yyjson_val *cell_of(yyjson_val *row, const column *c)
{
    yyjson_val *v = yyjson_obj_get(row, c->name);
    return c->nested ? yyjson_obj_get(v, "median_ms") : v;
}

static void note_column(columns *all, const char *name, yyjson_val *value)
{
    bool nested = yyjson_is_num(yyjson_obj_get(value, "median_ms"));
    if (!nested && !yyjson_is_num(value) && !yyjson_is_str(value) && !yyjson_is_bool(value))
        return;
    for (int i = 0; i < all->count; i++)
        if (!strcmp(all->column[i].name, name)) {
            all->column[i].number = all->column[i].number && (nested || yyjson_is_num(value));
            return;
        }
    if (all->count == MOST_COLUMNS) {
        all->left_out++;
        return;
    }
    all->column[all->count++] = (column){name, nested, nested || yyjson_is_num(value)};
}

static columns find_columns(yyjson_val *list)
{
    columns all = {0};
    yyjson_val *row, *key;
    size_t i, n;
    yyjson_arr_foreach(list, i, n, row)
    {
        yyjson_obj_iter iter = yyjson_obj_iter_with(row);
        while ((key = yyjson_obj_iter_next(&iter)))
            note_column(&all, yyjson_get_str(key), yyjson_obj_iter_get_val(key));
    }
    return all;
}

static bool is_size(const char *name)
{
    size_t len = strlen(name);
    return len >= 5 && !strcmp(name + len - 5, "bytes");
}

static void put_cell(ff_table *table, yyjson_val *v, const column *c)
{
    char text[32];
    double number = yyjson_get_num(v); /* 0 for what is none */
    if (is_size(c->name) && number >= 1000 && number < 1e18)
        ff_table_cell(table, "%s", ff_units_bytes((uint64_t)number, text, sizeof text));
    else if (yyjson_is_num(v))
        ff_table_cell(table, "%.6g", number);
    else if (yyjson_is_bool(v))
        ff_table_cell(table, "%s", yyjson_get_bool(v) ? "yes" : "no");
    else
        ff_table_cell(table, "%s", yyjson_is_str(v) ? yyjson_get_str(v) : "");
}

static void add_table(ff_results *r, yyjson_val *list, const columns *all)
{
    char heading[MOST_COLUMNS * 64] = "";
    size_t len = 0, i, n;
    yyjson_val *row;
    for (int c = 0; c < all->count; c++) {
        size_t from = len;
        len += (size_t)snprintf(heading + len, sizeof heading - len, "%s%s%.40s%s", c ? "|" : "",
                                all->column[c].number ? ">" : "", all->column[c].name,
                                all->column[c].nested ? " ms" : "");
        for (size_t p = from + (c > 0); p < len; p++) /* '|' parts headings */
            heading[p] = heading[p] == '|' || heading[p] == '_' ? ' ' : heading[p];
    }
    ff_table *table = ff_table_new(heading);
    yyjson_arr_foreach(list, i, n, row)
    {
        for (int c = 0; i < MOST_SHOWN && c < all->count; c++)
            put_cell(table, cell_of(row, &all->column[c]), &all->column[c]);
    }
    if (yyjson_arr_size(list) > MOST_SHOWN || all->left_out)
        ff_html_paragraph(r->page, "The first %d rows and %d columns; the file has all.",
                          MOST_SHOWN, all->count);
    ff_html_table(r->page, table);
    ff_table_free(table);
}

/* Where rows have sizes and medians: the medians over the sizes. */
static ff_code add_chart(ff_results *r, yyjson_val *list, const columns *all, ff_err *err)
{
    ff_chart_series series[FF_CHART_SERIES];
    size_t rows = yyjson_arr_size(list), i, n;
    yyjson_val *row;
    int count = 0;
    for (int c = 0; c < all->count && count < FF_CHART_SERIES; c++) {
        if (!all->column[c].nested)
            continue;
        ff_chart_point *point = ff_arena_array(r->arena, rows, sizeof *point);
        int points = 0;
        yyjson_arr_foreach(list, i, n, row)
        {
            yyjson_val *bytes = yyjson_obj_get(row, "bytes"), *ms = cell_of(row, &all->column[c]);
            if (yyjson_is_num(bytes) && yyjson_is_num(ms))
                point[points++] =
                    (ff_chart_point){.x = yyjson_get_num(bytes) / 1e3, .y = yyjson_get_num(ms)};
        }
        if (points)
            series[count++] = (ff_chart_series){all->column[c].name, FF_MARK_BOTH, points, point};
    }
    ff_chart chart = {.title = "Median by size",
                      .x = {"size", "KB", FF_SCALE_LOG, false},
                      .y = {"median", "ms", FF_SCALE_LOG, false},
                      .series_count = count,
                      .series = series};
    return count ? ff_results_chart(r, &chart, err) : FF_OK;
}

ff_code ff_results_rows(ff_results *r, const char *name, yyjson_val *root, ff_err *err)
{
    yyjson_val *list = NULL;
    int count = 0;
    ff_code code = ff_results_list(root, "rows", &list, &count, err);
    if (code)
        return code;
    columns all = find_columns(list);
    ff_html_section(r->page, name);
    ff_results_facts(r, root);
    code = count ? add_chart(r, list, &all, err) : FF_OK;
    if (!code && all.count)
        add_table(r, list, &all);
    return code;
}
