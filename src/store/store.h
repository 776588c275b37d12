/*
 * Object stores: one interface; S3 and a directory (store_s3.c, store_dir.c).
 *
 * Operations are started and end with one call of done: S3's from within ff_http_poll of the
 * client that the store was made with, a directory's before the starting call returns. Where a
 * starting call fails, done is not called. A store must outlive its operations. Keys are
 * '/'-separated UTF-8 of at most FF_MAX_KEY bytes, without empty, "." or ".." parts. Values written
 * are whole or absent. Not for two threads at once. Retries (5xx, SlowDown, broken connections)
 * happen inside, within the deadline. Every store passes tests/conform/test_conform_store.
 */
#ifndef FF_STORE_STORE_H
#define FF_STORE_STORE_H

#include "net/http.h"
#include "net/sigv4.h"

typedef struct ff_store ff_store;

typedef struct ff_store_result {
    ff_buf body; /* of get; may be taken */
    int64_t started_ns, first_byte_ns, done_ns;
    uint64_t bytes; /* moved */
    int attempts;
} ff_store_result;

/* get of an absent key: FF_NOT_FOUND. put with if_absent on a present one: FF_CONFLICT. */
typedef void (*ff_store_done)(void *user, ff_code code, const ff_err *err, ff_store_result *result);

typedef struct ff_store_put {
    const char *key;
    ff_http_body body; /* parts borrowed until done */
    bool if_absent;
    int64_t deadline_ns;
} ff_store_put;

typedef struct ff_store_ops {
    const char *name; /* "s3", "dir" */
    ff_code (*put)(ff_store *store, const ff_store_put *put, ff_store_done done, void *user,
                   ff_err *err);
    /* At most max bytes, FF_LIMIT over it. */
    ff_code (*get)(ff_store *store, const char *key, size_t max, int64_t deadline_ns,
                   ff_store_done done, void *user, ff_err *err);
    /* All of count keys; absent ones are fine. */
    ff_code (*remove)(ff_store *store, const char *const *keys, size_t count, int64_t deadline_ns,
                      ff_store_done done, void *user, ff_err *err);
    void (*free)(ff_store *store);
} ff_store_ops;

struct ff_store {
    const ff_store_ops *ops;
    ff_http *http; /* borrowed */
};

ff_code ff_store_put_start(ff_store *store, const ff_store_put *put, ff_store_done done, void *user,
                           ff_err *err);
ff_code ff_store_get_start(ff_store *store, const char *key, size_t max, int64_t deadline_ns,
                           ff_store_done done, void *user, ff_err *err);
ff_code ff_store_remove_start(ff_store *store, const char *const *keys, size_t count,
                              int64_t deadline_ns, ff_store_done done, void *user, ff_err *err);
void ff_store_free(ff_store *store); /* accepts NULL */
/* FF_FORMAT where key breaks the rules above. */
ff_code ff_store_check_key(const char *key, ff_err *err);

/* The same, waited for. */
ff_code ff_store_put_wait(ff_store *store, const ff_store_put *put, ff_err *err);
ff_code ff_store_get_wait(ff_store *store, const char *key, size_t max, int64_t deadline_ns,
                          ff_buf *body, ff_err *err);
ff_code ff_store_remove_wait(ff_store *store, const char *const *keys, size_t count,
                             int64_t deadline_ns, ff_err *err);

/* Opens a store by URL: "s3://bucket" (endpoint and credentials from the environment:
 * AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, ...) or "dir:/path".
 * FF_USAGE for another scheme. */
ff_code ff_store_open(const char *url, ff_http *http, ff_store **out, ff_err *err);

typedef struct ff_s3_options {
    const char *bucket;
    const char *endpoint; /* NULL = https://<bucket>.s3.<region>.amazonaws.com; else path style */
    const char *region;
    ff_credentials credentials;
    int max_attempts;        /* 0 = FF_AWS_ATTEMPTS */
    int64_t idle_timeout_ms; /* a request that moves no byte for so long is sent again; 0 = 10 s */
} ff_s3_options;
/* options are copied. Path style too where the bucket's name holds a dot. Payloads are
 * UNSIGNED-PAYLOAD over https and to 127.x.x.x or [::1], SHA-256 over other http. Objects carry
 * x-amz-checksum-crc32c. A conditional put that is retried after its answer was lost may meet its
 * own object: FF_CONFLICT then says so. FF_USAGE for what is no bucket's, region's or endpoint's
 * name. */
ff_code ff_store_s3_new(ff_http *http, const ff_s3_options *options, ff_store **out, ff_err *err);
/* Keys are paths below the folder, which is made where it is absent; nothing follows a symbolic
 * link out of it, and folders that a removal leaves empty go too. A part of a key has at most 255
 * bytes (FF_LIMIT), and a key cannot be another one's folder ("a" beside "a/b": FF_UNSUPPORTED),
 * unlike in S3. Keys beginning with ".put-" in their last part are refused: temporary files are
 * named so. */
ff_code ff_store_dir_new(const char *path, ff_store **out, ff_err *err);

#endif
