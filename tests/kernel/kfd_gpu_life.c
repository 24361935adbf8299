// SPDX-License-Identifier: MIT
/*
 * Cases: queues, failure, concurrency and death. What KFD accounts for (debugfs, kfd/mem_limit)
 * must be the same before and after each of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kfd_gpu.h"

#define LARGE 512u /* ranges of the larger lists */

/* LARGE ranges of one page, every other page of one mapping. */
static struct kfd_ioctl_userptr_range *every_other(char *base)
{
    struct kfd_ioctl_userptr_range *ranges = calloc(LARGE, sizeof(*ranges));

    for (uint32_t i = 0; ranges && i < LARGE; i++)
        ranges[i] = (struct kfd_ioctl_userptr_range){(uintptr_t)base + 2 * i * KFD_PAGE, KFD_PAGE};
    return ranges;
}

/* A list whose last range is bad: nothing of it may stay. */
static void all_or_nothing(struct test *t)
{
    char *base = pages_new(t, 2 * LARGE * KFD_PAGE), before[ACCOUNTING];
    struct kfd_ioctl_userptr_range *ranges = every_other(base);
    uint64_t handle = 0;

    accounting(before);
    munmap(base + 2 * (LARGE - 1) * KFD_PAGE, KFD_PAGE);
    for (int i = 0; i < 50; i++)
        CHECK(t, kfd_alloc_batch(t->fd, t->gpu.gpu_id, WINDOW, ranges, LARGE, &handle) == -EFAULT);
    CHECK(t, accounting_back(before));
    /* No notifier is left behind: a change of the memory evicts nothing. */
    CHECK(t, madvise(base, 64 * KFD_PAGE, MADV_DONTNEED) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) == 0);
    CHECK(t, handle == 0);
    free(ranges);
    munmap(base, 2 * LARGE * KFD_PAGE);
}

static void again_and_again(struct test *t)
{
    char *base = pages_new(t, 2 * LARGE * KFD_PAGE), before[ACCOUNTING];
    struct kfd_ioctl_userptr_range *ranges = every_other(base);
    uint64_t handle = 0;

    accounting(before);
    for (int i = 0; i < 20; i++) {
        CHECK(t, kfd_alloc_batch(t->fd, t->gpu.gpu_id, WINDOW, ranges, LARGE, &handle) == 0);
        CHECK(t, kfd_map(t->fd, handle, &t->gpu.gpu_id, 1) == 0);
        CHECK(t, kfd_free(t->fd, handle) == -EBUSY);
        CHECK(t, kfd_unmap(t->fd, handle, &t->gpu.gpu_id, 1) == 0);
        CHECK(t, kfd_free(t->fd, handle) == 0);
    }
    CHECK(t, accounting_back(before));
    free(ranges);
    munmap(base, 2 * LARGE * KFD_PAGE);
}

static struct amdgpu_fake_state state_of(struct test *t)
{
    struct amdgpu_fake_state state = {0};

    CHECK(t, fake_state(t->fake, t->drm, &state) == 0);
    return state;
}

/* Registration stops no queue; a change of a range stops it once and it comes back. */
static void queue(struct test *t)
{
    char *base = mmap(NULL, 2 * LARGE * KFD_PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct kfd_ioctl_userptr_range *ranges = every_other(base);
    struct amdgpu_fake_state before, after;
    volatile char sum = 0;
    uint64_t handle = 0;
    struct queue q;

    queue_new(t, &q);
    before = state_of(t);
    CHECK(t, before.queues == 1);
    for (uint32_t i = 0; i < 2 * LARGE; i++)
        sum = (char)(sum + base[i * KFD_PAGE]); /* zero pages: the walk must break them */
    CHECK(t, kfd_alloc_batch(t->fd, t->gpu.gpu_id, WINDOW, ranges, LARGE, &handle) == 0);
    CHECK(t, kfd_map(t->fd, handle, &t->gpu.gpu_id, 1) == 0);
    after = state_of(t);
    CHECK(t, after.loads == before.loads && after.evicted == 0);
    CHECK(t, madvise(base, KFD_PAGE, MADV_DONTNEED) == 0);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    CHECK(t, queues_come_back(t, &before));
    after = state_of(t);
    CHECK(t, after.loads == before.loads + 1 && after.queues == 1);
    CHECK(t, kfd_unmap(t->fd, handle, &t->gpu.gpu_id, 1) == 0);
    CHECK(t, kfd_free(t->fd, handle) == 0);
    queue_drop(t, &q);
    free(ranges);
    munmap(base, 2 * LARGE * KFD_PAGE);
}

/*
 * Closing any descriptor of the render node, also a copy that a forked child had, waits for the
 * VM's fences (amdgpu_flush), and so asks for KFD's eviction fence: the queues are stopped, and
 * restored after PROCESS_RESTORE_TIME_MS, 100 ms. The stock driver's doing; if this case fails, it
 * has been repaired.
 */
static void duplicate_closed(struct test *t)
{
    struct amdgpu_fake_state before, after;
    struct queue q;
    int duplicate;

    queue_new(t, &q);
    before = state_of(t);
    duplicate = dup(t->drm);
    CHECK(t, duplicate != -1 && close(duplicate) == 0);
    after = state_of(t);
    for (int ms = 0; ms < 5000 && after.loads == before.loads; ms++) {
        usleep(1000);
        after = state_of(t);
    }
    CHECK(t, after.loads == before.loads + 1 && after.queues == 1);
    queue_drop(t, &q);
}

struct disturber {
    char *memory;
    uint64_t bytes;
    atomic_bool stop;
};

/* Give back a page of the disturbed memory every 200 us. */
static void *disturb(void *argument)
{
    struct disturber *d = argument;
    unsigned int seed = 7;

    while (!atomic_load(&d->stop)) {
        uint64_t page = (uint64_t)rand_r(&seed) % (d->bytes / KFD_PAGE);

        madvise(d->memory + page * KFD_PAGE, KFD_PAGE, MADV_DONTNEED);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return NULL;
}

/* The same memory changes while it is registered, used and released; at the end all is consistent.
 */
static void disturbed(struct test *t)
{
    const uint64_t bytes = 2 * LARGE * KFD_PAGE;
    struct disturber d = {.memory = pages_new(t, bytes), .bytes = bytes};
    struct window w = {.count = MAX_RANGES};
    pthread_t thread;

    for (uint32_t i = 0; i < w.count; i++)
        w.ranges[i] = (struct kfd_ioctl_userptr_range){
            (uintptr_t)d.memory + (uint64_t)i * bytes / w.count, 8 * KFD_PAGE};
    CHECK(t, pthread_create(&thread, NULL, disturb, &d) == 0);
    for (int i = 0; i < 10; i++) {
        uint64_t handle = 0;

        CHECK(t, kfd_alloc_batch(t->fd, t->gpu.gpu_id, WINDOW, w.ranges, w.count, &handle) == 0);
        CHECK(t, kfd_map(t->fd, handle, &t->gpu.gpu_id, 1) == 0);
        CHECK(t, kfd_unmap(t->fd, handle, &t->gpu.gpu_id, 1) == 0);
        CHECK(t, kfd_free(t->fd, handle) == 0);
    }
    CHECK(t, kfd_alloc_batch(t->fd, t->gpu.gpu_id, WINDOW, w.ranges, w.count, &w.handles[0]) == 0);
    w.handle_count = 1;
    CHECK(t, kfd_map(t->fd, w.handles[0], &t->gpu.gpu_id, 1) == 0);
    usleep(20000);
    atomic_store(&d.stop, true);
    pthread_join(thread, NULL);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    window_check(t, &w, true);
    window_check_data(t, &w, 61);
    window_drop(t, &w);
    munmap(d.memory, bytes);
}

/* A process of its own with a mapped batch; with hold it waits to be killed, else it just exits. */
static void child_process(const struct kfd_gpu *gpu, int ready, bool hold, bool untouched)
{
    const uint64_t bytes = 2 * LARGE * KFD_PAGE * (untouched ? 8 : 1);
    int fd = open("/dev/kfd", O_RDWR | O_CLOEXEC);
    char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct kfd_ioctl_userptr_range *ranges = every_other(base);
    uint64_t handle;

    for (uint32_t i = 0; untouched && i < LARGE; i++)
        ranges[i] =
            (struct kfd_ioctl_userptr_range){(uintptr_t)base + 16 * i * KFD_PAGE, 15 * KFD_PAGE};
    if (fd == -1 || kfd_acquire_vm(fd, gpu) < 0)
        _exit(1);
    if (untouched && write(ready, "r", 1) != 1)
        _exit(1);
    if (kfd_alloc_batch(fd, gpu->gpu_id, WINDOW, ranges, LARGE, &handle) ||
        kfd_map(fd, handle, &gpu->gpu_id, 1))
        _exit(2);
    if (!untouched && write(ready, "r", 1) != 1)
        _exit(1);
    while (hold)
        pause();
    _exit(0);
}

static void death(struct test *t, bool killed, bool early, unsigned int delay_us)
{
    char before[ACCOUNTING], byte;
    int ready[2], status = -1;
    pid_t child;

    accounting(before);
    CHECK(t, pipe(ready) == 0);
    child = fork();
    if (child == 0)
        child_process(&t->gpu, ready[1], killed, early);
    close(ready[1]);
    CHECK(t, read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    if (killed) {
        usleep(delay_us);
        kill(child, SIGKILL);
    }
    CHECK(t, waitpid(child, &status, 0) == child);
    CHECK(t, killed ? WIFSIGNALED(status) : status == 0);
    CHECK(t, accounting_back(before));
}

static void exit_without_free(struct test *t)
{
    death(t, false, false, 0);
}

static void killed_while_mapped(struct test *t)
{
    death(t, true, false, 1000);
}

/* At different moments of a registration that has to fault in all of its memory. */
static void killed_while_registering(struct test *t)
{
    for (unsigned int us = 50; us < 20000; us *= 3)
        death(t, true, true, us);
}

/* More memory than the limit: refused, and nothing is left. */
static void memory_limit(struct test *t)
{
    const uint64_t bytes = 1ull << 36;
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    struct kfd_ioctl_userptr_range range = {(uintptr_t)p, bytes};
    uint64_t handle = 0;
    char before[ACCOUNTING];

    CHECK(t, p != MAP_FAILED);
    accounting(before);
    CHECK(t, kfd_alloc_batch(t->fd, t->gpu.gpu_id, WINDOW, &range, 1, &handle) == -ENOMEM);
    CHECK(t, accounting_back(before));
    munmap(p, bytes);
}

const struct test_case life_cases[] = {
    {"life/all-or-nothing", all_or_nothing, NEEDS_BATCH},
    {"life/again-and-again", again_and_again, NEEDS_BATCH},
    {"life/queue", queue, NEEDS_BATCH},
    {"life/duplicate-closed", duplicate_closed, 0},
    {"life/disturbed", disturbed, NEEDS_BATCH},
    {"life/exit", exit_without_free, NEEDS_BATCH},
    {"life/killed-while-mapped", killed_while_mapped, NEEDS_BATCH},
    {"life/killed-while-registering", killed_while_registering, NEEDS_BATCH},
    {"life/memory-limit", memory_limit, NEEDS_BATCH},
    {NULL, NULL, 0},
};
