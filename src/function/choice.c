/*
 * What policy auto chooses between: a stage's inputs, and its outputs, are a group of equal
 * fan-out; each worker's are a message of it.
 */
#include "function/function_int.h"

#define LARGE_MB 1769.0 /* one vCPU's, where a function does not know its own */

static uint64_t part_bytes(const ff_mf_part *part)
{
    uint8_t header[FF_NPY_HEADER_MAX];
    ff_shape shape = ff_region_shape(&part->region);
    size_t bytes = 0, head = 0; /* a checked manifest's fit */
    (void)ff_shape_bytes(&shape, part->dtype, &bytes, NULL);
    (void)ff_npy_header(part->dtype, &shape, header, &head, NULL);
    return bytes + head;
}

static int add_message(ff_chooser *c, int group, const ff_mf_part *parts, int count)
{
    uint64_t *bytes = ff_mem_must_array((size_t)count, sizeof *bytes);
    for (int i = 0; i < count; i++)
        bytes[i] = part_bytes(&parts[i]);
    int number = ff_chooser_add_message(c, group, bytes, count);
    ff_mem_free(bytes);
    return number;
}

static int add_group(ff_chooser *c, const ff_mf_stage *stage, ff_net_way way)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (int p = stage->own; p < stage->piece_count; p++) {
        const ff_mf_piece *piece = &stage->piece[p];
        int count = way == FF_NET_REQUEST ? piece->in_count : piece->out_count;
        const ff_mf_part *parts = way == FF_NET_REQUEST ? piece->in : piece->out;
        for (int i = 0; i < count; i++) {
            uint64_t bytes = part_bytes(&parts[i]);
            least = bytes < least ? bytes : least;
            most = bytes > most ? bytes : most;
        }
    }
    if (least > most) /* no tensor at all goes this way */
        least = most = 0;
    return ff_chooser_add_group(c, way, stage->piece_count - stage->own, least, most);
}

void ff_choices_init(ff_function *f, double memory_mb, double dilation)
{
    const ff_manifest *m = f->manifest;
    double mb = memory_mb > 0 ? memory_mb : LARGE_MB;
    ff_chooser_options o = {.master_mb = mb,
                            .worker_mb = mb,
                            .max_request = f->invoker ? f->invoker->ops->max_request : 0,
                            .max_reply = f->max_reply,
                            .dilation = dilation,
                            .fixed = !f->store}; /* then there is but one route */
    f->chooser = ff_chooser_new(m->network, &o);
    f->choice = ff_mem_must_array((size_t)m->stage_count, sizeof *f->choice);
    for (int s = 0; s < m->stage_count; s++) {
        const ff_mf_stage *stage = &m->stage[s];
        if (stage->local)
            continue;
        int in = add_group(f->chooser, stage, FF_NET_REQUEST);
        int out = add_group(f->chooser, stage, FF_NET_RESPONSE);
        f->choice[s] = ff_mem_must_array((size_t)stage->piece_count, sizeof **f->choice);
        for (int p = stage->own; p < stage->piece_count; p++) {
            const ff_mf_piece *piece = &stage->piece[p];
            f->choice[s][p].request = add_message(f->chooser, in, piece->in, piece->in_count);
            f->choice[s][p].response = add_message(f->chooser, out, piece->out, piece->out_count);
        }
    }
    ff_chooser_ready(f->chooser);
}

void ff_choices_clean(ff_function *f)
{
    ff_chooser_free(f->chooser);
    for (int s = 0; f->choice && s < f->manifest->stage_count; s++)
        ff_mem_free(f->choice[s]);
    ff_mem_free(f->choice);
    f->chooser = NULL;
    f->choice = NULL;
}
