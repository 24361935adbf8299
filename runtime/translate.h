/* SPDX-License-Identifier: MIT */
/*
 * From host addresses to device addresses and back, over all live pools. Any number of threads at
 * once, without a lock once a pool's index exists. Counts only the caller's bytes, not the rest of
 * the two end pages.
 */
#ifndef HS_TRANSLATE_H
#define HS_TRANSLATE_H

#include <stddef.h>
#include <stdint.h>

#include "epoch.h"
#include "lookup.h"
#include "pool.h"
#include "registry.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The device address of a host byte in a pool, or, with a null pool, in any. -ENOENT: in none. */
int hs_translate_to_device(struct hs_pool *pool, uint64_t host, uint64_t *device);

/*
 * The host ranges behind a span of device addresses, in order. Writes at most room of them. *count:
 * how many were written, or with room 0 how many there are; *bytes: how much of the span those
 * cover. -ENOENT: the span does not start in a window; -EINVAL: it leaves the window.
 */
int hs_translate_to_host(uint64_t device, uint64_t bytes, struct hs_host_range *list, size_t room,
                         size_t *count, uint64_t *covered);

/* The same for a pool that the caller holds, by offset from its first byte. */
int hs_translate_span(struct hs_pool *pool, uint64_t offset, uint64_t bytes,
                      struct hs_host_range *list, size_t room, size_t *count, uint64_t *covered);

/*
 * The pool, held, and the offset from its first byte of a device or host address, whichever it is.
 * *is_device tells. -ENOENT: neither.
 */
int hs_translate_find(uint64_t address, struct hs_pool **pool, uint64_t *offset, bool *is_device);

/*
 * The usual questions, without a call: the pool that the thread found last, an index that exists,
 * one byte or a span within one run. How many instructions a lookup takes decides how many of them
 * fit a processor's window and wait for memory at the same time. False: ask the functions above.
 */

static inline bool hs_translate_to_device_quick(uint64_t host, uint64_t *device)
{
    struct hs_epoch_slot *slot = hs_epoch_self;
    const struct hs_host_index *index;
    const struct hs_pool *pool;
    bool found = false;
    uint64_t offset;

    if (!slot)
        return false;
    hs_epoch_enter();
    pool = hs_registry_peek_last(slot, HS_BY_HOST, host);
    index = pool ? __atomic_load_n(&pool->by_host, __ATOMIC_ACQUIRE) : NULL;
    if (index && hs_lookup_host_quick(&pool->ranges, index, host, &offset)) {
        *device = pool->gpu_base + offset;
        /* Before the first byte: beyond the last one. */
        found = offset - pool->ranges.head < pool->ranges.bytes;
    }
    hs_epoch_exit(slot);
    return found;
}

static inline bool hs_translate_to_host_quick(uint64_t device, uint64_t bytes,
                                              struct hs_host_range *range)
{
    struct hs_epoch_slot *slot = hs_epoch_self;
    const struct hs_order *index;
    const struct hs_pool *pool;
    bool found = false;

    if (!slot || !bytes)
        return false;
    hs_epoch_enter();
    pool = hs_registry_peek_last(slot, HS_BY_WINDOW, device);
    index = pool ? __atomic_load_n(&pool->by_offset, __ATOMIC_ACQUIRE) : NULL;
    if (index) {
        const struct hs_ranges *r = &pool->ranges;
        uint64_t at = device - pool->gpu_base, from;
        size_t k;

        if (hs_lookup_offset_quick(r, index, at, &k)) {
            range->base = (void *)(uintptr_t)(r->runs[k].cpu + (at - r->runs[k].offset));
            range->bytes = (size_t)bytes;
            from = at - r->head; /* before the first byte: beyond the last one */
            found =
                bytes <= r->runs[k + 1].offset - at && from < r->bytes && bytes <= r->bytes - from;
        }
    }
    hs_epoch_exit(slot);
    return found;
}

#ifdef __cplusplus
}
#endif

#endif
