/*
 * Measuring what ops cost on this machine: compute profiles (profile/compute.h).
 *
 * Small models, each an op or a run of ops that ONNX Runtime fuses, are timed as pieces run (the
 * portable stored form, no prepacking, no spinning) and an entry is fitted for each op. The profile
 * is checked on whole pieces that the fit has not seen. Blocks for minutes; one thread computes.
 */
#ifndef FF_MEASURE_MEASURE_H
#define FF_MEASURE_MEASURE_H

#include "engine/engine.h"
#include "graph/graph.h"
#include "profile/compute.h"

typedef struct ff_measure_options {
    int threads;     /* of a session; 0 = 1 */
    double minutes;  /* what is not timed by then is left out, but for a few; 0 = 10 */
    const char *dir; /* an existing folder for temporary files */
    const char *name, *about, *machine; /* of the profile */
    const ff_graph *const *models;      /* their nodes are timed; none: a built-in sweep */
    int model_count;
    const ff_graph *const *holdout; /* pieces of these are predicted; may be the models */
    int holdout_count;
    void (*progress)(void *user, int done, int all, const char *what);
    bool (*stop)(void *user);
    void *user;
} ff_measure_options;

/* A small model as it was timed, for whoever wants to fit by himself. */
typedef struct ff_measure_sample {
    const char *entry; /* the profile's entry that it counts for */
    ff_work work;
    double ms, predicted_ms;
} ff_measure_sample;

typedef struct ff_measure_piece {
    const char *model;
    const char *split; /* "grid 2x2" */
    int begin, end;    /* nodes of the model */
    double ms, predicted_ms;
} ff_measure_piece;

typedef struct ff_measured {
    ff_compute_profile *profile; /* holdout included */
    int sample_count;
    ff_measure_sample *samples; /* arena of the profile */
    int piece_count;
    ff_measure_piece *pieces;
} ff_measured;

/* FF_CANCELLED where stop says so; what the temporary folder fails with. */
ff_code ff_measure_compute(const ff_measure_options *options, ff_measured *out, ff_err *err);
void ff_measured_clean(ff_measured *measured); /* accepts zeroed memory, and twice */

#endif
