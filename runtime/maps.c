/* SPDX-License-Identifier: MIT */
/* Reads /proc/self/maps (maps.h). */
#include "maps.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "sys.h"

/* The fields before the path take 73 bytes at most; the path may be as long as any. */
#define MAX_LINE (PATH_MAX + 128)

static int add_vma(struct hs_maps *maps, size_t *room, const struct hs_vma *vma)
{
    struct hs_vma *more;

    if (maps->count == *room) {
        *room = *room ? 2 * *room : 256;
        more = hs_sys.alloc(*room * sizeof(*more));
        if (!more)
            return hs_error(-ENOMEM, "no memory to read the process's memory map");
        if (maps->count)
            memcpy(more, maps->vmas, maps->count * sizeof(*more));
        hs_sys.free(maps->vmas);
        maps->vmas = more;
    }
    maps->vmas[maps->count++] = *vma;
    return 0;
}

int hs_maps_read(struct hs_maps *maps)
{
    FILE *file = hs_sys.fopen("/proc/self/maps", "re");
    char line[MAX_LINE];
    size_t room = 0;
    int err = 0;

    memset(maps, 0, sizeof(*maps));
    if (!file)
        return hs_error(-errno, "cannot read /proc/self/maps (%s)", hs_errno_name(errno));
    while (!err && fgets(line, sizeof(line), file)) {
        struct hs_vma vma = {0};
        char perms[8] = "", path[64] = "";

        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s %63s", &vma.start, &vma.end,
                   perms, path) < 3)
            continue;
        vma.writable = perms[1] == 'w';
        vma.shared = perms[3] == 's';
        vma.device = !strncmp(path, "/dev/dri/", 9) || !strcmp(path, "/dev/kfd");
        err = add_vma(maps, &room, &vma);
    }
    if (!err && ferror(file))
        err = hs_error(-EIO, "cannot read /proc/self/maps to its end");
    fclose(file);
    if (err)
        hs_maps_free(maps);
    return err;
}

void hs_maps_free(struct hs_maps *maps)
{
    hs_sys.free(maps->vmas);
    memset(maps, 0, sizeof(*maps));
}

size_t hs_maps_find(const struct hs_maps *maps, uint64_t addr)
{
    size_t low = 0, high = maps->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (maps->vmas[middle].end > addr)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

size_t hs_maps_limit(void)
{
    FILE *file = hs_sys.fopen("/proc/sys/vm/max_map_count", "re");
    size_t limit = 65530; /* the kernel's default (DEFAULT_MAX_MAP_COUNT) */

    if (file) {
        if (fscanf(file, "%zu", &limit) != 1)
            limit = 65530;
        fclose(file);
    }
    return limit;
}
