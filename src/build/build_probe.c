/*
 * Probes: a few elements that a piece must answer with, known from its model before any optimiser
 * saw it.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "build/build_int.h"
#include "tensor/half.h"

#define SAMPLES 16

static double element_at(const ff_tensor *t, uint64_t i)
{
    const uint8_t *at = t->data + i * ff_dtype_bytes(t->dtype);
    union {
        float f;
        double d;
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
    } x = {.u64 = 0};
    memcpy(&x, at, ff_dtype_bytes(t->dtype));
    switch (t->dtype) {
    case FF_DTYPE_F32:
        return (double)x.f;
    case FF_DTYPE_F64:
        return x.d;
    case FF_DTYPE_F16:
        return (double)ff_half_to_float(x.u16);
    case FF_DTYPE_BF16:
        return (double)ff_half_from_bf16(x.u16);
    case FF_DTYPE_I8:
        return x.i8;
    case FF_DTYPE_I16:
        return x.i16;
    case FF_DTYPE_I32:
        return x.i32;
    case FF_DTYPE_I64:
        return (double)x.i64;
    default:
        return (double)x.u64; /* the other bytes are zero */
    }
}

/* Room for a piece's names and tensors. */
typedef struct probe_run {
    const char **in_names, **out_names;
    ff_tensor *in, *out;
    int in_count, out_count;
} probe_run;

static void run_clean(probe_run *r)
{
    ff_build_clean_tensors(r->in, r->in_count);
    ff_build_clean_tensors(r->out, r->out_count);
    ff_mem_free(r->in);
    ff_mem_free(r->out);
    ff_mem_free(r->in_names);
    ff_mem_free(r->out_names);
}

static ff_code run_probe(ff_engine *engine, const char *model, const ff_mf_piece *piece,
                         uint64_t seed, probe_run *r, ff_err *err)
{
    ff_code code = FF_OK;
    *r = (probe_run){.in_count = piece->in_count, .out_count = piece->out_count};
    r->in = ff_mem_must_array((size_t)r->in_count + 1, sizeof *r->in);
    r->out = ff_mem_must_array((size_t)r->out_count + 1, sizeof *r->out);
    r->in_names = ff_mem_must_array((size_t)r->in_count + 1, sizeof *r->in_names);
    r->out_names = ff_mem_must_array((size_t)r->out_count + 1, sizeof *r->out_names);
    for (int i = 0; i < r->in_count && code == FF_OK; i++) {
        ff_shape shape = ff_region_shape(&piece->in[i].region);
        r->in_names[i] = piece->in[i].name;
        code = ff_tensor_new(piece->in[i].dtype, &shape, &r->in[i], err);
        if (code == FF_OK)
            ff_manifest_probe_input(seed, i, &r->in[i]);
    }
    for (int i = 0; i < r->out_count; i++)
        r->out_names[i] = piece->out[i].name;
    if (code == FF_OK)
        code = ff_build_run(engine, model, &FF_STORED, r->in_names, r->in, r->in_count,
                            r->out_names, r->out, r->out_count, err);
    for (int i = 0; i < r->out_count && code == FF_OK; i++) {
        ff_shape shape = ff_region_shape(&piece->out[i].region);
        char wanted[128], found[128];
        if (r->out[i].dtype != piece->out[i].dtype || !ff_shape_equal(&shape, &r->out[i].shape))
            code = ff_err_set(err, FF_MISMATCH, "output '%.128s' is %s %s, should be %s %s",
                              piece->out[i].name, ff_dtype_name(r->out[i].dtype),
                              ff_shape_text(&r->out[i].shape, found, sizeof found),
                              ff_dtype_name(piece->out[i].dtype),
                              ff_shape_text(&shape, wanted, sizeof wanted));
    }
    return code;
}

static void sample(const ff_tensor *t, uint64_t seed, ff_arena *arena, ff_mf_probe *probe)
{
    uint64_t elems = t->bytes / ff_dtype_bytes(t->dtype);
    ff_random random;
    ff_random_init(&random, seed);
    probe->index = ff_arena_array(arena, SAMPLES, sizeof *probe->index);
    probe->value = ff_arena_array(arena, SAMPLES, sizeof *probe->value);
    for (uint64_t i = 0; i < elems; i++) {
        double x = fabs(element_at(t, i));
        if (isfinite(x) && x > probe->max_abs)
            probe->max_abs = x;
    }
    for (int i = 0; elems > 0 && i < SAMPLES; i++) {
        /* the corners first: there a tile goes wrong */
        uint64_t at = i == 0 ? 0 : i == 1 ? elems - 1 : ff_random_below(&random, elems);
        double x = element_at(t, at);
        if (!isfinite(x))
            continue;
        probe->index[probe->count] = (int64_t)at;
        probe->value[probe->count++] = x;
    }
}

ff_code ff_probe_make(ff_engine *engine, const char *plain_model, uint64_t seed, ff_arena *arena,
                      ff_mf_piece *piece, ff_err *err)
{
    probe_run r;
    ff_code code = run_probe(engine, plain_model, piece, seed, &r, err);
    piece->probe = (ff_mf_probe){.seed = seed};
    if (code == FF_OK) {
        for (int i = 1; i < r.out_count; i++)
            if (r.out[i].bytes > r.out[piece->probe.output].bytes)
                piece->probe.output = i;
        sample(&r.out[piece->probe.output], seed, arena, &piece->probe);
    }
    run_clean(&r);
    /* random numbers are no input for every model (indices out of range) */
    return code == FF_FORMAT ? FF_OK : code;
}

ff_code ff_probe_check(ff_engine *engine, const char *model, const ff_mf_piece *piece, ff_err *err)
{
    const ff_mf_probe *probe = &piece->probe;
    probe_run r;
    ff_code code = run_probe(engine, model, piece, probe->seed, &r, err);
    const ff_tensor *out = code == FF_OK ? &r.out[probe->output] : NULL;
    for (int i = 0; i < probe->count && code == FF_OK; i++) {
        double found = element_at(out, (uint64_t)probe->index[i]);
        double room = ff_dtype_tolerance(out->dtype) * probe->max_abs;
        if (!(fabs(found - probe->value[i]) <= room))
            code = ff_err_set(err, FF_MISMATCH,
                              "probe: element %lld of '%.128s' is %g, should be %g within %g",
                              (long long)probe->index[i], piece->out[probe->output].name, found,
                              probe->value[i], room);
    }
    run_clean(&r);
    return code;
}
