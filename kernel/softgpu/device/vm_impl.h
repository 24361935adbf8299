/* SPDX-License-Identifier: MIT */
/*
 * Page table entries, for the files of the executor: vm.c, vm_copy.c, tlb.c, code.c. Nobody else
 * looks at them.
 */
#ifndef SG_VM_IMPL_H
#define SG_VM_IMPL_H

#include "vm.h"

/* A PTE: host page address | enum sg_pte_flags | SG_PTE_PRESENT. */
enum { SG_PTE_PRESENT = 1u << 11 };

uint64_t sg_vm_pte(const struct sg_vm *vm, uint64_t va); /* 0: nothing mapped */
uint32_t sg_pte_fault(uint64_t pte, uint32_t need);      /* enum sg_fault_reason, 0: allowed */

static inline uint8_t *sg_pte_host(uint64_t pte)
{
    return (uint8_t *)(uintptr_t)(pte & ~((uint64_t)SG_PAGE_BYTES - 1));
}

/* Grows with every unmap: translations that were made before are stale. */
uint64_t sg_vm_generation(const struct sg_vm *vm);
uint64_t sg_vm_serial(const struct sg_vm *vm); /* unique in the process, also after destruction */
unsigned sg_vm_depth(void);                    /* of sg_vm_enter() on the calling thread */
void sg_vm_after_fork_in_child(void);

/* The decoded code of the address space, made at the first call; goes with it. NULL: no memory. */
struct sg_code *sg_vm_code(struct sg_vm *vm, const struct sg_isa *isa);

#endif
