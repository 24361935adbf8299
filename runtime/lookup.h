/* SPDX-License-Identifier: MIT */
/*
 * Which run holds a window offset, and which window offset a host address has. An index over a
 * sealed list, built when first asked for, then only read: any number of threads at once, without a
 * lock.
 *
 * Both directions ask the same of a sequence of ascending numbers: which is the last one at or
 * below mine? One structure, the order, answers that. Only host addresses of lists whose memory
 * lies close together, in pages or blocks, have something cheaper: units.
 */
#ifndef HS_LOOKUP_H
#define HS_LOOKUP_H

#include <emmintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ranges.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HS_LINE_KEYS 16u
#define HS_KEY_BIAS (1u << 15)

/*
 * The span is cut into equal blocks. What a block has of the numbers' part of it, from its first
 * number to its last one, is cut into equal buckets, as many as suit their count: where they are
 * spread evenly 4 to 8 of them share a bucket. A bucket knows its first number's position. Of each
 * number the key keeps the 16 bits that tell where in its bucket it is: exactly, if the bucket has
 * at most 2^16 pages. In wider ones numbers that are close together may look alike; the true answer
 * is then before the one found.
 */
struct hs_block {
    uint64_t first, extent; /* number, from the lowest one on; distance of the last one */
    uint32_t bucket;        /* number of the first one */
    uint8_t shift;          /* of a bucket */
    uint8_t key_shift;      /* of the 16 bits */
};

struct hs_order {
    uint64_t lowest;
    unsigned shift;      /* of a block */
    unsigned unit_shift; /* of offsets alone; not 0: there is nothing else, see below */
    struct hs_block *blocks;
    uint32_t *first; /* buckets + 1: position of the first number in it or after it */
    int16_t *keys;   /* less 2^15, because SSE2 compares signed numbers only */
};

/*
 * Window offsets: each fourth run's is in the order. But if the runs are of one size, a power of
 * two, up to three that neighbours make longer and a last one that is shorter, the number of the
 * unit that holds an offset is the run's number or up to three more.
 */
#define HS_GROUP_RUNS (HS_END_RUNS + 1)

/* 64 units of the span, and how many are there before them. */
struct hs_unit_group {
    uint64_t bits;
    uint64_t before;
};

/*
 * Host addresses. Units, if every run is a multiple of one and few lie between runs: a bit for each
 * unit of the span, and the window offset of each that is there. Otherwise the order of the runs'
 * starts; where runs overlap, of the pieces of memory that belong to one run, the one with the
 * lowest offset there.
 */
struct hs_host_index {
    struct hs_order order;
    uint64_t span;
    uint32_t *runs;   /* by ascending address; null: the list itself ascends */
    uint64_t *starts; /* of the pieces; null where no runs overlap: a piece is a run */

    struct hs_unit_group *groups; /* null: use the order, of which units need lowest only */
    uint32_t *offsets;            /* in units */
    unsigned unit_shift;
};

/* Null with a text if there is no memory. The first is one allocation, which hs_sys.free() frees.
 */
struct hs_order *hs_offset_index_build(const struct hs_ranges *r);
struct hs_host_index *hs_host_index_build(const struct hs_ranges *r);
void hs_host_index_free(struct hs_host_index *index);

/* The run that holds an offset below window_bytes. order may be null: a plain binary search then.
 */
size_t hs_lookup_offset(const struct hs_ranges *r, const struct hs_order *order, uint64_t offset);

/* True and the lowest window offset of a host address, if the list holds it. */
bool hs_lookup_host(const struct hs_ranges *r, const struct hs_host_index *index, uint64_t address,
                    uint64_t *offset);

/*
 * The same without a call and, all in all, in some fifty instructions: how many fit a processor's
 * window decides how many lookups wait for memory at the same time. False where that does not do.
 */

/*
 * The position of the last number at or below one that is not below the lowest, or a later one.
 * Starts to load what beside holds at the bucket's positions, unless it is null.
 */
static inline size_t hs_order_find(const struct hs_order *order, uint64_t number,
                                   const uint32_t *beside)
{
    uint64_t at = number - order->lowest;
    const struct hs_block *block = &order->blocks[at >> order->shift];
    /* Before the block's first number: beyond the last one. */
    uint64_t in = at - block->first < block->extent ? at - block->first : block->extent;
    const uint32_t *bucket = &order->first[block->bucket + (in >> block->shift)];
    size_t first = bucket[0], count = bucket[1] - first;
    int16_t key = (int16_t)((in >> block->key_shift) - HS_KEY_BIAS);
    const __m128i *keys;
    __m128i all;
    unsigned above;

    if (beside)
        __builtin_prefetch(&beside[first]);
    while (__builtin_expect(count > HS_LINE_KEYS, 0)) {
        size_t half = count / 2;

        first += order->keys[first + half] <= key ? half : 0;
        count -= half;
    }
    keys = (const __m128i *)(const void *)&order->keys[first];
    all = _mm_set1_epi16(key);
    above = (unsigned)_mm_movemask_epi8(
        _mm_packs_epi16(_mm_cmpgt_epi16(_mm_loadu_si128(&keys[0]), all),
                        _mm_cmpgt_epi16(_mm_loadu_si128(&keys[1]), all)));
    /* Bit count ends the bucket. None at or below in there: the last one before it. */
    return first + (unsigned)__builtin_ctz(above | 1u << count) - 1;
}

static inline bool hs_lookup_offset_quick(const struct hs_ranges *r, const struct hs_order *order,
                                          uint64_t offset, size_t *run)
{
    const struct hs_run *group;
    size_t first;

    if (order->unit_shift) {
        first = offset >> order->unit_shift;
        first = first > HS_END_RUNS ? first - HS_END_RUNS : 0;
    } else {
        first = hs_order_find(order, offset, NULL) * HS_GROUP_RUNS;
    }
    group = &r->runs[first];

    *run = first + (group[1].offset <= offset) + (group[2].offset <= offset) +
           (group[3].offset <= offset);
    return group->offset <= offset;
}

/* The number of set bits; the baseline x86-64 has no instruction for it. */
static inline unsigned hs_count_bits(uint64_t bits)
{
    bits -= (bits >> 1) & 0x5555555555555555;
    bits = (bits & 0x3333333333333333) + ((bits >> 2) & 0x3333333333333333);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (unsigned)((bits * 0x0101010101010101) >> 56);
}

static inline size_t hs_unit_position(const struct hs_host_index *index, uint64_t unit)
{
    const struct hs_unit_group *group = &index->groups[unit / 64];

    return group->before + hs_count_bits(group->bits & ((1ull << unit % 64) - 1));
}

/* at: from the lowest address. False: the list does not hold it. */
static inline bool hs_lookup_unit(const struct hs_host_index *index, uint64_t at, uint64_t *offset)
{
    uint64_t unit = at >> index->unit_shift;

    if (!(index->groups[unit / 64].bits >> unit % 64 & 1))
        return false;
    *offset = ((uint64_t)index->offsets[hs_unit_position(index, unit)] << index->unit_shift) +
              (at & ((1ull << index->unit_shift) - 1));
    return true;
}

/* False: the list does not hold it, or that is not quickly told. */
static inline bool hs_lookup_host_quick(const struct hs_ranges *r,
                                        const struct hs_host_index *index, uint64_t address,
                                        uint64_t *offset)
{
    size_t position, run;

    if (address - index->order.lowest >= index->span)
        return false;
    if (index->groups)
        return hs_lookup_unit(index, address - index->order.lowest, offset);
    if (index->starts)
        return false;
    position = hs_order_find(&index->order, address, index->runs);
    run = index->runs ? index->runs[position] : position;
    *offset = r->runs[run].offset + (address - r->runs[run].cpu);
    return address >= r->runs[run].cpu && *offset < r->runs[run + 1].offset;
}

#ifdef __cplusplus
}
#endif

#endif
