/*
 * Weights files: what several pieces have in common is stored once.
 *
 *   weight | zeros up to a multiple of 64 (4096 before weights of 16 KB and more) | weight | ...
 */
#include <string.h>

#include "base/hash.h"
#include "build/build_int.h"

#define OUTSIDE_MIN_BYTES 1024u /* as ff_engine_optimise */
#define SMALL_ALIGN       64u   /* a cache line, and the widest vector */
#define LARGE_ALIGN       4096u /* a page: mapped alone */
#define LARGE_BYTES       16384u

typedef struct entry {
    uint8_t key[FF_SHA256_BYTES]; /* SHA-256, or the address */
    ff_onnx_place place;          /* length 0: free */
} entry;

struct ff_weights {
    ff_out *out;
    bool by_content;
    size_t count, room; /* room: a power of two, at most half full */
    entry *table;
};

ff_code ff_weights_open(const char *path, bool by_content, ff_weights **out, ff_err *err)
{
    ff_out *file = NULL;
    ff_code code = ff_out_open(path, &file, err);
    if (code != FF_OK)
        return code;
    ff_weights *w = ff_mem_must(sizeof *w);
    *w = (ff_weights){.out = file, .by_content = by_content, .room = 64};
    w->table = ff_mem_must_array(w->room, sizeof *w->table);
    *out = w;
    return FF_OK;
}

/* Where the key is, or where it belongs. */
static entry *find(const ff_weights *w, const uint8_t key[FF_SHA256_BYTES], uint64_t length)
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    hash *= 0x9e3779b97f4a7c15u; /* an address is no hash yet */
    size_t at = (size_t)(hash >> 32) & (w->room - 1);
    while (w->table[at].place.length != 0 && (w->table[at].place.length != length ||
                                              memcmp(w->table[at].key, key, FF_SHA256_BYTES) != 0))
        at = (at + 1) & (w->room - 1);
    return &w->table[at];
}

static void grow(ff_weights *w)
{
    ff_weights larger = {.room = w->room * 2};
    larger.table = ff_mem_must_array(larger.room, sizeof *larger.table);
    for (size_t i = 0; i < w->room; i++)
        if (w->table[i].place.length != 0)
            *find(&larger, w->table[i].key, w->table[i].place.length) = w->table[i];
    ff_mem_free(w->table);
    w->table = larger.table;
    w->room = larger.room;
}

static ff_code add_one(ff_weights *w, ff_bytes data, ff_onnx_place *place, ff_err *err)
{
    uint8_t key[FF_SHA256_BYTES] = {0};
    if (w->by_content)
        ff_hash_sha256(data, key);
    else
        memcpy(key, &data.data, sizeof data.data);
    if (w->count * 2 >= w->room)
        grow(w);
    entry *e = find(w, key, data.len);
    if (e->place.length == 0) {
        ff_code code = ff_out_pad(w->out, data.len >= LARGE_BYTES ? LARGE_ALIGN : SMALL_ALIGN, err);
        uint64_t offset = ff_out_position(w->out);
        if (code == FF_OK)
            code = ff_out_write(w->out, data.data, data.len, err);
        if (code != FF_OK)
            return code;
        memcpy(e->key, key, sizeof key);
        e->place = (ff_onnx_place){offset, data.len};
        w->count++;
    }
    *place = e->place;
    return FF_OK;
}

ff_code ff_weights_add(ff_weights *w, const ff_graph *g, ff_onnx_place *places, ff_err *err)
{
    for (int v = 0; v < g->value_count; v++) {
        const ff_value *value = &g->values[v];
        if (value->kind != FF_VALUE_WEIGHT || value->data.len < OUTSIDE_MIN_BYTES ||
            value->dtype == FF_DTYPE_STRING) /* whose bytes are fields of the model */
            continue;
        ff_code code = add_one(w, value->data, &places[v], err);
        if (code != FF_OK) {
            ff_err_wrap(err, "weight '%.128s'", value->name);
            return code;
        }
    }
    return FF_OK;
}

uint64_t ff_weights_bytes(const ff_weights *w)
{
    return ff_out_position(w->out);
}

static void release(ff_weights *w)
{
    ff_mem_free(w->table);
    ff_mem_free(w);
}

ff_code ff_weights_commit(ff_weights *w, ff_err *err)
{
    ff_code code = FF_OK;
    if (w->count > 0)
        code = ff_out_commit(w->out, err);
    else
        ff_out_abort(w->out);
    release(w);
    return code;
}

void ff_weights_abort(ff_weights *w)
{
    if (w == NULL)
        return;
    ff_out_abort(w->out);
    release(w);
}
