/*
 * Timing small models.
 *
 * The machine is rarely quiet: the time of a run on one thread is that thread's CPU time, runs of
 * different models alternate, so that a disturbance hits all of a group once instead of one of them
 * always, and the least time counts.
 */
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "graph/onnx.h"
#include "measure/measure_int.h"

#define GROUP_CASES 64
#define GROUP_BYTES ((uint64_t)512 << 20)
#define CACHE_MIN   ((size_t)32 << 20)
#define CACHE_MAX   ((size_t)256 << 20)
#define PLAIN       "plain.onnx"
#define STORED      "stored.onnx"
#define WEIGHTS     "stored.bin"

typedef struct running {
    ff_session *session; /* NULL: refused */
    int in_count, out_count;
    ff_tensor *in, *out; /* out: of the last run, kept until the next begins */
} running;

typedef struct cache {
    size_t bytes;
    uint64_t *data;
} cache;

static cache cache_new(void)
{
    long level3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
    size_t bytes = level3 > 0 ? 2 * (size_t)level3 : CACHE_MIN;
    bytes = bytes < CACHE_MIN ? CACHE_MIN : bytes > CACHE_MAX ? CACHE_MAX : bytes;
    return (cache){bytes, ff_mem_must(bytes)};
}

static void cache_evict(cache *c)
{
    for (size_t i = 0; i < c->bytes / sizeof *c->data; i += 64 / sizeof *c->data)
        c->data[i]++;
}

static void touch(ff_tensor *tensors, int count)
{
    for (int i = 0; i < count; i++)
        for (size_t at = 0; at < tensors[i].bytes; at += 64) {
            volatile uint8_t *byte = tensors[i].data + at;
            *byte = *byte;
        }
}

static void clean(ff_tensor *tensors, int count)
{
    for (int i = 0; i < count; i++)
        ff_tensor_clean(&tensors[i]);
}

/* Floats of order 1; integers are 0, which is a valid index wherever one is wanted. */
static void fill(ff_tensor *t, uint64_t seed)
{
    ff_random random;
    ff_random_init(&random, seed);
    memset(t->data, 0, t->bytes);
    if (t->dtype == FF_DTYPE_F32)
        for (size_t i = 0; i + sizeof(float) <= t->bytes; i += sizeof(float)) {
            float value = (float)(2 * ff_random_unit(&random) - 1);
            memcpy(t->data + i, &value, sizeof value);
        }
}

static ff_code make_inputs(const ff_graph *g, running *r, ff_err *err)
{
    r->in_count = ff_session_in_count(r->session);
    r->out_count = ff_session_out_count(r->session);
    r->in = ff_mem_must_array((size_t)r->in_count + 1, sizeof *r->in);
    r->out = ff_mem_must_array((size_t)r->out_count + 1, sizeof *r->out);
    for (int i = 0; i < r->in_count; i++) {
        int v = ff_graph_find_value(g, ff_session_in_name(r->session, i));
        if (v == FF_NO_VALUE || !g->values[v].has_shape)
            return ff_err_set(err, FF_UNSUPPORTED, "input '%s' has no fixed shape",
                              ff_session_in_name(r->session, i));
        ff_code code = ff_tensor_new(g->values[v].dtype, &g->values[v].shape, &r->in[i], err);
        if (code)
            return code;
        fill(&r->in[i], (uint64_t)i + 1);
    }
    return FF_OK;
}

static void running_close(running *r)
{
    clean(r->in, r->in_count);
    clean(r->out, r->out_count);
    ff_mem_free(r->in);
    ff_mem_free(r->out);
    ff_session_close(r->session);
    *r = (running){0};
}

/* Stores the model as a piece is stored and opens it; its files may go then. */
static ff_code running_open(const ff_timing_options *o, const ff_graph *g, running *r, ff_err *err)
{
    static const ff_session_options as_piece = {.stored = true};
    char plain[PATH_MAX], stored[PATH_MAX], weights[PATH_MAX];
    ff_code code = ff_path_join(o->dir, PLAIN, plain, err);
    if (!code)
        code = ff_path_join(o->dir, STORED, stored, err);
    if (!code)
        code = ff_path_join(o->dir, WEIGHTS, weights, err);
    if (!code)
        code = ff_onnx_write(g, plain, err);
    if (!code)
        code = ff_engine_optimise(o->engine, plain, FF_FORM_PORTABLE, stored, WEIGHTS, err);
    if (!code)
        code = ff_session_open(o->engine, stored, &as_piece, &r->session, err);
    (void)unlink(plain);
    (void)unlink(stored);
    (void)unlink(weights);
    if (!code)
        code = make_inputs(g, r, err);
    if (!code) /* what is done once happens here */
        code = ff_session_run(r->session, r->in, r->in_count, r->out, r->out_count, err);
    if (code)
        running_close(r);
    return code;
}

static int64_t now_ns(const ff_timing_options *o)
{
    struct timespec t;
    clock_gettime(o->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static ff_code run_once(const ff_timing_options *o, cache *c, running *r, ff_case *k, ff_err *err)
{
    cache_evict(c);
    touch(r->in, r->in_count);
    touch(r->out, r->out_count);
    clean(r->out, r->out_count); /* ONNX Runtime's arena hands out the same memory again */
    int64_t begin = now_ns(o);
    ff_code code = ff_session_run(r->session, r->in, r->in_count, r->out, r->out_count, err);
    double ms = ff_clock_ms(now_ns(o) - begin);
    if (code)
        return code;
    k->ms = k->runs && k->ms < ms ? k->ms : ms;
    k->runs++;
    return FF_OK;
}

static ff_code open_group(const ff_timing_options *o, ff_case *const *cases, running *r, int count,
                          ff_err *err)
{
    for (int i = 0; i < count; i++) {
        ff_err why = {0};
        if (o->stop && o->stop(o->user))
            return ff_err_set(err, FF_CANCELLED, "interrupted");
        ff_code code = running_open(o, cases[i]->graph, &r[i], &why);
        if (code == FF_NO_SPACE || code == FF_DENIED || code == FF_IO || code == FF_NOT_FOUND) {
            if (err)
                *err = why;
            return code;
        }
        if (code)
            ff_log(FF_LOG_WARN, "%s is not timed: %s", cases[i]->graph->name, why.message);
    }
    return FF_OK;
}

static ff_code time_group(const ff_timing_options *o, cache *c, ff_case *const *cases, int count,
                          ff_err *err)
{
    running r[GROUP_CASES] = {0};
    ff_code code = open_group(o, cases, r, count, err);
    for (int round = 0; round < o->rounds && !code; round++)
        for (int i = 0; i < count && !code; i++) {
            if (o->stop && o->stop(o->user))
                code = ff_err_set(err, FF_CANCELLED, "interrupted");
            else if (r[i].session)
                code = run_once(o, c, &r[i], cases[i], err);
        }
    for (int i = 0; i < count; i++)
        running_close(&r[i]);
    return code;
}

ff_code ff_time_cases(const ff_timing_options *o, ff_case *const *cases, int count, ff_err *err)
{
    cache c = cache_new();
    ff_code code = FF_OK;
    for (int begin = 0, end; begin < count && !code; begin = end) {
        uint64_t bytes = 0;
        for (end = begin; end < count && end - begin < GROUP_CASES; end++) {
            bytes += ff_graph_weight_bytes(cases[end]->graph);
            if (end > begin && bytes > GROUP_BYTES)
                break;
        }
        if (begin > 0 && ff_clock_now_ns() >= o->deadline_ns)
            break;
        if (o->progress)
            o->progress(o->user, begin, count, cases[begin]->graph->name);
        code = time_group(o, &c, cases + begin, end - begin, err);
    }
    ff_mem_free(c.data);
    return code;
}
