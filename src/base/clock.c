#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define NS_PER_MS 1000000

int64_t ff_clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t ff_clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / NS_PER_MS;
}

int64_t ff_clock_deadline_ms(int64_t from_now_ms)
{
    int64_t ns, deadline;
    if (__builtin_mul_overflow(from_now_ms, (int64_t)NS_PER_MS, &ns) ||
        __builtin_add_overflow(ff_clock_now_ns(), ns, &deadline))
        return FF_NEVER;
    return deadline;
}

int64_t ff_clock_left_ms(int64_t deadline_ns)
{
    if (deadline_ns == FF_NEVER)
        return INT32_MAX;
    int64_t left = deadline_ns - ff_clock_now_ns();
    if (left <= 0)
        return 0;
    left = (left + NS_PER_MS - 1) / NS_PER_MS;
    return left > INT32_MAX ? INT32_MAX : left;
}

int64_t ff_clock_from_epoch_ms(int64_t epoch_ms)
{
    int64_t now = ff_clock_wall_ms();
    if (epoch_ms < 1000000000000 || epoch_ms <= now)
        return FF_NEVER;
    return ff_clock_deadline_ms(epoch_ms - now);
}

int64_t ff_clock_to_epoch_ms(int64_t deadline_ns)
{
    if (deadline_ns == FF_NEVER)
        return 0;
    return ff_clock_wall_ms() + (deadline_ns - ff_clock_now_ns()) / NS_PER_MS;
}

static void format(int64_t epoch_ms, const char *pattern, char *text, size_t size)
{
    time_t seconds = (time_t)(epoch_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    if (!strftime(text, size, pattern, &tm) && size)
        text[0] = '\0';
}

void ff_clock_amz_date(int64_t epoch_ms, char *text, size_t size)
{
    format(epoch_ms, "%Y%m%dT%H%M%SZ", text, size);
}

void ff_clock_key_date(int64_t epoch_ms, char *text, size_t size)
{
    format(epoch_ms, "%Y-%m-%d_%Hh%Mm%Ss_UTC", text, size);
}

void ff_clock_iso(int64_t epoch_ms, char *text, size_t size)
{
    char seconds[32];
    format(epoch_ms, "%Y-%m-%dT%H:%M:%S", seconds, sizeof seconds);
    snprintf(text, size, "%s.%03dZ", seconds, (int)(epoch_ms % 1000));
}
