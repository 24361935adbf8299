// SPDX-License-Identifier: MIT
/*
 * Cases, run only by name: the kernel's NUMA balancing is on while memory is registered and read by
 * the DMA engine. The memory is on node 1, a thread touches it from node 0: time and again the
 * kernel takes the pages out of the process' page tables to see who touches them, and moves them. A
 * single userptr and a batch of the same size take turns. Owns the kernel's settings while a case
 * runs.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kfd_gpu.h"

#define RANGES 64u
#define PAGES 16u /* of each range */
#define WINDOW_PAGES (RANGES * PAGES)
#define BYTES (2 * WINDOW_PAGES * KFD_PAGE) /* ranges, and empty gaps as large as they */
#define MAGIC 0x6e756d61000000ull
#define ROUNDS 3         /* of each kind, in turns */
#define REGISTRATIONS 2u /* in each round, the last one for the engine */
#define STOPS 4u         /* of the queue, in each round */
#define BURST_US 12000u  /* the thread touches the memory */
#define PAUSE_US 30000u  /* and does not */
#define PATIENCE 60000u  /* milliseconds, for a round */

/*
 * The kernel looks at all of the process' memory for every 10 ms that the thread ran, not for every
 * second: the size is there because it bounds the rate (kernel/sched/fair.c, task_scan_min).
 */
static const char *const settings[][2] = {
    {"/sys/kernel/debug/sched/numa_balancing/scan_delay_ms", "10"},
    {"/sys/kernel/debug/sched/numa_balancing/scan_size_mb", "16"},
    {"/sys/kernel/debug/sched/numa_balancing/scan_period_min_ms", "10"},
    {"/sys/kernel/debug/sched/numa_balancing/scan_period_max_ms", "10"},
    {"/proc/sys/kernel/numa_balancing", "1"},
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static bool setting_write(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd != -1 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

    if (fd != -1)
        close(fd);
    return ok;
}

static void setting_read(const char *path, char value[32])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? -1 : read(fd, value, 31);

    value[n > 0 ? n : 0] = '\0';
    if (fd != -1)
        close(fd);
}

/* Of /proc/vmstat: page table entries taken out, faults by them, pages moved by them. */
struct counts {
    uint64_t updates, faults, moved;
};

static struct counts counts_now(struct test *t)
{
    FILE *file = fopen("/proc/vmstat", "re");
    struct counts c = {0};
    unsigned long value;
    char name[64];

    CHECK(t, file != NULL);
    while (file && fscanf(file, "%63s %lu", name, &value) == 2) {
        if (!strcmp(name, "numa_pte_updates"))
            c.updates = value;
        else if (!strcmp(name, "numa_hint_faults"))
            c.faults = value;
        else if (!strcmp(name, "numa_pages_migrated"))
            c.moved = value;
    }
    if (file)
        fclose(file);
    return c;
}

static uint64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void window_of(struct window *w, char *base, bool batch)
{
    *w = (struct window){.count = batch ? RANGES : 1};
    w->ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)base, WINDOW_PAGES * KFD_PAGE};
    for (uint32_t i = 0; batch && i < RANGES; i++)
        w->ranges[i] = (struct kfd_ioctl_userptr_range){
            (uintptr_t)base + (i * 5 + 3) % RANGES * 2 * PAGES * KFD_PAGE, PAGES * KFD_PAGE};
}

static char *page_of(const struct window *w, uint64_t i)
{
    uint64_t pages = w->ranges[0].size / KFD_PAGE; /* all are of one size */

    return (char *)(uintptr_t)w->ranges[i / pages].start + i % pages * KFD_PAGE;
}

struct toucher {
    const struct window *w;
    atomic_bool stop;
    atomic_uint passes;
    pthread_t thread;
};

/* On processor 0, which is node 0's. The second word of every page: the first is the engine's. */
static void *touch(void *argument)
{
    struct toucher *toucher = argument;
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof(set), &set);
    while (!atomic_load(&toucher->stop)) {
        uint64_t start = now_us();

        do {
            for (uint64_t i = 0; i < WINDOW_PAGES; i++)
                ((volatile uint64_t *)page_of(toucher->w, i))[1]++;
            atomic_fetch_add(&toucher->passes, 1);
        } while (now_us() - start < BURST_US);
        usleep(PAUSE_US);
    }
    return NULL;
}

/* What the rounds of one kind add up to. */
struct outcome {
    struct counts counts;
    uint64_t registered_us, registered_max_us, stops, stopped_us, elapsed_us;
};

static struct amdgpu_fake_state state_of(struct test *t)
{
    struct amdgpu_fake_state state = {0};

    CHECK(t, fake_state(t->fake, t->drm, &state) == 0);
    return state;
}

static void balance(struct test *t, bool on)
{
    CHECK(t, setting_write("/proc/sys/kernel/numa_balancing", on ? "1" : "0"));
}

/*
 * All pages to node 1, from where they come back. Balancing is off meanwhile, and the thread has
 * touched whatever was taken out. It is on afterwards.
 */
static void move_away(struct test *t, struct toucher *toucher)
{
    unsigned int passes;

    balance(t, false);
    passes = atomic_load(&toucher->passes);
    for (int ms = 0; ms < 20000 && atomic_load(&toucher->passes) - passes < 2; ms++)
        usleep(1000);
    for (uint64_t i = 0; i < WINDOW_PAGES; i += PAGES)
        CHECK(t, pages_move(page_of(toucher->w, i), PAGES, 1) == PAGES);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    balance(t, true);
}

static void register_some(struct test *t, struct window *w, bool batch, struct outcome *o)
{
    for (uint32_t i = 0; i < REGISTRATIONS; i++) {
        uint64_t us = now_us();

        window_make(t, w, batch);
        us = now_us() - us;
        o->registered_us += us;
        if (us > o->registered_max_us)
            o->registered_max_us = us;
        if (i < REGISTRATIONS - 1)
            window_drop(t, w);
    }
}

/* Until the queue was stopped and started again STOPS times. */
static void let_balance(struct test *t, struct outcome *o)
{
    struct amdgpu_fake_state before = state_of(t), after;
    struct counts from = counts_now(t), to;
    uint64_t start = now_us();

    do {
        usleep(4000);
        after = state_of(t);
    } while (after.loads - before.loads < STOPS && now_us() - start < PATIENCE * 1000ull);
    to = counts_now(t);
    CHECK(t, after.loads - before.loads >= STOPS);
    o->elapsed_us += now_us() - start;
    o->stops += after.loads - before.loads;
    o->stopped_us += (after.stopped_ns - before.stopped_ns) / 1000;
    o->counts.updates += to.updates - from.updates;
    o->counts.faults += to.faults - from.faults;
    o->counts.moved += to.moved - from.moved;
}

static void round_of(struct test *t, char *base, bool batch, struct outcome *o)
{
    struct window w;
    struct toucher toucher = {.w = &w};
    struct amdgpu_fake_dma seen = {0};

    window_of(&w, base, batch);
    CHECK(t, madvise(base, BYTES, MADV_DONTNEED) == 0);
    for (uint64_t i = 0; i < WINDOW_PAGES; i++)
        *(volatile uint64_t *)page_of(&w, i) = MAGIC + i;
    CHECK(t, pthread_create(&toucher.thread, NULL, touch, &toucher) == 0);
    move_away(t, &toucher);
    register_some(t, &w, batch, o);
    CHECK(t, fake_dma_start(t->fake, t->drm, WINDOW, WINDOW_PAGES, MAGIC) == 0);
    move_away(t, &toucher);
    let_balance(t, o);
    balance(t, false);
    CHECK(t, fake_wait_restored(t->fake, t->drm) >= 0);
    CHECK(t, fake_dma_wait(t->fake, t->drm, 2 * WINDOW_PAGES));
    CHECK(t, fake_dma_stop(t->fake, t->drm, &seen) == 0);
    CHECK(t, seen.freed == 0 && seen.foreign == 0 && seen.faults == 0);
    CHECK(t, seen.accesses > WINDOW_PAGES && seen.hits > 0);
    window_check(t, &w, true);
    window_drop(t, &w);
    atomic_store(&toucher.stop, true);
    pthread_join(toucher.thread, NULL);
}

static void report(const char *name, const struct outcome *o)
{
    printf("| balancing, %-6s | registered in %.1f ms (%.1f at most) | %lu entries taken out, %lu "
           "faults, %lu pages moved in %lu ms | %lu stops of %.1f ms |\n",
           name, (double)o->registered_us / (1000 * ROUNDS * REGISTRATIONS),
           (double)o->registered_max_us / 1000, (unsigned long)o->counts.updates,
           (unsigned long)o->counts.faults, (unsigned long)o->counts.moved,
           (unsigned long)o->elapsed_us / 1000, (unsigned long)o->stops,
           (double)o->stopped_us / 1000 / (double)o->stops);
}

/* Not huge pages: each is taken out and moved by itself, which is the most work. */
static char *small_pages(struct test *t)
{
    char *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(t, p != MAP_FAILED && madvise(p, BYTES, MADV_NOHUGEPAGE) == 0);
    return p;
}

static void balancing(struct test *t)
{
    char *base = small_pages(t);
    struct outcome outcome[2] = {0};
    char old[SETTINGS][32];
    struct queue q;

    for (size_t i = 0; i < SETTINGS; i++) {
        setting_read(settings[i][0], old[i]);
        CHECK(t, setting_write(settings[i][0], settings[i][1]));
    }
    queue_new(t, &q);
    for (int i = 0; i < 2 * ROUNDS && !t->failures; i++)
        round_of(t, base, i % 2, &outcome[i % 2]);
    report("single", &outcome[0]);
    report("batch", &outcome[1]);
    /*
     * It was balancing: pages were taken out and moved in each round. And a batch does not stop the
     * queue for longer than a single buffer does; which is a matter of the kernel's tick, so half
     * as much is allowed.
     */
    for (int i = 0; i < 2; i++)
        CHECK(t, outcome[i].counts.faults >= ROUNDS * WINDOW_PAGES &&
                     outcome[i].counts.moved >= ROUNDS * WINDOW_PAGES / 2);
    if (sysconf(_SC_NPROCESSORS_ONLN) == 1) /* and its clock counts instructions */
        CHECK(t, outcome[1].stopped_us * outcome[0].stops * 2 <=
                     outcome[0].stopped_us * outcome[1].stops * 3);
    queue_drop(t, &q);
    for (size_t i = 0; i < SETTINGS; i++)
        CHECK(t, setting_write(settings[i][0], old[i]));
    munmap(base, BYTES);
}

const struct test_case numa_cases[] = {
    {"numa/balancing", balancing, NEEDS_BATCH | NEEDS_TWO_NODES},
    {NULL, NULL, 0},
};
