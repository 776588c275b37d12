/* The loop over the Runtime API, against a server that plays it and ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "function/lambda_loop.h"
#include "support/raw_server.h"
#include "support/tiny_bundle.h"

#define NEXT(id, headers, length, body)                                                            \
    "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: " id "\r\n" headers                         \
    "Content-Length: " length "\r\n\r\n" body
#define STATUS(text) "HTTP/1.1 " text "\r\nContent-Length: 0\r\n\r\n"
#define ACCEPTED     STATUS("202 Accepted")
#define CONTAINER    STATUS("500 Internal Server Error") /* on next: the end */
#define DESCRIBE     "{\"fanfold\":\"describe\"}"

static char dir[] = "/tmp/ff-loop-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    tiny_bundle bundle = {.height = 8, .width = 8, .deployment = "tiny"};
    ff_log_init("test", (ff_log_level)(FF_LOG_ERROR + 1), false);
    assert_non_null(mkdtemp(dir));
    tiny_bundle_write(dir, &bundle);
    setenv("AWS_REGION", "us-east-1", 1);
    setenv("AWS_ACCESS_KEY_ID", "a", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "b", 1);
    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ff_dir_remove(dir, NULL);
    return 0;
}

/* Serves these steps to a function of that name; the server stays for questions. */
static raw_server *run(const raw_step *steps, int count, const char *function, const char *bundle)
{
    raw_server *server = raw_server_start(steps, count);
    char host[40];
    snprintf(host, sizeof host, "127.0.0.1:%d", raw_server_port(server));
    setenv("AWS_LAMBDA_RUNTIME_API", host, 1);
    setenv("FANFOLD_BUNDLE", bundle, 1);
    setenv("FANFOLD_FUNCTION", function, 1);
    assert_true(ff_lambda_loop_wanted());
    assert_int_equal(ff_lambda_loop(), 1);
    return server;
}

static bool request_is(raw_server *server, int n, const char *start, const char *part)
{
    size_t len = 0;
    const char *text = raw_server_request(server, n, &len);
    if (text && !strncmp(text, start, strlen(start)) && strstr(text, part))
        return true;
    print_error("request %d: wanted '%s' with '%s', found: %.600s\n", n, start, part,
                text ? text : "none");
    return false;
}

#define INVOCATION "/2018-06-01/runtime/invocation/"

static void test_answers(void **state)
{
    (void)state;
    static const raw_step steps[] = {
        {.reply = NEXT("id-1", "Lambda-Runtime-Trace-Id: Root=1-2;Sampled=0\r\n", "22", DESCRIBE)},
        {.reply = ACCEPTED},
        {.reply = NEXT("id-2", "Lambda-Runtime-Deadline-Ms: 5000\r\n", "2", "{}")},
        {.reply = ACCEPTED},
        {.reply = NEXT("id-3", "", "0", "")},
        {.reply = ACCEPTED},
        {.reply = CONTAINER},
    };
    raw_server *server = run(steps, 7, "master", dir);
    assert_int_equal(raw_server_requests(server), 7);
    assert_true(request_is(server, 0, "GET " INVOCATION "next HTTP/1.1\r\n", ""));
    assert_true(
        request_is(server, 1, "POST " INVOCATION "id-1/response ", "\"deployment\":\"tiny\""));
    assert_true(request_is(server, 2, "GET " INVOCATION "next ", ""));
    assert_true(request_is(server, 3, "POST " INVOCATION "id-2/error ",
                           "\"errorType\":\"Function.Format\""));
    assert_true(request_is(server, 3, "POST ", "member \\\"tensors\\\": wanted an array"));
    assert_true(request_is(server, 5, "POST " INVOCATION "id-3/error ", "no bytes at all"));
    assert_null(getenv("_X_AMZN_TRACE_ID")); /* id-3 had none */
    raw_server_stop(server);
    static const raw_step traced[] = {
        {.reply = NEXT("id-1", "Lambda-Runtime-Trace-Id: Root=1-2;Sampled=0\r\n", "22", DESCRIBE)},
        {.reply = ACCEPTED},
        {.reply = CONTAINER},
    };
    raw_server_stop(run(traced, 3, "master", dir));
    assert_string_equal(getenv("_X_AMZN_TRACE_ID"), "Root=1-2;Sampled=0");
}

/* What the platform says to an answer: told already, or the end; never asked again in a loop. */
static void test_answer_refused(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        int requests;
    } rows[] = {
        {STATUS("413 Payload Too Large"), 4}, /* next, response, next, response (400) */
        {STATUS("400 Bad Request"), 2},
        {STATUS("403 Forbidden"), 2},
        {STATUS("500 Internal Server Error"), 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        raw_step steps[] = {
            {.reply = NEXT("id-1", "", "22", DESCRIBE)},
            {.reply = rows[i].reply},
            {.reply = NEXT("id-2", "", "22", DESCRIBE)},
            {.reply = STATUS("400 Bad Request")},
        };
        raw_server *server = run(steps, 4, "master", dir);
        assert_int_equal(raw_server_requests(server), rows[i].requests);
        raw_server_stop(server);
    }
}

static void test_next_fails(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        int requests;
    } rows[] = {
        {CONTAINER, 1},
        {STATUS("404 Not Found"), 3},                                       /* bounded */
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 1},              /* no id */
        {NEXT("../up", "", "2", "{}"), 1},                                  /* a bad one */
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nshort", 3}, /* over any limit */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        raw_step step = {.reply = rows[i].reply};
        raw_server *server = run(&step, 1, "w0", dir);
        if (raw_server_requests(server) != rows[i].requests)
            fail_msg("row %zu: %d requests", i, raw_server_requests(server));
        raw_server_stop(server);
    }
}

static void test_init_fails(void **state)
{
    (void)state;
    static const struct {
        const char *function, *bundle, *store, *type;
    } rows[] = {
        {"w0", "/nowhere", NULL, "\"errorType\":\"Function.NotFound\""},
        {"w7", NULL, NULL, "\"errorType\":\"Function.NotFound\""},
        {"w0", NULL, "ftp://x", "\"errorType\":\"Function.Usage\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        raw_step step = {.reply = ACCEPTED};
        if (rows[i].store)
            setenv("FANFOLD_STORE", rows[i].store, 1);
        raw_server *server = run(&step, 1, rows[i].function, rows[i].bundle ? rows[i].bundle : dir);
        unsetenv("FANFOLD_STORE");
        assert_int_equal(raw_server_requests(server), 1);
        assert_true(request_is(server, 0, "POST /2018-06-01/runtime/init/error ", rows[i].type));
        raw_server_stop(server);
    }
    unsetenv("AWS_LAMBDA_RUNTIME_API");
    assert_false(ff_lambda_loop_wanted());
    assert_int_equal(ff_lambda_loop(), 1);
}

static void test_threads(void **state)
{
    (void)state;
    static const struct {
        int64_t memory_mb;
        int cpus, threads;
    } rows[] = {{128, 4, 1},  {1769, 4, 1}, {1770, 4, 2},  {3008, 2, 2},
                {3538, 8, 2}, {3539, 8, 3}, {10240, 8, 6}, {10240, 2, 2},
                {0, 3, 3},    {-5, 2, 2},   {512, 0, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ff_lambda_threads(rows[i].memory_mb, rows[i].cpus), rows[i].threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),    cmocka_unit_test(test_answer_refused),
        cmocka_unit_test(test_next_fails), cmocka_unit_test(test_init_fails),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
