/* SPDX-License-Identifier: MIT */
/*
 * From code dwords to struct sg_inst, and the per-model tables that join opcode rows with op
 * functions. Field positions: Vega ISA document and CDNA2 ISA document, "Microcode Formats".
 * Executes nothing.
 */
#include "isa.h"

#include "../image.h"
#include "operand.h"

#include <stdlib.h>
#include <string.h>

enum { OP_NUMBERS = 1024, ARCH_COUNT = 2 };

struct sg_isa {
    const struct sg_arch *arch;
    uint8_t arch_bit;
    uint16_t row[SG_ENC_COUNT][OP_NUMBERS]; /* index into sg_opcodes[] plus 1; 0: no such opcode */
    const struct sg_op_entry *entry[];      /* by index into sg_opcodes[]; NULL: not implemented */
};

static uint32_t bits(uint32_t word, unsigned low, unsigned count)
{
    return word >> low & ((1u << count) - 1);
}

static int32_t sign_extend(uint32_t value, unsigned width)
{
    return (int32_t)(value << (32 - width)) >> (32 - width);
}

/* ---- op functions for what cannot be executed
 * ---------------------------------------------------- */

static enum sg_next op_illegal(struct sg_wave *w, const struct sg_inst *inst)
{
    (void)w;
    (void)inst;
    return SG_TRAP;
}

static enum sg_next op_unimplemented(struct sg_wave *w, const struct sg_inst *inst)
{
    char text[192];

    (void)w;
    sg_unimplemented("instruction %s", sg_inst_text(inst, text, sizeof(text)));
}

/* The table does not list all image instructions: what is not implemented must not pass for
 * illegal. */
static enum sg_next op_image(struct sg_wave *w, const struct sg_inst *inst)
{
    (void)w;
    sg_unimplemented("image instruction 0x%08x (opcode 0x%02x)", (uint32_t)inst->imm,
                     (unsigned)inst->imm >> 18 & 0x7f);
}

static void set_illegal(struct sg_inst *inst)
{
    inst->fn = op_illegal;
    inst->encoding = SG_ENC_NONE;
}

/* ---- which encoding a dword belongs to
 * ----------------------------------------------------------- */

struct format {
    uint8_t encoding;
    uint8_t dwords; /* without literal, SDWA, DPP */
    uint16_t op;
};

static struct format scalar_format(uint32_t word)
{
    switch (bits(word, 23, 7)) {
    case 0x7d:
        return (struct format){SG_ENC_SOP1, 1, (uint16_t)bits(word, 8, 8)};
    case 0x7e:
        return (struct format){SG_ENC_SOPC, 1, (uint16_t)bits(word, 16, 7)};
    case 0x7f:
        return (struct format){SG_ENC_SOPP, 1, (uint16_t)bits(word, 16, 7)};
    default:
        if (bits(word, 28, 4) == 0xb)
            return (struct format){SG_ENC_SOPK, 1, (uint16_t)bits(word, 23, 5)};
        return (struct format){SG_ENC_SOP2, 1, (uint16_t)bits(word, 23, 7)};
    }
}

static struct format short_vector_format(uint32_t word)
{
    switch (bits(word, 25, 6)) {
    case 0x3e:
        return (struct format){SG_ENC_VOPC, 1, (uint16_t)bits(word, 17, 8)};
    case 0x3f:
        return (struct format){SG_ENC_VOP1, 1, (uint16_t)bits(word, 9, 8)};
    default:
        return (struct format){SG_ENC_VOP2, 1, (uint16_t)bits(word, 25, 6)};
    }
}

static struct format format_of(uint32_t word)
{
    static const uint8_t flat_segments[4] = {SG_ENC_FLAT, SG_ENC_SCRATCH, SG_ENC_GLOBAL,
                                             SG_ENC_NONE};

    if (!(word >> 31))
        return short_vector_format(word);
    if (word >> 30 == 2)
        return scalar_format(word);
    switch (bits(word, 26, 4)) {
    case 0x0:
        return (struct format){SG_ENC_SMEM, 2, (uint16_t)bits(word, 18, 8)};
    case 0x1:
        return (struct format){SG_ENC_EXP, 2, 0};
    case 0x4:
        if (bits(word, 23, 3) == 7)
            return (struct format){SG_ENC_VOP3P, 2, (uint16_t)bits(word, 16, 7)};
        return (struct format){SG_ENC_VOP3, 2, (uint16_t)bits(word, 16, 10)};
    case 0x5:
        return (struct format){SG_ENC_VINTRP, 1, (uint16_t)bits(word, 16, 2)};
    case 0x6:
        return (struct format){SG_ENC_DS, 2, (uint16_t)bits(word, 17, 8)};
    case 0x7:
        return (struct format){flat_segments[bits(word, 14, 2)], 2, (uint16_t)bits(word, 18, 7)};
    case 0x8:
        return (struct format){SG_ENC_MUBUF, 2, (uint16_t)bits(word, 18, 7)};
    case 0xa:
        return (struct format){SG_ENC_MTBUF, 2, (uint16_t)bits(word, 15, 4)};
    case 0xc:
        return (struct format){SG_ENC_MIMG, 2, (uint16_t)bits(word, 18, 7)};
    default:
        return (struct format){SG_ENC_NONE, 1, 0};
    }
}

/* ---- fields, by encoding
 * ------------------------------------------------------------------------- */

static void no_sources(struct sg_inst *inst)
{
    inst->alu.src[0] = inst->alu.src[1] = inst->alu.src[2] = SG_SRC_NONE;
}

static void fields_scalar(struct sg_inst *inst, const struct sg_opcode *row, uint32_t word)
{
    uint16_t sdst = (uint16_t)bits(word, 16, 7);

    no_sources(inst);
    switch (inst->encoding) {
    case SG_ENC_SOP2:
        inst->alu.src[1] = (uint16_t)bits(word, 8, 8);
        inst->alu.src[0] = (uint16_t)bits(word, 0, 8);
        inst->dst = sdst;
        break;
    case SG_ENC_SOP1:
        inst->alu.src[0] = (uint16_t)bits(word, 0, 8);
        inst->dst = sdst;
        break;
    case SG_ENC_SOPC:
        inst->alu.src[1] = (uint16_t)bits(word, 8, 8);
        inst->alu.src[0] = (uint16_t)bits(word, 0, 8);
        break;
    case SG_ENC_SOPK:
        inst->dst = sdst;
        inst->imm = (uint32_t)sign_extend(word & 0xffff, 16);
        if (row->flags & SG_OPF_LITERAL)
            inst->alu.src[0] = (uint16_t)word;
        break;
    default: /* SOPP */
        inst->imm = (uint32_t)sign_extend(word & 0xffff, 16);
        break;
    }
}

static void vector_destination(struct sg_inst *inst, const struct sg_opcode *row, uint32_t field)
{
    if (row->flags & SG_OPF_SCALAR_DST)
        inst->dst = (uint16_t)(field & 0x7f);
    else if (row->dst_dwords)
        inst->dst = (uint16_t)(SG_SRC_VGPR0 + field);
}

static void fields_short_vector(struct sg_inst *inst, const struct sg_opcode *row, uint32_t word)
{
    no_sources(inst);
    inst->alu.src[0] = (uint16_t)bits(word, 0, 9);
    if (inst->encoding != SG_ENC_VOP1)
        inst->alu.src[1] = (uint16_t)(SG_SRC_VGPR0 + bits(word, 9, 8));
    if (inst->encoding != SG_ENC_VOPC)
        vector_destination(inst, row, bits(word, 17, 8));
    if (row->flags & SG_OPF_VCC_DST)
        inst->sdst = SG_S_VCC;
    if (row->flags & SG_OPF_VCC_SRC)
        inst->alu.src[2] = SG_S_VCC;
    if (!strcmp(row->mnemonic, "v_swap_b32")) /* its source is always a VGPR */
        inst->alu.src[0] |= SG_SRC_VGPR0;
    if (row->flags & SG_OPF_ACC) { /* v_accvgpr_mov_b32 */
        inst->dst = (uint16_t)(inst->dst + (SG_SRC_ACC0 - SG_SRC_VGPR0));
        inst->alu.src[0] = (uint16_t)(SG_SRC_ACC0 + bits(word, 0, 8));
    }
}

static void fields_sdwa(struct sg_inst *inst, uint32_t word)
{
    inst->alu.sdwa = true;
    inst->alu.src[0] = (uint16_t)(bits(word, 0, 8) + (bits(word, 23, 1) ? 0 : SG_SRC_VGPR0));
    if (inst->alu.src[1] != SG_SRC_NONE && bits(word, 31, 1))
        inst->alu.src[1] = (uint16_t)(inst->alu.src[1] - SG_SRC_VGPR0);
    if (inst->encoding == SG_ENC_VOPC) {
        if (bits(word, 15, 1))
            inst->sdst = (uint16_t)bits(word, 8, 7);
    } else {
        inst->alu.dst_sel = (uint8_t)bits(word, 8, 3);
        inst->alu.dst_unused = (uint8_t)bits(word, 11, 2);
        inst->alu.clamp = bits(word, 13, 1);
        inst->alu.omod = (uint8_t)bits(word, 14, 2);
    }
    inst->alu.src_sel[0] = (uint8_t)bits(word, 16, 3);
    inst->alu.src_sel[1] = (uint8_t)bits(word, 24, 3);
    inst->alu.sext[0] = bits(word, 19, 1);
    inst->alu.sext[1] = bits(word, 27, 1);
    inst->alu.neg = (uint8_t)(bits(word, 20, 1) | bits(word, 28, 1) << 1);
    inst->alu.abs = (uint8_t)(bits(word, 21, 1) | bits(word, 29, 1) << 1);
}

static void fields_dpp(struct sg_inst *inst, uint32_t word)
{
    inst->alu.dpp = true;
    inst->alu.src[0] = (uint16_t)(SG_SRC_VGPR0 + bits(word, 0, 8));
    inst->alu.dpp_ctrl = (uint16_t)bits(word, 8, 9);
    inst->alu.bound_ctrl = bits(word, 19, 1);
    inst->alu.neg = (uint8_t)(bits(word, 20, 1) | bits(word, 22, 1) << 1);
    inst->alu.abs = (uint8_t)(bits(word, 21, 1) | bits(word, 23, 1) << 1);
    inst->alu.bank_mask = (uint8_t)bits(word, 24, 4);
    inst->alu.row_mask = (uint8_t)bits(word, 28, 4);
}

static void fields_vop3(struct sg_inst *inst, const struct sg_opcode *row, const uint32_t *words)
{
    for (unsigned k = 0; k < 3; k++)
        inst->alu.src[k] = row->src_dwords[k] ? (uint16_t)bits(words[1], 9 * k, 9) : SG_SRC_NONE;
    vector_destination(inst, row, bits(words[0], 0, 8));
    inst->alu.clamp = bits(words[0], 15, 1);
    inst->alu.omod = (uint8_t)bits(words[1], 27, 2);
    inst->alu.neg = (uint8_t)bits(words[1], 29, 3);
    if (row->flags & SG_OPF_SDST) {
        inst->sdst = (uint16_t)bits(words[0], 8, 7);
    } else {
        inst->alu.abs = (uint8_t)bits(words[0], 8, 3);
        inst->alu.op_sel = (uint8_t)bits(words[0], 11, 4);
    }
    if (bits(words[0], 16, 10) < 0x100) { /* VOPC: the mask goes to the SGPR pair in vdst */
        inst->sdst = (uint16_t)bits(words[0], 0, 7);
        inst->dst = SG_SRC_NONE;
    }
}

static uint16_t acc_if(uint32_t is_acc, uint32_t code)
{
    return (uint16_t)(is_acc && code >= SG_SRC_VGPR0 ? code + (SG_SRC_ACC0 - SG_SRC_VGPR0) : code);
}

/* Matrix instructions and AccVGPR moves: VOP3P opcodes from 0x40 (CDNA2 ISA document, "VOP3P-MAI").
 */
static void fields_mai(struct sg_inst *inst, const struct sg_opcode *row, const uint32_t *words)
{
    uint32_t acc_cd = bits(words[0], 15, 1);

    inst->alu.cbsz = (uint8_t)bits(words[0], 8, 3);
    inst->alu.abid = (uint8_t)bits(words[0], 11, 4);
    inst->alu.blgp = (uint8_t)bits(words[1], 29, 3);
    inst->alu.src[0] = acc_if(bits(words[1], 27, 1), bits(words[1], 0, 9));
    inst->alu.src[1] =
        row->src_dwords[1] ? acc_if(bits(words[1], 28, 1), bits(words[1], 9, 9)) : SG_SRC_NONE;
    inst->alu.src[2] = row->src_dwords[2] ? acc_if(acc_cd, bits(words[1], 18, 9)) : SG_SRC_NONE;
    inst->dst = acc_if(acc_cd, SG_SRC_VGPR0 + bits(words[0], 0, 8));
    if (row->flags & SG_OPF_ACC) {
        bool write = strstr(row->mnemonic, "write") != NULL;
        inst->dst = acc_if(write, SG_SRC_VGPR0 + bits(words[0], 0, 8));
        inst->alu.src[0] = acc_if(!write, bits(words[1], 0, 9));
    }
}

static void fields_vop3p(struct sg_inst *inst, const struct sg_opcode *row, const uint32_t *words)
{
    if (row->number >= 0x40) {
        fields_mai(inst, row, words);
        return;
    }
    for (unsigned k = 0; k < 3; k++)
        inst->alu.src[k] = row->src_dwords[k] ? (uint16_t)bits(words[1], 9 * k, 9) : SG_SRC_NONE;
    vector_destination(inst, row, bits(words[0], 0, 8));
    inst->alu.clamp = bits(words[0], 15, 1);
    inst->alu.op_sel = (uint8_t)bits(words[0], 11, 3);
    inst->alu.op_sel_hi = (uint8_t)(bits(words[1], 27, 2) | bits(words[0], 14, 1) << 2);
    inst->alu.neg = (uint8_t)bits(words[1], 29, 3);
    inst->alu.abs = (uint8_t)bits(words[0], 8, 3);
}

/* ---- memory encodings
 * ---------------------------------------------------------------------------- */

static void fields_smem(struct sg_inst *inst, const uint32_t *words)
{
    bool has_imm = bits(words[0], 17, 1), has_soffset = bits(words[0], 14, 1);

    inst->mem.saddr = (uint16_t)(bits(words[0], 0, 6) * 2);
    inst->mem.vdata = (uint16_t)bits(words[0], 6, 7);
    inst->dst = inst->mem.vdata;
    inst->mem.nv = bits(words[0], 15, 1);
    inst->mem.glc = bits(words[0], 16, 1);
    inst->mem.soffset = SG_SRC_NONE;
    if (has_imm)
        inst->mem.offset = sign_extend(bits(words[1], 0, 21), 21);
    else if (!has_soffset)
        inst->mem.soffset = (uint16_t)bits(words[1], 0, 7);
    if (has_soffset)
        inst->mem.soffset = (uint16_t)bits(words[1], 25, 7);
}

static bool has_two_offsets(const struct sg_opcode *row)
{
    return !strncmp(row->mnemonic, "ds_read2", 8) || !strncmp(row->mnemonic, "ds_write2", 9) ||
           !strncmp(row->mnemonic, "ds_wrxchg2", 10);
}

static void fields_ds(const struct sg_isa *isa, struct sg_inst *inst, const struct sg_opcode *row,
                      const uint32_t *words)
{
    inst->mem.offset = (int32_t)bits(words[0], 0, has_two_offsets(row) ? 8 : 16);
    inst->mem.offset1 = (uint8_t)bits(words[0], 8, 8);
    inst->mem.gds = bits(words[0], 16, 1);
    inst->mem.acc = isa->arch->has_accvgpr && bits(words[0], 25, 1);
    inst->mem.vaddr = (uint16_t)bits(words[1], 0, 8);
    inst->mem.vdata = (uint16_t)bits(words[1], 8, 8);
    inst->mem.vdata1 = (uint16_t)bits(words[1], 16, 8);
    inst->mem.saddr = inst->mem.soffset = SG_SRC_NONE;
    if (row->dst_dwords) {
        inst->dst = acc_if(inst->mem.acc, SG_SRC_VGPR0 + bits(words[1], 24, 8));
        if (!row->src_dwords[1])
            inst->mem.vdata = (uint16_t)bits(words[1], 24, 8);
    }
}

static void fields_flat(const struct sg_isa *isa, struct sg_inst *inst, const struct sg_opcode *row,
                        const uint32_t *words)
{
    uint32_t saddr = bits(words[1], 16, 7);

    if (inst->encoding == SG_ENC_FLAT)
        inst->mem.offset = (int32_t)bits(words[0], 0, 12);
    else
        inst->mem.offset = sign_extend(bits(words[0], 0, 13), 13);
    inst->mem.lds = bits(words[0], 13, 1);
    inst->mem.glc = bits(words[0], 16, 1);
    inst->mem.slc = bits(words[0], 17, 1);
    inst->mem.vaddr = (uint16_t)bits(words[1], 0, 8);
    inst->mem.vdata = (uint16_t)bits(words[1], 8, 8);
    inst->mem.soffset = SG_SRC_NONE;
    inst->mem.saddr =
        inst->encoding == SG_ENC_FLAT || saddr == 0x7f ? SG_SRC_NONE : (uint16_t)saddr;
    if (isa->arch->has_accvgpr)
        inst->mem.acc = bits(words[1], 23, 1);
    else
        inst->mem.nv = bits(words[1], 23, 1);
    if (row->dst_dwords) {
        inst->dst = acc_if(inst->mem.acc, SG_SRC_VGPR0 + bits(words[1], 24, 8));
        if (!row->src_dwords[1])
            inst->mem.vdata = (uint16_t)bits(words[1], 24, 8);
    }
}

static void fields_buffer(const struct sg_isa *isa, struct sg_inst *inst, const uint32_t *words)
{
    inst->mem.offset = (int32_t)bits(words[0], 0, 12);
    inst->mem.offen = bits(words[0], 12, 1);
    inst->mem.idxen = bits(words[0], 13, 1);
    inst->mem.glc = bits(words[0], 14, 1);
    if (inst->encoding == SG_ENC_MUBUF) {
        inst->mem.lds = bits(words[0], 16, 1);
        inst->mem.slc = bits(words[0], 17, 1);
    } else {
        inst->mem.dfmt = (uint8_t)bits(words[0], 19, 4);
        inst->mem.nfmt = (uint8_t)bits(words[0], 23, 3);
        inst->mem.slc = bits(words[1], 22, 1);
    }
    inst->mem.vaddr = (uint16_t)bits(words[1], 0, 8);
    inst->mem.vdata = (uint16_t)bits(words[1], 8, 8);
    inst->mem.saddr = (uint16_t)(bits(words[1], 16, 5) * 4);
    inst->mem.soffset = (uint16_t)bits(words[1], 24, 8);
    inst->mem.acc = isa->arch->has_accvgpr && bits(words[1], 23, 1);
    inst->dst = acc_if(inst->mem.acc, SG_SRC_VGPR0 + inst->mem.vdata);
}

/* ---- putting it together
 * ------------------------------------------------------------------------- */

static bool is_short_vector(unsigned encoding)
{
    return encoding == SG_ENC_VOP1 || encoding == SG_ENC_VOP2 || encoding == SG_ENC_VOPC;
}

static bool needs_literal(const struct sg_inst *inst, const struct sg_opcode *row)
{
    if (row->flags & SG_OPF_LITERAL)
        return true;
    switch (inst->encoding) {
    case SG_ENC_SOP1:
        return row->src_dwords[0] && inst->alu.src[0] == SG_SRC_LITERAL;
    case SG_ENC_SOP2:
    case SG_ENC_SOPC:
        return inst->alu.src[0] == SG_SRC_LITERAL || inst->alu.src[1] == SG_SRC_LITERAL;
    default:
        return is_short_vector(inst->encoding) && inst->alu.src[0] == SG_SRC_LITERAL;
    }
}

/* v_madmk: D = S0 * K + S1; v_madak: D = S0 * S1 + K. As three sources in the order of the
 * multiply-add. */
static void place_literal_of_mad(struct sg_inst *inst, const struct sg_opcode *row)
{
    bool multiplier = !strncmp(row->mnemonic, "v_madmk", 7);

    inst->alu.src[2] = multiplier ? inst->alu.src[1] : SG_SRC_LITERAL;
    if (multiplier)
        inst->alu.src[1] = SG_SRC_LITERAL;
}

static void fields(const struct sg_isa *isa, struct sg_inst *inst, const struct sg_opcode *row,
                   const uint32_t *words)
{
    switch (inst->encoding) {
    case SG_ENC_SMEM:
        fields_smem(inst, words);
        break;
    case SG_ENC_VOP1:
    case SG_ENC_VOP2:
    case SG_ENC_VOPC:
        fields_short_vector(inst, row, words[0]);
        break;
    case SG_ENC_VOP3:
        fields_vop3(inst, row, words);
        break;
    case SG_ENC_VOP3P:
        fields_vop3p(inst, row, words);
        break;
    case SG_ENC_DS:
        fields_ds(isa, inst, row, words);
        break;
    case SG_ENC_FLAT:
    case SG_ENC_GLOBAL:
    case SG_ENC_SCRATCH:
        fields_flat(isa, inst, row, words);
        break;
    case SG_ENC_MUBUF:
    case SG_ENC_MTBUF:
        fields_buffer(isa, inst, words);
        break;
    case SG_ENC_VINTRP:
    case SG_ENC_MIMG:
    case SG_ENC_EXP:
        no_sources(inst); /* graphics: the name is enough for the message */
        break;
    default:
        fields_scalar(inst, row, words[0]);
        break;
    }
}

/* The dword after a short vector instruction whose src0 says SDWA or DPP. False: no such form. */
static bool modifier_dword(struct sg_inst *inst, const struct sg_opcode *row, uint32_t word)
{
    if (inst->alu.src[0] == SG_SRC_SDWA) {
        fields_sdwa(inst, word);
        return row->flags & SG_OPF_SDWA;
    }
    fields_dpp(inst, word);
    return row->flags & SG_OPF_DPP;
}

unsigned sg_decode(const struct sg_isa *isa, const uint32_t *words, unsigned available,
                   struct sg_inst *inst)
{
    struct format format = format_of(words[0]);
    const struct sg_op_entry *entry;
    const struct sg_opcode *row;
    unsigned index;

    memset(inst, 0, sizeof(*inst));
    inst->encoding = format.encoding;
    inst->dwords = format.dwords;
    inst->dst = inst->sdst = SG_SRC_NONE;
    inst->imm = words[0];
    if (available < format.dwords)
        return 0;
    index = isa->row[format.encoding][format.op];
    if (format.encoding == SG_ENC_MIMG) {
        /* imm keeps the first dword: text.c has the name from it */
        inst->opcode = (uint16_t)(index ? index - 1 : 0);
        if (!sg_image_decode(inst, words))
            inst->fn = op_image;
        return inst->dwords;
    }
    if (!index) {
        set_illegal(inst);
        return inst->dwords;
    }
    inst->opcode = (uint16_t)(index - 1);
    inst->imm = 0;
    row = &sg_opcodes[inst->opcode];
    fields(isa, inst, row, words);
    if (is_short_vector(inst->encoding) &&
        (inst->alu.src[0] == SG_SRC_SDWA || inst->alu.src[0] == SG_SRC_DPP)) {
        inst->dwords = 2;
        if (available < 2)
            return 0;
        if (!modifier_dword(inst, row, words[1])) {
            set_illegal(inst);
            return inst->dwords;
        }
    } else if (needs_literal(inst, row)) {
        inst->dwords = 2;
        if (available < 2)
            return 0;
        inst->imm = words[1];
        if (inst->encoding == SG_ENC_VOP2 && row->flags & SG_OPF_LITERAL)
            place_literal_of_mad(inst, row);
    }
    entry = isa->entry[inst->opcode];
    inst->fn = entry ? entry->fn : op_unimplemented;
    if (entry) {
        inst->aux[0] = entry->data;
        if (entry->prepare)
            entry->prepare(inst, isa->arch);
    }
    return inst->dwords;
}

/* ---- the tables
 * ---------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    const struct sg_op_entry *const *x = a, *const *y = b;

    return strcmp((*x)->mnemonic, (*y)->mnemonic);
}

static size_t count_entries(const struct sg_op_set *const *sets)
{
    size_t count = 0;

    for (; *sets; sets++)
        count += (*sets)->count;
    return count;
}

static size_t collect_entries(const struct sg_op_set *const *sets, const struct sg_op_entry **to)
{
    size_t count = 0;

    for (; *sets; sets++)
        for (size_t i = 0; i < (*sets)->count; i++)
            to[count++] = &(*sets)->entries[i];
    return count;
}

struct sg_isa *sg_isa_create(const struct sg_arch *arch, const struct sg_op_set *const *sets)
{
    size_t count = count_entries(sets);
    const struct sg_op_entry **sorted = calloc(count + 1, sizeof(*sorted));
    struct sg_isa *isa = calloc(1, sizeof(*isa) + sg_opcode_count * sizeof(isa->entry[0]));

    if (!sorted || !isa) {
        free(sorted);
        free(isa);
        return NULL;
    }
    collect_entries(sets, sorted);
    qsort(sorted, count, sizeof(*sorted), compare_entries);
    isa->arch = arch;
    isa->arch_bit = arch->has_accvgpr ? SG_OP_GFX90A : SG_OP_GFX906;
    for (size_t i = 0; i < sg_opcode_count; i++) {
        const struct sg_op_entry key = {.mnemonic = sg_opcodes[i].mnemonic}, *key_pointer = &key;
        const struct sg_op_entry **found;

        if (!(sg_opcodes[i].archs & isa->arch_bit))
            continue;
        isa->row[sg_opcodes[i].encoding][sg_opcodes[i].number] = (uint16_t)(i + 1);
        found = bsearch(&key_pointer, sorted, count, sizeof(*sorted), compare_entries);
        isa->entry[i] = found ? *found : NULL;
    }
    free(sorted);
    return isa;
}

bool sg_isa_implements(const struct sg_isa *isa, size_t opcode)
{
    return isa->entry[opcode] != NULL;
}

void sg_isa_destroy(struct sg_isa *isa)
{
    free(isa);
}
