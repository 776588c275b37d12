/*
 * A layer of an image: files as a gzipped tar, stored under the SHA-256 of its bytes.
 */
#ifndef FF_DEPLOY_LAYER_H
#define FF_DEPLOY_LAYER_H

#include "base/hash.h"
#include "deploy/pack.h"

typedef struct ff_layer {
    char digest[FF_SHA256_HEX];  /* of the blob: its name */
    char diff_id[FF_SHA256_HEX]; /* of the tar inside */
    uint64_t bytes;              /* of the blob */
} ff_layer;

/* Writes dir/<digest>: the count files, each below root ("var/task"), with the folders that they
 * lie in. fast: for what hardly shrinks. Reads each file once, a part at a time. */
ff_code ff_layer_write(const char *dir, const char *root, const ff_pack_file *const *files,
                       int count, bool fast, ff_layer *out, ff_err *err);

#endif
