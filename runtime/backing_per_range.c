/* SPDX-License-Identifier: MIT */
/*
 * One buffer per run, side by side in the window: one ALLOC and one MAP each, the MAP for all
 * devices at once (backing.h). Works on every kernel.
 */
#include "backing.h"

static int create_one(struct hs_pool *pool, size_t first, size_t runs, uint64_t bytes, uint64_t va,
                      uint64_t *handle)
{
    (void)runs; /* 1 */
    return hs_kfd_alloc(pool->owner->gpu_id, va, pool->ranges.runs[first].cpu, bytes, &pool->access,
                        handle);
}

static int per_range_create(struct hs_pool *pool)
{
    pool->buffers.runs_each = 1;
    pool->buffers.count = pool->ranges.count;
    pool->buffers.create = create_one;
    return hs_buffers_create(pool);
}

const struct hs_backing hs_backing_per_range = {
    .kind = HS_BACKING_PER_RANGE,
    .name = "per-range",
    .create = per_range_create,
    .destroy = hs_buffers_destroy,
    .grant = hs_buffers_map,
    .revoke = hs_buffers_unmap,
};
