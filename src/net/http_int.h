/*
 * One exchange, a request and its response, on one curl easy handle.
 *
 * http.c owns the list of exchanges and decides when one ends; http_exchange.c is what libcurl
 * calls back, and the words for its errors.
 */
#ifndef FF_NET_HTTP_INT_H
#define FF_NET_HTTP_INT_H

#include <curl/curl.h>

#include "base/limits.h"
#include "net/http.h"

typedef struct ff_exchange {
    struct ff_exchange *next;
    uint64_t id;
    CURL *easy;
    struct curl_slist *lines; /* request headers */
    char *method, *url;
    ff_http_request request; /* its strings are not used after start */
    uint64_t body_bytes;

    int part; /* sending: the next byte */
    size_t offset;
    bool fresh; /* it is its second run, on a new connection */
    int runs;   /* requests begun on any connection */

    bool in_head, body_began;
    int status;
    size_t head_bytes; /* of all header lines, for their bound */
    ff_buf head;       /* names and values, each with its NUL */
    int header_count;
    struct {
        size_t name, value; /* offsets in head */
    } header[FF_MAX_HTTP_HEADERS];
    ff_buf body;

    int64_t active_ns, sent_ns, first_byte_ns;
    curl_off_t moved; /* bytes, both ways, when last looked at */
    ff_err err;       /* set by a callback that gave up; code FF_OK otherwise */
    char text[CURL_ERROR_SIZE];
} ff_exchange;

/* A configured exchange that has not been added to a multi handle. */
ff_code ff_exchange_new(CURL *easy, const ff_http_request *request, const char *ca_bundle,
                        ff_exchange **out, ff_err *err);
/* Frees all but the easy handle. */
void ff_exchange_free(ff_exchange *x);
/* Back to the start, for a second run. */
void ff_exchange_rewind(ff_exchange *x);
/* May it be sent again on a fresh connection: did a reused one die before any response byte? */
bool ff_exchange_may_rerun(const ff_exchange *x, CURLcode result);
/* What result means; fills err (never NULL). */
ff_code ff_exchange_judge(ff_exchange *x, CURLcode result, ff_err *err);
/* Moves what was received into out. FF_NO_MEMORY leaves the headers out and out as it was. */
ff_code ff_exchange_response(ff_exchange *x, ff_http_response *out, ff_err *err);
/* The time at which it is over, by deadline or idleness. */
int64_t ff_exchange_due_ns(const ff_exchange *x);
/* url without its query, into err->file. */
void ff_exchange_name(const ff_exchange *x, ff_err *err);

#endif
