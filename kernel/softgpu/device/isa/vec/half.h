/* SPDX-License-Identifier: MIT */
/*
 * IEEE halves. Conversions are integer arithmetic: exact, independent of the host's rounding and
 * denormal mode, and the same in all variants. NaNs keep the upper bits of their fraction.
 */
#ifndef SG_HALF_H
#define SG_HALF_H

#include "vec.h"

enum { HALF_INFINITY = 0x7c00, HALF_NAN = 0x7e00, HALF_MAX = 0x7bff };

static inline bool half_is_nan(uint32_t half)
{
    return (half & 0x7fffu) > 0x7c00u;
}

/* Exact. Ignores the upper 16 bits. */
static inline float float_of_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    uint32_t normal = (magnitude << 13) + ((127u - 15u) << 23);
    uint32_t special = 0x7f800000u | magnitude << 13;
    uint32_t denormal = f32_bits((float)(int32_t)magnitude * 0x1p-24f);
    uint32_t bits = magnitude >= 0x7c00u ? special : magnitude < 0x400u ? denormal : normal;

    return as_f32(bits | sign);
}

/* round: as in MODE: 0 nearest even, 1 +infinity, 2 -infinity, 3 zero. */
static inline uint32_t half_of_double(double value, unsigned round)
{
    uint64_t bits = f64_bits(value), fraction = bits & 0xfffffffffffffu;
    uint32_t sign = (uint32_t)(bits >> 48) & 0x8000u, half;
    int exponent = (int)(bits >> 52 & 2047) - 1023;
    uint64_t rest, tie;
    unsigned drop;
    bool up;

    if (exponent == 1024)
        return sign | (fraction ? HALF_NAN | (uint32_t)(fraction >> 42) : HALF_INFINITY);
    if (exponent < -40) { /* far below half of the smallest denormal; a double's denormal too */
        up = (bits << 1) && ((round == 1 && !sign) || (round == 2 && sign));
        return sign | up;
    }
    drop = exponent < -14 ? 42u + (unsigned)(-14 - exponent) : 42u;
    if (exponent < -14) {
        fraction |= 1ull << 52;
        half = drop < 64 ? (uint32_t)(fraction >> drop) : 0;
    } else {
        if (exponent > 15) {
            up = round == 0 || (round == 1 && !sign) || (round == 2 && sign);
            return sign | (up ? HALF_INFINITY : HALF_MAX);
        }
        half = (uint32_t)(exponent + 15) << 10 | (uint32_t)(fraction >> 42);
    }
    rest = drop < 64 ? fraction & ((1ull << drop) - 1) : fraction;
    tie = drop < 64 ? 1ull << (drop - 1) : UINT64_MAX;
    if (round == 0)
        up = rest > tie || (rest == tie && half & 1);
    else
        up = rest && ((round == 1 && !sign) || (round == 2 && sign));
    return sign | (half + up); /* a carry runs into the exponent, and into infinity, as it should */
}

static inline unsigned half_round(uint32_t mode)
{
    return mode >> SG_MODE_ROUND64_SHIFT & 3;
}

/* x * y + z of doubles that came from halves, sticky in the last bit: half_of_double() then rounds
 * it once. */
static inline double fma_of_halves(double x, double y, double z)
{
    double product = x * y, sum = product + z; /* the product is exact */
    double t = sum - product, error = (product - (sum - t)) + (z - t);
    uint64_t bits = f64_bits(sum);

    if (error != 0 && !(bits & 1) && !__builtin_isinf(sum))
        bits += (error > 0) == (sum > 0) ? 1 : UINT64_MAX;
    return as_f64(bits);
}

#endif
