/* SPDX-License-Identifier: MIT */
/*
 * Floating-point vector arithmetic in fp32 and fp64 (Vega ISA document, chapters "VOP1", "VOP2" and
 * "VOP3A/VOP3B Instructions"). Rounding, and denormals of arithmetic, follow the host's control
 * word, which vec.c has set. Results that are NaN are repaired: see fix_nan32() in vec.c.
 */
#include "vec.h"

#include <math.h>

#define IN_DEFAULT_MODE(w) SG_LIKELY(((w)->mode & SG_MODE_FLOAT_MASK) == SG_MODE_FLOAT_DEFAULT)

/* ---- fp32: one line each; x, y, z are the sources
 * --------------------------------------------------- */

#define LANES_F2(name, expression)                                                                 \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        uint32_t nan = 0;                                                                          \
        (void)c, (void)mask, (void)mode;                                                           \
        LANES                                                                                      \
        {                                                                                          \
            float x = as_f32(a[i]), y = as_f32(b[i]);                                              \
            float r = (expression);                                                                \
            d[i] = f32_bits(r);                                                                    \
            nan |= (uint32_t)(r != r);                                                             \
        }                                                                                          \
        if (SG_UNLIKELY(nan))                                                                      \
            fix_nan32(d, a, b, NULL);                                                              \
        return 0;                                                                                  \
    }

#define F2(name, expression)                                                                       \
    LANES_F2(name, expression)                                                                     \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        sg_row r;                                                                                  \
        if (!IN_DEFAULT_MODE(w))                                                                   \
            return vec_generic(w, inst);                                                           \
        L_##name(r, sg_vgpr(w, inst->alu.src[0]), sg_vgpr(w, inst->alu.src[1]), NULL, 0, 0);       \
        commit_row(w, sg_vgpr(w, inst->dst), r);                                                   \
        return SG_NEXT;                                                                            \
    }                                                                                              \
    static enum sg_next SV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        sg_row s, r;                                                                               \
        if (!IN_DEFAULT_MODE(w))                                                                   \
            return vec_generic(w, inst);                                                           \
        fill_row(s, sg_scalar32(w, inst, inst->alu.src[0]));                                       \
        L_##name(r, s, sg_vgpr(w, inst->alu.src[1]), NULL, 0, 0);                                  \
        commit_row(w, sg_vgpr(w, inst->dst), r);                                                   \
        return SG_NEXT;                                                                            \
    }

#define LANES_F3(name, expression)                                                                 \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        uint32_t nan = 0;                                                                          \
        (void)mask, (void)mode;                                                                    \
        LANES                                                                                      \
        {                                                                                          \
            float x = as_f32(a[i]), y = as_f32(b[i]), z = as_f32(c[i]);                            \
            float r = (expression);                                                                \
            d[i] = f32_bits(r);                                                                    \
            nan |= (uint32_t)(r != r);                                                             \
        }                                                                                          \
        if (SG_UNLIKELY(nan))                                                                      \
            fix_nan32(d, a, b, c);                                                                 \
        return 0;                                                                                  \
    }

#define F3(name, expression)                                                                       \
    LANES_F3(name, expression)                                                                     \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        sg_row r;                                                                                  \
        if (!IN_DEFAULT_MODE(w))                                                                   \
            return vec_generic(w, inst);                                                           \
        L_##name(r, sg_vgpr(w, inst->alu.src[0]), sg_vgpr(w, inst->alu.src[1]),                    \
                 sg_vgpr(w, inst->alu.src[2]), 0, 0);                                              \
        commit_row(w, sg_vgpr(w, inst->dst), r);                                                   \
        return SG_NEXT;                                                                            \
    }

#define F1(name, expression)                                                                       \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        uint32_t nan = 0;                                                                          \
        (void)b, (void)c, (void)mask, (void)mode;                                                  \
        LANES                                                                                      \
        {                                                                                          \
            float x = as_f32(a[i]);                                                                \
            float r = (expression);                                                                \
            d[i] = f32_bits(r);                                                                    \
            nan |= (uint32_t)(r != r);                                                             \
        }                                                                                          \
        if (SG_UNLIKELY(nan))                                                                      \
            fix_nan32(d, a, NULL, NULL);                                                           \
        return 0;                                                                                  \
    }

F2(v_add_f32, x + y)
F2(v_sub_f32, x - y)
F2(v_subrev_f32, y - x)
F2(v_mul_f32, x *y)
F2(v_mul_legacy_f32, x == 0 || y == 0 ? 0.0f : x * y)
F3(v_fma_f32, __builtin_fmaf(x, y, z))
LANES_F3(v_mad_f32, x *y + z)
LANES_F3(v_mad_legacy_f32, (x == 0 || y == 0 ? 0.0f : x * y) + z)

/* Below one even where the subtraction rounds up to it. */
static inline float fract32(float x)
{
    float r = x - __builtin_floorf(x);
    return r >= 1 ? 0x1.fffffep-1f : r;
}

F1(v_fract_f32, fract32(x))
F1(v_trunc_f32, __builtin_truncf(x))
F1(v_ceil_f32, __builtin_ceilf(x))
F1(v_rndne_f32, sg_roundevenf(x))
F1(v_floor_f32, __builtin_floorf(x))
F1(v_rcp_f32, 1.0f / x)
F1(v_rsq_f32, (float)(1.0 / __builtin_sqrt((double)x)))
F1(v_sqrt_f32, __builtin_sqrtf(x))
F1(v_exp_f32, (float)exp2((double)x))
F1(v_log_f32, (float)log2((double)x))

/* The face of a cube map that a direction points to, and coordinates on it ("V_CUBEID_F32" ...). */
enum cube { CUBE_FACE, CUBE_S, CUBE_T, CUBE_MAJOR };

static inline float cube(float x, float y, float z, enum cube what)
{
    float ax = fabsf(x), ay = fabsf(y), az = fabsf(z);
    if (az >= ax && az >= ay) {
        const float r[] = {z < 0 ? 5 : 4, z < 0 ? -x : x, -y, 2 * z};
        return r[what];
    }
    if (ay >= ax) {
        const float r[] = {y < 0 ? 3 : 2, x, y < 0 ? -z : z, 2 * y};
        return r[what];
    }
    const float r[] = {x < 0 ? 1 : 0, x < 0 ? z : -z, -y, 2 * x};
    return r[what];
}

LANES_F3(v_cubeid_f32, cube(x, y, z, CUBE_FACE))
LANES_F3(v_cubesc_f32, cube(x, y, z, CUBE_S))
LANES_F3(v_cubetc_f32, cube(x, y, z, CUBE_T))
LANES_F3(v_cubema_f32, cube(x, y, z, CUBE_MAJOR))

F1(v_sin_f32, (float)sine((double)x, false))
F1(v_cos_f32, (float)sine((double)x, true))

/* ---- fp64
 * ---------------------------------------------------------------------------------------- */

#define D_LANES(name, loads, expression, fix_b, fix_c)                                             \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        uint64_t nan = 0;                                                                          \
        (void)b, (void)c, (void)mask, (void)mode;                                                  \
        LANES                                                                                      \
        {                                                                                          \
            loads;                                                                                 \
            double r = (expression);                                                               \
            set_row64(d, i, f64_bits(r));                                                          \
            nan |= (uint64_t)(r != r);                                                             \
        }                                                                                          \
        if (SG_UNLIKELY(nan))                                                                      \
            fix_nan64(d, a, fix_b, fix_c);                                                         \
        return 0;                                                                                  \
    }
#define D1(name, expression) D_LANES(name, double x = as_f64(row64(a, i)), expression, NULL, NULL)
#define D2(name, expression)                                                                       \
    D_LANES(name, double x = as_f64(row64(a, i));                                                  \
            double y = as_f64(row64(b, i)), expression, b, NULL)
#define D3(name, expression)                                                                       \
    D_LANES(name, double x = as_f64(row64(a, i)); double y = as_f64(row64(b, i));                  \
            double z = as_f64(row64(c, i)), expression, b, c)

static inline double fract64(double x)
{
    double r = x - __builtin_floor(x);
    return r >= 1 ? 0x1.fffffffffffffp-1 : r;
}

D2(v_add_f64, x + y)
D2(v_mul_f64, x *y)
D3(v_fma_f64, __builtin_fma(x, y, z))
D1(v_trunc_f64, __builtin_trunc(x))
D1(v_ceil_f64, __builtin_ceil(x))
D1(v_rndne_f64, sg_roundeven(x))
D1(v_floor_f64, __builtin_floor(x))
D1(v_fract_f64, fract64(x))
D1(v_rcp_f64, 1.0 / x)
D1(v_rsq_f64, 1.0 / __builtin_sqrt(x))
D1(v_sqrt_f64, __builtin_sqrt(x))

/* ---- minimum and maximum
 * ---------------------------------------------------------------------------- */

/*
 * A NaN loses against a number; -0 is less than +0. With MODE.IEEE a signalling NaN wins, quieted
 * (Vega ISA document, V_MIN_F32). Two NaNs give the second.
 */
static inline uint32_t min_max32(uint32_t x, uint32_t y, bool max, uint32_t mode)
{
    if (is_nan32(x) || is_nan32(y)) {
        if (mode & SG_MODE_IEEE && is_nan32(x) && !(x & QUIET32))
            return x | QUIET32;
        if (mode & SG_MODE_IEEE && is_nan32(y) && !(y & QUIET32))
            return y | QUIET32;
        return is_nan32(x) ? y : x;
    }
    /* Sign and magnitude to an order of integers. */
    int32_t p = (int32_t)(x ^ (uint32_t)((int32_t)x >> 31) >> 1);
    int32_t q = (int32_t)(y ^ (uint32_t)((int32_t)y >> 31) >> 1);
    return (max ? p > q : p < q) ? x : y;
}

static inline uint64_t min_max64(uint64_t x, uint64_t y, bool max, uint32_t mode)
{
    if (is_nan64(x) || is_nan64(y)) {
        if (mode & SG_MODE_IEEE && is_nan64(x) && !(x & QUIET64))
            return x | QUIET64;
        if (mode & SG_MODE_IEEE && is_nan64(y) && !(y & QUIET64))
            return y | QUIET64;
        return is_nan64(x) ? y : x;
    }
    int64_t p = (int64_t)(x ^ (uint64_t)((int64_t)x >> 63) >> 1);
    int64_t q = (int64_t)(y ^ (uint64_t)((int64_t)y >> 63) >> 1);
    return (max ? p > q : p < q) ? x : y;
}

#define MIN_MAX(name, max)                                                                         \
    LANES_BODY(name##_f32)                                                                         \
    {                                                                                              \
        uint32_t nan = 0;                                                                          \
        (void)c, (void)mask;                                                                       \
        LANES                                                                                      \
        {                                                                                          \
            int32_t x = (int32_t)a[i], y = (int32_t)b[i];                                          \
            int32_t p = x ^ (int32_t)((uint32_t)(x >> 31) >> 1);                                   \
            int32_t q = y ^ (int32_t)((uint32_t)(y >> 31) >> 1);                                   \
            d[i] = (uint32_t)((max ? p > q : p < q) ? x : y);                                      \
            nan |= (uint32_t)__builtin_isunordered(as_f32(a[i]), as_f32(b[i]));                    \
        }                                                                                          \
        if (SG_UNLIKELY(nan))                                                                      \
            for (unsigned i = 0; i < SG_LANES; i++)                                                \
                d[i] = min_max32(a[i], b[i], max, mode);                                           \
        return 0;                                                                                  \
    }                                                                                              \
    LANES_BODY(name##_f64)                                                                         \
    {                                                                                              \
        (void)c, (void)mask;                                                                       \
        for (unsigned i = 0; i < SG_LANES; i++)                                                    \
            set_row64(d, i, min_max64(row64(a, i), row64(b, i), max, mode));                       \
        return 0;                                                                                  \
    }                                                                                              \
    LANES_BODY(name##3_f32)                                                                        \
    {                                                                                              \
        (void)mask;                                                                                \
        for (unsigned i = 0; i < SG_LANES; i++)                                                    \
            d[i] = min_max32(min_max32(a[i], b[i], max, mode), c[i], max, mode);                   \
        return 0;                                                                                  \
    }
MIN_MAX(v_min, false)
MIN_MAX(v_max, true)

/* The one in the middle; with a NaN among the sources, the minimum of the three. */
LANES_BODY(v_med3_f32)
{
    (void)mask;
    for (unsigned i = 0; i < SG_LANES; i++) {
        uint32_t x = a[i], y = b[i], z = c[i];
        uint32_t low = min_max32(x, y, false, mode), high = min_max32(x, y, true, mode);

        if (is_nan32(x) || is_nan32(y) || is_nan32(z))
            d[i] = min_max32(low, z, false, mode);
        else
            d[i] = min_max32(low, min_max32(high, z, false, mode), true, mode);
    }
    return 0;
}

/* ---- exponents and fractions
 * ------------------------------------------------------------------------ */

/* 2^n for n in -1022..1023. */
static inline double power_of_two(int n)
{
    return as_f64((uint64_t)(n + 1023) << 52);
}

/* The product with 2^n is exact as a double for every n that matters; the cast rounds once. */
LANES_BODY(v_ldexp_f32)
{
    uint32_t nan = 0;
    (void)c, (void)mask, (void)mode;
    LANES
    {
        int32_t n = (int32_t)b[i];
        float r;

        n = n < -400 ? -400 : n > 400 ? 400 : n;
        r = (float)((double)as_f32(a[i]) * power_of_two(n));
        d[i] = f32_bits(r);
        nan |= (uint32_t)(r != r);
    }
    if (SG_UNLIKELY(nan))
        fix_nan32(d, a, NULL, NULL);
    return 0;
}

LANES_BODY(v_ldexp_f64)
{
    (void)c, (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++)
        set_row64(d, i, f64_bits(ldexp(as_f64(row64(a, i)), (int32_t)b[i])));
    fix_nan64(d, a, NULL, NULL);
    return 0;
}

/* Exponent for a fraction in [0.5, 1); 0 for zero, infinity and NaN. */
LANES_BODY(v_frexp_exp_i32_f32)
{
    (void)b, (void)c, (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++) {
        int exponent = 0;
        if ((a[i] & 0x7f800000u) != 0x7f800000u)
            (void)frexp((double)as_f32(a[i]), &exponent);
        d[i] = (uint32_t)exponent;
    }
    return 0;
}

LANES_BODY(v_frexp_exp_i32_f64)
{
    (void)b, (void)c, (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++) {
        int exponent = 0;
        if ((a[SG_LANES + i] & 0x7ff00000u) != 0x7ff00000u)
            (void)frexp(as_f64(row64(a, i)), &exponent);
        d[i] = (uint32_t)exponent;
    }
    return 0;
}

static inline float fraction32(float x)
{
    int exponent;
    return (float)frexp((double)x, &exponent);
}

static inline double fraction64(double x)
{
    int exponent;
    return frexp(x, &exponent);
}

F1(v_frexp_mant_f32, fraction32(x))
D1(v_frexp_mant_f64, fraction64(x))

/* ---- division
 * ------------------------------------------------------------------------------------ */

/*
 * v_div_scale, v_div_fmas, v_div_fixup: a quotient n / d as compilers build it from v_rcp and fused
 * multiply- adds (Vega ISA document). div_scale scales operands so that nothing in between
 * overflows or loses bits; its mask bit tells div_fmas to scale the quotient back; div_fixup puts
 * in the special cases.
 */
static int exponent32(uint32_t x)
{
    return (int)(x >> 23 & 255);
}

static int exponent64(uint64_t x)
{
    return (int)(x >> 52 & 2047);
}

static inline bool denormal32(float x)
{
    return x != 0 && fabsf(x) < 0x1p-126f;
}

static inline bool denormal64(double x)
{
    return x != 0 && fabs(x) < 0x1p-1022;
}

/* x: value to scale, y: denominator, z: numerator. Sets *flag where the quotient must be scaled
 * back. */
static uint32_t div_scale32(uint32_t xb, uint32_t yb, uint32_t zb, bool *flag)
{
    float x = as_f32(xb), y = as_f32(yb), z = as_f32(zb);
    bool reciprocal_denormal, quotient_denormal;
    int scale = 0;

    *flag = false;
    if (y == 0 || z == 0)
        return NAN32;
    if (is_nan32(xb))
        return xb | QUIET32;
    reciprocal_denormal = exponent32(yb) >= 253 && denormal32((float)(1.0 / (double)y));
    quotient_denormal = denormal32((float)((double)z / (double)y));
    if (exponent32(zb) - exponent32(yb) >= 96) { /* near the largest number: only the denominator */
        *flag = true;
        scale = x == y ? 64 : 0;
    } else if (denormal32(y)) {
        scale = 64;
    } else if (reciprocal_denormal && quotient_denormal) {
        *flag = true;
        scale = x == y ? -64 : 0;
    } else if (reciprocal_denormal) {
        scale = -64;
    } else if (quotient_denormal) { /* only the numerator */
        *flag = true;
        scale = x == z ? 64 : 0;
    } else if (exponent32(zb) <= 23) {
        scale = 64;
    }
    return f32_bits((float)((double)x * power_of_two(scale)));
}

static uint64_t div_scale64(uint64_t xb, uint64_t yb, uint64_t zb, bool *flag)
{
    double x = as_f64(xb), y = as_f64(yb), z = as_f64(zb);
    bool reciprocal_denormal, quotient_denormal;
    int scale = 0;

    *flag = false;
    if (y == 0 || z == 0)
        return NAN64;
    if (is_nan64(xb))
        return xb | QUIET64;
    reciprocal_denormal = denormal64(1.0 / y);
    quotient_denormal = denormal64(z / y);
    if (exponent64(zb) - exponent64(yb) >= 768) {
        *flag = true;
        scale = x == y ? 128 : 0;
    } else if (denormal64(y)) {
        scale = 128;
    } else if (reciprocal_denormal && quotient_denormal) {
        *flag = true;
        scale = x == y ? -128 : 0;
    } else if (reciprocal_denormal) {
        scale = -128;
    } else if (quotient_denormal) {
        *flag = true;
        scale = x == z ? 128 : 0;
    } else if (exponent64(zb) <= 53) {
        scale = 128;
    }
    return f64_bits(x * power_of_two(scale));
}

LANES_BODY(v_div_scale_f32)
{
    (void)mode;
    mask = 0;
    for (unsigned i = 0; i < SG_LANES; i++) {
        bool flag;
        d[i] = div_scale32(a[i], b[i], c[i], &flag);
        mask |= (uint64_t)flag << i;
    }
    return mask;
}

LANES_BODY(v_div_scale_f64)
{
    (void)mode;
    mask = 0;
    for (unsigned i = 0; i < SG_LANES; i++) {
        bool flag;
        set_row64(d, i, div_scale64(row64(a, i), row64(b, i), row64(c, i), &flag));
        mask |= (uint64_t)flag << i;
    }
    return mask;
}

/*
 * The scaled quotient z is at least 1 where the denominator was scaled and far below it where the
 * numerator was: that decides the direction. Rounded once: the sum is made sticky before it is
 * scaled.
 */
static float fma_scaled32(float x, float y, float z)
{
    double product = (double)x * y, sum = product + z; /* the product is exact */
    double t = sum - product, error = (product - (sum - t)) + ((double)z - t);
    uint64_t bits = f64_bits(sum);

    if (error != 0 && !(bits & 1) && !__builtin_isinf(sum))
        bits += (error > 0) == (sum > 0) ? 1 : UINT64_MAX;
    return (float)(as_f64(bits) * (exponent32(f32_bits(z)) > 127 ? 0x1p64 : 0x1p-64));
}

typedef __float128 quad;

static double fma_scaled64(double x, double y, double z)
{
    quad product = (quad)x * y, sum = product + z;
    quad t = sum - product, error = (product - (sum - t)) + ((quad)z - t);
    uint64_t bits[2];

    if (__builtin_isinf(x) || __builtin_isinf(y) || __builtin_isinf(z))
        return __builtin_fma(x, y, z);
    if (error != 0) {
        memcpy(bits, &sum, sizeof(bits));
        if (!(bits[0] & 1)) {
            bool away = (error > 0) == (sum > 0);
            bits[1] -= !away && bits[0] == 0;
            bits[0] += away ? 1 : UINT64_MAX;
            memcpy(&sum, bits, sizeof(bits));
        }
    }
    return (double)(sum * (exponent64(f64_bits(z)) > 1023 ? (quad)0x1p128 : (quad)0x1p-128));
}

LANES_BODY(v_div_fmas_f32)
{
    uint32_t nan = 0;
    (void)mode;
    LANES
    {
        float r = __builtin_fmaf(as_f32(a[i]), as_f32(b[i]), as_f32(c[i]));
        d[i] = f32_bits(r);
        nan |= (uint32_t)(r != r);
    }
    for (; SG_UNLIKELY(mask); mask &= mask - 1) {
        unsigned i = sg_first_lane(mask);
        d[i] = f32_bits(fma_scaled32(as_f32(a[i]), as_f32(b[i]), as_f32(c[i])));
        nan |= is_nan32(d[i]);
    }
    if (SG_UNLIKELY(nan))
        fix_nan32(d, a, b, c);
    return 0;
}

LANES_BODY(v_div_fmas_f64)
{
    (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++) {
        double x = as_f64(row64(a, i)), y = as_f64(row64(b, i)), z = as_f64(row64(c, i));
        set_row64(d, i, f64_bits(mask >> i & 1 ? fma_scaled64(x, y, z) : __builtin_fma(x, y, z)));
    }
    fix_nan64(d, a, b, c);
    return 0;
}

/* x: quotient, y: denominator, z: numerator. 0/0 and inf/inf give the negative default NaN. */
static uint32_t div_fixup32(uint32_t x, uint32_t y, uint32_t z)
{
    uint32_t sign = (y ^ z) & 0x80000000u, ym = y & 0x7fffffffu, zm = z & 0x7fffffffu;

    if (is_nan32(z))
        return z | QUIET32;
    if (is_nan32(y))
        return y | QUIET32;
    if ((ym == 0 && zm == 0) || (ym == 0x7f800000u && zm == 0x7f800000u))
        return 0xffc00000u;
    if (ym == 0 || zm == 0x7f800000u)
        return sign | 0x7f800000u;
    if (ym == 0x7f800000u || zm == 0 || exponent32(z) - exponent32(y) < -150)
        return sign;
    if (is_nan32(x)) /* overflow on the way */
        return sign | 0x7f800000u;
    return sign | (x & 0x7fffffffu);
}

static uint64_t div_fixup64(uint64_t x, uint64_t y, uint64_t z)
{
    const uint64_t top = 0x8000000000000000u, infinity = 0x7ff0000000000000u;
    uint64_t sign = (y ^ z) & top, ym = y & ~top, zm = z & ~top;

    if (is_nan64(z))
        return z | QUIET64;
    if (is_nan64(y))
        return y | QUIET64;
    if ((ym == 0 && zm == 0) || (ym == infinity && zm == infinity))
        return 0xfff8000000000000u;
    if (ym == 0 || zm == infinity)
        return sign | infinity;
    if (ym == infinity || zm == 0 || exponent64(z) - exponent64(y) < -1075)
        return sign;
    if (is_nan64(x))
        return sign | infinity;
    return sign | (x & ~top);
}

LANES_BODY(v_div_fixup_f32)
{
    (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++)
        d[i] = div_fixup32(a[i], b[i], c[i]);
    return 0;
}

LANES_BODY(v_div_fixup_f64)
{
    (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++)
        set_row64(d, i, div_fixup64(row64(a, i), row64(b, i), row64(c, i)));
    return 0;
}

/* ---- argument reduction
 * -------------------------------------------------------------------------- */

/* 2/pi as a binary fraction, most significant word first: the 1201 bits that the hardware has. */
static const uint64_t two_over_pi[19] = {
    0xa2f9836e4e441529u, 0xfc2757d1f534ddc0u, 0xdb6295993c439041u, 0xfe5163abdebbc561u,
    0xb7246e3a424dd2e0u, 0x06492eea09d1921cu, 0xfe1deb1cb129a73eu, 0xe88235f52ebb4484u,
    0xe99c7026b45f7e41u, 0x3991d639835339f4u, 0x9c845f8bbdf9283bu, 0x1ff897ffde05980fu,
    0xef2f118b5a0a6d1fu, 0x6d367ecf27cb09b7u, 0x4f463f669e5fea2du, 0x7527bac7ebe5f17bu,
    0x3d0739f78a5292eau, 0x6bfb5fb11f8d5d08u, 0x56033046fc7b0000u,
};

/* 53 bits of 2/pi, from the bit that the segment number and the exponent select (V_TRIG_PREOP_F64).
 */
static double trig_preop(uint64_t x, uint32_t segment)
{
    int exponent = exponent64(x);
    unsigned shift = (segment & 31) * 53 + (exponent > 1077 ? (unsigned)exponent - 1077 : 0);
    unsigned word = shift / 64, bit = shift % 64;
    uint64_t high = word < 19 ? two_over_pi[word] : 0, low = word < 18 ? two_over_pi[word + 1] : 0;
    uint64_t window = bit ? high << bit | low >> (64 - bit) : high;

    return ldexp((double)(window >> 11), -53 - (int)shift + (exponent >= 1968 ? 128 : 0));
}

LANES_BODY(v_trig_preop_f64)
{
    (void)c, (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++)
        set_row64(d, i, f64_bits(trig_preop(row64(a, i), b[i])));
    return 0;
}

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

#define ROW1(name, ...)                                                                            \
    VOP_ROW(name, .lanes = L_##name, .sources = 1, .dst = T_F32, .src = {T_F32},                   \
            .flags = VF_FLOAT32 | VF_TEMPORARY)
#define ALIAS1(name, other)                                                                        \
    VOP_ROW(name, .lanes = L_##other, .sources = 1, .dst = T_F32, .src = {T_F32},                  \
            .flags = VF_FLOAT32 | VF_TEMPORARY)
#define ROW2(name)                                                                                 \
    VOP_ROW(name, .lanes = L_##name, .vv = VV_##name, .sv = SV_##name, .sources = 2, .dst = T_F32, \
            .src = {T_F32, T_F32}, .flags = VF_FLOAT32 | VF_TEMPORARY)
#define PLAIN2(name)                                                                               \
    VOP_ROW(name, .lanes = L_##name, .sources = 2, .dst = T_F32, .src = {T_F32, T_F32},            \
            .flags = VF_FLOAT32 | VF_TEMPORARY)
#define ROW3(name, lanes_, flags_)                                                                 \
    VOP_ROW(name, .lanes = L_##lanes_, .sources = 3, .dst = T_F32, .src = {T_F32, T_F32, T_F32},   \
            .flags = VF_FLOAT32 | VF_TEMPORARY | flags_)
#define FAST3(name, lanes_, flags_)                                                                \
    VOP_ROW(name, .lanes = L_##lanes_, .vv = VV_##lanes_, .sources = 3, .dst = T_F32,              \
            .src = {T_F32, T_F32, T_F32}, .flags = VF_FLOAT32 | VF_TEMPORARY | flags_)
#define ROWD1(name)                                                                                \
    VOP_ROW(name, .lanes = L_##name, .sources = 1, .dst = T_F64, .src = {T_F64},                   \
            .flags = VF_FLOAT64 | VF_TEMPORARY)
#define ROWD2(name)                                                                                \
    VOP_ROW(name, .lanes = L_##name, .sources = 2, .dst = T_F64, .src = {T_F64, T_F64},            \
            .flags = VF_FLOAT64 | VF_TEMPORARY)
#define ROWD3(name, lanes_, flags_)                                                                \
    VOP_ROW(name, .lanes = L_##lanes_, .sources = 3, .dst = T_F64, .src = {T_F64, T_F64, T_F64},   \
            .flags = VF_FLOAT64 | VF_TEMPORARY | flags_)

static const struct sg_op_entry entries[] = {
    ROW2(v_add_f32),
    ROW2(v_sub_f32),
    ROW2(v_subrev_f32),
    ROW2(v_mul_f32),
    ROW2(v_mul_legacy_f32),
    PLAIN2(v_min_f32),
    PLAIN2(v_max_f32),
    FAST3(v_fma_f32, v_fma_f32, 0),
    ROW3(v_cubeid_f32, v_cubeid_f32, 0),
    ROW3(v_cubesc_f32, v_cubesc_f32, 0),
    ROW3(v_cubetc_f32, v_cubetc_f32, 0),
    ROW3(v_cubema_f32, v_cubema_f32, 0),
    FAST3(v_fmac_f32, v_fma_f32, VF_ACCUMULATE),
    ROW3(v_mad_f32, v_mad_f32, VF_FLUSH),
    ROW3(v_mac_f32, v_mad_f32, VF_FLUSH | VF_ACCUMULATE),
    ROW3(v_madmk_f32, v_mad_f32, VF_FLUSH),
    ROW3(v_madak_f32, v_mad_f32, VF_FLUSH),
    ROW3(v_mad_legacy_f32, v_mad_legacy_f32, VF_FLUSH),
    ROW3(v_min3_f32, v_min3_f32, 0),
    ROW3(v_max3_f32, v_max3_f32, 0),
    ROW3(v_med3_f32, v_med3_f32, 0),
    ROW1(v_fract_f32),
    ROW1(v_trunc_f32),
    ROW1(v_ceil_f32),
    ROW1(v_rndne_f32),
    ROW1(v_floor_f32),
    ROW1(v_rcp_f32),
    ALIAS1(v_rcp_iflag_f32, v_rcp_f32),
    ROW1(v_rsq_f32),
    ROW1(v_sqrt_f32),
    ROW1(v_exp_f32),
    ALIAS1(v_exp_legacy_f32, v_exp_f32),
    ROW1(v_log_f32),
    ALIAS1(v_log_legacy_f32, v_log_f32),
    ROW1(v_sin_f32),
    ROW1(v_cos_f32),
    ROW1(v_frexp_mant_f32),
    VOP_ROW(v_frexp_exp_i32_f32, .lanes = L_v_frexp_exp_i32_f32, .sources = 1, .dst = T_B32,
            .src = {T_F32}, .flags = VF_FLOAT32),
    VOP_ROW(v_frexp_exp_i32_f64, .lanes = L_v_frexp_exp_i32_f64, .sources = 1, .dst = T_B32,
            .src = {T_F64}, .flags = VF_FLOAT64 | VF_TEMPORARY),
    VOP_ROW(v_ldexp_f32, .lanes = L_v_ldexp_f32, .sources = 2, .dst = T_F32, .src = {T_F32, T_B32},
            .flags = VF_FLOAT32 | VF_TEMPORARY),
    ROWD2(v_add_f64),
    ROWD2(v_mul_f64),
    ROWD2(v_min_f64),
    ROWD2(v_max_f64),
    ROWD3(v_fma_f64, v_fma_f64, 0),
    ROWD3(v_fmac_f64, v_fma_f64, VF_ACCUMULATE),
    ROWD1(v_trunc_f64),
    ROWD1(v_ceil_f64),
    ROWD1(v_rndne_f64),
    ROWD1(v_floor_f64),
    ROWD1(v_fract_f64),
    ROWD1(v_rcp_f64),
    ROWD1(v_rsq_f64),
    ROWD1(v_sqrt_f64),
    ROWD1(v_frexp_mant_f64),
    VOP_ROW(v_ldexp_f64, .lanes = L_v_ldexp_f64, .sources = 2, .dst = T_F64, .src = {T_F64, T_B32},
            .flags = VF_FLOAT64 | VF_TEMPORARY),
    VOP_ROW(v_div_scale_f32, .lanes = L_v_div_scale_f32, .sources = 3, .dst = T_F32,
            .src = {T_F32, T_F32, T_F32},
            .flags = VF_MASK_OUT | VF_TEMPORARY | VF_FLOAT32 | VF_OWN_FLUSH),
    VOP_ROW(v_div_scale_f64, .lanes = L_v_div_scale_f64, .sources = 3, .dst = T_F64,
            .src = {T_F64, T_F64, T_F64},
            .flags = VF_MASK_OUT | VF_TEMPORARY | VF_FLOAT64 | VF_OWN_FLUSH),
    ROW3(v_div_fmas_f32, v_div_fmas_f32, VF_VCC_IN),
    ROWD3(v_div_fmas_f64, v_div_fmas_f64, VF_VCC_IN),
    VOP_ROW(v_div_fixup_f32, .lanes = L_v_div_fixup_f32, .sources = 3, .dst = T_F32,
            .src = {T_F32, T_F32, T_F32}),
    VOP_ROW(v_div_fixup_f64, .lanes = L_v_div_fixup_f64, .sources = 3, .dst = T_F64,
            .src = {T_F64, T_F64, T_F64}, .flags = VF_TEMPORARY),
    VOP_ROW(v_trig_preop_f64, .lanes = L_v_trig_preop_f64, .sources = 2, .dst = T_F64,
            .src = {T_F64, T_B32}, .flags = VF_TEMPORARY),
};

const struct sg_op_set SG_V(sg_vec_float) = {entries, sizeof(entries) / sizeof(entries[0])};
