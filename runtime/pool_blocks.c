/* SPDX-License-Identifier: MIT */
/*
 * Blocks of a pool (pool_blocks.h). The bookkeeping is made when it is first needed: a pool that is
 * used as one array pays nothing for it.
 */
#include "pool_blocks.h"

#include <errno.h>
#include <inttypes.h>

#include "error.h"
#include "pool.h"
#include "translate.h"

/* Locked, and with the sub-allocator there, unless it returns -ENOMEM: then not locked. */
static int enter(struct hs_pool *pool)
{
    int err = 0;

    pthread_mutex_lock(&pool->blocks_lock);
    if (!pool->blocks)
        err = hs_suballoc_create(&pool->blocks, hs_pool_device_address(pool), pool->ranges.bytes);
    if (err) {
        pthread_mutex_unlock(&pool->blocks_lock);
        return hs_error(err, "no memory for the bookkeeping of blocks");
    }
    return 0;
}

static void leave(struct hs_pool *pool)
{
    pthread_mutex_unlock(&pool->blocks_lock);
}

/* Says why an address is not the start of a live block. */
static int not_a_block(const struct hs_pool *pool, uint64_t address)
{
    const void *pointer = (const void *)(uintptr_t)address;
    uint64_t block;

    switch (hs_suballoc_locate(pool->blocks, address, &block)) {
    case HS_SUBALLOC_INTERIOR:
        return hs_error(-EINVAL, "%p lies inside of the block that starts at %p", pointer,
                        (void *)(uintptr_t)block);
    case HS_SUBALLOC_FREE:
        return hs_error(-EINVAL, "%p is no block of the pool: freed already, or never allocated",
                        pointer);
    default:
        return hs_error(-EINVAL, "%p does not lie in the pool", pointer);
    }
}

static int no_space(const struct hs_pool *pool, uint64_t bytes, uint64_t alignment)
{
    struct hs_suballoc_usage u;

    hs_suballoc_get_usage(pool->blocks, &u);
    return hs_error(-ENOSPC,
                    "no free block for %" PRIu64 " bytes aligned to %" PRIu64 ": %" PRIu64
                    " of %" PRIu64 " bytes are free, in %" PRIu64
                    " pieces, the largest of %" PRIu64,
                    bytes, alignment ? alignment : HS_SUBALLOC_GRANULE, u.free_bytes,
                    u.capacity_bytes, u.free_count, u.largest_free_bytes);
}

int hs_pool_block_alloc(struct hs_pool *pool, uint64_t bytes, uint64_t alignment, uint64_t *address)
{
    int err;

    if (!bytes)
        return hs_error(-EINVAL, "a block of 0 bytes");
    if (alignment & (alignment - 1))
        return hs_error(-EINVAL, "alignment %" PRIu64 " is not a power of two", alignment);
    err = enter(pool);
    if (err)
        return err;
    err = hs_suballoc_alloc(pool->blocks, bytes, alignment, address);
    if (err == -ENOSPC)
        no_space(pool, bytes, alignment);
    else if (err)
        hs_error(err, "no memory for the bookkeeping of blocks");
    leave(pool);
    return err;
}

int hs_pool_block_free(struct hs_pool *pool, uint64_t address)
{
    int err = enter(pool);

    if (err)
        return err;
    if (hs_suballoc_free(pool->blocks, address))
        err = not_a_block(pool, address);
    leave(pool);
    return err;
}

int hs_pool_block_size(struct hs_pool *pool, uint64_t address, uint64_t *bytes)
{
    int err = enter(pool);

    if (err)
        return err;
    if (hs_suballoc_size(pool->blocks, address, bytes))
        err = not_a_block(pool, address);
    leave(pool);
    return err;
}

int hs_pool_block_ranges(struct hs_pool *pool, uint64_t address, struct hs_host_range *out,
                         size_t room, size_t *count)
{
    uint64_t bytes, offset = address - hs_pool_device_address(pool), covered;
    int err = hs_pool_block_size(pool, address, &bytes);

    if (!err && room)
        err = hs_translate_span(pool, offset, bytes, out, room, count, &covered);
    if (!err && (!room || covered < bytes)) /* how many there are */
        err = hs_translate_span(pool, offset, bytes, NULL, 0, count, &covered);
    return err;
}

int hs_pool_block_usage(struct hs_pool *pool, struct hs_suballoc_usage *usage)
{
    int err = enter(pool);

    if (err)
        return err;
    hs_suballoc_get_usage(pool->blocks, usage);
    leave(pool);
    return 0;
}
