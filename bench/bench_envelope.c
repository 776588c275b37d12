/* module: share */
/*
 * What a tensor costs on its way into an envelope and out of one, per MB of tensor: the one-pass
 * wire against the same in separate passes (slice, checksum, base64), and against a plain copy.
 *
 *   bench_envelope [RUNS]
 *
 * Times are of this thread's CPU, medians of RUNS (200), so that a busy machine does not show.
 * A tensor is 64 channels of square maps of float32; "tile" is its lower right quarter and a halo.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/random.h"
#include "share/share.h"

#define MAX_RUNS 2000

static int runs = 200;
static double times[MAX_RUNS];

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "bench_envelope: %s\n", what);
    exit(1);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(void)
{
    qsort(times, (size_t)runs, sizeof *times, compare);
    return times[runs / 2];
}

typedef struct subject {
    ff_tensor whole;
    ff_region region;
    ff_wire wire;
    ff_buf envelope;  /* the tensor inline, as it is received */
    ff_tensor target; /* the region goes back into it */
    uint8_t *dense;
    char *text;
} subject;

static subject make(int64_t side, bool tile)
{
    subject s;
    ff_shape shape = {4, {1, 64, side, side}};
    ff_random r;
    ff_random_init(&r, 1);
    must(!ff_tensor_new(FF_DTYPE_F32, &shape, &s.whole, NULL), "memory");
    for (size_t i = 0; i < s.whole.bytes; i += 8) {
        uint64_t x = ff_random_u64(&r);
        memcpy(s.whole.data + i, &x, s.whole.bytes - i < 8 ? s.whole.bytes - i : 8);
    }
    s.region = ff_region_whole(&shape);
    if (tile)
        s.region.lo[2] = s.region.lo[3] = side / 2 - 1;
    must(!ff_wire_init(&s.wire, &s.whole, &s.region, NULL), "wire");
    must(!ff_tensor_copy(&s.whole, &s.target, NULL), "memory");
    s.dense = ff_mem_must(s.wire.npy_bytes);
    s.text = ff_mem_must(ff_base64_encoded_len(s.wire.npy_bytes));
    ff_env_head head = {.kind = FF_ENV_REQUEST};
    ff_buf_init(&s.envelope, 0);
    must(!ff_envelope_begin(&s.envelope, &head, NULL) &&
             !ff_envelope_add_inline(&s.envelope, "x", &s.wire, true, NULL) &&
             !ff_envelope_end(&s.envelope, "", NULL),
         "envelope");
    return s;
}

static void clean(subject *s)
{
    ff_tensor_clean(&s->whole);
    ff_tensor_clean(&s->target);
    ff_buf_clean(&s->envelope);
    ff_mem_free(s->dense);
    ff_mem_free(s->text);
}

static void copy(subject *s)
{
    memcpy(s->dense, s->text, s->wire.npy_bytes);
}

static void encode(subject *s)
{
    ff_wire_encode(&s->wire, s->text);
}

static void encode_in_passes(subject *s)
{
    memcpy(s->dense, s->wire.header, s->wire.header_bytes);
    must(!ff_region_slice(&s->whole, &s->region, s->dense + s->wire.header_bytes, NULL), "slice");
    ff_hash_crc32c(0, ff_bytes_of(s->dense, s->wire.npy_bytes));
    ff_base64_encode(s->dense, s->wire.npy_bytes, s->text);
}

/* Into a fresh payload, as a sender does. */
static void send_fresh(subject *s)
{
    ff_buf out;
    ff_env_head head = {.kind = FF_ENV_REQUEST};
    ff_buf_init(&out, 0);
    must(!ff_buf_reserve(&out, ff_envelope_room("x", &s->wire, FF_ROUTE_INLINE) + 1024, NULL) &&
             !ff_envelope_begin(&out, &head, NULL) &&
             !ff_envelope_add_inline(&out, "x", &s->wire, true, NULL) &&
             !ff_envelope_end(&out, "", NULL),
         "envelope");
    ff_buf_clean(&out);
}

static void slice(subject *s)
{
    ff_wire_slice(&s->wire, s->dense);
}

static void read(subject *s, bool decode)
{
    ff_envelope e;
    must(!ff_envelope_parse(FF_ENV_REQUEST, &s->envelope, NULL, &e, NULL), "parse");
    if (decode)
        must(!ff_wire_decode((const char *)e.tensor[0].data.data, e.tensor[0].data.len,
                             e.tensor[0].crc32c, &s->target, &s->region, NULL),
             "decode");
    ff_envelope_clean(&e);
}

static void parse(subject *s)
{
    read(s, false);
}

static void parse_and_decode(subject *s)
{
    read(s, true);
}

/* A JSON reader's way: a copy, and every character of the string looked at. */
static void read_plainly(subject *s)
{
    yyjson_doc *doc = NULL;
    must(!ff_json_parse(ff_buf_view(&s->envelope), &doc, NULL), "parse");
    yyjson_doc_free(doc);
}

/* Small ones are done several times between two looks at the clock. */
static double measure(subject *s, void (*work)(subject *))
{
    int times_each = 1 + (int)(1000000 / s->wire.npy_bytes);
    for (int i = 0; i < runs; i++) {
        double begun = now_us();
        for (int k = 0; k < times_each; k++)
            work(s);
        times[i] = (now_us() - begun) / times_each;
    }
    return median();
}

int main(int argc, char **argv)
{
    static const int64_t SIDES[] = {6, 20, 56, 128};
    if (argc > 1)
        runs = atoi(argv[1]);
    must(runs > 0 && runs <= MAX_RUNS, "wanted 1 to 2000 runs");
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* as fanfold-function does */
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    printf("CPU time in us per MB of tensor; base64 by %s, medians of %d\n", ff_base64_kernel(NULL),
           runs);
    printf("%10s %5s %7s | %7s %7s %8s | %7s | %7s %7s %7s\n", "bytes", "", "copy", "encode",
           "passes", "payload", "slice", "reader", "parse", "+decode");
    for (size_t i = 0; i < sizeof SIDES / sizeof SIDES[0]; i++) {
        for (int tile = 0; tile < 2; tile++) {
            subject s = make(SIDES[i], tile);
            double mb = (double)s.wire.npy_bytes / 1e6;
            printf("%10zu %5s", s.wire.npy_bytes, tile ? "tile" : "whole");
            printf(" %7.0f |", measure(&s, copy) / mb);
            printf(" %7.0f %7.0f", measure(&s, encode) / mb, measure(&s, encode_in_passes) / mb);
            printf(" %8.0f | %7.0f", measure(&s, send_fresh) / mb, measure(&s, slice) / mb);
            printf(" | %7.0f %7.0f", measure(&s, read_plainly) / mb, measure(&s, parse) / mb);
            printf(" %7.0f\n", measure(&s, parse_and_decode) / mb);
            clean(&s);
        }
    }
    return 0;
}
