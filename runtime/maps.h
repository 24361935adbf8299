/* SPDX-License-Identifier: MIT */
/* The process's memory map as /proc/self/maps shows it, sorted by address. A snapshot, nothing
 * more. */
#ifndef HS_MAPS_H
#define HS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hs_vma {
    uint64_t start, end;
    bool writable;
    bool shared;
    bool device; /* a mapping of a GPU's device node */
};

struct hs_maps {
    struct hs_vma *vmas;
    size_t count;
};

/* 0, -ENOMEM or what opening the file gave. */
int hs_maps_read(struct hs_maps *maps);
void hs_maps_free(struct hs_maps *maps);

/* How many mappings the kernel allows a process (vm.max_map_count); its default if it does not
 * tell. */
size_t hs_maps_limit(void);

/* Index of the first mapping that ends above addr; count if none does. */
size_t hs_maps_find(const struct hs_maps *maps, uint64_t addr);

#ifdef __cplusplus
}
#endif

#endif
