#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "net/sigv4_int.h"

/* Texts here are bounded by the caller (a request line and its headers), so the arena serves. */

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) % 16 : -1;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_.~", c));
}

static char *put_escape(char *out, unsigned char c)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    *out++ = '%';
    *out++ = DIGITS[c >> 4];
    *out++ = DIGITS[c & 15];
    return out;
}

/* Encoded as AWS does, escapes encoded again; '/' stays. */
static const char *encode_again(const char *text, size_t len, ff_arena *arena)
{
    char *start = ff_arena_alloc(arena, 3 * len + 1);
    char *out = start;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (is_unreserved(c) || c == '/')
            *out++ = (char)c;
        else
            out = put_escape(out, c);
    }
    return start;
}

/* Each character encoded once, whichever way the client wrote it; an escaped slash stays so. */
static const char *encode_once(const char *text, size_t len, bool keep_slash, ff_arena *arena)
{
    char *start = ff_arena_alloc(arena, 3 * len + 1);
    char *out = start;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool escape =
            c == '%' && len - i > 2 && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
        if (escape) {
            c = (unsigned char)(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
            i += 2;
        }
        if (is_unreserved(c) || (c == '/' && keep_slash && !escape))
            *out++ = (char)c;
        else
            out = put_escape(out, c);
    }
    return start;
}

/* Without ".", ".." and empty parts. */
static const char *normalised(const char *path, ff_arena *arena)
{
    size_t len = strlen(path);
    char *clean = ff_arena_alloc(arena, len + 3);
    size_t out = 0;
    clean[out++] = '/';
    for (const char *p = path; *p;) {
        size_t part = strcspn(p, "/");
        if (part == 2 && p[0] == '.' && p[1] == '.') {
            while (out > 1 && clean[--out - 1] != '/')
                ;
        } else if (part && !(part == 1 && p[0] == '.')) {
            memcpy(clean + out, p, part);
            out += part;
            clean[out++] = '/';
        }
        p += part + (p[part] == '/');
    }
    if (out > 1 && path[len - 1] != '/')
        out--; /* each part got a slash; the last one keeps it only where it had one */
    clean[out] = '\0';
    return clean;
}

static const char *canonical_path(const ff_sigv4_canonical *c, ff_arena *arena)
{
    if (c->s3)
        return *c->raw_path ? encode_once(c->raw_path, strlen(c->raw_path), true, arena) : "/";
    const char *path = normalised(c->raw_path, arena);
    return encode_again(path, strlen(path), arena);
}

typedef struct parameter {
    const char *name;
    const char *value;
} parameter;

static int compare_parameters(const void *a, const void *b)
{
    const parameter *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->value, y->value);
}

static const char *canonical_query(const ff_sigv4_canonical *c, ff_arena *arena)
{
    size_t most = 1, count = 0, room = 1;
    for (const char *p = c->raw_query; *p; p++)
        most += *p == '&';
    parameter *parameters = ff_arena_array(arena, most, sizeof *parameters);
    for (const char *p = c->raw_query; *p;) {
        size_t len = strcspn(p, "&");
        size_t name_len = strcspn(p, "&=");
        if (len) {
            const char *value = name_len < len ? p + name_len + 1 : p + len;
            parameter *q = &parameters[count];
            q->name = encode_once(p, name_len, false, arena);
            q->value = encode_once(value, (size_t)(p + len - value), false, arena);
            if (!c->skip_parameter || strcmp(q->name, c->skip_parameter) != 0) {
                room += strlen(q->name) + strlen(q->value) + 2;
                count++;
            }
        }
        p += len + (p[len] == '&');
    }
    qsort(parameters, count, sizeof *parameters, compare_parameters);
    char *text = ff_arena_alloc(arena, room);
    char *out = text;
    for (size_t i = 0; i < count; i++) {
        if (i)
            *out++ = '&';
        out = stpcpy(out, parameters[i].name);
        *out++ = '=';
        out = stpcpy(out, parameters[i].value);
    }
    return text;
}

static char *lower_case(const char *text, ff_arena *arena)
{
    char *lower = ff_arena_strdup(arena, text);
    for (char *p = lower; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return lower;
}

static char *folded(const char *value, ff_arena *arena)
{
    char *text = ff_arena_alloc(arena, strlen(value) + 1);
    char *out = text;
    for (const char *p = value; *p; p++) {
        bool blank = *p == ' ' || *p == '\t';
        if (!blank)
            *out++ = *p;
        else if (out > text && out[-1] != ' ')
            *out++ = ' ';
    }
    if (out > text && out[-1] == ' ')
        out--;
    *out = '\0';
    return text;
}

int ff_sigv4_sort_headers(const ff_http_header *headers, int count, ff_arena *arena,
                          ff_sigv4_header *out)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        ff_sigv4_header header = {lower_case(headers[i].name, arena),
                                  folded(headers[i].value, arena)};
        int at = n; /* insertion, behind its equals: their order is the request's */
        while (at > 0 && strcmp(out[at - 1].name, header.name) > 0)
            at--;
        if (at > 0 && strcmp(out[at - 1].name, header.name) == 0) {
            out[at - 1].value = ff_arena_printf(arena, "%s,%s", out[at - 1].value, header.value);
            continue;
        }
        memmove(out + at + 1, out + at, (size_t)(n - at) * sizeof *out);
        out[at] = header;
        n++;
    }
    return n;
}

const char *ff_sigv4_signed_names(const ff_sigv4_header *headers, int count, ff_arena *arena)
{
    size_t room = 1;
    for (int i = 0; i < count; i++)
        room += strlen(headers[i].name) + 1;
    char *text = ff_arena_alloc(arena, room);
    char *out = text;
    for (int i = 0; i < count; i++) {
        if (i)
            *out++ = ';';
        out = stpcpy(out, headers[i].name);
    }
    return text;
}

const char *ff_sigv4_canonical_text(const ff_sigv4_canonical *c, ff_arena *arena)
{
    size_t room = 1;
    for (int i = 0; i < c->header_count; i++)
        room += strlen(c->headers[i].name) + strlen(c->headers[i].value) + 2;
    char *lines = ff_arena_alloc(arena, room);
    char *out = lines;
    for (int i = 0; i < c->header_count; i++) {
        out = stpcpy(out, c->headers[i].name);
        *out++ = ':';
        out = stpcpy(out, c->headers[i].value);
        *out++ = '\n';
    }
    return ff_arena_printf(arena, "%s\n%s\n%s\n%s\n%s\n%s", c->method, canonical_path(c, arena),
                           canonical_query(c, arena), lines,
                           ff_sigv4_signed_names(c->headers, c->header_count, arena),
                           c->payload_hash);
}
