/*
 * Shapes of ops that move elements: concatenate, cut, pad, reshape, resize.
 */
#include <string.h>

#include "graph/infer_int.h"

static ff_code typed(ff_infer *c, const ff_shape *shape)
{
    return ff_infer_out(c, 0, ff_infer_dtype(c, 0), shape);
}

static ff_code concat(ff_infer *c)
{
    const ff_shape *first = ff_infer_shape(c, 0);
    bool known = first != NULL;
    int axis = 0;
    ff_code code = FF_OK;
    if (ff_node_attr(c->node, "axis") == NULL) {
        return ff_infer_fail(c, "attribute 'axis' is missing");
    }
    if (known) {
        code = ff_infer_axis(c, ff_node_int(c->node, "axis", 0), first->rank, &axis);
    }
    ff_shape out = known ? *first : (ff_shape){0};
    for (int i = 1; i < c->node->in_count && code == FF_OK; i++) {
        const ff_shape *s = ff_infer_shape(c, i);
        code = ff_infer_same_dtype(c, 0, i);
        known = known && s != NULL;
        for (int a = 0; known && code == FF_OK && a < out.rank; a++) {
            if (s->rank != out.rank || (a != axis && s->dim[a] != out.dim[a])) {
                char left[256], right[256];
                code = ff_infer_fail(c, "'%s' is %s, which does not fit %s beside axis %d",
                                     ff_infer_in(c, i)->name, ff_shape_text(s, right, sizeof right),
                                     ff_shape_text(&out, left, sizeof left), axis);
            }
        }
        if (known && code == FF_OK &&
            __builtin_add_overflow(out.dim[axis], s->dim[axis], &out.dim[axis])) {
            code = ff_infer_fail(c, "axis %d is too long", axis);
        }
    }
    return code != FF_OK ? code : typed(c, known ? &out : NULL);
}

/* The part's length of each output: listed, or equal with a shorter last one. */
static ff_code split_lengths(ff_infer *c, int64_t length, const ff_cell *cells, int listed,
                             int64_t i, int64_t *out)
{
    int64_t parts = c->node->out_count;
    const ff_attr *a = ff_node_attr(c->node, "split");
    if (cells != NULL || (c->opset < 13 && a != NULL && a->kind == FF_ATTR_INTS)) {
        size_t count = cells != NULL ? (size_t)listed : a->count;
        if (count != (size_t)parts) {
            return ff_infer_fail(c, "'split' should have %lld numbers, found %zu", (long long)parts,
                                 count);
        }
        *out = cells != NULL ? cells[i].i : a->ints[i];
        return FF_OK;
    }
    int64_t chunk = length / parts + (length % parts != 0);
    if (length % parts != 0 && c->opset < 18) {
        return ff_infer_fail(c, "%lld elements should divide into %lld parts", (long long)length,
                             (long long)parts);
    }
    *out = i < parts - 1 ? chunk : length - chunk * (parts - 1);
    return FF_OK;
}

static ff_code split(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    int axis = 0, listed = 0;
    const ff_cell *cells = c->opset >= 13 ? ff_infer_ints(c, 1, &listed) : NULL;
    bool known = x != NULL && (c->opset < 13 || ff_infer_in(c, 1) == NULL || cells != NULL);
    ff_code code = FF_OK;
    int64_t sum = 0;
    if (known) {
        code = ff_infer_axis(c, ff_node_int(c->node, "axis", 0), x->rank, &axis);
    }
    for (int i = 0; i < c->node->out_count && code == FF_OK; i++) {
        ff_shape out = known ? *x : (ff_shape){0};
        if (known) {
            code = split_lengths(c, x->dim[axis], cells, listed, i, &out.dim[axis]);
        }
        if (code == FF_OK && known &&
            (out.dim[axis] < 0 || __builtin_add_overflow(sum, out.dim[axis], &sum))) {
            code = ff_infer_fail(c, "part %d has %lld elements", i, (long long)out.dim[axis]);
        }
        if (code == FF_OK) {
            code = ff_infer_out(c, i, ff_infer_dtype(c, 0), known ? &out : NULL);
        }
    }
    if (code == FF_OK && known && sum != x->dim[axis]) {
        return ff_infer_fail(c, "the parts have %lld elements, axis %d has %lld", (long long)sum,
                             axis, (long long)x->dim[axis]);
    }
    return code;
}

/* One axis of a Slice, by ONNX's rules of clamping. */
static void slice_axis(int64_t dim, int64_t start, int64_t end, int64_t step, ff_slice *out, int a)
{
    int64_t top = step > 0 ? dim : dim - 1, bottom = step > 0 ? 0 : -1;
    start += start < 0 ? dim : 0;
    end += end < 0 ? dim : 0;
    start = start < 0 ? 0 : start > top ? top : start;
    end = end < bottom ? bottom : end > top ? top : end;
    uint64_t length = 0;
    if (step > 0 && end > start) {
        length = ((uint64_t)(end - start) - 1) / (uint64_t)step + 1;
    } else if (step < 0 && start > end) {
        length = ((uint64_t)(start - end) - 1) / (0 - (uint64_t)step) + 1;
    }
    out->start[a] = start;
    out->step[a] = step;
    out->count[a] = (int64_t)length;
}

/* starts, ends, axes or steps: input i from opset 10 on, an attribute before. absent: it may be. */
static ff_code slice_list(ff_infer *c, int i, const char *name, int64_t *list, int *count,
                          bool *known)
{
    *count = -1;
    if (c->opset < 10) {
        *count = ff_node_ints(c->node, name, list, FF_MAX_RANK);
    } else if (ff_infer_in(c, i) != NULL) {
        const ff_cell *cells = ff_infer_ints(c, i, count);
        *known = *known && cells != NULL;
        for (int k = 0; cells != NULL && k < *count && k < FF_MAX_RANK; k++) {
            list[k] = cells[k].i;
        }
    }
    return *count <= FF_MAX_RANK
               ? FF_OK
               : ff_infer_fail(c, "%s should be at most %d, found %d", name, FF_MAX_RANK, *count);
}

ff_code ff_infer_slice(ff_infer *c, const ff_shape *shape, ff_slice *out, bool *known)
{
    static const char *const names[4] = {"starts", "ends", "axes", "steps"};
    int64_t lists[4][FF_MAX_RANK];
    int counts[4];
    *known = true;
    for (int k = 0; k < 4; k++) {
        ff_code code = slice_list(c, k + 1, names[k], lists[k], &counts[k], known);
        if (code != FF_OK) {
            return code;
        }
    }
    if (!*known) {
        return FF_OK;
    }
    for (int k = 0; k < 4; k++) {
        if (counts[k] != counts[0] && (k < 2 || counts[k] >= 0)) {
            return ff_infer_fail(c, "should have as many %s as starts, found %d and %d", names[k],
                                 counts[k], counts[0]);
        }
    }
    for (int a = 0; a < shape->rank; a++) {
        out->start[a] = 0;
        out->step[a] = 1;
        out->count[a] = shape->dim[a];
    }
    for (int k = 0; k < counts[0]; k++) {
        int axis = 0;
        int64_t step = counts[3] >= 0 && c->opset >= 10 ? lists[3][k] : 1;
        ff_code code = ff_infer_axis(c, counts[2] >= 0 ? lists[2][k] : k, shape->rank, &axis);
        if (code == FF_OK && step == 0) {
            code = ff_infer_fail(c, "a step is 0");
        }
        if (code != FF_OK) {
            return code;
        }
        slice_axis(shape->dim[axis], lists[0][k], lists[1][k], step, out, axis);
    }
    return FF_OK;
}

static ff_code slice(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    ff_slice s;
    bool known = false;
    ff_code code = x != NULL ? ff_infer_slice(c, x, &s, &known) : FF_OK;
    ff_shape out = {.rank = x != NULL ? x->rank : 0};
    for (int a = 0; code == FF_OK && known && a < out.rank; a++) {
        out.dim[a] = s.count[a];
    }
    return code != FF_OK ? code : typed(c, known ? &out : NULL);
}

static ff_code pad(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    if (x == NULL) {
        return typed(c, NULL);
    }
    int64_t pads[2 * FF_MAX_RANK] = {0};
    int count = -1, axis_count = x->rank, axes_listed = 0;
    const ff_cell *axes = NULL;
    if (c->opset < 11) {
        count = ff_node_ints(c->node, "pads", pads, 2 * FF_MAX_RANK);
    } else {
        const ff_cell *cells = ff_infer_ints(c, 1, &count);
        if (ff_infer_in(c, 3) != NULL && c->opset >= 18) {
            axes = ff_infer_ints(c, 3, &axes_listed);
            axis_count = axes_listed;
        }
        if (cells == NULL || (axes == NULL && ff_infer_in(c, 3) != NULL && c->opset >= 18)) {
            return typed(c, NULL);
        }
        for (int i = 0; i < count && i < 2 * FF_MAX_RANK; i++) {
            pads[i] = cells[i].i;
        }
    }
    if (count != 2 * axis_count || axis_count > x->rank) {
        return ff_infer_fail(c, "should have 2 pads for each of %d axes, found %d", axis_count,
                             count);
    }
    ff_shape out = *x;
    for (int k = 0; k < axis_count; k++) {
        int a = k;
        ff_code code = axes != NULL ? ff_infer_axis(c, axes[k].i, x->rank, &a) : FF_OK;
        if (code == FF_OK &&
            (__builtin_add_overflow(out.dim[a], pads[k], &out.dim[a]) ||
             __builtin_add_overflow(out.dim[a], pads[k + axis_count], &out.dim[a]) ||
             out.dim[a] < 0)) {
            code = ff_infer_fail(c, "pads %lld and %lld do not fit axis %d of %lld elements",
                                 (long long)pads[k], (long long)pads[k + axis_count], a,
                                 (long long)x->dim[a]);
        }
        if (code != FF_OK) {
            return code;
        }
    }
    return typed(c, &out);
}

static ff_code transpose(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    if (x == NULL) {
        return typed(c, NULL);
    }
    int64_t perm[FF_MAX_RANK] = {0};
    ff_code code = ff_infer_attr_ints(c, "perm", x->rank, 0, x->rank - 1, -1, perm);
    ff_shape out = {.rank = x->rank};
    uint32_t seen = 0;
    for (int a = 0; a < x->rank && code == FF_OK; a++) {
        int from = perm[a] < 0 ? x->rank - 1 - a : (int)perm[a];
        if ((seen >> from & 1) != 0) {
            code = ff_infer_fail(c, "attribute 'perm' has axis %d twice", from);
        }
        seen |= 1u << from;
        out.dim[a] = x->dim[from];
    }
    return code != FF_OK ? code : typed(c, &out);
}

/* 0 copies a dim (unless allowzero), -1 takes what is left. */
static ff_code reshape(ff_infer *c)
{
    int count = 0, open = -1;
    const ff_shape *x = ff_infer_shape(c, 0);
    const ff_cell *cells = ff_infer_ints(c, 1, &count);
    if (cells == NULL || count > FF_MAX_RANK) {
        return typed(c, NULL);
    }
    bool zero = ff_node_int(c->node, "allowzero", 0) != 0;
    uint64_t elems = 0, made = 1;
    ff_shape out = {.rank = count};
    if (x != NULL && ff_shape_elems(x, &elems, c->err) != FF_OK) {
        return c->err != NULL ? c->err->code : FF_LIMIT;
    }
    for (int a = 0; a < count; a++) {
        int64_t dim = cells[a].i;
        if (dim == 0 && !zero) {
            if (x == NULL) {
                return typed(c, NULL);
            }
            if (a >= x->rank) {
                return ff_infer_fail(c, "dim %d is to be copied, but the input has %d", a, x->rank);
            }
            dim = x->dim[a];
        }
        if (dim < -1 || (dim == -1 && open >= 0)) {
            return ff_infer_fail(c, "dim %d of the new shape is %lld", a, (long long)dim);
        }
        if (dim == -1) {
            open = a;
            continue;
        }
        out.dim[a] = dim;
        if (__builtin_mul_overflow(made, (uint64_t)dim, &made)) {
            return ff_infer_fail(c, "the new shape has too many elements");
        }
    }
    if (x == NULL) {
        return typed(c, open < 0 ? &out : NULL);
    }
    if (open >= 0 && made > 0 && elems % made == 0) {
        out.dim[open] = (int64_t)(elems / made);
        made = elems;
    }
    if (made != elems) {
        return ff_infer_fail(c, "%llu elements do not make a shape of %llu%s",
                             (unsigned long long)elems, (unsigned long long)made,
                             open >= 0 ? " and one open dim" : "");
    }
    return typed(c, &out);
}

static ff_code flatten(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    int64_t axis = ff_node_int(c->node, "axis", 1);
    if (x == NULL) {
        return typed(c, NULL);
    }
    if (axis < -x->rank || axis > x->rank) {
        return ff_infer_fail(c, "axis %lld is outside of %d dims", (long long)axis, x->rank);
    }
    axis += axis < 0 ? x->rank : 0;
    ff_shape out = {2, {1, 1}};
    for (int a = 0; a < x->rank; a++) {
        int64_t *dim = &out.dim[a < axis ? 0 : 1];
        if (__builtin_mul_overflow(*dim, x->dim[a], dim)) {
            return ff_infer_fail(c, "axis %d is too long", a < axis ? 0 : 1);
        }
    }
    return typed(c, &out);
}

static ff_code squeeze(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    uint32_t axes = 0;
    bool given = false, known = false;
    if (x == NULL) {
        return typed(c, NULL);
    }
    ff_code code = ff_infer_axes(c, 1, 13, x->rank, &axes, &given, &known);
    if (code != FF_OK || !known) {
        return code != FF_OK ? code : typed(c, NULL);
    }
    ff_shape out = {.rank = 0};
    for (int a = 0; a < x->rank; a++) {
        bool drop = given ? (axes >> a & 1) != 0 : x->dim[a] == 1;
        if (drop && x->dim[a] != 1) {
            return ff_infer_fail(c, "axis %d has %lld elements, it should have 1", a,
                                 (long long)x->dim[a]);
        }
        if (!drop) {
            out.dim[out.rank++] = x->dim[a];
        }
    }
    return typed(c, &out);
}

static ff_code unsqueeze(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    int added = 0;
    const ff_attr *attr = ff_node_attr(c->node, "axes");
    if (c->opset >= 13) {
        if (ff_infer_ints(c, 1, &added) == NULL) {
            return typed(c, NULL);
        }
    } else if (attr != NULL && attr->kind == FF_ATTR_INTS) {
        added = attr->count > FF_MAX_RANK ? FF_MAX_RANK + 1 : (int)attr->count;
    }
    if (x == NULL) {
        return typed(c, NULL);
    }
    if (added + x->rank > FF_MAX_RANK) {
        return ff_infer_fail(c, "%d new axes on %d dims, the limit is %d", added, x->rank,
                             FF_MAX_RANK);
    }
    uint32_t axes = 0;
    bool given = false, known = false;
    ff_shape out = {.rank = x->rank + added};
    ff_code code = ff_infer_axes(c, 1, 13, out.rank, &axes, &given, &known);
    for (int a = 0, from = 0; a < out.rank && code == FF_OK; a++) {
        out.dim[a] = (axes >> a & 1) != 0 ? 1 : x->dim[from++];
    }
    return code != FF_OK ? code : typed(c, &out);
}

static ff_code expand(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    int count = 0;
    const ff_cell *cells = ff_infer_ints(c, 1, &count);
    if (x == NULL || cells == NULL || count > FF_MAX_RANK) {
        return typed(c, NULL);
    }
    ff_shape wanted = {.rank = count}, out;
    for (int a = 0; a < count; a++) {
        wanted.dim[a] = cells[a].i;
    }
    ff_code code = ff_infer_broadcast(c, x, &wanted, &out);
    return code != FF_OK ? code : typed(c, &out);
}

static ff_code tile(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    int count = 0;
    const ff_cell *cells = ff_infer_ints(c, 1, &count);
    if (x == NULL || cells == NULL) {
        return typed(c, NULL);
    }
    if (count != x->rank) {
        return ff_infer_fail(c, "should have %d repeats, found %d", x->rank, count);
    }
    ff_shape out = *x;
    for (int a = 0; a < count; a++) {
        if (cells[a].i < 0 || __builtin_mul_overflow(out.dim[a], cells[a].i, &out.dim[a])) {
            return ff_infer_fail(c, "axis %d is repeated %lld times", a, (long long)cells[a].i);
        }
    }
    return typed(c, &out);
}

/* DepthToSpace, SpaceToDepth. */
static ff_code depth_space(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    int64_t b = ff_node_int(c->node, "blocksize", 0);
    ff_code code = ff_infer_rank(c, 0, 4, 4);
    if (code != FF_OK || x == NULL) {
        return code != FF_OK ? code : typed(c, NULL);
    }
    bool to_space = ff_node_is(c->node, "DepthToSpace");
    if (b < 1 || b > 4096 || (to_space && x->dim[1] % (b * b) != 0) ||
        (!to_space && (x->dim[2] % b != 0 || x->dim[3] % b != 0))) {
        char text[256];
        return ff_infer_fail(c, "attribute 'blocksize' is %lld, which does not divide %s",
                             (long long)b, ff_shape_text(x, text, sizeof text));
    }
    ff_shape out = *x;
    out.dim[1] = to_space ? x->dim[1] / (b * b) : x->dim[1] * b * b;
    for (int a = 2; a < 4; a++) {
        out.dim[a] = to_space ? x->dim[a] * b : x->dim[a] / b;
    }
    return typed(c, &out);
}

const ff_infer_entry ff_infer_move_rules[] = {
    {"Concat", concat},
    {"Split", split},
    {"Slice", slice},
    {"Pad", pad},
    {"Transpose", transpose},
    {"Reshape", reshape},
    {"Flatten", flatten},
    {"Squeeze", squeeze},
    {"Unsqueeze", unsqueeze},
    {"Expand", expand},
    {"Tile", tile},
    {"DepthToSpace", depth_space},
    {"SpaceToDepth", depth_space},
    {NULL, NULL},
};
