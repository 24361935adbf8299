// SPDX-License-Identifier: MIT
/*
 * The cases of kfd_errno that need a GPU: what ALLOC, MAP, UNMAP, FREE and the batch ioctl refuse,
 * and in which order they check. Every case leaves nothing allocated; the last one allocates and
 * maps for real.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kfd.h"
#include "kfd_errno.h"

#define WINDOW 0x7000000000ull /* GPU VA that nothing else in this program uses */
#define UNKNOWN_GPU 0xdeadu

typedef void report_fn(const char *name, const char *value);

struct context {
    int fd;
    const struct kfd_gpu *gpu;
    report_fn *report;
    char *memory; /* four pages: 0 and 2 writable, 1 a hole, 3 read-only */
    struct kfd_ioctl_userptr_range ranges[2];
};

/* One batch call that differs from a good one by what the caller changed; a success is undone. */
static void batch_case(struct context *c, const char *name,
                       struct kfd_ioctl_alloc_memory_of_gpu_batch_args args)
{
    int r = kfd_call(c->fd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH, &args);

    c->report(name, kfd_errno_name(r));
    if (!r && kfd_free(c->fd, args.handle))
        c->report(name, "free-failed");
}

static void batch_arguments(struct context *c)
{
    const struct kfd_ioctl_alloc_memory_of_gpu_batch_args good = {
        .va_addr = WINDOW,
        .total_size = 2 * KFD_PAGE,
        .ranges_ptr = (uintptr_t)c->ranges,
        .num_ranges = 2,
        .gpu_id = c->gpu->gpu_id,
        .flags = KFD_USERPTR_FLAGS,
    };
    struct kfd_ioctl_alloc_memory_of_gpu_batch_args args;

#define CASE(name, change)                                                                         \
    do {                                                                                           \
        args = good;                                                                               \
        change;                                                                                    \
        batch_case(c, "batch-" name, args);                                                        \
    } while (0)

    CASE("good", (void)0);
    CASE("count-0", args.num_ranges = 0);
    CASE("size-0", args.total_size = 0);
    CASE("list-null", args.ranges_ptr = 0);
    CASE("list-unmapped", args.ranges_ptr = 0x1000);
    CASE("list-kernel", args.ranges_ptr = 0xffff800000000000ull);
    CASE("no-userptr", args.flags &= ~(uint32_t)KFD_IOC_ALLOC_MEM_FLAGS_USERPTR);
    CASE("no-userptr-va-0",
         (args.flags &= ~(uint32_t)KFD_IOC_ALLOC_MEM_FLAGS_USERPTR, args.va_addr = 0));
    CASE("vram-too", args.flags |= KFD_IOC_ALLOC_MEM_FLAGS_VRAM);
    CASE("aql-too", args.flags |= KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM);
    CASE("pad", args.pad = 1);
    CASE("va-0", args.va_addr = 0);
    CASE("va-unaligned", args.va_addr += 1);
    CASE("va-wraps", args.va_addr = 0xfffffffffffff000ull);
    CASE("va-kernel", args.va_addr = 0xffff800000000000ull);
    CASE("va-above-limit", args.va_addr = 0x800000000000ull);
    CASE("va-below-base", args.va_addr = KFD_PAGE);
    CASE("size-more", args.total_size += KFD_PAGE);
    CASE("size-less", args.total_size -= KFD_PAGE);
    CASE("size-unaligned", args.total_size -= 1);
    CASE("count-max", args.num_ranges = UINT32_MAX);
    CASE("count-max-size-max", (args.num_ranges = UINT32_MAX, args.total_size = 1ull << 44));
    CASE("unknown-gpu", args.gpu_id = UNKNOWN_GPU);
#undef CASE
}

/* One range replaced, with total_size set to the sum. */
static void batch_range(struct context *c, const char *name, uint64_t start, uint64_t size)
{
    struct kfd_ioctl_userptr_range ranges[2] = {c->ranges[0], {start, size}};
    const struct kfd_ioctl_alloc_memory_of_gpu_batch_args args = {
        .va_addr = WINDOW,
        .total_size = ranges[0].size + size,
        .ranges_ptr = (uintptr_t)ranges,
        .num_ranges = 2,
        .gpu_id = c->gpu->gpu_id,
        .flags = KFD_USERPTR_FLAGS,
    };

    batch_case(c, name, args);
}

static void batch_ranges(struct context *c)
{
    uintptr_t page = (uintptr_t)c->memory;

    batch_range(c, "range-empty", page, 0);
    batch_range(c, "range-null", 0, KFD_PAGE);
    batch_range(c, "range-start-unaligned", page + 8, KFD_PAGE);
    batch_range(c, "range-size-unaligned", page, KFD_PAGE - 8);
    batch_range(c, "range-hole", page + KFD_PAGE, KFD_PAGE);
    batch_range(c, "range-into-hole", page, 2 * KFD_PAGE);
    batch_range(c, "range-read-only", page + 3 * KFD_PAGE, KFD_PAGE);
    batch_range(c, "range-kernel", 0xffff888000000000ull, KFD_PAGE);
    batch_range(c, "range-wraps", page, 0xfffffffffffff000ull - KFD_PAGE);
    batch_range(c, "range-twice", page, KFD_PAGE);
    batch_range(c, "range-huge", page, 1ull << 40);
}

/* One ordinary allocation of a page; a success is undone. */
static void alloc_case(struct context *c, const char *name, uint64_t va, void *memory,
                       uint64_t size)
{
    uint64_t handle = 0;
    int r = kfd_alloc_userptr(c->fd, c->gpu->gpu_id, va, memory, size, &handle);

    c->report(name, kfd_errno_name(r));
    if (!r && kfd_free(c->fd, handle))
        c->report(name, "free-failed");
}

static void alloc_arguments(struct context *c)
{
    alloc_case(c, "alloc-good", WINDOW, c->memory, KFD_PAGE);
    alloc_case(c, "alloc-null", WINDOW, NULL, KFD_PAGE);
    alloc_case(c, "alloc-hole", WINDOW, c->memory + KFD_PAGE, KFD_PAGE);
    alloc_case(c, "alloc-into-hole", WINDOW, c->memory, 2 * KFD_PAGE);
    alloc_case(c, "alloc-read-only", WINDOW, c->memory + 3 * KFD_PAGE, KFD_PAGE);
    alloc_case(c, "alloc-va-unaligned", WINDOW + 1, c->memory, KFD_PAGE);
    alloc_case(c, "alloc-size-0", WINDOW, c->memory, 0);
    alloc_case(c, "alloc-huge", WINDOW, c->memory, 1ull << 40);
}

/* MAP, UNMAP and FREE of one buffer, in right and wrong order. */
static void life(struct context *c)
{
    const uint32_t ids[2] = {c->gpu->gpu_id, UNKNOWN_GPU};
    uint64_t handle = 0, other = 0;
    int fd = c->fd;
    report_fn *report = c->report;

    report("life-alloc",
           kfd_errno_name(kfd_alloc_userptr(fd, ids[0], WINDOW, c->memory, KFD_PAGE, &handle)));
    report("life-map-no-devices", kfd_errno_name(kfd_map(fd, handle, ids, 0)));
    report("life-map-unknown-gpu", kfd_errno_name(kfd_map(fd, handle, ids + 1, 1)));
    report("life-map", kfd_errno_name(kfd_map(fd, handle, ids, 1)));
    report("life-map-again", kfd_errno_name(kfd_map(fd, handle, ids, 1)));
    report("life-free-mapped", kfd_errno_name(kfd_free(fd, handle)));
    report("life-alloc-overlap",
           kfd_errno_name(
               kfd_alloc_userptr(fd, ids[0], WINDOW, c->memory + 2 * KFD_PAGE, KFD_PAGE, &other)));
    report("life-map-overlap", kfd_errno_name(kfd_map(fd, other, ids, 1)));
    report("life-free-overlap", kfd_errno_name(kfd_free(fd, other)));
    report("life-unmap", kfd_errno_name(kfd_unmap(fd, handle, ids, 1)));
    report("life-unmap-again", kfd_errno_name(kfd_unmap(fd, handle, ids, 1)));
    report("life-free", kfd_errno_name(kfd_free(fd, handle)));
    report("life-free-again", kfd_errno_name(kfd_free(fd, handle)));
    report("life-map-freed", kfd_errno_name(kfd_map(fd, handle, ids, 1)));
}

void kfd_errno_with_gpu(int fd, const struct kfd_gpu *gpu, report_fn *report)
{
    struct context c = {.fd = fd, .gpu = gpu, .report = report};
    struct kfd_ioctl_acquire_vm_args again = {.gpu_id = gpu->gpu_id, .drm_fd = (uint32_t)fd};
    int drm;

    c.memory = mmap(NULL, 4 * KFD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c.memory == MAP_FAILED) {
        report("mmap", kfd_errno_name(errno));
        return;
    }
    munmap(c.memory + KFD_PAGE, KFD_PAGE);
    mprotect(c.memory + 3 * KFD_PAGE, KFD_PAGE, PROT_READ);
    c.ranges[0] = (struct kfd_ioctl_userptr_range){(uintptr_t)c.memory + 2 * KFD_PAGE, KFD_PAGE};
    c.ranges[1] = (struct kfd_ioctl_userptr_range){(uintptr_t)c.memory, KFD_PAGE};

    alloc_case(&c, "alloc-before-acquire", WINDOW, c.memory, KFD_PAGE);
    report("acquire-not-drm", kfd_errno_name(kfd_call(fd, AMDKFD_IOC_ACQUIRE_VM, &again)));
    drm = kfd_acquire_vm(fd, gpu);
    report("acquire", kfd_errno_name(drm < 0 ? drm : 0));
    again.drm_fd = (uint32_t)drm;
    report("acquire-again", kfd_errno_name(kfd_call(fd, AMDKFD_IOC_ACQUIRE_VM, &again)));
    alloc_arguments(&c);
    batch_arguments(&c);
    batch_ranges(&c);
    life(&c);
    munmap(c.memory, KFD_PAGE);
    munmap(c.memory + 2 * KFD_PAGE, 2 * KFD_PAGE);
    if (drm >= 0)
        close(drm);
}
