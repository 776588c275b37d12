#include "plan/plan_space.h"

#include <stdlib.h>
#include <string.h>

#include "plan/plan_exact.h"

#define WINDOW 96 /* nodes of a candidate: a block of attention has 40 to 80 */

/* --- grids --------------------------------------------------------------------------------- */

/* Are rows and columns of all maps as many? Then a grid of RxC does what one of CxR does. */
static bool is_square(const ff_graph *g)
{
    for (int v = 0; v < g->value_count; v++) {
        const ff_value *value = &g->values[v];
        int rank = value->shape.rank;
        if (value->kind != FF_VALUE_WEIGHT && value->has_shape && rank >= 3 &&
            (rank == 3 || value->shape.dim[rank - 1] != value->shape.dim[rank - 2]))
            return false;
    }
    return true;
}

/* No side over four times the other (halos), but for strips where maps are no squares. */
static void add_grids(ff_space *space, const ff_graph *g, const ff_space_options *o)
{
    static const int COUNTS[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};
    const int count = (int)(sizeof COUNTS / sizeof COUNTS[0]);
    bool square = is_square(g), flat = !square;
    space->grids = ff_mem_must_array((size_t)(count * count), sizeof *space->grids);
    for (int r = 0; r < count; r++)
        for (int c = 0; c < count; c++) {
            int rows = COUNTS[r], cols = COUNTS[c], pieces = rows * cols;
            bool gillis = rows <= 2 && cols == 2, strip = rows == 1 || cols == 1;
            bool lean = rows > 4 * cols || cols > 4 * rows;
            if (pieces < 2 || pieces > o->workers || (lean && !(flat && strip)))
                continue;
            if (o->planner == FF_PLANNER_GILLIS ? !gillis : square && cols > rows)
                continue;
            space->grids[space->of.grid_count++] = (ff_split){FF_SPLIT_GRID, rows, cols};
        }
}

/* --- cuts ---------------------------------------------------------------------------------- */

/* Gillis joins these to the layer before. */
static bool follows(const ff_node *node)
{
    return ff_node_is(node, "Relu") || ff_node_is(node, "Flatten") ||
           ff_node_is(node, "BatchNormalization") || ff_node_is(node, "Dropout");
}

static void add_cuts(ff_space *space, const ff_graph *g, const ff_space_options *o)
{
    int count = 0;
    bool gillis = o->planner == FF_PLANNER_GILLIS;
    const int *all = ff_sweep_cuts(space->sweep, gillis ? 1 : o->live, &count);
    space->cuts = ff_mem_must_array((size_t)count, sizeof *space->cuts);
    for (int i = 0; i < count; i++) {
        bool ends = all[i] == 0 || all[i] == g->node_count;
        if (!ends && (o->planner == FF_PLANNER_SINGLE || (gillis && follows(&g->nodes[all[i]]))))
            continue;
        space->cuts[space->of.cut_count++] = all[i];
    }
}

/* --- splits into ranges -------------------------------------------------------------------- */

/* A kind of candidates: how many layers it may hold. */
typedef struct family {
    ff_split_kind kind;
    int least, most;
} family;

static const family FAMILIES[] = {
    {FF_SPLIT_CHANNEL, 1, 2}, {FF_SPLIT_REDUCE, 1, 2}, {FF_SPLIT_PAIR, 2, 4},
    {FF_SPLIT_HEADS, 3, 8},   {FF_SPLIT_BATCH, 1, 8},
};

static const int NUMBERS[] = {2, 4, 8, 16, 32, 64};
#define NUMBER_COUNT ((int)(sizeof NUMBERS / sizeof NUMBERS[0]))

typedef struct finder {
    ff_space *space;
    const ff_graph *g;
    const ff_compute_profile *compute;
    const ff_space_options *options;
    int room;
    bool batched; /* a graph input has more than one row */
} finder;

static ff_code add_candidate(finder *f, const ff_stage *stage, ff_err *err)
{
    ff_space *space = f->space;
    ff_candidate found = {.stage = *stage};
    ff_err own = {0};
    ff_code code = ff_exact_load(f->g, stage, f->compute, &found.load, NULL, &own);
    if (code == FF_NOT_FOUND)
        return ff_err_set(err, code, "%s", own.message);
    if (code != FF_OK)
        return FF_OK; /* its weights would be copied, or the like */
    if (space->of.candidate_count == f->room) {
        int room = f->room == 0 ? 64 : f->room * 2;
        space->candidates = ff_mem_must_grow(space->candidates, (size_t)f->room, (size_t)room,
                                             sizeof *space->candidates);
        f->room = room;
    }
    space->candidates[space->of.candidate_count++] = found;
    return FF_OK;
}

static bool wanted(const finder *f, ff_split_kind kind, int pieces)
{
    if (f->options->planner == FF_PLANNER_GILLIS)
        return kind == FF_SPLIT_CHANNEL && pieces <= 4;
    return pieces <= f->options->workers && (kind != FF_SPLIT_BATCH || f->batched);
}

/* One range, all numbers of pieces; false: not even two pass. */
static bool try_range(finder *f, ff_split_kind kind, int begin, int end, ff_code *code, ff_err *err)
{
    ff_stage stage = {begin, end, {kind, 2, 1}};
    if (ff_stage_check(f->g, &stage, NULL) != FF_OK)
        return false;
    for (int i = 0; i < NUMBER_COUNT && *code == FF_OK; i++) {
        stage.split.rows = NUMBERS[i];
        if (wanted(f, kind, NUMBERS[i]) && ff_stage_check(f->g, &stage, NULL) == FF_OK)
            *code = add_candidate(f, &stage, err);
    }
    return true;
}

/* Ranges of one kind from cut number b on: from the first that passes to the last one in a row. */
static ff_code find_from(finder *f, const family *kind, int b, ff_err *err)
{
    const ff_plan_space *of = &f->space->of;
    int layers = 0, begin = f->space->cuts[b], done = begin;
    bool passed = false;
    ff_code code = FF_OK;
    for (int e = b + 1; e < of->cut_count && code == FF_OK; e++) {
        int end = f->space->cuts[e];
        for (; done < end; done++)
            layers += ff_op_dense_axis(f->g, done) >= 0 ? 1 : 0;
        if (layers > kind->most || end - begin > WINDOW)
            break;
        double ms = ff_sweep_whole_ms(f->space->sweep, begin, end);
        if (layers < kind->least || ms < f->options->least_ms)
            continue;
        bool passes = try_range(f, kind->kind, begin, end, &code, err);
        if (passed && !passes && kind->kind != FF_SPLIT_HEADS)
            break;
        passed = passed || passes;
    }
    return code;
}

static bool gillis_takes(const ff_graph *g, int node)
{
    return ff_node_is(&g->nodes[node], "Gemm") || ff_node_is(&g->nodes[node], "MatMul");
}

static int by_end(const void *a, const void *b)
{
    const ff_candidate *x = a, *y = b;
    if (x->stage.end != y->stage.end)
        return x->stage.end - y->stage.end;
    if (x->stage.begin != y->stage.begin)
        return x->stage.begin - y->stage.begin;
    if (x->stage.split.kind != y->stage.split.kind)
        return (int)x->stage.split.kind - (int)y->stage.split.kind;
    return x->stage.split.rows - y->stage.split.rows;
}

static ff_code add_candidates(ff_space *space, const ff_graph *g, const ff_compute_profile *compute,
                              const ff_space_options *o, ff_err *err)
{
    finder f = {.space = space, .g = g, .compute = compute, .options = o};
    ff_code code = FF_OK;
    for (int i = 0; i < g->input_count; i++) {
        const ff_value *v = &g->values[g->inputs[i]];
        f.batched = f.batched || (v->has_shape && v->shape.rank > 1 && v->shape.dim[0] > 1);
    }
    for (size_t k = 0; k < sizeof FAMILIES / sizeof FAMILIES[0]; k++)
        for (int b = 0; b + 1 < space->of.cut_count && code == FF_OK; b++)
            if (wanted(&f, FAMILIES[k].kind, 2) &&
                (o->planner != FF_PLANNER_GILLIS || gillis_takes(g, space->cuts[b])))
                code = find_from(&f, &FAMILIES[k], b, err);
    if (space->of.candidate_count > 0)
        qsort(space->candidates, (size_t)space->of.candidate_count, sizeof *space->candidates,
              by_end);
    return code;
}

/* --- all ----------------------------------------------------------------------------------- */

static ff_code check_entries(const ff_graph *g, const ff_compute_profile *compute, ff_err *err)
{
    for (int n = 0; n < g->node_count; n++) {
        char text[256];
        if (ff_compute_find(compute, g->nodes[n].op) == NULL)
            return ff_err_set(err, FF_NOT_FOUND,
                              "compute profile %s has no entry for %s, and none for \"*\"",
                              compute->name, ff_node_text(g, n, text, sizeof text));
    }
    return FF_OK;
}

ff_code ff_space_init(ff_space *space, const ff_graph *g, const ff_compute_profile *compute,
                      const ff_space_options *options, ff_err *err)
{
    bool cut = options->planner == FF_PLANNER_AUTO || options->planner == FF_PLANNER_GILLIS;
    *space = (ff_space){0};
    ff_code code = check_entries(g, compute, err);
    if (code)
        return code;
    if (cut)
        add_grids(space, g, options);
    space->sweep = ff_sweep_new(g, compute, space->grids, space->of.grid_count);
    add_cuts(space, g, options);
    space->of.cuts = space->cuts;
    space->of.grids = space->grids;
    space->of.local = options->planner != FF_PLANNER_SEQUENTIAL;
    space->of.own = cut;
    space->of.offload = options->planner != FF_PLANNER_SINGLE;
    if (cut)
        code = add_candidates(space, g, compute, options, err);
    space->of.candidates = space->candidates;
    if (code)
        ff_space_clean(space);
    return code;
}

void ff_space_clean(ff_space *space)
{
    ff_sweep_free(space->sweep);
    ff_mem_free(space->cuts);
    ff_mem_free(space->grids);
    ff_mem_free(space->candidates);
    *space = (ff_space){0};
}
