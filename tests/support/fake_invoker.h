/*
 * An invoker that calls functions of this process: answers come from within ff_http_poll, as those
 * of a real one do. It copies the payload, because the function reads in place.
 */
#ifndef FF_TESTS_SUPPORT_FAKE_INVOKER_H
#define FF_TESTS_SUPPORT_FAKE_INVOKER_H

#include "net/invoke.h"

/* Answers one call; an error becomes FF_REMOTE as over a wire. */
typedef ff_code (*fake_serve)(void *user, const char *function, ff_buf *payload, ff_buf *reply,
                              ff_err *err);

typedef struct fake_invoker {
    ff_invoker invoker; /* first */
    ff_invoker_ops ops; /* its own, so that tests may set limits */
    fake_serve serve;
    void *user;
    int calls, in_flight, most_in_flight, cancelled;
    int64_t delay_ms; /* of every answer; negative = never */
    const char *slow; /* this function's answer takes slow_ms instead; NULL = none */
    int64_t slow_ms;
} fake_invoker;

/* In the caller's storage; free does nothing. */
void fake_invoker_init(fake_invoker *f, ff_http *http, fake_serve serve, void *user);

#endif
