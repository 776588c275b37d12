#include "plan/plan_work.h"

#include <string.h>

/* Ops whose FLOPs are two a multiply-add (ff_node_flops). */
static bool multiplies(const ff_node *node)
{
    static const char *const OPS[] = {
        "Conv",          "ConvTranspose", "ConvInteger", "QLinearConv", "Gemm", "MatMul",
        "MatMulInteger", "QLinearMatMul", "LSTM",        "GRU",         "RNN"};
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++)
        if (ff_node_is(node, OPS[i]))
            return true;
    return false;
}

static uint64_t elems_of(const ff_graph *g, int v)
{
    uint64_t elems = 0;
    if (v == FF_NO_VALUE || !g->values[v].has_shape ||
        ff_shape_elems(&g->values[v].shape, &elems, NULL) != FF_OK)
        return 0;
    return elems;
}

static uint64_t region_elems(const ff_region *region)
{
    uint64_t elems = 1;
    for (int a = 0; a < region->rank; a++)
        elems *= (uint64_t)(region->hi[a] - region->lo[a]);
    return elems;
}

/* Height x width of a map; 0: the shape is none. */
static uint64_t tile_of(int rank, const int64_t *lo, const int64_t *hi)
{
    if (rank < 3)
        return 0;
    uint64_t cols = (uint64_t)(hi[rank - 1] - lo[rank - 1]);
    return rank < 4 ? cols : cols * (uint64_t)(hi[rank - 2] - lo[rank - 2]);
}

/* Adds what an input, or part of it, is. */
static void add_input(const ff_graph *g, const ff_node *node, int i, uint64_t elems, ff_work *work)
{
    const ff_value *value = &g->values[node->in[i]];
    if (value->kind == FF_VALUE_WEIGHT)
        work->weight_elems += elems;
    if (i == 0)
        work->in_elems = elems;
    work->moved_bytes += elems * ff_dtype_bytes(value->dtype);
}

/* Elements that a convolution is unrolled to: each output channel of a group (transposed: each
 * input channel) multiplies all of its group's. channels: of the part's output, or input. */
static uint64_t patch_of(const ff_graph *g, const ff_node *node, uint64_t macs, int64_t channels)
{
    const ff_value *w =
        node->in_count > 1 && node->in[1] != FF_NO_VALUE ? &g->values[node->in[1]] : NULL;
    int64_t group = ff_node_int(node, "group", 1);
    if (w == NULL || !w->has_shape || w->shape.rank < 3 || group < 1)
        return 0;
    if (group > 1)
        channels = w->shape.dim[0] / group;
    return channels > 0 ? macs / (uint64_t)channels : 0;
}

/* What a pool reads for its outputs, each window on its own; 0: it is none. */
static uint64_t windows_of(const ff_node *node, uint64_t out_elems)
{
    int64_t kernel[FF_MAX_RANK];
    if (!ff_node_is(node, "MaxPool") && !ff_node_is(node, "AveragePool"))
        return 0;
    int axes = ff_node_ints(node, "kernel_shape", kernel, FF_MAX_RANK);
    for (int a = 0; a < axes && a < FF_MAX_RANK; a++)
        out_elems *= kernel[a] > 0 ? (uint64_t)kernel[a] : 1;
    return out_elems;
}

static bool is_conv(const ff_node *node)
{
    return ff_node_is(node, "Conv") || ff_node_is(node, "ConvTranspose");
}

ff_work ff_plan_work(const ff_graph *g, int n)
{
    const ff_node *node = &g->nodes[n];
    ff_work work = {.op = node->op, .kind = ff_plan_kind(g, n), .fused = ff_plan_fused(g, n)};
    int first = node->out_count > 0 ? node->out[0] : FF_NO_VALUE;
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != FF_NO_VALUE)
            add_input(g, node, i, elems_of(g, node->in[i]), &work);
    for (int k = 0; k < node->out_count; k++)
        if (node->out[k] != FF_NO_VALUE)
            work.moved_bytes +=
                elems_of(g, node->out[k]) * ff_dtype_bytes(g->values[node->out[k]].dtype);
    work.macs = multiplies(node) ? ff_node_flops(g, n) / 2 : 0;
    work.out_elems = elems_of(g, first);
    if (first != FF_NO_VALUE && g->values[first].has_shape) {
        ff_region whole = ff_region_whole(&g->values[first].shape);
        work.tile_elems = tile_of(whole.rank, whole.lo, whole.hi);
    }
    work.patch_elems = windows_of(node, work.out_elems);
    int of = ff_node_is(node, "ConvTranspose") ? node->in[0] : first;
    if (is_conv(node) && of != FF_NO_VALUE && g->values[of].has_shape &&
        g->values[of].shape.rank > 1)
        work.patch_elems = patch_of(g, node, work.macs, g->values[of].shape.dim[1]);
    return work;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

ff_work ff_plan_work_part(const ff_graph *g, int n, const ff_region *out, const ff_need *need)
{
    const ff_node *node = &g->nodes[n];
    ff_work whole = ff_plan_work(g, n);
    ff_work work = {.op = whole.op, .kind = whole.kind, .fused = whole.fused};
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != FF_NO_VALUE && need[i].reads)
            add_input(g, node, i, region_elems(&need[i].region), &work);
    for (int k = 0; k < node->out_count; k++) {
        if (node->out[k] == FF_NO_VALUE || !g->values[node->out[k]].has_shape)
            continue;
        ff_region part = k == 0 ? *out : ff_op_output_region(g, n, out, k);
        work.moved_bytes += region_elems(&part) * ff_dtype_bytes(g->values[node->out[k]].dtype);
    }
    work.out_elems = region_elems(out);
    work.tile_elems = tile_of(out->rank, out->lo, out->hi);
    double done = ff_node_is(node, "ConvTranspose") ? share(work.in_elems, whole.in_elems)
                                                    : share(work.out_elems, whole.out_elems);
    work.macs = (uint64_t)((double)whole.macs * done + 0.5);
    work.patch_elems = windows_of(node, work.out_elems);
    const ff_region *of = ff_node_is(node, "ConvTranspose") ? &need[0].region : out;
    if (is_conv(node) && of->rank > 1)
        work.patch_elems = patch_of(g, node, work.macs, of->hi[1] - of->lo[1]);
    return work;
}
