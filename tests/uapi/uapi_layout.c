// SPDX-License-Identifier: MIT
/*
 * The layout of the batch ioctl's user-space interface, asserted at compile time. This one source
 * is compiled as C and as C++, alone and with <linux/kfd_ioctl.h> on either side (UAPI_KFD_HEADER);
 * it owns no run-time code but the function that main.c calls. Numbers: the posted series, v2 of 4
 * January and v4 of 9 February 2026.
 */
#define UAPI_NONE 0
#define UAPI_BEFORE 1
#define UAPI_AFTER 2

#if UAPI_KFD_HEADER == UAPI_BEFORE
#include <linux/kfd_ioctl.h>
#endif
#include <hip_scatter/kfd_batch.h>
#if UAPI_KFD_HEADER == UAPI_AFTER
#include <linux/kfd_ioctl.h>
#endif
/* Twice, for the include guard. NOLINTNEXTLINE(readability-duplicate-include) */
#include <hip_scatter/kfd_batch.h>

#include <stddef.h>

#include "uapi_layout.h"

#ifndef __cplusplus
#define static_assert _Static_assert
#endif

#define AT(type, member, offset, bytes)                                                            \
    static_assert(offsetof(struct type, member) == (offset), #type "." #member " moved");          \
    static_assert(sizeof(((struct type *)0)->member) == (bytes), #type "." #member " resized")

static_assert(sizeof(struct kfd_ioctl_userptr_range) == 16, "range size");
AT(kfd_ioctl_userptr_range, start, 0, 8);
AT(kfd_ioctl_userptr_range, size, 8, 8);

static_assert(sizeof(struct kfd_ioctl_alloc_memory_of_gpu_batch_args) == 48, "argument size");
AT(kfd_ioctl_alloc_memory_of_gpu_batch_args, va_addr, 0, 8);
AT(kfd_ioctl_alloc_memory_of_gpu_batch_args, total_size, 8, 8);
AT(kfd_ioctl_alloc_memory_of_gpu_batch_args, handle, 16, 8);
AT(kfd_ioctl_alloc_memory_of_gpu_batch_args, ranges_ptr, 24, 8);
AT(kfd_ioctl_alloc_memory_of_gpu_batch_args, num_ranges, 32, 4);
AT(kfd_ioctl_alloc_memory_of_gpu_batch_args, gpu_id, 36, 4);
AT(kfd_ioctl_alloc_memory_of_gpu_batch_args, flags, 40, 4);
AT(kfd_ioctl_alloc_memory_of_gpu_batch_args, pad, 44, 4);

static_assert(sizeof(struct kfd_ioctl_userptr_batch) == 8, "header size of the later encoding");
AT(kfd_ioctl_userptr_batch, num_ranges, 0, 4);
AT(kfd_ioctl_userptr_batch, reserved, 4, 4);

static_assert(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH == 0xC0304B28, "request number");
static_assert(_IOC_TYPE(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH) == 'K', "ioctl type");
static_assert(_IOC_NR(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH) == 0x28, "ioctl number");
static_assert(KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH == 0x400000, "flag of the later encoding");

#if UAPI_KFD_HEADER != UAPI_NONE
/* The header restates what <linux/kfd_ioctl.h> would make of it, and its flag is free there. */
/* NOLINTNEXTLINE(misc-redundant-expression): equal is what they must be */
static_assert(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH ==
                  AMDKFD_IOWR(0x28, struct kfd_ioctl_alloc_memory_of_gpu_batch_args),
              "request number differs from AMDKFD_IOWR");
static_assert((KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH &
               (KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_GTT |
                KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL |
                KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE |
                KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE | KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC |
                KFD_IOC_ALLOC_MEM_FLAGS_NO_SUBSTITUTE | KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM |
                KFD_IOC_ALLOC_MEM_FLAGS_COHERENT | KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED)) == 0,
              "the flag of the later encoding is taken");
#endif

unsigned long UAPI_FUNCTION(void)
{
    return AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH;
}
