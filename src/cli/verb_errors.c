#include "cli/cli.h"

static ff_code print_markdown(ff_err *err)
{
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code =
        ff_buf_text(&out,
                    "# Errors and exit codes\n\n<!-- made by `fanfold errors`; a test "
                    "compares -->\n\n| code | meaning | exit code | HTTP status | retried "
                    "|\n|---|---|---|---|---|\n",
                    err);
    for (int c = 0; !code && c < FF_CODE_COUNT; c++)
        code =
            ff_buf_printf(&out, err, "| `%s` | %s | %d | %d | %s |\n", ff_code_name((ff_code)c),
                          ff_code_text((ff_code)c), ff_code_exit((ff_code)c),
                          ff_code_http((ff_code)c), ff_code_retryable((ff_code)c) ? "yes" : "no");
    if (!code)
        code = ff_cli_print(&out, err);
    ff_buf_clean(&out);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    if (!args->json)
        return print_markdown(err);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    yyjson_mut_doc_set_root(doc, list);
    for (int c = 0; c < FF_CODE_COUNT; c++) {
        yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, row, "code", ff_code_name((ff_code)c));
        yyjson_mut_obj_add_str(doc, row, "text", ff_code_text((ff_code)c));
        yyjson_mut_obj_add_int(doc, row, "exit", ff_code_exit((ff_code)c));
        yyjson_mut_obj_add_int(doc, row, "http", ff_code_http((ff_code)c));
        yyjson_mut_obj_add_bool(doc, row, "retryable", ff_code_retryable((ff_code)c));
    }
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

const ff_verb ff_verb_errors = {
    "errors", "errors", "list error codes and exit codes, as docs/errors.md has them",
    NULL,     NULL,     0,
    0,        run,
};
