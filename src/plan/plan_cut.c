/*
 * What crosses the places where a graph can be cut.
 *
 * A tensor lives from its producer to its last reader and crosses every position between them; one
 * pass over the tensors marks both ends, a second one sums up.
 */
#include "plan/plan_int.h"

/* The position of the last reader of v, plus one; 0 where it has none. */
static int last_reader(const ff_graph *g, int v)
{
    const int *list;
    int count = ff_graph_readers(g, v, &list), last = 0;
    for (int i = 0; i < count; i++)
        last = list[i] + 1 > last ? list[i] + 1 : last;
    return last;
}

void ff_cut_costs_init(const ff_graph *g, ff_cut_costs *costs)
{
    size_t places = (size_t)g->node_count + 2;
    costs->flops_before = ff_mem_must_array(places, sizeof *costs->flops_before);
    costs->bytes = ff_mem_must_array(places, sizeof *costs->bytes);
    costs->open = ff_mem_must_array(places, sizeof *costs->open);
    int *closed = ff_mem_must_array(places, sizeof *closed);
    for (int v = 0; v < g->value_count; v++) {
        const ff_value *value = &g->values[v];
        int last = last_reader(g, v);
        /* a graph input is there from the start and its size is known */
        if (value->kind != FF_VALUE_NODE || value->producer == FF_NO_NODE ||
            last <= value->producer + 1)
            continue;
        size_t bytes = 0;
        bool known = value->has_shape && ff_dtype_bytes(value->dtype) > 0 &&
                     ff_shape_bytes(&value->shape, value->dtype, &bytes, NULL) == FF_OK;
        closed[value->producer + 1] += known ? 0 : 1;
        closed[last] -= known ? 0 : 1;
        costs->bytes[value->producer + 1] += (double)bytes;
        costs->bytes[last] -= (double)bytes;
    }
    for (int p = 0; p <= g->node_count; p++) {
        if (p > 0) {
            costs->bytes[p] += costs->bytes[p - 1];
            closed[p] += closed[p - 1];
            costs->flops_before[p] = costs->flops_before[p - 1] + (double)ff_node_flops(g, p - 1);
        }
        costs->open[p] = closed[p] == 0;
    }
    ff_mem_free(closed);
}

void ff_cut_costs_clean(ff_cut_costs *costs)
{
    ff_mem_free(costs->flops_before);
    ff_mem_free(costs->bytes);
    ff_mem_free(costs->open);
    *costs = (ff_cut_costs){0};
}
