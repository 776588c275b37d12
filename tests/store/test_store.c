/* Opening a store by its URL. What every store does is in tests/conform. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* A server that takes connections and says nothing: given up long before the deadline. */
static void test_idle(void **state)
{
    (void)state;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    char url[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&name, &size), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(name.sin_port));
    setenv("AWS_ENDPOINT_URL_S3", url, 1);
    setenv("AWS_REGION", "eu-west-1", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    ff_http *http = NULL;
    ff_store *store = NULL;
    ff_buf body = {0};
    ff_err err = {0};
    assert_int_equal(ff_http_new(NULL, &http, NULL), FF_OK);
    static const char *const BAD[] = {"0", "-1", "1s", "99999999999"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        setenv("FANFOLD_STORE_IDLE_MS", BAD[i], 1);
        assert_int_equal(ff_store_open("s3://bucket", http, &store, &err), FF_USAGE);
        assert_non_null(strstr(err.message, "FANFOLD_STORE_IDLE_MS"));
    }
    setenv("FANFOLD_STORE_IDLE_MS", "30", 1);
    assert_int_equal(ff_store_open("s3://bucket", http, &store, &err), FF_OK);
    ff_code code = ff_store_get_wait(store, "k", 10, ff_clock_deadline_ms(9000), &body, &err);
    assert_int_equal(code, FF_UNAVAILABLE); /* FF_TIMEOUT at the deadline */
    ff_store_free(store);
    ff_http_free(http);
    close(fd);
    unsetenv("FANFOLD_STORE_IDLE_MS");
    unsetenv("AWS_ENDPOINT_URL_S3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open_refuses),
                                       cmocka_unit_test(test_idle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
