/*
 * A piece being made: what piece.c (regions, back) and piece_emit.c (the graph, forward) share.
 */
#ifndef FF_SPLIT_PIECE_INT_H
#define FF_SPLIT_PIECE_INT_H

#include "split/split_int.h"

/* A part of a value that was made already: by a Slice, or taken from a weight. */
typedef struct ff_cutting {
    ff_region region;
    int64_t runs; /* of a weight's axis; below 0: it is gathered, by that number */
    int value;    /* in the piece */
    int next;     /* of the same value; -1 = none */
} ff_cutting;

/* What the piece holds of a value of the whole graph. */
typedef struct ff_holding {
    bool wanted;
    ff_region region; /* the hull of all needs; whole where the shape is not known */
    int value;        /* in the piece, FF_NO_VALUE until it exists */
    int cuttings;     /* the first one; -1 = none */
} ff_holding;

typedef struct ff_maker {
    const ff_stage_view *view;
    const ff_graph *g;
    int index;
    int *slot; /* by value: its holding's number + 1; 0 = none */
    int held_count, held_room;
    ff_holding *held;
    int cutting_count, cutting_room;
    ff_cutting *cuttings;
    uint8_t *kept;      /* by node - begin: does this piece compute it */
    ff_region *regions; /* by node - begin: which part of output 0 */
    ff_graph *p;
    ff_part *in, *out;
    int in_count, out_count;
} ff_maker;

ff_holding *ff_piece_hold(ff_maker *m, int v);
ff_region ff_piece_whole(const ff_graph *g, int v);
bool ff_piece_divides(const ff_maker *m); /* does the split divide weights */
/* Is the node copied as it stands? */
bool ff_piece_copies(const ff_maker *m, const ff_node *node);
/* Is the node's output a term of a sum? Its range of what is summed over, where it begins one. */
bool ff_piece_is_term(const ff_maker *m, const ff_node *node);
bool ff_piece_sum_range(const ff_maker *m, int n, int64_t *lo, int64_t *hi);
/* The whole of v but for an axis that is gathered: as many places as the piece has. */
ff_region ff_piece_gathered(const ff_maker *m, int v, int axis, int gather);
/* Does the node make what is gathered: by merging the axes of a map, or dividing its input? */
bool ff_piece_gathers(const ff_maker *m, const ff_node *node);
/* What the piece reads of each input of a node that is not copied whole. */
ff_code ff_piece_needs(const ff_maker *m, int n, ff_need *need, ff_err *err);
/* The part of stage output v that this piece delivers; false: none. */
bool ff_piece_tile(const ff_maker *m, int v, ff_region *tile);

/* piece_emit.c, once all regions are known. */
ff_code ff_piece_add_inputs(ff_maker *m, ff_err *err);
ff_code ff_piece_add_node(ff_maker *m, int n, ff_err *err);
ff_code ff_piece_add_outputs(ff_maker *m, ff_err *err);

#endif
