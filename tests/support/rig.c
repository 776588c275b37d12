#include "support/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/engine.h"

static void must(ff_code code, const ff_err *err)
{
    if (code) {
        fprintf(stderr, "rig: %s: %s\n", ff_code_name(code), err->message);
        abort();
    }
}

static ff_code serve(void *user, const char *function, ff_buf *payload, ff_buf *reply, ff_err *err)
{
    rig *r = user;
    int w = function[strlen(function) - 1] - '0';
    if (strncmp(function, "tiny-w", 6) != 0 || w < 0 || w > 2)
        return ff_err_set(err, FF_NOT_FOUND, "no function '%s'", function);
    bool bad = w == r->bad && r->calls[w]++ < r->bad_calls;
    ff_code code = bad && r->before ? r->before(r, payload, err) : FF_OK;
    ff_call call = {payload, NULL, FF_NEVER};
    if (!code)
        code = ff_function_call(r->worker[w], &call, reply, err);
    return !code && bad && r->after ? r->after(r, reply, err) : code;
}

static void run_whole(rig *r)
{
    char path[4096];
    ff_err err = {0};
    ff_engine *engine = NULL;
    ff_session *session = NULL;
    ff_session_options plain = {.plain = true};
    ff_shape shape = {4, {1, 3, RIG_HEIGHT, RIG_WIDTH}};
    ff_random random;
    must(ff_tensor_new(FF_DTYPE_F32, &shape, &r->x, &err), &err);
    ff_random_init(&random, 11);
    for (size_t i = 0; i < r->x.bytes / 4; i++)
        ((float *)(void *)r->x.data)[i] = (float)ff_random_normal(&random);
    must(ff_path_join(r->dir, "whole.onnx", path, &err), &err);
    must(ff_engine_new(1, &engine, &err), &err);
    must(ff_session_open(engine, path, &plain, &session, &err), &err);
    must(ff_session_run(session, &r->x, 1, &r->y, 1, &err), &err);
    ff_tensor own;
    must(ff_tensor_copy(&r->y, &own, &err), &err);
    ff_tensor_clean(&r->y);
    r->y = own;
    ff_session_close(session);
    ff_engine_free(engine);
}

void rig_start(rig *r, bool with_store)
{
    rig_start_with(r, with_store, (tiny_bundle){0});
}

void rig_start_with(rig *r, bool with_store, tiny_bundle bundle)
{
    ff_err err = {0};
    bundle.height = RIG_HEIGHT;
    bundle.width = RIG_WIDTH;
    bundle.deployment = "tiny";
    *r = (rig){.dir = "/tmp/ff-rig-XXXXXX", .bad = -1};
    ff_log_init("test", FF_LOG_ERROR, false);
    if (!mkdtemp(r->dir))
        abort();
    tiny_bundle_write(r->dir, &bundle);
    run_whole(r);
    must(ff_http_new(NULL, &r->http, &err), &err);
    must(ff_http_new(NULL, &r->worker_http, &err), &err);
    fake_store_init(&r->store, r->http);
    fake_store_init(&r->worker_store, r->worker_http);
    r->worker_store.shared = &r->store;
    fake_invoker_init(&r->invoker, r->http, serve, r);
    ff_function_options o = {.bundle = r->dir,
                             .function = "master",
                             .threads = 1,
                             .http = r->http,
                             .store = with_store ? &r->store.store : NULL,
                             .store_url = with_store ? "fake://objects" : NULL,
                             .prefix = "runs",
                             .invoker = &r->invoker.invoker,
                             .max_request = 1 << 20,
                             .max_reply = 2 << 20};
    must(ff_function_new(&o, &r->master, &err), &err);
    o.http = r->worker_http;
    o.store = with_store ? &r->worker_store.store : NULL;
    o.invoker = NULL;
    for (int i = bundle.own; i < 3; i++) {
        static const char *const NAMES[] = {"w0", "w1", "w2"};
        o.function = NAMES[i];
        must(ff_function_new(&o, &r->worker[i], &err), &err);
    }
}

void rig_stop(rig *r)
{
    ff_function_free(r->master);
    for (int i = 0; i < 3; i++)
        ff_function_free(r->worker[i]);
    ff_http_free(r->http);
    ff_http_free(r->worker_http);
    ff_tensor_clean(&r->x);
    ff_tensor_clean(&r->y);
    ff_dir_remove(r->dir, NULL);
    *r = (rig){0};
}

ff_code rig_ask(rig *r, const char *members, ff_buf *reply, ff_err *err)
{
    ff_buf payload;
    ff_wire wire;
    ff_region all = ff_region_whole(&r->x.shape);
    ff_buf_init(&payload, 0);
    must(ff_wire_init(&wire, &r->x, &all, err), err);
    must(ff_buf_printf(&payload, err, "{%s\"tensors\":[", members), err);
    must(ff_envelope_add_inline(&payload, "x", &wire, true, err), err);
    must(ff_envelope_end(&payload, "", err), err);
    ff_call call = {&payload, NULL, FF_NEVER};
    ff_code code = ff_function_call(r->master, &call, reply, err);
    ff_buf_clean(&payload);
    return code;
}

bool rig_is_y(rig *r, const ff_env_tensor *tensor)
{
    ff_share share;
    ff_recv recv;
    ff_diff diff;
    ff_err err = {0};
    must(ff_share_init(&share, &r->store.store, "runs", "tiny", &err), &err);
    ff_recv_start(&recv, &share, tensor, NULL, NULL, false, FF_NEVER);
    while (recv.pending)
        must(ff_http_poll(r->http, FF_NEVER, &err), &err);
    must(recv.code, &recv.err);
    bool same =
        !ff_tensor_diff(&r->y, &recv.tensor, &diff, &err) && ff_diff_ok(&diff, FF_DTYPE_F32);
    ff_recv_clean(&recv);
    return same;
}

void rig_replace(ff_buf *buf, const char *from, const char *to)
{
    char *at = memmem(buf->data, buf->len, from, strlen(from));
    if (!at || strlen(from) != strlen(to)) {
        fprintf(stderr, "rig: no '%s' to replace\n", from);
        abort();
    }
    memcpy(at, to, strlen(to));
}
