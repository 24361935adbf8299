// SPDX-License-Identifier: MIT
/*
 * kfd_bench: what registration costs in the real driver, in guest instructions: per range, and as
 * one batch under three notifier designs. The guest runs with -icount shift=1: its clock advances
 * two nanoseconds per instruction and repeats itself, whatever the host does. Prints a table; fails
 * when a required ratio is missed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"
#include "kfd.h"

#define WINDOW 0x7000000000ull
#define NS_PER_INSTRUCTION 2u
#define RESTORES 8
#define TICK_NS 4000000 /* CONFIG_HZ=250 */

struct bench {
    int fd, drm, fake;
    struct kfd_gpu gpu;
};

/* Thousands of guest instructions. */
struct cost {
    double alloc, map, unmap, release;
};

struct list {
    char *base;
    uint64_t stride; /* between range starts */
    uint64_t pages;  /* of each range */
    uint32_t count;
    struct kfd_ioctl_userptr_range *ranges;
};

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ((double)ts.tv_sec * 1e9 + (double)ts.tv_nsec) / NS_PER_INSTRUCTION / 1000;
}

/*
 * Touched memory in small pages, with holes as large as the ranges. own_mappings: every range is a
 * mapping of its own, so that unmapping a hole notifies the hole alone (at most 32,000 ranges: the
 * kernel limits mappings).
 */
static bool list_make(struct list *l, uint32_t count, uint64_t pages, bool own_mappings)
{
    int protection = own_mappings ? PROT_READ : PROT_READ | PROT_WRITE;

    *l = (struct list){.stride = 2 * pages * KFD_PAGE, .pages = pages, .count = count};
    l->base =
        mmap(NULL, count * l->stride, protection,
             (own_mappings ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    l->ranges = calloc(count, sizeof(*l->ranges));
    if (l->base == MAP_FAILED || !l->ranges)
        return false;
    madvise(l->base, count * l->stride, MADV_NOHUGEPAGE);
    for (uint32_t i = 0; i < count; i++) {
        char *p = l->base + i * l->stride;

        if (own_mappings && mmap(p, pages * KFD_PAGE, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
            return false;
        for (uint64_t k = 0; k < pages; k++)
            p[k * KFD_PAGE] = 1;
        l->ranges[i] = (struct kfd_ioctl_userptr_range){(uintptr_t)p, pages * KFD_PAGE};
    }
    return true;
}

static void list_drop(struct list *l)
{
    munmap(l->base, l->count * l->stride);
    free(l->ranges);
}

static bool per_range(struct bench *b, const struct list *l, struct cost *cost)
{
    uint64_t *handles = calloc(l->count, sizeof(*handles));
    double t[5] = {0};
    bool ok = handles != NULL;

    t[0] = now();
    for (uint32_t i = 0; ok && i < l->count; i++)
        ok = kfd_alloc_userptr(b->fd, b->gpu.gpu_id, WINDOW + i * l->ranges[0].size,
                               (void *)(uintptr_t)l->ranges[i].start, l->ranges[i].size,
                               &handles[i]) == 0;
    t[1] = now();
    for (uint32_t i = 0; ok && i < l->count; i++)
        ok = kfd_map(b->fd, handles[i], &b->gpu.gpu_id, 1) == 0;
    t[2] = now();
    for (uint32_t i = 0; ok && i < l->count; i++)
        ok = kfd_unmap(b->fd, handles[i], &b->gpu.gpu_id, 1) == 0;
    t[3] = now();
    for (uint32_t i = 0; ok && i < l->count; i++)
        ok = kfd_free(b->fd, handles[i]) == 0;
    t[4] = now();
    *cost = (struct cost){t[1] - t[0], t[2] - t[1], t[3] - t[2], t[4] - t[3]};
    free(handles);
    return ok;
}

static bool batch(struct bench *b, const struct list *l, struct cost *cost)
{
    uint64_t handle = 0;
    double t[5];
    bool ok;

    t[0] = now();
    ok = kfd_alloc_batch(b->fd, b->gpu.gpu_id, WINDOW, l->ranges, l->count, &handle) == 0;
    t[1] = now();
    ok = ok && kfd_map(b->fd, handle, &b->gpu.gpu_id, 1) == 0;
    t[2] = now();
    ok = ok && kfd_unmap(b->fd, handle, &b->gpu.gpu_id, 1) == 0;
    t[3] = now();
    ok = ok && kfd_free(b->fd, handle) == 0;
    t[4] = now();
    *cost = (struct cost){t[1] - t[0], t[2] - t[1], t[3] - t[2], t[4] - t[3]};
    return ok;
}

/*
 * The test module lets the design be chosen at run time. Ours; one notifier per range (the posted
 * v2); one wide notifier that takes every invalidation for its own (the posted v3 and v4).
 */
struct design {
    const char *name;
    const char *clusters, *hole, *precise;
};

static const struct design designs[] = {
    {"clusters (ours)", "64", "2097152", "1"},
    {"one notifier per range", "4294967295", "0", "1"},
    {"one wide notifier", "1", "0", "0"},
};

static bool parameter(const char *name, const char *value)
{
    char path[96];
    int fd;
    bool ok;

    snprintf(path, sizeof(path), "/sys/module/amdgpu/parameters/%s", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ok = fd != -1 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    if (fd != -1)
        close(fd);
    return ok;
}

static bool choose(const struct design *d)
{
    return parameter("fake_batch_clusters", d->clusters) && parameter("fake_batch_hole", d->hole) &&
           parameter("fake_batch_precise", d->precise);
}

static void print_cost(uint32_t count, uint64_t pages, const char *name, const struct cost *c)
{
    printf("| %6u x %2lu pages | %-24s | %9.0f | %9.0f | %9.0f | %9.0f | %10.0f |\n", count,
           (unsigned long)pages, name, c->alloc, c->map, c->unmap, c->release, c->alloc + c->map);
}

static int sizes(struct bench *b)
{
    static const struct {
        uint32_t count;
        uint64_t pages;
        bool single; /* per range too */
    } steps[] = {{64, 16, true}, {1024, 16, true}, {4096, 16, true}, {65536, 1, false}};
    int failures = 0;

    printf("| ranges            | thousands of instructions |  ALLOC    | MAP       | UNMAP     | "
           "FREE      "
           "| ALLOC+MAP  |\n");
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        struct cost single = {0}, c[3];
        struct list l;
        bool ok = list_make(&l, steps[s].count, steps[s].pages, false);

        if (ok && steps[s].single) {
            ok = per_range(b, &l, &single);
            print_cost(l.count, l.pages, "per-range ioctls", &single);
        }
        for (int d = 0; ok && d < 3; d++) {
            ok = choose(&designs[d]) && batch(b, &l, &c[d]);
            print_cost(l.count, l.pages, designs[d].name, &c[d]);
        }
        if (!ok) {
            printf("FAIL %u ranges could not be registered\n", steps[s].count);
            return 1;
        }
        if (steps[s].count == 4096) {
            double gain = (single.alloc + single.map) / (c[0].alloc + c[0].map);

            printf("| 4096 ranges: batch takes %.1f times fewer instructions than per-range; FREE "
                   "%.1f "
                   "times fewer than with a notifier per range |\n",
                   gain, c[1].release / c[0].release);
            failures += gain < 2.5 || c[1].release < 2 * c[0].release;
        }
        list_drop(&l);
    }
    return failures;
}

struct disturber {
    const struct list *list;
    atomic_bool stop;
    atomic_uint done;
};

/* Unmap a page in a gap every 200 us. */
static void *disturb_gaps(void *argument)
{
    struct disturber *d = argument;

    for (uint32_t i = 0; !atomic_load(&d->stop) && i < d->list->count * d->list->pages; i++) {
        uint64_t gap = i % d->list->count, page = i / d->list->count;

        munmap(d->list->base + gap * d->list->stride + (d->list->pages + page) * KFD_PAGE,
               KFD_PAGE);
        atomic_fetch_add(&d->done, 1);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return NULL;
}

/* How long registration takes while the gaps are unmapped. */
static int gaps(struct bench *b)
{
    int failures = 0;

    for (int d = 0; d < 3; d++) {
        struct disturber disturber = {0};
        struct cost quiet = {0}, cost = {0};
        pthread_t thread;
        struct list l;
        bool ok = list_make(&l, 2048, 16, true) && choose(&designs[d]) && batch(b, &l, &quiet);

        disturber.list = &l;
        if (!ok || pthread_create(&thread, NULL, disturb_gaps, &disturber)) {
            printf("FAIL gaps: %s\n", designs[d].name);
            return failures + 1;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        atomic_store(&disturber.done, 0);
        ok = batch(b, &l, &cost);
        atomic_store(&disturber.stop, true);
        pthread_join(thread, NULL);
        printf("| gaps unmapped every 200 us: %-24s | 2048 ranges ALLOC %.1f ms quiet, %.1f ms "
               "disturbed%s |\n",
               designs[d].name, quiet.alloc * NS_PER_INSTRUCTION / 1000,
               cost.alloc * NS_PER_INSTRUCTION / 1000, ok ? "" : " (refused: timeout)");
        failures += d == 0 && (!ok || cost.alloc > 2 * quiet.alloc);
        list_drop(&l);
    }
    return failures;
}

/* As those of a list. */
static char *small_pages(uint64_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        exit(1);
    madvise(p, bytes, MADV_NOHUGEPAGE);
    memset(p, 1, bytes);
    return p;
}

/* Milliseconds from a change of one page until the queues may run again; negative: no answer. */
static double restore_once(struct bench *b, char *page)
{
    struct amdgpu_fake_state state = {0};
    double start = now();

    madvise(page, KFD_PAGE, MADV_DONTNEED);
    do {
        sched_yield();
        if (fake_state(b->fake, b->drm, &state))
            return -1;
    } while (state.evicted);
    return (now() - start) * NS_PER_INSTRUCTION / 1000;
}

/*
 * One page changes, in a single buffer and in a batch of the same size. The restore worker starts
 * with the kernel's tick: the changes are spread over it, and the mean counts.
 */
static int restore(struct bench *b)
{
    struct list l;
    double mean[2] = {0};

    if (!list_make(&l, 2048, 16, false) || !choose(&designs[0]))
        return 1;
    for (int pass = 0; pass < 2; pass++) {
        uint64_t bytes = l.count * l.pages * KFD_PAGE, handle = 0;
        char *whole = small_pages(bytes);
        char *touched = pass ? (char *)(uintptr_t)l.ranges[1000].start : whole + bytes / 2;
        int r = pass ? kfd_alloc_batch(b->fd, b->gpu.gpu_id, WINDOW, l.ranges, l.count, &handle)
                     : kfd_alloc_userptr(b->fd, b->gpu.gpu_id, WINDOW, whole, bytes, &handle);

        if (r || kfd_map(b->fd, handle, &b->gpu.gpu_id, 1))
            return 1;
        for (int i = 0; i < RESTORES; i++) {
            double ms;

            nanosleep(&(struct timespec){.tv_nsec = i * TICK_NS / RESTORES}, NULL);
            ms = restore_once(b, touched);
            if (ms < 0)
                return 1;
            mean[pass] += ms / RESTORES;
        }
        kfd_unmap(b->fd, handle, &b->gpu.gpu_id, 1);
        kfd_free(b->fd, handle);
        munmap(whole, bytes);
    }
    printf("| restore after one page changed, 128 MiB, mean of %d: single buffer %.1f ms, batch of "
           "2048 ranges %.1f ms |\n",
           RESTORES, mean[0], mean[1]);
    list_drop(&l);
    return mean[1] > mean[0] * 1.25;
}

int main(void)
{
    struct bench b = {.fd = open("/dev/kfd", O_RDWR | O_CLOEXEC), .fake = fake_open()};
    int failures;

    if (b.fd == -1 || b.fake == -1 || !kfd_find_gpus(&b.gpu, 1)) {
        fprintf(stderr, "no GPU\n");
        return 1;
    }
    b.drm = kfd_acquire_vm(b.fd, &b.gpu);
    if (b.drm < 0)
        return 1;
    failures = sizes(&b) + gaps(&b) + restore(&b);
    if (failures)
        printf("FAIL %d requirements missed\n", failures);
    return failures != 0;
}
