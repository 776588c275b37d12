/*
 * A folder of results that is complete or absent: made as a temporary neighbour, then renamed.
 */
#ifndef FF_BASE_OUT_DIR_H
#define FF_BASE_OUT_DIR_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

typedef struct ff_out_dir {
    char dir[PATH_MAX];  /* without slashes at its end */
    char temp[PATH_MAX]; /* its neighbour while it is made: "<dir>.partial-<pid>" */
    bool replaces;
} ff_out_dir;

/* Where dir goes. One that exists is replaced only if the file `marker` is in it: FF_CONFLICT
 * "exists and is no <what>". FF_LIMIT for a path that is too long. Touches nothing. */
ff_code ff_out_dir_find(const char *dir, const char *marker, const char *what, ff_out_dir *out,
                        ff_err *err);
/* Makes temp, and removes what processes left that were killed. */
ff_code ff_out_dir_begin(const ff_out_dir *out, ff_err *err);
/* temp takes the place of dir; one that is replaced changes places with it, and then goes. */
ff_code ff_out_dir_commit(const ff_out_dir *out, ff_err *err);
void ff_out_dir_abort(const ff_out_dir *out); /* removes temp */

#endif
