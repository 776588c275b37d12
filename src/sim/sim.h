/*
 * A plan in virtual time: many requests, their arrivals, cold starts and tails.
 *
 * A model is what a plan's functions do under a network, compute and memory; made once, from the
 * plan's exact pieces. A run draws every transfer from the profile's distributions. A stage takes
 * what plan_cost.h says, but each call meets an instance of its piece's function: an idle one (the
 * one used last), else one that starts, else, where so many may run and do, it waits its turn. An
 * instance serves one request at a time. A master's bucket of burst bytes is what it left over.
 * O(events log events); equal numbers for equal seeds. Opens no file.
 */
#ifndef FF_SIM_SIM_H
#define FF_SIM_SIM_H

#include "plan/plan.h"

#define FF_SIM_MAX_REQUESTS  1000000
#define FF_SIM_MAX_CLIENTS   10000
#define FF_SIM_MAX_INSTANCES 100000

typedef struct ff_sim_model ff_sim_model;

/* Routes are those that the plan's prediction would choose under the target; with threshold >= 0,
 * tensors of which a part has that many bytes go by the store. The plan's memory sizes count where
 * it has some. FF_LIMIT: a bound that a stage breaks; FF_NOT_FOUND: an op without an entry. */
ff_code ff_sim_model_new(const ff_plan *plan, const ff_graph *g, const ff_plan_target *target,
                         double threshold, ff_sim_model **out, ff_err *err);
void ff_sim_model_free(ff_sim_model *m); /* accepts NULL */

typedef struct ff_sim_options {
    int requests;
    int clients;        /* closed loop: each asks again when it is answered; 0 = open loop */
    double interval_ms; /* open loop: between arrivals ... */
    bool poisson;       /* ... on average, else always */
    int burst;          /* requests of one arrival; 0 = 1 */
    int instances;      /* of one function at most; 0 = no bound */
    double idle_ms;     /* an instance that idles longer is gone */
    bool warm;          /* nothing starts cold */
    uint64_t seed;
} ff_sim_options;

typedef enum ff_sim_cause {
    FF_SIM_COMPUTE, /* of the piece that a stage waited for */
    FF_SIM_ROUTE,   /* its transfers */
    FF_SIM_SERIAL,  /* slicing, placing, encoding, decoding */
    FF_SIM_WAITING, /* for an instance, where their number is bounded */
    FF_SIM_COLD,    /* starts on the path that was waited for */
    FF_SIM_CAUSES
} ff_sim_cause;

typedef struct ff_sim_result {
    int requests;
    double mean_ms, p50_ms, p90_ms, p99_ms, p999_ms, max_ms;
    double error_ms;                /* standard error of the mean, of independent requests */
    double cause_ms[FF_SIM_CAUSES]; /* means; they add up to mean_ms */
    double span_ms;                 /* from the first arrival to the last answer */
    double per_second;              /* answers, over the span */
    uint64_t cold_starts;           /* of all functions */
    int masters;                    /* busy at once, at most */
    double usd;                     /* of one request, on average */
} ff_sim_result;

/* FF_USAGE names the option at fault. */
ff_code ff_sim_run(const ff_sim_model *m, const ff_sim_options *options, ff_sim_result *out,
                   ff_err *err);

#endif
