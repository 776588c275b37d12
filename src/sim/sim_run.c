#include <math.h>
#include <stdlib.h>

#include "sim/sim_int.h"
#include "sim/sim_pool.h"

typedef struct request {
    double arrive_ms, start_ms, latency_ms;
    int stage, pending;
    double sent_ms;                  /* when the stage's calls went out */
    double end_ms;                   /* of the branch that was slowest so far */
    double branch_ms[FF_SIM_CAUSES]; /* its parts */
    double cause_ms[FF_SIM_CAUSES];
    double up_left, down_left; /* the master's buckets in this stage; INFINITY = full */
    sim_instance master;
} request;

typedef struct run {
    const ff_sim_model *m;
    const ff_sim_options *o;
    ff_random random;
    sim_events events;
    sim_pool *pool; /* of each worker's function; the masters' is the last */
    request *request;
    int arrived, answered;
    double last_ms, usd;
    uint64_t cold_starts;
} run;

static double draw(run *r, const sim_part *leg)
{
    double ms = 0;
    for (int i = 0; i < leg->count; i++) {
        double one = ff_dist_sample(&leg->part[i], &r->random);
        ms += leg->part[i].minus ? -one : one;
    }
    return ms;
}

static double draw_leg(run *r, const request *q, const sim_stage *stage, int worker, sim_leg leg)
{
    const sim_worker *w = &stage->worker[worker];
    double left = leg == SIM_PUT_IN || leg == SIM_REQUEST ? q->up_left : q->down_left;
    if (isinf(left) || leg == SIM_GET_IN || leg == SIM_PUT_OUT)
        return draw(r, &w->leg[leg]);
    sim_part part = sim_leg_part(r->m->net, leg, w->bytes[leg], stage->count, left);
    return draw(r, &part);
}

static double cold_ms(run *r, bool warm_instance)
{
    const ff_spread *start = &r->m->net->function.cold_start_ms;
    if (warm_instance || r->o->warm)
        return 0;
    r->cold_starts++;
    ff_dist d = ff_dist_lognormal(start->p50, start->p99);
    return ff_dist_sample(&d, &r->random);
}

/* Takes a stage's bytes out of a bucket that has been filling since `ms` ago. Returns what it held;
 * INFINITY: it was full. */
static double take_bytes(const ff_nic *nic, double *taken, double ms, double bytes)
{
    double filled = nic->sustained_mb_per_s.value * 1000 * ms;
    *taken = fmax(0, *taken - filled);
    double left = *taken > 0 ? fmax(0, nic->burst_bytes.value - *taken) : INFINITY;
    *taken = fmin(*taken + bytes, nic->burst_bytes.value);
    return left;
}

static void begin_stage(run *r, int id, double now)
{
    request *q = &r->request[id];
    const sim_stage *s = &r->m->stage[q->stage];
    const ff_net_function *f = &r->m->net->function;
    q->sent_ms = now + s->before_ms;
    q->pending = s->count;
    q->end_ms = q->sent_ms + s->local_ms;
    for (int i = 0; i < FF_SIM_CAUSES; i++)
        q->branch_ms[i] = 0;
    q->branch_ms[FF_SIM_COMPUTE] = s->local_ms;
    q->cause_ms[FF_SIM_SERIAL] += s->before_ms + s->after_ms;
    r->usd += s->store_usd;
    if (s->count == 0) {
        sim_events_push(&r->events, q->end_ms + s->after_ms, SIM_JOIN, id, 0);
        return;
    }
    double since = q->sent_ms - q->master.free_ms;
    q->master.free_ms = q->sent_ms;
    q->up_left = take_bytes(&f->up, &q->master.up_bytes, since, s->up_bytes);
    q->down_left = take_bytes(&f->down, &q->master.down_bytes, since, s->down_bytes);
    for (int i = 0; i < s->count; i++) {
        double ms = draw_leg(r, q, s, i, SIM_PUT_IN) + draw_leg(r, q, s, i, SIM_REQUEST);
        /* a distribution with a tail below 0 must not send an event into the past */
        sim_events_push(&r->events, q->sent_ms + fmax(0, ms), SIM_CALL, id, i);
    }
}

/* A call has reached its function, and there is room for it. */
static void serve(run *r, const sim_call *call, double now)
{
    request *q = &r->request[call->request];
    const sim_stage *s = &r->m->stage[q->stage];
    const sim_worker *w = &s->worker[call->worker];
    int function = s->first + call->worker;
    sim_instance unused;
    double cold = cold_ms(r, sim_pool_take(&r->pool[function], now, r->o->idle_ms, &unused));
    double get = draw_leg(r, q, s, call->worker, SIM_GET_IN);
    double put = draw_leg(r, q, s, call->worker, SIM_PUT_OUT);
    double awake = fmax(0, get + w->codec_ms + w->work_ms + put);
    double back = draw_leg(r, q, s, call->worker, SIM_RESPONSE) +
                  draw_leg(r, q, s, call->worker, SIM_GET_OUT);
    double end = now + cold + awake + back, waited = now - call->at_ms;
    r->usd += ff_net_function_usd(r->m->net, awake, s->worker_mb);
    sim_events_push(&r->events, now + cold + awake, SIM_FREE, -1, function);
    if (end > q->end_ms) {
        q->end_ms = end;
        q->branch_ms[FF_SIM_COMPUTE] = w->work_ms;
        q->branch_ms[FF_SIM_SERIAL] = w->codec_ms;
        q->branch_ms[FF_SIM_WAITING] = waited;
        q->branch_ms[FF_SIM_COLD] = cold;
        q->branch_ms[FF_SIM_ROUTE] = end - q->sent_ms - w->work_ms - w->codec_ms - waited - cold;
    }
    if (--q->pending == 0)
        sim_events_push(&r->events, fmax(now, q->end_ms) + s->after_ms, SIM_JOIN, call->request, 0);
}

static void start_master(run *r, const sim_call *call, double now)
{
    request *q = &r->request[call->request];
    bool warm = sim_pool_take(&r->pool[r->m->function_count], now, r->o->idle_ms, &q->master);
    double cold = cold_ms(r, warm);
    q->start_ms = now + cold;
    q->cause_ms[FF_SIM_WAITING] += now - call->at_ms;
    q->cause_ms[FF_SIM_COLD] += cold;
    begin_stage(r, call->request, q->start_ms);
}

/* A call to a function: served, or it waits its turn. */
static void meet(run *r, int function, const sim_call *call, double now)
{
    sim_pool *pool = &r->pool[function];
    if (r->o->instances > 0 && pool->busy >= r->o->instances)
        sim_pool_wait(pool, call);
    else if (function == r->m->function_count)
        start_master(r, call, now);
    else
        serve(r, call, now);
}

static void release(run *r, int function, sim_instance *instance, double now)
{
    sim_call call;
    instance->free_ms = now;
    sim_pool_give(&r->pool[function], instance);
    if (sim_pool_next(&r->pool[function], &call))
        meet(r, function, &call, now);
}

static void arrive(run *r, double now)
{
    int burst = r->o->burst > 0 && r->o->clients == 0 ? r->o->burst : 1;
    for (int i = 0; i < burst && r->arrived < r->o->requests; i++) {
        sim_call call = {r->arrived++, 0, now};
        r->request[call.request].arrive_ms = now;
        meet(r, r->m->function_count, &call, now);
    }
    if (r->o->clients > 0 || r->arrived == r->o->requests)
        return;
    double gap = r->o->interval_ms;
    gap *= r->o->poisson ? -log(1 - ff_random_unit(&r->random)) : 1;
    sim_events_push(&r->events, now + gap, SIM_ARRIVE, 0, 0);
}

/* The stage's results are placed. */
static void join(run *r, int id, double now)
{
    request *q = &r->request[id];
    for (int i = 0; i < FF_SIM_CAUSES; i++)
        q->cause_ms[i] += q->branch_ms[i];
    if (++q->stage < r->m->stage_count) {
        begin_stage(r, id, now);
        return;
    }
    q->latency_ms = now - q->arrive_ms;
    r->usd += ff_net_function_usd(r->m->net, now - q->start_ms, r->m->master_mb);
    r->last_ms = now;
    r->answered++;
    /* what the buckets filled since the last stage's calls */
    double since = now - q->master.free_ms;
    (void)take_bytes(&r->m->net->function.up, &q->master.up_bytes, since, 0);
    (void)take_bytes(&r->m->net->function.down, &q->master.down_bytes, since, 0);
    release(r, r->m->function_count, &q->master, now);
    if (r->o->clients > 0 && r->arrived < r->o->requests)
        arrive(r, now);
}

static void run_events(run *r)
{
    sim_event e;
    int first = r->o->clients > 0 ? r->o->clients : 1;
    for (int i = 0; i < first && i < r->o->requests; i++)
        sim_events_push(&r->events, 0, SIM_ARRIVE, 0, 0);
    while (sim_events_pop(&r->events, &e)) {
        sim_call call = {e.request, e.worker, e.at_ms};
        sim_instance fresh = {e.at_ms, 0, 0};
        if (e.kind == SIM_ARRIVE)
            arrive(r, e.at_ms);
        else if (e.kind == SIM_CALL)
            meet(r, r->m->stage[r->request[e.request].stage].first + e.worker, &call, e.at_ms);
        else if (e.kind == SIM_FREE)
            release(r, e.worker, &fresh, e.at_ms);
        else
            join(r, e.request, e.at_ms);
    }
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The smallest time that at least the share p of all stayed within. */
static double quantile(const double *sorted, int count, double p)
{
    int rank = (int)ceil(p * count) - 1;
    return sorted[rank < 0 ? 0 : rank >= count ? count - 1 : rank];
}

static void sum_up(const run *r, ff_sim_result *out)
{
    int n = r->o->requests;
    double *ms = ff_mem_must_array((size_t)n, sizeof *ms), squares = 0;
    *out = (ff_sim_result){.requests = n, .cold_starts = r->cold_starts, .usd = r->usd / n};
    for (int i = 0; i < n; i++) {
        ms[i] = r->request[i].latency_ms;
        out->mean_ms += ms[i] / n;
        for (int c = 0; c < FF_SIM_CAUSES; c++)
            out->cause_ms[c] += r->request[i].cause_ms[c] / n;
    }
    for (int i = 0; i < n; i++)
        squares += (ms[i] - out->mean_ms) * (ms[i] - out->mean_ms);
    out->error_ms = n > 1 ? sqrt(squares / (n - 1) / n) : 0;
    qsort(ms, (size_t)n, sizeof *ms, rising);
    out->p50_ms = quantile(ms, n, 0.5);
    out->p90_ms = quantile(ms, n, 0.9);
    out->p99_ms = quantile(ms, n, 0.99);
    out->p999_ms = quantile(ms, n, 0.999);
    out->max_ms = ms[n - 1];
    out->span_ms = r->last_ms;
    out->per_second = r->last_ms > 0 ? n / r->last_ms * 1000 : 0;
    out->masters = r->pool[r->m->function_count].most_busy;
    ff_mem_free(ms);
}

static ff_code check(const ff_sim_options *o, ff_err *err)
{
    if (o->requests < 1 || o->requests > FF_SIM_MAX_REQUESTS)
        return ff_err_set(err, FF_USAGE, "requests: wanted 1 to %d, found %d", FF_SIM_MAX_REQUESTS,
                          o->requests);
    if (o->clients < 0 || o->clients > FF_SIM_MAX_CLIENTS)
        return ff_err_set(err, FF_USAGE, "clients: wanted 0 to %d, found %d", FF_SIM_MAX_CLIENTS,
                          o->clients);
    if (o->instances < 0 || o->instances > FF_SIM_MAX_INSTANCES || o->burst < 0)
        return ff_err_set(err, FF_USAGE, "instances, burst: %d, %d is out of range", o->instances,
                          o->burst);
    if (o->clients == 0 && !(o->interval_ms >= 0 && o->interval_ms < 1e12))
        return ff_err_set(err, FF_USAGE, "interval: wanted 0 to 10^12 ms, found %g",
                          o->interval_ms);
    if (!(o->idle_ms >= 0))
        return ff_err_set(err, FF_USAGE, "idle: wanted a time of at least 0, found %g", o->idle_ms);
    return FF_OK;
}

ff_code ff_sim_run(const ff_sim_model *m, const ff_sim_options *o, ff_sim_result *out, ff_err *err)
{
    ff_code code = check(o, err);
    if (code)
        return code;
    run r = {.m = m, .o = o};
    ff_random_init(&r.random, o->seed);
    r.pool = ff_mem_must_array((size_t)m->function_count + 1, sizeof *r.pool);
    r.request = ff_mem_must_array((size_t)o->requests, sizeof *r.request);
    run_events(&r);
    sum_up(&r, out);
    for (int i = 0; i <= m->function_count; i++)
        sim_pool_clean(&r.pool[i]);
    ff_mem_free(r.pool);
    ff_mem_free(r.request);
    sim_events_clean(&r.events);
    return FF_OK;
}
