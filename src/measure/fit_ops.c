#include "measure/fit_ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEATURES    7    /* fixed, GMAC, weights, in, out, patch, MB */
#define NOTHING     1e-9 /* ms of the largest sample: rounding */
#define REWEIGHTED  20
#define SWEEPS      400
#define ERROR_FLOOR 0.02 /* smaller errors count alike */
#define FEW         3    /* samples for one coefficient */
#define SOME        9    /* for two */
#define KNOTS       9    /* tiles of 1, 4, 16 ... 65536 elements */
#define KNOT_LEAST  4    /* samples of a knot */
#define TURNS       6
#define GOOD        0.01 /* an error that no efficiency is tried for */
#define KEEP        0.9  /* of the error without an efficiency */
#define FACTOR_MIN  0.05

typedef struct rows {
    int count;
    const ff_op_sample *sample;
    double *x;          /* count x FEATURES */
    bool use[FEATURES]; /* is the feature fitted */
    double c[FEATURES]; /* what comes out */
} rows;

static void features_of(const ff_work *w, double x[FEATURES])
{
    x[0] = 1;
    x[1] = (double)w->macs / 1e9;
    x[2] = (double)w->weight_elems / 1e6;
    x[3] = (double)w->in_elems / 1e6;
    x[4] = (double)w->out_elems / 1e6;
    x[5] = (double)w->patch_elems / 1e6;
    x[6] = (double)w->moved_bytes / 1e6;
}

static double value(const rows *r, int i)
{
    double sum = 0;
    for (int f = 0; f < FEATURES; f++)
        sum += r->c[f] * r->x[i * FEATURES + f];
    return sum;
}

static double error_of(const rows *r, int i)
{
    return fabs(fmax(0, value(r, i)) - r->sample[i].ms) / r->sample[i].run_ms;
}

static double mean_error(const rows *r)
{
    double sum = 0;
    for (int i = 0; i < r->count; i++)
        sum += error_of(r, i);
    return sum / r->count;
}

/* Non-negative least squares by coordinate descent on the normal equations. */
static void solve(double a[FEATURES][FEATURES], const double b[FEATURES], const bool *use,
                  double c[FEATURES])
{
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int f = 0; f < FEATURES; f++) {
            if (!use[f] || a[f][f] <= 0)
                continue;
            double left = b[f];
            for (int k = 0; k < FEATURES; k++)
                left -= a[f][k] * c[k];
            c[f] = fmax(0, c[f] + left / a[f][f]);
        }
}

static void fit_weighted(rows *r, const double *weight, const double *scale)
{
    double a[FEATURES][FEATURES] = {{0}}, b[FEATURES] = {0}, c[FEATURES] = {0};
    for (int i = 0; i < r->count; i++) {
        double run = r->sample[i].run_ms;
        for (int f = 0; f < FEATURES; f++) {
            double xf = r->x[i * FEATURES + f] / scale[f] / run;
            for (int k = 0; k < FEATURES; k++)
                a[f][k] += weight[i] * xf * r->x[i * FEATURES + k] / scale[k] / run;
            b[f] += weight[i] * xf * r->sample[i].ms / run;
        }
    }
    solve(a, b, r->use, c);
    for (int f = 0; f < FEATURES; f++)
        r->c[f] = c[f] > NOTHING ? c[f] / scale[f] : 0;
}

static void fit(rows *r)
{
    double scale[FEATURES], *weight = ff_mem_must_array((size_t)r->count, sizeof *weight);
    for (int f = 0; f < FEATURES; f++) {
        scale[f] = 0;
        for (int i = 0; i < r->count; i++)
            scale[f] = fmax(scale[f], r->x[i * FEATURES + f]);
        scale[f] = scale[f] > 0 ? scale[f] : 1;
    }
    for (int i = 0; i < r->count; i++)
        weight[i] = 1;
    for (int round = 0; round < REWEIGHTED; round++) {
        fit_weighted(r, weight, scale);
        for (int i = 0; i < r->count; i++)
            weight[i] = 1 / fmax(error_of(r, i), ERROR_FLOOR);
    }
    ff_mem_free(weight);
}

static void choose(rows *r, bool by_bytes)
{
    bool macs = false;
    for (int i = 0; i < r->count; i++)
        macs = macs || r->sample[i].work.macs > 0;
    memset(r->use, 0, sizeof r->use);
    r->use[0] = r->count > FEW;
    if (by_bytes || r->count <= SOME)
        r->use[macs && !by_bytes ? 1 : 6] = true;
    else
        for (int f = 1; f < 6; f++)
            r->use[f] = true;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of (what the line says) / (what was measured), fixed cost apart, of the samples whose
 * tile is nearest to 4^knot; 0 where there are too few. */
static double knot_factor(const rows *r, int knot, double *ratios)
{
    int count = 0;
    for (int i = 0; i < r->count; i++) {
        double tile = (double)r->sample[i].work.tile_elems;
        double variable = value(r, i) - r->c[0], found = r->sample[i].ms - r->c[0];
        if (tile >= 1 && lround(log2(tile) / 2) == knot && found > 0 && variable > 0)
            ratios[count++] = variable / found;
    }
    if (count < KNOT_LEAST)
        return 0;
    qsort(ratios, (size_t)count, sizeof *ratios, compare);
    return ratios[count / 2];
}

static int find_efficiency(const rows *r, ff_efficiency *e)
{
    int count = 0;
    double most = 0, *ratios = ff_mem_must_array((size_t)r->count, sizeof *ratios);
    for (int knot = 0; knot < KNOTS; knot++) {
        double factor = knot_factor(r, knot, ratios);
        if (factor > 0)
            e[count++] = (ff_efficiency){exp2(2 * knot), factor};
        most = fmax(most, factor);
    }
    for (int i = 0; i < count; i++)
        e[i].factor = fmax(FACTOR_MIN, e[i].factor / most);
    ff_mem_free(ratios);
    return count;
}

/* The features as they count at a tile's efficiency. */
static void spread(rows *r, const ff_compute_op *op)
{
    for (int i = 0; i < r->count; i++) {
        features_of(&r->sample[i].work, r->x + i * FEATURES);
        double factor = ff_compute_efficiency(op, (double)r->sample[i].work.tile_elems);
        for (int f = 1; f < FEATURES; f++)
            r->x[i * FEATURES + f] /= factor;
    }
}

/* A table, and the line that goes with it, in turns; the best pair counts. */
static double try_efficiency(rows *r, double error, ff_arena *arena, ff_compute_op *out)
{
    rows plain = *r, tried = *r;
    double bound = KEEP * error;
    if (r->count <= SOME || error < GOOD)
        return error;
    tried.x = ff_mem_must_array((size_t)r->count * FEATURES, sizeof *tried.x);
    for (int turn = 0; turn < TURNS; turn++) {
        ff_efficiency e[KNOTS];
        int count = find_efficiency(&plain, e);
        ff_compute_op with = {.efficiency = e, .efficiency_count = count};
        if (count < 2)
            break;
        spread(&tried, &with);
        fit(&tried);
        memcpy(plain.c, tried.c, sizeof plain.c);
        double found = mean_error(&tried);
        if (found >= bound)
            continue;
        bound = error = found;
        memcpy(r->c, tried.c, sizeof r->c);
        out->efficiency = ff_arena_array(arena, (size_t)count, sizeof *e);
        memcpy(out->efficiency, e, (size_t)count * sizeof *e);
        out->efficiency_count = count;
    }
    if (out->efficiency_count)
        spread(r, out);
    ff_mem_free(tried.x);
    return error;
}

/* Of one sample, or of equal ones: 1 where they are met. */
static double r2_of(const rows *r)
{
    double mean = 0, total = 0, left = 0;
    for (int i = 0; i < r->count; i++)
        mean += r->sample[i].ms / r->count;
    for (int i = 0; i < r->count; i++) {
        double off = r->sample[i].ms - mean, miss = r->sample[i].ms - fmax(0, value(r, i));
        total += off * off;
        left += miss * miss;
    }
    return total > 0 ? 1 - left / total : left > 0 ? 0 : 1;
}

double ff_fit_op(const ff_op_sample *samples, int count, bool by_bytes, ff_arena *arena,
                 ff_compute_op *out)
{
    rows r = {.count = count, .sample = samples};
    r.x = ff_mem_must_array((size_t)count * FEATURES, sizeof *r.x);
    for (int i = 0; i < count; i++)
        features_of(&samples[i].work, r.x + i * FEATURES);
    choose(&r, by_bytes);
    fit(&r);
    double error = mean_error(&r);
    if (!by_bytes)
        error = try_efficiency(&r, error, arena, out);
    out->fixed_ms = r.c[0];
    out->ms_per_gmac = r.c[1];
    out->ms_per_mweight = r.c[2];
    out->ms_per_melem_in = r.c[3];
    out->ms_per_melem_out = r.c[4];
    out->ms_per_mpatch = r.c[5];
    out->ms_per_mb = r.c[6];
    out->r2 = r2_of(&r);
    out->samples = count;
    ff_mem_free(r.x);
    return error;
}
