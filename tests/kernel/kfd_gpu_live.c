// SPDX-License-Identifier: MIT
/*
 * Cases: memory changes while a DMA engine reads the window through a TLB that only the driver's
 * flushes empty (amdgpu_fake_dma.c). It must never read a page that was freed, nor anything that is
 * not the window's. A queue is loaded meanwhile, so every change has to stop it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kfd_gpu.h"

#define RANGES 16u
#define PAGES 4u
#define STRIDE ((PAGES + 2) * KFD_PAGE)
#define MAGIC 0x6d61676963000000ull
#define CHANGES 150

#define WINDOW_PAGES (RANGES * PAGES)

enum memory { PRIVATE, A_FILE };

/*
 * RANGES ranges of private memory, or of a file, which has its pages in the window's order. Page i
 * of the window begins with MAGIC + i.
 */
struct live {
    struct window w;
    char *base;
    int file; /* or -1 */
    struct queue q;
};

static void *page_of(const struct live *l, uint32_t i)
{
    return (char *)(uintptr_t)l->w.ranges[i / PAGES].start + i % PAGES * KFD_PAGE;
}

static void mark(const struct live *l, uint32_t i)
{
    *(volatile uint64_t *)page_of(l, i) = MAGIC + i;
}

static void map_file(struct test *t, struct live *l)
{
    l->file = memfd_create("live", MFD_CLOEXEC);
    CHECK(t, l->file != -1 && ftruncate(l->file, WINDOW_PAGES * KFD_PAGE) == 0);
    for (uint32_t i = 0; i < WINDOW_PAGES; i += PAGES)
        CHECK(t, mmap(page_of(l, i), PAGES * KFD_PAGE, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_FIXED, l->file, i * KFD_PAGE) == page_of(l, i));
}

static void live_start(struct test *t, struct live *l, bool batch, enum memory memory)
{
    l->file = -1;
    l->base = pages_new(t, RANGES * STRIDE);
    l->w = (struct window){.count = RANGES};
    for (uint32_t i = 0; i < RANGES; i++)
        l->w.ranges[i] = (struct kfd_ioctl_userptr_range){
            (uintptr_t)l->base + (i * 5 + 3) % RANGES * STRIDE, PAGES * KFD_PAGE};
    if (memory == A_FILE)
        map_file(t, l);
    for (uint32_t i = 0; i < WINDOW_PAGES; i++)
        mark(l, i);
    queue_new(t, &l->q);
    window_make(t, &l->w, batch);
    CHECK(t, fake_dma_start(t->fake, t->drm, WINDOW, WINDOW_PAGES, MAGIC) == 0);
    CHECK(t, fake_dma_wait(t->fake, t->drm, 2 * WINDOW_PAGES));
}

/*
 * Let the queue run for a while. It comes back with the restore worker; after a fork only some
 * 100 ms later (life/duplicate-closed says why).
 */
static void wait_running(struct test *t)
{
    struct amdgpu_fake_state state = {0};

    for (int ms = 0; ms < 20000 && !state.queues; ms++) {
        usleep(1000);
        CHECK(t, fake_state(t->fake, t->drm, &state) == 0);
    }
    CHECK(t, state.queues == 1);
    CHECK(t, fake_dma_wait(t->fake, t->drm, WINDOW_PAGES));
}

/* What the engine saw. Without a change it reads every page, most of the time through its TLB. */
static struct amdgpu_fake_dma live_stop(struct test *t, struct live *l)
{
    struct amdgpu_fake_dma seen = {0};

    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    wait_running(t);
    CHECK(t, fake_dma_wait(t->fake, t->drm, 2 * WINDOW_PAGES));
    CHECK(t, fake_dma_stop(t->fake, t->drm, &seen) == 0);
    queue_drop(t, &l->q);
    printf("| live DMA | %lu reads, %lu through the TLB, %lu faults, %lu of freed pages, %lu "
           "foreign |\n",
           (unsigned long)seen.accesses, (unsigned long)seen.hits, (unsigned long)seen.faults,
           (unsigned long)seen.freed, (unsigned long)seen.foreign);
    CHECK(t, seen.accesses > WINDOW_PAGES && seen.hits > 0);
    return seen;
}

static void live_drop(struct test *t, struct live *l)
{
    window_drop(t, &l->w);
    munmap(l->base, RANGES * STRIDE);
    if (l->file != -1)
        close(l->file);
}

/*
 * What a single userptr or a batch lost comes back with its next eviction. Of a file, this takes
 * no content away.
 */
static void evict_all(struct test *t, const struct live *l)
{
    for (uint32_t i = 0; i < WINDOW_PAGES; i += PAGES)
        CHECK(t, madvise(page_of(l, i), KFD_PAGE, MADV_DONTNEED) == 0);
}

/* Run change CHANGES times under DMA. With a working driver nothing wrong is read. */
static void under_dma(struct test *t, bool batch, enum memory memory,
                      void (*change)(struct test *, struct live *, uint32_t))
{
    struct amdgpu_fake_dma seen;
    struct live l;

    srand(20260204);
    live_start(t, &l, batch, memory);
    for (int step = 0; step < CHANGES; step++) {
        change(t, &l, (uint32_t)rand() % (WINDOW_PAGES));
        if (step % 8 == 7)
            wait_running(t);
    }
    if (memory == A_FILE)
        evict_all(t, &l);
    seen = live_stop(t, &l);
    CHECK(t, seen.freed == 0 && seen.foreign == 0);
    window_check(t, &l.w, true);
    live_drop(t, &l);
}

static void change_dontneed(struct test *t, struct live *l, uint32_t i)
{
    CHECK(t, madvise(page_of(l, i), KFD_PAGE, MADV_DONTNEED) == 0);
    mark(l, i);
}

/* Another page in its place, the old one freed. */
static void change_replace(struct test *t, struct live *l, uint32_t i)
{
    char *fresh = pages_new(t, KFD_PAGE);

    *(volatile uint64_t *)fresh = MAGIC + i;
    CHECK(t, mremap(fresh, KFD_PAGE, KFD_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page_of(l, i)) ==
                 page_of(l, i));
}

static void change_mprotect(struct test *t, struct live *l, uint32_t i)
{
    CHECK(t, mprotect(page_of(l, i), KFD_PAGE, PROT_READ) == 0);
    CHECK(t, mprotect(page_of(l, i), KFD_PAGE, PROT_READ | PROT_WRITE) == 0);
    mark(l, i);
}

/* The parent's write after fork copies the page; the child then frees the old one. */
static void change_fork(struct test *t, struct live *l, uint32_t i)
{
    pid_t child;

    if (i % 8) /* a fork is slow here */
        return;
    child = fork();
    if (child == 0)
        _exit(0);
    mark(l, i);
    CHECK(t, child > 0 && waitpid(child, NULL, 0) == child);
}

/* The file's end is gone for a moment, its pages are somebody else's; then it is written anew. */
static void change_truncate(struct test *t, struct live *l, uint32_t i)
{
    char *somebody;

    if (i % 4) /* much is written anew each time */
        return;
    CHECK(t, ftruncate(l->file, (i + 1) * KFD_PAGE) == 0);
    somebody = pages_new(t, PAGES * KFD_PAGE);
    if (i % 8) /* the restore worker may see it so */
        usleep(5000);
    CHECK(t, ftruncate(l->file, WINDOW_PAGES * KFD_PAGE) == 0);
    while (++i < WINDOW_PAGES)
        mark(l, i);
    munmap(somebody, PAGES * KFD_PAGE);
}

/* The range with this page goes to a NUMA node. */
static void change_node(struct test *t, struct live *l, uint32_t i)
{
    CHECK(t, pages_move(page_of(l, i / PAGES * PAGES), PAGES, rand() % 2) == PAGES);
}

static void change_any(struct test *t, struct live *l, uint32_t i)
{
    switch (rand() % 3) {
    case 0:
        change_dontneed(t, l, i);
        break;
    case 1:
        change_replace(t, l, i);
        break;
    default:
        change_mprotect(t, l, i);
    }
}

static void dontneed_per_range(struct test *t)
{
    under_dma(t, false, PRIVATE, change_dontneed);
}

static void dontneed_batch(struct test *t)
{
    under_dma(t, true, PRIVATE, change_dontneed);
}

static void replace_per_range(struct test *t)
{
    under_dma(t, false, PRIVATE, change_replace);
}

static void replace_batch(struct test *t)
{
    under_dma(t, true, PRIVATE, change_replace);
}

static void mprotect_batch(struct test *t)
{
    under_dma(t, true, PRIVATE, change_mprotect);
}

static void fork_batch(struct test *t)
{
    under_dma(t, true, PRIVATE, change_fork);
}

static void truncate_often_per_range(struct test *t)
{
    under_dma(t, false, A_FILE, change_truncate);
}

static void truncate_often_batch(struct test *t)
{
    under_dma(t, true, A_FILE, change_truncate);
}

static void move_per_range(struct test *t)
{
    under_dma(t, false, PRIVATE, change_node);
}

static void move_batch(struct test *t)
{
    under_dma(t, true, PRIVATE, change_node);
}

static void any_batch(struct test *t)
{
    under_dma(t, true, PRIVATE, change_any);
}

/*
 * A range is unmapped for good. The repaired driver faults; the stock one maps the freed pages
 * again (fixes/stale-pages.cocci) and the engine reads them.
 */
static void munmap_live(struct test *t, bool batch)
{
    struct amdgpu_fake_dma seen;
    struct live l;

    live_start(t, &l, batch, PRIVATE);
    CHECK(t, munmap((void *)(uintptr_t)l.w.ranges[0].start, PAGES * KFD_PAGE) == 0);
    seen = live_stop(t, &l);
    if (t->batch) {
        CHECK(t, seen.freed == 0 && seen.foreign == 0 && seen.faults > 0);
    } else {
        CHECK(t, seen.freed + seen.foreign > 0);
    }
    live_drop(t, &l);
}

static void munmap_per_range(struct test *t)
{
    munmap_live(t, false);
}

static void munmap_batch(struct test *t)
{
    munmap_live(t, true);
}

/* The first `valid` pages of the window are mapped and read, the others fault. */
static void check_reads(struct test *t, const struct live *l, uint32_t valid)
{
    struct amdgpu_fake_dma before, after;
    uint32_t mapped = 0;

    wait_running(t);
    CHECK(t, fake_dma_look(t->fake, t->drm, &before) == 0);
    CHECK(t, fake_dma_wait(t->fake, t->drm, 2 * WINDOW_PAGES));
    CHECK(t, fake_dma_look(t->fake, t->drm, &after) == 0);
    CHECK(t, (after.accesses > before.accesses) == (valid > 0));
    CHECK(t, (after.faults > before.faults) == (valid < WINDOW_PAGES));
    for (uint32_t i = 0; i < WINDOW_PAGES; i++)
        mapped += is_mapped(t, window_va(&l->w) + i * KFD_PAGE) == (i < valid);
    CHECK(t, mapped == WINDOW_PAGES);
}

/*
 * A file is truncated, and its pages are somebody else's while the engine goes on. A batch is gone
 * as a whole, of single buffers those that lost a page. When the file has grown again, the next
 * eviction brings them back.
 */
static void truncate_once(struct test *t, struct live *l, bool batch, uint32_t left)
{
    char *somebody;

    CHECK(t, ftruncate(l->file, left * KFD_PAGE) == 0);
    somebody = pages_new(t, WINDOW_PAGES * KFD_PAGE);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    check_reads(t, l, batch ? 0 : left / PAGES * PAGES);
    CHECK(t, ftruncate(l->file, WINDOW_PAGES * KFD_PAGE) == 0);
    for (uint32_t i = left; i < WINDOW_PAGES; i++)
        mark(l, i);
    check_reads(t, l, batch ? 0 : left / PAGES * PAGES);
    evict_all(t, l);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    check_reads(t, l, WINDOW_PAGES);
    window_check(t, &l->w, true);
    munmap(somebody, WINDOW_PAGES * KFD_PAGE);
}

static void truncate_live(struct test *t, bool batch)
{
    static const uint32_t left[] = {WINDOW_PAGES - 1, 1, 0, 6 * PAGES, 9 * PAGES + 2};
    struct amdgpu_fake_dma seen;
    struct live l;

    live_start(t, &l, batch, A_FILE);
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
        truncate_once(t, &l, batch, left[i]);
    seen = live_stop(t, &l);
    CHECK(t, seen.freed == 0 && seen.foreign == 0);
    live_drop(t, &l);
}

static void truncate_per_range(struct test *t)
{
    truncate_live(t, false);
}

static void truncate_batch(struct test *t)
{
    truncate_live(t, true);
}

/* The stock driver maps the pages of a truncated file again, as after munmap. */
static void truncate_stale(struct test *t)
{
    struct amdgpu_fake_dma seen;
    struct live l;

    live_start(t, &l, false, A_FILE);
    CHECK(t, ftruncate(l.file, 0) == 0);
    seen = live_stop(t, &l);
    CHECK(t, (seen.freed + seen.foreign > 0) == !t->batch);
    live_drop(t, &l);
}

static void forget_flushes(struct test *t, bool forget)
{
    FILE *file = fopen("/sys/module/amdgpu/parameters/fake_forget_flush", "we");

    CHECK(t, file && fprintf(file, "%d\n", forget) > 0);
    CHECK(t, !file || fclose(file) == 0);
}

/* Would a missing flush be noticed? The engine's TLB is told nothing, and must read freed pages. */
static void forgotten_flush(struct test *t, enum memory memory,
                            void (*change)(struct test *, struct live *))
{
    struct amdgpu_fake_dma seen;
    struct live l;

    live_start(t, &l, false, memory);
    forget_flushes(t, true);
    change(t, &l);
    seen = live_stop(t, &l);
    forget_flushes(t, false);
    CHECK(t, seen.freed + seen.foreign > 0);
    live_drop(t, &l);
}

static void all_dontneed(struct test *t, struct live *l)
{
    for (uint32_t i = 0; i < WINDOW_PAGES; i += PAGES)
        CHECK(t, madvise(page_of(l, i), PAGES * KFD_PAGE, MADV_DONTNEED) == 0);
    for (uint32_t i = 0; i < WINDOW_PAGES; i++) /* the same pages, elsewhere */
        mark(l, (i * 29 + 7) % WINDOW_PAGES);
}

static void all_truncated(struct test *t, struct live *l)
{
    CHECK(t, ftruncate(l->file, 0) == 0);
}

static void all_moved(struct test *t, struct live *l)
{
    for (int node = 0; node < 2; node++) /* wherever they are */
        for (uint32_t i = 0; i < WINDOW_PAGES; i += PAGES)
            CHECK(t, pages_move(page_of(l, i), PAGES, node) == PAGES);
}

static void forgotten_dontneed(struct test *t)
{
    forgotten_flush(t, PRIVATE, all_dontneed);
}

static void forgotten_truncate(struct test *t)
{
    forgotten_flush(t, A_FILE, all_truncated);
}

static void forgotten_move(struct test *t)
{
    forgotten_flush(t, PRIVATE, all_moved);
}

const struct test_case live_cases[] = {
    {"live/dontneed-per-range", dontneed_per_range, 0},
    {"live/replace-per-range", replace_per_range, 0},
    {"live/munmap-per-range", munmap_per_range, 0},
    {"live/truncate-stale-per-range", truncate_stale, 0},
    {"live/move-per-range", move_per_range, NEEDS_TWO_NODES},
    {"live/forgotten-flush", forgotten_dontneed, 0},
    {"live/forgotten-flush-truncate", forgotten_truncate, 0},
    {"live/forgotten-flush-move", forgotten_move, NEEDS_TWO_NODES},
    {"live/dontneed-batch", dontneed_batch, NEEDS_BATCH},
    {"live/replace-batch", replace_batch, NEEDS_BATCH},
    {"live/mprotect-batch", mprotect_batch, NEEDS_BATCH},
    {"live/fork-batch", fork_batch, NEEDS_BATCH},
    {"live/any-batch", any_batch, NEEDS_BATCH},
    {"live/move-batch", move_batch, NEEDS_BATCH | NEEDS_TWO_NODES},
    /* These need the repaired driver. */
    {"live/truncate-per-range", truncate_per_range, NEEDS_BATCH},
    {"live/truncate-often-per-range", truncate_often_per_range, NEEDS_BATCH},
    {"live/truncate-batch", truncate_batch, NEEDS_BATCH},
    {"live/truncate-often-batch", truncate_often_batch, NEEDS_BATCH},
    {"live/munmap-batch", munmap_batch, NEEDS_BATCH},
    {NULL, NULL, 0},
};
