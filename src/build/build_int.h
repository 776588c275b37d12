/*
 * What the files of build/ share.
 */
#ifndef FF_BUILD_BUILD_INT_H
#define FF_BUILD_BUILD_INT_H

#include "build/build.h"

/* build_weights.c: a weights file, written weight by weight, each content once. */
typedef struct ff_weights ff_weights;
/* by_content: equal bytes (by SHA-256) share a place; otherwise only equal views (by address). */
ff_code ff_weights_open(const char *path, bool by_content, ff_weights **out, ff_err *err);
/* Writes what is new of g's weights; places (one a value, zeroed) tells where each is; those below
 * 1 KB stay in the model. */
ff_code ff_weights_add(ff_weights *w, const ff_graph *g, ff_onnx_place *places, ff_err *err);
uint64_t ff_weights_bytes(const ff_weights *w); /* written so far */
/* Takes w, also on failure. The file appears only if it holds something. */
ff_code ff_weights_commit(ff_weights *w, ff_err *err);
void ff_weights_abort(ff_weights *w); /* takes w; accepts NULL */

/* How a stored piece is opened. */
static const ff_session_options FF_STORED = {.stored = true};

/* build_run.c: a piece's model run in this process. in: one tensor a part of in, in its order; out
 * comes in the order of the names, owned by the caller. */
ff_code ff_build_run(ff_engine *engine, const char *model, const ff_session_options *options,
                     const char *const *in_names, const ff_tensor *in, int in_count,
                     const char *const *out_names, ff_tensor *out, int out_count, ff_err *err);
/* The same with a session that is open. */
ff_code ff_build_run_session(ff_session *session, const char *const *in_names, const ff_tensor *in,
                             int in_count, const char *const *out_names, ff_tensor *out,
                             int out_count, ff_err *err);
/* verify_input.c: seeded input for a whole model; the same on every machine. */
void ff_verify_input(uint64_t seed, int input, ff_tensor *tensor);
void ff_build_clean_tensors(ff_tensor *tensors, int count); /* accepts NULL */

/* build_probe.c */
/* Runs the plain model on the probe's inputs and samples its largest output; leaves the probe empty
 * where the model refuses such inputs. */
ff_code ff_probe_make(ff_engine *engine, const char *plain_model, uint64_t seed, ff_arena *arena,
                      ff_mf_piece *piece, ff_err *err);
/* Runs the stored model on the probe's inputs. FF_MISMATCH where it answers differently. */
ff_code ff_probe_check(ff_engine *engine, const char *model, const ff_mf_piece *piece, ff_err *err);

/* build_stage.c */
typedef struct ff_build {
    const ff_plan *plan;
    const ff_graph *g;
    ff_engine *engine;
    const ff_build_options *options;
    const char *dir; /* the temporary bundle */
    ff_manifest *manifest;
    int piece_all, piece_done; /* for progress */
    int *last_read;            /* by value: the last stage that reads it; -1 = none */
} ff_build;
ff_code ff_build_stage(ff_build *b, int s, ff_err *err);

/* verify_whole.c: the whole model's outputs, and in a second run its tensors of these names. */
ff_code ff_whole_outputs(const ff_manifest *m, const char *model_path, ff_engine *engine,
                         const ff_tensor *in, ff_tensor *out, ff_err *err);
ff_code ff_whole_tensors(const ff_manifest *m, ff_graph *g, const char *model_path,
                         ff_engine *engine, const ff_tensor *in, const char *const *names,
                         int count, ff_tensor *out, ff_err *err);

#endif
