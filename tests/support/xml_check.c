#include "support/xml_check.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef struct reader {
    const char *at, *end;
    xml_doc *doc;
    int open; /* the element that we are in, or -1 */
} reader;

static bool fail(reader *r, const char *what)
{
    if (!r->doc->fault[0])
        snprintf(r->doc->fault, sizeof r->doc->fault, "%s, before: %.40s", what, r->at);
    return false;
}

static bool starts(const reader *r, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(r->end - r->at) >= len && !memcmp(r->at, text, len);
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == ':';
}

static char *read_name(reader *r)
{
    const char *from = r->at;
    while (r->at < r->end && is_name(*r->at))
        r->at++;
    return ff_mem_must_strndup(from, (size_t)(r->at - from));
}

static void skip_blank(reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
        r->at++;
}

/* Text up to the byte `stop`, with its entities resolved. */
static char *read_text(reader *r, char stop)
{
    static const struct {
        const char *name;
        char c;
    } ENTITIES[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
    char *out = ff_mem_must((size_t)(r->end - r->at) + 1);
    size_t len = 0;
    while (r->at < r->end && *r->at != stop) {
        if (*r->at == '<') {
            fail(r, "'<' in an attribute");
            break;
        }
        if (*r->at != '&') {
            out[len++] = *r->at++;
            continue;
        }
        size_t e = 0;
        while (e < 5 && !starts(r, ENTITIES[e].name))
            e++;
        if (e == 5) {
            fail(r, "an unknown entity");
            break;
        }
        out[len++] = ENTITIES[e].c;
        r->at += strlen(ENTITIES[e].name);
    }
    return out;
}

static bool read_attribute(reader *r, xml_element *e)
{
    char *name = read_name(r);
    if (e->attribute_count == XML_ATTRIBUTES || !*name || !starts(r, "=\"")) {
        ff_mem_free(name);
        return fail(r, "wanted an attribute and its quoted value");
    }
    r->at += 2;
    bool twice = xml_attribute(e, name) != NULL;
    e->attribute[e->attribute_count].name = name;
    e->attribute[e->attribute_count++].value = read_text(r, '"');
    if (twice || r->at == r->end)
        return fail(r, twice ? "an attribute that is there twice" : "an open quote");
    r->at++;
    return true;
}

static bool read_opening(reader *r)
{
    xml_doc *d = r->doc;
    if (r->open < 0 && d->count)
        return fail(r, "a second root");
    d->element =
        ff_mem_must_grow(d->element, (size_t)d->count, (size_t)d->count + 1, sizeof *d->element);
    xml_element *e = &d->element[d->count++];
    r->at++;
    e->name = read_name(r);
    e->parent = r->open;
    e->text = ff_mem_must_strdup("");
    if (!*e->name)
        return fail(r, "wanted a tag's name");
    for (skip_blank(r); r->at < r->end && *r->at != '>' && *r->at != '/'; skip_blank(r))
        if (!read_attribute(r, e))
            return false;
    if (starts(r, "/>")) {
        r->at += 2;
        return true;
    }
    if (!starts(r, ">"))
        return fail(r, "wanted '>'");
    r->at++;
    r->open = d->count - 1;
    return true;
}

static bool read_closing(reader *r)
{
    r->at += 2;
    char *name = read_name(r);
    bool match = r->open >= 0 && !strcmp(name, r->doc->element[r->open].name) && starts(r, ">");
    ff_mem_free(name);
    if (!match)
        return fail(r, "a closing tag that does not match");
    r->at++;
    r->open = r->doc->element[r->open].parent;
    return true;
}

static bool read_content(reader *r)
{
    const char *from = r->at;
    char *text = read_text(r, '<');
    if (r->open >= 0) {
        xml_element *e = &r->doc->element[r->open];
        char *joined = ff_mem_must_printf("%s%s", e->text, text);
        ff_mem_free(e->text);
        e->text = joined;
    } else if (strspn(text, " \t\r\n") != strlen(text)) {
        r->at = from;
        fail(r, "text outside the root");
    }
    ff_mem_free(text);
    return !r->doc->fault[0];
}

/* Characters: UTF-8 in its shortest form, none of those that XML forbids. */
static bool check_characters(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = p[i] < 0x80 ? 1 : p[i] >= 0xf0 ? 4 : p[i] >= 0xe0 ? 3 : p[i] >= 0xc2 ? 2 : 0;
        if (!n || p[i] >= 0xf5 || i + n > len)
            return false;
        uint32_t c = n == 1 ? p[i] : p[i] & (0xffu >> (n + 1));
        for (size_t k = 1; k < n; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
            c = c << 6 | (p[i + k] & 0x3fu);
        }
        if ((c < 0x20 && !strchr("\t\n\r", (int)c)) || c == 0 || c == 0xfffe || c == 0xffff ||
            (c >= 0xd800 && c < 0xe000) || (n == 3 && c < 0x800) || (n == 4 && c < 0x10000))
            return false;
        i += n;
    }
    return true;
}

xml_doc xml_read(const void *text, size_t len)
{
    xml_doc doc = {0};
    reader r = {text, (const char *)text + len, &doc, -1};
    if (!check_characters(text, len))
        snprintf(doc.fault, sizeof doc.fault, "a character that is none, or that XML forbids");
    if (starts(&r, "<!DOCTYPE html>"))
        r.at += strlen("<!DOCTYPE html>");
    while (!doc.fault[0] && r.at < r.end) {
        if (starts(&r, "</"))
            read_closing(&r);
        else if (*r.at == '<')
            read_opening(&r);
        else
            read_content(&r);
    }
    if (!doc.fault[0] && (r.open >= 0 || !doc.count))
        snprintf(doc.fault, sizeof doc.fault, doc.count ? "<%.50s> is not closed" : "no element",
                 doc.count ? doc.element[r.open].name : "");
    return doc;
}

void xml_clean(xml_doc *doc)
{
    for (int i = 0; i < doc->count; i++) {
        xml_element *e = &doc->element[i];
        for (int k = 0; k < e->attribute_count; k++) {
            ff_mem_free(e->attribute[k].name);
            ff_mem_free(e->attribute[k].value);
        }
        ff_mem_free(e->name);
        ff_mem_free(e->text);
    }
    ff_mem_free(doc->element);
    *doc = (xml_doc){0};
}

const char *xml_attribute(const xml_element *element, const char *name)
{
    for (int i = 0; i < element->attribute_count; i++)
        if (!strcmp(element->attribute[i].name, name))
            return element->attribute[i].value;
    return NULL;
}

double xml_number(const xml_element *element, const char *name)
{
    const char *text = xml_attribute(element, name);
    return text ? strtod(text, NULL) : NAN;
}

bool xml_has_class(const xml_element *element, const char *name)
{
    const char *at = xml_attribute(element, "class");
    size_t len = strlen(name);
    while (at && *at) {
        size_t word = strcspn(at, " ");
        if (word == len && !memcmp(at, name, len))
            return true;
        at += word + strspn(at + word, " ");
    }
    return false;
}

const xml_element *xml_find(const xml_doc *doc, const char *name, const char *class, int n)
{
    for (int i = 0; i < doc->count; i++) {
        const xml_element *e = &doc->element[i];
        if (!strcmp(e->name, name) && (!class || xml_has_class(e, class)) && n-- == 0)
            return e;
    }
    return NULL;
}

int xml_count(const xml_doc *doc, const char *name, const char *class)
{
    int count = 0;
    while (xml_find(doc, name, class, count))
        count++;
    return count;
}

bool xml_has_text(const xml_doc *doc, const char *name, const char *text)
{
    for (int i = 0; i < doc->count; i++)
        if (!strcmp(doc->element[i].name, name) && !strcmp(doc->element[i].text, text))
            return true;
    return false;
}
