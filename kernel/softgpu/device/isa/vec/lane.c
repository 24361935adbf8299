/* SPDX-License-Identifier: MIT */
/*
 * Vector instructions that move single lanes or nothing: v_readlane, v_writelane, v_readfirstlane,
 * v_swap, v_nop, AccVGPR moves (Vega ISA document, "VOP1", "VOP3A"; CDNA2 ISA document,
 * "VOP3P-MAI").
 */
#include "vec.h"

static uint32_t read_lane(const struct sg_wave *w, const struct sg_inst *inst, unsigned lane)
{
    unsigned code = inst->alu.src[0];
    return sg_is_vgpr(code) ? sg_vgpr(w, code)[lane] : sg_scalar32(w, inst, code);
}

/* Ignores EXEC. */
static enum sg_next v_readlane_b32(struct sg_wave *w, const struct sg_inst *inst)
{
    unsigned lane = sg_scalar32(w, inst, inst->alu.src[1]) & 63;
    sg_write32(w, inst->dst, read_lane(w, inst, lane));
    return SG_NEXT;
}

/* Ignores EXEC. */
static enum sg_next v_writelane_b32(struct sg_wave *w, const struct sg_inst *inst)
{
    unsigned lane = sg_scalar32(w, inst, inst->alu.src[1]) & 63;
    sg_vgpr(w, inst->dst)[lane] = sg_scalar32(w, inst, inst->alu.src[0]);
    return SG_NEXT;
}

static enum sg_next v_readfirstlane_b32(struct sg_wave *w, const struct sg_inst *inst)
{
    sg_write32(w, inst->dst, read_lane(w, inst, sg_reading_lane(w)));
    return SG_NEXT;
}

static enum sg_next v_swap_b32(struct sg_wave *w, const struct sg_inst *inst)
{
    uint32_t *d = sg_vgpr(w, inst->dst), *s = sg_vgpr(w, inst->alu.src[0]);
    const uint32_t *active = exec_row(w);
    LANES
    {
        uint32_t x = d[i], y = s[i];
        d[i] = (y & active[i]) | (x & ~active[i]);
        s[i] = (x & active[i]) | (y & ~active[i]);
    }
    return SG_NEXT;
}

static enum sg_next v_nop(struct sg_wave *w, const struct sg_inst *inst)
{
    (void)w;
    (void)inst;
    return SG_NEXT;
}

/* Between the architectural and the accumulation half of the register file, under EXEC. */
static enum sg_next v_accvgpr_move(struct sg_wave *w, const struct sg_inst *inst)
{
    unsigned code = inst->alu.src[0];
    sg_row constant;
    const uint32_t *from = constant;

    if (sg_is_vgpr(code))
        from = sg_vgpr(w, code);
    else
        fill_row(constant, sg_scalar32(w, inst, code));
    commit_row(w, sg_vgpr(w, inst->dst), from);
    return SG_NEXT;
}

static const struct sg_op_entry entries[] = {
    {.mnemonic = "v_readlane_b32", .fn = v_readlane_b32},
    {.mnemonic = "v_writelane_b32", .fn = v_writelane_b32},
    {.mnemonic = "v_readfirstlane_b32", .fn = v_readfirstlane_b32},
    {.mnemonic = "v_swap_b32", .fn = v_swap_b32},
    {.mnemonic = "v_nop", .fn = v_nop},
    {.mnemonic = "v_clrexcp", .fn = v_nop},
    {.mnemonic = "v_accvgpr_read_b32", .fn = v_accvgpr_move},
    {.mnemonic = "v_accvgpr_write_b32", .fn = v_accvgpr_move},
    {.mnemonic = "v_accvgpr_mov_b32", .fn = v_accvgpr_move},
};

const struct sg_op_set SG_V(sg_vec_lane) = {entries, sizeof(entries) / sizeof(entries[0])};
