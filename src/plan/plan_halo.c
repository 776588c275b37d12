/*
 * What grid stages compute twice: for all pairs of places at once.
 *
 * Rows and columns do not meet: a piece's share of a node is its share of the rows times that of
 * the columns, so that R + C strips stand for R * C pieces. For each end the needs of all strips
 * are followed back to the first place; every place on the way is a beginning.
 */
#include <math.h>
#include <string.h>

#include "graph/op.h"
#include "plan/plan_int.h"

typedef struct walk {
    const ff_graph *g;
    const ff_split *split;
    int strips;         /* rows, then columns */
    int begin;          /* of the range of nodes */
    int *slot;          /* by value: its number among those made in the range, + 1; 0: none */
    int *last;          /* by slot: the last reader, or node_count where the graph has it */
    uint8_t *wanted;    /* by slot */
    ff_region *regions; /* by slot and strip */
    int count;          /* of slots */
} walk;

static void note_values(walk *w, int end)
{
    const ff_graph *g = w->g;
    for (int n = w->begin; n < end; n++)
        for (int k = 0; k < g->nodes[n].out_count; k++)
            if (g->nodes[n].out[k] != FF_NO_VALUE)
                w->slot[g->nodes[n].out[k]] = ++w->count;
    w->last = ff_mem_must_array((size_t)w->count + 1, sizeof *w->last);
    w->wanted = ff_mem_must((size_t)w->count + 1);
    w->regions = ff_mem_must_array(((size_t)w->count + 1) * (size_t)w->strips, sizeof *w->regions);
    for (int v = 0; v < g->value_count; v++) {
        const int *readers;
        int readers_count = w->slot[v] == 0 ? 0 : ff_graph_readers(g, v, &readers);
        int last = w->slot[v] != 0 && ff_graph_is_output(g, v) ? g->node_count : -1;
        for (int i = 0; i < readers_count; i++)
            last = readers[i] > last ? readers[i] : last;
        if (w->slot[v] != 0)
            w->last[w->slot[v] - 1] = last;
    }
}

static ff_region *strips_of(const walk *w, int slot)
{
    return &w->regions[(size_t)(slot - 1) * (size_t)w->strips];
}

static void want(walk *w, int v, int strip, const ff_region *region)
{
    int slot = w->slot[v];
    ff_region *r = slot == 0 ? NULL : &strips_of(w, slot)[strip];
    if (slot != 0)
        *r = w->wanted[slot - 1] != 0 && r->rank == region->rank ? ff_region_hull(r, region)
                                                                 : *region;
}

/* A strip of a value that leaves the stage: as a piece delivers it. */
static ff_region strip_of(const walk *w, int v, int strip)
{
    ff_region r = ff_region_whole(&w->g->values[v].shape);
    bool row = strip < w->split->rows;
    int axis = r.rank - (row ? 2 : 1), n = row ? w->split->rows : w->split->cols;
    int64_t i = row ? strip : strip - w->split->rows, len = axis < 0 ? 0 : r.hi[axis];
    if (axis >= 0 && n > 1) {
        r.lo[axis] = (len * i + n - 1) / n;
        r.hi[axis] = (len * (i + 1) + n - 1) / n;
    }
    return r;
}

static double share(const ff_region *r, const ff_shape *whole)
{
    double all = 1;
    for (int a = 0; a < r->rank; a++)
        all *= (double)(r->hi[a] - r->lo[a]) / (double)whole->dim[a];
    return all;
}

/* What a strip asks of the node, as a part of output 0; false: nothing. */
static bool asked(const walk *w, const ff_node *node, int strip, ff_region *out)
{
    const ff_shape *first = &w->g->values[node->out[0]].shape;
    bool any = false;
    for (int k = 0; k < node->out_count; k++) {
        int v = node->out[k];
        if (v == FF_NO_VALUE || w->wanted[w->slot[v] - 1] == 0)
            continue;
        ff_region r = strips_of(w, w->slot[v])[strip];
        const ff_shape *shape = &w->g->values[v].shape;
        if (r.rank != first->rank)
            return false;
        for (int a = 0; a < r.rank; a++)
            if (r.lo[a] == 0 && r.hi[a] == shape->dim[a])
                r.hi[a] = first->dim[a];
        *out = any ? ff_region_hull(out, &r) : r;
        any = true;
    }
    return any;
}

static void mark(walk *w, const ff_node *node, const ff_need *need)
{
    for (int i = 0; i < node->in_count; i++)
        if (need[i].reads && w->slot[node->in[i]] != 0)
            w->wanted[w->slot[node->in[i]] - 1] = 1;
}

/* The pieces' share of the node, added up; its needs become wanted. Negative: it is in the way. */
static double step(walk *w, int n, ff_need *need)
{
    const ff_node *node = &w->g->nodes[n];
    double sums[2] = {0, 0};
    ff_region r;
    if (node->out_count == 0 || node->out[0] == FF_NO_VALUE ||
        !w->g->values[node->out[0]].has_shape)
        return -1;
    for (int s = 0; s < w->strips; s++) {
        if (!asked(w, node, s, &r))
            return 0;
        sums[s < w->split->rows ? 0 : 1] += share(&r, &w->g->values[node->out[0]].shape);
        if (ff_op_needs(w->g, n, &r, need, NULL) != FF_OK)
            return -1;
        for (int i = 0; i < node->in_count; i++)
            if (need[i].reads)
                want(w, node->in[i], s, &need[i].region);
    }
    mark(w, node, need);
    return sums[0] * sums[1];
}

/* extra[i] for stages from places[i] to end. */
static void walk_back(walk *w, int end, const int *places, int count, double *extra, size_t stride)
{
    double beyond = 0;
    int i = count - 1, most = 1;
    memset(w->wanted, 0, (size_t)w->count + 1);
    for (int n = w->begin; n < end; n++) {
        const ff_node *node = &w->g->nodes[n];
        most = node->in_count > most ? node->in_count : most;
        for (int k = 0; k < node->out_count; k++) {
            int v = node->out[k];
            if (v == FF_NO_VALUE || w->last[w->slot[v] - 1] < end)
                continue;
            for (int s = 0; s < w->strips && w->g->values[v].has_shape; s++) {
                ff_region r = strip_of(w, v, s);
                want(w, v, s, &r);
            }
            w->wanted[w->slot[v] - 1] = 1;
        }
    }
    ff_need *need = ff_mem_must_array((size_t)most, sizeof *need);
    for (int n = end - 1; n >= w->begin && i >= 0; n--) {
        double sum = step(w, n, need);
        /* below 1: of what the stage makes, no output needs all */
        if (sum != 0)
            beyond += sum < 0 ? INFINITY : (sum - 1) * (double)ff_node_flops(w->g, n);
        for (; i >= 0 && places[i] >= n; i--)
            extra[(size_t)i * stride] = beyond;
    }
    ff_mem_free(need);
}

void ff_halo_table(const ff_graph *g, const ff_split *split, const int *places, int count,
                   double *extra)
{
    walk w = {.g = g, .split = split, .begin = places[0]};
    if (split->kind != FF_SPLIT_GRID)
        return;
    w.strips = split->rows + split->cols;
    w.slot = ff_mem_must_array((size_t)g->value_count + 1, sizeof *w.slot);
    note_values(&w, places[count - 1]);
    for (int j = 1; j < count; j++)
        walk_back(&w, places[j], places, j, &extra[j], (size_t)count);
    ff_mem_free(w.slot);
    ff_mem_free(w.last);
    ff_mem_free(w.wanted);
    ff_mem_free(w.regions);
}
