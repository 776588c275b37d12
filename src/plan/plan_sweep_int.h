/*
 * Between plan_sweep.c, which walks, and plan_terrain.c, which looks at the graph once.
 *
 * Axis 0 is a tensor's last but one (rows), axis 1 its last (columns); lengths are 1 where a tensor
 * has fewer axes.
 */
#ifndef FF_PLAN_PLAN_SWEEP_INT_H
#define FF_PLAN_PLAN_SWEEP_INT_H

#include "plan/plan_sweep.h"

typedef struct ff_span {
    int32_t lo, hi;
} ff_span;

typedef struct ff_sweep_value {
    /* of the graph */
    int rank, producer;
    int last; /* of its readers; the number of nodes where it leaves the graph */
    int64_t len[2];
    double bytes, unit; /* whole; of one row's column */
    bool known;         /* its size is */
    bool constant;      /* made of weights only */
    /* of the sweep */
    int stamp;
    bool flag[2]; /* cut along the axis */
    bool fresh;   /* its spans are not set yet */
} ff_sweep_value;

typedef struct ff_sweep_node {
    bool constant, barrier; /* barrier: no grid passes it */
    bool passes[2];
    bool exact;        /* needs are asked for one by one */
    bool by_input;     /* MACs follow input 0 */
    bool free;         /* costs nothing, whatever its size */
    bool *reads;       /* by input: a tensor that a piece reads */
    bool *repeats;     /* by input: an earlier one is the same */
    bool *maps[2];     /* by input: its part follows the output's */
    int32_t *table[2]; /* what an end of the output's span needs; -1 = not asked for yet */
    const ff_compute_op *entry;
    ff_work whole;
    double whole_ms, fixed_bytes, out_unit;
    int weight_count;
    int *weight_next; /* the next node that reads it */
    double *weight_bytes;
} ff_sweep_node;

typedef struct ff_sweep_grid_state {
    int row, col; /* numbers of counts; `counts` where it is not cut */
    int pieces;
    double most, sum, first, rest; /* ms */
} ff_sweep_grid_state;

struct ff_sweep {
    const ff_graph *g;
    ff_arena *arena;
    ff_sweep_value *value;
    ff_sweep_node *node;
    double *alive, *ms_before, *all_ms_before; /* by position */
    int *crossing; /* tensors made by nodes that cross a position; -1: of unknown size */
    int counts, count[FF_SWEEP_COUNTS], first[FF_SWEEP_COUNTS];
    int parts; /* all counts together */
    int grid_count;
    ff_sweep_grid_state *grid;
    int *cuts;
    /* the sweep */
    int begin, end, stamp;
    bool valid[2][FF_SWEEP_COUNTS + 1], varying;
    int open_count, *open, *open_at; /* values that are wanted and not made yet */
    int out_count, *out;
    double weights, whole_ms, alive_most;
    ff_span *span;   /* [value][axis][part] */
    ff_span *own[2]; /* of the node in hand */
    ff_span *need;
    void *extents;
};

int ff_sweep_reads(const ff_node *node);
int ff_sweep_read_at(const ff_node *node, int i);
/* Fills what the lower, or the upper end of a part needs of each input. */
void ff_sweep_ask(ff_sweep *s, int n, int axis, int64_t lo, int64_t hi, int32_t *low,
                  int32_t *high);
void ff_sweep_exact(ff_sweep *s, int n, int axis, ff_span out, ff_span *need);

#endif
