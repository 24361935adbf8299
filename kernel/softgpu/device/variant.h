/* SPDX-License-Identifier: MIT */
/*
 * Memory instructions are compiled once for any x86-64 and again for AVX2 and AVX-512 hosts,
 * SG_VARIANT being _v3 or _v4. The plain set is the one that the decoder knows; its prepare() puts
 * the best variant's function into each decoded instruction. Included at the end of ops_flat.c,
 * ops_buffer.c and ops_ds.c only.
 */
#ifndef SG_VARIANT_H
#define SG_VARIANT_H

#include "isa/isa.h"

#define SG_PASTE_(a, b) a##b
#define SG_PASTE(a, b) SG_PASTE_(a, b)

#ifdef SG_VARIANT

#define SG_PICK NULL
#define SG_OP_SET(set)                                                                             \
    extern const struct sg_op_set SG_PASTE(set, SG_VARIANT);                                       \
    const struct sg_op_set SG_PASTE(set, SG_VARIANT) = {entries,                                   \
                                                        sizeof(entries) / sizeof(entries[0])};

#else

static void pick(struct sg_inst *inst, const struct sg_arch *arch);

#define SG_PICK pick
#define SG_OP_SET(set)                                                                             \
    extern const struct sg_op_set set##_v3, set##_v4;                                              \
    const struct sg_op_set set = {entries, sizeof(entries) / sizeof(entries[0])};                  \
    static void pick(struct sg_inst *inst, const struct sg_arch *arch)                             \
    {                                                                                              \
        const char *name;                                                                          \
        const struct sg_op_set *best = sg_vector_variant(2, &name)   ? &set##_v4                   \
                                       : sg_vector_variant(1, &name) ? &set##_v3                   \
                                                                     : NULL;                       \
        (void)arch;                                                                                \
        for (size_t i = 0; best && i < set.count; i++) {                                           \
            if (set.entries[i].fn == inst->fn) {                                                   \
                inst->fn = best->entries[i].fn;                                                    \
                break;                                                                             \
            }                                                                                      \
        }                                                                                          \
    }

#endif

#endif
