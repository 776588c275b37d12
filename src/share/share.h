/*
 * Moving tensors: what goes into an envelope and what comes out of one, by either route.
 *
 * Sending cuts a region out of a tensor and writes it into the payload (base64, in place), or puts
 * it into the store and its key into the payload. Receiving is the reverse, checked on arrival.
 * Neither blocks: transfers are started here and end from within ff_http_poll of the store's
 * client (a directory store's before start returns). Poll until `pending` is 0, then look at
 * `code`. Not for two threads at once.
 *
 * Copies of a tensor's bytes in this process, beside those into and out of the kernel:
 *   inline  send 1 (tensor to base64 in the payload)   receive 1 (base64 to the tensor's region)
 *   store   send 1 (the region, made dense; 0 where it is contiguous already)
 *           receive 1 (object to the tensor's region; 0 where the object becomes the tensor)
 */
#ifndef FF_SHARE_SHARE_H
#define FF_SHARE_SHARE_H

#include "share/envelope.h"
#include "store/store.h"

/* What a deployment's functions and clients share. Read-only; strings and store are borrowed. */
typedef struct ff_share {
    ff_store *store;    /* NULL = none: all must travel inline */
    const char *prefix; /* in the store; "" = none */
    const char *deployment;
    char folder[FF_KEY_TEXT]; /* "<prefix>/<deployment>/" */
} ff_share;
/* Checks the names. */
ff_code ff_share_init(ff_share *share, ff_store *store, const char *prefix, const char *deployment,
                      ff_err *err);

/* What moving one tensor took. */
typedef struct ff_moved {
    const char *name; /* borrowed */
    uint64_t bytes;   /* of the .npy */
    ff_route route;
    int64_t encode_ns;   /* sender: slice, checksum, base64 */
    int64_t decode_ns;   /* receiver: base64, checksum, placing */
    int64_t transfer_ns; /* store: until PUT or GET had ended */
    int attempts;        /* store */
    bool automatic;      /* policy auto chose the route ... */
    bool explored;       /* ... or tried the other one */
    double predicted_ms; /* automatic: of the message by this route, without encoding */
    double actual_ms;    /* 0 = not known */
} ff_moved;

/* ---- Sending ---- */

typedef struct ff_send_part {
    const char *name;
    const ff_tensor *whole; /* borrowed until pending is 0 */
    ff_region region;
} ff_send_part;

typedef struct ff_send_options {
    ff_policy policy;
    const uint64_t *thresholds; /* policy auto: one a part; NULL = the policy's for all */
    ff_direction direction;
    ff_key_place place; /* the share gives prefix and deployment */
    size_t max_payload; /* bytes; 0 = no limit */
    int64_t deadline_ns;
} ff_send_options;

typedef struct ff_send_item ff_send_item; /* private */

typedef struct ff_send {
    const ff_share *share;
    int pending;  /* PUTs in flight */
    ff_code code; /* the first failure; meaningful once pending is 0 */
    ff_err err;
    ff_buf payload; /* whole after ff_send_finish */
    size_t max_payload;
    int count;
    ff_send_item *item;
    ff_moved *moved; /* one a part */
} ff_send;

/* Begins the envelope, writes every part, starts the PUTs. Failures are told by code: FF_LIMIT
 * where the payload would be too large under any policy but auto (tensor, size, limit and remedy
 * named), FF_UNSUPPORTED for the store's route without a store, and those of the store. */
void ff_send_start(ff_send *send, const ff_share *share, const ff_env_head *head,
                   const ff_send_part *parts, int count, const ff_send_options *options);
/* Ends the envelope, after pending is 0. members as ff_envelope_end; FF_LIMIT as above. */
ff_code ff_send_finish(ff_send *send, const char *members, ff_err *err);
/* The keys that were, or may have been, written; they live as long as the send. */
int ff_send_key_count(const ff_send *send);
const char *ff_send_key(const ff_send *send, int i); /* i below ff_send_key_count */
void ff_send_clean(ff_send *send); /* not while pending; accepts zeroed memory, and twice */

/* ---- Receiving ---- */

typedef struct ff_recv {
    const ff_share *share;
    bool pending; /* a GET is in flight */
    ff_code code;
    ff_err err;
    ff_moved moved;
    ff_tensor tensor; /* the result, where no whole was given */
    /* private: */
    ff_env_tensor from;
    ff_tensor *whole;
    ff_region region;
    bool add, again;
    int64_t deadline_ns, started_ns;
} ff_recv;

/* from (its envelope must live until pending is false) -> whole[region], placed or added; dtype
 * and shape must be the region's. whole NULL: a new tensor, recv->tensor, of from's own dtype and
 * shape (expect them first). A GET whose checksum is wrong is tried once more. code: FF_FORMAT,
 * FF_CHECKSUM, FF_NO_MEMORY, and the store's. On failure whole[region] holds garbage, except
 * where parts are added: then nothing was added. */
void ff_recv_start(ff_recv *recv, const ff_share *share, const ff_env_tensor *from,
                   ff_tensor *whole, const ff_region *region, bool add, int64_t deadline_ns);
void ff_recv_clean(ff_recv *recv); /* not while pending; accepts zeroed memory, and twice */

#endif
