/*
 * The grid planner.
 *
 * 1. Runs: the longest ranges of nodes that the grid passes (ff_split_passes a node, ff_stage_check
 *    a range). Their ends move inwards a little where fewer bytes cross; then a run reaches on over
 *    what its pieces can sum up (a pool, a product with the flattened map), where that is worth it,
 *    and back over a gate that every piece can compute.
 * 2. Runs with a negligible share of the FLOPs stay local; of the others each gets one stage, and
 *    more as long as stages are wanted: always the run whose stages are largest.
 * 3. A run of k stages is cut k - 1 times where one tensor crosses; where two or more do if such
 *    places are too few, or halos cost more than HALO_FINE else (inside a residual block the second
 *    one is sent in place of computing it twice). Of all ways to cut it, the one with the least
 *    halo; stages neither tiny nor huge, few bytes where halos are alike.
 * 4. Where no number of stages is asked for, the smallest one whose halos cost at most HALO_MAX.
 */
#include <math.h>
#include <string.h>

#include "plan/plan_int.h"

#define NEGLIGIBLE     0.02 /* of the model's FLOPs: not worth a worker */
#define SLACK          0.01 /* of a run's FLOPs: may stay local for a better end */
#define GATE           0.02 /* of a run's FLOPs: every piece may compute it */
#define HALO_MAX       0.20
#define HALO_FINE      0.15
#define HALO_WORTH     0.9 /* of the halo before: more tensors cross for less */
#define DEFAULT_STAGES 8
#define REACH          16   /* nodes that a run may reach on, or back */
#define MORE_BYTES     1.1  /* that may come back when it does */
#define PLACES_MAX     64   /* considered in a run: the table of halos grows by their square */
#define LEAST_SHARE    0.33 /* of the mean: stages of FLOPs between these */
#define MOST_SHARE     2.0
#define BYTES_WEIGHT   0.01 /* of the largest cut, against halo as a share of the run's FLOPs */
#define EVEN_WEIGHT    0.01 /* of squared deviations from the mean */

/* Where a run may be cut: its begin, places, its end; and what stages between them compute twice.
 */
typedef struct places {
    int count;
    int *at;
    double *extra; /* as ff_halo_table */
    double *bytes; /* that cross, by place */
} places;

typedef struct run {
    int begin, end;
    int tail; /* the last stage's end: behind what it sums up */
    int stages;
    places where[3]; /* by how many tensors cross (MOST_CROSS); made on first use */
} run;

static const int MOST_CROSS[] = {1, 2, INT32_MAX};

typedef struct planner {
    const ff_graph *g;
    const ff_split *split;
    ff_cut_costs costs;
    int run_count, run_room;
    run *runs;
    int reached; /* by the runs so far */
} planner;

static double flops_of(const planner *p, int begin, int end)
{
    return p->costs.flops_before[end] - p->costs.flops_before[begin];
}

static bool grid_passes(const planner *p, int begin, int end)
{
    const ff_stage stage = {begin, end, *p->split};
    return ff_stage_check(p->g, &stage, NULL) == FF_OK;
}

/* The same, and all that leaves are tiles. */
static bool tiles_pass(const planner *p, int begin, int end)
{
    const ff_stage stage = {begin, end, *p->split};
    ff_stage_back back;
    return ff_stage_look(p->g, &stage, &back, NULL) == FF_OK && back.terms == 0;
}

/* How far [begin, end) can reach on: over sums of tiles and what is linear behind them, where no
 * more comes back for it, or weights are divided by it. */
static int reach_on(const planner *p, int begin, int end)
{
    ff_stage stage = {begin, end, *p->split};
    ff_stage_back tiles, back;
    int best = end;
    if (ff_stage_look(p->g, &stage, &tiles, NULL) != FF_OK)
        return end;
    for (stage.end = end + 1; stage.end <= p->g->node_count && stage.end <= end + REACH;
         stage.end++)
        if (ff_stage_look(p->g, &stage, &back, NULL) == FF_OK && back.terms > 0 &&
            (double)back.bytes <= MORE_BYTES * (double)tiles.bytes + (double)back.divided_bytes)
            best = stage.end;
    return best;
}

/* The greatest end <= limit so that [begin, end) passes; begin where not even one node does. Work
 * grows with the length of the answer, not with limit. */
static int longest(const planner *p, int begin, int limit)
{
    int good = begin, step = 1;
    while (good < limit) {
        int try = limit - good < step ? limit : good + step;
        if (!tiles_pass(p, begin, try))
            break;
        good = try;
        step *= 2;
    }
    int bad = limit - good < step ? limit : good + step;
    while (bad - good > 1) {
        int middle = good + (bad - good) / 2;
        if (tiles_pass(p, begin, middle))
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

/* from: where it may begin too, rather than leave a gate of few nodes to the master. */
static void add_run(planner *p, int begin, int end, int from)
{
    run r = {.begin = begin, .end = end};
    double all = p->costs.flops_before[p->g->node_count];
    if (!trim(p, &r) || flops_of(p, r.begin, r.end) < NEGLIGIBLE * all ||
        !tiles_pass(p, r.begin, r.end))
        return;
    r.begin = from < begin ? from : r.begin;
    r.tail = reach_on(p, r.begin, r.end);
    p->reached = r.tail;
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
            int end = longest(p, n, limit), from = p->reached;
            /* a gate before the run, which every piece can compute */
            bool back = from < n && n - from <= REACH && tiles_pass(p, from, end) &&
                        flops_of(p, from, n) <= GATE * flops_of(p, n, end);
            if (end > n)
                add_run(p, n, end, back ? from : n);
            n = end > n ? end : n + 1;
            n = n < p->reached ? p->reached : n;
        }
        n = limit + 1 > p->reached ? limit + 1 : p->reached;
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

/* Positions inside the run where at most `most` tensors cross: their number. A position before
 * cheap nodes that make the tensor no larger is left out: behind them is as good, and a convolution
 * keeps its Relu. */
static int find_places(const planner *p, const run *r, const int *number, const double *bytes,
                       int most, int *at)
{
    double light = SLACK * flops_of(p, r->begin, r->end);
    int count = 0;
    int first = r->begin + 1; /* of the positions left out in a row */
    for (int n = first; n < r->end; n++) {
        int i = n - r->begin;
        bool later = n + 1 < r->end && p->costs.open[n + 1] && number[i + 1] <= most &&
                     bytes[i + 1] <= bytes[i] && flops_of(p, first, n + 1) <= light;
        if (later)
            continue;
        if (p->costs.open[n] && number[i] <= most)
            at[count++] = n;
        first = n + 1;
    }
    return count;
}

/* Of too many, the one with the fewest bytes in every share of the run's FLOPs. */
static int thin(const planner *p, const run *r, const double *bytes, int *at, int count)
{
    double each = flops_of(p, r->begin, r->end) / PLACES_MAX;
    int kept = 0, of = -1;
    for (int i = 0; i < count && count > PLACES_MAX; i++) {
        int number = (int)(flops_of(p, r->begin, at[i]) / each);
        if (number != of)
            at[kept++] = at[i];
        else if (bytes[at[i] - r->begin] < bytes[at[kept - 1] - r->begin])
            at[kept - 1] = at[i];
        of = number;
    }
    return count > PLACES_MAX ? kept : count;
}

static places make_places(const planner *p, const run *r, int most)
{
    size_t room = (size_t)(r->end - r->begin) + 2;
    int *number = ff_mem_must_array(room, sizeof *number);
    double *bytes = ff_mem_must_array(room, sizeof *bytes);
    places found = {.at = ff_mem_must_array(room, sizeof *found.at)};
    crossing(p, r, number, bytes);
    found.at[0] = r->begin;
    int count = find_places(p, r, number, bytes, most, found.at + 1);
    count = thin(p, r, bytes, found.at + 1, count);
    found.count = count + 2;
    found.at[count + 1] = r->end;
    found.bytes = ff_mem_must_array((size_t)found.count, sizeof *found.bytes);
    for (int i = 1; i <= count; i++)
        found.bytes[i] = bytes[found.at[i] - r->begin];
    size_t pairs = (size_t)found.count * (size_t)found.count;
    found.extra = ff_mem_must_array(pairs, sizeof *found.extra);
    ff_halo_table(p->g, p->split, found.at, found.count, found.extra);
    ff_mem_free(number);
    ff_mem_free(bytes);
    return found;
}

static void free_places(places *where)
{
    ff_mem_free(where->at);
    ff_mem_free(where->bytes);
    ff_mem_free(where->extra);
    *where = (places){0};
}

/* What a stage between two places costs; INFINITY where it is none. */
static double stage_cost(const planner *p, const run *r, const places *where, int i, int j,
                         bool even)
{
    double all = flops_of(p, r->begin, r->end), worst = 1;
    double share = flops_of(p, where->at[i], where->at[j]) / all * r->stages;
    bool worth = share * all / r->stages >= NEGLIGIBLE * p->costs.flops_before[p->g->node_count];
    if (even && (share < LEAST_SHARE || share > MOST_SHARE || !worth))
        return INFINITY;
    for (int k = 0; k < where->count; k++)
        worst = fmax(worst, where->bytes[k]);
    return where->extra[i * where->count + j] / all + BYTES_WEIGHT * where->bytes[j] / worst +
           EVEN_WEIGHT * (share - 1) * (share - 1) / r->stages;
}

/* Cuts the run into r->stages at places cut[0..stages], cut[0] its begin: the cheapest way of all.
 * False: there is none. */
static bool choose(const planner *p, const run *r, const places *where, bool even, int *cut)
{
    size_t n = (size_t)where->count, k = (size_t)r->stages;
    double *best = ff_mem_must_array((k + 1) * n, sizeof *best);
    int *from = ff_mem_must_array((k + 1) * n, sizeof *from);
    for (size_t i = 0; i < (k + 1) * n; i++)
        best[i] = i == 0 ? 0 : INFINITY;
    for (int i = 0; i < where->count; i++)
        for (int j = i + 1; j < where->count; j++) {
            double cost = stage_cost(p, r, where, i, j, even);
            for (size_t s = 0; s < k && cost < INFINITY; s++) {
                double *to = &best[(s + 1) * n + (size_t)j];
                if (best[s * n + (size_t)i] + cost < *to) {
                    *to = best[s * n + (size_t)i] + cost;
                    from[(s + 1) * n + (size_t)j] = i;
                }
            }
        }
    bool found = best[k * n + n - 1] < INFINITY;
    int at = where->count - 1;
    for (size_t s = k; found; s--) {
        cut[s] = where->at[at];
        at = from[s * n + (size_t)at];
        if (s == 0)
            break;
    }
    ff_mem_free(best);
    ff_mem_free(from);
    return found;
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

/* The halo of a way to cut, as a share of the run's FLOPs. */
static double halo_of_cut(const planner *p, const run *r, const places *where, const int *cut)
{
    double extra = 0;
    int from = 0;
    for (int i = 0, k = 1; i < where->count && k <= r->stages; i++)
        if (where->at[i] == cut[k]) {
            extra += where->extra[from * where->count + i];
            from = i;
            k++;
        }
    return extra / flops_of(p, r->begin, r->end);
}

/* Fills cut[0..stages]; false: the run has not so many places. */
static bool find_cut(const planner *p, run *r, int *cut)
{
    int *tried = ff_mem_must_array((size_t)r->stages + 1, sizeof *tried);
    double least = INFINITY;
    for (int level = 0; level < 3; level++) {
        places *where = &r->where[level];
        if (least <= HALO_FINE)
            break;
        if (where->count == 0)
            *where = make_places(p, r, MOST_CROSS[level]);
        if (where->count < r->stages + 1 ||
            !(choose(p, r, where, true, tried) || choose(p, r, where, false, tried)))
            continue;
        double halo = halo_of_cut(p, r, where, tried);
        if (halo < least * HALO_WORTH) {
            memcpy(cut, tried, ((size_t)r->stages + 1) * sizeof *cut);
            least = halo;
        }
    }
    ff_mem_free(tried);
    return least < INFINITY;
}

static void cut_run(const planner *p, run *r, ff_stage_list *list)
{
    int *cut = ff_mem_must_array((size_t)r->stages + 1, sizeof *cut);
    while (r->stages > 1 && !find_cut(p, r, cut))
        r->stages--;
    if (r->stages == 1) {
        cut[0] = r->begin;
        cut[1] = r->end;
    }
    for (int i = 0; i < r->stages; i++) {
        bool last = i + 1 == r->stages && grid_passes(p, cut[i], r->tail);
        add_stage(p, cut[i], last ? r->tail : cut[i + 1], true, list);
    }
    ff_mem_free(cut);
}

/* The whole list of stages for `wanted` grid stages. */
static void make_list(const planner *p, int wanted, ff_stage_list *list)
{
    int begin = 0;
    list->count = 0;
    share_out(p, wanted);
    for (int i = 0; i < p->run_count; i++) {
        run *r = &p->runs[i];
        if (r->stages == 0)
            continue;
        add_stage(p, begin, r->begin, false, list);
        cut_run(p, r, list);
        begin = list->stage[list->count - 1].end;
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
        ff_code code = ff_stage_sketch(p->g, &list->stage[s], &pieces, err);
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
    for (int i = 0; i < p.run_count; i++)
        for (int k = 0; k < 3; k++)
            free_places(&p.runs[i].where[k]);
    ff_mem_free(p.runs);
    if (code != FF_OK)
        ff_mem_free(list.stage);
    else
        *out = list;
    return code;
}
