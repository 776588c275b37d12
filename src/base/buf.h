/*
 * Bytes: views and growing buffers.
 *
 * ff_bytes borrows. ff_buf owns; it grows up to its cap and never past it.
 */
#ifndef FF_BASE_BUF_H
#define FF_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct ff_bytes {
    const uint8_t *data;
    size_t len;
} ff_bytes;

typedef struct ff_buf {
    uint8_t *data; /* NULL while empty; 64-byte aligned */
    size_t len;
    size_t room;
    size_t cap; /* 0 = no bound of its own */
} ff_buf;

void ff_buf_init(ff_buf *buf, size_t cap);
void ff_buf_clean(ff_buf *buf); /* accepts zeroed memory, and twice */
/* Room for len more bytes; FF_LIMIT over the cap, FF_NO_MEMORY. */
ff_code ff_buf_reserve(ff_buf *buf, size_t len, ff_err *err);
ff_code ff_buf_append(ff_buf *buf, const void *data, size_t len, ff_err *err);
ff_code ff_buf_text(ff_buf *buf, const char *text, ff_err *err);
ff_code ff_buf_printf(ff_buf *buf, ff_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static inline ff_bytes ff_buf_view(const ff_buf *buf)
{
    return (ff_bytes){buf->data, buf->len};
}
static inline ff_bytes ff_bytes_of(const void *data, size_t len)
{
    return (ff_bytes){(const uint8_t *)data, len};
}

#endif
