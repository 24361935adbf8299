/* SPDX-License-Identifier: MIT */
/*
 * The guest's GPU tests: what one case gets, and how it says what it found. A case is a function
 * that makes its own memory layout, checks, and leaves the process as it found it.
 */
#ifndef TESTS_KERNEL_KFD_GPU_H
#define TESTS_KERNEL_KFD_GPU_H

#include <stdbool.h>
#include <stdint.h>

#include "fake.h"
#include "kfd.h"

#define WINDOW 0x7000000000ull /* GPU VA of every case's buffer */
#define MAX_RANGES 64

struct test {
    int fd;   /* /dev/kfd */
    int drm;  /* render node, VM acquired */
    int fake; /* /dev/amdgpu_fake */
    struct kfd_gpu gpu;
    int second_drm; /* a second GPU, or -1 */
    struct kfd_gpu second;
    bool batch;       /* the driver has the batch ioctl */
    bool svm;         /* and was built with SVM */
    const char *only; /* cases whose names begin so */
    int failures;
};

/* A list of ranges and the buffer over it. */
struct window {
    uint64_t va; /* of the buffer; 0: WINDOW */
    struct kfd_ioctl_userptr_range ranges[MAX_RANGES];
    uint32_t count;
    uint64_t handles[MAX_RANGES]; /* one for each range, or only the first */
    uint32_t handle_count;
};

/* Record a failed expectation; the case goes on. */
void check(struct test *t, bool ok, const char *file, int line, const char *text);
#define CHECK(t, condition) check(t, condition, __FILE__, __LINE__, #condition)

/* ALLOC and MAP: one batch, or one buffer for each range. A failure is recorded. */
void window_make(struct test *t, struct window *w, bool batch);
void window_drop(struct test *t, struct window *w);
uint64_t window_bytes(const struct window *w);
uint64_t window_va(const struct window *w);
/* ALLOC alone. */
void window_alloc(struct test *t, struct window *w, bool batch);
/* The same window as the second GPU sees it: what is checked there counts for t. */
void window_check_second(struct test *t, const struct window *w, bool mapped);

/*
 * Every page of the window translates to the page that pagemap shows, readable and writeable, and
 * nothing next to the window is mapped. With mapped false: no page of the window is mapped.
 */
void window_check(struct test *t, const struct window *w, bool mapped);
/* Data written by the CPU is read by DMA, and the other way round, through the whole window. */
void window_check_data(struct test *t, const struct window *w, unsigned int seed);

/* Is the page at va mapped? */
bool is_mapped(struct test *t, uint64_t va);

/* Anonymous memory, touched. NULL is recorded as a failure. */
void *pages_new(struct test *t, uint64_t bytes);
/* Move up to NODE_PAGES pages to a NUMA node; how many of them are there then. */
#define NODE_PAGES 64ul
unsigned long pages_move(char *base, unsigned long pages, int node);

/*
 * A queue whose ring nobody reads: enough for KFD to load, evict and restore it. An SDMA queue,
 * since Linux 6.12 wants to see an area for context switches with a compute queue; and it wants
 * ring and pointers mapped where they are (kfd_queue_acquire_buffers).
 */
struct queue {
    char *memory; /* the ring, and a page with the pointers */
    uint64_t handles[2];
    uint32_t id;
};

void queue_new(struct test *t, struct queue *q);
void queue_drop(struct test *t, struct queue *q);
/*
 * Wait until queues were loaded since before and as many are. The restore worker counts no eviction
 * any more (fake_wait_restored) a moment before it loads them. False after five seconds.
 */
bool queues_come_back(struct test *t, const struct amdgpu_fake_state *before);

/* KFD's accounting (debugfs, kfd/mem_limit), and a wait for it to be as it was: false after a
 * while. */
#define ACCOUNTING 256
void accounting(char text[ACCOUNTING]);
bool accounting_back(const char before[ACCOUNTING]);

/* What a case needs beyond one GPU. Without it the case is left out. */
enum needs {
    NEEDS_BATCH = 1,
    NEEDS_TWO_GPUS = 2,
    NEEDS_TWO_NODES = 4,
    NEEDS_SVM = 8,
    NEEDS_FAULTS = 16
};

typedef void case_fn(struct test *t);
struct test_case {
    const char *name;
    case_fn *run;
    unsigned int needs; /* NEEDS_* */
};

extern const struct test_case map_cases[], change_cases[], life_cases[], live_cases[];
extern const struct test_case gpus_cases[], memory_cases[], threads_cases[], numa_cases[];
extern const struct test_case faults_cases[];

#endif
