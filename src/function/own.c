/*
 * Pieces that the master computes: that of a local stage, in its turn; and piece 0 of a fan-out,
 * beside the workers. The latter runs on a thread of its own, for the thread of the request is the
 * one that moves bytes, both ways.
 */
#include <string.h>

#include "base/log.h"
#include "function/master_int.h"

/* A view of value[region], or a slice that slice owns. */
static ff_code view_part(const ff_tensor *value, const ff_region *region, ff_tensor *slice,
                         ff_tensor *out, ff_err *err)
{
    if (ff_region_is_whole(region, &value->shape)) {
        *out = *value;
        out->release = NULL;
        return FF_OK;
    }
    ff_shape shape = ff_region_shape(region);
    ff_code code = ff_tensor_new(value->dtype, &shape, slice, err);
    if (!code)
        code = ff_region_slice(value, region, slice->data, err);
    if (!code) {
        *out = *slice;
        out->release = NULL;
    }
    return code;
}

static const ff_mf_piece *piece_of(const ff_own *own)
{
    return &own->run->f->manifest->stage[own->stage].piece[0];
}

static const ff_wired_piece *wired_of(const ff_own *own)
{
    return &own->run->f->wiring.stage[own->stage].piece[0];
}

static void init_own(ff_own *own, ff_run *run, int stage)
{
    *own = (ff_own){.run = run, .stage = stage, .trace = &run->trace.stage[stage].piece[0]};
    const ff_mf_piece *piece = piece_of(own);
    own->in = ff_mem_must_array((size_t)piece->in_count, sizeof *own->in);
    own->slice = ff_mem_must_array((size_t)piece->in_count, sizeof *own->slice);
    own->out = ff_mem_must_array((size_t)piece->out_count, sizeof *own->out);
    own->trace->function = "master";
    own->trace->start_ns = ff_clock_now_ns();
}

static void compute(ff_own *own)
{
    const ff_run *run = own->run;
    const ff_mf_piece *piece = piece_of(own);
    ff_code code = FF_OK;
    for (int i = 0; i < piece->in_count && !code; i++)
        code = view_part(&run->value[wired_of(own)->in[i]], &piece->in[i].region, &own->slice[i],
                         &own->in[i], &own->err);
    int64_t begun_ns = ff_clock_now_ns();
    if (!code)
        code = ff_loaded_run(&run->f->loaded[own->stage], own->in, own->out, &own->err);
    own->trace->compute_ns = ff_clock_now_ns() - begun_ns;
    own->code = code;
}

static void *compute_aside(void *user)
{
    ff_own *own = user;
    compute(own);
    atomic_store(&own->done, true);
    ff_http_wakeup(own->run->f->http);
    return NULL;
}

void ff_own_start(ff_own *own, ff_run *run, int stage)
{
    init_own(own, run, stage);
    own->threaded = !pthread_create(&own->thread, NULL, compute_aside, own);
    if (own->threaded)
        return;
    ff_log(FF_LOG_WARN, "no thread for the master's piece of stage %d: transfers wait for it",
           stage);
    compute(own);
    atomic_store(&own->done, true);
}

bool ff_own_done(const ff_own *own)
{
    return atomic_load(&own->done);
}

static void wait_for(ff_own *own)
{
    if (own->threaded)
        pthread_join(own->thread, NULL);
    own->threaded = false;
}

/* The made tensor becomes the value, or goes where it belongs in it. */
static ff_code keep(ff_tensor *made, const ff_mf_part *part, const ff_mf_tensor *whole,
                    ff_tensor *value, ff_err *err)
{
    if (!value->data && ff_region_is_whole(&part->region, &whole->shape)) {
        *value = *made;
        *made = (ff_tensor){0};
        return FF_OK;
    }
    ff_code code = value->data ? FF_OK : ff_tensor_new(whole->dtype, &whole->shape, value, err);
    if (!code)
        code = part->add ? ff_region_add(value, &part->region, made, err)
                         : ff_region_place(value, &part->region, made, err);
    return code;
}

ff_code ff_own_gather(ff_own *own, ff_err *err)
{
    const ff_mf_piece *piece = piece_of(own);
    const ff_wiring *wiring = &own->run->f->wiring;
    wait_for(own);
    ff_code code = own->code;
    if (code && err)
        *err = own->err;
    for (int i = 0; i < piece->out_count && !code; i++) {
        int at = wired_of(own)->out[i];
        code = keep(&own->out[i], &piece->out[i], wiring->value[at], &own->run->value[at], err);
    }
    own->trace->end_ns = ff_clock_now_ns();
    return code ? (ff_err_wrap(err, "stage %d, master", own->stage), code) : FF_OK;
}

void ff_own_clean(ff_own *own)
{
    if (!own->run)
        return;
    wait_for(own);
    for (int i = 0; i < piece_of(own)->in_count; i++)
        ff_tensor_clean(&own->slice[i]);
    for (int i = 0; i < piece_of(own)->out_count; i++)
        ff_tensor_clean(&own->out[i]);
    ff_mem_free(own->in);
    ff_mem_free(own->slice);
    ff_mem_free(own->out);
    own->run = NULL;
}

ff_code ff_run_local_stage(ff_run *run, int stage, ff_err *err)
{
    ff_own own;
    init_own(&own, run, stage);
    compute(&own);
    ff_code code = ff_own_gather(&own, err);
    ff_own_clean(&own);
    return code;
}
