#include "plan/plan_wait.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/limits.h"

#define KNOT_FIRST  1024.0 /* bytes of the first knot behind 0 */
#define KNOT_OCTAVE 16
#define KNOTS       (2 + 24 * KNOT_OCTAVE) /* up to 16 GiB */
#define SKEWS       128                    /* of kappa's table, by skew / (skew + 2) */
#define SCORE_END   8.0
#define SCORE_STEP  0.0625

typedef enum leg_kind {
    LEG_REQUEST,
    LEG_RESPONSE,
    LEG_REQUEST_PUT,
    LEG_REQUEST_GET,
    LEG_RESPONSE_PUT,
    LEG_RESPONSE_GET,
    LEG_COUNT
} leg_kind;

typedef ff_wait_sum cumulants;

typedef struct knot { /* what a leg is at `bytes`, and by how much a byte more raises it */
    double bytes, mean, sd, third_root;
    double mean_more, sd_more, third_root_more;
} knot;

typedef struct table { /* of one n */
    knot leg[LEG_COUNT][KNOTS];
    double kappa_mean[SKEWS], kappa_p99[SKEWS];
} table;

struct ff_wait {
    const ff_net_profile *net;
    cumulants cold;
    table *of[FF_MAX_TILES + 1];
};

/* --- one leg ------------------------------------------------------------------------------- */

static cumulants cumulants_of(const ff_dist *d)
{
    cumulants c = {ff_dist_mean_signed(d), 0, 0};
    if (d->kind == FF_DIST_EXPONNORM) {
        c.variance = d->sd_ms * d->sd_ms * (1 + d->k * d->k);
        c.third = 2 * pow(d->k * d->sd_ms, 3);
    } else {
        /* raw moments of a sum of two exponentials of one normal score, then central ones */
        double a = d->scale_ms[0], b = d->scale_ms[1], s = d->sigma[0], t = d->sigma[1];
        double m1 = a * exp(s * s / 2) + b * exp(t * t / 2);
        double m2 = a * a * exp(2 * s * s) + 2 * a * b * exp((s + t) * (s + t) / 2) +
                    b * b * exp(2 * t * t);
        double m3 =
            pow(a, 3) * exp(4.5 * s * s) + 3 * a * a * b * exp((2 * s + t) * (2 * s + t) / 2) +
            3 * a * b * b * exp((s + 2 * t) * (s + 2 * t) / 2) + pow(b, 3) * exp(4.5 * t * t);
        c.variance = fmax(0, m2 - m1 * m1);
        c.third = m3 - 3 * m1 * m2 + 2 * m1 * m1 * m1;
    }
    if (d->minus)
        c.third = -c.third;
    return c;
}

static void add(cumulants *sum, const cumulants *more)
{
    sum->mean += more->mean;
    sum->variance += more->variance;
    sum->third += more->third;
}

static int leg_parts(const ff_net_profile *p, leg_kind kind, uint64_t bytes, int n,
                     ff_dist parts[2])
{
    const ff_nic *up = &p->function.up, *down = &p->function.down;
    int connections = ff_net_connections(p, bytes);
    switch (kind) {
    case LEG_REQUEST:
        return ff_leg_parts(&p->inline_route.request, bytes, 1, n, up, down, parts);
    case LEG_RESPONSE:
        return ff_leg_parts(&p->inline_route.response, bytes, 1, n, down, up, parts);
    case LEG_REQUEST_PUT:
        return ff_leg_parts(&p->store.put, bytes, connections, n, up, NULL, parts);
    case LEG_REQUEST_GET:
        return ff_leg_parts(&p->store.get, bytes, connections, 1, down, NULL, parts);
    case LEG_RESPONSE_PUT:
        return ff_leg_parts(&p->store.put, bytes, connections, 1, up, NULL, parts);
    default:
        return ff_leg_parts(&p->store.get, bytes, connections, n, down, NULL, parts);
    }
}

/* --- the slowest of n ---------------------------------------------------------------------- */

/* A lognormal's sigma for a skewness: the real root of (w + 2)^2 (w - 1) = skew^2, w = exp(s^2). */
static double sigma_of(double skew)
{
    double half = skew * skew / 2, root = cbrt(1 + half + skew * sqrt(1 + half / 2));
    return sqrt(log(root + 1 / root - 1));
}

/* A standardised shifted lognormal of this sigma at a score. */
static double standard_at(double sigma, double score)
{
    if (sigma < 1e-4)
        return score;
    double w = exp(sigma * sigma);
    return (exp(sigma * score - sigma * sigma / 2) - 1) / sqrt(w - 1);
}

static double kappa_mean(double sigma, int n)
{
    double sum = 0;
    for (double z = -SCORE_END; z <= SCORE_END; z += SCORE_STEP) {
        double density = n * exp(-0.5 * z * z) * 0.3989422804014327 * pow(ff_normal_cdf(z), n - 1);
        sum += SCORE_STEP * density * standard_at(sigma, z);
    }
    return sum;
}

static double kappa_quantile(double sigma, int n, double p)
{
    double root = log(p) / n;
    return standard_at(sigma, ff_normal_score_of(exp(root), -expm1(root)));
}

static void fill_kappa(table *t, int n)
{
    for (int i = 0; i < SKEWS; i++) {
        double share = (double)i / SKEWS, sigma = sigma_of(2 * share / (1 - share));
        t->kappa_mean[i] = n == 1 ? 0 : kappa_mean(sigma, n);
        t->kappa_p99[i] = kappa_quantile(sigma, n, 0.99);
    }
}

static double kappa_at(const double *kappa, double skew)
{
    double at = skew / (skew + 2) * SKEWS;
    int i = at < SKEWS - 2 ? (int)at : SKEWS - 2;
    return kappa[i] + (at - i) * (kappa[i + 1] - kappa[i]);
}

/* Third cumulants below 0 (a time is taken off) count as none. */
static double skew_of(const cumulants *c)
{
    return c->variance > 0 && c->third > 0 ? c->third / (c->variance * sqrt(c->variance)) : 0;
}

ff_wait_time ff_wait_of(double mean, double variance, double third, int n)
{
    cumulants c = {mean, variance, third};
    double sigma = sigma_of(skew_of(&c)), sd = sqrt(fmax(0, variance));
    return (ff_wait_time){mean + (n == 1 ? 0 : sd * kappa_mean(sigma, n)),
                          mean + sd * kappa_quantile(sigma, n, 0.99)};
}

double ff_wait_quantile(double mean, double variance, double third, double p)
{
    cumulants c = {mean, variance, third};
    return mean + sqrt(fmax(0, variance)) * kappa_quantile(sigma_of(skew_of(&c)), 1, p);
}

/* --- tables -------------------------------------------------------------------------------- */

static double knot_bytes(int i)
{
    if (i == 0)
        return 0;
    int octave = (i - 1) / KNOT_OCTAVE, step = (i - 1) % KNOT_OCTAVE;
    return ldexp(KNOT_FIRST, octave) * (1 + (double)step / KNOT_OCTAVE);
}

static void fill_legs(table *t, const ff_net_profile *net, int n)
{
    for (int kind = 0; kind < LEG_COUNT; kind++)
        for (int i = 0; i < KNOTS; i++) {
            ff_dist parts[2];
            cumulants sum = {0, 0, 0};
            int count = leg_parts(net, (leg_kind)kind, (uint64_t)knot_bytes(i), n, parts);
            for (int k = 0; k < count; k++) {
                cumulants c = cumulants_of(&parts[k]);
                add(&sum, &c);
            }
            t->leg[kind][i] = (knot){.bytes = knot_bytes(i),
                                     .mean = sum.mean,
                                     .sd = sqrt(sum.variance),
                                     .third_root = cbrt(sum.third)};
        }
    for (int kind = 0; kind < LEG_COUNT; kind++)
        for (int i = 0; i + 1 < KNOTS; i++) {
            knot *a = &t->leg[kind][i], *b = a + 1;
            double more = b->bytes - a->bytes;
            a->mean_more = (b->mean - a->mean) / more;
            a->sd_more = (b->sd - a->sd) / more;
            a->third_root_more = (b->third_root - a->third_root) / more;
        }
}

static const table *table_of(ff_wait *wait, int n)
{
    assert(n >= 1 && n <= (int)FF_MAX_TILES);
    if (wait->of[n] == NULL) {
        wait->of[n] = ff_mem_must(sizeof *wait->of[n]);
        fill_legs(wait->of[n], wait->net, n);
        fill_kappa(wait->of[n], n);
    }
    return wait->of[n];
}

/* The last knot at or below: a double's exponent and its first four bits behind the point. */
static int knot_below(double bytes)
{
    uint64_t bits, first;
    const double least = KNOT_FIRST;
    if (bytes < KNOT_FIRST)
        return 0;
    memcpy(&bits, &bytes, sizeof bits);
    memcpy(&first, &least, sizeof first);
    int i = 1 + (int)((bits >> 48) - (first >> 48));
    return i < KNOTS - 2 ? i : KNOTS - 2;
}

static void add_leg(cumulants *sum, const table *t, leg_kind kind, double bytes)
{
    const knot *k = &t->leg[kind][knot_below(bytes)];
    double more = bytes - k->bytes, sd = k->sd + more * k->sd_more;
    double root = k->third_root + more * k->third_root_more;
    sum->mean += k->mean + more * k->mean_more;
    sum->variance += sd * sd;
    sum->third += root * root * root;
}

ff_wait *ff_wait_new(const ff_net_profile *net, bool cold)
{
    ff_wait *wait = ff_mem_must(sizeof *wait);
    wait->net = net;
    if (cold) {
        ff_dist start =
            ff_dist_lognormal(net->function.cold_start_ms.p50, net->function.cold_start_ms.p99);
        wait->cold = cumulants_of(&start);
    }
    return wait;
}

void ff_wait_free(ff_wait *wait)
{
    for (size_t n = 0; wait != NULL && n <= FF_MAX_TILES; n++)
        ff_mem_free(wait->of[n]);
    ff_mem_free(wait);
}

ff_wait_sum ff_wait_request(ff_wait *wait, int n, double by_payload, double by_store)
{
    const table *t = table_of(wait, n);
    cumulants sum = wait->cold;
    add_leg(&sum, t, LEG_REQUEST, by_payload);
    if (by_store > 0) {
        add_leg(&sum, t, LEG_REQUEST_PUT, by_store);
        add_leg(&sum, t, LEG_REQUEST_GET, by_store);
    }
    return sum;
}

ff_wait_sum ff_wait_response(ff_wait *wait, int n, double by_payload, double by_store)
{
    const table *t = table_of(wait, n);
    cumulants sum = {0, 0, 0};
    add_leg(&sum, t, LEG_RESPONSE, by_payload);
    if (by_store > 0) {
        add_leg(&sum, t, LEG_RESPONSE_PUT, by_store);
        add_leg(&sum, t, LEG_RESPONSE_GET, by_store);
    }
    return sum;
}

ff_wait_time ff_wait_both(ff_wait *wait, int n, const ff_wait_sum *request,
                          const ff_wait_sum *response)
{
    const table *t = table_of(wait, n);
    cumulants sum = *request;
    add(&sum, response);
    double skew = skew_of(&sum), sd = sqrt(sum.variance);
    return (ff_wait_time){sum.mean + sd * kappa_at(t->kappa_mean, skew),
                          sum.mean + sd * kappa_at(t->kappa_p99, skew)};
}

ff_wait_time ff_wait_slowest(ff_wait *wait, int n, const ff_wait_load *load)
{
    ff_wait_sum request = ff_wait_request(wait, n, load->in_inline, load->in_stored);
    ff_wait_sum response = ff_wait_response(wait, n, load->out_inline, load->out_stored);
    return ff_wait_both(wait, n, &request, &response);
}

double ff_wait_awake_ms(ff_wait *wait, int n, const ff_wait_load *load)
{
    const table *t = table_of(wait, n);
    cumulants sum = {0, 0, 0};
    if (load->in_stored > 0)
        add_leg(&sum, t, LEG_REQUEST_GET, load->in_stored);
    if (load->out_stored > 0)
        add_leg(&sum, t, LEG_RESPONSE_PUT, load->out_stored);
    return sum.mean;
}

int ff_wait_parts(const ff_net_profile *net, bool cold, int n, const ff_wait_load *load,
                  ff_dist parts[FF_WAIT_PARTS])
{
    uint64_t in = (uint64_t)load->in_stored, out = (uint64_t)load->out_stored;
    int count = leg_parts(net, LEG_REQUEST, (uint64_t)load->in_inline, n, parts);
    count += leg_parts(net, LEG_RESPONSE, (uint64_t)load->out_inline, n, parts + count);
    if (in > 0) {
        count += leg_parts(net, LEG_REQUEST_PUT, in, n, parts + count);
        count += leg_parts(net, LEG_REQUEST_GET, in, n, parts + count);
    }
    if (out > 0) {
        count += leg_parts(net, LEG_RESPONSE_PUT, out, n, parts + count);
        count += leg_parts(net, LEG_RESPONSE_GET, out, n, parts + count);
    }
    if (cold)
        parts[count++] =
            ff_dist_lognormal(net->function.cold_start_ms.p50, net->function.cold_start_ms.p99);
    return count;
}
