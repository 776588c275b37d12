/*
 * Invoking a function and waiting for its answer: the interface, and AWS Lambda's Invoke API.
 *
 * Non-blocking: start, then drive the http client; done is called once.
 */
#ifndef FF_NET_INVOKE_H
#define FF_NET_INVOKE_H

#include "net/http.h"
#include "net/sigv4.h"

/* code: FF_OK with the answer's bytes in body (may be taken). FF_REMOTE: the function itself
 * failed; err->message holds its errorType and errorMessage. FF_LIMIT (413), FF_BUSY (429 after
 * retries), FF_DENIED, FF_NOT_FOUND, FF_UNAVAILABLE, FF_TIMEOUT. */
typedef struct ff_invoke_result {
    ff_buf body;
    int64_t started_ns;                      /* of the first attempt */
    int64_t sent_ns, first_byte_ns, done_ns; /* of the last one */
    uint64_t request_bytes, response_bytes;
    int attempts;
} ff_invoke_result;
typedef void (*ff_invoke_done)(void *user, ff_code code, const ff_err *err,
                               ff_invoke_result *result);

typedef struct ff_invoker ff_invoker;
typedef struct ff_invoker_ops {
    const char *name;
    size_t max_request, max_response; /* payload bytes; 0 = no limit */
    bool json_only;                   /* the payload must be JSON text */
    ff_code (*start)(ff_invoker *invoker, const char *function, const ff_http_body *payload,
                     int64_t deadline_ns, ff_invoke_done done, void *user, ff_err *err);
    void (*free)(ff_invoker *invoker);
} ff_invoker_ops;
struct ff_invoker {
    const ff_invoker_ops *ops;
    ff_http *http; /* borrowed */
};

/* Parts of payload are borrowed until done, which is not called where start fails: FF_LIMIT over
 * max_request. Retries 429, 5xx and connection errors with exponential backoff and jitter within
 * the deadline, by the error table. A request that failed after it was sent may run twice:
 * functions are idempotent. */
ff_code ff_invoke_start(ff_invoker *invoker, const char *function, const ff_http_body *payload,
                        int64_t deadline_ns, ff_invoke_done done, void *user, ff_err *err);
/* One call, waited for. */
ff_code ff_invoke(ff_invoker *invoker, const char *function, ff_bytes payload, int64_t deadline_ns,
                  ff_invoke_result *out, ff_err *err);
void ff_invoker_free(ff_invoker *invoker); /* accepts NULL */

typedef struct ff_lambda_options {
    const char *endpoint; /* NULL = https://lambda.<region>.amazonaws.com */
    const char *region;
    ff_credentials credentials;
    int max_attempts; /* 0 = FF_AWS_ATTEMPTS */
} ff_lambda_options;
/* From AWS_ENDPOINT_URL_LAMBDA or AWS_ENDPOINT_URL, AWS_REGION or AWS_DEFAULT_REGION, and the
 * credentials' variables; out borrows from the environment. FF_USAGE, FF_DENIED where one is
 * missing. */
ff_code ff_lambda_options_from_env(ff_lambda_options *out, ff_err *err);
/* options are copied. An invoker must outlive its calls: free it when none is in flight, or after
 * its http client. */
ff_code ff_lambda_new(ff_http *http, const ff_lambda_options *options, ff_invoker **out,
                      ff_err *err);

#endif
