#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/units.h"
#include "net/aws_call.h"

ff_code ff_store_check_key(const char *key, ff_err *err)
{
    size_t len = strlen(key);
    if (!len || len > FF_MAX_KEY)
        return ff_err_set(err, FF_FORMAT, "a key has 1 to %u bytes, this one %zu", FF_MAX_KEY, len);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)key[i] < ' ' || key[i] == 0x7f)
            return ff_err_set(err, FF_FORMAT, "a key holds a control character at %zu", i);
    for (const char *p = key;; p++) {
        size_t part = strcspn(p, "/");
        bool dots = (part == 1 && p[0] == '.') || (part == 2 && p[0] == '.' && p[1] == '.');
        if (!part || dots)
            return ff_err_set(err, FF_FORMAT, "a key's parts are not empty, '.' or '..': '%.200s'",
                              key);
        p += part;
        if (!*p)
            return FF_OK;
    }
}

ff_code ff_store_put_start(ff_store *store, const ff_store_put *put, ff_store_done done, void *user,
                           ff_err *err)
{
    ff_code code = ff_store_check_key(put->key, err);
    return code ? code : store->ops->put(store, put, done, user, err);
}

ff_code ff_store_get_start(ff_store *store, const char *key, size_t max, int64_t deadline_ns,
                           ff_store_done done, void *user, ff_err *err)
{
    ff_code code = ff_store_check_key(key, err);
    return code ? code : store->ops->get(store, key, max, deadline_ns, done, user, err);
}

ff_code ff_store_remove_start(ff_store *store, const char *const *keys, size_t count,
                              int64_t deadline_ns, ff_store_done done, void *user, ff_err *err)
{
    for (size_t i = 0; i < count; i++) {
        ff_code code = ff_store_check_key(keys[i], err);
        if (code)
            return code;
    }
    return store->ops->remove(store, keys, count, deadline_ns, done, user, err);
}

void ff_store_free(ff_store *store)
{
    if (store)
        store->ops->free(store);
}

typedef struct outcome {
    bool ended;
    ff_code code;
    ff_err err;
    ff_buf body;
} outcome;

static void keep_outcome(void *user, ff_code code, const ff_err *err, ff_store_result *result)
{
    outcome *o = user;
    o->ended = true;
    o->code = code;
    o->body = result->body;
    result->body = (ff_buf){0};
    if (code)
        o->err = *err;
}

/* Drives a started operation to its end; takes o. */
static ff_code wait_for(ff_store *store, ff_code started, outcome *o, ff_buf *body, ff_err *err)
{
    ff_code code = started;
    if (code)
        goto done;
    while (!o->ended)
        if ((code = ff_http_poll(store->http, FF_NEVER, err)))
            return code; /* libcurl is broken; the operation may still come back, so o stays */
    code = o->code;
    if (code && err)
        *err = o->err;
    if (!code && body) {
        *body = o->body;
        o->body = (ff_buf){0};
    }
    ff_buf_clean(&o->body);
done:
    ff_mem_free(o);
    return code;
}

ff_code ff_store_put_wait(ff_store *store, const ff_store_put *put, ff_err *err)
{
    outcome *o = ff_mem_must(sizeof *o);
    ff_code code = ff_store_put_start(store, put, keep_outcome, o, err);
    return wait_for(store, code, o, NULL, err);
}

ff_code ff_store_get_wait(ff_store *store, const char *key, size_t max, int64_t deadline_ns,
                          ff_buf *body, ff_err *err)
{
    outcome *o = ff_mem_must(sizeof *o);
    ff_code code = ff_store_get_start(store, key, max, deadline_ns, keep_outcome, o, err);
    return wait_for(store, code, o, body, err);
}

ff_code ff_store_remove_wait(ff_store *store, const char *const *keys, size_t count,
                             int64_t deadline_ns, ff_err *err)
{
    outcome *o = ff_mem_must(sizeof *o);
    ff_code code = ff_store_remove_start(store, keys, count, deadline_ns, keep_outcome, o, err);
    return wait_for(store, code, o, NULL, err);
}

/* Where a platform takes a body at once and answers when an emulated network would have carried
 * it, no byte moves meanwhile. */
static ff_code idle_from_env(int64_t *ms, ff_err *err)
{
    const char *text = getenv("FANFOLD_STORE_IDLE_MS");
    ff_code code = text && *text ? ff_units_parse_int(text, 1, INT32_MAX, ms, err) : FF_OK;
    if (code)
        ff_err_wrap(err, "FANFOLD_STORE_IDLE_MS");
    return code;
}

static ff_code open_s3(const char *bucket, ff_http *http, ff_store **out, ff_err *err)
{
    ff_s3_options options = {.bucket = bucket,
                             .endpoint = ff_aws_endpoint_from_env("AWS_ENDPOINT_URL_S3")};
    ff_code code = idle_from_env(&options.idle_timeout_ms, err);
    if (!code)
        code = ff_aws_region_from_env(&options.region, err);
    if (!code)
        code = ff_credentials_from_env(&options.credentials, err);
    return code ? code : ff_store_s3_new(http, &options, out, err);
}

ff_code ff_store_open(const char *url, ff_http *http, ff_store **out, ff_err *err)
{
    ff_code code;
    if (!strncmp(url, "s3://", 5))
        code = open_s3(url + 5, http, out, err);
    else if (!strncmp(url, "dir:", 4))
        code = ff_store_dir_new(url + 4, out, err);
    else
        code = ff_err_set(err, FF_USAGE, "wanted a store s3://BUCKET or dir:PATH, found '%.200s'",
                          url);
    return code;
}
