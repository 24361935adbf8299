// SPDX-License-Identifier: MIT
/*
 * Cases: what is mapped after ALLOC and MAP, for every kind of memory and shape of list. Nothing
 * changes while it is mapped (kfd_gpu_change.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kfd_gpu.h"

/* count ranges of pages pages each, a page between them, in an order that is neither up nor down.
 */
static void scatter(struct test *t, struct window *w, uint32_t count, uint64_t pages)
{
    char *base = pages_new(t, count * (pages + 1) * KFD_PAGE);

    *w = (struct window){.count = count};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = (i * 29 + 7) % count; /* 29 is prime to every count used here */

        w->ranges[i].start = (uintptr_t)base + slot * (pages + 1) * KFD_PAGE;
        w->ranges[i].size = pages * KFD_PAGE;
    }
}

static void gather(const struct window *w)
{
    uint64_t low = UINT64_MAX, high = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        low = w->ranges[i].start < low ? w->ranges[i].start : low;
        high = w->ranges[i].start + w->ranges[i].size > high
                   ? w->ranges[i].start + w->ranges[i].size
                   : high;
    }
    munmap((void *)(uintptr_t)low, high - low);
}

static void scattered(struct test *t, uint32_t count, uint64_t pages, bool batch)
{
    struct window w;

    scatter(t, &w, count, pages);
    window_make(t, &w, batch);
    window_check(t, &w, true);
    window_check_data(t, &w, count);
    window_drop(t, &w);
    gather(&w);
}

static void per_range(struct test *t)
{
    scattered(t, 32, 4, false);
}

static void batch_pages(struct test *t)
{
    scattered(t, 64, 1, true);
}

static void batch_ranges(struct test *t)
{
    scattered(t, 64, 16, true);
}

/* A range longer than one piece of the walk, and a short one. */
static void batch_long(struct test *t)
{
    struct window w = {.count = 2};
    char *a = pages_new(t, 1300 * KFD_PAGE), *b = pages_new(t, KFD_PAGE);

    w.ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)b, KFD_PAGE};
    w.ranges[1] = (struct kfd_ioctl_userptr_range){(uintptr_t)a, 1300 * KFD_PAGE};
    window_make(t, &w, true);
    window_check(t, &w, true);
    window_check_data(t, &w, 3);
    window_drop(t, &w);
    munmap(a, 1300 * KFD_PAGE);
    munmap(b, KFD_PAGE);
}

static void batch_single(struct test *t)
{
    scattered(t, 1, 3, true);
}

/* Memory that was never touched: the driver has to fault it in. */
static void batch_untouched(struct test *t)
{
    char *p = mmap(NULL, 64 * KFD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct window w = {.count = 2};

    w.ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)p + 32 * KFD_PAGE, 16 * KFD_PAGE};
    w.ranges[1] = (struct kfd_ioctl_userptr_range){(uintptr_t)p, 16 * KFD_PAGE};
    window_make(t, &w, true);
    window_check(t, &w, true);
    window_check_data(t, &w, 9);
    window_drop(t, &w);
    munmap(p, 64 * KFD_PAGE);
}

/* The zero page must not be what gets mapped: it was only read by the CPU so far. */
static void batch_zero_page(struct test *t)
{
    char *p = mmap(NULL, 8 * KFD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct window w = {.count = 1};
    volatile char sum = 0;

    for (int i = 0; i < 8; i++)
        sum = (char)(sum + p[i * KFD_PAGE]);
    w.ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)p, 8 * KFD_PAGE};
    window_make(t, &w, true);
    window_check(t, &w, true);
    window_check_data(t, &w, 5);
    window_drop(t, &w);
    munmap(p, 8 * KFD_PAGE);
}

/* Shared anonymous memory, a memfd, and anonymous memory in one list. */
static void batch_kinds(struct test *t)
{
    int file = memfd_create("kfd_gpu", MFD_CLOEXEC);
    struct window w = {.count = 3};
    char *anonymous = pages_new(t, 8 * KFD_PAGE), *shared, *mapped;

    CHECK(t, file != -1 && ftruncate(file, 8 * KFD_PAGE) == 0);
    shared = mmap(NULL, 8 * KFD_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mapped = mmap(NULL, 8 * KFD_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(t, shared != MAP_FAILED && mapped != MAP_FAILED);
    w.ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)shared, 8 * KFD_PAGE};
    w.ranges[1] = (struct kfd_ioctl_userptr_range){(uintptr_t)anonymous, 4 * KFD_PAGE};
    w.ranges[2] = (struct kfd_ioctl_userptr_range){(uintptr_t)mapped + 2 * KFD_PAGE, 4 * KFD_PAGE};
    window_make(t, &w, true);
    window_check(t, &w, true);
    window_check_data(t, &w, 11);
    window_drop(t, &w);
    munmap(anonymous, 8 * KFD_PAGE);
    munmap(shared, 8 * KFD_PAGE);
    munmap(mapped, 8 * KFD_PAGE);
    close(file);
}

/* One range over two mappings of different kinds that touch. */
static void batch_two_mappings(struct test *t)
{
    char *p = mmap(NULL, 8 * KFD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct window w = {.count = 1};

    CHECK(t, mmap(p + 4 * KFD_PAGE, 4 * KFD_PAGE, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
    w.ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)p, 8 * KFD_PAGE};
    window_make(t, &w, true);
    window_check(t, &w, true);
    window_check_data(t, &w, 13);
    window_drop(t, &w);
    munmap(p, 8 * KFD_PAGE);
}

/* Transparent huge pages, whole and in part. */
static void batch_huge(struct test *t)
{
    const uint64_t huge = 2ul << 20;
    char *p = mmap(NULL, 3 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *aligned = (char *)(((uintptr_t)p + huge - 1) / huge * huge);
    struct window w = {.count = 2};

    CHECK(t, madvise(p, 3 * huge, MADV_HUGEPAGE) == 0);
    memset(aligned, 1, 2 * huge);
    w.ranges[0] =
        (struct kfd_ioctl_userptr_range){(uintptr_t)aligned + huge + 5 * KFD_PAGE, 64 * KFD_PAGE};
    w.ranges[1] = (struct kfd_ioctl_userptr_range){(uintptr_t)aligned, huge};
    window_make(t, &w, true);
    window_check(t, &w, true);
    window_check_data(t, &w, 17);
    window_drop(t, &w);
    munmap(p, 3 * huge);
}

/* The same pages at two places of the window, and ranges that overlap in part. */
static void batch_aliased(struct test *t)
{
    char *p = pages_new(t, 8 * KFD_PAGE);
    struct window w = {.count = 3};
    char byte = 0;

    w.ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)p, 4 * KFD_PAGE};
    w.ranges[1] = (struct kfd_ioctl_userptr_range){(uintptr_t)p, 4 * KFD_PAGE};
    w.ranges[2] = (struct kfd_ioctl_userptr_range){(uintptr_t)p + 2 * KFD_PAGE, 6 * KFD_PAGE};
    window_make(t, &w, true);
    window_check(t, &w, true);
    CHECK(t, fake_write(t->fake, t->drm, WINDOW + 2 * KFD_PAGE, "x", 1, NULL) == 0);
    CHECK(t, fake_read(t->fake, t->drm, WINDOW + 8 * KFD_PAGE, &byte, 1, NULL) == 0 && byte == 'x');
    window_drop(t, &w);
    munmap(p, 8 * KFD_PAGE);
}

/* The list of a window as the later encoding wants it: a page-aligned header, then the ranges. */
static struct kfd_ioctl_userptr_batch *table_of(struct test *t, const struct window *w)
{
    struct kfd_ioctl_userptr_batch *table = pages_new(t, KFD_PAGE);

    if (table) {
        *table = (struct kfd_ioctl_userptr_batch){.num_ranges = w->count};
        memcpy(table + 1, w->ranges, w->count * sizeof(w->ranges[0]));
    }
    return table;
}

/* The flag of ALLOC_MEMORY_OF_GPU leads to the same buffer as the ioctl. */
static void flag(struct test *t)
{
    struct kfd_ioctl_userptr_batch *table;
    struct window w;

    scatter(t, &w, 64, 2);
    table = table_of(t, &w);
    CHECK(t, kfd_alloc_by_flag(t->fd, t->gpu.gpu_id, WINDOW, (uintptr_t)table, window_bytes(&w),
                               &w.handles[0]) == 0);
    CHECK(t, kfd_map(t->fd, w.handles[0], &t->gpu.gpu_id, 1) == 0);
    w.handle_count = 1;
    window_check(t, &w, true);
    window_check_data(t, &w, 71);
    window_drop(t, &w);
    gather(&w);
    munmap(table, KFD_PAGE);
}

/* What the flag refuses beyond the checks of the ioctl, one fault at a time. */
static void flag_refused(struct test *t)
{
    struct kfd_ioctl_userptr_batch *table;
    uint64_t handle = 0, bytes, at;
    struct window w;

    scatter(t, &w, 4, 1);
    table = table_of(t, &w);
    at = (uintptr_t)table;
    bytes = window_bytes(&w);
#define TRY(table_at, size) kfd_alloc_by_flag(t->fd, t->gpu.gpu_id, WINDOW, table_at, size, &handle)
    CHECK(t, TRY(0, bytes) == -EINVAL);
    CHECK(t, TRY(at + 8, bytes) == -EINVAL);
    CHECK(t, TRY(0x1000, bytes) == -EFAULT);
    CHECK(t, TRY(at, bytes - KFD_PAGE) == -EINVAL);
    table->reserved = 1;
    CHECK(t, TRY(at, bytes) == -EINVAL);
    table->reserved = 0;
    table->num_ranges = 0; /* what a library probes with */
    CHECK(t, TRY(at, bytes) == -EINVAL);
#undef TRY
    CHECK(t, handle == 0);
    gather(&w);
    munmap(table, KFD_PAGE);
}

/* Give pages to the SVM API: from then on they and their addresses are its own, until munmap. */
static int svm_register(struct test *t, void *p, uint64_t bytes)
{
    const size_t attribute_bytes = sizeof(struct kfd_ioctl_svm_attribute);
    struct kfd_ioctl_svm_args *args = calloc(1, sizeof(*args) + attribute_bytes);
    int r;

    if (!args)
        return -ENOMEM;
    args->start_addr = (uintptr_t)p;
    args->size = bytes;
    args->op = KFD_IOCTL_SVM_OP_SET_ATTR;
    args->nattr = 1;
    args->attrs[0] = (struct kfd_ioctl_svm_attribute){KFD_IOCTL_SVM_ATTR_GRANULARITY, 9};
    /* The attributes behind the arguments count as part of them (kfd_ioctl in kfd_chardev.c). */
    r = kfd_call(t->fd, AMDKFD_IOC_SVM + (attribute_bytes << _IOC_SIZESHIFT), args);
    free(args);
    return r;
}

/* Neither a range nor the window may lie in SVM memory (kernels built with it). */
static void svm_refused(struct test *t)
{
    char *managed = pages_new(t, 4 * KFD_PAGE), *own = pages_new(t, 4 * KFD_PAGE);
    struct kfd_ioctl_userptr_range ranges[] = {{(uintptr_t)own, 4 * KFD_PAGE},
                                               {(uintptr_t)managed + 3 * KFD_PAGE, KFD_PAGE}};
    uint64_t handle = 0;

    CHECK(t, svm_register(t, managed, 4 * KFD_PAGE) == 0);
    CHECK(t, kfd_alloc_batch(t->fd, t->gpu.gpu_id, WINDOW, ranges, 2, &handle) == -EADDRINUSE);
    CHECK(t, kfd_alloc_batch(t->fd, t->gpu.gpu_id, (uintptr_t)managed - 3 * KFD_PAGE, ranges, 1,
                             &handle) == -EADDRINUSE);
    CHECK(t, handle == 0);
    CHECK(t, munmap(managed, 4 * KFD_PAGE) == 0);
    /* The window is free once the SVM API has noticed. */
    CHECK(t, kfd_alloc_batch(t->fd, t->gpu.gpu_id, (uintptr_t)managed - 3 * KFD_PAGE, ranges, 1,
                             &handle) == 0);
    CHECK(t, kfd_free(t->fd, handle) == 0);
    munmap(own, 4 * KFD_PAGE);
}

const struct test_case map_cases[] = {
    {"map/per-range", per_range, 0},
    {"map/batch-pages", batch_pages, NEEDS_BATCH},
    {"map/batch-ranges", batch_ranges, NEEDS_BATCH},
    {"map/batch-long", batch_long, NEEDS_BATCH},
    {"map/batch-single", batch_single, NEEDS_BATCH},
    {"map/batch-untouched", batch_untouched, NEEDS_BATCH},
    {"map/batch-zero-page", batch_zero_page, NEEDS_BATCH},
    {"map/batch-kinds", batch_kinds, NEEDS_BATCH},
    {"map/batch-two-mappings", batch_two_mappings, NEEDS_BATCH},
    {"map/batch-huge", batch_huge, NEEDS_BATCH},
    {"map/batch-aliased", batch_aliased, NEEDS_BATCH},
    {"map/flag", flag, NEEDS_BATCH},
    {"map/flag-refused", flag_refused, NEEDS_BATCH},
    {"map/svm-refused", svm_refused, NEEDS_BATCH | NEEDS_SVM},
    {NULL, NULL, 0},
};
