#include "profile/sum.h"

#include <assert.h>
#include <math.h>

#define SCORE_END   6.0
#define SCORE_STEP  0.25 /* of the trapezoid rule, at most */
#define NODES       49
#define NODES_MAX   193 /* for a step of a quarter */
#define KNOT_STEP   (2 * SCORE_END / (FF_SUM_KNOTS - 1))
#define SCORE_BOUND 8.0 /* knots beyond are left out: probability 1e-15 */

static double node_score(int i)
{
    return -SCORE_END + SCORE_STEP * i;
}

static double weight_at(double z)
{
    return SCORE_STEP * 0.3989422804014327 * exp(-0.5 * z * z);
}

static double part_at(const ff_dist *d, double score)
{
    return d->minus ? -ff_dist_at_score(d, -score) : ff_dist_at_score(d, score);
}

static void part_tails(const ff_dist *d, double ms, double *below, double *above)
{
    if (d->minus)
        ff_dist_tails(d, -ms, above, below);
    else
        ff_dist_tails(d, ms, below, above);
}

static double part_score(const ff_dist *d, double ms)
{
    return d->minus ? -ff_dist_score(d, -ms) : ff_dist_score(d, ms);
}

/* The interval of rising values[] that holds x, or the nearest one. */
static int interval(const double *values, int count, double x)
{
    int lo = 0, hi = count - 1;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (values[mid] <= x)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* Cubic through (x0, y0) and (x1, y1) with slopes there; straight on outside. */
static double hermite(double x0, double y0, double m0, double x1, double y1, double m1, double x)
{
    if (x <= x0)
        return y0 + m0 * (x - x0);
    if (x >= x1)
        return y1 + m1 * (x - x1);
    double h = x1 - x0, t = (x - x0) / h, u = 1 - t;
    return (1 + 2 * t) * u * u * y0 + t * u * u * h * m0 + t * t * (3 - 2 * t) * y1 -
           t * t * u * h * m1;
}

static double table_at(const ff_sum *s, double score)
{
    int i = interval(s->score, s->knots, score);
    return hermite(s->score[i], s->at_ms[i], s->slope[i], s->score[i + 1], s->at_ms[i + 1],
                   s->slope[i + 1], score);
}

static double table_score(const ff_sum *s, double ms)
{
    int i = interval(s->at_ms, s->knots, ms);
    return hermite(s->at_ms[i], s->score[i], 1 / s->slope[i], s->at_ms[i + 1], s->score[i + 1],
                   1 / s->slope[i + 1], ms);
}

static double random_at(const ff_sum *s, double score)
{
    return s->knots ? table_at(s, score) : part_at(&s->one, score);
}

static double random_score(const ff_sum *s, double ms)
{
    return s->knots ? table_score(s, ms) : part_score(&s->one, ms);
}

/* The probability of a time up to ms, or above it, to its own precision. */
static double random_tail(const ff_sum *s, double ms, bool upper)
{
    if (!s->knots && s->one.kind == FF_DIST_EXPONNORM) {
        double below, above;
        part_tails(&s->one, ms, &below, &above);
        return upper ? above : below;
    }
    double score = upper ? -random_score(s, ms) : random_score(s, ms);
    if (score < -SCORE_BOUND - 1)
        return 0;
    return score > SCORE_BOUND + 1 ? 1 : 0.5 * erfc(-score * M_SQRT1_2);
}

/* Slopes of a monotone cubic (Fritsch and Butland's weighted harmonic mean). */
static void set_slopes(ff_sum *s)
{
    int n = s->knots;
    double before = (s->at_ms[1] - s->at_ms[0]) / (s->score[1] - s->score[0]);
    s->slope[0] = before;
    for (int i = 1; i + 1 < n; i++) {
        double h0 = s->score[i] - s->score[i - 1], h1 = s->score[i + 1] - s->score[i];
        double next = (s->at_ms[i + 1] - s->at_ms[i]) / h1;
        double w0 = 2 * h1 + h0, w1 = h1 + 2 * h0;
        s->slope[i] = (w0 + w1) / (w0 / before + w1 / next);
        before = next;
    }
    s->slope[n - 1] = before;
}

/* The rule's points must lie closer than what the sum's distribution rises over. 1, 2 or 4 of
 * them a step. */
static int refinement(const ff_sum *sum, const ff_dist *part)
{
    double reach = part_at(part, 3) - part_at(part, 0);
    double rise = random_at(sum, 0) - random_at(sum, -2);
    return reach < 6 * rise ? 1 : reach < 12 * rise ? 2 : 4;
}

/* sum += part, both random. */
static void add_part(ff_sum *sum, const ff_dist *part)
{
    double x[NODES_MAX], w[NODES_MAX];
    int fine = refinement(sum, part), nodes = (NODES - 1) * fine + 1;
    for (int i = 0; i < nodes; i++) {
        double z = -SCORE_END + SCORE_STEP / fine * i;
        x[i] = part_at(part, z);
        w[i] = weight_at(z) / fine;
    }
    ff_sum out = {.mean_ms = sum->mean_ms, .shift_ms = sum->shift_ms};
    for (int j = 0; j < FF_SUM_KNOTS; j++) {
        double z = -SCORE_END + KNOT_STEP * j;
        double at = random_at(sum, z) + part_at(part, z);
        double tail = 0;
        for (int i = 0; i < nodes; i++)
            tail += w[i] * random_tail(sum, at - x[i], z >= 0);
        double score =
            z < 0 ? ff_normal_score_of(tail, 1 - tail) : ff_normal_score_of(1 - tail, tail);
        int n = out.knots;
        if (fabs(score) > SCORE_BOUND ||
            (n && (score <= out.score[n - 1] || at <= out.at_ms[n - 1])))
            continue;
        out.score[n] = score;
        out.at_ms[n] = at;
        out.knots++;
    }
    if (out.knots < 2) { /* no width left between the numbers that a double has */
        sum->shift_ms += ff_dist_mean_signed(part);
        return;
    }
    set_slopes(&out);
    *sum = out;
}

/* 0 for what is as good as sure. */
static double tail_width(const ff_dist *d)
{
    if (ff_dist_is_sure(d))
        return 0;
    double width = ff_dist_at_score(d, 3) - ff_dist_at_score(d, -3);
    return width > 1e-7 * (1e-3 + fabs(ff_dist_at_score(d, 0))) ? width : 0;
}

void ff_sum_init(ff_sum *sum, const ff_dist *parts, int count)
{
    assert(count >= 0 && count <= FF_SUM_PARTS);
    const ff_dist *random[FF_SUM_PARTS];
    double width[FF_SUM_PARTS];
    int n = 0;
    *sum = (ff_sum){.one = ff_dist_sure(0)};
    for (int i = 0; i < count; i++) {
        double mean = ff_dist_mean_signed(&parts[i]);
        sum->mean_ms += mean;
        double w = tail_width(&parts[i]);
        if (w <= 0) {
            sum->shift_ms += mean;
            continue;
        }
        int at = n++; /* the widest first */
        for (; at > 0 && width[at - 1] < w; at--) {
            width[at] = width[at - 1];
            random[at] = random[at - 1];
        }
        width[at] = w;
        random[at] = &parts[i];
    }
    if (n)
        sum->one = *random[0];
    for (int i = 1; i < n; i++)
        add_part(sum, random[i]);
}

static double at_score(const ff_sum *sum, double score)
{
    return sum->shift_ms + random_at(sum, score);
}

double ff_sum_cdf(const ff_sum *sum, double ms)
{
    return ff_normal_cdf(random_score(sum, ms - sum->shift_ms));
}

double ff_sum_quantile(const ff_sum *sum, double p)
{
    return at_score(sum, ff_normal_score(p));
}

/* The score of p^(1/n). */
static double root_score(double log_p, int n)
{
    double above = -expm1(log_p / n);
    return ff_normal_score_of(1 - above, above);
}

double ff_sum_slowest_quantile(const ff_sum *sum, int n, double p)
{
    assert(n >= 1);
    return at_score(sum, root_score(log(p), n));
}

ff_slowest ff_sum_slowest(const ff_sum *sum, int n)
{
    ff_slowest out = {.mean_ms = sum->mean_ms,
                      .p50_ms = ff_sum_slowest_quantile(sum, n, 0.5),
                      .p99_ms = ff_sum_slowest_quantile(sum, n, 0.99)};
    bool sure = !sum->knots && ff_dist_is_sure(&sum->one);
    if (n == 1 || sure)
        return out;
    double mean = 0, weight = 0;
    for (int i = 0; i < NODES; i++) {
        double log_p = log1p(-ff_normal_cdf(-node_score(i)));
        mean += weight_at(node_score(i)) * at_score(sum, root_score(log_p, n));
        weight += weight_at(node_score(i));
    }
    out.mean_ms = mean / weight;
    return out;
}

/* log of the probability that all branches are done at ms. */
static double branches_log_cdf(const ff_branch *b, int count, double ms)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        double score = random_score(b[i].sum, ms - b[i].shift_ms - b[i].sum->shift_ms);
        sum += b[i].n * log1p(-ff_normal_cdf(-score));
    }
    return sum;
}

static double branches_at(const ff_branch *b, int count, double log_p, double lo)
{
    double hi = lo;
    for (int i = 0; i < count; i++) { /* each branch alone, at the quantile that all need */
        double score = root_score(log_p / count, b[i].n);
        double alone = root_score(log_p, b[i].n);
        hi = fmax(hi, b[i].shift_ms + at_score(b[i].sum, score));
        lo = fmax(lo, b[i].shift_ms + at_score(b[i].sum, alone));
    }
    for (int i = 0; i < 60 && hi - lo > 1e-7 * (1 + fabs(hi)); i++) {
        double mid = 0.5 * (lo + hi);
        if (branches_log_cdf(b, count, mid) < log_p)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

ff_slowest ff_branch_slowest(const ff_branch *branches, int count)
{
    assert(count >= 1);
    if (count == 1) {
        ff_slowest one = ff_sum_slowest(branches[0].sum, branches[0].n);
        double shift = branches[0].shift_ms;
        return (ff_slowest){one.mean_ms + shift, one.p50_ms + shift, one.p99_ms + shift};
    }
    double mean = 0, weight = 0, lo = -INFINITY;
    for (int i = 0; i < NODES; i++) {
        lo = branches_at(branches, count, log1p(-ff_normal_cdf(-node_score(i))), lo);
        mean += weight_at(node_score(i)) * lo;
        weight += weight_at(node_score(i));
    }
    return (ff_slowest){mean / weight, branches_at(branches, count, log(0.5), -INFINITY),
                        branches_at(branches, count, log(0.99), -INFINITY)};
}
