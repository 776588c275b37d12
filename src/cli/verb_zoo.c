#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/units.h"
#include "cli/cli.h"
#include "graph/onnx.h"
#include "zoo/zoo.h"

static const ff_flag FLAGS[] = {
    {"output", "M.onnx", "where to write the model (-o)", false},
    {"list", NULL, "list the networks with their parameters and FLOPs", false},
    {"width", "N/D", "multiply all widths, 1/8 for tests (default 1/1)", false},
    {"seed", "N", "seed of the weights (default 1)", false},
    {0},
};

static ff_code list(const ff_args *args, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *rows = yyjson_mut_arr(doc);
    yyjson_mut_doc_set_root(doc, rows);
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = FF_OK;
    if (!args->json)
        code = ff_buf_printf(&out, err, "%-14s %12s %10s  %s\n", "name", "parameters", "GFLOPs",
                             "what");
    for (int i = 0; !code && i < ff_zoo_count(); i++) {
        ff_zoo_info info;
        code = ff_zoo_info_at(i, &info, err);
        if (code)
            break;
        yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, rows);
        yyjson_mut_obj_add_str(doc, row, "name", info.name);
        yyjson_mut_obj_add_str(doc, row, "about", info.about);
        yyjson_mut_obj_add_uint(doc, row, "parameters", info.parameters);
        yyjson_mut_obj_add_uint(doc, row, "flops", info.flops);
        if (!args->json)
            code =
                ff_buf_printf(&out, err, "%-14s %10.2f M %10.2f  %s\n", info.name,
                              (double)info.parameters / 1e6, (double)info.flops / 1e9, info.about);
    }
    if (!code)
        code = args->json ? ff_cli_print_json(doc, err) : ff_cli_print(&out, err);
    ff_buf_clean(&out);
    yyjson_mut_doc_free(doc);
    return code;
}

/* "1/8" or "2": numerator and denominator from 1 to 64. */
static ff_code parse_width(const char *text, ff_zoo_options *options, ff_err *err)
{
    int used = 0;
    options->width_den = 1;
    int got = sscanf(text, "%2d%n/%2d%n", &options->width_num, &used, &options->width_den, &used);
    if (got < 1 || text[used] || options->width_num < 1 || options->width_num > 64 ||
        options->width_den < 1 || options->width_den > 64)
        return ff_err_set(err, FF_USAGE, "--width: wanted a ratio such as 1/8, found '%s'", text);
    return FF_OK;
}

/* Of the file as it was written: a large network's weights lie beside it. */
static ff_code weights_of(const char *path, uint64_t *bytes, ff_err *err)
{
    ff_graph *g = NULL;
    ff_code code = ff_onnx_load(path, NULL, 0, &g, err);
    if (!code)
        *bytes = ff_graph_weight_bytes(g);
    ff_graph_free(g);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    if (ff_args_has(args, "list"))
        return list(args, err);
    if (!args->positional_count)
        return ff_err_set(err, FF_USAGE, "wanted a network's name (see fanfold zoo --list)");
    const char *path = NULL;
    ff_zoo_options options = {0};
    int64_t seed = 0;
    ff_code code = ff_args_required(args, "output", &path, err);
    if (!code)
        code = ff_args_int(args, "seed", 0, INT64_MAX, 1, &seed, err);
    if (!code && ff_args_has(args, "width"))
        code = parse_width(ff_args_value(args, "width"), &options, err);
    options.seed = (uint64_t)seed;
    if (!code)
        code = ff_zoo_write(args->positional[0], &options, path, err);
    uint64_t size = 0, weights = 0;
    if (!code)
        code = ff_file_size(path, &size, err);
    if (!code)
        code = weights_of(path, &weights, err);
    if (code)
        return code;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "name", args->positional[0]);
    yyjson_mut_obj_add_str(doc, root, "path", path);
    yyjson_mut_obj_add_uint(doc, root, "bytes", size);
    yyjson_mut_obj_add_uint(doc, root, "weights_bytes", weights);
    char text[32];
    if (args->json)
        code = ff_cli_print_json(doc, err);
    else
        code = ff_cli_printf(err, "%s: %s, weights %s\n", path, args->positional[0],
                             ff_units_bytes(weights, text, sizeof text));
    yyjson_mut_doc_free(doc);
    return code;
}

const ff_verb ff_verb_zoo = {
    "zoo",
    "zoo NAME -o M.onnx [--width N/D] [--seed N] | zoo --list",
    "write a well-known network as an ONNX file, with seeded random weights",
    "The weights are random but sane: activations keep their scale through the network, so that\n"
    "results can be compared. They classify nothing.",
    FLAGS,
    0,
    1,
    run,
};
