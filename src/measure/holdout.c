/* Whole pieces of models, which no fit has seen: what the profile says against what they take. */
#include <string.h>

#include "measure/measure_int.h"
#include "plan/plan.h"
#include "plan/plan_work.h"

#define STAGES       4 /* of a grid plan */
#define EACH_SPLIT   2 /* pieces of one model and split */
#define WEIGHTS_MOST ((uint64_t)400 << 20)
#define FLOPS_MOST   ((uint64_t)20000000000)

/* Grids of 3 are no split of the samples; the others' pieces are whole runs of nodes. */
static const ff_split SPLITS[] = {{FF_SPLIT_GRID, 1, 2},    {FF_SPLIT_GRID, 2, 2},
                                  {FF_SPLIT_GRID, 3, 3},    {FF_SPLIT_CHANNEL, 2, 1},
                                  {FF_SPLIT_CHANNEL, 4, 1}, {FF_SPLIT_OFFLOAD, 1, 1}};

static ff_code make_plan(const ff_graph *g, const ff_split *split, ff_plan **plan)
{
    ff_plan_options options = {
        .planner = "grid", .rows = split->rows, .cols = split->cols, .stages = STAGES};
    if (split->kind == FF_SPLIT_GRID)
        return ff_plan_make(g, &options, plan, NULL);
    if (split->kind == FF_SPLIT_OFFLOAD)
        return ff_plan_make_chain(g, STAGES, plan, NULL);
    return ff_plan_make_split(g, split, plan, NULL);
}

static bool is_wanted(const ff_plan_stage *s, const ff_split *split)
{
    return s->stage.split.kind == split->kind && s->stage.end - s->stage.begin > 1 &&
           s->weight_bytes <= WEIGHTS_MOST * (uint64_t)ff_split_count(split) &&
           s->flops <= FLOPS_MOST;
}

/* Evenly from the stages that are wanted. */
static void choose(const ff_graph *g, const ff_split *split, ff_arena *arena, int *room,
                   ff_holdout_pieces *out)
{
    ff_plan *plan = NULL;
    int wanted = 0, at = 0;
    char text[64];
    if (make_plan(g, split, &plan) != FF_OK)
        return;
    for (int s = 0; s < plan->stage_count; s++)
        wanted += is_wanted(&plan->stage[s], split);
    for (int s = 0; s < plan->stage_count; s++) {
        const ff_stage *stage = &plan->stage[s].stage;
        if (!is_wanted(&plan->stage[s], split) || at++ % ((wanted + EACH_SPLIT - 1) / EACH_SPLIT))
            continue;
        int count = out->cases.count;
        if (count == *room || !ff_cases_add_piece(&out->cases, g, stage, ff_split_count(split) / 2))
            continue;
        out->piece[count] = (ff_measure_piece){
            .model = ff_arena_strdup(arena, g->name),
            .split = ff_arena_strdup(arena, ff_split_text(split, text, sizeof text)),
            .begin = stage->begin,
            .end = stage->end};
    }
    ff_plan_free(plan);
}

void ff_holdout_choose(const ff_graph *const *models, int count, ff_arena *arena,
                       ff_holdout_pieces *out)
{
    size_t splits = sizeof SPLITS / sizeof SPLITS[0];
    int room = count * (int)splits * (EACH_SPLIT + 1);
    *out =
        (ff_holdout_pieces){.piece = ff_arena_array(arena, (size_t)room + 1, sizeof *out->piece)};
    for (int m = 0; m < count; m++)
        for (size_t s = 0; s < splits; s++)
            choose(models[m], &SPLITS[s], arena, &room, out);
}

double ff_predict_graph(const ff_compute_profile *p, const ff_graph *g)
{
    const ff_compute_op *run = ff_compute_find(p, "run");
    double sum = run ? run->fixed_ms : 0;
    for (int n = 0; n < g->node_count; n++) {
        const ff_node *node = &g->nodes[n];
        bool computed = false;
        for (int i = 0; i < node->in_count; i++)
            computed = computed || (node->in[i] != FF_NO_VALUE &&
                                    g->values[node->in[i]].kind != FF_VALUE_WEIGHT);
        ff_work work = ff_plan_work(g, n);
        double ms = 0;
        if (computed && ff_compute_predict(p, &work, &ms, NULL) == FF_OK)
            sum += ms;
    }
    return sum;
}
