/*
 * A whole deployment in one process: master and workers of the tiny bundle, an invoker that calls
 * the workers, stores with the same objects; and requests, compared with the whole model.
 */
#ifndef FF_TESTS_SUPPORT_RIG_H
#define FF_TESTS_SUPPORT_RIG_H

#include "function/function.h"
#include "support/fake_invoker.h"
#include "support/fake_store.h"
#include "support/tiny_bundle.h"

#define RIG_HEIGHT 16
#define RIG_WIDTH  12

typedef struct rig {
    char dir[64];
    ff_http *http;           /* the master's */
    ff_http *worker_http;    /* the workers': they run within a turn of the master's */
    fake_store store;        /* the master's */
    fake_store worker_store; /* the workers', of the same objects */
    fake_invoker invoker;
    ff_function *master;
    ff_function *worker[3];
    ff_tensor x, y; /* an input, and the whole model's answer */
    /* How worker number `bad` misbehaves, in its first bad_calls calls: an error, or it changes
     * what it was sent or answers. before may fail; after sees the reply. */
    int bad, bad_calls;
    ff_code (*before)(struct rig *r, ff_buf *payload, ff_err *err);
    ff_code (*after)(struct rig *r, ff_buf *reply, ff_err *err);
    int calls[3];
} rig;

/* Aborts where it cannot. */
void rig_start(rig *r, bool with_store);
/* The same with a bundle of further options; deployment, height and width are set here. */
void rig_start_with(rig *r, bool with_store, tiny_bundle bundle);
void rig_stop(rig *r);
/* Asks with x inline and further members (each with a comma behind). reply is empty. */
ff_code rig_ask(rig *r, const char *members, ff_buf *reply, ff_err *err);
/* Is that tensor of a reply the whole model's y? The store is the client's then. */
bool rig_is_y(rig *r, const ff_env_tensor *tensor);
/* from -> to, of equal length, in buf, once; aborts where from is not there. */
void rig_replace(ff_buf *buf, const char *from, const char *to);

#endif
