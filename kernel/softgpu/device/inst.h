/* SPDX-License-Identifier: MIT */
/*
 * A decoded GFX9 instruction, and the opcode table that joins the decoder with the op functions. Owned by
 * the decoder (decode.c); read by every file with op functions.
 */
#ifndef SG_INST_H
#define SG_INST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sg_arch;
struct sg_inst;
struct sg_wave;

/* What the interpreter loop does after an op function. */
enum sg_next {
    SG_NEXT = 0, /* go on with wave->ip */
    SG_YIELD,    /* let other waves run: s_sleep, a lost race, a lock not taken */
    SG_BARRIER,  /* the wave waits at s_barrier */
    SG_END,      /* s_endpgm */
    SG_FAULT,    /* wave->fault says why; the wave is stopped at this instruction */
    SG_TRAP,     /* s_trap: id in inst->imm; illegal instruction if inst->encoding is SG_ENC_NONE */
};

/* Executes one instruction of one wave. wave->ip already points behind it; branches change wave->ip. */
typedef enum sg_next sg_op_fn(struct sg_wave *wave, const struct sg_inst *inst);

enum sg_encoding {
    SG_ENC_NONE,
    SG_ENC_SOP1, SG_ENC_SOP2, SG_ENC_SOPC, SG_ENC_SOPK, SG_ENC_SOPP, SG_ENC_SMEM,
    SG_ENC_VOP1, SG_ENC_VOP2, SG_ENC_VOPC, SG_ENC_VOP3, SG_ENC_VOP3P, SG_ENC_VINTRP,
    SG_ENC_DS, SG_ENC_FLAT, SG_ENC_GLOBAL, SG_ENC_SCRATCH, SG_ENC_MUBUF, SG_ENC_MTBUF, SG_ENC_MIMG, SG_ENC_EXP,
    SG_ENC_COUNT
};

/* Operand codes are those of the ISA's 9-bit source fields: 0..101 SGPR, 128..208 inline, 255 literal, 256.. VGPR. */
enum { SG_SRC_LITERAL = 255, SG_SRC_VGPR0 = 256, SG_SRC_NONE = 0xffff };
/* AccVGPRs of gfx90a follow the 256 architectural VGPRs in the same register file: 512.. */
enum { SG_SRC_ACC0 = 512 };

/* One slot per code dword; 64 bytes, one cache line. Only the dword at which an instruction starts is decoded. */
struct sg_inst {
    sg_op_fn *fn;
    uint16_t opcode;     /* index into sg_opcodes[] */
    uint8_t encoding;    /* enum sg_encoding */
    uint8_t dwords;      /* length with literal, SDWA or DPP dword: 1..3; code.c adds waits behind it */
    uint16_t dst;        /* SGPR number, SG_SRC_VGPR0 + n, SG_SRC_ACC0 + n; SG_SRC_NONE. The vdst field of DS, FLAT */
    uint16_t sdst;       /* VOP3B, VOPC: SGPR pair that receives carry or compare mask */
    union {
        struct { /* SOP*, VOP* */
            uint16_t src[3];
            uint8_t neg, abs;       /* bit k: source k; VOP3P: neg_lo in neg, neg_hi in abs */
            uint8_t op_sel;         /* VOP3: bits 0..2 sources, 3 destination */
            uint8_t op_sel_hi;      /* VOP3P */
            uint8_t omod;           /* 0 none, 1 *2, 2 *4, 3 /2 */
            bool clamp;
            bool sdwa, dpp;
            uint8_t src_sel[2], dst_sel, dst_unused; /* SDWA */
            bool sext[2];
            uint16_t dpp_ctrl;
            uint8_t row_mask, bank_mask;
            bool bound_ctrl;
            uint8_t cbsz, abid, blgp;                /* MFMA */
        } alu;
        struct { /* SMEM, DS, FLAT family, MUBUF, MTBUF */
            uint16_t vaddr;   /* VGPR number: address, or the first of two */
            uint16_t vdata;   /* VGPR number: data to store, or the destination of a load; SMEM: SGPR */
            uint16_t vdata1;  /* DS: second data VGPR */
            uint16_t saddr;   /* FLAT family: SGPR pair or SG_SRC_NONE; MUBUF: first SGPR of the resource; SMEM: sbase */
            uint16_t soffset; /* MUBUF, SMEM: operand code or SG_SRC_NONE */
            uint8_t offset1;  /* DS: second offset */
            bool glc, slc, lds, offen, idxen, gds, nv;
            bool acc;         /* gfx90a: vdata is an AccVGPR */
            uint8_t dfmt, nfmt;
            int32_t offset;   /* bytes, sign-extended; DS: 16 bits, or offset0 of the two-address forms */
        } mem;
    };
    uint32_t imm;        /* literal, SOPK/SOPP simm16 (sign-extended); s_setreg_imm32: literal, simm16 in src[0] */
    const void *aux[2];  /* for the op function's own use, set by its prepare(): e.g. broadcast constants */
};
_Static_assert(sizeof(struct sg_inst) == 64, "one cache line");

/* ---- opcode table: generated from LLVM's assembler (tools/gen_optable), one row per opcode and encoding ---- */

enum sg_op_arch { SG_OP_GFX906 = 1u << 0, SG_OP_GFX90A = 1u << 1 };

enum sg_op_flags {
    SG_OPF_SDWA = 1u << 0,       /* has an SDWA form */
    SG_OPF_DPP = 1u << 1,        /* has a DPP form */
    SG_OPF_SDST = 1u << 2,       /* VOP3B: the sdst field receives a carry or a mask */
    SG_OPF_VCC_DST = 1u << 3,    /* the short form writes VCC */
    SG_OPF_VCC_SRC = 1u << 4,    /* the short form reads VCC */
    SG_OPF_SCALAR_DST = 1u << 5, /* a vector instruction whose destination is an SGPR (pair) */
    SG_OPF_LITERAL = 1u << 6,    /* always followed by a literal */
    SG_OPF_ACC = 1u << 7,        /* moves from or to AccVGPRs */
};

struct sg_opcode {
    const char *mnemonic; /* LLVM's, without _e32, _e64, _sdwa, _dpp */
    uint8_t encoding;
    uint16_t number;      /* in its encoding */
    uint8_t archs;        /* enum sg_op_arch bits */
    uint8_t dst_dwords;   /* width of the destination, 0: none */
    uint8_t src_dwords[3]; /* widths of the sources: src0..2; DS, FLAT, MUBUF: address, data, data1 */
    uint16_t flags;       /* enum sg_op_flags */
};
extern const struct sg_opcode sg_opcodes[];
extern const size_t sg_opcode_count;

/* Op functions register themselves by mnemonic. The same function serves all encodings of a mnemonic. */
struct sg_op_entry {
    const char *mnemonic;
    sg_op_fn *fn;
    /* Optional: choose a specialised function or fill inst->aux once the fields are decoded. NULL: fn as it is. */
    void (*prepare)(struct sg_inst *inst, const struct sg_arch *arch);
    const void *data; /* in inst->aux[0] when prepare() is called and, if that leaves it, when fn is */
};
struct sg_op_set {
    const struct sg_op_entry *entries;
    size_t count;
};
/* Provided by: isa/scalar.c, isa/vec/ (isa); ops_smem.c, ops_flat.c, ops_buffer.c, ops_typed.c, ops_ds.c, gws.c
 * (exec). */
extern const struct sg_op_set sg_ops_scalar, sg_ops_smem, sg_ops_flat, sg_ops_buffer, sg_ops_typed, sg_ops_ds,
    sg_ops_gws;
/* The vector ALU, compiled for several host instruction sets; chosen at run time by CPUID. Ends with NULL. */
const struct sg_op_set *const *sg_ops_vector(void);

/* The executor's tables for one GPU model. Immutable after creation; shared by all threads. */
struct sg_isa;
const struct sg_isa *sg_isa_get(const struct sg_arch *arch); /* built once per process and arch, thread-safe */

/*
 * Decode the instruction at words[0]. `available` dwords can be read (1..3). Always fills inst: bits that
 * are no instruction, or one without an op function, get a function that stops the program naming it
 * (sg_unimplemented) when executed, or SG_TRAP for an illegal instruction. Returns the length in dwords, or 0 if more
 * dwords than available are needed.
 */
unsigned sg_decode(const struct sg_isa *isa, const uint32_t *words, unsigned available, struct sg_inst *inst);

const char *sg_encoding_name(uint8_t encoding); /* "SOP1"; "" for SG_ENC_NONE */

/* Text of an instruction for messages: mnemonic and operands. Returns text. */
char *sg_inst_text(const struct sg_inst *inst, char *text, size_t bytes);

#endif
