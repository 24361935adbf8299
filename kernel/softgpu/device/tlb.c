/* SPDX-License-Identifier: MIT */
/*
 * The slow half of the translation cache: misses, faults, accesses across pages. May not touch a
 * wave beyond its fault record.
 */
#include "tlb.h"

#include "vm_impl.h"

void sg_tlb_init(struct sg_tlb *tlb)
{
    memset(tlb, 0, sizeof(*tlb));
    for (unsigned i = 0; i < SG_TLB_ENTRIES; i++)
        tlb->entries[i].read_page = tlb->entries[i].write_page = SG_TLB_NONE;
}

void sg_tlb_begin(struct sg_tlb *tlb, const struct sg_vm *vm)
{
    uint64_t generation = sg_vm_generation(vm), serial = sg_vm_serial(vm);
    if (tlb->vm_serial == serial && tlb->generation == generation)
        return;
    for (unsigned i = 0; i < SG_TLB_ENTRIES; i++)
        tlb->entries[i].read_page = tlb->entries[i].write_page = SG_TLB_NONE;
    tlb->vm = vm;
    tlb->vm_serial = serial;
    tlb->generation = generation;
}

uint64_t sg_tlb_page_of_host(const struct sg_tlb *tlb, uintptr_t address, bool *write_allowed)
{
    for (unsigned i = 0; i < SG_TLB_ENTRIES; i++) {
        const struct sg_tlb_entry *entry = &tlb->entries[i];
        if (entry->read_page != SG_TLB_NONE && address - (uintptr_t)entry->host < SG_PAGE_BYTES) {
            *write_allowed = entry->write_page != SG_TLB_NONE;
            return entry->read_page;
        }
    }
    return SG_TLB_NONE;
}

uint8_t *sg_tlb_miss(struct sg_wave *w, uint64_t va, bool write)
{
    struct sg_tlb *tlb = w->tlb;
    struct sg_tlb_entry *entry = &tlb->entries[va / SG_PAGE_BYTES % SG_TLB_ENTRIES];
    uint64_t pte = sg_vm_pte(tlb->vm, va), page = va & ~SG_PAGE_MASK;
    uint32_t reason = sg_pte_fault(pte, write ? SG_PTE_WRITE : SG_PTE_READ);
    tlb->misses++;
    if (reason) {
        w->fault = (struct sg_memory_fault){.va = page, .reason = reason, .write = write};
        return NULL;
    }
    entry->read_page = pte & SG_PTE_READ ? page : SG_TLB_NONE;
    entry->write_page = pte & SG_PTE_WRITE ? page : SG_TLB_NONE;
    entry->host = sg_pte_host(pte);
    entry->window_mask = pte & SG_PTE_WINDOW ? UINT64_MAX : 0;
    return entry->host;
}

bool sg_mem_read_bytes(struct sg_wave *w, uint64_t va, void *to, unsigned bytes)
{
    unsigned first = (unsigned)(SG_PAGE_BYTES - (va & SG_PAGE_MASK));
    if (first > bytes)
        first = bytes;
    const uint8_t *host = sg_tlb_read(w, va, first);
    if (!host)
        return false;
    sg_copy_racy(to, host, first);
    if (first == bytes)
        return true;
    host = sg_tlb_read(w, va + first, bytes - first);
    if (!host)
        return false;
    sg_copy_racy((uint8_t *)to + first, host, bytes - first);
    return true;
}

bool sg_mem_write_bytes(struct sg_wave *w, uint64_t va, const void *from, unsigned bytes)
{
    unsigned first = (unsigned)(SG_PAGE_BYTES - (va & SG_PAGE_MASK));
    if (first >= bytes) {
        uint8_t *host = sg_tlb_write(w, va, bytes);
        if (!host)
            return false;
        sg_copy_racy(host, from, bytes);
        return true;
    }
    /* Adjacent pages lie in different entries: the second look-up does not displace the first. */
    uint8_t *low = sg_tlb_write(w, va, first);
    uint8_t *high = low ? sg_tlb_write(w, va + first, bytes - first) : NULL;
    if (!high)
        return false;
    sg_copy_racy(low, from, first);
    sg_copy_racy(high, (const uint8_t *)from + first, bytes - first);
    return true;
}
