/*
 * Between the files of manifest/ only.
 */
#ifndef FF_MANIFEST_MANIFEST_INT_H
#define FF_MANIFEST_MANIFEST_INT_H

#include "manifest/manifest.h"

#define FF_MANIFEST_FORMAT     1
#define FF_MANIFEST_MAX_BYTES  ((size_t)64 << 20) /* a stage of 64 pieces takes about 60 KB */
#define FF_MANIFEST_MAX_PROBE  4096
#define FF_MANIFEST_MAX_ALIVE  4096 /* tensors that cross one cut; U-Nets have about ten */
#define FF_MANIFEST_NAME_CHARS 40

/* What a reader of single members cannot see: names, regions, coverage, paths. */
ff_code ff_manifest_check(const ff_manifest *manifest, ff_err *err);

#endif
