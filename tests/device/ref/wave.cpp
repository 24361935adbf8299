// SPDX-License-Identifier: MIT
// The frame of the reference interpreter: which instruction it is, how long, and scalar operands.
#include "wave.hpp"

#include <cstring>

namespace ref
{
namespace
{
struct Format {
    int encoding;
    unsigned number, dwords;
};

// Vega ISA document, chapter "Microcode Formats".
Format format_of(uint32_t w)
{
    auto field = [w](unsigned at, unsigned count) { return w >> at & ((1u << count) - 1); };
    if (!field(31, 1)) {
        if (field(25, 6) == 0x3e)
            return {SG_ENC_VOPC, field(17, 8), 1};
        if (field(25, 6) == 0x3f)
            return {SG_ENC_VOP1, field(9, 8), 1};
        return {SG_ENC_VOP2, field(25, 6), 1};
    }
    if (field(30, 2) == 2) {
        if (field(23, 9) == 0x17d)
            return {SG_ENC_SOP1, field(8, 8), 1};
        if (field(23, 9) == 0x17e)
            return {SG_ENC_SOPC, field(16, 7), 1};
        if (field(23, 9) == 0x17f)
            return {SG_ENC_SOPP, field(16, 7), 1};
        if (field(28, 4) == 0xb)
            return {SG_ENC_SOPK, field(23, 5), 1};
        return {SG_ENC_SOP2, field(23, 7), 1};
    }
    switch (field(26, 6)) {
    case 0x30:
        return {SG_ENC_SMEM, field(18, 8), 2};
    case 0x34:
        if (field(23, 3) == 7)
            return {SG_ENC_VOP3P, field(16, 7), 2};
        return {SG_ENC_VOP3, field(16, 10), 2};
    case 0x36:
        return {SG_ENC_DS, field(17, 8), 2};
    case 0x37:
        return {field(14, 2) == 0   ? SG_ENC_FLAT
                : field(14, 2) == 1 ? SG_ENC_SCRATCH
                                    : SG_ENC_GLOBAL,
                field(18, 7), 2};
    case 0x38:
        return {SG_ENC_MUBUF, field(18, 7), 2};
    default:
        return {SG_ENC_NONE, 0, 1};
    }
}

const sg_opcode *row_of(uint8_t arch, const Format &format)
{
    static const auto rows = [] {
        std::map<std::array<unsigned, 3>, const sg_opcode *> all;
        for (size_t i = 0; i < sg_opcode_count; i++)
            for (unsigned bit : {SG_OP_GFX906, SG_OP_GFX90A})
                if (sg_opcodes[i].archs & bit)
                    all[{bit, sg_opcodes[i].encoding, sg_opcodes[i].number}] = &sg_opcodes[i];
        return all;
    }();
    auto found = rows.find({arch, static_cast<unsigned>(format.encoding), format.number});
    return found == rows.end() ? nullptr : found->second;
}

bool has_extra_dword(const Format &format, const sg_opcode &row, uint32_t w)
{
    const unsigned first = w & 0xff, second = w >> 8 & 0xff, vector = w & 0x1ff;
    if (row.flags & SG_OPF_LITERAL)
        return true;
    switch (format.encoding) {
    case SG_ENC_SOP1:
        return row.src_dwords[0] && first == 255;
    case SG_ENC_SOP2:
    case SG_ENC_SOPC:
        return first == 255 || second == 255;
    case SG_ENC_VOP1:
    case SG_ENC_VOP2:
    case SG_ENC_VOPC:
        return row.src_dwords[0] && (vector == 255 || vector == 249 || vector == 250);
    default:
        return false;
    }
}
} // namespace

bool Wave::decode(const uint32_t *words, Inst &inst) const
{
    const Format format = format_of(words[0]);
    inst.row = row_of(arch, format);
    if (!inst.row)
        return false;
    inst.dwords = format.dwords + has_extra_dword(format, *inst.row, words[0]);
    std::copy(words, words + inst.dwords, inst.words);
    return true;
}

Step Wave::step(const uint32_t *words)
{
    Inst inst;
    if (!decode(words, inst))
        return Step::unknown;
    const auto function = functions().find(inst.row->mnemonic);
    if (function == functions().end())
        return Step::unknown;
    pc += 4 * inst.dwords;
    return function->second(*this, inst);
}

// Vega ISA document, tables "SGPR and scalar constants" and "Inline constants".
uint64_t Wave::scalar(unsigned code, uint32_t literal, char type) const
{
    static const double floats[] = {0.5, -0.5, 1, -1, 2, -2, 4, -4};
    const bool wide = is_wide(type), half = type == 'h' || type == 's';
    if (code < 128)
        return wide ? s64(code) : s[code];
    if (code <= 208) {
        int64_t value = code <= 192 ? int64_t(code) - 128 : 192 - int64_t(code);
        return wide ? static_cast<uint64_t>(value) : static_cast<uint32_t>(value);
    }
    if (code >= 240 && code < 248) {
        const double value = floats[code - 240];
        const float single = static_cast<float>(value);
        const _Float16 small = static_cast<_Float16>(value);
        uint64_t bits = 0;
        wide   ? memcpy(&bits, &value, 8)
        : half ? memcpy(&bits, &small, 2)
               : memcpy(&bits, &single, 4);
        return bits;
    }
    switch (code) {
    case 235:
        return wide ? lds_aperture : lds_aperture >> 32;
    case 236:
        return wide ? lds_aperture + 0xffffffff : lds_aperture >> 32;
    case 237:
        return wide ? scratch_aperture : scratch_aperture >> 32;
    case 238:
        return wide ? scratch_aperture + 0xffffffff : scratch_aperture >> 32;
    case 248: // 1 / (2 * pi)
        return wide ? 0x3fc45f306dc9c882 : half ? 0x3118 : 0x3e22f983;
    case 251:
        return s64(S_VCC) == 0;
    case 252:
        return exec() == 0;
    case 253:
        return scc;
    case 255:
        return type == 'd' ? uint64_t(literal) << 32 : literal;
    default:
        return 0;
    }
}

uint8_t *Wave::at(uint64_t va, unsigned bytes)
{
    uint64_t offset = va - memory_va;
    return va >= memory_va && offset + bytes <= memory.size() ? &memory[offset] : nullptr;
}

uint8_t *Wave::lds_at(uint32_t address, unsigned bytes)
{
    return uint64_t(address) + bytes <= lds.size() ? &lds[address] : nullptr;
}

const Functions &functions()
{
    static const Functions all = [] {
        Functions table;
        add_scalar(table);
        add_vector(table);
        add_packed(table);
        add_memory(table);
        return table;
    }();
    return all;
}
} // namespace ref
