/*
 * The platform's own parts: what the APIs of its one port share.
 */
#ifndef FF_LOCAL_LOCAL_INT_H
#define FF_LOCAL_LOCAL_INT_H

#include <stdatomic.h>

#include "local/objects_int.h"
#include "local/pool_int.h"
#include "local/shape_int.h"

#define FF_LOCAL_ACCOUNT "000000000000"

struct ff_local {
    ff_arena *arena;
    char endpoint[80];
    const char *region;
    const char *bucket;
    const char *prefix;
    ff_credentials user; /* of clients */
    ff_credentials role; /* of functions: each instance has an access key of its own */
    ff_net_profile *network;
    double dilation;
    uint64_t seed;
    bool shares;     /* CPU shares are kept */
    char *no_shares; /* why not, where they are wanted */
    ff_cgroup cgroup;
    ff_shape *shape; /* NULL: nothing is shaped */
    ff_pool pool;
    ff_objects *objects;
    ff_server *server;
    atomic_bool ready; /* all of the above is set */
};

/* Who signed the request? Verified for that service; payload_hash as in ff_sigv4_verify. The
 * claim's access key tells the instance (ff_instance_of_key). FF_DENIED, the message beginning with
 * S3's error code. */
ff_code ff_local_authorise(const ff_local *local, const ff_server_request *request,
                           const char *service, const char *payload_hash, ff_sigv4_claim *claim,
                           ff_credentials *credentials, ff_err *err);
/* "Code: text" -> the code's length; 0 where the message has none. */
size_t ff_local_error_code(const char *message);

/* invoke_api.c */
bool ff_invoke_is_path(const char *path);
size_t ff_invoke_admit(ff_local *local, const ff_server_request *head);
void ff_invoke_handle(ff_local *local, const ff_server_request *request,
                      ff_server_response *response);
/* "arn:aws:lambda:r:a:function:NAME:q", "a:function:NAME", "NAME:q" -> NAME (into name). */
bool ff_invoke_function_name(const char *text, size_t len, char name[129]);

/* s3_api.c */
size_t ff_s3_admit(ff_local *local, const ff_server_request *head);
void ff_s3_handle(ff_local *local, const ff_server_request *request, ff_server_response *response);

/* emulate.c: the network and the CPU shares that options ask for. FF_USAGE. */
ff_code ff_emulate_start(ff_local *local, const ff_local_options *options, ff_err *err);
/* CPUs of this machine that a function of the platform may use; 0 = all. */
double ff_emulate_cpus(const ff_local *local, const ff_local_options *options, int memory_mb);
void ff_emulate_clean(ff_local *local);

/* package.c: functions out of options; checked against the package limit. */
ff_code ff_package_functions(ff_local *local, const ff_local_options *options, ff_err *err);
/* Of the functions that do not say. */
int ff_package_memory_mb(const ff_local_options *options);
/* Environments, once the endpoint is known. */
void ff_package_environments(ff_local *local, const ff_local_options *options);

#endif
