/*
 * Compute profiles: what each op costs on one function's CPU.
 *
 * ms = max(0, fixed_ms + (ms_per_gmac * GMAC + ms_per_mweight * 10^6 weights
 *      + ms_per_melem_in * 10^6 elements read + ms_per_melem_out * 10^6 written
 *      + ms_per_mpatch * 10^6 elements gathered + ms_per_mb * MB moved) / efficiency(tile))
 *
 * The Gillis form, ms = a * x + b with x in units of 1024, is this with one coefficient:
 * a * 10^9/1024 per GMAC, a * 10^6/1024 per million weights or elements; both are exact decimals.
 *
 * {"format": 1, "kind": "compute", "name": "...", "about": "...", "machine": "...", "threads": 1,
 *  "vcpu_gmac_per_s": FIG, "kernel": "...",
 *  "holdout": {"pieces": 40, "mean_abs_error": 0.06, "max_abs_error": 0.2} (optional),
 *  "ops": [{"op": "Conv", "fixed_ms": 0.703, "ms_per_gmac": 64.4, ..., "efficiency":
 *           [[49, 0.4], [3136, 1]], "r2": 0.98, "samples": 120, "source": "..."}, ...]}
 *
 * Coefficients that are absent are 0. "op" names what the entry is for; a node takes the first of
 *   "Conv+Relu"  what it costs within a run that ONNX Runtime fuses (ff_work.fused): a Relu behind
 * a Conv; one of the runtime's own ops ("Gelu"); "free", which vanishes in the run "Conv 1x1"   its
 * op type and kind (ff_work.kind) "Conv"       its op type
 *   "*"          every op that has no entry.
 * In lower case, ours: "encode" and "decode" (a tensor to and from its payload), of kind "raw" to
 * and from an object; "run" (what a session's run costs beside its ops). efficiency: [tile
 * elements, factor in (0, 1]] with rising sizes; between them a straight line over the logarithm of
 * the size, outside them the nearest. Same rules as network.h: unknown, repeated, missing, absurd
 * members are refused by name.
 */
#ifndef FF_PROFILE_COMPUTE_H
#define FF_PROFILE_COMPUTE_H

#include "profile/network.h"

#define FF_MAX_COMPUTE_OPS        1024
#define FF_MAX_COMPUTE_EFFICIENCY 32

typedef struct ff_efficiency {
    double tile_elems;
    double factor;
} ff_efficiency;

typedef struct ff_compute_op {
    const char *op;
    double fixed_ms; /* may be negative: a fit's intercept */
    double ms_per_gmac;
    double ms_per_mweight;
    double ms_per_melem_in, ms_per_melem_out;
    double ms_per_mpatch;
    double ms_per_mb;
    int efficiency_count; /* 0 = 1 everywhere */
    ff_efficiency *efficiency;
    double r2;      /* of the fit; 0 = not known */
    double samples; /* 0 = not known */
    const char *source;
} ff_compute_op;

typedef struct ff_holdout {
    double pieces;                        /* 0 = none was held out */
    double mean_abs_error, max_abs_error; /* ratios of the measured time */
} ff_holdout;

typedef struct ff_compute_profile {
    ff_arena *arena;
    const char *name;
    const char *about;
    const char *machine;
    double threads;
    const char *kernel; /* what vcpu_gmac_per_s was measured with */
    ff_figure vcpu_gmac_per_s;
    ff_holdout holdout;
    int op_count;
    ff_compute_op *ops;
} ff_compute_profile;

/* What one node (or fused run) does, as the graph counts it. */
typedef struct ff_work {
    const char *op;
    uint64_t macs;
    uint64_t weight_elems;
    uint64_t in_elems;    /* of its first input */
    uint64_t out_elems;   /* of its first output */
    uint64_t moved_bytes; /* all inputs, weights and outputs */
    uint64_t tile_elems;  /* output height x width; 0 = no map */
    uint64_t patch_elems; /* of the matrix that a convolution is unrolled to; of a pool's windows */
    const char *kind;     /* "1x1", "depthwise", "row" ...; NULL = none */
    const char *fused;    /* its entry within a fused run; NULL = it is in none */
} ff_work;

ff_code ff_compute_profile_parse(ff_bytes json, ff_compute_profile **out, ff_err *err);
/* Reads back as an equal profile; FF_FORMAT where parse would refuse it. */
ff_code ff_compute_profile_emit(const ff_compute_profile *p, ff_buf *json, ff_err *err);
bool ff_compute_profile_equal(const ff_compute_profile *a, const ff_compute_profile *b);
void ff_compute_profile_free(ff_compute_profile *p); /* accepts NULL */

/* The entry of that name, else that of "*", else NULL. */
const ff_compute_op *ff_compute_find(const ff_compute_profile *p, const char *op);
/* The entry that the work is charged by, in the order told above; NULL where there is none. */
const ff_compute_op *ff_compute_entry(const ff_compute_profile *p, const ff_work *work);
/* ms on the profile's own machine. FF_NOT_FOUND names the op that has no entry. */
ff_code ff_compute_predict(const ff_compute_profile *p, const ff_work *work, double *ms,
                           ff_err *err);
/* 1 without a table, or a tile. */
double ff_compute_efficiency(const ff_compute_op *op, double tile_elems);
double ff_compute_op_ms(const ff_compute_op *op, const ff_work *work);
/* By what to multiply such a time for a function of this memory on the network profile's platform:
 * the ratio of the speeds (threads x GMAC/s against its share of vCPUs x GMAC/s). */
double ff_compute_scale(const ff_compute_profile *p, const ff_net_profile *net, double memory_mb);

#endif
