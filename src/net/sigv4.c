#include "net/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "net/sigv4_int.h"

#define KEYS_CACHED 4 /* a function signs for two services; midnight doubles it */

typedef struct signing_key {
    char scope[sizeof(((ff_sigv4_claim *)0)->region) * 2 + 16];
    char secret[sizeof(((ff_credentials *)0)->secret_key)];
    uint8_t key[FF_SHA256_BYTES];
} signing_key;

static ff_code from_env(const char *name, char *out, size_t size, bool required, ff_err *err)
{
    const char *value = getenv(name);
    size_t len = value ? strlen(value) : 0;
    if (!len && required)
        return ff_err_set(err, FF_DENIED, "no credentials: %s is not set", name);
    if (len >= size)
        return ff_err_set(err, FF_DENIED, "%s has %zu characters; at most %zu", name, len,
                          size - 1);
    for (size_t i = 0; i < len; i++)
        if (value[i] <= ' ' || value[i] > '~')
            return ff_err_set(err, FF_DENIED, "%s holds a blank or control character at %zu", name,
                              i);
    if (len)
        memcpy(out, value, len);
    out[len] = '\0';
    return FF_OK;
}

ff_code ff_credentials_from_env(ff_credentials *out, ff_err *err)
{
    ff_credentials found;
    ff_code code =
        from_env("AWS_ACCESS_KEY_ID", found.access_key, sizeof found.access_key, true, err);
    if (!code)
        code =
            from_env("AWS_SECRET_ACCESS_KEY", found.secret_key, sizeof found.secret_key, true, err);
    if (!code)
        code = from_env("AWS_SESSION_TOKEN", found.session_token, sizeof found.session_token, false,
                        err);
    if (!code)
        *out = found;
    return code;
}

static void hmac_text(const uint8_t *key, size_t key_len, const char *text,
                      uint8_t digest[FF_SHA256_BYTES])
{
    ff_hash_hmac_sha256(ff_bytes_of(key, key_len), ff_bytes_of(text, strlen(text)), digest);
}

static void derive(const char *secret, const char *date, const char *region, const char *service,
                   uint8_t key[FF_SHA256_BYTES])
{
    char first[4 + sizeof(((ff_credentials *)0)->secret_key)];
    uint8_t a[FF_SHA256_BYTES], b[FF_SHA256_BYTES];
    int len = snprintf(first, sizeof first, "AWS4%s", secret);
    hmac_text((const uint8_t *)first, (size_t)len, date, a);
    hmac_text(a, sizeof a, region, b);
    hmac_text(b, sizeof b, service, a);
    hmac_text(a, sizeof a, "aws4_request", key);
}

/* The key of a day, region and service: four HMACs, of which a request saves all but the first. */
static const uint8_t *day_key(const char *secret, const char *date, const char *region,
                              const char *service)
{
    static _Thread_local signing_key cache[KEYS_CACHED];
    static _Thread_local unsigned next;
    static _Thread_local uint8_t uncached[FF_SHA256_BYTES];
    char scope[sizeof cache[0].scope];
    int len = snprintf(scope, sizeof scope, "%s/%s/%s", date, region, service);
    if (len < 0 || (size_t)len >= sizeof scope) {
        derive(secret, date, region, service, uncached);
        return uncached;
    }
    for (int i = 0; i < KEYS_CACHED; i++)
        if (!strcmp(cache[i].scope, scope) && !strcmp(cache[i].secret, secret))
            return cache[i].key;
    signing_key *k = &cache[next++ % KEYS_CACHED];
    snprintf(k->scope, sizeof k->scope, "%s", scope);
    snprintf(k->secret, sizeof k->secret, "%s", secret);
    derive(secret, date, region, service, k->key);
    return k->key;
}

void ff_sigv4_hmac_hex(const char *secret, const char *date, const char *region,
                       const char *service, const char *text, char signature[65])
{
    uint8_t digest[FF_SHA256_BYTES];
    hmac_text(day_key(secret, date, region, service), FF_SHA256_BYTES, text, digest);
    ff_hash_hex(digest, sizeof digest, signature);
}

void ff_sigv4_sign_canonical(const char *canonical_text, const char *amz_date, const char *region,
                             const char *service, const char *secret, ff_arena *arena,
                             char signature[65])
{
    char hash[FF_SHA256_HEX], date[9];
    ff_hash_sha256_hex(ff_bytes_of(canonical_text, strlen(canonical_text)), hash);
    snprintf(date, sizeof date, "%.8s", amz_date);
    const char *text = ff_arena_printf(arena, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s",
                                       amz_date, date, region, service, hash);
    ff_sigv4_hmac_hex(secret, date, region, service, text, signature);
}

static const char *sign_headers(const ff_sigv4_request *r, const ff_http_header *headers, int count,
                                const ff_credentials *credentials, ff_arena *arena,
                                char signature[65])
{
    char amz_date[17];
    ff_clock_amz_date(r->epoch_ms, amz_date, sizeof amz_date);
    ff_sigv4_header *sorted = ff_arena_array(arena, (size_t)count + 1, sizeof *sorted);
    ff_sigv4_canonical canonical = {
        .method = r->method,
        .raw_path = r->path,
        .raw_query = r->query ? r->query : "",
        .headers = sorted,
        .header_count = ff_sigv4_sort_headers(headers, count, arena, sorted),
        .payload_hash = r->payload_hash,
        .s3 = strcmp(r->service, "s3") == 0,
    };
    ff_sigv4_sign_canonical(ff_sigv4_canonical_text(&canonical, arena), amz_date, r->region,
                            r->service, credentials->secret_key, arena, signature);
    return ff_sigv4_signed_names(sorted, canonical.header_count, arena);
}

int ff_sigv4_sign(const ff_sigv4_request *request, const ff_credentials *credentials,
                  ff_arena *arena, ff_http_header out[4])
{
    int added = 1, count = 0; /* out[0] is Authorization */
    char *amz_date = ff_arena_alloc(arena, 17);
    char signature[65];
    ff_clock_amz_date(request->epoch_ms, amz_date, 17);
    out[added++] = (ff_http_header){"x-amz-date", amz_date};
    if (*credentials->session_token)
        out[added++] = (ff_http_header){"x-amz-security-token",
                                        ff_arena_strdup(arena, credentials->session_token)};
    if (!strcmp(request->service, "s3"))
        out[added++] =
            (ff_http_header){"x-amz-content-sha256", ff_arena_strdup(arena, request->payload_hash)};
    ff_http_header *all = ff_arena_array(arena, (size_t)request->header_count + 4, sizeof *all);
    all[count++] = (ff_http_header){"host", request->host};
    for (int i = 1; i < added; i++)
        all[count++] = out[i];
    for (int i = 0; i < request->header_count; i++)
        all[count++] = request->headers[i];
    const char *names = sign_headers(request, all, count, credentials, arena, signature);
    out[0] = (ff_http_header){
        "Authorization", ff_arena_printf(arena,
                                         "AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/%s/aws4_request, "
                                         "SignedHeaders=%s, Signature=%s",
                                         credentials->access_key, amz_date, request->region,
                                         request->service, names, signature)};
    return added;
}

void ff_sigv4_signature(const ff_sigv4_request *request, const ff_credentials *credentials,
                        char signature[65])
{
    ff_arena *arena = ff_arena_new();
    sign_headers(request, request->headers, request->header_count, credentials, arena, signature);
    ff_arena_free(arena);
}

void ff_sigv4_chunk(const ff_sigv4_claim *claim, const ff_credentials *credentials,
                    const char *kind, const char *previous, ff_bytes data, char signature[65])
{
    static const char TRAILER[] = "-TRAILER";
    char hash[FF_SHA256_HEX], nothing[FF_SHA256_HEX + 1] = "", text[512];
    size_t len = strlen(kind);
    bool trailer = len >= sizeof TRAILER - 1 && !strcmp(kind + len - sizeof TRAILER + 1, TRAILER);
    if (!trailer) { /* a chunk's headers, which there are none of, come before its data */
        ff_hash_sha256_hex((ff_bytes){(const uint8_t *)"", 0}, nothing);
        strcat(nothing, "\n");
    }
    ff_hash_sha256_hex(data, hash);
    snprintf(text, sizeof text, "%s\n%s\n%s/%s/%s/aws4_request\n%s\n%s%s", kind, claim->amz_date,
             claim->date, claim->region, claim->service, previous, nothing, hash);
    ff_sigv4_hmac_hex(credentials->secret_key, claim->date, claim->region, claim->service, text,
                      signature);
}
