/*
 * The kinds of results, one function each: it reads and checks the file, then adds to the page.
 * Strings of the document are borrowed only during the call.
 */
#ifndef FF_REPORT_RESULTS_INT_H
#define FF_REPORT_RESULTS_INT_H

#include "base/json.h"
#include "base/mem.h"
#include "report/html.h"
#include "report/results.h"
#include "report/svg_chart.h"

#define FF_MOST_ROWS 100000 /* of one list in a result file */

/* The sizes of one plan's tensors, for the figure that holds all plans. */
typedef struct ff_plan_sizes {
    const char *name;
    int count;
    const double *kb;
} ff_plan_sizes;

struct ff_results {
    ff_arena *arena;
    ff_html *page;
    int count;
    int plan_count, plan_room;
    ff_plan_sizes *plan;
    ff_table *passed_over; /* NULL: none */
};

ff_code ff_results_pairwise(ff_results *r, const char *name, yyjson_val *root, ff_err *err);
ff_code ff_results_e2e(ff_results *r, const char *name, yyjson_val *root, ff_err *err);
ff_code ff_results_load(ff_results *r, const char *name, yyjson_val *root, ff_err *err);
ff_code ff_results_plan(ff_results *r, const char *name, yyjson_val *root, ff_err *err);
ff_code ff_results_trace(ff_results *r, const char *name, yyjson_val *root, ff_err *err);
ff_code ff_results_rows(ff_results *r, const char *name, yyjson_val *root, ff_err *err);

/* The list and its length; FF_LIMIT over FF_MOST_ROWS, FF_FORMAT where an item is no object. */
ff_code ff_results_list(yyjson_val *obj, const char *name, yyjson_val **list, int *count,
                        ff_err *err);
double ff_results_number(yyjson_val *obj, const char *name, double otherwise);
const char *ff_results_text(yyjson_val *obj, const char *name, const char *otherwise);
/* How it was measured, as a paragraph: emulated or not, network, dilation, machine, command ... */
void ff_results_facts(ff_results *r, yyjson_val *root);
/* Draws into the page. */
ff_code ff_results_chart(ff_results *r, const ff_chart *chart, ff_err *err);
ff_code ff_results_groups(ff_results *r, const ff_group_chart *chart, ff_err *err);
/* The place of text among names, where it is added if it is new and count is below most; else
 * -1. */
int ff_results_place(const char **names, int *count, int most, const char *text);

#endif
