#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

static ff_code print_verbs(ff_buf *out, ff_err *err);
static ff_code run_help(const ff_args *args, ff_err *err);

static const ff_flag HELP_FLAGS[] = {
    {"markdown", NULL, "print the whole reference as docs/cli.md has it", false},
    {0},
};
static const ff_verb VERB_HELP = {
    "help", "help [VERB]", "tell what the verbs do", NULL, HELP_FLAGS, 0, 1, run_help,
};

const ff_verb *const *ff_verbs(int *count)
{
    static const ff_verb *const VERBS[] = {
        &ff_verb_zoo,      &ff_verb_inspect, &ff_verb_profile, &ff_verb_plan,
        &ff_verb_simulate, &ff_verb_build,   &ff_verb_verify,  &ff_verb_up,
        &ff_verb_infer,    &ff_verb_package, &ff_verb_deploy,  &ff_verb_undeploy,
        &ff_verb_report,   &ff_verb_errors,  &ff_verb_ops,     &VERB_HELP,
    };
    *count = (int)(sizeof VERBS / sizeof *VERBS);
    return VERBS;
}

static const ff_verb *find_verb(const char *name)
{
    int count = 0;
    const ff_verb *const *verbs = ff_verbs(&count);
    for (int i = 0; i < count; i++)
        if (!strcmp(verbs[i]->name, name))
            return verbs[i];
    return NULL;
}

ff_code ff_cli_print(const ff_buf *text, ff_err *err)
{
    errno = 0;
    if (fwrite(text->data, 1, text->len, stdout) != text->len || fflush(stdout) != 0)
        return ff_err_errno(err, errno, "stdout", "cannot write the result");
    return FF_OK;
}

ff_code ff_cli_print_json(yyjson_mut_doc *doc, ff_err *err)
{
    ff_buf text;
    ff_buf_init(&text, 0);
    ff_code code = ff_json_emit(doc, true, &text, err);
    if (!code)
        code = ff_buf_text(&text, "\n", err);
    if (!code)
        code = ff_cli_print(&text, err);
    ff_buf_clean(&text);
    return code;
}

ff_code ff_cli_printf(ff_err *err, const char *fmt, ...)
{
    va_list args;
    errno = 0;
    va_start(args, fmt);
    int printed = vprintf(fmt, args);
    va_end(args);
    if (printed < 0 || fflush(stdout) != 0)
        return ff_err_errno(err, errno, "stdout", "cannot write the result");
    return FF_OK;
}

static ff_code print_verbs(ff_buf *out, ff_err *err)
{
    int count = 0;
    const ff_verb *const *verbs = ff_verbs(&count);
    ff_code code = ff_buf_printf(out, err,
                                 "fanfold %s: an ONNX model, computed by many functions\n\n"
                                 "usage: fanfold VERB ...   (fanfold VERB --help)\n\n",
                                 FF_VERSION);
    for (int i = 0; !code && i < count; i++)
        code = ff_buf_printf(out, err, "  %-9s %s\n", verbs[i]->name, verbs[i]->summary);
    return code;
}

/* [{"verb", "usage", "summary", "flags": [{"name", "value" (null: a switch), "help", "many"}]}] */
static ff_code print_help_json(const ff_verb *const *verbs, int count, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    yyjson_mut_doc_set_root(doc, list);
    for (int i = 0; i < count; i++) {
        yyjson_mut_val *verb = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, verb, "verb", verbs[i]->name);
        yyjson_mut_obj_add_str(doc, verb, "usage", verbs[i]->usage);
        yyjson_mut_obj_add_str(doc, verb, "summary", verbs[i]->summary);
        yyjson_mut_val *flags = yyjson_mut_obj_add_arr(doc, verb, "flags");
        for (const ff_flag *f = verbs[i]->flags; f && f->name; f++) {
            yyjson_mut_val *flag = yyjson_mut_arr_add_obj(doc, flags);
            yyjson_mut_obj_add_str(doc, flag, "name", f->name);
            yyjson_mut_obj_add_str(doc, flag, "value", f->value);
            yyjson_mut_obj_add_str(doc, flag, "help", f->help);
            yyjson_mut_obj_add_bool(doc, flag, "many", f->many);
        }
    }
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static ff_code run_help(const ff_args *args, ff_err *err)
{
    ff_buf out;
    ff_buf_init(&out, 0);
    int count = 0;
    const ff_verb *const *verbs = ff_verbs(&count);
    const ff_verb *verb = args->positional_count ? find_verb(args->positional[0]) : NULL;
    ff_code code = FF_OK;
    if (args->positional_count && !verb)
        code = ff_err_set(err, FF_USAGE, "unknown verb '%s'", args->positional[0]);
    else if (args->json && !ff_args_has(args, "markdown"))
        return verb ? print_help_json(&verb, 1, err) : print_help_json(verbs, count, err);
    else if (ff_args_has(args, "markdown"))
        code = ff_args_markdown(verbs, count, &out, err);
    else
        code = verb ? ff_args_help(verb, &out, err) : print_verbs(&out, err);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_buf_clean(&out);
    return code;
}

static ff_code run_verb(const ff_verb *verb, int argc, char **argv, ff_err *err)
{
    ff_args args;
    ff_code code = ff_args_parse(verb, argc, argv, &args, err);
    if (code)
        return code;
    if (!args.help)
        return verb->run(&args, err);
    ff_buf out;
    ff_buf_init(&out, 0);
    code = ff_args_help(verb, &out, err);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_buf_clean(&out);
    return code;
}

int ff_cli_main(int argc, char **argv)
{
    const char *format = getenv("FANFOLD_LOG");
    ff_log_init("fanfold", FF_LOG_INFO, format && !strcmp(format, "json"));
    signal(SIGPIPE, SIG_IGN);
    ff_err err = {0};
    ff_code code = FF_OK;
    const char *name = argc > 1 ? argv[1] : "help";
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        name = "help";
    const ff_verb *verb = find_verb(name);
    if (!strcmp(name, "--version"))
        code =
            ff_cli_printf(&err, "fanfold %s, ONNX Runtime %s\n", FF_VERSION, ff_engine_version());
    else if (verb)
        code = run_verb(verb, argc > 2 ? argc - 2 : 0, argv + 2, &err);
    else
        code = ff_err_set(&err, FF_USAGE, "unknown verb '%s' (see fanfold help)", name);
    ff_cli_progress_end();
    if (code) {
        char text[2048];
        ff_err_format(&err, text, sizeof text);
        ff_log(FF_LOG_ERROR, "%s", text);
    }
    return ff_code_exit(code);
}

static bool drawn;

void ff_cli_progress(void *user, int done, int all, const char *what)
{
    (void)user;
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[K[%3d/%d] %s", done, all, what);
    fflush(stderr);
    drawn = true;
}

void ff_cli_progress_end(void)
{
    if (drawn)
        fputs("\r\033[K", stderr);
    drawn = false;
}

ff_code ff_cli_read_shapes(const ff_args *args, ff_arena *arena, ff_cli_shapes *out, ff_err *err)
{
    const char *text;
    out->count = 0;
    for (; (text = ff_args_nth(args, "shape", out->count)); out->count++) {
        ff_onnx_shape *s = &out->shape[out->count];
        const char *equals = strchr(text, '=');
        if (!equals)
            return ff_err_set(err, FF_USAGE, "--shape: wanted NAME=DIMS, found '%s'", text);
        s->input = ff_arena_strndup(arena, text, (size_t)(equals - text));
        ff_code code = ff_shape_parse(equals + 1, &s->shape, err);
        if (code)
            return ff_err_wrap(err, "--shape %s", text);
    }
    return FF_OK;
}

ff_code ff_cli_beside(const char *beside, const char *path, char *out, ff_err *err)
{
    char dir[PATH_MAX];
    if (path[0] == '/')
        return ff_path_join("", path, out, err);
    ff_code code = ff_path_dir(beside, dir, err);
    return code ? code : ff_path_join(dir, path, out, err);
}

ff_code ff_cli_relative(const char *path, const char *from, char *out, ff_err *err)
{
    char dir[PATH_MAX], base[PATH_MAX], target[PATH_MAX];
    ff_code code = ff_path_dir(from, dir, err);
    if (code)
        return code;
    if (!realpath(dir, base))
        return ff_err_errno(err, errno, dir, "cannot find the folder");
    if (!realpath(path, target))
        return ff_err_errno(err, errno, path, "cannot find");
    size_t same = 0, slash = 0;
    strcat(base, strcmp(base, "/") ? "/" : "");
    for (; base[same] && base[same] == target[same]; same++)
        if (base[same] == '/')
            slash = same + 1;
    ff_buf text;
    ff_buf_init(&text, PATH_MAX - 1);
    for (const char *p = base + slash; !code && *p; p++)
        if (*p == '/')
            code = ff_buf_text(&text, "../", err);
    if (!code)
        code = ff_buf_text(&text, target + slash, err);
    if (!code) {
        memcpy(out, text.data, text.len);
        out[text.len] = '\0';
    }
    ff_buf_clean(&text);
    return code;
}
