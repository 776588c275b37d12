/* Workers that fail, lie, hang or answer damaged bytes; a store that does. The error names stage
 * and function, nothing stays in flight or in the store, and the next request is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/rig.h"

static rig r;

static int set_up(void **state)
{
    (void)state;
    rig_start(&r, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&r);
    return 0;
}

static void fine_again(const char *members)
{
    ff_buf reply = {0};
    ff_envelope e = {0};
    ff_err err = {0};
    ff_code code = rig_ask(&r, members, &reply, &err);
    if (code)
        fail_msg("afterwards: %s", err.message);
    assert_int_equal(ff_envelope_parse(FF_ENV_REPLY, &reply, "runs/tiny/", &e, &err), FF_OK);
    assert_true(rig_is_y(&r, &e.tensor[0]));
    ff_envelope_clean(&e);
    ff_buf_clean(&reply);
}

static ff_code fail_format(rig *rig_, ff_buf *payload, ff_err *err)
{
    (void)rig_;
    (void)payload;
    return ff_err_set(err, FF_FORMAT, "this worker dislikes its task");
}

static ff_code other_function(rig *rig_, ff_buf *payload, ff_err *err)
{
    (void)rig_;
    (void)err;
    rig_replace(payload, "\"function\":\"w1\"", "\"function\":\"w9\"");
    return FF_OK;
}

static ff_code spoil_input(rig *rig_, ff_buf *payload, ff_err *err)
{
    (void)rig_;
    (void)err;
    char *at = memmem(payload->data, payload->len, "\"data\":\"", 8);
    at[600] = at[600] == 'A' ? 'B' : 'A';
    return FF_OK;
}

static ff_code spoil_output(rig *rig_, ff_buf *reply, ff_err *err)
{
    return spoil_input(rig_, reply, err);
}

static ff_code other_request(rig *rig_, ff_buf *reply, ff_err *err)
{
    (void)rig_;
    (void)err;
    char *at = memmem(reply->data, reply->len, "\"requestId\":\"", 13);
    at[13] = at[13] == '0' ? '1' : '0';
    return FF_OK;
}

static ff_code other_shape(rig *rig_, ff_buf *reply, ff_err *err)
{
    (void)rig_;
    (void)err;
    rig_replace(reply, "[1,4,8,12]", "[1,4,12,8]");
    return FF_OK;
}

static ff_code cut_short(rig *rig_, ff_buf *reply, ff_err *err)
{
    (void)rig_;
    (void)err;
    reply->len /= 2;
    return FF_OK;
}

static ff_code key_elsewhere(rig *rig_, ff_buf *reply, ff_err *err)
{
    (void)rig_;
    (void)err;
    rig_replace(reply, "\"key\":\"runs/tiny/", "\"key\":\"runs/tina/");
    return FF_OK;
}

static ff_code answer_nothing(rig *rig_, ff_buf *reply, ff_err *err)
{
    (void)rig_;
    (void)err;
    reply->len = 0;
    return FF_OK;
}

static void test_misbehaving_workers(void **state)
{
    (void)state;
    static const struct {
        int bad, times;
        ff_code (*before)(rig *, ff_buf *, ff_err *);
        ff_code (*after)(rig *, ff_buf *, ff_err *);
        const char *members;
        ff_code code;
        const char *message;
    } rows[] = {
        {1, 9, fail_format, NULL, "", FF_REMOTE,
         "stage 0, function tiny-w1: FORMAT: this worker dislikes its task"},
        {2, 9, fail_format, NULL, "\"policy\":\"store\",", FF_REMOTE,
         "stage 2, function tiny-w2: FORMAT: this worker dislikes its task"},
        {1, 9, other_function, NULL, "", FF_REMOTE, "stage 0, function tiny-w1: FORMAT: the task"},
        {1, 9, spoil_input, NULL, "", FF_REMOTE,
         "stage 0, function tiny-w1: CHECKSUM: tensor 'x': crc32c"},
        {1, 1, spoil_input, NULL, "", FF_OK, NULL}, /* tried once more */
        {0, 9, NULL, spoil_output, "", FF_CHECKSUM, "stage 0, function tiny-w0: tensor 'a': crc"},
        {0, 1, NULL, spoil_output, "", FF_OK, NULL},
        {0, 9, NULL, other_request, "", FF_FORMAT, "stage 0, function tiny-w0: the answer is for"},
        {0, 9, NULL, other_shape, "", FF_FORMAT, "wanted float32 1x4x8x12, found float32 1x4x12x8"},
        {0, 9, NULL, cut_short, "", FF_FORMAT, "stage 0, function tiny-w0: not JSON"},
        {0, 9, NULL, answer_nothing, "", FF_FORMAT, "stage 0, function tiny-w0: not JSON"},
        {0, 9, NULL, key_elsewhere, "\"policy\":\"store\",", FF_DENIED, "runs/tina/"},
        {2, 9, NULL, key_elsewhere, "\"policy\":\"store\",", FF_DENIED,
         "stage 2, function tiny-w2: tensor 'y': key"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_buf reply = {0};
        ff_err err = {0};
        memset(r.calls, 0, sizeof r.calls);
        r.bad = rows[i].bad;
        r.bad_calls = rows[i].times;
        r.before = rows[i].before;
        r.after = rows[i].after;
        ff_code code = rig_ask(&r, rows[i].members, &reply, &err);
        if (code != rows[i].code || (code && !strstr(err.message, rows[i].message)))
            fail_msg("row %zu: %s: %s", i, ff_code_name(code), err.message);
        assert_int_equal(reply.len > 0, !code);
        assert_int_equal(r.store.count, 0);
        assert_int_equal(ff_http_in_flight(r.http), 0);
        ff_buf_clean(&reply);
        r.bad = -1;
        fine_again("");
        fine_again("\"policy\":\"1500\",");
        ff_store_free(&r.store.store);
    }
}

/* One worker fails at once, the other never answers: it is not waited for. */
static void test_others_are_cancelled(void **state)
{
    (void)state;
    ff_buf reply = {0};
    ff_err err = {0};
    int64_t begun = ff_clock_now_ns();
    r.invoker.delay_ms = -1;
    char members[80];
    snprintf(members, sizeof members, "\"policy\":\"1424\",\"deadlineMs\":%lld,",
             (long long)ff_clock_wall_ms() + 60000);
    r.store.fail_put = FF_UNAVAILABLE; /* w0's input; w1's was started as well */
    assert_int_equal(rig_ask(&r, members, &reply, &err), FF_UNAVAILABLE);
    assert_non_null(strstr(err.message, "stage 0, function tiny-w"));
    assert_true(ff_clock_now_ns() - begun < 5000000000);
    assert_int_equal(ff_http_in_flight(r.http), 0);
    r.store.fail_put = FF_OK;
    r.invoker.delay_ms = 30; /* w1 is called by then */
    r.bad = 0;               /* w0 fails when called, w1's answer is 10 minutes away */
    r.bad_calls = 9;
    r.before = fail_format;
    r.invoker.slow = "tiny-w1";
    r.invoker.slow_ms = 600000;
    assert_int_equal(rig_ask(&r, "\"policy\":\"store\",", &reply, &err), FF_REMOTE);
    assert_non_null(strstr(err.message, "function tiny-w0: FORMAT"));
    assert_int_equal(r.invoker.cancelled, 1);
    assert_int_equal(r.store.count, 0);
    assert_true(ff_clock_now_ns() - begun < 10000000000);
    r.bad = -1;
    r.invoker.slow = NULL;
    fine_again("");
}

static void test_store_down(void **state)
{
    (void)state;
    static const struct {
        bool workers; /* whose view of the store fails */
        ff_code put, get;
        const char *message;
    } rows[] = {
        {false, FF_UNAVAILABLE, FF_OK, "stage 0, function tiny-w"},
        {false, FF_OK, FF_UNAVAILABLE, "stage 0, function tiny-w"},
        {true, FF_UNAVAILABLE, FF_OK, ": put: the store was told to fail"},
        {true, FF_OK, FF_UNAVAILABLE, "UNAVAILABLE: tensor 'x': the store"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake_store *s = rows[i].workers ? &r.worker_store : &r.store;
        ff_buf reply = {0};
        ff_err err = {0};
        s->fail_put = rows[i].put;
        s->fail_get = rows[i].get;
        ff_code code = rig_ask(&r, "\"policy\":\"store\",", &reply, &err);
        assert_int_equal(code, rows[i].workers ? FF_REMOTE : FF_UNAVAILABLE);
        if (!strstr(err.message, rows[i].message))
            fail_msg("row %zu: %s", i, err.message);
        assert_int_equal(r.store.count, 0);
        fine_again(""); /* what needs no store is served */
        s->fail_put = s->fail_get = FF_OK;
        fine_again("\"policy\":\"1500\",");
        ff_store_free(&r.store.store);
    }
}

/* A GET that is damaged is repeated, by either side; a removal that fails costs no answer. */
static void test_store_damages(void **state)
{
    (void)state;
    r.store.corrupt_gets = 1;
    r.worker_store.corrupt_gets = 1;
    fine_again("\"policy\":\"1500\",");
    ff_store_free(&r.store.store);
    r.worker_store.corrupt_gets = 2; /* past the worker's own retry: the master's */
    fine_again("\"policy\":\"store\",");
    ff_store_free(&r.store.store);
    r.store.fail_remove = FF_UNAVAILABLE;
    fine_again("\"policy\":\"1500\",");
    assert_true(r.store.count > 1);
    ff_store_free(&r.store.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_misbehaving_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_others_are_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store_damages, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
