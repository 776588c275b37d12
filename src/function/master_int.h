/*
 * One request in a master: shared by master.c (the request), fanout.c (a stage's workers), own.c
 * (what the master computes) and sweep.c (the objects that are to go).
 */
#ifndef FF_FUNCTION_MASTER_INT_H
#define FF_FUNCTION_MASTER_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "function/function_int.h"

/* Keys to remove from the store. Each is told once; none is forgotten when a removal fails. */
typedef struct ff_sweep {
    ff_function *f;
    int count, room;
    struct ff_sweep_key {
        char *key;
        bool removed, going;
    } * key;
    int going; /* removals in flight */
    int failed;
    ff_err err; /* of the last that failed */
} ff_sweep;

void ff_sweep_init(ff_sweep *sweep, ff_function *f);
void ff_sweep_add(ff_sweep *sweep, const char *key);
/* Starts removing what is told so far; done before the next ff_http_poll of a directory store. */
void ff_sweep_start(ff_sweep *sweep, int64_t deadline_ns);
bool ff_sweep_going(const void *sweep);
int ff_sweep_left(const ff_sweep *sweep); /* keys not known to be removed */
void ff_sweep_clean(ff_sweep *sweep);     /* not while going */

typedef struct ff_run {
    ff_function *f;
    const char *request_id; /* the platform's */
    char timestamp[32];
    ff_envelope request;
    ff_policy policy;
    int64_t number;            /* of policy auto's requests */
    int64_t deadline_ns;       /* of the work */
    int64_t final_deadline_ns; /* of cleaning up */
    ff_tensor *value;          /* by number in the wiring; empty where it does not exist (yet) */
    ff_trace trace;
    ff_sweep sweep;
} ff_run;

/* fanout.c: makes the stage's outputs out of what there is. The error names stage and function;
 * then nothing is in flight and every key that may exist has been told to the sweep. */
ff_code ff_run_remote_stage(ff_run *run, int stage, ff_err *err);

/* own.c: a piece that the master computes. */
typedef struct ff_own {
    ff_run *run;
    int stage;
    ff_tensor *in, *slice, *out;
    ff_trace_piece *trace;
    pthread_t thread;
    bool threaded; /* not joined yet */
    atomic_bool done;
    ff_code code; /* of the run, once it is done */
    ff_err err;
} ff_own;

ff_code ff_run_local_stage(ff_run *run, int stage, ff_err *err);
/* Piece 0 of a stage, on a thread of its own, so that transfers go on; it wakes the HTTP client
 * when it is done. The stage's inputs are not changed until then. */
void ff_own_start(ff_own *own, ff_run *run, int stage);
bool ff_own_done(const ff_own *own);
/* Waits for it, and puts what it made where it belongs. */
ff_code ff_own_gather(ff_own *own, ff_err *err);
void ff_own_clean(ff_own *own); /* waits for it; accepts zeroed memory, and twice */

#endif
