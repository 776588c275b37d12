#include "function/lambda_loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "engine/engine.h"

#define API            "2018-06-01/runtime"
#define MB_PER_CPU     1769 /* AWS Lambda's own figure */
#define POST_MS        60000
#define ERROR_TYPE     "application/vnd.aws.lambda.error+json"
#define NEXT_MAX_BYTES (FF_LAMBDA_REQUEST_BYTES + 65536u)
#define GIVE_UP        3 /* failures of /next in a row */

typedef struct loop {
    ff_http *http;
    char base[160]; /* "http://host:port/2018-06-01/runtime" */
    ff_function *function;
} loop;

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bool ff_lambda_loop_wanted(void)
{
    return env("AWS_LAMBDA_RUNTIME_API") != NULL;
}

int ff_lambda_threads(int64_t memory_mb, int cpus)
{
    int64_t share = memory_mb / MB_PER_CPU + (memory_mb % MB_PER_CPU != 0);
    if (memory_mb <= 0 || share > cpus)
        share = cpus;
    return share < 1 ? 1 : (int)share;
}

/* One POST whose answer should be 202. *status = 0 where none came. */
static ff_code post(loop *l, const char *path, const char *type, ff_bytes body, int *status,
                    ff_err *err)
{
    char url[400];
    ff_http_header header = {"Content-Type", type};
    ff_http_response response = {0};
    snprintf(url, sizeof url, "%s/%s", l->base, path);
    ff_http_request request = {.method = "POST",
                               .url = url,
                               .headers = &header,
                               .header_count = 1,
                               .body = {1, {body}},
                               .max_response = 65536,
                               .deadline_ns = ff_clock_deadline_ms(POST_MS)};
    *status = 0;
    ff_code code = ff_http_perform(l->http, &request, &response, err);
    if (code)
        return code;
    *status = response.status;
    if (response.status != 202)
        code = ff_err_set(err, FF_REMOTE, "the Runtime API said %d to %s: %.*s", response.status,
                          path, response.body.len < 300 ? (int)response.body.len : 300,
                          response.body.data ? (const char *)response.body.data : "");
    ff_http_response_clean(&response);
    return code;
}

static ff_code post_error(loop *l, const char *path, const ff_err *error, ff_err *err)
{
    ff_buf json;
    int status = 0;
    ff_buf_init(&json, 0);
    ff_code code = ff_function_error_json(error, &json, err);
    if (!code)
        code = post(l, path, ERROR_TYPE, ff_buf_view(&json), &status, err);
    ff_buf_clean(&json);
    return code;
}

/* FANFOLD_FUNCTION, or what is behind "<deployment>-" in the platform's name. */
static const char *function_name(void)
{
    const char *given = env("FANFOLD_FUNCTION");
    const char *full = env("AWS_LAMBDA_FUNCTION_NAME");
    if (given || !full)
        return given ? given : "master";
    const char *dash = strrchr(full, '-');
    return dash && dash[1] ? dash + 1 : "master";
}

static int64_t memory_from_env(void)
{
    int64_t memory_mb = 0;
    if (env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
        (void)ff_units_parse_int(env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 1, INT32_MAX, &memory_mb,
                                 NULL);
    return memory_mb;
}

static double dilation_from_env(void)
{
    double k = env("FANFOLD_DILATION") ? strtod(env("FANFOLD_DILATION"), NULL) : 1;
    return k >= 1 && k <= 1e6 ? k : 1;
}

static int threads_from_env(void)
{
    int64_t threads = 0;
    if (env("FANFOLD_THREADS") &&
        !ff_units_parse_int(env("FANFOLD_THREADS"), 1, 1024, &threads, NULL))
        return (int)threads;
    return ff_lambda_threads(memory_from_env(), ff_engine_cpus());
}

static ff_code make_function(loop *l, ff_err *err)
{
    const char *bundle = env("FANFOLD_BUNDLE");
    ff_lambda_options lambda;
    ff_code code = FF_OK;
    if (!bundle)
        bundle = env("LAMBDA_TASK_ROOT") ? env("LAMBDA_TASK_ROOT") : ".";
    ff_function_options o = {.bundle = bundle,
                             .function = function_name(),
                             .threads = threads_from_env(),
                             .probe = env("FANFOLD_PROBE") && !strcmp(env("FANFOLD_PROBE"), "1"),
                             .http = l->http,
                             .store_url = env("FANFOLD_STORE"),
                             .prefix = env("FANFOLD_PREFIX"),
                             .versions = env("FANFOLD_VERSIONS"),
                             .memory_mb = (double)memory_from_env(),
                             .dilation = dilation_from_env(),
                             .max_request = FF_LAMBDA_REQUEST_BYTES,
                             .max_reply = FF_LAMBDA_RESPONSE_BYTES};
    if (o.store_url)
        code = ff_store_open(o.store_url, l->http, &o.store, err);
    if (code)
        return ff_err_wrap(err, "FANFOLD_STORE"), code;
    if (!strcmp(o.function, "master")) {
        code = ff_lambda_options_from_env(&lambda, err);
        if (!code)
            code = ff_lambda_new(l->http, &lambda, &o.invoker, err);
        if (code) {
            ff_store_free(o.store);
            return code;
        }
    }
    return ff_function_new(&o, &l->function, err);
}

/* The deadline is ms since the epoch; some platforms give a constant, which means none. */
static int64_t deadline_of(const ff_http_response *next)
{
    int64_t ms = 0;
    const char *text = ff_http_response_header(next, "lambda-runtime-deadline-ms");
    if (!text || ff_units_parse_int(text, 0, INT64_MAX, &ms, NULL))
        return FF_NEVER;
    return ff_clock_from_epoch_ms(ms);
}

static void export_trace_id(const ff_http_response *next)
{
    const char *trace = ff_http_response_header(next, "lambda-runtime-trace-id");
    if (trace)
        setenv("_X_AMZN_TRACE_ID", trace, 1);
    else
        unsetenv("_X_AMZN_TRACE_ID");
}

/* Answers one request; false where the platform would not take the answer: asking again would get
 * the same request for ever. */
static bool serve(loop *l, ff_http_response *next)
{
    char id[72], path[128];
    ff_err err = {0}, posted = {0};
    ff_buf reply = {0};
    int status = 0;
    const char *given = ff_http_response_header(next, "lambda-runtime-aws-request-id");
    if (!given || ff_key_check_request_id(given, &err)) {
        ff_log(FF_LOG_ERROR, "an invocation without a usable request id: %s",
               given ? err.message : "it has none");
        return false;
    }
    snprintf(id, sizeof id, "%s", given);
    export_trace_id(next);
    ff_call call = {&next->body, id, deadline_of(next)};
    ff_code code = ff_function_call(l->function, &call, &reply, &err);
    if (!code) {
        snprintf(path, sizeof path, "invocation/%s/response", id);
        code = post(l, path, "application/json", ff_buf_view(&reply), &status, &posted);
    } else {
        ff_log_request(id);
        ff_log(FF_LOG_ERROR, "%s: %s", ff_code_name(code), err.message);
        ff_log_request("");
        snprintf(path, sizeof path, "invocation/%s/error", id);
        code = post_error(l, path, &err, &posted);
    }
    ff_buf_clean(&reply);
    if (!code)
        return true;
    ff_log(FF_LOG_ERROR, "%s", posted.message);
    return status == 413; /* too large: the caller has been told already */
}

static int serve_all(loop *l)
{
    char url[200];
    int failures = 0;
    snprintf(url, sizeof url, "%s/invocation/next", l->base);
    for (;;) {
        ff_err err = {0};
        ff_http_response next = {0};
        /* no time-out of any kind: between requests the process may be frozen for hours */
        ff_http_request request = {
            .method = "GET", .url = url, .max_response = NEXT_MAX_BYTES, .deadline_ns = FF_NEVER};
        ff_code code = ff_http_perform(l->http, &request, &next, &err);
        bool going = !code && next.status == 200 ? serve(l, &next) : false;
        if (!code && next.status != 200)
            code = ff_err_set(&err, FF_REMOTE, "the Runtime API said %d to invocation/next",
                              next.status);
        bool fatal = !code || next.status >= 500; /* "a container error, exit" */
        ff_http_response_clean(&next);
        if (going) {
            failures = 0;
            continue;
        }
        if (code)
            ff_log(FF_LOG_ERROR, "%s", err.message);
        if (fatal || ++failures == GIVE_UP)
            return 1;
    }
}

int ff_lambda_loop(void)
{
    loop l = {0};
    ff_err err = {0}, posted = {0};
    const char *host = env("AWS_LAMBDA_RUNTIME_API");
    int result = 1;
    if (!host || strlen(host) > 100) {
        ff_log(FF_LOG_ERROR, "AWS_LAMBDA_RUNTIME_API: wanted host:port, found %s",
               host ? "over 100 characters" : "none");
        return 1;
    }
    snprintf(l.base, sizeof l.base, "http://%s/%s", host, API);
    int64_t begun_ns = ff_clock_now_ns();
    ff_code code = ff_http_new(NULL, &l.http, &err);
    if (!code)
        code = make_function(&l, &err);
    if (code) {
        ff_log(FF_LOG_ERROR, "init: %s: %s", ff_code_name(code), err.message);
        if (l.http && post_error(&l, "init/error", &err, &posted))
            ff_log(FF_LOG_ERROR, "%s", posted.message);
    } else {
        ff_log(FF_LOG_INFO, "ready after %.0f ms, %s", ff_clock_ms(ff_clock_now_ns() - begun_ns),
               ff_engine_cpu());
        result = serve_all(&l);
    }
    ff_http_free(l.http);
    ff_function_free(l.function);
    return result;
}
