/* Distributions: closed forms against each other, against samples, and in the tails. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/dist.h"

static void near(double found, double wanted, double tolerance, const char *what)
{
    if (!(fabs(found - wanted) <= tolerance))
        fail_msg("%s: wanted %.9g within %g, found %.9g", what, wanted, tolerance, found);
}

static void test_normal(void **state)
{
    (void)state;
    static const struct {
        double p, score;
    } rows[] = {
        {0.5, 0},
        {0.99, FF_SCORE_P99},
        {0.01, -FF_SCORE_P99},
        {0.975, 1.959963984540054},
        {1e-10, -6.361340902404056},
        {1e-300, -37.0471},
        {0.841344746068543, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        near(ff_normal_score(rows[i].p), rows[i].score, i == 5 ? 1e-3 : 1e-12, "score");
    for (double z = -8; z <= 8; z += 0.37)
        near(ff_normal_score_of(ff_normal_cdf(z), ff_normal_cdf(-z)), z, 1e-12, "and back");
    assert_true(isinf(ff_normal_score_of(0, 1)) && ff_normal_score_of(0, 1) < 0);
    assert_true(isinf(ff_normal_score_of(1, 0)) && ff_normal_score_of(1, 0) > 0);
}

/* p50, p99 (0: not in closed form) and mean (0: by quadrature of the terms as p50 and p99 say). */
static const struct {
    const char *name;
    int kind; /* 0 lognormal, 1 affine, 2 exponnorm, 3 sure */
    double a, b, c, d;
    double p50, p99, mean;
} ROWS[] = {
    {"S3 PUT", 0, 41.4, 125, 0, 0, 41.4, 125, 0},
    {"no spread", 0, 7, 7, 0, 0, 7, 7, 7},
    {"fixed + sure", 1, 11, 18.7, 100, 100, 111, 118.7, 0},
    {"fixed + slow", 1, 11, 18.7, 38, 64.6, 49, 83.3, 0},
    {"two sigmas", 1, 5, 50, 40, 60, 45, 110, 0},
    {"Gillis call", 2, 2.765, 28.83, 0.9966, 0, 0, 0, 28.83 + 2.765 * 0.9966},
    {"nearly normal", 2, 0.02, 10, 3, 0, 0, 0, 10.06},
    {"normal", 2, 0, 10, 3, 0, 10, 10 + 3 * FF_SCORE_P99, 10},
    {"nearly exponential", 2, 100, 1, 0.01, 0, 0, 0, 2},
    {"sure", 3, 5, 0, 0, 0, 5, 5, 5},
};

static ff_dist make(size_t i)
{
    switch (ROWS[i].kind) {
    case 0:
        return ff_dist_lognormal(ROWS[i].a, ROWS[i].b);
    case 1:
        return ff_dist_affine(ROWS[i].a, ROWS[i].b, ROWS[i].c, ROWS[i].d);
    case 2:
        return ff_dist_exponnorm(ROWS[i].a, ROWS[i].b, ROWS[i].c);
    default:
        return ff_dist_sure(ROWS[i].a);
    }
}

static double mean_of(size_t i)
{
    double sum = 0, weight = 0;
    if (ROWS[i].mean > 0)
        return ROWS[i].mean;
    for (double z = -12; z <= 12; z += 1e-3) {
        double w = exp(-0.5 * z * z), at = z / FF_SCORE_P99;
        sum += w * ROWS[i].a * pow(ROWS[i].b / ROWS[i].a, at);
        if (ROWS[i].c > 0)
            sum += w * ROWS[i].c * pow(ROWS[i].d / ROWS[i].c, at);
        weight += w;
    }
    return sum / weight;
}

static void test_quantiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        ff_dist d = make(i);
        near(ff_dist_mean(&d), mean_of(i), 1e-9 * mean_of(i), ROWS[i].name);
        if (ROWS[i].p50 > 0) {
            near(ff_dist_quantile(&d, 0.5), ROWS[i].p50, 1e-9, ROWS[i].name);
            near(ff_dist_quantile(&d, 0.99), ROWS[i].p99, 1e-9, ROWS[i].name);
        }
        for (double z = -5; z <= 6 && !ff_dist_is_sure(&d); z += 0.5)
            near(ff_dist_score(&d, ff_dist_at_score(&d, z)), z, 1e-6, ROWS[i].name);
    }
    ff_dist e = ff_dist_exponnorm(100, 1, 0.01); /* nearly 1 + an exponential of mean 1 */
    near(ff_dist_quantile(&e, 0.5), 1 + log(2), 1e-3, "exponential p50");
    near(ff_dist_quantile(&e, 0.99), 1 + log(100), 1e-3, "exponential p99");
    ff_dist sure = ff_dist_sure(5);
    near(ff_dist_cdf(&sure, 4.999), 0, 0, "below a sure time");
    near(ff_dist_cdf(&sure, 5), 1, 0, "at a sure time");
    ff_dist put = make(0);
    near(ff_dist_cdf(&put, -1), 0, 0, "below the support");
}

/* 200,000 samples: mean and quartiles within five standard errors. */
static void test_samples(void **state)
{
    (void)state;
    enum { N = 200000 };
    ff_random random;
    ff_random_init(&random, 7);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        ff_dist d = make(i);
        double sum = 0, square = 0;
        int below = 0, under_p99 = 0;
        double q25 = ff_dist_quantile(&d, 0.25), q99 = ff_dist_quantile(&d, 0.99);
        for (int k = 0; k < N; k++) {
            double ms = ff_dist_sample(&d, &random);
            sum += ms;
            square += ms * ms;
            below += ms <= q25;
            under_p99 += ms <= q99;
        }
        double mean = sum / N, error = sqrt(fmax(0, square / N - mean * mean) / N);
        near(mean, ff_dist_mean(&d), 5 * error + 1e-9, ROWS[i].name);
        if (ff_dist_is_sure(&d))
            continue;
        near((double)below / N, 0.25, 5 * sqrt(0.25 * 0.75 / N), ROWS[i].name);
        near((double)under_p99 / N, 0.99, 5 * sqrt(0.01 * 0.99 / N), ROWS[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
