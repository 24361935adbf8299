/* SPDX-License-Identifier: MIT */
/*
 * Access to GPU memory for the packet processors, and the protocol by which sg_vm_unmap() knows
 * that no device thread uses an old page any more. Owned by vm.c.
 */
#ifndef SG_VM_H
#define SG_VM_H

#include "wave.h"

/*
 * A device thread that keeps the result of sg_vm_translate() uses it between these two only; the
 * pages stay valid until leave. They nest, cost some nanoseconds, and apply to all address spaces.
 * Inside: do not wait for anything, do not call the driver (its locks may be held around
 * sg_vm_unmap(), which waits for the leave). sg_vm_read(), sg_vm_write(), sg_vm_copy() and
 * sg_vm_fill() do it themselves, page by page.
 */
void sg_vm_enter(void);
void sg_vm_leave(void);

/* Bytes that went through SG_PTE_WINDOW pages. */
struct sg_window_count {
    uint64_t read, written;
};

/*
 * SDMA's work: copy or fill through the page table. The areas of a copy may overlap only if to <=
 * from. `count` may be NULL. On a fault what lies before it is done: false, *fault filled (va,
 * reason, write).
 */
bool sg_vm_copy(const struct sg_vm *vm, uint64_t to, uint64_t from, uint64_t bytes,
                struct sg_window_count *count, struct sg_memory_fault *fault);
/* `pattern` repeated from `to` on, least significant byte first; unit: 1, 2 or 4 bytes of it. */
bool sg_vm_fill(const struct sg_vm *vm, uint64_t to, uint32_t pattern, unsigned unit,
                uint64_t bytes, struct sg_window_count *count, struct sg_memory_fault *fault);

#endif
