// SPDX-License-Identifier: MIT
#include "generate.hpp"

#include "machine.hpp"

#include <algorithm>
#include <cstring>

namespace ref
{
namespace
{
bool starts(const std::string &text, const char *with)
{
    return text.rfind(with, 0) == 0;
}
bool contains(const std::string &text, const char *what)
{
    return text.find(what) != std::string::npos;
}
unsigned source_count(const Model &model)
{
    unsigned count = 0;
    while (2 + count < model.types.size() && strchr("ifldshp", model.types[2 + count]))
        count++;
    return count;
}
bool has(const Model &model, char flag)
{
    return model.types.find(flag) != std::string::npos;
}
} // namespace

uint32_t Generator::special()
{
    static const uint32_t values[] = {
        0,          0x80000000, 1,          0x80000001, 0x7fffff,   0x800000,   0x3f800000,
        0xbf800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001,
        0xffc12345, 0x4f000000, 0xcf000000, 0x4f800000, 0x3f000000, 0x3fffffff, 0xffffffff,
        0x7fffffff, 0xffff,     0x8000,     0x7c00,     0x3c00,     0x7e01,     0x7c01,
        0xfbff,     0x3ff00000, 0x7ff00000, 0x00100000, 0x000fffff, 0x7ff80000, 31,
        32,         63,         64,         255,        0x3c003c00, 0x00010001, 0x83ff0400};
    return values[below(sizeof(values) / sizeof(values[0]))];
}

void Generator::randomise_register(std::array<uint32_t, LANES> &reg)
{
    const unsigned kind = below(4);
    for (uint32_t &value : reg)
        value = kind == 0   ? bits()
                : one_in(3) ? special()
                : kind == 1 ? 0x3f000000 + bits() % 0x2000000
                : kind == 2 ? bits() & 0x807fffff
                            : bits();
}

void Generator::randomise_masks(Wave &w)
{
    switch (below(6)) {
    case 0:
        w.set64(S_EXEC, bits64());
        break;
    case 1:
        w.set64(S_EXEC, 1ull << below(64));
        break;
    case 2:
        w.set64(S_EXEC, one_in(4) ? 0 : bits64() & bits64());
        break;
    default:
        w.set64(S_EXEC, ~0ull);
    }
    if (one_in(4))
        w.set64(S_VCC, below(2) ? 0 : bits64());
    w.scc = below(2);
    w.mode = 0x0f0 | below(4) << 8;
    w.pc = CODE_VA;
}

void Generator::randomise(Wave &w)
{
    for (unsigned half = 0; half < 512; half += ACC0)
        for (unsigned reg = half; reg < half + limits.vgprs; reg++)
            randomise_register(w.v[reg]);
    for (uint32_t &value : w.s)
        value = below(2) ? bits() : special();
    w.lds.resize(LDS_BYTES);
    w.memory.resize(MEMORY_BYTES);
    for (auto *block : {&w.lds, &w.memory})
        for (size_t i = 0; i < block->size(); i += 4) {
            const uint32_t value = one_in(3) ? special() : bits();
            memcpy(&(*block)[i], &value, 4);
        }
    w.memory_va = MEMORY_VA;
    w.lds_aperture = LDS_VA;
    w.scratch_aperture = SCRATCH_VA;
    randomise_masks(w);
}

void Generator::refresh(Wave &w)
{
    for (unsigned half = 0; half < 512; half += ACC0)
        for (unsigned i = 0; i < limits.vgprs / 6; i++)
            randomise_register(w.v[half + below(limits.vgprs)]);
    for (unsigned i = 0; i < 40; i++)
        w.s[below(128)] = below(2) ? bits() : special();
    randomise_masks(w);
}

unsigned Generator::vgpr(unsigned count)
{
    const unsigned align = count > 1 && arch == SG_OP_GFX90A ? 2 : 1;
    return limits.first_vgpr +
           below((limits.vgprs - limits.first_vgpr - count) / align + 1) * align;
}

unsigned Generator::sgpr(unsigned count)
{
    const unsigned align = count > 2 ? 4 : count;
    return below((limits.sgprs - count) / align + 1) * align;
}

unsigned Generator::scalar_source(unsigned dwords, bool literal)
{
    switch (below(10)) {
    case 0:
    case 1:
        return 128 + below(81);
    case 2:
        return 240 + below(9);
    case 3:
        return literal ? 255 : sgpr(dwords);
    case 4: {
        static const unsigned others[] = {S_VCC, S_EXEC, S_M0, 235, 236, 237, 238, 251, 252, 253};
        const unsigned code = others[below(10)];
        return code == S_M0 && dwords > 1 ? S_VCC : code;
    }
    default:
        return sgpr(dwords);
    }
}

unsigned Generator::scalar_destination(unsigned dwords)
{
    if (limits.special_destinations && one_in(10))
        return dwords == 1 && below(2) ? S_M0 : S_VCC;
    return sgpr(dwords);
}

// ---- scalar instructions

bool Generator::scalar(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words)
{
    const std::string name = row.mnemonic;
    const uint32_t number = row.number;
    const unsigned d = row.dst_dwords ? scalar_destination(row.dst_dwords) : 0;
    unsigned a = scalar_source(std::max<unsigned>(row.src_dwords[0], 1), true),
             b = scalar_source(std::max<unsigned>(row.src_dwords[1], 1), a != 255);
    const uint32_t literal = below(2) ? bits() : special();

    if (starts(name, "s_movre")) {
        w.s[S_M0] = below(24);
        a = starts(name, "s_movrels") || a == 255 ? sgpr(2) % 64 : a;
    }
    switch (row.encoding) {
    case SG_ENC_SOP2:
        if (contains(name, "bfe") && below(2) && b < 102)
            w.s[b] = below(64) | below(80) << 16;
        words = {0x80000000 | number << 23 | d << 16 | b << 8 | a};
        break;
    case SG_ENC_SOPC:
        words = {0xbf000000 | number << 16 | b << 8 | a};
        break;
    case SG_ENC_SOP1:
        if (name == "s_setpc_b64" || name == "s_swappc_b64") {
            a = sgpr(2);
            w.set64(a, CODE_VA + 4 * below(PROGRAM_DWORDS - 4));
        }
        words = {0xbe800000 | d << 16 | number << 8 | (row.src_dwords[0] ? a : 0)};
        b = 0;
        break;
    case SG_ENC_SOPK: {
        uint32_t simm = below(2) ? bits() & 0xffff : below(40) - 20u;
        unsigned reg =
            row.dst_dwords || !contains(name, "setreg_imm") ? sgpr(row.dst_dwords == 2 ? 2 : 1) : 0;
        if (contains(name, "cmpk") && below(2))
            w.s[reg] = contains(name, "u32") ? simm & 0xffff
                                             : static_cast<uint32_t>(static_cast<int16_t>(simm));
        if (contains(name, "etreg")) {
            const unsigned offset = below(10), size = 1 + below(10 - offset);
            simm = 1 | offset << 6 | (size - 1) << 11;
        }
        if (name == "s_call_b64")
            simm = below(900);
        words = {0xb0000000 | number << 23 | reg << 16 | (simm & 0xffff)};
        if (row.flags & SG_OPF_LITERAL)
            words.push_back(bits());
        return true;
    }
    default: { // SOPP
        uint32_t simm = below(900);
        if (!contains(name, "branch"))
            simm = bits() & 0xffff;
        words = {0xbf800000 | number << 16 | simm};
        return true;
    }
    }
    if ((a == 255 && row.src_dwords[0]) || b == 255)
        words.push_back(literal);
    return true;
}

// ---- vector instructions with a lane model

unsigned Generator::vector_source(char type, bool scalar_too)
{
    const unsigned dwords = is_wide(type) ? 2 : 1;
    if (!scalar_too || below(10) < 6)
        return 256 + vgpr(dwords);
    unsigned code = scalar_source(dwords, false);
    return code;
}

void Generator::output_modifiers(const Model &model, Wave &w, unsigned &omod, unsigned &clamp)
{
    const char result = model.types[0];
    omod = clamp = 0;
    if (is_float(result) && one_in(3)) {
        clamp = below(2);
        if (has(model, '@') && below(2)) {
            omod = below(4);
            w.mode &= ~0x00fu; // how a rounded result is scaled is not documented
            w.mode ^= (below(2) ? 0x200 : 0) | (below(2) ? 0x0a0 : 0);
        }
    }
    if (model.has_clamp)
        clamp = one_in(3);
}

bool Generator::vop3(const sg_opcode &row, const Model &model, Wave &w,
                     std::vector<uint32_t> &words)
{
    const std::string name = row.mnemonic;
    const unsigned sources = source_count(model);
    const bool compare = row.number < 0x100, writes_mask = has(model, '+');
    const char result = model.types[0];
    unsigned src[3] = {0, 0, 0}, neg = 0, abs = 0, omod, clamp, op_sel = 0;

    for (unsigned k = 0; k < sources; k++) {
        src[k] = vector_source(model.types[2 + k], true);
        if (is_float(model.types[2 + k]) && one_in(3))
            neg |= below(2) << k, abs |= writes_mask ? 0 : below(2) << k;
    }
    if (has(model, '=') && is_float(result) && one_in(3))
        neg |= below(2) << 2, abs |= below(2) << 2;
    output_modifiers(model, w, omod, clamp);
    if (has(model, '?'))
        src[2] = sgpr(2);
    if (has(model, '^'))
        op_sel = below(2) ? below(16) & (8 | ((1u << sources) - 1)) : 0;
    else if (name == "v_pack_b32_f16" || starts(name, "v_mad_u32_u16") ||
             starts(name, "v_mad_i32_i16"))
        op_sel = below(4);
    const unsigned d = compare ? sgpr(2) : vgpr(is_wide(result) ? 2 : 1);
    words = {0xd0000000 | uint32_t(row.number) << 16 | clamp << 15 | d, 0};
    words[0] |= writes_mask ? sgpr(2) << 8 : abs << 8 | op_sel << 11;
    words[1] = src[0] | src[1] << 9 | src[2] << 18 | omod << 27 | neg << 29;
    return true;
}

void Generator::sdwa(const sg_opcode &row, const Model &model, std::vector<uint32_t> &words,
                     unsigned sources)
{
    uint32_t w1 = 0;
    for (unsigned k = 0; k < sources; k++) {
        const unsigned at = 16 + 8 * k;
        w1 |= below(7) << at;
        if (is_float(model.types[2 + k]))
            w1 |= below(4) << (at + 4);
        else
            w1 |= below(2) << (at + 3);
    }
    if (one_in(4)) // a scalar source
        w1 |= 1u << 23 | sgpr(1);
    else
        w1 |= vgpr(1);
    if (row.encoding == SG_ENC_VOPC) {
        if (below(2))
            w1 |= 1u << 15 | sgpr(2) << 8;
    } else {
        w1 |= below(7) << 8 | below(3) << 11;
        if (is_float(model.types[0]))
            w1 |= uint32_t(one_in(4)) << 13;
    }
    words[0] = (words[0] & ~0x1ffu) | 249;
    words.push_back(w1);
}

void Generator::dpp(const Model &model, std::vector<uint32_t> &words, unsigned sources)
{
    static const unsigned others[] = {0x130, 0x134, 0x138, 0x13c, 0x140, 0x141, 0x142, 0x143};
    unsigned control = below(256);
    switch (below(5)) {
    case 1:
        control = (0x10 + below(3)) << 4 | (1 + below(15));
        break;
    case 2:
    case 3:
        control = others[below(8)];
        break;
    case 4:
        control = arch == SG_OP_GFX90A ? 0x150 + below(16) : control;
        break;
    default:
        break;
    }
    uint32_t w1 = vgpr(1) | control << 8 | below(2) << 19;
    w1 |= (below(2) ? 15 : below(16)) << 24 | (below(2) ? 15u : below(16)) << 28;
    for (unsigned k = 0; k < sources && k < 2; k++)
        if (is_float(model.types[2 + k]) && one_in(3))
            w1 |= below(4) << (20 + 2 * k);
    words[0] = (words[0] & ~0x1ffu) | 250;
    words.push_back(w1);
}

bool Generator::vector(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words)
{
    const Model &model = isa_models().at(row.mnemonic);
    const unsigned sources = source_count(model);
    const char result = model.types[0];
    bool wide = is_wide(result);

    if (has(model, '@') && below(2))
        w.mode = (w.mode & ~0xffu) | below(256);
    if (row.encoding == SG_ENC_VOP3)
        return vop3(row, model, w, words);
    for (unsigned k = 0; k < sources; k++)
        wide |= is_wide(model.types[2 + k]);
    const unsigned d = vgpr(is_wide(result) ? 2 : 1);
    const bool third_literal = row.flags & SG_OPF_LITERAL;
    unsigned src0 = vector_source(sources ? model.types[2] : 'i', true);
    const unsigned src1 = vgpr(sources > 1 && is_wide(model.types[3]) ? 2 : 1);
    const unsigned kind = below(3);
    if (kind == 0 && sources && one_in(3) && !third_literal)
        src0 = 255;
    const uint32_t number = row.number;
    words = {row.encoding == SG_ENC_VOP1   ? 0x7e000000 | d << 17 | number << 9 | src0
             : row.encoding == SG_ENC_VOP2 ? number << 25 | d << 17 | src1 << 9 | src0
                                           : 0x7c000000 | number << 17 | src1 << 9 | src0};
    if (third_literal || src0 == 255)
        words.push_back(below(2) ? special() : bits());
    else if (kind == 1 && row.flags & SG_OPF_SDWA && !wide && !has(model, '~'))
        sdwa(row, model, words, sources);
    else if (kind == 2 && row.flags & SG_OPF_DPP && !wide)
        dpp(model, words, sources);
    return true;
}

// ---- whole lanes, VOP3P

bool Generator::moves(const sg_opcode &row, std::vector<uint32_t> &words)
{
    const std::string name = row.mnemonic;
    const uint32_t number = row.number;
    if (name == "v_readlane_b32")
        words = {0xd0000000 | number << 16 | scalar_destination(1),
                 256 + vgpr(1) + ((below(2) ? sgpr(1) : 128 + below(64)) << 9)};
    else if (name == "v_writelane_b32")
        words = {0xd0000000 | number << 16 | vgpr(1),
                 scalar_source(1, false) | (below(2) ? sgpr(1) : 128 + below(64)) << 9};
    else if (name == "v_readfirstlane_b32" && row.encoding == SG_ENC_VOP1)
        words = {0x7e000000 | scalar_destination(1) << 17 | number << 9 | (256 + vgpr(1))};
    else if (name == "v_readfirstlane_b32")
        words = {0xd0000000 | number << 16 | scalar_destination(1), 256 + vgpr(1)};
    else if (name == "v_swap_b32" || name == "v_accvgpr_mov_b32")
        words = {0x7e000000 | vgpr(1) << 17 | number << 9 | (256 + vgpr(1))};
    else if (name == "v_accvgpr_read_b32")
        words = {0xd3800000 | number << 16 | vgpr(1), (256 + vgpr(1)) | 1u << 27};
    else if (name == "v_accvgpr_write_b32")
        words = {0xd3800000 | number << 16 | vgpr(1), below(2) ? 256 + vgpr(1) : 128 + below(64)};
    else if (name == "v_nop" || name == "v_clrexcp")
        words = row.encoding == SG_ENC_VOP1 ? std::vector<uint32_t>{0x7e000000 | number << 9}
                                            : std::vector<uint32_t>{0xd0000000 | number << 16, 0};
    else if (name == "v_mqsad_u32_u8")
        words = {0xd0000000 | number << 16 | vgpr(4), (below(3) ? 256 + vgpr(2) : sgpr(2)) |
                                                          vector_source('i', true) << 9 |
                                                          (256 + vgpr(4)) << 18};
    else if (name == "v_pk_fmac_f16")
        words = {number << 25 | vgpr(1) << 17 | vgpr(1) << 9 | vector_source('h', true)};
    else
        return false;
    return true;
}

bool Generator::packed(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words)
{
    const std::string name = row.mnemonic;
    const bool pair32 = starts(name, "v_pk_") && (contains(name, "f32") || name == "v_pk_mov_b32"),
               mixed = contains(name, "mix"), dot = contains(name, "dot"),
               dot_halves = name == "v_dot2_f32_f16", shift = contains(name, "rev_"),
               halves = contains(name, "f16") && starts(name, "v_pk_"),
               narrow_dot = contains(name, "dot4") || contains(name, "dot8");
    const bool floats = mixed || halves || dot_halves || (pair32 && name != "v_pk_mov_b32");
    const unsigned sources = row.src_dwords[2] ? 3 : 2;
    unsigned src[3] = {0, 0, 0};
    for (unsigned k = 0; k < sources; k++)
        src[k] = pair32 ? (below(10) < 7 ? 256 + vgpr(2)
                           : below(2)    ? sgpr(2)
                                         : scalar_source(2, false))
                        : vector_source('i', true);
    const unsigned all = (1u << sources) - 1;
    unsigned op_sel = narrow_dot ? 0 : below(8) & all,
             op_sel_hi = narrow_dot ? all : below(8) & all;
    if (dot)
        op_sel &= 3, op_sel_hi |= 4;
    unsigned neg = floats ? below(8) & all : 0, neg_hi = floats ? below(8) & all : 0;
    if (dot_halves)
        neg_hi &= 3;
    const bool integers = !floats && !shift && !contains(name, "max") && !contains(name, "min") &&
                          name != "v_pk_mov_b32";
    const unsigned clamp = (floats || integers) && one_in(3);
    if ((halves || (pair32 && floats)) && below(2))
        w.mode = (w.mode & ~0xffu) | below(256);
    if (mixed && below(2))
        w.mode = (w.mode & ~0x3fu) | below(64);
    words = {0xd3800000 | uint32_t(row.number) << 16 | clamp << 15 | (op_sel_hi >> 2) << 14 |
                 op_sel << 11 | neg_hi << 8 | vgpr(pair32 ? 2 : 1),
             src[0] | src[1] << 9 | src[2] << 18 | (op_sel_hi & 3) << 27 | neg << 29};
    return true;
}

bool Generator::matrix(const sg_opcode &row, std::vector<uint32_t> &words)
{
    const std::string name = row.mnemonic;
    const bool doubles = contains(name, "f64");
    const unsigned acc = below(2), d = vgpr(row.dst_dwords);
    auto source = [&](unsigned dwords) {
        return one_in(6) ? (below(2) ? 128 + below(81) : 240 + below(9)) : 256 + vgpr(dwords);
    };
    const unsigned a = 256 + vgpr(row.src_dwords[0]), b = 256 + vgpr(row.src_dwords[1]),
                   c = one_in(3) ? 256 + d : source(row.src_dwords[2]);
    const unsigned blocks = contains(name, "_4x4x") ? (doubles ? 0 : 4)
                            : (contains(name, "x1f32") || contains(name, "_32x32x4f16") ||
                               contains(name, "_16x16x4f16") || contains(name, "x4i8") ||
                               contains(name, "x2bf16") || contains(name, "x4bf16_1k"))
                                ? (contains(name, "_32x32x") ? 1 : 2)
                                : 0; // log2
    const unsigned cbsz = below(blocks + 1), abid = cbsz ? below(1u << cbsz) : 0;
    words = {0xd3800000 | uint32_t(row.number) << 16 | d | cbsz << 8 | abid << 11 | acc << 15,
             a | b << 9 | c << 18 | below(4) << 27 | below(8) << 29};
    return true;
}

// ---- memory

bool Generator::ds(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words)
{
    const std::string name = row.mnemonic;
    if (contains(name, "gws") || contains(name, "ordered") || contains(name, "condxchg"))
        return false;
    const bool two =
        starts(name, "ds_read2") || starts(name, "ds_write2") || starts(name, "ds_wrxchg2");
    const bool lanes = contains(name, "permute") || contains(name, "swizzle");
    const unsigned unit = contains(name, "64") ? 8 : contains(name, "8") ? 1 : 4;
    const unsigned address = vgpr(1), data0 = vgpr(4), data1 = vgpr(4), d = vgpr(4);
    unsigned offset = two ? below(8) | below(contains(name, "st64") ? 2 : 40) << 8 : below(256);
    if (contains(name, "swizzle"))
        offset = bits() & 0xffff;
    const bool row_of = below(2);
    const uint32_t start = below(1024) / unit * unit;
    for (unsigned lane = 0; lane < LANES && !contains(name, "swizzle"); lane++)
        w.v[address][lane] = lanes    ? below(1024)
                             : row_of ? start + lane * unit
                                      : below(LDS_BYTES + 100) / unit * unit;
    if (contains(name, "_src2_")) {
        offset = (below(600) - 300u) & 0x7fff;
        if (below(2))
            for (unsigned lane = 0; lane < LANES; lane++)
                offset = 0x8000, w.v[address][lane] = below(LDS_BYTES / 8) * 8 | (below(400) - 200u)
                                                                                     << 17;
    }
    if (contains(name, "addtid"))
        w.s[S_M0] = (w.s[S_M0] & 0xffff0000) | below(LDS_BYTES) / 4 * 4;
    if (name == "ds_append" || name == "ds_consume")
        w.s[S_M0] = (w.s[S_M0] & 0xffff) | below(LDS_BYTES / 4) * 4 << 16;
    const unsigned acc = arch == SG_OP_GFX90A && !lanes && below(2);
    words = {0xd8000000 | uint32_t(row.number) << 17 | acc << 25 | offset,
             address | data0 << 8 | data1 << 16 | d << 24};
    if (!row.dst_dwords)
        words[1] &= 0x00ffffff;
    if (!row.src_dwords[2])
        words[1] &= 0xff00ffff;
    if (!row.src_dwords[1])
        words[1] &= 0xffff00ff;
    return true;
}

bool Generator::flat(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words)
{
    const std::string name = row.mnemonic;
    const bool scratch = row.encoding == SG_ENC_SCRATCH, global = row.encoding == SG_ENC_GLOBAL,
               atomic = contains(name, "atomic");
    const unsigned address = vgpr(2), data = vgpr(4), d = vgpr(4);
    const unsigned unit = atomic ? 8 : below(2) ? 4 : 1;
    const int offset = global ? static_cast<int>(below(2048) / unit * unit) - 1024
                              : static_cast<int>(below(scratch ? 60 : 1024) / unit * unit);
    const bool saddr = (global || scratch) && below(2);
    const unsigned base = sgpr(2);
    const bool in_row = below(2);
    const unsigned span = scratch ? MEMORY_BYTES / 64 - 96 : MEMORY_BYTES - 2048 - 16 * LANES;
    const uint64_t first = below(span) / unit * unit;
    if (scratch)
        w.set64(S_FLAT_SCRATCH, MEMORY_VA);
    if (saddr)
        w.set64(base, scratch ? first : MEMORY_VA + (below(512) & ~7u));
    for (unsigned lane = 0; lane < LANES; lane++) {
        uint64_t at =
            in_row && !scratch ? first + lane * (atomic ? 8 : 4) : below(span) / unit * unit;
        uint64_t va = scratch ? at : (saddr ? 0 : MEMORY_VA) + 1024 + at - (global ? 0 : 1024);
        w.v[address][lane] = static_cast<uint32_t>(va);
        if (!(saddr && global))
            w.v[address + 1][lane] = static_cast<uint32_t>(va >> 32);
    }
    if (row.encoding == SG_ENC_FLAT && !atomic && one_in(4)) // lanes in LDS
        for (unsigned lane = 0; lane < LANES; lane++)
            if (below(2))
                w.v[address][lane] = below(LDS_BYTES / 2), w.v[address + 1][lane] = LDS_VA >> 32;
    const unsigned acc = arch == SG_OP_GFX90A && below(2);
    words = {0xdc000000 | uint32_t(row.number) << 18 |
                 (scratch  ? 1u
                  : global ? 2u
                           : 0u)
                     << 14 |
                 uint32_t(atomic && below(2)) << 16 | (static_cast<uint32_t>(offset) & 0x1fff),
             address | data << 8 |
                 (saddr                         ? base
                  : row.encoding == SG_ENC_FLAT ? 0u
                                                : 0x7fu)
                     << 16 |
                 acc << 23 | d << 24};
    return true;
}

bool Generator::buffer(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words)
{
    const std::string name = row.mnemonic;
    const bool atomic = contains(name, "atomic");
    bool offen = below(2), idxen = below(2);
    const unsigned unit = atomic ? 8 : 4, stride = below(2) ? 16 : 0;
    const unsigned address = vgpr(2), data = vgpr(4), resource = sgpr(4), soffset = sgpr(1);
    const uint64_t base = MEMORY_VA + 256 + below(64) * 8;
    if (soffset / 4 == resource / 4)
        return false; // the same registers
    w.s[resource] = static_cast<uint32_t>(base);
    w.s[resource + 1] = static_cast<uint32_t>(base >> 32) | stride << 16;
    w.s[resource + 2] = stride ? 80 : 1600;
    w.s[resource + 3] = uint32_t(below(2)) << 23;
    w.s[soffset] = below(64) * 8;
    for (unsigned lane = 0; lane < LANES; lane++) {
        const uint32_t index = below(96),
                       offset = below(2) ? lane * unit : below(1500) / unit * unit;
        w.v[address][lane] = idxen ? index : offset;
        w.v[address + 1][lane] = offset;
    }
    if (contains(name, "store")) { // which lane wins where they overlap is not defined
        if (below(2)) {
            w.set64(S_EXEC, 1ull << below(64));
        } else {
            offen = true, idxen = false;
            w.s[resource + 3] = 0;
            for (unsigned lane = 0; lane < LANES; lane++)
                w.v[address][lane] = 16 * lane;
        }
    }
    const unsigned acc = arch == SG_OP_GFX90A && below(2);
    words = {0xe0000000 | uint32_t(row.number) << 18 | uint32_t(atomic && below(2)) << 14 |
                 uint32_t(idxen) << 13 | uint32_t(offen) << 12 | below(64) * 8,
             address | data << 8 | resource / 4 << 16 | acc << 23 |
                 (below(2) ? soffset : 128 + below(8) * 8) << 24};
    return true;
}

bool Generator::smem(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words)
{
    const std::string name = row.mnemonic;
    const bool buffer = starts(name, "s_buffer_"), atomic = contains(name, "atomic");
    const unsigned count = contains(name, "x16") ? 16 : contains(name, "x8") ? 8 : 4;
    const unsigned base = buffer ? sgpr(4) : sgpr(2), data = sgpr(count), soffset = sgpr(1);
    const unsigned unit = atomic ? 8 : below(2) ? 4 : 1;
    if (soffset >= base && soffset < base + 4)
        return false;
    const uint64_t va = MEMORY_VA + 1024 + below(512) * 8 + (unit == 1 ? below(4) : 0);
    w.s[base] = static_cast<uint32_t>(va);
    w.s[base + 1] = static_cast<uint32_t>(va >> 32);
    if (buffer) {
        w.s[base + 1] |= (below(2) ? 0 : 16) << 16;
        w.s[base + 2] = below(2) ? 1600 : 60;
    }
    w.s[soffset] = below(1024) / unit * unit;
    const int imm =
        static_cast<int>(below(buffer ? 1024 : 2048) / unit * unit) - (buffer ? 0 : 1024);
    const unsigned kind = below(3); // immediate, register, both
    uint32_t w0 = 0xc0000000 | uint32_t(row.number) << 18 | data << 6 | base / 2 |
                  uint32_t(atomic && below(2)) << 16;
    uint32_t w1 = 0;
    if (kind != 1)
        w0 |= 1u << 17, w1 |= static_cast<uint32_t>(imm) & 0x1fffff;
    if (kind == 2)
        w0 |= 1u << 14, w1 |= soffset << 25;
    if (kind == 1)
        w1 |= soffset;
    words = {w0, w1};
    return true;
}

// ---- choice

bool Generator::encode_alu(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words)
{
    switch (row.encoding) {
    case SG_ENC_SOP1:
    case SG_ENC_SOP2:
    case SG_ENC_SOPC:
    case SG_ENC_SOPK:
    case SG_ENC_SOPP:
        return scalar(row, w, words);
    case SG_ENC_VOP1:
    case SG_ENC_VOP2:
    case SG_ENC_VOPC:
    case SG_ENC_VOP3:
        return isa_models().count(row.mnemonic) ? vector(row, w, words) : moves(row, words);
    case SG_ENC_VOP3P:
        if (starts(row.mnemonic, "v_accvgpr"))
            return moves(row, words);
        return row.number >= 0x40 ? matrix(row, words) : packed(row, w, words);
    default:
        return false;
    }
}

bool Generator::encode(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words)
{
    switch (row.encoding) {
    case SG_ENC_DS:
        return ds(row, w, words);
    case SG_ENC_FLAT:
    case SG_ENC_GLOBAL:
    case SG_ENC_SCRATCH:
        return flat(row, w, words);
    case SG_ENC_MUBUF:
        return buffer(row, w, words);
    case SG_ENC_SMEM:
        return smem(row, w, words);
    default:
        return encode_alu(row, w, words);
    }
}
} // namespace ref
