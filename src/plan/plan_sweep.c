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

/* Lengths of spans: the longest, all together, the first, the longest but the first. */
typedef struct extent {
    double most, sum, first, rest;
} extent;

static extent extent_of(const ff_span *span, int first, int count)
{
    double len = span[first].hi - span[first].lo;
    extent e = {len, len, len, 0};
    for (int p = first + 1; p < first + count; p++) {
        len = span[p].hi - span[p].lo;
        e.rest = len > e.rest ? len : e.rest;
        e.sum += len;
    }
    e.most = e.rest > e.most ? e.rest : e.most;
    return e;
}

/* Of all numbers of rows, or columns; [counts]: one, whole. */
static void extents_of(const ff_sweep *s, const ff_span *span, double len, extent *out)
{
    for (int c = 0; c < s->counts; c++)
        out[c] = extent_of(span, s->first[c], s->count[c]);
    out[s->counts] = (extent){len, len, len, 0};
}

/* Of a grid's pieces: the largest area, the mean one, that of piece 0, the largest of the others.
 */
enum { MOST, MEAN, FIRST, REST, AREAS };

static void areas_of(const extent *r, const extent *c, double pieces, double area[AREAS])
{
    double below = r->rest * c->most, beside = r->first * c->rest;
    area[MOST] = r->most * c->most;
    area[MEAN] = r->sum * c->sum / pieces;
    area[FIRST] = r->first * c->first;
    area[REST] = below > beside ? below : beside;
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
        double pieces = grid->pieces, out[AREAS], in0[AREAS] = {1, 1, 1, 1}, moved[AREAS];
        areas_of(&own[0][grid->row], &own[1][grid->col], pieces, out);
        for (int k = 0; k < AREAS; k++)
            moved[k] = node->fixed_bytes + node->out_unit * out[k];
        for (int t = 0, at = 0; t < gn->in_count; t++) {
            if (!node->reads[t])
                continue;
            const ff_sweep_value *v = &s->value[gn->in[t]];
            const extent *ir = in + (2 * at) * (FF_SWEEP_COUNTS + 1) + grid->row;
            const extent *ic = in + (2 * at + 1) * (FF_SWEEP_COUNTS + 1) + grid->col;
            double area[AREAS];
            areas_of(ir, ic, pieces, area);
            for (int k = 0; k < AREAS; k++) {
                moved[k] += v->unit * area[k];
                if (t == 0)
                    in0[k] = area[k] / ((double)v->len[0] * (double)v->len[1]);
            }
            at++;
        }
        double ms[AREAS];
        for (int k = 0; k < AREAS; k++)
            ms[k] = node_ms(node, out[k] / whole, in0[k], moved[k], out[k]);
        grid->most += ms[MOST];
        grid->sum += pieces * ms[MEAN];
        grid->first += ms[FIRST];
        grid->rest += ms[REST];
    }
}

static ff_load_tensor tensor_of(const ff_sweep *s, int v, const ff_sweep_grid_state *grid)
{
    extent e[2];
    double area[AREAS], unit = s->value[v].unit;
    for (int a = 0; a < 2; a++) {
        int c = a == 0 ? grid->row : grid->col;
        double len = (double)s->value[v].len[a];
        e[a] = c == s->counts ? (extent){len, len, len, 0}
                              : extent_of(spans_at(s, v, a), s->first[c], s->count[c]);
    }
    areas_of(&e[0], &e[1], grid->pieces, area);
    return (ff_load_tensor){area[MOST] * unit, area[MEAN] * grid->pieces * unit, area[FIRST] * unit,
                            area[REST] * unit, 0};
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
            s->grid[i].rest += s->node[n].whole_ms;
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
        s->grid[i].most = s->grid[i].sum = s->grid[i].first = s->grid[i].rest = 0;
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
    return fmin(s->grid[i].most, s->grid[i].rest);
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
    load->work_ms = load->work_sum_ms = load->work_first_ms = load->work_rest_ms = s->whole_ms;
    for (int k = 0; k < s->open_count; k++) {
        double bytes = s->value[s->open[k]].bytes;
        ff_load_add(load->in, &load->in_count, &(ff_load_tensor){bytes, bytes, bytes, bytes, 0});
    }
    for (int k = 0; k < s->out_count; k++) {
        double bytes = s->value[s->out[k]].bytes;
        ff_load_add(load->out, &load->out_count, &(ff_load_tensor){bytes, bytes, bytes, bytes, 0});
    }
    hold_borders(load);
}

/* The longest part of a length but the first. */
static double second_part(int64_t len, int n)
{
    int64_t longest = 0;
    for (int i = 1; i < n; i++) {
        ff_span part = part_of(len, i, n);
        longest = part.hi - part.lo > longest ? part.hi - part.lo : longest;
    }
    return (double)longest;
}

void ff_sweep_grid(const ff_sweep *s, int i, ff_stage_load *load)
{
    const ff_sweep_grid_state *grid = &s->grid[i];
    begin_load(s, load);
    load->pieces = grid->pieces;
    load->work_ms = grid->most;
    load->work_sum_ms = grid->sum;
    load->work_first_ms = grid->first;
    load->work_rest_ms = grid->rest;
    for (int k = 0; k < s->open_count; k++) {
        ff_load_tensor t = tensor_of(s, s->open[k], grid);
        ff_load_add(load->in, &load->in_count, &t);
    }
    for (int k = 0; k < s->out_count; k++) {
        const ff_sweep_value *v = &s->value[s->out[k]];
        if (s->node[v->producer].constant) { /* piece 0 makes it */
            ff_load_tensor whole = {v->bytes, v->bytes, v->bytes, 0, 0};
            ff_load_add(load->out, &load->out_count, &whole);
            continue;
        }
        extent e[2];
        double area[AREAS];
        for (int a = 0; a < 2; a++) {
            int c = a == 0 ? grid->row : grid->col, n = c == s->counts ? 1 : s->count[c];
            double len = (double)v->len[a];
            e[a] = (extent){ceil(len / n), len, ceil(len / n), 0};
            if (n > 1)
                e[a].rest = second_part(v->len[a], n);
        }
        areas_of(&e[0], &e[1], grid->pieces, area);
        ff_load_tensor t = {area[MOST] * v->unit, v->bytes, area[FIRST] * v->unit,
                            area[REST] * v->unit, 0};
        ff_load_add(load->out, &load->out_count, &t);
    }
    hold_borders(load);
}
