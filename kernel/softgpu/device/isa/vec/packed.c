/* SPDX-License-Identifier: MIT */
/*
 * VOP3P: packed 16-bit integers, packed fp32 of gfx90a, mixed-precision multiply-adds, dot products
 * (Vega ISA document, chapter "VOP3P Instructions"; CDNA2 ISA document for gfx90a). Owns the fetch
 * of packed operands, which f16.c uses too.
 */
#include "half.h"
#include "vec.h"

/* ---- fetch
 * --------------------------------------------------------------------------------------- */

/* A 32-bit word in all lanes. Float constants of packed halves are halves in the low part. */
static void word(const struct sg_wave *w, const struct sg_inst *inst, unsigned code, bool halves,
                 uint32_t *row)
{
    if (sg_is_vgpr(code))
        copy_row(row, sg_vgpr(w, code));
    else
        fill_row(row, halves ? sg_scalar_f16(w, inst, code) : sg_scalar32(w, inst, code));
}

/* op_sel and op_sel_hi choose the half for the low and for the high result; neg, neg_hi change its
 * sign. */
static void packed_source(const struct sg_wave *w, const struct sg_inst *inst, unsigned k,
                          uint32_t *row, bool floats)
{
    unsigned low = inst->alu.op_sel >> k & 1 ? 16 : 0, high = inst->alu.op_sel_hi >> k & 1 ? 16 : 0;
    uint32_t sign = 0;

    if (floats)
        sign = (inst->alu.neg >> k & 1 ? 0x8000u : 0) | (inst->alu.abs >> k & 1 ? 0x80000000u : 0);
    word(w, inst, inst->alu.src[k], true, row);
    LANES row[i] = ((row[i] >> low & 0xffffu) | row[i] >> high << 16) ^ sign;
}

/* Denormal halves of a packed row, for MODEs that do not keep them. */
static void flush_halves(uint32_t *row)
{
    LANES
    {
        uint32_t low = row[i] & 0x7c00u ? 0xffffu : 0x8000u;
        uint32_t high = row[i] & 0x7c000000u ? 0xffff0000u : 0x80000000u;
        row[i] &= low | high;
    }
}

static uint32_t clamp_half(uint32_t half, bool nan_to_zero)
{
    if (half_is_nan(half))
        return nan_to_zero ? 0 : half;
    return half & 0x8000u ? 0 : half > 0x3c00u ? 0x3c00u : half;
}

static uint32_t clamp_single(uint32_t bits, bool nan_to_zero)
{
    if (is_nan32(bits))
        return nan_to_zero ? 0 : bits;
    return bits & 0x80000000u ? 0 : bits > 0x3f800000u ? 0x3f800000u : bits;
}

/* Denormals of fp32, where MODE's bit (1 inputs, 2 outputs) does not keep them. */
static void flush_singles(uint32_t *row, uint32_t mode, unsigned bit)
{
    if (!(mode >> SG_MODE_DENORM32_SHIFT & bit))
        LANES row[i] = row[i] & 0x7f800000u ? row[i] : row[i] & 0x80000000u;
}

static void finish_singles(uint32_t *row, uint32_t mode, bool clamp)
{
    flush_singles(row, mode, 2);
    if (clamp)
        for (unsigned i = 0; i < SG_LANES; i++)
            row[i] = clamp_single(row[i], mode & SG_MODE_DX10_CLAMP);
}

static enum sg_next missing_clamp(const struct sg_inst *inst)
{
    char text[192];
    sg_unimplemented("clamp of %s", sg_inst_text(inst, text, sizeof(text)));
}

/* Any instruction on pairs of 16-bit values. */
enum sg_next SG_V(sg_vec_packed)(struct sg_wave *w, const struct sg_inst *inst)
{
    const struct sg_vop *op = inst->aux[0];
    bool floats = op->flags & VF_FLOAT16, clamp = inst->alu.clamp;
    sg_lanes_fn *lanes = clamp && !floats ? op->lanes_clamp : op->lanes;
    unsigned denormals = floats ? w->mode >> SG_MODE_DENORM64_SHIFT & 3 : 3;
    sg_row source[3], r;

    if (!lanes)
        return missing_clamp(inst);
    for (unsigned k = 0; k < op->sources; k++) {
        packed_source(w, inst, k, source[k], floats);
        if (!(denormals & 1))
            flush_halves(source[k]);
    }
    lanes(r, source[0], source[1], op->sources > 2 ? source[2] : NULL, 0, w->mode);
    if (!(denormals & 2))
        flush_halves(r);
    if (floats && clamp)
        for (unsigned i = 0; i < SG_LANES; i++)
            r[i] = clamp_half(r[i] & 0xffffu, w->mode & SG_MODE_DX10_CLAMP) |
                   clamp_half(r[i] >> 16, w->mode & SG_MODE_DX10_CLAMP) << 16;
    commit_row(w, sg_vgpr(w, inst->dst), r);
    return SG_NEXT;
}

/* ---- packed integers
 * ----------------------------------------------------------------------------- */

#define MIN(p, q) ((p) < (q) ? (p) : (q))
#define MAX(p, q) ((p) > (q) ? (p) : (q))
#define CLAMP_U16(value) MIN(MAX(value, 0), 0xffff)
#define CLAMP_I16(value) MIN(MAX(value, -0x8000), 0x7fff)

/* x, y, z: the halves as `type`, widened to int64_t. */
#define PAIR(name, type, expression)                                                               \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)mask, (void)mode;                                                                    \
        if (!c)                                                                                    \
            c = a;                                                                                 \
        LANES                                                                                      \
        {                                                                                          \
            uint32_t low, high;                                                                    \
            {                                                                                      \
                int64_t x = (type)a[i], y = (type)b[i], z = (type)c[i];                            \
                (void)z;                                                                           \
                low = (uint32_t)(expression)&0xffffu;                                              \
            }                                                                                      \
            {                                                                                      \
                int64_t x = (type)(a[i] >> 16), y = (type)(b[i] >> 16), z = (type)(c[i] >> 16);    \
                (void)z;                                                                           \
                high = (uint32_t)(expression) << 16;                                               \
            }                                                                                      \
            d[i] = low | high;                                                                     \
        }                                                                                          \
        return 0;                                                                                  \
    }
PAIR(v_pk_mad_i16, int16_t, x *y + z)
PAIR(v_pk_mad_u16, uint16_t, x *y + z)
PAIR(v_pk_mul_lo_u16, uint16_t, x *y)
PAIR(v_pk_add_i16, int16_t, x + y)
PAIR(v_pk_sub_i16, int16_t, x - y)
PAIR(v_pk_add_u16, uint16_t, x + y)
PAIR(v_pk_sub_u16, uint16_t, x - y)
PAIR(v_pk_lshlrev_b16, uint16_t, y << (x & 15))
PAIR(v_pk_lshrrev_b16, uint16_t, y >> (x & 15))
PAIR(v_pk_ashrrev_i16, int16_t, y >> (x & 15))
PAIR(v_pk_max_i16, int16_t, MAX(x, y))
PAIR(v_pk_min_i16, int16_t, MIN(x, y))
PAIR(v_pk_max_u16, uint16_t, MAX(x, y))
PAIR(v_pk_min_u16, uint16_t, MIN(x, y))
PAIR(pk_mad_i16_clamp, int16_t, CLAMP_I16(x *y + z))
PAIR(pk_mad_u16_clamp, uint16_t, CLAMP_U16(x *y + z))
PAIR(pk_mul_lo_u16_clamp, uint16_t, CLAMP_U16(x *y))
PAIR(pk_add_i16_clamp, int16_t, CLAMP_I16(x + y))
PAIR(pk_sub_i16_clamp, int16_t, CLAMP_I16(x - y))
PAIR(pk_add_u16_clamp, uint16_t, CLAMP_U16(x + y))
PAIR(pk_sub_u16_clamp, uint16_t, CLAMP_U16(x - y))

/* ---- mixed precision: each source an f32 or one half of a word
 * --------------------------------------- */

static void mixed_source(const struct sg_wave *w, const struct sg_inst *inst, unsigned k,
                         uint32_t *row)
{
    bool half = inst->alu.op_sel_hi >> k & 1, upper = inst->alu.op_sel >> k & 1;

    word(w, inst, inst->alu.src[k], half, row);
    if (half)
        LANES row[i] = f32_bits(float_of_half(row[i] >> (upper ? 16 : 0)));
    if (inst->alu.abs >> k & 1)
        LANES row[i] &= 0x7fffffffu;
    if (inst->alu.neg >> k & 1)
        LANES row[i] ^= 0x80000000u;
}

LANES_BODY(fma_f32)
{
    (void)mask, (void)mode;
    LANES d[i] = f32_bits(__builtin_fmaf(as_f32(a[i]), as_f32(b[i]), as_f32(c[i])));
    return 0;
}

static void mixed_fma(struct sg_wave *w, const struct sg_inst *inst, uint32_t *r)
{
    static const struct sg_vop op = {.flags = VF_FLOAT32};
    sg_row source[3];

    for (unsigned k = 0; k < 3; k++) {
        mixed_source(w, inst, k, source[k]);
        flush_singles(source[k], w->mode, 1);
    }
    run_lanes(L_fma_f32, &op, r, source[0], source[1], source[2], 0, w->mode);
    fix_nan32(r, source[0], source[1], source[2]);
    finish_singles(r, w->mode, inst->alu.clamp);
}

static enum sg_next v_fma_mix_f32(struct sg_wave *w, const struct sg_inst *inst)
{
    sg_row r;

    mixed_fma(w, inst, r);
    commit_row(w, sg_vgpr(w, inst->dst), r);
    return SG_NEXT;
}

static enum sg_next mix_half(struct sg_wave *w, const struct sg_inst *inst, unsigned shift)
{
    uint32_t *d = sg_vgpr(w, inst->dst);
    sg_row r;

    mixed_fma(w, inst, r);
    for (unsigned i = 0; i < SG_LANES; i++)
        r[i] = (d[i] & 0xffff0000u >> shift) |
               half_of_double((double)as_f32(r[i]), half_round(w->mode)) << shift;
    commit_row(w, d, r);
    return SG_NEXT;
}

static enum sg_next v_fma_mixlo_f16(struct sg_wave *w, const struct sg_inst *inst)
{
    return mix_half(w, inst, 0);
}

static enum sg_next v_fma_mixhi_f16(struct sg_wave *w, const struct sg_inst *inst)
{
    return mix_half(w, inst, 16);
}

/* ---- dot products
 * -------------------------------------------------------------------------------- */

/* Sum of products of signed or unsigned fields of `width` bits, plus the accumulator. */
static int64_t dot(uint32_t x, uint32_t y, unsigned width, bool is_signed)
{
    int64_t sum = 0;

    for (unsigned at = 0; at < 32; at += width) {
        if (is_signed)
            sum += (int64_t)((int32_t)(x << (32 - width - at)) >> (32 - width)) *
                   ((int32_t)(y << (32 - width - at)) >> (32 - width));
        else
            sum += (int64_t)(x << (32 - width - at) >> (32 - width)) *
                   (y << (32 - width - at) >> (32 - width));
    }
    return sum;
}

#define DOT(name, width, is_signed)                                                                \
    LANES_BODY(name)                                                                               \
    {                                                                                              \
        (void)mask, (void)mode;                                                                    \
        LANES d[i] = (uint32_t)dot(a[i], b[i], width, is_signed) + c[i];                           \
        return 0;                                                                                  \
    }                                                                                              \
    LANES_BODY(name##_clamp)                                                                       \
    {                                                                                              \
        (void)mask, (void)mode;                                                                    \
        for (unsigned i = 0; i < SG_LANES; i++) {                                                  \
            int64_t low = is_signed ? INT32_MIN : 0, high = is_signed ? INT32_MAX : UINT32_MAX;    \
            int64_t sum = dot(a[i], b[i], width, is_signed);                                       \
            sum += is_signed ? (int64_t)(int32_t)c[i] : (int64_t)c[i];                             \
            d[i] = (uint32_t)(sum < low ? low : sum > high ? high : sum);                          \
        }                                                                                          \
        return 0;                                                                                  \
    }
DOT(dot2_i32, 16, true)
DOT(dot2_u32, 16, false)
DOT(dot4_i32, 8, true)
DOT(dot4_u32, 8, false)
DOT(dot8_i32, 4, true)
DOT(dot8_u32, 4, false)

static uint32_t dot2_halves(uint32_t a, uint32_t b, uint32_t c)
{
    double r = (double)float_of_half(a) * (double)float_of_half(b) +
               (double)float_of_half(a >> 16) * (double)float_of_half(b >> 16) + (double)as_f32(c);

    return r != r ? NAN32 : f32_bits((float)r);
}

/* Computed in double and rounded once: the hardware's inner rounding is not documented. */
LANES_BODY(dot2_f32_f16)
{
    (void)mask, (void)mode;
    for (unsigned i = 0; i < SG_LANES; i++)
        d[i] = dot2_halves(a[i], b[i], c[i]);
    return 0;
}

/* MI200 takes denormals for zero and makes none (PyTorch's notes on numerical accuracy, by AMD). */
LANES_BODY(dot2_f32_f16_flush)
{
    sg_row x, y, z;

    (void)mask, (void)mode;
    copy_row(x, a);
    copy_row(y, b);
    copy_row(z, c);
    flush_halves(x);
    flush_halves(y);
    flush_singles(z, 0, 1);
    for (unsigned i = 0; i < SG_LANES; i++)
        d[i] = dot2_halves(x[i], y[i], z[i]);
    flush_singles(d, 0, 2);
    return 0;
}

/* VOP3P forms: op_sel applies to 16-bit fields only. */
static enum sg_next dot_product(struct sg_wave *w, const struct sg_inst *inst)
{
    const struct sg_vop *op = inst->aux[0];
    bool halves = op->src[0] == T_B16 || op->src[0] == T_F16;
    bool clamp_float = inst->alu.clamp && op->src[0] == T_F16;
    sg_lanes_fn *lanes = inst->alu.clamp && !clamp_float ? op->lanes_clamp : op->lanes;
    sg_row source[3], r;

    if (!lanes)
        return missing_clamp(inst);
    for (unsigned k = 0; k < 2; k++) {
        if (halves)
            packed_source(w, inst, k, source[k], op->src[0] == T_F16);
        else
            word(w, inst, inst->alu.src[k], false, source[k]);
    }
    word(w, inst, inst->alu.src[2], false, source[2]);
    if (op->src[0] == T_F16 && inst->alu.neg & 4)
        LANES source[2][i] ^= 0x80000000u;
    lanes(r, source[0], source[1], source[2], 0, w->mode);
    if (clamp_float)
        for (unsigned i = 0; i < SG_LANES; i++)
            r[i] = clamp_single(r[i], w->mode & SG_MODE_DX10_CLAMP);
    commit_row(w, sg_vgpr(w, inst->dst), r);
    return SG_NEXT;
}

static const struct sg_vop dot2_flushing = {
    .lanes = L_dot2_f32_f16_flush, .sources = 3, .src = {T_F16, T_F16, T_B32}};

static void prepare_dot2(struct sg_inst *inst, const struct sg_arch *arch)
{
    if (arch->has_accvgpr)
        inst->aux[0] = &dot2_flushing;
}

/* ---- packed fp32 of gfx90a
 * ------------------------------------------------------------------------- */

/* Two rows: the operand of the low and of the high result. Constants are the same in both. */
static void pair_source(const struct sg_wave *w, const struct sg_inst *inst, unsigned k,
                        uint32_t *rows)
{
    unsigned code = inst->alu.src[k];
    bool select[2] = {inst->alu.op_sel >> k & 1, inst->alu.op_sel_hi >> k & 1};
    bool negate[2] = {inst->alu.neg >> k & 1, inst->alu.abs >> k & 1};

    for (unsigned part = 0; part < 2; part++) {
        uint32_t *row = rows + part * SG_LANES, sign = negate[part] ? 0x80000000u : 0;

        if (sg_is_vgpr(code))
            copy_row(row, sg_vgpr(w, code) + select[part] * SG_LANES);
        else
            fill_row(row, sg_scalar32(w, inst, code < 128 ? code + select[part] : code));
        if (sign)
            LANES row[i] ^= sign;
    }
}

static enum sg_next packed_f32(struct sg_wave *w, const struct sg_inst *inst)
{
    const struct sg_vop *op = inst->aux[0];
    _Alignas(64) uint32_t source[3][2 * SG_LANES], r[2 * SG_LANES];

    for (unsigned k = 0; k < op->sources; k++) {
        pair_source(w, inst, k, source[k]);
        flush_singles(source[k], w->mode, 1);
        flush_singles(source[k] + SG_LANES, w->mode, 1);
    }
    for (unsigned at = 0; at < 2 * SG_LANES; at += SG_LANES) {
        run_lanes(op->lanes, op, r + at, source[0] + at, source[1] + at, source[2] + at, 0,
                  w->mode);
        fix_nan32(r + at, source[0] + at, source[1] + at, op->sources > 2 ? source[2] + at : NULL);
        finish_singles(r + at, w->mode, inst->alu.clamp);
    }
    commit_row(w, sg_vgpr(w, inst->dst), r);
    commit_row(w, sg_vgpr(w, inst->dst) + SG_LANES, r + SG_LANES);
    return SG_NEXT;
}

LANES_BODY(pk_mul_f32)
{
    (void)c, (void)mask, (void)mode;
    LANES d[i] = f32_bits(as_f32(a[i]) * as_f32(b[i]));
    return 0;
}

LANES_BODY(pk_add_f32)
{
    (void)c, (void)mask, (void)mode;
    LANES d[i] = f32_bits(as_f32(a[i]) + as_f32(b[i]));
    return 0;
}

/* Low result from src0, high result from src1; op_sel chooses the register of each pair. */
static enum sg_next v_pk_mov_b32(struct sg_wave *w, const struct sg_inst *inst)
{
    _Alignas(64) uint32_t r[2][SG_LANES];

    for (unsigned k = 0; k < 2; k++) {
        unsigned code = inst->alu.src[k], upper = inst->alu.op_sel >> k & 1;

        if (sg_is_vgpr(code))
            copy_row(r[k], sg_vgpr(w, code) + upper * SG_LANES);
        else
            fill_row(r[k], sg_scalar32(w, inst, code < 128 ? code + upper : code));
    }
    commit_row(w, sg_vgpr(w, inst->dst), r[0]);
    commit_row(w, sg_vgpr(w, inst->dst) + SG_LANES, r[1]);
    return SG_NEXT;
}

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

#define ROWP(name, sources_, clamp)                                                                \
    {                                                                                              \
        .mnemonic = #name, .fn = SG_V(sg_vec_packed), .data = &(const struct sg_vop)               \
        {                                                                                          \
            .lanes = L_##name, .lanes_clamp = clamp, .sources = sources_                           \
        }                                                                                          \
    }
#define ROWD(name, lanes_, clamp, type_)                                                           \
    {                                                                                              \
        .mnemonic = #name, .fn = dot_product, .data = &(const struct sg_vop)                       \
        {                                                                                          \
            .lanes = L_##lanes_, .lanes_clamp = clamp, .sources = 3, .src = {                      \
                type_,                                                                             \
                type_,                                                                             \
                T_B32                                                                              \
            }                                                                                      \
        }                                                                                          \
    }
#define ROWC(name, lanes_, type_)                                                                  \
    VOP_ROW(name, .lanes = L_##lanes_, .sources = 3, .dst = T_B32, .src = {type_, type_, T_B32},   \
            .flags = VF_ACCUMULATE)
#define ROWF(name, lanes_, sources_)                                                               \
    {                                                                                              \
        .mnemonic = "v_" #name, .fn = packed_f32, .data = &(const struct sg_vop)                   \
        {                                                                                          \
            .lanes = L_##lanes_, .sources = sources_, .flags = VF_FLOAT32                          \
        }                                                                                          \
    }

static const struct sg_op_entry entries[] = {
    ROWP(v_pk_mad_i16, 3, L_pk_mad_i16_clamp),
    ROWP(v_pk_mad_u16, 3, L_pk_mad_u16_clamp),
    ROWP(v_pk_mul_lo_u16, 2, L_pk_mul_lo_u16_clamp),
    ROWP(v_pk_add_i16, 2, L_pk_add_i16_clamp),
    ROWP(v_pk_sub_i16, 2, L_pk_sub_i16_clamp),
    ROWP(v_pk_add_u16, 2, L_pk_add_u16_clamp),
    ROWP(v_pk_sub_u16, 2, L_pk_sub_u16_clamp),
    ROWP(v_pk_lshlrev_b16, 2, NULL),
    ROWP(v_pk_lshrrev_b16, 2, NULL),
    ROWP(v_pk_ashrrev_i16, 2, NULL),
    ROWP(v_pk_max_i16, 2, NULL),
    ROWP(v_pk_min_i16, 2, NULL),
    ROWP(v_pk_max_u16, 2, NULL),
    ROWP(v_pk_min_u16, 2, NULL),
    {.mnemonic = "v_fma_mix_f32", .fn = v_fma_mix_f32},
    {.mnemonic = "v_fma_mixlo_f16", .fn = v_fma_mixlo_f16},
    {.mnemonic = "v_fma_mixhi_f16", .fn = v_fma_mixhi_f16},
    {.mnemonic = "v_dot2_f32_f16",
     .fn = dot_product,
     .prepare = prepare_dot2,
     .data = &(
         const struct sg_vop){.lanes = L_dot2_f32_f16, .sources = 3, .src = {T_F16, T_F16, T_B32}}},
    ROWD(v_dot2_i32_i16, dot2_i32, L_dot2_i32_clamp, T_B16),
    ROWD(v_dot2_u32_u16, dot2_u32, L_dot2_u32_clamp, T_B16),
    ROWD(v_dot4_i32_i8, dot4_i32, L_dot4_i32_clamp, T_B32),
    ROWD(v_dot4_u32_u8, dot4_u32, L_dot4_u32_clamp, T_B32),
    ROWD(v_dot8_i32_i4, dot8_i32, L_dot8_i32_clamp, T_B32),
    ROWD(v_dot8_u32_u4, dot8_u32, L_dot8_u32_clamp, T_B32),
    ROWC(v_dot2c_f32_f16, dot2_f32_f16_flush, T_F16),
    ROWC(v_dot2c_i32_i16, dot2_i32, T_B16),
    ROWC(v_dot4c_i32_i8, dot4_i32, T_B32),
    ROWC(v_dot8c_i32_i4, dot8_i32, T_B32),
    ROWF(pk_fma_f32, fma_f32, 3),
    ROWF(pk_mul_f32, pk_mul_f32, 2),
    ROWF(pk_add_f32, pk_add_f32, 2),
    {.mnemonic = "v_pk_mov_b32", .fn = v_pk_mov_b32},
};

const struct sg_op_set SG_V(sg_vec_packed_ops) = {entries, sizeof(entries) / sizeof(entries[0])};
