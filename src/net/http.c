#include "net/http.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "net/http_int.h"

#define SPARE_HANDLES 64

typedef struct wake {
    struct wake *next;
    uint64_t id;
    int64_t at_ns;
    ff_http_wake call;
    void *user;
} wake;

struct ff_http {
    CURLM *multi;
    ff_exchange *exchanges; /* newest first */
    wake *wakes;
    int in_flight;
    uint64_t last_id;
    bool closing, polling;
    atomic_bool woken;
    char *ca_bundle; /* NULL: libcurl's own */
    CURL *spare[SPARE_HANDLES];
    int spare_count;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void init_libcurl(void)
{
    struct sigaction pipe_action;
    if (!sigaction(SIGPIPE, NULL, &pipe_action) && pipe_action.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* The library's own place is its build machine's; a function may run where certificates lie
 * elsewhere (Amazon Linux). */
static const char *find_ca_bundle(const char *wanted)
{
    const char *places[] = {wanted, getenv("AWS_CA_BUNDLE"), getenv("SSL_CERT_FILE")};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (places[i] && *places[i])
            return places[i];
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    const char *usual = "/etc/pki/tls/certs/ca-bundle.crt";
    bool found = info->age >= CURLVERSION_SEVENTH && info->cainfo && !access(info->cainfo, R_OK);
    return !found && !access(usual, R_OK) ? usual : NULL;
}

ff_code ff_http_new(const ff_http_options *options, ff_http **out, ff_err *err)
{
    static const ff_http_options DEFAULTS = {0};
    options = options ? options : &DEFAULTS;
    pthread_once(&once, init_libcurl);
    CURLM *multi = global_result == CURLE_OK ? curl_multi_init() : NULL;
    if (!multi)
        return ff_err_set(err, FF_NO_MEMORY, "libcurl cannot start");
    long most = options->max_connections_per_host > 0 ? options->max_connections_per_host : 64;
    const char *ca_bundle = find_ca_bundle(options->ca_bundle);
    ff_http *http = ff_mem_must(sizeof *http);
    http->multi = multi;
    http->ca_bundle = ca_bundle ? ff_mem_must_strdup(ca_bundle) : NULL;
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, most);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                      2 * most); /* the object store and the functions */
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    *out = http;
    return FF_OK;
}

static void recycle(ff_http *http, CURL *easy)
{
    if (http->spare_count < SPARE_HANDLES && !http->closing) {
        curl_easy_reset(easy);
        http->spare[http->spare_count++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

static bool unlink_exchange(ff_http *http, const ff_exchange *x)
{
    for (ff_exchange **at = &http->exchanges; *at; at = &(*at)->next)
        if (*at == x) {
            *at = x->next;
            http->in_flight--;
            return true;
        }
    return false;
}

/* Ends an exchange: off the lists, then its done, then its memory. */
static void finish(ff_http *http, ff_exchange *x, ff_code code, ff_err *err)
{
    ff_http_response response = {0};
    unlink_exchange(http, x);
    curl_multi_remove_handle(http->multi, x->easy);
    recycle(http, x->easy);
    ff_code moved = ff_exchange_response(x, &response, code ? NULL : err);
    code = code ? code : moved;
    x->request.done(x->request.user, code, err, &response);
    ff_http_response_clean(&response);
    ff_exchange_free(x);
}

static void finish_late(ff_http *http, ff_exchange *x, int64_t now_ns)
{
    ff_err err = {0};
    if (now_ns >= x->request.deadline_ns)
        ff_err_set(&err, FF_TIMEOUT, "the deadline passed %s",
                   x->first_byte_ns ? "while the response came" : "before a response came");
    else
        ff_err_set(&err, FF_TIMEOUT, "no byte moved for %lld ms",
                   (long long)x->request.idle_timeout_ms);
    ff_exchange_name(x, &err);
    finish(http, x, FF_TIMEOUT, &err);
}

static void finish_wake(ff_http *http, wake *w, ff_code code)
{
    for (wake **at = &http->wakes; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            break;
        }
    http->in_flight--;
    w->call(w->user, code);
    ff_mem_free(w);
}

void ff_http_free(ff_http *http)
{
    if (!http)
        return;
    assert(!http->polling);
    http->closing = true;
    while (http->exchanges)
        ff_http_cancel(http, http->exchanges->id);
    while (http->wakes)
        ff_http_cancel(http, http->wakes->id);
    while (http->spare_count)
        curl_easy_cleanup(http->spare[--http->spare_count]);
    curl_multi_cleanup(http->multi);
    ff_mem_free(http->ca_bundle);
    ff_mem_free(http);
}

ff_code ff_http_start(ff_http *http, const ff_http_request *request, uint64_t *id, ff_err *err)
{
    ff_exchange *x = NULL;
    if (http->closing)
        return ff_err_set(err, FF_CANCELLED, "the HTTP client is closing");
    CURL *easy = http->spare_count ? http->spare[--http->spare_count] : curl_easy_init();
    if (!easy)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for a request");
    ff_code code = ff_exchange_new(easy, request, http->ca_bundle, &x, err);
    if (!code && curl_multi_add_handle(http->multi, easy) != CURLM_OK) {
        code = ff_err_set(err, FF_NO_MEMORY, "libcurl takes no more requests");
        ff_exchange_free(x);
    }
    if (code) {
        recycle(http, easy);
        return code;
    }
    x->id = ++http->last_id;
    x->next = http->exchanges;
    http->exchanges = x;
    http->in_flight++;
    if (id)
        *id = x->id;
    return FF_OK;
}

ff_code ff_http_after(ff_http *http, int64_t at_ns, ff_http_wake call, void *user, uint64_t *id,
                      ff_err *err)
{
    if (http->closing)
        return ff_err_set(err, FF_CANCELLED, "the HTTP client is closing");
    wake *w = ff_mem_must(sizeof *w);
    *w = (wake){http->wakes, ++http->last_id, at_ns, call, user};
    http->wakes = w;
    http->in_flight++;
    if (id)
        *id = w->id;
    return FF_OK;
}

void ff_http_cancel(ff_http *http, uint64_t id)
{
    for (ff_exchange *x = http->exchanges; x; x = x->next)
        if (x->id == id) {
            ff_err err = {0};
            ff_err_set(&err, FF_CANCELLED, "cancelled");
            ff_exchange_name(x, &err);
            finish(http, x, FF_CANCELLED, &err);
            return;
        }
    for (wake *w = http->wakes; w; w = w->next)
        if (w->id == id) {
            finish_wake(http, w, FF_CANCELLED);
            return;
        }
}

void ff_http_cancel_all(ff_http *http)
{
    uint64_t last = http->last_id, found;
    do { /* a done may end others: each time from the start */
        found = 0;
        for (const ff_exchange *x = http->exchanges; x && !found; x = x->next)
            found = x->id <= last ? x->id : 0;
        for (const wake *w = http->wakes; w && !found; w = w->next)
            found = w->id <= last ? w->id : 0;
        if (found)
            ff_http_cancel(http, found);
    } while (found);
}

int ff_http_in_flight(const ff_http *http)
{
    return http->in_flight;
}

/* Calls done for what libcurl says has ended; returns how many. */
static int end_completed(ff_http *http)
{
    int ended = 0, left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left));) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        ff_exchange *x = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
        if (ff_exchange_may_rerun(x, result)) {
            curl_multi_remove_handle(http->multi, easy);
            ff_exchange_rewind(x);
            if (curl_multi_add_handle(http->multi, easy) == CURLM_OK)
                continue;
        }
        ff_err err = {0};
        ff_code code = ff_exchange_judge(x, result, &err);
        finish(http, x, code, &err);
        ended++;
    }
    return ended;
}

/* Ends what is late by now, of what was started up to the id newest: a callback that starts a late
 * request again does not keep us here. unsent_only: of the requests those that never went out, for
 * an answer to the others may have come. */
static int end_late(ff_http *http, int64_t now_ns, uint64_t newest, bool unsent_only)
{
    for (int ended = 0;; ended++) {
        ff_exchange *x = http->exchanges;
        wake *w = http->wakes;
        while (x && (x->id > newest || ff_exchange_due_ns(x) > now_ns || (unsent_only && x->runs)))
            x = x->next;
        while (w && (w->id > newest || w->at_ns > now_ns))
            w = w->next;
        if (x)
            finish_late(http, x, now_ns);
        else if (w)
            finish_wake(http, w, FF_OK);
        else
            return ended;
    }
}

static int64_t next_due_ns(const ff_http *http, int64_t until_ns)
{
    for (const ff_exchange *x = http->exchanges; x; x = x->next)
        if (ff_exchange_due_ns(x) < until_ns)
            until_ns = ff_exchange_due_ns(x);
    for (const wake *w = http->wakes; w; w = w->next)
        if (w->at_ns < until_ns)
            until_ns = w->at_ns;
    return until_ns;
}

static CURLMcode poll_until(ff_http *http, int64_t until_ns, CURLMcode result)
{
    int running = 0;
    while (result == CURLM_OK) {
        int64_t now_ns = ff_clock_now_ns();
        int ended = end_late(http, now_ns, http->last_id, true); /* so that nothing late is sent */
        result = curl_multi_perform(http->multi, &running);
        ended += end_completed(http);
        now_ns = ff_clock_now_ns();
        ended += end_late(http, now_ns, http->last_id, false);
        bool woken = atomic_exchange(&http->woken, false);
        if (ended || woken || !http->in_flight || now_ns >= until_ns || result != CURLM_OK)
            break;
        int64_t wait_ms = ff_clock_left_ms(next_due_ns(http, until_ns));
        result = curl_multi_poll(http->multi, NULL, 0, (int)wait_ms, NULL);
    }
    return result;
}

ff_code ff_http_poll(ff_http *http, int64_t until_ns, ff_err *err)
{
    assert(!http->polling);
    http->polling = true;
    CURLMcode result = poll_until(http, until_ns, CURLM_OK);
    http->polling = false;
    if (result != CURLM_OK)
        return ff_err_set(err, result == CURLM_OUT_OF_MEMORY ? FF_NO_MEMORY : FF_INTERNAL,
                          "libcurl: %s", curl_multi_strerror(result));
    return FF_OK;
}

void ff_http_wakeup(ff_http *http)
{
    atomic_store(&http->woken, true);
    curl_multi_wakeup(http->multi);
}

ff_code ff_http_drain(ff_http *http, ff_err *err)
{
    ff_code code = FF_OK;
    while (!code && http->in_flight)
        code = ff_http_poll(http, FF_NEVER, err);
    return code;
}

typedef struct outcome {
    bool ended;
    ff_code code;
    ff_err err;
    ff_http_response response;
} outcome;

static void keep_outcome(void *user, ff_code code, const ff_err *err, ff_http_response *response)
{
    outcome *o = user;
    o->ended = true;
    o->code = code;
    o->err = *err;
    o->response = *response;
    *response = (ff_http_response){0};
}

ff_code ff_http_perform(ff_http *http, ff_http_request *request, ff_http_response *out, ff_err *err)
{
    outcome o = {0};
    uint64_t id = 0;
    request->done = keep_outcome;
    request->user = &o;
    ff_code code = ff_http_start(http, request, &id, err);
    if (code)
        return code;
    while (!o.ended && !code)
        code = ff_http_poll(http, FF_NEVER, err);
    if (!o.ended) {
        ff_http_cancel(http, id);
        ff_http_response_clean(&o.response);
        return code;
    }
    if (o.code) {
        ff_http_response_clean(&o.response);
        if (err)
            *err = o.err;
        return o.code;
    }
    *out = o.response;
    return FF_OK;
}

void ff_http_response_clean(ff_http_response *response)
{
    ff_buf_clean(&response->body);
    ff_mem_free(response->headers);
    *response = (ff_http_response){0};
}

const char *ff_http_response_header(const ff_http_response *response, const char *name)
{
    for (int i = 0; i < response->header_count; i++)
        if (!strcasecmp(response->headers[i].name, name))
            return response->headers[i].value;
    return NULL;
}
