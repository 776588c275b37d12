/*
 * Programs and files of fanfold's own that verbs need.
 */
#ifndef FF_CLI_PROGRAMS_H
#define FF_CLI_PROGRAMS_H

#include "base/err.h"

/* name in dir, or where dir is NULL beside this program. path has PATH_MAX bytes. */
ff_code ff_cli_program(const char *dir, const char *name, char *path, ff_err *err);
/* $FANFOLD_FUNCTION_PROGRAM, or fanfold-function beside this program. */
ff_code ff_cli_function_program(char *path, ff_err *err);
/* The certificates of the authorities that this machine trusts, one PEM file. FF_NOT_FOUND. */
ff_code ff_cli_ca_bundle(const char **path, ff_err *err);

#endif
