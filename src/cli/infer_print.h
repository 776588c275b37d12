/*
 * How `fanfold infer` shows a reply: as JSON, or as a table of what every tensor did.
 */
#ifndef FF_CLI_INFER_PRINT_H
#define FF_CLI_INFER_PRINT_H

#include "cli/args.h"
#include "cli/emulation.h"
#include "client/client.h"

/* The comparison with --expect, where one was asked for. */
typedef struct ff_infer_diff {
    bool compared;
    bool ok;
    double max_abs_error, max_abs_reference; /* of the worst output */
} ff_infer_diff;

ff_code ff_infer_print(const ff_args *args, const ff_client_reply *reply,
                       const ff_cli_emulation *emulation, const ff_infer_diff *diff, ff_err *err);

#endif
