/*
 * Signed requests to a platform on 127.0.0.1, one at a time. A client is one thread's.
 */
#ifndef FF_TESTS_SUPPORT_SIGNED_H
#define FF_TESTS_SUPPORT_SIGNED_H

#include "net/http.h"
#include "net/sigv4.h"

typedef struct signed_client {
    ff_http *http;
    int port;
    ff_credentials credentials;
} signed_client;

typedef struct signed_request {
    const char *method;         /* NULL = GET */
    const char *service;        /* NULL = "s3" */
    const char *path;           /* as it goes out */
    const char *query;          /* NULL = none */
    const char *const *headers; /* "name: value", NULL-terminated, signed as well; or NULL */
    const void *body;
    size_t len;
    const char *payload_hash; /* NULL = the body's SHA-256 */
} signed_request;

void signed_open(signed_client *client, int port, const ff_credentials *credentials);
void signed_close(signed_client *client);
/* Aborts where no answer comes within 30 s. */
void signed_ask(signed_client *client, const signed_request *request, ff_http_response *response);
/* The same; no answer is an error as ff_http_perform has them. */
ff_code signed_try(signed_client *client, const signed_request *request, ff_http_response *response,
                   ff_err *err);
/* For the status alone. */
int signed_status(signed_client *client, const signed_request *request);

#endif
