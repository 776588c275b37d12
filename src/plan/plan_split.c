/*
 * The planner of one split for all stages: channel, reduce, pair, heads, batch, offload.
 *
 * Node by node: the longest stage from here on that the split passes and that holds a layer (a
 * pair, attention with its projections), or else the node is local.
 */
#include "graph/op.h"
#include "plan/plan_int.h"

#define WINDOW 96 /* nodes: a block of attention as exporters write it has 40 to 80 */
#define LAYERS 8  /* in one stage: query, key, value, two products, projection, and two to spare */

/* The end of the longest stage from begin on; begin where there is none. */
static int longest(const ff_graph *g, const ff_split *split, int begin)
{
    int layers = 0, best = begin;
    for (int end = begin + 1; end <= g->node_count && end <= begin + WINDOW; end++) {
        const ff_stage stage = {begin, end, *split};
        layers += ff_op_dense_axis(g, end - 1) >= 0 ? 1 : 0;
        if (layers > LAYERS)
            break;
        if (layers > 0 && ff_stage_check(g, &stage, NULL) == FF_OK)
            best = end;
    }
    return best;
}

static void add_local(ff_stage_list *list, int begin, int end)
{
    ff_stage *last = list->count > 0 ? &list->stage[list->count - 1] : NULL;
    if (last != NULL && last->split.kind == FF_SPLIT_LOCAL)
        last->end = end;
    else
        ff_stage_list_add(list, (ff_stage){begin, end, {FF_SPLIT_LOCAL, 0, 0}});
}

ff_code ff_plan_ranges(const ff_graph *g, const ff_split *split, ff_stage_list *out, ff_err *err)
{
    ff_stage_list list = {0};
    for (int n = 0; n < g->node_count;) {
        int end = longest(g, split, n);
        if (end > n)
            ff_stage_list_add(&list, (ff_stage){n, end, *split});
        else
            add_local(&list, n, n + 1);
        n = end > n ? end : n + 1;
    }
    if (list.count > (int)FF_MAX_STAGES) {
        ff_mem_free(list.stage);
        return ff_err_set(err, FF_LIMIT, "a plan has at most %u stages, this one has %d",
                          FF_MAX_STAGES, list.count);
    }
    *out = list;
    return FF_OK;
}
