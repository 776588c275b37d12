/*
 * What a node does, as compute profiles count it: the one place where a graph becomes ff_work.
 *
 * Planners ask for a node's part by region; measuring asks for the nodes of a piece whole. A
 * Constant's bytes are no work. Nothing allocates, nothing fails: what is not known is 0.
 */
#ifndef FF_PLAN_PLAN_WORK_H
#define FF_PLAN_PLAN_WORK_H

#include "graph/op.h"
#include "profile/compute.h"

/* The node whole. work.op is the node's own string. */
ff_work ff_plan_work(const ff_graph *g, int node);
/* The part `out` of output 0, from the parts of the inputs that ff_op_needs tells. Parts of a sum
 * have no region: make the piece, and ask for its nodes whole. */
ff_work ff_plan_work_part(const ff_graph *g, int node, const ff_region *out, const ff_need *need);

/* plan_fuse.c; both are in the work that the functions above give.
 * The kind of a Conv ("1x1"; of other kernels "strided", "grouped", "depthwise", "depthwise
 * strided"; NULL: a plain one) and of a product ("row": of one row, which streams the weights;
 * "computed": of two computed matrices). */
const char *ff_plan_kind(const ff_graph *g, int node);
/* The entry of a node in a run that ONNX Runtime fuses: "Conv+Relu" for a Relu behind a Conv,
 * "Gelu" for its Erf, "free" for what vanishes; NULL where it is in none. Looks at the node's
 * neighbours only. */
const char *ff_plan_fused(const ff_graph *g, int node);

#endif
