/*
 * A stage on workers: every piece's input is cut out, sent and its worker called; while bytes move,
 * the next one is encoded; answers are unpacked as they come. One thread, one loop. What each task
 * waits for is looked at after every turn of the HTTP client, so that no callback does work. The
 * master's own piece, where it has one, begins when all workers have been sent theirs, so that it
 * takes no time from them, and is gathered as the others are.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "function/master_int.h"

typedef enum task_state { TASK_SENDING, TASK_CALLING, TASK_RECEIVING, TASK_DONE } task_state;

typedef struct task {
    ff_run *run;
    int stage, at;
    const ff_mf_piece *piece;
    const ff_wired_piece *wired;
    const char *name;     /* in the manifest */
    const char *function; /* as it is invoked */
    task_state state;
    bool again;   /* a checksum failed once */
    bool started; /* its worker may have written */
    ff_send send;
    ff_http_body body;
    bool calling; /* in flight */
    ff_code code;
    ff_err err;
    ff_buf reply;
    ff_envelope result;
    ff_recv *recv; /* one an output */
    ff_trace_piece *trace;
    /* Policy auto; one an input, and one an output: */
    uint64_t *in_threshold, *out_threshold;
    bool *in_explored, *out_explored;
} task;

static ff_key_place place_of(const task *t)
{
    const ff_run *run = t->run;
    return (ff_key_place){run->f->share.prefix,
                          run->f->share.deployment,
                          run->timestamp,
                          run->request_id,
                          t->stage,
                          t->name};
}

static void fail(task *t, ff_code code)
{
    t->code = code; /* t->err was filled */
}

static void begin_task(task *t)
{
    const ff_run *run = t->run;
    const ff_mf_piece *piece = t->piece;
    ff_env_head head = {.kind = FF_ENV_TASK,
                        .deployment = run->f->share.deployment,
                        .request_id = run->request_id,
                        .timestamp = run->timestamp,
                        .function = t->name,
                        .stage = t->stage,
                        .policy = &run->policy,
                        .threshold_count = t->out_threshold ? piece->out_count : 0,
                        .thresholds = t->out_threshold,
                        .deadline_ms = ff_clock_to_epoch_ms(run->deadline_ns)};
    ff_send_options options = {.policy = run->policy,
                               .thresholds = t->in_threshold,
                               .direction = FF_INPUT,
                               .place = place_of(t),
                               .max_payload = run->f->invoker->ops->max_request,
                               .deadline_ns = run->deadline_ns};
    ff_send_part *parts = ff_mem_must_array((size_t)piece->in_count, sizeof *parts);
    for (int i = 0; i < piece->in_count; i++)
        parts[i] =
            (ff_send_part){piece->in[i].name, &run->value[t->wired->in[i]], piece->in[i].region};
    if (!t->trace->start_ns)
        t->trace->start_ns = ff_clock_now_ns();
    t->state = TASK_SENDING;
    ff_send_start(&t->send, &run->f->share, &head, parts, piece->in_count, &options);
    ff_mem_free(parts);
}

static void answered(void *user, ff_code code, const ff_err *err, ff_invoke_result *result)
{
    task *t = user;
    t->calling = false;
    t->trace->invoke_ns = result->done_ns - result->started_ns;
    t->trace->attempts += result->attempts;
    t->trace->response_bytes = result->response_bytes;
    t->reply = result->body;
    result->body = (ff_buf){0};
    if (code) {
        t->err = *err;
        fail(t, code);
    }
}

/* All inputs are in the payload or in the store: the call goes out. */
static void call_worker(task *t)
{
    if (t->send.code) {
        t->err = t->send.err;
        fail(t, t->send.code);
        return;
    }
    ff_code code = ff_send_finish(&t->send, "", &t->err);
    t->body = (ff_http_body){1, {ff_buf_view(&t->send.payload)}};
    t->trace->request_bytes = t->send.payload.len;
    t->state = TASK_CALLING;
    t->calling = t->started = !code;
    if (!code)
        code = ff_invoke_start(t->run->f->invoker, t->function, &t->body, t->run->deadline_ns,
                               answered, t, &t->err);
    if (code) {
        t->calling = false;
        fail(t, code);
    }
}

static ff_code check_result(const task *t, ff_err *err)
{
    const ff_envelope *e = &t->result;
    if (strcmp(e->request_id, t->run->request_id) != 0 || e->stage != t->stage ||
        strcmp(e->function, t->name) != 0)
        return ff_err_set(err, FF_FORMAT,
                          "the answer is for request %s, stage %d, function '%s'; asked was %s, "
                          "stage %d, '%s'",
                          e->request_id, e->stage, e->function, t->run->request_id, t->stage,
                          t->name);
    if (e->count != t->piece->out_count)
        return ff_err_set(err, FF_FORMAT, "wanted %d tensors, found %d", t->piece->out_count,
                          e->count);
    return FF_OK;
}

static ff_code start_receiving(task *t, ff_err *err)
{
    char folder[FF_KEY_TEXT];
    ff_run *run = t->run;
    ff_key_place place = place_of(t);
    ff_code code = ff_key_request_folder(&place, folder, err);
    if (!code)
        code = ff_envelope_parse(FF_ENV_RESULT, &t->reply, run->f->store ? folder : NULL,
                                 &t->result, err);
    if (!code)
        code = check_result(t, err);
    for (int i = 0; i < t->piece->out_count && !code; i++) {
        const ff_mf_part *part = &t->piece->out[i];
        const ff_env_tensor *from = ff_envelope_find(&t->result, part->name);
        ff_tensor *whole = &run->value[t->wired->out[i]];
        ff_shape shape = ff_region_shape(&part->region);
        if (!from)
            code = ff_err_set(err, FF_FORMAT, "wanted a tensor '%.100s', found none", part->name);
        else
            code = ff_env_tensor_expect(from, part->dtype, &shape, err);
        if (code)
            break;
        if (from->key)
            ff_sweep_add(&run->sweep, from->key);
        /* a whole output of one worker becomes the tensor; others are placed in it */
        ff_recv_start(&t->recv[i], &run->f->share, from, whole->data ? whole : NULL, &part->region,
                      part->add, run->deadline_ns);
    }
    return code;
}

static void unpack(task *t)
{
    t->state = TASK_RECEIVING;
    ff_code code = start_receiving(t, &t->err);
    if (code)
        fail(t, code);
}

static bool receiving(const task *t)
{
    for (int i = 0; i < t->piece->out_count; i++)
        if (t->recv[i].pending)
            return true;
    return false;
}

/* The chooser hears what the task's transfers took, and completes what the trace says of them. */
static void learn(task *t)
{
    ff_run *run = t->run;
    ff_choice choice = run->f->choice[t->stage][t->at];
    ff_trace_piece *p = t->trace;
    for (int i = 0; i < p->in_count; i++)
        p->in[i].explored = t->in_explored[i];
    for (int i = 0; i < p->out_count; i++) {
        p->out[i].automatic = true;
        p->out[i].explored = t->out_explored[i];
    }
    ff_chooser_trip trip = {.request = choice.request,
                            .response = choice.response,
                            .number = run->number,
                            .in = p->in,
                            .out = p->out,
                            .invoke_ms = ff_clock_ms(p->invoke_ns),
                            .worker = p->worker,
                            .usable = p->attempts == 1 && !p->worker.cold && !t->again};
    ff_chooser_learn(run->f->chooser, &trip);
}

static void note(task *t)
{
    ff_trace_piece *p = t->trace;
    for (int i = 0; i < p->in_count && t->send.moved; i++)
        p->in[i] = t->send.moved[i];
    for (int i = 0; i < p->out_count; i++) {
        p->out[i] = t->recv[i].moved;
        if (p->out[i].name)
            p->out[i].name = t->piece->out[i].name; /* the envelope's goes away */
    }
    p->worker = t->result.times;
    p->end_ns = ff_clock_now_ns();
}

/* Ends an attempt; what it holds is given back. Not while anything is in flight. */
static void release(task *t)
{
    for (int i = 0; i < ff_send_key_count(&t->send); i++)
        ff_sweep_add(&t->run->sweep, ff_send_key(&t->send, i));
    ff_send_clean(&t->send);
    for (int i = 0; i < t->piece->out_count; i++)
        ff_recv_clean(&t->recv[i]);
    ff_envelope_clean(&t->result);
    ff_buf_clean(&t->reply);
}

static void finish(task *t)
{
    for (int i = 0; i < t->piece->out_count; i++)
        if (t->recv[i].code) {
            t->err = t->recv[i].err;
            fail(t, t->recv[i].code);
            return;
        }
    for (int i = 0; i < t->piece->out_count; i++) {
        ff_tensor *whole = &t->run->value[t->wired->out[i]];
        if (!whole->data) {
            *whole = t->recv[i].tensor;
            t->recv[i].tensor = (ff_tensor){0};
        }
    }
    note(t);
    if (t->in_threshold)
        learn(t);
    release(t);
    t->state = TASK_DONE;
}

/* What this side or the worker received was damaged on its way: once more, all of it. Not where a
 * part was perhaps added already. */
static bool try_again(task *t)
{
    bool damaged = t->code == FF_CHECKSUM ||
                   (t->code == FF_REMOTE && strstr(t->err.message, ": Function.Checksum: "));
    for (int i = 0; i < t->piece->out_count; i++)
        damaged = damaged && (!t->piece->out[i].add || t->piece->out_count == 1);
    if (!damaged || t->again)
        return false;
    ff_log(FF_LOG_WARN, "stage %d, function %s: tried again: %s", t->stage, t->function,
           t->err.message);
    release(t);
    t->again = true;
    t->code = FF_OK;
    begin_task(t);
    return true;
}

/* One step where one can be taken; false where the task waits. */
static bool advance(task *t)
{
    if (t->code)
        return try_again(t);
    if (t->state == TASK_SENDING && !t->send.pending)
        call_worker(t);
    else if (t->state == TASK_CALLING && !t->calling)
        unpack(t);
    else if (t->state == TASK_RECEIVING && !receiving(t))
        finish(t);
    else
        return false;
    return true;
}

typedef struct stage_run {
    task *task;
    int count;
    ff_own own;
    bool own_open; /* the master's piece is not gathered yet */
} stage_run;

#define FAILED_OWN FF_MAX_TILES /* in place of a task's number */

static bool in_flight(const void *what)
{
    const stage_run *s = what;
    for (int i = 0; i < s->count; i++)
        if (s->task[i].calling || s->task[i].send.pending || receiving(&s->task[i]))
            return true;
    return false;
}

/* The turn of the HTTP client that brings the next news; FF_IO where none can come. While nothing
 * is to be done, the chooser does what waits for that, bit by bit. */
static ff_code wait_for_news(stage_run *s, ff_http *http, ff_err *err)
{
    const ff_run *run = s->task[0].run;
    if (run->policy.automatic && ff_http_in_flight(http) && ff_chooser_idle(run->f->chooser))
        return ff_http_poll(http, 0, err);
    if (ff_http_in_flight(http))
        return ff_http_poll(http, FF_NEVER, err);
    if (s->own_open)
        return FF_OK; /* gathering it waits */
    return ff_err_set(err, FF_IO, "a worker is waited for, but no call is in flight");
}

/* Steps of all tasks, until each waits or is done. Returns the number of one that has failed for
 * good; -1 = none. */
static int advance_all(stage_run *s, int *done)
{
    bool moved = true;
    while (moved) {
        moved = false;
        *done = 0;
        for (int i = 0; i < s->count; i++) {
            bool step = advance(&s->task[i]);
            if (!step && s->task[i].code)
                return i;
            moved = moved || step;
            *done += s->task[i].state == TASK_DONE;
        }
    }
    return -1;
}

/* Until all are done, or one has failed for good: its number, or FAILED_OWN; -1 = none. */
static int drive(stage_run *s, ff_http *http, ff_err *err)
{
    for (int done = 0;;) {
        int failed = advance_all(s, &done);
        if (failed >= 0)
            return failed;
        if (s->own_open && (ff_own_done(&s->own) || !ff_http_in_flight(http))) {
            s->own_open = false;
            if (ff_own_gather(&s->own, err))
                return FAILED_OWN;
        }
        if (done == s->count && !s->own_open)
            return -1;
        if (wait_for_news(s, http, err)) {
            task *first = &s->task[0];
            while (first < s->task + s->count - 1 && first->state == TASK_DONE)
                first++;
            first->err = *err;
            fail(first, err->code);
            return (int)(first - s->task);
        }
    }
}

/* "stage 2, function ocr-w3: FORMAT: ...": the worker's own error where it told one, what the
 * platform said of it otherwise ("Runtime.ExitError: ..."). */
static ff_code name_failure(const task *t, ff_err *err)
{
    ff_err found = t->err;
    const char *inner = t->code == FF_REMOTE ? strstr(found.message, "' failed: ") : NULL;
    if (inner) {
        char type[64];
        inner += strlen("' failed: ");
        size_t len = strcspn(inner, ": ");
        snprintf(type, sizeof type, "%.*s", (int)(len < sizeof type ? len : 0), inner);
        ff_code code = ff_function_error_code(type);
        if (code != FF_REMOTE || !strcmp(type, "Function.Remote"))
            return ff_err_set(err, FF_REMOTE, "stage %d, function %s: %s: %s", t->stage,
                              t->function, ff_code_name(code),
                              inner + len + strspn(inner + len, ": "));
        return ff_err_set(err, FF_REMOTE, "stage %d, function %s: %s", t->stage, t->function,
                          inner);
    }
    found.code = t->code;
    ff_err_wrap(&found, "stage %d, function %s", t->stage, t->function);
    if (err)
        *err = found;
    return t->code;
}

/* A worker that was called may have written its outputs, though it told nothing. */
static void sweep_possible(task *t)
{
    char key[FF_KEY_TEXT];
    ff_key_place place = place_of(t);
    for (int i = 0; i < t->piece->out_count && t->started; i++)
        if (!ff_key_make(&place, FF_OUTPUT, t->piece->out[i].name, t->piece->out_count == 1, key,
                         NULL))
            ff_sweep_add(&t->run->sweep, key);
}

static void give_up(stage_run *s, ff_function *f)
{
    ff_http_cancel_all(f->http);
    if (ff_function_drive(f, in_flight, s, NULL)) /* what another client drives */
        ff_log(FF_LOG_ERROR, "calls of a failed stage could not be cancelled");
    ff_own_clean(&s->own); /* it reads what the request will free */
    for (int i = 0; i < s->count; i++) {
        task *t = &s->task[i];
        if (t->state == TASK_DONE)
            continue;
        note(t);
        if (t->run->policy.threshold != UINT64_MAX || t->run->policy.automatic)
            sweep_possible(t);
        release(t);
    }
}

/* Memory for the outputs that several pieces make; zeros where parts are added. */
static ff_code make_outputs(ff_run *run, int stage, ff_err *err)
{
    const ff_mf_stage *s = &run->f->manifest->stage[stage];
    const ff_wired_stage *w = &run->f->wiring.stage[stage];
    for (int o = 0; o < s->out_count; o++) {
        bool alone = false, add = false;
        for (int p = 0; p < s->piece_count; p++)
            for (int i = 0; i < s->piece[p].out_count; i++)
                if (w->piece[p].out[i] == w->out[o]) {
                    add = s->piece[p].out[i].add;
                    alone =
                        !add && ff_region_is_whole(&s->piece[p].out[i].region, &s->out[o].shape);
                }
        if (alone)
            continue;
        ff_tensor *value = &run->value[w->out[o]];
        ff_code code = ff_tensor_new(s->out[o].dtype, &s->out[o].shape, value, err);
        if (code)
            return ff_err_wrap(err, "stage %d, output '%.100s'", stage, s->out[o].name), code;
        if (add)
            memset(value->data, 0, value->bytes);
    }
    return FF_OK;
}

static void choose(task *t)
{
    const ff_run *run = t->run;
    ff_choice choice = run->f->choice[t->stage][t->at];
    size_t ins = (size_t)t->piece->in_count, outs = (size_t)t->piece->out_count;
    ff_arena *arena = run->trace.arena;
    t->in_threshold = ff_arena_array(arena, ins, sizeof *t->in_threshold);
    t->out_threshold = ff_arena_array(arena, outs, sizeof *t->out_threshold);
    t->in_explored = ff_arena_array(arena, ins, sizeof *t->in_explored);
    t->out_explored = ff_arena_array(arena, outs, sizeof *t->out_explored);
    ff_chooser_thresholds(run->f->chooser, choice.request, run->policy.automatic, t->in_threshold,
                          t->in_explored);
    ff_chooser_thresholds(run->f->chooser, choice.response, run->policy.automatic, t->out_threshold,
                          t->out_explored);
}

static void init_task(task *t, ff_run *run, int stage, int at)
{
    const ff_mf_piece *piece = &run->f->manifest->stage[stage].piece[at];
    ff_trace_piece *trace = &run->trace.stage[stage].piece[at];
    *t = (task){.run = run,
                .stage = stage,
                .at = at,
                .piece = piece,
                .wired = &run->f->wiring.stage[stage].piece[at],
                .name = run->f->manifest->functions[piece->function],
                .function = run->f->called[piece->function],
                .trace = trace};
    t->recv = ff_mem_must_array((size_t)piece->out_count, sizeof *t->recv);
    trace->function = t->name;
    trace->in_count = piece->in_count;
    trace->out_count = piece->out_count;
    trace->in = ff_arena_array(run->trace.arena, (size_t)piece->in_count, sizeof *trace->in);
    trace->out = ff_arena_array(run->trace.arena, (size_t)piece->out_count, sizeof *trace->out);
    if (run->policy.automatic)
        choose(t);
}

/* Each worker's input on its way, then the master's own piece. */
static void begin_all(stage_run *s, ff_run *run, int stage, int own)
{
    for (int i = 0; i < s->count; i++)
        init_task(&s->task[i], run, stage, i + own);
    for (int i = 0; i < s->count; i++) {
        begin_task(&s->task[i]);
        for (int k = 0; k <= i; k++) /* this one, and those whose objects are written by now */
            if (s->task[k].state == TASK_SENDING && !s->task[k].code)
                advance(&s->task[k]);
        /* the bytes of those before move on; if they cannot, drive() meets the same failure */
        (void)ff_http_poll(run->f->http, 0, NULL);
    }
    s->own_open = own;
    if (own)
        ff_own_start(&s->own, run, stage);
}

ff_code ff_run_remote_stage(ff_run *run, int stage, ff_err *err)
{
    const ff_mf_stage *m = &run->f->manifest->stage[stage];
    ff_err local = {0};
    stage_run s = {.count = m->piece_count - m->own};
    ff_code code = make_outputs(run, stage, err);
    if (code)
        return code;
    s.task = ff_mem_must_array((size_t)s.count, sizeof *s.task);
    begin_all(&s, run, stage, m->own);
    int failed = drive(&s, run->f->http, &local);
    if (failed >= 0) {
        code = failed == FAILED_OWN ? local.code : name_failure(&s.task[failed], err);
        if (failed == FAILED_OWN && err)
            *err = local;
        give_up(&s, run->f);
    }
    ff_own_clean(&s.own);
    for (int i = 0; i < s.count; i++)
        ff_mem_free(s.task[i].recv);
    ff_mem_free(s.task);
    return code;
}
