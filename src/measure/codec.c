#include "measure/codec.h"

#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"

static const int64_t ELEMS[FF_CODEC_SIZES] = {1000, 8000, 50000, 200000, 500000, 1000000};

typedef struct codec {
    size_t bytes;
    uint8_t *raw, *back;
    uint8_t *payload; /* {"data":"..."} */
    size_t payload_len, room;
    volatile uint32_t sum; /* so that no check is left out */
} codec;

static const char HEAD[] = "{\"data\":\"", TAIL[] = "\"}";

static void encode(codec *c)
{
    size_t head = sizeof HEAD - 1, tail = sizeof TAIL - 1;
    c->sum = ff_hash_crc32c(0, ff_bytes_of(c->raw, c->bytes));
    memcpy(c->payload, HEAD, head);
    ff_base64_encode(c->raw, c->bytes, (char *)c->payload + head);
    c->payload_len = head + ff_base64_encoded_len(c->bytes);
    memcpy(c->payload + c->payload_len, TAIL, tail);
    c->payload_len += tail;
}

static void decode(codec *c)
{
    yyjson_doc *doc = NULL;
    const char *data = NULL;
    size_t len = 0;
    memset(c->payload + c->payload_len, 0, FF_JSON_PADDING);
    if (ff_json_parse_insitu(c->payload, c->payload_len, &doc, NULL) == FF_OK &&
        ff_json_str_n(yyjson_doc_get_root(doc), "data", &data, &len, NULL) == FF_OK)
        (void)ff_base64_decode(data, len, c->back, NULL);
    c->sum = ff_hash_crc32c(0, ff_bytes_of(c->back, c->bytes));
    yyjson_doc_free(doc);
}

/* An object: the bytes as they are, and their checksum. */
static void raw(codec *c)
{
    c->sum = ff_hash_crc32c(0, ff_bytes_of(c->raw, c->bytes));
}

static const struct {
    const char *entry;
    void (*before)(codec *c); /* not timed */
    void (*run)(codec *c);
} ENTRIES[FF_CODEC_ENTRIES] = {{"encode", NULL, encode},
                               {"decode", encode, decode}, /* parsing changes the payload */
                               {"encode raw", NULL, raw},
                               {"decode raw", NULL, raw}};

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double best_ms(codec *c, int entry, int runs)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < runs; i++) {
        if (ENTRIES[entry].before)
            ENTRIES[entry].before(c);
        int64_t begin = cpu_ns();
        ENTRIES[entry].run(c);
        int64_t took = cpu_ns() - begin;
        best = took < best ? took : best;
    }
    return ff_clock_ms(best);
}

void ff_measure_codec(int runs, ff_arena *arena, ff_compute_op out[FF_CODEC_ENTRIES])
{
    ff_op_sample samples[FF_CODEC_ENTRIES][FF_CODEC_SIZES];
    size_t most = (size_t)ELEMS[FF_CODEC_SIZES - 1] * sizeof(float);
    codec c = {.room = ff_base64_encoded_len(most) + 64};
    ff_random random;
    ff_random_init(&random, 1);
    c.raw = ff_mem_must(most);
    c.back = ff_mem_must(most);
    c.payload = ff_mem_must(c.room);
    for (size_t i = 0; i < most; i++)
        c.raw[i] = (uint8_t)ff_random_u64(&random);
    for (int s = 0; s < FF_CODEC_SIZES; s++)
        for (int e = 0; e < FF_CODEC_ENTRIES; e++) {
            c.bytes = (size_t)ELEMS[s] * sizeof(float);
            double ms = best_ms(&c, e, runs);
            samples[e][s] = (ff_op_sample){
                {.op = ENTRIES[e].entry, .in_elems = (uint64_t)ELEMS[s], .moved_bytes = c.bytes},
                ms,
                ms > 0 ? ms : 1e-6};
        }
    for (int e = 0; e < FF_CODEC_ENTRIES; e++) {
        out[e] = (ff_compute_op){.op = ENTRIES[e].entry};
        ff_fit_op(samples[e], FF_CODEC_SIZES, true, arena, &out[e]);
        /* By element, as the published profiles have it: 4 bytes each. */
        out[e].ms_per_melem_in = out[e].ms_per_mb * sizeof(float);
        out[e].ms_per_mb = 0;
        out[e].source = ff_arena_printf(arena, "measured: fanfold's codec, %d sizes, best of %d",
                                        FF_CODEC_SIZES, runs);
    }
    ff_mem_free(c.raw);
    ff_mem_free(c.back);
    ff_mem_free(c.payload);
}
