/* SPDX-License-Identifier: MIT */
/*
 * A least-significant-digit radix sort (sort.h) of 64-bit keys: page number above, index below. Ten
 * times as fast as qsort() for a million runs, because it never compares and touches memory in few
 * streams.
 */
#include "sort.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "sys.h"

#define PAGE_SHIFT 12
#define RADIX_BITS 11
#define RADIX_SIZE (1u << RADIX_BITS)
#define FEW_BITS 6u
#define FEW_KEYS 96u /* counting digits costs more than it saves */
#define MAX_DIGITS 5 /* page numbers have at most 52 bits; HS_MAX_RANGES fits 32 */

/*
 * Few keys: into buckets by their highest bits, which leaves little to move, then by insertion.
 * Whole keys are compared: what lies below the digits decides between equals, as their order did.
 */
static void sort_few(uint64_t **keys, uint64_t **scratch, size_t count, unsigned top_bit)
{
    unsigned shift = top_bit > FEW_BITS ? top_bit - FEW_BITS : 0;
    uint64_t *from = *keys, *to = *scratch;
    uint8_t places[(1u << FEW_BITS) + 1] = {0};

    for (size_t i = 0; i < count; i++)
        places[(from[i] >> shift) + 1]++;
    for (size_t v = 1; v < 1u << FEW_BITS; v++)
        places[v] = (uint8_t)(places[v] + places[v - 1]);
    for (size_t i = 0; i < count; i++)
        to[places[from[i] >> shift]++] = from[i];
    for (size_t i = 1; i < count; i++) {
        uint64_t key = to[i];
        size_t at = i;

        for (; at > 0 && to[at - 1] > key; at--)
            to[at] = to[at - 1];
        to[at] = key;
    }
    *keys = to;
    *scratch = from;
}

/*
 * Sorts keys by the digits in [low_bit, low_bit + bits), least significant first; the result is in
 * *keys. All digits are counted in one pass; a digit that is the same everywhere costs no pass of
 * its own.
 */
static void radix_sort(uint64_t **keys, uint64_t **scratch, size_t count, unsigned low_bit,
                       unsigned bits)
{
    uint32_t places[MAX_DIGITS][RADIX_SIZE];
    unsigned digits = (bits + RADIX_BITS - 1) / RADIX_BITS;

    if (count <= FEW_KEYS) {
        sort_few(keys, scratch, count, low_bit + bits);
        return;
    }
    memset(places, 0, digits * sizeof(places[0]));
    for (size_t i = 0; i < count; i++) {
        uint64_t key = (*keys)[i] >> low_bit;

        for (unsigned d = 0; d < digits; d++, key >>= RADIX_BITS)
            places[d][key & (RADIX_SIZE - 1)]++;
    }
    for (unsigned d = 0; d < digits; d++) {
        unsigned shift = low_bit + d * RADIX_BITS;
        uint64_t *from = *keys, *to = *scratch;
        uint32_t sum = 0;

        if (places[d][(from[0] >> shift) & (RADIX_SIZE - 1)] == count)
            continue;
        for (size_t v = 0; v < RADIX_SIZE; v++) {
            uint32_t n = places[d][v];

            places[d][v] = sum;
            sum += n;
        }
        for (size_t i = 0; i < count; i++)
            to[places[d][(from[i] >> shift) & (RADIX_SIZE - 1)]++] = from[i];
        *keys = to;
        *scratch = from;
    }
}

static unsigned bits_for(uint64_t value)
{
    return value ? 64 - (unsigned)__builtin_clzll(value) : 0;
}

int hs_sort_runs(const struct hs_ranges *r, uint64_t lowest, uint64_t highest, uint32_t *order)
{
    unsigned index_bits = bits_for(r->count - 1);
    unsigned page_bits = bits_for((highest - lowest) >> PAGE_SHIFT);
    uint64_t index_mask = (1ull << index_bits) - 1;
    uint64_t *block, *keys, *scratch;

    if (index_bits + page_bits > 64)
        return hs_error(-EINVAL, "too many ranges (%zu) over too wide an address span", r->count);
    block = hs_alloc_array(0, 2 * r->count * sizeof(*block));
    if (!block)
        return hs_error(-ENOMEM, "no memory to sort %zu ranges", r->count);
    keys = block;
    scratch = block + r->count;
    for (size_t i = 0; i < r->count; i++)
        keys[i] = ((r->runs[i].cpu - lowest) >> PAGE_SHIFT) << index_bits | i;
    radix_sort(&keys, &scratch, r->count, index_bits, page_bits);
    for (size_t i = 0; i < r->count; i++)
        order[i] = (uint32_t)(keys[i] & index_mask);
    hs_sys.free(block);
    return 0;
}

int hs_sort_find_overlap(const struct hs_ranges *r, uint64_t *addr)
{
    unsigned page_bits = bits_for((r->highest - r->lowest) >> PAGE_SHIFT);
    unsigned size_bits = 64 - page_bits; /* less than 64: a span has at least one page */
    uint64_t size_mask = ~0ull >> page_bits, previous_end = 0;
    uint64_t *block, *keys, *scratch;
    int err = 0;

    *addr = 0;
    block = hs_alloc_array(0, 2 * r->count * sizeof(*block));
    if (!block)
        return hs_error(-ENOMEM, "no memory for the overlap check of %zu ranges", r->count);
    keys = block;
    scratch = block + r->count;
    for (size_t i = 0; i < r->count && !err; i++) {
        uint64_t pages = r->runs[i].bytes >> PAGE_SHIFT;

        /* The start sorts; the size travels along, so that the list need not be read again. */
        keys[i] = (r->runs[i].cpu - r->lowest) >> PAGE_SHIFT << size_bits | pages;
        if (pages > size_mask)
            err = -ERANGE;
    }
    if (!err)
        radix_sort(&keys, &scratch, r->count, size_bits, page_bits);
    for (size_t i = 0; i < r->count && !err && !*addr; i++) {
        uint64_t page = keys[i] >> size_bits;

        if (page < previous_end)
            *addr = r->lowest + (page << PAGE_SHIFT);
        previous_end = page + (keys[i] & size_mask);
    }
    hs_sys.free(block);
    return err;
}
