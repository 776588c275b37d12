/* A worker alone: its task done by either route, and tasks that are not for it or not sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/rig.h"

#define STAMP "2026-01-01_00h00m00s_UTC"

static rig r;
static ff_tensor b, c; /* w2's inputs */
static ff_share share;

static int set_up(void **state)
{
    (void)state;
    rig_start(&r, true);
    assert_int_equal(ff_share_init(&share, &r.store.store, "runs", "tiny", NULL), FF_OK);
    ff_shape sb = {4, {1, 2, RIG_HEIGHT, RIG_WIDTH}}, sc = {4, {1, 4, RIG_HEIGHT, RIG_WIDTH}};
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &sb, &b, NULL), FF_OK);
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &sc, &c, NULL), FF_OK);
    for (size_t i = 0; i < b.bytes / 4; i++)
        ((float *)(void *)b.data)[i] = (float)i;
    memset(c.data, 0, c.bytes); /* y = Conv1x1(0) + b = b */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ff_tensor_clean(&b);
    ff_tensor_clean(&c);
    rig_stop(&r);
    return 0;
}

/* w2's task with that policy; clean the send afterwards. */
static void make_task(ff_send *send, ff_policy policy, int64_t deadline_ms)
{
    ff_env_head head = {.kind = FF_ENV_TASK,
                        .deployment = "tiny",
                        .request_id = "id-1",
                        .timestamp = STAMP,
                        .stage = 2,
                        .function = "w2",
                        .policy = &policy,
                        .deadline_ms = deadline_ms};
    ff_send_part parts[] = {{"b", &b, ff_region_whole(&b.shape)},
                            {"c", &c, ff_region_whole(&c.shape)}};
    ff_send_options o = {
        .policy = policy, .place = {NULL, NULL, STAMP, "id-1", 2, "w2"}, .deadline_ns = FF_NEVER};
    ff_send_start(send, &share, &head, parts, 2, &o);
    while (send->pending)
        assert_int_equal(ff_http_poll(r.http, FF_NEVER, NULL), FF_OK);
    assert_int_equal(ff_send_finish(send, "", NULL), FF_OK);
}

static ff_code ask(ff_buf *payload, ff_buf *reply, ff_err *err)
{
    ff_call call = {payload, "platform-id", FF_NEVER};
    return ff_function_call(r.worker[2], &call, reply, err);
}

static void test_routes(void **state)
{
    (void)state;
    static const struct {
        uint64_t threshold;
        int before, after; /* objects in the store */
    } rows[] = {{UINT64_MAX, 0, 0}, {0, 2, 3}, {3000, 1, 1}, {1664, 2, 3}, {1665, 1, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_send send;
        ff_buf reply = {0};
        ff_envelope e = {0};
        ff_err err = {0};
        ff_recv recv;
        make_task(&send, (ff_policy){rows[i].threshold, FF_AUTO_OFF}, 0);
        assert_int_equal(r.store.count, rows[i].before);
        ff_code code = ask(&send.payload, &reply, &err);
        if (code)
            fail_msg("row %zu: %s", i, err.message);
        assert_int_equal(r.store.count, rows[i].after); /* a worker deletes nothing */
        assert_int_equal(
            ff_envelope_parse(FF_ENV_RESULT, &reply, "runs/tiny/" STAMP "/id-1/", &e, &err), FF_OK);
        assert_string_equal(e.request_id, "id-1");
        assert_string_equal(e.function, "w2");
        assert_int_equal(e.stage, 2);
        assert_int_equal(e.times.cold, i == 0);
        assert_true(e.times.compute_ms > 0);
        assert_true((e.times.get_ms > 0) == (rows[i].before > 0));
        if (e.tensor[0].key)
            assert_string_equal(e.tensor[0].key, "runs/tiny/" STAMP "/id-1/2/w2/output.npy");
        ff_recv_start(&recv, &share, &e.tensor[0], NULL, NULL, false, FF_NEVER);
        while (recv.pending)
            assert_int_equal(ff_http_poll(r.http, FF_NEVER, NULL), FF_OK);
        assert_int_equal(recv.code, FF_OK);
        assert_memory_equal(recv.tensor.data, b.data, b.bytes);
        ff_recv_clean(&recv);
        ff_envelope_clean(&e);
        ff_buf_clean(&reply);
        ff_send_clean(&send);
        ff_store_free(&r.store.store);
    }
}

/* A threshold for each tensor that it makes, or none. */
static void test_thresholds(void **state)
{
    (void)state;
    static const char POLICY[] = "\"policy\":\"inline\"";
    ff_send send;
    ff_buf reply = {0}, task = {0};
    ff_err err = {0};
    make_task(&send, FF_POLICY_INLINE, 0);
    uint8_t *data = send.payload.data;
    uint8_t *at = memmem(data, send.payload.len, POLICY, sizeof POLICY - 1);
    uint8_t *rest = at + sizeof POLICY - 1;
    assert_int_equal(ff_buf_append(&task, data, (size_t)(at - data), NULL), FF_OK);
    assert_int_equal(ff_buf_text(&task, "\"policy\":\"auto\",\"thresholds\":[1,2]", NULL), FF_OK);
    assert_int_equal(ff_buf_append(&task, rest, send.payload.len - (size_t)(rest - data), NULL),
                     FF_OK);
    assert_int_equal(ask(&task, &reply, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "wanted 1 thresholds, found 2"));
    ff_buf_clean(&task);
    ff_send_clean(&send);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        ff_code code;
        const char *message;
    } rows[] = {
        {"\"deployment\":\"tiny\"", "\"deployment\":\"tina\"", FF_FORMAT, "deployment 'tina'"},
        {"\"stage\":2", "\"stage\":1", FF_FORMAT, "stage 1"},
        {"\"function\":\"w2\"", "\"function\":\"w1\"", FF_FORMAT, "'w1'"},
        {"\"name\":\"b\"", "\"name\":\"q\"", FF_FORMAT, "'b', found none"},
        {"[1,2,16,12]", "[1,2,12,16]", FF_FORMAT, "wanted float32 1x2x16x12"},
        {"[1,2,16,12]", "[9999999999", FF_FORMAT, "JSON"},
        {"[1,2,16,12]", "[1,2,1e9,1]", FF_FORMAT, "axis 2"},
        {"[1,2,16,12]", "[9999,9999]", FF_FORMAT, "found float32 9999x9999"},
        {"\"float32\"", "\"float16\"", FF_FORMAT, "found float16"},
        {"\"codec\":\"raw\"", "\"codec\":\"zip\"", FF_UNSUPPORTED, "zip"},
        {"\"policy\":\"inline\"", "\"policy\":\"autom\" ", FF_FORMAT, "autom"},
        {"\"crc32c\":\"", "\"crc32c\":\"x", FF_FORMAT, "8 hex"},
        {"\"data\":\"", "\"data\":\"!", FF_FORMAT, "0x21"},
        {"AAAAAAAAAAAAAAAA", "AAAAAAAABAAAAAAA", FF_CHECKSUM, "crc32c"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_send send;
        ff_buf reply = {0}, spoiled = {0};
        ff_err err = {0};
        make_task(&send, FF_POLICY_INLINE, 0);
        char *data = (char *)send.payload.data;
        char *at = memmem(data, send.payload.len, rows[i].from, strlen(rows[i].from));
        assert_non_null(at);
        size_t before = (size_t)(at - data), skip = strlen(rows[i].to);
        /* overwriting, so that base64's length stays; shorter texts get blanks' worth cut off */
        skip = strlen(rows[i].from) > skip ? strlen(rows[i].from) : skip;
        assert_int_equal(ff_buf_append(&spoiled, data, before, NULL), FF_OK);
        assert_int_equal(ff_buf_text(&spoiled, rows[i].to, NULL), FF_OK);
        assert_int_equal(ff_buf_append(&spoiled, at + skip, send.payload.len - before - skip, NULL),
                         FF_OK);
        ff_code code = ask(&spoiled, &reply, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].message))
            fail_msg("row %zu: %s: %s", i, ff_code_name(code), err.message);
        assert_int_equal(reply.len, 0);
        ff_buf_clean(&spoiled);
        ff_send_clean(&send);
    }
}

static void test_cut_short(void **state)
{
    (void)state;
    ff_send send;
    make_task(&send, FF_POLICY_INLINE, 0);
    for (size_t len = 0; len < send.payload.len; len += 1 + len / 5) {
        ff_buf cut = {0}, reply = {0};
        ff_err err = {0};
        assert_int_equal(ff_buf_append(&cut, send.payload.data, len, NULL), FF_OK);
        assert_int_equal(ask(&cut, &reply, &err), FF_FORMAT);
        ff_buf_clean(&cut);
    }
    ff_send_clean(&send);
}

/* Keys outside the deployment's folder are not followed, though the object exists. */
static void test_foreign_key(void **state)
{
    (void)state;
    ff_send send;
    ff_buf reply = {0};
    ff_err err = {0};
    make_task(&send, FF_POLICY_STORE, 0);
    rig_replace(&send.payload, "\"key\":\"runs/tiny/", "\"key\":\"runs/tina/");
    r.worker_store.gets = 0;
    assert_int_equal(ask(&send.payload, &reply, &err), FF_DENIED);
    assert_int_equal(r.worker_store.gets, 0);
    ff_send_clean(&send);
}

/* Every allocation of a task may fail; the worker answers the next one. */
static void test_torture(void **state)
{
    (void)state;
    for (int route = 0; route < 2; route++) {
        ff_code code = FF_NO_MEMORY;
        uint64_t n = 0;
        while (code && ++n < 100) {
            ff_send send;
            ff_buf reply = {0};
            ff_err err = {0};
            make_task(&send, route ? FF_POLICY_STORE : FF_POLICY_INLINE, 0);
            ff_mem_fail_at(n);
            code = ask(&send.payload, &reply, &err);
            ff_mem_fail_at(0);
            if (code && code != FF_NO_MEMORY)
                fail_msg("allocation %llu: %s: %s", (unsigned long long)n, ff_code_name(code),
                         err.message);
            ff_buf_clean(&reply);
            ff_send_clean(&send);
            ff_store_free(&r.store.store);
        }
        assert_int_equal(code, FF_OK);
        assert_true(n > 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_routes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_thresholds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_torture, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
