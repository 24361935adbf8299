/* SPDX-License-Identifier: MIT */
/* The HIP face of a pool's blocks: argument checks and translation, no logic. */
#include <errno.h>

#include "error.h"
#include "hip_face.h"
#include "pool.h"
#include "pool_blocks.h"
#include "registry.h"

hipError_t hipScatterPoolMalloc(hipScatterPool_t handle, void **devPtr, size_t size,
                                size_t alignment)
{
    struct hs_pool *pool;
    uint64_t address;
    int err;

    if (!devPtr)
        return hs_hip_error(hs_error(-EINVAL, "devPtr is null"));
    err = hs_hip_hold_pool(handle, &pool);
    if (err)
        return hs_hip_error(err);
    err = hs_pool_block_alloc(pool, size, alignment, &address);
    hs_registry_release(pool);
    if (!err)
        *devPtr = (void *)(uintptr_t)address;
    return hs_hip_error(err);
}

hipError_t hipScatterPoolFree(hipScatterPool_t handle, void *devPtr)
{
    struct hs_pool *pool;
    int err = hs_hip_hold_pool(handle, &pool);

    if (err)
        return hs_hip_error(err);
    if (devPtr)
        err = hs_pool_block_free(pool, (uintptr_t)devPtr);
    hs_registry_release(pool);
    return hs_hip_error(err);
}

hipError_t hipScatterPoolGetBlockSize(hipScatterPool_t handle, const void *devPtr, size_t *size)
{
    struct hs_pool *pool;
    uint64_t bytes;
    int err;

    if (!devPtr || !size)
        return hs_hip_error(hs_error(-EINVAL, "%s is null", devPtr ? "size" : "devPtr"));
    err = hs_hip_hold_pool(handle, &pool);
    if (err)
        return hs_hip_error(err);
    err = hs_pool_block_size(pool, (uintptr_t)devPtr, &bytes);
    hs_registry_release(pool);
    if (!err)
        *size = (size_t)bytes;
    return hs_hip_error(err);
}

hipError_t hipScatterPoolGetBlockRanges(hipScatterPool_t handle, const void *devPtr,
                                        hipScatterRange *ranges, size_t *count)
{
    struct hs_pool *pool;
    size_t room, needed;
    int err;

    if (!devPtr || !count)
        return hs_hip_error(hs_error(-EINVAL, "%s is null", devPtr ? "count" : "devPtr"));
    err = hs_hip_hold_pool(handle, &pool);
    if (err)
        return hs_hip_error(err);
    room = ranges ? *count : 0;
    err = hs_pool_block_ranges(pool, (uintptr_t)devPtr, (struct hs_host_range *)ranges, room,
                               &needed);
    hs_registry_release(pool);
    if (err)
        return hs_hip_error(err);
    *count = needed;
    if (ranges && room < needed)
        err = hs_error(-EINVAL, "room for %zu ranges, but the block has %zu", room, needed);
    return hs_hip_error(err);
}

hipError_t hipScatterPoolGetUsage(hipScatterPool_t handle, hipScatterPoolUsage *usage)
{
    hipScatterPoolUsage out = {.structSize = sizeof(out)};
    struct hs_suballoc_usage u;
    struct hs_pool *pool;
    int err;

    if (!usage)
        return hs_hip_error(hs_error(-EINVAL, "usage is null"));
    err = hs_hip_hold_pool(handle, &pool);
    if (err)
        return hs_hip_error(err);
    err = hs_pool_block_usage(pool, &u);
    hs_registry_release(pool);
    if (err)
        return hs_hip_error(err);
    out.capacity = u.capacity_bytes;
    out.requested = u.requested_bytes;
    out.allocated = u.allocated_bytes;
    out.peak = u.peak_bytes;
    out.free = u.free_bytes;
    out.largestFree = u.largest_free_bytes;
    out.blockCount = u.block_count;
    out.freeBlockCount = u.free_count;
    if (u.free_bytes)
        out.fragmentation = 1.0 - (double)u.largest_free_bytes / (double)u.free_bytes;
    return hs_hip_error(hs_give_struct(usage, &out, sizeof(out), usage->structSize, sizeof(out)));
}
