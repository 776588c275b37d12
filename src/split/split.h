/*
 * Stages to pieces.
 *
 * A stage is a range of the graph's nodes; a split says how its pieces share the work. Regions flow
 * backwards from each piece's part of the stage's outputs to the stage's inputs; a tensor that
 * several consumers read gets the hull of their needs, and one that needs less reads a Slice.
 * Every piece is a complete graph with its true weights (views of the whole graph's: it must
 * outlive the pieces; parts that are no run of bytes are copied).
 *
 * channel, reduce, pair and heads divide the weights of a stage's layers among the pieces. Layers:
 * Conv, ConvTranspose, Gemm, MatMul with a constant. docs/splitting.md tells what each one takes.
 */
#ifndef FF_SPLIT_SPLIT_H
#define FF_SPLIT_SPLIT_H

#include "graph/graph.h"
#include "tensor/region.h"

typedef enum ff_split_kind {
    FF_SPLIT_LOCAL,   /* whole, on the master */
    FF_SPLIT_OFFLOAD, /* whole, on one worker */
    FF_SPLIT_GRID,    /* rows x cols tiles of height x width */
    FF_SPLIT_BATCH,   /* N ranges of the first axis */
    FF_SPLIT_CHANNEL, /* N ranges of a layer's output channels or columns */
    FF_SPLIT_REDUCE,  /* N ranges of what a layer sums over; the parts are added */
    FF_SPLIT_PAIR,    /* channel, then reduce: what one layer makes, the other sums over */
    FF_SPLIT_HEADS    /* a pair with attention in between: N ranges of its heads */
} ff_split_kind;

typedef struct ff_split {
    ff_split_kind kind;
    int rows, cols; /* GRID; the others' N is rows */
} ff_split;

typedef struct ff_stage {
    int begin, end; /* nodes [begin, end) */
    ff_split split;
} ff_stage;

/* Part of a tensor of the whole graph that travels to or from a piece. */
typedef struct ff_part {
    int value; /* in the whole graph */
    ff_region region;
    bool add; /* gather: added, not placed */
} ff_part;

typedef struct ff_piece {
    ff_graph *graph; /* inputs and outputs in the order of in and out, named as in the whole */
    int in_count;
    ff_part *in;
    int out_count;
    ff_part *out;
    uint64_t weight_bytes;
    uint64_t flops;
} ff_piece;

typedef struct ff_pieces {
    int count;
    ff_piece *piece;
    uint64_t whole_flops; /* of the stage unsplit: sum of the pieces' / this - 1 = halo overhead */
    uint64_t whole_weight_bytes; /* that the stage unsplit reads, each once */
    uint64_t whole_mask_bytes;   /* of them, bool constants */
    uint64_t divided_bytes;      /* of them, in a grid: of which every piece has rows of its own */
} ff_pieces;

/* Pieces of a stage whose weights are divided hold at most this, times the stage's, in all... */
#define FF_SPLIT_WEIGHTS_MAX 1.02
/* ...and so many bytes a piece more: shapes, scalars, small norms. */
#define FF_SPLIT_WEIGHTS_SMALL 2048u
/* The bound from both: masks are the bytes of bool constants among the whole, such as a causal
 * mask; each piece may have them. */
uint64_t ff_split_weights_most(uint64_t whole, uint64_t masks, int pieces);
/* The same for a grid, whose pieces divide so many bytes and have all others each. */
uint64_t ff_split_weights_most_grid(uint64_t whole, uint64_t divided, int pieces);
bool ff_split_divides(ff_split_kind kind); /* weights: channel, reduce, pair, heads */

/* "local", "offload", "grid 2x2", "batch 2", "channel 4", "reduce 2", "pair 4", "heads 4" (N from 2
 * on): text and back (FF_USAGE). */
const char *ff_split_text(const ff_split *split, char *text, size_t size);
ff_code ff_split_parse(const char *text, ff_split *split, ff_err *err);
int ff_split_count(const ff_split *split); /* pieces */

/* What crosses the borders of nodes [begin, end): values read inside and made outside (weights
 * not counted), and values made inside and read outside or by the graph's outputs.
 * Returned arrays are the caller's (ff_mem_free). */
void ff_stage_borders(const ff_graph *g, int begin, int end, int **in, int *in_count, int **out,
                      int *out_count);

/* Can node pass the split (a grid: tiles of its output)? why gets the reason where not: "node
 * 'pool' (GlobalAveragePool) ...", and says if a grid stage may end in it all the same. */
bool ff_split_passes(const ff_graph *g, int node, const ff_split *split, char *why, size_t size);
/* Can the whole stage? FF_UNSUPPORTED names the node and what is in the way (also: a map with
 * fewer rows than the grid; two outputs of different size that do not tile alike). */
ff_code ff_stage_check(const ff_graph *g, const ff_stage *stage, ff_err *err);

/* What comes back from all pieces of a stage that passes: known without making any. */
typedef struct ff_stage_back {
    int terms;              /* outputs of which every piece has a term, whole */
    uint64_t bytes;         /* terms count once a piece */
    uint64_t divided_bytes; /* as in ff_pieces */
} ff_stage_back;
/* Fails as ff_stage_check. */
ff_code ff_stage_look(const ff_graph *g, const ff_stage *stage, ff_stage_back *out, ff_err *err);

ff_code ff_stage_split(const ff_graph *g, const ff_stage *stage, ff_pieces *out, ff_err *err);
/* The same to know what pieces hold, compute and send: a large part of a weight that would be
 * copied has its length only, its bytes are others. Such pieces are not to be written or run. */
ff_code ff_stage_sketch(const ff_graph *g, const ff_stage *stage, ff_pieces *out, ff_err *err);
void ff_pieces_clean(ff_pieces *pieces); /* accepts zeroed memory, and twice */

#endif
