/* SPDX-License-Identifier: MIT */
/*
 * The layout of every public struct, as released: a program that was built against it keeps
 * working. A new member is added at the end, with a line here; no line ever changes. Compiled,
 * never run.
 */
#include <hip_scatter/hip_scatter.h>

#include <stddef.h>
#include <sys/uio.h>

#define AT(type, member, offset)                                                                   \
    _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define BYTES(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has changed its size")

BYTES(hipScatterRange, sizeof(struct iovec));
AT(hipScatterRange, base, offsetof(struct iovec, iov_base));
AT(hipScatterRange, size, offsetof(struct iovec, iov_len));

AT(hipScatterPoolProps, structSize, 0);
AT(hipScatterPoolProps, ranges, 8);
AT(hipScatterPoolProps, count, 16);
AT(hipScatterPoolProps, flags, 24);
AT(hipScatterPoolProps, deviceCount, 28);
AT(hipScatterPoolProps, devices, 32);
BYTES(hipScatterPoolProps, 40);

AT(hipScatterPoolInfo, structSize, 0);
AT(hipScatterPoolInfo, devPtr, 8);
AT(hipScatterPoolInfo, size, 16);
AT(hipScatterPoolInfo, rangeCount, 24);
AT(hipScatterPoolInfo, coalescedCount, 32);
AT(hipScatterPoolInfo, flags, 40);
AT(hipScatterPoolInfo, backing, 44);
AT(hipScatterPoolInfo, backingName, 48);
AT(hipScatterPoolInfo, backingReason, 56);
AT(hipScatterPoolInfo, deviceCount, 64);
AT(hipScatterPoolInfo, ioctls, 72);
AT(hipScatterPoolInfo, ioctlNs, 80);
AT(hipScatterPoolInfo, createNs, 88);
AT(hipScatterPoolInfo, hostWindow, 96);
BYTES(hipScatterPoolInfo, 104);

AT(hipScatterPoolUsage, structSize, 0);
AT(hipScatterPoolUsage, capacity, 8);
AT(hipScatterPoolUsage, requested, 16);
AT(hipScatterPoolUsage, allocated, 24);
AT(hipScatterPoolUsage, peak, 32);
AT(hipScatterPoolUsage, free, 40);
AT(hipScatterPoolUsage, largestFree, 48);
AT(hipScatterPoolUsage, blockCount, 56);
AT(hipScatterPoolUsage, freeBlockCount, 64);
AT(hipScatterPoolUsage, fragmentation, 72);
BYTES(hipScatterPoolUsage, 80);

AT(hipScatterPointerAttributes, structSize, 0);
AT(hipScatterPointerAttributes, pool, 8);
AT(hipScatterPointerAttributes, devicePointer, 16);
AT(hipScatterPointerAttributes, hostPointer, 24);
AT(hipScatterPointerAttributes, hostContiguous, 32);
AT(hipScatterPointerAttributes, offset, 40);
AT(hipScatterPointerAttributes, windowStart, 48);
AT(hipScatterPointerAttributes, windowSize, 56);
AT(hipScatterPointerAttributes, isDevicePointer, 64);
AT(hipScatterPointerAttributes, device, 68);
AT(hipScatterPointerAttributes, flags, 72);
AT(hipScatterPointerAttributes, backing, 76);
BYTES(hipScatterPointerAttributes, 80);

AT(hipScatterStats, structSize, 0);
AT(hipScatterStats, ioctls, 8);
AT(hipScatterStats, allocBatch, 16);
AT(hipScatterStats, alloc, 24);
AT(hipScatterStats, map, 32);
AT(hipScatterStats, unmap, 40);
AT(hipScatterStats, free, 48);
AT(hipScatterStats, probe, 56);
AT(hipScatterStats, retries, 64);
AT(hipScatterStats, ioctlNs, 72);
BYTES(hipScatterStats, 80);
