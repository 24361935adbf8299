/* SPDX-License-Identifier: MIT */
/*
 * Inside of the decoder: making an instruction-set table from chosen op sets. Used by sg_isa_get(),
 * by the tests, which compare the variants of the vector ALU, and by the coverage tool. Not for
 * other rooms.
 */
#ifndef SG_ISA_H
#define SG_ISA_H

#include "../device.h"
#include "../inst.h"

/* sets ends with NULL. NULL: no memory. */
struct sg_isa *sg_isa_create(const struct sg_arch *arch, const struct sg_op_set *const *sets);
void sg_isa_destroy(struct sg_isa *isa);
bool sg_isa_implements(const struct sg_isa *isa, size_t opcode); /* index into sg_opcodes[] */

/* The vector ALU as compiled for x86-64-v2, v3 and v4. NULL: this CPU cannot run it. Ends with
 * NULL. */
enum { SG_SIMD_VARIANTS = 3 };
const struct sg_op_set *const *sg_vector_variant(unsigned variant, const char **name);

#endif
