/*
 * The bundle's manifest: all that a function needs to know. manifest.json in the bundle's folder:
 *
 * {"format": 1, "deployment": "ocr", "model": {"path", "sha256"}, "arch": "x86_64",
 *  "form": "portable", "nchwc_block": 1,
 *  "inputs": [{"name", "dtype", "shape"}], "outputs": [...],
 *  "preprocess": {"input", "layout", "mean", "scale", ...},           (optional, see client/)
 *  "network": {...},                       (optional: the network profile that policy auto goes by)
 *  "functions": [{"name": "master"}, {"name": "w0"}, ...],
 *  "stages": [{"split": "grid 2x2",
 *     "outputs": [{"name", "dtype", "shape"}],                        whole tensors it makes
 *     "drop": ["name", ...],                      whole tensors that nobody reads afterwards
 *     "pieces": [{"function": "w0", "model": "s0/p0.onnx", "weights": "s0/weights.bin",
 *        "model_sha256", "weights_bytes", "flops",
 *        "inputs": [{"name", "dtype", "region": [[0, 1], [0, 3], [0, 113], [0, 224]]}],
 *        "outputs": [{"name", "dtype", "region": [...], "add": false}],
 *        "probe": {"seed", "output", "index": [...], "value": [...], "max_abs"}}]}]}
 *
 * A piece on "master" is the one of a local stage, or piece 0 of several.
 * A manifest is checked whole when it is read: names known, regions inside their tensors, every
 * output covered, paths inside the bundle. Read-only afterwards; all memory is its arena.
 */
#ifndef FF_MANIFEST_MANIFEST_H
#define FF_MANIFEST_MANIFEST_H

#include "base/json.h"
#include "profile/network.h"
#include "tensor/region.h"

typedef struct ff_mf_tensor {
    const char *name;
    ff_dtype dtype;
    ff_shape shape;
} ff_mf_tensor;

typedef struct ff_mf_part {
    const char *name; /* of the whole tensor, and of the piece's input or output */
    ff_dtype dtype;
    ff_region region;
    bool add;
} ff_mf_part;

/* Inputs made by ff_manifest_probe_input(seed, i); some elements of one output, as expected. */
typedef struct ff_mf_probe {
    uint64_t seed;
    int output;
    int count; /* 0 = no probe */
    int64_t *index;
    double *value;
    double max_abs; /* of the whole expected output: the tolerance's reference */
} ff_mf_probe;

typedef struct ff_mf_piece {
    int function;        /* index into functions */
    const char *model;   /* relative to the bundle */
    const char *weights; /* "" where it has none */
    const char *model_sha256;
    uint64_t weights_bytes;
    uint64_t flops;
    int in_count;
    ff_mf_part *in;
    int out_count;
    ff_mf_part *out;
    ff_mf_probe probe;
} ff_mf_piece;

typedef struct ff_mf_stage {
    const char *split;
    bool local; /* its one piece runs on the master */
    bool own;   /* piece 0 of several runs on the master, while the workers do theirs */
    int out_count;
    ff_mf_tensor *out;
    int drop_count;
    const char **drop;
    int piece_count;
    ff_mf_piece *piece;
} ff_mf_stage;

typedef struct ff_manifest {
    ff_arena *arena;
    const char *dir; /* the bundle's folder */
    const char *deployment;
    const char *model_path;
    const char *model_sha256;
    const char *arch;
    const char *form; /* "portable", "nchwc" */
    int nchwc_block;
    int in_count;
    ff_mf_tensor *in;
    int out_count;
    ff_mf_tensor *out;
    const char *preprocess_json; /* the member's text, or NULL */
    ff_net_profile *network;     /* or NULL */
    int function_count;
    const char **functions; /* [0] is "master" */
    int stage_count;
    ff_mf_stage *stage;
} ff_manifest;

/* dir/manifest.json. FF_NOT_FOUND, FF_FORMAT (the member at fault is named). */
ff_code ff_manifest_load(const char *dir, ff_manifest **out, ff_err *err);
ff_code ff_manifest_parse(ff_bytes json, const char *dir, ff_manifest **out, ff_err *err);
ff_code ff_manifest_emit(const ff_manifest *manifest, ff_buf *json, ff_err *err);
void ff_manifest_free(ff_manifest *manifest); /* accepts NULL */

int ff_manifest_function(const ff_manifest *manifest, const char *name); /* -1 */
/* The piece that worker function f computes, and its stage; FF_NOT_FOUND. */
ff_code ff_manifest_piece_of(const ff_manifest *manifest, int function, int *stage, int *piece,
                             ff_err *err);
/* Deployment names: 1 to 40 of A-Za-z0-9-_ (Lambda's alphabet; "-w255" is added to it). */
ff_code ff_manifest_check_name(const char *deployment, ff_err *err);
/* Fills a tensor for a probe: floats in [-1, 1), small integers; the same on every machine. */
void ff_manifest_probe_input(uint64_t seed, int input, ff_tensor *tensor);
/* Is output, made of such inputs by the piece, what its probe expects (of output number
 * probe.output)? Within the tolerance of its type times max_abs. FF_MISMATCH names the element. */
ff_code ff_manifest_probe_check(const ff_mf_piece *piece, const ff_tensor *output, ff_err *err);

#endif
