// SPDX-License-Identifier: MIT
// A second GFX9: one wave with its registers, LDS and a piece of memory, and an interpreter of
// machine code written from the ISA documents ("Vega", "Vega 7nm", "MI200") in plain scalar code.
// It takes the names and operand widths of opcodes from sg_opcodes[] (which other tests compare
// with LLVM), and nothing else from softgpu: encodings, operands, modifiers and arithmetic are its
// own.
#ifndef HS_TESTS_REF_WAVE_HPP
#define HS_TESTS_REF_WAVE_HPP

#include "../isa_device.hpp"
#include "../isa_model.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ref
{
enum : unsigned {
    LANES = 64,
    ACC0 = 256, // AccVGPRs stand behind the 256 architectural registers
    S_FLAT_SCRATCH = 102,
    S_VCC = 106,
    S_M0 = 124,
    S_EXEC = 126,
};

struct Inst {
    const sg_opcode *row = nullptr;
    uint32_t words[3] = {};
    unsigned dwords = 0;
    uint32_t bits(unsigned at, unsigned count) const // of the first two words
    {
        uint64_t both = uint64_t(words[1]) << 32 | words[0];
        return static_cast<uint32_t>(both >> at & ((1ull << count) - 1));
    }
    std::string name() const
    {
        return row->mnemonic;
    }
};

enum class Step { next, end, unknown };

struct Wave {
    explicit Wave(uint8_t arch_bit) : arch(arch_bit), v(512) {}

    uint8_t arch; // enum sg_op_arch
    std::vector<std::array<uint32_t, LANES>> v;
    std::array<uint32_t, 128> s{};
    bool scc = false;
    uint32_t mode = 0x3f0; // IEEE, DX10_CLAMP, denormals kept, nearest even
    uint64_t pc = 0;       // of the next instruction
    std::vector<uint8_t> lds, memory;
    uint64_t memory_va = 0, lds_aperture = 0, scratch_aperture = 0;

    // Executes the instruction at words[0] (three can be read), which stands at pc.
    Step step(const uint32_t *words);
    bool decode(const uint32_t *words, Inst &inst) const;

    uint64_t s64(unsigned reg) const
    {
        return uint64_t(s[reg + 1]) << 32 | s[reg];
    }
    void set64(unsigned reg, uint64_t value)
    {
        s[reg] = static_cast<uint32_t>(value);
        s[reg + 1] = static_cast<uint32_t>(value >> 32);
    }
    uint64_t exec() const
    {
        return s64(S_EXEC);
    }
    bool active(unsigned lane) const
    {
        return exec() >> lane & 1;
    }
    // A scalar operand code. wide: 64 bits; type: as in Model, how constants are seen.
    uint64_t scalar(unsigned code, uint32_t literal, char type) const;
    // Bytes of memory or LDS; nullptr: outside.
    uint8_t *at(uint64_t va, unsigned bytes);
    uint8_t *lds_at(uint32_t address, unsigned bytes);
};

using Function = std::function<Step(Wave &, const Inst &)>;
using Functions = std::map<std::string, Function>;

// Everything the interpreter knows, by mnemonic.
const Functions &functions();
// Its parts. vector.cpp makes them from isa_models() too.
void add_scalar(Functions &);
void add_vector(Functions &);
void add_packed(Functions &);
void add_memory(Functions &);

inline bool is_wide(char type)
{
    return type == 'l' || type == 'd';
}
inline bool is_float(char type)
{
    return type == 'f' || type == 'd' || type == 'h';
}
} // namespace ref

#endif
