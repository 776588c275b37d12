/*
 * HTTP/1.1 server on libmicrohttpd: a thread a connection, bounded; handlers may block.
 *
 * The handler is called once a request, with the whole body (bounded by what `admit` allows), and
 * returns its response. A request has a total deadline (libmicrohttpd's time-outs are per
 * inactivity): one thread of the server watches, and cuts what is overdue. Idle connections end.
 * `Expect: 100-continue` is answered as soon as admit allowed the body. SIGPIPE is ignored.
 */
#ifndef FF_NET_SERVER_H
#define FF_NET_SERVER_H

#include "base/buf.h"
#include "net/http.h"

typedef struct ff_server ff_server;

typedef struct ff_server_request {
    const char *method;
    const char *raw_path;  /* as sent, percent-encoded, without the query */
    const char *raw_query; /* as sent, without '?'; "" where there is none */
    const char *path;      /* raw_path decoded */
    int header_count;
    const ff_http_header *headers; /* names as sent */
    ff_bytes body; /* FF_JSON_PADDING writable bytes lie behind it (where len > 0) */
    ff_buf *take;  /* the body's buffer: a handler may own it (copy the struct, then zero it) */
    /* With handle_refused: FF_OK, or why the body was not kept: FF_LIMIT (over admit's bound),
     * FF_BUSY (over max_body_total), FF_NO_MEMORY. body is empty then. */
    ff_code refused;
    uint64_t body_bytes; /* of the body as declared or, where it came in chunks, as counted */
    int64_t begun_ns;    /* when its first line was there */
    void *connection;    /* private */
} ff_server_request;

#define FF_SERVER_HEADERS 64
typedef struct ff_server_response {
    int status;
    int header_count;
    ff_http_header headers[FF_SERVER_HEADERS]; /* names static or in arena; values in arena */
    ff_arena *arena;                           /* lives until the response is sent */
    ff_buf body;                               /* taken by the server */
    ff_bytes view;                             /* used where body is empty; must live until sent */
    void (*release)(void *owner);              /* called once, when the response is done with */
    void *owner;
    const char *file; /* or: this range of a file */
    uint64_t file_offset, file_length;
    bool head_only; /* Content-Length of the body, but no body (HEAD) */
    uint64_t head_length;
    /* Sends the body no faster than this says: how many of its bytes may have left by now, at least
     * one more than `sent`. Blocks until it is so; 0 cuts the connection. NULL = as fast as can be.
     * pace_end is called once, when the response is done with. */
    uint64_t (*pace)(void *pacer, uint64_t sent);
    void (*pace_end)(void *pacer);
    void *pacer;
    bool close; /* close the connection afterwards */
} ff_server_response;

typedef struct ff_server_options {
    const char *bind;           /* NULL = 127.0.0.1 */
    int port;                   /* 0 = any free one */
    int max_connections;        /* 0 = 512 */
    int64_t request_timeout_ms; /* from request line to whole body, and again for the response;
                                   0 = 300000 */
    int64_t idle_timeout_ms;    /* between requests; 0 = 60000 */
    size_t max_body_total;      /* bodies held at once, not yet taken; 0 = 2 GiB */
    bool handle_refused;        /* the handler answers refused bodies; false: 413, 503 as text */
    /* Before the body is read: how many bytes it may have. NULL = none. May be called twice. */
    size_t (*admit)(void *user, const ff_server_request *head);
    void (*handle)(void *user, const ff_server_request *request, ff_server_response *response);
    void *user;
} ff_server_options;

/* FF_BUSY where the port is taken (named). */
ff_code ff_server_new(const ff_server_options *options, ff_server **out, ff_err *err);
int ff_server_port(const ff_server *server);
/* Stops accepting, waits for handlers to return (they must be told by the owner), frees. */
void ff_server_free(ff_server *server); /* accepts NULL */

const char *ff_server_header(const ff_server_request *request, const char *name); /* NULL */
/* The decoded value of a query parameter, in arena memory: "" where it has none, NULL if absent
 * or not decodable. */
const char *ff_server_query(const ff_server_request *request, ff_arena *arena, const char *name);
/* Is the client still there? For handlers that wait long. */
bool ff_server_client_gone(const ff_server_request *request);
/* Does it come from this machine's 127.0.0.0/8? */
bool ff_server_peer_is_loopback(const ff_server_request *request);
void ff_server_add_header(ff_server_response *response, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A whole text response with its Content-Type. */
void ff_server_text(ff_server_response *response, int status, const char *type, const char *text);

#endif
