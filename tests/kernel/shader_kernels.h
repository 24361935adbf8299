/* SPDX-License-Identifier: MIT */
/*
 * Arguments of the kernels in shader_kernels.hip, for them and for the host.
 */
#ifndef TESTS_KERNEL_SHADER_KERNELS_H
#define TESTS_KERNEL_SHADER_KERNELS_H

#include <stdint.h>

#define SHADER_PAGE 4096u

#ifdef __HIP__
#define SHADER_BOTH __host__ __device__
#else
#define SHADER_BOTH
#endif

struct sum_args {
    uint32_t *data;
    uint64_t words;
    uint64_t *sum;
};

struct watch_args {
    const uint32_t *data;
    uint64_t pages;
    uint32_t magic;
    uint32_t fresh; /* 1: a page may also be a new one, all zero */
    uint32_t *stop, *rounds, *foreign;
};

struct poke_args {
    uint32_t *where;
    uint32_t what;
};

/* Depends on the position, so that a page in the wrong place is noticed. */
SHADER_BOTH static inline uint32_t shader_changed(uint32_t word, uint64_t i)
{
    return (word ^ (uint32_t)(i * 2654435761u)) + 1u;
}

#endif
