/*
 * Network profiles: what it costs, in time and money, to move a tensor between two functions.
 *
 * A profile is data: profiles/<name>.json, given as bytes. Each figure carries its source. Times
 * are ms, sizes bytes, rates MB/s on the wire (1 MB = 1,000,000 bytes), money usd. "p50" and "p99"
 * are quantiles of the time, so that a rate's p99 is the lower one.
 *
 * {"format": 1, "kind": "network", "name": "aws-lambda", "about": "...", "shaped": true,
 *  "inline": {"request": LEG, "response": LEG, "encode_ms_per_mb": FIG, "decode_ms_per_mb": FIG},
 *  "store":  {"put": LEG, "get": LEG, "connections": FIG, "part_bytes": FIG,
 *             "encode_ms_per_mb": FIG, "decode_ms_per_mb": FIG},
 *  "function": {"up": NIC, "down": NIC, "cold_start_ms": SPREAD, "kernel": "...",
 *               "vcpu_gmac_per_s": FIG, "mb_per_vcpu": FIG, "min_memory_mb": FIG,
 *               "max_memory_mb": FIG, "package_limit_bytes": FIG},
 *  "price": {"gb_second_usd", "request_usd", "put_usd", "get_usd", "write_gb_usd", "read_gb_usd",
 *            "billing_ms": FIG each}}
 *
 * FIG    {"value": 1.5, "source": "..."}; a value of null is "none" where the table below allows it
 * SPREAD {"p50": 11, "p99": 18.7, "source": "..."}
 * FIXED  SPREAD, or {"k", "k_per_mb", "loc_ms", "loc_ms_per_mb", "sd_ms", "sd_ms_per_mb", "source"}
 *        (exponnorm, its parameters straight lines in the tensor's MB)
 * LEG    {"fixed_ms": FIXED, "less_ms": FIXED (optional), "mb_per_s": SPREAD or null,
 *         "head_bytes": FIG, "head_mb_per_s": SPREAD (both or neither), "function_mb_per_s": FIG,
 *         "encoding_factor": FIG, "limit_bytes": FIG}
 * NIC    {"burst_bytes": FIG, "burst_mb_per_s": FIG, "sustained_mb_per_s": FIG}
 *
 * Every member is required but those said to be optional; unknown and repeated members are refused.
 */
#ifndef FF_PROFILE_NETWORK_H
#define FF_PROFILE_NETWORK_H

#include "base/buf.h"
#include "base/mem.h"
#include "profile/sum.h"

#define FF_MAX_PROFILE_BYTES  ((size_t)1 << 20)
#define FF_NET_ENVELOPE_BYTES 4096 /* of a payload, kept for what is around the tensors */

typedef struct ff_figure {
    double value;       /* INFINITY = none (no bound, no cost by rate) */
    const char *source; /* NULL = the member is optional and absent */
} ff_figure;

typedef struct ff_spread {
    double p50, p99;
    const char *source;
} ff_spread;

typedef struct ff_fixed {
    ff_dist_kind kind;
    double p50, p99;                              /* LOGNORMAL */
    double k, loc_ms, sd_ms;                      /* EXPONNORM, at 0 bytes ... */
    double k_per_mb, loc_ms_per_mb, sd_ms_per_mb; /* ... and its slopes, by MB of tensor */
    const char *source;
} ff_fixed;

/* One way of a transfer: an invoke's request or response, a PUT, a GET. */
typedef struct ff_leg {
    ff_fixed fixed_ms;
    ff_fixed less_ms;        /* optional: a time taken off (Gillis: a return holds an empty call) */
    ff_spread mb_per_s;      /* of one connection; infinite = no cost by rate */
    ff_figure head_bytes;    /* optional: the first bytes of each connection ... */
    ff_spread head_mb_per_s; /* ... go at this rate */
    ff_figure function_mb_per_s; /* all transfers of one function on this leg together */
    ff_figure encoding_factor;   /* bytes on the wire per byte of tensor: 4/3 for base64 */
    ff_figure limit_bytes;       /* of one payload or object, on the wire */
} ff_leg;

/* A function's own network, per direction: a token bucket that begins full. */
typedef struct ff_nic {
    ff_figure burst_bytes;
    ff_figure burst_mb_per_s;
    ff_figure sustained_mb_per_s;
} ff_nic;

typedef struct ff_net_inline {
    ff_leg request, response;
    ff_figure encode_ms_per_mb, decode_ms_per_mb; /* by MB of tensor, on one vCPU */
} ff_net_inline;

typedef struct ff_net_store {
    ff_leg put, get;
    ff_figure connections; /* of one transfer at most ... */
    ff_figure part_bytes;  /* ... each carrying at least this */
    ff_figure encode_ms_per_mb, decode_ms_per_mb;
} ff_net_store;

typedef struct ff_net_function {
    ff_nic up, down;
    ff_spread cold_start_ms;
    const char *kernel; /* what vcpu_gmac_per_s was measured with */
    ff_figure vcpu_gmac_per_s;
    ff_figure mb_per_vcpu; /* memory (MiB) that comes with one vCPU */
    ff_figure min_memory_mb, max_memory_mb;
    ff_figure package_limit_bytes;
} ff_net_function;

typedef struct ff_net_price {
    ff_figure gb_second_usd; /* a GB of memory is 1024 MiB, as Lambda bills it */
    ff_figure request_usd;
    ff_figure put_usd, get_usd;
    ff_figure write_gb_usd, read_gb_usd; /* by 10^9 bytes in and out of the store */
    ff_figure billing_ms;                /* time is rounded up to a multiple */
} ff_net_price;

typedef struct ff_net_profile {
    ff_arena *arena; /* all strings */
    const char *name;
    const char *about;
    bool shaped; /* the local platform delays transfers to match; else only predicts */
    ff_net_inline inline_route;
    ff_net_store store;
    ff_net_function function;
    ff_net_price price;
} ff_net_profile;

/* FF_FORMAT names the member by its path, what was wanted and what was found; FF_LIMIT,
 * FF_UNSUPPORTED (another format). */
ff_code ff_net_profile_parse(ff_bytes json, ff_net_profile **out, ff_err *err);
/* Reads back as an equal profile. Figures that parse would refuse are FF_FORMAT here. */
ff_code ff_net_profile_emit(const ff_net_profile *p, ff_buf *json, ff_err *err);
bool ff_net_profile_equal(const ff_net_profile *a, const ff_net_profile *b);
/* A copy of its own arena, for those who refit figures. */
ff_net_profile *ff_net_profile_copy(const ff_net_profile *p);
void ff_net_profile_free(ff_net_profile *p); /* accepts NULL */

/* --- time --------------------------------------------------------------------------------- */

typedef enum ff_net_route { FF_NET_INLINE, FF_NET_STORE } ff_net_route;
typedef enum ff_net_way { FF_NET_REQUEST, FF_NET_RESPONSE } ff_net_way; /* from, to the master */

/* `fan` equal tensors between a master and as many workers at once, of `bytes` each as sent (after
 * any codec, before base64). */
typedef struct ff_edge {
    ff_net_route route;
    ff_net_way way;
    uint64_t bytes;
    int fan; /* >= 1 */
} ff_edge;

/* One transfer over a leg that `sharing` transfers of the same function use at once; nics: of the
 * sides that it passes, NULL = not passed; the second one is not shared. parts gets one or two
 * distributions (less_ms is the second). Returns their number. */
int ff_leg_parts(const ff_leg *leg, uint64_t bytes, int connections, int sharing,
                 const ff_nic *shared_nic, const ff_nic *other_nic, ff_dist parts[2]);

/* What one of the edge's transfers is made of. INLINE: the leg of its way. STORE: PUT, the control
 * message by the inline leg, GET. Independent; sum them with what else the worker does. */
#define FF_EDGE_PARTS 6
int ff_net_edge_parts(const ff_net_profile *p, const ff_edge *edge, ff_dist parts[FF_EDGE_PARTS]);
/* The slowest of the edge's transfers. fan 1: mean exact, quantiles as sum.h says. */
ff_slowest ff_net_edge_slowest(const ff_net_profile *p, const ff_edge *edge);
/* Draws one transfer; never negative. */
double ff_net_edge_sample(const ff_net_profile *p, const ff_edge *edge, ff_random *random);
/* Serial work of one vCPU, not in the above: the sender's encoding, the receiver's decoding. */
double ff_net_encode_ms(const ff_net_profile *p, ff_net_route route, uint64_t bytes);
double ff_net_decode_ms(const ff_net_profile *p, ff_net_route route, uint64_t bytes);
/* The largest tensor that a payload can hold, or an object. */
uint64_t ff_net_max_bytes(const ff_net_profile *p, ff_net_route route, ff_net_way way);
/* Connections that the store uses for one transfer. */
int ff_net_connections(const ff_net_profile *p, uint64_t bytes);

/* --- money -------------------------------------------------------------------------------- */

double ff_net_vcpus(const ff_net_profile *p, double memory_mb);
/* One invocation: time rounded up as billed, and the request. */
double ff_net_function_usd(const ff_net_profile *p, double ms, double memory_mb);
/* What the edge's transfers cost: the master waits for the slowest of them, each worker is billed
 * while it puts or gets (a payload reaches it before it starts and leaves when it has ended), and
 * the store's requests and bytes. No rounding, no request fee: the invocation happens anyway. */
double ff_net_edge_usd(const ff_net_profile *p, const ff_edge *edge, double master_mb,
                       double worker_mb);

/* --- choice ------------------------------------------------------------------------------- */

typedef enum ff_objective {
    FF_OBJECTIVE_MEAN,
    FF_OBJECTIVE_P50,
    FF_OBJECTIVE_P99,
    FF_OBJECTIVE_COST
} ff_objective;

typedef struct ff_choice_options {
    ff_net_way way;
    int fan;
    ff_objective objective;
    double master_mb, worker_mb; /* COST only */
    bool codec;                  /* count encoding and decoding too (the master's fan times) */
} ff_choice_options;

/* The edge's figure under the objective, in ms or usd. */
double ff_net_edge_figure(const ff_net_profile *p, ff_net_route route, uint64_t bytes,
                          const ff_choice_options *options);
/* The size from which the store is no dearer than the payload, whatever fits: 0 = always,
 * UINT64_MAX = at no size up to 16 GiB. Where both sides are straight lines this is the quotient
 * (difference of fixed) / (difference by byte), found in one step; elsewhere the search closes in
 * on it from there. */
uint64_t ff_net_crossover(const ff_net_profile *p, const ff_choice_options *options);

#endif
