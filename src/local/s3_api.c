/* The S3 API: a request is checked, taken apart and given to its verb. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/random.h"
#include "local/s3_int.h"

const char *ff_s3_param_of(const ff_s3_call *call, const char *name)
{
    for (int i = 0; i < call->param_count; i++)
        if (strcmp(call->params[i].name, name) == 0)
            return call->params[i].value;
    return NULL;
}

const char *ff_s3_header(const ff_s3_call *call, const char *name)
{
    return ff_server_header(call->request, name);
}

void ff_s3_xml(ff_s3_call *call, int status, ff_buf *xml)
{
    call->response->status = status;
    call->response->body = *xml;
    *xml = (ff_buf){0};
    ff_server_add_header(call->response, "Content-Type", "application/xml");
}

void ff_s3_error(ff_s3_call *call, int status, const char *code, const char *fmt, ...)
{
    char message[1200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    ff_buf xml = {0};
    ff_buf_text(&xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>", NULL);
    ff_xml_element(&xml, "Code", code);
    ff_xml_element(&xml, "Message", message);
    ff_xml_element(&xml, "Resource", call->request->path);
    ff_xml_element(&xml, "RequestId", call->request_id);
    ff_buf_text(&xml, "</Error>", NULL);
    ff_s3_xml(call, status, &xml);
}

void ff_s3_fail(ff_s3_call *call, ff_code code, const ff_err *err)
{
    const char *message = err->message;
    if (code == FF_NOT_FOUND && strncmp(message, "there is no bucket", 18) == 0)
        ff_s3_error(call, 404, "NoSuchBucket", "The specified bucket does not exist");
    else if (code == FF_NOT_FOUND && strncmp(message, "there is no upload", 18) == 0)
        ff_s3_error(call, 404, "NoSuchUpload", "%s", message);
    else if (code == FF_NOT_FOUND)
        ff_s3_error(call, 404, "NoSuchKey", "%s", message);
    else if (code == FF_CONFLICT)
        ff_s3_error(call, 412, "PreconditionFailed", "%s", message);
    else if (code == FF_NO_SPACE)
        ff_s3_error(call, 507, "InsufficientStorage", "%s", message);
    else if (code == FF_FORMAT)
        ff_s3_error(call, 400, "InvalidPartOrder", "%s", message);
    else if (code == FF_MISMATCH)
        ff_s3_error(call, 400, "InvalidPart", "%s", message);
    else if (code == FF_LIMIT || code == FF_NO_MEMORY)
        ff_s3_error(call, 503, "SlowDown", "%s", message);
    else
        ff_s3_error(call, 500, "InternalError", "%s", message);
}

bool ff_s3_parse_query(const char *raw_query, ff_arena *arena, ff_s3_param *params, int *count)
{
    *count = 0;
    for (const char *at = raw_query; *at;) {
        size_t len = strcspn(at, "&");
        if (len) {
            char *name = ff_arena_strndup(arena, at, len);
            char *equals = memchr(name, '=', len);
            char *value = equals ? equals + 1 : name + len;
            size_t value_len = (size_t)(name + len - value);
            size_t name_len = equals ? (size_t)(equals - name) : len;
            int64_t n = ff_http_decode(name, name_len), v = ff_http_decode(value, value_len);
            if (*count == FF_S3_MAX_PARAMS || n < 0 || v < 0 || memchr(name, 0, (size_t)n) ||
                memchr(value, 0, (size_t)v))
                return false;
            value[v] = '\0'; /* first: it may begin right behind the name */
            name[n] = '\0';
            params[(*count)++] = (ff_s3_param){name, equals ? value : ""};
        }
        at += len + (at[len] == '&');
    }
    return true;
}

bool ff_s3_bucket_name_ok(const char *name)
{
    size_t len = strlen(name);
    if (len < 3 || len > 63 || strstr(name, "..") || !isalnum((unsigned char)name[0]) ||
        !isalnum((unsigned char)name[len - 1]))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == len;
}

static bool is_utf8(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int extra = *c < 0x80                 ? 0
                    : *c >= 0xc2 && *c < 0xe0 ? 1
                    : *c >= 0xe0 && *c < 0xf0 ? 2
                    : *c >= 0xf0 && *c < 0xf5 ? 3
                                              : -1;
        if (extra < 0 || (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] >= 0xa0) ||
            (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] >= 0x90))
            return false;
        for (c++; extra; extra--, c++)
            if ((*c & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* "/bucket/key": taken apart as sent, then decoded, so that %2F stays where it is. */
static bool split_path(ff_s3_call *call)
{
    const char *raw = call->request->raw_path + 1;
    size_t bucket_len = strcspn(raw, "/");
    const char *key = raw[bucket_len] ? raw + bucket_len + 1 : "";
    char *bucket = ff_arena_strndup(call->arena, raw, bucket_len);
    char *decoded = ff_arena_strdup(call->arena, key);
    int64_t n = ff_http_decode(bucket, bucket_len), k = ff_http_decode(decoded, strlen(key));
    if (n < 0 || k < 0)
        return false;
    bucket[n] = '\0';
    decoded[k] = '\0';
    call->bucket = bucket;
    call->key = decoded;
    return true;
}

static void answer_denied(ff_s3_call *call, const ff_err *err)
{
    char code[64] = "AccessDenied";
    size_t len = ff_local_error_code(err->message);
    if (len && len < sizeof code) {
        memcpy(code, err->message, len);
        code[len] = '\0';
    }
    bool malformed = strcmp(code, "AuthorizationHeaderMalformed") == 0 ||
                     strcmp(code, "AuthorizationQueryParametersError") == 0 ||
                     strcmp(code, "MissingSecurityHeader") == 0 ||
                     strcmp(code, "InvalidToken") == 0;
    ff_s3_error(call, malformed ? 400 : 403, code, "%s", err->message);
}

static void answer_refused(ff_s3_call *call)
{
    unsigned long long bytes = call->request->body_bytes;
    if (call->request->refused == FF_LIMIT && bytes > FF_S3_MAX_OBJECT)
        ff_s3_error(call, 400, "EntityTooLarge",
                    "Your proposed upload of %llu bytes exceeds the maximum allowed size", bytes);
    else if (call->request->refused == FF_LIMIT && strcmp(call->request->method, "PUT") == 0)
        ff_s3_error(call, 507, "InsufficientStorage",
                    "%llu bytes were sent, objects may take %llu more here", bytes,
                    (unsigned long long)ff_objects_room(call->local->objects));
    else if (call->request->refused == FF_LIMIT)
        ff_s3_error(call, 400, "MaxMessageLengthExceeded", "Your request of %llu bytes was too big",
                    bytes);
    else
        ff_s3_error(call, 503, "SlowDown", "no room for a body of %llu bytes now", bytes);
}

static ff_passage passage(const ff_s3_call *call, ff_shaper_leg leg, uint64_t bytes)
{
    return (ff_passage){leg,
                        ff_instance_of_key(call->local->role.access_key, call->claim.access_key),
                        FF_SHAPER_NOBODY, bytes, call->request->begun_ns};
}

static bool passed(ff_s3_call *call, bool ok)
{
    if (!ok)
        ff_s3_error(call, 503, "ServiceUnavailable", "the platform is stopping");
    return ok;
}

bool ff_s3_pass_put(ff_s3_call *call, uint64_t bytes)
{
    if (strcmp(call->request->method, "PUT") != 0)
        return true; /* a body that is no object's */
    const ff_passage p = passage(call, FF_SHAPER_PUT, bytes);
    return passed(call, ff_shape_pass(call->local->shape, &p, call->request, NULL));
}

bool ff_s3_send_get(ff_s3_call *call, uint64_t bytes)
{
    const ff_passage p = passage(call, FF_SHAPER_GET, bytes);
    return passed(call, ff_shape_send(call->local->shape, &p, call->request, call->response));
}

static void not_allowed(ff_s3_call *call)
{
    ff_s3_error(call, 405, "MethodNotAllowed",
                "The specified method is not allowed against this resource.");
}

static void object_verb(ff_s3_call *call)
{
    const char *method = call->request->method;
    bool upload = ff_s3_param_of(call, "uploadId") != NULL;
    if (strcmp(method, "POST") == 0 && ff_s3_param_of(call, "uploads"))
        ff_s3_begin_upload(call);
    else if (strcmp(method, "POST") == 0 && upload)
        ff_s3_complete_upload(call);
    else if (strcmp(method, "PUT") == 0 && upload && ff_s3_param_of(call, "partNumber"))
        ff_s3_put_part(call);
    else if (strcmp(method, "DELETE") == 0 && upload)
        ff_s3_abort_upload(call);
    else if (strcmp(method, "GET") == 0 && upload)
        ff_s3_list_parts(call);
    else if (ff_s3_sub_resource(call))
        return;
    else if (strcmp(method, "PUT") == 0 && ff_s3_header(call, "x-amz-copy-source"))
        ff_s3_copy_object(call);
    else if (strcmp(method, "PUT") == 0)
        ff_s3_put_object(call);
    else if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        ff_s3_get_object(call, method[0] == 'H');
    else if (strcmp(method, "DELETE") == 0)
        ff_s3_delete_object(call);
    else
        not_allowed(call);
}

static void dispatch(ff_s3_call *call)
{
    if (!call->bucket[0]) {
        if (strcmp(call->request->method, "GET") == 0)
            ff_s3_list_buckets(call);
        else
            not_allowed(call);
    } else if (!ff_s3_bucket_name_ok(call->bucket)) {
        ff_s3_error(call, 400, "InvalidBucketName", "The specified bucket is not valid: %.80s",
                    call->bucket);
    } else if (strlen(call->key) > FF_MAX_KEY) {
        ff_s3_error(call, 400, "KeyTooLongError", "Your key of %zu bytes is too long (%u)",
                    strlen(call->key), FF_MAX_KEY);
    } else if (!is_utf8(call->key)) {
        ff_s3_error(call, 400, "InvalidURI", "The key is not UTF-8");
    } else if (call->key[0]) {
        object_verb(call);
    } else {
        ff_s3_bucket_verb(call);
    }
}

static bool make_call(ff_local *local, const ff_server_request *request,
                      ff_server_response *response, ff_s3_call *call)
{
    *call = (ff_s3_call){.local = local,
                         .request = request,
                         .response = response,
                         .arena = response->arena,
                         .bucket = "",
                         .key = ""};
    ff_random_uuid(call->request_id);
    ff_server_add_header(response, "x-amz-request-id", "%s", call->request_id);
    if (!split_path(call) ||
        !ff_s3_parse_query(request->raw_query, call->arena, call->params, &call->param_count)) {
        ff_s3_error(call, 400, "InvalidURI", "Couldn't parse the specified URI.");
        return false;
    }
    return true;
}

void ff_s3_handle(ff_local *local, const ff_server_request *request, ff_server_response *response)
{
    ff_s3_call call;
    ff_err err = {0};
    if (!make_call(local, request, response, &call))
        return;
    if (ff_local_authorise(local, request, "s3", NULL, &call.claim, &call.credentials, &err))
        answer_denied(&call, &err);
    else if (request->refused)
        answer_refused(&call);
    else
        dispatch(&call);
}

/* The signature is over the hash that the header tells, so that it can be checked before a byte of
 * the body is read; nobody else gets memory. The handler then finds the same fault. */
size_t ff_s3_admit(ff_local *local, const ff_server_request *head)
{
    ff_sigv4_claim claim;
    ff_credentials credentials;
    if (ff_local_authorise(local, head, "s3", NULL, &claim, &credentials, NULL))
        return 0;
    if (strcmp(head->method, "PUT") != 0)
        return FF_S3_XML_BYTES;
    uint64_t room = ff_objects_room(local->objects);
    if (room > FF_S3_MAX_OBJECT)
        room = FF_S3_MAX_OBJECT;
    return (size_t)(room + room / 16 + 65536); /* with what aws-chunked adds */
}
