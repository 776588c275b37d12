#include "report/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define MAX_COLUMNS 24

struct ff_table {
    ff_arena *arena;
    int column_count;
    bool right[MAX_COLUMNS];
    size_t count, room; /* cells, the headings first */
    const char **cell;
};

static void push(ff_table *t, const char *text)
{
    if (t->count == t->room) {
        t->cell = ff_mem_must_grow(t->cell, t->room, t->room * 2 + 32, sizeof *t->cell);
        t->room = t->room * 2 + 32;
    }
    t->cell[t->count++] = text;
}

ff_table *ff_table_new(const char *columns)
{
    ff_table *t = ff_mem_must(sizeof *t);
    t->arena = ff_arena_new();
    for (const char *p = columns; t->column_count < MAX_COLUMNS; p++) {
        t->right[t->column_count] = *p == '>';
        p += *p == '>';
        size_t len = strcspn(p, "|");
        push(t, ff_arena_strndup(t->arena, p, len));
        t->column_count++;
        p += len;
        if (!*p)
            break;
    }
    return t;
}

void ff_table_free(ff_table *table)
{
    if (!table)
        return;
    ff_arena_free(table->arena);
    ff_mem_free(table->cell);
    ff_mem_free(table);
}

void ff_table_cell(ff_table *table, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    push(table, ff_arena_strdup(table->arena, text));
}

/* Characters on a terminal: bytes that do not continue a UTF-8 sequence. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

ff_code ff_table_emit(const ff_table *table, ff_buf *out, ff_err *err)
{
    int width[MAX_COLUMNS] = {0};
    size_t columns = (size_t)table->column_count;
    for (size_t i = 0; i < table->count; i++) {
        int w = width_of(table->cell[i]);
        if (w > width[i % columns])
            width[i % columns] = w;
    }
    ff_code code = FF_OK;
    size_t all = (table->count + columns - 1) / columns * columns;
    for (size_t i = 0; !code && i < all; i++) {
        size_t c = i % columns;
        const char *text = i < table->count ? table->cell[i] : "";
        int pad = width[c] - width_of(text);
        bool last = c + 1 == columns;
        if (table->right[c])
            code = ff_buf_printf(out, err, "%*s%s", pad, "", text);
        else
            code = ff_buf_printf(out, err, "%s%*s", text, last ? 0 : pad, "");
        if (!code)
            code = ff_buf_text(out, last ? "\n" : "  ", err);
    }
    return code;
}

int ff_table_columns(const ff_table *table)
{
    return table->column_count;
}

int ff_table_rows(const ff_table *table)
{
    size_t columns = (size_t)table->column_count;
    return (int)((table->count + columns - 1) / columns) - 1;
}

bool ff_table_is_number(const ff_table *table, int column)
{
    return table->right[column];
}

const char *ff_table_at(const ff_table *table, int row, int column)
{
    size_t i = (size_t)(row + 1) * (size_t)table->column_count + (size_t)column;
    return i < table->count ? table->cell[i] : "";
}
