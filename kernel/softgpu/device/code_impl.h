/* SPDX-License-Identifier: MIT */
/* The cache of decoded code as exec.c and vm.c see it. Owned by code.c. */
#ifndef SG_CODE_IMPL_H
#define SG_CODE_IMPL_H

#include "code.h"

struct sg_code *sg_code_create(const struct sg_vm *vm,
                               const struct sg_isa *isa); /* NULL: no memory */
void sg_code_destroy(struct sg_code *code);               /* NULL is allowed */

/* A wave's first instruction. w->group must be set. */
void sg_code_start(struct sg_code *code, struct sg_wave *w, uint64_t pc);

/* Reuse the pages that were replaced. No wave of the address space is resident. */
void sg_code_collect(struct sg_code *code);

#endif
