/*
 * What a stage costs: time, money, memory; from data only.
 *
 * A stage's load (what its pieces compute, hold and move) comes from the graph and the compute
 * profile, by plan_sweep.h for the search or from the pieces themselves (plan_exact.h). A coster
 * turns a load into a cost under a target: network, memory of the functions, quantile. The same for
 * every planner, for explaining and for simulating.
 *
 * Time of a stage with workers (means; with `tail` the transfers' p99):
 *
 *   serial   the master's own work: it slices and encodes what each worker gets, one after the
 *            other, and decodes and places what comes back
 * + max( own piece,                                      where the master computes piece 0
 *        decode + compute + encode of the slowest piece  at a worker
 *        + route: the slowest of n workers' transfers, requests and responses together )
 *
 * Every worker is charged with the largest part of each tensor that goes to one, and the slowest
 * piece of those that do. Codec work is
 * serial: a function with less than one vCPU is slower by that. All tensors of one payload share
 * its limit; the largest ones go by the store where that is cheaper, or where they do not fit.
 */
#ifndef FF_PLAN_PLAN_COST_H
#define FF_PLAN_PLAN_COST_H

#include "base/limits.h"
#include "plan/plan_wait.h"
#include "profile/compute.h"

#define FF_LOAD_TENSORS                                                                            \
    12 /* that enter or leave a stage one by one; further ones share the last                      \
        */
/* Of a function besides weights, activations and payloads: the program and ONNX Runtime. */
#define FF_PLAN_RUNTIME_BYTES (80.0 * 1048576)
/* Of a package besides weights: ONNX Runtime (46 MB), the program and its other libraries. */
#define FF_PLAN_PROGRAM_BYTES 56e6

/* What is planned for. Borrowed by all that take it. */
typedef struct ff_plan_target {
    const ff_net_profile *net;
    const ff_compute_profile *compute;
    const ff_net_profile *codec; /* whose encoding and decoding count; NULL = net's */
    double master_mb, worker_mb; /* MiB */
    double package_limit_bytes;  /* 0 = none */
    bool tail;                   /* stages by their p99 */
    bool cold;                   /* every worker starts first */
    bool inline_only;            /* nothing goes by the store */
    bool store_only;             /* all tensors do */
} ff_plan_target;

/* Parts of one tensor that go to, or come from, the pieces; bytes. */
typedef struct ff_load_tensor {
    double most;  /* the largest part */
    double sum;   /* all parts */
    double first; /* piece 0's */
    double rest;  /* the largest of the others */
    int id;       /* which one, where who made the load tells */
} ff_load_tensor;

/* Times are ms on the compute profile's machine, sizes bytes. */
typedef struct ff_stage_load {
    int pieces; /* 0 = local: the master computes all */
    double work_ms, work_sum_ms, work_first_ms, work_rest_ms; /* slowest, all, 0, slowest but 0 */
    double weights, weights_first;         /* of the piece with most; of piece 0 */
    double activations, activations_first; /* live at once; piece 0's */
    double held;                           /* tensors that the master holds meanwhile, whole */
    int in_count, out_count;
    ff_load_tensor in[FF_LOAD_TENSORS], out[FF_LOAD_TENSORS]; /* largest first */
} ff_stage_load;

void ff_load_add(ff_load_tensor *tensors, int *count, const ff_load_tensor *more);

/* The bound that a stage breaks. */
typedef enum ff_bound {
    FF_BOUND_NONE,
    FF_BOUND_WORKER_MEMORY,
    FF_BOUND_WORKER_PACKAGE,
    FF_BOUND_REQUEST, /* a payload, and the store, if any, cannot hold what is sent */
    FF_BOUND_RESPONSE,
    FF_BOUND_MASTER_MEMORY,
    FF_BOUND_MASTER_PACKAGE
} ff_bound;

typedef struct ff_stage_cost {
    int workers;               /* pieces that are sent away */
    bool own;                  /* the master computes piece 0 */
    int in_stored, out_stored; /* so many of the largest tensors go by the store */
    double compute_ms;         /* of what the stage waits for */
    double codec_ms;           /* its worker's decoding and encoding */
    double route_ms;           /* of the rest of the waiting: transfers */
    double serial_ms;          /* the master's slicing, encoding, decoding, placing */
    double mean_ms;            /* the four together */
    double tail_ms;            /* p99 of the whole */
    double worker_usd;         /* workers, their requests, the store */
    double usd;                /* and the master meanwhile */
    double master_weights;     /* bytes that stay with the master */
    double master_held;        /* bytes of activations and tensors there at once */
} ff_stage_cost;

typedef struct ff_coster {
    const ff_plan_target *target;
    ff_wait *wait;
    double master_scale, worker_scale;              /* compute: profile's machine to function */
    double master_codec, worker_codec;              /* codec: one vCPU to function */
    double encode_inline, decode_inline;            /* ms a byte */
    double encode_stored, decode_stored;            /* ms a byte */
    double slice, place;                            /* ms a byte: "slice", "place" of the profile */
    double master_usd_ms;                           /* usd a ms */
    double request_most, response_most, store_most; /* bytes of tensor */
    double *least_wait; /* by workers: ms for transfers of nothing; 0 = not asked for yet */
} ff_coster;

void ff_coster_init(ff_coster *c, const ff_plan_target *target);
void ff_coster_clean(ff_coster *c); /* accepts zeroed memory */

/* The stage at its fastest, or at its cheapest (the faster way of equally cheap ones, and so on).
 * False: bound (may be NULL) tells what it breaks, by bytes above the bound in *over. */
bool ff_stage_cost_of(const ff_coster *c, const ff_stage_load *load, bool own, bool cheapest,
                      ff_stage_cost *out, ff_bound *bound, double *over);
/* The time that counts under the target. */
double ff_stage_cost_ms(const ff_coster *c, const ff_stage_cost *cost);
/* No way of running the load at workers takes less. */
double ff_stage_least_ms(const ff_coster *c, const ff_stage_load *load);

/* Does a master with so many bytes of weights and so many held beside them fit? over as above. */
bool ff_master_fits(const ff_coster *c, double weights, double held, ff_bound *bound, double *over);
/* "the memory of a worker", "the package of a worker" ... */
const char *ff_bound_text(ff_bound bound);
/* The bound's size in bytes. */
double ff_bound_bytes(const ff_coster *c, ff_bound bound);

#endif
