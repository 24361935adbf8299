// SPDX-License-Identifier: MIT
/*
 * Cases: threads of one process register, map, unmap and free at once, over the same memory, while
 * other threads change it. With several processors they really run at once. What an ioctl answers
 * while its memory goes away depends on the moment; afterwards everything must be right.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kfd_gpu.h"

#define WORKERS 4u
#define ROUNDS 40u
#define PAGES 512ul /* of the memory that all threads use */
#define RANGES 24u

struct crowd {
    struct test *t;
    char *memory;
    atomic_bool stop;
    bool holes; /* ranges may be unmapped for a moment */
    bool batch;
};

struct worker {
    struct crowd *crowd;
    pthread_t thread;
    struct window w;
    unsigned int seed;
    unsigned int refused; /* memory was gone: EFAULT */
    int error;            /* first answer that must not be */
};

static void random_ranges(struct worker *worker)
{
    struct window *w = &worker->w;

    w->count = 1 + (uint32_t)rand_r(&worker->seed) % RANGES;
    for (uint32_t i = 0; i < w->count; i++) {
        uint64_t pages = 1 + (uint64_t)rand_r(&worker->seed) % 8;
        uint64_t first = (uint64_t)rand_r(&worker->seed) % (PAGES - pages);

        w->ranges[i] = (struct kfd_ioctl_userptr_range){
            (uintptr_t)worker->crowd->memory + first * KFD_PAGE, pages * KFD_PAGE};
    }
}

static int alloc_window(struct worker *worker)
{
    struct test *t = worker->crowd->t;
    struct window *w = &worker->w;
    uint64_t va = w->va;
    int r = 0;

    w->handle_count = 0;
    if (worker->crowd->batch) {
        r = kfd_alloc_batch(t->fd, t->gpu.gpu_id, va, w->ranges, w->count, &w->handles[0]);
        w->handle_count = r == 0;
        return r;
    }
    for (uint32_t i = 0; i < w->count && !r; i++) {
        r = kfd_alloc_userptr(t->fd, t->gpu.gpu_id, va, (void *)(uintptr_t)w->ranges[i].start,
                              w->ranges[i].size, &w->handles[i]);
        w->handle_count += r == 0;
        va += w->ranges[i].size;
    }
    return r;
}

static int release_window(struct worker *worker, bool mapped)
{
    struct test *t = worker->crowd->t;
    int r = 0;

    for (uint32_t i = 0; i < worker->w.handle_count && !r; i++) {
        if (mapped)
            r = kfd_unmap(t->fd, worker->w.handles[i], &t->gpu.gpu_id, 1);
        if (!r)
            r = kfd_free(t->fd, worker->w.handles[i]);
    }
    return r;
}

/* EFAULT is an answer where memory may be gone. */
static int allowed(struct worker *worker, int r)
{
    if (r == -EFAULT && worker->crowd->holes) {
        worker->refused++;
        return 0;
    }
    return r;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct test *t = worker->crowd->t;

    for (unsigned int round = 0; round < ROUNDS && !worker->error; round++) {
        int r;

        random_ranges(worker);
        r = alloc_window(worker);
        worker->error = allowed(worker, r);
        for (uint32_t i = 0; i < worker->w.handle_count && !r; i++)
            r = kfd_map(t->fd, worker->w.handles[i], &t->gpu.gpu_id, 1);
        if (!worker->error)
            worker->error = allowed(worker, r);
        r = release_window(worker, r == 0);
        if (!worker->error)
            worker->error = r;
    }
    return NULL;
}

/* Give back a page, forbid writing for a moment, or unmap and map anew. */
static void *change(void *argument)
{
    struct crowd *crowd = argument;
    unsigned int seed = 4711;

    while (!atomic_load(&crowd->stop)) {
        char *page = crowd->memory + (uint64_t)rand_r(&seed) % PAGES * KFD_PAGE;

        if (!crowd->holes || rand_r(&seed) % 2) {
            madvise(page, KFD_PAGE, MADV_DONTNEED);
        } else {
            munmap(page, KFD_PAGE);
            usleep(50);
            if (mmap(page, KFD_PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != page)
                abort();
        }
        usleep(200);
    }
    return NULL;
}

static void crowded(struct test *t, bool batch, bool holes)
{
    struct crowd crowd = {.t = t, .memory = pages_new(t, PAGES * KFD_PAGE), .holes = holes};
    struct worker workers[WORKERS];
    char before[ACCOUNTING];
    unsigned int refused = 0;
    pthread_t changer;
    struct queue q;

    crowd.batch = batch;
    accounting(before);
    queue_new(t, &q);
    CHECK(t, pthread_create(&changer, NULL, change, &crowd) == 0);
    for (unsigned int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.crowd = &crowd, .seed = 1000 + i};
        workers[i].w.va = WINDOW + ((uint64_t)i << 30);
        CHECK(t, pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (unsigned int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].error)
            printf("FAIL worker %u: %s\n", i, kfd_errno_name(workers[i].error));
        CHECK(t, workers[i].error == 0);
        refused += workers[i].refused;
    }
    atomic_store(&crowd.stop, true);
    pthread_join(changer, NULL);
    printf("| threads | %u registrations of 1 to %u ranges, %u refused |\n", WORKERS * ROUNDS,
           RANGES, refused);

    /* All of them once more, now that it is quiet, and all stay. */
    for (unsigned int i = 0; i < WORKERS; i++) {
        random_ranges(&workers[i]);
        window_make(t, &workers[i].w, batch);
    }
    for (unsigned int i = 0; i < WORKERS; i++)
        window_check(t, &workers[i].w, true);
    for (unsigned int i = 0; i < WORKERS; i++)
        window_drop(t, &workers[i].w);
    queue_drop(t, &q);
    munmap(crowd.memory, PAGES * KFD_PAGE);
    CHECK(t, accounting_back(before));
}

static void dontneed_per_range(struct test *t)
{
    crowded(t, false, false);
}

static void dontneed_batch(struct test *t)
{
    crowded(t, true, false);
}

static void munmap_batch(struct test *t)
{
    crowded(t, true, true);
}

const struct test_case threads_cases[] = {
    {"threads/dontneed-per-range", dontneed_per_range, 0},
    {"threads/dontneed-batch", dontneed_batch, NEEDS_BATCH},
    {"threads/munmap-batch", munmap_batch, NEEDS_BATCH},
    {NULL, NULL, 0},
};
