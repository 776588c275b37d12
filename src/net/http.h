/*
 * HTTP client: many requests in flight on one thread (libcurl multi, HTTP/1.1, connections kept).
 *
 * A client belongs to one thread (but for ff_http_wakeup). Requests are started, then driven by
 * ff_http_poll; each calls its `done` exactly once, from within poll (or cancel, or free; never
 * from start). From within a done, start, after and cancel may be called; poll and free may not. No
 * proxy from the environment, no redirects, no `Expect: 100-continue`. Connections idle for 4 s are
 * not used again (S3 closes them at about 5 s; a thawed function finds dead sockets); a request
 * that fails on a reused connection before any response byte is sent once more on a fresh one. The
 * first client of a process has SIGPIPE ignored where nobody handles it.
 */
#ifndef FF_NET_HTTP_H
#define FF_NET_HTTP_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

typedef struct ff_http ff_http;

typedef struct ff_http_header {
    const char *name;
    const char *value;
} ff_http_header;

/* A body in pieces, sent in order without joining them. Borrowed until done is called. */
#define FF_HTTP_BODY_PARTS 4
typedef struct ff_http_body {
    int count;
    ff_bytes part[FF_HTTP_BODY_PARTS];
} ff_http_body;

typedef struct ff_http_response {
    int status;       /* 0 where there is none */
    ff_buf body;      /* the callback may take it (set to zeros); freed otherwise */
    int header_count; /* lower-case names; at most FF_MAX_HTTP_HEADERS kept, no trailers */
    ff_http_header *headers;
    int64_t sent_ns; /* monotonic: the whole request body was handed to the kernel; 0: never */
    int64_t first_byte_ns; /* first byte of the response */
    int64_t done_ns;
    uint64_t sent_bytes, received_bytes; /* bodies */
    int retries;                         /* on fresh connections */
} ff_http_response;

/* code: FF_OK where a response came, whatever its status; otherwise UNAVAILABLE (refused, closed
 * early, DNS, TLS), TIMEOUT (deadline, idle), LIMIT (max_response, or headers over
 * FF_MAX_HTTP_HEADER_BYTES), DENIED (the server's certificate), CANCELLED, FORMAT (not HTTP),
 * NO_MEMORY. err is never NULL; its file is the URL without the query. */
typedef void (*ff_http_done)(void *user, ff_code code, const ff_err *err,
                             ff_http_response *response);

/* A response with status 300 or more may have this many bytes, if max_response is less: what went
 * wrong is told even to who wants a short answer. */
#define FF_HTTP_ERROR_BYTES 65536u

typedef struct ff_http_request {
    const char *method;
    const char *url;
    const ff_http_header *headers; /* copied at start */
    int header_count;
    ff_http_body body;   /* parts are borrowed until done */
    size_t max_response; /* bytes of the body; 0 = none accepted. See FF_HTTP_ERROR_BYTES */
    int64_t deadline_ns;
    int64_t idle_timeout_ms; /* no byte for so long = TIMEOUT; 0 = none */
    ff_http_done done;
    void *user;
} ff_http_request;

typedef struct ff_http_options {
    int max_connections_per_host; /* 0 = 64 */
    const char *ca_bundle; /* NULL = $AWS_CA_BUNDLE, $SSL_CERT_FILE, the system's, the first that is
                              there; TLS is always verified */
} ff_http_options;

ff_code ff_http_new(const ff_http_options *options, ff_http **out, ff_err *err);
/* Cancels what is in flight (each done gets FF_CANCELLED). Accepts NULL. */
void ff_http_free(ff_http *http);

/* Starts a request; *id (if not NULL) names it for cancel. FF_USAGE for a URL that is not a plain
 * http(s) one, and for a header that holds a control character; done is then not called. */
ff_code ff_http_start(ff_http *http, const ff_http_request *request, uint64_t *id, ff_err *err);
/* Calls call once at at_ns, from within poll: retries wait so, hedges too. code is FF_OK, or
 * FF_CANCELLED where it was cancelled. */
typedef void (*ff_http_wake)(void *user, ff_code code);
ff_code ff_http_after(ff_http *http, int64_t at_ns, ff_http_wake call, void *user, uint64_t *id,
                      ff_err *err);
/* Of a request or a wake; fine when it has ended. done is called before this returns. */
void ff_http_cancel(ff_http *http, uint64_t id);
/* Of everything that is in flight now, wakes too; not of what their done calls start. */
void ff_http_cancel_all(ff_http *http);
int ff_http_in_flight(const ff_http *http); /* requests and wakes that will call back */
/* Moves bytes and calls done for what ended. Returns when something ended, when nothing is in
 * flight, or at until_ns; pass 0 to do only what is ready (between encoding two bodies). */
ff_code ff_http_poll(ff_http *http, int64_t until_ns, ff_err *err);
/* From any thread: the poll that runs now, or else the next one, returns early. */
void ff_http_wakeup(ff_http *http);
/* Polls until nothing is in flight. */
ff_code ff_http_drain(ff_http *http, ff_err *err);

/* One request, waited for. The response is the caller's: ff_http_response_clean. */
ff_code ff_http_perform(ff_http *http, ff_http_request *request, ff_http_response *out,
                        ff_err *err);
void ff_http_response_clean(ff_http_response *response);
const char *ff_http_response_header(const ff_http_response *response, const char *name); /* NULL */

/* Percent-encodes all but A-Za-z0-9-_.~ (and '/' where keep_slash), appended to buf. */
ff_code ff_http_encode(const char *text, size_t len, bool keep_slash, ff_buf *buf, ff_err *err);
/* Decodes in place; returns the new length, or -1 for a bad escape. */
int64_t ff_http_decode(char *text, size_t len);

#endif
