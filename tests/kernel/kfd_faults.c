// SPDX-License-Identifier: MIT
/*
 * kfd_faults: the k-th memory allocation inside an ioctl fails, for every k until none is left to
 * fail. The ioctl must say ENOMEM, or do without; page tables must be as before, nothing may stay
 * behind, and the next call must work. Needs a kernel with FAILSLAB and FAIL_PAGE_ALLOC
 * (kernel/amdkfd/asan).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"
#include "kfd.h"

#define WINDOW 0x7000000000ull
#define RANGES 600u /* a list of more than a page */

struct faults {
    int fd, drm, fake;
    struct kfd_gpu gpu;
    char *memory;
    struct kfd_ioctl_userptr_range *ranges;
    struct kfd_ioctl_userptr_batch *table;
    uint64_t handle;
    uint32_t done; /* GPUs that a refused MAP or UNMAP has come to */
};

/* What the kernel offers to each thread: the allocation that is to fail, counted from now; 0: none.
 */
static int fail_file(void)
{
    static int fd = -1;

    if (fd == -1)
        fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
    return fd;
}

static void fail_allocation(unsigned int n)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", n);
    if (pwrite(fail_file(), text, strlen(text), 0) < 0)
        abort();
}

/* Was it reached, and failed? In any case none fails from here on. */
static bool allocation_failed(void)
{
    char text[16] = "";

    if (pread(fail_file(), text, sizeof(text) - 1, 0) <= 0)
        abort();
    fail_allocation(0);
    return atoi(text) == 0;
}

static bool set(const char *file, const char *value)
{
    char path[96];
    int fd;
    bool ok;

    snprintf(path, sizeof(path), "/sys/kernel/debug/%s", file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ok = fd != -1 && write(fd, value, strlen(value)) > 0;
    if (fd != -1)
        close(fd);
    return ok;
}

static int alloc_batch(struct faults *f)
{
    return kfd_alloc_batch(f->fd, f->gpu.gpu_id, WINDOW, f->ranges, RANGES, &f->handle);
}

static int alloc_flag(struct faults *f)
{
    return kfd_alloc_by_flag(f->fd, f->gpu.gpu_id, WINDOW, (uintptr_t)f->table, RANGES * KFD_PAGE,
                             &f->handle);
}

/*
 * The driver's own ioctl: when the handle cannot be allocated it says EFAULT
 * (kfd_ioctl_alloc_memory_of_gpu in kfd_chardev.c). The memory is in place and writable, so nothing
 * else here does. The batch ioctl says ENOMEM.
 */
static int alloc_single(struct faults *f)
{
    int r =
        kfd_alloc_userptr(f->fd, f->gpu.gpu_id, WINDOW, f->memory, RANGES * KFD_PAGE, &f->handle);

    return r == -EFAULT ? -ENOMEM : r;
}

/* Some pages are not there, so that the look-up has to make them. */
static int alloc_untouched(struct faults *f)
{
    for (uint32_t i = 0; i < RANGES; i += 30)
        if (madvise((void *)(uintptr_t)f->ranges[i].start, KFD_PAGE, MADV_DONTNEED))
            return -errno;
    return alloc_batch(f);
}

/* MAP and UNMAP go on where the call before stopped: f->done GPUs have had it. */
static int map(struct faults *f)
{
    struct kfd_ioctl_map_memory_to_gpu_args args = {
        .handle = f->handle,
        .device_ids_array_ptr = (uintptr_t)&f->gpu.gpu_id,
        .n_devices = 1,
        .n_success = f->done,
    };
    int r = kfd_call(f->fd, AMDKFD_IOC_MAP_MEMORY_TO_GPU, &args);

    f->done = r ? args.n_success : 0;
    return r;
}

static int unmap(struct faults *f)
{
    struct kfd_ioctl_unmap_memory_from_gpu_args args = {
        .handle = f->handle,
        .device_ids_array_ptr = (uintptr_t)&f->gpu.gpu_id,
        .n_devices = 1,
        .n_success = f->done,
    };
    int r = kfd_call(f->fd, AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU, &args);

    f->done = r ? args.n_success : 0;
    return r;
}

static int release(struct faults *f)
{
    return kfd_free(f->fd, f->handle);
}

/* A buffer that was mapped once: FREE must take it out of that GPU's lists. */
static int alloc_used(struct faults *f)
{
    int r = alloc_batch(f);

    if (!r)
        r = map(f);
    return r ? r : unmap(f);
}

/* Where page i of the window leads: 0 nowhere, 1 to the memory, -1 somewhere else. */
static int page_leads(struct faults *f, uint32_t i)
{
    struct amdgpu_fake_walk walk;

    if (fake_walk(f->fake, f->drm, WINDOW + i * KFD_PAGE, &walk))
        return -1;
    if (!(walk.entry & AMDGPU_FAKE_VALID))
        return 0;
    return walk.memory == pagemap_physical((void *)(uintptr_t)f->ranges[i].start) ? 1 : -1;
}

/* Is every page of the window mapped as the CPU sees it, or none? */
static bool window_is(struct faults *f, bool mapped)
{
    for (uint32_t i = 0; i < RANGES; i++) {
        int leads = page_leads(f, i);

        if (leads != mapped) {
            printf("FAIL page %u is %s, to be %s\n", i,
                   leads < 0   ? "not ours"
                   : leads > 0 ? "mapped"
                               : "clear",
                   mapped ? "mapped" : "clear");
            return false;
        }
    }
    return true;
}

/* Nothing has happened to a buffer: it can be mapped and unmapped. */
static bool still_whole(struct faults *f)
{
    return map(f) == 0 && window_is(f, true) && unmap(f) == 0 && window_is(f, false);
}

/*
 * An UNMAP that was refused may have cleared the page table entries or not. Memory is given back:
 * what the GPU still reaches is the window's. Then the UNMAP can be repeated.
 */
static bool follows_changes(struct faults *f)
{
    if (madvise(f->memory, RANGES * KFD_PAGE, MADV_DONTNEED))
        return false;
    memset(f->memory, 1, RANGES * KFD_PAGE);
    if (fake_wait_restored(f->fake, f->drm) < 0)
        return false;
    for (uint32_t i = 0; i < RANGES; i++)
        if (page_leads(f, i) < 0) {
            printf("FAIL page %u of a window that could not be unmapped is not ours\n", i);
            return false;
        }
    return unmap(f) == 0 && window_is(f, false) && map(f) == 0 && window_is(f, true);
}

/* A call whose allocations fail, what takes back a success, and what each leaves mapped. */
struct step {
    const char *name;
    int (*call)(struct faults *);
    int (*undo)(struct faults *);
    bool before, after;
    bool (*refused)(struct faults *); /* what must hold if it was refused, instead of before */
};

/* A refused call: all as before, or one GPU is done and a second call has nothing left to do. */
static bool check_refused(struct faults *f, const struct step *step)
{
    if (!f->done)
        return step->refused ? step->refused(f) : window_is(f, step->before);
    return window_is(f, step->after) && step->call(f) == 0 && window_is(f, step->after) &&
           step->undo(f) == 0 && window_is(f, step->before);
}

/* With failing allocations until it succeeds with none failed. True: all as it should be. */
static bool sweep(struct faults *f, const struct step *step)
{
    unsigned int n, refused = 0, survived = 0;
    bool failed = true, ok = true;

    for (n = 1; failed && ok && n < 10000; n++) {
        int r;

        fail_allocation(n);
        r = step->call(f);
        failed = allocation_failed();
        if (r == -ENOMEM) {
            ok = failed && check_refused(f, step);
            refused++;
        } else {
            ok = r == 0 && window_is(f, step->after) && step->undo(f) == 0 &&
                 window_is(f, step->before);
            survived += failed;
        }
        if (!ok)
            printf("FAIL %s, allocation %u: %s\n", step->name, n, kfd_errno_name(r));
    }
    printf("| %-28s | %4u allocations failed: %u refused, %u done without |\n", step->name,
           refused + survived, refused, survived);
    fflush(stdout);
    return ok && !failed && refused + survived > 0;
}

/* The accounting of KFD, as text. */
static void accounting(char text[256])
{
    int fd = open("/sys/kernel/debug/kfd/mem_limit", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? -1 : read(fd, text, 255);

    text[n > 0 ? n : 0] = '\0';
    if (fd != -1)
        close(fd);
}

/* A VM on every GPU: KFD's queue manager without HWS restores queues on each of them. */
static bool acquire_all(struct faults *f)
{
    struct kfd_gpu gpus[2];
    size_t count = kfd_find_gpus(gpus, 2);

    if (count < 1 || count > 2)
        return false;
    f->gpu = gpus[0];
    f->drm = kfd_acquire_vm(f->fd, &gpus[0]);
    return f->drm >= 0 && (count == 1 || kfd_acquire_vm(f->fd, &gpus[1]) >= 0);
}

static bool prepare(struct faults *f)
{
    *f = (struct faults){.fd = open("/dev/kfd", O_RDWR | O_CLOEXEC), .fake = fake_open()};
    if (f->fd == -1 || f->fake == -1 || !acquire_all(f))
        return false;
    f->memory = mmap(NULL, 2 * RANGES * KFD_PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    f->table = aligned_alloc(KFD_PAGE, 4 * KFD_PAGE);
    if (f->memory == MAP_FAILED || !f->table)
        return false;
    *f->table = (struct kfd_ioctl_userptr_batch){.num_ranges = RANGES};
    f->ranges = (struct kfd_ioctl_userptr_range *)(f->table + 1);
    for (uint32_t i = 0; i < RANGES; i++)
        f->ranges[i] = (struct kfd_ioctl_userptr_range){
            (uintptr_t)f->memory + 2 * ((i * 7) % RANGES) * KFD_PAGE, KFD_PAGE};
    /* Allocations that may sleep are to fail, too, and those of user pages; no stack of each. */
    return set("failslab/ignore-gfp-wait", "N") && set("failslab/verbose", "0") &&
           set("fail_page_alloc/ignore-gfp-wait", "N") &&
           set("fail_page_alloc/ignore-gfp-highmem", "N") &&
           set("fail_page_alloc/min-order", "0") && set("fail_page_alloc/verbose", "0");
}

static const struct step allocs[] = {
    {"ALLOC, one range", alloc_single, release, false, false, NULL},
    {"ALLOC, batch", alloc_batch, release, false, false, NULL},
    {"ALLOC, batch by flag", alloc_flag, release, false, false, NULL},
    {"ALLOC, batch, untouched", alloc_untouched, release, false, false, NULL},
};
static const struct step map_step = {"MAP, batch", map, unmap, false, true, NULL};
static const struct step unmap_step = {"UNMAP, batch", unmap, map, true, false, follows_changes};
static const struct step free_step = {"FREE, batch", release, alloc_used,
                                      false,         false,   still_whole};

int main(void)
{
    char before[256], after[256];
    struct faults f;
    bool ok = true;

    if (!prepare(&f)) {
        fprintf(stderr, "no GPU, or a kernel without fault injection\n");
        return 1;
    }
    accounting(before);
    for (size_t i = 0; i < sizeof(allocs) / sizeof(allocs[0]); i++)
        ok = sweep(&f, &allocs[i]) && ok;
    ok = ok && alloc_batch(&f) == 0 && sweep(&f, &map_step);
    ok = ok && map(&f) == 0 && sweep(&f, &unmap_step);
    ok = ok && unmap(&f) == 0 && sweep(&f, &free_step) && release(&f) == 0;
    accounting(after);
    if (strcmp(before, after)) {
        printf("FAIL accounting before:\n%safter:\n%s", before, after);
        ok = false;
    }
    return !ok;
}
