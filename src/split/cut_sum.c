/*
 * Sums in parts: every piece has a term of a value; the gather adds them.
 *
 * From the stage's outputs back, linear nodes pass terms on, up to the layer that sums over what is
 * cut. A bias, or another term that is whole, belongs to piece 0 only.
 */
#include <stdio.h>

#include "split/split_int.h"

/* Does the node sum over an axis that can be shared out? */
static bool begins_sum(const ff_stage_view *view, int n)
{
    if (view->stage->split.kind == FF_SPLIT_GRID) {
        return ff_grid_begins_sum(view, n, NULL, 0);
    }
    bool layer = ff_is_layer(view, n);
    bool product = ff_op_dense_axis(view->g, n) >= 0;
    return (layer || !product) && ff_op_sum_length(view->g, n, NULL, 0) >= view->stage->split.rows;
}

/* Which inputs of a linear node are terms; their number. */
static int term_inputs(const ff_stage_view *view, int n, uint64_t *terms)
{
    const ff_node *node = &view->g->nodes[n];
    int count = 0;
    *terms = 0;
    for (int i = 0; i < node->in_count && i < 64; i++) {
        int v = node->in[i];
        if (v != FF_NO_VALUE && view->summable[v] != 0 &&
            ff_op_linear(view->g, n, i) != FF_LINEAR_NO) {
            *terms |= (uint64_t)1 << i;
            count++;
        }
    }
    return count;
}

static bool passes_terms(const ff_stage_view *view, int n)
{
    uint64_t terms;
    int count = term_inputs(view, n, &terms);
    bool factor = ff_node_is(&view->g->nodes[n], "Mul");
    return count > 0 && (!factor || count == 1) && view->g->nodes[n].in_count <= 64;
}

void ff_mark_summable(ff_stage_view *view)
{
    for (int n = view->stage->begin; n < view->stage->end; n++) {
        const ff_node *node = &view->g->nodes[n];
        if (node->out_count == 1 && node->out[0] != FF_NO_VALUE &&
            view->constant[node->out[0]] == 0) {
            view->summable[node->out[0]] = passes_terms(view, n) || begins_sum(view, n) ? 1 : 0;
        }
    }
}

ff_code ff_demand_summed(ff_stage_view *view, int n, const ff_cut *along, ff_err *err)
{
    const ff_node *node = &view->g->nodes[n];
    for (int i = 0; i < node->in_count; i++) {
        if (!ff_op_reads(view->g, n, i)) {
            continue;
        }
        int axis = ff_op_sum_axis(view->g, n, i);
        ff_cut in = {.all = axis == FF_SUM_WHOLE, .once = axis == FF_SUM_ONCE};
        if (axis >= 0) {
            in = *along;
            in.axes = along->axes != 0 ? along->axes : 1u << axis;
        }
        ff_code code = ff_demand(view, n, node->in[i], &in, err);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

/* The node's sum is shared out here. */
static ff_code begin_sum(ff_stage_view *view, int n, ff_err *err)
{
    int root = ff_add_root(view, ff_op_sum_length(view->g, n, NULL, 0));
    view->sum_root[n - view->stage->begin] = root;
    return ff_demand_summed(view, n, &(ff_cut){.root = root, .num = 1, .den = 1}, err);
}

ff_code ff_cut_terms(ff_stage_view *view, int n, ff_err *err)
{
    const ff_node *node = &view->g->nodes[n];
    uint64_t terms;
    char why[256] = "", sum[200] = "";
    if (!passes_terms(view, n)) {
        if (begins_sum(view, n)) {
            return view->stage->split.kind == FF_SPLIT_GRID ? ff_grid_begin_sum(view, n, err)
                                                            : begin_sum(view, n, err);
        }
        int64_t length = ff_op_sum_length(view->g, n, sum, sizeof sum);
        snprintf(why, sizeof why, "%s", "it makes no sum of parts, and passes none");
        if (ff_is_layer(view, n) && length == 0) {
            snprintf(why, sizeof why, "parts of its sum cannot be had: %.180s", sum);
        } else if (ff_is_layer(view, n)) {
            snprintf(why, sizeof why, "it sums over %lld only", (long long)length);
        }
        return ff_no_pass(view->g, n, &view->stage->split, why, err);
    }
    term_inputs(view, n, &terms);
    for (int i = 0; i < node->in_count; i++) {
        bool term = (terms >> i & 1u) != 0;
        bool once = !term && ff_op_linear(view->g, n, i) == FF_LINEAR_TERM;
        /* a term that is broadcast is one nevertheless */
        once = once || (!term && (ff_node_is(node, "Add") || ff_node_is(node, "Sub") ||
                                  ff_node_is(node, "Sum")));
        const ff_cut in = {.partial = term, .once = once, .all = !term && !once};
        ff_code code =
            ff_op_reads(view->g, n, i) ? ff_demand(view, n, node->in[i], &in, err) : FF_OK;
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}
