/*
 * Profiles as a user names them: a file, or one that is built in.
 */
#ifndef FF_CLI_PROFILES_H
#define FF_CLI_PROFILES_H

#include "profile/compute.h"
#include "profile/network.h"

/* named: a shipped profile's name ("aws-lambda"), else a file's path. FF_NOT_FOUND lists the names;
 * FF_FORMAT names file and member. */
ff_code ff_cli_network_profile(const char *named, ff_net_profile **out, ff_err *err);
ff_code ff_cli_compute_profile(const char *named, ff_compute_profile **out, ff_err *err);

#endif
