#include "profile/compute.h"

#include <math.h>
#include <string.h>

const ff_compute_op *ff_compute_find(const ff_compute_profile *p, const char *op)
{
    const ff_compute_op *any = NULL;
    for (int i = 0; i < p->op_count; i++) {
        if (!strcmp(p->ops[i].op, op))
            return &p->ops[i];
        if (!strcmp(p->ops[i].op, "*"))
            any = &p->ops[i];
    }
    return any;
}

/* Is name "op kind"? */
static bool is_kind(const char *name, const char *op, const char *kind)
{
    size_t len = strlen(op);
    return !strncmp(name, op, len) && name[len] == ' ' && !strcmp(name + len + 1, kind);
}

const ff_compute_op *ff_compute_entry(const ff_compute_profile *p, const ff_work *work)
{
    const ff_compute_op *of_kind = NULL;
    for (int i = 0; i < p->op_count; i++) {
        if (work->fused && !strcmp(p->ops[i].op, work->fused))
            return &p->ops[i];
        if (work->kind && is_kind(p->ops[i].op, work->op, work->kind))
            of_kind = &p->ops[i];
    }
    return of_kind ? of_kind : ff_compute_find(p, work->op);
}

double ff_compute_efficiency(const ff_compute_op *op, double tile_elems)
{
    const ff_efficiency *e = op->efficiency;
    int n = op->efficiency_count;
    if (!n || tile_elems <= 0)
        return 1;
    if (tile_elems <= e[0].tile_elems)
        return e[0].factor;
    for (int i = 1; i < n; i++)
        if (tile_elems <= e[i].tile_elems) {
            double share =
                log(tile_elems / e[i - 1].tile_elems) / log(e[i].tile_elems / e[i - 1].tile_elems);
            return e[i - 1].factor + share * (e[i].factor - e[i - 1].factor);
        }
    return e[n - 1].factor;
}

double ff_compute_op_ms(const ff_compute_op *op, const ff_work *w)
{
    double variable = op->ms_per_gmac * ((double)w->macs / 1e9) +
                      op->ms_per_mweight * ((double)w->weight_elems / 1e6) +
                      op->ms_per_melem_in * ((double)w->in_elems / 1e6) +
                      op->ms_per_melem_out * ((double)w->out_elems / 1e6) +
                      op->ms_per_mpatch * ((double)w->patch_elems / 1e6) +
                      op->ms_per_mb * ((double)w->moved_bytes / 1e6);
    return fmax(0, op->fixed_ms + variable / ff_compute_efficiency(op, (double)w->tile_elems));
}

ff_code ff_compute_predict(const ff_compute_profile *p, const ff_work *work, double *ms,
                           ff_err *err)
{
    const ff_compute_op *op = ff_compute_entry(p, work);
    if (!op)
        return ff_err_set(err, FF_NOT_FOUND,
                          "compute profile %s: no entry for op %s, and none "
                          "for \"*\"",
                          p->name, work->op);
    *ms = ff_compute_op_ms(op, work);
    return FF_OK;
}

double ff_compute_scale(const ff_compute_profile *p, const ff_net_profile *net, double memory_mb)
{
    double own = p->threads * p->vcpu_gmac_per_s.value;
    return own / (ff_net_vcpus(net, memory_mb) * net->function.vcpu_gmac_per_s.value);
}
