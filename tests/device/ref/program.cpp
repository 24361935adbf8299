// SPDX-License-Identifier: MIT
#include "program.hpp"

#include <algorithm>

namespace ref
{
namespace
{
// Registers that random instructions do not write. The low half of MEMORY_VA is zero.
enum : unsigned {
    VGPRS = 24,
    V_ADDRESS = 0, // and 1: in memory
    V_LDS = 2,     // in LDS
    V_FREE = 4,
    S_FREE = 80,
    S_COUNTER = 80, // of loops, by depth
    S_SAVED = 84,   // EXEC, by depth, in pairs
    S_RETURN = 92,
    S_TARGET = 94,
    S_MEMORY = 96, // address, and with the two behind it a buffer
    DEPTH = 3,
    MEMORY_SPAN = 8192,
};

bool contains(const std::string &text, const char *what)
{
    return text.find(what) != std::string::npos;
}

// What random statements are chosen from.
struct Rows {
    std::vector<const sg_opcode *> alu, memory, compare, scalar_compare;
};

bool leaves_the_line(const std::string &name)
{
    for (const char *part : {"branch", "setpc", "swappc", "s_call", "endpgm", "reg_", "s_getreg",
                             "setprio", "movreld", "icache", "ttrace", "perflevel"})
        if (contains(name, part))
            return true;
    return false;
}

Rows rows_of(const Machine &machine)
{
    Rows rows;
    for (size_t i = 0; i < sg_opcode_count; i++) {
        const sg_opcode &row = sg_opcodes[i];
        const std::string name = row.mnemonic;
        if (!(row.archs & machine.arch_bit()) || !machine.implements(i) || !functions().count(name))
            continue;
        const auto model = isa_models().find(name);
        switch (row.encoding) {
        case SG_ENC_DS:
        case SG_ENC_FLAT:
        case SG_ENC_GLOBAL:
        case SG_ENC_SMEM:
            rows.memory.push_back(&row);
            break;
        case SG_ENC_SCRATCH:
        case SG_ENC_MUBUF:
            break;
        default:
            if (leaves_the_line(name) || row.dst_dwords > VGPRS - V_FREE ||
                row.src_dwords[2] > 16 ||
                (model != isa_models().end() && contains(model->second.types, "~")))
                break;
            if (row.encoding == SG_ENC_VOPC && !contains(name, "cmpx"))
                rows.compare.push_back(&row);
            if (row.encoding == SG_ENC_SOPC)
                rows.scalar_compare.push_back(&row);
            rows.alu.push_back(&row);
        }
    }
    return rows;
}

class Builder
{
  public:
    Builder(const Machine &machine, const Rows &all, uint64_t seed)
        : rows(all), generator(machine.arch_bit(), seed), unused(machine.arch_bit())
    {
        generator.limits.vgprs = VGPRS;
        generator.limits.first_vgpr = V_FREE;
        generator.limits.sgprs = S_FREE;
    }
    Program build(uint8_t arch);

  private:
    void emit(uint32_t word)
    {
        code.push_back(word);
    }
    void any_of(const std::vector<const sg_opcode *> &from);
    void memory_access();
    void block(unsigned depth, unsigned statements);
    void statement(unsigned depth);
    void masked(unsigned depth);
    void branch(unsigned depth);
    void loop(unsigned depth);
    void call();
    size_t jump(uint32_t opcode); // to be patched
    void land(size_t at)
    {
        code[at] |= static_cast<uint32_t>(code.size() - at - 1) & 0xffff;
    }

    const Rows &rows;
    Generator generator;
    Wave unused; // what the generator would like to set up: programs take registers as they come
    std::vector<uint32_t> code;
    std::vector<std::pair<size_t, size_t>> calls; // literal to be patched, and where its base is
};

void Builder::any_of(const std::vector<const sg_opcode *> &from)
{
    std::vector<uint32_t> words;
    const sg_opcode *row;
    do
        row = from[generator.below(static_cast<unsigned>(from.size()))];
    while (!generator.encode_alu(*row, unused, words));
    code.insert(code.end(), words.begin(), words.end());
}

size_t Builder::jump(uint32_t opcode)
{
    emit(0xbf800000 | opcode << 16);
    return code.size() - 1;
}

// A register of offsets is masked first, so that the access is inside.
void Builder::memory_access()
{
    std::vector<uint32_t> words;
    const sg_opcode *row;
    do
        row = rows.memory[generator.below(static_cast<unsigned>(rows.memory.size()))];
    while (!generator.encode(*row, unused, words));
    const unsigned from = V_FREE + generator.below(VGPRS - V_FREE);
    const auto mask_into = [&](unsigned to, uint32_t mask) { // v_and_b32 to, mask, from
        emit(0x26000000 | to << 17 | from << 9 | 255);
        emit(mask);
    };
    if (row->encoding == SG_ENC_SMEM) {
        words[0] = (words[0] & ~0x403fu) | 1u << 17 | S_MEMORY / 2;
        words[1] = generator.below(MEMORY_SPAN / 8) * 8;
    } else if (row->encoding == SG_ENC_DS) {
        if (!contains(row->mnemonic, "permute") && !contains(row->mnemonic, "swizzle"))
            mask_into(V_LDS, generator.below(2) ? 0x7f8 : 0x3c);
        words[1] = (words[1] & ~0xffu) | V_LDS;
    } else {
        const bool global = row->encoding == SG_ENC_GLOBAL;
        mask_into(V_ADDRESS, generator.below(3) ? MEMORY_SPAN - 8 : 0x78);
        emit(0x7e000200 | (V_ADDRESS + 1) << 17 | (S_MEMORY + 1)); // v_mov_b32
        words[0] = (words[0] & ~0x1fffu) | generator.below(64) * 8;
        const unsigned saddr = global ? (generator.below(2) ? S_MEMORY : 0x7fu) : 0;
        words[1] = (words[1] & ~0x7f00ffu) | saddr << 16 | V_ADDRESS;
    }
    code.insert(code.end(), words.begin(), words.end());
}

// Lanes for which a comparison holds, and perhaps the others.
void Builder::masked(unsigned depth)
{
    const uint32_t saved = S_SAVED + 2 * depth;
    any_of(rows.compare);
    emit(0xbe802000 | saved << 16 | S_VCC);         // s_and_saveexec_b64 saved, vcc
    size_t skip = generator.below(2) ? jump(8) : 0; // s_cbranch_execz
    block(depth + 1, 1 + generator.below(4));
    if (skip)
        land(skip);
    if (generator.below(2)) {
        emit(0x88800000 | S_EXEC << 16 | saved << 8 | S_EXEC); // s_xor_b64 exec, exec, saved
        block(depth + 1, 1 + generator.below(3));
    }
    if (generator.below(2))
        emit(0x87800000 | S_EXEC << 16 | saved << 8 | S_EXEC); // s_or_b64 exec, exec, saved
    else
        emit(0xbe800100 | S_EXEC << 16 | saved); // s_mov_b64 exec, saved
}

void Builder::branch(unsigned depth)
{
    static const uint32_t kinds[] = {4, 5, 6, 7, 8, 9}; // scc0, scc1, vccz, vccnz, execz, execnz
    if (generator.below(2))
        any_of(rows.scalar_compare);
    size_t otherwise = jump(kinds[generator.below(6)]);
    block(depth + 1, 1 + generator.below(4));
    size_t end = jump(2); // s_branch
    land(otherwise);
    block(depth + 1, generator.below(3));
    land(end);
}

void Builder::loop(unsigned depth)
{
    const uint32_t counter = S_COUNTER + depth;
    emit(0xb0000000 | counter << 16 | (1 + generator.below(3))); // s_movk_i32
    const size_t start = code.size();
    block(depth + 1, 1 + generator.below(4));
    emit(0x80800000 | counter << 16 | 129 << 8 | counter); // s_sub_u32 counter, counter, 1
    emit(0xbf070000 | 128 << 8 | counter);                 // s_cmp_lg_u32 counter, 0
    emit(0xbf850000 | (static_cast<uint32_t>(start - code.size() - 1) & 0xffff)); // s_cbranch_scc1
}

void Builder::call()
{
    emit(0xbe801c00 | S_TARGET << 16); // s_getpc_b64
    const size_t base = code.size();
    emit(0x80000000 | S_TARGET << 16 | 255 << 8 | S_TARGET); // s_add_u32 target, target, literal
    calls.emplace_back(code.size(), base);
    emit(0);
    emit(0x82000000 | (S_TARGET + 1) << 16 | 128 << 8 | (S_TARGET + 1)); // s_addc_u32
    emit(0xbe801e00 | S_RETURN << 16 | S_TARGET);                        // s_swappc_b64
}

void Builder::statement(unsigned depth)
{
    const unsigned kind = generator.below(20);
    if (depth < DEPTH && code.size() < 500 && kind >= 16) {
        kind == 16 ? masked(depth) : kind == 17 ? branch(depth) : kind == 18 ? loop(depth) : call();
        return;
    }
    if (kind >= 12)
        memory_access();
    else
        any_of(rows.alu);
}

void Builder::block(unsigned depth, unsigned statements)
{
    for (unsigned i = 0; i < statements; i++)
        statement(depth);
}

Program Builder::build(uint8_t arch)
{
    Program program{{}, Wave(arch)};
    generator.randomise(program.state);
    generator.randomise(unused);
    program.state.set64(S_MEMORY, MEMORY_VA);
    program.state.s[S_MEMORY + 2] = MEMORY_SPAN;
    program.state.s[S_MEMORY + 3] = 0;
    if (generator.below(3))
        program.state.set64(S_EXEC, ~0ull);
    block(0, 4 + generator.below(24));
    emit(0xbf810000);                           // s_endpgm
    for (size_t i = 0; i < calls.size(); i++) { // a function for each call, which calls no other
        code[calls[i].first] = static_cast<uint32_t>(4 * (code.size() - calls[i].second));
        block(DEPTH, 1 + generator.below(6));
        emit(0xbe801d00 | S_RETURN); // s_setpc_b64
    }
    program.code = code;
    return program;
}
} // namespace

Program make_program(const Machine &machine, uint64_t seed)
{
    static std::map<uint8_t, Rows> known;
    auto found = known.find(machine.arch_bit());
    if (found == known.end())
        found = known.emplace(machine.arch_bit(), rows_of(machine)).first;
    return Builder(machine, found->second, seed).build(machine.arch_bit());
}

unsigned run_reference(const Program &program, Wave &w, std::map<const sg_opcode *, uint64_t> *rows)
{
    std::vector<uint32_t> words = program.code;
    words.resize(words.size() + 3);
    for (unsigned count = 1; count < 100000; count++) {
        const size_t at = (w.pc - CODE_VA) / 4;
        Inst inst;
        if (at >= program.code.size())
            return 0;
        if (rows && w.decode(&words[at], inst))
            (*rows)[inst.row]++;
        switch (w.step(&words[at])) {
        case Step::end:
            return count;
        case Step::unknown:
            return 0;
        default:
            break;
        }
    }
    return 0;
}

namespace
{
// One instruction at a time, to say which it was.
std::string first_difference(Machine &machine, const Program &program)
{
    std::vector<uint32_t> words = program.code;
    words.resize(words.size() + 3);
    Wave w = program.state;
    machine.load(w);
    for (unsigned count = 0; count < 100000; count++) {
        const size_t at = (w.pc - CODE_VA) / 4;
        char place[96];
        snprintf(place, sizeof(place), "instruction %u, at dword %zu (%08x %08x): ", count, at,
                 words[at], words[at + 1]);
        const Step step = w.step(&words[at]);
        std::string problem = machine.run(program.code, 1);
        if (problem.empty() && step == Step::unknown)
            problem = "the reference does not know it";
        if (problem.empty())
            problem = machine.difference(w, VGPRS);
        if (!problem.empty())
            return place + machine.text(&words[at]) + ": " + problem;
        if (step == Step::end)
            break;
    }
    return "only the complete runs differ";
}
} // namespace

std::string compare_program(Machine &machine, const Program &program,
                            std::map<const sg_opcode *, uint64_t> *rows)
{
    Wave w = program.state;
    const unsigned count = run_reference(program, w, rows);
    machine.load(program.state);
    if (count && machine.run(program.code, count + 1).empty() &&
        machine.difference(w, VGPRS).empty())
        return "";
    return first_difference(machine, program);
}
} // namespace ref
