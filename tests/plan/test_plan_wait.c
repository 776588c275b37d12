/* The search's waiting times against profile/sum.h, on every shipped network profile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "plan/plan_wait.h"

static ff_net_profile *load_profile(const char *name)
{
    char path[512];
    ff_net_profile *p = NULL;
    ff_map map = {0};
    ff_err err = {0};
    snprintf(path, sizeof path, FF_SOURCE_DIR "/profiles/network/%s.json", name);
    if (ff_file_map(path, &map, &err) ||
        ff_net_profile_parse((ff_bytes){map.data, map.len}, &p, &err))
        fail_msg("%s: %s", path, err.message);
    ff_file_unmap(&map);
    return p;
}

static const char *const NAMES[] = {"paper-2023", "aws-lambda", "aws-express",
                                    "lan",        "loopback",   "gillis-lambda"};
static const ff_wait_load LOADS[] = {
    {0, 0, 0, 0},        {1000, 0, 1000, 0},     {150528, 0, 602112, 0}, {3e6, 0, 20000, 0},
    {0, 5e6, 700000, 0}, {40000, 9e6, 0, 8.1e6}, {0, 64e6, 0, 0},        {123456, 0, 0, 33e6},
};
static const int FANS[] = {1, 2, 3, 4, 8, 16, 64};

static double worst_mean, worst_p99;

static void compare(const char *name, const ff_net_profile *net, ff_wait *wait, bool cold, int n,
                    const ff_wait_load *load)
{
    ff_dist parts[FF_WAIT_PARTS];
    ff_sum sum;
    ff_sum_init(&sum, parts, ff_wait_parts(net, cold, n, load, parts));
    ff_slowest truth = ff_sum_slowest(&sum, n);
    ff_wait_time found = ff_wait_slowest(wait, n, load);
    double mean = fabs(found.mean_ms - truth.mean_ms), p99 = fabs(found.p99_ms - truth.p99_ms);
    worst_mean = fmax(worst_mean, mean / fmax(1, truth.mean_ms));
    worst_p99 = fmax(worst_p99, p99 / fmax(1, truth.p99_ms));
    bool normal = net->inline_route.request.fixed_ms.kind == FF_DIST_LOGNORMAL;
    if (mean > (normal ? 0.01 : 0.03) * truth.mean_ms + 0.01 ||
        p99 > (normal ? 0.03 : 0.1) * truth.p99_ms + 0.01)
        fail_msg("%s, %d workers, %g + %g in, %g + %g out: mean %g, p99 %g; wanted %g, %g", name, n,
                 load->in_inline, load->in_stored, load->out_inline, load->out_stored,
                 found.mean_ms, found.p99_ms, truth.mean_ms, truth.p99_ms);
}

static void against_sum(void **state)
{
    (void)state;
    for (size_t p = 0; p < sizeof NAMES / sizeof NAMES[0]; p++) {
        ff_net_profile *net = load_profile(NAMES[p]);
        for (int cold = 0; cold < 2; cold++) {
            ff_wait *wait = ff_wait_new(net, cold);
            for (size_t l = 0; l < sizeof LOADS / sizeof LOADS[0]; l++)
                for (size_t f = 0; f < sizeof FANS / sizeof FANS[0]; f++)
                    compare(NAMES[p], net, wait, cold, FANS[f], &LOADS[l]);
            ff_wait_free(wait);
        }
        ff_net_profile_free(net);
    }
    print_message("worst: mean %.2f %%, p99 %.2f %%\n", worst_mean * 100, worst_p99 * 100);
}

/* Gillis's own: E[one] = 31.6 ms, E[slowest of 4] = 37.1 ms. */
static void gillis(void **state)
{
    (void)state;
    ff_net_profile *net = load_profile("gillis-lambda");
    ff_wait *wait = ff_wait_new(net, false);
    const ff_wait_load load = {0, 0, 0, 0};
    assert_true(fabs(ff_wait_slowest(wait, 1, &load).mean_ms - 31.6) < 0.1);
    assert_true(fabs(ff_wait_slowest(wait, 4, &load).mean_ms - 37.1) < 0.3);
    ff_wait_free(wait);
    ff_net_profile_free(net);
}

/* The cumulants of a known lognormal give its own quantiles back. */
static void lognormal(void **state)
{
    (void)state;
    double s = 0.4, w = exp(s * s), mean = 100 * sqrt(w), sd = mean * sqrt(w - 1);
    double third = (w + 2) * sqrt(w - 1) * pow(sd, 3);
    assert_true(fabs(ff_wait_quantile(mean, sd * sd, third, 0.5) - 100) < 1e-6);
    assert_true(fabs(ff_wait_quantile(mean, sd * sd, third, 0.99) - 100 * exp(s * FF_SCORE_P99)) <
                1e-4);
    assert_true(fabs(ff_wait_of(mean, sd * sd, third, 1).mean_ms - mean) < 1e-9);
    assert_true(fabs(ff_wait_of(50, 0, 0, 8).mean_ms - 50) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_sum), cmocka_unit_test(gillis),
                                       cmocka_unit_test(lognormal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
