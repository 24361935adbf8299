// SPDX-License-Identifier: MIT
// The reference model of the vector ALU: see isa_model.hpp. Sections are those of the Vega ISA
// document.
#include "isa_model.hpp"

#include "ref/softfloat.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace
{
using u32 = uint32_t;
using u64 = uint64_t;
using i32 = int32_t;
using i64 = int64_t;
using u128 = unsigned __int128;
using i128 = __int128;
typedef _Float16 half;

float F(u64 v)
{
    return std::bit_cast<float>(static_cast<u32>(v));
}
double D(u64 v)
{
    return std::bit_cast<double>(v);
}
half H(u64 v)
{
    return std::bit_cast<half>(static_cast<uint16_t>(v));
}
bool nan32(u64 v)
{
    return std::isnan(F(v));
}
bool nan64(u64 v)
{
    return std::isnan(D(v));
}
bool nan16(u64 v)
{
    return (v & 0x7fff) > 0x7c00;
}

// A result that is NaN is the first NaN source, quieted, or the positive default NaN.
u64 R(float r, u64 x, u64 y = 0, u64 z = 0)
{
    if (!std::isnan(r))
        return std::bit_cast<u32>(r);
    return nan32(x)   ? (x | 0x400000) & 0xffffffff
           : nan32(y) ? y | 0x400000
           : nan32(z) ? z | 0x400000
                      : 0x7fc00000;
}
u64 R(double r, u64 x, u64 y = 0, u64 z = 0)
{
    const u64 quiet = 1ull << 51;
    if (!std::isnan(r))
        return std::bit_cast<u64>(r);
    return nan64(x) ? x | quiet : nan64(y) ? y | quiet : nan64(z) ? z | quiet : 0x7ff8000000000000;
}
u64 R(half r, u64 x, u64 y = 0, u64 z = 0)
{
    u64 bits = std::bit_cast<uint16_t>(r);
    if (!nan16(bits))
        return bits;
    return (nan16(x) ? x | 0x200 : nan16(y) ? y | 0x200 : nan16(z) ? z | 0x200 : 0x7e00) & 0xffff;
}

i64 sx(u64 v, unsigned bits)
{
    i64 m = 1ll << (bits - 1);
    v &= bits == 64 ? ~0ull : (1ull << bits) - 1;
    return static_cast<i64>(v ^ static_cast<u64>(m)) - m;
}

i64 limit(i128 v, i64 low, i64 high)
{
    return v < low ? low : v > high ? high : static_cast<i64>(v);
}

// Saturated to the type's range under clamp, else wrapped by the caller's truncation.
u64 sat(const Lane &x, i128 v, i64 low, i64 high)
{
    return static_cast<u64>(x.clamp ? limit(v, low, high) : static_cast<i64>(v));
}

const i64 I32_MIN = INT32_MIN, I32_MAX = INT32_MAX, U32_MAX = UINT32_MAX;

template <typename T> u64 smaller(const Lane &lane, u64 x, u64 y, bool max)
{
    // IEEE mode: a signalling NaN wins, quieted; a quiet NaN loses; -0 < +0.
    const bool ieee = lane.mode & 0x200;
    constexpr bool is64 = sizeof(T) == 8, is16 = sizeof(T) == 2;
    const u64 quiet = is64 ? 1ull << 51 : is16 ? 0x200 : 0x400000;
    auto nan = [](u64 v) { return is64 ? nan64(v) : is16 ? nan16(v) : nan32(v); };
    auto value = [](u64 v) -> double {
        return is64 ? D(v) : is16 ? static_cast<double>(H(v)) : static_cast<double>(F(v));
    };
    if (ieee && nan(x) && !(x & quiet))
        return x | quiet;
    if (ieee && nan(y) && !(y & quiet))
        return y | quiet;
    if (nan(x))
        return y;
    if (nan(y))
        return x;
    double p = value(x), q = value(y);
    if (p == q)
        return (std::signbit(p) != max) ? x : y;
    return (max ? p > q : p < q) ? x : y;
}

// The cube map face of a direction: the axis with the largest magnitude, z before y before x. For
// each axis the signed components that become s and t (index 0..2: x, y, z) for its + and - side.
template <typename T> T cube(T x, T y, T z, int what)
{
    const T v[3] = {x, y, z};
    const bool z_first = std::abs(z) >= std::abs(x) && std::abs(z) >= std::abs(y);
    const int axis = z_first ? 2 : std::abs(y) >= std::abs(x) ? 1 : 0;
    const bool minus = v[axis] < 0;
    switch (what) {
    case 0:
        return T(2 * axis + minus);
    case 1: // +x: -z, -x: z, y: x, +z: x, -z: -x
        return axis == 0 ? (minus ? z : -z) : axis == 1 ? x : minus ? -x : x;
    case 2: // x: -y, +y: z, -y: -z, z: -y
        return axis == 1 ? (minus ? -z : z) : -y;
    default:
        return 2 * v[axis];
    }
}

template <typename T> u64 middle(const Lane &lane, u64 x, u64 y, u64 z)
{
    constexpr bool is16 = sizeof(T) == 2;
    auto nan = [](u64 v) { return is16 ? nan16(v) : nan32(v); };
    if (nan(x) || nan(y) || nan(z))
        return smaller<T>(lane, smaller<T>(lane, x, y, false), z, false);
    u64 top = smaller<T>(lane, smaller<T>(lane, x, y, true), z, true);
    return top == x   ? smaller<T>(lane, y, z, true)
           : top == y ? smaller<T>(lane, x, z, true)
                      : smaller<T>(lane, x, y, true);
}

template <typename T> T mid(T x, T y, T z)
{
    T v[3] = {x, y, z};
    std::sort(v, v + 3);
    return v[1];
}

u64 bytes_difference(u64 x, u64 y, bool masked)
{
    u64 sum = 0;
    for (int k = 0; k < 4; k++) {
        int p = x >> (8 * k) & 255, q = y >> (8 * k) & 255;
        sum += masked && q == 0 ? 0 : static_cast<u64>(std::abs(p - q));
    }
    return sum;
}

u64 permute(u64 x, u64 y, u64 z)
{
    u64 data = x << 32 | y, r = 0;
    for (int k = 0; k < 4; k++) {
        unsigned s = z >> (8 * k) & 255;
        u64 byte = s < 8     ? data >> (8 * s) & 255
                   : s < 12  ? (data >> (16 * (s - 7) - 1) & 1) * 255
                   : s == 12 ? 0
                             : 255;
        r |= byte << (8 * k);
    }
    return r;
}

u64 to_integer(double v, double low, double high)
{
    if (std::isnan(v))
        return 0;
    return static_cast<u64>(static_cast<i64>(std::min(std::max(std::trunc(v), low), high)));
}

u64 norm(double v, double scale, bool is_signed)
{
    if (std::isnan(v))
        v = 0;
    v = std::min(std::max(v, is_signed ? -1.0 : 0.0), 1.0);
    return static_cast<u64>(static_cast<i64>(std::nearbyint(
               static_cast<double>(static_cast<float>(v) * static_cast<float>(scale))))) &
           0xffff;
}

double fract(double x, double below_one)
{
    return std::isinf(x) ? NAN : std::min(x - std::floor(x), below_one);
}

u64 class_bit(u64 v, unsigned exponent_bits, unsigned fraction_bits)
{
    u64 fraction = v & ((1ull << fraction_bits) - 1),
        exponent = v >> fraction_bits & ((1ull << exponent_bits) - 1);
    bool negative = v >> (exponent_bits + fraction_bits) & 1;
    if (exponent == (1ull << exponent_bits) - 1) {
        if (fraction)
            return fraction >> (fraction_bits - 1) ? 2 : 1;
        return negative ? 4 : 0x200;
    }
    if (exponent)
        return negative ? 8 : 0x100;
    if (fraction)
        return negative ? 0x10 : 0x80;
    return negative ? 0x20 : 0x40;
}

using Table = std::map<std::string, Model>;

#define M(name, types, expression)                                                                 \
    t[name] = {types,                                                                              \
               [](Lane &x) -> u64 {                                                                \
                   [[maybe_unused]] const u64 a = x.a, b = x.b, c = x.c;                           \
                   return static_cast<u64>(expression);                                            \
               },                                                                                  \
               false};
#define MC(name, types, expression)                                                                \
    M(name, types, expression)                                                                     \
    t[name].has_clamp = true;

void add_integers(Table &t)
{
    MC("v_add_u32", "i:ii", sat(x, i128(a) + b, 0, U32_MAX))
    MC("v_sub_u32", "i:ii", sat(x, i128(a) - b, 0, U32_MAX))
    MC("v_subrev_u32", "i:ii", sat(x, i128(b) - a, 0, U32_MAX))
    MC("v_add_i32", "i:ii", sat(x, i128(sx(a, 32)) + sx(b, 32), I32_MIN, I32_MAX))
    MC("v_sub_i32", "i:ii", sat(x, i128(sx(a, 32)) - sx(b, 32), I32_MIN, I32_MAX))
    M("v_and_b32", "i:ii", a & b)
    M("v_or_b32", "i:ii", a | b)
    M("v_xor_b32", "i:ii", a ^ b)
    M("v_xnor_b32", "i:ii", ~(a ^ b))
    M("v_min_i32", "i:ii", std::min(sx(a, 32), sx(b, 32)))
    M("v_max_i32", "i:ii", std::max(sx(a, 32), sx(b, 32)))
    M("v_min_u32", "i:ii", std::min(a, b))
    M("v_max_u32", "i:ii", std::max(a, b))
    M("v_lshrrev_b32", "i:ii", b >> a % 32)
    M("v_ashrrev_i32", "i:ii", sx(b, 32) >> a % 32)
    M("v_lshlrev_b32", "i:ii", b << a % 32)
    M("v_mul_lo_u32", "i:ii", a * b)
    M("v_mul_hi_u32", "i:ii", a * b >> 32)
    M("v_mul_hi_i32", "i:ii", sx(a, 32) * sx(b, 32) >> 32)
    M("v_mul_u32_u24", "i:ii", a % 0x1000000 * (b % 0x1000000))
    M("v_mul_hi_u32_u24", "i:ii", a % 0x1000000 * (b % 0x1000000) >> 32)
    M("v_mul_i32_i24", "i:ii", sx(a, 24) * sx(b, 24))
    M("v_mul_hi_i32_i24", "i:ii", sx(a, 24) * sx(b, 24) >> 32)
    M("v_bfm_b32", "i:ii", ((1ull << a % 32) - 1) << b % 32)
    M("v_bcnt_u32_b32", "i:ii", static_cast<u64>(std::popcount(a)) + b)
    M("v_mbcnt_lo_u32_b32", "i:ii",
      static_cast<u64>(std::popcount(a & ((x.lane < 32 ? 1ull << x.lane : 1ull << 32) - 1))) + b)
    M("v_mbcnt_hi_u32_b32", "i:ii",
      static_cast<u64>(std::popcount(x.lane < 32 ? 0 : a & ((1ull << (x.lane - 32)) - 1))) + b)
    M("v_pack_b32_f16", "i:hh", a | b << 16)
    M("v_mov_b32", "i:i", a)
    M("v_not_b32", "i:i", ~a)
    M("v_bfrev_b32", "i:i", [](u64 v) {
        u64 r = 0;
        for (int k = 0; k < 32; k++)
            r = r << 1 | (v >> k & 1);
        return r;
    }(a))
    M("v_ffbh_u32", "i:i", a ? std::countl_zero(static_cast<u32>(a)) : -1)
    M("v_ffbl_b32", "i:i", a ? std::countr_zero(a) : -1)
    M("v_ffbh_i32", "i:i", [](u64 v) {
        u32 f = static_cast<u32>(sx(v, 32) < 0 ? ~v : v);
        return f ? std::countl_zero(f) : -1;
    }(a))
    M("v_sat_pk_u8_i16", "i:i", limit(sx(a, 16), 0, 255) | limit(sx(a >> 16, 16), 0, 255) << 8)
    MC("v_mad_i32_i24", "i:iii", sat(x, i128(sx(a, 24)) * sx(b, 24) + sx(c, 32), I32_MIN, I32_MAX))
    MC("v_mad_u32_u24", "i:iii", sat(x, i128(a % 0x1000000) * (b % 0x1000000) + c, 0, U32_MAX))
    M("v_bfe_u32", "i:iii", a >> b % 32 & ((1ull << c % 32) - 1))
    M("v_bfe_i32", "i:iii", c % 32 ? sx(static_cast<u64>(sx(a, 32) >> b % 32), c % 32) : 0)
    M("v_bfi_b32", "i:iii", (a & b) | (~a & c))
    M("v_lerp_u8", "i:iii", [](u64 p, u64 q, u64 r) {
        u64 d = 0;
        for (int k = 0; k < 4; k++)
            d |= ((p >> 8 * k & 255) + (q >> 8 * k & 255) + (r >> 8 * k & 1)) / 2 << 8 * k;
        return d;
    }(a, b, c))
    M("v_alignbit_b32", "i:iii", (a << 32 | b) >> c % 32)
    M("v_alignbyte_b32", "i:iii", (a << 32 | b) >> c % 4 * 8)
    M("v_min3_i32", "i:iii", std::min({sx(a, 32), sx(b, 32), sx(c, 32)}))
    M("v_max3_i32", "i:iii", std::max({sx(a, 32), sx(b, 32), sx(c, 32)}))
    M("v_med3_i32", "i:iii", mid(sx(a, 32), sx(b, 32), sx(c, 32)))
    M("v_min3_u32", "i:iii", std::min({a, b, c}))
    M("v_max3_u32", "i:iii", std::max({a, b, c}))
    M("v_med3_u32", "i:iii", mid(a, b, c))
    MC("v_sad_u8", "i:iii", sat(x, i128(bytes_difference(a, b, false)) + c, 0, U32_MAX))
    MC("v_sad_hi_u8", "i:iii", sat(x, (i128(bytes_difference(a, b, false)) << 16) + c, 0, U32_MAX))
    MC("v_sad_u16", "i:iii",
       sat(x,
           i128(std::abs(i64(a & 0xffff) - i64(b & 0xffff))) +
               std::abs(i64(a >> 16) - i64(b >> 16)) + c,
           0, U32_MAX))
    MC("v_sad_u32", "i:iii", sat(x, i128(a > b ? a - b : b - a) + c, 0, U32_MAX))
    MC("v_msad_u8", "i:iii", sat(x, i128(bytes_difference(a, b, true)) + c, 0, U32_MAX))
    M("v_perm_b32", "i:iii", permute(a, b, c))
    M("v_xad_u32", "i:iii", (a ^ b) + c)
    M("v_lshl_add_u32", "i:iii", (a << b % 32) + c)
    M("v_add_lshl_u32", "i:iii", (a + b) << c % 32)
    M("v_add3_u32", "i:iii", a + b + c)
    M("v_lshl_or_b32", "i:iii", a << b % 32 | c)
    M("v_and_or_b32", "i:iii", (a & b) | c)
    M("v_or3_b32", "i:iii", a | b | c)
    MC("v_mad_u32_u16", "i:ssi", sat(x, i128(a) * b + c, 0, U32_MAX))
    MC("v_mad_i32_i16", "i:ssi", sat(x, i128(sx(a, 16)) * sx(b, 16) + sx(c, 32), I32_MIN, I32_MAX))
    M("v_lshlrev_b64", "l:il", b << a % 64)
    M("v_lshrrev_b64", "l:il", b >> a % 64)
    M("v_ashrrev_i64", "l:il", static_cast<i64>(b) >> a % 64)
    M("v_cndmask_b32", "i:ff?", x.carry_in ? b : a)
    M("v_add_co_u32", "i:ii+", (x.carry_out = a + b > UINT32_MAX, a + b))
    M("v_sub_co_u32", "i:ii+", (x.carry_out = b > a, a - b))
    M("v_subrev_co_u32", "i:ii+", (x.carry_out = a > b, b - a))
    M("v_addc_co_u32", "i:ii+?",
      (x.carry_out = a + b + x.carry_in > UINT32_MAX, a + b + x.carry_in))
    M("v_subb_co_u32", "i:ii+?", (x.carry_out = b + x.carry_in > a, a - b - x.carry_in))
    M("v_subbrev_co_u32", "i:ii+?", (x.carry_out = a + x.carry_in > b, b - a - x.carry_in))
    M("v_mad_u64_u32", "l:iil+",
      (x.carry_out = static_cast<bool>((u128(a) * b + c) >> 64), a * b + c))
    M("v_mad_i64_i32", "l:iil+", [](Lane &v) {
        i128 s = i128(sx(v.a, 32)) * sx(v.b, 32) + static_cast<i64>(v.c);
        v.carry_out = s != static_cast<i64>(s);
        return static_cast<i64>(s);
    }(x))
}

void add_halfwords(Table &t){
    MC("v_add_u16", "s:ss", sat(x, i128(a) + b, 0, 0xffff)) MC("v_sub_u16", "s:ss",
                                                               sat(x, i128(a) - b, 0, 0xffff))
        MC("v_subrev_u16", "s:ss",
           sat(x, i128(b) - a, 0, 0xffff)) MC("v_add_i16", "s:ss^",
                                              sat(x, i128(sx(a, 16)) + sx(b, 16), -32768, 32767))
            MC("v_sub_i16", "s:ss^",
               sat(x, i128(sx(a, 16)) - sx(b, 16), -32768, 32767)) M("v_mul_lo_u16", "s:ss", a *b)
                M("v_lshlrev_b16", "s:ss", b << a % 16) M("v_lshrrev_b16", "s:ss", b >> a % 16)
                    M("v_ashrrev_i16", "s:ss",
                      sx(b, 16) >> a % 16) M("v_max_u16", "s:ss",
                                             std::max(a, b)) M("v_min_u16", "s:ss", std::min(a, b))
                        M("v_max_i16", "s:ss", std::max(sx(a, 16), sx(b, 16)))
                            M("v_min_i16", "s:ss", std::min(sx(a, 16), sx(b, 16)))
                                MC("v_mad_u16", "s:sss^", sat(x, i128(a) * b + c, 0, 0xffff))
                                    MC("v_mad_i16", "s:sss^",
                                       sat(x, i128(sx(a, 16)) * sx(b, 16) + sx(c, 16), -32768,
                                           32767)) M("v_min3_i16", "s:sss^",
                                                     std::min({sx(a, 16), sx(b, 16), sx(c, 16)}))
                                        M("v_max3_i16", "s:sss^",
                                          std::max({sx(a, 16), sx(b, 16), sx(c, 16)}))
                                            M("v_med3_i16", "s:sss^",
                                              mid(sx(a, 16), sx(b, 16), sx(c, 16)))
                                                M("v_min3_u16", "s:sss^", std::min({a, b, c}))
                                                    M("v_max3_u16", "s:sss^", std::max({a, b, c}))
                                                        M("v_med3_u16", "s:sss^", mid(a, b, c))}

u64 minus32(u64 v)
{
    return nan32(v) ? v : v ^ 0x80000000;
}
u64 minus16(u64 v)
{
    return nan16(v) ? v : v ^ 0x8000;
}

// Zero times anything is zero.
u64 mul_legacy(const Lane &x, u64 a, u64 b)
{
    return soft::is_zero(soft::F32, a) || soft::is_zero(soft::F32, b)
               ? 0
               : soft::mul(soft::F32, a, b, x.round32());
}

// Unfused: the product is rounded, then the sum; of fp32 denormals are flushed at both places.
u64 mad(soft::Format f, u64 a, u64 b, u64 c, unsigned round)
{
    const u64 product = soft::flush(f, soft::mul(f, a, b, round), f.fraction != soft::F32.fraction);
    return soft::is_nan(f, product) ? soft::nan_of(f, a, b, c)
           : soft::is_nan(f, c)     ? c | f.quiet()
                                    : soft::add(f, product, c, round);
}

void add_floats(Table &t)
{
    M("v_add_f32", "f:ff@", soft::add(soft::F32, a, b, x.round32()))
    M("v_sub_f32", "f:ff@", soft::add(soft::F32, a, minus32(b), x.round32()))
    M("v_subrev_f32", "f:ff@", soft::add(soft::F32, minus32(a), b, x.round32()))
    M("v_mul_f32", "f:ff@", soft::mul(soft::F32, a, b, x.round32()))
    M("v_mul_legacy_f32", "f:ff@", mul_legacy(x, a, b))
    M("v_cubeid_f32", "f:fff", R(cube<float>(F(a), F(b), F(c), 0), a, b, c))
    M("v_cubesc_f32", "f:fff", R(cube<float>(F(a), F(b), F(c), 1), a, b, c))
    M("v_cubetc_f32", "f:fff", R(cube<float>(F(a), F(b), F(c), 2), a, b, c))
    M("v_cubema_f32", "f:fff", R(cube<float>(F(a), F(b), F(c), 3), a, b, c))
    M("v_fma_f32", "f:fff@", soft::fma(soft::F32, a, b, c, x.round32()))
    M("v_fmac_f32", "f:ff=@", soft::fma(soft::F32, a, b, c, x.round32()))
    M("v_min_f32", "f:ff@", smaller<float>(x, a, b, false))
    M("v_max_f32", "f:ff@", smaller<float>(x, a, b, true))
    M("v_min3_f32", "f:fff@", smaller<float>(x, smaller<float>(x, a, b, false), c, false))
    M("v_max3_f32", "f:fff@", smaller<float>(x, smaller<float>(x, a, b, true), c, true))
    M("v_med3_f32", "f:fff@", middle<float>(x, a, b, c))
    M("v_fract_f32", "f:f", R(static_cast<float>(fract(F(a), 0x1.fffffep-1)), a))
    M("v_trunc_f32", "f:f", R(std::trunc(F(a)), a))
    M("v_ceil_f32", "f:f", R(std::ceil(F(a)), a))
    M("v_floor_f32", "f:f", R(std::floor(F(a)), a))
    M("v_rndne_f32", "f:f", R(std::nearbyint(F(a)), a))
    M("v_rcp_f32", "f:f~", R(1 / F(a), a))
    M("v_rcp_iflag_f32", "f:f~", R(1 / F(a), a))
    M("v_rsq_f32", "f:f~", R(static_cast<float>(1 / std::sqrt(static_cast<long double>(F(a)))), a))
    M("v_sqrt_f32", "f:f~", R(std::sqrt(F(a)), a))
    M("v_exp_f32", "f:f~", R(static_cast<float>(exp2l(F(a))), a))
    M("v_log_f32", "f:f~", R(static_cast<float>(log2l(F(a))), a))
    M("v_frexp_mant_f32", "f:f", [](u64 v) {
        int e;
        return R(std::frexp(F(v), &e), v);
    }(a))
    M("v_frexp_exp_i32_f32", "i:f", [](u64 v) {
        int e = 0;
        if (std::isfinite(F(v)))
            (void)std::frexp(F(v), &e);
        return e;
    }(a))
    M("v_ldexp_f32", "f:fi@", soft::scale(soft::F32, a, sx(b, 32), x.round32()))
    M("v_add_f64", "d:dd@", soft::add(soft::F64, a, b, x.round64()))
    M("v_mul_f64", "d:dd@", soft::mul(soft::F64, a, b, x.round64()))
    M("v_fma_f64", "d:ddd@", soft::fma(soft::F64, a, b, c, x.round64()))
    M("v_fmac_f64", "d:dd=@", soft::fma(soft::F64, a, b, c, x.round64()))
    M("v_min_f64", "d:dd@", smaller<double>(x, a, b, false))
    M("v_max_f64", "d:dd@", smaller<double>(x, a, b, true))
    M("v_fract_f64", "d:d", R(fract(D(a), 0x1.fffffffffffffp-1), a))
    M("v_trunc_f64", "d:d", R(std::trunc(D(a)), a))
    M("v_ceil_f64", "d:d", R(std::ceil(D(a)), a))
    M("v_floor_f64", "d:d", R(std::floor(D(a)), a))
    M("v_rndne_f64", "d:d", R(std::nearbyint(D(a)), a))
    M("v_rcp_f64", "d:d~", R(1 / D(a), a))
    M("v_sqrt_f64", "d:d~", R(std::sqrt(D(a)), a))
    M("v_rsq_f64", "d:d~", R(static_cast<double>(1 / std::sqrt(static_cast<long double>(D(a)))), a))
    M("v_frexp_mant_f64", "d:d", [](u64 v) {
        int e;
        return R(std::frexp(D(v), &e), v);
    }(a))
    M("v_frexp_exp_i32_f64", "i:d", [](u64 v) {
        int e = 0;
        if (std::isfinite(D(v)))
            (void)std::frexp(D(v), &e);
        return e;
    }(a))
    M("v_ldexp_f64", "d:di@", soft::scale(soft::F64, a, sx(b, 32), x.round64()))
}

void add_halves(Table &t)
{
    M("v_add_f16", "h:hh@", soft::add(soft::F16, a, b, x.round64()))
    M("v_sub_f16", "h:hh@", soft::add(soft::F16, a, minus16(b), x.round64()))
    M("v_subrev_f16", "h:hh@", soft::add(soft::F16, minus16(a), b, x.round64()))
    M("v_mul_f16", "h:hh@", soft::mul(soft::F16, a, b, x.round64()))
    M("v_fma_f16", "h:hhh^@", soft::fma(soft::F16, a, b, c, x.round64()))
    M("v_min_f16", "h:hh@", smaller<half>(x, a, b, false))
    M("v_max_f16", "h:hh@", smaller<half>(x, a, b, true))
    M("v_min3_f16", "h:hhh^@", smaller<half>(x, smaller<half>(x, a, b, false), c, false))
    M("v_max3_f16", "h:hhh^@", smaller<half>(x, smaller<half>(x, a, b, true), c, true))
    M("v_med3_f16", "h:hhh^@", middle<half>(x, a, b, c))
    M("v_floor_f16", "h:h", R(static_cast<half>(std::floor(double(H(a)))), a))
    M("v_ceil_f16", "h:h", R(static_cast<half>(std::ceil(double(H(a)))), a))
    M("v_trunc_f16", "h:h", R(static_cast<half>(std::trunc(double(H(a)))), a))
    M("v_rndne_f16", "h:h", R(static_cast<half>(std::nearbyint(double(H(a)))), a))
    M("v_fract_f16", "h:h", R(static_cast<half>(fract(double(H(a)), 0x1.ffcp-1)), a))
    M("v_rcp_f16", "h:h~", R(static_cast<half>(1 / double(H(a))), a))
    M("v_sqrt_f16", "h:h~", R(static_cast<half>(std::sqrt(double(H(a)))), a))
    M("v_rsq_f16", "h:h~", R(static_cast<half>(1 / std::sqrt(double(H(a)))), a))
    M("v_exp_f16", "h:h~", R(static_cast<half>(std::exp2(double(H(a)))), a))
    M("v_log_f16", "h:h~", R(static_cast<half>(std::log2(double(H(a)))), a))
    M("v_ldexp_f16", "h:hs@", soft::scale(soft::F16, a, sx(b, 16), x.round64()))
}

void add_conversions(Table &t)
{
    using namespace soft;
    M("v_cvt_i32_f32", "i:f", to_integer(F(a), -0x1p31, 0x1p31 - 1));
    M("v_cvt_u32_f32", "i:f", to_integer(F(a), 0, 0x1p32 - 1));
    M("v_cvt_i32_f64", "i:d", to_integer(D(a), -0x1p31, 0x1p31 - 1));
    M("v_cvt_u32_f64", "i:d", to_integer(D(a), 0, 0x1p32 - 1));
    M("v_cvt_flr_i32_f32", "i:f", to_integer(std::floor(F(a)), -0x1p31, 0x1p31 - 1));
    M("v_cvt_rpi_i32_f32", "i:f", to_integer(std::floor(double(F(a)) + 0.5), -0x1p31, 0x1p31 - 1));
    M("v_cvt_f32_i32", "f:i@", from_integer(F32, sx(a, 32), x.round32()));
    M("v_cvt_f32_u32", "f:i@", from_integer(F32, a, x.round32()));
    M("v_cvt_f64_i32", "d:i", from_integer(F64, sx(a, 32), 0));
    M("v_cvt_f64_u32", "d:i", from_integer(F64, a, 0));
    M("v_cvt_f32_f64", "f:d@", convert(F64, F32, a, x.round32()));
    M("v_cvt_f64_f32", "d:f@", convert(F32, F64, a, 0));
    M("v_cvt_f16_f32", "h:f@", convert(F32, F16, a, x.round64()));
    M("v_cvt_f32_f16", "f:h@", convert(F16, F32, a, 0));
    for (unsigned k = 0; k < 4; k++)
        t["v_cvt_f32_ubyte" + std::to_string(k)] = {
            "f:i", [k](Lane &x) { return from_integer(F32, x.a >> 8 * k & 255, 0); }, false};
    M("v_cvt_off_f32_i4", "f:i", scale(F32, from_integer(F32, sx(a, 4), 0), -4, 0));
    M("v_cvt_f16_u16", "h:s@", from_integer(F16, a, x.round64()));
    M("v_cvt_f16_i16", "h:s@", from_integer(F16, sx(a, 16), x.round64()));
    M("v_cvt_u16_f16", "s:h", to_integer(double(H(a)), 0, 65535));
    M("v_cvt_i16_f16", "s:h", to_integer(double(H(a)), -32768, 32767));
    M("v_cvt_pkrtz_f16_f32", "i:ff", convert(F32, F16, a, 3) | convert(F32, F16, b, 3) << 16);
    M("v_cvt_pk_u16_u32", "i:ii", std::min<u64>(a, 65535) | std::min<u64>(b, 65535) << 16);
    M("v_cvt_pk_i16_i32", "i:ii",
      (limit(sx(a, 32), -32768, 32767) & 0xffff) | (limit(sx(b, 32), -32768, 32767) & 0xffff)
                                                       << 16);
    M("v_cvt_pknorm_i16_f32", "i:ff", norm(F(a), 32767, true) | norm(F(b), 32767, true) << 16);
    M("v_cvt_pknorm_u16_f32", "i:ff", norm(F(a), 65535, false) | norm(F(b), 65535, false) << 16);
    M("v_cvt_pknorm_i16_f16", "i:hh",
      norm(double(H(a)), 32767, true) | norm(double(H(b)), 32767, true) << 16);
    M("v_cvt_pknorm_u16_f16", "i:hh",
      norm(double(H(a)), 65535, false) | norm(double(H(b)), 65535, false) << 16);
    M("v_cvt_norm_i16_f16", "s:h", norm(double(H(a)), 32767, true));
    M("v_cvt_norm_u16_f16", "s:h", norm(double(H(a)), 65535, false));
    M("v_cvt_pk_u8_f32", "i:fii", [](u64 p, u64 q, u64 r) {
        const u64 byte =
            std::isnan(F(p)) ? 0 : static_cast<u64>(std::nearbyint(std::clamp(F(p), 0.0f, 255.0f)));
        return (r & ~(0xffull << 8 * (q % 4))) | byte << 8 * (q % 4);
    }(a, b, c));
}

// Sines and cosines of a number of turns; the argument's range is [-256, 256].
double turn(double v, bool cosine)
{
    if (std::isinf(v) || std::isnan(v))
        return NAN;
    if (std::fabs(v) > 256)
        return cosine;
    if (v == 0)
        return cosine ? 1 : v;
    const double quarters = 4 * (v - std::nearbyint(v));
    if (quarters == std::nearbyint(quarters))
        return cosine ? 1 - std::fabs(quarters) : std::fabs(quarters) == 1 ? quarters : 0;
    const long double angle = 1.57079632679489661923132169163975144L * quarters;
    return static_cast<double>(cosine ? cosl(angle) : sinl(angle));
}

// Numerator z / denominator y as v_div_scale, v_div_fmas and v_div_fixup have it. In the third case
// the document multiplies the denominator by 2^64, which would overflow where its reciprocal is a
// denormal: it is 2^-64.
template <typename T>
u64 div_scale(Lane &lane, soft::Format f, u64 x, u64 y, u64 z, int step, int near_top, int tiny)
{
    auto exponent = [f](u64 v) { return static_cast<int>((v & f.infinity()) >> f.fraction); };
    auto value = [](u64 v) {
        if constexpr (sizeof(T) == 4)
            return F(v);
        else
            return D(v);
    };
    auto denormal = [](T v) { return v != 0 && std::fabs(v) < std::numeric_limits<T>::min(); };
    if (soft::is_zero(f, y) || soft::is_zero(f, z))
        return f.default_nan();
    if (soft::is_nan(f, x))
        return x | f.quiet();
    const bool reciprocal = denormal(T(1) / value(y)), quotient = denormal(value(z) / value(y));
    bool flag = false;
    int by = 0;
    if (exponent(z) - exponent(y) >= near_top)
        flag = true, by = x == y ? step : 0;
    else if (soft::is_denormal(f, y))
        by = step;
    else if (reciprocal && quotient)
        flag = true, by = x == y ? -step : 0;
    else if (reciprocal)
        by = -step;
    else if (quotient)
        flag = true, by = x == z ? step : 0;
    else if (exponent(z) <= tiny)
        by = step;
    lane.carry_out = flag;
    return soft::scale(f, x, by, 0);
}

u64 div_fmas(const Lane &lane, soft::Format f, int step)
{
    using namespace soft;
    u64 plain = soft::fma(f, lane.a, lane.b, lane.c, 0);
    if (!lane.carry_in || is_nan(f, plain) || is_infinite(f, lane.a) || is_infinite(f, lane.b) ||
        is_infinite(f, lane.c))
        return plain;
    Exact exact = sum(multiply(value(f, lane.a), value(f, lane.b)), value(f, lane.c), 0);
    const int exponent = static_cast<int>((lane.c & f.infinity()) >> f.fraction);
    exact.e += exponent > f.bias() ? step : -step;
    return rounded(f, exact, 0);
}

// x: quotient. A quotient that is no number, of operands that are, has overflowed on the way.
u64 div_fixup(soft::Format f, int underflow, u64 x, u64 y, u64 z)
{
    using namespace soft;
    const u64 sign = (y ^ z) & f.sign();
    auto exponent = [f](u64 v) { return static_cast<int>((v & f.infinity()) >> f.fraction); };
    if (is_nan(f, z))
        return z | f.quiet();
    if (is_nan(f, y))
        return y | f.quiet();
    if ((is_zero(f, y) && is_zero(f, z)) || (is_infinite(f, y) && is_infinite(f, z)))
        return f.sign() | f.default_nan();
    if (is_zero(f, y) || is_infinite(f, z))
        return sign | f.infinity();
    if (is_infinite(f, y) || is_zero(f, z))
        return sign;
    if (underflow && exponent(z) - exponent(y) < underflow)
        return sign;
    if (underflow && is_nan(f, x))
        return sign | f.infinity();
    return sign | (x & ~f.sign());
}

void add_division(Table &t)
{
    M("v_div_scale_f32", "f:fff+", div_scale<float>(x, soft::F32, a, b, c, 64, 96, 23));
    M("v_div_scale_f64", "d:ddd+", div_scale<double>(x, soft::F64, a, b, c, 128, 768, 53));
    M("v_div_fmas_f32", "f:fffv", div_fmas(x, soft::F32, 64));
    M("v_div_fmas_f64", "d:dddv", div_fmas(x, soft::F64, 128));
    M("v_div_fixup_f32", "f:fff", div_fixup(soft::F32, -150, a, b, c));
    M("v_div_fixup_f64", "d:ddd", div_fixup(soft::F64, -1075, a, b, c));
    M("v_div_fixup_f16", "h:hhh^", div_fixup(soft::F16, 0, a, b, c));
    M("v_div_fixup_legacy_f16", "h:hhh", div_fixup(soft::F16, 0, a, b, c));
}

// Sums of absolute differences of four bytes at b (masked where b's byte is zero) in the eight of
// a.
u64 quad_sad(u64 a, u64 b, u64 c, bool masked)
{
    u64 r = 0;
    for (unsigned k = 0; k < 4; k++) {
        const u64 sum =
            bytes_difference(a >> 8 * k & 0xffffffff, b, masked) + (c >> 16 * k & 0xffff);
        r |= (sum & 0xffff) << 16 * k;
    }
    return r;
}

// A fixed-point number: a word before the point, the most significant first.
struct Fixed {
    u32 w[44] = {};
    bool zero() const
    {
        return std::all_of(w, w + 44, [](u32 v) { return v == 0; });
    }
    Fixed times(u32 factor) const
    {
        Fixed r;
        u64 carry = 0;
        for (int i = 43; i >= 0; i--) {
            carry += u64(w[i]) * factor;
            r.w[i] = static_cast<u32>(carry);
            carry >>= 32;
        }
        return r;
    }
    Fixed over(u32 divisor) const
    {
        Fixed r;
        u64 rest = 0;
        for (int i = 0; i < 44; i++) {
            rest = rest << 32 | w[i];
            r.w[i] = static_cast<u32>(rest / divisor);
            rest %= divisor;
        }
        return r;
    }
    Fixed plus(const Fixed &b, bool minus) const
    {
        Fixed r;
        i64 carry = 0;
        for (int i = 43; i >= 0; i--) {
            carry += i64(w[i]) + (minus ? -i64(b.w[i]) : i64(b.w[i]));
            r.w[i] = static_cast<u32>(carry);
            carry >>= 32;
        }
        return r;
    }
};

Fixed arctangent_of_one_over(u32 n)
{
    Fixed power, sum;
    power.w[0] = 1;
    power = power.over(n);
    for (u32 k = 1; !power.zero(); k += 2) {
        sum = sum.plus(power.over(k), k % 4 == 3);
        power = power.over(n * n);
    }
    return sum;
}

// The 1201 bits of 2/pi behind the point, by Machin's formula and long division.
const std::vector<bool> &two_over_pi()
{
    static const std::vector<bool> bits = [] {
        const Fixed pi =
            arctangent_of_one_over(5).times(16).plus(arctangent_of_one_over(239).times(4), true);
        Fixed rest;
        rest.w[0] = 2;
        std::vector<bool> all;
        for (unsigned i = 0; i < 1202; i++) {
            const bool fits = !std::lexicographical_compare(rest.w, rest.w + 44, pi.w, pi.w + 44);
            if (fits)
                rest = rest.plus(pi, true);
            rest = rest.times(2);
            if (i)
                all.push_back(fits);
        }
        return all;
    }();
    return bits;
}

// 53 bits of it, from the place that the segment and a large exponent select ("V_TRIG_PREOP_F64").
u64 trig_preop(u64 v, u64 segment)
{
    const int exponent = static_cast<int>(v >> 52 & 2047),
              shift = static_cast<int>(segment % 32) * 53 + std::max(0, exponent - 1077);
    soft::Exact x;
    for (unsigned i = 0; i < 53; i++) {
        const size_t at = static_cast<size_t>(shift) + i;
        x.m = x.m << 1 | (at < two_over_pi().size() && two_over_pi()[at]);
    }
    x.e = -53 - shift + (exponent >= 1968 ? 128 : 0);
    return soft::rounded(soft::F64, x, 0);
}

void add_others(Table &t)
{
    using namespace soft;
    M("v_sin_f32", "f:f~", R(static_cast<float>(turn(F(a), false)), a));
    M("v_cos_f32", "f:f~", R(static_cast<float>(turn(F(a), true)), a));
    M("v_sin_f16", "h:h~", R(static_cast<half>(turn(double(H(a)), false)), a));
    M("v_cos_f16", "h:h~", R(static_cast<half>(turn(double(H(a)), true)), a));
    M("v_frexp_mant_f16", "h:h", [](u64 v) {
        int e;
        return R(static_cast<half>(std::frexp(double(H(v)), &e)), v);
    }(a));
    M("v_frexp_exp_i16_f16", "s:h", [](u64 v) {
        int e = 0;
        if (std::isfinite(double(H(v))))
            (void)std::frexp(double(H(v)), &e);
        return e;
    }(a));
    for (const char *name : {"v_mad_f32", "v_madmk_f32", "v_madak_f32"})
        M(name, "f:fff@!", mad(F32, a, b, c, x.round32()));
    M("v_mac_f32", "f:ff=@!", mad(F32, a, b, c, x.round32()));
    M("v_mad_legacy_f32", "f:fff@!",
      is_zero(F32, a) || is_zero(F32, b)
          ? (is_nan(F32, c) ? soft::nan_of(F32, a, b, c) : soft::add(F32, 0, c, x.round32()))
          : mad(F32, a, b, c, x.round32()));
    M("v_mad_f16", "h:hhh^@", mad(F16, a, b, c, x.round64()));
    for (const char *name : {"v_mad_legacy_f16", "v_madmk_f16", "v_madak_f16"})
        M(name, "h:hhh@", mad(F16, a, b, c, x.round64()));
    M("v_mac_f16", "h:hh=@", mad(F16, a, b, c, x.round64()));
    M("v_fma_legacy_f16", "h:hhh@", soft::fma(F16, a, b, c, x.round64()));
    M("v_trig_preop_f64", "d:di", trig_preop(a, b))
    M("v_qsad_pk_u16_u8", "l:lil", quad_sad(a, b, c, false));
    M("v_mqsad_pk_u16_u8", "l:lil", quad_sad(a, b, c, true));
    t["v_mad_legacy_u16"] = t["v_mad_u16"];
    t["v_mad_legacy_i16"] = t["v_mad_i16"];
    for (const char *name : {"v_mad_legacy_u16", "v_mad_legacy_i16"})
        t[name].types = "s:sss";
    t["v_exp_legacy_f32"] = t["v_exp_f32"];
    t["v_log_legacy_f32"] = t["v_log_f32"];
    M("v_dot2c_i32_i16",
      "i:pp=", sx(a, 16) * sx(b, 16) + sx(a >> 16, 16) * sx(b >> 16, 16) + sx(c, 32));
    M("v_dot4c_i32_i8", "i:ii=", [](u64 p, u64 q, u64 r) {
        for (unsigned k = 0; k < 32; k += 8)
            r += static_cast<u64>(sx(p >> k, 8) * sx(q >> k, 8));
        return r;
    }(a, b, c));
    M("v_dot8c_i32_i4", "i:ii=", [](u64 p, u64 q, u64 r) {
        for (unsigned k = 0; k < 32; k += 4)
            r += static_cast<u64>(sx(p >> k, 4) * sx(q >> k, 4));
        return r;
    }(a, b, c));
    M("v_dot2c_f32_f16", "i:pp=", model_dot2(a, b, c, true));
}

#define COMPARE(suffix, type, value)                                                               \
    M("v_cmp_lt_" suffix, "m:" type, value(a) < value(b))                                          \
    M("v_cmp_eq_" suffix, "m:" type, value(a) == value(b))                                         \
    M("v_cmp_le_" suffix, "m:" type, value(a) <= value(b))                                         \
    M("v_cmp_gt_" suffix, "m:" type, value(a) > value(b))                                          \
    M("v_cmp_ge_" suffix, "m:" type, value(a) >= value(b))                                         \
    M("v_cmp_f_" suffix, "m:" type, false)
#define COMPARE_INT(suffix, type, value)                                                           \
    COMPARE(suffix, type, value)                                                                   \
    M("v_cmp_ne_" suffix, "m:" type, value(a) != value(b))                                         \
    M("v_cmp_t_" suffix, "m:" type, true)
#define COMPARE_FLOAT(suffix, type, value)                                                         \
    COMPARE(suffix, type, value)                                                                   \
    M("v_cmp_lg_" suffix, "m:" type, value(a) < value(b) || value(a) > value(b))                   \
    M("v_cmp_o_" suffix, "m:" type, value(a) == value(a) && value(b) == value(b))                  \
    M("v_cmp_u_" suffix, "m:" type, value(a) != value(a) || value(b) != value(b))                  \
    M("v_cmp_nge_" suffix, "m:" type, !(value(a) >= value(b)))                                     \
    M("v_cmp_nlg_" suffix, "m:" type, !(value(a) < value(b) || value(a) > value(b)))               \
    M("v_cmp_ngt_" suffix, "m:" type, !(value(a) > value(b)))                                      \
    M("v_cmp_nle_" suffix, "m:" type, !(value(a) <= value(b)))                                     \
    M("v_cmp_neq_" suffix, "m:" type, !(value(a) == value(b)))                                     \
    M("v_cmp_nlt_" suffix, "m:" type, !(value(a) < value(b)))                                      \
    M("v_cmp_tru_" suffix, "m:" type, true)

i64 S64(u64 v)
{
    return static_cast<i64>(v);
}
i64 S32(u64 v)
{
    return sx(v, 32);
}
i64 S16(u64 v)
{
    return sx(v, 16);
}
u64 U(u64 v)
{
    return v;
}

void add_compares(Table &t)
{
    COMPARE_INT("i32", "ii", S32);
    COMPARE_INT("u32", "ii", U);
    COMPARE_INT("i64", "ll", S64);
    COMPARE_INT("u64", "ll", U);
    COMPARE_INT("i16", "ss", S16);
    COMPARE_INT("u16", "ss", U);
    COMPARE_FLOAT("f32", "ff", F);
    COMPARE_FLOAT("f64", "dd", D);
    COMPARE_FLOAT("f16", "hh", H);
    M("v_cmp_class_f32", "m:fi", (class_bit(a, 8, 23) & b) != 0);
    M("v_cmp_class_f64", "m:di", (class_bit(a, 11, 52) & b) != 0);
    M("v_cmp_class_f16", "m:hi", (class_bit(a, 5, 10) & b) != 0);
}

Table build()
{
    Table t;
    add_integers(t);
    add_halfwords(t);
    add_floats(t);
    add_halves(t);
    add_conversions(t);
    add_division(t);
    add_others(t);
    add_compares(t);
    Table result = t;
    for (auto &[name, model] : t) // v_cmpx writes EXEC too: the harness knows by the name
        if (name.rfind("v_cmp_", 0) == 0)
            result["v_cmpx_" + name.substr(6)] = model;
    return result;
}
} // namespace

uint64_t model_dot2(uint64_t a, uint64_t b, uint64_t c, bool flushes)
{
    using namespace soft;
    u64 sum = 0;
    for (unsigned at = 0; at < 32; at += 16) {
        const u64 x = convert(F16, F64, flush(F16, a >> at & 0xffff, !flushes), 0),
                  y = convert(F16, F64, flush(F16, b >> at & 0xffff, !flushes), 0);
        sum = at ? soft::add(F64, sum, soft::mul(F64, x, y, 0), 0) : soft::mul(F64, x, y, 0);
    }
    sum = soft::add(F64, sum, convert(F32, F64, flush(F32, c, !flushes), 0), 0);
    sum = is_nan(F64, sum) ? F32.default_nan() : convert(F64, F32, sum, 0);
    return flush(F32, sum, !flushes);
}

const std::map<std::string, Model> &isa_models()
{
    static const Table table = build();
    return table;
}
