/* The HTTP client against a server that misbehaves on purpose: each fault is one clear error, and
 * what is right arrives whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/limits.h"
#include "net/http.h"
#include "support/raw_server.h"

#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

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

typedef struct reply_case {
    const char *name;
    raw_step steps[3];
    int count;
    const char *method;
    size_t max;
    int deadline_ms, idle_ms;
    ff_code code;
    int status;
    const char *body;    /* of the response */
    const char *message; /* a part of the error's */
} reply_case;

static const reply_case REPLIES[] = {
    {.name = "plain", .steps = {{.reply = OK2}}, .status = 200, .body = "ok"},
    {.name = "empty",
     .steps = {{.reply = "HTTP/1.1 204 No Content\r\n\r\n"}},
     .status = 204,
     .body = ""},
    {.name = "exactly at the bound",
     .steps = {{.reply = OK2}},
     .max = 2,
     .status = 200,
     .body = "ok"},
    {.name = "one byte at a time",
     .steps = {{.reply = OK2, .piece = 1, .piece_ms = 1}},
     .status = 200,
     .body = "ok"},
    {.name = "until closed",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\n\r\nto the end", .close = true}},
     .status = 200,
     .body = "to the end"},
    {.name = "chunked, with a trailer",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n"
                         "2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n"}},
     .status = 200,
     .body = "abcde"},
    {.name = "100 Continue first",
     .steps = {{.reply = "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n" OK2}},
     .method = "PUT",
     .status = 200,
     .body = "ok"},
    {.name = "HEAD",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 123456789\r\n\r\n"}},
     .method = "HEAD",
     .status = 200,
     .body = ""},
    {.name = "a redirect is not followed",
     .steps = {{.reply = "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"}},
     .status = 302,
     .body = ""},
    {.name = "an error over a small bound",
     .steps = {{.reply = "HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\n<NoSuchKey/>"}},
     .max = 3,
     .status = 404,
     .body = "<NoSuchKey/>"},
    {.name = "Content-Length over the bound",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1025\r\n\r\n"}},
     .max = 1024,
     .code = FF_LIMIT,
     .message = "at most 1024 bytes, found 1025"},
    {.name = "Content-Length absurd",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n"}},
     .max = 1024,
     .code = FF_LIMIT,
     .message = "at most 1024 bytes"},
    {.name = "chunks over the bound",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
                         "0\r\n\r\n"}},
     .max = 4,
     .code = FF_LIMIT,
     .message = "at most 4 bytes"},
    {.name = "cut short",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .close = true}},
     .code = FF_UNAVAILABLE,
     .message = "closed after 3 bytes"},
    {.name = "reset in the body",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
                .delay_ms = 1,
                .piece = 41,
                .piece_ms = 20,
                .reset = true}},
     .code = FF_UNAVAILABLE},
    {.name = "chunk cut short",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
                .close = true}},
     .code = FF_UNAVAILABLE},
    {.name = "bad chunk length",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"}},
     .code = FF_UNAVAILABLE},
    {.name = "closed before a response",
     .steps = {{.reply = "", .close = true}},
     .code = FF_UNAVAILABLE},
    {.name = "not HTTP",
     .steps = {{.reply = "SSH-2.0-OpenSSH_9.2\r\n\r\n", .close = true}},
     .code = FF_FORMAT},
    {.name = "negative Content-Length",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabcde", .close = true}},
     .code = FF_FORMAT},
    {.name = "silent",
     .steps = {{.hang = true}},
     .deadline_ms = 80,
     .code = FF_TIMEOUT,
     .message = "deadline passed before a response"},
    {.name = "stuck in the body",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}},
     .deadline_ms = 1000,
     .code = FF_TIMEOUT,
     .message = "while the response came"},
    {.name = "idle",
     .steps = {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}},
     .idle_ms = 60,
     .code = FF_TIMEOUT,
     .message = "no byte moved for 60 ms"},
    {.name = "slow, but never idle",
     .steps = {{.reply = OK2, .piece = 4, .piece_ms = 20}},
     .idle_ms = 2000,
     .status = 200,
     .body = "ok"},
};

static void run_case(const reply_case *row)
{
    raw_server *server = raw_server_start(row->steps, row->count ? row->count : 1);
    ff_http_request request = {
        .method = row->method ? row->method : "GET",
        .url = raw_server_url(server, "/a/b?secret=1"),
        .max_response = row->max ? row->max : 1 << 20,
        .deadline_ns = ff_clock_deadline_ms(row->deadline_ms ? row->deadline_ms : 20000),
        .idle_timeout_ms = row->idle_ms};
    ff_http_response response = {.status = -1};
    ff_err err = {0};
    ff_code code = ff_http_perform(http, &request, &response, &err);
    if (code != row->code)
        fail_msg("'%s': wanted %s, found %s: %s", row->name, ff_code_name(row->code),
                 ff_code_name(code), err.message);
    if (code) {
        assert_int_equal(response.status, -1);
        assert_int_equal(err.code, code);
        if (row->message && !strstr(err.message, row->message))
            fail_msg("'%s': wanted '%s', found '%s'", row->name, row->message, err.message);
        assert_non_null(strstr(err.file, "/a/b"));
        assert_null(strstr(err.file, "secret"));
    } else {
        assert_int_equal(response.status, row->status);
        assert_int_equal(response.body.len, strlen(row->body));
        if (response.body.len)
            assert_memory_equal(response.body.data, row->body, response.body.len);
        assert_null(ff_http_response_header(&response, "x-late"));
        assert_null(ff_http_response_header(&response, "x-early"));
        assert_true(response.sent_ns && response.sent_ns <= response.done_ns);
        assert_true(response.first_byte_ns <= response.done_ns);
        ff_http_response_clean(&response);
    }
    assert_int_equal(ff_http_in_flight(http), 0);
    raw_server_stop(server);
}

static void test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REPLIES / sizeof REPLIES[0]; i++)
        run_case(&REPLIES[i]);
}

/* Every allocation for what a peer sends may fail. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    static const raw_step chunked[] = {
        {.reply = "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\n\r\n"}};
    raw_server *server = raw_server_start(chunked, 1);
    int failures = 0;
    for (uint64_t n = 1;; n++) {
        ff_http_request request = {.method = "GET",
                                   .url = raw_server_url(server, "/"),
                                   .max_response = 100,
                                   .deadline_ns = ff_clock_deadline_ms(20000)};
        ff_http_response response;
        ff_err err = {0};
        ff_mem_fail_at(n);
        ff_code code = ff_http_perform(http, &request, &response, &err);
        ff_mem_fail_at(0);
        if (!code) {
            assert_int_equal(response.body.len, 3);
            ff_http_response_clean(&response);
            break;
        }
        assert_int_equal(code, FF_NO_MEMORY);
        failures++;
        assert_true(failures < 50);
    }
    assert_true(failures >= 3); /* head, body, the response's headers */
    raw_server_stop(server);
}

static void test_headers(void **state)
{
    (void)state;
    static const raw_step steps[] = {
        {.reply = "HTTP/1.1 200 OK\r\nETag:  \"x\"  \r\nX-Amz-Function-Error: Unhandled\r\n"
                  "Empty:\r\nContent-Length: 0\r\n\r\n"}};
    static const ff_http_header headers[] = {
        {"X-One", "1"}, {"Empty", ""}, {"x-tab", "a\tb"}, {"Content-Type", "application/json"}};
    raw_server *server = raw_server_start(steps, 1);
    ff_http_request request = {.method = "POST",
                               .url = raw_server_url(server, "/a/../b%2F?x=%20y"),
                               .headers = headers,
                               .header_count = 4,
                               .max_response = 0,
                               .deadline_ns = ff_clock_deadline_ms(20000)};
    ff_http_response response;
    assert_int_equal(ff_http_perform(http, &request, &response, NULL), FF_OK);
    assert_string_equal(ff_http_response_header(&response, "etag"), "\"x\"");
    assert_string_equal(ff_http_response_header(&response, "X-AMZ-Function-Error"), "Unhandled");
    assert_string_equal(ff_http_response_header(&response, "empty"), "");
    assert_null(ff_http_response_header(&response, "absent"));
    ff_http_response_clean(&response);
    const char *sent = raw_server_request(server, 0, NULL);
    assert_true(!strncmp(sent, "POST /a/../b%2F?x=%20y HTTP/1.1\r\n", 33));
    assert_non_null(strstr(sent, "\r\nX-One: 1\r\n"));
    assert_non_null(strstr(sent, "\r\nEmpty:\r\n"));
    assert_non_null(strstr(sent, "\r\nContent-Length: 0\r\n"));
    assert_null(strstr(sent, "Expect:"));
    assert_null(strstr(sent, "Accept:"));
    assert_null(strstr(sent, "chunked"));
    raw_server_stop(server);
}

static void test_header_bounds(void **state)
{
    (void)state;
    ff_buf reply;
    ff_buf_init(&reply, 0);
    ff_buf_text(&reply, "HTTP/1.1 200 OK\r\n", NULL);
    for (unsigned i = 0; i < FF_MAX_HTTP_HEADERS + 10; i++)
        ff_buf_printf(&reply, NULL, "X-%u: v\r\n", i);
    ff_buf_printf(&reply, NULL, "Content-Length: 0\r\n\r\n");
    raw_step steps[2] = {{.reply = (char *)reply.data, .reply_len = reply.len}};
    ff_buf huge;
    ff_buf_init(&huge, 0);
    ff_buf_text(&huge, "HTTP/1.1 200 OK\r\n", NULL);
    for (unsigned i = 0; huge.len <= FF_MAX_HTTP_HEADER_BYTES; i++)
        ff_buf_printf(&huge, NULL, "X: %01000u\r\n", i);
    ff_buf_text(&huge, "\r\n", NULL);
    steps[1] = (raw_step){.reply = (char *)huge.data, .reply_len = huge.len};
    raw_server *server = raw_server_start(steps, 2);
    ff_http_request request = {.method = "GET",
                               .url = raw_server_url(server, "/"),
                               .max_response = 10,
                               .deadline_ns = ff_clock_deadline_ms(20000)};
    ff_http_response response;
    ff_err err = {0};
    assert_int_equal(ff_http_perform(http, &request, &response, &err), FF_OK);
    assert_int_equal(response.header_count, FF_MAX_HTTP_HEADERS);
    ff_http_response_clean(&response);
    assert_int_equal(ff_http_perform(http, &request, &response, &err), FF_LIMIT);
    assert_non_null(strstr(err.message, "65536 bytes of headers"));
    raw_server_stop(server);
    ff_buf_clean(&reply);
    ff_buf_clean(&huge);
}

static void test_refused_before_start(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        ff_http_header header;
    } rows[] = {
        {"", {"a", "b"}},
        {"ftp://127.0.0.1/", {"a", "b"}},
        {"file:///etc/passwd", {"a", "b"}},
        {"127.0.0.1:80/", {"a", "b"}},
        {"http://", {"a", "b"}},
        {"http://127.0.0.1/a b", {"a", "b"}},
        {"http://127.0.0.1/a\r\nHost: x", {"a", "b"}},
        {"http://127.0.0.1:99999/", {"a", "b"}},
        {"http://user:pass@127.0.0.1/", {"a", "b"}},
        {"http://127.0.0.1/", {"a b", "c"}},
        {"http://127.0.0.1/", {"a:", "c"}},
        {"http://127.0.0.1/", {"a", "b\r\nX: y"}},
        {"http://127.0.0.1/", {"a", "b\nX: y"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_http_request request = {
            .method = "GET", .url = rows[i].url, .headers = &rows[i].header, .header_count = 1};
        uint64_t id = 77;
        ff_err err = {0};
        if (ff_http_start(http, &request, &id, &err) != FF_USAGE)
            fail_msg("'%s', '%s: %s'", rows[i].url, rows[i].header.name, rows[i].header.value);
        assert_int_equal(id, 77);
        assert_int_equal(ff_http_in_flight(http), 0);
    }
}

static void test_nobody_listens(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.reply = OK2}};
    raw_server *server = raw_server_start(steps, 1);
    char url[100];
    snprintf(url, sizeof url, "%s", raw_server_url(server, "/"));
    raw_server_stop(server);
    ff_http_request request = {.method = "GET",
                               .url = url,
                               .max_response = 10,
                               .deadline_ns = ff_clock_deadline_ms(20000)};
    ff_http_response response;
    ff_err err = {0};
    assert_int_equal(ff_http_perform(http, &request, &response, &err), FF_UNAVAILABLE);
    assert_string_equal(err.file, url);
    request.deadline_ns = ff_clock_now_ns(); /* already over */
    assert_int_equal(ff_http_perform(http, &request, &response, &err), FF_TIMEOUT);
}

/* A request whose deadline has passed is not sent, not even on a connection that is there. */
static void test_late_is_not_sent(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.reply = OK2}};
    raw_server *server = raw_server_start(steps, 1);
    ff_http_request request = {.method = "PUT",
                               .url = raw_server_url(server, "/"),
                               .max_response = 10,
                               .deadline_ns = ff_clock_deadline_ms(20000)};
    ff_http_response response;
    ff_err err = {0};
    assert_int_equal(ff_http_perform(http, &request, &response, &err), FF_OK);
    ff_http_response_clean(&response);
    request.deadline_ns = ff_clock_now_ns();
    for (int i = 0; i < 20; i++)
        assert_int_equal(ff_http_perform(http, &request, &response, &err), FF_TIMEOUT);
    request.deadline_ns = ff_clock_deadline_ms(20000);
    assert_int_equal(ff_http_perform(http, &request, &response, &err), FF_OK);
    ff_http_response_clean(&response);
    assert_int_equal(raw_server_requests(server), 2);
    raw_server_stop(server);
}

/* Parts go out in order; empty ones too. */
static void test_body_parts(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.reply = OK2}};
    size_t big = 3 << 20;
    uint8_t *bytes = malloc(big);
    assert_non_null(bytes);
    for (size_t i = 0; i < big; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    raw_server *server = raw_server_start(steps, 1);
    static const char *const methods[] = {"PUT", "POST", "DELETE"};
    for (int n = 0; n < 3; n++) {
        ff_http_request request = {
            .method = methods[n],
            .url = raw_server_url(server, "/"),
            .body = {4, {{(const uint8_t *)"<", 1}, {bytes, big}, {NULL, 0}, {bytes, 77}}},
            .max_response = 10,
            .deadline_ns = ff_clock_deadline_ms(20000)};
        ff_http_response response;
        assert_int_equal(ff_http_perform(http, &request, &response, NULL), FF_OK);
        assert_int_equal(response.sent_bytes, big + 78);
        assert_int_equal(response.received_bytes, 2);
        assert_true(response.sent_ns <= response.first_byte_ns);
        ff_http_response_clean(&response);
        size_t len = 0;
        const char *got = raw_server_request(server, n, &len);
        const char *body = strstr(got, "\r\n\r\n") + 4;
        assert_int_equal(len - (size_t)(body - got), big + 78);
        assert_int_equal(*body, '<');
        assert_memory_equal(body + 1, bytes, big);
        assert_memory_equal(body + 1 + big, bytes, 77);
    }
    assert_int_equal(raw_server_connections(server), 1); /* kept */
    raw_server_stop(server);
    free(bytes);
}

/* A kept connection that the server closes or resets: the request goes out again on a fresh one,
 * body and all, once; on a fresh one that dies there is no second try. */
static void test_dead_connection(void **state)
{
    (void)state;
    static const struct {
        raw_step steps[3];
        size_t body;
        ff_code code;
        int requests;
    } rows[] = {
        {{{.reply = OK2}, {.close = true}, {.reply = OK2}}, 0, FF_OK, 3},
        {{{.reply = OK2}, {.close = true}, {.reply = OK2}}, 1 << 20, FF_OK, 3},
        {{{.reply = OK2}, {.reset = true}, {.reply = OK2}}, 1000, FF_OK, 3},
        {{{.reply = OK2}, {.reset = true, .read_at_most = 1000}, {.reply = OK2}},
         8 << 20,
         FF_OK,
         3},
        {{{.reply = OK2}, {.close = true}, {.close = true}}, 1000, FF_UNAVAILABLE, 3},
        {{{.reply = OK2, .close = true}, {.close = true}, {.reply = OK2}}, 10, FF_UNAVAILABLE, 2},
        {{{.reply = OK2}, {.reply = "HTTP/1.1 200 OK\r\n", .close = true}, {.reply = OK2}},
         10,
         FF_UNAVAILABLE,
         2},
    };
    uint8_t *bytes = calloc(1, 8 << 20);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        raw_server *server = raw_server_start(rows[i].steps, 3);
        ff_http_request request = {.method = "PUT",
                                   .url = raw_server_url(server, "/"),
                                   .max_response = 10,
                                   .deadline_ns = ff_clock_deadline_ms(20000)};
        ff_http_response response;
        ff_err err = {0};
        assert_int_equal(ff_http_perform(http, &request, &response, &err), FF_OK);
        ff_http_response_clean(&response);
        request.body = (ff_http_body){1, {{bytes, rows[i].body}}};
        ff_code code = ff_http_perform(http, &request, &response, &err);
        if (code != rows[i].code)
            fail_msg("row %zu: found %s: %s", i, ff_code_name(code), err.message);
        if (!code) {
            assert_int_equal(response.retries, 1);
            assert_int_equal(response.status, 200);
            ff_http_response_clean(&response);
            size_t len = 0;
            raw_server_request(server, 2, &len);
            assert_true(len > rows[i].body);
        }
        assert_int_equal(raw_server_requests(server), rows[i].requests);
        raw_server_stop(server);
    }
    free(bytes);
}

typedef struct tally {
    int calls, codes[FF_CODE_COUNT];
    bool starting;
    uint64_t cancel; /* cancels this one when called */
    uint64_t bytes;
    ff_buf kept;
} tally;

static void count_done(void *user, ff_code code, const ff_err *err, ff_http_response *response)
{
    tally *t = user;
    assert_false(t->starting);
    assert_non_null(err);
    t->calls++;
    t->codes[code]++;
    t->bytes += response->body.len;
    if (!code && !t->kept.data) { /* takes the first body */
        t->kept = response->body;
        response->body = (ff_buf){0};
    }
    if (t->cancel)
        ff_http_cancel(http, t->cancel);
}

static void test_many_at_once(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    size_t len = 4 << 20;
    char *reply = malloc(len + 100);
    uint8_t *body = malloc(len);
    assert_true(reply && body);
    int head = sprintf(reply, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    memset(reply + head, 'r', len);
    memset(body, 'b', len);
    raw_step steps[] = {{.reply = reply, .reply_len = (size_t)head + len}};
    raw_server *server = raw_server_start(steps, 1);
    tally t = {.starting = true};
    ff_http_request request = {.method = "PUT",
                               .url = raw_server_url(server, "/"),
                               .body = {1, {{body, len}}},
                               .max_response = len,
                               .deadline_ns = ff_clock_deadline_ms(60000),
                               .done = count_done,
                               .user = &t};
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(ff_http_start(http, &request, NULL, NULL), FF_OK);
    assert_int_equal(ff_http_in_flight(http), COUNT);
    t.starting = false;
    assert_int_equal(ff_http_poll(http, 0, NULL), FF_OK); /* does not wait */
    assert_int_equal(ff_http_drain(http, NULL), FF_OK);
    assert_int_equal(t.calls, COUNT);
    assert_int_equal(t.codes[FF_OK], COUNT);
    assert_int_equal(t.bytes, (uint64_t)COUNT * len);
    assert_int_equal(t.kept.len, len);
    assert_int_equal(raw_server_connections(server), COUNT); /* all at once, not in turn */
    for (int i = 0; i < COUNT; i++) {
        size_t got = 0;
        raw_server_request(server, i, &got);
        assert_true(got > len);
    }
    ff_buf_clean(&t.kept);
    raw_server_stop(server);
    free(reply);
    free(body);
}

static void test_connections_are_bounded(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.reply = OK2, .delay_ms = 5}};
    raw_server *server = raw_server_start(steps, 1);
    ff_http *two = NULL;
    assert_int_equal(ff_http_new(&(ff_http_options){.max_connections_per_host = 2}, &two, NULL),
                     FF_OK);
    tally t = {0};
    ff_http_request request = {.method = "GET",
                               .url = raw_server_url(server, "/"),
                               .max_response = 10,
                               .deadline_ns = ff_clock_deadline_ms(20000),
                               .done = count_done,
                               .user = &t};
    for (int i = 0; i < 10; i++)
        assert_int_equal(ff_http_start(two, &request, NULL, NULL), FF_OK);
    assert_int_equal(ff_http_drain(two, NULL), FF_OK);
    assert_int_equal(t.codes[FF_OK], 10);
    assert_int_equal(raw_server_connections(server), 2);
    ff_buf_clean(&t.kept);
    ff_http_free(two);
    raw_server_stop(server);
}

static void count_wake(void *user, ff_code code)
{
    tally *t = user;
    t->calls++;
    t->codes[code]++;
}

static void test_wakes(void **state)
{
    (void)state;
    tally early = {0}, late = {0};
    uint64_t id = 0;
    int64_t start = ff_clock_now_ns();
    assert_int_equal(ff_http_after(http, start + 40000000, count_wake, &early, NULL, NULL), FF_OK);
    assert_int_equal(ff_http_after(http, FF_NEVER, count_wake, &late, &id, NULL), FF_OK);
    assert_int_equal(ff_http_in_flight(http), 2);
    assert_int_equal(ff_http_poll(http, start + 10000000, NULL), FF_OK);
    assert_int_equal(early.calls, 0);
    assert_int_equal(ff_http_poll(http, FF_NEVER, NULL), FF_OK);
    assert_true(ff_clock_now_ns() - start >= 40000000);
    assert_int_equal(early.codes[FF_OK], 1);
    ff_http_cancel(http, id);
    assert_int_equal(late.codes[FF_CANCELLED], 1);
    assert_int_equal(ff_http_in_flight(http), 0);
    assert_int_equal(ff_http_poll(http, FF_NEVER, NULL), FF_OK); /* nothing to wait for */
    ff_http_cancel(http, id);
    ff_http_cancel(http, 12345);
    assert_int_equal(late.calls, 1);
}

static void *wake_up(void *user)
{
    struct timespec moment = {0, 20000000};
    nanosleep(&moment, NULL);
    ff_http_wakeup(user);
    return NULL;
}

/* Another thread ends a poll that waits, or the next one; once. */
static void test_wakeup(void **state)
{
    (void)state;
    tally t = {0};
    uint64_t id = 0;
    pthread_t thread;
    assert_int_equal(ff_http_after(http, FF_NEVER, count_wake, &t, &id, NULL), FF_OK);
    assert_int_equal(pthread_create(&thread, NULL, wake_up, http), 0);
    assert_int_equal(ff_http_poll(http, FF_NEVER, NULL), FF_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    ff_http_wakeup(http);
    assert_int_equal(ff_http_poll(http, FF_NEVER, NULL), FF_OK);
    int64_t begun = ff_clock_now_ns();
    assert_int_equal(ff_http_poll(http, begun + 10000000, NULL), FF_OK);
    assert_true(ff_clock_now_ns() >= begun + 10000000);
    assert_int_equal(t.calls, 0);
    ff_http_cancel(http, id);
}

static void test_cancel(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.hang = true}};
    raw_server *server = raw_server_start(steps, 1);
    tally first = {0}, second = {0}, rest = {0};
    ff_http *own = http;
    uint64_t a = 0, b = 0;
    ff_http_request request = {.method = "GET",
                               .url = raw_server_url(server, "/"),
                               .max_response = 10,
                               .deadline_ns = FF_NEVER,
                               .done = count_done,
                               .user = &first};
    assert_int_equal(ff_http_start(own, &request, &a, NULL), FF_OK);
    request.user = &second;
    assert_int_equal(ff_http_start(own, &request, &b, NULL), FF_OK);
    assert_int_equal(ff_http_poll(own, ff_clock_deadline_ms(20), NULL), FF_OK);
    first.cancel = b; /* cancelled from within the other's done */
    ff_http_cancel(own, a);
    assert_int_equal(first.codes[FF_CANCELLED], 1);
    assert_int_equal(second.codes[FF_CANCELLED], 1);
    request.user = &rest;
    assert_int_equal(ff_http_start(own, &request, NULL, NULL), FF_OK);
    assert_int_equal(ff_http_start(own, &request, NULL, NULL), FF_OK);
    assert_int_equal(ff_http_after(own, FF_NEVER, count_wake, &rest, NULL, NULL), FF_OK);
    ff_http_free(own);
    assert_int_equal(rest.codes[FF_CANCELLED], 3);
    assert_int_equal(ff_http_new(NULL, &http, NULL), FF_OK);
    raw_server_stop(server);
    ff_http_free(NULL);
}

static void test_cancel_all(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.hang = true}};
    raw_server *server = raw_server_start(steps, 1);
    tally t = {0};
    ff_http_request request = {.method = "GET",
                               .url = raw_server_url(server, "/"),
                               .max_response = 10,
                               .deadline_ns = FF_NEVER,
                               .done = count_done,
                               .user = &t};
    ff_http_cancel_all(http); /* nothing */
    assert_int_equal(ff_http_start(http, &request, NULL, NULL), FF_OK);
    assert_int_equal(ff_http_after(http, FF_NEVER, count_wake, &t, NULL, NULL), FF_OK);
    assert_int_equal(ff_http_start(http, &request, NULL, NULL), FF_OK);
    assert_int_equal(ff_http_poll(http, ff_clock_deadline_ms(20), NULL), FF_OK);
    ff_http_cancel_all(http);
    assert_int_equal(t.codes[FF_CANCELLED], 3);
    assert_int_equal(ff_http_in_flight(http), 0);
    raw_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_header_bounds),
        cmocka_unit_test(test_refused_before_start),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_late_is_not_sent),
        cmocka_unit_test(test_body_parts),
        cmocka_unit_test(test_dead_connection),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_connections_are_bounded),
        cmocka_unit_test(test_wakes),
        cmocka_unit_test(test_wakeup),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_cancel_all),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
