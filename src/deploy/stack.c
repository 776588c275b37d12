#include "deploy/stack.h"

#include <string.h>

#include "base/limits.h"
#include "deploy/stack_int.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Of 500 resources that a template may hold: four a function, and what all share. */
#define MAX_FUNCTIONS     123
#define MAX_FUNCTION_NAME 64
#define DEFAULT_MEMORY_MB 3008 /* the most that every account may use */
#define DEFAULT_TIMEOUT_S 60
#define DEFAULT_LOG_DAYS  14

static bool all_of(const char *text, const char *alphabet)
{
    return strspn(text, alphabet) == strlen(text);
}

static ff_code check_stack_name(const char *name, ff_err *err)
{
    size_t len = strlen(name);
    if (len >= 1 && len <= 128 && strchr(LOWER UPPER, name[0]) &&
        all_of(name, LOWER UPPER DIGITS "-"))
        return FF_OK;
    return ff_err_set(err, FF_USAGE,
                      "a stack's name begins with a letter and has 1 to 128 of A-Za-z0-9-, found "
                      "'%.140s': name one with --stack",
                      name);
}

static ff_code check_bucket(const char *bucket, ff_err *err)
{
    size_t len = strlen(bucket);
    if (len >= 3 && len <= 63 && all_of(bucket, LOWER DIGITS ".-") &&
        strchr(LOWER DIGITS, bucket[0]) && strchr(LOWER DIGITS, bucket[len - 1]) &&
        !strstr(bucket, ".."))
        return FF_OK;
    return ff_err_set(
        err, FF_USAGE,
        "a bucket's name has 3 to 63 of a-z0-9.- and begins and ends with a letter or "
        "digit, found '%.100s'",
        bucket);
}

static ff_code check_prefix(const char *prefix, ff_err *err)
{
    size_t len = strlen(prefix);
    if (len >= 1 && len <= 200 && all_of(prefix, LOWER UPPER DIGITS "-_/") && prefix[0] != '/' &&
        prefix[len - 1] != '/' && !strstr(prefix, "//"))
        return FF_OK;
    return ff_err_set(err, FF_USAGE,
                      "a prefix has 1 to 200 of A-Za-z0-9-_ and '/' in between, found '%.220s'",
                      prefix);
}

static ff_code check_functions(const ff_package *package, ff_err *err)
{
    if (strcmp(package->target, "lambda-zip") != 0)
        return ff_err_set(err, FF_UNSUPPORTED, "a stack is made of zips, found a package for '%s'",
                          package->target);
    if (package->count > MAX_FUNCTIONS)
        return ff_err_set(err, FF_LIMIT,
                          "the deployment has %d functions, one stack holds at most %d",
                          package->count, MAX_FUNCTIONS);
    for (int i = 0; i < package->count; i++) {
        const char *name = package->function[i].name;
        if (strlen(name) > MAX_FUNCTION_NAME || !all_of(name, LOWER UPPER DIGITS "-_"))
            return ff_err_set(err, FF_USAGE,
                              "a function's name has at most %d of A-Za-z0-9-_, found '%.100s': "
                              "build the bundle with a shorter --name",
                              MAX_FUNCTION_NAME, name);
    }
    return FF_OK;
}

static ff_code check_number(const char *what, int value, int lo, int hi, ff_err *err)
{
    if (value >= lo && value <= hi)
        return FF_OK;
    return ff_err_set(err, FF_USAGE, "%s: wanted %d to %d, found %d", what, lo, hi, value);
}

static ff_code check(const ff_stack *s, ff_err *err)
{
    ff_code code = check_functions(s->package, err);
    if (!code)
        code = check_stack_name(s->name, err);
    if (!code && s->bucket)
        code = check_bucket(s->bucket, err);
    if (!code)
        code = check_prefix(s->prefix, err);
    if (!code)
        code = check_number("memory in MB", s->memory_mb, 128, FF_STACK_MAX_MEMORY, err);
    if (!code)
        code = check_number("time-out in seconds", s->timeout_s, 1, FF_STACK_MAX_TIMEOUT, err);
    if (!code)
        code = check_number("provisioned instances", s->provisioned, 0, 10000, err);
    return code;
}

ff_code ff_stack_init(const ff_package *package, const ff_stack_options *o, ff_arena *arena,
                      ff_stack *out, ff_err *err)
{
    const char *prefix = o->prefix ? o->prefix : "fanfold";
    ff_stack s = {
        .name = o->name ? ff_arena_strdup(arena, o->name)
                        : ff_arena_printf(arena, "fanfold-%s", package->deployment),
        .bucket = o->bucket ? ff_arena_strdup(arena, o->bucket) : NULL,
        .prefix = ff_arena_strdup(arena, prefix),
        .requests = ff_arena_printf(arena, "%s/requests", prefix),
        .own = ff_arena_printf(arena, "%s/requests/%s/", prefix, package->deployment),
        .memory_mb = o->memory_mb ? o->memory_mb : DEFAULT_MEMORY_MB,
        .timeout_s = o->timeout_s ? o->timeout_s : DEFAULT_TIMEOUT_S,
        .provisioned = o->provisioned,
        .log_days = o->log_days ? o->log_days : DEFAULT_LOG_DAYS,
        .package = package,
    };
    ff_code code = check(&s, err);
    if (code)
        return code;
    s.key = ff_arena_array(arena, (size_t)package->count, sizeof *s.key);
    for (int i = 0; i < package->count; i++)
        s.key[i] = ff_arena_printf(arena, "%s/code/%s/%s.zip", prefix, package->deployment,
                                   package->function[i].sha256);
    *out = s;
    return FF_OK;
}
