/*
 * A network profile that learns: its four legs refitted from a deployment's own transfers.
 *
 * Of each leg the last 32 samples of the last 40 requests count. Those of small messages scale the
 * leg's fixed cost, those of tensors its rate (or both, where there are no small ones), by the
 * median of measured / line, drawn towards 1 while samples are few (n / (n + 1)); but samples that
 * are faster than one in a hundred say that the line is wrong, and count whole, for tails are slow
 * ones. Eight tensors or more of several sizes are fitted anew (profile/fit.h) where that explains
 * them better. p99 keeps its ratio to p50. When samples have aged, what they taught is what the
 * next ones are compared with.
 *
 * Plain state, no lock: who owns it guards it. Legs that are not lognormal are not learned.
 */
#ifndef FF_SHARE_ESTIMATE_H
#define FF_SHARE_ESTIMATE_H

#include "profile/fit.h"

#define FF_ESTIMATE_WINDOW   32
#define FF_ESTIMATE_REQUESTS 40

typedef enum ff_est_leg { FF_EST_REQUEST, FF_EST_RESPONSE, FF_EST_PUT, FF_EST_GET } ff_est_leg;
#define FF_EST_LEGS 4

typedef struct ff_est_sample {
    double bytes, ms; /* as if alone, on one connection */
    int64_t request;  /* its number */
} ff_est_sample;

typedef struct ff_est_state {
    ff_fit base; /* what samples are compared with */
    ff_fit now;
    ff_est_sample ring[FF_ESTIMATE_WINDOW];
    int count, next;
    bool fixed_learned, rate_learned; /* since base */
    double doubt; /* relative standard error of now; 0 = no sample of a tensor */
} ff_est_state;

typedef struct ff_estimate {
    ff_net_profile *profile; /* own copy, as learned so far */
    bool learns;
    ff_est_state leg[FF_EST_LEGS];
} ff_estimate;

void ff_estimate_init(ff_estimate *e, const ff_net_profile *profile);
void ff_estimate_clean(ff_estimate *e);

/* p50 of one transfer of so many bytes by the leg, among `sharing` of the same function. */
double ff_estimate_ms(const ff_estimate *e, ff_est_leg leg, double bytes, int sharing);
/* It took so long. */
void ff_estimate_note(ff_estimate *e, ff_est_leg leg, double bytes, int sharing, double ms,
                      int64_t request);
/* Refits the legs that have samples. Returns by how much a p50 has changed at most, as a ratio less
 * 1; the profile is updated where that is over 0. */
double ff_estimate_refit(ff_estimate *e, int64_t request);

#endif
