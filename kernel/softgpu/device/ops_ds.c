/* SPDX-License-Identifier: MIT */
/*
 * LDS instructions (Vega ISA document, "Data Share Operations"). All waves of a workgroup run on
 * one host thread, so LDS is plain memory. An access that is not wholly inside of the workgroup's
 * LDS reads zero and writes nothing. GDS and GWS are refused.
 */
#include "atomics.h"
#include "code.h"

#include "isa/operand.h"

#include <immintrin.h>

#define TEMPLATE static inline __attribute__((always_inline))

TEMPLATE void refuse_gds(const struct sg_inst *inst)
{
    char text[128];
    if (__builtin_expect(inst->mem.gds, 0))
        sg_unimplemented("global data share: %s", sg_inst_text(inst, text, sizeof(text)));
}

/* Host address of `bytes` bytes of LDS, or NULL if they are not all inside. */
TEMPLATE uint8_t *lds_at(const struct sg_wave *w, uint32_t at, uint32_t bytes)
{
    const struct sg_workgroup *group = w->group;
    return at < group->lds_bytes && bytes <= group->lds_bytes - at ? group->lds + at : NULL;
}

TEMPLATE uint32_t (*row(const struct sg_wave *w, const struct sg_inst *inst,
                        unsigned vgpr))[SG_LANES]
{
    return w->v + vgpr + (inst->mem.acc ? SG_SRC_ACC0 - SG_SRC_VGPR0 : 0);
}

TEMPLATE uint32_t (*result_row(const struct sg_wave *w, const struct sg_inst *inst))[SG_LANES]
{
    return w->v + (inst->dst - SG_SRC_VGPR0);
}

#define EACH_LANE(lane, w)                                                                         \
    for (uint64_t lanes_left = sg_exec(w), lane = 0;                                               \
         lanes_left && (lane = (uint64_t)__builtin_ctzll(lanes_left), true);                       \
         lanes_left &= lanes_left - 1)

TEMPLATE void get(const uint8_t *host, uint32_t (*v)[SG_LANES], uint64_t lane, unsigned dwords)
{
    for (unsigned k = 0; k < dwords; k++) {
        uint32_t value = 0;
        if (host)
            memcpy(&value, host + 4 * k, 4);
        v[k][lane] = value;
    }
}

TEMPLATE void put(uint8_t *host, uint32_t (*v)[SG_LANES], uint64_t lane, unsigned dwords)
{
    for (unsigned k = 0; host && k < dwords; k++)
        memcpy(host + 4 * k, &v[k][lane], 4);
}

/* ---- reads and writes ---------------------------------------------------------------------------
 */

/* All lanes active, side by side, inside: the usual case of ds_read_b32 and ds_write_b32. */
TEMPLATE uint8_t *whole_row(const struct sg_wave *w, const uint32_t *addr, uint32_t offset)
{
    uint32_t differs = 0;
    if (!sg_exec_full(w))
        return NULL;
    for (unsigned i = 0; i < SG_LANES; i++)
        differs |= addr[i] - addr[0] - 4 * i;
    return differs ? NULL : lds_at(w, addr[0] + offset, 4 * SG_LANES);
}

/* All lanes active, and each one's `bytes` bytes at addr + offset inside: no check per lane is
 * needed. */
TEMPLATE bool all_inside(const struct sg_wave *w, const uint32_t *addr, uint32_t offset,
                         uint32_t bytes)
{
    uint32_t highest = 0, size = w->group->lds_bytes;
    if (!sg_exec_full(w) || offset + bytes > size)
        return false;
    for (unsigned i = 0; i < SG_LANES; i++)
        highest = addr[i] > highest ? addr[i] : highest;
    return highest <= size - offset - bytes;
}

#if defined(__AVX512F__)
/*
 * Sixteen lanes at a time: matrix kernels read one value into all of them or a row of a tile. All
 * addresses are inside.
 */
TEMPLATE void gather(uint32_t (*restrict v)[SG_LANES], const uint8_t *lds,
                     const uint32_t *restrict addr, unsigned dwords)
{
    const __m512i line =
        _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
    for (unsigned i = 0; i < SG_LANES; i += 16) {
        const __m512i at = _mm512_loadu_si512(addr + i);
        const __m512i from = _mm512_sub_epi32(at, _mm512_set1_epi32((int)addr[i]));
        const uint8_t *first = lds + addr[i];
        if (!_mm512_test_epi32_mask(from, from)) {
            for (unsigned k = 0; k < dwords; k++)
                _mm512_store_si512(&v[k][i],
                                   _mm512_set1_epi32((int)*(const sg_u32u *)(first + 4 * k)));
        } else if (dwords == 1 && _mm512_cmpeq_epi32_mask(from, line) == 0xffff) {
            _mm512_store_si512(&v[0][i], _mm512_loadu_si512(first));
        } else {
            for (unsigned k = 0; k < dwords; k++)
                _mm512_store_si512(&v[k][i], _mm512_i32gather_epi32(at, lds + 4 * k, 1));
        }
    }
}
#else
TEMPLATE void gather(uint32_t (*restrict v)[SG_LANES], const uint8_t *lds,
                     const uint32_t *restrict addr, unsigned dwords)
{
    for (unsigned i = 0; i < SG_LANES; i++) {
        for (unsigned k = 0; k < dwords; k++)
            v[k][i] = *(const sg_u32u *)(lds + addr[i] + 4 * k);
    }
}
#endif

/* The other way round. Where lanes overlap, the highest one wins, as without vectors. */
TEMPLATE void scatter(uint8_t *lds, const uint32_t *restrict addr, uint32_t (*restrict v)[SG_LANES],
                      unsigned dwords)
{
    for (unsigned i = 0; i < SG_LANES; i++) {
        for (unsigned k = 0; k < dwords; k++)
            *(sg_u32u *)(lds + addr[i] + 4 * k) = v[k][i];
    }
}

TEMPLATE enum sg_next read(struct sg_wave *w, const struct sg_inst *inst, unsigned dwords)
{
    const uint32_t *addr = w->v[inst->mem.vaddr];
    uint32_t(*v)[SG_LANES] = result_row(w, inst);
    uint32_t offset = (uint32_t)inst->mem.offset, at[SG_LANES];
    refuse_gds(inst);
    if (dwords == 1) {
        const uint8_t *host = whole_row(w, addr, offset);
        if (host) {
            memcpy(v[0], host, 4 * SG_LANES);
            return SG_NEXT;
        }
    }
    memcpy(at, addr, sizeof(at)); /* the destination may overwrite it */
    if (all_inside(w, at, offset, 4 * dwords)) {
        gather(v, w->group->lds + offset, at, dwords);
        return SG_NEXT;
    }
    EACH_LANE(lane, w)
    get(lds_at(w, at[lane] + offset, 4 * dwords), v, lane, dwords);
    return SG_NEXT;
}

TEMPLATE enum sg_next write(struct sg_wave *w, const struct sg_inst *inst, unsigned dwords)
{
    const uint32_t *addr = w->v[inst->mem.vaddr];
    uint32_t(*v)[SG_LANES] = row(w, inst, inst->mem.vdata);
    uint32_t offset = (uint32_t)inst->mem.offset;
    refuse_gds(inst);
    if (dwords == 1) {
        uint8_t *host = whole_row(w, addr, offset);
        if (host) {
            memcpy(host, v[0], 4 * SG_LANES);
            return SG_NEXT;
        }
    }
    if (all_inside(w, addr, offset, 4 * dwords)) {
        scatter(w->group->lds + offset, addr, v, dwords);
        return SG_NEXT;
    }
    EACH_LANE(lane, w)
    put(lds_at(w, addr[lane] + offset, 4 * dwords), v, lane, dwords);
    return SG_NEXT;
}

/* Two elements; `unit`: bytes that one step of an offset means. */
TEMPLATE enum sg_next read2(struct sg_wave *w, const struct sg_inst *inst, unsigned dwords,
                            uint32_t unit)
{
    uint32_t(*v)[SG_LANES] = result_row(w, inst);
    uint32_t at[SG_LANES], first = (uint32_t)inst->mem.offset * unit,
                           second = inst->mem.offset1 * unit;
    refuse_gds(inst);
    memcpy(at, w->v[inst->mem.vaddr], sizeof(at));
    if (all_inside(w, at, first > second ? first : second, 4 * dwords)) {
        gather(v, w->group->lds + first, at, dwords);
        gather(v + dwords, w->group->lds + second, at, dwords);
        return SG_NEXT;
    }
    EACH_LANE(lane, w)
    {
        get(lds_at(w, at[lane] + first, 4 * dwords), v, lane, dwords);
        get(lds_at(w, at[lane] + second, 4 * dwords), v + dwords, lane, dwords);
    }
    return SG_NEXT;
}

TEMPLATE enum sg_next write2(struct sg_wave *w, const struct sg_inst *inst, unsigned dwords,
                             uint32_t unit)
{
    const uint32_t *addr = w->v[inst->mem.vaddr];
    uint32_t(*v0)[SG_LANES] = row(w, inst, inst->mem.vdata);
    uint32_t(*v1)[SG_LANES] = row(w, inst, inst->mem.vdata1);
    uint32_t first = (uint32_t)inst->mem.offset * unit, second = inst->mem.offset1 * unit;
    refuse_gds(inst);
    EACH_LANE(lane, w)
    {
        put(lds_at(w, addr[lane] + first, 4 * dwords), v0, lane, dwords);
        put(lds_at(w, addr[lane] + second, 4 * dwords), v1, lane, dwords);
    }
    return SG_NEXT;
}

enum part { U8, S8, U16, S16, U8_LO, U8_HI, S8_LO, S8_HI, U16_LO, U16_HI };

TEMPLATE unsigned part_bytes(enum part part)
{
    return part == U16 || part == S16 || part >= U16_LO ? 2 : 1;
}

TEMPLATE enum sg_next read_part(struct sg_wave *w, const struct sg_inst *inst, enum part part)
{
    uint32_t *v = result_row(w, inst)[0], at[SG_LANES];
    refuse_gds(inst);
    memcpy(at, w->v[inst->mem.vaddr], sizeof(at));
    EACH_LANE(lane, w)
    {
        const uint8_t *host = lds_at(w, at[lane] + (uint32_t)inst->mem.offset, part_bytes(part));
        uint16_t raw = 0;
        if (host)
            memcpy(&raw, host, part_bytes(part));
        if (part == S8 || part == S8_LO || part == S8_HI)
            raw = (uint16_t)(int8_t)raw;
        switch (part) {
        case S8:
        case S16:
            v[lane] = (uint32_t)(int16_t)raw;
            break;
        case U8_LO:
        case S8_LO:
        case U16_LO:
            v[lane] = (v[lane] & 0xffff0000) | raw;
            break;
        case U8_HI:
        case S8_HI:
        case U16_HI:
            v[lane] = (v[lane] & 0xffff) | (uint32_t)raw << 16;
            break;
        default:
            v[lane] = raw;
        }
    }
    return SG_NEXT;
}

TEMPLATE enum sg_next write_part(struct sg_wave *w, const struct sg_inst *inst, unsigned bytes,
                                 unsigned shift)
{
    const uint32_t *addr = w->v[inst->mem.vaddr], *v = row(w, inst, inst->mem.vdata)[0];
    refuse_gds(inst);
    EACH_LANE(lane, w)
    {
        uint8_t *host = lds_at(w, addr[lane] + (uint32_t)inst->mem.offset, bytes);
        uint32_t value = v[lane] >> shift;
        if (host)
            memcpy(host, &value, bytes);
    }
    return SG_NEXT;
}

/* ds_read_addtid_b32, ds_write_addtid_b32: LDS at M0 + offset + 4 * lane */
static enum sg_next op_read_addtid(struct sg_wave *w, const struct sg_inst *inst)
{
    refuse_gds(inst);
    uint32_t base = (w->s[SG_S_M0] & 0xffff) + (uint32_t)inst->mem.offset;
    EACH_LANE(lane, w)
    get(lds_at(w, base + 4 * (uint32_t)lane, 4), result_row(w, inst), lane, 1);
    return SG_NEXT;
}

static enum sg_next op_write_addtid(struct sg_wave *w, const struct sg_inst *inst)
{
    refuse_gds(inst);
    uint32_t base = (w->s[SG_S_M0] & 0xffff) + (uint32_t)inst->mem.offset;
    EACH_LANE(lane, w)
    put(lds_at(w, base + 4 * (uint32_t)lane, 4), row(w, inst, inst->mem.vdata), lane, 1);
    return SG_NEXT;
}

/* ---- read-modify-write --------------------------------------------------------------------------
 */

/*
 * `data` and `data2` of sg_rmw*(): for compare-and-store and the like DS has them the other way
 * round than memory instructions (data0 is what is compared with).
 */
TEMPLATE enum sg_next rmw(struct sg_wave *w, const struct sg_inst *inst, enum sg_rmw op,
                          unsigned bytes, bool returns)
{
    const bool compares = op == SG_RMW_CMPSWAP || op == SG_RMW_FCMPSWAP;
    uint32_t(*v0)[SG_LANES] = row(w, inst, inst->mem.vdata);
    uint32_t(*v1)[SG_LANES] = row(w, inst, inst->mem.vdata1);
    uint32_t at[SG_LANES];
    refuse_gds(inst);
    memcpy(at, w->v[inst->mem.vaddr], sizeof(at));
    EACH_LANE(lane, w)
    {
        uint8_t *host = lds_at(w, at[lane] + (uint32_t)inst->mem.offset, bytes);
        uint64_t old = 0, value, first = v0[0][lane], second = v1[0][lane];
        if (bytes == 8) {
            first |= (uint64_t)v0[1][lane] << 32;
            second |= (uint64_t)v1[1][lane] << 32;
        }
        if (host) {
            uint64_t data = compares ? second : first, data2 = compares ? first : second;
            memcpy(&old, host, bytes);
            value = bytes == 4 ? sg_rmw32(op, (uint32_t)old, (uint32_t)data, (uint32_t)data2)
                               : sg_rmw64(op, old, data, data2);
            memcpy(host, &value, bytes);
        }
        if (returns) {
            result_row(w, inst)[0][lane] = (uint32_t)old;
            if (bytes == 8)
                result_row(w, inst)[1][lane] = (uint32_t)(old >> 32);
        }
    }
    return SG_NEXT;
}

/*
 * ds_*_src2: on two places of LDS. The second lies a number of dwords behind the first: the
 * offset's lower 15 bits, signed, or, if its top bit is set, those above bit 16 of the address
 * ("DS_ADD_SRC2_U32").
 */
TEMPLATE enum sg_next source2(struct sg_wave *w, const struct sg_inst *inst, enum sg_rmw op,
                              unsigned bytes)
{
    const uint32_t *addr = w->v[inst->mem.vaddr], offset = (uint32_t)inst->mem.offset;
    refuse_gds(inst);
    EACH_LANE(lane, w)
    {
        bool in_address = offset & 0x8000;
        int32_t distance = in_address ? (int32_t)addr[lane] >> 17 : (int32_t)(offset << 17) >> 17;
        uint32_t at = in_address ? addr[lane] & 0x1ffff : addr[lane];
        uint8_t *first = lds_at(w, at, bytes);
        const uint8_t *second = lds_at(w, at + (uint32_t)distance * 4, bytes);
        uint64_t old = 0, data = 0, value;
        if (!first)
            continue;
        memcpy(&old, first, bytes);
        if (second)
            memcpy(&data, second, bytes);
        value = bytes == 4 ? sg_rmw32(op, (uint32_t)old, (uint32_t)data, 0)
                           : sg_rmw64(op, old, data, 0);
        memcpy(first, &value, bytes);
    }
    return SG_NEXT;
}

/* ds_wrxchg2: two exchanges */
TEMPLATE enum sg_next exchange2(struct sg_wave *w, const struct sg_inst *inst, unsigned dwords,
                                uint32_t unit)
{
    uint32_t(*v0)[SG_LANES] = row(w, inst, inst->mem.vdata);
    uint32_t(*v1)[SG_LANES] = row(w, inst, inst->mem.vdata1);
    uint32_t(*result)[SG_LANES] = result_row(w, inst);
    const uint32_t *addr = w->v[inst->mem.vaddr];
    refuse_gds(inst);
    EACH_LANE(lane, w)
    {
        uint8_t *first = lds_at(w, addr[lane] + (uint32_t)inst->mem.offset * unit, 4 * dwords);
        uint8_t *second = lds_at(w, addr[lane] + inst->mem.offset1 * unit, 4 * dwords);
        uint32_t aside[4][SG_LANES];
        get(first, aside, lane, dwords);
        put(first, v0, lane, dwords);
        get(second, aside + dwords, lane, dwords);
        put(second, v1, lane, dwords);
        for (unsigned k = 0; k < 2 * dwords; k++)
            result[k][lane] = aside[k][lane];
    }
    return SG_NEXT;
}

/* ---- lanes among themselves: no LDS is touched
 * ----------------------------------------------------- */

static enum sg_next op_permute(struct sg_wave *w, const struct sg_inst *inst)
{
    const uint32_t *addr = w->v[inst->mem.vaddr], *data = row(w, inst, inst->mem.vdata)[0];
    uint32_t *v = result_row(w, inst)[0], moved[SG_LANES] = {0};
    EACH_LANE(lane, w)
    moved[(addr[lane] + (uint32_t)inst->mem.offset) / 4 % SG_LANES] = data[lane];
    EACH_LANE(lane, w)
    v[lane] = moved[lane];
    return SG_NEXT;
}

/* Inactive source lanes give zero. */
static enum sg_next op_bpermute(struct sg_wave *w, const struct sg_inst *inst)
{
    const uint32_t *addr = w->v[inst->mem.vaddr], *data = row(w, inst, inst->mem.vdata)[0];
    uint32_t *v = result_row(w, inst)[0], moved[SG_LANES];
    EACH_LANE(lane, w)
    {
        uint32_t from = (addr[lane] + (uint32_t)inst->mem.offset) / 4 % SG_LANES;
        moved[lane] = sg_exec(w) >> from & 1 ? data[from] : 0;
    }
    EACH_LANE(lane, w)
    v[lane] = moved[lane];
    return SG_NEXT;
}

/* The source lane of `lane` (Vega ISA document, ds_swizzle_b32). */
static unsigned swizzle_source(uint32_t pattern, unsigned lane)
{
    unsigned half = lane & 32, in = lane & 31;
    if ((pattern & 0xe000) == 0xe000) { /* FFT: bits reversed above those of a mask */
        unsigned mask = pattern & 31, reversed = 0;
        for (unsigned bit = 0; bit < 5; bit++)
            reversed |= (in >> bit & 1) << (4 - bit);
        return half | reversed >> __builtin_popcount(mask) | (in & mask);
    }
    if ((pattern & 0xe000) == 0xc000) { /* rotate: direction, amount, mask of bits that stay */
        unsigned amount = pattern >> 5 & 31, stay = pattern & 31;
        unsigned to = pattern >> 10 & 1 ? in - amount : in + amount;
        return half | (in & stay) | (to & 31 & ~stay);
    }
    if (pattern & 0x8000) /* quad permutation */
        return (lane & ~3u) | (pattern >> 2 * (lane & 3) & 3);
    return half | (((in & (pattern & 31)) | (pattern >> 5 & 31)) ^ (pattern >> 10 & 31));
}

static enum sg_next op_swizzle(struct sg_wave *w, const struct sg_inst *inst)
{
    uint32_t pattern = (uint32_t)inst->mem.offset;
    /* One source: the decoder calls it the address, as it is in the encoding. */
    const uint32_t *data = w->v[inst->mem.vaddr];
    uint32_t *v = result_row(w, inst)[0], moved[SG_LANES];
    EACH_LANE(lane, w)
    {
        unsigned from = swizzle_source(pattern, (unsigned)lane);
        moved[lane] = sg_exec(w) >> from & 1 ? data[from] : 0;
    }
    EACH_LANE(lane, w)
    v[lane] = moved[lane];
    return SG_NEXT;
}

/* ds_append, ds_consume: one counter at M0 + offset, changed by the number of active lanes. */
TEMPLATE enum sg_next count(struct sg_wave *w, const struct sg_inst *inst, bool append)
{
    refuse_gds(inst);
    uint32_t active = (uint32_t)__builtin_popcountll(sg_exec(w)), old = 0;
    uint8_t *host = lds_at(w, (w->s[SG_S_M0] >> 16) + (uint32_t)inst->mem.offset, 4);
    if (host) {
        memcpy(&old, host, 4);
        uint32_t value = append ? old + active : old - active;
        memcpy(host, &value, 4);
    }
    EACH_LANE(lane, w)
    result_row(w, inst)[0][lane] = old;
    return SG_NEXT;
}

static enum sg_next op_nop(struct sg_wave *w, const struct sg_inst *inst)
{
    (void)w;
    (void)inst;
    return SG_NEXT;
}

/* ---- the op functions ---------------------------------------------------------------------------
 */

/* clang-format off */
#define PLAIN(X)                                                                                   \
    X(ds_read_b32, read(w, inst, 1))                                                               \
    X(ds_read_b64, read(w, inst, 2))                                                               \
    X(ds_read_b96, read(w, inst, 3))                                                               \
    X(ds_read_b128, read(w, inst, 4))                                                              \
    X(ds_write_b32, write(w, inst, 1))                                                             \
    X(ds_write_b64, write(w, inst, 2))                                                             \
    X(ds_write_b96, write(w, inst, 3))                                                             \
    X(ds_write_b128, write(w, inst, 4))                                                            \
    X(ds_read2_b32, read2(w, inst, 1, 4))                                                          \
    X(ds_read2st64_b32, read2(w, inst, 1, 256))                                                    \
    X(ds_read2_b64, read2(w, inst, 2, 8))                                                          \
    X(ds_read2st64_b64, read2(w, inst, 2, 512))                                                    \
    X(ds_write2_b32, write2(w, inst, 1, 4))                                                        \
    X(ds_write2st64_b32, write2(w, inst, 1, 256))                                                  \
    X(ds_write2_b64, write2(w, inst, 2, 8))                                                        \
    X(ds_write2st64_b64, write2(w, inst, 2, 512))                                                  \
    X(ds_read_u8, read_part(w, inst, U8))                                                          \
    X(ds_read_i8, read_part(w, inst, S8))                                                          \
    X(ds_read_u16, read_part(w, inst, U16))                                                        \
    X(ds_read_i16, read_part(w, inst, S16))                                                        \
    X(ds_read_u8_d16, read_part(w, inst, U8_LO))                                                   \
    X(ds_read_u8_d16_hi, read_part(w, inst, U8_HI))                                                \
    X(ds_read_i8_d16, read_part(w, inst, S8_LO))                                                   \
    X(ds_read_i8_d16_hi, read_part(w, inst, S8_HI))                                                \
    X(ds_read_u16_d16, read_part(w, inst, U16_LO))                                                 \
    X(ds_read_u16_d16_hi, read_part(w, inst, U16_HI))                                              \
    X(ds_write_b8, write_part(w, inst, 1, 0))                                                      \
    X(ds_write_b8_d16_hi, write_part(w, inst, 1, 16))                                              \
    X(ds_write_b16, write_part(w, inst, 2, 0))                                                     \
    X(ds_write_b16_d16_hi, write_part(w, inst, 2, 16))                                             \
    X(ds_wrxchg2_rtn_b32, exchange2(w, inst, 1, 4))                                                \
    X(ds_wrxchg2st64_rtn_b32, exchange2(w, inst, 1, 256))                                          \
    X(ds_wrxchg2_rtn_b64, exchange2(w, inst, 2, 8))                                                \
    X(ds_wrxchg2st64_rtn_b64, exchange2(w, inst, 2, 512))                                          \
    X(ds_wrxchg_rtn_b32, rmw(w, inst, SG_RMW_SWAP, 4, true))                                       \
    X(ds_wrxchg_rtn_b64, rmw(w, inst, SG_RMW_SWAP, 8, true))                                       \
    X(ds_wrap_rtn_b32, rmw(w, inst, SG_RMW_WRAP, 4, true))                                         \
    X(ds_append, count(w, inst, true))                                                             \
    X(ds_consume, count(w, inst, false))
/* clang-format on */

/* name without and with return, suffix, operation, bytes */
/* clang-format off */
#define RMWS(X)                                                                                    \
    X(add, u32, SG_RMW_ADD, 4)                                                                     \
    X(add, u64, SG_RMW_ADD, 8)                                                                     \
    X(sub, u32, SG_RMW_SUB, 4)                                                                     \
    X(sub, u64, SG_RMW_SUB, 8)                                                                     \
    X(rsub, u32, SG_RMW_RSUB, 4)                                                                   \
    X(rsub, u64, SG_RMW_RSUB, 8)                                                                   \
    X(inc, u32, SG_RMW_INC, 4)                                                                     \
    X(inc, u64, SG_RMW_INC, 8)                                                                     \
    X(dec, u32, SG_RMW_DEC, 4)                                                                     \
    X(dec, u64, SG_RMW_DEC, 8)                                                                     \
    X(min, i32, SG_RMW_SMIN, 4)                                                                    \
    X(min, i64, SG_RMW_SMIN, 8)                                                                    \
    X(max, i32, SG_RMW_SMAX, 4)                                                                    \
    X(max, i64, SG_RMW_SMAX, 8)                                                                    \
    X(min, u32, SG_RMW_UMIN, 4)                                                                    \
    X(min, u64, SG_RMW_UMIN, 8)                                                                    \
    X(max, u32, SG_RMW_UMAX, 4)                                                                    \
    X(max, u64, SG_RMW_UMAX, 8)                                                                    \
    X(and, b32, SG_RMW_AND, 4)                                                                     \
    X(and, b64, SG_RMW_AND, 8)                                                                     \
    X(or, b32, SG_RMW_OR, 4)                                                                       \
    X(or, b64, SG_RMW_OR, 8)                                                                       \
    X(xor, b32, SG_RMW_XOR, 4)                                                                     \
    X(xor, b64, SG_RMW_XOR, 8)                                                                     \
    X(mskor, b32, SG_RMW_MSKOR, 4)                                                                 \
    X(mskor, b64, SG_RMW_MSKOR, 8)                                                                 \
    X(cmpst, b32, SG_RMW_CMPSWAP, 4)                                                               \
    X(cmpst, b64, SG_RMW_CMPSWAP, 8)                                                               \
    X(cmpst, f32, SG_RMW_FCMPSWAP, 4)                                                              \
    X(cmpst, f64, SG_RMW_FCMPSWAP, 8)                                                              \
    X(min, f32, SG_RMW_FMIN, 4)                                                                    \
    X(min, f64, SG_RMW_FMIN, 8)                                                                    \
    X(max, f32, SG_RMW_FMAX, 4)                                                                    \
    X(max, f64, SG_RMW_FMAX, 8)                                                                    \
    X(add, f32, SG_RMW_FADD, 4)                                                                    \
    X(add, f64, SG_RMW_FADD, 8)
/* clang-format on */

/* clang-format off */
#define SOURCE2(X)                                                                                 \
    X(add, u32, SG_RMW_ADD, 4)                                                                     \
    X(add, u64, SG_RMW_ADD, 8)                                                                     \
    X(add, f32, SG_RMW_FADD, 4)                                                                    \
    X(sub, u32, SG_RMW_SUB, 4)                                                                     \
    X(sub, u64, SG_RMW_SUB, 8)                                                                     \
    X(rsub, u32, SG_RMW_RSUB, 4)                                                                   \
    X(rsub, u64, SG_RMW_RSUB, 8)                                                                   \
    X(inc, u32, SG_RMW_INC, 4)                                                                     \
    X(inc, u64, SG_RMW_INC, 8)                                                                     \
    X(dec, u32, SG_RMW_DEC, 4)                                                                     \
    X(dec, u64, SG_RMW_DEC, 8)                                                                     \
    X(min, i32, SG_RMW_SMIN, 4)                                                                    \
    X(min, i64, SG_RMW_SMIN, 8)                                                                    \
    X(min, u32, SG_RMW_UMIN, 4)                                                                    \
    X(min, u64, SG_RMW_UMIN, 8)                                                                    \
    X(min, f32, SG_RMW_FMIN, 4)                                                                    \
    X(min, f64, SG_RMW_FMIN, 8)                                                                    \
    X(max, i32, SG_RMW_SMAX, 4)                                                                    \
    X(max, i64, SG_RMW_SMAX, 8)                                                                    \
    X(max, u32, SG_RMW_UMAX, 4)                                                                    \
    X(max, u64, SG_RMW_UMAX, 8)                                                                    \
    X(max, f32, SG_RMW_FMAX, 4)                                                                    \
    X(max, f64, SG_RMW_FMAX, 8)                                                                    \
    X(and, b32, SG_RMW_AND, 4)                                                                     \
    X(and, b64, SG_RMW_AND, 8)                                                                     \
    X(or, b32, SG_RMW_OR, 4)                                                                       \
    X(or, b64, SG_RMW_OR, 8)                                                                       \
    X(xor, b32, SG_RMW_XOR, 4)                                                                     \
    X(xor, b64, SG_RMW_XOR, 8)                                                                     \
    X(write, b32, SG_RMW_SWAP, 4)                                                                  \
    X(write, b64, SG_RMW_SWAP, 8)
/* clang-format on */

#define PLAIN_FUNCTION(name, call)                                                                 \
    static enum sg_next op_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return call;                                                                               \
    }
#define RMW_FUNCTION(name, type, op, bytes)                                                        \
    static enum sg_next op_##name##_##type(struct sg_wave *w, const struct sg_inst *inst)          \
    {                                                                                              \
        return rmw(w, inst, op, bytes, false);                                                     \
    }                                                                                              \
    static enum sg_next op_##name##_rtn_##type(struct sg_wave *w, const struct sg_inst *inst)      \
    {                                                                                              \
        return rmw(w, inst, op, bytes, true);                                                      \
    }

#define SOURCE2_FUNCTION(name, type, op, bytes)                                                    \
    static enum sg_next op_##name##_src2_##type(struct sg_wave *w, const struct sg_inst *inst)     \
    {                                                                                              \
        return source2(w, inst, op, bytes);                                                        \
    }

PLAIN(PLAIN_FUNCTION)
RMWS(RMW_FUNCTION)
SOURCE2(SOURCE2_FUNCTION)

#include "variant.h"

#define PLAIN_ENTRY(name, call) {.mnemonic = #name, .fn = op_##name, .prepare = SG_PICK},
#define RMW_ENTRY(name, type, op, bytes)                                                           \
    {.mnemonic = "ds_" #name "_" #type, .fn = op_##name##_##type, .prepare = SG_PICK},             \
        {.mnemonic = "ds_" #name "_rtn_" #type, .fn = op_##name##_rtn_##type, .prepare = SG_PICK},

#define SOURCE2_ENTRY(name, type, op, bytes)                                                       \
    {.mnemonic = "ds_" #name "_src2_" #type, .fn = op_##name##_src2_##type, .prepare = SG_PICK},

static const struct sg_op_entry entries[] = {
    /* clang-format off */
    PLAIN(PLAIN_ENTRY)
    RMWS(RMW_ENTRY)
    SOURCE2(SOURCE2_ENTRY)
    /* clang-format on */
    {.mnemonic = "ds_read_addtid_b32", .fn = op_read_addtid, .prepare = SG_PICK},
    {.mnemonic = "ds_write_addtid_b32", .fn = op_write_addtid, .prepare = SG_PICK},
    {.mnemonic = "ds_permute_b32", .fn = op_permute, .prepare = SG_PICK},
    {.mnemonic = "ds_bpermute_b32", .fn = op_bpermute, .prepare = SG_PICK},
    {.mnemonic = "ds_swizzle_b32", .fn = op_swizzle, .prepare = SG_PICK},
    {.mnemonic = "ds_nop", .fn = op_nop, .prepare = SG_PICK},
};

SG_OP_SET(sg_ops_ds)
