// SPDX-License-Identifier: MIT
/*
 * Cases: kinds of memory that a machine must be set up for. Huge pages of hugetlbfs, pages that
 * move between NUMA nodes, and a memory limit that is reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kfd_gpu.h"

#define HUGE_BYTES (2ul << 20)

static void reserve_huge_pages(struct test *t, unsigned int count)
{
    FILE *file = fopen("/proc/sys/vm/nr_hugepages", "r+e");
    unsigned int got = 0;

    CHECK(t, file && fprintf(file, "%u\n", count) > 0 && fflush(file) == 0);
    if (!file)
        return;
    rewind(file);
    CHECK(t, fscanf(file, "%u", &got) == 1 && got == count);
    fclose(file);
}

/* Parts of huge pages, in another order than in memory, and one whole. */
static void hugetlb(struct test *t, bool batch)
{
    struct window w = {.count = 3};
    char *p;

    reserve_huge_pages(t, 4);
    p = mmap(NULL, 4 * HUGE_BYTES, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    CHECK(t, p != MAP_FAILED);
    if (p == MAP_FAILED)
        return;
    memset(p, 1, 4 * HUGE_BYTES);
    w.ranges[0] =
        (struct kfd_ioctl_userptr_range){(uintptr_t)p + 3 * HUGE_BYTES - KFD_PAGE, 3 * KFD_PAGE};
    w.ranges[1] = (struct kfd_ioctl_userptr_range){(uintptr_t)p + HUGE_BYTES, HUGE_BYTES};
    w.ranges[2] = (struct kfd_ioctl_userptr_range){(uintptr_t)p + 7 * KFD_PAGE, 64 * KFD_PAGE};
    window_make(t, &w, batch);
    window_check(t, &w, true);
    window_check_data(t, &w, 91);
    window_drop(t, &w);
    munmap(p, 4 * HUGE_BYTES);
    reserve_huge_pages(t, 0);
}

static void hugetlb_per_range(struct test *t)
{
    hugetlb(t, false);
}

static void hugetlb_batch(struct test *t)
{
    hugetlb(t, true);
}

/* A whole huge page is given back and touched again. */
static void hugetlb_dontneed_batch(struct test *t)
{
    struct window w = {.count = 2};
    char *p;

    reserve_huge_pages(t, 2);
    p = mmap(NULL, 2 * HUGE_BYTES, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    CHECK(t, p != MAP_FAILED);
    if (p == MAP_FAILED)
        return;
    memset(p, 1, 2 * HUGE_BYTES);
    w.ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)p + HUGE_BYTES, 8 * KFD_PAGE};
    w.ranges[1] = (struct kfd_ioctl_userptr_range){(uintptr_t)p, 8 * KFD_PAGE};
    window_make(t, &w, true);
    CHECK(t, madvise(p, HUGE_BYTES, MADV_DONTNEED) == 0);
    memset(p, 2, KFD_PAGE);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &w, true);
    window_check_data(t, &w, 92);
    window_drop(t, &w);
    munmap(p, 2 * HUGE_BYTES);
    reserve_huge_pages(t, 0);
}

/* NODE_PAGES pages, every other group of four in the window. */
static char *node_window(struct test *t, struct window *w)
{
    char *base = pages_new(t, NODE_PAGES * KFD_PAGE);

    *w = (struct window){.count = NODE_PAGES / 8};
    for (uint32_t i = 0; i < w->count; i++)
        w->ranges[i] = (struct kfd_ioctl_userptr_range){
            (uintptr_t)base + (w->count - 1 - i) * 8 * KFD_PAGE, 4 * KFD_PAGE};
    return base;
}

static void move_pages_between(struct test *t, bool batch)
{
    struct window w;
    char *base = node_window(t, &w);

    CHECK(t, pages_move(base, NODE_PAGES, 0) == NODE_PAGES);
    window_make(t, &w, batch);
    for (int node = 1; node >= 0; node--) {
        CHECK(t, pages_move(base, NODE_PAGES, node) == NODE_PAGES);
        CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
        window_check(t, &w, true);
        window_check_data(t, &w, 101 + (unsigned int)node);
    }
    window_drop(t, &w);
    munmap(base, NODE_PAGES * KFD_PAGE);
}

static void move_pages_per_range(struct test *t)
{
    move_pages_between(t, false);
}

static void move_pages_batch(struct test *t)
{
    move_pages_between(t, true);
}

/* The whole process moves, as cpusets and numactl do it: also the rest of its memory. */
static void migrate_pages_batch(struct test *t)
{
    const unsigned long nodes[] = {1, 2}; /* masks of node 0 and node 1 */
    struct window w;
    char *base = node_window(t, &w);

    CHECK(t, pages_move(base, NODE_PAGES, 0) == NODE_PAGES);
    window_make(t, &w, true);
    for (int round = 0; round < 4; round++) {
        CHECK(t, syscall(SYS_migrate_pages, 0, 3ul, &nodes[round % 2], &nodes[1 - round % 2]) == 0);
        CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
        window_check(t, &w, true);
        window_check_data(t, &w, 111 + (unsigned int)round);
    }
    window_drop(t, &w);
    munmap(base, NODE_PAGES * KFD_PAGE);
}

#define LIMIT_BYTES (64ul << 20)
#define LIMIT_MAX 256u

static int alloc_one(struct test *t, void *p, uint32_t slot, bool batch, uint64_t *handle)
{
    struct kfd_ioctl_userptr_range range = {(uintptr_t)p, LIMIT_BYTES};
    uint64_t va = WINDOW + slot * LIMIT_BYTES;

    return batch ? kfd_alloc_batch(t->fd, t->gpu.gpu_id, va, &range, 1, handle)
                 : kfd_alloc_userptr(t->fd, t->gpu.gpu_id, va, p, LIMIT_BYTES, handle);
}

/* The same memory again and again until KFD's limit: what was freed can be had again, no more. */
static void limit(struct test *t, bool batch)
{
    char before[ACCOUNTING], *p = pages_new(t, LIMIT_BYTES);
    uint64_t handles[LIMIT_MAX];
    uint32_t count = 0;
    int r = 0;

    accounting(before);
    while (count < LIMIT_MAX && !r) {
        r = alloc_one(t, p, count, batch, &handles[count]);
        count += r == 0;
    }
    CHECK(t, r == -ENOMEM && count > 1);
    CHECK(t, kfd_free(t->fd, handles[count - 1]) == 0);
    CHECK(t, alloc_one(t, p, count - 1, batch, &handles[count - 1]) == 0);
    CHECK(t, alloc_one(t, p, count, batch, &handles[count]) == -ENOMEM);
    while (count)
        CHECK(t, kfd_free(t->fd, handles[--count]) == 0);
    CHECK(t, accounting_back(before));
    munmap(p, LIMIT_BYTES);
}

static void limit_per_range(struct test *t)
{
    limit(t, false);
}

static void limit_batch(struct test *t)
{
    limit(t, true);
}

const struct test_case memory_cases[] = {
    {"memory/hugetlb-per-range", hugetlb_per_range, 0},
    {"memory/hugetlb-batch", hugetlb_batch, NEEDS_BATCH},
    {"memory/hugetlb-dontneed-batch", hugetlb_dontneed_batch, NEEDS_BATCH},
    {"memory/move-pages-per-range", move_pages_per_range, NEEDS_TWO_NODES},
    {"memory/move-pages-batch", move_pages_batch, NEEDS_TWO_NODES | NEEDS_BATCH},
    {"memory/migrate-pages-batch", migrate_pages_batch, NEEDS_TWO_NODES | NEEDS_BATCH},
    {"memory/limit-per-range", limit_per_range, 0},
    {"memory/limit-batch", limit_batch, NEEDS_BATCH},
    {NULL, NULL, 0},
};
