/* SPDX-License-Identifier: MIT */
/*
 * Shared mappings duplicated side by side into the window with mremap(), and the window then
 * registered as one ordinary host range by the program's own runtime (backing.h). So the CPU sees
 * the window too, and the runtime's memory calls know the pointer.
 */
#include <errno.h>
#include <sys/mman.h>

#include "backing.h"
#include "error.h"
#include "maps.h"
#include "sys.h"

/* Mappings that are left to the rest of the process, which needs some for every library and thread.
 */
#define SPARE_MAPPINGS 1024u

/* What mremap() can duplicate in one call: a piece of a run inside of one mapping. */
typedef int (*piece_fn)(struct hs_pool *pool, uint64_t cpu, uint64_t bytes, uint64_t offset,
                        const struct hs_vma *vma);

/*
 * Calls f for each piece in order. One mremap() over two mappings would silently show the pages
 * behind the first one (mremap duplicates the object of the first VMA only, mm/mremap.c), hence the
 * splitting.
 */
static int for_each_piece(struct hs_pool *pool, const struct hs_maps *maps, piece_fn f)
{
    const struct hs_ranges *r = &pool->ranges;
    uint64_t offset = 0;
    int err = 0;

    for (size_t run = 0; run < r->count && !err; run++) {
        uint64_t at = r->runs[run].cpu, end = at + r->runs[run].bytes;

        pool->failed_run = run;
        for (size_t i = hs_maps_find(maps, at); at < end && !err; i++) {
            const struct hs_vma *vma = i < maps->count ? &maps->vmas[i] : NULL;
            uint64_t stop = vma && vma->end < end ? vma->end : end;

            if (!vma || vma->start > at)
                return hs_error(-EFAULT, "the page at 0x%llx is not mapped",
                                (unsigned long long)at);
            err = f(pool, at, stop - at, offset, vma);
            offset += stop - at;
            at = stop;
        }
    }
    return err;
}

static int check_piece(struct hs_pool *pool, uint64_t cpu, uint64_t bytes, uint64_t offset,
                       const struct hs_vma *vma)
{
    (void)bytes;
    (void)offset;
    if (vma->device)
        return hs_error(-EFAULT, "the page at 0x%llx is device memory, not host memory",
                        (unsigned long long)cpu);
    if (!vma->writable)
        return hs_error(-EFAULT, "the page at 0x%llx is not writable", (unsigned long long)cpu);
    if (!vma->shared)
        return hs_error(
            -EOPNOTSUPP,
            "the page at 0x%llx is private memory: only shared mappings (memfd, shared files, "
            "shm) can be seen at a second address",
            (unsigned long long)cpu);
    pool->pieces++;
    return 0;
}

static int map_piece(struct hs_pool *pool, uint64_t cpu, uint64_t bytes, uint64_t offset,
                     const struct hs_vma *vma)
{
    void *to = pool->window.base + offset;

    (void)vma;
    if (hs_sys.mremap((void *)(uintptr_t)cpu, 0, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) !=
        MAP_FAILED)
        return 0;
    if (errno == ENOMEM)
        return hs_error(-E2BIG, "mremap ran out of mappings (vm.max_map_count) or memory");
    return hs_error(errno == EFAULT ? -EFAULT : -EOPNOTSUPP,
                    "mremap cannot duplicate the page at 0x%llx (%s)", (unsigned long long)cpu,
                    hs_errno_name(errno));
}

/* Checks the whole list before anything is mapped: eligible memory, and mappings to spare. */
static int check_list(struct hs_pool *pool, const struct hs_maps *maps)
{
    size_t limit = hs_maps_limit();
    int err;

    pool->pieces = 0;
    err = for_each_piece(pool, maps, check_piece);
    if (err)
        return err;
    pool->failed_run = SIZE_MAX;
    if (maps->count + pool->pieces + SPARE_MAPPINGS > limit)
        return hs_error(-E2BIG,
                        "the window needs %zu mappings, the process has %zu, the kernel allows %zu "
                        "(vm.max_map_count)",
                        pool->pieces, maps->count, limit);
    return 0;
}

static int alias_create(struct hs_pool *pool)
{
    uint64_t lowest, highest;
    struct hs_maps maps;
    int err;

    if (!pool->pinner)
        return hs_error(-EOPNOTSUPP, "there is no runtime that registers host memory");
    if (pool->access.read_only)
        return hs_error(-EOPNOTSUPP, "an alias window cannot be read-only for the device");
    hs_devices_common_aperture(&lowest, &highest);
    err = hs_window_make_plain(&pool->window, lowest, highest);
    if (err)
        return err;
    err = hs_maps_read(&maps);
    if (err) /* the other backings do not need it */
        return err == -ENOMEM ? err : -EOPNOTSUPP;
    err = check_list(pool, &maps);
    if (err)
        goto no_pieces;
    err = for_each_piece(pool, &maps, map_piece);
    if (err)
        goto no_pin;
    pool->failed_run = SIZE_MAX;
    if (hs_sys.madvise(pool->window.base, pool->window.bytes, MADV_DONTFORK)) {
        err = hs_error(-ENOMEM, "cannot keep the window from being inherited by fork (%s)",
                       hs_errno_name(errno));
        goto no_pin;
    }
    err = pool->pinner->pin(pool->window.base, pool->window.bytes, &pool->gpu_base);
    if (err)
        goto no_pin;
    hs_maps_free(&maps);
    return 0;

no_pin:
    hs_window_clear(&pool->window);
no_pieces:
    hs_maps_free(&maps);
    return err;
}

/* The mappings go with the window: one munmap() takes them and the reservation. */
static int alias_destroy(struct hs_pool *pool)
{
    return pool->pinner->unpin(pool->window.base);
}

/* HIP and ROCr register host memory for every device at once. */
static int alias_grant(struct hs_pool *pool, uint32_t gpu_id)
{
    (void)pool;
    (void)gpu_id;
    return 0;
}

static int alias_revoke(struct hs_pool *pool, uint32_t gpu_id)
{
    (void)gpu_id;
    return hs_error(-EOPNOTSUPP, "an alias window is visible to every device: %s registers it so",
                    pool->pinner->name);
}

const struct hs_backing hs_backing_alias = {
    .kind = HS_BACKING_ALIAS,
    .name = "alias",
    .create = alias_create,
    .destroy = alias_destroy,
    .grant = alias_grant,
    .revoke = alias_revoke,
};
