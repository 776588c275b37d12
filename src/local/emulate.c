/* What the platform emulates: a network, slower CPUs, and both slowed down K times. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "local/local_int.h"

#define RESERVE      0.1 /* of the CPUs: for the platform itself */
#define MAX_DILATION 1000

/* CPUs of this machine that do a function's work, undilated. */
static double share_of(const ff_net_profile *network, double host_gmac_per_s, int memory_mb)
{
    return ff_net_vcpus(network, memory_mb) * network->function.vcpu_gmac_per_s.value /
           host_gmac_per_s;
}

/* Functions of the bundle that compute at once in one stage, its master counted in. */
static int most_at_once(const ff_manifest *m)
{
    bool *used = ff_mem_must_array((size_t)m->function_count, sizeof *used);
    int most = 1;
    for (int s = 0; s < m->stage_count; s++) {
        int count = 1;
        memset(used, 0, (size_t)m->function_count * sizeof *used);
        used[0] = true;
        for (int p = 0; p < m->stage[s].piece_count; p++) {
            int f = m->stage[s].piece[p].function;
            count += !used[f];
            used[f] = true;
        }
        most = count > most ? count : most;
    }
    ff_mem_free(used);
    return most;
}

/* The least whole K at which the busiest stage of any bundle fits this machine's CPUs, and at which
 * one thread is no slower than a vCPU is. */
static double fitting_dilation(const ff_local_options *options, int memory_mb)
{
    const ff_net_profile *network = options->network;
    int functions = options->function_count > 1 ? options->function_count : 1;
    for (int i = 0; i < options->bundle_count; i++) {
        int most = most_at_once(options->bundles[i]);
        functions = most > functions ? most : functions;
    }
    double share = share_of(network, options->host_gmac_per_s, memory_mb);
    double cpus = (options->cpus > 0 ? options->cpus : 1) * (1 - RESERVE);
    double thread = network->function.vcpu_gmac_per_s.value / options->host_gmac_per_s;
    double k = ceil(fmax(functions * share / cpus, thread));
    return fmin(fmax(k, 1), MAX_DILATION);
}

static void find_shares(ff_local *local, const ff_local_options *options)
{
    ff_err why = {0};
    if (options->host_gmac_per_s <= 0)
        local->no_shares = ff_mem_must_strdup("this machine's speed is not known");
    else if (ff_cgroup_find(&local->cgroup, &why))
        local->no_shares = ff_mem_must_strdup(why.message);
    else
        local->shares = true;
}

ff_code ff_emulate_start(ff_local *local, const ff_local_options *options, ff_err *err)
{
    double k = options->dilation;
    local->dilation = 1;
    if (options->network)
        local->network = ff_net_profile_copy(options->network);
    if (k != 0 && !(k >= 1 && k <= MAX_DILATION))
        return ff_err_set(err, FF_USAGE, "dilation: wanted 1 to %d, found %g", MAX_DILATION, k);
    if (!local->network || !local->network->shaped) {
        if (k > 1)
            return ff_err_set(err, FF_USAGE, "dilation %g: %s%s, so there is nothing to slow down",
                              k, local->network ? local->network->name : "no network profile",
                              local->network ? " shapes nothing" : " is given");
        return FF_OK;
    }
    find_shares(local, options);
    if (k == 0)
        k = local->shares ? fitting_dilation(options, ff_package_memory_mb(options)) : 1;
    local->dilation = k;
    local->seed = options->seed;
    local->shape = ff_shape_new(local->network, k, options->seed);
    local->pool.shape = local->shape;
    local->pool.cgroup = local->shares ? &local->cgroup : NULL;
    return FF_OK;
}

double ff_emulate_cpus(const ff_local *local, const ff_local_options *options, int memory_mb)
{
    if (!local->shares)
        return 0;
    return share_of(local->network, options->host_gmac_per_s, memory_mb) / local->dilation;
}

void ff_emulate_clean(ff_local *local)
{
    ff_shape_free(local->shape);
    ff_net_profile_free(local->network);
    ff_mem_free(local->no_shares);
}

ff_local_emulation ff_local_emulation_of(const ff_local *local)
{
    return (ff_local_emulation){
        .emulated = local->shape != NULL,
        .network = local->network ? local->network->name : NULL,
        .dilation = local->dilation,
        .seed = local->seed,
        .cpu_shares = local->shares,
        .no_shares = local->no_shares,
    };
}
