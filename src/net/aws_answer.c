#include "net/aws_answer.h"

#include <string.h>

const char *ff_aws_text(const void *text, size_t len, char *out, size_t size)
{
    size_t n = len < size - 1 ? len : size - 1;
    for (size_t i = 0; i < n; i++) {
        char c = ((const char *)text)[i];
        bool control = (unsigned char)c < ' ' || c == 0x7f;
        out[i] = ' ';
        if (!control)
            out[i] = c;
    }
    out[n] = '\0';
    return out;
}

/* One entity at text ("&lt;", "&#34;", "&#x22;") as *byte; returns its length, 0 where it is none
 * that we know. */
static size_t entity(const char *text, size_t room, char *byte)
{
    static const struct {
        const char *name;
        char byte;
    } NAMED[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof NAMED / sizeof NAMED[0]; i++) {
        size_t n = strlen(NAMED[i].name);
        if (room >= n && !memcmp(text, NAMED[i].name, n)) {
            *byte = NAMED[i].byte;
            return n;
        }
    }
    if (room < 4 || text[1] != '#')
        return 0;
    static const char DIGITS[] = "0123456789abcdef0123456789ABCDEF";
    size_t base = text[2] == 'x' ? 16 : 10, value = 0, digits = 0;
    size_t i = base == 16 ? 3 : 2;
    for (; i < room && i < 8 && value < 128 && text[i]; i++, digits++) {
        const char *found = strchr(DIGITS, text[i]);
        size_t digit = found ? (size_t)(found - DIGITS) % 16 : base;
        if (digit >= base)
            break;
        value = value * base + digit;
    }
    if (!digits || value > 127 || i >= room || text[i] != ';')
        return 0;
    *byte = (char)value;
    return i + 1;
}

const char *ff_aws_xml_text(const void *xml, size_t len, char *out, size_t size)
{
    const char *text = xml;
    size_t used = 0;
    for (size_t i = 0; i < len && used + 1 < size;) {
        char byte = text[i];
        size_t skip = byte == '&' ? entity(text + i, len - i, &byte) : 0;
        out[used++] = byte;
        i += skip ? skip : 1;
    }
    return ff_aws_text(out, used, out, size);
}

ff_code ff_aws_status_code(int status)
{
    switch (status) {
    case 401:
    case 403:
        return FF_DENIED;
    case 404:
        return FF_NOT_FOUND;
    case 409:
        return FF_CONFLICT;
    case 429:
        return FF_BUSY;
    default:
        return status >= 500 ? FF_UNAVAILABLE : FF_FORMAT;
    }
}
