/*
 * Times in milliseconds as distributions of few parameters. Plain values; nothing allocates.
 *
 * LOGNORMAL  shift + sum over i of scale[i] * exp(sigma[i] * z), one standard normal z for both
 *            terms: a fixed cost and a cost by bytes that are slow together. So every quantile of
 *            "fixed + bytes / bandwidth" is affine in bytes, and p50 and p99 fit it exactly.
 * EXPONNORM  shift + sd * z + sd * k * e, e standard exponential: scipy's exponnorm(k, loc, scale)
 *            with loc = shift and scale = sd (Gillis's invoke times). May be negative in its tail.
 *
 * A score is the standard normal quantile of a probability: score 0 is p50, 2.326 is p99.
 */
#ifndef FF_PROFILE_DIST_H
#define FF_PROFILE_DIST_H

#include <stdbool.h>

#include "base/random.h"

#define FF_SCORE_P99 2.3263478740408408

typedef enum ff_dist_kind { FF_DIST_LOGNORMAL, FF_DIST_EXPONNORM } ff_dist_kind;

typedef struct ff_dist {
    ff_dist_kind kind;
    bool minus; /* in a sum: taken off. The functions below ignore it but ff_dist_mean_signed. */
    double shift_ms;
    double scale_ms[2]; /* LOGNORMAL: medians of the terms; 0 = no such term */
    double sigma[2];
    double k; /* EXPONNORM; 0 = a normal distribution */
    double sd_ms;
} ff_dist;

ff_dist ff_dist_sure(double ms);
/* 0 <= p50 <= p99; p50 = 0 needs p99 = 0. */
ff_dist ff_dist_lognormal(double p50_ms, double p99_ms);
/* fixed + variable, slow together; the same conditions on each. */
ff_dist ff_dist_affine(double fixed_p50_ms, double fixed_p99_ms, double variable_p50_ms,
                       double variable_p99_ms);
ff_dist ff_dist_exponnorm(double k, double loc_ms, double sd_ms);

bool ff_dist_is_sure(const ff_dist *d);
double ff_dist_mean(const ff_dist *d);        /* closed form */
double ff_dist_mean_signed(const ff_dist *d); /* negative where it is taken off */
/* The time at a score, and back; -INFINITY and INFINITY outside the support. */
double ff_dist_at_score(const ff_dist *d, double score);
double ff_dist_score(const ff_dist *d, double ms);
/* The probabilities of a time up to ms, and above it, each to its own precision. */
void ff_dist_tails(const ff_dist *d, double ms, double *below, double *above);
double ff_dist_cdf(const ff_dist *d, double ms);
double ff_dist_quantile(const ff_dist *d, double p); /* 0 < p < 1 */
double ff_dist_sample(const ff_dist *d, ff_random *random);

/* The standard normal distribution, to double precision in both tails. */
double ff_normal_cdf(double score);
double ff_normal_score(double p);                  /* 0 < p < 1 */
double ff_normal_score_of(double p, double above); /* above = 1 - p, where that is known better */

#endif
