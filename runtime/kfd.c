/* SPDX-License-Identifier: MIT */
/*
 * Owns the descriptor of /dev/kfd and every ioctl (kfd.h). Layouts come from <linux/kfd_ioctl.h>
 * and from kernel/uapi; nothing here knows what a pool is. Behaviour of the kernel that is relied
 * on is cited where it is: amdkfd of Linux 6.1, drivers/gpu/drm/amd/amdkfd/kfd_chardev.c.
 */
#include "kfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kfd_ioctl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "error.h"
#include "hip_scatter/kfd_batch.h"
#include "log.h"
#include "ranges.h"
#include "sys.h"

_Static_assert(sizeof(struct hs_run) == sizeof(struct kfd_ioctl_userptr_range),
               "runs are the wire form");
_Static_assert(sizeof(struct kfd_ioctl_userptr_batch) == 8,
               "the header that ranges.c leaves room for");

/* The kernel starves a caller with EAGAIN only under a storm of invalidations; then give up, with a
 * text. */
#define RETRY_LIMIT_NS (30ull * 1000 * 1000 * 1000)

/* From this interface version on 0x28 is AMDKFD_IOC_PROFILER, whose operation 0 has a side effect.
 */
#define PROFILER_MINOR 23

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int kfd_fd = -1;
static atomic_int forked;
static int fork_handler_set;

static struct {
    atomic_uint_fast64_t ioctls, alloc_batch, alloc, map, unmap, free, probe, retries, ns;
} counters;

static _Thread_local uint64_t thread_ioctls, thread_ns;

static void count(atomic_uint_fast64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void in_forked_child(void)
{
    /* Only where there was something to lose: a child of a process that never opened it starts
     * fresh. */
    if (atomic_load(&kfd_fd) >= 0)
        atomic_store(&forked, 1);
}

int hs_kfd_check_process(void)
{
    if (atomic_load_explicit(&forked, memory_order_relaxed))
        return hs_error(-EBADF,
                        "this process is a forked child: GPU memory belongs to its parent, and the "
                        "child can use it only after exec");
    return 0;
}

int hs_kfd_open(void)
{
    int fd, err = hs_kfd_check_process();

    if (err || atomic_load_explicit(&kfd_fd, memory_order_acquire) >= 0)
        return err;
    pthread_mutex_lock(&open_lock);
    if (atomic_load(&kfd_fd) >= 0)
        goto out;
    if (!fork_handler_set) {
        err = -hs_sys.atfork(NULL, NULL, in_forked_child);
        if (err) {
            hs_error(err, "cannot watch for forks (%s)", hs_errno_name(err));
            goto out;
        }
        fork_handler_set = 1;
    }
    fd = hs_sys.open("/dev/kfd", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        err = hs_error(-errno, "cannot open /dev/kfd (%s)", hs_errno_name(errno));
        goto out;
    }
    atomic_store_explicit(&kfd_fd, fd, memory_order_release);
out:
    pthread_mutex_unlock(&open_lock);
    return err;
}

/*
 * One ioctl, repeated after EINTR and EAGAIN as libhsakmt does. MAP and UNMAP continue where they
 * were: the kernel starts at n_success, which it has written back.
 */
static int kfd_ioctl(unsigned long request, void *args)
{
    uint64_t start = now_ns(), end;
    int ret, err = 0;

    for (;;) {
        ret = hs_sys.ioctl(atomic_load_explicit(&kfd_fd, memory_order_relaxed), request, args);
        err = ret < 0 ? -errno : 0;
        end = now_ns();
        thread_ioctls++;
        count(&counters.ioctls, 1);
        if ((err != -EINTR && err != -EAGAIN) || end - start > RETRY_LIMIT_NS)
            break;
        count(&counters.retries, 1);
        if (err == -EAGAIN)
            sched_yield();
    }
    hs_log(HS_LOG_IOCTL, "ioctl nr=0x%lx result=%s ns=%llu", request & 0xff,
           err ? hs_errno_name(err) : "0", (unsigned long long)(end - start));
    thread_ns += end - start;
    count(&counters.ns, end - start);
    return err;
}

int hs_kfd_get_version(struct hs_kfd_version *version)
{
    struct kfd_ioctl_get_version_args args = {0};
    int err = hs_kfd_open();

    if (err)
        return err;
    err = kfd_ioctl(AMDKFD_IOC_GET_VERSION, &args);
    count(&counters.probe, 1);
    if (err)
        return hs_error(err, "/dev/kfd does not tell its version (%s)", hs_errno_name(err));
    version->major = args.major_version;
    version->minor = args.minor_version;
    return 0;
}

int hs_kfd_apertures(struct hs_kfd_aperture *apertures, size_t room, size_t *found)
{
    struct kfd_process_device_apertures entries[128];
    struct kfd_ioctl_get_process_apertures_new_args args = {
        .kfd_process_device_apertures_ptr = (uintptr_t)entries,
    };
    int err = hs_kfd_open();

    *found = 0;
    if (err)
        return err;
    memset(entries, 0, sizeof(entries));
    /* With 0 entries the call only counts; with more than the machine has nodes it is EINVAL
     * (kfd_chardev.c, kfd_ioctl_get_process_apertures_new). */
    err = kfd_ioctl(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, &args);
    count(&counters.probe, 1);
    if (!err && args.num_of_nodes > sizeof(entries) / sizeof(entries[0]))
        err = -E2BIG;
    if (!err && args.num_of_nodes) {
        err = kfd_ioctl(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW, &args);
        count(&counters.probe, 1);
    }
    if (err)
        return hs_error(err, "/dev/kfd does not tell the GPUs' apertures (%s)", hs_errno_name(err));
    for (size_t i = 0; i < args.num_of_nodes && i < room; i++) {
        apertures[i].gpu_id = entries[i].gpu_id;
        apertures[i].base = entries[i].gpuvm_base;
        apertures[i].limit = entries[i].gpuvm_limit;
        ++*found;
    }
    return 0;
}

/* <linux/kfd_ioctl.h> shifts a signed 1 into the sign bit, which C leaves undefined. */
#define ALLOC_WRITABLE (UINT32_C(1) << 31)

/* What libhsakmt passes for a userptr buffer (fmm.c); fine-grained system memory is coherent. */
static uint32_t alloc_flags(const struct hs_kfd_access *access)
{
    uint32_t flags = KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE |
                     KFD_IOC_ALLOC_MEM_FLAGS_NO_SUBSTITUTE;

    if (!access->read_only)
        flags |= ALLOC_WRITABLE;
    if (!access->coarse_grained)
        flags |= KFD_IOC_ALLOC_MEM_FLAGS_COHERENT;
    return flags;
}

static int call_alloc(uint32_t gpu_id, uint64_t va, uint64_t mmap_offset, uint64_t bytes,
                      uint32_t flags, uint64_t *handle)
{
    struct kfd_ioctl_alloc_memory_of_gpu_args args = {
        .va_addr = va,
        .size = bytes,
        .mmap_offset = mmap_offset,
        .gpu_id = gpu_id,
        .flags = flags,
    };
    int err = kfd_ioctl(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &args);

    if (!err)
        *handle = args.handle;
    return err;
}

static int call_alloc_batch(uint32_t gpu_id, uint64_t va, const void *list, uint32_t ranges,
                            uint64_t bytes, uint32_t flags, uint64_t *handle)
{
    struct kfd_ioctl_alloc_memory_of_gpu_batch_args args = {
        .va_addr = va,
        .total_size = bytes,
        .handle = *handle,
        .ranges_ptr = (uintptr_t)list,
        .num_ranges = ranges,
        .gpu_id = gpu_id,
        .flags = flags,
    };
    int err = kfd_ioctl(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU_BATCH, &args);

    if (!err)
        *handle = args.handle;
    return err;
}

int hs_kfd_alloc(uint32_t gpu_id, uint64_t va, uint64_t cpu, uint64_t bytes,
                 const struct hs_kfd_access *access, uint64_t *handle)
{
    int err = hs_kfd_check_process();

    if (err)
        return err;
    err = call_alloc(gpu_id, va, cpu, bytes, alloc_flags(access), handle);
    count(&counters.alloc, 1);
    if (err)
        hs_error(err, "ALLOC_MEMORY_OF_GPU of %llu bytes at %p gave %s", (unsigned long long)bytes,
                 (void *)(uintptr_t)cpu, hs_errno_name(err));
    return err;
}

/* In the flag encoding the list's header stands before it: for a later part that is where the size
 * of the run before is, which is put back. */
static int alloc_by_flag(uint32_t gpu_id, uint64_t va, struct hs_run *runs, size_t count,
                         uint64_t bytes, uint32_t flags, uint64_t *handle)
{
    struct kfd_ioctl_userptr_batch header = {.num_ranges = (uint32_t)count};
    char *place = (char *)runs - sizeof(header);
    char kept[sizeof(header)];
    int err;

    memcpy(kept, place, sizeof(header));
    memcpy(place, &header, sizeof(header));
    err = call_alloc(gpu_id, va, (uintptr_t)place, bytes,
                     flags | KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH, handle);
    memcpy(place, kept, sizeof(header));
    return err;
}

int hs_kfd_alloc_batch(enum hs_wire wire, uint32_t gpu_id, uint64_t va,
                       const struct hs_ranges *ranges, size_t first, size_t runs, uint64_t bytes,
                       const struct hs_kfd_access *access, uint64_t *handle)
{
    uint32_t flags = alloc_flags(access);
    int err = hs_kfd_check_process();

    if (err)
        return err;
    *handle = 0;
    if (wire == HS_WIRE_FLAG)
        err = alloc_by_flag(gpu_id, va, ranges->runs + first, runs, bytes, flags, handle);
    else
        err = call_alloc_batch(gpu_id, va, ranges->runs + first, (uint32_t)runs, bytes, flags,
                               handle);
    count(&counters.alloc_batch, 1);
    if (err)
        hs_error(err, "the batch allocation of %zu ranges, %llu bytes gave %s", runs,
                 (unsigned long long)bytes, hs_errno_name(err));
    return err;
}

static int call_map(uint64_t handle, const uint32_t *gpu_ids, uint32_t gpus, uint32_t *done)
{
    struct kfd_ioctl_map_memory_to_gpu_args args = {
        .handle = handle, .device_ids_array_ptr = (uintptr_t)gpu_ids, .n_devices = gpus};
    int err = kfd_ioctl(AMDKFD_IOC_MAP_MEMORY_TO_GPU, &args);

    count(&counters.map, 1);
    *done = args.n_success;
    return err;
}

static int call_unmap(uint64_t handle, const uint32_t *gpu_ids, uint32_t gpus, uint32_t *done)
{
    struct kfd_ioctl_unmap_memory_from_gpu_args args = {
        .handle = handle, .device_ids_array_ptr = (uintptr_t)gpu_ids, .n_devices = gpus};
    int err = kfd_ioctl(AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU, &args);

    count(&counters.unmap, 1);
    *done = args.n_success;
    return err;
}

int hs_kfd_map(uint64_t handle, const uint32_t *gpu_ids, uint32_t gpus)
{
    uint32_t done, undone;
    int err = hs_kfd_check_process();

    if (err || !gpus) /* the kernel calls an empty array EINVAL */
        return err;
    err = call_map(handle, gpu_ids, gpus, &done);
    if (!err)
        return 0;
    if (done && done <= gpus)
        call_unmap(handle, gpu_ids, done, &undone);
    return hs_error(err, "MAP_MEMORY_TO_GPU gave %s for GPU %u of %u", hs_errno_name(err), done + 1,
                    gpus);
}

int hs_kfd_unmap(uint64_t handle, const uint32_t *gpu_ids, uint32_t gpus)
{
    uint32_t done, redone;
    int err = hs_kfd_check_process();

    if (err || !gpus) /* the kernel calls an empty array EINVAL */
        return err;
    err = call_unmap(handle, gpu_ids, gpus, &done);
    if (!err)
        return 0;
    if (done && done <= gpus)
        call_map(handle, gpu_ids, done, &redone);
    return hs_error(err, "UNMAP_MEMORY_FROM_GPU gave %s for GPU %u of %u", hs_errno_name(err),
                    done + 1, gpus);
}

int hs_kfd_free(uint64_t handle)
{
    struct kfd_ioctl_free_memory_of_gpu_args args = {.handle = handle};
    int err = hs_kfd_check_process();

    if (err)
        return err;
    err = kfd_ioctl(AMDKFD_IOC_FREE_MEMORY_OF_GPU, &args);
    count(&counters.free, 1);
    if (err)
        hs_error(err, "FREE_MEMORY_OF_GPU gave %s", hs_errno_name(err));
    return err;
}

/*
 * What the probes work on: pages of our own. Page 0 becomes memory (a list, or a page to register),
 * page 1 stays a hole behind it, page 2 is memory, 3 and 4 are the GPU addresses, 5 is room to step
 * over an unlucky one.
 */
struct probe_area {
    char *map;
    uint64_t va;
};

#define PROBE_PAGES 6

static int probe_area_make(struct probe_area *area)
{
    char *map = hs_sys.mmap(NULL, PROBE_PAGES * HS_PAGE_BYTES, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (map == MAP_FAILED)
        return hs_error(-ENOMEM, "no address space to probe the kernel with");
    for (int page = 0; page <= 2; page += 2) {
        if (hs_sys.mmap(map + page * HS_PAGE_BYTES, HS_PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
            continue;
        hs_sys.munmap(map, PROBE_PAGES * HS_PAGE_BYTES);
        return hs_error(-ENOMEM, "no memory to probe the kernel with");
    }
    area->map = map;
    area->va = (uintptr_t)map + 3 * HS_PAGE_BYTES;
    if ((uint32_t)area->va <
        HS_PAGE_BYTES) /* the profiler would take the low half as its operation */
        area->va += HS_PAGE_BYTES;
    return 0;
}

/*
 * What a probe could not give back, because FREE or munmap() failed: the next one does, before it
 * takes anything. Guarded by the device table's lock, under which devices are probed.
 */
static struct {
    struct probe_area area;
    uint64_t handle;
    bool has_handle;
} unreleased;

/* Gives the buffer of a probe back, or remembers it. */
static int probe_free(uint64_t handle)
{
    int err = hs_kfd_free(handle);

    count(&counters.probe, 1);
    unreleased.handle = handle;
    unreleased.has_handle = err != 0;
    return err;
}

/* While there is a buffer, its pages stay: the kernel would otherwise keep a buffer over nothing.
 */
static void probe_area_drop(const struct probe_area *area)
{
    unreleased.area = *area;
    if (!unreleased.has_handle && !hs_sys.munmap(area->map, PROBE_PAGES * HS_PAGE_BYTES))
        unreleased.area.map = NULL;
}

static int probe_area_get(struct probe_area *area)
{
    if (unreleased.has_handle) {
        int err = probe_free(unreleased.handle);

        if (err)
            return err;
    }
    if (!unreleased.area.map)
        return probe_area_make(area);
    *area = unreleased.area;
    return 0;
}

static const struct hs_kfd_access probe_access = {0};

/*
 * Ioctl 0x28. First with flags that the batch handler refuses with EOPNOTSUPP before it does
 * anything, and that mean nothing to any other owner of the number; then, because an errno never
 * proves anything, one real page: only a batch kernel succeeds and writes a handle.
 */
static int probe_ioctl(uint32_t gpu_id, const struct probe_area *area, int *works, char *why,
                       size_t room)
{
    struct kfd_ioctl_userptr_range page = {.start = (uintptr_t)area->map, .size = HS_PAGE_BYTES};
    uint64_t handle = UINT64_MAX;
    int err;

    *works = 0;
    err = call_alloc_batch(gpu_id, area->va, &page, 1, HS_PAGE_BYTES, 0, &handle);
    count(&counters.probe, 1);
    if (err == -ENOMEM) /* says nothing about the number: ask again at the next registration */
        return hs_error(err, "the kernel has no memory for the batch probe");
    if (err != -EOPNOTSUPP) {
        snprintf(why, room, "ioctl 0x28 gave %s", err ? hs_errno_name(err) : "success");
        return 0;
    }
    handle = UINT64_MAX;
    err = call_alloc_batch(gpu_id, area->va, &page, 1, HS_PAGE_BYTES, alloc_flags(&probe_access),
                           &handle);
    count(&counters.probe, 1);
    if (err == -ENOMEM)
        return hs_error(err, "the kernel has no memory for the batch probe");
    if (err || handle == UINT64_MAX) {
        snprintf(why, room, "ioctl 0x28 did not register a page (%s)", hs_errno_name(err));
        return 0;
    }
    *works = 1;
    snprintf(why, room, "ioctl 0x28 registered and released a page");
    return probe_free(handle);
}

/*
 * The flag encoding. A kernel that does not know the flag takes the list itself for the memory to
 * register (6.1 validates no flags). So: an empty list must be refused, and then a list of two
 * pages must be accepted although the memory right behind the list is a hole: taken as plain memory
 * it would fault.
 */
static int probe_flag(uint32_t gpu_id, const struct probe_area *area, int *works, char *why,
                      size_t room)
{
    struct kfd_ioctl_userptr_batch *header = (void *)area->map;
    struct kfd_ioctl_userptr_range *list = (void *)(header + 1);
    uint32_t flags = alloc_flags(&probe_access) | KFD_IOC_ALLOC_MEM_FLAGS_USERPTR_BATCH;
    uint64_t handle;
    int err;

    *works = 0;
    *header = (struct kfd_ioctl_userptr_batch){.num_ranges = 0};
    err = call_alloc(gpu_id, area->va, (uintptr_t)header, HS_PAGE_BYTES, flags, &handle);
    count(&counters.probe, 1);
    if (err != -EINVAL) {
        snprintf(why, room, "flag 1<<22 %s%s", err ? "gave " : "is ignored",
                 err ? hs_errno_name(err) : "");
        return err ? 0 : probe_free(handle);
    }
    header->num_ranges = 2;
    list[0] =
        (struct kfd_ioctl_userptr_range){.start = (uintptr_t)area->map, .size = HS_PAGE_BYTES};
    list[1] = (struct kfd_ioctl_userptr_range){.start = list[0].start + 2 * HS_PAGE_BYTES,
                                               .size = HS_PAGE_BYTES};
    err = call_alloc(gpu_id, area->va, (uintptr_t)header, 2 * HS_PAGE_BYTES, flags, &handle);
    count(&counters.probe, 1);
    if (err == -ENOMEM)
        return hs_error(err, "the kernel has no memory for the batch probe");
    if (err) {
        snprintf(why, room, "flag 1<<22 gave %s", hs_errno_name(err));
        return 0;
    }
    *works = 1;
    snprintf(why, room, "flag 1<<22 registered and released a list");
    return probe_free(handle);
}

int hs_kfd_probe_batch(uint32_t gpu_id, enum hs_wire *wire, char *why, size_t room)
{
    struct hs_kfd_version version = {0};
    struct probe_area area = {0};
    char by_ioctl[96] = "", by_flag[96] = "";
    int works = 0, err;

    *wire = HS_WIRE_NONE;
    err = hs_kfd_get_version(&version);
    if (err)
        return err;
    err = probe_area_get(&area);
    if (err || !area.map) /* it is there; for clang-tidy, which cannot see that */
        return err;

    if (version.major == 1 && version.minor < PROFILER_MINOR) {
        err = probe_ioctl(gpu_id, &area, &works, by_ioctl, sizeof(by_ioctl));
        if (!err && works)
            *wire = HS_WIRE_IOCTL;
    } else {
        snprintf(by_ioctl, sizeof(by_ioctl), "ioctl 0x28 is not tried: it is the profiler's");
    }
    if (!err && *wire == HS_WIRE_NONE) {
        err = probe_flag(gpu_id, &area, &works, by_flag, sizeof(by_flag));
        if (!err && works)
            *wire = HS_WIRE_FLAG;
    }
    probe_area_drop(&area);
    if (err)
        return err;
    hs_log(HS_LOG_DECISION, "probe gpu_id=%u wire=%s", gpu_id,
           *wire == HS_WIRE_NONE    ? "none"
           : *wire == HS_WIRE_IOCTL ? "ioctl"
                                    : "flag");
    snprintf(why, room, "KFD %u.%u, %s%s%s", version.major, version.minor,
             *wire == HS_WIRE_FLAG ? by_flag : by_ioctl, *wire == HS_WIRE_NONE ? ", " : "",
             *wire == HS_WIRE_NONE ? by_flag : "");
    return 0;
}

void hs_kfd_reset_for_test(void)
{
    if (atomic_load(&kfd_fd) >= 0)
        hs_sys.close(atomic_load(&kfd_fd));
    atomic_store(&kfd_fd, -1);
    atomic_store(&forked, 0);
    memset(&unreleased, 0, sizeof(unreleased));
}

void hs_kfd_read_counters(struct hs_kfd_counters *out)
{
    *out = (struct hs_kfd_counters){
        .ioctls = atomic_load(&counters.ioctls),
        .alloc_batch = atomic_load(&counters.alloc_batch),
        .alloc = atomic_load(&counters.alloc),
        .map = atomic_load(&counters.map),
        .unmap = atomic_load(&counters.unmap),
        .free = atomic_load(&counters.free),
        .probe = atomic_load(&counters.probe),
        .retries = atomic_load(&counters.retries),
        .ns = atomic_load(&counters.ns),
    };
}

void hs_kfd_thread_cost(uint64_t *ioctls, uint64_t *ns)
{
    *ioctls = thread_ioctls;
    *ns = thread_ns;
}
