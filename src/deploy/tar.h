/*
 * POSIX tar (ustar), the part of it that image layers need: folders and files of root's, at time 0.
 */
#ifndef FF_DEPLOY_TAR_H
#define FF_DEPLOY_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define FF_TAR_BLOCK     512
#define FF_TAR_MAX_BYTES ((uint64_t)8 << 30) /* exclusive: its size field has 11 octal digits */

/* The header of an entry; a folder's name ends with '/'. The file's bytes follow, filled up to a
 * whole block; two blocks of zeros end an archive. FF_LIMIT for a name over 255 bytes (or one that
 * has no '/' where it must be cut), or a size that does not fit. */
ff_code ff_tar_header(const char *name, uint64_t size, int mode, uint8_t block[FF_TAR_BLOCK],
                      ff_err *err);

#endif
