/* SPDX-License-Identifier: MIT */
/*
 * Accesses to guest memory. The program, other waves and other devices write it at any time, as
 * they would with a real GPU: these functions are the only ones that touch it, so that
 * ThreadSanitizer can be told here, and only here, that such a race is the program's business. An
 * aligned element of up to 8 bytes is read and written as a whole.
 */
#ifndef SG_RACY_H
#define SG_RACY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SG_RACY __attribute__((no_sanitize("thread"), no_sanitize("address")))

typedef uint16_t sg_u16a __attribute__((may_alias));
typedef uint32_t sg_u32a __attribute__((may_alias));
typedef uint64_t sg_u64a __attribute__((may_alias));

/* Unaligned integers: x86 reads and writes them as a whole unless they cross a cache line. */
typedef uint16_t sg_u16u __attribute__((may_alias, aligned(1)));
typedef uint32_t sg_u32u __attribute__((may_alias, aligned(1)));
typedef uint64_t sg_u64u __attribute__((may_alias, aligned(1)));

SG_RACY static inline uint8_t sg_get8(const void *p)
{
    return *(const volatile uint8_t *)p;
}

SG_RACY static inline uint16_t sg_get16(const void *p)
{
    return *(const volatile sg_u16u *)p;
}

SG_RACY static inline uint32_t sg_get32(const void *p)
{
    return *(const volatile sg_u32u *)p;
}

SG_RACY static inline uint64_t sg_get64(const void *p)
{
    return *(const volatile sg_u64u *)p;
}

SG_RACY static inline void sg_put8(void *p, uint8_t value)
{
    *(volatile uint8_t *)p = value;
}

SG_RACY static inline void sg_put16(void *p, uint16_t value)
{
    *(volatile sg_u16u *)p = value;
}

SG_RACY static inline void sg_put32(void *p, uint32_t value)
{
    *(volatile sg_u32u *)p = value;
}

SG_RACY static inline void sg_put64(void *p, uint64_t value)
{
    *(volatile sg_u64u *)p = value;
}

/* Any number of bytes that do not overlap. Words where both sides are aligned alike. */
void sg_copy_racy(void *to, const void *from, size_t bytes);
/* The pattern's byte 0 goes to *to. */
void sg_fill_racy(void *to, uint64_t pattern, size_t bytes);

#endif
