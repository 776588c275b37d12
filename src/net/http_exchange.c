#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/http_int.h"

/* libcurl copies an upload through a buffer of its own, made anew for each transfer: one that fits
 * the second-level cache costs less than its maximum of 2 MiB (bench/bench_http). */
#define UPLOAD_BUFFER      (512L << 10)
#define RECEIVE_BUFFER     (512L << 10)
#define CONNECT_TIMEOUT_MS 5000L
#define MAX_IDLE_S         4L /* S3 closes a connection that idles for about 5 s */

static size_t read_body(char *out, size_t size, size_t count, void *user)
{
    ff_exchange *x = user;
    size_t room = size * count, filled = 0;
    while (filled < room && x->part < x->request.body.count) {
        ff_bytes part = x->request.body.part[x->part];
        size_t n = part.len - x->offset < room - filled ? part.len - x->offset : room - filled;
        if (n)
            memcpy(out + filled, part.data + x->offset, n);
        filled += n;
        x->offset += n;
        if (x->offset == part.len) {
            x->part++;
            x->offset = 0;
        }
    }
    return filled;
}

static int seek_body(void *user, curl_off_t offset, int origin)
{
    ff_exchange *x = user;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > x->body_bytes)
        return CURL_SEEKFUNC_CANTSEEK;
    x->part = 0;
    uint64_t left = (uint64_t)offset;
    while (x->part < x->request.body.count && left >= x->request.body.part[x->part].len)
        left -= x->request.body.part[x->part++].len;
    x->offset = (size_t)left;
    return CURL_SEEKFUNC_OK;
}

/* Called when a connection is there and the request is about to go out on it. */
static int before_request(void *user, char *remote_ip, char *local_ip, int remote_port,
                          int local_port)
{
    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    ff_exchange *x = user;
    x->runs++;
    x->active_ns = ff_clock_now_ns();
    x->sent_ns = x->body_bytes ? 0 : x->active_ns;
    return CURL_PREREQFUNC_OK;
}

static int progress(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                    curl_off_t up)
{
    (void)down_total;
    (void)up_total;
    ff_exchange *x = user;
    if (down + up == x->moved)
        return 0;
    x->moved = down + up;
    x->active_ns = ff_clock_now_ns();
    if (!x->sent_ns && (uint64_t)up >= x->body_bytes)
        x->sent_ns = x->active_ns;
    return 0;
}

static size_t body_limit(const ff_exchange *x)
{
    size_t max = x->request.max_response;
    return x->status >= 300 && max < FF_HTTP_ERROR_BYTES ? FF_HTTP_ERROR_BYTES : max;
}

#define GIVE_UP 0 /* to libcurl: an error; ours is in x->err */

/* Keeps one line's name and value. */
static ff_code keep_header(ff_exchange *x, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon || x->header_count == (int)FF_MAX_HTTP_HEADERS)
        return FF_OK;
    size_t name_len = (size_t)(colon - line);
    const char *value = colon + 1, *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t name_at = x->head.len;
    ff_code code = ff_buf_append(&x->head, line, name_len, &x->err);
    if (!code)
        code = ff_buf_append(&x->head, "", 1, &x->err);
    size_t value_at = x->head.len;
    if (!code)
        code = ff_buf_append(&x->head, value, (size_t)(end - value), &x->err);
    if (!code)
        code = ff_buf_append(&x->head, "", 1, &x->err);
    if (code)
        return code;
    for (size_t i = name_at; x->head.data[i]; i++)
        if (x->head.data[i] >= 'A' && x->head.data[i] <= 'Z')
            x->head.data[i] = (uint8_t)(x->head.data[i] - 'A' + 'a');
    x->header[x->header_count].name = name_at;
    x->header[x->header_count].value = value_at;
    x->header_count++;
    return FF_OK;
}

static const char *kept_header(const ff_exchange *x, const char *name)
{
    for (int i = 0; i < x->header_count; i++)
        if (!strcmp((const char *)x->head.data + x->header[i].name, name))
            return (const char *)x->head.data + x->header[i].value;
    return NULL;
}

/* The header lines are complete: the body's length, where it is told, is checked and provided for,
 * so that it is never moved while it grows. */
static ff_code provide_body(ff_exchange *x)
{
    const char *text = kept_header(x, "content-length");
    size_t limit = body_limit(x);
    if (x->status < 200 || !text || !strcmp(x->method, "HEAD"))
        return FF_OK;
    char *end;
    unsigned long long len = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end)
        return ff_err_set(&x->err, FF_FORMAT, "wanted a Content-Length, found '%.32s'", text);
    if (len > limit)
        return ff_err_set(&x->err, FF_LIMIT, "wanted a response of at most %zu bytes, found %llu",
                          limit, len);
    x->body.cap = limit;
    return len ? ff_buf_reserve(&x->body, (size_t)len, &x->err) : FF_OK;
}

static ff_code take_line(ff_exchange *x, const char *line, size_t len)
{
    if (!x->in_head && len > 5 && !memcmp(line, "HTTP/", 5)) { /* the first, or after a 1xx */
        const char *blank = memchr(line, ' ', len);
        size_t left = blank ? (size_t)(line + len - blank) : 0;
        x->in_head = true;
        x->head.len = 0;
        x->header_count = 0;
        x->status = 0;
        for (size_t i = 1; i < left && i < 4 && blank[i] >= '0' && blank[i] <= '9'; i++)
            x->status = x->status * 10 + (blank[i] - '0');
        return FF_OK;
    }
    if (!x->in_head)
        return FF_OK;
    if (len)
        return keep_header(x, line, len);
    x->in_head = false;
    return provide_body(x);
}

static size_t take_header(char *line, size_t size, size_t count, void *user)
{
    ff_exchange *x = user;
    size_t bytes = size * count, len = bytes;
    x->active_ns = ff_clock_now_ns();
    if (!x->first_byte_ns)
        x->first_byte_ns = x->active_ns;
    x->head_bytes += bytes;
    if (x->head_bytes > FF_MAX_HTTP_HEADER_BYTES) {
        ff_err_set(&x->err, FF_LIMIT, "wanted at most %u bytes of headers, found more",
                   FF_MAX_HTTP_HEADER_BYTES);
        return GIVE_UP;
    }
    if (x->body_began)
        return bytes; /* a trailer */
    while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        len--;
    return take_line(x, line, len) ? GIVE_UP : bytes;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    ff_exchange *x = user;
    size_t len = size * count, limit = body_limit(x);
    x->body_began = true;
    x->body.cap = limit;
    if (len > limit || x->body.len > limit - len) {
        ff_err_set(&x->err, FF_LIMIT, "wanted a response of at most %zu bytes, found more", limit);
        return GIVE_UP;
    }
    return ff_buf_append(&x->body, bytes, len, &x->err) ? GIVE_UP : len;
}

static ff_code check_url(const char *url, ff_err *err)
{
    size_t len = strlen(url);
    CURLU *parsed = NULL;
    char *user = NULL;
    ff_code code = FF_OK;
    bool scheme = !strncmp(url, "http://", 7) || !strncmp(url, "https://", 8);
    for (size_t i = 0; i < len; i++)
        if (url[i] <= ' ' || url[i] > '~')
            scheme = false;
    if (!scheme || len > FF_MAX_HTTP_HEADER_BYTES)
        return ff_err_set(err, FF_USAGE, "wanted a URL http:// or https://, found '%.200s'", url);
    parsed = curl_url();
    if (!parsed)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for a URL");
    if (curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_OK)
        code = ff_err_set(err, FF_USAGE, "not a URL of a host and a path: '%.200s'", url);
    curl_free(user);
    curl_url_cleanup(parsed);
    return code;
}

static ff_code add_line(ff_exchange *x, const char *name, const char *value, ff_err *err)
{
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == ':')
            return ff_err_set(err, FF_USAGE, "not a header's name: '%.100s'", name);
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ' && *p != '\t')
            return ff_err_set(err, FF_USAGE, "the header %.100s holds a control character", name);
    char *line = ff_mem_must_printf(*value ? "%s: %s" : "%s;", name, value);
    struct curl_slist *lines = curl_slist_append(x->lines, line);
    ff_mem_free(line);
    if (!lines)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for a header");
    x->lines = lines;
    return FF_OK;
}

static ff_code add_lines(ff_exchange *x, const ff_http_request *request, ff_err *err)
{
    for (int i = 0; i < request->header_count; i++) {
        ff_code code = add_line(x, request->headers[i].name, request->headers[i].value, err);
        if (code)
            return code;
    }
    /* what libcurl would add by itself */
    x->lines = curl_slist_append(x->lines, "Expect:");
    x->lines = curl_slist_append(x->lines, "Accept:");
    return x->lines ? FF_OK : ff_err_set(err, FF_NO_MEMORY, "no memory for a header");
}

static void set_method(ff_exchange *x)
{
    CURL *e = x->easy;
    if (!strcmp(x->method, "HEAD"))
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    else if (x->body_bytes || !strcmp(x->method, "PUT") || !strcmp(x->method, "POST")) {
        curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->body_bytes);
    }
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, x->method);
}

static void set_options(ff_exchange *x, const char *ca_bundle)
{
    CURL *e = x->easy;
    curl_easy_setopt(e, CURLOPT_URL, x->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->lines);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "fanfold/" FF_VERSION);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, MAX_IDLE_S);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (ca_bundle)
        curl_easy_setopt(e, CURLOPT_CAINFO, ca_bundle);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->text);
    curl_easy_setopt(e, CURLOPT_PRIVATE, x);
    curl_easy_setopt(e, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(e, CURLOPT_READDATA, x);
    curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, seek_body);
    curl_easy_setopt(e, CURLOPT_SEEKDATA, x);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, x);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
}

ff_code ff_exchange_new(CURL *easy, const ff_http_request *request, const char *ca_bundle,
                        ff_exchange **out, ff_err *err)
{
    ff_code code = check_url(request->url, err);
    if (code)
        return code;
    ff_exchange *x = ff_mem_must(sizeof *x);
    x->easy = easy;
    x->request = *request;
    x->method = ff_mem_must_strdup(request->method);
    x->url = ff_mem_must_strdup(request->url);
    x->active_ns = ff_clock_now_ns();
    ff_buf_init(&x->head, 0); /* bounded by head_bytes */
    ff_buf_init(&x->body, 0); /* its bound depends on the status */
    for (int i = 0; i < request->body.count; i++)
        x->body_bytes += request->body.part[i].len;
    if ((code = add_lines(x, request, err))) {
        ff_exchange_free(x);
        return code;
    }
    set_options(x, ca_bundle);
    set_method(x);
    *out = x;
    return FF_OK;
}

void ff_exchange_free(ff_exchange *x)
{
    curl_slist_free_all(x->lines);
    ff_buf_clean(&x->head);
    ff_buf_clean(&x->body);
    ff_mem_free(x->method);
    ff_mem_free(x->url);
    ff_mem_free(x);
}

void ff_exchange_rewind(ff_exchange *x)
{
    x->part = 0;
    x->offset = 0;
    x->moved = 0;
    x->fresh = true;
    curl_easy_setopt(x->easy, CURLOPT_FRESH_CONNECT, 1L);
}

bool ff_exchange_may_rerun(const ff_exchange *x, CURLcode result)
{
    long made = 1;
    curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &made);
    bool died = result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR ||
                result == CURLE_GOT_NOTHING || result == CURLE_SEND_FAIL_REWIND;
    return died && made == 0 && !x->fresh && !x->first_byte_ns;
}

ff_code ff_exchange_judge(ff_exchange *x, CURLcode result, ff_err *err)
{
    const char *text = *x->text ? x->text : curl_easy_strerror(result);
    ff_code code;
    switch (result) {
    case CURLE_OK:
        if (!x->in_head && x->status >= 200)
            return FF_OK;
        code = FF_UNAVAILABLE; /* libcurl takes an end among the headers for a response */
        text = "the connection closed within the response's headers";
        break;
    case CURLE_URL_MALFORMAT:
        code = FF_USAGE;
        break;
    case CURLE_UNSUPPORTED_PROTOCOL: /* "HTTP/0.9", that is no status line */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        code = FF_FORMAT;
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        code = FF_DENIED;
        break;
    case CURLE_OUT_OF_MEMORY:
        code = FF_NO_MEMORY;
        break;
    case CURLE_WRITE_ERROR:
        code = x->err.code ? x->err.code : FF_FORMAT;
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: /* of connecting: deadlines are ours */
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_FAIL_REWIND:
        code = FF_UNAVAILABLE;
        break;
    default:
        code = FF_IO;
        break;
    }
    if (x->err.code)
        *err = x->err;
    else if (result == CURLE_PARTIAL_FILE || (code == FF_UNAVAILABLE && x->body.len))
        ff_err_set(err, code, "the connection closed after %zu bytes of the response: %s",
                   x->body.len, text);
    else
        ff_err_set(err, code, "%s", text);
    ff_exchange_name(x, err);
    return code;
}

ff_code ff_exchange_response(ff_exchange *x, ff_http_response *out, ff_err *err)
{
    size_t table = (size_t)x->header_count * sizeof(ff_http_header);
    ff_http_header *headers = NULL;
    if (x->header_count) {
        headers = ff_mem_try(table + x->head.len);
        if (!headers)
            return ff_err_set(err, FF_NO_MEMORY, "no memory for %zu bytes of headers", x->head.len);
        char *text = (char *)headers + table;
        memcpy(text, x->head.data, x->head.len);
        for (int i = 0; i < x->header_count; i++)
            headers[i] = (ff_http_header){text + x->header[i].name, text + x->header[i].value};
    }
    *out = (ff_http_response){
        .status = x->status,
        .body = x->body,
        .header_count = x->header_count,
        .headers = headers,
        .sent_ns = x->sent_ns,
        .first_byte_ns = x->first_byte_ns,
        .done_ns = ff_clock_now_ns(),
        .sent_bytes = x->sent_ns ? x->body_bytes : 0,
        .received_bytes = x->body.len,
        .retries = x->runs > 1 ? x->runs - 1 : 0,
    };
    x->body = (ff_buf){0};
    return FF_OK;
}

int64_t ff_exchange_due_ns(const ff_exchange *x)
{
    int64_t idle;
    if (x->request.idle_timeout_ms <= 0 ||
        __builtin_mul_overflow(x->request.idle_timeout_ms, (int64_t)1000000, &idle) ||
        __builtin_add_overflow(x->active_ns, idle, &idle))
        return x->request.deadline_ns;
    return idle < x->request.deadline_ns ? idle : x->request.deadline_ns;
}

void ff_exchange_name(const ff_exchange *x, ff_err *err)
{
    char name[sizeof err->file];
    size_t len = strcspn(x->url, "?");
    len = len < sizeof name - 1 ? len : sizeof name - 1;
    memcpy(name, x->url, len);
    name[len] = '\0';
    ff_err_in_file(err, name);
}
