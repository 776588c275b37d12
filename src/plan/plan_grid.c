/*
 * The grid planner.
 *
 * 1. Runs: the longest ranges of nodes that the grid passes (ff_split_passes a node, ff_stage_check
 *    a range). Their ends move inwards a little where fewer bytes cross.
 * 2. Runs with a negligible share of the FLOPs stay local; of the others each gets one stage, and
 *    more as long as stages are wanted: always the run whose stages are largest.
 * 3. A run of k stages is cut k - 1 times, near equal FLOPs, where one tensor crosses; where
 * several do only if such places are too few.
 * 4. Where no number of stages is asked for, the smallest one whose halos cost at most HALO_MAX.
 */
#include <math.h>

#include "plan/plan_int.h"

#define NEGLIGIBLE     0.02 /* of the model's FLOPs: not worth a worker */
#define SLACK          0.01 /* of a run's FLOPs: may stay local for a better end */
#define HALO_MAX       0.20
#define DEFAULT_STAGES 8

typedef struct run {
    int begin, end;
    int stages;
} run;

typedef struct planner {
    const ff_graph *g;
    const ff_split *split;
    ff_cut_costs costs;
    int run_count, run_room;
    run *runs;
} planner;

static double flops_of(const planner *p, int begin, int end)
{
    return p->costs.flops_before[end] - p->costs.flops_before[begin];
}

static bool grid_passes(const planner *p, int begin, int end)
{
    ff_stage stage = {begin, end, *p->split};
    return ff_stage_check(p->g, &stage, NULL) == FF_OK;
}

/* The greatest end <= limit so that [begin, end) passes; begin where not even one node does. Work
 * grows with the length of the answer, not with limit. */
static int longest(const planner *p, int begin, int limit)
{
    int good = begin, step = 1;
    while (good < limit) {
        int try = limit - good < step ? limit : good + step;
        if (!grid_passes(p, begin, try))
            break;
        good = try;
        step *= 2;
    }
    int bad = limit - good < step ? limit : good + step;
    while (bad - good > 1) {
        int middle = good + (bad - good) / 2;
        if (grid_passes(p, begin, middle))
            good = middle;
        else
            bad = middle;
    }
    return good;
}

/* Moves both ends inwards to open positions that few bytes cross, within SLACK of the FLOPs. */
static bool trim(const planner *p, run *r)
{
    double slack = SLACK * flops_of(p, r->begin, r->end);
    int begin = -1, end = -1;
    for (int at = r->begin; at < r->end && flops_of(p, r->begin, at) <= slack; at++)
        if (p->costs.open[at] && (begin < 0 || p->costs.bytes[at] < p->costs.bytes[begin]))
            begin = at;
    for (int at = r->end; at > r->begin && flops_of(p, at, r->end) <= slack; at--)
        if (p->costs.open[at] && (end < 0 || p->costs.bytes[at] < p->costs.bytes[end]))
            end = at;
    if (begin < 0 || end <= begin)
        return false;
    r->begin = begin;
    r->end = end;
    return true;
}

static void add_run(planner *p, int begin, int end)
{
    run r = {begin, end, 0};
    double all = p->costs.flops_before[p->g->node_count];
    if (!trim(p, &r) || flops_of(p, r.begin, r.end) < NEGLIGIBLE * all ||
        !grid_passes(p, r.begin, r.end))
        return;
    if (p->run_count == p->run_room) {
        int room = p->run_room == 0 ? 16 : p->run_room * 2;
        p->runs = ff_mem_must_grow(p->runs, (size_t)p->run_room, (size_t)room, sizeof *p->runs);
        p->run_room = room;
    }
    p->runs[p->run_count++] = r;
}

static void find_runs(planner *p)
{
    int n = 0;
    while (n < p->g->node_count) {
        int limit = n;
        while (limit < p->g->node_count && ff_split_passes(p->g, limit, p->split, NULL, 0))
            limit++;
        while (n < limit) {
            int end = longest(p, n, limit);
            if (end > n)
                add_run(p, n, end);
            n = end > n ? end : n + 1;
        }
        n = limit + 1;
    }
}

/* The run without a stage (fresh), or with some, whose stages are largest; NULL: none can take one
 * more. */
static run *largest(const planner *p, bool fresh)
{
    run *best = NULL;
    double best_flops = -1;
    for (int i = 0; i < p->run_count; i++) {
        run *r = &p->runs[i];
        double flops = flops_of(p, r->begin, r->end) / (fresh ? 1 : r->stages + 0.0);
        if ((r->stages == 0) == fresh && r->stages < r->end - r->begin && flops > best_flops) {
            best = r;
            best_flops = flops;
        }
    }
    return best;
}

static void share_out(const planner *p, int wanted)
{
    for (int i = 0; i < p->run_count; i++)
        p->runs[i].stages = 0;
    for (int given = 0; given < wanted; given++) {
        run *r = largest(p, given < p->run_count);
        if (r == NULL)
            return;
        r->stages++;
    }
}

/* Where a run may be cut. */
typedef struct places {
    int count;
    int *at;
} places;

/* What is made inside the run and read behind each of its positions: number and bytes. Arrays of
 * the run's nodes + 2, indexed from its begin. */
static void crossing(const planner *p, const run *r, int *number, double *bytes)
{
    const ff_graph *g = p->g;
    for (int n = r->begin; n < r->end; n++) {
        for (int i = 0; i < g->nodes[n].out_count; i++) {
            int v = g->nodes[n].out[i], last = n;
            const int *list = NULL;
            int count = v == FF_NO_VALUE ? 0 : ff_graph_readers(g, v, &list);
            for (int k = 0; k < count; k++)
                last = list[k] < r->end && list[k] > last ? list[k] : last;
            if (last == n)
                continue;
            size_t size = 0;
            (void)ff_shape_bytes(&g->values[v].shape, g->values[v].dtype, &size, NULL);
            number[n + 1 - r->begin]++;
            number[last + 1 - r->begin]--;
            bytes[n + 1 - r->begin] += (double)size;
            bytes[last + 1 - r->begin] -= (double)size;
        }
    }
    for (int i = 1; i <= r->end - r->begin; i++) {
        number[i] += number[i - 1];
        bytes[i] += bytes[i - 1];
    }
}

/* Positions inside the run where at most `most` tensors cross. A position before cheap nodes that
 * make the tensor no larger is left out: behind them is as good, and a convolution keeps its Relu.
 */
static places places_of(const planner *p, const run *r, const int *number, const double *bytes,
                        int most)
{
    double light = 0.05 * flops_of(p, r->begin, r->end) / r->stages;
    places found = {0, ff_mem_must_array((size_t)(r->end - r->begin) + 1, sizeof *found.at)};
    int first = r->begin + 1; /* of the positions left out in a row */
    for (int at = first; at < r->end; at++) {
        int i = at - r->begin;
        bool later = at + 1 < r->end && p->costs.open[at + 1] && number[i + 1] <= most &&
                     bytes[i + 1] <= bytes[i] && flops_of(p, first, at + 1) <= light;
        if (later)
            continue;
        if (p->costs.open[at] && number[i] <= most)
            found.at[found.count++] = at;
        first = at + 1;
    }
    return found;
}

/* The place for cut number i (of stages - 1): nearest to its share of the FLOPs, few bytes. */
static int choose(const planner *p, const run *r, const double *bytes, const places *where, int i,
                  int from)
{
    double each = flops_of(p, r->begin, r->end) / r->stages, worst = 1;
    for (int k = 0; k < where->count; k++)
        worst = fmax(worst, bytes[where->at[k] - r->begin]);
    int best = from;
    double best_score = INFINITY;
    for (int k = from; k <= where->count - (r->stages - i); k++) {
        int at = where->at[k];
        double score =
            fabs(flops_of(p, r->begin, at) - i * each) / each + 0.1 * bytes[at - r->begin] / worst;
        if (score < best_score) {
            best = k;
            best_score = score;
        }
    }
    return best;
}

/* A stage of the plan: on the grid where that is worth it and passes. Local ones join. */
static void add_stage(const planner *p, int begin, int end, bool grid, ff_stage_list *list)
{
    ff_stage stage = {begin, end, {FF_SPLIT_LOCAL, 0, 0}};
    double all = p->costs.flops_before[p->g->node_count];
    if (begin == end)
        return;
    if (grid && flops_of(p, begin, end) >= NEGLIGIBLE * all && grid_passes(p, begin, end))
        stage.split = *p->split;
    ff_stage *last = list->count > 0 ? &list->stage[list->count - 1] : NULL;
    if (last != NULL && last->split.kind == FF_SPLIT_LOCAL && stage.split.kind == FF_SPLIT_LOCAL)
        last->end = end;
    else
        ff_stage_list_add(list, stage);
}

static void cut_run(const planner *p, run *r, ff_stage_list *list)
{
    size_t room = (size_t)(r->end - r->begin) + 2;
    int *number = ff_mem_must_array(room, sizeof *number);
    double *bytes = ff_mem_must_array(room, sizeof *bytes);
    crossing(p, r, number, bytes);
    places where = places_of(p, r, number, bytes, 1);
    if (where.count < r->stages - 1) {
        ff_mem_free(where.at);
        where = places_of(p, r, number, bytes, INT32_MAX);
    }
    if (where.count < r->stages - 1)
        r->stages = where.count + 1;
    int begin = r->begin, from = 0;
    for (int i = 1; i < r->stages; i++) {
        int k = choose(p, r, bytes, &where, i, from);
        add_stage(p, begin, where.at[k], true, list);
        begin = where.at[k];
        from = k + 1;
    }
    add_stage(p, begin, r->end, true, list);
    ff_mem_free(where.at);
    ff_mem_free(bytes);
    ff_mem_free(number);
}

/* The whole list of stages for `wanted` grid stages. */
static void make_list(const planner *p, int wanted, ff_stage_list *list)
{
    int begin = 0;
    list->count = 0;
    share_out(p, wanted);
    for (int i = 0; i < p->run_count; i++) {
        run r = p->runs[i];
        if (r.stages == 0)
            continue;
        add_stage(p, begin, r.begin, false, list);
        cut_run(p, &r, list);
        begin = r.end;
    }
    add_stage(p, begin, p->g->node_count, false, list);
}

/* Extra FLOPs of all pieces, as a ratio of the grid stages' own. */
static ff_code halo_of(const planner *p, const ff_stage_list *list, double *halo, ff_err *err)
{
    double whole = 0, split = 0;
    for (int s = 0; s < list->count; s++) {
        ff_pieces pieces = {0};
        if (list->stage[s].split.kind != FF_SPLIT_GRID)
            continue;
        ff_code code = ff_stage_split(p->g, &list->stage[s], &pieces, err);
        if (code != FF_OK)
            return code;
        whole += (double)pieces.whole_flops;
        for (int i = 0; i < pieces.count; i++)
            split += (double)pieces.piece[i].flops;
        ff_pieces_clean(&pieces);
    }
    *halo = whole > 0 ? split / whole - 1 : 0;
    return FF_OK;
}

/* The smallest number of stages within HALO_MAX, or the one of the least halo. */
static ff_code default_stages(const planner *p, ff_stage_list *list, int *stages, ff_err *err)
{
    double least = INFINITY;
    int first = p->run_count < DEFAULT_STAGES ? p->run_count : DEFAULT_STAGES;
    *stages = first;
    for (int n = first; n <= DEFAULT_STAGES && least > HALO_MAX; n++) {
        double halo = 0;
        make_list(p, n, list);
        ff_code code = halo_of(p, list, &halo, err);
        if (code != FF_OK)
            return code;
        if (halo < least) {
            least = halo;
            *stages = n;
        }
    }
    return FF_OK;
}

ff_code ff_plan_grid(const ff_graph *g, const ff_split *split, int wanted, ff_stage_list *out,
                     ff_err *err)
{
    planner p = {.g = g, .split = split};
    ff_stage_list list = {0};
    ff_code code = FF_OK;
    ff_cut_costs_init(g, &p.costs);
    find_runs(&p);
    if (wanted == 0)
        code = default_stages(&p, &list, &wanted, err);
    if (code == FF_OK)
        make_list(&p, wanted, &list);
    if (code == FF_OK && list.count > (int)FF_MAX_STAGES)
        code = ff_err_set(err, FF_LIMIT, "a plan has at most %u stages, this one has %d",
                          FF_MAX_STAGES, list.count);
    ff_cut_costs_clean(&p.costs);
    ff_mem_free(p.runs);
    if (code != FF_OK)
        ff_mem_free(list.stage);
    else
        *out = list;
    return code;
}
