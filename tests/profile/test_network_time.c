/* Transfer times: rates, heads, bursts, sharing, connections; the edge against its samples. */
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

static void near(double found, double wanted, double ratio, const char *what)
{
    if (!(fabs(found - wanted) <= ratio * fabs(wanted)))
        fail_msg("%s: wanted %.9g within %g, found %.9g", what, wanted, ratio, found);
}

/* A leg without tails: 10 ms, 50 MB/s, base64, 200 MB/s a function. */
static ff_leg plain_leg(void)
{
    return (ff_leg){.fixed_ms = {.p50 = 10, .p99 = 10, .source = "t"},
                    .mb_per_s = {50, 50, "t"},
                    .function_mb_per_s = {200, "t"},
                    .encoding_factor = {4.0 / 3, "t"},
                    .limit_bytes = {6291456, "t"}};
}

static double leg_ms(const ff_leg *leg, uint64_t bytes, int connections, int sharing,
                     const ff_nic *shared, const ff_nic *other)
{
    ff_dist parts[2];
    assert_int_equal(ff_leg_parts(leg, bytes, connections, sharing, shared, other, parts), 1);
    return ff_dist_mean(&parts[0]);
}

static void test_rates(void **state)
{
    (void)state;
    const ff_nic nic = {{30e6, "t"}, {100, "t"}, {10, "t"}};
    const ff_nic wide = {{0, "t"}, {INFINITY, "t"}, {1000, "t"}};
    const struct {
        const char *name;
        uint64_t bytes;
        int connections, sharing;
        const ff_nic *shared, *other;
        double head_bytes; /* at 5 MB/s */
        double ms;
    } rows[] = {
        {"nothing", 0, 1, 1, NULL, NULL, 0, 10},
        {"by rate", 3000000, 1, 1, NULL, NULL, 0, 10 + 80},
        {"four connections", 3000000, 4, 1, NULL, NULL, 0, 10 + 20},
        {"function's bound", 3000000, 8, 1, NULL, NULL, 0, 10 + 20},
        {"shared by 8", 3000000, 1, 8, NULL, NULL, 0, 10 + 160},
        {"head", 3000000, 1, 1, NULL, NULL, 1e6, 10 + 200 + 60},
        {"all in the head", 300000, 1, 1, NULL, NULL, 1e6, 10 + 80},
        {"head of four", 3000000, 4, 1, NULL, NULL, 500000, 10 + 100 + 10},
        {"within the burst", 3000000, 1, 1, &nic, NULL, 0, 10 + 80},
        {"burst over", 30000000, 1, 1, &nic, NULL, 0, 10 + 600 + 1000},
        {"burst shared by 4", 7500000, 1, 4, &nic, NULL, 0, 10 + 300 + 1000},
        {"other side's burst over", 30000000, 1, 1, &wide, &nic, 0, 10 + 600 + 1000},
        {"other side is not shared", 3000000, 1, 2, &wide, &nic, 0, 10 + 80},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_leg leg = plain_leg();
        if (rows[i].head_bytes > 0) {
            leg.head_bytes = (ff_figure){rows[i].head_bytes, "t"};
            leg.head_mb_per_s = (ff_spread){5, 5, "t"};
        }
        near(leg_ms(&leg, rows[i].bytes, rows[i].connections, rows[i].sharing, rows[i].shared,
                    rows[i].other),
             rows[i].ms, 1e-9, rows[i].name);
    }
}

/* p50 and p99 of one leg are straight lines through what the file says. */
static void test_quantiles(void **state)
{
    (void)state;
    ff_net_profile *p = sample_network("aws-lambda");
    for (uint64_t bytes = 0; bytes <= 4000000; bytes += 500000) {
        ff_edge edge = {FF_NET_INLINE, FF_NET_REQUEST, bytes, 1};
        ff_slowest s = ff_net_edge_slowest(p, &edge);
        double wire = (double)bytes / 750; /* bytes x 4/3 / 1000 */
        near(s.p50_ms, 11 + wire / 35, 1e-9, "p50");
        near(s.p99_ms, 18.7 + wire / 20.6, 1e-9, "p99");
    }
    ff_net_profile_free(p);
}

static void test_edge_parts(void **state)
{
    (void)state;
    ff_net_profile *p = sample_network("aws-lambda");
    ff_dist parts[FF_EDGE_PARTS];
    ff_edge edge = {FF_NET_STORE, FF_NET_REQUEST, 8500000, 16};
    assert_int_equal(ff_net_edge_parts(p, &edge, parts), 3);
    /* the master's PUTs share its 150 MB/s, each worker's GET has 85 to itself */
    near(ff_dist_quantile(&parts[0], 0.5), 41.4 + 8500 / (150.0 / 16), 1e-9, "PUT");
    near(ff_dist_quantile(&parts[1], 0.5), 11, 1e-9, "control");
    near(ff_dist_quantile(&parts[2], 0.5), 27 + 100, 1e-9, "GET");
    edge.way = FF_NET_RESPONSE;
    assert_int_equal(ff_net_edge_parts(p, &edge, parts), 3);
    near(ff_dist_quantile(&parts[0], 0.5), 41.4 + 100, 1e-9, "PUT");
    near(ff_dist_quantile(&parts[1], 0.5), 7, 1e-9, "control");
    near(ff_dist_quantile(&parts[2], 0.5), 27 + 8500 / (150.0 / 16), 1e-9, "GET");
    assert_int_equal(ff_net_connections(p, 8388607), 1);
    assert_int_equal(ff_net_connections(p, 16777215), 1);
    assert_int_equal(ff_net_connections(p, 16777216), 2);
    assert_int_equal(ff_net_connections(p, UINT64_MAX), 4);
    assert_int_equal(ff_net_max_bytes(p, FF_NET_INLINE, FF_NET_REQUEST), (6291456 - 4096) * 3 / 4);
    assert_int_equal(ff_net_max_bytes(p, FF_NET_INLINE, FF_NET_RESPONSE), (6291556 - 4096) * 3 / 4);
    assert_true(ff_net_max_bytes(p, FF_NET_STORE, FF_NET_REQUEST) == 5000000000u);
    ff_net_profile_free(p);
}

/* Gillis: call(in) + return(out) - call(0), as published; its mean for empty tensors 31.6 ms. */
static void test_gillis(void **state)
{
    (void)state;
    ff_net_profile *p = sample_network("gillis-lambda");
    ff_dist parts[2 * FF_EDGE_PARTS];
    ff_edge in = {FF_NET_INLINE, FF_NET_REQUEST, 0, 1},
            out = {FF_NET_INLINE, FF_NET_RESPONSE, 0, 1};
    int n = ff_net_edge_parts(p, &in, parts);
    n += ff_net_edge_parts(p, &out, parts + n);
    assert_int_equal(n, 3);
    ff_sum sum;
    ff_sum_init(&sum, parts, n);
    near(sum.mean_ms, 28.83 + 2.765 * 0.9966, 1e-9, "n = 1");
    near(ff_sum_slowest(&sum, 4).mean_ms, 37.1, 0.01, "n = 4, as with a fine grid");
    /* a million elements: 7.41e-5 ms by 1024 elements, and the slopes of k and sd */
    in.bytes = 4000000;
    ff_net_edge_parts(p, &in, parts);
    double x = 1e6 / 1024;
    near(ff_dist_mean(&parts[0]),
         28.83 + 7.41e-5 * x + (2.765 + 6.6e-7 * x) * (0.9966 + 2.2e-6 * x), 1e-9, "by payload");
    near(ff_net_encode_ms(p, FF_NET_INLINE, 4096), 0.22, 1e-9, "encode");
    near(ff_net_decode_ms(p, FF_NET_INLINE, 4096), 0.16, 1e-9, "decode");
    ff_net_profile_free(p);
}

static void test_samples(void **state)
{
    (void)state;
    enum { N = 60000 };
    static const char *const NAMES[] = {"aws-lambda", "paper-2023", "gillis-lambda"};
    ff_random random;
    ff_random_init(&random, 3);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        ff_net_profile *p = sample_network(NAMES[i]);
        for (int route = 0; route < 2; route++) {
            ff_edge edge = {(ff_net_route)route, FF_NET_REQUEST, 700000, 1};
            ff_slowest s = ff_net_edge_slowest(p, &edge);
            double sum = 0;
            int above = 0;
            for (int k = 0; k < N; k++) {
                double ms = ff_net_edge_sample(p, &edge, &random);
                assert_true(ms >= 0);
                sum += ms;
                above += ms > s.p99_ms;
            }
            near(sum / N, s.mean_ms, 0.01, NAMES[i]);
            near((double)above / N, 0.01, 0.2, NAMES[i]);
        }
        ff_net_profile_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),      cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_edge_parts), cmocka_unit_test(test_gillis),
        cmocka_unit_test(test_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
