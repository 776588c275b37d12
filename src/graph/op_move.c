/*
 * Ops that move elements and change none: Concat, Split, Transpose, and the reshaping ones.
 */
#include <string.h>

#include "graph/op_int.h"

static bool concat_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    int along = ff_op_axis_attr(at, "axis", 0, at->out->rank);
    if (along < 0 || axis == along) {
        return ff_op_no(why, size, "it joins or divides axis %d", axis);
    }
    return true;
}

/* Every input of Concat. */
static ff_axis_map concat_map(const ff_op_at *at, int axis, int input)
{
    return ff_op_map_same(at, input, axis);
}

/* Into equal parts, a piece may have its share of each. */
static bool split_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    int along = ff_op_axis_attr(at, "axis", 0, at->out->rank);
    const ff_shape *in = ff_op_in(at, 0);
    if (along < 0 || in->rank != at->out->rank) {
        return ff_op_no(why, size, "its axis attribute is out of range");
    }
    if (axis == along && in->dim[axis] != at->out->dim[axis] * at->node->out_count) {
        return ff_op_no(why, size, "it divides axis %d into parts of different length", axis);
    }
    return true;
}

static ff_axis_map split_map(const ff_op_at *at, int axis, int input)
{
    if (input != 0) {
        return ff_op_map_none();
    }
    if (axis != ff_op_axis_attr(at, "axis", 0, at->out->rank) || at->node->out_count < 2) {
        return ff_op_map_same(at, 0, axis);
    }
    return (ff_axis_map){.kind = FF_AXIS_GROUPS,
                         .in_axis = axis,
                         .in_len = at->out->dim[axis],
                         .stride = 1,
                         .extent = 1,
                         .runs = at->node->out_count};
}

/* The axis whose parts the outputs are. */
static int divided(const ff_op_at *at)
{
    const ff_shape *in = ff_op_in(at, 0);
    int along = ff_op_axis_attr(at, "axis", 0, at->out->rank);
    int64_t all = 0;
    for (int k = 0; k < at->node->out_count; k++) {
        int v = at->node->out[k];
        if (along < 0 || v == FF_NO_VALUE || !at->g->values[v].has_shape ||
            at->g->values[v].shape.rank != in->rank) {
            return -1;
        }
        all += at->g->values[v].shape.dim[along];
    }
    return along >= 0 && in->rank == at->out->rank && all == in->dim[along] ? along : -1;
}

/* The length of part number k: the piece's; where it is left out, as much as of the first one. */
static int64_t part_length(const ff_op_job *job, int k, int along)
{
    int v = job->out[k];
    return v != FF_NO_VALUE ? job->p->values[v].shape.dim[along]
                            : job->cover->hi[along] - job->cover->lo[along];
}

/* Of the whole node's part number k; 0 where that is not known. */
static int64_t whole_length(const ff_op_job *job, int k, int along)
{
    int v = job->at->node->out[k];
    const ff_value *value = v == FF_NO_VALUE ? NULL : &job->at->g->values[v];
    return value == NULL || along >= value->shape.rank ? 0 : value->shape.dim[along];
}

/* The sizes of the parts, where their axis is cut. */
static ff_code split_emit(const ff_op_job *job, ff_err *err)
{
    static const char *const SKIP[] = {"split", "num_outputs", NULL};
    const ff_op_at *at = job->at;
    int along = ff_op_axis_attr(at, "axis", 0, at->out->rank), count = at->node->out_count;
    bool whole = along < 0 || job->cover->hi[along] - job->cover->lo[along] == at->out->dim[along];
    int64_t *sizes = ff_mem_must_array((size_t)count + 1, sizeof *sizes);
    int in[2] = {job->in[0], FF_NO_VALUE};
    ff_code code = FF_OK;
    for (int k = 0; k < count && along >= 0; k++) {
        sizes[k] = part_length(job, k, along);
        whole = whole && (sizes[k] == whole_length(job, k, along) || job->out[k] == FF_NO_VALUE);
    }
    if (whole) {
        ff_op_add(job, job->in, at->node->in_count, NULL);
        ff_mem_free(sizes);
        return FF_OK;
    }
    if (at->opset >= 13) {
        code = ff_op_add_ints(job, "sizes", sizes, count, &in[1], err);
    }
    if (code == FF_OK) {
        int n = ff_op_add(job, in, at->opset >= 13 ? 2 : 1, SKIP);
        if (at->opset < 13) {
            ff_graph_set_ints(job->p, n, "split", sizes, (size_t)count);
        }
    }
    ff_mem_free(sizes);
    return code;
}

/* The input axis of an output axis; -1 where perm is no permutation of the axes. */
static int transposed(const ff_op_at *at, int axis)
{
    int rank = ff_op_in(at, 0)->rank;
    int64_t perm[FF_MAX_RANK];
    int count = ff_node_ints(at->node, "perm", perm, FF_MAX_RANK);
    if (count < 0) {
        return rank - 1 - axis;
    }
    return count == rank && perm[axis] >= 0 && perm[axis] < rank ? (int)perm[axis] : -1;
}

static bool transpose_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    if (ff_op_in(at, 0)->rank != at->out->rank || transposed(at, axis) < 0) {
        return ff_op_no(why, size, "its perm is no permutation of its axes");
    }
    return true;
}

static ff_axis_map transpose_map(const ff_op_at *at, int axis, int input)
{
    return ff_op_map_same(at, input, transposed(at, axis));
}

/* The elements before, or behind, an axis. Products are of a tensor's axes, which are bounded. */
static int64_t product(const ff_shape *shape, int from, int to)
{
    int64_t all = 1;
    for (int a = from; a < to; a++) {
        all *= shape->dim[a];
    }
    return all;
}

/* How a reshape's output axis lies in the input: an axis left as it is, a number of whole axes'
 * (merged: extent outputs to each input), one of the axes that one is divided into (stride inputs
 * to each output), or that in every run of it. kind ALL where it is none of these. */
static ff_axis_map reshaped(const ff_op_at *at, int axis)
{
    const ff_shape *in = ff_op_in(at, 0), *out = at->out;
    int64_t len = out->dim[axis], before = product(out, 0, axis);
    int64_t behind = product(out, axis + 1, out->rank);
    for (int a = 0; a < in->rank; a++) {
        if (in->dim[a] == len && product(in, 0, a) == before) {
            return ff_op_map_same(at, 0, a);
        }
    }
    ff_axis_map best = {.kind = FF_AXIS_ALL};
    for (int a = 0; a < in->rank; a++) {
        int64_t ahead = product(in, 0, a), rest = product(in, a + 1, in->rank);
        ff_axis_map m = {.kind = FF_AXIS_GROUPS, .in_axis = a, .stride = 1, .extent = 1, .runs = 1};
        if (before % ahead != 0 || (rest % behind != 0 && behind % rest != 0)) {
            continue;
        }
        m.runs = before / ahead;
        m.stride = behind >= rest ? behind / rest : 1;
        m.extent = behind >= rest ? 1 : rest / behind;
        m.in_len = in->dim[a] / m.runs;
        bool fits = len % m.extent == 0 && len > m.extent && in->dim[a] % m.runs == 0 &&
                    m.in_len == len / m.extent * m.stride;
        if (fits && (best.kind == FF_AXIS_ALL || m.runs < best.runs)) {
            best = m;
        }
    }
    return best;
}

static bool reshape_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    if (ff_shape_elems(at->out, &(uint64_t){0}, NULL) != FF_OK ||
        ff_shape_elems(ff_op_in(at, 0), &(uint64_t){0}, NULL) != FF_OK) {
        return ff_op_no(why, size, "its shapes are too large");
    }
    if (ff_node_is(at->node, "Squeeze") && !ff_op_has_in(at, 1) &&
        ff_node_attr(at->node, "axes") == NULL) {
        return ff_op_no(why, size, "it takes away every axis of length 1 and names none");
    }
    if (reshaped(at, axis).kind == FF_AXIS_ALL) {
        return ff_op_no(why, size, "it merges or divides axis %d", axis);
    }
    return true;
}

/* The axes of the input that make up an output axis; the longest such range. */
static bool reshape_merges(const ff_op_at *at, int axis, int *first, int *last)
{
    const ff_shape *in = ff_op_in(at, 0);
    int64_t before = product(at->out, 0, axis);
    for (int lo = 0; lo < in->rank; lo++) {
        for (int hi = in->rank; hi > lo && product(in, 0, lo) == before; hi--) {
            if (product(in, lo, hi) == at->out->dim[axis]) {
                *first = lo;
                *last = hi - 1;
                return true;
            }
        }
    }
    return false;
}

static ff_axis_map reshape_map(const ff_op_at *at, int axis, int input)
{
    return input == 0 ? reshaped(at, axis) : ff_op_map_none();
}

/* Reshape's second input is replaced by the part's shape. */
static bool first_only(const ff_op_at *at, int input)
{
    (void)at;
    return input == 0;
}

/* The shape of what the part makes. */
static ff_code reshape_emit(const ff_op_job *job, ff_err *err)
{
    static const char *const SKIP[] = {"allowzero", NULL};
    ff_shape shape = job->p->values[job->out[0]].shape;
    int in[2] = {job->in[0], FF_NO_VALUE};
    ff_code code = ff_op_add_ints(job, "shape", shape.dim, shape.rank, &in[1], err);
    if (code == FF_OK) {
        ff_op_add(job, in, 2, SKIP);
    }
    return code;
}

/* Gather: the indices' axes stand where the axis was. */
static int gathered(const ff_op_at *at)
{
    return ff_op_axis_attr(at, "axis", 0, ff_op_in(at, 0)->rank);
}

static bool gather_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    const ff_shape *data = ff_op_in(at, 0), *indices = ff_op_in(at, 1);
    (void)axis;
    if (indices == NULL || gathered(at) < 0 || at->out->rank != data->rank - 1 + indices->rank) {
        return ff_op_no(why, size, "its axis attribute is out of range");
    }
    return true;
}

static ff_axis_map gather_map(const ff_op_at *at, int axis, int input)
{
    int along = gathered(at), more = ff_op_in(at, 1)->rank;
    bool indexed = axis >= along && axis < along + more;
    if (indexed != (input == 1)) {
        return ff_op_map_none();
    }
    int in_axis = indexed ? axis - along : axis < along ? axis : axis - more + 1;
    return ff_op_map_same(at, input, in_axis);
}

static bool expand_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)axis;
    return ff_op_in(at, 0)->rank <= at->out->rank
               ? true
               : ff_op_no(why, size, "its input has more axes than its output");
}

static ff_axis_map expand_map(const ff_op_at *at, int axis, int input)
{
    return input == 0 ? ff_op_map_broadcast(at, axis, 0) : ff_op_map_none();
}

#define RESHAPE(op)                                                                                \
    {                                                                                              \
        .name = op, .summary = "axes that it leaves, merges or divides", .passes = reshape_passes, \
        .map = reshape_map, .linear = ff_op_linear_data, .merges = reshape_merges                  \
    }

const ff_op_entry ff_ops_move[] = {{.name = "Concat",
                                    .summary = "every axis but its own",
                                    .passes = concat_passes,
                                    .map = concat_map},
                                   {.name = "Split",
                                    .summary = "every axis; its own into equal parts",
                                    .passes = split_passes,
                                    .map = split_map,
                                    .emit = split_emit,
                                    .divided = divided},
                                   {.name = "Transpose",
                                    .summary = "every axis",
                                    .passes = transpose_passes,
                                    .map = transpose_map,
                                    .linear = ff_op_linear_data},
                                   {.name = "Reshape",
                                    .summary = "axes that it leaves, merges or divides",
                                    .passes = reshape_passes,
                                    .map = reshape_map,
                                    .reads = first_only,
                                    .emit = reshape_emit,
                                    .linear = ff_op_linear_data,
                                    .merges = reshape_merges},
                                   RESHAPE("Flatten"),
                                   RESHAPE("Squeeze"),
                                   RESHAPE("Unsqueeze"),
                                   {.name = "Gather",
                                    .summary = "every axis but the one it takes from",
                                    .passes = gather_passes,
                                    .map = gather_map},
                                   {.name = "Expand",
                                    .summary = "every axis",
                                    .passes = expand_passes,
                                    .map = expand_map,
                                    .reads = first_only,
                                    .emit = reshape_emit},
                                   {.name = NULL}};
