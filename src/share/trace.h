/*
 * What one request did: times and bytes of every stage, piece and tensor; as JSON in the master's
 * reply ("trace": true) and summed up in its log line. Times are of the monotonic clock, in ns;
 * strings are borrowed; arrays are the arena's.
 *
 * {"request_id", "policy", "total_ms", "bytes": {"inline", "store"}, "tensors": {"inline",
 * "store"}, "auto": {"requests", "tensors", "explored", "changes", "refits", "regret_ms" or
 * "regret_usd"}, under policy auto: since the master began (ff_chooser_stats) "inputs": [tensor],
 * "outputs": [tensor],                             between client and master "stages": [{"split",
 * "start_ms", "ms", "pieces": [{"function", "start_ms", "ms", "attempts", "invoke_ms",
 * "request_bytes", "response_bytes", "compute_ms", "worker": {times} or null, "inputs": [tensor],
 * "outputs": [tensor]}]}]} tensor: {"name", "bytes", "route", "encode_ms", "decode_ms", "put_ms" or
 * "get_ms", "attempts"; under policy auto "explored": true?, "predicted_ms", "actual_ms"}
 *
 * predicted and actual are of the message that carried the tensor, by the tensor's route, without
 * encoding. The worker's own times are sums over its tensors. bytes are those of the .npy.
 */
#ifndef FF_SHARE_TRACE_H
#define FF_SHARE_TRACE_H

#include "share/chooser.h"

typedef struct ff_trace_piece {
    const char *function;
    int64_t start_ns, end_ns;
    int64_t invoke_ns;  /* from the start of the call to its whole answer; 0 for a local piece */
    int64_t compute_ns; /* of a local piece */
    int attempts;
    uint64_t request_bytes, response_bytes; /* payloads */
    ff_env_times worker;
    int in_count, out_count;
    ff_moved *in, *out; /* NULL for a local piece */
} ff_trace_piece;

typedef struct ff_trace_stage {
    const char *split;
    int64_t start_ns, end_ns;
    int piece_count;
    ff_trace_piece *piece;
} ff_trace_stage;

typedef struct ff_trace {
    ff_arena *arena;
    const char *request_id;
    ff_policy policy;
    ff_chooser_stats stats; /* policy auto */
    int64_t start_ns, end_ns;
    int in_count, out_count;
    ff_moved *in, *out;
    int stage_count;
    ff_trace_stage *stage;
} ff_trace;

typedef struct ff_trace_sum {
    uint64_t bytes[FF_ROUTE_COUNT]; /* indexed by ff_route */
    int tensors[FF_ROUTE_COUNT];
} ff_trace_sum;

void ff_trace_init(ff_trace *trace);
void ff_trace_clean(ff_trace *trace); /* accepts zeroed memory, and twice */
ff_trace_sum ff_trace_total(const ff_trace *trace);
/* Appends the JSON. FF_NO_MEMORY. */
ff_code ff_trace_emit(const ff_trace *trace, ff_buf *out, ff_err *err);

#endif
