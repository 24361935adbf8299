/* SPDX-License-Identifier: MIT */
/*
 * The frame of the vector ALU. An instruction is a lanes function: plain loops over 64 elements
 * that the compiler turns into vector code. Everything around it (operand kinds, modifiers, SDWA,
 * DPP, EXEC, MODE) is done once, in vec.c. Every file of this folder is compiled three times, for
 * x86-64-v2, -v3 and -v4, with SG_VARIANT as suffix of its global names. Nothing here touches
 * memory outside of the wave.
 */
#ifndef SG_VEC_H
#define SG_VEC_H

#include "../operand.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

/* Round to nearest even whatever MODE says. clang 15 lacks the builtins; libm has the functions. */
#if __has_builtin(__builtin_roundeven)
#define sg_roundeven __builtin_roundeven
#define sg_roundevenf __builtin_roundevenf
#else
#define sg_roundeven roundeven
#define sg_roundevenf roundevenf
#endif

#define SG_V_PASTE(name, variant) name##variant
#define SG_V_NAME(name, variant) SG_V_PASTE(name, variant)
#define SG_V(name) SG_V_NAME(name, SG_VARIANT)

/*
 * A loop over the lanes. No lane reads what another one writes, even where destination and sources
 * are the same or overlapping registers: every lane loads its operands before it stores.
 */
#ifdef __clang__
#define LANES _Pragma("clang loop vectorize(assume_safety)") for (unsigned i = 0; i < SG_LANES; i++)
#else
#define LANES _Pragma("GCC ivdep") for (unsigned i = 0; i < SG_LANES; i++)
#endif

typedef uint32_t sg_row[SG_LANES] __attribute__((aligned(64)));

/*
 * d, a, b, c: rows of 64 words, 64-byte aligned; wider operands continue in the following rows.
 * mask: one bit a lane, carry-in or selector. mode: the MODE register. Returns one bit a lane:
 * carry-out or compare result.
 */
typedef uint64_t sg_lanes_fn(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c,
                             uint64_t mask, uint32_t mode);

/* Types of operands: how constants, modifiers and halves apply. */
enum sg_type {
    T_NONE,
    T_B32,
    T_F32,
    T_B64,
    T_I64, /* a literal is sign-extended */
    T_F64,
    T_B16,
    T_F16,
    T_B128, /* destination and third source of v_mqsad_u32_u8 */
};

enum sg_vop_flags {
    VF_MASK_IN = 1 << 0,    /* reads src[2] as an SGPR pair, or VCC */
    VF_MASK_OUT = 1 << 1,   /* writes its result mask to sdst */
    VF_CMPX = 1 << 2,       /* and to EXEC */
    VF_ACCUMULATE = 1 << 3, /* the destination is the third source */
    VF_VCC_IN = 1 << 4,     /* reads VCC without an operand: v_div_fmas */
    VF_FLOAT32 = 1 << 5,    /* arithmetic under the fp32 bits of MODE */
    VF_FLOAT64 = 1 << 6,    /* arithmetic under the fp64/fp16 bits of MODE */
    VF_FLOAT16 = 1 << 11,   /* under the same bits, but lanes() rounds by itself */
    VF_FLOAT = VF_FLOAT32 | VF_FLOAT64 | VF_FLOAT16,
    VF_FLUSH = 1 << 7,     /* fp32 denormals are flushed whatever MODE says: v_mad_f32, v_mac_f32 */
    VF_TEMPORARY = 1 << 8, /* lanes() may not write to a register that is a source */
    VF_KEEP_HIGH = 1 << 9, /* 16-bit result that leaves the upper half of the destination */
    VF_OWN_FLUSH =
        1 << 10, /* only MODE's rounding applies outside: lanes() looks at the denormal bits */
};

struct sg_vop {
    sg_lanes_fn *lanes;
    sg_lanes_fn *lanes_clamp; /* integer instructions that saturate under VOP3's clamp bit */
    sg_op_fn *vv, *sv, *vs;   /* fast functions; one source: vv and sv */
    uint8_t sources;
    uint8_t dst; /* enum sg_type */
    uint8_t src[3];
    uint16_t flags;
};

/* In vec.c: any operands without modifiers; everything. In packed.c: pairs of 16-bit values. */
sg_op_fn SG_V(sg_vec_plain), SG_V(sg_vec_generic), SG_V(sg_vec_packed);
#define vec_plain SG_V(sg_vec_plain)
#define vec_generic SG_V(sg_vec_generic)
void SG_V(sg_vec_prepare)(struct sg_inst *inst, const struct sg_arch *arch);
#define vec_prepare SG_V(sg_vec_prepare)
/* In vec.c: lanes() with the host's rounding and denormal mode as the flags of op and MODE say. */
uint64_t SG_V(sg_run_lanes)(sg_lanes_fn *lanes, const struct sg_vop *op, uint32_t *d,
                            const uint32_t *a, const uint32_t *b, const uint32_t *c, uint64_t mask,
                            uint32_t mode);
#define run_lanes SG_V(sg_run_lanes)
/* In wide.c: a faster function for an instruction without modifiers but neg and abs, or NULL. */
sg_op_fn *SG_V(sg_wide_function)(const struct sg_inst *inst);
#define wide_function SG_V(sg_wide_function)

/* NaN results: the first NaN among the sources, quieted, or the default NaN (never x86's negative
 * one). */
void SG_V(sg_fix_nan32)(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c);
void SG_V(sg_fix_nan64)(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c);
#define fix_nan32 SG_V(sg_fix_nan32)
#define fix_nan64 SG_V(sg_fix_nan64)

/* ---- bits and values
 * ----------------------------------------------------------------------------- */

static inline float as_f32(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static inline uint32_t f32_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static inline double as_f64(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

static inline uint64_t f64_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}

static inline uint64_t row64(const uint32_t *row, unsigned i)
{
    return (uint64_t)row[SG_LANES + i] << 32 | row[i];
}

static inline void set_row64(uint32_t *row, unsigned i, uint64_t value)
{
    row[i] = (uint32_t)value;
    row[SG_LANES + i] = (uint32_t)(value >> 32);
}

static inline bool is_nan32(uint32_t bits)
{
    return (bits & 0x7fffffffu) > 0x7f800000u;
}

static inline bool is_nan64(uint64_t bits)
{
    return (bits & 0x7fffffffffffffffu) > 0x7ff0000000000000u;
}

enum { NAN32 = 0x7fc00000, QUIET32 = 0x00400000 };
#define NAN64 0x7ff8000000000000u
#define QUIET64 0x0008000000000000u

/*
 * v_sin, v_cos: x in turns. Outside of [-256, 256] the hardware gives sin 0 and cos 1. Quarters of
 * a turn and the sign of a zero are exact, as in the examples of AMD's documents.
 */
static inline double sine(double x, bool cosine)
{
    double turns = x - sg_roundeven(x), quarters; /* exact */

    if (__builtin_isinf(x))
        return (double)NAN;
    if (fabs(x) > 256)
        return cosine;
    quarters = 4 * turns;
    if (quarters == sg_roundeven(quarters)) {
        if (cosine)
            return 1 - fabs(quarters);
        return x == 0 ? x : fabs(quarters) == 1 ? quarters : 0;
    }
    turns *= 6.283185307179586476925286766559;
    return cosine ? cos(turns) : sin(turns);
}

/* ---- rows and masks
 * ------------------------------------------------------------------------------ */

static inline void fill_row(uint32_t *row, uint32_t value)
{
    LANES row[i] = value;
}

static inline void copy_row(uint32_t *to, const uint32_t *from)
{
    LANES to[i] = from[i];
}

static inline void blend_row(uint32_t *to, const uint32_t *from, const uint32_t *lanes)
{
    LANES to[i] = (from[i] & lanes[i]) | (to[i] & ~lanes[i]);
}

/* One bit a lane: the top bits of 64 words. */
static inline uint64_t mask_of_row(const uint32_t *row)
{
    uint64_t mask = 0;
#if defined(__AVX512DQ__)
    for (unsigned i = 0; i < 4; i++)
        mask |= (uint64_t)_mm512_movepi32_mask(_mm512_load_si512(row + 16 * i)) << (16 * i);
#elif defined(__AVX2__)
    for (unsigned i = 0; i < 8; i++)
        mask |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_load_ps((const float *)row + 8 * i))
                << (8 * i);
#else
    for (unsigned i = 0; i < 16; i++)
        mask |= (uint64_t)(uint32_t)_mm_movemask_ps(_mm_load_ps((const float *)row + 4 * i))
                << (4 * i);
#endif
    return mask;
}

/* 64 words, all ones where the mask has a bit. */
static inline void row_of_mask(uint32_t *row, uint64_t mask)
{
#if defined(__AVX512DQ__)
    for (unsigned i = 0; i < 4; i++)
        _mm512_store_si512(row + 16 * i, _mm512_movm_epi32((__mmask16)(mask >> (16 * i))));
#elif defined(__AVX2__)
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    for (unsigned i = 0; i < 8; i++) {
        __m256i all = _mm256_set1_epi32((int)(mask >> (8 * i) & 0xff));
        _mm256_store_si256((__m256i *)(void *)(row + 8 * i),
                           _mm256_cmpeq_epi32(_mm256_and_si256(all, bit), bit));
    }
#else
    const __m128i bit = _mm_setr_epi32(1, 2, 4, 8);
    for (unsigned i = 0; i < 16; i++) {
        __m128i all = _mm_set1_epi32((int)(mask >> (4 * i) & 0xf));
        _mm_store_si128((__m128i *)(void *)(row + 4 * i),
                        _mm_cmpeq_epi32(_mm_and_si128(all, bit), bit));
    }
#endif
}

/* EXEC as words, with this variant's instructions. */
static inline const uint32_t *exec_row(struct sg_wave *w)
{
    uint64_t exec = sg_exec(w);
    if (SG_UNLIKELY(w->exec_expanded != exec)) {
        row_of_mask(w->exec_lanes, exec);
        w->exec_expanded = exec;
    }
    return w->exec_lanes;
}

/* A finished row goes to its register, active lanes only. */
static inline void commit_row(struct sg_wave *w, uint32_t *to, const uint32_t *from)
{
    if (SG_LIKELY(sg_exec_full(w)))
        copy_row(to, from);
    else
        blend_row(to, from, exec_row(w));
}

/* ---- fast functions
 * ------------------------------------------------------------------------------ */

/*
 * The functions of an integer instruction with two 32-bit sources: lanes over rows, VV for two
 * VGPRs, SV for a scalar first source. x and y are the sources as `type`.
 */
#define LANES2(name, type, expression)                                                             \
    static uint64_t L_##name(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c, \
                             uint64_t mask, uint32_t mode)                                         \
    {                                                                                              \
        (void)c, (void)mask, (void)mode;                                                           \
        LANES                                                                                      \
        {                                                                                          \
            type x = (type)a[i], y = (type)b[i];                                                   \
            (void)x, (void)y;                                                                      \
            d[i] = (uint32_t)(expression);                                                         \
        }                                                                                          \
        return 0;                                                                                  \
    }
#define INT2(name, type, expression)                                                               \
    LANES2(name, type, expression)                                                                 \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        if (SG_UNLIKELY(!sg_exec_full(w)))                                                         \
            return vec_plain(w, inst);                                                             \
        L_##name(sg_vgpr(w, inst->dst), sg_vgpr(w, inst->alu.src[0]),                              \
                 sg_vgpr(w, inst->alu.src[1]), NULL, 0, 0);                                        \
        return SG_NEXT;                                                                            \
    }                                                                                              \
    static enum sg_next SV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        if (SG_UNLIKELY(!sg_exec_full(w)))                                                         \
            return vec_plain(w, inst);                                                             \
        uint32_t *d = sg_vgpr(w, inst->dst);                                                       \
        const uint32_t *b = sg_vgpr(w, inst->alu.src[1]);                                          \
        const type x = (type)sg_scalar32(w, inst, inst->alu.src[0]);                               \
        LANES                                                                                      \
        {                                                                                          \
            type y = (type)b[i];                                                                   \
            (void)x, (void)y;                                                                      \
            d[i] = (uint32_t)(expression);                                                         \
        }                                                                                          \
        return SG_NEXT;                                                                            \
    }

/* One source, 32 bits. */
#define INT1(name, type, expression)                                                               \
    static uint64_t L_##name(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c, \
                             uint64_t mask, uint32_t mode)                                         \
    {                                                                                              \
        (void)b, (void)c, (void)mask, (void)mode;                                                  \
        LANES                                                                                      \
        {                                                                                          \
            type x = (type)a[i];                                                                   \
            (void)x;                                                                               \
            d[i] = (uint32_t)(expression);                                                         \
        }                                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
    static enum sg_next VV_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        if (SG_UNLIKELY(!sg_exec_full(w)))                                                         \
            return vec_plain(w, inst);                                                             \
        L_##name(sg_vgpr(w, inst->dst), sg_vgpr(w, inst->alu.src[0]), NULL, NULL, 0, 0);           \
        return SG_NEXT;                                                                            \
    }

/* Three sources, 32 bits. */
#define INT3(name, type, expression)                                                               \
    static uint64_t L_##name(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c, \
                             uint64_t mask, uint32_t mode)                                         \
    {                                                                                              \
        (void)mask, (void)mode;                                                                    \
        LANES                                                                                      \
        {                                                                                          \
            type x = (type)a[i], y = (type)b[i], z = (type)c[i];                                   \
            (void)x, (void)y, (void)z;                                                             \
            d[i] = (uint32_t)(expression);                                                         \
        }                                                                                          \
        return 0;                                                                                  \
    }

/* A lanes function written out in full: body follows. */
#define LANES_BODY(name)                                                                           \
    static uint64_t L_##name(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c, \
                             uint64_t mask, uint32_t mode)

/* ---- rows of the op tables
 * ----------------------------------------------------------------------- */

#define VOP_ROW(name_, ...)                                                                        \
    {                                                                                              \
        .mnemonic = #name_, .fn = vec_generic, .prepare = vec_prepare,                             \
        .data = &(const struct sg_vop)                                                             \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

#endif
