/* SPDX-License-Identifier: MIT */
/*
 * The memory pool object: a checked list, a window, a backing, devices. Creation and destruction
 * are all or nothing. Knows neither HIP nor its flags; the faces translate.
 */
#ifndef HS_POOL_H
#define HS_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffers.h"
#include "device.h"
#include "kfd.h"
#include "ranges.h"
#include "window.h"

#ifdef __cplusplus
extern "C" {
#endif

enum hs_backing_kind {
    HS_BACKING_AUTO,
    HS_BACKING_BATCH,
    HS_BACKING_PER_RANGE,
    HS_BACKING_ALIAS,
};

struct hs_backing;
struct hs_suballoc;
struct hs_order;
struct hs_host_index;

/*
 * How the program's own runtime makes an ordinary host range visible to all of its devices; the
 * alias backing needs it. Each face brings its own.
 */
struct hs_pinner {
    const char *name; /* of the call, for texts */
    int (*pin)(void *cpu, size_t bytes, uint64_t *device);
    int (*unpin)(void *cpu);
};

/* What a face asks for. The list and the devices are only read during the call. */
struct hs_pool_request {
    const struct hs_host_range *list;
    size_t count;
    struct hs_device *const *devices; /* the first one owns the buffer; each once */
    size_t device_count;
    enum hs_backing_kind kind;
    bool allow_overlap;
    struct hs_kfd_access access;
    const struct hs_pinner *pinner;
    bool needs_pointer_known; /* to the program's runtime: its own memory calls must work */
    unsigned face_flags;      /* kept for the face, not interpreted */
};

struct hs_pool {
    struct hs_ranges ranges;
    struct hs_window window;
    uint64_t gpu_base;  /* device address of the first page; window.base, except for alias */
    uint64_t host_base; /* where the CPU sees it, if that is at another address; else 0 */

    struct hs_device *owner;
    struct hs_device *devices[HS_MAX_DEVICES];
    uint32_t gpu_ids[HS_MAX_DEVICES]; /* of devices, in the same order: the form that MAP reads */
    uint32_t device_count;

    const struct hs_backing *backing;
    struct hs_buffers buffers; /* batch and per-range */
    size_t pieces;             /* alias: mappings that the window consists of */
    size_t failed_run; /* per-range and alias, after a failed create: the run it stopped at; else
                          SIZE_MAX */

    struct hs_kfd_access access;
    const struct hs_pinner *pinner;
    bool needs_pointer_known;
    enum hs_backing_kind forced;
    char reason[512];
    unsigned face_flags;
    uint64_t ioctls, ioctl_ns, create_ns;

    pthread_mutex_t blocks_lock;
    struct hs_suballoc *blocks; /* made by the first allocation; see pool_blocks.h */

    struct hs_order *by_offset;    /* atomic; null until first asked for (lookup.h) */
    struct hs_host_index *by_host; /* atomic; the same */
    pthread_mutex_t index_lock;    /* who builds them */

    pthread_mutex_t lock; /* devices and backing, against grant and revoke */
    unsigned users;       /* atomic; see registry.h */
};

/* On success *out is in the registry. -EINVAL, -EFAULT, -ENOMEM, -EOPNOTSUPP, ... with a text. */
int hs_pool_create(struct hs_pool **out, const struct hs_pool_request *request);

/*
 * For a pool that hs_registry_begin_removal() gave. Ends the removal, or cancels it: then the pool
 * is as before.
 */
int hs_pool_destroy(struct hs_pool *pool);

/*
 * Gives devices access, or takes it away; those that have, or lack, it already are left alone. All
 * or nothing. The pool is held by the caller. Revoking does not wait for the device: that is the
 * face's.
 */
int hs_pool_grant(struct hs_pool *pool, struct hs_device *const *devices, size_t count);
int hs_pool_revoke(struct hs_pool *pool, struct hs_device *const *devices, size_t count);

/* Whether a device has access now. */
bool hs_pool_has_device(struct hs_pool *pool, const struct hs_device *device);

/* Device address of the first byte. */
static inline uint64_t hs_pool_device_address(const struct hs_pool *pool)
{
    return pool->gpu_base + pool->ranges.head;
}

#ifdef __cplusplus
}
#endif

#endif
