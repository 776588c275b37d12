/*
 * A chain: the model in stages that run whole, each on a worker of its own, as deep recurrent
 * networks are served: no axis of theirs can be cut, but each layer's weights lie with one worker.
 *
 * Stages are cut near equal shares of the load, where every tensor that crosses has a known size.
 * The load of a node is its share of the model's FLOPs and of its weights, in equal parts; a weight
 * that several nodes read counts for the first.
 */
#include <math.h>

#include "plan/plan_int.h"

static void add_weights(const ff_graph *g, double scale, double *load)
{
    uint8_t *seen = ff_mem_must((size_t)g->value_count + 1);
    for (int n = 0; n < g->node_count; n++) {
        const ff_node *node = &g->nodes[n];
        for (int i = 0; i < node->in_count + node->captured_count; i++) {
            int v = i < node->in_count ? node->in[i] : node->captured[i - node->in_count];
            if (v == FF_NO_VALUE || seen[v] || g->values[v].kind != FF_VALUE_WEIGHT)
                continue;
            seen[v] = 1;
            load[n + 1] += scale * (double)g->values[v].data.len;
        }
    }
    ff_mem_free(seen);
}

/* The load of nodes [0, p), of 1 in all; node_count + 1 entries. */
static double *load_before(const ff_graph *g, const ff_cut_costs *costs)
{
    double *load = ff_mem_must_array((size_t)g->node_count + 1, sizeof *load);
    double flops = costs->flops_before[g->node_count];
    double weights = (double)ff_graph_range_weight_bytes(g, 0, g->node_count);
    for (int p = 1; p <= g->node_count && flops > 0; p++)
        load[p] = 0.5 * (costs->flops_before[p] - costs->flops_before[p - 1]) / flops;
    if (weights > 0)
        add_weights(g, 0.5 / weights, load);
    for (int p = 1; p <= g->node_count; p++)
        load[p] += load[p - 1];
    return load;
}

/* The open position behind `from` that is nearest to the share; of equally near ones, within 1 % of
 * the load, the one that fewest bytes cross. */
static int choose(const ff_graph *g, const ff_cut_costs *costs, const double *load, int from,
                  double share)
{
    int best = g->node_count;
    double nearest = INFINITY;
    for (int p = from + 1; p < g->node_count; p++)
        if (costs->open[p])
            nearest = fmin(nearest, fabs(load[p] - share));
    for (int p = from + 1; p < g->node_count; p++)
        if (costs->open[p] && fabs(load[p] - share) <= nearest + 0.01 &&
            (best == g->node_count || costs->bytes[p] < costs->bytes[best]))
            best = p;
    return best;
}

ff_code ff_plan_chain(const ff_graph *g, int stages, ff_stage_list *out, ff_err *err)
{
    const ff_split offload = {.kind = FF_SPLIT_OFFLOAD};
    ff_stage_list list = {0};
    ff_cut_costs costs;
    if (stages < 1 || stages > (int)FF_MAX_STAGES)
        return ff_err_set(err, FF_USAGE, "a chain has 1 to %u stages, found %d", FF_MAX_STAGES,
                          stages);
    ff_cut_costs_init(g, &costs);
    double *load = load_before(g, &costs);
    double total = load[g->node_count];
    int begin = 0;
    for (int i = 1; i < stages && begin < g->node_count; i++) {
        int at = choose(g, &costs, load, begin, total * i / stages);
        if (at == g->node_count)
            break;
        ff_stage_list_add(&list, (ff_stage){begin, at, offload});
        begin = at;
    }
    ff_stage_list_add(&list, (ff_stage){begin, g->node_count, offload});
    ff_mem_free(load);
    ff_cut_costs_clean(&costs);
    *out = list;
    return FF_OK;
}
