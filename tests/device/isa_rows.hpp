// SPDX-License-Identifier: MIT
// Runs random instructions of each row of the opcode table on the executor and on the reference,
// and says how many were compared and what differed. Shared by the test of instructions and by that
// of the coverage page, which so reports what was really executed.
#ifndef HS_TESTS_ISA_ROWS_HPP
#define HS_TESTS_ISA_ROWS_HPP

#include "ref/generate.hpp"
#include "ref/machine.hpp"

#include <cstdlib>

struct RowResult {
    size_t opcode;       // index into sg_opcodes[]
    unsigned rounds = 0; // executed and compared
    std::string problem; // of the first one that differs
};

inline uint64_t row_seed()
{
    const char *text = getenv("HS_SEED");
    return text ? strtoull(text, nullptr, 0) : 20260101u;
}

inline unsigned row_rounds()
{
    const char *text = getenv("HS_ROUNDS");
    return text ? static_cast<unsigned>(atoi(text)) : 40;
}

// Rows that the executor implements and that have a reference.
inline std::vector<RowResult> test_rows(ref::Machine &machine, uint64_t seed, unsigned rounds)
{
    std::vector<RowResult> results;
    const uint8_t arch = machine.arch_bit();
    const unsigned vgprs = 48;
    const char *only = getenv("HS_ONLY");
    ref::Wave w(arch);
    for (size_t i = 0; i < sg_opcode_count; i++) {
        const sg_opcode &row = sg_opcodes[i];
        if (!(row.archs & arch) || !machine.implements(i) ||
            !ref::functions().count(row.mnemonic) ||
            (only && std::string(row.mnemonic).find(only) == std::string::npos))
            continue;
        ref::Generator generator(arch, seed + i);
        generator.limits.vgprs = vgprs;
        RowResult result{i, 0, ""};
        const bool slow = row.encoding == SG_ENC_VOP3P && row.number >= 0x40;
        for (unsigned round = 0; round < (slow ? rounds / 4 + 1 : rounds) && result.problem.empty();
             round++) {
            std::vector<uint32_t> words;
            round ? generator.refresh(w) : generator.randomise(w);
            if (!generator.encode(row, w, words))
                continue;
            std::vector<uint32_t> padded = words;
            padded.resize(3);
            machine.load(w);
            const ref::Step step = w.step(padded.data());
            std::string problem = machine.run(words, 1);
            if (problem.empty() && step == ref::Step::unknown)
                problem = "the reference does not know it";
            const auto model = isa_models().find(row.mnemonic);
            const std::string types = model == isa_models().end() ? "" : model->second.types;
            const unsigned about =
                row.encoding == SG_ENC_VOP3 ? words[0] & 255 : words[0] >> 17 & 255;
            if (problem.empty())
                problem = machine.difference(w, vgprs, types, about);
            result.rounds++;
            if (!problem.empty()) {
                char hex[64];
                snprintf(hex, sizeof(hex), "  %08x %08x: ", words[0], padded[1]);
                result.problem = machine.text(padded.data()) + hex + problem;
            }
        }
        results.push_back(result);
    }
    return results;
}

#endif
