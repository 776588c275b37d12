/*
 * Products of matrices: MatMul, its integer forms, and Gemm. Rows come from the first factor,
 * columns from the second.
 */
#include "graph/op_int.h"

/* The number of the second factor; what is no factor are scales and zero points. */
static int second(const ff_op_at *at)
{
    return ff_node_is(at->node, "QLinearMatMul") ? 3 : 1;
}

/* Does the scale or zero point belong to the first factor? Those of the output are scalars. */
static bool of_first(const ff_op_at *at, int input)
{
    return ff_node_is(at->node, "QLinearMatMul") ? input < 3 : input == 2;
}

static bool matmul_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)axis;
    const ff_shape *b = ff_op_in(at, second(at));
    if (ff_op_in(at, 0)->rank < 2 || b == NULL || b->rank < 2) {
        return ff_op_no(why, size, "one of its inputs is a vector");
    }
    for (int i = 1; i < at->node->in_count; i++) {
        const ff_shape *s = i == second(at) ? NULL : ff_op_in(at, i);
        if (s == NULL || s->rank == 0 || (s->rank == 1 && s->dim[0] == 1)) {
            continue;
        }
        int from_end = of_first(at, i) ? 2 : 1;
        if (s->rank != 1 || s->dim[0] != at->out->dim[at->out->rank - from_end]) {
            return ff_op_no(why, size, "the scale or zero point that is its input %d has %d axes",
                            i, s->rank);
        }
    }
    return true;
}

/* One number for all, or one a row of the first factor, a column of the second. */
static ff_axis_map scale_map(const ff_op_at *at, int axis, int input)
{
    const ff_shape *s = ff_op_in(at, input);
    int own = at->out->rank - (of_first(at, input) ? 2 : 1);
    if (s->rank == 0 || s->dim[0] == 1 || axis != own) {
        return ff_op_map_none();
    }
    return ff_op_map_same(at, input, 0);
}

/* What lies before rows and columns is broadcast. */
static ff_axis_map matmul_map(const ff_op_at *at, int axis, int input)
{
    int rank = at->out->rank;
    if (input != 0 && input != second(at)) {
        return scale_map(at, axis, input);
    }
    if (axis >= rank - 2) {
        bool columns = axis == rank - 1;
        int in_axis = ff_op_in(at, input)->rank - (columns ? 1 : 2);
        return (input != 0) == columns ? ff_op_map_same(at, input, in_axis) : ff_op_map_none();
    }
    return ff_op_map_broadcast(at, axis, input);
}

static int last_axis(const ff_op_at *at)
{
    return at->out != NULL && at->out->rank >= 2 ? at->out->rank - 1 : -1;
}

/* Not of QLinearMatMul, which rounds. Zero points are those of every part. */
static int matmul_sum(const ff_op_at *at, int input)
{
    const ff_shape *a = ff_op_in(at, 0), *b = ff_op_in(at, 1);
    if (a->rank < 2 || b == NULL || b->rank < 2 || a->dim[a->rank - 1] != b->dim[b->rank - 2]) {
        return FF_SUM_WHOLE;
    }
    return input == 0 ? a->rank - 1 : input == 1 ? b->rank - 2 : FF_SUM_WHOLE;
}

static uint32_t matmul_sums(const ff_op_at *at)
{
    int axis = matmul_sum(at, 0);
    return axis < 0 ? 0 : 1u << axis;
}

static int turned(const ff_op_at *at, int input)
{
    return ff_node_int(at->node, input == 0 ? "transA" : "transB", 0) != 0 ? 1 : 0;
}

static bool gemm_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    (void)axis;
    if (at->out->rank != 2 || ff_op_in(at, 0)->rank != 2 || ff_op_in(at, 1) == NULL ||
        ff_op_in(at, 1)->rank != 2) {
        return ff_op_no(why, size, "its inputs are no matrices");
    }
    return true;
}

static ff_axis_map gemm_map(const ff_op_at *at, int axis, int input)
{
    if (input == 2) {
        return ff_op_map_broadcast(at, axis, 2);
    }
    if (input != axis) {
        return ff_op_map_none();
    }
    return ff_op_map_same(at, input, input == 0 ? turned(at, 0) : 1 - turned(at, 1));
}

static int gemm_sum(const ff_op_at *at, int input)
{
    const ff_shape *a = ff_op_in(at, 0), *b = ff_op_in(at, 1);
    int inner = 1 - turned(at, 0), also = turned(at, 1);
    if (a->rank != 2 || b == NULL || b->rank != 2 || a->dim[inner] != b->dim[also]) {
        return FF_SUM_WHOLE;
    }
    return input == 0 ? inner : input == 1 ? also : FF_SUM_ONCE;
}

static uint32_t gemm_sums(const ff_op_at *at)
{
    int axis = gemm_sum(at, 0);
    return axis < 0 ? 0 : 1u << axis;
}

/* C may be left out since opset 11; a part of a sum without it has a zero until then. */
static ff_code gemm_emit(const ff_op_job *job, ff_err *err)
{
    static const uint8_t ZERO[8] = {0};
    const ff_op_at *at = job->at;
    int count = at->node->in_count < 3 ? at->node->in_count : 3;
    int in[3] = {job->in[0], job->in[1], count == 3 ? job->in[2] : FF_NO_VALUE};
    if (in[2] == FF_NO_VALUE && at->opset < 11) {
        const ff_value *out = &at->g->values[at->node->out[0]];
        const char *base = ff_arena_printf(job->p->arena, "%s/zero", out->name);
        const ff_shape one = {1, {1}};
        ff_code code =
            ff_graph_add_weight(job->p, ff_op_fresh_name(at->g, job->p, base), out->dtype, &one,
                                ff_bytes_of(ZERO, ff_dtype_bytes(out->dtype)), &in[2], err);
        if (code != FF_OK) {
            return code;
        }
    }
    ff_op_add(job, in, in[2] == FF_NO_VALUE ? 2 : 3, NULL);
    return FF_OK;
}

#define PRODUCT(op, sum)                                                                           \
    {                                                                                              \
        .name = op, .summary = "every axis", .passes = matmul_passes, .map = matmul_map,           \
        .dense_axis = last_axis, .sum_axis = sum, .sum_axes = matmul_sums                          \
    }

const ff_op_entry ff_ops_matrix[] = {PRODUCT("MatMul", matmul_sum),
                                     PRODUCT("MatMulInteger", matmul_sum),
                                     PRODUCT("QLinearMatMul", NULL),
                                     {.name = "Gemm",
                                      .summary = "every axis",
                                      .passes = gemm_passes,
                                      .map = gemm_map,
                                      .emit = gemm_emit,
                                      .dense_axis = last_axis,
                                      .sum_axis = gemm_sum,
                                      .sum_axes = gemm_sums},
                                     {.name = NULL}};
