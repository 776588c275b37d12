/*
 * The envelope: the JSON in which tensors travel between client, master and workers.
 *
 * task     master to worker   {"fanfold": 1, "deployment", "requestId", "timestamp", "stage",
 *                              "function", "policy", "thresholds"?, "deadlineMs",
 *                              "tensors": [...]}
 * result   worker to master   {"fanfold": 1, "requestId", "stage", "function", "tensors": [...],
 *                              "times": {"decode_ms", "get_ms", "compute_ms", "encode_ms",
 *                                        "put_ms", "cold"}}
 * request  client to master   {"tensors": [...], "fanfold"?: 1, "deployment"?, "requestId"?,
 *                              "policy"?, "trace"?: bool, "outputs"?: [name, ...]}
 * reply    master to client   {"fanfold": 1, "requestId", "tensors": [...], "latency_ms",
 *                              "trace"?: {...}}
 * Further, {"fanfold": "describe"} is a request for what there is (docs/sharing.md).
 *
 * A tensor: {"name", "dtype", "shape", "route": "inline", "codec": "raw", "crc32c": 8 hex digits,
 *            "data": base64 of a .npy}, or with "route": "store", "bytes" and "key" for "data".
 * thresholds go with policy auto: one a tensor of the result, in the manifest's order; bytes, null
 * = never through the store. The checksum is of the .npy. deadlineMs is in ms since the epoch;
 * absent or 0 = none. Unknown members are passed over, so that either side may be newer. An absent
 * policy means inline.
 */
#ifndef FF_SHARE_ENVELOPE_H
#define FF_SHARE_ENVELOPE_H

#include "base/json.h"
#include "share/key.h"
#include "share/policy.h"
#include "share/wire.h"

#define FF_ENVELOPE_FORMAT 1

typedef enum ff_env_kind { FF_ENV_TASK, FF_ENV_RESULT, FF_ENV_REQUEST, FF_ENV_REPLY } ff_env_kind;

typedef struct ff_env_tensor {
    const char *name;
    ff_dtype dtype;
    ff_shape shape;
    size_t data_bytes; /* of the elements: checked, but nothing of that size was allocated */
    ff_route route;
    uint32_t crc32c;
    ff_bytes data;   /* INLINE: base64, not yet looked at */
    const char *key; /* STORE: checked to lie in the folder that was given */
} ff_env_tensor;

typedef struct ff_env_times {
    double decode_ms, get_ms, compute_ms, encode_ms, put_ms;
    bool cold;
} ff_env_times;

/* Members that are absent are NULL, 0 or the default; those that a kind must have are there. */
typedef struct ff_envelope {
    ff_env_kind kind;
    bool describe; /* a request for the description; no other member counts */
    const char *deployment;
    const char *request_id;
    const char *timestamp;
    const char *function;
    int stage;
    ff_policy policy;
    int threshold_count; /* 0 = there are none */
    uint64_t *thresholds;
    int64_t deadline_ms;
    bool trace;
    int output_count; /* of names that a request asks for; 0 = all */
    const char **outputs;
    ff_env_times times;
    double latency_ms;
    yyjson_val *trace_json; /* of a reply, or NULL */
    int count;
    ff_env_tensor *tensor;
    yyjson_doc *doc; /* private: owns what is above, but data */
} ff_envelope;

/* data stays in payload, which must live as long as the envelope and is not changed. Keys must lie
 * in folder (FF_DENIED; NULL = none may come). Everything is bounded and checked except data,
 * which ff_recv_start decodes.
 * FF_FORMAT, FF_LIMIT, FF_UNSUPPORTED (format, codec, policy), FF_DENIED, FF_NO_MEMORY. */
ff_code ff_envelope_parse(ff_env_kind kind, const ff_buf *payload, const char *folder,
                          ff_envelope *out, ff_err *err);
void ff_envelope_clean(ff_envelope *envelope); /* accepts zeroed memory, and twice */
/* The tensor of that name, or NULL. */
const ff_env_tensor *ff_envelope_find(const ff_envelope *envelope, const char *name);
/* FF_FORMAT where a tensor is not of that type and shape: what was wanted, what was found. */
ff_code ff_env_tensor_expect(const ff_env_tensor *tensor, ff_dtype dtype, const ff_shape *shape,
                             ff_err *err);

/* ---- Emission: begin, tensors in any number, end; all appended to one buffer. ---- */

/* Members are those of the kind; NULL strings are left out. */
typedef struct ff_env_head {
    ff_env_kind kind;
    const char *deployment;
    const char *request_id;
    const char *timestamp;
    const char *function;
    int stage;
    const ff_policy *policy; /* NULL = absent */
    int threshold_count;
    const uint64_t *thresholds;
    int64_t deadline_ms;
    bool trace;
    int output_count;
    const char *const *outputs;
} ff_env_head;

ff_code ff_envelope_begin(ff_buf *out, const ff_env_head *head, ff_err *err);
/* At least as many bytes as add_inline or add_key appends for that tensor. */
size_t ff_envelope_room(const char *name, const ff_wire *wire, ff_route route);
/* Base64 is written in place, once. first: no tensor came before. */
ff_code ff_envelope_add_inline(ff_buf *out, const char *name, const ff_wire *wire, bool first,
                               ff_err *err);
ff_code ff_envelope_add_key(ff_buf *out, const char *name, const ff_wire *wire, uint32_t crc32c,
                            const char *key, bool first, ff_err *err);
/* members: further members' text, without the comma in front, or "". */
ff_code ff_envelope_end(ff_buf *out, const char *members, ff_err *err);
/* "times" as a member for a result's end; room for 200 bytes. Returns text. */
const char *ff_env_times_text(const ff_env_times *times, char *text, size_t size);

#endif
