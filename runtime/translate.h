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

#include "pool.h"

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

#ifdef __cplusplus
}
#endif

#endif
