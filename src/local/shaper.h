/*
 * The arithmetic of an emulated network: when have so many bytes of a transfer passed?
 *
 * Pure: time is a number of ms that the caller names and that never goes back; nothing waits, locks
 * or reads a clock. Transfers take what network.h says: a fixed cost, then bytes at the
 * connection's rate, both drawn with one normal score; all transfers of one function on a leg
 * divide its function_mb_per_s equally, all that pass its network in one direction divide that. So
 * an undisturbed transfer has the distribution of ff_leg_parts, and n equal ones that of `sharing`
 * n.
 *
 * A function's network has burst_bytes to send at its burst rate; then the sustained rate holds.
 * While nothing passes, bytes come back at the sustained rate (profiles do not tell how).
 *
 * Draws are of one stream by seed, function and leg (of an invoke: the invoked function's), so that
 * the n-th transfer of a function on a leg draws the same in every run with the same seed.
 */
#ifndef FF_LOCAL_SHAPER_H
#define FF_LOCAL_SHAPER_H

#include "profile/network.h"

#define FF_SHAPER_NOBODY UINT64_MAX

typedef enum ff_shaper_leg {
    FF_SHAPER_REQUEST,
    FF_SHAPER_RESPONSE,
    FF_SHAPER_PUT,
    FF_SHAPER_GET
} ff_shaper_leg;
#define FF_SHAPER_LEGS 4

typedef struct ff_shaper ff_shaper;
typedef struct ff_flow ff_flow;

typedef struct ff_transfer {
    ff_shaper_leg leg;
    uint64_t self;   /* the function that invokes, puts or gets; any number tells it from others */
    uint64_t peer;   /* REQUEST, RESPONSE: the function that is invoked; else NOBODY */
    uint64_t bytes;  /* on the wire */
    double start_ms; /* may lie in the past: what has really passed since then is taken off */
} ff_transfer;

ff_shaper *ff_shaper_new(const ff_net_profile *profile, uint64_t seed); /* profile is borrowed */
void ff_shaper_free(ff_shaper *shaper);                                 /* accepts NULL */

/* The flow is the shaper's until ff_shaper_end. */
ff_flow *ff_shaper_begin(ff_shaper *shaper, const ff_transfer *transfer, double now_ms);
/* 0: `bytes` of it have passed (0 bytes: its fixed cost is over). Else so many ms until it is worth
 * asking again: exact if nothing else begins or ends. */
double ff_shaper_wait_ms(ff_shaper *shaper, const ff_flow *flow, uint64_t bytes, double now_ms);
uint64_t ff_shaper_passed(ff_shaper *shaper, const ff_flow *flow, double now_ms);
/* Finished or given up: its share is free. */
void ff_shaper_end(ff_shaper *shaper, ff_flow *flow, double now_ms);

/* When the flow's last byte passed; negative where it has not yet. */
double ff_flow_end_ms(const ff_flow *flow);

double ff_shaper_cold_start_ms(ff_shaper *shaper, uint64_t function);
/* The function is no more: what is known of it is dropped, once its flows have ended. */
void ff_shaper_forget(ff_shaper *shaper, uint64_t function);

#endif
