// SPDX-License-Identifier: MIT
// Memory in the reference interpreter: DS, SMEM, FLAT, GLOBAL, SCRATCH, MUBUF, byte by byte (Vega
// ISA document, chapters "Scalar Memory Operations", "Vector Memory Operations", "Flat Memory
// Instructions", "Data Share Operations"). What an instruction moves is read from its name. A byte
// that is nowhere reads zero and is not written.
#include "wave.hpp"

#include "softfloat.hpp"

#include <algorithm>
#include <cstring>

namespace ref
{
namespace
{
using u32 = uint32_t;
using u64 = uint64_t;
using i64 = int64_t;
using soft::F16;
using soft::F32;
using soft::F64;

bool starts(const std::string &text, const char *with)
{
    return text.rfind(with, 0) == 0;
}
bool ends(const std::string &text, const char *with)
{
    std::string end = with;
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), end.size(), end) == 0;
}
bool contains(const std::string &text, const char *what)
{
    return text.find(what) != std::string::npos;
}

// ---- what is moved

struct Move {
    unsigned bytes = 0;
    bool is_signed = false;
    int half = -1; // the half of the register, -1: all of it
};

// "ubyte", "short_d16_hi", "dwordx3", "b96", "u16" ...
Move move_of(std::string kind)
{
    Move m;
    if (ends(kind, "_d16_hi"))
        m.half = 1;
    else if (ends(kind, "_d16"))
        m.half = 0;
    kind = kind.substr(0, kind.find("_d16"));
    m.is_signed = kind == "sbyte" || kind == "sshort" || kind == "i8" || kind == "i16";
    if (ends(kind, "byte") || ends(kind, "8"))
        m.bytes = kind == "b128" ? 16 : 1;
    else if (ends(kind, "short") || ends(kind, "16"))
        m.bytes = 2;
    else if (starts(kind, "dword"))
        m.bytes = kind == "dword" ? 4 : 4 * static_cast<unsigned>(kind[6] - '0');
    else
        m.bytes = kind == "b32" ? 4 : kind == "b64" ? 8 : kind == "b96" ? 12 : 16;
    return m;
}

using Place = std::function<uint8_t *(unsigned lane, unsigned byte)>;

void load(Wave &w, const Move &m, unsigned reg, const Place &place)
{
    std::vector<std::array<u32, LANES>> result(w.v.begin() + reg, w.v.begin() + reg + 4);
    for (unsigned lane = 0; lane < LANES; lane++) {
        if (!w.active(lane))
            continue;
        u32 words[4] = {};
        for (unsigned b = 0; b < m.bytes; b++)
            if (uint8_t *p = place(lane, b))
                words[b / 4] |= static_cast<u32>(*p) << 8 * (b % 4);
        if (m.is_signed)
            words[0] = static_cast<u32>(m.bytes == 1 ? static_cast<int8_t>(words[0])
                                                     : static_cast<int16_t>(words[0]));
        if (m.half >= 0)
            words[0] = (result[0][lane] & (m.half ? 0xffff : 0xffff0000)) | (words[0] & 0xffff)
                                                                                << 16 * m.half;
        for (unsigned k = 0; k < (m.bytes + 3) / 4; k++)
            result[k][lane] = words[k];
    }
    std::copy(result.begin(), result.end(), w.v.begin() + reg);
}

void store(Wave &w, const Move &m, unsigned reg, const Place &place)
{
    for (unsigned lane = 0; lane < LANES; lane++)
        for (unsigned b = 0; b < m.bytes && w.active(lane); b++)
            if (uint8_t *p = place(lane, b))
                *p = static_cast<uint8_t>(w.v[reg + b / 4][lane] >>
                                          (8 * (b % 4) + (m.half == 1 ? 16 : 0)));
}

// ---- read-modify-write

// Minimum and maximum of floats: a number wins over a NaN, -0 is below +0.
u64 float_min_max(soft::Format f, u64 memory, u64 data, bool max)
{
    if (soft::is_nan(f, data))
        return soft::is_nan(f, memory) ? memory | f.quiet() : memory;
    if (soft::is_nan(f, memory))
        return data;
    auto order = [f](u64 v) {
        return v & f.sign() ? -1 - static_cast<i64>(v & ~f.sign()) : static_cast<i64>(v);
    };
    return (max ? order(data) > order(memory) : order(data) < order(memory)) ? data : memory;
}

bool float_equal(soft::Format f, u64 a, u64 b)
{
    return !soft::is_nan(f, a) && !soft::is_nan(f, b) &&
           (a == b || (soft::is_zero(f, a) && soft::is_zero(f, b)));
}

// The new value of memory. second: what cmpst stores, what mskor ORs, what wrap adds.
u64 modified(const std::string &op, const std::string &type, u64 memory, u64 data, u64 second)
{
    const bool wide = ends(type, "64");
    const u64 mask = wide ? ~0ull : 0xffffffff;
    const soft::Format f = wide ? F64 : F32;
    auto s = [wide](u64 v) {
        return wide ? static_cast<i64>(v) : static_cast<i64>(static_cast<int32_t>(v));
    };
    if (type[0] == 'f' && op == "cmpst")
        return float_equal(f, memory, data) ? second : memory;
    if (type[0] == 'f' && (op == "min" || op == "max"))
        return float_min_max(f, memory, data, op == "max");
    if (type[0] == 'f' && op == "add")
        return soft::add(f, memory, data, 0);
    if (op == "pk_add") {
        u64 low = soft::add(F16, memory & 0xffff, data & 0xffff, 0),
            high = soft::add(F16, memory >> 16, data >> 16, 0);
        return high << 16 | low;
    }
    if (op == "add")
        return (memory + data) & mask;
    if (op == "sub")
        return (memory - data) & mask;
    if (op == "rsub")
        return (data - memory) & mask;
    if (op == "inc")
        return memory >= data ? 0 : memory + 1;
    if (op == "dec")
        return memory == 0 || memory > data ? data : memory - 1;
    if (op == "smin" || (op == "min" && type[0] == 'i'))
        return s(data) < s(memory) ? data : memory;
    if (op == "smax" || (op == "max" && type[0] == 'i'))
        return s(data) > s(memory) ? data : memory;
    if (op == "umin" || op == "min")
        return std::min(memory, data);
    if (op == "umax" || op == "max")
        return std::max(memory, data);
    if (op == "and")
        return memory & data;
    if (op == "or")
        return memory | data;
    if (op == "xor")
        return memory ^ data;
    if (op == "swap" || op == "wrxchg" || op == "write")
        return data;
    if (op == "cmpst")
        return memory == data ? second : memory;
    if (op == "mskor")
        return (memory & ~data) | second;
    if (op == "wrap")
        return memory >= data ? memory - data : (memory + second) & mask;
    return memory;
}

u64 peek(const uint8_t *p, unsigned bytes)
{
    u64 value = 0;
    if (p)
        memcpy(&value, p, bytes);
    return value;
}

u64 pair(const Wave &w, unsigned reg, unsigned lane, unsigned bytes)
{
    return w.v[reg][lane] | (bytes == 8 ? u64(w.v[reg + 1][lane]) << 32 : 0);
}

void put_result(Wave &w, unsigned reg, unsigned lane, unsigned bytes, u64 value)
{
    w.v[reg][lane] = static_cast<u32>(value);
    if (bytes == 8)
        w.v[reg + 1][lane] = static_cast<u32>(value >> 32);
}

// "add_x2" -> add on u64, "add_f32" -> add on f32, "pk_add_f16" ...
void split_atomic(std::string name, std::string &op, std::string &type)
{
    type = "u32";
    if (ends(name, "_x2"))
        type = "u64", name.resize(name.size() - 3);
    for (const char *suffix : {"_f32", "_f64", "_f16"})
        if (ends(name, suffix))
            type = suffix + 1, name.resize(name.size() - 4);
    op = name;
}

// Lanes one after the other. For cmpswap memory instructions hold what is stored first.
void atomic(Wave &w, const std::string &name, unsigned data, unsigned result, bool returns,
            const Place &place)
{
    std::string op, type;
    split_atomic(name, op, type);
    const unsigned bytes = ends(type, "64") ? 8 : 4;
    const bool compares = op == "cmpswap";
    u64 old[LANES];
    for (unsigned lane = 0; lane < LANES; lane++) {
        if (!w.active(lane))
            continue;
        uint8_t *p = place(lane, 0);
        u64 first = pair(w, data, lane, bytes),
            second = compares ? pair(w, data + bytes / 4, lane, bytes) : 0;
        old[lane] = peek(p, bytes);
        u64 now = compares ? modified("cmpst", type, old[lane], second, first)
                           : modified(op, type, old[lane], first, 0);
        if (p)
            memcpy(p, &now, bytes);
    }
    for (unsigned lane = 0; lane < LANES && returns; lane++)
        if (w.active(lane))
            put_result(w, result, lane, bytes, old[lane]);
}

// ---- FLAT, GLOBAL, SCRATCH

unsigned acc(const Inst &inst, const Wave &w, unsigned at)
{
    return w.arch == SG_OP_GFX90A && inst.bits(at, 1) ? unsigned(ACC0) : 0u;
}

// Private memory: dwords of the lanes side by side.
uint8_t *private_at(Wave &w, u32 address, unsigned lane)
{
    return w.at(w.s64(S_FLAT_SCRATCH) + u64(address / 4) * 256 + 4 * lane + address % 4, 1);
}

// Of LDS an element is there as a whole or not at all.
Place flat_place(Wave &w, const Inst &inst, unsigned bytes)
{
    const unsigned address = inst.bits(32, 8), saddr = inst.bits(48, 7);
    const int encoding = inst.row->encoding;
    const i64 offset = encoding == SG_ENC_FLAT
                           ? static_cast<i64>(inst.bits(0, 12))
                           : static_cast<i64>(u64(inst.bits(0, 13)) << 51) >> 51;
    std::array<u64, LANES> va;
    for (unsigned lane = 0; lane < LANES; lane++) {
        if (encoding == SG_ENC_SCRATCH)
            va[lane] = (saddr == 0x7f ? w.v[address][lane] : w.s[saddr]) + static_cast<u64>(offset);
        else if (encoding == SG_ENC_GLOBAL && saddr != 0x7f)
            va[lane] = w.s64(saddr) + w.v[address][lane] + static_cast<u64>(offset);
        else
            va[lane] = pair(w, address, lane, 8) + static_cast<u64>(offset);
    }
    return [&w, va, encoding, bytes](unsigned lane, unsigned byte) -> uint8_t * {
        if (encoding == SG_ENC_SCRATCH)
            return private_at(w, static_cast<u32>(va[lane]) + byte, lane);
        if (encoding == SG_ENC_FLAT && va[lane] >> 32 == w.lds_aperture >> 32)
            return w.lds_at(static_cast<u32>(va[lane]), bytes)
                       ? &w.lds[static_cast<u32>(va[lane]) + byte]
                       : nullptr;
        if (encoding == SG_ENC_FLAT && va[lane] >> 32 == w.scratch_aperture >> 32)
            return private_at(w, static_cast<u32>(va[lane]) + byte, lane);
        return w.at(va[lane] + byte, 1);
    };
}

void add_flat(Functions &t, const std::string &name)
{
    const std::string rest = name.substr(name.find('_') + 1);
    t[name] = [rest](Wave &w, const Inst &inst) {
        const unsigned data = inst.bits(40, 8) + acc(inst, w, 55),
                       d = inst.bits(56, 8) + acc(inst, w, 55);
        if (starts(rest, "atomic_")) {
            const unsigned bytes = ends(rest, "_x2") || ends(rest, "f64") ? 8 : 4;
            atomic(w, rest.substr(7), data, d, inst.bits(16, 1), flat_place(w, inst, bytes));
            return Step::next;
        }
        const bool loads = starts(rest, "load_");
        const Move m = move_of(rest.substr(loads ? 5 : 6));
        if (loads)
            load(w, m, d, flat_place(w, inst, m.bytes));
        else
            store(w, m, data, flat_place(w, inst, m.bytes));
        return Step::next;
    };
}

// ---- MUBUF, without swizzling

Place buffer_place(Wave &w, const Inst &inst)
{
    const unsigned address = inst.bits(32, 8), resource = 4 * inst.bits(48, 5);
    const bool offen = inst.bits(12, 1), idxen = inst.bits(13, 1);
    const u32 *srd = &w.s[resource];
    const u64 base = u64(srd[1] & 0xffff) << 32 | srd[0];
    const u32 stride = srd[1] >> 16 & 0x3fff, records = srd[2],
              scalar = static_cast<u32>(w.scalar(inst.bits(56, 8), 0, 'i'));
    const bool add_tid = srd[3] >> 23 & 1;
    std::array<u32, LANES> index, offset;
    for (unsigned lane = 0; lane < LANES; lane++) {
        index[lane] = (idxen ? w.v[address][lane] : 0) + (add_tid ? lane : 0);
        offset[lane] = inst.bits(0, 12) + (offen ? w.v[address + idxen][lane] : 0);
    }
    return [=, &w](unsigned lane, unsigned byte) -> uint8_t * {
        const u64 at = u64(stride) * index[lane] + offset[lane] + byte / 4 * 4;
        if (stride ? index[lane] >= records : at >= records - scalar)
            return nullptr;
        return w.at(base + scalar + at + byte % 4, 1);
    };
}

void add_buffer(Functions &t, const std::string &name)
{
    const std::string rest = name.substr(7);
    t[name] = [rest](Wave &w, const Inst &inst) {
        const unsigned data = inst.bits(40, 8) + acc(inst, w, 55);
        const Place place = buffer_place(w, inst);
        if (inst.row->encoding != SG_ENC_MUBUF || inst.bits(16, 1)) // to LDS
            return Step::unknown;
        if (starts(rest, "load_"))
            load(w, move_of(rest.substr(5)), data, place);
        else if (starts(rest, "store_"))
            store(w, move_of(rest.substr(6)), data, place);
        else
            atomic(w, rest.substr(7), data, data, inst.bits(14, 1), place);
        return Step::next;
    };
}

// ---- SMEM

u64 scalar_offset(const Wave &w, const Inst &inst)
{
    const bool imm = inst.bits(17, 1), soffset = inst.bits(14, 1);
    u64 offset = imm ? static_cast<u64>(static_cast<i64>(u64(inst.bits(32, 21)) << 43) >> 43) : 0;
    if (soffset)
        offset += w.s[inst.bits(57, 7)];
    else if (!imm)
        offset += w.scalar(inst.bits(32, 7), 0, 'i');
    return offset;
}

// Address of dword k, nullptr outside; addresses are those of dwords.
uint8_t *scalar_at(Wave &w, const Inst &inst, bool buffer, unsigned k)
{
    const unsigned base = 2 * inst.bits(0, 6);
    if (!buffer) {
        const u64 offset = scalar_offset(w, inst);
        return w.at((((w.s64(base) & ~3ull) + offset) & ~3ull) + 4 * k, 4);
    }
    const u32 *srd = &w.s[base];
    const u64 offset = (scalar_offset(w, inst) & ~3ull) + 4 * k;
    const u32 stride = srd[1] >> 16 & 0x3fff;
    if (offset + 4 > u64(srd[2]) * (stride ? stride : 1))
        return nullptr;
    return w.at(((u64(srd[1] & 0xffff) << 32 | srd[0]) & ~3ull) + offset, 4);
}

void add_scalar_memory(Functions &t, const std::string &name)
{
    const bool buffer = starts(name, "s_buffer_");
    const std::string rest = name.substr(buffer ? 9 : 2);
    t[name] = [=](Wave &w, const Inst &inst) {
        const unsigned data = inst.bits(6, 7);
        if (starts(rest, "load_") || starts(rest, "store_")) {
            const std::string kind = rest.substr(rest.find('_') + 1);
            const unsigned count =
                kind == "dword" ? 1 : static_cast<unsigned>(atoi(kind.c_str() + 6));
            std::vector<u32> words(count);
            for (unsigned k = 0; k < count; k++) {
                uint8_t *p = scalar_at(w, inst, buffer, k);
                if (starts(rest, "load_"))
                    words[k] = static_cast<u32>(peek(p, 4));
                else if (p)
                    memcpy(p, &w.s[data + k], 4);
            }
            if (starts(rest, "load_"))
                std::copy(words.begin(), words.end(), w.s.begin() + data);
            return Step::next;
        }
        std::string op, type;
        split_atomic(rest.substr(7), op, type);
        const unsigned bytes = ends(type, "64") ? 8 : 4;
        uint8_t *p = scalar_at(w, inst, buffer, 0);
        if (bytes == 8 && !scalar_at(w, inst, buffer, 1))
            p = nullptr;
        auto get = [&](unsigned reg) { return bytes == 8 ? w.s64(reg) : w.s[reg]; };
        const u64 old = peek(p, bytes);
        const u64 now = op == "cmpswap"
                            ? modified("cmpst", type, old, get(data + bytes / 4), get(data))
                            : modified(op, type, old, get(data), 0);
        if (p)
            memcpy(p, &now, bytes);
        if (inst.bits(16, 1)) {
            w.s[data] = static_cast<u32>(old);
            if (bytes == 8)
                w.s[data + 1] = static_cast<u32>(old >> 32);
        }
        return Step::next;
    };
}

// ---- DS

struct Ds {
    unsigned offset, offset0, offset1, address, data0, data1, d;
};

Ds ds_of(const Wave &w, const Inst &inst)
{
    const unsigned a = acc(inst, w, 25);
    return {inst.bits(0, 16),     inst.bits(0, 8),      inst.bits(8, 8),     inst.bits(32, 8),
            inst.bits(40, 8) + a, inst.bits(48, 8) + a, inst.bits(56, 8) + a};
}

void add_ds_two(Functions &t, const std::string &name)
{
    const unsigned bytes = ends(name, "64") ? 8 : 4,
                   unit = bytes * (contains(name, "st64") ? 64 : 1);
    const bool reads = !starts(name, "ds_write2"), writes = !starts(name, "ds_read2");
    t[name] = [=](Wave &w, const Inst &inst) {
        const Ds ds = ds_of(w, inst);
        std::array<std::array<u64, 2>, LANES> old{};
        for (unsigned lane = 0; lane < LANES; lane++)
            for (unsigned e = 0; e < 2 && w.active(lane); e++) {
                uint8_t *p =
                    w.lds_at(w.v[ds.address][lane] + (e ? ds.offset1 : ds.offset0) * unit, bytes);
                old[lane][e] = peek(p, bytes);
                u64 data = pair(w, e ? ds.data1 : ds.data0, lane, bytes);
                if (writes && p)
                    memcpy(p, &data, bytes);
            }
        for (unsigned lane = 0; lane < LANES && reads; lane++)
            for (unsigned e = 0; e < 2 && w.active(lane); e++)
                put_result(w, ds.d + e * bytes / 4, lane, bytes, old[lane][e]);
        return Step::next;
    };
}

void add_ds_access(Functions &t, const std::string &name)
{
    const bool reads = starts(name, "ds_read_");
    const Move m = move_of(name.substr(reads ? 8 : 9));
    t[name] = [=](Wave &w, const Inst &inst) {
        const Ds ds = ds_of(w, inst);
        std::array<u32, LANES> at = w.v[ds.address];
        Place place = [&](unsigned lane, unsigned byte) -> uint8_t * {
            uint8_t *p = w.lds_at(at[lane] + ds.offset, m.bytes);
            return p ? p + byte : nullptr;
        };
        reads ? load(w, m, ds.d, place) : store(w, m, ds.data0, place);
        return Step::next;
    };
}

void add_ds_atomic(Functions &t, const std::string &name)
{
    const std::string type = name.substr(name.rfind('_') + 1);
    const bool returns = contains(name, "_rtn");
    const std::string op = name.substr(3, name.find('_', 3) - 3);
    const unsigned bytes = ends(type, "64") ? 8 : 4;
    t[name] = [=](Wave &w, const Inst &inst) {
        const Ds ds = ds_of(w, inst);
        std::array<u64, LANES> old{};
        for (unsigned lane = 0; lane < LANES; lane++) {
            if (!w.active(lane))
                continue;
            uint8_t *p = w.lds_at(w.v[ds.address][lane] + ds.offset, bytes);
            old[lane] = peek(p, bytes);
            u64 now = modified(op, type, old[lane], pair(w, ds.data0, lane, bytes),
                               pair(w, ds.data1, lane, bytes));
            if (p)
                memcpy(p, &now, bytes);
        }
        for (unsigned lane = 0; lane < LANES && returns; lane++)
            if (w.active(lane))
                put_result(w, ds.d, lane, bytes, old[lane]);
        return Step::next;
    };
}

// Two places of LDS: A is the address, B lies a signed number of dwords behind it, which the offset
// says, or, if its top bit is set, the upper bits of the address.
void add_ds_src2(Functions &t, const std::string &name)
{
    const std::string type = name.substr(name.rfind('_') + 1);
    const std::string op = name.substr(3, name.find("_src2") - 3);
    const unsigned bytes = ends(type, "64") ? 8 : 4;
    t[name] = [=](Wave &w, const Inst &inst) {
        const Ds ds = ds_of(w, inst);
        for (unsigned lane = 0; lane < LANES; lane++) {
            if (!w.active(lane))
                continue;
            u32 a = w.v[ds.address][lane];
            int distance;
            if (ds.offset >> 15) {
                distance = static_cast<int32_t>(a) >> 17;
                a &= 0x1ffff;
            } else {
                distance = static_cast<int>(ds.offset << 17) >> 17;
            }
            uint8_t *pa = w.lds_at(a, bytes),
                    *pb = w.lds_at(a + static_cast<u32>(4 * distance), bytes);
            u64 now = modified(op, type, peek(pa, bytes), peek(pb, bytes), 0);
            if (pa)
                memcpy(pa, &now, bytes);
        }
        return Step::next;
    };
}

// The lane that ds_swizzle_b32 reads.
unsigned swizzle(u32 pattern, unsigned lane)
{
    const unsigned group = lane / 32 * 32, in = lane % 32;
    if (pattern >= 0xe000) { // FFT
        unsigned reversed = 0, mask = pattern & 31, ones = 0;
        for (unsigned bit = 0; bit < 5; bit++) {
            reversed |= (in >> bit & 1) << (4 - bit);
            ones += mask >> bit & 1;
        }
        return group + ((reversed >> ones) | (in & mask));
    }
    if (pattern >= 0xc000) { // rotate
        const unsigned mask = pattern & 31, by = pattern >> 5 & 31;
        const unsigned to = pattern >> 10 & 1 ? in + 32 - by : in + by;
        return group + ((in & mask) | (to % 32 & ~mask));
    }
    if (pattern >> 15)
        return lane / 4 * 4 + (pattern >> 2 * (lane % 4) & 3);
    return group + ((((in & (pattern & 31)) | (pattern >> 5 & 31)) ^ (pattern >> 10 & 31)) & 31);
}

void add_ds_lanes(Functions &t)
{
    t["ds_nop"] = [](Wave &, const Inst &) { return Step::next; };
    t["ds_swizzle_b32"] = [](Wave &w, const Inst &inst) {
        const Ds ds = ds_of(w, inst);
        const auto data = w.v[ds.address];
        for (unsigned lane = 0; lane < LANES; lane++) {
            unsigned from = swizzle(ds.offset, lane);
            if (w.active(lane))
                w.v[ds.d][lane] = w.active(from) ? data[from] : 0;
        }
        return Step::next;
    };
    t["ds_permute_b32"] = [](Wave &w, const Inst &inst) {
        const Ds ds = ds_of(w, inst);
        std::array<u32, LANES> moved{};
        for (unsigned lane = 0; lane < LANES; lane++)
            if (w.active(lane))
                moved[(w.v[ds.address][lane] + ds.offset) / 4 % LANES] = w.v[ds.data0][lane];
        for (unsigned lane = 0; lane < LANES; lane++)
            if (w.active(lane))
                w.v[ds.d][lane] = moved[lane];
        return Step::next;
    };
    t["ds_bpermute_b32"] = [](Wave &w, const Inst &inst) {
        const Ds ds = ds_of(w, inst);
        const auto address = w.v[ds.address], data = w.v[ds.data0];
        for (unsigned lane = 0; lane < LANES; lane++) {
            unsigned from = (address[lane] + ds.offset) / 4 % LANES;
            if (w.active(lane))
                w.v[ds.d][lane] = w.active(from) ? data[from] : 0;
        }
        return Step::next;
    };
    for (bool append : {true, false})
        t[append ? "ds_append" : "ds_consume"] = [append](Wave &w, const Inst &inst) {
            const Ds ds = ds_of(w, inst);
            uint8_t *p = w.lds_at((w.s[S_M0] >> 16) + ds.offset, 4);
            const u32 old = static_cast<u32>(peek(p, 4)),
                      count = static_cast<u32>(__builtin_popcountll(w.exec())),
                      now = append ? old + count : old - count;
            if (p)
                memcpy(p, &now, 4);
            for (unsigned lane = 0; lane < LANES; lane++)
                if (w.active(lane))
                    w.v[ds.d][lane] = old;
            return Step::next;
        };
    for (bool reads : {true, false})
        t[reads ? "ds_read_addtid_b32" : "ds_write_addtid_b32"] = [reads](Wave &w,
                                                                          const Inst &inst) {
            const Ds ds = ds_of(w, inst);
            for (unsigned lane = 0; lane < LANES; lane++) {
                uint8_t *p = w.lds_at((w.s[S_M0] & 0xffff) + ds.offset + 4 * lane, 4);
                if (!w.active(lane))
                    continue;
                if (reads)
                    w.v[ds.d][lane] = static_cast<u32>(peek(p, 4));
                else if (p)
                    memcpy(p, &w.v[ds.data0][lane], 4);
            }
            return Step::next;
        };
}

void add_ds(Functions &t, const std::string &name)
{
    if (contains(name, "gws") || contains(name, "ordered") || contains(name, "condxchg"))
        return;
    if (contains(name, "_src2_"))
        add_ds_src2(t, name);
    else if (starts(name, "ds_read2") || starts(name, "ds_write2") || starts(name, "ds_wrxchg2"))
        add_ds_two(t, name);
    else if (starts(name, "ds_read_") || starts(name, "ds_write_"))
        add_ds_access(t, name);
    else
        add_ds_atomic(t, name);
}
} // namespace

void add_memory(Functions &t)
{
    for (size_t i = 0; i < sg_opcode_count; i++) {
        const std::string name = sg_opcodes[i].mnemonic;
        switch (sg_opcodes[i].encoding) {
        case SG_ENC_DS:
            add_ds(t, name);
            break;
        case SG_ENC_FLAT:
        case SG_ENC_GLOBAL:
        case SG_ENC_SCRATCH:
            add_flat(t, name);
            break;
        case SG_ENC_MUBUF:
            if (!contains(name, "format") && !contains(name, "inv") && !contains(name, "wbl2") &&
                !contains(name, "_lds_"))
                add_buffer(t, name);
            break;
        case SG_ENC_SMEM:
            if (!contains(name, "scratch") &&
                (contains(name, "load") || contains(name, "store") || contains(name, "atomic")))
                add_scalar_memory(t, name);
            break;
        default:
            break;
        }
    }
    add_ds_lanes(t);
}
} // namespace ref
