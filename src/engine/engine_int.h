/*
 * What the files of engine/ share: ONNX Runtime's function table, its environment, its errors.
 */
#ifndef FF_ENGINE_ENGINE_INT_H
#define FF_ENGINE_ENGINE_INT_H

#include <onnxruntime_c_api.h>

#include "base/err.h"
#include "engine/engine.h"

struct ff_engine {
    OrtEnv *env; /* one per process, shared by all engines */
    int threads;
};

/* The table of the header's API version; NULL where the library is older. */
const OrtApi *ff_ort(void);

/* Where a failure happened, for its code: a model that does not load is malformed input. */
typedef enum ff_ort_phase { FF_ORT_SETUP, FF_ORT_LOAD, FF_ORT_RUN } ff_ort_phase;
/* Releases status (NULL: FF_OK) and sets err: "what: ONNX Runtime's message". */
ff_code ff_ort_check(OrtStatus *status, ff_ort_phase phase, const char *what, ff_err *err);

/* Session options that all sessions share: threads, no spinning, a log that is ours. */
ff_code ff_ort_options(const ff_engine *engine, OrtSessionOptions **out, ff_err *err);
typedef struct ff_ort_entry {
    const char *key;
    const char *value;
} ff_ort_entry;
ff_code ff_ort_configure(OrtSessionOptions *options, const ff_ort_entry *entries, int count,
                         ff_err *err);

/* CPUs of a cgroup quota: "max 100000" or "150000 100000" (v2's cpu.max); 0 = no bound. */
int ff_engine_quota_parse(const char *text);

#endif
