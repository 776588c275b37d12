#include "profile/dist.h"

#include <assert.h>
#include <math.h>

double ff_normal_cdf(double score)
{
    return 0.5 * erfc(-score * M_SQRT1_2);
}

/* p <= 1/2. A first guess within 0.003 (Abramowitz and Stegun 26.2.22), then Newton on log(cdf),
 * which is nearly a parabola: three or four steps to double precision. */
static double lower_score(double p)
{
    double want = log(p), t = sqrt(-2 * want);
    double z = (2.30753 + 0.27061 * t) / (1 + t * (0.99229 + 0.04481 * t)) - t;
    for (int i = 0; i < 8; i++) {
        double cdf = ff_normal_cdf(z);
        if (cdf <= 0)
            return z; /* p below 1e-300 */
        double density = exp(-0.5 * z * z) * 0.3989422804014327;
        double step = (want - log(cdf)) * cdf / density;
        z += step;
        if (fabs(step) < 1e-9 * (1 + fabs(z))) /* its square is what is left */
            break;
    }
    return z;
}

double ff_normal_score_of(double p, double above)
{
    if (p <= 0)
        return -INFINITY;
    if (above <= 0)
        return INFINITY;
    return p <= above ? lower_score(p) : -lower_score(above);
}

double ff_normal_score(double p)
{
    return ff_normal_score_of(p, 1 - p);
}

ff_dist ff_dist_sure(double ms)
{
    return (ff_dist){.kind = FF_DIST_LOGNORMAL, .shift_ms = ms};
}

static void add_term(ff_dist *d, double p50, double p99)
{
    assert(p50 >= 0 && p99 >= p50 && (p50 > 0 || p99 <= 0));
    if (p99 <= p50) {
        d->shift_ms += p50;
        return;
    }
    int i = d->scale_ms[0] > 0;
    d->scale_ms[i] = p50;
    d->sigma[i] = log(p99 / p50) / FF_SCORE_P99;
}

ff_dist ff_dist_lognormal(double p50_ms, double p99_ms)
{
    return ff_dist_affine(p50_ms, p99_ms, 0, 0);
}

ff_dist ff_dist_affine(double fixed_p50_ms, double fixed_p99_ms, double variable_p50_ms,
                       double variable_p99_ms)
{
    ff_dist d = ff_dist_sure(0);
    add_term(&d, fixed_p50_ms, fixed_p99_ms);
    add_term(&d, variable_p50_ms, variable_p99_ms);
    return d;
}

ff_dist ff_dist_exponnorm(double k, double loc_ms, double sd_ms)
{
    assert(k >= 0 && sd_ms >= 0);
    return (ff_dist){.kind = FF_DIST_EXPONNORM, .shift_ms = loc_ms, .k = k, .sd_ms = sd_ms};
}

bool ff_dist_is_sure(const ff_dist *d)
{
    return d->kind == FF_DIST_LOGNORMAL ? d->scale_ms[0] <= 0 : d->sd_ms <= 0;
}

double ff_dist_mean(const ff_dist *d)
{
    if (d->kind == FF_DIST_EXPONNORM)
        return d->shift_ms + d->sd_ms * d->k;
    return d->shift_ms + d->scale_ms[0] * exp(0.5 * d->sigma[0] * d->sigma[0]) +
           d->scale_ms[1] * exp(0.5 * d->sigma[1] * d->sigma[1]);
}

double ff_dist_mean_signed(const ff_dist *d)
{
    return d->minus ? -ff_dist_mean(d) : ff_dist_mean(d);
}

static double lognormal_at(const ff_dist *d, double z)
{
    double ms = d->shift_ms;
    for (int i = 0; i < 2 && d->scale_ms[i] > 0; i++)
        ms += d->scale_ms[i] * exp(d->sigma[i] * z);
    return ms;
}

/* With two terms: Newton on a convex rising function, from the right of the root. */
static double lognormal_score(const ff_dist *d, double ms)
{
    double y = ms - d->shift_ms;
    if (y <= 0)
        return -INFINITY;
    double z = log(y / d->scale_ms[0]) / d->sigma[0];
    if (d->scale_ms[1] <= 0)
        return z;
    z = fmin(z, log(y / d->scale_ms[1]) / d->sigma[1]);
    for (int i = 0; i < 60; i++) {
        double a = d->scale_ms[0] * exp(d->sigma[0] * z);
        double b = d->scale_ms[1] * exp(d->sigma[1] * z);
        double step = (a + b - y) / (a * d->sigma[0] + b * d->sigma[1]);
        z -= step;
        if (!(fabs(step) > 1e-13 * (1 + fabs(z))))
            break;
    }
    return z;
}

/* log of the normal distribution function, also where that underflows. */
static double log_cdf(double z)
{
    if (z > -30)
        return log(ff_normal_cdf(z));
    return -0.5 * z * z - log(-z) - 0.9189385332046727 + log1p(-1 / (z * z));
}

static void exponnorm_tails(const ff_dist *d, double ms, double *below, double *above)
{
    double y = (ms - d->shift_ms) / d->sd_ms, rate = 1 / d->k;
    double tail = exp(0.5 * rate * rate - y * rate + log_cdf(y - rate));
    *below = ff_normal_cdf(y) - tail;
    *above = ff_normal_cdf(-y) + tail;
}

/* Within 1e-6 standard deviations; below that the formula loses its digits. */
static bool as_good_as_normal(const ff_dist *d)
{
    return d->k < 1e-3;
}

static double exponnorm_score(const ff_dist *d, double ms)
{
    if (as_good_as_normal(d)) /* the mean is kept */
        return (ms - d->shift_ms) / d->sd_ms - d->k;
    double below, above;
    exponnorm_tails(d, ms, &below, &above);
    return ff_normal_score_of(below, above);
}

/* The score is nearly a straight line: regula falsi (Illinois) between the normal part's quantile
 * and a point behind. */
static double exponnorm_at(const ff_dist *d, double z)
{
    double lo = d->shift_ms + d->sd_ms * z;
    double reach = d->sd_ms * (1 + d->k);
    double hi = lo + reach;
    double f_lo = exponnorm_score(d, lo) - z, f_hi = exponnorm_score(d, hi) - z;
    for (int i = 0; i < 200 && f_hi < 0; i++) {
        lo = hi;
        f_lo = f_hi;
        hi += reach;
        reach *= 2;
        f_hi = exponnorm_score(d, hi) - z;
    }
    for (int i = 0; i < 200 && hi - lo > 1e-12 * (1 + fabs(hi)); i++) {
        double mid = 0.5 * (lo + hi);
        if (isfinite(f_lo) && isfinite(f_hi) && f_lo < f_hi)
            mid = hi - f_hi * (hi - lo) / (f_hi - f_lo);
        double f = exponnorm_score(d, mid) - z;
        if (fabs(f) < 1e-11)
            return mid;
        if (f < 0) {
            lo = mid;
            f_lo = f;
            f_hi *= 0.5;
        } else {
            hi = mid;
            f_hi = f;
            f_lo *= 0.5;
        }
    }
    return 0.5 * (lo + hi);
}

double ff_dist_at_score(const ff_dist *d, double score)
{
    if (ff_dist_is_sure(d))
        return d->shift_ms;
    return d->kind == FF_DIST_LOGNORMAL ? lognormal_at(d, score) : exponnorm_at(d, score);
}

double ff_dist_score(const ff_dist *d, double ms)
{
    if (ff_dist_is_sure(d))
        return ms < d->shift_ms ? -INFINITY : INFINITY;
    return d->kind == FF_DIST_LOGNORMAL ? lognormal_score(d, ms) : exponnorm_score(d, ms);
}

void ff_dist_tails(const ff_dist *d, double ms, double *below, double *above)
{
    if (d->kind == FF_DIST_EXPONNORM && !ff_dist_is_sure(d) && !as_good_as_normal(d)) {
        exponnorm_tails(d, ms, below, above);
        return;
    }
    double score = ff_dist_score(d, ms) * M_SQRT1_2;
    *below = 0.5 * erfc(-score);
    *above = 0.5 * erfc(score);
}

double ff_dist_cdf(const ff_dist *d, double ms)
{
    return ff_normal_cdf(ff_dist_score(d, ms));
}

double ff_dist_quantile(const ff_dist *d, double p)
{
    return ff_dist_at_score(d, ff_normal_score(p));
}

double ff_dist_sample(const ff_dist *d, ff_random *random)
{
    if (ff_dist_is_sure(d))
        return d->shift_ms;
    double z = ff_random_normal(random);
    if (d->kind == FF_DIST_LOGNORMAL)
        return lognormal_at(d, z);
    return d->shift_ms + d->sd_ms * (z - d->k * log(1 - ff_random_unit(random)));
}
