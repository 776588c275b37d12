#include "cli/cli.h"
#include "graph/op.h"

static const char *mark(bool yes)
{
    return yes ? "yes" : "";
}

static ff_code print_markdown(ff_err *err)
{
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = ff_buf_text(
        &out,
        "# Ops that splits pass\n\n<!-- made by `fanfold ops`; a test compares -->\n\n"
        "An op that is not here runs whole. Which axes may be cut: \"cut along\". A layer's "
        "weights "
        "are divided\nby `channel`, `pair` and `heads`. Pieces can have parts of a sum (`reduce`, "
        "`pair`, `heads`), and linear\nops pass such parts on; all others end the stage. More in "
        "[splitting](splitting.md).\n\n| op | cut along | layer | sum in parts | linear |\n"
        "|---|---|---|---|---|\n",
        err);
    for (int i = 0; !code && i < ff_op_count(); i++)
        code = ff_buf_printf(&out, err, "| %s | %s | %s | %s | %s |\n", ff_op_name(i),
                             ff_op_summary(i), mark(ff_op_is_layer(i)), mark(ff_op_is_sum(i)),
                             mark(ff_op_is_linear(i)));
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
    for (int i = 0; i < ff_op_count(); i++) {
        yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, row, "op", ff_op_name(i));
        yyjson_mut_obj_add_str(doc, row, "axes", ff_op_summary(i));
        yyjson_mut_obj_add_bool(doc, row, "layer", ff_op_is_layer(i));
        yyjson_mut_obj_add_bool(doc, row, "sum", ff_op_is_sum(i));
        yyjson_mut_obj_add_bool(doc, row, "linear", ff_op_is_linear(i));
    }
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

const ff_verb ff_verb_ops = {
    "ops", "ops", "list the ops that splits pass, as docs/ops.md has them", NULL, NULL, 0, 0, run,
};
