/*
 * Running pieces: ONNX Runtime's C API behind a small interface.
 *
 * An engine holds the environment, one per process. A session is one loaded model; a session may be
 * run by several threads at once. Threads never spin while idle. Weights in external files are
 * mapped, not read, where the model was stored by ff_engine_optimise.
 */
#ifndef FF_ENGINE_ENGINE_H
#define FF_ENGINE_ENGINE_H

#include "tensor/tensor.h"

typedef struct ff_engine ff_engine;
typedef struct ff_session ff_session;

/* threads: intra-op threads, at least 1; 0 = the CPUs this process may use (affinity and cgroup
 * quota, rounded up). */
ff_code ff_engine_new(int threads, ff_engine **out, ff_err *err);
void ff_engine_free(ff_engine *engine); /* accepts NULL; after its sessions */
const char *ff_engine_version(void);

typedef struct ff_session_options {
    bool stored; /* saved by ff_engine_optimise: no optimising, no prepacking, map weights */
    bool plain;  /* ONNX Runtime's own defaults (ALL), but for threads: the reference */
    /* With plain: stop at level EXTENDED, whose kernels are those of the portable form. Level ALL
     * sums in another order: on one trained detector its answers differ by 1e-5 of the largest
     * activation, which a last sigmoid makes 1.6e-4 of the output. */
    bool portable;
} ff_session_options;

ff_code ff_session_open(ff_engine *engine, const char *path, const ff_session_options *options,
                        ff_session **out, ff_err *err);
/* The model's bytes; external data is looked for in dir (NULL: none). */
ff_code ff_session_open_bytes(ff_engine *engine, ff_bytes model, const char *dir,
                              const ff_session_options *options, ff_session **out, ff_err *err);
void ff_session_close(ff_session *session); /* accepts NULL */

int ff_session_in_count(const ff_session *session);
int ff_session_out_count(const ff_session *session);
const char *ff_session_in_name(const ff_session *session, int i);
const char *ff_session_out_name(const ff_session *session, int i);

/* in: one tensor an input, in the session's order, borrowed during the call. out: filled with
 * tensors that own ONNX Runtime's memory (no copy). FF_FORMAT where an input's dtype or shape is
 * refused. Inputs need no alignment beyond their element size. */
ff_code ff_session_run(ff_session *session, const ff_tensor *in, int in_count, ff_tensor *out,
                       int out_count, ff_err *err);

/* How a piece is stored. */
typedef enum ff_form {
    FF_FORM_PORTABLE, /* level EXTENDED: any CPU of the architecture */
    FF_FORM_NCHWC     /* level ALL: only CPUs with the same NCHWc block size */
} ff_form;

/* Optimises model (path, or bytes with dir) offline and writes model_path with its weights of 1 KB
 * and more in weights_name beside it. */
ff_code ff_engine_optimise(ff_engine *engine, const char *model, ff_form form,
                           const char *model_path, const char *weights_name, ff_err *err);
/* NCHWc block size of ONNX Runtime on this CPU: 16 (AVX-512; ARM64), 8 (other x86-64); 1 = none.
 * ONNX Runtime does not tell: this repeats its tests (mlas/lib/platform.cpp). */
int ff_engine_nchwc_block(void);
/* CPUs that this process may use: affinity, then the cgroup's quota, rounded up; at least 1. */
int ff_engine_cpus(void);
/* "x86_64 avx512" and the like, for manifests and messages. */
const char *ff_engine_cpu(void);

#endif
