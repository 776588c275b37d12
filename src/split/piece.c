/*
 * One piece: regions from its part of the stage's outputs back to the inputs; the graph that
 * follows from them is piece_emit.c's.
 */
#include <string.h>

#include "split/piece_int.h"

static void maker_clean(ff_maker *m)
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

ff_holding *ff_piece_hold(ff_maker *m, int v)
{
    if (m->slot[v] == 0) {
        if (m->held_count == m->held_room) {
            int room = m->held_room == 0 ? 64 : m->held_room * 2;
            m->held =
                ff_mem_must_grow(m->held, (size_t)m->held_room, (size_t)room, sizeof *m->held);
            m->held_room = room;
        }
        m->held[m->held_count++] = (ff_holding){.value = FF_NO_VALUE, .cuttings = -1};
        m->slot[v] = m->held_count;
    }
    return &m->held[m->slot[v] - 1];
}

ff_region ff_piece_whole(const ff_graph *g, int v)
{
    return g->values[v].has_shape ? ff_region_whole(&g->values[v].shape) : (ff_region){.rank = 0};
}

bool ff_piece_divides(const ff_maker *m)
{
    return ff_split_divides(m->view->stage->split.kind);
}

/* The value is needed, at least this part of it; what depends on weights only is kept whole, but
 * where weights are divided. */
static void want(ff_maker *m, int v, const ff_region *region)
{
    ff_holding *h = ff_piece_hold(m, v);
    const ff_cut *c = &m->view->cut[v];
    bool whole = m->view->constant[v] != 0 && (!ff_piece_divides(m) || c->all || c->axes == 0);
    ff_region more = whole ? ff_piece_whole(m->g, v) : *region;
    h->region = h->wanted ? ff_region_hull(&h->region, &more) : more;
    h->wanted = true;
}

/* Is the node copied as it stands? */
bool ff_piece_copies(const ff_maker *m, const ff_node *node)
{
    ff_split_kind kind = m->view->stage->split.kind;
    if (kind == FF_SPLIT_LOCAL || kind == FF_SPLIT_OFFLOAD) {
        return true;
    }
    if (!ff_node_is_constant(m->view, node)) {
        return false;
    }
    bool cut = ff_piece_divides(m);
    for (int k = 0; k < node->out_count; k++) {
        const ff_cut *c = node->out[k] == FF_NO_VALUE ? NULL : &m->view->cut[node->out[k]];
        cut = cut && (c == NULL || !c->demanded || (c->axes != 0 && !c->all && !c->once));
    }
    return !cut;
}

/* Is the node's output a term of a sum? Its range of what is summed over, where it begins one. */
bool ff_piece_is_term(const ff_maker *m, const ff_node *node)
{
    return node->out_count == 1 && node->out[0] != FF_NO_VALUE &&
           m->view->cut[node->out[0]].partial;
}

bool ff_piece_sum_range(const ff_maker *m, int n, int64_t *lo, int64_t *hi)
{
    int root = m->view->sum_root[n - m->view->stage->begin];
    if (root != 0) {
        ff_root_range(m->view, root, m->index, lo, hi);
    }
    return root != 0;
}

/* What a node that passes terms on reads: whole, and what is no term in piece 0 only. */
static void term_needs(const ff_maker *m, const ff_node *node, ff_need *need)
{
    for (int i = 0; i < node->in_count; i++) {
        int v = node->in[i];
        bool reads = v != FF_NO_VALUE && ff_op_reads(m->g, (int)(node - m->g->nodes), i);
        bool once = reads && m->view->cut[v].once && !m->view->cut[v].partial;
        need[i] = (ff_need){.reads = reads && (!once || m->index == 0)};
        if (need[i].reads) {
            need[i].region = ff_piece_whole(m->g, v);
        }
    }
}

/* The whole of v but for an axis that is gathered: as many places as the piece has. */
ff_region ff_piece_gathered(const ff_maker *m, int v, int axis, int gather)
{
    ff_region r = ff_piece_whole(m->g, v);
    r.hi[axis] = ff_gather_length(m->view, gather, m->index);
    return r;
}

/* Does the node make what is gathered: by merging the axes of a map, or dividing its input? */
bool ff_piece_gathers(const ff_maker *m, const ff_node *node)
{
    int n = (int)(node - m->g->nodes), in = node->in_count > 0 ? node->in[0] : FF_NO_VALUE;
    int out = node->out_count > 0 ? node->out[0] : FF_NO_VALUE;
    if (in == FF_NO_VALUE || out == FF_NO_VALUE) {
        return false;
    }
    int divides = m->view->cut[in].gather, merges = m->view->cut[out].gather;
    return (divides != 0 && m->view->gather[divides - 1].divider == n) ||
           (merges != 0 && divides == 0 && m->view->gather[merges - 1].map == in);
}

static void gatherer_needs(const ff_maker *m, const ff_node *node, ff_need *need)
{
    const ff_cut *in = &m->view->cut[node->in[0]];
    for (int i = 0; i < node->in_count; i++) {
        need[i] = (ff_need){.reads = i == 0};
    }
    need[0].region = in->gather != 0
                         ? ff_piece_gathered(m, node->in[0], ff_cut_axis(in), in->gather)
                         : ff_tile(m->view, node->in[0], m->index);
}

/* Of a sum over a tile of a map, which may come flattened. */
static void map_sum_needs(const ff_maker *m, int n, ff_need *need)
{
    const ff_node *node = &m->g->nodes[n];
    int gather = m->view->cut[node->in[0]].gather;
    for (int i = 0; i < node->in_count; i++) {
        int v = node->in[i];
        bool reads = v != FF_NO_VALUE && ff_op_reads(m->g, n, i);
        int axis = reads ? ff_op_sum_axis(m->g, n, i) : FF_SUM_WHOLE;
        need[i] = (ff_need){.reads = reads && (axis != FF_SUM_ONCE || m->index == 0)};
        if (!need[i].reads) {
            continue;
        }
        need[i].region = axis < 0      ? ff_piece_whole(m->g, v)
                         : gather != 0 ? ff_piece_gathered(m, v, axis, gather)
                                       : ff_tile(m->view, v, m->index);
    }
}

/* What the piece reads of each input of a node that is not copied whole. */
ff_code ff_piece_needs(const ff_maker *m, int n, ff_need *need, ff_err *err)
{
    const ff_node *node = &m->g->nodes[n];
    int64_t lo, hi;
    if (ff_piece_gathers(m, node)) {
        gatherer_needs(m, node, need);
        return FF_OK;
    }
    if (m->view->sum_map[n - m->view->stage->begin] != 0) {
        map_sum_needs(m, n, need);
        return FF_OK;
    }
    if (!ff_piece_is_term(m, node)) {
        return ff_op_needs(m->g, n, &m->regions[n - m->view->stage->begin], need, err);
    }
    if (ff_piece_sum_range(m, n, &lo, &hi)) {
        return ff_op_sum_needs(m->g, n, lo, hi, m->index == 0, need, err);
    }
    term_needs(m, node, need);
    return FF_OK;
}

/* The part of stage output v that this piece delivers; false: none. */
bool ff_piece_tile(const ff_maker *m, int v, ff_region *tile)
{
    const ff_split *s = &m->view->stage->split;
    *tile = ff_piece_whole(m->g, v);
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
    if (!m->view->cut[v].partial) {
        *tile = ff_tile(m->view, v, m->index);
    }
    return true;
}

/* What all wanted outputs of a node ask of it, as a part of output 0. */
static ff_region node_region(const ff_maker *m, const ff_node *node)
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

static ff_code want_inputs(ff_maker *m, int n, ff_err *err)
{
    const ff_node *node = &m->g->nodes[n];
    ff_region *region = &m->regions[n - m->view->stage->begin];
    if (ff_piece_copies(m, node)) {
        for (int i = 0; i < ff_node_reads(node); i++) {
            int v = ff_node_read_at(node, i);
            if (v != FF_NO_VALUE) {
                ff_region whole = ff_piece_whole(m->g, v);
                want(m, v, &whole);
            }
        }
        return FF_OK;
    }
    bool sized = ff_piece_gathers(m, node); /* its outputs hold what their readers want */
    *region = sized ? (ff_region){0} : node_region(m, node);
    for (int k = 0; k < node->out_count && !sized; k++) {
        if (node->out[k] != FF_NO_VALUE) {
            ff_piece_hold(m, node->out[k])->region = ff_op_output_region(m->g, n, region, k);
        }
    }
    ff_need *need = ff_mem_must_array((size_t)node->in_count + 1, sizeof *need);
    ff_code code = ff_piece_needs(m, n, need, err);
    for (int i = 0; i < node->in_count && code == FF_OK; i++) {
        if (need[i].reads) {
            want(m, node->in[i], &need[i].region);
        }
    }
    ff_mem_free(need);
    return code;
}

/* Regions flow back: fills held, kept and regions. */
static ff_code flow_back(ff_maker *m, ff_err *err)
{
    int begin = m->view->stage->begin;
    for (int i = 0; i < m->view->out_count; i++) {
        ff_region tile;
        if (ff_piece_tile(m, m->view->out[i], &tile)) {
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

static void begin_graph(ff_maker *m)
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
    ff_maker m = {.view = view, .g = view->g, .index = index};
    m.slot = ff_mem_must_array((size_t)m.g->value_count + 1, sizeof *m.slot);
    m.kept = ff_mem_must(nodes);
    m.regions = ff_mem_must_array(nodes, sizeof *m.regions);
    m.in = ff_mem_must_array((size_t)view->in_count + 1, sizeof *m.in);
    m.out = ff_mem_must_array((size_t)view->out_count + 1, sizeof *m.out);
    begin_graph(&m);
    ff_code code = flow_back(&m, err);
    if (code == FF_OK) {
        code = ff_piece_add_inputs(&m, err);
    }
    for (int n = view->stage->begin; n < view->stage->end && code == FF_OK; n++) {
        code = m.kept[n - view->stage->begin] != 0 ? ff_piece_add_node(&m, n, err) : FF_OK;
    }
    if (code == FF_OK) {
        code = ff_piece_add_outputs(&m, err);
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
