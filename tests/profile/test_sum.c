/* Sums and the slowest of n: against fine quadrature, closed forms and Monte Carlo. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/sum.h"

static void near(double found, double wanted, double ratio, const char *what)
{
    if (!(fabs(found - wanted) <= ratio * fabs(wanted)))
        fail_msg("%s: wanted %.9g within %g, found %.9g (%+.4f %%)", what, wanted, ratio, found,
                 100 * (found / wanted - 1));
}

/* P(x + y <= ms) by 40,000 points over the score of x. */
static double pair_cdf(const ff_dist *x, const ff_dist *y, double ms)
{
    enum { N = 40000 };
    double sum = 0, weight = 0;
    for (int i = 0; i < N; i++) {
        double z = -9 + 18 * (i + 0.5) / N, w = exp(-0.5 * z * z);
        double at = x->minus ? -ff_dist_at_score(x, -z) : ff_dist_at_score(x, z);
        sum += w * ff_dist_cdf(y, ms - at);
        weight += w;
    }
    return sum / weight;
}

/* Pairs, most with p99/p50 up to 12, then up to 100. */
static const struct {
    const char *name;
    double a50, a99, b50, b99;
    double tolerance;
} PAIRS[] = {
    {"PUT + GET", 41.4, 125, 27, 103, 1e-3},         {"GET + REST", 27, 103, 11, 18.7, 1e-3},
    {"heavy + heavy", 100, 1200, 50, 600, 1e-3},     {"heavy + light", 100, 1060, 10, 11, 1e-3},
    {"light core, heavy tail", 5, 60, 40, 60, 1e-3}, {"equal", 10, 12, 10, 12, 1e-3},
    {"narrow and wide", 1, 1.01, 300, 900, 1e-3},    {"heavier", 20, 2000, 30, 500, 1e-2},
};

static void test_pairs(void **state)
{
    (void)state;
    static const int FANS[] = {1, 4, 16, 64};
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        ff_dist parts[2] = {ff_dist_lognormal(PAIRS[i].a50, PAIRS[i].a99),
                            ff_dist_lognormal(PAIRS[i].b50, PAIRS[i].b99)};
        ff_sum sum;
        ff_sum_init(&sum, parts, 2);
        near(sum.mean_ms, ff_dist_mean(&parts[0]) + ff_dist_mean(&parts[1]), 1e-12, "mean");
        for (size_t f = 0; f < 4; f++)
            for (int q = 0; q < 2; q++) {
                /* The probability at what is given as the quantile, and what 0.1 % of time is. */
                double p = pow(q ? 0.99 : 0.5, 1.0 / FANS[f]);
                double ms = ff_sum_slowest_quantile(&sum, FANS[f], q ? 0.99 : 0.5);
                double t = PAIRS[i].tolerance;
                if (!(pair_cdf(&parts[0], &parts[1], ms * (1 - t)) < p &&
                      pair_cdf(&parts[0], &parts[1], ms * (1 + t)) > p))
                    fail_msg("%s, %d: p%d %.6g is off by more than %g", PAIRS[i].name, FANS[f],
                             q ? 99 : 50, ms, t);
            }
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Three parts of different kinds, one taken off: mean, p50, p99 of the slowest of n, sampled. */
static void test_monte_carlo(void **state)
{
    (void)state;
    enum { N = 40000 };
    static double slowest[N];
    const ff_dist store[4] = {ff_dist_lognormal(41.4, 125), ff_dist_affine(11, 18.7, 20, 34),
                              ff_dist_lognormal(27, 103), ff_dist_sure(30)};
    ff_dist gillis[3] = {ff_dist_exponnorm(2.765, 28.83, 0.9966),
                         ff_dist_exponnorm(2.765, 28.83, 0.9966),
                         ff_dist_exponnorm(2.765, 28.83, 0.9966)};
    gillis[2].minus = true;
    const struct {
        const char *name;
        const ff_dist *parts;
        int count, n;
    } rows[] = {
        {"store", store, 4, 1},   {"store", store, 4, 4},   {"store", store, 4, 16},
        {"gillis", gillis, 3, 1}, {"gillis", gillis, 3, 4}, {"gillis", gillis, 3, 16},
    };
    ff_random random;
    ff_random_init(&random, 11);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        double sum = 0, square = 0;
        for (int k = 0; k < N; k++) {
            double most = 0;
            for (int i = 0; i < rows[r].n; i++) {
                double ms = 0;
                for (int j = 0; j < rows[r].count; j++) {
                    double part = ff_dist_sample(&rows[r].parts[j], &random);
                    ms += rows[r].parts[j].minus ? -part : part;
                }
                most = fmax(most, ms);
            }
            slowest[k] = most;
            sum += most;
            square += most * most;
        }
        qsort(slowest, N, sizeof slowest[0], compare);
        ff_sum s;
        ff_sum_init(&s, rows[r].parts, rows[r].count);
        ff_slowest found = ff_sum_slowest(&s, rows[r].n);
        double mean = sum / N, error = sqrt((square / N - mean * mean) / N);
        near(found.mean_ms, mean, 5 * error / mean, rows[r].name);
        near(found.p50_ms, slowest[N / 2], 0.006, rows[r].name);
        near(found.p99_ms, slowest[N * 99 / 100], 0.02, rows[r].name);
    }
}

static void test_exact(void **state)
{
    (void)state;
    ff_sum s;
    ff_sum_init(&s, NULL, 0);
    ff_slowest none = ff_sum_slowest(&s, 5);
    assert_true(none.mean_ms == 0 && none.p99_ms == 0);
    ff_dist sure[2] = {ff_dist_sure(3), ff_dist_sure(4)};
    sure[1].minus = true;
    ff_sum_init(&s, sure, 2);
    assert_true(ff_sum_slowest(&s, 8).mean_ms == -1 && ff_sum_slowest(&s, 8).p50_ms == -1);
    /* one random part: the quantile is the part's own at p^(1/n) */
    ff_dist one[2] = {ff_dist_lognormal(41.4, 125), ff_dist_sure(10)};
    ff_sum_init(&s, one, 2);
    for (int n = 1; n <= 64; n *= 2) {
        near(ff_sum_slowest_quantile(&s, n, 0.5), 10 + ff_dist_quantile(&one[0], pow(0.5, 1.0 / n)),
             1e-9, "one part");
        near(ff_sum_cdf(&s, ff_sum_quantile(&s, pow(0.5, 1.0 / n))), pow(0.5, 1.0 / n), 1e-9,
             "and back");
    }
    /* the slowest of n exponentials of mean m: m (1 + 1/2 + ... + 1/n) */
    ff_dist e = ff_dist_exponnorm(1e4, 0, 1e-3);
    ff_sum_init(&s, &e, 1);
    double harmonic = 0;
    for (int n = 1; n <= 64; n++) {
        harmonic += 1.0 / n;
        near(ff_sum_slowest(&s, n).mean_ms, 10 * harmonic, 1e-3, "exponentials");
    }
    /* normal parts: the sum is normal */
    ff_dist normal[3] = {ff_dist_exponnorm(0, 10, 3), ff_dist_exponnorm(0, 20, 4),
                         ff_dist_exponnorm(0, 5, 12)};
    normal[2].minus = true;
    ff_sum_init(&s, normal, 3);
    for (double z = -4; z <= 5; z += 0.25)
        near(100 + ff_sum_quantile(&s, ff_normal_cdf(z)), 125 + 13 * z, 2e-4, "normals");
}

static void test_branches(void **state)
{
    (void)state;
    ff_dist parts[2] = {ff_dist_lognormal(41.4, 125), ff_dist_lognormal(27, 103)};
    ff_sum sum, light;
    ff_sum_init(&sum, parts, 2);
    ff_dist rest = ff_dist_lognormal(11, 18.7);
    ff_sum_init(&light, &rest, 1);
    /* equal branches are one of their number */
    ff_branch equal[3] = {{&sum, 7, 1}, {&sum, 7, 2}, {&sum, 7, 5}};
    ff_slowest a = ff_branch_slowest(equal, 3), b = ff_sum_slowest(&sum, 8);
    near(a.mean_ms, b.mean_ms + 7, 1e-5, "mean");
    near(a.p50_ms, b.p50_ms + 7, 1e-5, "p50");
    near(a.p99_ms, b.p99_ms + 7, 1e-5, "p99");
    /* one far behind hides the rest; two that matter, against their product */
    ff_branch late[2] = {{&light, 5000, 2}, {&sum, 0, 4}};
    near(ff_branch_slowest(late, 2).p50_ms, 5000 + ff_sum_slowest(&light, 2).p50_ms, 1e-5, "late");
    ff_branch both[2] = {{&light, 110, 4}, {&sum, 0, 4}};
    double p50 = ff_branch_slowest(both, 2).p50_ms;
    near(pow(ff_sum_cdf(&light, p50 - 110), 4) * pow(ff_sum_cdf(&sum, p50), 4), 0.5, 1e-4, "both");
    /* a branch of sure time */
    ff_sum certain;
    ff_dist at = ff_dist_sure(60);
    ff_sum_init(&certain, &at, 1);
    ff_branch floor_[2] = {{&certain, 0, 1}, {&light, 0, 1}};
    near(ff_branch_slowest(floor_, 2).p50_ms, 60, 1e-6, "not before the sure one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_monte_carlo),
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_branches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
