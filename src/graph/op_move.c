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

/* Every input of Concat, and the data of Split (whose second input holds sizes). */
static ff_axis_map concat_map(const ff_op_at *at, int axis, int input)
{
    return ff_op_map_same(at, input, axis);
}

static ff_axis_map split_map(const ff_op_at *at, int axis, int input)
{
    return input == 0 ? ff_op_map_same(at, 0, axis) : ff_op_map_none();
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

/* The elements before an axis. Products are of a tensor's axes, which are bounded. */
static int64_t before(const ff_shape *shape, int axis)
{
    int64_t product = 1;
    for (int a = 0; a < axis; a++) {
        product *= shape->dim[a];
    }
    return product;
}

/* The input axis that a reshape leaves as it is; -1 where it is merged or divided. */
static int reshaped(const ff_op_at *at, int axis)
{
    const ff_shape *in = ff_op_in(at, 0);
    for (int a = 0; a < in->rank; a++) {
        if (in->dim[a] == at->out->dim[axis] && before(in, a) == before(at->out, axis)) {
            return a;
        }
    }
    return -1;
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
    if (reshaped(at, axis) < 0) {
        return ff_op_no(why, size, "it merges or divides axis %d", axis);
    }
    return true;
}

static ff_axis_map reshape_map(const ff_op_at *at, int axis, int input)
{
    return input == 0 ? ff_op_map_same(at, 0, reshaped(at, axis)) : ff_op_map_none();
}

/* Reshape's second input is replaced by the part's shape. */
static bool first_only(const ff_op_at *at, int input)
{
    (void)at;
    return input == 0;
}

static ff_code reshape_emit(const ff_op_job *job, ff_err *err)
{
    static const char *const SKIP[] = {"allowzero", NULL};
    ff_shape shape = ff_region_shape(job->cover);
    int in[2] = {job->in[0], FF_NO_VALUE};
    ff_code code = ff_op_add_ints(job, "shape", shape.dim, shape.rank, &in[1], err);
    if (code == FF_OK) {
        ff_op_add(job, in, 2, SKIP);
    }
    return code;
}

#define RESHAPE(op)                                                                                \
    {                                                                                              \
        .name = op, .summary = "axes that it leaves as they are", .passes = reshape_passes,        \
        .map = reshape_map                                                                         \
    }

const ff_op_entry ff_ops_move[] = {{.name = "Concat",
                                    .summary = "every axis but its own",
                                    .passes = concat_passes,
                                    .map = concat_map},
                                   {.name = "Split",
                                    .summary = "every axis but its own",
                                    .passes = concat_passes,
                                    .map = split_map},
                                   {.name = "Transpose",
                                    .summary = "every axis",
                                    .passes = transpose_passes,
                                    .map = transpose_map},
                                   {.name = "Reshape",
                                    .summary = "axes that it leaves as they are",
                                    .passes = reshape_passes,
                                    .map = reshape_map,
                                    .reads = first_only,
                                    .emit = reshape_emit},
                                   RESHAPE("Flatten"),
                                   RESHAPE("Squeeze"),
                                   RESHAPE("Unsqueeze"),
                                   {.name = NULL}};
