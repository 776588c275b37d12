/*
 * One call of an AWS service: signed, sent, judged, and sent again while the error table says that
 * this may help.
 *
 * The one place where requests to AWS are retried: exponential backoff with jitter, at least what
 * Retry-After asks for, each attempt signed anew, all within the deadline. Non-blocking: the http
 * client that the call was started on drives it.
 */
#ifndef FF_NET_AWS_CALL_H
#define FF_NET_AWS_CALL_H

#include "net/aws_answer.h"
#include "net/http.h"
#include "net/sigv4.h"

#define FF_AWS_ATTEMPTS 8 /* about 5 s of waiting in between */

typedef struct ff_aws_service {
    char *base; /* "https://host[:port]" */
    char *host; /* as it is sent and signed */
    bool tls;
    char *name, *region;
    ff_credentials credentials;
    int max_attempts;
} ff_aws_service;

/* FF_USAGE where base is not http(s)://host[:port][/] or region not a region's name. max_attempts:
 * 0 = FF_AWS_ATTEMPTS. */
ff_code ff_aws_service_init(ff_aws_service *service, const char *name, const char *base,
                            const char *region, const ff_credentials *credentials, int max_attempts,
                            ff_err *err);
void ff_aws_service_clean(ff_aws_service *service); /* accepts zeroed memory, and twice */

/* AWS_ENDPOINT_URL_<service> or AWS_ENDPOINT_URL; NULL where neither is set. */
const char *ff_aws_endpoint_from_env(const char *variable);
/* AWS_REGION or AWS_DEFAULT_REGION; FF_USAGE where neither is set. */
ff_code ff_aws_region_from_env(const char **region, ff_err *err);

/* Is the response what was wanted? Anything but FF_OK fills err (never NULL). */
typedef ff_code (*ff_aws_judge)(void *user, const ff_http_response *response, ff_err *err);
/* Called once, from within ff_http_poll. response: of the last attempt (status 0: none came); its
 * body may be taken. */
typedef void (*ff_aws_done)(void *user, ff_code code, const ff_err *err, ff_http_response *response,
                            int attempts);

typedef struct ff_aws_call {
    const char *method;
    const char *path;              /* percent-encoded, begins with '/' */
    const char *query;             /* percent-encoded, "" = none */
    const ff_http_header *headers; /* all of them are signed */
    int header_count;
    ff_http_body body;        /* parts are borrowed until done */
    const char *payload_hash; /* hex SHA-256 of the body, or FF_SIGV4_UNSIGNED */
    size_t max_response;
    int64_t deadline_ns;
    int64_t idle_timeout_ms; /* an attempt that moves no byte for so long is given up and retried */
    ff_aws_judge judge;
    ff_aws_done done;
    void *user;
} ff_aws_call;

/* All but the body's parts and service is copied; service must live until done. */
ff_code ff_aws_call_start(ff_http *http, const ff_aws_service *service, const ff_aws_call *call,
                          ff_err *err);

/* The SHA-256 of a body's parts, as one. */
void ff_aws_hash_body(const ff_http_body *body, char hex[65]);
uint64_t ff_aws_body_bytes(const ff_http_body *body);

#endif
