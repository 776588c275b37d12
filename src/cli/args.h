/*
 * The command line: verbs and flags as tables, from which parsing, --help and docs/cli.md come.
 *
 * "--name VALUE", "--name=VALUE", switches "--name", and positional arguments in any order; "--"
 * ends flags. Unknown flags, missing values and values given twice are FF_USAGE.
 */
#ifndef FF_CLI_ARGS_H
#define FF_CLI_ARGS_H

#include "base/buf.h"
#include "base/err.h"

#define FF_ARGS_MAX 256 /* words on a command line */

typedef struct ff_flag {
    const char *name;  /* without "--" */
    const char *value; /* what stands for it in --help; NULL = a switch */
    const char *help;
    bool many; /* may be given more than once */
} ff_flag;

typedef struct ff_args ff_args;

typedef struct ff_verb {
    const char *name;
    const char *usage;    /* "plan M.onnx -o plan.json [flags]" */
    const char *summary;  /* one line */
    const char *detail;   /* paragraphs for --help, or NULL */
    const ff_flag *flags; /* ends with a zeroed one; every verb has --help and --json besides */
    int positional_min, positional_max;
    ff_code (*run)(const ff_args *args, ff_err *err);
} ff_verb;

struct ff_args {
    const ff_verb *verb;
    bool json;
    bool help;
    int positional_count;
    const char *positional[FF_ARGS_MAX];
    int given_count;
    struct {
        const ff_flag *flag;
        const char *value;
    } given[FF_ARGS_MAX];
};

/* Parses the words behind the verb. "-o" is short for --output, "-h" for --help. */
ff_code ff_args_parse(const ff_verb *verb, int argc, char **argv, ff_args *out, ff_err *err);
const char *ff_args_value(const ff_args *args, const char *flag); /* NULL where not given */
bool ff_args_has(const ff_args *args, const char *flag);
/* The n-th value of a flag that may be given more than once; NULL behind the last. */
const char *ff_args_nth(const ff_args *args, const char *flag, int n);
/* A whole number; otherwise where not given. FF_USAGE names the flag. */
ff_code ff_args_int(const ff_args *args, const char *flag, int64_t lo, int64_t hi,
                    int64_t otherwise, int64_t *out, ff_err *err);
/* The value, or FF_USAGE "--output is required". */
ff_code ff_args_required(const ff_args *args, const char *flag, const char **out, ff_err *err);

/* --help of one verb, and the whole reference as Markdown. */
ff_code ff_args_help(const ff_verb *verb, ff_buf *out, ff_err *err);
ff_code ff_args_markdown(const ff_verb *const *verbs, int count, ff_buf *out, ff_err *err);

#endif
