/* Sending: routes, payload limits, objects that numpy would read, failures of the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "share/share.h"
#include "support/fake_store.h"

static ff_http *http;
static fake_store fake;
static ff_share share;
static ff_tensor x, y;

static const ff_env_head HEAD = {.kind = FF_ENV_TASK,
                                 .deployment = "ocr",
                                 .request_id = "id-1",
                                 .timestamp = "2026-01-01_00h00m00s_UTC",
                                 .stage = 2,
                                 .function = "w5"};

static int set_up(void **state)
{
    (void)state;
    ff_shape big = {3, {4, 30, 30}}, small = {1, {5}};
    assert_int_equal(ff_http_new(NULL, &http, NULL), FF_OK);
    fake_store_init(&fake, http);
    assert_int_equal(ff_share_init(&share, &fake.store, "runs", "ocr", NULL), FF_OK);
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &big, &x, NULL), FF_OK);
    assert_int_equal(ff_tensor_new(FF_DTYPE_I64, &small, &y, NULL), FF_OK);
    for (size_t i = 0; i < x.bytes; i++)
        x.data[i] = (uint8_t)(i * 7);
    memset(y.data, 3, y.bytes);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ff_http_free(http);
    ff_store_free(&fake.store);
    ff_tensor_clean(&x);
    ff_tensor_clean(&y);
    return 0;
}

static ff_send_options options_of(uint64_t threshold)
{
    return (ff_send_options){.policy = {threshold, FF_AUTO_OFF},
                             .direction = FF_INPUT,
                             .place = {NULL, NULL, HEAD.timestamp, "id-1", 2, "w5"},
                             .deadline_ns = FF_NEVER};
}

static void drive(ff_send *send)
{
    while (send->pending)
        assert_int_equal(ff_http_poll(http, FF_NEVER, NULL), FF_OK);
}

static void test_routes(void **state)
{
    (void)state;
    static const struct {
        uint64_t threshold;
        int stored;
        ff_route x, y;
    } rows[] = {
        {UINT64_MAX, 0, FF_ROUTE_INLINE, FF_ROUTE_INLINE},
        {0, 2, FF_ROUTE_STORE, FF_ROUTE_STORE},
        {4800, 1, FF_ROUTE_STORE, FF_ROUTE_INLINE},
        {4 * 10 * 30 * 4 + 128, 1, FF_ROUTE_STORE, FF_ROUTE_INLINE}, /* exactly x's .npy */
        {4 * 10 * 30 * 4 + 129, 0, FF_ROUTE_INLINE, FF_ROUTE_INLINE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_send_part parts[] = {{"x", &x, {3, {0, 5, 0}, {4, 15, 30}}}, {"y", &y, {1, {0}, {5}}}};
        ff_send_options o = options_of(rows[i].threshold);
        ff_send send;
        ff_envelope e;
        ff_err err = {0};
        ff_send_start(&send, &share, &HEAD, parts, 2, &o);
        assert_int_equal(send.pending, rows[i].stored);
        drive(&send);
        assert_int_equal(send.code, FF_OK);
        assert_int_equal(ff_send_finish(&send, "", &err), FF_OK);
        assert_int_equal(fake.count, rows[i].stored);
        assert_int_equal(ff_send_key_count(&send), rows[i].stored);
        assert_int_equal(send.moved[0].bytes, 4 * 10 * 30 * 4 + 128);
        assert_int_equal(send.moved[0].route, rows[i].x);
        assert_int_equal(ff_envelope_parse(FF_ENV_TASK, &send.payload, share.folder, &e, &err),
                         FF_OK);
        assert_int_equal(e.tensor[0].route, rows[i].x);
        assert_int_equal(e.tensor[1].route, rows[i].y);
        for (int k = 0; k < 2; k++) {
            if (e.tensor[k].route != FF_ROUTE_STORE)
                continue;
            ff_bytes object = fake_store_find(&fake, e.tensor[k].key);
            ff_tensor view;
            assert_int_equal(ff_hash_crc32c(0, object), e.tensor[k].crc32c);
            assert_int_equal(ff_npy_view(object, &view, NULL), FF_OK);
            assert_true(ff_shape_equal(&view.shape, &e.tensor[k].shape));
        }
        if (rows[i].x == FF_ROUTE_STORE) {
            assert_string_equal(e.tensor[0].key,
                                "runs/ocr/2026-01-01_00h00m00s_UTC/id-1/2/w5/input.x.npy");
            assert_string_equal(ff_send_key(&send, 0), e.tensor[0].key);
        }
        ff_envelope_clean(&e);
        ff_send_clean(&send);
        ff_send_clean(&send);
        ff_store_free(&fake.store); /* empties it */
    }
}

static void test_over_limit(void **state)
{
    (void)state;
    ff_send_part parts[] = {{"y", &y, {1, {0}, {5}}}, {"x", &x, {3, {0, 0, 0}, {4, 30, 30}}}};
    ff_send_options o = options_of(UINT64_MAX);
    ff_send send;
    ff_err err = {0};
    o.max_payload = 19000; /* base64 of x alone: 19372 */
    ff_send_start(&send, &share, &HEAD, parts, 2, &o);
    assert_int_equal(send.code, FF_LIMIT);
    assert_non_null(strstr(send.err.message, "'x' of 14528 bytes"));
    assert_non_null(strstr(send.err.message, "at most 19000"));
    assert_non_null(strstr(send.err.message, "policy store"));
    ff_send_clean(&send);
    o.max_payload = 19700; /* the envelope around it is too much */
    ff_send_start(&send, &share, &HEAD, parts, 2, &o);
    assert_int_equal(send.code, FF_OK);
    assert_int_equal(ff_send_finish(&send, "", &err), FF_LIMIT);
    assert_non_null(strstr(err.message, "'x'"));
    ff_send_clean(&send);
    o.policy.threshold = 10000; /* the remedy */
    ff_send_start(&send, &share, &HEAD, parts, 2, &o);
    drive(&send);
    assert_int_equal(send.code, FF_OK);
    assert_int_equal(ff_send_finish(&send, "", &err), FF_OK);
    assert_true(send.payload.len < 1000);
    ff_send_clean(&send);
}

/* Policy auto: a threshold a tensor; what does not fit the payload leaves it, largest first; and
 * without a store all is inline, whatever the thresholds say. */
static void test_automatic(void **state)
{
    (void)state;
    static const struct {
        uint64_t x, y;
        size_t max_payload;
        bool no_store;
        ff_route to_x, to_y;
        ff_code code;
    } rows[] = {
        {UINT64_MAX, UINT64_MAX, 0, false, FF_ROUTE_INLINE, FF_ROUTE_INLINE, FF_OK},
        {0, UINT64_MAX, 0, false, FF_ROUTE_STORE, FF_ROUTE_INLINE, FF_OK},
        {UINT64_MAX, 0, 0, false, FF_ROUTE_INLINE, FF_ROUTE_STORE, FF_OK},
        {14528, 169, 0, false, FF_ROUTE_STORE, FF_ROUTE_INLINE, FF_OK}, /* y has 168 bytes */
        {UINT64_MAX, UINT64_MAX, 19700, false, FF_ROUTE_STORE, FF_ROUTE_INLINE, FF_OK},
        {UINT64_MAX, UINT64_MAX, 19700, true, FF_ROUTE_INLINE, FF_ROUTE_INLINE, FF_LIMIT},
        {0, 0, 0, true, FF_ROUTE_INLINE, FF_ROUTE_INLINE, FF_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_send_part parts[] = {{"y", &y, {1, {0}, {5}}}, {"x", &x, {3, {0}, {4, 30, 30}}}};
        uint64_t thresholds[] = {rows[i].y, rows[i].x};
        ff_send_options o = options_of(UINT64_MAX);
        ff_share s = share;
        ff_send send;
        o.policy.automatic = FF_AUTO_P50;
        o.thresholds = thresholds;
        o.max_payload = rows[i].max_payload;
        s.store = rows[i].no_store ? NULL : share.store;
        ff_send_start(&send, &s, &HEAD, parts, 2, &o);
        drive(&send);
        ff_code code = send.code ? send.code : ff_send_finish(&send, "", NULL);
        assert_int_equal(code, rows[i].code);
        assert_int_equal(send.moved[0].route, rows[i].to_y);
        assert_int_equal(send.moved[1].route, rows[i].to_x);
        assert_true(send.moved[0].automatic);
        if (rows[i].max_payload && !code)
            assert_true(send.payload.len <= rows[i].max_payload);
        ff_send_clean(&send);
        ff_store_free(&fake.store);
    }
}

static void test_store_fails(void **state)
{
    (void)state;
    ff_send_part part = {"x", &x, {3, {0, 5, 0}, {4, 15, 30}}};
    ff_send_options o = options_of(0);
    ff_send send;
    fake.fail_put = FF_UNAVAILABLE;
    ff_send_start(&send, &share, &HEAD, &part, 1, &o);
    drive(&send);
    assert_int_equal(send.code, FF_UNAVAILABLE);
    assert_non_null(strstr(send.err.message, "'x'"));
    ff_send_clean(&send);
    fake.fail_put = FF_OK;
    ff_share without = share;
    without.store = NULL;
    ff_send_start(&send, &without, &HEAD, &part, 1, &o);
    assert_int_equal(send.code, FF_UNSUPPORTED);
    assert_non_null(strstr(send.err.message, "policy inline"));
    ff_send_clean(&send);
    fake.hang = true;
    ff_send_start(&send, &share, &HEAD, &part, 1, &o);
    assert_int_equal(send.pending, 1);
    ff_http_cancel_all(http);
    assert_int_equal(send.pending, 0);
    assert_int_equal(send.code, FF_CANCELLED);
    ff_send_clean(&send);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        ff_code code = FF_NO_MEMORY;
        uint64_t n = 0;
        while (code == FF_NO_MEMORY && ++n < 60) {
            ff_send_part part = {"x", &x, {3, {0, 5, 0}, {4, 15, 30}}};
            ff_send_options o = options_of(kind ? 0 : UINT64_MAX);
            ff_send send;
            ff_err err = {0};
            ff_mem_fail_at(n);
            ff_send_start(&send, &share, &HEAD, &part, 1, &o);
            drive(&send);
            code = send.code;
            if (!code)
                code = ff_send_finish(&send, "", &err);
            ff_mem_fail_at(0);
            ff_send_clean(&send);
        }
        assert_int_equal(code, FF_OK);
        assert_true(n > 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_routes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_over_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_automatic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
