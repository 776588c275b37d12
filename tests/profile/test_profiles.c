/* The shipped profiles: all parse, and say what their sources say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>

#include "profile_sample.h"

static void near(double found, double wanted, double ratio, const char *what)
{
    if (!(fabs(found - wanted) <= ratio * fabs(wanted)))
        fail_msg("%s: wanted %.9g within %g, found %.9g", what, wanted, ratio, found);
}

/* Every file below profiles/ parses under its own name, and is written back byte for byte. */
static void test_all_parse(void **state)
{
    (void)state;
    static const char *const FOLDERS[] = {"network", "compute"};
    int counts[2] = {0};
    for (int i = 0; i < 2; i++) {
        char path[4096];
        snprintf(path, sizeof path, FF_SOURCE_DIR "/profiles/%s", FOLDERS[i]);
        DIR *dir = opendir(path);
        assert_non_null(dir);
        for (struct dirent *entry; (entry = readdir(dir));) {
            size_t len = strlen(entry->d_name);
            if (len < 6 || strcmp(entry->d_name + len - 5, ".json"))
                continue;
            char file[512];
            snprintf(file, sizeof file, "%s/%s", FOLDERS[i], entry->d_name);
            ff_buf text = sample_text(file), out;
            ff_buf_init(&out, 0);
            ff_err err = {0};
            ff_net_profile *net = NULL;
            ff_compute_profile *compute = NULL;
            ff_code code = i == 0 ? ff_net_profile_parse(ff_buf_view(&text), &net, &err)
                                  : ff_compute_profile_parse(ff_buf_view(&text), &compute, &err);
            if (code)
                fail_msg("%s: %s", file, err.message);
            const char *name = net ? net->name : compute->name;
            assert_true(strlen(name) == len - 5 && !strncmp(name, entry->d_name, len - 5));
            assert_int_equal(net ? ff_net_profile_emit(net, &out, &err)
                                 : ff_compute_profile_emit(compute, &out, &err),
                             FF_OK);
            assert_int_equal(out.len + 1, text.len); /* a line's end more */
            assert_memory_equal(out.data, text.data, out.len);
            ff_net_profile_free(net);
            ff_compute_profile_free(compute);
            ff_buf_clean(&text);
            ff_buf_clean(&out);
            counts[i]++;
        }
        closedir(dir);
    }
    assert_true(counts[0] >= 6);
    assert_true(counts[1] >= 3);
}

/* The paper's Figure 3: F1 asks with an empty request, F2 answers with the tensor; medians. */
static double round_trip(const ff_net_profile *p, ff_net_route route, uint64_t bytes)
{
    ff_dist parts[2 * FF_EDGE_PARTS];
    ff_edge ask = {FF_NET_INLINE, FF_NET_REQUEST, 0, 1};
    ff_edge answer = {route, FF_NET_RESPONSE, bytes, 1};
    int n = ff_net_edge_parts(p, &ask, parts);
    n += ff_net_edge_parts(p, &answer, parts + n);
    ff_sum sum;
    ff_sum_init(&sum, parts, n);
    return ff_sum_quantile(&sum, 0.5);
}

static void test_figure_3(void **state)
{
    (void)state;
    static const struct {
        uint64_t kb;
        double rest_ms, s3_ms;
    } figure[] = {{10, 22, 230},    {100, 38, 250},  {200, 75, 305},   {400, 185, 320},
                  {600, 290, 340},  {800, 415, 375}, {1000, 540, 400}, {1200, 655, 430},
                  {1400, 780, 460}, {1560, 915, 490}};
    ff_net_profile *p = sample_network("paper-2023");
    for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++) {
        char what[64];
        snprintf(what, sizeof what, "%d KB", (int)figure[i].kb);
        near(round_trip(p, FF_NET_INLINE, figure[i].kb * 1000), figure[i].rest_ms, 0.10, what);
        near(round_trip(p, FF_NET_STORE, figure[i].kb * 1000), figure[i].s3_ms, 0.10, what);
    }
    ff_choice_options o = {.way = FF_NET_RESPONSE, .fan = 1, .objective = FF_OBJECTIVE_P50};
    near((double)ff_net_crossover(p, &o), 800e3, 0.06, "they cross near 800 KB");
    ff_net_profile_free(p);
}

/* What was computed by hand from the same sources: medians added, so without the sum's own. */
static void test_aws(void **state)
{
    (void)state;
    ff_net_profile *p = sample_network("aws-lambda"), *x = sample_network("aws-express");
    ff_choice_options o = {.way = FF_NET_REQUEST, .fan = 1, .objective = FF_OBJECTIVE_P50};
    near((double)ff_net_crossover(p, &o), 4.7e6, 0.08, "S3 Standard, one connection");
    near((double)ff_net_crossover(x, &o), 0.83e6, 0.03, "S3 Express, one connection");
    p->store.part_bytes.value = 500000; /* four connections, 150 MB/s together */
    near((double)ff_net_crossover(p, &o), 2.7e6, 0.10, "S3 Standard, four connections");
    p->store.put.function_mb_per_s.value = p->store.get.function_mb_per_s.value = 300;
    near((double)ff_net_crossover(p, &o), 2.4e6, 0.10, "four connections, 300 MB/s");
    ff_net_profile_free(p);
    p = sample_network("aws-lambda");
    static const struct {
        double mb, rest_ms, s3_ms, express_ms;
    } rows[] = {{0.001, 11, 79, 23}, {0.1, 15, 81, 25}, {0.5, 30, 91, 35},
                {1, 49, 103, 47},    {2, 87, 126, 70},  {4.5, 182, 185, 129}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_edge edge = {FF_NET_INLINE, FF_NET_REQUEST, (uint64_t)(rows[i].mb * 1e6), 1};
        near(ff_net_edge_slowest(p, &edge).p50_ms, rows[i].rest_ms, 0.02, "inline");
        edge.route = FF_NET_STORE;
        near(ff_net_edge_slowest(p, &edge).p50_ms, rows[i].s3_ms, 0.08, "S3");
        near(ff_net_edge_slowest(x, &edge).p50_ms, rows[i].express_ms, 0.03, "S3 Express");
    }
    /* the slowest of N PUTs or GETs: 0.5^(1/N), ms, from the sources' own quantiles */
    static const struct {
        int n;
        double get_ms, put_ms;
    } fans[] = {{2, 38, 54}, {4, 49, 67}, {8, 62, 81}, {16, 76, 95}, {64, 101, 123}};
    for (size_t i = 0; i < sizeof fans / sizeof fans[0]; i++) {
        ff_dist parts[2];
        ff_sum sum;
        ff_leg_parts(&p->store.get, 1000, 1, 1, NULL, NULL, parts);
        ff_sum_init(&sum, parts, 1);
        near(ff_sum_slowest_quantile(&sum, fans[i].n, 0.5), fans[i].get_ms, 0.08, "GETs");
        ff_leg_parts(&p->store.put, 1000, 1, 1, NULL, NULL, parts);
        ff_sum_init(&sum, parts, 1);
        near(ff_sum_slowest_quantile(&sum, fans[i].n, 0.5), fans[i].put_ms, 0.08, "PUTs");
    }
    /* a PUT and a GET cost what 188 ms of a 1769 MB function cost */
    double request = p->price.put_usd.value + p->price.get_usd.value;
    near(request, ff_net_function_usd(p, 188, 1769) - p->price.request_usd.value, 0.01, "188 ms");
    ff_net_profile_free(p);
    ff_net_profile_free(x);
}

static void test_loopback(void **state)
{
    (void)state;
    ff_net_profile *p = sample_network("loopback");
    assert_false(p->shaped);
    ff_net_profile_free(p);
    p = sample_network("lan");
    assert_true(p->shaped);
    ff_net_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_parse),
        cmocka_unit_test(test_figure_3),
        cmocka_unit_test(test_aws),
        cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
