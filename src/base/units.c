#include "base/units.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct unit {
    const char *name;
    double factor;
} unit;

static const unit SIZES[] = {{"", 1},     {"B", 1},      {"KB", 1e3},      {"MB", 1e6},
                             {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};
static const unit TIMES[] = {{"", 1e6},   {"ns", 1},  {"us", 1e3},
                             {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}};

/* A decimal number >= 0 and a unit of the table, below 2^53 units of 1. */
static ff_code parse(const char *text, const unit *units, size_t count, const char *wanted,
                     double *out, ff_err *err)
{
    char *end = NULL;
    errno = 0;
    double number = (*text >= '0' && *text <= '9') ? strtod(text, &end) : -1;
    if (number >= 0 && !errno && !memchr(text, 'x', (size_t)(end - text))) {
        for (size_t i = 0; i < count; i++) {
            if (!strcasecmp(end, units[i].name) && number * units[i].factor < 0x1p53) {
                *out = number * units[i].factor;
                return FF_OK;
            }
        }
    }
    return ff_err_set(err, FF_USAGE, "wanted %s, found '%.60s'", wanted, text);
}

ff_code ff_units_parse_bytes(const char *text, uint64_t *bytes, ff_err *err)
{
    double value = 0;
    ff_code code = parse(text, SIZES, sizeof SIZES / sizeof *SIZES,
                         "a size such as 800KB, 64MiB or 0", &value, err);
    if (!code)
        *bytes = (uint64_t)(value + 0.5);
    return code;
}

ff_code ff_units_parse_time(const char *text, int64_t *ns, ff_err *err)
{
    double value = 0;
    ff_code code = parse(text, TIMES, sizeof TIMES / sizeof *TIMES,
                         "a time such as 250ms, 3s or 2m", &value, err);
    if (!code)
        *ns = (int64_t)(value + 0.5);
    return code;
}

ff_code ff_units_parse_int(const char *text, int64_t lo, int64_t hi, int64_t *out, ff_err *err)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || *text == ' ' || value < lo || value > hi)
        return ff_err_set(err, FF_USAGE, "wanted a whole number from %lld to %lld, found '%.60s'",
                          (long long)lo, (long long)hi, text);
    *out = value;
    return FF_OK;
}

const char *ff_units_bytes(uint64_t bytes, char *text, size_t size)
{
    double b = (double)bytes;
    if (bytes < 1000)
        snprintf(text, size, "%llu B", (unsigned long long)bytes);
    else if (b < 999.95e3)
        snprintf(text, size, "%.1f KB", b / 1e3);
    else if (b < 999.995e6)
        snprintf(text, size, "%.2f MB", b / 1e6);
    else
        snprintf(text, size, "%.2f GB", b / 1e9);
    return text;
}

const char *ff_units_ns(int64_t ns, char *text, size_t size)
{
    double t = (double)ns;
    if (fabs(t) < 1e6)
        snprintf(text, size, "%.1f us", t / 1e3);
    else if (fabs(t) < 1e9)
        snprintf(text, size, "%.2f ms", t / 1e6);
    else
        snprintf(text, size, "%.2f s", t / 1e9);
    return text;
}
