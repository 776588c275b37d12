#include "report/html.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

#define MOST_PAGE ((size_t)256 << 20) /* what a browser still opens */
#define MOST_OPEN 40                  /* rows of a table that is shown at once */

struct ff_html {
    char *title;
    int sections;
    ff_buf list, body; /* links to the sections, and the sections */
    ff_err err;
    ff_markup to_list, to_body;
};

/* The drawings bring their own colours: equal ones, for light and for dark. */
static const char STYLE[] =
    ":root{color-scheme:light dark}\n"
    "body{margin:2rem auto;max-width:70rem;padding:0 1rem;font:16px/1.5 system-ui,-apple-system,"
    "'Segoe UI','DejaVu Sans',sans-serif;color:#1b2430;background:#fff}\n"
    "h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2.5rem;overflow-wrap:anywhere}\n"
    "p{max-width:50rem;overflow-wrap:anywhere}\n"
    "a{color:#0b62b0}nav ul{padding-left:1.2rem}\n"
    "figure,.table{margin:1rem 0;overflow-x:auto}\n"
    "figure svg{display:block;max-width:100%;height:auto}\n"
    "table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .75rem;border-bottom:1px solid #d5dae0;text-align:left;"
    "white-space:nowrap}\n"
    ".number{text-align:right}\n"
    "@media (prefers-color-scheme:dark){body{color:#e7ebf0;background:#14191f}a{color:#5aa9f5}"
    "th,td{border-color:#38424e}}\n"
    "@media print{figure,.table{break-inside:avoid}}\n";

ff_html *ff_html_new(const char *title)
{
    ff_html *page = ff_mem_must(sizeof *page);
    page->title = ff_mem_must_strdup(title);
    ff_buf_init(&page->list, MOST_PAGE);
    ff_buf_init(&page->body, MOST_PAGE);
    page->to_list = ff_markup_begin(&page->list, &page->err);
    page->to_body = ff_markup_begin(&page->body, &page->err);
    return page;
}

void ff_html_free(ff_html *page)
{
    if (!page)
        return;
    ff_mem_free(page->title);
    ff_buf_clean(&page->list);
    ff_buf_clean(&page->body);
    ff_mem_free(page);
}

void ff_html_section(ff_html *page, const char *title)
{
    int n = ++page->sections;
    ff_markup_put(&page->to_list, "<li><a href=\"#s%d\">", n);
    ff_markup_text(&page->to_list, title);
    ff_markup_put(&page->to_list, "</a></li>\n");
    ff_markup_put(&page->to_body, "%s<section id=\"s%d\">\n<h2>", n > 1 ? "</section>\n" : "", n);
    ff_markup_text(&page->to_body, title);
    ff_markup_put(&page->to_body, "</h2>\n");
}

void ff_html_paragraph(ff_html *page, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ff_markup_put(&page->to_body, "<p>");
    ff_markup_text(&page->to_body, text);
    ff_markup_put(&page->to_body, "</p>\n");
}

void ff_html_table(ff_html *page, const ff_table *table)
{
    ff_markup *m = &page->to_body;
    int columns = ff_table_columns(table), rows = ff_table_rows(table);
    bool folded = rows > MOST_OPEN;
    if (folded)
        ff_markup_put(m, "<details><summary>Table of %d rows</summary>\n", rows);
    ff_markup_put(m, "<div class=\"table\"><table>\n<thead>\n");
    for (int r = -1; r < rows; r++) {
        const char *tag = r < 0 ? "th" : "td";
        ff_markup_put(m, "<tr>");
        for (int c = 0; c < columns; c++) {
            ff_markup_put(m, "<%s%s>", tag,
                          ff_table_is_number(table, c) ? " class=\"number\"" : "");
            ff_markup_text(m, ff_table_at(table, r, c));
            ff_markup_put(m, "</%s>", tag);
        }
        ff_markup_put(m, "</tr>\n%s", r < 0 ? "</thead>\n<tbody>\n" : "");
    }
    ff_markup_put(m, "</tbody>\n</table></div>\n%s", folded ? "</details>\n" : "");
}

void ff_html_drawing(ff_html *page, ff_bytes svg)
{
    ff_markup_put(&page->to_body, "<figure>\n");
    ff_markup_bytes(&page->to_body, svg);
    ff_markup_put(&page->to_body, "</figure>\n");
}

ff_code ff_html_emit(const ff_html *page, ff_buf *out, ff_err *err)
{
    ff_markup m = ff_markup_begin(out, err);
    ff_code code = page->to_body.code ? page->to_body.code : page->to_list.code;
    if (code) {
        if (err)
            *err = page->err;
        return code;
    }
    ff_markup_put(&m, "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n"
                      "<head>\n<meta charset=\"utf-8\"/>\n"
                      "<meta http-equiv=\"Content-Security-Policy\" "
                      "content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>");
    ff_markup_text(&m, page->title);
    ff_markup_put(&m, "</title>\n<style>\n");
    ff_markup_bytes(&m, ff_bytes_of(STYLE, sizeof STYLE - 1));
    ff_markup_put(&m, "</style>\n</head>\n<body>\n<h1>");
    ff_markup_text(&m, page->title);
    ff_markup_put(&m, "</h1>\n");
    if (page->sections > 1) {
        ff_markup_put(&m, "<nav><ul>\n");
        ff_markup_bytes(&m, ff_buf_view(&page->list));
        ff_markup_put(&m, "</ul></nav>\n");
    }
    ff_markup_bytes(&m, ff_buf_view(&page->body));
    ff_markup_put(&m, "%s</body>\n</html>\n", page->sections ? "</section>\n" : "");
    return m.code;
}
