/* SPDX-License-Identifier: MIT */
/* Translation over live pools (translate.h): registry, then the pool's index, inside of one read
 * section. */
#include "translate.h"

#include <errno.h>

#include "epoch.h"
#include "error.h"
#include "lookup.h"
#include "registry.h"

/* Inside of a read section or with the pool held. */
static struct hs_order *make_offset_index(struct hs_pool *pool)
{
    struct hs_order *index;

    pthread_mutex_lock(&pool->index_lock);
    index = pool->by_offset;
    if (!index) {
        index = hs_offset_index_build(&pool->ranges);
        __atomic_store_n(&pool->by_offset, index, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&pool->index_lock);
    return index;
}

/* Null: a short list, or no memory; a plain search does then. */
static const struct hs_order *offset_index(struct hs_pool *pool)
{
    struct hs_order *index = __atomic_load_n(&pool->by_offset, __ATOMIC_ACQUIRE);

    if (index || pool->ranges.count < 8)
        return index;
    return make_offset_index(pool);
}

static struct hs_host_index *make_host_index(struct hs_pool *pool)
{
    struct hs_host_index *index;

    pthread_mutex_lock(&pool->index_lock);
    index = pool->by_host;
    if (!index) {
        index = hs_host_index_build(&pool->ranges);
        __atomic_store_n(&pool->by_host, index, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&pool->index_lock);
    return index;
}

/* The offset of an address at which the CPU sees a pool's window (alias), or -ENOENT. */
static int offset_in_host_window(const struct hs_pool *pool, uint64_t host, uint64_t *offset)
{
    *offset = host - pool->host_base - pool->ranges.head;
    return pool->host_base && *offset < pool->ranges.bytes ? 0 : -ENOENT;
}

/* 0, -ENOENT or -ENOMEM; the offset counts from the pool's first byte. */
static int offset_in_pool(struct hs_pool *pool, uint64_t host, uint64_t *offset)
{
    const struct hs_host_index *index = __atomic_load_n(&pool->by_host, __ATOMIC_ACQUIRE);

    if (!index)
        index = make_host_index(pool);
    if (!index)
        return -ENOMEM;
    if (!hs_lookup_host(&pool->ranges, index, host, offset))
        return offset_in_host_window(pool, host, offset);
    *offset -= pool->ranges.head; /* before the first byte: beyond the last one */
    return *offset < pool->ranges.bytes ? 0 : -ENOENT;
}

/* The same in whichever pool; inside of a read section. -ENOENT leaves *pool null. */
static int search_pools(uint64_t host, struct hs_pool **pool, uint64_t *offset)
{
    struct hs_registry_cursor cursor = {0};
    int err = -ENOENT;

    while ((*pool = hs_registry_peek_host(host, &cursor))) {
        err = offset_in_pool(*pool, host, offset);
        if (err != -ENOENT)
            return err;
    }
    *pool = hs_registry_peek_host_window(host);
    return *pool ? offset_in_host_window(*pool, host, offset) : -ENOENT;
}

int hs_translate_to_device(struct hs_pool *pool, uint64_t host, uint64_t *device)
{
    struct hs_epoch_slot *slot = hs_epoch_enter();
    uint64_t offset = 0;
    int err;

    if (pool)
        err = offset_in_pool(pool, host, &offset);
    else
        err = search_pools(host, &pool, &offset);
    if (!err)
        *device = hs_pool_device_address(pool) + offset;
    hs_epoch_exit(slot);
    if (err == -ENOENT)
        hs_error(err, "%p is in no registered range", (void *)(uintptr_t)host);
    return err;
}

int hs_translate_span(struct hs_pool *pool, uint64_t offset, uint64_t bytes,
                      struct hs_host_range *list, size_t room, size_t *count, uint64_t *covered)
{
    const struct hs_ranges *r = &pool->ranges;
    uint64_t start = offset + r->head, at = start, end = at + bytes;
    const struct hs_order *index;
    const struct hs_run *run;
    size_t written = 0;

    *count = 0;
    *covered = 0;
    if (!bytes)
        return 0;
    if (offset > r->bytes || bytes > r->bytes - offset)
        return hs_error(
            -EINVAL, "the span of %llu bytes at offset %llu leaves its window of %llu bytes",
            (unsigned long long)bytes, (unsigned long long)offset, (unsigned long long)r->bytes);
    index = offset_index(pool);
    run = &r->runs[hs_lookup_offset(r, index, at)];
    if (!room) {
        *count = hs_lookup_offset(r, index, end - 1) - (size_t)(run - r->runs) + 1;
        *covered = bytes;
        return 0;
    }
    for (; at < end && written < room; run++) {
        uint64_t stop = run[1].offset < end ? run[1].offset : end;

        list[written].base = (void *)(uintptr_t)(run->cpu + (at - run->offset));
        list[written++].bytes = (size_t)(stop - at);
        at = stop;
    }
    *count = written;
    *covered = at - start;
    return 0;
}

int hs_translate_to_host(uint64_t device, uint64_t bytes, struct hs_host_range *list, size_t room,
                         size_t *count, uint64_t *covered)
{
    struct hs_epoch_slot *slot = hs_epoch_enter();
    struct hs_pool *pool = hs_registry_peek(device);
    int err = -ENOENT;

    /* Before the first byte: beyond the last one. */
    if (pool && device - hs_pool_device_address(pool) < pool->ranges.bytes)
        err = hs_translate_span(pool, device - hs_pool_device_address(pool), bytes, list, room,
                                count, covered);
    hs_epoch_exit(slot);
    if (err == -ENOENT)
        hs_error(err, "%p is in no window", (void *)(uintptr_t)device);
    return err;
}

int hs_translate_find(uint64_t address, struct hs_pool **pool, uint64_t *offset, bool *is_device)
{
    struct hs_epoch_slot *slot = hs_epoch_enter();
    int err = -ENOENT;

    *pool = hs_registry_peek(address);
    *is_device = *pool;
    if (*pool) {
        *offset = address - hs_pool_device_address(*pool);
        err = *offset < (*pool)->ranges.bytes ? 0 : -ENOENT;
    } else {
        err = search_pools(address, pool, offset);
    }
    if (!err)
        hs_registry_hold(*pool);
    hs_epoch_exit(slot);
    if (err == -ENOENT)
        hs_error(err, "%p is in no window and in no registered range", (void *)(uintptr_t)address);
    return err;
}
