/*
 * Upsampling by whole factors: Resize, Upsample, DepthToSpace.
 *
 * Output o of an axis looks at input coordinate o / f (asymmetric) or (o + 1/2) / f - 1/2 (half
 * pixel). A part that begins at input i computes what the whole computes from i * f on, because
 * both differ by a whole number; so a part needs the inputs of its outputs, computes whole blocks
 * of f outputs, and drops what was not asked for.
 */
#include "graph/op_int.h"

/* Linear weights of a part and the whole differ in the last bits of the coordinate, unless f is a
 * power of two; up to this length that stays far below the tolerance. */
#define MAX_INEXACT_LENGTH 256

typedef struct factor {
    int64_t f;   /* 1: the axis stays as it is; 0: no whole factor */
    float scale; /* as given or as sizes make it */
} factor;

static bool by_sizes(const ff_op_at *at)
{
    return ff_op_has_in(at, 3);
}

/* Where the scales are: an attribute of Upsample until opset 8, an input since. */
static int read_scales(const ff_op_at *at, float *out)
{
    const ff_attr *a = ff_node_attr(at->node, "scales");
    if (a != NULL && a->kind == FF_ATTR_FLOATS && a->count <= FF_MAX_RANK) {
        for (size_t i = 0; i < a->count; i++) {
            out[i] = a->floats[i];
        }
        return (int)a->count;
    }
    int input = ff_node_is(at->node, "Upsample") || at->opset < 11 ? 1 : 2;
    return ff_op_has_in(at, input)
               ? ff_op_const_floats(at->g, at->node->in[input], out, FF_MAX_RANK)
               : -1;
}

/* The position of an axis among those that the node names (all, in order, where it names none);
 * -1: not named. count: how many are named. */
static int named_axis(const ff_op_at *at, int axis, int *count)
{
    int rank = at->out->rank;
    int64_t axes[FF_MAX_RANK];
    int found = ff_node_ints(at->node, "axes", axes, FF_MAX_RANK);
    *count = found < 0 ? rank : found;
    if (found < 0) {
        return axis;
    }
    for (int i = 0; i < found && i < FF_MAX_RANK; i++) {
        if (axes[i] == axis || axes[i] == axis - rank) {
            return i;
        }
    }
    return -1;
}

static factor factor_of(const ff_op_at *at, int axis)
{
    int64_t in = ff_op_in(at, 0)->dim[axis], out = at->out->dim[axis];
    float scales[FF_MAX_RANK];
    int count, i = named_axis(at, axis, &count);
    if (in < 1 || out % in != 0 || out / in > FF_OP_MAX_ATTR) {
        return (factor){0, (float)out / (float)in};
    }
    int64_t f = out / in;
    if (i < 0 || by_sizes(at)) {
        return (factor){f, (float)f};
    }
    if (read_scales(at, scales) != count) {
        return (factor){0, 0};
    }
    return (factor){scales[i] == (float)f ? f : 0, scales[i]};
}

static bool coordinate_is(const ff_op_at *at, const char *name)
{
    /* Upsample, and Resize before opset 11, know one way only */
    bool old = ff_node_is(at->node, "Upsample") || at->opset < 11;
    return ff_node_string_is(at->node, "coordinate_transformation_mode", name,
                             old ? "asymmetric" : "half_pixel");
}

static bool is_half_pixel(const ff_op_at *at)
{
    return coordinate_is(at, "half_pixel") || coordinate_is(at, "pytorch_half_pixel") ||
           coordinate_is(at, "half_pixel_symmetric");
}

static bool is_linear(const ff_op_at *at)
{
    return ff_node_string_is(at->node, "mode", "linear", "nearest") ||
           ff_node_string_is(at->node, "mode", "bilinear", "nearest");
}

static bool rounding_is(const ff_op_at *at, const char *name)
{
    bool old = ff_node_is(at->node, "Upsample") || at->opset < 11;
    return ff_node_string_is(at->node, "nearest_mode", name, old ? "floor" : "round_prefer_floor");
}

/* Which outputs an input reaches: from i * f - pad on, extent of them. False: not known. */
static bool reach_of(const ff_op_at *at, int64_t f, int64_t *pad, int64_t *extent)
{
    bool half = is_half_pixel(at), asymmetric = coordinate_is(at, "asymmetric");
    bool for_nn = coordinate_is(at, "tf_half_pixel_for_nn");
    if (is_linear(at)) {
        *pad = half ? f / 2 : f - 1;
        *extent = half ? 2 * f - f % 2 : 2 * f - 1;
        return half || asymmetric;
    }
    if (!ff_node_string_is(at->node, "mode", "nearest", "nearest")) {
        return false;
    }
    *extent = f;
    *pad = 0;
    if (rounding_is(at, "round_prefer_floor") || rounding_is(at, "round_prefer_ceil")) {
        if (asymmetric) {
            *pad = rounding_is(at, "round_prefer_floor") ? (f - 1) / 2 : f / 2;
        }
        return half || asymmetric;
    }
    return rounding_is(at, "floor") && (asymmetric || for_nn);
}

static bool resize_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    int64_t pad, extent, in_len;
    if (ff_op_in(at, 0)->rank != at->out->rank) {
        return ff_op_no(why, size, "its input has %d axes", ff_op_in(at, 0)->rank);
    }
    int count;
    named_axis(at, axis, &count);
    if (count > at->out->rank) {
        return ff_op_no(why, size, "it names %d axes of %d", count, at->out->rank);
    }
    in_len = ff_op_in(at, 0)->dim[axis];
    factor scale = factor_of(at, axis);
    if (scale.f == 0) {
        return ff_op_no(why, size, "it scales axis %d by %g, not by a known whole factor", axis,
                        (double)scale.scale);
    }
    if (ff_node_int(at->node, "antialias", 0) != 0 ||
        !ff_node_string_is(at->node, "keep_aspect_ratio_policy", "stretch", "stretch")) {
        return ff_op_no(why, size, "its antialias or keep_aspect_ratio_policy is set");
    }
    if (!reach_of(at, scale.f, &pad, &extent)) {
        return ff_op_no(why, size,
                        "its coordinates are not those of half_pixel or asymmetric "
                        "nearest or linear upsampling");
    }
    if (is_linear(at) && (scale.f & (scale.f - 1)) != 0 && in_len > MAX_INEXACT_LENGTH) {
        return ff_op_no(why, size, "linear by %lld is not exact in parts over a length of %lld",
                        (long long)scale.f, (long long)in_len);
    }
    return true;
}

static ff_axis_map resize_map(const ff_op_at *at, int axis, int input)
{
    if (input != 0) {
        return ff_op_map_none();
    }
    ff_axis_map map = {.kind = FF_AXIS_BLOCKS,
                       .in_axis = axis,
                       .in_len = ff_op_in(at, 0)->dim[axis],
                       .stride = factor_of(at, axis).f};
    if (map.stride == 0 || !reach_of(at, map.stride, &map.pad, &map.extent)) {
        map.kind = FF_AXIS_ALL;
    } else if (map.stride == 1) {
        map.kind = FF_AXIS_SAME;
    }
    return map;
}

/* Sizes are replaced by the part's. */
static bool resize_reads(const ff_op_at *at, int input)
{
    (void)at;
    return input != 3;
}

static ff_code resize_emit(const ff_op_job *job, ff_err *err)
{
    const ff_op_at *at = job->at;
    if (!by_sizes(at)) {
        ff_op_add(job, job->in, at->node->in_count, NULL);
        return FF_OK;
    }
    int64_t sizes[FF_MAX_RANK] = {0};
    int count = 0;
    for (int a = 0; a < at->out->rank; a++) {
        int i = named_axis(at, a, &count);
        if (i >= 0) {
            sizes[i] = job->cover->hi[a] - job->cover->lo[a];
        }
    }
    /* opset 11 wants scales there, empty */
    int in[4] = {job->in[0], job->in[1], job->in[2], FF_NO_VALUE};
    ff_code code = ff_op_add_ints(job, "sizes", sizes, count, &in[3], err);
    if (code == FF_OK) {
        ff_op_add(job, in, 4, NULL);
    }
    return code;
}

static bool depth_to_space_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    int64_t block = ff_node_int(at->node, "blocksize", 0);
    if (at->out->rank != 4 || ff_op_in(at, 0)->rank != 4 || block < 1 || block > FF_OP_MAX_ATTR) {
        return ff_op_no(why, size, "its blocksize is %lld", (long long)block);
    }
    if (axis == 1) {
        return ff_op_no(why, size, "it makes a map of channels");
    }
    if (axis >= 2 && ff_op_in(at, 0)->dim[axis] * block != at->out->dim[axis]) {
        return ff_op_no(why, size, "axis %d of its output is not %lld blocks", axis,
                        (long long)ff_op_in(at, 0)->dim[axis]);
    }
    return true;
}

static ff_axis_map depth_to_space_map(const ff_op_at *at, int axis, int input)
{
    if (axis < 2) {
        return ff_op_map_same(at, input, axis);
    }
    int64_t block = ff_node_int(at->node, "blocksize", 0);
    return (ff_axis_map){.kind = FF_AXIS_BLOCKS,
                         .in_axis = axis,
                         .in_len = ff_op_in(at, 0)->dim[axis],
                         .stride = block,
                         .extent = block};
}

#define RESIZE(op)                                                                                 \
    {                                                                                              \
        .name = op, .summary = "every axis, by whole factors", .passes = resize_passes,            \
        .map = resize_map, .reads = resize_reads, .emit = resize_emit                              \
    }

const ff_op_entry ff_ops_resize[] = {RESIZE("Resize"),
                                     RESIZE("Upsample"),
                                     {.name = "DepthToSpace",
                                      .summary = "batch; map: blocks",
                                      .passes = depth_to_space_passes,
                                      .map = depth_to_space_map},
                                     {.name = NULL}};
