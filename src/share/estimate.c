#include "share/estimate.h"

#include <math.h>
#include <stdlib.h>

#define LEAST_MS     0.02 /* below it a line tells nothing by its ratio */
#define LEAST_SIGMA  0.05
#define LINE_SAMPLES 8
#define SMALL_BYTES  1e4
#define PROBE_BYTES  1e6 /* where, beside 0, changes of a line are looked at */
#define FAST_SCORE   2.33
#define SOURCE       "fitted from this deployment's own requests"

static ff_leg *leg_of(const ff_estimate *e, ff_est_leg leg)
{
    ff_net_profile *p = e->profile;
    return leg == FF_EST_REQUEST    ? &p->inline_route.request
           : leg == FF_EST_RESPONSE ? &p->inline_route.response
           : leg == FF_EST_PUT      ? &p->store.put
                                    : &p->store.get;
}

static double per_mb(double rate, double factor)
{
    return isfinite(rate) && rate > 0 ? 1000 * factor / rate : 0;
}

static ff_fit fit_of(const ff_leg *leg)
{
    double factor = leg->encoding_factor.value;
    ff_fit f = {.fixed_ms = leg->fixed_ms.p50,
                .fixed_p99_ms = leg->fixed_ms.p99,
                .ms_per_mb = per_mb(leg->mb_per_s.p50, factor),
                .slow_ratio = 1};
    if (f.ms_per_mb > 0)
        f.slow_ratio = fmax(1, leg->mb_per_s.p50 / leg->mb_per_s.p99);
    if (leg->head_bytes.value > 0) {
        f.head_bytes = leg->head_bytes.value / factor;
        f.head_ms_per_mb = per_mb(leg->head_mb_per_s.p50, factor);
    }
    if (f.fixed_ms < LEAST_MS) { /* so that it can be scaled */
        f.fixed_ms = LEAST_MS;
        f.fixed_p99_ms = fmax(f.fixed_p99_ms, LEAST_MS);
    }
    return f;
}

/* As ff_fit_apply, without memory of its own: this happens at every request. */
static void apply(const ff_fit *f, ff_leg *leg)
{
    double factor = leg->encoding_factor.value;
    leg->fixed_ms = (ff_fixed){.kind = FF_DIST_LOGNORMAL,
                               .p50 = f->fixed_ms,
                               .p99 = fmax(f->fixed_p99_ms, f->fixed_ms),
                               .source = SOURCE};
    double rate = f->ms_per_mb > 0 ? 1000 * factor / f->ms_per_mb : INFINITY;
    leg->mb_per_s = (ff_spread){rate, rate / f->slow_ratio, SOURCE};
    bool head = f->head_bytes > 0 && f->head_ms_per_mb > 0;
    leg->head_bytes = (ff_figure){head ? f->head_bytes * factor : 0, head ? SOURCE : NULL};
    rate = head ? 1000 * factor / f->head_ms_per_mb : 0;
    leg->head_mb_per_s = (ff_spread){rate, rate / f->slow_ratio, head ? SOURCE : NULL};
}

void ff_estimate_init(ff_estimate *e, const ff_net_profile *profile)
{
    *e = (ff_estimate){.profile = ff_net_profile_copy(profile), .learns = true};
    for (int i = 0; i < FF_EST_LEGS; i++) {
        const ff_leg *leg = leg_of(e, (ff_est_leg)i);
        if (leg->fixed_ms.kind != FF_DIST_LOGNORMAL || leg->less_ms.source)
            e->learns = false;
        e->leg[i].base = e->leg[i].now = fit_of(leg);
    }
}

void ff_estimate_clean(ff_estimate *e)
{
    ff_net_profile_free(e->profile);
    *e = (ff_estimate){0};
}

static double line_ms(const ff_fit *f, double bytes)
{
    return fmax(LEAST_MS, ff_fit_p50_ms(f, bytes));
}

double ff_estimate_ms(const ff_estimate *e, ff_est_leg leg, double bytes, int sharing)
{
    const ff_net_profile *p = e->profile;
    bool up = leg == FF_EST_REQUEST || leg == FF_EST_PUT;
    bool store = leg == FF_EST_PUT || leg == FF_EST_GET;
    uint64_t whole = (uint64_t)bytes;
    ff_dist parts[2];
    ff_leg_parts(leg_of(e, leg), whole, store ? ff_net_connections(p, whole) : 1, sharing,
                 up ? &p->function.up : &p->function.down, NULL, parts);
    return fmax(LEAST_MS, ff_dist_at_score(&parts[0], 0));
}

void ff_estimate_note(ff_estimate *e, ff_est_leg leg, double bytes, int sharing, double ms,
                      int64_t request)
{
    ff_est_state *s = &e->leg[leg];
    if (!e->learns || !(ms >= 0) || !isfinite(ms))
        return;
    double alone = line_ms(&s->now, bytes) / ff_estimate_ms(e, leg, bytes, sharing);
    s->ring[s->next] = (ff_est_sample){bytes, fmax(LEAST_MS, ms * alone), request};
    s->next = (s->next + 1) % FF_ESTIMATE_WINDOW;
    s->count = s->count < FF_ESTIMATE_WINDOW ? s->count + 1 : FF_ESTIMATE_WINDOW;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n >= 1 values, which it sorts. */
static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_value);
    return (values[n / 2] + values[(n - 1) / 2]) / 2;
}

/* How far off a line is: the median of log(measured / line); and its spread, never less than the
 * line's own tail says while samples are few. */
typedef struct offset {
    double middle, sigma;
} offset;

static offset offset_of(const ff_fit *f, const ff_fit_sample *samples, int n, double less_ms)
{
    double logs[FF_ESTIMATE_WINDOW], away[FF_ESTIMATE_WINDOW], tail = 0;
    for (int i = 0; i < n; i++) {
        double line = line_ms(f, samples[i].bytes);
        logs[i] = log(fmax(LEAST_MS, samples[i].ms - less_ms) / fmax(LEAST_MS, line - less_ms));
        tail += log(fmax(1, ff_fit_p99_ms(f, samples[i].bytes) / line));
    }
    offset o = {.middle = median(logs, n)};
    for (int i = 0; i < n; i++)
        away[i] = fabs(logs[i] - o.middle);
    o.sigma = fmax(LEAST_SIGMA, 1.4826 * median(away, n));
    if (n < LINE_SAMPLES)
        o.sigma = fmax(o.sigma, tail / n / FF_SCORE_P99);
    return o;
}

static double factor_of(const offset *o, int n)
{
    bool fast = o->middle < -FAST_SCORE * o->sigma;
    return exp(o->middle * (fast ? 1 : (double)n / (n + 1)));
}

static double misfit(const ff_fit *f, const ff_fit_sample *samples, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += fabs(log(samples[i].ms / line_ms(f, samples[i].bytes)));
    return sum;
}

static void scale_fixed(ff_fit *f, double by)
{
    f->fixed_ms *= by;
    f->fixed_p99_ms *= by;
}

static void scale_rate(ff_fit *f, double by)
{
    f->ms_per_mb *= by;
    f->head_ms_per_mb *= by;
}

static bool many_sizes(const ff_fit_sample *samples, int n)
{
    double least = INFINITY, most = 0;
    for (int i = 0; i < n; i++) {
        least = fmin(least, samples[i].bytes);
        most = fmax(most, samples[i].bytes);
    }
    return n >= LINE_SAMPLES && most >= 2 * least;
}

/* A line through tensors of several sizes, where it explains them clearly better than *f does. */
static void try_line(const ff_fit *base, const ff_fit_sample *samples, int n, ff_fit *f)
{
    ff_fit line;
    if (!many_sizes(samples, n) || ff_fit_samples(samples, n, base, 1, &line, NULL) ||
        misfit(&line, samples, n) >= 0.9 * misfit(f, samples, n))
        return;
    line.fixed_ms = fmax(line.fixed_ms, LEAST_MS);
    line.fixed_p99_ms = line.fixed_ms * base->fixed_p99_ms / base->fixed_ms;
    line.slow_ratio = base->slow_ratio;
    *f = line;
}

/* small, large: messages without and with a tensor. */
static ff_fit refitted(ff_est_state *s, const ff_fit_sample *small, int small_count,
                       const ff_fit_sample *large, int large_count)
{
    ff_fit f = s->base;
    if (small_count) {
        offset o = offset_of(&f, small, small_count, 0);
        scale_fixed(&f, factor_of(&o, small_count));
    }
    if (!large_count)
        return f;
    offset o = offset_of(&f, large, large_count, small_count ? f.fixed_ms : 0);
    double by = factor_of(&o, large_count);
    scale_rate(&f, by);
    if (!small_count)
        scale_fixed(&f, by);
    try_line(&s->base, large, large_count, &f);
    o = offset_of(&f, large, large_count, 0);
    s->doubt = o.sigma / sqrt(large_count);
    return f;
}

static double change(const ff_fit *a, const ff_fit *b, double bytes)
{
    double ratio = line_ms(a, bytes) / line_ms(b, bytes);
    return fmax(ratio, 1 / ratio) - 1;
}

/* What samples taught that have all aged stays. */
static void keep_lessons(ff_est_state *s, int small_count, int large_count)
{
    if (!large_count && s->rate_learned) {
        s->base.ms_per_mb = s->now.ms_per_mb;
        s->base.head_bytes = s->now.head_bytes;
        s->base.head_ms_per_mb = s->now.head_ms_per_mb;
        s->doubt = 0;
    }
    if (!small_count && !large_count && (s->fixed_learned || s->rate_learned))
        s->base = s->now;
    s->rate_learned = large_count > 0;
    s->fixed_learned = small_count > 0;
}

double ff_estimate_refit(ff_estimate *e, int64_t request)
{
    double most = 0;
    for (int i = 0; i < FF_EST_LEGS && e->learns; i++) {
        ff_est_state *s = &e->leg[i];
        ff_fit_sample small[FF_ESTIMATE_WINDOW], large[FF_ESTIMATE_WINDOW];
        int small_count = 0, large_count = 0;
        for (int k = 0; k < s->count; k++) {
            ff_fit_sample sample = {s->ring[k].bytes, s->ring[k].ms};
            if (s->ring[k].request <= request - FF_ESTIMATE_REQUESTS)
                continue;
            if (sample.bytes < SMALL_BYTES)
                small[small_count++] = sample;
            else
                large[large_count++] = sample;
        }
        keep_lessons(s, small_count, large_count);
        if (!small_count && !large_count)
            continue;
        ff_fit fit = refitted(s, small, small_count, large, large_count);
        double moved = fmax(change(&fit, &s->now, 0), change(&fit, &s->now, PROBE_BYTES));
        if (moved > 0) {
            s->now = fit;
            apply(&fit, leg_of(e, (ff_est_leg)i));
        }
        most = fmax(most, moved);
    }
    return most;
}
