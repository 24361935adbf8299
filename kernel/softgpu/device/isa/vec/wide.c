/* SPDX-License-Identifier: MIT */
/*
 * The instructions that kernels spend their time in, by hand for hosts with AVX-512: a register is
 * four host vectors, EXEC and carries are host masks. vec_prepare() asks here last, for what has no
 * modifiers but neg and abs; everything unusual (another MODE, a NaN result) goes back to the plain
 * loops, which define what is right. Other hosts: no function.
 */
#include "vec.h"

#include <immintrin.h>

#if defined(__AVX512F__)

#define TEMPLATE static inline __attribute__((always_inline))
#define PARTS 4  /* host vectors to a register */
#define STEP 16u /* lanes in one */

/* Which operands a function takes. */
enum operands {
    VECTORS,  /* VGPRs only: rows at known distances */
    ANY,      /* scalars too */
    MODIFIED, /* and neg, abs */
};

/* A source: its row, or one vector of copies of a scalar with no step. */
struct source {
    const uint32_t *row;
    unsigned step, next; /* words to the next part; to the high dwords */
};

typedef uint32_t spare_row[2 * STEP] __attribute__((aligned(64)));

TEMPLATE struct source fetch32(const struct sg_wave *w, const struct sg_inst *inst, unsigned k,
                               enum operands operands, uint32_t *spare)
{
    unsigned code = inst->alu.src[k];
    if (operands == VECTORS || sg_is_vgpr(code))
        return (struct source){sg_vgpr(w, code), STEP, SG_LANES};
    _mm512_store_si512(spare, _mm512_set1_epi32((int)sg_scalar32(w, inst, code)));
    return (struct source){spare, 0, 0};
}

TEMPLATE struct source fetch64(const struct sg_wave *w, const struct sg_inst *inst, unsigned k,
                               enum operands operands, bool is_float, uint32_t *spare)
{
    unsigned code = inst->alu.src[k];
    if (operands == VECTORS || sg_is_vgpr(code))
        return (struct source){sg_vgpr(w, code), STEP, SG_LANES};
    uint64_t value = is_float ? sg_scalar_f64(w, inst, code) : sg_scalar64(w, inst, code);
    _mm512_store_si512(spare, _mm512_set1_epi32((int)value));
    _mm512_store_si512(spare + STEP, _mm512_set1_epi32((int)(value >> 32)));
    return (struct source){spare, 0, STEP};
}

TEMPLATE __m512i part(struct source s, unsigned k)
{
    return _mm512_load_si512(s.row + k * s.step);
}

TEMPLATE __m512i high_part(struct source s, unsigned k)
{
    return _mm512_load_si512(s.row + s.next + k * s.step);
}

/* One part of a result to its register, under EXEC. */
TEMPLATE void put(uint32_t *d, unsigned k, __m512i value, uint64_t exec, bool full)
{
    if (!full)
        value = _mm512_mask_mov_epi32(_mm512_load_si512(d + k * STEP),
                                      (__mmask16)(exec >> k * STEP), value);
    _mm512_store_si512(d + k * STEP, value);
}

TEMPLATE bool default_mode(const struct sg_wave *w)
{
    return SG_LIKELY((w->mode & SG_MODE_FLOAT_MASK) == SG_MODE_FLOAT_DEFAULT);
}

/* The same instruction through the plain loops. */
static enum sg_next slowly(struct sg_wave *w, const struct sg_inst *inst)
{
    return inst->alu.neg || inst->alu.abs ? vec_generic(w, inst) : vec_plain(w, inst);
}

/* ---- 32-bit integers
 * ------------------------------------------------------------------------------ */

typedef __m512i int_op(__m512i x, __m512i y, __m512i z);

TEMPLATE enum sg_next run_int(struct sg_wave *w, const struct sg_inst *inst, int_op *op,
                              unsigned sources, enum operands operands)
{
    spare_row spare[3];
    struct source a = fetch32(w, inst, 0, operands, spare[0]), b = a, c = a;
    uint32_t *d = sg_vgpr(w, inst->dst);
    uint64_t exec = sg_exec(w);
    if (sources > 1)
        b = c = fetch32(w, inst, 1, operands, spare[1]);
    if (sources > 2)
        c = fetch32(w, inst, 2, operands, spare[2]);
    if (SG_LIKELY(exec == UINT64_MAX))
        for (unsigned k = 0; k < PARTS; k++)
            put(d, k, op(part(a, k), part(b, k), part(c, k)), exec, true);
    else
        for (unsigned k = 0; k < PARTS; k++)
            put(d, k, op(part(a, k), part(b, k), part(c, k)), exec, false);
    return SG_NEXT;
}

#define INT_OP(name, sources, expression)                                                          \
    TEMPLATE __m512i I_##name(__m512i x, __m512i y, __m512i z)                                     \
    {                                                                                              \
        (void)x, (void)y, (void)z;                                                                 \
        return expression;                                                                         \
    }                                                                                              \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run_int(w, inst, I_##name, sources, VECTORS);                                       \
    }                                                                                              \
    static enum sg_next AA_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run_int(w, inst, I_##name, sources, ANY);                                           \
    }

#define SHIFT(x) _mm512_and_si512(x, _mm512_set1_epi32(31))
#define LOW24(x) _mm512_and_si512(x, _mm512_set1_epi32(0xffffff))
#define ADD _mm512_add_epi32
#define SHL(value, bits) _mm512_sllv_epi32(value, SHIFT(bits))
#define SHR(value, bits) _mm512_srlv_epi32(value, SHIFT(bits))

INT_OP(v_mov_b32, 1, x)
INT_OP(v_not_b32, 1, _mm512_ternarylogic_epi32(x, x, x, 0x55))
INT_OP(v_add_u32, 2, ADD(x, y))
INT_OP(v_sub_u32, 2, _mm512_sub_epi32(x, y))
INT_OP(v_subrev_u32, 2, _mm512_sub_epi32(y, x))
INT_OP(v_and_b32, 2, _mm512_and_si512(x, y))
INT_OP(v_or_b32, 2, _mm512_or_si512(x, y))
INT_OP(v_xor_b32, 2, _mm512_xor_si512(x, y))
INT_OP(v_lshlrev_b32, 2, SHL(y, x))
INT_OP(v_lshrrev_b32, 2, SHR(y, x))
INT_OP(v_ashrrev_i32, 2, _mm512_srav_epi32(y, SHIFT(x)))
INT_OP(v_min_u32, 2, _mm512_min_epu32(x, y))
INT_OP(v_max_u32, 2, _mm512_max_epu32(x, y))
INT_OP(v_min_i32, 2, _mm512_min_epi32(x, y))
INT_OP(v_max_i32, 2, _mm512_max_epi32(x, y))
INT_OP(v_mul_lo_u32, 2, _mm512_mullo_epi32(x, y))
INT_OP(v_mul_u32_u24, 2, _mm512_mullo_epi32(LOW24(x), LOW24(y)))
INT_OP(v_mad_u32_u24, 3, ADD(_mm512_mullo_epi32(LOW24(x), LOW24(y)), z))
INT_OP(v_add3_u32, 3, ADD(ADD(x, y), z))
INT_OP(v_lshl_add_u32, 3, ADD(SHL(x, y), z))
INT_OP(v_add_lshl_u32, 3, SHL(ADD(x, y), z))
INT_OP(v_lshl_or_b32, 3, _mm512_or_si512(SHL(x, y), z))
INT_OP(v_and_or_b32, 3, _mm512_ternarylogic_epi32(x, y, z, 0xea))
INT_OP(v_or3_b32, 3, _mm512_ternarylogic_epi32(x, y, z, 0xfe))
INT_OP(v_xad_u32, 3, ADD(_mm512_xor_si512(x, y), z))
INT_OP(v_bfi_b32, 3, _mm512_ternarylogic_epi32(x, y, z, 0xca))

TEMPLATE __m512i mul_hi(__m512i x, __m512i y)
{
    __m512i even = _mm512_mul_epu32(x, y);
    __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), _mm512_srli_epi64(y, 32));
    return _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
}
INT_OP(v_mul_hi_u32, 2, mul_hi(x, y))

/* (x >> offset) & ones(width); a count of lanes past 31 is cut to 5 bits. */
TEMPLATE __m512i ones(__m512i width)
{
    const __m512i one = _mm512_set1_epi32(1);
    return _mm512_sub_epi32(_mm512_sllv_epi32(one, SHIFT(width)), one);
}
INT_OP(v_bfe_u32, 3, _mm512_and_si512(SHR(x, y), ones(z)))

/* The low dword of (x:y) >> bits; a shift by 32 gives zero. */
TEMPLATE __m512i align_bit(__m512i x, __m512i y, __m512i bits)
{
    const __m512i right = SHIFT(bits), left = _mm512_sub_epi32(_mm512_set1_epi32(32), right);
    return _mm512_or_si512(_mm512_sllv_epi32(x, left), _mm512_srlv_epi32(y, right));
}
INT_OP(v_alignbit_b32, 3, align_bit(x, y, z))

/* ---- carries and selection
 * ------------------------------------------------------------------------ */

/* *carry: in and out. */
typedef __m512i carry_op(__m512i x, __m512i y, __mmask16 *carry);

TEMPLATE uint64_t carry_parts(uint32_t *d, struct source a, struct source b, carry_op *op,
                              uint64_t in, uint64_t exec, bool full)
{
    uint64_t out = 0;
    for (unsigned k = 0; k < PARTS; k++) {
        __mmask16 carry = (__mmask16)(in >> k * STEP);
        __m512i r = op(part(a, k), part(b, k), &carry);
        out |= (uint64_t)carry << k * STEP;
        put(d, k, r, exec, full);
    }
    return out & exec;
}

TEMPLATE enum sg_next run_carry(struct sg_wave *w, const struct sg_inst *inst, carry_op *op,
                                bool reads, enum operands operands)
{
    spare_row spare[2];
    struct source a = fetch32(w, inst, 0, operands, spare[0]),
                  b = fetch32(w, inst, 1, operands, spare[1]);
    uint32_t *d = sg_vgpr(w, inst->dst);
    uint64_t exec = sg_exec(w), in = reads ? sg_scalar64(w, inst, inst->alu.src[2]) : 0;
    uint64_t out = SG_LIKELY(exec == UINT64_MAX) ? carry_parts(d, a, b, op, in, exec, true)
                                                 : carry_parts(d, a, b, op, in, exec, false);
    sg_write64(w, inst->sdst, out);
    return SG_NEXT;
}

TEMPLATE __m512i add_carry(__m512i x, __m512i y, __mmask16 *carry)
{
    __m512i sum = ADD(x, y), r = _mm512_mask_sub_epi32(sum, *carry, sum, _mm512_set1_epi32(-1));
    *carry = (__mmask16)(_mm512_cmplt_epu32_mask(sum, x) |
                         (*carry & _mm512_cmpeq_epi32_mask(sum, _mm512_set1_epi32(-1))));
    return r;
}

TEMPLATE __m512i sub_borrow(__m512i x, __m512i y, __mmask16 *borrow)
{
    __m512i less = _mm512_sub_epi32(x, y);
    __m512i r = _mm512_mask_add_epi32(less, *borrow, less, _mm512_set1_epi32(-1));
    *borrow =
        (__mmask16)(_mm512_cmplt_epu32_mask(x, y) | (*borrow & _mm512_cmpeq_epi32_mask(x, y)));
    return r;
}

TEMPLATE __m512i sub_borrow_reversed(__m512i x, __m512i y, __mmask16 *borrow)
{
    return sub_borrow(y, x, borrow);
}

TEMPLATE __m512i select_part(__m512i x, __m512i y, __mmask16 *mask)
{
    return _mm512_mask_mov_epi32(x, *mask, y);
}

#define CARRY_OP(name, op, reads)                                                                  \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run_carry(w, inst, op, reads, VECTORS);                                             \
    }                                                                                              \
    static enum sg_next AA_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run_carry(w, inst, op, reads, ANY);                                                 \
    }
CARRY_OP(v_add_co_u32, add_carry, false)
CARRY_OP(v_addc_co_u32, add_carry, true)
CARRY_OP(v_sub_co_u32, sub_borrow, false)
CARRY_OP(v_subb_co_u32, sub_borrow, true)
CARRY_OP(v_subrev_co_u32, sub_borrow_reversed, false)
CARRY_OP(v_subbrev_co_u32, sub_borrow_reversed, true)

static enum sg_next AA_v_cndmask_b32(struct sg_wave *w, const struct sg_inst *inst)
{
    spare_row spare[2];
    struct source a = fetch32(w, inst, 0, ANY, spare[0]), b = fetch32(w, inst, 1, ANY, spare[1]);
    uint32_t *d = sg_vgpr(w, inst->dst);
    uint64_t exec = sg_exec(w), in = sg_scalar64(w, inst, inst->alu.src[2]);
    if (SG_LIKELY(exec == UINT64_MAX))
        carry_parts(d, a, b, select_part, in, exec, true);
    else
        carry_parts(d, a, b, select_part, in, exec, false);
    return SG_NEXT;
}
#define VV_v_cndmask_b32 AA_v_cndmask_b32

/* ---- 64 bits: a part is two host vectors, lanes as unpack instructions order them
 * ---------------- */

struct wide {
    __m512i first, second;
};

TEMPLATE struct wide join(__m512i low, __m512i high)
{
    return (struct wide){_mm512_unpacklo_epi32(low, high), _mm512_unpackhi_epi32(low, high)};
}

TEMPLATE struct wide wide_part(struct source s, unsigned k)
{
    return join(part(s, k), high_part(s, k));
}

/* Both registers of a result, in lane order again. */
TEMPLATE void put_wide(uint32_t *d, unsigned k, struct wide r, uint64_t exec)
{
    __m512 x = _mm512_castsi512_ps(r.first), y = _mm512_castsi512_ps(r.second);
    bool full = exec == UINT64_MAX;
    put(d, k, _mm512_castps_si512(_mm512_shuffle_ps(x, y, 0x88)), exec, full);
    put(d + SG_LANES, k, _mm512_castps_si512(_mm512_shuffle_ps(x, y, 0xdd)), exec, full);
}

typedef __m512i wide_op(__m512i x, __m512i y, __m512i z);

/* Shifts: a 32-bit count, then 64 bits. */
TEMPLATE enum sg_next run_shift(struct sg_wave *w, const struct sg_inst *inst, wide_op *op,
                                enum operands operands)
{
    spare_row spare[2];
    struct source a = fetch32(w, inst, 0, operands, spare[0]),
                  b = fetch64(w, inst, 1, operands, false, spare[1]);
    const __m512i zero = _mm512_setzero_si512(), six = _mm512_set1_epi32(63);
    uint32_t *d = sg_vgpr(w, inst->dst);
    uint64_t exec = sg_exec(w);
    for (unsigned k = 0; k < PARTS; k++) {
        struct wide x = join(_mm512_and_si512(part(a, k), six), zero), y = wide_part(b, k);
        put_wide(d, k, (struct wide){op(x.first, y.first, zero), op(x.second, y.second, zero)},
                 exec);
    }
    return SG_NEXT;
}

#define SHIFT_OP(name, expression)                                                                 \
    TEMPLATE __m512i W_##name(__m512i x, __m512i y, __m512i z)                                     \
    {                                                                                              \
        (void)z;                                                                                   \
        return expression;                                                                         \
    }                                                                                              \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run_shift(w, inst, W_##name, VECTORS);                                              \
    }                                                                                              \
    static enum sg_next AA_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run_shift(w, inst, W_##name, ANY);                                                  \
    }
SHIFT_OP(v_lshlrev_b64, _mm512_sllv_epi64(y, x))
SHIFT_OP(v_lshrrev_b64, _mm512_srlv_epi64(y, x))
SHIFT_OP(v_ashrrev_i64, _mm512_srav_epi64(y, x))

/* Lanes of the two masks of a part, in lane order. */
TEMPLATE uint64_t mask_of_wide(__mmask8 first, __mmask8 second)
{
    return _pdep_u32(first, 0x3333) | _pdep_u32(second, 0xcccc);
}

TEMPLATE enum sg_next run_mad_u64(struct sg_wave *w, const struct sg_inst *inst,
                                  enum operands operands)
{
    spare_row spare[3];
    struct source a = fetch32(w, inst, 0, operands, spare[0]),
                  b = fetch32(w, inst, 1, operands, spare[1]),
                  c = fetch64(w, inst, 2, operands, false, spare[2]);
    uint32_t *d = sg_vgpr(w, inst->dst);
    uint64_t exec = sg_exec(w), out = 0;
    for (unsigned k = 0; k < PARTS; k++) {
        struct wide x = join(part(a, k), part(a, k)), y = join(part(b, k), part(b, k)), r;
        struct wide z = wide_part(c, k);
        r.first = _mm512_add_epi64(_mm512_mul_epu32(x.first, y.first), z.first);
        r.second = _mm512_add_epi64(_mm512_mul_epu32(x.second, y.second), z.second);
        out |= mask_of_wide(_mm512_cmplt_epu64_mask(r.first, z.first),
                            _mm512_cmplt_epu64_mask(r.second, z.second))
               << k * STEP;
        put_wide(d, k, r, exec);
    }
    sg_write64(w, inst->sdst, out & exec);
    return SG_NEXT;
}

static enum sg_next VV_v_mad_u64_u32(struct sg_wave *w, const struct sg_inst *inst)
{
    return run_mad_u64(w, inst, VECTORS);
}

static enum sg_next AA_v_mad_u64_u32(struct sg_wave *w, const struct sg_inst *inst)
{
    return run_mad_u64(w, inst, ANY);
}

/* ---- floats
 * --------------------------------------------------------------------------------------- */

/* Bits to clear and to flip for abs and neg of source k. */
TEMPLATE __m512i modify(__m512i value, const struct sg_inst *inst, unsigned k)
{
    const __m512i sign = _mm512_set1_epi32((int)0x80000000u);
    if (inst->alu.abs >> k & 1)
        value = _mm512_andnot_si512(sign, value);
    return inst->alu.neg >> k & 1 ? _mm512_xor_si512(value, sign) : value;
}

TEMPLATE __m512 float_part(struct source s, unsigned k, const struct sg_inst *inst, unsigned which,
                           enum operands operands)
{
    __m512i value = part(s, k);
    return _mm512_castsi512_ps(operands == MODIFIED ? modify(value, inst, which) : value);
}

TEMPLATE struct wide double_part(struct source s, unsigned k, const struct sg_inst *inst,
                                 unsigned which, enum operands operands)
{
    __m512i high = high_part(s, k);
    return join(part(s, k), operands == MODIFIED ? modify(high, inst, which) : high);
}

typedef __m512 float_op(__m512 x, __m512 y, __m512 z);
typedef __m512d double_op(__m512d x, __m512d y, __m512d z);

TEMPLATE enum sg_next run_float(struct sg_wave *w, const struct sg_inst *inst, float_op *op,
                                unsigned sources, enum operands operands)
{
    spare_row spare[3];
    __m512 r[PARTS];
    uint64_t nan = 0, exec = sg_exec(w);
    if (!default_mode(w))
        return vec_generic(w, inst);
    struct source a = fetch32(w, inst, 0, operands, spare[0]),
                  b = fetch32(w, inst, 1, operands, spare[1]), c = b;
    if (sources > 2)
        c = fetch32(w, inst, 2, operands, spare[2]);
    for (unsigned k = 0; k < PARTS; k++) {
        r[k] = op(float_part(a, k, inst, 0, operands), float_part(b, k, inst, 1, operands),
                  float_part(c, k, inst, 2, operands));
        nan |= (uint64_t)_mm512_cmp_ps_mask(r[k], r[k], _CMP_UNORD_Q) << k * STEP;
    }
    if (SG_UNLIKELY(nan & exec))
        return slowly(w, inst);
    uint32_t *d = sg_vgpr(w, inst->dst);
    for (unsigned k = 0; k < PARTS; k++)
        put(d, k, _mm512_castps_si512(r[k]), exec, exec == UINT64_MAX);
    return SG_NEXT;
}

TEMPLATE enum sg_next run_double(struct sg_wave *w, const struct sg_inst *inst, double_op *op,
                                 unsigned sources, enum operands operands)
{
    spare_row spare[3];
    struct wide r[PARTS];
    uint64_t nan = 0, exec = sg_exec(w);
    if (!default_mode(w))
        return vec_generic(w, inst);
    struct source a = fetch64(w, inst, 0, operands, true, spare[0]),
                  b = fetch64(w, inst, 1, operands, true, spare[1]), c = b;
    if (sources > 2)
        c = fetch64(w, inst, 2, operands, true, spare[2]);
    for (unsigned k = 0; k < PARTS; k++) {
        struct wide x = double_part(a, k, inst, 0, operands),
                    y = double_part(b, k, inst, 1, operands),
                    z = double_part(c, k, inst, 2, operands);
        __m512d first = op(_mm512_castsi512_pd(x.first), _mm512_castsi512_pd(y.first),
                           _mm512_castsi512_pd(z.first));
        __m512d second = op(_mm512_castsi512_pd(x.second), _mm512_castsi512_pd(y.second),
                            _mm512_castsi512_pd(z.second));
        nan |= mask_of_wide(_mm512_cmp_pd_mask(first, first, _CMP_UNORD_Q),
                            _mm512_cmp_pd_mask(second, second, _CMP_UNORD_Q))
               << k * STEP;
        r[k] = (struct wide){_mm512_castpd_si512(first), _mm512_castpd_si512(second)};
    }
    if (SG_UNLIKELY(nan & exec))
        return slowly(w, inst);
    for (unsigned k = 0; k < PARTS; k++)
        put_wide(sg_vgpr(w, inst->dst), k, r[k], exec);
    return SG_NEXT;
}

#define FLOAT_OP_(kind, vector, run, name, sources, expression)                                    \
    TEMPLATE vector kind##_##name(vector x, vector y, vector z)                                    \
    {                                                                                              \
        (void)z;                                                                                   \
        return expression;                                                                         \
    }                                                                                              \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run(w, inst, kind##_##name, sources, VECTORS);                                      \
    }                                                                                              \
    static enum sg_next AA_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run(w, inst, kind##_##name, sources, ANY);                                          \
    }                                                                                              \
    static enum sg_next MM_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run(w, inst, kind##_##name, sources, MODIFIED);                                     \
    }
#define FLOAT_OP(name, sources, expression)                                                        \
    FLOAT_OP_(F, __m512, run_float, name, sources, expression)
#define DOUBLE_OP(name, sources, expression)                                                       \
    FLOAT_OP_(D, __m512d, run_double, name, sources, expression)

FLOAT_OP(v_add_f32, 2, _mm512_add_ps(x, y))
FLOAT_OP(v_sub_f32, 2, _mm512_sub_ps(x, y))
FLOAT_OP(v_subrev_f32, 2, _mm512_sub_ps(y, x))
FLOAT_OP(v_mul_f32, 2, _mm512_mul_ps(x, y))
FLOAT_OP(v_fma_f32, 3, _mm512_fmadd_ps(x, y, z))
DOUBLE_OP(v_add_f64, 2, _mm512_add_pd(x, y))
DOUBLE_OP(v_mul_f64, 2, _mm512_mul_pd(x, y))
DOUBLE_OP(v_fma_f64, 3, _mm512_fmadd_pd(x, y, z))

/* ---- compares
 * ------------------------------------------------------------------------------------- */

TEMPLATE enum sg_next finish_compare(struct sg_wave *w, const struct sg_inst *inst, uint64_t mask)
{
    const struct sg_vop *op = inst->aux[0];
    mask &= sg_exec(w);
    sg_write64(w, inst->sdst, mask);
    if (op->flags & VF_CMPX)
        sg_write64(w, SG_S_EXEC, mask);
    return SG_NEXT;
}

#define COMPARE_OP(name, test, is_float, extract)                                                  \
    TEMPLATE enum sg_next run_##name(struct sg_wave *w, const struct sg_inst *inst,                \
                                     enum operands operands)                                       \
    {                                                                                              \
        spare_row spare[2];                                                                        \
        uint64_t mask = 0;                                                                         \
        if (is_float && !default_mode(w))                                                          \
            return vec_generic(w, inst);                                                           \
        struct source a = fetch32(w, inst, 0, operands, spare[0]),                                 \
                      b = fetch32(w, inst, 1, operands, spare[1]);                                 \
        for (unsigned k = 0; k < PARTS; k++)                                                       \
            mask |= (uint64_t)test(extract(a, 0), extract(b, 1)) << k * STEP;                      \
        return finish_compare(w, inst, mask);                                                      \
    }                                                                                              \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run_##name(w, inst, VECTORS);                                                       \
    }                                                                                              \
    static enum sg_next AA_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return run_##name(w, inst, ANY);                                                           \
    }
#define AS_INT(s, which) part(s, k)
#define AS_FLOAT(s, which) float_part(s, k, inst, which, operands == VECTORS ? VECTORS : MODIFIED)
#define FLOAT_TEST_EQ(x, y) _mm512_cmp_ps_mask(x, y, _CMP_EQ_OQ)
#define FLOAT_TEST_LT(x, y) _mm512_cmp_ps_mask(x, y, _CMP_LT_OQ)
#define FLOAT_TEST_LE(x, y) _mm512_cmp_ps_mask(x, y, _CMP_LE_OQ)
#define FLOAT_TEST_GT(x, y) _mm512_cmp_ps_mask(x, y, _CMP_GT_OQ)
#define FLOAT_TEST_GE(x, y) _mm512_cmp_ps_mask(x, y, _CMP_GE_OQ)
#define FLOAT_TEST_LG(x, y) _mm512_cmp_ps_mask(x, y, _CMP_NEQ_OQ)
#define FLOAT_TEST_NEQ(x, y) _mm512_cmp_ps_mask(x, y, _CMP_NEQ_UQ)
#define FLOAT_TEST_NLT(x, y) _mm512_cmp_ps_mask(x, y, _CMP_NLT_UQ)
#define FLOAT_TEST_NLE(x, y) _mm512_cmp_ps_mask(x, y, _CMP_NLE_UQ)
#define FLOAT_TEST_NGT(x, y) _mm512_cmp_ps_mask(x, y, _CMP_NGT_UQ)
#define FLOAT_TEST_NGE(x, y) _mm512_cmp_ps_mask(x, y, _CMP_NGE_UQ)
#define FLOAT_TEST_NLG(x, y) _mm512_cmp_ps_mask(x, y, _CMP_EQ_UQ)
#define FLOAT_TEST_O(x, y) _mm512_cmp_ps_mask(x, y, _CMP_ORD_Q)
#define FLOAT_TEST_U(x, y) _mm512_cmp_ps_mask(x, y, _CMP_UNORD_Q)

#define COMPARES(X)                                                                                \
    X(lt_u32, _mm512_cmplt_epu32_mask, 0, AS_INT)                                                  \
    X(eq_u32, _mm512_cmpeq_epi32_mask, 0, AS_INT)                                                  \
    X(le_u32, _mm512_cmple_epu32_mask, 0, AS_INT)                                                  \
    X(gt_u32, _mm512_cmpgt_epu32_mask, 0, AS_INT)                                                  \
    X(ne_u32, _mm512_cmpneq_epi32_mask, 0, AS_INT)                                                 \
    X(ge_u32, _mm512_cmpge_epu32_mask, 0, AS_INT)                                                  \
    X(lt_i32, _mm512_cmplt_epi32_mask, 0, AS_INT)                                                  \
    X(eq_i32, _mm512_cmpeq_epi32_mask, 0, AS_INT)                                                  \
    X(le_i32, _mm512_cmple_epi32_mask, 0, AS_INT)                                                  \
    X(gt_i32, _mm512_cmpgt_epi32_mask, 0, AS_INT)                                                  \
    X(ne_i32, _mm512_cmpneq_epi32_mask, 0, AS_INT)                                                 \
    X(ge_i32, _mm512_cmpge_epi32_mask, 0, AS_INT)                                                  \
    X(eq_f32, FLOAT_TEST_EQ, 1, AS_FLOAT)                                                          \
    X(lt_f32, FLOAT_TEST_LT, 1, AS_FLOAT)                                                          \
    X(le_f32, FLOAT_TEST_LE, 1, AS_FLOAT)                                                          \
    X(gt_f32, FLOAT_TEST_GT, 1, AS_FLOAT)                                                          \
    X(ge_f32, FLOAT_TEST_GE, 1, AS_FLOAT)                                                          \
    X(lg_f32, FLOAT_TEST_LG, 1, AS_FLOAT)                                                          \
    X(neq_f32, FLOAT_TEST_NEQ, 1, AS_FLOAT)                                                        \
    X(nlt_f32, FLOAT_TEST_NLT, 1, AS_FLOAT)                                                        \
    X(nle_f32, FLOAT_TEST_NLE, 1, AS_FLOAT)                                                        \
    X(ngt_f32, FLOAT_TEST_NGT, 1, AS_FLOAT)                                                        \
    X(nge_f32, FLOAT_TEST_NGE, 1, AS_FLOAT)                                                        \
    X(nlg_f32, FLOAT_TEST_NLG, 1, AS_FLOAT)                                                        \
    X(o_f32, FLOAT_TEST_O, 1, AS_FLOAT)                                                            \
    X(u_f32, FLOAT_TEST_U, 1, AS_FLOAT)
COMPARES(COMPARE_OP)

/* ---- by name
 * -------------------------------------------------------------------------------------- */

struct wide_row {
    const char *mnemonic;
    uint8_t sources;
    sg_op_fn *vectors, *any, *modified;
};

#define WIDE_ROW(name, count) {#name, count, VV_##name, AA_##name, NULL},
#define FLOAT_ROW(name, count) {#name, count, VV_##name, AA_##name, MM_##name},
#define COMPARE_ROWS(name, test, is_float, extract)                                                \
    {"v_cmp_" #name, 2, VV_##name, AA_##name, is_float ? AA_##name : NULL},                        \
        {"v_cmpx_" #name, 2, VV_##name, AA_##name, is_float ? AA_##name : NULL},

static const struct wide_row rows[] = {
    /* clang-format off */
    WIDE_ROW(v_mov_b32, 1) WIDE_ROW(v_not_b32, 1) WIDE_ROW(v_add_u32, 2) WIDE_ROW(v_sub_u32, 2)
    WIDE_ROW(v_subrev_u32, 2) WIDE_ROW(v_and_b32, 2) WIDE_ROW(v_or_b32, 2) WIDE_ROW(v_xor_b32, 2)
    WIDE_ROW(v_lshlrev_b32, 2) WIDE_ROW(v_lshrrev_b32, 2) WIDE_ROW(v_ashrrev_i32, 2)
    WIDE_ROW(v_min_u32, 2) WIDE_ROW(v_max_u32, 2) WIDE_ROW(v_min_i32, 2) WIDE_ROW(v_max_i32, 2)
    WIDE_ROW(v_mul_lo_u32, 2) WIDE_ROW(v_mul_hi_u32, 2) WIDE_ROW(v_mul_u32_u24, 2)
    WIDE_ROW(v_mad_u32_u24, 3) WIDE_ROW(v_add3_u32, 3) WIDE_ROW(v_lshl_add_u32, 3)
    WIDE_ROW(v_add_lshl_u32, 3) WIDE_ROW(v_lshl_or_b32, 3) WIDE_ROW(v_and_or_b32, 3)
    WIDE_ROW(v_or3_b32, 3) WIDE_ROW(v_xad_u32, 3) WIDE_ROW(v_bfi_b32, 3) WIDE_ROW(v_bfe_u32, 3)
    WIDE_ROW(v_alignbit_b32, 3)
    WIDE_ROW(v_add_co_u32, 2) WIDE_ROW(v_sub_co_u32, 2) WIDE_ROW(v_subrev_co_u32, 2)
    WIDE_ROW(v_addc_co_u32, 2) WIDE_ROW(v_subb_co_u32, 2) WIDE_ROW(v_subbrev_co_u32, 2)
    WIDE_ROW(v_cndmask_b32, 2)
    WIDE_ROW(v_lshlrev_b64, 2) WIDE_ROW(v_lshrrev_b64, 2) WIDE_ROW(v_ashrrev_i64, 2)
    WIDE_ROW(v_mad_u64_u32, 3)
    FLOAT_ROW(v_add_f32, 2) FLOAT_ROW(v_sub_f32, 2) FLOAT_ROW(v_subrev_f32, 2)
    FLOAT_ROW(v_mul_f32, 2) FLOAT_ROW(v_fma_f32, 3)
    {"v_fmac_f32", 3, VV_v_fma_f32, AA_v_fma_f32, MM_v_fma_f32},
    FLOAT_ROW(v_add_f64, 2) FLOAT_ROW(v_mul_f64, 2) FLOAT_ROW(v_fma_f64, 3)
    {"v_fmac_f64", 3, VV_v_fma_f64, AA_v_fma_f64, MM_v_fma_f64},
    COMPARES(COMPARE_ROWS)
    /* clang-format on */
};

sg_op_fn *SG_V(sg_wide_function)(const struct sg_inst *inst)
{
    const char *mnemonic = sg_opcodes[inst->opcode].mnemonic;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct wide_row *row = &rows[i];
        bool vectors = true;
        if (strcmp(row->mnemonic, mnemonic) != 0)
            continue;
        for (unsigned k = 0; k < row->sources; k++)
            vectors &= sg_is_vgpr(inst->alu.src[k]);
        if (inst->alu.neg || inst->alu.abs)
            return row->modified;
        return vectors ? row->vectors : row->any;
    }
    return NULL;
}

#else

sg_op_fn *SG_V(sg_wide_function)(const struct sg_inst *inst)
{
    (void)inst;
    return NULL;
}

#endif
