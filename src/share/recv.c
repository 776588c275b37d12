#include <assert.h>

#include "base/base64.h"
#include "share/share.h"

static void start_get(ff_recv *recv);

static void free_buf(void *owner)
{
    ff_buf_clean(owner);
    ff_mem_free(owner);
}

/* body's elements become the tensor, without a copy where they are aligned. Takes body. */
static ff_code own(ff_tensor view, ff_buf *body, ff_tensor *out, ff_err *err)
{
    if ((uintptr_t)view.data % ff_dtype_bytes(view.dtype) != 0) /* another writer's .npy */
        return ff_tensor_copy(&view, out, err);
    ff_buf *owner = ff_mem_must(sizeof *owner);
    *owner = *body;
    *body = (ff_buf){0};
    view.release = free_buf;
    view.owner = owner;
    *out = view;
    return FF_OK;
}

static ff_code put_where_wanted(ff_recv *recv, const ff_tensor *part, ff_err *err)
{
    return recv->add ? ff_region_add(recv->whole, &recv->region, part, err)
                     : ff_region_place(recv->whole, &recv->region, part, err);
}

static ff_code unpack_object(ff_recv *recv, ff_buf *body, ff_err *err)
{
    ff_tensor view;
    int64_t begun_ns = ff_clock_now_ns();
    ff_code code = ff_wire_check(ff_buf_view(body), recv->from.crc32c, recv->from.dtype,
                                 &recv->from.shape, &view, err);
    if (!code)
        code =
            recv->whole ? put_where_wanted(recv, &view, err) : own(view, body, &recv->tensor, err);
    recv->moved.decode_ns += ff_clock_now_ns() - begun_ns;
    return code;
}

static void fail(ff_recv *recv, ff_code code)
{
    recv->code = code;
    ff_err_wrap(&recv->err, "tensor '%.100s'", recv->from.name);
}

static void get_done(void *user, ff_code code, const ff_err *err, ff_store_result *result)
{
    ff_recv *recv = user;
    recv->pending = false;
    recv->moved.attempts += result ? result->attempts : 1;
    recv->moved.transfer_ns = ff_clock_now_ns() - recv->started_ns;
    if (code) {
        recv->err = *err;
        fail(recv, code);
        return;
    }
    size_t bytes = result->body.len;
    code = unpack_object(recv, &result->body, &recv->err);
    recv->moved.bytes = bytes;
    if (code == FF_CHECKSUM && !recv->again) {
        recv->again = true;
        start_get(recv);
    } else if (code) {
        fail(recv, code);
    }
}

static void start_get(ff_recv *recv)
{
    size_t most = recv->from.data_bytes + FF_MAX_NPY_HEADER + 16;
    recv->pending = true;
    ff_code code = ff_store_get_start(recv->share->store, recv->from.key, most, recv->deadline_ns,
                                      get_done, recv, &recv->err);
    if (code) {
        recv->pending = false;
        fail(recv, code);
    }
}

/* A new tensor, or the region of the whole where parts are placed, gets the elements at once. */
static ff_code unpack_text(ff_recv *recv, ff_err *err)
{
    const char *text = (const char *)recv->from.data.data;
    size_t len = recv->from.data.len;
    /* before anything is allocated: can so few characters be that tensor? */
    if (len / 4 * 3 < recv->from.data_bytes)
        return ff_err_set(err, FF_FORMAT, "wanted base64 of at least %zu bytes, found %zu",
                          recv->from.data_bytes, len / 4 * 3);
    if (recv->whole && !recv->add)
        return ff_wire_decode(text, len, recv->from.crc32c, recv->whole, &recv->region, err);
    ff_tensor part = {0};
    ff_region all = ff_region_whole(&recv->from.shape);
    ff_code code = ff_tensor_new(recv->from.dtype, &recv->from.shape, &part, err);
    if (!code)
        code = ff_wire_decode(text, len, recv->from.crc32c, &part, &all, err);
    if (!code && recv->whole)
        code = put_where_wanted(recv, &part, err);
    if (!code && !recv->whole) {
        recv->tensor = part;
        return FF_OK;
    }
    ff_tensor_clean(&part);
    return code;
}

void ff_recv_start(ff_recv *recv, const ff_share *share, const ff_env_tensor *from,
                   ff_tensor *whole, const ff_region *region, bool add, int64_t deadline_ns)
{
    *recv = (ff_recv){.share = share,
                      .from = *from,
                      .whole = whole,
                      .add = add,
                      .deadline_ns = deadline_ns,
                      .started_ns = ff_clock_now_ns()};
    recv->moved = (ff_moved){.name = from->name, .route = from->route};
    ff_code code = FF_OK;
    if (whole) {
        ff_shape shape = ff_region_shape(region);
        recv->region = *region;
        code = ff_env_tensor_expect(from, whole->dtype, &shape, &recv->err);
        if (code) {
            recv->code = code;
            return;
        }
    }
    if (from->route == FF_ROUTE_STORE) {
        start_get(recv);
        return;
    }
    code = unpack_text(recv, &recv->err);
    size_t bytes = 0;
    if (!ff_base64_decoded_len((const char *)from->data.data, from->data.len, &bytes, NULL))
        recv->moved.bytes = bytes;
    recv->moved.decode_ns = ff_clock_now_ns() - recv->started_ns;
    if (code)
        fail(recv, code);
}

void ff_recv_clean(ff_recv *recv)
{
    assert(!recv->pending);
    ff_tensor_clean(&recv->tensor);
    *recv = (ff_recv){0};
}
