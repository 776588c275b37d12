/*
 * Emulation, as the command line sees it: the flags of `fanfold up`, and what a platform tells of
 * it to those who report times.
 */
#ifndef FF_CLI_EMULATION_H
#define FF_CLI_EMULATION_H

#include "base/json.h"
#include "cli/args.h"
#include "client/client.h"
#include "local/local.h"

/* Rows of a verb's table. */
#define FF_CLI_EMULATION_FLAGS                                                                     \
    {"network", "PROFILE", "emulate this network and its CPUs: a profile's name or file", false},  \
        {"dilation", "auto|K",                                                                     \
         "slow all down K times, and divide what is reported (default auto)", false},              \
        {"seed", "N", "of what is drawn from the profile (default 1)", false},                     \
    {                                                                                              \
        "host-gmacs", "X", "GMAC/s of one CPU here (default: measured)", false                     \
    }

/* Reads the flags; measures this machine where --host-gmacs is not given. *profile is the caller's
 * and borrowed by options. */
ff_code ff_cli_emulation_options(const ff_args *args, ff_local_options *options,
                                 ff_net_profile **profile, ff_err *err);

/* What a platform says of itself; zeroed with dilation 1 where it says nothing. */
typedef struct ff_cli_emulation {
    bool emulated;
    char network[128]; /* "" = none */
    double dilation;
    bool cpu_shares;
} ff_cli_emulation;

/* Asks the platform at endpoint (NULL: AWS, which is not asked). Whoever does not know the question
 * emulates nothing. FF_UNAVAILABLE where nobody is there. */
ff_code ff_cli_emulation_ask(const char *endpoint, int64_t deadline_ns, ff_cli_emulation *out,
                             ff_err *err);
/* Divides the reply's times, those of its trace too, and marks the trace. */
ff_code ff_cli_emulation_apply(const ff_cli_emulation *e, ff_client_reply *reply, ff_err *err);
/* "emulated", "network", "dilation", "cpu_shares" */
void ff_cli_emulation_members(const ff_cli_emulation *e, yyjson_mut_doc *doc, yyjson_mut_val *to);
/* A line for people, or "". */
const char *ff_cli_emulation_text(const ff_cli_emulation *e, char *text, size_t size);

#endif
