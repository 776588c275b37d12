/* Compute profiles: the forms, the Gillis coefficients in their own units, and refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile_sample.h"

static const char SAMPLE[] =
    "{\"format\":1,\"kind\":\"compute\",\"name\":\"t\",\"about\":\"a\",\"machine\":\"m\","
    "\"threads\":1,\"kernel\":\"k\",\"vcpu_gmac_per_s\":{\"value\":40,\"source\":\"s\"},"
    "\"holdout\":{\"pieces\":12,\"mean_abs_error\":0.06,\"max_abs_error\":0.2},\"ops\":["
    "{\"op\":\"Conv\",\"fixed_ms\":0.5,\"ms_per_gmac\":25,\"ms_per_mb\":0.1,"
    "\"efficiency\":[[16,0.25],[256,0.5],[4096,1]],\"r2\":0.98,\"samples\":100,\"source\":\"s\"},"
    "{\"op\":\"Relu\",\"fixed_ms\":-1,\"ms_per_melem_in\":2,\"ms_per_melem_out\":3,"
    "\"ms_per_mweight\":4,\"source\":\"s\"},"
    "{\"op\":\"Conv 1x1\",\"fixed_ms\":0,\"ms_per_gmac\":20,\"source\":\"s\"},"
    "{\"op\":\"Conv 3x3\",\"fixed_ms\":0,\"ms_per_mpatch\":7,\"source\":\"s\"},"
    "{\"op\":\"Conv+Relu\",\"fixed_ms\":0,\"ms_per_melem_out\":0.5,\"source\":\"s\"}]}";

static void near(double found, double wanted, const char *what)
{
    if (!(fabs(found - wanted) <= 1e-9 * fabs(wanted)))
        fail_msg("%s: wanted %.12g, found %.12g", what, wanted, found);
}

static ff_compute_profile *sample(void)
{
    ff_compute_profile *p = NULL;
    ff_err err = {0};
    if (ff_compute_profile_parse(ff_bytes_of(SAMPLE, strlen(SAMPLE)), &p, &err))
        fail_msg("%s", err.message);
    return p;
}

#define WORK(name, m, w, in, out, bytes, tile)                                                     \
    {                                                                                              \
        .op = name, .macs = m, .weight_elems = w, .in_elems = in, .out_elems = out,                \
        .moved_bytes = bytes, .tile_elems = tile                                                   \
    }

static void test_predict(void **state)
{
    (void)state;
    ff_compute_profile *p = sample();
    static const struct {
        ff_work work;
        double ms;
    } rows[] = {
        {WORK("Conv", 2000000000, 0, 0, 0, 10000000, 0), 0.5 + 50 + 1},
        {WORK("Conv", 2000000000, 0, 0, 0, 10000000, 10000), 0.5 + 51},
        {WORK("Conv", 2000000000, 0, 0, 0, 10000000, 4096), 0.5 + 51},
        {WORK("Conv", 2000000000, 0, 0, 0, 10000000, 256), 0.5 + 102},
        {WORK("Conv", 2000000000, 0, 0, 0, 10000000, 1024), 0.5 + 51 / 0.75}, /* half way in log */
        {WORK("Conv", 2000000000, 0, 0, 0, 10000000, 1), 0.5 + 204},
        {WORK("Conv", 0, 0, 0, 0, 0, 1), 0.5},
        {WORK("Relu", 9, 5000000, 1000000, 2000000, 9, 9), -1 + 20 + 2 + 6},
        {WORK("Relu", 0, 0, 100000, 0, 0, 0), 0}, /* never below 0 */
        {{.op = "Conv", .macs = 2000000000, .kind = "1x1"}, 40},
        {{.op = "Conv", .patch_elems = 3000000, .kind = "3x3"}, 21},
        {{.op = "Conv", .macs = 2000000000, .kind = "5x5"}, 50.5}, /* no such kind */
        {{.op = "Relu", .out_elems = 3000000, .fused = "Conv+Relu"}, 1.5},
        {{.op = "Relu", .out_elems = 3000000, .fused = "Gemm+Relu"}, -1 + 9},
        {{.op = "Conv", .macs = 1, .out_elems = 3000000, .kind = "1x1", .fused = "Conv+Relu"}, 1.5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double ms = -1;
        assert_int_equal(ff_compute_predict(p, &rows[i].work, &ms, NULL), FF_OK);
        near(ms, rows[i].ms, rows[i].work.op);
    }
    double ms = 77;
    ff_err err;
    ff_work unknown = {.op = "Sigmoid"};
    assert_int_equal(ff_compute_predict(p, &unknown, &ms, &err), FF_NOT_FOUND);
    assert_non_null(strstr(err.message, "Sigmoid"));
    assert_true(ms == 77);
    ff_compute_profile_free(p);
}

/* a and b as published; x in units of 1024 MACs, weights or elements. */
static void test_gillis(void **state)
{
    (void)state;
    static const struct {
        const char *profile, *op;
        double a, b;
        int unit; /* 0 MACs, 1 weights, 2 input elements */
    } rows[] = {
        {"gillis-lambda", "Conv", 6.6e-5, 0.703, 0},
        {"gillis-lambda", "Gemm", 1.5e-3, 2.58, 1},
        {"gillis-lambda", "Relu", 1.66e-3, 0.139, 2},
        {"gillis-lambda", "MaxPool", 4.17e-3, -0.358, 2},
        {"gillis-lambda", "AveragePool", 4.17e-3, -0.358, 2},
        {"gillis-lambda", "BatchNormalization", 1.42e-3, 0.276, 2},
        {"gillis-lambda", "Add", 2.61e-3, 0.095, 2},
        {"gillis-lambda", "encode", 0.22, 0, 2},
        {"gillis-lambda", "decode", 0.16, 0, 2},
        {"gillis-knix", "Conv", 3.8e-5, -1.80, 0},
        {"gillis-knix", "Gemm", 1.1e-3, 2.16, 1},
        {"gillis-knix", "Relu", 6.5e-3, -0.57, 2},
        {"gillis-knix", "MaxPool", 7.9e-3, -0.083, 2},
        {"gillis-knix", "BatchNormalization", 6.5e-3, -0.57, 2},
        {"gillis-knix", "Add", 6.5e-3, -0.57, 2},
        {"gillis-knix", "encode", 0.09, 0, 2},
        {"gillis-knix", "decode", 0.06, 0, 2},
        {"gillis-gcf", "Conv", 5.5e-5, -3.24, 0},
        {"gillis-gcf", "Gemm", 1.3e-3, 3.00, 1},
        {"gillis-gcf", "Relu", 2.29e-3, -0.07, 2},
        {"gillis-gcf", "MaxPool", 4.39e-3, -0.47, 2},
        {"gillis-gcf", "BatchNormalization", 1.42e-3, 0.276, 2},
        {"gillis-gcf", "Add", 2.61e-3, 0.095, 2},
        {"gillis-gcf", "encode", 0.34, 0, 2},
        {"gillis-gcf", "decode", 0.30, 0, 2},
        {"gillis-lambda", "LSTM", 0, 955.158, 0},
        {"gillis-gcf", "Sigmoid", 0, 0, 2}, /* every other op costs nothing */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_compute_profile *p = sample_compute(rows[i].profile);
        for (uint64_t k = 0; k <= 4194304; k = k * 4 + 1) { /* K units */
            uint64_t n = k * 1024;
            ff_work w = {.op = rows[i].op, .kind = "1x1", .fused = "Conv+Relu", .patch_elems = n};
            uint64_t *by_unit[] = {&w.macs, &w.weight_elems, &w.in_elems};
            *by_unit[rows[i].unit] = n;
            double ms = -1;
            assert_int_equal(ff_compute_predict(p, &w, &ms, NULL), FF_OK);
            double wanted = fmax(0, rows[i].a * (double)k + rows[i].b);
            if (fabs(ms - wanted) > 1e-9 * (1 + wanted))
                fail_msg("%s %s of %llu K: wanted %.12g ms, found %.12g", rows[i].profile,
                         rows[i].op, (unsigned long long)k, wanted, ms);
        }
        ff_compute_profile_free(p);
    }
}

static void test_scale(void **state)
{
    (void)state;
    ff_compute_profile *p = sample(), *gillis = sample_compute("gillis-lambda");
    ff_net_profile *net = sample_network("aws-lambda"), *its = sample_network("gillis-lambda");
    near(ff_compute_scale(p, net, 1769), 40 / 9.1, "one vCPU");
    near(ff_compute_scale(p, net, 2 * 1769), 20 / 9.1, "two vCPUs");
    near(ff_compute_scale(gillis, its, 3008), 1, "Gillis's own function");
    ff_compute_profile_free(p);
    ff_compute_profile_free(gillis);
    ff_net_profile_free(net);
    ff_net_profile_free(its);
}

static const struct {
    const char *from, *to;
    ff_code code;
    const char *message;
} REFUSED[] = {
    {"\"compute\"", "\"network\"", FF_FORMAT, "kind: wanted \"compute\""},
    {"\"threads\":1", "\"threads\":0", FF_FORMAT, "threads: wanted 0.001 to 4096, found 0"},
    {"\"threads\":1,", "", FF_FORMAT, "threads: missing"},
    {"\"threads\":1", "\"thread\":1", FF_FORMAT, "thread: unknown member"},
    {"\"value\":40", "\"value\":-40", FF_FORMAT, "vcpu_gmac_per_s.value"},
    {"\"pieces\":12", "\"pieces\":0", FF_FORMAT, "holdout.pieces"},
    {"\"mean_abs_error\":0.06,", "", FF_FORMAT, "holdout.mean_abs_error: missing"},
    {"\"ops\":[", "\"ops\":[],\"x\":[", FF_FORMAT, "x: unknown member"},
    {"\"ops\":[", "\"ops\":{},\"ops\":[", FF_FORMAT, "ops: given twice"},
    {"{\"op\":\"Conv\",", "7,{\"op\":\"Conv\",", FF_FORMAT, "ops[0]: wanted an object, found uint"},
    {"\"op\":\"Conv\"", "\"op\":\"Relu\"", FF_FORMAT, "ops[1].op: \"Relu\" has entry 0 already"},
    {"\"ms_per_gmac\":25", "\"ms_per_gmac\":-25", FF_FORMAT,
     "ops[0].ms_per_gmac: wanted 0 to 1e+09, found -25"},
    {"\"ms_per_gmac\":25", "\"ms_per_gflop\":25", FF_FORMAT, "ops[0].ms_per_gflop: unknown member"},
    {"\"fixed_ms\":-1,", "", FF_FORMAT, "ops[1].fixed_ms: missing"},
    {"\"fixed_ms\":-1", "\"fixed_ms\":1e300", FF_FORMAT, "ops[1].fixed_ms: wanted"},
    {"\"r2\":0.98", "\"r2\":1.01", FF_FORMAT, "ops[0].r2"},
    {"[16,0.25]", "[16,0]", FF_FORMAT, "ops[0].efficiency[0]: wanted 0.0001 to 1, found 0"},
    {"[16,0.25]", "[0,0.25]", FF_FORMAT, "ops[0].efficiency[0]"},
    {"[256,0.5]", "[16,0.5]", FF_FORMAT, "ops[0].efficiency[1]: wanted over 16 elements, found 16"},
    {"[256,0.5]", "[256]", FF_FORMAT, "ops[0].efficiency[1]: wanted [tile elements, factor]"},
    {"[[16,0.25],[256,0.5],[4096,1]]", "[]", FF_FORMAT, "ops[0].efficiency: wanted 1 to 32 pairs"},
    {"[[16,0.25],[256,0.5],[4096,1]]", "1", FF_FORMAT, "ops[0].efficiency: wanted an array"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        char *changed = sample_replace(SAMPLE, "", REFUSED[i].from, REFUSED[i].to);
        ff_compute_profile *p = NULL;
        ff_err err = {0};
        ff_code code = ff_compute_profile_parse(ff_bytes_of(changed, strlen(changed)), &p, &err);
        if (code != REFUSED[i].code || !strstr(err.message, REFUSED[i].message))
            fail_msg("row %zu: wanted %s \"%s\", found %s \"%s\"", i, ff_code_name(REFUSED[i].code),
                     REFUSED[i].message, ff_code_name(code), err.message);
        assert_null(p);
        free(changed);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    ff_compute_profile *all[] = {sample(), sample_compute("gillis-lambda"),
                                 sample_compute("gillis-gcf")};
    for (size_t i = 0; i < 3; i++) {
        ff_compute_profile *again = NULL;
        ff_buf text;
        ff_buf_init(&text, 0);
        ff_err err = {0};
        assert_int_equal(ff_compute_profile_emit(all[i], &text, &err), FF_OK);
        assert_int_equal(ff_compute_profile_parse(ff_buf_view(&text), &again, &err), FF_OK);
        assert_true(ff_compute_profile_equal(all[i], again));
        again->ops[0].fixed_ms += 1e-9;
        assert_false(ff_compute_profile_equal(all[i], again));
        again->ops[0].fixed_ms = NAN;
        size_t len = text.len;
        assert_int_equal(ff_compute_profile_emit(again, &text, &err), FF_FORMAT);
        assert_int_equal(text.len, len);
        ff_buf_clean(&text);
        ff_compute_profile_free(again);
    }
    ff_compute_profile *changed = sample();
    changed->ops[0].efficiency[1].factor = 0.51;
    assert_false(ff_compute_profile_equal(all[0], changed));
    ff_compute_profile_free(changed);
    for (size_t i = 0; i < 3; i++)
        ff_compute_profile_free(all[i]);
    ff_compute_profile_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predict),    cmocka_unit_test(test_gillis),
        cmocka_unit_test(test_scale),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
