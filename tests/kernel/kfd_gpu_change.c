// SPDX-License-Identifier: MIT
/*
 * Cases: the application changes memory that is mapped to the GPU, and what the page tables say
 * once the restore worker is done. Every change is one that drivers must survive; what it means for
 * the GPU is stated in each case.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kfd_gpu.h"

#define RANGES 16u
#define PAGES 4u
#define STRIDE ((PAGES + 4) * KFD_PAGE) /* between ranges: four pages of something else */

/*
 * RANGES ranges of shared memory with gaps of private memory between them: different mappings, so
 * that a change in a gap notifies the gap alone (the kernel merges equal neighbours).
 */
struct layout {
    struct window w;
    char *base;
    int file;
};

static char *range_at(const struct layout *l, uint32_t i)
{
    return l->base + i * STRIDE;
}

static char *gap_at(const struct layout *l, uint32_t i)
{
    return l->base + i * STRIDE + PAGES * KFD_PAGE;
}

static void layout_make(struct test *t, struct layout *l, bool batch)
{
    l->base = pages_new(t, RANGES * STRIDE);
    l->file = memfd_create("kfd_gpu", MFD_CLOEXEC);
    CHECK(t, l->file != -1 && ftruncate(l->file, RANGES * PAGES * KFD_PAGE) == 0);
    l->w = (struct window){.count = RANGES};
    for (uint32_t i = 0; i < RANGES; i++) {
        uint32_t slot = (i * 5 + 3) % RANGES;

        CHECK(t, mmap(range_at(l, slot), PAGES * KFD_PAGE, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_FIXED, l->file, slot * PAGES * KFD_PAGE) != MAP_FAILED);
        memset(range_at(l, slot), 1, PAGES * KFD_PAGE);
        l->w.ranges[i] =
            (struct kfd_ioctl_userptr_range){(uintptr_t)range_at(l, slot), PAGES * KFD_PAGE};
    }
    window_make(t, &l->w, batch);
    window_check(t, &l->w, true);
}

static void layout_drop(struct test *t, struct layout *l)
{
    window_drop(t, &l->w);
    munmap(l->base, RANGES * STRIDE);
    close(l->file);
}

static void private_range(struct test *t, char *p)
{
    CHECK(t, mmap(p, PAGES * KFD_PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
    memset(p, 2, PAGES * KFD_PAGE);
}

static struct amdgpu_fake_state state_of(struct test *t)
{
    struct amdgpu_fake_state state = {0};

    CHECK(t, fake_state(t->fake, t->drm, &state) == 0);
    return state;
}

/* Pages given back and touched again: other pages, and the GPU follows. */
static void dontneed(struct test *t, bool batch)
{
    struct layout l;
    char *p;

    layout_make(t, &l, batch);
    p = range_at(&l, 6);
    window_drop(t, &l.w);
    private_range(t, p);
    window_make(t, &l.w, batch);
    CHECK(t, madvise(p, PAGES * KFD_PAGE, MADV_DONTNEED) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &l.w, true);
    window_check_data(t, &l.w, 21);
    layout_drop(t, &l);
}

static void dontneed_per_range(struct test *t)
{
    dontneed(t, false);
}

static void dontneed_batch(struct test *t)
{
    dontneed(t, true);
}

/* An unmapped range takes the whole buffer off the GPU; it comes back with the next change after a
 * new mapping. */
static void munmap_batch(struct test *t)
{
    struct layout l;

    layout_make(t, &l, true);
    CHECK(t, munmap(range_at(&l, 3), PAGES * KFD_PAGE) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &l.w, false);
    private_range(t, range_at(&l, 3));
    CHECK(t, madvise(range_at(&l, 9), PAGES * KFD_PAGE, MADV_REMOVE) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &l.w, true);
    window_check_data(t, &l.w, 33);
    layout_drop(t, &l);
}

/*
 * Single userptr, one page list per range: only the unmapped range goes. The stock restore worker
 * keeps the old page array and so maps freed pages again (fixes/stale-pages.cocci); if the second
 * check fails on a stock kernel, that kernel has been repaired.
 */
static void munmap_per_range(struct test *t)
{
    struct amdgpu_fake_walk walk;
    struct layout l;
    bool mapped;

    layout_make(t, &l, false);
    CHECK(t, munmap((void *)(uintptr_t)l.w.ranges[0].start, PAGES * KFD_PAGE) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    mapped = fake_walk(t->fake, t->drm, WINDOW, &walk) == 0 && (walk.entry & AMDGPU_FAKE_VALID);
    CHECK(t, mapped == !t->batch);
    layout_drop(t, &l);
}

static void mremap_batch(struct test *t)
{
    struct layout l;
    char *elsewhere = pages_new(t, PAGES * KFD_PAGE);

    layout_make(t, &l, true);
    CHECK(t, mremap(range_at(&l, 2), PAGES * KFD_PAGE, PAGES * KFD_PAGE,
                    MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == elsewhere);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &l.w, false);
    layout_drop(t, &l);
    munmap(elsewhere, PAGES * KFD_PAGE);
}

static void truncate_batch(struct test *t)
{
    struct layout l;

    layout_make(t, &l, true);
    CHECK(t, ftruncate(l.file, PAGES * KFD_PAGE) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &l.w, false);
    CHECK(t, ftruncate(l.file, RANGES * PAGES * KFD_PAGE) == 0);
    CHECK(t, madvise(range_at(&l, 0), PAGES * KFD_PAGE, MADV_REMOVE) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &l.w, true);
    layout_drop(t, &l);
}

/* After fork the first write of the parent copies the page: the GPU must see the copy that the
 * parent sees. */
static void fork_batch(struct test *t)
{
    int go[2], status;
    struct layout l;
    pid_t child;
    char *p;

    layout_make(t, &l, true);
    p = range_at(&l, 6);
    window_drop(t, &l.w);
    private_range(t, p);
    window_make(t, &l.w, true);
    CHECK(t, pipe(go) == 0);
    child = fork();
    if (child == 0) {
        char byte;

        close(go[1]);
        _exit(read(go[0], &byte, 1) == 0 && p[0] == 2 ? 0 : 1);
    }
    memset(p, 3, PAGES * KFD_PAGE);
    close(go[1]);
    CHECK(t, waitpid(child, &status, 0) == child && status == 0);
    close(go[0]);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &l.w, true);
    window_check_data(t, &l.w, 41);
    layout_drop(t, &l);
}

/* Read-only for a while: no write access, so the queues stay stopped until it is writeable again.
 */
static void mprotect_batch(struct test *t)
{
    struct layout l;

    layout_make(t, &l, true);
    CHECK(t, mprotect(range_at(&l, 4), PAGES * KFD_PAGE, PROT_READ) == 0);
    usleep(20000);
    CHECK(t, state_of(t).evicted > 0);
    CHECK(t, mprotect(range_at(&l, 4), PAGES * KFD_PAGE, PROT_READ | PROT_WRITE) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &l.w, true);
    layout_drop(t, &l);
}

static void compaction_batch(struct test *t)
{
    struct layout l;
    int fd = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC);

    layout_make(t, &l, true);
    CHECK(t, fd != -1 && write(fd, "1", 1) == 1);
    close(fd);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &l.w, true);
    window_check_data(t, &l.w, 51);
    layout_drop(t, &l);
}

/* What happens between the ranges is none of the buffer's business: no eviction at all. */
static void gaps_batch(struct test *t)
{
    struct layout l;

    layout_make(t, &l, true);
    for (uint32_t i = 0; i < RANGES; i++) {
        CHECK(t, munmap(gap_at(&l, i), 4 * KFD_PAGE) == 0);
        CHECK(t, state_of(t).evicted == 0);
    }
    window_check(t, &l.w, true);
    layout_drop(t, &l);
}

/* Overlapping ranges: a change of the shared part reaches both. */
static void aliased_batch(struct test *t)
{
    char *p = pages_new(t, 16 * KFD_PAGE);
    struct window w = {.count = 3};

    w.ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)p, 16 * KFD_PAGE};
    w.ranges[1] = (struct kfd_ioctl_userptr_range){(uintptr_t)p + 2 * KFD_PAGE, KFD_PAGE};
    w.ranges[2] = (struct kfd_ioctl_userptr_range){(uintptr_t)p + 12 * KFD_PAGE, 2 * KFD_PAGE};
    window_make(t, &w, true);
    for (int page = 0; page < 16; page += 3) {
        CHECK(t, madvise(p + page * KFD_PAGE, KFD_PAGE, MADV_DONTNEED) == 0);
        CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
        window_check(t, &w, true);
    }
    window_drop(t, &w);
    munmap(p, 16 * KFD_PAGE);
}

/* A hundred random changes, each checked in full. The seed is fixed: the guest is meant to repeat
 * itself. */
static void random_batch(struct test *t)
{
    struct layout l;

    layout_make(t, &l, true);
    srand(20260104);
    for (int step = 0; step < 100 && !t->failures; step++) {
        uint32_t i = (uint32_t)rand() % RANGES, page = (uint32_t)rand() % PAGES;

        char *p = range_at(&l, i) + page * KFD_PAGE;

        /* Shared memory until it was replaced, private from then on. */
        if (rand() % 2)
            CHECK(t, madvise(p, KFD_PAGE, MADV_REMOVE) == 0 ||
                         madvise(p, KFD_PAGE, MADV_DONTNEED) == 0);
        else
            private_range(t, range_at(&l, i));
        if (rand() % 4 == 0)
            CHECK(t, madvise(gap_at(&l, i), KFD_PAGE, MADV_DONTNEED) == 0);
        CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
        window_check(t, &l.w, true);
    }
    layout_drop(t, &l);
}

const struct test_case change_cases[] = {
    {"change/dontneed-per-range", dontneed_per_range, 0},
    {"change/munmap-per-range", munmap_per_range, 0},
    {"change/dontneed-batch", dontneed_batch, NEEDS_BATCH},
    {"change/munmap-batch", munmap_batch, NEEDS_BATCH},
    {"change/mremap-batch", mremap_batch, NEEDS_BATCH},
    {"change/truncate-batch", truncate_batch, NEEDS_BATCH},
    {"change/fork-batch", fork_batch, NEEDS_BATCH},
    {"change/mprotect-batch", mprotect_batch, NEEDS_BATCH},
    {"change/compaction-batch", compaction_batch, NEEDS_BATCH},
    {"change/gaps-batch", gaps_batch, NEEDS_BATCH},
    {"change/aliased-batch", aliased_batch, NEEDS_BATCH},
    {"change/random-batch", random_batch, NEEDS_BATCH},
    {NULL, NULL, 0},
};
