/* SPDX-License-Identifier: MIT */
/*
 * Reading, writing, copying and filling guest memory through the page table, page by page. For
 * packet processors; waves use tlb.c. Every function stops at a fault, be it the GPU's or the
 * host's.
 */
#include "guard.h"
#include "racy.h"
#include "vm_impl.h"

#ifdef SG_SANITIZED
enum { USE_MEMCPY = 0 }; /* intercepted, and would be reported */
#else
enum { USE_MEMCPY = 1 };
#endif

SG_RACY void sg_copy_racy(void *to, const void *from, size_t bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (USE_MEMCPY && bytes >= 64) {
        memcpy(t, f, bytes);
        return;
    }
    if (((uintptr_t)t | (uintptr_t)f) % 4 == 0) {
        if (((uintptr_t)t ^ (uintptr_t)f) % 8 == 0) {
            for (; bytes >= 4 && (uintptr_t)t % 8; bytes -= 4, t += 4, f += 4)
                sg_put32(t, sg_get32(f));
            for (; bytes >= 8; bytes -= 8, t += 8, f += 8)
                sg_put64(t, sg_get64(f));
        }
        for (; bytes >= 4; bytes -= 4, t += 4, f += 4)
            sg_put32(t, sg_get32(f));
    }
    for (; bytes; bytes--)
        sg_put8(t++, sg_get8(f++));
}

SG_RACY void sg_fill_racy(void *to, uint64_t pattern, size_t bytes)
{
    uint8_t *t = to;
    for (; bytes >= 8; bytes -= 8, t += 8)
        sg_put64(t, pattern);
    for (; bytes; bytes--, pattern >>= 8)
        sg_put8(t++, (uint8_t)pattern);
}

enum { FROM, TO };

/* One call's work. All of it is in memory that outlives the jump out of the signal handler. */
struct transfer {
    struct sg_guard guard;
    const struct sg_vm *vm;
    struct sg_window_count *count;
    struct sg_memory_fault *fault;
    bool guest[2];  /* which sides are guest memory */
    uint64_t va[2]; /* of the guest sides, at the present chunk */
    uint8_t *host[2];
    uint64_t left; /* bytes, the present chunk included */
    bool fill;
    uint64_t pattern; /* fill: byte 0 goes to host[TO] */
    unsigned depth;   /* of sg_vm_enter() outside */
};

static bool on_page_of(const struct transfer *t, int side, uintptr_t address)
{
    /* The whole page: a string instruction may report any address of its access. */
    uintptr_t page = (uintptr_t)t->host[side] & ~(uintptr_t)(SG_PAGE_BYTES - 1);
    return t->guest[side] && t->host[side] && address - page < SG_PAGE_BYTES;
}

static bool owns(struct sg_guard *guard, uintptr_t address)
{
    const struct transfer *t = (const struct transfer *)guard;
    return on_page_of(t, FROM, address) || on_page_of(t, TO, address);
}

static bool fail(struct transfer *t, int side, uint32_t reason)
{
    if (t->fault) {
        *t->fault = (struct sg_memory_fault){.va = t->va[side] & ~((uint64_t)SG_PAGE_BYTES - 1),
                                             .reason = reason,
                                             .write = side == TO};
    }
    return false;
}

/* Translate one side of the next chunk and shorten the chunk to the page. */
static bool locate(struct transfer *t, int side, uint64_t *bytes, uint64_t *pte)
{
    *pte = 0;
    if (!t->guest[side])
        return true;
    *pte = sg_vm_pte(t->vm, t->va[side]);
    uint32_t reason = sg_pte_fault(*pte, side == TO ? SG_PTE_WRITE : SG_PTE_READ);
    if (reason)
        return fail(t, side, reason);
    uint64_t offset = t->va[side] % SG_PAGE_BYTES;
    t->host[side] = sg_pte_host(*pte) + offset;
    if (*bytes > SG_PAGE_BYTES - offset)
        *bytes = SG_PAGE_BYTES - offset;
    return true;
}

static bool chunk(struct transfer *t)
{
    uint64_t bytes = t->left, pte[2];
    if (!locate(t, FROM, &bytes, &pte[FROM]) || !locate(t, TO, &bytes, &pte[TO]))
        return false;
    if (t->fill) {
        sg_fill_racy(t->host[TO], t->pattern, bytes);
        unsigned turn = bytes % 8 * 8;
        t->pattern = turn ? t->pattern >> turn | t->pattern << (64 - turn) : t->pattern;
    } else {
        sg_copy_racy(t->host[TO], t->host[FROM], bytes);
        t->host[FROM] += bytes;
    }
    if (t->count && (pte[FROM] & SG_PTE_WINDOW))
        t->count->read += bytes;
    if (t->count && (pte[TO] & SG_PTE_WINDOW))
        t->count->written += bytes;
    t->host[TO] += bytes;
    t->va[FROM] += bytes;
    t->va[TO] += bytes;
    t->left -= bytes;
    return true;
}

static bool run(struct transfer *t)
{
    t->guard.owns = owns;
    t->depth = sg_vm_depth();
    if (sigsetjmp(t->guard.env, 0)) { /* the memory behind a mapped page is gone */
        while (sg_vm_depth() > t->depth)
            sg_vm_leave();
        return fail(t, on_page_of(t, TO, t->guard.address) ? TO : FROM, SG_FAULT_NOT_PRESENT);
    }
    sg_guard_push(&t->guard);
    bool ok = true;
    while (ok && t->left) {
        sg_vm_enter();
        ok = chunk(t);
        sg_vm_leave();
    }
    sg_guard_pop(&t->guard);
    return ok;
}

bool sg_vm_read(const struct sg_vm *vm, uint64_t va, void *to, size_t bytes,
                struct sg_memory_fault *fault)
{
    struct transfer t = {.vm = vm,
                         .fault = fault,
                         .guest = {true, false},
                         .va = {va, 0},
                         .host = {NULL, to},
                         .left = bytes};
    return run(&t);
}

bool sg_vm_write(const struct sg_vm *vm, uint64_t va, const void *from, size_t bytes,
                 struct sg_memory_fault *fault)
{
    struct transfer t = {.vm = vm,
                         .fault = fault,
                         .guest = {false, true},
                         .va = {0, va},
                         .host = {(uint8_t *)(uintptr_t)from, NULL},
                         .left = bytes};
    return run(&t);
}

bool sg_vm_copy(const struct sg_vm *vm, uint64_t to, uint64_t from, uint64_t bytes,
                struct sg_window_count *count, struct sg_memory_fault *fault)
{
    struct transfer t = {.vm = vm,
                         .count = count,
                         .fault = fault,
                         .guest = {true, true},
                         .va = {from, to},
                         .left = bytes};
    return run(&t);
}

bool sg_vm_fill(const struct sg_vm *vm, uint64_t to, uint32_t pattern, unsigned unit,
                uint64_t bytes, struct sg_window_count *count, struct sg_memory_fault *fault)
{
    uint64_t word = unit == 1   ? (pattern & 0xff) * UINT64_C(0x0101010101010101)
                    : unit == 2 ? (pattern & 0xffff) * UINT64_C(0x0001000100010001)
                                : pattern * UINT64_C(0x0000000100000001);
    struct transfer t = {.vm = vm,
                         .count = count,
                         .fault = fault,
                         .guest = {false, true},
                         .va = {0, to},
                         .left = bytes,
                         .fill = true,
                         .pattern = word};
    return run(&t);
}
