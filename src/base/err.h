/*
 * Errors: one table, one struct.
 *
 * Every function that can fail returns an ff_code and fills a caller-owned ff_err, which may be
 * NULL. The layer that finds the fault sets it (what was wanted, what was found); outer layers
 * wrap it with context. Nothing here allocates or locks; an ff_err belongs to one thread.
 */
#ifndef FF_BASE_ERR_H
#define FF_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

/*  name, text, HTTP status, exit code, may a retry help
 *  docs/errors.md is generated from this table (fanfold errors --markdown). */
#define FF_CODES(X)                                                                                \
    X(OK, "ok", 200, 0, false)                                                                     \
    X(USAGE, "wrong use of the command line", 400, 2, false)                                       \
    X(FORMAT, "malformed input", 400, 3, false)                                                    \
    X(UNSUPPORTED, "valid, but not supported", 501, 4, false)                                      \
    X(NOT_FOUND, "not found", 404, 5, false)                                                       \
    X(IO, "file or network input/output failed", 500, 6, true)                                     \
    X(NO_SPACE, "no space left", 507, 7, false)                                                    \
    X(NO_MEMORY, "out of memory", 500, 8, false)                                                   \
    X(LIMIT, "over a limit", 413, 9, false)                                                        \
    X(DENIED, "access denied", 403, 10, false)                                                     \
    X(CONFLICT, "conflict", 409, 11, false)                                                        \
    X(BUSY, "busy", 429, 12, true)                                                                 \
    X(UNAVAILABLE, "unavailable", 503, 13, true)                                                   \
    X(TIMEOUT, "deadline passed", 504, 14, false)                                                  \
    X(CHECKSUM, "checksum mismatch", 422, 15, true)                                                \
    X(REMOTE, "a function failed", 502, 16, false)                                                 \
    X(MISMATCH, "results differ", 500, 17, false)                                                  \
    X(CANCELLED, "cancelled", 499, 18, false)                                                      \
    X(INTERNAL, "internal error", 500, 70, false)

typedef enum ff_code {
#define FF_CODE_ENUM(name, text, http, exit, retry) FF_##name,
    FF_CODES(FF_CODE_ENUM)
#undef FF_CODE_ENUM
        FF_CODE_COUNT
} ff_code;

typedef struct ff_err {
    ff_code code;
    char file[256];    /* the file or URL at fault, or "" */
    uint64_t position; /* byte offset in it; meaningful where has_position */
    bool has_position;
    char message[1024]; /* one sentence, outermost context first */
} ff_err;

const char *ff_code_name(ff_code code); /* "FORMAT" */
const char *ff_code_text(ff_code code);
int ff_code_http(ff_code code);
int ff_code_exit(ff_code code);
bool ff_code_retryable(ff_code code);
/* The code of that name; FF_INTERNAL where there is none. */
ff_code ff_code_from_name(const char *name);

/* Both set *err (if not NULL) and return code. */
ff_code ff_err_set(ff_err *err, ff_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
ff_code ff_err_at(ff_err *err, ff_code code, const char *file, uint64_t position, const char *fmt,
                  ...) __attribute__((format(printf, 5, 6)));
/* From errno: ENOENT -> NOT_FOUND, ENOSPC/EDQUOT -> NO_SPACE, EACCES/EPERM/EROFS -> DENIED,
 * ENOMEM -> NO_MEMORY, EADDRINUSE -> BUSY, ECONNREFUSED -> UNAVAILABLE, else IO. */
ff_code ff_err_errno(ff_err *err, int number, const char *file, const char *what);
/* "context: old message"; keeps code, file, position. Returns err->code (FF_INTERNAL for NULL). */
ff_code ff_err_wrap(ff_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sets err->file where it is empty. */
void ff_err_in_file(ff_err *err, const char *file);
/* "file:position: message" into text; always terminated. */
void ff_err_format(const ff_err *err, char *text, int size);

#endif
