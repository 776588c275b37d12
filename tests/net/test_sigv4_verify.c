/* Verifying: what a client signed passes, in any of the ways that clients write it; one byte of
 * difference anywhere does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/sigv4.h"

#define EMPTY      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DAY        1369353600000 /* 2013-05-24T00:00:00Z */
#define HOST       "examplebucket.s3.amazonaws.com"
#define CREDENTIAL "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
#define NAMES      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date"
#define SIGNED     "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"

typedef struct incoming {
    const char *method, *path, *query;
    ff_http_header headers[10];
    int count;
    int64_t now;
} incoming;

/* AWS's "get object" example, as it would arrive. */
static incoming example(const char *authorization)
{
    return (incoming){.method = "GET",
                      .path = "/test.txt",
                      .query = "",
                      .headers = {{"Host", HOST},
                                  {"Authorization", authorization},
                                  {"Range", "bytes=0-9"},
                                  {"X-Amz-Content-Sha256", EMPTY},
                                  {"X-Amz-Date", "20130524T000000Z"},
                                  {"User-Agent", "curl/7.88.1"},
                                  {"Accept", "*/*"}},
                      .count = 7,
                      .now = DAY};
}

static ff_code verify(const incoming *in, const char *token, ff_sigv4_claim *claim, ff_err *err)
{
    ff_credentials credentials = {.access_key = "AKIAIOSFODNN7EXAMPLE",
                                  .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
    strcpy(credentials.session_token, token);
    return ff_sigv4_verify(in->method, in->path, in->query, in->headers, in->count, NULL,
                           &credentials, in->now, claim, err);
}

static void must_fail(const incoming *in, const char *s3_code)
{
    ff_sigv4_claim claim = {.access_key = "untouched"};
    ff_err err = {0};
    ff_code code = verify(in, "", &claim, &err);
    if (code != FF_DENIED || strncmp(err.message, s3_code, strlen(s3_code)) != 0)
        fail_msg("wanted '%s', found %s '%s'", s3_code, ff_code_name(code), err.message);
    assert_string_equal(claim.access_key, "untouched");
}

static void test_writings(void **state)
{
    (void)state;
    static const char *const writings[] = {
        "AWS4-HMAC-SHA256 " CREDENTIAL ", " NAMES ", " SIGNED,
        "AWS4-HMAC-SHA256 " CREDENTIAL "," NAMES "," SIGNED,
        "AWS4-HMAC-SHA256  " SIGNED ",  " CREDENTIAL " , " NAMES,
        "AWS4-HMAC-SHA256 " CREDENTIAL ", Later=thing, " NAMES ", " SIGNED,
    };
    for (size_t i = 0; i < sizeof writings / sizeof writings[0]; i++) {
        incoming in = example(writings[i]);
        ff_sigv4_claim claim;
        ff_err err = {0};
        if (verify(&in, "", &claim, &err))
            fail_msg("'%s': %s", writings[i], err.message);
        assert_string_equal(claim.access_key, "AKIAIOSFODNN7EXAMPLE");
        assert_string_equal(claim.date, "20130524");
        assert_string_equal(claim.region, "us-east-1");
        assert_string_equal(claim.service, "s3");
        assert_string_equal(claim.amz_date, "20130524T000000Z");
        assert_false(claim.presigned);
    }
}

static void test_one_difference(void **state)
{
    (void)state;
    const char *whole = "AWS4-HMAC-SHA256 " CREDENTIAL "," NAMES "," SIGNED;
    incoming in = example(whole);
    in.method = "PUT";
    must_fail(&in, "SignatureDoesNotMatch");
    in = example(whole);
    in.path = "/test.txu";
    must_fail(&in, "SignatureDoesNotMatch");
    in = example(whole);
    in.query = "x-id=GetObject";
    must_fail(&in, "SignatureDoesNotMatch");
    for (int i = 0; i < 4; i++) {
        static const int at[] = {0, 2, 3};
        in = example(whole);
        if (i < 3)
            in.headers[at[i]].value = "other";
        else
            in.headers[2].name = "X-Range"; /* a signed header that did not arrive */
        must_fail(&in, "SignatureDoesNotMatch");
    }
    in = example(whole);
    in.headers[in.count++] = (ff_http_header){"range", "bytes=0-9"}; /* twice */
    must_fail(&in, "SignatureDoesNotMatch");
    in = example(whole);
    in.headers[in.count++] = (ff_http_header){"x-amz-acl", "public-read"};
    must_fail(&in, "AccessDenied: the header x-amz-acl is not signed");
    for (size_t i = 0; i < 64; i++) { /* every digit of the signature counts */
        char *changed = strdup(whole);
        char *digit = changed + strlen(changed) - 64 + i;
        *digit = *digit == '0' ? '1' : '0';
        in = example(changed);
        must_fail(&in, "SignatureDoesNotMatch");
        free(changed);
    }
}

static void test_malformed(void **state)
{
    (void)state;
#define SCHEME "AWS4-HMAC-SHA256 "
    static const struct {
        const char *authorization, *code;
    } rows[] = {
        {"", "AuthorizationHeaderMalformed"},
        {"Basic Zm9vOmJhcg==", "AuthorizationHeaderMalformed"},
        {"AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"},
        {"AWS4-HMAC-SHA256-X " CREDENTIAL "," NAMES "," SIGNED, "AuthorizationHeaderMalformed"},
        {SCHEME NAMES "," SIGNED, "AuthorizationHeaderMalformed"},
        {SCHEME CREDENTIAL "," SIGNED, "AuthorizationHeaderMalformed"},
        {SCHEME CREDENTIAL "," NAMES, "AuthorizationHeaderMalformed"},
        {SCHEME CREDENTIAL "," NAMES ",Signature=", "AuthorizationHeaderMalformed"},
        {SCHEME CREDENTIAL "," NAMES ",Signature=f0e8", "AuthorizationHeaderMalformed"},
        {SCHEME CREDENTIAL "," NAMES "," SIGNED "0", "AuthorizationHeaderMalformed"},
        {SCHEME CREDENTIAL ",SignedHeaders=," SIGNED, "AuthorizationHeaderMalformed"},
        {SCHEME "Credential=," NAMES "," SIGNED, "AuthorizationHeaderMalformed"},
        {SCHEME "Credential=aws4_request," NAMES "," SIGNED, "AuthorizationHeaderMalformed"},
        {SCHEME "Credential=/////aws4_request," NAMES "," SIGNED, "AuthorizationHeaderMalformed"},
        {SCHEME "Credential=K/20130524/r/s3/aws4," NAMES "," SIGNED,
         "AuthorizationHeaderMalformed"},
        {SCHEME "Credential=K/201305240/r/s3/aws4_request," NAMES "," SIGNED,
         "AuthorizationHeaderMalformed"},
        {SCHEME "Credential=20130524/r/s3/aws4_request," NAMES "," SIGNED,
         "AuthorizationHeaderMalformed"},
        {SCHEME "Credential=K/20130524/r/s3/aws4_request," NAMES "," SIGNED, "InvalidAccessKeyId"},
        {SCHEME "Credential=AKIAIOSFODNN7EXAMPLE/20130525/us-east-1/s3/aws4_request," NAMES
                "," SIGNED,
         "SignatureDoesNotMatch"},
        {SCHEME CREDENTIAL ",SignedHeaders=range;x-amz-content-sha256;x-amz-date," SIGNED,
         "AccessDenied: the header host"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        incoming in = example(rows[i].authorization);
        must_fail(&in, rows[i].code);
    }
    incoming in = example("");
    in.headers[1].name = "X-Authorization";
    must_fail(&in, "AccessDenied: the request is not signed");
    in = example(SCHEME CREDENTIAL "," NAMES "," SIGNED);
    in.headers[4].name = "X-Date";
    must_fail(&in, "MissingSecurityHeader: wanted a header x-amz-date");
    in = example(SCHEME CREDENTIAL "," NAMES "," SIGNED);
    in.headers[3].name = "Content-Sha256";
    must_fail(&in, "MissingSecurityHeader: wanted a header x-amz-content-sha256");
}

static void test_clock(void **state)
{
    (void)state;
    const char *whole = SCHEME CREDENTIAL "," NAMES "," SIGNED;
    static const struct {
        int64_t off_ms;
        const char *code;
    } rows[] = {{0, NULL},
                {15 * 60 * 1000, NULL},
                {-15 * 60 * 1000, NULL},
                {15 * 60 * 1000 + 1, "RequestTimeTooSkewed"},
                {-15 * 60 * 1000 - 1, "RequestTimeTooSkewed"},
                {365 * 86400000LL, "RequestTimeTooSkewed"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        incoming in = example(whole);
        in.now += rows[i].off_ms;
        ff_sigv4_claim claim;
        if (rows[i].code)
            must_fail(&in, rows[i].code);
        else
            assert_int_equal(verify(&in, "", &claim, NULL), FF_OK);
    }
    static const char *const dates[] = {"20130524", "20130524T000000", "2013-05-24T00:00",
                                        "20130524T00000xZ", "20130524X000000Z"};
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        incoming in = example(whole);
        in.headers[4].value = dates[i];
        must_fail(&in, "AccessDenied: wanted a date");
    }
}

#define PRESIGNED                                                                                  \
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-" \
    "1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders="   \
    "host"
#define PRESIGNATURE "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"

static void test_presigned(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int64_t off_s;
        const char *code;
    } rows[] = {
        {PRESIGNED "&X-Amz-Signature=" PRESIGNATURE, 0, NULL},
        {"X-Amz-Signature=" PRESIGNATURE "&" PRESIGNED, 86400, NULL},
        {PRESIGNED "&X-Amz-Signature=" PRESIGNATURE, 86402,
         "AccessDenied: the request has expired"},
        {PRESIGNED "&X-Amz-Signature=" PRESIGNATURE, -901, "RequestTimeTooSkewed"},
        {PRESIGNED "&more=1&X-Amz-Signature=" PRESIGNATURE, 0, "SignatureDoesNotMatch"},
        {PRESIGNED "&X-Amz-Signature=aeeed9bb", 0, "AuthorizationQueryParametersError"},
        {PRESIGNED "&X-Amz-Signature=", 0, "AuthorizationQueryParametersError"},
        {"X-Amz-Signature=" PRESIGNATURE, 0, "AuthorizationQueryParametersError"},
        {PRESIGNED, 0, "AccessDenied: the request is not signed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        incoming in = {.method = "GET",
                       .path = "/test.txt",
                       .query = rows[i].query,
                       .headers = {{"host", HOST}, {"accept", "*/*"}},
                       .count = 2,
                       .now = DAY + rows[i].off_s * 1000};
        ff_sigv4_claim claim = {0};
        ff_err err = {0};
        if (rows[i].code) {
            must_fail(&in, rows[i].code);
        } else {
            assert_int_equal(verify(&in, "", &claim, &err), FF_OK);
            assert_true(claim.presigned);
            assert_int_equal(claim.expires_s, 86400);
        }
    }
    static const char *const expires[] = {"0", "604801", "-1", "1e3", "", "99999999999999999999"};
    for (size_t i = 0; i < sizeof expires / sizeof expires[0]; i++) {
        char query[600];
        snprintf(query, sizeof query,
                 "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%%2F20130524%%2Fr%%2Fs3%%2F"
                 "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=%s&X-Amz-SignedHeaders="
                 "host&X-Amz-Signature=%s",
                 expires[i], PRESIGNATURE);
        incoming in = {.method = "GET",
                       .path = "/",
                       .query = query,
                       .headers = {{"host", HOST}},
                       .count = 1,
                       .now = DAY};
        must_fail(&in, "AuthorizationQueryParametersError");
    }
}

/* What our signer writes passes our verifier, for both services, with and without a token. */
static void test_round_trip(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/b/k", "/b/a%20%2Fb/%C3%A9", "/b//x/../y",
                                        "/2015-03-31/functions/arn%3Aaws/invocations"};
    static const char *const queries[] = {"", "delete=", "list-type=2&prefix=a%2Fb&encoding-type"};
    static const char *const services[] = {"s3", "lambda"};
    static const char *const tokens[] = {"", "TOKEN/with+odd=chars=="};
    for (size_t n = 0; n < 5 * 3 * 2 * 2; n++) {
        const char *token = tokens[n / 30];
        ff_credentials credentials = {.access_key = "AKIAIOSFODNN7EXAMPLE",
                                      .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
        strcpy(credentials.session_token, token);
        static const ff_http_header extra[] = {{"Range", "bytes=0-9"}, {"x-amz-meta-a", " b   c "}};
        ff_sigv4_request request = {.method = "POST",
                                    .path = paths[n % 5],
                                    .query = queries[n / 5 % 3],
                                    .host = "127.0.0.1:9000",
                                    .headers = extra,
                                    .header_count = 2,
                                    .payload_hash = EMPTY,
                                    .region = "us-east-1",
                                    .service = services[n / 15 % 2],
                                    .epoch_ms = DAY};
        ff_arena *arena = ff_arena_new();
        ff_http_header added[4];
        int count = ff_sigv4_sign(&request, &credentials, arena, added);
        incoming in = {.method = "POST",
                       .path = request.path,
                       .query = request.query,
                       .headers = {{"Host", "127.0.0.1:9000"}, extra[0], extra[1]},
                       .count = 3,
                       .now = DAY};
        for (int i = 0; i < count; i++)
            in.headers[in.count++] = added[i];
        ff_sigv4_claim claim;
        ff_err err = {0};
        ff_code code = ff_sigv4_verify(in.method, in.path, in.query, in.headers, in.count, EMPTY,
                                       &credentials, DAY, &claim, &err);
        if (code)
            fail_msg("%s %s?%s: %s", request.service, request.path, request.query, err.message);
        strcpy(credentials.session_token, "another");
        code = ff_sigv4_verify(in.method, in.path, in.query, in.headers, in.count, EMPTY,
                               &credentials, DAY, &claim, &err);
        assert_int_equal(code, FF_DENIED);
        assert_non_null(strstr(err.message, "InvalidToken"));
        ff_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writings),  cmocka_unit_test(test_one_difference),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_clock),
        cmocka_unit_test(test_presigned), cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
