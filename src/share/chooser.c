#include "share/chooser.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>

#include "base/base64.h"
#include "share/estimate.h"

#define MARGIN        0.05 /* by which the other route must be better */
#define SURE          1.5  /* standard errors, on top of it */
#define EXPLORE_SHARE 0.02
#define EXPLORE_RATIO 8.0
#define REFIT_CHANGE  0.02 /* below it the lines stay */
#define LEAST_APART   65536u

typedef struct line {
    double at0, per_byte;
} line;

static double at(line l, double bytes)
{
    return fmax(0, l.at0 + l.per_byte * bytes);
}

typedef struct group {
    ff_net_way way;
    int fan;
    double lo, hi; /* bytes */
    struct {
        int64_t epoch; /* of the profile that the lines are of; 0 = none yet */
        line figure[FF_ROUTE_COUNT];
    } objective[FF_AUTO_COST + 1];
    int64_t ms_epoch;
    line ms[FF_ROUTE_COUNT]; /* one transfer's median */
} group;

typedef struct message {
    int group, count;
    uint64_t *bytes;
    int index;         /* among the way's messages */
    ff_auto objective; /* of the last request */
    int8_t *last;      /* route that was chosen; -1 = none yet */
} message;

struct ff_chooser {
    ff_chooser_options o;
    ff_arena *arena;
    int group_count, group_room;
    group *group; /* numbers and fans: fixed once requests run */
    int message_count, message_room;
    message *message;
    int ways[2]; /* messages by way */
    struct {
        pthread_mutex_t lock; /* guards all below, and what is in groups and messages */
        ff_estimate estimate;
        int64_t epoch; /* of the profile; lines of an older one are made again when there is time */
        bool refit_due;              /* samples came */
        int64_t refit_at;            /* requests when it was refitted last: once in each */
        int renew;                   /* the group whose lines are looked at next */
        double drift;                /* of the profile since the epoch began */
        bool used[FF_AUTO_COST + 1]; /* objectives that requests asked for */
        struct {
            int64_t tensors, explored;
            int next; /* of the way's messages: the one that explores next */
        } way[2];
        ff_chooser_stats stats;
    } synced;
};

ff_chooser *ff_chooser_new(const ff_net_profile *profile, const ff_chooser_options *options)
{
    ff_chooser *c = ff_mem_must(sizeof *c);
    c->o = *options;
    c->o.dilation = options->dilation > 0 ? options->dilation : 1;
    c->arena = ff_arena_new();
    pthread_mutex_init(&c->synced.lock, NULL);
    ff_estimate_init(&c->synced.estimate, profile);
    c->synced.epoch = 1;
    return c;
}

void ff_chooser_free(ff_chooser *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->synced.lock);
    ff_estimate_clean(&c->synced.estimate);
    ff_mem_free(c->group);
    ff_mem_free(c->message);
    ff_arena_free(c->arena);
    ff_mem_free(c);
}

int ff_chooser_add_group(ff_chooser *c, ff_net_way way, int fan, uint64_t least_bytes,
                         uint64_t most_bytes)
{
    if (c->group_count == c->group_room) {
        int room = c->group_room ? 2 * c->group_room : 8;
        c->group =
            ff_mem_must_grow(c->group, (size_t)c->group_room, (size_t)room, sizeof *c->group);
        c->group_room = room;
    }
    group *g = &c->group[c->group_count];
    *g = (group){.way = way, .fan = fan, .lo = (double)least_bytes};
    g->hi =
        (double)(most_bytes > least_bytes + LEAST_APART ? most_bytes : least_bytes + LEAST_APART);
    return c->group_count++;
}

int ff_chooser_add_message(ff_chooser *c, int number, const uint64_t *bytes, int count)
{
    if (c->message_count == c->message_room) {
        int room = c->message_room ? 2 * c->message_room : 16;
        c->message =
            ff_mem_must_grow(c->message, (size_t)c->message_room, (size_t)room, sizeof *c->message);
        c->message_room = room;
    }
    message *m = &c->message[c->message_count];
    *m = (message){.group = number, .count = count};
    m->index = c->ways[c->group[number].way]++;
    m->last = ff_arena_array(c->arena, (size_t)count, sizeof *m->last);
    m->bytes = ff_arena_array(c->arena, (size_t)count, sizeof *m->bytes);
    for (int i = 0; i < count; i++) {
        m->last[i] = -1;
        m->bytes[i] = bytes[i];
    }
    return c->message_count++;
}

int64_t ff_chooser_begin(ff_chooser *c)
{
    pthread_mutex_lock(&c->synced.lock);
    int64_t number = ++c->synced.stats.requests;
    pthread_mutex_unlock(&c->synced.lock);
    return number;
}

static line through(double lo, double at_lo, double hi, double at_hi)
{
    line l = {.per_byte = (at_hi - at_lo) / (hi - lo)};
    l.at0 = at_lo - l.per_byte * lo;
    return l;
}

static double median_ms(const ff_net_profile *p, const group *g, ff_net_route route, double bytes)
{
    ff_edge edge = {route, g->way, (uint64_t)bytes, g->fan};
    ff_dist parts[FF_EDGE_PARTS];
    ff_sum sum;
    ff_sum_init(&sum, parts, ff_net_edge_parts(p, &edge, parts));
    return ff_sum_quantile(&sum, 0.5);
}

static void make_figures(ff_chooser *c, group *g, ff_auto objective)
{
    static const ff_objective OBJECTIVES[] = {FF_OBJECTIVE_P50, FF_OBJECTIVE_P50, FF_OBJECTIVE_P99,
                                              FF_OBJECTIVE_COST};
    const ff_net_profile *p = c->synced.estimate.profile;
    ff_choice_options o = {.way = g->way,
                           .fan = g->fan,
                           .objective = OBJECTIVES[objective],
                           .master_mb = c->o.master_mb,
                           .worker_mb = c->o.worker_mb,
                           .codec = true};
    for (int r = 0; r < FF_ROUTE_COUNT; r++) {
        ff_net_route route = r == FF_ROUTE_STORE ? FF_NET_STORE : FF_NET_INLINE;
        g->objective[objective].figure[r] =
            through(g->lo, ff_net_edge_figure(p, route, (uint64_t)g->lo, &o), g->hi,
                    ff_net_edge_figure(p, route, (uint64_t)g->hi, &o));
    }
    g->objective[objective].epoch = c->synced.epoch;
}

static void make_medians(ff_chooser *c, group *g)
{
    const ff_net_profile *p = c->synced.estimate.profile;
    for (int r = 0; r < FF_ROUTE_COUNT; r++) {
        ff_net_route route = r == FF_ROUTE_STORE ? FF_NET_STORE : FF_NET_INLINE;
        g->ms[r] =
            through(g->lo, median_ms(p, g, route, g->lo), g->hi, median_ms(p, g, route, g->hi));
    }
    g->ms_epoch = c->synced.epoch;
}

/* Lines of some epoch, for there are none at all. */
static void need_lines(ff_chooser *c, group *g, ff_auto objective)
{
    c->synced.used[objective] = true;
    if (!g->objective[objective].epoch)
        make_figures(c, g, objective);
    if (!g->ms_epoch)
        make_medians(c, g);
}

void ff_chooser_ready(ff_chooser *c)
{
    pthread_mutex_lock(&c->synced.lock);
    for (int i = 0; i < c->group_count; i++)
        need_lines(c, &c->group[i], FF_AUTO_P50);
    pthread_mutex_unlock(&c->synced.lock);
}

/* A group's lines that are of an older epoch, each group in its turn; false where there are none.
 */
static bool renew_lines(ff_chooser *c)
{
    for (int i = 0; i < c->group_count; i++) {
        group *g = &c->group[c->synced.renew];
        for (int o = FF_AUTO_P50; o <= FF_AUTO_COST; o++)
            if (c->synced.used[o] && g->objective[o].epoch != c->synced.epoch)
                return make_figures(c, g, (ff_auto)o), true;
        if (g->ms_epoch != c->synced.epoch)
            return make_medians(c, g), true;
        c->synced.renew = (c->synced.renew + 1) % c->group_count;
    }
    return false;
}

bool ff_chooser_idle(ff_chooser *c)
{
    pthread_mutex_lock(&c->synced.lock);
    bool due = c->synced.refit_due && c->synced.refit_at != c->synced.stats.requests;
    if (due) {
        c->synced.refit_due = false;
        c->synced.refit_at = c->synced.stats.requests;
        c->synced.drift += ff_estimate_refit(&c->synced.estimate, c->synced.stats.requests);
        if (c->synced.drift >= REFIT_CHANGE) {
            c->synced.epoch++;
            c->synced.stats.refits++;
            c->synced.drift = 0;
        }
    }
    bool did = due || renew_lines(c);
    pthread_mutex_unlock(&c->synced.lock);
    return did;
}

/* By how much a route must be better: beside the margin the standard error of the quotient of both
 * figures, each leg's by its share. */
static double margin_of(const ff_chooser *c, const group *g)
{
    const ff_estimate *e = &c->synced.estimate;
    bool request = g->way == FF_NET_REQUEST;
    ff_est_leg control = request ? FF_EST_REQUEST : FF_EST_RESPONSE;
    double put_ms = ff_estimate_ms(e, FF_EST_PUT, g->hi, request ? g->fan : 1);
    double get_ms = ff_estimate_ms(e, FF_EST_GET, g->hi, request ? 1 : g->fan);
    double store_ms = put_ms + get_ms + ff_estimate_ms(e, control, 0, 1);
    double put = e->leg[FF_EST_PUT].doubt * put_ms / store_ms;
    double get = e->leg[FF_EST_GET].doubt * get_ms / store_ms;
    double ctl = e->leg[control].doubt;
    return MARGIN + SURE * sqrt(put * put + get * get + ctl * ctl);
}

/* The size from which the store is taken, by one who took `last` before. */
static uint64_t threshold_of(const ff_chooser *c, const group *g, ff_auto objective, int last)
{
    const line *figure = g->objective[objective].figure;
    double margin = 1 + margin_of(c, g);
    double dear = last == FF_ROUTE_INLINE ? margin : 1, cheap = last == FF_ROUTE_STORE ? margin : 1;
    line gain = {figure[FF_ROUTE_INLINE].at0 * cheap - figure[FF_ROUTE_STORE].at0 * dear,
                 figure[FF_ROUTE_INLINE].per_byte * cheap - figure[FF_ROUTE_STORE].per_byte * dear};
    if (gain.per_byte <= 0) /* the store gains nothing by size: it is better for all, or none */
        return gain.at0 + gain.per_byte * g->hi >= 0 ? 0 : UINT64_MAX;
    double bytes = ceil(-gain.at0 / gain.per_byte - 1e-6);
    return bytes <= 0 ? 0 : bytes < 9e15 ? (uint64_t)bytes : UINT64_MAX;
}

static bool fits(const ff_chooser *c, const group *g, uint64_t bytes)
{
    size_t most = g->way == FF_NET_REQUEST ? c->o.max_request : c->o.max_reply;
    return !most || ff_base64_encoded_len(bytes) + FF_NET_ENVELOPE_BYTES <= most;
}

/* Is it this tensor's turn to go by the other route than `route`? Each way's messages take turns.
 */
static bool explores(ff_chooser *c, const message *m, ff_route route, uint64_t bytes)
{
    const group *g = &c->group[m->group];
    ff_route other = route == FF_ROUTE_STORE ? FF_ROUTE_INLINE : FF_ROUTE_STORE;
    int64_t all = ++c->synced.way[g->way].tensors, *explored = &c->synced.way[g->way].explored;
    if (c->o.fixed || !c->synced.estimate.learns || m->index != c->synced.way[g->way].next ||
        (double)(*explored + 1) > EXPLORE_SHARE * (double)all)
        return false;
    c->synced.way[g->way].next = (m->index + 1) % c->ways[g->way];
    if (other == FF_ROUTE_INLINE && !fits(c, g, bytes))
        return false;
    if (at(g->ms[other], (double)bytes) > EXPLORE_RATIO * at(g->ms[route], (double)bytes))
        return false;
    ++*explored;
    return true;
}

void ff_chooser_thresholds(ff_chooser *c, int number, ff_auto objective, uint64_t *thresholds,
                           bool *explored)
{
    message *m = &c->message[number];
    group *g = &c->group[m->group];
    pthread_mutex_lock(&c->synced.lock);
    need_lines(c, g, objective);
    m->objective = objective;
    for (int i = 0; i < m->count; i++) {
        thresholds[i] = threshold_of(c, g, objective, m->last[i]);
        ff_route route = m->bytes[i] >= thresholds[i] ? FF_ROUTE_STORE : FF_ROUTE_INLINE;
        explored[i] = explores(c, m, route, m->bytes[i]);
        if (explored[i])
            thresholds[i] = route == FF_ROUTE_STORE ? UINT64_MAX : 0;
    }
    pthread_mutex_unlock(&c->synced.lock);
}

/* What one way of a trip carried. */
typedef struct load {
    double inline_bytes, store_bytes; /* of the largest tensor, for the latter */
    int inline_count, store_count;
    double get_ms, put_ms; /* of the slowest */
} load;

static load load_of(const ff_moved *moved, int count, bool request, const ff_env_times *worker,
                    double dilation)
{
    load l = {0};
    for (int i = 0; i < count; i++) {
        double ms = ff_clock_ms(moved[i].transfer_ns) / dilation;
        if (moved[i].route == FF_ROUTE_INLINE) {
            l.inline_bytes += (double)moved[i].bytes;
            l.inline_count++;
            continue;
        }
        l.store_bytes = fmax(l.store_bytes, (double)moved[i].bytes);
        l.store_count++;
        l.put_ms = fmax(l.put_ms, request ? ms : worker->put_ms / dilation);
        l.get_ms = fmax(l.get_ms, request ? worker->get_ms / dilation : ms);
    }
    return l;
}

/* What is learned of PUT and GET: the master's end is measured tensor by tensor, among all that it
 * moves; the worker's as a whole, so only where there was one. */
static void note_store(ff_chooser *c, const group *g, const ff_moved *moved, int count,
                       const load *l, int64_t number)
{
    ff_estimate *e = &c->synced.estimate;
    bool request = g->way == FF_NET_REQUEST;
    for (int i = 0; i < count; i++)
        if (moved[i].route == FF_ROUTE_STORE && moved[i].attempts == 1)
            ff_estimate_note(e, request ? FF_EST_PUT : FF_EST_GET, (double)moved[i].bytes,
                             g->fan * l->store_count,
                             ff_clock_ms(moved[i].transfer_ns) / c->o.dilation, number);
    if (l->store_count == 1)
        ff_estimate_note(e, request ? FF_EST_GET : FF_EST_PUT, l->store_bytes, 1,
                         request ? l->get_ms : l->put_ms, number);
}

static void finish(ff_chooser *c, message *m, const load *l, double control_ms, ff_moved *moved)
{
    group *g = &c->group[m->group];
    for (int i = 0; i < m->count; i++) {
        ff_moved *t = &moved[i];
        ff_route other = t->route == FF_ROUTE_STORE ? FF_ROUTE_INLINE : FF_ROUTE_STORE;
        bool by_store = t->route == FF_ROUTE_STORE;
        double predicted = at(g->ms[t->route], by_store ? (double)t->bytes : l->inline_bytes);
        t->predicted_ms = predicted * c->o.dilation;
        t->actual_ms = (control_ms + (by_store ? l->put_ms + l->get_ms : 0)) * c->o.dilation;
        if (!t->explored) {
            c->synced.stats.changes += m->last[i] >= 0 && m->last[i] != (int8_t)t->route;
            m->last[i] = (int8_t)t->route;
        }
        const line *figure = g->objective[m->objective].figure;
        double better =
            at(figure[t->route], (double)t->bytes) - at(figure[other], (double)t->bytes);
        if (better > 0 && (other == FF_ROUTE_STORE || fits(c, g, t->bytes)))
            c->synced.stats.regret[m->objective] +=
                better / g->fan * (m->objective == FF_AUTO_COST ? 1 : c->o.dilation);
    }
}

void ff_chooser_learn(ff_chooser *c, const ff_chooser_trip *trip)
{
    message *up = &c->message[trip->request], *down = &c->message[trip->response];
    const group *g = &c->group[up->group];
    const ff_env_times *w = &trip->worker;
    double dilation = c->o.dilation;
    pthread_mutex_lock(&c->synced.lock);
    ff_estimate *e = &c->synced.estimate;
    load in = load_of(trip->in, up->count, true, w, dilation);
    load out = load_of(trip->out, down->count, false, w, dilation);
    double busy = w->decode_ms + w->get_ms + w->compute_ms + w->encode_ms + w->put_ms;
    double way = fmax(0, (trip->invoke_ms - busy) / dilation);
    double request = ff_estimate_ms(e, FF_EST_REQUEST, in.inline_bytes, g->fan);
    double response = ff_estimate_ms(e, FF_EST_RESPONSE, out.inline_bytes, g->fan);
    double share = request / (request + response);
    if (trip->usable && !c->o.fixed) {
        c->synced.refit_due = true;
        ff_estimate_note(e, FF_EST_REQUEST, in.inline_bytes, g->fan, way * share, trip->number);
        ff_estimate_note(e, FF_EST_RESPONSE, out.inline_bytes, g->fan, way * (1 - share),
                         trip->number);
        note_store(c, g, trip->in, up->count, &in, trip->number);
        note_store(c, &c->group[down->group], trip->out, down->count, &out, trip->number);
    }
    finish(c, up, &in, way * share, trip->in);
    finish(c, down, &out, way * (1 - share), trip->out);
    pthread_mutex_unlock(&c->synced.lock);
}

ff_chooser_stats ff_chooser_stats_of(ff_chooser *c)
{
    pthread_mutex_lock(&c->synced.lock);
    ff_chooser_stats stats = c->synced.stats;
    for (int way = 0; way < 2; way++) {
        stats.tensors += c->synced.way[way].tensors;
        stats.explored += c->synced.way[way].explored;
    }
    pthread_mutex_unlock(&c->synced.lock);
    return stats;
}
