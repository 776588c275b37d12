/*
 * The shared libraries that a program is deployed with: all that its dynamic loader would map,
 * glibc's and the loader too, found by reading the files, so that another architecture's work.
 */
#ifndef FF_DEPLOY_LIBRARIES_H
#define FF_DEPLOY_LIBRARIES_H

#include "base/err.h"
#include "base/mem.h"

#define FF_MAX_LIBRARIES 128

typedef struct ff_library {
    const char *name; /* as it is asked for: "libcurl.so.4" */
    const char *path;
} ff_library;

typedef struct ff_libraries {
    int machine; /* of the program: EM_X86_64 ... */
    int count;   /* sorted by name */
    ff_library library[FF_MAX_LIBRARIES];
    const char *loader; /* the loader's name, one of the libraries */
} ff_libraries;

/* Looks in each file's run path, then in dirs (NULL-terminated, or NULL), then in Debian's and the
 * usual folders, all of them below root ("" = this machine's); a file of another machine is passed
 * over, as the loader does. What glibc opens by itself is in: libgcc_s (a thread is cancelled), and
 * before 2.34 the resolver's plugins. Memory is the arena's. FF_NOT_FOUND names the library and who
 * needs it; FF_UNSUPPORTED for a static program; FF_FORMAT, FF_LIMIT. */
ff_code ff_libraries_find(const char *program, const char *root, const char *const *dirs,
                          ff_arena *arena, ff_libraries *out, ff_err *err);

#endif
