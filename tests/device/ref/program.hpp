// SPDX-License-Identifier: MIT
// Random machine programs: straight lines, EXEC-masked and scalar branches, loops and calls, scalar
// and vector ALU, LDS, global and scalar memory. Every program ends and stays inside of its memory,
// whatever its random state; one seed makes one program and one state.
#ifndef HS_TESTS_REF_PROGRAM_HPP
#define HS_TESTS_REF_PROGRAM_HPP

#include "generate.hpp"
#include "machine.hpp"

namespace ref
{
struct Program {
    std::vector<uint32_t> code; // at CODE_VA
    Wave state;                 // at its start
};

// machine: whose rows of the opcode table may be used.
Program make_program(const Machine &machine, uint64_t seed);

// Runs the program on the reference until it ends. Returns the number of instructions, 0: it did
// not end. rows: opcodes that were executed are added.
unsigned run_reference(const Program &program, Wave &w,
                       std::map<const sg_opcode *, uint64_t> *rows);

// Empty: both end in the same state. Else the first instruction after which they differ.
std::string compare_program(Machine &machine, const Program &program,
                            std::map<const sg_opcode *, uint64_t> *rows);
} // namespace ref

#endif
