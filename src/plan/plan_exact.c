#include "plan/plan_exact.h"

#include <math.h>
#include <string.h>

#include "plan/plan_work.h"

/* --- loads --------------------------------------------------------------------------------- */

static double value_bytes(const ff_graph *g, int v)
{
    size_t bytes = 0;
    if (v == FF_NO_VALUE || !g->values[v].has_shape ||
        ff_shape_bytes(&g->values[v].shape, g->values[v].dtype, &bytes, NULL) != FF_OK)
        return 0;
    return (double)bytes;
}

static double part_bytes(const ff_graph *g, const ff_part *part)
{
    double elems = 1;
    for (int a = 0; a < part->region.rank; a++)
        elems *= (double)(part->region.hi[a] - part->region.lo[a]);
    return elems * (double)ff_dtype_bytes(g->values[part->value].dtype);
}

/* The most bytes that are alive at once: inputs throughout, the rest from where it is made to where
 * it is read last, outputs to the end. */
static double activations_of(const ff_graph *p)
{
    double most = 0, alive = 0;
    double *ends = ff_mem_must_array((size_t)p->node_count + 1, sizeof *ends);
    for (int i = 0; i < p->input_count; i++)
        alive += value_bytes(p, p->inputs[i]);
    most = alive;
    for (int n = 0; n < p->node_count; n++) {
        for (int k = 0; k < p->nodes[n].out_count; k++) {
            int v = p->nodes[n].out[k], last = n;
            if (v == FF_NO_VALUE)
                continue;
            const int *readers;
            int count = ff_graph_readers(p, v, &readers);
            for (int r = 0; r < count; r++)
                last = readers[r] > last ? readers[r] : last;
            alive += value_bytes(p, v);
            ends[ff_graph_is_output(p, v) ? p->node_count : last] += value_bytes(p, v);
        }
        most = fmax(most, alive);
        alive -= ends[n];
    }
    ff_mem_free(ends);
    return most;
}

static ff_code work_of(const ff_graph *p, const ff_compute_profile *compute, double *ms,
                       ff_err *err)
{
    *ms = 0;
    for (int n = 0; n < p->node_count; n++) {
        ff_work work = ff_plan_work(p, n);
        double one = 0;
        ff_code code = ff_compute_predict(compute, &work, &one, err);
        if (code)
            return code;
        *ms += one;
    }
    return FF_OK;
}

/* What passes position p on the master's side: inputs and what nodes made, to the last reader. */
static double alive_at(const ff_graph *g, int p)
{
    double sum = 0;
    for (int v = 0; v < g->value_count; v++) {
        const ff_value *value = &g->values[v];
        int from = value->producer == FF_NO_NODE ? -1 : value->producer, last = -1;
        const int *readers;
        int count = ff_graph_readers(g, v, &readers);
        if (value->kind == FF_VALUE_WEIGHT)
            continue;
        for (int r = 0; r < count; r++)
            last = readers[r] > last ? readers[r] : last;
        last = ff_graph_is_output(g, v) ? g->node_count : last;
        sum += from < p && last >= p ? value_bytes(g, v) : 0;
    }
    return sum;
}

static ff_load_tensor tensor_of(const ff_graph *g, const ff_pieces *pieces, int v, bool in,
                                double *each)
{
    ff_load_tensor t = {0, 0, 0, 0, 0};
    for (int i = 0; i < pieces->count; i++) {
        const ff_piece *piece = &pieces->piece[i];
        int count = in ? piece->in_count : piece->out_count;
        each[i] = 0;
        for (int k = 0; k < count; k++) {
            const ff_part *part = in ? &piece->in[k] : &piece->out[k];
            each[i] += part->value == v ? part_bytes(g, part) : 0;
        }
        t.most = fmax(t.most, each[i]);
        t.sum += each[i];
        t.first = i == 0 ? each[0] : t.first;
        t.rest = i == 0 ? (pieces->count == 1 ? each[0] : 0) : fmax(t.rest, each[i]);
    }
    return t;
}

/* The stage's tensors one way, and each piece's part of them; those beyond the last slot share it.
 */
static void tensors_of(const ff_graph *g, const ff_pieces *pieces, const int *values, int count,
                       bool in, ff_stage_load *load, ff_piece_load *out)
{
    ff_load_tensor slots[FF_LOAD_TENSORS] = {{0}};
    int used = count < FF_LOAD_TENSORS ? count : FF_LOAD_TENSORS;
    for (int i = 0; i < count; i++) {
        double each[FF_MAX_TILES];
        int slot = i < FF_LOAD_TENSORS ? i : FF_LOAD_TENSORS - 1;
        ff_load_tensor t = tensor_of(g, pieces, values[i], in, each);
        slots[slot].id = slot;
        slots[slot].most += t.most;
        slots[slot].sum += t.sum;
        slots[slot].first += t.first;
        slots[slot].rest += t.rest;
        for (int p = 0; p < pieces->count; p++)
            *(in ? &out[p].in[slot] : &out[p].out[slot]) += each[p];
    }
    for (int i = 0; i < used; i++)
        ff_load_add(in ? load->in : load->out, in ? &load->in_count : &load->out_count, &slots[i]);
}

ff_code ff_exact_load(const ff_graph *g, const ff_stage *stage, const ff_compute_profile *compute,
                      ff_stage_load *load, ff_piece_load *figures, ff_err *err)
{
    ff_pieces pieces = {0};
    ff_piece_load *own = NULL;
    ff_stage_load sum = {0};
    ff_code code = ff_stage_sketch(g, stage, &pieces, err);
    if (code)
        return code;
    own = ff_mem_must_array(FF_MAX_TILES, sizeof *own);
    sum.pieces = stage->split.kind == FF_SPLIT_LOCAL ? 0 : pieces.count;
    for (int i = 0; i < pieces.count && !code; i++) {
        ff_piece_load *one = &own[i];
        code = work_of(pieces.piece[i].graph, compute, &one->work_ms, err);
        one->weights = (double)pieces.piece[i].weight_bytes;
        one->activations = activations_of(pieces.piece[i].graph);
        sum.work_ms = fmax(sum.work_ms, one->work_ms);
        sum.work_rest_ms = i > 0 || pieces.count == 1 ? fmax(sum.work_rest_ms, one->work_ms) : 0;
        sum.work_sum_ms += one->work_ms;
        sum.weights = fmax(sum.weights, one->weights);
        sum.activations = fmax(sum.activations, one->activations);
    }
    sum.work_first_ms = own[0].work_ms;
    sum.weights_first = own[0].weights;
    sum.activations_first = own[0].activations;
    sum.held = alive_at(g, stage->begin) + alive_at(g, stage->end);
    int *in, *out, in_count, out_count;
    ff_stage_borders(g, stage->begin, stage->end, &in, &in_count, &out, &out_count);
    tensors_of(g, &pieces, in, in_count, true, &sum, own);
    tensors_of(g, &pieces, out, out_count, false, &sum, own);
    ff_mem_free(in);
    ff_mem_free(out);
    if (!code) {
        *load = sum;
        if (figures != NULL)
            memcpy(figures, own, (size_t)pieces.count * sizeof *figures);
    }
    ff_mem_free(own);
    ff_pieces_clean(&pieces);
    return code;
}

/* --- time ---------------------------------------------------------------------------------- */

/* Pieces that are alike: same transfers, same work. */
typedef struct group {
    ff_wait_load moved;
    double shift_ms;
    int n;
    ff_sum sum;
} group;

static void sum_up(const double *parts, const ff_load_tensor *tensors, int count, int stored,
                   double *by_inline, double *by_store)
{
    *by_inline = *by_store = 0;
    for (int i = 0; i < count; i++)
        *(i < stored ? by_store : by_inline) += parts[tensors[i].id];
}

static bool alike(const group *a, const group *b)
{
    return memcmp(&a->moved, &b->moved, sizeof a->moved) == 0 &&
           fabs(a->shift_ms - b->shift_ms) < 1e-9;
}

/* The workers' pieces in groups. Returns their number. */
static int group_pieces(const ff_coster *c, const ff_stage_load *load, const ff_piece_load *pieces,
                        const ff_stage_cost *cost, group *groups)
{
    int count = 0;
    for (int i = cost->own ? 1 : 0; i < load->pieces; i++) {
        group g = {.n = 1};
        ff_wait_load *m = &g.moved;
        sum_up(pieces[i].in, load->in, load->in_count, cost->in_stored, &m->in_inline,
               &m->in_stored);
        sum_up(pieces[i].out, load->out, load->out_count, cost->out_stored, &m->out_inline,
               &m->out_stored);
        g.shift_ms = pieces[i].work_ms * c->worker_scale +
                     (m->in_inline * c->decode_inline + m->in_stored * c->decode_stored +
                      m->out_inline * c->encode_inline + m->out_stored * c->encode_stored) *
                         c->worker_codec;
        int k = 0;
        while (k < count && !alike(&groups[k], &g))
            k++;
        if (k < count) {
            groups[k].n++;
            continue;
        }
        ff_dist parts[FF_WAIT_PARTS];
        ff_sum_init(&g.sum, parts,
                    ff_wait_parts(c->target->net, c->target->cold, cost->workers, m, parts));
        groups[count++] = g;
    }
    return count;
}

#define STEPS 600 /* of the integrals over a stage's time */

/* Central moments of the slowest branch, which is no faster than least. */
static void moments(const ff_branch *branches, int count, double least, ff_exact_time *t)
{
    ff_slowest s = ff_branch_slowest(branches, count);
    double lo = s.p50_ms, hi = s.p99_ms + 4 * (s.p99_ms - s.p50_ms), before = 0, m[4] = {0};
    double centre = fmax(s.mean_ms, least);
    lo = fmax(0, lo - 3 * (s.p99_ms - s.p50_ms));
    for (int i = 0; i <= STEPS; i++) {
        double at = lo + (hi - lo) * i / STEPS, below = at >= least ? 1 : 0;
        for (int b = 0; b < count && below > 0; b++)
            below *= pow(ff_sum_cdf(branches[b].sum, at - branches[b].shift_ms), branches[b].n);
        double x = fmax(at - (hi - lo) / STEPS / 2, least) - centre, p = below - before;
        for (int k = 0; k < 4; k++)
            m[k] += p * pow(x, k);
        before = below;
    }
    double mean = m[1] / m[0];
    t->mean_ms = centre + mean;
    t->variance = fmax(0, m[2] / m[0] - mean * mean);
    t->third = m[3] / m[0] - 3 * mean * m[2] / m[0] + 2 * mean * mean * mean;
    t->p99_ms = fmax(s.p99_ms, least);
}

ff_exact_time ff_exact_time_of(const ff_coster *c, const ff_stage_load *load,
                               const ff_piece_load *pieces, const ff_stage_cost *cost)
{
    ff_exact_time t = {cost->mean_ms, cost->tail_ms, 0, 0};
    if (cost->workers == 0)
        return t;
    group *groups = ff_mem_must_array((size_t)load->pieces, sizeof *groups);
    ff_branch *branches = ff_mem_must_array((size_t)load->pieces, sizeof *branches);
    int count = group_pieces(c, load, pieces, cost, groups);
    for (int k = 0; k < count; k++)
        branches[k] = (ff_branch){&groups[k].sum, groups[k].shift_ms, groups[k].n};
    double own = cost->own ? pieces[0].work_ms * c->master_scale : 0;
    ff_slowest s = ff_branch_slowest(branches, count);
    if (s.p99_ms - s.p50_ms < 1e-9 * s.p50_ms)
        t = (ff_exact_time){fmax(s.mean_ms, own), fmax(s.p99_ms, own), 0, 0};
    else
        moments(branches, count, own, &t);
    t.mean_ms += cost->serial_ms;
    t.p99_ms += cost->serial_ms;
    ff_mem_free(groups);
    ff_mem_free(branches);
    return t;
}
