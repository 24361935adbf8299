// SPDX-License-Identifier: MIT
/*
 * Cases for a machine with two GPUs: one buffer in both page tables. With an IOMMU the second GPU
 * gets a mapping of its own of the same pages (KFD_MEM_ATT_USERPTR in amdgpu_amdkfd_gpuvm.c).
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "kfd_gpu.h"

#define RANGES 16u
#define PAGES 4u
#define STRIDE (2 * PAGES * KFD_PAGE)

/* Private memory, a buffer over it on the first GPU, not mapped yet. */
static char *shared_window(struct test *t, struct window *w, bool batch)
{
    char *base = pages_new(t, RANGES * STRIDE);

    *w = (struct window){.count = RANGES};
    for (uint32_t i = 0; i < RANGES; i++)
        w->ranges[i] = (struct kfd_ioctl_userptr_range){
            (uintptr_t)base + (i * 5 + 3) % RANGES * STRIDE, PAGES * KFD_PAGE};
    window_alloc(t, w, batch);
    return base;
}

static void map_both(struct test *t, const struct window *w)
{
    const uint32_t ids[] = {t->gpu.gpu_id, t->second.gpu_id};

    for (uint32_t i = 0; i < w->handle_count; i++)
        CHECK(t, kfd_map(t->fd, w->handles[i], ids, 2) == 0);
}

static void unmap_from(struct test *t, const struct window *w, const struct kfd_gpu *gpu)
{
    for (uint32_t i = 0; i < w->handle_count; i++)
        CHECK(t, kfd_unmap(t->fd, w->handles[i], &gpu->gpu_id, 1) == 0);
}

static void drop(struct test *t, struct window *w, char *base)
{
    for (uint32_t i = 0; i < w->handle_count; i++)
        CHECK(t, kfd_free(t->fd, w->handles[i]) == 0);
    munmap(base, RANGES * STRIDE);
}

/* Both see the same pages, follow when one is replaced, and let go one after the other. */
static void map_on_both(struct test *t, bool batch)
{
    struct window w;
    char *base = shared_window(t, &w, batch), byte = 0;

    map_both(t, &w);
    window_check(t, &w, true);
    window_check_second(t, &w, true);
    CHECK(t, fake_write(t->fake, t->drm, WINDOW + 5 * KFD_PAGE, "x", 1, NULL) == 0);
    CHECK(t, fake_read(t->fake, t->second_drm, WINDOW + 5 * KFD_PAGE, &byte, 1, NULL) == 0 &&
                 byte == 'x');
    CHECK(t, madvise((void *)(uintptr_t)w.ranges[2].start, KFD_PAGE, MADV_DONTNEED) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check_data(t, &w, 81);
    window_check(t, &w, true);
    window_check_second(t, &w, true);

    unmap_from(t, &w, &t->gpu);
    window_check(t, &w, false);
    window_check_second(t, &w, true);
    CHECK(t, kfd_free(t->fd, w.handles[0]) == -EBUSY);
    unmap_from(t, &w, &t->second);
    window_check_second(t, &w, false);
    drop(t, &w, base);
}

static void both_per_range(struct test *t)
{
    map_on_both(t, false);
}

static void both_batch(struct test *t)
{
    map_on_both(t, true);
}

/* MAP stops at a GPU that does not exist, says how far it came, and goes on from there. */
static void partial_batch(struct test *t)
{
    struct window w;
    char *base = shared_window(t, &w, true);
    uint32_t ids[] = {t->gpu.gpu_id, 1, t->second.gpu_id};
    struct kfd_ioctl_map_memory_to_gpu_args args = {
        .handle = w.handles[0], .device_ids_array_ptr = (uintptr_t)ids, .n_devices = 3};

    CHECK(t, kfd_call(t->fd, AMDKFD_IOC_MAP_MEMORY_TO_GPU, &args) == -EINVAL);
    CHECK(t, args.n_success == 1);
    window_check(t, &w, true);
    window_check_second(t, &w, false);
    ids[1] = t->second.gpu_id;
    args.n_devices = 2;
    CHECK(t, kfd_call(t->fd, AMDKFD_IOC_MAP_MEMORY_TO_GPU, &args) == 0);
    CHECK(t, args.n_success == 2);
    window_check_second(t, &w, true);
    unmap_from(t, &w, &t->gpu);
    unmap_from(t, &w, &t->second);
    drop(t, &w, base);
}

/*
 * Single userptrs: the unmapped range goes from both GPUs. The stock restore worker maps its freed
 * pages again on both (fixes/stale-pages.cocci).
 */
static void munmap_per_range(struct test *t)
{
    struct test second = *t;
    struct window w;
    char *base = shared_window(t, &w, false);

    second.drm = t->second_drm;
    map_both(t, &w);
    CHECK(t, munmap((void *)(uintptr_t)w.ranges[0].start, PAGES * KFD_PAGE) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    CHECK(t, is_mapped(t, WINDOW) == !t->batch);
    CHECK(t, is_mapped(&second, WINDOW) == !t->batch);
    unmap_from(t, &w, &t->gpu);
    unmap_from(t, &w, &t->second);
    drop(t, &w, base);
}

/* A range is unmapped: both GPUs lose the buffer, and both get it back. */
static void munmap_batch(struct test *t)
{
    struct window w;
    char *base = shared_window(t, &w, true), *gone = (char *)(uintptr_t)w.ranges[7].start;

    map_both(t, &w);
    CHECK(t, munmap(gone, PAGES * KFD_PAGE) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &w, false);
    window_check_second(t, &w, false);
    CHECK(t, mmap(gone, PAGES * KFD_PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == gone);
    memset(gone, 1, PAGES * KFD_PAGE);
    CHECK(t, madvise((void *)(uintptr_t)w.ranges[1].start, KFD_PAGE, MADV_DONTNEED) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check_data(t, &w, 83);
    window_check(t, &w, true);
    window_check_second(t, &w, true);
    unmap_from(t, &w, &t->gpu);
    unmap_from(t, &w, &t->second);
    drop(t, &w, base);
}

/* The buffer belongs to the first GPU and is mapped on the second alone. */
static void other_batch(struct test *t)
{
    struct window w;
    char *base = shared_window(t, &w, true);

    CHECK(t, kfd_map(t->fd, w.handles[0], &t->second.gpu_id, 1) == 0);
    window_check(t, &w, false);
    window_check_second(t, &w, true);
    CHECK(t, madvise((void *)(uintptr_t)w.ranges[3].start, KFD_PAGE, MADV_DONTNEED) == 0);
    *(volatile char *)(uintptr_t)w.ranges[3].start = 5;
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check_second(t, &w, true);
    unmap_from(t, &w, &t->second);
    drop(t, &w, base);
}

const struct test_case gpus_cases[] = {
    {"gpus/both-per-range", both_per_range, NEEDS_TWO_GPUS},
    {"gpus/munmap-per-range", munmap_per_range, NEEDS_TWO_GPUS},
    {"gpus/both-batch", both_batch, NEEDS_TWO_GPUS | NEEDS_BATCH},
    {"gpus/partial-batch", partial_batch, NEEDS_TWO_GPUS | NEEDS_BATCH},
    {"gpus/munmap-batch", munmap_batch, NEEDS_TWO_GPUS | NEEDS_BATCH},
    {"gpus/other-batch", other_batch, NEEDS_TWO_GPUS | NEEDS_BATCH},
    {NULL, NULL, 0},
};
