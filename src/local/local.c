#include "local/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/json.h"
#include "base/mem.h"
#include "local/local_int.h"

#define OBJECT_BYTES    ((uint64_t)4 << 30)
#define BODY_SLACK      ((size_t)64 << 20) /* bodies that are no objects */
#define INSTANCES       10
#define QUEUED_EVENTS   1000
#define INIT_MS         10000
#define IDLE_MS         300000
#define STATE_PATH      "/_fanfold/state"
#define EMULATION_PATH  "/_fanfold/emulation"
#define MAX_CONNECTIONS 512
#define REQUEST_MS      300000 /* the server's own default, to be stretched */

/* n characters of an alphabet of 32, from the kernel's entropy. */
static void random_text(char *out, size_t n)
{
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t bytes[64];
    if (getrandom(bytes, n, 0) != (ssize_t)n)
        abort(); /* at most 256 bytes never come short */
    for (size_t i = 0; i < n; i++)
        out[i] = ALPHABET[bytes[i] & 31];
    out[n] = '\0';
}

static void make_credentials(ff_local *local, const ff_credentials *given)
{
    if (given) {
        local->user = *given;
    } else {
        memcpy(local->user.access_key, "AKIA", 4);
        random_text(local->user.access_key + 4, 16);
        random_text(local->user.secret_key, 40);
    }
    memcpy(local->role.access_key, "ASIA", 4); /* temporary ones, as a role's are */
    random_text(local->role.access_key + 4, 16);
    random_text(local->role.secret_key, 40);
    random_text(local->role.session_token, 64);
    memcpy(local->pool.role_key, local->role.access_key, FF_ROLE_KEY);
}

static size_t admit(void *user, const ff_server_request *head)
{
    ff_local *local = user;
    if (!atomic_load(&local->ready))
        return 0;
    return ff_invoke_is_path(head->path) ? ff_invoke_admit(local, head) : ff_s3_admit(local, head);
}

static void add_count(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, uint64_t n)
{
    yyjson_mut_obj_add_uint(doc, object, name, n);
}

static void add_emulation(yyjson_mut_doc *doc, yyjson_mut_val *root, const ff_local *local)
{
    ff_local_emulation e = ff_local_emulation_of(local);
    yyjson_mut_obj_add_bool(doc, root, "emulated", e.emulated);
    if (e.network)
        yyjson_mut_obj_add_strcpy(doc, root, "network", e.network);
    else
        yyjson_mut_obj_add_null(doc, root, "network");
    yyjson_mut_obj_add_real(doc, root, "dilation", e.dilation);
    add_count(doc, root, "seed", e.seed);
    yyjson_mut_obj_add_bool(doc, root, "cpu_shares", e.cpu_shares);
}

static void handle_state(ff_local *local, ff_server_response *response)
{
    ff_err err = {0};
    if (ff_local_state(local, &response->body, &err)) {
        ff_server_text(response, 500, "text/plain", err.message);
        return;
    }
    response->status = 200;
    ff_server_add_header(response, "Content-Type", "application/json");
}

/* Told to anybody: who reports times has to know. */
static void handle_emulation(ff_local *local, ff_server_response *response)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = doc ? yyjson_mut_obj(doc) : NULL;
    yyjson_mut_doc_set_root(doc, root);
    add_emulation(doc, root, local);
    bool ok = root && !ff_json_emit(doc, false, &response->body, NULL);
    response->status = ok ? 200 : 500;
    ff_server_add_header(response, "Content-Type", "application/json");
    yyjson_mut_doc_free(doc);
}

static void handle(void *user, const ff_server_request *request, ff_server_response *response)
{
    ff_local *local = user;
    if (!atomic_load(&local->ready))
        ff_server_text(response, 503, "text/plain", "the platform is starting\n");
    else if (strcmp(request->path, STATE_PATH) == 0 && !ff_server_peer_is_loopback(request))
        ff_server_text(response, 403, "text/plain", "only this machine is told its state\n");
    else if (strcmp(request->path, STATE_PATH) == 0)
        handle_state(local, response);
    else if (strcmp(request->path, EMULATION_PATH) == 0)
        handle_emulation(local, response);
    else if (ff_invoke_is_path(request->path))
        ff_invoke_handle(local, request, response);
    else
        ff_s3_handle(local, request, response);
}

static void set_bounds(ff_pool *pool, const ff_local_options *options)
{
    pool->max_instances = options->max_instances ? options->max_instances : INSTANCES;
    pool->max_queued_events =
        options->max_queued_events ? options->max_queued_events : QUEUED_EVENTS;
    pool->init_limit_ms = options->init_limit_ms ? options->init_limit_ms : INIT_MS;
    pool->idle_ms = options->idle_ms ? options->idle_ms : IDLE_MS;
    pool->log = options->log;
    pool->log_user = options->log_user;
}

static ff_code serve(ff_local *local, const ff_local_options *options, uint64_t max_object_bytes,
                     ff_err *err)
{
    const ff_server_options server = {
        .bind = options->bind,
        .port = options->port,
        .max_connections = MAX_CONNECTIONS,
        .request_timeout_ms = ff_shape_stretch_ms(local->shape, REQUEST_MS),
        .max_body_total = max_object_bytes < SIZE_MAX - BODY_SLACK
                              ? (size_t)max_object_bytes + BODY_SLACK
                              : SIZE_MAX,
        .handle_refused = true,
        .admit = admit,
        .handle = handle,
        .user = local,
    };
    ff_code code = ff_server_new(&server, &local->server, err);
    if (!code)
        snprintf(local->endpoint, sizeof local->endpoint, "http://%s:%d",
                 options->bind && strcmp(options->bind, "0.0.0.0") != 0 ? options->bind
                                                                        : "127.0.0.1",
                 ff_server_port(local->server));
    return code;
}

ff_code ff_local_start(const ff_local_options *options, ff_local **out, ff_err *err)
{
    ff_local *local = ff_mem_must(sizeof *local);
    uint64_t max_object_bytes =
        options->max_object_bytes ? options->max_object_bytes : OBJECT_BYTES;
    atomic_init(&local->ready, false);
    local->arena = ff_arena_new();
    local->region = ff_arena_strdup(local->arena, options->region ? options->region : "us-east-1");
    local->bucket = ff_arena_strdup(local->arena, options->bucket ? options->bucket : "fanfold");
    local->prefix = ff_arena_strdup(local->arena, options->prefix ? options->prefix : "requests");
    make_credentials(local, options->credentials);
    set_bounds(&local->pool, options);
    local->pool.wake_fd = -1;
    pthread_mutex_init(&local->pool.synced.lock, NULL);
    ff_code code = ff_emulate_start(local, options, err);
    if (!code)
        code = ff_package_functions(local, options, err);
    if (!code)
        code = ff_objects_new(options->data_dir, max_object_bytes, &local->objects, err);
    if (!code && !ff_objects_has_bucket(local->objects, local->bucket))
        code = ff_objects_make_bucket(local->objects, local->bucket, err);
    if (!code)
        code = serve(local, options, max_object_bytes, err);
    if (code)
        goto fail;
    ff_package_environments(local, options);
    code = ff_pool_start(&local->pool, err);
    if (code)
        goto fail;
    atomic_store(&local->ready, true);
    *out = local;
    return FF_OK;
fail:
    ff_local_stop(local);
    return code;
}

void ff_local_stop(ff_local *local)
{
    if (!local)
        return;
    ff_shape_stop(local->shape);
    ff_pool_stop(&local->pool); /* callers that wait get their answers */
    ff_server_free(local->server);
    ff_pool_clean(&local->pool);
    ff_objects_free(local->objects);
    ff_emulate_clean(local);
    ff_arena_free(local->arena);
    ff_mem_free(local);
}

int ff_local_port(const ff_local *local)
{
    return ff_server_port(local->server);
}

const char *ff_local_endpoint(const ff_local *local)
{
    return local->endpoint;
}

const char *ff_local_region(const ff_local *local)
{
    return local->region;
}

const char *ff_local_bucket(const ff_local *local)
{
    return local->bucket;
}

const ff_credentials *ff_local_credentials(const ff_local *local)
{
    return &local->user;
}

/* The pool is locked. Returns the number of instances. */
static int add_function_state(yyjson_mut_doc *doc, yyjson_mut_val *list, const ff_function *f)
{
    int instances = 0, busy = 0;
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_val *pids = yyjson_mut_arr(doc);
    for (const ff_instance *i = f->synced.first; i; i = i->synced.next) {
        instances++;
        busy += i->synced.state == FF_INSTANCE_BUSY;
        if (i->synced.pid > 0)
            yyjson_mut_arr_add_int(doc, pids, i->synced.pid);
    }
    yyjson_mut_obj_add_strcpy(doc, object, "name", f->name);
    add_count(doc, object, "instances", (uint64_t)instances);
    add_count(doc, object, "busy", (uint64_t)busy);
    add_count(doc, object, "queued", (uint64_t)(f->synced.queued_sync + f->synced.queued_event));
    add_count(doc, object, "invocations", f->synced.invocations);
    add_count(doc, object, "errors", f->synced.errors);
    add_count(doc, object, "throttles", f->synced.throttles);
    add_count(doc, object, "cold_starts", f->synced.cold_starts);
    add_count(doc, object, "timeouts", f->synced.timeouts);
    add_count(doc, object, "memory_mb", (uint64_t)f->memory_mb);
    add_count(doc, object, "timeout_ms", (uint64_t)f->timeout_ms);
    add_count(doc, object, "package_bytes", f->package_bytes);
    yyjson_mut_obj_add_real(doc, object, "cpus", f->cpus);
    yyjson_mut_obj_add_val(doc, object, "pids", pids);
    return instances;
}

ff_code ff_local_state(ff_local *local, ff_buf *json, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    if (!doc)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for the state");
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_strcpy(doc, root, "region", local->region);
    yyjson_mut_obj_add_strcpy(doc, root, "bucket", local->bucket);
    add_emulation(doc, root, local);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "functions");
    int instances = 0;
    pthread_mutex_lock(&local->pool.synced.lock);
    for (int i = 0; i < local->pool.function_count; i++)
        instances += add_function_state(doc, list, &local->pool.functions[i]);
    pthread_mutex_unlock(&local->pool.synced.lock);
    ff_objects_totals totals = ff_objects_count(local->objects);
    add_count(doc, root, "instances", (uint64_t)instances);
    add_count(doc, root, "objects", totals.objects);
    add_count(doc, root, "object_bytes", totals.bytes);
    add_count(doc, root, "uploads", totals.uploads);
    ff_code code = ff_json_emit(doc, false, json, err);
    yyjson_mut_doc_free(doc);
    return code;
}
