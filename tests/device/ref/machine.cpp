// SPDX-License-Identifier: MIT
#include "machine.hpp"

extern "C" {
#define _Noreturn [[noreturn]]
#define _Alignas alignas
#define _Static_assert static_assert
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include "code.h"
#include "tlb.h"
#include "vm.h"
#pragma GCC diagnostic pop
#undef _Static_assert
#undef _Alignas
#undef _Noreturn
extern const struct sg_op_set sg_ops_flat_v3, sg_ops_flat_v4, sg_ops_buffer_v3, sg_ops_buffer_v4,
    sg_ops_ds_v3, sg_ops_ds_v4;
}

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace ref
{
namespace
{
// The plain set without the hook that would choose a better variant.
std::vector<sg_op_entry> without_choice(const sg_op_set &set)
{
    std::vector<sg_op_entry> entries(set.entries, set.entries + set.count);
    for (sg_op_entry &entry : entries)
        entry.prepare = nullptr;
    return entries;
}

std::vector<const sg_op_set *> sets_of(unsigned variant)
{
    static const std::vector<sg_op_entry> entries[3] = {
        without_choice(sg_ops_flat), without_choice(sg_ops_buffer), without_choice(sg_ops_ds)};
    static const sg_op_set plain[3] = {{entries[0].data(), entries[0].size()},
                                       {entries[1].data(), entries[1].size()},
                                       {entries[2].data(), entries[2].size()}};
    static const sg_op_set *const memory[SG_SIMD_VARIANTS][3] = {
        {&plain[0], &plain[1], &plain[2]},
        {&sg_ops_flat_v3, &sg_ops_buffer_v3, &sg_ops_ds_v3},
        {&sg_ops_flat_v4, &sg_ops_buffer_v4, &sg_ops_ds_v4}};
    std::vector<const sg_op_set *> sets = {&sg_ops_scalar, &sg_ops_smem, memory[variant][0],
                                           memory[variant][1], memory[variant][2]};
    for (const sg_op_set *const *set = sg_vector_variant(variant, nullptr); *set; set++)
        sets.push_back(*set);
    sets.push_back(nullptr);
    return sets;
}

template <typename T> T *aligned(size_t bytes)
{
    void *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!block)
        throw std::bad_alloc();
    memset(block, 0, bytes);
    return static_cast<T *>(block);
}
} // namespace

struct Machine::Parts {
    const sg_arch *arch;
    sg_isa *isa = nullptr;
    sg_vm *vm = sg_vm_create();
    sg_tlb *tlb = aligned<sg_tlb>(sizeof(sg_tlb));
    sg_wave *wave = aligned<sg_wave>(sizeof(sg_wave));
    uint32_t (*v)[LANES] = aligned<uint32_t[LANES]>(512 * LANES * 4);
    sg_code_page *page = aligned<sg_code_page>(sizeof(sg_code_page));
    uint8_t *lds = aligned<uint8_t>(LDS_BYTES + 64);
    uint8_t *memory;
    sg_dispatch dispatch{};
    sg_workgroup group{};
};

bool Machine::available(unsigned variant, std::string &name)
{
    const char *text;
    const bool can = sg_vector_variant(variant, &text);
    name = text;
    return can;
}

Machine::Machine(const char *arch, unsigned variant) : parts(new Parts)
{
    Parts &p = *parts;
    p.arch = sg_arch_find(arch);
    p.isa = sg_isa_create(p.arch, sets_of(variant).data());
    p.memory = static_cast<uint8_t *>(
        mmap(nullptr, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (!p.isa || p.memory == MAP_FAILED ||
        sg_vm_map(p.vm, MEMORY_VA, p.memory, MEMORY_BYTES, SG_PTE_READ | SG_PTE_WRITE) != 0)
        throw std::runtime_error("no memory for the machine");
    sg_tlb_init(p.tlb);
    sg_tlb_begin(p.tlb, p.vm);
    p.page->va = CODE_VA;
    p.dispatch.vm = p.vm;
    p.dispatch.lds_aperture = LDS_VA;
    p.dispatch.scratch_aperture = SCRATCH_VA;
    p.group.dispatch = &p.dispatch;
    p.group.wave_count = 1;
    p.group.lds = p.lds;
    p.group.lds_bytes = LDS_BYTES;
    p.group.waves = p.wave;
    p.wave->v = p.v;
    p.wave->page = p.page;
    p.wave->group = &p.group;
    p.wave->tlb = p.tlb;
    p.wave->lane_count = LANES;
    p.wave->vgpr_count = 256;
    p.wave->sgpr_count = 102;
}

Machine::~Machine()
{
    Parts &p = *parts;
    sg_vm_destroy(p.vm);
    munmap(p.memory, MEMORY_BYTES);
    sg_isa_destroy(p.isa);
    free(p.tlb);
    free(p.wave);
    free(p.v);
    free(p.page);
    free(p.lds);
}

uint8_t Machine::arch_bit() const
{
    return parts->arch->has_accvgpr ? SG_OP_GFX90A : SG_OP_GFX906;
}

bool Machine::implements(size_t opcode) const
{
    return sg_isa_implements(parts->isa, opcode);
}

std::string Machine::text(const uint32_t *words) const
{
    char buffer[256];
    sg_inst inst;
    sg_decode(parts->isa, words, 3, &inst);
    return sg_inst_text(&inst, buffer, sizeof(buffer));
}

void Machine::load(const Wave &w)
{
    Parts &p = *parts;
    memcpy(p.v, w.v.data(), 512 * LANES * 4);
    memcpy(p.wave->s, w.s.data(), sizeof(p.wave->s));
    memcpy(p.lds, w.lds.data(), LDS_BYTES);
    memcpy(p.memory, w.memory.data(), MEMORY_BYTES);
    p.wave->scc = w.scc;
    p.wave->mode = w.mode;
    p.wave->ip = &p.page->slots[(w.pc - CODE_VA) / 4];
}

void Machine::store(Wave &w) const
{
    const Parts &p = *parts;
    memcpy(w.v.data(), p.v, 512 * LANES * 4);
    memcpy(w.s.data(), p.wave->s, sizeof(p.wave->s));
    memcpy(w.lds.data(), p.lds, LDS_BYTES);
    memcpy(w.memory.data(), p.memory, MEMORY_BYTES);
    w.scc = p.wave->scc;
    w.mode = p.wave->mode;
}

std::string Machine::run(const std::vector<uint32_t> &code, unsigned limit)
{
    Parts &p = *parts;
    std::vector<uint32_t> words = code;
    words.resize(code.size() + 3);
    for (size_t i = 0; i < code.size(); i++)
        p.page->slots[i].fn = nullptr;
    for (; limit; limit--) {
        const size_t slot = static_cast<size_t>(p.wave->ip - p.page->slots);
        if (slot >= code.size())
            return "ran out of the program";
        sg_inst *inst = &p.page->slots[slot];
        if (!inst->fn)
            sg_decode(p.isa, &words[slot], 3, inst);
        p.wave->ip = inst + inst->dwords;
        p.wave->current = inst;
        const sg_next next = inst->fn(p.wave, inst);
        if (next == SG_END)
            return "";
        if (next != SG_NEXT)
            return "stopped (" + std::to_string(next) + ") at " + text(&words[slot]);
    }
    return "";
}

namespace
{
bool neighbours(uint64_t x, uint64_t y)
{
    return x - y + 1 <= 2;
}

std::string hex(const char *what, unsigned at, int lane, uint32_t is, uint32_t should)
{
    char line[128];
    if (lane >= 0)
        snprintf(line, sizeof(line), "%s%u lane %d is %08x, should be %08x", what, at, lane, is,
                 should);
    else
        snprintf(line, sizeof(line), "%s%u is %08x, should be %08x", what, at, is, should);
    return line;
}

std::string bytes_differ(const char *what, const uint8_t *is, const uint8_t *should, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        if (is[i] != should[i])
            return hex(what, i, -1, is[i], should[i]);
    return "";
}
} // namespace

std::string Machine::difference(const Wave &expected, unsigned vgprs, const std::string &types,
                                unsigned about) const
{
    const Parts &p = *parts;
    const bool loose = types.find('~') != std::string::npos;
    for (unsigned half = 0; half < 512; half += ACC0)
        for (unsigned reg = half; reg < half + vgprs; reg++) {
            if (!memcmp(p.v[reg], expected.v[reg].data(), sizeof(p.v[reg])))
                continue;
            for (unsigned lane = 0; lane < LANES; lane++) {
                uint64_t is = p.v[reg][lane], should = expected.v[reg][lane];
                if (is == should)
                    continue;
                if (loose && reg == about && !is_wide(types[0]) && neighbours(is, should))
                    continue;
                if (loose && is_wide(types[0]) && (reg == about || reg == about + 1) &&
                    neighbours(uint64_t(p.v[about + 1][lane]) << 32 | p.v[about][lane],
                               uint64_t(expected.v[about + 1][lane]) << 32 |
                                   expected.v[about][lane]))
                    continue;
                return hex(half ? "a" : "v", reg - half, static_cast<int>(lane),
                           static_cast<uint32_t>(is), static_cast<uint32_t>(should));
            }
        }
    for (unsigned reg = 0; reg < 128; reg++)
        if (p.wave->s[reg] != expected.s[reg])
            return hex("s", reg, -1, p.wave->s[reg], expected.s[reg]);
    if (p.wave->scc != expected.scc)
        return hex("scc", 0, -1, p.wave->scc, expected.scc);
    if (p.wave->mode != expected.mode)
        return hex("mode", 0, -1, p.wave->mode, expected.mode);
    const uint64_t pc = CODE_VA + 4 * static_cast<uint64_t>(p.wave->ip - p.page->slots);
    if (pc != expected.pc)
        return hex("pc", 0, -1, static_cast<uint32_t>(pc), static_cast<uint32_t>(expected.pc));
    std::string lds = bytes_differ("LDS byte ", p.lds, expected.lds.data(), LDS_BYTES);
    return !lds.empty()
               ? lds
               : bytes_differ("memory byte ", p.memory, expected.memory.data(), MEMORY_BYTES);
}
} // namespace ref
