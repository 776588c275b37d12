/*
 * Text tables for people: columns as wide as their widest cell, numbers to the right.
 */
#ifndef FF_REPORT_TABLE_H
#define FF_REPORT_TABLE_H

#include <stdbool.h>

#include "base/buf.h"

typedef struct ff_table ff_table;

/* columns: headings separated by '|'; one that begins with '>' is aligned to the right. */
ff_table *ff_table_new(const char *columns);
void ff_table_free(ff_table *table); /* accepts NULL */
/* Appends the next cell; rows fill from left to right. */
void ff_table_cell(ff_table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends the table with its heading to out; a last row that is not full is filled with blanks. */
ff_code ff_table_emit(const ff_table *table, ff_buf *out, ff_err *err);

/* For other forms of the same table. Row -1 is the heading; a cell that was not filled is "". */
int ff_table_columns(const ff_table *table);
int ff_table_rows(const ff_table *table);
bool ff_table_is_number(const ff_table *table, int column); /* aligned to the right */
const char *ff_table_at(const ff_table *table, int row, int column);

#endif
