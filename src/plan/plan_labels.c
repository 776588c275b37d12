/*
 * Partial plans where one a cut is not enough: time and money both count, or the master's memory is
 * shared by stages that are far apart.
 *
 * A label is a partial plan up to a cut. Labels at a cut that another one beats or equals in all
 * that counts are dropped, and those that cannot become a whole plan worth having: from each cut
 * on, the least time and the least money are known (each by itself, memory aside), and some whole
 * plans are made first, by weighing time, money and memory against each other.
 */
#include <math.h>
#include <string.h>

#include "plan/plan_solve_int.h"

#define NEAR 1e-9

typedef struct label {
    double ms, usd, weights, held;
    int option, before; /* the last option, and the label before it */
} label;

typedef struct front { /* of one cut: labels by time; of equal time by money */
    int count, room;
    int *item;
} front;

typedef struct labels {
    ff_solver *s;
    int cut_count, count, room;
    label *item;
    front *at;                    /* by cut */
    double *least_ms, *least_usd; /* from a cut to the end */
    int whole_count, whole_room;
    label *whole; /* known whole plans: time and money */
} labels;

static double *least_from(const ff_solver *s, bool usd)
{
    int cuts = s->space->cut_count;
    double *least = ff_mem_must_array((size_t)cuts, sizeof *least);
    for (int i = 0; i < cuts - 1; i++)
        least[i] = INFINITY;
    for (int e = cuts - 1; e > 0; e--)
        for (int k = s->first[e]; k < s->first[e + 1]; k++) {
            const ff_option *o = &s->found.item[k];
            least[o->begin] = fmin(least[o->begin], least[e] + (usd ? o->usd : o->ms));
        }
    return least;
}

static bool fits(const ff_solver *s, const label *l)
{
    return !s->tight || ff_master_fits(&s->coster[0], l->weights, l->held, NULL, NULL);
}

static label extended(const label *l, int before, const ff_option *o, int option)
{
    return (label){l->ms + o->ms,
                   l->usd + o->usd,
                   l->weights + o->cost.master_weights,
                   fmax(l->held, o->cost.master_held),
                   option,
                   before};
}

static void add_whole(labels *l, const label *plan)
{
    if (l->whole_count == l->whole_room) {
        int room = l->whole_room == 0 ? 64 : l->whole_room * 2;
        l->whole =
            ff_mem_must_grow(l->whole, (size_t)l->whole_room, (size_t)room, sizeof *l->whole);
        l->whole_room = room;
    }
    l->whole[l->whole_count++] = *plan;
}

/* --- whole plans to begin with -------------------------------------------------------------- */

/* The best plan by a weighted sum, if it fits. */
static void seed(labels *l, double by_ms, double by_usd, double by_byte)
{
    const ff_solver *s = l->s;
    size_t cuts = (size_t)l->cut_count;
    double *best = ff_mem_must_array(cuts, sizeof *best);
    label *made = ff_mem_must_array(cuts, sizeof *made);
    for (int e = 1; e < l->cut_count; e++) {
        best[e] = INFINITY;
        for (int k = s->first[e]; k < s->first[e + 1]; k++) {
            const ff_option *o = &s->found.item[k];
            double sum =
                best[o->begin] + by_ms * o->ms + by_usd * o->usd + by_byte * o->cost.master_weights;
            if (sum >= best[e])
                continue;
            label next = extended(&made[o->begin], 0, o, k);
            if (fits(s, &next)) {
                best[e] = sum;
                made[e] = next;
            }
        }
    }
    const label *end = &made[cuts - 1];
    bool slow = s->options->slo_ms > 0 && end->ms > s->options->slo_ms;
    if (isfinite(best[cuts - 1]) && !slow)
        add_whole(l, end);
    ff_mem_free(best);
    ff_mem_free(made);
}

static void seeds(labels *l)
{
    double ms = l->least_ms[0], usd = l->least_usd[0], bytes = 0;
    const ff_solver *s = l->s;
    for (int k = 0; k < s->found.count; k++)
        bytes = fmax(bytes, s->found.item[k].cost.master_weights);
    if (!isfinite(ms) || ms <= 0)
        return;
    for (int m = 0; m < (s->tight ? 12 : 1); m++) {
        double by_byte = m == 0 || bytes <= 0 ? 0 : ldexp(0.01, m) / bytes;
        for (int t = 0; t <= (s->two && usd > 0 ? 32 : 0); t++) {
            double share = s->two && usd > 0 ? t / 32.0 : 0;
            if (!s->two && s->options->goal == FF_GOAL_COST)
                share = 1;
            seed(l, (1 - share) / ms, usd > 0 ? share / usd : 0, by_byte);
        }
    }
}

/* --- labels -------------------------------------------------------------------------------- */

/* Does a have all that counts no worse than b? */
static bool beats(const ff_solver *s, const label *a, const label *b)
{
    bool money = s->two || s->options->goal == FF_GOAL_COST;
    bool time = s->two || s->options->goal != FF_GOAL_COST;
    return (!time || a->ms <= b->ms * (1 + NEAR)) && (!money || a->usd <= b->usd * (1 + NEAR)) &&
           (!s->tight || (a->weights <= b->weights && a->held <= b->held));
}

/* Can it become a plan that counts? */
static bool hopeful(const labels *l, const label *x, int cut)
{
    const ff_solver *s = l->s;
    double slo = s->options->slo_ms;
    label end = {.ms = x->ms + l->least_ms[cut], .usd = x->usd + l->least_usd[cut]};
    if (slo > 0 && end.ms > slo * (1 + NEAR))
        return false;
    for (int i = 0; i < l->whole_count; i++) {
        const label *known = &l->whole[i];
        bool no_later = known->ms <= end.ms * (1 - NEAR),
             no_dearer = known->usd <= end.usd * (1 - NEAR);
        if (slo > 0 || s->options->goal == FF_GOAL_COST ? no_dearer
            : s->two                                    ? no_later && no_dearer
                                                        : no_later)
            return false;
    }
    return true;
}

static void front_insert(labels *l, front *f, const label *x)
{
    int kept = 0, place = 0;
    for (int i = 0; i < f->count; i++)
        if (beats(l->s, &l->item[f->item[i]], x))
            return;
    for (int i = 0; i < f->count; i++)
        if (!beats(l->s, x, &l->item[f->item[i]]))
            f->item[kept++] = f->item[i];
    f->count = kept;
    if (f->count == f->room) {
        int room = f->room == 0 ? 8 : f->room * 2;
        f->item = ff_mem_must_grow(f->item, (size_t)f->room, (size_t)room, sizeof *f->item);
        f->room = room;
    }
    if (l->count == l->room) {
        int room = l->room == 0 ? 1024 : l->room * 2;
        l->item = ff_mem_must_grow(l->item, (size_t)l->room, (size_t)room, sizeof *l->item);
        l->room = room;
    }
    l->item[l->count] = *x;
    while (place < f->count && l->item[f->item[place]].ms <= x->ms)
        place++;
    memmove(f->item + place + 1, f->item + place, (size_t)(f->count - place) * sizeof *f->item);
    f->item[place] = l->count++;
    f->count++;
}

static void extend_all(labels *l)
{
    const ff_solver *s = l->s;
    const label start = {.option = -1, .before = -1};
    front_insert(l, &l->at[0], &start);
    for (int e = 1; e < l->cut_count; e++)
        for (int k = s->first[e]; k < s->first[e + 1]; k++) {
            const ff_option *o = &s->found.item[k];
            const front *from = &l->at[o->begin];
            for (int i = 0; i < from->count; i++) {
                label next = extended(&l->item[from->item[i]], from->item[i], o, k);
                if (fits(s, &next) && hopeful(l, &next, e))
                    front_insert(l, &l->at[e], &next);
            }
        }
}

void ff_labels_solve(ff_solver *s, ff_solution **out, int *count)
{
    int cuts = s->space->cut_count;
    labels l = {.s = s, .cut_count = cuts};
    l.at = ff_mem_must_array((size_t)cuts, sizeof *l.at);
    l.least_ms = least_from(s, false);
    l.least_usd = least_from(s, true);
    seeds(&l);
    extend_all(&l);
    const front *end = &l.at[cuts - 1];
    int *back = ff_mem_must_array((size_t)cuts, sizeof *back);
    for (int i = 0; i < end->count; i++) {
        int length = 0;
        for (int x = end->item[i]; l.item[x].option >= 0; x = l.item[x].before)
            back[length++] = l.item[x].option;
        ff_solution_add(s, back, length, out, count);
    }
    ff_mem_free(back);
    for (int i = 0; i < cuts; i++)
        ff_mem_free(l.at[i].item);
    ff_mem_free(l.at);
    ff_mem_free(l.item);
    ff_mem_free(l.least_ms);
    ff_mem_free(l.least_usd);
    ff_mem_free(l.whole);
}
