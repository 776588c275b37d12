/*
 * Time. Deadlines are absolute, on the monotonic clock, in nanoseconds; FF_NEVER is none.
 */
#ifndef FF_BASE_CLOCK_H
#define FF_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define FF_NEVER INT64_MAX

int64_t ff_clock_now_ns(void);                     /* CLOCK_MONOTONIC */
int64_t ff_clock_wall_ms(void);                    /* since the epoch */
int64_t ff_clock_deadline_ms(int64_t from_now_ms); /* saturates to FF_NEVER */
/* Milliseconds left until the deadline, at least 0; at most INT32_MAX. */
int64_t ff_clock_left_ms(int64_t deadline_ns);
/* An epoch-ms deadline (as Lambda gives) as a monotonic one; in the past or < 10^12: FF_NEVER. */
int64_t ff_clock_from_epoch_ms(int64_t epoch_ms);
int64_t ff_clock_to_epoch_ms(int64_t deadline_ns); /* FF_NEVER -> 0 */
static inline double ff_clock_ms(int64_t ns)
{
    return (double)ns / 1e6;
}
/* "20260101T000000Z" (SigV4), at least 17 bytes. */
void ff_clock_amz_date(int64_t epoch_ms, char *text, size_t size);
/* "2026-01-01_00h00m00s_UTC" (object keys), at least 25 bytes. */
void ff_clock_key_date(int64_t epoch_ms, char *text, size_t size);
/* "2026-01-01T00:00:00.000Z" */
void ff_clock_iso(int64_t epoch_ms, char *text, size_t size);

#endif
