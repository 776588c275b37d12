/* Receiving: by both routes, into regions, sums and new tensors; what is damaged or absent. */
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
static ff_tensor x;
static ff_send sent;
static ff_envelope e;

static const ff_shape SHAPE = {2, {50, 40}};
static const ff_region WHOLE = {2, {0, 0}, {50, 40}};

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(ff_http_new(NULL, &http, NULL), FF_OK);
    fake_store_init(&fake, http);
    assert_int_equal(ff_share_init(&share, &fake.store, "", "d", NULL), FF_OK);
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &SHAPE, &x, NULL), FF_OK);
    for (size_t i = 0; i < x.bytes / 4; i++)
        ((float *)(void *)x.data)[i] = (float)i;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ff_envelope_clean(&e);
    ff_send_clean(&sent);
    ff_http_free(http);
    ff_store_free(&fake.store);
    ff_tensor_clean(&x);
    return 0;
}

/* x by that route; the tensor as the other side sees it. */
static const ff_env_tensor *send_x(ff_route route)
{
    ff_env_head head = {.kind = FF_ENV_REQUEST};
    ff_send_part part = {"x", &x, WHOLE};
    ff_send_options o = {.policy = {route == FF_ROUTE_STORE ? 0 : UINT64_MAX, FF_AUTO_OFF},
                         .place = {"", "d", "2026-01-01_00h00m00s_UTC", "i", 0, "w0"},
                         .deadline_ns = FF_NEVER};
    bool hang = fake.hang;
    fake.hang = false;
    ff_envelope_clean(&e);
    ff_send_clean(&sent);
    ff_send_start(&sent, &share, &head, &part, 1, &o);
    while (sent.pending)
        assert_int_equal(ff_http_poll(http, FF_NEVER, NULL), FF_OK);
    fake.hang = hang;
    assert_int_equal(sent.code, FF_OK);
    assert_int_equal(ff_send_finish(&sent, "", NULL), FF_OK);
    assert_int_equal(ff_envelope_parse(FF_ENV_REQUEST, &sent.payload, share.folder, &e, NULL),
                     FF_OK);
    return &e.tensor[0];
}

static void drive(ff_recv *recv)
{
    while (recv->pending)
        assert_int_equal(ff_http_poll(http, FF_NEVER, NULL), FF_OK);
}

static void test_each_way(void **state)
{
    (void)state;
    for (int route = 0; route < FF_ROUTE_COUNT; route++) {
        const ff_env_tensor *from = send_x((ff_route)route);
        ff_recv recv;
        ff_recv_start(&recv, &share, from, NULL, NULL, false, FF_NEVER);
        drive(&recv);
        assert_int_equal(recv.code, FF_OK);
        assert_int_equal(recv.moved.route, route);
        assert_memory_equal(recv.tensor.data, x.data, x.bytes);
        assert_int_equal((uintptr_t)recv.tensor.data % 64, 0);
        ff_recv_clean(&recv);
        ff_recv_clean(&recv);
        /* placed, then added twice, in the middle of something larger */
        ff_tensor whole;
        ff_shape shape = {2, {60, 60}};
        ff_region middle = {2, {10, 20}, {60, 60}};
        assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &shape, &whole, NULL), FF_OK);
        memset(whole.data, 0, whole.bytes);
        for (int times = 1; times <= 3; times++) {
            from = send_x((ff_route)route);
            ff_recv_start(&recv, &share, from, &whole, &middle, times > 1, FF_NEVER);
            drive(&recv);
            assert_int_equal(recv.code, FF_OK);
            const float *at = (const float *)(const void *)whole.data;
            assert_true(at[0] == 0 && at[9 * 60 + 59] == 0 && at[10 * 60 + 19] == 0);
            assert_true(at[11 * 60 + 21] == (float)(41 * times));
            assert_true(at[59 * 60 + 59] == (float)(1999 * times));
            ff_recv_clean(&recv);
        }
        ff_tensor_clean(&whole);
    }
}

static void test_damaged(void **state)
{
    (void)state;
    ff_recv recv;
    const ff_env_tensor *from = send_x(FF_ROUTE_STORE);
    fake.corrupt_gets = 1; /* the second attempt is sound */
    ff_recv_start(&recv, &share, from, NULL, NULL, false, FF_NEVER);
    drive(&recv);
    assert_int_equal(recv.code, FF_OK);
    assert_int_equal(recv.moved.attempts, 2);
    assert_int_equal(fake.gets, 2);
    ff_recv_clean(&recv);
    fake.corrupt_gets = 2;
    ff_recv_start(&recv, &share, from, NULL, NULL, false, FF_NEVER);
    drive(&recv);
    assert_int_equal(recv.code, FF_CHECKSUM);
    assert_non_null(strstr(recv.err.message, "'x'"));
    assert_int_equal(fake.gets, 4);
    assert_null(recv.tensor.data);
    ff_recv_clean(&recv);
    ff_env_tensor spoiled = *send_x(FF_ROUTE_INLINE);
    spoiled.crc32c ^= 1;
    ff_recv_start(&recv, &share, &spoiled, NULL, NULL, false, FF_NEVER);
    assert_int_equal(recv.code, FF_CHECKSUM);
    assert_null(recv.tensor.data);
    ff_recv_clean(&recv);
    /* a part that is damaged is not added */
    ff_tensor sum;
    assert_int_equal(ff_tensor_copy(&x, &sum, NULL), FF_OK);
    ff_recv_start(&recv, &share, &spoiled, &sum, &WHOLE, true, FF_NEVER);
    assert_int_equal(recv.code, FF_CHECKSUM);
    assert_memory_equal(sum.data, x.data, x.bytes);
    ff_recv_clean(&recv);
    ff_tensor_clean(&sum);
}

static void test_refused(void **state)
{
    (void)state;
    ff_recv recv;
    const ff_env_tensor *from = send_x(FF_ROUTE_INLINE);
    ff_region wrong = {2, {0, 0}, {40, 50}};
    ff_tensor whole;
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &(ff_shape){2, {50, 50}}, &whole, NULL), FF_OK);
    ff_recv_start(&recv, &share, from, &whole, &wrong, false, FF_NEVER);
    assert_int_equal(recv.code, FF_FORMAT);
    assert_non_null(strstr(recv.err.message, "40x50"));
    ff_recv_clean(&recv);
    ff_tensor_clean(&whole);
    /* a shape of 4 GB in an envelope of some KB: refused before memory is asked for */
    ff_env_tensor huge = *from;
    huge.shape = (ff_shape){2, {1 << 15, 1 << 15}};
    huge.data_bytes = (size_t)4 << 30;
    ff_mem_fail_at(1);
    ff_recv_start(&recv, &share, &huge, NULL, NULL, false, FF_NEVER);
    ff_mem_fail_at(0);
    assert_int_equal(recv.code, FF_FORMAT);
    ff_recv_clean(&recv);
    ff_env_tensor absent = *send_x(FF_ROUTE_STORE);
    absent.key = "d/nothing.npy";
    ff_recv_start(&recv, &share, &absent, NULL, NULL, false, FF_NEVER);
    drive(&recv);
    assert_int_equal(recv.code, FF_NOT_FOUND);
    ff_recv_clean(&recv);
    fake.fail_get = FF_UNAVAILABLE;
    ff_recv_start(&recv, &share, &e.tensor[0], NULL, NULL, false, FF_NEVER);
    drive(&recv);
    assert_int_equal(recv.code, FF_UNAVAILABLE);
    ff_recv_clean(&recv);
    fake.fail_get = FF_OK;
    fake.hang = true;
    ff_recv_start(&recv, &share, &e.tensor[0], NULL, NULL, false, FF_NEVER);
    assert_true(recv.pending);
    ff_http_cancel_all(http);
    assert_false(recv.pending);
    assert_int_equal(recv.code, FF_CANCELLED);
    ff_recv_clean(&recv);
}

/* An object larger than its envelope says, and another writer's header length. */
static void test_other_objects(void **state)
{
    (void)state;
    ff_recv recv;
    ff_env_tensor from = *send_x(FF_ROUTE_STORE);
    ff_buf *object = &fake.object[0].bytes;
    assert_int_equal(ff_buf_append(object, "more", 4, NULL), FF_OK);
    from.crc32c = 0;
    ff_recv_start(&recv, &share, &from, NULL, NULL, false, FF_NEVER);
    drive(&recv);
    assert_int_equal(recv.code, FF_CHECKSUM);
    ff_recv_clean(&recv);
    object->len = 0;
    static const char head[] = "\x93NUMPY\x01\x00\x3f\x00"
                               "{'descr': '<f4', 'fortran_order': False, 'shape': (50, 40)}";
    assert_int_equal(ff_buf_append(object, head, sizeof head - 1, NULL), FF_OK);
    while (object->len < 10 + 0x3f)
        assert_int_equal(ff_buf_append(object, " ", 1, NULL), FF_OK);
    assert_int_equal(ff_buf_append(object, x.data, x.bytes, NULL), FF_OK);
    from.crc32c = ff_hash_crc32c(0, ff_buf_view(object));
    ff_recv_start(&recv, &share, &from, NULL, NULL, false, FF_NEVER);
    drive(&recv);
    assert_int_equal(recv.code, FF_OK);
    assert_memory_equal(recv.tensor.data, x.data, x.bytes); /* 73 bytes in: copied, aligned */
    assert_int_equal((uintptr_t)recv.tensor.data % 4, 0);
    ff_recv_clean(&recv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_objects, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
