/*
 * plan.json and the model to a bundle, and the proof that the bundle's pieces equal the model.
 */
#ifndef FF_BUILD_BUILD_H
#define FF_BUILD_BUILD_H

#include "engine/engine.h"
#include "graph/onnx.h"
#include "manifest/manifest.h"
#include "plan/plan.h"

typedef struct ff_build_options {
    const char *deployment; /* name; NULL = the bundle folder's */
    ff_form form;
    const char *preprocess_json;   /* NULL = none */
    const ff_net_profile *network; /* that policy auto goes by; NULL = none */
    /* Called before each piece: done of all. NULL = silent. */
    void (*progress)(void *user, int done, int all, const char *what);
    /* Asked before each piece: true ends the build with FF_CANCELLED. NULL = never. */
    bool (*stop)(void *user);
    void *user;
} ff_build_options;

/* Writes the bundle to a temporary neighbour of dir ("DIR.partial-PID") and renames it; an existing
 * bundle there is replaced only if it is one (holds manifest.json). Neighbours that processes left
 * which are gone are removed. */
ff_code ff_build_bundle(const ff_plan *plan, const ff_graph *g, ff_engine *engine, const char *dir,
                        const ff_build_options *options, ff_err *err);

typedef struct ff_verify_stage {
    const char *split;
    int pieces;
    uint64_t weights_bytes;                             /* of the files */
    uint64_t pieces_weights_bytes, whole_weights_bytes; /* summed over the pieces; of the model's
                                                         * nodes that the stage stands for */
    uint64_t mask_bytes;                                /* bool constants among the whole */
    uint64_t divided_bytes;         /* of the whole: that pieces of a grid share out */
    uint64_t largest_weights_bytes; /* of the piece that holds most */
    bool weights_ok; /* false: the split divides weights, and the pieces hold too many */
    bool values_ok;  /* false: an output differs from the whole model's, or a probe from its own */
    uint64_t whole_flops;
    double halo_flops_ratio; /* the pieces' FLOPs beyond whole_flops, as a ratio of them */
    double max_abs_error;    /* of the stage's outputs against the whole model's same tensors */
    double max_abs_reference;
} ff_verify_stage;

typedef struct ff_verify {
    bool ok;
    /* Where the pieces first go wrong, in words: stage, split, piece or tensor, by how much. The
     * stages after it are fed with what it made. "" when ok. */
    char difference[512];
    double max_abs_error, max_abs_reference; /* of the model's outputs, the worst of them */
    bool argmax_equal;
    int pieces;
    int probes_checked;
    int stage_count;
    ff_verify_stage *stage; /* ff_mem_free by ff_verify_clean */
} ff_verify;

/* ok says too that no split that divides weights copies them (FF_SPLIT_WEIGHTS_MAX).
 * Runs the whole model (plain ONNX Runtime, the original file) and the pieces stage by stage in
 * this process on seeded random input (or the given one). FF_OK with ok = false where they differ;
 * errors are for what could not be run. */
ff_code ff_verify_bundle(const ff_manifest *manifest, const char *model_path, ff_engine *engine,
                         uint64_t seed, const ff_tensor *inputs, int input_count,
                         void (*progress)(void *user, int done, int all, const char *what),
                         void *user, ff_verify *out, ff_err *err);
void ff_verify_clean(ff_verify *verify);

#endif
