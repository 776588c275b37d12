/*
 * For bench_transport.c and bench_shape.c: how they fail, the sizes, and a bundle in which stage N
 * is worker wN's Identity of one size.
 */
#ifndef FF_BENCH_TRANSPORT_BUNDLE_H
#define FF_BENCH_TRANSPORT_BUNDLE_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/hash.h"
#include "graph/onnx.h"
#include "manifest/manifest.h"

#define SIZES      6
#define DEPLOYMENT "transport"

static const ff_shape shapes[SIZES] = {
    {4, {1, 20, 10, 10}}, {4, {1, 20, 20, 20}},   {4, {1, 20, 40, 40}},
    {4, {1, 80, 40, 40}}, {4, {1, 10, 200, 200}}, {4, {1, 25, 200, 200}},
};

static void must(ff_code code, const ff_err *err, const char *doing)
{
    char text[1400];
    if (!code)
        return;
    ff_err_format(err, text, sizeof text);
    fprintf(stderr, "bench: %s: %s\n", doing, text);
    exit(1);
}

static void check(bool holds, const char *wanted)
{
    if (holds)
        return;
    fprintf(stderr, "bench: %s\n", wanted);
    exit(1);
}

static void write_piece(const char *dir, int i, char sha256[FF_SHA256_HEX])
{
    char name[16], path[PATH_MAX];
    int in, out;
    ff_err err;
    ff_buf model;
    ff_graph *g = ff_graph_new("identity");
    ff_buf_init(&model, 0);
    ff_graph_add_opset(g, "", 17);
    snprintf(name, sizeof name, "x%d", i);
    must(ff_graph_add_value(g, name, FF_VALUE_INPUT, FF_DTYPE_F32, &shapes[i], &in, &err), &err,
         "the piece");
    name[0] = 'y';
    must(ff_graph_add_value(g, name, FF_VALUE_NODE, FF_DTYPE_F32, &shapes[i], &out, &err), &err,
         "the piece");
    ff_graph_add_input(g, in);
    ff_graph_add_output(g, out);
    ff_graph_add_node(g, "", "Identity", "", &in, 1, &out, 1);
    must(ff_graph_seal(g, &err), &err, "the piece");
    must(ff_onnx_emit(g, NULL, NULL, &model, &err), &err, "the piece");
    ff_hash_sha256_hex(ff_buf_view(&model), sha256);
    snprintf(name, sizeof name, "w%d.onnx", i);
    must(ff_path_join(dir, name, path, &err), &err, "the piece");
    must(ff_file_write(path, ff_buf_view(&model), &err), &err, "the piece");
    ff_buf_clean(&model);
    ff_graph_free(g);
}

/* Into dir, with so many of the tensors as its outputs; the manifest is the caller's. */
static ff_manifest *write_bundle(const char *dir, int outputs)
{
    static char text[SIZES][4][24], sha256[SIZES][FF_SHA256_HEX];
    static ff_mf_tensor in[SIZES], out[SIZES];
    static ff_mf_part parts[SIZES][2];
    static ff_mf_piece pieces[SIZES];
    static ff_mf_stage stages[SIZES];
    static const char *functions[SIZES + 1] = {"master"};
    struct utsname os = {0};
    ff_manifest *manifest;
    char path[PATH_MAX];
    ff_err err;
    ff_buf json;
    uname(&os);
    for (int i = 0; i < SIZES; i++) {
        snprintf(text[i][0], sizeof text[i][0], "x%d", i);
        snprintf(text[i][1], sizeof text[i][1], "y%d", i);
        snprintf(text[i][2], sizeof text[i][2], "w%d", i);
        snprintf(text[i][3], sizeof text[i][3], "w%d.onnx", i);
        write_piece(dir, i, sha256[i]);
        in[i] = (ff_mf_tensor){text[i][0], FF_DTYPE_F32, shapes[i]};
        out[i] = (ff_mf_tensor){text[i][1], FF_DTYPE_F32, shapes[i]};
        for (int k = 0; k < 2; k++)
            parts[i][k] =
                (ff_mf_part){text[i][k], FF_DTYPE_F32, ff_region_whole(&shapes[i]), false};
        functions[i + 1] = text[i][2];
        pieces[i] = (ff_mf_piece){.function = i + 1,
                                  .model = text[i][3],
                                  .weights = "",
                                  .model_sha256 = sha256[i],
                                  .flops = 1,
                                  .in_count = 1,
                                  .in = &parts[i][0],
                                  .out_count = 1,
                                  .out = &parts[i][1]};
        stages[i] = (ff_mf_stage){.split = "offload",
                                  .out_count = 1,
                                  .out = &out[i],
                                  .piece_count = 1,
                                  .piece = &pieces[i]};
    }
    ff_manifest m = {.deployment = DEPLOYMENT,
                     .model_path = "identity.onnx",
                     .model_sha256 = sha256[0],
                     .arch = os.machine,
                     .form = "portable",
                     .nchwc_block = 1,
                     .in_count = SIZES,
                     .in = in,
                     .out_count = outputs,
                     .out = out,
                     .function_count = SIZES + 1,
                     .functions = functions,
                     .stage_count = SIZES,
                     .stage = stages};
    ff_buf_init(&json, 1 << 20);
    must(ff_manifest_emit(&m, &json, &err), &err, "the manifest");
    must(ff_path_join(dir, "manifest.json", path, &err), &err, "the manifest");
    must(ff_file_write(path, ff_buf_view(&json), &err), &err, "the manifest");
    ff_buf_clean(&json);
    must(ff_manifest_load(dir, &manifest, &err), &err, "the manifest");
    return manifest;
}

#endif
