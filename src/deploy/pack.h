/*
 * What a function is deployed with, file by file, in an order and with modes of its own: the same
 * bundle and programs give the same list on every machine.
 *
 *   bootstrap                0755  static; what the platform starts (deploy/bootstrap/main.c)
 *   ca-certificates.crt
 *   environment                    what this function is: FANFOLD_FUNCTION, FANFOLD_LOADER
 *   fanfold-function         0755
 *   lib/...                  0755  every shared library, glibc's, and the loader
 *   manifest.json, s0/p0.onnx, s0/weights.bin, ...    its own pieces, a weights file once
 */
#ifndef FF_DEPLOY_PACK_H
#define FF_DEPLOY_PACK_H

#include "manifest/manifest.h"

typedef enum ff_pack_part { FF_PACK_RUNTIME, FF_PACK_LIBRARY, FF_PACK_PIECE } ff_pack_part;

typedef struct ff_pack_file {
    const char *name; /* in the package */
    const char *path; /* where it is; NULL: its contents are bytes */
    ff_bytes bytes;
    uint64_t size;
    int mode; /* 0755 or 0644 */
    ff_pack_part part;
} ff_pack_file;

typedef struct ff_pack {
    const char *function; /* "w0" */
    const char *name;     /* "<deployment>-w0" */
    int count;
    ff_pack_file *file;
    uint64_t bytes;         /* of all files, unpacked */
    uint64_t part_bytes[3]; /* by ff_pack_part */
} ff_pack;

typedef struct ff_pack_options {
    const char *arch;                /* "x86_64", "arm64"; NULL = the bundle's */
    const char *program;             /* fanfold-function */
    const char *bootstrap;           /* fanfold-bootstrap */
    const char *ca_bundle;           /* a PEM file */
    const char *root;                /* where libraries are looked for; NULL = this machine's */
    const char *const *library_dirs; /* before the usual ones, or NULL */
} ff_pack_options;

/* All functions of a bundle, in the manifest's order; memory is the arena's. FF_NOT_FOUND for a
 * file that is missing, FF_UNSUPPORTED where bundle, program and arch are of different
 * architectures, and as ff_libraries_find. */
ff_code ff_pack_all(const ff_manifest *manifest, const ff_pack_options *options, ff_arena *arena,
                    ff_pack **out, ff_err *err);
/* FF_LIMIT names the function, its figure and what it consists of. */
ff_code ff_pack_check_size(const ff_pack *pack, uint64_t max_bytes, const char *advice,
                           ff_err *err);

/* The files of a pack one after another, without holding one whole in memory. */
typedef ff_code (*ff_pack_sink)(void *user, const void *data, size_t len, ff_err *err);
/* FF_CONFLICT where a file has not the size that it had when it was listed. */
ff_code ff_pack_read(const ff_pack_file *file, ff_pack_sink sink, void *user, ff_err *err);

#endif
