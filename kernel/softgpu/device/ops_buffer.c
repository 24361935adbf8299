/* SPDX-License-Identifier: MIT */
/*
 * Untyped buffer instructions, MUBUF (Vega ISA document, "Vector Memory Buffer Instructions"): the
 * resource descriptor, its linear and swizzled addressing, range checks. Spilled registers and
 * private arrays of most kernels come this way. Format conversion is in ops_typed.c.
 */
#include "atomics.h"
#include "lanes.h"

#include "isa/operand.h"

/* Fields of the buffer resource that matter here ("Buffer Resource Descriptor"). */
struct resource {
    uint64_t base;
    uint32_t stride, records, index_stride;
    bool swizzle, add_tid;
};

SG_TEMPLATE struct resource resource_of(const struct sg_wave *w, const struct sg_inst *inst)
{
    const uint32_t *srd = &w->s[inst->mem.saddr];
    struct resource r;
    r.base = (uint64_t)(srd[1] & 0xffff) << 32 | srd[0];
    r.stride = srd[1] >> 16 & 0x3fff;
    r.swizzle = srd[1] >> 31;
    r.records = srd[2];
    r.index_stride = 8u << (srd[3] >> 21 & 3);
    r.add_tid = srd[3] >> 23 & 1;
    if (r.add_tid) /* the data format field holds more bits of the stride */
        r.stride |= (srd[3] >> 15 & 0xf) << 14;
    return r;
}

/* A buffer access of all lanes. `dword` k of a lane lies at place(k); outside of the buffer it does
 * not exist. */
struct access {
    struct resource r;
    uint32_t scalar_offset;
    uint32_t offset[SG_LANES], index[SG_LANES];
    bool uniform; /* offset and vaddr index are the same in all lanes */
};

SG_TEMPLATE void start_access(const struct sg_wave *w, const struct sg_inst *inst, struct access *a)
{
    const uint32_t *vindex = w->v[inst->mem.vaddr];
    const uint32_t *voffset = w->v[inst->mem.vaddr + (inst->mem.idxen ? 1 : 0)];
    a->r = resource_of(w, inst);
    a->scalar_offset = sg_scalar32(w, inst, inst->mem.soffset);
    a->uniform = !inst->mem.offen && !inst->mem.idxen;
    for (unsigned i = 0; i < SG_LANES; i++) {
        a->offset[i] = (uint32_t)inst->mem.offset + (inst->mem.offen ? voffset[i] : 0);
        a->index[i] = (inst->mem.idxen ? vindex[i] : 0) + (a->r.add_tid ? i : 0);
    }
}

/* Addresses of byte `more` of each lane's element; returns the lanes for which it is in range. */
SG_TEMPLATE uint64_t addresses(const struct access *a, uint32_t more, uint64_t va[SG_LANES])
{
    const struct resource r = a->r;
    uint64_t inside = 0;
    uint64_t limit = r.records > a->scalar_offset ? r.records - a->scalar_offset : 0;
    for (unsigned i = 0; i < SG_LANES; i++) {
        uint32_t offset = a->offset[i] + more, index = a->index[i];
        if (r.swizzle) {
            va[i] =
                r.base + a->scalar_offset +
                ((uint64_t)(index / r.index_stride) * r.stride + (offset & ~3u)) * r.index_stride +
                (index % r.index_stride) * 4 + offset % 4;
            inside |= (uint64_t)(r.stride ? index < r.records : offset < limit) << i;
        } else {
            uint64_t linear = offset + (uint64_t)r.stride * index;
            va[i] = r.base + a->scalar_offset + linear;
            inside |= (uint64_t)(r.stride ? index < r.records : linear < limit) << i;
        }
    }
    return inside;
}

/* Private memory: swizzled by the lane number, one offset for all: lane 0's address says it all. */
SG_TEMPLATE bool is_stack_slot(const struct access *a, unsigned bytes)
{
    if (!a->uniform || !a->r.swizzle || !a->r.add_tid || a->r.index_stride != SG_LANES ||
        a->offset[0] % 4)
        return false;
    return a->r.stride ? a->r.records >= SG_LANES
                       : (uint64_t)a->offset[0] + bytes + a->scalar_offset <= a->r.records;
}

SG_TEMPLATE uint32_t (*data_rows(const struct sg_wave *w, const struct sg_inst *inst))[SG_LANES]
{
    return w->v + inst->mem.vdata + (inst->mem.acc ? SG_SRC_ACC0 - SG_SRC_VGPR0 : 0);
}

/* The LDS bit: lane i's dword goes to LDS at M0 + offset + 4 i. */
static void to_lds(struct sg_wave *w, const struct sg_inst *inst, uint32_t (*v)[SG_LANES])
{
    uint32_t base = (w->s[SG_S_M0] & 0xffff) + (uint32_t)inst->mem.offset;
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        uint32_t at = base + 4 * lane;
        if (at < w->group->lds_bytes && w->group->lds_bytes - at >= 4)
            memcpy(w->group->lds + at, &v[0][lane], 4);
    }
}

/* Run `what` for the lanes of `mask` only. */
#define WITH_EXEC(w, mask, what)                                                                   \
    do {                                                                                           \
        uint64_t saved_exec = sg_exec(w);                                                          \
        sg_set_s64(w, SG_S_EXEC, saved_exec &(mask));                                              \
        what;                                                                                      \
        sg_set_s64(w, SG_S_EXEC, saved_exec);                                                      \
    } while (0)

/* One dword (or less) of every lane. */
SG_TEMPLATE enum sg_next load_piece(struct sg_wave *w, const struct access *a, enum sg_kind kind,
                                    uint32_t more, uint32_t (*v)[SG_LANES])
{
    uint64_t va[SG_LANES], exec = sg_exec(w);
    uint64_t inside = addresses(a, more, va) & exec;
    enum sg_next next = SG_NEXT;
    if (__builtin_expect(inside != exec, 0)) {
        for (uint64_t lanes = exec & ~inside; lanes; lanes &= lanes - 1) {
            unsigned lane = (unsigned)__builtin_ctzll(lanes);
            v[0][lane] = sg_kind_extend(kind, 0, v[0][lane]);
        }
        WITH_EXEC(w, inside, next = sg_lanes_load(w, kind, va, v));
        return next;
    }
    return sg_lanes_load(w, kind, va, v);
}

SG_TEMPLATE enum sg_next store_piece(struct sg_wave *w, const struct access *a, enum sg_kind kind,
                                     uint32_t more, uint32_t (*v)[SG_LANES])
{
    uint64_t va[SG_LANES], exec = sg_exec(w);
    uint64_t inside = addresses(a, more, va) & exec;
    enum sg_next next = SG_NEXT;
    if (__builtin_expect(inside != exec, 0)) {
        WITH_EXEC(w, inside, next = sg_lanes_store(w, kind, va, v));
        return next;
    }
    return sg_lanes_store(w, kind, va, v);
}

SG_TEMPLATE enum sg_next load(struct sg_wave *w, const struct sg_inst *inst, enum sg_kind kind)
{
    struct access a;
    uint32_t aside[1][SG_LANES] = {{0}};
    uint32_t(*v)[SG_LANES] = data_rows(w, inst);
    enum sg_next next = SG_NEXT;
    bool lds = inst->mem.lds && sg_kind_bytes(kind) <= 4;
    if (lds)
        v = aside;
    if (inst->mem.glc)
        sg_wave_acquire(w);
    start_access(w, inst, &a);
    if (sg_kind_bytes(kind) >= 4 && sg_exec(w) && is_stack_slot(&a, sg_kind_bytes(kind))) {
        uint64_t start = a.r.base + a.scalar_offset + (uint64_t)a.offset[0] * SG_LANES;
        for (unsigned k = 0; k < sg_kind_dwords(kind) && next == SG_NEXT; k++)
            next = sg_contiguous_load(w, SG_D1, start + 4 * SG_LANES * k, sg_exec(w), v + k,
                                      sg_lane_masks(w));
    } else if (kind < SG_D1) {
        next = load_piece(w, &a, kind, 0, v);
    } else {
        /* Address registers may be among the destinations: they have been read. */
        for (unsigned k = 0; k < sg_kind_dwords(kind) && next == SG_NEXT; k++)
            next = load_piece(w, &a, SG_D1, 4 * k, v + k);
    }
    if (lds && next == SG_NEXT)
        to_lds(w, inst, v);
    return next;
}

SG_TEMPLATE enum sg_next store(struct sg_wave *w, const struct sg_inst *inst, enum sg_kind kind)
{
    struct access a;
    uint32_t(*v)[SG_LANES] = data_rows(w, inst);
    enum sg_next next = SG_NEXT;
    start_access(w, inst, &a);
    if (kind < SG_STORE8 && sg_exec(w) && is_stack_slot(&a, sg_kind_bytes(kind))) {
        uint64_t start = a.r.base + a.scalar_offset + (uint64_t)a.offset[0] * SG_LANES;
        w->stored = true;
        for (unsigned k = 0; k < sg_kind_dwords(kind) && next == SG_NEXT; k++)
            next = sg_contiguous_store(w, SG_D1, start + 4 * SG_LANES * k, sg_exec(w), v + k);
    } else if (kind >= SG_STORE8) {
        next = store_piece(w, &a, kind, 0, v);
    } else {
        for (unsigned k = 0; k < sg_kind_dwords(kind) && next == SG_NEXT; k++)
            next = store_piece(w, &a, SG_D1, 4 * k, v + k);
    }
    return next;
}

SG_TEMPLATE enum sg_next atomic(struct sg_wave *w, const struct sg_inst *inst, enum sg_rmw op,
                                unsigned bytes)
{
    struct access a;
    uint64_t va[SG_LANES];
    uint32_t(*v)[SG_LANES] = data_rows(w, inst);
    start_access(w, inst, &a);
    uint64_t inside = addresses(&a, bytes - 4, va);
    const unsigned words = bytes / 4;
    w->sync_ops++;
    w->stored = false; /* a locked operation of the host is a fence */
    for (uint64_t exec = sg_exec(w); exec; exec &= exec - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(exec);
        uint64_t data = v[0][lane], data2 = 0, old = 0;
        if (words == 2)
            data |= (uint64_t)v[1][lane] << 32;
        if (op == SG_RMW_CMPSWAP)
            data2 = words == 2 ? (uint64_t)v[3][lane] << 32 | v[2][lane] : v[1][lane];
        if (inside >> lane & 1) {
            uint8_t *host = sg_mem_atomic(w, va[lane] - (bytes - 4), bytes);
            if (!host)
                return SG_FAULT;
            old = words == 2 ? sg_atomic64(op, host, data, data2)
                             : sg_atomic32(op, host, (uint32_t)data, (uint32_t)data2);
        }
        if (inst->mem.glc) {
            v[0][lane] = (uint32_t)old;
            if (words == 2)
                v[1][lane] = (uint32_t)(old >> 32);
        }
    }
    return SG_NEXT;
}

/* buffer_wbinvl1, buffer_wbl2, buffer_invl2: caches do not exist here; the order remains. */
static enum sg_next op_order(struct sg_wave *w, const struct sg_inst *inst)
{
    (void)inst;
    sg_wave_acquire(w);
    return SG_NEXT;
}

/* clang-format off */
#define ACCESSES(X)                                                                                \
    X(load, load_ubyte, SG_U8)                                                                     \
    X(load, load_sbyte, SG_S8)                                                                     \
    X(load, load_ushort, SG_U16)                                                                   \
    X(load, load_sshort, SG_S16)                                                                   \
    X(load, load_dword, SG_D1)                                                                     \
    X(load, load_dwordx2, SG_D2)                                                                   \
    X(load, load_dwordx3, SG_D3)                                                                   \
    X(load, load_dwordx4, SG_D4)                                                                   \
    X(load, load_ubyte_d16, SG_U8_LO)                                                              \
    X(load, load_ubyte_d16_hi, SG_U8_HI)                                                           \
    X(load, load_sbyte_d16, SG_S8_LO)                                                              \
    X(load, load_sbyte_d16_hi, SG_S8_HI)                                                           \
    X(load, load_short_d16, SG_16_LO)                                                              \
    X(load, load_short_d16_hi, SG_16_HI)                                                           \
    X(store, store_byte, SG_STORE8)                                                                \
    X(store, store_byte_d16_hi, SG_STORE8_HI)                                                      \
    X(store, store_short, SG_STORE16)                                                              \
    X(store, store_short_d16_hi, SG_STORE16_HI)                                                    \
    X(store, store_dword, SG_D1)                                                                   \
    X(store, store_dwordx2, SG_D2)                                                                 \
    X(store, store_dwordx3, SG_D3)                                                                 \
    X(store, store_dwordx4, SG_D4)
/* clang-format on */

/* clang-format off */
#define ATOMICS(X)                                                                                 \
    X(swap, SG_RMW_SWAP, 4)                                                                        \
    X(swap_x2, SG_RMW_SWAP, 8)                                                                     \
    X(cmpswap, SG_RMW_CMPSWAP, 4)                                                                  \
    X(cmpswap_x2, SG_RMW_CMPSWAP, 8)                                                               \
    X(add, SG_RMW_ADD, 4)                                                                          \
    X(add_x2, SG_RMW_ADD, 8)                                                                       \
    X(sub, SG_RMW_SUB, 4)                                                                          \
    X(sub_x2, SG_RMW_SUB, 8)                                                                       \
    X(smin, SG_RMW_SMIN, 4)                                                                        \
    X(smin_x2, SG_RMW_SMIN, 8)                                                                     \
    X(umin, SG_RMW_UMIN, 4)                                                                        \
    X(umin_x2, SG_RMW_UMIN, 8)                                                                     \
    X(smax, SG_RMW_SMAX, 4)                                                                        \
    X(smax_x2, SG_RMW_SMAX, 8)                                                                     \
    X(umax, SG_RMW_UMAX, 4)                                                                        \
    X(umax_x2, SG_RMW_UMAX, 8)                                                                     \
    X(and, SG_RMW_AND, 4)                                                                          \
    X(and_x2, SG_RMW_AND, 8)                                                                       \
    X(or, SG_RMW_OR, 4)                                                                            \
    X(or_x2, SG_RMW_OR, 8)                                                                         \
    X(xor, SG_RMW_XOR, 4)                                                                          \
    X(xor_x2, SG_RMW_XOR, 8)                                                                       \
    X(inc, SG_RMW_INC, 4)                                                                          \
    X(inc_x2, SG_RMW_INC, 8)                                                                       \
    X(dec, SG_RMW_DEC, 4)                                                                          \
    X(dec_x2, SG_RMW_DEC, 8)                                                                       \
    X(add_f32, SG_RMW_FADD, 4)                                                                     \
    X(pk_add_f16, SG_RMW_PK_ADD_F16, 4)                                                            \
    X(add_f64, SG_RMW_FADD, 8)                                                                     \
    X(min_f64, SG_RMW_FMIN, 8)                                                                     \
    X(max_f64, SG_RMW_FMAX, 8)
/* clang-format on */

#define ACCESS_FUNCTION(what, name, kind)                                                          \
    static enum sg_next op_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return what(w, inst, kind);                                                                \
    }
#define ATOMIC_FUNCTION(name, op, bytes)                                                           \
    static enum sg_next op_atomic_##name(struct sg_wave *w, const struct sg_inst *inst)            \
    {                                                                                              \
        return atomic(w, inst, op, bytes);                                                         \
    }

ACCESSES(ACCESS_FUNCTION)
ATOMICS(ATOMIC_FUNCTION)

#include "variant.h"

#define ACCESS_ENTRY(what, name, kind)                                                             \
    {.mnemonic = "buffer_" #name, .fn = op_##name, .prepare = SG_PICK},
#define ATOMIC_ENTRY(name, op, bytes)                                                              \
    {.mnemonic = "buffer_atomic_" #name, .fn = op_atomic_##name, .prepare = SG_PICK},

static const struct sg_op_entry entries[] = {
    /* clang-format off */
    ACCESSES(ACCESS_ENTRY)
    ATOMICS(ATOMIC_ENTRY)
    /* clang-format on */
    {.mnemonic = "buffer_wbinvl1", .fn = op_order, .prepare = SG_PICK},
    {.mnemonic = "buffer_wbinvl1_vol", .fn = op_order, .prepare = SG_PICK},
    {.mnemonic = "buffer_wbl2", .fn = op_order, .prepare = SG_PICK},
    {.mnemonic = "buffer_invl2", .fn = op_order, .prepare = SG_PICK},
};

SG_OP_SET(sg_ops_buffer)
