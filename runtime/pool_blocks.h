/* SPDX-License-Identifier: MIT */
/*
 * Device-contiguous blocks of a pool's window: the sub-allocator (suballoc.h) under a lock, in
 * device addresses, with error texts. Never touches the memory. Knows pools, not faces; the caller
 * holds the pool (registry.h).
 */
#ifndef HS_POOL_BLOCKS_H
#define HS_POOL_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "suballoc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hs_pool;
struct hs_host_range;

/* alignment: 0 or a power of two, of the device address. -EINVAL, -ENOSPC or -ENOMEM with a text.
 */
int hs_pool_block_alloc(struct hs_pool *pool, uint64_t bytes, uint64_t alignment,
                        uint64_t *address);

/* -EINVAL with a text that says what the address is instead of a live block. */
int hs_pool_block_free(struct hs_pool *pool, uint64_t address);

/* The size as asked for. Errors as hs_pool_block_free(). */
int hs_pool_block_size(struct hs_pool *pool, uint64_t address, uint64_t *bytes);

/*
 * The host memory behind a block: writes at most room entries; *count: how many there are. Errors
 * as hs_pool_block_free().
 */
int hs_pool_block_ranges(struct hs_pool *pool, uint64_t address, struct hs_host_range *out,
                         size_t room, size_t *count);

/* -ENOMEM with a text: the first question makes the bookkeeping. */
int hs_pool_block_usage(struct hs_pool *pool, struct hs_suballoc_usage *usage);

#ifdef __cplusplus
}
#endif

#endif
