/* Control groups: where they are, what is written to them, and that a share is kept. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "local/cgroup_int.h"

static void test_locate(void **state)
{
    (void)state;
#define V1                                                                                         \
    "30 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
#define V2 "31 25 0:28 / /sys/fs/cgroup/unified rw shared:8 - cgroup2 cgroup2 rw\n"
    static const struct {
        const char *mountinfo, *own;
        int version; /* 0: none */
        const char *dir;
    } CASES[] = {
        {"", "", 0, ""},
        {V1, "9:cpu,cpuacct:/\n0::/\n", 1, "/sys/fs/cgroup/cpu,cpuacct"},
        {V1, "9:cpuacct,cpu:/a/b\n", 1, "/sys/fs/cgroup/cpu,cpuacct/a/b"},
        {V1, "9:cpuset:/a\n0::/c\n", 0, ""},
        {V2 V1, "0::/x\n3:cpu:/y\n", 1, "/sys/fs/cgroup/cpu,cpuacct/y"},
        {V2, "3:cpu:/y\n0::/user.slice/s.scope\n", 2, "/sys/fs/cgroup/unified/user.slice/s.scope"},
        {"31 25 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate", "0::/", 2,
         "/sys/fs/cgroup"},
        /* a container that sees a part of the hierarchy */
        {"31 25 0:28 /docker/12 /sys/fs/cgroup rw - cgroup2 c rw\n", "0::/docker/12/in\n", 2,
         "/sys/fs/cgroup/in"},
        {"31 25 0:28 /docker/12 /sys/fs/cgroup rw - cgroup2 c rw\n", "0::/elsewhere\n", 2,
         "/sys/fs/cgroup"},
        /* other mounts, cut lines, controllers whose names begin alike */
        {"22 1 8:1 / / rw - ext4 /dev/sda1 rw,cpu\n", "1:cpu:/\n", 0, ""},
        {"30 25 0:27 / /s/cpuset rw - cgroup cgroup rw,cpuset\n", "1:cpu:/\n", 0, ""},
        {"30 25 0:27 /\n", "1:cpu:/\n", 0, ""},
        {"30 - cgroup2\n", "0::/\n", 0, ""},
        {V2, "0:\n", 0, ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        ff_cgroup at = {0};
        char mount[PATH_MAX];
        bool found = ff_cgroup_locate(CASES[i].mountinfo, CASES[i].own, &at, mount);
        if (found != (CASES[i].version > 0) || at.version != CASES[i].version ||
            strcmp(at.dir, CASES[i].dir) != 0)
            fail_msg("case %zu: wanted %d %s, found %d %s", i, CASES[i].version, CASES[i].dir,
                     at.version, at.dir);
        if (found)
            assert_true(strncmp(at.dir, mount, strlen(mount)) == 0);
    }
}

static void test_quota(void **state)
{
    (void)state;
    static const double CPUS[] = {0.001, 0.0124, 0.05, 0.2, 0.23, 1, 1.7, 6};
    for (size_t i = 0; i < sizeof CPUS / sizeof CPUS[0]; i++) {
        int64_t quota, period;
        ff_cgroup_quota(CPUS[i], &quota, &period);
        assert_true(quota >= 1000 && period >= 1000 && period <= 1000000);
        double share = (double)quota / (double)period;
        if (fabs(share / CPUS[i] - 1) > 0.002)
            fail_msg("%g CPUs: %lld of %lld us", CPUS[i], (long long)quota, (long long)period);
    }
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What share of a CPU a busy process gets in the group. A busy machine only makes it less. */
static double busy_share(const char *path)
{
    char procs[PATH_MAX];
    int ends[2];
    double share = 0;
    assert_int_equal(ff_path_join(path, "cgroup.procs", procs, NULL), 0);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        FILE *f = fopen(procs, "w");
        if (!f || fputs("0", f) < 0 || fclose(f))
            _exit(1);
        double begin = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        while (seconds(CLOCK_MONOTONIC) - begin < 0.6)
            ;
        share = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (seconds(CLOCK_MONOTONIC) - begin);
        _exit(write(ends[1], &share, sizeof share) == sizeof share ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], &share, sizeof share), sizeof share);
    close(ends[0]);
    close(ends[1]);
    return share;
}

static void test_share(void **state)
{
    (void)state;
    ff_cgroup where;
    ff_err err = {0};
    char path[PATH_MAX];
    if (ff_cgroup_find(&where, &err)) {
        print_message("no control groups here: %s\n", err.message);
        skip();
    }
    char other[PATH_MAX];
    assert_int_equal(ff_cgroup_make(&where, 0.2, path, &err), 0);
    assert_int_equal(ff_cgroup_make(&where, 1, other, &err), 0); /* is another one */
    assert_string_not_equal(path, other);
    double share = busy_share(path);
    ff_cgroup_remove(other);
    ff_cgroup_remove(path);
    assert_false(ff_file_exists(path));
    if (share > 0.2 * 1.1)
        fail_msg("wanted a share of 0.2, found %.3f", share);
    ff_cgroup_remove(""); /* none was made */
}

/* A folder that is no hierarchy: refused, and nothing is left in it. */
static void test_not_a_hierarchy(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        char dir[] = "/tmp/ff-cgroup-XXXXXX", path[PATH_MAX];
        ff_cgroup where = {.version = version};
        ff_err err = {0};
        assert_non_null(mkdtemp(dir));
        snprintf(where.dir, sizeof where.dir, "%s", dir);
        assert_int_equal(ff_cgroup_make(&where, 0.2, path, &err), FF_NOT_FOUND);
        assert_int_equal(path[0], 0);
        assert_int_equal(rmdir(dir), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locate),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_not_a_hierarchy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
