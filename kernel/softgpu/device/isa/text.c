/* SPDX-License-Identifier: MIT */
/*
 * Instructions as text, for messages, traces and the comparison with LLVM's disassembler. Reads the
 * decoded fields only.
 */
#include "operand.h"

#include "../image.h"

#include <stdarg.h>
#include <stdio.h>

struct text {
    char *at;
    size_t left;
    bool first;
};

static __attribute__((format(printf, 2, 3))) void put(struct text *t, const char *format, ...)
{
    va_list arguments;
    int length;

    if (!t->left)
        return;
    va_start(arguments, format);
    length = vsnprintf(t->at, t->left, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= t->left) {
        t->left = 0;
        return;
    }
    t->at += length;
    t->left -= (size_t)length;
}

static void separator(struct text *t)
{
    put(t, t->first ? " " : ", ");
    t->first = false;
}

static const char *special_name(unsigned code, unsigned dwords)
{
    switch (code) {
    case SG_S_FLAT_SCRATCH:
        return dwords == 2 ? "flat_scratch" : "flat_scratch_lo";
    case SG_S_FLAT_SCRATCH + 1:
        return "flat_scratch_hi";
    case SG_S_XNACK_MASK:
        return dwords == 2 ? "xnack_mask" : "xnack_mask_lo";
    case SG_S_XNACK_MASK + 1:
        return "xnack_mask_hi";
    case SG_S_VCC:
        return dwords == 2 ? "vcc" : "vcc_lo";
    case SG_S_VCC + 1:
        return "vcc_hi";
    case SG_S_M0:
        return "m0";
    case SG_S_EXEC:
        return dwords == 2 ? "exec" : "exec_lo";
    case SG_S_EXEC + 1:
        return "exec_hi";
    case SG_SRC_SHARED_BASE:
        return "src_shared_base";
    case SG_SRC_SHARED_LIMIT:
        return "src_shared_limit";
    case SG_SRC_PRIVATE_BASE:
        return "src_private_base";
    case SG_SRC_PRIVATE_LIMIT:
        return "src_private_limit";
    case SG_SRC_POPS_EXITING_WAVE_ID:
        return "src_pops_exiting_wave_id";
    case SG_SRC_VCCZ:
        return "src_vccz";
    case SG_SRC_EXECZ:
        return "src_execz";
    case SG_SRC_SCC:
        return "src_scc";
    case SG_SRC_LDS_DIRECT:
        return "src_lds_direct";
    default:
        return NULL;
    }
}

static void put_range(struct text *t, const char *file, unsigned first, unsigned dwords)
{
    if (dwords <= 1)
        put(t, "%s%u", file, first);
    else
        put(t, "%s[%u:%u]", file, first, first + dwords - 1);
}

/* An operand by its code, without modifiers. */
static void put_code(struct text *t, const struct sg_inst *inst, unsigned code, unsigned dwords)
{
    static const char *const floats[] = {"0.5",  "-0.5", "1.0",  "-1.0",      "2.0",
                                         "-2.0", "4.0",  "-4.0", "0.15915494"};

    if (code >= SG_SRC_ACC0)
        put_range(t, "a", code - SG_SRC_ACC0, dwords);
    else if (code >= SG_SRC_VGPR0)
        put_range(t, "v", code - SG_SRC_VGPR0, dwords);
    else if (code == SG_SRC_LITERAL)
        put(t, "0x%x", inst->imm);
    else if (special_name(code, dwords))
        put(t, "%s", special_name(code, dwords));
    else if (code < SG_S_FLAT_SCRATCH)
        put_range(t, "s", code, dwords);
    else if (code >= SG_S_TTMP0 && code < SG_S_M0)
        put_range(t, "ttmp", code - SG_S_TTMP0, dwords);
    else if (code >= 128 && code <= 208)
        put(t, "%d", code <= 192 ? (int)code - 128 : 192 - (int)code);
    else if (code >= SG_SRC_FLOAT0 && code <= 248)
        put(t, "%s", floats[code - SG_SRC_FLOAT0]);
    else
        put(t, "src%u", code);
}

static void put_source(struct text *t, const struct sg_inst *inst, unsigned k, unsigned dwords)
{
    bool packed = inst->encoding == SG_ENC_VOP3P;
    bool negate = !packed && inst->alu.neg >> k & 1, absolute = !packed && inst->alu.abs >> k & 1;
    bool sext = inst->alu.sdwa && k < 2 && inst->alu.sext[k];

    separator(t);
    put(t, "%s%s%s", negate ? "-" : "", absolute ? "|" : "", sext ? "sext(" : "");
    put_code(t, inst, inst->alu.src[k], dwords);
    put(t, "%s%s", sext ? ")" : "", absolute ? "|" : "");
}

static void put_sdwa(struct text *t, const struct sg_inst *inst, const struct sg_opcode *row)
{
    static const char *const selects[8] = {"BYTE_0", "BYTE_1", "BYTE_2", "BYTE_3",
                                           "WORD_0", "WORD_1", "DWORD",  "?"};
    static const char *const unused[4] = {"UNUSED_PAD", "UNUSED_SEXT", "UNUSED_PRESERVE", "?"};

    if (inst->encoding != SG_ENC_VOPC)
        put(t, " dst_sel:%s dst_unused:%s", selects[inst->alu.dst_sel & 7],
            unused[inst->alu.dst_unused & 3]);
    put(t, " src0_sel:%s", selects[inst->alu.src_sel[0] & 7]);
    if (row->src_dwords[1])
        put(t, " src1_sel:%s", selects[inst->alu.src_sel[1] & 7]);
}

static void put_dpp(struct text *t, const struct sg_inst *inst)
{
    unsigned control = inst->alu.dpp_ctrl, n = control & 15;
    static const char *const shifts[4] = {NULL, "row_shl", "row_shr", "row_ror"};

    if (control <= 0xff)
        put(t, " quad_perm:[%u,%u,%u,%u]", control & 3, control >> 2 & 3, control >> 4 & 3,
            control >> 6);
    else if (control < 0x130 && n)
        put(t, " %s:%u", shifts[control >> 4 & 3], n);
    else
        put(t, " dpp_ctrl:0x%x", control);
    put(t, " row_mask:0x%x bank_mask:0x%x%s", inst->alu.row_mask, inst->alu.bank_mask,
        inst->alu.bound_ctrl ? " bound_ctrl:0" : "");
}

static void put_alu(struct text *t, const struct sg_inst *inst, const struct sg_opcode *row)
{
    static const char *const omod[4] = {"", " mul:2", " mul:4", " div:2"};
    bool carries = row->flags & (SG_OPF_SDST | SG_OPF_VCC_DST) || inst->encoding == SG_ENC_VOPC ||
                   (inst->encoding == SG_ENC_VOP3 && row->number < 0x100);
    unsigned dst_dwords = row->dst_dwords;

    if (inst->dst != SG_SRC_NONE && dst_dwords) {
        separator(t);
        put_code(t, inst, inst->dst, dst_dwords);
    }
    if (carries) {
        separator(t);
        put_code(t, inst, inst->sdst, 2);
    }
    for (unsigned k = 0; k < 3; k++) {
        bool inline_scalar = inst->alu.src[k] >= 128 && inst->alu.src[k] < SG_SRC_VGPR0;

        if (row->src_dwords[k])
            put_source(t, inst, k, inline_scalar ? 1 : row->src_dwords[k]);
    }
    if (inst->encoding == SG_ENC_VOP2 &&
        row->flags & SG_OPF_LITERAL) /* the third source of v_madmk, v_madak */
        put_source(t, inst, 2, 1);
    if (row->flags & SG_OPF_VCC_SRC)
        put(t, ", vcc");
    if (inst->encoding == SG_ENC_SOPK || inst->encoding == SG_ENC_SOPP)
        put(t, "%s0x%x", t->first ? " " : ", ", inst->imm & 0xffff);
    if (inst->alu.clamp)
        put(t, " clamp");
    put(t, "%s", omod[inst->alu.omod & 3]);
    if (inst->alu.sdwa)
        put_sdwa(t, inst, row);
    if (inst->alu.dpp)
        put_dpp(t, inst);
}

static void put_vgprs(struct text *t, bool acc, unsigned number, unsigned dwords)
{
    separator(t);
    put_range(t, acc ? "a" : "v", number, dwords);
}

/* DS and the FLAT family. An atomic returns a value only with glc; with an SGPR base the VGPR is an
 * offset. */
static void put_addressed(struct text *t, const struct sg_inst *inst, const struct sg_opcode *row)
{
    bool flat = inst->encoding != SG_ENC_DS, atomic = flat && row->dst_dwords && row->src_dwords[1];
    bool base = inst->mem.saddr != SG_SRC_NONE, scratch = inst->encoding == SG_ENC_SCRATCH;

    if (row->dst_dwords && !(atomic && !inst->mem.glc) && !inst->mem.lds) {
        separator(t);
        put_code(t, inst, inst->dst, row->dst_dwords);
    }
    if (row->src_dwords[0] && !(scratch && base))
        put_vgprs(t, false, inst->mem.vaddr, base ? 1 : row->src_dwords[0]);
    if (scratch && base) {
        separator(t);
        put(t, "off");
    }
    if (row->src_dwords[1])
        put_vgprs(t, inst->mem.acc, inst->mem.vdata, row->src_dwords[1]);
    if (row->src_dwords[2])
        put_vgprs(t, inst->mem.acc, inst->mem.vdata1, row->src_dwords[2]);
    if (base) {
        separator(t);
        put_code(t, inst, inst->mem.saddr, scratch ? 1 : 2);
    }
}

static void put_memory(struct text *t, const struct sg_inst *inst, const struct sg_opcode *row)
{
    if (inst->encoding == SG_ENC_SMEM) {
        if (row->dst_dwords) {
            separator(t);
            put_code(t, inst, inst->mem.vdata, row->dst_dwords);
        }
        if (!row->src_dwords[0]) /* cache control, clocks */
            return;
        separator(t);
        put_code(t, inst, inst->mem.saddr, row->src_dwords[0]);
    } else if (inst->encoding == SG_ENC_MUBUF || inst->encoding == SG_ENC_MTBUF) {
        if (!row->src_dwords[1] && !row->src_dwords[0] && !inst->mem.lds)
            return; /* cache control */
        if (!inst->mem.lds)
            put_vgprs(t, inst->mem.acc, inst->mem.vdata, row->src_dwords[1]);
        if (inst->mem.offen || inst->mem.idxen) {
            put_vgprs(t, false, inst->mem.vaddr, inst->mem.offen && inst->mem.idxen ? 2 : 1);
        } else if (!inst->mem.lds) {
            separator(t);
            put(t, "off");
        }
        separator(t);
        put_code(t, inst, inst->mem.saddr, 4);
        separator(t);
        put_code(t, inst, inst->mem.soffset, 1);
        put(t, "%s%s", inst->mem.offen ? " offen" : "", inst->mem.idxen ? " idxen" : "");
    } else {
        put_addressed(t, inst, row);
    }
    if (inst->encoding == SG_ENC_SMEM && inst->mem.soffset != SG_SRC_NONE) {
        separator(t);
        put_code(t, inst, inst->mem.soffset, 1);
    }
    if (inst->mem.offset)
        put(t, " offset:%d", inst->mem.offset);
    put(t, "%s%s%s%s", inst->mem.glc ? " glc" : "", inst->mem.slc ? " slc" : "",
        inst->mem.lds ? " lds" : "", inst->mem.gds ? " gds" : "");
}

const char *sg_encoding_name(uint8_t encoding)
{
    static const char *const names[SG_ENC_COUNT] = {
        "",     "SOP1",   "SOP2",    "SOPC",  "SOPK",  "SOPP",   "SMEM",
        "VOP1", "VOP2",   "VOPC",    "VOP3",  "VOP3P", "VINTRP", "DS",
        "FLAT", "GLOBAL", "SCRATCH", "MUBUF", "MTBUF", "MIMG",   "EXP"};
    return names[encoding];
}

char *sg_inst_text(const struct sg_inst *inst, char *text, size_t bytes)
{
    struct text t = {text, bytes, true};
    const struct sg_opcode *row = &sg_opcodes[inst->opcode];

    if (bytes)
        text[0] = '\0';
    if (inst->encoding == SG_ENC_NONE) {
        put(&t, "illegal 0x%08x", inst->imm);
        return text;
    }
    if (inst->encoding == SG_ENC_MIMG) {
        const char *name = sg_image_name(inst->imm >> 18 & 0x7f);
        put(&t, "%s", name ? name : inst->opcode ? row->mnemonic : "image instruction");
        return text;
    }
    put(&t, "%s", row->mnemonic);
    switch (inst->encoding) {
    case SG_ENC_SMEM:
    case SG_ENC_DS:
    case SG_ENC_FLAT:
    case SG_ENC_GLOBAL:
    case SG_ENC_SCRATCH:
    case SG_ENC_MUBUF:
    case SG_ENC_MTBUF:
        put_memory(&t, inst, row);
        break;
    default:
        put_alu(&t, inst, row);
        break;
    }
    return text;
}
