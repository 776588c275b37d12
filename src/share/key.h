/*
 * Keys of objects in the store:
 *
 *   <prefix>/<deployment>/<YYYY-MM-DD_HHhMMmSSs_UTC>/<request-id>/<stage>/<function>/input.npy
 *
 * (output.npy; with several tensors input.<name>.npy). The paper's, with a prefix in front and no
 * blanks: unique under concurrency, and legible. What the client and the master exchange lies in
 * stage "client". Of a tensor's name, bytes other than A-Za-z0-9-_. become '_', and a name so
 * changed, or longer than 64 bytes, gets the CRC-32C of the true one behind it.
 */
#ifndef FF_SHARE_KEY_H
#define FF_SHARE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"

#define FF_KEY_TEXT     (FF_MAX_KEY + 1) /* room for a key or a folder */
#define FF_STAGE_CLIENT (-1)

typedef enum ff_direction { FF_INPUT, FF_OUTPUT } ff_direction;

/* Where a request's objects lie. Strings are borrowed. */
typedef struct ff_key_place {
    const char *prefix; /* "" = none */
    const char *deployment;
    const char *timestamp;
    const char *request_id;
    int stage; /* or FF_STAGE_CLIENT */
    const char *function;
} ff_key_place;

/* The key of a tensor; single: it is the only one of its direction. FF_LIMIT over FF_MAX_KEY. */
ff_code ff_key_make(const ff_key_place *place, ff_direction direction, const char *name,
                    bool single, char out[FF_KEY_TEXT], ff_err *err);
/* The folder, with its '/', of a deployment (what a function may read at all), and of one
 * request. FF_LIMIT over FF_MAX_KEY. */
ff_code ff_key_deployment_folder(const char *prefix, const char *deployment, char out[FF_KEY_TEXT],
                                 ff_err *err);
ff_code ff_key_request_folder(const ff_key_place *place, char out[FF_KEY_TEXT], ff_err *err);
/* key lies in folder and has no empty, "." or ".." part. FF_DENIED otherwise. */
ff_code ff_key_check_inside(const char *key, const char *folder, ff_err *err);
/* The same, and it is a client's: <folder><timestamp>/<request-id>/client/<function>/<file>. So
 * a client cannot name, and have read and removed, what another request is working on. */
ff_code ff_key_check_client(const char *key, const char *folder, ff_err *err);

/* Request ids: 1 to 64 of A-Za-z0-9-_. and not "." or "..". FF_FORMAT otherwise. */
ff_code ff_key_check_request_id(const char *id, ff_err *err);
/* Timestamps as ff_clock_key_date writes them (24 bytes). */
ff_code ff_key_check_timestamp(const char *timestamp, ff_err *err);
/* Prefixes: "" or parts of A-Za-z0-9-_. between single '/'; at most 200 bytes. */
ff_code ff_key_check_prefix(const char *prefix, ff_err *err);

#endif
