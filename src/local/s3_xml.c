/* XML as S3's clients send it: elements, text, the five entities. Bounded, strict, no DTD. */
#include <stdlib.h>
#include <string.h>

#include "local/s3_int.h"

#define MAX_DEPTH    8
#define MAX_ELEMENTS 65536 /* 10,000 parts with six elements each */
#define MAX_NAME     64u
#define MAX_TEXT     8192u /* a key of 1024 bytes, each as &#xNN; */

typedef struct scanner {
    const char *start, *at, *end;
    ff_arena *arena;
    const ff_xml_handler *handler;
    char path[MAX_DEPTH * (MAX_NAME + 1)];
    size_t lengths[MAX_DEPTH]; /* of the path up to each level */
    bool has_children[MAX_DEPTH];
    int depth;
    int elements;
    const char *text; /* where the current element's text begins */
    ff_err *err;
} scanner;

static ff_code fault(const scanner *s, const char *what)
{
    return ff_err_at(s->err, FF_FORMAT, "", (uint64_t)(s->at - s->start), "malformed XML: %s",
                     what);
}

static bool starts(const scanner *s, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(s->end - s->at) >= len && memcmp(s->at, text, len) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(scanner *s)
{
    while (s->at < s->end && is_blank(*s->at))
        s->at++;
}

/* Beyond text; false where it does not come. */
static bool skip_past(scanner *s, const char *text)
{
    const char *found = memmem(s->at, (size_t)(s->end - s->at), text, strlen(text));
    if (!found)
        return false;
    s->at = found + strlen(text);
    return true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
}

/* A code point as UTF-8; 0 where it is none that XML allows. */
static size_t put_utf8(uint32_t c, char *out)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    int extra = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t LEAD[] = {0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(LEAD[extra] | c >> (6 * extra));
    for (int i = 1; i <= extra; i++)
        out[i] = (char)(0x80 | (c >> (6 * (extra - i)) & 0x3f));
    return (size_t)extra + 1;
}

/* "#38" or "#x26" or a name, of len characters. Returns the bytes written, 0 if unknown. */
static size_t entity(const char *name, size_t len, char *out)
{
    static const struct {
        const char *name;
        char c;
    } KNOWN[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
        if (strlen(KNOWN[i].name) == len && memcmp(name, KNOWN[i].name, len) == 0) {
            *out = KNOWN[i].c;
            return 1;
        }
    if (len < 2 || len > 9 || name[0] != '#')
        return 0;
    bool hex = name[1] == 'x';
    char digits[10] = "";
    memcpy(digits, name + 1 + hex, len - 1 - hex);
    if (!digits[0] ||
        strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits))
        return 0;
    return put_utf8((uint32_t)strtoul(digits, NULL, hex ? 16 : 10), out);
}

/* Text with its entities resolved, in arena memory; NULL where one is unknown, or a NUL inside. */
static char *decode_text(const char *text, size_t len, ff_arena *arena)
{
    char *out = ff_arena_alloc(arena, len + 1); /* an entity is never shorter than what it means */
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0')
            return NULL;
        if (text[i] != '&') {
            out[n++] = text[i];
            continue;
        }
        const char *semicolon = memchr(text + i, ';', len - i);
        size_t name = semicolon ? (size_t)(semicolon - text) - i - 1 : 0;
        size_t written = semicolon ? entity(text + i + 1, name, out + n) : 0;
        if (!written)
            return NULL;
        n += written;
        i += name + 1;
    }
    out[n] = '\0';
    return out;
}

/* Attributes (xmlns) are skipped; returns whether the tag closes itself. -1: malformed. */
static int skip_attributes(scanner *s)
{
    for (;;) {
        skip_blanks(s);
        if (s->at == s->end)
            return -1;
        if (*s->at == '>') {
            s->at++;
            return 0;
        }
        if (starts(s, "/>")) {
            s->at += 2;
            return 1;
        }
        const char *name = s->at;
        while (s->at < s->end && is_name_char(*s->at))
            s->at++;
        if (s->at == name || s->at + 1 >= s->end || *s->at != '=')
            return -1;
        char quote = s->at[1];
        s->at += 2;
        const char *close =
            quote == '"' || quote == '\'' ? memchr(s->at, quote, (size_t)(s->end - s->at)) : NULL;
        if (!close || memchr(s->at, '<', (size_t)(close - s->at)))
            return -1;
        s->at = close + 1;
    }
}

static ff_code close_element(scanner *s, const char *text_end)
{
    ff_code code = FF_OK;
    bool leaf = !s->has_children[s->depth - 1];
    if (leaf) {
        size_t len = (size_t)(text_end - s->text);
        char *text = len <= MAX_TEXT ? decode_text(s->text, len, s->arena) : NULL;
        if (!text)
            return fault(s, "a text that is too long, or an unknown entity");
        if (!s->handler->leaf(s->handler->user, s->path, text))
            code = fault(s, s->path);
    } else if (s->handler->close && !s->handler->close(s->handler->user, s->path)) {
        code = fault(s, s->path);
    }
    s->depth--;
    s->path[s->depth ? s->lengths[s->depth - 1] : 0] = '\0';
    return code;
}

static ff_code open_tag(scanner *s)
{
    const char *name = ++s->at;
    while (s->at < s->end && is_name_char(*s->at))
        s->at++;
    size_t len = (size_t)(s->at - name);
    if (!len || len > MAX_NAME)
        return fault(s, "an element's name of 1 to 64 characters is wanted");
    if (s->depth == MAX_DEPTH || ++s->elements > MAX_ELEMENTS)
        return fault(s, "too many elements, or too deep");
    size_t at = s->depth ? s->lengths[s->depth - 1] : 0;
    if (s->depth) {
        s->has_children[s->depth - 1] = true;
        s->path[at++] = '/';
    }
    memcpy(s->path + at, name, len);
    s->path[at + len] = '\0';
    s->lengths[s->depth] = at + len;
    s->has_children[s->depth] = false;
    s->depth++;
    int closed = skip_attributes(s);
    s->text = s->at;
    if (closed < 0)
        return fault(s, "an attribute");
    return closed ? close_element(s, s->at) : FF_OK;
}

static ff_code end_tag(scanner *s)
{
    const char *text_end = s->at;
    s->at += 2;
    size_t from = s->depth > 1 ? s->lengths[s->depth - 2] + 1 : 0;
    const char *name = s->path + from;
    if (!s->depth || !starts(s, name))
        return fault(s, "an end tag that closes nothing");
    s->at += strlen(name);
    skip_blanks(s);
    if (s->at == s->end || *s->at != '>')
        return fault(s, "an end tag without its end");
    s->at++;
    return close_element(s, text_end);
}

/* What may stand before the root and behind it. */
static ff_code skip_misc(scanner *s, bool declaration)
{
    if (declaration && starts(s, "\xef\xbb\xbf"))
        s->at += 3;
    skip_blanks(s);
    if (declaration && starts(s, "<?xml") && !skip_past(s, "?>"))
        return fault(s, "a declaration without end");
    for (;;) {
        skip_blanks(s);
        if (!starts(s, "<!--"))
            return FF_OK;
        if (!skip_past(s, "-->"))
            return fault(s, "a comment without end");
    }
}

ff_code ff_xml_scan(ff_bytes text, const ff_xml_handler *handler, ff_arena *arena, ff_err *err)
{
    const char *start = text.len ? (const char *)text.data : "";
    scanner s = {.start = start,
                 .at = start,
                 .end = start + text.len,
                 .arena = arena,
                 .handler = handler,
                 .err = err};
    ff_code code = skip_misc(&s, true);
    if (!code && (s.at == s.end || *s.at != '<'))
        return fault(&s, "an element is wanted");
    if (!code)
        code = open_tag(&s);
    while (!code && s.depth) {
        while (s.at < s.end && *s.at != '<') {
            if (s.has_children[s.depth - 1] && !is_blank(*s.at))
                return fault(&s, "text between elements");
            s.at++;
        }
        if (s.at == s.end)
            return fault(&s, "the document ends inside an element");
        if (starts(&s, "</")) {
            code = end_tag(&s);
        } else if (starts(&s, "<!") || starts(&s, "<?")) {
            return fault(&s, "a comment, DTD or instruction inside an element");
        } else {
            const char *c = s.text;
            while (!s.has_children[s.depth - 1] && c < s.at && is_blank(*c))
                c++;
            if (!s.has_children[s.depth - 1] && c < s.at)
                return fault(&s, "text between elements");
            code = open_tag(&s);
        }
    }
    if (!code)
        code = skip_misc(&s, false);
    if (!code && s.at != s.end)
        code = fault(&s, "bytes behind the root element");
    return code;
}

void ff_xml_text(ff_buf *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '&')
            ff_buf_text(out, "&amp;", NULL);
        else if (c == '<')
            ff_buf_text(out, "&lt;", NULL);
        else if (c == '>')
            ff_buf_text(out, "&gt;", NULL);
        else if (c == '"')
            ff_buf_text(out, "&quot;", NULL);
        else if (c < ' ')
            ff_buf_printf(out, NULL, "&#x%x;", c);
        else
            ff_buf_append(out, at, 1, NULL);
    }
}

void ff_xml_element(ff_buf *out, const char *name, const char *text)
{
    ff_buf_printf(out, NULL, "<%s>", name);
    ff_xml_text(out, text);
    ff_buf_printf(out, NULL, "</%s>", name);
}

static bool delete_leaf(void *user, const char *path, const char *text)
{
    ff_s3_deletes *deletes = user;
    if (strcmp(path, "Delete/Quiet") == 0)
        deletes->quiet = strcmp(text, "true") == 0;
    else if (strcmp(path, "Delete/Object/Key") == 0) {
        if (deletes->count == FF_S3_MAX_DELETES || !*text)
            return false;
        deletes->keys[deletes->count++] = text;
    }
    return true; /* what else there may be (VersionId, ETag) has no meaning here */
}

ff_code ff_s3_parse_deletes(ff_bytes text, ff_arena *arena, ff_s3_deletes *out, ff_err *err)
{
    const ff_xml_handler handler = {delete_leaf, NULL, out};
    *out = (ff_s3_deletes){0};
    ff_code code = ff_xml_scan(text, &handler, arena, err);
    if (!code && !out->count)
        code = ff_err_set(err, FF_FORMAT, "a Delete with 1 to %d objects is wanted",
                          FF_S3_MAX_DELETES);
    return code;
}

typedef struct part_reader {
    ff_s3_parts *out;
    ff_arena *arena;
    ff_part_choice now;
} part_reader;

static bool part_leaf(void *user, const char *path, const char *text)
{
    part_reader *r = user;
    if (strcmp(path, "CompleteMultipartUpload/Part/PartNumber") == 0) {
        size_t digits = strspn(text, "0123456789");
        if (!digits || digits > 5 || text[digits])
            return false;
        r->now.number = (int)strtol(text, NULL, 10);
        return r->now.number >= 1 && r->now.number <= FF_PARTS_MAX;
    }
    if (strcmp(path, "CompleteMultipartUpload/Part/ETag") == 0) {
        size_t len = strlen(text);
        if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
            text++;
            len -= 2;
        }
        if (len >= sizeof r->now.etag)
            return false;
        memcpy(r->now.etag, text, len);
        r->now.etag[len] = '\0';
    }
    return true;
}

static bool part_close(void *user, const char *path)
{
    part_reader *r = user;
    if (strcmp(path, "CompleteMultipartUpload/Part") != 0)
        return true;
    if (r->out->count == FF_PARTS_MAX || !r->now.number)
        return false;
    if (r->out->count == r->out->room) {
        int room = r->out->room ? 2 * r->out->room : 16;
        ff_part_choice *choice = ff_arena_array(r->arena, (size_t)room, sizeof *choice);
        if (r->out->count)
            memcpy(choice, r->out->choice, (size_t)r->out->count * sizeof *choice);
        r->out->choice = choice;
        r->out->room = room;
    }
    r->out->choice[r->out->count++] = r->now;
    r->now = (ff_part_choice){0};
    return true;
}

ff_code ff_s3_parse_parts(ff_bytes text, ff_arena *arena, ff_s3_parts *out, ff_err *err)
{
    part_reader reader = {.out = out, .arena = arena};
    const ff_xml_handler handler = {part_leaf, part_close, &reader};
    *out = (ff_s3_parts){0};
    ff_code code = ff_xml_scan(text, &handler, arena, err);
    if (!code && !out->count)
        code = ff_err_set(err, FF_FORMAT, "at least one Part is wanted");
    return code;
}
