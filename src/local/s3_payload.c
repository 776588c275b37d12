/* Bodies of S3 requests: the four payload encodings, and everything that vouches for them. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/hash.h"
#include "local/s3_int.h"

#define UNSIGNED_TRAILER "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
#define SIGNED           "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
#define SIGNED_TRAILER   SIGNED "-TRAILER"
#define CHUNK_KIND       "AWS4-HMAC-SHA256-PAYLOAD"
#define TRAILER_KIND     "AWS4-HMAC-SHA256-TRAILER"
#define MAX_LINE         1024u
#define MAX_TRAILERS     8

typedef struct decoder {
    ff_buf *body;
    size_t in, out; /* read and write positions; in >= out */
    ff_s3_chunked *chunked;
    char previous[65]; /* the signature before */
    ff_err *err;
} decoder;

static ff_code fault(const decoder *d, const char *what)
{
    return ff_err_at(d->err, FF_FORMAT, "", d->in, "malformed aws-chunked body: %s", what);
}

/* The next line without its end, copied; false where there is none of at most MAX_LINE bytes. */
static bool read_line(decoder *d, char line[MAX_LINE + 1])
{
    size_t left = d->body->len - d->in;
    const uint8_t *start = left ? d->body->data + d->in : NULL;
    const uint8_t *end =
        left ? memmem(start, left < MAX_LINE + 2 ? left : MAX_LINE + 2, "\r\n", 2) : NULL;
    if (!end)
        return false;
    size_t len = (size_t)(end - start);
    if (len > MAX_LINE || memchr(start, 0, len))
        return false;
    memcpy(line, start, len);
    line[len] = '\0';
    d->in += len + 2;
    return true;
}

static ff_code check_signature(decoder *d, const char *kind, const char *found, ff_bytes data)
{
    char wanted[65];
    ff_sigv4_chunk(d->chunked->claim, d->chunked->credentials, kind, d->previous, data, wanted);
    if (strlen(found) != 64 || memcmp(found, wanted, 64) != 0)
        return ff_err_set(d->err, FF_DENIED,
                          "SignatureDoesNotMatch: the signature of a chunk (at byte %zu)", d->in);
    memcpy(d->previous, wanted, sizeof d->previous);
    return FF_OK;
}

/* "1f;chunk-signature=..." Returns FF_OK with the length and the signature ("" = none). */
static ff_code parse_chunk_line(const decoder *d, const char *line, size_t *len,
                                const char **signature)
{
    size_t digits = strspn(line, "0123456789abcdefABCDEF");
    if (!digits || digits > 15)
        return fault(d, "a chunk's length is wanted");
    *len = strtoull(line, NULL, 16);
    *signature = "";
    if (!line[digits])
        return FF_OK;
    static const char NAME[] = ";chunk-signature=";
    if (strncmp(line + digits, NAME, sizeof NAME - 1) != 0)
        return fault(d, "an unknown chunk extension");
    *signature = line + digits + sizeof NAME - 1;
    return FF_OK;
}

/* One chunk, moved to where the decoded bytes end. */
static ff_code read_chunk(decoder *d, size_t *len)
{
    char line[MAX_LINE + 1];
    const char *signature;
    if (!read_line(d, line))
        return fault(d, "a chunk's first line is missing");
    ff_code code = parse_chunk_line(d, line, len, &signature);
    if (code)
        return code;
    if (*len > d->body->len - d->in)
        return fault(d, "a chunk is longer than the body");
    if (d->chunked->seed)
        code = check_signature(d, CHUNK_KIND, signature, ff_bytes_of(d->body->data + d->in, *len));
    if (code || !*len)
        return code;
    memmove(d->body->data + d->out, d->body->data + d->in, *len);
    d->in += *len;
    d->out += *len;
    if (d->body->len - d->in < 2 || memcmp(d->body->data + d->in, "\r\n", 2) != 0)
        return fault(d, "a chunk without its end");
    d->in += 2;
    return FF_OK;
}

static char *trimmed(char *text)
{
    text += strspn(text, " \t");
    for (size_t len = strlen(text); len && (text[len - 1] == ' ' || text[len - 1] == '\t');)
        text[--len] = '\0';
    return text;
}

/* One trailer; signed ones are collected as they are signed: "name:value\n". */
static ff_code read_trailer(decoder *d, char *line, ff_buf *canonical, char signature[65])
{
    char *colon = strchr(line, ':');
    if (!colon)
        return fault(d, "a trailer without a colon");
    *colon = '\0';
    char *name = trimmed(line), *value = trimmed(colon + 1);
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (strcmp(name, "x-amz-trailer-signature") == 0) {
        if (strlen(value) != 64)
            return fault(d, "a trailer signature of 64 digits is wanted");
        memcpy(signature, value, 65);
        return FF_OK;
    }
    if (ff_checksum_is_name(name) && strlen(value) < sizeof d->chunked->trailer_value) {
        snprintf(d->chunked->trailer_name, sizeof d->chunked->trailer_name, "%s", name);
        snprintf(d->chunked->trailer_value, sizeof d->chunked->trailer_value, "%s", value);
    }
    return ff_buf_printf(canonical, d->err, "%s:%s\n", name, value);
}

static ff_code read_trailers(decoder *d)
{
    char line[MAX_LINE + 1], signature[65] = "";
    ff_buf canonical;
    ff_buf_init(&canonical, MAX_TRAILERS * (MAX_LINE + 2));
    ff_code code = FF_OK;
    for (int i = 0; !code && d->in < d->body->len; i++) {
        if (i > MAX_TRAILERS + 1 || !read_line(d, line))
            code = fault(d, "too many trailers, or one that is too long");
        else if (!line[0])
            break;
        else
            code = read_trailer(d, line, &canonical, signature);
    }
    if (!code && d->in != d->body->len)
        code = fault(d, "bytes behind the trailers");
    if (!code && d->chunked->seed && d->chunked->signed_trailer)
        code = check_signature(d, TRAILER_KIND, signature, ff_buf_view(&canonical));
    ff_buf_clean(&canonical);
    return code;
}

ff_code ff_s3_decode_chunked(ff_buf *body, ff_s3_chunked *chunked, ff_err *err)
{
    decoder d = {.body = body, .chunked = chunked, .err = err};
    if (chunked->seed)
        snprintf(d.previous, sizeof d.previous, "%s", chunked->seed);
    size_t len = 1;
    ff_code code = FF_OK;
    while (!code && len)
        code = read_chunk(&d, &len);
    if (!code)
        code = read_trailers(&d);
    if (!code && chunked->decoded_length != UINT64_MAX && chunked->decoded_length != d.out)
        code = ff_err_set(err, FF_FORMAT, "%llu decoded bytes were declared, %zu came",
                          (unsigned long long)chunked->decoded_length, d.out);
    if (!code)
        body->len = d.out;
    return code;
}

static bool decode(ff_s3_call *call, const char *encoding, ff_buf *body, ff_s3_chunked *chunked)
{
    const char *length = ff_s3_header(call, "x-amz-decoded-content-length");
    ff_err err = {0};
    *chunked = (ff_s3_chunked){
        .seed = strcmp(encoding, UNSIGNED_TRAILER) == 0 ? NULL : call->claim.signature,
        .claim = &call->claim,
        .credentials = &call->credentials,
        .signed_trailer = strcmp(encoding, SIGNED_TRAILER) == 0,
        .decoded_length = UINT64_MAX,
    };
    if (length && (!*length || strspn(length, "0123456789") != strlen(length))) {
        ff_s3_error(call, 400, "InvalidArgument", "x-amz-decoded-content-length is not a number");
        return false;
    }
    if (length)
        chunked->decoded_length = strtoull(length, NULL, 10);
    ff_code code = ff_s3_decode_chunked(body, chunked, &err);
    if (code == FF_DENIED)
        ff_s3_error(call, 403, "SignatureDoesNotMatch", "%s", err.message);
    else if (code && strstr(err.message, "were declared"))
        ff_s3_error(call, 400, "IncompleteBody", "%s", err.message);
    else if (code)
        ff_s3_error(call, 400, "InvalidChunkSizeError", "%s", err.message);
    return !code;
}

static bool check_sha256(ff_s3_call *call, const char *told, ff_bytes body)
{
    char hash[FF_SHA256_HEX];
    if (strlen(told) != 64 || strspn(told, "0123456789abcdef") != 64) {
        ff_s3_error(call, 400, "InvalidArgument",
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, " UNSIGNED_TRAILER ", " SIGNED
                    " or a SHA-256");
        return false;
    }
    ff_hash_sha256_hex(body, hash);
    if (strcmp(hash, told) == 0)
        return true;
    ff_s3_error(call, 400, "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed: %s",
                hash);
    return false;
}

static bool check_md5(ff_s3_call *call, ff_bytes body)
{
    const char *told = ff_s3_header(call, "Content-MD5");
    uint8_t digest[16], wanted[18];
    size_t len = 0;
    if (!told)
        return true;
    if (ff_base64_decoded_len(told, strlen(told), &len, NULL) || len != 16 ||
        ff_base64_decode(told, strlen(told), wanted, NULL)) {
        ff_s3_error(call, 400, "InvalidDigest", "The Content-MD5 you specified is not valid.");
        return false;
    }
    ff_hash_md5(body, digest);
    if (memcmp(digest, wanted, sizeof digest) == 0)
        return true;
    ff_s3_error(call, 400, "BadDigest",
                "The Content-MD5 you specified did not match what we received.");
    return false;
}

static bool check_one(ff_s3_call *call, const char *name, const char *told, ff_bytes body,
                      ff_s3_checksum *checksum)
{
    if (!ff_checksum_compute(name, body, checksum->value)) {
        ff_s3_error(call, 400, "InvalidRequest", "%s is not a checksum that is known here", name);
        return false;
    }
    snprintf(checksum->name, sizeof checksum->name, "%s", name);
    if (strcmp(checksum->value, told) == 0)
        return true;
    ff_s3_error(call, 400, "BadDigest", "%s: %s was sent, %s was computed", name, told,
                checksum->value);
    return false;
}

static bool check_checksums(ff_s3_call *call, const ff_s3_chunked *chunked, ff_bytes body,
                            ff_s3_checksum *checksum)
{
    *checksum = (ff_s3_checksum){0};
    for (int i = 0; i < call->request->header_count; i++) {
        char name[32] = "";
        const char *sent = call->request->headers[i].name;
        for (size_t k = 0; sent[k] && k < sizeof name - 1; k++)
            name[k] = (char)tolower((unsigned char)sent[k]);
        if (ff_checksum_is_name(name) &&
            !check_one(call, name, call->request->headers[i].value, body, checksum))
            return false;
    }
    if (chunked->trailer_name[0])
        return check_one(call, chunked->trailer_name, chunked->trailer_value, body, checksum);
    return true;
}

bool ff_s3_payload(ff_s3_call *call, ff_buf *out, ff_s3_checksum *checksum)
{
    const char *told = ff_s3_header(call, "x-amz-content-sha256");
    ff_buf *body = call->request->take;
    ff_s3_chunked chunked = {0};
    bool streaming = told && (strcmp(told, UNSIGNED_TRAILER) == 0 || strcmp(told, SIGNED) == 0 ||
                              strcmp(told, SIGNED_TRAILER) == 0);
    if (streaming && !decode(call, told, body, &chunked))
        return false;
    if (told && !streaming && strcmp(told, FF_SIGV4_UNSIGNED) != 0 &&
        !check_sha256(call, told, ff_buf_view(body)))
        return false;
    if (!check_md5(call, ff_buf_view(body)) ||
        !check_checksums(call, &chunked, ff_buf_view(body), checksum))
        return false;
    if (!ff_s3_pass_put(call, call->request->body_bytes))
        return false;
    *out = *body;
    *body = (ff_buf){0};
    return true;
}
