/* SPDX-License-Identifier: MIT */
/*
 * Which run holds a window offset, and which window offset a host address has. An index over a
 * sealed list, built when first asked for, then only read: any number of threads at once, without a
 * lock.
 */
#ifndef HS_LOOKUP_H
#define HS_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ranges.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Offsets to runs: 2 bytes a run. Buckets of equal size; a bucket names the run at its start. */
struct hs_offset_index {
    unsigned shift;
    size_t buckets;
    uint32_t first[]; /* buckets + 1 */
};

/* Host addresses to runs: 6 bytes a run; 8 more where overlap is allowed. */
struct hs_host_index {
    unsigned shift;
    size_t buckets;
    uint64_t lowest;
    uint32_t *first; /* buckets + 1: position in order of the last run that starts at or below it */
    uint32_t *order; /* runs by ascending host address; null: as they are */
    uint64_t *highest; /* by position: the highest end so far; null where no runs overlap */
};

/* Null with a text if there is no memory. The offset index is one block: hs_sys.free() frees it. */
struct hs_offset_index *hs_offset_index_build(const struct hs_ranges *r);
struct hs_host_index *hs_host_index_build(const struct hs_ranges *r);
void hs_host_index_free(struct hs_host_index *index);

/* The run that holds an offset below window_bytes. index may be null: a plain binary search then.
 */
size_t hs_lookup_offset(const struct hs_ranges *r, const struct hs_offset_index *index,
                        uint64_t offset);

/*
 * True and the lowest window offset of a host address, if the list holds it. Where overlap is
 * allowed this looks at each run that overlaps the address's surroundings.
 */
bool hs_lookup_host(const struct hs_ranges *r, const struct hs_host_index *index, uint64_t address,
                    uint64_t *offset);

#ifdef __cplusplus
}
#endif

#endif
