/* SPDX-License-Identifier: MIT */
/*
 * Loads, stores and atomics of up to 64 lanes, as templates: every function is inlined with a
 * constant kind. Included by ops_flat.c and ops_buffer.c, which bring the addresses. These files
 * are compiled without sanitizers (CMakeLists.txt): what they access is guest memory.
 */
#ifndef SG_LANES_H
#define SG_LANES_H

#include "tlb.h"

#include <immintrin.h>

#define SG_TEMPLATE static inline __attribute__((always_inline))

/* What one lane moves. The D16 kinds change one half of the register and keep the other. */
enum sg_kind {
    SG_U8,
    SG_S8,
    SG_U16,
    SG_S16,
    SG_U8_LO,
    SG_U8_HI,
    SG_S8_LO,
    SG_S8_HI,
    SG_16_LO,
    SG_16_HI,
    SG_D1,
    SG_D2,
    SG_D3,
    SG_D4,
    SG_STORE8,
    SG_STORE8_HI,
    SG_STORE16,
    SG_STORE16_HI,
};

SG_TEMPLATE unsigned sg_kind_bytes(enum sg_kind kind)
{
    switch (kind) {
    case SG_U8:
    case SG_S8:
    case SG_U8_LO:
    case SG_U8_HI:
    case SG_S8_LO:
    case SG_S8_HI:
    case SG_STORE8:
    case SG_STORE8_HI:
        return 1;
    case SG_U16:
    case SG_S16:
    case SG_16_LO:
    case SG_16_HI:
    case SG_STORE16:
    case SG_STORE16_HI:
        return 2;
    default:
        return 4 * (kind - SG_D1 + 1);
    }
}

SG_TEMPLATE unsigned sg_kind_dwords(enum sg_kind kind)
{
    return (sg_kind_bytes(kind) + 3) / 4;
}

/* The register after a load of less than a dword. */
SG_TEMPLATE uint32_t sg_kind_extend(enum sg_kind kind, uint32_t raw, uint32_t old)
{
    switch (kind) {
    case SG_U8:
        return raw & 0xff;
    case SG_S8:
        return (uint32_t)(int8_t)raw;
    case SG_U16:
        return raw & 0xffff;
    case SG_S16:
        return (uint32_t)(int16_t)raw;
    case SG_U8_LO:
        return (old & 0xffff0000) | (raw & 0xff);
    case SG_U8_HI:
        return (old & 0xffff) | (raw & 0xff) << 16;
    case SG_S8_LO:
        return (old & 0xffff0000) | (uint16_t)(int8_t)raw;
    case SG_S8_HI:
        return (old & 0xffff) | (uint32_t)(uint16_t)(int8_t)raw << 16;
    case SG_16_LO:
        return (old & 0xffff0000) | (raw & 0xffff);
    case SG_16_HI:
        return (old & 0xffff) | raw << 16;
    default:
        return raw;
    }
}

/* One lane's load from memory that is in one piece on the host. */
SG_TEMPLATE void sg_lane_load(enum sg_kind kind, const uint8_t *host, uint32_t (*v)[SG_LANES],
                              unsigned lane)
{
    if (kind >= SG_D1) {
        for (unsigned k = 0; k < sg_kind_dwords(kind); k++)
            v[k][lane] = sg_get32(host + 4 * k);
    } else {
        uint32_t raw = sg_kind_bytes(kind) == 1 ? sg_get8(host) : sg_get16(host);
        v[0][lane] = sg_kind_extend(kind, raw, v[0][lane]);
    }
}

SG_TEMPLATE void sg_lane_store(enum sg_kind kind, uint8_t *host, uint32_t (*v)[SG_LANES],
                               unsigned lane)
{
    if (kind >= SG_STORE8) {
        uint32_t raw = v[0][lane] >> (kind == SG_STORE8_HI || kind == SG_STORE16_HI ? 16 : 0);
        if (sg_kind_bytes(kind) == 1)
            sg_put8(host, (uint8_t)raw);
        else
            sg_put16(host, (uint16_t)raw);
    } else {
        for (unsigned k = 0; k < sg_kind_dwords(kind); k++)
            sg_put32(host + 4 * k, v[k][lane]);
    }
}

/* ---- how the addresses of the active lanes lie --------------------------------------------------
 */

enum sg_pattern { SG_SCATTERED, SG_CONTIGUOUS, SG_UNIFORM };

/* `lanes`: all ones or zero per lane (wave.h, exec_lanes); first: the first active lane. */
SG_TEMPLATE enum sg_pattern sg_pattern_of(const uint64_t va[SG_LANES], const uint32_t *lanes,
                                          unsigned first, unsigned bytes)
{
    uint64_t line = 0, point = 0, start = va[first] - (uint64_t)first * bytes;
    for (unsigned i = 0; i < SG_LANES; i++) {
        uint64_t mask = (uint64_t)(int64_t)(int32_t)lanes[i];
        line |= (va[i] - start - (uint64_t)i * bytes) & mask;
        point |= (va[i] - va[first]) & mask;
    }
    return line == 0 ? SG_CONTIGUOUS : point == 0 ? SG_UNIFORM : SG_SCATTERED;
}

static inline const uint32_t *sg_lane_masks(struct sg_wave *w)
{
    uint64_t exec = sg_exec(w);
    if (__builtin_expect(w->exec_expanded != exec, 0)) {
        for (unsigned i = 0; i < SG_LANES; i++)
            w->exec_lanes[i] = 0u - (uint32_t)(exec >> i & 1);
        w->exec_expanded = exec;
    }
    return w->exec_lanes;
}

/* ---- loads --------------------------------------------------------------------------------------
 */

/* Elements of `dwords` dwords, side by side on the host, from and to one register row per dword. */
SG_TEMPLATE void sg_rows_load(const uint8_t *host, uint32_t (*restrict v)[SG_LANES],
                              unsigned dwords)
{
    const sg_u32u *restrict from = (const sg_u32u *)host;
    for (unsigned i = 0; i < SG_LANES; i++) {
        for (unsigned k = 0; k < dwords; k++)
            v[k][i] = from[i * dwords + k];
    }
}

SG_TEMPLATE void sg_rows_store(uint8_t *host, uint32_t (*restrict v)[SG_LANES], unsigned dwords)
{
    sg_u32u *restrict to = (sg_u32u *)host;
    for (unsigned i = 0; i < SG_LANES; i++) {
        for (unsigned k = 0; k < dwords; k++)
            to[i * dwords + k] = v[k][i];
    }
}

/* Lanes first..last of a contiguous access lie in one page that starts, for lane 0, at host. */
SG_TEMPLATE void sg_span_load(enum sg_kind kind, const uint8_t *host, uint32_t (*v)[SG_LANES],
                              uint64_t active, const uint32_t *lanes, unsigned first, unsigned last)
{
    const unsigned bytes = sg_kind_bytes(kind);
    if (kind >= SG_D1 && active == UINT64_MAX) {
        sg_rows_load(host, v, sg_kind_dwords(kind));
        return;
    }
    if (kind == SG_U8 && active == UINT64_MAX) {
        for (unsigned i = 0; i < SG_LANES; i++)
            v[0][i] = host[i];
        return;
    }
    if (kind == SG_D1 && first == 0 && last == SG_LANES - 1) {
        for (unsigned i = 0; i < SG_LANES; i++) {
            uint32_t value = ((const sg_u32u *)host)[i];
            v[0][i] = (value & lanes[i]) | (v[0][i] & ~lanes[i]);
        }
        return;
    }
    for (uint64_t left = active >> first << first; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        if (i > last)
            break;
        sg_lane_load(kind, host + (size_t)i * bytes, v, i);
    }
}

/* A lane whose bytes lie in two pages. */
SG_TEMPLATE bool sg_split_load(struct sg_wave *w, enum sg_kind kind, uint64_t va,
                               uint32_t (*v)[SG_LANES], unsigned lane)
{
    uint8_t bytes[16];
    if (!sg_mem_read_bytes(w, va, bytes, sg_kind_bytes(kind)))
        return false;
    sg_lane_load(kind, bytes, v, lane);
    return true;
}

SG_TEMPLATE enum sg_next sg_contiguous_load(struct sg_wave *w, enum sg_kind kind, uint64_t start,
                                            uint64_t exec, uint32_t (*v)[SG_LANES],
                                            const uint32_t *lanes)
{
    const unsigned bytes = sg_kind_bytes(kind);
    unsigned lane = (unsigned)__builtin_ctzll(exec), end = 64 - (unsigned)__builtin_clzll(exec);
    while (lane < end) {
        uint64_t va = start + (uint64_t)lane * bytes;
        unsigned fit = (unsigned)((SG_PAGE_BYTES - (va & SG_PAGE_MASK)) / bytes);
        if (fit == 0) {
            if (lanes[lane] && !sg_split_load(w, kind, va, v, lane))
                return SG_FAULT;
            lane++;
            continue;
        }
        unsigned last = lane + fit < end ? lane + fit - 1 : end - 1;
        /* A page in which no lane is active is not touched. */
        uint64_t here = exec >> lane << lane & (UINT64_MAX >> (63 - last));
        if (here) {
            const uint8_t *host =
                sg_tlb_read(w, va, (uint64_t)bytes * (unsigned)__builtin_popcountll(here));
            if (!host)
                return SG_FAULT;
            sg_span_load(kind, host - (size_t)lane * bytes, v, here, lanes, lane, last);
        }
        lane = last + 1;
    }
    return SG_NEXT;
}

/* Do all elements of the active lanes lie in the page of the first one? */
SG_TEMPLATE bool sg_one_page(const uint64_t va[SG_LANES], const uint32_t *lanes, unsigned first,
                             unsigned bytes)
{
    uint64_t page = va[first] & ~SG_PAGE_MASK, outside = 0;
    for (unsigned i = 0; i < SG_LANES; i++) {
        uint64_t mask = (uint64_t)(int64_t)(int32_t)lanes[i];
        outside |= (va[i] - page > SG_PAGE_BYTES - bytes ? UINT64_MAX : 0) & mask;
    }
    return !outside;
}

SG_TEMPLATE enum sg_next sg_scattered_load(struct sg_wave *w, enum sg_kind kind, const uint64_t *va,
                                           uint64_t exec, uint32_t (*v)[SG_LANES],
                                           const uint32_t *lanes)
{
    const unsigned bytes = sg_kind_bytes(kind), first = (unsigned)__builtin_ctzll(exec);
    if (sg_one_page(va, lanes, first, bytes)) {
        const uint8_t *host =
            sg_tlb_read(w, va[first], (uint64_t)bytes * (unsigned)__builtin_popcountll(exec));
        if (!host)
            return SG_FAULT;
        host -= va[first] & SG_PAGE_MASK;
        if (exec == UINT64_MAX) {
            for (unsigned i = 0; i < SG_LANES; i++)
                sg_lane_load(kind, host + (va[i] & SG_PAGE_MASK), v, i);
            return SG_NEXT;
        }
        for (; exec; exec &= exec - 1) {
            unsigned lane = (unsigned)__builtin_ctzll(exec);
            sg_lane_load(kind, host + (va[lane] & SG_PAGE_MASK), v, lane);
        }
        return SG_NEXT;
    }
    for (; exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        if (__builtin_expect(!sg_in_one_page(va[lane], bytes), 0)) {
            if (!sg_split_load(w, kind, va[lane], v, lane))
                return SG_FAULT;
            continue;
        }
        const uint8_t *host = sg_tlb_read(w, va[lane], bytes);
        if (!host)
            return SG_FAULT;
        sg_lane_load(kind, host, v, lane);
    }
    return SG_NEXT;
}

SG_TEMPLATE enum sg_next sg_uniform_load(struct sg_wave *w, enum sg_kind kind, uint64_t va,
                                         uint64_t exec, uint32_t (*v)[SG_LANES],
                                         const uint32_t *lanes)
{
    const unsigned bytes = sg_kind_bytes(kind);
    uint32_t value[4] = {0};
    (void)exec;
    if (sg_in_one_page(va, bytes)) {
        const uint8_t *host = sg_tlb_read(w, va, bytes);
        if (!host)
            return SG_FAULT;
        if (kind >= SG_D1) {
            for (unsigned k = 0; k < sg_kind_dwords(kind); k++)
                value[k] = sg_get32(host + 4 * k);
        } else {
            value[0] = bytes == 1 ? sg_get8(host) : sg_get16(host);
        }
    } else if (!sg_mem_read_bytes(w, va, value, bytes)) {
        return SG_FAULT;
    }
    for (unsigned k = 0; k < sg_kind_dwords(kind); k++) {
        for (unsigned i = 0; i < SG_LANES; i++) {
            uint32_t now = kind >= SG_D1 ? value[k] : sg_kind_extend(kind, value[0], v[0][i]);
            v[k][i] = (now & lanes[i]) | (v[k][i] & ~lanes[i]);
        }
    }
    return SG_NEXT;
}

/* Load for the lanes of EXEC from va[]; destination v[0].. */
SG_TEMPLATE enum sg_next sg_lanes_load(struct sg_wave *w, enum sg_kind kind,
                                       const uint64_t va[SG_LANES], uint32_t (*v)[SG_LANES])
{
    uint64_t exec = sg_exec(w);
    if (!exec)
        return SG_NEXT;
    const uint32_t *lanes = sg_lane_masks(w);
    unsigned first = (unsigned)__builtin_ctzll(exec);
    switch (sg_pattern_of(va, lanes, first, sg_kind_bytes(kind))) {
    case SG_CONTIGUOUS:
        return sg_contiguous_load(w, kind, va[first] - (uint64_t)first * sg_kind_bytes(kind), exec,
                                  v, lanes);
    case SG_UNIFORM:
        return sg_uniform_load(w, kind, va[first], exec, v, lanes);
    default:
        return sg_scattered_load(w, kind, va, exec, v, lanes);
    }
}

/* ---- stores -------------------------------------------------------------------------------------
 */

SG_TEMPLATE bool sg_split_store(struct sg_wave *w, enum sg_kind kind, uint64_t va,
                                uint32_t (*v)[SG_LANES], unsigned lane)
{
    uint8_t bytes[16];
    sg_lane_store(kind, bytes, v, lane);
    return sg_mem_write_bytes(w, va, bytes, sg_kind_bytes(kind));
}

SG_TEMPLATE void sg_span_store(enum sg_kind kind, uint8_t *host, uint32_t (*v)[SG_LANES],
                               uint64_t active)
{
    const unsigned bytes = sg_kind_bytes(kind);
    if (kind < SG_STORE8 && active == UINT64_MAX) {
        sg_rows_store(host, v, sg_kind_dwords(kind));
        return;
    }
    for (; active; active &= active - 1) {
        unsigned i = (unsigned)__builtin_ctzll(active);
        sg_lane_store(kind, host + (size_t)i * bytes, v, i);
    }
}

SG_TEMPLATE enum sg_next sg_contiguous_store(struct sg_wave *w, enum sg_kind kind, uint64_t start,
                                             uint64_t exec, uint32_t (*v)[SG_LANES])
{
    const unsigned bytes = sg_kind_bytes(kind);
    unsigned lane = (unsigned)__builtin_ctzll(exec), end = 64 - (unsigned)__builtin_clzll(exec);
    while (lane < end) {
        uint64_t va = start + (uint64_t)lane * bytes;
        unsigned fit = (unsigned)((SG_PAGE_BYTES - (va & SG_PAGE_MASK)) / bytes);
        if (fit == 0) {
            if ((exec >> lane & 1) && !sg_split_store(w, kind, va, v, lane))
                return SG_FAULT;
            lane++;
            continue;
        }
        unsigned last = lane + fit < end ? lane + fit - 1 : end - 1;
        uint64_t here = exec >> lane << lane & (UINT64_MAX >> (63 - last));
        if (here) {
            uint8_t *host =
                sg_tlb_write(w, va, (uint64_t)bytes * (unsigned)__builtin_popcountll(here));
            if (!host)
                return SG_FAULT;
            sg_span_store(kind, host - (size_t)lane * bytes, v, here);
        }
        lane = last + 1;
    }
    return SG_NEXT;
}

SG_TEMPLATE enum sg_next sg_lanes_store(struct sg_wave *w, enum sg_kind kind,
                                        const uint64_t va[SG_LANES], uint32_t (*v)[SG_LANES])
{
    const unsigned bytes = sg_kind_bytes(kind);
    uint64_t exec = sg_exec(w);
    if (!exec)
        return SG_NEXT;
    w->stored = true;
    unsigned first = (unsigned)__builtin_ctzll(exec);
    if (sg_pattern_of(va, sg_lane_masks(w), first, bytes) == SG_CONTIGUOUS)
        return sg_contiguous_store(w, kind, va[first] - (uint64_t)first * bytes, exec, v);
    for (; exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        if (__builtin_expect(!sg_in_one_page(va[lane], bytes), 0)) {
            if (!sg_split_store(w, kind, va[lane], v, lane))
                return SG_FAULT;
            continue;
        }
        uint8_t *host = sg_tlb_write(w, va[lane], bytes);
        if (!host)
            return SG_FAULT;
        sg_lane_store(kind, host, v, lane);
    }
    return SG_NEXT;
}

#endif
