/*
 * AWS Signature Version 4: signing requests, and verifying received ones.
 *
 * "s3" paths are encoded once and not normalised; every other service's twice. Vectors of AWS's
 * documentation are tests.
 */
#ifndef FF_NET_SIGV4_H
#define FF_NET_SIGV4_H

#include "net/http.h"

#define FF_SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

typedef struct ff_credentials {
    char access_key[132];
    char secret_key[132];
    char session_token[4096]; /* "" = none */
} ff_credentials;

/* From AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. FF_DENIED where absent. */
ff_code ff_credentials_from_env(ff_credentials *out, ff_err *err);

/* What is signed. path and query as they go on the wire (percent-encoded; query without '?'). */
typedef struct ff_sigv4_request {
    const char *method;
    const char *path;
    const char *query;
    const char *host;              /* with a non-default port, exactly as sent */
    const ff_http_header *headers; /* further headers to sign (x-amz-*, range, ...) */
    int header_count;
    const char *payload_hash; /* hex SHA-256, or FF_SIGV4_UNSIGNED */
    const char *region;
    const char *service; /* "s3", "lambda" */
    int64_t epoch_ms;
} ff_sigv4_request;

/* Appends to out (arena memory) the headers to add: Authorization, x-amz-date,
 * x-amz-security-token where there is one, x-amz-content-sha256 for s3. Returns their number
 * (at most 4). The day's signing key is cached a thread. */
int ff_sigv4_sign(const ff_sigv4_request *request, const ff_credentials *credentials,
                  ff_arena *arena, ff_http_header out[4]);

/* The bare signature (hex, 65 bytes) over exactly the given signed headers (all of them in
 * request->headers, incl. host and x-amz-date): the tests' and the verifier's entry. */
void ff_sigv4_signature(const ff_sigv4_request *request, const ff_credentials *credentials,
                        char signature[65]);

/* What a verifier reads of a received request (Authorization header or presigned query). */
typedef struct ff_sigv4_claim {
    char access_key[132];
    char date[9];
    char region[64];
    char service[64];
    char signed_headers[1024]; /* "host;x-amz-date" */
    char signature[65];
    char amz_date[17];
    bool presigned;
    int64_t expires_s; /* presigned */
} ff_sigv4_claim;

/* FF_DENIED with S3's error code in the message's beginning: "SignatureDoesNotMatch: ...",
 * "InvalidAccessKeyId", "InvalidToken", "RequestTimeTooSkewed", "MissingSecurityHeader",
 * "AccessDenied" (not signed at all, expired, a header that must be signed is not),
 * "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError". headers: all received, of
 * which the host and every x-amz-* must be signed. payload_hash: hex SHA-256 of the body, or the
 * received x-amz-content-sha256; NULL takes the latter from the headers (UNSIGNED-PAYLOAD where a
 * presigned request has none), and the caller then checks the body against it. The clock may be 15
 * minutes off. Signatures are compared in constant time. */
ff_code ff_sigv4_verify(const char *method, const char *raw_path, const char *raw_query,
                        const ff_http_header *headers, int header_count, const char *payload_hash,
                        const ff_credentials *credentials, int64_t now_epoch_ms,
                        ff_sigv4_claim *claim, ff_err *err);

/* Chunked uploads (STREAMING-AWS4-HMAC-SHA256-PAYLOAD): the signature of one chunk or of the
 * trailer, each over the previous one. kind: "AWS4-HMAC-SHA256-PAYLOAD" or "...-TRAILER". */
void ff_sigv4_chunk(const ff_sigv4_claim *claim, const ff_credentials *credentials,
                    const char *kind, const char *previous, ff_bytes data, char signature[65]);

#endif
