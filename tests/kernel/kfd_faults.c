// SPDX-License-Identifier: MIT
/*
 * kfd_faults: the k-th memory allocation inside an ioctl fails, for every k until none is left to
 * fail. The ioctl must say ENOMEM, or do without; nothing may stay behind, and the next one must
 * work. Needs a kernel with FAILSLAB and FAIL_PAGE_ALLOC (kernel/amdkfd/asan).
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

static int map(struct faults *f)
{
    return kfd_map(f->fd, f->handle, &f->gpu.gpu_id, 1);
}

static int unmap(struct faults *f)
{
    return kfd_unmap(f->fd, f->handle, &f->gpu.gpu_id, 1);
}

static int release(struct faults *f)
{
    return kfd_free(f->fd, f->handle);
}

/*
 * Run call with failing allocations until it succeeds with none failed; undo takes back what a
 * success did. True: nothing else than ENOMEM was answered.
 */
static bool sweep(struct faults *f, const char *name, int (*call)(struct faults *),
                  int (*undo)(struct faults *))
{
    unsigned int n, refused = 0, survived = 0;

    for (n = 1; n < 10000; n++) {
        bool failed;
        int r;

        fail_allocation(n);
        r = call(f);
        failed = allocation_failed();
        if (r && r != -ENOMEM) {
            printf("FAIL %s, allocation %u: %s\n", name, n, kfd_errno_name(r));
            return false;
        }
        if (r)
            refused++;
        else if (undo && undo(f))
            return false;
        if (!failed)
            break;
        survived += r == 0;
    }
    printf("| %-28s | %4u allocations failed: %u refused, %u done without |\n", name, n - 1,
           refused, survived);
    return refused + survived > 0 && n < 10000;
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

static bool prepare(struct faults *f)
{
    *f = (struct faults){.fd = open("/dev/kfd", O_RDWR | O_CLOEXEC), .fake = fake_open()};
    if (f->fd == -1 || f->fake == -1 || !kfd_find_gpus(&f->gpu, 1))
        return false;
    f->drm = kfd_acquire_vm(f->fd, &f->gpu);
    f->memory = mmap(NULL, 2 * RANGES * KFD_PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    f->table = aligned_alloc(KFD_PAGE, 4 * KFD_PAGE);
    if (f->drm < 0 || f->memory == MAP_FAILED || !f->table)
        return false;
    *f->table = (struct kfd_ioctl_userptr_batch){.num_ranges = RANGES};
    f->ranges = (struct kfd_ioctl_userptr_range *)(f->table + 1);
    for (uint32_t i = 0; i < RANGES; i++)
        f->ranges[i] = (struct kfd_ioctl_userptr_range){
            (uintptr_t)f->memory + 2 * ((i * 7) % RANGES) * KFD_PAGE, KFD_PAGE};
    /* Allocations that may sleep are to fail, too; the stack of each is not wanted. */
    return set("failslab/ignore-gfp-wait", "N") && set("failslab/verbose", "0") &&
           set("fail_page_alloc/ignore-gfp-wait", "N") && set("fail_page_alloc/min-order", "0") &&
           set("fail_page_alloc/verbose", "0");
}

int main(void)
{
    char before[256], after[256];
    struct faults f;
    bool ok;

    if (!prepare(&f)) {
        fprintf(stderr, "no GPU, or a kernel without fault injection\n");
        return 1;
    }
    accounting(before);
    ok = sweep(&f, "ALLOC, one range", alloc_single, release);
    ok = sweep(&f, "ALLOC, batch", alloc_batch, release) && ok;
    ok = sweep(&f, "ALLOC, batch by flag", alloc_flag, release) && ok;
    /*
     * MAP once in peace: when TTM cannot reserve a fence slot it leaves the buffer locked
     * (ttm_eu_reserve_buffers), whoever calls it. The slots stay, so the sweep does not meet that.
     */
    ok = ok && alloc_batch(&f) == 0 && map(&f) == 0 && unmap(&f) == 0;
    ok = ok && sweep(&f, "MAP, batch", map, unmap);
    ok = ok && map(&f) == 0 && sweep(&f, "UNMAP, batch", unmap, map);
    ok = ok && unmap(&f) == 0 && release(&f) == 0;
    accounting(after);
    if (strcmp(before, after)) {
        printf("FAIL accounting before:\n%safter:\n%s", before, after);
        ok = false;
    }
    return !ok;
}
