/* SPDX-License-Identifier: MIT */
/*
 * Hardware registers (Vega ISA document, "Hardware register IDs", STATUS, MODE, TRAPSTS): built
 * from or written to the wave's state. Registers that would show what softgpu does not have stop
 * the program.
 */
#include "sreg.h"

#include "operand.h"

enum {
    HWREG_MODE = 1,
    HWREG_STATUS = 2,
    HWREG_TRAPSTS = 3,
    HWREG_HW_ID = 4,
    HWREG_GPR_ALLOC = 5,
    HWREG_LDS_ALLOC = 6,
    HWREG_IB_STS = 7,
    HWREG_SH_MEM_BASES = 15,
};

static uint32_t status(const struct sg_wave *w)
{
    uint32_t value = w->status & ~0x601u;

    value |= w->scc;
    value |= (uint32_t)(sg_exec(w) == 0) << 9;
    value |= (uint32_t)(sg_vcc(w) == 0) << 10;
    value |= (uint32_t)(w->group->wave_count > 1) << 11; /* in a group of several waves */
    return value | 1u << 16;                             /* valid */
}

/* Granules: VGPRs by 4, SGPRs by 16, both less one. */
static uint32_t gpr_allocation(const struct sg_wave *w)
{
    uint32_t vgprs = (w->vgpr_count + 3u) / 4, sgprs = (w->sgpr_count + 15u) / 16;

    return (vgprs ? vgprs - 1 : 0) << 8 | (sgprs ? sgprs - 1 : 0) << 24;
}

/* Wave slot, SIMD, compute unit, shader array, shader engine. An engine has more units than the
 * four bits of CU_ID can tell only with --cus above 64: then the array's bit is used. */
static uint32_t hw_id(const struct sg_wave *w)
{
    uint32_t cu = w->group->cu / SG_SHADER_ENGINES, engine = w->group->cu % SG_SHADER_ENGINES;

    return (w->index_in_group / 4 & 15) | (w->index_in_group & 3) << 4 | (cu & 15) << 8 |
           (cu >> 4 & 1) << 12 | engine << 13;
}

static uint32_t whole_register(const struct sg_wave *w, const struct sg_inst *inst, unsigned id)
{
    const struct sg_dispatch *dispatch = w->group->dispatch;
    char text[96];

    switch (id) {
    case HWREG_MODE:
        return w->mode;
    case HWREG_STATUS:
        return status(w);
    case HWREG_TRAPSTS:
        return w->trapsts;
    case HWREG_HW_ID:
        return hw_id(w);
    case HWREG_GPR_ALLOC:
        return gpr_allocation(w);
    case HWREG_LDS_ALLOC: /* in units of 128 dwords */
        return (w->group->lds_bytes + 511) / 512 << 12;
    case HWREG_IB_STS: /* counters of outstanding memory operations: nothing is outstanding */
        return 0;
    case HWREG_SH_MEM_BASES:
        return (uint32_t)(dispatch->scratch_aperture >> 48) |
               (uint32_t)(dispatch->lds_aperture >> 48) << 16;
    default:
        sg_unimplemented("hardware register %u in %s", id, sg_inst_text(inst, text, sizeof(text)));
    }
}

static uint32_t field_mask(uint16_t simm16)
{
    return (uint32_t)((2ull << (simm16 >> 11)) - 1);
}

uint32_t sg_getreg(const struct sg_wave *w, const struct sg_inst *inst, uint16_t simm16)
{
    return whole_register(w, inst, simm16 & 63) >> (simm16 >> 6 & 31) & field_mask(simm16);
}

void sg_setreg(struct sg_wave *w, const struct sg_inst *inst, uint16_t simm16, uint32_t value)
{
    unsigned id = simm16 & 63, shift = simm16 >> 6 & 31;
    uint32_t mask = field_mask(simm16) << shift;
    uint32_t merged = (whole_register(w, inst, id) & ~mask) | (value << shift & mask);
    char text[96];

    switch (id) {
    case HWREG_MODE:
        if (merged & ~w->mode & 0x10000000) /* VSKIP */
            sg_unimplemented("MODE bits 0x%08x set by %s", merged & ~w->mode,
                             sg_inst_text(inst, text, sizeof(text)));
        w->mode = merged;
        break;
    case HWREG_TRAPSTS:
        w->trapsts = merged;
        break;
    default: /* read-only outside of the trap handler: the hardware ignores the write */
        break;
    }
}
