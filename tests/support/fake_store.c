#include "support/fake_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct operation {
    fake_store *s;
    ff_store_done done;
    void *user;
    ff_code code;
    ff_err err;
    ff_store_result result;
} operation;

static fake_store *owner(fake_store *s)
{
    return s->shared ? s->shared : s;
}

static int find(fake_store *s, const char *key)
{
    s = owner(s);
    for (int i = 0; i < s->count; i++)
        if (!strcmp(s->object[i].key, key))
            return i;
    return -1;
}

ff_bytes fake_store_find(fake_store *s, const char *key)
{
    int i = find(s, key);
    return i < 0 ? (ff_bytes){0} : ff_buf_view(&owner(s)->object[i].bytes);
}

static void drop(fake_store *s, const char *key)
{
    int i = find(s, key);
    if (i < 0)
        return;
    s = owner(s);
    ff_buf_clean(&s->object[i].bytes);
    s->object[i] = s->object[--s->count];
    s->object[s->count] = (struct fake_object){0};
}

static void end(void *user, ff_code woken)
{
    operation *o = user;
    if (woken) {
        o->code = FF_CANCELLED;
        ff_err_set(&o->err, FF_CANCELLED, "cancelled");
    }
    o->s->in_flight--;
    o->done(o->user, o->code, &o->err, &o->result);
    ff_buf_clean(&o->result.body);
    free(o);
}

static operation *begin(fake_store *s, ff_store_done done, void *user, ff_code fail)
{
    operation *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    o->s = s;
    o->done = done;
    o->user = user;
    o->result.attempts = 1;
    o->code = fail;
    if (fail)
        ff_err_set(&o->err, fail, "the store was told to fail");
    s->in_flight++;
    return o;
}

static ff_code later(operation *o, ff_err *err)
{
    return ff_http_after(o->s->store.http, o->s->hang ? FF_NEVER : ff_clock_now_ns() + 1000, end, o,
                         NULL, err);
}

static ff_code put(ff_store *store, const ff_store_put *put, ff_store_done done, void *user,
                   ff_err *err)
{
    fake_store *s = (fake_store *)store;
    operation *o = begin(s, done, user, s->fail_put);
    s->puts++;
    if (!s->fail_put) {
        drop(s, put->key);
        if (owner(s)->count == 64)
            abort();
        struct fake_object *object = &owner(s)->object[owner(s)->count++];
        snprintf(object->key, sizeof object->key, "%s", put->key);
        for (int i = 0; i < put->body.count && !o->code; i++)
            o->code = ff_buf_append(&object->bytes, put->body.part[i].data, put->body.part[i].len,
                                    &o->err);
        if (o->code)
            drop(s, put->key);
    }
    return later(o, err);
}

static ff_code get(ff_store *store, const char *key, size_t max, int64_t deadline_ns,
                   ff_store_done done, void *user, ff_err *err)
{
    fake_store *s = (fake_store *)store;
    operation *o = begin(s, done, user, s->fail_get);
    (void)deadline_ns;
    s->gets++;
    if (!o->code && find(s, key) < 0)
        o->code = ff_err_set(&o->err, FF_NOT_FOUND, "no object '%s'", key);
    ff_bytes bytes = fake_store_find(s, key);
    if (!o->code && bytes.len > max)
        o->code =
            ff_err_set(&o->err, FF_LIMIT, "an object of %zu bytes, at most %zu", bytes.len, max);
    if (!o->code)
        o->code = ff_buf_append(&o->result.body, bytes.data, bytes.len, &o->err);
    if (!o->code && s->corrupt_gets > 0) {
        s->corrupt_gets--;
        o->result.body.data[o->result.body.len - 1] ^= 4;
    }
    return later(o, err);
}

static ff_code remove_keys(ff_store *store, const char *const *keys, size_t count,
                           int64_t deadline_ns, ff_store_done done, void *user, ff_err *err)
{
    fake_store *s = (fake_store *)store;
    operation *o = begin(s, done, user, s->fail_remove);
    (void)deadline_ns;
    s->removes++;
    for (size_t i = 0; i < count && !s->fail_remove; i++)
        drop(s, keys[i]);
    return later(o, err);
}

static void free_store(ff_store *store)
{
    fake_store *s = (fake_store *)store;
    while (!s->shared && s->count)
        drop(s, s->object[0].key);
    s->freed++;
}

void fake_store_init(fake_store *s, ff_http *http)
{
    static const ff_store_ops OPS = {"fake", put, get, remove_keys, free_store};
    *s = (fake_store){.store = {&OPS, http}};
}
