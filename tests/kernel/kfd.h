/* SPDX-License-Identifier: MIT */
/*
 * What the guest's test programs share: /dev/kfd, its topology and the memory ioctls as plain
 * functions that return 0 or a negative errno. Independent of runtime/: these programs judge the
 * kernel, not the library.
 */
#ifndef TESTS_KERNEL_KFD_H
#define TESTS_KERNEL_KFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kfd_ioctl.h>

#include <hip_scatter/kfd_batch.h>

#define KFD_PAGE 4096ul
/* KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE, which the system's header writes as a signed overflow. */
#define KFD_WRITABLE (1u << 31)
#define KFD_USERPTR_FLAGS                                                                          \
    (KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | KFD_WRITABLE | KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE |         \
     KFD_IOC_ALLOC_MEM_FLAGS_NO_SUBSTITUTE | KFD_IOC_ALLOC_MEM_FLAGS_COHERENT)

struct kfd_gpu {
    uint32_t gpu_id;
    uint32_t render_minor;
};

/* One ioctl, EINTR and EAGAIN retried. 0 or a negative errno. */
int kfd_call(int fd, unsigned long request, void *args);

/* The GPUs in topology order: how many there are (up to max are stored), 0 without topology. */
size_t kfd_find_gpus(struct kfd_gpu *gpus, size_t max);

/* Open the GPU's render node and give its VM to KFD. The descriptor, or a negative errno. */
int kfd_acquire_vm(int fd, const struct kfd_gpu *gpu);

int kfd_alloc_userptr(int fd, uint32_t gpu_id, uint64_t va, void *memory, uint64_t size,
                      uint64_t *handle);
int kfd_alloc_batch(int fd, uint32_t gpu_id, uint64_t va,
                    const struct kfd_ioctl_userptr_range *ranges, uint32_t count, uint64_t *handle);
/* The later encoding: table is the user address of a header and its ranges, bytes their sum. */
int kfd_alloc_by_flag(int fd, uint32_t gpu_id, uint64_t va, uint64_t table, uint64_t bytes,
                      uint64_t *handle);
int kfd_map(int fd, uint64_t handle, const uint32_t *gpu_ids, uint32_t count);
int kfd_unmap(int fd, uint64_t handle, const uint32_t *gpu_ids, uint32_t count);
int kfd_free(int fd, uint64_t handle);

/* The name of an errno ("EINVAL"), "ok" for 0. Accepts either sign. */
const char *kfd_errno_name(int error);

#endif
