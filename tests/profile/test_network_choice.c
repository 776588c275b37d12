/* Crossovers and money: against formulas, against a plain scan, and monotone where they must be. */
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

/* A profile without tails: its crossover is a quotient. */
static ff_net_profile *without_tails(void)
{
    ff_net_profile *p = sample_network("aws-lambda");
    ff_leg *legs[] = {&p->inline_route.request, &p->inline_route.response, &p->store.put,
                      &p->store.get};
    for (int i = 0; i < 4; i++) {
        legs[i]->fixed_ms.p99 = legs[i]->fixed_ms.p50;
        legs[i]->mb_per_s.p99 = legs[i]->mb_per_s.p50;
    }
    return p;
}

static void test_quotient(void **state)
{
    (void)state;
    ff_net_profile *p = without_tails();
    ff_choice_options o = {.way = FF_NET_REQUEST, .fan = 1, .objective = FF_OBJECTIVE_P50};
    double wanted = (41.4 + 27) / (4.0 / 3 / 35 - 2.0 / 85) * 1000;
    for (int objective = FF_OBJECTIVE_MEAN; objective <= FF_OBJECTIVE_P99; objective++) {
        o.objective = (ff_objective)objective;
        near((double)ff_net_crossover(p, &o), wanted, 1e-6, "no tails");
    }
    o.codec = true; /* 0.43 ms/MB for base64, 0.2 for the store's */
    wanted = (41.4 + 27) / (4.0 / 3 / 35 - 2.0 / 85 + 0.23e-3) * 1000;
    near((double)ff_net_crossover(p, &o), wanted, 1e-6, "with codecs");
    o.codec = false;
    o.way = FF_NET_RESPONSE;
    o.fan = 2; /* the master's GETs share 150 MB/s: 75 each */
    wanted = (41.4 + 27) / (4.0 / 3 / 35 - 1.0 / 85 - 1.0 / 75) * 1000;
    near((double)ff_net_crossover(p, &o), wanted, 1e-6, "shared by two");
    p->store.put.fixed_ms.p50 = p->store.put.fixed_ms.p99 = 0;
    p->store.get.fixed_ms.p50 = p->store.get.fixed_ms.p99 = 0;
    assert_int_equal(ff_net_crossover(p, &o), 0);
    ff_net_profile_free(p);
    p = without_tails();
    p->store.put.mb_per_s = p->store.get.mb_per_s = (ff_spread){20, 20, "slow"};
    o.fan = 1;
    p->store.connections.value = 1;
    assert_true(ff_net_crossover(p, &o) == UINT64_MAX);
    ff_net_profile_free(p);
}

/* What is found is where the sign changes, whatever the objective and the fan. */
static void test_is_the_crossover(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"aws-lambda", "aws-express", "paper-2023", "lan"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        ff_net_profile *p = sample_network(NAMES[i]);
        for (int way = 0; way < 2; way++)
            for (int fan = 1; fan <= 4; fan += 3)
                for (int objective = 0; objective <= FF_OBJECTIVE_COST; objective++) {
                    ff_choice_options o = {
                        (ff_net_way)way, fan, (ff_objective)objective, 1769, 1769, false};
                    uint64_t at = ff_net_crossover(p, &o);
                    if (at == 0 || at == UINT64_MAX)
                        continue;
                    assert_true(ff_net_edge_figure(p, FF_NET_STORE, at, &o) <=
                                ff_net_edge_figure(p, FF_NET_INLINE, at, &o));
                    for (int k = 1; k <= 20; k++) {
                        uint64_t below = (uint64_t)((double)(at - 1) * k / 20);
                        assert_true(ff_net_edge_figure(p, FF_NET_STORE, below, &o) >
                                    ff_net_edge_figure(p, FF_NET_INLINE, below, &o));
                    }
                }
        ff_net_profile_free(p);
    }
}

static void test_money(void **state)
{
    (void)state;
    ff_net_profile *p = without_tails();
    near(ff_net_vcpus(p, 1769), 1, 1e-12, "vCPUs");
    near(ff_net_vcpus(p, 20480), 10240.0 / 1769, 1e-12, "no more than the largest function");
    near(ff_net_function_usd(p, 10.2, 2048), 11e-3 * 2 * 1.66667e-5 + 2e-7, 1e-9, "a function");
    p->price.billing_ms.value = 100;
    near(ff_net_function_usd(p, 10.2, 1024), 0.1 * 1.66667e-5 + 2e-7, 1e-9, "by 100 ms");
    near(ff_net_function_usd(p, 100, 1024), 0.1 * 1.66667e-5 + 2e-7, 1e-9, "exactly 100 ms");
    /* one edge of 1 MB: the master waits, the worker is billed for its GET */
    ff_edge edge = {FF_NET_STORE, FF_NET_REQUEST, 1000000, 1};
    double put = 41.4 + 1000 / 85.0, get = 27 + 1000 / 85.0;
    near(ff_net_edge_usd(p, &edge, 1024, 2048),
         ((put + 11 + get) + 2 * get) / 1000 * 1.66667e-5 + 5.4e-6, 1e-9, "store");
    edge.way = FF_NET_RESPONSE;
    near(ff_net_edge_usd(p, &edge, 1024, 2048),
         ((put + 7 + get) + 2 * put) / 1000 * 1.66667e-5 + 5.4e-6, 1e-9, "store, back");
    p->price.write_gb_usd.value = 0.0032;
    p->price.read_gb_usd.value = 0.0006;
    near(ff_net_edge_usd(p, &edge, 1024, 2048),
         ((put + 7 + get) + 2 * put) / 1000 * 1.66667e-5 + 5.4e-6 + 3.8e-6, 1e-9, "by bytes");
    edge = (ff_edge){FF_NET_INLINE, FF_NET_REQUEST, 1000000, 4};
    near(ff_net_edge_usd(p, &edge, 1024, 2048), (11 + 4000.0 / 3 / 35) / 1000 * 1.66667e-5, 1e-9,
         "inline: the master's time alone");
    ff_net_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotient),
        cmocka_unit_test(test_is_the_crossover),
        cmocka_unit_test(test_money),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
