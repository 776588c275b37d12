/*
 * What a sweep needs to know of a graph, before it walks.
 */
#include <string.h>

#include "plan/plan_sweep_int.h"
#include "plan/plan_work.h"

#define LENGTH_MOST 65536 /* of an axis that is cut: tables are twice as long */

int ff_sweep_reads(const ff_node *node)
{
    return node->in_count + node->captured_count;
}

int ff_sweep_read_at(const ff_node *node, int i)
{
    return i < node->in_count ? node->in[i] : node->captured[i - node->in_count];
}

static bool is_random(const ff_node *node)
{
    return strncmp(node->op, "Random", 6) == 0 || strcmp(node->op, "Bernoulli") == 0 ||
           strcmp(node->op, "Multinomial") == 0;
}

static bool is_weight(const ff_graph *g, int v)
{
    return g->values[v].kind == FF_VALUE_WEIGHT;
}

static void look_at_values(ff_sweep *s)
{
    const ff_graph *g = s->g;
    for (int v = 0; v < g->value_count; v++) {
        const ff_value *from = &g->values[v];
        ff_sweep_value *to = &s->value[v];
        const int *readers;
        int count = ff_graph_readers(g, v, &readers), rank = from->shape.rank;
        size_t bytes = 0;
        *to = (ff_sweep_value){.producer = from->producer, .last = -1, .len = {1, 1}};
        to->constant = from->kind == FF_VALUE_WEIGHT;
        for (int i = 0; i < count; i++)
            to->last = readers[i] > to->last ? readers[i] : to->last;
        if (ff_graph_is_output(g, v))
            to->last = g->node_count;
        to->known = from->has_shape && ff_dtype_bytes(from->dtype) > 0 &&
                    ff_shape_bytes(&from->shape, from->dtype, &bytes, NULL) == FF_OK;
        if (!to->known)
            continue;
        to->rank = rank;
        to->bytes = (double)bytes;
        for (int a = 0; a < 2; a++)
            if (rank >= 2 - a && from->shape.dim[rank - 2 + a] > 0 &&
                from->shape.dim[rank - 2 + a] < INT32_MAX)
                to->len[a] = from->shape.dim[rank - 2 + a];
        to->unit = to->bytes / ((double)to->len[0] * (double)to->len[1]);
    }
}

static void mark_constants(ff_sweep *s)
{
    for (int n = 0; n < s->g->node_count; n++) {
        const ff_node *gn = &s->g->nodes[n];
        bool constant = !is_random(gn);
        for (int i = 0; i < ff_sweep_reads(gn); i++) {
            int v = ff_sweep_read_at(gn, i);
            constant = constant && (v == FF_NO_VALUE || s->value[v].constant);
        }
        s->node[n].constant = constant;
        for (int k = 0; k < gn->out_count; k++)
            if (gn->out[k] != FF_NO_VALUE)
                s->value[gn->out[k]].constant = constant;
    }
}

/* How the parts of an input follow those of the output along an axis; false: the grid stops here.
 */
static bool map_input(ff_sweep *s, int n, int a, int i)
{
    const ff_node *gn = &s->g->nodes[n];
    ff_sweep_node *node = &s->node[n];
    int out_rank = s->value[gn->out[0]].rank, v = gn->in[i];
    ff_axis_map map = ff_op_axis(s->g, n, out_rank - 2 + a, i);
    if (s->value[v].constant || map.kind == FF_AXIS_NONE || map.kind == FF_AXIS_BCAST)
        return true;
    node->maps[a][i] = true;
    node->exact = node->exact || (map.kind != FF_AXIS_SAME && map.kind != FF_AXIS_WINDOW &&
                                  map.kind != FF_AXIS_SPREAD);
    return map.kind != FF_AXIS_ALL && map.in_axis == s->value[v].rank - 2 + a;
}

static void look_at_axis(ff_sweep *s, int n, int a)
{
    const ff_node *gn = &s->g->nodes[n];
    ff_sweep_node *node = &s->node[n];
    const ff_split split = {FF_SPLIT_GRID, a == 0 ? 2 : 1, a == 0 ? 1 : 2};
    int out = gn->out_count > 0 ? gn->out[0] : FF_NO_VALUE;
    if (out == FF_NO_VALUE || !s->value[out].known || s->value[out].len[a] > LENGTH_MOST ||
        !ff_split_passes(s->g, n, &split, NULL, 0))
        return;
    bool passes = true;
    for (int i = 0; i < gn->in_count; i++)
        passes = passes && (!node->reads[i] || map_input(s, n, a, i));
    node->passes[a] = passes;
    size_t room = (size_t)(2 * s->value[out].len[a] + 2) * (size_t)gn->in_count;
    if (passes && gn->in_count > 0) {
        node->table[a] = ff_arena_array(s->arena, room, sizeof *node->table[a]);
        memset(node->table[a], 0xff, room * sizeof *node->table[a]);
    }
}

static void look_at_inputs(ff_sweep *s, int n)
{
    const ff_node *gn = &s->g->nodes[n];
    ff_sweep_node *node = &s->node[n];
    size_t inputs = (size_t)gn->in_count + 1;
    node->reads = ff_arena_array(s->arena, inputs, sizeof *node->reads);
    node->repeats = ff_arena_array(s->arena, inputs, sizeof *node->repeats);
    for (int a = 0; a < 2; a++)
        node->maps[a] = ff_arena_array(s->arena, inputs, sizeof *node->maps[a]);
    for (int i = 0; i < gn->in_count; i++) {
        int v = gn->in[i];
        node->reads[i] = v != FF_NO_VALUE && !is_weight(s->g, v) && ff_op_reads(s->g, n, i);
        for (int k = 0; k < i; k++)
            node->repeats[i] = node->repeats[i] || (node->reads[k] && gn->in[k] == v);
    }
}

/* The weights that the node reads, each once, and who reads them next. */
static void look_at_weights(ff_sweep *s, int n)
{
    const ff_node *gn = &s->g->nodes[n];
    ff_sweep_node *node = &s->node[n];
    int reads = ff_sweep_reads(gn);
    node->weight_next = ff_arena_array(s->arena, (size_t)reads + 1, sizeof *node->weight_next);
    node->weight_bytes = ff_arena_array(s->arena, (size_t)reads + 1, sizeof *node->weight_bytes);
    for (int i = 0; i < reads; i++) {
        int v = ff_sweep_read_at(gn, i), next = s->g->node_count;
        bool seen = v == FF_NO_VALUE || !is_weight(s->g, v);
        for (int k = 0; k < i && !seen; k++)
            seen = ff_sweep_read_at(gn, k) == v;
        if (seen)
            continue;
        const int *readers;
        int count = ff_graph_readers(s->g, v, &readers);
        for (int r = 0; r < count; r++)
            next = readers[r] > n && readers[r] < next ? readers[r] : next;
        node->weight_next[node->weight_count] = next;
        node->weight_bytes[node->weight_count++] = (double)s->g->values[v].data.len;
    }
}

static void look_at_work(ff_sweep *s, int n, const ff_compute_profile *compute)
{
    static const ff_compute_op NOTHING = {.op = ""};
    const ff_node *gn = &s->g->nodes[n];
    ff_sweep_node *node = &s->node[n];
    double made = 0;
    node->whole = ff_plan_work(s->g, n);
    node->entry = ff_compute_entry(compute, &node->whole);
    if (node->entry == NULL)
        node->entry = &NOTHING;
    const ff_compute_op *e = node->entry;
    node->free = e->fixed_ms <= 0 && e->ms_per_gmac <= 0 && e->ms_per_mweight <= 0 &&
                 e->ms_per_melem_in <= 0 && e->ms_per_melem_out <= 0 && e->ms_per_mpatch <= 0 &&
                 e->ms_per_mb <= 0;
    node->whole_ms = ff_compute_op_ms(e, &node->whole);
    node->by_input = ff_node_is(gn, "ConvTranspose");
    for (int i = 0; i < gn->in_count; i++)
        if (gn->in[i] != FF_NO_VALUE && is_weight(s->g, gn->in[i]))
            node->fixed_bytes += (double)s->g->values[gn->in[i]].data.len;
    for (int k = 0; k < gn->out_count; k++)
        made += gn->out[k] != FF_NO_VALUE ? s->value[gn->out[k]].bytes : 0;
    if (gn->out_count > 0 && gn->out[0] != FF_NO_VALUE)
        node->out_unit =
            made / ((double)s->value[gn->out[0]].len[0] * (double)s->value[gn->out[0]].len[1]);
}

/* ms of the nodes before a position: of those that a graph output depends on, and of all. */
static void look_at_times(ff_sweep *s)
{
    const ff_graph *g = s->g;
    uint8_t *wanted = ff_mem_must((size_t)g->value_count + 1);
    for (int i = 0; i < g->output_count; i++)
        wanted[g->outputs[i]] = 1;
    for (int n = g->node_count - 1; n >= 0; n--) {
        const ff_node *gn = &g->nodes[n];
        bool needed = false;
        for (int k = 0; k < gn->out_count; k++)
            needed = needed || (gn->out[k] != FF_NO_VALUE && wanted[gn->out[k]] != 0);
        for (int i = 0; i < ff_sweep_reads(gn) && needed; i++)
            if (ff_sweep_read_at(gn, i) != FF_NO_VALUE)
                wanted[ff_sweep_read_at(gn, i)] = 1;
        s->ms_before[n + 1] = needed ? s->node[n].whole_ms : 0;
    }
    for (int n = 0; n < g->node_count; n++) {
        s->ms_before[n + 1] += s->ms_before[n];
        s->all_ms_before[n + 1] = s->all_ms_before[n] + s->node[n].whole_ms;
    }
    ff_mem_free(wanted);
}

/* A value is alive from its producer to its last reader: at every position between them. */
static void look_at_positions(ff_sweep *s)
{
    const ff_graph *g = s->g;
    int *unknown = ff_mem_must_array((size_t)g->node_count + 2, sizeof *unknown);
    for (int v = 0; v < g->value_count; v++) {
        const ff_sweep_value *value = &s->value[v];
        bool node = value->producer != FF_NO_NODE;
        if ((!node && g->values[v].kind != FF_VALUE_INPUT) || value->last < 0)
            continue;
        int from = node ? value->producer + 1 : 0, to = value->last + 1;
        to = to > g->node_count ? g->node_count + 1 : to;
        if (from >= to)
            continue;
        s->alive[from] += value->bytes;
        s->alive[to] -= value->bytes;
        s->crossing[from] += node ? 1 : 0;
        s->crossing[to] -= node ? 1 : 0;
        unknown[from] += value->known ? 0 : 1;
        unknown[to] -= value->known ? 0 : 1;
    }
    for (int p = 0; p <= g->node_count; p++) {
        if (p > 0) {
            s->alive[p] += s->alive[p - 1];
            s->crossing[p] += s->crossing[p - 1];
            unknown[p] += unknown[p - 1];
        }
    }
    for (int p = 0; p <= g->node_count; p++)
        s->crossing[p] = unknown[p] > 0 ? -1 : s->crossing[p];
    ff_mem_free(unknown);
}

/* The number of the count; it is added where it is new. */
static int count_number(ff_sweep *s, int n)
{
    int c = 0;
    while (c < s->counts && s->count[c] != n)
        c++;
    if (c == s->counts && c < FF_SWEEP_COUNTS) {
        s->count[c] = n;
        s->first[c] = s->parts;
        s->parts += n;
        s->counts++;
    }
    return c;
}

static void look_at_grids(ff_sweep *s, const ff_split *grids, int count)
{
    s->grid = ff_arena_array(s->arena, (size_t)count + 1, sizeof *s->grid);
    for (int i = 0; i < count; i++)
        for (int a = 0; a < 2; a++) {
            int n = a == 0 ? grids[i].rows : grids[i].cols;
            if (n > 1)
                (void)count_number(s, n);
        }
    for (int i = 0; i < count; i++)
        s->grid[i] = (ff_sweep_grid_state){
            .row = grids[i].rows > 1 ? count_number(s, grids[i].rows) : s->counts,
            .col = grids[i].cols > 1 ? count_number(s, grids[i].cols) : s->counts,
            .pieces = grids[i].rows * grids[i].cols};
    s->grid_count = count;
}

ff_sweep *ff_sweep_new(const ff_graph *g, const ff_compute_profile *compute, const ff_split *grids,
                       int grid_count)
{
    ff_arena *arena = ff_arena_new();
    ff_sweep *s = ff_arena_alloc(arena, sizeof *s);
    size_t values = (size_t)g->value_count + 1, places = (size_t)g->node_count + 2;
    int most = 1;
    *s = (ff_sweep){.g = g, .arena = arena};
    look_at_grids(s, grids, grid_count);
    s->value = ff_arena_array(arena, values, sizeof *s->value);
    s->node = ff_arena_array(arena, places, sizeof *s->node);
    s->alive = ff_arena_array(arena, places, sizeof *s->alive);
    s->ms_before = ff_arena_array(arena, places, sizeof *s->ms_before);
    s->all_ms_before = ff_arena_array(arena, places, sizeof *s->all_ms_before);
    s->crossing = ff_arena_array(arena, places, sizeof *s->crossing);
    s->cuts = ff_arena_array(arena, places, sizeof *s->cuts);
    s->open = ff_arena_array(arena, values, sizeof *s->open);
    s->open_at = ff_arena_array(arena, values, sizeof *s->open_at);
    s->out = ff_arena_array(arena, values, sizeof *s->out);
    s->span = ff_arena_array(arena, values * 2 * (size_t)(s->parts + 1), sizeof *s->span);
    look_at_values(s);
    mark_constants(s);
    for (int n = 0; n < g->node_count; n++) {
        look_at_inputs(s, n);
        look_at_axis(s, n, 0);
        look_at_axis(s, n, 1);
        look_at_weights(s, n);
        look_at_work(s, n, compute);
        s->node[n].barrier = !s->node[n].passes[0] && !s->node[n].passes[1];
        most = g->nodes[n].in_count > most ? g->nodes[n].in_count : most;
    }
    look_at_times(s);
    look_at_positions(s);
    for (int a = 0; a < 2; a++)
        s->own[a] = ff_arena_array(arena, (size_t)s->parts + 1, sizeof *s->own[a]);
    s->need = ff_arena_array(arena, (size_t)most + 1, sizeof *s->need);
    s->extents =
        ff_arena_array(arena, (size_t)most * 2 * (FF_SWEEP_COUNTS + 1), 3 * sizeof(double));
    return s;
}

void ff_sweep_free(ff_sweep *s)
{
    if (s != NULL)
        ff_arena_free(s->arena);
}

const ff_graph *ff_sweep_graph(const ff_sweep *s)
{
    return s->g;
}

const int *ff_sweep_cuts(const ff_sweep *s, int live, int *count)
{
    int found = 0;
    for (int p = 0; p <= s->g->node_count; p++)
        if (p == 0 || p == s->g->node_count || (s->crossing[p] >= 0 && s->crossing[p] <= live))
            s->cuts[found++] = p;
    *count = found;
    return s->cuts;
}

double ff_sweep_alive(const ff_sweep *s, int p)
{
    return s->alive[p];
}

double ff_sweep_whole_ms(const ff_sweep *s, int begin, int end)
{
    return s->ms_before[end] - s->ms_before[begin];
}

double ff_sweep_all_ms(const ff_sweep *s, int begin, int end)
{
    return s->all_ms_before[end] - s->all_ms_before[begin];
}

/* The needs of one node for a part of its output that is cut along one axis only. */
static void needs(const ff_sweep *s, int n, int axis, int64_t lo, int64_t hi, ff_need *need)
{
    int out = s->g->nodes[n].out[0];
    ff_region region = ff_region_whole(&s->g->values[out].shape);
    int at = region.rank - 2 + axis;
    region.lo[at] = lo;
    region.hi[at] = hi;
    if (ff_op_needs(s->g, n, &region, need, NULL) != FF_OK) /* it passed: a fault of ours */
        memset(need, 0, (size_t)s->g->nodes[n].in_count * sizeof *need);
}

void ff_sweep_ask(ff_sweep *s, int n, int axis, int64_t lo, int64_t hi, int32_t *low, int32_t *high)
{
    const ff_node *gn = &s->g->nodes[n];
    ff_need *need = ff_mem_must_array((size_t)gn->in_count + 1, sizeof *need);
    needs(s, n, axis, lo, hi, need);
    for (int i = 0; i < gn->in_count; i++) {
        int at = need[i].region.rank - 2 + axis;
        bool maps = s->node[n].maps[axis][i] && need[i].reads && at >= 0;
        if (low != NULL)
            low[i] = maps ? (int32_t)need[i].region.lo[at] : 0;
        if (high != NULL)
            high[i] = maps ? (int32_t)need[i].region.hi[at] : 1;
    }
    ff_mem_free(need);
}

void ff_sweep_exact(ff_sweep *s, int n, int axis, ff_span out, ff_span *need)
{
    const ff_node *gn = &s->g->nodes[n];
    int32_t *both = ff_mem_must_array(2 * (size_t)gn->in_count + 2, sizeof *both);
    ff_sweep_ask(s, n, axis, out.lo, out.hi, both, both + gn->in_count);
    for (int i = 0; i < gn->in_count; i++)
        need[i] = (ff_span){both[i], both[gn->in_count + i]};
    ff_mem_free(both);
}
