/* Envelopes written are envelopes read; the buffer never moves once it has room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "share/envelope.h"

#define STAMP "2026-01-01_00h00m00s_UTC"

static ff_tensor ramp(ff_shape shape)
{
    ff_tensor t;
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &shape, &t, NULL), FF_OK);
    for (size_t i = 0; i < t.bytes / 4; i++)
        ((float *)(void *)t.data)[i] = (float)i;
    return t;
}

static void test_task(void **state)
{
    (void)state;
    ff_policy policy = {800000, FF_AUTO_OFF};
    ff_env_head head = {.kind = FF_ENV_TASK,
                        .deployment = "ocr",
                        .request_id = "id-1",
                        .timestamp = STAMP,
                        .function = "w0",
                        .stage = 3,
                        .policy = &policy,
                        .deadline_ms = 1767225600123};
    ff_tensor whole = ramp((ff_shape){4, {1, 3, 20, 20}});
    ff_region region = {4, {0, 0, 4, 0}, {1, 3, 17, 20}};
    ff_wire wire;
    ff_buf out;
    ff_envelope e = {0};
    ff_err err = {0};
    ff_buf_init(&out, 0);
    assert_int_equal(ff_wire_init(&wire, &whole, &region, &err), FF_OK);
    size_t room = 1024 + ff_envelope_room("x \"1\"", &wire, FF_ROUTE_INLINE) +
                  ff_envelope_room("y", &wire, FF_ROUTE_STORE);
    assert_int_equal(ff_buf_reserve(&out, room, &err), FF_OK);
    const uint8_t *data = out.data;
    assert_int_equal(ff_envelope_begin(&out, &head, &err), FF_OK);
    assert_int_equal(ff_envelope_add_inline(&out, "x \"1\"", &wire, true, &err), FF_OK);
    assert_int_equal(
        ff_envelope_add_key(&out, "y", &wire, 0xdeadbeef, "runs/ocr/k.npy", false, &err), FF_OK);
    assert_int_equal(ff_envelope_end(&out, "", &err), FF_OK);
    assert_ptr_equal(out.data, data);
    assert_true(out.len <= room);
    assert_int_equal(ff_envelope_parse(FF_ENV_TASK, &out, "runs/ocr/", &e, &err), FF_OK);
    assert_string_equal(e.deployment, "ocr");
    assert_string_equal(e.request_id, "id-1");
    assert_string_equal(e.timestamp, STAMP);
    assert_string_equal(e.function, "w0");
    assert_int_equal(e.stage, 3);
    assert_true(e.policy.threshold == 800000);
    assert_true(e.deadline_ms == 1767225600123);
    assert_int_equal(e.count, 2);
    const ff_env_tensor *x = ff_envelope_find(&e, "x \"1\"");
    assert_non_null(x);
    assert_int_equal(x->shape.dim[2], 13);
    assert_int_equal(x->data_bytes, 4 * 3 * 13 * 20);
    ff_tensor back = ramp((ff_shape){4, {1, 3, 20, 20}});
    memset(back.data, 0, back.bytes);
    assert_int_equal(
        ff_wire_decode((const char *)x->data.data, x->data.len, x->crc32c, &back, &region, &err),
        FF_OK);
    const ff_env_tensor *y = ff_envelope_find(&e, "y");
    assert_int_equal(y->route, FF_ROUTE_STORE);
    assert_int_equal(y->crc32c, 0xdeadbeef);
    assert_string_equal(y->key, "runs/ocr/k.npy");
    assert_null(ff_envelope_find(&e, "z"));
    ff_envelope_clean(&e);
    ff_envelope_clean(&e);
    ff_tensor_clean(&whole);
    ff_tensor_clean(&back);
    ff_buf_clean(&out);
}

static void test_result_and_reply(void **state)
{
    (void)state;
    ff_env_times times = {1.5, 2.25, 3, 4, 5, true};
    char text[240];
    ff_env_head result = {.kind = FF_ENV_RESULT, .request_id = "i", .function = "w1", .stage = 0};
    ff_buf out;
    ff_envelope e = {0};
    ff_err err = {0};
    ff_buf_init(&out, 0);
    assert_int_equal(ff_envelope_begin(&out, &result, &err), FF_OK);
    assert_int_equal(ff_envelope_end(&out, ff_env_times_text(&times, text, sizeof text), &err),
                     FF_OK);
    assert_int_equal(ff_envelope_parse(FF_ENV_RESULT, &out, NULL, &e, &err), FF_OK);
    assert_int_equal(e.count, 0);
    assert_true(e.times.get_ms == 2.25 && e.times.put_ms == 5 && e.times.cold);
    ff_envelope_clean(&e);
    out.len = 0;
    ff_env_head reply = {.kind = FF_ENV_REPLY, .request_id = "i"};
    assert_int_equal(ff_envelope_begin(&out, &reply, &err), FF_OK);
    assert_int_equal(ff_envelope_end(&out, "\"latency_ms\":7.5,\"trace\":{\"a\":1}", &err), FF_OK);
    assert_int_equal(ff_envelope_parse(FF_ENV_REPLY, &out, NULL, &e, &err), FF_OK);
    assert_true(e.latency_ms == 7.5);
    assert_true(yyjson_is_obj(e.trace_json));
    ff_envelope_clean(&e);
    ff_buf_clean(&out);
}

static void test_request(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b\\"};
    ff_env_head head = {.kind = FF_ENV_REQUEST, .trace = true, .output_count = 2, .outputs = names};
    ff_buf out;
    ff_envelope e = {0};
    ff_buf_init(&out, 0);
    assert_int_equal(ff_envelope_begin(&out, &head, NULL), FF_OK);
    assert_int_equal(ff_envelope_end(&out, "", NULL), FF_OK);
    assert_int_equal(ff_envelope_parse(FF_ENV_REQUEST, &out, NULL, &e, NULL), FF_OK);
    assert_true(e.trace);
    assert_false(e.describe);
    assert_null(e.request_id);
    assert_true(e.policy.threshold == UINT64_MAX);
    assert_int_equal(e.output_count, 2);
    assert_string_equal(e.outputs[1], "b\\");
    ff_envelope_clean(&e);
    ff_buf_clean(&out);
}

static void test_no_memory(void **state)
{
    (void)state;
    ff_tensor whole = ramp((ff_shape){1, {1000}});
    ff_region all = ff_region_whole(&whole.shape);
    ff_env_head head = {.kind = FF_ENV_REQUEST};
    ff_wire wire;
    assert_int_equal(ff_wire_init(&wire, &whole, &all, NULL), FF_OK);
    ff_code code = FF_NO_MEMORY;
    uint64_t n = 0;
    while (code == FF_NO_MEMORY && ++n < 50) {
        ff_buf out;
        ff_buf_init(&out, 0);
        ff_mem_fail_at(n);
        code = ff_envelope_begin(&out, &head, NULL);
        if (!code)
            code = ff_envelope_add_inline(&out, "x", &wire, true, NULL);
        if (!code)
            code = ff_envelope_end(&out, "", NULL);
        ff_mem_fail_at(0);
        ff_buf_clean(&out);
    }
    assert_int_equal(code, FF_OK);
    assert_true(n > 2);
    ff_tensor_clean(&whole);
}

/* Policy auto's thresholds: there and back, "never" too; with a request there are none. */
static void test_thresholds(void **state)
{
    (void)state;
    static const uint64_t SIZES[] = {0, 812345, UINT64_MAX};
    ff_policy policy = {UINT64_MAX, FF_AUTO_P99};
    ff_env_head head = {.kind = FF_ENV_TASK,
                        .deployment = "ocr",
                        .request_id = "id-1",
                        .timestamp = STAMP,
                        .function = "w0",
                        .policy = &policy,
                        .threshold_count = 3,
                        .thresholds = SIZES};
    ff_buf out = {0};
    ff_envelope e = {0};
    ff_err err = {0};
    assert_int_equal(ff_envelope_begin(&out, &head, &err), FF_OK);
    assert_int_equal(ff_envelope_end(&out, "", &err), FF_OK);
    assert_int_equal(ff_buf_append(&out, "", 1, &err), FF_OK);
    assert_non_null(strstr((char *)out.data, "\"auto-p99\",\"thresholds\":[0,812345,null],"));
    out.len--;
    assert_int_equal(ff_envelope_parse(FF_ENV_TASK, &out, NULL, &e, &err), FF_OK);
    assert_int_equal(e.policy.automatic, FF_AUTO_P99);
    assert_int_equal(e.threshold_count, 3);
    assert_memory_equal(e.thresholds, SIZES, sizeof SIZES);
    ff_envelope_clean(&e);
    ff_buf_clean(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_task),       cmocka_unit_test(test_result_and_reply),
        cmocka_unit_test(test_request),    cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_thresholds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
