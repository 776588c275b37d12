#include <assert.h>
#include <math.h>

#include "profile/network.h"

#define CONTROL_BYTES 0 /* the store's control message: its fixed cost only */

typedef struct bucket {
    double burst_bytes, burst_mb_per_s, sustained_mb_per_s; /* one transfer's share */
} bucket;

static bucket bucket_of(const ff_nic *nic, int sharing)
{
    return (bucket){nic->burst_bytes.value / sharing, nic->burst_mb_per_s.value / sharing,
                    nic->sustained_mb_per_s.value / sharing};
}

/* ms for `wire` bytes through a connection (or several), the function's share and the buckets:
 * rates are constant between the points where a head or a burst ends. */
static double wire_ms(double wire, double head_bytes, double head_rate, double rate, double cap,
                      const bucket *buckets, int bucket_count)
{
    double sent = 0, ms = 0;
    for (int i = 0; i < 2 + bucket_count && sent < wire; i++) {
        double end = wire, r = rate;
        if (sent < head_bytes) {
            r = head_rate;
            end = fmin(end, head_bytes);
        }
        r = fmin(r, cap);
        for (int b = 0; b < bucket_count; b++) {
            bool burst = sent < buckets[b].burst_bytes;
            r = fmin(r, burst ? buckets[b].burst_mb_per_s : buckets[b].sustained_mb_per_s);
            if (burst)
                end = fmin(end, buckets[b].burst_bytes);
        }
        ms += (end - sent) / (r * 1000); /* MB/s = 1000 bytes a ms; an infinite rate costs 0 */
        sent = end;
    }
    return ms;
}

static ff_dist exponnorm_at(const ff_fixed *f, double mb)
{
    return ff_dist_exponnorm(f->k + f->k_per_mb * mb, f->loc_ms + f->loc_ms_per_mb * mb,
                             f->sd_ms + f->sd_ms_per_mb * mb);
}

int ff_leg_parts(const ff_leg *leg, uint64_t bytes, int connections, int sharing,
                 const ff_nic *shared_nic, const ff_nic *other_nic, ff_dist parts[2])
{
    assert(connections >= 1 && sharing >= 1);
    bucket buckets[2];
    int n = 0;
    if (shared_nic)
        buckets[n++] = bucket_of(shared_nic, sharing);
    if (other_nic)
        buckets[n++] = bucket_of(other_nic, 1);
    double wire = (double)bytes * leg->encoding_factor.value;
    double head = leg->head_bytes.value * connections;
    double cap = leg->function_mb_per_s.value / sharing;
    double p50 = wire_ms(wire, head, leg->head_mb_per_s.p50 * connections,
                         leg->mb_per_s.p50 * connections, cap, buckets, n);
    double p99 = wire_ms(wire, head, leg->head_mb_per_s.p99 * connections,
                         leg->mb_per_s.p99 * connections, cap, buckets, n);
    const ff_fixed *f = &leg->fixed_ms;
    if (f->kind == FF_DIST_LOGNORMAL) {
        parts[0] = ff_dist_affine(f->p50, f->p99, p50, fmax(p50, p99));
        if (!leg->less_ms.source)
            return 1;
        parts[1] = ff_dist_lognormal(leg->less_ms.p50, leg->less_ms.p99);
    } else {
        parts[0] = exponnorm_at(f, (double)bytes / 1e6);
        parts[0].shift_ms += p50; /* its own slopes hold the spread */
        if (!leg->less_ms.source)
            return 1;
        parts[1] = exponnorm_at(&leg->less_ms, (double)bytes / 1e6);
    }
    parts[1].minus = true;
    return 2;
}

int ff_net_connections(const ff_net_profile *p, uint64_t bytes)
{
    double parts = floor((double)bytes / p->store.part_bytes.value);
    return (int)fmax(1, fmin(parts, p->store.connections.value));
}

int ff_net_edge_parts(const ff_net_profile *p, const ff_edge *edge, ff_dist parts[FF_EDGE_PARTS])
{
    assert(edge->fan >= 1);
    const ff_nic *up = &p->function.up, *down = &p->function.down;
    bool request = edge->way == FF_NET_REQUEST;
    const ff_leg *control = request ? &p->inline_route.request : &p->inline_route.response;
    const ff_nic *master = request ? up : down, *worker = request ? down : up;
    if (edge->route == FF_NET_INLINE)
        return ff_leg_parts(control, edge->bytes, 1, edge->fan, master, worker, parts);
    int connections = ff_net_connections(p, edge->bytes);
    int put_sharing = request ? edge->fan : 1, get_sharing = request ? 1 : edge->fan;
    int n = ff_leg_parts(&p->store.put, edge->bytes, connections, put_sharing, up, NULL, parts);
    n += ff_leg_parts(control, CONTROL_BYTES, 1, 1, NULL, NULL, parts + n);
    return n + ff_leg_parts(&p->store.get, edge->bytes, connections, get_sharing, down, NULL,
                            parts + n);
}

ff_slowest ff_net_edge_slowest(const ff_net_profile *p, const ff_edge *edge)
{
    ff_dist parts[FF_EDGE_PARTS];
    ff_sum sum;
    ff_sum_init(&sum, parts, ff_net_edge_parts(p, edge, parts));
    return ff_sum_slowest(&sum, edge->fan);
}

double ff_net_edge_sample(const ff_net_profile *p, const ff_edge *edge, ff_random *random)
{
    ff_dist parts[FF_EDGE_PARTS];
    int n = ff_net_edge_parts(p, edge, parts);
    double ms = 0;
    for (int i = 0; i < n; i++) {
        double part = ff_dist_sample(&parts[i], random);
        ms += parts[i].minus ? -part : part;
    }
    return fmax(ms, 0);
}

double ff_net_encode_ms(const ff_net_profile *p, ff_net_route route, uint64_t bytes)
{
    double rate = route == FF_NET_INLINE ? p->inline_route.encode_ms_per_mb.value
                                         : p->store.encode_ms_per_mb.value;
    return rate * (double)bytes / 1e6;
}

double ff_net_decode_ms(const ff_net_profile *p, ff_net_route route, uint64_t bytes)
{
    double rate = route == FF_NET_INLINE ? p->inline_route.decode_ms_per_mb.value
                                         : p->store.decode_ms_per_mb.value;
    return rate * (double)bytes / 1e6;
}

static double leg_max_bytes(const ff_leg *leg, double kept)
{
    return floor((leg->limit_bytes.value - kept) / leg->encoding_factor.value);
}

uint64_t ff_net_max_bytes(const ff_net_profile *p, ff_net_route route, ff_net_way way)
{
    if (route == FF_NET_STORE)
        return (uint64_t)fmin(leg_max_bytes(&p->store.put, 0), leg_max_bytes(&p->store.get, 0));
    bool request = way == FF_NET_REQUEST;
    const ff_leg *leg = request ? &p->inline_route.request : &p->inline_route.response;
    return (uint64_t)leg_max_bytes(leg, FF_NET_ENVELOPE_BYTES);
}
