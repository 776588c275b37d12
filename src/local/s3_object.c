/* Objects: PUT, GET, HEAD, DELETE, copy. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "local/s3_int.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static void http_date(int64_t epoch_ms, char *text, size_t size)
{
    time_t seconds = (time_t)(epoch_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(text, size, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* RFC 9110's preferred form; -1 for anything else. */
static int64_t parse_http_date(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return end && !*end ? (int64_t)timegm(&tm) : -1;
}

/* Is etag in a list like: "a", W/"b", c or *? */
static bool etag_in(const char *list, const char *etag)
{
    size_t wanted = strlen(etag);
    for (const char *at = list; *at;) {
        at += strspn(at, " ,\t");
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        bool quoted = *at == '"';
        at += quoted;
        size_t len = strcspn(at, quoted ? "\"" : " ,\t");
        if (len == wanted && memcmp(at, etag, len) == 0)
            return true;
        at += len;
        at += *at == '"';
    }
    return false;
}

bool ff_s3_keep_headers(ff_s3_call *call, ff_object *object)
{
    static const char *const KEPT[] = {"Content-Type",     "Content-Disposition",
                                       "Content-Language", "Cache-Control",
                                       "Expires",          "x-amz-storage-class"};
    size_t meta = 0;
    for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++) {
        const char *value = ff_s3_header(call, KEPT[i]);
        if (value && *value && strlen(value) <= FF_S3_MAX_META)
            ff_object_add_header(object, KEPT[i], value);
    }
    const char *encoding = ff_s3_header(call, "Content-Encoding");
    if (encoding && strncmp(encoding, "aws-chunked", 11) == 0)
        encoding += 11 + strspn(encoding + 11, ", "); /* how it came is not what it is */
    if (encoding && *encoding && strlen(encoding) <= FF_S3_MAX_META)
        ff_object_add_header(object, "Content-Encoding", encoding);
    for (int i = 0; i < call->request->header_count; i++) {
        const ff_http_header *h = &call->request->headers[i];
        if (strncasecmp(h->name, "x-amz-meta-", 11) != 0)
            continue;
        char *name = ff_arena_strdup(call->arena, h->name);
        for (char *c = name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        meta += strlen(name) - 11 + strlen(h->value);
        if (meta > FF_S3_MAX_META || object->header_count == FF_OBJECT_HEADERS) {
            ff_s3_error(call, 400, "MetadataTooLarge",
                        "Your metadata exceed the maximum allowed size of %u bytes",
                        FF_S3_MAX_META);
            return false;
        }
        ff_object_add_header(object, name, h->value);
    }
    return true;
}

/* Most clients know an ETag as the body's MD5, which takes 7 ms for 4 MB. A client that sends a
 * CRC-32C and no Content-MD5 (ours) does not look at it: it gets one that is no MD5, and is marked
 * so by "-1", as those of multipart uploads are (S3's own are no MD5s either where KMS encrypts).
 */
static void set_etag(const ff_s3_call *call, const ff_s3_checksum *checksum, ff_object *object,
                     ff_bytes body)
{
    if (strcmp(checksum->name, "x-amz-checksum-crc32c") == 0 &&
        !ff_s3_header(call, "Content-MD5")) {
        const char *hash = ff_s3_header(call, "x-amz-content-sha256");
        char uuid[37];
        ff_random_uuid(uuid);
        if (hash && strlen(hash) == 64) /* verified by then */
            snprintf(object->etag, sizeof object->etag, "%.32s-1", hash);
        else
            snprintf(object->etag, sizeof object->etag, "%.8s%.4s%.4s%.4s%.12s-1", uuid, uuid + 9,
                     uuid + 14, uuid + 19, uuid + 24);
        return;
    }
    uint8_t digest[16];
    ff_hash_md5(body, digest);
    ff_hash_hex(digest, sizeof digest, object->etag);
}

static void add_checksum(ff_s3_call *call, const char *name, const char *value)
{
    if (!*name)
        return;
    ff_server_add_header(call->response, ff_arena_strdup(call->arena, name), "%s", value);
    ff_server_add_header(call->response, "x-amz-checksum-type", "FULL_OBJECT");
}

void ff_s3_put_object(ff_s3_call *call)
{
    ff_buf body = {0};
    ff_s3_checksum checksum;
    ff_err err = {0};
    const char *none_match = ff_s3_header(call, "If-None-Match");
    const char *match = ff_s3_header(call, "If-Match");
    ff_put_condition condition = {.if_absent = none_match && strcmp(none_match, "*") == 0};
    if (none_match && !condition.if_absent) {
        ff_s3_error(call, 501, "NotImplemented", "If-None-Match of a PUT takes * only");
        return;
    }
    if (match) {
        char *bare = ff_arena_strdup(call->arena, match + (*match == '"'));
        bare[strcspn(bare, "\"")] = '\0';
        condition.if_match = bare;
    }
    if (!ff_s3_payload(call, &body, &checksum))
        return;
    ff_object *object = ff_object_new(call->key);
    memcpy(object->checksum_name, checksum.name, sizeof object->checksum_name);
    memcpy(object->checksum, checksum.value, sizeof object->checksum);
    set_etag(call, &checksum, object, ff_buf_view(&body));
    if (ff_s3_keep_headers(call, object)) {
        ff_code code =
            ff_objects_put(call->local->objects, call->bucket, object, &body, &condition, &err);
        if (code) {
            ff_s3_fail(call, code, &err);
        } else {
            call->response->status = 200;
            ff_server_add_header(call->response, "ETag", "\"%s\"", object->etag);
            add_checksum(call, object->checksum_name, object->checksum);
        }
    }
    ff_buf_clean(&body);
    ff_object_unref(object);
}

ff_object *ff_s3_copy_source(ff_s3_call *call)
{
    char *source = ff_arena_strdup(call->arena, ff_s3_header(call, "x-amz-copy-source"));
    source += *source == '/';
    source[strcspn(source, "?")] = '\0'; /* a versionId: there is one version */
    int64_t len = ff_http_decode(source, strlen(source));
    char *slash =
        len > 0 && !memchr(source, 0, (size_t)len) ? memchr(source, '/', (size_t)len) : NULL;
    if (!slash || slash + 1 == source + len) {
        ff_s3_error(call, 400, "InvalidArgument", "x-amz-copy-source: BUCKET/KEY is wanted");
        return NULL;
    }
    source[len] = '\0';
    *slash = '\0';
    bool bucket_there;
    ff_object *object = ff_objects_get(call->local->objects, source, slash + 1, &bucket_there);
    if (!object)
        ff_s3_error(call, 404, bucket_there ? "NoSuchKey" : "NoSuchBucket",
                    "The source of the copy does not exist.");
    return object;
}

void ff_s3_copy_object(ff_s3_call *call)
{
    ff_err err = {0};
    ff_object *source = ff_s3_copy_source(call);
    if (!source)
        return;
    ff_object *object = ff_object_new(call->key);
    const char *directive = ff_s3_header(call, "x-amz-metadata-directive");
    bool replace = directive && strcmp(directive, "REPLACE") == 0;
    for (int i = 0; !replace && i < source->header_count; i++)
        ff_object_add_header(object, source->headers[i].name, source->headers[i].value);
    memcpy(object->etag, source->etag, sizeof object->etag);
    memcpy(object->checksum_name, source->checksum_name, sizeof object->checksum_name);
    memcpy(object->checksum, source->checksum, sizeof object->checksum);
    if (!replace || ff_s3_keep_headers(call, object)) {
        ff_code code = ff_objects_copy(call->local->objects, call->bucket, object, source, &err);
        if (code) {
            ff_s3_fail(call, code, &err);
        } else {
            ff_buf xml = {0};
            char now[40];
            ff_clock_iso(object->modified_ms, now, sizeof now);
            ff_buf_printf(&xml, NULL,
                          XML_HEAD "<CopyObjectResult><LastModified>%s</LastModified>"
                                   "<ETag>&quot;%s&quot;</ETag></CopyObjectResult>",
                          now, object->etag);
            ff_s3_xml(call, 200, &xml);
        }
    }
    ff_object_unref(object);
    ff_object_unref(source);
}

int ff_s3_parse_range(const char *text, uint64_t size, uint64_t *first, uint64_t *length)
{
    if (strncmp(text, "bytes=", 6) != 0)
        return 0;
    const char *from = text + 6;
    size_t from_digits = strspn(from, "0123456789");
    if (from[from_digits] != '-' || from_digits > 18)
        return 0;
    const char *to = from + from_digits + 1;
    size_t to_digits = strspn(to, "0123456789");
    if (to[to_digits] || to_digits > 18 || (!from_digits && !to_digits))
        return 0; /* several ranges, or none: the whole is sent, as S3 does */
    uint64_t a = strtoull(from, NULL, 10), b = strtoull(to, NULL, 10);
    if (!from_digits) { /* the last b bytes */
        if (!b || !size)
            return -1;
        *length = b < size ? b : size;
        *first = size - *length;
        return 1;
    }
    if (to_digits && b < a)
        return 0;
    if (a >= size)
        return -1;
    if (!to_digits || b >= size)
        b = size - 1;
    *first = a;
    *length = b - a + 1;
    return 1;
}

/* 0 to go on, or the status that the conditions ask for: 304 or 412. */
static int check_conditions(const ff_s3_call *call, const ff_object *object)
{
    const char *match = ff_s3_header(call, "If-Match");
    const char *none_match = ff_s3_header(call, "If-None-Match");
    const char *modified = ff_s3_header(call, "If-Modified-Since");
    const char *unmodified = ff_s3_header(call, "If-Unmodified-Since");
    int64_t at = object->modified_ms / 1000;
    if (match && !etag_in(match, object->etag))
        return 412;
    if (!match && unmodified && parse_http_date(unmodified) >= 0 &&
        at > parse_http_date(unmodified))
        return 412;
    if (none_match && etag_in(none_match, object->etag))
        return 304;
    if (!none_match && modified && parse_http_date(modified) >= 0 &&
        at <= parse_http_date(modified))
        return 304;
    return 0;
}

static void unref_object(void *object)
{
    ff_object_unref(object);
}

/* The headers kept with the object, unless the query overrides them (presigned URLs do). */
static void object_headers(ff_s3_call *call, const ff_object *object)
{
    static const char *const OVERRIDES[][2] = {
        {"response-content-type", "Content-Type"},
        {"response-content-disposition", "Content-Disposition"},
        {"response-content-language", "Content-Language"},
        {"response-content-encoding", "Content-Encoding"},
        {"response-cache-control", "Cache-Control"},
        {"response-expires", "Expires"},
    };
    char date[40];
    bool typed = false;
    http_date(object->modified_ms, date, sizeof date);
    ff_server_add_header(call->response, "Last-Modified", "%s", date);
    ff_server_add_header(call->response, "ETag", "\"%s\"", object->etag);
    ff_server_add_header(call->response, "Accept-Ranges", "bytes");
    for (int i = 0; i < object->header_count; i++) {
        const char *name = ff_arena_strdup(call->arena, object->headers[i].name);
        bool overridden = false;
        for (size_t k = 0; k < sizeof OVERRIDES / sizeof OVERRIDES[0]; k++)
            overridden = overridden || (strcasecmp(name, OVERRIDES[k][1]) == 0 &&
                                        ff_s3_param_of(call, OVERRIDES[k][0]));
        if (!overridden)
            ff_server_add_header(call->response, name, "%s", object->headers[i].value);
        typed = typed || strcasecmp(name, "Content-Type") == 0;
    }
    for (size_t k = 0; k < sizeof OVERRIDES / sizeof OVERRIDES[0]; k++) {
        const char *value = ff_s3_param_of(call, OVERRIDES[k][0]);
        if (value && !strpbrk(value, "\r\n"))
            ff_server_add_header(call->response, OVERRIDES[k][1], "%s", value);
        typed = typed || (value && k == 0);
    }
    if (!typed)
        ff_server_add_header(call->response, "Content-Type", "binary/octet-stream");
}

/* Sends length bytes from first; the response holds the object until they are gone. */
static void send_object(ff_s3_call *call, ff_object *object, bool head, uint64_t first,
                        uint64_t length)
{
    ff_server_response *response = call->response;
    const ff_blob *blob = object->blob;
    response->release = unref_object;
    response->owner = object;
    if (head) {
        response->head_only = true;
        response->head_length = length;
    } else if (blob->path && length) {
        response->file = ff_arena_strdup(call->arena, blob->path);
        response->file_offset = blob->offset + first;
        response->file_length = length;
    } else if (length) {
        response->view = ff_bytes_of(blob->bytes.data + first, (size_t)length);
    }
}

void ff_s3_get_object(ff_s3_call *call, bool head)
{
    bool bucket_there;
    ff_object *object =
        ff_objects_get(call->local->objects, call->bucket, call->key, &bucket_there);
    if (!object) {
        ff_s3_error(call, 404, bucket_there ? "NoSuchKey" : "NoSuchBucket", "The specified %s",
                    bucket_there ? "key does not exist." : "bucket does not exist");
        return;
    }
    uint64_t size = object->blob->size, first = 0, length = size;
    const char *range = ff_s3_header(call, "Range");
    int ranged = range ? ff_s3_parse_range(range, size, &first, &length) : 0;
    int status = check_conditions(call, object);
    if (status == 412) {
        ff_s3_error(call, 412, "PreconditionFailed",
                    "At least one of the pre-conditions you specified did not hold");
    } else if (status == 304) {
        call->response->status = 304;
        ff_server_add_header(call->response, "ETag", "\"%s\"", object->etag);
    } else if (ranged < 0) {
        ff_s3_error(call, 416, "InvalidRange", "The requested range is not satisfiable: %s of %llu",
                    range, (unsigned long long)size);
        ff_server_add_header(call->response, "Content-Range", "bytes */%llu",
                             (unsigned long long)size);
    } else {
        const char *mode = ff_s3_header(call, "x-amz-checksum-mode");
        call->response->status = ranged ? 206 : 200;
        object_headers(call, object);
        if (ranged)
            ff_server_add_header(
                call->response, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)first,
                (unsigned long long)(first + length - 1), (unsigned long long)size);
        else if (mode && strcmp(mode, "ENABLED") == 0)
            add_checksum(call, object->checksum_name, object->checksum);
        if (head || ff_s3_send_get(call, length)) {
            send_object(call, object, head, first, length);
            return;
        }
    }
    ff_object_unref(object);
}

void ff_s3_delete_object(ff_s3_call *call)
{
    ff_err err = {0};
    ff_code code = ff_objects_remove(call->local->objects, call->bucket, call->key, &err);
    if (code)
        ff_s3_fail(call, code, &err);
    else
        call->response->status = 204;
}

void ff_s3_delete_objects(ff_s3_call *call)
{
    ff_buf body = {0}, xml = {0};
    ff_s3_checksum checksum;
    ff_err err = {0};
    if (!ff_s3_payload(call, &body, &checksum))
        return;
    ff_s3_deletes *deletes = ff_arena_alloc(call->arena, sizeof *deletes);
    if (!checksum.name[0] && !ff_s3_header(call, "Content-MD5")) {
        ff_s3_error(call, 400, "InvalidRequest",
                    "Missing required header for this request: Content-MD5 or x-amz-checksum-*");
    } else if (ff_s3_parse_deletes(ff_buf_view(&body), call->arena, deletes, &err)) {
        ff_s3_error(call, 400, "MalformedXML", "%s", err.message);
    } else if (!ff_objects_has_bucket(call->local->objects, call->bucket)) {
        ff_s3_error(call, 404, "NoSuchBucket", "The specified bucket does not exist");
    } else {
        ff_buf_text(&xml, XML_HEAD "<DeleteResult>", NULL);
        for (int i = 0; i < deletes->count; i++) {
            ff_code code =
                ff_objects_remove(call->local->objects, call->bucket, deletes->keys[i], &err);
            if (!code && deletes->quiet)
                continue;
            ff_buf_text(&xml, code ? "<Error>" : "<Deleted>", NULL);
            ff_xml_element(&xml, "Key", deletes->keys[i]);
            if (code) {
                ff_xml_element(&xml, "Code", "InternalError");
                ff_xml_element(&xml, "Message", err.message);
            }
            ff_buf_text(&xml, code ? "</Error>" : "</Deleted>", NULL);
        }
        ff_buf_text(&xml, "</DeleteResult>", NULL);
        ff_s3_xml(call, 200, &xml);
    }
    ff_buf_clean(&body);
}
