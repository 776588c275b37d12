#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan_solve_int.h"

#define NEAR 1e-9 /* relative: differences below are none */

int ff_option_add(ff_solver *s, const ff_option *option)
{
    ff_options_list *list = &s->found;
    if (list->count == list->room) {
        int room = list->room == 0 ? 256 : list->room * 2;
        list->item =
            ff_mem_must_grow(list->item, (size_t)list->room, (size_t)room, sizeof *list->item);
        list->room = room;
    }
    list->item[list->count] = *option;
    return list->count++;
}

int ff_cut_number(const ff_plan_space *space, int position)
{
    int lo = 0, hi = space->cut_count - 1;
    while (lo < hi) {
        int middle = (lo + hi) / 2;
        if (space->cuts[middle] < position)
            lo = middle + 1;
        else
            hi = middle;
    }
    return space->cuts[lo] == position ? lo : -1;
}

/* --- one label a cut ----------------------------------------------------------------------- */

static bool single(const ff_solver *s)
{
    return !s->two && !s->tight;
}

static bool cost_first(const ff_solver *s)
{
    return s->options->goal == FF_GOAL_COST;
}

/* Takes the option where it makes the way to its end better. */
static void relax(ff_solver *s, const ff_option *o)
{
    double ms = s->best_ms[o->begin] + o->ms, usd = s->best_usd[o->begin] + o->usd;
    double a = cost_first(s) ? usd : ms, b = cost_first(s) ? ms : usd;
    double a0 = cost_first(s) ? s->best_usd[o->end] : s->best_ms[o->end];
    double b0 = cost_first(s) ? s->best_ms[o->end] : s->best_usd[o->end];
    bool better = a < a0 - NEAR * a || (a <= a0 + NEAR * a && b < b0 - NEAR * b);
    if (s->best[o->end] >= 0 && !better)
        return;
    s->best_ms[o->end] = ms;
    s->best_usd[o->end] = usd;
    s->best[o->end] = ff_option_add(s, o);
}

/* --- options ------------------------------------------------------------------------------- */

typedef struct interval {
    int begin, end; /* numbers of cuts */
    double local_ms;
} interval;

/* Could a stage of at least so many ms, whose workers compute so many in all, be in the best plan?
 */
static bool worth(const ff_solver *s, const interval *at, double least_ms, double sum_ms)
{
    const ff_coster *c = &s->coster[s->options->memory_count - 1];
    if (!single(s))
        return s->tight || s->dead || least_ms < at->local_ms || !s->space->local;
    if (s->best[at->end] < 0)
        return true;
    if (!cost_first(s))
        return s->best_ms[at->begin] + least_ms <= s->best_ms[at->end] * (1 + NEAR);
    double worker = 1, usd_ms = s->target[0].net->price.gb_second_usd.value / 1000 / 1024;
    for (int m = 0; m < s->options->memory_count; m++) {
        double one = s->coster[m].worker_scale * s->options->memory_mb[m];
        worker = m == 0 || one < worker ? one : worker;
    }
    double usd = least_ms * c->master_usd_ms + sum_ms * worker * usd_ms;
    return s->best_usd[at->begin] + usd <= s->best_usd[at->end] * (1 + NEAR);
}

static void take(ff_solver *s, const interval *at, const ff_split *split, int memory,
                 const ff_stage_cost *cost)
{
    ff_option o = {.begin = at->begin,
                   .end = at->end,
                   .split = *split,
                   .memory = memory,
                   .ms = ff_stage_cost_ms(&s->coster[memory], cost),
                   .usd = cost->usd,
                   .cost = *cost};
    if (single(s))
        relax(s, &o);
    else
        (void)ff_option_add(s, &o);
}

/* All ways to run one load. */
static void add_load(ff_solver *s, const interval *at, const ff_split *split,
                     const ff_stage_load *load)
{
    bool own = s->space->own && load->pieces > 1;
    for (int m = 0; m < (load->pieces == 0 ? 1 : s->options->memory_count); m++) {
        const ff_coster *c = &s->coster[m];
        /* a master that is no slower than a worker saves one: nothing speaks against it but memory
         */
        bool always = own && !s->tight && c->master_scale <= c->worker_scale;
        for (int first = always ? 1 : 0; first <= (own ? 1 : 0); first++) {
            ff_stage_cost fast, cheap;
            bool cheapest = cost_first(s) && !s->two;
            if (!ff_stage_cost_of(c, load, first != 0, cheapest, &fast, NULL, NULL))
                continue;
            take(s, at, split, m, &fast);
            if (s->two && load->pieces > 0 &&
                ff_stage_cost_of(c, load, first != 0, true, &cheap, NULL, NULL) &&
                cheap.usd < fast.usd * (1 - NEAR))
                take(s, at, split, m, &cheap);
        }
    }
}

static double least_of(const ff_solver *s, int pieces, double work_ms)
{
    const ff_stage_load load = {.pieces = pieces, .work_ms = work_ms, .work_rest_ms = work_ms};
    return ff_stage_least_ms(&s->coster[s->options->memory_count - 1], &load);
}

static void add_whole(ff_solver *s, const interval *at)
{
    const ff_split local = {.kind = FF_SPLIT_LOCAL}, offload = {.kind = FF_SPLIT_OFFLOAD};
    ff_stage_load load;
    if (at->begin == at->end - 1 && s->space->local) {
        ff_sweep_whole(s->sweep, 0, &load);
        add_load(s, at, &local, &load);
    }
    double ms = ff_sweep_whole_ms(s->sweep, s->space->cuts[at->begin], s->space->cuts[at->end]);
    if (s->space->offload && worth(s, at, least_of(s, 1, ms), ms)) {
        ff_sweep_whole(s->sweep, 1, &load);
        if (load.out_count > 0)
            add_load(s, at, &offload, &load);
    }
}

static void add_grids(ff_solver *s, const interval *at)
{
    ff_stage_load load;
    for (int i = 0; i < s->space->grid_count; i++) {
        if (!ff_sweep_passes(s->sweep, i))
            continue;
        int pieces = ff_split_count(&s->space->grids[i]);
        double ms = ff_sweep_grid_ms(s->sweep, i);
        if (!worth(s, at, least_of(s, pieces, ms), ff_sweep_grid_sum_ms(s->sweep, i)))
            continue;
        ff_sweep_grid(s->sweep, i, &load);
        add_load(s, at, &s->space->grids[i], &load);
    }
}

/* Options of all intervals that end at cut number e; candidates: the next one that ends there. */
static void sweep_back(ff_solver *s, int e, int *candidate)
{
    const ff_plan_space *space = s->space;
    int last = *candidate, first = last, b = e - 1;
    while (last < space->candidate_count && space->candidates[last].stage.end == space->cuts[e])
        last++;
    *candidate = last--;
    ff_sweep_end(s->sweep, space->cuts[e]);
    while (ff_sweep_begin(s->sweep) > 0) {
        ff_sweep_back(s->sweep);
        if (ff_sweep_begin(s->sweep) != space->cuts[b])
            continue;
        const interval at = {b, e,
                             ff_sweep_whole_ms(s->sweep, space->cuts[b], space->cuts[e]) *
                                 s->coster[0].master_scale};
        bool reached = !single(s) || b == 0 || s->best[b] >= 0;
        if (reached) {
            add_whole(s, &at);
            add_grids(s, &at);
        }
        for (; last >= first && space->candidates[last].stage.begin == space->cuts[b]; last--)
            if (reached)
                add_load(s, &at, &space->candidates[last].stage.split,
                         &space->candidates[last].load);
        b--;
    }
}

static void set_up(ff_solver *s, int master)
{
    const ff_solve_options *o = s->options;
    s->master = master;
    for (int m = 0; m < o->memory_count; m++) {
        s->target[m] = *o->target;
        s->target[m].master_mb = o->memory_mb[master];
        s->target[m].worker_mb = o->memory_mb[m];
        ff_coster_init(&s->coster[m], &s->target[m]);
    }
    /* all weights, and whatever is alive, on the master */
    ff_stage_load load;
    int nodes = s->space->cuts[s->space->cut_count - 1];
    double held = 0;
    for (int p = 0; p <= nodes; p++)
        held = fmax(held, ff_sweep_alive(s->sweep, p));
    ff_sweep_end(s->sweep, nodes);
    while (ff_sweep_begin(s->sweep) > 0)
        ff_sweep_back(s->sweep);
    ff_sweep_whole(s->sweep, 0, &load);
    s->tight =
        !ff_master_fits(&s->coster[0], load.weights, load.activations + 2 * held, NULL, NULL);
    s->dead = ff_sweep_all_ms(s->sweep, 0, nodes) > ff_sweep_whole_ms(s->sweep, 0, nodes);
    s->two = o->goal == FF_GOAL_FRONTIER || o->slo_ms > 0;
    s->found.count = 0;
    for (int i = 0; i < s->space->cut_count; i++) {
        s->best[i] = -1;
        s->best_ms[i] = s->best_usd[i] = i == 0 ? 0 : INFINITY;
    }
}

/* The one plan that the labels at the cuts lead to. */
static void follow(const ff_solver *s, ff_solution **out, int *count)
{
    int *back = ff_mem_must_array((size_t)s->space->cut_count, sizeof *back), length = 0;
    for (int at = s->space->cut_count - 1; at > 0; at = s->found.item[s->best[at]].begin)
        back[length++] = s->best[at];
    ff_solution_add(s, back, length, out, count);
    ff_mem_free(back);
}

void ff_solution_add(const ff_solver *s, const int *back, int length, ff_solution **out, int *count)
{
    ff_solution found = {.master_mb = s->options->memory_mb[s->master]};
    found.stage = ff_mem_must_array((size_t)length, sizeof *found.stage);
    for (int i = length - 1; i >= 0; i--) {
        const ff_option *o = &s->found.item[back[i]];
        ff_solved_stage *last = found.stage_count > 0 ? &found.stage[found.stage_count - 1] : NULL;
        found.ms += o->ms;
        found.usd += o->usd;
        if (last != NULL && last->stage.split.kind == FF_SPLIT_LOCAL &&
            o->split.kind == FF_SPLIT_LOCAL) {
            last->stage.end = s->space->cuts[o->end];
            last->cost.compute_ms += o->cost.compute_ms;
            last->cost.mean_ms += o->cost.mean_ms;
            last->cost.tail_ms += o->cost.tail_ms;
            last->cost.usd += o->cost.usd;
            last->cost.master_weights += o->cost.master_weights;
            last->cost.master_held = fmax(last->cost.master_held, o->cost.master_held);
            continue;
        }
        found.stage[found.stage_count++] = (ff_solved_stage){
            {s->space->cuts[o->begin], s->space->cuts[o->end], o->split},
            o->split.kind == FF_SPLIT_LOCAL ? 0 : s->options->memory_mb[o->memory],
            o->cost};
    }
    found.usd += ff_net_function_usd(s->target[0].net, 0, found.master_mb); /* its request */
    *out = ff_mem_must_grow(*out, (size_t)*count, (size_t)*count + 1, sizeof **out);
    (*out)[(*count)++] = found;
}

static void solve_one(ff_solver *s, ff_solution **out, int *count)
{
    int candidate = 0;
    for (int e = 1; e < s->space->cut_count; e++) {
        s->first[e] = s->found.count;
        sweep_back(s, e, &candidate);
    }
    s->first[s->space->cut_count] = s->found.count;
    if (!single(s))
        ff_labels_solve(s, out, count);
    else if (s->best[s->space->cut_count - 1] >= 0)
        follow(s, out, count);
}

static int by_time(const void *a, const void *b)
{
    const ff_solution *x = a, *y = b;
    if (fabs(x->ms - y->ms) > NEAR * x->ms)
        return x->ms < y->ms ? -1 : 1;
    return x->usd < y->usd ? -1 : x->usd > y->usd;
}

/* Keeps what counts of the plans of all memory sizes of the master. */
static void choose(const ff_solve_options *o, ff_solution *all, int *count)
{
    int kept = 0;
    double usd = INFINITY;
    bool cost = o->goal == FF_GOAL_COST || o->slo_ms > 0;
    if (*count == 0)
        return;
    qsort(all, (size_t)*count, sizeof *all, by_time);
    for (int i = 0; i < *count; i++) {
        bool best = o->goal == FF_GOAL_FRONTIER || cost ? all[i].usd < usd * (1 - NEAR) : i == 0;
        bool slow = o->slo_ms > 0 && all[i].ms > o->slo_ms;
        if (!best || slow) {
            ff_mem_free(all[i].stage);
            continue;
        }
        usd = all[i].usd;
        if (o->goal != FF_GOAL_FRONTIER && kept == 1)
            ff_mem_free(all[--kept].stage);
        all[kept++] = all[i];
    }
    *count = kept;
}

ff_code ff_solve(ff_sweep *sweep, const ff_plan_space *space, const ff_solve_options *options,
                 ff_solution **out, int *count, ff_err *err)
{
    ff_solver s = {.sweep = sweep, .space = space, .options = options};
    size_t cuts = (size_t)space->cut_count + 1;
    ff_solution *all = NULL;
    int found = 0;
    ff_code code = FF_OK;
    s.first = ff_mem_must_array(cuts, sizeof *s.first);
    s.best = ff_mem_must_array(cuts, sizeof *s.best);
    s.best_ms = ff_mem_must_array(cuts, sizeof *s.best_ms);
    s.best_usd = ff_mem_must_array(cuts, sizeof *s.best_usd);
    for (int m = 0; m < options->memory_count; m++) {
        set_up(&s, m);
        solve_one(&s, &all, &found);
        if (m == options->memory_count - 1 && found == 0)
            code = ff_impossible(&s, err);
        for (int i = 0; i < options->memory_count; i++)
            ff_coster_clean(&s.coster[i]);
    }
    choose(options, all, &found);
    if (code == FF_OK && found == 0)
        code = ff_err_set(err, FF_LIMIT, "no plan takes at most %g ms", options->slo_ms);
    *out = code == FF_OK ? all : NULL;
    *count = code == FF_OK ? found : 0;
    if (code != FF_OK)
        ff_solutions_free(all, found);
    ff_mem_free(s.found.item);
    ff_mem_free(s.first);
    ff_mem_free(s.best);
    ff_mem_free(s.best_ms);
    ff_mem_free(s.best_usd);
    return code;
}

void ff_solutions_free(ff_solution *solutions, int count)
{
    for (int i = 0; i < count; i++)
        ff_mem_free(solutions[i].stage);
    ff_mem_free(solutions);
}
