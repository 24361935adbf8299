/* SPDX-License-Identifier: MIT */
/*
 * Which run holds a window offset, and which window offset a host address has. An index over a
 * sealed list, built when first asked for, then only read: any number of threads at once, without a
 * lock. The searches that decide the cost of a translation are inline.
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

/*
 * Offsets to runs. Where sizes are alike, a multiplication tells the run, give or take two: nothing
 * is kept then. Elsewhere buckets of equal size, each of which names the run at its start: 2 bytes
 * a run.
 */
struct hs_offset_index {
    uint64_t scale; /* runs per page of the window, times 2^32; 0: use the buckets */
    unsigned shift;
    size_t buckets;
    uint32_t first[]; /* buckets + 1 */
};

/*
 * Host addresses to runs, in the cheapest form that the list allows (hs_host_index_build()):
 * UNITS   every run is a multiple of a unit and few units lie between runs: a bit for each unit of
 *         the span, and the window offset of each one that is there. One load after the bit's.
 * STARTS  runs lie close together: a bit for each place where a run starts, and that run's number.
 * SORTED  anything: the runs' order by address, entered through buckets of equal size.
 */
enum hs_host_form { HS_HOST_UNITS, HS_HOST_STARTS, HS_HOST_SORTED };

/* 64 bits of the span, and how many are set before them. */
struct hs_bit_group {
    uint64_t bits;
    uint64_t before;
};

struct hs_host_index {
    enum hs_host_form form;
    unsigned shift; /* of a unit or bucket */
    uint64_t lowest, span;
    struct hs_bit_group *groups;
    uint32_t *values; /* by position of the bit: offset in units, or run */

    size_t buckets;
    uint32_t *first; /* buckets + 1: position in order of the last run that starts at or below it */
    uint32_t *order; /* runs by ascending host address; null: as they are */
    uint64_t *highest; /* by position: the highest end so far; null where no runs overlap */
};

/* Null with a text if there is no memory. The offset index is one block: hs_sys.free() frees it. */
struct hs_offset_index *hs_offset_index_build(const struct hs_ranges *r);
struct hs_host_index *hs_host_index_build(const struct hs_ranges *r);
void hs_host_index_free(struct hs_host_index *index);

size_t hs_lookup_offset_in_bucket(const struct hs_ranges *r, const struct hs_offset_index *index,
                                  uint64_t offset);
bool hs_lookup_host_run(const struct hs_ranges *r, const struct hs_host_index *index,
                        uint64_t address, uint64_t *offset);

/* The run that a multiplication names; the true one is near. scale is rounded up: it may be one too
 * many. */
static inline size_t hs_guess_run(const struct hs_ranges *r, uint64_t scale, uint64_t offset)
{
    size_t run = (size_t)((offset / HS_PAGE_BYTES * scale) >> 32);

    return run < r->count ? run : r->count - 1;
}

/* The run that holds an offset below window_bytes. index may be null: a plain binary search then.
 */
static inline size_t hs_lookup_offset(const struct hs_ranges *r,
                                      const struct hs_offset_index *index, uint64_t offset)
{
    size_t run;

    if (!index || !index->scale)
        return hs_lookup_offset_in_bucket(r, index, offset);
    run = hs_guess_run(r, index->scale, offset);
    while (r->runs[run].offset > offset)
        run--;
    while (r->runs[run + 1].offset <= offset)
        run++;
    return run;
}

/* The number of set bits; the baseline x86-64 has no instruction for it. */
static inline unsigned hs_count_bits(uint64_t bits)
{
    bits -= (bits >> 1) & 0x5555555555555555;
    bits = (bits & 0x3333333333333333) + ((bits >> 2) & 0x3333333333333333);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (unsigned)((bits * 0x0101010101010101) >> 56);
}

/*
 * True and the lowest window offset of a host address, if the list holds it. Where overlap is
 * allowed the SORTED form looks at each run that overlaps the address's surroundings.
 */
static inline bool hs_lookup_host(const struct hs_ranges *r, const struct hs_host_index *index,
                                  uint64_t address, uint64_t *offset)
{
    uint64_t at = address - index->lowest, unit, bit;
    const struct hs_bit_group *group;

    if (at >= index->span)
        return false;
    if (index->form != HS_HOST_UNITS)
        return hs_lookup_host_run(r, index, address, offset);
    unit = at >> index->shift;
    group = &index->groups[unit / 64];
    bit = 1ull << unit % 64;
    if (!(group->bits & bit))
        return false;
    *offset = ((uint64_t)index->values[group->before + hs_count_bits(group->bits & (bit - 1))]
               << index->shift) +
              (at & ((1ull << index->shift) - 1));
    return true;
}

#ifdef __cplusplus
}
#endif

#endif
