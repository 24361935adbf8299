/* SPDX-License-Identifier: MIT */
/*
 * One buffer over the whole list: two ioctls to make, two to take away, whatever the count
 * (backing.h).
 */
#include <errno.h>

#include "backing.h"
#include "error.h"

static int batch_create(struct hs_pool *pool)
{
    uint64_t handle;
    int err = hs_kfd_alloc_batch(pool->owner->wire, pool->owner->gpu_id, pool->gpu_base,
                                 &pool->ranges, &pool->access, &handle);

    if (err)
        return err;
    err = hs_kfd_map(handle, pool->gpu_ids, pool->device_count);
    if (err) {
        hs_kfd_free(handle);
        return hs_error(err, "the batch buffer cannot be mapped: MAP_MEMORY_TO_GPU gave %s",
                        hs_errno_name(err));
    }
    pool->handle = handle;
    return 0;
}

static int batch_destroy(struct hs_pool *pool)
{
    int err = hs_kfd_unmap(pool->handle, pool->gpu_ids, pool->device_count);

    if (err)
        return err;
    err = hs_kfd_free(pool->handle);
    if (err) {
        hs_kfd_map(pool->handle, pool->gpu_ids, pool->device_count);
        return hs_error(err, "the batch buffer cannot be freed: FREE_MEMORY_OF_GPU gave %s",
                        hs_errno_name(err));
    }
    pool->handle = 0;
    return 0;
}

static int batch_grant(struct hs_pool *pool, uint32_t gpu_id)
{
    return hs_kfd_map(pool->handle, &gpu_id, 1);
}

static int batch_revoke(struct hs_pool *pool, uint32_t gpu_id)
{
    return hs_kfd_unmap(pool->handle, &gpu_id, 1);
}

const struct hs_backing hs_backing_batch = {
    .kind = HS_BACKING_BATCH,
    .name = "batch",
    .create = batch_create,
    .destroy = batch_destroy,
    .grant = batch_grant,
    .revoke = batch_revoke,
};
