/*
 * Sums in parts: which ops can give them, and which ones pass them on.
 */
#include <string.h>

#include "graph/op_int.h"

static bool has_subgraph(const ff_node *n)
{
    return n->has_subgraph || n->captured_count > 0;
}

int ff_op_dense_axis(const ff_graph *g, int node)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    return entry == NULL || entry->dense_axis == NULL ? -1 : entry->dense_axis(&at);
}

/* Parts in this type add up to the whole; means are divided by a float32. */
static bool adds_up(ff_dtype dtype, bool averages)
{
    return dtype == FF_DTYPE_F32 || (!averages && (dtype == FF_DTYPE_F64 || dtype == FF_DTYPE_F16 ||
                                                   dtype == FF_DTYPE_I32 || dtype == FF_DTYPE_I64));
}

int64_t ff_op_sum_length(const ff_graph *g, int node, char *why, size_t size)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    ff_op_no(why, size, "it is no sum of parts");
    if (entry == NULL || entry->sum_axis == NULL || has_subgraph(at.node) ||
        at.node->out_count != 1 || at.node->out[0] == FF_NO_VALUE) {
        return 0;
    }
    if (!ff_op_shapes_known(&at, why, size)) {
        return 0;
    }
    for (int a = 0; a < at.out->rank && entry->dense_axis != NULL; a++) {
        if (!ff_op_passes(g, node, a, why, size)) { /* what does not fit together */
            return 0;
        }
    }
    ff_op_no(why, size, "it is no sum of parts");
    if (!adds_up(g->values[at.node->out[0]].dtype, entry->averages)) {
        ff_op_no(why, size, "parts of %s are not added",
                 ff_dtype_name(g->values[at.node->out[0]].dtype));
        return 0;
    }
    int axis = entry->sum_axis(&at, 0);
    return axis < 0 ? 0 : ff_op_in(&at, 0)->dim[axis];
}

int ff_op_sum_axis(const ff_graph *g, int node, int input)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    return ff_op_in(&at, input) == NULL ? FF_SUM_WHOLE : entry->sum_axis(&at, input);
}

ff_code ff_op_sum_needs(const ff_graph *g, int node, int64_t lo, int64_t hi, bool first,
                        ff_need *need, ff_err *err)
{
    char why[256] = "", text[256];
    const ff_node *n = &g->nodes[node];
    int64_t length = ff_op_sum_length(g, node, why, sizeof why);
    if (length < 1 || lo < 0 || hi <= lo || hi > length) {
        return ff_err_set(err, FF_UNSUPPORTED, "%s cannot be summed over [%lld, %lld) of %lld: %s",
                          ff_node_text(g, node, text, sizeof text), (long long)lo, (long long)hi,
                          (long long)length, why);
    }
    for (int i = 0; i < n->in_count; i++) {
        int axis = n->in[i] == FF_NO_VALUE ? FF_SUM_WHOLE : ff_op_sum_axis(g, node, i);
        need[i] = (ff_need){.reads = n->in[i] != FF_NO_VALUE && (first || axis != FF_SUM_ONCE)};
        if (need[i].reads) {
            need[i].region = ff_region_whole(&g->values[n->in[i]].shape);
        }
        if (need[i].reads && axis >= 0) {
            need[i].region.lo[axis] = lo;
            need[i].region.hi[axis] = hi;
        }
    }
    return FF_OK;
}

/* A part's mean counts by its share of the axis. */
static ff_code emit_mean(ff_op_job *job, double share, ff_err *err)
{
    const ff_value *out = &job->p->values[job->out[0]];
    const ff_shape scalar = {.rank = 0}, shape = out->shape;
    const ff_dtype dtype = out->dtype;
    const char *name = out->name;
    float *factor = ff_arena_array(job->p->arena, 1, sizeof *factor);
    const int last = job->out[0];
    int mean, in[2];
    *factor = (float)share;
    ff_code code = ff_graph_add_value(
        job->p,
        ff_op_fresh_name(job->at->g, job->p, ff_arena_printf(job->p->arena, "%s/mean", name)),
        FF_VALUE_NODE, dtype, &shape, &mean, err);
    if (code == FF_OK) {
        code = ff_graph_add_weight(
            job->p,
            ff_op_fresh_name(job->at->g, job->p, ff_arena_printf(job->p->arena, "%s/share", name)),
            dtype, &scalar, ff_bytes_of(factor, sizeof *factor), &in[1], err);
    }
    if (code == FF_OK) {
        job->out = &mean;
        in[0] = mean;
        ff_op_add(job, job->in, job->at->node->in_count, NULL);
        ff_graph_add_node(job->p, "", "Mul", "", in, 2, &last, 1);
    }
    return code;
}

ff_code ff_op_emit_sum(const ff_graph *g, int node, int64_t lo, int64_t hi, bool first, ff_graph *p,
                       const int *in, const int *out_values, ff_err *err)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    ff_need *need = ff_mem_must_array((size_t)at.node->in_count + 1, sizeof *need);
    ff_code code = ff_op_sum_needs(g, node, lo, hi, first, need, err);
    if (code == FF_OK) {
        ff_region whole = ff_region_whole(at.out);
        ff_op_job job = {&at, &whole, need, p, in, out_values};
        int64_t length = ff_op_sum_length(g, node, NULL, 0);
        if (entry->averages) {
            code = emit_mean(&job, (double)(hi - lo) / (double)length, err);
        } else if (entry->emit != NULL) {
            code = entry->emit(&job, err);
        } else {
            ff_op_add(&job, in, at.node->in_count, NULL);
        }
    }
    ff_mem_free(need);
    return code;
}

uint32_t ff_op_sum_axes(const ff_graph *g, int node)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    return entry == NULL || entry->sum_axes == NULL || ff_op_sum_length(g, node, NULL, 0) == 0
               ? 0
               : entry->sum_axes(&at);
}

ff_code ff_op_emit_sum_box(const ff_graph *g, int node, double share, ff_graph *p, const int *in,
                           const int *out_values, ff_err *err)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    ff_region whole = ff_region_whole(at.out);
    ff_op_job job = {.at = &at, .cover = &whole, .p = p, .in = in, .out = out_values};
    if (entry->averages) {
        return emit_mean(&job, share, err);
    }
    if (entry->emit != NULL) {
        return entry->emit(&job, err);
    }
    ff_op_add(&job, in, at.node->in_count, NULL);
    return FF_OK;
}

ff_linear ff_op_linear(const ff_graph *g, int node, int input)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    if (entry == NULL || entry->linear == NULL || has_subgraph(at.node) ||
        at.node->out_count != 1 || at.out == NULL || ff_op_in(&at, input) == NULL ||
        !adds_up(g->values[at.node->out[0]].dtype, false)) {
        return FF_LINEAR_NO;
    }
    ff_linear linear = entry->linear(&at, input);
    /* integers are rounded by a division; a term must not be repeated by broadcasting */
    bool whole = g->values[at.node->out[0]].dtype == FF_DTYPE_I32 ||
                 g->values[at.node->out[0]].dtype == FF_DTYPE_I64;
    bool rounds = whole && (ff_node_is(at.node, "Div") || ff_node_is(at.node, "AveragePool") ||
                            ff_node_is(at.node, "ReduceMean"));
    bool repeats = linear == FF_LINEAR_TERM && !ff_shape_equal(ff_op_in(&at, input), at.out);
    return rounds || repeats ? FF_LINEAR_NO : linear;
}

ff_code ff_op_emit_terms(const ff_graph *g, int node, ff_graph *p, const int *in,
                         const int *out_values, ff_err *err)
{
    const ff_node *n = &g->nodes[node];
    int *terms = ff_mem_must_array((size_t)n->in_count + 1, sizeof *terms), count = 0, last = 0;
    ff_code code = FF_OK;
    for (int i = 0; i < n->in_count; i++) {
        if (in[i] != FF_NO_VALUE) {
            terms[count++] = in[i];
            last = i;
        }
    }
    if (count == n->in_count || ff_op_linear(g, node, last) != FF_LINEAR_TERM) {
        ff_region whole = ff_region_whole(&g->values[n->out[0]].shape);
        code = ff_op_emit(g, node, &whole, p, in, out_values, err);
    } else if (count > 1) { /* of Sum */
        ff_graph_add_node(p, n->name, n->op, "", terms, count, out_values, 1);
    } else {
        bool negative = ff_node_is(n, "Sub") && last == 1;
        ff_graph_add_node(p, n->name, negative ? "Neg" : "Identity", "", terms, 1, out_values, 1);
    }
    ff_mem_free(terms);
    return code;
}
