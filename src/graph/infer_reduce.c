/*
 * Shapes of reductions.
 */
#include <string.h>

#include "graph/infer_int.h"

/* x without the axes of the set, or with 1 in their place. */
static ff_shape reduced(const ff_shape *x, uint32_t axes, bool keep)
{
    ff_shape out = {.rank = 0};
    for (int a = 0; a < x->rank; a++) {
        bool gone = (axes >> a & 1) != 0;
        if (!gone || keep) {
            out.dim[out.rank++] = gone ? 1 : x->dim[a];
        }
    }
    return out;
}

static ff_code reduce_since(ff_infer *c, int64_t axes_as_input)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    ff_dtype dtype = ff_infer_dtype(c, 0);
    uint32_t axes = 0;
    bool given = false, known = false;
    if (x == NULL) {
        return ff_infer_out(c, 0, dtype, NULL);
    }
    ff_code code = ff_infer_axes(c, 1, axes_as_input, x->rank, &axes, &given, &known);
    if (code != FF_OK || !known) {
        return code != FF_OK ? code : ff_infer_out(c, 0, dtype, NULL);
    }
    if (!given) {
        axes = ff_node_int(c->node, "noop_with_empty_axes", 0) != 0 ? 0 : UINT32_MAX;
    }
    ff_shape out = reduced(x, axes, ff_node_int(c->node, "keepdims", 1) != 0);
    return ff_infer_out(c, 0, dtype, &out);
}

static ff_code reduce(ff_infer *c)
{
    return reduce_since(c, 18);
}

static ff_code reduce_sum(ff_infer *c)
{
    return reduce_since(c, 13);
}

static ff_code arg_reduce(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    int axis = 0;
    if (x == NULL) {
        return ff_infer_out(c, 0, FF_DTYPE_I64, NULL);
    }
    ff_code code = ff_infer_axis(c, ff_node_int(c->node, "axis", 0), x->rank, &axis);
    ff_shape out = reduced(x, 1u << axis, ff_node_int(c->node, "keepdims", 1) != 0);
    return code != FF_OK ? code : ff_infer_out(c, 0, FF_DTYPE_I64, &out);
}

const ff_infer_entry ff_infer_reduce_rules[] = {
    {"ReduceMean", reduce},
    {"ReduceSum", reduce_sum},
    {"ReduceMax", reduce},
    {"ReduceMin", reduce},
    {"ReduceProd", reduce},
    {"ReduceL1", reduce},
    {"ReduceL2", reduce},
    {"ReduceLogSum", reduce},
    {"ReduceLogSumExp", reduce},
    {"ReduceSumSquare", reduce},
    {"ArgMax", arg_reduce},
    {"ArgMin", arg_reduce},
    {NULL, NULL},
};
