/* One function process: fork, exec, what it writes, what it uses. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "local/pool_int.h"

/* All that the child needs, made before the fork: after it only async-signal-safe calls may run. */
typedef struct child {
    const char *const *argv;
    char **env;
    const char *dir;
    const char *failure;
    pid_t parent;
    int null, output;
    int group; /* the cgroup.procs to enter; -1 = none */
} child;

static _Noreturn void run_child(const child *c)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* fires when the keeper's thread ends */
    if (getppid() != c->parent)
        _exit(1);
    if (c->group >= 0 && write(c->group, "0", 1) != 1)
        _exit(1); /* better none than one that is too fast; the keeper reports it */
    setpgid(0, 0);
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(c->null, STDIN_FILENO);
    dup2(c->output, STDOUT_FILENO);
    dup2(c->output, STDERR_FILENO);
    close_range(3, ~0u, 0);
    if (chdir(c->dir) == 0)
        execve(c->argv[0], (char *const *)(uintptr_t)c->argv, c->env);
    ssize_t ignored = write(STDERR_FILENO, c->failure, strlen(c->failure));
    (void)ignored;
    _exit(127);
}

/* The function's environment, and what is this instance's own. */
static char **environment(const ff_instance *instance)
{
    const char *const *base = instance->function->env;
    size_t count = 0;
    while (base && base[count])
        count++;
    char **env = ff_mem_must_array(count + 5, sizeof *env);
    char key[FF_INSTANCE_KEY];
    for (size_t i = 0; i < count; i++)
        env[i] = ff_mem_must_strdup(base[i]);
    ff_instance_key(instance->pool->role_key, ff_instance_id(instance), key);
    env[count++] = ff_mem_must_printf("AWS_ACCESS_KEY_ID=%s", key);
    env[count++] =
        ff_mem_must_printf("AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d", ff_server_port(instance->server));
    env[count++] = ff_mem_must_printf("AWS_LAMBDA_LOG_STREAM_NAME=[$LATEST]%d", instance->number);
    if (instance->probe)
        env[count++] = ff_mem_must_strdup("FANFOLD_PROBE=1");
    return env;
}

static void free_environment(char **env)
{
    for (size_t i = 0; env[i]; i++)
        ff_mem_free(env[i]);
    ff_mem_free(env);
}

static ff_code fork_child(ff_instance *instance, const child *c, ff_err *err)
{
    pid_t pid = fork();
    if (pid < 0)
        return ff_err_errno(err, errno, "", "cannot fork");
    if (pid == 0)
        run_child(c);
    setpgid(pid, pid); /* here too: the group exists before anything signals it */
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        ff_code code = ff_err_errno(err, errno, "", "cannot watch a process");
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return code;
    }
    instance->pid = pid;
    instance->pidfd = pidfd;
    return FF_OK;
}

/* The group that keeps its share of CPU, where there is one. */
static ff_code make_group(ff_instance *instance, int *procs, ff_err *err)
{
    ff_pool *pool = instance->pool;
    char path[PATH_MAX];
    *procs = -1;
    if (!pool->cgroup || instance->function->cpus <= 0)
        return FF_OK;
    ff_code code = ff_cgroup_make(pool->cgroup, instance->function->cpus, instance->cgroup, err);
    if (!code)
        code = ff_path_join(instance->cgroup, "cgroup.procs", path, err);
    if (!code && (*procs = open(path, O_WRONLY | O_CLOEXEC)) < 0)
        code = ff_err_errno(err, errno, path, "cannot use a control group");
    return code;
}

ff_code ff_launch(ff_instance *instance, ff_err *err)
{
    const ff_function *function = instance->function;
    int ends[2], group = -1;
    ff_code code = make_group(instance, &group, err);
    if (code)
        return code;
    if (pipe2(ends, O_CLOEXEC)) {
        code = ff_err_errno(err, errno, "", "cannot make a pipe");
        if (group >= 0)
            close(group);
        return code;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char *failure = ff_mem_must_printf("cannot run %s in %s\n", function->argv[0], function->dir);
    child c = {
        function->argv, environment(instance), function->dir, failure, getpid(), null, ends[1],
        group};
    code = fork_child(instance, &c, err);
    free_environment(c.env);
    ff_mem_free(failure);
    close(ends[1]);
    if (null >= 0)
        close(null);
    if (group >= 0)
        close(group);
    pthread_mutex_lock(&instance->written.lock);
    instance->written.output = ends[0];
    pthread_mutex_unlock(&instance->written.lock);
    return code;
}

static void emit_line(ff_instance *instance)
{
    const ff_pool *pool = instance->pool;
    const char *name = instance->function->name;
    instance->written.line[instance->written.line_len] = '\0';
    instance->written.line_len = 0;
    if (pool->log)
        pool->log(pool->log_user, name, instance->written.line);
    else
        ff_log(FF_LOG_INFO, "%s: %s", name, instance->written.line);
}

static void keep_tail(ff_instance *instance, const char *data, size_t len)
{
    if (len >= FF_LOG_TAIL) {
        data += len - FF_LOG_TAIL;
        len = FF_LOG_TAIL;
    }
    size_t room = FF_LOG_TAIL - len;
    if (instance->written.tail_len > room) {
        size_t drop = instance->written.tail_len - room;
        memmove(instance->written.tail, instance->written.tail + drop, room);
        instance->written.tail_len = room;
    }
    memcpy(instance->written.tail + instance->written.tail_len, data, len);
    instance->written.tail_len += len;
}

void ff_launch_read_output(ff_instance *instance)
{
    char data[8192];
    pthread_mutex_lock(&instance->written.lock);
    for (int reads = 0; reads < 64 && instance->written.output >= 0; reads++) {
        ssize_t n = read(instance->written.output, data, sizeof data);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0) {
            close(instance->written.output);
            instance->written.output = -1;
            break;
        }
        keep_tail(instance, data, (size_t)n);
        for (ssize_t i = 0; i < n; i++) {
            bool full = instance->written.line_len + 1 == sizeof instance->written.line;
            if (data[i] == '\n' || full)
                emit_line(instance);
            if (data[i] != '\n')
                instance->written.line[instance->written.line_len++] = data[i];
        }
    }
    if (instance->written.output < 0 && instance->written.line_len)
        emit_line(instance);
    pthread_mutex_unlock(&instance->written.lock);
}

size_t ff_launch_tail(ff_instance *instance, char tail[FF_LOG_TAIL])
{
    pthread_mutex_lock(&instance->written.lock);
    size_t len = instance->written.tail_len;
    memcpy(tail, instance->written.tail, len);
    pthread_mutex_unlock(&instance->written.lock);
    return len;
}

uint64_t ff_launch_anonymous_bytes(pid_t pid)
{
    char path[40], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    static const char *const FIELDS[] = {"\nRssAnon:", "\nRssShmem:"};
    uint64_t kilobytes = 0;
    for (int i = 0; i < 2; i++) {
        const char *at = strstr(text, FIELDS[i]);
        kilobytes += at ? strtoull(at + strlen(FIELDS[i]), NULL, 10) : 0;
    }
    return kilobytes << 10;
}

void ff_instance_free(ff_instance *instance)
{
    ff_pool *pool = instance->pool;
    pthread_mutex_lock(&pool->synced.lock);
    instance->synced.gone = true; /* a call of /next, kept open until now, returns */
    pthread_cond_broadcast(&instance->synced.wake);
    pthread_mutex_unlock(&pool->synced.lock);
    ff_server_free(instance->server);
    if (instance->pidfd >= 0)
        close(instance->pidfd);
    if (instance->written.output >= 0)
        close(instance->written.output);
    ff_cgroup_remove(instance->cgroup);
    ff_buf_clean(&instance->synced.init_error);
    ff_job_unref(instance->synced.job);
    pthread_cond_destroy(&instance->synced.wake);
    pthread_mutex_destroy(&instance->written.lock);
    ff_mem_free(instance);
}
