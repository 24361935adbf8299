/* SPDX-License-Identifier: MIT */
/* The HIP face of translate.h: argument checks, no logic. */
#include <errno.h>

#include "backing.h"
#include "error.h"
#include "hip_face.h"
#include "hip_lib.h"
#include "registry.h"
#include "translate.h"

/* An address that is not registered is an invalid value to hipHostGetDevicePointer(), so it is
 * here. */
static hipError_t not_found_is_invalid(int err)
{
    return hs_hip_error(err == -ENOENT ? -EINVAL : err);
}

static __attribute__((noinline)) hipError_t get_device_pointer(void **devPtr, const void *hostPtr,
                                                               unsigned int flags)
{
    uint64_t device;
    int err;

    if (!devPtr || !hostPtr)
        return hs_hip_error(hs_error(-EINVAL, "%s is null", devPtr ? "hostPtr" : "devPtr"));
    if (flags)
        return hs_hip_error(hs_error(-EINVAL, "flags are 0x%x: must be 0", flags));
    err = hs_translate_to_device(NULL, (uintptr_t)hostPtr, &device);
    if (!err)
        *devPtr = (void *)(uintptr_t)device;
    return not_found_is_invalid(err);
}

hipError_t hipScatterGetDevicePointer(void **devPtr, const void *hostPtr, unsigned int flags)
{
    uint64_t device;

    if (!devPtr || flags || !hs_translate_to_device_quick((uintptr_t)hostPtr, &device))
        return get_device_pointer(devPtr, hostPtr, flags);
    *devPtr = (void *)(uintptr_t)device;
    return hipSuccess;
}

hipError_t hipScatterPoolGetDevicePointer(hipScatterPool_t handle, void **devPtr,
                                          const void *hostPtr)
{
    struct hs_pool *pool;
    uint64_t device;
    int err;

    if (!devPtr || !hostPtr)
        return hs_hip_error(hs_error(-EINVAL, "%s is null", devPtr ? "hostPtr" : "devPtr"));
    err = hs_hip_hold_pool(handle, &pool);
    if (err)
        return hs_hip_error(err);
    err = hs_translate_to_device(pool, (uintptr_t)hostPtr, &device);
    if (!err)
        *devPtr = (void *)(uintptr_t)device;
    hs_registry_release(pool);
    return not_found_is_invalid(err);
}

static __attribute__((noinline)) hipError_t get_host_ranges(const void *devPtr, size_t size,
                                                            hipScatterRange *ranges, size_t room,
                                                            size_t *count, size_t *covered)
{
    uint64_t bytes;
    int err;

    if (!devPtr || !count || (room && !ranges))
        return hs_hip_error(hs_error(-EINVAL, "%s is null",
                                     !devPtr  ? "devPtr"
                                     : !count ? "count"
                                              : "ranges"));
    err = hs_translate_to_host((uintptr_t)devPtr, size, (struct hs_host_range *)ranges, room, count,
                               &bytes);
    if (err)
        return hs_hip_error(err);
    if (covered)
        *covered = (size_t)bytes;
    else if (bytes < size)
        return hs_hip_error(hs_error(-EINVAL, "room for %zu ranges covers %llu of %zu bytes", room,
                                     (unsigned long long)bytes, size));
    return hipSuccess;
}

hipError_t hipScatterGetHostRanges(const void *devPtr, size_t size, hipScatterRange *ranges,
                                   size_t room, size_t *count, size_t *covered)
{
    if (!count || !room || !ranges ||
        !hs_translate_to_host_quick((uintptr_t)devPtr, size, (struct hs_host_range *)ranges))
        return get_host_ranges(devPtr, size, ranges, room, count, covered);
    *count = 1;
    if (covered)
        *covered = size;
    return hipSuccess;
}

hipError_t hipScatterPointerGetAttributes(hipScatterPointerAttributes *attributes, const void *ptr)
{
    hipScatterPointerAttributes out = {.structSize = sizeof(out), .device = -1};
    struct hs_host_range here;
    struct hs_pool *pool;
    uint64_t offset, covered;
    bool is_device;
    size_t count;
    int err;

    if (!attributes || !ptr)
        return hs_hip_error(hs_error(-EINVAL, "%s is null", attributes ? "ptr" : "attributes"));
    err = hs_translate_find((uintptr_t)ptr, &pool, &offset, &is_device);
    if (err)
        return not_found_is_invalid(err);
    err = hs_translate_span(pool, offset, pool->ranges.bytes - offset, &here, 1, &count, &covered);
    out.pool = hs_hip_handle(pool);
    out.windowStart = (void *)(uintptr_t)hs_pool_device_address(pool);
    out.windowSize = (size_t)pool->ranges.bytes;
    out.offset = (size_t)offset;
    out.devicePointer = (char *)out.windowStart + offset;
    out.hostPointer = here.base;
    out.hostContiguous = here.bytes;
    out.isDevicePointer = is_device;
    out.device = hs_hip_ordinal(pool->owner);
    out.flags = pool->face_flags;
    out.backing = (hipScatterBacking)pool->backing->kind;
    if (!err)
        err = hs_give_struct(attributes, &out, sizeof(out), attributes->structSize, sizeof(out));
    hs_registry_release(pool);
    return hs_hip_error(err);
}
