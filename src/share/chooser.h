/*
 * Policy auto: which route each tensor takes between a master and its workers.
 *
 * All tensors that travel at once one way (a stage's inputs, or its outputs) are a group: its size
 * of fan-out, and the smallest and largest of its tensors. Under each objective both routes'
 * figures (ff_net_edge_figure, encoding counted) are straight lines through those two sizes; where
 * they cross is the threshold. The other route must be better by 5 %, and by the learned figures'
 * own standard error, before a tensor changes to it.
 *
 * It learns: every answer tells what its transfers took (share/estimate.h), and of each way one
 * tensor in 50 is sent by the other route, so that this is known too: only where that is thought to
 * take at most 8 times as long. So a profile that is wrong, or becomes so, does not stay.
 *
 * One for all requests of a deployment's master; any thread; nothing blocks but the lock.
 */
#ifndef FF_SHARE_CHOOSER_H
#define FF_SHARE_CHOOSER_H

#include "profile/network.h"
#include "share/share.h"

typedef struct ff_chooser ff_chooser;

typedef struct ff_chooser_options {
    double master_mb, worker_mb;   /* for auto-cost */
    size_t max_request, max_reply; /* payload bytes; 0 = no limit */
    double dilation; /* the clock runs so many times slower than the profile's; 0 = 1 */
    bool fixed;      /* nothing is learned, and nothing explored */
} ff_chooser_options;

/* The profile is copied. */
ff_chooser *ff_chooser_new(const ff_net_profile *profile, const ff_chooser_options *options);
void ff_chooser_free(ff_chooser *chooser); /* accepts NULL */

/* Before the first request: a group, and a message of it (between the master and one worker) with
 * so many tensors, of these bytes (.npy). Each returns its number. */
int ff_chooser_add_group(ff_chooser *chooser, ff_net_way way, int fan, uint64_t least_bytes,
                         uint64_t most_bytes);
int ff_chooser_add_message(ff_chooser *chooser, int group, const uint64_t *bytes, int count);

/* Makes all lines for the medians, so that the first request need not; may be left out. */
void ff_chooser_ready(ff_chooser *chooser);

/* A request begins; returns its number. */
int64_t ff_chooser_begin(ff_chooser *chooser);
/* A bit of work that waits for an idle moment: refitting, one group's lines; up to some
 * milliseconds. False where there is none. Until it is done the lines stay as they were. */
bool ff_chooser_idle(ff_chooser *chooser);
/* The message's thresholds, one a tensor; explored is filled: which tensors' turn it is. */
void ff_chooser_thresholds(ff_chooser *chooser, int message, ff_auto objective,
                           uint64_t *thresholds, bool *explored);

/* A worker's task that has ended: what went there and came back. in and out are completed. */
typedef struct ff_chooser_trip {
    int request, response; /* messages */
    int64_t number;        /* of the request */
    ff_moved *in, *out;
    double invoke_ms; /* from the call to its answer */
    ff_env_times worker;
    bool usable; /* one attempt, warm: something may be learned */
} ff_chooser_trip;
void ff_chooser_learn(ff_chooser *chooser, const ff_chooser_trip *trip);
typedef struct ff_chooser_stats {
    int64_t requests, tensors, explored, changes; /* changes: of a tensor's route, by choice */
    int refits;                                   /* that changed a line by 2 % and more */
    /* Summed over tensors, by objective (ms of the clock, or usd for cost): by how much the other
     * route is thought better, by what is known when the answer is there. */
    double regret[FF_AUTO_COST + 1];
} ff_chooser_stats;
ff_chooser_stats ff_chooser_stats_of(ff_chooser *chooser);

#endif
