#include "profile/fit.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define MAX_PAIRS      20000
#define TRY_PAIRS      2000 /* while a knee is sought */
#define KNEE_TRIES     24
#define KNEE_SIDE      8     /* samples on each side at least */
#define KNEE_WORTH     0.002 /* of the times: residuals below are as good as none */
#define KNEE_GAIN      0.8   /* of the residuals that may remain */
#define CROSSOVER_MAX  17179869184.0
#define SIZES_TOO_NEAR 1.5 /* largest over smallest */

/* Room for the arrays of one fit. */
typedef struct scratch {
    double *slopes; /* MAX_PAIRS */
    double *rest;   /* count */
    double *x, *y;  /* count each */
    uint64_t seed;
} scratch;

typedef struct affine {
    double fixed, slope;
} affine;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Puts the k-th smallest at its place, smaller ones before it (Hoare's selection, with the middle
 * of three as the pivot). */
static double nth(double *v, int count, int k)
{
    int lo = 0, hi = count - 1;
    while (lo < hi) {
        double a = v[lo], b = v[lo + (hi - lo) / 2], c = v[hi];
        double pivot = fmax(fmin(a, b), fmin(fmax(a, b), c));
        int i = lo, j = hi;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j) {
                double t = v[i];
                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (k <= j)
            hi = j;
        else if (k >= i)
            lo = i;
        else
            break;
    }
    return v[k];
}

/* By straight lines between neighbours; values change their order. */
static double quantile(double *values, int count, double p)
{
    double at = p * (count - 1);
    int i = (int)at;
    double low = nth(values, count, i);
    if (i + 1 >= count || at <= i)
        return low;
    double high = values[i + 1];
    for (int k = i + 2; k < count; k++)
        high = fmin(high, values[k]);
    return low + (at - i) * (high - low);
}

static double median_rest(const double *x, const double *y, int n, double slope, double *rest)
{
    for (int i = 0; i < n; i++)
        rest[i] = y[i] - slope * x[i];
    return quantile(rest, n, 0.5);
}

/* False where no two x differ. */
static bool theil_sen(const double *x, const double *y, int n, int pairs, scratch *s, affine *out)
{
    int count = 0;
    if ((int64_t)n * (n - 1) / 2 <= pairs) {
        for (int i = 0; i < n; i++)
            for (int j = i + 1; j < n; j++)
                if (x[i] != x[j])
                    s->slopes[count++] = (y[j] - y[i]) / (x[j] - x[i]);
    } else {
        ff_random random;
        ff_random_init(&random, s->seed);
        for (int t = 0; t < pairs; t++) {
            int i = (int)ff_random_below(&random, (uint64_t)n);
            int j = (int)ff_random_below(&random, (uint64_t)n);
            if (x[i] != x[j])
                s->slopes[count++] = (y[j] - y[i]) / (x[j] - x[i]);
        }
    }
    if (!count)
        return false;
    double slope = fmax(0, quantile(s->slopes, count, 0.5));
    double fixed = median_rest(x, y, n, slope, s->rest);
    if (fixed < 0) { /* through the origin then */
        int k = 0;
        for (int i = 0; i < n; i++)
            if (x[i] > 0)
                s->rest[k++] = y[i] / x[i];
        fixed = 0;
        slope = k ? quantile(s->rest, k, 0.5) : 0;
    }
    *out = (affine){fixed, slope};
    return true;
}

static double variable_ms(const ff_fit *fit, double bytes)
{
    double head = fmin(bytes, fit->head_bytes);
    return (head * fit->head_ms_per_mb + (bytes - head) * fit->ms_per_mb) / 1e6;
}

double ff_fit_p50_ms(const ff_fit *fit, double bytes)
{
    return fit->fixed_ms + variable_ms(fit, bytes);
}

double ff_fit_p99_ms(const ff_fit *fit, double bytes)
{
    return fit->fixed_p99_ms + fit->slow_ratio * variable_ms(fit, bytes);
}

static double residuals(const ff_fit *fit, const ff_fit_sample *samples, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += fabs(samples[i].ms - ff_fit_p50_ms(fit, samples[i].bytes));
    return sum;
}

/* A line up to the knee, and from its end on the median slope of the rest. */
static bool fit_knee(const ff_fit_sample *samples, int count, double knee, int pairs, scratch *s,
                     ff_fit *out)
{
    int left = 0, right = 0;
    for (int i = 0; i < count; i++)
        if (samples[i].bytes <= knee) {
            s->x[left] = samples[i].bytes / 1e6;
            s->y[left++] = samples[i].ms;
        }
    affine head;
    if (left < KNEE_SIDE || count - left < KNEE_SIDE ||
        !theil_sen(s->x, s->y, left, pairs, s, &head))
        return false;
    double at_knee = head.fixed + head.slope * knee / 1e6;
    for (int i = 0; i < count; i++)
        if (samples[i].bytes > knee)
            s->rest[right++] = (samples[i].ms - at_knee) * 1e6 / (samples[i].bytes - knee);
    *out = (ff_fit){.fixed_ms = head.fixed,
                    .ms_per_mb = fmax(0, quantile(s->rest, right, 0.5)),
                    .head_bytes = knee,
                    .head_ms_per_mb = head.slope};
    return true;
}

static void fit_line(const ff_fit_sample *samples, int count, scratch *s, ff_fit *out)
{
    affine whole = {0, 0};
    for (int i = 0; i < count; i++) {
        s->x[i] = samples[i].bytes / 1e6;
        s->y[i] = samples[i].ms;
    }
    if (!theil_sen(s->x, s->y, count, MAX_PAIRS, s, &whole)) /* drawn again: all of one size */
        whole.fixed = median_rest(s->x, s->y, count, 0, s->rest);
    *out = (ff_fit){.fixed_ms = whole.fixed, .ms_per_mb = whole.slope};
}

/* The knee that leaves least, where that is worth it; 0 = none. */
static double find_knee(const ff_fit_sample *samples, int count, const ff_fit *line, scratch *s)
{
    double sum = residuals(line, samples, count), total = 0, found = 0;
    for (int i = 0; i < count; i++) {
        s->x[i] = samples[i].bytes;
        total += samples[i].ms;
    }
    if (count < 2 * KNEE_SIDE || sum < KNEE_WORTH * total)
        return 0;
    double knees[KNEE_TRIES], best = KNEE_GAIN * sum;
    for (int k = 0; k < KNEE_TRIES; k++)
        knees[k] = quantile(s->x, count, (k + 0.5) / KNEE_TRIES);
    for (int k = 0; k < KNEE_TRIES; k++) {
        ff_fit knee;
        if (knees[k] <= 0 || (k && knees[k] <= knees[k - 1]) ||
            !fit_knee(samples, count, knees[k], TRY_PAIRS, s, &knee))
            continue;
        sum = residuals(&knee, samples, count);
        if (sum < best) {
            best = sum;
            found = knees[k];
        }
    }
    return found;
}

/* With the knee given, or without one. */
static void fit_p50(const ff_fit_sample *samples, int count, double knee, scratch *s, ff_fit *out)
{
    if (knee <= 0 || !fit_knee(samples, count, knee, MAX_PAIRS, s, out))
        fit_line(samples, count, s, out);
}

/* The loss of quantile p for slope m, with the best intercept; x and y are kept. */
static double slope_loss(const double *x, const double *y, int n, double m, double p, double *rest,
                         double *intercept)
{
    for (int i = 0; i < n; i++)
        rest[i] = y[i] - m * x[i];
    double at = quantile(rest, n, p), sum = 0;
    for (int i = 0; i < n; i++)
        sum += rest[i] > at ? p * (rest[i] - at) : (1 - p) * (at - rest[i]);
    *intercept = at;
    return sum;
}

/* time = fixed_p99 + slow_ratio * variable: the loss is convex in the ratio, so golden section. */
static void fit_p99(const ff_fit_sample *samples, int count, scratch *s, ff_fit *fit)
{
    const double golden = 0.6180339887498949;
    double lo = 1, hi = 1, a = 0;
    int n = 0;
    for (int i = 0; i < count; i++) {
        s->x[i] = variable_ms(fit, samples[i].bytes);
        s->y[i] = samples[i].ms;
        if (s->x[i] > 0.1 * fit->fixed_ms) {
            s->rest[n] = s->y[i] / s->x[i];
            hi = fmax(hi, s->rest[n++]);
        }
    }
    hi = fmin(hi, 100);
    if (fit->fixed_ms <= 0) { /* no fixed cost that could have a p99 */
        fit->fixed_p99_ms = 0;
        fit->slow_ratio = n ? fmin(fmax(1, quantile(s->rest, n, 0.99)), 100) : 1;
        return;
    }
    double c = hi - golden * (hi - lo), d = lo + golden * (hi - lo);
    double at_c = slope_loss(s->x, s->y, count, c, 0.99, s->rest, &a);
    double at_d = slope_loss(s->x, s->y, count, d, 0.99, s->rest, &a);
    for (int i = 0; i < 40 && hi - lo > 1e-4; i++) {
        if (at_c <= at_d) {
            hi = d;
            d = c;
            at_d = at_c;
            c = hi - golden * (hi - lo);
            at_c = slope_loss(s->x, s->y, count, c, 0.99, s->rest, &a);
        } else {
            lo = c;
            c = d;
            at_c = at_d;
            d = lo + golden * (hi - lo);
            at_d = slope_loss(s->x, s->y, count, d, 0.99, s->rest, &a);
        }
    }
    double ratio = 0.5 * (lo + hi);
    slope_loss(s->x, s->y, count, ratio, 0.99, s->rest, &a);
    fit->slow_ratio = ratio;
    fit->fixed_p99_ms = fmin(fmax(a, fit->fixed_ms), 1000 * fit->fixed_ms);
}

static void scale_prior(const ff_fit_sample *samples, int count, const ff_fit *prior, scratch *s,
                        ff_fit *out)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        double expected = ff_fit_p50_ms(prior, samples[i].bytes);
        if (expected > 0)
            s->rest[n++] = samples[i].ms / expected;
    }
    double by = n ? quantile(s->rest, n, 0.5) : 1;
    *out = *prior;
    out->fixed_ms *= by;
    out->fixed_p99_ms *= by;
    out->ms_per_mb *= by;
    out->head_ms_per_mb *= by;
    out->scaled = true;
}

static void set_errors(const ff_fit_sample *samples, int count, scratch *s, ff_fit *fit)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        double expected = ff_fit_p50_ms(fit, samples[i].bytes);
        s->rest[i] = expected > 0 ? samples[i].ms / expected : 1;
        sum += fabs(s->rest[i] - 1);
    }
    fit->samples = count;
    fit->mean_abs_error = sum / count;
    fit->ratio_p10 = quantile(s->rest, count, 0.10);
    fit->ratio_p90 = quantile(s->rest, count, 0.90);
    fit->ratio_p99 = quantile(s->rest, count, 0.99);
}

static ff_code scratch_init(scratch *s, int count, uint64_t seed, ff_err *err)
{
    double *all = ff_mem_try_array((size_t)count * 3 + MAX_PAIRS, sizeof *all);
    if (!all)
        return ff_err_set(err, FF_NO_MEMORY, "no memory to fit %d samples", count);
    *s =
        (scratch){all, all + MAX_PAIRS, all + MAX_PAIRS + count, all + MAX_PAIRS + 2 * count, seed};
    return FF_OK;
}

static void scratch_clean(scratch *s)
{
    ff_mem_free(s->slopes);
}

/* Checks; tells whether the sizes are apart far enough for a slope. */
static ff_code check(const ff_fit_sample *samples, int count, bool prior, bool *apart, ff_err *err)
{
    int least = prior ? 1 : FF_FIT_MIN_SAMPLES;
    if (count < least || count > FF_FIT_MAX_SAMPLES)
        return ff_err_set(err, FF_FORMAT, "a fit needs %d to %d samples, found %d", least,
                          FF_FIT_MAX_SAMPLES, count);
    double lo = INFINITY, hi = 0;
    for (int i = 0; i < count; i++) {
        const ff_fit_sample *s = &samples[i];
        if (!(s->bytes >= 0 && s->bytes <= 1e15 && s->ms >= 0 && s->ms <= 1e12))
            return ff_err_set(err, FF_FORMAT, "sample %d: %g bytes in %g ms", i, s->bytes, s->ms);
        lo = fmin(lo, s->bytes);
        hi = fmax(hi, s->bytes);
    }
    *apart = count >= FF_FIT_MIN_SAMPLES && hi > SIZES_TOO_NEAR * lo && hi > 0;
    if (!*apart && !prior)
        return ff_err_set(err, FF_UNSUPPORTED,
                          "a fit needs sizes that differ by %g times, found %g to %g bytes",
                          SIZES_TOO_NEAR, lo, hi);
    return FF_OK;
}

ff_code ff_fit_samples(const ff_fit_sample *samples, int count, const ff_fit *prior, uint64_t seed,
                       ff_fit *out, ff_err *err)
{
    bool apart = false;
    scratch s;
    ff_code code = check(samples, count, prior != NULL, &apart, err);
    if (!code)
        code = scratch_init(&s, count, seed, err);
    if (code)
        return code;
    ff_fit fit;
    if (apart) {
        fit_line(samples, count, &s, &fit);
        fit_p50(samples, count, find_knee(samples, count, &fit, &s), &s, &fit);
        fit_p99(samples, count, &s, &fit);
    } else {
        scale_prior(samples, count, prior, &s, &fit);
    }
    set_errors(samples, count, &s, &fit);
    scratch_clean(&s);
    *out = fit;
    return FF_OK;
}

static double bounded_rate(double ms_per_mb, double factor)
{
    return ms_per_mb > 1e-3 ? fmax(1e-3, factor * 1000 / ms_per_mb) : 1e6;
}

void ff_fit_apply(const ff_fit *fit, ff_leg *leg, ff_arena *arena, const char *source)
{
    double factor = leg->encoding_factor.value;
    const char *copy = ff_arena_strdup(arena, source);
    leg->fixed_ms = (ff_fixed){
        .kind = FF_DIST_LOGNORMAL, .p50 = fit->fixed_ms, .p99 = fit->fixed_p99_ms, .source = copy};
    leg->less_ms = (ff_fixed){.source = NULL};
    double rate = bounded_rate(fit->ms_per_mb, factor);
    leg->mb_per_s = (ff_spread){rate, rate / fit->slow_ratio, copy};
    leg->head_bytes = (ff_figure){0, NULL};
    leg->head_mb_per_s = (ff_spread){0, 0, NULL};
    if (fit->head_bytes > 0) {
        leg->head_bytes = (ff_figure){fit->head_bytes * factor, copy};
        rate = bounded_rate(fit->head_ms_per_mb, factor);
        leg->head_mb_per_s = (ff_spread){rate, rate / fit->slow_ratio, copy};
    }
}

double ff_fit_crossover(const ff_fit *a, const ff_fit *b)
{
    double at[4] = {0, a->head_bytes, b->head_bytes, CROSSOVER_MAX};
    qsort(at, 4, sizeof *at, compare);
    double before = ff_fit_p50_ms(b, 0) - ff_fit_p50_ms(a, 0);
    if (before <= 0)
        return 0;
    for (int i = 1; i < 4; i++) { /* straight between two of these */
        double here = ff_fit_p50_ms(b, at[i]) - ff_fit_p50_ms(a, at[i]);
        if (here <= 0)
            return at[i - 1] + (at[i] - at[i - 1]) * before / (before - here);
        before = here;
    }
    return INFINITY;
}

static void draw(const ff_fit_sample *from, int count, ff_random *random, ff_fit_sample *to)
{
    for (int i = 0; i < count; i++)
        to[i] = from[ff_random_below(random, (uint64_t)count)];
}

/* Both sides' samples, and where each has its knee. */
typedef struct two_sides {
    const ff_fit_sample *a, *b;
    int a_count, b_count;
    double a_knee, b_knee;
} two_sides;

static double refit(const two_sides *t, scratch *s)
{
    ff_fit a, b;
    fit_p50(t->a, t->a_count, t->a_knee, s, &a);
    fit_p50(t->b, t->b_count, t->b_knee, s, &b);
    return ff_fit_crossover(&a, &b);
}

static void find_knees(two_sides *t, scratch *s)
{
    ff_fit line;
    fit_line(t->a, t->a_count, s, &line);
    t->a_knee = find_knee(t->a, t->a_count, &line, s);
    fit_line(t->b, t->b_count, s, &line);
    t->b_knee = find_knee(t->b, t->b_count, &line, s);
}

ff_code ff_fit_crossover_confidence(const ff_fit_sample *a, int a_count, const ff_fit_sample *b,
                                    int b_count, int rounds, uint64_t seed, ff_fit_confidence *out,
                                    ff_err *err)
{
    assert(rounds >= 1);
    bool apart;
    ff_code code = check(a, a_count, false, &apart, err);
    if (!code)
        code = check(b, b_count, false, &apart, err);
    scratch s = {0};
    ff_fit_sample *drawn = NULL;
    double *sizes = NULL;
    int most = a_count > b_count ? a_count : b_count;
    if (!code)
        code = scratch_init(&s, most, seed, err);
    if (!code) {
        drawn = ff_mem_try_array((size_t)a_count + (size_t)b_count, sizeof *drawn);
        sizes = ff_mem_try_array((size_t)rounds, sizeof *sizes);
        if (!drawn || !sizes)
            code = ff_err_set(err, FF_NO_MEMORY, "no memory to draw %d samples again", most);
    }
    if (code)
        goto fail;
    two_sides sides = {.a = a, .b = b, .a_count = a_count, .b_count = b_count};
    find_knees(&sides, &s);
    ff_fit_confidence c = {.bytes = refit(&sides, &s)};
    sides.a = drawn;
    sides.b = drawn + a_count;
    ff_random random;
    ff_random_init(&random, seed);
    for (int r = 0; r < rounds; r++) {
        draw(a, a_count, &random, drawn);
        draw(b, b_count, &random, drawn + a_count);
        sizes[r] = refit(&sides, &s);
        c.always += sizes[r] <= 0;
        c.never += isinf(sizes[r]) != 0;
    }
    c.always /= rounds;
    c.never /= rounds;
    qsort(sizes, (size_t)rounds, sizeof *sizes,
          compare); /* no lines between: it holds infinities */
    c.low = sizes[(int)(0.05 * (rounds - 1))];
    c.high = sizes[(int)ceil(0.95 * (rounds - 1))];
    *out = c;
fail:
    ff_mem_free(sizes);
    ff_mem_free(drawn);
    scratch_clean(&s);
    return code;
}
