// SPDX-License-Identifier: MIT
/*
 * Cases: allocations fail in the worker that restores userptrs after an eviction: the first, the
 * second, until none is left to fail. Each time the worker must come back and end right: page
 * tables as pagemap says, the queue loaded again, nothing lost. Needs a kernel with fault injection
 * (kernel/amdkfd/asan).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kfd_gpu.h"

#define RANGES 48u
#define PAGES 4u
#define STRIDE (2 * PAGES * KFD_PAGE)
#define PARAMETERS "/sys/module/amdgpu/parameters/"

static unsigned int parameter(struct test *t, const char *name)
{
    FILE *file = fopen(name, "re");
    unsigned int value = 0;

    CHECK(t, file && fscanf(file, "%u", &value) == 1);
    if (file)
        fclose(file);
    return value;
}

static void set(struct test *t, const char *name, const char *value)
{
    int fd = open(name, O_WRONLY | O_CLOEXEC);

    CHECK(t, fd != -1 && write(fd, value, strlen(value)) == (ssize_t)strlen(value));
    if (fd != -1)
        close(fd);
}

/*
 * Allocations that may sleep are to fail, too; no stack of each. A page that the worker cannot have
 * is EFAULT for a single userptr, as if memory had been unmapped, and the buffer is off the GPU
 * until it changes again (docs/kernel.md): there they are spared. A batch tells the two apart.
 */
static void allocations_may_fail(struct test *t, bool user_pages)
{
    const char *const settings[][2] = {
        {"failslab/ignore-gfp-wait", "N"},
        {"failslab/verbose", "0"},
        {"fail_page_alloc/ignore-gfp-wait", "N"},
        {"fail_page_alloc/ignore-gfp-highmem", user_pages ? "N" : "Y"},
        {"fail_page_alloc/min-order", "0"},
        {"fail_page_alloc/verbose", "0"},
    };

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        char path[96];

        snprintf(path, sizeof(path), "/sys/kernel/debug/%s", settings[i][0]);
        set(t, path, settings[i][1]);
    }
}

/* A window that is mapped on one GPU or on both, and a queue that evictions stop. */
struct scene {
    struct window w;
    struct queue q;
    char *base;
    bool both;
};

static void scene_check(struct test *t, const struct scene *s, bool mapped)
{
    window_check(t, &s->w, mapped);
    if (s->both)
        window_check_second(t, &s->w, mapped);
}

static void scene_make(struct test *t, struct scene *s, bool batch, bool both)
{
    const uint32_t ids[] = {t->gpu.gpu_id, t->second.gpu_id};

    *s = (struct scene){.w.count = RANGES, .base = pages_new(t, RANGES * STRIDE), .both = both};
    for (uint32_t i = 0; i < RANGES; i++)
        s->w.ranges[i] = (struct kfd_ioctl_userptr_range){
            (uintptr_t)s->base + (i * 7 + 5) % RANGES * STRIDE, PAGES * KFD_PAGE};
    queue_new(t, &s->q);
    window_alloc(t, &s->w, batch);
    for (uint32_t i = 0; i < s->w.handle_count; i++)
        CHECK(t, kfd_map(t->fd, s->w.handles[i], ids, both ? 2 : 1) == 0);
    scene_check(t, s, true);
}

static void scene_drop(struct test *t, struct scene *s)
{
    const uint32_t ids[] = {t->gpu.gpu_id, t->second.gpu_id};

    for (uint32_t i = 0; i < s->w.handle_count; i++) {
        CHECK(t, kfd_unmap(t->fd, s->w.handles[i], ids, s->both ? 2 : 1) == 0);
        CHECK(t, kfd_free(t->fd, s->w.handles[i]) == 0);
    }
    scene_check(t, s, false);
    queue_drop(t, &s->q);
    munmap(s->base, RANGES * STRIDE);
}

/* Three ranges lose their pages; the worker must find new ones, as nobody else touches them. */
static void give_back(struct test *t, struct scene *s)
{
    for (uint32_t i = 3; i < RANGES; i += 17)
        CHECK(t, madvise((void *)(uintptr_t)s->w.ranges[i].start, PAGES * KFD_PAGE,
                         MADV_DONTNEED) == 0);
}

/* A range goes away. */
static void unmap_range(struct test *t, struct scene *s)
{
    CHECK(t, munmap((void *)(uintptr_t)s->w.ranges[20].start, PAGES * KFD_PAGE) == 0);
}

/* It comes back, and the next eviction takes note of that. */
static void bring_back(struct test *t, struct scene *s)
{
    void *p = (void *)(uintptr_t)s->w.ranges[20].start;

    CHECK(t, mmap(p, PAGES * KFD_PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
    give_back(t, s);
}

/*
 * change evicts; the worker's nth allocation fails; in the end the window must be mapped, or not,
 * and the queue must run. False once there was no nth allocation any more.
 */
static bool one_restore(struct test *t, struct scene *s, unsigned int nth,
                        void (*change)(struct test *, struct scene *), bool mapped)
{
    unsigned int failed = parameter(t, PARAMETERS "fake_restore_failed");
    struct amdgpu_fake_state before = {0};
    char text[16];
    int failures = t->failures;

    CHECK(t, fake_state(t->fake, t->drm, &before) == 0);
    snprintf(text, sizeof(text), "%u", nth);
    set(t, PARAMETERS "fake_restore_fail", text);
    change(t, s);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    CHECK(t, parameter(t, PARAMETERS "fake_restore_fail") == 0);
    scene_check(t, s, mapped);
    CHECK(t, queues_come_back(t, &before));
    if (t->failures > failures)
        printf("FAIL when allocation %u failed\n", nth);
    return parameter(t, PARAMETERS "fake_restore_failed") == failed + 1;
}

static void sweep(struct test *t, struct scene *s, const char *name,
                  void (*change)(struct test *, struct scene *), bool mapped,
                  void (*back)(struct test *, struct scene *))
{
    unsigned int runs = parameter(t, PARAMETERS "fake_restore_runs"), n = 1;

    while (one_restore(t, s, n, change, mapped) && n < 1000) {
        if (back)
            one_restore(t, s, 0, back, true);
        n++;
    }
    CHECK(t, n > 1 && n < 1000);
    printf("| %-40s | %3u allocations failed, %3u runs of the worker |\n", name, n - 1,
           parameter(t, PARAMETERS "fake_restore_runs") - runs);
}

static void restore(struct test *t, bool batch, bool both)
{
    char before[ACCOUNTING], name[64];
    struct scene s;

    allocations_may_fail(t, batch);
    accounting(before);
    scene_make(t, &s, batch, both);
    snprintf(name, sizeof(name), "restore, %s, %s", batch ? "batch" : "per-range",
             both ? "two GPUs" : "one GPU");
    sweep(t, &s, name, give_back, true, NULL);
    if (batch) {
        snprintf(name, sizeof(name), "restore of a hole, batch, %s", both ? "two GPUs" : "one GPU");
        sweep(t, &s, name, unmap_range, false, bring_back);
        one_restore(t, &s, 0, bring_back, true);
    }
    window_check_data(t, &s.w, 121);
    scene_drop(t, &s);
    CHECK(t, accounting_back(before));
}

static void restore_per_range(struct test *t)
{
    restore(t, false, false);
}

static void restore_batch(struct test *t)
{
    restore(t, true, false);
}

static void restore_both_batch(struct test *t)
{
    restore(t, true, true);
}

const struct test_case faults_cases[] = {
    {"faults/restore-per-range", restore_per_range, NEEDS_FAULTS},
    {"faults/restore-batch", restore_batch, NEEDS_BATCH | NEEDS_FAULTS},
    {"faults/restore-both-batch", restore_both_batch, NEEDS_BATCH | NEEDS_FAULTS | NEEDS_TWO_GPUS},
    {NULL, NULL, 0},
};
