/* Policy auto, on simulated networks: the profile's own choice to begin with; a profile that is
 * wrong by 5 times, or becomes so, is corrected within 50 requests; at most one tensor in 50
 * explores; no flapping where both routes take about as long. No clock is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "profile/shipped.h"
#include "share/chooser.h"

#define MAX_FAN 16

static ff_net_profile *load(const char *name)
{
    ff_net_profile *p = NULL;
    assert_int_equal(ff_net_profile_parse(ff_shipped_find("network", name)->json, &p, NULL), FF_OK);
    return p;
}

/* A deployment of one stage: each worker gets a tensor and answers with one. */
typedef struct net {
    const ff_net_profile *truth;
    ff_chooser *chooser;
    ff_random random;
    int fan;
    uint64_t bytes[2]; /* by way */
    int request[MAX_FAN], response[MAX_FAN];
    int by_store[2]; /* of the last request's tensors, without those that explored */
    int explored;
    double regret_ms; /* against the truth's better route, medians */
} net;

static void start(net *n, const ff_net_profile *belief, const ff_net_profile *truth, int fan,
                  uint64_t up, uint64_t down, bool fixed)
{
    ff_chooser_options o = {.master_mb = 3008, .worker_mb = 3008, .fixed = fixed};
    *n = (net){.truth = truth, .chooser = ff_chooser_new(belief, &o), .fan = fan};
    n->bytes[FF_NET_REQUEST] = up;
    n->bytes[FF_NET_RESPONSE] = down;
    ff_random_init(&n->random, 3);
    int in = ff_chooser_add_group(n->chooser, FF_NET_REQUEST, fan, up, up);
    int out = ff_chooser_add_group(n->chooser, FF_NET_RESPONSE, fan, down, down);
    for (int w = 0; w < fan; w++) {
        n->request[w] = ff_chooser_add_message(n->chooser, in, &up, 1);
        n->response[w] = ff_chooser_add_message(n->chooser, out, &down, 1);
    }
}

static double draw(net *n, const ff_leg *leg, double bytes, int sharing, const ff_nic *nic)
{
    ff_dist parts[2];
    int connections = ff_net_connections(n->truth, (uint64_t)bytes);
    bool store = leg == &n->truth->store.put || leg == &n->truth->store.get;
    ff_leg_parts(leg, (uint64_t)bytes, store ? connections : 1, sharing, nic, NULL, parts);
    return ff_dist_sample(&parts[0], &n->random);
}

/* One worker's trip, drawn from the truth. */
static void trip(net *n, int w, int64_t number, ff_auto objective)
{
    const ff_net_profile *p = n->truth;
    const ff_nic *up = &p->function.up, *down = &p->function.down;
    ff_moved moved[2] = {{.name = "in", .attempts = 1}, {.name = "out", .attempts = 1}};
    ff_chooser_trip t = {.request = n->request[w],
                         .response = n->response[w],
                         .number = number,
                         .in = &moved[0],
                         .out = &moved[1],
                         .usable = true};
    for (int way = 0; way < 2; way++) {
        uint64_t threshold = 0;
        ff_chooser_thresholds(n->chooser, way ? t.response : t.request, objective, &threshold,
                              &moved[way].explored);
        moved[way].bytes = n->bytes[way];
        moved[way].route = n->bytes[way] >= threshold ? FF_ROUTE_STORE : FF_ROUTE_INLINE;
        n->explored += moved[way].explored;
        n->by_store[way] += !moved[way].explored && moved[way].route == FF_ROUTE_STORE;
    }
    bool in_store = moved[0].route == FF_ROUTE_STORE, out_store = moved[1].route == FF_ROUTE_STORE;
    double in = (double)n->bytes[0], out = (double)n->bytes[1];
    double put = draw(n, &p->store.put, in, n->fan, up), get = draw(n, &p->store.get, in, 1, down);
    double put2 = draw(n, &p->store.put, out, 1, up);
    double get2 = draw(n, &p->store.get, out, n->fan, down);
    t.worker.compute_ms = 20;
    if (in_store) {
        moved[0].transfer_ns = (int64_t)(put * 1e6);
        t.worker.get_ms = get;
    }
    if (out_store) {
        moved[1].transfer_ns = (int64_t)(get2 * 1e6);
        t.worker.put_ms = put2;
    }
    t.invoke_ms = draw(n, &p->inline_route.request, in_store ? 0 : in, n->fan, up) +
                  draw(n, &p->inline_route.response, out_store ? 0 : out, n->fan, down) +
                  t.worker.compute_ms + t.worker.get_ms + t.worker.put_ms;
    ff_chooser_learn(n->chooser, &t);
    assert_true(moved[0].predicted_ms > 0 && moved[1].predicted_ms > 0);
    if (in_store)
        assert_true(moved[0].actual_ms >= put + get);
}

static void ask(net *n, int requests, ff_auto objective)
{
    for (int i = 0; i < requests; i++) {
        int64_t number = ff_chooser_begin(n->chooser);
        n->by_store[0] = n->by_store[1] = 0;
        for (int w = 0; w < n->fan; w++)
            trip(n, w, number, objective);
        while (ff_chooser_idle(n->chooser)) {
        }
    }
}

static void stop(net *n)
{
    ff_chooser_stats s = ff_chooser_stats_of(n->chooser);
    assert_int_equal(s.explored, n->explored);
    assert_true((double)s.explored <= 0.02 * (double)s.tensors);
    assert_int_equal(s.tensors, 2 * n->fan * s.requests);
    ff_chooser_free(n->chooser);
}

static bool store_is_better(const ff_net_profile *p, ff_net_way way, int fan, uint64_t bytes,
                            ff_objective objective)
{
    ff_choice_options o = {.way = way,
                           .fan = fan,
                           .objective = objective,
                           .master_mb = 3008,
                           .worker_mb = 3008,
                           .codec = true};
    return ff_net_edge_figure(p, FF_NET_STORE, bytes, &o) <=
           ff_net_edge_figure(p, FF_NET_INLINE, bytes, &o);
}

/* Without anything learned the choice is the profile's, at every size. */
static void test_as_the_profile_says(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"aws-lambda", "aws-express", "paper-2023", "lan"};
    static const uint64_t SIZES[] = {20000, 300000, 700000, 900000, 3000000, 4500000, 12000000};
    static const ff_objective OF[] = {[FF_AUTO_P50] = FF_OBJECTIVE_P50,
                                      [FF_AUTO_P99] = FF_OBJECTIVE_P99,
                                      [FF_AUTO_COST] = FF_OBJECTIVE_COST};
    for (size_t k = 0; k < sizeof NAMES / sizeof *NAMES; k++) {
        ff_net_profile *p = load(NAMES[k]);
        for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
            for (int fan = 1; fan <= 4; fan += 3)
                for (int o = FF_AUTO_P50; o <= FF_AUTO_COST; o++) {
                    net n;
                    start(&n, p, p, fan, SIZES[i], SIZES[i], true);
                    ask(&n, 1, (ff_auto)o);
                    for (int way = 0; way < 2; way++) {
                        bool store = store_is_better(p, (ff_net_way)way, fan, SIZES[i], OF[o]);
                        if (n.by_store[way] != (store ? fan : 0))
                            fail_msg("%s, %zu bytes, fan %d, objective %d, way %d: %d by store",
                                     NAMES[k], (size_t)SIZES[i], fan, o, way, n.by_store[way]);
                    }
                    stop(&n);
                }
        ff_net_profile_free(p);
    }
}

/* times: bandwidth and fixed cost of a route are so many times slower (or, below 1, faster). */
static void slow_down(ff_net_profile *p, ff_route route, double fixed, double rate)
{
    ff_leg *legs[] = {route == FF_ROUTE_STORE ? &p->store.put : &p->inline_route.request,
                      route == FF_ROUTE_STORE ? &p->store.get : &p->inline_route.response};
    for (int i = 0; i < 2; i++) {
        legs[i]->fixed_ms.p50 *= fixed;
        legs[i]->fixed_ms.p99 *= fixed;
        legs[i]->mb_per_s.p50 /= rate;
        legs[i]->mb_per_s.p99 /= rate;
        legs[i]->head_mb_per_s.p50 /= rate;
        legs[i]->head_mb_per_s.p99 /= rate;
    }
}

static const struct wrong {
    const char *network;
    ff_route route; /* which is other than the profile says */
    double fixed, rate;
    uint64_t bytes;
} WRONG[] = {
    {"aws-lambda", FF_ROUTE_INLINE, 1, 5, 1500000},     /* rests on inline, which is slow */
    {"aws-lambda", FF_ROUTE_INLINE, 5, 5, 2500000},     /*   */
    {"aws-lambda", FF_ROUTE_STORE, 0.2, 0.2, 1500000},  /* the other route is fast: explored */
    {"aws-lambda", FF_ROUTE_INLINE, 1, 0.2, 12000000},  /* rests on the store; inline is fast */
    {"aws-lambda", FF_ROUTE_STORE, 5, 5, 8000000},      /* rests on the store, which is slow */
    {"paper-2023", FF_ROUTE_STORE, 5, 5, 2500000},      /*   */
    {"paper-2023", FF_ROUTE_INLINE, 0.2, 0.2, 1500000}, /*   */
    {"aws-express", FF_ROUTE_STORE, 5, 5, 2000000},     /*   */
};

/* Every tensor of the last request that did not explore goes where the truth says, where that is
 * clearly better. */
static void check_right(net *n, const struct wrong *w, const char *when)
{
    for (int way = 0; way < 2; way++) {
        ff_choice_options o = {
            .way = (ff_net_way)way, .fan = n->fan, .objective = FF_OBJECTIVE_P50, .codec = true};
        double s = ff_net_edge_figure(n->truth, FF_NET_STORE, w->bytes, &o);
        double i = ff_net_edge_figure(n->truth, FF_NET_INLINE, w->bytes, &o);
        int wrong = s < i ? n->fan - n->by_store[way] : n->by_store[way];
        if (n->fan == 1 && wrong) { /* look at a request that does not explore */
            ask(n, 1, FF_AUTO_P50);
            wrong = n->by_store[way] != (s < i);
        }
        double clear =
            n->fan > 1 ? 1.25 : 2; /* one explored sample tells no more, tails being long */
        if (wrong > (n->fan > 1) && (s > clear * i || i > clear * s))
            fail_msg("%s, route %d, fixed x %g, rate x %g, fan %d, way %d: %d of %d wrong %s "
                     "(store %.0f ms, inline %.0f ms)",
                     w->network, w->route, w->fixed, w->rate, n->fan, way, wrong, n->fan, when, s,
                     i);
    }
}

static void test_wrong_profile(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        for (int fan = 1; fan <= 4; fan += 3) {
            const struct wrong *w = &WRONG[i];
            net n;
            ff_net_profile *belief = load(w->network), *truth = load(w->network);
            slow_down(truth, w->route, w->fixed, w->rate);
            bool was = store_is_better(belief, FF_NET_REQUEST, fan, w->bytes, FF_OBJECTIVE_P50);
            bool is = store_is_better(truth, FF_NET_REQUEST, fan, w->bytes, FF_OBJECTIVE_P50);
            start(&n, belief, truth, fan, w->bytes, w->bytes, false);
            ask(&n, 1, FF_AUTO_P50);
            if (fan == 1)
                assert_true(was != is); /* the case is one */
            assert_int_equal(n.by_store[0] + n.explored > 0, was);
            ask(&n, 49, FF_AUTO_P50);
            ask(&n, 1, FF_AUTO_P50);
            check_right(&n, w, "after 50 requests");
            stop(&n);
            ff_net_profile_free(belief);
            ff_net_profile_free(truth);
        }
}

static void test_changes_in_mid_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        for (int fan = 1; fan <= 4; fan += 3) {
            const struct wrong *w = &WRONG[i];
            net n;
            ff_net_profile *belief = load(w->network), *truth = load(w->network);
            start(&n, belief, truth, fan, w->bytes, w->bytes, false);
            ask(&n, 200, FF_AUTO_P50);
            slow_down(truth, w->route, w->fixed, w->rate);
            ask(&n, 51, FF_AUTO_P50);
            check_right(&n, w, "50 requests after the change");
            slow_down(truth, w->route, 1 / w->fixed, 1 / w->rate);
            ask(&n, 51, FF_AUTO_P50);
            check_right(&n, w, "50 requests after it changed back");
            stop(&n);
            ff_net_profile_free(belief);
            ff_net_profile_free(truth);
        }
}

/* At the very size where both take as long. */
static void test_no_flapping(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"aws-lambda", "aws-express", "paper-2023"};
    for (size_t k = 0; k < sizeof NAMES / sizeof *NAMES; k++)
        for (int fan = 1; fan <= 4; fan += 3) {
            net n;
            ff_net_profile *p = load(NAMES[k]);
            ff_choice_options o = {
                .way = FF_NET_REQUEST, .fan = fan, .objective = FF_OBJECTIVE_P50, .codec = true};
            uint64_t bytes = ff_net_crossover(p, &o);
            start(&n, p, p, fan, bytes, bytes, false);
            ask(&n, 500, FF_AUTO_P50);
            ff_chooser_stats s = ff_chooser_stats_of(n.chooser);
            print_message(
                "%s fan %d: %lld changes of %lld tensors, %lld explored, %d refits, regret "
                "%.1f ms\n",
                NAMES[k], fan, (long long)s.changes, (long long)s.tensors, (long long)s.explored,
                s.refits, s.regret[FF_AUTO_P50]);
            assert_true(s.changes <= s.tensors / 100);
            stop(&n);
            ff_net_profile_free(p);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_profile_says),
        cmocka_unit_test(test_wrong_profile),
        cmocka_unit_test(test_changes_in_mid_run),
        cmocka_unit_test(test_no_flapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
