// SPDX-License-Identifier: MIT
/*
 * The memory ioctls as plain functions (kfd.h). Owns no state.
 */
#include "kfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int kfd_call(int fd, unsigned long request, void *args)
{
    int r;

    do {
        r = ioctl(fd, request, args);
    } while (r == -1 && (errno == EINTR || errno == EAGAIN));
    return r == -1 ? -errno : 0;
}

/* One number of a topology node's file of `name value` lines, 0 if it is not there. */
static uint64_t node_property(unsigned int node, const char *name)
{
    char path[96], key[64];
    unsigned long long value = 0, number;
    FILE *file;

    snprintf(path, sizeof(path), "/sys/class/kfd/kfd/topology/nodes/%u/properties", node);
    file = fopen(path, "re");
    if (!file)
        return 0;
    while (fscanf(file, "%63s %llu", key, &number) == 2) {
        if (strcmp(key, name) == 0)
            value = number;
    }
    fclose(file);
    return value;
}

size_t kfd_find_gpus(struct kfd_gpu *gpus, size_t max)
{
    size_t count = 0;

    for (unsigned int node = 0; node < 64; node++) {
        char path[96];
        unsigned int gpu_id = 0;
        FILE *file;

        snprintf(path, sizeof(path), "/sys/class/kfd/kfd/topology/nodes/%u/gpu_id", node);
        file = fopen(path, "re");
        if (!file)
            break;
        if (fscanf(file, "%u", &gpu_id) == 1 && gpu_id) {
            if (count < max) {
                gpus[count].gpu_id = gpu_id;
                gpus[count].render_minor = (uint32_t)node_property(node, "drm_render_minor");
            }
            count++;
        }
        fclose(file);
    }
    return count;
}

int kfd_acquire_vm(int fd, const struct kfd_gpu *gpu)
{
    struct kfd_ioctl_acquire_vm_args args = {.gpu_id = gpu->gpu_id};
    char path[32];
    int drm, r;

    snprintf(path, sizeof(path), "/dev/dri/renderD%u", gpu->render_minor);
    drm = open(path, O_RDWR | O_CLOEXEC);
    if (drm == -1)
        return -errno;
    args.drm_fd = (uint32_t)drm;
    r = kfd_call(fd, AMDKFD_IOC_ACQUIRE_VM, &args);
    if (r) {
        close(drm);
        return r;
    }
    return drm;
}

int kfd_alloc_userptr(int fd, uint32_t gpu_id, uint64_t va, void *memory, uint64_t size,
                      uint64_t *handle)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args args = {
        .va_addr = va,
        .size = size,
        .mmap_offset = (uintptr_t)memory,
        .gpu_id = gpu_id,
        .flags = KFD_USERPTR_FLAGS,
    };
    int r = kfd_call(fd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &args);

    if (!r)
        *handle = args.handle;
    return r;
}

int kfd_alloc_batch(int fd, uint32_t gpu_id, uint64_t va,
                    const struct kfd_ioctl_userptr_range *ranges, uint32_t count, uint64_t *handle)
{
    struct kfd_ioctl_alloc_memory_of_gpu_batch_args args = {
        .va_addr = va,
        .ranges_ptr = (uintptr_t)ranges,
        .num_ranges = count,
        .gpu_id = gpu_id,
        .flags = KFD_USERPTR_FLAGS,
    };
    int r;

    for (uint32_t i = 0; i < count; i++)
        args.total_size += ranges[i].size;
    r = kfd_call(fd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH, &args);
    if (!r)
        *handle = args.handle;
    return r;
}

int kfd_alloc_by_flag(int fd, uint32_t gpu_id, uint64_t va, uint64_t table, uint64_t bytes,
                      uint64_t *handle)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args args = {
        .va_addr = va,
        .size = bytes,
        .mmap_offset = table,
        .gpu_id = gpu_id,
        .flags = KFD_USERPTR_FLAGS | KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH,
    };
    int r = kfd_call(fd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &args);

    if (!r)
        *handle = args.handle;
    return r;
}

int kfd_map(int fd, uint64_t handle, const uint32_t *gpu_ids, uint32_t count)
{
    struct kfd_ioctl_map_memory_to_gpu_args args = {
        .handle = handle,
        .device_ids_array_ptr = (uintptr_t)gpu_ids,
        .n_devices = count,
    };

    return kfd_call(fd, AMDKFD_IOC_MAP_MEMORY_TO_GPU, &args);
}

int kfd_unmap(int fd, uint64_t handle, const uint32_t *gpu_ids, uint32_t count)
{
    struct kfd_ioctl_unmap_memory_from_gpu_args args = {
        .handle = handle,
        .device_ids_array_ptr = (uintptr_t)gpu_ids,
        .n_devices = count,
    };

    return kfd_call(fd, AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU, &args);
}

int kfd_free(int fd, uint64_t handle)
{
    struct kfd_ioctl_free_memory_of_gpu_args args = {.handle = handle};

    return kfd_call(fd, AMDKFD_IOC_FREE_MEMORY_OF_GPU, &args);
}

const char *kfd_errno_name(int error)
{
    const char *name = strerrorname_np(error < 0 ? -error : error);

    return error == 0 ? "ok" : name ? name : "?";
}
