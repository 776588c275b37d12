/* Opening a store by its URL. What every store does is in tests/conform. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

static void test_open_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "redis://x",      "/tmp/x",   "s3:bucket",
                                      "dir",     "dir:",           "s3://",    "s3://ab",
                                      "s3://UP", "s3://b/pre/fix", "s3://a_b", "http://x"};
    ff_http *http = NULL;
    ff_store *store = NULL;
    setenv("AWS_REGION", "eu-west-1", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    assert_int_equal(ff_http_new(NULL, &http, NULL), FF_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ff_err err = {0};
        if (ff_store_open(bad[i], http, &store, &err) != FF_USAGE)
            fail_msg("'%s'", bad[i]);
        assert_null(store);
        assert_true(*err.message);
    }
    assert_int_equal(ff_store_open("s3://bucket", http, &store, NULL), FF_OK);
    assert_string_equal(store->ops->name, "s3");
    ff_store_free(store);
    store = NULL;
    setenv("AWS_ENDPOINT_URL_S3", "localhost:9000", 1);
    assert_int_equal(ff_store_open("s3://bucket", http, &store, NULL), FF_USAGE);
    unsetenv("AWS_ENDPOINT_URL_S3");
    unsetenv("AWS_ACCESS_KEY_ID");
    assert_int_equal(ff_store_open("s3://bucket", http, &store, NULL), FF_DENIED);
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    assert_int_equal(ff_store_open("s3://bucket", http, &store, NULL), FF_USAGE);
    assert_null(store);
    ff_store_free(NULL);
    ff_http_free(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open_refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
