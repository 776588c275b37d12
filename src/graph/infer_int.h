/*
 * Shape inference, private parts: what the rules of single ops are written with.
 *
 * A rule sets dtype and shape of the node's outputs, as far as its inputs are known. It fails with
 * FF_FORMAT only where the model contradicts ONNX's rules. Afterwards the node is folded where the
 * elements of its inputs are known: an 8-byte cell each, ints and bools as int64, floats as double
 * (float32 arithmetic is exact in it when rounded after each step).
 */
#ifndef FF_GRAPH_INFER_INT_H
#define FF_GRAPH_INFER_INT_H

#include "graph/graph.h"

#define FF_FOLD_MAX 1024 /* elements of a folded tensor */

typedef union ff_cell {
    int64_t i;
    double f;
} ff_cell;

typedef struct ff_infer {
    ff_graph *g;
    int n; /* the node at hand */
    const ff_node *node;
    int64_t opset;         /* of the default domain */
    const ff_cell **cells; /* by value: elements where known */
    uint32_t shaped;       /* a bit for each output (the first 32) that the rule gave a shape */
    ff_err *err;
} ff_infer;

typedef ff_code (*ff_infer_rule)(ff_infer *c);
typedef struct ff_infer_entry {
    const char *op;
    ff_infer_rule rule;
} ff_infer_entry;

/* The rules by family; each ends with a NULL op. */
extern const ff_infer_entry ff_infer_elem_rules[];
extern const ff_infer_entry ff_infer_window_rules[];
extern const ff_infer_entry ff_infer_move_rules[];
extern const ff_infer_entry ff_infer_resize_rules[];
extern const ff_infer_entry ff_infer_index_rules[];
extern const ff_infer_entry ff_infer_reduce_rules[];
extern const ff_infer_entry ff_infer_matrix_rules[];

/* Is there a rule for the node's op? */
bool ff_infer_knows(const ff_node *node);

/* Inputs of the node: NULL (or NONE) where omitted or not known. */
const ff_value *ff_infer_in(const ff_infer *c, int i);
const ff_shape *ff_infer_shape(const ff_infer *c, int i);
ff_dtype ff_infer_dtype(const ff_infer *c, int i);
/* The known elements of input i, or of value v; *count = how many. NULL where not known. */
const ff_cell *ff_infer_cells(ff_infer *c, int i, int *count);
/* The same for a list of ints: at most one axis, an integer type. */
const ff_cell *ff_infer_ints(ff_infer *c, int i, int *count);

/* Sets output i (if the node has it): NONE and NULL leave what is there. FF_FORMAT where the type
 * is not the declared one, FF_LIMIT where the shape is too large. */
ff_code ff_infer_out(ff_infer *c, int i, ff_dtype dtype, const ff_shape *shape);
/* FF_FORMAT (or code), "Conv 'x' (node 3): ...". */
ff_code ff_infer_fail(const ff_infer *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Input i must have at least (exactly, if most == least) that many dims. FF_OK where unknown. */
ff_code ff_infer_rank(const ff_infer *c, int i, int least, int most);
/* Inputs i and j must have one type, where both are known. */
ff_code ff_infer_same_dtype(const ff_infer *c, int i, int j);
/* A negative axis counts from the end. */
ff_code ff_infer_axis(const ff_infer *c, int64_t axis, int rank, int *out);
/* An INTS attribute of exactly count numbers within [lo, hi]; otherwise fills with fallback. */
ff_code ff_infer_attr_ints(const ff_infer *c, const char *name, int count, int64_t lo, int64_t hi,
                           int64_t fallback, int64_t *out);
/* out = a and b, broadcast as numpy does. */
ff_code ff_infer_broadcast(const ff_infer *c, const ff_shape *a, const ff_shape *b, ff_shape *out);
/* Axes from an attribute or (from opset `since` on) from input i: a bit each. *known = false where
 * the input's elements are not known; *given = false where there are none. */
ff_code ff_infer_axes(ff_infer *c, int i, int64_t since, int rank, uint32_t *axes, bool *given,
                      bool *known);

/* Slice, resolved per axis of its input. */
typedef struct ff_slice {
    int64_t start[FF_MAX_RANK], step[FF_MAX_RANK], count[FF_MAX_RANK];
} ff_slice;
ff_code ff_infer_slice(ff_infer *c, const ff_shape *shape, ff_slice *out, bool *known);

/* Folds the node: sets the cells (and value.known) of its outputs where they can be known. */
void ff_infer_fold(ff_infer *c);
/* Decodes a small weight into cells; NULL for types that are not folded, or more than the limit. */
const ff_cell *ff_infer_decode(ff_graph *g, const ff_value *v);
/* Do elements of this type fold: bool, integers up to int64, float32, float64. */
bool ff_infer_folds(ff_dtype dtype);
/* The cell of one element, and back. */
ff_cell ff_infer_load(ff_dtype dtype, const uint8_t *at);
void ff_infer_store(ff_dtype dtype, ff_cell cell, uint8_t *at);

/* Folding one op: the elements of output o, count of them, into out. False: not known. */
typedef bool (*ff_fold_fn)(ff_infer *c, int o, ff_cell *out, int count);
typedef struct ff_fold_entry {
    const char *op;
    ff_fold_fn fold;
} ff_fold_entry;
extern const ff_fold_entry ff_fold_move_table[]; /* each ends with a NULL op */
extern const ff_fold_entry ff_fold_math_table[];

/* Input i's cells broadcast to the shape of output 0. */
bool ff_fold_broadcast(ff_infer *c, int i, ff_cell *out);

#endif
