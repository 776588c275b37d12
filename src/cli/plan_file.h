/*
 * A plan as a user names it, with the model that it was made for.
 */
#ifndef FF_CLI_PLAN_FILE_H
#define FF_CLI_PLAN_FILE_H

#include "plan/plan.h"

/* The plan and the model that it names, checked against each other; the caller frees both.
 * FF_MISMATCH: the model is another file by now; FF_FORMAT: the plan does not fit it. */
ff_code ff_cli_load_plan(const char *path, ff_plan **plan, ff_graph **g, ff_err *err);

#endif
