/*
 * Between the files of function/ only: the warm state, pieces, and the two kinds of request.
 */
#ifndef FF_FUNCTION_FUNCTION_INT_H
#define FF_FUNCTION_FUNCTION_INT_H

#include "engine/engine.h"
#include "function/function.h"
#include "manifest/manifest.h"
#include "share/chooser.h"
#include "share/trace.h"

/* A piece that this function runs, with the order that its session wants. */
typedef struct ff_loaded {
    const ff_mf_piece *piece;
    ff_session *session; /* NULL: not one of this function's */
    int *in_order;       /* session input i is the piece's in[in_order[i]] */
    int *out_order;
} ff_loaded;

/* Tensors by number, so that no request looks for a name. */
typedef struct ff_wired_piece {
    int *in, *out; /* values */
} ff_wired_piece;

typedef struct ff_wired_stage {
    int *out; /* values that the stage makes */
    int *drop;
    ff_wired_piece *piece;
} ff_wired_stage;

typedef struct ff_wiring {
    ff_arena *arena;
    int value_count;
    const ff_mf_tensor **value;
    int *in, *out; /* the model's */
    ff_wired_stage *stage;
} ff_wiring;

/* A worker's piece, as policy auto numbers what goes there and comes back. */
typedef struct ff_choice {
    int request, response;
} ff_choice;

struct ff_function {
    ff_manifest *manifest;
    char *name;
    int index;     /* in manifest->functions; 0 = master */
    int stage, at; /* of a worker: its piece */
    ff_engine *engine;
    ff_http *http;
    bool own_http;
    ff_store *store;
    char *store_url, *prefix;
    ff_share share;
    ff_invoker *invoker;
    char **called; /* of a master: what each function is invoked as, "ocr-w0" or "ocr-w0:7" */
    size_t max_request, max_reply;
    int loaded_count; /* a worker's one piece; a master's own, indexed by stage */
    ff_loaded *loaded;
    ff_wiring wiring;    /* of a master */
    ff_chooser *chooser; /* of a master whose bundle has a network profile */
    ff_choice **choice;  /* by stage and piece */
    bool warm;           /* a request was answered before */
};

/* loader.c: opens the piece's session after checking what the manifest says of its file. */
ff_code ff_loaded_open(ff_loaded *loaded, const ff_function *f, const ff_mf_piece *piece,
                       bool probe, ff_err *err);
void ff_loaded_close(ff_loaded *loaded);
/* in: by the piece's order; out: tensors of their own, by the piece's order. */
ff_code ff_loaded_run(const ff_loaded *loaded, const ff_tensor *in, ff_tensor *out, ff_err *err);

/* wiring.c. A checked manifest always has one. */
void ff_wiring_init(ff_wiring *wiring, const ff_manifest *manifest);
void ff_wiring_clean(ff_wiring *wiring);

/* choice.c: what policy auto chooses between, for every remote stage of a master's manifest. */
void ff_choices_init(ff_function *f, double memory_mb, double dilation);
void ff_choices_clean(ff_function *f);

/* function.c: polls until pending says no. FF_IO where that cannot be: all is cancelled then. */
ff_code ff_function_drive(ff_function *f, bool (*pending)(const void *what), const void *what,
                          ff_err *err);
/* A deadline that leaves time to answer: a tenth of what is left, 20 to 500 ms, earlier. */
int64_t ff_function_margin(int64_t deadline_ns);

/* worker.c, master.c, describe.c: one kind of request each. reply is empty, and gets the answer. */
ff_code ff_worker_call(ff_function *f, const ff_call *call, ff_buf *reply, ff_err *err);
ff_code ff_master_call(ff_function *f, const ff_call *call, const char *request_id, ff_buf *reply,
                       ff_err *err);
ff_code ff_describe(const ff_function *f, ff_buf *reply, ff_err *err);

#endif
