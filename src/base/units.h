/*
 * Sizes and times as people write them: 800KB (1000), 64MiB (1024), 250ms, 3s; and back.
 */
#ifndef FF_BASE_UNITS_H
#define FF_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* "0", "8000", "8000B", "800KB", "1.5MB", "64MiB", "2GB", "2GiB". FF_USAGE otherwise. */
ff_code ff_units_parse_bytes(const char *text, uint64_t *bytes, ff_err *err);
/* "250ms", "1.5s", "2m", "80us"; a bare number is milliseconds. Into nanoseconds. */
ff_code ff_units_parse_time(const char *text, int64_t *ns, ff_err *err);
/* A whole decimal number within [lo, hi]. */
ff_code ff_units_parse_int(const char *text, int64_t lo, int64_t hi, int64_t *out, ff_err *err);
/* "793.6 KB", "1.73 MB", "128 B"; "0.52 ms", "1.27 s". Returns text. */
const char *ff_units_bytes(uint64_t bytes, char *text, size_t size);
const char *ff_units_ns(int64_t ns, char *text, size_t size);

#endif
