#include <assert.h>
#include <string.h>

#include "function/master_int.h"

#define KEYS_AT_ONCE 1000 /* what object stores take in one request */

typedef struct removal {
    ff_sweep *sweep;
    size_t count;
    int *index;
    const char **key;
} removal;

void ff_sweep_init(ff_sweep *sweep, ff_function *f)
{
    *sweep = (ff_sweep){.f = f};
}

void ff_sweep_add(ff_sweep *sweep, const char *key)
{
    for (int i = 0; i < sweep->count; i++)
        if (!strcmp(sweep->key[i].key, key)) {
            sweep->key[i].removed = false; /* written again */
            return;
        }
    if (sweep->count == sweep->room) {
        int room = sweep->room ? 2 * sweep->room : 16;
        sweep->key =
            ff_mem_must_grow(sweep->key, (size_t)sweep->room, (size_t)room, sizeof *sweep->key);
        sweep->room = room;
    }
    sweep->key[sweep->count++].key = ff_mem_must_strdup(key);
}

static void end(removal *r, ff_code code, const ff_err *err)
{
    ff_sweep *sweep = r->sweep;
    for (size_t i = 0; i < r->count; i++) {
        sweep->key[r->index[i]].going = false;
        sweep->key[r->index[i]].removed = !code;
    }
    sweep->going--;
    if (code) {
        sweep->failed++;
        sweep->err = *err;
    }
    ff_mem_free(r->index);
    ff_mem_free(r->key);
    ff_mem_free(r);
}

static void removed(void *user, ff_code code, const ff_err *err, ff_store_result *result)
{
    (void)result;
    end(user, code, err);
}

void ff_sweep_start(ff_sweep *sweep, int64_t deadline_ns)
{
    ff_err err = {0};
    int at = 0;
    while (sweep->f->store && at < sweep->count) {
        removal *r = ff_mem_must(sizeof *r);
        r->sweep = sweep;
        r->index = ff_mem_must_array(KEYS_AT_ONCE, sizeof *r->index);
        r->key = ff_mem_must_array(KEYS_AT_ONCE, sizeof *r->key);
        for (; at < sweep->count && r->count < KEYS_AT_ONCE; at++) {
            if (sweep->key[at].removed || sweep->key[at].going)
                continue;
            sweep->key[at].going = true;
            r->index[r->count] = at;
            r->key[r->count++] = sweep->key[at].key;
        }
        sweep->going++;
        ff_code code = !r->count ? FF_OK
                                 : ff_store_remove_start(sweep->f->store, r->key, r->count,
                                                         deadline_ns, removed, r, &err);
        if (code || !r->count)
            end(r, code, &err);
    }
}

bool ff_sweep_going(const void *sweep)
{
    return ((const ff_sweep *)sweep)->going > 0;
}

int ff_sweep_left(const ff_sweep *sweep)
{
    int left = 0;
    for (int i = 0; i < sweep->count; i++)
        left += !sweep->key[i].removed;
    return left;
}

void ff_sweep_clean(ff_sweep *sweep)
{
    assert(!sweep->going);
    for (int i = 0; i < sweep->count; i++)
        ff_mem_free(sweep->key[i].key);
    ff_mem_free(sweep->key);
    *sweep = (ff_sweep){0};
}
