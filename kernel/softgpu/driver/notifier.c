/* SPDX-License-Identifier: MIT */
/*
 * The program's address space: mmap of our descriptors, and the emulated MMU notifier for memory
 * that is registered as userptr. Linux evicts the process's queues, drops the page-table entries
 * and restores what is still there (amdgpu_amdkfd_gpuvm.c, amdgpu_amdkfd_evict_userptr and the
 * restore worker); here the devices pause while the real call runs.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "memory.h"
#include "process.h"
#include "raw.h"
#include "render.h"
#include "stats.h"

struct sgd_device_map { /* VRAM, doorbells and so on, as the program has them mapped */
    struct sgd_inode node;
};

/* What any call has to be inside of to interest us: grows only. Lets the rest pass without a lock.
 */
static _Atomic uint64_t watch_low = UINT64_MAX, watch_high;

/*
 * More than 0 while this thread holds one of the driver's locks: what it unmaps itself, by free()
 * for example, and what signal handlers unmap that interrupt it, passes. The TLS model that needs
 * no allocation: libc's munmap comes here with its locks held.
 */
static _Thread_local int busy __attribute__((tls_model("initial-exec")));

void sgd_lock(struct sgd_process *p)
{
    busy++; /* first: a signal can come in between */
    pthread_mutex_lock(&p->lock);
}

void sgd_unlock(struct sgd_process *p)
{
    pthread_mutex_unlock(&p->lock);
    busy--;
}

/*
 * Over the trees cpu_ranges and cpu_devices, whose writers hold the process lock as well.
 * Innermost: nothing is called or allocated under it, so that any thread may ask at any time
 * whether a range interests us, whatever locks of libc or the program it holds.
 */
static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;

static void watch(uint64_t start, uint64_t end)
{
    uint64_t low = atomic_load(&watch_low), high = atomic_load(&watch_high);
    while (start < low && !atomic_compare_exchange_weak(&watch_low, &low, start))
        ;
    while (end > high && !atomic_compare_exchange_weak(&watch_high, &high, end))
        ;
}

static void watch_enter(void)
{
    busy++;
    pthread_mutex_lock(&watch_lock);
}

static void watch_leave(void)
{
    pthread_mutex_unlock(&watch_lock);
    busy--;
}

void sgd_watch_insert(struct sgd_itree *tree, struct sgd_inode *node)
{
    watch(node->start, node->end);
    watch_enter();
    sgd_itree_insert(tree, node);
    watch_leave();
}

void sgd_watch_remove(struct sgd_itree *tree, struct sgd_inode *node)
{
    watch_enter();
    sgd_itree_remove(tree, node);
    watch_leave();
}

void sgd_watch_before_fork(void)
{
    pthread_mutex_lock(&watch_lock);
}

void sgd_watch_after_fork(void)
{
    pthread_mutex_unlock(&watch_lock);
}

/* ---- registered memory
 * ------------------------------------------------------------------------------ */

struct invalidation {
    struct sgd_process *p;
    uint64_t start, end; /* of CPU memory */
};

/* The part of a range that an invalidation touches, as offsets in the range. */
static void touched(const struct sgd_range *range, const struct invalidation *inv, uint64_t *low,
                    uint64_t *high)
{
    *low = inv->start > range->cpu.start ? inv->start - range->cpu.start : 0;
    *high = (inv->end < range->cpu.end ? inv->end : range->cpu.end) - range->cpu.start;
}

static void drop_range(struct sgd_inode *node, void *context)
{
    const struct invalidation *inv = context;
    struct sgd_range *range = (struct sgd_range *)(void *)node; /* first member */
    const struct sgd_buffer *buffer = node->owner;
    uint64_t low, high;
    touched(range, inv, &low, &high);
    range->invalid = true;
    for (uint32_t i = 0; i < inv->p->gpu_count; i++)
        if (buffer->mapped_gpus & 1u << i)
            sg_vm_unmap(inv->p->gpus[i].vm, buffer->va + range->va_offset + low, high - low);
}

void sgd_map_present(struct sgd_gpu *gpu, const struct sgd_buffer *buffer, uint64_t va,
                     uint64_t start, uint64_t end)
{
    if (!sgd_populate(start, end - start)) {
        if (!sgd_itree_first(&gpu->process->cpu_devices, start, end))
            sg_vm_map(gpu->vm, va, (void *)(uintptr_t)start, end - start, sgd_pte_flags(buffer));
        return;
    }
    if (end - start <= SG_PAGE_BYTES)
        return;
    uint64_t middle = (start + (end - start) / 2) & ~(uint64_t)(SG_PAGE_BYTES - 1);
    sgd_map_present(gpu, buffer, va, start, middle);
    sgd_map_present(gpu, buffer, va + (middle - start), middle, end);
}

static void restore_range(struct sgd_inode *node, void *context)
{
    const struct invalidation *inv = context;
    struct sgd_range *range = (struct sgd_range *)(void *)node;
    const struct sgd_buffer *buffer = node->owner;
    uint64_t low, high;
    touched(range, inv, &low, &high);
    for (uint32_t i = 0; i < inv->p->gpu_count; i++)
        if (buffer->mapped_gpus & 1u << i)
            sgd_map_present(&inv->p->gpus[i], buffer, buffer->va + range->va_offset + low,
                            range->cpu.start + low, range->cpu.start + high);
}

/* ---- device mappings
 * -------------------------------------------------------------------------------- */

static int device_map_add(struct sgd_process *p, uint64_t start, uint64_t end)
{
    struct sgd_device_map *map = calloc(1, sizeof(*map));
    if (!map)
        return -ENOMEM;
    map->node.start = start;
    map->node.end = end;
    sgd_watch_insert(&p->cpu_devices, &map->node);
    return 0;
}

static void device_map_cut(struct sgd_process *p, uint64_t start, uint64_t end)
{
    struct sgd_inode *node;
    while ((node = sgd_itree_first(&p->cpu_devices, start, end))) {
        uint64_t low = node->start, high = node->end;
        sgd_watch_remove(&p->cpu_devices, node);
        free(node);
        if (low < start)
            device_map_add(p, low, start);
        if (high > end)
            device_map_add(p, end, high);
    }
}

/* ---- what the host layer calls
 * ---------------------------------------------------------------------- */

static bool interests(uint64_t start, uint64_t end)
{
    if (start >= atomic_load_explicit(&watch_high, memory_order_relaxed) ||
        end <= atomic_load_explicit(&watch_low, memory_order_relaxed) || end <= start || busy)
        return false;
    const struct sgd_process *p = sgd_process();
    if (!p)
        return false;
    watch_enter();
    bool yes =
        sgd_itree_first(&p->cpu_ranges, start, end) || sgd_itree_first(&p->cpu_devices, start, end);
    watch_leave();
    return yes;
}

bool sgd_mm_interests(const void *addr, size_t len)
{
    return interests((uint64_t)(uintptr_t)addr & ~(uint64_t)(SG_PAGE_BYTES - 1),
                     sgd_page_up((uint64_t)(uintptr_t)addr + len));
}

bool sgd_mm_begin(void *addr, size_t len, bool gone)
{
    uint64_t start = (uint64_t)(uintptr_t)addr & ~(uint64_t)(SG_PAGE_BYTES - 1);
    uint64_t end = sgd_page_up((uint64_t)(uintptr_t)addr + len);
    if (!interests(start, end))
        return false;
    struct sgd_process *p = sgd_process();
    sgd_lock(p);
    bool registered = sgd_itree_first(&p->cpu_ranges, start, end) != NULL;
    if (registered) {
        struct invalidation inv = {p, start, end};
        atomic_fetch_add_explicit(&sgd_counters.invalidations, 1, memory_order_relaxed);
        sgd_smi_eviction(p, false);
        sg_log(SG_LOG_MEMORY, "registered memory changes in 0x%llx..0x%llx",
               (unsigned long long)start, (unsigned long long)end);
        for (uint32_t i = 0; i < p->gpu_count; i++)
            sg_device_pause(p->gpus[i].device);
        sgd_itree_each(&p->cpu_ranges, start, end, drop_range, &inv);
    }
    if (gone)
        device_map_cut(p, start, end);
    if (!registered) {
        sgd_unlock(p);
    }
    return registered;
}

void sgd_mm_end(void *addr, size_t len, bool restore)
{
    struct sgd_process *p = sgd_process();
    uint64_t start = (uint64_t)(uintptr_t)addr & ~(uint64_t)(SG_PAGE_BYTES - 1);
    struct invalidation inv = {p, start, sgd_page_up((uint64_t)(uintptr_t)addr + len)};
    if (restore)
        sgd_itree_each(&p->cpu_ranges, inv.start, inv.end, restore_range, &inv);
    for (uint32_t i = 0; i < p->gpu_count; i++)
        sg_device_resume(p->gpus[i].device);
    sgd_smi_eviction(p, true);
    sgd_unlock(p);
}

/* What a render node's or kfd's offset stands for: offset in an arena's file. kfd_chardev.c,
 * kfd_mmap. */
static int resolve_kfd(struct sgd_process *p, uint64_t offset, size_t len, int *fd,
                       uint64_t *file_offset)
{
    uint32_t gpu_id = (uint32_t)(offset >> SGD_MMAP_GPU_ID_SHIFT) & 0xffff;
    struct sgd_gpu *gpu = sgd_gpu_by_id(p, gpu_id);
    *fd = p->gtt.fd;
    switch (offset & 3ull << SGD_MMAP_TYPE_SHIFT) {
    case SGD_MMAP_TYPE_DOORBELL:
        if (!gpu)
            return -ENODEV;
        *file_offset = gpu->doorbell_offset;
        return len == SGD_DOORBELL_BYTES ? 0 : -EINVAL;
    case SGD_MMAP_TYPE_EVENTS:
        *file_offset = p->signal_page_offset;
        return p->signal_page && !p->signal_handle && len <= SGD_SIGNAL_EVENTS * 8 ? 0 : -EINVAL;
    case SGD_MMAP_TYPE_MMIO:
        if (!gpu)
            return -ENODEV;
        *file_offset = gpu->mmio_offset;
        return len == SG_PAGE_BYTES ? 0 : -EINVAL;
    default: /* reserved memory: for the trap handler of APUs */
        return gpu ? -EINVAL : -ENODEV;
    }
}

/* drm_vma_manager: the offset must be the start of a buffer, or lie in it. */
static int resolve_render(struct sgd_process *p, uint64_t offset, size_t len, int *fd,
                          uint64_t *file_offset)
{
    struct sgd_inode *node = sgd_itree_first(&p->file_offsets, offset, offset + 1);
    if (!node || offset + sgd_page_up(len) > node->end)
        return -EINVAL;
    if (sgd_mmap_offset_is_shared(p, offset)) {
        const struct sgd_buffer *buffer = node->owner;
        *fd = buffer->shared_fd;
        *file_offset = buffer->arena_offset + (offset - node->start);
    } else {
        const struct sgd_bo *bo = node->owner;
        *fd = sgd_bo_arena(p, bo)->fd;
        *file_offset = bo->offset + (offset - node->start);
    }
    return 0;
}

static int resolve_dmabuf(struct sgd_process *p, const struct sgd_file *file, uint64_t offset,
                          size_t len, int *fd, uint64_t *file_offset)
{
    const struct sgd_bo *bo = sgd_dmabuf_by_file(p, file);
    if (!bo || offset > bo->bytes || sgd_page_up(len) > bo->bytes - offset)
        return -EINVAL;
    *fd = sgd_bo_arena(p, bo)->fd;
    *file_offset = bo->offset + offset;
    return 0;
}

void *sgd_mmap(const struct sgd_file *file, void *addr, size_t len, int prot, int flags,
               off_t offset, int *err)
{
    struct sgd_process *p = sgd_process();
    void *result = MAP_FAILED;
    if (!p || file->process != p->generation || len == 0) {
        *err = EINVAL;
        return result;
    }
    if ((flags & MAP_FIXED) && sgd_mm_begin(addr, len, true))
        sgd_mm_end(addr, len, false);

    sgd_lock(p);
    int fd;
    uint64_t file_offset;
    int ret = file->kind == SGD_FILE_KFD ? resolve_kfd(p, (uint64_t)offset, len, &fd, &file_offset)
              : file->kind == SGD_FILE_DMABUF
                  ? resolve_dmabuf(p, file, (uint64_t)offset, len, &fd, &file_offset)
                  : resolve_render(p, (uint64_t)offset, len, &fd, &file_offset);
    if (!ret) {
        result = sgd_raw_mmap(addr, len, prot, flags, fd, (off_t)file_offset);
        if (result == MAP_FAILED)
            ret = -errno;
        else
            ret = device_map_add(p, (uintptr_t)result, (uintptr_t)result + sgd_page_up(len));
    }
    sgd_unlock(p);
    *err = -ret;
    if (ret && result != MAP_FAILED) {
        sgd_raw_munmap(result, len);
        result = MAP_FAILED;
    }
    return result;
}
