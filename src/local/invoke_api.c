/* Lambda's Invoke API. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/skeleton.h"
#include "local/local_int.h"

#define ROOT          "/2015-03-31/functions"
#define EVENT_BYTES   1048576u
#define CONTEXT_BYTES 3583u

bool ff_invoke_is_path(const char *path)
{
    size_t len = strlen(ROOT);
    return strncmp(path, ROOT, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

size_t ff_invoke_admit(ff_local *local, const ff_server_request *head)
{
    (void)local;
    const char *type = ff_server_header(head, "X-Amz-Invocation-Type");
    return type && strcmp(type, "Event") == 0 ? EVENT_BYTES : FF_LAMBDA_REQUEST_BYTES;
}

static void refuse(ff_server_response *response, int status, const char *code, const char *message)
{
    ff_buf body = {0};
    if (!ff_buf_printf(&body, NULL,
                       "{\"Type\":\"%s\",\"message\":", status < 500 ? "User" : "Service") &&
        !ff_json_quote(message, strlen(message), &body, NULL))
        ff_buf_text(&body, "}", NULL);
    response->status = status;
    response->body = body;
    ff_server_add_header(response, "Content-Type", "application/json");
    ff_server_add_header(response, "x-amzn-ErrorType", "%s", code);
}

bool ff_invoke_function_name(const char *text, size_t len, char name[129])
{
    const char *at = text, *end = text + len;
    const char *marker = memmem(text, len, "function:", 9);
    if (marker && (marker == text || marker[-1] == ':'))
        at = marker + 9;
    size_t name_len = (size_t)(end - at);
    const char *colon = memchr(at, ':', name_len); /* a qualifier: there is one version only */
    if (colon)
        name_len = (size_t)(colon - at);
    if (!name_len || name_len > 128 || memchr(at, '/', name_len))
        return false;
    memcpy(name, at, name_len);
    name[name_len] = '\0';
    return true;
}

/* The function that the path names, or NULL with the answer made. */
static ff_function *function_of(ff_local *local, const char *path, ff_server_response *response)
{
    static const char END[] = "/invocations";
    const char *text = path + strlen(ROOT);
    size_t len = strlen(text), end = sizeof END - 1;
    char name[129], message[400];
    if (*text == '/') {
        text++;
        len--;
    }
    if (len <= end || strcmp(text + len - end, END) != 0) {
        refuse(response, 404, "UnknownOperationException",
               "only POST .../functions/NAME/invocations is served here");
        return NULL;
    }
    if (!ff_invoke_function_name(text, len - end, name)) {
        refuse(response, 400, "InvalidParameterValueException",
               "a function's name or ARN is wanted");
        return NULL;
    }
    ff_function *function = ff_pool_find(&local->pool, name, strlen(name));
    if (!function) {
        snprintf(message, sizeof message,
                 "Function not found: arn:aws:lambda:%s:" FF_LOCAL_ACCOUNT ":function:%s",
                 local->region, name);
        refuse(response, 404, "ResourceNotFoundException", message);
    }
    return function;
}

/* S3's names of what is wrong with a signature, and Lambda's. */
static void refuse_signature(ff_server_response *response, const ff_err *err)
{
    static const struct {
        const char *s3, *lambda;
    } NAMES[] = {
        {"SignatureDoesNotMatch", "InvalidSignatureException"},
        {"RequestTimeTooSkewed", "InvalidSignatureException"},
        {"InvalidAccessKeyId", "UnrecognizedClientException"},
        {"InvalidToken", "UnrecognizedClientException"},
        {"AuthorizationHeaderMalformed", "IncompleteSignatureException"},
        {"MissingSecurityHeader", "MissingAuthenticationTokenException"},
    };
    const char *name = "AccessDeniedException";
    size_t len = ff_local_error_code(err->message);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strlen(NAMES[i].s3) == len && memcmp(err->message, NAMES[i].s3, len) == 0)
            name = NAMES[i].lambda;
    refuse(response, 403, name, err->message);
}

/* caller: the instance that signed; FF_SHAPER_NOBODY for a client. */
static bool authorised(ff_local *local, const ff_server_request *request, uint64_t *caller,
                       ff_server_response *response)
{
    char hash[FF_SHA256_HEX];
    ff_sigv4_claim claim;
    ff_credentials credentials;
    *caller = FF_SHAPER_NOBODY;
    ff_err err = {0};
    const char *told = ff_server_header(request, "x-amz-content-sha256");
    const char *used = told;
    if (!told || strcmp(told, FF_SIGV4_UNSIGNED) != 0) {
        /* A body that was not kept cannot be hashed: the answer is its size, not its signature. */
        if (request->refused)
            return true;
        ff_hash_sha256_hex(request->body, hash);
        used = hash;
    }
    if (ff_local_authorise(local, request, "lambda", used, &claim, &credentials, &err)) {
        refuse_signature(response, &err);
        return false;
    }
    *caller = ff_instance_of_key(local->role.access_key, claim.access_key);
    return true;
}

static bool payload_fits(const ff_server_request *request, ff_server_response *response)
{
    char message[400];
    ff_err err = {0};
    if (request->refused == FF_LIMIT) {
        bool event = ff_invoke_admit(NULL, request) == EVENT_BYTES;
        snprintf(message, sizeof message,
                 "Request must be smaller than %u bytes for the InvokeFunction operation",
                 event ? EVENT_BYTES : FF_LAMBDA_REQUEST_BYTES);
        refuse(response, 413, "RequestEntityTooLargeException", message);
        return false;
    }
    if (request->refused) {
        refuse(response, 503, "ServiceException", "no room for the payload now");
        return false;
    }
    if (request->body.len && ff_skeleton_check(request->body, &err)) {
        snprintf(message, sizeof message, "Could not parse request body into json: %.300s",
                 err.message);
        refuse(response, 400, "InvalidRequestContentException", message);
        return false;
    }
    return true;
}

/* X-Amz-Client-Context: base64 of JSON, shown to the function decoded. NULL: none or malformed. */
static const char *client_context(const ff_server_request *request, ff_arena *arena)
{
    const char *text = ff_server_header(request, "X-Amz-Client-Context");
    size_t len = 0;
    if (!text || strlen(text) > CONTEXT_BYTES ||
        ff_base64_decoded_len(text, strlen(text), &len, NULL))
        return NULL;
    char *context = ff_arena_alloc(arena, len + 1);
    if (ff_base64_decode(text, strlen(text), (uint8_t *)context, NULL))
        return NULL;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)context[i] < ' ')
            return NULL; /* it becomes a header's value */
    return context;
}

static ff_job *make_job(const ff_server_request *request, bool event)
{
    static const char NOTHING[] = "{}";
    ff_arena *arena = NULL;
    const char *context = NULL;
    if (ff_server_header(request, "X-Amz-Client-Context")) {
        arena = ff_arena_new();
        context = client_context(request, arena);
    }
    if (!request->body.len)
        ff_buf_text(request->take, NOTHING, NULL);
    ff_job *job = ff_job_new(request->take, arena, event);
    job->client_context = context;
    const char *trace = ff_server_header(request, "X-Amzn-Trace-Id");
    if (trace && strlen(trace) < sizeof job->trace) {
        snprintf(job->trace, sizeof job->trace, "%s", trace);
    } else {
        char uuid[37];
        ff_random_uuid(uuid);
        snprintf(job->trace, sizeof job->trace, "Root=1-%08llx-%.8s%.4s%.12s;Sampled=0",
                 (unsigned long long)ff_clock_wall_ms() / 1000, uuid, uuid + 9, uuid + 24);
    }
    return job;
}

/* The last 4 KB of what the function wrote, and Lambda's report line. */
static void add_log(const ff_local *local, const ff_function *function, const ff_job *job,
                    ff_server_response *response)
{
    char report[256], tail[FF_LOG_TAIL], text[(FF_LOG_TAIL + 2) / 3 * 4 + 1];
    double ms = ff_shape_shrink_ms(local->shape, job->synced.done_ns - job->synced.started_ns);
    int len = snprintf(report, sizeof report,
                       "\nREPORT RequestId: %s\tDuration: %.2f ms\tMemory Size: %d MB\t"
                       "Max Memory Used: %llu MB\n",
                       job->id, ms, function->memory_mb,
                       (unsigned long long)(job->synced.peak_bytes >> 20));
    size_t report_len = len > 0 && len < (int)sizeof report ? (size_t)len : 0;
    size_t keep = job->synced.tail_len;
    if (keep > FF_LOG_TAIL - report_len)
        keep = FF_LOG_TAIL - report_len;
    memcpy(tail, job->synced.tail + job->synced.tail_len - keep, keep);
    memcpy(tail + keep, report, report_len);
    size_t total = keep + report_len;
    ff_base64_encode((const uint8_t *)tail, total, text);
    text[ff_base64_encoded_len(total)] = '\0';
    ff_server_add_header(response, "X-Amz-Log-Result", "%s", text);
}

static void stopping(ff_server_response *response)
{
    refuse(response, 503, "ServiceException", "the platform is stopping");
}

/* An invocation on its way. */
typedef struct invocation {
    ff_local *local;
    ff_function *function;
    uint64_t caller; /* an instance, or FF_SHAPER_NOBODY */
    const ff_server_request *request;
    ff_job *job;
} invocation;

/* How late its instance got the payload, after the emulated network had brought it: the way back is
 * shorter by it. Waiting for an instance to come up is not part of it. */
static int64_t overhead_ns(const ff_job *job)
{
    int64_t handing_ns = atomic_load(&job->handed_ns) - job->synced.started_ns;
    return job->late_ns + (handing_ns > 0 ? handing_ns : 0);
}

/* The answer goes back over the network that is emulated, where there is one. */
static bool send_back(const invocation *i, ff_server_response *response)
{
    const ff_passage back = {FF_SHAPER_RESPONSE, i->caller, i->job->synced.instance,
                             i->job->synced.result.len,
                             i->job->synced.done_ns - overhead_ns(i->job)};
    return ff_shape_send(i->local->shape, &back, i->request, response);
}

static void answer(const invocation *i, ff_server_response *response)
{
    const char *log = ff_server_header(i->request, "X-Amz-Log-Type");
    ff_job *job = i->job;
    if (job->synced.stopped || !send_back(i, response)) {
        stopping(response);
        return;
    }
    response->status = 200;
    response->body = job->synced.result;
    job->synced.result = (ff_buf){0};
    ff_server_add_header(response, "Content-Type", "application/json");
    ff_server_add_header(response, "X-Amz-Executed-Version", "$LATEST");
    if (job->synced.failed)
        ff_server_add_header(response, "X-Amz-Function-Error", "Unhandled");
    if (log && strcasecmp(log, "Tail") == 0)
        add_log(i->local, i->function, job, response);
}

/* The payload comes over the network that is emulated, before anybody is there to take it. */
static bool pass_payload(const invocation *i, int64_t *late_ns)
{
    const ff_passage there = {FF_SHAPER_REQUEST, i->caller,
                              ff_pool_next_instance(&i->local->pool, i->function),
                              i->request->body_bytes, i->request->begun_ns};
    return ff_shape_pass(i->local->shape, &there, i->request, late_ns);
}

static void submit(invocation *i, ff_server_response *response)
{
    ff_pool *pool = &i->local->pool;
    const char *type = ff_server_header(i->request, "X-Amz-Invocation-Type");
    bool event = type && strcmp(type, "Event") == 0;
    ff_err err = {0};
    int64_t late_ns = 0;
    if (!pass_payload(i, &late_ns)) {
        stopping(response);
        return;
    }
    ff_job *job = i->job = make_job(i->request, event);
    job->late_ns = late_ns;
    ff_server_add_header(response, "x-amzn-RequestId", "%s", job->id);
    ff_server_add_header(response, "X-Amzn-Trace-Id", "%s", job->trace);
    ff_code code = ff_pool_submit(pool, i->function, job, &err);
    if (code == FF_BUSY) {
        refuse(response, 429, "TooManyRequestsException", err.message);
        ff_server_add_header(response, "Retry-After", "1");
    } else if (code) {
        refuse(response, 503, "ServiceException", err.message);
    } else if (event) {
        response->status = 202;
    } else if (ff_pool_wait(pool, i->function, job, i->request)) {
        answer(i, response);
    } else {
        response->status = 500; /* nobody is there to read it */
        response->close = true;
    }
    ff_job_unref(job);
}

void ff_invoke_handle(ff_local *local, const ff_server_request *request,
                      ff_server_response *response)
{
    const char *type = ff_server_header(request, "X-Amz-Invocation-Type");
    invocation i = {.local = local, .request = request};
    if (!authorised(local, request, &i.caller, response))
        return;
    i.function = function_of(local, request->path, response);
    if (!i.function)
        return;
    if (strcmp(request->method, "POST") != 0) {
        refuse(response, 405, "MethodNotAllowedException", "POST is wanted");
        return;
    }
    if (type && strcmp(type, "RequestResponse") != 0 && strcmp(type, "Event") != 0 &&
        strcmp(type, "DryRun") != 0) {
        refuse(response, 400, "InvalidParameterValueException",
               "X-Amz-Invocation-Type: RequestResponse, Event or DryRun is wanted");
        return;
    }
    if (!payload_fits(request, response))
        return;
    if (type && strcmp(type, "DryRun") == 0)
        response->status = 204;
    else
        submit(&i, response);
}
