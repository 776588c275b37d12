#include "net/http.h"

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

ff_code ff_http_encode(const char *text, size_t len, bool keep_slash, ff_buf *buf, ff_err *err)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    size_t most;
    if (__builtin_mul_overflow(len, (size_t)3, &most))
        return ff_err_set(err, FF_LIMIT, "%zu characters are too many to encode", len);
    ff_code code = ff_buf_reserve(buf, most, err);
    if (code)
        return code;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            buf->data[buf->len++] = c;
        } else {
            buf->data[buf->len++] = '%';
            buf->data[buf->len++] = (uint8_t)DIGITS[c >> 4];
            buf->data[buf->len++] = (uint8_t)DIGITS[c & 15];
        }
    }
    return FF_OK;
}

int64_t ff_http_decode(char *text, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '%') {
            text[out++] = text[i];
            continue;
        }
        int high = len - i > 2 ? hex_value(text[i + 1]) : -1;
        int low = len - i > 2 ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0)
            return -1;
        text[out++] = (char)(high << 4 | low);
        i += 2;
    }
    return (int64_t)out;
}
