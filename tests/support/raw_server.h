/*
 * A server that says exactly what a test tells it to, on 127.0.0.1 and a free port.
 *
 * Requests are read whole (Content-Length or none) and kept; the n-th request that arrives, on
 * whichever connection, is answered by the n-th step, and those after the last step by the last
 * one. A thread a connection. Misbehaviour of the server is a step's field, not an accident.
 */
#ifndef FF_TESTS_SUPPORT_RAW_SERVER_H
#define FF_TESTS_SUPPORT_RAW_SERVER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct raw_step {
    const char *reply;   /* bytes as they are; NULL = none */
    size_t reply_len;    /* 0 = strlen */
    int delay_ms;        /* before the reply */
    size_t piece;        /* the reply goes out in pieces of so many bytes ... */
    int piece_ms;        /* ... with this between them; 0 = at once */
    bool close;          /* after the reply */
    bool reset;          /* close so that the client gets a reset */
    size_t read_at_most; /* of the body, before replying; 0 = all of it */
    bool hang;           /* say nothing until the server is stopped */
} raw_step;

typedef struct raw_server raw_server;

raw_server *raw_server_start(const raw_step *steps, int count);
void raw_server_stop(raw_server *server); /* ends its connections and threads */
int raw_server_port(const raw_server *server);
/* "http://127.0.0.1:PORT" + path, in a buffer of the server's that the next call overwrites. */
const char *raw_server_url(raw_server *server, const char *path);
int raw_server_connections(raw_server *server);
int raw_server_requests(raw_server *server);
/* The n-th request as received, head and body, NUL-terminated; NULL where there is none (yet). */
const char *raw_server_request(raw_server *server, int n, size_t *len);

#endif
