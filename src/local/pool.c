#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "local/pool_int.h"

#define GONE_CHECK_MS 200

static void init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

ff_job *ff_job_new(ff_buf *payload, ff_arena *arena, bool event)
{
    ff_job *job = ff_mem_must(sizeof *job);
    job->payload = *payload;
    *payload = (ff_buf){0};
    job->arena = arena;
    job->event = event;
    atomic_init(&job->refs, 1);
    atomic_init(&job->handed_ns, 0);
    ff_random_uuid(job->id);
    init_cond(&job->synced.changed);
    return job;
}

static ff_job *job_ref(ff_job *job)
{
    atomic_fetch_add(&job->refs, 1);
    return job;
}

void ff_job_unref(ff_job *job)
{
    if (!job || atomic_fetch_sub(&job->refs, 1) != 1)
        return;
    ff_buf_clean(&job->payload);
    ff_buf_clean(&job->synced.result);
    ff_arena_free(job->arena);
    pthread_cond_destroy(&job->synced.changed);
    ff_mem_free(job);
}

static void push(ff_function *function, ff_job *job)
{
    ff_job **first = job->event ? &function->synced.event_first : &function->synced.sync_first;
    ff_job **last = job->event ? &function->synced.event_last : &function->synced.sync_last;
    if (*last)
        (*last)->synced.next = job;
    else
        *first = job;
    *last = job;
    *(job->event ? &function->synced.queued_event : &function->synced.queued_sync) += 1;
}

static ff_job *pop_from(ff_job **first, ff_job **last, int *count)
{
    ff_job *job = *first;
    if (!job)
        return NULL;
    *first = job->synced.next;
    if (!*first)
        *last = NULL;
    job->synced.next = NULL;
    --*count;
    return job;
}

ff_job *ff_pool_pop(ff_function *function)
{
    ff_job *job = pop_from(&function->synced.sync_first, &function->synced.sync_last,
                           &function->synced.queued_sync);
    return job ? job
               : pop_from(&function->synced.event_first, &function->synced.event_last,
                          &function->synced.queued_event);
}

/* Takes one job, whose caller has left, out of its queue. */
static bool withdraw(ff_function *function, ff_job *job)
{
    ff_job *before = NULL;
    for (ff_job *at = function->synced.sync_first; at; before = at, at = at->synced.next) {
        if (at != job)
            continue;
        *(before ? &before->synced.next : &function->synced.sync_first) = job->synced.next;
        if (function->synced.sync_last == job)
            function->synced.sync_last = before;
        job->synced.next = NULL;
        function->synced.queued_sync--;
        return true;
    }
    return false;
}

static void finish(ff_job *job, bool failed, uint64_t instance, int64_t begun_ns, ff_buf *result)
{
    job->synced.done = true;
    job->synced.failed = failed;
    job->synced.result = *result;
    job->synced.instance = instance;
    job->synced.done_ns = begun_ns;
    *result = (ff_buf){0};
    pthread_cond_broadcast(&job->synced.changed);
}

void ff_pool_fail_job(ff_function *function, ff_job *job, ff_buf *error)
{
    function->synced.errors++;
    finish(job, true, FF_SHAPER_NOBODY, ff_clock_now_ns(), error);
    ff_job_unref(job);
}

static void give(ff_instance *instance, ff_job *job)
{
    instance->synced.job = job;
    instance->synced.state = FF_INSTANCE_BUSY;
    instance->synced.since_ns = job->synced.started_ns = ff_clock_now_ns();
    job->synced.deadline_ns = ff_clock_deadline_ms(
        ff_shape_stretch_ms(instance->pool->shape, instance->function->timeout_ms));
    pthread_cond_broadcast(&instance->synced.wake);
}

/* Instances that will ask for work soon without having any: they start, or have just answered. */
int ff_pool_coming(const ff_function *function)
{
    int count = 0;
    for (const ff_instance *i = function->synced.first; i; i = i->synced.next)
        count += i->synced.state == FF_INSTANCE_STARTING ||
                 (i->synced.state == FF_INSTANCE_READY && !i->synced.waiting);
    return count;
}

/* The instance that waits since the shortest time: the others may grow old and end. */
static ff_instance *waiting(const ff_function *function)
{
    ff_instance *best = NULL;
    for (ff_instance *i = function->synced.first; i; i = i->synced.next)
        if (i->synced.state == FF_INSTANCE_READY && i->synced.waiting &&
            (!best || i->synced.since_ns > best->synced.since_ns))
            best = i;
    return best;
}

uint64_t ff_instance_id(const ff_instance *instance)
{
    uint64_t function = (uint64_t)(instance->function - instance->pool->functions);
    return function << 25 | ((uint64_t)instance->number & 0x1ffffff);
}

uint64_t ff_pool_next_instance(ff_pool *pool, const ff_function *function)
{
    pthread_mutex_lock(&pool->synced.lock);
    const ff_instance *next = waiting(function);
    int number = next ? next->number : function->synced.started;
    pthread_mutex_unlock(&pool->synced.lock);
    const ff_instance as_if = {
        .pool = pool, .function = (ff_function *)(uintptr_t)function, .number = number};
    return ff_instance_id(&as_if);
}

static void add_instance(ff_pool *pool, ff_function *function)
{
    ff_instance *instance = ff_mem_must(sizeof *instance);
    instance->pool = pool;
    instance->function = function;
    instance->number = function->synced.started++;
    instance->probe = instance->number == 0;
    instance->pid = instance->pidfd = instance->written.output = -1;
    if (function->synced.second_inits > 0) {
        function->synced.second_inits--;
        instance->second_init = true;
    }
    pthread_mutex_init(&instance->written.lock, NULL);
    init_cond(&instance->synced.wake);
    instance->synced.since_ns = ff_clock_now_ns();
    instance->synced.init_deadline_ns = FF_NEVER; /* until it is launched */
    instance->synced.next = function->synced.first;
    function->synced.first = instance;
    function->synced.live++;
    function->synced.cold_starts++;
}

void ff_pool_balance(ff_pool *pool, ff_function *function)
{
    int wanted =
        function->synced.queued_sync + function->synced.queued_event - ff_pool_coming(function);
    bool added = false;
    while (!pool->synced.stopping && wanted > 0 && function->synced.live < pool->max_instances) {
        add_instance(pool, function);
        added = true;
        wanted--;
    }
    if (added)
        ff_pool_wake(pool);
}

void ff_pool_wake(ff_pool *pool)
{
    uint64_t one = 1;
    ssize_t ignored = write(pool->wake_fd, &one, sizeof one); /* full: it will wake anyway */
    (void)ignored;
}

static ff_code enqueue(ff_pool *pool, ff_function *function, ff_job *job, ff_err *err)
{
    int queued = function->synced.queued_sync + function->synced.queued_event;
    bool room = ff_pool_coming(function) > queued || function->synced.live < pool->max_instances;
    if (job->event && function->synced.queued_event >= pool->max_queued_events) {
        function->synced.throttles++;
        return ff_err_set(err, FF_BUSY, "Rate Exceeded: %d events wait for %s already",
                          function->synced.queued_event, function->name);
    }
    if (!job->event && !room) {
        function->synced.throttles++;
        return ff_err_set(err, FF_BUSY, "Rate Exceeded: all %d instances of %s are busy",
                          pool->max_instances, function->name);
    }
    push(function, job_ref(job));
    ff_pool_balance(pool, function);
    return FF_OK;
}

ff_code ff_pool_submit(ff_pool *pool, ff_function *function, ff_job *job, ff_err *err)
{
    ff_code code = FF_OK;
    pthread_mutex_lock(&pool->synced.lock);
    ff_instance *free_one = waiting(function);
    if (pool->synced.stopping)
        code = ff_err_set(err, FF_UNAVAILABLE, "the platform is stopping");
    else if (free_one)
        give(free_one, job_ref(job));
    else
        code = enqueue(pool, function, job, err);
    if (!code)
        function->synced.invocations++;
    pthread_mutex_unlock(&pool->synced.lock);
    return code;
}

bool ff_pool_wait(ff_pool *pool, ff_function *function, ff_job *job,
                  const ff_server_request *request)
{
    bool gone = false, withdrawn = false;
    pthread_mutex_lock(&pool->synced.lock);
    while (!job->synced.done && !gone) {
        int64_t until = ff_clock_deadline_ms(GONE_CHECK_MS);
        struct timespec when = {until / 1000000000, until % 1000000000};
        if (pthread_cond_timedwait(&job->synced.changed, &pool->synced.lock, &when) == 0)
            continue;
        pthread_mutex_unlock(&pool->synced.lock);
        gone = ff_server_client_gone(request);
        pthread_mutex_lock(&pool->synced.lock);
    }
    if (!job->synced.done)
        withdrawn = withdraw(function, job);
    bool done = job->synced.done;
    pthread_mutex_unlock(&pool->synced.lock);
    if (withdrawn)
        ff_job_unref(job);
    return done;
}

/* Waits until the instance has a job. FF_CANCELLED: none will come on this call. */
static ff_code wait_for_job(ff_instance *instance, uint64_t serial)
{
    ff_function *function = instance->function;
    while (!instance->synced.job || instance->synced.state == FF_INSTANCE_DYING) {
        /* A dying one is kept waiting for its signal: an answer would only make it complain. */
        if (instance->synced.gone || serial != instance->synced.next_serial)
            return FF_CANCELLED;
        ff_job *job = instance->synced.state == FF_INSTANCE_DYING ? NULL : ff_pool_pop(function);
        if (job) {
            give(instance, job);
            break;
        }
        instance->synced.waiting = true;
        pthread_cond_wait(&instance->synced.wake, &instance->pool->synced.lock);
        instance->synced.waiting = false;
    }
    return FF_OK;
}

ff_code ff_instance_next(ff_instance *instance, ff_job **job)
{
    ff_pool *pool = instance->pool;
    pthread_mutex_lock(&pool->synced.lock);
    if (instance->synced.state == FF_INSTANCE_STARTING) {
        instance->synced.initialised = true;
        instance->synced.state = FF_INSTANCE_READY;
        instance->synced.since_ns = ff_clock_now_ns();
    }
    uint64_t serial = ++instance->synced.next_serial;
    pthread_cond_broadcast(&instance->synced.wake); /* an older call, if any, gives up */
    ff_code code = wait_for_job(instance, serial);
    if (!code)
        *job = job_ref(instance->synced.job);
    pthread_mutex_unlock(&pool->synced.lock);
    if (!code) {
        pthread_mutex_lock(&instance->written.lock);
        instance->written.tail_len = 0;
        pthread_mutex_unlock(&instance->written.lock);
    }
    return code;
}

static ff_code check_id(const ff_instance *instance, const char *id)
{
    if (instance->synced.job && strcmp(instance->synced.job->id, id) == 0)
        return FF_OK;
    return strcmp(instance->synced.last_id, id) == 0 ? FF_CONFLICT : FF_FORMAT;
}

ff_code ff_instance_check_id(ff_instance *instance, const char *id)
{
    pthread_mutex_lock(&instance->pool->synced.lock);
    ff_code code = check_id(instance, id);
    pthread_mutex_unlock(&instance->pool->synced.lock);
    return code;
}

ff_code ff_instance_answer(ff_instance *instance, const char *id, bool failed, int64_t begun_ns,
                           ff_buf *result)
{
    char tail[FF_LOG_TAIL];
    ff_launch_read_output(instance);
    size_t tail_len = ff_launch_tail(instance, tail);
    ff_job *job = NULL;
    pthread_mutex_lock(&instance->pool->synced.lock);
    ff_code code = check_id(instance, id);
    if (!code) {
        job = instance->synced.job;
        instance->synced.job = NULL;
        memcpy(instance->synced.last_id, job->id, sizeof job->id);
        instance->synced.state = FF_INSTANCE_READY;
        instance->synced.since_ns = ff_clock_now_ns();
        memcpy(job->synced.tail, tail, tail_len);
        job->synced.tail_len = tail_len;
        job->synced.peak_bytes = instance->synced.peak_bytes;
        instance->function->synced.errors += failed;
        finish(job, failed, ff_instance_id(instance), begun_ns, result);
    }
    pthread_mutex_unlock(&instance->pool->synced.lock);
    ff_job_unref(job);
    return code;
}

void ff_instance_set_dying(ff_instance *instance, ff_death death, int64_t kill_in_ms)
{
    if (instance->synced.state == FF_INSTANCE_DYING)
        return;
    instance->synced.state = FF_INSTANCE_DYING;
    instance->synced.death = death;
    instance->synced.terminate = kill_in_ms > 0;
    instance->synced.kill_at_ns = ff_clock_deadline_ms(kill_in_ms);
    instance->function->synced.live--;
    pthread_cond_broadcast(&instance->synced.wake);
}

ff_code ff_instance_init_error(ff_instance *instance, ff_buf *error)
{
    ff_code code = FF_OK;
    pthread_mutex_lock(&instance->pool->synced.lock);
    if (instance->synced.state != FF_INSTANCE_STARTING) {
        code = FF_CONFLICT;
    } else {
        instance->synced.init_error = *error;
        *error = (ff_buf){0};
        ff_instance_set_dying(instance, FF_DEATH_INIT_ERROR, 500);
    }
    pthread_mutex_unlock(&instance->pool->synced.lock);
    if (!code)
        ff_pool_wake(instance->pool);
    return code;
}

ff_function *ff_pool_find(ff_pool *pool, const char *name, size_t len)
{
    for (int i = 0; i < pool->function_count; i++)
        if (strlen(pool->functions[i].name) == len &&
            memcmp(pool->functions[i].name, name, len) == 0)
            return &pool->functions[i];
    for (int i = 0; i < pool->function_count; i++) { /* a deployment's name is its master's */
        const ff_function *f = &pool->functions[i];
        if (f->part && strcmp(f->part, "master") == 0 && strlen(f->deployment) == len &&
            memcmp(f->deployment, name, len) == 0)
            return &pool->functions[i];
    }
    return NULL;
}

ff_code ff_pool_start(ff_pool *pool, ff_err *err)
{
    pool->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->keeping =
        pool->wake_fd >= 0 && pthread_create(&pool->keeper, NULL, ff_keeper_run, pool) == 0;
    return pool->keeping ? FF_OK : ff_err_set(err, FF_NO_MEMORY, "cannot start the keeper thread");
}

void ff_pool_stop(ff_pool *pool)
{
    if (!pool->keeping)
        return;
    pthread_mutex_lock(&pool->synced.lock);
    pool->synced.stopping = true;
    pthread_mutex_unlock(&pool->synced.lock);
    ff_pool_wake(pool);
    pthread_join(pool->keeper, NULL);
    pool->keeping = false;
}

void ff_pool_clean(ff_pool *pool)
{
    if (pool->wake_fd >= 0)
        close(pool->wake_fd);
    pthread_mutex_destroy(&pool->synced.lock);
}
