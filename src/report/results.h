/*
 * Result files on one page: what `fanfold bench`, `plan` and `infer --trace` write, and the
 * benchmarks' own results. Bytes in, a page out; opens no file. docs/report.md lists the kinds and
 * the members that are read.
 *
 * A file is looked at whole before anything of it is drawn: a fault leaves the page as it was.
 */
#ifndef FF_REPORT_RESULTS_H
#define FF_REPORT_RESULTS_H

#include "base/buf.h"

#define FF_MAX_RESULT_BYTES ((size_t)64 << 20) /* of a result file */

typedef struct ff_results ff_results;

ff_results *ff_results_new(const char *title);
void ff_results_free(ff_results *results); /* accepts NULL */
/* Adds a section for a file; name is how the page calls it. *kind (a constant, if not NULL) says
 * what it is. FF_UNSUPPORTED for JSON of no known kind, FF_FORMAT names the member at fault,
 * FF_LIMIT where it holds more than can be drawn. */
ff_code ff_results_add(ff_results *results, const char *name, ff_bytes json, const char **kind,
                       ff_err *err);
/* A file that is not on the page, listed at its end with the reason. */
void ff_results_pass_over(ff_results *results, const char *name, const char *reason);
int ff_results_count(const ff_results *results); /* of files that were added */
/* Appends the page; once. */
ff_code ff_results_emit(ff_results *results, ff_buf *out, ff_err *err);

#endif
