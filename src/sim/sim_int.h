/*
 * What a run reads of a plan.
 */
#ifndef FF_SIM_SIM_INT_H
#define FF_SIM_SIM_INT_H

#include "sim/sim.h"

/* Transfers of one call, in their order. */
typedef enum sim_leg {
    SIM_PUT_IN, /* the master's */
    SIM_REQUEST,
    SIM_GET_IN,
    SIM_PUT_OUT,
    SIM_RESPONSE,
    SIM_GET_OUT, /* the master's */
    SIM_LEGS
} sim_leg;

typedef struct sim_part {
    int count; /* 0 = nothing goes this way */
    ff_dist part[2];
} sim_part;

typedef struct sim_worker {
    double work_ms, codec_ms;
    uint64_t bytes[SIM_LEGS];
    sim_part leg[SIM_LEGS]; /* with full buckets */
} sim_worker;

typedef struct sim_stage {
    double local_ms; /* of the master meanwhile: all, or its own piece */
    double before_ms, after_ms;
    double store_usd;
    double worker_mb;
    int first; /* function of worker 0 */
    int count;
    sim_worker *worker;
    double up_bytes, down_bytes; /* over the master's NIC, on the wire */
} sim_stage;

struct ff_sim_model {
    const ff_net_profile *net; /* borrowed */
    double master_mb;
    int stage_count, function_count; /* workers' functions */
    sim_stage *stage;
};

/* A leg when the master's bucket holds so many bytes (INFINITY: full). */
sim_part sim_leg_part(const ff_net_profile *net, sim_leg leg, uint64_t bytes, int sharing,
                      double bucket_bytes);

#endif
