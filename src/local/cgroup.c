#include "local/cgroup_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

#define LEAST_US      1000    /* the kernel's least quota and period */
#define MOST_US       1000000 /* its longest period */
#define PERIOD_US     5000
#define WEIGHT_V1     "65536" /* 64 times a plain process: a busy machine must not slow functions */
#define WEIGHT_V2     "6400"  /* down below their share, which the quota bounds anyway */
#define MAX_PROC_FILE ((size_t)1 << 20)
#define PREFIX        "fanfold-"

void ff_cgroup_quota(double cpus, int64_t *quota_us, int64_t *period_us)
{
    double period = fmin(fmax(PERIOD_US, LEAST_US / cpus), MOST_US);
    *period_us = (int64_t)llround(period);
    *quota_us = (int64_t)llround(fmax(period * cpus, LEAST_US));
}

/* The next word of a line of words; its length. */
static size_t word(const char **at)
{
    *at += strspn(*at, " ");
    return strcspn(*at, " \n");
}

/* Does a list "a,b,c" of len bytes hold the name? */
static bool listed(const char *list, size_t len, const char *name)
{
    size_t wanted = strlen(name);
    for (size_t i = 0; i < len;) {
        size_t n = 0;
        while (i + n < len && list[i + n] != ',' && list[i + n] != ' ')
            n++;
        if (n == wanted && memcmp(list + i, name, n) == 0)
            return true;
        i += n + 1;
    }
    return false;
}

/* One mount: its root within the hierarchy, where it is, its type, and its own options. */
typedef struct mounted {
    char root[PATH_MAX], at[PATH_MAX];
    int version; /* 0: no control groups, or not those of the CPU */
} mounted;

/* "36 35 98:0 /root /where rw,noatime shared:1 - cgroup cgroup rw,cpu,cpuacct" */
static bool parse_mount(const char *line, mounted *m)
{
    size_t end = strcspn(line, "\n");
    const char *at = line, *dash = memmem(line, end, " - ", 3);
    if (!dash)
        return false;
    for (int i = 0; i < 5; i++) {
        size_t len = word(&at);
        if (len >= PATH_MAX || at + len > dash)
            return false;
        if (i >= 3)
            snprintf(i == 3 ? m->root : m->at, PATH_MAX, "%.*s", (int)len, at);
        at += len;
    }
    at = dash + 3;
    size_t type = word(&at);
    bool two = type == 7 && memcmp(at, "cgroup2", 7) == 0;
    bool one = type == 6 && memcmp(at, "cgroup", 6) == 0;
    at += type;
    size_t source = word(&at);
    at += source;
    size_t options = word(&at);
    m->version = two ? 2 : one && listed(at, options, "cpu") ? 1 : 0;
    return true;
}

/* This process's path in the hierarchy: "4:cpu,cpuacct:/path", or "0::/path". */
static bool own_path(const char *own, int version, char path[PATH_MAX])
{
    for (const char *line = own; *line;) {
        size_t end = strcspn(line, "\n");
        const char *list = memchr(line, ':', end);
        const char *colon = list ? memchr(list + 1, ':', end - (size_t)(list + 1 - line)) : NULL;
        if (colon) {
            size_t len = (size_t)(colon - list - 1), rest = end - (size_t)(colon + 1 - line);
            bool it = version == 1 ? listed(list + 1, len, "cpu") : !len && line[0] == '0';
            if (it && rest < PATH_MAX) {
                snprintf(path, PATH_MAX, "%.*s", (int)rest, colon + 1);
                return true;
            }
        }
        line += end + (line[end] == '\n');
    }
    return false;
}

/* Below the mount point, as far as the mount shows it. */
static void place(const mounted *m, const char *path, ff_cgroup *out)
{
    size_t root = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);
    const char *rest = strncmp(path, m->root, root) == 0 ? path + root : "";
    out->version = m->version;
    snprintf(out->dir, sizeof out->dir, "%.2000s%.2000s", m->at, strcmp(rest, "/") ? rest : "");
}

bool ff_cgroup_locate(const char *mountinfo, const char *own, ff_cgroup *out, char mount[PATH_MAX])
{
    static _Thread_local mounted best, m;
    char path[PATH_MAX];
    best.version = 0;
    for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (!parse_mount(line, &m) || !m.version)
            continue;
        if (!best.version || m.version < best.version)
            best = m; /* where version 1 has the CPU, version 2 has not */
    }
    if (!best.version || !own_path(own, best.version, path))
        return false;
    place(&best, path, out);
    snprintf(mount, PATH_MAX, "%s", best.at);
    return true;
}

/* A file of a group exists already: it is never created. */
static ff_code write_file(const char *dir, const char *name, const char *text, ff_err *err)
{
    char path[PATH_MAX];
    ff_code code = ff_path_join(dir, name, path, err);
    if (code)
        return code;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? write(fd, text, strlen(text)) : -1;
    if (n < 0)
        code = ff_err_errno(err, errno, path, "cannot set a control group");
    if (fd >= 0)
        close(fd);
    return code;
}

static ff_code limit(int version, const char *path, double cpus, ff_err *err)
{
    int64_t quota, period;
    char text[64];
    ff_cgroup_quota(cpus, &quota, &period);
    if (version == 2) {
        snprintf(text, sizeof text, "%lld %lld", (long long)quota, (long long)period);
        ff_code code = write_file(path, "cpu.max", text, err);
        return code ? code : write_file(path, "cpu.weight", WEIGHT_V2, err);
    }
    snprintf(text, sizeof text, "%lld", (long long)period);
    ff_code code = write_file(path, "cpu.cfs_period_us", text, err);
    if (!code)
        code = write_file(path, "cpu.shares", WEIGHT_V1, err);
    snprintf(text, sizeof text, "%lld", (long long)quota);
    return code ? code : write_file(path, "cpu.cfs_quota_us", text, err);
}

ff_code ff_cgroup_make(const ff_cgroup *where, double cpus, char path[PATH_MAX], ff_err *err)
{
    static atomic_uint made; /* of this process: a program may run several platforms */
    char name[64];
    snprintf(name, sizeof name, PREFIX "%d-%u", (int)getpid(), atomic_fetch_add(&made, 1));
    ff_code code = ff_path_join(where->dir, name, path, err);
    if (!code && mkdir(path, 0755) && errno != EEXIST)
        code = ff_err_errno(err, errno, path, "cannot make a control group");
    if (code) {
        path[0] = '\0';
        return code;
    }
    code = limit(where->version, path, cpus, err);
    if (code) {
        ff_cgroup_remove(path);
        path[0] = '\0';
    }
    return code;
}

void ff_cgroup_remove(const char *path)
{
    if (*path)
        rmdir(path); /* what is still in use goes with the next sweep */
}

static bool is_alive(long pid)
{
    return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

/* Groups of processes that were killed. */
static void sweep(const char *dir)
{
    DIR *folder = opendir(dir);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        char path[PATH_MAX], *end;
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        long pid = strtol(entry->d_name + strlen(PREFIX), &end, 10);
        if (pid > 0 && *end == '-' && !is_alive(pid) &&
            !ff_path_join(dir, entry->d_name, path, NULL))
            rmdir(path);
    }
    if (folder)
        closedir(folder);
}

/* May a process of ours be moved there? Only a process can tell. */
static ff_code try_move(const char *path, ff_err *err)
{
    char procs[PATH_MAX];
    ff_code code = ff_path_join(path, "cgroup.procs", procs, err);
    if (code)
        return code;
    pid_t pid = fork(); /* from here on the child makes async-signal-safe calls only */
    if (pid == 0) {
        int fd = open(procs, O_WRONLY | O_CLOEXEC);
        _exit(fd >= 0 && write(fd, "0", 1) == 1 ? 0 : 1);
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
        return ff_err_set(err, FF_DENIED, "%s: a process cannot be moved there", procs);
    return FF_OK;
}

static ff_code try_out(const ff_cgroup *where, ff_err *err)
{
    char path[PATH_MAX];
    sweep(where->dir);
    ff_code code = ff_cgroup_make(where, 0.5, path, err);
    if (!code)
        code = try_move(path, err);
    ff_cgroup_remove(path);
    return code;
}

/* A file of /proc, whose size nobody knows before it is read, with a NUL behind it. */
static ff_code read_proc(const char *path, ff_buf *out, ff_err *err)
{
    char part[4096];
    FILE *f = fopen(path, "re");
    ff_code code = f ? FF_OK : ff_err_errno(err, errno, path, "cannot read");
    ff_buf_init(out, MAX_PROC_FILE);
    for (size_t n; !code && (n = fread(part, 1, sizeof part, f)) > 0;)
        code = ff_buf_append(out, part, n, err);
    if (f)
        fclose(f);
    return code ? code : ff_buf_append(out, "", 1, err);
}

static ff_code locate(ff_cgroup *at, char mount[PATH_MAX], ff_err *err)
{
    ff_buf mounts = {0}, own = {0};
    ff_code code = read_proc("/proc/self/mountinfo", &mounts, err);
    if (!code)
        code = read_proc("/proc/self/cgroup", &own, err);
    if (!code && !ff_cgroup_locate((const char *)mounts.data, (const char *)own.data, at, mount))
        code = ff_err_set(err, FF_DENIED, "no control groups of the CPU are mounted");
    ff_buf_clean(&mounts);
    ff_buf_clean(&own);
    return code;
}

ff_code ff_cgroup_find(ff_cgroup *out, ff_err *err)
{
    ff_cgroup at;
    char mount[PATH_MAX];
    ff_err last = {0};
    ff_code code = locate(&at, mount, &last);
    /* Version 2 gives limits only where the group above hands on the controller, and a group with
     * processes of its own cannot: so the first one upwards that does. */
    while (!code) {
        code = try_out(&at, &last);
        char *slash = strrchr(at.dir, '/');
        if (!code || strcmp(at.dir, mount) == 0 || !slash)
            break;
        *slash = '\0';
        code = FF_OK;
    }
    if (!code)
        *out = at;
    return code ? ff_err_set(err, FF_DENIED, "%s%s%s", last.file, *last.file ? ": " : "",
                             last.message)
                : FF_OK;
}
