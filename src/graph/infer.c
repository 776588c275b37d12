/*
 * Shape inference: the walk over the nodes, and what the rules share.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph_int.h"
#include "graph/infer_int.h"

#define ASSUMED_OPSET 17 /* of graphs made by hand that import none */

static const ff_infer_entry *const families[] = {
    ff_infer_elem_rules,  ff_infer_window_rules, ff_infer_move_rules,   ff_infer_resize_rules,
    ff_infer_index_rules, ff_infer_reduce_rules, ff_infer_matrix_rules,
};

const ff_value *ff_infer_in(const ff_infer *c, int i)
{
    if (i >= c->node->in_count || c->node->in[i] == FF_NO_VALUE) {
        return NULL;
    }
    return &c->g->values[c->node->in[i]];
}

const ff_shape *ff_infer_shape(const ff_infer *c, int i)
{
    const ff_value *v = ff_infer_in(c, i);
    return v != NULL && v->has_shape ? &v->shape : NULL;
}

ff_dtype ff_infer_dtype(const ff_infer *c, int i)
{
    const ff_value *v = ff_infer_in(c, i);
    return v != NULL ? v->dtype : FF_DTYPE_NONE;
}

const ff_cell *ff_infer_cells(ff_infer *c, int i, int *count)
{
    const ff_value *v = ff_infer_in(c, i);
    uint64_t elems = 0;
    if (v == NULL || !v->has_shape || ff_shape_elems(&v->shape, &elems, NULL) != FF_OK ||
        elems > FF_FOLD_MAX) {
        return NULL;
    }
    int index = c->node->in[i];
    if (c->cells[index] == NULL && v->kind == FF_VALUE_WEIGHT) {
        c->cells[index] = ff_infer_decode(c->g, v);
    }
    *count = (int)elems;
    return c->cells[index];
}

const ff_cell *ff_infer_ints(ff_infer *c, int i, int *count)
{
    const ff_shape *shape = ff_infer_shape(c, i);
    if (shape == NULL || shape->rank > 1 || ff_dtype_is_float(ff_infer_dtype(c, i))) {
        return NULL;
    }
    return ff_infer_cells(c, i, count);
}

ff_code ff_infer_fail(const ff_infer *c, const char *fmt, ...)
{
    char node[256], message[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return ff_err_set(c->err, FF_FORMAT, "%s: %s", ff_node_text(c->g, c->n, node, sizeof node),
                      message);
}

ff_code ff_infer_out(ff_infer *c, int i, ff_dtype dtype, const ff_shape *shape)
{
    if (i >= c->node->out_count || c->node->out[i] == FF_NO_VALUE) {
        return FF_OK;
    }
    ff_value *v = &c->g->values[c->node->out[i]];
    if (dtype != FF_DTYPE_NONE && v->dtype != FF_DTYPE_NONE && v->dtype != dtype) {
        return ff_infer_fail(c, "output '%s' is %s, but is declared as %s", v->name,
                             ff_dtype_name(dtype), ff_dtype_name(v->dtype));
    }
    if (shape != NULL) {
        uint64_t elems = 0;
        ff_code code = ff_shape_elems(shape, &elems, c->err);
        for (int a = 0; a < shape->rank && code == FF_OK; a++) {
            if ((uint64_t)shape->dim[a] > FF_MAX_TENSOR_BYTES) { /* beside a 0, elems allows it */
                code = ff_err_set(c->err, FF_LIMIT, "axis %d has %lld elements", a,
                                  (long long)shape->dim[a]);
            }
        }
        if (code != FF_OK) {
            char node[256];
            ff_err_wrap(c->err, "%s: output '%s'", ff_node_text(c->g, c->n, node, sizeof node),
                        v->name);
            return code;
        }
        v->has_shape = true;
        v->shape = *shape;
        c->shaped |= i < 32 ? 1u << i : 0;
    }
    if (dtype != FF_DTYPE_NONE) {
        v->dtype = dtype;
    }
    return FF_OK;
}

ff_code ff_infer_rank(const ff_infer *c, int i, int least, int most)
{
    const ff_shape *shape = ff_infer_shape(c, i);
    if (shape == NULL || (shape->rank >= least && shape->rank <= most)) {
        return FF_OK;
    }
    char text[256];
    return ff_infer_fail(c, "input '%s' should have %d%s dims, found %s", ff_infer_in(c, i)->name,
                         least, least == most ? "" : " or more",
                         ff_shape_text(shape, text, sizeof text));
}

ff_code ff_infer_same_dtype(const ff_infer *c, int i, int j)
{
    ff_dtype a = ff_infer_dtype(c, i), b = ff_infer_dtype(c, j);
    if (a == FF_DTYPE_NONE || b == FF_DTYPE_NONE || a == b) {
        return FF_OK;
    }
    return ff_infer_fail(c, "inputs should have one type, but '%s' is %s and '%s' is %s",
                         ff_infer_in(c, i)->name, ff_dtype_name(a), ff_infer_in(c, j)->name,
                         ff_dtype_name(b));
}

ff_code ff_infer_axis(const ff_infer *c, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank) {
        return ff_infer_fail(c, "axis %lld is outside of %d dims", (long long)axis, rank);
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return FF_OK;
}

ff_code ff_infer_attr_ints(const ff_infer *c, const char *name, int count, int64_t lo, int64_t hi,
                           int64_t fallback, int64_t *out)
{
    const ff_attr *a = ff_node_attr(c->node, name);
    if (a == NULL || (a->kind == FF_ATTR_INTS && a->count == 0)) {
        for (int i = 0; i < count; i++) {
            out[i] = fallback;
        }
        return FF_OK;
    }
    if (a->kind != FF_ATTR_INTS || a->count != (size_t)count) {
        return ff_infer_fail(c, "attribute '%s' should have %d numbers, found %zu", name, count,
                             a->kind == FF_ATTR_INTS ? a->count : 0);
    }
    for (int i = 0; i < count; i++) {
        if (a->ints[i] < lo || a->ints[i] > hi) {
            return ff_infer_fail(c, "attribute '%s' should be within %lld and %lld, found %lld",
                                 name, (long long)lo, (long long)hi, (long long)a->ints[i]);
        }
        out[i] = a->ints[i];
    }
    return FF_OK;
}

ff_code ff_infer_broadcast(const ff_infer *c, const ff_shape *a, const ff_shape *b, ff_shape *out)
{
    ff_shape r = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 1; i <= r.rank; i++) {
        int64_t x = i <= a->rank ? a->dim[a->rank - i] : 1;
        int64_t y = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (x != y && x != 1 && y != 1) {
            char left[256], right[256];
            return ff_infer_fail(c, "shapes %s and %s do not broadcast",
                                 ff_shape_text(a, left, sizeof left),
                                 ff_shape_text(b, right, sizeof right));
        }
        r.dim[r.rank - i] = x == 1 ? y : x;
    }
    *out = r;
    return FF_OK;
}

ff_code ff_infer_axes(ff_infer *c, int i, int64_t since, int rank, uint32_t *axes, bool *given,
                      bool *known)
{
    const ff_attr *a = ff_node_attr(c->node, "axes");
    bool from_attr = c->opset < since && a != NULL && a->kind == FF_ATTR_INTS;
    int count = 0;
    const ff_cell *cells = NULL;
    *known = true;
    *given = false;
    *axes = 0;
    if (from_attr) {
        count = a->count > FF_MAX_RANK ? FF_MAX_RANK + 1 : (int)a->count;
    } else if (c->opset >= since && ff_infer_in(c, i) != NULL) {
        cells = ff_infer_ints(c, i, &count);
        *known = cells != NULL;
    }
    if (count > FF_MAX_RANK) {
        return ff_infer_fail(c, "axes should be at most %d, found more", FF_MAX_RANK);
    }
    for (int k = 0; k < count && *known; k++) {
        int axis = 0;
        ff_code code = ff_infer_axis(c, from_attr ? a->ints[k] : cells[k].i, rank, &axis);
        if (code != FF_OK) {
            return code;
        }
        if ((*axes >> axis & 1) != 0) {
            return ff_infer_fail(c, "axis %d is given twice", axis);
        }
        *axes |= 1u << axis;
        *given = true;
    }
    return FF_OK;
}

static ff_infer_rule find_rule(const ff_node *node)
{
    if (node->domain[0] != '\0') {
        return NULL;
    }
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        for (const ff_infer_entry *e = families[f]; e->op != NULL; e++) {
            if (strcmp(e->op, node->op) == 0) {
                return e->rule;
            }
        }
    }
    return NULL;
}

bool ff_infer_knows(const ff_node *node)
{
    return find_rule(node) != NULL;
}

/* Ops that read more than one tensor in any case; the element-wise ones look for themselves. */
static int least_inputs(const ff_node *node)
{
    static const struct {
        const char *op;
        int least;
    } TABLE[] = {
        {"Conv", 2},
        {"ConvTranspose", 2},
        {"ConvInteger", 2},
        {"Gemm", 2},
        {"MatMul", 2},
        {"MatMulInteger", 2},
        {"BatchNormalization", 5},
        {"InstanceNormalization", 3},
        {"Reshape", 2},
        {"Expand", 2},
        {"Tile", 2},
        {"Gather", 2},
        {"GatherElements", 2},
        {"GatherND", 2},
        {"ScatterND", 3},
    };
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
        if (strcmp(TABLE[i].op, node->op) == 0)
            return TABLE[i].least;
    return 0;
}

static ff_code check_inputs(const ff_infer *c)
{
    int least = least_inputs(c->node);
    if (c->node->in_count < least)
        return ff_infer_fail(c, "should have %d inputs or more, found %d", least,
                             c->node->in_count);
    for (int i = 0; i < least; i++)
        if (c->node->in[i] == FF_NO_VALUE)
            return ff_infer_fail(c, "input %d may not be left out", i);
    return FF_OK;
}

/* Integer weights that are lists of sizes, axes, pads: known to every reader. */
static void publish_weights(ff_infer *c)
{
    for (int v = 0; v < c->g->value_count; v++) {
        ff_value *value = &c->g->values[v];
        if (value->kind != FF_VALUE_WEIGHT || ff_dtype_is_float(value->dtype)) {
            continue;
        }
        if (value->known != NULL) { /* by an inference before: they are cells */
            c->cells[v] = (const ff_cell *)value->known;
        } else if (ff_infer_folds(value->dtype)) {
            c->cells[v] = ff_infer_decode(c->g, value);
            value->known = c->cells[v] != NULL ? &c->cells[v]->i : NULL;
        }
    }
}

ff_code ff_graph_infer(ff_graph *g, ff_err *err)
{
    ff_infer c = {.g = g, .opset = ff_graph_opset(g, ""), .err = err};
    ff_code code = FF_OK;
    if (c.opset == 0) {
        c.opset = ASSUMED_OPSET;
    }
    c.cells = ff_mem_must_array((size_t)g->value_count + 1, sizeof *c.cells);
    publish_weights(&c);
    for (int n = 0; n < g->node_count && code == FF_OK; n++) {
        c.n = n;
        c.node = &g->nodes[n];
        c.shaped = 0;
        ff_infer_rule rule = find_rule(c.node);
        if (rule != NULL) {
            code = check_inputs(&c);
            if (code == FF_OK) {
                code = rule(&c);
            }
            if (code == FF_OK) {
                ff_infer_fold(&c);
            }
        }
    }
    ff_mem_free(g->index->cells);
    g->index->cells = c.cells;
    g->index->cell_values = g->value_count;
    return code;
}
