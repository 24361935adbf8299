/* SPDX-License-Identifier: MIT */
/*
 * One buffer over the whole list: two ioctls to make, two to take away (backing.h). A list that is
 * longer than the kernel takes at once becomes several buffers, one after the other in the window.
 */
#include "backing.h"

/* What this project's driver accepts in one call (kernel/amdkfd, E2BIG beyond); 16 MiB of list, so
 * that each part starts where its header may stand: at a page. A driver that accepts less is
 * answered by the next backing, as one without the ioctl. */
size_t hs_batch_runs = 1u << 20;

static int create_one(struct hs_pool *pool, size_t first, size_t runs, uint64_t bytes, uint64_t va,
                      uint64_t *handle)
{
    return hs_kfd_alloc_batch(pool->owner->wire, pool->owner->gpu_id, va, &pool->ranges, first,
                              runs, bytes, &pool->access, handle);
}

static int batch_create(struct hs_pool *pool)
{
    pool->buffers.runs_each = hs_batch_runs;
    pool->buffers.count = (pool->ranges.count - 1) / hs_batch_runs + 1;
    pool->buffers.create = create_one;
    return hs_buffers_create(pool);
}

const struct hs_backing hs_backing_batch = {
    .kind = HS_BACKING_BATCH,
    .name = "batch",
    .create = batch_create,
    .destroy = hs_buffers_destroy,
    .grant = hs_buffers_map,
    .revoke = hs_buffers_unmap,
};
