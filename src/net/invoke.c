#include "net/invoke.h"

#include "net/aws_call.h"

ff_code ff_invoke_start(ff_invoker *invoker, const char *function, const ff_http_body *payload,
                        int64_t deadline_ns, ff_invoke_done done, void *user, ff_err *err)
{
    uint64_t bytes = ff_aws_body_bytes(payload);
    if (invoker->ops->max_request && bytes > invoker->ops->max_request)
        return ff_err_set(err, FF_LIMIT,
                          "the payload for %s has %llu bytes; at most %zu go in one request",
                          function, (unsigned long long)bytes, invoker->ops->max_request);
    return invoker->ops->start(invoker, function, payload, deadline_ns, done, user, err);
}

typedef struct outcome {
    bool ended;
    ff_code code;
    ff_err err;
    ff_invoke_result result;
} outcome;

static void keep_outcome(void *user, ff_code code, const ff_err *err, ff_invoke_result *result)
{
    outcome *o = user;
    o->ended = true;
    o->code = code;
    o->err = *err;
    o->result = *result;
    result->body = (ff_buf){0};
}

ff_code ff_invoke(ff_invoker *invoker, const char *function, ff_bytes payload, int64_t deadline_ns,
                  ff_invoke_result *out, ff_err *err)
{
    outcome *o = ff_mem_must(sizeof *o);
    ff_http_body body = {1, {payload}};
    ff_code code = ff_invoke_start(invoker, function, &body, deadline_ns, keep_outcome, o, err);
    if (code)
        goto done;
    while (!o->ended)
        if ((code = ff_http_poll(invoker->http, FF_NEVER, err)))
            return code; /* libcurl is broken; the call may still come back, so o stays */
    code = o->code;
    if (!code)
        *out = o->result;
    else
        ff_buf_clean(&o->result.body);
    if (code && err)
        *err = o->err;
done:
    ff_mem_free(o);
    return code;
}

void ff_invoker_free(ff_invoker *invoker)
{
    if (invoker)
        invoker->ops->free(invoker);
}
