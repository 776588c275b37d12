/*
 * What the files of split/ share: a stage under work.
 */
#ifndef FF_SPLIT_SPLIT_INT_H
#define FF_SPLIT_SPLIT_INT_H

#include "graph/op.h"
#include "split/split.h"

/* A stage and what follows from the graph alone, before any tile is cut. */
typedef struct ff_stage_view {
    const ff_graph *g;
    const ff_stage *stage;
    int in_count, out_count;
    int *in, *out;     /* border values of the whole graph */
    uint8_t *needed;   /* by node - begin: does an output of the stage depend on it */
    uint8_t *constant; /* by value: does it depend on weights only */
    uint32_t *cut;     /* by value: the axes along which its parts are cut (bit mask) */
} ff_stage_view;

/* FF_USAGE where the range or the split is none. */
ff_code ff_stage_view_init(ff_stage_view *view, const ff_graph *g, const ff_stage *stage,
                           ff_err *err);
void ff_stage_view_clean(ff_stage_view *view); /* accepts zeroed memory */

/* Marks which axes are cut, from the outputs back. FF_UNSUPPORTED names the node in the way. */
ff_code ff_stage_view_cut(ff_stage_view *view, ff_err *err);

/* All values that a node reads: inputs, then captured ones. */
int ff_node_reads(const ff_node *node);
int ff_node_read_at(const ff_node *node, int i);

/* Does the node depend on weights only? */
bool ff_node_is_constant(const ff_stage_view *view, const ff_node *node);

/* The piece number `index` of a stage that was checked. */
ff_code ff_piece_make(const ff_stage_view *view, int index, ff_piece *out, ff_err *err);

#endif
