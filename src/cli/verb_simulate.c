#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/cli.h"
#include "cli/plan_file.h"
#include "cli/profiles.h"
#include "profile/shipped.h"
#include "sim/sim.h"

#define REQUESTS 10000
#define IDLE_MS  600000.0 /* Lambda keeps instances for 5 to 15 minutes, and promises nothing */

static const ff_flag FLAGS[] = {
    {"network", "P", "network profile, by name or file (default: the plan's)", false},
    {"compute", "P", "compute profile, by name or file (default: the plan's)", false},
    {"requests", "N", "how many (default 10000)", false},
    {"clients", "N", "each asks again when it is answered (default 1)", false},
    {"rate", "R", "instead: Poisson arrivals, so many a second on average", false},
    {"interval", "TIME", "instead: an arrival each TIME", false},
    {"burst", "N", "requests of one arrival, with --rate or --interval (default 1)", false},
    {"idle", "TIME", "how long an instance that idles stays (default 600s)", false},
    {"instances", "N", "of one function at most; further calls wait (default: no bound)", false},
    {"warm", NULL, "nothing starts cold", false},
    {"memory", "MB", "memory of all functions (default: the plan's)", false},
    {"policy", "P",
     "how tensors go: auto (default: as the planner chooses), inline, store, or a SIZE from which "
     "they go by the store",
     false},
    {"quantile", "Q", "what auto chooses routes by: p50 (default) or p99", false},
    {"seed", "S", "of the draws (default 1)", false},
    {0},
};

typedef struct job {
    ff_plan *plan;
    ff_graph *g;
    ff_net_profile *net;
    ff_compute_profile *compute;
    ff_plan_target target;
    double threshold; /* < 0: none */
    ff_sim_options options;
    ff_sim_model *model;
    ff_sim_result result;
} job;

static void job_clean(job *j)
{
    ff_sim_model_free(j->model);
    ff_net_profile_free(j->net);
    ff_compute_profile_free(j->compute);
    ff_graph_free(j->g);
    ff_plan_free(j->plan);
}

/* The flag's, else the plan's, where it is one that is shipped. */
static ff_code profile_name(const ff_args *args, const char *kind, const char *of_plan,
                            const char **name, ff_err *err)
{
    *name = ff_args_value(args, kind);
    if (*name != NULL)
        return FF_OK;
    if (of_plan == NULL)
        return ff_err_set(err, FF_USAGE, "the plan names no %s profile: give --%s", kind, kind);
    if (!ff_shipped_find(kind, of_plan))
        return ff_err_set(err, FF_USAGE, "the plan's %s profile '%.64s' is a file: give --%s", kind,
                          of_plan, kind);
    *name = of_plan;
    return FF_OK;
}

static ff_code read_profiles(const ff_args *args, job *j, ff_err *err)
{
    const char *network = NULL, *compute = NULL;
    ff_code code = profile_name(args, "network", j->plan->network, &network, err);
    if (!code)
        code = profile_name(args, "compute", j->plan->compute, &compute, err);
    if (!code)
        code = ff_cli_network_profile(network, &j->net, err);
    if (!code)
        code = ff_cli_compute_profile(compute, &j->compute, err);
    return code;
}

static ff_code read_time(const ff_args *args, const char *flag, double otherwise, double *ms,
                         ff_err *err)
{
    int64_t ns = 0;
    const char *text = ff_args_value(args, flag);
    ff_code code = text ? ff_units_parse_time(text, &ns, err) : FF_OK;
    if (code)
        ff_err_wrap(err, "--%s", flag);
    *ms = text ? (double)ns / 1e6 : otherwise;
    return code;
}

static ff_code read_arrivals(const ff_args *args, job *j, ff_err *err)
{
    ff_sim_options *o = &j->options;
    const char *rate = ff_args_value(args, "rate");
    bool interval = ff_args_has(args, "interval"), clients = ff_args_has(args, "clients");
    int64_t n = 0, burst = 0;
    if ((rate != NULL) + interval + clients > 1)
        return ff_err_set(err, FF_USAGE, "--clients, --rate, --interval: give one");
    if (ff_args_has(args, "burst") && rate == NULL && !interval)
        return ff_err_set(err, FF_USAGE, "--burst goes with --rate or --interval");
    ff_code code = ff_args_int(args, "clients", 1, FF_SIM_MAX_CLIENTS, 1, &n, err);
    if (!code)
        code = ff_args_int(args, "burst", 1, FF_SIM_MAX_REQUESTS, 1, &burst, err);
    if (!code)
        code = read_time(args, "interval", 0, &o->interval_ms, err);
    if (!code && rate != NULL) {
        char *end = NULL;
        double r = strtod(rate, &end);
        if (end == rate || *end != '\0' || !(r >= 1e-6 && r <= 1e6))
            return ff_err_set(err, FF_USAGE, "--rate: wanted 1e-6 to 1e6 a second, found '%.64s'",
                              rate);
        o->interval_ms = 1000 / r;
        o->poisson = true;
    }
    o->clients = rate != NULL || interval ? 0 : (int)n;
    o->burst = (int)burst;
    return code;
}

static ff_code read_policy(const ff_args *args, job *j, ff_err *err)
{
    uint64_t bytes = 0;
    const char *policy = ff_args_value(args, "policy"), *q = ff_args_value(args, "quantile");
    j->threshold = -1;
    if (q && strcmp(q, "p50") && strcmp(q, "p99"))
        return ff_err_set(err, FF_USAGE, "--quantile is p50 or p99, found '%.64s'", q);
    j->target.tail = q && !strcmp(q, "p99");
    if (policy == NULL || !strcmp(policy, "auto"))
        return FF_OK;
    j->target.inline_only = !strcmp(policy, "inline");
    j->target.store_only = !strcmp(policy, "store");
    if (j->target.inline_only || j->target.store_only)
        return FF_OK;
    ff_code code = ff_units_parse_bytes(policy, &bytes, err);
    if (code)
        ff_err_wrap(err, "--policy: auto, inline, store or a size");
    j->threshold = (double)bytes;
    return code;
}

static ff_code read_options(const ff_args *args, job *j, ff_err *err)
{
    const ff_net_function *f = &j->net->function;
    int64_t requests = 0, instances = 0, seed = 0, memory = 0;
    ff_code code = ff_args_int(args, "requests", 1, FF_SIM_MAX_REQUESTS, REQUESTS, &requests, err);
    if (!code)
        code = ff_args_int(args, "instances", 1, FF_SIM_MAX_INSTANCES, 0, &instances, err);
    if (!code)
        code = ff_args_int(args, "seed", 0, INT64_MAX, 1, &seed, err);
    if (!code)
        code = ff_args_int(args, "memory", (int64_t)f->min_memory_mb.value,
                           (int64_t)f->max_memory_mb.value, 0, &memory, err);
    if (!code)
        code = read_time(args, "idle", IDLE_MS, &j->options.idle_ms, err);
    if (!code && memory == 0 && j->plan->master_mb <= 0)
        code = ff_err_set(err, FF_USAGE, "the plan says no memory: give --memory");
    if (code)
        return code;
    j->options.requests = (int)requests;
    j->options.instances = (int)instances;
    j->options.seed = (uint64_t)seed;
    j->options.warm = ff_args_has(args, "warm");
    j->target.net = j->net;
    j->target.compute = j->compute;
    if (memory > 0) {
        j->plan->master_mb = (double)memory;
        for (int s = 0; s < j->plan->stage_count; s++)
            j->plan->stage[s].worker_mb = (double)memory;
    }
    j->target.master_mb = j->target.worker_mb = j->plan->master_mb;
    code = read_arrivals(args, j, err);
    return code ? code : read_policy(args, j, err);
}

static ff_code print_json(const job *j, ff_err *err)
{
    static const char *const CAUSES[] = {"compute", "route", "serial", "waiting", "cold"};
    const ff_sim_result *r = &j->result;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    if (doc == NULL)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for the result as JSON");
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    const struct {
        const char *name;
        double value;
    } FIGURES[] = {
        {"mean_ms", r->mean_ms}, {"mean_error_ms", r->error_ms}, {"p50_ms", r->p50_ms},
        {"p90_ms", r->p90_ms},   {"p99_ms", r->p99_ms},          {"p999_ms", r->p999_ms},
        {"max_ms", r->max_ms},   {"span_ms", r->span_ms},        {"per_second", r->per_second},
        {"usd", r->usd},         {"usd_per_1000", r->usd * 1000}};
    yyjson_mut_obj_add_str(doc, root, "network", j->net->name);
    yyjson_mut_obj_add_str(doc, root, "compute", j->compute->name);
    yyjson_mut_obj_add_int(doc, root, "requests", r->requests);
    for (size_t i = 0; i < sizeof FIGURES / sizeof *FIGURES; i++)
        yyjson_mut_obj_add_real(doc, root, FIGURES[i].name, FIGURES[i].value);
    yyjson_mut_obj_add_uint(doc, root, "cold_starts", r->cold_starts);
    yyjson_mut_obj_add_int(doc, root, "masters", r->masters);
    yyjson_mut_val *causes = yyjson_mut_obj_add_obj(doc, root, "cause_ms");
    for (int i = 0; i < FF_SIM_CAUSES; i++)
        yyjson_mut_obj_add_real(doc, causes, CAUSES[i], r->cause_ms[i]);
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static ff_code print_text(const job *j, ff_err *err)
{
    const ff_sim_result *r = &j->result;
    const double *c = r->cause_ms;
    return ff_cli_printf(
        err,
        "%d requests; network %s, compute %s\n"
        "latency   mean %.1f ms (+- %.1f), p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\n"
        "of it     compute %.1f ms, route %.1f, serial %.1f, waiting %.1f, cold %.1f\n"
        "answers   %.3g a second over %.1f s; %d masters at once; %llu cold starts\n"
        "cost      %.2f usd a million requests\n",
        r->requests, j->net->name, j->compute->name, r->mean_ms, r->error_ms, r->p50_ms, r->p90_ms,
        r->p99_ms, r->p999_ms, r->max_ms, c[FF_SIM_COMPUTE], c[FF_SIM_ROUTE], c[FF_SIM_SERIAL],
        c[FF_SIM_WAITING], c[FF_SIM_COLD], r->per_second, r->span_ms / 1000, r->masters,
        (unsigned long long)r->cold_starts, r->usd * 1e6);
}

static ff_code run(const ff_args *args, ff_err *err)
{
    job j = {0};
    ff_code code = ff_cli_load_plan(args->positional[0], &j.plan, &j.g, err);
    if (!code)
        code = read_profiles(args, &j, err);
    if (!code)
        code = read_options(args, &j, err);
    if (!code)
        code = ff_sim_model_new(j.plan, j.g, &j.target, j.threshold, &j.model, err);
    if (!code)
        code = ff_sim_run(j.model, &j.options, &j.result, err);
    if (!code)
        code = args->json ? print_json(&j, err) : print_text(&j, err);
    job_clean(&j);
    return code;
}

const ff_verb ff_verb_simulate = {
    "simulate",
    "simulate plan.json [--network P] [--compute P] [--requests N] [--rate R | --clients N] ...",
    "a plan in virtual time: many requests, cold starts, tails",
    "Draws each transfer from the network profile's distributions, computes by the compute "
    "profile,\n"
    "and follows each function's instances: what is idle serves, else one starts. "
    "docs/simulate.md\n"
    "says what is modelled.",
    FLAGS,
    1,
    1,
    run,
};
