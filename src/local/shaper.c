#include "local/shaper.h"

#include <math.h>

/* Below these a count is numerical dust: a thousandth of a byte, 0.1 us (of a clock that counts for
 * years). */
#define DUST_BYTES 1e-3
#define DUST_MS    1e-4

enum { UP, DOWN }; /* directions of a function's network: ints, for !UP is DOWN */

/* A function's network in one direction. */
typedef struct bucket {
    double burst_left;
    int flows;       /* that pass now */
    double mb_per_s; /* of all of them */
} bucket;

typedef struct node {
    struct node *next;
    uint64_t id;
    int refs; /* flows that name it */
    bool forgotten;
    bucket network[2];             /* by direction */
    int flows[FF_SHAPER_LEGS];     /* that move bytes now, as their self */
    ff_random leg[FF_SHAPER_LEGS]; /* streams of draws */
    ff_random cold;
} node;

struct ff_flow {
    ff_flow *next;
    ff_shaper_leg leg;
    node *self, *peer; /* peer may be NULL */
    double bytes, left, head_left;
    double mb_per_s, head_mb_per_s; /* of its connection */
    double start_ms;                /* of its first byte */
    double end_ms;
    double now_mb_per_s; /* in the present step; 0 while it does not move */
};

struct ff_shaper {
    const ff_net_profile *profile;
    uint64_t seed;
    double now_ms;
    node *nodes;
    ff_flow *flows;
};

ff_shaper *ff_shaper_new(const ff_net_profile *profile, uint64_t seed)
{
    ff_shaper *s = ff_mem_must(sizeof *s);
    s->profile = profile;
    s->seed = seed;
    return s;
}

void ff_shaper_free(ff_shaper *shaper)
{
    if (!shaper)
        return;
    for (ff_flow *f = shaper->flows, *next; f; f = next) {
        next = f->next;
        ff_mem_free(f);
    }
    for (node *n = shaper->nodes, *next; n; n = next) {
        next = n->next;
        ff_mem_free(n);
    }
    ff_mem_free(shaper);
}

static const ff_leg *leg_of(const ff_shaper *s, ff_shaper_leg leg)
{
    const ff_net_profile *p = s->profile;
    const ff_leg *legs[] = {&p->inline_route.request, &p->inline_route.response, &p->store.put,
                            &p->store.get};
    return legs[leg];
}

static const ff_nic *nic_of(const ff_shaper *s, int d)
{
    return d == UP ? &s->profile->function.up : &s->profile->function.down;
}

static int self_direction(ff_shaper_leg leg)
{
    return leg == FF_SHAPER_REQUEST || leg == FF_SHAPER_PUT ? UP : DOWN;
}

/* A stream of its own for each function and use: the golden ratio spreads neighbours apart. */
static void seed_stream(const ff_shaper *s, uint64_t id, uint64_t use, ff_random *random)
{
    ff_random_init(random, s->seed + (id * 8 + use + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

static node *find_node(ff_shaper *s, uint64_t id)
{
    if (id == FF_SHAPER_NOBODY)
        return NULL;
    for (node *n = s->nodes; n; n = n->next)
        if (n->id == id && !n->forgotten)
            return n;
    node *n = ff_mem_must(sizeof *n);
    n->id = id;
    for (int d = 0; d < 2; d++)
        n->network[d].burst_left = nic_of(s, d)->burst_bytes.value;
    for (int leg = 0; leg < FF_SHAPER_LEGS; leg++)
        seed_stream(s, id, (uint64_t)leg, &n->leg[leg]);
    seed_stream(s, id, FF_SHAPER_LEGS, &n->cold);
    n->next = s->nodes;
    s->nodes = n;
    return n;
}

static void drop_node(ff_shaper *s, const node *n)
{
    node **at = &s->nodes;
    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    ff_mem_free((void *)(uintptr_t)n);
}

void ff_shaper_forget(ff_shaper *shaper, uint64_t function)
{
    for (node *n = shaper->nodes; n; n = n->next) {
        if (n->id != function || n->forgotten)
            continue;
        n->forgotten = true;
        if (!n->refs)
            drop_node(shaper, n);
        return;
    }
}

/* The quantile of a spread at a score; a rate's p99 is below its p50. */
static double at_score(double p50, double p99, double score)
{
    return p50 > 0 && isfinite(p50) ? p50 * pow(p99 / p50, score / FF_SCORE_P99) : p50;
}

static double draw_fixed(const ff_fixed *f, double mb, double score, ff_random *random)
{
    if (f->kind == FF_DIST_LOGNORMAL)
        return at_score(f->p50, f->p99, score);
    ff_dist d = ff_dist_exponnorm(f->k + f->k_per_mb * mb, f->loc_ms + f->loc_ms_per_mb * mb,
                                  f->sd_ms + f->sd_ms_per_mb * mb);
    return ff_dist_sample(&d, random);
}

/* What the transfer will meet: its fixed cost, and its connection's rates. */
static double draw(const ff_leg *leg, ff_flow *f, ff_random *random)
{
    double mb = f->bytes / leg->encoding_factor.value / 1e6; /* of tensor */
    double score = ff_random_normal(random);
    double ms = draw_fixed(&leg->fixed_ms, mb, score, random);
    if (leg->less_ms.source)
        ms -= draw_fixed(&leg->less_ms, mb, ff_random_normal(random), random);
    if (leg->fixed_ms.kind != FF_DIST_LOGNORMAL)
        score = 0; /* as in ff_leg_parts: the slopes hold the spread */
    f->mb_per_s = at_score(leg->mb_per_s.p50, leg->mb_per_s.p99, score);
    f->head_mb_per_s = at_score(leg->head_mb_per_s.p50, leg->head_mb_per_s.p99, score);
    f->head_left = leg->head_bytes.source ? fmin(f->bytes, leg->head_bytes.value) : 0;
    return fmax(ms, 0);
}

double ff_shaper_cold_start_ms(ff_shaper *shaper, uint64_t function)
{
    const ff_spread *spread = &shaper->profile->function.cold_start_ms;
    return at_score(spread->p50, spread->p99, ff_random_normal(&find_node(shaper, function)->cold));
}

static bool moving(const ff_shaper *s, const ff_flow *f)
{
    return f->left > 0 && f->start_ms <= s->now_ms + DUST_MS;
}

static bucket *self_network(const ff_flow *f)
{
    return &f->self->network[self_direction(f->leg)];
}

static bucket *peer_network(const ff_flow *f)
{
    return f->peer ? &f->peer->network[!self_direction(f->leg)] : NULL;
}

static double share_of(const ff_shaper *s, const bucket *b, int d)
{
    const ff_nic *nic = nic_of(s, d);
    double rate = b->burst_left > 0 ? nic->burst_mb_per_s.value : nic->sustained_mb_per_s.value;
    return rate / b->flows;
}

static double rate_of(const ff_shaper *s, const ff_flow *f)
{
    int d = self_direction(f->leg);
    double r = f->head_left > 0 ? f->head_mb_per_s : f->mb_per_s;
    r = fmin(r, leg_of(s, f->leg)->function_mb_per_s.value / f->self->flows[f->leg]);
    r = fmin(r, share_of(s, self_network(f), d));
    return f->peer ? fmin(r, share_of(s, peer_network(f), !d)) : r;
}

/* Who moves now, and how fast. */
static void set_rates(ff_shaper *s)
{
    for (node *n = s->nodes; n; n = n->next) {
        for (int leg = 0; leg < FF_SHAPER_LEGS; leg++)
            n->flows[leg] = 0;
        n->network[UP] = (bucket){.burst_left = n->network[UP].burst_left};
        n->network[DOWN] = (bucket){.burst_left = n->network[DOWN].burst_left};
    }
    for (ff_flow *f = s->flows; f; f = f->next) {
        if (!moving(s, f))
            continue;
        f->self->flows[f->leg]++;
        self_network(f)->flows++;
        if (f->peer)
            peer_network(f)->flows++;
    }
    for (ff_flow *f = s->flows; f; f = f->next) {
        f->now_mb_per_s = moving(s, f) ? rate_of(s, f) : 0;
        self_network(f)->mb_per_s += f->now_mb_per_s;
        if (f->peer)
            peer_network(f)->mb_per_s += f->now_mb_per_s;
    }
}

/* ms for so many bytes; MB/s are 1000 bytes a ms. */
static double ms_for(double bytes, double mb_per_s)
{
    return bytes / (mb_per_s * 1000);
}

static double until_flow_changes(const ff_shaper *s, const ff_flow *f)
{
    if (f->left <= 0)
        return INFINITY;
    if (!moving(s, f))
        return f->start_ms - s->now_ms;
    return ms_for(f->head_left > 0 ? f->head_left : f->left, f->now_mb_per_s);
}

/* ms for which all rates stay what they are. */
static double until_change(const ff_shaper *s)
{
    double ms = INFINITY;
    for (const ff_flow *f = s->flows; f; f = f->next)
        ms = fmin(ms, until_flow_changes(s, f));
    for (const node *n = s->nodes; n; n = n->next)
        for (int d = 0; d < 2; d++) {
            const bucket *b = &n->network[d];
            if (b->flows && b->burst_left > 0)
                ms = fmin(ms, ms_for(b->burst_left, b->mb_per_s));
        }
    return fmax(ms, 0);
}

static void move(ff_flow *f, double ms, double end_ms)
{
    double bytes = isfinite(f->now_mb_per_s) ? f->now_mb_per_s * 1000 * ms : f->left;
    f->head_left = f->head_left - bytes > DUST_BYTES ? f->head_left - bytes : 0;
    f->left -= bytes;
    if (f->left > DUST_BYTES)
        return;
    f->left = 0;
    f->end_ms = end_ms;
}

static void use(const ff_shaper *s, bucket *b, int d, double ms)
{
    const ff_nic *nic = nic_of(s, d);
    if (!isfinite(nic->burst_bytes.value))
        return;
    if (!b->flows)
        b->burst_left =
            fmin(nic->burst_bytes.value,
                 b->burst_left + (ms > 0 ? nic->sustained_mb_per_s.value * 1000 * ms : 0));
    else if (isfinite(b->mb_per_s))
        b->burst_left -= b->mb_per_s * 1000 * ms;
    if (b->burst_left < DUST_BYTES)
        b->burst_left = 0;
}

static void advance(ff_shaper *s, double now_ms)
{
    set_rates(s);
    while (s->now_ms < now_ms) {
        double ms = fmin(now_ms - s->now_ms, until_change(s));
        s->now_ms += ms;
        for (ff_flow *f = s->flows; f; f = f->next)
            if (f->now_mb_per_s > 0)
                move(f, ms, s->now_ms);
        for (node *n = s->nodes; n; n = n->next)
            for (int d = 0; d < 2; d++)
                use(s, &n->network[d], d, ms);
        set_rates(s);
    }
}

/* The flow should have moved since its start, before the present: at the rates of now. */
static void catch_up(ff_shaper *s, ff_flow *f)
{
    set_rates(s);
    double late = s->now_ms - f->start_ms;
    while (f->left > 0 && late > 0) {
        f->now_mb_per_s = rate_of(s, f);
        double ms = fmin(late, until_flow_changes(s, f));
        late -= ms;
        move(f, ms, s->now_ms - late);
    }
}

ff_flow *ff_shaper_begin(ff_shaper *shaper, const ff_transfer *transfer, double now_ms)
{
    advance(shaper, now_ms);
    ff_flow *f = ff_mem_must(sizeof *f);
    const ff_leg *leg = leg_of(shaper, transfer->leg);
    f->leg = transfer->leg;
    f->self = find_node(shaper, transfer->self);
    f->peer = find_node(shaper, transfer->peer);
    f->bytes = f->left = (double)transfer->bytes;
    f->end_ms = -1;
    f->self->refs++;
    if (f->peer)
        f->peer->refs++;
    f->start_ms =
        transfer->start_ms + draw(leg, f, &(f->peer ? f->peer : f->self)->leg[transfer->leg]);
    if (!transfer->bytes)
        f->end_ms = f->start_ms;
    f->next = shaper->flows;
    shaper->flows = f;
    if (f->start_ms < shaper->now_ms)
        catch_up(shaper, f);
    return f;
}

double ff_shaper_wait_ms(ff_shaper *shaper, const ff_flow *flow, uint64_t bytes, double now_ms)
{
    advance(shaper, now_ms);
    double wanted = (double)bytes - (flow->bytes - flow->left);
    if (flow->start_ms > shaper->now_ms + DUST_MS)
        return flow->start_ms - shaper->now_ms;
    if (wanted < 1 || flow->left <= 0)
        return 0;
    return fmin(ms_for(wanted, flow->now_mb_per_s), until_change(shaper));
}

uint64_t ff_shaper_passed(ff_shaper *shaper, const ff_flow *flow, double now_ms)
{
    advance(shaper, now_ms);
    return (uint64_t)(flow->bytes - flow->left);
}

static void unref_node(ff_shaper *s, node *n)
{
    if (n && --n->refs == 0 && n->forgotten)
        drop_node(s, n);
}

void ff_shaper_end(ff_shaper *shaper, ff_flow *flow, double now_ms)
{
    advance(shaper, now_ms);
    ff_flow **at = &shaper->flows;
    while (*at != flow)
        at = &(*at)->next;
    *at = flow->next;
    unref_node(shaper, flow->self);
    unref_node(shaper, flow->peer);
    ff_mem_free(flow);
}

double ff_flow_end_ms(const ff_flow *flow)
{
    return flow->end_ms;
}
