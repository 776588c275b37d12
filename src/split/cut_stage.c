/*
 * The cut of a whole stage: where it begins, at the stage's outputs, and whether the result is
 * worth having: every piece has a share, ranges that meet agree, no weight is copied.
 */
#include <string.h>

#include "split/split_int.h"

uint32_t ff_grid_axes(const ff_split *split, int rank)
{
    uint32_t mask = 0;
    if (split->kind == FF_SPLIT_GRID && rank >= 2) {
        mask |= split->rows > 1 ? 1u << (rank - 2) : 0;
        mask |= split->cols > 1 ? 1u << (rank - 1) : 0;
    }
    return mask;
}

/* Do ranges that meet agree, and has every piece one? */
static ff_code check_roots(const ff_stage_view *view, ff_err *err)
{
    int pieces = view->stage->split.rows;
    char text[64];
    for (int r = 0; r < view->root_count; r++) {
        int64_t units = view->root[r].length / view->root[r].granule;
        if (units < pieces || view->root[r].length % view->root[r].granule != 0) {
            return ff_err_set(err, FF_UNSUPPORTED,
                              "%s: an axis of %lld, in blocks of %lld, has %lld shares",
                              ff_split_text(&view->stage->split, text, sizeof text),
                              (long long)view->root[r].length, (long long)view->root[r].granule,
                              (long long)units);
        }
    }
    for (int k = 0; k < view->meeting_count; k++) {
        const ff_meeting *at = &view->meeting[k];
        for (int i = 0; i < pieces; i++) {
            int64_t a, b, ahi, bhi;
            ff_root_range(view, at->one.root, i, &a, &ahi);
            ff_root_range(view, at->other.root, i, &b, &bhi);
            if (a * at->one.num / at->one.den != b * at->other.num / at->other.den ||
                ahi * at->one.num / at->one.den != bhi * at->other.num / at->other.den) {
                return ff_err_set(err, FF_UNSUPPORTED,
                                  "%s: '%.100s' is divided at different places by its readers",
                                  ff_split_text(&view->stage->split, text, sizeof text),
                                  view->g->values[at->value].name);
            }
        }
    }
    return FF_OK;
}

/* Weights that every piece would have whole. */
static ff_code check_copies(const ff_stage_view *view, ff_err *err)
{
    uint64_t copied = 0, whole = 0;
    const int pieces = view->stage->split.rows;
    char text[64];
    for (int v = 0; v < view->g->value_count; v++) {
        const ff_value *value = &view->g->values[v];
        const ff_cut *c = &view->cut[v];
        bool mask = value->dtype == FF_DTYPE_BOOL; /* every piece may have it */
        if (value->kind == FF_VALUE_WEIGHT && c->demanded && !mask) {
            whole += value->data.len;
            copied += c->all || (c->axes == 0 && !c->once) ? value->data.len : 0;
        }
    }
    double more = (double)copied * (pieces - 1);
    if (more > (double)whole * (FF_SPLIT_WEIGHTS_MAX - 1) + FF_SPLIT_WEIGHTS_SMALL * 0.5 * pieces) {
        return ff_err_set(err, FF_UNSUPPORTED,
                          "%s: every piece would need %llu of %llu bytes of weights whole",
                          ff_split_text(&view->stage->split, text, sizeof text),
                          (unsigned long long)copied, (unsigned long long)whole);
    }
    return FF_OK;
}

/* Does the stage hold what this kind of split is for? */
static ff_code check_kind(const ff_stage_view *view, ff_err *err)
{
    const ff_split *s = &view->stage->split;
    bool pair = s->kind == FF_SPLIT_PAIR || s->kind == FF_SPLIT_HEADS;
    char text[64];
    if (pair && view->layers_cut == 0) {
        return ff_err_set(err, FF_UNSUPPORTED,
                          "%s: no layer of the stage makes what another one sums over",
                          ff_split_text(s, text, sizeof text));
    }
    if (s->kind == FF_SPLIT_HEADS && view->products == 0) {
        return ff_err_set(err, FF_UNSUPPORTED, "%s: the stage multiplies no heads",
                          ff_split_text(s, text, sizeof text));
    }
    return FF_OK;
}

static ff_code unshaped(const ff_graph *g, int v, const char *does, ff_err *err)
{
    char why[768];
    return ff_err_set(err, FF_UNSUPPORTED,
                      "the shape of '%.100s', which %s the stage, is not known: %s",
                      g->values[v].name, does, ff_graph_why_unshaped(g, v, why, sizeof why));
}

static ff_code check_output(const ff_stage_view *view, int v, ff_err *err)
{
    const ff_split *s = &view->stage->split;
    const ff_value *value = &view->g->values[v];
    char text[128], name[64];
    if (!value->has_shape) {
        return unshaped(view->g, v, "leaves", err);
    }
    if (s->kind != FF_SPLIT_GRID || view->constant[v] != 0 || view->summable[v] != 0) {
        return FF_OK;
    }
    int rank = value->shape.rank;
    /* a map has batch and channels before it; rows may be missing where they are not cut */
    bool map = rank >= (s->rows > 1 ? 4 : 3);
    if (!map || value->shape.dim[rank - 2] < s->rows || value->shape.dim[rank - 1] < s->cols) {
        char why[256] = "";
        (void)ff_grid_begins_sum(view, value->producer, why, sizeof why);
        return ff_err_set(err, FF_UNSUPPORTED,
                          "'%.100s', made by %s, is %s: no map of at least %dx%d for %s%s%s",
                          value->name, view->g->nodes[value->producer].op,
                          ff_shape_text(&value->shape, text, sizeof text), s->rows, s->cols,
                          ff_split_text(s, name, sizeof name),
                          why[0] == '\0' ? "" : ", nor a sum over one: ", why);
    }
    return FF_OK;
}

/* Output number i leaves in ranges of this axis. */
static ff_code demand_range(ff_stage_view *view, int i, int axis, ff_err *err)
{
    int v = view->out[i];
    const ff_value *value = &view->g->values[v];
    char text[128], name[64];
    if (axis >= value->shape.rank || value->shape.dim[axis] < view->stage->split.rows) {
        return ff_err_set(err, FF_UNSUPPORTED,
                          "'%.100s', made by %s, is %s: axis %d is too short for %s", value->name,
                          view->g->nodes[value->producer].op,
                          ff_shape_text(&value->shape, text, sizeof text), axis,
                          ff_split_text(&view->stage->split, name, sizeof name));
    }
    view->out_root[i] = ff_add_root(view, value->shape.dim[axis]);
    const ff_cut part = {.axes = 1u << axis, .root = view->out_root[i], .num = 1, .den = 1};
    return ff_demand(view, value->producer, v, &part, err);
}

static ff_code cut_nodes(ff_stage_view *view, ff_err *err)
{
    ff_code code = FF_OK;
    for (int n = view->stage->end - 1; n >= view->stage->begin && code == FF_OK; n--) {
        code = ff_cut_node(view, n, err);
    }
    return code;
}

static void forget(ff_stage_view *view)
{
    memset(view->cut, 0, ((size_t)view->g->value_count + 1) * sizeof *view->cut);
    memset(view->sum_root, 0,
           (size_t)(view->stage->end - view->stage->begin) * sizeof *view->sum_root);
    view->root_count = view->meeting_count = view->layers_cut = view->products = 0;
    view->gather_count = 0;
}

static bool has_layer(const ff_stage_view *view)
{
    bool found = false;
    for (int n = view->stage->begin; n < view->stage->end && !found; n++) {
        found = !ff_node_is_constant(view, &view->g->nodes[n]) && ff_is_layer(view, n);
    }
    return found;
}

/* The axis of an output that its channels lie along: the first one that leads back to a layer's
 * channels; in a stage without layers the first one that passes. */
static ff_code channel_axis(ff_stage_view *view, int i, int *axis, ff_err *err)
{
    int rank = view->g->values[view->out[i]].shape.rank, found = -1;
    bool layers = has_layer(view);
    ff_err first = {0};
    for (int t = 0; t < rank; t++) {
        ff_err local = {0};
        /* channels come second, columns last */
        int a = rank < 3 ? rank - 1 - t : t == 0 ? 1 : t == 1 ? rank - 1 : t == 2 ? 0 : t - 1;
        forget(view);
        ff_code code = demand_range(view, i, a, &local);
        if (code == FF_OK) {
            code = cut_nodes(view, &local);
        }
        if (code == FF_OK && (!layers || view->layers_cut > 0)) {
            found = a;
            break;
        }
        if (code != FF_OK && first.code == FF_OK) {
            first = local;
        }
    }
    forget(view);
    *axis = found;
    if (found >= 0) {
        return FF_OK;
    }
    char text[64];
    return first.code != FF_OK ? ff_err_set(err, first.code, "%s", first.message)
                               : ff_err_set(err, FF_UNSUPPORTED, "a scalar cannot pass %s",
                                            ff_split_text(&view->stage->split, text, sizeof text));
}

static ff_code demand_outputs(ff_stage_view *view, ff_err *err)
{
    const ff_split *split = &view->stage->split;
    int *axis = ff_mem_must_array((size_t)view->out_count + 1, sizeof *axis);
    const ff_cut term = {.partial = true}, once = {.once = true};
    ff_code code = FF_OK;
    for (int i = 0; i < view->out_count && code == FF_OK; i++) {
        if (split->kind == FF_SPLIT_CHANNEL && view->constant[view->out[i]] == 0) {
            code = channel_axis(view, i, &axis[i], err);
        }
    }
    for (int i = 0; i < view->out_count && code == FF_OK; i++) {
        int v = view->out[i], n = view->g->values[v].producer;
        if (view->constant[v] != 0) {
            code = ff_demand(view, n, v, &once, err); /* piece 0 makes it */
        } else if (split->kind == FF_SPLIT_GRID && view->summable[v] == 0) {
            int rank = view->g->values[v].shape.rank;
            const ff_cut tile = {.axes = ff_grid_axes(split, rank)};
            (void)ff_tiling_add(view, v, split->rows > 1 ? rank - 2 : -1,
                                split->cols > 1 ? rank - 1 : -1);
            code = ff_demand(view, n, v, &tile, err);
        } else if (split->kind == FF_SPLIT_BATCH || split->kind == FF_SPLIT_CHANNEL) {
            code = demand_range(view, i, axis[i], err);
        } else {
            code = ff_demand(view, n, v, &term, err);
        }
    }
    ff_mem_free(axis);
    return code;
}

ff_code ff_stage_view_cut(ff_stage_view *view, ff_err *err)
{
    const ff_graph *g = view->g;
    const ff_split *split = &view->stage->split;
    bool whole = split->kind == FF_SPLIT_LOCAL || split->kind == FF_SPLIT_OFFLOAD;
    int varying = 0;
    for (int i = 0; i < view->in_count; i++) {
        if (!g->values[view->in[i]].has_shape) {
            return unshaped(g, view->in[i], "enters", err);
        }
    }
    if (ff_split_divides(split->kind) || split->kind == FF_SPLIT_GRID) {
        ff_mark_summable(view);
    }
    for (int i = 0; i < view->out_count; i++) {
        ff_code code = check_output(view, view->out[i], err);
        if (code != FF_OK) {
            return code;
        }
        varying += view->constant[view->out[i]] == 0 ? 1 : 0;
    }
    if (view->out_count == 0 || (!whole && varying == 0)) {
        return ff_err_set(err, FF_UNSUPPORTED,
                          "nodes %d to %d make nothing that leaves the stage%s", view->stage->begin,
                          view->stage->end - 1, view->out_count > 0 ? " but constants" : "");
    }
    if (whole) {
        return FF_OK;
    }
    ff_code code = demand_outputs(view, err);
    if (code == FF_OK) {
        code = cut_nodes(view, err);
    }
    if (code == FF_OK && ff_split_is_ranged(split->kind)) {
        code = check_roots(view, err);
    }
    if (code == FF_OK && ff_split_divides(split->kind)) {
        code = check_kind(view, err);
    }
    if (code == FF_OK && ff_split_divides(split->kind)) {
        code = check_copies(view, err);
    }
    return code;
}
