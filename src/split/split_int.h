/*
 * What the files of split/ share: a stage under work.
 */
#ifndef FF_SPLIT_SPLIT_INT_H
#define FF_SPLIT_SPLIT_INT_H

#include "graph/op.h"
#include "split/split.h"

/* An axis whose ranges the split chooses: of an output of the stage, or what a layer sums over. */
typedef struct ff_root {
    int64_t length;
    int64_t granule; /* ranges begin and end at its multiples: whole heads, whole groups */
} ff_root;

/* How the pieces' parts of a value lie in it. */
typedef struct ff_cut {
    uint32_t axes; /* that are cut (bit mask); one at most but in a grid */
    bool demanded; /* by a piece: the value, or part of it */
    bool all;      /* every piece needs it whole */
    bool once;     /* piece 0 needs it whole */
    bool partial;  /* every piece has a term; they add up */
    /* Place p of the root's axis is place p * num / den of the axis that is cut. */
    int root; /* its number + 1; 0: none */
    int64_t num, den;
    int64_t runs; /* as in ff_axis_map: the axis is so many runs, and every piece has its range of
                   * each; 0, 1: it is one */
    int gather; /* the number + 1 of what tells the piece's runs of the axis; 0: it has one range */
} ff_cut;

/* A range of an axis. */
typedef struct ff_range {
    int64_t lo, hi;
} ff_range;

/* An axis of which a piece has several runs: it is made of axes first..last of a map, of which the
 * piece has a tile; or the outputs of node `divider` are its parts, of which it has a range each
 * (map is none; first is the axis). */
typedef struct ff_gather {
    int divider; /* FF_NO_NODE: none */
    int map;
    int first, last;
} ff_gather;

/* Which axes of a value the rows and columns of a grid cut; -1: none. */
typedef struct ff_tiling {
    int value;
    int rows, cols;
} ff_tiling;

/* The same axis, divided by two roots: their ranges must agree. */
typedef struct ff_meeting {
    int value;
    ff_cut one, other;
} ff_meeting;

/* A stage and what follows from the graph alone, before any tile is cut. */
typedef struct ff_stage_view {
    const ff_graph *g;
    const ff_stage *stage;
    bool sketch; /* no large copies of weights */
    int in_count, out_count;
    int *in, *out;     /* border values of the whole graph */
    uint8_t *needed;   /* by node - begin: does an output of the stage depend on it */
    uint8_t *constant; /* by value: does it depend on weights only */
    uint8_t *summable; /* by value: can pieces have terms of it */
    ff_cut *cut;       /* by value */
    int *out_root;     /* by output: its root + 1; 0: none */
    int *sum_root;     /* by node - begin: of what it sums over; 0: it is no sum in parts */
    int *sum_map;      /* by node - begin: the value + 1 whose tile it sums over (grid); 0: none */
    int tiling_count, tiling_room;
    ff_tiling *tiling;
    int gather_count, gather_room;
    ff_gather *gather;
    int root_count, root_room;
    ff_root *root;
    int meeting_count, meeting_room;
    ff_meeting *meeting;
    int layers_cut; /* whose weights are divided by output channels */
    int products;   /* of two computed matrices (attention), with a part in each piece */
} ff_stage_view;

/* FF_USAGE where the range or the split is none. */
ff_code ff_stage_view_init(ff_stage_view *view, const ff_graph *g, const ff_stage *stage,
                           ff_err *err);
void ff_stage_view_clean(ff_stage_view *view); /* accepts zeroed memory */

/* cut_stage.c: works out how each value is cut, from the outputs back. FF_UNSUPPORTED names the
 * node in the way. */
ff_code ff_stage_view_cut(ff_stage_view *view, ff_err *err);

/* Piece number index's range of a root (its number + 1). */
void ff_root_range(const ff_stage_view *view, int root, int index, int64_t *lo, int64_t *hi);
/* The axis of a value that is cut, where there is one. */
int ff_cut_axis(const ff_cut *cut);
/* Is the split one of ranges of one axis: all but local, offload and grid? */
bool ff_split_is_ranged(ff_split_kind kind);
/* "node cannot pass the split: why" as FF_UNSUPPORTED. */
ff_code ff_no_pass(const ff_graph *g, int node, const ff_split *split, const char *why,
                   ff_err *err);
bool ff_node_is_random(const ff_node *node);
/* cut_grid.c: may a grid cut this output axis? Not where it is a layer's channels. May it pass
 * tiles of the node's outputs? */
bool ff_grid_passes_axis(const ff_graph *g, int n, int axis, char *why, size_t size);
bool ff_grid_passes_map(const ff_graph *g, int n, const ff_split *split, char *why, size_t size);
/* Passes the axes that a grid cuts of a node's outputs on to its inputs. */
ff_code ff_cut_grid(ff_stage_view *view, int n, uint32_t mask, ff_err *err);
/* The node's output axis is gathered (asked->gather): back to the map that is flattened there. */
ff_code ff_cut_flattened(ff_stage_view *view, int n, const ff_cut *asked, ff_err *err);
/* Can pieces sum over their tiles of a map here? If it is a sum and they cannot, why gets the
 * reason. Then do. */
bool ff_grid_begins_sum(const ff_stage_view *view, int n, char *why, size_t size);
ff_code ff_grid_begin_sum(ff_stage_view *view, int n, ff_err *err);

/* gather.c: the number + 1 of what was added, or is there already. */
int ff_gather_add(ff_stage_view *view, const ff_gather *what);
/* A piece's runs of the axis, in order: their number; the array is the caller's (ff_mem_free). */
int ff_gather_runs(const ff_stage_view *view, int gather, int index, ff_range **out);
int64_t ff_gather_length(const ff_stage_view *view, int gather, int index);
/* False: the value is cut along other axes already. */
bool ff_tiling_add(ff_stage_view *view, int v, int rows, int cols);
const ff_tiling *ff_tiling_of(const ff_stage_view *view, int v); /* NULL: none */
ff_region ff_tile(const ff_stage_view *view, int v, int index);
/* Does a node divide an axis that is cut into parts of different length? Each is cut by itself. */
bool ff_divides_unequally(const ff_stage_view *view, int n, int *axis);
ff_code ff_cut_divided(ff_stage_view *view, int n, int axis, ff_err *err);

/* cut_stage.c: the axes of a tensor of this rank that a grid cuts. */
uint32_t ff_grid_axes(const ff_split *split, int rank);

/* All values that a node reads: inputs, then captured ones. */
int ff_node_reads(const ff_node *node);
int ff_node_read_at(const ff_node *node, int i);

/* Does the node depend on weights only? */
bool ff_node_is_constant(const ff_stage_view *view, const ff_node *node);

/* cut_sum.c: which values pieces can have terms of; and a node whose output is one. */
void ff_mark_summable(ff_stage_view *view);
ff_code ff_cut_terms(ff_stage_view *view, int n, ff_err *err);
/* cut.c: a reader of v asks for this; conflicts are FF_UNSUPPORTED. */
ff_code ff_demand(ff_stage_view *view, int n, int v, const ff_cut *what, ff_err *err);
/* cut_sum.c: node n's sum is shared out: inputs that it sums over are asked for along its axis (or
 * along's own axes, where it has some), the others whole. */
ff_code ff_demand_summed(ff_stage_view *view, int n, const ff_cut *along, ff_err *err);
int ff_add_root(ff_stage_view *view, int64_t length); /* its number + 1 */
/* Is it a layer: does it multiply by weights? */
bool ff_is_layer(const ff_stage_view *view, int n);

ff_code ff_cut_node(ff_stage_view *view, int n, ff_err *err); /* cut.c: outputs to inputs */
/* One axis of the output, in ranges or gathered. */
ff_code ff_cut_ranged(ff_stage_view *view, int n, const ff_cut *out, ff_err *err);
bool ff_map_is_same(const ff_axis_map *map, int64_t out_len); /* leaves the axis as it is? */

/* weight.c: the bytes of a part of a weight; of the same part of each of `runs` equal runs of an
 * axis. Copies are the arena's; without one, only the length is right. */
ff_code ff_weight_bytes(ff_arena *arena, const ff_value *whole, const ff_region *region, int axis,
                        int64_t runs, ff_bytes *out, ff_err *err);

/* The same for runs of an axis, one behind the other. */
ff_code ff_weight_gather(ff_arena *arena, const ff_value *whole, int axis, const ff_range *runs,
                         int count, ff_bytes *out, ff_err *err);

/* The piece number `index` of a stage that was checked. */
ff_code ff_piece_make(const ff_stage_view *view, int index, ff_piece *out, ff_err *err);

#endif
