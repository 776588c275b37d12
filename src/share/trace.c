#include "share/trace.h"

#include <inttypes.h>
#include <string.h>

void ff_trace_init(ff_trace *trace)
{
    *trace = (ff_trace){.arena = ff_arena_new(), .start_ns = ff_clock_now_ns()};
}

void ff_trace_clean(ff_trace *trace)
{
    ff_arena_free(trace->arena);
    *trace = (ff_trace){0};
}

static void sum(const ff_moved *moved, int count, ff_trace_sum *total)
{
    for (int i = 0; moved && i < count; i++) {
        if (!moved[i].name)
            continue; /* never moved */
        total->bytes[moved[i].route] += moved[i].bytes;
        total->tensors[moved[i].route]++;
    }
}

ff_trace_sum ff_trace_total(const ff_trace *trace)
{
    ff_trace_sum total = {0};
    sum(trace->in, trace->in_count, &total);
    sum(trace->out, trace->out_count, &total);
    for (int s = 0; s < trace->stage_count; s++)
        for (int p = 0; p < trace->stage[s].piece_count; p++) {
            const ff_trace_piece *piece = &trace->stage[s].piece[p];
            sum(piece->in, piece->in_count, &total);
            sum(piece->out, piece->out_count, &total);
        }
    return total;
}

/* A writer that remembers its first failure. */
typedef struct writer {
    ff_buf *out;
    ff_err *err;
    ff_code code;
} writer;

static void text(writer *w, const char *s)
{
    if (!w->code)
        w->code = ff_buf_text(w->out, s, w->err);
}

static void quoted(writer *w, const char *s)
{
    if (!w->code)
        w->code = ff_json_quote(s ? s : "", s ? strlen(s) : 0, w->out, w->err);
}

static void ms(writer *w, const char *name, int64_t ns)
{
    if (!w->code)
        w->code = ff_buf_printf(w->out, w->err, ",\"%s\":%.3f", name, ff_clock_ms(ns));
}

static void moved(writer *w, const char *list, const ff_moved *m, int count, bool sent)
{
    bool first = true;
    if (!w->code)
        w->code = ff_buf_printf(w->out, w->err, ",\"%s\":[", list);
    for (int i = 0; m && i < count; i++) {
        if (!m[i].name)
            continue;
        text(w, first ? "{\"name\":" : ",{\"name\":");
        first = false;
        quoted(w, m[i].name);
        if (!w->code)
            w->code = ff_buf_printf(w->out, w->err, ",\"bytes\":%" PRIu64 ",\"route\":\"%s\"",
                                    m[i].bytes, ff_route_name(m[i].route));
        ms(w, sent ? "encode_ms" : "decode_ms", sent ? m[i].encode_ns : m[i].decode_ns);
        if (m[i].route == FF_ROUTE_STORE) {
            ms(w, sent ? "put_ms" : "get_ms", m[i].transfer_ns);
            if (!w->code)
                w->code = ff_buf_printf(w->out, w->err, ",\"attempts\":%d", m[i].attempts);
        }
        if (m[i].automatic && m[i].predicted_ms > 0 && !w->code)
            w->code = ff_buf_printf(w->out, w->err, ",%s\"predicted_ms\":%.3f,\"actual_ms\":%.3f",
                                    m[i].explored ? "\"explored\":true," : "", m[i].predicted_ms,
                                    m[i].actual_ms);
        text(w, "}");
    }
    text(w, "]");
}

static void piece(writer *w, const ff_trace *trace, const ff_trace_piece *p)
{
    char times[240];
    bool remote = p->in != NULL;
    text(w, "{\"function\":");
    quoted(w, p->function);
    ms(w, "start_ms", p->start_ns - trace->start_ns);
    ms(w, "ms", p->end_ns - p->start_ns);
    if (remote) {
        ms(w, "invoke_ms", p->invoke_ns);
        if (!w->code)
            w->code = ff_buf_printf(w->out, w->err,
                                    ",\"attempts\":%d,\"request_bytes\":%" PRIu64
                                    ",\"response_bytes\":%" PRIu64 ",\"compute_ms\":%.3f",
                                    p->attempts, p->request_bytes, p->response_bytes,
                                    p->worker.compute_ms);
        text(w, ",\"worker\":{");
        /* "times":{...} without its name */
        text(w, ff_env_times_text(&p->worker, times, sizeof times) + strlen("\"times\":{"));
    } else {
        ms(w, "compute_ms", p->compute_ns);
        text(w, ",\"worker\":null");
    }
    moved(w, "inputs", p->in, p->in_count, true);
    moved(w, "outputs", p->out, p->out_count, false);
    text(w, "}");
}

static void stage(writer *w, const ff_trace *trace, const ff_trace_stage *s)
{
    text(w, "{\"split\":");
    quoted(w, s->split);
    ms(w, "start_ms", s->start_ns - trace->start_ns);
    ms(w, "ms", s->end_ns - s->start_ns);
    text(w, ",\"pieces\":[");
    for (int p = 0; p < s->piece_count; p++) {
        text(w, p ? "," : "");
        piece(w, trace, &s->piece[p]);
    }
    text(w, "]}");
}

static void automatic(writer *w, const ff_trace *trace)
{
    const ff_chooser_stats *s = &trace->stats;
    ff_auto objective = trace->policy.automatic;
    if (!objective || w->code)
        return;
    w->code = ff_buf_printf(w->out, w->err,
                            ",\"auto\":{\"requests\":%" PRId64 ",\"tensors\":%" PRId64
                            ",\"explored\":%" PRId64 ",\"changes\":%" PRId64
                            ",\"refits\":%d,\"%s\":%.*f}",
                            s->requests, s->tensors, s->explored, s->changes, s->refits,
                            objective == FF_AUTO_COST ? "regret_usd" : "regret_ms",
                            objective == FF_AUTO_COST ? 9 : 3, s->regret[objective]);
}

ff_code ff_trace_emit(const ff_trace *trace, ff_buf *out, ff_err *err)
{
    writer w = {out, err, FF_OK};
    char policy[FF_POLICY_TEXT];
    ff_trace_sum total = ff_trace_total(trace);
    text(&w, "{\"request_id\":");
    quoted(&w, trace->request_id);
    text(&w, ",\"policy\":");
    quoted(&w, ff_policy_text(trace->policy, policy, sizeof policy));
    ms(&w, "total_ms", trace->end_ns - trace->start_ns);
    if (!w.code)
        w.code = ff_buf_printf(out, err,
                               ",\"bytes\":{\"inline\":%" PRIu64 ",\"store\":%" PRIu64
                               "},\"tensors\":{\"inline\":%d,\"store\":%d}",
                               total.bytes[FF_ROUTE_INLINE], total.bytes[FF_ROUTE_STORE],
                               total.tensors[FF_ROUTE_INLINE], total.tensors[FF_ROUTE_STORE]);
    automatic(&w, trace);
    moved(&w, "inputs", trace->in, trace->in_count, false);
    moved(&w, "outputs", trace->out, trace->out_count, true);
    text(&w, ",\"stages\":[");
    for (int s = 0; s < trace->stage_count; s++) {
        text(&w, s ? "," : "");
        stage(&w, trace, &trace->stage[s]);
    }
    text(&w, "]}");
    return w.code;
}
