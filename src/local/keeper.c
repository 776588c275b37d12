/* The keeper: the one thread that starts, watches and buries function processes. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "local/pool_int.h"

#define WORKING_TICK_MS 25  /* memory is polled while something runs */
#define QUIET_TICK_MS   100 /* how late a new job's deadline may be noticed */
#define EMPTY_TICK_MS   10000
#define STOP_MS         2000 /* from SIGTERM to SIGKILL */

typedef struct watched {
    ff_instance *instance;
    uint64_t memory; /* anonymous bytes, polled before the pool is locked */
    int signals[2];  /* to send when it is unlocked; 0 = none */
    int status;      /* of waitpid */
    bool dead;
    char *failure; /* why it could not even be started */
} watched;

typedef struct keeper {
    ff_pool *pool;
    watched *all;
    struct pollfd *fds; /* one, and two for each of all */
    int count, room;
    bool stopping; /* told to all instances */
} keeper;

static void add(keeper *k, ff_instance *instance)
{
    if (k->count == k->room) {
        int room = k->room ? 2 * k->room : 16;
        k->all = ff_mem_must_grow(k->all, (size_t)k->room, (size_t)room, sizeof *k->all);
        k->fds =
            ff_mem_must_grow(k->fds, (size_t)k->room * 2 + 1, (size_t)room * 2 + 1, sizeof *k->fds);
        k->room = room;
    }
    k->all[k->count++] = (watched){.instance = instance};
}

static void stopped(ff_function *function, ff_job *job)
{
    ff_buf error = {0};
    job->synced.stopped = true;
    ff_runtime_error_json("ServiceException", "the platform is stopping", &error);
    ff_pool_fail_job(function, job, &error);
}

/* The pool is locked. */
static void tell_all_to_stop(keeper *k)
{
    for (int f = 0; f < k->pool->function_count; f++) {
        ff_function *function = &k->pool->functions[f];
        ff_job *job;
        while ((job = ff_pool_pop(function)) != NULL)
            stopped(function, job);
        for (ff_instance *i = function->synced.first; i; i = i->synced.next) {
            job = i->synced.job;
            i->synced.job = NULL;
            if (job)
                stopped(function, job);
            ff_instance_set_dying(i, FF_DEATH_STOP, STOP_MS);
        }
    }
    k->stopping = true;
}

/* Who is there? Only this thread removes instances, so they stay valid. Returns the tick. */
static int64_t collect(keeper *k)
{
    ff_pool *pool = k->pool;
    int64_t tick = EMPTY_TICK_MS;
    k->count = 0;
    pthread_mutex_lock(&pool->synced.lock);
    if (pool->synced.stopping && !k->stopping)
        tell_all_to_stop(k);
    for (int f = 0; f < pool->function_count; f++)
        for (ff_instance *i = pool->functions[f].synced.first; i; i = i->synced.next) {
            int64_t own = i->synced.state == FF_INSTANCE_READY ? QUIET_TICK_MS : WORKING_TICK_MS;
            tick = own < tick ? own : tick;
            add(k, i);
        }
    pthread_mutex_unlock(&pool->synced.lock);
    return tick;
}

/* Its cold start is over, as far as it is more than what happens here. Else *tick is until then. */
static bool is_due(ff_instance *instance, int64_t *tick)
{
    int64_t now = ff_clock_now_ns();
    if (!instance->launch_ns)
        instance->launch_ns =
            now + ff_shape_cold_start_ns(instance->pool->shape, ff_instance_id(instance));
    int64_t left_ms = (instance->launch_ns - now + 999999) / 1000000;
    if (left_ms > 0 && left_ms < *tick)
        *tick = left_ms;
    return left_ms <= 0;
}

static void launch(watched *w)
{
    ff_instance *instance = w->instance;
    ff_pool *pool = instance->pool;
    ff_err err = {0};
    instance->launched = true;
    ff_code code = ff_runtime_serve(instance, &err);
    if (!code)
        code = ff_launch(instance, &err);
    if (code) {
        ff_log(FF_LOG_ERROR, "%s: cannot start an instance: %s", instance->function->name,
               err.message);
        w->failure = ff_mem_must_printf("cannot start an instance: %s", err.message);
        w->dead = true;
        return;
    }
    int64_t limit = ff_shape_stretch_ms(
        pool->shape, instance->second_init ? instance->function->timeout_ms : pool->init_limit_ms);
    pthread_mutex_lock(&pool->synced.lock);
    instance->synced.init_deadline_ns = ff_clock_deadline_ms(limit);
    instance->synced.pid = instance->pid;
    pthread_mutex_unlock(&pool->synced.lock);
}

static int output_of(ff_instance *instance)
{
    pthread_mutex_lock(&instance->written.lock);
    int fd = instance->written.output;
    pthread_mutex_unlock(&instance->written.lock);
    return fd;
}

/* Waits for output, deaths, a wake-up or the tick. */
static void wait_for_events(keeper *k, int64_t tick)
{
    k->fds[0] = (struct pollfd){.fd = k->pool->wake_fd, .events = POLLIN};
    for (int i = 0; i < k->count; i++) {
        ff_instance *instance = k->all[i].instance;
        k->fds[1 + 2 * i] = (struct pollfd){.fd = instance->pidfd, .events = POLLIN};
        k->fds[2 + 2 * i] = (struct pollfd){.fd = output_of(instance), .events = POLLIN};
        if (k->all[i].dead)
            tick = 0;
    }
    poll(k->fds, (nfds_t)(1 + 2 * k->count), (int)tick);
    uint64_t ignored;
    if (k->fds[0].revents && read(k->pool->wake_fd, &ignored, sizeof ignored) < 0)
        return;
}

static void look(watched *w, const struct pollfd *fds)
{
    ff_instance *instance = w->instance;
    if (fds[1].revents)
        ff_launch_read_output(instance);
    if (fds[0].revents && waitpid(instance->pid, &w->status, WNOHANG) == instance->pid)
        w->dead = true;
    if (!w->dead && instance->launched)
        w->memory = ff_launch_anonymous_bytes(instance->pid);
}

static void fail_current(ff_instance *instance, const char *type, const char *message)
{
    ff_job *job = instance->synced.job;
    if (!job)
        return;
    ff_buf error = {0};
    instance->synced.job = NULL;
    job->synced.peak_bytes = instance->synced.peak_bytes;
    ff_runtime_error_json(type, message, &error);
    ff_pool_fail_job(instance->function, job, &error);
}

static void timeout_text(const ff_instance *instance, const char *id, char *text, size_t size)
{
    char now[40];
    ff_clock_iso(ff_clock_wall_ms(), now, sizeof now);
    snprintf(text, size, "%s %s Task timed out after %d.%02d seconds", now, id,
             instance->function->timeout_ms / 1000, instance->function->timeout_ms % 1000 / 10);
}

static void memory_text(const ff_instance *instance, const char *id, char *text, size_t size)
{
    snprintf(
        text, size,
        "RequestId: %s Error: Runtime exited with error: signal: killed: memory limit of %d MB "
        "exceeded, %llu MB used",
        id, instance->function->memory_mb, (unsigned long long)(instance->synced.peak_bytes >> 20));
}

static int64_t stretched_ns(const ff_instance *instance, int64_t ms)
{
    int64_t real_ms = ff_shape_stretch_ms(instance->pool->shape, ms);
    return real_ms < INT64_MAX / 1000000 ? real_ms * 1000000 : INT64_MAX;
}

/* Limits of a living instance; the pool is locked. */
static void check(watched *w, int64_t now)
{
    ff_instance *instance = w->instance;
    ff_function *function = instance->function;
    ff_job *job = instance->synced.job;
    char text[256];
    if (w->memory > instance->synced.peak_bytes)
        instance->synced.peak_bytes = w->memory;
    if (instance->synced.state == FF_INSTANCE_DYING)
        return;
    if (w->memory > (uint64_t)function->memory_mb << 20) {
        memory_text(instance, job ? job->id : "-", text, sizeof text);
        ff_instance_set_dying(instance, FF_DEATH_MEMORY, 0);
        fail_current(instance, "Runtime.OutOfMemory", text);
    } else if (job && now > job->synced.deadline_ns) {
        function->synced.timeouts++;
        timeout_text(instance, job->id, text, sizeof text);
        ff_instance_set_dying(instance, FF_DEATH_TIMEOUT, 0);
        fail_current(instance, "Sandbox.Timedout", text);
    } else if (instance->synced.state == FF_INSTANCE_STARTING &&
               now > instance->synced.init_deadline_ns) {
        ff_instance_set_dying(instance, FF_DEATH_INIT_LIMIT, 0);
    } else if (instance->synced.state == FF_INSTANCE_READY && !instance->synced.waiting &&
               now - instance->synced.since_ns > stretched_ns(instance, function->timeout_ms)) {
        ff_instance_set_dying(instance, FF_DEATH_TIMEOUT, 0); /* hangs after its answer */
    } else if (instance->synced.state == FF_INSTANCE_READY &&
               now - instance->synced.since_ns > stretched_ns(instance, instance->pool->idle_ms)) {
        ff_instance_set_dying(instance, FF_DEATH_IDLE, STOP_MS);
    }
}

/* Which signals are due; the pool is locked. */
static void due_signals(watched *w, int64_t now)
{
    ff_instance *instance = w->instance;
    w->signals[0] = w->signals[1] = 0;
    if (instance->synced.state != FF_INSTANCE_DYING)
        return;
    if (instance->synced.terminate) {
        instance->synced.terminate = false;
        w->signals[0] = SIGTERM;
    }
    if (now >= instance->synced.kill_at_ns) {
        instance->synced.kill_at_ns = FF_NEVER;
        w->signals[1] = SIGKILL;
    }
}

static void exit_text(const watched *w, const char *id, char *text, size_t size)
{
    char how[80] = "";
    if (w->failure) {
        snprintf(text, size, "RequestId: %s Error: %s", id, w->failure);
        return;
    }
    if (WIFSIGNALED(w->status)) {
        const char *name = sigdescr_np(WTERMSIG(w->status));
        snprintf(how, sizeof how, "signal: %s", name ? name : "unknown");
        for (char *c = how; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    } else if (WEXITSTATUS(w->status)) {
        snprintf(how, sizeof how, "exit status %d", WEXITSTATUS(w->status));
    }
    snprintf(text, size, "RequestId: %s Error: Runtime exited %s%s", id,
             how[0] ? "with error: " : "without providing a reason", how);
}

/* A job waited for this instance to come up: it gets to know why it did not. */
static void fail_waiting(const watched *w, ff_death death)
{
    ff_instance *instance = w->instance;
    ff_job *job = ff_pool_pop(instance->function);
    ff_buf error = {0};
    char text[512];
    if (!job)
        return;
    const char *type = "Runtime.ExitError";
    if (death == FF_DEATH_INIT_LIMIT) {
        type = "Sandbox.Timedout";
        timeout_text(instance, job->id, text, sizeof text);
    } else if (death == FF_DEATH_MEMORY) {
        type = "Runtime.OutOfMemory";
        memory_text(instance, job->id, text, sizeof text);
    } else {
        exit_text(w, job->id, text, sizeof text);
    }
    if (death == FF_DEATH_INIT_ERROR) {
        error = instance->synced.init_error;
        instance->synced.init_error = (ff_buf){0};
    } else {
        ff_runtime_error_json(type, text, &error);
    }
    ff_pool_fail_job(instance->function, job, &error);
}

static void unlink_instance(ff_instance *instance)
{
    ff_instance **at = &instance->function->synced.first;
    while (*at != instance)
        at = &(*at)->synced.next;
    *at = instance->synced.next;
}

/* The process is gone (or never was): its job learns of it, another takes its place if need be. */
static void bury(watched *w)
{
    ff_instance *instance = w->instance;
    ff_pool *pool = instance->pool;
    ff_function *function = instance->function;
    char text[512];
    ff_launch_read_output(instance);
    pthread_mutex_lock(&pool->synced.lock);
    ff_death death =
        instance->synced.state == FF_INSTANCE_DYING ? instance->synced.death : FF_DEATH_EXIT;
    ff_instance_set_dying(instance, death, 0);
    ff_job *job = instance->synced.job;
    exit_text(w, job ? job->id : "-", text, sizeof text);
    fail_current(instance, "Runtime.ExitError", text);
    if (!instance->synced.initialised && death != FF_DEATH_STOP) {
        if (death == FF_DEATH_INIT_LIMIT && !instance->second_init)
            function->synced.second_inits++; /* as Lambda: again, under the function's time-out */
        else if (function->synced.queued_sync + function->synced.queued_event >
                 ff_pool_coming(function))
            fail_waiting(w, death);
    }
    unlink_instance(instance);
    ff_pool_balance(pool, function);
    pthread_mutex_unlock(&pool->synced.lock);
    if (death == FF_DEATH_EXIT)
        ff_log(FF_LOG_WARN, "%s: instance %d: %s", function->name, instance->number, text);
    ff_mem_free(w->failure);
    ff_shape_forget(pool->shape, ff_instance_id(instance));
    ff_instance_free(instance);
}

static void check_all(keeper *k)
{
    int64_t now = ff_clock_now_ns();
    pthread_mutex_lock(&k->pool->synced.lock);
    for (int i = 0; i < k->count; i++) {
        if (k->all[i].dead)
            continue;
        check(&k->all[i], now);
        due_signals(&k->all[i], now);
    }
    pthread_mutex_unlock(&k->pool->synced.lock);
    for (int i = 0; i < k->count; i++)
        for (int s = 0; s < 2 && !k->all[i].dead; s++)
            if (k->all[i].signals[s] && k->all[i].instance->pid > 0)
                kill(-k->all[i].instance->pid, k->all[i].signals[s]);
    for (int i = 0; i < k->count; i++)
        if (k->all[i].dead)
            bury(&k->all[i]);
}

void *ff_keeper_run(void *arg)
{
    keeper k = {.pool = arg};
    k.fds = ff_mem_must(sizeof *k.fds);
    for (;;) {
        int64_t tick = collect(&k);
        if (k.stopping && k.count == 0)
            break;
        for (int i = 0; i < k.count; i++) {
            /* told to stop before it was started: nothing to wait for */
            if (!k.all[i].instance->launched && k.stopping)
                k.all[i].dead = true;
            else if (!k.all[i].instance->launched && is_due(k.all[i].instance, &tick))
                launch(&k.all[i]);
        }
        wait_for_events(&k, tick);
        for (int i = 0; i < k.count; i++)
            look(&k.all[i], &k.fds[1 + 2 * i]);
        check_all(&k);
    }
    ff_mem_free(k.all);
    ff_mem_free(k.fds);
    return NULL;
}
