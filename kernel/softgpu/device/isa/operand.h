/* SPDX-License-Identifier: MIT */
/*
 * Operands of one instruction of one wave: reading and writing SGPRs, VGPRs, inline constants,
 * literals and the special scalar sources. Static-inline, no state of its own; used by every file
 * with op functions. It may not touch memory outside of struct sg_wave and what that points to.
 */
#ifndef SG_OPERAND_H
#define SG_OPERAND_H

#include "../inst.h"
#include "../wave.h"

#define SG_LIKELY(x) __builtin_expect(!!(x), 1)
#define SG_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Scalar source codes with a meaning of their own (Vega ISA document, "Scalar Operands"). */
enum {
    SG_SRC_INT0 = 128, /* 128..192: 0..64; 193..208: -1..-16 */
    SG_SRC_SHARED_BASE = 235,
    SG_SRC_SHARED_LIMIT = 236,
    SG_SRC_PRIVATE_BASE = 237,
    SG_SRC_PRIVATE_LIMIT = 238,
    SG_SRC_POPS_EXITING_WAVE_ID = 239,
    SG_SRC_FLOAT0 = 240, /* 240..248: 0.5 -0.5 1 -1 2 -2 4 -4 1/(2*pi) */
    SG_SRC_SDWA = 249,
    SG_SRC_DPP = 250,
    SG_SRC_VCCZ = 251,
    SG_SRC_EXECZ = 252,
    SG_SRC_SCC = 253,
    SG_SRC_LDS_DIRECT = 254,
};

/* MODE register (Vega ISA document, "Mode register"). */
enum {
    SG_MODE_ROUND32_SHIFT = 0,    /* 0 nearest even, 1 +inf, 2 -inf, 3 zero */
    SG_MODE_ROUND64_SHIFT = 2,    /* fp64 and fp16 */
    SG_MODE_DENORM32_SHIFT = 4,   /* bit 0: keep input denormals, bit 1: keep output denormals */
    SG_MODE_DENORM64_SHIFT = 6,   /* fp64 and fp16 */
    SG_MODE_DX10_CLAMP = 1u << 8, /* clamp maps NaN to 0 */
    SG_MODE_IEEE = 1u << 9,       /* signalling NaNs are quieted by min, max, ... */
    SG_MODE_GPR_IDX_EN = 1u << 27,
    SG_MODE_FLOAT_MASK = 0xff,
    SG_MODE_FLOAT_DEFAULT = 0xf0, /* nearest even, denormals kept: what hipcc asks for */
};

/* Inline constants by operand code minus 128, as 32-bit, 16-bit and 64-bit operands see them.
 * operand.c */
extern const uint32_t sg_inline32[128];
extern const uint16_t sg_inline16[128]; /* f16 constants; the integers are those of sg_inline32 */
extern const uint64_t sg_inline64[128];

/* ---- scalar sources
 * ------------------------------------------------------------------------------ */

/* The special codes 235..239 and 251..254; unknown ones stop the program. operand.c */
uint64_t sg_special_source(const struct sg_wave *w, const struct sg_inst *inst, unsigned code);

static inline bool sg_is_vgpr(unsigned code)
{
    return code >= SG_SRC_VGPR0 && code != SG_SRC_NONE;
}

/* Codes of inline constants: integers and floats that no register stands behind. */
static inline bool sg_is_inline(unsigned code)
{
    return (code >= 128 && code <= 208) || (code >= 240 && code <= 248);
}

/* A 32-bit scalar source: SGPR, inline constant, literal or special. Not a VGPR. */
static inline uint32_t sg_scalar32(const struct sg_wave *w, const struct sg_inst *inst,
                                   unsigned code)
{
    if (SG_LIKELY(code < 128))
        return w->s[code];
    if (SG_LIKELY(sg_is_inline(code)))
        return sg_inline32[code - 128];
    if (SG_LIKELY(code == SG_SRC_LITERAL))
        return inst->imm;
    return (uint32_t)(sg_special_source(w, inst, code) >> (code < SG_SRC_FLOAT0 ? 32 : 0));
}

/* A 64-bit integer or untyped scalar source. A literal is zero-extended. */
static inline uint64_t sg_scalar64(const struct sg_wave *w, const struct sg_inst *inst,
                                   unsigned code)
{
    if (SG_LIKELY(code < 128))
        return (uint64_t)w->s[code + 1] << 32 | w->s[code];
    if (SG_LIKELY(sg_is_inline(code)))
        return sg_inline64[code - 128];
    if (SG_LIKELY(code == SG_SRC_LITERAL))
        return inst->imm;
    return sg_special_source(w, inst, code);
}

/* A 64-bit float scalar source. A literal gives the high half. */
static inline uint64_t sg_scalar_f64(const struct sg_wave *w, const struct sg_inst *inst,
                                     unsigned code)
{
    return code == SG_SRC_LITERAL ? (uint64_t)inst->imm << 32 : sg_scalar64(w, inst, code);
}

/* A 16-bit float scalar source, in the low half: float constants are halves here. */
static inline uint32_t sg_scalar_f16(const struct sg_wave *w, const struct sg_inst *inst,
                                     unsigned code)
{
    return code >= SG_SRC_FLOAT0 && code <= 248 ? sg_inline16[code - 128]
                                                : sg_scalar32(w, inst, code);
}

/* ---- scalar destinations
 * ------------------------------------------------------------------------- */

static inline void sg_write32(struct sg_wave *w, unsigned reg, uint32_t value)
{
    w->s[reg] = value;
}

static inline void sg_write64(struct sg_wave *w, unsigned reg, uint64_t value)
{
    w->s[reg] = (uint32_t)value;
    w->s[reg + 1] = (uint32_t)(value >> 32);
}

static inline uint64_t sg_vcc(const struct sg_wave *w)
{
    return sg_s64(w, SG_S_VCC);
}

/* ---- vector registers
 * ---------------------------------------------------------------------------- */

/*
 * The 64 lanes of a vector register by operand code (SG_SRC_VGPR0 + n, SG_SRC_ACC0 + n). The next
 * register follows directly: lanes 64..127 of the result are register n + 1.
 */
static inline uint32_t *sg_vgpr(const struct sg_wave *w, unsigned code)
{
    return w->v[code - SG_SRC_VGPR0];
}

/* The 64 lanes of a VGPR by its number, as the memory encodings have it in vaddr, vdata. */
static inline uint32_t *sg_vreg(const struct sg_wave *w, unsigned number)
{
    return w->v[number];
}

/* ---- EXEC
 * ---------------------------------------------------------------------------------------- */

static inline bool sg_exec_full(const struct sg_wave *w)
{
    return (w->s[SG_S_EXEC] & w->s[SG_S_EXEC + 1]) == 0xffffffffu;
}

/* 64 words, all-ones for bits of the mask that are set, else zero. */
static inline void sg_expand_mask(uint32_t lanes[SG_LANES], uint64_t mask)
{
    const uint32_t half[2] = {(uint32_t)mask, (uint32_t)(mask >> 32)};
    for (unsigned h = 0; h < 2; h++)
        for (unsigned i = 0; i < 32; i++)
            lanes[h * 32 + i] = 0u - ((half[h] >> i) & 1u);
}

/* EXEC as 64 words; recomputed only when EXEC has changed since the last call. */
static inline const uint32_t *sg_exec_lanes(struct sg_wave *w)
{
    uint64_t exec = sg_exec(w);
    if (SG_UNLIKELY(w->exec_expanded != exec)) {
        sg_expand_mask(w->exec_lanes, exec);
        w->exec_expanded = exec;
    }
    return w->exec_lanes;
}

/* Visits the lanes of a mask, lowest first: for (mask = exec; mask; mask &= mask - 1) { lane =
 * sg_first_lane(mask); } */
static inline unsigned sg_first_lane(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask);
}

/* The lane that v_readfirstlane reads: the first active one, lane 0 if none is. */
static inline unsigned sg_reading_lane(const struct sg_wave *w)
{
    uint64_t exec = sg_exec(w);
    return exec ? sg_first_lane(exec) : 0;
}

#endif
