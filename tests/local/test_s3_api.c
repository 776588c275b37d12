/* The S3 API over HTTP, where a client that is not ours may be missing: verbs, errors, odd input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "local/s3_int.h"
#include "support/signed.h"

static ff_local *local;
static signed_client client;

static int start(void **state)
{
    (void)state;
    const ff_local_options options = {.max_object_bytes = 10000000};
    if (ff_local_start(&options, &local, NULL))
        return -1;
    signed_open(&client, ff_local_port(local), ff_local_credentials(local));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    signed_close(&client);
    ff_local_stop(local);
    return 0;
}

typedef struct row {
    const char *method, *path, *query;
    const char *headers[3];
    const char *body;
    int status;
    const char *word; /* of the body */
} row;

static void run(const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        ff_http_response response = {0};
        const signed_request request = {.method = r->method,
                                        .path = r->path,
                                        .query = r->query,
                                        .headers = r->headers,
                                        .body = r->body,
                                        .len = r->body ? strlen(r->body) : 0};
        signed_ask(&client, &request, &response);
        bool found =
            !r->word || memmem(response.body.data, response.body.len, r->word, strlen(r->word));
        if (response.status != r->status || !found)
            fail_msg("%s %s?%s: wanted %d %s, found %d %.*s", r->method, r->path,
                     r->query ? r->query : "", r->status, r->word ? r->word : "", response.status,
                     (int)response.body.len, (const char *)response.body.data);
        ff_http_response_clean(&response);
    }
}

#define RUN(rows) run(rows, sizeof rows / sizeof rows[0])

static void test_objects(void **state)
{
    (void)state;
    static const row rows[] = {
        {"PUT", "/fanfold/a/b", NULL, {"content-type: x/y"}, "0123456789", 200, NULL},
        {"GET", "/fanfold/a/b", NULL, {NULL}, NULL, 200, "0123456789"},
        {"HEAD", "/fanfold/a/b", NULL, {NULL}, NULL, 200, NULL},
        {"GET", "/fanfold/a/b", NULL, {"range: bytes=2-4"}, NULL, 206, "234"},
        {"GET", "/fanfold/a/b", NULL, {"range: bytes=-3"}, NULL, 206, "789"},
        {"GET", "/fanfold/a/b", NULL, {"range: bytes=5-2"}, NULL, 200, "0123456789"},
        {"GET", "/fanfold/a/b", NULL, {"range: bytes=1-2,4-5"}, NULL, 200, "0123456789"},
        {"GET", "/fanfold/a/b", NULL, {"range: bytes=10-"}, NULL, 416, "<Code>InvalidRange</Code>"},
        {"GET",
         "/fanfold/a/b",
         NULL,
         {"if-match: \"781e5e245d69b566979b86e28d23f2c7\""},
         NULL,
         200,
         "0"},
        {"GET", "/fanfold/a/b", NULL, {"if-match: \"781e\""}, NULL, 412, "PreconditionFailed"},
        {"GET",
         "/fanfold/a/b",
         NULL,
         {"if-none-match: 781e5e245d69b566979b86e28d23f2c7"},
         NULL,
         304,
         NULL},
        {"GET", "/fanfold/a/b", NULL, {"if-none-match: *"}, NULL, 304, NULL},
        {"PUT", "/fanfold/a/b", NULL, {"if-none-match: *"}, "x", 412, "PreconditionFailed"},
        {"PUT", "/fanfold/new", NULL, {"if-none-match: *"}, "x", 200, NULL},
        {"PUT", "/fanfold/new", NULL, {"if-match: \"wrong\""}, "y", 412, NULL},
        {"PUT", "/fanfold/none", NULL, {"if-match: \"wrong\""}, "y", 404, "NoSuchKey"},
        {"GET", "/fanfold/a%2Fb", NULL, {NULL}, NULL, 200, "0123456789"},
        {"PUT",
         "/fanfold/copy",
         NULL,
         {"x-amz-copy-source: /fanfold/a%2Fb"},
         NULL,
         200,
         "<CopyObjectResult>"},
        {"PUT",
         "/fanfold/copy",
         NULL,
         {"x-amz-copy-source: nothing"},
         NULL,
         400,
         "InvalidArgument"},
        {"PUT",
         "/fanfold/copy",
         NULL,
         {"x-amz-copy-source: /fanfold/none"},
         NULL,
         404,
         "NoSuchKey"},
        {"GET", "/fanfold/copy", NULL, {NULL}, NULL, 200, "0123456789"},
        {"PUT", "/fanfold/sum", NULL, {"x-amz-checksum-crc32c: 4waSgw=="}, "123456789", 200, NULL},
        {"GET", "/fanfold", "prefix=sum", {NULL}, NULL, 200, "-1&quot;</ETag>"},
        {"DELETE", "/fanfold/sum", NULL, {NULL}, NULL, 204, NULL},
        /* an ETag that is no MD5, for who sends a CRC-32C: the SHA-256's beginning */
        {"PUT", "/fanfold/new", NULL, {"x-amz-checksum-crc32c: 4waSgw=="}, "123456789", 200, NULL},
        {"GET",
         "/fanfold/new",
         NULL,
         {"if-match: \"15e2b0d3c33891ebb0f1ef609ec41942-1\""},
         NULL,
         200,
         "123456789"},
        {"DELETE", "/fanfold/a/b", NULL, {NULL}, NULL, 204, NULL},
        {"DELETE", "/fanfold/a/b", NULL, {NULL}, NULL, 204, NULL},
        {"DELETE", "/fanfold/copy", NULL, {NULL}, NULL, 204, NULL},
        {"DELETE", "/fanfold/new", NULL, {NULL}, NULL, 204, NULL},
        {"GET", "/fanfold/a/b", NULL, {NULL}, NULL, 404, "<Code>NoSuchKey</Code>"},
        {"HEAD", "/fanfold/a/b", NULL, {NULL}, NULL, 404, NULL},
        {"GET", "/nowhere/a", NULL, {NULL}, NULL, 404, "<Code>NoSuchBucket</Code>"},
        {"PUT", "/nowhere/a", NULL, {NULL}, "x", 404, "<Code>NoSuchBucket</Code>"},
        {"DELETE", "/nowhere/a", NULL, {NULL}, NULL, 404, "<Code>NoSuchBucket</Code>"},
    };
    RUN(rows);
}

static void test_odd_requests(void **state)
{
    (void)state;
    static const row rows[] = {
        {"PATCH", "/fanfold/k", NULL, {NULL}, NULL, 405, "MethodNotAllowed"},
        {"POST", "/fanfold/k", NULL, {NULL}, NULL, 405, "MethodNotAllowed"},
        {"POST", "/fanfold", NULL, {NULL}, NULL, 405, "MethodNotAllowed"},
        {"PUT", "/", NULL, {NULL}, NULL, 405, "MethodNotAllowed"},
        {"GET", "/", NULL, {NULL}, NULL, 200, "<Name>fanfold</Name>"},
        {"PUT", "/No", NULL, {NULL}, NULL, 400, "InvalidBucketName"},
        {"PUT", "/a..b", NULL, {NULL}, NULL, 400, "InvalidBucketName"},
        {"PUT", "/.parts", NULL, {NULL}, NULL, 400, "InvalidBucketName"},
        {"GET", "/%2e%2e/etc/passwd", NULL, {NULL}, NULL, 400, "InvalidBucketName"},
        {"GET", "/fanfold/%ff", NULL, {NULL}, NULL, 400, "InvalidURI"},
        {"GET", "/fanfold/%ed%a0%80", NULL, {NULL}, NULL, 400, "InvalidURI"},
        {"GET", "/fanfold/k", "a=%zz", {NULL}, NULL, 400, "InvalidURI"},
        {"GET", "/fanfold", "acl=", {NULL}, NULL, 200, "FULL_CONTROL"},
        {"GET", "/fanfold", "policy", {NULL}, NULL, 404, "NoSuchBucketPolicy"},
        {"GET", "/fanfold", "versions=", {NULL}, NULL, 501, "NotImplemented"},
        {"GET", "/nowhere", "acl=", {NULL}, NULL, 404, "NoSuchBucket"},
        {"PUT", "/fanfold", "lifecycle=", {NULL}, "<x/>", 501, "NotImplemented"},
        {"DELETE", "/fanfold/k", "tagging=", {NULL}, NULL, 404, "NoSuchKey"},
        {"GET", "/fanfold", "location=", {NULL}, NULL, 200, "LocationConstraint"},
        {"HEAD", "/fanfold", NULL, {NULL}, NULL, 200, NULL},
        {"HEAD", "/nowhere", NULL, {NULL}, NULL, 404, NULL},
        {"GET", "/fanfold", "list-type=3", {NULL}, NULL, 400, "InvalidArgument"},
        {"GET", "/fanfold", "max-keys=-1", {NULL}, NULL, 400, "InvalidArgument"},
        {"GET", "/fanfold", "encoding-type=x", {NULL}, NULL, 400, "InvalidArgument"},
        {"GET", "/fanfold", "continuation-token=YWI%3D&list-type=2", {NULL}, NULL, 200, NULL},
        {"GET", "/fanfold", "continuation-token=YW%3D&list-type=2", {NULL}, NULL, 400, NULL},
        {"GET", "/nowhere", "list-type=2", {NULL}, NULL, 404, "NoSuchBucket"},
        {"POST", "/fanfold", "delete=", {NULL}, "<Delete/>", 400, "Content-MD5"},
        {"POST",
         "/fanfold",
         "delete=",
         {"x-amz-checksum-crc32: AAAAAA=="},
         "<Delete/>",
         400,
         "BadDigest"},
        {"POST",
         "/fanfold",
         "delete=",
         {"content-md5: nonsense"},
         "<Delete/>",
         400,
         "InvalidDigest"},
        {"POST",
         "/fanfold",
         "delete=",
         {"content-md5: GEt2TTJl5OT1o2MoQ0sTNw=="},
         "<Delete/>",
         400,
         "BadDigest"},
        {"PUT", "/fanfold/k", NULL, {"x-amz-checksum-crc32: AAAAAA=="}, "x", 400, "BadDigest"},
        {"PUT", "/fanfold/k", "partNumber=0&uploadId=x", {NULL}, "x", 400, "InvalidArgument"},
        {"PUT", "/fanfold/k", "partNumber=1&uploadId=x", {NULL}, "x", 404, "NoSuchUpload"},
        {"POST", "/fanfold/k", "uploadId=x", {NULL}, "<x>", 400, "MalformedXML"},
        {"POST",
         "/fanfold/k",
         "uploadId=x",
         {NULL},
         "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>"
         "</CompleteMultipartUpload>",
         404,
         "NoSuchUpload"},
        {"DELETE", "/fanfold/k", "uploadId=x", {NULL}, NULL, 404, "NoSuchUpload"},
        {"GET", "/fanfold/k", "uploadId=x", {NULL}, NULL, 404, "NoSuchUpload"},
        {"POST", "/nowhere/k", "uploads=", {NULL}, NULL, 404, "NoSuchBucket"},
    };
    RUN(rows);
}

static void test_bodies_that_do_not_match(void **state)
{
    (void)state;
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const struct {
        const char *hash;
        int status;
        const char *code;
    } rows[] = {
        {zeros, 400, "XAmzContentSHA256Mismatch"},
        {"UNSIGNED-PAYLOAD", 200, NULL},
        {"nonsense", 400, "InvalidArgument"},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", 400, "InvalidChunkSizeError"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_http_response response = {0};
        signed_ask(&client,
                   &(signed_request){.method = "PUT",
                                     .path = "/fanfold/k",
                                     .body = "text",
                                     .len = 4,
                                     .payload_hash = rows[i].hash},
                   &response);
        assert_int_equal(response.status, rows[i].status);
        if (rows[i].code)
            assert_non_null(
                memmem(response.body.data, response.body.len, rows[i].code, strlen(rows[i].code)));
        ff_http_response_clean(&response);
    }
    assert_int_equal(
        signed_status(&client, &(signed_request){.method = "DELETE", .path = "/fanfold/k"}), 204);
}

static void test_full_store(void **state)
{
    (void)state;
    size_t len = 6000000;
    char *body = calloc(1, len);
    signed_request request = {.method = "PUT", .path = "/fanfold/one", .body = body, .len = len};
    assert_int_equal(signed_status(&client, &request), 200);
    request.path = "/fanfold/two";
    ff_http_response response = {0};
    signed_ask(&client, &request, &response);
    assert_int_equal(response.status, 507);
    assert_non_null(memmem(response.body.data, response.body.len, "InsufficientStorage", 19));
    ff_http_response_clean(&response);
    request = (signed_request){.method = "DELETE", .path = "/fanfold/one"};
    assert_int_equal(signed_status(&client, &request), 204);
    request = (signed_request){.method = "PUT", .path = "/fanfold/two", .body = body, .len = len};
    assert_int_equal(signed_status(&client, &request), 200);
    request = (signed_request){.method = "DELETE", .path = "/fanfold/two"};
    assert_int_equal(signed_status(&client, &request), 204);
    free(body);
}

static void test_query_parsing(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int count; /* -1: refused */
        const char *name, *value;
    } rows[] = {
        {"", 0, NULL, NULL},
        {"a", 1, "a", ""},
        {"a=", 1, "a", ""},
        {"a=b=c", 1, "a", "b=c"},
        {"&&a=1&&", 1, "a", "1"},
        {"a%3D=%26", 1, "a=", "&"},
        {"a=%C3%A4&b", 2, "a", "\xc3\xa4"},
        {"a=%", -1, NULL, NULL},
        {"a=%0", -1, NULL, NULL},
        {"%00=1", -1, NULL, NULL},
        {"a=%00", -1, NULL, NULL},
    };
    ff_s3_param params[FF_S3_MAX_PARAMS];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int count;
        ff_arena *arena = ff_arena_new();
        bool ok = ff_s3_parse_query(rows[i].query, arena, params, &count);
        assert_int_equal(ok, rows[i].count >= 0);
        if (ok)
            assert_int_equal(count, rows[i].count);
        if (ok && count) {
            assert_string_equal(params[0].name, rows[i].name);
            assert_string_equal(params[0].value, rows[i].value);
        }
        ff_arena_free(arena);
    }
    char many[200] = "";
    for (int i = 0; i <= FF_S3_MAX_PARAMS; i++)
        strcat(many, "a&");
    int count;
    ff_arena *arena = ff_arena_new();
    assert_false(ff_s3_parse_query(many, arena, params, &count));
    ff_arena_free(arena);
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t size;
        int result;
        uint64_t first, length;
    } rows[] = {
        {"bytes=0-0", 10, 1, 0, 1},
        {"bytes=3-", 10, 1, 3, 7},
        {"bytes=-4", 10, 1, 6, 4},
        {"bytes=-40", 10, 1, 0, 10},
        {"bytes=0-99", 10, 1, 0, 10},
        {"bytes=10-", 10, -1, 0, 0},
        {"bytes=0-0", 0, -1, 0, 0},
        {"bytes=-0", 10, -1, 0, 0},
        {"bytes=-1", 0, -1, 0, 0},
        {"bytes=5-4", 10, 0, 0, 0},
        {"bytes=-", 10, 0, 0, 0},
        {"bytes=a-b", 10, 0, 0, 0},
        {"bytes=1-2,3-4", 10, 0, 0, 0},
        {"items=0-1", 10, 0, 0, 0},
        {"", 10, 0, 0, 0},
        {"bytes=99999999999999999999-", 10, 0, 0, 0},
        {"bytes=0-99999999999999999999", 10, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t first = 0, length = 0;
        assert_int_equal(ff_s3_parse_range(rows[i].text, rows[i].size, &first, &length),
                         rows[i].result);
        assert_int_equal(first, rows[i].first);
        assert_int_equal(length, rows[i].length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_odd_requests),
        cmocka_unit_test(test_bodies_that_do_not_match),
        cmocka_unit_test(test_full_store),
        cmocka_unit_test(test_query_parsing),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
