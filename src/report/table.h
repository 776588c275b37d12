/*
 * Text tables for people: columns as wide as their widest cell, numbers to the right.
 */
#ifndef FF_REPORT_TABLE_H
#define FF_REPORT_TABLE_H

#include "base/buf.h"

typedef struct ff_table ff_table;

/* columns: headings separated by '|'; one that begins with '>' is aligned to the right. */
ff_table *ff_table_new(const char *columns);
void ff_table_free(ff_table *table); /* accepts NULL */
/* Appends the next cell; rows fill from left to right. */
void ff_table_cell(ff_table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends the table with its heading to out; a last row that is not full is filled with blanks. */
ff_code ff_table_emit(const ff_table *table, ff_buf *out, ff_err *err);

#endif
