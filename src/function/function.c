#include "function/function.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "function/function_int.h"

static ff_code load_worker(ff_function *f, bool probe, ff_err *err)
{
    ff_code code = ff_manifest_piece_of(f->manifest, f->index, &f->stage, &f->at, err);
    if (code)
        return code;
    f->loaded_count = 1;
    f->loaded = ff_mem_must(sizeof *f->loaded);
    return ff_loaded_open(f->loaded, f, &f->manifest->stage[f->stage].piece[f->at], probe, err);
}

static ff_code load_master(ff_function *f, const ff_function_options *o, ff_err *err)
{
    const ff_manifest *m = f->manifest;
    bool remote = false;
    ff_code code = FF_OK;
    ff_wiring_init(&f->wiring, m);
    f->loaded_count = m->stage_count;
    f->loaded = ff_mem_must_array((size_t)m->stage_count, sizeof *f->loaded);
    for (int s = 0; s < m->stage_count && !code; s++) {
        remote = remote || !m->stage[s].local;
        if (m->stage[s].local || m->stage[s].own)
            code = ff_loaded_open(&f->loaded[s], f, &m->stage[s].piece[0], o->probe, err);
    }
    if (!code && remote && !f->invoker)
        code = ff_err_set(err, FF_USAGE, "a master with workers needs a way to invoke them");
    if (!code && m->network)
        ff_choices_init(f, o->memory_mb, o->dilation);
    return code;
}

/* The next number of a list; 0 where there is none. *text moves behind it. */
static int next_version(const char **text)
{
    size_t len = strspn(*text, "0123456789");
    int version = len && len < 10 ? atoi(*text) : 0;
    *text += len;
    return version;
}

static ff_code name_workers(ff_function *f, const char *versions, ff_err *err)
{
    const ff_manifest *m = f->manifest;
    const char *rest = versions;
    f->called = ff_mem_must_array((size_t)m->function_count, sizeof *f->called);
    for (int i = 1; i < m->function_count; i++) {
        const char *deployment = f->manifest->deployment, *name = m->functions[i];
        if (!versions) {
            f->called[i] = ff_mem_must_printf("%s-%s", deployment, name);
            continue;
        }
        int version = next_version(&rest);
        if (!version || *rest != (i + 1 < m->function_count ? ',' : '\0'))
            return ff_err_set(err, FF_USAGE,
                              "versions: wanted %d numbers with commas in between, found '%.200s'",
                              m->function_count - 1, versions);
        rest += *rest == ',';
        f->called[i] = ff_mem_must_printf("%s-%s:%d", deployment, name, version);
    }
    return FF_OK;
}

static void copy_options(ff_function *f, const ff_function_options *o)
{
    f->name = ff_mem_must_strdup(o->function);
    f->store = o->store;
    f->store_url = o->store_url ? ff_mem_must_strdup(o->store_url) : NULL;
    f->prefix = ff_mem_must_strdup(o->prefix ? o->prefix : "");
    f->invoker = o->invoker;
    f->max_request = o->max_request;
    f->max_reply = o->max_reply;
    f->http = o->http;
    f->own_http = !o->http;
}

ff_code ff_function_new(const ff_function_options *options, ff_function **out, ff_err *err)
{
    ff_function *f = ff_mem_must(sizeof *f);
    ff_code code = FF_OK;
    copy_options(f, options);
    if (!f->http)
        code = ff_http_new(NULL, &f->http, err);
    if (!code)
        code = ff_manifest_load(options->bundle, &f->manifest, err);
    if (!code && (f->index = ff_manifest_function(f->manifest, f->name)) < 0)
        code = ff_err_set(err, FF_NOT_FOUND, "deployment '%s' has no function '%.60s'",
                          f->manifest->deployment, f->name);
    if (!code)
        code = ff_share_init(&f->share, f->store, f->prefix, f->manifest->deployment, err);
    if (!code)
        code = ff_engine_new(options->threads, &f->engine, err);
    if (!code && !f->index)
        code = name_workers(f, options->versions, err);
    if (!code)
        code = f->index ? load_worker(f, options->probe, err) : load_master(f, options, err);
    if (code) {
        ff_function_free(f);
        return code;
    }
    *out = f;
    return FF_OK;
}

void ff_function_free(ff_function *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->loaded_count; i++)
        ff_loaded_close(&f->loaded[i]);
    ff_mem_free(f->loaded);
    for (int i = 0; f->called && i < f->manifest->function_count; i++)
        ff_mem_free(f->called[i]);
    ff_mem_free(f->called);
    ff_choices_clean(f);
    ff_wiring_clean(&f->wiring);
    ff_engine_free(f->engine);
    if (f->own_http)
        ff_http_free(f->http); /* first: calls may be in flight */
    ff_invoker_free(f->invoker);
    ff_store_free(f->store);
    ff_manifest_free(f->manifest);
    ff_mem_free(f->name);
    ff_mem_free(f->store_url);
    ff_mem_free(f->prefix);
    ff_mem_free(f);
}

const char *ff_function_deployment(const ff_function *function)
{
    return function->manifest->deployment;
}

ff_code ff_function_drive(ff_function *f, bool (*pending)(const void *what), const void *what,
                          ff_err *err)
{
    ff_code code = FF_OK;
    while (!code && pending(what)) {
        if (!ff_http_in_flight(f->http))
            code = ff_err_set(err, FF_IO, "a transfer waits, but nothing is in flight");
        else
            code = ff_http_poll(f->http, FF_NEVER, err); /* each transfer has its deadline */
    }
    if (code)
        ff_http_cancel_all(f->http);
    return code;
}

int64_t ff_function_margin(int64_t deadline_ns)
{
    const int64_t least = 20000000, most = 500000000;
    if (deadline_ns == FF_NEVER)
        return FF_NEVER;
    int64_t margin = (deadline_ns - ff_clock_now_ns()) / 10;
    margin = margin < least ? least : margin > most ? most : margin;
    return deadline_ns - margin;
}

ff_code ff_function_call(ff_function *function, const ff_call *call, ff_buf *reply, ff_err *err)
{
    char own_id[37];
    const char *id = call->request_id;
    assert(!reply->len);
    if (!id) {
        ff_random_uuid(own_id);
        id = own_id;
    }
    ff_code code = ff_key_check_request_id(id, err);
    if (code)
        return code;
    ff_log_request(id);
    code = function->index ? ff_worker_call(function, call, reply, err)
                           : ff_master_call(function, call, id, reply, err);
    function->warm = true;
    ff_log_request("");
    return code;
}
