/* SPDX-License-Identifier: MIT */
/*
 * Integer and bitwise vector instructions (Vega ISA document, chapters "VOP1", "VOP2" and
 * "VOP3A/VOP3B Instructions"). One line each where possible; x, y, z are the sources in order, i is
 * the lane.
 */
#include "vec.h"

/* Sign extension of the low `bits` bits. */
#define SX(value, bits) ((int32_t)((uint32_t)(value) << (32 - (bits))) >> (32 - (bits)))
#define U16(value) ((uint32_t)(value)&0xffffu)
#define I16(value) ((int32_t)(int16_t)(value))
#define MIN(p, q) ((p) < (q) ? (p) : (q))
#define MAX(p, q) ((p) > (q) ? (p) : (q))
#define MED3(p, q, r) MAX(MIN(p, q), MIN(MAX(p, q), r))

/* ---- two sources
 * --------------------------------------------------------------------------------- */

INT2(v_add_u32, uint32_t, x + y)
INT2(v_sub_u32, uint32_t, x - y)
INT2(v_subrev_u32, uint32_t, y - x)
INT2(v_and_b32, uint32_t, x &y)
INT2(v_or_b32, uint32_t, x | y)
INT2(v_xor_b32, uint32_t, x ^ y)
INT2(v_xnor_b32, uint32_t, ~(x ^ y))
INT2(v_min_i32, int32_t, MIN(x, y))
INT2(v_max_i32, int32_t, MAX(x, y))
INT2(v_min_u32, uint32_t, MIN(x, y))
INT2(v_max_u32, uint32_t, MAX(x, y))
INT2(v_lshrrev_b32, uint32_t, y >> (x & 31))
INT2(v_ashrrev_i32, int32_t, y >> (x & 31))
INT2(v_lshlrev_b32, uint32_t, y << (x & 31))
INT2(v_mul_lo_u32, uint32_t, x *y)
INT2(v_mul_hi_u32, uint32_t, (uint64_t)x *y >> 32)
INT2(v_mul_hi_i32, int32_t, (int64_t)x *y >> 32)
INT2(v_mul_u32_u24, uint32_t, (x & 0xffffff) * (y & 0xffffff))
INT2(v_mul_hi_u32_u24, uint32_t, (uint64_t)(x & 0xffffff) * (y & 0xffffff) >> 32)
INT2(v_mul_i32_i24, uint32_t, (uint32_t)SX(x, 24) * (uint32_t)SX(y, 24))
INT2(v_mul_hi_i32_i24, uint32_t, (int64_t)SX(x, 24) * SX(y, 24) >> 32)
INT2(v_bfm_b32, uint32_t, ((1u << (x & 31)) - 1) << (y & 31))
INT2(v_pack_b32_f16, uint32_t, U16(x) | y << 16)

/* Saturating forms, under VOP3's clamp bit. */
#define SATURATE(value, low, high) ((value) < (low) ? (low) : (value) > (high) ? (high) : (value))
LANES2(add_u32_clamp, uint32_t, x + y < x ? UINT32_MAX : x + y)
LANES2(sub_u32_clamp, uint32_t, x < y ? 0 : x - y)
LANES2(subrev_u32_clamp, uint32_t, y < x ? 0 : y - x)
LANES2(add_i32_clamp, int32_t, SATURATE((int64_t)x + y, INT32_MIN, INT32_MAX))
LANES2(sub_i32_clamp, int32_t, SATURATE((int64_t)x - y, INT32_MIN, INT32_MAX))

static inline uint32_t count_bits(uint32_t x)
{
    x = x - (x >> 1 & 0x55555555u);
    x = (x & 0x33333333u) + (x >> 2 & 0x33333333u);
    return ((x + (x >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
}

INT2(v_bcnt_u32_b32, uint32_t, count_bits(x) + y)

/* Bits of the mask below this lane. */
LANES_BODY(v_mbcnt_lo_u32_b32)
{
    (void)c, (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++)
        d[i] = count_bits(i < 32 ? a[i] & ((1u << i) - 1) : a[i]) + b[i];
    return 0;
}

LANES_BODY(v_mbcnt_hi_u32_b32)
{
    (void)c, (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++)
        d[i] = count_bits(i < 32 ? 0 : a[i] & ((1u << (i - 32)) - 1)) + b[i];
    return 0;
}

/* 16 bits: the upper half of the destination becomes zero unless the row says VF_KEEP_HIGH. */
INT2(v_add_u16, uint32_t, U16(x + y))
INT2(v_sub_u16, uint32_t, U16(x - y))
INT2(v_subrev_u16, uint32_t, U16(y - x))
INT2(v_mul_lo_u16, uint32_t, U16(x *y))
INT2(v_lshlrev_b16, uint32_t, U16(y << (x & 15)))
INT2(v_lshrrev_b16, uint32_t, U16(y) >> (x & 15))
INT2(v_ashrrev_i16, uint32_t, U16(I16(y) >> (x & 15)))
INT2(v_max_u16, uint32_t, MAX(U16(x), U16(y)))
INT2(v_min_u16, uint32_t, MIN(U16(x), U16(y)))
INT2(v_max_i16, uint32_t, U16(MAX(I16(x), I16(y))))
INT2(v_min_i16, uint32_t, U16(MIN(I16(x), I16(y))))
LANES2(add_u16_clamp, uint32_t, MIN(U16(x) + U16(y), 0xffffu))
LANES2(sub_u16_clamp, uint32_t, U16(x) < U16(y) ? 0 : U16(x) - U16(y))
LANES2(subrev_u16_clamp, uint32_t, U16(y) < U16(x) ? 0 : U16(y) - U16(x))
LANES2(add_i16_clamp, uint32_t, U16(SATURATE(I16(x) + I16(y), -32768, 32767)))
LANES2(sub_i16_clamp, uint32_t, U16(SATURATE(I16(x) - I16(y), -32768, 32767)))

/* ---- one source
 * ---------------------------------------------------------------------------------- */

static inline uint32_t reverse(uint32_t x)
{
    x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
    x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
    x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
    return __builtin_bswap32(x);
}

/* Position of the first set bit from the top; -1 if there is none. */
static inline uint32_t first_high(uint32_t x)
{
    return x ? (uint32_t)__builtin_clz(x) : UINT32_MAX;
}

static inline uint32_t saturate_u8(uint32_t half)
{
    int32_t x = I16(half);
    return (uint32_t)SATURATE(x, 0, 255);
}

INT1(v_mov_b32, uint32_t, x)
INT1(v_not_b32, uint32_t, ~x)
INT1(v_bfrev_b32, uint32_t, reverse(x))
INT1(v_ffbh_u32, uint32_t, first_high(x))
INT1(v_ffbl_b32, uint32_t, x ? (uint32_t)__builtin_ctz(x) : UINT32_MAX)
INT1(v_ffbh_i32, uint32_t, first_high(x ^ (0u - (x >> 31))))
INT1(v_sat_pk_u8_i16, uint32_t, saturate_u8(x) | saturate_u8(x >> 16) << 8)

static enum sg_next SV_v_mov_b32(struct sg_wave *w, const struct sg_inst *inst)
{
    if (SG_UNLIKELY(!sg_exec_full(w)))
        return vec_plain(w, inst);
    fill_row(sg_vgpr(w, inst->dst), sg_scalar32(w, inst, inst->alu.src[0]));
    return SG_NEXT;
}

/* ---- three sources
 * ------------------------------------------------------------------------------- */

static inline uint32_t bfe_u32(uint32_t x, uint32_t offset, uint32_t width)
{
    return x >> (offset & 31) & ((1u << (width & 31)) - 1);
}

/* The field's top bit is the sign; a field that passes the top of the value ends there. */
static inline uint32_t bfe_i32(uint32_t x, uint32_t offset, uint32_t width)
{
    uint32_t w = width & 31, field = (uint32_t)((int32_t)x >> (offset & 31));
    uint32_t shift = 32 - w;

    return w ? (uint32_t)((int32_t)(field << (shift & 31)) >> (shift & 31)) : 0;
}

static inline uint32_t lerp_u8(uint32_t x, uint32_t y, uint32_t z)
{
    uint32_t r = 0;
    for (unsigned k = 0; k < 32; k += 8)
        r |= ((x >> k & 255) + (y >> k & 255) + (z >> k & 1)) >> 1 << k;
    return r;
}

static inline uint32_t difference(uint32_t p, uint32_t q)
{
    return p > q ? p - q : q - p;
}

static inline uint32_t sad_u8(uint32_t x, uint32_t y)
{
    return difference(x & 255, y & 255) + difference(x >> 8 & 255, y >> 8 & 255) +
           difference(x >> 16 & 255, y >> 16 & 255) + difference(x >> 24, y >> 24);
}

/* Bytes whose reference (y) is zero do not count. */
static inline uint32_t msad_u8(uint32_t x, uint32_t y)
{
    uint32_t r = 0;
    for (unsigned k = 0; k < 32; k += 8)
        r += y >> k & 255 ? difference(x >> k & 255, y >> k & 255) : 0;
    return r;
}

/* Byte selects 0..3: bytes of y; 4..7: of x; 8..11: sign of a 16-bit half; 12: 0; 13 and above:
 * 0xff. */
static inline uint32_t perm_byte(uint64_t data, uint32_t select)
{
    if (select >= 13)
        return 0xff;
    if (select == 12)
        return 0;
    if (select >= 8)
        return data >> (16 * (select - 8) + 15) & 1 ? 0xff : 0;
    return (uint32_t)(data >> (8 * select)) & 255;
}

static inline uint32_t perm(uint32_t x, uint32_t y, uint32_t z)
{
    uint64_t data = (uint64_t)x << 32 | y;
    return perm_byte(data, z & 255) | perm_byte(data, z >> 8 & 255) << 8 |
           perm_byte(data, z >> 16 & 255) << 16 | perm_byte(data, z >> 24) << 24;
}

INT3(v_mad_i32_i24, uint32_t, (uint32_t)SX(x, 24) * (uint32_t)SX(y, 24) + z)
INT3(v_mad_u32_u24, uint32_t, (x & 0xffffff) * (y & 0xffffff) + z)
INT3(mad_i32_i24_clamp, int32_t, SATURATE((int64_t)SX(x, 24) * SX(y, 24) + z, INT32_MIN, INT32_MAX))
INT3(mad_u32_u24_clamp, uint32_t, MIN((uint64_t)(x & 0xffffff) * (y & 0xffffff) + z, UINT32_MAX))
INT3(v_bfe_u32, uint32_t, bfe_u32(x, y, z))
INT3(v_bfe_i32, uint32_t, bfe_i32(x, y, z))
INT3(v_bfi_b32, uint32_t, (x & y) | (~x & z))
INT3(v_lerp_u8, uint32_t, lerp_u8(x, y, z))
INT3(v_alignbit_b32, uint32_t, ((uint64_t)x << 32 | y) >> (z & 31))
INT3(v_alignbyte_b32, uint32_t, ((uint64_t)x << 32 | y) >> (8 * (z & 3)))
INT3(v_min3_i32, int32_t, MIN(MIN(x, y), z))
INT3(v_max3_i32, int32_t, MAX(MAX(x, y), z))
INT3(v_med3_i32, int32_t, MED3(x, y, z))
INT3(v_min3_u32, uint32_t, MIN(MIN(x, y), z))
INT3(v_max3_u32, uint32_t, MAX(MAX(x, y), z))
INT3(v_med3_u32, uint32_t, MED3(x, y, z))
INT3(v_sad_u8, uint32_t, sad_u8(x, y) + z)
INT3(v_sad_hi_u8, uint32_t, (sad_u8(x, y) << 16) + z)
INT3(v_sad_u16, uint32_t, difference(U16(x), U16(y)) + difference(x >> 16, y >> 16) + z)
INT3(v_sad_u32, uint32_t, difference(x, y) + z)
INT3(v_msad_u8, uint32_t, msad_u8(x, y) + z)
INT3(sad_u8_clamp, uint32_t, MIN((uint64_t)sad_u8(x, y) + z, UINT32_MAX))
INT3(sad_hi_u8_clamp, uint32_t, MIN(((uint64_t)sad_u8(x, y) << 16) + z, UINT32_MAX))
INT3(sad_u16_clamp, uint32_t,
     MIN((uint64_t)difference(U16(x), U16(y)) + difference(x >> 16, y >> 16) + z, UINT32_MAX))
INT3(sad_u32_clamp, uint32_t, MIN((uint64_t)difference(x, y) + z, UINT32_MAX))
INT3(msad_u8_clamp, uint32_t, MIN((uint64_t)msad_u8(x, y) + z, UINT32_MAX))
INT3(v_perm_b32, uint32_t, perm(x, y, z))
INT3(v_xad_u32, uint32_t, (x ^ y) + z)
INT3(v_lshl_add_u32, uint32_t, (x << (y & 31)) + z)
INT3(v_add_lshl_u32, uint32_t, (x + y) << (z & 31))
INT3(v_add3_u32, uint32_t, x + y + z)
INT3(v_lshl_or_b32, uint32_t, x << (y & 31) | z)
INT3(v_and_or_b32, uint32_t, (x & y) | z)
INT3(v_or3_b32, uint32_t, x | y | z)
INT3(v_mad_u16, uint32_t, U16(x *y + z))
INT3(mad_u16_clamp, uint32_t, MIN((uint64_t)U16(x) * U16(y) + U16(z), 0xffffu))
INT3(v_mad_i16, uint32_t, U16(x *y + z))
INT3(mad_i16_clamp, uint32_t, U16(SATURATE((int64_t)I16(x) * I16(y) + I16(z), -32768, 32767)))
INT3(v_mad_u32_u16, uint32_t, U16(x) * U16(y) + z)
INT3(mad_u32_u16_clamp, uint32_t, MIN((uint64_t)U16(x) * U16(y) + z, UINT32_MAX))
INT3(v_mad_i32_i16, uint32_t, (uint32_t)(I16(x) * I16(y)) + z)
INT3(mad_i32_i16_clamp, int32_t, SATURATE((int64_t)I16(x) * I16(y) + z, INT32_MIN, INT32_MAX))
INT3(v_min3_i16, uint32_t, U16(MIN(MIN(I16(x), I16(y)), I16(z))))
INT3(v_max3_i16, uint32_t, U16(MAX(MAX(I16(x), I16(y)), I16(z))))
INT3(v_med3_i16, uint32_t, U16(MED3(I16(x), I16(y), I16(z))))
INT3(v_min3_u16, uint32_t, MIN(MIN(U16(x), U16(y)), U16(z)))
INT3(v_max3_u16, uint32_t, MAX(MAX(U16(x), U16(y)), U16(z)))
INT3(v_med3_u16, uint32_t, MED3(U16(x), U16(y), U16(z)))

/* ---- carries and selects
 * ------------------------------------------------------------------------- */

/*
 * A 32-bit result and one bit a lane. `in` is the carry-in, 0 or 1. The fast functions need EXEC to
 * be full for the row, never for the mask, whose inactive lanes become zero.
 */
#define CARRY(name, result, carry, reads_mask)                                                     \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        sg_row out, ins;                                                                           \
        (void)c, (void)mode;                                                                       \
        if (reads_mask)                                                                            \
            row_of_mask(ins, mask);                                                                \
        LANES                                                                                      \
        {                                                                                          \
            uint32_t x = a[i], y = b[i], in = reads_mask ? ins[i] & 1 : 0;                         \
            uint32_t r = (result);                                                                 \
            (void)in;                                                                              \
            d[i] = r;                                                                              \
            out[i] = (carry) ? 0x80000000u : 0;                                                    \
        }                                                                                          \
        return mask_of_row(out);                                                                   \
    }                                                                                              \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        uint64_t mask;                                                                             \
        if (SG_UNLIKELY(!sg_exec_full(w)))                                                         \
            return vec_plain(w, inst);                                                             \
        mask = reads_mask ? sg_s64(w, inst->alu.src[2]) : 0;                                       \
        mask = L_##name(sg_vgpr(w, inst->dst), sg_vgpr(w, inst->alu.src[0]),                       \
                        sg_vgpr(w, inst->alu.src[1]), NULL, mask, 0);                              \
        sg_write64(w, inst->sdst, mask);                                                           \
        return SG_NEXT;                                                                            \
    }

CARRY(v_add_co_u32, x + y, r < x, 0)
CARRY(v_sub_co_u32, x - y, x < y, 0)
CARRY(v_subrev_co_u32, y - x, y < x, 0)
CARRY(v_addc_co_u32, x + y + in, (r < x) | ((r == x) & in), 1)
CARRY(v_subb_co_u32, x - y - in, (x < y) | ((x == y) & in), 1)
CARRY(v_subbrev_co_u32, y - x - in, (y < x) | ((y == x) & in), 1)

/* d = mask ? b : a */
LANES_BODY(v_cndmask_b32)
{
    (void)c, (void)mode;
#if defined(__AVX512F__)
    for (unsigned k = 0; k < SG_LANES; k += 16)
        _mm512_store_si512(d + k,
                           _mm512_mask_blend_epi32((__mmask16)(mask >> k), _mm512_load_si512(a + k),
                                                   _mm512_load_si512(b + k)));
#else
    sg_row select;
    row_of_mask(select, mask);
    LANES d[i] = (b[i] & select[i]) | (a[i] & ~select[i]);
#endif
    return 0;
}

static enum sg_next VV_v_cndmask_b32(struct sg_wave *w, const struct sg_inst *inst)
{
    if (SG_UNLIKELY(!sg_exec_full(w)) || SG_UNLIKELY(inst->alu.src[2] >= 128))
        return vec_plain(w, inst);
    L_v_cndmask_b32(sg_vgpr(w, inst->dst), sg_vgpr(w, inst->alu.src[0]),
                    sg_vgpr(w, inst->alu.src[1]), NULL, sg_s64(w, inst->alu.src[2]), 0);
    return SG_NEXT;
}

/* ---- 64 bits
 * ------------------------------------------------------------------------------------- */

#define WIDE(name, expression)                                                                     \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)c, (void)mask, (void)mode;                                                           \
        LANES                                                                                      \
        {                                                                                          \
            uint32_t x = a[i];                                                                     \
            uint64_t y = row64(b, i);                                                              \
            set_row64(d, i, (uint64_t)(expression));                                               \
        }                                                                                          \
        return 0;                                                                                  \
    }
WIDE(v_lshlrev_b64, y << (x & 63))
WIDE(v_lshrrev_b64, y >> (x & 63))
WIDE(v_ashrrev_i64, (int64_t)y >> (x & 63))

/* Result a * b + c of 64 bits, carry-out of it. */
LANES_BODY(v_mad_u64_u32)
{
    sg_row out;
    (void)mask, (void)mode;
    LANES
    {
        uint64_t product = (uint64_t)a[i] * b[i], r = product + row64(c, i);
        set_row64(d, i, r);
        out[i] = r < product ? 0x80000000u : 0;
    }
    return mask_of_row(out);
}

/* The carry-out is the overflow of the signed sum. */
LANES_BODY(v_mad_i64_i32)
{
    sg_row out;
    (void)mask, (void)mode;
    LANES
    {
        uint64_t product = (uint64_t)((int64_t)(int32_t)a[i] * (int32_t)b[i]), z = row64(c, i);
        uint64_t r = product + z;
        set_row64(d, i, r);
        out[i] = (uint32_t)((~(product ^ z) & (product ^ r)) >> 32);
    }
    return mask_of_row(out);
}

LANES_BODY(mad_u64_u32_clamp)
{
    uint64_t carry = L_v_mad_u64_u32(d, a, b, c, mask, mode);
    for (unsigned i = 0; i < SG_LANES; i++)
        if (carry >> i & 1)
            set_row64(d, i, UINT64_MAX);
    return carry;
}

LANES_BODY(mad_i64_i32_clamp)
{
    uint64_t carry = L_v_mad_i64_i32(d, a, b, c, mask, mode);
    for (unsigned i = 0; i < SG_LANES; i++)
        if (carry >> i & 1)
            set_row64(d, i, (int64_t)row64(d, i) < 0 ? INT64_MAX : (uint64_t)INT64_MIN);
    return carry;
}

/* Four sums over the four byte positions at which the reference y fits into the eight bytes of x.
 */
#define QSAD(name, sad, saturate)                                                                  \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)mask, (void)mode;                                                                    \
        for (unsigned i = 0; i < SG_LANES; i++) {                                                  \
            uint64_t x = row64(a, i), z = row64(c, i), r = 0;                                      \
            for (unsigned k = 0; k < 4; k++) {                                                     \
                uint64_t sum = sad((uint32_t)(x >> (8 * k)), b[i]) + (z >> (16 * k) & 0xffff);     \
                r |= (saturate && sum > 0xffff ? 0xffff : sum & 0xffff) << (16 * k);               \
            }                                                                                      \
            set_row64(d, i, r);                                                                    \
        }                                                                                          \
        return 0;                                                                                  \
    }
QSAD(v_qsad_pk_u16_u8, sad_u8, false)
QSAD(qsad_pk_u16_u8_clamp, sad_u8, true)
QSAD(v_mqsad_pk_u16_u8, msad_u8, false)
QSAD(mqsad_pk_u16_u8_clamp, msad_u8, true)

#define MQSAD32(name, saturate)                                                                    \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)mask, (void)mode;                                                                    \
        for (unsigned i = 0; i < SG_LANES; i++)                                                    \
            for (unsigned k = 0; k < 4; k++) {                                                     \
                uint64_t sum = (uint64_t)msad_u8((uint32_t)(row64(a, i) >> (8 * k)), b[i]) +       \
                               c[k * SG_LANES + i];                                                \
                d[k * SG_LANES + i] = saturate && sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;   \
            }                                                                                      \
        return 0;                                                                                  \
    }
MQSAD32(v_mqsad_u32_u8, false)
MQSAD32(mqsad_u32_u8_clamp, true)

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

#define FAST2(name) .lanes = L_##name, .vv = VV_##name, .sv = SV_##name, .sources = 2
#define ROW2(name, type_, ...)                                                                     \
    VOP_ROW(name, FAST2(name), .dst = type_, .src = {type_, type_}, __VA_ARGS__)
#define ROW1(name, type_)                                                                          \
    VOP_ROW(name, .lanes = L_##name, .vv = VV_##name, .sources = 1, .dst = type_, .src = {type_})
#define ROW3(name, type_, ...)                                                                     \
    VOP_ROW(name, .lanes = L_##name, .sources = 3, .dst = type_, .src = {type_, type_, type_},     \
            __VA_ARGS__)
#define ROWC(name, flags_)                                                                         \
    VOP_ROW(name, .lanes = L_##name, .vv = VV_##name, .sources = 2, .dst = T_B32,                  \
            .src = {T_B32, T_B32}, .flags = VF_MASK_OUT | flags_)
#define CLAMP(name) .lanes_clamp = L_##name
#define KEEP .flags = VF_KEEP_HIGH
#define NONE .flags = 0

static const struct sg_op_entry entries[] = {
    ROW2(v_add_u32, T_B32, CLAMP(add_u32_clamp)),
    ROW2(v_sub_u32, T_B32, CLAMP(sub_u32_clamp)),
    ROW2(v_subrev_u32, T_B32, CLAMP(subrev_u32_clamp)),
    VOP_ROW(v_add_i32, FAST2(v_add_u32), .dst = T_B32, .src = {T_B32, T_B32}, CLAMP(add_i32_clamp)),
    VOP_ROW(v_sub_i32, FAST2(v_sub_u32), .dst = T_B32, .src = {T_B32, T_B32}, CLAMP(sub_i32_clamp)),
    ROW2(v_and_b32, T_B32, NONE),
    ROW2(v_or_b32, T_B32, NONE),
    ROW2(v_xor_b32, T_B32, NONE),
    ROW2(v_xnor_b32, T_B32, NONE),
    ROW2(v_min_i32, T_B32, NONE),
    ROW2(v_max_i32, T_B32, NONE),
    ROW2(v_min_u32, T_B32, NONE),
    ROW2(v_max_u32, T_B32, NONE),
    ROW2(v_lshrrev_b32, T_B32, NONE),
    ROW2(v_ashrrev_i32, T_B32, NONE),
    ROW2(v_lshlrev_b32, T_B32, NONE),
    ROW2(v_mul_lo_u32, T_B32, NONE),
    ROW2(v_mul_hi_u32, T_B32, NONE),
    ROW2(v_mul_hi_i32, T_B32, NONE),
    ROW2(v_mul_u32_u24, T_B32, NONE),
    ROW2(v_mul_hi_u32_u24, T_B32, NONE),
    ROW2(v_mul_i32_i24, T_B32, NONE),
    ROW2(v_mul_hi_i32_i24, T_B32, NONE),
    ROW2(v_bfm_b32, T_B32, NONE),
    ROW2(v_bcnt_u32_b32, T_B32, NONE),
    VOP_ROW(v_mbcnt_lo_u32_b32, .lanes = L_v_mbcnt_lo_u32_b32, .sources = 2, .dst = T_B32,
            .src = {T_B32, T_B32}),
    VOP_ROW(v_mbcnt_hi_u32_b32, .lanes = L_v_mbcnt_hi_u32_b32, .sources = 2, .dst = T_B32,
            .src = {T_B32, T_B32}),
    VOP_ROW(v_pack_b32_f16, FAST2(v_pack_b32_f16), .dst = T_B32, .src = {T_F16, T_F16}),
    ROW2(v_add_u16, T_B16, CLAMP(add_u16_clamp)),
    ROW2(v_sub_u16, T_B16, CLAMP(sub_u16_clamp)),
    ROW2(v_subrev_u16, T_B16, CLAMP(subrev_u16_clamp)),
    VOP_ROW(v_add_i16, FAST2(v_add_u16), .dst = T_B16, .src = {T_B16, T_B16}, CLAMP(add_i16_clamp),
            KEEP),
    VOP_ROW(v_sub_i16, FAST2(v_sub_u16), .dst = T_B16, .src = {T_B16, T_B16}, CLAMP(sub_i16_clamp),
            KEEP),
    ROW2(v_mul_lo_u16, T_B16, NONE),
    ROW2(v_lshlrev_b16, T_B16, NONE),
    ROW2(v_lshrrev_b16, T_B16, NONE),
    ROW2(v_ashrrev_i16, T_B16, NONE),
    ROW2(v_max_u16, T_B16, NONE),
    ROW2(v_min_u16, T_B16, NONE),
    ROW2(v_max_i16, T_B16, NONE),
    ROW2(v_min_i16, T_B16, NONE),
    VOP_ROW(v_mov_b32, .lanes = L_v_mov_b32, .vv = VV_v_mov_b32, .sv = SV_v_mov_b32, .sources = 1,
            .dst = T_B32, .src = {T_B32}),
    ROW1(v_not_b32, T_B32),
    ROW1(v_bfrev_b32, T_B32),
    ROW1(v_ffbh_u32, T_B32),
    ROW1(v_ffbl_b32, T_B32),
    ROW1(v_ffbh_i32, T_B32),
    ROW1(v_sat_pk_u8_i16, T_B32),
    ROW3(v_mad_i32_i24, T_B32, CLAMP(mad_i32_i24_clamp)),
    ROW3(v_mad_u32_u24, T_B32, CLAMP(mad_u32_u24_clamp)),
    ROW3(v_bfe_u32, T_B32, NONE),
    ROW3(v_bfe_i32, T_B32, NONE),
    ROW3(v_bfi_b32, T_B32, NONE),
    ROW3(v_lerp_u8, T_B32, NONE),
    ROW3(v_alignbit_b32, T_B32, NONE),
    ROW3(v_alignbyte_b32, T_B32, NONE),
    ROW3(v_min3_i32, T_B32, NONE),
    ROW3(v_max3_i32, T_B32, NONE),
    ROW3(v_med3_i32, T_B32, NONE),
    ROW3(v_min3_u32, T_B32, NONE),
    ROW3(v_max3_u32, T_B32, NONE),
    ROW3(v_med3_u32, T_B32, NONE),
    ROW3(v_sad_u8, T_B32, CLAMP(sad_u8_clamp)),
    ROW3(v_sad_hi_u8, T_B32, CLAMP(sad_hi_u8_clamp)),
    ROW3(v_sad_u16, T_B32, CLAMP(sad_u16_clamp)),
    ROW3(v_sad_u32, T_B32, CLAMP(sad_u32_clamp)),
    ROW3(v_msad_u8, T_B32, CLAMP(msad_u8_clamp)),
    ROW3(v_perm_b32, T_B32, NONE),
    ROW3(v_xad_u32, T_B32, NONE),
    ROW3(v_lshl_add_u32, T_B32, NONE),
    ROW3(v_add_lshl_u32, T_B32, NONE),
    ROW3(v_add3_u32, T_B32, NONE),
    ROW3(v_lshl_or_b32, T_B32, NONE),
    ROW3(v_and_or_b32, T_B32, NONE),
    ROW3(v_or3_b32, T_B32, NONE),
    ROW3(v_mad_u16, T_B16, CLAMP(mad_u16_clamp), KEEP),
    ROW3(v_mad_i16, T_B16, CLAMP(mad_i16_clamp), KEEP),
    VOP_ROW(v_mad_legacy_u16, .lanes = L_v_mad_u16, .sources = 3, .dst = T_B16,
            .src = {T_B16, T_B16, T_B16}, CLAMP(mad_u16_clamp)),
    VOP_ROW(v_mad_legacy_i16, .lanes = L_v_mad_i16, .sources = 3, .dst = T_B16,
            .src = {T_B16, T_B16, T_B16}, CLAMP(mad_i16_clamp)),
    VOP_ROW(v_mad_u32_u16, .lanes = L_v_mad_u32_u16, .sources = 3, .dst = T_B32,
            .src = {T_B16, T_B16, T_B32}, CLAMP(mad_u32_u16_clamp)),
    VOP_ROW(v_mad_i32_i16, .lanes = L_v_mad_i32_i16, .sources = 3, .dst = T_B32,
            .src = {T_B16, T_B16, T_B32}, CLAMP(mad_i32_i16_clamp)),
    ROW3(v_min3_i16, T_B16, KEEP),
    ROW3(v_max3_i16, T_B16, KEEP),
    ROW3(v_med3_i16, T_B16, KEEP),
    ROW3(v_min3_u16, T_B16, KEEP),
    ROW3(v_max3_u16, T_B16, KEEP),
    ROW3(v_med3_u16, T_B16, KEEP),
    ROWC(v_add_co_u32, 0),
    ROWC(v_sub_co_u32, 0),
    ROWC(v_subrev_co_u32, 0),
    ROWC(v_addc_co_u32, VF_MASK_IN),
    ROWC(v_subb_co_u32, VF_MASK_IN),
    ROWC(v_subbrev_co_u32, VF_MASK_IN),
    VOP_ROW(v_cndmask_b32, .lanes = L_v_cndmask_b32, .vv = VV_v_cndmask_b32, .sources = 2,
            .dst = T_B32, .src = {T_F32, T_F32}, .flags = VF_MASK_IN),
    VOP_ROW(v_lshlrev_b64, .lanes = L_v_lshlrev_b64, .sources = 2, .dst = T_B64,
            .src = {T_B32, T_B64}),
    VOP_ROW(v_lshrrev_b64, .lanes = L_v_lshrrev_b64, .sources = 2, .dst = T_B64,
            .src = {T_B32, T_B64}),
    VOP_ROW(v_ashrrev_i64, .lanes = L_v_ashrrev_i64, .sources = 2, .dst = T_B64,
            .src = {T_B32, T_B64}),
    VOP_ROW(v_mad_u64_u32, .lanes = L_v_mad_u64_u32, .lanes_clamp = L_mad_u64_u32_clamp,
            .sources = 3, .dst = T_B64, .src = {T_B32, T_B32, T_B64}, .flags = VF_MASK_OUT),
    VOP_ROW(v_mad_i64_i32, .lanes = L_v_mad_i64_i32, .lanes_clamp = L_mad_i64_i32_clamp,
            .sources = 3, .dst = T_B64, .src = {T_B32, T_B32, T_B64}, .flags = VF_MASK_OUT),
    VOP_ROW(v_qsad_pk_u16_u8, .lanes = L_v_qsad_pk_u16_u8, CLAMP(qsad_pk_u16_u8_clamp),
            .sources = 3, .dst = T_B64, .src = {T_B64, T_B32, T_B64}),
    VOP_ROW(v_mqsad_pk_u16_u8, .lanes = L_v_mqsad_pk_u16_u8, CLAMP(mqsad_pk_u16_u8_clamp),
            .sources = 3, .dst = T_B64, .src = {T_B64, T_B32, T_B64}),
    VOP_ROW(v_mqsad_u32_u8, .lanes = L_v_mqsad_u32_u8, CLAMP(mqsad_u32_u8_clamp), .sources = 3,
            .dst = T_B128, .src = {T_B64, T_B32, T_B128}),
};

const struct sg_op_set SG_V(sg_vec_int) = {entries, sizeof(entries) / sizeof(entries[0])};
