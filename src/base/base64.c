#include "base/base64.h"

#include <stdbool.h>
#include <string.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
#define BAD 0xff

/* BAD where the character stands for nothing. */
static uint8_t value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : BAD;
}

/* A kernel handles a prefix and returns how many input bytes it took: whole groups only. */
typedef struct kernel {
    const char *name;
    size_t (*encode)(const uint8_t *in, size_t len, char *out);
    size_t (*decode)(const char *in, size_t len, uint8_t *out);
} kernel;

static size_t encode_scalar(const uint8_t *in, size_t len, char *out)
{
    size_t i = 0;
    for (; i + 3 <= len; i += 3, out += 4) {
        uint32_t x = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        out[0] = ALPHABET[x >> 18];
        out[1] = ALPHABET[x >> 12 & 63];
        out[2] = ALPHABET[x >> 6 & 63];
        out[3] = ALPHABET[x & 63];
    }
    return i;
}

static size_t decode_scalar(const char *in, size_t len, uint8_t *out)
{
    size_t i = 0;
    for (; i + 4 <= len; i += 4, out += 3) {
        uint8_t a = value_of((uint8_t)in[i]), b = value_of((uint8_t)in[i + 1]);
        uint8_t c = value_of((uint8_t)in[i + 2]), d = value_of((uint8_t)in[i + 3]);
        if ((a | b | c | d) & 0xc0) /* one of them is BAD */
            return i;
        uint32_t x = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | d;
        out[0] = (uint8_t)(x >> 16);
        out[1] = (uint8_t)(x >> 8);
        out[2] = (uint8_t)x;
    }
    return i;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* W. Mula, D. Lemire: Faster Base64 Encoding and Decoding Using AVX2 Instructions (2018). */
__attribute__((target("avx2"))) static size_t encode_avx2(const uint8_t *in, size_t len, char *out)
{
    const __m256i spread = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, 1, 0,
                                            2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    const __m256i shift =
        _mm256_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                         '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0,
                         'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                         '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
    size_t i = 0;
    for (; i + 28 <= len; i += 24, out += 32) { /* 24 bytes are used, 28 are read */
        __m256i x = _mm256_set_m128i(_mm_loadu_si128((const __m128i_u *)(in + i + 12)),
                                     _mm_loadu_si128((const __m128i_u *)(in + i)));
        x = _mm256_shuffle_epi8(x, spread);
        __m256i hi = _mm256_mulhi_epu16(_mm256_and_si256(x, _mm256_set1_epi32(0x0fc0fc00)),
                                        _mm256_set1_epi32(0x04000040));
        __m256i lo = _mm256_mullo_epi16(_mm256_and_si256(x, _mm256_set1_epi32(0x003f03f0)),
                                        _mm256_set1_epi32(0x01000010));
        __m256i index = _mm256_or_si256(hi, lo);
        __m256i row = _mm256_subs_epu8(index, _mm256_set1_epi8(51));
        __m256i upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), index);
        row = _mm256_or_si256(row, _mm256_and_si256(upper, _mm256_set1_epi8(13)));
        __m256i text = _mm256_add_epi8(_mm256_shuffle_epi8(shift, row), index);
        _mm256_storeu_si256((__m256i_u *)out, text);
    }
    return i;
}

__attribute__((target("avx2"))) static size_t decode_avx2(const char *in, size_t len, uint8_t *out)
{
    const __m256i lo_ok =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                                  0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a));
    const __m256i hi_ok =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08,
                                                  0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10));
    const __m256i roll = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i pack = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    const __m256i slash = _mm256_set1_epi8(0x2f);
    size_t i = 0;
    for (; i + 44 <= len; i += 32, out += 24) { /* 24 bytes are made, 32 are written */
        __m256i x = _mm256_loadu_si256((const __m256i_u *)(in + i));
        __m256i hi = _mm256_and_si256(_mm256_srli_epi32(x, 4), slash);
        __m256i lo = _mm256_and_si256(x, slash);
        if (!_mm256_testz_si256(_mm256_shuffle_epi8(lo_ok, lo), _mm256_shuffle_epi8(hi_ok, hi)))
            return i;
        __m256i move = _mm256_shuffle_epi8(roll, _mm256_add_epi8(_mm256_cmpeq_epi8(x, slash), hi));
        x = _mm256_add_epi8(x, move);
        x = _mm256_maddubs_epi16(x, _mm256_set1_epi32(0x01400140));
        x = _mm256_madd_epi16(x, _mm256_set1_epi32(0x00011000));
        x = _mm256_shuffle_epi8(x, pack);
        x = _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, -1, -1));
        _mm256_storeu_si256((__m256i_u *)out, x);
    }
    return i;
}
#endif

static const kernel KERNELS[] = {
#if defined(__x86_64__)
    {"avx2", encode_avx2, decode_avx2},
#endif
    {"scalar", encode_scalar, decode_scalar},
};
#define KERNEL_COUNT (sizeof KERNELS / sizeof *KERNELS)

static bool runs_here(const kernel *k)
{
#if defined(__x86_64__)
    return strcmp(k->name, "avx2") != 0 || __builtin_cpu_supports("avx2");
#else
    (void)k;
    return true;
#endif
}

static const kernel *chosen; /* written with the same value by any thread */

static const kernel *best(void)
{
    const kernel *k = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
    if (k)
        return k;
    k = KERNELS;
    while (!runs_here(k))
        k++;
    __atomic_store_n(&chosen, k, __ATOMIC_RELAXED);
    return k;
}

const char *ff_base64_kernel(const char *force)
{
    if (!force)
        __atomic_store_n(&chosen, NULL, __ATOMIC_RELAXED);
    for (size_t i = 0; force && i < KERNEL_COUNT; i++)
        if (!strcmp(KERNELS[i].name, force) && runs_here(&KERNELS[i]))
            __atomic_store_n(&chosen, &KERNELS[i], __ATOMIC_RELAXED);
    return best()->name;
}

void ff_base64_encode(const uint8_t *in, size_t len, char *out)
{
    size_t done = best()->encode(in, len, out);
    done += encode_scalar(in + done, len - done, out + done / 3 * 4);
    out += done / 3 * 4;
    size_t left = len - done;
    if (!left)
        return;
    uint32_t x = (uint32_t)in[done] << 16 | (left == 2 ? (uint32_t)in[done + 1] << 8 : 0);
    out[0] = ALPHABET[x >> 18];
    out[1] = ALPHABET[x >> 12 & 63];
    out[2] = left == 2 ? ALPHABET[x >> 6 & 63] : '=';
    out[3] = '=';
}

static size_t padding(const char *in, size_t len)
{
    if (!len || in[len - 1] != '=')
        return 0;
    return in[len - 2] == '=' ? 2 : 1;
}

ff_code ff_base64_decoded_len(const char *in, size_t len, size_t *out_len, ff_err *err)
{
    if (len % 4)
        return ff_err_set(err, FF_FORMAT, "base64: wanted a multiple of 4 characters, found %zu",
                          len);
    *out_len = len / 4 * 3 - padding(in, len);
    return FF_OK;
}

static ff_code bad_character(const char *in, size_t at, ff_err *err)
{
    ff_err_set(err, FF_FORMAT, "base64: character 0x%02x is not of the alphabet",
               (unsigned)(uint8_t)in[at]);
    if (err) {
        err->position = at;
        err->has_position = true;
    }
    return FF_FORMAT;
}

/* The last group, with its padding: 2 or 3 characters that count. */
static ff_code decode_last(const char *in, size_t at, size_t pad, uint8_t *out, ff_err *err)
{
    uint32_t x = 0;
    for (size_t i = 0; i < 4 - pad; i++) {
        uint8_t v = value_of((uint8_t)in[at + i]);
        if (v == BAD)
            return bad_character(in, at + i, err);
        x |= (uint32_t)v << (18 - 6 * i);
    }
    if (x & (pad == 2 ? 0xffffu : 0xffu))
        return bad_character(in, at + 3 - pad, err); /* bits that belong to no byte */
    out[0] = (uint8_t)(x >> 16);
    if (pad == 1)
        out[1] = (uint8_t)(x >> 8);
    return FF_OK;
}

ff_code ff_base64_decode(const char *in, size_t len, uint8_t *out, ff_err *err)
{
    size_t bytes = 0;
    ff_code code = ff_base64_decoded_len(in, len, &bytes, err);
    if (code)
        return code;
    size_t pad = padding(in, len);
    size_t whole = pad ? len - 4 : len;
    size_t done = best()->decode(in, whole, out);
    done += decode_scalar(in + done, whole - done, out + done / 4 * 3);
    if (done < whole) {
        while (value_of((uint8_t)in[done]) != BAD)
            done++;
        return bad_character(in, done, err);
    }
    return pad ? decode_last(in, whole, pad, out + whole / 4 * 3, err) : FF_OK;
}
