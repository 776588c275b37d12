/*
 * A received HTTP request, taken apart for a test: its bytes are changed.
 */
#ifndef FF_TESTS_SUPPORT_RAW_REQUEST_H
#define FF_TESTS_SUPPORT_RAW_REQUEST_H

#include <stddef.h>

typedef struct raw_header {
    const char *name, *value;
} raw_header;

typedef struct raw_request {
    const char *method, *path, *query; /* query "" where there is none */
    raw_header headers[64];
    int header_count;
    const char *body;
    size_t body_len;
} raw_request;

/* Aborts where bytes (NUL-terminated, len without it) are no request. */
raw_request raw_request_parse(char *bytes, size_t len);
const char *raw_request_header(const raw_request *request, const char *name); /* NULL */

#endif
