/* module: local */
/* What a client of the S3 API can send: the first byte chooses what the rest is taken for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "local/s3_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

/* A copy that ends where it ends: reading on is seen by the sanitizer. */
static ff_buf copy(const uint8_t *data, size_t size)
{
    ff_buf buf = {0};
    must(ff_buf_append(&buf, data, size, NULL) == FF_OK);
    return buf;
}

static void chunked(const uint8_t *data, size_t size)
{
    static const ff_sigv4_claim claim = {
        .date = "20130524", .region = "us-east-1", .service = "s3", .amz_date = "20130524T000000Z"};
    static const ff_credentials credentials = {.access_key = "A", .secret_key = "S"};
    ff_err err;
    ff_buf body = copy(data, size);
    ff_s3_chunked c = {.decoded_length = UINT64_MAX};
    if (size && data[0] == '1') { /* no forged signature is ever taken */
        c.seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
        c.claim = &claim;
        c.credentials = &credentials;
        c.signed_trailer = true;
        must(ff_s3_decode_chunked(&body, &c, &err) != FF_OK);
    } else if (!ff_s3_decode_chunked(&body, &c, &err)) {
        must(body.len <= size);
    }
    ff_buf_clean(&body);
}

static void xml(const uint8_t *data, size_t size, bool deletes)
{
    ff_err err;
    ff_buf body = copy(data, size);
    ff_arena *arena = ff_arena_new();
    static ff_s3_deletes room, *d = &room;
    ff_s3_parts parts;
    if (deletes && !ff_s3_parse_deletes(ff_buf_view(&body), arena, d, &err))
        for (int i = 0; i < d->count; i++)
            must(d->keys[i][0] != '\0');
    if (!deletes && !ff_s3_parse_parts(ff_buf_view(&body), arena, &parts, &err))
        for (int i = 0; i < parts.count; i++)
            must(parts.choice[i].number >= 1 && parts.choice[i].number <= FF_PARTS_MAX);
    ff_arena_free(arena);
    ff_buf_clean(&body);
}

static void query(const uint8_t *data, size_t size)
{
    ff_arena *arena = ff_arena_new();
    char *text = ff_arena_strndup(arena, (const char *)data, size);
    ff_s3_param params[FF_S3_MAX_PARAMS];
    int count = 0;
    uint64_t first = 0, length = 0;
    char name[129];
    if (ff_s3_parse_query(text, arena, params, &count))
        for (int i = 0; i < count; i++)
            must(strlen(params[i].name) + strlen(params[i].value) <= size);
    if (ff_s3_parse_range(text, 1000, &first, &length) == 1)
        must(length >= 1 && first < 1000 && length <= 1000 - first);
    if (ff_invoke_function_name(text, strlen(text), name))
        must(name[0] && strlen(name) <= 128);
    must(!ff_s3_bucket_name_ok(text) || (strlen(text) <= 63 && !strchr(text, '/')));
    ff_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    switch (data[0]) {
    case 'c':
        chunked(data + 1, size - 1);
        break;
    case 'd':
        xml(data + 1, size - 1, true);
        break;
    case 'p':
        xml(data + 1, size - 1, false);
        break;
    default:
        query(data + 1, size - 1);
    }
    return 0;
}
