/*
 * Routes, and the policy that chooses one for each tensor.
 *
 * The paper's rule: a tensor whose .npy has T bytes or more goes through the store, a smaller one
 * rides in the payload. No T is `inline`, T = 0 is `store`; input and output of a worker are
 * decided independently. A policy is never overruled: an inline tensor that does not fit the
 * payload is an error that says so.
 */
#ifndef FF_SHARE_POLICY_H
#define FF_SHARE_POLICY_H

#include <stddef.h>

#include "base/err.h"

typedef enum ff_route { FF_ROUTE_INLINE, FF_ROUTE_STORE } ff_route;
#define FF_ROUTE_COUNT 2
const char *ff_route_name(ff_route route); /* "inline", "store" */

typedef struct ff_policy {
    uint64_t threshold; /* bytes of the .npy; UINT64_MAX = inline, 0 = store */
} ff_policy;

#define FF_POLICY_INLINE ((ff_policy){UINT64_MAX})
#define FF_POLICY_STORE  ((ff_policy){0})
#define FF_POLICY_TEXT   32 /* room for ff_policy_text */

/* "inline" (also "" and NULL), "store", or a size ("0", "800KB", "1.5MiB"). FF_USAGE for another
 * word; FF_UNSUPPORTED for "auto", which needs a calibrated network profile. */
ff_code ff_policy_parse(const char *text, ff_policy *out, ff_err *err);
/* "inline", "store", or the threshold in bytes: what parse reads. Returns text. */
const char *ff_policy_text(ff_policy policy, char *text, size_t size);
/* The route of a tensor whose .npy has so many bytes. */
static inline ff_route ff_policy_route(ff_policy policy, uint64_t npy_bytes)
{
    return policy.threshold != UINT64_MAX && npy_bytes >= policy.threshold ? FF_ROUTE_STORE
                                                                           : FF_ROUTE_INLINE;
}

#endif
