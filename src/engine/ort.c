/* ONNX Runtime's environment, log and errors. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine_int.h"

/* ONNX Runtime has one environment per process; engines count its users. */
static struct {
    pthread_mutex_t lock;
    OrtEnv *env;
    int users;
} synced = {.lock = PTHREAD_MUTEX_INITIALIZER};

const OrtApi *ff_ort(void)
{
    return OrtGetApiBase()->GetApi(ORT_API_VERSION);
}

const char *ff_engine_version(void)
{
    return OrtGetApiBase()->GetVersionString();
}

/* Errors come back as statuses too: they are logged by whoever handles them, not here. */
static void log_line(void *param, OrtLoggingLevel severity, const char *category, const char *logid,
                     const char *location, const char *message)
{
    (void)param;
    (void)category;
    (void)logid;
    (void)location;
    if (severity == ORT_LOGGING_LEVEL_WARNING)
        ff_log(FF_LOG_WARN, "onnxruntime: %s", message);
    else
        ff_log(FF_LOG_DEBUG, "onnxruntime: %s", message);
}

static ff_code env_acquire(OrtEnv **out, ff_err *err)
{
    ff_code code = FF_OK;
    pthread_mutex_lock(&synced.lock);
    if (!synced.env)
        code = ff_ort_check(ff_ort()->CreateEnvWithCustomLogger(
                                log_line, NULL, ORT_LOGGING_LEVEL_WARNING, "fanfold", &synced.env),
                            FF_ORT_SETUP, "ONNX Runtime's environment", err);
    if (!code) {
        synced.users++;
        *out = synced.env;
    }
    pthread_mutex_unlock(&synced.lock);
    return code;
}

static void env_release(void)
{
    pthread_mutex_lock(&synced.lock);
    if (--synced.users == 0) {
        ff_ort()->ReleaseEnv(synced.env);
        synced.env = NULL;
    }
    pthread_mutex_unlock(&synced.lock);
}

ff_code ff_engine_new(int threads, ff_engine **out, ff_err *err)
{
    if (threads < 0 || threads > 1024)
        return ff_err_set(err, FF_USAGE, "0 to 1024 threads wanted, found %d", threads);
    if (!ff_ort())
        return ff_err_set(err, FF_UNSUPPORTED,
                          "ONNX Runtime with API %d or newer wanted, found version %s",
                          ORT_API_VERSION, ff_engine_version());
    ff_engine *engine = ff_mem_must(sizeof *engine);
    ff_code code = env_acquire(&engine->env, err);
    if (code) {
        ff_mem_free(engine);
        return code;
    }
    engine->threads = threads ? threads : ff_engine_cpus();
    *out = engine;
    return FF_OK;
}

void ff_engine_free(ff_engine *engine)
{
    if (!engine)
        return;
    env_release();
    ff_mem_free(engine);
}

static ff_code code_of(OrtErrorCode code, ff_ort_phase phase, const char *message)
{
    if (strstr(message, "bad_alloc") || strstr(message, "Failed to allocate memory"))
        return FF_NO_MEMORY;
    if (strstr(message, "Failed to write") || strstr(message, "serialization failed"))
        return FF_IO;
    switch (code) {
    case ORT_INVALID_ARGUMENT:
    case ORT_INVALID_PROTOBUF:
    case ORT_INVALID_GRAPH:
    case ORT_NO_MODEL:
        return FF_FORMAT;
    case ORT_NO_SUCHFILE:
        return FF_NOT_FOUND;
    case ORT_NOT_IMPLEMENTED:
        return FF_UNSUPPORTED;
    default:
        return phase == FF_ORT_LOAD ? FF_FORMAT : FF_INTERNAL;
    }
}

ff_code ff_ort_check(OrtStatus *status, ff_ort_phase phase, const char *what, ff_err *err)
{
    if (!status)
        return FF_OK;
    char line[900];
    const char *message = ff_ort()->GetErrorMessage(status);
    const char *inner = strstr(message, "[ONNXRuntimeError] : "); /* behind a place in its source */
    snprintf(line, sizeof line, "%s", inner ? inner : message);
    for (char *at = line; *at; at++)
        if (*at == '\n' || *at == '\r' || *at == '\t')
            *at = ' ';
    ff_code code = code_of(ff_ort()->GetErrorCode(status), phase, message);
    ff_ort()->ReleaseStatus(status);
    return ff_err_set(err, code, "%s: %s", what, line);
}

ff_code ff_ort_configure(OrtSessionOptions *options, const ff_ort_entry *entries, int count,
                         ff_err *err)
{
    for (int i = 0; i < count; i++) {
        ff_code code =
            ff_ort_check(ff_ort()->AddSessionConfigEntry(options, entries[i].key, entries[i].value),
                         FF_ORT_SETUP, entries[i].key, err);
        if (code)
            return code;
    }
    return FF_OK;
}

ff_code ff_ort_options(const ff_engine *engine, OrtSessionOptions **out, ff_err *err)
{
    const OrtApi *ort = ff_ort();
    OrtSessionOptions *options = NULL;
    const char *what = "session options";
    ff_code code = ff_ort_check(ort->CreateSessionOptions(&options), FF_ORT_SETUP, what, err);
    if (!code)
        code = ff_ort_check(ort->SetIntraOpNumThreads(options, engine->threads), FF_ORT_SETUP, what,
                            err);
    if (!code)
        code = ff_ort_check(ort->SetInterOpNumThreads(options, 1), FF_ORT_SETUP, what, err);
    if (code) {
        ort->ReleaseSessionOptions(options);
        return code;
    }
    *out = options;
    return FF_OK;
}
