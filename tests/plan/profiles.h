/* Shipped profiles, for tests of planning. */
#ifndef FF_TESTS_PLAN_PROFILES_H
#define FF_TESTS_PLAN_PROFILES_H

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "profile/compute.h"

static inline ff_map profile_bytes(const char *kind, const char *name)
{
    char path[512];
    ff_map map = {0};
    ff_err err = {0};
    snprintf(path, sizeof path, FF_SOURCE_DIR "/profiles/%s/%s.json", kind, name);
    if (ff_file_map(path, &map, &err)) {
        fprintf(stderr, "%s: %s\n", path, err.message);
        abort();
    }
    return map;
}

static inline ff_net_profile *network_profile(const char *name)
{
    ff_map map = profile_bytes("network", name);
    ff_net_profile *p = NULL;
    if (ff_net_profile_parse((ff_bytes){map.data, map.len}, &p, NULL))
        abort();
    ff_file_unmap(&map);
    return p;
}

static inline ff_compute_profile *compute_profile(const char *name)
{
    ff_map map = profile_bytes("compute", name);
    ff_compute_profile *p = NULL;
    if (ff_compute_profile_parse((ff_bytes){map.data, map.len}, &p, NULL))
        abort();
    ff_file_unmap(&map);
    return p;
}

#endif
