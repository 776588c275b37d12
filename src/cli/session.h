/*
 * What `fanfold up` leaves for `fanfold infer`: where the platform listens and its credentials.
 *
 * One file, up.json, readable by its owner only, in $XDG_RUNTIME_DIR/fanfold, or where that is not
 * set in ~/.local/state/fanfold. The environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...) and
 * --endpoint win over it.
 */
#ifndef FF_CLI_SESSION_H
#define FF_CLI_SESSION_H

#include "net/sigv4.h"

typedef struct ff_cli_session {
    char endpoint[256];
    char region[64];
    char deployment[64]; /* the first that is served */
    int pid;             /* of `fanfold up` */
    ff_credentials credentials;
} ff_cli_session;

ff_code ff_cli_session_write(const ff_cli_session *session, ff_err *err);
/* Removes the file if it is still about that endpoint. */
void ff_cli_session_remove(const char *endpoint);
/* FF_NOT_FOUND where nothing is up. */
ff_code ff_cli_session_read(ff_cli_session *out, ff_err *err);
/* FF_UNAVAILABLE where the process that wrote it has ended without removing it. */
ff_code ff_cli_session_check(const ff_cli_session *session, ff_err *err);

#endif
