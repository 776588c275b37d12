/*
 * What all kinds of packages share: the folder, the sizes, package.json.
 */
#ifndef FF_DEPLOY_PACKAGE_INT_H
#define FF_DEPLOY_PACKAGE_INT_H

#include "base/out_dir.h"
#include "deploy/package.h"

typedef struct package_job package_job;
struct package_job {
    const ff_manifest *manifest;
    const ff_pack_options *options;
    const char *target;
    uint64_t max_bytes;
    const char *advice; /* where a function is over max_bytes */
    /* Fills package->function (its count is set) and writes into dir->temp. */
    ff_code (*write)(const ff_out_dir *dir, const ff_pack *packs, const package_job *job,
                     ff_package *package, ff_err *err);
    ff_package_progress progress;
    void *user;
    ff_arena *arena;
};

ff_code ff_package_run(const package_job *job, const char *dir, ff_package *out, ff_err *err);

#endif
