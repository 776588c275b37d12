#include "local/shape_int.h"

#include <math.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"

#define GONE_CHECK_MS 200
#define WHOLE_BYTES   16384u /* bodies up to it are sent at once, when their last byte is due */
#define STEPS         32     /* a larger body leaves in so many pieces ... */
#define MOST_STEP     65536u /* ... or more */

struct ff_shape {
    double dilation;
    int64_t origin_ns;
    struct {
        pthread_mutex_t lock;
        pthread_cond_t changed; /* it stops */
        bool stopping;
        ff_shaper *shaper;
    } synced;
};

ff_shape *ff_shape_new(const ff_net_profile *profile, double dilation, uint64_t seed)
{
    pthread_condattr_t attributes;
    ff_shape *shape = ff_mem_must(sizeof *shape);
    shape->dilation = dilation;
    shape->origin_ns = ff_clock_now_ns();
    shape->synced.shaper = ff_shaper_new(profile, seed);
    pthread_mutex_init(&shape->synced.lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&shape->synced.changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return shape;
}

void ff_shape_stop(ff_shape *shape)
{
    if (!shape)
        return;
    pthread_mutex_lock(&shape->synced.lock);
    shape->synced.stopping = true;
    pthread_cond_broadcast(&shape->synced.changed);
    pthread_mutex_unlock(&shape->synced.lock);
}

void ff_shape_free(ff_shape *shape)
{
    if (!shape)
        return;
    ff_shaper_free(shape->synced.shaper);
    pthread_cond_destroy(&shape->synced.changed);
    pthread_mutex_destroy(&shape->synced.lock);
    ff_mem_free(shape);
}

int64_t ff_shape_stretch_ms(const ff_shape *shape, int64_t ms)
{
    double stretched = shape ? (double)ms * shape->dilation : 0;
    if (!shape || stretched >= (double)INT64_MAX)
        return shape ? INT64_MAX : ms;
    return (int64_t)ceil(stretched);
}

double ff_shape_shrink_ms(const ff_shape *shape, int64_t real_ns)
{
    return ff_clock_ms(real_ns) / (shape ? shape->dilation : 1);
}

/* The shaper's time of a moment. */
static double at(const ff_shape *shape, int64_t ns)
{
    return ff_clock_ms(ns - shape->origin_ns) / shape->dilation;
}

static double now(const ff_shape *shape)
{
    return at(shape, ff_clock_now_ns());
}

int64_t ff_shape_cold_start_ns(ff_shape *shape, uint64_t instance)
{
    if (!shape)
        return 0;
    pthread_mutex_lock(&shape->synced.lock);
    double ms = ff_shaper_cold_start_ms(shape->synced.shaper, instance);
    pthread_mutex_unlock(&shape->synced.lock);
    return (int64_t)(ms * shape->dilation * 1e6);
}

void ff_shape_forget(ff_shape *shape, uint64_t instance)
{
    if (!shape)
        return;
    pthread_mutex_lock(&shape->synced.lock);
    ff_shaper_forget(shape->synced.shaper, instance);
    pthread_mutex_unlock(&shape->synced.lock);
}

static ff_flow *begin(ff_shape *shape, const ff_passage *passage)
{
    const ff_transfer transfer = {passage->leg, passage->self, passage->peer, passage->bytes,
                                  at(shape, passage->start_ns)};
    pthread_mutex_lock(&shape->synced.lock);
    ff_flow *flow = ff_shaper_begin(shape->synced.shaper, &transfer, now(shape));
    pthread_mutex_unlock(&shape->synced.lock);
    return flow;
}

static void end(ff_shape *shape, ff_flow *flow)
{
    pthread_mutex_lock(&shape->synced.lock);
    ff_shaper_end(shape->synced.shaper, flow, now(shape));
    pthread_mutex_unlock(&shape->synced.lock);
}

/* Until so many bytes have passed. false: it stops, or the client of request (may be NULL) left. */
static bool wait_for(ff_shape *shape, const ff_flow *flow, uint64_t bytes,
                     const ff_server_request *request)
{
    bool gone = false;
    pthread_mutex_lock(&shape->synced.lock);
    while (!shape->synced.stopping && !gone) {
        double ms = ff_shaper_wait_ms(shape->synced.shaper, flow, bytes, now(shape));
        if (ms <= 0)
            break;
        double real_ms = fmin(ms * shape->dilation, GONE_CHECK_MS);
        int64_t until = ff_clock_now_ns() + (int64_t)ceil(real_ms * 1e6);
        struct timespec when = {until / 1000000000, until % 1000000000};
        pthread_cond_timedwait(&shape->synced.changed, &shape->synced.lock, &when);
        if (real_ms < GONE_CHECK_MS || !request)
            continue;
        pthread_mutex_unlock(&shape->synced.lock);
        gone = ff_server_client_gone(request);
        pthread_mutex_lock(&shape->synced.lock);
    }
    bool stopping = shape->synced.stopping;
    pthread_mutex_unlock(&shape->synced.lock);
    return !gone && !stopping;
}

bool ff_shape_pass(ff_shape *shape, const ff_passage *passage, const ff_server_request *request,
                   int64_t *late_ns)
{
    if (late_ns)
        *late_ns = 0;
    if (!shape || passage->self == FF_SHAPER_NOBODY)
        return true;
    ff_flow *flow = begin(shape, passage);
    bool passed = wait_for(shape, flow, passage->bytes, request);
    if (late_ns && passed && ff_flow_end_ms(flow) >= 0)
        *late_ns = (int64_t)(fmax(now(shape) - ff_flow_end_ms(flow), 0) * shape->dilation * 1e6);
    end(shape, flow);
    return passed;
}

/* A body on its way out. */
typedef struct pacer {
    ff_shape *shape;
    ff_flow *flow;
    uint64_t bytes, step;
} pacer;

static uint64_t pace(void *user, uint64_t sent)
{
    const pacer *p = user;
    uint64_t next = p->bytes - sent < p->step ? p->bytes : sent + p->step;
    if (!wait_for(p->shape, p->flow, next, NULL))
        return p->bytes; /* it stops: nothing is held back any longer */
    pthread_mutex_lock(&p->shape->synced.lock);
    uint64_t passed = ff_shaper_passed(p->shape->synced.shaper, p->flow, now(p->shape));
    pthread_mutex_unlock(&p->shape->synced.lock);
    return passed > next ? passed : next;
}

static void pace_end(void *user)
{
    pacer *p = user;
    end(p->shape, p->flow);
    ff_mem_free(p);
}

bool ff_shape_send(ff_shape *shape, const ff_passage *passage, const ff_server_request *request,
                   ff_server_response *response)
{
    if (!shape || passage->self == FF_SHAPER_NOBODY)
        return true;
    if (passage->bytes <= WHOLE_BYTES)
        return ff_shape_pass(shape, passage, request, NULL);
    ff_flow *flow = begin(shape, passage);
    if (!wait_for(shape, flow, 0, request)) {
        end(shape, flow);
        return false;
    }
    pacer *p = ff_mem_must(sizeof *p);
    uint64_t step = passage->bytes / STEPS;
    *p = (pacer){shape, flow, passage->bytes, step < MOST_STEP ? step : MOST_STEP};
    response->pace = pace;
    response->pace_end = pace_end;
    response->pacer = p;
    return true;
}
