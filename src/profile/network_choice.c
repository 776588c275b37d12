#include <math.h>

#include "profile/network.h"

#define SEARCH_MAX ((uint64_t)16 << 30)

double ff_net_vcpus(const ff_net_profile *p, double memory_mb)
{
    return fmin(memory_mb, p->function.max_memory_mb.value) / p->function.mb_per_vcpu.value;
}

static double time_usd(const ff_net_profile *p, double ms, double memory_mb)
{
    return ms / 1000 * memory_mb / 1024 * p->price.gb_second_usd.value;
}

double ff_net_function_usd(const ff_net_profile *p, double ms, double memory_mb)
{
    double unit = p->price.billing_ms.value;
    return time_usd(p, ceil(ms / unit) * unit, memory_mb) + p->price.request_usd.value;
}

/* The mean time of a transfer for which a worker is awake. */
static double worker_ms(const ff_net_profile *p, const ff_edge *edge)
{
    if (edge->route == FF_NET_INLINE)
        return 0;
    bool request = edge->way == FF_NET_REQUEST;
    const ff_leg *leg = request ? &p->store.get : &p->store.put;
    const ff_nic *nic = request ? &p->function.down : &p->function.up;
    ff_dist parts[2];
    int n = ff_leg_parts(leg, edge->bytes, ff_net_connections(p, edge->bytes), 1, nic, NULL, parts);
    double ms = 0;
    for (int i = 0; i < n; i++)
        ms += ff_dist_mean_signed(&parts[i]);
    return ms;
}

double ff_net_edge_usd(const ff_net_profile *p, const ff_edge *edge, double master_mb,
                       double worker_mb)
{
    double usd = time_usd(p, ff_net_edge_slowest(p, edge).mean_ms, master_mb) +
                 edge->fan * time_usd(p, worker_ms(p, edge), worker_mb);
    if (edge->route == FF_NET_STORE) {
        double gb = (double)edge->bytes / 1e9;
        usd += edge->fan * (p->price.put_usd.value + p->price.get_usd.value +
                            gb * (p->price.write_gb_usd.value + p->price.read_gb_usd.value));
    }
    return usd;
}

/* The master's codec work is serial, its workers' is not. */
static double codec_ms(const ff_net_profile *p, const ff_edge *edge, double *worker)
{
    double encode = ff_net_encode_ms(p, edge->route, edge->bytes);
    double decode = ff_net_decode_ms(p, edge->route, edge->bytes);
    bool request = edge->way == FF_NET_REQUEST;
    *worker = request ? decode : encode;
    return edge->fan * (request ? encode : decode);
}

double ff_net_edge_figure(const ff_net_profile *p, ff_net_route route, uint64_t bytes,
                          const ff_choice_options *o)
{
    ff_edge edge = {route, o->way, bytes, o->fan};
    double at_worker = 0, at_master = o->codec ? codec_ms(p, &edge, &at_worker) : 0;
    if (o->objective == FF_OBJECTIVE_COST)
        return ff_net_edge_usd(p, &edge, o->master_mb, o->worker_mb) +
               time_usd(p, at_master + at_worker, o->master_mb) +
               o->fan * time_usd(p, at_worker, o->worker_mb);
    ff_slowest s = ff_net_edge_slowest(p, &edge);
    double ms = o->objective == FF_OBJECTIVE_MEAN  ? s.mean_ms
                : o->objective == FF_OBJECTIVE_P50 ? s.p50_ms
                                                   : s.p99_ms;
    return ms + at_master + at_worker;
}

/* By how much the store is dearer at this size. */
static double dearer(const ff_net_profile *p, const ff_choice_options *o, uint64_t bytes)
{
    return ff_net_edge_figure(p, FF_NET_STORE, bytes, o) -
           ff_net_edge_figure(p, FF_NET_INLINE, bytes, o);
}

uint64_t ff_net_crossover(const ff_net_profile *p, const ff_choice_options *o)
{
    uint64_t lo = 0, hi = 1 << 20;
    double at_lo = dearer(p, o, lo);
    if (at_lo <= 0)
        return 0;
    double at_hi = dearer(p, o, hi);
    while (at_hi > 0 && hi < SEARCH_MAX) {
        lo = hi;
        at_lo = at_hi;
        hi *= 2;
        at_hi = dearer(p, o, hi);
    }
    if (at_hi > 0)
        return UINT64_MAX;
    /* Between lo (dearer) and hi (not): the straight line through both, then halves in turn. */
    for (int i = 0; i < 100 && hi - lo > 1; i++) {
        double share = i % 2 ? 0.5 : at_lo / (at_lo - at_hi);
        uint64_t mid = lo + (uint64_t)fmax(1, ceil(share * (double)(hi - lo) - 1e-6));
        if (mid >= hi)
            mid = hi - 1;
        double at_mid = dearer(p, o, mid);
        if (at_mid > 0) {
            lo = mid;
            at_lo = at_mid;
        } else {
            hi = mid;
            at_hi = at_mid;
        }
    }
    return hi;
}
