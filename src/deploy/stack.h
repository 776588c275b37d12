/*
 * A deployment on AWS Lambda: its settings, the names of all that it consists of, and its
 * CloudFormation template.
 *
 *   stack      fanfold-<deployment>
 *   functions  <deployment>-master, <deployment>-w0, ...; the master's alias is `live`
 *   bucket     one that is given, or the stack's own; in it
 *              <prefix>/code/<deployment>/<sha256>.zip     what functions are made of
 *              <prefix>/requests/<deployment>/...          tensors, removed after a day
 */
#ifndef FF_DEPLOY_STACK_H
#define FF_DEPLOY_STACK_H

#include "deploy/package.h"

#define FF_STACK_ALIAS       "live"
#define FF_STACK_MAX_MEMORY  10240 /* MB, Lambda's */
#define FF_STACK_MAX_TIMEOUT 900   /* s, Lambda's */

typedef struct ff_stack_options {
    const char *name;   /* NULL = "fanfold-<deployment>" */
    const char *bucket; /* NULL = the stack's own, which CloudFormation names */
    const char *prefix; /* NULL = "fanfold" */
    int memory_mb;      /* of each function; 0 = 3008 */
    int timeout_s;      /* 0 = 60 */
    int provisioned;    /* instances that are kept ready, of each function; 0 = none */
    int log_days;       /* 0 = 14 */
} ff_stack_options;

typedef struct ff_stack {
    const char *name, *bucket, *prefix; /* bucket NULL: the stack's own */
    const char *requests;               /* "<prefix>/requests": before what functions write */
    const char *own;                    /* "<prefix>/requests/<deployment>/" */
    int memory_mb, timeout_s, provisioned, log_days;
    const ff_package *package;
    const char **key; /* a function: where its zip goes in the bucket */
} ff_stack;

/* Checks all names and figures against AWS's rules: FF_USAGE says what was wanted. FF_LIMIT for
 * more functions than one template can hold. package: zips; it must live as long as out. */
ff_code ff_stack_init(const ff_package *package, const ff_stack_options *options, ff_arena *arena,
                      ff_stack *out, ff_err *err);

/* The template as JSON, compact: what a stack may hold is counted in bytes. bucket_only: the first
 * step of a stack with its own bucket, which must be there before code can be put into it. */
ff_code ff_stack_template(const ff_stack *stack, bool bucket_only, ff_buf *json, ff_err *err);

#endif
