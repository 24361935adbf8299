/* SPDX-License-Identifier: MIT */
/*
 * Checks and coalesces the caller's list in one pass (ranges.h). The pass is bound by memory: it
 * reads each range once and writes each run once; only lists that are not ascending need the
 * overlap check, which picks a page bitmap where the pages lie densely and a radix sort elsewhere
 * (docs/design.md).
 */
#include "ranges.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "sort.h"
#include "sys.h"

#define PAGE_MASK ((uint64_t)HS_PAGE_BYTES - 1)
#define PAGE_SHIFT 12

/* Says what is wrong with range i; only called when something is. */
static int bad_range(const struct hs_host_range *list, size_t count, size_t i)
{
    uint64_t base = (uintptr_t)list[i].base, bytes = list[i].bytes;

    if (!base)
        return hs_error(-EINVAL, "range %zu: base is null", i);
    if (!bytes)
        return hs_error(-EINVAL, "range %zu (%p): size is 0", i, list[i].base);
    if (base + bytes < base || base + bytes > UINT64_MAX - PAGE_MASK)
        return hs_error(-EINVAL,
                        "range %zu (%p, %zu bytes): runs over the end of the address space", i,
                        list[i].base, list[i].bytes);
    if (i > 0 && (base & PAGE_MASK))
        return hs_error(
            -EINVAL,
            "range %zu (%p, %zu bytes): base is not a multiple of %u; only the first range "
            "may start inside a page",
            i, list[i].base, list[i].bytes, HS_PAGE_BYTES);
    if (i + 1 < count && ((base + bytes) & PAGE_MASK))
        return hs_error(
            -EINVAL,
            "range %zu (%p, %zu bytes): end is not a multiple of %u; only the last range may "
            "end inside a page",
            i, list[i].base, list[i].bytes, HS_PAGE_BYTES);
    return hs_error(-EINVAL, "range %zu: the sum of the sizes overflows", i);
}

/* The fused pass: check, round the two ends, coalesce, sum, and see whether the list ascends. */
static int pass_over_list(struct hs_ranges *r, const struct hs_host_range *list, size_t count,
                          bool *ascending)
{
    struct hs_run *run = r->runs; /* the run being extended */
    uint64_t run_start = 0, run_end = 0, previous_end = 0, total = 0, lowest = UINT64_MAX,
             highest = 0;
    bool ascends = true;
    size_t runs = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t base = (uintptr_t)list[i].base, bytes = list[i].bytes;
        uint64_t start = i == 0 ? base & ~PAGE_MASK : base;
        uint64_t end = base + bytes;

        if (i + 1 == count && end <= UINT64_MAX - PAGE_MASK)
            end = (end + PAGE_MASK) & ~PAGE_MASK;
        if (!base || !bytes || end <= start || ((start | end) & PAGE_MASK))
            return bad_range(list, count, i);
        if (__builtin_add_overflow(total, end - start, &total))
            return bad_range(list, count, i);

        ascends &= start >= previous_end;
        previous_end = end;
        lowest = start < lowest ? start : lowest;
        highest = end > highest ? end : highest;

        if (start == run_end) {
            run_end = end;
            continue;
        }
        if (run_end) {
            *run++ = (struct hs_run){.cpu = run_start, .bytes = run_end - run_start};
            runs++;
        }
        run_start = start;
        run_end = end;
    }
    *run = (struct hs_run){.cpu = run_start, .bytes = run_end - run_start};

    r->count = runs + 1;
    r->window_bytes = total;
    r->head = (uint32_t)((uintptr_t)list[0].base & PAGE_MASK);
    r->lowest = lowest;
    r->highest = highest;
    *ascending = ascends;
    return 0;
}

/* Names the first two of the caller's ranges that share the page at addr. */
static int overlap_error(const struct hs_host_range *list, size_t count, uint64_t addr)
{
    size_t first = count, second = count;

    for (size_t i = 0; i < count && second == count; i++) {
        uint64_t base = (uintptr_t)list[i].base;
        uint64_t start = base & ~PAGE_MASK, end = (base + list[i].bytes + PAGE_MASK) & ~PAGE_MASK;

        if (addr < start || addr >= end)
            continue;
        if (first == count)
            first = i;
        else
            second = i;
    }
    return hs_error(
        -EINVAL,
        "range %zu (%p, %zu bytes) overlaps range %zu (%p, %zu bytes): allow aliasing if that "
        "is meant",
        second, list[second].base, list[second].bytes, first, list[first].base, list[first].bytes);
}

/* Overlap through one bit per page of the span. *addr: a page that two runs share, or 0. */
static int overlap_by_bitmap(const struct hs_ranges *r, uint64_t *addr)
{
    size_t words = (size_t)(((r->highest - r->lowest) >> PAGE_SHIFT) + 63) / 64;
    uint64_t *bitmap = hs_sys.alloc(words * sizeof(*bitmap));

    *addr = 0;
    if (!bitmap)
        return hs_error(-ENOMEM, "no memory for the overlap check (%zu bytes)", words * 8);
    memset(bitmap, 0, words * sizeof(*bitmap));

    for (size_t i = 0; i < r->count && !*addr; i++) {
        uint64_t page = (r->runs[i].cpu - r->lowest) >> PAGE_SHIFT;
        uint64_t end = page + (r->runs[i].bytes >> PAGE_SHIFT);

        while (page < end) {
            uint64_t bit = page & 63, room = 64 - bit;
            uint64_t take = end - page < room ? end - page : room;
            uint64_t mask = (take == 64 ? ~0ull : (1ull << take) - 1) << bit;
            uint64_t *word = &bitmap[page >> 6];

            if (*word & mask) {
                *addr = r->lowest +
                        (((page & ~63ull) + (unsigned)__builtin_ctzll(*word & mask)) << PAGE_SHIFT);
                break;
            }
            *word |= mask;
            page += take;
        }
    }
    hs_sys.free(bitmap);
    return 0;
}

/* Overlap through sorted start pages. *addr: a page that two runs share, or 0. */
static int overlap_by_sort(const struct hs_ranges *r, uint64_t *addr)
{
    uint32_t *order;
    uint64_t previous_end = 0;
    int err = hs_sort_find_overlap(r, addr);

    if (err != -ERANGE)
        return err;
    /* Runs too large for that: look at them one by one. */
    order = hs_alloc_array(0, r->count * sizeof(*order));
    *addr = 0;
    if (!order)
        return hs_error(-ENOMEM, "no memory for the overlap check of %zu ranges", r->count);
    err = hs_sort_runs(r, r->lowest, r->highest, order);
    for (size_t i = 0; i < r->count && !err && !*addr; i++) {
        const struct hs_run *run = &r->runs[order[i]];

        if (run->cpu < previous_end)
            *addr = run->cpu;
        previous_end = run->cpu + run->bytes;
    }
    hs_sys.free(order);
    return err;
}

static int check_overlap(const struct hs_ranges *r, const struct hs_host_range *list)
{
    uint64_t bitmap_bytes = (r->highest - r->lowest) >> (PAGE_SHIFT + 3), addr = 0;
    int err;

    /* A bit costs less than a key until the bitmap outgrows the keys' two arrays. */
    if (bitmap_bytes <= 16 * (uint64_t)r->count + HS_PAGE_BYTES)
        err = overlap_by_bitmap(r, &addr);
    else
        err = overlap_by_sort(r, &addr);
    if (!err && addr)
        err = overlap_error(list, r->given, addr);
    return err;
}

int hs_ranges_build(struct hs_ranges *r, const struct hs_host_range *list, size_t count,
                    bool allow_overlap)
{
    bool ascending = true;
    int err;

    memset(r, 0, sizeof(*r));
    if (!list)
        return hs_error(-EINVAL, "the range list is null");
    if (!count)
        return hs_error(-EINVAL, "the range list is empty");
    if (count > HS_MAX_RANGES)
        return hs_error(-EINVAL, "%zu ranges: at most %u are supported", count, HS_MAX_RANGES);

    /* The header's 8 bytes, the runs, and for seal() those at the end. */
    r->block = hs_alloc_array(HS_PAGE_BYTES, 8 + (count + HS_END_RUNS) * sizeof(struct hs_run));
    if (!r->block)
        return hs_error(-ENOMEM, "no memory for a list of %zu ranges", count);
    r->runs = (struct hs_run *)(void *)((char *)r->block + 8);
    r->given = count;
    r->aliased = allow_overlap;

    err = pass_over_list(r, list, count, &ascending);
    if (!err && !ascending && !allow_overlap)
        err = check_overlap(r, list);
    if (err) {
        hs_ranges_destroy(r);
        return err;
    }
    r->bytes = r->window_bytes - r->head;
    r->bytes -= (uint64_t) - ((uintptr_t)list[count - 1].base + list[count - 1].bytes) & PAGE_MASK;
    return 0;
}

/* How many runs are looked at for one that holds whole units. A window whose first thousand runs
 * hold none gains little from one behind them, and long lists of pages must stay cheap. */
#define PHASE_RUNS 1024u

uint64_t hs_ranges_phase(const struct hs_ranges *r, uint64_t unit)
{
    uint64_t offset = 0, phase = 0, most = 0;

    if (r->window_bytes < unit)
        return 0;
    for (size_t i = 0; i < r->count && i < PHASE_RUNS; i++) {
        uint64_t start = r->runs[i].cpu, bytes = r->runs[i].bytes;

        if (bytes >= unit) {
            uint64_t first = (start + unit - 1) / unit, last = (start + bytes) / unit;

            if (last > first && last - first > most) {
                most = last - first;
                phase = (start - offset) & (unit - 1);
            }
        }
        offset += bytes;
    }
    return phase;
}

void hs_ranges_seal(struct hs_ranges *r)
{
    uint64_t offset = 0;

    if (r->sealed)
        return;
    for (size_t i = 0; i < r->count; i++) {
        uint64_t bytes = r->runs[i].bytes;

        r->runs[i].offset = offset;
        offset += bytes;
    }
    for (size_t i = 0; i < HS_END_RUNS; i++)
        r->runs[r->count + i] = (struct hs_run){.cpu = 0, .offset = offset};
    r->sealed = true;
}

void hs_ranges_unseal(struct hs_ranges *r)
{
    if (!r->sealed)
        return;
    for (size_t i = 0; i < r->count; i++)
        r->runs[i].bytes = r->runs[i + 1].offset - r->runs[i].offset;
    r->sealed = false;
}

void hs_ranges_destroy(struct hs_ranges *r)
{
    hs_sys.free(r->block);
    memset(r, 0, sizeof(*r));
}

uint64_t hs_ranges_run_bytes(const struct hs_ranges *r, size_t i)
{
    return r->sealed ? r->runs[i + 1].offset - r->runs[i].offset : r->runs[i].bytes;
}

size_t hs_ranges_find(const struct hs_ranges *r, uint64_t offset)
{
    size_t low = 0, high = r->count - 1;

    while (low < high) {
        size_t middle = high - (high - low) / 2;

        if (r->runs[middle].offset <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

size_t hs_ranges_given_index(const struct hs_ranges *r, const struct hs_host_range *list, size_t i)
{
    size_t index = 0;
    uint64_t end = 0;

    for (size_t run = 0; index < r->given; index++) {
        uint64_t start = (uintptr_t)list[index].base & ~PAGE_MASK;

        if (index > 0 && start != end)
            run++;
        if (run == i)
            break;
        end = (uintptr_t)list[index].base + list[index].bytes;
    }
    return index;
}
