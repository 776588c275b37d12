/*
 * HTTP by hand, over a bare socket to 127.0.0.1: what a test sends is exactly what goes out.
 */
#ifndef FF_TESTS_SUPPORT_WIRE_H
#define FF_TESTS_SUPPORT_WIRE_H

#include <stddef.h>

#include "base/buf.h"

typedef struct wire_answer {
    int status; /* 0 where the connection ended without one */
    char head[8192];
    ff_buf body;
} wire_answer;

int wire_connect(int port); /* aborts on failure; every wait on it ends after 20 s */
void wire_send(int fd, const char *text);
void wire_send_bytes(int fd, const void *data, size_t len);
/* Reads one response: its body by Content-Length (none for HEAD: body_wanted false), chunked, or
 * up to the end. Interim 100s are skipped. */
void wire_read(int fd, bool body_wanted, wire_answer *answer);
/* The value of a header (static memory), or NULL. */
const char *wire_header(const wire_answer *answer, const char *name);
void wire_clean(wire_answer *answer);
/* connect, send text, read, close. */
void wire_ask(int port, const char *text, wire_answer *answer);

#endif
