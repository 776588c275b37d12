/*
 * The profiles of the folder profiles/, built into the library (cmake/shipped.cmake).
 */
#ifndef FF_PROFILE_SHIPPED_H
#define FF_PROFILE_SHIPPED_H

#include "base/buf.h"

typedef struct ff_shipped {
    const char *kind; /* "network", "compute" */
    const char *name; /* "aws-lambda" */
    ff_bytes json;
} ff_shipped;

extern const ff_shipped FF_SHIPPED[];
extern const int FF_SHIPPED_COUNT;

/* NULL where there is none. */
const ff_shipped *ff_shipped_find(const char *kind, const char *name);
/* "aws-express, aws-lambda, ...": the names of a kind. Returns text, cut at its size. */
const char *ff_shipped_names(const char *kind, char *text, size_t size);

#endif
