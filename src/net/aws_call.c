#include "net/aws_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/random.h"

#define FIRST_DELAY_MS     50
#define MOST_DELAY_MS      2000
#define MOST_RETRY_AFTER_S 10

static bool is_region(const char *region)
{
    size_t len = strlen(region);
    return len > 0 && len < sizeof(((ff_sigv4_claim *)0)->region) &&
           strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* The host as it goes into the Host header: without the scheme's own port. */
static char *host_of(const char *base, bool tls)
{
    const char *host = base + (tls ? 8 : 7);
    size_t len = strlen(host);
    const char *port = tls ? ":443" : ":80";
    size_t port_len = strlen(port);
    if (len > port_len && !strcmp(host + len - port_len, port))
        len -= port_len;
    return ff_mem_must_strndup(host, len);
}

ff_code ff_aws_service_init(ff_aws_service *service, const char *name, const char *base,
                            const char *region, const ff_credentials *credentials, int max_attempts,
                            ff_err *err)
{
    bool tls = !strncmp(base, "https://", 8);
    size_t scheme = tls ? 8 : 7, len = strlen(base);
    if (!tls && strncmp(base, "http://", 7) != 0)
        return ff_err_set(err, FF_USAGE, "wanted an endpoint http(s)://HOST[:PORT], found '%.200s'",
                          base);
    if (len > scheme && base[len - 1] == '/')
        len--;
    if (len == scheme || len - scheme > 300 || memchr(base + scheme, '/', len - scheme) ||
        strcspn(base, "?#@ \t\r\n") < len)
        return ff_err_set(err, FF_USAGE, "wanted an endpoint http(s)://HOST[:PORT], found '%.200s'",
                          base);
    if (!is_region(region))
        return ff_err_set(err, FF_USAGE, "not a region's name: '%.100s'", region);
    *service = (ff_aws_service){
        .base = ff_mem_must_strndup(base, len),
        .tls = tls,
        .name = ff_mem_must_strdup(name),
        .region = ff_mem_must_strdup(region),
        .credentials = *credentials,
        .max_attempts = max_attempts > 0 ? max_attempts : FF_AWS_ATTEMPTS,
    };
    service->host = host_of(service->base, tls);
    return FF_OK;
}

void ff_aws_service_clean(ff_aws_service *service)
{
    ff_mem_free(service->base);
    ff_mem_free(service->host);
    ff_mem_free(service->name);
    ff_mem_free(service->region);
    *service = (ff_aws_service){0};
}

const char *ff_aws_endpoint_from_env(const char *variable)
{
    const char *names[] = {variable, "AWS_ENDPOINT_URL"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return value;
    }
    return NULL;
}

ff_code ff_aws_region_from_env(const char **region, ff_err *err)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) {
            *region = value;
            return FF_OK;
        }
    }
    return ff_err_set(err, FF_USAGE, "no region: neither AWS_REGION nor AWS_DEFAULT_REGION is set");
}

void ff_aws_hash_body(const ff_http_body *body, char hex[65])
{
    uint8_t digest[FF_SHA256_BYTES];
    ff_sha256 *hash = ff_sha256_new();
    for (int i = 0; i < body->count; i++)
        ff_sha256_update(hash, body->part[i].data, body->part[i].len);
    ff_sha256_final(hash, digest);
    ff_hash_hex(digest, sizeof digest, hex);
}

uint64_t ff_aws_body_bytes(const ff_http_body *body)
{
    uint64_t bytes = 0;
    for (int i = 0; i < body->count; i++)
        bytes += body->part[i].len;
    return bytes;
}

/* A call between its start and its done. */
typedef struct running {
    ff_http *http;
    const ff_aws_service *service;
    ff_arena *arena; /* the call's strings, and each attempt's signature */
    ff_aws_call call;
    const char *url;
    int attempts;
    ff_err err; /* of the last attempt */
} running;

static void finish(running *r, ff_code code, ff_http_response *response)
{
    ff_http_response none = {0};
    if (code && code != FF_CANCELLED && r->attempts > 1)
        ff_err_wrap(&r->err, "after %d attempts", r->attempts);
    r->call.done(r->call.user, code, &r->err, response ? response : &none, r->attempts);
    ff_http_response_clean(&none);
    ff_arena_free(r->arena);
    ff_mem_free(r);
}

static int64_t delay_ms(int attempts, const ff_http_response *response)
{
    static _Thread_local ff_random random;
    static _Thread_local bool seeded;
    if (!seeded) { /* each function instance its own: they must not come back together */
        uint64_t seed = (uint64_t)ff_clock_now_ns();
        if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
            seed ^= (uint64_t)(uintptr_t)&seed;
        ff_random_init(&random, seed);
        seeded = true;
    }
    int64_t most = FIRST_DELAY_MS;
    for (int i = 1; i < attempts && most < MOST_DELAY_MS; i++)
        most *= 2;
    most = most < MOST_DELAY_MS ? most : MOST_DELAY_MS;
    int64_t delay = ff_random_between(&random, most / 2, most);
    const char *after = ff_http_response_header(response, "retry-after");
    if (after && *after >= '0' && *after <= '9') {
        int64_t seconds = strtol(after, NULL, 10);
        seconds = seconds < MOST_RETRY_AFTER_S ? seconds : MOST_RETRY_AFTER_S;
        delay = seconds * 1000 > delay ? seconds * 1000 : delay;
    }
    return delay;
}

static ff_code attempt(running *r, ff_err *err);

static void wake_up(void *user, ff_code code)
{
    running *r = user;
    if (code)
        ff_err_set(&r->err, code, "cancelled while waiting to try again");
    else
        code = attempt(r, &r->err);
    if (code)
        finish(r, code, NULL);
}

static void attempted(void *user, ff_code code, const ff_err *err, ff_http_response *response)
{
    running *r = user;
    int64_t now_ns = ff_clock_now_ns();
    ff_err_set(&r->err, FF_OK, "%s", "");
    if (code)
        r->err = *err;
    else
        code = r->call.judge(r->call.user, response, &r->err);
    if (code == FF_TIMEOUT && now_ns < r->call.deadline_ns)
        code = r->err.code = FF_UNAVAILABLE; /* idle, not late */
    if (ff_code_retryable(code) && r->attempts < r->service->max_attempts) {
        int64_t at_ns = ff_clock_deadline_ms(delay_ms(r->attempts, response));
        if (at_ns < r->call.deadline_ns && !ff_http_after(r->http, at_ns, wake_up, r, NULL, NULL))
            return;
    }
    finish(r, code, response);
}

/* Signs and sends. */
static ff_code attempt(running *r, ff_err *err)
{
    const ff_aws_call *call = &r->call;
    ff_sigv4_request to_sign = {
        .method = call->method,
        .path = call->path,
        .query = call->query,
        .host = r->service->host,
        .headers = call->headers,
        .header_count = call->header_count,
        .payload_hash = call->payload_hash,
        .region = r->service->region,
        .service = r->service->name,
        .epoch_ms = ff_clock_wall_ms(),
    };
    ff_http_header *headers =
        ff_arena_array(r->arena, (size_t)call->header_count + 5, sizeof *headers);
    int count = ff_sigv4_sign(&to_sign, &r->service->credentials, r->arena, headers);
    headers[count++] = (ff_http_header){"Host", r->service->host};
    for (int i = 0; i < call->header_count; i++)
        headers[count++] = call->headers[i];
    ff_http_request request = {
        .method = call->method,
        .url = r->url,
        .headers = headers,
        .header_count = count,
        .body = call->body,
        .max_response = call->max_response,
        .deadline_ns = call->deadline_ns,
        .idle_timeout_ms = call->idle_timeout_ms,
        .done = attempted,
        .user = r,
    };
    ff_code code = ff_http_start(r->http, &request, NULL, err);
    r->attempts += code == FF_OK;
    return code;
}

ff_code ff_aws_call_start(ff_http *http, const ff_aws_service *service, const ff_aws_call *call,
                          ff_err *err)
{
    ff_arena *arena = ff_arena_new();
    running *r = ff_mem_must(sizeof *r);
    ff_http_header *headers =
        ff_arena_array(arena, (size_t)call->header_count + 1, sizeof *headers);
    for (int i = 0; i < call->header_count; i++)
        headers[i] = (ff_http_header){ff_arena_strdup(arena, call->headers[i].name),
                                      ff_arena_strdup(arena, call->headers[i].value)};
    *r = (running){.http = http, .service = service, .arena = arena, .call = *call};
    r->call.method = ff_arena_strdup(arena, call->method);
    r->call.path = ff_arena_strdup(arena, call->path);
    r->call.query = ff_arena_strdup(arena, call->query);
    r->call.payload_hash = ff_arena_strdup(arena, call->payload_hash);
    r->call.headers = headers;
    r->url = ff_arena_printf(arena, "%s%s%s%s", service->base, call->path, *call->query ? "?" : "",
                             call->query);
    ff_code code = attempt(r, err);
    if (code) {
        ff_arena_free(arena);
        ff_mem_free(r);
    }
    return code;
}
