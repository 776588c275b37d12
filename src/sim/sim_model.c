#include <math.h>
#include <string.h>

#include "plan/plan_exact.h"
#include "sim/sim_int.h"

sim_part sim_leg_part(const ff_net_profile *net, sim_leg leg, uint64_t bytes, int sharing,
                      double bucket_bytes)
{
    ff_nic up = net->function.up, down = net->function.down;
    sim_part out = {0};
    bool stored = leg != SIM_REQUEST && leg != SIM_RESPONSE;
    int connections = stored ? ff_net_connections(net, bytes) : 1;
    ff_nic left_up = up, left_down = down; /* the master's */
    left_up.burst_bytes.value = fmin(up.burst_bytes.value, bucket_bytes);
    left_down.burst_bytes.value = fmin(down.burst_bytes.value, bucket_bytes);
    if (stored && bytes == 0)
        return out;
    switch (leg) {
    case SIM_PUT_IN:
        out.count =
            ff_leg_parts(&net->store.put, bytes, connections, sharing, &left_up, NULL, out.part);
        break;
    case SIM_REQUEST:
        out.count =
            ff_leg_parts(&net->inline_route.request, bytes, 1, sharing, &left_up, &down, out.part);
        break;
    case SIM_GET_IN:
        out.count = ff_leg_parts(&net->store.get, bytes, connections, 1, &down, NULL, out.part);
        break;
    case SIM_PUT_OUT:
        out.count = ff_leg_parts(&net->store.put, bytes, connections, 1, &up, NULL, out.part);
        break;
    case SIM_RESPONSE:
        out.count =
            ff_leg_parts(&net->inline_route.response, bytes, 1, sharing, &left_down, &up, out.part);
        break;
    default:
        out.count =
            ff_leg_parts(&net->store.get, bytes, connections, sharing, &left_down, NULL, out.part);
    }
    return out;
}

/* Tensors come largest first: those of the threshold and above. */
static int stored_by(const ff_load_tensor *tensors, int count, double threshold)
{
    int stored = 0;
    while (stored < count && tensors[stored].most >= threshold)
        stored++;
    return stored;
}

static void sum_bytes(const double *parts, const ff_load_tensor *tensors, int count, int stored,
                      double *by_inline, double *by_store)
{
    *by_inline = *by_store = 0;
    for (int i = 0; i < count; i++)
        *(i < stored ? by_store : by_inline) += parts[tensors[i].id];
}

/* What one piece is sent and sends back; its share of the master's serial work too. */
static void add_piece(const ff_coster *c, const ff_stage_load *load, const ff_stage_cost *cost,
                      const ff_piece_load *piece, bool sent, sim_stage *stage)
{
    double in, in_stored, out, out_stored;
    sum_bytes(piece->in, load->in, load->in_count, cost->in_stored, &in, &in_stored);
    sum_bytes(piece->out, load->out, load->out_count, cost->out_stored, &out, &out_stored);
    stage->before_ms += (in + in_stored) * c->slice * c->master_codec;
    stage->after_ms += (out + out_stored) * c->place * c->master_codec;
    if (!sent)
        return;
    stage->before_ms += (in * c->encode_inline + in_stored * c->encode_stored) * c->master_codec;
    stage->after_ms += (out * c->decode_inline + out_stored * c->decode_stored) * c->master_codec;
    sim_worker *w = &stage->worker[stage->count++];
    w->work_ms = piece->work_ms * c->worker_scale;
    w->codec_ms = (in * c->decode_inline + in_stored * c->decode_stored + out * c->encode_inline +
                   out_stored * c->encode_stored) *
                  c->worker_codec;
    const double bytes[SIM_LEGS] = {in_stored, in, in_stored, out_stored, out, out_stored};
    const ff_net_profile *net = c->target->net;
    for (int leg = 0; leg < SIM_LEGS; leg++) {
        w->bytes[leg] = (uint64_t)bytes[leg];
        w->leg[leg] = sim_leg_part(net, (sim_leg)leg, w->bytes[leg], cost->workers, INFINITY);
    }
    stage->up_bytes += in * net->inline_route.request.encoding_factor.value +
                       in_stored * net->store.put.encoding_factor.value;
    stage->down_bytes += out * net->inline_route.response.encoding_factor.value +
                         out_stored * net->store.get.encoding_factor.value;
    const ff_net_price *price = &net->price;
    stage->store_usd +=
        (cost->in_stored + cost->out_stored) * (price->put_usd.value + price->get_usd.value) +
        (in_stored + out_stored) / 1e9 * (price->write_gb_usd.value + price->read_gb_usd.value);
}

/* A bound that routes by threshold break. */
static ff_code check_bounds(const ff_coster *c, const sim_stage *stage, ff_err *err)
{
    for (int i = 0; i < stage->count; i++) {
        const uint64_t *bytes = stage->worker[i].bytes;
        double stored = fmax((double)bytes[SIM_PUT_IN], (double)bytes[SIM_GET_OUT]);
        if ((double)bytes[SIM_REQUEST] > c->request_most ||
            (double)bytes[SIM_RESPONSE] > c->response_most || stored > c->store_most)
            return ff_err_set(err, FF_LIMIT,
                              "worker %d: %.1f MB in and %.1f MB back by payload, where %.1f and "
                              "%.1f fit: a lower --policy SIZE is needed",
                              i, (double)bytes[SIM_REQUEST] / 1e6,
                              (double)bytes[SIM_RESPONSE] / 1e6, c->request_most / 1e6,
                              c->response_most / 1e6);
    }
    return FF_OK;
}

static ff_code make_stage(const ff_plan_stage *from, const ff_graph *g, const ff_coster *c,
                          double threshold, sim_stage *stage, ff_err *err)
{
    ff_stage_load load;
    ff_stage_cost cost;
    ff_bound bound = FF_BOUND_NONE;
    double over = 0;
    ff_piece_load *pieces = ff_mem_must_array(FF_MAX_TILES, sizeof *pieces);
    ff_code code = ff_exact_load(g, &from->stage, c->target->compute, &load, pieces, err);
    if (!code && !ff_stage_cost_of(c, &load, from->own, false, &cost, &bound, &over))
        code = ff_err_set(err, FF_LIMIT, "%s holds %.1f MB, this is %.1f MB more",
                          ff_bound_text(bound), ff_bound_bytes(c, bound) / 1e6, over / 1e6);
    if (!code) {
        if (threshold >= 0 && cost.workers > 0) {
            cost.in_stored = stored_by(load.in, load.in_count, threshold);
            cost.out_stored = stored_by(load.out, load.out_count, threshold);
        }
        stage->worker_mb = c->target->worker_mb;
        stage->local_ms = (load.pieces == 0 ? load.work_ms
                           : from->own      ? pieces[0].work_ms
                                            : 0) *
                          c->master_scale;
        stage->worker = ff_mem_must_array((size_t)cost.workers + 1, sizeof *stage->worker);
        for (int i = 0; i < load.pieces; i++)
            add_piece(c, &load, &cost, &pieces[i], i > 0 || !from->own, stage);
        code = check_bounds(c, stage, err);
    }
    ff_mem_free(pieces);
    return code;
}

ff_code ff_sim_model_new(const ff_plan *plan, const ff_graph *g, const ff_plan_target *target,
                         double threshold, ff_sim_model **out, ff_err *err)
{
    ff_sim_model *m = ff_mem_must_array(1, sizeof *m);
    m->net = target->net;
    m->master_mb = plan->master_mb > 0 ? plan->master_mb : target->master_mb;
    m->stage_count = plan->stage_count;
    m->stage = ff_mem_must_array((size_t)plan->stage_count, sizeof *m->stage);
    ff_code code = FF_OK;
    for (int s = 0; s < plan->stage_count && !code; s++) {
        ff_plan_target own = *target;
        ff_coster c;
        own.master_mb = m->master_mb;
        own.worker_mb = plan->stage[s].worker_mb > 0 ? plan->stage[s].worker_mb : target->worker_mb;
        ff_coster_init(&c, &own);
        code = make_stage(&plan->stage[s], g, &c, threshold, &m->stage[s], err);
        ff_coster_clean(&c);
        if (code)
            ff_err_wrap(err, "stage %d", s);
        m->stage[s].first = m->function_count;
        m->function_count += m->stage[s].count;
    }
    if (code) {
        ff_sim_model_free(m);
        return code;
    }
    *out = m;
    return FF_OK;
}

void ff_sim_model_free(ff_sim_model *m)
{
    if (m == NULL)
        return;
    for (int s = 0; s < m->stage_count; s++)
        ff_mem_free(m->stage[s].worker);
    ff_mem_free(m->stage);
    ff_mem_free(m);
}
