/* What every store must do. A further backend is one more row of BACKENDS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "local/local.h"
#include "store/store.h"

typedef struct backend {
    const char *name;
    ff_store *(*open)(void);
    void (*close)(void);
} backend;

static ff_http *http;
static ff_store *store;
static ff_local *platform;
static char folder[64];

static ff_store *open_dir(void)
{
    char url[80];
    ff_store *s = NULL;
    strcpy(folder, "/tmp/fanfold-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "dir:%s/objects", folder);
    assert_int_equal(ff_store_open(url, http, &s, NULL), FF_OK);
    return s;
}

static void close_dir(void)
{
    assert_int_equal(ff_dir_remove(folder, NULL), FF_OK);
}

/* S3's interface as the local platform speaks it, signatures and all. */
static ff_store *open_s3(void)
{
    ff_store *s = NULL;
    ff_err err = {0};
    if (ff_local_start(&(ff_local_options){.bucket = "conform"}, &platform, &err))
        fail_msg("%s", err.message);
    ff_s3_options options = {.bucket = "conform",
                             .endpoint = ff_local_endpoint(platform),
                             .region = ff_local_region(platform),
                             .credentials = *ff_local_credentials(platform)};
    assert_int_equal(ff_store_s3_new(http, &options, &s, NULL), FF_OK);
    return s;
}

static void close_s3(void)
{
    ff_local_stop(platform);
}

static const backend BACKENDS[] = {
    {"dir", open_dir, close_dir},
    {"s3", open_s3, close_s3},
};

static int64_t soon(void)
{
    return ff_clock_deadline_ms(30000);
}

static ff_code put(const char *key, const void *data, size_t len, bool if_absent, ff_err *err)
{
    ff_store_put p = {
        .key = key, .body = {1, {{data, len}}}, .if_absent = if_absent, .deadline_ns = soon()};
    return ff_store_put_wait(store, &p, err);
}

static void must_hold(const char *key, const void *data, size_t len)
{
    ff_buf body = {0};
    ff_err err = {0};
    if (ff_store_get_wait(store, key, len, soon(), &body, &err))
        fail_msg("get '%s': %s", key, err.message);
    assert_int_equal(body.len, len);
    if (len)
        assert_memory_equal(body.data, data, len);
    ff_buf_clean(&body);
}

static void must_be_absent(const char *key)
{
    ff_buf body = {.len = 77};
    ff_err err = {0};
    assert_int_equal(ff_store_get_wait(store, key, 1 << 20, soon(), &body, &err), FF_NOT_FOUND);
    assert_non_null(strstr(err.message, key));
    assert_int_equal(body.len, 77);
}

static uint8_t *noise(size_t len)
{
    uint8_t *data = malloc(len ? len : 1);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)((i * 2654435761u) >> 11);
    return data;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 65536, 5000001};
    uint8_t *data = noise(5000001);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t n = sizes[i], cut = n / 3;
        ff_store_put p = {
            .key = "d/2026-01-01_00h00m00s_UTC/r/0/w1/input.npy",
            .body = {4, {{data, cut}, {NULL, 0}, {data + cut, 1 < n ? 1 : n - cut}, {NULL, 0}}},
            .deadline_ns = soon()};
        size_t sent = p.body.part[0].len + p.body.part[2].len;
        p.body.part[3] = (ff_bytes){data + sent, n - sent};
        ff_err err = {0};
        if (ff_store_put_wait(store, &p, &err))
            fail_msg("%zu bytes: %s", n, err.message);
        must_hold(p.key, data, n); /* each one written over the one before */
    }
    free(data);
}

static void test_absent(void **state)
{
    (void)state;
    must_be_absent("nothing");
    must_be_absent("nothing/at/all.npy");
    assert_int_equal(put("some/thing", "x", 1, false, NULL), FF_OK);
    must_be_absent("some");
    must_be_absent("some/thin");
    must_be_absent("some/thing2");
}

static void test_if_absent(void **state)
{
    (void)state;
    ff_err err = {0};
    assert_int_equal(put("once/k", "first", 5, true, &err), FF_OK);
    assert_int_equal(put("once/k", "second", 6, true, &err), FF_CONFLICT);
    assert_non_null(strstr(err.message, "once/k"));
    must_hold("once/k", "first", 5);
    assert_int_equal(put("once/k", "third", 5, false, &err), FF_OK);
    must_hold("once/k", "third", 5);
}

static void test_bounds(void **state)
{
    (void)state;
    ff_buf body = {0};
    ff_err err = {0};
    assert_int_equal(put("bound", "12345", 5, false, NULL), FF_OK);
    must_hold("bound", "12345", 5);
    static const size_t maxima[] = {0, 1, 4};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ff_store_get_wait(store, "bound", maxima[i], soon(), &body, &err),
                         FF_LIMIT);
        assert_null(body.data);
    }
    must_be_absent("unbound"); /* an error is told even to who wants 1 byte */
    assert_int_equal(ff_store_get_wait(store, "unbound", 1, soon(), &body, &err), FF_NOT_FOUND);
}

static void test_late(void **state)
{
    (void)state;
    int64_t now = ff_clock_now_ns();
    ff_buf body = {0};
    const char *const keys[] = {"late"};
    ff_store_put p = {.key = "late", .body = {1, {{(const uint8_t *)"x", 1}}}, .deadline_ns = now};
    assert_int_equal(ff_store_put_wait(store, &p, NULL), FF_TIMEOUT);
    assert_int_equal(ff_store_get_wait(store, "late", 10, now, &body, NULL), FF_TIMEOUT);
    assert_int_equal(ff_store_remove_wait(store, keys, 1, now, NULL), FF_TIMEOUT);
    must_be_absent("late");
}

static void test_keys(void **state)
{
    (void)state;
    char longest[1025] = "";
    for (int i = 0; i < 1024; i++)
        longest[i] = i % 200 == 199 ? '/' : 'k';
    static const char *const good[] = {
        "a b",     "a+b",     "a%2Fb", "a&b<c>d\"e'f", "\xc3\xa9t\xc3\xa9/\xe2\x82\xac", "...",
        ".hidden", "q?x=1&y", "#hash", "~-_.",         "w:x,y;z=@!$()*[]{}|\\^`",
    };
    ff_err err = {0};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char key[100];
        snprintf(key, sizeof key, "keys/%s", good[i]);
        if (put(key, &good[i], sizeof good[i], true, &err))
            fail_msg("'%s': %s", key, err.message);
    }
    const char *names[12] = {longest};
    char kept[11][100];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(kept[i], sizeof kept[i], "keys/%s", good[i]);
        must_hold(kept[i], &good[i], sizeof good[i]);
        names[i + 1] = kept[i];
    }
    assert_int_equal(put(longest, "long", 4, false, &err), FF_OK);
    must_hold(longest, "long", 4);
    assert_int_equal(ff_store_remove_wait(store, names, 12, soon(), &err), FF_OK);
    for (size_t i = 1; i < 12; i++)
        must_be_absent(names[i]);
}

static void test_bad_keys(void **state)
{
    (void)state;
    char long_key[1026];
    memset(long_key, 'k', 1025);
    long_key[1025] = '\0';
    const char *const bad[] = {"",     "/",    "/a",     "a/",    "a//b", ".",     "..",    "./a",
                               "a/..", "../a", "a/../b", "a/./b", "a\nb", "a\x7f", long_key};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const keys[] = {"good", bad[i]};
        ff_buf body = {0};
        ff_err err = {0};
        if (put(bad[i], "x", 1, false, &err) != FF_FORMAT)
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(ff_store_get_wait(store, bad[i], 10, soon(), &body, &err), FF_FORMAT);
        assert_int_equal(ff_store_remove_wait(store, keys, 2, soon(), &err), FF_FORMAT);
    }
}

static void test_remove(void **state)
{
    (void)state;
    enum { COUNT = 1500 }; /* over one DeleteObjects request */
    static char names[COUNT][40];
    const char *keys[COUNT];
    ff_err err = {0};
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "many/%d/k%d", i % 7, i);
        keys[i] = names[i];
        if (i % 5 == 0) /* the others are absent, which is fine */
            assert_int_equal(put(names[i], "x", 1, false, NULL), FF_OK);
    }
    assert_int_equal(put("many/kept", "x", 1, false, NULL), FF_OK);
    if (ff_store_remove_wait(store, keys, COUNT, soon(), &err))
        fail_msg("%s", err.message);
    for (int i = 0; i < COUNT; i += 35)
        must_be_absent(keys[i]);
    must_hold("many/kept", "x", 1);
    assert_int_equal(ff_store_remove_wait(store, keys, 0, soon(), &err), FF_OK);
    assert_int_equal(ff_store_remove_wait(store, keys, 1, soon(), &err), FF_OK);
}

typedef struct tally {
    int calls, ok;
    uint64_t bytes;
    ff_buf taken;
} tally;

static void count_done(void *user, ff_code code, const ff_err *err, ff_store_result *result)
{
    tally *t = user;
    if (code)
        print_error("%s\n", err->message);
    t->calls++;
    t->ok += code == FF_OK;
    t->bytes += result->bytes;
    assert_true(result->attempts >= 1 || result->bytes == 0);
    assert_true(result->started_ns <= result->done_ns);
    if (!t->taken.data) {
        t->taken = result->body;
        result->body = (ff_buf){0};
    }
}

static void test_many_at_once(void **state)
{
    (void)state;
    enum { COUNT = 32, LEN = 300000 };
    uint8_t *data = noise(LEN);
    char key[40];
    tally puts = {0}, gets = {0};
    ff_store_put p = {.key = key, .body = {1, {{data, LEN}}}, .deadline_ns = soon()};
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "at-once/%d", i);
        assert_int_equal(ff_store_put_start(store, &p, count_done, &puts, NULL), FF_OK);
    }
    strcpy(key, "changed after the start");
    assert_int_equal(ff_http_drain(http, NULL), FF_OK);
    assert_int_equal(puts.calls, COUNT);
    assert_int_equal(puts.ok, COUNT);
    assert_int_equal(puts.bytes, COUNT * LEN);
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "at-once/%d", i);
        assert_int_equal(ff_store_get_start(store, key, LEN, soon(), count_done, &gets, NULL),
                         FF_OK);
    }
    assert_int_equal(ff_http_drain(http, NULL), FF_OK);
    assert_int_equal(gets.ok, COUNT);
    assert_int_equal(gets.bytes, COUNT * LEN);
    assert_int_equal(gets.taken.len, LEN);
    assert_memory_equal(gets.taken.data, data, LEN);
    ff_buf_clean(&gets.taken);
    free(data);
}

static int open_backend(void **state)
{
    const backend *b = *state;
    (void)state;
    assert_int_equal(ff_http_new(NULL, &http, NULL), FF_OK);
    store = b->open();
    assert_string_equal(store->ops->name, b->name);
    return 0;
}

static int close_backend(void **state)
{
    const backend *b = *state;
    ff_store_free(store);
    ff_http_free(http);
    b->close();
    return 0;
}

/* One life of a backend for all cases, as a deployment has it. */
static void test_backend(void **state)
{
    static const struct {
        const char *name;
        void (*run)(void **);
    } cases[] = {
        {"round trip", test_round_trip},
        {"absent", test_absent},
        {"if absent", test_if_absent},
        {"bounds", test_bounds},
        {"late", test_late},
        {"keys", test_keys},
        {"bad keys", test_bad_keys},
        {"remove", test_remove},
        {"many at once", test_many_at_once},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("           %s: %s\n", store->ops->name, cases[i].name);
        cases[i].run(state);
    }
}

int main(void)
{
    struct CMUnitTest tests[sizeof BACKENDS / sizeof BACKENDS[0]];
    for (size_t i = 0; i < sizeof BACKENDS / sizeof BACKENDS[0]; i++)
        tests[i] = (struct CMUnitTest){BACKENDS[i].name, test_backend, open_backend, close_backend,
                                       (void *)(uintptr_t)&BACKENDS[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
