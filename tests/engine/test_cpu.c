/* The CPU: what the kernel says of it, and quotas. The block size itself: test_optimise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine_int.h"

static void test_quota(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int cpus;
    } rows[] = {
        {"max 100000\n", 0},
        {"100000 100000\n", 1},
        {"150000 100000", 2},
        {"50000 100000", 1},
        {"1000 1000000", 1},
        {"800000 100000", 8},
        {"", 0},
        {"100000", 0},
        {"-1 100000", 0},
        {"100000 0", 0},
        {"9223372036854775807 1", 0},
        {"garbage", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ff_engine_quota_parse(rows[i].text), rows[i].cpus);
}

static void test_cpus_follow_affinity(void **state)
{
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_in_range(ff_engine_cpus(), 1, CPU_COUNT(&before));
    size_t first = 0;
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(ff_engine_cpus(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

#if defined(__x86_64__)
/* The kernel lists a flag only where it saves that state. */
static bool kernel_lists(const char *flag)
{
    char line[8192];
    bool found = false;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = strncmp(line, "flags", 5) == 0 && strstr(line, flag);
    if (file)
        fclose(file);
    return found;
}

static void test_isa(void **state)
{
    (void)state;
    bool avx512 = kernel_lists(" avx512f ") && kernel_lists(" avx2 ") && kernel_lists(" fma ");
    assert_int_equal(ff_engine_nchwc_block(), avx512 ? 16 : 8);
    assert_int_equal(strstr(ff_engine_cpu(), "avx512") != NULL, avx512);
    assert_int_equal(strncmp(ff_engine_cpu(), "x86_64 ", 7), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_cpus_follow_affinity),
#if defined(__x86_64__)
        cmocka_unit_test(test_isa),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
