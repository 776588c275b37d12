/*
 * The flags that say what packages are made of.
 */
#ifndef FF_CLI_PACKAGING_H
#define FF_CLI_PACKAGING_H

#include <limits.h>

#include "cli/args.h"
#include "deploy/pack.h"

/* Rows of a verb's table. */
#define FF_CLI_PACKAGING_FLAGS                                                                     \
    {"arch", "A", "x86_64 or arm64 (default: the bundle's)", false},                               \
        {"runtime", "DIR",                                                                         \
         "where fanfold-function and fanfold-bootstrap are, and in lib/ libraries of another "     \
         "architecture (default: beside fanfold)",                                                 \
         false},                                                                                   \
    {                                                                                              \
        "ca-bundle", "PEM", "authorities that functions trust (default: this machine's)", false    \
    }

typedef struct ff_cli_packaging {
    ff_pack_options options; /* borrows from the rest, and from args */
    char program[PATH_MAX], bootstrap[PATH_MAX], libraries[PATH_MAX];
    const char *dirs[2];
} ff_cli_packaging;

ff_code ff_cli_packaging_read(const ff_args *args, ff_cli_packaging *out, ff_err *err);

#endif
