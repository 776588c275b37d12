/*
 * What runs in every function: a master or a worker of one deployment, warm.
 *
 * ff_function_new loads all that a request needs (manifest, engine, sessions of its own pieces);
 * ff_function_call answers one request. One call at a time; calls share nothing but that warm
 * state. How requests arrive is the loops' business; how workers are
 * reached and tensors stored is in the invoker and the store that a loop makes.
 */
#ifndef FF_FUNCTION_FUNCTION_H
#define FF_FUNCTION_FUNCTION_H

#include "net/invoke.h"
#include "share/share.h"

typedef struct ff_function ff_function;

/* All but bundle and function may be 0 or NULL. Strings are copied. */
typedef struct ff_function_options {
    const char *bundle;    /* folder with manifest.json */
    const char *function;  /* "master", or a worker's name in the manifest */
    int threads;           /* of the engine; 0 = the CPUs that this process may use */
    bool probe;            /* check each piece's probe before the first request */
    ff_http *http;         /* drives store and invoker; borrowed. NULL = own */
    ff_store *store;       /* taken, also on failure */
    const char *store_url; /* for the description that clients ask for */
    const char *prefix;
    ff_invoker *invoker; /* how a master reaches workers; taken, also on failure */
    /* A number a worker, in the manifest's order, "7,3": w0 is called as "ocr-w0:7", so that a
     * master calls the very workers that it was deployed with. NULL = whatever has the name. */
    const char *versions;
    size_t max_request, max_reply; /* payload bytes of calls to this function; 0 = no limit */
    double memory_mb;              /* of this function, and taken for its workers' (auto-cost) */
    double dilation;               /* the platform's clock: K times are taken for one; 0 = 1 */
} ff_function_options;

/* FF_USAGE: versions do not fit the manifest; FF_NOT_FOUND, FF_FORMAT: manifest, function's name,
 * piece; FF_CHECKSUM: a piece's file is not the manifest's; FF_UNSUPPORTED: form "nchwc" for
 * another CPU; FF_MISMATCH: a probe. */
ff_code ff_function_new(const ff_function_options *options, ff_function **out, ff_err *err);
void ff_function_free(ff_function *function); /* accepts NULL */
const char *ff_function_deployment(const ff_function *function);

typedef struct ff_call {
    const ff_buf *payload;  /* the caller's, until the call returns */
    const char *request_id; /* the platform's, unique; NULL = a new one is made */
    int64_t deadline_ns;
} ff_call;

/* reply must be empty; it gets the answer's JSON, and is untouched on failure. Blocks until it is
 * done or the deadline has passed; nothing of the request is left in flight. */
ff_code ff_function_call(ff_function *function, const ff_call *call, ff_buf *reply, ff_err *err);

/* "Function.NoMemory" for FF_NO_MEMORY: what platforms accept as a type of error; and the code of
 * such a type (FF_REMOTE where it is another's). */
const char *ff_function_error_type(ff_code code, char *text, size_t size);
ff_code ff_function_error_code(const char *type);
/* {"errorMessage", "errorType"}. */
ff_code ff_function_error_json(const ff_err *error, ff_buf *out, ff_err *err);

#endif
