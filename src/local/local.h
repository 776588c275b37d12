/*
 * The local platform: what fanfold's functions and clients meet on AWS, on 127.0.0.1.
 *
 * One port serves Lambda's Invoke API (/2015-03-31/functions/NAME/invocations), S3 (path style, all
 * other paths) and /_fanfold/state. Function processes are started as invocations need them, one
 * request at a time each, and speak the Runtime API, each on a port of its own: the API's address
 * is host:port only, so the port is the only thing that can tell instances apart; addresses
 * 127.0.0.x would ask for a socket bound to all interfaces. Requests of both APIs are signed
 * (SigV4) with the platform's credentials; function processes get others, with a session token.
 *
 * Limits are Lambda's: payloads, memory (anonymous pages, polled every 25 ms; mapped files do not
 * count), time-outs, 10 s to initialise, one request an instance, 429 at the bound on instances,
 * the package's size where it is asked for. Event invocations are queued and not retried.
 * ff_local is safe to use from any thread between start and stop.
 */
#ifndef FF_LOCAL_LOCAL_H
#define FF_LOCAL_LOCAL_H

#include "manifest/manifest.h"
#include "net/sigv4.h"
#include "profile/network.h"

typedef struct ff_local ff_local;

/* A function that is not part of a bundle. Strings are copied. */
typedef struct ff_local_function {
    const char *name;
    const char *const *command; /* argv, NULL-terminated */
    const char *dir;            /* task root and working directory; its size is the package's */
    const char *const *env; /* "NAME=value", NULL-terminated, over the platform's; may be NULL */
    int memory_mb;          /* 0 = the options' */
    int timeout_ms;         /* 0 = the options' */
} ff_local_function;

/* One line that a function wrote, without its end. Called from any thread, one line at a time. */
typedef void (*ff_local_log)(void *user, const char *function, const char *line);

typedef struct ff_local_options {
    const ff_manifest *const *bundles; /* borrowed while starting */
    int bundle_count;
    const ff_local_function *functions;
    int function_count;
    const char *program;          /* fanfold-function: what bundles run */
    const char *const *libraries; /* NULL-terminated: files that count to each bundle's package */
    const char *const *env;       /* "NAME=value" for the bundles' functions, over the platform's */

    const char *bind;                  /* NULL = 127.0.0.1 */
    int port;                          /* 0 = any free one */
    const char *region;                /* NULL = "us-east-1" */
    const char *bucket;                /* made at start; NULL = "fanfold" */
    const char *prefix;                /* of the functions' object keys; NULL = "requests" */
    const ff_credentials *credentials; /* NULL = random ones */

    const char *data_dir;      /* objects are kept here, over restarts; NULL = in memory */
    uint64_t max_object_bytes; /* of all objects together; 0 = 4 GiB */
    uint64_t package_limit;    /* 0 = off; FF_LAMBDA_PACKAGE_BYTES is Lambda's */
    int memory_mb;             /* 0 = 3008 */
    int timeout_ms;            /* 0 = 60000 */
    int init_limit_ms;         /* 0 = 10000 */
    int max_instances;         /* per function; 0 = 10 */
    int64_t idle_ms;           /* an instance without work ends after it; 0 = 300000 */
    int max_queued_events;     /* per function; 0 = 1000 */

    /* Emulation: transfers, cold starts and CPUs as a profile has them. Times above are the
     * functions' own: all are stretched by the dilation. NULL, or a profile that shapes nothing:
     * transfers take what they take here. */
    const ff_net_profile *network;
    double dilation;        /* K: all that functions do is K times slower; 0 = what fits `cpus` */
    double host_gmac_per_s; /* of one CPU, on the profile's kernel; 0 = CPU shares are not kept */
    int cpus;               /* of this machine */
    uint64_t seed;          /* of what is drawn from the profile */

    ff_local_log log; /* NULL: ff_log, with the function's name */
    void *log_user;
} ff_local_options;

/* FF_BUSY (port), FF_NOT_FOUND (program, folder), FF_LIMIT (a package; the figure is told),
 * FF_CONFLICT (two functions of one name), FF_FORMAT (a name). */
ff_code ff_local_start(const ff_local_options *options, ff_local **out, ff_err *err);
/* Requests in flight are answered with 503; instances get SIGTERM, and SIGKILL after 2 s. Blocks
 * until no process and no thread is left. Accepts NULL. */
void ff_local_stop(ff_local *local);

int ff_local_port(const ff_local *local);
const char *ff_local_endpoint(const ff_local *local); /* of bind; 127.0.0.1 for 0.0.0.0 */
const char *ff_local_region(const ff_local *local);
const char *ff_local_bucket(const ff_local *local);
const ff_credentials *ff_local_credentials(const ff_local *local); /* for clients; no token */

typedef struct ff_local_emulation {
    bool emulated;       /* times are a profile's, and `dilation` times what they mean */
    const char *network; /* NULL where none was given */
    double dilation;
    uint64_t seed;
    bool cpu_shares;       /* functions are kept to their share of CPU */
    const char *no_shares; /* where emulated: why not; else NULL */
} ff_local_emulation;
ff_local_emulation ff_local_emulation_of(const ff_local *local);

/* What GET /_fanfold/state answers (unsigned, and to loopback addresses only):
 * {"region", "bucket", "emulated", "network" or null, "dilation", "seed", "cpu_shares",
 *  "functions": [{"name", "instances", "busy", "queued", "invocations",
 *  "errors", "throttles", "cold_starts", "timeouts", "memory_mb", "timeout_ms", "package_bytes",
 *  "cpus" (of this machine; 0 = all), "pids": [..]}], "instances", "objects", "object_bytes",
 * "uploads"} */
ff_code ff_local_state(ff_local *local, ff_buf *json, ff_err *err);
/* GET /_fanfold/emulation answers its members from "emulated" to "cpu_shares", to anybody. */

#endif
