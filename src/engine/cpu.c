/* What this CPU is, and how much of it is ours. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "engine/engine_int.h"

#if defined(__x86_64__)
typedef enum isa { ISA_SSE2, ISA_AVX, ISA_AVX2, ISA_AVX512 } isa;

/* The extended states that the operating system saves. Only where cpuid reports OSXSAVE. */
static unsigned xcr0(void)
{
    unsigned lo, hi;
    __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

/* The tests, in the order, by which ONNX Runtime's MLAS chooses its kernels. */
static isa isa_of_cpu(void)
{
    unsigned a, b, c1, c, d;
    const unsigned avx = bit_OSXSAVE | bit_AVX;
    if (!__get_cpuid(1, &a, &b, &c1, &d) || (c1 & avx) != avx)
        return ISA_SSE2;
    unsigned saved = xcr0();
    if ((saved & 0x6u) != 0x6u) /* SSE and AVX registers */
        return ISA_SSE2;
    if (!(c1 & bit_FMA) || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2))
        return ISA_AVX;
    if ((b & bit_AVX512F) && (saved & 0xe0u) == 0xe0u) /* mask and ZMM registers */
        return ISA_AVX512;
    return ISA_AVX2;
}

int ff_engine_nchwc_block(void)
{
    return isa_of_cpu() == ISA_AVX512 ? 16 : 8;
}

const char *ff_engine_cpu(void)
{
    static const char *const names[] = {
        [ISA_SSE2] = "x86_64 sse2",
        [ISA_AVX] = "x86_64 avx",
        [ISA_AVX2] = "x86_64 avx2",
        [ISA_AVX512] = "x86_64 avx512",
    };
    return names[isa_of_cpu()];
}
#elif defined(__aarch64__)
int ff_engine_nchwc_block(void)
{
    return 16;
}

const char *ff_engine_cpu(void)
{
    return "aarch64 neon";
}
#else
int ff_engine_nchwc_block(void)
{
    return 1;
}

const char *ff_engine_cpu(void)
{
    return "generic";
}
#endif

int ff_engine_quota_parse(const char *text)
{
    char *end;
    long long quota = strtoll(text, &end, 10); /* "max" has no digits: 0 */
    long long period = strtoll(end, NULL, 10);
    if (quota <= 0 || period <= 0 || quota / period >= 1024)
        return 0;
    return (int)((quota + period - 1) / period);
}

static bool read_line(const char *path, char *text, int size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool got = fgets(text, size, file) != NULL;
    fclose(file);
    return got;
}

/* This process's folder below /sys/fs/cgroup, version 2 ("0::/a/b"); "" for the root. */
static void cgroup_folder(char *out, int size)
{
    char line[1024];
    FILE *file = fopen("/proc/self/cgroup", "re");
    out[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::/", 4) == 0 && strlen(line) > 4)
            snprintf(out, (size_t)size, "%s", line + 3);
    }
    if (file)
        fclose(file);
}

/* The tightest quota from this process's cgroup up to the root; 0 = none. */
static int cgroup_quota(void)
{
    char folder[1024], path[1200], text[128], period[64];
    int tightest = 0;
    cgroup_folder(folder, sizeof folder);
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", folder);
        int quota = read_line(path, text, sizeof text) ? ff_engine_quota_parse(text) : 0;
        if (quota && (!tightest || quota < tightest))
            tightest = quota;
        char *slash = strrchr(folder, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    if (!tightest && read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", text, sizeof text) &&
        read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, sizeof period)) {
        text[strcspn(text, "\n")] = ' ';
        strncat(text, period, sizeof text - strlen(text) - 1);
        tightest = ff_engine_quota_parse(text);
    }
    return tightest;
}

int ff_engine_cpus(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    int quota = cgroup_quota();
    if (quota && quota < count)
        count = quota;
    return count > 0 ? count : 1;
}
