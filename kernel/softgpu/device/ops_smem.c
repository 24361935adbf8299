/* SPDX-License-Identifier: MIT */
/*
 * Scalar memory instructions (Vega ISA document, "Scalar Memory Operations"): loads, stores,
 * atomics, cache control, clocks. Addresses are dword-aligned: the hardware ignores the low two
 * bits.
 */
#include "atomics.h"
#include "device.h"
#include "tlb.h"

#include "isa/operand.h"

/* In bytes; without the resource of the buffer forms. */
static uint64_t offset_of(const struct sg_wave *w, const struct sg_inst *inst)
{
    uint64_t offset = (uint64_t)(int64_t)inst->mem.offset;
    if (inst->mem.soffset != SG_SRC_NONE)
        offset += sg_scalar32(w, inst, inst->mem.soffset);
    return offset;
}

static uint64_t plain_address(const struct sg_wave *w, const struct sg_inst *inst)
{
    return ((sg_s64(w, inst->mem.saddr) & ~UINT64_C(3)) + offset_of(w, inst)) & ~UINT64_C(3);
}

/* Address in a buffer of `dwords` at the offset; *valid: how many of them lie inside of it. */
static uint64_t buffer_address(const struct sg_wave *w, const struct sg_inst *inst, unsigned dwords,
                               unsigned *valid)
{
    const uint32_t *srd = &w->s[inst->mem.saddr];
    uint64_t base = ((uint64_t)(srd[1] & 0xffff) << 32 | srd[0]) & ~UINT64_C(3);
    uint64_t offset = offset_of(w, inst) & ~UINT64_C(3);
    uint32_t stride = srd[1] >> 16 & 0x3fff;
    uint64_t size = (uint64_t)srd[2] * (stride ? stride : 1);
    uint64_t left = offset < size ? (size - offset) / 4 : 0;
    *valid = left < dwords ? (unsigned)left : dwords;
    return base + offset;
}

static bool read_dwords(struct sg_wave *w, uint64_t va, uint32_t *to, unsigned dwords)
{
    if (!sg_in_one_page(va, dwords * 4))
        return sg_mem_read_bytes(w, va, to, dwords * 4);
    const uint8_t *host = sg_tlb_read(w, va, dwords * 4);
    if (!host)
        return false;
    for (unsigned i = 0; i < dwords; i++)
        to[i] = sg_get32(host + 4 * i);
    return true;
}

/* SGPRs past the register file cannot be named by valid code; the low five dwords of a load may hit
 * VCC. */
static bool fits(const struct sg_inst *inst, unsigned dwords)
{
    return inst->mem.vdata + dwords <= 128;
}

static inline __attribute__((always_inline)) enum sg_next
load(struct sg_wave *w, const struct sg_inst *inst, unsigned dwords, bool buffer)
{
    unsigned valid = dwords;
    uint64_t va = buffer ? buffer_address(w, inst, dwords, &valid) : plain_address(w, inst);
    if (!fits(inst, dwords))
        return SG_TRAP;
    if (inst->mem.glc)
        sg_wave_acquire(w);
    uint32_t *to = &w->s[inst->mem.vdata];
    if (__builtin_expect(valid == dwords, 1))
        return read_dwords(w, va, to, dwords) ? SG_NEXT : SG_FAULT;
    if (valid && !read_dwords(w, va, to, valid))
        return SG_FAULT;
    memset(to + valid, 0, (dwords - valid) * sizeof(*to));
    return SG_NEXT;
}

static inline __attribute__((always_inline)) enum sg_next
store(struct sg_wave *w, const struct sg_inst *inst, unsigned dwords, bool buffer)
{
    unsigned valid = dwords;
    uint64_t va = buffer ? buffer_address(w, inst, dwords, &valid) : plain_address(w, inst);
    if (!fits(inst, dwords))
        return SG_TRAP;
    w->stored = true;
    return valid && !sg_mem_write_bytes(w, va, &w->s[inst->mem.vdata], valid * 4) ? SG_FAULT
                                                                                  : SG_NEXT;
}

static inline __attribute__((always_inline)) enum sg_next
atomic(struct sg_wave *w, const struct sg_inst *inst, enum sg_rmw op, unsigned dwords, bool buffer)
{
    unsigned valid = dwords, data = inst->mem.vdata;
    uint64_t va = buffer ? buffer_address(w, inst, dwords, &valid) : plain_address(w, inst), old;
    bool two = op == SG_RMW_CMPSWAP;
    if (!fits(inst, two ? dwords * 2 : dwords))
        return SG_TRAP;
    w->sync_ops++;
    if (valid < dwords) { /* out of range: nothing is written, zero is returned */
        old = 0;
    } else {
        uint8_t *host = sg_mem_atomic(w, va, dwords * 4);
        if (!host)
            return SG_FAULT;
        if (dwords == 2)
            old = sg_atomic64(op, host, sg_s64(w, data), two ? sg_s64(w, data + 2) : 0);
        else
            old = sg_atomic32(op, host, w->s[data], two ? w->s[data + 1] : 0);
    }
    if (inst->mem.glc) {
        w->s[data] = (uint32_t)old;
        if (dwords == 2)
            w->s[data + 1] = (uint32_t)(old >> 32);
    }
    return SG_NEXT;
}

/* Caches do not exist here; what remains of their control is the order of accesses. */
static enum sg_next op_order(struct sg_wave *w, const struct sg_inst *inst)
{
    (void)inst;
    sg_wave_acquire(w);
    return SG_NEXT;
}

static enum sg_next op_nothing(struct sg_wave *w, const struct sg_inst *inst)
{
    (void)w;
    (void)inst;
    return SG_NEXT;
}

static enum sg_next clock_ticks(struct sg_wave *w, const struct sg_inst *inst, unsigned per_tick)
{
    if (!fits(inst, 2))
        return SG_TRAP;
    w->sync_ops++;
    sg_set_s64(w, inst->mem.vdata, sg_device_clock(w->group->dispatch->dev) * per_tick);
    return SG_NEXT;
}

static enum sg_next op_engine_clock(struct sg_wave *w, const struct sg_inst *inst)
{
    return clock_ticks(w, inst, SG_ENGINE_CLOCKS_PER_TICK);
}

static enum sg_next op_real_time(struct sg_wave *w, const struct sg_inst *inst)
{
    return clock_ticks(w, inst, 1);
}

#define ACCESSES(X)                                                                                \
    X(load, s_load_dword, 1, false)                                                                \
    X(load, s_load_dwordx2, 2, false)                                                              \
    X(load, s_load_dwordx4, 4, false)                                                              \
    X(load, s_load_dwordx8, 8, false)                                                              \
    X(load, s_load_dwordx16, 16, false)                                                            \
    X(load, s_buffer_load_dword, 1, true)                                                          \
    X(load, s_buffer_load_dwordx2, 2, true)                                                        \
    X(load, s_buffer_load_dwordx4, 4, true)                                                        \
    X(load, s_buffer_load_dwordx8, 8, true)                                                        \
    X(load, s_buffer_load_dwordx16, 16, true)                                                      \
    X(store, s_store_dword, 1, false)                                                              \
    X(store, s_store_dwordx2, 2, false)                                                            \
    X(store, s_store_dwordx4, 4, false)                                                            \
    X(store, s_buffer_store_dword, 1, true)                                                        \
    X(store, s_buffer_store_dwordx2, 2, true)                                                      \
    X(store, s_buffer_store_dwordx4, 4, true)

#define ATOMICS(X, prefix, buffer)                                                                 \
    X(prefix, swap, SG_RMW_SWAP, buffer)                                                           \
    X(prefix, cmpswap, SG_RMW_CMPSWAP, buffer)                                                     \
    X(prefix, add, SG_RMW_ADD, buffer)                                                             \
    X(prefix, sub, SG_RMW_SUB, buffer)                                                             \
    X(prefix, smin, SG_RMW_SMIN, buffer)                                                           \
    X(prefix, umin, SG_RMW_UMIN, buffer)                                                           \
    X(prefix, smax, SG_RMW_SMAX, buffer)                                                           \
    X(prefix, umax, SG_RMW_UMAX, buffer)                                                           \
    X(prefix, and, SG_RMW_AND, buffer)                                                             \
    X(prefix, or, SG_RMW_OR, buffer)                                                               \
    X(prefix, xor, SG_RMW_XOR, buffer)                                                             \
    X(prefix, inc, SG_RMW_INC, buffer)                                                             \
    X(prefix, dec, SG_RMW_DEC, buffer)

#define ACCESS_FUNCTION(what, name, dwords, buffer)                                                \
    static enum sg_next op_##name(struct sg_wave *w, const struct sg_inst *inst)                   \
    {                                                                                              \
        return what(w, inst, dwords, buffer);                                                      \
    }
#define ATOMIC_FUNCTION(prefix, name, op, buffer)                                                  \
    static enum sg_next op_##prefix##_##name(struct sg_wave *w, const struct sg_inst *inst)        \
    {                                                                                              \
        return atomic(w, inst, op, 1, buffer);                                                     \
    }                                                                                              \
    static enum sg_next op_##prefix##_##name##_x2(struct sg_wave *w, const struct sg_inst *inst)   \
    {                                                                                              \
        return atomic(w, inst, op, 2, buffer);                                                     \
    }

ACCESSES(ACCESS_FUNCTION)
ATOMICS(ATOMIC_FUNCTION, s_atomic, false)
ATOMICS(ATOMIC_FUNCTION, s_buffer_atomic, true)

#define ACCESS_ENTRY(what, name, dwords, buffer) {.mnemonic = #name, .fn = op_##name},
#define ATOMIC_ENTRY(prefix, name, op, buffer)                                                     \
    {.mnemonic = #prefix "_" #name, .fn = op_##prefix##_##name},                                   \
        {.mnemonic = #prefix "_" #name "_x2", .fn = op_##prefix##_##name##_x2},

static const struct sg_op_entry entries[] = {
    /* clang-format off */
    ACCESSES(ACCESS_ENTRY)
    ATOMICS(ATOMIC_ENTRY, s_atomic, false)
    ATOMICS(ATOMIC_ENTRY, s_buffer_atomic, true)
    /* clang-format on */
    {.mnemonic = "s_dcache_inv", .fn = op_order},
    {.mnemonic = "s_dcache_inv_vol", .fn = op_order},
    {.mnemonic = "s_dcache_wb", .fn = op_order},
    {.mnemonic = "s_dcache_wb_vol", .fn = op_order},
    {.mnemonic = "s_dcache_discard", .fn = op_nothing},
    {.mnemonic = "s_dcache_discard_x2", .fn = op_nothing},
    {.mnemonic = "s_memtime", .fn = op_engine_clock},
    {.mnemonic = "s_memrealtime", .fn = op_real_time},
};

const struct sg_op_set sg_ops_smem = {entries, sizeof(entries) / sizeof(entries[0])};
