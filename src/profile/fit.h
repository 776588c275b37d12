/*
 * From measured transfers to a leg's figures: fixed cost, rate, and their p99.
 *
 * p50: Theil-Sen (the median of the slopes between pairs of samples, then the median of what is
 * left), so that up to 29 % of outliers do no harm. Where the first bytes go at another rate than
 * the rest, a knee is tried: it is kept if it takes a fifth off the sum of absolute residuals.
 * p99: quantile regression of the time on the p50 line's variable part, so that fixed cost and rate
 * each get a p99 (exactly the leg's model). With fewer than 100 samples p99 is about the maximum.
 *
 * Samples of one size (or nearly) tell no slope: then a prior's line is scaled to fit them.
 */
#ifndef FF_PROFILE_FIT_H
#define FF_PROFILE_FIT_H

#include "profile/network.h"

#define FF_FIT_MIN_SAMPLES 3
#define FF_FIT_MAX_SAMPLES 1000000

typedef struct ff_fit_sample {
    double bytes; /* of the tensor as sent, before base64 */
    double ms;
} ff_fit_sample;

typedef struct ff_fit {
    double fixed_ms;       /* p50, never negative */
    double ms_per_mb;      /* p50, behind the head */
    double head_bytes;     /* 0 = no knee */
    double head_ms_per_mb; /* of the first head_bytes */
    double fixed_p99_ms;   /* >= fixed_ms */
    double slow_ratio;     /* >= 1: p99 of the variable part over its p50 */
    int samples;
    bool scaled;                            /* a prior, scaled */
    double mean_abs_error;                  /* of the p50 line: mean of |measured / line - 1| */
    double ratio_p10, ratio_p90, ratio_p99; /* quantiles of measured / line */
} ff_fit;

/* prior: NULL where there is none. seed: for the choice of pairs where there are over 20,000.
 * FF_FORMAT: too few samples (one is enough with a prior), or one that is negative or not finite;
 * FF_UNSUPPORTED: one size only, and no prior; FF_NO_MEMORY. */
ff_code ff_fit_samples(const ff_fit_sample *samples, int count, const ff_fit *prior, uint64_t seed,
                       ff_fit *out, ff_err *err);
double ff_fit_p50_ms(const ff_fit *fit, double bytes);
double ff_fit_p99_ms(const ff_fit *fit, double bytes);
/* The size from which b is no slower than a at p50; 0 = always, INFINITY = never (up to 16 GiB). */
double ff_fit_crossover(const ff_fit *a, const ff_fit *b);
/* Writes the fit into a leg: fixed cost, rate, head. The source string is copied into arena. */
void ff_fit_apply(const ff_fit *fit, ff_leg *leg, ff_arena *arena, const char *source);

typedef struct ff_fit_confidence {
    double bytes;         /* of the fits to all samples */
    double low, high;     /* 5 % and 95 % of the refits lie below; 0 and INFINITY are possible */
    double always, never; /* shares of the refits without a size between */
} ff_fit_confidence;

/* Bootstrap: both sets drawn again with replacement (knees stay where all samples have them),
 * `rounds` times (200 is enough). */
ff_code ff_fit_crossover_confidence(const ff_fit_sample *a, int a_count, const ff_fit_sample *b,
                                    int b_count, int rounds, uint64_t seed, ff_fit_confidence *out,
                                    ff_err *err);

#endif
