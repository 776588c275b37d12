#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/units.h"
#include "build/build.h"
#include "cli/cli.h"
#include "cli/inputs.h"
#include "report/table.h"

static const ff_flag FLAGS[] = {
    {"input", "[NAME=]FILE", "an input instead of a seeded one: .npy, or .png/.jpg", true},
    {"seed", "N", "seed of the random input (default 1)", false},
    {"model", "M.onnx", "the whole model (default: the path in the manifest)", false},
    {0},
};

static ff_code print_json(const ff_verify *v, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_bool(doc, root, "ok", v->ok);
    if (!v->ok)
        yyjson_mut_obj_add_str(doc, root, "difference", v->difference);
    yyjson_mut_obj_add_real(doc, root, "max_abs_error", v->max_abs_error);
    yyjson_mut_obj_add_real(doc, root, "max_abs_reference", v->max_abs_reference);
    yyjson_mut_obj_add_bool(doc, root, "argmax_equal", v->argmax_equal);
    yyjson_mut_obj_add_int(doc, root, "pieces", v->pieces);
    yyjson_mut_obj_add_int(doc, root, "probes_checked", v->probes_checked);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "stages");
    for (int i = 0; i < v->stage_count; i++) {
        const ff_verify_stage *s = &v->stage[i];
        yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, row, "split", s->split);
        yyjson_mut_obj_add_int(doc, row, "pieces", s->pieces);
        yyjson_mut_obj_add_uint(doc, row, "weights_bytes", s->weights_bytes);
        yyjson_mut_obj_add_uint(doc, row, "pieces_weights_bytes", s->pieces_weights_bytes);
        yyjson_mut_obj_add_uint(doc, row, "whole_weights_bytes", s->whole_weights_bytes);
        yyjson_mut_obj_add_uint(doc, row, "largest_weights_bytes", s->largest_weights_bytes);
        yyjson_mut_obj_add_bool(doc, row, "weights_ok", s->weights_ok);
        yyjson_mut_obj_add_bool(doc, row, "values_ok", s->values_ok);
        yyjson_mut_obj_add_uint(doc, row, "whole_flops", s->whole_flops);
        yyjson_mut_obj_add_real(doc, row, "halo_flops_ratio", s->halo_flops_ratio);
        yyjson_mut_obj_add_real(doc, row, "max_abs_error", s->max_abs_error);
        yyjson_mut_obj_add_real(doc, row, "max_abs_reference", s->max_abs_reference);
    }
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static ff_code print_text(const ff_verify *v, ff_err *err)
{
    ff_table *table =
        ff_table_new(">stage|split|>pieces|>weights files|>sum of pieces|>largest piece|>halo|"
                     ">max error|>max value");
    char text[32];
    for (int i = 0; i < v->stage_count; i++) {
        const ff_verify_stage *s = &v->stage[i];
        ff_table_cell(table, "%d", i);
        ff_table_cell(table, "%s", s->split);
        ff_table_cell(table, "%d", s->pieces);
        ff_table_cell(table, "%s", ff_units_bytes(s->weights_bytes, text, sizeof text));
        ff_table_cell(table, "%.2f x%s",
                      (double)s->pieces_weights_bytes /
                          (double)(s->whole_weights_bytes > 0 ? s->whole_weights_bytes : 1),
                      s->weights_ok ? "" : " (TOO MANY)");
        ff_table_cell(table, "%s", ff_units_bytes(s->largest_weights_bytes, text, sizeof text));
        ff_table_cell(table, "%.1f %%", s->halo_flops_ratio * 100);
        ff_table_cell(table, "%.3g%s", s->max_abs_error, s->values_ok ? "" : " (DIFFERS)");
        ff_table_cell(table, "%.3g", s->max_abs_reference);
    }
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_code code = ff_table_emit(table, &out, err);
    if (!code)
        code = ff_buf_printf(&out, err,
                             "%s: %d pieces, worst output error %.3g of max |value| %.3g "
                             "(relative %.2g), argmax %s, %d probes right\n",
                             v->ok ? "equal" : "DIFFERENT", v->pieces, v->max_abs_error,
                             v->max_abs_reference,
                             v->max_abs_reference > 0 ? v->max_abs_error / v->max_abs_reference : 0,
                             v->argmax_equal ? "equal" : "different", v->probes_checked);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_table_free(table);
    ff_buf_clean(&out);
    return code;
}

static ff_code check_model(const ff_args *args, const ff_manifest *m, char model[PATH_MAX],
                           ff_err *err)
{
    const char *given = ff_args_value(args, "model");
    char manifest[PATH_MAX], hex[FF_SHA256_HEX];
    ff_code code = ff_path_join(m->dir, "manifest.json", manifest, err);
    if (!code && given)
        code = ff_path_join("", given, model, err);
    else if (!code)
        code = ff_cli_beside(manifest, m->model_path, model, err);
    if (!code)
        code = ff_hash_sha256_file(model, hex, err);
    if (code)
        return given ? code
                     : ff_err_wrap(err, "the model the bundle was built from (or give --model)");
    if (strcmp(hex, m->model_sha256)) {
        ff_err_set(err, FF_MISMATCH, "SHA-256 %s, but the bundle was built from %s", hex,
                   m->model_sha256);
        ff_err_in_file(err, model);
        return FF_MISMATCH;
    }
    return FF_OK;
}

static ff_code read_inputs(const ff_args *args, const ff_manifest *m, ff_tensor *inputs, int *count,
                           ff_err *err)
{
    const char *names[FF_CLI_MAX_INPUTS];
    for (int i = 0; i < m->in_count && i < FF_CLI_MAX_INPUTS; i++)
        names[i] = m->in[i].name;
    return ff_cli_read_inputs(args, names, m->in_count, m->preprocess_json, inputs, count, NULL,
                              err);
}

static ff_code run(const ff_args *args, ff_err *err)
{
    ff_manifest *m = NULL;
    ff_engine *engine = NULL;
    ff_tensor inputs[FF_CLI_MAX_INPUTS] = {{0}};
    ff_verify v = {0};
    char model[PATH_MAX];
    int64_t seed = 1;
    int count = 0;
    ff_code code = ff_args_int(args, "seed", 0, INT64_MAX, 1, &seed, err);
    if (!code)
        code = ff_manifest_load(args->positional[0], &m, err);
    if (!code)
        code = read_inputs(args, m, inputs, &count, err);
    if (!code)
        code = check_model(args, m, model, err);
    if (!code)
        code = ff_engine_new(0, &engine, err);
    if (!code)
        code = ff_verify_bundle(m, model, engine, (uint64_t)seed, inputs, count, ff_cli_progress,
                                NULL, &v, err);
    ff_cli_progress_end();
    if (!code)
        code = args->json ? print_json(&v, err) : print_text(&v, err);
    if (!code && !v.ok)
        code = ff_err_set(err, FF_MISMATCH, "the pieces differ from the whole model, first in %s",
                          v.difference);
    ff_verify_clean(&v);
    for (int i = 0; i < count; i++)
        ff_tensor_clean(&inputs[i]);
    ff_engine_free(engine);
    ff_manifest_free(m);
    return code;
}

const ff_verb ff_verb_verify = {
    "verify",
    "verify BUNDLE [--input [NAME=]X.npy] [--seed N] [--model M.onnx]",
    "prove that the pieces compute what the whole model computes, in this process",
    "Runs the original model in plain ONNX Runtime and the pieces stage by stage, and compares\n"
    "every tensor that crosses a stage. float32: |difference| <= 1e-4 x max |value|.",
    FLAGS,
    1,
    1,
    run,
};
