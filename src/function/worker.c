/*
 * A worker's request: tensors in, its piece run, tensors out; each by the route that its size asks
 * for. Keeps nothing from one task to the next.
 */
#include <string.h>

#include "base/log.h"
#include "function/function_int.h"

typedef struct task {
    ff_function *f;
    const ff_mf_piece *piece;
    ff_envelope envelope;
    int64_t deadline_ns;
    ff_recv *recv; /* one an input */
    ff_tensor *in; /* views of what was received */
    ff_tensor *out;
    ff_send send;
    ff_env_times times;
} task;

static ff_code check_task(const task *t, ff_err *err)
{
    const ff_function *f = t->f;
    const ff_envelope *e = &t->envelope;
    if (strcmp(e->deployment, f->share.deployment) != 0 || strcmp(e->function, f->name) != 0 ||
        e->stage != f->stage)
        return ff_err_set(err, FF_FORMAT,
                          "the task is for stage %d, function '%s' of deployment '%s'; this is "
                          "stage %d, function '%s' of '%s'",
                          e->stage, e->function, e->deployment, f->stage, f->name,
                          f->share.deployment);
    if (e->count != t->piece->in_count)
        return ff_err_set(err, FF_FORMAT, "wanted %d tensors, found %d", t->piece->in_count,
                          e->count);
    if (e->threshold_count && e->threshold_count != t->piece->out_count)
        return ff_err_set(err, FF_FORMAT, "wanted %d thresholds, found %d", t->piece->out_count,
                          e->threshold_count);
    return FF_OK;
}

static bool receiving(const void *what)
{
    const task *t = what;
    for (int i = 0; i < t->piece->in_count; i++)
        if (t->recv[i].pending)
            return true;
    return false;
}

static ff_code receive(task *t, ff_err *err)
{
    int count = t->piece->in_count;
    int64_t begun_ns = ff_clock_now_ns(), get_ns = 0, decode_ns = 0;
    ff_code code = FF_OK;
    for (int i = 0; i < count && !code; i++) {
        const ff_mf_part *part = &t->piece->in[i];
        const ff_env_tensor *from = ff_envelope_find(&t->envelope, part->name);
        ff_shape shape = ff_region_shape(&part->region);
        if (!from)
            code = ff_err_set(err, FF_FORMAT, "wanted a tensor '%.100s', found none", part->name);
        else
            code = ff_env_tensor_expect(from, part->dtype, &shape, err);
        if (!code)
            ff_recv_start(&t->recv[i], &t->f->share, from, NULL, NULL, false, t->deadline_ns);
    }
    ff_code driven = ff_function_drive(t->f, receiving, t, code ? NULL : err);
    code = code ? code : driven;
    for (int i = 0; i < count && !code; i++) {
        if (t->recv[i].code && err)
            *err = t->recv[i].err;
        code = t->recv[i].code;
        t->in[i] = t->recv[i].tensor; /* still owned by recv */
        decode_ns += t->recv[i].moved.decode_ns;
        if (t->recv[i].moved.route == FF_ROUTE_STORE)
            get_ns = ff_clock_now_ns() - begun_ns;
    }
    t->times.decode_ms = ff_clock_ms(decode_ns);
    t->times.get_ms = ff_clock_ms(get_ns);
    return code;
}

static ff_code compute(task *t, ff_err *err)
{
    int64_t begun_ns = ff_clock_now_ns();
    ff_code code = ff_loaded_run(t->f->loaded, t->in, t->out, err);
    t->times.compute_ms = ff_clock_ms(ff_clock_now_ns() - begun_ns);
    for (int i = 0; i < t->piece->in_count; i++) /* memory for the outputs' encoding */
        ff_recv_clean(&t->recv[i]);
    return code;
}

static bool sending(const void *what)
{
    return ((const ff_send *)what)->pending > 0;
}

static ff_code answer(task *t, ff_buf *reply, ff_err *err)
{
    const ff_envelope *e = &t->envelope;
    int count = t->piece->out_count;
    char times[240];
    ff_env_head head = {.kind = FF_ENV_RESULT,
                        .request_id = e->request_id,
                        .stage = e->stage,
                        .function = e->function};
    ff_send_options options = {.policy = e->policy,
                               .thresholds = e->thresholds,
                               .direction = FF_OUTPUT,
                               .place = {t->f->share.prefix, e->deployment, e->timestamp,
                                         e->request_id, e->stage, e->function},
                               .max_payload = t->f->max_reply,
                               .deadline_ns = t->deadline_ns};
    ff_send_part *parts = ff_mem_must_array((size_t)count, sizeof *parts);
    for (int i = 0; i < count; i++)
        parts[i] =
            (ff_send_part){t->piece->out[i].name, &t->out[i], ff_region_whole(&t->out[i].shape)};
    int64_t begun_ns = ff_clock_now_ns();
    ff_send_start(&t->send, &t->f->share, &head, parts, count, &options);
    int64_t put_ns = ff_clock_now_ns();
    t->times.encode_ms = ff_clock_ms(put_ns - begun_ns);
    ff_code code = ff_function_drive(t->f, sending, &t->send, err);
    t->times.put_ms = ff_clock_ms(ff_clock_now_ns() - put_ns);
    if (!code && (code = t->send.code) && err)
        *err = t->send.err;
    t->times.cold = !t->f->warm;
    if (!code)
        code = ff_send_finish(&t->send, ff_env_times_text(&t->times, times, sizeof times), err);
    if (!code) {
        *reply = t->send.payload;
        t->send.payload = (ff_buf){0};
    }
    ff_mem_free(parts);
    return code;
}

static void log_done(const task *t, int64_t begun_ns, const ff_buf *payload, const ff_buf *reply)
{
    uint64_t bytes[FF_ROUTE_COUNT] = {0};
    for (int i = 0; i < t->envelope.count; i++)
        bytes[t->envelope.tensor[i].route] += t->envelope.tensor[i].data_bytes;
    for (int i = 0; i < t->send.count; i++)
        bytes[t->send.moved[i].route] += t->send.moved[i].bytes;
    ff_log(FF_LOG_INFO,
           "request %s stage %d function %s: %.2f ms (decode %.2f, get %.2f, compute %.2f, encode "
           "%.2f, put %.2f)%s; inline %llu, store %llu bytes; payloads %zu and %zu",
           t->envelope.request_id, t->envelope.stage, t->f->name,
           ff_clock_ms(ff_clock_now_ns() - begun_ns), t->times.decode_ms, t->times.get_ms,
           t->times.compute_ms, t->times.encode_ms, t->times.put_ms, t->times.cold ? ", cold" : "",
           (unsigned long long)bytes[FF_ROUTE_INLINE], (unsigned long long)bytes[FF_ROUTE_STORE],
           payload->len, reply->len);
}

ff_code ff_worker_call(ff_function *f, const ff_call *call, ff_buf *reply, ff_err *err)
{
    task t = {.f = f, .piece = f->loaded->piece};
    int64_t begun_ns = ff_clock_now_ns();
    ff_code code = ff_envelope_parse(FF_ENV_TASK, call->payload, f->store ? f->share.folder : NULL,
                                     &t.envelope, err);
    if (code)
        return ff_err_wrap(err, "task"), code;
    t.deadline_ns = ff_function_margin(call->deadline_ns);
    int64_t given_ns = ff_clock_from_epoch_ms(t.envelope.deadline_ms);
    t.deadline_ns = given_ns < t.deadline_ns ? given_ns : t.deadline_ns;
    t.recv = ff_mem_must_array((size_t)t.piece->in_count, sizeof *t.recv);
    t.in = ff_mem_must_array((size_t)t.piece->in_count, sizeof *t.in);
    t.out = ff_mem_must_array((size_t)t.piece->out_count, sizeof *t.out);
    code = check_task(&t, err);
    if (!code)
        code = receive(&t, err);
    if (!code)
        code = compute(&t, err);
    if (!code)
        code = answer(&t, reply, err);
    if (!code)
        log_done(&t, begun_ns, call->payload, reply);
    for (int i = 0; i < t.piece->in_count; i++)
        ff_recv_clean(&t.recv[i]);
    for (int i = 0; i < t.piece->out_count; i++)
        ff_tensor_clean(&t.out[i]);
    ff_send_clean(&t.send);
    ff_envelope_clean(&t.envelope);
    ff_mem_free(t.recv);
    ff_mem_free(t.in);
    ff_mem_free(t.out);
    return code;
}
