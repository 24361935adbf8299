/* SPDX-License-Identifier: MIT */
/*
 * GPU virtual address space for one pool: reserved so that nobody else gets it, with an unmapped
 * guard page on each side. It lies so that the GPU can use large page-table fragments: where a
 * range has whole 2 MiB blocks, at the same place in a 2 MiB unit as the host memory; else at the
 * start of one. Reserves addresses only; never memory.
 */
#ifndef HS_WINDOW_H
#define HS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HS_WINDOW_ALIGN (2u << 20)

struct hs_window {
    void *map; /* the whole reservation */
    size_t map_bytes;
    char *base; /* what the device sees */
    size_t bytes;
    bool from_hsa; /* reserved by hsa_amd_vmem_address_reserve() */
};

/*
 * phase: what the base shall be modulo HS_WINDOW_ALIGN; whole pages. lowest..highest: what every
 * device of the pool can address. -ENOMEM: no such space.
 */
int hs_window_reserve(struct hs_window *w, uint64_t bytes, uint64_t phase, uint64_t lowest,
                      uint64_t highest);

/*
 * Before mappings of our own replace the reservation in [base, base + bytes): makes it a plain one
 * that any mapping may replace. And after: takes those mappings away again, so that the window is
 * only reserved.
 */
int hs_window_make_plain(struct hs_window *w, uint64_t lowest, uint64_t highest);
int hs_window_clear(struct hs_window *w);

/* 0, or a negative errno with the reservation still there. */
int hs_window_release(struct hs_window *w);

#ifdef __cplusplus
}
#endif

#endif
