/* SPDX-License-Identifier: MIT */
/*
 * The translation cache of one host thread, and the accesses of waves to guest memory. Owned by
 * tlb.c. An entry is valid while its thread stays inside of sg_vm_enter(): sg_tlb_begin() drops
 * what has become stale.
 */
#ifndef SG_TLB_H
#define SG_TLB_H

#include "racy.h"
#include "wave.h"

#define SG_PAGE_MASK ((uint64_t)SG_PAGE_BYTES - 1)

enum { SG_TLB_ENTRIES = 1024 };

struct sg_tlb_entry {
    uint64_t read_page,
        write_page;       /* virtual page address, or SG_TLB_NONE: not allowed or not known */
    uint8_t *host;        /* of the page's first byte */
    uint64_t window_mask; /* all ones: bytes are counted, SG_PTE_WINDOW */
};
#define SG_TLB_NONE 1u /* no page address: they are multiples of 4096 */

struct sg_tlb {
    struct sg_tlb_entry entries[SG_TLB_ENTRIES];
    const struct sg_vm *vm;
    uint64_t vm_serial, generation; /* of vm, when the entries were valid */
    uint64_t hits, misses;
    uint64_t window_read, window_written; /* bytes */
};

void sg_tlb_init(struct sg_tlb *tlb);
/* After sg_vm_enter(), before the first access: serve `vm` from now on. */
void sg_tlb_begin(struct sg_tlb *tlb, const struct sg_vm *vm);
/* For the signal handler: the virtual page that the host address belongs to, or SG_TLB_NONE. */
uint64_t sg_tlb_page_of_host(const struct sg_tlb *tlb, uintptr_t address, bool *write_allowed);

/* NULL after a fault: w->fault is filled. */
uint8_t *sg_tlb_miss(struct sg_wave *w, uint64_t va, bool write);

/* Host address of the byte at va, for up to the end of its page. `bytes` is what the statistics
 * count. */
static inline uint8_t *sg_tlb_read(struct sg_wave *w, uint64_t va, uint64_t bytes)
{
    struct sg_tlb *tlb = w->tlb;
    struct sg_tlb_entry *entry = &tlb->entries[va / SG_PAGE_BYTES % SG_TLB_ENTRIES];
    if (__builtin_expect(entry->read_page != (va & ~SG_PAGE_MASK), 0)) {
        if (!sg_tlb_miss(w, va, false))
            return NULL;
    } else {
        tlb->hits++;
    }
    tlb->window_read += bytes & entry->window_mask;
    return entry->host + (va & SG_PAGE_MASK);
}

static inline uint8_t *sg_tlb_write(struct sg_wave *w, uint64_t va, uint64_t bytes)
{
    struct sg_tlb *tlb = w->tlb;
    struct sg_tlb_entry *entry = &tlb->entries[va / SG_PAGE_BYTES % SG_TLB_ENTRIES];
    if (__builtin_expect(entry->write_page != (va & ~SG_PAGE_MASK), 0)) {
        if (!sg_tlb_miss(w, va, true))
            return NULL;
    } else {
        tlb->hits++;
    }
    tlb->window_written += bytes & entry->window_mask;
    return entry->host + (va & SG_PAGE_MASK);
}

/* Any alignment, across pages, up to 64 bytes. False: fault. A write that faults in its second page
 * writes nothing. */
bool sg_mem_read_bytes(struct sg_wave *w, uint64_t va, void *to, unsigned bytes);
bool sg_mem_write_bytes(struct sg_wave *w, uint64_t va, const void *from, unsigned bytes);

static inline bool sg_in_one_page(uint64_t va, unsigned bytes)
{
    return (va & SG_PAGE_MASK) + bytes <= SG_PAGE_BYTES;
}

static inline bool sg_mem_read32(struct sg_wave *w, uint64_t va, uint32_t *value)
{
    if (!sg_in_one_page(va, 4))
        return sg_mem_read_bytes(w, va, value, 4);
    const uint8_t *host = sg_tlb_read(w, va, 4);
    if (host)
        *value = sg_get32(host);
    return host;
}

static inline bool sg_mem_write32(struct sg_wave *w, uint64_t va, uint32_t value)
{
    if (!sg_in_one_page(va, 4))
        return sg_mem_write_bytes(w, va, &value, 4);
    uint8_t *host = sg_tlb_write(w, va, 4);
    if (host)
        sg_put32(host, value);
    return host;
}

/*
 * Host address of an aligned atomic operand of 4 or 8 bytes. NULL: fault; so is an address that is
 * not a multiple of `bytes` (the hardware raises a memory violation for it).
 */
static inline uint8_t *sg_mem_atomic(struct sg_wave *w, uint64_t va, unsigned bytes)
{
    if (__builtin_expect(va & (bytes - 1), 0)) {
        w->fault =
            (struct sg_memory_fault){.va = va, .reason = SG_FAULT_NOT_PRESENT, .write = true};
        return NULL;
    }
    return sg_tlb_write(w, va, bytes);
}

#endif
