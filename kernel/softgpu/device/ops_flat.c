/* SPDX-License-Identifier: MIT */
/*
 * FLAT, GLOBAL and SCRATCH instructions (Vega ISA document, "Flat Memory Instructions"). Owns how
 * their addresses are formed; the accesses themselves are lanes.h. LDS is plain memory here: all
 * waves of a workgroup run on one host thread.
 */
#include "atomics.h"
#include "lanes.h"

#include "code.h"

enum segment { FLAT, GLOBAL, SCRATCH };

#ifndef SG_VARIANT
uint32_t sg_pk_add_f16(uint32_t a, uint32_t b)
{
    uint32_t result = 0;
    for (unsigned shift = 0; shift < 32; shift += 16) {
        uint16_t x = (uint16_t)(a >> shift), y = (uint16_t)(b >> shift), z;
        _Float16 fx, fy;
        memcpy(&fx, &x, sizeof(fx));
        memcpy(&fy, &y, sizeof(fy));
        _Float16 sum = (_Float16)((float)fx + (float)fy);
        memcpy(&z, &sum, sizeof(z));
        if (sum != sum)
            z = (uint16_t)sg_float_nan(x, y, 0x7c00, 0x8000, 0x0200);
        result |= (uint32_t)z << shift;
    }
    return result;
}
#endif

/* The rows of the data register; AccVGPRs lie behind the 256 architectural ones. */
SG_TEMPLATE uint32_t (*data_rows(const struct sg_wave *w, const struct sg_inst *inst))[SG_LANES]
{
    return w->v + inst->mem.vdata + (inst->mem.acc ? SG_SRC_ACC0 - SG_SRC_VGPR0 : 0);
}

/* ---- addresses ----------------------------------------------------------------------------------
 */

SG_TEMPLATE void global_addresses(const struct sg_wave *w, const struct sg_inst *inst,
                                  uint64_t va[SG_LANES])
{
    const uint32_t *low = w->v[inst->mem.vaddr], *high = w->v[inst->mem.vaddr + 1];
    uint64_t offset = (uint64_t)(int64_t)inst->mem.offset;
    if (inst->mem.saddr != SG_SRC_NONE) {
        offset += sg_s64(w, inst->mem.saddr);
        for (unsigned i = 0; i < SG_LANES; i++)
            va[i] = offset + low[i];
    } else {
        for (unsigned i = 0; i < SG_LANES; i++)
            va[i] = offset + ((uint64_t)high[i] << 32 | low[i]);
    }
}

/* Offsets into the lanes' private memory. */
SG_TEMPLATE void scratch_offsets(const struct sg_wave *w, const struct sg_inst *inst,
                                 uint32_t at[SG_LANES])
{
    const uint32_t *vector = w->v[inst->mem.vaddr];
    for (unsigned i = 0; i < SG_LANES; i++)
        at[i] = (inst->mem.saddr != SG_SRC_NONE ? w->s[inst->mem.saddr] : vector[i]) +
                (uint32_t)inst->mem.offset;
}

/* Private memory is interleaved by dwords: those of the 64 lanes at one offset lie side by side. */
SG_TEMPLATE uint64_t swizzle(uint64_t base, uint32_t at, unsigned lane)
{
    return base + (uint64_t)(at / 4) * (4 * SG_LANES) + lane * 4 + at % 4;
}

/* Which active lanes of a FLAT access hit an aperture. */
struct apertures {
    uint64_t lds, scratch;
};

SG_TEMPLATE struct apertures find_apertures(struct sg_wave *w, const uint64_t va[SG_LANES])
{
    const struct sg_dispatch *d = w->group->dispatch;
    const uint32_t lds = (uint32_t)(d->lds_aperture >> 32),
                   scratch = (uint32_t)(d->scratch_aperture >> 32);
    uint32_t any = 0;
    struct apertures found = {0, 0};
    for (unsigned i = 0; i < SG_LANES; i++)
        any |= (uint32_t)(va[i] >> 32) == lds || (uint32_t)(va[i] >> 32) == scratch;
    if (!any)
        return found;
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned i = (unsigned)__builtin_ctzll(exec);
        found.lds |= (uint64_t)((uint32_t)(va[i] >> 32) == lds) << i;
        found.scratch |= (uint64_t)((uint32_t)(va[i] >> 32) == scratch) << i;
    }
    return found;
}

/* ---- private memory and LDS, any alignment
 * -------------------------------------------------------- */

static bool private_read(struct sg_wave *w, uint32_t at, unsigned lane, uint8_t *to, unsigned bytes)
{
    uint64_t base = sg_s64(w, SG_S_FLAT_SCRATCH);
    for (unsigned done = 0; done < bytes;) {
        unsigned piece = 4 - (at + done) % 4 < bytes - done ? 4 - (at + done) % 4 : bytes - done;
        if (!sg_mem_read_bytes(w, swizzle(base, at + done, lane), to + done, piece))
            return false;
        done += piece;
    }
    return true;
}

static bool private_write(struct sg_wave *w, uint32_t at, unsigned lane, const uint8_t *from,
                          unsigned bytes)
{
    uint64_t base = sg_s64(w, SG_S_FLAT_SCRATCH);
    for (unsigned done = 0; done < bytes;) {
        unsigned piece = 4 - (at + done) % 4 < bytes - done ? 4 - (at + done) % 4 : bytes - done;
        if (!sg_mem_write_bytes(w, swizzle(base, at + done, lane), from + done, piece))
            return false;
        done += piece;
    }
    return true;
}

/* Outside of the workgroup's LDS: reads give zero, writes are dropped. */
static void lds_read(const struct sg_wave *w, uint32_t at, uint8_t *to, unsigned bytes)
{
    const struct sg_workgroup *group = w->group;
    if (at < group->lds_bytes && bytes <= group->lds_bytes - at)
        memcpy(to, group->lds + at, bytes);
    else
        memset(to, 0, bytes);
}

static void lds_write(const struct sg_wave *w, uint32_t at, const uint8_t *from, unsigned bytes)
{
    const struct sg_workgroup *group = w->group;
    if (at < group->lds_bytes && bytes <= group->lds_bytes - at)
        memcpy(group->lds + at, from, bytes);
}

/* Lanes of one instruction in different apertures, or private memory that is not dword-aligned. */
static bool lane_read(struct sg_wave *w, const struct apertures *in, uint64_t va, unsigned lane,
                      uint8_t *to, unsigned bytes)
{
    if (in->lds >> lane & 1) {
        lds_read(w, (uint32_t)va, to, bytes);
        return true;
    }
    if (in->scratch >> lane & 1)
        return private_read(w, (uint32_t)va, lane, to, bytes);
    return sg_mem_read_bytes(w, va, to, bytes);
}

static bool lane_write(struct sg_wave *w, const struct apertures *in, uint64_t va, unsigned lane,
                       const uint8_t *from, unsigned bytes)
{
    if (in->lds >> lane & 1) {
        lds_write(w, (uint32_t)va, from, bytes);
        return true;
    }
    if (in->scratch >> lane & 1)
        return private_write(w, (uint32_t)va, lane, from, bytes);
    return sg_mem_write_bytes(w, va, from, bytes);
}

/* All active lanes in private memory, in whole aligned dwords (or aligned parts of one). */
SG_TEMPLATE bool private_is_simple(enum sg_kind kind, const uint64_t va[SG_LANES], uint64_t exec)
{
    unsigned bytes = sg_kind_bytes(kind) < 4 ? sg_kind_bytes(kind) : 4;
    for (; exec; exec &= exec - 1) {
        if (va[__builtin_ctzll(exec)] & (bytes - 1))
            return false;
    }
    return true;
}

SG_TEMPLATE enum sg_next private_load(struct sg_wave *w, enum sg_kind kind,
                                      const uint64_t va[SG_LANES], uint32_t (*v)[SG_LANES])
{
    uint64_t place[SG_LANES], base = sg_s64(w, SG_S_FLAT_SCRATCH);
    enum sg_next next = SG_NEXT;
    for (unsigned k = 0; k < sg_kind_dwords(kind) && next == SG_NEXT; k++) {
        for (unsigned i = 0; i < SG_LANES; i++)
            place[i] = swizzle(base, (uint32_t)va[i] + 4 * k, i);
        next = sg_lanes_load(w, kind >= SG_D1 ? SG_D1 : kind, place, v + k);
    }
    return next;
}

SG_TEMPLATE enum sg_next private_store(struct sg_wave *w, enum sg_kind kind,
                                       const uint64_t va[SG_LANES], uint32_t (*v)[SG_LANES])
{
    uint64_t place[SG_LANES], base = sg_s64(w, SG_S_FLAT_SCRATCH);
    enum sg_next next = SG_NEXT;
    for (unsigned k = 0; k < sg_kind_dwords(kind) && next == SG_NEXT; k++) {
        for (unsigned i = 0; i < SG_LANES; i++)
            place[i] = swizzle(base, (uint32_t)va[i] + 4 * k, i);
        next = sg_lanes_store(w, kind >= SG_STORE8 ? kind : SG_D1, place, v + k);
    }
    return next;
}

SG_TEMPLATE enum sg_next aperture_load(struct sg_wave *w, enum sg_kind kind,
                                       const struct apertures *in, const uint64_t va[SG_LANES],
                                       uint32_t (*v)[SG_LANES])
{
    uint64_t exec = sg_exec(w);
    uint8_t bytes[16];
    if (in->scratch == exec && private_is_simple(kind, va, exec))
        return private_load(w, kind, va, v);
    for (; exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        if (!lane_read(w, in, va[lane], lane, bytes, sg_kind_bytes(kind)))
            return SG_FAULT;
        sg_lane_load(kind, bytes, v, lane);
    }
    return SG_NEXT;
}

SG_TEMPLATE enum sg_next aperture_store(struct sg_wave *w, enum sg_kind kind,
                                        const struct apertures *in, const uint64_t va[SG_LANES],
                                        uint32_t (*v)[SG_LANES])
{
    uint64_t exec = sg_exec(w);
    uint8_t bytes[16];
    if (in->scratch == exec && private_is_simple(kind, va, exec))
        return private_store(w, kind, va, v);
    for (; exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        sg_lane_store(kind, bytes, v, lane);
        if (!lane_write(w, in, va[lane], lane, bytes, sg_kind_bytes(kind)))
            return SG_FAULT;
    }
    return SG_NEXT;
}

/* ---- all lanes active in one or four runs
 * --------------------------------------------------------- */

#if defined(__AVX512F__)
/*
 * How the lanes of a full wave lie, from the 32-bit halves of their addresses (high: NULL with a
 * scalar base): in one run of elements, in four of 16 lanes, or otherwise (0). A run stays within
 * the low dword.
 */
SG_TEMPLATE unsigned count_runs(const uint32_t *low, const uint32_t *high, unsigned bytes)
{
    const __m512i line =
        _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                           _mm512_set1_epi32((int)bytes));
    __mmask16 one = 0xffff, four = 0xffff, same = 0xffff;
    for (unsigned i = 0; i < SG_LANES; i += 16) {
        const __m512i at = _mm512_load_si512(low + i);
        const __m512i here = _mm512_add_epi32(line, _mm512_set1_epi32((int)low[i]));
        const uint32_t expected = low[0] + i * bytes;
        four &=
            _mm512_cmpeq_epi32_mask(at, here) & (low[i] <= UINT32_MAX - 16 * bytes ? 0xffff : 0);
        one &= low[i] == expected && expected >= low[0] ? 0xffff : 0;
        if (high)
            same &= _mm512_cmpeq_epi32_mask(_mm512_load_si512(high + i),
                                            _mm512_set1_epi32((int)high[0]));
    }
    return (four & same) != 0xffff ? 0 : one == 0xffff ? 1 : 4;
}

/* Is this an address in LDS or private memory? */
SG_TEMPLATE bool in_aperture(const struct sg_wave *w, uint64_t va)
{
    const struct sg_dispatch *d = w->group->dispatch;
    uint32_t high = (uint32_t)(va >> 32);
    return high == d->lds_aperture >> 32 || high == d->scratch_aperture >> 32;
}

/*
 * The usual accesses, with one look-up for each run. Returns the number of runs, 0: not served;
 * host[]: where each begins, NULL with w->fault filled.
 */
SG_TEMPLATE unsigned find_runs(struct sg_wave *w, const struct sg_inst *inst, enum segment segment,
                               enum sg_kind kind, bool write, uint8_t *host[4])
{
    const unsigned bytes = sg_kind_bytes(kind);
    const uint32_t *low = w->v[inst->mem.vaddr];
    const bool scalar = inst->mem.saddr != SG_SRC_NONE;
    const uint32_t *high = scalar ? NULL : w->v[inst->mem.vaddr + 1];
    uint64_t base = (uint64_t)(int64_t)inst->mem.offset;
    if (sg_exec(w) != UINT64_MAX)
        return 0;
    unsigned runs = count_runs(low, high, bytes), size = SG_LANES / (runs ? runs : 1) * bytes;
    if (!runs || (runs == 4 && kind != SG_D1))
        return 0;
    base += scalar ? sg_s64(w, inst->mem.saddr) : (uint64_t)high[0] << 32;
    for (unsigned i = 0; i < runs; i++) {
        uint64_t va = base + low[16 * i];
        if (!sg_in_one_page(va, size) || (segment == FLAT && in_aperture(w, va)))
            return 0;
    }
    for (unsigned i = 0; i < runs; i++) {
        uint64_t va = base + low[16 * i];
        host[i] = write ? sg_tlb_write(w, va, size) : sg_tlb_read(w, va, size);
        if (!host[i])
            return runs;
    }
    return runs;
}

SG_TEMPLATE bool load_runs(struct sg_wave *w, const struct sg_inst *inst, enum segment segment,
                           enum sg_kind kind, uint32_t (*v)[SG_LANES], enum sg_next *next)
{
    uint8_t *host[4];
    unsigned runs = find_runs(w, inst, segment, kind, false, host);
    for (unsigned i = 0; i < runs; i++) {
        if (!host[i]) {
            *next = SG_FAULT;
            return true;
        }
    }
    *next = SG_NEXT;
    if (runs == 4)
        for (unsigned i = 0; i < 4; i++)
            _mm512_store_si512(v[0] + 16 * i, _mm512_loadu_si512(host[i]));
    else if (runs)
        sg_span_load(kind, host[0], v, UINT64_MAX, w->exec_lanes, 0, SG_LANES - 1);
    return runs;
}

SG_TEMPLATE bool store_runs(struct sg_wave *w, const struct sg_inst *inst, enum segment segment,
                            enum sg_kind kind, uint32_t (*v)[SG_LANES], enum sg_next *next)
{
    uint8_t *host[4];
    unsigned runs = find_runs(w, inst, segment, kind, true, host);
    for (unsigned i = 0; i < runs; i++) {
        if (!host[i]) {
            *next = SG_FAULT;
            return true;
        }
    }
    *next = SG_NEXT;
    if (runs == 4)
        for (unsigned i = 0; i < 4; i++)
            _mm512_storeu_si512(host[i], _mm512_load_si512(v[0] + 16 * i));
    else if (runs)
        sg_span_store(kind, host[0], v, UINT64_MAX);
    w->stored |= runs != 0;
    return runs;
}
#else
#define load_runs(w, inst, segment, kind, v, next) false
#define store_runs(w, inst, segment, kind, v, next) false
#endif

/* ---- loads and stores ---------------------------------------------------------------------------
 */

/* The LDS bit: lane i's dword goes to LDS at M0 + offset + 4 i instead of to a register. */
static enum sg_next to_lds(struct sg_wave *w, const struct sg_inst *inst, uint32_t (*v)[SG_LANES])
{
    uint32_t at = (w->s[SG_S_M0] & 0xffff) + (uint32_t)inst->mem.offset;
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        lds_write(w, at + 4 * lane, (const uint8_t *)&v[0][lane], 4);
    }
    return SG_NEXT;
}

SG_TEMPLATE enum sg_next load(struct sg_wave *w, const struct sg_inst *inst, enum segment segment,
                              enum sg_kind kind)
{
    uint64_t va[SG_LANES];
    uint32_t aside[1][SG_LANES] = {{0}};
    uint32_t(*v)[SG_LANES] = data_rows(w, inst);
    enum sg_next next;
    bool lds = inst->mem.lds && sg_kind_bytes(kind) <= 4;
    if (lds)
        v = aside;
    if (inst->mem.glc)
        sg_wave_acquire(w);
    if (segment != SCRATCH && !lds && load_runs(w, inst, segment, kind, v, &next))
        return next;
    if (segment == SCRATCH) {
        uint32_t at[SG_LANES];
        scratch_offsets(w, inst, at);
        for (unsigned i = 0; i < SG_LANES; i++)
            va[i] = at[i];
        const struct apertures in = {0, sg_exec(w)};
        next = aperture_load(w, kind, &in, va, v);
    } else {
        global_addresses(w, inst, va);
        struct apertures in = {0, 0};
        if (segment == FLAT)
            in = find_apertures(w, va);
        if (in.lds | in.scratch)
            next = aperture_load(w, kind, &in, va, v);
        else
            next = sg_lanes_load(w, kind, va, v);
    }
    return lds && next == SG_NEXT ? to_lds(w, inst, v) : next;
}

SG_TEMPLATE enum sg_next store(struct sg_wave *w, const struct sg_inst *inst, enum segment segment,
                               enum sg_kind kind)
{
    uint64_t va[SG_LANES];
    uint32_t(*v)[SG_LANES] = data_rows(w, inst);
    enum sg_next next = SG_NEXT;
    if (segment != SCRATCH && store_runs(w, inst, segment, kind, v, &next))
        return next;
    if (segment == SCRATCH) {
        uint32_t at[SG_LANES];
        scratch_offsets(w, inst, at);
        for (unsigned i = 0; i < SG_LANES; i++)
            va[i] = at[i];
        const struct apertures in = {0, sg_exec(w)};
        return aperture_store(w, kind, &in, va, v);
    }
    global_addresses(w, inst, va);
    if (segment == FLAT) {
        const struct apertures in = find_apertures(w, va);
        if (in.lds | in.scratch)
            return aperture_store(w, kind, &in, va, v);
    }
    return sg_lanes_store(w, kind, va, v);
}

/* ---- atomics ------------------------------------------------------------------------------------
 */

/* LDS or private memory: nobody else works on it while this wave runs. */
static bool aperture_atomic(struct sg_wave *w, const struct apertures *in, uint64_t va,
                            unsigned lane, enum sg_rmw op, unsigned bytes, uint64_t data,
                            uint64_t data2, uint64_t *old)
{
    uint64_t value;
    *old = 0;
    if (!lane_read(w, in, va, lane, (uint8_t *)old, bytes))
        return false;
    value = bytes == 4 ? sg_rmw32(op, (uint32_t)*old, (uint32_t)data, (uint32_t)data2)
                       : sg_rmw64(op, *old, data, data2);
    return lane_write(w, in, va, lane, (const uint8_t *)&value, bytes);
}

SG_TEMPLATE enum sg_next atomic(struct sg_wave *w, const struct sg_inst *inst, enum segment segment,
                                enum sg_rmw op, unsigned bytes)
{
    uint64_t va[SG_LANES];
    uint32_t(*v)[SG_LANES] = data_rows(w, inst);
    uint32_t(*result)[SG_LANES] = inst->mem.glc ? w->v + (inst->dst - SG_SRC_VGPR0) : NULL;
    const unsigned words = bytes / 4;
    struct apertures in = {0, 0};
    global_addresses(w, inst, va);
    if (segment == FLAT)
        in = find_apertures(w, va);
    w->sync_ops++;
    w->stored = false; /* a locked operation of the host is a fence */
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        uint64_t data = v[0][lane], data2 = 0, old;
        if (words == 2)
            data |= (uint64_t)v[1][lane] << 32;
        if (op == SG_RMW_CMPSWAP)
            data2 = words == 2 ? (uint64_t)v[3][lane] << 32 | v[2][lane] : v[1][lane];
        if ((in.lds | in.scratch) >> lane & 1) {
            if (!aperture_atomic(w, &in, va[lane], lane, op, bytes, data, data2, &old))
                return SG_FAULT;
        } else {
            uint8_t *host = sg_mem_atomic(w, va[lane], bytes);
            if (!host)
                return SG_FAULT;
            old = words == 2 ? sg_atomic64(op, host, data, data2)
                             : sg_atomic32(op, host, (uint32_t)data, (uint32_t)data2);
        }
        if (result) {
            result[0][lane] = (uint32_t)old;
            if (words == 2)
                result[1][lane] = (uint32_t)(old >> 32);
        }
    }
    return SG_NEXT;
}

/* ---- the op functions ---------------------------------------------------------------------------
 */

#define LOADS(X, segment, prefix)                                                                  \
    X(load, segment, prefix, load_ubyte, SG_U8)                                                    \
    X(load, segment, prefix, load_sbyte, SG_S8)                                                    \
    X(load, segment, prefix, load_ushort, SG_U16)                                                  \
    X(load, segment, prefix, load_sshort, SG_S16)                                                  \
    X(load, segment, prefix, load_dword, SG_D1)                                                    \
    X(load, segment, prefix, load_dwordx2, SG_D2)                                                  \
    X(load, segment, prefix, load_dwordx3, SG_D3)                                                  \
    X(load, segment, prefix, load_dwordx4, SG_D4)                                                  \
    X(load, segment, prefix, load_ubyte_d16, SG_U8_LO)                                             \
    X(load, segment, prefix, load_ubyte_d16_hi, SG_U8_HI)                                          \
    X(load, segment, prefix, load_sbyte_d16, SG_S8_LO)                                             \
    X(load, segment, prefix, load_sbyte_d16_hi, SG_S8_HI)                                          \
    X(load, segment, prefix, load_short_d16, SG_16_LO)                                             \
    X(load, segment, prefix, load_short_d16_hi, SG_16_HI)                                          \
    X(store, segment, prefix, store_byte, SG_STORE8)                                               \
    X(store, segment, prefix, store_byte_d16_hi, SG_STORE8_HI)                                     \
    X(store, segment, prefix, store_short, SG_STORE16)                                             \
    X(store, segment, prefix, store_short_d16_hi, SG_STORE16_HI)                                   \
    X(store, segment, prefix, store_dword, SG_D1)                                                  \
    X(store, segment, prefix, store_dwordx2, SG_D2)                                                \
    X(store, segment, prefix, store_dwordx3, SG_D3)                                                \
    X(store, segment, prefix, store_dwordx4, SG_D4)

#define ATOMICS(X, segment, prefix)                                                                \
    X(segment, prefix, swap, SG_RMW_SWAP)                                                          \
    X(segment, prefix, cmpswap, SG_RMW_CMPSWAP)                                                    \
    X(segment, prefix, add, SG_RMW_ADD)                                                            \
    X(segment, prefix, sub, SG_RMW_SUB)                                                            \
    X(segment, prefix, smin, SG_RMW_SMIN)                                                          \
    X(segment, prefix, umin, SG_RMW_UMIN)                                                          \
    X(segment, prefix, smax, SG_RMW_SMAX)                                                          \
    X(segment, prefix, umax, SG_RMW_UMAX)                                                          \
    X(segment, prefix, and, SG_RMW_AND)                                                            \
    X(segment, prefix, or, SG_RMW_OR)                                                              \
    X(segment, prefix, xor, SG_RMW_XOR)                                                            \
    X(segment, prefix, inc, SG_RMW_INC)                                                            \
    X(segment, prefix, dec, SG_RMW_DEC)

#define FLOAT_ATOMICS(X)                                                                           \
    X(FLAT, flat, add_f64, SG_RMW_FADD, 8)                                                         \
    X(FLAT, flat, min_f64, SG_RMW_FMIN, 8)                                                         \
    X(FLAT, flat, max_f64, SG_RMW_FMAX, 8)                                                         \
    X(GLOBAL, global, add_f64, SG_RMW_FADD, 8)                                                     \
    X(GLOBAL, global, min_f64, SG_RMW_FMIN, 8)                                                     \
    X(GLOBAL, global, max_f64, SG_RMW_FMAX, 8)                                                     \
    X(GLOBAL, global, add_f32, SG_RMW_FADD, 4)                                                     \
    X(GLOBAL, global, pk_add_f16, SG_RMW_PK_ADD_F16, 4)

#define ACCESS_FUNCTION(what, segment, prefix, name, kind)                                         \
    static enum sg_next op_##prefix##_##name(struct sg_wave *w, const struct sg_inst *inst)        \
    {                                                                                              \
        return what(w, inst, segment, kind);                                                       \
    }
#define ATOMIC_FUNCTION(segment, prefix, name, op)                                                 \
    static enum sg_next op_##prefix##_atomic_##name(struct sg_wave *w, const struct sg_inst *inst) \
    {                                                                                              \
        return atomic(w, inst, segment, op, 4);                                                    \
    }                                                                                              \
    static enum sg_next op_##prefix##_atomic_##name##_x2(struct sg_wave *w,                        \
                                                         const struct sg_inst *inst)               \
    {                                                                                              \
        return atomic(w, inst, segment, op, 8);                                                    \
    }
#define FLOAT_ATOMIC_FUNCTION(segment, prefix, name, op, bytes)                                    \
    static enum sg_next op_##prefix##_atomic_##name(struct sg_wave *w, const struct sg_inst *inst) \
    {                                                                                              \
        return atomic(w, inst, segment, op, bytes);                                                \
    }

LOADS(ACCESS_FUNCTION, FLAT, flat)
LOADS(ACCESS_FUNCTION, GLOBAL, global)
LOADS(ACCESS_FUNCTION, SCRATCH, scratch)
ATOMICS(ATOMIC_FUNCTION, FLAT, flat)
ATOMICS(ATOMIC_FUNCTION, GLOBAL, global)
FLOAT_ATOMICS(FLOAT_ATOMIC_FUNCTION)

#include "variant.h"

#define ACCESS_ENTRY(what, segment, prefix, name, kind)                                            \
    {.mnemonic = #prefix "_" #name, .fn = op_##prefix##_##name, .prepare = SG_PICK},
#define ATOMIC_ENTRY(segment, prefix, name, op)                                                    \
    {.mnemonic = #prefix "_atomic_" #name, .fn = op_##prefix##_atomic_##name, .prepare = SG_PICK}, \
        {.mnemonic = #prefix "_atomic_" #name "_x2",                                               \
         .fn = op_##prefix##_atomic_##name##_x2,                                                   \
         .prepare = SG_PICK},
#define FLOAT_ATOMIC_ENTRY(segment, prefix, name, op, bytes)                                       \
    {.mnemonic = #prefix "_atomic_" #name, .fn = op_##prefix##_atomic_##name, .prepare = SG_PICK},

static const struct sg_op_entry entries[] = {
    /* clang-format off */
    LOADS(ACCESS_ENTRY, FLAT, flat)
    LOADS(ACCESS_ENTRY, GLOBAL, global)
    LOADS(ACCESS_ENTRY, SCRATCH, scratch)
    ATOMICS(ATOMIC_ENTRY, FLAT, flat)
    ATOMICS(ATOMIC_ENTRY, GLOBAL, global)
    FLOAT_ATOMICS(FLOAT_ATOMIC_ENTRY)
    /* clang-format on */
};

SG_OP_SET(sg_ops_flat)
