/*
 * Does the platform keep to a network profile, at any dilation? Round trips of several sizes by
 * each route, from a master to a worker and back as fanfold-function makes them, and a worker that
 * only computes, at K = 1, 4 and 8.
 *
 *   bench_shape --program FANFOLD-FUNCTION --network P.json --cpu BUNDLE [--runs N] [-o X.json]
 *
 * The profile's spreads are taken away, so that what it says is one time. Reported are undilated
 * medians, what the profile says of the legs alone (without any work of the functions), and how far
 * apart the dilations are: largest over smallest, less 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "base/units.h"
#include "client/client.h"
#include "local/local.h"
#include "measure/kernel.h"
#include "transport_bundle.h"

#define MAX_RUNS    200
#define MEMORY_MB   1769 /* one vCPU */
#define DEADLINE_MS 600000
#define ROUTES      2
#define DILATIONS   3

static const double dilations[DILATIONS] = {1, 4, 8};
static const char *const routes[ROUTES] = {"inline", "store"};

typedef struct bench {
    const char *program, *out, *cpu_dir, *network;
    int64_t runs;
    char dir[PATH_MAX];
    ff_net_profile *profile;
    double host_gmac_per_s;
    bool cpu_shares;
    ff_manifest *manifest, *cpu;
    double trip_ms[DILATIONS][ROUTES][SIZES][MAX_RUNS];
    double cpu_ms[DILATIONS][MAX_RUNS];
} bench;

static void parse_options(bench *b, int argc, char **argv)
{
    b->runs = 7;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        ff_err err = {0};
        if (!strcmp(name, "--program"))
            b->program = value;
        else if (!strcmp(name, "--network"))
            b->network = value;
        else if (!strcmp(name, "--cpu"))
            b->cpu_dir = value;
        else if (!strcmp(name, "-o"))
            b->out = value;
        else if (!strcmp(name, "--runs"))
            must(ff_units_parse_int(value, 1, MAX_RUNS, &b->runs, &err), &err, "--runs");
        else
            check(false, "an unknown option");
    }
    check(argc % 2 && b->program && b->network && b->cpu_dir,
          "wanted --program, --network and --cpu");
}

static void load_profile(bench *b)
{
    ff_buf json = {0};
    ff_err err = {0};
    must(ff_file_read(b->network, FF_MAX_PROFILE_BYTES, &json, &err), &err, "the profile");
    must(ff_net_profile_parse(ff_buf_view(&json), &b->profile, &err), &err, "the profile");
    ff_buf_clean(&json);
    ff_net_profile *p = b->profile;
    ff_leg *legs[] = {&p->inline_route.request, &p->inline_route.response, &p->store.put,
                      &p->store.get};
    for (int i = 0; i < 4; i++) {
        check(legs[i]->fixed_ms.kind == FF_DIST_LOGNORMAL, "a lognormal profile is wanted");
        legs[i]->fixed_ms.p99 = legs[i]->fixed_ms.p50;
        legs[i]->mb_per_s.p99 = legs[i]->mb_per_s.p50;
        legs[i]->head_mb_per_s.p99 = legs[i]->head_mb_per_s.p50;
    }
}

/* There and back, without any work. */
static double profile_ms(const bench *b, int route, int size)
{
    double ms = 0;
    size_t bytes = 0;
    ff_err err = {0};
    must(ff_shape_bytes(&shapes[size], FF_DTYPE_F32, &bytes, &err), &err, "a shape");
    for (int way = FF_NET_REQUEST; way <= FF_NET_RESPONSE; way++) {
        const ff_edge edge = {route ? FF_NET_STORE : FF_NET_INLINE, (ff_net_way)way, bytes, 1};
        ms += ff_net_edge_slowest(b->profile, &edge).p50_ms;
    }
    return ms;
}

static double number(yyjson_val *object, const char *name)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    check(yyjson_is_num(value), "the trace lacks a number");
    return yyjson_get_num(value);
}

static yyjson_doc *infer(ff_client *client, const ff_tensor *in, const char *policy)
{
    ff_client_reply reply = {0};
    ff_err err = {0};
    yyjson_doc *doc = NULL;
    const ff_client_request request = {in, policy, true, ff_clock_deadline_ms(DEADLINE_MS)};
    must(ff_client_infer(client, &request, &reply, &err), &err, "a request");
    must(ff_json_parse(ff_bytes_of(reply.trace_json, strlen(reply.trace_json)), &doc, &err), &err,
         "the trace");
    ff_client_reply_clean(&reply);
    return doc;
}

static ff_client *open_client(const ff_local *local, const char *deployment)
{
    ff_client *client = NULL;
    ff_err err = {0};
    setenv("AWS_ENDPOINT_URL", ff_local_endpoint(local), 1);
    setenv("AWS_REGION", ff_local_region(local), 1);
    setenv("AWS_ACCESS_KEY_ID", ff_local_credentials(local)->access_key, 1);
    setenv("AWS_SECRET_ACCESS_KEY", ff_local_credentials(local)->secret_key, 1);
    must(ff_client_open(deployment, ff_clock_deadline_ms(DEADLINE_MS), &client, &err), &err,
         "the client");
    return client;
}

static ff_tensor *random_inputs(const ff_client *client)
{
    const ff_client_about *about = ff_client_about_of(client);
    ff_tensor *in = calloc((size_t)about->in_count, sizeof *in);
    ff_random random;
    ff_err err = {0};
    ff_random_init(&random, 1);
    for (int i = 0; i < about->in_count; i++) {
        must(ff_tensor_new(FF_DTYPE_F32, &about->in[i].shape, &in[i], &err), &err, "an input");
        float *x = (float *)(void *)in[i].data;
        for (size_t k = 0; k < in[i].bytes / sizeof *x; k++)
            x[k] = (float)ff_random_unit(&random);
    }
    return in;
}

static void show_errors(void *user, const char *function, const char *line)
{
    (void)user;
    if (strstr(line, "error") || strstr(line, "ERROR"))
        fprintf(stderr, "%s: %s\n", function, line);
}

/* A platform of one dilation, and its clients. */
typedef struct world {
    ff_local *local;
    ff_client *trips, *cpu;
    ff_tensor *trip_in, *cpu_in;
} world;

static void open_world(bench *b, int d, world *w)
{
    const ff_manifest *bundles[] = {b->manifest, b->cpu};
    const ff_local_options options = {.bundles = bundles,
                                      .bundle_count = 2,
                                      .program = b->program,
                                      .network = b->profile,
                                      .dilation = dilations[d],
                                      .host_gmac_per_s = b->host_gmac_per_s,
                                      .memory_mb = MEMORY_MB,
                                      .log = show_errors};
    ff_err err = {0};
    must(ff_local_start(&options, &w->local, &err), &err, "the platform");
    b->cpu_shares = ff_local_emulation_of(w->local).cpu_shares;
    w->trips = open_client(w->local, DEPLOYMENT);
    w->cpu = open_client(w->local, b->cpu->deployment);
    w->trip_in = random_inputs(w->trips);
    w->cpu_in = random_inputs(w->cpu);
}

static void free_inputs(const ff_client *client, ff_tensor *in)
{
    for (int i = 0; i < ff_client_about_of(client)->in_count; i++)
        ff_tensor_clean(&in[i]);
    free(in);
}

static void close_world(world *w)
{
    free_inputs(w->trips, w->trip_in);
    free_inputs(w->cpu, w->cpu_in);
    ff_client_close(w->trips);
    ff_client_close(w->cpu);
    ff_local_stop(w->local);
}

/* One request of each kind. */
static void measure(bench *b, int d, const world *w, int64_t run)
{
    size_t i, count;
    yyjson_val *stage;
    for (int route = 0; route < ROUTES; route++) {
        yyjson_doc *doc = infer(w->trips, w->trip_in, routes[route]);
        yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "stages"), i, count, stage)
        {
            if (run >= 0)
                b->trip_ms[d][route][i][run] = number(stage, "ms") / dilations[d];
        }
        yyjson_doc_free(doc);
    }
    yyjson_doc *doc = infer(w->cpu, w->cpu_in, "inline");
    yyjson_val *stages = yyjson_obj_get(yyjson_doc_get_root(doc), "stages");
    yyjson_val *pieces = yyjson_obj_get(yyjson_arr_get_first(stages), "pieces");
    if (run >= 0)
        b->cpu_ms[d][run] = number(yyjson_arr_get_first(pieces), "compute_ms") / dilations[d];
    yyjson_doc_free(doc);
}

/* The dilations take turns, so that what else the machine does meets all of them. */
static void measure_all(bench *b)
{
    world worlds[DILATIONS] = {{0}};
    for (int d = 0; d < DILATIONS; d++)
        open_world(b, d, &worlds[d]);
    for (int64_t run = -1; run < b->runs; run++) /* the first one starts the functions */
        for (int d = 0; d < DILATIONS; d++)
            measure(b, d, &worlds[d], run);
    for (int d = 0; d < DILATIONS; d++)
        close_world(&worlds[d]);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int64_t count)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* One row: medians by dilation, and how far apart they are. Returns that. */
static double add_row(yyjson_mut_doc *doc, yyjson_mut_val *list, const char *what, size_t bytes,
                      double profile, const double ms[DILATIONS])
{
    double least = ms[0], most = ms[0];
    yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_str(doc, row, "what", what);
    if (bytes)
        yyjson_mut_obj_add_uint(doc, row, "bytes", bytes);
    if (profile > 0)
        yyjson_mut_obj_add_real(doc, row, "profile_ms", profile);
    yyjson_mut_val *medians = yyjson_mut_obj_add_arr(doc, row, "median_ms");
    printf("%-8s %9zu %9.1f", what, bytes, profile);
    for (int d = 0; d < DILATIONS; d++) {
        yyjson_mut_arr_add_real(doc, medians, ms[d]);
        printf(" %9.1f", ms[d]);
        least = ms[d] < least ? ms[d] : least;
        most = ms[d] > most ? ms[d] : most;
    }
    double apart = most / least - 1;
    yyjson_mut_obj_add_real(doc, row, "apart", apart);
    printf(" %6.1f %%\n", apart * 100);
    return apart;
}

/* Where, when, how. */
static void describe(const bench *b, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    char date[40], machine[256], command[80];
    struct utsname os = {0};
    double busy[1] = {-1};
    ff_clock_iso(ff_clock_wall_ms(), date, sizeof date);
    uname(&os);
    snprintf(machine, sizeof machine, "%s, %d CPUs, Linux %s", ff_engine_cpu(), ff_engine_cpus(),
             os.release);
    snprintf(command, sizeof command, "bench/shape.sh BUILD %lld", (long long)b->runs);
    yyjson_mut_obj_add_str(doc, root, "benchmark", "shape");
    yyjson_mut_obj_add_strcpy(doc, root, "date", date);
    yyjson_mut_obj_add_strcpy(doc, root, "machine", machine);
    yyjson_mut_obj_add_strcpy(doc, root, "command", command);
    yyjson_mut_obj_add_int(doc, root, "n", b->runs);
    yyjson_mut_obj_add_int(doc, root, "nice", getpriority(PRIO_PROCESS, 0));
    if (getloadavg(busy, 1) == 1)
        yyjson_mut_obj_add_real(doc, root, "load_average", busy[0]);
}

static void report(bench *b)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    double worst = 0, ms[DILATIONS];
    yyjson_mut_doc_set_root(doc, root);
    describe(b, doc, root);
    yyjson_mut_obj_add_bool(doc, root, "emulated", true);
    yyjson_mut_obj_add_strcpy(doc, root, "network", b->profile->name);
    yyjson_mut_obj_add_str(doc, root, "about",
                           "undilated medians; the profile without its spreads; one vCPU");
    yyjson_mut_obj_add_bool(doc, root, "cpu_shares", b->cpu_shares);
    yyjson_mut_obj_add_real(doc, root, "host_gmac_per_s", b->host_gmac_per_s);
    yyjson_mut_val *ks = yyjson_mut_obj_add_arr(doc, root, "dilations");
    yyjson_mut_val *rows = yyjson_mut_obj_add_arr(doc, root, "rows");
    printf("%-8s %9s %9s", "", "bytes", "profile");
    for (int d = 0; d < DILATIONS; d++) {
        yyjson_mut_arr_add_real(doc, ks, dilations[d]);
        printf("     K = %g", dilations[d]);
    }
    printf("  apart\n");
    for (int route = 0; route < ROUTES; route++)
        for (int i = 0; i < SIZES; i++) {
            size_t bytes = 0;
            (void)ff_shape_bytes(&shapes[i], FF_DTYPE_F32, &bytes, NULL);
            for (int d = 0; d < DILATIONS; d++)
                ms[d] = median(b->trip_ms[d][route][i], b->runs);
            double apart = add_row(doc, rows, routes[route], bytes, profile_ms(b, route, i), ms);
            worst = apart > worst ? apart : worst;
        }
    for (int d = 0; d < DILATIONS; d++)
        ms[d] = median(b->cpu_ms[d], b->runs);
    double apart = add_row(doc, rows, "compute", 0, 0, ms);
    worst = apart > worst ? apart : worst;
    yyjson_mut_obj_add_real(doc, root, "worst_apart", worst);
    printf("worst: %.1f %%\n", worst * 100);
    ff_buf json = {0};
    ff_err err = {0};
    must(ff_json_emit(doc, true, &json, &err), &err, "the results");
    if (b->out)
        must(ff_file_write(b->out, ff_buf_view(&json), &err), &err, "the results");
    ff_buf_clean(&json);
    yyjson_mut_doc_free(doc);
}

int main(int argc, char **argv)
{
    bench *b = calloc(1, sizeof *b);
    ff_err err = {0};
    check(b != NULL, "no memory");
    parse_options(b, argc, argv);
    load_profile(b);
    snprintf(b->dir, sizeof b->dir, "/tmp/fanfold-bench-XXXXXX");
    check(mkdtemp(b->dir) != NULL, "cannot make a folder");
    b->manifest = write_bundle(b->dir, 1);
    must(ff_manifest_load(b->cpu_dir, &b->cpu, &err), &err, "--cpu");
    must(ff_kernel_gmac_per_s(1, 0, b->dir, &b->host_gmac_per_s, &err), &err, "the kernel");
    measure_all(b);
    report(b);
    ff_manifest_free(b->manifest);
    ff_manifest_free(b->cpu);
    ff_net_profile_free(b->profile);
    must(ff_dir_remove(b->dir, &err), &err, "the folder");
    free(b);
    return 0;
}
