/* SPDX-License-Identifier: MIT */
/*
 * Reserves GPU virtual addresses (window.h). Where the loaded ROCr has hsa_amd_vmem_address_reserve
 * (6.0 and later) it is asked, because it is right in every aperture mode; else a PROT_NONE
 * mapping, which cannot collide with libhsakmt's own on GFX9 and later: it takes its GPU addresses
 * from mmap too (docs/abi.md).
 */
#include "window.h"

#include <dlfcn.h>
#include <errno.h>
#include <hsa/hsa.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "error.h"
#include "ranges.h"
#include "sys.h"

typedef hsa_status_t (*reserve_fn)(void **va, size_t bytes, uint64_t address, uint64_t flags);
typedef hsa_status_t (*release_fn)(void *va, size_t bytes);

static pthread_once_t vmem_once = PTHREAD_ONCE_INIT;
static reserve_fn vmem_reserve;
static release_fn vmem_release;

static void find_vmem(void)
{
    reserve_fn reserve = (reserve_fn)dlsym(RTLD_DEFAULT, "hsa_amd_vmem_address_reserve");
    release_fn release = (release_fn)dlsym(RTLD_DEFAULT, "hsa_amd_vmem_address_free");

    if (reserve && release) {
        vmem_reserve = reserve;
        vmem_release = release;
    }
}

static int reserve_any(struct hs_window *w, bool plain)
{
    void *map = NULL;

    pthread_once(&vmem_once, find_vmem);
    if (!plain && vmem_reserve && vmem_reserve(&map, w->map_bytes, 0, 0) == HSA_STATUS_SUCCESS) {
        w->map = map;
        w->from_hsa = true;
        return 0;
    }
    map = hs_sys.mmap(NULL, w->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                      -1, 0);
    if (map == MAP_FAILED)
        return hs_error(-ENOMEM, "no address space for a window of %zu bytes (%s)", w->bytes,
                        hs_errno_name(errno));
    w->map = map;
    w->from_hsa = false;
    return 0;
}

static int reserve(struct hs_window *w, uint64_t bytes, uint64_t phase, uint64_t lowest,
                   uint64_t highest, bool plain)
{
    uint64_t base, slack = HS_WINDOW_ALIGN + 2 * HS_PAGE_BYTES;
    int err;

    memset(w, 0, sizeof(*w));
    if (bytes > SIZE_MAX - slack)
        return hs_error(-ENOMEM, "no address space for a window of %llu bytes",
                        (unsigned long long)bytes);
    w->bytes = (size_t)bytes;
    w->map_bytes = (size_t)(bytes + slack);
    err = reserve_any(w, plain);
    if (err)
        return err;

    /* The first address of that phase that leaves a guard page below; the slack leaves one above.
     */
    base = (uintptr_t)w->map + HS_PAGE_BYTES;
    base += (phase - base) & (HS_WINDOW_ALIGN - 1);
    w->base = (char *)(uintptr_t)base;
    if (base < lowest || base + bytes - 1 > highest) {
        hs_window_release(w);
        return hs_error(
            -ENOMEM,
            "the window at 0x%llx (%llu bytes) lies outside of what the GPU can address "
            "(0x%llx..0x%llx)",
            (unsigned long long)base, (unsigned long long)bytes, (unsigned long long)lowest,
            (unsigned long long)highest);
    }
    /* The child of a fork cannot use the window (kfd_ioctl: EBADF); do not let it inherit the
     * mapping. */
    if (hs_sys.madvise(w->map, w->map_bytes, MADV_DONTFORK)) {
        err = hs_error(-ENOMEM, "cannot keep the window from being inherited by fork (%s)",
                       hs_errno_name(errno));
        hs_window_release(w);
        return err;
    }
    return 0;
}

int hs_window_reserve(struct hs_window *w, uint64_t bytes, uint64_t phase, uint64_t lowest,
                      uint64_t highest)
{
    return reserve(w, bytes, phase, lowest, highest, false);
}

int hs_window_make_plain(struct hs_window *w, uint64_t lowest, uint64_t highest)
{
    struct hs_window plain;
    int err;

    if (!w->from_hsa)
        return 0;
    err = reserve(&plain, w->bytes, (uintptr_t)w->base, lowest, highest, true);
    if (err)
        return err;
    err = hs_window_release(w);
    if (err) {
        hs_window_release(&plain);
        return err;
    }
    *w = plain;
    return 0;
}

int hs_window_clear(struct hs_window *w)
{
    if (hs_sys.mmap(w->base, w->bytes, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        return hs_error(-errno, "cannot clear the window (%s)", hs_errno_name(errno));
    if (hs_sys.madvise(w->base, w->bytes, MADV_DONTFORK))
        return hs_error(-errno, "cannot keep the window from being inherited by fork (%s)",
                        hs_errno_name(errno));
    return 0;
}

int hs_window_release(struct hs_window *w)
{
    if (w->from_hsa) {
        if (vmem_release(w->map, w->map_bytes) != HSA_STATUS_SUCCESS)
            return hs_error(-EINVAL, "ROCr did not release the window's addresses");
    } else if (w->map && hs_sys.munmap(w->map, w->map_bytes)) {
        return hs_error(-errno, "cannot release the window's addresses (%s)", hs_errno_name(errno));
    }
    memset(w, 0, sizeof(*w));
    return 0;
}
