/*
 * Shapes of matrix products and recurrent layers.
 */
#include <string.h>

#include "graph/infer_int.h"

/* numpy's matmul: vectors gain an axis and lose it again, leading axes broadcast. */
static ff_code product(ff_infer *c, int left, int right, ff_dtype dtype)
{
    const ff_shape *x = ff_infer_shape(c, left), *y = ff_infer_shape(c, right);
    if (x == NULL || y == NULL) {
        return ff_infer_out(c, 0, dtype, NULL);
    }
    char one[256], two[256];
    ff_shape_text(x, one, sizeof one);
    ff_shape_text(y, two, sizeof two);
    if (x->rank == 0 || y->rank == 0) {
        return ff_infer_fail(c, "cannot multiply %s by %s", one, two);
    }
    int64_t inner = y->dim[y->rank > 1 ? y->rank - 2 : 0];
    if (x->dim[x->rank - 1] != inner) {
        return ff_infer_fail(c, "cannot multiply %s by %s: %lld columns, %lld rows", one, two,
                             (long long)x->dim[x->rank - 1], (long long)inner);
    }
    ff_shape a = *x, b = *y, out;
    a.rank = x->rank > 2 ? x->rank - 2 : 0;
    b.rank = y->rank > 2 ? y->rank - 2 : 0;
    ff_code code = ff_infer_broadcast(c, &a, &b, &out);
    if (code != FF_OK) {
        return code;
    }
    if (x->rank > 1) {
        out.dim[out.rank++] = x->dim[x->rank - 2];
    }
    if (y->rank > 1) {
        out.dim[out.rank++] = y->dim[y->rank - 1];
    }
    return ff_infer_out(c, 0, dtype, &out);
}

static ff_code matmul(ff_infer *c)
{
    ff_code code = ff_infer_same_dtype(c, 0, 1);
    return code != FF_OK ? code : product(c, 0, 1, ff_infer_dtype(c, 0));
}

static ff_code matmul_integer(ff_infer *c)
{
    return product(c, 0, 1, FF_DTYPE_I32);
}

static ff_code qlinear_matmul(ff_infer *c)
{
    return product(c, 0, 3, ff_infer_dtype(c, 7));
}

static ff_code gemm(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0), *y = ff_infer_shape(c, 1), *z = ff_infer_shape(c, 2);
    ff_code code = ff_infer_same_dtype(c, 0, 1);
    for (int i = 0; i < 2 && code == FF_OK; i++) {
        code = ff_infer_rank(c, i, 2, 2);
    }
    if (code != FF_OK || x == NULL || y == NULL) {
        return code != FF_OK ? code : ff_infer_out(c, 0, ff_infer_dtype(c, 0), NULL);
    }
    int ta = ff_node_int(c->node, "transA", 0) != 0, tb = ff_node_int(c->node, "transB", 0) != 0;
    if (x->dim[1 - ta] != y->dim[tb]) {
        char one[256], two[256];
        return ff_infer_fail(c, "cannot multiply %s%s by %s%s", ff_shape_text(x, one, sizeof one),
                             ta ? " transposed" : "", ff_shape_text(y, two, sizeof two),
                             tb ? " transposed" : "");
    }
    const ff_shape out = {2, {x->dim[ta], y->dim[1 - tb]}};
    ff_shape both;
    if (z != NULL) {
        code = ff_infer_broadcast(c, &out, z, &both);
        if (code == FF_OK && !ff_shape_equal(&both, &out)) {
            code = ff_infer_fail(c, "input 'C' does not broadcast to the product");
        }
    }
    return code != FF_OK ? code : ff_infer_out(c, 0, ff_infer_dtype(c, 0), &out);
}

/* LSTM, GRU, RNN: Y [seq, directions, batch, hidden], then Y_h (and Y_c) without seq; with
 * layout 1 the batch comes first. */
static ff_code recurrent(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0), *r = ff_infer_shape(c, 2);
    ff_dtype dtype = ff_infer_dtype(c, 0);
    ff_code code = ff_infer_rank(c, 0, 3, 3);
    if (code == FF_OK) {
        code = ff_infer_rank(c, 2, 3, 3);
    }
    int64_t hidden = ff_node_int(c->node, "hidden_size", r != NULL && r->rank == 3 ? r->dim[2] : 0);
    if (code == FF_OK && hidden < 0) {
        code = ff_infer_fail(c, "attribute 'hidden_size' is %lld", (long long)hidden);
    }
    bool known = code == FF_OK && x != NULL && hidden > 0;
    int64_t dirs = ff_node_string_is(c->node, "direction", "bidirectional", "forward") ? 2 : 1;
    bool batch_first = ff_node_int(c->node, "layout", 0) != 0;
    ff_shape y = {0}, h = {0};
    if (known && batch_first) {
        y = (ff_shape){4, {x->dim[0], x->dim[1], dirs, hidden}};
        h = (ff_shape){3, {x->dim[0], dirs, hidden}};
    } else if (known) {
        y = (ff_shape){4, {x->dim[0], dirs, x->dim[1], hidden}};
        h = (ff_shape){3, {dirs, x->dim[1], hidden}};
    }
    for (int i = 0; i < 3 && code == FF_OK; i++) {
        const ff_shape *shape = i == 0 ? &y : &h;
        code = ff_infer_out(c, i, dtype, known ? shape : NULL);
    }
    return code;
}

const ff_infer_entry ff_infer_matrix_rules[] = {
    {"MatMul", matmul},
    {"MatMulInteger", matmul_integer},
    {"QLinearMatMul", qlinear_matmul},
    {"Gemm", gemm},
    {"LSTM", recurrent},
    {"GRU", recurrent},
    {"RNN", recurrent},
    {NULL, NULL},
};
