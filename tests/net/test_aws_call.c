/* The parts of a signed call that need no server: hosts, body hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/hash.h"
#include "net/aws_call.h"

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint, *base, *host;
        bool tls;
    } rows[] = {
        {"http://127.0.0.1:9000/", "http://127.0.0.1:9000", "127.0.0.1:9000", false},
        {"http://h:80", "http://h:80", "h", false},
        {"https://h:80", "https://h:80", "h:80", true},
        {"https://h:443/", "https://h:443", "h", true},
        {"http://[::1]:9000", "http://[::1]:9000", "[::1]:9000", false},
        {"https://s3.eu-west-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com",
         "s3.eu-west-1.amazonaws.com", true},
    };
    ff_credentials credentials = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_aws_service service = {0};
        assert_int_equal(ff_aws_service_init(&service, "s3", rows[i].endpoint, "eu-west-1",
                                             &credentials, 0, NULL),
                         FF_OK);
        assert_string_equal(service.base, rows[i].base);
        assert_string_equal(service.host, rows[i].host);
        assert_int_equal(service.tls, rows[i].tls);
        assert_int_equal(service.max_attempts, FF_AWS_ATTEMPTS);
        ff_aws_service_clean(&service);
        ff_aws_service_clean(&service);
    }
}

static void test_body(void **state)
{
    (void)state;
    char hash[65], whole[65];
    ff_http_body body = {4,
                         {{(const uint8_t *)"{\"a\"", 4},
                          {NULL, 0},
                          {(const uint8_t *)":", 1},
                          {(const uint8_t *)"1}", 2}}};
    ff_aws_hash_body(&body, hash);
    ff_hash_sha256_hex(ff_bytes_of("{\"a\":1}", 7), whole);
    assert_string_equal(hash, whole);
    assert_int_equal(ff_aws_body_bytes(&body), 7);
    body.count = 0;
    ff_aws_hash_body(&body, hash);
    assert_string_equal(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
