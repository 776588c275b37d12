#include "measure/measure.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "measure/codec.h"
#include "measure/kernel.h"
#include "measure/measure_int.h"
#include "measure/op_sweep.h"

#define MINUTES     10.0
#define SAMPLES_END 0.75 /* of the time; the rest is for the pieces */
#define ROUNDS_MIN  3
#define ROUNDS_MAX  12
#define CODEC_RUNS  20

typedef struct measuring {
    const ff_measure_options *options;
    ff_timing_options timing;
    int64_t begin_ns, length_ns;
    ff_sweep sweep;
    ff_cases cases;
    int run_case; /* the model that does next to nothing */
    ff_samples samples;
    ff_holdout_pieces holdout;
    ff_compute_profile *profile;
} measuring;

static void find_cases(measuring *m)
{
    ff_sweep_init(&m->sweep, m->options->model_count > 0);
    for (int i = 0; i < m->sweep.count; i++)
        ff_cases_add(&m->cases, m->sweep.item[i].graph, m->sweep.item[i].base);
    m->run_case = m->sweep.empty;
    for (int i = 0; i < m->options->model_count; i++)
        ff_cases_add_model(&m->cases, m->options->models[i]);
}

/* In an order of chance, so that where time runs out no op is left without samples; the empty
 * model first. */
static ff_code time_all(measuring *m, ff_cases *cases, int first, double end, ff_err *err)
{
    ff_random random;
    ff_case **order = ff_mem_must_array((size_t)cases->count + 1, sizeof *order);
    ff_random_init(&random, 7);
    for (int i = 0; i < cases->count; i++) {
        uint64_t j = ff_random_below(&random, (uint64_t)i + 1);
        order[i] = order[j];
        order[j] = &cases->item[i];
    }
    for (int i = 0; first >= 0 && i < cases->count; i++)
        if (order[i] == &cases->item[first]) {
            order[i] = order[0];
            order[0] = &cases->item[first];
        }
    m->timing.deadline_ns = m->begin_ns + (int64_t)(end * (double)m->length_ns);
    ff_code code = ff_time_cases(&m->timing, order, cases->count, err);
    ff_mem_free(order);
    return code;
}

static void put_text(ff_compute_profile *p, const ff_measure_options *o)
{
    p->name = ff_arena_strdup(p->arena, o->name);
    p->about = ff_arena_strdup(p->arena, o->about);
    p->machine = ff_arena_strdup(p->arena, o->machine);
    p->threads = o->threads > 0 ? o->threads : 1;
    p->kernel = FF_KERNEL_TEXT;
}

static ff_code measure_kernel(measuring *m, ff_err *err)
{
    ff_figure *f = &m->profile->vcpu_gmac_per_s;
    ff_code code = ff_kernel_gmac_per_s(1, 0, m->options->dir, &f->value, err);
    f->source = "measured: the best of 25 runs on one thread, CPU time";
    return code;
}

static ff_code fit_entries(measuring *m, ff_err *err)
{
    ff_compute_profile *p = m->profile;
    const ff_case *empty = &m->cases.item[m->run_case];
    if (!empty->runs)
        return ff_err_set(err, FF_INTERNAL, "ONNX Runtime refuses a model of one Relu");
    p->ops = ff_arena_array(p->arena, FF_MAX_COMPUTE_OPS, sizeof *p->ops);
    ff_samples_of(&m->cases, empty->ms, p->arena, &m->samples);
    ff_entries_of(&m->samples, m->timing.rounds, p);
    ff_measure_codec(CODEC_RUNS, p->arena, p->ops + p->op_count);
    p->op_count += FF_CODEC_ENTRIES;
    p->ops[p->op_count++] = (ff_compute_op){.op = "run",
                                            .fixed_ms = empty->ms,
                                            .samples = 1,
                                            .source = "measured: a model of one Relu of 16 "
                                                      "elements"};
    return FF_OK;
}

static void score_holdout(measuring *m)
{
    ff_holdout *h = &m->profile->holdout;
    *h = (ff_holdout){0};
    for (int i = 0; i < m->holdout.cases.count; i++) {
        const ff_case *c = &m->holdout.cases.item[i];
        if (!c->runs)
            continue;
        ff_measure_piece *piece = &m->holdout.piece[i];
        piece->ms = c->ms;
        piece->predicted_ms = ff_predict_graph(m->profile, c->graph);
        double error = fabs(piece->predicted_ms / piece->ms - 1);
        h->mean_abs_error += error;
        h->max_abs_error = fmax(h->max_abs_error, error);
        h->pieces++;
    }
    if (h->pieces > 0)
        h->mean_abs_error /= h->pieces;
}

static void hand_over(measuring *m, ff_measured *out)
{
    ff_arena *arena = m->profile->arena;
    size_t most = (size_t)(m->samples.count + m->holdout.cases.count) + 1;
    *out = (ff_measured){.profile = m->profile,
                         .samples = ff_arena_array(arena, most, sizeof *out->samples),
                         .pieces = ff_arena_array(arena, most, sizeof *out->pieces)};
    for (int i = 0; i < m->samples.count; i++) {
        const ff_op_sample *s = &m->samples.sample[i];
        double predicted = 0;
        (void)ff_compute_predict(m->profile, &s->work, &predicted, NULL);
        out->samples[out->sample_count++] =
            (ff_measure_sample){m->samples.entry[i], s->work, s->ms, predicted};
    }
    for (int i = 0; i < m->holdout.cases.count; i++)
        if (m->holdout.cases.item[i].runs)
            out->pieces[out->piece_count++] = m->holdout.piece[i];
    m->profile = NULL;
}

static void start(measuring *m, const ff_measure_options *o)
{
    double minutes = o->minutes > 0 ? o->minutes : MINUTES;
    int rounds = ROUNDS_MIN + (int)(minutes / 2);
    m->begin_ns = ff_clock_now_ns();
    m->length_ns = (int64_t)(minutes * 60e9);
    m->timing = (ff_timing_options){.dir = o->dir,
                                    .threads = o->threads > 0 ? o->threads : 1,
                                    .rounds = rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds,
                                    .progress = o->progress,
                                    .stop = o->stop,
                                    .user = o->user};
    ff_arena *arena = ff_arena_new();
    m->profile = ff_arena_alloc(arena, sizeof *m->profile);
    m->profile->arena = arena;
    put_text(m->profile, o);
}

ff_code ff_measure_compute(const ff_measure_options *o, ff_measured *out, ff_err *err)
{
    measuring m = {.options = o};
    start(&m, o);
    ff_code code = ff_engine_new(m.timing.threads, &m.timing.engine, err);
    if (!code)
        code = measure_kernel(&m, err);
    if (!code) {
        find_cases(&m);
        code = time_all(&m, &m.cases, m.run_case, SAMPLES_END, err);
    }
    if (!code)
        code = fit_entries(&m, err);
    if (!code) {
        ff_holdout_choose(o->holdout, o->holdout_count, m.profile->arena, &m.holdout);
        code = time_all(&m, &m.holdout.cases, -1, 1, err);
    }
    if (!code) {
        score_holdout(&m);
        hand_over(&m, out);
    }
    ff_cases_clean(&m.cases);
    ff_cases_clean(&m.holdout.cases);
    ff_sweep_clean(&m.sweep);
    ff_engine_free(m.timing.engine);
    ff_compute_profile_free(m.profile);
    return code;
}

void ff_measured_clean(ff_measured *measured)
{
    ff_compute_profile_free(measured->profile);
    *measured = (ff_measured){0};
}
