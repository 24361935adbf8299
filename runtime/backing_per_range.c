/* SPDX-License-Identifier: MIT */
/*
 * One buffer per run, side by side in the window: one ALLOC and one MAP each, the MAP for all
 * devices at once (backing.h). What exists is always a prefix of the runs, so undoing means going
 * back to an older prefix.
 */
#include <errno.h>

#include "backing.h"
#include "error.h"
#include "sys.h"

/*
 * Brings the prefixes of allocated and of mapped runs to the wanted lengths, step by step. Stops at
 * the first failure with both counters telling how far it got. mapped never exceeds allocated.
 */
static int set_prefixes(struct hs_pool *pool, size_t allocated, size_t mapped)
{
    const struct hs_ranges *r = &pool->ranges;
    uint64_t va = pool->gpu_base;
    int err = 0;

    while (pool->mapped > mapped && !err) {
        err = hs_kfd_unmap(pool->handles[pool->mapped - 1], pool->gpu_ids, pool->device_count);
        pool->mapped -= !err;
    }
    while (pool->allocated > allocated && !err) {
        err = hs_kfd_free(pool->handles[pool->allocated - 1]);
        pool->allocated -= !err;
    }
    for (size_t i = 0; i < pool->allocated; i++)
        va += hs_ranges_run_bytes(r, i);
    while (pool->allocated < allocated && !err) {
        uint64_t bytes = hs_ranges_run_bytes(r, pool->allocated);

        err = hs_kfd_alloc(pool->owner->gpu_id, va, r->runs[pool->allocated].cpu, bytes,
                           &pool->access, &pool->handles[pool->allocated]);
        pool->allocated += !err;
        va += bytes;
    }
    while (pool->mapped < mapped && !err) {
        err = hs_kfd_map(pool->handles[pool->mapped], pool->gpu_ids, pool->device_count);
        pool->mapped += !err;
    }
    return err;
}

static int per_range_create(struct hs_pool *pool)
{
    int err;

    if (!pool->handles) /* there when a failed destruction is being undone */
        pool->handles = hs_sys.alloc(pool->ranges.count * sizeof(*pool->handles));
    if (!pool->handles)
        return hs_error(-ENOMEM, "no memory for %zu buffer handles", pool->ranges.count);
    pool->allocated = 0;
    pool->mapped = 0;
    err = set_prefixes(pool, pool->ranges.count, pool->ranges.count);
    if (!err)
        return 0;
    pool->failed_run = pool->allocated < pool->ranges.count ? pool->allocated : pool->mapped;
    set_prefixes(pool, 0, 0);
    hs_sys.free(pool->handles);
    pool->handles = NULL;
    return err;
}

static int per_range_destroy(struct hs_pool *pool)
{
    int err = set_prefixes(pool, 0, 0);

    if (err)
        set_prefixes(pool, pool->ranges.count, pool->ranges.count);
    return err; /* the handles' memory stays with the pool: undoing this must not need any */
}

/* Maps every buffer to one more device, or none of them. */
static int per_range_grant(struct hs_pool *pool, uint32_t gpu_id)
{
    for (size_t i = 0; i < pool->ranges.count; i++) {
        int err = hs_kfd_map(pool->handles[i], &gpu_id, 1);

        if (!err)
            continue;
        while (i-- > 0)
            hs_kfd_unmap(pool->handles[i], &gpu_id, 1);
        return err;
    }
    return 0;
}

static int per_range_revoke(struct hs_pool *pool, uint32_t gpu_id)
{
    for (size_t i = 0; i < pool->ranges.count; i++) {
        int err = hs_kfd_unmap(pool->handles[i], &gpu_id, 1);

        if (!err)
            continue;
        while (i-- > 0)
            hs_kfd_map(pool->handles[i], &gpu_id, 1);
        return err;
    }
    return 0;
}

const struct hs_backing hs_backing_per_range = {
    .kind = HS_BACKING_PER_RANGE,
    .name = "per-range",
    .create = per_range_create,
    .destroy = per_range_destroy,
    .grant = per_range_grant,
    .revoke = per_range_revoke,
};
