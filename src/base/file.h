/*
 * Files: whole reads, read-only mappings, and writes that are complete or absent.
 */
#ifndef FF_BASE_FILE_H
#define FF_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

typedef struct ff_map {
    const uint8_t *data; /* NULL for an empty file */
    size_t len;
} ff_map;

/* Maps a regular file read-only (MAP_PRIVATE). NOT_FOUND, DENIED, IO; a folder is IO. */
ff_code ff_file_map(const char *path, ff_map *map, ff_err *err);
void ff_file_unmap(ff_map *map); /* accepts zeroed memory, and twice */

/* Appends the whole file to buf; FF_LIMIT over max bytes. */
ff_code ff_file_read(const char *path, size_t max, ff_buf *buf, ff_err *err);

/* Writing: to path's temporary neighbour; commit renames it, abort removes it. */
typedef struct ff_out ff_out;
ff_code ff_out_open(const char *path, ff_out **out, ff_err *err);
ff_code ff_out_write(ff_out *out, const void *data, size_t len, ff_err *err);
ff_code ff_out_pad(ff_out *out, size_t align, ff_err *err); /* zeros up to a multiple of align */
uint64_t ff_out_position(const ff_out *out);
ff_code ff_out_commit(ff_out *out, ff_err *err); /* takes out, also on failure */
void ff_out_abort(ff_out *out);                  /* takes out; accepts NULL */
ff_code ff_file_write(const char *path, ff_bytes bytes, ff_err *err); /* open, write, commit */

ff_code ff_file_size(const char *path, uint64_t *size, ff_err *err);
bool ff_file_exists(const char *path);
ff_code ff_dir_make(const char *path, ff_err *err);   /* with parents; fine when it exists */
ff_code ff_dir_remove(const char *path, ff_err *err); /* with all in it; fine when absent */

/* Paths, into a caller's buffer of PATH_MAX bytes; FF_LIMIT where too long. */
ff_code ff_path_join(const char *dir, const char *name, char *out, ff_err *err);
ff_code ff_path_dir(const char *path, char *out, ff_err *err); /* "." where it has none */
const char *ff_path_base(const char *path);
/* name is relative, has no "..", no leading '/', no NUL: it stays inside its folder. */
bool ff_path_stays_inside(const char *name);

#endif
