/* SPDX-License-Identifier: MIT */
/*
 * The layout of every public struct, as released: a program that was built against it keeps
 * working. A new member is added at the end, with a line here; no line ever changes. Compiled,
 * never run.
 */
#include <hip_scatter/hip_scatter.h>
#include <hip_scatter/hsa_scatter.h>

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

AT(hipScatterBackingSupport, backing, 0);
AT(hipScatterBackingSupport, works, 4);
AT(hipScatterBackingSupport, name, 8);
AT(hipScatterBackingSupport, why, 24);
BYTES(hipScatterBackingSupport, 280);

AT(hipScatterDeviceCapabilities, structSize, 0);
AT(hipScatterDeviceCapabilities, name, 8);
AT(hipScatterDeviceCapabilities, pciBusId, 72);
AT(hipScatterDeviceCapabilities, node, 88);
AT(hipScatterDeviceCapabilities, gpuId, 92);
AT(hipScatterDeviceCapabilities, kfdMajor, 96);
AT(hipScatterDeviceCapabilities, kfdMinor, 100);
AT(hipScatterDeviceCapabilities, backings, 104);
AT(hipScatterDeviceCapabilities, maxRanges, 944);
AT(hipScatterDeviceCapabilities, maxBytes, 952);
AT(hipScatterDeviceCapabilities, rangeAlignment, 960);
AT(hipScatterDeviceCapabilities, windowAlignment, 968);
AT(hipScatterDeviceCapabilities, lowestAddress, 976);
AT(hipScatterDeviceCapabilities, highestAddress, 984);
AT(hipScatterDeviceCapabilities, mappingsFree, 992);
BYTES(hipScatterDeviceCapabilities, 1000);

BYTES(hsa_scatter_range_t, sizeof(struct iovec));
AT(hsa_scatter_range_t, base, offsetof(struct iovec, iov_base));
AT(hsa_scatter_range_t, size, offsetof(struct iovec, iov_len));

AT(hsa_scatter_info_t, size, 0);
AT(hsa_scatter_info_t, agent_ptr, 8);
AT(hsa_scatter_info_t, bytes, 16);
AT(hsa_scatter_info_t, range_count, 24);
AT(hsa_scatter_info_t, coalesced_count, 32);
AT(hsa_scatter_info_t, kind, 40);
AT(hsa_scatter_info_t, num_agents, 44);
AT(hsa_scatter_info_t, kind_name, 48);
AT(hsa_scatter_info_t, kind_reason, 56);
AT(hsa_scatter_info_t, host_window, 64);
AT(hsa_scatter_info_t, ioctls, 72);
BYTES(hsa_scatter_info_t, 80);

AT(hsa_scatter_support_t, kind, 0);
AT(hsa_scatter_support_t, works, 4);
AT(hsa_scatter_support_t, name, 8);
AT(hsa_scatter_support_t, why, 24);
BYTES(hsa_scatter_support_t, 280);

AT(hsa_scatter_capabilities_t, size, 0);
AT(hsa_scatter_capabilities_t, name, 8);
AT(hsa_scatter_capabilities_t, pci_address, 72);
AT(hsa_scatter_capabilities_t, node, 88);
AT(hsa_scatter_capabilities_t, gpu_id, 92);
AT(hsa_scatter_capabilities_t, kfd_major, 96);
AT(hsa_scatter_capabilities_t, kfd_minor, 100);
AT(hsa_scatter_capabilities_t, backings, 104);
AT(hsa_scatter_capabilities_t, max_ranges, 944);
AT(hsa_scatter_capabilities_t, max_bytes, 952);
AT(hsa_scatter_capabilities_t, range_alignment, 960);
AT(hsa_scatter_capabilities_t, window_alignment, 968);
AT(hsa_scatter_capabilities_t, lowest_address, 976);
AT(hsa_scatter_capabilities_t, highest_address, 984);
AT(hsa_scatter_capabilities_t, mappings_free, 992);
BYTES(hsa_scatter_capabilities_t, 1000);
