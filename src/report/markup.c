#include "report/markup.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

#define NO_CHARACTER 0xfffdu

ff_markup ff_markup_begin(ff_buf *out, ff_err *err)
{
    return (ff_markup){.out = out, .err = err};
}

void ff_markup_put(ff_markup *m, const char *fmt, ...)
{
    char small[512], *text = small;
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(small, sizeof small, fmt, args);
    if (len >= (int)sizeof small) {
        text = ff_mem_must((size_t)len + 1);
        vsnprintf(text, (size_t)len + 1, fmt, again);
    }
    va_end(again);
    va_end(args);
    if (len > 0)
        ff_markup_bytes(m, ff_bytes_of(text, (size_t)len));
    if (text != small)
        ff_mem_free(text);
}

void ff_markup_bytes(ff_markup *m, ff_bytes markup)
{
    if (!m->code)
        m->code = ff_buf_append(m->out, markup.data, markup.len, m->err);
}

/* Is c what XML 1.0 lets a text hold? */
static bool is_character(uint32_t c)
{
    return c == '\t' || c == '\n' || (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0xd800) ||
           (c >= 0xe000 && c < 0xfffe) || (c >= 0x10000 && c < 0x110000);
}

size_t ff_markup_char(const char *text, uint32_t *c)
{
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *p = (const uint8_t *)text;
    size_t len = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc0 ? 2 : 0;
    uint32_t value = len <= 1 ? *p : *p & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) { /* a NUL too */
            len = 0;
            break;
        }
        value = value << 6 | (p[i] & 0x3fu);
    }
    bool good = len && value >= LEAST[len] && *p < 0xf8 && is_character(value);
    *c = good ? value : NO_CHARACTER;
    return len ? len : 1;
}

void ff_markup_text(ff_markup *m, const char *text)
{
    uint32_t c = 0;
    while (*text && !m->code) {
        size_t len = ff_markup_char(text, &c);
        const char *escape = c == '&'            ? "&amp;"
                             : c == '<'          ? "&lt;"
                             : c == '>'          ? "&gt;"
                             : c == '"'          ? "&quot;"
                             : c == '\''         ? "&#39;"
                             : c == NO_CHARACTER ? "\xef\xbf\xbd"
                                                 : NULL;
        if (escape)
            m->code = ff_buf_text(m->out, escape, m->err);
        else
            m->code = ff_buf_append(m->out, text, len, m->err);
        text += len;
    }
}
