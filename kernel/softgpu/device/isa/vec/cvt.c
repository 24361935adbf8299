/* SPDX-License-Identifier: MIT */
/*
 * Conversions between formats (Vega ISA document, V_CVT_*). Float to integer truncates, saturates
 * and maps NaN to 0; the host's own conversions are not used where a value is out of range.
 */
#include "half.h"
#include "vec.h"

static inline int32_t to_i32(double x)
{
    x = x != x ? 0 : x;
    x = x < -2147483648.0 ? -2147483648.0 : x > 2147483647.0 ? 2147483647.0 : x;
    return (int32_t)x;
}

static inline uint32_t to_u32(double x)
{
    x = !(x > 0) ? 0 : x > 4294967295.0 ? 4294967295.0 : x;
    return (uint32_t)(int64_t)x;
}

static inline int32_t f32_to_i32(float x)
{
    int32_t r = (int32_t)(x > -0x1p31f && x < 0x1p31f ? x : 0.0f);
    r = x >= 0x1p31f ? INT32_MAX : r;
    return x <= -0x1p31f ? INT32_MIN : r;
}

static inline uint32_t f32_to_u32(float x)
{
    bool upper = x >= 0x1p31f;
    float low = upper ? x - 0x1p31f : x;
    uint32_t r =
        (uint32_t)(int32_t)(low > 0 && low < 0x1p31f ? low : 0.0f) + (upper ? 0x80000000u : 0);
    return x >= 0x1p32f ? UINT32_MAX : r;
}

INT1(v_cvt_i32_f32, uint32_t, f32_to_i32(as_f32(x)))
INT1(v_cvt_u32_f32, uint32_t, f32_to_u32(as_f32(x)))
/* The sum in double: in fp32 it would be rounded itself. */
INT1(v_cvt_rpi_i32_f32, uint32_t, to_i32(__builtin_floor((double)as_f32(x) + 0.5)))
INT1(v_cvt_flr_i32_f32, uint32_t, f32_to_i32(__builtin_floorf(as_f32(x))))
INT1(v_cvt_f32_ubyte0, uint32_t, f32_bits((float)(int32_t)(x & 255)))
INT1(v_cvt_f32_ubyte1, uint32_t, f32_bits((float)(int32_t)(x >> 8 & 255)))
INT1(v_cvt_f32_ubyte2, uint32_t, f32_bits((float)(int32_t)(x >> 16 & 255)))
INT1(v_cvt_f32_ubyte3, uint32_t, f32_bits((float)(int32_t)(x >> 24)))
INT1(v_cvt_off_f32_i4, uint32_t, f32_bits((float)((int32_t)(x << 28) >> 28) * 0.0625f))

/* These round: under MODE. */
#define ROUNDING1(name, expression)                                                                \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)b, (void)c, (void)mask, (void)mode;                                                  \
        LANES                                                                                      \
        {                                                                                          \
            uint32_t x = a[i];                                                                     \
            d[i] = (expression);                                                                   \
        }                                                                                          \
        return 0;                                                                                  \
    }
ROUNDING1(v_cvt_f32_i32, f32_bits((float)(int32_t)x))
ROUNDING1(v_cvt_f32_u32, f32_bits((float)x))
ROUNDING1(v_cvt_f32_f16, f32_bits(float_of_half(x)) | (half_is_nan(x) ? (uint32_t)QUIET32 : 0))
ROUNDING1(v_cvt_f16_f32, half_of_double((double)as_f32(x), half_round(mode)))
ROUNDING1(v_cvt_f16_u16, half_of_double((double)(x & 0xffff), half_round(mode)))
ROUNDING1(v_cvt_f16_i16, half_of_double((double)(int16_t)x, half_round(mode)))

static inline uint32_t half_to_integer(uint32_t half, int32_t low, int32_t high)
{
    float x = float_of_half(half);
    x = x != x ? 0 : x < (float)low ? (float)low : x > (float)high ? (float)high : x;
    return (uint32_t)(int32_t)x & 0xffffu;
}

INT1(v_cvt_u16_f16, uint32_t, half_to_integer(x, 0, 65535))
INT1(v_cvt_i16_f16, uint32_t, half_to_integer(x, -32768, 32767))

/* Normalised integers: nearest even, as the formats define them. */
static inline uint32_t norm_i16(float x)
{
    x = x != x ? 0 : x < -1 ? -1 : x > 1 ? 1 : x;
    return (uint32_t)(int32_t)sg_roundevenf(x * 32767) & 0xffffu;
}

static inline uint32_t norm_u16(float x)
{
    x = !(x > 0) ? 0 : x > 1 ? 1 : x;
    return (uint32_t)(int32_t)sg_roundevenf(x * 65535);
}

INT1(v_cvt_norm_i16_f16, uint32_t, norm_i16(float_of_half(x)))
INT1(v_cvt_norm_u16_f16, uint32_t, norm_u16(float_of_half(x)))
INT2(v_cvt_pknorm_i16_f32, uint32_t, norm_i16(as_f32(x)) | norm_i16(as_f32(y)) << 16)
INT2(v_cvt_pknorm_u16_f32, uint32_t, norm_u16(as_f32(x)) | norm_u16(as_f32(y)) << 16)
INT2(v_cvt_pknorm_i16_f16, uint32_t, norm_i16(float_of_half(x)) | norm_i16(float_of_half(y)) << 16)
INT2(v_cvt_pknorm_u16_f16, uint32_t, norm_u16(float_of_half(x)) | norm_u16(float_of_half(y)) << 16)
INT2(v_cvt_pkrtz_f16_f32, uint32_t,
     half_of_double((double)as_f32(x), 3) | half_of_double((double)as_f32(y), 3) << 16)

static inline uint32_t saturate(int64_t x, int64_t low, int64_t high)
{
    return (uint32_t)(x < low ? low : x > high ? high : x) & 0xffffu;
}

INT2(v_cvt_pk_u16_u32, uint32_t, saturate(x, 0, 65535) | saturate(y, 0, 65535) << 16)
INT2(v_cvt_pk_i16_i32, int32_t, saturate(x, -32768, 32767) | saturate(y, -32768, 32767) << 16)

static inline uint32_t to_u8(float x)
{
    x = !(x > 0) ? 0 : x > 255 ? 255 : x;
    return (uint32_t)(int32_t)sg_roundevenf(x);
}

/* Byte y of z becomes x. */
INT3(v_cvt_pk_u8_f32, uint32_t,
     (to_u8(as_f32(x)) << (8 * (y & 3))) | (z & ~(0xffu << (8 * (y & 3)))))

/* ---- fp64
 * ---------------------------------------------------------------------------------------- */

#define NARROW(name, expression)                                                                   \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)b, (void)c, (void)mask, (void)mode;                                                  \
        LANES                                                                                      \
        {                                                                                          \
            double x = as_f64(row64(a, i));                                                        \
            d[i] = (uint32_t)(expression);                                                         \
        }                                                                                          \
        return 0;                                                                                  \
    }
#define WIDEN(name, expression)                                                                    \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)b, (void)c, (void)mask, (void)mode;                                                  \
        LANES                                                                                      \
        {                                                                                          \
            uint32_t x = a[i];                                                                     \
            set_row64(d, i, f64_bits(expression));                                                 \
        }                                                                                          \
        return 0;                                                                                  \
    }
NARROW(v_cvt_i32_f64, to_i32(x))
NARROW(v_cvt_u32_f64, to_u32(x))
NARROW(v_cvt_f32_f64, f32_bits((float)x))
WIDEN(v_cvt_f64_i32, (double)(int32_t)x)
WIDEN(v_cvt_f64_u32, (double)x)
WIDEN(v_cvt_f64_f32, (double)as_f32(x))

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

#define ROW(name, d_, s_, flags_)                                                                  \
    VOP_ROW(name, .lanes = L_##name, .sources = 1, .dst = d_, .src = {s_}, .flags = flags_)
#define FAST(name, d_, s_, flags_)                                                                 \
    VOP_ROW(name, .lanes = L_##name, .vv = VV_##name, .sources = 1, .dst = d_, .src = {s_},        \
            .flags = flags_)
#define ROW2(name, s_)                                                                             \
    VOP_ROW(name, .lanes = L_##name, .vv = VV_##name, .sv = SV_##name, .sources = 2, .dst = T_B32, \
            .src = {s_, s_})

static const struct sg_op_entry entries[] = {
    FAST(v_cvt_i32_f32, T_B32, T_F32, 0),
    FAST(v_cvt_u32_f32, T_B32, T_F32, 0),
    FAST(v_cvt_rpi_i32_f32, T_B32, T_F32, 0),
    FAST(v_cvt_flr_i32_f32, T_B32, T_F32, 0),
    FAST(v_cvt_f32_ubyte0, T_F32, T_B32, 0),
    FAST(v_cvt_f32_ubyte1, T_F32, T_B32, 0),
    FAST(v_cvt_f32_ubyte2, T_F32, T_B32, 0),
    FAST(v_cvt_f32_ubyte3, T_F32, T_B32, 0),
    FAST(v_cvt_off_f32_i4, T_F32, T_B32, 0),
    ROW(v_cvt_f32_i32, T_F32, T_B32, VF_FLOAT32),
    ROW(v_cvt_f32_u32, T_F32, T_B32, VF_FLOAT32),
    ROW(v_cvt_f32_f16, T_F32, T_F16, VF_FLOAT16),
    ROW(v_cvt_f16_f32, T_F16, T_F32, VF_FLOAT16),
    ROW(v_cvt_f16_u16, T_F16, T_B16, VF_FLOAT16),
    ROW(v_cvt_f16_i16, T_F16, T_B16, VF_FLOAT16),
    FAST(v_cvt_u16_f16, T_B16, T_F16, 0),
    FAST(v_cvt_i16_f16, T_B16, T_F16, 0),
    FAST(v_cvt_norm_i16_f16, T_B16, T_F16, 0),
    FAST(v_cvt_norm_u16_f16, T_B16, T_F16, 0),
    ROW2(v_cvt_pknorm_i16_f32, T_F32),
    ROW2(v_cvt_pknorm_u16_f32, T_F32),
    ROW2(v_cvt_pknorm_i16_f16, T_F16),
    ROW2(v_cvt_pknorm_u16_f16, T_F16),
    ROW2(v_cvt_pkrtz_f16_f32, T_F32),
    ROW2(v_cvt_pk_u16_u32, T_B32),
    ROW2(v_cvt_pk_i16_i32, T_B32),
    VOP_ROW(v_cvt_pk_u8_f32, .lanes = L_v_cvt_pk_u8_f32, .sources = 3, .dst = T_B32,
            .src = {T_F32, T_B32, T_B32}),
    ROW(v_cvt_i32_f64, T_B32, T_F64, VF_TEMPORARY),
    ROW(v_cvt_u32_f64, T_B32, T_F64, VF_TEMPORARY),
    ROW(v_cvt_f32_f64, T_F32, T_F64, VF_FLOAT32 | VF_TEMPORARY | VF_OWN_FLUSH),
    ROW(v_cvt_f64_i32, T_F64, T_B32, VF_TEMPORARY),
    ROW(v_cvt_f64_u32, T_F64, T_B32, VF_TEMPORARY),
    ROW(v_cvt_f64_f32, T_F64, T_F32, VF_FLOAT32 | VF_TEMPORARY | VF_OWN_FLUSH),
};

const struct sg_op_set SG_V(sg_vec_cvt) = {entries, sizeof(entries) / sizeof(entries[0])};
