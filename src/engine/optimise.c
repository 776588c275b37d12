/* Storing a model: optimised once, offline, with its weights in a file that a session maps. */
#include <errno.h>
#include <limits.h>
#include <onnxruntime_session_options_config_keys.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "engine/engine_int.h"

#define EXTERNAL_MIN_BYTES "1024" /* smaller weights stay in the model file */

static ff_code make_options(ff_engine *engine, ff_form form, const char *path,
                            const char *weights_name, OrtSessionOptions **out, ff_err *err)
{
    const OrtApi *ort = ff_ort();
    OrtSessionOptions *options;
    const ff_ort_entry entries[] = {
        {kOrtSessionOptionsOptimizedModelExternalInitializersFileName, weights_name},
        {kOrtSessionOptionsOptimizedModelExternalInitializersMinSizeInBytes, EXTERNAL_MIN_BYTES},
        {kOrtSessionOptionsConfigDisablePrepacking, "1"}, /* nothing runs: no second copy */
        {kOrtSessionOptionsConfigAllowIntraOpSpinning, "0"},
        {kOrtSessionOptionsConfigAllowInterOpSpinning, "0"},
    };
    ff_code code = ff_ort_options(engine, &options, err);
    if (code)
        return code;
    code = ff_ort_configure(options, entries, sizeof entries / sizeof entries[0], err);
    if (!code)
        code =
            ff_ort_check(ort->SetSessionGraphOptimizationLevel(
                             options, form == FF_FORM_NCHWC ? ORT_ENABLE_ALL : ORT_ENABLE_EXTENDED),
                         FF_ORT_SETUP, "optimisation level", err);
    if (!code)
        code = ff_ort_check(ort->SetOptimizedModelFilePath(options, path), FF_ORT_SETUP,
                            "model path", err);
    if (!code) /* it warns of the bound to this hardware, which the caller records */
        code = ff_ort_check(ort->SetSessionLogSeverityLevel(options, ORT_LOGGING_LEVEL_ERROR),
                            FF_ORT_SETUP, "log level", err);
    if (code) {
        ort->ReleaseSessionOptions(options);
        return code;
    }
    *out = options;
    return FF_OK;
}

/* Creating the session writes the files. */
static ff_code write_optimised(ff_engine *engine, const char *model, ff_form form, const char *path,
                               const char *weights_name, ff_err *err)
{
    OrtSessionOptions *options;
    OrtSession *session = NULL;
    ff_code code = make_options(engine, form, path, weights_name, &options, err);
    if (code)
        return code;
    code = ff_ort_check(ff_ort()->CreateSession(engine->env, model, options, &session), FF_ORT_LOAD,
                        "optimising a model", err);
    ff_ort()->ReleaseSessionOptions(options);
    ff_ort()->ReleaseSession(session);
    if (code && code != FF_IO) /* FF_IO is the other file's */
        ff_err_in_file(err, model);
    return code;
}

/* ONNX Runtime does not tell why it could not write: is the disk full? */
static ff_code write_failed(const char *dir, const char *model_path, ff_err *err)
{
    struct statvfs disk;
    ff_code code = FF_IO;
    if (statvfs(dir, &disk) == 0 && disk.f_bavail < 256) /* blocks: about a megabyte */
        code = ff_err_set(err, FF_NO_SPACE, "writing the optimised model: no space left");
    ff_err_in_file(err, model_path);
    return code;
}

static ff_code move(const char *from, const char *to, ff_err *err)
{
    return rename(from, to) == 0 ? FF_OK : ff_err_errno(err, errno, to, "renaming to");
}

/* Weights first: a model file that is there has its weights. */
static ff_code move_both(const char *temporary, const char *dir, const char *weights_name,
                         const char *model_path, ff_err *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    ff_code code = ff_path_join(temporary, weights_name, from, err);
    if (!code)
        code = ff_path_join(dir, weights_name, to, err);
    if (!code && ff_file_exists(from))
        code = move(from, to, err);
    if (!code)
        code = ff_path_join(temporary, ff_path_base(model_path), from, err);
    if (!code)
        code = move(from, model_path, err);
    return code;
}

ff_code ff_engine_optimise(ff_engine *engine, const char *model, ff_form form,
                           const char *model_path, const char *weights_name, ff_err *err)
{
    char dir[PATH_MAX], temporary[PATH_MAX], path[PATH_MAX];
    if (strchr(weights_name, '/') || !ff_path_stays_inside(weights_name))
        return ff_err_set(err, FF_USAGE, "a plain file name for weights wanted, found \"%s\"",
                          weights_name);
    ff_code code = ff_path_dir(model_path, dir, err);
    if (!code)
        code = ff_path_join(dir, ".optimising-XXXXXX", temporary, err);
    if (code)
        return code;
    if (!mkdtemp(temporary))
        return ff_err_errno(err, errno, dir, "making a folder in");
    code = ff_path_join(temporary, ff_path_base(model_path), path, err);
    if (!code)
        code = write_optimised(engine, model, form, path, weights_name, err);
    if (code == FF_IO)
        code = write_failed(temporary, model_path, err);
    if (!code)
        code = move_both(temporary, dir, weights_name, model_path, err);
    ff_dir_remove(temporary, NULL);
    return code;
}
