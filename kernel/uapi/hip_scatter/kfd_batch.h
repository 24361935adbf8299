/* SPDX-License-Identifier: MIT */
/*
 * The user-space interface of batch userptr allocation in amdkfd: many CPU address ranges, one
 * buffer object, one contiguous GPU virtual address range. Layouts follow the series "drm/amdkfd:
 * Add batch userptr allocation support" (v2 of 4 January 2026 for the ioctl, v4 of 9 February 2026
 * for the flag encoding). Self-contained; can be included before or after <linux/kfd_ioctl.h>.
 * Usable from C and C++.
 */
#ifndef HIP_SCATTER_UAPI_KFD_BATCH_H
#define HIP_SCATTER_UAPI_KFD_BATCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* One range of CPU virtual memory: both members are multiples of the page size, size is not 0. */
struct kfd_ioctl_userptr_range {
    __u64 start; /* CPU address */
    __u64 size;  /* bytes */
};

/* Entry i of the range array lies directly after entry i - 1 in the GPU virtual address range. */
struct kfd_ioctl_alloc_memory_of_gpu_batch_args {
    __u64 va_addr;    /* to KFD: start of the GPU virtual address range */
    __u64 total_size; /* to KFD: bytes; the sum of the sizes of all ranges */
    __u64 handle;     /* from KFD: for MAP, UNMAP and FREE_MEMORY_OF_GPU */
    __u64 ranges_ptr; /* to KFD: user address of struct kfd_ioctl_userptr_range[num_ranges] */
    __u32 num_ranges; /* to KFD */
    __u32 gpu_id;     /* to KFD */
    __u32 flags;      /* to KFD: KFD_IOC_ALLOC_MEM_FLAGS_*, USERPTR among them */
    __u32 pad;        /* to KFD: 0 */
};

/*
 * 0x28 is AMDKFD_IOC_PROFILER from KFD interface 1.23 on: ask AMDKFD_IOC_GET_VERSION and probe
 * first (docs/abi.md).
 */
#define AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH                                                       \
    _IOWR('K', 0x28, struct kfd_ioctl_alloc_memory_of_gpu_batch_args)

/*
 * The later encoding: AMDKFD_IOC_ALLOC_MEMORY_OF_GPU with this flag, and mmap_offset the user
 * address of a page-aligned struct kfd_ioctl_userptr_batch.
 */
#define KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH (1u << 22)

struct kfd_ioctl_userptr_batch {
    __u32 num_ranges;
    __u32 reserved; /* 0 */
    /* struct kfd_ioctl_userptr_range ranges[num_ranges] follows */
};

#endif
