#include "base/skeleton.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK '\x01' /* then the cut's number; JSON text cannot hold it but as an escape */

/* The quote that ends the string which begins at from; NULL where none does. */
static const uint8_t *string_end(const uint8_t *from, const uint8_t *end)
{
    for (const uint8_t *at = from; at < end;) {
        const uint8_t *quote = memchr(at, '"', (size_t)(end - at));
        const uint8_t *back = quote;
        if (!quote)
            return NULL;
        while (back > from && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote;
        at = quote + 1;
    }
    return NULL;
}

/* Copies all but the long strings; at[i] is where cut i's mark ends in text. */
static ff_code cut_out(ff_bytes payload, ff_skeleton *s, ff_buf *text, size_t *at, ff_err *err)
{
    const uint8_t *end = payload.data + payload.len, *kept = payload.data, *p = payload.data;
    while (p < end) {
        const uint8_t *open = memchr(p, '"', (size_t)(end - p));
        const uint8_t *close = open ? string_end(open + 1, end) : NULL;
        if (!close)
            break; /* no further string, or one that the reader will report */
        size_t len = (size_t)(close - open - 1);
        p = close + 1;
        if (len < FF_SKELETON_CUT || s->count == FF_SKELETON_CUTS || memchr(open + 1, '\\', len))
            continue;
        ff_code code = ff_buf_append(text, kept, (size_t)(open + 1 - kept), err);
        if (!code)
            code = ff_buf_printf(text, err, "\\u%04x%d", MARK, s->count);
        if (code)
            return code;
        at[s->count] = text->len;
        s->cut[s->count++] = ff_bytes_of(open + 1, len);
        kept = close;
    }
    return ff_buf_append(text, kept, (size_t)(end - kept), err);
}

/* Where a fault in the skeleton lies in the payload. */
static void move_position(ff_err *err, const ff_skeleton *s, const size_t *at)
{
    uint64_t more = 0;
    char mark[24];
    for (int i = 0; i < s->count && err->position >= at[i]; i++)
        more += s->cut[i].len - (size_t)snprintf(mark, sizeof mark, "\\u%04x%d", MARK, i);
    err->position += more;
}

ff_code ff_skeleton_parse(ff_bytes payload, ff_skeleton *out, ff_err *err)
{
    ff_skeleton s;
    ff_err fault = {0};
    ff_buf text;
    size_t at[FF_SKELETON_CUTS];
    if (!payload.len)
        return ff_err_set(err, FF_FORMAT, "not JSON: no bytes at all");
    s.doc = NULL;
    s.count = 0;
    ff_buf_init(&text, 0);
    ff_code code = cut_out(payload, &s, &text, at, &fault);
    if (!code)
        code = ff_json_parse(ff_buf_view(&text), &s.doc, &fault);
    if (code && fault.has_position)
        move_position(&fault, &s, at);
    if (code && err)
        *err = fault;
    ff_buf_clean(&text);
    if (code)
        return code;
    out->doc = s.doc;
    out->count = s.count;
    memcpy(out->cut, s.cut, (size_t)s.count * sizeof *s.cut);
    return FF_OK;
}

ff_bytes ff_skeleton_text(const ff_skeleton *skeleton, yyjson_val *value)
{
    const char *text = yyjson_get_str(value);
    if (!text)
        return (ff_bytes){0};
    if (text[0] == MARK) { /* a peer that writes this itself gets another of its own strings */
        char *end;
        unsigned long i = strtoul(text + 1, &end, 10);
        if (end != text + 1 && !*end && i < (unsigned long)skeleton->count)
            return skeleton->cut[i];
    }
    return ff_bytes_of(text, yyjson_get_len(value));
}

/* No control character and nothing beyond ASCII: JSON asks no more of a string without escapes. */
static bool is_plain(ff_bytes text)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones << 7;
    uint64_t odd = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= text.len; i += sizeof word) {
        memcpy(&word, text.data + i, sizeof word);
        odd |= word | (word - ones * ' '); /* exact where no byte has its top bit */
    }
    for (; i < text.len; i++)
        odd |= text.data[i] < ' ' ? tops : text.data[i];
    return !(odd & tops);
}

ff_code ff_skeleton_check(ff_bytes payload, ff_err *err)
{
    ff_skeleton s;
    yyjson_doc *doc = NULL;
    bool plain = true;
    ff_code code = ff_skeleton_parse(payload, &s, err);
    if (code)
        return code;
    for (int i = 0; i < s.count && plain; i++)
        plain = is_plain(s.cut[i]);
    ff_skeleton_clean(&s);
    if (!plain) {
        code = ff_json_parse(payload, &doc, err);
        yyjson_doc_free(doc);
    }
    return code;
}

void ff_skeleton_clean(ff_skeleton *skeleton)
{
    yyjson_doc_free(skeleton->doc);
    skeleton->doc = NULL;
    skeleton->count = 0;
}
