/*
 * Shapes of Resize and Upsample: by scales or by sizes, of all axes or of some.
 */
#include <math.h>
#include <string.h>

#include "graph/infer_int.h"

/* An axis's length times scale, in float32 as the runtimes do; false where it is not a length. */
static bool scale_dim(int64_t dim, float scale, int64_t *out)
{
    float length = floorf((float)dim * scale);
    if (!(scale > 0) || !(length >= 0) || length > 1e15f) {
        return false;
    }
    *out = (int64_t)length;
    return true;
}

static ff_code by_scales(ff_infer *c, const ff_shape *x, const int *axes, int count,
                         const float *scales)
{
    ff_shape out = *x;
    for (int k = 0; k < count; k++) {
        if (!scale_dim(x->dim[axes[k]], scales[k], &out.dim[axes[k]])) {
            return ff_infer_fail(c, "axis %d cannot be scaled by %g", axes[k], (double)scales[k]);
        }
    }
    return ff_infer_out(c, 0, ff_infer_dtype(c, 0), &out);
}

static ff_code by_sizes(ff_infer *c, const ff_shape *x, const int *axes, int count,
                        const ff_cell *sizes)
{
    ff_shape out = *x;
    bool larger = ff_node_string_is(c->node, "keep_aspect_ratio_policy", "not_smaller", "stretch");
    bool smaller = ff_node_string_is(c->node, "keep_aspect_ratio_policy", "not_larger", "stretch");
    double scale = 0;
    for (int k = 0; k < count; k++) {
        double s = x->dim[axes[k]] > 0 ? (double)sizes[k].i / (double)x->dim[axes[k]] : 0;
        scale = k == 0 || (larger ? s > scale : s < scale) ? s : scale;
        out.dim[axes[k]] = sizes[k].i;
    }
    for (int k = 0; k < count && (larger || smaller); k++) {
        double length = floor((double)x->dim[axes[k]] * scale + 0.5);
        if (!(length >= 0 && length < 1e15)) {
            return ff_infer_fail(c, "axis %d cannot be scaled by %g", axes[k], scale);
        }
        out.dim[axes[k]] = (int64_t)length;
    }
    return ff_infer_out(c, 0, ff_infer_dtype(c, 0), &out);
}

/* The axes that are scaled: attribute axes from opset 18 on, or all. Returns their number. */
static ff_code read_axes(ff_infer *c, int rank, int *axes, int *count)
{
    int64_t listed[FF_MAX_RANK];
    int found = c->opset >= 18 ? ff_node_ints(c->node, "axes", listed, FF_MAX_RANK) : -1;
    *count = found < 0 ? rank : found;
    if (*count > rank) {
        return ff_infer_fail(c, "attribute 'axes' should have at most %d numbers, found %d", rank,
                             *count);
    }
    for (int k = 0; k < *count; k++) {
        axes[k] = k;
        ff_code code = found < 0 ? FF_OK : ff_infer_axis(c, listed[k], rank, &axes[k]);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

/* Upsample of opset 7: scales as an attribute. */
static ff_code scales_attr(ff_infer *c, const ff_shape *x, const int *axes, int count)
{
    const ff_attr *a = ff_node_attr(c->node, "scales");
    if (a == NULL || a->kind != FF_ATTR_FLOATS || a->count != (size_t)count) {
        return ff_infer_fail(c, "attribute 'scales' should have %d numbers", count);
    }
    return by_scales(c, x, axes, count, a->floats);
}

static ff_code resize(ff_infer *c)
{
    const ff_shape *x = ff_infer_shape(c, 0);
    if (x == NULL) {
        return ff_infer_out(c, 0, ff_infer_dtype(c, 0), NULL);
    }
    int axes[FF_MAX_RANK] = {0}, count = 0, listed = 0;
    ff_code code = read_axes(c, x->rank, axes, &count);
    if (code != FF_OK) {
        return code;
    }
    bool upsample = ff_node_is(c->node, "Upsample");
    if (upsample && c->opset < 9) {
        return scales_attr(c, x, axes, count);
    }
    int scales_at = upsample || c->opset < 11 ? 1 : 2;
    const ff_cell *sizes = !upsample && c->opset >= 11 ? ff_infer_ints(c, 3, &listed) : NULL;
    bool by_size = sizes != NULL;
    const ff_cell *cells = sizes;
    if (!by_size) {
        cells = ff_infer_cells(c, scales_at, &listed);
        if (cells == NULL || !ff_dtype_is_float(ff_infer_dtype(c, scales_at)) ||
            (c->opset >= 11 && ff_infer_in(c, 3) != NULL)) {
            return ff_infer_out(c, 0, ff_infer_dtype(c, 0), NULL);
        }
    }
    if (listed != count) {
        return ff_infer_fail(c, "should have %d %s, found %d", count, by_size ? "sizes" : "scales",
                             listed);
    }
    if (by_size) {
        return by_sizes(c, x, axes, count, sizes);
    }
    float scales[FF_MAX_RANK];
    for (int k = 0; k < count; k++) {
        scales[k] = (float)cells[k].f;
    }
    return by_scales(c, x, axes, count, scales);
}

const ff_infer_entry ff_infer_resize_rules[] = {
    {"Resize", resize},
    {"Upsample", resize},
    {NULL, NULL},
};
