/* SPDX-License-Identifier: MIT */
/*
 * The live pools of the process, by device address and by host address. Looking up takes no lock. A
 * pool that was found is held by its finder until it is released, and no removal completes before
 * that. Owns the index, not the pools.
 */
#ifndef HS_REGISTRY_H
#define HS_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "epoch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hs_pool;

/* -ENOMEM with a text. */
int hs_registry_add(struct hs_pool *pool);

/* The pool whose window contains a device address, held; null if there is none. */
struct hs_pool *hs_registry_find(uint64_t address);
void hs_registry_hold(struct hs_pool *pool); /* once more */
void hs_registry_release(struct hs_pool *pool);

/* Maps of the live pools: by device address, by the host memory given, and, where the CPU sees the
 * window at an address of its own (alias), by that. */
enum { HS_BY_WINDOW, HS_BY_HOST, HS_BY_HOST_WINDOW };

/* Changes with the set of live pools; never 0. */
extern uint64_t hs_registry_version __attribute__((visibility("hidden")));

/*
 * Inside of a read section (epoch.h), with its slot: what the thread found last, if it is still
 * there and the address lies in its span, where no other pool is; null says nothing.
 */
static inline struct hs_pool *hs_registry_peek_last(const struct hs_epoch_slot *slot, int which,
                                                    uint64_t address)
{
    if (!slot ||
        slot->found[which].version != __atomic_load_n(&hs_registry_version, __ATOMIC_ACQUIRE))
        return NULL;
    if (address - slot->found[which].start >= slot->found[which].bytes)
        return NULL;
    return (struct hs_pool *)slot->found[which].what;
}

/* As hs_registry_find(), inside of a read section: valid until the section ends, not held. */
struct hs_pool *hs_registry_peek(uint64_t address);

/* The same for an address at which the CPU sees a window. */
struct hs_pool *hs_registry_peek_host_window(uint64_t address);

/*
 * Inside of a read section: the live pools whose host memory may contain an address, one after the
 * other. Start with a cleared cursor; null: no more.
 */
struct hs_registry_cursor {
    const void *map;
    size_t head, slot;
};
struct hs_pool *hs_registry_peek_host(uint64_t address, struct hs_registry_cursor *cursor);

/*
 * Removal in two steps, so that a failure in between can be undone without needing memory. From the
 * first step on the pool is found no more; it waits until nobody holds it. Null if no window
 * contains the address, or if another thread is removing it.
 */
struct hs_pool *hs_registry_begin_removal(uint64_t address);
void hs_registry_end_removal(struct hs_pool *pool);
void hs_registry_cancel_removal(struct hs_pool *pool);

size_t hs_registry_count(void);

#ifdef __cplusplus
}
#endif

#endif
