#include "plan/plan_cost.h"

#include <math.h>
#include <string.h>

#define MIB 1048576.0

void ff_load_add(ff_load_tensor *tensors, int *count, const ff_load_tensor *more)
{
    if (*count == FF_LOAD_TENSORS) { /* the smallest ones are one */
        ff_load_tensor *last = &tensors[FF_LOAD_TENSORS - 1];
        last->most += more->most;
        last->sum += more->sum;
        last->first += more->first;
        last->rest += more->rest;
        return;
    }
    int i = (*count)++;
    for (; i > 0 && tensors[i - 1].most < more->most; i--)
        tensors[i] = tensors[i - 1];
    tensors[i] = *more;
}

/* An entry of ours for moving elements, as ms a byte of float32; 0 where the profile has none. */
static double byte_ms(const ff_compute_profile *p, const char *op)
{
    const ff_compute_op *entry = ff_compute_find(p, op);
    if (entry == NULL || strcmp(entry->op, op) != 0)
        return 0;
    return (entry->ms_per_melem_in + entry->ms_per_melem_out) / 4e6 + entry->ms_per_mb / 1e6;
}

void ff_coster_init(ff_coster *c, const ff_plan_target *t)
{
    const ff_net_profile *net = t->net, *codec = t->codec != NULL ? t->codec : net;
    *c = (ff_coster){.target = t, .wait = ff_wait_new(net, t->cold)};
    c->master_scale = ff_compute_scale(t->compute, net, t->master_mb);
    c->worker_scale = ff_compute_scale(t->compute, net, t->worker_mb);
    c->master_codec = 1 / fmin(1, ff_net_vcpus(net, t->master_mb));
    c->worker_codec = 1 / fmin(1, ff_net_vcpus(net, t->worker_mb));
    c->encode_inline = codec->inline_route.encode_ms_per_mb.value / 1e6;
    c->decode_inline = codec->inline_route.decode_ms_per_mb.value / 1e6;
    c->encode_stored = codec->store.encode_ms_per_mb.value / 1e6;
    c->decode_stored = codec->store.decode_ms_per_mb.value / 1e6;
    c->slice = byte_ms(t->compute, "slice");
    c->place = byte_ms(t->compute, "place");
    c->master_usd_ms = t->master_mb / 1024 * net->price.gb_second_usd.value / 1000;
    c->request_most = (double)ff_net_max_bytes(net, FF_NET_INLINE, FF_NET_REQUEST);
    c->response_most = (double)ff_net_max_bytes(net, FF_NET_INLINE, FF_NET_RESPONSE);
    c->least_wait = ff_mem_must_array(FF_MAX_TILES + 1, sizeof *c->least_wait);
    c->store_most = (double)ff_net_max_bytes(net, FF_NET_STORE, FF_NET_REQUEST);
}

void ff_coster_clean(ff_coster *c)
{
    ff_wait_free(c->wait);
    ff_mem_free(c->least_wait);
    *c = (ff_coster){0};
}

const char *ff_bound_text(ff_bound bound)
{
    static const char *const TEXT[] = {"",
                                       "the memory of a worker",
                                       "the package of a worker",
                                       "the payload of a request",
                                       "the payload of a response",
                                       "the memory of the master",
                                       "the package of the master"};
    return TEXT[bound];
}

double ff_bound_bytes(const ff_coster *c, ff_bound bound)
{
    switch (bound) {
    case FF_BOUND_WORKER_MEMORY:
        return c->target->worker_mb * MIB;
    case FF_BOUND_MASTER_MEMORY:
        return c->target->master_mb * MIB;
    case FF_BOUND_REQUEST:
        return c->request_most;
    case FF_BOUND_RESPONSE:
        return c->response_most;
    default:
        return c->target->package_limit_bytes;
    }
}

static bool breaks(ff_bound which, double found, double most, ff_bound *bound, double *over)
{
    if (found <= most)
        return false;
    if (bound != NULL) {
        *bound = which;
        *over = found - most;
    }
    return true;
}

bool ff_master_fits(const ff_coster *c, double weights, double held, ff_bound *bound, double *over)
{
    double package = c->target->package_limit_bytes;
    return !breaks(FF_BOUND_MASTER_MEMORY, weights + held + FF_PLAN_RUNTIME_BYTES,
                   c->target->master_mb * MIB, bound, over) &&
           !(package > 0 && breaks(FF_BOUND_MASTER_PACKAGE, weights + FF_PLAN_PROGRAM_BYTES,
                                   package, bound, over));
}

double ff_stage_cost_ms(const ff_coster *c, const ff_stage_cost *cost)
{
    return c->target->tail ? cost->tail_ms : cost->mean_ms;
}

double ff_stage_least_ms(const ff_coster *c, const ff_stage_load *load)
{
    const ff_wait_load nothing = {0, 0, 0, 0};
    if (load->pieces == 0)
        return load->work_ms * c->master_scale;
    int workers = load->pieces > 1 ? load->pieces - 1 : 1;
    if (c->least_wait[workers] <= 0) {
        ff_wait_time wait = ff_wait_slowest(c->wait, workers, &nothing);
        c->least_wait[workers] = c->target->tail ? wait.p99_ms : wait.mean_ms;
    }
    double work = load->work_ms < load->work_rest_ms ? load->work_ms : load->work_rest_ms;
    double scale = c->worker_scale < c->master_scale ? c->worker_scale : c->master_scale;
    return work * scale + c->least_wait[workers];
}

/* What goes one way, once it is known how many of the largest tensors are stored. */
typedef struct way {
    double most_inline, most_stored; /* of one worker */
    double sum_inline, sum_stored;   /* of all workers */
    double sum;                      /* with the master's own piece */
    int stored;
    ff_wait_sum moved;
} way;

static way way_of(const ff_load_tensor *tensors, int count, int stored, bool own)
{
    way w = {.stored = stored};
    for (int i = 0; i < count; i++) {
        double sent = tensors[i].sum - (own ? tensors[i].first : 0);
        *(i < stored ? &w.most_stored : &w.most_inline) += own ? tensors[i].rest : tensors[i].most;
        *(i < stored ? &w.sum_stored : &w.sum_inline) += sent;
        w.sum += tensors[i].sum;
    }
    return w;
}

/* Ways that fit, by how many are stored. Returns their number. */
static int ways_of(const ff_coster *c, const ff_load_tensor *tensors, int count, bool own,
                   double most, way ways[FF_LOAD_TENSORS + 1])
{
    int found = 0;
    int first = c->target->store_only ? count : 0;
    for (int k = first; k <= (c->target->inline_only ? 0 : count); k++) {
        way w = way_of(tensors, count, k, own);
        if (w.most_inline <= most && (k == 0 || tensors[0].most <= c->store_most))
            ways[found++] = w;
    }
    return found;
}

/* Workers, their requests, and the store, on average. */
static double workers_usd(const ff_coster *c, const ff_stage_load *load, const way *in,
                          const way *out, const ff_wait_load *moved, int workers, bool own)
{
    const ff_net_price *price = &c->target->net->price;
    double work = (load->work_sum_ms - (own ? load->work_first_ms : 0)) * c->worker_scale;
    double codec = (in->sum_inline * c->decode_inline + in->sum_stored * c->decode_stored +
                    out->sum_inline * c->encode_inline + out->sum_stored * c->encode_stored) *
                   c->worker_codec;
    double each = (work + codec) / workers + ff_wait_awake_ms(c->wait, workers, moved);
    double objects = (double)(in->stored + out->stored) * workers;
    return workers * ff_net_function_usd(c->target->net, each, c->target->worker_mb) +
           objects * (price->put_usd.value + price->get_usd.value) +
           (in->sum_stored + out->sum_stored) / 1e9 *
               (price->write_gb_usd.value + price->read_gb_usd.value);
}

/* A request's way and a response's together; all but money. */
static ff_stage_cost time_of(const ff_coster *c, const ff_stage_load *load, const way *in,
                             const way *out, bool own)
{
    int workers = load->pieces - (own ? 1 : 0);
    ff_wait_time wait = ff_wait_both(c->wait, workers, &in->moved, &out->moved);
    double own_ms = own ? load->work_first_ms * c->master_scale : 0;
    double compute = (own ? load->work_rest_ms : load->work_ms) * c->worker_scale;
    double codec = (in->most_inline * c->decode_inline + in->most_stored * c->decode_stored +
                    out->most_inline * c->encode_inline + out->most_stored * c->encode_stored) *
                   c->worker_codec;
    double serial = (in->sum * c->slice + out->sum * c->place + in->sum_inline * c->encode_inline +
                     in->sum_stored * c->encode_stored + out->sum_inline * c->decode_inline +
                     out->sum_stored * c->decode_stored) *
                    c->master_codec;
    double waiting = compute + codec + wait.mean_ms, tail = compute + codec + wait.p99_ms;
    ff_stage_cost cost = {.workers = workers,
                          .own = own,
                          .in_stored = in->stored,
                          .out_stored = out->stored,
                          .compute_ms = compute,
                          .codec_ms = codec,
                          .route_ms = wait.mean_ms,
                          .serial_ms = serial,
                          .mean_ms = serial + (own_ms > waiting ? own_ms : waiting),
                          .tail_ms = serial + (own_ms > tail ? own_ms : tail)};
    if (own_ms > waiting) { /* the workers are waiting, not the master */
        cost.compute_ms = own_ms;
        cost.codec_ms = cost.route_ms = 0;
    }
    return cost;
}

static void add_money(const ff_coster *c, const ff_stage_load *load, const way *in, const way *out,
                      ff_stage_cost *cost)
{
    const ff_wait_load moved = {in->most_inline, in->most_stored, out->most_inline,
                                out->most_stored};
    cost->worker_usd = workers_usd(c, load, in, out, &moved, cost->workers, cost->own);
    cost->usd = cost->worker_usd + cost->mean_ms * c->master_usd_ms;
}

/* Is a the better one? Differences below a billionth are none. */
static bool better(double a, double a_second, double b, double b_second)
{
    double near = 1e-9 * b;
    return a < b - near || (a <= b + near && a_second < b_second * (1 - 1e-9));
}

/* The best of all ways; by time first only the time is looked at, and money where it is equal. */
static void choose_ways(const ff_coster *c, const ff_stage_load *load, const way *ins, int in_count,
                        const way *outs, int out_count, bool own, bool cheapest,
                        ff_stage_cost *best)
{
    const way *best_in = NULL, *best_out = NULL;
    for (int i = 0; i < in_count; i++)
        for (int k = 0; k < out_count; k++) {
            ff_stage_cost cost = time_of(c, load, &ins[i], &outs[k], own);
            double ms = ff_stage_cost_ms(c, &cost);
            bool first = best_in == NULL, take = first;
            if (cheapest) {
                add_money(c, load, &ins[i], &outs[k], &cost);
                take = first || better(cost.usd, ms, best->usd, ff_stage_cost_ms(c, best));
            } else if (!first && ms < ff_stage_cost_ms(c, best) * (1 + 1e-9)) {
                add_money(c, load, &ins[i], &outs[k], &cost);
                if (best->usd <= 0)
                    add_money(c, load, best_in, best_out, best);
                take = better(ms, cost.usd, ff_stage_cost_ms(c, best), best->usd);
            }
            if (take) {
                *best = cost;
                best_in = &ins[i];
                best_out = &outs[k];
            }
        }
    if (best->usd <= 0)
        add_money(c, load, best_in, best_out, best);
    best->master_weights = own ? load->weights_first : 0;
    best->master_held = load->held + (own ? load->activations_first : 0);
}

static bool worker_fits(const ff_coster *c, const ff_stage_load *load, ff_bound *bound,
                        double *over)
{
    double text = 0, package = c->target->package_limit_bytes;
    const ff_net_inline *route = &c->target->net->inline_route;
    for (int i = 0; i < load->in_count; i++)
        text += load->in[i].most * (1 + route->request.encoding_factor.value);
    for (int i = 0; i < load->out_count; i++)
        text += load->out[i].most * (1 + route->response.encoding_factor.value);
    return !breaks(FF_BOUND_WORKER_MEMORY,
                   load->weights + load->activations + text + FF_PLAN_RUNTIME_BYTES,
                   c->target->worker_mb * MIB, bound, over) &&
           !(package > 0 && breaks(FF_BOUND_WORKER_PACKAGE, load->weights + FF_PLAN_PROGRAM_BYTES,
                                   package, bound, over));
}

static bool local_cost(const ff_coster *c, const ff_stage_load *load, ff_stage_cost *out,
                       ff_bound *bound, double *over)
{
    double ms = load->work_ms * c->master_scale;
    if (!ff_master_fits(c, load->weights, load->activations, bound, over))
        return false;
    *out = (ff_stage_cost){.compute_ms = ms,
                           .mean_ms = ms,
                           .tail_ms = ms,
                           .usd = ms * c->master_usd_ms,
                           .master_weights = load->weights,
                           .master_held = load->activations};
    return true;
}

bool ff_stage_cost_of(const ff_coster *c, const ff_stage_load *load, bool own, bool cheapest,
                      ff_stage_cost *out, ff_bound *bound, double *over)
{
    way in[FF_LOAD_TENSORS + 1], back[FF_LOAD_TENSORS + 1];
    if (load->pieces == 0)
        return local_cost(c, load, out, bound, over);
    if (!worker_fits(c, load, bound, over))
        return false;
    int ins = ways_of(c, load->in, load->in_count, own, c->request_most, in);
    int outs = ways_of(c, load->out, load->out_count, own, c->response_most, back);
    if (ins == 0 || outs == 0) {
        way w = ins == 0 ? way_of(load->in, load->in_count, 0, own)
                         : way_of(load->out, load->out_count, 0, own);
        (void)breaks(ins == 0 ? FF_BOUND_REQUEST : FF_BOUND_RESPONSE, w.most_inline,
                     ins == 0 ? c->request_most : c->response_most, bound, over);
        return false;
    }
    int workers = load->pieces - (own ? 1 : 0);
    for (int i = 0; i < ins; i++)
        in[i].moved = ff_wait_request(c->wait, workers, in[i].most_inline, in[i].most_stored);
    for (int k = 0; k < outs; k++)
        back[k].moved =
            ff_wait_response(c->wait, workers, back[k].most_inline, back[k].most_stored);
    choose_ways(c, load, in, ins, back, outs, own, cheapest, out);
    return ff_master_fits(c, out->master_weights, out->master_held, bound, over);
}
