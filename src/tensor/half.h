/*
 * 16-bit floats: IEEE binary16 and bfloat16, to and from float32, rounding to nearest even.
 *
 * NaNs stay NaNs (quieted); values too large become infinities. By F16C where the compiler may use
 * it, in plain C otherwise.
 */
#ifndef FF_TENSOR_HALF_H
#define FF_TENSOR_HALF_H

#include <stdint.h>
#include <string.h>
#ifdef __F16C__
#include <immintrin.h>
#endif

static inline float ff_half_bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t ff_half_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float ff_half_to_float_scalar(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1fu;
    uint32_t mantissa = half & 0x3ffu;
    if (exponent == 0) { /* zero or subnormal: mantissa * 2^-24, exact */
        float value = (float)mantissa * 0x1p-24f;
        return ff_half_bits_float(ff_half_float_bits(value) | sign);
    }
    if (exponent == 31) /* infinity, NaN */
        return ff_half_bits_float(sign | 0x7f800000u | mantissa << 13 | (mantissa ? 0x400000u : 0));
    return ff_half_bits_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

static inline uint16_t ff_half_from_float_scalar(float value)
{
    uint32_t bits = ff_half_float_bits(value);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN: keep the top of its payload, quiet */
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x1ffu));
    if (magnitude >= 0x477ff000u) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    uint32_t shift = 13;
    uint32_t mantissa = magnitude;
    if (magnitude < 0x38800000u) {   /* under 2^-14: subnormal */
        if (magnitude < 0x33000000u) /* under 2^-25 */
            return sign;
        shift = 126 - (magnitude >> 23);
        mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    } else {
        mantissa -= (uint32_t)112 << 23;
    }
    uint32_t half = mantissa >> shift;
    uint32_t rest = mantissa & (((uint32_t)1 << shift) - 1);
    uint32_t tie = (uint32_t)1 << (shift - 1);
    if (rest > tie || (rest == tie && (half & 1)))
        half++; /* a carry into the exponent is right */
    return (uint16_t)(sign | half);
}

static inline float ff_half_to_float(uint16_t half)
{
#ifdef __F16C__
    return _cvtsh_ss(half);
#else
    return ff_half_to_float_scalar(half);
#endif
}

static inline uint16_t ff_half_from_float(float value)
{
#ifdef __F16C__
    return (uint16_t)_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
#else
    return ff_half_from_float_scalar(value);
#endif
}

static inline float ff_half_from_bf16(uint16_t bf16)
{
    return ff_half_bits_float((uint32_t)bf16 << 16);
}

static inline uint16_t ff_half_to_bf16(float value)
{
    uint32_t bits = ff_half_float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#endif
