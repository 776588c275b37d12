/* The platform from outside: invoking, limits, crashes, cold starts, and that nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "local/local.h"
#include "support/signed.h"
#include "support/wire.h"

#define RUNTIME FF_BINARY_DIR "/prog_runtime"

static const char *const COMMAND[] = {RUNTIME, NULL};
static char log_text[65536];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_log(void *user, const char *function, const char *line)
{
    (void)user;
    pthread_mutex_lock(&log_lock);
    size_t len = strlen(log_text);
    if (len + 200 < sizeof log_text)
        snprintf(log_text + len, sizeof log_text - len, "%s|%.150s\n", function, line);
    pthread_mutex_unlock(&log_lock);
}

static bool logged(const char *text)
{
    pthread_mutex_lock(&log_lock);
    bool found = strstr(log_text, text) != NULL;
    pthread_mutex_unlock(&log_lock);
    return found;
}

typedef struct world {
    ff_local *local;
    signed_client client;
} world;

/* One function "f" unless options hold some. */
static void open_world(world *w, const ff_local_options *with, const ff_local_function *function)
{
    ff_local_function one = function ? *function : (ff_local_function){0};
    ff_local_options options = with ? *with : (ff_local_options){0};
    ff_err err = {0};
    one.name = "f";
    one.command = COMMAND;
    one.dir = "/tmp";
    if (!options.functions) {
        options.functions = &one;
        options.function_count = 1;
    }
    options.log = keep_log;
    log_text[0] = '\0';
    if (ff_local_start(&options, &w->local, &err))
        fail_msg("%s", err.message);
    signed_open(&w->client, ff_local_port(w->local), ff_local_credentials(w->local));
}

static void close_world(world *w)
{
    signed_close(&w->client);
    ff_local_stop(w->local);
}

static void invoke(world *w, const char *payload, ff_http_response *response)
{
    signed_ask(&w->client,
               &(signed_request){.method = "POST",
                                 .service = "lambda",
                                 .path = "/2015-03-31/functions/f/invocations",
                                 .body = payload,
                                 .len = strlen(payload)},
               response);
}

/* The process that answers. The body ends without a NUL. */
static pid_t ask_pid(world *w)
{
    char text[24];
    ff_http_response response = {0};
    invoke(w, "{\"do\":\"pid\"}", &response);
    snprintf(text, sizeof text, "%.*s", (int)response.body.len, (const char *)response.body.data);
    ff_http_response_clean(&response);
    pid_t pid = atoi(text);
    assert_true(pid > 1);
    return pid;
}

/* {status, function error?, a word of the body} of one invocation. */
static void expect(world *w, const char *payload, int status, bool failed, const char *word)
{
    ff_http_response response = {0};
    invoke(w, payload, &response);
    bool error = ff_http_response_header(&response, "x-amz-function-error") != NULL;
    bool found = memmem(response.body.data, response.body.len, word, strlen(word)) != NULL;
    if (response.status != status || error != failed || (!found && *word))
        fail_msg("%s: wanted %d %d '%s', found %d %d '%.*s'", payload, status, failed, word,
                 response.status, error, (int)response.body.len, (const char *)response.body.data);
    ff_http_response_clean(&response);
}

static int64_t state(world *w, const char *name)
{
    ff_buf json = {0};
    yyjson_doc *doc = NULL;
    assert_int_equal(ff_local_state(w->local, &json, NULL), FF_OK);
    assert_int_equal(ff_json_parse(ff_buf_view(&json), &doc, NULL), FF_OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *value = yyjson_obj_get(root, name);
    if (!value)
        value = yyjson_obj_get(yyjson_arr_get_first(yyjson_obj_get(root, "functions")), name);
    int64_t number = yyjson_get_sint(value);
    yyjson_doc_free(doc);
    ff_buf_clean(&json);
    return number;
}

static void wait_for(world *w, const char *name, int64_t wanted)
{
    for (int i = 0; i < 500 && state(w, name) != wanted; i++)
        usleep(10000);
    assert_int_equal(state(w, name), wanted);
}

static void test_verbs(void **unused)
{
    (void)unused;
    static const struct {
        const char *payload;
        int status;
        bool failed;
        const char *word;
    } rows[] = {
        {"{\"a\":1}", 200, false, "{\"a\":1}"},
        {"", 200, false, "{}"},
        {"{\"do\":\"error\"}", 200, true,
         "{\"errorMessage\":\"as told\",\"errorType\":\"Function.Told\"}"},
        {"{\"do\":\"plain-error\"}", 200, true,
         "{\"errorType\":\"Function.Unknown\",\"errorMessage\":\"no json\"}"},
        {"{\"do\":\"exit\"}", 200, true, "Error: Runtime exited with error: exit status 9"},
        {"{\"do\":\"exit0\"}", 200, true, "Error: Runtime exited without providing a reason"},
        {"{\"do\":\"crash\"}", 200, true, "Error: Runtime exited with error: signal: killed"},
        {"{\"do\":\"hang\"}", 200, true, "Task timed out after 3.00 seconds"},
        {"{\"do\":\"large\"}", 200, false, "xxxx"},
        {"{\"do\":\"too-large\"}", 200, true,
         "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 "
         "bytes)."},
        {"{\"do\":\"misbehave\"}", 200, false,
         "{\"wrong\":400,\"init\":403,\"same\":1,\"mode\":400}"},
        {"{\"do\":\"last\"}", 200, false, "last"},
        {"{\"a\":2}", 200, false, "{\"a\":2}"},
        {"{\"do\":\"slow\"}", 200, false, "slow"},
        {"not json", 400, false, "Could not parse request body into json"},
        {"{\"a\":\"\xff\"}", 400, false, "Could not parse request body into json"},
    };
    world w;
    open_world(&w, NULL, &(ff_local_function){.timeout_ms = 3000});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(&w, rows[i].payload, rows[i].status, rows[i].failed, rows[i].word);
    assert_true(logged("f|second answer: 403"));
    assert_true(logged("f|large: 413"));
    assert_int_equal(state(&w, "timeouts"), 1);
    assert_int_equal(state(&w, "busy"), 0);
    close_world(&w);
}

static void test_environment(void **unused)
{
    (void)unused;
    static const char *const wanted[] = {
        "AWS_LAMBDA_FUNCTION_NAME=f\n",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512\n",
        "AWS_LAMBDA_FUNCTION_VERSION=$LATEST\n",
        "LAMBDA_TASK_ROOT=/tmp\n",
        "_HANDLER=f\n",
        "AWS_REGION=us-east-1\n",
        "AWS_DEFAULT_REGION=us-east-1\n",
        "AWS_ACCESS_KEY_ID=ASIA",
        "AWS_SESSION_TOKEN=",
        "AWS_ENDPOINT_URL=http://127.0.0.1:",
        "TZ=:UTC\n",
        "OWN=yes\n",
        "PATH=/own\n",
        "FANFOLD_STORE=s3://fanfold\n",
        "FANFOLD_PREFIX=",
        "FANFOLD_PROBE=1\n",
        "AWS_LAMBDA_RUNTIME_API=127.0.0.1:",
    };
    static const char *const own[] = {"OWN=yes", "PATH=/own", NULL};
    world w;
    ff_http_response response = {0};
    setenv("FF_TEST_LEAK", "1", 1);
    open_world(&w, NULL, &(ff_local_function){.memory_mb = 512, .env = own});
    invoke(&w, "{\"do\":\"env\"}", &response);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!memmem(response.body.data, response.body.len, wanted[i], strlen(wanted[i])))
            fail_msg("no %s", wanted[i]);
    assert_null(memmem(response.body.data, response.body.len, "FF_TEST_LEAK", 12));
    ff_http_response_clean(&response);
    expect(&w, "{\"do\":\"head\"}", 200, false, "Lambda-Runtime-Deadline-Ms: ");
    expect(&w, "{\"do\":\"head\"}", 200, false,
           "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f");
    expect(&w, "{\"do\":\"head\"}", 200, false, "Lambda-Runtime-Trace-Id: Root=1-");
    close_world(&w);
}

static void test_request_checks(void **unused)
{
    (void)unused;
    static const char *const event[] = {"X-Amz-Invocation-Type: Event", NULL};
    static const char *const dry[] = {"X-Amz-Invocation-Type: DryRun", NULL};
    static const char *const odd[] = {"X-Amz-Invocation-Type: Odd", NULL};
    static const struct {
        const char *method, *path;
        const char *const *headers;
        size_t len;
        int status;
        const char *type;
    } rows[] = {
        {"POST", "/2015-03-31/functions/f/invocations", dry, 2, 204, NULL},
        {"POST", "/2015-03-31/functions/f/invocations", odd, 2, 400,
         "InvalidParameterValueException"},
        {"POST", "/2015-03-31/functions/g/invocations", NULL, 2, 404, "ResourceNotFoundException"},
        {"POST", "/2015-03-31/functions/f%3Alive/invocations", NULL, 2, 200, NULL},
        {"POST",
         "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Afunction%3Af/invocations",
         NULL, 2, 200, NULL},
        {"GET", "/2015-03-31/functions/f/invocations", NULL, 0, 405, "MethodNotAllowedException"},
        {"POST", "/2015-03-31/functions/f", NULL, 2, 404, "UnknownOperationException"},
        {"POST", "/2015-03-31/functions/a%2Fb/invocations", NULL, 2, 400,
         "InvalidParameterValueException"},
        {"POST", "/2015-03-31/functions/f/invocations", NULL, FF_LAMBDA_REQUEST_BYTES, 200, NULL},
        {"POST", "/2015-03-31/functions/f/invocations", NULL, FF_LAMBDA_REQUEST_BYTES + 1, 413,
         "RequestEntityTooLargeException"},
        {"POST", "/2015-03-31/functions/f/invocations", event, 1048577, 413,
         "RequestEntityTooLargeException"},
    };
    world w;
    open_world(&w, NULL, NULL);
    char *body = malloc(FF_LAMBDA_REQUEST_BYTES + 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_http_response response = {0};
        memset(body, 'a', rows[i].len);
        if (rows[i].len)
            body[0] = body[rows[i].len - 1] = '"';
        signed_ask(&w.client,
                   &(signed_request){.method = rows[i].method,
                                     .service = "lambda",
                                     .path = rows[i].path,
                                     .headers = rows[i].headers,
                                     .body = body,
                                     .len = rows[i].len},
                   &response);
        const char *type = ff_http_response_header(&response, "x-amzn-errortype");
        if (response.status != rows[i].status || (type != NULL) != (rows[i].type != NULL) ||
            (type && strcmp(type, rows[i].type) != 0))
            fail_msg("row %zu: wanted %d %s, found %d %s", i, rows[i].status,
                     rows[i].type ? rows[i].type : "-", response.status, type ? type : "-");
        ff_http_response_clean(&response);
    }
    free(body);
    close_world(&w);
}

static void test_signatures(void **unused)
{
    (void)unused;
    world w;
    wire_answer answer = {0};
    open_world(&w, NULL, NULL);
    int port = ff_local_port(w.local);
    wire_ask(port,
             "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: h\r\n"
             "Content-Length: 2\r\n\r\n{}",
             &answer);
    assert_int_equal(answer.status, 403);
    assert_string_equal(wire_header(&answer, "x-amzn-ErrorType"), "AccessDeniedException");
    wire_ask(port, "GET /fanfold/key HTTP/1.1\r\nHost: h\r\n\r\n", &answer);
    assert_int_equal(answer.status, 403);
    assert_non_null(memmem(answer.body.data, answer.body.len, "<Code>AccessDenied</Code>", 25));
    /* who is not known gets no memory for a body either */
    wire_ask(port, "PUT /fanfold/key HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000000\r\n\r\n",
             &answer);
    assert_int_equal(answer.status, 403);
    w.client.credentials.secret_key[0] ^= 1;
    expect(&w, "{}", 403, false, "SignatureDoesNotMatch");
    w.client.credentials.access_key[5] ^= 1;
    expect(&w, "{}", 403, false, "InvalidAccessKeyId");
    w.client.credentials = *ff_local_credentials(w.local);
    assert_int_equal(signed_status(&w.client, &(signed_request){.method = "POST",
                                                                .service = "s3",
                                                                .path = "/2015-03-31/functions/f/"
                                                                        "invocations"}),
                     403);
    assert_int_equal(
        signed_status(&w.client, &(signed_request){.service = "lambda", .path = "/fanfold"}), 400);
    wire_ask(port, "GET /_fanfold/state HTTP/1.1\r\nHost: h\r\n\r\n", &answer);
    assert_int_equal(answer.status, 200);
    wire_clean(&answer);
    close_world(&w);
}

static void test_initialisation(void **unused)
{
    (void)unused;
    static const struct {
        const char *init;
        int limit_ms;
        bool failed;
        const char *word;
    } rows[] = {
        {"RUNTIME_INIT=error", 0, true, "{\"errorMessage\":\"no model\""},
        {"RUNTIME_INIT=exit", 0, true, "Runtime exited with error: exit status 7"},
        {"RUNTIME_INIT=slow", 0, false, "{\"a\":1}"},
        /* too long for Lambda's initialisation, not for the function's time-out: tried again */
        {"RUNTIME_INIT=slow", 200, false, "{\"a\":1}"},
        {"RUNTIME_INIT=hang", 200, true, "Task timed out after 3.00 seconds"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world w;
        const char *const env[] = {rows[i].init, NULL};
        open_world(&w, &(ff_local_options){.init_limit_ms = rows[i].limit_ms},
                   &(ff_local_function){.env = env, .timeout_ms = 3000});
        expect(&w, "{\"a\":1}", 200, rows[i].failed, rows[i].word);
        close_world(&w);
    }
}

static void test_memory_limit(void **unused)
{
    (void)unused;
    world w;
    open_world(&w, NULL, &(ff_local_function){.memory_mb = 200});
    expect(&w, "{\"do\":\"hog\"}", 200, true, "memory limit of 200 MB exceeded");
    expect(&w, "{\"a\":1}", 200, false, "{\"a\":1}");
    assert_int_equal(state(&w, "cold_starts"), 2);
    close_world(&w);
}

typedef struct caller {
    pthread_t thread;
    int port;
    ff_credentials credentials;
    const char *payload;
    int status;
} caller;

static void *call(void *arg)
{
    caller *c = arg;
    world w = {0};
    ff_http_response response = {0};
    signed_open(&w.client, c->port, &c->credentials);
    invoke(&w, c->payload, &response);
    c->status = response.status;
    ff_http_response_clean(&response);
    signed_close(&w.client);
    return NULL;
}

static void start_calls(world *w, caller *callers, int count, const char *payload)
{
    for (int i = 0; i < count; i++) {
        callers[i] = (caller){.port = ff_local_port(w->local),
                              .credentials = *ff_local_credentials(w->local),
                              .payload = payload};
        pthread_create(&callers[i].thread, NULL, call, &callers[i]);
    }
}

static int join_calls(caller *callers, int count, int status)
{
    int matching = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(callers[i].thread, NULL);
        matching += callers[i].status == status;
    }
    return matching;
}

/* One request an instance: six at once need six; a bound of three lets three through. */
static void test_concurrency(void **unused)
{
    (void)unused;
    caller callers[6];
    world w;
    open_world(&w, NULL, NULL);
    start_calls(&w, callers, 6, "{\"do\":\"slow\"}");
    assert_int_equal(join_calls(callers, 6, 200), 6);
    assert_int_equal(state(&w, "instances"), 6);
    for (int i = 0; i < 10; i++)
        expect(&w, "{}", 200, false, "{}");
    assert_int_equal(state(&w, "cold_starts"), 6);
    close_world(&w);
    open_world(&w, &(ff_local_options){.max_instances = 3}, NULL);
    start_calls(&w, callers, 6, "{\"do\":\"slow\"}");
    int good = join_calls(callers, 6, 200), busy = 0;
    for (int i = 0; i < 6; i++)
        busy += callers[i].status == 429;
    assert_true(good >= 3);
    assert_int_equal(good + busy, 6);
    assert_int_equal(state(&w, "throttles"), busy);
    assert_true(state(&w, "instances") <= 3);
    close_world(&w);
}

static void test_events(void **unused)
{
    (void)unused;
    static const char *const event[] = {"X-Amz-Invocation-Type: Event", NULL};
    const signed_request request = {.method = "POST",
                                    .service = "lambda",
                                    .headers = event,
                                    .path = "/2015-03-31/functions/f/invocations",
                                    .body = "{\"do\":\"print\"}",
                                    .len = 14};
    world w;
    open_world(&w, &(ff_local_options){.max_instances = 1}, NULL);
    for (int i = 0; i < 5; i++)
        assert_int_equal(signed_status(&w.client, &request), 202);
    wait_for(&w, "queued", 0);
    wait_for(&w, "busy", 0);
    assert_int_equal(state(&w, "invocations"), 5);
    assert_int_equal(state(&w, "instances"), 1);
    assert_true(logged("f|a line on stdout"));
    close_world(&w);
    static const char *const hang[] = {"RUNTIME_INIT=hang", NULL};
    open_world(&w, &(ff_local_options){.max_instances = 1, .max_queued_events = 2},
               &(ff_local_function){.env = hang});
    assert_int_equal(signed_status(&w.client, &request), 202);
    assert_int_equal(signed_status(&w.client, &request), 202);
    assert_int_equal(signed_status(&w.client, &request), 429);
    close_world(&w);
}

/* A function killed from outside in mid-request: its caller learns of it, the next one is served.
 */
static void test_killed_outside(void **unused)
{
    (void)unused;
    caller callers[1];
    world w;
    open_world(&w, NULL, NULL);
    pid_t pid = ask_pid(&w);
    start_calls(&w, callers, 1, "{\"do\":\"hang\"}");
    wait_for(&w, "busy", 1);
    kill(pid, SIGKILL);
    assert_int_equal(join_calls(callers, 1, 200), 1);
    assert_int_equal(state(&w, "errors"), 1);
    expect(&w, "{\"a\":1}", 200, false, "{\"a\":1}");
    assert_int_equal(state(&w, "cold_starts"), 2);
    close_world(&w);
}

/* A caller that leaves: the function runs on, its answer is dropped, the instance is used again. */
static void test_caller_leaves(void **unused)
{
    (void)unused;
    world w;
    ff_arena *arena = ff_arena_new();
    open_world(&w, NULL, NULL);
    expect(&w, "{}", 200, false, "");
    const char *host = ff_arena_printf(arena, "127.0.0.1:%d", ff_local_port(w.local));
    const ff_sigv4_request sign = {.method = "POST",
                                   .host = host,
                                   .query = "",
                                   .path = "/2015-03-31/functions/f/invocations",
                                   .payload_hash = FF_SIGV4_UNSIGNED,
                                   .region = "us-east-1",
                                   .service = "lambda",
                                   .epoch_ms = ff_clock_wall_ms(),
                                   .headers =
                                       &(ff_http_header){"x-amz-content-sha256", FF_SIGV4_UNSIGNED},
                                   .header_count = 1};
    ff_http_header added[4];
    int count = ff_sigv4_sign(&sign, ff_local_credentials(w.local), arena, added);
    int fd = wire_connect(ff_local_port(w.local));
    wire_send(fd, ff_arena_printf(arena,
                                  "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 13\r\n"
                                  "x-amz-content-sha256: " FF_SIGV4_UNSIGNED "\r\n",
                                  sign.path, host));
    for (int i = 0; i < count; i++)
        wire_send(fd, ff_arena_printf(arena, "%s: %s\r\n", added[i].name, added[i].value));
    wire_send(fd, "\r\n{\"do\":\"slow\"}");
    wait_for(&w, "busy", 1);
    close(fd);
    wait_for(&w, "busy", 0);
    expect(&w, "{\"a\":1}", 200, false, "{\"a\":1}");
    assert_int_equal(state(&w, "cold_starts"), 1);
    assert_int_equal(state(&w, "errors"), 0);
    ff_arena_free(arena);
    close_world(&w);
}

static void test_idle_end(void **unused)
{
    (void)unused;
    world w;
    open_world(&w, &(ff_local_options){.idle_ms = 300}, NULL);
    pid_t pid = ask_pid(&w);
    wait_for(&w, "instances", 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    expect(&w, "{\"a\":1}", 200, false, "{\"a\":1}");
    close_world(&w);
}

/* Stopping in mid-request: 503 for who waits, and no process left, not even a stubborn one. */
static void test_stop(void **unused)
{
    (void)unused;
    static const char *const stubborn[] = {"RUNTIME_INIT=stubborn", NULL};
    caller callers[2];
    world w;
    open_world(&w, NULL, &(ff_local_function){.env = stubborn});
    pid_t pid = ask_pid(&w);
    start_calls(&w, callers, 2, "{\"do\":\"hang\"}");
    wait_for(&w, "busy", 2);
    int64_t start = ff_clock_now_ns();
    close_world(&w);
    assert_true(ff_clock_now_ns() - start < (int64_t)6 * 1000000000);
    assert_int_equal(join_calls(callers, 2, 503), 2);
    assert_int_equal(kill(pid, 0), -1);
}

static void test_start_failures(void **unused)
{
    (void)unused;
    static const char *const absent[] = {"/nowhere/program", NULL};
    const ff_local_function good = {.name = "f", .command = COMMAND, .dir = "/tmp"};
    ff_local_function bad[2] = {good, good};
    ff_local_options options = {.functions = bad, .function_count = 1};
    ff_local *local = NULL;
    ff_err err = {0};
    bad[0].command = absent;
    assert_int_equal(ff_local_start(&options, &local, &err), FF_NOT_FOUND);
    bad[0] = good;
    bad[0].dir = "/nowhere";
    assert_int_equal(ff_local_start(&options, &local, &err), FF_NOT_FOUND);
    bad[0] = good;
    bad[0].name = "a b";
    assert_int_equal(ff_local_start(&options, &local, &err), FF_FORMAT);
    bad[0] = good;
    options.function_count = 2;
    assert_int_equal(ff_local_start(&options, &local, &err), FF_CONFLICT);
    options = (ff_local_options){.data_dir = "/proc/nowhere"};
    assert_int_not_equal(ff_local_start(&options, &local, &err), FF_OK);
    options = (ff_local_options){0};
    assert_int_equal(ff_local_start(&options, &local, &err), FF_OK);
    ff_local *second = NULL;
    options.port = ff_local_port(local);
    assert_int_equal(ff_local_start(&options, &second, &err), FF_BUSY);
    assert_null(second);
    ff_local_stop(local);
    ff_local_stop(NULL);
}

/* The status of GET host:port/_fanfold/state. */
static int state_status(const char *host, int port)
{
    char url[96];
    ff_err err = {0};
    ff_http *http = NULL;
    ff_http_response response = {0};
    snprintf(url, sizeof url, "http://%s:%d/_fanfold/state", host, port);
    ff_http_request request = {.method = "GET",
                               .url = url,
                               .max_response = 65536,
                               .deadline_ns = ff_clock_deadline_ms(10000)};
    assert_int_equal(ff_http_new(NULL, &http, &err), FF_OK);
    assert_int_equal(ff_http_perform(http, &request, &response, &err), FF_OK);
    int status = response.status;
    ff_http_response_clean(&response);
    ff_http_free(http);
    return status;
}

/* This machine's first address that is not loopback; false: it has none. */
static bool outer_address(char host[64])
{
    struct ifaddrs *list = NULL;
    bool found = false;
    assert_int_equal(getifaddrs(&list), 0);
    for (struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP) ||
            (i->ifa_flags & IFF_LOOPBACK))
            continue;
        const struct sockaddr_in *address = (const struct sockaddr_in *)(void *)i->ifa_addr;
        found = inet_ntop(AF_INET, &address->sin_addr, host, 64) != NULL;
    }
    freeifaddrs(list);
    return found;
}

/* The endpoint, which functions get too, is where it listens; others are not told the state. */
static void test_bind(void **unused)
{
    (void)unused;
    static const struct {
        const char *bind, *host;
    } CASES[] = {{NULL, "127.0.0.1"}, {"127.0.0.2", "127.0.0.2"}, {"0.0.0.0", "127.0.0.1"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char want[64], host[64];
        ff_err err = {0};
        ff_local *local = NULL;
        const ff_local_options options = {.bind = CASES[i].bind};
        assert_int_equal(ff_local_start(&options, &local, &err), FF_OK);
        int port = ff_local_port(local);
        snprintf(want, sizeof want, "http://%s:%d", CASES[i].host, port);
        assert_string_equal(ff_local_endpoint(local), want);
        assert_int_equal(state_status(CASES[i].host, port), 200);
        if (CASES[i].bind && !strcmp(CASES[i].bind, "0.0.0.0") && outer_address(host))
            assert_int_equal(state_status(host, port), 403);
        ff_local_stop(local);
    }
}

static void test_package_limit(void **unused)
{
    (void)unused;
    char dir[] = "/tmp/ff_test_package_XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/sub", dir);
    assert_int_equal(ff_dir_make(path, NULL), FF_OK);
    snprintf(path, sizeof path, "%s/sub/file", dir);
    assert_int_equal(ff_file_write(path, ff_bytes_of("0123456789", 10), NULL), FF_OK);
    const ff_local_function function = {.name = "f", .command = COMMAND, .dir = dir};
    ff_local_options options = {.functions = &function, .function_count = 1, .package_limit = 10};
    ff_local *local = NULL;
    ff_err err = {0};
    assert_int_equal(ff_local_start(&options, &local, &err), FF_OK);
    ff_local_stop(local);
    options.package_limit = 9;
    assert_int_equal(ff_local_start(&options, &local, &err), FF_LIMIT);
    assert_non_null(strstr(err.message, "f has 10 bytes, at most 9"));
    assert_int_equal(ff_dir_remove(dir, NULL), FF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),          cmocka_unit_test(test_environment),
        cmocka_unit_test(test_request_checks), cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_initialisation), cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_concurrency),    cmocka_unit_test(test_events),
        cmocka_unit_test(test_killed_outside), cmocka_unit_test(test_caller_leaves),
        cmocka_unit_test(test_idle_end),       cmocka_unit_test(test_stop),
        cmocka_unit_test(test_start_failures), cmocka_unit_test(test_package_limit),
        cmocka_unit_test(test_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
