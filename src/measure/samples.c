/* Timed cases to samples of single nodes, and these to a profile's entries. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/measure_int.h"
#include "plan/plan_work.h"

#define FREE "free"

static const char *entry_of(const ff_work *work, ff_arena *arena)
{
    if (work->fused)
        return work->fused;
    return work->kind ? ff_arena_printf(arena, "%s %s", work->op, work->kind) : work->op;
}

static bool depends_on_input(const ff_graph *g, const ff_node *node)
{
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] != FF_NO_VALUE && g->values[node->in[i]].kind != FF_VALUE_WEIGHT)
            return true;
    return false;
}

static void add_work(ff_work *sum, const ff_work *w)
{
    sum->macs += w->macs;
    sum->weight_elems += w->weight_elems;
    sum->in_elems += w->in_elems;
    sum->out_elems += w->out_elems;
    sum->moved_bytes += w->moved_bytes;
    sum->patch_elems += w->patch_elems;
}

/* The tile is the same for all. */
static void share_work(ff_work *sum, uint64_t count)
{
    sum->macs /= count;
    sum->weight_elems /= count;
    sum->in_elems /= count;
    sum->out_elems /= count;
    sum->moved_bytes /= count;
    sum->patch_elems /= count;
}

/* A case of one node, of several like it in a row, or of one that the others vanish in. Returns how
 * many nodes share the time; 0: it is none of these. */
static int sharers(const ff_graph *g, ff_work *work)
{
    int count = 0;
    for (int n = 0; n < g->node_count; n++) {
        ff_work own = ff_plan_work(g, n);
        if (!depends_on_input(g, &g->nodes[n]))
            continue;
        if (own.fused && !strcmp(own.fused, FREE))
            continue;
        if (count && (strcmp(own.op, work->op) != 0 || own.kind != work->kind))
            return 0;
        if (!count)
            *work = own;
        else
            add_work(work, &own);
        count++;
    }
    if (count)
        share_work(work, (uint64_t)count);
    return count;
}

static bool sample_of(const ff_cases *cases, int i, double run_ms, ff_op_sample *out)
{
    const ff_case *c = &cases->item[i];
    ff_work work = {0};
    if (!c->runs)
        return false;
    if (c->base >= 0) {
        const ff_case *base = &cases->item[c->base];
        work = ff_plan_work(c->graph, c->graph->node_count - 1);
        *out = (ff_op_sample){work, c->ms - base->ms, c->ms};
        return base->runs && work.fused;
    }
    int nodes = sharers(c->graph, &work);
    if (nodes == 0)
        return false;
    *out = (ff_op_sample){work, (c->ms - run_ms) / nodes, c->ms / nodes};
    return true;
}

void ff_samples_of(const ff_cases *cases, double run_ms, ff_arena *arena, ff_samples *out)
{
    size_t most = (size_t)cases->count + 1;
    *out = (ff_samples){.entry = ff_arena_array(arena, most, sizeof *out->entry),
                        .sample = ff_arena_array(arena, most, sizeof *out->sample)};
    for (int i = 0; i < cases->count; i++) {
        ff_op_sample *s = &out->sample[out->count];
        if (sample_of(cases, i, run_ms, s)) {
            s->work.op = ff_arena_strdup(arena, s->work.op); /* the graph's until now */
            out->entry[out->count++] = entry_of(&s->work, arena);
        }
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool counts_for_all(const ff_op_sample *s)
{
    return s->work.macs == 0 && !s->work.fused;
}

/* One entry of the samples of that name; name NULL: of all that only move or go by element. */
static void add_entry(const ff_samples *samples, const char *name, int runs, ff_compute_profile *p)
{
    int count = 0;
    ff_op_sample *own = ff_mem_must_array((size_t)samples->count + 1, sizeof *own);
    for (int i = 0; i < samples->count; i++)
        if (name ? !strcmp(samples->entry[i], name) : counts_for_all(&samples->sample[i]))
            own[count++] = samples->sample[i];
    if (count > 0) {
        ff_compute_op *op = &p->ops[p->op_count++];
        *op = (ff_compute_op){.op = name ? name : "*"};
        double error = ff_fit_op(own, count, !name, p->arena, op);
        op->source = ff_arena_printf(
            p->arena, "measured: %d models, best of %d runs each, mean error of the fit %.1f %%",
            count, runs, 100 * error);
    }
    ff_mem_free(own);
}

void ff_entries_of(const ff_samples *samples, int runs, ff_compute_profile *p)
{
    size_t count = (size_t)samples->count;
    const char **names = ff_mem_must_array(count + 1, sizeof *names);
    memcpy(names, samples->entry, count * sizeof *names);
    qsort(names, count, sizeof *names, compare);
    for (size_t i = 0; i < count && p->op_count < FF_MAX_COMPUTE_OPS - 8; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            add_entry(samples, names[i], runs, p);
    add_entry(samples, NULL, runs, p);
    p->ops[p->op_count++] = (ff_compute_op){
        .op = FREE, .source = "defined: a node that vanishes in the run that it is fused into"};
    ff_mem_free(names);
}
