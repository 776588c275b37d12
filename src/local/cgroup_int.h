/*
 * A share of CPU for a process, by a control group: version 1 (cfs_quota) or 2 (cpu.max).
 *
 * Groups are made beside or below this process's own, wherever its user may: as root, in a
 * container whose /sys/fs/cgroup is writable, or below a delegated group (systemd-run --user
 * --scope -p Delegate=yes). A group is a folder "fanfold-<pid>-<n>"; those that a killed process
 * left are removed by the next one.
 *
 * A share is kept over some periods, not over a moment: who has rested runs up to one quota and a
 * scheduler's tick (1 to 4 ms of CPU) at the machine's own speed.
 */
#ifndef FF_LOCAL_CGROUP_INT_H
#define FF_LOCAL_CGROUP_INT_H

#include <limits.h>

#include "base/err.h"

typedef struct ff_cgroup {
    int version;
    char dir[PATH_MAX]; /* where groups are made */
} ff_cgroup;

/* FF_DENIED: none can be made here, and why not. Tries one out. */
ff_code ff_cgroup_find(ff_cgroup *out, ff_err *err);
/* Makes a group of `cpus` CPUs; path is its folder, and "0" written to its cgroup.procs moves the
 * writer there. */
ff_code ff_cgroup_make(const ff_cgroup *where, double cpus, char path[PATH_MAX], ff_err *err);
void ff_cgroup_remove(const char *path); /* its processes are gone; "" is nothing */

/* For tests. The group of the process whose /proc/self/mountinfo and /proc/self/cgroup these are:
 * the folder of its CPU controller, and the mount point above it. false: there is none. */
bool ff_cgroup_locate(const char *mountinfo, const char *own, ff_cgroup *out, char mount[PATH_MAX]);
/* Microseconds of CPU in each period: the shortest the kernel takes, so that waits are short. */
void ff_cgroup_quota(double cpus, int64_t *quota_us, int64_t *period_us);

#endif
