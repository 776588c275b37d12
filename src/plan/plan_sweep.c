#include "plan/plan_sweep.h"

#include <math.h>
#include <string.h>

#include "plan/plan_sweep_int.h"

/* Part i of n of a length, as split/ cuts it: the first ones are the larger ones. */
static ff_span part_of(int64_t len, int i, int n)
{
    return (ff_span){(int32_t)((len * i + n - 1) / n), (int32_t)((len * (i + 1) + n - 1) / n)};
}

static ff_span hull(ff_span a, ff_span b)
{
    return (ff_span){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}

static ff_span *spans_of(ff_sweep *s, int v, int axis)
{
    return s->span + ((size_t)v * 2 + (size_t)axis) * (size_t)s->parts;
}

static const ff_span *spans_at(const ff_sweep *s, int v, int axis)
{
    return s->span + ((size_t)v * 2 + (size_t)axis) * (size_t)s->parts;
}

static void open_value(ff_sweep *s, int v)
{
    ff_sweep_value *value = &s->value[v];
    value->stamp = s->stamp;
    value->flag[0] = value->flag[1] = false;
    value->fresh = true;
    if (value->producer != FF_NO_NODE || s->g->values[v].kind == FF_VALUE_INPUT) {
        s->open_at[v] = s->open_count;
        s->open[s->open_count++] = v;
    }
}

static bool is_open(const ff_sweep *s, int v)
{
    return s->value[v].stamp == s->stamp;
}

static void close_value(ff_sweep *s, int v)
{
    int at = s->open_at[v], last = s->open[--s->open_count];
    s->open[at] = last;
    s->open_at[last] = at;
}

static void want_whole(ff_sweep *s, int v)
{
    if (!is_open(s, v))
        open_value(s, v);
    for (int a = 0; a < 2; a++) {
        ff_span *span = spans_of(s, v, a), whole = {0, (int32_t)s->value[v].len[a]};
        for (int p = 0; p < s->parts; p++)
            span[p] = whole;
    }
    s->value[v].fresh = false;
}

static void forbid(ff_sweep *s, int axis)
{
    for (int c = 0; c < s->counts; c++)
        s->valid[axis][c] = false;
}

/* A stage's output: its own tiles. */
static void want_tiles(ff_sweep *s, int v)
{
    ff_sweep_value *value = &s->value[v];
    bool had = is_open(s, v);
    if (!had)
        open_value(s, v);
    s->out[s->out_count++] = v;
    for (int a = 0; a < 2; a++) {
        ff_span *span = spans_of(s, v, a);
        value->flag[a] = true;
        for (int c = 0; c < s->counts; c++) {
            int n = s->count[c];
            if (value->rank < (a == 0 ? 4 : 3) || value->len[a] < n)
                s->valid[a][c] = false;
            for (int i = 0; i < n; i++) {
                ff_span tile = part_of(value->len[a], i, n);
                int p = s->first[c] + i;
                span[p] = had ? hull(span[p], tile) : tile;
            }
        }
    }
    value->fresh = false;
}

/* What the node needs of its inputs along an axis, for [lo, hi) of its output: by tables of the
 * lower and the upper end, which do not depend on each other but where a tile lies in padding. */
static void need_along(ff_sweep *s, int n, int a, ff_span out, ff_span *need)
{
    const ff_sweep_node *node = &s->node[n];
    const ff_node *gn = &s->g->nodes[n];
    int64_t len = s->value[gn->out[0]].len[a];
    int32_t *lo = node->table[a] + (size_t)out.lo * (size_t)gn->in_count;
    int32_t *hi = node->table[a] + (size_t)(len + 1 + out.hi) * (size_t)gn->in_count;
    if (lo[0] < 0)
        ff_sweep_ask(s, n, a, out.lo, out.lo == 0 ? 1 : len, lo, NULL);
    if (hi[0] < 0)
        ff_sweep_ask(s, n, a, out.hi == len ? len - 1 : 0, out.hi, NULL, hi);
    bool empty = false;
    for (int i = 0; i < gn->in_count; i++) {
        need[i] = (ff_span){lo[i], hi[i]};
        empty = empty || hi[i] <= lo[i];
    }
    if (empty || node->exact)
        ff_sweep_exact(s, n, a, out, need);
}

/* Along one axis: the node's own spans, and those of its inputs. */
static void flow_axis(ff_sweep *s, int n, int a)
{
    const ff_node *gn = &s->g->nodes[n];
    ff_sweep_node *node = &s->node[n];
    int64_t len = s->value[gn->out[0]].len[a];
    for (int c = 0; c < s->counts; c++) {
        if (!s->valid[a][c])
            continue;
        for (int p = s->first[c]; p < s->first[c] + s->count[c]; p++) {
            ff_span out = s->own[a][p];
            bool whole = out.lo == 0 && out.hi == len;
            if (!whole)
                need_along(s, n, a, out, s->need);
            for (int i = 0; i < gn->in_count; i++) {
                int v = gn->in[i];
                if (!node->reads[i])
                    continue;
                ff_span all = {0, (int32_t)s->value[v].len[a]};
                ff_span want = whole || !node->maps[a][i] ? all : s->need[i];
                ff_span *span = spans_of(s, v, a) + p;
                *span = s->value[v].fresh && !node->repeats[i] ? want : hull(*span, want);
            }
        }
    }
}

/* The part of the node that each piece computes: the hull of what its outputs are asked for. */
static void own_spans(ff_sweep *s, int n)
{
    const ff_node *gn = &s->g->nodes[n];
    const ff_sweep_value *first = &s->value[gn->out[0]];
    bool any = false;
    for (int k = 0; k < gn->out_count; k++) {
        int v = gn->out[k];
        if (v == FF_NO_VALUE || !is_open(s, v))
            continue;
        for (int a = 0; a < 2; a++) {
            const ff_span *span = spans_at(s, v, a);
            for (int p = 0; p < s->parts; p++) {
                ff_span r = span[p];
                if (r.lo == 0 && r.hi == s->value[v].len[a])
                    r.hi = (int32_t)first->len[a];
                s->own[a][p] = any ? hull(s->own[a][p], r) : r;
            }
        }
        any = true;
    }
}

static void flow(ff_sweep *s, int n)
{
    const ff_node *gn = &s->g->nodes[n];
    ff_sweep_node *node = &s->node[n];
    bool flag[2] = {false, false};
    own_spans(s, n);
    for (int k = 0; k < gn->out_count; k++)
        for (int a = 0; a < 2 && gn->out[k] != FF_NO_VALUE; a++)
            flag[a] = flag[a] || (is_open(s, gn->out[k]) && s->value[gn->out[k]].flag[a]);
    for (int i = 0; i < gn->in_count; i++)
        if (node->reads[i] && !is_open(s, gn->in[i]))
            open_value(s, gn->in[i]);
    for (int a = 0; a < 2; a++) {
        if (!node->passes[a]) {
            forbid(s, a);
            continue;
        }
        flow_axis(s, n, a);
        for (int i = 0; i < gn->in_count; i++)
            if (node->reads[i] && node->maps[a][i] && flag[a])
                s->value[gn->in[i]].flag[a] = true;
    }
    for (int i = 0; i < gn->in_count; i++)
        if (node->reads[i])
            s->value[gn->in[i]].fresh = false;
}

/* Lengths of spans: the longest, all together, the first. */
typedef struct extent {
    double most, sum, first;
} extent;

static extent extent_of(const ff_span *span, int first, int count)
{
    extent e = {0, 0, span[first].hi - span[first].lo};
    for (int p = first; p < first + count; p++) {
        double len = span[p].hi - span[p].lo;
        e.most = len > e.most ? len : e.most;
        e.sum += len;
    }
    return e;
}

/* Of all numbers of rows, or columns; [counts]: one, whole. */
static void extents_of(const ff_sweep *s, const ff_span *span, double len, extent *out)
{
    for (int c = 0; c < s->counts; c++)
        out[c] = extent_of(span, s->first[c], s->count[c]);
    out[s->counts] = (extent){len, len, len};
}

static double node_ms(const ff_sweep_node *node, double out_share, double in_share,
                      double moved_bytes, double tile)
{
    ff_work work = node->whole;
    work.macs = (uint64_t)((double)work.macs * (node->by_input ? in_share : out_share) + 0.5);
    work.patch_elems =
        (uint64_t)((double)work.patch_elems * (node->by_input ? in_share : out_share) + 0.5);
    work.in_elems = (uint64_t)((double)work.in_elems * in_share + 0.5);
    work.out_elems = (uint64_t)((double)work.out_elems * out_share + 0.5);
    work.moved_bytes = (uint64_t)moved_bytes;
    work.tile_elems = node->whole.tile_elems > 0 ? (uint64_t)(tile + 0.5) : 0;
    return ff_compute_op_ms(node->entry, &work);
}

/* Adds the node's time to each grid's slowest piece, all pieces, and piece 0. */
static void add_work(ff_sweep *s, int n)
{
    const ff_node *gn = &s->g->nodes[n];
    const ff_sweep_node *node = &s->node[n];
    const ff_sweep_value *first = &s->value[gn->out[0]];
    extent own[2][FF_SWEEP_COUNTS + 1], *in = (extent *)s->extents;
    int used = 0;
    if (node->free)
        return;
    for (int a = 0; a < 2; a++)
        extents_of(s, s->own[a], (double)first->len[a], own[a]);
    for (int i = 0; i < gn->in_count; i++) {
        if (!node->reads[i])
            continue;
        for (int a = 0; a < 2; a++)
            extents_of(s, spans_at(s, gn->in[i], a), (double)s->value[gn->in[i]].len[a],
                       in + (2 * used + a) * (FF_SWEEP_COUNTS + 1));
        used++;
    }
    double whole = (double)first->len[0] * (double)first->len[1];
    for (int i = 0; i < s->grid_count; i++) {
        ff_sweep_grid_state *grid = &s->grid[i];
        if (!ff_sweep_passes(s, i))
            continue;
        double pieces = grid->pieces, out[3], in0[3] = {1, 1, 1}, moved[3];
        const extent *r = &own[0][grid->row], *c = &own[1][grid->col];
        out[0] = r->most * c->most;
        out[1] = r->sum * c->sum / pieces;
        out[2] = r->first * c->first;
        for (int k = 0; k < 3; k++)
            moved[k] = node->fixed_bytes + node->out_unit * out[k];
        for (int t = 0, at = 0; t < gn->in_count; t++) {
            if (!node->reads[t])
                continue;
            const ff_sweep_value *v = &s->value[gn->in[t]];
            const extent *ir = in + (2 * at) * (FF_SWEEP_COUNTS + 1) + grid->row;
            const extent *ic = in + (2 * at + 1) * (FF_SWEEP_COUNTS + 1) + grid->col;
            double area[3] = {ir->most * ic->most, ir->sum * ic->sum / pieces,
                              ir->first * ic->first};
            for (int k = 0; k < 3; k++) {
                moved[k] += v->unit * area[k];
                if (t == 0)
                    in0[k] = area[k] / ((double)v->len[0] * (double)v->len[1]);
            }
            at++;
        }
        grid->most += node_ms(node, out[0] / whole, in0[0], moved[0], out[0]);
        grid->sum += pieces * node_ms(node, out[1] / whole, in0[1], moved[1], out[1]);
        grid->first += node_ms(node, out[2] / whole, in0[2], moved[2], out[2]);
    }
}

static double area_of(const ff_sweep *s, int v, const ff_sweep_grid_state *grid, int what)
{
    double area = s->value[v].unit;
    for (int a = 0; a < 2; a++) {
        int c = a == 0 ? grid->row : grid->col;
        if (c == s->counts) {
            area *= (double)s->value[v].len[a];
            continue;
        }
        extent e = extent_of(spans_at(s, v, a), s->first[c], s->count[c]);
        area *= what == 0 ? e.most : what == 1 ? e.sum : e.first;
    }
    return area;
}

/* What is alive in a piece while node n runs: what it reads and makes, and what crosses it. */
static void add_alive(ff_sweep *s, double made_whole)
{
    double whole = made_whole;
    for (int k = 0; k < s->open_count; k++)
        whole += s->value[s->open[k]].bytes;
    s->alive_most = fmax(s->alive_most, whole);
}

static void add_weights(ff_sweep *s, int n)
{
    const ff_sweep_node *node = &s->node[n];
    for (int i = 0; i < node->weight_count; i++)
        if (node->weight_next[i] >= s->end)
            s->weights += node->weight_bytes[i];
}

/* Does an output of the interval depend on the node? Marks what leaves. */
static bool leaves_or_needed(ff_sweep *s, int n)
{
    const ff_node *gn = &s->g->nodes[n];
    bool needed = false;
    for (int k = 0; k < gn->out_count; k++) {
        int v = gn->out[k];
        if (v == FF_NO_VALUE)
            continue;
        if (s->value[v].last >= s->end) {
            if (s->node[n].constant) {
                want_whole(s, v);
                s->out[s->out_count++] = v;
            } else {
                want_tiles(s, v);
                s->varying = true;
            }
        }
        needed = needed || is_open(s, v);
    }
    return needed;
}

void ff_sweep_back(ff_sweep *s)
{
    int n = --s->begin;
    const ff_node *gn = &s->g->nodes[n];
    if (!leaves_or_needed(s, n))
        return;
    add_weights(s, n);
    s->whole_ms += s->node[n].whole_ms;
    if (s->node[n].constant) {
        for (int i = 0; i < gn->in_count; i++)
            if (gn->in[i] != FF_NO_VALUE && s->g->values[gn->in[i]].kind != FF_VALUE_WEIGHT)
                want_whole(s, gn->in[i]);
        for (int i = 0; i < s->grid_count; i++) {
            s->grid[i].most += s->node[n].whole_ms;
            s->grid[i].first += s->node[n].whole_ms;
            s->grid[i].sum += s->node[n].whole_ms * s->grid[i].pieces;
        }
    } else if (!ff_sweep_any(s) || s->node[n].barrier) {
        forbid(s, 0);
        forbid(s, 1);
        for (int i = 0; i < ff_sweep_reads(gn); i++) {
            int v = ff_sweep_read_at(gn, i);
            if (v != FF_NO_VALUE && s->g->values[v].kind != FF_VALUE_WEIGHT && !is_open(s, v))
                open_value(s, v);
        }
    } else {
        flow(s, n);
        add_work(s, n);
    }
    double made = 0;
    for (int k = 0; k < gn->out_count; k++)
        if (gn->out[k] != FF_NO_VALUE && is_open(s, gn->out[k])) {
            made += s->value[gn->out[k]].bytes;
            close_value(s, gn->out[k]);
        }
    add_alive(s, made);
}

void ff_sweep_end(ff_sweep *s, int end)
{
    s->begin = s->end = end;
    s->stamp++;
    s->open_count = s->out_count = 0;
    s->weights = s->whole_ms = s->alive_most = 0;
    s->varying = false;
    for (int a = 0; a < 2; a++)
        for (int c = 0; c <= s->counts; c++)
            s->valid[a][c] = true;
    for (int i = 0; i < s->grid_count; i++)
        s->grid[i].most = s->grid[i].sum = s->grid[i].first = 0;
}

int ff_sweep_begin(const ff_sweep *s)
{
    return s->begin;
}

bool ff_sweep_passes(const ff_sweep *s, int i)
{
    return s->varying && s->valid[0][s->grid[i].row] && s->valid[1][s->grid[i].col];
}

bool ff_sweep_any(const ff_sweep *s)
{
    for (int i = 0; i < s->grid_count; i++)
        if (ff_sweep_passes(s, i))
            return true;
    return false;
}

double ff_sweep_grid_ms(const ff_sweep *s, int i)
{
    return s->grid[i].most;
}

double ff_sweep_grid_sum_ms(const ff_sweep *s, int i)
{
    return s->grid[i].sum - s->grid[i].first;
}

static void begin_load(const ff_sweep *s, ff_stage_load *load)
{
    *load = (ff_stage_load){.weights = s->weights,
                            .weights_first = s->weights,
                            .activations = s->alive_most,
                            .activations_first = s->alive_most,
                            .held = s->alive[s->begin] + s->alive[s->end]};
}

/* What enters is held throughout, what leaves to the end. */
static void hold_borders(ff_stage_load *load)
{
    for (int i = 0; i < load->in_count; i++)
        load->activations += load->in[i].most;
    for (int i = 0; i < load->out_count; i++)
        load->activations += load->out[i].most;
    load->activations_first = load->activations;
}

void ff_sweep_whole(const ff_sweep *s, int pieces, ff_stage_load *load)
{
    begin_load(s, load);
    load->pieces = pieces;
    load->work_ms = load->work_sum_ms = load->work_first_ms = s->whole_ms;
    for (int k = 0; k < s->open_count; k++) {
        double bytes = s->value[s->open[k]].bytes;
        ff_load_add(load->in, &load->in_count, &(ff_load_tensor){bytes, bytes, bytes, 0});
    }
    for (int k = 0; k < s->out_count; k++) {
        double bytes = s->value[s->out[k]].bytes;
        ff_load_add(load->out, &load->out_count, &(ff_load_tensor){bytes, bytes, bytes, 0});
    }
    hold_borders(load);
}

void ff_sweep_grid(const ff_sweep *s, int i, ff_stage_load *load)
{
    const ff_sweep_grid_state *grid = &s->grid[i];
    begin_load(s, load);
    load->pieces = grid->pieces;
    load->work_ms = grid->most;
    load->work_sum_ms = grid->sum;
    load->work_first_ms = grid->first;
    for (int k = 0; k < s->open_count; k++) {
        int v = s->open[k];
        ff_load_tensor t = {area_of(s, v, grid, 0), area_of(s, v, grid, 1), area_of(s, v, grid, 2),
                            0};
        ff_load_add(load->in, &load->in_count, &t);
    }
    for (int k = 0; k < s->out_count; k++) {
        const ff_sweep_value *v = &s->value[s->out[k]];
        double rows = grid->row == s->counts ? 1 : s->count[grid->row];
        double cols = grid->col == s->counts ? 1 : s->count[grid->col];
        double most = ceil((double)v->len[0] / rows) * ceil((double)v->len[1] / cols) * v->unit;
        if (s->node[v->producer].constant)
            most = v->bytes;
        ff_load_add(load->out, &load->out_count, &(ff_load_tensor){most, v->bytes, most, 0});
    }
    hold_borders(load);
}
