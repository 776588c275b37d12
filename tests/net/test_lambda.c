/* Invoking over Lambda's API: what is sent, what each answer means, and what is tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "net/aws_call.h"
#include "net/invoke.h"
#include "support/raw_request.h"
#include "support/raw_server.h"

#define HTTP(status, extra, body_len, body)                                                        \
    "HTTP/1.1 " status "\r\n" extra "Content-Length: " #body_len "\r\n\r\n" body
#define OK7 HTTP("200 OK", "X-Amz-Executed-Version: $LATEST\r\n", 7, "{\"b\":2}")

static const ff_credentials CREDENTIALS = {.access_key = "AKIDEXAMPLE",
                                           .secret_key = "secret/with+signs",
                                           .session_token = "token/with+odd=chars=="};

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

static ff_invoker *invoker_at(raw_server *server, int max_attempts)
{
    ff_invoker *invoker = NULL;
    ff_lambda_options options = {.endpoint = raw_server_url(server, "/"),
                                 .region = "eu-west-1",
                                 .credentials = CREDENTIALS,
                                 .max_attempts = max_attempts};
    assert_int_equal(ff_lambda_new(http, &options, &invoker, NULL), FF_OK);
    return invoker;
}

/* What arrived carries a signature that our verifier accepts. */
static void must_verify(raw_server *server, int n, const char *path, const char *body)
{
    size_t len = 0;
    const char *got = raw_server_request(server, n, &len);
    assert_non_null(got);
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, got, len + 1);
    raw_request r = raw_request_parse(copy, len);
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.path, path);
    assert_int_equal(r.body_len, strlen(body));
    assert_memory_equal(r.body, body, r.body_len);
    assert_string_equal(raw_request_header(&r, "X-Amz-Invocation-Type"), "RequestResponse");
    ff_http_header headers[64];
    for (int i = 0; i < r.header_count; i++)
        headers[i] = (ff_http_header){r.headers[i].name, r.headers[i].value};
    char hash[65];
    ff_hash_sha256_hex(ff_bytes_of(r.body, r.body_len), hash);
    ff_sigv4_claim claim;
    ff_err err = {0};
    if (ff_sigv4_verify(r.method, r.path, r.query, headers, r.header_count, hash, &CREDENTIALS,
                        ff_clock_wall_ms(), &claim, &err))
        fail_msg("%s", err.message);
    assert_string_equal(claim.service, "lambda");
    assert_string_equal(claim.region, "eu-west-1");
    free(copy);
}

static void test_request(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.reply = OK7}};
    static const struct {
        const char *function, *path;
    } rows[] = {
        {"fsi-w0", "/2015-03-31/functions/fsi-w0/invocations"},
        {"fsi-w0:live", "/2015-03-31/functions/fsi-w0%3Alive/invocations"},
        {"arn:aws:lambda:eu-west-1:123456789012:function:fsi-w0",
         "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Afsi-w0/"
         "invocations"},
    };
    raw_server *server = raw_server_start(steps, 1);
    ff_invoker *invoker = invoker_at(server, 1);
    for (int i = 0; i < 3; i++) {
        ff_invoke_result result;
        ff_err err = {0};
        assert_int_equal(ff_invoke(invoker, rows[i].function, ff_bytes_of("{\"a\":1}", 7),
                                   ff_clock_deadline_ms(20000), &result, &err),
                         FF_OK);
        assert_int_equal(result.body.len, 7);
        assert_memory_equal(result.body.data, "{\"b\":2}", 7);
        assert_int_equal(result.attempts, 1);
        assert_int_equal(result.request_bytes, 7);
        assert_int_equal(result.response_bytes, 7);
        assert_true(result.started_ns <= result.sent_ns);
        assert_true(result.sent_ns <= result.first_byte_ns);
        assert_true(result.first_byte_ns <= result.done_ns);
        ff_buf_clean(&result.body);
        must_verify(server, i, rows[i].path, "{\"a\":1}");
    }
    ff_invoker_free(invoker);
    raw_server_stop(server);
}

typedef struct answer_case {
    raw_step steps[3];
    int count, attempts, requests;
    ff_code code;
    const char *message;
} answer_case;

static const answer_case ANSWERS[] = {
    {{{.reply = HTTP("200 OK", "X-Amz-Function-Error: Unhandled\r\n", 59,
                     "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"it broke\"}")}},
     1,
     4,
     1,
     FF_REMOTE,
     "function 'w0' failed: Runtime.ExitError: it broke"},
    {{{.reply = HTTP("200 OK", "X-Amz-Function-Error: Handled\r\n", 45,
                     "{\"errorMessage\":\"Task timed out after 1.00s\"}")}},
     1,
     4,
     1,
     FF_REMOTE,
     "Task timed out after 1.00s"},
    {{{.reply = HTTP("200 OK", "X-Amz-Function-Error: \r\n", 9, "no\r\njson\t")}},
     1,
     4,
     1,
     FF_REMOTE,
     "failed: no  json"},
    {{{.reply = HTTP("200 OK", "X-Amz-Function-Error: x\r\n", 0, "")}},
     1,
     4,
     1,
     FF_REMOTE,
     "without a word"},
    {{{.reply = HTTP("404 Not Found", "x-amzn-ErrorType: ResourceNotFoundException:http://x/\r\n",
                     46, "{\"Type\":\"User\",\"Message\":\"Function not found\"}")}},
     1,
     4,
     1,
     FF_NOT_FOUND,
     "Lambda said 404 to invoking 'w0': ResourceNotFoundException: Function not found"},
    {{{.reply = HTTP("413 Payload Too Large", "", 23, "{\"message\":\"too large\"}")}},
     1,
     4,
     1,
     FF_LIMIT,
     "too large"},
    {{{.reply = HTTP("403 Forbidden", "", 37, "{\"__type\":\"AccessDeniedException#x\"} ")}},
     1,
     4,
     1,
     FF_DENIED,
     "AccessDeniedException"},
    {{{.reply = HTTP("400 Bad Request", "", 0, "")}}, 1, 4, 1, FF_FORMAT, "said 400"},
    {{{.reply = HTTP("302 Found", "Location: /\r\n", 0, "")}}, 1, 4, 1, FF_FORMAT, "said 302"},
    {{{.reply = HTTP("429 Too Many", "Retry-After: 0\r\n", 0, "")}, {.reply = OK7}},
     2,
     4,
     2,
     FF_OK,
     NULL},
    {{{.reply = HTTP("500 Oops", "", 0, "")},
      {.reply = HTTP("503 Unavailable", "", 0, "")},
      {.reply = OK7}},
     3,
     4,
     3,
     FF_OK,
     NULL},
    {{{.close = true}, {.reset = true}, {.reply = OK7}}, 3, 4, 3, FF_OK, NULL},
    {{{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .close = true}, {.reply = OK7}},
     2,
     4,
     2,
     FF_OK,
     NULL},
    {{{.reply = HTTP("429 Too Many", "", 0, "")}},
     1,
     3,
     3,
     FF_BUSY,
     "after 3 attempts: Lambda said 429"},
    {{{.reply = HTTP("504 Late", "", 0, "")}}, 1, 2, 2, FF_UNAVAILABLE, "after 2 attempts"},
    {{{.reply = "garbage\r\n\r\n", .close = true}}, 1, 4, 1, FF_FORMAT, NULL},
    {{{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 6291557\r\n\r\n"}},
     1,
     4,
     1,
     FF_LIMIT,
     "at most 6291556 bytes"},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ANSWERS / sizeof ANSWERS[0]; i++) {
        const answer_case *row = &ANSWERS[i];
        raw_server *server = raw_server_start(row->steps, row->count);
        ff_invoker *invoker = invoker_at(server, row->attempts);
        ff_invoke_result result = {.attempts = -1};
        ff_err err = {0};
        ff_code code = ff_invoke(invoker, "w0", ff_bytes_of("{}", 2), ff_clock_deadline_ms(20000),
                                 &result, &err);
        if (code != row->code || (row->message && !strstr(err.message, row->message)))
            fail_msg("row %zu: wanted %s '%s', found %s '%s'", i, ff_code_name(row->code),
                     row->message ? row->message : "", ff_code_name(code), err.message);
        assert_int_equal(raw_server_requests(server), row->requests);
        assert_int_equal(result.attempts, code ? -1 : row->requests);
        if (!code)
            ff_buf_clean(&result.body);
        ff_invoker_free(invoker);
        raw_server_stop(server);
    }
}

/* Retries end where the deadline would pass, and say why they were needed; a silent function is
 * late. */
static void test_deadline(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.reply = HTTP("503 No", "Retry-After: 9\r\n", 0, "")},
                                     {.hang = true}};
    raw_server *server = raw_server_start(steps, 2);
    ff_invoker *invoker = invoker_at(server, 8);
    ff_invoke_result result;
    ff_err err = {0};
    int64_t start = ff_clock_now_ns();
    assert_int_equal(
        ff_invoke(invoker, "w0", ff_bytes_of("{}", 2), ff_clock_deadline_ms(5000), &result, &err),
        FF_UNAVAILABLE);
    assert_non_null(strstr(err.message, "said 503"));
    assert_int_equal(
        ff_invoke(invoker, "w0", ff_bytes_of("{}", 2), ff_clock_deadline_ms(100), &result, &err),
        FF_TIMEOUT);
    assert_int_equal(raw_server_requests(server), 2);
    assert_true(ff_clock_now_ns() - start < 4500000000);
    ff_invoker_free(invoker);
    raw_server_stop(server);
}

static void test_refused_before_start(void **state)
{
    (void)state;
    static const raw_step steps[] = {{.reply = OK7}};
    raw_server *server = raw_server_start(steps, 1);
    ff_invoker *invoker = invoker_at(server, 1);
    char *big = calloc(1, FF_LAMBDA_REQUEST_BYTES + 1);
    assert_non_null(big);
    char name[180];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    static const size_t lens[] = {FF_LAMBDA_REQUEST_BYTES + 1, 1, 1, FF_LAMBDA_REQUEST_BYTES};
    const char *const names[] = {"w0", "", name, "w0"};
    static const ff_code codes[] = {FF_LIMIT, FF_USAGE, FF_USAGE, FF_OK};
    for (int i = 0; i < 4; i++) {
        ff_invoke_result result = {0};
        ff_err err = {0};
        assert_int_equal(ff_invoke(invoker, names[i], ff_bytes_of(big, lens[i]),
                                   ff_clock_deadline_ms(20000), &result, &err),
                         codes[i]);
        assert_int_equal(ff_http_in_flight(http), 0);
        ff_buf_clean(&result.body);
    }
    assert_int_equal(raw_server_requests(server), 1);
    ff_invoker_free(invoker);
    raw_server_stop(server);
    free(big);
}

typedef struct tally {
    int calls, ok, cancelled;
} tally;

static void count_done(void *user, ff_code code, const ff_err *err, ff_invoke_result *result)
{
    tally *t = user;
    (void)err;
    t->calls++;
    t->ok += code == FF_OK && result->body.len == 7;
    t->cancelled += code == FF_CANCELLED;
}

/* A fan-out: all at once on one thread; those that wait to be tried again end with the client. */
static void test_fan_out(void **state)
{
    (void)state;
    static const raw_step slow[] = {{.reply = OK7, .delay_ms = 400}};
    static const raw_step busy[] = {{.reply = HTTP("429 Busy", "Retry-After: 9\r\n", 0, "")}};
    raw_server *server = raw_server_start(slow, 1);
    ff_invoker *invoker = invoker_at(server, 1);
    tally t = {0};
    ff_http_body body = {2, {{(const uint8_t *)"{", 1}, {(const uint8_t *)"}", 1}}};
    int64_t start = ff_clock_now_ns();
    for (int i = 0; i < 16; i++)
        assert_int_equal(ff_invoke_start(invoker, "w0", &body, ff_clock_deadline_ms(20000),
                                         count_done, &t, NULL),
                         FF_OK);
    assert_int_equal(ff_http_drain(http, NULL), FF_OK);
    assert_int_equal(t.ok, 16);
    assert_true(ff_clock_now_ns() - start < 4000000000); /* 6.4 s in turn */
    must_verify(server, 7, "/2015-03-31/functions/w0/invocations", "{}");
    ff_invoker_free(invoker);
    raw_server_stop(server);

    server = raw_server_start(busy, 1);
    invoker = invoker_at(server, 8);
    t = (tally){0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(ff_invoke_start(invoker, "w0", &body, FF_NEVER, count_done, &t, NULL),
                         FF_OK);
    while (raw_server_requests(server) < 3)
        ff_http_poll(http, ff_clock_deadline_ms(5), NULL);
    ff_http_poll(http, ff_clock_deadline_ms(20), NULL);
    ff_http_free(http);
    assert_int_equal(t.cancelled, 3);
    assert_int_equal(t.calls, 3);
    ff_invoker_free(invoker);
    raw_server_stop(server);
    assert_int_equal(ff_http_new(NULL, &http, NULL), FF_OK);
}

static void test_options(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "127.0.0.1:9000", "ftp://x",
                                      "http://",    "http:///",       "http://h/path",
                                      "http://u@h", "http://h?x",     "http://a b"};
    ff_invoker *invoker = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ff_lambda_options options = {
            .endpoint = bad[i], .region = "eu-west-1", .credentials = CREDENTIALS};
        assert_int_equal(ff_lambda_new(http, &options, &invoker, NULL), FF_USAGE);
        assert_null(invoker);
    }
    ff_lambda_options options = {.region = "eu/west", .credentials = CREDENTIALS};
    assert_int_equal(ff_lambda_new(http, &options, &invoker, NULL), FF_USAGE);
    static const char *const variables[] = {
        "AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL",  "AWS_REGION",
        "AWS_DEFAULT_REGION",      "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"};
    for (size_t i = 0; i < 6; i++)
        unsetenv(variables[i]);
    ff_err err = {0};
    assert_int_equal(ff_lambda_options_from_env(&options, &err), FF_USAGE);
    assert_non_null(strstr(err.message, "AWS_REGION"));
    setenv("AWS_DEFAULT_REGION", "us-west-2", 1);
    assert_int_equal(ff_lambda_options_from_env(&options, &err), FF_DENIED);
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    assert_int_equal(ff_lambda_options_from_env(&options, &err), FF_OK);
    assert_string_equal(options.region, "us-west-2");
    assert_null(options.endpoint);
    setenv("AWS_REGION", "eu-west-1", 1);
    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1);
    assert_int_equal(ff_lambda_options_from_env(&options, &err), FF_OK);
    assert_string_equal(options.region, "eu-west-1");
    assert_string_equal(options.endpoint, "http://127.0.0.1:1");
    setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:2", 1);
    assert_int_equal(ff_lambda_options_from_env(&options, &err), FF_OK);
    assert_string_equal(options.endpoint, "http://127.0.0.1:2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),  cmocka_unit_test(test_answers),
        cmocka_unit_test(test_deadline), cmocka_unit_test(test_refused_before_start),
        cmocka_unit_test(test_fan_out),  cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
