/* The master computes piece 0 of a fan-out itself: the same answers by every policy, a worker less,
 * and one error where it or a worker fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/rig.h"

static rig r;

static void test_every_policy(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        int puts; /* of w1's x, its a and b; then as without the master's own piece */
    } rows[] = {
        {"", 0},
        {"\"policy\":\"store\",", 1 + 2 + 2 + 1 + 1},
        {"\"policy\":\"1500\",", 0 + 1 + 2 + 1 + 1},
    };
    rig_start_with(&r, true, (tiny_bundle){.own = true});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_buf reply = {0};
        ff_envelope e = {0};
        ff_err err = {0};
        r.store.puts = r.worker_store.puts = r.invoker.calls = 0;
        if (rig_ask(&r, rows[i].members, &reply, &err))
            fail_msg("%s: %s", rows[i].members, err.message);
        assert_int_equal(ff_envelope_parse(FF_ENV_REPLY, &reply, "runs/tiny/", &e, &err), FF_OK);
        assert_true(rig_is_y(&r, &e.tensor[0]));
        assert_int_equal(r.invoker.calls, 2);
        assert_int_equal(r.store.puts + r.worker_store.puts, rows[i].puts);
        assert_int_equal(r.store.count, e.tensor[0].route == FF_ROUTE_STORE);
        ff_envelope_clean(&e);
        ff_buf_clean(&reply);
        ff_store_free(&r.store.store);
    }
    rig_stop(&r);
}

static double ms_of(yyjson_val *piece, const char *name)
{
    return yyjson_get_num(yyjson_obj_get(piece, name));
}

/* Its time is in the trace; it is gathered while the worker still hangs. */
static void test_trace(void **state)
{
    (void)state;
    ff_buf reply = {0};
    ff_envelope e = {0};
    ff_err err = {0};
    rig_start_with(&r, true, (tiny_bundle){.own = true});
    r.invoker.slow = "tiny-w1";
    r.invoker.slow_ms = 300;
    assert_int_equal(rig_ask(&r, "\"trace\":true,", &reply, &err), FF_OK);
    assert_int_equal(ff_envelope_parse(FF_ENV_REPLY, &reply, NULL, &e, &err), FF_OK);
    yyjson_val *stage = yyjson_arr_get_first(yyjson_obj_get(e.trace_json, "stages"));
    yyjson_val *pieces = yyjson_obj_get(stage, "pieces");
    yyjson_val *own = yyjson_arr_get(pieces, 0), *worker = yyjson_arr_get(pieces, 1);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(own, "function")), "master");
    assert_true(yyjson_is_null(yyjson_obj_get(own, "worker")));
    assert_true(ms_of(own, "compute_ms") > 0);
    assert_true(ms_of(own, "compute_ms") <= ms_of(own, "ms"));
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(own, "inputs")), 0);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(worker, "function")), "w1");
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(worker, "inputs")), 1);
    assert_true(ms_of(worker, "ms") >= 300);
    assert_true(ms_of(own, "start_ms") + ms_of(own, "ms") <
                ms_of(worker, "start_ms") + ms_of(worker, "ms"));
    ff_envelope_clean(&e);
    ff_buf_clean(&reply);
    rig_stop(&r);
}

static ff_code dislike(rig *rig_, ff_buf *payload, ff_err *err)
{
    (void)rig_;
    (void)payload;
    return ff_err_set(err, FF_FORMAT, "this worker dislikes its task");
}

static void fails_with(const char *message)
{
    ff_buf reply = {0};
    ff_err err = {0};
    assert_int_not_equal(rig_ask(&r, "\"policy\":\"store\",", &reply, &err), FF_OK);
    if (!strstr(err.message, message))
        fail_msg("'%s' is not in '%s'", message, err.message);
    assert_int_equal(r.invoker.in_flight, 0);
    assert_int_equal(r.store.count, 0);
    assert_int_equal(reply.len, 0);
}

static void test_failures(void **state)
{
    (void)state;
    rig_start_with(&r, true, (tiny_bundle){.own = true});
    r.bad = 1;
    r.bad_calls = 1;
    r.before = dislike;
    fails_with("stage 0, function tiny-w1: FORMAT: this worker dislikes its task");
    ff_buf reply = {0};
    assert_int_equal(rig_ask(&r, "", &reply, NULL), FF_OK); /* and the next one is answered */
    ff_buf_clean(&reply);
    rig_stop(&r);
    rig_start_with(&r, true, (tiny_bundle){.own = true, .own_wrong = true});
    r.invoker.slow = "tiny-w1";
    r.invoker.slow_ms = -1; /* would hang for ever: it is cancelled */
    fails_with("stage 0, master: ");
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_policy),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
