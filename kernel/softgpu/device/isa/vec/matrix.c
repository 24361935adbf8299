/* SPDX-License-Identifier: MIT */
/*
 * Matrix fused multiply-adds of gfx90a (CDNA2 ISA document, chapter "Matrix Arithmetic
 * Instructions"). EXEC is ignored. Products accumulate in the order of k, one fused multiply-add
 * each: the hardware's inner order for halves is not documented.
 */
#include "half.h"
#include "vec.h"

enum element { E_F32, E_F16, E_BF16, E_I8, E_F64 };

struct mfma {
    uint8_t size; /* M and N */
    uint8_t blocks;
    uint8_t per_lane; /* values of k that one lane holds */
    uint8_t element;
};

static unsigned k_groups(const struct mfma *m)
{
    return SG_LANES / (m->size * m->blocks);
}

static unsigned element_rows(const struct mfma *m)
{
    switch (m->element) {
    case E_F16:
    case E_BF16:
        return m->per_lane / 2u;
    case E_I8:
        return 1;
    case E_F64:
        return 2;
    default:
        return 1;
    }
}

/* Sources as rows; constants broadcast. Copied: the destination may overlap them. */
static void load(const struct sg_wave *w, const struct sg_inst *inst, unsigned k, unsigned rows,
                 uint32_t *to)
{
    unsigned code = inst->alu.src[k];

    for (unsigned r = 0; r < rows; r++) {
        if (sg_is_vgpr(code))
            copy_row(to + r * SG_LANES, sg_vgpr(w, code) + r * SG_LANES);
        else
            fill_row(to + r * SG_LANES, sg_scalar32(w, inst, code));
    }
}

/* Lane of B after blgp (CDNA2 ISA document, "BLGP"). */
static unsigned b_lane(unsigned blgp, unsigned lane)
{
    switch (blgp) {
    case 1:
        return lane & 31;
    case 2:
        return 32 + (lane & 31);
    case 3:
        return (lane + 16) & 63;
    case 4:
    case 5:
    case 6:
    case 7:
        return (blgp - 4) * 16 + (lane & 15);
    default:
        return lane;
    }
}

/* The lane that holds A[i][k] or B[k][i] of a block, and the place of k in it. */
static unsigned lane_of(const struct mfma *m, unsigned block, unsigned i, unsigned k, unsigned *at)
{
    unsigned group = k / m->per_lane;

    *at = k % m->per_lane;
    if (m->element == E_F64)
        return i + m->size * (block + m->blocks * group);
    return i + m->size * (block * k_groups(m) + group);
}

/*
 * Denormal halves and bf16 values, and denormal results and accumulators of instructions on them,
 * are zero (MIOpen documentation, "MI200 MFMA behavior specifics").
 */
static bool flushes(const struct mfma *m)
{
    return m->element == E_F16 || m->element == E_BF16;
}

static float flushed(float x)
{
    return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0, x) : x;
}

static float f32_element(const struct mfma *m, const uint32_t *rows, unsigned lane, unsigned at)
{
    uint32_t bits;

    if (m->element == E_F32)
        return as_f32(rows[lane]);
    bits = rows[at / 2 * SG_LANES + lane] >> (at & 1 ? 16 : 0) & 0xffffu;
    if (m->element == E_F16)
        return float_of_half(bits & 0x7c00u ? bits : bits & 0x8000u);
    return flushed(as_f32(bits << 16));
}

/* Register and lane of D[i][j] of a block, in dwords of 64 lanes. */
static unsigned result_place(const struct mfma *m, unsigned block, unsigned i, unsigned j)
{
    unsigned halves = SG_LANES / m->size, per_block = m->size * m->size / SG_LANES;

    if (m->size == 4) /* 16 blocks side by side */
        return i * SG_LANES + block * 4 + j;
    return (block * per_block + i / (4 * halves) * 4 + i % 4) * SG_LANES +
           i / 4 % halves * m->size + j;
}

static void multiply32(const struct mfma *m, const struct sg_inst *inst, const uint32_t *a,
                       const uint32_t *b, uint32_t *d)
{
    unsigned depth = m->per_lane * k_groups(m), share = 1u << inst->alu.cbsz;

    for (unsigned block = 0; block < m->blocks; block++)
        for (unsigned i = 0; i < m->size; i++)
            for (unsigned j = 0; j < m->size; j++) {
                uint32_t *place = &d[result_place(m, block, i, j)];
                unsigned from =
                    share > 1 ? (block & ~(share - 1)) + (inst->alu.abid & (share - 1)) : block;

                if (flushes(m))
                    *place = f32_bits(flushed(as_f32(*place)));
                for (unsigned k = 0; k < depth; k++) {
                    unsigned at, la = lane_of(m, from, i, k, &at);
                    unsigned lb = b_lane(inst->alu.blgp, lane_of(m, block, j, k, &at));

                    if (m->element == E_I8)
                        *place +=
                            (uint32_t)((int8_t)(a[la] >> (8 * at)) * (int8_t)(b[lb] >> (8 * at)));
                    else
                        *place = f32_bits(__builtin_fmaf(
                            f32_element(m, a, la, at), f32_element(m, b, lb, at), as_f32(*place)));
                }
                if (m->element != E_I8 && is_nan32(*place))
                    *place = NAN32;
                if (flushes(m))
                    *place = f32_bits(flushed(as_f32(*place)));
            }
}

/* blgp of fp64 negates A, B, C. D: rows go over lanes first. */
static void multiply64(const struct mfma *m, const struct sg_inst *inst, const uint32_t *a,
                       const uint32_t *b, uint32_t *d)
{
    double sa = inst->alu.blgp & 1 ? -1 : 1, sb = inst->alu.blgp & 2 ? -1 : 1,
           sc = inst->alu.blgp & 4 ? -1 : 1;

    for (unsigned block = 0; block < m->blocks; block++)
        for (unsigned i = 0; i < m->size; i++)
            for (unsigned j = 0; j < m->size; j++) {
                unsigned pair = m->size == 4 ? 0 : i / 4;
                unsigned lane = m->size == 4 ? i * 16 + block * 4 + j : i % 4 * 16 + j;
                uint32_t *place = d + 2 * pair * SG_LANES;
                double sum = sc * as_f64(row64(place, lane));

                for (unsigned k = 0; k < 4; k++) {
                    unsigned at, la = lane_of(m, block, i, k, &at),
                                 lb = lane_of(m, block, j, k, &at);
                    sum = __builtin_fma(sa * as_f64(row64(a, la)), sb * as_f64(row64(b, lb)), sum);
                }
                set_row64(place, lane, sum != sum ? NAN64 : f64_bits(sum));
            }
}

static enum sg_next matrix(struct sg_wave *w, const struct sg_inst *inst)
{
    const struct mfma *m = inst->aux[0];
    _Alignas(64) uint32_t a[2 * SG_LANES] = {0}, b[2 * SG_LANES] = {0}, d[32 * SG_LANES] = {0};
    unsigned rows = m->blocks * m->size * m->size / SG_LANES * (m->element == E_F64 ? 2 : 1);
    char text[192];

    if (m->element != E_I8 && w->mode & 0xf) /* nearest even only */
        sg_unimplemented("MODE 0x%x for %s", w->mode, sg_inst_text(inst, text, sizeof(text)));
    load(w, inst, 0, element_rows(m), a);
    load(w, inst, 1, element_rows(m), b);
    if (m->element == E_F64 && !sg_is_vgpr(inst->alu.src[2])) {
        uint64_t value = sg_scalar_f64(w, inst, inst->alu.src[2]);
        for (unsigned r = 0; r < rows; r++)
            fill_row(d + r * SG_LANES, (uint32_t)(value >> (r & 1 ? 32 : 0)));
    } else {
        load(w, inst, 2, rows, d);
    }
    if (m->element == E_F64)
        multiply64(m, inst, a, b, d);
    else
        multiply32(m, inst, a, b, d);
    for (unsigned r = 0; r < rows; r++)
        copy_row(sg_vgpr(w, inst->dst) + r * SG_LANES, d + r * SG_LANES);
    return SG_NEXT;
}

#define ROW(name, ...)                                                                             \
    {                                                                                              \
        .mnemonic = "v_mfma_" name, .fn = matrix, .data = &(const struct mfma)                     \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct sg_op_entry entries[] = {
    ROW("f32_32x32x1f32", 32, 2, 1, E_F32),      ROW("f32_16x16x1f32", 16, 4, 1, E_F32),
    ROW("f32_4x4x1f32", 4, 16, 1, E_F32),        ROW("f32_32x32x2f32", 32, 1, 1, E_F32),
    ROW("f32_16x16x4f32", 16, 1, 1, E_F32),      ROW("f32_32x32x4f16", 32, 2, 4, E_F16),
    ROW("f32_16x16x4f16", 16, 4, 4, E_F16),      ROW("f32_4x4x4f16", 4, 16, 4, E_F16),
    ROW("f32_32x32x8f16", 32, 1, 4, E_F16),      ROW("f32_16x16x16f16", 16, 1, 4, E_F16),
    ROW("i32_32x32x4i8", 32, 2, 4, E_I8),        ROW("i32_16x16x4i8", 16, 4, 4, E_I8),
    ROW("i32_4x4x4i8", 4, 16, 4, E_I8),          ROW("i32_32x32x8i8", 32, 1, 4, E_I8),
    ROW("i32_16x16x16i8", 16, 1, 4, E_I8),       ROW("f32_32x32x4bf16_1k", 32, 2, 4, E_BF16),
    ROW("f32_16x16x4bf16_1k", 16, 4, 4, E_BF16), ROW("f32_4x4x4bf16_1k", 4, 16, 4, E_BF16),
    ROW("f32_32x32x8bf16_1k", 32, 1, 4, E_BF16), ROW("f32_16x16x16bf16_1k", 16, 1, 4, E_BF16),
    ROW("f32_32x32x2bf16", 32, 2, 2, E_BF16),    ROW("f32_16x16x2bf16", 16, 4, 2, E_BF16),
    ROW("f32_4x4x2bf16", 4, 16, 2, E_BF16),      ROW("f32_32x32x4bf16", 32, 1, 2, E_BF16),
    ROW("f32_16x16x8bf16", 16, 1, 2, E_BF16),    ROW("f64_16x16x4f64", 16, 1, 1, E_F64),
    ROW("f64_4x4x4f64", 4, 4, 1, E_F64),
};

const struct sg_op_set SG_V(sg_vec_matrix) = {entries, sizeof(entries) / sizeof(entries[0])};
