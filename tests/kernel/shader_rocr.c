// SPDX-License-Identifier: MIT
/*
 * shader_rocr stock|patched [CASE]: kernels compiled by hipcc, launched by the distribution's
 * unmodified ROCr, executed by fake_shader, on scattered memory, through page tables that the real
 * amdkfd wrote. Each case is a process of its own, because some are killed or end in a fault.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hip_scatter/hsa_scatter.h>
#include <hsa/hsa_ext_amd.h>

#include "fake.h"
#include "rocr.h"
#include "shader_kernels.h"

#define RANGES 24u
#define PAGES 3u
#define WORDS (RANGES * PAGES * SHADER_PAGE / 4)
#define RANGE_BYTES (PAGES * (size_t)SHADER_PAGE)
#define STRIDE (RANGE_BYTES + 2 * SHADER_PAGE) /* holes of two pages */
#define MAGIC 0x6d610000u
#define CHANGES 60
#define EVICTIONS 16
#define PATIENCE 300 /* seconds of the guest's clock */

#define CODE_OBJECT "/tests/shader_kernels.co"

static bool patched; /* the driver has the batch ioctl */
static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("FAIL %s:%d: %s (%s)\n", "shader_rocr.c", __LINE__, #condition,                 \
                   hsa_scatter_last_error_message());                                              \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* ---- a window over RANGES shuffled pieces ---- */

struct window {
    char *base;
    hsa_scatter_range_t ranges[RANGES];
    uint32_t *gpu;
};

static void window_map(struct rocr *r, struct window *w, int memory, int file, uint32_t flags)
{
    void *gpu = NULL;

    w->base = mmap(NULL, RANGES * STRIDE, PROT_READ | PROT_WRITE, memory, file, 0);
    if (w->base == MAP_FAILED)
        exit(1);
    for (uint32_t i = 0; i < RANGES; i++)
        w->ranges[i] = (hsa_scatter_range_t){w->base + (i * 7 + 5) % RANGES * STRIDE, RANGE_BYTES};
    CHECK(hsa_scatter_register(w->ranges, RANGES, &r->gpu, 1, flags, &gpu) == HSA_STATUS_SUCCESS);
    w->gpu = gpu;
    if (!gpu)
        exit(1);
}

static void window_make(struct rocr *r, struct window *w, int memory, uint32_t flags)
{
    window_map(r, w, memory | MAP_ANONYMOUS, -1, flags);
}

static void window_drop(struct window *w)
{
    CHECK(hsa_scatter_deregister(w->gpu) == HSA_STATUS_SUCCESS);
    munmap(w->base, RANGES * STRIDE);
}

/* The CPU's address of a word of the window. */
static uint32_t *host_word(const struct window *w, uint64_t i)
{
    const uint64_t words = RANGE_BYTES / 4;

    return (uint32_t *)w->ranges[i / words].base + i % words;
}

static void *host_page(const struct window *w, uint32_t page)
{
    return host_word(w, page * (uint64_t)SHADER_PAGE / 4);
}

static uint32_t first_value(uint64_t i)
{
    return (uint32_t)(i * 0x9e3779b9u) >> 3;
}

/* For private memory. */
static uint32_t backing(void)
{
    return patched ? HSA_SCATTER_BACKING_BATCH : HSA_SCATTER_BACKING_PER_RANGE;
}

/* ---- cases ---- */

static void mark(const struct window *w, uint32_t page)
{
    *(volatile uint32_t *)host_page(w, page) = MAGIC + page;
}

/* Pages that were just freed get another content. */
static void use_free_pages(void)
{
    const size_t bytes = 32 * SHADER_PAGE;
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(p, 0xee, bytes);
    munmap(p, bytes);
}

static void change(const struct window *w, uint32_t page, int how)
{
    void *at = host_page(w, page), *fresh;

    switch (how) {
    case 0:
        CHECK(madvise(at, SHADER_PAGE, MADV_DONTNEED) == 0);
        break;
    case 1: /* another page in its place */
        fresh = mmap(NULL, SHADER_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *(volatile uint32_t *)fresh = MAGIC + page;
        CHECK(mremap(fresh, SHADER_PAGE, SHADER_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
        break;
    default:
        CHECK(mprotect(at, SHADER_PAGE, PROT_READ) == 0);
        CHECK(mprotect(at, SHADER_PAGE, PROT_READ | PROT_WRITE) == 0);
    }
    use_free_pages();
    mark(w, page);
}

/*
 * A kernel reads and changes all words through the window; the CPU looks at its own pieces. If
 * another window is disturbed meanwhile, the driver stops all queues time and again.
 */
static void sum_and_change(struct rocr *r, const struct window *w, const char *name,
                           const struct window *disturbed)
{
    uint64_t *sum = r->shared, expected = 0, right = 0;
    hsa_signal_t signal;
    const struct sum_args args = {.data = w->gpu, .words = WORDS, .sum = sum};

    *sum = 0;
    for (uint64_t i = 0; i < WORDS; i++) {
        *host_word(w, i) = first_value(i);
        expected += first_value(i);
    }
    signal = rocr_launch(r, "sum_and_change", &args, sizeof(args), WORDS / 256, 256);
    for (uint32_t i = 0; disturbed && hsa_signal_load_relaxed(signal) > 0; i++) {
        change(disturbed, i % (RANGES * PAGES), (int)(i % 3));
        usleep(5000); /* the driver takes a moment to start the queues again */
    }
    CHECK(rocr_finish(signal, PATIENCE) == 0);
    for (uint64_t i = 0; i < WORDS; i++)
        right += *host_word(w, i) == shader_changed(first_value(i), i);
    CHECK(*sum == expected);
    CHECK(right == WORDS);
    if (name)
        printf("| kernel, %-9s | sum of %u words in %u ranges %s, %lu changed in place |\n", name,
               WORDS, RANGES, *sum == expected ? "right" : "wrong", (unsigned long)right);
}

static void backings(struct rocr *r)
{
    static const struct {
        uint32_t flags, kind;
    } ways[] = {{HSA_SCATTER_BACKING_BATCH, HSA_SCATTER_KIND_BATCH},
                {HSA_SCATTER_BACKING_PER_RANGE, HSA_SCATTER_KIND_PER_RANGE},
                {HSA_SCATTER_BACKING_ALIAS, HSA_SCATTER_KIND_ALIAS}};

    for (size_t i = !patched; i < sizeof(ways) / sizeof(ways[0]); i++) {
        hsa_scatter_info_t info = {.size = sizeof(info)};
        struct window w;

        window_make(r, &w, MAP_SHARED, ways[i].flags);
        CHECK(hsa_scatter_get_info(w.gpu, &info) == HSA_STATUS_SUCCESS &&
              info.kind == ways[i].kind);
        sum_and_change(r, &w, info.kind_name, NULL);
        window_drop(&w);
    }
}

/* The copy engine's queue: out of the window, and back in reverse. */
static void copies(struct rocr *r)
{
    uint32_t *flat =
        mmap(NULL, WORDS * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t right = 0;
    struct window w;

    window_make(r, &w, MAP_PRIVATE, backing());
    for (uint64_t i = 0; i < WORDS; i++)
        *host_word(&w, i) = first_value(i);
    CHECK(hsa_scatter_memory_copy(flat, w.gpu, WORDS * 4) == HSA_STATUS_SUCCESS);
    for (uint64_t i = 0; i < WORDS; i++) {
        right += flat[i] == first_value(i);
        flat[i] += 1;
    }
    CHECK(hsa_scatter_memory_copy(w.gpu, flat, WORDS * 4) == HSA_STATUS_SUCCESS);
    for (uint64_t i = 0; i < WORDS; i++)
        right += *host_word(&w, i) == first_value(i) + 1;
    CHECK(right == 2 * WORDS);
    printf("| copy engine | %lu of %u words |\n", (unsigned long)right, 2 * WORDS);
    window_drop(&w);
    munmap(flat, WORDS * 4);
}

/* The kernel gets on: it is not stopped, or has been started again. */
static bool wait_rounds(const uint32_t *rounds)
{
    uint32_t before = __atomic_load_n(rounds, __ATOMIC_RELAXED);

    for (int ms = 0; ms < 1000 * PATIENCE; ms++) {
        if (__atomic_load_n(rounds, __ATOMIC_RELAXED) - before >= 2)
            return true;
        usleep(1000);
    }
    return false;
}

/* One dispatch reads the window all the time while the memory under it changes. */
static uint32_t watch_changes(struct rocr *r, void (*make)(const struct window *, const uint32_t *))
{
    uint32_t *stop = r->shared, *rounds = stop + 1, *foreign = stop + 2;
    struct window w;

    memset(r->shared, 0, 4096);
    window_make(r, &w, MAP_PRIVATE, backing());
    for (uint32_t page = 0; page < RANGES * PAGES; page++)
        mark(&w, page);
    const struct watch_args args = {.data = w.gpu,
                                    .pages = RANGES * PAGES,
                                    .magic = MAGIC,
                                    .fresh = 1,
                                    .stop = stop,
                                    .rounds = rounds,
                                    .foreign = foreign};
    hsa_signal_t signal = rocr_launch(r, "watch", &args, sizeof(args), 1, 64);
    CHECK(wait_rounds(rounds));
    make(&w, rounds);
    __atomic_store_n(stop, 1, __ATOMIC_RELAXED);
    CHECK(rocr_finish(signal, PATIENCE) == 0);
    sum_and_change(r, &w, NULL, NULL);
    window_drop(&w);
    return *foreign;
}

static void make_changes(const struct window *w, const uint32_t *rounds)
{
    srand(20260204);
    for (int i = 0; i < CHANGES; i++) {
        change(w, (uint32_t)rand() % (RANGES * PAGES), rand() % 3);
        CHECK(wait_rounds(rounds));
    }
}

/* How often the driver has loaded a queue. */
static uint64_t loads(void)
{
    struct amdgpu_fake_state state = {0};
    int fake = fake_open(), drm = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);

    CHECK(fake_state(fake, drm, &state) == 0);
    close(fake);
    close(drm);
    return state.loads;
}

/* Each change stops the queue in the middle of the dispatch. */
static void changes(struct rocr *r)
{
    uint64_t before = loads();
    uint32_t foreign = watch_changes(r, make_changes);
    uint64_t restored = loads() - before;

    CHECK(foreign == 0);
    CHECK(restored >= CHANGES);
    printf("| kernel, memory changes under it | %d changes, queue loaded %lu times, %u foreign "
           "words |\n",
           CHANGES, (unsigned long)restored, foreign);
}

/* Stopped in the middle and started again, a dispatch does everything once. */
static void evictions(struct rocr *r)
{
    uint64_t before = loads(), loaded = 0;
    struct window w, disturbed;
    int dispatches = 0;

    window_make(r, &w, MAP_PRIVATE, backing());
    window_make(r, &disturbed, MAP_PRIVATE, backing());
    for (; loaded < EVICTIONS; dispatches++) { /* how many hit a dispatch is a matter of time */
        sum_and_change(r, &w, NULL, &disturbed);
        loaded = loads() - before;
    }
    printf("| kernel, evictions in its midst | queue loaded %lu times in %d dispatches |\n",
           (unsigned long)loaded, dispatches);
    window_drop(&disturbed);
    window_drop(&w);
}

static void forget_flushes(bool forget)
{
    FILE *file = fopen("/sys/module/amdgpu/parameters/fake_forget_flush", "we");

    CHECK(file && fprintf(file, "%d\n", forget) > 0);
    CHECK(!file || fclose(file) == 0);
}

/*
 * Each page's memory goes elsewhere and gets another content; an empty page is in its place.
 * Whoever still has the old translation reads that content, and no allocator has a say in it.
 */
static void make_stale(const struct window *w, const uint32_t *rounds)
{
    forget_flushes(true);
    for (uint32_t page = 0; page < RANGES * PAGES; page++) {
        char *elsewhere = mremap(host_page(w, page), SHADER_PAGE, SHADER_PAGE,
                                 MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

        CHECK(elsewhere != MAP_FAILED);
        if (elsewhere == MAP_FAILED)
            break;
        *(volatile uint32_t *)elsewhere = ~(MAGIC + page);
        mark(w, page);
    }
    CHECK(wait_rounds(rounds));
    forget_flushes(false);
    change(w, 0, 0); /* and flush */
    CHECK(wait_rounds(rounds));
}

/* Would a missing flush be noticed? */
static void forgotten_flush(struct rocr *r)
{
    uint32_t foreign = watch_changes(r, make_stale);

    CHECK(foreign > 0);
    printf("| kernel, flushes forgotten | %u foreign words |\n", foreign);
}

static hsa_amd_event_t fault_seen;
static volatile int fault_count;

static hsa_status_t on_fault(const hsa_amd_event_t *event, void *data)
{
    (void)data;
    fault_seen = *event;
    __atomic_store_n(&fault_count, 1, __ATOMIC_RELEASE);
    return HSA_STATUS_SUCCESS;
}

static void expect_faults(void)
{
    CHECK(hsa_amd_register_system_event_handler(on_fault, NULL) == HSA_STATUS_SUCCESS);
}

/* A fault in [from, end). */
static void check_fault(const void *from, const void *end, uint32_t reason)
{
    const hsa_amd_gpu_memory_fault_info_t *info = &fault_seen.memory_fault;
    bool right;

    for (int ms = 0; ms < 1000 * PATIENCE && !__atomic_load_n(&fault_count, __ATOMIC_ACQUIRE); ms++)
        usleep(1000);
    CHECK(fault_count == 1 && fault_seen.event_type == HSA_AMD_GPU_MEMORY_FAULT_EVENT);
    right = info->virtual_address >= (uintptr_t)from && info->virtual_address < (uintptr_t)end;
    CHECK(right);
    CHECK(info->fault_reason_mask == reason);
    printf("| kernel, fault | reported at the right page: %s, reason 0x%x |\n",
           right ? "yes" : "no", info->fault_reason_mask);
}

/* The queues of a process that faulted do not run any more: it ends without ROCr's goodbye. */
static void end_after_fault(void)
{
    _exit(failures != 0);
}

static void fault(struct rocr *r, uint32_t *where, uint32_t reason)
{
    const struct poke_args args = {.where = where, .what = 1};

    expect_faults();
    rocr_launch(r, "poke", &args, sizeof(args), 1, 64);
    check_fault(where, where + SHADER_PAGE / 4, reason);
    end_after_fault();
}

/* The page behind the window's last. */
static void fault_behind(struct rocr *r)
{
    struct window w;

    window_make(r, &w, MAP_PRIVATE, backing());
    fault(r, w.gpu + WORDS, HSA_AMD_MEMORY_FAULT_PAGE_NOT_PRESENT);
}

static void fault_read_only(struct rocr *r)
{
    struct window w;

    window_make(r, &w, MAP_PRIVATE, backing() | HSA_SCATTER_READ_ONLY);
    fault(r, w.gpu + 5 * SHADER_PAGE / 4, HSA_AMD_MEMORY_FAULT_READ_ONLY);
}

/*
 * The window's file is truncated under a kernel that reads it. It faults, and reads none of the
 * pages, which were cleared (init_on_free); until the driver is repaired (fixes/stale-pages.cocci)
 * it does.
 */
static void fault_truncated(struct rocr *r)
{
    uint32_t *stop = r->shared, *rounds = stop + 1, *foreign = stop + 2;
    int file = memfd_create("window", MFD_CLOEXEC);
    struct window w;

    memset(r->shared, 0, 4096);
    CHECK(file != -1 && ftruncate(file, RANGES * STRIDE) == 0);
    window_map(r, &w, MAP_SHARED, file, backing());
    for (uint32_t page = 0; page < RANGES * PAGES; page++)
        mark(&w, page);
    const struct watch_args args = {.data = w.gpu,
                                    .pages = RANGES * PAGES,
                                    .magic = MAGIC,
                                    .stop = stop,
                                    .rounds = rounds,
                                    .foreign = foreign};
    expect_faults();
    rocr_launch(r, "watch", &args, sizeof(args), 1, 64);
    CHECK(wait_rounds(rounds));
    CHECK(ftruncate(file, 0) == 0);
    if (patched)
        check_fault(w.gpu, w.gpu + WORDS, HSA_AMD_MEMORY_FAULT_PAGE_NOT_PRESENT);
    else
        CHECK(wait_rounds(rounds));
    CHECK((__atomic_load_n(foreign, __ATOMIC_RELAXED) > 0) == !patched);
    printf("| kernel, file truncated under it | %u foreign words |\n", *foreign);
    end_after_fault();
}

/* Never ends by itself. */
static void endless(struct rocr *r)
{
    uint32_t *stop = r->shared;
    const struct watch_args args = {
        .data = r->kernarg, .stop = stop, .rounds = stop + 1, .foreign = stop + 2};
    hsa_signal_t signal = rocr_launch(r, "watch", &args, sizeof(args), 1, 64);

    CHECK(wait_rounds(stop + 1));
    printf("| kernel, process killed | it was running: %s |\n", failures ? "no" : "yes");
    raise(SIGKILL);
    hsa_signal_destroy(signal);
}

static void repeat(struct rocr *r)
{
    struct window w;

    window_make(r, &w, MAP_PRIVATE, backing());
    for (int i = 0; i < 8; i++)
        sum_and_change(r, &w, NULL, NULL);
    window_drop(&w);
}

/* ---- processes ---- */

static const struct test_case {
    const char *name;
    void (*run)(struct rocr *r);
    int processes; /* at a time */
    int signal;    /* that ends it, 0: none */
} cases[] = {
    {"backings", backings, 1, 0},
    {"copies", copies, 1, 0},
    {"changes", changes, 1, 0},
    {"evictions", evictions, 1, 0},
    {"forgotten-flush", forgotten_flush, 1, 0},
    {"fault-behind", fault_behind, 1, 0},
    {"fault-read-only", fault_read_only, 1, 0},
    {"fault-truncated", fault_truncated, 1, 0},
    {"killed", endless, 1, SIGKILL},
    {"two-processes", repeat, 2, 0},
};

static void child(const struct test_case *c)
{
    struct rocr r;

    rocr_start(&r, CODE_OBJECT);
    c->run(&r);
    rocr_stop(&r);
    exit(failures != 0);
}

static bool run_case(const struct test_case *c)
{
    pid_t pids[2];
    bool ok = true;

    for (int i = 0; i < c->processes; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            child(c);
    }
    for (int i = 0; i < c->processes; i++) {
        int status = 0;

        if (pids[i] == -1 || waitpid(pids[i], &status, 0) != pids[i])
            ok = false;
        else if (c->signal)
            ok &= WIFSIGNALED(status) && WTERMSIG(status) == c->signal;
        else
            ok &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    printf("%s shader/%s\n", ok ? "ok" : "not ok", c->name);
    return ok;
}

int main(int argc, char **argv)
{
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    patched = argc > 1 && strcmp(argv[1], "patched") == 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (argc < 3 || strcmp(argv[2], cases[i].name) == 0)
            failed += !run_case(&cases[i]);
    return failed != 0;
}
