/* Private to client/: the client itself, and reading the master's description. */
#ifndef FF_CLIENT_CLIENT_INT_H
#define FF_CLIENT_CLIENT_INT_H

#include "client/client.h"
#include "net/invoke.h"
#include "share/share.h"

struct ff_client {
    ff_arena *arena;
    ff_http *http;
    ff_invoker *invoker;
    ff_store *store;
    ff_share share;
    const char *master; /* the function's name */
    ff_client_about about;
};

/* Into arena memory. FF_FORMAT names the member at fault. */
ff_code ff_client_about_parse(ff_bytes json, ff_arena *arena, ff_client_about *out, ff_err *err);

#endif
