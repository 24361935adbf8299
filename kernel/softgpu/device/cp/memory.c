/* SPDX-License-Identifier: MIT */
/*
 * Single words of GPU memory for the packet processors: loads, stores, atomics through the page
 * table. Keeps no pointer beyond sg_vm_leave().
 */
#include "cp.h"

/* A word for direct access, between sg_vm_enter() and sg_vm_leave(); NULL with *fault filled. */
static void *word(const struct sg_vm *vm, uint64_t va, uint32_t need, struct sg_memory_fault *fault)
{
    uint32_t reason = 0;
    void *p = sg_vm_translate(vm, va, need, &reason);
    if (!p) {
        *fault = (struct sg_memory_fault){.va = va & ~(uint64_t)(SG_PAGE_BYTES - 1),
                                          .reason = reason,
                                          .write = (need & SG_PTE_WRITE) != 0};
    }
    return p;
}

#define CP_WORD(bits)                                                                              \
    bool cp_load##bits(const struct sg_vm *vm, uint64_t va, uint##bits##_t *value,                 \
                       struct sg_memory_fault *fault)                                              \
    {                                                                                              \
        if (va % sizeof(*value) != 0)                                                              \
            return sg_vm_read(vm, va, value, sizeof(*value), fault);                               \
        sg_vm_enter();                                                                             \
        const uint##bits##_t *p = word(vm, va, SG_PTE_READ, fault);                                \
        if (p)                                                                                     \
            *value = __atomic_load_n(p, __ATOMIC_ACQUIRE);                                         \
        sg_vm_leave();                                                                             \
        return p != NULL;                                                                          \
    }                                                                                              \
    bool cp_store##bits(const struct sg_vm *vm, uint64_t va, uint##bits##_t value,                 \
                        struct sg_memory_fault *fault)                                             \
    {                                                                                              \
        if (va % sizeof(value) != 0)                                                               \
            return sg_vm_write(vm, va, &value, sizeof(value), fault);                              \
        sg_vm_enter();                                                                             \
        uint##bits##_t *p = word(vm, va, SG_PTE_WRITE, fault);                                     \
        if (p)                                                                                     \
            __atomic_store_n(p, value, __ATOMIC_RELEASE);                                          \
        sg_vm_leave();                                                                             \
        return p != NULL;                                                                          \
    }

CP_WORD(16)
CP_WORD(32)
CP_WORD(64)

bool cp_add64(const struct sg_vm *vm, uint64_t va, uint64_t by, struct sg_memory_fault *fault)
{
    return cp_atomic(vm, 0x2f, va, by, 0, false, fault) != CP_ATOMIC_FAULT;
}

/* The new value of one read-modify-write; the low five bits of TC_OP choose it in both widths. */
static uint64_t combine(uint32_t op, uint64_t old, uint64_t source, uint64_t compare, unsigned bits)
{
    int64_t sold = bits == 32 ? (int32_t)old : (int64_t)old;
    int64_t ssource = bits == 32 ? (int32_t)source : (int64_t)source;
    switch (op & 0x1f) {
    case 0x07:
        return source;
    case 0x08:
        return old == compare ? source : old;
    case 0x0f:
        return old + source;
    case 0x10:
        return old - source;
    case 0x11:
        return sold < ssource ? old : source;
    case 0x12:
        return old < source ? old : source;
    case 0x13:
        return sold > ssource ? old : source;
    case 0x14:
        return old > source ? old : source;
    case 0x15:
        return old & source;
    case 0x16:
        return old | source;
    case 0x17:
        return old ^ source;
    case 0x18:
        return old >= source ? 0 : old + 1;
    case 0x19:
        return old == 0 || old > source ? source : old - 1;
    default:
        sg_unimplemented("memory atomic operation 0x%x of a packet", op);
    }
}

enum cp_atomic_result cp_atomic(const struct sg_vm *vm, uint32_t op, uint64_t va, uint64_t source,
                                uint64_t compare, bool loop, struct sg_memory_fault *fault)
{
    /* TC_OP: bit 5 selects 64 bits, bit 6 the form that returns nothing (vega10_enum.h). */
    unsigned bits = op & 0x20 ? 64 : 32;
    if (bits == 32) {
        source = (uint32_t)source;
        compare = (uint32_t)compare;
    }
    if (va % (bits / 8) != 0)
        sg_unimplemented("misaligned memory atomic of a packet at 0x%llx", (unsigned long long)va);
    enum cp_atomic_result result = CP_ATOMIC_DONE;
    sg_vm_enter();
    void *p = word(vm, va, SG_PTE_READ | SG_PTE_WRITE, fault);
    uint64_t old = 0;
    if (!p) {
        result = CP_ATOMIC_FAULT;
    } else if (bits == 64) {
        uint64_t seen = __atomic_load_n((uint64_t *)p, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n((uint64_t *)p, &seen,
                                            combine(op, seen, source, compare, 64), false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            ;
        old = seen;
    } else {
        uint32_t seen = __atomic_load_n((uint32_t *)p, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n((uint32_t *)p, &seen,
                                            (uint32_t)combine(op, seen, source, compare, 32), false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            ;
        old = seen;
    }
    sg_vm_leave();
    if (result == CP_ATOMIC_DONE && loop && (op & 0x1f) == 0x08 && old != compare)
        result = CP_ATOMIC_RETRY; /* a looping compare-and-swap waits for its compare value */
    return result;
}

bool cp_compare(unsigned function, uint64_t value, uint64_t reference)
{
    switch (function) {
    case 0:
        return true;
    case 1:
        return value < reference;
    case 2:
        return value <= reference;
    case 3:
        return value == reference;
    case 4:
        return value != reference;
    case 5:
        return value >= reference;
    case 6:
        return value > reference;
    default:
        sg_unimplemented("comparison function %u of a wait packet", function);
    }
}
