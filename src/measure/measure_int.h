/*
 * What the files of measure/ share: small models that are timed, and the samples made of them.
 */
#ifndef FF_MEASURE_MEASURE_INT_H
#define FF_MEASURE_MEASURE_INT_H

#include "engine/engine.h"
#include "graph/graph.h"
#include "measure/fit_ops.h"
#include "measure/measure.h"
#include "split/split.h"

/* A model to be timed: one op, a fused run, or a whole piece. */
typedef struct ff_case {
    ff_graph *graph; /* its owner is who made the case */
    double ms;       /* the least of its runs */
    int runs;        /* 0 = not run */
    int base;        /* the case that it is, but for its last node; -1 = none */
} ff_case;

typedef struct ff_timing_options {
    ff_engine *engine;
    const char *dir;     /* for the stored models; emptied again */
    int threads;         /* 1: the thread's CPU time is taken, else the clock's */
    int rounds;          /* runs of each case */
    int64_t deadline_ns; /* groups not begun by then stay without times; the first never */
    void (*progress)(void *user, int done, int all, const char *what);
    bool (*stop)(void *user);
    void *user;
} ff_timing_options;

/* timing.c: times the cases as pieces run (stored form, session options of stored pieces), in
 * groups whose runs alternate. Weights come from memory, not from a cache that the run before has
 * filled; inputs and outputs were just used. A case that ONNX Runtime refuses stays without a time
 * and is logged. FF_CANCELLED where stop says so. */
ff_code ff_time_cases(const ff_timing_options *options, ff_case *const *cases, int count,
                      ff_err *err);

/* Cases, in the order in which they were found; owns what the graphs of models' parts need. */
typedef struct ff_cases {
    int count, room;
    ff_case *item;
    int piece_count, piece_room;
    ff_pieces *pieces;
} ff_cases;

void ff_cases_clean(ff_cases *cases);
/* graph is borrowed. base: as ff_case.base. */
void ff_cases_add(ff_cases *cases, ff_graph *graph, int base);
/* Piece `index` of a stage that splits; false where it does not. */
bool ff_cases_add_piece(ff_cases *cases, const ff_graph *g, const ff_stage *stage, int index);
/* models.c: every node of a model, once for each op, attributes and shapes, whole and in tiles of
 * 1/2 to 1/16. */
void ff_cases_add_model(ff_cases *cases, const ff_graph *g);

/* samples.c: what the timed cases say about single nodes. The arena holds the list. */
typedef struct ff_samples {
    int count;
    const char **entry;
    ff_op_sample *sample;
} ff_samples;
void ff_samples_of(const ff_cases *cases, double run_ms, ff_arena *arena, ff_samples *out);
/* Entries fitted to them, with "*" and "free" at the end. */
void ff_entries_of(const ff_samples *samples, int runs, ff_compute_profile *p);

/* holdout.c: whole pieces of models, cut by splits that no sample has. Their cases, and what the
 * profile says of them. */
typedef struct ff_holdout_pieces {
    ff_cases cases;
    ff_measure_piece *piece; /* one a case; arena memory */
} ff_holdout_pieces;
void ff_holdout_choose(const ff_graph *const *models, int count, ff_arena *arena,
                       ff_holdout_pieces *out);
double ff_predict_graph(const ff_compute_profile *p, const ff_graph *g);

#endif
