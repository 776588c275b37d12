/*
 * What the op files share: the table's entry, a node under inspection, and small helpers.
 */
#ifndef FF_GRAPH_OP_INT_H
#define FF_GRAPH_OP_INT_H

#include "graph/op.h"

/* Strides, kernels, dilations and pads above this are refused: no sum or product overflows. */
#define FF_OP_MAX_ATTR ((int64_t)1 << 24)

/* A node under inspection. */
typedef struct ff_op_at {
    const ff_graph *g;
    const ff_node *node;
    int index;
    int64_t opset;       /* of the default domain */
    const ff_shape *out; /* of output 0 */
} ff_op_at;

/* A node being added to a piece. */
typedef struct ff_op_job {
    const ff_op_at *at;
    const ff_region *cover; /* what the node as emitted computes of output 0 */
    const ff_need *need;    /* what each input holds */
    ff_graph *p;
    const int *in; /* values of p */
    const int *out;
} ff_op_job;

typedef struct ff_op_entry {
    const char *name;
    const char *summary;
    /* Can the axis be cut? The shapes of all inputs and outputs are known. */
    bool (*passes)(const ff_op_at *at, int axis, char *why, size_t size);
    ff_axis_map (*map)(const ff_op_at *at, int axis, int input);
    /* Is the input read by the node as emitted? NULL: all are. */
    bool (*reads)(const ff_op_at *at, int input);
    /* Widens an output range for a reason that the map does not tell (reflecting pads). NULL: no.
     */
    void (*widen)(const ff_op_at *at, int axis, int64_t *lo, int64_t *hi);
    /* NULL: the node as it stands, attributes and all. */
    ff_code (*emit)(const ff_op_job *job, ff_err *err);
    /* The output axis along which weights can be divided. NULL: none. */
    int (*dense_axis)(const ff_op_at *at);
    /* The axis of an input that a sum in parts runs over, FF_SUM_WHOLE or FF_SUM_ONCE; of input 0
     * also FF_SUM_WHOLE where the sum cannot be had in parts. NULL: never. */
    int (*sum_axis)(const ff_op_at *at, int input);
    bool averages; /* the sum is divided by the length of its axis */
    /* The axes of input 0 that are summed over, where any box of it gives a part. NULL: none. */
    uint32_t (*sum_axes)(const ff_op_at *at);
    /* Is the output axis made of axes first..last of input 0, in their order? NULL: no. */
    bool (*merges)(const ff_op_at *at, int axis, int *first, int *last);
    /* The axis whose consecutive parts the outputs are; -1. NULL: none. */
    int (*divided)(const ff_op_at *at);
    /* NULL: FF_LINEAR_NO */
    ff_linear (*linear)(const ff_op_at *at, int input);
} ff_op_entry;

ff_op_at ff_op_look(const ff_graph *g, int node); /* op.c */
/* op.c: of output 0 and all inputs, with lengths that arithmetic can do with; if not, why. */
bool ff_op_shapes_known(const ff_op_at *at, char *why, size_t size);
ff_linear ff_op_linear_data(const ff_op_at *at, int input);

const ff_op_entry *ff_op_find(const ff_node *node); /* NULL: unknown */

/* Writes the reason and returns false. */
bool ff_op_no(char *why, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The shape of input i; NULL where omitted or unknown. */
const ff_shape *ff_op_in(const ff_op_at *at, int i);
bool ff_op_has_in(const ff_op_at *at, int i);
/* An axis attribute, counted from the front; -1 where it is out of range. */
int ff_op_axis_attr(const ff_op_at *at, const char *name, int64_t otherwise, int rank);
/* Element i of an attribute of `count` ints, within [lo, FF_OP_MAX_ATTR]; otherwise where absent.
 * False, with the reason, where it is something else. */
bool ff_op_attr_at(const ff_op_at *at, const char *name, int count, int i, int64_t lo,
                   int64_t otherwise, int64_t *out, char *why, size_t size);
/* The elements of a constant 1-D (or scalar) integer tensor: their number, or -1 where they are not
 * known or more than max. */
int ff_op_const_ints(const ff_graph *g, int v, int64_t *out, int max);
int ff_op_const_floats(const ff_graph *g, int v, float *out, int max);

ff_axis_map ff_op_map_none(void);
ff_axis_map ff_op_map_same(const ff_op_at *at, int input, int in_axis);
/* Numpy's broadcasting: trailing axes are aligned, axes of length 1 are repeated. */
ff_axis_map ff_op_map_broadcast(const ff_op_at *at, int axis, int input);

/* The part of the input axis that [lo, hi) needs; kinds with a range of their own only. */
void ff_op_need_of(const ff_axis_map *map, int64_t lo, int64_t hi, int64_t *need_lo,
                   int64_t *need_hi);
/* Widens [lo, hi) until the node can compute it from a part that is not empty. */
void ff_op_cover_of(const ff_axis_map *map, int64_t *lo, int64_t *hi);
/* Does any output of a WINDOW or SHIFT touch the input? */
bool ff_op_touches(const ff_axis_map *map, int64_t out_len);

/* Adds a constant to p: named after the node's first output. */
ff_code ff_op_add_ints(const ff_op_job *job, const char *what, const int64_t *values, int count,
                       int *value, ff_err *err);
/* Adds the node to p with these inputs, and its attributes but those in skip (NULL-terminated, may
 * be NULL). Returns its index in p. */
int ff_op_add(const ff_op_job *job, const int *in, int in_count, const char *const *skip);

/* Families; each array ends with an entry whose name is NULL. */
extern const ff_op_entry ff_ops_each[];       /* op_each.c: element by element, broadcasting */
extern const ff_op_entry ff_ops_norm[];       /* op_norm.c: along some axes, whole there */
extern const ff_op_entry ff_ops_move[];       /* op_move.c: elements only move */
extern const ff_op_entry ff_ops_matrix[];     /* op_matrix.c: products of matrices */
extern const ff_op_entry ff_ops_window[];     /* op_window.c: convolutions and pools */
extern const ff_op_entry ff_ops_resize[];     /* op_resize.c: upsampling */
extern const ff_op_entry ff_ops_transposed[]; /* op_transposed.c: transposed convolutions */
extern const ff_op_entry ff_ops_shift[];      /* op_shift.c: Pad, Slice */

#endif
