/* module: report */
/* Any bytes as a result file: refused with a code, or on a page that can be made. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

/* Tags are ours alone: whatever names the file holds, '<' opens one of these. */
static int is_tag(const char *at, size_t left)
{
    static const char *const TAGS[] = {
        "!DOCTYPE", "html",  "head",  "meta", "title",  "style", "body",    "h1",
        "h2",       "nav",   "ul",    "li",   "a ",     "p>",    "section", "figure",
        "svg",      "rect",  "path",  "text", "circle", "g ",    "g>",      "div",
        "table",    "thead", "tbody", "tr",   "th",     "td",    "details", "summary"};
    at += left && *at == '/';
    for (size_t i = 0; i < sizeof TAGS / sizeof *TAGS; i++)
        if (left > 12 && !strncmp(at, TAGS[i], strcspn(TAGS[i], " >")))
            return 1;
    return left <= 12;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ff_results *r = ff_results_new("fuzz");
    ff_err err = {0};
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = ff_results_add(r, "a.json", ff_bytes_of(data, size), NULL, &err);
    must(code == err.code);
    must(ff_results_count(r) == (code == FF_OK));
    must(ff_results_emit(r, &out, &err) == FF_OK);
    for (size_t i = 0; i < out.len; i++)
        must(out.data[i] != '<' || is_tag((const char *)out.data + i + 1, out.len - i - 1));
    ff_buf_clean(&out);
    ff_results_free(r);
    return 0;
}
