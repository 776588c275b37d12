/*
 * How values are cut: from the outputs of a stage back to its inputs.
 *
 * Splits other than grids (cut_grid.c) cut one axis of each value into ranges; where its place is
 * in the axis that the split chose (the root: an output of the stage, or what a layer sums over) is
 * followed through all reshapes, so that ranges begin where heads and groups do.
 */
#include <stdio.h>

#include "split/split_int.h"

bool ff_split_is_ranged(ff_split_kind kind)
{
    return kind == FF_SPLIT_BATCH || ff_split_divides(kind);
}

ff_code ff_no_pass(const ff_graph *g, int node, const ff_split *split, const char *why, ff_err *err)
{
    char text[256], name[64];
    return ff_err_set(err, FF_UNSUPPORTED, "%s cannot pass %s: %s",
                      ff_node_text(g, node, text, sizeof text),
                      ff_split_text(split, name, sizeof name), why);
}

int ff_cut_axis(const ff_cut *cut)
{
    int axis = 0;
    while (axis < FF_MAX_RANK - 1 && (cut->axes >> axis & 1u) == 0) {
        axis++;
    }
    return axis;
}

void ff_root_range(const ff_stage_view *view, int root, int index, int64_t *lo, int64_t *hi)
{
    const ff_root *r = &view->root[root - 1];
    int64_t units = r->length / r->granule, pieces = view->stage->split.rows;
    *lo = units * index / pieces * r->granule;
    *hi = index + 1 == pieces ? r->length : units * (index + 1) / pieces * r->granule;
}

int ff_add_root(ff_stage_view *view, int64_t length)
{
    if (view->root_count == view->root_room) {
        int room = view->root_room == 0 ? 4 : view->root_room * 2;
        view->root =
            ff_mem_must_grow(view->root, (size_t)view->root_room, (size_t)room, sizeof *view->root);
        view->root_room = room;
    }
    view->root[view->root_count++] = (ff_root){length, 1};
    return view->root_count;
}

bool ff_is_layer(const ff_stage_view *view, int n)
{
    const ff_node *node = &view->g->nodes[n];
    bool weights = false;
    for (int i = 0; i < node->in_count; i++) {
        int v = node->in[i];
        weights = weights || (v != FF_NO_VALUE && view->constant[v] != 0 &&
                              view->g->values[v].has_shape && view->g->values[v].shape.rank >= 2);
    }
    return weights && ff_op_dense_axis(view->g, n) >= 0;
}

static void add_meeting(ff_stage_view *view, int v, const ff_cut *one, const ff_cut *other)
{
    if (view->meeting_count == view->meeting_room) {
        int room = view->meeting_room == 0 ? 4 : view->meeting_room * 2;
        view->meeting = ff_mem_must_grow(view->meeting, (size_t)view->meeting_room, (size_t)room,
                                         sizeof *view->meeting);
        view->meeting_room = room;
    }
    view->meeting[view->meeting_count++] = (ff_meeting){v, *one, *other};
}

static int64_t runs_of(const ff_cut *cut)
{
    return cut->runs < 1 ? 1 : cut->runs;
}

ff_code ff_demand(ff_stage_view *view, int n, int v, const ff_cut *what, ff_err *err)
{
    ff_cut *c = &view->cut[v];
    const ff_split *split = &view->stage->split;
    const ff_value *value = &view->g->values[v];
    bool weight = value->kind == FF_VALUE_WEIGHT, ranged = ff_split_is_ranged(split->kind);
    bool differs = ranged && c->axes != 0 && what->axes != 0 &&
                   (c->axes != what->axes || runs_of(c) != runs_of(what));
    bool scattered = runs_of(c) > 1 || runs_of(what) > 1;
    bool outside = value->producer == FF_NO_NODE || value->producer < view->stage->begin;
    char why[256];
    if (what->gather != 0 && view->constant[v] != 0 &&
        (!weight || ff_dtype_bytes(value->dtype) == 0)) {
        snprintf(why, sizeof why, "runs of '%.100s', which is computed from weights, cannot be had",
                 value->name);
        return ff_no_pass(view->g, n, split, why, err);
    }
    if (!weight && outside && what->gather != 0) {
        snprintf(why, sizeof why, "'%.100s', which enters the stage, would be sent in several runs",
                 value->name);
        return ff_no_pass(view->g, n, split, why, err);
    }
    if (!weight && c->demanded && c->gather != what->gather) {
        snprintf(why, sizeof why, "'%.100s', which it reads, is cut in two ways", value->name);
        return ff_no_pass(view->g, n, split, why, err);
    }
    if (!weight && ((differs && view->constant[v] == 0) ||
                    (scattered && (differs || outside || c->all || what->all || what->once)))) {
        snprintf(why, sizeof why, "'%.100s', which it reads, is cut in two ways", value->name);
        return ff_no_pass(view->g, n, split, why, err);
    }
    c->demanded = true;
    c->all = c->all || what->all || differs || (weight && ff_dtype_bytes(value->dtype) == 0);
    c->once = c->once || what->once;
    c->partial = c->partial || what->partial;
    if (c->axes != 0 && what->axes != 0 && ranged && !weight && !differs &&
        (c->root != what->root || c->num != what->num || c->den != what->den)) {
        add_meeting(view, v, c, what);
    }
    if (c->axes == 0) {
        c->root = what->root;
        c->num = what->num;
        c->den = what->den;
        c->runs = what->runs;
        c->gather = what->gather;
    }
    c->axes |= what->axes;
    return FF_OK;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Ranges of the cut's axis must begin at multiples of block: so must those of its root. */
static bool align(ff_stage_view *view, const ff_cut *cut, int64_t block)
{
    int64_t down = 0, granule = 0;
    if (cut->root == 0 || block == 1) {
        return true;
    }
    ff_root *r = &view->root[cut->root - 1];
    if (__builtin_mul_overflow(cut->den, block, &down)) {
        return false;
    }
    down /= gcd(cut->num, down);
    if (__builtin_mul_overflow(r->granule / gcd(r->granule, down), down, &granule) ||
        granule > r->length) {
        return false;
    }
    r->granule = granule;
    return true;
}

/* Maps that leave the axis as it is, whatever their kind. */
bool ff_map_is_same(const ff_axis_map *map, int64_t out_len)
{
    bool one = map->in_len == out_len;
    return map->kind == FF_AXIS_SAME ||
           (map->kind == FF_AXIS_WINDOW && one && map->stride == 1 && map->extent == 1 &&
            map->pad == 0) ||
           (map->kind == FF_AXIS_SHIFT && one && map->offset == 0) ||
           (map->kind == FF_AXIS_BLOCKS && one && map->stride == 1);
}

/* The cut of an input that goes with `out` of the output. False, with the reason: it has none. */
static bool ranged_input(ff_stage_view *view, int n, int i, const ff_cut *out, ff_cut *in,
                         char *why, size_t size)
{
    int axis = ff_cut_axis(out);
    const ff_node *node = &view->g->nodes[n];
    ff_axis_map map = ff_op_axis(view->g, n, axis, i);
    *in = (ff_cut){.all = true};
    if (map.kind == FF_AXIS_NONE || map.kind == FF_AXIS_BCAST) {
        return true;
    }
    *in = (ff_cut){.axes = 1u << map.in_axis,
                   .root = out->root,
                   .num = out->num,
                   .den = out->den,
                   .runs = out->runs,
                   .gather = out->gather};
    if (ff_map_is_same(&map, view->g->values[node->out[0]].shape.dim[axis])) {
        return true;
    }
    if (map.kind != FF_AXIS_GROUPS || runs_of(out) > 1 || out->gather != 0) {
        snprintf(why, size, "axis %d of its output is no share of its input %d", axis, i);
        return false;
    }
    in->runs = map.runs;
    if (__builtin_mul_overflow(out->num, map.stride, &in->num) ||
        __builtin_mul_overflow(out->den, map.extent, &in->den) || !align(view, out, map.extent)) {
        snprintf(why, size, "axis %d is made of blocks of %lld, too large to share out", axis,
                 (long long)map.extent);
        return false;
    }
    int64_t common = gcd(in->num, in->den);
    in->num /= common;
    in->den /= common;
    return true;
}

ff_code ff_cut_ranged(ff_stage_view *view, int n, const ff_cut *out, ff_err *err)
{
    const ff_node *node = &view->g->nodes[n];
    const ff_split *split = &view->stage->split;
    char why[256];
    int axis = ff_cut_axis(out);
    if (!ff_op_passes(view->g, n, axis, why, sizeof why)) {
        return ff_no_pass(view->g, n, split, why, err);
    }
    bool layer = ff_is_layer(view, n);
    if (axis == ff_op_dense_axis(view->g, n) && layer) {
        if (split->kind == FF_SPLIT_BATCH || split->kind == FF_SPLIT_REDUCE) {
            return ff_no_pass(view->g, n, split, "its channels would be cut, by channel or pair",
                              err);
        }
        view->layers_cut++;
    }
    view->products += ff_node_is(node, "MatMul") && !layer ? 1 : 0;
    for (int i = 0; i < node->in_count; i++) {
        ff_cut in;
        if (!ff_op_reads(view->g, n, i)) {
            continue;
        }
        if (!ranged_input(view, n, i, out, &in, why, sizeof why)) {
            return ff_no_pass(view->g, n, split, why, err);
        }
        ff_code code = ff_demand(view, n, node->in[i], &in, err);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

/* Every piece computes the node whole. */
static ff_code cut_whole(ff_stage_view *view, int n, ff_err *err)
{
    const ff_node *node = &view->g->nodes[n];
    const ff_split *split = &view->stage->split;
    const ff_cut all = {.all = true};
    bool constant = ff_node_is_constant(view, node);
    if (!constant && (node->has_subgraph || node->captured_count > 0)) {
        return ff_no_pass(view->g, n, split, "it runs a subgraph", err);
    }
    if (!constant && (ff_node_is_random(node) || ff_is_layer(view, n))) {
        return ff_no_pass(view->g, n, split, "every piece would need the whole of what it makes",
                          err);
    }
    for (int k = 0; k < node->out_count && !constant; k++) {
        if (node->out[k] != FF_NO_VALUE && !view->g->values[node->out[k]].has_shape) {
            return ff_no_pass(view->g, n, split, "the shape of its output is not known", err);
        }
    }
    for (int i = 0; i < ff_node_reads(node); i++) {
        int v = ff_node_read_at(node, i);
        bool reads = i >= node->in_count || constant || ff_op_reads(view->g, n, i);
        ff_code code = v == FF_NO_VALUE || !reads ? FF_OK : ff_demand(view, n, v, &all, err);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

/* What depends on weights only: cut where that is possible, whole where not. */
static ff_code cut_constant(ff_stage_view *view, int n, const ff_cut *out, ff_err *err)
{
    const ff_node *node = &view->g->nodes[n];
    int axis = ff_cut_axis(out);
    bool cut = out->axes != 0 && !out->all && !out->once && out->gather == 0 &&
               ff_op_passes(view->g, n, axis, NULL, 0);
    for (int i = 0; i < node->in_count && cut; i++) {
        ff_cut in;
        char why[256];
        cut = !ff_op_reads(view->g, n, i) || ranged_input(view, n, i, out, &in, why, sizeof why);
        cut = cut && (node->in[i] == FF_NO_VALUE || ff_op_axis(view->g, n, axis, i).runs <= 1);
    }
    if (cut) {
        return ff_cut_ranged(view, n, out, err);
    }
    const ff_cut all = {.all = true};
    for (int k = 0; k < node->out_count; k++) {
        ff_code code =
            node->out[k] == FF_NO_VALUE ? FF_OK : ff_demand(view, n, node->out[k], &all, err);
        if (code != FF_OK) {
            return code;
        }
    }
    return cut_whole(view, n, err);
}

/* What all outputs of a node are asked for. */
static ff_cut asked_of(const ff_stage_view *view, const ff_node *node)
{
    ff_cut all = {0};
    for (int k = 0; k < node->out_count; k++) {
        if (node->out[k] == FF_NO_VALUE) {
            continue;
        }
        const ff_cut *c = &view->cut[node->out[k]];
        bool first = all.axes == 0;
        all.axes |= c->axes;
        all.demanded = all.demanded || c->demanded;
        all.all = all.all || c->all;
        all.once = all.once || c->once;
        all.partial = all.partial || c->partial;
        if (first && c->axes != 0) {
            all.root = c->root;
            all.num = c->num;
            all.den = c->den;
            all.runs = c->runs;
            all.gather = c->gather;
        }
    }
    return all;
}

/* The outputs of one node are cut alike, or it is told why not. */
static ff_code check_outputs_alike(const ff_stage_view *view, int n, const ff_cut *asked,
                                   ff_err *err)
{
    const ff_node *node = &view->g->nodes[n];
    bool alike = (asked->axes & (asked->axes - 1)) == 0;
    for (int k = 0; k < node->out_count; k++) {
        int v = node->out[k];
        if (v != FF_NO_VALUE && view->cut[v].axes != 0) {
            const ff_cut *c = &view->cut[v];
            alike = alike && runs_of(c) == runs_of(asked) && c->gather == asked->gather &&
                    c->num == asked->num && c->den == asked->den && c->root == asked->root;
        }
    }
    /* what is computed whole can be given away in one range, not in one of every run */
    alike = alike && ((runs_of(asked) == 1 && asked->gather == 0) || !(asked->all || asked->once));
    return alike ? FF_OK
                 : ff_no_pass(view->g, n, &view->stage->split, "its outputs are cut in two ways",
                              err);
}

/* What a grid asks of the node. */
static ff_code cut_for_grid(ff_stage_view *view, int n, const ff_cut *asked, ff_err *err)
{
    const ff_split *split = &view->stage->split;
    if (asked->partial) {
        return asked->axes != 0 || asked->all || asked->once
                   ? ff_no_pass(view->g, n, split, "its sum is needed whole before the stage ends",
                                err)
                   : ff_cut_terms(view, n, err);
    }
    return asked->gather != 0 ? ff_cut_flattened(view, n, asked, err)
                              : ff_cut_grid(view, n, asked->axes, err);
}

ff_code ff_cut_node(ff_stage_view *view, int n, ff_err *err)
{
    const ff_node *node = &view->g->nodes[n];
    const ff_split *split = &view->stage->split;
    ff_cut asked = asked_of(view, node);
    bool constant = ff_node_is_constant(view, node);
    if (!asked.demanded || (constant && !ff_split_divides(split->kind))) {
        return FF_OK;
    }
    if (split->kind == FF_SPLIT_GRID) {
        return cut_for_grid(view, n, &asked, err);
    }
    int axis;
    if (!constant && ff_divides_unequally(view, n, &axis)) {
        return ff_cut_divided(view, n, axis, err);
    }
    ff_code code = check_outputs_alike(view, n, &asked, err);
    if (code != FF_OK) {
        return code;
    }
    if (constant) {
        return cut_constant(view, n, &asked, err);
    }
    if (asked.partial) {
        if (asked.axes != 0 || asked.all || asked.once) {
            return ff_no_pass(view->g, n, split, "its sum is needed whole before the stage ends",
                              err);
        }
        return ff_cut_terms(view, n, err);
    }
    if (asked.all || asked.once || asked.axes == 0) {
        code = cut_whole(view, n, err);
    }
    /* what is computed whole needs no part of its own */
    return code != FF_OK || asked.all || asked.axes == 0 ? code
                                                         : ff_cut_ranged(view, n, &asked, err);
}
