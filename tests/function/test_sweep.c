/* Objects that are to go: each once, none forgotten when a removal fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "function/master_int.h"
#include "support/fake_store.h"

static ff_http *http;
static fake_store fake;
static ff_function f;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(ff_http_new(NULL, &http, NULL), FF_OK);
    fake_store_init(&fake, http);
    f = (ff_function){.http = http, .store = &fake.store};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ff_http_free(http);
    ff_store_free(&fake.store);
    return 0;
}

static void put(const char *key)
{
    ff_store_put p = {.key = key, .body = {1, {{(const uint8_t *)"x", 1}}}};
    assert_int_equal(ff_store_put_wait(&fake.store, &p, NULL), FF_OK);
}

static void drive(ff_sweep *sweep)
{
    assert_int_equal(ff_function_drive(&f, ff_sweep_going, sweep, NULL), FF_OK);
}

static void test_sweep(void **state)
{
    (void)state;
    ff_sweep sweep;
    put("a/1");
    put("a/2");
    put("a/3");
    ff_sweep_init(&sweep, &f);
    ff_sweep_start(&sweep, FF_NEVER); /* nothing to do is done at once */
    assert_false(ff_sweep_going(&sweep));
    ff_sweep_add(&sweep, "a/1");
    ff_sweep_add(&sweep, "a/2");
    ff_sweep_add(&sweep, "a/1");
    assert_int_equal(ff_sweep_left(&sweep), 2);
    ff_sweep_start(&sweep, FF_NEVER);
    ff_sweep_add(&sweep, "a/3");
    ff_sweep_start(&sweep, FF_NEVER); /* only the new one */
    assert_int_equal(fake.removes, 2);
    assert_int_equal(sweep.going, 2);
    drive(&sweep);
    assert_int_equal(ff_sweep_left(&sweep), 0);
    assert_int_equal(fake.count, 0);
    ff_sweep_start(&sweep, FF_NEVER);
    assert_int_equal(fake.removes, 2);
    put("a/1"); /* written again, told again */
    ff_sweep_add(&sweep, "a/1");
    assert_int_equal(ff_sweep_left(&sweep), 1);
    fake.fail_remove = FF_UNAVAILABLE;
    ff_sweep_start(&sweep, FF_NEVER);
    drive(&sweep);
    assert_int_equal(ff_sweep_left(&sweep), 1);
    assert_int_equal(sweep.err.code, FF_UNAVAILABLE);
    fake.fail_remove = FF_OK;
    fake.hang = true;
    ff_sweep_start(&sweep, FF_NEVER);
    ff_http_cancel_all(http);
    assert_false(ff_sweep_going(&sweep));
    fake.hang = false;
    ff_sweep_start(&sweep, FF_NEVER);
    drive(&sweep);
    assert_int_equal(ff_sweep_left(&sweep), 0);
    assert_int_equal(fake.count, 0);
    ff_sweep_clean(&sweep);
}

static void test_many(void **state)
{
    (void)state;
    ff_sweep sweep;
    ff_sweep_init(&sweep, &f);
    for (int i = 0; i < 2500; i++) {
        char key[32];
        snprintf(key, sizeof key, "k/%d", i);
        ff_sweep_add(&sweep, key);
    }
    ff_sweep_start(&sweep, FF_NEVER);
    assert_int_equal(fake.removes, 3); /* a thousand at a time */
    drive(&sweep);
    assert_int_equal(ff_sweep_left(&sweep), 0);
    ff_sweep_clean(&sweep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
