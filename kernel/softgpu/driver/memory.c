/* SPDX-License-Identifier: MIT */
/*
 * Buffers: ALLOC, FREE, MAP, UNMAP, the batch ioctl in both encodings, memory limits. The checks
 * and their order follow Linux 6.1, kfd_chardev.c and amdgpu_amdkfd_gpuvm.c. What the program does
 * to registered memory afterwards is notifier.c's business.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hip_scatter/kfd_batch.h>

#include "bo.h"
#include "memory.h"
#include "raw.h"

/* KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE, which the system's header writes as a shift that overflows an
 * int. */
#define FLAG_WRITABLE (1u << 31)

/* ---- handles
 * ---------------------------------------------------------------------------------------- */

static int handle_alloc(struct sgd_gpu *gpu, struct sgd_buffer *buffer)
{
    uint32_t number = gpu->handle_hint ? gpu->handle_hint : 1;
    while (number < gpu->handle_capacity && gpu->handles[number])
        number++;
    if (number >= gpu->handle_capacity) {
        uint32_t capacity = gpu->handle_capacity ? 2 * gpu->handle_capacity : 256;
        struct sgd_buffer **grown = realloc(gpu->handles, capacity * sizeof(void *));
        if (!grown)
            return -ENOMEM;
        memset(grown + gpu->handle_capacity, 0, (capacity - gpu->handle_capacity) * sizeof(void *));
        gpu->handles = grown;
        gpu->handle_capacity = capacity;
        if (number == 0)
            number = 1;
    }
    gpu->handles[number] = buffer;
    gpu->handle_hint = number + 1;
    buffer->handle = SGD_HANDLE(gpu->gpu_id, number);
    return 0;
}

struct sgd_buffer *sgd_buffer_by_handle(struct sgd_process *p, uint64_t handle)
{
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, (uint32_t)(handle >> 32));
    uint32_t number = (uint32_t)handle;
    return gpu && number < gpu->handle_capacity ? gpu->handles[number] : NULL;
}

static void handle_free(struct sgd_gpu *gpu, uint64_t handle)
{
    uint32_t number = (uint32_t)handle;
    gpu->handles[number] = NULL;
    if (number < gpu->handle_hint)
        gpu->handle_hint = number;
}

/* ---- backing memory
 * --------------------------------------------------------------------------------- */

void *sgd_buffer_host(struct sgd_process *p, const struct sgd_buffer *buffer)
{
    switch (buffer->backing) {
    case SGD_VRAM:
    case SGD_GTT:
        return sgd_bo_host(p, buffer->bo);
    case SGD_DOORBELL:
    case SGD_MMIO:
        return p->gtt.base + buffer->arena_offset;
    case SGD_SHARED:
        return buffer->shared_host;
    case SGD_USERPTR:
        break;
    }
    return NULL;
}

uint64_t sgd_buffer_mmap_offset(const struct sgd_buffer *buffer)
{
    return buffer->bo ? buffer->bo->file_node.start : buffer->file_node.start;
}

static int check_range(struct sgd_process *p, uint64_t start, uint64_t bytes)
{
    /* Mappings of VRAM, doorbells and the like are VM_PFNMAP: hmm_range_fault refuses them. */
    if (sgd_itree_first(&p->cpu_devices, start, start + bytes))
        return -EFAULT;
    return sgd_populate(start, bytes);
}

/* Neighbours in the list that are neighbours in memory are populated in one call. */
static int userptr_pages(struct sgd_process *p, const struct kfd_ioctl_userptr_range *ranges,
                         uint32_t count)
{
    int err = 0;
    for (uint32_t i = 0; i < count && !err;) {
        uint64_t start = ranges[i].start, bytes = ranges[i].size;
        for (i++; i < count && ranges[i].start == start + bytes; i++)
            bytes += ranges[i].size;
        err = check_range(p, start, bytes);
    }
    return err;
}

static int userptr_attach(struct sgd_process *p, struct sgd_buffer *buffer,
                          const struct kfd_ioctl_userptr_range *ranges, uint32_t count)
{
    if (buffer->bytes > 1ull << 47 || p->system_used + buffer->bytes > p->system_limit)
        return -ENOMEM;
    buffer->ranges = calloc(count, sizeof(*buffer->ranges));
    if (!buffer->ranges)
        return -ENOMEM;
    uint64_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct sgd_range *range = &buffer->ranges[i];
        range->va_offset = offset;
        range->cpu.start = ranges[i].start;
        range->cpu.end = ranges[i].start + ranges[i].size;
        range->cpu.owner = buffer;
        sgd_watch_insert(&p->cpu_ranges, &range->cpu);
        offset += ranges[i].size;
    }
    /* Only now, as Linux does: what is unmapped from here on waits for the lock, and is noticed. */
    int err = userptr_pages(p, ranges, count);
    if (err) {
        for (uint32_t i = 0; i < count; i++)
            sgd_watch_remove(&p->cpu_ranges, &buffer->ranges[i].cpu);
        free(buffer->ranges);
        buffer->ranges = NULL;
        return err;
    }
    buffer->range_count = count;
    p->system_used += buffer->bytes;
    p->userptr_buffers++;
    p->userptr_ranges += count;
    p->userptr_bytes += buffer->bytes;
    return 0;
}

static int backing_attach(struct sgd_process *p, struct sgd_gpu *gpu, struct sgd_buffer *buffer,
                          const struct kfd_ioctl_userptr_range *ranges, uint32_t range_count)
{
    int err = 0;
    switch (buffer->backing) {
    case SGD_USERPTR:
        return userptr_attach(p, buffer, ranges, range_count);
    case SGD_DOORBELL:
        buffer->arena_offset = gpu->doorbell_offset;
        return 0;
    case SGD_MMIO:
        buffer->arena_offset = gpu->mmio_offset;
        return 0;
    case SGD_SHARED:
        buffer->file_node.start = sgd_shared_mmap_offset(p, buffer->bytes);
        buffer->file_node.end = buffer->file_node.start + buffer->bytes;
        buffer->file_node.owner = buffer;
        sgd_itree_insert(&p->file_offsets, &buffer->file_node);
        return 0;
    case SGD_VRAM:
    case SGD_GTT:
        if (buffer->bo) /* a dma-buf's */
            sgd_bo_get(buffer->bo);
        else
            err = sgd_bo_create(p, gpu->index, buffer->backing == SGD_VRAM, true, buffer->bytes, 0,
                                &buffer->bo);
        return err;
    }
    return -EINVAL;
}

static void backing_detach(struct sgd_process *p, struct sgd_buffer *buffer)
{
    switch (buffer->backing) {
    case SGD_USERPTR:
        for (uint32_t i = 0; i < buffer->range_count; i++)
            sgd_watch_remove(&p->cpu_ranges, &buffer->ranges[i].cpu);
        p->userptr_buffers--;
        p->userptr_ranges -= buffer->range_count;
        p->userptr_bytes -= buffer->bytes;
        p->system_used -= buffer->bytes;
        free(buffer->ranges);
        break;
    case SGD_SHARED:
        sgd_itree_remove(&p->file_offsets, &buffer->file_node);
        sgd_ipc_detach(buffer);
        break;
    case SGD_VRAM:
    case SGD_GTT:
        sgd_ipc_unexport(p, buffer);
        sgd_bo_put(p, buffer->bo);
        break;
    case SGD_DOORBELL:
    case SGD_MMIO:
        break;
    }
}

/* A buffer as *as describes it, with its backing and a handle. */
static int buffer_create(struct sgd_process *p, const struct sgd_buffer *as,
                         const struct kfd_ioctl_userptr_range *ranges, uint32_t range_count,
                         struct sgd_buffer **out)
{
    struct sgd_gpu *gpu = &p->gpus[as->gpu];
    struct sgd_buffer *buffer =
        calloc(1, sizeof(*buffer) + p->gpu_count * sizeof(buffer->va_nodes[0]));
    if (!buffer)
        return -ENOMEM;
    *buffer = *as;
    int err = backing_attach(p, gpu, buffer, ranges, range_count);
    if (err)
        goto fail;
    err = handle_alloc(gpu, buffer);
    if (err)
        goto fail_attached;
    p->buffer_count++;
    *out = buffer;
    return 0;
fail_attached:
    backing_detach(p, buffer);
fail:
    free(buffer);
    return err;
}

/* Caller holds the lock and has checked the arguments that the ioctl handlers check. */
int sgd_alloc_buffer(struct sgd_process *p, struct sgd_gpu *gpu, uint64_t va, uint64_t size,
                     uint32_t flags, const struct kfd_ioctl_userptr_range *ranges,
                     uint32_t range_count, struct sgd_buffer **out)
{
    enum sgd_backing backing;
    if (flags & KFD_IOC_ALLOC_MEM_FLAGS_VRAM)
        backing = SGD_VRAM;
    else if (flags & KFD_IOC_ALLOC_MEM_FLAGS_GTT)
        backing = SGD_GTT;
    else if (flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR)
        backing = SGD_USERPTR;
    else if (flags & KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL)
        backing = SGD_DOORBELL;
    else if (flags & KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP)
        backing = SGD_MMIO;
    else
        return -EINVAL;

    /* The hardware wants an AQL ring mapped twice in a row: half of the size is memory. */
    uint64_t bytes = sgd_page_up(flags & KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM ? size >> 1 : size);
    const struct sgd_buffer buffer = {
        .gpu = gpu->index, .flags = flags, .backing = backing, .va = va, .bytes = bytes};
    return bytes ? buffer_create(p, &buffer, ranges, range_count, out) : -EINVAL;
}

int sgd_import_buffer(struct sgd_process *p, struct sgd_gpu *gpu, uint64_t va, uint64_t bytes,
                      uint32_t flags, int fd, uint64_t file_offset, void *host,
                      struct sgd_buffer **out)
{
    const struct sgd_buffer buffer = {.gpu = gpu->index,
                                      .flags = flags,
                                      .backing = SGD_SHARED,
                                      .va = va,
                                      .bytes = bytes,
                                      .arena_offset = file_offset,
                                      .shared_fd = fd,
                                      .shared_host = host};
    return buffer_create(p, &buffer, NULL, 0, out);
}

int sgd_import_bo(struct sgd_process *p, struct sgd_gpu *gpu, uint64_t va, struct sgd_bo *bo,
                  struct sgd_buffer **out)
{
    const struct sgd_buffer buffer = {
        .gpu = gpu->index,
        .flags = (bo->vram ? KFD_IOC_ALLOC_MEM_FLAGS_VRAM : KFD_IOC_ALLOC_MEM_FLAGS_GTT) |
                 FLAG_WRITABLE | KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE,
        .backing = bo->vram ? SGD_VRAM : SGD_GTT,
        .va = va,
        .bytes = bo->bytes,
        .bo = bo};
    return buffer_create(p, &buffer, NULL, 0, out);
}

void sgd_close_imports(struct sgd_process *p)
{
    for (uint32_t i = 0; i < p->gpu_count; i++)
        for (uint32_t number = 0; number < p->gpus[i].handle_capacity; number++) {
            const struct sgd_buffer *buffer = p->gpus[i].handles[number];
            if (buffer && buffer->backing == SGD_SHARED) {
                sgd_protect_fd(buffer->shared_fd, false);
                syscall(SYS_close, buffer->shared_fd);
            }
        }
}

/* ---- mapping
 * ---------------------------------------------------------------------------------------- */

static uint64_t va_bytes(const struct sgd_buffer *buffer)
{
    return buffer->flags & KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM ? 2 * buffer->bytes
                                                                 : buffer->bytes;
}

uint32_t sgd_pte_flags(const struct sgd_buffer *buffer)
{
    uint32_t flags = SG_PTE_READ; /* amdgpu_amdkfd_gpuvm.c, get_pte_flags: always readable */
    if (buffer->flags & FLAG_WRITABLE)
        flags |= SG_PTE_WRITE;
    if (buffer->flags & KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE)
        flags |= SG_PTE_EXEC;
    if (!(buffer->flags & KFD_IOC_ALLOC_MEM_FLAGS_VRAM)) {
        flags |= SG_PTE_SYSTEM;
        if (buffer->flags & (KFD_IOC_ALLOC_MEM_FLAGS_COHERENT | KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED))
            flags |= SG_PTE_UNCACHED;
    }
    if (buffer->backing == SGD_USERPTR)
        flags |= SG_PTE_WINDOW;
    return flags;
}

static int map_userptr(struct sgd_gpu *gpu, struct sgd_buffer *buffer, uint64_t va)
{
    int err = 0;
    for (uint32_t i = 0; i < buffer->range_count && !err;) {
        uint64_t start = buffer->ranges[i].cpu.start, end = buffer->ranges[i].cpu.end;
        uint64_t offset = buffer->ranges[i].va_offset;
        bool invalid = buffer->ranges[i].invalid;
        for (i++; i < buffer->range_count && buffer->ranges[i].cpu.start == end && !invalid &&
                  !buffer->ranges[i].invalid;
             i++)
            end = buffer->ranges[i].cpu.end;
        if (!invalid)
            err = sg_vm_map(gpu->vm, va + offset, (void *)(uintptr_t)start, end - start,
                            sgd_pte_flags(buffer));
        else /* pages went away since ALLOC: what is there now is mapped, the rest faults */
            sgd_map_present(gpu, buffer, va + offset, start, end);
    }
    return err;
}

static int map_once(struct sgd_process *p, struct sgd_gpu *gpu, struct sgd_buffer *buffer,
                    uint64_t va)
{
    if (buffer->backing == SGD_USERPTR)
        return map_userptr(gpu, buffer, va);
    return sg_vm_map(gpu->vm, va, sgd_buffer_host(p, buffer), buffer->bytes, sgd_pte_flags(buffer));
}

static void trace(const struct sgd_gpu *gpu, const struct sgd_buffer *buffer, const char *what)
{
    static const char *const names[] = {
        [SGD_VRAM] = "VRAM",          [SGD_GTT] = "GTT",   [SGD_USERPTR] = "userptr",
        [SGD_DOORBELL] = "doorbells", [SGD_MMIO] = "MMIO", [SGD_SHARED] = "shared"};
    sg_log(SG_LOG_MEMORY, "GPU %u: %s 0x%llx + 0x%llx, %s, handle 0x%llx, %u ranges", gpu->index,
           what, (unsigned long long)buffer->va, (unsigned long long)va_bytes(buffer),
           names[buffer->backing], (unsigned long long)buffer->handle, buffer->range_count);
}

/* amdgpu_vm_bo_map: page alignment, 48 bits, no overlap with another mapping; all EINVAL. */
static int map_on_gpu(struct sgd_process *p, struct sgd_gpu *gpu, struct sgd_buffer *buffer)
{
    if (buffer->mapped_gpus & 1u << gpu->index)
        return 0;
    uint64_t start = buffer->va, end = start + va_bytes(buffer);
    if (start % SG_PAGE_BYTES || end <= start || end > 1ull << SG_VA_BITS ||
        sgd_itree_first(&gpu->va_buffers, start, end))
        return -EINVAL;
    int err = 0;
    for (uint64_t va = start; va < end && !err; va += buffer->bytes)
        err = map_once(p, gpu, buffer, va);
    if (err) {
        sg_vm_unmap(gpu->vm, start, end - start);
        return err == -EEXIST ? -EINVAL : err;
    }
    struct sgd_inode *node = &buffer->va_nodes[gpu->index];
    node->start = start;
    node->end = end;
    node->owner = buffer;
    sgd_itree_insert(&gpu->va_buffers, node);
    buffer->mapped_gpus |= 1u << gpu->index;
    trace(gpu, buffer, "map");
    return 0;
}

static int unmap_on_gpu(struct sgd_gpu *gpu, struct sgd_buffer *buffer)
{
    if (!(buffer->mapped_gpus & 1u << gpu->index))
        return -EINVAL;
    trace(gpu, buffer, "unmap");
    sg_vm_unmap(gpu->vm, buffer->va, va_bytes(buffer));
    sgd_itree_remove(&gpu->va_buffers, &buffer->va_nodes[gpu->index]);
    buffer->mapped_gpus &= ~(1u << gpu->index);
    return 0;
}

/* MAP and UNMAP have the same argument and differ in what they do per GPU. */
static int for_each_device(struct sgd_process *p, struct kfd_ioctl_map_memory_to_gpu_args *args,
                           bool map)
{
    if (!args->n_devices || args->n_success > args->n_devices)
        return -EINVAL;
    uint32_t *ids = calloc(args->n_devices, sizeof(*ids));
    if (!ids)
        return -ENOMEM;
    int err = sgd_copy_in(ids, (void *)(uintptr_t)args->device_ids_array_ptr,
                          args->n_devices * sizeof(*ids));
    if (err) {
        free(ids);
        return err;
    }
    sgd_lock(p);
    struct sgd_gpu *home = sgd_gpu_by_id(p, (uint32_t)(args->handle >> 32));
    struct sgd_buffer *buffer = NULL;
    if (!home)
        err = -EINVAL;
    else if (map && !home->vm)
        err = -ENODEV;
    else if (!(buffer = sgd_buffer_by_handle(p, args->handle)))
        err = -ENOMEM; /* as Linux says */
    for (uint32_t i = args->n_success; i < args->n_devices && !err; i++) {
        struct sgd_gpu *gpu = sgd_gpu_by_id(p, ids[i]);
        if (!gpu)
            err = -EINVAL;
        else if (!gpu->vm)
            err = map ? -ENODEV : -EINVAL;
        else
            err = map ? map_on_gpu(p, gpu, buffer) : unmap_on_gpu(gpu, buffer);
        if (!err)
            args->n_success = i + 1;
    }
    sgd_unlock(p);
    free(ids);
    return err;
}

/* ---- handlers
 * --------------------------------------------------------------------------------------- */

int sgd_ioc_map_memory(struct sgd_process *p, void *data)
{
    return for_each_device(p, data, true);
}

int sgd_ioc_unmap_memory(struct sgd_process *p, void *data)
{
    _Static_assert(sizeof(struct kfd_ioctl_map_memory_to_gpu_args) ==
                       sizeof(struct kfd_ioctl_unmap_memory_from_gpu_args),
                   "one layout");
    return for_each_device(p, data, false);
}

/* The later encoding: the list stands at mmap_offset. Returns the ranges in *out, owned by the
 * caller. */
static int flagged_ranges(const struct kfd_ioctl_alloc_memory_of_gpu_args *args,
                          struct kfd_ioctl_userptr_range **out, uint32_t *count)
{
    struct kfd_ioctl_userptr_batch head;
    if (!(args->flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR) || !args->mmap_offset)
        return -EINVAL;
    int err = sgd_copy_in(&head, (void *)(uintptr_t)args->mmap_offset, sizeof(head));
    if (err)
        return err;
    if (!head.num_ranges || head.reserved)
        return -EINVAL;
    return sgd_copy_ranges(args->mmap_offset + sizeof(head), head.num_ranges, args->size, out,
                           count);
}

/* The bound of this project's driver (kernel/amdkfd); the posted one has none. */
#define MAX_BATCH_RANGES (1u << 20)

/* Copies and checks a range array: what the posted handler checks, in its order. */
int sgd_copy_ranges(uint64_t user, uint32_t count, uint64_t total,
                    struct kfd_ioctl_userptr_range **out, uint32_t *out_count)
{
    if (count > MAX_BATCH_RANGES)
        return -E2BIG;
    struct kfd_ioctl_userptr_range *ranges = malloc(count * sizeof(*ranges));
    if (!ranges)
        return -ENOMEM;
    int err = sgd_copy_in(ranges, (void *)(uintptr_t)user, count * sizeof(*ranges));
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count && !err; i++) {
        if (!ranges[i].start || !ranges[i].size || ranges[i].start % SG_PAGE_BYTES ||
            ranges[i].size % SG_PAGE_BYTES)
            err = -EINVAL;
        else if (ranges[i].start + ranges[i].size < ranges[i].start)
            err = -EFAULT;
        sum += ranges[i].size;
    }
    if (!err && sum != total)
        err = -EINVAL;
    if (err) {
        free(ranges);
        return err;
    }
    *out = ranges;
    *out_count = count;
    return 0;
}

int sgd_ioc_alloc_memory(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args *args = data;
    if (args->size == 0)
        return -EINVAL;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    if (!gpu)
        return -EINVAL;
    if (!gpu->vm)
        return -ENODEV;
    uint32_t flags = args->flags;
    if (flags & KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL) {
        if (args->size != SGD_DOORBELL_BYTES)
            return -EINVAL;
    } else if (flags & KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP) {
        if (args->size != SG_PAGE_BYTES)
            return -EINVAL;
    }
    struct kfd_ioctl_userptr_range single, *ranges = &single;
    uint32_t range_count = 1;
    bool userptr = (flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR) &&
                   !(flags & (KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_GTT));
    if ((flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH) &&
        sgd_config()->kernel == SGD_KERNEL_BATCH_FLAG) {
        int err = flagged_ranges(args, &ranges, &range_count);
        if (err)
            return err;
    } else if (userptr) {
        if (!args->mmap_offset)
            return -EINVAL;
        /* The kernel works with whole pages (page frame numbers) from here on. */
        single.start = args->mmap_offset & ~(uint64_t)(SG_PAGE_BYTES - 1);
        single.size = sgd_page_up(args->size);
    }
    struct sgd_buffer *buffer;
    sgd_lock(p);
    int err =
        sgd_alloc_buffer(p, gpu, args->va_addr, args->size, flags, ranges, range_count, &buffer);
    if (!err) {
        args->handle = buffer->handle;
        if (flags & KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP)
            args->mmap_offset = SGD_MMAP_TYPE_MMIO | (uint64_t)gpu->gpu_id << SGD_MMAP_GPU_ID_SHIFT;
        else
            args->mmap_offset = sgd_buffer_mmap_offset(buffer);
    }
    sgd_unlock(p);
    if (ranges != &single)
        free(ranges);
    return err;
}

/* Posted v2 of the series; facts/kfd-abi.md tells what it checks and what not. */
int sgd_ioc_alloc_batch(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_alloc_memory_of_gpu_batch_args *args = data;
    if (!args->total_size || !args->num_ranges)
        return -EINVAL;
    if (!(args->flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR))
        return -EOPNOTSUPP;
    struct kfd_ioctl_userptr_range *ranges;
    uint32_t count;
    int err =
        sgd_copy_ranges(args->ranges_ptr, args->num_ranges, args->total_size, &ranges, &count);
    if (err)
        return err;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    struct sgd_buffer *buffer;
    sgd_lock(p);
    if (!gpu)
        err = -EINVAL;
    else if (!gpu->vm)
        err = -ENODEV;
    else
        err = sgd_alloc_buffer(p, gpu, args->va_addr, args->total_size,
                               args->flags &
                                   ~(KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_GTT),
                               ranges, count, &buffer);
    if (!err)
        args->handle = buffer->handle;
    sgd_unlock(p);
    free(ranges);
    return err;
}

int sgd_ioc_free_memory(struct sgd_process *p, void *data)
{
    const struct kfd_ioctl_free_memory_of_gpu_args *args = data;
    int err = 0;
    sgd_lock(p);
    struct sgd_buffer *buffer = sgd_buffer_by_handle(p, args->handle);
    if (p->signal_handle && p->signal_handle == args->handle) {
        err = -EPERM; /* the event page stays until the process ends */
    } else if (!buffer) {
        err = -EINVAL;
    } else if (buffer->mapped_gpus) {
        err = -EBUSY;
    } else {
        handle_free(&p->gpus[buffer->gpu], buffer->handle);
        p->buffer_count--;
        backing_detach(p, buffer);
        free(buffer);
    }
    sgd_unlock(p);
    return err;
}

int sgd_ioc_available_memory(struct sgd_process *p, void *data)
{
    struct kfd_ioctl_get_available_memory_args *args = data;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, args->gpu_id);
    if (!gpu)
        return -EINVAL;
    sgd_lock(p);
    uint64_t limit = sgd_vram_limit(p);
    args->available =
        (limit < gpu->vram_used ? 0 : limit - gpu->vram_used) & ~(uint64_t)((2u << 20) - 1);
    sgd_unlock(p);
    return 0;
}
