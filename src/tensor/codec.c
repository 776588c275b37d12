#include "tensor/codec.h"

#include <string.h>

#include "tensor/half.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define X86 1
#endif

#define SPARE_BYTES  64u    /* a store of a whole vector behind the last element */
#define SAMPLE_RUN   256u   /* elements of a run that are looked at ... */
#define SAMPLE_ELEMS 16384u /* ... and of a region */

static bool scalar_only;

void ff_codec_scalar(bool only)
{
    scalar_only = only;
}

static const char *const NAMES[FF_CODEC_COUNT] = {"raw", "zero", "fp16"};

const char *ff_codec_name(ff_codec codec)
{
    return NAMES[codec];
}

ff_code ff_codec_parse(const char *name, ff_codec *out, ff_err *err)
{
    for (int i = 0; i < FF_CODEC_COUNT; i++)
        if (!strcmp(name, NAMES[i])) {
            *out = (ff_codec)i;
            return FF_OK;
        }
    return ff_err_set(err, FF_UNSUPPORTED, "codec: wanted raw, zero or fp16, found '%.40s'", name);
}

size_t ff_zero_mask_bytes(size_t elems)
{
    return elems / 8 + (elems % 8 != 0);
}

size_t ff_zero_room(size_t elems, size_t size)
{
    return ff_zero_mask_bytes(elems) + elems * size + SPARE_BYTES;
}

/* Elements [from, elems) of one width; from is a multiple of 8. Every value is written, and the
 * next one over it where it was zero: no branch. Returns the end of the values. */
#define ENCODE(type)                                                                               \
    static uint8_t *encode_##type(const uint8_t *in, size_t from, size_t elems, uint8_t *mask,     \
                                  uint8_t *values)                                                 \
    {                                                                                              \
        for (size_t i = from; i < elems; i += 8) {                                                 \
            size_t n = elems - i < 8 ? elems - i : 8;                                              \
            unsigned bits = 0;                                                                     \
            for (size_t k = 0; k < n; k++) {                                                       \
                type v;                                                                            \
                memcpy(&v, in + (i + k) * sizeof v, sizeof v);                                     \
                memcpy(values, &v, sizeof v);                                                      \
                values += v ? sizeof v : 0;                                                        \
                bits |= (unsigned)(v != 0) << k;                                                   \
            }                                                                                      \
            mask[i / 8] = (uint8_t)bits;                                                           \
        }                                                                                          \
        return values;                                                                             \
    }
ENCODE(uint8_t)
ENCODE(uint16_t)
ENCODE(uint32_t)
ENCODE(uint64_t)

#ifdef X86
/* 16 floats a step. Returns how many elements were taken; *values moves. */
__attribute__((target("avx512f"))) static size_t encode_avx512(const uint8_t *in, size_t elems,
                                                               uint8_t *mask, uint8_t **values)
{
    size_t i = 0;
    uint8_t *to = *values;
    for (; i + 16 <= elems; i += 16) {
        __m512i v = _mm512_loadu_si512(in + i * 4);
        __mmask16 bits = _mm512_test_epi32_mask(v, v);
        uint16_t pair = (uint16_t)bits;
        memcpy(mask + i / 8, &pair, 2);
        _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(bits, v));
        to += 4 * (size_t)__builtin_popcount(pair);
    }
    *values = to;
    return i;
}

__attribute__((target("avx512f"))) static size_t decode_avx512(const uint8_t *mask, size_t elems,
                                                               const uint8_t **values, uint8_t *out)
{
    size_t i = 0;
    const uint8_t *from = *values;
    for (; i + 16 <= elems; i += 16) {
        uint16_t pair;
        memcpy(&pair, mask + i / 8, 2);
        _mm512_storeu_si512(out + i * 4, _mm512_maskz_expandloadu_epi32(pair, from));
        from += 4 * (size_t)__builtin_popcount(pair);
    }
    *values = from;
    return i;
}

__attribute__((target("avx,f16c"))) static size_t halve_f16c(const uint8_t *in, size_t elems,
                                                             uint8_t *out)
{
    size_t i = 0;
    for (; i + 8 <= elems; i += 8) {
        __m256 v = _mm256_loadu_ps((const float *)(const void *)(in + i * 4));
        _mm_storeu_si128((__m128i *)(void *)(out + i * 2),
                         _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
    }
    return i;
}

__attribute__((target("avx,f16c"))) static size_t widen_f16c(const uint8_t *in, size_t elems,
                                                             uint8_t *out)
{
    size_t i = 0;
    for (; i + 8 <= elems; i += 8) {
        __m128i h = _mm_loadu_si128((const __m128i *)(const void *)(in + i * 2));
        _mm256_storeu_ps((float *)(void *)(out + i * 4), _mm256_cvtph_ps(h));
    }
    return i;
}
#endif

static bool has_avx512(void)
{
#ifdef X86
    return !scalar_only && __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

static bool has_f16c(void)
{
#ifdef X86
    /* clang 14 knows no "f16c" here; every CPU with AVX2 has it. */
    return !scalar_only && __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

size_t ff_zero_encode(const uint8_t *in, size_t elems, size_t size, uint8_t *out)
{
    uint8_t *mask = out, *values = out + ff_zero_mask_bytes(elems);
    size_t done = 0;
#ifdef X86
    if (size == 4 && has_avx512())
        done = encode_avx512(in, elems, mask, &values);
#endif
    values = size == 1   ? encode_uint8_t(in, done, elems, mask, values)
             : size == 2 ? encode_uint16_t(in, done, elems, mask, values)
             : size == 4 ? encode_uint32_t(in, done, elems, mask, values)
                         : encode_uint64_t(in, done, elems, mask, values);
    return (size_t)(values - out);
}

/* How many bits are set; SIZE_MAX where one is beyond the last element. */
static size_t count_bits(const uint8_t *mask, size_t elems)
{
    size_t bytes = ff_zero_mask_bytes(elems), count = 0, i = 0;
    if (elems % 8 && mask[bytes - 1] >> elems % 8)
        return SIZE_MAX;
    for (; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, mask + i, 8);
        count += (size_t)__builtin_popcountll(word);
    }
    for (; i < bytes; i++)
        count += (size_t)__builtin_popcount(mask[i]);
    return count;
}

ff_code ff_zero_decode(ff_bytes in, size_t elems, size_t size, uint8_t *out, ff_err *err)
{
    size_t bytes = ff_zero_mask_bytes(elems), done = 0;
    if (in.len < bytes)
        return ff_err_set(err, FF_FORMAT, "zero: wanted a mask of %zu bytes, found %zu", bytes,
                          in.len);
    size_t count = count_bits(in.data, elems);
    if (count == SIZE_MAX)
        return ff_err_set(err, FF_FORMAT, "zero: a bit beyond the last of %zu elements", elems);
    if (in.len - bytes != count * size)
        return ff_err_set(err, FF_FORMAT, "zero: wanted %zu bytes of elements, found %zu",
                          count * size, in.len - bytes);
    const uint8_t *values = in.data + bytes;
#ifdef X86
    if (size == 4 && has_avx512())
        done = decode_avx512(in.data, elems, &values, out);
#endif
    memset(out + done * size, 0, (elems - done) * size);
    for (size_t i = done; i < elems; i++)
        if (in.data[i / 8] >> i % 8 & 1) {
            memcpy(out + i * size, values, size);
            values += size;
        }
    return FF_OK;
}

static size_t nonzero(const uint8_t *in, size_t elems, size_t size)
{
    static const uint8_t ZERO[8] = {0};
    size_t count = 0;
    for (size_t i = 0; i < elems; i++)
        count += memcmp(in + i * size, ZERO, size) != 0;
    return count;
}

double ff_zero_density(const ff_tensor *whole, const ff_region *region)
{
    size_t size = ff_dtype_bytes(whole->dtype), offset = 0, seen = 0, count = 0, number = 0;
    ff_shape shape = ff_region_shape(region);
    ff_runs runs;
    uint64_t elems = 0;
    if (ff_shape_elems(&shape, &elems, NULL) ||
        ff_runs_init(&runs, region, &whole->shape, whole->dtype, NULL))
        return 1;
    /* evenly over the region: so many elements of every step-th run, or steps within long runs */
    size_t run = runs.run_bytes / size, take = run < SAMPLE_RUN ? run : SAMPLE_RUN;
    uint64_t wanted = SAMPLE_ELEMS / take, all = elems / run;
    uint64_t step = all > wanted ? all / wanted : 1, pieces = all < wanted ? wanted / all : 1;
    while (ff_runs_next(&runs, &offset)) {
        if (number++ % step)
            continue;
        size_t stride = run / pieces > take ? run / pieces : take;
        for (size_t at = 0; at + take <= run; at += stride) {
            count += nonzero(whole->data + offset + at * size, take, size);
            seen += take;
        }
    }
    return seen ? (double)count / (double)seen : 1;
}

void ff_fp16_encode(const uint8_t *floats, size_t elems, uint8_t *halves)
{
    size_t i = 0;
#ifdef X86
    if (has_f16c())
        i = halve_f16c(floats, elems, halves);
#endif
    for (; i < elems; i++) {
        float f;
        memcpy(&f, floats + i * 4, 4);
        uint16_t h = ff_half_from_float_scalar(f);
        memcpy(halves + i * 2, &h, 2);
    }
}

void ff_fp16_decode(const uint8_t *halves, size_t elems, uint8_t *floats)
{
    size_t i = 0;
#ifdef X86
    if (has_f16c())
        i = widen_f16c(halves, elems, floats);
#endif
    for (; i < elems; i++) {
        uint16_t h;
        memcpy(&h, halves + i * 2, 2);
        float f = ff_half_to_float_scalar(h);
        memcpy(floats + i * 4, &f, 4);
    }
}
