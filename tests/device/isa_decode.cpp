// SPDX-License-Identifier: MIT
// The decoder against LLVM's disassembler over the whole opcode space of gfx906 and gfx90a: every
// opcode number of every encoding with random operand bits. Mnemonic, length and the registers in
// the text must agree.
#include "isa_device.hpp"
#include "isa_llvm.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace
{
struct Encoding {
    const char *name;
    uint32_t base;
    unsigned op_shift, op_count;
    uint32_t random_low; // bits of the first dword that are operands
};

// The fields between prefix and opcode are random; opcode counts stop where another encoding
// begins.
const Encoding encodings[] = {
    {"SOP2", 0x80000000, 23, 96, 0x007fffff},    {"SOPK", 0xb0000000, 23, 29, 0x007fffff},
    {"SOP1", 0xbe800000, 8, 256, 0x007f00ff},    {"SOPC", 0xbf000000, 16, 128, 0x0000ffff},
    {"SOPP", 0xbf800000, 16, 128, 0x0000ffff},   {"SMEM", 0xc0000000, 18, 256, 0x0003ffff},
    {"VOP2", 0x00000000, 25, 62, 0x01ffffff},    {"VOP1", 0x7e000000, 9, 256, 0x01fe01ff},
    {"VOPC", 0x7c000000, 17, 256, 0x0001ffff},   {"VOP3", 0xd0000000, 16, 0x380, 0x0000ffff},
    {"VOP3P", 0xd3800000, 16, 128, 0x0000ffff},  {"DS", 0xd8000000, 17, 256, 0x0001ffff},
    {"FLAT", 0xdc000000, 18, 128, 0x00033fff},   {"SCRATCH", 0xdc004000, 18, 128, 0x00033fff},
    {"GLOBAL", 0xdc008000, 18, 128, 0x00033fff}, {"MUBUF", 0xe0000000, 18, 128, 0x00037fff},
};

std::string mnemonic_of(const std::string &text)
{
    std::string name = text.substr(0, text.find(' '));
    for (const char *suffix : {"_e32", "_e64", "_sdwa", "_dpp"}) {
        size_t length = std::string(suffix).size();
        if (name.size() > length && name.compare(name.size() - length, length, suffix) == 0)
            name.resize(name.size() - length);
    }
    return name;
}

// Vector and scalar registers in the order of the text; named registers are left out, LLVM prints
// some implied.
std::vector<std::string> registers_of(const std::string &text)
{
    static const std::regex pattern("\\b(v|s|a|ttmp)(\\d+|\\[\\d+:\\d+\\])");
    std::vector<std::string> found;
    for (std::sregex_iterator i(text.begin(), text.end(), pattern), end; i != end; ++i)
        found.push_back(i->str());
    return found;
}

// Operands that no assembler makes: a compare into a read-only source, scalar matrices.
bool is_odd(const std::string &text)
{
    static const std::regex compare("v_cmpx?_\\w+ (src_|null).*"),
        matrix("v_mfma.*\\b(s|ttmp)(\\d|\\[).*");
    return std::regex_match(text, compare) || std::regex_match(text, matrix) ||
           (text.find("v_mfma") == 0 && text.find("src_") != std::string::npos);
}

struct Comparison {
    uint64_t compared = 0, rejected_by_llvm = 0;
    std::map<std::string, std::string> wrong; // by mnemonic: first example
};

void compare_one(const LlvmDisassembler &llvm, const sg_isa *isa, const uint32_t *words,
                 Comparison &result, bool &llvm_accepts, bool &we_accept)
{
    sg_inst inst;
    std::string theirs;
    char ours[256], hex[32];
    unsigned length = llvm(words, 3, theirs);
    unsigned decoded = sg_decode(isa, words, 3, &inst);

    /* LLVM shows unaligned scalar pairs as their aligned neighbours, with a warning in the text. */
    llvm_accepts = length != 0 && theirs[0] != '.' && theirs.find("Warning") == std::string::npos &&
                   theirs.find("invalid") == std::string::npos && !is_odd(theirs);
    we_accept = inst.encoding != SG_ENC_NONE;
    if (!llvm_accepts) {
        result.rejected_by_llvm++;
        return;
    }
    result.compared++;
    sg_inst_text(&inst, ours, sizeof(ours));
    std::string name = mnemonic_of(theirs);
    bool graphics = inst.encoding == SG_ENC_MIMG || inst.encoding == SG_ENC_EXP ||
                    inst.encoding == SG_ENC_VINTRP || name.rfind("v_interp", 0) == 0;
    if (decoded != length || mnemonic_of(ours) != name ||
        (!graphics && registers_of(ours) != registers_of(theirs))) {
        snprintf(hex, sizeof(hex), "%08x %08x", words[0], words[1]);
        result.wrong.emplace(name, std::string(hex) + ": LLVM '" + theirs + "' (" +
                                       std::to_string(length) + "), we '" + ours + "' (" +
                                       std::to_string(decoded) + ")");
    }
}

void compare_model(const char *model)
{
    const uint32_t seed = 20221122;
    const unsigned rounds = 48;
    std::mt19937 random(seed);
    LlvmDisassembler llvm(model);
    const sg_isa *isa = sg_isa_get(sg_arch_find(model));
    Comparison result;

    INFO("model " << model << ", seed " << seed);
    for (const Encoding &encoding : encodings) {
        for (unsigned op = 0; op < encoding.op_count; op++) {
            bool any_llvm = false, any_ours = false, llvm_accepts, we_accept;
            for (unsigned round = 0; round < rounds; round++) {
                uint32_t words[3] = {encoding.base | op << encoding.op_shift |
                                         (static_cast<uint32_t>(random()) & encoding.random_low),
                                     static_cast<uint32_t>(random()),
                                     static_cast<uint32_t>(random())};
                if (round % 3 ==
                    0) // few modifiers, aligned registers: what LLVM accepts more often
                    words[0] &= ~(encoding.random_low & 0x00000e01u);
                if (round % 4 == 0)
                    words[1] &= 0x3e1f7efeu;
                if (round % 8 == 1)
                    words[1] = 0;
                compare_one(llvm, isa, words, result, llvm_accepts, we_accept);
                any_llvm |= llvm_accepts;
                any_ours |= we_accept;
            }
            if (any_llvm && !any_ours)
                result.wrong.emplace(std::string(encoding.name) + " " + std::to_string(op),
                                     "only LLVM knows it");
        }
    }
    for (const auto &[name, what] : result.wrong)
        UNSCOPED_INFO(name << "  " << what);
    CHECK(result.wrong.empty());
    CHECK(result.compared > 20000);
}
} // namespace

TEST_CASE("decoder agrees with LLVM over the opcode space of gfx906")
{
    compare_model("gfx906");
}

TEST_CASE("decoder agrees with LLVM over the opcode space of gfx90a")
{
    compare_model("gfx90a");
}

TEST_CASE("rows of the opcode table decode to themselves")
{
    const sg_isa *isa = sg_isa_get(sg_arch_find("gfx906"));
    std::set<std::pair<unsigned, unsigned>> seen;

    REQUIRE(sg_opcode_count > 1000);
    for (size_t i = 0; i < sg_opcode_count; i++)
        if (sg_opcodes[i].archs & SG_OP_GFX906)
            CHECK(seen.insert({sg_opcodes[i].encoding, sg_opcodes[i].number}).second);
    CHECK(isa != nullptr);
}

TEST_CASE("a decode asks for the dwords that it needs")
{
    const sg_isa *isa = sg_isa_get(sg_arch_find("gfx906"));
    const uint32_t literal[2] = {0xbe8000ff, 0x12345678}, vop3[2] = {0xd1c10000, 0x02040280};
    sg_inst inst;

    CHECK(sg_decode(isa, literal, 1, &inst) == 0);
    CHECK(sg_decode(isa, literal, 2, &inst) == 2);
    CHECK(inst.imm == 0x12345678);
    CHECK(sg_decode(isa, vop3, 1, &inst) == 0);
    CHECK(sg_decode(isa, vop3, 2, &inst) == 2);
}

TEST_CASE("bits that are no instruction become an illegal instruction")
{
    const sg_isa *isa = sg_isa_get(sg_arch_find("gfx906"));
    const uint32_t words[3] = {0xffffffff, 0, 0};
    sg_inst inst;

    sg_decode(isa, words, 3, &inst);
    CHECK(inst.encoding == SG_ENC_NONE);
    CHECK(inst.fn(nullptr, &inst) == SG_TRAP);
}
