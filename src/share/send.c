#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "share/share.h"

/* One tensor on its way. */
struct ff_send_item {
    ff_send *send;
    ff_wire wire;
    char *key;      /* STORE */
    uint8_t *dense; /* a slice that had to be made, until its PUT ends */
    int64_t started_ns;
};

ff_code ff_share_init(ff_share *share, ff_store *store, const char *prefix, const char *deployment,
                      ff_err *err)
{
    ff_share s = {.store = store, .prefix = prefix ? prefix : "", .deployment = deployment};
    ff_code code = ff_key_check_prefix(s.prefix, err);
    if (!code)
        code = ff_key_deployment_folder(s.prefix, deployment, s.folder, err);
    if (!code)
        *share = s;
    return code;
}

static void set_failure(ff_send *send, ff_code code)
{
    if (!send->code)
        send->code = code; /* send->err was filled by whoever failed */
}

static void put_done(void *user, ff_code code, const ff_err *err, ff_store_result *result)
{
    ff_send_item *item = user;
    ff_send *send = item->send;
    ff_moved *moved = &send->moved[item - send->item];
    moved->transfer_ns = ff_clock_now_ns() - item->started_ns;
    moved->attempts = result ? result->attempts : 1;
    ff_mem_free(item->dense);
    item->dense = NULL;
    send->pending--;
    if (code && !send->code) {
        send->err = *err;
        ff_err_wrap(&send->err, "tensor '%.100s': put", moved->name);
        set_failure(send, code);
    }
}

/* The elements as one run of bytes: in the tensor itself where they are, else a copy. */
static ff_code make_dense(ff_send_item *item, ff_bytes *out, uint32_t *crc, ff_err *err)
{
    const ff_tensor *whole = item->wire.whole;
    size_t bytes = item->wire.npy_bytes - item->wire.header_bytes, offset = 0;
    if (ff_region_contiguous(&item->wire.region, &whole->shape, whole->dtype, &offset)) {
        *crc = ff_wire_slice(&item->wire, NULL);
        *out = ff_bytes_of(whole->data + offset, bytes);
        return FF_OK;
    }
    item->dense = ff_mem_try(bytes);
    if (!item->dense)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for a slice of %zu bytes", bytes);
    *crc = ff_wire_slice(&item->wire, item->dense);
    *out = ff_bytes_of(item->dense, bytes);
    return FF_OK;
}

static ff_code start_put(ff_send *send, ff_send_item *item, const ff_send_options *options,
                         bool single, ff_err *err)
{
    ff_moved *moved = &send->moved[item - send->item];
    char key[FF_KEY_TEXT];
    ff_bytes dense;
    uint32_t crc = 0;
    int64_t begun_ns = ff_clock_now_ns();
    if (!send->share->store)
        return ff_err_set(err, FF_UNSUPPORTED,
                          "the policy sends its %zu bytes through the store, but there is none: "
                          "use policy inline",
                          item->wire.npy_bytes);
    ff_key_place place = options->place;
    place.prefix = send->share->prefix;
    place.deployment = send->share->deployment;
    ff_code code = ff_key_make(&place, options->direction, moved->name, single, key, err);
    if (!code)
        code = make_dense(item, &dense, &crc, err);
    if (!code)
        code = ff_envelope_add_key(&send->payload, moved->name, &item->wire, crc, key,
                                   item == send->item, err);
    if (code)
        return code;
    item->key = ff_mem_must_strdup(key);
    item->started_ns = ff_clock_now_ns();
    moved->encode_ns = item->started_ns - begun_ns;
    ff_store_put put = {.key = item->key, .deadline_ns = options->deadline_ns};
    put.body.count = 2;
    put.body.part[0] = ff_bytes_of(item->wire.header, item->wire.header_bytes);
    put.body.part[1] = dense;
    send->pending++;
    code = ff_store_put_start(send->share->store, &put, put_done, item, err);
    if (code)
        send->pending--;
    return code;
}

static ff_code add_inline(ff_send *send, ff_send_item *item, ff_err *err)
{
    ff_moved *moved = &send->moved[item - send->item];
    int64_t begun_ns = ff_clock_now_ns();
    ff_code code =
        ff_envelope_add_inline(&send->payload, moved->name, &item->wire, item == send->item, err);
    moved->encode_ns = ff_clock_now_ns() - begun_ns;
    return code;
}

/* Names the largest inline tensor: the one to send by the other route. */
static ff_code over_limit(const ff_send *send, size_t payload, ff_err *err)
{
    const ff_moved *most = &send->moved[0];
    for (int i = 1; i < send->count; i++)
        if (send->moved[i].route == FF_ROUTE_INLINE &&
            (most->route != FF_ROUTE_INLINE || send->moved[i].bytes > most->bytes))
            most = &send->moved[i];
    return ff_err_set(err, FF_LIMIT,
                      "tensor '%.100s' of %" PRIu64 " bytes rides in a payload of %zu bytes, at "
                      "most %zu: use policy store, or a threshold of %" PRIu64 " or less",
                      most->name, most->bytes, payload, send->max_payload, most->bytes);
}

/* Policy auto: the largest inline tensor leaves a payload that is too large. */
static bool move_largest(ff_send *send, size_t *chars)
{
    ff_moved *most = NULL;
    for (int i = 0; i < send->count; i++)
        if (send->moved[i].route == FF_ROUTE_INLINE &&
            (!most || send->moved[i].bytes > most->bytes))
            most = &send->moved[i];
    if (!most || !send->share->store)
        return false;
    most->route = FF_ROUTE_STORE;
    *chars -= ff_base64_encoded_len(most->bytes);
    return true;
}

/* What the payload takes beside the tensors' characters, about. */
static size_t words_of(const ff_send *send, const ff_env_head *head)
{
    size_t words = 1024 + 24 * (size_t)head->threshold_count;
    for (int i = 0; i < send->count; i++)
        words += ff_envelope_room(send->moved[i].name, &send->item[i].wire, FF_ROUTE_STORE);
    return words;
}

/* Decides the routes; fails before anything is moved where the payload cannot fit. */
static ff_code choose(ff_send *send, const ff_env_head *head, const ff_send_part *parts,
                      const ff_send_options *options, size_t *room, ff_err *err)
{
    size_t chars = 0, most = send->max_payload;
    bool automatic = options->policy.automatic != FF_AUTO_OFF;
    for (int i = 0; i < send->count; i++) {
        ff_send_item *item = &send->item[i];
        ff_moved *moved = &send->moved[i];
        item->send = send;
        moved->name = parts[i].name;
        ff_code code = ff_wire_init(&item->wire, parts[i].whole, &parts[i].region, err);
        if (code)
            return ff_err_wrap(err, "tensor '%.100s'", parts[i].name), code;
        moved->bytes = item->wire.npy_bytes;
        ff_policy policy = options->policy;
        if (automatic && options->thresholds)
            policy.threshold = options->thresholds[i];
        moved->automatic = automatic;
        moved->route = automatic && !send->share->store ? FF_ROUTE_INLINE
                                                        : ff_policy_route(policy, moved->bytes);
        if (moved->route == FF_ROUTE_INLINE)
            chars += ff_base64_encoded_len(moved->bytes);
    }
    while (automatic && most && chars + words_of(send, head) > most && move_largest(send, &chars)) {
    }
    if (most && chars > most)
        return over_limit(send, chars, err);
    *room = 1024 + 24 * (size_t)head->threshold_count;
    for (int i = 0; i < send->count; i++)
        *room += ff_envelope_room(send->moved[i].name, &send->item[i].wire, send->moved[i].route);
    return FF_OK;
}

static ff_code begin(ff_send *send, const ff_env_head *head, const ff_send_part *parts,
                     const ff_send_options *options, ff_err *err)
{
    size_t room = 0;
    size_t count = (size_t)send->count;
    send->item = ff_mem_try_array(count, sizeof *send->item);
    send->moved = ff_mem_try_array(count, sizeof *send->moved);
    if (!send->item || !send->moved)
        return ff_err_set(err, FF_NO_MEMORY, "no memory to send %zu tensors", count);
    ff_code code = choose(send, head, parts, options, &room, err);
    if (!code)
        code = ff_buf_reserve(&send->payload, room, err); /* once: nothing is moved later */
    return code ? code : ff_envelope_begin(&send->payload, head, err);
}

void ff_send_start(ff_send *send, const ff_share *share, const ff_env_head *head,
                   const ff_send_part *parts, int count, const ff_send_options *options)
{
    *send = (ff_send){.share = share, .count = count, .max_payload = options->max_payload};
    ff_err err = {0};
    ff_code code = begin(send, head, parts, options, &err);
    for (int i = 0; i < count && !code && !send->code; i++) {
        ff_send_item *item = &send->item[i];
        code = send->moved[i].route == FF_ROUTE_STORE
                   ? start_put(send, item, options, count == 1, &err)
                   : add_inline(send, item, &err);
        if (code)
            ff_err_wrap(&err, "tensor '%.100s'", parts[i].name);
    }
    if (code && !send->code) {
        send->err = err;
        set_failure(send, code);
    }
}

ff_code ff_send_finish(ff_send *send, const char *members, ff_err *err)
{
    assert(!send->pending && !send->code);
    ff_code code = ff_envelope_end(&send->payload, members, err);
    if (!code && send->max_payload && send->payload.len > send->max_payload)
        code = over_limit(send, send->payload.len, err);
    return code;
}

int ff_send_key_count(const ff_send *send)
{
    int count = 0;
    for (int i = 0; send->item && i < send->count; i++)
        count += send->item[i].key != NULL;
    return count;
}

const char *ff_send_key(const ff_send *send, int i)
{
    for (int k = 0; k < send->count; k++)
        if (send->item[k].key && i-- == 0)
            return send->item[k].key;
    return NULL;
}

void ff_send_clean(ff_send *send)
{
    assert(!send->pending);
    for (int i = 0; send->item && i < send->count; i++) {
        ff_mem_free(send->item[i].key);
        ff_mem_free(send->item[i].dense);
    }
    ff_mem_free(send->item);
    ff_mem_free(send->moved);
    ff_buf_clean(&send->payload);
    *send = (ff_send){0};
}
