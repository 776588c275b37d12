/*
 * What the tests of build/ share: a model on disk to a verified bundle.
 */
#ifndef FF_TESTS_BUILD_BUNDLE_H
#define FF_TESTS_BUILD_BUNDLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "build/build.h"
#include "zoo/zoo.h"

#define must(call)                                                                                 \
    do {                                                                                           \
        ff_err must_err = {0};                                                                     \
        ff_err *err = &must_err;                                                                   \
        if ((call) != FF_OK)                                                                       \
            fail_msg("%s: %s", #call, must_err.message);                                           \
    } while (0)

typedef struct model {
    char path[256];
    ff_graph *g;
    ff_plan *plan;
} model;

/* A folder of the test's own, for all that it writes. */
static inline const char *test_dir(void)
{
    static char dir[64];
    if (dir[0] == '\0') {
        snprintf(dir, sizeof dir, "bundle-test-XXXXXX");
        if (mkdtemp(dir) == NULL)
            fail_msg("cannot make a folder");
    }
    return dir;
}

static inline void model_load(model *m, const ff_onnx_shape *shape)
{
    must(ff_onnx_load(m->path, shape, shape != NULL, &m->g, err));
}

static inline void model_zoo(model *m, const char *name, int width_den)
{
    const ff_zoo_options options = {.width_num = 1, .width_den = width_den, .seed = 7};
    *m = (model){{0}, NULL, NULL};
    snprintf(m->path, sizeof m->path, "%s/%s.onnx", test_dir(), name);
    must(ff_zoo_write(name, &options, m->path, err));
    model_load(m, NULL);
}

static inline void model_plan(model *m, const char *planner, int rows, int cols, int stages)
{
    const ff_plan_options options = {planner, rows, cols, stages};
    char hex[FF_SHA256_HEX];
    ff_plan_free(m->plan);
    m->plan = NULL;
    must(ff_plan_make(m->g, &options, &m->plan, err));
    must(ff_hash_sha256_file(m->path, hex, err));
    must(ff_plan_set_model(m->plan, m->path, hex, NULL, 0, err));
}

static inline void model_clean(model *m)
{
    ff_plan_free(m->plan);
    ff_graph_free(m->g);
    (void)unlink(m->path);
}

/* Loads the bundle and verifies it. */
static inline void verify(const char *dir, const char *path, ff_engine *engine, ff_verify *out)
{
    ff_manifest *manifest = NULL;
    must(ff_manifest_load(dir, &manifest, err));
    must(ff_verify_bundle(manifest, path, engine, 1, NULL, 0, NULL, NULL, out, err));
    ff_manifest_free(manifest);
}

#endif
