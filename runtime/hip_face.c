/* SPDX-License-Identifier: MIT */
/*
 * The C interface for HIP programs (hip_scatter.h): argument checks and translation of flags,
 * ordinals and error numbers. HIP's own functions are looked up in the library that the program has
 * loaded (hip_lib.h).
 */
#include <hip_scatter/hip_scatter.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backing.h"
#include "error.h"
#include "hip_face.h"
#include "hip_lib.h"
#include "pool.h"
#include "registry.h"

_Static_assert(sizeof(hipScatterRange) == sizeof(struct hs_host_range), "one layout, two names");
_Static_assert(offsetof(hipScatterRange, size) == offsetof(struct hs_host_range, bytes),
               "one layout");
_Static_assert((int)hipScatterBackingKindBatch == (int)HS_BACKING_BATCH &&
                   (int)hipScatterBackingKindPerRange == (int)HS_BACKING_PER_RANGE &&
                   (int)hipScatterBackingKindAlias == (int)HS_BACKING_ALIAS,
               "the kinds go through unchanged");

#define KNOWN_FLAGS                                                                                \
    (hipScatterRegisterPortable | hipScatterRegisterMapped | hipScatterRegisterReadOnly |          \
     hipScatterRegisterAllowAliasing | hipScatterRegisterCoarseGrained |                           \
     hipScatterRegisterHipMemoryCalls | hipScatterRegisterBackingMask)

hipError_t hs_hip_error(int err)
{
    switch (err) {
    case 0:
        return hipSuccess;
    case -EINVAL:
    case -EFAULT:
    case -EPERM:
        return hipErrorInvalidValue;
    case -ENOMEM:
    case -ENOSPC:
    case -E2BIG: /* mappings, vm.max_map_count */
        return hipErrorOutOfMemory;
    case -ENOENT:
        return hipErrorHostMemoryNotRegistered;
    case -EADDRINUSE:
        return hipErrorHostMemoryAlreadyRegistered;
    case -EOPNOTSUPP:
    case -ENOTTY:
        return hipErrorNotSupported;
    case -ENODEV:
        return hipErrorNoDevice;
    case -ENXIO:
        return hipErrorInvalidDevice;
    case -EDOM:
        return hipErrorInvalidMemcpyDirection;
    case -EBADF:
        return hipErrorNotInitialized;
    default:
        return hipErrorOperatingSystem;
    }
}

/* The devices that a registration is for, as entries of the device table. */
static int find_devices(const hipScatterPoolProps *props, struct hs_device **devices, size_t *count)
{
    int ordinal, err;

    if (props->deviceCount < 0 || props->deviceCount > HS_MAX_DEVICES)
        return hs_error(-ENXIO, "deviceCount is %d: 0 to %u are possible", props->deviceCount,
                        HS_MAX_DEVICES);
    if (props->deviceCount > 0 && !props->devices)
        return hs_error(-EINVAL, "deviceCount is %d, but devices is null", props->deviceCount);
    if (props->deviceCount > 0) {
        for (*count = 0; *count < (size_t)props->deviceCount; ++*count) {
            err = hs_hip_device(props->devices[*count], &devices[*count]);
            if (err)
                return err;
        }
        return 0;
    }
    err = hs_hip_current(&ordinal);
    if (!err)
        err = hs_hip_device(ordinal, &devices[0]);
    if (err)
        return err;
    *count = 1;
    if (!(props->flags & hipScatterRegisterPortable))
        return 0;
    for (int i = 0; i < hs_hip_device_count() && *count < HS_MAX_DEVICES; i++) {
        if (i == ordinal)
            continue;
        err = hs_hip_device(i, &devices[*count]);
        if (err)
            return err;
        ++*count;
    }
    return 0;
}

static int check_flags(unsigned int flags)
{
    if (flags & ~KNOWN_FLAGS)
        return hs_error(-EINVAL, "unknown flags 0x%x", flags & ~KNOWN_FLAGS);
    if ((flags & hipScatterRegisterBackingMask) > hipScatterRegisterBackingAlias)
        return hs_error(-EINVAL, "unknown backing 0x%x", flags & hipScatterRegisterBackingMask);
    return 0;
}

static int create(struct hs_pool **pool, const hipScatterPoolProps *props)
{
    struct hs_device *devices[HS_MAX_DEVICES];
    struct hs_pool_request request = {
        .list = (const struct hs_host_range *)props->ranges,
        .count = props->count,
        .devices = devices,
        .kind = (enum hs_backing_kind)((props->flags & hipScatterRegisterBackingMask) /
                                       hipScatterRegisterBackingBatch),
        .allow_overlap = props->flags & hipScatterRegisterAllowAliasing,
        .access = {.read_only = !!(props->flags & hipScatterRegisterReadOnly),
                   .coarse_grained = !!(props->flags & hipScatterRegisterCoarseGrained)},
        .pinner = &hs_hip_pinner,
        .needs_pointer_known = props->flags & hipScatterRegisterHipMemoryCalls,
        .face_flags = props->flags,
    };
    int err = check_flags(props->flags);

    if (!err)
        err = hs_hip_init();
    if (!err)
        err = find_devices(props, devices, &request.device_count);
    if (!err)
        err = hs_pool_create(pool, &request);
    return err;
}

static int destroy(uint64_t address)
{
    struct hs_pool *pool;
    int err = hs_kfd_check_process();

    if (err)
        return err;
    pool = hs_registry_begin_removal(address);
    if (!pool)
        return hs_error(-ENOENT, "%p is in no window: another thread has unregistered it",
                        (void *)(uintptr_t)address);
    return hs_pool_destroy(pool);
}

hipScatterPool_t hs_hip_handle(const struct hs_pool *pool)
{
    return (hipScatterPool_t)(uintptr_t)pool->gpu_base;
}

int hs_hip_hold_pool(hipScatterPool_t handle, struct hs_pool **pool)
{
    uint64_t address = (uintptr_t)handle;

    *pool = NULL;
    if (!handle) {
        hs_error(-EINVAL, "the pool is null");
        return -EINVAL;
    }
    *pool = hs_registry_find(address);
    if (*pool && (*pool)->gpu_base == address)
        return 0;
    if (*pool)
        hs_registry_release(*pool);
    hs_error(-ENOENT, "%p is not a pool, or was destroyed", (void *)handle);
    return -ENOENT;
}

int hs_give_struct(void *to, const void *from, size_t known, size_t asked, size_t least)
{
    size_t bytes = asked < known ? asked : known;

    if (asked < least)
        return hs_error(-EINVAL, "structSize is %zu: smaller than the first version's %zu", asked,
                        least);
    memcpy(to, from, bytes);
    *(size_t *)to = bytes;
    return 0;
}

hipError_t hipHostRegisterScatter(void **devPtr, const hipScatterRange *ranges, size_t count,
                                  unsigned int flags)
{
    hipScatterPoolProps props = {
        .structSize = sizeof(props), .ranges = ranges, .count = count, .flags = flags};
    struct hs_pool *pool;
    int err;

    if (!devPtr)
        return hs_hip_error(hs_error(-EINVAL, "devPtr is null"));
    if (!ranges)
        return hs_hip_error(hs_error(-EINVAL, "ranges is null"));
    err = create(&pool, &props);
    if (!err)
        *devPtr = (void *)(uintptr_t)hs_pool_device_address(pool);
    return hs_hip_error(err);
}

hipError_t hipHostUnregisterScatter(void *devPtr)
{
    uint64_t address = (uintptr_t)devPtr, start;
    struct hs_pool *pool;
    int err;

    if (!devPtr)
        return hs_hip_error(hs_error(-EINVAL, "devPtr is null"));
    pool = hs_registry_find(address);
    if (!pool)
        return hs_hip_error(hs_error(
            -ENOENT, "%p is in no window: never registered, or unregistered already", devPtr));
    start = hs_pool_device_address(pool);
    err = start == address ? hs_hip_wait(pool) : 0;
    hs_registry_release(pool);
    if (start != address)
        return hs_hip_error(hs_error(-ENOENT, "%p lies inside of the window that starts at %p",
                                     devPtr, (void *)(uintptr_t)start));
    return hs_hip_error(err ? err : destroy(address));
}

const char *hipScatterGetLastErrorMessage(void)
{
    return hs_error_text();
}

hipError_t hipScatterPoolCreate(hipScatterPool_t *pool, const hipScatterPoolProps *props)
{
    hipScatterPoolProps known = {0};
    struct hs_pool *made;
    int err;

    if (!pool || !props)
        return hs_hip_error(hs_error(-EINVAL, "%s is null", pool ? "props" : "pool"));
    if (props->structSize < offsetof(hipScatterPoolProps, devices) + sizeof(props->devices))
        return hs_hip_error(
            hs_error(-EINVAL, "props->structSize is %zu: smaller than the first version's %zu",
                     props->structSize, sizeof(known)));
    if (props->structSize > sizeof(known))
        return hs_hip_error(hs_error(-EINVAL,
                                     "props->structSize is %zu: newer than this library's %zu",
                                     props->structSize, sizeof(known)));
    memcpy(&known, props, props->structSize);
    if (!known.ranges)
        return hs_hip_error(hs_error(-EINVAL, "ranges is null"));
    err = create(&made, &known);
    if (!err)
        *pool = hs_hip_handle(made);
    return hs_hip_error(err);
}

hipError_t hipScatterPoolDestroy(hipScatterPool_t handle)
{
    struct hs_pool *pool;
    int err = hs_hip_hold_pool(handle, &pool);

    if (err)
        return hs_hip_error(err);
    err = hs_hip_wait(pool);
    hs_registry_release(pool);
    return hs_hip_error(err ? err : destroy((uintptr_t)handle));
}

hipError_t hipScatterPoolGetInfo(hipScatterPool_t handle, hipScatterPoolInfo *info)
{
    hipScatterPoolInfo out = {.structSize = sizeof(out)};
    struct hs_pool *pool;
    int err;

    if (!info)
        return hs_hip_error(hs_error(-EINVAL, "info is null"));
    err = hs_hip_hold_pool(handle, &pool);
    if (err)
        return hs_hip_error(err);
    pthread_mutex_lock(&pool->lock);
    out.devPtr = (void *)(uintptr_t)hs_pool_device_address(pool);
    out.size = (size_t)pool->ranges.bytes;
    out.rangeCount = pool->ranges.given;
    out.coalescedCount = pool->ranges.count;
    out.flags = pool->face_flags;
    out.backing = (hipScatterBacking)pool->backing->kind;
    out.backingName = pool->backing->name;
    out.backingReason = pool->reason;
    out.deviceCount = (int)pool->device_count;
    if (pool->backing->kind == HS_BACKING_ALIAS)
        out.hostWindow = pool->window.base + pool->ranges.head;
    out.ioctls = pool->ioctls;
    out.ioctlNs = pool->ioctl_ns;
    out.createNs = pool->create_ns;
    pthread_mutex_unlock(&pool->lock);
    err = hs_give_struct(info, &out, sizeof(out), info->structSize, sizeof(out));
    hs_registry_release(pool);
    return hs_hip_error(err);
}

hipError_t hipScatterPoolGetDevices(hipScatterPool_t handle, int *devices, int *count)
{
    struct hs_pool *pool;
    int room, err;

    if (!count || (devices && *count < 0))
        return hs_hip_error(hs_error(-EINVAL, count ? "count is negative" : "count is null"));
    err = hs_hip_hold_pool(handle, &pool);
    if (err)
        return hs_hip_error(err);
    room = *count;
    pthread_mutex_lock(&pool->lock);
    *count = (int)pool->device_count;
    for (int i = 0; devices && i < *count && i < room; i++)
        devices[i] = hs_hip_ordinal(pool->devices[i]);
    pthread_mutex_unlock(&pool->lock);
    if (devices && room < *count)
        err = hs_error(-EINVAL, "room for %d devices, but the pool has %d", room, *count);
    hs_registry_release(pool);
    return hs_hip_error(err);
}

/* Grants or revokes; revoking waits for the devices first. */
static int change_access(hipScatterPool_t handle, const int *ordinals, int count, bool grant)
{
    struct hs_device *devices[HS_MAX_DEVICES];
    struct hs_pool *pool;
    int err;

    if (count < 0 || count > HS_MAX_DEVICES || (count && !ordinals))
        return hs_error(-EINVAL, count && !ordinals ? "devices is null" : "count is out of range");
    err = hs_hip_init();
    for (int i = 0; i < count && !err; i++)
        err = hs_hip_device(ordinals[i], &devices[i]);
    if (!err)
        err = hs_hip_hold_pool(handle, &pool);
    if (err)
        return err;
    if (!grant)
        err = hs_hip_wait(pool);
    if (!err)
        err = grant ? hs_pool_grant(pool, devices, (size_t)count)
                    : hs_pool_revoke(pool, devices, (size_t)count);
    hs_registry_release(pool);
    return err;
}

hipError_t hipScatterPoolGrantAccess(hipScatterPool_t pool, const int *devices, int count)
{
    return hs_hip_error(change_access(pool, devices, count, true));
}

hipError_t hipScatterPoolRevokeAccess(hipScatterPool_t pool, const int *devices, int count)
{
    return hs_hip_error(change_access(pool, devices, count, false));
}

hipError_t hipScatterPoolFromPointer(hipScatterPool_t *handle, const void *devPtr)
{
    struct hs_pool *pool;

    if (!handle || !devPtr)
        return hs_hip_error(hs_error(-EINVAL, "%s is null", handle ? "devPtr" : "pool"));
    pool = hs_registry_find((uintptr_t)devPtr);
    if (!pool)
        return hs_hip_error(hs_error(-ENOENT, "%p is in no window", devPtr));
    *handle = hs_hip_handle(pool);
    hs_registry_release(pool);
    return hipSuccess;
}

hipError_t hipScatterGetStats(hipScatterStats *stats)
{
    hipScatterStats out = {.structSize = sizeof(out)};
    struct hs_kfd_counters c;

    if (!stats)
        return hs_hip_error(hs_error(-EINVAL, "stats is null"));
    hs_kfd_read_counters(&c);
    out.ioctls = c.ioctls;
    out.allocBatch = c.alloc_batch;
    out.alloc = c.alloc;
    out.map = c.map;
    out.unmap = c.unmap;
    out.free = c.free;
    out.probe = c.probe;
    out.retries = c.retries;
    out.ioctlNs = c.ns;
    return hs_hip_error(hs_give_struct(stats, &out, sizeof(out), stats->structSize, sizeof(out)));
}
