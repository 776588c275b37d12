#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/emulation.h"
#include "cli/programs.h"
#include "cli/session.h"
#include "deploy/libraries.h"
#include "local/local.h"

#define MAX_BUNDLES 16

/* Bodies of some MB come and go with every request: freed memory is kept, because fresh pages cost
 * more than moving what goes into them (bench/bench_transport). */
#define KEEP_BYTES (64 << 20)
#define MMAP_BYTES (32 << 20) /* glibc's largest */

static const ff_flag FLAGS[] = {
    {"port", "P", "port to listen on (default 0: any free one)", false},
    {"bind", "ADDRESS", "address to listen on (default 127.0.0.1)", false},
    {"memory", "MB", "memory of each function, from 128 to 10240 (default 3008)", false},
    {"timeout", "TIME", "time-out of each function (default 60s)", false},
    {"instances", "N", "instances of each function at most (default 10)", false},
    {"idle", "TIME", "an instance without work ends after it (default 5m)", false},
    {"data", "DIR", "keep objects in this folder (default: in memory)", false},
    {"objects", "SIZE", "bytes of all objects together (default 4GiB)", false},
    {"package-limit", NULL, "refuse functions over Lambda's 250 MiB, as fanfold package does",
     false},
    FF_CLI_EMULATION_FLAGS,
    {0},
};

static ff_code read_options(const ff_args *args, ff_local_options *o, ff_err *err)
{
    int64_t port = 0, memory = 0, instances = 0, timeout_ns = 0, idle_ns = 0;
    const char *timeout = ff_args_value(args, "timeout"), *idle = ff_args_value(args, "idle");
    const char *objects = ff_args_value(args, "objects");
    ff_code code = ff_args_int(args, "port", 0, 65535, 0, &port, err);
    if (!code)
        code = ff_args_int(args, "memory", 128, 10240, 0, &memory, err);
    if (!code)
        code = ff_args_int(args, "instances", 1, 1000, 0, &instances, err);
    if (!code && timeout)
        code = ff_units_parse_time(timeout, &timeout_ns, err);
    if (!code && idle)
        code = ff_units_parse_time(idle, &idle_ns, err);
    if (!code && objects)
        code = ff_units_parse_bytes(objects, &o->max_object_bytes, err);
    if (!code && timeout_ns / 1000000 > 900000)
        code = ff_err_set(err, FF_USAGE, "--timeout: at most 900s, as Lambda has it");
    o->port = (int)port;
    o->memory_mb = (int)memory;
    o->max_instances = (int)instances;
    o->timeout_ms = (int)(timeout_ns / 1000000);
    o->idle_ms = idle_ns / 1000000;
    o->bind = ff_args_value(args, "bind");
    o->data_dir = ff_args_value(args, "data");
    o->package_limit = ff_args_has(args, "package-limit") ? FF_LAMBDA_PACKAGE_BYTES : 0;
    return code;
}

/* What `fanfold package` would add to the program. A program of which that cannot be told (a
 * script) runs all the same, unless its size is to be limited. */
static ff_code find_libraries(const char *program, ff_arena *arena, ff_local_options *o,
                              ff_err *err)
{
    ff_libraries found;
    const char **list = ff_arena_array(arena, FF_MAX_LIBRARIES + 3, sizeof *list);
    char *bootstrap = ff_arena_alloc(arena, PATH_MAX);
    int count = 0;
    ff_code code = ff_libraries_find(program, "", NULL, arena, &found, err);
    if (!code)
        code = ff_cli_program(NULL, "fanfold-bootstrap", bootstrap, err);
    if (!code)
        code = ff_cli_ca_bundle(&list[count], err);
    if (code)
        return o->package_limit ? code : FF_OK;
    count++;
    if (ff_file_exists(bootstrap))
        list[count++] = bootstrap;
    for (int i = 0; i < found.count; i++)
        list[count++] = found.library[i].path;
    o->libraries = list;
    return FF_OK;
}

static ff_code announce_json(const ff_local *local, const ff_manifest *const *m, int count,
                             ff_buf *out, ff_err *err)
{
    const ff_credentials *c = ff_local_credentials(local);
    ff_local_emulation e = ff_local_emulation_of(local);
    ff_code code = ff_buf_printf(
        out, err,
        "{\"endpoint\": \"%s\", \"port\": %d, \"region\": \"%s\", \"bucket\": \"%s\", "
        "\"access_key\": \"%s\", \"secret_key\": \"%s\", \"pid\": %d, \"emulated\": %s, "
        "\"dilation\": %g, \"cpu_shares\": %s, \"network\": ",
        ff_local_endpoint(local), ff_local_port(local), ff_local_region(local),
        ff_local_bucket(local), c->access_key, c->secret_key, (int)getpid(),
        e.emulated ? "true" : "false", e.dilation, e.cpu_shares ? "true" : "false");
    if (!code)
        code = e.network ? ff_json_quote(e.network, strlen(e.network), out, err)
                         : ff_buf_text(out, "null", err);
    if (!code)
        code = ff_buf_text(out, ", \"deployments\": [", err);
    for (int i = 0; !code && i < count; i++)
        code = ff_buf_printf(out, err, "%s\"%s\"", i ? ", " : "", m[i]->deployment);
    return code ? code : ff_buf_text(out, "]}\n", err);
}

static ff_code announce_text(const ff_local *local, const ff_manifest *const *m, int count,
                             ff_buf *out, ff_err *err)
{
    const ff_credentials *c = ff_local_credentials(local);
    ff_local_emulation e = ff_local_emulation_of(local);
    ff_code code = FF_OK;
    for (int i = 0; !code && i < count; i++)
        code = ff_buf_printf(out, err, "serving %s: %d functions, %d stages\n", m[i]->deployment,
                             m[i]->function_count, m[i]->stage_count);
    if (!code && e.emulated)
        code = ff_buf_printf(out, err, "emulating %s, dilation %g%s\n", e.network, e.dilation,
                             e.cpu_shares ? "" : "; CPU shares are not kept");
    if (!code)
        code = ff_buf_printf(
            out, err,
            "endpoint %s (Lambda's Invoke API and S3, bucket %s); for other clients:\n\n"
            "export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_DEFAULT_REGION=%s\n"
            "export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s\n\n"
            "fanfold infer finds it by itself. Interrupt (Ctrl-C) to end.\n",
            ff_local_endpoint(local), ff_local_bucket(local), ff_local_endpoint(local),
            ff_local_region(local), ff_local_region(local), c->access_key, c->secret_key);
    return code;
}

static ff_code announce(const ff_args *args, const ff_local *local, const ff_manifest *const *m,
                        int count, ff_err *err)
{
    ff_local_emulation e = ff_local_emulation_of(local);
    ff_buf out;
    ff_buf_init(&out, 0);
    if (e.no_shares)
        ff_log(FF_LOG_WARN, "CPU shares are not kept: %s", e.no_shares);
    ff_code code = args->json ? announce_json(local, m, count, &out, err)
                              : announce_text(local, m, count, &out, err);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_buf_clean(&out);
    return code;
}

/* Without it all works but `fanfold infer` on its own. */
static void write_session(const ff_local *local, const char *deployment)
{
    ff_err err = {0};
    char text[512];
    ff_cli_session s = {.credentials = *ff_local_credentials(local), .pid = (int)getpid()};
    snprintf(s.endpoint, sizeof s.endpoint, "%s", ff_local_endpoint(local));
    snprintf(s.region, sizeof s.region, "%s", ff_local_region(local));
    snprintf(s.deployment, sizeof s.deployment, "%s", deployment);
    if (ff_cli_session_write(&s, &err)) {
        ff_err_format(&err, text, sizeof text);
        ff_log(FF_LOG_WARN, "fanfold infer will need the exports: %s", text);
    }
}

static ff_code serve(const ff_args *args, const ff_local_options *options,
                     const ff_manifest *const *m, int count, ff_err *err)
{
    sigset_t signals; /* blocked before threads start, so that all of them inherit it */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    ff_local *local = NULL;
    ff_code code = ff_local_start(options, &local, err);
    if (code)
        return code;
    write_session(local, m[0]->deployment);
    code = announce(args, local, m, count, err);
    if (!code) {
        int number = 0;
        sigwait(&signals, &number);
        ff_log(FF_LOG_INFO, "%s: ending", strsignal(number));
    }
    ff_cli_session_remove(ff_local_endpoint(local));
    ff_local_stop(local);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    ff_local_options options = {0};
    ff_net_profile *network = NULL;
    ff_manifest *bundles[MAX_BUNDLES] = {0};
    char program[PATH_MAX];
    int count = 0;
    ff_arena *arena = ff_arena_new();
    ff_code code = read_options(args, &options, err);
    if (!code)
        code = ff_cli_function_program(program, err);
    if (!code)
        code = find_libraries(program, arena, &options, err);
    for (; !code && count < args->positional_count; count++)
        code = ff_manifest_load(args->positional[count], &bundles[count], err);
    options.bundles = (const ff_manifest *const *)bundles;
    options.bundle_count = count;
    options.program = program;
    if (!code)
        code = ff_cli_emulation_options(args, &options, &network, err);
    if (!code)
        code = serve(args, &options, (const ff_manifest *const *)bundles, count, err);
    for (int i = 0; i < count; i++)
        ff_manifest_free(bundles[i]);
    ff_net_profile_free(network);
    ff_arena_free(arena);
    return code;
}

const ff_verb ff_verb_up = {
    "up",
    "up BUNDLE... [--port P] [--memory MB] [--network PROFILE] [--dilation auto|K] ...",
    "serve bundles on this machine, until interrupted",
    "The local platform speaks Lambda's Invoke and Runtime APIs and S3, and enforces Lambda's\n"
    "limits; `aws --endpoint-url` works on it. Functions start as requests come.\n\n"
    "With --network it emulates that profile: transfers wait, functions get the CPU that comes\n"
    "with their memory there, and cold starts take longer. A machine with fewer cores than that\n"
    "takes runs all K times slower (--dilation); what is reported is divided by K and marked.",
    FLAGS,
    1,
    MAX_BUNDLES,
    run,
};
