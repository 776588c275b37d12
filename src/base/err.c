#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *text;
    int http;
    int exit;
    bool retryable;
} CODES[] = {
#define FF_CODE_ROW(name, text, http, exit, retry) {#name, text, http, exit, retry},
    FF_CODES(FF_CODE_ROW)
#undef FF_CODE_ROW
};

const char *ff_code_name(ff_code code)
{
    return code < FF_CODE_COUNT ? CODES[code].name : "INTERNAL";
}

const char *ff_code_text(ff_code code)
{
    return code < FF_CODE_COUNT ? CODES[code].text : "internal error";
}

int ff_code_http(ff_code code)
{
    return code < FF_CODE_COUNT ? CODES[code].http : 500;
}

int ff_code_exit(ff_code code)
{
    return code < FF_CODE_COUNT ? CODES[code].exit : 70;
}

bool ff_code_retryable(ff_code code)
{
    return code < FF_CODE_COUNT && CODES[code].retryable;
}

ff_code ff_code_from_name(const char *name)
{
    for (int i = 0; i < FF_CODE_COUNT; i++)
        if (!strcmp(CODES[i].name, name))
            return (ff_code)i;
    return FF_INTERNAL;
}

static void fill(ff_err *err, ff_code code, const char *fmt, va_list args)
{
    err->code = code;
    err->file[0] = '\0';
    err->position = 0;
    err->has_position = false;
    vsnprintf(err->message, sizeof err->message, fmt, args);
}

ff_code ff_err_set(ff_err *err, ff_code code, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, code, fmt, args);
        va_end(args);
    }
    return code;
}

ff_code ff_err_at(ff_err *err, ff_code code, const char *file, uint64_t position, const char *fmt,
                  ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        fill(err, code, fmt, args);
        va_end(args);
        ff_err_in_file(err, file);
        err->position = position;
        err->has_position = true;
    }
    return code;
}

static ff_code code_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return FF_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return FF_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return FF_DENIED;
    case ENOMEM:
        return FF_NO_MEMORY;
    case EADDRINUSE:
        return FF_BUSY;
    case ECONNREFUSED:
        return FF_UNAVAILABLE;
    default:
        return FF_IO;
    }
}

ff_code ff_err_errno(ff_err *err, int number, const char *file, const char *what)
{
    char text[128];
    ff_code code = code_of_errno(number);
    ff_err_set(err, code, "%s: %s", what, strerror_r(number, text, sizeof text));
    ff_err_in_file(err, file);
    return code;
}

ff_code ff_err_wrap(ff_err *err, const char *fmt, ...)
{
    if (!err)
        return FF_INTERNAL;
    char context[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(context, sizeof context, fmt, args);
    va_end(args);
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    int used = snprintf(err->message, sizeof err->message, "%s: ", context);
    snprintf(err->message + used, sizeof err->message - (size_t)used, "%s", old);
    return err->code;
}

void ff_err_in_file(ff_err *err, const char *file)
{
    if (err && file && !err->file[0])
        snprintf(err->file, sizeof err->file, "%s", file);
}

void ff_err_format(const ff_err *err, char *text, int size)
{
    const char *colon = err->file[0] ? ": " : "";
    if (err->has_position && err->file[0])
        snprintf(text, (size_t)size, "%s: byte %llu: %s", err->file,
                 (unsigned long long)err->position, err->message);
    else if (err->has_position)
        snprintf(text, (size_t)size, "byte %llu: %s", (unsigned long long)err->position,
                 err->message);
    else
        snprintf(text, (size_t)size, "%s%s%s", err->file, colon, err->message);
}
