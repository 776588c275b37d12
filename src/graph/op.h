/*
 * What each op needs of its inputs: the one mechanism that split/ uses.
 *
 * An op's output region says, axis by axis, which region of each input it needs. One table entry an
 * op (op_table.c); docs/adding-an-op.md tells how to add one.
 */
#ifndef FF_GRAPH_OP_H
#define FF_GRAPH_OP_H

#include "graph/graph.h"
#include "tensor/region.h"

/* How output axis a of a node maps to an axis of one of its inputs. */
typedef enum ff_axis_kind {
    FF_AXIS_NONE,   /* this input has no such axis, or the region does not matter: all of it */
    FF_AXIS_SAME,   /* in [lo, hi) = out [lo, hi) on in_axis */
    FF_AXIS_BCAST,  /* broadcast: in_axis has length 1 and always gives [0, 1) */
    FF_AXIS_WINDOW, /* convolution or pooling: lo*stride - pad .. (hi-1)*stride - pad + extent */
    FF_AXIS_SPREAD, /* transposed convolution: the inputs that reach [lo, hi) */
    FF_AXIS_BLOCKS, /* upsampling: as SPREAD, and whole blocks of stride outputs an input */
    FF_AXIS_SHIFT,  /* Pad, Slice: in = out + offset, clipped to the input */
    FF_AXIS_GROUPS, /* Reshape, grouped convolution: out blocks of extent of in blocks of stride */
    FF_AXIS_ALL     /* needs the whole axis for any output: a split of this axis ends here */
} ff_axis_kind;

typedef struct ff_axis_map {
    ff_axis_kind kind;
    int in_axis;
    int64_t in_len; /* length of the whole input axis; GROUPS: of one run of it */
    int64_t stride; /* WINDOW, GROUPS; the upsampling factor of SPREAD and BLOCKS */
    int64_t
        extent;  /* (kernel - 1) * dilation + 1; of SPREAD, BLOCKS: outputs that an input reaches */
    int64_t pad; /* at the beginning */
    int64_t offset; /* SHIFT */
    int64_t runs;   /* GROUPS: the input axis is so many runs, and the part has its share of each
                     * (Split into equal parts, Reshape to 3 x heads x size); 0, 1: it is one */
} ff_axis_map;

/* The needs of one node for one output region. */
typedef struct ff_need {
    bool reads;       /* is this input read at all */
    ff_region region; /* of the input tensor (whole for weights that are not cut) */
} ff_need;

/* Can output axis `axis` (of output 0) of the node be cut? If not, why gets the reason
 * ("needs the whole of axis 2"). False where a shape that matters is unknown. */
bool ff_op_passes(const ff_graph *g, int node, int axis, char *why, size_t why_size);

/* Does a part read input number `input`? (Not: shapes and pads, which are written anew.) */
bool ff_op_reads(const ff_graph *g, int node, int input);

/* How output axis maps to input number `input`. Only where ff_op_passes. */
ff_axis_map ff_op_axis(const ff_graph *g, int node, int axis, int input);

/* The part of output number k that goes with part `out` of output 0: the same on the axes that are
 * cut, whole on the others. */
ff_region ff_op_output_region(const ff_graph *g, int node, const ff_region *out, int k);

/* What the node needs of each input (need[0..in_count)) for region `out` of output 0. Axes that
 * are whole in `out` are whole in the inputs that share them. Never empty where read.
 * FF_UNSUPPORTED names the node and the axis that it does not pass. */
ff_code ff_op_needs(const ff_graph *g, int node, const ff_region *out, ff_need *need, ff_err *err);

/* Adds to piece graph p the node as it computes region `out` from inputs that hold exactly what
 * ff_op_needs asks for (in[i]: their values in p; ignored where not read): attributes as in the
 * whole graph but for explicit pads (auto_pad replaced), sizes, and constants that depend on the
 * region, which it adds to p as weights. May add more than one node (a Slice behind an op that
 * computes more than was asked for). out_values: the values of p to produce, FF_NO_VALUE where the
 * node omits an output. */
ff_code ff_op_emit(const ff_graph *g, int node, const ff_region *out, ff_graph *p, const int *in,
                   const int *out_values, ff_err *err);

/* The output axis along which a layer's weights can be divided (a convolution's channels, a
 * product's columns): an output there needs all that the layer sums over. -1: no such layer. */
int ff_op_dense_axis(const ff_graph *g, int node);

/* Sums in parts. The length of the axis of input 0 that the node sums over (a convolution's input
 * channels, a product's inner axis, the longest axis of ReduceSum, ReduceMean or
 * GlobalAveragePool); 0 where parts of the sum cannot be had, and why gets the reason. */
int64_t ff_op_sum_length(const ff_graph *g, int node, char *why, size_t why_size);
/* The axis of an input that the sum runs over; FF_SUM_WHOLE: none, FF_SUM_ONCE: the input (a bias)
 * belongs to one of the parts only. Only where ff_op_sum_length. */
#define FF_SUM_WHOLE (-1)
#define FF_SUM_ONCE  (-2)
int ff_op_sum_axis(const ff_graph *g, int node, int input);
/* As ff_op_needs and ff_op_emit, for the whole output, summed over [lo, hi) only. Inputs that
 * belong to one part are read where first is set. */
ff_code ff_op_sum_needs(const ff_graph *g, int node, int64_t lo, int64_t hi, bool first,
                        ff_need *need, ff_err *err);
ff_code ff_op_emit_sum(const ff_graph *g, int node, int64_t lo, int64_t hi, bool first, ff_graph *p,
                       const int *in, const int *out_values, ff_err *err);

/* The axes of input 0 that the node sums over, as a bit mask, where any box of it gives a part of
 * the sum (ReduceSum, ReduceMean, GlobalAveragePool, products; not convolutions); 0: none. */
uint32_t ff_op_sum_axes(const ff_graph *g, int node);
/* Adds the node to p as it sums over a box of input 0 that is `share` of the whole (of means). Only
 * where ff_op_sum_length and ff_op_sum_axes. in[i] is FF_NO_VALUE for what another part adds. */
ff_code ff_op_emit_sum_box(const ff_graph *g, int node, double share, ff_graph *p, const int *in,
                           const int *out_values, ff_err *err);

/* Does the node merge axes first..last of input 0 into its output axis, all others left alone? */
bool ff_op_merges(const ff_graph *g, int node, int axis, int *first, int *last);
/* The axis of input 0 whose consecutive parts are the node's outputs (Split); -1: none. */
int ff_op_divided_axis(const ff_graph *g, int node);
/* Adds a node of which one of the two is true to p: its outputs have the shapes of out_values. */
ff_code ff_op_emit_sized(const ff_graph *g, int node, ff_graph *p, const int *in,
                         const int *out_values, ff_err *err);

/* What becomes of a sum's parts that come in as input number `input`. */
typedef enum ff_linear {
    FF_LINEAR_NO,     /* anything */
    FF_LINEAR_DATA,   /* f(a) + f(b) = f(a + b) */
    FF_LINEAR_FACTOR, /* the same, where all other inputs are whole and the same for every part */
    FF_LINEAR_TERM    /* a term: other inputs are parts too, or belong to one part only */
} ff_linear;
ff_linear ff_op_linear(const ff_graph *g, int node, int input);
/* Adds the node to p as it passes a part of a sum: in[i] is FF_NO_VALUE for the terms that belong
 * to another part. */
ff_code ff_op_emit_terms(const ff_graph *g, int node, ff_graph *p, const int *in,
                         const int *out_values, ff_err *err);

/* Adds the node to p as it stands, any op, with its subgraphs; captured: the values of p that they
 * read, by the same names. */
void ff_op_copy(const ff_graph *g, int node, ff_graph *p, const int *in, const int *out_values,
                const int *captured);

/* Adds a Slice to p: value v holds `have` of a tensor, value out gets `part` of it. */
ff_code ff_op_emit_slice(const ff_graph *g, ff_graph *p, int v, const ff_region *have,
                         const ff_region *part, int out, ff_err *err);

/* base, or base with a number behind it: a name that no value of g or p has. In p's arena. */
const char *ff_op_fresh_name(const ff_graph *g, const ff_graph *p, const char *base);

/* The table, for docs and inspect: number of ops, and each one's name and what it passes. */
int ff_op_count(void);
const char *ff_op_name(int index);
bool ff_op_is_layer(int index);       /* are its weights divided by channel, or by columns */
bool ff_op_is_sum(int index);         /* can pieces have parts of its sum */
bool ff_op_is_linear(int index);      /* does it pass parts of a sum on */
const char *ff_op_summary(int index); /* "H, W: window", "all axes: same" ... */

#endif
