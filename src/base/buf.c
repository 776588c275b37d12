#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_ROOM 256u

void ff_buf_init(ff_buf *buf, size_t cap)
{
    *buf = (ff_buf){.cap = cap};
}

void ff_buf_clean(ff_buf *buf)
{
    ff_mem_free(buf->data);
    *buf = (ff_buf){.cap = buf->cap};
}

ff_code ff_buf_reserve(ff_buf *buf, size_t len, ff_err *err)
{
    size_t need;
    if (__builtin_add_overflow(buf->len, len, &need) || (buf->cap && need > buf->cap))
        return ff_err_set(err, FF_LIMIT, "%zu and %zu more bytes are over the limit of %zu",
                          buf->len, len, buf->cap);
    if (need <= buf->room)
        return FF_OK;
    size_t room = buf->room ? buf->room : FIRST_ROOM;
    while (room < need && room <= SIZE_MAX / 4)
        room *= 2;
    if (room < need || len >= room / 2) /* one large piece: exactly what it needs */
        room = need;
    if (buf->cap && room > buf->cap)
        room = buf->cap;
    uint8_t *data = ff_mem_try(room);
    if (!data)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for %zu bytes", room);
    if (buf->len)
        memcpy(data, buf->data, buf->len);
    ff_mem_free(buf->data);
    buf->data = data;
    buf->room = room;
    return FF_OK;
}

ff_code ff_buf_append(ff_buf *buf, const void *data, size_t len, ff_err *err)
{
    if (!len)
        return FF_OK;
    ff_code code = ff_buf_reserve(buf, len, err);
    if (code)
        return code;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return FF_OK;
}

ff_code ff_buf_text(ff_buf *buf, const char *text, ff_err *err)
{
    return ff_buf_append(buf, text, strlen(text), err);
}

ff_code ff_buf_printf(ff_buf *buf, ff_err *err, const char *fmt, ...)
{
    char small[512];
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    ff_code code = FF_OK;
    if (len < 0) {
        code = ff_err_set(err, FF_INTERNAL, "cannot format '%s'", fmt);
    } else if ((size_t)len < sizeof small) {
        code = ff_buf_append(buf, small, (size_t)len, err);
    } else {
        code = ff_buf_reserve(buf, (size_t)len + 1, err);
        if (!code) {
            vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, fmt, again);
            buf->len += (size_t)len;
        }
    }
    va_end(again);
    return code;
}
