/* SPDX-License-Identifier: MIT */
/*
 * Builds the two indexes of lookup.h, and the searches that need more than a load or two. Buckets
 * cut the address space into equal parts, about one for two runs; inside of a bucket the search is
 * binary: one or two steps where sizes are alike, never more than log2(runs).
 */
#include "lookup.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "sort.h"
#include "sys.h"

#define MAX_GUESS_ERROR 2u

/* What an index of a short list may take whatever its length. */
#define FREE_BYTES 4096u

/* The shift that makes at most about runs / 2 buckets of a span. */
static unsigned bucket_shift(uint64_t span, size_t runs)
{
    unsigned shift = 12;

    while ((span >> shift) > runs / 2 + 1)
        shift++;
    return shift;
}

/* The scale of hs_guess_run() if it is never further off than a step or two, else 0. */
static uint64_t guess_scale(const struct hs_ranges *r)
{
    uint64_t pages = r->window_bytes / HS_PAGE_BYTES, scale;

    if (pages > UINT32_MAX)
        return 0;
    scale = (((uint64_t)r->count << 32) + pages - 1) / pages; /* at most 2^32 */
    for (size_t i = 0; i < r->count; i++) {
        size_t first = hs_guess_run(r, scale, r->runs[i].offset);
        size_t last = hs_guess_run(r, scale, r->runs[i + 1].offset - 1);

        if (first + MAX_GUESS_ERROR < i || last > i + MAX_GUESS_ERROR)
            return 0;
    }
    return scale;
}

struct hs_offset_index *hs_offset_index_build(const struct hs_ranges *r)
{
    uint64_t scale = guess_scale(r);
    unsigned shift = bucket_shift(r->window_bytes, r->count);
    size_t buckets = scale ? 0 : (size_t)((r->window_bytes - 1) >> shift) + 1;
    struct hs_offset_index *index =
        hs_alloc_array(0, sizeof(*index) + (buckets + 1) * sizeof(uint32_t));
    size_t run = 0;

    if (!index) {
        hs_error(-ENOMEM, "no memory for the index of %zu ranges", r->count);
        return NULL;
    }
    index->scale = scale;
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
size_t hs_lookup_offset_in_bucket(const struct hs_ranges *r, const struct hs_offset_index *index,
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
static int sort_runs(const struct hs_ranges *r, struct hs_host_index *index)
{
    bool ascending = true;

    for (size_t i = 1; i < r->count; i++)
        ascending &= r->runs[i].cpu >= r->runs[i - 1].cpu;
    if (ascending)
        return 0;
    index->order = hs_alloc_array(0, r->count * sizeof(*index->order));
    if (!index->order)
        return -ENOMEM;
    return hs_sort_runs(r, index->lowest, index->lowest + index->span, index->order);
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

static int fill_buckets(const struct hs_ranges *r, struct hs_host_index *index)
{
    size_t position = 0;

    index->shift = bucket_shift(index->span, r->count);
    index->buckets = (size_t)((index->span - 1) >> index->shift) + 1;
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

static int build_sorted(const struct hs_ranges *r, struct hs_host_index *index)
{
    int err = sort_runs(r, index);

    if (!err && r->aliased)
        err = note_highest_ends(r, index);
    if (!err)
        err = fill_buckets(r, index);
    return err;
}

/* What the bits of UNITS or STARTS stand for. */
struct cells {
    unsigned shift;
    uint64_t set, groups; /* how many of each */
};

/* The largest power of two that divides all starts, and all sizes where those count too. */
static unsigned common_shift(const struct hs_ranges *r, uint64_t lowest, bool sizes)
{
    uint64_t all = 1ull << 62;

    for (size_t i = 0; i < r->count; i++) {
        all |= r->runs[i].cpu - lowest;
        if (sizes)
            all |= r->runs[i + 1].offset - r->runs[i].offset;
    }
    return (unsigned)__builtin_ctzll(all);
}

/*
 * Whether a form pays: 24 bytes a range are allowed in all. 16 are the runs; the offset index takes
 * 2 unless sizes are alike.
 */
static bool affordable(const struct hs_ranges *r, struct hs_host_index *index, struct cells *c,
                       enum hs_host_form form)
{
    uint64_t room = FREE_BYTES + (guess_scale(r) ? 8 : 6) * (uint64_t)r->count;

    if (form == HS_HOST_STARTS && r->aliased)
        return false;
    c->shift = common_shift(r, index->lowest, form == HS_HOST_UNITS);
    c->groups = ((index->span - 1) >> c->shift) / 64 + 1;
    c->set = form == HS_HOST_UNITS ? r->window_bytes >> c->shift : r->count;
    return c->set <= UINT32_MAX && c->groups <= room / sizeof(struct hs_bit_group) &&
           c->set * sizeof(uint32_t) + c->groups * sizeof(struct hs_bit_group) <= room;
}

static size_t position_of(const struct hs_host_index *index, uint64_t cell)
{
    const struct hs_bit_group *group = &index->groups[cell / 64];

    return group->before + hs_count_bits(group->bits & ((1ull << cell % 64) - 1));
}

/* From last to first, so that of runs that overlap the one with the lowest offset stays. */
static void fill_values(const struct hs_ranges *r, struct hs_host_index *index)
{
    for (size_t i = r->count; i-- > 0;) {
        uint64_t cell = (r->runs[i].cpu - index->lowest) >> index->shift;
        uint64_t from = r->runs[i].offset >> index->shift;
        uint64_t to = r->runs[i + 1].offset >> index->shift;

        if (index->form == HS_HOST_STARTS) {
            index->values[position_of(index, cell)] = (uint32_t)i;
            continue;
        }
        for (uint64_t k = to - from; k-- > 0;)
            index->values[position_of(index, cell + k)] = (uint32_t)(from + k);
    }
}

static int build_cells(const struct hs_ranges *r, struct hs_host_index *index,
                       const struct cells *c, enum hs_host_form form)
{
    uint64_t before = 0;

    index->form = form;
    index->shift = c->shift;
    index->groups = hs_alloc_array(0, c->groups * sizeof(*index->groups));
    index->values = hs_alloc_array(0, c->set * sizeof(*index->values));
    if (!index->groups || !index->values)
        return -ENOMEM;
    memset(index->groups, 0, c->groups * sizeof(*index->groups));
    for (size_t i = 0; i < r->count; i++) {
        uint64_t bytes = r->runs[i + 1].offset - r->runs[i].offset;
        uint64_t cell = (r->runs[i].cpu - index->lowest) >> c->shift;
        uint64_t end = cell + (form == HS_HOST_UNITS ? bytes >> c->shift : 1);

        for (; cell < end; cell++)
            index->groups[cell / 64].bits |= 1ull << cell % 64;
    }
    for (uint64_t g = 0; g < c->groups; g++) {
        index->groups[g].before = before;
        before += hs_count_bits(index->groups[g].bits);
    }
    fill_values(r, index);
    return 0;
}

void hs_host_index_free(struct hs_host_index *index)
{
    if (!index)
        return;
    hs_sys.free(index->groups);
    hs_sys.free(index->values);
    hs_sys.free(index->first);
    hs_sys.free(index->order);
    hs_sys.free(index->highest);
    hs_sys.free(index);
}

struct hs_host_index *hs_host_index_build(const struct hs_ranges *r)
{
    struct hs_host_index *index = hs_sys.alloc(sizeof(*index));
    struct cells cells;
    int err;

    if (!index) {
        hs_error(-ENOMEM, "no memory for the index of %zu ranges", r->count);
        return NULL;
    }
    memset(index, 0, sizeof(*index));
    index->form = HS_HOST_SORTED;
    index->lowest = r->lowest;
    index->span = r->highest - r->lowest;
    if (affordable(r, index, &cells, HS_HOST_UNITS))
        err = build_cells(r, index, &cells, HS_HOST_UNITS);
    else if (affordable(r, index, &cells, HS_HOST_STARTS))
        err = build_cells(r, index, &cells, HS_HOST_STARTS);
    else
        err = build_sorted(r, index);
    if (err) {
        hs_error(err, "no memory for the index of %zu ranges", r->count);
        hs_host_index_free(index);
        return NULL;
    }
    return index;
}

static bool in_run(const struct hs_ranges *r, size_t run, uint64_t address, uint64_t *offset)
{
    *offset = r->runs[run].offset + (address - r->runs[run].cpu);
    return address >= r->runs[run].cpu && *offset < r->runs[run + 1].offset;
}

/* The last run that starts in the address's cell or before it: one always does. */
static bool lookup_start(const struct hs_ranges *r, const struct hs_host_index *index,
                         uint64_t address, uint64_t *offset)
{
    uint64_t cell = (address - index->lowest) >> index->shift;
    const struct hs_bit_group *group = &index->groups[cell / 64];
    uint64_t upto = group->bits & (~0ull >> (63 - cell % 64));

    return in_run(r, index->values[group->before + hs_count_bits(upto) - 1], address, offset);
}

bool hs_lookup_host_run(const struct hs_ranges *r, const struct hs_host_index *index,
                        uint64_t address, uint64_t *offset)
{
    size_t low, left, bucket;
    bool found = false;

    if (index->form == HS_HOST_STARTS)
        return lookup_start(r, index, address, offset);
    bucket = (size_t)((address - index->lowest) >> index->shift);
    low = index->first[bucket];
    left = index->first[bucket + 1] - low + 1;
    while (left > 1) { /* the last run that starts at or below the address */
        size_t half = left / 2;

        low += half * (size_t)(r->runs[run_at(index, low + half)].cpu <= address);
        left -= half;
    }
    if (!index->highest) /* no runs overlap: this one or none */
        return in_run(r, run_at(index, low), address, offset);
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
