/* SPDX-License-Identifier: MIT */
/*
 * Around the lanes functions: fetch operands of any kind with their modifiers, set the host's
 * rounding and denormal mode to the wave's, and write results back under EXEC, DPP and SDWA (Vega
 * ISA document, chapters "Vector ALU Operations" and "Data Parallel Primitives"). Knows no
 * instruction by name.
 */
#include "vec.h"
#include "half.h"

/* ---- sources
 * ------------------------------------------------------------------------------------- */

static bool is_wide(unsigned type)
{
    return type == T_B64 || type == T_I64 || type == T_F64;
}

/* A scalar source in all lanes. */
static void broadcast(const struct sg_wave *w, const struct sg_inst *inst, unsigned code,
                      unsigned type, uint32_t *row)
{
    uint64_t value;

    switch (type) {
    case T_B64:
        value = sg_scalar64(w, inst, code);
        break;
    case T_I64:
        value = code == SG_SRC_LITERAL ? (uint64_t)(int64_t)(int32_t)inst->imm
                                       : sg_scalar64(w, inst, code);
        break;
    case T_F64:
        value = sg_scalar_f64(w, inst, code);
        break;
    case T_B16:
    case T_F16:
        value = sg_scalar_f16(w, inst, code);
        break;
    default:
        value = sg_scalar32(w, inst, code);
        break;
    }
    fill_row(row, (uint32_t)value);
    if (is_wide(type))
        fill_row(row + SG_LANES, (uint32_t)(value >> 32));
}

/* Any operands without modifiers: scalars are broadcast, VGPRs used in place. */
static inline const uint32_t *plain_source(const struct sg_wave *w, const struct sg_inst *inst,
                                           unsigned k, const struct sg_vop *op, uint32_t *spare)
{
    unsigned code = inst->alu.src[k];

    if (SG_LIKELY(sg_is_vgpr(code)))
        return sg_vgpr(w, code);
    broadcast(w, inst, code, op->src[k], spare);
    return spare;
}

enum sg_next SG_V(sg_vec_plain)(struct sg_wave *w, const struct sg_inst *inst)
{
    const struct sg_vop *op = inst->aux[0];
    _Alignas(64) uint32_t spare[3][2 * SG_LANES], result[2 * SG_LANES];
    const uint32_t *a, *b = NULL, *c = NULL;
    uint32_t *d;
    uint64_t mask = 0;
    bool direct;

    if (SG_UNLIKELY((op->flags & VF_FLOAT) &&
                    (w->mode & SG_MODE_FLOAT_MASK) != SG_MODE_FLOAT_DEFAULT))
        return vec_generic(w, inst);
    a = plain_source(w, inst, 0, op, spare[0]);
    if (op->sources > 1)
        b = plain_source(w, inst, 1, op, spare[1]);
    if (op->sources > 2)
        c = plain_source(w, inst, 2, op, spare[2]);
    if (op->flags & VF_MASK_IN)
        mask = sg_scalar64(w, inst, inst->alu.src[2]);
    else if (op->flags & VF_VCC_IN)
        mask = sg_vcc(w);
    direct = op->dst && !(op->flags & VF_TEMPORARY) && sg_exec_full(w);
    d = direct ? sg_vgpr(w, inst->dst) : result;
    mask = op->lanes(d, a, b, c, mask, w->mode);
    if (!direct && op->dst) {
        commit_row(w, sg_vgpr(w, inst->dst), result);
        if (is_wide(op->dst))
            commit_row(w, sg_vgpr(w, inst->dst) + SG_LANES, result + SG_LANES);
    }
    if (op->flags & VF_MASK_OUT) {
        mask &= sg_exec(w);
        sg_write64(w, inst->sdst, mask);
        if (op->flags & VF_CMPX)
            sg_write64(w, SG_S_EXEC, mask);
    }
    return SG_NEXT;
}

/* ---- SDWA
 * ---------------------------------------------------------------------------------------- */

enum { SEL_BYTE0, SEL_BYTE3 = 3, SEL_WORD0, SEL_WORD1, SEL_DWORD };
enum { UNUSED_PAD, UNUSED_SEXT, UNUSED_PRESERVE };

static void sdwa_select(uint32_t *row, unsigned select, bool sext)
{
    unsigned width = select <= SEL_BYTE3 ? 8 : 16;
    unsigned shift = select <= SEL_BYTE3 ? 8 * select : 16 * (select - SEL_WORD0);

    if (select >= SEL_DWORD)
        return;
    if (sext)
        LANES row[i] = (uint32_t)((int32_t)(row[i] << (32 - width - shift)) >> (32 - width));
    else
        LANES row[i] = row[i] << (32 - width - shift) >> (32 - width);
}

/* The result's low bits go to the selected part of the destination. */
static void sdwa_place(uint32_t *row, const uint32_t *old, unsigned select, unsigned unused)
{
    unsigned width = select <= SEL_BYTE3 ? 8 : 16;
    unsigned shift = select <= SEL_BYTE3 ? 8 * select : 16 * (select - SEL_WORD0);

    if (select >= SEL_DWORD)
        return;
    uint32_t field = (uint32_t)((1u << width) - 1) << shift;
    switch (unused) {
    case UNUSED_SEXT:
        LANES row[i] = (uint32_t)((int32_t)(row[i] << (32 - width)) >> (32 - width)) << shift;
        break;
    case UNUSED_PRESERVE:
        LANES row[i] = (row[i] << shift & field) | (old[i] & ~field);
        break;
    default:
        LANES row[i] = row[i] << shift & field;
        break;
    }
}

/* ---- DPP
 * ----------------------------------------------------------------------------------------- */

/* The lane that lane `i` reads, or -1 if there is none. Codes: Vega ISA document, table "DPP_CTRL".
 */
static int dpp_source_lane(unsigned control, int i)
{
    int row = i & ~15, in_row = i & 15, n = (int)(control & 15), from;

    switch (control >> 4) {
    case 0x10: /* row_shl */
        from = in_row + n;
        return from < 16 ? row + from : -1;
    case 0x11: /* row_shr */
        from = in_row - n;
        return from >= 0 ? row + from : -1;
    case 0x12: /* row_ror */
        return row + ((in_row - n) & 15);
    case 0x13: /* whole wave, by one lane: shl, rol, shr, ror */
        switch (n) {
        case 0x0:
            return i < 63 ? i + 1 : -1;
        case 0x4:
            return (i + 1) & 63;
        case 0x8:
            return i - 1;
        case 0xc:
            return (i - 1) & 63;
        default:
            return -2;
        }
    case 0x14: /* mirrors and broadcasts */
        switch (n) {
        case 0x0:
            return row + (15 - in_row);
        case 0x1:
            return row + (in_row ^ 7);
        case 0x2:
            return row - 1;
        case 0x3:
            return i >= 32 ? 31 : -1;
        default:
            return -2;
        }
    case 0x15: /* row_newbcast of gfx90a */
        return row + n;
    default:
        if (control <= 0xff) /* quad_perm */
            return (i & ~3) + (int)(control >> (2 * (i & 3)) & 3);
        return -2;
    }
}

/* Permutes a row; returns the lanes that may be written. */
static uint64_t dpp_permute(const struct sg_inst *inst, uint32_t *row, uint64_t exec, bool wide)
{
    sg_row from;
    sg_row from_high;
    uint64_t enabled = 0;
    char text[192];

    copy_row(from, row);
    if (wide)
        copy_row(from_high, row + SG_LANES);
    for (int i = 0; i < SG_LANES; i++) {
        int source = dpp_source_lane(inst->alu.dpp_ctrl, i);
        bool valid = source >= 0 && exec >> source & 1;

        if (source == -2)
            sg_unimplemented("DPP control of %s", sg_inst_text(inst, text, sizeof(text)));
        row[i] = valid ? from[source] : 0;
        if (wide)
            row[SG_LANES + i] = valid ? from_high[source] : 0;
        if ((valid || inst->alu.bound_ctrl) && inst->alu.row_mask >> (i / 16) & 1 &&
            inst->alu.bank_mask >> (i / 4 & 3) & 1)
            enabled |= 1ull << i;
    }
    return enabled;
}

/* ---- modifiers
 * ----------------------------------------------------------------------------------- */

static void source_modifiers(uint32_t *row, unsigned type, bool negate, bool absolute)
{
    uint32_t sign = type == T_F16 || type == T_B16 ? 0x8000u : 0x80000000u;
    uint32_t *high = is_wide(type) ? row + SG_LANES : row;

    if (absolute)
        LANES high[i] &= ~sign;
    if (negate)
        LANES high[i] ^= sign;
}

static void flush_denormals(uint32_t *row, unsigned type)
{
    switch (type) {
    case T_F32:
        LANES row[i] = row[i] & 0x7f800000u ? row[i] : row[i] & 0x80000000u;
        break;
    case T_F64:
        for (unsigned i = 0; i < SG_LANES; i++)
            if (!(row[SG_LANES + i] & 0x7ff00000u)) {
                row[i] = 0;
                row[SG_LANES + i] &= 0x80000000u;
            }
        break;
    case T_F16:
        LANES row[i] = row[i] & 0x7c00u ? row[i] : row[i] & 0x8000u;
        break;
    default:
        break;
    }
}

/* Bits of MODE for an operand type: 1 keep denormal inputs, 2 keep denormal outputs. */
static unsigned denormal_bits(const struct sg_vop *op, unsigned type, uint32_t mode)
{
    if (type == T_F32)
        return op->flags & VF_FLUSH ? 0 : mode >> SG_MODE_DENORM32_SHIFT & 3;
    return mode >> SG_MODE_DENORM64_SHIFT & 3;
}

/* One source into `row`: fetched, selected, permuted, modified. */
static uint64_t fetch(struct sg_wave *w, const struct sg_inst *inst, unsigned k,
                      const struct sg_vop *op, uint32_t *row)
{
    unsigned code = inst->alu.src[k], type = op->src[k];
    uint64_t enabled = ~0ull;

    if (sg_is_vgpr(code)) {
        copy_row(row, sg_vgpr(w, code));
        if (is_wide(type))
            copy_row(row + SG_LANES, sg_vgpr(w, code) + SG_LANES);
        if (type == T_B128) {
            copy_row(row + 2 * SG_LANES, sg_vgpr(w, code) + 2 * SG_LANES);
            copy_row(row + SG_LANES, sg_vgpr(w, code) + SG_LANES);
            copy_row(row + 3 * SG_LANES, sg_vgpr(w, code) + 3 * SG_LANES);
        }
    } else {
        broadcast(w, inst, code, type, row);
    }
    if (inst->alu.dpp && k == 0)
        enabled = dpp_permute(inst, row, sg_exec(w), is_wide(type));
    if (inst->alu.sdwa && k < 2)
        sdwa_select(row, inst->alu.src_sel[k], inst->alu.sext[k]);
    if (inst->encoding == SG_ENC_VOP3 && inst->alu.op_sel >> k & 1)
        LANES row[i] >>= 16;
    source_modifiers(row, type, inst->alu.neg >> k & 1, inst->alu.abs >> k & 1);
    if (op->flags & VF_FLOAT && !(denormal_bits(op, type, w->mode) & 1))
        flush_denormals(row, type);
    return enabled;
}

/* ---- float results: output modifiers
 * ------------------------------------------------------------- */

/*
 * "Output modifiers" of the Vega ISA document: omod does nothing in IEEE mode or where denormal
 * results are allowed; else denormals are zero before and after it, and -0 becomes +0.
 */
static unsigned effective_omod(const struct sg_wave *w, const struct sg_inst *inst,
                               const struct sg_vop *op)
{
    return w->mode & SG_MODE_IEEE || denormal_bits(op, op->dst, w->mode) & 2 ? 0 : inst->alu.omod;
}

static float scaled32(float x, unsigned omod)
{
    static const float factor[4] = {1, 2, 4, 0.5f};
    float r = x * factor[omod];

    return fabsf(r) < 0x1p-126f ? 0 : r;
}

static double scaled64(double x, unsigned omod)
{
    static const double factor[4] = {1, 2, 4, 0.5};
    double r = x * factor[omod];

    return fabs(r) < 0x1p-1022 ? 0 : r;
}

static void output_modifiers32(uint32_t *row, unsigned omod, bool clamp, bool nan_to_zero)
{
    if (omod)
        LANES row[i] = is_nan32(row[i]) ? row[i] : f32_bits(scaled32(as_f32(row[i]), omod));
    if (clamp)
        LANES
        {
            float x = as_f32(row[i]);
            uint32_t r = !(x > 0) ? 0 : x > 1 ? 0x3f800000u : row[i];
            row[i] = is_nan32(row[i]) && !nan_to_zero ? row[i] : r;
        }
}

static void output_modifiers64(uint32_t *row, unsigned omod, bool clamp, bool nan_to_zero)
{
    for (unsigned i = 0; i < SG_LANES; i++) {
        uint64_t bits = row64(row, i);
        double x = as_f64(bits);

        if (is_nan64(bits)) {
            if (clamp && nan_to_zero)
                set_row64(row, i, 0);
            continue;
        }
        if (omod)
            x = scaled64(x, omod);
        if (clamp)
            x = !(x > 0) ? 0 : x > 1 ? 1 : x;
        set_row64(row, i, f64_bits(x));
    }
}

static void output_modifiers16(uint32_t *row, unsigned omod, bool clamp, bool nan_to_zero)
{
    static const float factor[4] = {1, 2, 4, 0.5f};

    for (unsigned i = 0; i < SG_LANES; i++) {
        uint32_t half = row[i] & 0xffffu;

        if ((half & 0x7fffu) > 0x7c00u) {
            if (clamp && nan_to_zero)
                row[i] = 0;
            continue;
        }
        if (omod) {
            half = half_of_double(float_of_half(half) * factor[omod], 0);
            half = half & 0x7c00u ? half : 0;
        }
        if (clamp && half & 0x8000u)
            half = 0;
        if (clamp && half > 0x3c00u)
            half = 0x3c00u;
        row[i] = half;
    }
}

static void output_modifiers(const struct sg_wave *w, const struct sg_inst *inst,
                             const struct sg_vop *op, uint32_t *row)
{
    bool nan_to_zero = w->mode & SG_MODE_DX10_CLAMP;
    unsigned omod = 0;

    if (op->flags & VF_FLOAT && !(denormal_bits(op, op->dst, w->mode) & 2))
        flush_denormals(row, op->dst);
    if (!inst->alu.omod && !inst->alu.clamp)
        return;
    if (op->dst == T_F32 || op->dst == T_F64 || op->dst == T_F16)
        omod = effective_omod(w, inst, op);
    if (op->dst == T_F32)
        output_modifiers32(row, omod, inst->alu.clamp, nan_to_zero);
    else if (op->dst == T_F64)
        output_modifiers64(row, omod, inst->alu.clamp, nan_to_zero);
    else if (op->dst == T_F16)
        output_modifiers16(row, omod, inst->alu.clamp, nan_to_zero);
}

/* ---- the host's floating-point environment
 * ------------------------------------------------------- */

/* MXCSR for the MODE bits that an instruction is under: all exceptions masked. */
static uint32_t host_control(const struct sg_vop *op, uint32_t mode)
{
    static const uint32_t rounding[4] = {0x0000, 0x4000, 0x2000, 0x6000};
    bool is32 = op->flags & VF_FLOAT32;
    unsigned round = mode >> (is32 ? SG_MODE_ROUND32_SHIFT : SG_MODE_ROUND64_SHIFT) & 3;
    unsigned denormals = denormal_bits(op, is32 ? T_F32 : T_F64, mode);
    uint32_t control = 0x1f80 | rounding[round];

    if (op->flags & VF_OWN_FLUSH)
        return control;
    if (!(denormals & 1))
        control |= 0x0040;
    if (!(denormals & 2))
        control |= 0x8000;
    return control;
}

__attribute__((noinline)) uint64_t SG_V(sg_run_lanes)(sg_lanes_fn *lanes, const struct sg_vop *op,
                                                      uint32_t *d, const uint32_t *a,
                                                      const uint32_t *b, const uint32_t *c,
                                                      uint64_t mask, uint32_t mode)
{
    uint32_t control, saved;

    if (!(op->flags & (VF_FLOAT32 | VF_FLOAT64)))
        return lanes(d, a, b, c, mask, mode);
    control = host_control(op, mode);
    saved = _mm_getcsr();
    if (control == (saved & ~0x3fu))
        return lanes(d, a, b, c, mask, mode);
    _mm_setcsr(control);
    mask = lanes(d, a, b, c, mask, mode);
    _mm_setcsr(saved);
    return mask;
}

/* ---- everything
 * ---------------------------------------------------------------------------------- */

static void write_result(struct sg_wave *w, const struct sg_inst *inst, const struct sg_vop *op,
                         uint32_t *result, uint64_t enabled)
{
    uint32_t *to = sg_vgpr(w, inst->dst);
    unsigned rows = op->dst == T_B128 ? 4 : is_wide(op->dst) ? 2 : 1;
    sg_row lanes;

    if (inst->alu.sdwa)
        sdwa_place(result, to, inst->alu.dst_sel, inst->alu.dst_unused);
    if (op->dst == T_B16 || op->dst == T_F16) {
        if (inst->encoding == SG_ENC_VOP3 && inst->alu.op_sel & 8)
            LANES result[i] = result[i] << 16 | (to[i] & 0xffffu);
        else if (op->flags & VF_KEEP_HIGH && inst->encoding == SG_ENC_VOP3)
            LANES result[i] = (result[i] & 0xffffu) | (to[i] & 0xffff0000u);
    }
    row_of_mask(lanes, enabled);
    for (unsigned k = 0; k < rows; k++)
        blend_row(to + k * SG_LANES, result + k * SG_LANES, lanes);
}

enum sg_next SG_V(sg_vec_generic)(struct sg_wave *w, const struct sg_inst *inst)
{
    const struct sg_vop *op = inst->aux[0];
    _Alignas(64) uint32_t source[3][4 * SG_LANES], result[4 * SG_LANES];
    sg_lanes_fn *lanes = op->lanes;
    uint64_t mask = 0, enabled = sg_exec(w);
    char text[192];

    for (unsigned k = 0; k < op->sources; k++)
        enabled &= fetch(w, inst, k, op, source[k]);
    if (op->flags & VF_MASK_IN)
        mask = sg_scalar64(w, inst, inst->alu.src[2]);
    else if (op->flags & VF_VCC_IN)
        mask = sg_vcc(w);
    if (inst->alu.clamp && op->lanes_clamp)
        lanes = op->lanes_clamp;
    else if (inst->alu.clamp && op->dst != T_F32 && op->dst != T_F64 && op->dst != T_F16)
        sg_unimplemented("clamp of %s", sg_inst_text(inst, text, sizeof(text)));
    mask = run_lanes(lanes, op, result, source[0], source[1], source[2], mask, w->mode);
    if (op->dst) {
        output_modifiers(w, inst, op, result);
        write_result(w, inst, op, result, enabled);
    }
    if (op->flags & VF_MASK_OUT) {
        mask &= enabled;
        sg_write64(w, inst->sdst, mask);
        if (op->flags & VF_CMPX)
            sg_write64(w, SG_S_EXEC, mask);
    }
    return SG_NEXT;
}

/* ---- choice of the function at decode time
 * ------------------------------------------------------- */

/* Other than neg and abs. */
static bool has_modifiers(const struct sg_inst *inst)
{
    return inst->alu.omod || inst->alu.clamp || inst->alu.sdwa || inst->alu.dpp ||
           (inst->encoding == SG_ENC_VOP3 && inst->alu.op_sel);
}

static sg_op_fn *fast_function(const struct sg_inst *inst, const struct sg_vop *op)
{
    bool vector0 = sg_is_vgpr(inst->alu.src[0]), vector1 = sg_is_vgpr(inst->alu.src[1]);

    if (!vector0 && (op->src[0] == T_B16 || op->src[0] == T_F16))
        return NULL; /* the fast functions would read float constants as fp32 */
    switch (op->sources) {
    case 1:
        return vector0 ? op->vv : op->sv;
    case 2:
        return vector0 && vector1 ? op->vv : vector1 ? op->sv : vector0 ? op->vs : NULL;
    default:
        return vector0 && vector1 && sg_is_vgpr(inst->alu.src[2]) ? op->vv : NULL;
    }
}

void SG_V(sg_vec_prepare)(struct sg_inst *inst, const struct sg_arch *arch)
{
    const struct sg_vop *op = inst->aux[0];
    bool constant16 = false;

    (void)arch;
    if (op->flags & VF_ACCUMULATE)
        inst->alu.src[2] = inst->dst;
    for (unsigned k = 0; k < op->sources; k++)
        constant16 |= op->src[k] == T_B128;
    if (has_modifiers(inst) || constant16 || op->dst == T_B128 ||
        (op->flags & VF_KEEP_HIGH && inst->encoding == SG_ENC_VOP3) || op->flags & VF_FLUSH) {
        inst->fn = vec_generic;
        return;
    }
    inst->fn = wide_function(inst);
    if (inst->fn)
        return;
    if (inst->alu.neg || inst->alu.abs) {
        inst->fn = vec_generic;
        return;
    }
    inst->fn = fast_function(inst, op);
    if (!inst->fn)
        inst->fn = vec_plain;
}

/* ---- NaN results
 * --------------------------------------------------------------------------------- */

/*
 * x86 and the GPU agree that a NaN operand gives that NaN, quieted, but not on the sign of the
 * default NaN, and compilers swap operands. c is NULL for two sources, b for one.
 */
void SG_V(sg_fix_nan32)(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c)
{
    for (unsigned i = 0; i < SG_LANES; i++) {
        if (!is_nan32(d[i]))
            continue;
        if (is_nan32(a[i]))
            d[i] = a[i] | QUIET32;
        else if (b && is_nan32(b[i]))
            d[i] = b[i] | QUIET32;
        else if (c && is_nan32(c[i]))
            d[i] = c[i] | QUIET32;
        else
            d[i] = NAN32;
    }
}

void SG_V(sg_fix_nan64)(uint32_t *d, const uint32_t *a, const uint32_t *b, const uint32_t *c)
{
    for (unsigned i = 0; i < SG_LANES; i++) {
        uint64_t r = NAN64;

        if (!is_nan64(row64(d, i)))
            continue;
        if (is_nan64(row64(a, i)))
            r = row64(a, i) | QUIET64;
        else if (b && is_nan64(row64(b, i)))
            r = row64(b, i) | QUIET64;
        else if (c && is_nan64(row64(c, i)))
            r = row64(c, i) | QUIET64;
        set_row64(d, i, r);
    }
}
