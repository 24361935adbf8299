/* SPDX-License-Identifier: MIT */
/*
 * Half-precision vector arithmetic (Vega ISA document, V_*_F16). Computed in double, where sums and
 * products of halves are exact, and rounded once by half_of_double() as MODE says: independent of
 * the host's control word.
 */
#include "half.h"
#include "vec.h"

#include <math.h>

enum { HALF_QUIET = 0x200 };

/* A NaN result: the first NaN source, quieted, or the default. Sources that do not exist repeat the
 * first. */
static uint32_t nan_of(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t source = half_is_nan(a) ? a : half_is_nan(b) ? b : half_is_nan(c) ? c : HALF_NAN;
    return (source & 0xffffu) | HALF_QUIET;
}

static uint32_t finish(double r, uint32_t a, uint32_t b, uint32_t c, uint32_t mode)
{
    return r != r ? nan_of(a, b, c) : half_of_double(r, half_round(mode));
}

#define H1(name, expression)                                                                       \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)b, (void)c, (void)mask;                                                              \
        for (unsigned i = 0; i < SG_LANES; i++) {                                                  \
            double x = (double)float_of_half(a[i]);                                                \
            d[i] = finish(expression, a[i], a[i], a[i], mode);                                     \
        }                                                                                          \
        return 0;                                                                                  \
    }
#define H2(name, expression)                                                                       \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)c, (void)mask;                                                                       \
        for (unsigned i = 0; i < SG_LANES; i++) {                                                  \
            double x = (double)float_of_half(a[i]), y = (double)float_of_half(b[i]);               \
            d[i] = finish(expression, a[i], b[i], b[i], mode);                                     \
        }                                                                                          \
        return 0;                                                                                  \
    }
#define H3(name, expression)                                                                       \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)mask;                                                                                \
        for (unsigned i = 0; i < SG_LANES; i++) {                                                  \
            double x = (double)float_of_half(a[i]), y = (double)float_of_half(b[i]);               \
            double z = (double)float_of_half(c[i]);                                                \
            d[i] = finish(expression, a[i], b[i], c[i], mode);                                     \
        }                                                                                          \
        return 0;                                                                                  \
    }

static double fraction(double x)
{
    double r = x - floor(x);
    return r > 0x1.ffcp-1 ? 0x1.ffcp-1 : r; /* the largest half below one */
}

static double mantissa(double x)
{
    int exponent;
    return frexp(x, &exponent);
}

/* x + y of halves or of products of them: exact but for the sign of a zero, which depends on MODE.
 */
static double sum(double x, double y, uint32_t mode)
{
    bool opposite = signbit(x) != signbit(y);

    return x + y == 0 && opposite && half_round(mode) == 2 ? -0.0 : x + y;
}

static double fused(double x, double y, double z, uint32_t mode)
{
    double r = fma_of_halves(x, y, z);

    return r == 0 ? sum(x * y, z, mode) : r;
}

/* The product rounded to a half, as the unfused multiply-add has it. */
static double rounded(double x, uint32_t mode)
{
    return (double)float_of_half(half_of_double(x, half_round(mode)));
}

H2(v_add_f16, sum(x, y, mode))
H2(v_sub_f16, sum(x, -y, mode))
H2(v_subrev_f16, sum(y, -x, mode))
H2(v_mul_f16, x *y)
H3(v_fma_f16, fused(x, y, z, mode))
H3(v_mad_f16, sum(rounded(x *y, mode), z, mode))
H1(v_rcp_f16, 1 / x)
H1(v_sqrt_f16, sqrt(x))
H1(v_rsq_f16, 1 / sqrt(x))
H1(v_log_f16, log2(x))
H1(v_exp_f16, exp2(x))
H1(v_sin_f16, sine(x, false))
H1(v_cos_f16, sine(x, true))
H1(v_floor_f16, floor(x))
H1(v_ceil_f16, ceil(x))
H1(v_trunc_f16, trunc(x))
H1(v_rndne_f16, sg_roundeven(x))
H1(v_fract_f16, fraction(x))
H1(v_frexp_mant_f16, mantissa(x))

LANES_BODY(v_ldexp_f16)
{
    (void)c, (void)mask;
    for (unsigned i = 0; i < SG_LANES; i++) {
        int n = (int16_t)b[i];

        n = n < -400  ? -400
            : n > 400 ? 400
                      : n; /* a double holds it, and it rounds as the half would */
        d[i] = finish(ldexp((double)float_of_half(a[i]), n), a[i], a[i], a[i], mode);
    }
    return 0;
}

LANES_BODY(v_frexp_exp_i16_f16)
{
    (void)b, (void)c, (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++) {
        int exponent = 0;
        if ((a[i] & 0x7c00u) != 0x7c00u)
            (void)frexp((double)float_of_half(a[i]), &exponent);
        d[i] = (uint32_t)exponent & 0xffffu;
    }
    return 0;
}

/* As min_max32() in float.c. */
static uint32_t min_max(uint32_t x, uint32_t y, bool max, uint32_t mode)
{
    int32_t p, q;

    x &= 0xffffu;
    y &= 0xffffu;
    if (half_is_nan(x) || half_is_nan(y)) {
        if (mode & SG_MODE_IEEE && half_is_nan(x) && !(x & HALF_QUIET))
            return x | HALF_QUIET;
        if (mode & SG_MODE_IEEE && half_is_nan(y) && !(y & HALF_QUIET))
            return y | HALF_QUIET;
        return half_is_nan(x) ? y : x;
    }
    p = x & 0x8000u ? -1 - (int32_t)(x & 0x7fffu) : (int32_t)x;
    q = y & 0x8000u ? -1 - (int32_t)(y & 0x7fffu) : (int32_t)y;
    return (max ? p > q : p < q) ? x : y;
}

static uint32_t median(uint32_t x, uint32_t y, uint32_t z, uint32_t mode)
{
    uint32_t low = min_max(x, y, false, mode), high = min_max(x, y, true, mode);

    if (half_is_nan(x) || half_is_nan(y) || half_is_nan(z))
        return min_max(low, z, false, mode);
    return min_max(low, min_max(high, z, false, mode), true, mode);
}

#define BITS(name, expression)                                                                     \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)c, (void)mask, (void)mode;                                                           \
        for (unsigned i = 0; i < SG_LANES; i++)                                                    \
            d[i] = (expression);                                                                   \
        return 0;                                                                                  \
    }
BITS(v_min_f16, min_max(a[i], b[i], false, mode))
BITS(v_max_f16, min_max(a[i], b[i], true, mode))
BITS(v_min3_f16, min_max(min_max(a[i], b[i], false, mode), c[i], false, mode))
BITS(v_max3_f16, min_max(min_max(a[i], b[i], true, mode), c[i], true, mode))
BITS(v_med3_f16, median(a[i], b[i], c[i], mode))

/* x: quotient, y: denominator, z: numerator. */
static uint32_t div_fixup(uint32_t x, uint32_t y, uint32_t z)
{
    uint32_t sign = (y ^ z) & 0x8000u, ym = y & 0x7fffu, zm = z & 0x7fffu;

    if (half_is_nan(z))
        return (z & 0xffffu) | HALF_QUIET;
    if (half_is_nan(y))
        return (y & 0xffffu) | HALF_QUIET;
    if ((ym == 0 && zm == 0) || (ym == HALF_INFINITY && zm == HALF_INFINITY))
        return 0xfe00u;
    if (ym == 0 || zm == HALF_INFINITY)
        return sign | HALF_INFINITY;
    if (ym == HALF_INFINITY || zm == 0)
        return sign;
    return sign | (x & 0x7fffu);
}

BITS(v_div_fixup_f16, div_fixup(a[i], b[i], c[i]))

/* ---- packed pairs
 * -------------------------------------------------------------------------------- */

/* Both halves through a function of one half; sources are already arranged by op_sel and negated.
 */
#define PACKED(name, half)                                                                         \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        sg_row x, y, z, low;                                                                       \
        half(low, a, b, c, mask, mode);                                                            \
        LANES                                                                                      \
        {                                                                                          \
            x[i] = a[i] >> 16;                                                                     \
            y[i] = b[i] >> 16;                                                                     \
            z[i] = c ? c[i] >> 16 : 0;                                                             \
        }                                                                                          \
        half(d, x, y, z, mask, mode);                                                              \
        LANES d[i] = d[i] << 16 | low[i];                                                          \
        return 0;                                                                                  \
    }
PACKED(v_pk_fma_f16, L_v_fma_f16)
PACKED(v_pk_add_f16, L_v_add_f16)
PACKED(v_pk_mul_f16, L_v_mul_f16)
PACKED(v_pk_min_f16, L_v_min_f16)
PACKED(v_pk_max_f16, L_v_max_f16)

/* v_pk_fmac_f16: VOP2, whose destination is the third source. */
static enum sg_next v_pk_fmac_f16(struct sg_wave *w, const struct sg_inst *inst)
{
    struct sg_inst fma = *inst;

    fma.alu.src[2] = inst->dst;
    fma.alu.op_sel_hi = 7;
    return SG_V(sg_vec_packed)(w, &fma);
}

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

#define ROW1(name)                                                                                 \
    VOP_ROW(name, .lanes = L_##name, .sources = 1, .dst = T_F16, .src = {T_F16},                   \
            .flags = VF_FLOAT16)
#define ROW2(name)                                                                                 \
    VOP_ROW(name, .lanes = L_##name, .sources = 2, .dst = T_F16, .src = {T_F16, T_F16},            \
            .flags = VF_FLOAT16)
#define ROW3(name, lanes_, flags_)                                                                 \
    VOP_ROW(name, .lanes = L_##lanes_, .sources = 3, .dst = T_F16, .src = {T_F16, T_F16, T_F16},   \
            .flags = VF_FLOAT16 | flags_)
#define ROWP(name, sources_)                                                                       \
    {                                                                                              \
        .mnemonic = #name, .fn = SG_V(sg_vec_packed), .data = &(const struct sg_vop)               \
        {                                                                                          \
            .lanes = L_##name, .sources = sources_, .dst = T_F16, .src = {T_F16, T_F16, T_F16},    \
            .flags = VF_FLOAT16                                                                    \
        }                                                                                          \
    }

static const struct sg_op_entry entries[] = {
    ROW2(v_add_f16),
    ROW2(v_sub_f16),
    ROW2(v_subrev_f16),
    ROW2(v_mul_f16),
    ROW2(v_min_f16),
    ROW2(v_max_f16),
    ROW3(v_fma_f16, v_fma_f16, VF_KEEP_HIGH),
    ROW3(v_fma_legacy_f16, v_fma_f16, 0),
    ROW3(v_mad_f16, v_mad_f16, VF_KEEP_HIGH),
    ROW3(v_mad_legacy_f16, v_mad_f16, 0),
    ROW3(v_mac_f16, v_mad_f16, VF_ACCUMULATE),
    ROW3(v_madmk_f16, v_mad_f16, 0),
    ROW3(v_madak_f16, v_mad_f16, 0),
    ROW3(v_min3_f16, v_min3_f16, VF_KEEP_HIGH),
    ROW3(v_max3_f16, v_max3_f16, VF_KEEP_HIGH),
    ROW3(v_med3_f16, v_med3_f16, VF_KEEP_HIGH),
    ROW3(v_div_fixup_f16, v_div_fixup_f16, VF_KEEP_HIGH),
    ROW3(v_div_fixup_legacy_f16, v_div_fixup_f16, 0),
    ROW1(v_rcp_f16),
    ROW1(v_sqrt_f16),
    ROW1(v_rsq_f16),
    ROW1(v_log_f16),
    ROW1(v_exp_f16),
    ROW1(v_sin_f16),
    ROW1(v_cos_f16),
    ROW1(v_floor_f16),
    ROW1(v_ceil_f16),
    ROW1(v_trunc_f16),
    ROW1(v_rndne_f16),
    ROW1(v_fract_f16),
    ROW1(v_frexp_mant_f16),
    VOP_ROW(v_frexp_exp_i16_f16, .lanes = L_v_frexp_exp_i16_f16, .sources = 1, .dst = T_B16,
            .src = {T_F16}, .flags = VF_FLOAT16),
    VOP_ROW(v_ldexp_f16, .lanes = L_v_ldexp_f16, .sources = 2, .dst = T_F16, .src = {T_F16, T_B16},
            .flags = VF_FLOAT16),
    ROWP(v_pk_fma_f16, 3),
    {.mnemonic = "v_pk_fmac_f16",
     .fn = v_pk_fmac_f16,
     .data =
         &(const struct sg_vop){
             .lanes = L_v_pk_fma_f16, .sources = 3, .dst = T_F16, .flags = VF_FLOAT16}},
    ROWP(v_pk_add_f16, 2),
    ROWP(v_pk_mul_f16, 2),
    ROWP(v_pk_min_f16, 2),
    ROWP(v_pk_max_f16, 2),
};

const struct sg_op_set SG_V(sg_vec_f16) = {entries, sizeof(entries) / sizeof(entries[0])};
