/*
 * How long a master waits for n workers' transfers, by formula: what the planner's search can
 * afford to ask a million times.
 *
 * Each leg's mean, variance and third cumulant are tabulated by bytes (four knots an octave;
 * between them the mean, the deviation and the cube root of the third are straight lines).
 * Cumulants of independent legs add. The sum is taken for a shifted lognormal of the same three,
 * whose slowest of n is mean + deviation * kappa(n, skewness), tabulated.
 *
 * Tolerance (tests/plan/test_plan_wait.c, against profile/sum.h, on every shipped profile, n up to
 * 64): means within 1 %, p99 within 3 %; of exponnorm times within 3 % and 10 %. What a finished
 * plan reports is computed by sum.h.
 */
#ifndef FF_PLAN_PLAN_WAIT_H
#define FF_PLAN_PLAN_WAIT_H

#include "profile/network.h"

typedef struct ff_wait ff_wait;

/* What one worker is sent and sends back. A way without stored bytes uses the payload alone; with
 * some, they are put, the control message goes with what is inline, and they are fetched. */
typedef struct ff_wait_load {
    double in_inline, in_stored; /* bytes; in_stored 0 = nothing is stored */
    double out_inline, out_stored;
} ff_wait_load;

typedef struct ff_wait_time {
    double mean_ms, p99_ms; /* of the slowest of n */
} ff_wait_time;

/* Tables are made when first asked for. cold: every worker starts first. net is borrowed. */
ff_wait *ff_wait_new(const ff_net_profile *net, bool cold);
void ff_wait_free(ff_wait *wait); /* accepts NULL */

/* n from 1 to FF_MAX_TILES. */
ff_wait_time ff_wait_slowest(ff_wait *wait, int n, const ff_wait_load *load);

/* The same in steps, for those who try each way of a request with each way of a response. */
typedef struct ff_wait_sum {
    double mean, variance, third;
} ff_wait_sum;
ff_wait_sum ff_wait_request(ff_wait *wait, int n, double by_payload, double by_store);
ff_wait_sum ff_wait_response(ff_wait *wait, int n, double by_payload, double by_store);
ff_wait_time ff_wait_both(ff_wait *wait, int n, const ff_wait_sum *request,
                          const ff_wait_sum *response);
/* The mean time that one worker is awake for its stored bytes: its GET and its PUT. */
double ff_wait_awake_ms(ff_wait *wait, int n, const ff_wait_load *load);

/* The slowest of n of a distribution by its mean, variance and third cumulant. */
ff_wait_time ff_wait_of(double mean, double variance, double third, int n);
/* The p-quantile of one such. */
double ff_wait_quantile(double mean, double variance, double third, double p);

/* All legs of one worker's transfers, as distributions: at most FF_WAIT_PARTS. Returns their
 * number. What ff_wait_slowest stands for, for sum.h. */
#define FF_WAIT_PARTS 13
int ff_wait_parts(const ff_net_profile *net, bool cold, int n, const ff_wait_load *load,
                  ff_dist parts[FF_WAIT_PARTS]);

#endif
