#include "support/fake_invoker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct call {
    fake_invoker *f;
    char function[100];
    ff_buf payload;
    ff_invoke_done done;
    void *user;
    ff_invoke_result result;
} call;

static void answer(void *user, ff_code woken)
{
    call *c = user;
    ff_err err = {0}, inner = {0};
    ff_code code = woken;
    c->f->in_flight--;
    c->result.attempts = 1;
    c->result.done_ns = ff_clock_now_ns();
    if (woken) {
        c->f->cancelled++;
        ff_err_set(&err, FF_CANCELLED, "cancelled");
    } else if (c->f->serve(c->f->user, c->function, &c->payload, &c->result.body, &inner)) {
        char type[40] = "Function.";
        bool up = true;
        size_t at = strlen(type);
        for (const char *n = ff_code_name(inner.code); *n; n++) {
            if (*n != '_')
                type[at++] = (char)(up ? *n : *n | 0x20);
            up = *n == '_';
        }
        type[at] = '\0';
        code = ff_err_set(&err, FF_REMOTE, "function '%s' failed: %s: %s", c->function, type,
                          inner.message);
    }
    c->result.done_ns = ff_clock_now_ns();
    c->result.response_bytes = c->result.body.len;
    c->done(c->user, code, &err, &c->result);
    ff_buf_clean(&c->result.body);
    ff_buf_clean(&c->payload);
    free(c);
}

static ff_code start(ff_invoker *invoker, const char *function, const ff_http_body *payload,
                     int64_t deadline_ns, ff_invoke_done done, void *user, ff_err *err)
{
    fake_invoker *f = (fake_invoker *)invoker;
    call *c = calloc(1, sizeof *c);
    (void)deadline_ns;
    if (!c)
        abort();
    c->f = f;
    snprintf(c->function, sizeof c->function, "%s", function);
    for (int i = 0; i < payload->count; i++)
        if (ff_buf_append(&c->payload, payload->part[i].data, payload->part[i].len, err))
            abort();
    c->done = done;
    c->user = user;
    c->result.started_ns = ff_clock_now_ns();
    c->result.request_bytes = c->payload.len;
    f->calls++;
    if (++f->in_flight > f->most_in_flight)
        f->most_in_flight = f->in_flight;
    int64_t delay_ms = f->slow && !strcmp(f->slow, function) ? f->slow_ms : f->delay_ms;
    int64_t at = delay_ms < 0 ? FF_NEVER : ff_clock_now_ns() + delay_ms * 1000000;
    return ff_http_after(invoker->http, at, answer, c, NULL, err);
}

static void do_nothing(ff_invoker *invoker)
{
    (void)invoker;
}

void fake_invoker_init(fake_invoker *f, ff_http *http, fake_serve serve, void *user)
{
    *f = (fake_invoker){
        .ops = {.name = "fake", .json_only = true, .start = start, .free = do_nothing},
        .serve = serve,
        .user = user};
    f->invoker = (ff_invoker){&f->ops, http};
}
