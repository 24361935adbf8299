/* SPDX-License-Identifier: MIT */
/*
 * Memory formats of texels: what images and typed buffers convert between memory and registers
 * (Vega ISA document, "Memory Buffer Resource", tables of data and number formats). Owned by
 * texel.c. Knows no addresses.
 */
#ifndef SG_TEXEL_H
#define SG_TEXEL_H

#include <stdbool.h>
#include <stdint.h>

enum sg_number_format {
    SG_NUM_UNORM,
    SG_NUM_SNORM,
    SG_NUM_USCALED,
    SG_NUM_SSCALED,
    SG_NUM_UINT,
    SG_NUM_SINT,
    SG_NUM_FLOAT = 7,
    SG_NUM_SRGB = 9, /* images only; of four components the last is alpha, which is UNORM */
};

struct sg_texel {
    unsigned number_format, count, bits; /* components and bits of each; count 0: not implemented */
    unsigned bytes;
    unsigned select[4]; /* what register component i is: 0, 1, or 4 + component of memory */
};

/* select: the four DST_SEL fields of a resource, 3 bits each. */
struct sg_texel sg_texel_format(unsigned data_format, unsigned number_format, unsigned select);

/* Component `index` of memory as a register holds it. */
uint32_t sg_texel_get(const struct sg_texel *t, const uint8_t *bytes, unsigned index);
/* Register component `i` of a load: selected, or a constant. */
uint32_t sg_texel_load(const struct sg_texel *t, const uint8_t *bytes, unsigned i);
/* All of a store: values of the register components, converted to t->bytes bytes. */
void sg_texel_store(const struct sg_texel *t, const uint32_t value[4], uint8_t bytes[16]);

bool sg_texel_is_integer(const struct sg_texel *t);

#endif
