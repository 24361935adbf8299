/* SPDX-License-Identifier: MIT */
/*
 * What the library's own work costs: the public functions on a kernel that does nothing. The system
 * calls behind runtime/sys.h are replaced by empty functions; malloc(), with the page faults of
 * fresh memory, is real. Beside each figure the floor of the same run: what the memory alone costs.
 *
 * bench_library [--ranges N] [--repeat R] [--json] [--check]
 */
#include <hip_scatter/hip_scatter.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "device.h"
#include "kfd.h"
#include "sys.h"

#define PAGE 4096u
#define MAX_THREADS 64
#define FIXED_BYTES (5 * PAGE)
#define LOOKUPS (1u << 18)
#define FIRST_HOST (1ull << 45) /* of the imitated host memory; nothing is there */

static size_t range_count = 1000000;
static unsigned repeat = 9;
static bool json, check;

static void die(const char *what)
{
    fprintf(stderr, "bench_library: %s: %s\n", what, hipScatterGetLastErrorMessage());
    exit(1);
}

static void *must(void *memory)
{
    if (!memory)
        die("out of memory");
    return memory;
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* For what takes long: the calling thread's own time, because others may want the core as well. */
static uint64_t cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* For single calls: reading the thread's time would cost more than they do. */
static uint64_t wall_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* A machine with one GPU whose driver answers at once. */

static uint64_t next_address = 0x100000000000;

static int fake_open(const char *path, int flags)
{
    (void)path, (void)flags;
    return 1000;
}

static int fake_close(int fd)
{
    (void)fd;
    return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
    (void)fd, (void)request;
    /* MAP and UNMAP: n_success = n_devices, in the layout of linux/kfd_ioctl.h. */
    if ((request & 0xff) == 0x18 || (request & 0xff) == 0x19)
        ((uint32_t *)arg)[5] = ((uint32_t *)arg)[4];
    return 0;
}

/* Addresses of a window are never followed, so that made-up ones do. */
static void *fake_mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset)
{
    (void)addr, (void)prot, (void)flags, (void)fd, (void)offset;
    next_address += (bytes + PAGE - 1) / PAGE * PAGE;
    return (void *)(uintptr_t)(next_address - bytes);
}

static int fake_munmap(void *addr, size_t bytes)
{
    (void)addr, (void)bytes;
    return 0;
}

static int fake_madvise(void *addr, size_t bytes, int advice)
{
    /* What makes the library's own memory cheaper is no cost of the kernel's that it could leave
     * out. */
    return advice == MADV_HUGEPAGE ? madvise(addr, bytes, advice) : 0;
}

/* What a block really takes: of large ones the pages that are there. */
static long long bytes_of(void *memory)
{
    size_t bytes = malloc_usable_size(memory), present = 0;
    uintptr_t start = (uintptr_t)memory / PAGE * PAGE, end = (uintptr_t)memory + bytes;
    unsigned char *pages;

    if (bytes < 128 << 10)
        return (long long)bytes;
    pages = must(calloc((end - start) / PAGE + 1, 1));
    if (mincore((void *)start, end - start, pages))
        die("mincore");
    for (size_t i = 0; i <= (end - 1 - start) / PAGE; i++)
        present += pages[i] & 1;
    free(pages);
    present *= PAGE;
    return (long long)present;
}

static struct hs_sys_ops real;
static void *blocks[16]; /* allocated through the table and not freed */

static void *remember(void *block)
{
    for (size_t i = 0; i < 16; i++) {
        if (!blocks[i]) {
            blocks[i] = block;
            return block;
        }
    }
    die("too many blocks");
    return NULL;
}

static void *remembering_alloc(size_t bytes)
{
    return remember(malloc(bytes));
}

static void *remembering_alloc_aligned(size_t alignment, size_t bytes)
{
    return remember(real.alloc_aligned(alignment, bytes));
}

static void forgetting_free(void *block)
{
    for (size_t i = 0; i < 16 && block; i++) {
        if (blocks[i] == block)
            blocks[i] = NULL;
    }
    free(block);
}

static long long kept_bytes(void)
{
    long long sum = 0;

    for (size_t i = 0; i < 16; i++)
        sum += blocks[i] ? bytes_of(blocks[i]) : 0;
    return sum;
}

/*
 * The library's one system call outside of the table: membarrier(), when the set of live pools
 * changes. Nothing in here looks pools up while it changes.
 */
long syscall(long number, ...)
{
    if (number != SYS_membarrier)
        abort();
    return 0;
}

/* HIP's functions that the library looks up in the process. */
hipError_t hipGetDeviceCount(int *count)
{
    *count = 1;
    return hipSuccess;
}

hipError_t hipGetDevice(int *ordinal)
{
    *ordinal = 0;
    return hipSuccess;
}

hipError_t hipSetDevice(int ordinal)
{
    (void)ordinal;
    return hipSuccess;
}

hipError_t hipDeviceGetPCIBusId(char *text, int bytes, int ordinal)
{
    (void)ordinal;
    snprintf(text, (size_t)bytes, "0000:01:00.0");
    return hipSuccess;
}

hipError_t hipDeviceSynchronize(void)
{
    return hipSuccess;
}

const char *hipGetErrorName(hipError_t error)
{
    (void)error;
    return "hipError";
}

/* The library wants these to be there, but has no reason to call them in here. */
static void never(void)
{
    abort();
}
#define NEVER_CALLED(name)                                                                         \
    extern void never_##name(void) __asm__(#name)                                                  \
        __attribute__((alias("never"), visibility("default")))
NEVER_CALLED(hipHostRegister);
NEVER_CALLED(hipHostUnregister);
NEVER_CALLED(hipHostGetDevicePointer);
NEVER_CALLED(hipMemcpy);
NEVER_CALLED(hipMemcpyAsync);
NEVER_CALLED(hipMemset);
NEVER_CALLED(hipMemsetAsync);
NEVER_CALLED(hipStreamSynchronize);
NEVER_CALLED(hipStreamAddCallback);

static void make_machine(void)
{
    struct hs_device device = {.gpu_id = 1,
                               .bdf = 1 << 8,
                               .highest = (1ull << 47) - 1,
                               .probed = 1,
                               .wire = HS_WIRE_IOCTL};

    hs_sys.open = fake_open;
    hs_sys.close = fake_close;
    hs_sys.ioctl = fake_ioctl;
    hs_sys.mmap = fake_mmap;
    hs_sys.munmap = fake_munmap;
    hs_sys.madvise = fake_madvise;
    hs_devices_set_for_test(&device, 1);
    if (hs_kfd_open())
        die("the imitated driver does not open");
}

/* Figures */

struct sample {
    double best, median;
};

struct figure {
    const char *name, *unit, *floor_name;
    struct sample value;
    double floor, target; /* target 0: none */
};

static struct figure figures[48];
static size_t figure_count;

static void add(const char *name, const char *unit, struct sample value, double target,
                double floor, const char *floor_name)
{
    if (figure_count == sizeof(figures) / sizeof(figures[0]))
        die("too many figures");
    figures[figure_count++] = (struct figure){.name = name,
                                              .unit = unit,
                                              .value = value,
                                              .target = target,
                                              .floor = floor,
                                              .floor_name = floor_name};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static struct sample sample_of(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return (struct sample){.best = values[0], .median = values[count / 2]};
}

static bool meets(const struct figure *f)
{
    return f->target <= 0 || f->value.best <= f->target;
}

static void print_table(double load)
{
    printf("%zu one-page ranges; system calls replaced by empty functions, page faults real; best "
           "and median of %u (lookups: four times as many);\n%ld cores, load %.1f: on a machine "
           "that does other things the best "
           "is nearer to the truth\n\n",
           range_count, repeat, sysconf(_SC_NPROCESSORS_ONLN), load);
    printf("%-34s %9s %9s %8s %-7s %8s\n", "", "best", "median", "target", "", "floor");
    for (size_t i = 0; i < figure_count; i++) {
        const struct figure *f = &figures[i];

        printf("%-34s %9.2f %9.2f ", f->name, f->value.best, f->value.median);
        if (f->target > 0)
            printf("%8.4g %-7s ", f->target, meets(f) ? "met" : "MISSED");
        else
            printf("%8s %-7s ", "", "");
        if (f->floor_name)
            printf("%8.2f %s; floor: %s\n", f->floor, f->unit, f->floor_name);
        else
            printf("%8s %s\n", "", f->unit);
    }
}

static void print_json(double load)
{
    printf("{\"ranges\": %zu, \"repeat\": %u, \"cores\": %ld, \"load\": %.2f, \"figures\": [\n",
           range_count, repeat, sysconf(_SC_NPROCESSORS_ONLN), load);
    for (size_t i = 0; i < figure_count; i++) {
        const struct figure *f = &figures[i];

        printf("  {\"name\": \"%s\", \"unit\": \"%s\", \"best\": %.3f, \"median\": %.3f", f->name,
               f->unit, f->value.best, f->value.median);
        if (f->target > 0)
            printf(", \"target\": %.3f, \"met\": %s", f->target, meets(f) ? "true" : "false");
        if (f->floor_name)
            printf(", \"floor\": %.3f, \"floor_name\": \"%s\"", f->floor, f->floor_name);
        printf("}%s\n", i + 1 < figure_count ? "," : "");
    }
    printf("]}\n");
}

/* Inputs */

static uint64_t random_state = 0x2545f4914f6cdd1d;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/*
 * Lists whose ranges never touch; addresses are numbers only: nothing is mapped there. UNEVEN:
 * three places terabytes apart, sizes from a page to 4 MiB.
 */
enum shape { ASCENDING, DENSE, SPARSE, MIXED, UNEVEN };

static void fill_list(hipScatterRange *list, size_t count, enum shape shape)
{
    const uint64_t sparse_gap = 2 * ((1ull << 45) / PAGE / count) - 2; /* 32 TiB in all */
    uint64_t at = FIRST_HOST / PAGE;

    for (size_t i = 0; i < count; i++) {
        uint64_t pages = 1, gap = 1;

        if (shape == SPARSE) {
            gap += random64() % sparse_gap;
        } else if (shape == MIXED) {
            pages += random64() % 8;
            gap += random64() % 8;
        } else if (shape == UNEVEN) {
            pages <<= random64() % 11;
            gap <<= random64() % 6;
            if (i == count / 3 || i == count / 3 * 2)
                at += 1ull << 31;
        }
        list[i] = (hipScatterRange){.base = (void *)(uintptr_t)(at * PAGE), .size = pages * PAGE};
        at += pages + gap;
    }
    for (size_t i = shape == ASCENDING ? 0 : count; i > 1; i--) {
        size_t k = random64() % i;
        hipScatterRange swap = list[i - 1];

        list[i - 1] = list[k];
        list[k] = swap;
    }
}

/* Out of every cache: the list line by line, everything else by what is read instead. */
static void make_cold(const void *list, size_t bytes)
{
    static char *other;
    const size_t other_bytes = 96u << 20;

    if (!other)
        other = must(malloc(other_bytes));
    memset(other, (int)random64(), other_bytes);
    for (size_t i = 0; i < bytes; i += 64)
        _mm_clflush((const char *)list + i);
    _mm_mfence();
}

/* Registration */

static void *do_register(const hipScatterRange *list, size_t count)
{
    void *window;

    if (hipHostRegisterScatter(&window, list, count, hipScatterRegisterDefault) != hipSuccess)
        die("hipHostRegisterScatter");
    return window;
}

static void do_unregister(void *window)
{
    if (hipHostUnregisterScatter(window) != hipSuccess)
        die("hipHostUnregisterScatter");
}

/* What copying the list to fresh memory costs, cold, per range. */
static double memcpy_floor(const hipScatterRange *list)
{
    double *times = must(calloc(repeat, sizeof(*times)));
    size_t bytes = range_count * sizeof(*list);
    struct sample result;

    for (unsigned r = 0; r < repeat; r++) {
        void *copy;
        uint64_t start;

        make_cold(list, bytes);
        start = cpu_ns();
        copy = must(malloc(bytes));
        memcpy(copy, list, bytes);
        times[r] = (double)(cpu_ns() - start) / (double)range_count;
        __asm__ volatile("" : : "r"(copy) : "memory");
        free(copy);
    }
    result = sample_of(times, repeat);
    free(times);
    return result.best;
}

static void bench_registration(void)
{
    static const char *const names[][2] = {
        {"register, ascending", "unregister, ascending"},
        {"register, shuffled", "unregister, shuffled"},
        {"register, shuffled, sparse", "unregister, shuffled, sparse"}};
    static const double targets[] = {10, 30, 30};
    hipScatterRange *list = must(malloc(range_count * sizeof(*list)));
    double *times = must(calloc(2 * repeat, sizeof(*times))), floor;

    for (enum shape order = ASCENDING; order <= SPARSE; order++) {
        fill_list(list, range_count, order);
        floor = memcpy_floor(list);
        for (unsigned r = 0; r < repeat; r++) {
            uint64_t start, done;
            void *window;

            make_cold(list, range_count * sizeof(*list));
            start = cpu_ns();
            window = do_register(list, range_count);
            done = cpu_ns();
            times[r] = (double)(done - start) / (double)range_count;
            make_cold(list, range_count * sizeof(*list));
            start = cpu_ns();
            do_unregister(window);
            done = cpu_ns();
            times[repeat + r] = (double)(done - start) / (double)range_count;
        }
        add(names[order][0], "ns/range", sample_of(times, repeat), targets[order], floor,
            "memcpy of the list to fresh memory, cold");
        add(names[order][1], "ns/range", sample_of(times + repeat, repeat), 2, 0, NULL);
    }
    free(times);
    free(list);
}

/* Few ranges, warm: each call alone. */
static void bench_small(size_t count, const char *register_name, const char *unregister_name)
{
    hipScatterRange list[64];
    const unsigned calls = 5000;
    double *times = must(calloc(2 * calls, sizeof(*times)));

    fill_list(list, count, SPARSE);
    for (unsigned i = 0; i < calls; i++) {
        uint64_t start = wall_ns(), registered;
        void *window = do_register(list, count);

        registered = wall_ns();
        do_unregister(window);
        times[i] = (double)(registered - start);
        times[calls + i] = (double)(wall_ns() - registered);
    }
    add(register_name, "ns/call", sample_of(times, calls), 1000, 0, NULL);
    add(unregister_name, "ns/call", sample_of(times + calls, calls), 1000, 0, NULL);
    free(times);
}

/* Many live pools: what one more of them costs, and one less. */
static void bench_many(void)
{
    const size_t pools = 10000;
    hipScatterRange *list = must(malloc(pools * sizeof(*list)));
    void **windows = must(malloc(pools * sizeof(*windows)));
    double *times = must(calloc(2 * repeat, sizeof(*times)));

    fill_list(list, pools, DENSE);
    for (unsigned r = 0; r < repeat; r++) {
        uint64_t start = cpu_ns(), registered;

        for (size_t i = 0; i < pools; i++)
            windows[i] = do_register(&list[i], 1);
        registered = cpu_ns();
        for (size_t i = 0; i < pools; i++)
            do_unregister(windows[i]);
        times[r] = (double)(registered - start) / (double)pools;
        times[repeat + r] = (double)(cpu_ns() - registered) / (double)pools;
    }
    add("register, each of 10,000 pools", "ns/call", sample_of(times, repeat), 0, 0, NULL);
    add("unregister, each of 10,000 pools", "ns/call", sample_of(times + repeat, repeat), 0, 0,
        NULL);
    free(times);
    free(windows);
    free(list);
}

/* Memory */

/* Per range; what a pool has whatever its size, and the rounding of large blocks, is not counted.
 */
static void add_bytes(const char *name, long long bytes)
{
    double each = (double)(bytes - FIXED_BYTES) / (double)range_count;

    add(name, "bytes/range", (struct sample){each, each}, 24, sizeof(hipScatterRange),
        "the caller's list");
}

static void bench_memory(enum shape shape, const char *registered, const char *indexed)
{
    hipScatterRange *list = must(malloc(range_count * sizeof(*list))), out;
    size_t count, covered;
    void *window, *device;

    fill_list(list, range_count, shape);
    real = hs_sys;
    hs_sys.alloc = remembering_alloc;
    hs_sys.alloc_aligned = remembering_alloc_aligned;
    hs_sys.free = forgetting_free;
    window = do_register(list, range_count);
    if (registered)
        add_bytes(registered, kept_bytes());
    if (hipScatterGetDevicePointer(&device, list[0].base, 0) != hipSuccess ||
        hipScatterGetHostRanges(window, 1, &out, 1, &count, &covered) != hipSuccess)
        die("translation");
    add_bytes(indexed, kept_bytes());
    do_unregister(window);
    hs_sys = real;
    free(list);
}

/* Translation */

struct lookup_job {
    pthread_t thread;
    const uint64_t *addresses;
    char *window; /* null: from host to device */
    uint64_t sum, ns;
};

static pthread_barrier_t barrier;

static void *lookup_thread(void *argument)
{
    struct lookup_job *job = argument;
    hipScatterRange range;
    size_t count, covered;
    uint64_t start;
    void *device;

    pthread_barrier_wait(&barrier);
    start = cpu_ns();
    for (size_t i = 0; i < LOOKUPS; i++) {
        if (!job->window) {
            if (hipScatterGetDevicePointer(&device, (void *)(uintptr_t)job->addresses[i], 0) !=
                hipSuccess)
                die("hipScatterGetDevicePointer");
            job->sum += (uintptr_t)device;
        } else {
            if (hipScatterGetHostRanges(job->window + job->addresses[i], 1, &range, 1, &count,
                                        &covered) != hipSuccess)
                die("hipScatterGetHostRanges");
            job->sum += (uintptr_t)range.base;
        }
    }
    job->ns = cpu_ns() - start;
    return NULL;
}

/* Nanoseconds of its own time that a thread spends per lookup, when so many threads do the same. */
static double lookups_once(const uint64_t *addresses, char *window, unsigned threads)
{
    struct lookup_job jobs[MAX_THREADS] = {0};
    double ns = 0;

    pthread_barrier_init(&barrier, NULL, threads);
    for (unsigned t = 0; t < threads; t++) {
        jobs[t] = (struct lookup_job){.addresses = addresses, .window = window};
        if (pthread_create(&jobs[t].thread, NULL, lookup_thread, &jobs[t]))
            die("pthread_create");
    }
    for (unsigned t = 0; t < threads; t++) {
        pthread_join(jobs[t].thread, NULL);
        ns += (double)jobs[t].ns / LOOKUPS / threads;
    }
    pthread_barrier_destroy(&barrier);
    return ns;
}

/* They are short: many, so that some find the caches to themselves. */
#define LOOKUP_REPEAT (4 * repeat)

static struct sample lookups(const uint64_t *addresses, char *window)
{
    double *times = must(calloc(LOOKUP_REPEAT, sizeof(*times)));
    struct sample result;

    for (unsigned r = 0; r < LOOKUP_REPEAT; r++)
        times[r] = lookups_once(addresses, window, 1);
    result = sample_of(times, LOOKUP_REPEAT);
    free(times);
    return result;
}

/*
 * What a lookup costs a thread on all cores at once, as a multiple of what it costs one alone: 1 is
 * perfect, the number of cores is no gain at all. In turn, so that both see the same machine.
 */
static void bench_scaling(const char *name, const uint64_t *addresses, char *window)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = cores > MAX_THREADS ? MAX_THREADS : (unsigned)cores;
    double *one = must(calloc(2 * LOOKUP_REPEAT, sizeof(*one))), *all = one + LOOKUP_REPEAT;
    struct sample alone, together;

    for (unsigned r = 0; r < LOOKUP_REPEAT; r++) {
        one[r] = lookups_once(addresses, window, 1);
        all[r] = lookups_once(addresses, window, threads);
    }
    alone = sample_of(one, LOOKUP_REPEAT);
    together = sample_of(all, LOOKUP_REPEAT);
    add(name, "x", (struct sample){together.best / alone.best, together.median / alone.median}, 1.5,
        1, "perfect scaling");
    free(one);
}

/* One load at the same place of an array of 16 bytes per range, as a lookup's last one is. */
static double load_floor(const uint64_t *positions)
{
    double *times = must(calloc(LOOKUP_REPEAT, sizeof(*times)));
    uint64_t(*array)[2] = must(hs_alloc_array(0, range_count * sizeof(*array))), sum = 0;
    struct sample result;

    memset(array, 1, range_count * sizeof(*array));
    for (unsigned r = 0; r < LOOKUP_REPEAT; r++) {
        uint64_t start = cpu_ns();

        for (size_t i = 0; i < LOOKUPS; i++)
            sum += array[positions[i]][sum & 1]; /* each waits for the one before */
        times[r] = (double)(cpu_ns() - start) / LOOKUPS;
    }
    __asm__ volatile("" : : "r"(sum));
    result = sample_of(times, LOOKUP_REPEAT);
    free(array);
    free(times);
    return result.best;
}

struct queries {
    uint64_t *positions, *hosts, *offsets;
};

/* Random bytes of a list, both ways. */
static void make_queries(const struct queries *q, const hipScatterRange *list)
{
    uint64_t *starts = must(malloc(range_count * sizeof(*starts))), at = 0;

    for (size_t i = 0; i < range_count; i++) {
        starts[i] = at;
        at += list[i].size;
    }
    for (size_t i = 0; i < LOOKUPS; i++) {
        uint64_t k = random64() % range_count, inside = random64() % list[k].size;

        q->positions[i] = k;
        q->hosts[i] = (uintptr_t)list[k].base + inside;
        q->offsets[i] = starts[k] + inside;
    }
    free(starts);
}

/* Locality: 16 lookups in each page, then the next page in the direction of the lookup. */
static void bench_locality(const struct queries *q, char *window)
{
    for (size_t i = 0; i < LOOKUPS; i++) {
        size_t page = i / 16 % range_count;

        q->hosts[i] = FIRST_HOST + page * 2 * PAGE + random64() % PAGE;
        q->offsets[i] = page * PAGE + random64() % PAGE;
    }
    add("host to device, with locality", "ns", lookups(q->hosts, NULL), 10, 0, NULL);
    add("device to host, with locality", "ns", lookups(q->offsets, window), 10, 0, NULL);
}

static void bench_translation(void)
{
    static const char *const names[][2] = {
        [ASCENDING] = {"host to device, random, ascending", "device to host, random, ascending"},
        [DENSE] = {"host to device, random", "device to host, random"},
        [SPARSE] = {"host to device, random, sparse", "device to host, random, sparse"},
        [MIXED] = {"host to device, random, mixed", "device to host, random, mixed"},
        [UNEVEN] = {"host to device, random, uneven", "device to host, random, uneven"},
    };
    hipScatterRange *list = must(malloc(range_count * sizeof(*list)));
    struct queries q = {.positions = must(malloc(LOOKUPS * sizeof(uint64_t))),
                        .hosts = must(malloc(LOOKUPS * sizeof(uint64_t))),
                        .offsets = must(malloc(LOOKUPS * sizeof(uint64_t)))};

    for (enum shape shape = ASCENDING; shape <= UNEVEN; shape++) {
        char *window;
        double floor;

        fill_list(list, range_count, shape);
        make_queries(&q, list);
        window = do_register(list, range_count);
        floor = load_floor(q.positions);
        add(names[shape][0], "ns", lookups(q.hosts, NULL), 40, floor, "one dependent load");
        add(names[shape][1], "ns", lookups(q.offsets, window), 40, floor, "one dependent load");
        if (shape == DENSE) {
            bench_scaling("host to device, all cores, each", q.hosts, NULL);
            bench_scaling("device to host, all cores, each", q.offsets, window);
            bench_locality(&q, window);
        }
        do_unregister(window);
    }
    free(q.offsets);
    free(q.hosts);
    free(q.positions);
    free(list);
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_library [--ranges N] [--repeat R] [--json] [--check]\n"
                    "  --check  exit 1 if a target of the project is missed\n");
    return 2;
}

int main(int argc, char **argv)
{
    bool all_met = true;
    double load = 0;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json"))
            json = true;
        else if (!strcmp(argv[i], "--check"))
            check = true;
        else if (!strcmp(argv[i], "--ranges") && i + 1 < argc)
            range_count = strtoul(argv[++i], NULL, 0);
        else if (!strcmp(argv[i], "--repeat") && i + 1 < argc)
            repeat = (unsigned)strtoul(argv[++i], NULL, 0);
        else
            return usage();
    }
    if (range_count < 16 || range_count > 1u << 28 || !repeat)
        return usage();

    if (getloadavg(&load, 1) != 1)
        load = 0;
    mallopt(M_MMAP_THRESHOLD, 128 << 10); /* large blocks are fresh memory every time */
    make_machine();
    bench_registration();
    bench_small(1, "register 1 range, warm", "unregister 1 range, warm");
    bench_small(63, "register 63 ranges, warm", "unregister 63 ranges, warm");
    bench_many();
    bench_memory(DENSE, "kept, registered", "kept, with both indexes");
    bench_memory(SPARSE, NULL, "kept, with both indexes, sparse");
    bench_memory(MIXED, NULL, "kept, with both indexes, mixed");
    bench_memory(UNEVEN, NULL, "kept, with both indexes, uneven");
    bench_translation();
    if (json)
        print_json(load);
    else
        print_table(load);
    for (size_t i = 0; i < figure_count; i++)
        all_met &= meets(&figures[i]);
    return check && !all_met;
}
