// SPDX-License-Identifier: MIT
// Every load, store and atomic of the FLAT family, MUBUF, SMEM and DS, called as op functions on a
// wave made by hand, against a byte-wise model written from the ISA document: random addresses and
// EXEC, elements that straddle pages, all addressing forms.
#include "exec_internals.hpp"

#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <string>

static const uint64_t BASE = 0x7ead00000000;
static const uint64_t LDS_APERTURE = 1ull << 48, SCRATCH_APERTURE = 2ull << 48;
static const unsigned PAGES = 6;

using lanes = std::array<uint32_t, 64>;

// One wave with its workgroup and memory, and the model of that memory.
struct machine {
    sg_vm *vm = sg_vm_create();
    std::unique_ptr<shuffled_memory> memory;
    std::vector<uint8_t> model, lds, lds_model;
    std::unique_ptr<sg_tlb> tlb{new sg_tlb};
    sg_dispatch dispatch{};
    sg_workgroup group{};
    std::unique_ptr<sg_wave> wave{new sg_wave{}};
    std::vector<uint32_t> registers;
    std::mt19937_64 random;
    std::vector<lanes> before; // registers, to see what changed

    explicit machine(uint64_t salt) : lds(2048 + 64), random(test_seed() + salt)
    {
        memory.reset(
            new shuffled_memory(vm, BASE, PAGES, SG_PTE_READ | SG_PTE_WRITE | SG_PTE_WINDOW));
        registers.resize(512 * 64 + 16);
        uintptr_t aligned = (reinterpret_cast<uintptr_t>(registers.data()) + 63) & ~uintptr_t(63);
        wave->v = reinterpret_cast<uint32_t(*)[64]>(aligned);
        wave->tlb = tlb.get();
        wave->group = &group;
        wave->exec_expanded = 0;
        group.dispatch = &dispatch;
        group.lds = lds.data();
        group.lds_bytes = 2048;
        group.wave_count = 1;
        dispatch.vm = vm;
        dispatch.lds_aperture = LDS_APERTURE;
        dispatch.scratch_aperture = SCRATCH_APERTURE;
        sg_tlb_init(tlb.get());
        sg_tlb_begin(tlb.get(), vm);
    }
    ~machine()
    {
        memory.reset();
        sg_vm_destroy(vm);
    }
    void shuffle_memory()
    {
        model.resize(memory->bytes());
        std::generate(model.begin(), model.end(), [&] { return uint8_t(random()); });
        memory->fill(model);
        std::generate(lds.begin(), lds.end(), [&] { return uint8_t(random()); });
        lds_model = lds;
    }
    void random_registers(unsigned count = 32)
    {
        for (unsigned r = 0; r < count; r++)
            for (unsigned i = 0; i < 64; i++)
                wave->v[r][i] = uint32_t(random());
        uint64_t exec = random();
        switch (random() % 6) {
        case 0:
            exec = UINT64_MAX;
            break;
        case 1:
            exec = (1ull << random() % 64) | 1ull << random() % 64;
            break;
        case 2:
            exec = UINT64_MAX << random() % 64;
            break;
        case 3:
            exec = UINT64_MAX >> random() % 64;
            break;
        default:;
        }
        if (random() % 50 == 0)
            exec = 0;
        sg_set_s64(wave.get(), SG_S_EXEC, exec);
        before.assign(count, {});
        for (unsigned r = 0; r < count; r++)
            std::copy_n(wave->v[r], 64, before[r].begin());
    }
    bool active(unsigned lane) const
    {
        return sg_exec(wave.get()) >> lane & 1;
    }
    // Offsets into the memory, in one of the patterns that the executor treats on its own.
    std::array<uint64_t, 64> offsets(unsigned bytes, bool aligned)
    {
        std::array<uint64_t, 64> out;
        uint64_t limit = memory->bytes() - 64 * 16, unit = aligned ? bytes : 1;
        uint64_t start = random() % limit / unit * unit;
        if (random() % 2) { // ends of a page are where it goes wrong
            uint64_t page = (1 + random() % (PAGES - 2)) * SG_PAGE_BYTES;
            start = (page - random() % (64 * bytes)) / unit * unit;
        }
        unsigned pattern = unsigned(random() % 5);
        for (unsigned i = 0; i < 64; i++) {
            if (pattern < 2)
                out[i] = start + i * bytes;
            else if (pattern == 4) // rows of a tile
                out[i] =
                    i % 16 ? out[i - 1] + bytes : random() % (limit - 16 * bytes) / unit * unit;
            else if (pattern == 2)
                out[i] = start;
            else
                out[i] = random() % limit / unit * unit;
        }
        return out;
    }
};

extern "C" {
extern const sg_op_set sg_ops_flat_v3, sg_ops_flat_v4, sg_ops_buffer_v3, sg_ops_buffer_v4,
    sg_ops_ds_v3, sg_ops_ds_v4;
}

// The op function by name: by turns that for any CPU, for AVX2, for AVX-512, as far as this CPU has
// them.
static const sg_op_entry *find(const sg_op_set &set, const std::string &name)
{
    static unsigned turn;
    const sg_op_set *variants[] = {&set, &set, &set};
    const char *label;
    if (sg_vector_variant(1, &label))
        variants[1] = &set == &sg_ops_flat     ? &sg_ops_flat_v3
                      : &set == &sg_ops_buffer ? &sg_ops_buffer_v3
                      : &set == &sg_ops_ds     ? &sg_ops_ds_v3
                                               : &set;
    if (sg_vector_variant(2, &label))
        variants[2] = &set == &sg_ops_flat     ? &sg_ops_flat_v4
                      : &set == &sg_ops_buffer ? &sg_ops_buffer_v4
                      : &set == &sg_ops_ds     ? &sg_ops_ds_v4
                                               : &set;
    const sg_op_set &chosen = *variants[turn++ % 3];
    for (size_t i = 0; i < chosen.count; i++)
        if (name == chosen.entries[i].mnemonic)
            return &chosen.entries[i];
    FAIL("no op function for " << name);
    return nullptr;
}

// A fresh instruction of the memory encodings.
static sg_inst instruction(sg_op_fn *fn)
{
    sg_inst inst = {};
    inst.fn = fn;
    inst.dwords = 2;
    inst.mem.saddr = inst.mem.soffset = SG_SRC_NONE;
    inst.dst = SG_SRC_NONE;
    return inst;
}

// What a load or store moves, from its name.
struct shape {
    const char *name;
    bool store;
    unsigned bytes;
    bool is_signed;
    int half; // -1: whole register, 0: low half, 1: high half
};
static const shape shapes[] = {
    {"load_ubyte", false, 1, false, -1},    {"load_sbyte", false, 1, true, -1},
    {"load_ushort", false, 2, false, -1},   {"load_sshort", false, 2, true, -1},
    {"load_dword", false, 4, false, -1},    {"load_dwordx2", false, 8, false, -1},
    {"load_dwordx3", false, 12, false, -1}, {"load_dwordx4", false, 16, false, -1},
    {"load_ubyte_d16", false, 1, false, 0}, {"load_ubyte_d16_hi", false, 1, false, 1},
    {"load_sbyte_d16", false, 1, true, 0},  {"load_sbyte_d16_hi", false, 1, true, 1},
    {"load_short_d16", false, 2, false, 0}, {"load_short_d16_hi", false, 2, false, 1},
    {"store_byte", true, 1, false, -1},     {"store_byte_d16_hi", true, 1, false, 1},
    {"store_short", true, 2, false, -1},    {"store_short_d16_hi", true, 2, false, 1},
    {"store_dword", true, 4, false, -1},    {"store_dwordx2", true, 8, false, -1},
    {"store_dwordx3", true, 12, false, -1}, {"store_dwordx4", true, 16, false, -1},
};

// The registers after a load of `bytes` whose byte b is get(b).
static std::vector<uint32_t> loaded(const shape &s, std::vector<uint32_t> old,
                                    const std::function<uint8_t(unsigned)> &get)
{
    std::vector<uint32_t> result = old;
    if (s.bytes >= 4) {
        for (unsigned b = 0; b < s.bytes; b++) {
            if (b % 4 == 0)
                result[b / 4] = 0;
            result[b / 4] |= uint32_t(get(b)) << 8 * (b % 4);
        }
        return result;
    }
    uint32_t value = get(0);
    if (s.bytes == 2)
        value |= uint32_t(get(1)) << 8;
    if (s.is_signed)
        value = s.bytes == 1 ? uint32_t(int32_t(int8_t(value))) : uint32_t(int32_t(int16_t(value)));
    if (s.half == 0)
        value = (old[0] & 0xffff0000) | (value & 0xffff);
    else if (s.half == 1)
        value = (old[0] & 0xffff) | value << 16;
    result[0] = value;
    return result;
}

static uint8_t stored_byte(const shape &s, const std::vector<uint32_t> &registers, unsigned b)
{
    return uint8_t(registers[b / 4] >> (8 * (b % 4) + (s.half == 1 ? 16 : 0)));
}

// Run the instruction and compare with the model, where byte b of lane i is at place(i, b),
// nullptr: nowhere.
static void check_access(machine &m, const shape &s, const sg_inst &inst, unsigned data,
                         const std::function<uint8_t *(unsigned, unsigned)> &place)
{
    INFO("seed " << test_seed() << " " << s.name << " exec " << std::hex << sg_exec(m.wave.get()));
    unsigned words = (s.bytes + 3) / 4;
    std::vector<std::vector<uint32_t>> expected(64);
    for (unsigned i = 0; i < 64; i++) {
        std::vector<uint32_t> old;
        for (unsigned k = 0; k < words; k++)
            old.push_back(m.before[data + k][i]);
        if (m.active(i) && !s.store) {
            old = loaded(s, old, [&](unsigned b) {
                uint8_t *p = place(i, b);
                return p ? *p : uint8_t(0);
            });
        } else if (m.active(i)) {
            for (unsigned b = 0; b < s.bytes; b++)
                if (uint8_t *p = place(i, b))
                    *p = stored_byte(s, old, b);
        }
        expected[i] = old;
    }
    REQUIRE(inst.fn(m.wave.get(), &inst) == SG_NEXT);
    bool good = true;
    for (unsigned r = 0; r < m.before.size(); r++)
        for (unsigned i = 0; i < 64; i++) {
            uint32_t want = r >= data && r < data + words ? expected[i][r - data] : m.before[r][i];
            if (m.wave->v[r][i] != want && good) {
                good = false;
                FAIL_CHECK("v" << std::dec << r << " lane " << i << std::hex << " is "
                               << m.wave->v[r][i] << ", should be " << want);
            }
        }
    REQUIRE(good);
    REQUIRE(m.memory->contents() == m.model);
    REQUIRE(m.lds == m.lds_model);
}

static void put_address(machine &m, unsigned reg, unsigned lane, uint64_t va)
{
    m.wave->v[reg][lane] = uint32_t(va);
    m.wave->v[reg + 1][lane] = uint32_t(va >> 32);
    m.before[reg][lane] = m.wave->v[reg][lane];
    m.before[reg + 1][lane] = m.wave->v[reg + 1][lane];
}

TEST_CASE("flat and global loads and stores, any alignment, across pages")
{
    machine m(1);
    for (const char *prefix : {"flat_", "global_"})
        for (const shape &s : shapes)
            for (int round = 0; round < 200; round++) {
                m.shuffle_memory();
                m.random_registers();
                sg_inst inst = instruction(find(sg_ops_flat, prefix + std::string(s.name))->fn);
                auto at = m.offsets(s.bytes, m.random() % 2);
                inst.mem.vaddr = 2;
                inst.mem.vdata = 8;
                bool global = prefix[0] == 'g';
                inst.mem.offset =
                    int32_t(m.random() % (global ? 8192 : 4096)) - (global ? 4096 : 0);
                inst.mem.glc = m.random() % 2;
                if (global && m.random() % 2) {
                    inst.mem.saddr = 10;
                    sg_set_s64(m.wave.get(), 10, BASE - 8192);
                    for (unsigned i = 0; i < 64; i++)
                        put_address(
                            m, 2, i,
                            (uint64_t(m.before[3][i]) << 32) |
                                uint32_t(at[i] + 8192 - uint64_t(int64_t(inst.mem.offset))));
                } else {
                    for (unsigned i = 0; i < 64; i++)
                        put_address(m, 2, i, BASE + at[i] - uint64_t(int64_t(inst.mem.offset)));
                }
                check_access(m, s, inst, 8,
                             [&](unsigned i, unsigned b) { return &m.model[at[i] + b]; });
            }
}

TEST_CASE("a load may overwrite its own address registers")
{
    machine m(2);
    for (int round = 0; round < 100; round++) {
        m.shuffle_memory();
        m.random_registers();
        sg_inst inst = instruction(find(sg_ops_flat, "global_load_dwordx4")->fn);
        auto at = m.offsets(16, false);
        inst.mem.vaddr = inst.mem.vdata = 4;
        for (unsigned i = 0; i < 64; i++)
            put_address(m, 4, i, BASE + at[i]);
        check_access(m, shapes[7], inst, 4,
                     [&](unsigned i, unsigned b) { return &m.model[at[i] + b]; });
    }
}

// Byte `at` of lane's private memory, from the ISA document: dwords of the lanes side by side.
static uint64_t private_place(uint32_t at, unsigned lane)
{
    return uint64_t(at / 4) * 256 + lane * 4 + at % 4;
}

TEST_CASE("scratch instructions and flat accesses to the private aperture")
{
    machine m(3);
    const uint64_t base_offset = 64;
    for (const char *prefix : {"scratch_", "flat_"})
        for (const shape &s : shapes)
            for (int round = 0; round < 100; round++) {
                m.shuffle_memory();
                m.random_registers();
                sg_inst inst = instruction(find(sg_ops_flat, prefix + std::string(s.name))->fn);
                sg_set_s64(m.wave.get(), SG_S_FLAT_SCRATCH, BASE + base_offset);
                const uint32_t limit = PAGES * 4096 / 256 - 16; // of the private memory of a lane
                std::array<uint32_t, 64> at;
                bool uniform = m.random() % 2, aligned = m.random() % 2;
                uint32_t one = uint32_t(m.random()) % limit;
                for (auto &a : at) {
                    a = uniform ? one : uint32_t(m.random()) % limit;
                    a = aligned ? a / 4 * 4 : a;
                }
                inst.mem.vaddr = 2;
                inst.mem.vdata = 8;
                inst.mem.offset = int32_t(m.random() % 64);
                if (prefix[0] == 's' && m.random() % 2) {
                    inst.mem.saddr = 20;
                    m.wave->s[20] = at[0] = one;
                    at.fill(one);
                    m.wave->s[20] -= uint32_t(inst.mem.offset);
                } else {
                    for (unsigned i = 0; i < 64; i++) {
                        // The aperture's low half is the offset: no borrow into the high half.
                        uint32_t low = at[i] < uint32_t(inst.mem.offset)
                                           ? 0
                                           : at[i] - uint32_t(inst.mem.offset);
                        at[i] = low + uint32_t(inst.mem.offset);
                        put_address(m, 2, i, SCRATCH_APERTURE | low);
                    }
                }
                check_access(m, s, inst, 8, [&](unsigned i, unsigned b) {
                    return &m.model[base_offset + private_place(at[i] + b, i)];
                });
            }
}

TEST_CASE("flat accesses whose lanes lie in memory, LDS and private memory at once")
{
    machine m(4);
    for (const shape &s : shapes)
        for (int round = 0; round < 60; round++) {
            m.shuffle_memory();
            m.random_registers();
            sg_inst inst = instruction(find(sg_ops_flat, "flat_" + std::string(s.name))->fn);
            sg_set_s64(m.wave.get(), SG_S_FLAT_SCRATCH, BASE);
            inst.mem.vaddr = 2;
            inst.mem.vdata = 8;
            std::array<uint64_t, 64> va;
            bool only_lds = m.random() % 3 == 0;
            for (unsigned i = 0; i < 64; i++) {
                switch (only_lds ? 0 : m.random() % 3) {
                case 0: // some beyond the end of LDS
                    va[i] = LDS_APERTURE | m.random() % 2200;
                    break;
                case 1:
                    va[i] = SCRATCH_APERTURE | m.random() % (2 * 4096 / 64 - 16);
                    break;
                default:
                    va[i] = BASE + 2 * 4096 + m.random() % (3 * 4096);
                }
                put_address(m, 2, i, va[i]);
            }
            check_access(m, s, inst, 8, [&](unsigned i, unsigned b) -> uint8_t * {
                uint32_t low = uint32_t(va[i]);
                if (va[i] >> 32 == LDS_APERTURE >> 32)
                    return low + s.bytes <= 2048 ? &m.lds_model[low + b] : nullptr;
                if (va[i] >> 32 == SCRATCH_APERTURE >> 32)
                    return &m.model[private_place(low + b, i)];
                return &m.model[va[i] - BASE + b];
            });
        }
}

TEST_CASE("buffer loads and stores: linear, structured, swizzled, out of range")
{
    machine m(5);
    for (const shape &s : shapes)
        for (int round = 0; round < 300; round++) {
            m.shuffle_memory();
            m.random_registers();
            sg_inst inst = instruction(find(sg_ops_buffer, "buffer_" + std::string(s.name))->fn);
            inst.mem.vaddr = 2;
            inst.mem.vdata = 8;
            inst.mem.saddr = 40;
            inst.mem.soffset = 50;
            inst.mem.offset = int32_t(m.random() % 512);
            inst.mem.offen = m.random() % 2;
            inst.mem.idxen = m.random() % 2;
            bool swizzle = m.random() % 2, add_tid = m.random() % 2;
            uint32_t stride = m.random() % 2 ? 16 : 0, index_stride_code = uint32_t(m.random() % 4);
            uint32_t soffset = uint32_t(m.random() % 100 * 4);
            uint32_t unit = s.bytes >= 4 ? 4 : s.bytes;
            if (swizzle) // dwords stay whole, and 64 lanes of them inside of the memory
                inst.mem.offset = inst.mem.offset % 64 & ~int32_t(unit - 1);
            uint32_t records = stride ? 40 : 1500;
            uint32_t *srd = &m.wave->s[40];
            uint64_t buffer_base = BASE + 256 + m.random() % 4 * 4;
            srd[0] = uint32_t(buffer_base);
            srd[1] = uint32_t(buffer_base >> 32) | stride << 16 | uint32_t(swizzle) << 31;
            srd[2] = records;
            srd[3] = index_stride_code << 21 | uint32_t(add_tid) << 23;
            m.wave->s[50] = soffset;
            for (unsigned i = 0; i < 64; i++) {
                uint32_t index = uint32_t(m.random() % 48),
                         offset = uint32_t(m.random() % 16) * unit;
                if (inst.mem.idxen && inst.mem.offen)
                    put_address(m, 2, i, uint64_t(offset) << 32 | index);
                else
                    put_address(m, 2, i, inst.mem.idxen ? index : offset);
            }
            auto place_of = [&](unsigned i, unsigned b) -> uint8_t * {
                uint32_t index = (inst.mem.idxen ? m.before[2][i] : 0) + (add_tid ? i : 0);
                uint32_t offset = uint32_t(inst.mem.offset) + b / 4 * 4;
                if (inst.mem.offen)
                    offset += m.before[inst.mem.idxen ? 3 : 2][i];
                uint64_t place;
                bool inside;
                if (swizzle) {
                    uint32_t span = 8u << index_stride_code;
                    place = soffset + (uint64_t(index / span) * stride + offset / 4 * 4) * span +
                            index % span * 4 + offset % 4;
                    inside = stride ? index < records : offset < records - soffset;
                } else {
                    place = soffset + offset + uint64_t(stride) * index;
                    inside = stride ? index < records
                                    : offset + uint64_t(stride) * index < records - soffset;
                }
                uint64_t in_memory = buffer_base - BASE + place + b % 4;
                if (inside && in_memory >= m.model.size())
                    FAIL("the test goes beyond its memory");
                return inside ? &m.model[in_memory] : nullptr;
            };
            // Which lane wins where several write the same byte is not defined: then one lane is
            // enough.
            std::set<uint8_t *> written;
            for (unsigned i = 0; i < 64 && s.store; i++)
                for (unsigned b = 0; b < s.bytes && m.active(i); b++)
                    if (uint8_t *p = place_of(i, b); p && !written.insert(p).second)
                        sg_set_s64(m.wave.get(), SG_S_EXEC, 1ull << i);
            check_access(m, s, inst, 8, place_of);
        }
}

// ---- atomics: from the ISA document's pseudo code

using rmw = std::function<uint64_t(uint64_t memory, uint64_t data, uint64_t compare)>;
struct atomic_shape {
    const char *name;
    rmw narrow, wide;
};
template <class U, class S> static uint64_t apply(const std::string &name, U mem, U data, U compare)
{
    if (name == "swap")
        return data;
    if (name == "cmpswap")
        return mem == compare ? data : mem;
    if (name == "add")
        return U(mem + data);
    if (name == "sub")
        return U(mem - data);
    if (name == "smin")
        return U(std::min(S(mem), S(data)));
    if (name == "umin")
        return std::min(mem, data);
    if (name == "smax")
        return U(std::max(S(mem), S(data)));
    if (name == "umax")
        return std::max(mem, data);
    if (name == "and")
        return mem & data;
    if (name == "or")
        return mem | data;
    if (name == "xor")
        return mem ^ data;
    if (name == "inc")
        return mem >= data ? 0 : U(mem + 1);
    if (name == "dec")
        return mem == 0 || mem > data ? data : U(mem - 1);
    FAIL("unknown atomic " << name);
    return 0;
}
static const char *const atomic_names[] = {"swap", "cmpswap", "add", "sub", "smin", "umin", "smax",
                                           "umax", "and",     "or",  "xor", "inc",  "dec"};

static uint64_t get_le(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, p, bytes);
    return value;
}

static void check_atomic(machine &m, const std::string &name, sg_inst &inst, unsigned bytes,
                         const std::array<uint64_t, 64> &at, unsigned data, unsigned result)
{
    INFO("seed " << test_seed() << " " << name << " " << bytes << " bytes");
    unsigned words = bytes / 4;
    std::vector<lanes> expected = m.before;
    for (unsigned i = 0; i < 64; i++) {
        if (!m.active(i))
            continue;
        auto reg = [&](unsigned r) {
            return uint64_t(m.before[r][i]) | (words == 2 ? uint64_t(m.before[r + 1][i]) << 32 : 0);
        };
        uint64_t old = get_le(&m.model[at[i]], bytes), compare = reg(data + words);
        uint64_t value = bytes == 4
                             ? apply<uint32_t, int32_t>(name, uint32_t(old), uint32_t(reg(data)),
                                                        uint32_t(compare))
                             : apply<uint64_t, int64_t>(name, old, reg(data), compare);
        memcpy(&m.model[at[i]], &value, bytes);
        if (inst.mem.glc)
            for (unsigned k = 0; k < words; k++)
                expected[result + k][i] = uint32_t(old >> 32 * k);
    }
    REQUIRE(inst.fn(m.wave.get(), &inst) == SG_NEXT);
    REQUIRE(m.memory->contents() == m.model);
    for (unsigned r = 0; r < m.before.size(); r++)
        REQUIRE(std::equal(m.wave->v[r], m.wave->v[r] + 64, expected[r].begin()));
}

TEST_CASE("memory atomics of 32 and 64 bits, with and without return, lanes that collide")
{
    machine m(6);
    for (const std::string prefix : {"flat_atomic_", "global_atomic_", "buffer_atomic_"})
        for (const std::string name : atomic_names)
            for (unsigned bytes : {4u, 8u})
                for (int round = 0; round < 40; round++) {
                    m.shuffle_memory();
                    m.random_registers();
                    bool buffer = prefix[0] == 'b';
                    const sg_op_set &set = buffer ? sg_ops_buffer : sg_ops_flat;
                    sg_inst inst =
                        instruction(find(set, prefix + name + (bytes == 8 ? "_x2" : ""))->fn);
                    auto at = m.offsets(bytes, true);
                    inst.mem.vaddr = 2;
                    inst.mem.vdata = 8;
                    inst.mem.glc = m.random() % 2;
                    inst.dst = uint16_t(SG_SRC_VGPR0 + (buffer ? 8 : 16));
                    if (name == "cmpswap" && round % 2) // make some succeed
                        for (unsigned i = 0; i < 64; i++)
                            for (unsigned k = 0; k < bytes / 4; k++)
                                m.wave->v[8 + bytes / 4 + k][i] = m.before[8 + bytes / 4 + k][i] =
                                    uint32_t(get_le(&m.model[at[i] + 4 * k], 4));
                    if (buffer) {
                        inst.mem.saddr = 40;
                        inst.mem.soffset = 128; // the constant 0
                        inst.mem.offen = true;
                        m.wave->s[40] = uint32_t(BASE);
                        m.wave->s[41] = uint32_t(BASE >> 32);
                        m.wave->s[42] = 0xffffffff;
                        m.wave->s[43] = 0;
                    }
                    for (unsigned i = 0; i < 64; i++)
                        put_address(m, 2, i, (buffer ? 0 : BASE) + at[i]);
                    check_atomic(m, name, inst, bytes, at, 8, buffer ? 8 : 16);
                }
}

TEST_CASE("a misaligned atomic and an unmapped, a read-only and a non-canonical address fault")
{
    machine m(7);
    shuffled_memory read_only(m.vm, BASE + (1 << 30), 1, SG_PTE_READ);
    m.shuffle_memory();
    m.random_registers();
    sg_set_s64(m.wave.get(), SG_S_EXEC, 1ull << 5);
    auto run = [&](const char *name, uint64_t va) {
        sg_inst inst = instruction(find(sg_ops_flat, name)->fn);
        inst.mem.vaddr = 2;
        inst.mem.vdata = 8;
        inst.dst = SG_SRC_VGPR0 + 16;
        put_address(m, 2, 5, va);
        m.wave->fault = {};
        return inst.fn(m.wave.get(), &inst);
    };
    CHECK(run("global_atomic_add", BASE + 2) == SG_FAULT);
    CHECK(run("global_load_dword", BASE + PAGES * 4096) == SG_FAULT);
    CHECK(m.wave->fault.va == BASE + PAGES * 4096);
    CHECK(m.wave->fault.reason == SG_FAULT_NOT_PRESENT);
    CHECK_FALSE(m.wave->fault.write);
    CHECK(run("global_load_dword", BASE + PAGES * 4096 - 3) == SG_FAULT);
    CHECK(m.wave->fault.va == BASE + PAGES * 4096);
    CHECK(run("global_store_dwordx4", BASE + PAGES * 4096 - 8) == SG_FAULT);
    CHECK(m.memory->contents() == m.model);
    CHECK(run("global_load_dword", BASE + (1 << 30)) == SG_NEXT);
    CHECK(run("global_store_byte", BASE + (1 << 30) + 17) == SG_FAULT);
    CHECK(m.wave->fault.va == BASE + (1 << 30));
    CHECK(m.wave->fault.reason == SG_FAULT_READ_ONLY);
    CHECK(m.wave->fault.write);
    CHECK(run("global_atomic_or", BASE + (1 << 30)) == SG_FAULT);
    CHECK(run("global_load_dword", BASE | 1ull << 60) == SG_FAULT);
    CHECK(run("flat_load_dword", 0) == SG_FAULT);
    CHECK(m.wave->fault.va == 0);
}

TEST_CASE("window bytes are counted once for every byte that is moved")
{
    machine m(8);
    m.shuffle_memory();
    m.random_registers();
    sg_inst inst = instruction(find(sg_ops_flat, "global_load_dwordx2")->fn);
    inst.mem.vaddr = 2;
    inst.mem.vdata = 8;
    sg_set_s64(m.wave.get(), SG_S_EXEC, 0xffff00000000ffff);
    for (unsigned i = 0; i < 64; i++)
        put_address(m, 2, i, BASE + 4096 - 12 + 8 * i);
    REQUIRE(inst.fn(m.wave.get(), &inst) == SG_NEXT);
    CHECK(m.tlb->window_read == 32 * 8);
    CHECK(m.tlb->window_written == 0);
}

// ---- scalar memory

TEST_CASE("scalar loads and stores of 1 to 16 dwords, across pages, in buffers")
{
    machine m(9);
    for (bool store : {false, true})
        for (bool buffer : {false, true})
            for (unsigned dwords : {1u, 2u, 4u, 8u, 16u})
                for (int round = 0; round < 200 && !(store && dwords > 4); round++) {
                    m.shuffle_memory();
                    std::string name = std::string("s_") + (buffer ? "buffer_" : "") +
                                       (store ? "store" : "load") + "_dword" +
                                       (dwords > 1 ? "x" + std::to_string(dwords) : "");
                    INFO("seed " << test_seed() << " " << name);
                    sg_inst inst = instruction(find(sg_ops_smem, name)->fn);
                    for (unsigned r = 0; r < 102; r++)
                        m.wave->s[r] = uint32_t(m.random());
                    uint64_t at = m.random() % (m.model.size() - 64);
                    if (m.random() % 2)
                        at = 4096 * (1 + m.random() % 4) - m.random() % 64;
                    at = at / 4 * 4;
                    inst.mem.saddr = 60;
                    inst.mem.vdata = uint16_t(inst.dst = 16);
                    inst.mem.offset = int32_t(m.random() % 128) * 4;
                    if (m.random() % 2) {
                        inst.mem.soffset = 70;
                        m.wave->s[70] = uint32_t(m.random() % 64) * 4;
                    }
                    uint64_t sum =
                        uint64_t(inst.mem.offset) + (inst.mem.soffset == 70 ? m.wave->s[70] : 0);
                    uint64_t size = buffer ? sum + m.random() % 20 * 4 : UINT64_MAX;
                    sg_set_s64(m.wave.get(), 60, BASE + at - sum);
                    if (buffer)
                        m.wave->s[62] = uint32_t(size);
                    std::vector<uint32_t> expected(m.wave->s, m.wave->s + 102);
                    for (unsigned k = 0; k < dwords; k++) {
                        bool inside = !buffer || sum + 4 * k + 4 <= size;
                        if (store && inside)
                            memcpy(&m.model[at + 4 * k], &m.wave->s[16 + k], 4);
                        else if (!store)
                            expected[16 + k] =
                                inside ? uint32_t(get_le(&m.model[at + 4 * k], 4)) : 0;
                    }
                    REQUIRE(inst.fn(m.wave.get(), &inst) == SG_NEXT);
                    REQUIRE(std::equal(expected.begin(), expected.end(), m.wave->s));
                    REQUIRE(m.memory->contents() == m.model);
                }
}

TEST_CASE("scalar atomics")
{
    machine m(10);
    for (const std::string name : atomic_names)
        for (unsigned bytes : {4u, 8u})
            for (int round = 0; round < 30; round++) {
                m.shuffle_memory();
                sg_inst inst = instruction(
                    find(sg_ops_smem, "s_atomic_" + name + (bytes == 8 ? "_x2" : ""))->fn);
                INFO("seed " << test_seed() << " " << name);
                uint64_t at = m.random() % (m.model.size() / 8) * 8;
                for (unsigned r = 0; r < 102; r++)
                    m.wave->s[r] = uint32_t(m.random());
                sg_set_s64(m.wave.get(), 60, BASE + at);
                inst.mem.saddr = 60;
                inst.mem.vdata = 16;
                inst.mem.glc = round % 2;
                uint64_t old = get_le(&m.model[at], bytes);
                uint64_t data = bytes == 4 ? m.wave->s[16] : sg_s64(m.wave.get(), 16);
                if (name == "cmpswap" && round % 3)
                    memcpy(&m.wave->s[16 + bytes / 4], &old, bytes);
                uint64_t compare = bytes == 4 ? m.wave->s[17] : sg_s64(m.wave.get(), 18);
                uint64_t value = bytes == 4
                                     ? apply<uint32_t, int32_t>(name, uint32_t(old), uint32_t(data),
                                                                uint32_t(compare))
                                     : apply<uint64_t, int64_t>(name, old, data, compare);
                memcpy(&m.model[at], &value, bytes);
                REQUIRE(inst.fn(m.wave.get(), &inst) == SG_NEXT);
                CHECK(m.memory->contents() == m.model);
                uint64_t left = bytes == 4 ? m.wave->s[16] : sg_s64(m.wave.get(), 16);
                CHECK(left == (inst.mem.glc ? old : data));
            }
}

// ---- LDS

static sg_inst ds(const std::string &name, bool two_offsets, machine &m)
{
    sg_inst inst = instruction(find(sg_ops_ds, name)->fn);
    inst.mem.vaddr = 2;
    inst.mem.vdata = 8;
    inst.mem.vdata1 = 12;
    inst.dst = SG_SRC_VGPR0 + 16;
    inst.mem.offset = int32_t(m.random() % (two_offsets ? 8 : 256));
    inst.mem.offset1 = uint8_t(m.random() % 8);
    return inst;
}

// Lane addresses: side by side, or anywhere, a few beyond the end.
static void ds_addresses(machine &m, unsigned bytes)
{
    uint32_t start = uint32_t(m.random() % 1024) / bytes * bytes;
    bool row = m.random() % 2;
    for (unsigned i = 0; i < 64; i++)
        put_address(m, 2, i, row ? start + i * bytes : m.random() % 2100);
}

static void check_lds(machine &m, const sg_inst &inst, const std::vector<lanes> &expected)
{
    REQUIRE(inst.fn(m.wave.get(), &inst) == SG_NEXT);
    REQUIRE(m.lds == m.lds_model);
    for (unsigned r = 0; r < m.before.size(); r++)
        REQUIRE(std::equal(m.wave->v[r], m.wave->v[r] + 64, expected[r].begin()));
}

static uint8_t *lds_place(machine &m, uint32_t at, unsigned bytes)
{
    return uint64_t(at) + bytes <= 2048 ? &m.lds_model[at] : nullptr;
}

TEST_CASE("LDS reads and writes of 1 to 16 bytes")
{
    struct ds_shape {
        const char *name;
        bool write;
        unsigned bytes;
        bool is_signed;
        int half;
    };
    static const ds_shape all[] = {
        {"ds_read_u8", false, 1, false, -1},     {"ds_read_i8", false, 1, true, -1},
        {"ds_read_u16", false, 2, false, -1},    {"ds_read_i16", false, 2, true, -1},
        {"ds_read_u8_d16", false, 1, false, 0},  {"ds_read_u8_d16_hi", false, 1, false, 1},
        {"ds_read_i8_d16", false, 1, true, 0},   {"ds_read_i8_d16_hi", false, 1, true, 1},
        {"ds_read_u16_d16", false, 2, false, 0}, {"ds_read_u16_d16_hi", false, 2, false, 1},
        {"ds_read_b32", false, 4, false, -1},    {"ds_read_b64", false, 8, false, -1},
        {"ds_read_b96", false, 12, false, -1},   {"ds_read_b128", false, 16, false, -1},
        {"ds_write_b8", true, 1, false, -1},     {"ds_write_b8_d16_hi", true, 1, false, 1},
        {"ds_write_b16", true, 2, false, -1},    {"ds_write_b16_d16_hi", true, 2, false, 1},
        {"ds_write_b32", true, 4, false, -1},    {"ds_write_b64", true, 8, false, -1},
        {"ds_write_b96", true, 12, false, -1},   {"ds_write_b128", true, 16, false, -1},
    };
    machine m(11);
    for (const ds_shape &d : all)
        for (int round = 0; round < 100; round++) {
            INFO("seed " << test_seed() << " " << d.name);
            const shape s = {d.name, d.write, d.bytes, d.is_signed, d.half};
            m.shuffle_memory();
            m.random_registers();
            sg_inst inst = ds(d.name, false, m);
            ds_addresses(m, d.bytes);
            auto expected = m.before;
            for (unsigned i = 0; i < 64; i++) {
                if (!m.active(i))
                    continue;
                uint8_t *p = lds_place(m, m.before[2][i] + uint32_t(inst.mem.offset), d.bytes);
                std::vector<uint32_t> data, old;
                for (unsigned k = 0; k < 4; k++) {
                    data.push_back(m.before[8 + k][i]);
                    old.push_back(m.before[16 + k][i]);
                }
                if (d.write) {
                    for (unsigned b = 0; p && b < d.bytes; b++)
                        p[b] = stored_byte(s, data, b);
                } else {
                    auto now = loaded(s, old, [&](unsigned b) { return p ? p[b] : uint8_t(0); });
                    for (unsigned k = 0; k < (d.bytes + 3) / 4; k++)
                        expected[16 + k][i] = now[k];
                }
            }
            check_lds(m, inst, expected);
        }
}

TEST_CASE("LDS reads, writes and exchanges of two elements")
{
    machine m(12);
    for (const std::string kind : {"read2", "write2", "wrxchg2"})
        for (bool st64 : {false, true})
            for (unsigned bytes : {4u, 8u})
                for (int round = 0; round < 60; round++) {
                    std::string name = "ds_" + kind + (st64 ? "st64" : "") +
                                       (kind == "wrxchg2" ? "_rtn" : "") +
                                       (bytes == 4 ? "_b32" : "_b64");
                    INFO("seed " << test_seed() << " " << name);
                    m.shuffle_memory();
                    m.random_registers();
                    sg_inst inst = ds(name, true, m);
                    ds_addresses(m, bytes);
                    uint32_t unit = bytes * (st64 ? 64 : 1);
                    auto expected = m.before;
                    for (unsigned i = 0; i < 64; i++)
                        for (unsigned e = 0; e < 2 && m.active(i); e++) {
                            uint32_t step = e ? inst.mem.offset1 : uint32_t(inst.mem.offset);
                            uint8_t *p = lds_place(m, m.before[2][i] + step * unit, bytes);
                            for (unsigned k = 0; k < bytes / 4; k++) {
                                if (kind != "write2")
                                    expected[16 + e * bytes / 4 + k][i] =
                                        p ? uint32_t(get_le(p + 4 * k, 4)) : 0;
                                if (kind != "read2" && p)
                                    memcpy(p + 4 * k, &m.before[(e ? 12 : 8) + k][i], 4);
                            }
                        }
                    check_lds(m, inst, expected);
                }
}

TEST_CASE("LDS atomics with and without return")
{
    static const struct {
        const char *ds, *model, *type, *wide;
    } all[] = {{"add", "add", "u32", "u64"},     {"sub", "sub", "u32", "u64"},
               {"inc", "inc", "u32", "u64"},     {"dec", "dec", "u32", "u64"},
               {"min", "smin", "i32", "i64"},    {"max", "smax", "i32", "i64"},
               {"min", "umin", "u32", "u64"},    {"max", "umax", "u32", "u64"},
               {"and", "and", "b32", "b64"},     {"or", "or", "b32", "b64"},
               {"xor", "xor", "b32", "b64"},     {"cmpst", "cmpswap", "b32", "b64"},
               {"wrxchg", "swap", "b32", "b64"}, {"rsub", "rsub", "u32", "u64"},
               {"mskor", "mskor", "b32", "b64"}};
    machine m(13);
    for (const auto &d : all)
        for (unsigned bytes : {4u, 8u})
            for (bool returns : {false, true})
                for (int round = 0; round < 40; round++) {
                    const std::string model = d.model;
                    if (model == "swap" && !returns)
                        continue;
                    std::string name = std::string("ds_") + d.ds + (returns ? "_rtn_" : "_") +
                                       (bytes == 4 ? d.type : d.wide);
                    INFO("seed " << test_seed() << " " << name);
                    m.shuffle_memory();
                    m.random_registers();
                    sg_inst inst = ds(name, false, m);
                    ds_addresses(m, bytes);
                    auto expected = m.before;
                    for (unsigned i = 0; i < 64; i++) {
                        if (!m.active(i))
                            continue;
                        auto reg = [&](unsigned r) {
                            return m.before[r][i] |
                                   (bytes == 8 ? uint64_t(m.before[r + 1][i]) << 32 : 0);
                        };
                        uint8_t *p =
                            lds_place(m, m.before[2][i] + uint32_t(inst.mem.offset), bytes);
                        if (p && round % 2 && model == "cmpswap") {
                            memcpy(&m.wave->v[8][i], p, 4);
                            m.before[8][i] = expected[8][i] = m.wave->v[8][i];
                            if (bytes == 8) {
                                memcpy(&m.wave->v[9][i], p + 4, 4);
                                m.before[9][i] = expected[9][i] = m.wave->v[9][i];
                            }
                        }
                        uint64_t old = p ? get_le(p, bytes) : 0, d0 = reg(8), d1 = reg(12), value;
                        if (model == "cmpswap") // data0 is compared with, data1 stored
                            value = old == d0 ? d1 : old;
                        else if (model == "rsub")
                            value = d0 - old;
                        else if (model == "mskor")
                            value = (old & ~d0) | d1;
                        else
                            value = bytes == 4 ? apply<uint32_t, int32_t>(model, uint32_t(old),
                                                                          uint32_t(d0), 0)
                                               : apply<uint64_t, int64_t>(model, old, d0, 0);
                        if (p)
                            memcpy(p, &value, bytes);
                        for (unsigned k = 0; returns && k < bytes / 4; k++)
                            expected[16 + k][i] = uint32_t(old >> 32 * k);
                    }
                    check_lds(m, inst, expected);
                }
}

TEST_CASE("permute, bpermute, swizzle, append, consume")
{
    machine m(14);
    for (int round = 0; round < 200; round++) {
        m.shuffle_memory();
        m.random_registers();
        INFO("seed " << test_seed() << " round " << round);
        auto expected = m.before;
        sg_inst inst;
        switch (round % 5) {
        case 0: {
            inst = ds("ds_permute_b32", false, m);
            lanes moved{};
            for (unsigned i = 0; i < 64; i++)
                if (m.active(i))
                    moved[(m.before[2][i] + uint32_t(inst.mem.offset)) / 4 % 64] = m.before[8][i];
            for (unsigned i = 0; i < 64; i++)
                if (m.active(i))
                    expected[16][i] = moved[i];
            break;
        }
        case 1:
            inst = ds("ds_bpermute_b32", false, m);
            for (unsigned i = 0; i < 64; i++) {
                unsigned from = (m.before[2][i] + uint32_t(inst.mem.offset)) / 4 % 64;
                if (m.active(i))
                    expected[16][i] = m.active(from) ? m.before[8][from] : 0;
            }
            break;
        case 2: {
            inst = ds("ds_swizzle_b32", false, m);
            bool quad = m.random() % 2;
            unsigned bits = unsigned(m.random() & 0x7fff);
            inst.mem.offset = quad ? 0x8000 | (bits & 0xff) : bits;
            for (unsigned i = 0; i < 64; i++) {
                unsigned from = quad ? (i & ~3u) | (bits >> 2 * (i % 4) & 3)
                                     : (i & 32) | ((((i & 31) & (bits & 31)) | (bits >> 5 & 31)) ^
                                                   (bits >> 10 & 31));
                if (m.active(i))
                    expected[16][i] = m.active(from) ? m.before[2][from] : 0;
            }
            break;
        }
        default: {
            bool append = round % 5 == 3;
            inst = ds(append ? "ds_append" : "ds_consume", false, m);
            m.wave->s[SG_S_M0] = 64u << 16;
            uint32_t old, n = uint32_t(__builtin_popcountll(sg_exec(m.wave.get())));
            uint8_t *p = &m.lds_model[64 + uint32_t(inst.mem.offset)];
            memcpy(&old, p, 4);
            uint32_t value = append ? old + n : old - n;
            memcpy(p, &value, 4);
            for (unsigned i = 0; i < 64; i++)
                if (m.active(i))
                    expected[16][i] = old;
        }
        }
        check_lds(m, inst, expected);
    }
}
