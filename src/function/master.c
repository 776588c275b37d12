/*
 * A master's request: the client's tensors in, stage by stage through workers and its own pieces,
 * tensors out. What a stage left in the store is removed while the next one runs, and all of it
 * before the answer.
 */
#include <string.h>

#include "base/log.h"
#include "function/master_int.h"

#define CLEANUP_MS 2000 /* where the platform set no deadline */

static void init_trace(ff_run *run)
{
    const ff_manifest *m = run->f->manifest;
    ff_trace *t = &run->trace;
    ff_trace_init(t);
    t->request_id = run->request_id;
    t->in_count = m->in_count;
    t->in = ff_arena_array(t->arena, (size_t)m->in_count, sizeof *t->in);
    t->out = ff_arena_array(t->arena, (size_t)m->out_count, sizeof *t->out);
    t->stage_count = m->stage_count;
    t->stage = ff_arena_array(t->arena, (size_t)m->stage_count, sizeof *t->stage);
    for (int s = 0; s < m->stage_count; s++) {
        t->stage[s].split = m->stage[s].split;
        t->stage[s].piece_count = m->stage[s].piece_count;
        t->stage[s].piece =
            ff_arena_array(t->arena, (size_t)m->stage[s].piece_count, sizeof *t->stage[s].piece);
    }
}

static void init_run(ff_run *run, ff_function *f, const ff_call *call, const char *request_id)
{
    *run = (ff_run){.f = f, .request_id = request_id};
    init_trace(run);
    ff_sweep_init(&run->sweep, f);
    ff_clock_key_date(ff_clock_wall_ms(), run->timestamp, sizeof run->timestamp);
    run->deadline_ns = ff_function_margin(call->deadline_ns);
    run->final_deadline_ns = call->deadline_ns;
    run->value = ff_mem_must_array((size_t)f->wiring.value_count, sizeof *run->value);
}

static void clean_run(ff_run *run)
{
    for (int i = 0; i < run->f->wiring.value_count; i++)
        ff_tensor_clean(&run->value[i]);
    ff_mem_free(run->value);
    ff_envelope_clean(&run->request);
    ff_trace_clean(&run->trace);
    ff_sweep_clean(&run->sweep);
}

static bool known_output(const ff_manifest *m, const char *name)
{
    for (int i = 0; i < m->out_count; i++)
        if (!strcmp(m->out[i].name, name))
            return true;
    return false;
}

static ff_code check_request(const ff_run *run, ff_err *err)
{
    const ff_manifest *m = run->f->manifest;
    const ff_envelope *e = &run->request;
    if (e->deployment && strcmp(e->deployment, m->deployment) != 0)
        return ff_err_set(err, FF_FORMAT, "the request is for deployment '%s', this is '%s'",
                          e->deployment, m->deployment);
    for (int i = 0; i < m->in_count; i++) {
        const ff_env_tensor *t = ff_envelope_find(e, m->in[i].name);
        char shape[200];
        if (!t)
            return ff_err_set(err, FF_FORMAT, "input '%.100s' (%s %s) is missing", m->in[i].name,
                              ff_dtype_name(m->in[i].dtype),
                              ff_shape_text(&m->in[i].shape, shape, sizeof shape));
        ff_code code = ff_env_tensor_expect(t, m->in[i].dtype, &m->in[i].shape, err);
        if (!code && t->key)
            code = ff_key_check_client(t->key, run->f->share.folder, err);
        if (code)
            return ff_err_wrap(err, "input"), code;
    }
    if (e->count != m->in_count)
        return ff_err_set(err, FF_FORMAT, "wanted %d input tensors, found %d", m->in_count,
                          e->count);
    for (int i = 0; i < e->output_count; i++)
        if (!known_output(m, e->outputs[i]))
            return ff_err_set(err, FF_FORMAT, "outputs: the model has no output '%.100s'",
                              e->outputs[i]);
    return FF_OK;
}

typedef struct inputs {
    ff_recv *recv;
    int count;
} inputs;

static bool receiving(const void *what)
{
    const inputs *in = what;
    for (int i = 0; i < in->count; i++)
        if (in->recv[i].pending)
            return true;
    return false;
}

static ff_code read_inputs(ff_run *run, ff_err *err)
{
    const ff_manifest *m = run->f->manifest;
    inputs in = {ff_mem_must_array((size_t)m->in_count, sizeof *in.recv), m->in_count};
    for (int i = 0; i < m->in_count; i++) {
        const ff_env_tensor *from = ff_envelope_find(&run->request, m->in[i].name);
        if (from->key)
            ff_sweep_add(&run->sweep, from->key);
        ff_recv_start(&in.recv[i], &run->f->share, from, NULL, NULL, false, run->deadline_ns);
    }
    ff_code code = ff_function_drive(run->f, receiving, &in, err);
    for (int i = 0; i < m->in_count; i++) {
        ff_recv *recv = &in.recv[i];
        run->trace.in[i] = recv->moved;
        run->trace.in[i].name = m->in[i].name;
        if (!code && (code = recv->code)) {
            ff_err_wrap(&recv->err, "input");
            if (err)
                *err = recv->err;
        }
        if (!code) {
            run->value[run->f->wiring.in[i]] = recv->tensor;
            recv->tensor = (ff_tensor){0};
        }
        ff_recv_clean(recv);
    }
    ff_mem_free(in.recv);
    return code;
}

static ff_code run_stages(ff_run *run, ff_err *err)
{
    const ff_manifest *m = run->f->manifest;
    ff_code code = FF_OK;
    for (int s = 0; s < m->stage_count && !code; s++) {
        ff_trace_stage *trace = &run->trace.stage[s];
        if (ff_clock_now_ns() >= run->deadline_ns)
            return ff_err_set(err, FF_TIMEOUT, "the deadline passed before stage %d of %d", s,
                              m->stage_count);
        /* what came before this stage is read: it goes while the stage runs */
        ff_sweep_start(&run->sweep, run->final_deadline_ns);
        trace->start_ns = ff_clock_now_ns();
        code =
            m->stage[s].local ? ff_run_local_stage(run, s, err) : ff_run_remote_stage(run, s, err);
        trace->end_ns = ff_clock_now_ns();
        for (int i = 0; i < m->stage[s].drop_count && !code; i++)
            ff_tensor_clean(&run->value[run->f->wiring.stage[s].drop[i]]);
    }
    return code;
}

/* The outputs that the client asked for, in the model's order. */
static int choose_outputs(const ff_run *run, ff_send_part *parts)
{
    const ff_manifest *m = run->f->manifest;
    int count = 0;
    for (int i = 0; i < m->out_count; i++) {
        bool asked = !run->request.output_count;
        for (int k = 0; k < run->request.output_count && !asked; k++)
            asked = !strcmp(run->request.outputs[k], m->out[i].name);
        const ff_tensor *value = &run->value[run->f->wiring.out[i]];
        if (asked)
            parts[count++] = (ff_send_part){m->out[i].name, value, ff_region_whole(&value->shape)};
    }
    return count;
}

typedef struct leaving {
    const ff_send *send;
    const ff_sweep *sweep;
} leaving;

static bool still_moving(const void *what)
{
    const leaving *l = what;
    return l->send->pending || ff_sweep_going(l->sweep);
}

/* "latency_ms" and, where it was asked for, the trace. */
static ff_code members(ff_run *run, const ff_send *send, ff_buf *out, ff_err *err)
{
    ff_trace *t = &run->trace;
    if (t->policy.automatic)
        t->stats = ff_chooser_stats_of(run->f->chooser);
    t->out_count = send->count;
    for (int i = 0; i < send->count; i++)
        t->out[i] = send->moved[i];
    t->end_ns = ff_clock_now_ns();
    ff_code code =
        ff_buf_printf(out, err, "\"latency_ms\":%.3f", ff_clock_ms(t->end_ns - t->start_ns));
    if (!code && run->request.trace)
        code = ff_buf_text(out, ",\"trace\":", err);
    if (!code && run->request.trace)
        code = ff_trace_emit(t, out, err);
    return code ? code : ff_buf_append(out, "", 1, err);
}

static ff_code answer(ff_run *run, ff_buf *reply, ff_err *err)
{
    ff_function *f = run->f;
    ff_send send = {0};
    ff_buf last;
    ff_env_head head = {.kind = FF_ENV_REPLY,
                        .request_id =
                            run->request.request_id ? run->request.request_id : run->request_id};
    ff_send_options options = {.policy = run->policy,
                               .direction = FF_OUTPUT,
                               .place = {f->share.prefix, f->share.deployment, run->timestamp,
                                         run->request_id, FF_STAGE_CLIENT, f->name},
                               .max_payload = f->max_reply,
                               .deadline_ns = run->deadline_ns};
    ff_send_part *parts = ff_mem_must_array((size_t)f->manifest->out_count, sizeof *parts);
    ff_buf_init(&last, 0);
    ff_sweep_start(&run->sweep, run->final_deadline_ns);
    ff_send_start(&send, &f->share, &head, parts, choose_outputs(run, parts), &options);
    ff_code code = ff_function_drive(f, still_moving, &(leaving){&send, &run->sweep}, err);
    if (!code && (code = send.code) && err)
        *err = send.err;
    if (!code)
        code = members(run, &send, &last, err);
    if (!code)
        code = ff_send_finish(&send, (const char *)last.data, err);
    if (!code) {
        *reply = send.payload;
        send.payload = (ff_buf){0};
    } else { /* nobody will read them */
        for (int i = 0; i < ff_send_key_count(&send); i++)
            ff_sweep_add(&run->sweep, ff_send_key(&send, i));
        ff_err_wrap(err, "outputs");
    }
    ff_send_clean(&send);
    ff_buf_clean(&last);
    ff_mem_free(parts);
    return code;
}

/* Whatever happened: nothing in flight, and nothing left in the store that can be removed. */
static void clean_up(ff_run *run)
{
    ff_err err = {0};
    int64_t deadline_ns = run->final_deadline_ns == FF_NEVER ? ff_clock_deadline_ms(CLEANUP_MS)
                                                             : run->final_deadline_ns;
    if (run->f->store && ff_sweep_left(&run->sweep)) {
        ff_sweep_start(&run->sweep, deadline_ns);
        ff_function_drive(run->f, ff_sweep_going, &run->sweep, &err);
    }
    if (run->f->store && ff_sweep_left(&run->sweep))
        ff_log(FF_LOG_WARN, "%d objects were not removed from the store: %s",
               ff_sweep_left(&run->sweep), run->sweep.err.message);
}

static void log_done(const ff_run *run)
{
    ff_trace_sum sum = ff_trace_total(&run->trace);
    for (int s = 0; s < run->trace.stage_count; s++)
        ff_log(FF_LOG_DEBUG, "stage %d (%s, %d pieces): %.2f ms", s, run->trace.stage[s].split,
               run->trace.stage[s].piece_count,
               ff_clock_ms(run->trace.stage[s].end_ns - run->trace.stage[s].start_ns));
    ff_log(FF_LOG_INFO,
           "request%s%s: %.2f ms in %d stages; inline %llu bytes in %d tensors, store "
           "%llu in %d",
           run->request.request_id ? " " : "",
           run->request.request_id ? run->request.request_id : "",
           ff_clock_ms(run->trace.end_ns - run->trace.start_ns), run->trace.stage_count,
           (unsigned long long)sum.bytes[FF_ROUTE_INLINE], sum.tensors[FF_ROUTE_INLINE],
           (unsigned long long)sum.bytes[FF_ROUTE_STORE], sum.tensors[FF_ROUTE_STORE]);
}

ff_code ff_master_call(ff_function *f, const ff_call *call, const char *request_id, ff_buf *reply,
                       ff_err *err)
{
    ff_run run;
    init_run(&run, f, call, request_id);
    ff_code code = ff_envelope_parse(FF_ENV_REQUEST, call->payload,
                                     f->store ? f->share.folder : NULL, &run.request, err);
    if (code) {
        ff_err_wrap(err, "request");
        goto fail;
    }
    if (run.request.describe) {
        code = ff_describe(f, reply, err);
        goto fail;
    }
    run.policy = run.trace.policy = run.request.policy;
    if (run.policy.automatic && !f->chooser) {
        code = ff_err_set(err, FF_UNSUPPORTED,
                          "policy auto needs a network profile, which this bundle does not have: "
                          "build it with --network, or use inline, store or a size such as 800KB");
        goto fail;
    }
    if (run.policy.automatic)
        run.number = ff_chooser_begin(f->chooser);
    int64_t asked_ns = ff_clock_from_epoch_ms(run.request.deadline_ms);
    run.deadline_ns = asked_ns < run.deadline_ns ? asked_ns : run.deadline_ns;
    code = check_request(&run, err);
    if (!code)
        code = read_inputs(&run, err);
    if (!code)
        code = run_stages(&run, err);
    if (!code)
        code = answer(&run, reply, err);
    clean_up(&run);
    if (!code)
        log_done(&run);
fail:
    clean_run(&run);
    return code;
}
