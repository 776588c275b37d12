/*
 * Packages of a bundle, written into a folder which is complete or absent.
 *
 *   DIR/package.json       what is in it: the marker by which such a folder is known
 *   DIR/<name>.zip         lambda-zip: one a function
 *   DIR/oci-layout ...     image: an OCI image layout with one image a function
 *
 * Equal inputs give equal bytes: times, order and modes are fixed, nothing of the machine is in.
 */
#ifndef FF_DEPLOY_PACKAGE_H
#define FF_DEPLOY_PACKAGE_H

#include "deploy/pack.h"

typedef struct ff_packaged {
    const char *function, *name; /* "w0", "ocr-w0" */
    const char *file;            /* in the folder: the zip, or the image's manifest */
    uint64_t bytes;              /* of the zip; of the image's layers, shared ones counted fully */
    uint64_t unpacked_bytes;
    char sha256[65]; /* of the file */
} ff_packaged;

typedef struct ff_package {
    const char *deployment, *target;
    char arch[32];
    int count;
    ff_packaged *function;
} ff_package;

/* For each package that begins. */
typedef void (*ff_package_progress)(void *user, int done, int all, const char *what);

/* A zip a function, at most FF_LAMBDA_PACKAGE_BYTES unpacked each, or none is written at all.
 * Memory of out is the arena's. FF_LIMIT, FF_CONFLICT (dir is something else), FF_IO; and as
 * ff_pack_all. */
ff_code ff_package_zip(const ff_manifest *manifest, const ff_pack_options *options, const char *dir,
                       ff_package_progress progress, void *user, ff_arena *arena, ff_package *out,
                       ff_err *err);

/* An image a function, at most FF_LAMBDA_IMAGE_BYTES unpacked each; as ff_package_zip otherwise. */
ff_code ff_package_image(const ff_manifest *manifest, const ff_pack_options *options,
                         const char *dir, ff_package_progress progress, void *user, ff_arena *arena,
                         ff_package *out, ff_err *err);

/* {"deployment", "target", "arch", "functions": [{"function", "name", "file", "bytes",
 *  "unpacked_bytes", "sha256"}]}, indented. */
ff_code ff_package_emit(const ff_package *package, ff_buf *json, ff_err *err);

#endif
