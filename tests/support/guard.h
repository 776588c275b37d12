/*
 * Bytes that end at a guard page: a parser that reads one byte too far crashes.
 */
#ifndef FF_TESTS_SUPPORT_GUARD_H
#define FF_TESTS_SUPPORT_GUARD_H

#include <stddef.h>
#include <stdint.h>

typedef struct guard {
    uint8_t *data; /* len bytes, writable; the page behind them is not accessible */
    size_t len;
    void *map;
    size_t map_bytes;
} guard;

/* A copy of bytes; aborts when memory is out. */
guard guard_copy(const void *bytes, size_t len);
void guard_free(guard *g);

#endif
