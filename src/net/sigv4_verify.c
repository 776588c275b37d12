#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/limits.h"
#include "net/sigv4_int.h"

#define ALGORITHM      "AWS4-HMAC-SHA256"
#define SKEW_MS        INT64_C(900000) /* 15 minutes */
#define MAX_EXPIRES_S  604800          /* seven days */
#define SCOPE_TERMINAL "aws4_request"

/* A received request, while it is looked at. */
typedef struct received {
    const char *method;
    const char *raw_path;
    const char *raw_query;
    const ff_http_header *headers;
    int header_count;
    ff_arena *arena;
    const char *token; /* "" = none */
} received;

static const char *find_header(const received *r, const char *name)
{
    for (int i = 0; i < r->header_count; i++)
        if (!strcasecmp(r->headers[i].name, name))
            return r->headers[i].value;
    return NULL;
}

/* The decoded value of a query parameter, NULL where it is absent or holds a bad escape. */
static const char *find_parameter(const received *r, const char *name)
{
    size_t wanted = strlen(name);
    for (const char *p = r->raw_query; *p;) {
        size_t len = strcspn(p, "&");
        if (len > wanted && !strncmp(p, name, wanted) && p[wanted] == '=') {
            char *value = ff_arena_strndup(r->arena, p + wanted + 1, len - wanted - 1);
            int64_t decoded = ff_http_decode(value, len - wanted - 1);
            if (decoded < 0)
                return NULL;
            value[decoded] = '\0';
            return value;
        }
        p += len + (p[len] == '&');
    }
    return NULL;
}

/* Copies len characters of visible ASCII into a field of the claim. */
static bool take(char *out, size_t size, const char *text, size_t len)
{
    if (!len || len >= size)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static ff_code malformed(ff_err *err, const char *what)
{
    return ff_err_set(err, FF_DENIED, "AuthorizationHeaderMalformed: %s", what);
}

/* "KEY/20260101/us-east-1/s3/aws4_request"; KEY may hold slashes. */
static ff_code parse_credential(const char *text, size_t len, ff_sigv4_claim *claim, ff_err *err)
{
    struct {
        char *out;
        size_t size;
    } fields[] = {{NULL, 0},
                  {claim->service, sizeof claim->service},
                  {claim->region, sizeof claim->region},
                  {claim->date, sizeof claim->date}};
    size_t end = len;
    for (size_t i = 0; i < 4; i++) {
        const char *slash = end ? memrchr(text, '/', end) : NULL;
        size_t start = slash ? (size_t)(slash - text) + 1 : 0;
        if (!slash)
            return malformed(err, "the credential wants KEY/DATE/REGION/SERVICE/aws4_request");
        if (i == 0 && (end - start != strlen(SCOPE_TERMINAL) ||
                       memcmp(text + start, SCOPE_TERMINAL, end - start) != 0))
            return malformed(err, "the credential's scope does not end with aws4_request");
        if (i > 0 && !take(fields[i].out, fields[i].size, text + start, end - start))
            return malformed(err, "a part of the credential's scope is empty or too long");
        end = start - 1;
    }
    if (!take(claim->access_key, sizeof claim->access_key, text, end))
        return malformed(err, "the access key is empty or too long");
    return FF_OK;
}

/* "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=...,Signature=...", in any order. */
static ff_code parse_header(const char *text, ff_sigv4_claim *claim, ff_err *err)
{
    size_t prefix = strlen(ALGORITHM);
    if (strncmp(text, ALGORITHM, prefix) != 0 || text[prefix] != ' ')
        return malformed(err, "wanted " ALGORITHM);
    bool credential = false;
    for (const char *p = text + prefix; *p;) {
        p += strspn(p, " ,");
        size_t len = strcspn(p, " ,");
        size_t name = strcspn(p, "= ,");
        if (name < len) {
            const char *value = p + name + 1;
            size_t value_len = len - name - 1;
            ff_code code = FF_OK;
            if (name == 10 && !memcmp(p, "Credential", name)) {
                code = parse_credential(value, value_len, claim, err);
                credential = true;
            } else if (name == 13 && !memcmp(p, "SignedHeaders", name)) {
                if (!take(claim->signed_headers, sizeof claim->signed_headers, value, value_len))
                    code = malformed(err, "SignedHeaders is empty or too long");
            } else if (name == 9 && !memcmp(p, "Signature", name)) {
                if (value_len != 64 ||
                    !take(claim->signature, sizeof claim->signature, value, value_len))
                    code = malformed(err, "a signature has 64 hexadecimal digits");
            }
            if (code)
                return code;
        }
        p += len;
    }
    if (!credential || !*claim->signed_headers || !*claim->signature)
        return malformed(err, "wanted Credential, SignedHeaders and Signature");
    return FF_OK;
}

static ff_code bad_query(ff_err *err, const char *what)
{
    return ff_err_set(err, FF_DENIED, "AuthorizationQueryParametersError: %s", what);
}

static ff_code parse_query(const received *r, ff_sigv4_claim *claim, ff_err *err)
{
    const char *algorithm = find_parameter(r, "X-Amz-Algorithm");
    const char *credential = find_parameter(r, "X-Amz-Credential");
    const char *date = find_parameter(r, "X-Amz-Date");
    const char *expires = find_parameter(r, "X-Amz-Expires");
    const char *names = find_parameter(r, "X-Amz-SignedHeaders");
    const char *signature = find_parameter(r, "X-Amz-Signature");
    if (!algorithm || !credential || !date || !expires || !names || !signature)
        return bad_query(err, "wanted X-Amz-Algorithm, -Credential, -Date, -Expires, "
                              "-SignedHeaders and -Signature");
    if (strcmp(algorithm, ALGORITHM) != 0)
        return bad_query(err, "X-Amz-Algorithm is not " ALGORITHM);
    ff_code code = parse_credential(credential, strlen(credential), claim, err);
    if (code)
        return code;
    size_t digits = strspn(expires, "0123456789");
    if (!digits || expires[digits] || digits > 6)
        return bad_query(err, "X-Amz-Expires is not a number of 1 to 604800");
    claim->expires_s = strtol(expires, NULL, 10);
    if (claim->expires_s < 1 || claim->expires_s > MAX_EXPIRES_S)
        return bad_query(err, "X-Amz-Expires is not a number of 1 to 604800");
    if (!take(claim->amz_date, sizeof claim->amz_date, date, strlen(date)) ||
        !take(claim->signed_headers, sizeof claim->signed_headers, names, strlen(names)) ||
        strlen(signature) != 64 ||
        !take(claim->signature, sizeof claim->signature, signature, strlen(signature)))
        return bad_query(err, "X-Amz-Date, -SignedHeaders or -Signature is malformed");
    claim->presigned = true;
    return FF_OK;
}

static ff_code parse_claim(received *r, ff_sigv4_claim *claim, ff_err *err)
{
    const char *authorization = find_header(r, "authorization");
    const char *token = find_header(r, "x-amz-security-token");
    ff_code code;
    if (authorization) {
        const char *date = find_header(r, "x-amz-date");
        code = parse_header(authorization, claim, err);
        if (!code && (!date || !take(claim->amz_date, sizeof claim->amz_date, date, strlen(date))))
            code = ff_err_set(err, FF_DENIED, "MissingSecurityHeader: wanted a header x-amz-date");
    } else if (find_parameter(r, "X-Amz-Signature")) {
        const char *inside = find_parameter(r, "X-Amz-Security-Token");
        code = parse_query(r, claim, err);
        token = inside ? inside : token;
    } else {
        code = ff_err_set(err, FF_DENIED, "AccessDenied: the request is not signed");
    }
    r->token = token ? token : "";
    return code;
}

/* "20260101T000000Z" -> epoch ms, or -1. */
static int64_t parse_amz_date(const char *text)
{
    struct tm tm = {0};
    int end = 0;
    if (strlen(text) != 16 || strspn(text, "0123456789") != 8 || text[8] != 'T' ||
        strspn(text + 9, "0123456789") != 6 || text[15] != 'Z')
        return -1;
    if (sscanf(text, "%4d%2d%2dT%2d%2d%2dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &end) != 6 ||
        end != 16)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (int64_t)timegm(&tm) * 1000;
}

static ff_code check_time(const ff_sigv4_claim *claim, int64_t now_ms, ff_err *err)
{
    int64_t at = parse_amz_date(claim->amz_date);
    if (at < 0)
        return ff_err_set(err, FF_DENIED,
                          "AccessDenied: wanted a date like 20260101T000000Z, "
                          "found '%s'",
                          claim->amz_date);
    if (strncmp(claim->date, claim->amz_date, 8) != 0)
        return ff_err_set(err, FF_DENIED,
                          "SignatureDoesNotMatch: the scope's date %s is not that of %s",
                          claim->date, claim->amz_date);
    if (at > now_ms + SKEW_MS || (!claim->presigned && at < now_ms - SKEW_MS))
        return ff_err_set(err, FF_DENIED,
                          "RequestTimeTooSkewed: the request's time %s is %lld s off ours",
                          claim->amz_date, (long long)((at - now_ms) / 1000));
    if (claim->presigned && now_ms > at + claim->expires_s * 1000)
        return ff_err_set(err, FF_DENIED, "AccessDenied: the request has expired, %lld s ago",
                          (long long)((now_ms - at) / 1000 - claim->expires_s));
    return FF_OK;
}

static bool is_signed(const char *names, const char *name)
{
    size_t wanted = strlen(name);
    for (const char *p = names; *p;) {
        size_t len = strcspn(p, ";");
        if (len == wanted && !strncasecmp(p, name, len))
            return true;
        p += len + (p[len] == ';');
    }
    return false;
}

/* What must not be changed on the way is signed: the host, and whatever steers AWS. */
static ff_code check_signed(const received *r, const ff_sigv4_claim *claim, ff_err *err)
{
    if (!is_signed(claim->signed_headers, "host"))
        return ff_err_set(err, FF_DENIED, "AccessDenied: the header host is not signed");
    for (int i = 0; i < r->header_count; i++)
        if (!strncasecmp(r->headers[i].name, "x-amz-", 6) &&
            !is_signed(claim->signed_headers, r->headers[i].name))
            return ff_err_set(err, FF_DENIED, "AccessDenied: the header %s is not signed",
                              r->headers[i].name);
    return FF_OK;
}

static ff_code check_identity(const received *r, const ff_sigv4_claim *claim,
                              const ff_credentials *credentials, ff_err *err)
{
    if (strcmp(claim->access_key, credentials->access_key) != 0)
        return ff_err_set(err, FF_DENIED, "InvalidAccessKeyId: no such access key as '%s'",
                          claim->access_key);
    if (strcmp(r->token, credentials->session_token) != 0)
        return ff_err_set(err, FF_DENIED, "InvalidToken: the session token is %s",
                          *r->token ? "not the access key's" : "missing");
    return FF_OK;
}

static bool equal_in_constant_time(const char *a, const char *b, size_t len)
{
    volatile unsigned char differs = 0;
    for (size_t i = 0; i < len; i++)
        differs = (unsigned char)(differs | ((unsigned char)a[i] ^ (unsigned char)b[i]));
    return differs == 0;
}

static const char *payload_hash_of(const received *r, bool presigned)
{
    const char *hash = find_header(r, "x-amz-content-sha256");
    if (!hash && presigned)
        hash = find_parameter(r, "X-Amz-Content-Sha256");
    return hash || !presigned ? hash : FF_SIGV4_UNSIGNED;
}

static ff_code compare(const received *r, const ff_sigv4_claim *claim, const char *payload_hash,
                       const ff_credentials *credentials, ff_err *err)
{
    ff_http_header *used = ff_arena_array(r->arena, (size_t)r->header_count + 1, sizeof *used);
    ff_sigv4_header *sorted = ff_arena_array(r->arena, (size_t)r->header_count + 1, sizeof *sorted);
    int count = 0;
    for (int i = 0; i < r->header_count; i++)
        if (is_signed(claim->signed_headers, r->headers[i].name))
            used[count++] = r->headers[i];
    ff_sigv4_canonical canonical = {
        .method = r->method,
        .raw_path = r->raw_path,
        .raw_query = r->raw_query,
        .skip_parameter = claim->presigned ? "X-Amz-Signature" : NULL,
        .headers = sorted,
        .header_count = ff_sigv4_sort_headers(used, count, r->arena, sorted),
        .payload_hash = payload_hash,
        .s3 = strcmp(claim->service, "s3") == 0,
    };
    char signature[65];
    ff_sigv4_sign_canonical(ff_sigv4_canonical_text(&canonical, r->arena), claim->amz_date,
                            claim->region, claim->service, credentials->secret_key, r->arena,
                            signature);
    if (!equal_in_constant_time(signature, claim->signature, 64))
        return ff_err_set(err, FF_DENIED,
                          "SignatureDoesNotMatch: the signature is not that of the request "
                          "(signed headers %s)",
                          claim->signed_headers);
    return FF_OK;
}

ff_code ff_sigv4_verify(const char *method, const char *raw_path, const char *raw_query,
                        const ff_http_header *headers, int header_count, const char *payload_hash,
                        const ff_credentials *credentials, int64_t now_epoch_ms,
                        ff_sigv4_claim *claim, ff_err *err)
{
    received r = {.method = method,
                  .raw_path = raw_path,
                  .raw_query = raw_query ? raw_query : "",
                  .headers = headers,
                  .header_count = header_count};
    ff_sigv4_claim found = {0};
    if (strlen(r.raw_query) > FF_MAX_HTTP_HEADER_BYTES ||
        strlen(raw_path) > FF_MAX_HTTP_HEADER_BYTES)
        return ff_err_set(err, FF_DENIED, "AccessDenied: the URL is over %u bytes",
                          FF_MAX_HTTP_HEADER_BYTES);
    r.arena = ff_arena_new();
    ff_code code = parse_claim(&r, &found, err);
    if (!code && !payload_hash && !(payload_hash = payload_hash_of(&r, found.presigned)))
        code = ff_err_set(err, FF_DENIED,
                          "MissingSecurityHeader: wanted a header x-amz-content-sha256");
    if (!code)
        code = check_identity(&r, &found, credentials, err);
    if (!code)
        code = check_time(&found, now_epoch_ms, err);
    if (!code)
        code = check_signed(&r, &found, err);
    if (!code)
        code = compare(&r, &found, payload_hash, credentials, err);
    ff_arena_free(r.arena);
    if (!code)
        *claim = found;
    return code;
}
