#include "cli/args.h"

#include <string.h>

#include "base/units.h"

static const ff_flag COMMON[] = {
    {"json", NULL, "print the result as one JSON object", false},
    {"help", NULL, "print this help", false},
};
#define COMMON_COUNT (sizeof COMMON / sizeof *COMMON)

static const ff_flag *find_flag(const ff_verb *verb, const char *name, size_t len)
{
    for (const ff_flag *f = verb->flags; f && f->name; f++)
        if (strlen(f->name) == len && !memcmp(f->name, name, len))
            return f;
    for (size_t i = 0; i < COMMON_COUNT; i++)
        if (strlen(COMMON[i].name) == len && !memcmp(COMMON[i].name, name, len))
            return &COMMON[i];
    return NULL;
}

/* Takes the flag at argv[*at], and its value, which may be the next word. */
static ff_code take_flag(ff_args *args, int argc, char **argv, int *at, ff_err *err)
{
    const char *word = argv[*at];
    if (!strcmp(word, "-o"))
        word = "--output";
    if (!strcmp(word, "-h"))
        word = "--help";
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const ff_flag *flag = len > 2 ? find_flag(args->verb, word + 2, len - 2) : NULL;
    if (!flag || word[1] != '-')
        return ff_err_set(err, FF_USAGE, "%s: unknown flag '%.*s' (see fanfold %s --help)",
                          args->verb->name, (int)len, word, args->verb->name);
    const char *value = equals ? equals + 1 : NULL;
    if (flag->value && !value) {
        if (*at + 1 >= argc)
            return ff_err_set(err, FF_USAGE, "--%s: wanted a value (%s), found none", flag->name,
                              flag->value);
        value = argv[++*at];
    } else if (!flag->value && value) {
        return ff_err_set(err, FF_USAGE, "--%s takes no value, found '%s'", flag->name, value);
    }
    for (int i = 0; i < args->given_count; i++)
        if (args->given[i].flag == flag && !flag->many)
            return ff_err_set(err, FF_USAGE, "--%s is given twice", flag->name);
    args->given[args->given_count].flag = flag;
    args->given[args->given_count++].value = value ? value : "";
    return FF_OK;
}

ff_code ff_args_parse(const ff_verb *verb, int argc, char **argv, ff_args *out, ff_err *err)
{
    *out = (ff_args){.verb = verb};
    if (argc > FF_ARGS_MAX)
        return ff_err_set(err, FF_USAGE, "%d words on the command line, at most %d", argc,
                          FF_ARGS_MAX);
    bool only_positional = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!only_positional && !strcmp(word, "--")) {
            only_positional = true;
        } else if (only_positional || word[0] != '-' || !word[1]) {
            out->positional[out->positional_count++] = word;
        } else {
            ff_code code = take_flag(out, argc, argv, &i, err);
            if (code)
                return code;
        }
    }
    out->json = ff_args_has(out, "json");
    out->help = ff_args_has(out, "help");
    if (out->help)
        return FF_OK;
    if (out->positional_count < verb->positional_min)
        return ff_err_set(err, FF_USAGE, "too few arguments; usage: fanfold %s", verb->usage);
    if (out->positional_count > verb->positional_max)
        return ff_err_set(err, FF_USAGE, "unexpected argument '%s'; usage: fanfold %s",
                          out->positional[verb->positional_max], verb->usage);
    return FF_OK;
}

const char *ff_args_nth(const ff_args *args, const char *flag, int n)
{
    for (int i = 0; i < args->given_count; i++)
        if (!strcmp(args->given[i].flag->name, flag) && n-- == 0)
            return args->given[i].value;
    return NULL;
}

const char *ff_args_value(const ff_args *args, const char *flag)
{
    return ff_args_nth(args, flag, 0);
}

bool ff_args_has(const ff_args *args, const char *flag)
{
    return ff_args_value(args, flag) != NULL;
}

ff_code ff_args_int(const ff_args *args, const char *flag, int64_t lo, int64_t hi,
                    int64_t otherwise, int64_t *out, ff_err *err)
{
    const char *text = ff_args_value(args, flag);
    if (!text) {
        *out = otherwise;
        return FF_OK;
    }
    ff_code code = ff_units_parse_int(text, lo, hi, out, err);
    return code ? ff_err_wrap(err, "--%s", flag) : FF_OK;
}

ff_code ff_args_required(const ff_args *args, const char *flag, const char **out, ff_err *err)
{
    const char *value = ff_args_value(args, flag);
    if (!value)
        return ff_err_set(err, FF_USAGE, "--%s is required; usage: fanfold %s", flag,
                          args->verb->usage);
    *out = value;
    return FF_OK;
}

static ff_code help_flag(const ff_flag *f, ff_buf *out, ff_err *err)
{
    return ff_buf_printf(out, err, "  --%s%s%s%*s %s%s\n", f->name, f->value ? " " : "",
                         f->value ? f->value : "",
                         (int)(22 - strlen(f->name) - (f->value ? strlen(f->value) + 1 : 0)) > 0
                             ? (int)(22 - strlen(f->name) - (f->value ? strlen(f->value) + 1 : 0))
                             : 0,
                         "", f->help, f->many ? " (may be given more than once)" : "");
}

ff_code ff_args_help(const ff_verb *verb, ff_buf *out, ff_err *err)
{
    ff_code code =
        ff_buf_printf(out, err, "usage: fanfold %s\n\n%s.\n\n", verb->usage, verb->summary);
    if (!code && verb->detail)
        code = ff_buf_printf(out, err, "%s\n\n", verb->detail);
    for (const ff_flag *f = verb->flags; !code && f && f->name; f++)
        code = help_flag(f, out, err);
    for (size_t i = 0; !code && i < COMMON_COUNT; i++)
        code = help_flag(&COMMON[i], out, err);
    return code;
}

ff_code ff_args_markdown(const ff_verb *const *verbs, int count, ff_buf *out, ff_err *err)
{
    ff_code code = ff_buf_text(out,
                               "# Command line\n\n<!-- made by `fanfold help --markdown`; a test "
                               "compares -->\n",
                               err);
    for (int i = 0; !code && i < count; i++) {
        code = ff_buf_printf(out, err, "\n## fanfold %s\n\n```\n", verbs[i]->name);
        if (!code)
            code = ff_args_help(verbs[i], out, err);
        if (!code)
            code = ff_buf_text(out, "```\n", err);
    }
    return code;
}
