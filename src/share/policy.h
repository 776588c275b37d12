/*
 * Routes, and the policy that chooses one for each tensor.
 *
 * The paper's rule: a tensor whose .npy has T bytes or more goes through the store, a smaller one
 * rides in the payload. No T is `inline`, T = 0 is `store`; input and output of a worker are
 * decided independently. Such a policy is never overruled: an inline tensor that does not fit the
 * payload is an error that says so.
 *
 * `auto` leaves it to the master, which knows a network profile (share/chooser.h): it gives each
 * tensor a threshold of its own. Then a tensor that does not fit the payload takes the store.
 */
#ifndef FF_SHARE_POLICY_H
#define FF_SHARE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef enum ff_route { FF_ROUTE_INLINE, FF_ROUTE_STORE } ff_route;
#define FF_ROUTE_COUNT 2
const char *ff_route_name(ff_route route); /* "inline", "store" */

typedef enum ff_auto { FF_AUTO_OFF, FF_AUTO_P50, FF_AUTO_P99, FF_AUTO_COST } ff_auto;

typedef struct ff_policy {
    uint64_t threshold; /* bytes of the .npy; UINT64_MAX = inline, 0 = store */
    ff_auto automatic;  /* and what for; the threshold is then UINT64_MAX */
} ff_policy;

#define FF_POLICY_INLINE ((ff_policy){UINT64_MAX, FF_AUTO_OFF})
#define FF_POLICY_STORE  ((ff_policy){0, FF_AUTO_OFF})
#define FF_POLICY_TEXT   32 /* room for ff_policy_text */

/* "inline" (also "" and NULL), "store", a size ("0", "800KB", "1.5MiB"), "auto" (the median time),
 * "auto-p99", "auto-cost". FF_USAGE for another word. */
ff_code ff_policy_parse(const char *text, ff_policy *out, ff_err *err);
/* What parse reads, a threshold in bytes. Returns text. */
const char *ff_policy_text(ff_policy policy, char *text, size_t size);
/* The route of a tensor whose .npy has so many bytes. */
static inline ff_route ff_policy_route(ff_policy policy, uint64_t npy_bytes)
{
    return policy.threshold != UINT64_MAX && npy_bytes >= policy.threshold ? FF_ROUTE_STORE
                                                                           : FF_ROUTE_INLINE;
}

#endif
