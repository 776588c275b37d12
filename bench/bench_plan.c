/* module: plan */
/*
 * How planning time grows with depth: chains of N convolutions, each with its Relu, planned by
 * `auto`. One line a depth: units, nodes, milliseconds of this thread (the least of RUNS).
 *
 *   bench_plan NETWORK.json COMPUTE.json [RUNS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "plan/plan_auto.h"

#define CHANNELS 256
#define MAP      28

static void must(ff_code code, const ff_err *err)
{
    if (code != FF_OK) {
        fprintf(stderr, "bench_plan: %s\n", err->message);
        exit(1);
    }
}

static int add_value(ff_graph *g, const char *kind, int i, ff_value_kind of, const ff_shape *shape)
{
    char name[32];
    int v = 0;
    ff_err err = {0};
    snprintf(name, sizeof name, "%s%d", kind, i);
    must(ff_graph_add_value(g, name, of, FF_DTYPE_F32, shape, &v, &err), &err);
    return v;
}

/* All convolutions have the same weights' bytes, under names of their own. */
static ff_graph *make_chain(int units, ff_bytes bytes)
{
    static const int64_t pads[] = {1, 1, 1, 1};
    ff_graph *g = ff_graph_new("chain");
    ff_err err = {0};
    const ff_shape map = {.rank = 4, .dim = {1, CHANNELS, MAP, MAP}};
    const ff_shape kernel = {.rank = 4, .dim = {CHANNELS, CHANNELS, 3, 3}};
    ff_graph_add_opset(g, "", 17);
    int x = add_value(g, "x", 0, FF_VALUE_INPUT, &map);
    ff_graph_add_input(g, x);
    for (int i = 0; i < units; i++) {
        char name[32];
        int w = 0;
        snprintf(name, sizeof name, "w%d", i);
        must(ff_graph_add_weight(g, name, FF_DTYPE_F32, &kernel, bytes, &w, &err), &err);
        int y = add_value(g, "y", i, FF_VALUE_NODE, &map);
        int z = add_value(g, "z", i, FF_VALUE_NODE, &map);
        int n = ff_graph_add_node(g, "", "Conv", "", (int[]){x, w}, 2, &y, 1);
        ff_graph_set_ints(g, n, "pads", pads, 4);
        ff_graph_add_node(g, "", "Relu", "", &y, 1, &z, 1);
        x = z;
    }
    ff_graph_add_output(g, x);
    must(ff_graph_seal(g, &err), &err);
    must(ff_graph_infer(g, &err), &err);
    return g;
}

static double thread_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double plan_ms(const ff_graph *g, const ff_plan_target *target)
{
    const ff_auto_options options = {
        .target = target, .memory_count = 1, .memory_mb = {10240}, .workers = 16};
    ff_plan **plans = NULL;
    int count = 0;
    ff_err err = {0};
    double start = thread_ms();
    must(ff_plan_auto(g, &options, &plans, &count, &err), &err);
    double ms = thread_ms() - start;
    ff_plan_free(plans[0]);
    ff_mem_free(plans);
    return ms;
}

int main(int argc, char **argv)
{
    ff_map network, compute;
    ff_err err = {0};
    ff_plan_target target = {0};
    ff_net_profile *net = NULL;
    ff_compute_profile *ops = NULL;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_plan NETWORK.json COMPUTE.json [RUNS]\n");
        return 2;
    }
    int runs = argc > 3 ? atoi(argv[3]) : 3;
    must(ff_file_map(argv[1], &network, &err), &err);
    must(ff_file_map(argv[2], &compute, &err), &err);
    must(ff_net_profile_parse((ff_bytes){network.data, network.len}, &net, &err), &err);
    must(ff_compute_profile_parse((ff_bytes){compute.data, compute.len}, &ops, &err), &err);
    target.net = net;
    target.compute = ops;
    size_t bytes = (size_t)CHANNELS * CHANNELS * 9 * 4;
    void *weights = ff_mem_must(bytes);
    for (int units = 125; units <= 1000; units *= 2) {
        ff_graph *g = make_chain(units, (ff_bytes){weights, bytes});
        double best = 0;
        for (int i = 0; i < runs; i++) {
            double ms = plan_ms(g, &target);
            best = i == 0 || ms < best ? ms : best;
        }
        printf("%d %d %.1f\n", units, g->node_count, best);
        fflush(stdout);
        ff_graph_free(g);
    }
    ff_mem_free(weights);
    ff_net_profile_free(net);
    ff_compute_profile_free(ops);
    ff_file_unmap(&network);
    ff_file_unmap(&compute);
    return 0;
}
