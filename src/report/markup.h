/*
 * Markup (SVG, HTML) appended to a buffer: what we wrote goes in as it stands, what others named
 * goes in escaped. The first failure is kept and all further calls do nothing, so that drawing
 * code has no error paths: look at `code` at the end.
 */
#ifndef FF_REPORT_MARKUP_H
#define FF_REPORT_MARKUP_H

#include "base/buf.h"

typedef struct ff_markup {
    ff_buf *out; /* borrowed */
    ff_err *err;
    ff_code code;
} ff_markup;

ff_markup ff_markup_begin(ff_buf *out, ff_err *err);
/* Markup of our own. No text of others may come in by the arguments. */
void ff_markup_put(ff_markup *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Anyone's text, for content and for quoted attributes. Control characters and bytes that are not
 * UTF-8 become U+FFFD. */
void ff_markup_text(ff_markup *m, const char *text);
void ff_markup_bytes(ff_markup *m, ff_bytes markup); /* markup made before */

/* The length of the character at text, at least 1, and the character; U+FFFD where the bytes are
 * no UTF-8. Not at the end of the text. */
size_t ff_markup_char(const char *text, uint32_t *c);

#endif
