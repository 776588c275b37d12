#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "net/aws_call.h"
#include "net/invoke.h"

/* AWS Lambda's Invoke API, synchronous: a function's failure arrives as HTTP 200 with a header. */

#define MAX_FUNCTION_NAME 170 /* an ARN with its qualifier; Lambda's own bound */

typedef struct lambda {
    ff_invoker invoker; /* first */
    ff_aws_service service;
} lambda;

typedef struct invocation {
    char function[MAX_FUNCTION_NAME + 1];
    ff_invoke_done done;
    void *user;
    int64_t started_ns;
    uint64_t request_bytes;
} invocation;

/* A string member of a JSON object, under any of its names, as text for a message; "" without. */
static const char *member(yyjson_val *root, const char *const names[], char *out, size_t size)
{
    out[0] = '\0';
    for (int i = 0; names[i] && !out[0]; i++) {
        yyjson_val *value = yyjson_obj_get(root, names[i]);
        if (yyjson_is_str(value))
            ff_aws_text(yyjson_get_str(value), yyjson_get_len(value), out, size);
    }
    return out;
}

/* "errorType: errorMessage" of a JSON body; the body's beginning where it is something else. */
static const char *error_text(const ff_http_response *response, const char *type, char *out,
                              size_t size)
{
    static const char *const TYPES[] = {"errorType", "__type", NULL};
    static const char *const MESSAGES[] = {"errorMessage", "Message", "message", NULL};
    char kind[128], message[640];
    yyjson_doc *doc = NULL;
    ff_bytes body = ff_buf_view(&response->body);
    if (ff_json_parse(body, &doc, NULL)) {
        ff_aws_text(body.data, body.len < 300 ? body.len : 300, message, sizeof message);
        kind[0] = '\0';
    } else {
        member(yyjson_doc_get_root(doc), TYPES, kind, sizeof kind);
        member(yyjson_doc_get_root(doc), MESSAGES, message, sizeof message);
        yyjson_doc_free(doc);
    }
    if (type) /* "Code:uri" */
        ff_aws_text(type, strcspn(type, ":"), kind, sizeof kind);
    snprintf(out, size, "%s%s%s", kind, *kind && *message ? ": " : "", message);
    if (!*out)
        snprintf(out, size, "without a word");
    return out;
}

static ff_code judge(void *user, const ff_http_response *response, ff_err *err)
{
    const invocation *inv = user;
    char text[800];
    if (response->status >= 300) {
        error_text(response, ff_http_response_header(response, "x-amzn-errortype"), text,
                   sizeof text);
        return ff_err_set(
            err, response->status == 413 ? FF_LIMIT : ff_aws_status_code(response->status),
            "Lambda said %d to invoking '%s': %s", response->status, inv->function, text);
    }
    /* its value says Handled or Unhandled, differently over the years: presence counts */
    if (ff_http_response_header(response, "x-amz-function-error"))
        return ff_err_set(err, FF_REMOTE, "function '%s' failed: %s", inv->function,
                          error_text(response, NULL, text, sizeof text));
    return FF_OK;
}

static void answered(void *user, ff_code code, const ff_err *err, ff_http_response *response,
                     int attempts)
{
    invocation *inv = user;
    ff_invoke_result result = {
        .body = response->body,
        .started_ns = inv->started_ns,
        .sent_ns = response->sent_ns,
        .first_byte_ns = response->first_byte_ns,
        .done_ns = ff_clock_now_ns(),
        .request_bytes = inv->request_bytes,
        .response_bytes = response->received_bytes,
        .attempts = attempts,
    };
    response->body = (ff_buf){0};
    inv->done(inv->user, code, err, &result);
    ff_buf_clean(&result.body);
    ff_mem_free(inv);
}

static ff_code make_path(const char *function, ff_buf *path, ff_err *err)
{
    size_t len = strlen(function);
    if (!len || len > MAX_FUNCTION_NAME)
        return ff_err_set(err, FF_USAGE,
                          "wanted a function's name of 1 to %d characters, found %zu",
                          MAX_FUNCTION_NAME, len);
    ff_code code = ff_buf_text(path, "/2015-03-31/functions/", err);
    if (!code)
        code = ff_http_encode(function, len, false, path, err);
    if (!code)
        code = ff_buf_append(path, "/invocations", sizeof "/invocations", err); /* with its NUL */
    return code;
}

static ff_code start(ff_invoker *invoker, const char *function, const ff_http_body *payload,
                     int64_t deadline_ns, ff_invoke_done done, void *user, ff_err *err)
{
    static const ff_http_header HEADERS[] = {{"X-Amz-Invocation-Type", "RequestResponse"}};
    lambda *l = (lambda *)invoker;
    ff_buf path;
    ff_buf_init(&path, 0);
    invocation *inv = NULL;
    ff_code code = make_path(function, &path, err);
    if (code)
        goto fail;
    inv = ff_mem_must(sizeof *inv);
    *inv = (invocation){.done = done,
                        .user = user,
                        .started_ns = ff_clock_now_ns(),
                        .request_bytes = ff_aws_body_bytes(payload)};
    snprintf(inv->function, sizeof inv->function, "%s", function);
    char hash[65];
    ff_aws_hash_body(payload, hash);
    ff_aws_call call = {
        .method = "POST",
        .path = (const char *)path.data,
        .query = "",
        .headers = HEADERS,
        .header_count = 1,
        .body = *payload,
        .payload_hash = hash,
        .max_response = FF_LAMBDA_RESPONSE_BYTES,
        .deadline_ns = deadline_ns,
        .judge = judge,
        .done = answered,
        .user = inv,
    };
    code = ff_aws_call_start(invoker->http, &l->service, &call, err);
fail:
    if (code)
        ff_mem_free(inv);
    ff_buf_clean(&path);
    return code;
}

static void free_lambda(ff_invoker *invoker)
{
    lambda *l = (lambda *)invoker;
    ff_aws_service_clean(&l->service);
    ff_mem_free(l);
}

static const ff_invoker_ops OPS = {
    .name = "lambda",
    .max_request = FF_LAMBDA_REQUEST_BYTES,
    .max_response = FF_LAMBDA_RESPONSE_BYTES,
    .json_only = true,
    .start = start,
    .free = free_lambda,
};

ff_code ff_lambda_options_from_env(ff_lambda_options *out, ff_err *err)
{
    ff_lambda_options found = {.endpoint = ff_aws_endpoint_from_env("AWS_ENDPOINT_URL_LAMBDA")};
    ff_code code = ff_aws_region_from_env(&found.region, err);
    if (!code)
        code = ff_credentials_from_env(&found.credentials, err);
    if (!code)
        *out = found;
    return code;
}

ff_code ff_lambda_new(ff_http *http, const ff_lambda_options *options, ff_invoker **out,
                      ff_err *err)
{
    char base[200];
    bool china = !strncmp(options->region, "cn-", 3);
    snprintf(base, sizeof base, "https://lambda.%.80s.amazonaws.com%s", options->region,
             china ? ".cn" : "");
    lambda *l = ff_mem_must(sizeof *l);
    l->invoker = (ff_invoker){&OPS, http};
    ff_code code =
        ff_aws_service_init(&l->service, "lambda", options->endpoint ? options->endpoint : base,
                            options->region, &options->credentials, options->max_attempts, err);
    if (code) {
        ff_mem_free(l);
        return code;
    }
    *out = &l->invoker;
    return FF_OK;
}
