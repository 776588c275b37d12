/* aws-chunked bodies: AWS's published examples, and everything that is to be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "local/s3_int.h"
#include "support/guard.h"

static ff_code decode(const char *text, size_t len, ff_s3_chunked *chunked, ff_buf *out,
                      ff_err *err)
{
    guard g = guard_copy(text, len); /* a byte read past the end would be a crash */
    ff_buf body = {.data = g.data, .len = len, .room = len};
    ff_code code = ff_s3_decode_chunked(&body, chunked, err);
    if (!code)
        ff_buf_append(out, body.data, body.len, NULL);
    guard_free(&g);
    return code;
}

static void test_unsigned(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *decoded; /* NULL: refused */
        const char *trailer;
    } rows[] = {
        {"3\r\nabc\r\n0\r\n\r\n", "abc", ""},
        {"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n", "abc", "NSRBwg=="},
        {"3\r\nabc\r\n0\r\nX-Amz-Checksum-CRC32 : NSRBwg== \r\n\r\n", "abc", "NSRBwg=="},
        {"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc", ""},
        {"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "", "AAAAAA=="},
        {"0\r\n\r\n", "", ""},
        {"0\r\n", "", ""},
        {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""},
        {"", NULL, NULL},
        {"3", NULL, NULL},
        {"3\r\n", NULL, NULL},
        {"3\r\nab", NULL, NULL},
        {"3\r\nabc", NULL, NULL},
        {"3\r\nabcX\r\n0\r\n\r\n", NULL, NULL},
        {"3\r\nabc\r\n", NULL, NULL},
        {"x\r\nabc\r\n0\r\n\r\n", NULL, NULL},
        {"-3\r\nabc\r\n0\r\n\r\n", NULL, NULL},
        {"ffffffffffffffff\r\nabc\r\n0\r\n\r\n", NULL, NULL},
        {"7fffffffffffffe\r\nabc\r\n0\r\n\r\n", NULL, NULL},
        {"3;other=1\r\nabc\r\n0\r\n\r\n", NULL, NULL},
        {"3\r\nabc\r\n0\r\nno colon\r\n\r\n", NULL, NULL},
        {"3\r\nabc\r\n0\r\n\r\nmore", NULL, NULL},
        {"3\r\nabc\r\n0\r\nx-amz-trailer-signature:short\r\n\r\n", NULL, NULL},
        {"0\r\na:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\nf:1\r\ng:1\r\nh:1\r\ni:1\r\nj:1\r\nk:1\r\n\r\n",
         NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_s3_chunked chunked = {.decoded_length = UINT64_MAX};
        ff_buf out = {0};
        ff_err err = {0};
        ff_code code = decode(rows[i].body, strlen(rows[i].body), &chunked, &out, &err);
        if (code != (rows[i].decoded ? FF_OK : FF_FORMAT))
            fail_msg("row %zu: %s", i, err.message);
        if (rows[i].decoded) {
            assert_int_equal(out.len, strlen(rows[i].decoded));
            assert_memory_equal(out.data ? (const char *)out.data : "", rows[i].decoded, out.len);
            assert_string_equal(chunked.trailer_value, rows[i].trailer);
        }
        ff_buf_clean(&out);
    }
}

static void test_declared_length(void **state)
{
    (void)state;
    for (uint64_t declared = 2; declared <= 4; declared++) {
        ff_s3_chunked chunked = {.decoded_length = declared};
        ff_buf out = {0};
        assert_int_equal(decode("3\r\nabc\r\n0\r\n\r\n", 13, &chunked, &out, NULL),
                         declared == 3 ? FF_OK : FF_FORMAT);
        ff_buf_clean(&out);
    }
}

/* The examples of "Signature calculations: transferring payload in multiple chunks" and of the same
 * with trailing headers: 65 KiB and 1 KiB of 'a'. */
static const ff_sigv4_claim CLAIM = {.access_key = "AKIAIOSFODNN7EXAMPLE",
                                     .date = "20130524",
                                     .region = "us-east-1",
                                     .service = "s3",
                                     .amz_date = "20130524T000000Z"};
static const ff_credentials CREDENTIALS = {
    .access_key = "AKIAIOSFODNN7EXAMPLE", .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};

static void put_chunk(ff_buf *body, size_t len, const char *signature)
{
    ff_buf_printf(body, NULL, "%zx;chunk-signature=%s\r\n", len, signature);
    ff_buf_reserve(body, len + 2, NULL);
    memset(body->data + body->len, 'a', len);
    body->len += len;
    if (len)
        ff_buf_text(body, "\r\n", NULL);
}

static void test_signed(void **state)
{
    (void)state;
    static const struct {
        bool trailer;
        size_t flip; /* this byte is changed; 0 = none */
        ff_code code;
    } rows[] = {{false, 0, FF_OK},        {false, 200, FF_DENIED}, {false, 65800, FF_DENIED},
                {false, 40, FF_DENIED},   {true, 0, FF_OK},        {true, 200, FF_DENIED},
                {true, 66900, FF_DENIED}, {true, 66875, FF_DENIED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_buf body = {0}, out = {0};
        ff_err err = {0};
        ff_s3_chunked chunked = {.claim = &CLAIM,
                                 .credentials = &CREDENTIALS,
                                 .signed_trailer = rows[i].trailer,
                                 .decoded_length = 66560};
        if (rows[i].trailer) {
            chunked.seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
            put_chunk(&body, 65536,
                      "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
            put_chunk(&body, 1024,
                      "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
            put_chunk(&body, 0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
            ff_buf_text(&body,
                        "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:"
                        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
                        NULL);
        } else {
            chunked.seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
            put_chunk(&body, 65536,
                      "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
            put_chunk(&body, 1024,
                      "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
            put_chunk(&body, 0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
            ff_buf_text(&body, "\r\n", NULL);
            assert_int_equal(body.len, 66824); /* as AWS says */
        }
        if (rows[i].flip)
            body.data[rows[i].flip] ^= 1;
        ff_code code = decode((const char *)body.data, body.len, &chunked, &out, &err);
        if (code != rows[i].code)
            fail_msg("row %zu: %s %s", i, ff_code_name(code), err.message);
        if (!code)
            assert_int_equal(out.len, 66560);
        ff_buf_clean(&body);
        ff_buf_clean(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_declared_length),
        cmocka_unit_test(test_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
