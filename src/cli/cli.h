/*
 * What the verbs share: results to stdout, progress to stderr, and the verbs themselves.
 */
#ifndef FF_CLI_CLI_H
#define FF_CLI_CLI_H

#include "base/json.h"
#include "cli/args.h"
#include "engine/engine.h"
#include "graph/onnx.h"

extern const ff_verb ff_verb_zoo, ff_verb_inspect, ff_verb_profile, ff_verb_plan, ff_verb_simulate,
    ff_verb_build, ff_verb_verify, ff_verb_up, ff_verb_infer, ff_verb_package, ff_verb_deploy,
    ff_verb_undeploy, ff_verb_report, ff_verb_errors, ff_verb_ops;

/* All verbs, in the order of the help. */
const ff_verb *const *ff_verbs(int *count);
/* The program: returns the exit code. */
int ff_cli_main(int argc, char **argv);

/* Prints a buffer or a document (indented) to stdout; FF_NO_SPACE, FF_IO where it cannot. */
ff_code ff_cli_print(const ff_buf *text, ff_err *err);
ff_code ff_cli_print_json(yyjson_mut_doc *doc, ff_err *err);
ff_code ff_cli_printf(ff_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A progress line on stderr, drawn on a terminal only: "[ 3/12] what". */
void ff_cli_progress(void *user, int done, int all, const char *what);
void ff_cli_progress_end(void);

/* The --shape NAME=DIMS flags; names are arena memory. */
typedef struct ff_cli_shapes {
    int count;
    ff_onnx_shape shape[FF_ARGS_MAX];
} ff_cli_shapes;
ff_code ff_cli_read_shapes(const ff_args *args, ff_arena *arena, ff_cli_shapes *out, ff_err *err);
/* The file that a plan or manifest in `beside` names: relative to its folder. */
ff_code ff_cli_beside(const char *beside, const char *path, char *out, ff_err *err);
/* path as seen from the folder of `from` (both made absolute): "../m.onnx". */
ff_code ff_cli_relative(const char *path, const char *from, char *out, ff_err *err);

#endif
