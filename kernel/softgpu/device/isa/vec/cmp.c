/* SPDX-License-Identifier: MIT */
/*
 * Vector compares: v_cmp_*, v_cmpx_* (Vega ISA document, chapter "VOPC Instructions"). The result
 * is one bit a lane in VCC, an SGPR pair and, for v_cmpx, EXEC; inactive lanes give zero.
 */
#include "vec.h"

#include "half.h"

#define FINISH()                                                                                   \
    mask &= sg_exec(w);                                                                            \
    sg_write64(w, inst->sdst, mask);                                                               \
    return SG_NEXT;

/* Lanes function, and fast functions for two VGPRs and for a scalar first source. */
#define COMPARE(name, type, load, condition, float_bits)                                           \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        sg_row out;                                                                                \
        (void)d, (void)c, (void)mask, (void)mode;                                                  \
        LANES                                                                                      \
        {                                                                                          \
            type x = load(a, i), y = load(b, i);                                                   \
            (void)x, (void)y;                                                                      \
            out[i] = (condition) ? UINT32_MAX : 0;                                                 \
        }                                                                                          \
        return mask_of_row(out);                                                                   \
    }                                                                                              \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        if (float_bits && SG_UNLIKELY((w->mode & SG_MODE_FLOAT_MASK) != SG_MODE_FLOAT_DEFAULT))    \
            return vec_generic(w, inst);                                                           \
        uint64_t mask = L_##name(NULL, sg_vgpr(w, inst->alu.src[0]), sg_vgpr(w, inst->alu.src[1]), \
                                 NULL, 0, w->mode);                                                \
        FINISH()                                                                                   \
    }

#define COMPARE_SCALAR(name, type, condition, convert, float_bits)                                 \
    static enum sg_next SV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        sg_row out;                                                                                \
        uint64_t mask;                                                                             \
        if (float_bits && SG_UNLIKELY((w->mode & SG_MODE_FLOAT_MASK) != SG_MODE_FLOAT_DEFAULT))    \
            return vec_generic(w, inst);                                                           \
        const uint32_t *b = sg_vgpr(w, inst->alu.src[1]);                                          \
        type x = convert(sg_scalar32(w, inst, inst->alu.src[0]));                                  \
        LANES                                                                                      \
        {                                                                                          \
            type y = convert(b[i]);                                                                \
            (void)x, (void)y;                                                                      \
            out[i] = (condition) ? UINT32_MAX : 0;                                                 \
        }                                                                                          \
        mask = mask_of_row(out);                                                                   \
        FINISH()                                                                                   \
    }

#define LOAD_I32(row, i) ((int32_t)(row)[i])
#define LOAD_U32(row, i) ((row)[i])
#define LOAD_F32(row, i) as_f32((row)[i])
#define LOAD_I64(row, i) ((int64_t)row64(row, i))
#define LOAD_U64(row, i) row64(row, i)
#define LOAD_F64(row, i) as_f64(row64(row, i))
#define LOAD_I16(row, i) ((int32_t)(int16_t)(row)[i])
#define LOAD_U16(row, i) ((row)[i] & 0xffffu)
#define LOAD_F16(row, i) float_of_half((row)[i])

#define INT_COMPARES(T, type, load)                                                                \
    COMPARE(cmp_f_##T, type, load, false, 0)                                                       \
    COMPARE(cmp_lt_##T, type, load, x < y, 0)                                                      \
    COMPARE(cmp_eq_##T, type, load, x == y, 0)                                                     \
    COMPARE(cmp_le_##T, type, load, x <= y, 0)                                                     \
    COMPARE(cmp_gt_##T, type, load, x > y, 0)                                                      \
    COMPARE(cmp_ne_##T, type, load, x != y, 0)                                                     \
    COMPARE(cmp_ge_##T, type, load, x >= y, 0)                                                     \
    COMPARE(cmp_t_##T, type, load, true, 0)

#define SCALAR_INT_COMPARES(T, type)                                                               \
    COMPARE_SCALAR(cmp_f_##T, type, false, (type), 0)                                              \
    COMPARE_SCALAR(cmp_lt_##T, type, x < y, (type), 0)                                             \
    COMPARE_SCALAR(cmp_eq_##T, type, x == y, (type), 0)                                            \
    COMPARE_SCALAR(cmp_le_##T, type, x <= y, (type), 0)                                            \
    COMPARE_SCALAR(cmp_gt_##T, type, x > y, (type), 0)                                             \
    COMPARE_SCALAR(cmp_ne_##T, type, x != y, (type), 0)                                            \
    COMPARE_SCALAR(cmp_ge_##T, type, x >= y, (type), 0)                                            \
    COMPARE_SCALAR(cmp_t_##T, type, true, (type), 0)

/* n..: the negation of the ordered compare, true for unordered operands. */
#define FLOAT_COMPARES(T, type, load)                                                              \
    COMPARE(cmp_f_##T, type, load, false, 1)                                                       \
    COMPARE(cmp_lt_##T, type, load, x < y, 1)                                                      \
    COMPARE(cmp_eq_##T, type, load, x == y, 1)                                                     \
    COMPARE(cmp_le_##T, type, load, x <= y, 1)                                                     \
    COMPARE(cmp_gt_##T, type, load, x > y, 1)                                                      \
    COMPARE(cmp_lg_##T, type, load, __builtin_islessgreater(x, y), 1)                              \
    COMPARE(cmp_ge_##T, type, load, x >= y, 1)                                                     \
    COMPARE(cmp_o_##T, type, load, !__builtin_isunordered(x, y), 1)                                \
    COMPARE(cmp_u_##T, type, load, __builtin_isunordered(x, y), 1)                                 \
    COMPARE(cmp_nge_##T, type, load, !(x >= y), 1)                                                 \
    COMPARE(cmp_nlg_##T, type, load, !__builtin_islessgreater(x, y), 1)                            \
    COMPARE(cmp_ngt_##T, type, load, !(x > y), 1)                                                  \
    COMPARE(cmp_nle_##T, type, load, !(x <= y), 1)                                                 \
    COMPARE(cmp_neq_##T, type, load, !(x == y), 1)                                                 \
    COMPARE(cmp_nlt_##T, type, load, !(x < y), 1)                                                  \
    COMPARE(cmp_tru_##T, type, load, true, 1)

INT_COMPARES(i32, int32_t, LOAD_I32)
INT_COMPARES(u32, uint32_t, LOAD_U32)
INT_COMPARES(i64, int64_t, LOAD_I64)
INT_COMPARES(u64, uint64_t, LOAD_U64)
INT_COMPARES(i16, int32_t, LOAD_I16)
INT_COMPARES(u16, uint32_t, LOAD_U16)
SCALAR_INT_COMPARES(i32, int32_t)
SCALAR_INT_COMPARES(u32, uint32_t)
FLOAT_COMPARES(f32, float, LOAD_F32)
FLOAT_COMPARES(f64, double, LOAD_F64)
FLOAT_COMPARES(f16, float, LOAD_F16)

/* ---- v_cmp_class: which of ten classes the float is in; b selects them
 * ----------------------------- */

enum { SIGNALLING = 0, QUIET = 1, NEGATIVE = 2, POSITIVE = 6 }; /* first bit of each group */

/* Bits 2..5: -infinity, -normal, -denormal, -0; 6..9: +0, +denormal, +normal, +infinity. */
static uint32_t class_of(bool negative, bool max_exponent, bool zero_exponent, bool zero_fraction,
                         bool quiet)
{
    unsigned magnitude = max_exponent ? 3 : !zero_exponent ? 2 : zero_fraction ? 0 : 1;

    if (max_exponent && !zero_fraction)
        return 1u << (quiet ? QUIET : SIGNALLING);
    return 1u << (negative ? NEGATIVE + 3 - magnitude : POSITIVE + magnitude);
}

LANES_BODY(cmp_class_f32)
{
    (void)d, (void)c, (void)mode;
    mask = 0;
    for (unsigned i = 0; i < SG_LANES; i++) {
        uint32_t x = a[i], e = x >> 23 & 255;
        uint32_t class = class_of(x >> 31, e == 255, e == 0, !(x & 0x7fffffu), x & QUIET32);
        mask |= (uint64_t)((b[i] & class) != 0) << i;
    }
    return mask;
}

LANES_BODY(cmp_class_f64)
{
    (void)d, (void)c, (void)mode;
    mask = 0;
    for (unsigned i = 0; i < SG_LANES; i++) {
        uint64_t x = row64(a, i), e = x >> 52 & 2047;
        uint32_t class = class_of(x >> 63, e == 2047, e == 0, !(x & 0xfffffffffffffu), x & QUIET64);
        mask |= (uint64_t)((b[i] & class) != 0) << i;
    }
    return mask;
}

LANES_BODY(cmp_class_f16)
{
    (void)d, (void)c, (void)mode;
    mask = 0;
    for (unsigned i = 0; i < SG_LANES; i++) {
        uint32_t x = a[i] & 0xffff, e = x >> 10 & 31;
        uint32_t class = class_of(x >> 15, e == 31, e == 0, !(x & 0x3ffu), x & 0x200u);
        mask |= (uint64_t)((b[i] & class) != 0) << i;
    }
    return mask;
}

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

#define ROW(op, T, type_, scalar, flags_)                                                          \
    VOP_ROW(v_cmp_##op##_##T, .lanes = L_cmp_##op##_##T, .vv = VV_cmp_##op##_##T, .sv = scalar,    \
            .sources = 2, .src = {type_, type_}, .flags = VF_MASK_OUT | flags_),                   \
        VOP_ROW(v_cmpx_##op##_##T, .lanes = L_cmp_##op##_##T, .sources = 2, .src = {type_, type_}, \
                .flags = VF_MASK_OUT | VF_CMPX | flags_)
#define INT_ROWS(T, type_)                                                                         \
    ROW(f, T, type_, NULL, 0), ROW(lt, T, type_, NULL, 0), ROW(eq, T, type_, NULL, 0),             \
        ROW(le, T, type_, NULL, 0), ROW(gt, T, type_, NULL, 0), ROW(ne, T, type_, NULL, 0),        \
        ROW(ge, T, type_, NULL, 0), ROW(t, T, type_, NULL, 0)
#define SCALAR_ROW(op, T) ROW(op, T, T_B32, SV_cmp_##op##_##T, 0)
#define SCALAR_INT_ROWS(T)                                                                         \
    SCALAR_ROW(f, T), SCALAR_ROW(lt, T), SCALAR_ROW(eq, T), SCALAR_ROW(le, T), SCALAR_ROW(gt, T),  \
        SCALAR_ROW(ne, T), SCALAR_ROW(ge, T), SCALAR_ROW(t, T)
#define FLOAT_ROWS(T, type_, flags_)                                                               \
    ROW(f, T, type_, NULL, flags_), ROW(lt, T, type_, NULL, flags_),                               \
        ROW(eq, T, type_, NULL, flags_), ROW(le, T, type_, NULL, flags_),                          \
        ROW(gt, T, type_, NULL, flags_), ROW(lg, T, type_, NULL, flags_),                          \
        ROW(ge, T, type_, NULL, flags_), ROW(o, T, type_, NULL, flags_),                           \
        ROW(u, T, type_, NULL, flags_), ROW(nge, T, type_, NULL, flags_),                          \
        ROW(nlg, T, type_, NULL, flags_), ROW(ngt, T, type_, NULL, flags_),                        \
        ROW(nle, T, type_, NULL, flags_), ROW(neq, T, type_, NULL, flags_),                        \
        ROW(nlt, T, type_, NULL, flags_), ROW(tru, T, type_, NULL, flags_)
#define CLASS_ROWS(T, type_)                                                                       \
    VOP_ROW(v_cmp_class_##T, .lanes = L_cmp_class_##T, .sources = 2, .src = {type_, T_B32},        \
            .flags = VF_MASK_OUT),                                                                 \
        VOP_ROW(v_cmpx_class_##T, .lanes = L_cmp_class_##T, .sources = 2, .src = {type_, T_B32},   \
                .flags = VF_MASK_OUT | VF_CMPX)

static const struct sg_op_entry entries[] = {
    SCALAR_INT_ROWS(i32),
    SCALAR_INT_ROWS(u32),
    INT_ROWS(i64, T_I64),
    INT_ROWS(u64, T_B64),
    INT_ROWS(i16, T_B16),
    INT_ROWS(u16, T_B16),
    FLOAT_ROWS(f32, T_F32, VF_FLOAT32),
    FLOAT_ROWS(f64, T_F64, VF_FLOAT64),
    FLOAT_ROWS(f16, T_F16, VF_FLOAT16),
    CLASS_ROWS(f32, T_F32),
    CLASS_ROWS(f64, T_F64),
    CLASS_ROWS(f16, T_F16),
};

const struct sg_op_set SG_V(sg_vec_cmp) = {entries, sizeof(entries) / sizeof(entries[0])};
