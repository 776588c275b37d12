/* Fits: figures put in come out again, with outliers, knees, one size, few samples. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/fit.h"
#include "profile_sample.h"

enum { N = 400 };

/* Samples of a leg of 64 sizes up to `most` bytes; every `bad`-th takes ten times as long. */
static void measure(const ff_leg *leg, double most, int count, int bad, uint64_t seed,
                    ff_fit_sample *out)
{
    ff_random random;
    ff_random_init(&random, seed);
    for (int i = 0; i < count; i++) {
        double bytes = floor(most * (1 + (double)ff_random_below(&random, 64)) / 64);
        ff_dist parts[2];
        ff_leg_parts(leg, (uint64_t)bytes, 1, 1, NULL, NULL, parts);
        out[i] = (ff_fit_sample){bytes, ff_dist_sample(&parts[0], &random)};
        if (bad && i % bad == 0)
            out[i].ms *= 10;
    }
}

static void near(double found, double wanted, double ratio, const char *what)
{
    if (!(fabs(found - wanted) <= ratio * fabs(wanted)))
        fail_msg("%s: wanted %.9g within %g, found %.9g", what, wanted, ratio, found);
}

static ff_leg leg_of(double p50, double p99, double rate50, double rate99)
{
    return (ff_leg){.fixed_ms = {.p50 = p50, .p99 = p99, .source = "t"},
                    .mb_per_s = {rate50, rate99, "t"},
                    .function_mb_per_s = {INFINITY, "t"},
                    .encoding_factor = {4.0 / 3, "t"},
                    .limit_bytes = {6291456, "t"}};
}

static void test_recovers(void **state)
{
    (void)state;
    static ff_fit_sample samples[4000];
    const struct {
        const char *name;
        double p50, p99, rate50, rate99;
        int bad;
        double tolerance;
    } rows[] = {
        {"no noise", 11, 11, 35, 35, 0, 1e-6},
        {"REST", 11, 18.7, 35, 20.6, 0, 0.05},
        {"REST, every tenth ten times slower", 11, 18.7, 35, 20.6, 10, 0.15},
        {"PUT", 41.4, 125, 85, 85, 0, 0.05},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_leg leg = leg_of(rows[i].p50, rows[i].p99, rows[i].rate50, rows[i].rate99);
        measure(&leg, 4e6, 4000, rows[i].bad, 5, samples);
        ff_fit fit;
        assert_int_equal(ff_fit_samples(samples, 4000, NULL, 1, &fit, NULL), FF_OK);
        double slope = 4000.0 / 3 / rows[i].rate50;
        near(ff_fit_p50_ms(&fit, 0), rows[i].p50, 3 * rows[i].tolerance, rows[i].name);
        near(ff_fit_p50_ms(&fit, 2e6), rows[i].p50 + 2 * slope, rows[i].tolerance, rows[i].name);
        near(ff_fit_p50_ms(&fit, 4e6), rows[i].p50 + 4 * slope, rows[i].tolerance, rows[i].name);
        assert_int_equal(fit.samples, 4000);
        assert_false(fit.scaled);
        if (rows[i].bad)
            continue;
        assert_true(fit.head_bytes == 0);
        double slow = 4000.0 / 3 / rows[i].rate99;
        near(ff_fit_p99_ms(&fit, 0), rows[i].p99, 3 * rows[i].tolerance, rows[i].name);
        near(ff_fit_p99_ms(&fit, 4e6), rows[i].p99 + 4 * slow, 0.05, rows[i].name);
    }
}

static void test_knee(void **state)
{
    (void)state;
    static ff_fit_sample samples[2000];
    ff_leg leg = leg_of(20, 22, 2.4, 2.2);
    leg.head_bytes = (ff_figure){225000, "t"}; /* 169 KB of tensor */
    leg.head_mb_per_s = (ff_spread){7.5, 7, "t"};
    measure(&leg, 1.6e6, 2000, 0, 9, samples);
    ff_fit fit;
    assert_int_equal(ff_fit_samples(samples, 2000, NULL, 1, &fit, NULL), FF_OK);
    static const double SIZES[] = {25e3, 100e3, 200e3, 400e3, 800e3, 1.6e6};
    for (size_t i = 0; i < 6; i++) {
        ff_dist parts[2];
        ff_leg_parts(&leg, (uint64_t)SIZES[i], 1, 1, NULL, NULL, parts);
        near(ff_fit_p50_ms(&fit, SIZES[i]), ff_dist_quantile(&parts[0], 0.5), 0.15, "with a knee");
    }
    near(fit.head_bytes, 169e3, 0.6, "the knee");
    /* and what the fit says, a leg says */
    ff_arena *arena = ff_arena_new();
    ff_leg made = leg_of(1, 1, 1, 1);
    ff_fit_apply(&fit, &made, arena, "fitted in a test");
    assert_string_equal(made.mb_per_s.source, "fitted in a test");
    for (size_t i = 0; i < 6; i++) {
        ff_dist parts[2];
        ff_leg_parts(&made, (uint64_t)SIZES[i], 1, 1, NULL, NULL, parts);
        near(ff_dist_quantile(&parts[0], 0.5), ff_fit_p50_ms(&fit, SIZES[i]), 1e-3, "leg p50");
        near(ff_dist_quantile(&parts[0], 0.99), ff_fit_p99_ms(&fit, SIZES[i]), 1e-3, "leg p99");
    }
    ff_arena_free(arena);
}

/* A fitted profile can be written and read: all it sets is within the format's bounds. */
static void test_apply_is_valid(void **state)
{
    (void)state;
    static const ff_fit_sample SETS[][6] = {
        {{1e5, 1}, {2e5, 1}, {4e5, 1}, {8e5, 1}, {1e6, 1}, {2e6, 1}},         /* free by bytes */
        {{1e5, 10}, {2e5, 20}, {4e5, 40}, {8e5, 80}, {1e6, 100}, {2e6, 200}}, /* no fixed cost */
        {{1e5, 0}, {2e5, 0}, {4e5, 0}, {8e5, 0}, {1e6, 0}, {2e6, 0}},
        {{1, 100}, {2e5, 50}, {4e5, 25}, {8e5, 12}, {1e6, 6}, {2e6, 3}}, /* falling */
        {{1e5, 1e9}, {2e5, 2e11}, {4e5, 1}, {8e5, 3e11}, {1e6, 1e12}, {2e6, 7}},
    };
    for (size_t i = 0; i < sizeof SETS / sizeof SETS[0]; i++) {
        ff_net_profile *p = sample_network("aws-lambda"), *again = NULL;
        ff_fit fit;
        ff_err err = {0};
        assert_int_equal(ff_fit_samples(SETS[i], 6, NULL, 1, &fit, &err), FF_OK);
        ff_fit_apply(&fit, &p->store.get, p->arena, "t");
        ff_buf text;
        ff_buf_init(&text, 0);
        ff_code code = ff_net_profile_emit(p, &text, &err);
        if (code && i < 4) /* the last is absurd, and may be said to be */
            fail_msg("set %zu: %s", i, err.message);
        if (!code) {
            assert_int_equal(ff_net_profile_parse(ff_buf_view(&text), &again, &err), FF_OK);
            assert_true(ff_net_profile_equal(p, again));
        }
        ff_buf_clean(&text);
        ff_net_profile_free(again);
        ff_net_profile_free(p);
    }
}

static void test_prior(void **state)
{
    (void)state;
    static const ff_fit_sample LINE[] = {{1e6, 30}, {2e6, 50}, {3e6, 70}, {4e6, 90}};
    ff_fit prior, fit;
    assert_int_equal(ff_fit_samples(LINE, 4, NULL, 1, &prior, NULL), FF_OK);
    near(prior.fixed_ms, 10, 1e-9, "fixed");
    near(prior.ms_per_mb, 20, 1e-9, "slope");
    /* five times slower, seen at one size only */
    static const ff_fit_sample ONE_SIZE[] = {{2e6, 250}, {2e6, 249}, {2e6, 251}, {2.1e6, 9000}};
    assert_int_equal(ff_fit_samples(ONE_SIZE, 3, &prior, 1, &fit, NULL), FF_OK);
    assert_true(fit.scaled);
    near(ff_fit_p50_ms(&fit, 2e6), 250, 1e-9, "scaled");
    near(ff_fit_p50_ms(&fit, 4e6), 450, 1e-9, "scaled elsewhere");
    assert_int_equal(ff_fit_samples(ONE_SIZE, 4, &prior, 1, &fit, NULL), FF_OK);
    near(ff_fit_p50_ms(&fit, 2e6), 250, 0.01, "with an outlier");
    assert_int_equal(ff_fit_samples(ONE_SIZE, 1, &prior, 1, &fit, NULL), FF_OK);
    near(ff_fit_p50_ms(&fit, 2e6), 250, 1e-9, "from one sample");
}

static void test_refused(void **state)
{
    (void)state;
    const ff_fit_sample few[] = {{1e6, 30}, {2e6, 50}};
    const ff_fit_sample same[] = {{1e6, 30}, {1e6, 50}, {1e6, 40}};
    const ff_fit_sample bad[][3] = {
        {{1e6, 30}, {2e6, -1}, {3e6, 4}},       {{1e6, 30}, {2e6, NAN}, {3e6, 4}},
        {{1e6, 30}, {2e6, INFINITY}, {3e6, 4}}, {{-1, 30}, {2e6, 1}, {3e6, 4}},
        {{NAN, 30}, {2e6, 1}, {3e6, 4}},
    };
    ff_fit fit = {.samples = 77};
    ff_err err;
    assert_int_equal(ff_fit_samples(few, 2, NULL, 1, &fit, &err), FF_FORMAT);
    assert_int_equal(ff_fit_samples(few, 0, &fit, 1, &fit, &err), FF_FORMAT);
    assert_int_equal(ff_fit_samples(few, -1, &fit, 1, &fit, &err), FF_FORMAT);
    assert_int_equal(ff_fit_samples(same, 3, NULL, 1, &fit, &err), FF_UNSUPPORTED);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ff_fit_samples(bad[i], 3, NULL, 1, &fit, &err), FF_FORMAT);
        assert_non_null(strstr(err.message, i < 3 ? "sample 1" : "sample 0"));
    }
    ff_mem_fail_at(1);
    assert_int_equal(ff_fit_samples(few, 2, &fit, 1, &fit, &err), FF_NO_MEMORY);
    ff_mem_fail_at(0);
    assert_int_equal(fit.samples, 77);
}

static void test_crossover(void **state)
{
    (void)state;
    static ff_fit_sample rest[N], store[N];
    ff_leg rest_leg = leg_of(11, 18.7, 35, 20.6), store_leg = leg_of(80, 200, 85, 60);
    store_leg.encoding_factor.value = 1;
    store_leg.mb_per_s = (ff_spread){42.5, 40, "t"};
    measure(&rest_leg, 4.5e6, N, 0, 21, rest);
    measure(&store_leg, 4.5e6, N, 0, 22, store);
    double truth = (80 - 11) / (4.0 / 3 / 35 - 1 / 42.5) * 1000;
    ff_fit_confidence c, again;
    assert_int_equal(ff_fit_crossover_confidence(rest, N, store, N, 100, 4, &c, NULL), FF_OK);
    near(c.bytes, truth, 0.15, "the crossover");
    assert_true(c.low < truth && truth < c.high && c.low < c.bytes && c.bytes < c.high);
    assert_true(c.high - c.low < 0.5 * truth);
    assert_true(c.always == 0 && c.never == 0);
    assert_int_equal(ff_fit_crossover_confidence(rest, N, store, N, 100, 4, &again, NULL), FF_OK);
    assert_memory_equal(&c, &again, sizeof c); /* seeded */
    /* fewer samples, less confidence */
    assert_int_equal(ff_fit_crossover_confidence(rest, 30, store, 30, 100, 4, &again, NULL), FF_OK);
    assert_true(again.high - again.low > c.high - c.low);
    /* never, and always */
    assert_int_equal(ff_fit_crossover_confidence(store, N, store, N, 20, 4, &c, NULL), FF_OK);
    assert_true(c.always + c.never < 1.01);
    ff_leg slow = leg_of(500, 600, 5, 4);
    measure(&slow, 4.5e6, N, 0, 23, store);
    assert_int_equal(ff_fit_crossover_confidence(rest, N, store, N, 20, 4, &c, NULL), FF_OK);
    assert_true(isinf(c.bytes) && isinf(c.low) && c.never == 1);
    assert_int_equal(ff_fit_crossover_confidence(store, N, rest, N, 20, 4, &c, NULL), FF_OK);
    assert_true(c.bytes == 0 && c.high == 0 && c.always == 1);
    ff_fit_confidence kept = {.bytes = 5};
    for (int n = 1; n <= 3; n++) {
        ff_mem_fail_at((uint64_t)n);
        assert_int_equal(ff_fit_crossover_confidence(rest, N, store, N, 2, 4, &kept, NULL),
                         FF_NO_MEMORY);
        ff_mem_fail_at(0);
    }
    assert_true(kept.bytes == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovers),       cmocka_unit_test(test_knee),
        cmocka_unit_test(test_apply_is_valid), cmocka_unit_test(test_prior),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_crossover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
