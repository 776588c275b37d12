/* Lambda's Runtime API, as one instance sees it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "local/pool_int.h"

#define ROOT        "/2018-06-01/"
#define CONNECTIONS 16
#define WRAP_MAX    1024u /* of an error that is no JSON, how much is shown */
#define UPLOAD_MS   300000

void ff_runtime_error_json(const char *type, const char *message, ff_buf *out)
{
    if (!ff_buf_text(out, "{\"errorType\":", NULL) &&
        !ff_json_quote(type, strlen(type), out, NULL) &&
        !ff_buf_text(out, ",\"errorMessage\":", NULL) &&
        !ff_json_quote(message, strlen(message), out, NULL))
        ff_buf_text(out, "}", NULL);
}

/* (Runtime|Function).[A-Z][a-zA-Z]+ */
static bool is_error_type(const char *type)
{
    size_t len = type ? strlen(type) : 0;
    if (len > 100)
        return false;
    const char *at = type;
    if (len > 8 && strncmp(type, "Runtime.", 8) == 0)
        at += 8;
    else if (len > 9 && strncmp(type, "Function.", 9) == 0)
        at += 9;
    else
        return false;
    if (!isupper((unsigned char)at[0]) || !at[1])
        return false;
    while (isalpha((unsigned char)*at))
        at++;
    return *at == '\0';
}

void ff_runtime_error_body(const char *type, bool init, ff_buf *body, ff_buf *out)
{
    yyjson_doc *doc = NULL;
    if (!ff_json_parse(ff_buf_view(body), &doc, NULL)) {
        bool object = yyjson_is_obj(yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
        if (object) {
            *out = *body;
            *body = (ff_buf){0};
            return;
        }
    }
    char message[WRAP_MAX + 64];
    size_t len = body->len < WRAP_MAX ? body->len : WRAP_MAX;
    bool plain = len > 0;
    for (size_t i = 0; i < len; i++)
        plain = plain && body->data[i] >= ' ' && body->data[i] < 127;
    if (plain)
        snprintf(message, sizeof message, "%.*s", (int)len, (const char *)body->data);
    else
        snprintf(message, sizeof message, "an error that is no JSON object (%zu bytes)", body->len);
    if (!is_error_type(type))
        type = init ? "Runtime.Unknown" : "Function.Unknown";
    ff_runtime_error_json(type, message, out);
    ff_buf_clean(body);
}

static void refuse(ff_server_response *response, int status, const char *type, const char *message)
{
    ff_buf json = {0};
    ff_runtime_error_json(type, message, &json);
    response->status = status;
    response->body = json;
    ff_server_add_header(response, "Content-Type", "application/json");
}

static void accept_it(ff_server_response *response)
{
    ff_server_text(response, 202, "application/json", "{\"status\":\"OK\"}\n");
}

static void release_job(void *job)
{
    ff_job_unref(job);
}

static void next(ff_instance *instance, ff_server_response *response)
{
    ff_job *job = NULL;
    if (ff_instance_next(instance, &job)) {
        refuse(response, 500, "Runtime.Shutdown", "the instance is at its end");
        response->close = true;
        return;
    }
    response->status = 200;
    ff_server_add_header(response, "Content-Type", "application/json");
    ff_server_add_header(response, "Lambda-Runtime-Aws-Request-Id", "%s", job->id);
    ff_server_add_header(response, "Lambda-Runtime-Deadline-Ms", "%lld",
                         (long long)ff_clock_to_epoch_ms(job->synced.deadline_ns));
    ff_server_add_header(response, "Lambda-Runtime-Invoked-Function-Arn", "%s",
                         instance->function->arn);
    ff_server_add_header(response, "Lambda-Runtime-Trace-Id", "%s", job->trace);
    if (job->client_context)
        ff_server_add_header(response, "Lambda-Runtime-Client-Context", "%s", job->client_context);
    response->view = ff_buf_view(&job->payload);
    atomic_store(&job->handed_ns, ff_clock_now_ns());
    response->release = release_job;
    response->owner = job;
}

static void answer_code(ff_server_response *response, ff_code code)
{
    if (!code)
        accept_it(response);
    else if (code == FF_CONFLICT)
        refuse(response, 403, "InvalidStateTransition", "State transition is not allowed");
    else
        refuse(response, 400, "InvalidRequestID", "Invalid request ID");
}

/* A response over Lambda's limit becomes the function's error. */
static void too_large(ff_instance *instance, const char *id, const ff_server_request *request,
                      ff_server_response *response)
{
    char text[160];
    ff_buf error = {0};
    snprintf(text, sizeof text,
             "Response payload size (%llu bytes) exceeded maximum allowed payload size (%u bytes).",
             (unsigned long long)request->body_bytes, FF_LAMBDA_RESPONSE_BYTES);
    ff_runtime_error_json("Function.ResponseSizeTooLarge", text, &error);
    ff_code code = ff_instance_answer(instance, id, true, request->begun_ns, &error);
    ff_buf_clean(&error);
    snprintf(text, sizeof text, "Exceeded maximum allowed payload size (%u bytes).",
             FF_LAMBDA_RESPONSE_BYTES);
    if (code)
        answer_code(response, code);
    else
        refuse(response, 413, "RequestEntityTooLarge", text);
}

static void response_of(ff_instance *instance, const char *id, const ff_server_request *request,
                        ff_server_response *response)
{
    const char *mode = ff_server_header(request, "Lambda-Runtime-Function-Response-Mode");
    ff_code code = ff_instance_check_id(instance, id);
    if (code)
        answer_code(response, code);
    else if (mode && strcasecmp(mode, "streaming") != 0)
        refuse(response, 400, "InvalidFunctionResponseMode", "Invalid function response mode");
    else if (request->refused == FF_LIMIT)
        too_large(instance, id, request, response);
    else
        answer_code(response,
                    ff_instance_answer(instance, id, false, request->begun_ns, request->take));
}

static void error_of(ff_instance *instance, const char *id, const ff_server_request *request,
                     ff_server_response *response)
{
    const char *type = ff_server_header(request, "Lambda-Runtime-Function-Error-Type");
    ff_buf error = {0};
    ff_runtime_error_body(type, !id, request->take, &error);
    answer_code(response, id ? ff_instance_answer(instance, id, true, request->begun_ns, &error)
                             : ff_instance_init_error(instance, &error));
    ff_buf_clean(&error);
}

/* "invocation/ID/response" or ".../error": which of both, with the id copied. */
static const char *invocation_verb(const char *path, char id[64])
{
    const char *slash = strchr(path, '/');
    if (!slash || slash - path >= 64)
        return "";
    memcpy(id, path, (size_t)(slash - path));
    id[slash - path] = '\0';
    return slash + 1;
}

static void handle(void *user, const ff_server_request *request, ff_server_response *response)
{
    ff_instance *instance = user;
    bool post = strcmp(request->method, "POST") == 0;
    const char *path = request->path;
    char id[64] = "";
    if (strncmp(path, ROOT, strlen(ROOT)) != 0) {
        refuse(response, 404, "NotFound", "no such path");
        return;
    }
    path += strlen(ROOT);
    if (request->refused && request->refused != FF_LIMIT) {
        refuse(response, 500, "Runtime.NoMemory", "no room for the body");
    } else if (!post && strcmp(path, "ping") == 0) {
        ff_server_text(response, 200, "text/plain", "pong");
    } else if (!post && strcmp(path, "runtime/invocation/next") == 0) {
        next(instance, response);
    } else if (post && strcmp(path, "runtime/init/error") == 0) {
        error_of(instance, NULL, request, response);
    } else if (post && strncmp(path, "runtime/invocation/", 19) == 0) {
        const char *verb = invocation_verb(path + 19, id);
        if (strcmp(verb, "response") == 0)
            response_of(instance, id, request, response);
        else if (strcmp(verb, "error") == 0)
            error_of(instance, id, request, response);
        else
            refuse(response, 404, "NotFound", "no such path");
    } else {
        refuse(response, 404, "NotFound", "no such path");
    }
}

static size_t admit(void *user, const ff_server_request *head)
{
    (void)user;
    (void)head;
    return FF_LAMBDA_RESPONSE_BYTES;
}

ff_code ff_runtime_serve(ff_instance *instance, ff_err *err)
{
    const ff_server_options options = {
        .max_connections = CONNECTIONS,
        .request_timeout_ms = ff_shape_stretch_ms(instance->pool->shape, UPLOAD_MS),
        .idle_timeout_ms =
            ff_shape_stretch_ms(instance->pool->shape, instance->pool->idle_ms + UPLOAD_MS),
        .handle_refused = true,
        .admit = admit,
        .handle = handle,
        .user = instance,
    };
    return ff_server_new(&options, &instance->server, err);
}
