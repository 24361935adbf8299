/* SPDX-License-Identifier: MIT */
/*
 * Single words of GPU memory for the packet processors: loads, stores, atomics through the page
 * table. Keeps no pointer beyond sg_vm_leave().
 */
#include "cp.h"

#include "guard.h"

/* One access to a word. The memory behind a page can go away at any moment: what the program unmaps
 * inside of libc, a file that it truncates. That is a fault of the access, not of the process. */
struct access {
    struct sg_guard guard;
    uint8_t *host;
};

static bool owns(struct sg_guard *guard, uintptr_t address)
{
    const struct access *access = (const struct access *)guard;
    uintptr_t page = (uintptr_t)access->host & ~(uintptr_t)(SG_PAGE_BYTES - 1);
    return address - page < SG_PAGE_BYTES;
}

static bool fail(struct sg_memory_fault *fault, uint64_t va, uint32_t reason, uint32_t need)
{
    *fault = (struct sg_memory_fault){.va = va & ~(uint64_t)(SG_PAGE_BYTES - 1),
                                      .reason = reason,
                                      .write = (need & SG_PTE_WRITE) != 0};
    return false;
}

/* Calls use(host address, argument); false with *fault filled if the word cannot be accessed. */
static bool with_word(const struct sg_vm *vm, uint64_t va, uint32_t need,
                      void (*use)(void *host, void *argument), void *argument,
                      struct sg_memory_fault *fault)
{
    struct access access = {.guard.owns = owns};
    uint32_t reason = 0;
    sg_vm_enter();
    access.host = sg_vm_translate(vm, va, need, &reason);
    if (!access.host) {
        sg_vm_leave();
        return fail(fault, va, reason, need);
    }
    if (sigsetjmp(access.guard.env, 0)) { /* the handler has popped the guard */
        sg_vm_leave();
        return fail(fault, va, SG_FAULT_NOT_PRESENT, need);
    }
    sg_guard_push(&access.guard);
    use(access.host, argument);
    sg_guard_pop(&access.guard);
    sg_vm_leave();
    return true;
}

#define CP_WORD(bits)                                                                              \
    static void load##bits(void *host, void *value)                                                \
    {                                                                                              \
        *(uint##bits##_t *)value = __atomic_load_n((uint##bits##_t *)host, __ATOMIC_ACQUIRE);      \
    }                                                                                              \
    static void store##bits(void *host, void *value)                                               \
    {                                                                                              \
        __atomic_store_n((uint##bits##_t *)host, *(uint##bits##_t *)value, __ATOMIC_RELEASE);      \
    }                                                                                              \
    bool cp_load##bits(const struct sg_vm *vm, uint64_t va, uint##bits##_t *value,                 \
                       struct sg_memory_fault *fault)                                              \
    {                                                                                              \
        if (va % sizeof(*value) != 0)                                                              \
            return sg_vm_read(vm, va, value, sizeof(*value), fault);                               \
        return with_word(vm, va, SG_PTE_READ, load##bits, value, fault);                           \
    }                                                                                              \
    bool cp_store##bits(const struct sg_vm *vm, uint64_t va, uint##bits##_t value,                 \
                        struct sg_memory_fault *fault)                                             \
    {                                                                                              \
        if (va % sizeof(value) != 0)                                                               \
            return sg_vm_write(vm, va, &value, sizeof(value), fault);                              \
        return with_word(vm, va, SG_PTE_WRITE, store##bits, &value, fault);                        \
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

struct rmw {
    uint32_t op;
    uint64_t source, compare, old;
};

static void rmw32(void *host, void *argument)
{
    struct rmw *r = argument;
    uint32_t seen = __atomic_load_n((uint32_t *)host, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n((uint32_t *)host, &seen,
                                        (uint32_t)combine(r->op, seen, r->source, r->compare, 32),
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
    r->old = seen;
}

static void rmw64(void *host, void *argument)
{
    struct rmw *r = argument;
    uint64_t seen = __atomic_load_n((uint64_t *)host, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n((uint64_t *)host, &seen,
                                        combine(r->op, seen, r->source, r->compare, 64), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
    r->old = seen;
}

enum cp_atomic_result cp_atomic(const struct sg_vm *vm, uint32_t op, uint64_t va, uint64_t source,
                                uint64_t compare, bool loop, struct sg_memory_fault *fault)
{
    /* TC_OP: bit 5 selects 64 bits, bit 6 the form that returns nothing (vega10_enum.h). */
    bool wide = op & 0x20;
    struct rmw r = {.op = op,
                    .source = wide ? source : (uint32_t)source,
                    .compare = wide ? compare : (uint32_t)compare};
    if (va % (wide ? 8 : 4) != 0)
        sg_unimplemented("misaligned memory atomic of a packet at 0x%llx", (unsigned long long)va);
    if (!with_word(vm, va, SG_PTE_READ | SG_PTE_WRITE, wide ? rmw64 : rmw32, &r, fault))
        return CP_ATOMIC_FAULT;
    if (loop && (op & 0x1f) == 0x08 && r.old != r.compare)
        return CP_ATOMIC_RETRY; /* a looping compare-and-swap waits for its compare value */
    return CP_ATOMIC_DONE;
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
