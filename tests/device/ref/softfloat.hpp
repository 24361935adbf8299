// SPDX-License-Identifier: MIT
// IEEE arithmetic in integers, for the reference model: sums, products and fused multiply-adds are
// exact numbers that are rounded once, in any of the four rounding modes. Uses no floating point of
// the host, so that the executor and its reference cannot share a mistake of MXCSR or of a
// compiler.
#ifndef HS_TESTS_REF_SOFTFLOAT_HPP
#define HS_TESTS_REF_SOFTFLOAT_HPP

#include <cstdint>

namespace soft
{
using u64 = uint64_t;
using u128 = unsigned __int128;

struct Format {
    unsigned exponent, fraction; // bits
    constexpr unsigned bits() const
    {
        return 1 + exponent + fraction;
    }
    constexpr int bias() const
    {
        return (1 << (exponent - 1)) - 1;
    }
    constexpr u64 sign() const
    {
        return 1ull << (exponent + fraction);
    }
    constexpr u64 infinity() const
    {
        return ((1ull << exponent) - 1) << fraction;
    }
    constexpr u64 quiet() const
    {
        return 1ull << (fraction - 1);
    }
    constexpr u64 default_nan() const
    {
        return infinity() | quiet();
    }
};
constexpr Format F16{5, 10}, BF16{8, 7}, F32{8, 23}, F64{11, 52};

inline bool is_nan(Format f, u64 v)
{
    return (v & ~f.sign()) > f.infinity();
}
inline bool is_infinite(Format f, u64 v)
{
    return (v & ~f.sign()) == f.infinity();
}
inline bool is_zero(Format f, u64 v)
{
    return (v & ~f.sign()) == 0;
}
inline bool is_denormal(Format f, u64 v)
{
    return !is_zero(f, v) && (v & f.infinity()) == 0;
}
inline u64 flush(Format f, u64 v, bool keep)
{
    return !keep && is_denormal(f, v) ? v & f.sign() : v;
}

// The first NaN among the sources, quieted, or the positive default: how AMD's documents leave it
// open and softgpu has it.
inline u64 nan_of(Format f, u64 a, u64 b, u64 c)
{
    return is_nan(f, a)   ? a | f.quiet()
           : is_nan(f, b) ? b | f.quiet()
           : is_nan(f, c) ? c | f.quiet()
                          : f.default_nan();
}

// (-1)^negative * m * 2^e
struct Exact {
    bool negative = false;
    u128 m = 0;
    int e = 0;
};

inline int top_bit(u128 m) // -1: zero
{
    u64 high = static_cast<u64>(m >> 64), low = static_cast<u64>(m);
    return high ? 127 - __builtin_clzll(high) : low ? 63 - __builtin_clzll(low) : -1;
}

inline Exact value(Format f, u64 v) // finite
{
    u64 fraction = v & ((1ull << f.fraction) - 1);
    int exponent = static_cast<int>((v & f.infinity()) >> f.fraction);
    Exact x;
    x.negative = v & f.sign();
    x.m = exponent ? fraction | 1ull << f.fraction : fraction;
    x.e = (exponent ? exponent : 1) - f.bias() - static_cast<int>(f.fraction);
    return x;
}

inline Exact multiply(Exact a, Exact b)
{
    return {a.negative != b.negative, a.m * b.m, a.e + b.e};
}

// Both moved up to bit 125; bits that the smaller one loses are ORed into its lowest.
inline Exact sum(Exact a, Exact b, unsigned round)
{
    if (!a.m || !b.m) {
        if (!a.m && !b.m)
            return {a.negative == b.negative ? a.negative : round == 2, 0, 0};
        return a.m ? a : b;
    }
    for (Exact *x : {&a, &b}) {
        const int up = 125 - top_bit(x->m);
        x->m = up >= 0 ? x->m << up : x->m >> -up | ((x->m & ((u128(1) << -up) - 1)) != 0);
        x->e -= up;
    }
    if (a.e < b.e || (a.e == b.e && a.m < b.m)) {
        Exact t = a;
        a = b;
        b = t;
    }
    int down = a.e - b.e;
    b.m = down > 126 ? 1 : b.m >> down | ((b.m & ((u128(1) << down) - 1)) != 0);
    if (a.negative == b.negative)
        return {a.negative, a.m + b.m, a.e};
    if (a.m == b.m)
        return {round == 2, 0, 0};
    return {a.negative, a.m - b.m, a.e};
}

// round: 0 nearest even, 1 up, 2 down, 3 to zero.
inline u64 rounded(Format f, Exact x, unsigned round)
{
    const u64 sign = x.negative ? f.sign() : 0;
    if (!x.m)
        return sign;
    const int lowest = 1 - f.bias() - static_cast<int>(f.fraction); // of denormals
    int unit = x.e + top_bit(x.m) - static_cast<int>(f.fraction);   // of the last place
    if (unit < lowest)
        unit = lowest;
    u128 kept = x.m, rest = 0, half = 0;
    if (int drop = unit - x.e; drop > 127) {
        kept = 0, rest = 1, half = 2;
    } else if (drop > 0) {
        kept = x.m >> drop, rest = x.m & ((u128(1) << drop) - 1), half = u128(1) << (drop - 1);
    } else {
        kept = x.m << -drop;
    }
    const bool away = round == 0   ? rest > half || (rest == half && rest && (kept & 1))
                      : round == 1 ? rest && !x.negative
                      : round == 2 ? rest && x.negative
                                   : false;
    kept += away;
    if (top_bit(kept) > static_cast<int>(f.fraction))
        kept >>= 1, unit++;
    u64 fraction = static_cast<u64>(kept);
    if (fraction < 1ull << f.fraction)
        return sign | fraction;
    const int exponent = unit + static_cast<int>(f.fraction) + f.bias();
    if (exponent >= (1 << f.exponent) - 1) {
        bool infinite = round == 0 || (round == 1 && !x.negative) || (round == 2 && x.negative);
        return sign | (infinite ? f.infinity() : f.infinity() - 1);
    }
    return sign | static_cast<u64>(exponent) << f.fraction |
           (fraction & ((1ull << f.fraction) - 1));
}

inline u64 add(Format f, u64 a, u64 b, unsigned round)
{
    if (is_nan(f, a) || is_nan(f, b) ||
        (is_infinite(f, a) && is_infinite(f, b) && ((a ^ b) & f.sign())))
        return nan_of(f, a, b, 0);
    if (is_infinite(f, a) || is_infinite(f, b))
        return is_infinite(f, a) ? a : b;
    return rounded(f, sum(value(f, a), value(f, b), round), round);
}

inline u64 mul(Format f, u64 a, u64 b, unsigned round)
{
    const u64 sign = (a ^ b) & f.sign();
    if (is_nan(f, a) || is_nan(f, b) || (is_infinite(f, a) && is_zero(f, b)) ||
        (is_infinite(f, b) && is_zero(f, a)))
        return nan_of(f, a, b, 0);
    if (is_infinite(f, a) || is_infinite(f, b))
        return sign | f.infinity();
    return rounded(f, multiply(value(f, a), value(f, b)), round);
}

inline u64 fma(Format f, u64 a, u64 b, u64 c, unsigned round)
{
    const u64 sign = (a ^ b) & f.sign();
    const bool infinite = is_infinite(f, a) || is_infinite(f, b);
    if (is_nan(f, a) || is_nan(f, b) || is_nan(f, c) || (is_infinite(f, a) && is_zero(f, b)) ||
        (is_infinite(f, b) && is_zero(f, a)) ||
        (infinite && is_infinite(f, c) && (c & f.sign()) != sign))
        return nan_of(f, a, b, c);
    if (infinite)
        return sign | f.infinity();
    if (is_infinite(f, c))
        return c;
    return rounded(f, sum(multiply(value(f, a), value(f, b)), value(f, c), round), round);
}

// From one format to another; a NaN keeps its sign and the upper bits of its fraction.
inline u64 convert(Format from, Format to, u64 v, unsigned round)
{
    const u64 sign = v & from.sign() ? to.sign() : 0;
    if (is_nan(from, v)) {
        u64 fraction = v & ((1ull << from.fraction) - 1);
        fraction = to.fraction > from.fraction ? fraction << (to.fraction - from.fraction)
                                               : fraction >> (from.fraction - to.fraction);
        return sign | to.infinity() | to.quiet() | fraction;
    }
    if (is_infinite(from, v))
        return sign | to.infinity();
    return rounded(to, value(from, v), round);
}

inline u64 from_integer(Format to, __int128 v, unsigned round)
{
    return rounded(to, {v < 0, static_cast<u128>(v < 0 ? -v : v), 0}, round);
}

inline u64 scale(Format f, u64 v, int64_t power, unsigned round) // ldexp
{
    if (is_nan(f, v))
        return v | f.quiet();
    if (is_infinite(f, v) || is_zero(f, v))
        return v;
    Exact x = value(f, v);
    x.e += static_cast<int>(power < -5000 ? -5000 : power > 5000 ? 5000 : power);
    return rounded(f, x, round);
}
} // namespace soft

#endif
