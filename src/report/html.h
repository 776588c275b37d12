/*
 * One HTML page that needs nothing else: sections with paragraphs, tables and drawings; no script,
 * no other file. It is well-formed XML too, so that a tool may read it. Text is escaped here.
 */
#ifndef FF_REPORT_HTML_H
#define FF_REPORT_HTML_H

#include "report/markup.h"
#include "report/table.h"

typedef struct ff_html ff_html;

ff_html *ff_html_new(const char *title);
void ff_html_free(ff_html *page); /* accepts NULL */
/* Begins a section, which is listed at the page's top. */
void ff_html_section(ff_html *page, const char *title);
void ff_html_paragraph(ff_html *page, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A long table is folded: the reader opens it. */
void ff_html_table(ff_html *page, const ff_table *table);
void ff_html_drawing(ff_html *page, ff_bytes svg); /* as ff_svg_* make it: not escaped */
/* Appends the page. The first failure of any call before: FF_NO_MEMORY, FF_LIMIT. */
ff_code ff_html_emit(const ff_html *page, ff_buf *out, ff_err *err);

#endif
