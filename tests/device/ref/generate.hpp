// SPDX-License-Identifier: MIT
// Random machine code: one instruction of a given row of the opcode table with every kind of
// operand and modifier that the row has, and a random state in which it can run.
#ifndef HS_TESTS_REF_GENERATE_HPP
#define HS_TESTS_REF_GENERATE_HPP

#include "wave.hpp"

#include <random>

namespace ref
{
class Generator
{
  public:
    Generator(uint8_t arch_bit, uint64_t seed) : arch(arch_bit), random(seed) {}

    // Registers in use by single instructions; programs keep some of them for themselves.
    struct Limits {
        unsigned vgprs = 48, first_vgpr = 0; // of both halves of the register file
        unsigned sgprs = 102;
        bool special_destinations = true; // VCC, M0
    };
    Limits limits;

    void randomise(Wave &w);
    // A part of it once more: enough for the next instruction, and much cheaper.
    void refresh(Wave &w);
    // False: the generator knows no form of the row. w: made such that addresses are inside of
    // memory.
    bool encode(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words);
    // Without memory, branches or MODE: what can stand anywhere in a program.
    bool encode_alu(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words);

    uint32_t bits()
    {
        return static_cast<uint32_t>(random());
    }
    uint64_t bits64()
    {
        return random();
    }
    unsigned below(unsigned n)
    {
        return static_cast<unsigned>(random() % n);
    }
    bool one_in(unsigned n)
    {
        return below(n) == 0;
    }
    uint32_t special();

  private:
    void randomise_register(std::array<uint32_t, LANES> &reg);
    void randomise_masks(Wave &w);
    unsigned vgpr(unsigned count);
    unsigned sgpr(unsigned count);
    unsigned scalar_source(unsigned dwords, bool literal);
    unsigned scalar_destination(unsigned dwords);
    unsigned vector_source(char type, bool scalar_too);
    bool scalar(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words);
    bool vector(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words);
    bool vop3(const sg_opcode &row, const Model &model, Wave &w, std::vector<uint32_t> &words);
    void sdwa(const sg_opcode &row, const Model &model, std::vector<uint32_t> &words,
              unsigned sources);
    void dpp(const Model &model, std::vector<uint32_t> &words, unsigned sources);
    bool moves(const sg_opcode &row, std::vector<uint32_t> &words);
    bool packed(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words);
    bool matrix(const sg_opcode &row, std::vector<uint32_t> &words);
    bool ds(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words);
    bool flat(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words);
    bool buffer(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words);
    bool smem(const sg_opcode &row, Wave &w, std::vector<uint32_t> &words);
    void output_modifiers(const Model &model, Wave &w, unsigned &omod, unsigned &clamp);

    uint8_t arch;
    std::mt19937_64 random;
};
} // namespace ref

#endif
