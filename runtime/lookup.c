/* SPDX-License-Identifier: MIT */
/*
 * The two indexes of lookup.h. Both cut the address space into equal buckets, about one for two
 * runs, and search binarily inside of a bucket: one or two steps where sizes are alike, never more
 * than log2(runs).
 */
#include "lookup.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "sort.h"
#include "sys.h"

/* The shift that makes at most about runs / 2 buckets of a span. */
static unsigned bucket_shift(uint64_t span, size_t runs)
{
    unsigned shift = 12;

    while ((span >> shift) > runs / 2 + 1)
        shift++;
    return shift;
}

struct hs_offset_index *hs_offset_index_build(const struct hs_ranges *r)
{
    unsigned shift = bucket_shift(r->window_bytes, r->count);
    size_t buckets = (size_t)((r->window_bytes - 1) >> shift) + 1;
    struct hs_offset_index *index =
        hs_alloc_array(0, sizeof(*index) + (buckets + 1) * sizeof(uint32_t));
    size_t run = 0;

    if (!index) {
        hs_error(-ENOMEM, "no memory for the index of %zu ranges", r->count);
        return NULL;
    }
    index->shift = shift;
    index->buckets = buckets;
    for (size_t b = 0; b < buckets; b++) {
        uint64_t start = (uint64_t)b << shift;

        while (r->runs[run + 1].offset <= start)
            run++;
        index->first[b] = (uint32_t)run;
    }
    index->first[buckets] = (uint32_t)(r->count - 1);
    return index;
}

/*
 * Both searches add the outcome of a comparison instead of branching on it: a branch on what was
 * just loaded is guessed wrong every other time, and then each lookup waits for its own cache
 * misses alone instead of together with the next ones'.
 */
size_t hs_lookup_offset(const struct hs_ranges *r, const struct hs_offset_index *index,
                        uint64_t offset)
{
    size_t bucket, low, left; /* the run is one of left runs from low on */

    if (!index)
        return hs_ranges_find(r, offset);
    bucket = (size_t)(offset >> index->shift);
    low = index->first[bucket];
    left = index->first[bucket + 1] - low + 1;
    while (left > 1) {
        size_t half = left / 2;

        low += half * (size_t)(r->runs[low + half].offset <= offset);
        left -= half;
    }
    return low;
}

static uint64_t run_end(const struct hs_ranges *r, size_t run)
{
    return r->runs[run].cpu + (r->runs[run + 1].offset - r->runs[run].offset);
}

static size_t run_at(const struct hs_host_index *index, size_t position)
{
    return index->order ? index->order[position] : position;
}

/* Fills what sorting yields: order, or null if the runs ascend anyway. */
static int sort_runs(const struct hs_ranges *r, struct hs_host_index *index, uint64_t *highest)
{
    bool ascending = true;

    index->lowest = r->runs[0].cpu;
    *highest = 0;
    for (size_t i = 0; i < r->count; i++) {
        uint64_t end = run_end(r, i);

        ascending &= i == 0 || r->runs[i].cpu >= r->runs[i - 1].cpu;
        index->lowest = r->runs[i].cpu < index->lowest ? r->runs[i].cpu : index->lowest;
        *highest = end > *highest ? end : *highest;
    }
    if (ascending)
        return 0;
    index->order = hs_alloc_array(0, r->count * sizeof(*index->order));
    if (!index->order)
        return -ENOMEM;
    return hs_sort_runs(r, index->lowest, *highest, index->order);
}

/* Where runs overlap, the one that holds an address need not be the last one that starts below it.
 */
static int note_highest_ends(const struct hs_ranges *r, struct hs_host_index *index)
{
    uint64_t highest = 0;

    index->highest = hs_alloc_array(0, r->count * sizeof(*index->highest));
    if (!index->highest)
        return -ENOMEM;
    for (size_t i = 0; i < r->count; i++) {
        uint64_t end = run_end(r, run_at(index, i));

        highest = end > highest ? end : highest;
        index->highest[i] = highest;
    }
    return 0;
}

static int fill_buckets(const struct hs_ranges *r, struct hs_host_index *index, uint64_t highest)
{
    size_t position = 0;

    index->shift = bucket_shift(highest - index->lowest, r->count);
    index->buckets = (size_t)((highest - 1 - index->lowest) >> index->shift) + 1;
    index->first = hs_alloc_array(0, (index->buckets + 1) * sizeof(*index->first));
    if (!index->first)
        return -ENOMEM;
    for (size_t b = 0; b <= index->buckets; b++) {
        uint64_t start = index->lowest + ((uint64_t)b << index->shift);

        /* The last run that starts at or below the bucket's first byte. */
        while (position + 1 < r->count && r->runs[run_at(index, position + 1)].cpu <= start)
            position++;
        index->first[b] = (uint32_t)position;
    }
    return 0;
}

void hs_host_index_free(struct hs_host_index *index)
{
    if (!index)
        return;
    hs_sys.free(index->first);
    hs_sys.free(index->order);
    hs_sys.free(index->highest);
    hs_sys.free(index);
}

struct hs_host_index *hs_host_index_build(const struct hs_ranges *r)
{
    struct hs_host_index *index = hs_sys.alloc(sizeof(*index));
    uint64_t highest;
    int err;

    if (!index) {
        hs_error(-ENOMEM, "no memory for the index of %zu ranges", r->count);
        return NULL;
    }
    memset(index, 0, sizeof(*index));
    err = sort_runs(r, index, &highest);
    if (!err && r->aliased)
        err = note_highest_ends(r, index);
    if (!err)
        err = fill_buckets(r, index, highest);
    if (err) {
        hs_error(err, "no memory for the index of %zu ranges", r->count);
        hs_host_index_free(index);
        return NULL;
    }
    return index;
}

bool hs_lookup_host(const struct hs_ranges *r, const struct hs_host_index *index, uint64_t address,
                    uint64_t *offset)
{
    size_t low, left, bucket;
    bool found = false;

    if (address < index->lowest || (address - index->lowest) >> index->shift >= index->buckets)
        return false;
    bucket = (size_t)((address - index->lowest) >> index->shift);
    low = index->first[bucket];
    left = index->first[bucket + 1] - low + 1;
    while (left > 1) { /* the last run that starts at or below the address */
        size_t half = left / 2;

        low += half * (size_t)(r->runs[run_at(index, low + half)].cpu <= address);
        left -= half;
    }
    if (!index->highest) { /* no runs overlap: this one or none */
        const struct hs_run *run = &r->runs[run_at(index, low)];

        *offset = run->offset + (address - run->cpu);
        return address >= run->cpu && *offset < run[1].offset;
    }
    for (;; low--) {
        size_t run = run_at(index, low);
        uint64_t at = r->runs[run].offset + (address - r->runs[run].cpu);

        if (address >= r->runs[run].cpu && address < run_end(r, run) && (!found || at < *offset)) {
            *offset = at;
            found = true;
        }
        if (low == 0 || index->highest[low - 1] <= address)
            return found;
    }
}
