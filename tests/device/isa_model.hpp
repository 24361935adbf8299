// SPDX-License-Identifier: MIT
// What each vector instruction computes in one lane, written from the ISA documents in plain
// arithmetic on wide types: the reference that the executor's vector code is compared with. Shares
// nothing with it.
#ifndef HS_TESTS_ISA_MODEL_HPP
#define HS_TESTS_ISA_MODEL_HPP

#include <cstdint>
#include <functional>
#include <map>
#include <string>

struct Lane {
    uint64_t a = 0, b = 0,
             c = 0; // source values, modifiers applied; 32-bit and 16-bit ones zero-extended
    bool carry_in = false, carry_out = false;
    unsigned lane = 0;
    bool clamp = false;    // of integer instructions
    uint32_t mode = 0x3f0; // MODE register
    unsigned round32() const
    {
        return mode & 3;
    }
    unsigned round64() const // of fp16 too
    {
        return mode >> 2 & 3;
    }
};

// Types, destination first: i 32 bits, f fp32, l 64 bits, d fp64, s 16 bits, h fp16; m: only a
// mask; then '+' if a mask is written too, '?' if one is read; '~' results may differ by one unit
// in the last place;
// '=' the destination is the third source; '^' the upper half of the destination is kept in VOP3
// forms.
struct Model {
    std::string types;
    std::function<uint64_t(Lane &)> compute;
    bool has_clamp = false;
};

const std::map<std::string, Model> &isa_models();

// Two halves times two halves plus a float, summed in fp64. flushes: denormals are zero (MI200).
uint64_t model_dot2(uint64_t a, uint64_t b, uint64_t c, bool flushes);

#endif
