/* SPDX-License-Identifier: MIT */
/* Creating, mapping and taking away a window's buffers, and undoing any of that (buffers.h). */
#include "buffers.h"

#include <errno.h>

#include "error.h"
#include "kfd.h"
#include "pool.h"
#include "sys.h"

static size_t runs_of(const struct hs_pool *pool, size_t i)
{
    size_t left = pool->ranges.count - i * pool->buffers.runs_each;

    return left < pool->buffers.runs_each ? left : pool->buffers.runs_each;
}

static uint64_t bytes_of(const struct hs_pool *pool, size_t i)
{
    size_t first = i * pool->buffers.runs_each, runs = runs_of(pool, i);
    uint64_t bytes = 0;

    if (runs == pool->ranges.count)
        return pool->ranges.window_bytes;
    for (size_t k = 0; k < runs; k++)
        bytes += hs_ranges_run_bytes(&pool->ranges, first + k);
    return bytes;
}

/*
 * Brings both prefixes to the wanted lengths, step by step. Stops at the first failure with the
 * counters telling how far it got. mapped never exceeds allocated.
 */
static int set_prefixes(struct hs_pool *pool, size_t allocated, size_t mapped)
{
    struct hs_buffers *b = &pool->buffers;
    uint64_t va = pool->gpu_base;
    int err = 0;

    while (b->mapped > mapped && !err) {
        err = hs_kfd_unmap(b->handles[b->mapped - 1], pool->gpu_ids, pool->device_count);
        b->mapped -= !err;
    }
    while (b->allocated > allocated && !err) {
        err = hs_kfd_free(b->handles[b->allocated - 1]);
        b->allocated -= !err;
    }
    for (size_t i = 0; i < b->allocated && b->allocated < allocated; i++)
        va += bytes_of(pool, i);
    while (b->allocated < allocated && !err) {
        uint64_t bytes = bytes_of(pool, b->allocated);

        err = b->create(pool, b->allocated * b->runs_each, runs_of(pool, b->allocated), bytes, va,
                        &b->handles[b->allocated]);
        b->allocated += !err;
        va += bytes;
    }
    while (b->mapped < mapped && !err) {
        err = hs_kfd_map(b->handles[b->mapped], pool->gpu_ids, pool->device_count);
        b->mapped += !err;
    }
    return err;
}

void hs_buffers_free(struct hs_pool *pool)
{
    if (pool->buffers.handles != &pool->buffers.one)
        hs_sys.free(pool->buffers.handles);
    pool->buffers.handles = NULL;
}

int hs_buffers_create(struct hs_pool *pool)
{
    struct hs_buffers *b = &pool->buffers;
    int err;

    if (!b->handles) /* there when a failed destruction is being undone */
        b->handles = b->count == 1 ? &b->one : hs_sys.alloc(b->count * sizeof(*b->handles));
    if (!b->handles)
        return hs_error(-ENOMEM, "no memory for %zu buffer handles", b->count);
    b->allocated = 0;
    b->mapped = 0;
    err = set_prefixes(pool, b->count, b->count);
    if (!err)
        return 0;
    if (b->runs_each == 1)
        pool->failed_run = b->allocated < b->count ? b->allocated : b->mapped;
    set_prefixes(pool, 0, 0);
    hs_buffers_free(pool);
    return err;
}

int hs_buffers_destroy(struct hs_pool *pool)
{
    bool sealed = pool->ranges.sealed;
    int err = set_prefixes(pool, 0, 0);

    if (err) { /* nobody else holds the pool: the kernel may get the list again */
        hs_ranges_unseal(&pool->ranges);
        set_prefixes(pool, pool->buffers.count, pool->buffers.count);
        if (sealed)
            hs_ranges_seal(&pool->ranges);
    }
    return err;
}

/* All buffers, or, as far as undoing works, none. */
static int for_all(const struct hs_buffers *b, uint32_t gpu_id,
                   int (*call)(uint64_t, const uint32_t *, uint32_t),
                   int (*undo)(uint64_t, const uint32_t *, uint32_t))
{
    for (size_t i = 0; i < b->count; i++) {
        int err = call(b->handles[i], &gpu_id, 1);

        if (!err)
            continue;
        while (i-- > 0)
            undo(b->handles[i], &gpu_id, 1);
        return err;
    }
    return 0;
}

int hs_buffers_map(struct hs_pool *pool, uint32_t gpu_id)
{
    return for_all(&pool->buffers, gpu_id, hs_kfd_map, hs_kfd_unmap);
}

int hs_buffers_unmap(struct hs_pool *pool, uint32_t gpu_id)
{
    return for_all(&pool->buffers, gpu_id, hs_kfd_unmap, hs_kfd_map);
}
