/* SPDX-License-Identifier: MIT */
/*
 * What generated kernels are written in: one text, compiled by hipcc for the GPU and by clang for
 * the CPU. Instead of HIP's headers, of which a compiler run is mostly made. On the CPU a thread of
 * a workgroup is a fiber of the runner (random_runner.h); what threads tell each other goes through
 * share() there. Every operation has a result that C, or the instruction's description, defines to
 * the bit.
 */
#ifndef RANDOM_KERNELS_H
#define RANDOM_KERNELS_H

#include "random_runner.h"

typedef uint8_t u8;
typedef int8_t i8;
typedef uint16_t u16;
typedef int16_t i16;
typedef uint32_t u32;
typedef int32_t i32;
typedef uint64_t u64;
typedef int64_t i64;
typedef _Float16 half;
typedef u16 u16x2 __attribute__((ext_vector_type(2)));
typedef i16 i16x2 __attribute__((ext_vector_type(2)));
typedef half halfx2 __attribute__((ext_vector_type(2)));
typedef float floatx2 __attribute__((ext_vector_type(2)));
typedef u32 u32x2 __attribute__((ext_vector_type(2)));
typedef u32 u32x4 __attribute__((ext_vector_type(4)));

#ifdef __HIP__
#define ON_GPU 1
#define KERNEL extern "C" __attribute__((global))
#define FN static __attribute__((device))
#define LDS static __attribute__((shared))
#define TABLE static __attribute__((constant)) const
#else
#define ON_GPU 0
#define KERNEL static
#define FN static
#define LDS static
#define TABLE static const
#endif
#define OP FN inline __attribute__((always_inline))
#define NOINLINE FN __attribute__((noinline))

struct State {
    u64 acc;
    u32 fuel; /* what loops and calls may still do */
};

/* Places. */

#if ON_GPU
OP u32 thread_x()
{
    return __builtin_amdgcn_workitem_id_x();
}
OP u32 thread_y()
{
    return __builtin_amdgcn_workitem_id_y();
}
OP u32 thread_z()
{
    return __builtin_amdgcn_workitem_id_z();
}
OP u32 group_x()
{
    return __builtin_amdgcn_workgroup_id_x();
}
OP u32 group_size_x()
{
    return __builtin_amdgcn_workgroup_size_x();
}
OP u32 grid_size_x()
{
    return __builtin_amdgcn_grid_size_x();
}
OP u32 mbcnt(u64 mask, u32 base)
{
    return __builtin_amdgcn_mbcnt_hi((u32)(mask >> 32), __builtin_amdgcn_mbcnt_lo((u32)mask, base));
}
OP void barrier()
{
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}
OP void wave_barrier()
{
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "wavefront");
    __builtin_amdgcn_wave_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "wavefront");
}
extern "C" __attribute__((shared)) u8 dynamic_lds_bytes[];
OP u8 *dynamic_lds()
{
    return dynamic_lds_bytes;
}
#else
OP u32 thread_x()
{
    return runner_self->x;
}
OP u32 thread_y()
{
    return runner_self->y;
}
OP u32 thread_z()
{
    return runner_self->z;
}
OP u32 group_x()
{
    return runner_self->group;
}
OP u32 group_size_x()
{
    return runner_self->size_x;
}
OP u32 grid_size_x()
{
    return runner_self->size_x * runner_self->groups;
}
OP u32 mbcnt(u64 mask, u32 base)
{
    return base + (u32)__builtin_popcountll(mask & ((1ull << runner_self->lane) - 1));
}
OP void barrier()
{
    runner_barrier();
}
OP void wave_barrier()
{
    runner_share(0, runner_self->wave_lanes, 0);
}
OP u8 *dynamic_lds()
{
    return runner_dynamic_lds;
}
#endif
OP u32 lane_id()
{
    return mbcnt(~0ull, 0);
}

/* Numbers: NaN bits are not defined by C, they never reach an integer. */

OP u64 bits_of(float x)
{
    u32 b;
    if (x != x)
        return 0x7fc00000u;
    __builtin_memcpy(&b, &x, 4);
    return b;
}
OP u64 bits_of(double x)
{
    u64 b;
    if (x != x)
        return 0x7ff8000000000000u;
    __builtin_memcpy(&b, &x, 8);
    return b;
}
OP u64 bits_of(half x)
{
    u16 b;
    if (x != x)
        return 0x7e00u;
    __builtin_memcpy(&b, &x, 2);
    return b;
}
OP u64 bits_of(u64 x)
{
    return x;
}
OP float float_of(float x)
{
    return x != x ? 1.5f : x;
}
OP double double_of(double x)
{
    return x != x ? 2.5 : x;
}
OP float float_from(u64 v)
{
    u32 b = (u32)v;
    float x;
    __builtin_memcpy(&x, &b, 4);
    return float_of(x);
}
OP double double_from(u64 b)
{
    double x;
    __builtin_memcpy(&x, &b, 8);
    return double_of(x);
}
OP half half_from(u64 v)
{
    u16 b = (u16)v;
    half x;
    __builtin_memcpy(&x, &b, 2);
    return x != x ? (half)1.5f : x;
}
OP i64 to_int(double x)
{
    return x > -9e18 && x < 9e18 ? (i64)x : 7;
}
OP i32 to_int(float x)
{
    return x > -2e9f && x < 2e9f ? (i32)x : 7;
}
OP i16 to_int(half x)
{
    return x > (half)-32000.f && x < (half)32000.f ? (i16)(i32)(float)x : 7;
}
OP u32 to_unsigned(float x)
{
    return x >= 0.f && x < 4e9f ? (u32)x : 9;
}
OP u32 mix(u32 x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

/* + 0: min and max of zeros of both signs may be either. */
OP float min_of(float a, float b)
{
    return __builtin_fminf(a, b) + 0.f;
}
OP float max_of(float a, float b)
{
    return __builtin_fmaxf(a, b) + 0.f;
}
OP double min_of(double a, double b)
{
    return __builtin_fmin(a, b) + 0.;
}
OP double max_of(double a, double b)
{
    return __builtin_fmax(a, b) + 0.;
}
OP float with_sign(float a, float b)
{
    return __builtin_copysignf(a, float_of(b));
}
OP double with_sign(double a, double b)
{
    return __builtin_copysign(a, b != b ? 1. : b);
}
OP float fused(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}
OP double fused(double a, double b, double c)
{
    return __builtin_fma(a, b, c);
}

#if ON_GPU
extern "C" __attribute__((device)) float __ocml_sqrt_f32(float), __ocml_ldexp_f32(float, int),
    __ocml_fmod_f32(float, float);
extern "C" __attribute__((device)) double __ocml_sqrt_f64(double), __ocml_ldexp_f64(double, int);
OP float root(float x)
{
    return __ocml_sqrt_f32(__builtin_fabsf(x));
}
OP double root(double x)
{
    return __ocml_sqrt_f64(__builtin_fabs(x));
}
OP float scaled(float x, int e)
{
    return __ocml_ldexp_f32(x, e);
}
OP double scaled(double x, int e)
{
    return __ocml_ldexp_f64(x, e);
}
OP float remainder_of(float a, float b)
{
    return __ocml_fmod_f32(a, b);
}
OP float fraction(float x)
{
    return __builtin_amdgcn_fractf(x);
}
OP double fraction(double x)
{
    return __builtin_amdgcn_fract(x);
}
OP float mantissa(float x)
{
    return __builtin_amdgcn_frexp_mantf(x);
}
OP double mantissa(double x)
{
    return __builtin_amdgcn_frexp_mant(x);
}
OP i32 exponent(float x)
{
    return __builtin_amdgcn_frexp_expf(x);
}
OP i32 exponent(double x)
{
    return __builtin_amdgcn_frexp_exp(x);
}
OP float median(float a, float b, float c)
{
    return __builtin_amdgcn_fmed3f(float_of(a), float_of(b), float_of(c)) + 0.f;
}
OP bool is_class(float x, u32 mask)
{
    return __builtin_amdgcn_classf(x, (int)(mask & 0x3fc));
}
OP half half_add(half a, half b)
{
    return a + b;
}
OP half half_sub(half a, half b)
{
    return a - b;
}
OP half half_mul(half a, half b)
{
    return a * b;
}
OP half half_fma(half a, half b, half c)
{
    return __builtin_fmaf16(a, b, c);
}
OP u32 pack_rtz(float a, float b)
{
    auto v = __builtin_amdgcn_cvt_pkrtz(float_of(a), float_of(b));
    u32 bits;
    __builtin_memcpy(&bits, &v, 4);
    return bits;
}
#else
OP float root(float x)
{
    return __builtin_sqrtf(__builtin_fabsf(x));
}
OP double root(double x)
{
    return __builtin_sqrt(__builtin_fabs(x));
}
OP float scaled(float x, int e)
{
    return __builtin_ldexpf(x, e);
}
OP double scaled(double x, int e)
{
    return __builtin_ldexp(x, e);
}
OP float remainder_of(float a, float b)
{
    return __builtin_fmodf(a, b);
}
OP float fraction(float x)
{
    float f = x - __builtin_floorf(x);
    return f > 0x1.fffffep-1f ? 0x1.fffffep-1f : f;
}
OP double fraction(double x)
{
    double f = x - __builtin_floor(x);
    return f > 0x1.fffffffffffffp-1 ? 0x1.fffffffffffffp-1 : f;
}
OP float mantissa(float x)
{
    int e;
    return __builtin_isfinite(x) ? __builtin_frexpf(x, &e) : x;
}
OP double mantissa(double x)
{
    int e;
    return __builtin_isfinite(x) ? __builtin_frexp(x, &e) : x;
}
OP i32 exponent(float x)
{
    int e = 0;
    if (__builtin_isfinite(x))
        (void)__builtin_frexpf(x, &e);
    return e;
}
OP i32 exponent(double x)
{
    int e = 0;
    if (__builtin_isfinite(x))
        (void)__builtin_frexp(x, &e);
    return e;
}
OP float median(float a, float b, float c)
{
    a = float_of(a), b = float_of(b), c = float_of(c);
    float low = a < b ? a : b, high = a < b ? b : a;
    return (c < low ? low : c > high ? high : c) + 0.f;
}
/* V_CMP_CLASS: bits 2..9 are -inf, -normal, -denormal, -0, +0, +denormal, +normal, +inf; NaNs are
 * left out. */
OP bool is_class(float x, u32 mask)
{
    u32 b;
    __builtin_memcpy(&b, &x, 4);
    if (x != x)
        return false;
    u32 magnitude = b & 0x7fffffffu;
    u32 kind = magnitude == 0x7f800000u ? 3 : magnitude >= 0x800000u ? 2 : magnitude ? 1 : 0;
    return mask >> (b >> 31 ? 5 - kind : 6 + kind) & 1;
}
/* Each rounds once: a product or sum of halves is exact in float or rounds there with enough bits
 * to spare. */
OP half half_add(half a, half b)
{
    return (half)((float)a + (float)b);
}
OP half half_sub(half a, half b)
{
    return (half)((float)a - (float)b);
}
OP half half_mul(half a, half b)
{
    return (half)((float)a * (float)b);
}
OP half half_fma(half a, half b, half c)
{
    return (half)((double)a * (double)b + (double)c);
}
OP u32 half_rtz(float x)
{
    u32 b;
    __builtin_memcpy(&b, &x, 4);
    u32 sign = b >> 16 & 0x8000u, magnitude = b & 0x7fffffffu;
    if (magnitude >= 0x7f800000u)
        return sign | 0x7c00u;
    if (magnitude >= 0x47800000u)
        return sign | 0x7bffu;
    if (magnitude >= 0x38800000u)
        return sign | (magnitude - 0x38000000u) >> 13;
    u32 shift = 126 - (magnitude >> 23);
    return sign | (shift > 31 ? 0 : ((magnitude & 0x7fffffu) | 0x800000u) >> shift);
}
OP u32 pack_rtz(float a, float b)
{
    return half_rtz(float_of(a)) | half_rtz(float_of(b)) << 16;
}
#endif
OP half half_min(half a, half b)
{
    return half_add(a < b ? a : b, (half)0.f);
}

/* What the compiler must know nothing of: it has mistakes that are not softgpu's. See its users. */
OP u32 opaque(u32 v)
{
#if ON_GPU
    __asm__("" : "+v"(v));
#endif
    return v;
}
/*
 * For variables that a loop changed, behind it. LLVM 15 keeps a comparison of the loop's last round
 * in a lane mask and uses it there for lanes that had left earlier, whose bits the last round
 * cleared: it must not know that it is the same.
 */
template <class T> OP void settle(T &v)
{
#if ON_GPU
    if constexpr (sizeof(T) >= 4) {
        __asm__("" : "+v"(v));
    } else {
        u32 wide = 0;
        __builtin_memcpy(&wide, &v, sizeof(v));
        __asm__("" : "+v"(wide));
        __builtin_memcpy(&v, &wide, sizeof(v));
    }
#endif
}
/* LLVM 15 takes an integer inline constant of a packed operand for zero in its high half, where it
 * is the sign (SIFoldOperands, updateOperand; mended by llvm-project pull request 76522): no
 * constant may get there. */
OP u16x2 packed(u32 v)
{
    v = opaque(v);
    return u16x2{(u16)v, (u16)(v >> 16)};
}
OP u32 unpacked(u16x2 v)
{
    return v.x | (u32)v.y << 16;
}
OP u32 unpacked(i16x2 v)
{
    return (u16)v.x | (u32)(u16)v.y << 16;
}
OP i16x2 packed_signed(u32 v)
{
    v = opaque(v);
    return i16x2{(i16)v, (i16)(v >> 16)};
}
OP u32 add_pairs(u32 a, u32 b)
{
    return unpacked(packed(a) + packed(b));
}
OP u32 sub_pairs(u32 a, u32 b)
{
    return unpacked(packed(a) - packed(b));
}
OP u32 mad_pairs(u32 a, u32 b, u32 c)
{
    return unpacked(packed(a) * packed(b) + packed(c));
}
OP u32 shift_pairs(u32 a, u32 n)
{
    return unpacked(packed_signed(a) >> (i16x2)(i16)(n & 15)) ^
           unpacked(packed(a) << (u16x2)(u16)(n & 15));
}
OP u32 max_pairs(u32 a, u32 b)
{
    return unpacked(__builtin_elementwise_max(packed(a), packed(b))) ^
           unpacked(__builtin_elementwise_min(packed_signed(a), packed_signed(b)));
}
OP u64 fma_pairs(u32 a, u32 b, u32 c)
{
#if ON_GPU
    a = opaque(a), b = opaque(b), c = opaque(c);
    halfx2 x = {half_from(a), half_from(a >> 16)}, y = {half_from(b), half_from(b >> 16)},
           z = {half_from(c), half_from(c >> 16)};
    halfx2 p = x * y, s = p + z;
    s = __builtin_elementwise_max(s, halfx2{(half)-8.f, (half)-16.f});
    return bits_of((half)(s.x + (half)0.f)) | bits_of((half)(s.y + (half)0.f)) << 16;
#else
    half s = half_add(half_mul(half_from(a), half_from(b)), half_from(c));
    half t = half_add(half_mul(half_from(a >> 16), half_from(b >> 16)), half_from(c >> 16));
    s = s > (half)-8.f ? s : (half)-8.f;
    t = t > (half)-16.f ? t : (half)-16.f;
    return bits_of(half_add(s, (half)0.f)) | bits_of(half_add(t, (half)0.f)) << 16;
#endif
}
OP u64 float_pairs(float a, float b, float c, float d)
{
    floatx2 x = {a, b}, y = {c, d}, p = x * y + x, q = {fused(p.x, a, c), fused(p.y, b, d)};
    return bits_of(q.x) + bits_of(q.y - p.x) * 3;
}

/* Integer instructions that C has no operator for. */

#if ON_GPU
OP u32 field(u32 x, u32 at, u32 bits)
{
    return __builtin_amdgcn_ubfe(x, at & 31, bits & 31);
}
OP i32 signed_field(u32 x, u32 at, u32 bits)
{
    return (i32)__builtin_amdgcn_sbfe((i32)x, at & 31, bits & 31);
}
OP u32 permuted(u32 a, u32 b, u32 s)
{
    return __builtin_amdgcn_perm(a, b, s & 0x0f070707u);
}
OP u32 aligned_bits(u32 a, u32 b, u32 s)
{
    return __builtin_amdgcn_alignbit(a, b, s & 31);
}
OP u32 aligned_bytes(u32 a, u32 b, u32 s)
{
    return __builtin_amdgcn_alignbyte(a, b, s & 3);
}
OP u32 sad8(u32 a, u32 b, u32 c)
{
    return __builtin_amdgcn_sad_u8(a, b, c);
}
OP u32 sad16(u32 a, u32 b, u32 c)
{
    return __builtin_amdgcn_sad_u16(a, b, c);
}
OP u32 lerp(u32 a, u32 b, u32 c)
{
    return __builtin_amdgcn_lerp(a, b, c);
}
OP u32 dot_unsigned(u32 a, u32 b, u32 c)
{
    return __builtin_amdgcn_udot4(a, b, c, false);
}
OP u32 dot_signed(u32 a, u32 b, u32 c)
{
    return (u32)__builtin_amdgcn_sdot4((i32)a, (i32)b, (i32)c, false);
}
OP u32 dot_nibbles(u32 a, u32 b, u32 c)
{
    return __builtin_amdgcn_udot8(a, b, c, false);
}
OP u32 dot_pairs(u32 a, u32 b, u32 c)
{
    typedef short s16x2 __attribute__((ext_vector_type(2)));
    return (u32)__builtin_amdgcn_sdot2(s16x2{(i16)a, (i16)(a >> 16)}, s16x2{(i16)b, (i16)(b >> 16)},
                                       (i32)c, false);
}
OP u32 pack_saturated(u32 a, u32 b)
{
    auto v = __builtin_amdgcn_cvt_pk_i16((i32)a, (i32)b);
    u32 bits;
    __builtin_memcpy(&bits, &v, 4);
    return bits;
}
#else
OP u32 field(u32 x, u32 at, u32 bits)
{
    return x >> (at & 31) & ((1u << (bits & 31)) - 1);
}
OP i32 signed_field(u32 x, u32 at, u32 bits)
{
    at &= 31, bits &= 31;
    i32 shifted = (i32)x >> at;
    return bits == 0        ? 0
           : at + bits < 32 ? (i32)((u32)shifted << (32 - bits)) >> (32 - bits)
                            : shifted;
}
/* V_PERM_B32: selectors 0..7 bytes of b then a, 8..11 signs of its odd bytes, 12 zero, above 0xff.
 */
OP u32 permuted(u32 a, u32 b, u32 s)
{
    u64 bytes = (u64)a << 32 | b;
    u32 result = 0;
    s &= 0x0f070707u;
    for (u32 k = 0; k < 4; k++) {
        u32 n = s >> 8 * k & 255;
        u32 byte = n < 8     ? (u32)(bytes >> 8 * n) & 255
                   : n < 12  ? (bytes >> (16 * (n - 8) + 15) & 1 ? 255 : 0)
                   : n == 12 ? 0
                             : 255;
        result |= byte << 8 * k;
    }
    return result;
}
OP u32 aligned_bits(u32 a, u32 b, u32 s)
{
    return (u32)(((u64)a << 32 | b) >> (s & 31));
}
OP u32 aligned_bytes(u32 a, u32 b, u32 s)
{
    return (u32)(((u64)a << 32 | b) >> 8 * (s & 3));
}
OP u32 sad8(u32 a, u32 b, u32 c)
{
    for (u32 k = 0; k < 32; k += 8) {
        u32 x = a >> k & 255, y = b >> k & 255;
        c += x > y ? x - y : y - x;
    }
    return c;
}
OP u32 sad16(u32 a, u32 b, u32 c)
{
    for (u32 k = 0; k < 32; k += 16) {
        u32 x = a >> k & 65535, y = b >> k & 65535;
        c += x > y ? x - y : y - x;
    }
    return c;
}
OP u32 lerp(u32 a, u32 b, u32 c)
{
    u32 result = 0;
    for (u32 k = 0; k < 32; k += 8)
        result |= ((a >> k & 255) + (b >> k & 255) + (c >> k & 1)) >> 1 << k;
    return result;
}
OP u32 dot_unsigned(u32 a, u32 b, u32 c)
{
    for (u32 k = 0; k < 32; k += 8)
        c += (a >> k & 255) * (b >> k & 255);
    return c;
}
OP u32 dot_signed(u32 a, u32 b, u32 c)
{
    for (u32 k = 0; k < 32; k += 8)
        c += (u32)((i8)(a >> k) * (i8)(b >> k));
    return c;
}
OP u32 dot_nibbles(u32 a, u32 b, u32 c)
{
    for (u32 k = 0; k < 32; k += 4)
        c += (a >> k & 15) * (b >> k & 15);
    return c;
}
OP u32 dot_pairs(u32 a, u32 b, u32 c)
{
    return c + (u32)((i16)a * (i16)b) + (u32)((i16)(a >> 16) * (i16)(b >> 16));
}
OP u32 saturated(u32 v)
{
    return (u16)((i32)v < -32768 ? -32768 : (i32)v > 32767 ? 32767 : (i32)v);
}
OP u32 pack_saturated(u32 a, u32 b)
{
    return saturated(a) | saturated(b) << 16;
}
#endif
/*
 * LLVM 15 divides as unsigned 24-bit numbers, in floating point, operands that look sign-extended
 * (AMDGPUCodeGenPrepare counts sign bits for unsigned divisions too), and 64-bit ones that are
 * 32-bit numbers zero-extended.
 */
template <class T> OP T quotient(T a, T b)
{
    settle(a);
    settle(b);
    return a / (b | 1);
}
template <class T> OP T rest(T a, T b)
{
    settle(a);
    settle(b);
    return a % (b | 1);
}
OP u32 add_limited(u32 a, u32 b)
{
    return __builtin_elementwise_add_sat(a, b);
}
OP u32 sub_limited(u32 a, u32 b)
{
    return __builtin_elementwise_sub_sat(a, b);
}
OP i32 add_limited(i32 a, i32 b)
{
    return __builtin_elementwise_add_sat(a, b);
}
OP u16 add_limited(u16 a, u16 b)
{
    return __builtin_elementwise_add_sat(a, b);
}
/* LLVM 15 multiplies a zero-extended value whose 32 bits are a sign-extended short with
 * v_mul_hi_i32_i24. */
OP u64 wide_mad(u32 a, u32 b, u64 c)
{
    return (u64)opaque(a) * opaque(b) + c;
}
OP u64 carries(u64 a, u64 b)
{
    u64 sum, difference;
    u64 over = __builtin_add_overflow(a, b, &sum);
    over |= (u64)__builtin_sub_overflow(a, b, &difference) << 1;
    return sum ^ (difference << 2 | over);
}

/* Memory. */

template <class T> OP T load(const u8 *p)
{
    T v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}
template <class T> OP void store(u8 *p, T v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}
template <class T> OP T load_aligned(const u8 *p)
{
    return *(const T *)p;
}
template <class T> OP void store_aligned(u8 *p, T v)
{
    *(T *)p = v;
}

#if ON_GPU
#define ATOMIC(name, builtin)                                                                      \
    template <class T> OP T name(T *p, T v)                                                        \
    {                                                                                              \
        return builtin(p, v, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);                          \
    }
ATOMIC(atomic_add, __hip_atomic_fetch_add)
ATOMIC(atomic_and, __hip_atomic_fetch_and)
ATOMIC(atomic_or, __hip_atomic_fetch_or)
ATOMIC(atomic_xor, __hip_atomic_fetch_xor)
ATOMIC(atomic_min, __hip_atomic_fetch_min)
ATOMIC(atomic_max, __hip_atomic_fetch_max)
ATOMIC(atomic_swap, __hip_atomic_exchange)
#undef ATOMIC
template <class T> OP T atomic_sub(T *p, T v)
{
    return __hip_atomic_fetch_add(p, (T)-v, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
template <class T> OP T atomic_cas(T *p, T wanted, T v)
{
    __hip_atomic_compare_exchange_strong(p, &wanted, v, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED,
                                         __HIP_MEMORY_SCOPE_AGENT);
    return wanted;
}
OP u32 atomic_wrap_inc(u32 *p, u32 v)
{
    return __builtin_amdgcn_atomic_inc32(p, v, __ATOMIC_RELAXED, "agent");
}
OP u32 atomic_wrap_dec(u32 *p, u32 v)
{
    return __builtin_amdgcn_atomic_dec32(p, v, __ATOMIC_RELAXED, "agent");
}
OP u64 atomic_wrap_inc(u64 *p, u64 v)
{
    return __builtin_amdgcn_atomic_inc64((unsigned long *)p, v, __ATOMIC_RELAXED, "agent");
}
OP u64 atomic_wrap_dec(u64 *p, u64 v)
{
    return __builtin_amdgcn_atomic_dec64((unsigned long *)p, v, __ATOMIC_RELAXED, "agent");
}
#else
#define ATOMIC(name, value)                                                                        \
    template <class T> OP T name(T *p, T v)                                                        \
    {                                                                                              \
        T old = *p;                                                                                \
        *p = value;                                                                                \
        return old;                                                                                \
    }
ATOMIC(atomic_add, old + v)
ATOMIC(atomic_sub, old - v)
ATOMIC(atomic_and, old &v)
ATOMIC(atomic_or, old | v)
ATOMIC(atomic_xor, old ^ v)
ATOMIC(atomic_min, v < old ? v : old)
ATOMIC(atomic_max, v > old ? v : old)
ATOMIC(atomic_swap, v)
ATOMIC(atomic_wrap_inc, old >= v ? 0 : old + 1)
ATOMIC(atomic_wrap_dec, old == 0 || old > v ? v : old - 1)
#undef ATOMIC
template <class T> OP T atomic_cas(T *p, T wanted, T v)
{
    T old = *p;
    if (old == wanted)
        *p = v;
    return old;
}
#endif

/*
 * Between the lanes of a wave. `level` and `lanes` say on the CPU who takes part: 0 and all(), or
 * the lanes in a branch. Full waves only where a lane reads another one by number.
 */

#if ON_GPU
OP u64 ballot(u32, u64, u32 condition)
{
    return __builtin_amdgcn_uicmp(condition, 0, 33 /* not equal */);
}
OP u32 shuffle(u32 v, u32 lane)
{
    return (u32)__builtin_amdgcn_ds_bpermute((int)(lane << 2), (int)v);
}
OP u32 push(u32 v, u32 lane)
{
    return (u32)__builtin_amdgcn_ds_permute((int)(lane << 2), (int)v);
}
OP u32 read_lane(u32 v, u32 lane)
{
    return (u32)__builtin_amdgcn_readlane((int)v, (int)lane);
}
OP u32 first_lane(u32, u64, u32 v)
{
    return (u32)__builtin_amdgcn_readfirstlane((int)v);
}
template <int PATTERN> OP u32 swizzle(u32 v)
{
    return (u32)__builtin_amdgcn_ds_swizzle((int)v, PATTERN);
}
template <int CONTROL, int ROWS, int BANKS, bool ZERO> OP u32 dpp(u32 old, u32 v)
{
    return (u32)__builtin_amdgcn_update_dpp((int)old, (int)v, CONTROL, ROWS, BANKS, ZERO);
}
#else
OP u64 ballot(u32 level, u64 lanes, u32 condition)
{
    const u32 *v = runner_share(level, lanes, condition);
    u64 mask = 0;
    for (u32 lane = 0; lane < 64; lane++)
        mask |= (u64)(lanes >> lane & 1 && v[lane]) << lane;
    return mask;
}
OP u64 all()
{
    return runner_self->wave_lanes;
}
OP u32 shuffle(u32 v, u32 lane)
{
    return runner_share(0, all(), v)[lane & 63];
}
OP u32 push(u32 v, u32 lane)
{
    const u64 both = all();
    u32 to[64];
    __builtin_memcpy(to, runner_share(0, both, lane & 63), sizeof(to));
    const u32 *values = runner_share(0, both, v);
    u32 result = 0;
    for (u32 from = 0; from < 64; from++)
        if (to[from] == runner_self->lane)
            result = values[from];
    return result;
}
OP u32 read_lane(u32 v, u32 lane)
{
    return runner_share(0, all(), v)[lane & 63];
}
OP u32 first_lane(u32 level, u64 lanes, u32 v)
{
    return runner_share(level, lanes, v)[__builtin_ctzll(lanes)];
}
template <int PATTERN> OP u32 swizzle(u32 v)
{
    const u32 *values = runner_share(0, all(), v);
    u32 lane = runner_self->lane, in = lane & 31;
    if (PATTERN & 0x8000)
        return values[(lane & ~3u) | (PATTERN >> 2 * (lane & 3) & 3)];
    return values[(lane & 32) | ((((in & PATTERN) | (PATTERN >> 5)) ^ (PATTERN >> 10)) & 31)];
}
/* The GFX9 DPP controls; -1: no lane to read from. */
OP int dpp_source(int control, int lane)
{
    int row = lane & ~15, at = lane & 15, n = control & 15;
    if (control < 0x100)
        return (lane & ~3) | (control >> 2 * (lane & 3) & 3);
    switch (control >> 4) {
    case 0x10:
        return at + n < 16 ? lane + n : -1;
    case 0x11:
        return at - n >= 0 ? lane - n : -1;
    case 0x12:
        return row | ((at - n) & 15);
    }
    switch (control) {
    case 0x130:
        return lane < 63 ? lane + 1 : -1;
    case 0x134:
        return (lane + 1) & 63;
    case 0x138:
        return lane - 1;
    case 0x13c:
        return (lane - 1) & 63;
    case 0x140:
        return row | (15 - at);
    case 0x141:
        return (lane & ~7) | (7 - (lane & 7));
    case 0x142:
        return row - 1;
    default:
        return lane < 32 ? -1 : 31; /* 0x143 */
    }
}
template <int CONTROL, int ROWS, int BANKS, bool ZERO> OP u32 dpp(u32 old, u32 v)
{
    const u32 *values = runner_share(0, all(), v);
    int lane = (int)runner_self->lane, source = dpp_source(CONTROL, lane);
    if (!(ROWS >> lane / 16 & 1) || !(BANKS >> (lane & 15) / 4 & 1))
        return old;
    return source >= 0 ? values[source] : ZERO ? 0 : old;
}
#endif
#if ON_GPU
OP u64 all()
{
    return 0;
}
#endif
OP u64 shuffle_wide(u64 v, u32 lane)
{
    return shuffle((u32)v, lane) | (u64)shuffle((u32)(v >> 32), lane) << 32;
}

/* What the runner knows of a kernel. */

#define RUNNER_KERNEL(number, x, y, z, groups, dynamic_lds, arguments, call)                       \
    {                                                                                              \
#number, number, x, y, z, groups, dynamic_lds, sizeof(arguments), call                     \
    }

#endif
