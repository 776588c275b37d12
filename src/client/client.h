/*
 * A client of a deployment: asks the master what it serves, sends inputs, receives outputs.
 *
 * Needs the deployment's name and where the platform is: AWS_ENDPOINT_URL, AWS_REGION and
 * credentials in the environment; all else the master tells. Inputs ride in the payload where they
 * fit, and the largest go through the store where they do not. Blocking; one thread.
 */
#ifndef FF_CLIENT_CLIENT_H
#define FF_CLIENT_CLIENT_H

#include "base/json.h"
#include "tensor/tensor.h"

typedef struct ff_client ff_client;

typedef struct ff_client_port {
    const char *name;
    ff_dtype dtype;
    ff_shape shape;
} ff_client_port;

/* What the master says of itself; all memory is the client's. */
typedef struct ff_client_about {
    const char *deployment;
    int in_count, out_count;
    ff_client_port *in, *out;
    const char *preprocess_json; /* NULL = none declared */
    const char *store_url;       /* NULL = no store */
    const char *prefix;
    const char *network;    /* the profile that policy auto goes by; NULL = there is no auto */
    uint64_t request_bytes; /* payload limit; 0 = none */
} ff_client_about;

/* deployment: "ocr", or with a version or alias of its master, "ocr:live". FF_NOT_FOUND for an
 * unknown one; FF_UNAVAILABLE, FF_DENIED, FF_TIMEOUT. */
ff_code ff_client_open(const char *deployment, int64_t deadline_ns, ff_client **out, ff_err *err);
void ff_client_close(ff_client *client); /* accepts NULL */
const ff_client_about *ff_client_about_of(const ff_client *client);

typedef struct ff_client_request {
    const ff_tensor *in; /* in the order of about.in */
    const char *policy;  /* between master and workers: "auto", "inline", ...; NULL = absent */
    bool trace;
    int64_t deadline_ns;
} ff_client_request;

typedef struct ff_client_reply {
    ff_arena *arena;
    const char *request_id;
    int count;
    const char **name;
    ff_tensor *out;
    double latency_ms;      /* from here: first byte out to the last tensor in */
    double master_ms;       /* as the master measured it */
    const char *trace_json; /* NULL where none was asked for */
} ff_client_reply;

/* FF_FORMAT where an input's dtype or shape is not the model's; FF_REMOTE where a function failed
 * (named, with its own error inside). Objects that carried inputs or outputs are gone afterwards.
 */
ff_code ff_client_infer(ff_client *client, const ff_client_request *request, ff_client_reply *out,
                        ff_err *err);
void ff_client_reply_clean(ff_client_reply *reply); /* accepts zeroed memory, and twice */

#endif
