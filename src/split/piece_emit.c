/*
 * The graph of a piece, first node first, from the regions that it holds of each value.
 */
#include "split/piece_int.h"

/* A value of the piece for the part of v that it holds. */
static ff_code add_value(ff_maker *m, int v, const char *name, ff_value_kind kind,
                         const ff_region *region, int *value, ff_err *err)
{
    const ff_value *whole = &m->g->values[v];
    const ff_cut *c = &m->view->cut[v];
    ff_shape shape = ff_region_shape(region);
    if (c->runs > 1 && c->axes != 0) {
        shape.dim[ff_cut_axis(c)] *= c->runs;
    }
    return ff_graph_add_value(m->p, name, kind, whole->dtype, whole->has_shape ? &shape : NULL,
                              value, err);
}

static void add_part(ff_part *parts, int *count, int v, const ff_region *region, bool add)
{
    parts[(*count)++] = (ff_part){.value = v, .region = *region, .add = add};
}

ff_code ff_piece_add_inputs(ff_maker *m, ff_err *err)
{
    for (int i = 0; i < m->view->in_count; i++) {
        int v = m->view->in[i];
        if (m->slot[v] == 0) {
            continue;
        }
        ff_holding *h = ff_piece_hold(m, v);
        ff_code code =
            add_value(m, v, m->g->values[v].name, FF_VALUE_INPUT, &h->region, &h->value, err);
        if (code != FF_OK) {
            return code;
        }
        ff_graph_add_input(m->p, h->value);
        add_part(m->in, &m->in_count, v, &h->region, false);
    }
    return FF_OK;
}

/* The value that holds all that the piece has of v; weights come into the piece on first use. */
static ff_code held_value(ff_maker *m, int v, int *value, ff_err *err)
{
    const ff_value *whole = &m->g->values[v];
    ff_holding *h = ff_piece_hold(m, v);
    if (h->value == FF_NO_VALUE) {
        ff_code code = ff_graph_add_weight(m->p, whole->name, whole->dtype, &whole->shape,
                                           whole->data, &h->value, err);
        if (code != FF_OK) {
            return code;
        }
    }
    *value = h->value;
    return FF_OK;
}

/* The part that was made before; FF_NO_VALUE: none. */
static int find_cutting(const ff_maker *m, const ff_holding *h, const ff_region *region,
                        int64_t runs)
{
    for (int c = h->cuttings; c >= 0; c = m->cuttings[c].next) {
        if (ff_region_equal(region, &m->cuttings[c].region) && runs == m->cuttings[c].runs) {
            return m->cuttings[c].value;
        }
    }
    return FF_NO_VALUE;
}

static void add_cutting(ff_maker *m, ff_holding *h, const ff_region *region, int64_t runs,
                        int value)
{
    if (m->cutting_count == m->cutting_room) {
        int room = m->cutting_room == 0 ? 16 : m->cutting_room * 2;
        m->cuttings = ff_mem_must_grow(m->cuttings, (size_t)m->cutting_room, (size_t)room,
                                       sizeof *m->cuttings);
        m->cutting_room = room;
    }
    m->cuttings[m->cutting_count] = (ff_cutting){*region, runs, value, h->cuttings};
    h->cuttings = m->cutting_count++;
}

#define SKETCHED_BYTES 4096u /* less is copied even so: constants that ops look at */

/* Where copies of the weight's parts go; NULL: nowhere. */
static ff_arena *arena_for(const ff_maker *m, const ff_value *weight)
{
    return m->view->sketch && weight->data.len > SKETCHED_BYTES ? NULL : m->p->arena;
}

/* A piece's own part of a weight. */
static ff_code weight_part(ff_maker *m, int v, const ff_region *region, int axis, int64_t runs,
                           int *value, ff_err *err)
{
    const ff_value *whole = &m->g->values[v];
    ff_holding *h = ff_piece_hold(m, v);
    ff_shape shape = ff_region_shape(region);
    ff_bytes data;
    int found = find_cutting(m, h, region, runs);
    if (found != FF_NO_VALUE) {
        *value = found;
        return FF_OK;
    }
    shape.dim[axis] *= runs;
    bool is_whole = runs == 1 && ff_region_is_whole(region, &whole->shape);
    const char *name =
        is_whole
            ? whole->name
            : ff_op_fresh_name(m->g, m->p, ff_arena_printf(m->p->arena, "%s/part", whole->name));
    ff_code code = ff_weight_bytes(arena_for(m, whole), whole, region, axis, runs, &data, err);
    if (code == FF_OK) {
        code = ff_graph_add_weight(m->p, name, whole->dtype, &shape, data, value, err);
    }
    if (code == FF_OK) {
        add_cutting(m, h, region, runs, *value);
    }
    return code;
}

/* The piece's places of a weight's axis, where they are gathered. */
static ff_code gathered_part(ff_maker *m, int v, int axis, int gather, int *value, ff_err *err)
{
    const ff_value *whole = &m->g->values[v];
    ff_region region = ff_piece_gathered(m, v, axis, gather);
    ff_shape shape = ff_region_shape(&region);
    ff_range *runs;
    ff_bytes data;
    *value = find_cutting(m, ff_piece_hold(m, v), &region, -gather);
    if (*value != FF_NO_VALUE) {
        return FF_OK;
    }
    int count = ff_gather_runs(m->view, gather, m->index, &runs);
    ff_code code = ff_weight_gather(arena_for(m, whole), whole, axis, runs, count, &data, err);
    const char *base = ff_arena_printf(m->p->arena, "%s/part", whole->name);
    if (code == FF_OK) {
        code = ff_graph_add_weight(m->p, ff_op_fresh_name(m->g, m->p, base), whole->dtype, &shape,
                                   data, value, err);
    }
    if (code == FF_OK) {
        add_cutting(m, ff_piece_hold(m, v), &region, -gather, *value);
    }
    ff_mem_free(runs);
    return code;
}

/* The value that holds exactly this part of v: the one held, or a Slice of it. */
static ff_code part_value(ff_maker *m, int v, const ff_region *region, int *value, ff_err *err)
{
    int from, made;
    ff_code code = held_value(m, v, &from, err);
    ff_holding *h = ff_piece_hold(m, v);
    if (code != FF_OK || ff_region_equal(region, &h->region)) {
        *value = code == FF_OK ? from : *value;
        return code;
    }
    int found = find_cutting(m, h, region, 1);
    if (found != FF_NO_VALUE) {
        *value = found;
        return FF_OK;
    }
    const char *base = ff_arena_printf(m->p->arena, "%s/part", m->g->values[v].name);
    code = add_value(m, v, ff_op_fresh_name(m->g, m->p, base), FF_VALUE_NODE, region, &made, err);
    if (code == FF_OK) {
        code = ff_op_emit_slice(m->g, m->p, from, &h->region, region, made, err);
    }
    if (code != FF_OK) {
        return code;
    }
    add_cutting(m, h, region, 1, made);
    *value = made;
    return FF_OK;
}

/* Is v an output of the stage of which the piece holds more than it delivers? */
static bool is_wide_output(const ff_maker *m, int v, const ff_region *held)
{
    for (int i = 0; i < m->view->out_count; i++) {
        ff_region tile;
        if (m->view->out[i] == v && ff_piece_tile(m, v, &tile)) {
            return !ff_region_equal(&tile, held);
        }
    }
    return false;
}

static ff_code add_node_outputs(ff_maker *m, const ff_node *node, int *out, ff_err *err)
{
    for (int k = 0; k < node->out_count; k++) {
        int v = node->out[k];
        out[k] = FF_NO_VALUE;
        if (v == FF_NO_VALUE) {
            continue;
        }
        ff_holding *h = ff_piece_hold(m, v);
        if (ff_piece_copies(m, node)) {
            h->region = ff_piece_whole(m->g, v);
        }
        const char *name = m->g->values[v].name;
        if (is_wide_output(m, v, &h->region)) {
            name = ff_op_fresh_name(m->g, m->p, ff_arena_printf(m->p->arena, "%s/hull", name));
        }
        ff_code code = add_value(m, v, name, FF_VALUE_NODE, &h->region, &h->value, err);
        if (code != FF_OK) {
            return code;
        }
        out[k] = h->value;
    }
    return FF_OK;
}

/* Fills in[] (inputs, then captured values) for a node that is copied whole. */
static ff_code whole_inputs(ff_maker *m, const ff_node *node, int *in, ff_err *err)
{
    for (int i = 0; i < ff_node_reads(node); i++) {
        int v = ff_node_read_at(node, i);
        in[i] = FF_NO_VALUE;
        ff_region whole = v == FF_NO_VALUE ? (ff_region){0} : ff_piece_whole(m->g, v);
        bool weight =
            v != FF_NO_VALUE && ff_piece_divides(m) && m->g->values[v].kind == FF_VALUE_WEIGHT;
        ff_code code = v == FF_NO_VALUE ? FF_OK
                       : weight         ? weight_part(m, v, &whole, 0, 1, &in[i], err)
                                        : held_value(m, v, &in[i], err);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

/* Is input i a weight with an axis that goes with what the node's piece gathers? By which number;
 * 0: no. */
static int gathered_weight(const ff_maker *m, int n, int i, int *axis)
{
    const ff_node *node = &m->g->nodes[n];
    const ff_cut *out = &m->view->cut[node->out[0]];
    if (m->g->values[node->in[i]].kind != FF_VALUE_WEIGHT) {
        return 0;
    }
    if (m->view->sum_map[n - m->view->stage->begin] != 0) {
        *axis = ff_op_sum_axis(m->g, n, i);
        return *axis >= 0 ? m->view->cut[node->in[0]].gather : 0;
    }
    if (out->gather == 0 || ff_piece_gathers(m, node)) {
        return 0;
    }
    ff_axis_map map = ff_op_axis(m->g, n, ff_cut_axis(out), i);
    *axis = map.in_axis;
    return map.kind != FF_AXIS_NONE && map.kind != FF_AXIS_BCAST ? out->gather : 0;
}

static ff_code part_inputs(ff_maker *m, int n, int *in, ff_err *err)
{
    const ff_node *node = &m->g->nodes[n];
    ff_need *need = ff_mem_must_array((size_t)node->in_count + 1, sizeof *need);
    const ff_cut *c =
        node->out_count > 0 && node->out[0] != FF_NO_VALUE ? &m->view->cut[node->out[0]] : NULL;
    bool runs = c != NULL && c->axes != 0 && c->runs > 1;
    ff_code code = ff_piece_needs(m, n, need, err);
    for (int i = 0; i < node->in_count && code == FF_OK; i++) {
        in[i] = FF_NO_VALUE;
        if (!need[i].reads) {
            continue;
        }
        int v = node->in[i];
        int along, gather = gathered_weight(m, n, i, &along);
        if (gather != 0) {
            code = gathered_part(m, v, along, gather, &in[i], err);
            continue;
        }
        if (!ff_piece_divides(m) || m->g->values[v].kind != FF_VALUE_WEIGHT) {
            code = part_value(m, v, &need[i].region, &in[i], err);
            continue;
        }
        ff_axis_map map = runs ? ff_op_axis(m->g, n, ff_cut_axis(c), i) : (ff_axis_map){0};
        bool scattered = runs && map.kind == FF_AXIS_SAME;
        code = weight_part(m, v, &need[i].region, scattered ? map.in_axis : 0,
                           scattered ? c->runs : 1, &in[i], err);
    }
    ff_mem_free(need);
    return code;
}

/* Of all elements. */
static double share_of(const ff_region *part, const ff_shape *whole)
{
    double share = 1;
    for (int a = 0; a < whole->rank; a++) {
        share *= (double)(part->hi[a] - part->lo[a]) / (double)whole->dim[a];
    }
    return share;
}

static ff_code emit_part(ff_maker *m, int n, const int *in, const int *out, ff_err *err)
{
    int64_t lo, hi;
    int map = m->view->sum_map[n - m->view->stage->begin];
    if (ff_piece_gathers(m, &m->g->nodes[n])) {
        return ff_op_emit_sized(m->g, n, m->p, in, out, err);
    }
    if (map != 0) {
        ff_region tile = ff_tile(m->view, map - 1, m->index);
        double share = share_of(&tile, &m->g->values[map - 1].shape);
        return ff_op_emit_sum_box(m->g, n, share, m->p, in, out, err);
    }
    if (!ff_piece_is_term(m, &m->g->nodes[n])) {
        return ff_op_emit(m->g, n, &m->regions[n - m->view->stage->begin], m->p, in, out, err);
    }
    if (ff_piece_sum_range(m, n, &lo, &hi)) {
        return ff_op_emit_sum(m->g, n, lo, hi, m->index == 0, m->p, in, out, err);
    }
    return ff_op_emit_terms(m->g, n, m->p, in, out, err);
}

ff_code ff_piece_add_node(ff_maker *m, int n, ff_err *err)
{
    const ff_node *node = &m->g->nodes[n];
    bool whole = ff_piece_copies(m, node);
    int *in = ff_mem_must_array((size_t)ff_node_reads(node) + 1, sizeof *in);
    int *out = ff_mem_must_array((size_t)node->out_count + 1, sizeof *out);
    ff_code code = whole ? whole_inputs(m, node, in, err) : part_inputs(m, n, in, err);
    if (code == FF_OK) {
        code = add_node_outputs(m, node, out, err);
    }
    if (code == FF_OK && whole) {
        ff_op_copy(m->g, n, m->p, in, out, in + node->in_count);
    } else if (code == FF_OK) {
        code = emit_part(m, n, in, out, err);
    }
    ff_mem_free(in);
    ff_mem_free(out);
    return code;
}

ff_code ff_piece_add_outputs(ff_maker *m, ff_err *err)
{
    for (int i = 0; i < m->view->out_count; i++) {
        int v = m->view->out[i];
        ff_region tile;
        if (!ff_piece_tile(m, v, &tile)) {
            continue;
        }
        ff_holding *h = ff_piece_hold(m, v);
        int value = h->value;
        ff_code code = FF_OK;
        if (!ff_region_equal(&tile, &h->region)) {
            code = add_value(m, v, m->g->values[v].name, FF_VALUE_NODE, &tile, &value, err);
            if (code == FF_OK) {
                code = ff_op_emit_slice(m->g, m->p, h->value, &h->region, &tile, value, err);
            }
        }
        if (code != FF_OK) {
            return code;
        }
        ff_graph_add_output(m->p, value);
        add_part(m->out, &m->out_count, v, &tile, m->view->cut[v].partial);
    }
    return FF_OK;
}
