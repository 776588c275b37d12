/*
 * A tensor's round trip, master to worker and back, by each route, against a bare socket echo of
 * the same bytes; and what each unavoidable step of it costs alone.
 *
 *   bench_transport --program FANFOLD-FUNCTION [--runs N] [--only ROUTE] [--size N] [-o X.json]
 *
 * This program is the master: it runs the local platform (as `fanfold up` does, in this process)
 * with a bundle of one worker a size, whose piece is Identity, and sends each worker its tensor as
 * a master does, inline and through the store. The objects are removed outside the measured time.
 * The echo is a process on a loopback connection that sends back what it received, with one memcpy
 * each side. Routes and steps alternate; medians and minima are reported. All is warm. Sizes are of
 * the tensor's elements, KB = 1000 bytes.
 */
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "base/units.h"
#include "local/local.h"
#include "net/invoke.h"
#include "net/server.h"
#include "share/share.h"
#include "transport_bundle.h"

#define MAX_RUNS    2000
#define WARM_RUNS   3
#define DEADLINE_MS 60000

/* What is measured each run: whole round trips, then steps alone. */
typedef enum what {
    ECHO,
    INLINE,
    STORE,
    BASE64,    /* encoding and decoding, once each */
    CRC,       /* of the tensor */
    SHA,       /* of the tensor */
    SHA_TEXT,  /* of an inline payload */
    UP,        /* the tensor in an HTTP request, an empty answer */
    DOWN,      /* the tensor in an HTTP response */
    UP_TEXT,   /* an inline payload so */
    DOWN_TEXT, /* */
    EMPTY,     /* an HTTP exchange without bodies */
    RUN,       /* the worker's Identity, as it tells */
    WHATS
} what;
static const char *const names[WHATS] = {
    "echo",   "inline",   "store",        "base64",         "crc32c",    "sha256", "sha256 of text",
    "hop up", "hop down", "hop up, text", "hop down, text", "empty hop", "compute"};

/* How often each route needs a step. Inline: the request is signed and verified, and four hops
 * carry text (invoke, next, response, invoke's answer). Store: four hops carry the tensor, unsigned
 * as over TLS, and three exchanges remain for the invocation. Each tensor has one checksum made and
 * one checked by its ends; a PUT's is made and checked once more for the store. */
static const int needs[2][WHATS] = {
    {[BASE64] = 2, [CRC] = 4, [SHA_TEXT] = 2, [UP_TEXT] = 2, [DOWN_TEXT] = 2, [RUN] = 1},
    {[CRC] = 8, [UP] = 2, [DOWN] = 2, [EMPTY] = 3, [RUN] = 1},
};

typedef struct sample {
    double ms[WHATS];
    double cpu_ms[STORE + 1]; /* of all processes; with the removal of the store's objects */
} sample;

typedef struct bench {
    const char *program;
    const char *out;
    const char *only; /* for a profiler: this route, of this size */
    int64_t size;     /* -1 = all */
    int64_t runs;
    char dir[PATH_MAX];
    ff_manifest *manifest;
    ff_local *local;
    ff_server *hops;
    ff_http *http;
    ff_store *store;
    ff_invoker *invoker;
    ff_share share;
    char timestamp[32];
    int echo;
    pid_t echo_pid;
    ff_tensor tensor[SIZES];
    uint8_t *scratch[2];
    size_t scratch_bytes;
    clockid_t echo_clock, worker_clock[SIZES]; /* their processor time; 0 = not known */
    sample samples[SIZES][MAX_RUNS];
} bench;

static double since(int64_t start_ns)
{
    return ff_clock_ms(ff_clock_now_ns() - start_ns);
}

/* ---- the echo ---- */

static bool send_all(int fd, const uint8_t *data, size_t len)
{
    for (ssize_t n; len; data += n, len -= (size_t)n)
        if ((n = send(fd, data, len, MSG_NOSIGNAL)) <= 0)
            return false;
    return true;
}

static bool recv_all(int fd, uint8_t *data, size_t len)
{
    for (ssize_t n; len; data += n, len -= (size_t)n)
        if ((n = recv(fd, data, len, 0)) <= 0)
            return false;
    return true;
}

static void serve_echo(int fd, size_t most)
{
    uint8_t *in = malloc(most), *out = malloc(most);
    uint64_t len = 0;
    check(in && out, "no memory for the echo");
    while (recv_all(fd, (uint8_t *)&len, sizeof len) && len <= most && recv_all(fd, in, len)) {
        memcpy(out, in, len);
        if (!send_all(fd, out, len))
            break;
    }
    _exit(0);
}

/* Before any thread exists. */
static void start_echo(bench *b)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int one = 1, listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(listening >= 0 && !bind(listening, (struct sockaddr *)&name, sizeof name) &&
              !listen(listening, 1) && !getsockname(listening, (struct sockaddr *)&name, &size),
          "cannot listen");
    b->echo_pid = fork();
    check(b->echo_pid >= 0, "cannot fork");
    if (!b->echo_pid) {
        int fd = accept(listening, NULL, NULL);
        check(fd >= 0, "the echo got no connection");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        serve_echo(fd, b->scratch_bytes);
    }
    check(!clock_getcpuclockid(b->echo_pid, &b->echo_clock), "no clock of the echo");
    b->echo = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(b->echo >= 0 && !connect(b->echo, (struct sockaddr *)&name, sizeof name),
          "cannot connect to the echo");
    setsockopt(b->echo, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    close(listening);
}

static double echo(bench *b, const ff_tensor *tensor)
{
    uint64_t len = tensor->bytes;
    int64_t start = ff_clock_now_ns();
    memcpy(b->scratch[0], &len, sizeof len);
    memcpy(b->scratch[0] + sizeof len, tensor->data, tensor->bytes);
    check(send_all(b->echo, b->scratch[0], sizeof len + tensor->bytes) &&
              recv_all(b->echo, b->scratch[1], tensor->bytes),
          "the echo broke");
    memcpy(b->scratch[0], b->scratch[1], tensor->bytes);
    double ms = since(start);
    check(!memcmp(b->scratch[0], tensor->data, tensor->bytes), "the echo differs");
    return ms;
}

/* ---- the platform, and one HTTP server for bare hops ---- */

static void show_errors(void *user, const char *function, const char *line)
{
    (void)user;
    if (strstr(line, "error") || strstr(line, "ERROR"))
        fprintf(stderr, "%s: %s\n", function, line);
}

static size_t admit_hop(void *user, const ff_server_request *head)
{
    (void)head;
    return ((const bench *)user)->scratch_bytes;
}

/* GET /BYTES answers with so many. */
static void answer_hop(void *user, const ff_server_request *request, ff_server_response *response)
{
    const bench *b = user;
    size_t len = strtoull(request->path + 1, NULL, 10);
    response->status = 200;
    if (len <= b->scratch_bytes)
        response->view = ff_bytes_of(b->scratch[0], len);
}

static void start_servers(bench *b)
{
    ff_err err;
    const ff_manifest *bundles[] = {b->manifest};
    ff_local_options platform = {
        .bundles = bundles, .bundle_count = 1, .program = b->program, .log = show_errors};
    ff_server_options hops = {.admit = admit_hop, .handle = answer_hop, .user = b};
    must(ff_local_start(&platform, &b->local, &err), &err, "the platform");
    must(ff_server_new(&hops, &b->hops, &err), &err, "the server of hops");
    must(ff_http_new(NULL, &b->http, &err), &err, "the client");
    ff_s3_options s3 = {.bucket = ff_local_bucket(b->local),
                        .endpoint = ff_local_endpoint(b->local),
                        .region = ff_local_region(b->local),
                        .credentials = *ff_local_credentials(b->local)};
    ff_lambda_options lambda = {
        .endpoint = s3.endpoint, .region = s3.region, .credentials = s3.credentials};
    must(ff_store_s3_new(b->http, &s3, &b->store, &err), &err, "the store");
    must(ff_lambda_new(b->http, &lambda, &b->invoker, &err), &err, "the invoker");
    must(ff_share_init(&b->share, b->store, "requests", DEPLOYMENT, &err), &err, "sharing");
    ff_clock_key_date(ff_clock_wall_ms(), b->timestamp, sizeof b->timestamp);
}

static void stop_servers(bench *b)
{
    ff_invoker_free(b->invoker);
    ff_store_free(b->store);
    ff_http_free(b->http);
    ff_server_free(b->hops);
    ff_local_stop(b->local);
    ff_manifest_free(b->manifest);
    close(b->echo);
    waitpid(b->echo_pid, NULL, 0);
}

/* ---- a round trip, as a master makes it ---- */

typedef struct trip {
    char function[64], request_id[64];
    ff_send send;
    ff_buf reply;
    ff_envelope envelope;
    ff_recv recv;
    ff_code code;
    ff_err err;
    bool answered;
} trip;

static void keep_reply(void *user, ff_code code, const ff_err *err, ff_invoke_result *result)
{
    trip *t = user;
    t->answered = true;
    t->code = code;
    t->err = *err;
    t->reply = result->body;
    result->body = (ff_buf){0};
}

static void go(bench *b, trip *t, int i, ff_policy policy, int64_t deadline_ns)
{
    const ff_mf_piece *piece = b->manifest->stage[i].piece;
    ff_send_part part = {piece->in[0].name, &b->tensor[i], ff_region_whole(&shapes[i])};
    ff_env_head head = {.kind = FF_ENV_TASK,
                        .deployment = DEPLOYMENT,
                        .request_id = t->request_id,
                        .timestamp = b->timestamp,
                        .function = b->manifest->functions[i + 1],
                        .stage = i,
                        .policy = &policy};
    ff_send_options options = {.policy = policy,
                               .direction = FF_INPUT,
                               .place = {.timestamp = b->timestamp,
                                         .request_id = t->request_id,
                                         .stage = i,
                                         .function = head.function},
                               .max_payload = b->invoker->ops->max_request,
                               .deadline_ns = deadline_ns};
    ff_err err = {0};
    ff_send_start(&t->send, &b->share, &head, &part, 1, &options);
    while (t->send.pending)
        must(ff_http_poll(b->http, FF_NEVER, &err), &err, "polling");
    must(t->send.code, &t->send.err, "sending");
    must(ff_send_finish(&t->send, "", &err), &err, "sending");
    ff_http_body body = {1, {ff_buf_view(&t->send.payload)}};
    must(ff_invoke_start(b->invoker, t->function, &body, deadline_ns, keep_reply, t, &err), &err,
         "invoking");
    while (!t->answered)
        must(ff_http_poll(b->http, FF_NEVER, &err), &err, "polling");
    must(t->code, &t->err, t->function);
}

static void come_back(bench *b, trip *t, int64_t deadline_ns)
{
    ff_err err = {0};
    must(ff_envelope_parse(FF_ENV_RESULT, &t->reply, b->share.folder, &t->envelope, &err), &err,
         "the answer");
    check(t->envelope.count == 1, "one tensor is wanted in the answer");
    ff_recv_start(&t->recv, &b->share, t->envelope.tensor, NULL, NULL, false, deadline_ns);
    while (t->recv.pending)
        must(ff_http_poll(b->http, FF_NEVER, &err), &err, "polling");
    must(t->recv.code, &t->recv.err, "receiving");
}

static double round_trip(bench *b, int i, ff_policy policy, double *compute_ms)
{
    static int serial;
    trip t = {0};
    ff_err err;
    int64_t start = ff_clock_now_ns(), deadline_ns = ff_clock_deadline_ms(DEADLINE_MS);
    snprintf(t.function, sizeof t.function, DEPLOYMENT "-%s", b->manifest->functions[i + 1]);
    snprintf(t.request_id, sizeof t.request_id, "bench-%d", serial++);
    go(b, &t, i, policy, deadline_ns);
    come_back(b, &t, deadline_ns);
    double ms = since(start);
    check(t.recv.tensor.bytes == b->tensor[i].bytes &&
              !memcmp(t.recv.tensor.data, b->tensor[i].data, b->tensor[i].bytes),
          "a tensor came back changed");
    *compute_ms = t.envelope.times.compute_ms;
    const char *keys[2];
    size_t count = 0;
    if (ff_send_key_count(&t.send))
        keys[count++] = ff_send_key(&t.send, 0);
    if (t.envelope.tensor->key)
        keys[count++] = t.envelope.tensor->key;
    if (count)
        must(ff_store_remove_wait(b->store, keys, count, deadline_ns, &err), &err, "removing");
    ff_recv_clean(&t.recv);
    ff_envelope_clean(&t.envelope);
    ff_buf_clean(&t.reply);
    ff_send_clean(&t.send);
    return ms;
}

/* ---- steps alone ---- */

static double hop(bench *b, size_t up, size_t down)
{
    char url[80];
    ff_err err;
    ff_http_response response;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%zu", ff_server_port(b->hops), down);
    ff_http_request request = {.method = up ? "PUT" : "GET",
                               .url = url,
                               .body = {up ? 1 : 0, {{b->scratch[0], up}}},
                               .max_response = down,
                               .deadline_ns = FF_NEVER};
    int64_t start = ff_clock_now_ns();
    must(ff_http_perform(b->http, &request, &response, &err), &err, "a hop");
    double ms = since(start);
    check(response.status == 200 && response.body.len == down, "a hop was answered wrongly");
    ff_http_response_clean(&response);
    return ms;
}

static double base64(bench *b, const ff_tensor *tensor)
{
    ff_err err;
    int64_t start = ff_clock_now_ns();
    char *text = (char *)b->scratch[0];
    ff_base64_encode(tensor->data, tensor->bytes, text);
    must(ff_base64_decode(text, ff_base64_encoded_len(tensor->bytes), b->scratch[1], &err), &err,
         "base64");
    return since(start);
}

static double sha256(const uint8_t *data, size_t len)
{
    char hex[FF_SHA256_HEX];
    int64_t start = ff_clock_now_ns();
    ff_hash_sha256_hex(ff_bytes_of(data, len), hex);
    return since(start);
}

static double crc32c(const ff_tensor *tensor)
{
    static volatile uint32_t sink;
    int64_t start = ff_clock_now_ns();
    sink = ff_hash_crc32c(sink, ff_bytes_of(tensor->data, tensor->bytes));
    return since(start);
}

/* Processor time so far of this process (the platform too), the echo and the worker. */
static double cpu_ms(const bench *b, int i)
{
    const clockid_t clocks[] = {CLOCK_PROCESS_CPUTIME_ID, b->echo_clock, b->worker_clock[i]};
    double ms = 0;
    for (size_t k = 0; k < sizeof clocks / sizeof clocks[0]; k++) {
        struct timespec used;
        if (clocks[k] && !clock_gettime(clocks[k], &used))
            ms += (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
    }
    return ms;
}

static void measure_whole(bench *b, int i, sample *s)
{
    for (int w = ECHO; w <= STORE; w++) {
        if (b->only && strcmp(b->only, names[w]) != 0)
            continue;
        double before = cpu_ms(b, i);
        s->ms[w] = w == ECHO ? echo(b, &b->tensor[i])
                             : round_trip(b, i, w == INLINE ? FF_POLICY_INLINE : FF_POLICY_STORE,
                                          &s->ms[RUN]);
        s->cpu_ms[w] = cpu_ms(b, i) - before;
    }
}

static void measure_steps(bench *b, int i, sample *s)
{
    const ff_tensor *tensor = &b->tensor[i];
    size_t bytes = tensor->bytes, text = ff_base64_encoded_len(bytes);
    s->ms[BASE64] = base64(b, tensor);
    s->ms[CRC] = crc32c(tensor);
    s->ms[SHA] = sha256(b->scratch[0], bytes);
    s->ms[SHA_TEXT] = sha256(b->scratch[0], text);
    s->ms[UP] = hop(b, bytes, 0);
    s->ms[DOWN] = hop(b, 0, bytes);
    s->ms[UP_TEXT] = hop(b, text, 0);
    s->ms[DOWN_TEXT] = hop(b, 0, text);
    s->ms[EMPTY] = hop(b, 0, 0);
}

/* Once each worker runs. */
static void find_workers(bench *b)
{
    ff_err err;
    ff_buf json;
    yyjson_doc *doc;
    ff_buf_init(&json, 0);
    must(ff_local_state(b->local, &json, &err), &err, "the state");
    must(ff_json_parse(ff_buf_view(&json), &doc, &err), &err, "the state");
    yyjson_val *functions = yyjson_obj_get(yyjson_doc_get_root(doc), "functions");
    for (int i = 0; i < SIZES; i++) {
        yyjson_val *worker = yyjson_arr_get(functions, (size_t)i + 1);
        yyjson_val *pid = yyjson_arr_get_first(yyjson_obj_get(worker, "pids"));
        if (clock_getcpuclockid(yyjson_get_int(pid), &b->worker_clock[i]))
            b->worker_clock[i] = 0;
    }
    yyjson_doc_free(doc);
    ff_buf_clean(&json);
}

static void run(bench *b)
{
    for (int64_t r = -WARM_RUNS; r < b->runs; r++) {
        if (r == 0)
            find_workers(b);
        for (int i = 0; i < SIZES; i++) {
            sample *s = &b->samples[i][r < 0 ? 0 : r];
            if (b->size >= 0 && i != b->size)
                continue;
            measure_whole(b, i, s);
            if (!b->only)
                measure_steps(b, i, s);
        }
        fprintf(stderr, "run %lld of %lld\n", (long long)r + 1, (long long)b->runs);
    }
}

/* ---- results ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct spread {
    double least, median;
} spread;

/* Of the number at that offset within the samples of a size. */
static spread of(const bench *b, int i, size_t offset)
{
    double sorted[MAX_RUNS];
    size_t n = (size_t)b->runs;
    for (size_t r = 0; r < n; r++)
        memcpy(&sorted[r], (const char *)&b->samples[i][r] + offset, sizeof sorted[r]);
    qsort(sorted, n, sizeof *sorted, by_value);
    return (spread){sorted[0], n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2};
}
#define TIME(b, i, w) of(b, i, offsetof(sample, ms) + (size_t)(w) * sizeof(double))
#define CPU(b, i, w)  of(b, i, offsetof(sample, cpu_ms) + (size_t)(w) * sizeof(double))

static double floor_of(const bench *b, int i, int route)
{
    double ms = 0;
    for (int w = 0; w < WHATS; w++)
        ms += needs[route][w] * TIME(b, i, w).median;
    return ms;
}

static void print_tables(const bench *b)
{
    char size[32];
    printf("%-9s %8s %8s", "bytes", "echo", "cpu");
    for (int w = INLINE; w <= STORE; w++)
        printf(" | %8s %6s %8s %8s %8s", names[w], "x echo", "least", "cpu", "steps");
    printf("   (ms; medians of %lld)\n", (long long)b->runs);
    for (int i = 0; i < SIZES; i++) {
        double base = TIME(b, i, ECHO).median;
        printf("%-9s %8.3f %8.3f", ff_units_bytes(b->tensor[i].bytes, size, sizeof size), base,
               CPU(b, i, ECHO).median);
        for (int w = INLINE; w <= STORE; w++) {
            spread whole = TIME(b, i, w);
            printf(" | %8.3f %6.1f %8.3f %8.3f %8.3f", whole.median, whole.median / base,
                   whole.least, CPU(b, i, w).median, floor_of(b, i, w - INLINE));
        }
        printf("\n");
    }
    printf("\n%-16s", "step alone, ms");
    for (int i = 0; i < SIZES; i++)
        printf(" %8s", ff_units_bytes(b->tensor[i].bytes, size, sizeof size));
    printf("   times in inline, store\n");
    for (int w = BASE64; w < WHATS; w++) {
        printf("%-16s", names[w]);
        for (int i = 0; i < SIZES; i++)
            printf(" %8.3f", TIME(b, i, w).median);
        printf("   %d, %d\n", needs[0][w], needs[1][w]);
    }
}

static void cpu_name(char *out, int size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(out, (size_t)size, "unknown");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(out, (size_t)size, "%s", strchr(line, ':') + 2);
            break;
        }
    if (file)
        fclose(file);
}

static ff_code emit_row(const bench *b, int i, ff_buf *text, ff_err *err)
{
    double base = TIME(b, i, ECHO).median;
    ff_code code =
        ff_buf_printf(text, err, "%s\n    {\"bytes\": %zu", i ? "," : "", b->tensor[i].bytes);
    for (int w = ECHO; w <= STORE && !code; w++) {
        spread ms = TIME(b, i, w);
        code = ff_buf_printf(
            text, err, ",\n     \"%s\": {\"median_ms\": %.4f, \"min_ms\": %.4f, \"cpu_ms\": %.4f",
            names[w], ms.median, ms.least, CPU(b, i, w).median);
        if (!code && w != ECHO)
            code = ff_buf_printf(text, err, ", \"to_echo\": %.2f, \"steps_ms\": %.4f",
                                 ms.median / base, floor_of(b, i, w - INLINE));
        if (!code)
            code = ff_buf_text(text, "}", err);
    }
    for (int w = BASE64; w < WHATS && !code; w++)
        code =
            ff_buf_printf(text, err, "%s\"%s\": %.4f", w == BASE64 ? ",\n     \"steps\": {" : ", ",
                          names[w], TIME(b, i, w).median);
    return code ? code : ff_buf_text(text, "}}", err);
}

static void write_json(const bench *b)
{
    ff_buf text;
    ff_err err;
    char date[40], cpu[128];
    struct utsname os = {0};
    double busy[1] = {-1};
    ff_buf_init(&text, 1 << 20);
    ff_clock_iso(ff_clock_wall_ms(), date, sizeof date);
    cpu_name(cpu, sizeof cpu);
    uname(&os);
    if (getloadavg(busy, 1) != 1)
        busy[0] = -1;
    ff_code code = ff_buf_printf(
        &text, &err,
        "{\n  \"benchmark\": \"transport\",\n  \"date\": \"%s\",\n  \"machine\": \"%s, %ld CPUs, "
        "Linux %s\",\n  \"command\": \"bench_transport --program fanfold-function --runs %lld\",\n"
        "  \"n\": %lld,\n  \"statistic\": \"median\",\n  \"load_average\": %.1f,\n  \"nice\": %d,\n"
        "  \"base64_kernel\": \"%s\",\n  \"rows\": [",
        date, cpu, sysconf(_SC_NPROCESSORS_ONLN), os.release, (long long)b->runs,
        (long long)b->runs, busy[0], getpriority(PRIO_PROCESS, 0), ff_base64_kernel(NULL));
    for (int i = 0; i < SIZES && !code; i++)
        code = emit_row(b, i, &text, &err);
    for (int route = 0; route < 2 && !code; route++) {
        const char *comma = "";
        code = ff_buf_printf(&text, &err, route ? "},\n" : "\n  ],\n  \"steps_needed\": {\n");
        if (!code)
            code = ff_buf_printf(&text, &err, "    \"%s\": {", names[INLINE + route]);
        for (int w = 0; w < WHATS && !code; w++)
            if (needs[route][w]) {
                code = ff_buf_printf(&text, &err, "%s\"%s\": %d", comma, names[w], needs[route][w]);
                comma = ", ";
            }
    }
    if (!code)
        code = ff_buf_text(&text, "}\n  }\n}\n", &err);
    if (!code)
        code = ff_file_write(b->out, ff_buf_view(&text), &err);
    must(code, &err, b->out);
    ff_buf_clean(&text);
}

static void make_tensors(bench *b)
{
    ff_random random;
    ff_err err;
    ff_random_init(&random, 1);
    for (int i = 0; i < SIZES; i++) {
        must(ff_tensor_new(FF_DTYPE_F32, &shapes[i], &b->tensor[i], &err), &err, "a tensor");
        for (size_t k = 0; k < b->tensor[i].bytes / sizeof(float); k++)
            ((float *)b->tensor[i].data)[k] = (float)ff_random_unit(&random);
    }
    b->scratch_bytes = ff_base64_encoded_len(b->tensor[SIZES - 1].bytes) + 64;
    for (int k = 0; k < 2; k++) {
        b->scratch[k] = calloc(1, b->scratch_bytes);
        check(b->scratch[k] != NULL, "no memory");
    }
}

static bool read_arguments(bench *b, int argc, char **argv)
{
    ff_err err;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--program") == 0)
            b->program = value;
        else if (strcmp(argv[i], "--only") == 0)
            b->only = value;
        else if (strcmp(argv[i], "--size") == 0)
            must(ff_units_parse_int(value, 0, SIZES - 1, &b->size, &err), &err, "--size");
        else if (strcmp(argv[i], "-o") == 0)
            b->out = value;
        else if (strcmp(argv[i], "--runs") == 0)
            must(ff_units_parse_int(value, 1, MAX_RUNS, &b->runs, &err), &err, "--runs");
        else
            return false;
    }
    return argc % 2 && b->program;
}

int main(int argc, char **argv)
{
    static bench b = {.runs = 30, .size = -1};
    ff_err err;
    if (!read_arguments(&b, argc, argv)) {
        fprintf(stderr, "usage: bench_transport --program FANFOLD-FUNCTION [--runs N] "
                        "[--only inline|store] [--size 0..5] [-o RESULT.json]\n");
        return 2;
    }
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* as `fanfold up` and a function have it */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    snprintf(b.dir, sizeof b.dir, "/tmp/bench-transport.XXXXXX");
    check(mkdtemp(b.dir) != NULL, "no temporary folder");
    make_tensors(&b);
    start_echo(&b);
    b.manifest = write_bundle(b.dir, SIZES);
    start_servers(&b);
    run(&b);
    stop_servers(&b);
    must(ff_dir_remove(b.dir, &err), &err, "removing the bundle");
    print_tables(&b);
    if (b.out)
        write_json(&b);
    for (int i = 0; i < SIZES; i++)
        ff_tensor_clean(&b.tensor[i]);
    free(b.scratch[0]);
    free(b.scratch[1]);
    return 0;
}
