/*
 * One piece: regions from its part of the stage's outputs back to the inputs, then a graph forward.
 */
#include <string.h>

#include "split/split_int.h"

/* A part of a value that was made already: by a Slice, or taken from a weight. */
typedef struct cutting {
    ff_region region;
    int64_t runs; /* of a weight's axis */
    int value;    /* in the piece */
    int next;     /* of the same value; -1 = none */
} cutting;

/* What the piece holds of a value of the whole graph. */
typedef struct holding {
    bool wanted;
    ff_region region; /* the hull of all needs; whole where the shape is not known */
    int value;        /* in the piece, FF_NO_VALUE until it exists */
    int cuttings;     /* the first one; -1 = none */
} holding;

typedef struct maker {
    const ff_stage_view *view;
    const ff_graph *g;
    int index;
    int *slot; /* by value: its holding's number + 1; 0 = none */
    int held_count, held_room;
    holding *held;
    int cutting_count, cutting_room;
    cutting *cuttings;
    uint8_t *kept;      /* by node - begin: does this piece compute it */
    ff_region *regions; /* by node - begin: which part of output 0 */
    ff_graph *p;
    ff_part *in, *out;
    int in_count, out_count;
} maker;

static void maker_clean(maker *m)
{
    ff_mem_free(m->slot);
    ff_mem_free(m->held);
    ff_mem_free(m->cuttings);
    ff_mem_free(m->kept);
    ff_mem_free(m->regions);
    ff_mem_free(m->in);
    ff_mem_free(m->out);
    ff_graph_free(m->p);
}

static holding *hold(maker *m, int v)
{
    if (m->slot[v] == 0) {
        if (m->held_count == m->held_room) {
            int room = m->held_room == 0 ? 64 : m->held_room * 2;
            m->held =
                ff_mem_must_grow(m->held, (size_t)m->held_room, (size_t)room, sizeof *m->held);
            m->held_room = room;
        }
        m->held[m->held_count++] = (holding){.value = FF_NO_VALUE, .cuttings = -1};
        m->slot[v] = m->held_count;
    }
    return &m->held[m->slot[v] - 1];
}

static ff_region whole_of(const ff_graph *g, int v)
{
    return g->values[v].has_shape ? ff_region_whole(&g->values[v].shape) : (ff_region){.rank = 0};
}

static bool divides(const maker *m)
{
    return ff_split_divides(m->view->stage->split.kind);
}

/* The value is needed, at least this part of it; what depends on weights only is kept whole, but
 * where weights are divided. */
static void want(maker *m, int v, const ff_region *region)
{
    holding *h = hold(m, v);
    const ff_cut *c = &m->view->cut[v];
    bool whole = m->view->constant[v] != 0 && (!divides(m) || c->all || c->axes == 0);
    ff_region more = whole ? whole_of(m->g, v) : *region;
    h->region = h->wanted ? ff_region_hull(&h->region, &more) : more;
    h->wanted = true;
}

/* Is the node copied as it stands? */
static bool is_whole_node(const maker *m, const ff_node *node)
{
    ff_split_kind kind = m->view->stage->split.kind;
    if (kind == FF_SPLIT_LOCAL || kind == FF_SPLIT_OFFLOAD) {
        return true;
    }
    if (!ff_node_is_constant(m->view, node)) {
        return false;
    }
    bool cut = divides(m);
    for (int k = 0; k < node->out_count; k++) {
        const ff_cut *c = node->out[k] == FF_NO_VALUE ? NULL : &m->view->cut[node->out[k]];
        cut = cut && (c == NULL || !c->demanded || (c->axes != 0 && !c->all && !c->once));
    }
    return !cut;
}

/* Is the node's output a term of a sum? Its range of what is summed over, where it begins one. */
static bool is_term(const maker *m, const ff_node *node)
{
    return node->out_count == 1 && node->out[0] != FF_NO_VALUE &&
           m->view->cut[node->out[0]].partial;
}

static bool begins_sum(const maker *m, int n, int64_t *lo, int64_t *hi)
{
    int root = m->view->sum_root[n - m->view->stage->begin];
    if (root != 0) {
        ff_root_range(m->view, root, m->index, lo, hi);
    }
    return root != 0;
}

/* What a node that passes terms on reads: whole, and what is no term in piece 0 only. */
static void term_needs(const maker *m, const ff_node *node, ff_need *need)
{
    for (int i = 0; i < node->in_count; i++) {
        int v = node->in[i];
        bool reads = v != FF_NO_VALUE && ff_op_reads(m->g, (int)(node - m->g->nodes), i);
        bool once = reads && m->view->cut[v].once && !m->view->cut[v].partial;
        need[i] = (ff_need){.reads = reads && (!once || m->index == 0)};
        if (need[i].reads) {
            need[i].region = whole_of(m->g, v);
        }
    }
}

/* What the piece reads of each input of a node that is not copied whole. */
static ff_code node_needs(const maker *m, int n, ff_need *need, ff_err *err)
{
    const ff_node *node = &m->g->nodes[n];
    int64_t lo, hi;
    if (!is_term(m, node)) {
        return ff_op_needs(m->g, n, &m->regions[n - m->view->stage->begin], need, err);
    }
    if (begins_sum(m, n, &lo, &hi)) {
        return ff_op_sum_needs(m->g, n, lo, hi, m->index == 0, need, err);
    }
    term_needs(m, node, need);
    return FF_OK;
}

/* Part i of n of a whole axis; the first ones are the larger ones: 7 = 4 + 3. */
static void cut_axis(ff_region *tile, int axis, int i, int n)
{
    int64_t len = tile->hi[axis];
    tile->lo[axis] = (len * i + n - 1) / n;
    tile->hi[axis] = (len * (i + 1) + n - 1) / n;
}

/* The part of stage output v that this piece delivers; false: none. */
static bool tile_of(const maker *m, int v, ff_region *tile)
{
    const ff_split *s = &m->view->stage->split;
    *tile = whole_of(m->g, v);
    if (s->kind == FF_SPLIT_LOCAL || s->kind == FF_SPLIT_OFFLOAD) {
        return true;
    }
    if (m->view->constant[v] != 0) {
        return m->index == 0;
    }
    if (ff_split_is_ranged(s->kind)) {
        for (int i = 0; i < m->view->out_count; i++) {
            if (m->view->out[i] == v && m->view->out_root[i] != 0) {
                int axis = ff_cut_axis(&m->view->cut[v]);
                ff_root_range(m->view, m->view->out_root[i], m->index, &tile->lo[axis],
                              &tile->hi[axis]);
            }
        }
        return true;
    }
    int rank = tile->rank;
    if (s->rows > 1) {
        cut_axis(tile, rank - 2, m->index / s->cols, s->rows);
    }
    if (s->cols > 1) {
        cut_axis(tile, rank - 1, m->index % s->cols, s->cols);
    }
    return true;
}

/* What all wanted outputs of a node ask of it, as a part of output 0. */
static ff_region node_region(const maker *m, const ff_node *node)
{
    const ff_shape *first = &m->g->values[node->out[0]].shape;
    ff_region all = {0};
    bool any = false;
    for (int k = 0; k < node->out_count; k++) {
        int v = node->out[k];
        if (v == FF_NO_VALUE || m->slot[v] == 0) {
            continue;
        }
        const ff_shape *shape = &m->g->values[v].shape;
        ff_region r = m->held[m->slot[v] - 1].region;
        for (int a = 0; a < r.rank; a++) {
            if (r.lo[a] == 0 && r.hi[a] == shape->dim[a]) {
                r.hi[a] = first->dim[a];
            }
        }
        all = any ? ff_region_hull(&all, &r) : r;
        any = true;
    }
    return all;
}

static ff_code want_inputs(maker *m, int n, ff_err *err)
{
    const ff_node *node = &m->g->nodes[n];
    ff_region *region = &m->regions[n - m->view->stage->begin];
    if (is_whole_node(m, node)) {
        for (int i = 0; i < ff_node_reads(node); i++) {
            int v = ff_node_read_at(node, i);
            if (v != FF_NO_VALUE) {
                ff_region whole = whole_of(m->g, v);
                want(m, v, &whole);
            }
        }
        return FF_OK;
    }
    *region = node_region(m, node);
    for (int k = 0; k < node->out_count; k++) {
        if (node->out[k] != FF_NO_VALUE) {
            hold(m, node->out[k])->region = ff_op_output_region(m->g, n, region, k);
        }
    }
    ff_need *need = ff_mem_must_array((size_t)node->in_count + 1, sizeof *need);
    ff_code code = node_needs(m, n, need, err);
    for (int i = 0; i < node->in_count && code == FF_OK; i++) {
        if (need[i].reads) {
            want(m, node->in[i], &need[i].region);
        }
    }
    ff_mem_free(need);
    return code;
}

/* Regions flow back: fills held, kept and regions. */
static ff_code flow_back(maker *m, ff_err *err)
{
    int begin = m->view->stage->begin;
    for (int i = 0; i < m->view->out_count; i++) {
        ff_region tile;
        if (tile_of(m, m->view->out[i], &tile)) {
            want(m, m->view->out[i], &tile);
        }
    }
    for (int n = m->view->stage->end - 1; n >= begin; n--) {
        const ff_node *node = &m->g->nodes[n];
        for (int k = 0; k < node->out_count; k++) {
            int v = node->out[k];
            if (v != FF_NO_VALUE && m->slot[v] != 0 && m->held[m->slot[v] - 1].wanted) {
                m->kept[n - begin] = 1;
            }
        }
        ff_code code = m->kept[n - begin] != 0 ? want_inputs(m, n, err) : FF_OK;
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

/* A value of the piece for the part of v that it holds. */
static ff_code add_value(maker *m, int v, const char *name, ff_value_kind kind,
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

static ff_code add_inputs(maker *m, ff_err *err)
{
    for (int i = 0; i < m->view->in_count; i++) {
        int v = m->view->in[i];
        if (m->slot[v] == 0) {
            continue;
        }
        holding *h = hold(m, v);
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
static ff_code held_value(maker *m, int v, int *value, ff_err *err)
{
    const ff_value *whole = &m->g->values[v];
    holding *h = hold(m, v);
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
static int find_cutting(const maker *m, const holding *h, const ff_region *region, int64_t runs)
{
    for (int c = h->cuttings; c >= 0; c = m->cuttings[c].next) {
        if (ff_region_equal(region, &m->cuttings[c].region) && runs == m->cuttings[c].runs) {
            return m->cuttings[c].value;
        }
    }
    return FF_NO_VALUE;
}

static void add_cutting(maker *m, holding *h, const ff_region *region, int64_t runs, int value)
{
    if (m->cutting_count == m->cutting_room) {
        int room = m->cutting_room == 0 ? 16 : m->cutting_room * 2;
        m->cuttings = ff_mem_must_grow(m->cuttings, (size_t)m->cutting_room, (size_t)room,
                                       sizeof *m->cuttings);
        m->cutting_room = room;
    }
    m->cuttings[m->cutting_count] = (cutting){*region, runs, value, h->cuttings};
    h->cuttings = m->cutting_count++;
}

/* A piece's own part of a weight. */
static ff_code weight_part(maker *m, int v, const ff_region *region, int axis, int64_t runs,
                           int *value, ff_err *err)
{
    const ff_value *whole = &m->g->values[v];
    holding *h = hold(m, v);
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
    ff_code code = ff_weight_bytes(m->p->arena, whole, region, axis, runs, &data, err);
    if (code == FF_OK) {
        code = ff_graph_add_weight(m->p, name, whole->dtype, &shape, data, value, err);
    }
    if (code == FF_OK) {
        add_cutting(m, h, region, runs, *value);
    }
    return code;
}

/* The value that holds exactly this part of v: the one held, or a Slice of it. */
static ff_code part_value(maker *m, int v, const ff_region *region, int *value, ff_err *err)
{
    int from, made;
    ff_code code = held_value(m, v, &from, err);
    holding *h = hold(m, v);
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
static bool is_wide_output(const maker *m, int v, const ff_region *held)
{
    for (int i = 0; i < m->view->out_count; i++) {
        ff_region tile;
        if (m->view->out[i] == v && tile_of(m, v, &tile)) {
            return !ff_region_equal(&tile, held);
        }
    }
    return false;
}

static ff_code add_node_outputs(maker *m, const ff_node *node, int *out, ff_err *err)
{
    for (int k = 0; k < node->out_count; k++) {
        int v = node->out[k];
        out[k] = FF_NO_VALUE;
        if (v == FF_NO_VALUE) {
            continue;
        }
        holding *h = hold(m, v);
        if (is_whole_node(m, node)) {
            h->region = whole_of(m->g, v);
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
static ff_code whole_inputs(maker *m, const ff_node *node, int *in, ff_err *err)
{
    for (int i = 0; i < ff_node_reads(node); i++) {
        int v = ff_node_read_at(node, i);
        in[i] = FF_NO_VALUE;
        ff_region whole = v == FF_NO_VALUE ? (ff_region){0} : whole_of(m->g, v);
        bool weight = v != FF_NO_VALUE && divides(m) && m->g->values[v].kind == FF_VALUE_WEIGHT;
        ff_code code = v == FF_NO_VALUE ? FF_OK
                       : weight         ? weight_part(m, v, &whole, 0, 1, &in[i], err)
                                        : held_value(m, v, &in[i], err);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

static ff_code part_inputs(maker *m, int n, int *in, ff_err *err)
{
    const ff_node *node = &m->g->nodes[n];
    ff_need *need = ff_mem_must_array((size_t)node->in_count + 1, sizeof *need);
    const ff_cut *c =
        node->out_count > 0 && node->out[0] != FF_NO_VALUE ? &m->view->cut[node->out[0]] : NULL;
    bool runs = c != NULL && c->axes != 0 && c->runs > 1;
    ff_code code = node_needs(m, n, need, err);
    for (int i = 0; i < node->in_count && code == FF_OK; i++) {
        in[i] = FF_NO_VALUE;
        if (!need[i].reads) {
            continue;
        }
        int v = node->in[i];
        if (!divides(m) || m->g->values[v].kind != FF_VALUE_WEIGHT) {
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

static ff_code emit_part(maker *m, int n, const int *in, const int *out, ff_err *err)
{
    int64_t lo, hi;
    if (!is_term(m, &m->g->nodes[n])) {
        return ff_op_emit(m->g, n, &m->regions[n - m->view->stage->begin], m->p, in, out, err);
    }
    if (begins_sum(m, n, &lo, &hi)) {
        return ff_op_emit_sum(m->g, n, lo, hi, m->index == 0, m->p, in, out, err);
    }
    return ff_op_emit_terms(m->g, n, m->p, in, out, err);
}

static ff_code add_node(maker *m, int n, ff_err *err)
{
    const ff_node *node = &m->g->nodes[n];
    bool whole = is_whole_node(m, node);
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

static ff_code add_outputs(maker *m, ff_err *err)
{
    for (int i = 0; i < m->view->out_count; i++) {
        int v = m->view->out[i];
        ff_region tile;
        if (!tile_of(m, v, &tile)) {
            continue;
        }
        holding *h = hold(m, v);
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

static void begin_graph(maker *m)
{
    const ff_graph *g = m->g;
    m->p = ff_graph_new(g->name);
    /* version 4 is the first one whose weights need not be inputs too */
    m->p->ir_version = g->ir_version < 4 ? 4 : g->ir_version;
    for (int i = 0; i < g->opset_count; i++) {
        ff_graph_add_opset(m->p, g->opsets[i].domain, g->opsets[i].version);
    }
    m->p->functions = g->functions;
}

ff_code ff_piece_make(const ff_stage_view *view, int index, ff_piece *out, ff_err *err)
{
    size_t nodes = (size_t)(view->stage->end - view->stage->begin);
    maker m = {.view = view, .g = view->g, .index = index};
    m.slot = ff_mem_must_array((size_t)m.g->value_count + 1, sizeof *m.slot);
    m.kept = ff_mem_must(nodes);
    m.regions = ff_mem_must_array(nodes, sizeof *m.regions);
    m.in = ff_mem_must_array((size_t)view->in_count + 1, sizeof *m.in);
    m.out = ff_mem_must_array((size_t)view->out_count + 1, sizeof *m.out);
    begin_graph(&m);
    ff_code code = flow_back(&m, err);
    if (code == FF_OK) {
        code = add_inputs(&m, err);
    }
    for (int n = view->stage->begin; n < view->stage->end && code == FF_OK; n++) {
        code = m.kept[n - view->stage->begin] != 0 ? add_node(&m, n, err) : FF_OK;
    }
    if (code == FF_OK) {
        code = add_outputs(&m, err);
    }
    if (code == FF_OK) {
        code = ff_graph_seal(m.p, err);
    }
    if (code == FF_OK) {
        *out = (ff_piece){.graph = m.p,
                          .in_count = m.in_count,
                          .in = m.in,
                          .out_count = m.out_count,
                          .out = m.out,
                          .weight_bytes = ff_graph_weight_bytes(m.p)};
        for (int n = 0; n < m.p->node_count; n++) {
            out->flops += ff_node_flops(m.p, n);
        }
        m.p = NULL;
        m.in = m.out = NULL;
    }
    maker_clean(&m);
    return code;
}
