/* SPDX-License-Identifier: MIT */
/* Finds the range to blame (blame.h) in /proc/self/maps and, for GPU memory, by asking ROCr. */
#include "blame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "error.h"
#include "maps.h"

/* The first thing wrong in [start, end), as a text with the offending address; null if nothing is.
 */
static const char *fault_in(const struct hs_maps *maps, uint64_t start, uint64_t end,
                            uint64_t *where)
{
    size_t i = hs_maps_find(maps, start);

    for (*where = start; *where < end; i++) {
        const struct hs_vma *vma = i < maps->count ? &maps->vmas[i] : NULL;

        if (!vma || vma->start > *where)
            return "is not mapped";
        if (vma->device)
            return "is device memory, not host memory";
        if (!vma->writable)
            return "is not writable (the kernel driver always asks for write access)";
        *where = vma->end;
    }
    return NULL;
}

bool hs_blame(const struct hs_host_range *list, size_t count, size_t *index)
{
    struct hs_maps maps;
    const char *what = NULL;
    uint64_t where = 0;
    size_t i;

    if (hs_maps_read(&maps))
        return false;
    for (i = 0; i < count && !what; i++) {
        uint64_t start = (uintptr_t)list[i].base;

        what =
            fault_in(&maps, start & ~(uint64_t)(HS_PAGE_BYTES - 1), start + list[i].bytes, &where);
    }
    hs_maps_free(&maps);
    for (size_t k = 0; k < count && !what; k++) {
        if (hs_device_owns_address(list[k].base)) {
            what = "is GPU memory, not host memory";
            where = (uintptr_t)list[k].base;
            i = k + 1;
        }
    }
    if (!what)
        return false;
    *index = i - 1;
    hs_error(-EFAULT, "range %zu (%p, %zu bytes): the page at 0x%llx %s", *index, list[*index].base,
             list[*index].bytes, (unsigned long long)where, what);
    return true;
}
