/*
 * The shared libraries that a program is deployed with: all that its loader maps, but libc's own.
 */
#ifndef FF_CLI_LIBRARIES_H
#define FF_CLI_LIBRARIES_H

#include "base/err.h"
#include "base/mem.h"

#define FF_CLI_MAX_LIBRARIES 128

/* Asks the dynamic loader (LD_TRACE_LOADED_OBJECTS, which is what ldd does), so it blocks for some
 * ms; a program that the loader has nothing to say of (a static one, a script's interpreter aside)
 * has none. NULL-terminated absolute paths in arena memory. FF_IO, FF_TIMEOUT (5 s), FF_LIMIT. */
ff_code ff_cli_libraries(const char *program, ff_arena *arena, const char *const **out,
                         ff_err *err);

#endif
