/* The S3 store against a server that answers as a test tells it: what is sent, what each answer
 * means, what is tried again. Against a real one: tests/conform. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/store.h"
#include "support/raw_request.h"
#include "support/raw_server.h"

#define HTTP(status, extra, body_len, body)                                                        \
    "HTTP/1.1 " status "\r\n" extra "Content-Length: " #body_len "\r\n\r\n" body
#define OK0 HTTP("200 OK", "ETag: \"d4\"\r\n", 0, "")

static const ff_credentials CREDENTIALS = {
    .access_key = "ASIAEXAMPLE", .secret_key = "secret/with+signs", .session_token = "token=="};

static ff_http *http;

static int setup(void **state)
{
    (void)state;
    return (int)ff_http_new(NULL, &http, NULL);
}

static int teardown(void **state)
{
    (void)state;
    ff_http_free(http);
    return 0;
}

/* By a name that is not known to be loopback, the payload's hash is signed. */
static ff_store *store_named(const char *host, raw_server *server, int max_attempts)
{
    char endpoint[80];
    const char *port = strrchr(raw_server_url(server, ""), ':');
    snprintf(endpoint, sizeof endpoint, "http://%s%s", host, port);
    ff_store *store = NULL;
    ff_s3_options options = {.bucket = "buck-et",
                             .endpoint = endpoint,
                             .region = "eu-west-1",
                             .credentials = CREDENTIALS,
                             .max_attempts = max_attempts};
    assert_int_equal(ff_store_s3_new(http, &options, &store, NULL), FF_OK);
    return store;
}

static ff_store *store_at(raw_server *server, int max_attempts)
{
    return store_named("127.0.0.1", server, max_attempts);
}

/* The n-th request, its signature and payload hash checked; the caller frees *copy. */
static raw_request verified(raw_server *server, int n, char **copy)
{
    size_t len = 0;
    const char *got = raw_server_request(server, n, &len);
    assert_non_null(got);
    *copy = malloc(len + 1);
    assert_non_null(*copy);
    memcpy(*copy, got, len + 1);
    raw_request r = raw_request_parse(*copy, len);
    ff_http_header headers[64];
    for (int i = 0; i < r.header_count; i++)
        headers[i] = (ff_http_header){r.headers[i].name, r.headers[i].value};
    char hash[65] = FF_SIGV4_UNSIGNED;
    if (strncmp(raw_request_header(&r, "host"), "127.", 4) != 0)
        ff_hash_sha256_hex(ff_bytes_of(r.body, r.body_len), hash);
    assert_string_equal(raw_request_header(&r, "x-amz-content-sha256"), hash);
    ff_sigv4_claim claim;
    ff_err err = {0};
    if (ff_sigv4_verify(r.method, r.path, r.query, headers, r.header_count, NULL, &CREDENTIALS,
                        ff_clock_wall_ms(), &claim, &err))
        fail_msg("%s", err.message);
    assert_string_equal(claim.service, "s3");
    return r;
}

static void test_put(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.reply = OK0}};
    raw_server *server = raw_server_start(steps, 1);
    ff_store *stores[] = {store_at(server, 1), store_named("localhost", server, 1)};
    ff_store_put p = {.key = "d/a b/\xc3\xa9+=.npy",
                      .body = {3,
                               {{(const uint8_t *)"123", 3},
                                {(const uint8_t *)"45", 2},
                                {(const uint8_t *)"6789", 4}}},
                      .deadline_ns = FF_NEVER};
    for (int i = 0; i < 2; i++) {
        char *copy = NULL;
        p.if_absent = i == 1;
        assert_int_equal(ff_store_put_wait(stores[i], &p, NULL), FF_OK);
        raw_request r = verified(server, i, &copy);
        assert_string_equal(r.method, "PUT");
        assert_string_equal(r.path, "/buck-et/d/a%20b/%C3%A9%2B%3D.npy");
        assert_int_equal(r.body_len, 9);
        assert_memory_equal(r.body, "123456789", 9);
        assert_string_equal(raw_request_header(&r, "x-amz-checksum-crc32c"), "4waSgw==");
        assert_string_equal(raw_request_header(&r, "x-amz-security-token"), "token==");
        const char *condition = raw_request_header(&r, "if-none-match");
        assert_true(i ? condition && !strcmp(condition, "*") : !condition);
        free(copy);
    }
    ff_store_free(stores[0]);
    ff_store_free(stores[1]);
    raw_server_stop(server);
}

static void test_remove(void **state)
{
    (void)state;
    static const raw_step steps[] = {
        {.reply = HTTP("200 OK", "", 29, "<DeleteResult></DeleteResult>")},
        {.reply = HTTP("200 OK", "", 151,
                       "<DeleteResult><Error><Key>a</Key><Code>NoSuchKey</Code></Error><Error>"
                       "<Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
                       "</DeleteResult>")},
        {.reply = HTTP("200 OK", "", 82,
                       "<DeleteResult><Error><Key>a</Key><Code>InternalError</Code></Error>"
                       "</DeleteResult>")},
        {.reply = HTTP("200 OK", "", 15, "<DeleteResult/>")}};
    raw_server *server = raw_server_start(steps, 4);
    ff_store *store = store_at(server, 3);
    static const char *const keys[] = {"a/b", "x<&>\"'y"};
    static const char xml[] = "<Delete><Quiet>true</Quiet><Object><Key>a/b</Key></Object><Object>"
                              "<Key>x&#60;&#38;&#62;&#34;&#39;y</Key></Object></Delete>";
    ff_err err = {0};
    char *copy = NULL;
    assert_int_equal(ff_store_remove_wait(store, keys, 2, FF_NEVER, &err), FF_OK);
    raw_request r = verified(server, 0, &copy);
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.path, "/buck-et");
    assert_string_equal(r.query, "delete=");
    assert_int_equal(r.body_len, strlen(xml));
    assert_memory_equal(r.body, xml, strlen(xml));
    assert_non_null(raw_request_header(&r, "content-md5"));
    assert_int_equal(strlen(raw_request_header(&r, "content-md5")), 24);
    free(copy);
    assert_int_equal(ff_store_remove_wait(store, keys, 2, FF_NEVER, &err), FF_DENIED);
    assert_non_null(strstr(err.message, "AccessDenied to DELETE b: no"));
    assert_int_equal(ff_store_remove_wait(store, keys, 2, FF_NEVER, &err), FF_OK); /* retried */
    assert_int_equal(raw_server_requests(server), 4);
    ff_store_free(store);
    raw_server_stop(server);
}

typedef struct answer_case {
    raw_step steps[3];
    int count, attempts, requests;
    ff_code code;
    const char *message;
    bool put;
} answer_case;

static const answer_case ANSWERS[] = {
    {{{.reply = HTTP("404 Not Found", "Content-Type: application/xml\r\n", 89,
                     "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist."
                     "</Message></Error>")}},
     1,
     4,
     1,
     FF_NOT_FOUND,
     "S3 said NoSuchKey (404) to GET d/k.npy: The specified key does not exist.",
     false},
    {{{.reply = HTTP("404 Not Found", "", 40, "<Error><Code>NoSuchBucket</Code></Error>")}},
     1,
     4,
     1,
     FF_NOT_FOUND,
     "NoSuchBucket",
     true},
    {{{.reply = HTTP("403 Forbidden", "", 40, "<Error><Code>AccessDenied</Code></Error>")}},
     1,
     4,
     1,
     FF_DENIED,
     "the key is absent: without s3:ListBucket",
     false},
    {{{.reply =
           HTTP("403 Forbidden", "", 49, "<Error><Code>SignatureDoesNotMatch</Code></Error>")}},
     1,
     4,
     1,
     FF_DENIED,
     "SignatureDoesNotMatch",
     true},
    {{{.reply = HTTP("301 Moved", "x-amz-bucket-region: us-east-2\r\n", 0, "")}},
     1,
     4,
     1,
     FF_USAGE,
     "region is us-east-2",
     true},
    {{{.reply = HTTP("412 Precondition Failed", "", 0, "")}}, 1, 4, 1, FF_CONFLICT, "412", true},
    {{{.reply = HTTP("503 Slow Down", "", 36, "<Error><Code>SlowDown</Code></Error>")},
      {.reply = HTTP("500 Oops", "", 41, "<Error><Code>InternalError</Code></Error>")},
      {.reply = OK0}},
     3,
     4,
     3,
     FF_OK,
     NULL,
     true},
    {{{.reply =
           HTTP("409 Conflict", "", 54, "<Error><Code>ConditionalRequestConflict</Code></Error>")},
      {.reply = OK0}},
     2,
     4,
     2,
     FF_OK,
     NULL,
     true},
    {{{.reset = true}, {.reply = HTTP("412 Precondition Failed", "", 0, "")}},
     2,
     4,
     2,
     FF_CONFLICT,
     "perhaps written by an attempt before",
     true},
    {{{.reply = HTTP("503 Slow Down", "", 36, "<Error><Code>SlowDown</Code></Error>")}},
     1,
     2,
     2,
     FF_UNAVAILABLE,
     "after 2 attempts: S3 said SlowDown (503)",
     false},
    {{{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .close = true},
      {.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", .reset = true},
      {.reply = HTTP("200 OK", "", 5, "whole")}},
     3,
     4,
     3,
     FF_OK,
     NULL,
     false},
    {{{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .close = true}},
     1,
     1,
     1,
     FF_UNAVAILABLE,
     "closed after 3 bytes",
     false},
    {{{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"}},
     1,
     4,
     1,
     FF_LIMIT,
     "at most 1000 bytes, found 1001",
     false},
    {{{.reply = HTTP("206 Partial Content", "", 4, "part")}},
     1,
     4,
     1,
     FF_FORMAT,
     "found 206",
     false},
    {{{.reply = HTTP("507 Full", "", 0, "")}}, 1, 1, 1, FF_NO_SPACE, "507", true},
    {{{.reply = HTTP("400 Bad", "", 37, "<Error><Code>BadDigest</Code></Error>")}, {.reply = OK0}},
     2,
     4,
     2,
     FF_OK,
     NULL,
     true},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ANSWERS / sizeof ANSWERS[0]; i++) {
        const answer_case *row = &ANSWERS[i];
        raw_server *server = raw_server_start(row->steps, row->count);
        ff_store *store = store_at(server, row->attempts);
        ff_store_put p = {.key = "d/k.npy",
                          .body = {1, {{(const uint8_t *)"x", 1}}},
                          .if_absent = true,
                          .deadline_ns = ff_clock_deadline_ms(20000)};
        ff_buf body = {.len = 77};
        ff_err err = {0};
        ff_code code = row->put ? ff_store_put_wait(store, &p, &err)
                                : ff_store_get_wait(store, p.key, 1000, p.deadline_ns, &body, &err);
        if (code != row->code || (row->message && !strstr(err.message, row->message)))
            fail_msg("row %zu: wanted %s '%s', found %s '%s'", i, ff_code_name(row->code),
                     row->message ? row->message : "", ff_code_name(code), err.message);
        assert_int_equal(raw_server_requests(server), row->requests);
        if (!row->put && !code) {
            assert_int_equal(body.len, 5);
            assert_memory_equal(body.data, "whole", 5);
            ff_buf_clean(&body);
        } else {
            assert_int_equal(body.len, 77);
        }
        ff_store_free(store);
        raw_server_stop(server);
    }
}

/* A store that is down, and one that accepts and never speaks. */
static void test_down(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.hang = true}};
    raw_server *server = raw_server_start(steps, 1);
    ff_store *store = store_at(server, 2);
    ff_buf body = {0};
    ff_err err = {0};
    assert_int_equal(ff_store_get_wait(store, "k", 10, ff_clock_deadline_ms(150), &body, &err),
                     FF_TIMEOUT);
    raw_server_stop(server);
    assert_int_equal(ff_store_get_wait(store, "k", 10, ff_clock_deadline_ms(20000), &body, &err),
                     FF_UNAVAILABLE);
    assert_non_null(strstr(err.message, "after 2 attempts"));
    assert_non_null(strstr(err.file, "/buck-et/k"));
    ff_store_free(store);
}

static void count_done(void *user, ff_code code, const ff_err *err, ff_store_result *result)
{
    (void)err;
    (void)result;
    ((int *)user)[code == FF_CANCELLED]++;
}

static void test_cancelled_with_the_client(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.hang = true}};
    raw_server *server = raw_server_start(steps, 1);
    ff_store *store = store_at(server, 2);
    int calls[2] = {0};
    static const char *const keys[] = {"k"};
    assert_int_equal(ff_store_get_start(store, "k", 10, FF_NEVER, count_done, calls, NULL), FF_OK);
    assert_int_equal(ff_store_remove_start(store, keys, 1, FF_NEVER, count_done, calls, NULL),
                     FF_OK);
    assert_int_equal(ff_store_remove_start(store, keys, 0, FF_NEVER, count_done, calls, NULL),
                     FF_OK);
    ff_http_free(http);
    assert_int_equal(calls[1], 3);
    assert_int_equal(calls[0], 0);
    ff_store_free(store);
    raw_server_stop(server);
    assert_int_equal(ff_http_new(NULL, &http, NULL), FF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_down),
        cmocka_unit_test(test_cancelled_with_the_client),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
