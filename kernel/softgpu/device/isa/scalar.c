/* SPDX-License-Identifier: MIT */
/*
 * The scalar ALU and program control: SOP1, SOP2, SOPC, SOPK, SOPP (Vega ISA document, chapters
 * "Scalar ALU Operations" and "Program Flow Control"). Memory, messages and scheduling belong to
 * other files: an op function here changes the wave's registers and position, or returns what the
 * scheduler has to do.
 */
#include "../code.h"
#include "operand.h"
#include "sreg.h"

#include <stdio.h>

#define OP(name) static enum sg_next op_##name(struct sg_wave *w, const struct sg_inst *inst)

static inline uint32_t src0(const struct sg_wave *w, const struct sg_inst *inst)
{
    return sg_scalar32(w, inst, inst->alu.src[0]);
}

static inline uint32_t src1(const struct sg_wave *w, const struct sg_inst *inst)
{
    return sg_scalar32(w, inst, inst->alu.src[1]);
}

static inline uint64_t src0_64(const struct sg_wave *w, const struct sg_inst *inst)
{
    return sg_scalar64(w, inst, inst->alu.src[0]);
}

static inline uint64_t src1_64(const struct sg_wave *w, const struct sg_inst *inst)
{
    return sg_scalar64(w, inst, inst->alu.src[1]);
}

/* D = expression of a, b; SCC = condition on a, b, d. */
#define SOP2_32(name, expression, condition)                                                       \
    OP(name)                                                                                       \
    {                                                                                              \
        uint32_t a = src0(w, inst), b = src1(w, inst), d = (expression);                           \
        bool scc = (condition);                                                                    \
        (void)a, (void)b;                                                                          \
        sg_write32(w, inst->dst, d);                                                               \
        w->scc = scc;                                                                              \
        return SG_NEXT;                                                                            \
    }

#define SOP2_64(name, read1, type1, expression, condition)                                         \
    OP(name)                                                                                       \
    {                                                                                              \
        uint64_t a = src0_64(w, inst);                                                             \
        type1 b = read1(w, inst);                                                                  \
        uint64_t d = (expression);                                                                 \
        bool scc = (condition);                                                                    \
        (void)a, (void)b;                                                                          \
        sg_write64(w, inst->dst, d);                                                               \
        w->scc = scc;                                                                              \
        return SG_NEXT;                                                                            \
    }

#define KEEP w->scc
#define NONZERO (d != 0)

static inline bool add_overflows(uint32_t a, uint32_t b)
{
    int32_t d;
    return __builtin_add_overflow((int32_t)a, (int32_t)b, &d);
}

static inline bool sub_overflows(uint32_t a, uint32_t b)
{
    int32_t d;
    return __builtin_sub_overflow((int32_t)a, (int32_t)b, &d);
}

/* ---- SOP2
 * ---------------------------------------------------------------------------------------- */

SOP2_32(s_add_u32, a + b, d < a)
SOP2_32(s_sub_u32, a - b, b > a)
SOP2_32(s_add_i32, a + b, add_overflows(a, b))
SOP2_32(s_sub_i32, a - b, sub_overflows(a, b))
SOP2_32(s_addc_u32, a + b + w->scc, (uint64_t)a + b + w->scc > UINT32_MAX)
SOP2_32(s_subb_u32, a - b - w->scc, (uint64_t)b + w->scc > a)
SOP2_32(s_min_i32, (int32_t)a < (int32_t)b ? a : b, (int32_t)a < (int32_t)b)
SOP2_32(s_min_u32, a < b ? a : b, a < b)
SOP2_32(s_max_i32, (int32_t)a > (int32_t)b ? a : b, (int32_t)a > (int32_t)b)
SOP2_32(s_max_u32, a > b ? a : b, a > b)
SOP2_32(s_cselect_b32, w->scc ? a : b, KEEP)
SOP2_64(s_cselect_b64, src1_64, uint64_t, w->scc ? a : b, KEEP)
SOP2_32(s_and_b32, a &b, NONZERO)
SOP2_64(s_and_b64, src1_64, uint64_t, a &b, NONZERO)
SOP2_32(s_or_b32, a | b, NONZERO)
SOP2_64(s_or_b64, src1_64, uint64_t, a | b, NONZERO)
SOP2_32(s_xor_b32, a ^ b, NONZERO)
SOP2_64(s_xor_b64, src1_64, uint64_t, a ^ b, NONZERO)
SOP2_32(s_andn2_b32, a & ~b, NONZERO)
SOP2_64(s_andn2_b64, src1_64, uint64_t, a & ~b, NONZERO)
SOP2_32(s_orn2_b32, a | ~b, NONZERO)
SOP2_64(s_orn2_b64, src1_64, uint64_t, a | ~b, NONZERO)
SOP2_32(s_nand_b32, ~(a &b), NONZERO)
SOP2_64(s_nand_b64, src1_64, uint64_t, ~(a &b), NONZERO)
SOP2_32(s_nor_b32, ~(a | b), NONZERO)
SOP2_64(s_nor_b64, src1_64, uint64_t, ~(a | b), NONZERO)
SOP2_32(s_xnor_b32, ~(a ^ b), NONZERO)
SOP2_64(s_xnor_b64, src1_64, uint64_t, ~(a ^ b), NONZERO)
SOP2_32(s_lshl_b32, a << (b & 31), NONZERO)
SOP2_64(s_lshl_b64, src1, uint32_t, a << (b & 63), NONZERO)
SOP2_32(s_lshr_b32, a >> (b & 31), NONZERO)
SOP2_64(s_lshr_b64, src1, uint32_t, a >> (b & 63), NONZERO)
SOP2_32(s_ashr_i32, (uint32_t)((int32_t)a >> (b & 31)), NONZERO)
SOP2_32(s_bfm_b32, ((1u << (a & 31)) - 1) << (b & 31), KEEP)
SOP2_32(s_mul_i32, a *b, KEEP)
SOP2_32(s_mul_hi_u32, (uint32_t)((uint64_t)a *b >> 32), KEEP)
SOP2_32(s_mul_hi_i32, (uint32_t)((int64_t)(int32_t)a *(int32_t)b >> 32), KEEP)
SOP2_32(s_absdiff_i32, (int32_t)(a - b) < 0 ? 0u - (a - b) : a - b, NONZERO)
SOP2_32(s_lshl1_add_u32, (a << 1) + b, ((uint64_t)a << 1) + b > UINT32_MAX)
SOP2_32(s_lshl2_add_u32, (a << 2) + b, ((uint64_t)a << 2) + b > UINT32_MAX)
SOP2_32(s_lshl3_add_u32, (a << 3) + b, ((uint64_t)a << 3) + b > UINT32_MAX)
SOP2_32(s_lshl4_add_u32, (a << 4) + b, ((uint64_t)a << 4) + b > UINT32_MAX)
SOP2_32(s_pack_ll_b32_b16, (a & 0xffff) | b << 16, KEEP)
SOP2_32(s_pack_lh_b32_b16, (a & 0xffff) | (b & 0xffff0000u), KEEP)
SOP2_32(s_pack_hh_b32_b16, a >> 16 | (b & 0xffff0000u), KEEP)

/* A literal of a signed 64-bit operand is sign-extended. */
static inline uint64_t signed_source64(const struct sg_wave *w, const struct sg_inst *inst)
{
    if (inst->alu.src[0] == SG_SRC_LITERAL)
        return (uint64_t)(int64_t)(int32_t)inst->imm;
    return src0_64(w, inst);
}

OP(s_ashr_i64)
{
    uint64_t d = (uint64_t)((int64_t)signed_source64(w, inst) >> (src1(w, inst) & 63));
    sg_write64(w, inst->dst, d);
    w->scc = d != 0;
    return SG_NEXT;
}

OP(s_bfm_b64)
{
    uint64_t width = src0(w, inst) & 63, offset = src1(w, inst) & 63;
    sg_write64(w, inst->dst, ((1ull << width) - 1) << offset);
    return SG_NEXT;
}

/* Bit field extracts: offset in bits 0.., width in bits 16..22 of src1. */
static uint64_t field(uint64_t value, unsigned offset, unsigned width, unsigned size,
                      bool is_signed)
{
    if (width == 0)
        return 0;
    value >>= offset;
    if (width > size - offset) { /* the field ends at the value's top: the shift has extended it */
        width = size - offset;
    }
    value &= width == 64 ? ~0ull : (1ull << width) - 1;
    if (is_signed && value >> (width - 1) & 1)
        value |= ~((width == 64 ? 0 : 1ull << width) - 1);
    return value;
}

static void bfe32(struct sg_wave *w, const struct sg_inst *inst, bool is_signed)
{
    uint32_t control = src1(w, inst);
    uint32_t d = (uint32_t)field(src0(w, inst), control & 31, control >> 16 & 0x7f, 32, is_signed);
    sg_write32(w, inst->dst, d);
    w->scc = d != 0;
}

static void bfe64(struct sg_wave *w, const struct sg_inst *inst, bool is_signed)
{
    uint32_t control = src1(w, inst);
    uint64_t value = is_signed ? signed_source64(w, inst) : src0_64(w, inst);
    uint64_t d = field(value, control & 63, control >> 16 & 0x7f, 64, is_signed);
    sg_write64(w, inst->dst, d);
    w->scc = d != 0;
}

OP(s_bfe_u32)
{
    bfe32(w, inst, false);
    return SG_NEXT;
}

OP(s_bfe_i32)
{
    bfe32(w, inst, true);
    return SG_NEXT;
}

OP(s_bfe_u64)
{
    bfe64(w, inst, false);
    return SG_NEXT;
}

OP(s_bfe_i64)
{
    bfe64(w, inst, true);
    return SG_NEXT;
}

/* ---- SOP1
 * ---------------------------------------------------------------------------------------- */

#define SOP1(name, type_d, write, type_a, read, expression, condition)                             \
    OP(name)                                                                                       \
    {                                                                                              \
        type_a a = read(w, inst);                                                                  \
        type_d d = (expression);                                                                   \
        bool scc = (condition);                                                                    \
        (void)a;                                                                                   \
        write(w, inst->dst, d);                                                                    \
        w->scc = scc;                                                                              \
        return SG_NEXT;                                                                            \
    }
#define SOP1_32(name, expression, condition)                                                       \
    SOP1(name, uint32_t, sg_write32, uint32_t, src0, expression, condition)
#define SOP1_64(name, expression, condition)                                                       \
    SOP1(name, uint64_t, sg_write64, uint64_t, src0_64, expression, condition)
#define SOP1_32_64(name, expression, condition)                                                    \
    SOP1(name, uint32_t, sg_write32, uint64_t, src0_64, expression, condition)

static uint64_t reverse_bits(uint64_t value, unsigned size)
{
    uint64_t d = 0;
    for (unsigned i = 0; i < size; i++)
        d |= (value >> i & 1) << (size - 1 - i);
    return d;
}

/* Whole quad mode: every group of four bits becomes all ones if one of them is set. */
static uint64_t whole_quads(uint64_t value)
{
    uint64_t any = (value | value >> 1 | value >> 2 | value >> 3) & 0x1111111111111111u;
    return any * 15;
}

static uint64_t quad_mask(uint64_t value)
{
    uint64_t d = 0;
    for (unsigned i = 0; i < 16; i++)
        d |= (uint64_t)((value >> (4 * i) & 15) != 0) << i;
    return d;
}

static uint64_t replicate_bits(uint32_t value)
{
    uint64_t d = 0;
    for (unsigned i = 0; i < 32; i++)
        d |= (uint64_t)(value >> i & 1) * 3 << (2 * i);
    return d;
}

/* Leading bits that equal the sign bit, -1 if all do: s_flbit_i32. */
static uint32_t sign_run(uint64_t value, unsigned size)
{
    uint64_t top = value << (64 - size);
    uint64_t differs = (int64_t)top < 0 ? ~top : top;
    if (size < 64)
        differs &= ~0ull << (64 - size);
    return differs ? (uint32_t)__builtin_clzll(differs) : UINT32_MAX;
}

SOP1_32(s_mov_b32, a, KEEP)
SOP1_64(s_mov_b64, a, KEEP)
SOP1_32(s_not_b32, ~a, NONZERO)
SOP1_64(s_not_b64, ~a, NONZERO)
SOP1_32(s_wqm_b32, (uint32_t)whole_quads(a), NONZERO)
SOP1_64(s_wqm_b64, whole_quads(a), NONZERO)
SOP1_32(s_brev_b32, (uint32_t)reverse_bits(a, 32), KEEP)
SOP1_64(s_brev_b64, reverse_bits(a, 64), KEEP)
SOP1_32(s_bcnt0_i32_b32, 32 - (uint32_t)__builtin_popcount(a), NONZERO)
SOP1_32_64(s_bcnt0_i32_b64, 64 - (uint32_t)__builtin_popcountll(a), NONZERO)
SOP1_32(s_bcnt1_i32_b32, (uint32_t)__builtin_popcount(a), NONZERO)
SOP1_32_64(s_bcnt1_i32_b64, (uint32_t)__builtin_popcountll(a), NONZERO)
SOP1_32(s_ff0_i32_b32, ~a ? (uint32_t)__builtin_ctz(~a) : UINT32_MAX, KEEP)
SOP1_32_64(s_ff0_i32_b64, ~a ? (uint32_t)__builtin_ctzll(~a) : UINT32_MAX, KEEP)
SOP1_32(s_ff1_i32_b32, a ? (uint32_t)__builtin_ctz(a) : UINT32_MAX, KEEP)
SOP1_32_64(s_ff1_i32_b64, a ? (uint32_t)__builtin_ctzll(a) : UINT32_MAX, KEEP)
SOP1_32(s_flbit_i32_b32, a ? (uint32_t)__builtin_clz(a) : UINT32_MAX, KEEP)
SOP1_32_64(s_flbit_i32_b64, a ? (uint32_t)__builtin_clzll(a) : UINT32_MAX, KEEP)
SOP1_32(s_flbit_i32, sign_run(a, 32), KEEP)
SOP1_32_64(s_flbit_i32_i64, sign_run(a, 64), KEEP)
SOP1_32(s_sext_i32_i8, (uint32_t)(int8_t)a, KEEP)
SOP1_32(s_sext_i32_i16, (uint32_t)(int16_t)a, KEEP)
SOP1_32(s_bitset0_b32, w->s[inst->dst] & ~(1u << (a & 31)), KEEP)
SOP1_32(s_bitset1_b32, w->s[inst->dst] | 1u << (a & 31), KEEP)
SOP1(s_bitset0_b64, uint64_t, sg_write64, uint32_t, src0,
     sg_s64(w, inst->dst) & ~(1ull << (a & 63)), KEEP)
SOP1(s_bitset1_b64, uint64_t, sg_write64, uint32_t, src0, sg_s64(w, inst->dst) | 1ull << (a & 63),
     KEEP)
SOP1_32(s_quadmask_b32, (uint32_t)quad_mask(a), NONZERO)
SOP1_64(s_quadmask_b64, quad_mask(a), NONZERO)
SOP1_32(s_abs_i32, (int32_t)a < 0 ? 0u - a : a, NONZERO)
SOP1(s_bitreplicate_b64_b32, uint64_t, sg_write64, uint32_t, src0, replicate_bits(a), KEEP)
SOP1_32(s_cmov_b32, w->scc ? a : w->s[inst->dst], KEEP)
SOP1_64(s_cmov_b64, w->scc ? a : sg_s64(w, inst->dst), KEEP)

/* D = EXEC; EXEC = f(a, EXEC); SCC = EXEC != 0. */
#define SAVEEXEC(name, expression)                                                                 \
    OP(name)                                                                                       \
    {                                                                                              \
        uint64_t a = src0_64(w, inst), exec = sg_exec(w), d = (expression);                        \
        sg_write64(w, inst->dst, exec);                                                            \
        sg_write64(w, SG_S_EXEC, d);                                                               \
        w->scc = d != 0;                                                                           \
        return SG_NEXT;                                                                            \
    }
SAVEEXEC(s_and_saveexec_b64, a &exec)
SAVEEXEC(s_or_saveexec_b64, a | exec)
SAVEEXEC(s_xor_saveexec_b64, a ^ exec)
SAVEEXEC(s_andn2_saveexec_b64, a & ~exec)
SAVEEXEC(s_orn2_saveexec_b64, a | ~exec)
SAVEEXEC(s_nand_saveexec_b64, ~(a &exec))
SAVEEXEC(s_nor_saveexec_b64, ~(a | exec))
SAVEEXEC(s_xnor_saveexec_b64, ~(a ^ exec))
SAVEEXEC(s_andn1_saveexec_b64, ~a &exec)
SAVEEXEC(s_orn1_saveexec_b64, ~a | exec)

/* EXEC = f(a, EXEC); D = EXEC; SCC = EXEC != 0. */
#define WREXEC(name, expression)                                                                   \
    OP(name)                                                                                       \
    {                                                                                              \
        uint64_t a = src0_64(w, inst), exec = sg_exec(w), d = (expression);                        \
        sg_write64(w, inst->dst, d);                                                               \
        sg_write64(w, SG_S_EXEC, d);                                                               \
        w->scc = d != 0;                                                                           \
        return SG_NEXT;                                                                            \
    }
WREXEC(s_andn1_wrexec_b64, ~a &exec)
WREXEC(s_andn2_wrexec_b64, a & ~exec)

OP(s_movrels_b32)
{
    sg_write32(w, inst->dst, w->s[(inst->alu.src[0] + w->s[SG_S_M0]) & 127]);
    return SG_NEXT;
}

OP(s_movrels_b64)
{
    sg_write64(w, inst->dst, sg_s64(w, (inst->alu.src[0] + w->s[SG_S_M0]) & 126));
    return SG_NEXT;
}

OP(s_movreld_b32)
{
    sg_write32(w, (inst->dst + w->s[SG_S_M0]) & 127, src0(w, inst));
    return SG_NEXT;
}

OP(s_movreld_b64)
{
    sg_write64(w, (inst->dst + w->s[SG_S_M0]) & 126, src0_64(w, inst));
    return SG_NEXT;
}

/* ---- SOPC
 * ---------------------------------------------------------------------------------------- */

#define SOPC_32(name, condition)                                                                   \
    OP(name)                                                                                       \
    {                                                                                              \
        uint32_t a = src0(w, inst), b = src1(w, inst);                                             \
        w->scc = (condition);                                                                      \
        return SG_NEXT;                                                                            \
    }
SOPC_32(s_cmp_eq_u32, a == b)
SOPC_32(s_cmp_lg_u32, a != b)
SOPC_32(s_cmp_gt_u32, a > b)
SOPC_32(s_cmp_ge_u32, a >= b)
SOPC_32(s_cmp_lt_u32, a < b)
SOPC_32(s_cmp_le_u32, a <= b)
SOPC_32(s_cmp_gt_i32, (int32_t)a > (int32_t)b)
SOPC_32(s_cmp_ge_i32, (int32_t)a >= (int32_t)b)
SOPC_32(s_cmp_lt_i32, (int32_t)a < (int32_t)b)
SOPC_32(s_cmp_le_i32, (int32_t)a <= (int32_t)b)
SOPC_32(s_bitcmp0_b32, !(a >> (b & 31) & 1))
SOPC_32(s_bitcmp1_b32, a >> (b & 31) & 1)

OP(s_bitcmp0_b64)
{
    w->scc = !(src0_64(w, inst) >> (src1(w, inst) & 63) & 1);
    return SG_NEXT;
}

OP(s_bitcmp1_b64)
{
    w->scc = src0_64(w, inst) >> (src1(w, inst) & 63) & 1;
    return SG_NEXT;
}

OP(s_cmp_eq_u64)
{
    w->scc = src0_64(w, inst) == src1_64(w, inst);
    return SG_NEXT;
}

OP(s_cmp_lg_u64)
{
    w->scc = src0_64(w, inst) != src1_64(w, inst);
    return SG_NEXT;
}

/* ---- SOPK
 * ---------------------------------------------------------------------------------------- */

/* The immediate is sign-extended in inst->imm; the unsigned compares see it zero-extended. */
#define CMPK(name, type, extend, op)                                                               \
    OP(name)                                                                                       \
    {                                                                                              \
        w->scc = (type)w->s[inst->dst] op(type)(extend) inst->imm;                                 \
        return SG_NEXT;                                                                            \
    }
CMPK(s_cmpk_eq_i32, int32_t, int16_t, ==)
CMPK(s_cmpk_lg_i32, int32_t, int16_t, !=)
CMPK(s_cmpk_gt_i32, int32_t, int16_t, >)
CMPK(s_cmpk_ge_i32, int32_t, int16_t, >=)
CMPK(s_cmpk_lt_i32, int32_t, int16_t, <)
CMPK(s_cmpk_le_i32, int32_t, int16_t, <=)
CMPK(s_cmpk_eq_u32, uint32_t, uint16_t, ==)
CMPK(s_cmpk_lg_u32, uint32_t, uint16_t, !=)
CMPK(s_cmpk_gt_u32, uint32_t, uint16_t, >)
CMPK(s_cmpk_ge_u32, uint32_t, uint16_t, >=)
CMPK(s_cmpk_lt_u32, uint32_t, uint16_t, <)
CMPK(s_cmpk_le_u32, uint32_t, uint16_t, <=)

OP(s_movk_i32)
{
    sg_write32(w, inst->dst, inst->imm);
    return SG_NEXT;
}

OP(s_cmovk_i32)
{
    if (w->scc)
        sg_write32(w, inst->dst, inst->imm);
    return SG_NEXT;
}

OP(s_addk_i32)
{
    uint32_t a = w->s[inst->dst];
    sg_write32(w, inst->dst, a + inst->imm);
    w->scc = add_overflows(a, inst->imm);
    return SG_NEXT;
}

OP(s_mulk_i32)
{
    sg_write32(w, inst->dst, w->s[inst->dst] * inst->imm);
    return SG_NEXT;
}

OP(s_getreg_b32)
{
    sg_write32(w, inst->dst, sg_getreg(w, inst, (uint16_t)inst->imm));
    return SG_NEXT;
}

OP(s_setreg_b32)
{
    sg_setreg(w, inst, (uint16_t)inst->imm, w->s[inst->dst]);
    return SG_NEXT;
}

OP(s_setreg_imm32_b32)
{
    sg_setreg(w, inst, inst->alu.src[0], inst->imm);
    return SG_NEXT;
}

/* ---- program flow
 * -------------------------------------------------------------------------------- */

OP(s_getpc_b64)
{
    sg_write64(w, inst->dst, sg_pc_of(w, w->ip));
    return SG_NEXT;
}

OP(s_setpc_b64)
{
    return sg_wave_jump(w, src0_64(w, inst));
}

OP(s_swappc_b64)
{
    uint64_t target = src0_64(w, inst);
    sg_write64(w, inst->dst, sg_pc_of(w, w->ip));
    return sg_wave_jump(w, target);
}

OP(s_call_b64)
{
    sg_write64(w, inst->dst, sg_pc_of(w, w->ip));
    return sg_branch(w, (int32_t)inst->imm);
}

#define BRANCH(name, condition)                                                                    \
    OP(name)                                                                                       \
    {                                                                                              \
        if (condition)                                                                             \
            return sg_branch(w, (int32_t)inst->imm);                                               \
        return SG_NEXT;                                                                            \
    }
BRANCH(s_branch, true)
BRANCH(s_cbranch_scc0, !w->scc)
BRANCH(s_cbranch_scc1, w->scc)
BRANCH(s_cbranch_vccz, !sg_vcc(w))
BRANCH(s_cbranch_vccnz, sg_vcc(w))
BRANCH(s_cbranch_execz, !sg_exec(w))
BRANCH(s_cbranch_execnz, sg_exec(w))

/* Conditional on debugger bits of STATUS, which are never set: no debugger is attached. */
OP(s_nothing)
{
    (void)w;
    (void)inst;
    return SG_NEXT;
}

OP(s_endpgm)
{
    (void)w;
    (void)inst;
    return SG_END;
}

OP(s_barrier)
{
    (void)w;
    (void)inst;
    return SG_BARRIER;
}

OP(s_sleep)
{
    (void)w;
    (void)inst;
    return SG_YIELD;
}

/* STATUS.HALT: for good, as only a debugger, which softgpu does not have, would let the wave go on.
 */
static enum sg_next halt(struct sg_wave *w, const struct sg_inst *inst, const char *why)
{
    enum { STATUS_HALT = 1u << 13 };
    char text[64];

    if (!(w->status & STATUS_HALT))
        fprintf(stderr, "softgpu: %s halts wave %u of workgroup (%u, %u, %u) %s\n",
                sg_inst_text(inst, text, sizeof(text)), w->index_in_group, w->group->id[0],
                w->group->id[1], w->group->id[2], why);
    w->status |= STATUS_HALT;
    w->ip = inst;
    return SG_YIELD;
}

/*
 * What ROCr 5.2.3's trap handler for GFX9 makes of it (amd_gpu_shaders.h, kCodeTrapHandler9): 2
 * raises the queue's error, 3 and above wait for a debugger, 0 and 1 go on. Without a handler
 * the instruction does nothing (Vega ISA document, "S_TRAP"). The handler's code is not executed.
 */
OP(s_trap)
{
    unsigned id = inst->imm & 0xff;

    if (!w->group->dispatch->trap_handler_va || id < 2)
        return SG_NEXT;
    if (id == 2)
        return SG_TRAP;
    return halt(w, inst, "until a debugger lets it go on: there is none");
}

OP(s_sethalt)
{
    return inst->imm & 1 ? halt(w, inst, "for good") : SG_NEXT;
}

/* Vega ISA document, "S_SETKILL": the wave ends as with s_endpgm. */
OP(s_setkill)
{
    (void)w;
    return inst->imm & 1 ? SG_END : SG_NEXT;
}

/* Message 1 is an interrupt to the host (Vega ISA document, "S_SENDMSG"); the others are of
 * graphics or debuggers. */
OP(s_sendmsg)
{
    char text[64];

    if ((inst->imm & 15) == 1)
        return sg_wave_interrupt(w, w->s[SG_S_M0] & 0x7fffff);
    sg_unimplemented("message of %s", sg_inst_text(inst, text, sizeof(text)));
}

/* ---- VGPR indexing
 * -------------------------------------------------------------------------------- */

enum { INDEX_SRC0 = 1, INDEX_SRC1 = 2, INDEX_SRC2 = 4, INDEX_DST = 8 };

static bool is_valu(const struct sg_inst *inst)
{
    return inst->encoding >= SG_ENC_VOP1 && inst->encoding <= SG_ENC_VOP3P;
}

/* Past the wave's registers, be it with the last of several, a source is v0 and a result is dropped
 * ("Out-of-Range Behavior"). */
static bool index_code(const struct sg_wave *w, uint16_t *code, uint32_t index, bool enabled,
                       unsigned dwords)
{
    if (!enabled || !sg_is_vgpr(*code) || *code >= SG_SRC_ACC0)
        return true;
    uint32_t to = *code + index;
    bool inside = to + (dwords ? dwords - 1 : 0) < SG_SRC_VGPR0 + (uint32_t)w->vgpr_count;
    *code = (uint16_t)(inside ? to : SG_SRC_VGPR0);
    return inside;
}

/* Adds M0's index to the VGPRs that M0 names. False: there is no such destination. */
static bool add_index(const struct sg_wave *w, struct sg_inst *inst)
{
    const struct sg_opcode *row = &sg_opcodes[inst->opcode];
    uint32_t m0 = w->s[SG_S_M0], index = m0 & 0xff, which = m0 >> 12 & 15;
    bool accumulates = inst->encoding == SG_ENC_VOP2 && sg_is_vgpr(inst->alu.src[2]);
    index_code(w, &inst->alu.src[0], index, which & INDEX_SRC0, row->src_dwords[0]);
    index_code(w, &inst->alu.src[1], index, which & INDEX_SRC1, row->src_dwords[1]);
    index_code(w, &inst->alu.src[2], index, which & (accumulates ? INDEX_DST : INDEX_SRC2),
               accumulates ? row->dst_dwords : row->src_dwords[2]);
    return index_code(w, &inst->dst, index, which & INDEX_DST, row->dst_dwords);
}

/*
 * Runs what follows until the mode ends, so that no other instruction pays for it (Vega ISA
 * document, "VGPR Indexing"). Compilers write one or two moves here; a wave that would have to
 * wait inside of it stops the program.
 */
static enum sg_next run_indexed(struct sg_wave *w)
{
    char text[160];
    while (w->mode & SG_MODE_GPR_IDX_EN) {
        const struct sg_inst *inst = w->ip;
        sg_op_fn *fn = __atomic_load_n(&inst->fn, __ATOMIC_ACQUIRE);
        unsigned dwords = __atomic_load_n(&inst->dwords, __ATOMIC_RELAXED);
        enum sg_next next;
        w->ip = inst + dwords;
        w->current = inst;
        w->instructions++;
        w->vector_instructions += inst->encoding >= SG_ENC_VOP1;
        if (dwords && is_valu(inst)) { /* no dwords: not decoded yet, or the end of a page */
            struct sg_inst moved = *inst;
            next = add_index(w, &moved) ? fn(w, &moved) : SG_NEXT;
        } else {
            next = fn(w, inst);
        }
        if (next == SG_YIELD || next == SG_BARRIER)
            sg_unimplemented("%s under VGPR indexing", sg_inst_text(inst, text, sizeof(text)));
        if (next != SG_NEXT)
            return next;
    }
    return SG_NEXT;
}

OP(s_set_gpr_idx_on)
{
    uint32_t index = src0(w, inst) & 0xff;
    bool nested = w->mode & SG_MODE_GPR_IDX_EN;
    w->s[SG_S_M0] = (w->s[SG_S_M0] & ~0xf0ffu) | index | (uint32_t)(inst->alu.src[1] & 15) << 12;
    w->mode |= SG_MODE_GPR_IDX_EN;
    return nested ? SG_NEXT : run_indexed(w);
}

OP(s_set_gpr_idx_off)
{
    (void)inst;
    w->mode &= ~(uint32_t)SG_MODE_GPR_IDX_EN;
    return SG_NEXT;
}

OP(s_set_gpr_idx_mode)
{
    w->s[SG_S_M0] = (w->s[SG_S_M0] & ~0xf000u) | (inst->imm & 15) << 12;
    return SG_NEXT;
}

OP(s_set_gpr_idx_idx)
{
    w->s[SG_S_M0] = (w->s[SG_S_M0] & ~0xffu) | (src0(w, inst) & 0xff);
    return SG_NEXT;
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        .mnemonic = #name, .fn = op_##name                                                         \
    }
#define AS(name, other)                                                                            \
    {                                                                                              \
        .mnemonic = #name, .fn = op_##other                                                        \
    }

static const struct sg_op_entry entries[] = {
    ROW(s_add_u32),
    ROW(s_sub_u32),
    ROW(s_add_i32),
    ROW(s_sub_i32),
    ROW(s_addc_u32),
    ROW(s_subb_u32),
    ROW(s_min_i32),
    ROW(s_min_u32),
    ROW(s_max_i32),
    ROW(s_max_u32),
    ROW(s_cselect_b32),
    ROW(s_cselect_b64),
    ROW(s_and_b32),
    ROW(s_and_b64),
    ROW(s_or_b32),
    ROW(s_or_b64),
    ROW(s_xor_b32),
    ROW(s_xor_b64),
    ROW(s_andn2_b32),
    ROW(s_andn2_b64),
    ROW(s_orn2_b32),
    ROW(s_orn2_b64),
    ROW(s_nand_b32),
    ROW(s_nand_b64),
    ROW(s_nor_b32),
    ROW(s_nor_b64),
    ROW(s_xnor_b32),
    ROW(s_xnor_b64),
    ROW(s_lshl_b32),
    ROW(s_lshl_b64),
    ROW(s_lshr_b32),
    ROW(s_lshr_b64),
    ROW(s_ashr_i32),
    ROW(s_ashr_i64),
    ROW(s_bfm_b32),
    ROW(s_bfm_b64),
    ROW(s_mul_i32),
    ROW(s_bfe_u32),
    ROW(s_bfe_i32),
    ROW(s_bfe_u64),
    ROW(s_bfe_i64),
    ROW(s_absdiff_i32),
    ROW(s_mul_hi_u32),
    ROW(s_mul_hi_i32),
    ROW(s_lshl1_add_u32),
    ROW(s_lshl2_add_u32),
    ROW(s_lshl3_add_u32),
    ROW(s_lshl4_add_u32),
    ROW(s_pack_ll_b32_b16),
    ROW(s_pack_lh_b32_b16),
    ROW(s_pack_hh_b32_b16),
    ROW(s_mov_b32),
    ROW(s_mov_b64),
    ROW(s_cmov_b32),
    ROW(s_cmov_b64),
    ROW(s_not_b32),
    ROW(s_not_b64),
    ROW(s_wqm_b32),
    ROW(s_wqm_b64),
    ROW(s_brev_b32),
    ROW(s_brev_b64),
    ROW(s_bcnt0_i32_b32),
    ROW(s_bcnt0_i32_b64),
    ROW(s_bcnt1_i32_b32),
    ROW(s_bcnt1_i32_b64),
    ROW(s_ff0_i32_b32),
    ROW(s_ff0_i32_b64),
    ROW(s_ff1_i32_b32),
    ROW(s_ff1_i32_b64),
    ROW(s_flbit_i32_b32),
    ROW(s_flbit_i32_b64),
    ROW(s_flbit_i32),
    ROW(s_flbit_i32_i64),
    ROW(s_sext_i32_i8),
    ROW(s_sext_i32_i16),
    ROW(s_bitset0_b32),
    ROW(s_bitset0_b64),
    ROW(s_bitset1_b32),
    ROW(s_bitset1_b64),
    ROW(s_getpc_b64),
    ROW(s_setpc_b64),
    ROW(s_swappc_b64),
    ROW(s_and_saveexec_b64),
    ROW(s_or_saveexec_b64),
    ROW(s_xor_saveexec_b64),
    ROW(s_andn2_saveexec_b64),
    ROW(s_orn2_saveexec_b64),
    ROW(s_nand_saveexec_b64),
    ROW(s_nor_saveexec_b64),
    ROW(s_xnor_saveexec_b64),
    ROW(s_quadmask_b32),
    ROW(s_quadmask_b64),
    ROW(s_movrels_b32),
    ROW(s_movrels_b64),
    ROW(s_movreld_b32),
    ROW(s_movreld_b64),
    ROW(s_abs_i32),
    ROW(s_andn1_saveexec_b64),
    ROW(s_orn1_saveexec_b64),
    ROW(s_andn1_wrexec_b64),
    ROW(s_andn2_wrexec_b64),
    ROW(s_bitreplicate_b64_b32),
    AS(s_cmp_eq_i32, s_cmp_eq_u32),
    AS(s_cmp_lg_i32, s_cmp_lg_u32),
    ROW(s_cmp_gt_i32),
    ROW(s_cmp_ge_i32),
    ROW(s_cmp_lt_i32),
    ROW(s_cmp_le_i32),
    ROW(s_cmp_eq_u32),
    ROW(s_cmp_lg_u32),
    ROW(s_cmp_gt_u32),
    ROW(s_cmp_ge_u32),
    ROW(s_cmp_lt_u32),
    ROW(s_cmp_le_u32),
    ROW(s_bitcmp0_b32),
    ROW(s_bitcmp1_b32),
    ROW(s_bitcmp0_b64),
    ROW(s_bitcmp1_b64),
    ROW(s_cmp_eq_u64),
    ROW(s_cmp_lg_u64),
    ROW(s_movk_i32),
    ROW(s_cmovk_i32),
    ROW(s_cmpk_eq_i32),
    ROW(s_cmpk_lg_i32),
    ROW(s_cmpk_gt_i32),
    ROW(s_cmpk_ge_i32),
    ROW(s_cmpk_lt_i32),
    ROW(s_cmpk_le_i32),
    ROW(s_cmpk_eq_u32),
    ROW(s_cmpk_lg_u32),
    ROW(s_cmpk_gt_u32),
    ROW(s_cmpk_ge_u32),
    ROW(s_cmpk_lt_u32),
    ROW(s_cmpk_le_u32),
    ROW(s_addk_i32),
    ROW(s_mulk_i32),
    ROW(s_getreg_b32),
    ROW(s_setreg_b32),
    ROW(s_setreg_imm32_b32),
    ROW(s_call_b64),
    AS(s_nop, s_nothing),
    ROW(s_endpgm),
    ROW(s_branch),
    AS(s_wakeup, s_nothing),
    ROW(s_cbranch_scc0),
    ROW(s_cbranch_scc1),
    ROW(s_cbranch_vccz),
    ROW(s_cbranch_vccnz),
    ROW(s_cbranch_execz),
    ROW(s_cbranch_execnz),
    ROW(s_barrier),
    AS(s_waitcnt, s_nothing),
    ROW(s_sleep),
    AS(s_setprio, s_nothing),
    ROW(s_sendmsg),
    ROW(s_sethalt),
    ROW(s_setkill),
    ROW(s_trap),
    AS(s_icache_inv, s_nothing),
    AS(s_incperflevel, s_nothing),
    AS(s_decperflevel, s_nothing),
    AS(s_ttracedata, s_nothing),
    AS(s_cbranch_cdbgsys, s_nothing),
    AS(s_cbranch_cdbguser, s_nothing),
    AS(s_cbranch_cdbgsys_or_user, s_nothing),
    AS(s_cbranch_cdbgsys_and_user, s_nothing),
    AS(s_endpgm_saved, s_endpgm),
    ROW(s_set_gpr_idx_on),
    ROW(s_set_gpr_idx_off),
    ROW(s_set_gpr_idx_mode),
    ROW(s_set_gpr_idx_idx),
};

const struct sg_op_set sg_ops_scalar = {entries, sizeof(entries) / sizeof(entries[0])};
