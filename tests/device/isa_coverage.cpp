// SPDX-License-Identifier: MIT
// docs/softgpu-isa.md, the coverage page: for every opcode whether it is implemented, and which
// tests have really executed it. Made by running them here: instructions of each row against the
// reference, random programs, and a walk through the assembled programs of exec_programs. Compared
// with the file; HS_UPDATE=1 writes it.
#include "isa_rows.hpp"
#include "ref/program.hpp"

extern "C" {
#include "image.h"
}

#include <catch2/catch.hpp>

#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace
{
enum : uint64_t { SEED = 20260101, PROGRAMS = 2000 };

struct Row {
    bool exists = false, implemented = false, reference = false, random = false, assembled = false;
};

struct Arch {
    const char *name;
    uint8_t bit;
    std::map<size_t, Row> rows; // by index into sg_opcodes[]
};

// Image instructions have no rows of registered functions: their own decoder knows.
bool implemented(const sg_isa *isa, size_t i)
{
    if (sg_opcodes[i].encoding != SG_ENC_MIMG)
        return sg_isa_implements(isa, i);
    const uint32_t words[2] = {0xf0000000u | uint32_t(sg_opcodes[i].number) << 18, 0};
    sg_inst inst{};
    return sg_image_decode(&inst, words);
}

std::vector<uint32_t> text_of(const char *path)
{
    std::ifstream in(path, std::ios::binary);
    std::vector<char> file((std::istreambuf_iterator<char>(in)), {});
    Elf64_Ehdr header;
    REQUIRE(file.size() > sizeof(header));
    memcpy(&header, file.data(), sizeof(header));
    std::vector<Elf64_Shdr> sections(header.e_shnum);
    memcpy(sections.data(), &file[header.e_shoff], sections.size() * sizeof(sections[0]));
    for (const Elf64_Shdr &section : sections)
        if (section.sh_flags & SHF_EXECINSTR) {
            std::vector<uint32_t> words(section.sh_size / 4 + 3);
            memcpy(words.data(), &file[section.sh_offset], section.sh_size / 4 * 4);
            return words;
        }
    FAIL("no code in " << path);
    return {};
}

// The rows of gfx906 that exec_programs.s consists of.
std::set<size_t> assembled_rows()
{
    const sg_isa *isa = sg_isa_get(sg_arch_find("gfx906"));
    const std::vector<uint32_t> words = text_of(EXEC_PROGRAMS);
    std::set<size_t> rows;
    for (size_t at = 0; at + 3 < words.size();) {
        sg_inst inst;
        const unsigned length = sg_decode(isa, &words[at], 3, &inst);
        if (inst.encoding != SG_ENC_NONE)
            rows.insert(inst.opcode);
        at += length ? length : 1;
    }
    return rows;
}

void fill(Arch &arch)
{
    const sg_isa *isa = sg_isa_get(sg_arch_find(arch.name));
    ref::Machine machine(arch.name, 0);
    for (size_t i = 0; i < sg_opcode_count; i++)
        if (sg_opcodes[i].archs & arch.bit)
            arch.rows[i] = {true, implemented(isa, i), false, false, false};
    for (const RowResult &result : test_rows(machine, SEED, 3))
        arch.rows[result.opcode].reference = result.rounds && result.problem.empty();
    std::map<const sg_opcode *, uint64_t> executed;
    for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
        const ref::Program program = ref::make_program(machine, seed);
        ref::Wave w = program.state;
        run_reference(program, w, &executed);
    }
    for (const auto &[row, times] : executed)
        arch.rows[static_cast<size_t>(row - sg_opcodes)].random = true;
    if (arch.bit == SG_OP_GFX906)
        for (size_t row : assembled_rows())
            arch.rows[row].assembled = true;
}

std::string cell(const Row &row)
{
    if (!row.exists)
        return "";
    if (!row.implemented)
        return "**no**";
    std::string text = row.reference ? "reference" : "";
    for (const auto &[set, name] :
         {std::pair{row.random, "random"}, std::pair{row.assembled, "assembled"}})
        if (set)
            text += (text.empty() ? "" : ", ") + std::string(name);
    return text.empty() ? "none here" : text;
}

void write_summary(std::ostream &out, const Arch &arch)
{
    struct Count {
        unsigned rows = 0, implemented = 0, reference = 0, random = 0;
    };
    std::map<int, Count> counts;
    for (const auto &[i, row] : arch.rows)
        for (int key : {int(sg_opcodes[i].encoding), int(SG_ENC_COUNT)}) {
            Count &c = counts[key];
            c.rows++, c.implemented += row.implemented, c.reference += row.reference,
                c.random += row.random;
        }
    out << "## " << arch.name
        << "\n\n| encoding | opcodes | implemented | against the reference | in random programs "
           "|\n|---|---|---|---|---|\n";
    for (const auto &[key, c] : counts)
        out << "| " << (key == SG_ENC_COUNT ? "all" : sg_encoding_name(key)) << " | " << c.rows
            << " | " << c.implemented << " | " << c.reference << " | " << c.random << " |\n";
    out << "\n";
}

void write_rows(std::ostream &out, const Arch &first, const Arch &second)
{
    std::map<int, std::map<std::string, std::pair<Row, Row>>> all;
    for (const Arch *arch : {&first, &second})
        for (const auto &[i, row] : arch->rows) {
            auto &entry = all[sg_opcodes[i].encoding][sg_opcodes[i].mnemonic];
            (arch == &first ? entry.first : entry.second) = row;
        }
    for (const auto &[encoding, rows] : all) {
        out << "### " << sg_encoding_name(encoding) << "\n\n| opcode | " << first.name << " | "
            << second.name << " |\n|---|---|---|\n";
        for (const auto &[name, entry] : rows)
            out << "| " << name << " | " << cell(entry.first) << " | " << cell(entry.second)
                << " |\n";
        out << "\n";
    }
}

const char *const introduction =
    R"(# Instructions of softgpu

Generated by the test isa_coverage (HS_UPDATE=1 writes this page); do not edit. Opcodes are LLVM 15's, one for
each encoding. The decoder is compared with LLVM's disassembler over the whole opcode space (isa_decode).

What a row of the second part says about tests is what they executed when the page was made:

* reference: isa_ops runs the instruction with random and special operands, every kind of source, modifiers,
  SDWA, DPP, MODE and EXEC, and compares the complete state with a second interpreter (tests/device/ref), which
  is written from the ISA documents and does floating point in integers; in each variant for the host CPU.
* random: it is executed in random machine programs with masked and scalar branches, loops, calls, LDS and
  memory (isa_programs; `HS_SEED=<n>` replays one), compared with the same interpreter.
* assembled: it is part of a program of exec_programs.s, which runs on a device with its results checked.
* none here: implemented; the kernels of other tests may use it. Memory instructions are tested once more by
  mem_ops, with faults, page borders, swizzled buffers and lanes that collide.
* **no**: not implemented. The program is stopped and the instruction named.

Not implemented are what belongs to graphics (v_interp, exports, image instructions beyond one mip level), to
debuggers and trap handlers (s_rfe, s_setvskip, s_cbranch_g_fork and its kind), ordered append, and a few whose
documents do not say enough: s_scratch_*, s_atc_probe, ds_condxchg32, ds_gws_sema_release_all.

Where the hardware's result is not documented to the bit, or is another:

* v_exp, v_log, v_sin, v_cos, v_rcp, v_rsq and v_sqrt are computed in double and rounded once; the hardware's
  may be off by one unit in the last place, and flushes denormals for most of them.
* Dot products of halves are summed in double. Matrix instructions accumulate in the order of k, one fused
  multiply-add each; on gfx90a both take denormal halves and bf16 values for zero and make none.
* A NaN result is the first NaN source, quieted, or the positive default NaN.
* v_div_scale multiplies by 2^-64 (fp64: 2^-128) where denominator and quotient are at the ends of the range:
  the document's 2^64 would overflow. v_div_fixup turns a quotient that is no number, of operands that are, into
  an infinity.
* omod with a rounding mode other than nearest even scales the rounded result.
* Exceptions: those enabled in MODE do not trap. TRAPSTS keeps what s_setreg writes: its EXCP bits are never set.
* Float atomics in memory keep denormals; some of the hardware's flush them.

)";

std::string page()
{
    Arch first{"gfx906", SG_OP_GFX906, {}}, second{"gfx90a", SG_OP_GFX90A, {}};
    std::ostringstream out;
    fill(first);
    fill(second);
    out << introduction;
    write_summary(out, first);
    write_summary(out, second);
    out << "## Opcode by opcode\n\n";
    write_rows(out, first, second);
    std::string text = out.str();
    text.pop_back();
    return text;
}
} // namespace

TEST_CASE("the coverage page of the instruction set is current")
{
    const std::string path = std::string(HS_SOURCE_DIR) + "/docs/softgpu-isa.md";
    const std::string wanted = page();

    if (getenv("HS_UPDATE"))
        std::ofstream(path) << wanted;
    std::ifstream file(path);
    std::ostringstream found;
    found << file.rdbuf();
    INFO("run with HS_UPDATE=1 to write " << path);
    CHECK((found.str() == wanted)); // not shown: the page is long
}
