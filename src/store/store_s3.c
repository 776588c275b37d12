#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/limits.h"
#include "net/aws_call.h"
#include "store/s3_fault.h"
#include "store/store.h"

#define KEYS_A_REQUEST  1000u      /* DeleteObjects' own bound */
#define IDLE_TIMEOUT_MS 10000      /* an S3 request that stalls is better sent again */
#define DELETE_RESPONSE (4u << 20) /* an error a key */

typedef struct s3 {
    ff_store store; /* first */
    ff_aws_service service;
    char root[80]; /* "/bucket" in path style, "" otherwise */
    int64_t idle_timeout_ms;
    bool sealed; /* nobody can change a body under way: TLS, or this machine's loopback */
} s3;

typedef enum operation_kind { PUT, GET, REMOVE } operation_kind;

/* An operation between its start and its done. A removal may be several calls. */
typedef struct operation {
    operation_kind kind;
    char key[FF_MAX_KEY + 1]; /* of a removal the first one */
    ff_store_done done;
    void *user;
    int64_t started_ns;
    uint64_t bytes;
    int calls; /* not yet ended */
    int attempts;
    int64_t first_byte_ns;
    ff_code code; /* the first failure */
    ff_err err;
    ff_buf *xml; /* of a removal, one a call */
    size_t xml_count;
} operation;

static const char *const METHODS[] = {"PUT", "GET", "DELETE"};

static ff_code judge_removal(const ff_http_response *response, ff_err *err)
{
    size_t at = 0;
    ff_s3_fault found;
    while (ff_s3_fault_next(ff_buf_view(&response->body), &at, &found)) {
        if (!strcmp(found.code, "NoSuchKey"))
            continue;
        ff_code code =
            ff_s3_fault_code(!strcmp(found.code, "AccessDenied") ? 403 : 500, found.code);
        return ff_err_set(err, code, "S3 said %s to DELETE %s: %s", found.code, found.key,
                          found.message);
    }
    return FF_OK;
}

static ff_code judge(void *user, const ff_http_response *response, ff_err *err)
{
    operation *op = user;
    if (response->status >= 300)
        return ff_s3_fault_set(response, METHODS[op->kind], op->key, err);
    if (op->kind == REMOVE)
        return judge_removal(response, err);
    if (op->kind == GET && response->status != 200)
        return ff_err_set(err, FF_FORMAT, "wanted status 200 of GET %.400s, found %d", op->key,
                          response->status);
    return FF_OK;
}

static void free_operation(operation *op)
{
    for (size_t i = 0; i < op->xml_count; i++)
        ff_buf_clean(&op->xml[i]);
    ff_mem_free(op->xml);
    ff_mem_free(op);
}

static void end(operation *op, ff_buf *body)
{
    ff_store_result result = {
        .body = body ? *body : (ff_buf){0},
        .started_ns = op->started_ns,
        .first_byte_ns = op->first_byte_ns,
        .done_ns = ff_clock_now_ns(),
        .bytes = op->kind == GET && body ? body->len : op->bytes,
        .attempts = op->attempts,
    };
    if (body)
        *body = (ff_buf){0};
    op->done(op->user, op->code, &op->err, &result);
    ff_buf_clean(&result.body);
    free_operation(op);
}

static void answered(void *user, ff_code code, const ff_err *err, ff_http_response *response,
                     int attempts)
{
    operation *op = user;
    op->attempts = attempts > op->attempts ? attempts : op->attempts;
    op->first_byte_ns = response->first_byte_ns;
    if (code && !op->code) {
        op->code = code;
        op->err = *err;
    }
    if (op->kind == PUT && code == FF_CONFLICT && attempts > 1)
        ff_err_wrap(&op->err, "perhaps written by an attempt before the last one");
    if (--op->calls == 0)
        end(op, op->kind == GET && !op->code ? &response->body : NULL);
}

static operation *new_operation(operation_kind kind, const char *key, ff_store_done done,
                                void *user)
{
    operation *op = ff_mem_must(sizeof *op);
    op->kind = kind;
    op->done = done;
    op->user = user;
    op->started_ns = ff_clock_now_ns();
    snprintf(op->key, sizeof op->key, "%s", key);
    return op;
}

/* "/bucket/key", percent-encoded, NUL-terminated. */
static ff_code make_path(const s3 *s, const char *key, ff_buf *path, ff_err *err)
{
    ff_code code = ff_buf_text(path, s->root, err);
    if (!code)
        code = ff_buf_text(path, "/", err);
    if (!code)
        code = ff_http_encode(key, strlen(key), true, path, err);
    return code ? code : ff_buf_append(path, "", 1, err);
}

/* 127.x.x.x or [::1], perhaps with a port. Names are left to who may resolve them elsewhere. */
static bool is_loopback(const char *host)
{
    char bare[INET_ADDRSTRLEN];
    struct in_addr address;
    size_t len = strcspn(host, ":");
    if (strncmp(host, "[::1]", 5) == 0)
        return true;
    if (len >= sizeof bare)
        return false;
    memcpy(bare, host, len);
    bare[len] = '\0';
    return inet_pton(AF_INET, bare, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* Where the body is protected already its hash would cost more than sending it. */
static void hash_payload(const s3 *s, const ff_http_body *body, char hash[65])
{
    if (s->sealed)
        snprintf(hash, 65, "%s", FF_SIGV4_UNSIGNED);
    else
        ff_aws_hash_body(body, hash);
}

static ff_code start_call(s3 *s, operation *op, ff_aws_call *call, ff_err *err)
{
    char hash[65];
    hash_payload(s, &call->body, hash);
    call->payload_hash = hash;
    call->idle_timeout_ms = s->idle_timeout_ms;
    call->judge = judge;
    call->done = answered;
    call->user = op;
    ff_code code = ff_aws_call_start(s->store.http, &s->service, call, err);
    op->calls += code == FF_OK;
    return code;
}

static void crc32c_text(const ff_http_body *body, char text[9])
{
    uint32_t crc = 0;
    for (int i = 0; i < body->count; i++)
        crc = ff_hash_crc32c(crc, body->part[i]);
    uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                        (uint8_t)crc};
    ff_base64_encode(bytes, sizeof bytes, text);
    text[8] = '\0';
}

static ff_code put(ff_store *store, const ff_store_put *put, ff_store_done done, void *user,
                   ff_err *err)
{
    s3 *s = (s3 *)store;
    ff_buf path;
    ff_buf_init(&path, 0);
    char checksum[9];
    crc32c_text(&put->body, checksum);
    ff_http_header headers[] = {{"x-amz-checksum-crc32c", checksum}, {"If-None-Match", "*"}};
    operation *op = new_operation(PUT, put->key, done, user);
    op->bytes = ff_aws_body_bytes(&put->body);
    ff_code code = make_path(s, put->key, &path, err);
    if (!code)
        code = start_call(s, op,
                          &(ff_aws_call){.method = "PUT",
                                         .path = (const char *)path.data,
                                         .query = "",
                                         .headers = headers,
                                         .header_count = put->if_absent ? 2 : 1,
                                         .body = put->body,
                                         .max_response = FF_HTTP_ERROR_BYTES,
                                         .deadline_ns = put->deadline_ns},
                          err);
    if (code)
        free_operation(op);
    ff_buf_clean(&path);
    return code;
}

static ff_code get(ff_store *store, const char *key, size_t max, int64_t deadline_ns,
                   ff_store_done done, void *user, ff_err *err)
{
    s3 *s = (s3 *)store;
    ff_buf path;
    ff_buf_init(&path, 0);
    operation *op = new_operation(GET, key, done, user);
    ff_code code = make_path(s, key, &path, err);
    if (!code)
        code = start_call(s, op,
                          &(ff_aws_call){.method = "GET",
                                         .path = (const char *)path.data,
                                         .query = "",
                                         .max_response = max,
                                         .deadline_ns = deadline_ns},
                          err);
    if (code)
        free_operation(op);
    ff_buf_clean(&path);
    return code;
}

static ff_code emit_keys(const char *const *keys, size_t count, ff_buf *xml, ff_err *err)
{
    ff_code code = ff_buf_text(xml, "<Delete><Quiet>true</Quiet>", err);
    for (size_t i = 0; !code && i < count; i++) {
        code = ff_buf_text(xml, "<Object><Key>", err);
        if (!code)
            code = ff_store_xml_escape(keys[i], xml, err);
        if (!code)
            code = ff_buf_text(xml, "</Key></Object>", err);
    }
    return code ? code : ff_buf_text(xml, "</Delete>", err);
}

static ff_code start_removal(s3 *s, operation *op, size_t n, int64_t deadline_ns, ff_err *err)
{
    uint8_t digest[16];
    char md5[25];
    ff_hash_md5(ff_buf_view(&op->xml[n]), digest);
    ff_base64_encode(digest, sizeof digest, md5);
    md5[24] = '\0';
    ff_http_header headers[] = {{"Content-MD5", md5}, {"Content-Type", "application/xml"}};
    ff_aws_call call = {.method = "POST",
                        .path = *s->root ? s->root : "/",
                        .query = "delete=",
                        .headers = headers,
                        .header_count = 2,
                        .body = {1, {ff_buf_view(&op->xml[n])}},
                        .max_response = DELETE_RESPONSE,
                        .deadline_ns = deadline_ns};
    return start_call(s, op, &call, err);
}

static void nothing_to_remove(void *user, ff_code code)
{
    operation *op = user;
    op->code = code;
    if (code)
        ff_err_set(&op->err, code, "cancelled");
    end(op, NULL);
}

static ff_code remove_keys(ff_store *store, const char *const *keys, size_t count,
                           int64_t deadline_ns, ff_store_done done, void *user, ff_err *err)
{
    s3 *s = (s3 *)store;
    operation *op = new_operation(REMOVE, count ? keys[0] : "", done, user);
    ff_code code = FF_OK;
    op->xml_count = (count + KEYS_A_REQUEST - 1) / KEYS_A_REQUEST;
    op->xml = ff_mem_must_array(op->xml_count, sizeof *op->xml);
    for (size_t n = 0; !code && n < op->xml_count; n++) {
        size_t from = n * KEYS_A_REQUEST;
        size_t most = count - from < KEYS_A_REQUEST ? count - from : KEYS_A_REQUEST;
        code = emit_keys(keys + from, most, &op->xml[n], err);
    }
    for (size_t n = 0; !code && n < op->xml_count; n++)
        code = start_removal(s, op, n, deadline_ns, &op->err);
    if (!code && !count)
        code = ff_http_after(store->http, 0, nothing_to_remove, op, NULL, &op->err);
    if (code && op->calls) { /* those under way will call back: they bring this failure */
        op->code = code;
        return FF_OK;
    }
    if (code) {
        if (err && op->err.code)
            *err = op->err;
        free_operation(op);
    }
    return code;
}

static void free_s3(ff_store *store)
{
    s3 *s = (s3 *)store;
    ff_aws_service_clean(&s->service);
    ff_mem_free(s);
}

static const ff_store_ops OPS = {
    .name = "s3", .put = put, .get = get, .remove = remove_keys, .free = free_s3};

static ff_code check_bucket(const char *bucket, ff_err *err)
{
    size_t len = strlen(bucket);
    if (len < 3 || len > 63 || strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") != len)
        return ff_err_set(err, FF_USAGE,
                          "a bucket's name has 3 to 63 of a-z, 0-9, '.' and '-', found '%.100s'",
                          bucket);
    return FF_OK;
}

ff_code ff_store_s3_new(ff_http *http, const ff_s3_options *options, ff_store **out, ff_err *err)
{
    ff_code code = check_bucket(options->bucket, err);
    if (code)
        return code;
    /* a dot in the bucket's name would not match the certificate of *.s3.<region> */
    bool in_path = options->endpoint || strchr(options->bucket, '.');
    char base[256];
    snprintf(base, sizeof base, "https://%s%ss3.%.80s.amazonaws.com%s",
             in_path ? "" : options->bucket, in_path ? "" : ".", options->region,
             strncmp(options->region, "cn-", 3) ? "" : ".cn");
    s3 *s = ff_mem_must(sizeof *s);
    s->store = (ff_store){&OPS, http};
    if (in_path)
        snprintf(s->root, sizeof s->root, "/%s", options->bucket);
    code = ff_aws_service_init(&s->service, "s3", options->endpoint ? options->endpoint : base,
                               options->region, &options->credentials, options->max_attempts, err);
    if (code) {
        ff_mem_free(s);
        return code;
    }
    s->idle_timeout_ms = options->idle_timeout_ms ? options->idle_timeout_ms : IDLE_TIMEOUT_MS;
    s->sealed = s->service.tls || is_loopback(s->service.host);
    *out = &s->store;
    return FF_OK;
}
