/* SigV4: AWS's published vectors, Lambda's (equal to botocore's), and canonical forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "net/sigv4.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DAY   1369353600000 /* 2013-05-24T00:00:00Z */
#define YEAR  1767225600000 /* 2026-01-01T00:00:00Z */

static ff_credentials example(const char *token)
{
    ff_credentials c = {.access_key = "AKIAIOSFODNN7EXAMPLE",
                        .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
    strcpy(c.session_token, token);
    return c;
}

typedef struct vector {
    const char *name;
    const char *method, *path, *query;
    ff_http_header headers[8];
    const char *payload_hash;
    const char *signature;
} vector;

#define HOST    "examplebucket.s3.amazonaws.com"
#define WELCOME "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

/* "Signature Calculations for the Authorization Header" in Amazon's S3 API reference. */
static const vector S3_VECTORS[] = {
    {"get object",
     "GET",
     "/test.txt",
     "",
     {{"Host", HOST},
      {"Range", "bytes=0-9"},
      {"x-amz-content-sha256", EMPTY},
      {"x-amz-date", "20130524T000000Z"}},
     EMPTY,
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"put object",
     "PUT",
     "/test%24file.text",
     "",
     {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
      {"Host", HOST},
      {"x-amz-content-sha256", WELCOME},
      {"x-amz-date", "20130524T000000Z"},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
     WELCOME,
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"put object, '$' as it is",
     "PUT",
     "/test$file.text",
     NULL,
     {{"x-amz-storage-class", "  REDUCED_REDUNDANCY "},
      {"X-Amz-Date", "20130524T000000Z"},
      {"x-amz-content-sha256", WELCOME},
      {"host", HOST},
      {"Date", "Fri,  24 May   2013 00:00:00 GMT"}},
     WELCOME,
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"lifecycle",
     "GET",
     "/",
     "lifecycle",
     {{"Host", HOST}, {"x-amz-content-sha256", EMPTY}, {"x-amz-date", "20130524T000000Z"}},
     EMPTY,
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"list objects",
     "GET",
     "",
     "prefix=J&max-keys=2",
     {{"Host", HOST}, {"x-amz-content-sha256", EMPTY}, {"x-amz-date", "20130524T000000Z"}},
     EMPTY,
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    {"presigned",
     "GET",
     "/test.txt",
     "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-"
     "1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders="
     "host",
     {{"Host", HOST}},
     FF_SIGV4_UNSIGNED,
     "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"},
    {"chunked, seed",
     "PUT",
     "/examplebucket/chunkObject.txt",
     "",
     {{"Host", "s3.amazonaws.com"},
      {"x-amz-date", "20130524T000000Z"},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
      {"Content-Encoding", "aws-chunked"},
      {"x-amz-decoded-content-length", "66560"},
      {"Content-Length", "66824"}},
     "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
     "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"},
    {"chunked with a trailer, seed",
     "PUT",
     "/examplebucket/chunkObject.txt",
     "",
     {{"Host", "s3.amazonaws.com"},
      {"x-amz-date", "20130524T000000Z"},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"},
      {"Content-Encoding", "aws-chunked"},
      {"x-amz-decoded-content-length", "66560"},
      {"x-amz-trailer", "x-amz-checksum-crc32c"}},
     "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
     "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"},
};

static void test_s3_vectors(void **state)
{
    (void)state;
    ff_credentials credentials = example("");
    for (size_t i = 0; i < sizeof S3_VECTORS / sizeof S3_VECTORS[0]; i++) {
        const vector *v = &S3_VECTORS[i];
        ff_sigv4_request request = {.method = v->method,
                                    .path = v->path,
                                    .query = v->query,
                                    .headers = v->headers,
                                    .payload_hash = v->payload_hash,
                                    .region = "us-east-1",
                                    .service = "s3",
                                    .epoch_ms = DAY};
        while (request.header_count < 8 && v->headers[request.header_count].name)
            request.header_count++;
        char signature[65];
        ff_sigv4_signature(&request, &credentials, signature);
        if (strcmp(signature, v->signature) != 0)
            print_error("vector '%s'\n", v->name);
        assert_string_equal(signature, v->signature);
    }
}

static void test_lambda_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *path, *query, *signature;
    } rows[] = {
        {"/2015-03-31/functions/fsi-w0/invocations", "",
         "adcd23d2b2ce87f3381ae65a267aeee285dca2bd678f5d974ce49c0237bf2fb7"},
        {"/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Afsi-w0/"
         "invocations",
         "Qualifier=live", "bd750bd560b7a277448209e022dc0912472fdc36fd1ee7640811e4127f52c177"},
    };
    ff_credentials credentials = example("TOKEN/with+odd=chars==");
    char hash[FF_SHA256_HEX];
    ff_hash_sha256_hex(ff_bytes_of("{\"a\":1}", 7), hash);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static const ff_http_header extra[] = {{"X-Amz-Invocation-Type", "RequestResponse"}};
        ff_sigv4_request request = {.method = "POST",
                                    .path = rows[i].path,
                                    .query = rows[i].query,
                                    .host = "lambda.us-east-1.amazonaws.com",
                                    .headers = extra,
                                    .header_count = 1,
                                    .payload_hash = hash,
                                    .region = "us-east-1",
                                    .service = "lambda",
                                    .epoch_ms = YEAR};
        ff_http_header added[4];
        ff_arena *arena = ff_arena_new();
        assert_int_equal(ff_sigv4_sign(&request, &credentials, arena, added), 3);
        assert_string_equal(added[0].name, "Authorization");
        assert_string_equal(added[1].value, "20260101T000000Z");
        assert_string_equal(added[2].value, "TOKEN/with+odd=chars==");
        const char *at = strstr(added[0].value, "Signature=");
        assert_non_null(at);
        assert_string_equal(at + 10, rows[i].signature);
        assert_non_null(strstr(added[0].value,
                               "Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/lambda/"
                               "aws4_request, SignedHeaders=host;x-amz-date;x-amz-invocation-type;"
                               "x-amz-security-token, "));
        ff_arena_free(arena);
    }
}

/* "Transferring Payload in Multiple Chunks" in Amazon's S3 API reference: 66560 times 'a'. */
static void test_chunk_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *seed;
        const char *chunks[3];
        const char *trailer;
    } rows[] = {
        {"AWS4-HMAC-SHA256-PAYLOAD",
         "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
         {"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
          "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
          "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
         NULL},
        {"AWS4-HMAC-SHA256-PAYLOAD",
         "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
         {"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
          "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
          "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"},
         "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"},
    };
    static const size_t lengths[3] = {65536, 1024, 0};
    ff_credentials credentials = example("");
    ff_sigv4_claim claim = {
        .date = "20130524", .region = "us-east-1", .service = "s3", .amz_date = "20130524T000000Z"};
    uint8_t *data = malloc(65536);
    assert_non_null(data);
    memset(data, 'a', 65536);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char previous[65], signature[65];
        strcpy(previous, rows[i].seed);
        for (int c = 0; c < 3; c++) {
            ff_sigv4_chunk(&claim, &credentials, rows[i].kind, previous,
                           ff_bytes_of(data, lengths[c]), signature);
            assert_string_equal(signature, rows[i].chunks[c]);
            strcpy(previous, signature);
        }
        if (rows[i].trailer) {
            static const char text[] = "x-amz-checksum-crc32c:sOO8/Q==\n";
            ff_sigv4_chunk(&claim, &credentials, "AWS4-HMAC-SHA256-TRAILER", previous,
                           ff_bytes_of(text, strlen(text)), signature);
            assert_string_equal(signature, rows[i].trailer);
        }
    }
    free(data);
}

static void signature_of(const char *service, const char *path, const char *query,
                         char signature[65])
{
    static const ff_http_header headers[] = {{"host", "h"}, {"x-amz-date", "20260101T000000Z"}};
    ff_credentials credentials = example("");
    ff_sigv4_request request = {.method = "GET",
                                .path = path,
                                .query = query,
                                .headers = headers,
                                .header_count = 2,
                                .payload_hash = EMPTY,
                                .region = "eu-west-1",
                                .service = service,
                                .epoch_ms = YEAR};
    ff_sigv4_signature(&request, &credentials, signature);
}

/* Two ways to write a request: is its canonical form the same? */
static void test_canonical_forms(void **state)
{
    (void)state;
    static const struct {
        const char *service, *path, *query, *path2, *query2;
        bool same;
    } rows[] = {
        {"s3", "/a%20b", "", "/a b", "", true},
        {"s3", "/a%7eb", "", "/a~b", "", true},
        {"s3", "/a%2fb", "", "/a%2Fb", "", true},
        {"s3", "/a%2Fb", "", "/a/b", "", false},
        {"s3", "/a//b", "", "/a/b", "", false},
        {"s3", "/a/../b", "", "/b", "", false},
        {"s3", "/a%zz", "", "/a%25zz", "", true},
        {"lambda", "/a//b/./c/../d", "", "/a/b/d", "", true},
        {"lambda", "/a/b/..", "", "/a", "", true},
        {"lambda", "/..", "", "", "", true},
        {"lambda", "/a/", "", "/a", "", false},
        {"lambda", "/a%3Ab", "", "/a:b", "", false},
        {"s3", "/", "b=2&a=1", "/", "a=1&b=2", true},
        {"s3", "/", "b&a", "/", "a=&b=", true},
        {"s3", "/", "a=2&a=1", "/", "a=1&a=2", true},
        {"s3", "/", "a=b%2fc", "/", "a=b/c", true},
        {"s3", "/", "a=b+c", "/", "a=b%2Bc", true},
        {"s3", "/", "a=b=c", "/", "a=b%3Dc", true},
        {"s3", "/", "&&a=1&", "/", "a=1", true},
        {"s3", "/", "a-b=1&a=2", "/", "a=2&a-b=1", true},
        {"s3", "/", "a=1", "/", "a=2", false},
        {"s3", "/", "a=%201", "/", "a=1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char one[65], two[65];
        signature_of(rows[i].service, rows[i].path, rows[i].query, one);
        signature_of(rows[i].service, rows[i].path2, rows[i].query2, two);
        if ((strcmp(one, two) == 0) != rows[i].same)
            fail_msg("'%s?%s' and '%s?%s' must %s", rows[i].path, rows[i].query, rows[i].path2,
                     rows[i].query2, rows[i].same ? "sign alike" : "sign differently");
    }
}

/* The cache of day keys must tell secrets, days, regions and services apart. */
static void test_key_cache(void **state)
{
    (void)state;
    char first[65], again[65];
    signature_of("s3", "/x", "", first);
    for (int day = 0; day < 9; day++) {
        static const ff_http_header headers[] = {{"host", "h"}};
        static const char *const regions[] = {"eu-west-1", "us-east-1", "ap-south-1"};
        ff_credentials credentials = example("");
        credentials.secret_key[0] = (char)('a' + day);
        ff_sigv4_request request = {.method = "GET",
                                    .path = "/x",
                                    .headers = headers,
                                    .header_count = 1,
                                    .payload_hash = EMPTY,
                                    .region = regions[day % 3],
                                    .service = day & 1 ? "s3" : "lambda",
                                    .epoch_ms = YEAR + day * 86400000LL};
        ff_sigv4_signature(&request, &credentials, again);
        assert_string_not_equal(first, again);
    }
    signature_of("s3", "/x", "", again);
    assert_string_equal(first, again);
    char region[300];
    memset(region, 'r', sizeof region - 1);
    region[sizeof region - 1] = '\0';
    ff_credentials credentials = example("");
    ff_sigv4_request request = {.method = "GET",
                                .path = "/x",
                                .payload_hash = EMPTY,
                                .region = region,
                                .service = "s3",
                                .epoch_ms = YEAR};
    ff_sigv4_signature(&request, &credentials, first);
    region[sizeof region - 2] = 'q';
    ff_sigv4_signature(&request, &credentials, again);
    assert_string_not_equal(first, again);
}

static void test_credentials_from_env(void **state)
{
    (void)state;
    static const struct {
        const char *key, *secret, *token;
        ff_code code;
    } rows[] = {{"AKIA", "secret", NULL, FF_OK},    {"AKIA", "secret", "token", FF_OK},
                {NULL, "secret", NULL, FF_DENIED},  {"AKIA", NULL, NULL, FF_DENIED},
                {"", "secret", NULL, FF_DENIED},    {"AK\nIA", "secret", NULL, FF_DENIED},
                {"AKIA", "sec ret", "t", FF_DENIED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};
        const char *values[] = {rows[i].key, rows[i].secret, rows[i].token};
        for (int n = 0; n < 3; n++) {
            unsetenv(names[n]);
            if (values[n])
                setenv(names[n], values[n], 1);
        }
        ff_credentials got = {.access_key = "untouched"};
        ff_err err;
        assert_int_equal(ff_credentials_from_env(&got, &err), rows[i].code);
        assert_string_equal(got.access_key, rows[i].code ? "untouched" : rows[i].key);
        if (!rows[i].code)
            assert_string_equal(got.session_token, rows[i].token ? rows[i].token : "");
        else
            assert_non_null(strstr(err.message, "AWS_"));
    }
    char *longest = malloc(5000);
    assert_non_null(longest);
    memset(longest, 'x', 4999);
    longest[4999] = '\0';
    setenv("AWS_ACCESS_KEY_ID", "AKIA", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_SESSION_TOKEN", longest, 1);
    ff_credentials got;
    ff_err err;
    assert_int_equal(ff_credentials_from_env(&got, &err), FF_DENIED);
    assert_non_null(strstr(err.message, "4999"));
    free(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s3_vectors),    cmocka_unit_test(test_lambda_vectors),
        cmocka_unit_test(test_chunk_vectors), cmocka_unit_test(test_canonical_forms),
        cmocka_unit_test(test_key_cache),     cmocka_unit_test(test_credentials_from_env),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
