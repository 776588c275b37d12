/* Fits: samples made from known coefficients give them back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/random.h"
#include "measure/fit_ops.h"

#define MANY 200

static const ff_compute_op KNOWN = {.op = "Conv",
                                    .fixed_ms = 0.01,
                                    .ms_per_gmac = 18,
                                    .ms_per_mweight = 0.25,
                                    .ms_per_melem_in = 0.4,
                                    .ms_per_melem_out = 0.2,
                                    .ms_per_mpatch = 0.3};

/* Convolutions of any shape; the tile one of 4, 16 .. 4096 elements. */
static ff_work draw(ff_random *r)
{
    uint64_t in = 1 + ff_random_below(r, 512), out = 1 + ff_random_below(r, 512);
    uint64_t kernel = ff_random_below(r, 2) ? 1 : 9,
             tile = (uint64_t)4 << (2 * ff_random_below(r, 6));
    return (ff_work){.op = "Conv",
                     .macs = in * out * kernel * tile,
                     .weight_elems = in * out * kernel,
                     .in_elems = in * tile,
                     .out_elems = out * tile,
                     .patch_elems = in * kernel * tile,
                     .moved_bytes = 4 * (in + out) * tile,
                     .tile_elems = tile};
}

static void make(const ff_compute_op *op, ff_op_sample *samples, int count)
{
    ff_random r;
    ff_random_init(&r, 3);
    for (int i = 0; i < count; i++) {
        samples[i].work = draw(&r);
        samples[i].ms = ff_compute_op_ms(op, &samples[i].work);
        samples[i].run_ms = samples[i].ms + 0.03;
    }
}

static void near(double found, double wanted, double tolerance, const char *what)
{
    if (!(fabs(found - wanted) <= tolerance * fabs(wanted)))
        fail_msg("%s: wanted %g, found %g", what, wanted, found);
}

static void expect_known(const ff_compute_op *found, double tolerance)
{
    near(found->ms_per_gmac, KNOWN.ms_per_gmac, tolerance, "GMAC");
    near(found->ms_per_mweight, KNOWN.ms_per_mweight, tolerance, "weights");
    near(found->ms_per_melem_in, KNOWN.ms_per_melem_in, tolerance, "in");
    near(found->ms_per_melem_out, KNOWN.ms_per_melem_out, tolerance, "out");
    near(found->ms_per_mpatch, KNOWN.ms_per_mpatch, tolerance, "patch");
    near(found->fixed_ms, KNOWN.fixed_ms, tolerance, "fixed");
    assert_true(found->ms_per_mb == 0);
}

static void recovers(void **state)
{
    (void)state;
    ff_op_sample samples[MANY];
    ff_compute_op found = {.op = "Conv", .source = "s"};
    ff_arena *arena = ff_arena_new();
    make(&KNOWN, samples, MANY);
    assert_true(ff_fit_op(samples, MANY, false, arena, &found) < 1e-3);
    expect_known(&found, 0.02);
    assert_int_equal(found.efficiency_count, 0);
    near(found.r2, 1, 1e-4, "R2");
    near(found.samples, MANY, 0, "samples");
    assert_string_equal(found.op, "Conv"); /* the caller's stay */
    assert_string_equal(found.source, "s");

    ff_compute_op free_of_weights = KNOWN; /* nothing goes below 0 */
    free_of_weights.ms_per_mweight = 0;
    make(&free_of_weights, samples, MANY);
    found = (ff_compute_op){0};
    ff_fit_op(samples, MANY, false, arena, &found);
    assert_true(found.ms_per_mweight >= 0 && found.ms_per_mweight < 0.01);
    ff_arena_free(arena);
}

/* Every tenth run was disturbed: three times as long. */
static void forgives(void **state)
{
    (void)state;
    ff_op_sample samples[MANY];
    ff_compute_op found = {0};
    ff_arena *arena = ff_arena_new();
    make(&KNOWN, samples, MANY);
    for (int i = 0; i < MANY; i += 10) {
        samples[i].ms *= 3;
        samples[i].run_ms *= 3;
    }
    ff_fit_op(samples, MANY, false, arena, &found);
    expect_known(&found, 0.1);
    ff_arena_free(arena);
}

static void finds_efficiency(void **state)
{
    (void)state;
    static const double FACTOR[] = {0.2, 0.35, 0.6, 0.8, 1, 1};
    ff_efficiency table[6];
    ff_compute_op slow = KNOWN, found = {0};
    ff_op_sample samples[MANY];
    ff_arena *arena = ff_arena_new();
    for (int i = 0; i < 6; i++)
        table[i] = (ff_efficiency){(double)(4 << (2 * i)), FACTOR[i]};
    slow.ms_per_mweight = 0;
    slow.efficiency = table;
    slow.efficiency_count = 6;
    make(&slow, samples, MANY);
    for (int i = 0; i < MANY; i++) /* weights would explain small tiles too */
        samples[i].work.weight_elems = 0;
    double error = ff_fit_op(samples, MANY, false, arena, &found);
    assert_true(found.efficiency_count >= 4);
    assert_true(error < 0.1);
    assert_true(ff_compute_efficiency(&found, 4) < 0.6 * ff_compute_efficiency(&found, 4096));
    for (int i = 0; i < found.efficiency_count; i++)
        assert_true(found.efficiency[i].factor > 0 && found.efficiency[i].factor <= 1);
    ff_arena_free(arena);
}

static void few_samples(void **state)
{
    (void)state;
    ff_op_sample samples[MANY];
    ff_compute_op line = {.fixed_ms = 0.5, .ms_per_gmac = 10}, found = {0};
    ff_arena *arena = ff_arena_new();
    make(&line, samples, 9); /* two coefficients */
    ff_fit_op(samples, 9, false, arena, &found);
    near(found.fixed_ms, 0.5, 0.01, "fixed");
    near(found.ms_per_gmac, 10, 0.01, "GMAC");
    assert_true(found.ms_per_melem_in == 0);

    line.fixed_ms = 0; /* one, in proportion */
    make(&line, samples, 1);
    found = (ff_compute_op){0};
    ff_fit_op(samples, 1, false, arena, &found);
    assert_true(found.fixed_ms == 0);
    near(found.ms_per_gmac, 10, 1e-6, "GMAC of one");

    samples[0].ms = -0.1; /* a difference of two runs may be below 0, a cost not */
    found = (ff_compute_op){0};
    ff_fit_op(samples, 1, false, arena, &found);
    assert_true(found.ms_per_gmac == 0);

    ff_compute_op moves = {.fixed_ms = 0.002, .ms_per_mb = 0.05};
    make(&moves, samples, MANY);
    found = (ff_compute_op){0};
    ff_fit_op(samples, MANY, true, arena, &found);
    near(found.ms_per_mb, 0.05, 0.01, "MB");
    near(found.fixed_ms, 0.002, 0.01, "fixed of moves");
    assert_true(found.ms_per_gmac == 0);
    ff_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recovers),
        cmocka_unit_test(forgives),
        cmocka_unit_test(finds_efficiency),
        cmocka_unit_test(few_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
